/* A file to a model: nodes in their order, each folded where all that it reads is constant, else
 * mapped to statements. */
#include "onnx/import.h"

#include "onnx/inputs.h"
#include "onnx/map.h"
#include "io/reader.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Attributes ------------------------------------------------------------------------------ */

int64_t dg_attr_i(const dg_step *s, const char *name, int64_t preset)
{
    const dg_onnx_attr *a = dg_onnx_attr_find(s->node, name);
    return a ? a->i : preset;
}

double dg_attr_f(const dg_step *s, const char *name, double preset)
{
    const dg_onnx_attr *a = dg_onnx_attr_find(s->node, name);
    return a ? a->f : preset;
}

const char *dg_attr_s(const dg_step *s, const char *name, const char *preset)
{
    const dg_onnx_attr *a = dg_onnx_attr_find(s->node, name);
    return a ? a->s : preset;
}

bool dg_step_has(const dg_step *s, int k)
{
    return k >= 0 && k < s->n_in && s->in[k];
}

int dg_step_ints(dg_import *m, const dg_step *s, const char *attr, int k, int b, int64_t to[],
                 int most)
{
    const dg_onnx_attr *a = attr ? dg_onnx_attr_find(s->node, attr) : NULL;
    const dg_onnx_array *given = dg_step_has(s, k) ? s->in[k]->fixed[b] : NULL;
    int64_t n = a ? a->n_ints : given ? given->count : -1;
    if (n > most)
        dg_onnx_fail(m, DG_EMODEL, "%s '%s' has a list of %lld numbers", s->node->op, s->node->name,
                     (long long)n);
    for (int64_t i = 0; i < n; i++)
        to[i] = a ? a->ints[i] : dg_onnx_whole(given, i);
    return (int)n;
}

