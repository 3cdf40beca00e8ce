/* Messages of the format to structs, by the field numbers of onnx.proto. */
#include "onnx/proto.h"

#include "base/checked.h"
#include "onnx/wire.h"
#include <string.h>

/* A message being read: where failures go. */
typedef struct {
    dg_heap *heap;
    const char *wrong; /* the first failure; NULL: none */
} reading;

typedef struct {
    const uint8_t *bytes;
    size_t size;
} span;

static void fail(reading *r, const char *why)
{
    if (!r->wrong)
        r->wrong = why;
}

static span of(const dg_wire_field *f)
{
    return (span){f->bytes, f->size};
}

static const char *text(reading *r, span s)
{
    if (memchr(s.bytes, 0, s.size))
        fail(r, "a name holds a byte 0");
    return dg_heap_copy(r->heap, (const char *)s.bytes, s.size);
}

/* How often the fields 1 to 31 occur, those of bytes only. */
static void count(reading *r, span s, int n[32])
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    memset(n, 0, 32 * sizeof *n);
    while (dg_wire_next(&w, &f))
        if (f.number < 32 && f.type == DG_WIRE_BYTES)
            n[f.number]++;
    if (w.bad)
        fail(r, "a message is cut short or damaged");
}

/* ---- Repeated numbers: packed, or a field each ---------------------------------------------- */

enum { INTS, FLOATS };

static double float_of(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float x;
    memcpy(&x, &b, sizeof x);
    return (double)x;
}

/* Numbers of a field, into to where it is not NULL; their count. */
static int64_t numbers(reading *r, span s, uint32_t field, int kind, void *to)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    int64_t n = 0;
    while (dg_wire_next(&w, &f)) {
        if (f.number != field)
            continue;
        if (f.type != DG_WIRE_BYTES) {
            if (to && kind == INTS)
                ((int64_t *)to)[n] = (int64_t)f.value;
            else if (to)
                ((double *)to)[n] = float_of(f.value);
            n++;
            continue;
        }
        dg_wire p = dg_wire_of(f.bytes, f.size);
        uint64_t x;
        for (size_t i = 0; kind == FLOATS && i + 4 <= f.size; i += 4, n++) {
            x = (uint64_t)f.bytes[i] | (uint64_t)f.bytes[i + 1] << 8 |
                (uint64_t)f.bytes[i + 2] << 16 | (uint64_t)f.bytes[i + 3] << 24;
            if (to)
                ((double *)to)[n] = float_of(x);
        }
        while (kind == INTS && dg_wire_varint(&p, &x)) {
            if (to)
                ((int64_t *)to)[n] = (int64_t)x;
            n++;
        }
        if (p.bad || (kind == FLOATS && f.size % 4))
            fail(r, "a list of numbers is cut short");
    }
    return n;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

size_t dg_onnx_type_bytes(int type)
{
    switch (type) {
    case DG_ONNX_UINT8:
    case DG_ONNX_INT8:
    case DG_ONNX_BOOL:
        return 1;
    case DG_ONNX_FLOAT16:
    case DG_ONNX_BFLOAT16:
        return 2;
    case DG_ONNX_FLOAT:
    case DG_ONNX_INT32:
        return 4;
    case DG_ONNX_INT64:
    case DG_ONNX_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

const char *dg_onnx_type_name(int type)
{
    static const char *const names[] = {"none",       "float",   "uint8",  "int8",   "uint16",
                                        "int16",      "int32",   "int64",  "string", "bool",
                                        "float16",    "double",  "uint32", "uint64", "complex64",
                                        "complex128", "bfloat16"};
    return type >= 0 && type < (int)(sizeof names / sizeof *names) ? names[type]
                                                                   : "an unknown type";
}

/* location, offset, length of data in another file. */
static void read_external(reading *r, span s, dg_onnx_tensor *t)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    const char *key = "", *value = "";
    int64_t number = 0;
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_BYTES)
            key = text(r, of(&f));
        if (f.number == 2 && f.type == DG_WIRE_BYTES)
            value = text(r, of(&f));
    }
    bool wanted = strcmp(key, "offset") == 0 || strcmp(key, "length") == 0;
    for (const char *p = value; wanted && *p; p++)
        if (*p < '0' || *p > '9' || number > (INT64_MAX - 9) / 10)
            fail(r, "offset or length of external data is no number");
        else
            number = number * 10 + (*p - '0');
    if (strcmp(key, "location") == 0)
        t->location = value;
    else if (strcmp(key, "offset") == 0)
        t->offset = number;
    else if (strcmp(key, "length") == 0)
        t->length = number;
}

