/* Shapes; see shapes.h. */
#include "onnx/shapes.h"

#include <string.h>

static int64_t count_of(const dg_onnx_value *v, int b)
{
    int64_t n = 1;
    for (int k = 0; k < dg_onnx_rank(v); k++)
        n *= dg_onnx_dim(v, b, k);
    return n;
}

/* A batch that the file fixed is free here: where a target has the old one as its first size and
 * does not fit with it, the new one is meant. */
static bool rebatch(const dg_import *m, int b, int64_t to[], int rank, int64_t count)
{
    int64_t all = 1;
    for (int k = 0; k < rank; k++)
        all *= to[k];
    if (all == count)
        return true;
    if (m->old_batch < 1 || rank < 1 || to[0] != m->old_batch)
        return false;
    to[0] = m->batch[b];
    return all / m->old_batch * m->batch[b] == count;
}

int dg_shape_reshape(dg_import *m, const dg_step *s, int b, int64_t to[])
{
    const dg_onnx_value *v = s->in[0];
    bool keeps_zero = dg_attr_i(s, "allowzero", 0) != 0;
    int n = dg_step_ints(m, s, "shape", 1, b, to, DG_MAX_RANK), open = -1;
    int64_t known = 1, count = count_of(v, b);
    for (int k = 0; k < n; k++) {
        if (to[k] == 0 && !keeps_zero && k >= dg_onnx_rank(v))
            return -1;
        if (to[k] == 0 && !keeps_zero)
            to[k] = dg_onnx_dim(v, b, k);
        if (to[k] < -1 || (to[k] == -1 && open >= 0))
            return -1;
        if (to[k] == -1)
            open = k;
        else if (to[k] > 0 && known > INT64_MAX / to[k])
            return -1;
        else
            known *= to[k];
    }
    if (n < 0 || (open >= 0 && known == 0))
        return -1;
    if (open >= 0 && count % known != 0 && n > 0 && to[0] == m->old_batch) {
        known = known / to[0] * m->batch[b];
        to[0] = m->batch[b];
    }
    if (open >= 0 && open > 0 && m->old_batch > 0 && to[0] == m->old_batch && v->at.n > 0 &&
        !v->fixed[0] && dg_onnx_has_batch(v, 0)) {
        /* [1, -1]: the batch would vanish in what is left open */
        known = known / to[0] * m->batch[b];
        to[0] = m->batch[b];
    }
    if (open >= 0 && (known == 0 || count % known != 0))
        return -1;
    if (open >= 0)
        to[open] = count / known;
    return rebatch(m, b, to, n, count) ? n : -1;
}

int dg_shape_flatten(dg_import *m, const dg_step *s, int b, int64_t to[])
{
    const dg_onnx_value *v = s->in[0];
    int rank = dg_onnx_rank(v);
    int64_t axis = dg_attr_i(s, "axis", 1);
    (void)m;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis > rank)
        return -1;
    to[0] = to[1] = 1;
    for (int k = 0; k < rank; k++)
        to[k >= axis] *= dg_onnx_dim(v, b, k);
    return 2;
}

int dg_shape_expand(dg_import *m, const dg_step *s, int b, int64_t to[])
{
    const dg_onnx_value *v = s->in[0];
    int64_t want[DG_MAX_RANK];
    int n = dg_step_ints(m, s, NULL, 1, b, want, DG_MAX_RANK), rank = dg_onnx_rank(v);
    int wide = n > rank ? n : rank;
    for (int k = 0; k < wide && n >= 0; k++) {
        int64_t x = k - (wide - rank) >= 0 ? dg_onnx_dim(v, b, k - (wide - rank)) : 1;
        int64_t y = k - (wide - n) >= 0 ? want[k - (wide - n)] : 1;
        if (k == 0 && x != 1 && x != y && m->old_batch > 0 && y == m->old_batch)
            y = x;
        if (y < 0 || (x != y && x != 1 && y != 1))
            return -1;
        to[k] = x == 1 ? y : x;
    }
    return n < 0 ? -1 : wide;
}

/* The axes that a list of the node names. */
static int listed(dg_import *m, const dg_step *s, int rank, bool on[])
{
    int64_t axes[DG_MAX_RANK];
    int n = dg_step_ints(m, s, "axes", 1, 0, axes, DG_MAX_RANK);
    memset(on, 0, DG_MAX_RANK * sizeof *on);
    for (int i = 0; i < n; i++) {
        int k = dg_step_axis(axes[i], rank);
        if (k < 0 || on[k])
            return -2;
        on[k] = true;
    }
    return n;
}