int dg_step_axis(int64_t axis, int rank)
{
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

void dg_onnx_same(dg_onnx_value *to, const dg_onnx_value *from)
{
    const char *name = to->name;
    *to = *from;
    to->name = name;
}

int dg_onnx_root(const dg_onnx_array *a, int64_t i, int64_t *element)
{
    *element = a->from ? a->from[i] : i;
    return a->root_of ? a->root_of[i] : a->root;
}

int dg_onnx_said(const dg_import *m, int root)
{
    if (!m->proto->constants || root < 0)
        return -1;
    return dg_dict_find(&m->constants, m->roots[root]->name) == NULL;
}

bool dg_onnx_trains(const dg_import *m, const dg_onnx_value *v)
{
    const dg_onnx_array *a = v ? v->fixed[0] : NULL;
    if (a && !a->integer && a->root >= 0 && dg_onnx_said(m, a->root) >= 0)
        return dg_onnx_said(m, a->root) == 1;
    if (!a || a->integer || a->root < 0 || a->count < 2)
        return false;
    bool itself = strcmp(v->name, m->roots[a->root]->name) == 0 || a->own || a->gathered;
    for (int64_t i = 0; i < a->count && itself; i++)
        itself = fabs(dg_onnx_real(a, i)) <= 1e9; /* what is larger is a mask */
    return itself;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static dg_onnx_value *find_value(const dg_onnx_scope *scope, const char *name)
{
    for (; scope; scope = scope->outer) {
        dg_onnx_value *v = dg_dict_find(&scope->values, name);
        if (v)
            return v;
    }
    return NULL;
}

static dg_onnx_value *add_value(dg_import *m, dg_onnx_scope *scope, const char *name)
{
    dg_onnx_value *v = dg_heap_take(&m->heap, 1, sizeof *v);
    v->name = name;
    if (*name && find_value(scope, name))
        dg_onnx_fail(m, DG_EDATA, "two values are called '%s'", name);
    if (*name)
        dg_dict_put(&m->heap, &scope->values, name, v);
    return v;
}

static dg_onnx_value *add_tensor(dg_import *m, dg_onnx_scope *scope, const char *name,
                                 const dg_onnx_tensor *t)
{
    dg_onnx_value *v = add_value(m, scope, name);
    const dg_onnx_array *a = dg_onnx_array_of(m, t);
    if (!a->integer) {
        m->roots = dg_heap_grow(&m->heap, m->roots, m->n_roots, &m->room_roots, sizeof *m->roots);
        ((dg_onnx_array *)(uintptr_t)a)->root = m->n_roots;
        m->roots[m->n_roots++] = v;
    }
    v->integer = a->integer;
    v->fixed[0] = v->fixed[1] = a;
    return v;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static int64_t version_of(const dg_import *m, const char *domain)
{
    for (int i = 0; i < m->proto->n_opsets; i++) {
        const char *d = m->proto->opsets[i].domain;
        if (strcmp(strcmp(d, "ai.onnx") == 0 ? "" : d, domain) == 0)
            return m->proto->opsets[i].version;
    }
    return 1;
}

static dg_step make_step(dg_import *m, dg_onnx_scope *scope, const dg_onnx_node *n)
{
    const char *domain = strcmp(n->domain, "ai.onnx") == 0 ? "" : n->domain;
    dg_step s = {.node = n, .version = version_of(m, domain), .n_in = n->n_in, .n_out = n->n_out};
    s.in = dg_heap_take(&m->heap, (size_t)n->n_in, sizeof *s.in);
    s.out = dg_heap_take(&m->heap, (size_t)n->n_out, sizeof *s.out);
    for (int i = 0; i < n->n_in; i++) {
        s.in[i] = *n->in[i] ? find_value(scope, n->in[i]) : NULL;
        if (*n->in[i] && !s.in[i])
            dg_onnx_fail(m, DG_EDATA, "%s '%s' reads '%s', which nothing before it gives", n->op,
                         n->name, n->in[i]);
    }
    for (int i = 0; i < n->n_out; i++)
        s.out[i] = *n->out[i] ? add_value(m, scope, n->out[i]) : NULL;
    return s;
}

static void make_unknown(const dg_step *s)
{
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i])
            s->out[i]->unknown = true;
}

/* A Constant: its tensor, a number or a list. */
static bool read_constant(dg_import *m, dg_onnx_scope *scope, const dg_onnx_node *n)
{
    const dg_onnx_attr *a = n->n_attrs == 1 && n->n_out == 1 ? &n->attrs[0] : NULL;
    if (a && strcmp(a->name, "value") == 0 && a->t) {
        add_tensor(m, scope, n->out[0], a->t);
        return true;
    }
    bool one = a && (strcmp(a->name, "value_int") == 0 || strcmp(a->name, "value_float") == 0);
    bool ints = a && strncmp(a->name, "value_int", 9) == 0;
    bool floats = a && strncmp(a->name, "value_float", 11) == 0;
    dg_step s = make_step(m, scope, n);
    if (!ints && !floats)
        return dg_onnx_refuse(m, &s, "without a tensor, a number or a list of them");
    int64_t count = one ? 1 : ints ? a->n_ints : a->n_floats;
    dg_onnx_array *to = dg_onnx_array_new(m, ints, one ? 0 : 1, &count, false);
    for (int64_t i = 0; i < count; i++) {
        if (ints)
            dg_onnx_wholes(to)[i] = one ? a->i : a->ints[i];
        else
            dg_onnx_reals(to)[i] = one ? a->f : a->floats[i];
    }
    s.out[0]->integer = ints;
    s.out[0]->fixed[0] = s.out[0]->fixed[1] = to;
    return true;
}

static bool all_fixed(const dg_step *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i] && !s->in[i]->fixed[0])
            return false;
    return true;
}

static bool same_in_both(const dg_step *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i] && (!s->in[i]->fixed[0] || s->in[i]->fixed[0] != s->in[i]->fixed[1]))
            return false;
    return true;
}

/* What is computed of weights alone is left to the model, where the operator has weights. */
static bool is_weighted(const dg_import *m, const dg_step *s)
{
    static const char *const ops[] = {"Add", "Sub", "Mul", "MatMul", "Gemm", "Conv"};
    bool listed = false, trains = false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        listed |= strcmp(ops[i], s->node->op) == 0;
    for (int i = 0; i < s->n_in && listed; i++)
        trains |= dg_onnx_trains(m, s->in[i]);
    return trains;
}

/* Of CastLike only the type of the second input matters. */
static bool casts_constant(const dg_step *s)
{
    return strcmp(s->node->op, "CastLike") == 0 && s->n_in == 2 && s->in[0] && s->in[0]->fixed[0];
}