static void read_dims(reading *r, span s, dg_onnx_tensor *t)
{
    int64_t n = numbers(r, s, 1, INTS, NULL);
    if (n > DG_MAX_RANK) {
        fail(r, "a tensor has more than 8 axes");
        return;
    }
    t->rank = (int)n;
    numbers(r, s, 1, INTS, t->dim);
    t->count = 1;
    for (int i = 0; i < t->rank; i++)
        if (!dg_mul_i64(t->count, t->dim[i], &t->count))
            fail(r, "the size of a tensor overflows");
}

static void read_tensor(reading *r, span s, dg_onnx_tensor *t)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    *t = (dg_onnx_tensor){.name = "", .length = -1, .whole = s.bytes, .whole_size = s.size};
    read_dims(r, s, t);
    bool external = false;
    while (dg_wire_next(&w, &f)) {
        bool bytes = f.type == DG_WIRE_BYTES;
        if (f.number == 2 && !bytes)
            t->type = (int)f.value;
        else if (f.number == 8 && bytes)
            t->name = text(r, of(&f));
        else if (f.number == 13 && bytes)
            read_external(r, of(&f), t);
        else if (f.number == 14 && !bytes)
            external = f.value == 1;
        else if (f.number == 9 || (f.number >= 4 && f.number <= 7) || f.number == 10 ||
                 f.number == 11) {
            t->pieces +=
                bytes ? 1 : 2; /* a number on its own is no piece that can be read as one */
            t->field = f.number;
            t->bytes = f.bytes;
            t->size = f.size;
        }
    }
    if (w.bad)
        fail(r, "a tensor is cut short or damaged");
    if (external && !t->location)
        fail(r, "a tensor's external data have no location");
    if (!external)
        t->location = NULL;
}

bool dg_onnx_tensor_read(dg_heap *heap, const void *bytes, size_t size, dg_onnx_tensor *t,
                         const char **wrong)
{
    reading r = {.heap = heap};
    read_tensor(&r, (span){bytes, size}, t);
    *wrong = r.wrong;
    return !r.wrong;
}

/* ---- Attributes, nodes ----------------------------------------------------------------------- */

static dg_onnx_graph *read_graph(reading *r, span s, int depth);

static void read_lists(reading *r, span s, dg_onnx_attr *a)
{
    int64_t ints = numbers(r, s, 8, INTS, NULL), floats = numbers(r, s, 7, FLOATS, NULL);
    if (ints > INT32_MAX || floats > INT32_MAX) {
        fail(r, "a list of numbers is too long");
        return;
    }
    int64_t *to = dg_heap_take(r->heap, (size_t)ints, sizeof *to);
    double *real = dg_heap_take(r->heap, (size_t)floats, sizeof *real);
    numbers(r, s, 8, INTS, to);
    numbers(r, s, 7, FLOATS, real);
    a->n_ints = (int)ints;
    a->n_floats = (int)floats;
    a->ints = to;
    a->floats = real;
}

