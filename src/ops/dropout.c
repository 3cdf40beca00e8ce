/* dropout: sets elements to 0 by chance in training, so that no other can rely on one of them.
 *
 *     y = m x / (1 - rate)         m is 0 with probability rate, else 1
 *     A^t eps = m eps / (1 - rate)
 *     dy = m dx / (1 - rate)
 *
 * Not in training: y = x. m is a function of the call's key and the element's index alone, made anew in
 * the adjoint: element i is kept if dg_uniform_f32(key, i) >= rate (base/philox.h). */
#include "ops/op.h"

enum { RATE };

#ifndef DG_REAL

static const dg_attr_spec attrs[] = {
    {.name = "rate",
     .kind = DG_ATTR_REAL,
     .max_count = 1,
     .low = 0,
     .high = 0.9999,
     .text = "share of the elements that become 0"},
};

static const dg_input_spec inputs[] = {{.name = "x"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = in[0];
    return DG_OK;
}

static const dg_case cases[] = {
    {"n,a", "rate=0.3", "uniform(-1,1)", HUGE_VAL},
    {"n,3,130", "rate=0.7", "uniform(-1,1)", HUGE_VAL},
    {"n", "rate=0", "uniform(-1,1)", HUGE_VAL},
};

const dg_node_type dg_op_dropout = {
    .size = sizeof(dg_node_type),
    .name = "dropout",
    .formula = "y = m x / (1 - rate)",
    .onnx = "Dropout",
    .attrs = attrs,
    .n_attrs = DG_COUNT(attrs),
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_ROWS | DG_POINTWISE | DG_RANDOM | DG_LINEAR,
    .shape = shape,
    .cases = cases,
    .n_cases = DG_COUNT(cases),
};

#else

#include "base/philox.h"

/* Blocks of Philox that are made at once, and the elements they are for. */
enum { BLOCKS = 16, GROUP = 4 * BLOCKS };

#if DG_REAL == 32
typedef int32_t lane;
#else
typedef int64_t lane;
#endif

/* u[i] = the upper 24 bits of word first + i of the stream; first is a multiple of GROUP. The rounds are
 * dg_philox's, block by block in the lanes of arrays. */
static void group_of_words(const uint64_t key[2], uint64_t first, lane *u)
{
    uint32_t x0[BLOCKS], x1[BLOCKS], x2[BLOCKS], x3[BLOCKS];
    uint32_t k0 = (uint32_t)key[0], k1 = (uint32_t)(key[0] >> 32);
    uint64_t block = first / 4;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        x0[i] = (uint32_t)block + i; /* no carry: block is a multiple of BLOCKS */
        x1[i] = (uint32_t)(block >> 32);
        x2[i] = (uint32_t)key[1];
        x3[i] = (uint32_t)(key[1] >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            uint64_t a = (uint64_t)x0[i] * 0xd2511f53U, b = (uint64_t)x2[i] * 0xcd9e8d57U;
            x0[i] = (uint32_t)(b >> 32) ^ x1[i] ^ k0;
            x2[i] = (uint32_t)(a >> 32) ^ x3[i] ^ k1;
            x1[i] = (uint32_t)b;
            x3[i] = (uint32_t)a;
        }
        k0 += 0x9e3779b9U;
        k1 += 0xbb67ae85U;
    }
    for (int i = 0; i < BLOCKS; i++) {
        u[4 * i] = (lane)(x0[i] >> 8);
        u[4 * i + 1] = (lane)(x1[i] >> 8);
        u[4 * i + 2] = (lane)(x2[i] >> 8);
        u[4 * i + 3] = (lane)(x3[i] >> 8);
    }
}

/* y = m x scale on elements begin .. end - 1; y may be x. */
static void mask(const dg_call *c, int64_t begin, int64_t end, const real *x, real *y)
{
    double rate = dg_attr_real(c->attrs, RATE);
    vec scale = vec_set1((real)(1 / (1 - rate))), zero = vec_set1(0);
    ivec least = vec_iset1((lane)-floor(-rate * 0x1p24)); /* u 2^-24 >= rate */
    lane u[GROUP + VEC_N] = {0};
    for (int64_t first = begin / GROUP * GROUP; first < end; first += GROUP) {
        group_of_words(c->key, (uint64_t)first, u);
        int64_t from = first > begin ? first : begin;
        int64_t to = end - first < GROUP ? end : first + GROUP;
        for (int64_t i = from; i < to; i += VEC_N) {
            ivec keep = (ivec)(vec_iload(u + (i - first)) >= least);
            if (to - i >= VEC_N)
                vec_store(y + i, vec_select(keep, vec_load(x + i) * scale, zero));
            else
                vec_store_n(y + i, (int)(to - i),
                            vec_select(keep, vec_load_n(x + i, (int)(to - i)) * scale, zero));
        }
    }
}

static dg_status pass(const dg_call *c, const real *x, real *y)
{
    int64_t row = dg_shape_row(&c->in_shape[0]), begin = c->row0 * row, end = c->row1 * row;
    if (!x)
        DG_T(dg_fill)(end - begin, 0, y + begin);
    else if (c->training)
        mask(c, begin, end, x, y);
    else if (x != y)
        DG_T(dg_copy)(end - begin, x + begin, y + begin);
    return DG_OK;
}

static dg_status forward(const dg_call *c)
{
    return pass(c, c->in[0], c->out[0]);
}

static dg_status adjoint(const dg_call *c)
{
    return c->delta[0] ? pass(c, c->eps[0], c->delta[0]) : DG_OK;
}

static dg_status tangent(const dg_call *c)
{
    return pass(c, c->din[0], c->dout[0]);
}

const dg_math DG_T(dg_math_dropout) = {forward, adjoint, tangent};

#endif