/* A sequence is for SequenceAt, which takes no other value. */
static bool takes_sequence(const dg_step *s, const dg_onnx_op *op)
{
    for (int i = 0; i < s->n_in; i++) {
        bool wanted = i == 0 && op->map == dg_map_sequence_at;
        if (s->in[i] && (s->in[i]->items != NULL) != wanted)
            return false;
    }
    return true;
}

/* Only the shape of its input matters. */
static bool reads_shape(const dg_step *s)
{
    bool shape = strcmp(s->node->op, "Shape") == 0 || strcmp(s->node->op, "Size") == 0;
    return shape && s->n_in == 1 && s->in[0];
}

static bool fold(dg_import *m, const dg_step *s, const dg_onnx_op *op)
{
    bool once = same_in_both(s) && !reads_shape(s);
    for (int b = 0; b < (once ? 1 : DG_BINDINGS); b++)
        if (!op->fold(m, s, b))
            return false;
    for (int i = 0; i < s->n_out; i++) {
        if (s->out[i] && once)
            s->out[i]->fixed[1] = s->out[i]->fixed[0];
        if (s->out[i] && s->out[i]->fixed[0])
            s->out[i]->integer = s->out[i]->fixed[0]->integer;
    }
    return true;
}

/* Most operators are mapped from a value of the model: a constant becomes one. */
static void hold_first(dg_import *m, const dg_step *s, const dg_onnx_op *op)
{
    dg_mapping *const taking[] = {dg_map_pair,   dg_map_sum,     dg_map_pow,
                                  dg_map_matmul, dg_map_gemm,    dg_map_gather,
                                  dg_map_concat, dg_map_compare, dg_map_where};
    for (size_t i = 0; i < sizeof taking / sizeof *taking; i++)
        if (op->map == taking[i])
            return;
    if (s->in[0]->fixed[0])
        s->in[0] = (dg_onnx_value *)(uintptr_t)dg_onnx_held(
            m, s->in[0], dg_heap_printf(&m->heap, "input of %s", s->node->op));
}

/* An operator that is not there is counted. */
static const dg_onnx_op *find_op(dg_import *m, const dg_step *s)
{
    const dg_onnx_op *op = dg_onnx_op_find(s->node->domain, s->node->op);
    const char *domain = s->node->domain, *dot = *domain ? "." : "";
    if (!op)
        dg_dict_count(&m->heap, &m->missing,
                      dg_heap_printf(&m->heap, "%s%s%s", domain, dot, s->node->op));
    return op;
}

static void run_node(dg_import *m, const dg_step *s)
{
    const dg_onnx_op *op = find_op(m, s);
    bool known = op != NULL, given = s->n_out > 0 && s->out[0];
    for (int i = 0; i < s->n_in; i++)
        known &= !(s->in[i] && s->in[i]->unknown);
    given |= known && op->map == dg_map_recurrent; /* its first result may be left out */
    for (int i = 0; known && i < op->needs; i++)
        given &= dg_step_has(s, i);
    if (!known) {
        make_unknown(s);
        return;
    }
    if (!given) {
        dg_onnx_refuse(m, s, "without its inputs or its result");
        return;
    }
    bool constant = all_fixed(s) || reads_shape(s) || casts_constant(s);
    if (!takes_sequence(s, op)) {
        dg_onnx_refuse(m, s, "of a sequence, or of what is none");
    } else if (op->fold && constant && !(op->map && is_weighted(m, s))) {
        fold(m, s, op);
    } else if (op->map) {
        hold_first(m, s, op);
        op->map(m, s);
    } else {
        dg_onnx_refuse(m, s, "of values that the input decides");
    }
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] && !s->out[i]->fixed[0] && !s->out[i]->dag && !s->out[i]->items)
            s->out[i]->unknown = true; /* an output that no statement gives */
}

static void run_graph(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g, int depth);

