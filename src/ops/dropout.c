/* dropout: sets elements to 0 by chance in training, so that no other can rely on one of them.
 *
 *     y = m x / (1 - rate)         m is 0 with probability rate, else 1
 *     A^t eps = m eps / (1 - rate)
 *     dy = m dx / (1 - rate)
 *
 * Not in training: y = x. m is a function of the call's key and the element's index alone, made
 * anew in the adjoint: element i is kept if dg_uniform_f32(key, i) >= rate (base/philox.h). */
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

/* Elements whose words are made at once; one block of Philox is for 4 of them. */
enum { GROUP = 64 };

#if DG_REAL == 32
typedef int32_t lane;
#else
typedef int64_t lane;
#endif

/* Lanes of 64 bits that hold words of 32; what is above them does not matter. */
typedef uint64_t words __attribute__((vector_size(DG_VEC_BYTES), may_alias));

/* The product of the lower halves. */
DG_INLINE words multiply(words a, uint32_t b)
{
#if DG_ISA_ID == 4
    return (words)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif DG_ISA_ID == 3
    return (words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
    return (a & 0xffffffff) * (uint64_t)b;
#endif
}

/* dg_philox_block for VEC64_N blocks from `block` on, their words one after another. */
DG_INLINE void make_blocks(const uint64_t key[2], uint64_t block, uint32_t *out)
{
    words x0, x1 = (words){0} + (block >> 32), x2 = (words){0} + key[1], x3 = x2 >> 32;
    uint32_t k0 = (uint32_t)key[0], k1 = (uint32_t)(key[0] >> 32);
    for (int i = 0; i < VEC64_N; i++)
        x0[i] = block + (uint64_t)i;
    for (int round = 0; round < 10; round++) {
        words a = multiply(x0, 0xd2511f53U), b = multiply(x2, 0xcd9e8d57U);
        x0 = b >> 32 ^ x1 ^ k0;
        x2 = a >> 32 ^ x3 ^ k1;
        x1 = b;
        x3 = a;
        k0 += 0x9e3779b9U;
        k1 += 0xbb67ae85U;
    }
    x0 = (x0 & 0xffffffff) | x1 << 32;
    x2 = (x2 & 0xffffffff) | x3 << 32;
    for (int i = 0; i < VEC64_N; i++) {
        memcpy(out + 4 * i, &(uint64_t){x0[i]}, 8);
        memcpy(out + 4 * i + 2, &(uint64_t){x2[i]}, 8);
    }
}

/* u[i] = the upper 24 bits of word first + i of the stream; first is a multiple of GROUP. */
static void make_group(const uint64_t key[2], uint64_t first, lane *u)
{
    uint32_t w[GROUP];
    for (int i = 0; i < GROUP; i += 4 * VEC64_N)
        make_blocks(key, (first + (uint64_t)i) / 4, w + i);
    for (int i = 0; i < GROUP; i++)
        u[i] = (lane)(w[i] >> 8);
}

/* y = m x scale on elements begin .. end - 1; y may be x. Element i of this call is element i +
 * ahead of the whole batch. */
static void mask(const dg_call *c, int64_t ahead, int64_t begin, int64_t end, const real *x,
                 real *y)
{
    double rate = dg_attr_real(c->attrs, RATE);
    vec scale = vec_set1((real)(1 / (1 - rate))), zero = vec_set1(0);
    ivec least = vec_iset1((lane)-floor(-rate * 0x1p24)); /* u 2^-24 >= rate */
    lane u[GROUP + VEC_N] = {0};
    begin += ahead;
    end += ahead;
    for (int64_t first = begin / GROUP * GROUP; first < end; first += GROUP) {
        make_group(c->key, (uint64_t)first, u);
        int64_t from = first > begin ? first : begin;
        int64_t to = end - first < GROUP ? end : first + GROUP;
        for (int64_t i = from; i < to; i += VEC_N) {
            ivec keep = (ivec)(vec_iload(u + (i - first)) >= least);
            int64_t at = i - ahead;
            if (to - i >= VEC_N)
                vec_store(y + at, vec_select(keep, vec_load(x + at) * scale, zero));
            else
                vec_store_n(y + at, (int)(to - i),
                            vec_select(keep, vec_load_n(x + at, (int)(to - i)) * scale, zero));
        }
    }
}

static dg_status pass(const dg_call *c, const real *x, real *y)
{
    int64_t row = dg_shape_row(&c->in_shape[0]), begin = c->row0 * row, end = c->row1 * row;
    if (!x)
        DG_T(dg_fill)(end - begin, 0, y + begin);
    else if (c->training)
        mask(c, c->first * row, begin, end, x, y);
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
