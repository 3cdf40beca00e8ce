/* rnn, gru and lstm: states that go through the places of a series. x [N, T, F], h [N, T, units].
 * With a = x_t Wx + h' Wh + b, h' the state before, in blocks of `units` columns, one a gate:
 *
 *     rnn    h = tanh a
 *     gru    r, z = sigmoid a_r, a_z;  n = tanh(x_t Wn + b_n + r (h' Un + e))   reset=after
 *                                      n = tanh(x_t Wn + b_n + (r h') Un)       reset=before
 *            h = n + z (h' - n)
 *     lstm   i, f, g, o = sigmoid a_i, sigmoid a_f, tanh a_g, sigmoid a_o
 *            c = f c' + i g,  h = o tanh c
 *
 * Gates are in the order of PyTorch: r z n, i f g o. A layer reads the states of the layer below,
 * of both directions if there are two. Block b = layer * directions + direction has its own columns
 * of G units, G being the number of gates:
 *
 *     weight          [F, directions G units]                              layer 0
 *     deep            [directions units, (layers - 1) directions G units]  the layers above it
 *     recurrent       [units, layers directions G units]
 *     bias            [layers directions G units]
 *     recurrent_bias  [layers directions units]                            e of gru, reset=after
 *
 * start and cell [N, layers directions, units] are h' and c' of the first place, 0 where absent.
 * Results: all states of the last layer [N, T, directions units]; the last ones of each block
 * [N, layers directions, units]; of lstm the last c too.
 *
 * A^t eps goes back through the places once, and leaves the errors of all a (and of h' Un + e) for
 * B^t eps, which is then one product a matrix: x^t da, h'^t da, summed over rows, then places. */
#include "ops/op.h"

enum { RNN, GRU, LSTM };
enum { X, WEIGHT, DEEP, RECURRENT, BIAS, START, CELL, INPUTS, SECOND_BIAS = CELL };
enum { UNITS, LAYERS, DIRECTION, RESET };
enum { FORWARD, BACKWARD, BOTH };
enum { ROWS = 32, TILE = 64 }; /* rows that go through the places together; rows of W in a part */

typedef struct {
    int kind, gates, directions, direction, layers, blocks;
    int after;                      /* gru: h' Un + e is made, and kept */
    int64_t n, t, f, u, width, out; /* width: columns of a; out: of a layer */
} plan;

static plan plan_of(int kind, const dg_attrs *a, const dg_shape *x)
{
    plan p = {.kind = kind,
              .gates = kind == RNN   ? 1
                       : kind == GRU ? 3
                                     : 4,
              .direction = a->v[DIRECTION].word,
              .layers = (int)dg_attr_int(a, LAYERS),
              .after = kind == GRU && a->v[RESET].word == 1,
              .n = x->dim[0],
              .t = x->dim[1],
              .f = x->dim[2],
              .u = dg_attr_int(a, UNITS)};
    p.directions = p.direction == BOTH ? 2 : 1;
    p.blocks = p.layers * p.directions;
    p.width = p.gates * p.u;
    p.out = p.directions * p.u;
    return p;
}

/* Numbers that each place of a block keeps besides its gates: c, or h' Un + e. */
static int64_t extra(const plan *p)
{
    return p->kind == LSTM || p->after ? p->u : 0;
}

/* Columns of what layer l reads. */
static int64_t width_in(const plan *p, int l)
{
    return l == 0 ? p->f : p->out;
}

static int64_t tiles(int64_t rows)
{
    return (rows + TILE - 1) / TILE;
}

#ifndef DG_REAL
#include "ops/sizes.h"

#define COMMON_ATTRS                                                                               \
    {"units", DG_ATTR_INT, 1, 0, 1 << 20, NULL, NULL, "length of a state"},                        \
        {"layers", DG_ATTR_INT, 1, 1, 1024, "1", NULL, "how many, one upon the other"},            \
    {                                                                                              \
        "direction", DG_ATTR_WORD, 1, 0, 0, "forward", "forward backward both",                    \
            "of the walk through the places"                                                       \
    }

static const dg_attr_spec attrs[] = {COMMON_ATTRS};
static const dg_attr_spec gru_attrs[] = {
    COMMON_ATTRS,
    {"reset", DG_ATTR_WORD, 1, 0, 0, "after", "before after",
     "whether r is applied before or after the product (PyTorch; ONNX linear_before_reset)"}};

#define COMMON_INPUTS                                                                              \
    {.name = "x"}, {.name = "weight", .flags = DG_IN_PARAMETER, .init = "glorot"},                 \
        {.name = "deep", .flags = DG_IN_PARAMETER, .init = "glorot"},                              \
        {.name = "recurrent", .flags = DG_IN_PARAMETER, .init = "glorot"},                         \
        {.name = "bias", .flags = DG_IN_PARAMETER, .init = "zeros"},                               \
    {                                                                                              \
        .name = "start", .flags = DG_IN_OPTIONAL                                                   \
    }

static const dg_input_spec rnn_inputs[] = {COMMON_INPUTS};
static const dg_input_spec gru_inputs[] = {
    COMMON_INPUTS, {.name = "recurrent_bias", .flags = DG_IN_PARAMETER, .init = "zeros"}};
static const dg_input_spec lstm_inputs[] = {COMMON_INPUTS,
                                            {.name = "cell", .flags = DG_IN_OPTIONAL}};

static const char *const NAME[] = {"rnn", "gru", "lstm"};

static dg_status parameter_of(int kind, const dg_attrs *a, const dg_shape in[], int k,
                              dg_shape *out, dg_diag *why)
{
    char text[128];
    if (in[X].rank != 3)
        return dg_diag_set(why, DG_EMODEL, "%s takes a series [N, T, F], found %s", NAME[kind],
                           dg_shape_text(&in[X], text, sizeof text));
    plan p = plan_of(kind, a, &in[X]);
    *out = (dg_shape){.rank = -1};
    if (k == WEIGHT)
        *out = (dg_shape){2, {p.f, p.directions * p.width}};
    else if (k == DEEP && p.layers > 1)
        *out = (dg_shape){2, {p.out, (p.blocks - p.directions) * p.width}};
    else if (k == RECURRENT)
        *out = (dg_shape){2, {p.u, p.blocks * p.width}};
    else if (k == BIAS)
        *out = (dg_shape){1, {p.blocks * p.width}};
    else if (k == SECOND_BIAS && p.after)
        *out = (dg_shape){1, {p.blocks * p.u}};
    return DG_OK;
}

