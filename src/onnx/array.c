/* Constants: their elements, in the file or in memory, and where these come from. */
#include "base/checked.h"
#include "onnx/external.h"
#include "onnx/import.h"
#include "onnx/wire.h"

#include <stdarg.h>
#include <string.h>

_Noreturn void dg_onnx_fail(dg_import *m, dg_status code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    va_end(args);
    dg_diag_set(m->why, code, "%s: %s", m->path, text);
    dg_heap_fail(&m->heap);
}

/* ---- Elements -------------------------------------------------------------------------------- */

static uint64_t bytes_of(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = n; i-- > 0;)
        x = x << 8 | p[i];
    return x;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE binary16. */
static double half_of(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, e = h >> 10 & 31, f = h & 1023;
    if (e == 31)
        return (double)float_of(sign | 0x7f800000 | f << 13);
    if (e > 0)
        return (double)float_of(sign | (e + 112) << 23 | f << 13);
    return (sign ? -1.0 : 1.0) * (double)f / 16777216.0;
}

static double real_in_file(const dg_onnx_tensor *t, int64_t i)
{
    const uint8_t *p = t->bytes + (size_t)i * dg_onnx_type_bytes(t->type);
    double x;
    switch (t->type) {
    case DG_ONNX_FLOAT:
        return (double)float_of((uint32_t)bytes_of(p, 4));
    case DG_ONNX_FLOAT16:
        return half_of((uint32_t)bytes_of(p, 2));
    case DG_ONNX_BFLOAT16:
        return (double)float_of((uint32_t)bytes_of(p, 2) << 16);
    default:
        memcpy(&x, &(uint64_t){bytes_of(p, 8)}, sizeof x);
        return x;
    }
}

static int64_t whole_in_file(const dg_onnx_tensor *t, int64_t i)
{
    const uint8_t *p = t->bytes + (size_t)i * dg_onnx_type_bytes(t->type);
    switch (t->type) {
    case DG_ONNX_INT8:
        return (int8_t)*p;
    case DG_ONNX_UINT8:
        return *p;
    case DG_ONNX_BOOL:
        return *p != 0;
    case DG_ONNX_INT32:
        return (int32_t)bytes_of(p, 4);
    default:
        return (int64_t)bytes_of(p, 8);
    }
}

double dg_onnx_real(const dg_onnx_array *a, int64_t i)
{
    if (a->integer)
        return (double)dg_onnx_whole(a, i);
    if (a->uniform)
        i = 0;
    return a->real ? a->real[i] : real_in_file(a->tensor, i);
}

int64_t dg_onnx_whole(const dg_onnx_array *a, int64_t i)
{
    if (a->uniform)
        i = 0;
    if (a->integer)
        return a->whole ? a->whole[i] : whole_in_file(a->tensor, i);
    return (int64_t)dg_onnx_real(a, i);
}

bool dg_onnx_is_uniform(const dg_onnx_array *a)
{
    bool same = true;
    for (int64_t i = 1; i < a->count && !a->uniform && same; i++)
        same = a->integer ? dg_onnx_whole(a, i) == dg_onnx_whole(a, 0)
                          : dg_onnx_real(a, i) == dg_onnx_real(a, 0);
    return same;
}

/* ---- New ones -------------------------------------------------------------------------------- */

static int64_t count_of(dg_import *m, int rank, const int64_t dim[])
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (!dg_mul_i64(count, dim[i], &count))
            dg_onnx_fail(m, DG_EDATA, "the size of a constant overflows");
    return count;
}

/* Memory for constants that no file holds is limited: a few bytes may ask for any amount. */
static void generate(dg_import *m, int64_t count)
{
    int64_t limit = m->options->limit > 0 ? m->options->limit : (int64_t)1 << 30, bytes;
    if (!dg_mul_i64(count, 8, &bytes) || !dg_add_i64(m->generated, bytes, &m->generated) ||
        m->generated > limit)
        dg_onnx_fail(m, DG_EDATA,
                     "constants that the file only describes take more than %lld MiB; --limit "
                     "allows more",
                     (long long)(limit >> 20));
    m->most += (size_t)bytes;
}

dg_onnx_array *dg_onnx_array_new(dg_import *m, bool integer, int rank, const int64_t dim[],
                                 bool uniform)
{
    dg_onnx_array *a = dg_heap_take(&m->heap, 1, sizeof *a);
    *a = (dg_onnx_array){.integer = integer, .rank = rank, .uniform = uniform, .root = -1};
    memcpy(a->dim, dim, (size_t)rank * sizeof *dim);
    a->count = count_of(m, rank, dim);
    int64_t there = uniform ? 1 : a->count;
    if (there > 4096)
        generate(m, there);
    if (integer)
        a->whole = dg_heap_take(&m->heap, (size_t)there, sizeof *a->whole);
    else
        a->real = dg_heap_take(&m->heap, (size_t)there, sizeof *a->real);
    return a;
}

double *dg_onnx_reals(const dg_onnx_array *a)
{
    return (double *)(uintptr_t)a->real;
}

int64_t *dg_onnx_wholes(const dg_onnx_array *a)
{
    return (int64_t *)(uintptr_t)a->whole;
}

const dg_onnx_array *dg_onnx_reshaped(dg_import *m, const dg_onnx_array *from, int rank,
                                      const int64_t dim[])
{
    dg_onnx_array *a = dg_heap_take(&m->heap, 1, sizeof *a);
    *a = *from;
    a->rank = rank;
    memcpy(a->dim, dim, (size_t)rank * sizeof *dim);
    return a;
}

