/* Convolution of few input channels, as of a first layer (contract: kernels/kernels.h).
 *
 * An image is small here: it is copied to scratch with its padding, so that all positions are
 * alike. Forward: 9 products a position (3x3, one channel); the weights of one or two vectors of
 * output channels stay in registers while a few positions at a time go by. Weight gradient: the
 * kw c products of a kernel row are contiguous in the copy, and are the rows of one small product
 * over positions. */
#include "kernels/conv.h"

enum { TAPS = 9, POSITIONS = 128 };

/* The copy is [rows, columns, c]; its element (0, 0) is (-top, -left) of the image. */
static int64_t rows_of(const dg_conv *s)
{
    return (s->oh - 1) * s->stride_y + (s->kh - 1) * s->dilation_y + 1;
}

static int64_t columns_of(const dg_conv *s)
{
    return (s->ow - 1) * s->stride_x + (s->kw - 1) * s->dilation_x + 1;
}

static size_t copy_bytes(const dg_conv *s)
{
    return ((size_t)(rows_of(s) * columns_of(s) * s->c) * sizeof(real) + 63) / 64 * 64;
}

static void pad(const dg_conv *s, const real *x, real *to)
{
    const int64_t rows = rows_of(s), columns = columns_of(s), left = dg_min(s->left, columns);
    const int64_t n = dg_min(s->w, columns - left);
    for (int64_t i = 0; i < rows; i++) {
        real *row = to + i * columns * s->c;
        const int64_t y = i - s->top;
        if (y < 0 || y >= s->h) {
            DG_T(dg_fill)(columns * s->c, 0, row);
            continue;
        }
        DG_T(dg_fill)(left * s->c, 0, row);
        DG_T(dg_copy)(n * s->c, x + y * s->w * s->c, row + left * s->c);
        DG_T(dg_fill)((columns - left - n) * s->c, 0, row + (left + n) * s->c);
    }
}

/* A line of positions: x of the first one, where the taps are from there, the step to the next;
 * weights [taps, k], bias, and y [positions, k], all from one output channel on, `last` of them in
 * the last vector. */
typedef struct {
    const real *x, *w, *bias;
    int64_t at[TAPS];
    int64_t step, k, positions;
    real *y;
    int last;
} line;

/* `many` positions from p on. */
DG_INLINE void positions(const line *l, int64_t p, const vec *w, const vec *bias, const int many,
                         const int nv)
{
    vec sum[12] = {0};
    DG_UNROLL
    for (int t = 0; t < TAPS; t++) {
        const real *x = l->x + l->at[t] + p * l->step;
        vec row[2];
        DG_UNROLL
        for (int j = 0; j < nv; j++) {
            row[j] = w[t * nv + j];
#if DG_ISA_ID == 3
            __asm__("" : "+x"(row[j])); /* else read again from memory for each position */
#endif
        }
        DG_UNROLL
        for (int i = 0; i < many * nv; i++)
            sum[i] = vec_fma(vec_set1(x[i / nv * l->step]), row[i % nv], sum[i]);
    }
    if (l->bias)
        DG_UNROLL
    for (int i = 0; i < many * nv; i++)
        sum[i] += bias[i % nv];
    DG_UNROLL
    for (int i = 0; i < many * nv; i++) {
        real *y = l->y + (p + i / nv) * l->k + i % nv * VEC_N;
        if (i % nv < nv - 1 || l->last == VEC_N)
            vec_store(y, sum[i]);
        else
            vec_store_n(y, l->last, sum[i]);
    }
}

/* All of a line, `many` positions at a time; some of the last ones are done twice. */
DG_INLINE void along(const line *l, const int many, const int nv)
{
    vec w[TAPS * 2], bias[2] = {0};
    int64_t p = 0;
    DG_UNROLL
    for (int i = 0; i < TAPS * nv; i++)
        w[i] = dg_some(l->w + i / nv * l->k + i % nv * VEC_N, i % nv == nv - 1 ? l->last : VEC_N);
    if (l->bias)
        DG_UNROLL
    for (int j = 0; j < nv; j++)
        bias[j] = dg_some(l->bias + j * VEC_N, j == nv - 1 ? l->last : VEC_N);
    for (; p + many <= l->positions; p += many)
        positions(l, p, w, bias, many, nv);
    if (p < l->positions && l->positions >= many)
        positions(l, l->positions - many, w, bias, many, nv);
    else
        for (; p < l->positions; p++)
            positions(l, p, w, bias, 1, nv);
}

/* One vector of output channels, two where the registers hold the weights; returns how many. */
static int64_t channels(line *l, int64_t left)
{
    enum { MANY = DG_ISA_ID == 4 ? 8 : DG_ISA_ID == 3 ? 6 : 2 };
    l->last = (int)dg_min(left, VEC_N);
#if DG_ISA_ID != 0
    if (left > VEC_N) {
        l->last = (int)dg_min(left - VEC_N, VEC_N);
        along(l, DG_ISA_ID == 4 ? 4 : 6, 2);
        return VEC_N + l->last;
    }
#endif
    along(l, MANY, 1);
    return l->last;
}

