/* Windows over pictures and series: kernel, stride, dilation and padding as a user gives them, made
 * into numbers.
 *
 *     extent = (kernel - 1) dilation + 1
 *     out = floor((in + before + after - extent) / stride) + 1
 * (ceil: rounded up, but for a window that would begin after the picture)
 * and for padding `same` out = ceil(in / stride), the padding it takes shared out evenly, an odd
 * row or column of it at the end (ONNX: SAME_UPPER). */
#ifndef DG_REAL

#include "ops/window.h"

enum { SAME, VALID };

static const char *const AXIS[2] = {"rows", "columns"};

static int is_series(const dg_shape *x)
{
    return x->rank == 3;
}

static const char *name_of(const dg_shape *x, int i)
{
    return is_series(x) ? "places" : AXIS[i];
}

dg_status dg_picture_pair(const char *of, const char *name, const dg_attr_value *v,
                          const dg_shape *x, double pair[2], dg_diag *why)
{
    int most = is_series(x) ? 1 : 2;
    if (v->count > most)
        return dg_diag_set(why, DG_EMODEL, "%s: %s takes a number%s, found %d numbers", of, name,
                           most == 1 ? " for series [N, T, C]" : " or [h, w]", v->count);
    for (int i = 0; i < 2 && v->count > 0; i++)
        pair[i] = v->number[i < v->count ? i : 0];
    if (is_series(x))
        pair[0] = 1;
    return DG_OK;
}

/* Attribute k, the preset where it is not given. */
static dg_status two(const char *of, const char *name, const dg_attrs *a, int k, int64_t preset,
                     const dg_shape *x, int64_t v[2], dg_diag *why)
{
    static const dg_attr_value absent = {.word = -1};
    double pair[2] = {(double)preset, (double)preset};
    dg_status s = dg_picture_pair(of, name, k < 0 ? &absent : &a->v[k], x, pair, why);
    for (int i = 0; i < 2; i++)
        v[i] = (int64_t)pair[i];
    return s;
}

static dg_status given_padding(const char *of, const dg_attr_value *p, const dg_shape *x,
                               dg_window *w, dg_diag *why)
{
    if (is_series(x) && p->count > 2)
        return dg_diag_set(why, DG_EMODEL,
                           "%s: padding of series [N, T, C] takes same, valid, a number or "
                           "[before, after], found %d numbers",
                           of, p->count);
    if (p->count != 1 && p->count != 2 && p->count != 4)
        return dg_diag_set(why, DG_EMODEL,
                           "%s: padding takes same, valid, a number, [h, w] or "
                           "[top, left, bottom, right], found %d numbers",
                           of, p->count);
    for (int i = 0; i < 2; i++) {
        w->before[i] = (int64_t)p->number[p->count == 1 ? 0 : i];
        w->after[i] = p->count == 4 ? (int64_t)p->number[2 + i] : w->before[i];
    }
    if (is_series(x)) {
        w->before[1] = (int64_t)p->number[0];
        w->after[1] = (int64_t)p->number[p->count - 1];
        w->before[0] = w->after[0] = 0;
    }
    return DG_OK;
}