const dg_onnx_array *dg_onnx_moved(dg_import *m, const dg_onnx_array *from, int rank,
                                   const int64_t dim[], const int64_t *index)
{
    dg_onnx_array *a = dg_onnx_array_new(m, from->integer, rank, dim, from->uniform);
    int64_t there = a->uniform ? a->count > 0 : a->count;
    for (int64_t i = 0; i < there; i++) {
        if (a->integer)
            dg_onnx_wholes(a)[i] = dg_onnx_whole(from, index[i]);
        else
            dg_onnx_reals(a)[i] = dg_onnx_real(from, index[i]);
    }
    if (from->root < 0)
        return a;
    int64_t *place = dg_heap_take(&m->heap, (size_t)a->count, sizeof *place);
    int *root = from->root_of ? dg_heap_take(&m->heap, (size_t)a->count, sizeof *root) : NULL;
    for (int64_t i = 0; i < a->count; i++) {
        place[i] = from->from ? from->from[index[i]] : index[i];
        if (root)
            root[i] = from->root_of[index[i]];
    }
    a->root = from->root;
    a->from = place;
    a->root_of = root;
    return a;
}

/* ---- Tensors of the file --------------------------------------------------------------------- */

/* The field that holds elements of this type, if they are typed. */
static uint32_t field_of(int type)
{
    switch (type) {
    case DG_ONNX_FLOAT:
        return 4;
    case DG_ONNX_INT64:
        return 7;
    case DG_ONNX_DOUBLE:
        return 10;
    default:
        return 5; /* int32_data holds the small ones too */
    }
}

/* Numbers of a typed field that is a varint each, or is in several pieces. */
static int64_t typed(const dg_onnx_tensor *t, uint32_t field, dg_onnx_array *a, int64_t most)
{
    dg_wire w = dg_wire_of(t->whole, t->whole_size);
    dg_wire_field f;
    size_t width = field == 4 ? 4 : field == 10 ? 8 : 0;
    int64_t n = 0;
    while (dg_wire_next(&w, &f)) {
        if (f.number != field)
            continue;
        bool packed = f.type == DG_WIRE_BYTES;
        dg_wire p = packed ? dg_wire_of(f.bytes, f.size) : w;
        uint64_t x = f.value;
        while (!packed || (width ? (size_t)(p.end - p.at) >= width : p.at < p.end)) {
            if (packed && width) {
                x = bytes_of(p.at, width);
                p.at += width;
            } else if (packed && !dg_wire_varint(&p, &x)) {
                return -1;
            }
            if (n < most && a->integer)
                dg_onnx_wholes(a)[n] = t->type == DG_ONNX_BOOL ? x != 0 : (int64_t)x;
            else if (n < most && field == 10)
                memcpy(&dg_onnx_reals(a)[n], &x, sizeof x);
            else if (n < most)
                dg_onnx_reals(a)[n] = field == 4 ? (double)float_of((uint32_t)x)
                                      : t->type == DG_ONNX_FLOAT16
                                          ? half_of((uint32_t)x)
                                          : (double)float_of((uint32_t)x << 16);
            n++;
            if (!packed)
                break;
        }
        if (packed && p.at != p.end)
            return -1;
    }
    return n;
}

static const dg_onnx_array *decode(dg_import *m, const dg_onnx_tensor *t, dg_onnx_array *a)
{
    uint32_t field = field_of(t->type);
    if ((uint64_t)t->count > t->whole_size) /* an element takes a byte at least */
        dg_onnx_fail(m, DG_EDATA, "tensor '%s' of %lld elements has %zu bytes", t->name,
                     (long long)t->count, t->size);
    size_t bytes = (size_t)t->count;
    if (a->integer)
        a->whole = dg_heap_take(&m->heap, bytes, sizeof *a->whole);
    else
        a->real = dg_heap_take(&m->heap, bytes, sizeof *a->real);
    int64_t n = typed(t, field, a, t->count);
    if (n != t->count)
        dg_onnx_fail(m, DG_EDATA, "tensor '%s' of %lld elements holds %lld", t->name,
                     (long long)t->count, (long long)n);
    return a;
}

const dg_onnx_array *dg_onnx_array_of(dg_import *m, const dg_onnx_tensor *t)
{
    size_t width = dg_onnx_type_bytes(t->type), bytes;
    dg_onnx_array *a = dg_heap_take(&m->heap, 1, sizeof *a);
    if (!width)
        dg_onnx_fail(m, DG_EMODEL, "tensor '%s' has elements of type %s", t->name,
                     dg_onnx_type_name(t->type));
    bool real = t->type == DG_ONNX_FLOAT || t->type == DG_ONNX_DOUBLE ||
                t->type == DG_ONNX_FLOAT16 || t->type == DG_ONNX_BFLOAT16;
    *a = (dg_onnx_array){
        .integer = !real, .rank = t->rank, .count = t->count, .tensor = t, .root = -1};
    memcpy(a->dim, t->dim, sizeof a->dim);
    if (!dg_mul_size((size_t)t->count, width, &bytes))
        dg_onnx_fail(m, DG_EDATA, "the size of tensor '%s' overflows", t->name);
    if (t->location) {
        dg_onnx_tensor *there = dg_heap_take(&m->heap, 1, sizeof *there);
        *there = *t;
        there->bytes = dg_onnx_external(m, t, bytes);
        a->tensor = there;
        return a;
    }
    bool whole_piece = t->pieces == 1 && (t->field == 9 || (t->field == 4 && t->type == 1) ||
                                          (t->field == 10 && t->type == DG_ONNX_DOUBLE));
    if (!whole_piece && t->count > 0)
        return decode(m, t, a);
    if (t->size != bytes)
        dg_onnx_fail(m, DG_EDATA, "tensor '%s' of %lld elements takes %zu bytes, it has %zu",
                     t->name, (long long)t->count, bytes, t->size);
    return a;
}
