/* conv: convolution of pictures or series (channels last) with a small window of weights, in
 * groups.
 *
 *     y[n,i,j,k] = b[k] + sum over r,s,c of
 *                  x[n, i sy + r dy - top, j sx + s dx - left, c] W[r,s,c,k]
 *     A^t eps: the same taps, from y back to x       (a sum over r,s,k)
 *     B^t eps: for W[r,s,c,k] the sum over n,i,j of x[...] eps[n,i,j,k]; for b the sum of eps
 *     dy = conv(dx, W) + conv(x, dW) + db
 *
 * The gradients of a large batch are sums of blocks of pictures (DG_SUM_ROWS in ops/op.h); that of
 * W in a smaller one may be a sum in the domain of Winograd's transform.
 * x is 0 outside the picture. x [N,H,W,C], W [kh,kw,C/groups,channels], b [channels]; a series
 * x [N,T,C], W [k,C/groups,channels] is a picture of one row. */
#include "ops/lines.h"
#include "ops/op.h"
#include "ops/window.h"

enum { X, WEIGHT, BIAS, INPUTS };
enum { CHANNELS, KERNEL, STRIDE, PADDING, DILATION, GROUPS, HAS_BIAS, EXACT };

#ifndef DG_REAL
#include "ops/sizes.h"
#endif

static const dg_window_attrs AT = {KERNEL, STRIDE, DILATION, PADDING, 0};

/* 0 if there is nothing to multiply: a size is 0. */
static int describe(const dg_attrs *a, const dg_shape in[], int exact, dg_conv *s)
{
    dg_window w;
    if (dg_window_find("conv", a, AT, &in[X], &w, NULL) != DG_OK)
        return 0;
    *s = (dg_conv){.h = w.in[0],
                   .w = w.in[1],
                   .c = in[X].dim[in[X].rank - 1],
                   .kh = w.kernel[0],
                   .kw = w.kernel[1],
                   .k = in[WEIGHT].dim[in[WEIGHT].rank - 1],
                   .oh = w.out[0],
                   .ow = w.out[1],
                   .stride_y = w.stride[0],
                   .stride_x = w.stride[1],
                   .dilation_y = w.dilation[0],
                   .dilation_x = w.dilation[1],
                   .top = w.before[0],
                   .left = w.before[1],
                   .groups = dg_attr_int(a, GROUPS),
                   .exact = exact || dg_attr_int(a, EXACT)};
    return s->h > 0 && s->w > 0 && s->c > 0 && s->k > 0 && s->oh > 0 && s->ow > 0;
}

