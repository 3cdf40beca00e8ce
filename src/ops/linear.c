/* linear: a dense layer over the last axis.
 *
 *     y = x W + b            x [..., in], W [in, units], b [units], y [..., units]
 *     A^t eps = eps W^t      for x, by rows
 *     B^t eps = x^t eps      for W, summed over all leading axes; sum of eps for b
 *     dy = dx W + x dW + db
 *
 * W^t is never formed. The leading axes are as one: x [N, T, in] has N T rows of products. The
 * gradients of a large batch are sums of blocks of rows (DG_SUM_ROWS in ops/op.h). */
#include "ops/op.h"

enum { X, WEIGHT, BIAS, INPUTS };

#ifndef DG_REAL
#include "ops/sizes.h"

enum { UNITS, HAS_BIAS };
enum { BIAS_TILE = 256 }; /* columns of b in one part of its gradient */

static const dg_attr_spec attrs[] = {
    {.name = "units",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .high = INT32_MAX,
     .text = "length of the last axis of the result"},
    {.name = "bias",
     .kind = DG_ATTR_BOOL,
     .max_count = 1,
     .high = 1,
     .preset = "true",
     .text = "whether b is added"},
};

static const dg_input_spec inputs[] = {
    {.name = "x"},
    {.name = "weight", .flags = DG_IN_PARAMETER, .init = "auto"},
    {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},
};

static dg_status parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k, dg_shape *out,
                           dg_diag *why)
{
    (void)n_in;
    char text[128];
    if (in[X].rank < 2)
        return dg_diag_set(why, DG_EMODEL,
                           "linear takes x [..., in] with rows before its last axis, found %s; "
                           "reshape it",
                           dg_shape_text(&in[X], text, sizeof text));
    if (k == WEIGHT)
        *out = (dg_shape){2, {in[X].dim[in[X].rank - 1], dg_attr_int(a, UNITS)}};
    else if (dg_attr_int(a, HAS_BIAS))
        *out = (dg_shape){1, {dg_attr_int(a, UNITS)}};
    else
        *out = (dg_shape){.rank = -1};
    return DG_OK;
}

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    dg_shape weight;
    dg_status s = parameter(a, n_in, in, WEIGHT, &weight, why);
    if (s != DG_OK)
        return s;
    out[0] = in[X];
    out[0].dim[out[0].rank - 1] = dg_attr_int(a, UNITS);
    return DG_OK;
}

/* Products: the leading axes as one. */
static int64_t rows_of(const dg_shape *x)
{
    dg_shape lead = *x;
    lead.rank--;
    return dg_shape_count(&lead);
}

static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    int64_t rows = rows_of(&of->in[X]), k = of->in[WEIGHT].dim[0], n = of->in[WEIGHT].dim[1];
    size_t pass = dg_linear_scratch(of->real, rows, k, n),
           add = dg_gemm_scratch(of->real, rows, n, k, 1);
    size_t block = dg_gemm_scratch(of->real, k, n, DG_SUM_BLOCK, 1);
    bytes->scratch = pass > add ? pass : add;
    if (of->in[X].dim[0] > DG_SUM_ROWS && block > bytes->scratch)
        bytes->scratch = block;
}

/* [in, units] and what its roundings lost, and the block of rows under way; of b a pair. */
static size_t sum(const dg_sizes *of, int input)
{
    if (of->in[X].dim[0] <= DG_SUM_ROWS || input == X)
        return 0;
    return (size_t)dg_shape_count(&of->in[input]) * (input == WEIGHT ? 3 : 2) *
           dg_type_bytes(of->real);
}

static int parts(const dg_sizes *of, int input)
{
    if (input == WEIGHT)
        return dg_linear_parts(of->real, rows_of(&of->in[X]), of->in[WEIGHT].dim[0],
                               of->in[WEIGHT].dim[1]);
    if (input == BIAS)
        return (int)((of->in[BIAS].dim[0] + BIAS_TILE - 1) / BIAS_TILE);
    return 1;
}