static int64_t extent_of(const dg_window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void find_same(dg_window *w, int i)
{
    w->out[i] = w->in[i] / w->stride[i] + (w->in[i] % w->stride[i] > 0);
    int64_t total = w->out[i] > 0 ? (w->out[i] - 1) * w->stride[i] + extent_of(w, i) - w->in[i] : 0;
    total = total > 0 ? total : 0;
    w->before[i] = total / 2;
    w->after[i] = total - w->before[i];
}

static dg_status find_given(const char *of, const dg_shape *x, int ceil, dg_window *w, int i,
                            dg_diag *why)
{
    int64_t room = w->in[i] + w->before[i] + w->after[i] - extent_of(w, i);
    if (w->in[i] == 0 || room < 0)
        return dg_diag_set(
            why, DG_EMODEL,
            "%s: a kernel of %lld %s with dilation %lld covers %lld, more than the %lld "
            "of the %s and %lld of padding; padding=same fits any",
            of, (long long)w->kernel[i], name_of(x, i), (long long)w->dilation[i],
            (long long)extent_of(w, i), (long long)w->in[i], is_series(x) ? "series" : "picture",
            (long long)(w->before[i] + w->after[i]));
    w->out[i] = room / w->stride[i] + 1;
    if (ceil && room % w->stride[i] > 0 && w->out[i] * w->stride[i] - w->before[i] < w->in[i])
        w->out[i]++;
    return DG_OK;
}

dg_status dg_picture_check(const char *of, const dg_shape *x, dg_diag *why)
{
    char text[128];
    if (x->rank != 4 && x->rank != 3)
        return dg_diag_set(why, DG_EMODEL,
                           "%s takes pictures [N, H, W, C] or series [N, T, C], found %s", of,
                           dg_shape_text(x, text, sizeof text));
    for (int i = 1; i < x->rank - 1; i++)
        if (x->dim[i] < 0 || x->dim[i] > (int64_t)1 << 48)
            return dg_diag_set(why, DG_EMODEL, "%s: %s is too large", of,
                               dg_shape_text(x, text, sizeof text));
    return DG_OK;
}

/* All but the sizes that follow from padding. */
static dg_status read_attrs(const char *of, const dg_attrs *a, dg_window_attrs at,
                            const dg_shape *x, dg_window *w, dg_diag *why)
{
    *w = (dg_window){0};
    dg_status s = dg_picture_check(of, x, why);
    if (s == DG_OK)
        s = two(of, "kernel", a, at.kernel, 1, x, w->kernel, why);
    if (s == DG_OK)
        s = two(of, "stride", a, at.stride, 0, x, w->stride, why);
    if (s == DG_OK)
        s = two(of, "dilation", a, at.dilation, 1, x, w->dilation, why);
    const dg_attr_value *padding = &a->v[at.padding];
    if (s == DG_OK && padding->word < 0)
        s = given_padding(of, padding, x, w, why);
    for (int i = 0; i < 2 && s == DG_OK; i++) {
        w->in[i] = !is_series(x) ? x->dim[1 + i] : i == 1 ? x->dim[1] : 1;
        if (w->stride[i] == 0)
            w->stride[i] = w->kernel[i];
    }
    return s;
}

dg_status dg_window_find(const char *of, const dg_attrs *a, dg_window_attrs at, const dg_shape *x,
                         dg_window *w, dg_diag *why)
{
    dg_status s = read_attrs(of, a, at, x, w, why);
    int ceil = at.ceil > 0 && dg_attr_int(a, at.ceil);
    for (int i = 0; i < 2 && s == DG_OK; i++)
        if (a->v[at.padding].word == SAME)
            find_same(w, i);
        else
            s = find_given(of, x, ceil, w, i, why);
    return s;
}

/* more: output_padding. */
static dg_status widen(const char *of, const dg_shape *x, int same, int64_t more, dg_window *w,
                       int i, dg_diag *why)
{
    int64_t most = w->stride[i] > w->dilation[i] ? w->stride[i] : w->dilation[i];
    if (more >= most)
        return dg_diag_set(why, DG_EMODEL,
                           "%s: output_padding of %lld %s must be smaller than stride or dilation, "
                           "%lld",
                           of, (long long)more, name_of(x, i), (long long)most);
    int64_t full = (w->in[i] - 1) * w->stride[i] + extent_of(w, i) + more;
    if (same) {
        int64_t total = full - w->in[i] * w->stride[i];
        w->before[i] = total > 0 ? total / 2 : 0;
        w->after[i] = total - w->before[i];
    }
    w->out[i] = full - w->before[i] - w->after[i];
    if (w->in[i] == 0 && same)
        w->out[i] = 0;
    if (w->out[i] < 0 || (w->in[i] == 0 && !same))
        return dg_diag_set(
            why, DG_EMODEL, "%s: the padding of %lld leaves nothing of the %lld %s of the result",
            of, (long long)(w->before[i] + w->after[i]), (long long)full, name_of(x, i));
    return DG_OK;
}

dg_status dg_window_widen(const char *of, const dg_attrs *a, dg_window_attrs at, int output_padding,
                          const dg_shape *x, dg_window *w, dg_diag *why)
{
    char text[128];
    int64_t more[2];
    dg_status s = read_attrs(of, a, at, x, w, why);
    if (s == DG_OK)
        s = two(of, "output_padding", a, output_padding, 0, x, more, why);
    if (s == DG_OK && is_series(x))
        more[0] = 0;
    for (int i = 0; i < 2 && s == DG_OK; i++) {
        if (w->in[i] > (int64_t)1 << 40)
            return dg_diag_set(why, DG_EMODEL, "%s: %s is too large", of,
                               dg_shape_text(x, text, sizeof text));
        s = widen(of, x, a->v[at.padding].word == SAME, more[i], w, i, why);
    }
    return s;
}

dg_status dg_window_filled(const char *of, const dg_window *w, dg_diag *why)
{
    for (int i = 0; i < 2; i++) {
        if (w->before[i] > 0 && w->dilation[i] > w->in[i])
            return dg_diag_set(why, DG_EMODEL,
                               "%s: with a dilation of %lld a window of padding and %lld %s may "
                               "hold nothing",
                               of, (long long)w->dilation[i], (long long)w->in[i], AXIS[i]);
        if (w->before[i] >= extent_of(w, i) || w->after[i] >= extent_of(w, i))
            return dg_diag_set(
                why, DG_EMODEL,
                "%s: padding of %lld and %lld %s must be smaller than the window, %lld", of,
                (long long)w->before[i], (long long)w->after[i], AXIS[i],
                (long long)extent_of(w, i));
    }
    return DG_OK;
}

dg_shape dg_window_shape(const dg_window *w, const dg_shape *x, int64_t channels)
{
    if (is_series(x))
        return (dg_shape){3, {x->dim[0], w->out[1], channels}};
    return (dg_shape){4, {x->dim[0], w->out[0], w->out[1], channels}};
}

#endif
