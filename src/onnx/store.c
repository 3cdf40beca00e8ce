/* Tensors of a file that is written. */
#include "onnx/export.h"
#include "base/number.h"

#include "onnx/pack.h"
#include "onnx/proto.h"
#include <string.h>

enum { DIMS = 1, DATA_TYPE = 2, NAME = 8, RAW_DATA = 9, INITIALIZER = 5 }; /* fields */

const char *dg_export_name(dg_export *x, const char *base)
{
    const char *name = base;
    for (int i = 2; !*name || dg_dict_find(&x->names, name); i++)
        name = dg_heap_printf(&x->heap, "%s_%d", base, i);
    if (name == base)
        name = dg_heap_copy(&x->heap, base, strlen(base));
    dg_dict_put(&x->heap, &x->names, name, x);
    return name;
}

bool dg_is_stored(const dg_export *x, int32_t id)
{
    dg_kind kind = x->graph->values[id - 1].kind;
    return kind == DG_PARAMETER || kind == DG_STATE || kind == DG_CONSTANT;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* bytes: of elements, least significant first. */
static const char *add_tensor(dg_export *x, const char *name, int type, int rank,
                              const int64_t dim[], const dg_text *bytes)
{
    dg_text t = dg_text_make(&x->memory);
    for (int i = 0; i < rank; i++)
        dg_pack_number(&t, DIMS, (uint64_t)dim[i]);
    dg_pack_number(&t, DATA_TYPE, (uint64_t)type);
    dg_pack_text(&t, NAME, name);
    dg_pack_bytes(&t, RAW_DATA, bytes->data, bytes->length);
    t.failed |= bytes->failed;
    dg_pack_message(&x->tensors, INITIALIZER, &t);
    return name;
}

static void add_bits(dg_text *t, uint64_t bits, size_t n)
{
    char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(bits >> 8 * i);
    dg_text_add_bytes(t, bytes, n);
}

static void add_real(dg_type type, dg_text *t, double v)
{
    uint64_t bits = 0;
    float single = (float)v;
    size_t n = dg_type_bytes(type);
    if (n == sizeof single)
        memcpy(&bits, &single, sizeof single);
    else
        memcpy(&bits, &v, sizeof v);
    add_bits(t, bits, n);
}

/* ---- Small ones ------------------------------------------------------------------------------ */

static const char *store_ints(dg_export *x, const char *near, int rank, int n, const int64_t v[])
{
    dg_text t = dg_text_make(&x->memory);
    int64_t dim = n;
    for (int i = 0; i < n; i++)
        add_bits(&t, (uint64_t)v[i], 8);
    const char *name = dg_export_name(x, near);
    add_tensor(x, name, DG_ONNX_INT64, rank, &dim, &t);
    dg_text_free(&t);
    return name;
}

const char *dg_store_ints(dg_export *x, const char *near, int n, const int64_t v[])
{
    return store_ints(x, near, 1, n, v);
}

const char *dg_store_int(dg_export *x, const char *near, int64_t v)
{
    return store_ints(x, near, 0, 1, &v);
}

const char *dg_store_reals(dg_export *x, const char *near, int rank, const int64_t dim[],
                           const double v[])
{
    dg_text t = dg_text_make(&x->memory);
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= dim[i];
    for (int64_t i = 0; i < n; i++)
        add_real(x->graph->real, &t, v[i]);
    const char *name = dg_export_name(x, near);
    dg_text_printf(&x->constants, "%s\n", name);
    add_tensor(x, name, dg_export_real(x), rank, dim, &t);
    dg_text_free(&t);
    return name;
}

const char *dg_store_f32(dg_export *x, const char *near, int n, const double v[])
{
    dg_text t = dg_text_make(&x->memory);
    for (int i = 0; i < n; i++)
        add_real(DG_F32, &t, v[i]);
    int64_t dim = n;
    return add_tensor(x, dg_export_name(x, near), DG_ONNX_FLOAT, 1, &dim, &t);
}

const char *dg_store_real(dg_export *x, const char *near, double v)
{
    return dg_store_reals(x, near, 0, NULL, &v);
}

/* ---- Values of the graph --------------------------------------------------------------------- */

const char *dg_store_value(dg_export *x, int32_t id, const char *key, int rank, const int64_t dim[],
                           const int64_t index[])
{
    const dg_vertex *v = &x->graph->values[id - 1];
    key = dg_heap_printf(&x->heap, "%d %s", (int)id, key);
    const char *name = dg_dict_find(&x->tensors_by_key, key);
    if (name)
        return name;
    dg_text t = dg_text_make(&x->memory);
    int64_t n = dg_shape_count(&v->shape);
    bool real = v->type == x->graph->real;
    for (int64_t i = 0; i < n; i++) {
        double e = dg_number_get(v->type, v->data, index ? index[i] : i);
        if (real)
            add_real(x->graph->real, &t, e);
        else
            add_bits(&t, (uint64_t)(int64_t)e, 8);
    }
    bool named = v->kind != DG_CONSTANT && v->name;
    name = dg_export_name(x, v->name && *v->name ? v->name : "constant");
    if (!named)
        dg_text_printf(&x->constants, "%s\n", name);
    add_tensor(x, name, real ? dg_export_real(x) : DG_ONNX_INT64, rank, dim, &t);
    dg_text_free(&t);
    dg_dict_put(&x->heap, &x->tensors_by_key, key, (void *)(uintptr_t)name);
    return name;
}

static const int64_t *turned_index(dg_export *x, const dg_shape *s, const int perm[], int64_t dim[])
{
    int64_t n = dg_shape_count(s), step[DG_MAX_RANK], here[DG_MAX_RANK] = {0}, at = 0;
    int64_t *index = dg_heap_take(&x->heap, (size_t)n, sizeof *index);
    for (int i = 0; i < s->rank; i++) {
        dim[i] = s->dim[perm[i]];
        step[i] = 1;
        for (int k = perm[i] + 1; k < s->rank; k++)
            step[i] *= s->dim[k];
    }
    for (int64_t i = 0; i < n; i++) {
        index[i] = at;
        for (int k = s->rank; k-- > 0;) {
            at += step[k];
            if (++here[k] < dim[k])
                break;
            at -= step[k] * dim[k];
            here[k] = 0;
        }
    }
    return index;
}

const char *dg_store_turned(const dg_put *p, int k, const int perm[])
{
    dg_export *x = p->x;
    const dg_vertex *v = dg_put_value(p, k);
    int64_t dim[DG_MAX_RANK], list[DG_MAX_RANK];
    const char *key = "turned";
    for (int i = 0; i < v->shape.rank; i++) {
        list[i] = perm[i];
        key = dg_heap_printf(&x->heap, "%s %d", key, perm[i]);
    }
    const char *whole = x->held[p->node->in[k] - 1].name[DG_AXES_PLAIN];
    if (dg_is_stored(x, p->node->in[k]) && !whole) /* else it stays one tensor */
        return dg_store_value(x, p->node->in[k], key, v->shape.rank, dim,
                              turned_index(x, &v->shape, perm, dim));
    return dg_put_turn(x, p->node->name, dg_put_in(p, k, DG_AXES_PLAIN), v->shape.rank, list, NULL);
}