/* Bytes of one picture of the result, up to the next alignment. */
static size_t picture_scratch(const dg_conv *s, size_t element)
{
    size_t bytes = (size_t)(s->oh * s->ow * s->k) * element;
    return (bytes + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
}

/* Bytes of a number for each element of W, up to the next alignment. */
static size_t weight_scratch(const dg_shape *weight, size_t element)
{
    size_t bytes = (size_t)dg_shape_count(weight) * element;
    return (bytes + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
}

/* The gradient of b is cut by so many channels: the lines of eps that a part reads are its own. */
enum { BIAS_PART = 16 };

static int bias_parts(const dg_conv *s)
{
    return (int)((s->k + BIAS_PART - 1) / BIAS_PART);
}

#ifndef DG_REAL

#define NUMBER_OR_PAIR .kind = DG_ATTR_INT, .max_count = 2, .low = 1, .high = DG_WINDOW_MOST

static const dg_attr_spec attrs[] = {
    {.name = "channels",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .high = INT32_MAX,
     .text = "channels of the result"},
    {.name = "kernel", NUMBER_OR_PAIR, .text = "size of the window: a number or [h, w]"},
    {.name = "stride", NUMBER_OR_PAIR, .preset = "1", .text = "step of the window"},
    {.name = "padding",
     .kind = DG_ATTR_INT | DG_ATTR_WORD,
     .max_count = 4,
     .high = DG_WINDOW_MOST,
     .preset = "same",
     .words = "same valid",
     .text = "same, valid, a number, [h, w] or [top, left, bottom, right]"},
    {.name = "dilation", NUMBER_OR_PAIR, .preset = "1", .text = "distance of the taps"},
    {.name = "groups",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .low = 1,
     .high = INT32_MAX,
     .preset = "1",
     .text = "groups of channels that do not see each other"},
    {.name = "bias",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "true",
     .text = "whether b is added"},
    {.name = "exact",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "false",
     .text = "only sums in the order of the definition, not Winograd's"},
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
    dg_status s = dg_window_find("conv", a, AT, x, w, why);
    if (s != DG_OK)
        return s;
    int64_t groups = dg_attr_int(a, GROUPS), channels = dg_attr_int(a, CHANNELS);
    if (x->dim[x->rank - 1] % groups != 0 || channels % groups != 0)
        return dg_diag_set(
            why, DG_EMODEL,
            "conv: groups=%lld must divide the channels of x %s and of the result, %lld",
            (long long)groups, dg_shape_text(x, text, sizeof text), (long long)channels);
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
    int64_t channels = dg_attr_int(a, CHANNELS);
    int64_t each = in[X].dim[in[X].rank - 1] / dg_attr_int(a, GROUPS);
    if (k == WEIGHT && in[X].rank == 3)
        *out = (dg_shape){3, {w.kernel[1], each, channels}};
    else if (k == WEIGHT)
        *out = (dg_shape){4, {w.kernel[0], w.kernel[1], each, channels}};
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

/* The way of W's gradient through a transform's domain, NULL if it goes another. */
static const dg_conv_sum_f32_portable *transformed(const dg_sizes *of, const dg_conv *s)
{
    return of->in[X].dim[0] > DG_SUM_ROWS ? NULL : dg_conv_sum_of(of->real, s);
}

/* Before the kernel's own scratch the tangent needs one picture of the result, and a sum over many
 * pictures a number for each element of W. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    dg_conv s;
    const size_t element = dg_type_bytes(of->real);
    if (!describe(of->attrs, of->in, of->exact, &s))
        return;
    size_t picture = picture_scratch(&s, element);
    size_t weight = of->in[X].dim[0] > DG_SUM_ROWS ? weight_scratch(&of->in[WEIGHT], element) : 0;
    bytes->scratch = (picture > weight ? picture : weight) + dg_conv_scratch(of->real, &s);
    const dg_conv_sum_f32_portable *way = transformed(of, &s);
    size_t own = way ? way->scratch(&s) : 0;
    bytes->scratch = own > bytes->scratch ? own : bytes->scratch;
}

/* W's gradient, what its roundings lost, and the block under way; of b a pair. */
static size_t sum(const dg_sizes *of, int input)
{
    dg_conv s;
    if (input == X || !describe(of->attrs, of->in, of->exact, &s))
        return 0;
    const dg_conv_sum_f32_portable *way = input == WEIGHT ? transformed(of, &s) : NULL;
    if (of->in[X].dim[0] <= DG_SUM_ROWS)
        return way ? way->bytes(&s) : 0;
    return (size_t)dg_shape_count(&of->in[input]) * (input == WEIGHT ? 3 : 2) *
           dg_type_bytes(of->real);
}

static int parts(const dg_sizes *of, int input)
{
    dg_conv s;
    if (!describe(of->attrs, of->in, of->exact, &s))
        return 1;
    const dg_conv_sum_f32_portable *way = input == WEIGHT ? transformed(of, &s) : NULL;
    if (input == WEIGHT)
        return way ? way->parts(&s) : dg_conv_parts(of->real, &s);
    return input == BIAS ? bias_parts(&s) : 1;
}

/* Taps along an axis that fall into the picture, over all results: the others cost nothing. */
static double taps(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
                   int64_t before)
{
    int64_t n = 0;
    for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < kernel; k++) {
            int64_t at = o * stride - before + k * dilation;
            n += at >= 0 && at < in;
        }
    return (double)n;
}

static double flops(const dg_sizes *of, int input)
{
    dg_conv s;
    if (!describe(of->attrs, of->in, of->exact, &s))
        return 0;
    double images = (double)of->in[X].dim[0] * (double)s.k;
    double y = taps(s.h, s.oh, s.kh, s.stride_y, s.dilation_y, s.top);
    double x = taps(s.w, s.ow, s.kw, s.stride_x, s.dilation_x, s.left);
    if (input == BIAS)
        return images * (double)s.oh * (double)s.ow;
    return 2 * images * (double)(s.c / s.groups) * y * x;
}

static const char *name_of(const dg_conv *s, dg_type real, int input)
{
    int wide = real == DG_F64;
    if (input < 0)
        return wide ? dg_conv_choose_forward_f64_portable(s)->name
                    : dg_conv_choose_forward_f32_portable(s)->name;
    if (input == X)
        return wide ? dg_conv_choose_input_f64_portable(s)->name
                    : dg_conv_choose_input_f32_portable(s)->name;
    return wide ? dg_conv_choose_weight_f64_portable(s)->name
                : dg_conv_choose_weight_f32_portable(s)->name;
}

/* Lines stay together by the tile of Winograd; a series has no lines. */
static int64_t grain(const dg_sizes *of, int input)
{
    dg_conv s;
    if (of->in[X].rank != 4 || input > X || !describe(of->attrs, of->in, of->exact, &s) ||
        (s.oh - 1) * s.stride_y - s.top >= s.h) /* its last line sees padding only */
        return 0;
    return strcmp(name_of(&s, of->real, input), "winograd") == 0 ? 4 : 1;
}

/* Winograd does the 36 products of a tile, besides its transforms. */
static const char *algorithm(const dg_sizes *of, int input, double *spared)
{
    dg_conv s;
    *spared = 0;
    if (input >= BIAS || !describe(of->attrs, of->in, of->exact, &s))
        return NULL;
    const dg_conv_sum_f32_portable *way = input == WEIGHT ? transformed(of, &s) : NULL;
    const char *name = way ? way->name : name_of(&s, of->real, input);
    int64_t h = input == X ? s.h : s.oh, w = input == X ? s.w : s.ow;
    int64_t tiles = (h + 3) / 4 * ((w + 3) / 4);
    if (strcmp(name, "winograd") == 0)
        *spared =
            flops(of, input) - 2.0 * 36 * (double)(of->in[X].dim[0] * tiles) * (double)(s.c * s.k);
    return name;
}

static const dg_case cases[] = {
    {"n,h,w,a; 3,3,a,b; b", "channels=b, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w,a; 2,3,a,b; -", "channels=b, kernel=[2, 3], stride=2, bias=false", "uniform(-1,1)",
     HUGE_VAL},
    {"n,7,6,a; 3,2,a,b; b", "channels=b, kernel=[3, 2], padding=valid", "uniform(-1,1)", HUGE_VAL},
    {"n,7,9,a; 3,3,a,b; b",
     "channels=b, kernel=3, stride=[2, 3], dilation=[2, 1], padding=[1, 2, 0, 3]", "uniform(-1,1)",
     HUGE_VAL},
    {"n,6,5,4; 3,3,2,6; 6", "channels=6, kernel=3, groups=2, padding=1", "uniform(-1,1)", HUGE_VAL},
    {"n,6,5,3; 3,3,1,6; 6", "channels=6, kernel=3, groups=3, dilation=2", "uniform(-1,1)",
     HUGE_VAL},
    {"n,h,5,a; 3,3,1,a; a", "channels=a, kernel=3, groups=a", "uniform(-1,1)", HUGE_VAL},
    {"n,9,8,37; 3,4,1,37; -",
     "channels=37, kernel=[3, 4], stride=2, groups=37, padding=[1, 2, 0, 1], bias=false",
     "uniform(-1,1)", HUGE_VAL},
    {"n,7,15,70; 2,7,1,70; 70", "channels=70, kernel=[2, 7], groups=70, dilation=[3, 2]",
     "uniform(-1,1)", HUGE_VAL},
    {"n,30,31,3; 3,3,1,3; 3", "channels=3, kernel=3, stride=[1, 3], groups=3", "uniform(-1,1)",
     HUGE_VAL},
    {"n,h,w,a; 1,1,a,b; b", "channels=b, kernel=1", "uniform(-1,1)", HUGE_VAL},
    {"n,9,9,16; 3,3,16,32; 32", "channels=32, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,13,6,17; 3,3,17,16; 16", "channels=16, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,13,6,17; 3,3,17,16; 16", "channels=16, kernel=3, exact=true", "uniform(-1,1)", HUGE_VAL},
    {"n,14,14,16; 3,3,16,18; -", "channels=18, kernel=3, padding=valid, bias=false",
     "uniform(-1,1)", HUGE_VAL},
    {"n,5,4,a; 5,5,a,b; b", "channels=b, kernel=5, padding=4, stride=3", "uniform(-1,1)", HUGE_VAL},
    {"n,t,a; 3,a,b; b", "channels=b, kernel=3", "uniform(-1,1)", HUGE_VAL},
    {"n,9,4; 2,2,6; 6", "channels=6, kernel=2, stride=2, dilation=3, padding=[2, 1], groups=2",
     "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_conv = {
    .size = sizeof(dg_node_type),
    .name = "conv",
    .formula = "y = x * W + b",
    .onnx = "Conv",
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
    .sum = sum,
    .parts = parts,
    .grain = grain,
    .flops = flops,
    .algorithm = algorithm,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

static int64_t channels_of(const dg_shape *s)
{
    return s->dim[s->rank - 1];
}

static int64_t pixels_of(const dg_shape *s)
{
    return s->dim[1] * (s->rank == 4 ? s->dim[2] : 1);
}

/* Without a tap the result is b, or 0: a linear layer of no features, over the pixels as rows. */
static void only_bias(const dg_call *c, const void *b, real *y)
{
    int64_t pixels = pixels_of(&c->out_shape[0]), k = channels_of(&c->out_shape[0]);
    DG_T(dg_linear)(c->row0 * pixels, c->row1 * pixels, 0, k, NULL, NULL, b, y, c->scratch);
}

/* Lines inner0 to inner1-1 of one picture of the results. */
static void forward_lines(const dg_call *c, const dg_conv *s)
{
    int64_t first;
    const dg_conv part = dg_lines_forward(s, c->inner0, c->inner1, &first);
    const real *x = (const real *)c->in[X] + (c->row0 * s->h + first) * s->w * s->c;
    real *y = (real *)c->out[0] + (c->row0 * s->oh + c->inner0) * s->ow * s->k;
    DG_T(dg_conv_choose_forward)
    (s)->run(&part, 0, 1, x, c->in[WEIGHT], c->in[BIAS], y, c->scratch);
}

/* Those of delta. */
static void input_lines(const dg_call *c, const dg_conv *s)
{
    int64_t first;
    const dg_conv part = dg_lines_back(s, c->inner0, c->inner1, &first);
    const real *eps = (const real *)c->eps[0] + (c->row0 * s->oh + first) * s->ow * s->k;
    real *delta = (real *)c->delta[X] + (c->row0 * s->h + c->inner0) * s->w * s->c;
    DG_T(dg_conv_choose_input)
    (s)->run(&part, 0, 1, eps, c->in[WEIGHT], delta, c->scratch);
}

static dg_status forward(const dg_call *c)
{
    dg_conv s;
    if (!describe(c->attrs, c->in_shape, c->exact, &s))
        only_bias(c, c->in[BIAS], c->out[0]);
    else if (c->inner1 > 0)
        forward_lines(c, &s);
    else
        DG_T(dg_conv_choose_forward)
    (&s)->run(&s, c->row0, c->row1, c->in[X], c->in[WEIGHT], c->in[BIAS], c->out[0], c->scratch);
    return DG_OK;
}

static void weight_gradient(const dg_call *c, const dg_conv *s)
{
    const DG_T(dg_conv_weight) *pass = DG_T(dg_conv_choose_weight)(s);
    int parts = pass->parts(s);
    for (int part = c->part; part < parts; part += c->parts)
        pass->run(s, part, c->in_shape[X].dim[0], c->in[X], c->eps[0], c->add, c->delta[WEIGHT],
                  c->scratch);
}

/* What is done with the elements of W's sum, n from `at` on. */
typedef void on_run(real *sum, int64_t size, int64_t at, int64_t n);

static void begin_sum(real *sum, int64_t size, int64_t at, int64_t n)
{
    for (int k = 0; k < 3; k++)
        DG_T(dg_fill)(n, 0, sum + k * size + at);
}

static void add_block(real *sum, int64_t size, int64_t at, int64_t n)
{
    dg_end_block(sum + at, sum + size + at, sum + 2 * size + at, n);
}

/* Those elements that are a part's own, where `others` is 0. */
static void each_run(const real *others, real *sum, int64_t size, on_run *run)
{
    for (int64_t i = 0, n; i < size; i += n + 1) {
        n = 0;
        while (i + n < size && !(others[i + n] > 0))
            n++;
        if (n > 0)
            run(sum, size, i, n);
    }
}

/* One part of a kernel in blocks of pictures, counted from the first one of the whole batch. Which
 * elements of W it makes the kernel says itself: of no pictures they are 0. */
static void sum_part(const dg_call *c, const dg_conv *s, const DG_T(dg_conv_weight) * pass,
                     int part)
{
    const int64_t size = dg_shape_count(&c->in_shape[WEIGHT]), all = c->in_shape[X].dim[0];
    const real *x = c->in[X], *eps = c->eps[0];
    real *sum = c->sum, *others = c->scratch;
    void *scratch = (char *)c->scratch + weight_scratch(&c->in_shape[WEIGHT], sizeof(real));
    DG_T(dg_fill)(size, 1, others);
    pass->run(s, part, 0, x, eps, 0, others, scratch);
    if (!c->add)
        each_run(others, sum, size, begin_sum);
    for (int64_t n = 0; n < all;) {
        const int64_t left = DG_SUM_BLOCK - (c->first + n) % DG_SUM_BLOCK;
        const int64_t images = all - n < left ? all - n : left;
        pass->run(s, part, images, x + n * s->h * s->w * s->c, eps + n * s->oh * s->ow * s->k, 1,
                  sum + 2 * size, scratch);
        if (images == left)
            each_run(others, sum, size, add_block);
        n += images;
    }
}

static void weight_sum(const dg_call *c, const dg_conv *s)
{
    const DG_T(dg_conv_weight) *pass = DG_T(dg_conv_choose_weight)(s);
    int parts = pass->parts(s);
    for (int part = c->part; part < parts; part += c->parts)
        sum_part(c, s, pass, part);
}

/* The way of W's gradient through a transform's domain, NULL if it goes another. */
static const DG_T(dg_conv_sum) * transformed(const dg_call *c, const dg_conv *s)
{
    return c->in_shape[X].dim[0] > DG_SUM_ROWS ? NULL : DG_T(dg_conv_choose_sum)(s);
}

static void transformed_sum(const dg_call *c, const dg_conv *s, const DG_T(dg_conv_sum) * way)
{
    for (int part = c->part; part < way->parts(s); part += c->parts)
        way->run(s, part, c->in_shape[X].dim[0], c->in[X], c->eps[0], c->add, c->sum, c->scratch);
}

static void bias_gradient(const dg_call *c, const dg_conv *s)
{
    real *sum = c->sum;
    for (int part = c->part; part < bias_parts(s); part += c->parts) {
        int64_t first = (int64_t)part * BIAS_PART, left = s->k - first;
        DG_T(dg_conv_bias)
        (s, first, first + (left < BIAS_PART ? left : BIAS_PART), c->in_shape[X].dim[0], c->eps[0],
         c->add, sum ? sum : c->delta[BIAS], sum ? sum + s->k : NULL);
    }
}

/* A size is 0: no error comes back to x or W, and b sees what pixels there are. */
static void no_gradient(const dg_call *c)
{
    const dg_shape *s = &c->out_shape[0];
    int64_t row = dg_shape_row(&c->in_shape[X]);
    if (c->delta[X])
        DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->delta[X] + c->row0 * row);
    if (c->delta[WEIGHT] && !c->add && c->part == 0)
        DG_T(dg_fill)(dg_shape_count(&c->in_shape[WEIGHT]), 0, c->delta[WEIGHT]);
    if (c->delta[BIAS] && c->part == 0)
        DG_T(dg_sum_columns)
    (s->dim[0] * pixels_of(s), channels_of(s), c->eps[0], channels_of(s), c->add, c->delta[BIAS]);
}

static dg_status adjoint(const dg_call *c)
{
    dg_conv s;
    if (!describe(c->attrs, c->in_shape, c->exact, &s)) {
        no_gradient(c);
        return DG_OK;
    }
    if (c->delta[X] && c->inner1 > 0)
        input_lines(c, &s);
    else if (c->delta[X])
        DG_T(dg_conv_choose_input)
    (&s)->run(&s, c->row0, c->row1, c->eps[0], c->in[WEIGHT], c->delta[X], c->scratch);
    const DG_T(dg_conv_sum) *way = c->delta[WEIGHT] ? transformed(c, &s) : NULL;
    if (way)
        transformed_sum(c, &s, way);
    else if (c->delta[WEIGHT] && c->sum)
        weight_sum(c, &s);
    else if (c->delta[WEIGHT])
        weight_gradient(c, &s);
    if (c->delta[BIAS])
        bias_gradient(c, &s);
    return DG_OK;
}

/* y += conv(x, dW), picture by picture, through one picture of scratch. */
static void add_weight_tangent(const dg_call *c, const dg_conv *s)
{
    const DG_T(dg_conv_forward) *pass = DG_T(dg_conv_choose_forward)(s);
    int64_t from = s->h * s->w * s->c, to = s->oh * s->ow * s->k;
    real *picture = c->scratch;
    char *rest = (char *)c->scratch + picture_scratch(s, sizeof(real));
    for (int64_t n = c->row0; n < c->row1; n++) {
        real *y = (real *)c->dout[0] + n * to;
        pass->run(s, 0, 1, (const real *)c->in[X] + n * from, c->din[WEIGHT], NULL, picture, rest);
        DG_T(dg_add)(to, y, picture, y);
    }
}

static dg_status tangent(const dg_call *c)
{
    dg_conv s;
    int any = describe(c->attrs, c->in_shape, c->exact, &s);
    if (any && c->din[X])
        DG_T(dg_conv_choose_forward)
    (&s)->run(&s, c->row0, c->row1, c->din[X], c->in[WEIGHT], c->din[BIAS], c->dout[0], c->scratch);
    else only_bias(c, c->din[BIAS], c->dout[0]);
    if (any && c->din[WEIGHT])
        add_weight_tangent(c, &s);
    return DG_OK;
}

static dg_status finish(const dg_call *c)
{
    dg_conv s;
    const DG_T(dg_conv_sum) *way = NULL;
    if (c->delta[BIAS])
        dg_finish_pair(c, BIAS);
    if (c->delta[WEIGHT] && describe(c->attrs, c->in_shape, c->exact, &s))
        way = transformed(c, &s);
    for (int part = c->part; way && part < way->parts(&s); part += c->parts)
        way->finish(&s, part, c->sum, c->delta[WEIGHT]);
    if (c->delta[WEIGHT] && !way)
        dg_finish_blocks(c, WEIGHT);
    return DG_OK;
}

const dg_math DG_T(dg_math_conv) = {forward, adjoint, tangent, finish};

#endif