static dg_status shape_of(int kind, const dg_attrs *a, int n_in, const dg_shape in[],
                          dg_shape out[], dg_diag *why)
{
    char found[128], want[128];
    dg_shape weight;
    dg_status s = parameter_of(kind, a, in, WEIGHT, &weight, why);
    if (s != DG_OK)
        return s;
    plan p = plan_of(kind, a, &in[X]);
    out[0] = (dg_shape){3, {p.n, p.t, p.out}};
    out[1] = (dg_shape){3, {p.n, p.blocks, p.u}};
    if (kind == LSTM)
        out[2] = out[1];
    for (int k = START; k < n_in && k <= (kind == LSTM ? CELL : START); k++)
        if (in[k].rank >= 0 && !dg_shape_equal(&in[k], &out[1]))
            return dg_diag_set(why, DG_EMODEL, "%s: %s is %s, it takes %s", NAME[kind],
                               k == START ? "start" : "cell",
                               dg_shape_text(&in[k], found, sizeof found),
                               dg_shape_text(&out[1], want, sizeof want));
    return DG_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t product_scratch(const plan *p, dg_type real)
{
    size_t scratch = larger(dg_gemm_scratch(real, ROWS, p->width, p->u, 1),
                            dg_gemm_scratch(real, ROWS, p->u, p->width, 1));
    for (int l = 0; l < p->layers && l < 2; l++) {
        int64_t in = width_in(p, l), rows = ROWS * p->t;
        scratch = larger(scratch, dg_gemm_scratch(real, rows, p->width, in, 1));
        scratch =
            larger(scratch, dg_gemm_scratch(real, rows, in, p->width, 2)); /* Wx^t is packed */
        scratch = larger(scratch, dg_gemm_scratch(real, TILE, p->width, p->n * p->t, 1));
        scratch = larger(scratch, dg_gemm_scratch(real, TILE, p->width, p->t, 1));
    }
    return scratch;
}

/* Scratch in numbers: Wh transposed, three states of ROWS rows; of a tangent two layers of one row,
 * its a, and four states; of a gradient r h' of a row. */
static int64_t scratch_numbers(const plan *p)
{
    int64_t back = p->u * p->width + 3 * ROWS * p->u;
    int64_t ahead = p->t * (2 * p->out + p->width) + 4 * p->u;
    int64_t most = back > ahead ? back : ahead;
    return most > p->t * p->u ? most : p->t * p->u;
}

static void bytes_of(int kind, const dg_sizes *of, dg_bytes *bytes)
{
    plan p = plan_of(kind, of->attrs, &of->in[X]);
    size_t unit = dg_type_bytes(of->real), places = (size_t)(p.n * p.t);
    size_t hidden = (size_t)(p.layers - 1) * places * (size_t)p.out;
    size_t each = places * (size_t)(p.width + extra(&p));
    bytes->saved = (each * (size_t)p.blocks + hidden) * unit;
    each = places * (size_t)(p.width + (p.after ? p.u : 0));
    bytes->carried = (each * (size_t)p.blocks + hidden) * unit;
    size_t used = (size_t)scratch_numbers(&p) * unit;
    bytes->scratch = (used + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN + product_scratch(&p, of->real);
}

static int parts_of(int kind, const dg_sizes *of, int input)
{
    plan p = plan_of(kind, of->attrs, &of->in[X]);
    if (input == WEIGHT)
        return (int)(p.directions * tiles(p.f));
    if (input == DEEP)
        return (int)((p.blocks - p.directions) * tiles(p.out));
    if (input == RECURRENT)
        return (int)(p.blocks * tiles(p.u));
    return input == BIAS || (input == SECOND_BIAS && kind == GRU) ? p.blocks : 1;
}

static double flops_of(int kind, const dg_sizes *of, int input)
{
    plan p = plan_of(kind, of->attrs, &of->in[X]);
    double a = 2 * (double)(p.n * p.t) * (double)p.width, d = p.directions;
    double first = d * a * (double)p.f, deep = d * (p.layers - 1) * a * (double)p.out;
    double states = p.blocks * a * (double)p.u;
    return input < 0 || input == X ? first + deep + states
           : input == WEIGHT       ? first
           : input == DEEP         ? deep
           : input == RECURRENT    ? states
                                   : (double)(p.n * p.t) * (double)p.width;
}

static dg_status rnn_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                               dg_shape *out, dg_diag *why)
{
    (void)n_in;
    return parameter_of(RNN, a, in, k, out, why);
}

static dg_status gru_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                               dg_shape *out, dg_diag *why)
{
    (void)n_in;
    return parameter_of(GRU, a, in, k, out, why);
}

static dg_status lstm_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                                dg_shape *out, dg_diag *why)
{
    (void)n_in;
    return parameter_of(LSTM, a, in, k, out, why);
}

static dg_status rnn_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                           dg_diag *why)
{
    return shape_of(RNN, a, n_in, in, out, why);
}

static dg_status gru_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                           dg_diag *why)
{
    return shape_of(GRU, a, n_in, in, out, why);
}

static dg_status lstm_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    return shape_of(LSTM, a, n_in, in, out, why);
}

static void rnn_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes_of(RNN, of, bytes);
}

static void gru_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes_of(GRU, of, bytes);
}

static void lstm_bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes_of(LSTM, of, bytes);
}

static int rnn_parts(const dg_sizes *of, int input)
{
    return parts_of(RNN, of, input);
}

static int gru_parts(const dg_sizes *of, int input)
{
    return parts_of(GRU, of, input);
}

static int lstm_parts(const dg_sizes *of, int input)
{
    return parts_of(LSTM, of, input);
}

static double rnn_flops(const dg_sizes *of, int input)
{
    return flops_of(RNN, of, input);
}

static double gru_flops(const dg_sizes *of, int input)
{
    return flops_of(GRU, of, input);
}

static double lstm_flops(const dg_sizes *of, int input)
{
    return flops_of(LSTM, of, input);
}

static const dg_case rnn_cases[] = {
    {"n,4,7; 7,3; -; 3,3; 3; -", "units=3", "uniform(-1,1)", 0.15},
    {"n,3,2; 2,6; 6,6; 3,12; 12; n,4,3", "units=3, layers=2, direction=both", "uniform(-1,1)",
     0.15},
    {"n,t,2; 2,5; -; 5,5; 5; n,1,5", "units=5, direction=backward",
     "uniform(-1,1); uniform(-0.2,0.2)", 0.15},
    {"a,3,2; 2,2; -; 2,2; 2; -", "units=2", "uniform(-1,1)", 0.15},
};

