/* conv_transpose: the adjoint of a convolution as a node: each element of x spreads a window of
 * weights over the result, which is larger by the stride.
 *
 *     y[n, i sy + r dy - top, j sx + s dx - left, c]
 *              = b[c] + sum over r,s,k of x[n,i,j,k] W[r,s,c,k]
 *     A^t eps  = conv(eps, W), the convolution that it is the adjoint of
 *     B^t eps    for W[r,s,c,k]: the sum over n,i,j of eps[..] x[n,i,j,k]; for b: the sum of eps
 *     dy       = conv_transpose(dx, W) + conv_transpose(x, dW) + db
 *
 * x [N,H,W,K], W [kh,kw,channels/groups,K], b [channels], channels last; a series x [N,T,K],
 * W [k,channels/groups,K]. What falls outside the result is left out.
 *
 *     size of the result = (in - 1) stride + (kernel - 1) dilation + 1 - padding + output_padding
 *     padding=same: in stride */
#include "ops/lines.h"
#include "ops/op.h"
#include "ops/window.h"

enum { X, WEIGHT, BIAS, INPUTS };
enum { CHANNELS, KERNEL, STRIDE, PADDING, DILATION, GROUPS, HAS_BIAS, OUTPUT_PADDING };
enum { BIAS_PART = 16 }; /* channels of b in one part of its gradient */

#ifndef DG_REAL
#include "ops/sizes.h"
#endif

static const dg_window_attrs AT = {KERNEL, STRIDE, DILATION, PADDING, 0};

static int64_t last_of(const dg_shape *x)
{
    return x->dim[x->rank - 1];
}

/* The convolution from y to x; 0 if a size is 0. */
static int describe(const dg_attrs *a, const dg_shape in[], int exact, dg_conv *s)
{
    dg_window w;
    if (dg_window_widen("conv_transpose", a, AT, OUTPUT_PADDING, &in[X], &w, NULL) != DG_OK)
        return 0;
    *s = (dg_conv){.h = w.out[0],
                   .w = w.out[1],
                   .c = dg_attr_int(a, CHANNELS),
                   .kh = w.kernel[0],
                   .kw = w.kernel[1],
                   .k = last_of(&in[X]),
                   .oh = w.in[0],
                   .ow = w.in[1],
                   .stride_y = w.stride[0],
                   .stride_x = w.stride[1],
                   .dilation_y = w.dilation[0],
                   .dilation_x = w.dilation[1],
                   .top = w.before[0],
                   .left = w.before[1],
                   .groups = dg_attr_int(a, GROUPS),
                   .exact = exact};
    return s->h > 0 && s->w > 0 && s->c > 0 && s->k > 0 && s->oh > 0 && s->ow > 0;
}

