/* Constants whose elements are moved, so that it is known where they come from. */
#include "onnx/fold.h"
#include "onnx/shapes.h"

#include <string.h>

static bool refuse(dg_import *m, const dg_step *s)
{
    return dg_onnx_refuse(m, s, "of constants is not valid");
}

/* Room for an index of count elements: limited as constants that no file holds are. */
static int64_t *new_index(dg_import *m, int rank, const int64_t dim[])
{
    return dg_onnx_wholes(dg_onnx_array_new(m, true, rank, dim, false));
}

static int64_t count_of(int rank, const int64_t dim[])
{
    int64_t n = 1;
    for (int k = 0; k < rank; k++)
        n *= dim[k];
    return n;
}

/* index[i] of an array of shape dim whose axis k steps by stride[k] from `first` on. */
static void walk(int rank, const int64_t dim[], const int64_t stride[], int64_t first,
                 int64_t *index)
{
    int64_t at[DG_MAX_RANK] = {0}, n = count_of(rank, dim), place = first;
    for (int64_t i = 0; i < n; i++) {
        index[i] = place;
        for (int k = rank; k-- > 0;) {
            place += stride[k];
            if (++at[k] < dim[k])
                break;
            place -= stride[k] * dim[k];
            at[k] = 0;
        }
    }
}

static void strides_of(const dg_onnx_array *a, int64_t stride[])
{
    int64_t n = 1;
    for (int k = a->rank; k-- > 0;) {
        stride[k] = n;
        n *= a->dim[k];
    }
}

static bool put(const dg_step *s, int k, int b, const dg_onnx_array *a)
{
    if (k < s->n_out && s->out[k])
        s->out[k]->fixed[b] = a;
    return true;
}

static bool move(dg_import *m, const dg_step *s, int b, int rank, const int64_t dim[],
                 const int64_t stride[], int64_t first)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    if (a->uniform)
        return put(s, 0, b, dg_onnx_moved(m, a, rank, dim, (const int64_t[]){0}));
    int64_t *index = new_index(m, rank, dim);
    walk(rank, dim, stride, first, index);
    return put(s, 0, b, dg_onnx_moved(m, a, rank, dim, index));
}

bool dg_fold_identity(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    dg_onnx_array *own = dg_heap_take(&m->heap, 1, sizeof *own);
    *own = *a;
    own->own = ++m->owns;
    return put(s, 0, b, a->root >= 0 && strcmp(s->node->op, "Identity") == 0 ? own : a);
}

bool dg_fold_cast(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    int64_t to = dg_attr_i(s, "to", DG_ONNX_FLOAT);
    bool like = strcmp(s->node->op, "CastLike") == 0;
    bool truth = like ? s->in[1]->truth : to == DG_ONNX_BOOL;
    bool integer = like ? s->in[1]->integer || truth
                        : to != DG_ONNX_FLOAT && to != DG_ONNX_DOUBLE && to != DG_ONNX_FLOAT16 &&
                              to != DG_ONNX_BFLOAT16;
    if (to == DG_ONNX_STRING)
        return refuse(m, s);
    if (integer == a->integer && !truth)
        return put(s, 0, b, a);
    dg_onnx_array *c = dg_onnx_array_new(m, integer, a->rank, a->dim, a->uniform);
    int64_t n = a->uniform ? a->count > 0 : a->count;
    for (int64_t i = 0; i < n; i++) {
        if (!integer)
            dg_onnx_reals(c)[i] = dg_onnx_real(a, i);
        else
            dg_onnx_wholes(c)[i] = truth ? dg_onnx_real(a, i) != 0 : dg_onnx_whole(a, i);
    }
    return put(s, 0, b, c);
}

bool dg_fold_reshape(dg_import *m, const dg_step *s, int b)
{
    int64_t to[DG_MAX_RANK];
    int rank = dg_shape_reshape(m, s, b, to);
    return rank < 0 ? refuse(m, s)
                    : put(s, 0, b, dg_onnx_reshaped(m, s->in[0]->fixed[b], rank, to));
}

bool dg_fold_flatten(dg_import *m, const dg_step *s, int b)
{
    int64_t to[DG_MAX_RANK];
    int rank = dg_shape_flatten(m, s, b, to);
    return rank < 0 ? refuse(m, s)
                    : put(s, 0, b, dg_onnx_reshaped(m, s->in[0]->fixed[b], rank, to));
}

static bool pick(dg_import *m, const dg_step *s, int b, int rank, const int from[])
{
    int64_t to[DG_MAX_RANK];
    const dg_onnx_array *a = s->in[0]->fixed[b];
    for (int k = 0; k < rank; k++)
        to[k] = from[k] < 0 ? 1 : a->dim[from[k]];
    return rank < 0 ? refuse(m, s) : put(s, 0, b, dg_onnx_reshaped(m, a, rank, to));
}

bool dg_fold_squeeze(dg_import *m, const dg_step *s, int b)
{
    int from[DG_MAX_RANK];
    return pick(m, s, b, dg_shape_squeeze(m, s, from), from);
}

