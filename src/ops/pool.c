/* What the pooling nodes share. */
#ifndef DG_REAL

#include "ops/pool.h"
#include "ops/window.h"

static const dg_window_attrs AT = {
    .kernel = 0, .stride = 1, .dilation = 3, .padding = 2, .ceil = 4};

const dg_attr_spec dg_pool_attrs[DG_POOL_ATTRS + 1] = {
    {.name = "kernel",
     .kind = DG_ATTR_INT,
     .max_count = 2,
     .low = 1,
     .high = DG_WINDOW_MOST,
     .text = "size of the window: a number or [h, w]"},
    {.name = "stride",
     .kind = DG_ATTR_INT,
     .max_count = 2,
     .low = 1,
     .high = DG_WINDOW_MOST,
     .preset = "",
     .text = "step of the window; the kernel, where not given"},
    {.name = "padding",
     .kind = DG_ATTR_INT | DG_ATTR_WORD,
     .max_count = 4,
     .high = DG_WINDOW_MOST,
     .preset = "valid",
     .words = "same valid",
     .text = "same, valid, a number, [h, w] or [top, left, bottom, right]"},
    {.name = "dilation",
     .kind = DG_ATTR_INT,
     .max_count = 2,
     .low = 1,
     .high = DG_WINDOW_MOST,
     .preset = "1",
     .text = "distance of the taps"},
    {.name = "ceil",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "false",
     .text = "a last window that is not whole counts too"},
    {.name = "include_padding",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "false",
     .text = "whether padding counts as zeros in the mean"},
};

dg_status dg_pool_result(const char *of, const dg_attrs *a, const dg_shape in[], dg_shape out[],
                         dg_diag *why)
{
    dg_window w;
    dg_status s = dg_window_find(of, a, AT, &in[0], &w, why);
    if (s == DG_OK)
        s = dg_window_filled(of, &w, why);
    if (s == DG_OK)
        out[0] = dg_window_shape(&w, &in[0], in[0].dim[in[0].rank - 1]);
    return s;
}

int dg_pool_find(const dg_attrs *a, const dg_shape in[], dg_pool *p)
{
    dg_window w;
    if (dg_window_find("pool", a, AT, &in[0], &w, NULL) != DG_OK)
        return 0;
    *p = (dg_pool){.h = w.in[0],
                   .w = w.in[1],
                   .c = in[0].dim[in[0].rank - 1],
                   .kh = w.kernel[0],
                   .kw = w.kernel[1],
                   .oh = w.out[0],
                   .ow = w.out[1],
                   .stride_y = w.stride[0],
                   .stride_x = w.stride[1],
                   .dilation_y = w.dilation[0],
                   .dilation_x = w.dilation[1],
                   .top = w.before[0],
                   .left = w.before[1],
                   .bottom = w.after[0],
                   .right = w.after[1],
                   .padded = a->n > DG_POOL_PADDED && dg_attr_int(a, DG_POOL_PADDED)};
    return p->c > 0 && p->oh > 0 && p->ow > 0;
}

dg_pool dg_pool_lines(const dg_call *c, const dg_pool *p, int64_t *x, int64_t *y)
{
    int64_t skip = c->inner0 * p->stride_y - p->top, above = skip > 0 ? skip : 0;
    dg_pool part = *p;
    part.oh = c->inner1 - c->inner0;
    part.h = p->h - above;
    part.top = above - skip;
    *x = (c->row0 * p->h + above) * p->w * p->c;
    *y = (c->row0 * p->oh + c->inner0) * p->ow * p->c;
    return part;
}

dg_pool dg_pool_lines_back(const dg_call *c, const dg_pool *p, int64_t *x, int64_t *y)
{
    const int64_t first = c->inner0 / p->stride_y,
                  end = (c->inner1 + p->stride_y - 1) / p->stride_y;
    dg_pool part = *p;
    part.h = c->inner1 - c->inner0;
    part.oh = (end < p->oh ? end : p->oh) - first;
    *x = (c->row0 * p->h + c->inner0) * p->w * p->c;
    *y = (c->row0 * p->oh + first) * p->ow * p->c;
    return part;
}

int64_t dg_pool_grain(const dg_sizes *of, int input)
{
    dg_pool p;
    if (of->in[0].rank != 4 || !dg_pool_find(of->attrs, of->in, &p))
        return 0;
    if (input < 0)
        return (p.oh - 1) * p.stride_y - p.top < p.h;
    int apart = p.top == 0 && p.bottom == 0 && (p.kh - 1) * p.dilation_y < p.stride_y;
    return apart && (p.h + p.stride_y - 1) / p.stride_y == p.oh ? p.stride_y : 0;
}

double dg_pool_flops(const dg_sizes *of, int input)
{
    (void)input;
    dg_pool p;
    if (!dg_pool_find(of->attrs, of->in, &p))
        return 0;
    return (double)of->in[0].dim[0] * (double)p.oh * (double)p.ow * (double)p.c * (double)p.kh *
           (double)p.kw;
}

#endif