static const dg_case gru_cases[] = {
    {"n,4,7; 7,9; -; 3,9; 9; -; 3", "units=3", "uniform(-1,1)", 0.15},
    {"n,4,7; 7,9; -; 3,9; 9; n,1,3; -", "units=3, reset=before", "uniform(-1,1)", 0.15},
    {"n,3,2; 2,12; 4,12; 2,24; 24; n,4,2; 8", "units=2, layers=2, direction=both", "uniform(-1,1)",
     0.15},
    {"n,3,2; 2,12; 4,12; 2,24; 24; -; -", "units=2, layers=2, direction=both, reset=before",
     "uniform(-1,1)", 0.15},
    {"n,t,2; 2,6; -; 2,6; 6; -; 2", "units=2, direction=backward",
     "uniform(-1,1); uniform(-0.2,0.2)", 0.15},
    {"n,2,70; 70,201; -; 67,201; 201; -; 67", "units=67", "uniform(-0.2,0.2)", 0.3},
};

static const dg_case lstm_cases[] = {
    {"n,4,7; 7,12; -; 3,12; 12; -; -", "units=3", "uniform(-1,1)", 0.15},
    {"n,3,2; 2,16; 4,16; 2,32; 32; n,4,2; n,4,2", "units=2, layers=2, direction=both",
     "uniform(-1,1)", 0.15},
    {"n,t,2; 2,8; -; 2,8; 8; -; n,1,2", "units=2, direction=backward",
     "uniform(-1,1); uniform(-0.2,0.2)", 0.15},
    {"n,2,70; 70,268; -; 67,268; 268; -; -", "units=67", "uniform(-0.2,0.2)", 0.3},
};

const dg_node_type dg_op_rnn = {
    .size = sizeof(dg_node_type),
    .name = "rnn",
    .formula = "h = tanh(x Wx + h' Wh + b)",
    .onnx = "RNN",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = rnn_inputs,
    .n_inputs = DG_COUNT(rnn_inputs),
    .n_out = 2,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_FIRST,
    .saves_in = 1 << X | 1 << WEIGHT | 1 << DEEP | 1 << RECURRENT | 1 << START,
    .saves_out = 1,
    .shape = rnn_shape,
    .parameter = rnn_parameter,
    .bytes = rnn_bytes,
    .parts = rnn_parts,
    .flops = rnn_flops,
    .cases = rnn_cases,
    .n_cases = DG_COUNT(rnn_cases),
};

const dg_node_type dg_op_gru = {
    .size = sizeof(dg_node_type),
    .name = "gru",
    .formula = "h = n + z (h' - n), n = tanh(x Wn + b + r (h' Un + e))",
    .onnx = "GRU",
    .attrs = gru_attrs,
    .n_attrs = DG_COUNT(gru_attrs),
    .inputs = gru_inputs,
    .n_inputs = DG_COUNT(gru_inputs),
    .n_out = 2,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_FIRST,
    .saves_in = 1 << X | 1 << WEIGHT | 1 << DEEP | 1 << RECURRENT | 1 << START,
    .saves_out = 1,
    .shape = gru_shape,
    .parameter = gru_parameter,
    .bytes = gru_bytes,
    .parts = gru_parts,
    .flops = gru_flops,
    .cases = gru_cases,
    .n_cases = DG_COUNT(gru_cases),
};

const dg_node_type dg_op_lstm = {
    .size = sizeof(dg_node_type),
    .name = "lstm",
    .formula = "c = f c' + i g, h = o tanh c",
    .onnx = "LSTM",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = lstm_inputs,
    .n_inputs = DG_COUNT(lstm_inputs),
    .n_out = 3,
    .flags = DG_ROWS | DG_ACCUMULATES | DG_FIRST,
    .saves_in = 1 << X | 1 << WEIGHT | 1 << DEEP | 1 << RECURRENT | 1 << START | 1 << CELL,
    .saves_out = 1,
    .shape = lstm_shape,
    .parameter = lstm_parameter,
    .bytes = lstm_bytes,
    .parts = lstm_parts,
    .flops = lstm_flops,
    .cases = lstm_cases,
    .n_cases = DG_COUNT(lstm_cases),
};

#else

/* ---- Where things are ------------------------------------------------------------------------ */

/* Block (l, d) of a plan. */
typedef struct {
    plan p;
    int l, d, b, back;        /* b: its number; back: goes from the last place to the first */
    int64_t in, row_x, row_h; /* columns it reads; rows of Wx and Wh are that far apart */
} block;

static block block_of(const plan *p, int l, int d)
{
    block k = {.p = *p, .l = l, .d = d, .b = l * p->directions + d, .in = width_in(p, l)};
    k.back = p->direction == BACKWARD || d == 1;
    k.row_x = (l == 0 ? p->directions : p->blocks - p->directions) * p->width;
    k.row_h = p->blocks * p->width;
    return k;
}

/* Its part of Wx, Wh, b, e among inputs, deltas or perturbations; NULL stays NULL. */
static real *some_x(const block *k, const void *const of[])
{
    real *w = (real *)(k->l == 0 ? of[WEIGHT] : of[DEEP]);
    return w ? w + (k->l == 0 ? k->d : k->b - k->p.directions) * k->p.width : NULL;
}

static real *some_h(const block *k, const void *const of[])
{
    real *w = (real *)of[RECURRENT];
    return w ? w + k->b * k->p.width : NULL;
}

static real *some_b(const block *k, const void *const of[])
{
    real *b = (real *)of[BIAS];
    return b ? b + k->b * k->p.width : NULL;
}

static real *some_e(const block *k, const void *const of[])
{
    real *e = k->p.after ? (real *)of[SECOND_BIAS] : NULL;
    return e ? e + k->b * k->p.u : NULL;
}

/* Row r of start or cell, or of a last state. */
static real *state_row(const block *k, void *of, int64_t r)
{
    return of ? (real *)of + (r * k->p.blocks + k->b) * k->p.u : NULL;
}

static const void *given(const dg_call *c, const void *const of[], int input)
{
    return input < c->n_in ? of[input] : NULL;
}

static const void *cell_of(const block *k, const dg_call *c, const void *const of[])
{
    return k->p.kind == LSTM ? given(c, of, CELL) : NULL;
}

/* Row r of what the block keeps: gates [T, width]; c or h' Un + e [T, units]; states [T, out] of a
 * hidden layer. The same for what it carries: errors of a; of h' Un + e; of a hidden layer. */
static real *gates_at(const block *k, void *memory, int64_t r)
{
    return (real *)memory + (k->b * k->p.n + r) * k->p.t * k->p.width;
}

static real *extra_at(const block *k, void *memory, int64_t r)
{
    const plan *p = &k->p;
    return (real *)memory + p->blocks * p->n * p->t * p->width + (k->b * p->n + r) * p->t * p->u;
}

