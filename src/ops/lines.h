/* Some lines of one picture of a convolution, as a convolution of their own: what a call that is
 * cut inside a row does. */
#ifndef DG_OPS_LINES_H
#define DG_OPS_LINES_H

#include "kernels/kernels.h"

/* Of the convolution that makes lines i0 to i1-1 of the results; *first is the first line that they
 * see. */
static inline dg_conv dg_lines_forward(const dg_conv *s, int64_t i0, int64_t i1, int64_t *first)
{
    const int64_t skip = i0 * s->stride_y - s->top, above = skip > 0 ? skip : 0;
    const int64_t end = (i1 - 1) * s->stride_y - s->top + (s->kh - 1) * s->dilation_y + 1;
    dg_conv part = *s;
    part.oh = i1 - i0;
    part.h = (i1 < s->oh && end < s->h ? end : s->h) - above;
    part.h = part.h > 0 ? part.h : 1; /* they see padding only */
    part.top = above - skip;
    *first = above;
    return part;
}

/* Of the one whose adjoint makes lines i0 to i1-1 of delta; *first is the first line of eps that
 * sees them. */
static inline dg_conv dg_lines_back(const dg_conv *s, int64_t i0, int64_t i1, int64_t *first)
{
    const int64_t reach = i0 + s->top - (s->kh - 1) * s->dilation_y;
    int64_t from = reach > 0 ? (reach + s->stride_y - 1) / s->stride_y : 0, last = s->oh;
    while (from > 0 && (from >= s->oh || s->top + i0 < from * s->stride_y))
        from--;
    if (i1 < s->h)
        last = (i1 - 1 + s->top) / s->stride_y + 1;
    last = last > s->oh ? s->oh : last;
    dg_conv part = *s;
    part.h = i1 - i0;
    part.oh = last > from ? last - from : 1;
    part.top = s->top + i0 - from * s->stride_y;
    *first = from;
    return part;
}

#endif
