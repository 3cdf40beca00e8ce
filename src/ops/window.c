/* Windows over pictures: kernel, stride, dilation and padding as a user gives them, made into
 * numbers.
 *
 *     extent = (kernel - 1) dilation + 1
 *     out = floor((in + before + after - extent) / stride) + 1
 * and for padding `same` out = ceil(in / stride), the padding it takes shared out evenly, an odd
 * row or column of it at the end (ONNX: SAME_UPPER). */
#ifndef DG_REAL

#include "ops/window.h"

enum { SAME, VALID };

static const char *const AXIS[2] = {"rows", "columns"};

/* A number or [h, w]. */
static dg_status two(const char *of, const char *name, const dg_attrs *a, int k, int64_t preset,
                     int64_t v[2], dg_diag *why)
{
    int count = k < 0 ? 0 : a->v[k].count;
    if (count > 2)
        return dg_diag_set(why, DG_EMODEL, "%s: %s takes a number or [h, w], found %d numbers", of,
                           name, count);
    for (int i = 0; i < 2; i++)
        v[i] = count == 0 ? preset : (int64_t)a->v[k].number[i < count ? i : 0];
    return DG_OK;
}

static dg_status given_padding(const char *of, const dg_attr_value *p, dg_window *w, dg_diag *why)
{
    if (p->count != 1 && p->count != 2 && p->count != 4)
        return dg_diag_set(why, DG_EMODEL,
                           "%s: padding takes same, valid, a number, [h, w] or "
                           "[top, left, bottom, right], found %d numbers",
                           of, p->count);
    for (int i = 0; i < 2; i++) {
        w->before[i] = (int64_t)p->number[p->count == 1 ? 0 : i];
        w->after[i] = p->count == 4 ? (int64_t)p->number[2 + i] : w->before[i];
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

static dg_status find_given(const char *of, dg_window *w, int i, dg_diag *why)
{
    int64_t room = w->in[i] + w->before[i] + w->after[i] - extent_of(w, i);
    if (w->in[i] == 0 || room < 0)
        return dg_diag_set(
            why, DG_EMODEL,
            "%s: a kernel of %lld %s with dilation %lld covers %lld, more than the %lld "
            "of the picture and %lld of padding; padding=same fits any picture",
            of, (long long)w->kernel[i], AXIS[i], (long long)w->dilation[i],
            (long long)extent_of(w, i), (long long)w->in[i],
            (long long)(w->before[i] + w->after[i]));
    w->out[i] = room / w->stride[i] + 1;
    return DG_OK;
}

static dg_status check_picture(const char *of, const dg_shape *x, dg_diag *why)
{
    char text[128];
    if (x->rank != 4)
        return dg_diag_set(why, DG_EMODEL, "%s takes pictures [N, H, W, C], found %s", of,
                           dg_shape_text(x, text, sizeof text));
    for (int i = 1; i < 3; i++)
        if (x->dim[i] < 0 || x->dim[i] > (int64_t)1 << 48)
            return dg_diag_set(why, DG_EMODEL, "%s: a picture of %s is too large", of,
                               dg_shape_text(x, text, sizeof text));
    return DG_OK;
}

dg_status dg_window_find(const char *of, const dg_attrs *a, dg_window_attrs at, const dg_shape *x,
                         dg_window *w, dg_diag *why)
{
    *w = (dg_window){0};
    dg_status s = check_picture(of, x, why);
    if (s == DG_OK)
        s = two(of, "kernel", a, at.kernel, 1, w->kernel, why);
    if (s == DG_OK)
        s = two(of, "stride", a, at.stride, 0, w->stride, why);
    if (s == DG_OK)
        s = two(of, "dilation", a, at.dilation, 1, w->dilation, why);
    const dg_attr_value *padding = &a->v[at.padding];
    if (s == DG_OK && padding->word < 0)
        s = given_padding(of, padding, w, why);
    for (int i = 0; i < 2 && s == DG_OK; i++) {
        w->in[i] = x->dim[1 + i];
        if (w->stride[i] == 0)
            w->stride[i] = w->kernel[i];
        if (padding->word == SAME)
            find_same(w, i);
        else
            s = find_given(of, w, i, why);
    }
    return s;
}

dg_status dg_window_filled(const char *of, const dg_window *w, dg_diag *why)
{
    for (int i = 0; i < 2; i++)
        if (w->before[i] >= extent_of(w, i) || w->after[i] >= extent_of(w, i))
            return dg_diag_set(
                why, DG_EMODEL,
                "%s: padding of %lld and %lld %s must be smaller than the kernel, %lld", of,
                (long long)w->before[i], (long long)w->after[i], AXIS[i], (long long)w->kernel[i]);
    return DG_OK;
}

dg_shape dg_window_shape(const dg_window *w, const dg_shape *x, int64_t channels)
{
    return (dg_shape){4, {x->dim[0], w->out[0], w->out[1], channels}};
}

#endif