bool dg_fold_unsqueeze(dg_import *m, const dg_step *s, int b)
{
    int from[DG_MAX_RANK];
    return pick(m, s, b, dg_shape_unsqueeze(m, s, from), from);
}

bool dg_fold_transpose(dg_import *m, const dg_step *s, int b)
{
    int from[DG_MAX_RANK], rank = dg_shape_transpose(s, from);
    int64_t dim[DG_MAX_RANK], stride[DG_MAX_RANK], step[DG_MAX_RANK];
    const dg_onnx_array *a = s->in[0]->fixed[b];
    if (rank < 0)
        return refuse(m, s);
    strides_of(a, stride);
    for (int k = 0; k < rank; k++) {
        dim[k] = a->dim[from[k]];
        step[k] = stride[from[k]];
    }
    return move(m, s, b, rank, dim, step, 0);
}

bool dg_fold_slice(dg_import *m, const dg_step *s, int b)
{
    dg_slice axis[DG_MAX_RANK];
    int64_t dim[DG_MAX_RANK], stride[DG_MAX_RANK], first = 0;
    const dg_onnx_array *a = s->in[0]->fixed[b];
    int rank = dg_shape_slice(m, s, b, axis);
    if (rank < 0)
        return refuse(m, s);
    strides_of(a, stride);
    for (int k = 0; k < rank; k++) {
        first += stride[k] * axis[k].start;
        stride[k] *= axis[k].step;
        dim[k] = axis[k].count;
    }
    return move(m, s, b, rank, dim, stride, first);
}

bool dg_fold_split(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    int64_t part[32], stride[DG_MAX_RANK], dim[DG_MAX_RANK], at = 0;
    int axis = dg_step_axis(dg_attr_i(s, "axis", 0), a->rank);
    int n = axis < 0 ? -1 : dg_shape_split(m, s, b, axis, part);
    if (n < 0)
        return refuse(m, s);
    strides_of(a, stride);
    memcpy(dim, a->dim, sizeof dim);
    for (int i = 0; i < n; i++) {
        dim[axis] = part[i];
        int64_t *index = new_index(m, a->rank, dim);
        walk(a->rank, dim, stride, at * stride[axis], index);
        put(s, i, b, dg_onnx_moved(m, a, a->rank, dim, index));
        at += part[i];
    }
    return true;
}

bool dg_fold_expand(dg_import *m, const dg_step *s, int b)
{
    int64_t to[DG_MAX_RANK], stride[DG_MAX_RANK], step[DG_MAX_RANK];
    const dg_onnx_array *a = s->in[0]->fixed[b];
    int rank = dg_shape_expand(m, s, b, to);
    if (rank < 0)
        return refuse(m, s);
    if (a->count == 1) { /* stays one number */
        dg_onnx_array *u = dg_onnx_array_new(m, a->integer, rank, to, true);
        if (a->integer)
            dg_onnx_wholes(u)[0] = dg_onnx_whole(a, 0);
        else
            dg_onnx_reals(u)[0] = dg_onnx_real(a, 0);
        return put(s, 0, b, u);
    }
    strides_of(a, stride);
    for (int k = 0; k < rank; k++) {
        int from = k - (rank - a->rank);
        step[k] = from >= 0 && a->dim[from] != 1 ? stride[from] : 0;
    }
    return move(m, s, b, rank, to, step, 0);
}

bool dg_fold_tile(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    int64_t times[DG_MAX_RANK], dim[DG_MAX_RANK], stride[DG_MAX_RANK], at[DG_MAX_RANK] = {0};
    int n = dg_step_ints(m, s, NULL, 1, b, times, DG_MAX_RANK);
    if (n != a->rank)
        return refuse(m, s);
    for (int k = 0; k < n; k++) {
        if (times[k] < 0 || (a->dim[k] > 0 && times[k] > (1 << 30) / a->dim[k]))
            return refuse(m, s);
        dim[k] = a->dim[k] * times[k];
    }
    int64_t *index = new_index(m, n, dim), count = count_of(n, dim);
    strides_of(a, stride);
    for (int64_t i = 0; i < count; i++) {
        index[i] = 0;
        for (int k = 0; k < n; k++)
            index[i] += at[k] % a->dim[k] * stride[k];
        for (int k = n; k-- > 0 && ++at[k] == dim[k];)
            at[k] = 0;
    }
    return put(s, 0, b, dg_onnx_moved(m, a, n, dim, index));
}

/* Element i of an axis of indices, from the end where it is negative; -1: out of range. */
static int64_t index_at(const dg_onnx_array *ids, int64_t i, int64_t size)
{
    int64_t k = dg_onnx_whole(ids, i);
    k += k < 0 ? size : 0;
    return k >= 0 && k < size ? k : -1;
}