/* Of x [N, in] rows are cut by units, or by features; of x [N, T, in] by products. */
enum { COLUMNS = 32 };

static int64_t grain(const dg_sizes *of, int input)
{
    if (input > X)
        return 0;
    return of->in[X].rank > 2 ? 4 : COLUMNS;
}

static double flops(const dg_sizes *of, int input)
{
    double rows = (double)rows_of(&of->in[X]), units = (double)of->in[WEIGHT].dim[1];
    return input == BIAS ? rows * units : 2 * rows * units * (double)of->in[WEIGHT].dim[0];
}

static const dg_case cases[] = {
    {"n,a; a,b; b", "units=b", "uniform(-1,1)", HUGE_VAL},
    {"n,a; a,b; -", "units=b, bias=false", "uniform(-1,1)", HUGE_VAL},
    {"n,t,a; a,b; b", "units=b", "uniform(-1,1)", HUGE_VAL},
    {"n,33; 33,65; 65", "units=65", "uniform(-1,1)", HUGE_VAL},
    {"n,800; 800,3; 3", "units=3", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_linear = {
    .size = sizeof(dg_node_type),
    .name = "linear",
    .formula = "y = x W + b",
    .onnx = "Gemm",
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
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

enum { BIAS_TILE = 256 };

/* Rows of products of this call, of all calls, and the sizes of W. */
typedef struct {
    int64_t begin, end, all, in, units;
} sizes;

static int by_columns(const dg_call *c)
{
    return c->inner1 > 0 && c->in_shape[X].rank == 2;
}

static sizes sizes_of(const dg_call *c)
{
    const dg_shape *x = &c->in_shape[X];
    int64_t each = 1;
    for (int i = 1; i < x->rank - 1; i++)
        each *= x->dim[i];
    sizes s = {c->row0 * each, c->row1 * each, x->dim[0] * each, x->dim[x->rank - 1],
               c->out_shape[0].dim[x->rank - 1]};
    if (c->inner1 > 0 && x->rank > 2) { /* one row, positions of axis 1 */
        int64_t step = each / x->dim[1];
        s.end = s.begin + c->inner1 * step;
        s.begin += c->inner0 * step;
    }
    return s;
}

static void forward_columns(const dg_call *c, sizes s)
{
    const real *x = (const real *)c->in[X] + s.begin * s.in, *bias = c->in[BIAS];
    const real *w = (const real *)c->in[WEIGHT] + c->inner0;
    real *y = (real *)c->out[0] + s.begin * s.units + c->inner0;
    DG_T(dg_gemm)
    (DG_WRITE, s.end - s.begin, c->inner1 - c->inner0, s.in, x, s.in, 1, w, s.units, 1,
     bias ? bias + c->inner0 : NULL, y, s.units, c->scratch);
}

/* The features of the error vector: dx = dy w^T, rows inner0 to inner1-1 of w. */
static void input_columns(const dg_call *c, sizes s)
{
    const real *eps = (const real *)c->eps[0] + s.begin * s.units;
    const real *w = (const real *)c->in[WEIGHT] + c->inner0 * s.units;
    real *delta = (real *)c->delta[X] + s.begin * s.in + c->inner0;
    DG_T(dg_gemm)
    (DG_WRITE, s.end - s.begin, c->inner1 - c->inner0, s.units, eps, s.units, 1, w, 1, s.units,
     NULL, delta, s.in, c->scratch);
}

static dg_status forward(const dg_call *c)
{
    sizes s = sizes_of(c);
    if (by_columns(c))
        forward_columns(c, s);
    else
        DG_T(dg_linear)
    (s.begin, s.end, s.in, s.units, c->in[X], c->in[WEIGHT], c->in[BIAS], c->out[0], c->scratch);
    return DG_OK;
}

static void weight_gradient(const dg_call *c, sizes s)
{
    int parts = DG_T(dg_linear_weight_parts)(s.all, s.in, s.units);
    for (int part = c->part; part < parts; part += c->parts)
        DG_T(dg_linear_weight)
    (part, s.all, s.in, s.units, c->in[X], c->eps[0], c->add, c->delta[WEIGHT], c->scratch);
}

/* The same in blocks, counted from the first row of the whole batch; a part is some features. */
static void weight_sum(const dg_call *c, sizes s)
{
    const int64_t i0 = s.in * c->part / c->parts, i1 = s.in * (c->part + 1) / c->parts;
    const int64_t size = s.in * s.units, at = i0 * s.units, n = (i1 - i0) * s.units;
    const int64_t before =
        c->in_shape[X].dim[0] > 0 ? c->first * (s.all / c->in_shape[X].dim[0]) : 0;
    const real *x = (const real *)c->in[X] + i0, *eps = c->eps[0];
    real *high = (real *)c->sum + at, *low = high + size, *block = low + size;
    for (int k = 0; k < 3 && !c->add; k++)
        DG_T(dg_fill)(n, 0, high + k * size);
    for (int64_t r = 0; r < s.all && n > 0;) {
        const int64_t left = DG_SUM_BLOCK - (before + r) % DG_SUM_BLOCK;
        const int64_t rows = s.all - r < left ? s.all - r : left;
        DG_T(dg_gemm)
        (DG_CONTINUE, i1 - i0, s.units, rows, x + r * s.in, 1, s.in, eps + r * s.units, s.units, 1,
         NULL, block, s.units, c->scratch);
        if (rows == left)
            dg_end_block(high, low, block, n);
        r += rows;
    }
}

static void bias_gradient(const dg_call *c, sizes s)
{
    const real *eps = c->eps[0];
    real *delta = c->sum ? c->sum : c->delta[BIAS];
    for (int64_t j = (int64_t)c->part * BIAS_TILE; j < s.units;
         j += (int64_t)c->parts * BIAS_TILE) {
        int64_t n = s.units - j < BIAS_TILE ? s.units - j : BIAS_TILE;
        if (c->sum)
            DG_T(dg_sum_columns_pair)
        (s.all, n, eps + j, s.units, c->add, delta + j, delta + s.units + j);
        else DG_T(dg_sum_columns)(s.all, n, eps + j, s.units, c->add, delta + j);
    }
}

static dg_status adjoint(const dg_call *c)
{
    sizes s = sizes_of(c);
    if (c->delta[X] && by_columns(c))
        input_columns(c, s);
    else if (c->delta[X])
        DG_T(dg_linear_input)
    (s.begin, s.end, s.in, s.units, c->eps[0], c->in[WEIGHT], c->delta[X], c->scratch);
    if (c->delta[WEIGHT] && c->sum)
        weight_sum(c, s);
    else if (c->delta[WEIGHT])
        weight_gradient(c, s);
    if (c->delta[BIAS])
        bias_gradient(c, s);
    return DG_OK;
}

static dg_status finish(const dg_call *c)
{
    if (c->delta[BIAS])
        dg_finish_pair(c, BIAS);
    if (c->delta[WEIGHT])
        dg_finish_blocks(c, WEIGHT);
    return DG_OK;
}

/* dx W + db, or db alone by a product over no features; then x dW on top. */
static dg_status tangent(const dg_call *c)
{
    sizes s = sizes_of(c);
    const real *x = (const real *)c->in[X] + s.begin * s.in;
    real *y = (real *)c->dout[0] + s.begin * s.units;
    DG_T(dg_linear)
    (s.begin, s.end, c->din[X] ? s.in : 0, s.units, c->din[X], c->in[WEIGHT], c->din[BIAS],
     c->dout[0], c->scratch);
    if (c->din[WEIGHT])
        DG_T(dg_gemm)
    (DG_ADD, s.end - s.begin, s.units, s.in, x, s.in, 1, c->din[WEIGHT], s.units, 1, NULL, y,
     s.units, c->scratch);
    return DG_OK;
}

const dg_math DG_T(dg_math_linear) = {forward, adjoint, tangent, finish};

#endif