static void read_attr(reading *r, span s, dg_onnx_attr *a, int depth)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    *a = (dg_onnx_attr){.name = "", .s = ""};
    while (dg_wire_next(&w, &f)) {
        bool bytes = f.type == DG_WIRE_BYTES;
        if (f.number == 1 && bytes)
            a->name = text(r, of(&f));
        else if (f.number == 2 && !bytes)
            a->f = float_of(f.value);
        else if (f.number == 3 && !bytes)
            a->i = (int64_t)f.value;
        else if (f.number == 4 && bytes)
            a->s = dg_heap_copy(r->heap, (const char *)f.bytes, f.size);
        else if (f.number == 20 && !bytes)
            a->type = (int)f.value;
        else if (f.number == 9 && bytes && a->n_strings++ < 8)
            a->s = dg_heap_printf(r->heap, "%s%s,", a->s, text(r, of(&f)));
        else if (f.number == 6 && bytes)
            a->g = read_graph(r, of(&f), depth + 1);
        else if (f.number == 5 && bytes) {
            dg_onnx_tensor *t = dg_heap_take(r->heap, 1, sizeof *t);
            read_tensor(r, of(&f), t);
            a->t = t;
        }
    }
    if (w.bad)
        fail(r, "an attribute is cut short or damaged");
    read_lists(r, s, a);
}

/* PyTorch's exporter notes which of its rules have rewritten a node. */
static bool says_folded(reading *r, span s)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    bool rule = false, folded = false;
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_BYTES)
            rule = strcmp(text(r, of(&f)), "pkg.onnxscript.rewriter.rule_name") == 0;
        if (f.number == 2 && f.type == DG_WIRE_BYTES && rule)
            folded = strstr(text(r, of(&f)), "FuseBatchNorm") != NULL;
    }
    return folded;
}

static void read_node(reading *r, span s, dg_onnx_node *n, int depth)
{
    int times[32], attr = 0;
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    count(r, s, times);
    *n = (dg_onnx_node){.name = "", .op = "", .domain = ""};
    n->in = dg_heap_take(r->heap, (size_t)times[1], sizeof *n->in);
    n->out = dg_heap_take(r->heap, (size_t)times[2], sizeof *n->out);
    n->attrs = dg_heap_take(r->heap, (size_t)times[5], sizeof *n->attrs);
    while (dg_wire_next(&w, &f)) {
        if (f.type != DG_WIRE_BYTES)
            continue;
        if (f.number == 1)
            n->in[n->n_in++] = text(r, of(&f));
        else if (f.number == 2)
            n->out[n->n_out++] = text(r, of(&f));
        else if (f.number == 3)
            n->name = text(r, of(&f));
        else if (f.number == 4)
            n->op = text(r, of(&f));
        else if (f.number == 7)
            n->domain = text(r, of(&f));
        else if (f.number == 9)
            n->folded |= says_folded(r, of(&f));
        else if (f.number == 5 && !r->wrong)
            read_attr(r, of(&f), &n->attrs[attr++], depth);
    }
    n->n_attrs = attr;
}

const dg_onnx_attr *dg_onnx_attr_find(const dg_onnx_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

/* A dimension: a number, a name, or nothing. */
static void read_dimension(reading *r, span s, dg_onnx_port *p, int k)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    p->dim[k] = -1;
    p->free[k] = "";
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_VARINT)
            p->dim[k] = (int64_t)f.value;
        if (f.number == 2 && f.type == DG_WIRE_BYTES)
            p->free[k] = text(r, of(&f));
    }
    if (p->dim[k] <= 0) /* exporters write 0 and -1 too */
        p->dim[k] = -1;
}

static void read_shape(reading *r, span s, dg_onnx_port *p)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    p->rank = 0;
    while (dg_wire_next(&w, &f)) {
        if (f.number != 1 || f.type != DG_WIRE_BYTES)
            continue;
        if (p->rank == DG_MAX_RANK) {
            fail(r, "an input or output has more than 8 axes");
            return;
        }
        read_dimension(r, of(&f), p, p->rank++);
    }
}

/* TypeProto, its tensor_type (1). */
static void read_type(reading *r, span s, dg_onnx_port *p, int depth)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    while (dg_wire_next(&w, &f)) {
        if (depth == 0 && f.number == 1 && f.type == DG_WIRE_BYTES)
            read_type(r, of(&f), p, 1);
        else if (depth == 1 && f.number == 1 && f.type == DG_WIRE_VARINT)
            p->type = (int)f.value;
        else if (depth == 1 && f.number == 2 && f.type == DG_WIRE_BYTES)
            read_shape(r, of(&f), p);
    }
}