bool dg_fold_gather(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b], *ids = s->in[1]->fixed[b];
    int axis = dg_step_axis(dg_attr_i(s, "axis", 0), a->rank), rank = a->rank - 1 + ids->rank;
    int64_t dim[2 * DG_MAX_RANK], stride[DG_MAX_RANK], before = 1, after = 1, n = 0;
    if (axis < 0 || rank > DG_MAX_RANK)
        return refuse(m, s);
    strides_of(a, stride);
    for (int k = 0; k < a->rank; k++)
        *(k < axis ? &before : &after) *= k == axis ? 1 : a->dim[k];
    memcpy(dim, a->dim, (size_t)axis * sizeof *dim);
    memcpy(dim + axis, ids->dim, (size_t)ids->rank * sizeof *dim);
    memcpy(dim + axis + ids->rank, a->dim + axis + 1, (size_t)(a->rank - axis - 1) * sizeof *dim);
    int64_t *index = new_index(m, rank, dim);
    for (int64_t i = 0; i < before; i++)
        for (int64_t j = 0; j < ids->count; j++) {
            int64_t k = index_at(ids, j, a->dim[axis]);
            if (k < 0)
                return refuse(m, s);
            for (int64_t l = 0; l < after; l++)
                index[n++] = (i * a->dim[axis] + k) * after + l;
        }
    const dg_onnx_array *rows = dg_onnx_moved(m, a, rank, dim, index);
    ((dg_onnx_array *)(uintptr_t)rows)->gathered = a->root >= 0 && a->rank > 1;
    return put(s, 0, b, rows);
}

/* Elements of several arrays; their origins too where all have one. */
static void join(dg_import *m, const dg_step *s, int b, dg_onnx_array *to, int axis)
{
    int64_t inner = 1, width = to->dim[axis], at = 0;
    bool rooted = !to->integer;
    for (int k = axis + 1; k < to->rank; k++)
        inner *= to->dim[k];
    for (int i = 0; i < s->n_in; i++)
        rooted &= s->in[i]->fixed[b]->root >= 0;
    int64_t *from = rooted ? dg_heap_take(&m->heap, (size_t)to->count, sizeof *from) : NULL;
    int *root = rooted ? dg_heap_take(&m->heap, (size_t)to->count, sizeof *root) : NULL;
    for (int i = 0; i < s->n_in; i++) {
        const dg_onnx_array *a = s->in[i]->fixed[b];
        int64_t piece = a->dim[axis] * inner;
        for (int64_t k = 0; k < a->count; k++) {
            int64_t there = k / piece * width * inner + at * inner + k % piece;
            if (to->integer)
                dg_onnx_wholes(to)[there] = dg_onnx_whole(a, k);
            else
                dg_onnx_reals(to)[there] = dg_onnx_real(a, k);
            if (rooted) {
                from[there] = a->from ? a->from[k] : k;
                root[there] = a->root_of ? a->root_of[k] : a->root;
            }
        }
        at += a->dim[axis];
    }
    to->from = from;
    to->root_of = root;
    to->root = rooted && to->count ? root[0] : -1;
}

bool dg_fold_concat(dg_import *m, const dg_step *s, int b)
{
    int64_t dim[DG_MAX_RANK];
    const dg_onnx_array *first = s->n_in && s->in[0] ? s->in[0]->fixed[b] : NULL;
    int axis = first ? dg_step_axis(dg_attr_i(s, "axis", 1), first->rank) : -1;
    if (axis < 0)
        return refuse(m, s);
    memcpy(dim, first->dim, sizeof dim);
    dim[axis] = 0;
    for (int i = 0; i < s->n_in; i++) {
        const dg_onnx_array *a = s->in[i] ? s->in[i]->fixed[b] : NULL;
        bool fits = a && a->rank == first->rank && a->integer == first->integer;
        for (int k = 0; fits && k < a->rank; k++)
            fits = k == axis || a->dim[k] == first->dim[k];
        if (!fits || dim[axis] > ((int64_t)1 << 40))
            return refuse(m, s);
        dim[axis] += a->dim[axis];
    }
    dg_onnx_array *to = dg_onnx_array_new(m, first->integer, first->rank, dim, false);
    join(m, s, b, to, axis);
    return put(s, 0, b, to);
}

bool dg_fold_trilu(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    bool upper = dg_attr_i(s, "upper", 1) != 0;
    int64_t k = dg_step_has(s, 1) ? dg_onnx_whole(s->in[1]->fixed[b], 0) : 0;
    if (a->rank < 2)
        return refuse(m, s);
    dg_onnx_array *to = dg_onnx_array_new(m, a->integer, a->rank, a->dim, false);
    int64_t rows = a->dim[a->rank - 2], columns = a->dim[a->rank - 1];
    for (int64_t i = 0; i < a->count; i++) {
        int64_t off = i % columns - i / columns % rows;
        bool keeps = upper ? off >= k : off <= k;
        if (a->integer)
            dg_onnx_wholes(to)[i] = keeps ? dg_onnx_whole(a, i) : 0;
        else
            dg_onnx_reals(to)[i] = keeps ? dg_onnx_real(a, i) : 0;
    }
    return put(s, 0, b, to);
}