int dg_shape_squeeze(dg_import *m, const dg_step *s, int from[])
{
    bool on[DG_MAX_RANK];
    const dg_onnx_value *v = s->in[0];
    int rank = dg_onnx_rank(v), given = listed(m, s, rank, on), n = 0;
    if (given == -2 || (given < 0 && dg_step_has(s, 1)))
        return -1;
    for (int k = 0; k < rank; k++) {
        bool one = dg_onnx_size(v, k) == 1;
        if (given >= 0 && on[k] && !one)
            return -1;
        if (given >= 0 ? !on[k] : !one)
            from[n++] = k;
    }
    return n;
}

int dg_shape_unsqueeze(dg_import *m, const dg_step *s, int from[])
{
    bool on[DG_MAX_RANK];
    int64_t axes[DG_MAX_RANK];
    int more = dg_step_ints(m, s, "axes", 1, 0, axes, DG_MAX_RANK);
    int rank = dg_onnx_rank(s->in[0]) + more, k = 0;
    if (more < 0 || rank > DG_MAX_RANK || listed(m, s, rank, on) < 0)
        return -1;
    for (int i = 0; i < rank; i++)
        from[i] = on[i] ? -1 : k++;
    return rank;
}

int dg_shape_transpose(const dg_step *s, int from[])
{
    const dg_onnx_attr *a = dg_onnx_attr_find(s->node, "perm");
    int rank = dg_onnx_rank(s->in[0]);
    unsigned seen = 0;
    if (a && a->n_ints != rank)
        return -1;
    for (int k = 0; k < rank; k++) {
        from[k] = a ? dg_step_axis(a->ints[k], rank) : rank - 1 - k;
        if (from[k] < 0 || seen >> from[k] & 1)
            return -1;
        seen |= 1u << from[k];
    }
    return rank;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static dg_slice slice_of(int64_t start, int64_t end, int64_t step, int64_t size)
{
    start += start < 0 ? size : 0;
    end = end < -size ? -1 : end < 0 ? end + size : end;
    start = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
    end = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
    int64_t span = step > 0 ? end - start : start - end, by = step > 0 ? step : -step;
    return (dg_slice){start, step, span > 0 ? (span - 1) / by + 1 : 0};
}

int dg_shape_slice(dg_import *m, const dg_step *s, int b, dg_slice axis[])
{
    enum { MOST = DG_MAX_RANK };
    int64_t starts[MOST], ends[MOST], axes[MOST], steps[MOST];
    const dg_onnx_value *v = s->in[0];
    int rank = dg_onnx_rank(v);
    int n = dg_step_ints(m, s, "starts", 1, b, starts, MOST);
    int n_ends = dg_step_ints(m, s, "ends", 2, b, ends, MOST);
    int n_axes = dg_step_ints(m, s, "axes", 3, b, axes, MOST);
    int n_steps = dg_step_ints(m, s, NULL, 4, b, steps, MOST);
    bool open = (dg_step_has(s, 3) && n_axes < 0) || (dg_step_has(s, 4) && n_steps < 0);
    if (n < 0 || n_ends != n || (n_axes >= 0 && n_axes != n) || (n_steps >= 0 && n_steps != n) ||
        open || (n_axes < 0 && n > rank))
        return -1;
    for (int k = 0; k < rank; k++)
        axis[k] = (dg_slice){0, 1, dg_onnx_dim(v, b, k)};
    for (int i = 0; i < n; i++) {
        int k = n_axes < 0 ? i : dg_step_axis(axes[i], rank);
        int64_t step = n_steps < 0 ? 1 : steps[i];
        if (k < 0 || step == 0 || step == INT64_MIN)
            return -1;
        axis[k] = slice_of(starts[i], ends[i], step, dg_onnx_dim(v, b, k));
    }
    return rank;
}

int dg_shape_split(dg_import *m, const dg_step *s, int b, int axis, int64_t part[])
{
    enum { MOST = 32 };
    int n = dg_step_ints(m, s, "split", 1, b, part, MOST);
    int64_t size = dg_onnx_dim(s->in[0], b, axis), sum = 0;
    if (n < 0 && dg_step_has(s, 1))
        return -1;
    if (n < 0) {
        n = (int)dg_attr_i(s, "num_outputs", s->n_out);
        if (n < 1 || n > MOST)
            return -1;
        int64_t each = (size + n - 1) / n;
        for (int i = 0; i < n; i++)
            part[i] = i < n - 1 ? each : size - each * (n - 1);
    }
    for (int i = 0; i < n; i++) {
        if (part[i] < 0 || part[i] > size)
            return -1;
        sum += part[i];
    }
    return sum == size && n == s->n_out ? n : -1;
}
