/* upsample: pictures [N, H, W, C] or series [N, T, C] made larger by a factor for each axis.
 *
 *     nearest  y_o = x_i                          i = floor(o / scale)
 *     linear   y_o = (1 - t) x_i + t x_(i + 1)    i + t = (o + 1/2) / scale - 1/2, within x;
 *              along rows and columns: bilinear   align_corners: i + t = o (in - 1) / (out - 1)
 *     A^t eps = what each x_i gave, with the same weights
 *     dy = the same of dx */
#include "ops/op.h"
#include "ops/taps.h"
#include "ops/window.h"

enum { SCALE, MODE, CORNERS };
enum { NEAREST, LINEAR };

/* By axis of a picture: sizes of x and y, and y's in units of x's places. */
typedef struct {
    int mode, corners;
    double scale[DG_MAX_RANK];
    int64_t in[DG_MAX_RANK], out[DG_MAX_RANK];
} plan;

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {"scale", DG_ATTR_INT | DG_ATTR_REAL, 2, 1, 10000, NULL, NULL,
     "how many times as large: a number or [h, w]"},
    {"mode", DG_ATTR_WORD, 1, 0, 0, "nearest", "nearest linear", "what stands between the places"},
    {"align_corners", DG_ATTR_BOOL, 1, 0, 1, "false", NULL,
     "of linear: the first and last places of x and y lie on one another"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    double scale[2];
    (void)n_in;
    dg_status s = dg_picture_check("upsample", &in[0], why);
    if (s == DG_OK)
        s = dg_picture_pair("upsample", "scale", &a->v[SCALE], &in[0], scale, why);
    if (s == DG_OK && a->v[MODE].word == NEAREST && dg_attr_int(a, CORNERS))
        s = dg_diag_set(why, DG_EMODEL, "upsample: align_corners is for mode=linear");
    if (s != DG_OK)
        return s;
    out[0] = in[0];
    for (int k = 1; k < in[0].rank - 1; k++)
        out[0].dim[k] = (int64_t)((double)in[0].dim[k] * scale[in[0].rank == 4 ? k - 1 : 1]);
    return DG_OK;
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_shape y;
    if (shape(of->attrs, of->n_in, of->in, &y, NULL) == DG_OK)
        bytes->scratch = dg_map_scratch(&of->in[0], &y);
}

static const dg_case cases[] = {
    {"n,h,w,c", "scale=2", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w,c", "scale=[3, 2], mode=linear", "uniform(-1,1)", HUGE_VAL},
    {"n,3,5,70", "scale=[1, 2.5], mode=linear, align_corners=true", "uniform(-1,1)", HUGE_VAL},
    {"n,3,4,2", "scale=1.7", "uniform(-1,1)", HUGE_VAL},
    {"n,t,c", "scale=4, mode=linear", "uniform(-1,1)", HUGE_VAL},
    {"n,1,c", "scale=3, mode=linear, align_corners=true", "uniform(-1,1)", HUGE_VAL},
    {"n,t,c", "scale=1", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_upsample = {
    .size = sizeof(dg_node_type),
    .name = "upsample",
    .formula = "y = x with scale places for each of its own, copied or in between",
    .onnx = "Resize",
    DG_ATTRS(attrs),
    .inputs = inputs,
    .n_inputs = DG_COUNT(inputs),
    .n_out = 1,
    .flags = DG_ROWS | DG_LINEAR,
    .shape = shape,
    .bytes = bytes,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static plan plan_of(const dg_call *c)
{
    const dg_attr_value *scale = &c->attrs->v[SCALE];
    const dg_shape *x = &c->in_shape[0], *y = &c->out_shape[0];
    plan p = {.mode = c->attrs->v[MODE].word, .corners = (int)dg_attr_int(c->attrs, CORNERS)};
    for (int k = 0; k < x->rank; k++) {
        p.in[k] = x->dim[k];
        p.out[k] = y->dim[k];
        p.scale[k] = scale->number[k > 1 && scale->count > 1];
    }
    return p;
}

/* Where place o lies between those of x. */
static double source(const plan *p, int k, int64_t o)
{
    if (p->corners)
        return p->out[k] > 1 ? (double)o * (double)(p->in[k] - 1) / (double)(p->out[k] - 1) : 0;
    double at = ((double)o + 0.5) / p->scale[k] - 0.5;
    return at > 0 ? at : 0;
}

static int taps(const void *of, int k, int64_t o, dg_tap *tap)
{
    const plan *p = of;
    const int64_t last = p->in[k] - 1;
    double at = p->in[k] == p->out[k] ? (double)o
                : p->mode == NEAREST  ? floor((double)o / p->scale[k])
                                      : source(p, k, o);
    int64_t i = (int64_t)at < last ? (int64_t)at : last;
    double t = i < last ? at - (double)i : 0;
    tap[0] = (dg_tap){i, 1 - t};
    tap[1] = (dg_tap){i + 1, t};
    return t > 0 ? 2 : 1;
}

static dg_status run(const dg_call *c)
{
    plan p = plan_of(c);
    return DG_T(dg_map_run)(c, taps, &p);
}

const dg_math DG_T(dg_math_upsample) = {run, run, run};

#endif
