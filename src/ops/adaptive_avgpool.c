/* adaptive_avgpool: pictures [N, H, W, C] or series [N, T, C] brought to a given size by means.
 *
 *     y_o = mean of x_i, floor(o in / out) <= i < ceil((o + 1) in / out), along rows and columns
 *     A^t eps = each eps_o, divided by the size of its window, to all places of the window
 *     dy = the same means of dx */
#include "ops/op.h"
#include "ops/taps.h"
#include "ops/window.h"

enum { SIZE };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"size", DG_ATTR_INT, 2, 1, DG_WINDOW_MOST, NULL, NULL, "of the result: a number or [h, w]"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char text[128];
    double size[2];
    (void)n_in;
    dg_status s = dg_picture_check("adaptive_avgpool", &in[0], why);
    if (s == DG_OK)
        s = dg_picture_pair("adaptive_avgpool", "size", &a->v[SIZE], &in[0], size, why);
    if (s != DG_OK)
        return s;
    out[0] = in[0];
    for (int k = 1; k < in[0].rank - 1; k++) {
        if (in[0].dim[k] < 1)
            return dg_diag_set(why, DG_EMODEL, "adaptive_avgpool: nothing to average in %s",
                               dg_shape_text(&in[0], text, sizeof text));
        out[0].dim[k] = (int64_t)size[in[0].rank == 4 ? k - 1 : 1];
    }
    return DG_OK;
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_shape y;
    if (shape(of->attrs, of->n_in, of->in, &y, NULL) == DG_OK)
        bytes->scratch = dg_map_scratch(&of->in[0], &y);
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return (double)dg_shape_count(&of->in[0]);
}

static const dg_case cases[] = {
    {"n,h,w,c", "size=1", "uniform(-1,1)", HUGE_VAL},
    {"n,7,5,c", "size=[3, 2]", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w,70", "size=3", "uniform(-1,1)", HUGE_VAL},
    {"n,2,6,3", "size=[5, 6]", "uniform(-1,1)", HUGE_VAL},
    {"n,t,c", "size=4", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_adaptive_avgpool = {
    .size = sizeof(dg_node_type),
    .name = "adaptive_avgpool",
    .formula = "y = means of windows that share the picture out",
    .onnx = NULL, /* ONNX has no such operator: AveragePool where the sizes divide */
    DG_ATTRS(attrs),
    .inputs = inputs,
    .n_inputs = DG_COUNT(inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
    .bytes = bytes,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* The shapes of x and y. */
typedef struct {
    const dg_shape *x, *y;
} sizes;

static int taps(const void *of, int k, int64_t o, dg_tap *tap)
{
    const sizes *s = of;
    int64_t in = s->x->dim[k], out = s->y->dim[k];
    int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
    for (int64_t i = begin; i < end; i++)
        tap[i - begin] = (dg_tap){i, 1 / (double)(end - begin)};
    return (int)(end - begin);
}

static dg_status run(const dg_call *c)
{
    sizes s = {&c->in_shape[0], &c->out_shape[0]};
    return DG_T(dg_map_run)(c, taps, &s);
}

const dg_math DG_T(dg_math_adaptive_avgpool) = {run, run, run};

#endif