int DG_T(dg_conv_thin_forward_fits)(const dg_conv *s)
{
    return s->groups == 1 && s->kh * s->kw > 1 && s->kh * s->kw * s->c == TAPS;
}

static void forward(const dg_conv *s, int64_t n0, int64_t n1, const real *x, const real *w,
                    const real *b, real *y, void *scratch)
{
    const int64_t pitch = columns_of(s) * s->c;
    line l = {.step = s->stride_x * s->c, .k = s->k, .positions = s->ow};
    for (int64_t t = 0; t < TAPS; t++) {
        const int64_t r = t / (s->kw * s->c), u = t / s->c % s->kw;
        l.at[t] = r * s->dilation_y * pitch + u * s->dilation_x * s->c + t % s->c;
    }
    for (int64_t n = n0; n < n1; n++) {
        pad(s, x + n * s->h * s->w * s->c, scratch);
        for (int64_t oy = 0; oy < s->oh; oy++)
            for (int64_t j = 0; j < s->k;) {
                l.x = (const real *)scratch + oy * s->stride_y * pitch;
                l.w = w + j;
                l.bias = b ? b + j : NULL;
                l.y = y + (n * s->oh + oy) * s->ow * s->k + j;
                j += channels(&l, s->k - j);
            }
    }
}

int DG_T(dg_conv_thin_weight_fits)(const dg_conv *s)
{
    return s->groups == 1 && s->dilation_x == 1 && s->kw > 1 && s->c < 8;
}

/* The chains of all taps over rows o0 .. o1-1, columns q0 .. q1-1 of dy, a few rows at a time, so
 * that these stay in the first cache while the kernel rows pass. */
static void chains(const dg_conv *s, const real *copy, const real *dy, int64_t o0, int64_t o1,
                   int64_t q0, int64_t q1, real *sums)
{
    const int64_t pitch = columns_of(s) * s->c, lines = dg_max(POSITIONS / (q1 - q0), 1);
    dg_block g = {.m = s->kw * s->c,
                  .n = s->k,
                  .k = q1 - q0,
                  .inner = 1,
                  .a_row = 1,
                  .a_col = s->stride_x * s->c,
                  .a_outer = s->stride_y * pitch,
                  .b_row = s->k,
                  .b_outer = s->ow * s->k,
                  .c_row = s->k};
    for (int64_t o = o0; o < o1; o += lines) {
        g.mode = o == o0 ? DG_START : DG_CONTINUE;
        g.outer = dg_min(lines, o1 - o);
        g.b = dy + (o * s->ow + q0) * s->k;
        for (int64_t r = 0; r < s->kh; r++) {
            g.a = copy + (o * s->stride_y + r * s->dilation_y) * pitch + q0 * s->stride_x * s->c;
            g.c = sums + r * g.m * s->k;
            DG_T(dg_brgemm)(&g);
        }
    }
}

static void weight(const dg_conv *s, int part, int64_t images, const real *x, const real *dy,
                   int add, real *dw, void *scratch)
{
    const int64_t rows = dg_max(DG_CHAIN / s->ow, 1), ny = (s->oh + rows - 1) / rows;
    const int64_t nx = (s->ow + DG_CHAIN - 1) / DG_CHAIN, size = s->kh * s->kw * s->c * s->k;
    real *sums = (real *)(void *)((char *)scratch + copy_bytes(s));
    (void)part;
    if (!add)
        DG_T(dg_fill)(size, 0, dw);
    for (int64_t n = 0; n < images; n++) {
        pad(s, x + n * s->h * s->w * s->c, scratch);
        for (int64_t i = 0; i < ny * nx; i++) {
            const int64_t iy = i / nx, ix = i % nx;
            chains(s, scratch, dy + n * s->oh * s->ow * s->k, iy * s->oh / ny,
                   (iy + 1) * s->oh / ny, ix * s->ow / nx, (ix + 1) * s->ow / nx, sums);
            DG_T(dg_add)(size, dw, sums, dw);
        }
    }
}

static size_t weight_scratch(const dg_conv *s)
{
    return copy_bytes(s) + (size_t)(s->kh * s->kw * s->c * s->k) * sizeof(real);
}

static int one(const dg_conv *s)
{
    (void)s;
    return 1;
}

const DG_T(dg_conv_forward) DG_T(dg_conv_thin_forward) = {"thin", forward, copy_bytes};
const DG_T(dg_conv_weight) DG_T(dg_conv_thin_weight) = {"thin", weight, weight_scratch, one};
