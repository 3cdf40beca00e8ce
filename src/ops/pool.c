/* What the pooling nodes share. */
#ifndef DG_REAL

#include "ops/pool.h"
#include "ops/window.h"

static const dg_window_attrs AT = {.kernel = 0, .stride = 1, .dilation = -1, .padding = 2};

const dg_attr_spec dg_pool_attrs[3] = {
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
};

dg_status dg_pool_result(const char *of, const dg_attrs *a, const dg_shape in[], dg_shape out[],
                         dg_diag *why)
{
    dg_window w;
    dg_status s = dg_window_find(of, a, AT, &in[0], &w, why);
    if (s == DG_OK)
        s = dg_window_filled(of, &w, why);
    if (s == DG_OK)
        out[0] = dg_window_shape(&w, &in[0], in[0].dim[3]);
    return s;
}

int dg_pool_find(const dg_attrs *a, const dg_shape in[], dg_pool *p)
{
    dg_window w;
    if (dg_window_find("pool", a, AT, &in[0], &w, NULL) != DG_OK)
        return 0;
    *p = (dg_pool){.h = w.in[0],
                   .w = w.in[1],
                   .c = in[0].dim[3],
                   .kh = w.kernel[0],
                   .kw = w.kernel[1],
                   .oh = w.out[0],
                   .ow = w.out[1],
                   .stride_y = w.stride[0],
                   .stride_x = w.stride[1],
                   .top = w.before[0],
                   .left = w.before[1]};
    return p->c > 0 && p->oh > 0 && p->ow > 0;
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