/* Bytes of one picture of the result, up to the next alignment. */
static size_t picture_scratch(const dg_conv *s, size_t element)
{
    size_t bytes = (size_t)(s->h * s->w * s->c) * element;
    return (bytes + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
}

static int bias_parts(int64_t channels)
{
    return (int)((channels + BIAS_PART - 1) / BIAS_PART);
}

#ifndef DG_REAL

#define NUMBER_OR_PAIR .kind = DG_ATTR_INT, .max_count = 2, .high = DG_WINDOW_MOST

static const dg_attr_spec attrs[] = {
    {"channels", DG_ATTR_INT, 1, 0, INT32_MAX, NULL, NULL, "channels of the result"},
    {.name = "kernel", NUMBER_OR_PAIR, .low = 1, .text = "size of the window: a number or [h, w]"},
    {.name = "stride",
     NUMBER_OR_PAIR,
     .low = 1,
     .preset = "1",
     .text = "step of the window over the result"},
    {.name = "padding",
     .kind = DG_ATTR_INT | DG_ATTR_WORD,
     .max_count = 4,
     .high = DG_WINDOW_MOST,
     .preset = "same",
     .words = "same valid",
     .text = "cut off the result: same, valid, a number, [h, w] or [top, left, bottom, right]"},
    {.name = "dilation", NUMBER_OR_PAIR, .low = 1, .preset = "1", .text = "distance of the taps"},
    {"groups", DG_ATTR_INT, 1, 1, INT32_MAX, "1", NULL,
     "groups of channels that do not see each other"},
    {"bias", DG_ATTR_BOOL, 1, 0, 1, "true", NULL, "whether b is added"},
    {.name = "output_padding",
     NUMBER_OR_PAIR,
     .preset = "0",
     .text = "added to the size of the result, at its end"},
};

static const dg_input_spec inputs[] = {
    {.name = "x"},
    {.name = "weight", .flags = DG_IN_PARAMETER, .init = "auto"},
    {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},
};

/* The window, and whether the channels fit the groups. */
static dg_status find(const dg_attrs *a, const dg_shape *x, dg_window *w, dg_diag *why)
{
    char text[128];
    dg_status s = dg_window_widen("conv_transpose", a, AT, OUTPUT_PADDING, x, w, why);
    if (s != DG_OK)
        return s;
    int64_t groups = dg_attr_int(a, GROUPS), channels = dg_attr_int(a, CHANNELS);
    if (last_of(x) % groups != 0 || channels % groups != 0)
        return dg_diag_set(why, DG_EMODEL,
                           "conv_transpose: groups=%lld must divide the channels of x %s and of "
                           "the result, %lld",
                           (long long)groups, dg_shape_text(x, text, sizeof text),
                           (long long)channels);
    return DG_OK;
}

static dg_status parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why)
{
    (void)n_in;
    dg_window w;
    dg_status s = find(a, &in[X], &w, why);
    if (s != DG_OK)
        return s;
    int64_t channels = dg_attr_int(a, CHANNELS), each = channels / dg_attr_int(a, GROUPS);
    if (k == WEIGHT && in[X].rank == 3)
        *out = (dg_shape){3, {w.kernel[1], each, last_of(&in[X])}};
    else if (k == WEIGHT)
        *out = (dg_shape){4, {w.kernel[0], w.kernel[1], each, last_of(&in[X])}};
    else if (dg_attr_int(a, HAS_BIAS))
        *out = (dg_shape){1, {channels}};
    else
        *out = (dg_shape){.rank = -1};
    return DG_OK;
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)n_in;
    dg_window w;
    dg_status s = find(a, &in[X], &w, why);
    if (s == DG_OK)
        out[0] = dg_window_shape(&w, &in[X], dg_attr_int(a, CHANNELS));
    return s;
}

/* The tangent needs one picture of the result before the kernel's own scratch. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_conv s;
    if (describe(of->attrs, of->in, of->exact, &s))
        bytes->scratch =
            picture_scratch(&s, dg_type_bytes(of->real)) + dg_conv_scratch(of->real, &s);
}

static int parts(const dg_sizes *of, int input)
{
    dg_conv s;
    if (input == BIAS)
        return bias_parts(dg_attr_int(of->attrs, CHANNELS));
    if (input != WEIGHT || !describe(of->attrs, of->in, of->exact, &s))
        return 1;
    return dg_conv_parts(of->real, &s);
}

static double flops(const dg_sizes *of, int input)
{
    dg_conv s;
    if (!describe(of->attrs, of->in, of->exact, &s))
        return 0;
    double images = (double)of->in[X].dim[0];
    if (input == BIAS)
        return images * (double)(s.h * s.w) * (double)s.c;
    return 2 * images * (double)(s.oh * s.ow) * (double)(s.kh * s.kw) * (double)s.k *
           (double)(s.c / s.groups);
}

/* Lines stay together by the tile of Winograd; a series has no lines. */
static int64_t grain(const dg_sizes *of, int input)
{
    dg_conv s;
    int lines = of->in[X].rank == 4 && input <= X && describe(of->attrs, of->in, of->exact, &s);
    /* Else the last line of x falls on what is cut off. */
    return lines && (s.oh - 1) * s.stride_y - s.top < s.h ? 4 : 0;
}