/* An If whose condition is constant is its branch. */
static void run_if(dg_import *m, dg_onnx_scope *scope, const dg_onnx_node *n, int depth)
{
    dg_step s = make_step(m, scope, n);
    const dg_onnx_array *c = dg_step_has(&s, 0) ? s.in[0]->fixed[0] : NULL;
    bool same = c && c->count == 1 && s.in[0]->fixed[1]->count == 1 &&
                dg_onnx_whole(c, 0) == dg_onnx_whole(s.in[0]->fixed[1], 0);
    const dg_onnx_attr *a =
        same ? dg_onnx_attr_find(n, dg_onnx_whole(c, 0) ? "then_branch" : "else_branch") : NULL;
    if (!a || !a->g || a->g->n_outputs != n->n_out) {
        dg_onnx_refuse(m, &s, "whose condition the input decides");
        return;
    }
    dg_onnx_scope *inner = dg_heap_take(&m->heap, 1, sizeof *inner);
    inner->outer = scope;
    run_graph(m, inner, a->g, depth + 1);
    for (int i = 0; i < n->n_out; i++) {
        const dg_onnx_value *v = find_value(inner, a->g->outputs[i].name);
        if (!v)
            dg_onnx_fail(m, DG_EDATA, "a branch of If '%s' does not give '%s'", n->name,
                         a->g->outputs[i].name);
        if (s.out[i])
            dg_onnx_same(s.out[i], v);
    }
}

static void run_graph(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g, int depth)
{
    for (int i = 0; i < g->n_tensors; i++)
        add_tensor(m, scope, g->tensors[i].name, &g->tensors[i]);
    if (g->n_sparse)
        dg_onnx_fail(m, DG_EMODEL, "sparse initialisers are not read");
    if (depth == 0)
        dg_onnx_inputs(m, scope, g);
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_node *n = &g->nodes[i];
        if (strcmp(n->op, "Constant") == 0 && !*n->domain)
            read_constant(m, scope, n);
        else if (strcmp(n->op, "If") == 0 && !*n->domain)
            run_if(m, scope, n, depth);
        else {
            dg_step s = make_step(m, scope, n);
            run_node(m, &s);
        }
    }
}

dg_onnx_value *dg_onnx_add_value(dg_import *m, dg_onnx_scope *scope, const char *name)
{
    return add_value(m, scope, name);
}

dg_onnx_value *dg_onnx_find_value(const dg_onnx_scope *scope, const char *name)
{
    return find_value(scope, name);
}

/* ---- A whole file ---------------------------------------------------------------------------- */

static void count_uses(dg_import *m, const dg_onnx_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            if (*n->in[k])
                dg_dict_count(&m->heap, &m->uses, n->in[k]);
        for (int k = 0; k < n->n_attrs; k++)
            if (n->attrs[k].g)
                count_uses(m, n->attrs[k].g);
    }
}

/* The names that a file of dagrad lists, a line each. */
static void read_constants(dg_import *m)
{
    for (const char *at = m->proto->constants; at && *at;) {
        size_t n = strcspn(at, "\n");
        dg_dict_put(&m->heap, &m->constants, dg_heap_copy(&m->heap, at, n), m);
        at += n + (at[n] != 0);
    }
}

/* Names and how often they occur, as one text. */
static const char *counted(dg_import *m, const dg_dict *d)
{
    const char *text = "";
    for (int i = 0; i < d->n && strlen(text) < 500; i++) {
        int n = *(int *)dg_dict_find(d, d->order[i]);
        text = dg_heap_printf(&m->heap, "%s%s%s", text, i ? ", " : "", d->order[i]);
        if (n > 1)
            text = dg_heap_printf(&m->heap, "%s (%d times)", text, n);
    }
    return text;
}

static void check_missing(dg_import *m)
{
    const char *missing = counted(m, &m->missing), *refused = counted(m, &m->refused);
    if (*missing)
        dg_onnx_fail(m, DG_EMODEL, "%s not read here: %s%s%s",
                     m->missing.n == 1 ? "this operator is" : "these operators are", missing,
                     *refused ? "; and: " : "", refused);
    if (*refused && m->old_batch)
        dg_onnx_fail(m, DG_EMODEL,
                     "%s; the file fixes the batch at %" PRId64 ", and not all of it fits another "
                     "one: export it with a free batch, or --fixed reads it as it is",
                     refused, m->old_batch);
    if (*refused)
        dg_onnx_fail(m, DG_EMODEL, "%s", refused);
}

static void check_file(dg_import *m, const dg_onnx_proto *p)
{
    if (p->n_functions)
        dg_onnx_fail(m, DG_EMODEL, "functions of the file's own are not read; inline them");
    if (p->n_training)
        dg_onnx_fail(m, DG_EMODEL, "training_info is not read");
    if (p->ir < 1 || p->ir > 64 || p->n_opsets == 0)
        dg_onnx_fail(m, DG_EDATA, "it names no version: is this an ONNX file?");
}