static void read_port(reading *r, span s, dg_onnx_port *p)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    *p = (dg_onnx_port){.name = "", .rank = -1};
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_BYTES)
            p->name = text(r, of(&f));
        if (f.number == 2 && f.type == DG_WIRE_BYTES)
            read_type(r, of(&f), p, 0);
    }
}

/* ---- Graph, model ---------------------------------------------------------------------------- */

static dg_onnx_graph *read_graph(reading *r, span s, int depth)
{
    int times[32];
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    dg_onnx_graph *g = dg_heap_take(r->heap, 1, sizeof *g);
    g->name = "";
    count(r, s, times);
    if (depth > DG_ONNX_DEPTH)
        fail(r, "graphs within graphs, more than 32 deep");
    if (r->wrong)
        return g;
    g->nodes = dg_heap_take(r->heap, (size_t)times[1], sizeof *g->nodes);
    g->tensors = dg_heap_take(r->heap, (size_t)times[5], sizeof *g->tensors);
    g->inputs = dg_heap_take(r->heap, (size_t)times[11], sizeof *g->inputs);
    g->outputs = dg_heap_take(r->heap, (size_t)times[12], sizeof *g->outputs);
    g->n_sparse = times[15];
    while (!r->wrong && dg_wire_next(&w, &f)) {
        if (f.type != DG_WIRE_BYTES)
            continue;
        if (f.number == 1)
            read_node(r, of(&f), &g->nodes[g->n_nodes++], depth);
        else if (f.number == 2)
            g->name = text(r, of(&f));
        else if (f.number == 5)
            read_tensor(r, of(&f), &g->tensors[g->n_tensors++]);
        else if (f.number == 11)
            read_port(r, of(&f), &g->inputs[g->n_inputs++]);
        else if (f.number == 12)
            read_port(r, of(&f), &g->outputs[g->n_outputs++]);
    }
    return g;
}

static void read_opset(reading *r, span s, dg_onnx_opset *o)
{
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    *o = (dg_onnx_opset){.domain = ""};
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_BYTES)
            o->domain = text(r, of(&f));
        if (f.number == 2 && f.type == DG_WIRE_VARINT)
            o->version = (int64_t)f.value;
    }
}

/* Of the properties the one that dagrad itself writes. */
static void read_property(reading *r, span s, dg_onnx_proto *m)
{
    static const char key[] = "dagrad.constants";
    dg_wire w = dg_wire_of(s.bytes, s.size);
    dg_wire_field f;
    bool mine = false;
    while (dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_BYTES)
            mine = f.size == sizeof key - 1 && memcmp(f.bytes, key, f.size) == 0;
        if (f.number == 2 && f.type == DG_WIRE_BYTES && mine)
            m->constants = text(r, of(&f));
    }
}

const dg_onnx_proto *dg_onnx_proto_read(dg_heap *heap, const void *bytes, size_t size,
                                        const char **wrong)
{
    int times[32];
    reading r = {.heap = heap};
    span s = {bytes, size};
    dg_wire w = dg_wire_of(bytes, size);
    dg_wire_field f;
    dg_onnx_proto *m = dg_heap_take(heap, 1, sizeof *m);
    m->producer = m->producer_version = "";
    count(&r, s, times);
    m->opsets = dg_heap_take(heap, (size_t)times[8], sizeof *m->opsets);
    m->n_functions = times[25];
    m->n_training = times[20];
    while (!r.wrong && dg_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == DG_WIRE_VARINT)
            m->ir = (int64_t)f.value;
        if (f.type != DG_WIRE_BYTES)
            continue;
        if (f.number == 2)
            m->producer = text(&r, of(&f));
        else if (f.number == 3)
            m->producer_version = text(&r, of(&f));
        else if (f.number == 7)
            m->graph = read_graph(&r, of(&f), 1);
        else if (f.number == 14)
            read_property(&r, of(&f), m);
        else if (f.number == 8)
            read_opset(&r, of(&f), &m->opsets[m->n_opsets++]);
    }
    if (!r.wrong && !m->graph)
        fail(&r, "it has no graph: is this an ONNX file?");
    *wrong = r.wrong;
    return r.wrong ? NULL : m;
}