static const dg_case cases[] = {
    {"n,h,w,a; 3,3,b,a; b", "channels=b, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w,a; 2,3,b,a; -", "channels=b, kernel=[2, 3], stride=2, bias=false", "uniform(-1,1)",
     HUGE_VAL},
    {"n,5,4,a; 3,2,b,a; b", "channels=b, kernel=[3, 2], padding=valid, stride=[2, 3]",
     "uniform(-1,1)", HUGE_VAL},
    {"n,5,4,6; 3,3,2,6; 4",
     "channels=4, kernel=3, groups=2, padding=[1, 2, 0, 3], dilation=[2, 1], stride=3, "
     "output_padding=[1, 2]",
     "uniform(-1,1)", HUGE_VAL},
    {"n,9,9,16; 3,3,32,16; 32", "channels=32, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,8,h,2a; 4,2,2b,2a; 2b", "channels=2b, kernel=[4, 2], stride=[3, 2], padding=1",
     "uniform(-1,1)", HUGE_VAL},
    {"n,t,a; 3,b,a; b", "channels=b, kernel=3, stride=2, padding=1, output_padding=1",
     "uniform(-1,1)", HUGE_VAL},
    {"n,5,a; 1,b,a; b", "channels=b, kernel=1, stride=3", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_conv_transpose = {
    .size = sizeof(dg_node_type),
    .name = "conv_transpose",
    .formula = "y = x *^t W + b",
    .onnx = "ConvTranspose",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = INPUTS,
    .n_out = 1,
    .flags = DG_ROWS | DG_ACCUMULATES,
    .saves_in = 1 << X | 1 << WEIGHT,
    .shape = shape,
    .parameter = parameter,
    .bytes = bytes,
    .parts = parts,
    .grain = grain,
    .flops = flops,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

/* y += b, or y = b, for n elements; b NULL: zero. */
static void bias(const dg_call *c, const real *b, int add, int64_t n, real *y)
{
    const int64_t channels = last_of(&c->out_shape[0]);
    if (!b) {
        if (!add)
            DG_T(dg_fill)(n, 0, y);
        return;
    }
    for (int64_t i = 0; i < n; i += channels)
        if (add)
            DG_T(dg_add)(channels, y + i, b, y + i);
        else
            DG_T(dg_copy)(channels, b, y + i);
}

/* y = conv_transpose(x, w) + b, any of them zero. */
static void spread(const dg_call *c, const dg_conv *s, const real *x, const real *w, const real *b,
                   real *y)
{
    const int64_t row = dg_shape_row(&c->out_shape[0]);
    if (x)
        DG_T(dg_conv_choose_input)(s)->run(s, c->row0, c->row1, x, w, y, c->scratch);
    bias(c, b, x != NULL, (c->row1 - c->row0) * row, y + c->row0 * row);
}

/* Lines inner0 to inner1-1 of one picture of the results. */
static void forward_lines(const dg_call *c, const dg_conv *s)
{
    int64_t first, line = s->w * s->c;
    const dg_conv part = dg_lines_back(s, c->inner0, c->inner1, &first);
    const real *x = (const real *)c->in[X] + (c->row0 * s->oh + first) * s->ow * s->k;
    real *y = (real *)c->out[0] + (c->row0 * s->h + c->inner0) * line;
    DG_T(dg_conv_choose_input)(s)->run(&part, 0, 1, x, c->in[WEIGHT], y, c->scratch);
    bias(c, c->in[BIAS], 1, (c->inner1 - c->inner0) * line, y);
}

static dg_status forward(const dg_call *c)
{
    dg_conv s;
    int any = describe(c->attrs, c->in_shape, c->exact, &s);
    if (c->inner1 > 0)
        forward_lines(c, &s);
    else
        spread(c, &s, any ? c->in[X] : NULL, c->in[WEIGHT], c->in[BIAS], c->out[0]);
    return DG_OK;
}

/* Those of delta. */
static void input_lines(const dg_call *c, const dg_conv *s)
{
    int64_t first;
    const dg_conv part = dg_lines_forward(s, c->inner0, c->inner1, &first);
    const real *eps = (const real *)c->eps[0] + (c->row0 * s->h + first) * s->w * s->c;
    real *delta = (real *)c->delta[X] + (c->row0 * s->oh + c->inner0) * s->ow * s->k;
    DG_T(dg_conv_choose_forward)
    (s)->run(&part, 0, 1, eps, c->in[WEIGHT], NULL, delta, c->scratch);
}

static void input_gradient(const dg_call *c, const dg_conv *s, int any)
{
    int64_t row = dg_shape_row(&c->in_shape[X]);
    if (c->inner1 > 0)
        input_lines(c, s);
    else if (any)
        DG_T(dg_conv_choose_forward)
    (s)->run(s, c->row0, c->row1, c->eps[0], c->in[WEIGHT], NULL, c->delta[X], c->scratch);
    else DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->delta[X] + c->row0 * row);
}

static void weight_gradient(const dg_call *c, const dg_conv *s, int any)
{
    if (!any) {
        if (!c->add && c->part == 0)
            DG_T(dg_fill)(dg_shape_count(&c->in_shape[WEIGHT]), 0, c->delta[WEIGHT]);
        return;
    }
    const DG_T(dg_conv_weight) *pass = DG_T(dg_conv_choose_weight)(s);
    int parts = pass->parts(s);
    for (int part = c->part; part < parts; part += c->parts)
        pass->run(s, part, c->in_shape[X].dim[0], c->eps[0], c->in[X], c->add, c->delta[WEIGHT],
                  c->scratch);
}

static void bias_gradient(const dg_call *c)
{
    const dg_shape *y = &c->out_shape[0];
    dg_conv s = {.oh = y->dim[1], .ow = y->rank == 4 ? y->dim[2] : 1, .k = last_of(y)};
    for (int part = c->part; part < bias_parts(s.k); part += c->parts) {
        int64_t first = (int64_t)part * BIAS_PART, left = s.k - first;
        DG_T(dg_conv_bias)
        (&s, first, first + (left < BIAS_PART ? left : BIAS_PART), y->dim[0], c->eps[0], c->add,
         c->delta[BIAS], NULL);
    }
}

static dg_status adjoint(const dg_call *c)
{
    dg_conv s;
    int any = describe(c->attrs, c->in_shape, c->exact, &s);
    if (c->delta[X])
        input_gradient(c, &s, any);
    if (c->delta[WEIGHT])
        weight_gradient(c, &s, any);
    if (c->delta[BIAS])
        bias_gradient(c);
    return DG_OK;
}

/* y += conv_transpose(x, dW), picture by picture, through one picture of scratch. */
static void add_weight_tangent(const dg_call *c, const dg_conv *s)
{
    const DG_T(dg_conv_input) *pass = DG_T(dg_conv_choose_input)(s);
    int64_t from = s->oh * s->ow * s->k, to = s->h * s->w * s->c;
    real *picture = c->scratch;
    char *rest = (char *)c->scratch + picture_scratch(s, sizeof(real));
    for (int64_t n = c->row0; n < c->row1; n++) {
        real *y = (real *)c->dout[0] + n * to;
        pass->run(s, 0, 1, (const real *)c->in[X] + n * from, c->din[WEIGHT], picture, rest);
        DG_T(dg_add)(to, y, picture, y);
    }
}

static dg_status tangent(const dg_call *c)
{
    dg_conv s;
    int any = describe(c->attrs, c->in_shape, c->exact, &s);
    spread(c, &s, any ? c->din[X] : NULL, c->in[WEIGHT], c->din[BIAS], c->dout[0]);
    if (any && c->din[WEIGHT])
        add_weight_tangent(c, &s);
    return DG_OK;
}

const dg_math DG_T(dg_math_conv_transpose) = {forward, adjoint, tangent};

#endif