static real *hidden_at(const plan *p, void *memory, int64_t extras, int l, int64_t r)
{
    return (real *)memory + p->blocks * p->n * p->t * (p->width + extras) +
           (l * p->n + r) * p->t * p->out;
}

/* Row r of the states of layer l. */
static real *states_at(const plan *p, const dg_call *c, int l, int64_t r)
{
    if (l == p->layers - 1)
        return (real *)c->out[0] + r * p->t * p->out;
    return hidden_at(p, c->saved, extra(p), l, r);
}

static const real *source_at(const block *k, const dg_call *c, int64_t r)
{
    if (k->l == 0)
        return (const real *)c->in[X] + r * k->p.t * k->p.f;
    return states_at(&k->p, c, k->l - 1, r);
}

/* The place of step s, and h' of row r there, in states y of that row; NULL: 0. */
static int64_t place(const block *k, int64_t s)
{
    return k->back ? k->p.t - 1 - s : s;
}

static const real *before(const block *k, const real *y, const real *start, int64_t s)
{
    return s == 0 ? start : y + place(k, s - 1) * k->p.out + k->d * k->p.u;
}

static void *scratch_for(const plan *p, const dg_call *c)
{
    int64_t back = p->u * p->width + 3 * ROWS * p->u;
    int64_t ahead = p->t * (2 * p->out + p->width) + 4 * p->u, most = back > ahead ? back : ahead;
    most = most > p->t * p->u ? most : p->t * p->u;
    size_t used = (size_t)most * sizeof(real);
    return (char *)c->scratch + (used + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int some(int64_t n, int64_t i)
{
    return n - i < VEC_N ? (int)(n - i) : VEC_N;
}

static vec load(const real *x, int64_t i, int n)
{
    return x ? vec_load_n(x + i, n) : vec_set1(0);
}

/* ---- Forward --------------------------------------------------------------------------------- */

/* One place of one row: a becomes the gates. c, c0: lstm; q: h' Un + e of gru. */
static void cell_forward(const plan *p, real *a, const real *h0, const real *c0, real *keep,
                         real *h)
{
    const int64_t u = p->u;
    for (int64_t i = 0; i < u; i += VEC_N) {
        int n = some(u, i);
        if (p->kind == RNN) {
            vec s = vec_tanh(vec_load_n(a + i, n));
            vec_store_n(a + i, n, s);
            vec_store_n(h + i, n, s);
        } else if (p->kind == LSTM) {
            vec in = vec_sigmoid(vec_load_n(a + i, n)), f = vec_sigmoid(vec_load_n(a + u + i, n));
            vec g = vec_tanh(vec_load_n(a + 2 * u + i, n));
            vec o = vec_sigmoid(vec_load_n(a + 3 * u + i, n));
            vec c = vec_fma(f, load(c0, i, n), in * g);
            vec_store_n(a + i, n, in);
            vec_store_n(a + u + i, n, f);
            vec_store_n(a + 2 * u + i, n, g);
            vec_store_n(a + 3 * u + i, n, o);
            vec_store_n(keep + i, n, c);
            vec_store_n(h + i, n, o * vec_tanh(c));
        } else {
            vec z = vec_load_n(a + u + i, n), m = vec_load_n(a + 2 * u + i, n);
            if (p->after)
                m = vec_fma(vec_load_n(a + i, n), vec_load_n(keep + i, n), m);
            m = vec_tanh(m);
            vec_store_n(a + 2 * u + i, n, m);
            vec_store_n(h + i, n, vec_fma(z, load(h0, i, n) - m, m));
        }
    }
}

/* gru: r and z; out = r h', where the product with Un comes after it. */
static void reset_forward(const plan *p, real *a, const real *h0, real *out)
{
    for (int64_t i = 0; i < p->u; i += VEC_N) {
        int n = some(p->u, i);
        vec r = vec_sigmoid(vec_load_n(a + i, n));
        vec_store_n(a + i, n, r);
        vec_store_n(a + p->u + i, n, vec_sigmoid(vec_load_n(a + p->u + i, n)));
        if (out)
            vec_store_n(out + i, n, r * load(h0, i, n));
    }
}

/* c [m, n] += a b, rows of a a_row apart; a NULL: 0. */
static void add_product(int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row,
                        const real *b, int64_t b_row, real *c, int64_t c_row, void *scratch)
{
    if (a)
        DG_T(dg_gemm)(DG_ADD, m, n, k, a, a_row, 1, b, b_row, 1, NULL, c, c_row, scratch);
}

/* What h' of m rows adds to a before the gates: all columns, but of gru's n. */
static void recur(const block *k, const dg_call *c, int64_t m, const real *h0, int64_t h_row,
                  real *a, real *keep, void *scratch)
{
    const plan *p = &k->p;
    const real *wh = some_h(k, c->in), *e = some_e(k, c->in);
    const int64_t row = p->t * p->width, columns = p->kind == GRU ? 2 * p->u : p->width;
    add_product(m, columns, p->u, h0, h_row, wh, k->row_h, a, row, scratch);
    if (p->kind != GRU)
        return;
    for (int64_t r = 0; r < m && p->after; r++)
        if (e)
            DG_T(dg_copy)(p->u, e, keep + r * p->t * p->u);
        else
            DG_T(dg_fill)(p->u, 0, keep + r * p->t * p->u);
    real *reset = c->scratch;
    if (p->after)
        add_product(m, p->u, p->u, h0, h_row, wh + 2 * p->u, k->row_h, keep, p->t * p->u, scratch);
    for (int64_t r = 0; r < m; r++)
        reset_forward(p, a + r * row, h0 ? h0 + r * h_row : NULL,
                      p->after ? NULL : reset + r * p->u);
    if (!p->after)
        add_product(m, p->u, p->u, h0 ? reset : NULL, p->u, wh + 2 * p->u, k->row_h, a + 2 * p->u,
                    row, scratch);
}

/* Rows r .. r+m-1 of a block through all places. */
static void walk(const block *k, const dg_call *c, int64_t r, int64_t m)
{
    const plan *p = &k->p;
    real *a = gates_at(k, c->saved, r), *y = states_at(p, c, k->l, r);
    real *keep = extra(p) ? extra_at(k, c->saved, r) : NULL;
    const real *start = state_row(k, (void *)given(c, c->in, START), r);
    const real *cell = state_row(k, (void *)cell_of(k, c, c->in), r);
    void *scratch = scratch_for(p, c);
    DG_T(dg_gemm)
    (DG_WRITE, m * p->t, p->width, k->in, source_at(k, c, r), k->in, 1, some_x(k, c->in), k->row_x,
     1, some_b(k, c->in), a, p->width, scratch);
    for (int64_t s = 0; s < p->t; s++) {
        const int64_t t = place(k, s), h_row = s ? p->t * p->out : p->blocks * p->u;
        const real *h0 = before(k, y, start, s);
        real *at = a + t * p->width, *kept = keep ? keep + t * p->u : NULL;
        recur(k, c, m, h0, h_row, at, kept, scratch);
        for (int64_t i = 0; i < m; i++) {
            const real *c0 = s      ? keep + (i * p->t + place(k, s - 1)) * p->u
                             : cell ? cell + i * p->blocks * p->u
                                    : NULL;
            cell_forward(p, at + i * p->t * p->width, h0 ? h0 + i * h_row : NULL,
                         p->kind == LSTM ? c0 : NULL, kept ? kept + i * p->t * p->u : NULL,
                         y + (i * p->t + t) * p->out + k->d * p->u);
        }
    }
}

/* from, or 0 where it is NULL. */
static void put_state(int64_t u, const real *from, real *to)
{
    if (from)
        DG_T(dg_copy)(u, from, to);
    else
        DG_T(dg_fill)(u, 0, to);
}

/* The last states of a row: of its last place, or where there is none what was given. */
static void last_states(const block *k, const dg_call *c, int64_t r)
{
    const plan *p = &k->p;
    const real *start = state_row(k, (void *)given(c, c->in, START), r);
    put_state(p->u, before(k, states_at(p, c, k->l, r), start, p->t), state_row(k, c->out[1], r));
    if (p->kind != LSTM)
        return;
    const real *cell = p->t > 0 ? extra_at(k, c->saved, r) + place(k, p->t - 1) * p->u
                                : state_row(k, (void *)cell_of(k, c, c->in), r);
    put_state(p->u, cell, state_row(k, c->out[2], r));
}

static dg_status forward(const dg_call *c, int kind)
{
    const plan p = plan_of(kind, c->attrs, &c->in_shape[X]);
    for (int64_t r = c->row0; r < c->row1; r += ROWS) {
        const int64_t m = smaller(ROWS, c->row1 - r);
        for (int b = 0; b < p.blocks; b++) {
            const block k = block_of(&p, b / p.directions, b % p.directions);
            walk(&k, c, r, m);
            for (int64_t i = r; i < r + m; i++)
                last_states(&k, c, i);
        }
    }
    return DG_OK;
}

/* ---- Adjoint --------------------------------------------------------------------------------- */

/* One place of one row: from the error eh of h (and ec of c) to da, and what goes to h' besides the
 * products with Wh, in eh, and to c' in ec. gru, after: dq is the error of h' Un + e. */
static void cell_adjoint(const plan *p, const real *g, const real *h0, const real *c0,
                         const real *keep, real *eh, real *ec, real *da, real *dq)
{
    const int64_t u = p->u;
    for (int64_t i = 0; i < u; i += VEC_N) {
        int n = some(u, i);
        vec e = vec_load_n(eh + i, n), first = vec_load_n(g + i, n);
        if (p->kind == RNN) {
            vec_store_n(da + i, n, e * (1 - first * first));
            vec_store_n(eh + i, n, vec_set1(0));
        } else if (p->kind == LSTM) {
            vec f = vec_load_n(g + u + i, n), m = vec_load_n(g + 2 * u + i, n);
            vec o = vec_load_n(g + 3 * u + i, n), tc = vec_tanh(vec_load_n(keep + i, n));
            vec c = vec_load_n(ec + i, n) + e * o * (1 - tc * tc);
            vec_store_n(da + i, n, c * m * first * (1 - first));
            vec_store_n(da + u + i, n, c * load(c0, i, n) * f * (1 - f));
            vec_store_n(da + 2 * u + i, n, c * first * (1 - m * m));
            vec_store_n(da + 3 * u + i, n, e * tc * o * (1 - o));
            vec_store_n(ec + i, n, c * f);
            vec_store_n(eh + i, n, vec_set1(0));
        } else {
            vec z = vec_load_n(g + u + i, n), m = vec_load_n(g + 2 * u + i, n);
            vec dn = e * (1 - z) * (1 - m * m);
            vec_store_n(da + u + i, n, e * (load(h0, i, n) - m) * z * (1 - z));
            vec_store_n(da + 2 * u + i, n, dn);
            vec_store_n(eh + i, n, e * z);
            if (!p->after)
                continue;
            vec_store_n(da + i, n, dn * vec_load_n(keep + i, n) * first * (1 - first));
            vec_store_n(dq + i, n, dn * first);
        }
    }
}

/* gru, reset before the product: v is the error of r h'. */
static void reset_adjoint(const plan *p, const real *g, const real *h0, const real *v, real *eh,
                          real *da)
{
    for (int64_t i = 0; i < p->u; i += VEC_N) {
        int n = some(p->u, i);
        vec r = vec_load_n(g + i, n), e = vec_load_n(v + i, n);
        vec_store_n(da + i, n, e * load(h0, i, n) * r * (1 - r));
        vec_store_n(eh + i, n, vec_fma(e, r, vec_load_n(eh + i, n)));
    }
}

/* Scratch of an adjoint: Wh^t [width, units], errors of h and c, of r h', [ROWS, units] each. */
typedef struct {
    real *turned, *eh, *ec, *v;
    void *scratch;
} errors;

static errors errors_of(const plan *p, const dg_call *c)
{
    errors s = {.turned = c->scratch, .scratch = scratch_for(p, c)};
    s.eh = s.turned + p->u * p->width;
    s.ec = s.eh + ROWS * p->u;
    s.v = s.ec + ROWS * p->u;
    return s;
}

/* Errors of a layer's states, row r. */
static real *layer_errors(const plan *p, const dg_call *c, int l, int64_t r)
{
    if (l == p->layers - 1)
        return (real *)c->eps[0] + r * p->t * p->out;
    return hidden_at(p, c->carried, p->after ? p->u : 0, l, r);
}

/* What goes to h' through the products with Wh. */
static void products_back(const block *k, const errors *s, int64_t m, const real *g, const real *h0,
                          int64_t h_row, real *da, const real *dq)
{
    const plan *p = &k->p;
    const int64_t row = p->t * p->width, columns = p->kind == GRU ? 2 * p->u : p->width;
    const real *un = s->turned + 2 * p->u * p->u;
    if (p->kind == GRU && !p->after) {
        DG_T(dg_gemm)
        (DG_WRITE, m, p->u, p->u, da + 2 * p->u, row, 1, un, p->u, 1, NULL, s->v, p->u, s->scratch);
        for (int64_t i = 0; i < m; i++)
            reset_adjoint(p, g + i * row, h0 ? h0 + i * h_row : NULL, s->v + i * p->u,
                          s->eh + i * p->u, da + i * row);
    }
    add_product(m, p->u, columns, da, row, s->turned, p->u, s->eh, p->u, s->scratch);
    if (p->after)
        add_product(m, p->u, p->u, dq, p->t * p->u, un, p->u, s->eh, p->u, s->scratch);
}

/* eh += the errors of place t. */
static void take_errors(const block *k, int64_t m, const real *e, int64_t t, real *eh)
{
    const plan *p = &k->p;
    for (int64_t i = 0; i < m; i++)
        DG_T(dg_add)
    (p->u, eh + i * p->u, e + (i * p->t + t) * p->out + k->d * p->u, eh + i * p->u);
}

static void walk_back(const block *k, const dg_call *c, int64_t r, int64_t m)
{
    const plan *p = &k->p;
    const errors w = errors_of(p, c);
    const real *g = gates_at(k, c->saved, r), *y = states_at(p, c, k->l, r);
    const real *keep = extra(p) ? extra_at(k, c->saved, r) : NULL;
    const real *start = state_row(k, (void *)given(c, c->in, START), r);
    const real *cell = state_row(k, (void *)cell_of(k, c, c->in), r);
    real *da = gates_at(k, c->carried, r), *dq = p->after ? extra_at(k, c->carried, r) : NULL;
    DG_T(dg_transpose)(p->u, p->width, some_h(k, c->in), k->row_h, w.turned, p->u);
    for (int64_t i = 0; i < m; i++) {
        DG_T(dg_copy)(p->u, state_row(k, (void *)c->eps[1], r + i), w.eh + i * p->u);
        if (p->kind == LSTM)
            DG_T(dg_copy)(p->u, state_row(k, (void *)c->eps[2], r + i), w.ec + i * p->u);
    }
    for (int64_t s = p->t - 1; s >= 0; s--) {
        const int64_t t = place(k, s), h_row = s ? p->t * p->out : p->blocks * p->u;
        const real *h0 = before(k, y, start, s);
        take_errors(k, m, layer_errors(p, c, k->l, r), t, w.eh);
        for (int64_t i = 0; i < m; i++) {
            const real *c0 = s      ? keep + (i * p->t + place(k, s - 1)) * p->u
                             : cell ? cell + i * p->blocks * p->u
                                    : NULL;
            const int64_t at = i * p->t + t;
            cell_adjoint(p, g + at * p->width, h0 ? h0 + i * h_row : NULL,
                         p->kind == LSTM ? c0 : NULL, keep ? keep + at * p->u : NULL,
                         w.eh + i * p->u, w.ec + i * p->u, da + at * p->width,
                         dq ? dq + at * p->u : NULL);
        }
        products_back(k, &w, m, g + t * p->width, h0, h_row, da + t * p->width,
                      dq ? dq + t * p->u : NULL);
    }
    for (int64_t i = 0; i < m; i++) {
        real *dh = state_row(k, (void *)given(c, (const void *const *)c->delta, START), r + i);
        real *dc = state_row(k, (void *)cell_of(k, c, (const void *const *)c->delta), r + i);
        if (dh)
            DG_T(dg_copy)(p->u, w.eh + i * p->u, dh);
        if (dc)
            DG_T(dg_copy)(p->u, w.ec + i * p->u, dc);
    }
}

/* The errors of what the block reads: da Wx^t, added to those of the first direction. */
static void source_errors(const block *k, const dg_call *c, int64_t r, int64_t m)
{
    const plan *p = &k->p;
    real *to = k->l ? layer_errors(p, c, k->l - 1, r) : c->delta[X];
    if (!to)
        return;
    if (k->l == 0)
        to += r * p->t * p->f;
    DG_T(dg_gemm)
    (k->d ? DG_ADD : DG_WRITE, m * p->t, k->in, p->width, gates_at(k, c->carried, r), p->width, 1,
     some_x(k, c->in), 1, k->row_x, NULL, to, k->in, scratch_for(p, c));
}

static void rows_back(const dg_call *c, const plan *p)
{
    for (int64_t r = c->row0; r < c->row1; r += ROWS) {
        const int64_t m = smaller(ROWS, c->row1 - r);
        for (int b = 0; b < p->blocks; b++) {
            const block k = block_of(p, p->layers - 1 - b / p->directions, b % p->directions);
            walk_back(&k, c, r, m);
            source_errors(&k, c, r, m);
        }
    }
}

/* ---- Gradients of the parameters ------------------------------------------------------------- */

/* Rows i .. i+m-1 of Wx's gradient. */
static void gradient_x(const block *k, const dg_call *c, int64_t i, int64_t m, real *d)
{
    const plan *p = &k->p;
    DG_T(dg_gemm)
    (c->add ? DG_CONTINUE : DG_START, m, p->width, p->n * p->t, source_at(k, c, 0) + i, 1, k->in,
     gates_at(k, c->carried, 0), p->width, 1, NULL, d + i * k->row_x, k->row_x, scratch_for(p, c));
}

/* d [m, n] += a^t b over places 1 .. T-1 in steps, and over place 0 with the start. */
static void add_steps(const block *k, const real *start, const real *y, int64_t y_row,
                      const real *b, int64_t b_row, int64_t m, int64_t n, real *d, void *scratch)
{
    const int64_t t = k->p.t, first = place(k, 0), ahead = k->back ? 0 : 1;
    if (t < 1)
        return;
    if (start)
        DG_T(dg_gemm)
    (DG_CONTINUE, m, n, 1, start, 1, 1, b + first * b_row, b_row, 1, NULL, d, k->row_h, scratch);
    DG_T(dg_gemm)
    (DG_CONTINUE, m, n, t - 1, y + (1 - ahead) * y_row, 1, y_row, b + ahead * b_row, b_row, 1, NULL,
     d, k->row_h, scratch);
}

/* gru, reset before: r h' of columns i .. of row r, by place, [T, m]. */
static void reset_states(const block *k, const real *g, const real *y, const real *start, int64_t i,
                         int64_t m, real *to)
{
    const plan *p = &k->p;
    for (int64_t s = 0; s < p->t; s++) {
        const real *h0 = before(k, y, start, s), *r = g + place(k, s) * p->width + i;
        for (int64_t j = 0; j < m; j++)
            to[place(k, s) * m + j] = h0 ? r[j] * h0[i + j] : 0;
    }
}

static void gradient_h(const block *k, const dg_call *c, int64_t i, int64_t m, real *d)
{
    const plan *p = &k->p;
    const int64_t columns = p->kind == GRU ? 2 * p->u : p->width;
    void *scratch = scratch_for(p, c);
    d += i * k->row_h;
    for (int64_t j = 0; j < m && !c->add; j++)
        DG_T(dg_fill)(p->width, 0, d + j * k->row_h);
    for (int64_t r = 0; r < p->n; r++) {
        const real *y = states_at(p, c, k->l, r) + k->d * p->u, *da = gates_at(k, c->carried, r);
        const real *start = state_row(k, (void *)given(c, c->in, START), r), *own = start;
        own = own ? own + i : NULL;
        add_steps(k, own, y + i, p->out, da, p->width, m, columns, d, scratch);
        if (p->after)
            add_steps(k, own, y + i, p->out, extra_at(k, c->carried, r), p->u, m, p->u,
                      d + 2 * p->u, scratch);
        else if (p->kind == GRU) {
            real *rh = c->scratch;
            reset_states(k, gates_at(k, c->saved, r), states_at(p, c, k->l, r), start, i, m, rh);
            DG_T(dg_gemm)
            (DG_CONTINUE, m, p->u, p->t, rh, 1, m, da + 2 * p->u, p->width, 1, NULL, d + 2 * p->u,
             k->row_h, scratch);
        }
    }
}

/* The parts of a matrix: blocks from `first` on, each in tiles of its rows. */
static void matrix(const dg_call *c, const plan *p, int first, int blocks, int64_t rows,
                   void (*fn)(const block *k, const dg_call *c, int64_t i, int64_t m, real *d),
                   real *(*of)(const block *k, const void *const list[]))
{
    const int64_t each = tiles(rows);
    for (int64_t part = c->part; part < blocks * each; part += c->parts) {
        const int b = first + (int)(part / each);
        const block k = block_of(p, b / p->directions, b % p->directions);
        const int64_t i = part % each * TILE;
        fn(&k, c, i, smaller(TILE, rows - i), of(&k, (const void *const *)c->delta));
    }
}

static void biases(const dg_call *c, const plan *p)
{
    const void *const *delta = (const void *const *)c->delta;
    for (int b = c->part; b < p->blocks; b += c->parts) {
        const block k = block_of(p, b / p->directions, b % p->directions);
        if (delta[BIAS])
            DG_T(dg_sum_columns)
        (p->n * p->t, p->width, gates_at(&k, c->carried, 0), p->width, c->add, some_b(&k, delta));
        if (p->after && some_e(&k, delta))
            DG_T(dg_sum_columns)
        (p->n * p->t, p->u, extra_at(&k, c->carried, 0), p->u, c->add, some_e(&k, delta));
    }
}

/* A call is for rows, which also where nothing is wanted leaves the errors of a, or for one
 * parameter. */
static dg_status adjoint(const dg_call *c, int kind)
{
    const plan p = plan_of(kind, c->attrs, &c->in_shape[X]);
    const int second = kind == GRU && c->n_in > SECOND_BIAS && c->delta[SECOND_BIAS];
    if (c->delta[WEIGHT])
        matrix(c, &p, 0, p.directions, p.f, gradient_x, some_x);
    else if (c->delta[DEEP])
        matrix(c, &p, p.directions, p.blocks - p.directions, p.out, gradient_x, some_x);
    else if (c->delta[RECURRENT])
        matrix(c, &p, 0, p.blocks, p.u, gradient_h, some_h);
    else if (c->delta[BIAS] || second)
        biases(c, &p);
    else
        rows_back(c, &p);
    return DG_OK;
}

/* ---- Tangent --------------------------------------------------------------------------------- */

/* One place of one row: dh (and dc) from da, which has all but what the gates do. ds: of h' Un + e.
 * dh0, dc0 NULL: 0. */
static void cell_tangent(const plan *p, const real *g, const real *h0, const real *c0,
                         const real *keep, const real *da, const real *dq, const real *dh0,
                         real *dc, real *dh)
{
    const int64_t u = p->u;
    for (int64_t i = 0; i < u; i += VEC_N) {
        int n = some(u, i);
        vec first = vec_load_n(g + i, n), a = vec_load_n(da + i, n);
        if (p->kind == RNN) {
            vec_store_n(dh + i, n, a * (1 - first * first));
        } else if (p->kind == LSTM) {
            vec f = vec_load_n(g + u + i, n), m = vec_load_n(g + 2 * u + i, n);
            vec o = vec_load_n(g + 3 * u + i, n), tc = vec_tanh(vec_load_n(keep + i, n));
            vec d = vec_load_n(dc + i, n) * f;
            d += load(c0, i, n) * vec_load_n(da + u + i, n) * f * (1 - f);
            d += m * a * first * (1 - first);
            d += first * vec_load_n(da + 2 * u + i, n) * (1 - m * m);
            vec_store_n(dc + i, n, d);
            vec_store_n(dh + i, n,
                        vec_load_n(da + 3 * u + i, n) * o * (1 - o) * tc + o * d * (1 - tc * tc));
        } else {
            vec z = vec_load_n(g + u + i, n), m = vec_load_n(g + 2 * u + i, n);
            vec dn = vec_load_n(da + 2 * u + i, n);
            if (p->after)
                dn += a * first * (1 - first) * vec_load_n(keep + i, n) +
                      first * vec_load_n(dq + i, n);
            dn *= 1 - m * m;
            vec dz = vec_load_n(da + u + i, n) * z * (1 - z);
            vec_store_n(dh + i, n, dn + dz * (load(h0, i, n) - m) + z * (load(dh0, i, n) - dn));
        }
    }
}

/* c [1, n] += a b for one row; a or b NULL: 0. */
static void add_row(int64_t n, int64_t k, const real *a, const real *b, int64_t b_row, real *c,
                    void *scratch)
{
    if (a && b)
        DG_T(dg_gemm)(DG_ADD, 1, n, k, a, k, 1, b, b_row, 1, NULL, c, n, scratch);
}

/* gru, reset before: da_n += d(r h') Un + (r h') dUn, through `one` and `two` [units]. */
static void reset_tangent(const block *k, const dg_call *c, const real *g, const real *h0,
                          const real *dh0, real *da, real *one, real *two, void *scratch)
{
    const plan *p = &k->p;
    const real *un = some_h(k, c->in), *dun = some_h(k, c->din);
    for (int64_t i = 0; i < p->u; i++) {
        real h = h0 ? h0[i] : 0, dh = dh0 ? dh0[i] : 0;
        one[i] = da[i] * g[i] * (1 - g[i]) * h + g[i] * dh;
        two[i] = g[i] * h;
    }
    add_row(p->u, p->u, one, un + 2 * p->u, k->row_h, da + 2 * p->u, scratch);
    add_row(p->u, p->u, two, dun ? dun + 2 * p->u : NULL, k->row_h, da + 2 * p->u, scratch);
}

/* Scratch of a tangent, one row: two layers, da, and states. */
typedef struct {
    real *layer[2], *da, *dc, *dq, *one, *two;
    void *scratch;
} changes;

static changes changes_of(const plan *p, const dg_call *c)
{
    changes w = {.layer = {c->scratch}, .scratch = scratch_for(p, c)};
    w.layer[1] = w.layer[0] + p->t * p->out;
    w.da = w.layer[1] + p->t * p->out;
    w.dc = w.da + p->t * p->width;
    w.dq = w.dc + p->u;
    w.one = w.dq + p->u;
    w.two = w.one + p->u;
    return w;
}

/* da of a place: what h' and dh' add. */
static void recur_tangent(const block *k, const dg_call *c, const changes *w, const real *g,
                          const real *h0, const real *dh0, real *da)
{
    const plan *p = &k->p;
    const real *wh = some_h(k, c->in), *dwh = some_h(k, c->din), *de = some_e(k, c->din);
    const int64_t columns = p->kind == GRU ? 2 * p->u : p->width;
    add_row(columns, p->u, dh0, wh, k->row_h, da, w->scratch);
    add_row(columns, p->u, h0, dwh, k->row_h, da, w->scratch);
    if (p->after) {
        DG_T(dg_fill)(p->u, 0, w->dq);
        if (de)
            DG_T(dg_copy)(p->u, de, w->dq);
        add_row(p->u, p->u, dh0, wh + 2 * p->u, k->row_h, w->dq, w->scratch);
        add_row(p->u, p->u, h0, dwh ? dwh + 2 * p->u : NULL, k->row_h, w->dq, w->scratch);
    } else if (p->kind == GRU) {
        reset_tangent(k, c, g, h0, dh0, da, w->one, w->two, w->scratch);
    }
}

/* da of all places without what comes from h'. dsource NULL: 0. */
static void source_tangent(const block *k, const dg_call *c, const changes *w, int64_t r,
                           const real *dsource)
{
    const plan *p = &k->p;
    const real *dwx = some_x(k, c->din), *db = some_b(k, c->din);
    DG_T(dg_fill)(p->t * p->width, 0, w->da);
    if (dsource)
        add_product(p->t, p->width, k->in, dsource, k->in, some_x(k, c->in), k->row_x, w->da,
                    p->width, w->scratch);
    if (dwx)
        add_product(p->t, p->width, k->in, source_at(k, c, r), k->in, dwx, k->row_x, w->da,
                    p->width, w->scratch);
    for (int64_t t = 0; t < p->t && db; t++)
        DG_T(dg_add)(p->width, w->da + t * p->width, db, w->da + t * p->width);
}

/* Row r of a block; dy: what its layer gets. */
static void walk_tangent(const block *k, const dg_call *c, const changes *w, int64_t r, real *dy)
{
    const plan *p = &k->p;
    const real *y = states_at(p, c, k->l, r), *g = gates_at(k, c->saved, r);
    const real *keep = extra(p) ? extra_at(k, c->saved, r) : NULL;
    const real *start = state_row(k, (void *)given(c, c->in, START), r);
    const real *cell = state_row(k, (void *)cell_of(k, c, c->in), r);
    const real *dstart = state_row(k, (void *)given(c, c->din, START), r);
    const real *dcell = state_row(k, (void *)cell_of(k, c, c->din), r);
    put_state(p->u, dcell, w->dc);
    for (int64_t s = 0; s < p->t; s++) {
        const int64_t t = place(k, s);
        const real *h0 = before(k, y, start, s), *dh0 = before(k, dy, dstart, s);
        const real *c0 = s && p->kind == LSTM ? keep + place(k, s - 1) * p->u : cell;
        recur_tangent(k, c, w, g + t * p->width, h0, dh0, w->da + t * p->width);
        cell_tangent(p, g + t * p->width, h0, c0, keep ? keep + t * p->u : NULL,
                     w->da + t * p->width, w->dq, dh0, w->dc, dy + t * p->out + k->d * p->u);
    }
    put_state(p->u, before(k, dy, dstart, p->t), state_row(k, c->dout[1], r));
    if (p->kind == LSTM)
        DG_T(dg_copy)(p->u, w->dc, state_row(k, c->dout[2], r));
}

static dg_status tangent(const dg_call *c, int kind)
{
    const plan p = plan_of(kind, c->attrs, &c->in_shape[X]);
    const changes w = changes_of(&p, c);
    for (int64_t r = c->row0; r < c->row1; r++)
        for (int b = 0; b < p.blocks; b++) {
            const block k = block_of(&p, b / p.directions, b % p.directions);
            const real *dx = c->din[X] ? (const real *)c->din[X] + r * p.t * p.f : NULL;
            real *last = (real *)c->dout[0] + r * p.t * p.out;
            source_tangent(&k, c, &w, r, k.l ? w.layer[(k.l - 1) % 2] : dx);
            walk_tangent(&k, c, &w, r, k.l == p.layers - 1 ? last : w.layer[k.l % 2]);
        }
    return DG_OK;
}

/* ---- The three nodes ------------------------------------------------------------------------- */

static dg_status rnn_forward(const dg_call *c)
{
    return forward(c, RNN);
}

static dg_status rnn_adjoint(const dg_call *c)
{
    return adjoint(c, RNN);
}

static dg_status rnn_tangent(const dg_call *c)
{
    return tangent(c, RNN);
}

const dg_math DG_T(dg_math_rnn) = {rnn_forward, rnn_adjoint, rnn_tangent};

static dg_status gru_forward(const dg_call *c)
{
    return forward(c, GRU);
}

static dg_status gru_adjoint(const dg_call *c)
{
    return adjoint(c, GRU);
}

static dg_status gru_tangent(const dg_call *c)
{
    return tangent(c, GRU);
}

const dg_math DG_T(dg_math_gru) = {gru_forward, gru_adjoint, gru_tangent};

static dg_status lstm_forward(const dg_call *c)
{
    return forward(c, LSTM);
}

static dg_status lstm_adjoint(const dg_call *c)
{
    return adjoint(c, LSTM);
}

static dg_status lstm_tangent(const dg_call *c)
{
    return tangent(c, LSTM);
}

const dg_math DG_T(dg_math_lstm) = {lstm_forward, lstm_adjoint, lstm_tangent};

#endif