/* Batch norms that the exporter folded into other nodes: the newer one of PyTorch notes it, of the
 * older one the weights have lost their names. */
static int count_folded(const dg_onnx_graph *g)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_onnx_node *node = &g->nodes[i];
        n += node->folded || (node->n_in > 1 && strncmp(node->in[1], "onnx::Conv", 10) == 0);
    }
    return n;
}

typedef struct {
    dg_import *m;
    dg_onnx *out;
    const void *bytes;
    size_t size;
} task;

static void import(void *work)
{
    const task *t = work;
    dg_import *m = t->m;
    const char *wrong = NULL;
    m->proto = dg_onnx_proto_read(&m->heap, t->bytes, t->size, &wrong);
    if (!m->proto)
        dg_onnx_fail(m, DG_EDATA, "%s", wrong);
    check_file(m, m->proto);
    m->top = dg_heap_take(&m->heap, 1, sizeof *m->top);
    count_uses(m, m->proto->graph);
    read_constants(m);
    run_graph(m, m->top, m->proto->graph, 0);
    check_missing(m);
    dg_onnx_outputs(m, m->top, m->proto->graph, t->out);
    check_missing(m);
    dg_onnx_finish(m, t->out);
    t->out->nodes = m->proto->graph->n_nodes;
    t->out->naive = m->naive;
    t->out->batchnorms = m->batchnorms;
    t->out->folded = count_folded(m->proto->graph);
    t->out->untied = m->untied;
    t->out->twins = m->twins;
}

/* ---- Memory: 64 MiB and four times the file, and what was generated -------------------------- */

static void *limited_alloc(void *user, size_t bytes)
{
    dg_import *m = user;
    size_t *p = bytes > m->most - m->used ? NULL : malloc(bytes + 64);
    if (!p)
        return NULL;
    *p = bytes;
    m->used += bytes;
    return (char *)p + 64;
}

static void limited_free(void *user, void *memory)
{
    dg_import *m = user;
    size_t *p = (size_t *)(uintptr_t)((char *)memory - 64);
    m->used -= *p;
    free(p);
}

static dg_onnx *no_memory(dg_diag *why)
{
    dg_diag_set(why, DG_EMEMORY, "out of memory");
    return NULL;
}

dg_onnx *dg_onnx_read_memory(const void *bytes, size_t size, const char *path,
                             const dg_onnx_options *options, dg_diag *why)
{
    static const dg_onnx_options none = {0};
    dg_diag own = {0};
    dg_import *m = calloc(1, sizeof *m);
    dg_onnx *out = calloc(1, sizeof *out);
    if (!m || !out) {
        free(m);
        free(out);
        return no_memory(why);
    }
    m->why = &own;
    m->path = path;
    m->options = options ? options : &none;
    m->most = ((size_t)64 << 20) + 4 * size;
    m->memory = (dg_memory){.user = m, .alloc = limited_alloc, .free = limited_free};
    m->heap.arena = dg_arena_make(&m->memory);
    out->inside = m;
    task t = {m, out, bytes, size};
    if (dg_heap_try(&m->heap, import, &t))
        return out;
    dg_diag_set(&own, DG_EDATA, "%s: to read it takes more than %zu MiB", path, m->most >> 20);
    if (why && why->code == DG_OK)
        *why = own;
    dg_onnx_free(out);
    return NULL;
}

void dg_onnx_free(dg_onnx *net)
{
    dg_import *m = net ? net->inside : NULL;
    if (!m)
        return;
    dg_arena_free(&m->heap.arena);
    free(m->file);
    free(m);
    free(net);
}

dg_onnx *dg_onnx_read(const char *path, const dg_onnx_options *options, dg_diag *why)
{
    dg_reader *r = NULL;
    char *bytes = NULL;
    size_t n = 0;
    dg_status s = dg_reader_open(&r, path, DG_READ_RAW, why);
    if (s == DG_OK)
        s = dg_reader_rest(r, &bytes, &n);
    dg_reader_close(r);
    dg_onnx *net = s == DG_OK ? dg_onnx_read_memory(bytes, n, path, options, why) : NULL;
    if (!net) {
        free(bytes);
        return NULL;
    }
    dg_import *m = net->inside;
    m->file = bytes;
    m->file_size = n;
    return net;
}

int dg_is_onnx(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".onnx") == 0;
}
