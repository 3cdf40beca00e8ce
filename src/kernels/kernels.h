/* The kernels: the few loops where the time goes. This header is their contract.
 *
 * Names. Each function exists six times, for two types and three instruction sets: DG_T(dg_gemm)
 * is dg_gemm_f32_v4, ... (base/real.h). A file of the mathematics calls its own six by DG_T; a file
 * that wants others defines `real`, DG_T(name) and DG_KERNELS_AGAIN before each include: the part
 * "Functions" is then repeated. Without DG_REAL and DG_T there are only the types.
 *
 * Common rules.
 * - Pure functions: no allocation, no state, no threads. A function does one range (rows r0 <= r <
 *   r1, images n0 <= n < n1) or one part (0 <= part < parts) of its work; ranges and parts write
 *   disjoint results and may run on any threads in any order. The number of parts, and the bytes
 *   of scratch, depend on sizes and type alone (not on the path); no result depends on the cuts.
 * - Pointers are to row 0 or image 0 of the whole tensor, also when only a range is done.
 * - Sizes >= 0; with a size of 0 nothing is read, and sums are 0. Strides count elements and may be
 *   negative. Alignment: that of an element; 64 bytes is faster.
 * - Nothing outside the tensors is ever read or written: no slack after them is needed.
 * - Results do not overlap an operand, unless a function says "in place".
 * - scratch is the calling thread's own, at least as many bytes as the ..._scratch function says
 *   for the same sizes, 64-byte aligned; its content means nothing before and after. With 0 bytes
 *   NULL will do.
 * - Whoever calls never packs: a kernel packs what it needs into scratch.
 *
 * Order of sums: fixed, the same on every path, so all three give the bits of their type.
 * - A product's sum over k (features) is cut into ceil(K / 768) nearly equal blocks. Each block is
 *   one chain of fused multiply-adds that starts at 0; the blocks' sums are added left to right.
 *   In a convolution k runs over the taps inside the image and their channels, in the order of w; a
 *   block is as many whole rows of taps as fit, else whole taps, else a piece of a tap's channels.
 * - DG_WRITE: C = ((s1 + s2) + ...) [+ bias];  DG_ADD: C = (((C + s1) + s2) + ...) [+ bias];
 *   DG_START: one chain over all of K that starts at 0 (no blocks);  DG_CONTINUE: that starts at C.
 * - Weight gradients of linear sum over the batch: one chain in the order of rows, that with `add`
 *   starts at the old value: rows in several calls have the bits of all rows in one.
 * - Weight gradients of convolution: an image is cut into blocks of at most 768 pixels, whole rows
 *   of them (or equal pieces of a row, where a row is longer); each block is a chain from 0; blocks
 *   are added in their order, image by image, onto the old value with `add`, else the first is
 *   written. A tap that falls on padding is left out of the chain, or is a product with 0.
 * - Winograd's convolution (kernels/winograd.h; f32 only, by sizes, never if `exact`) has an order
 *   of its own: tiles of 4x4 results are transformed, multiplied, transformed back by fixed
 *   sequences of operations; the products' sums over channels are chains cut as above. In a weight
 *   gradient a block is at most 64 tiles of an image, its sum a chain from 0, its 3x3 added to dw
 *   as above; or (dg_conv_sum) its products are added to planes, and a block may be that of several
 *   images, counted from the first one. The error is 2 to 3 times that of the order above (2 to 4
 *   in dg_conv_sum); a value that is not finite spoils all 16 results of a tile that reads it.
 * - Sums along a row, in double: element i goes to lane i % 16, lanes are added by the tree of
 *   base/vec.h. Dot products and squares: the same in their type.
 * - Sums of columns: one chain of additions in the order of rows. */
#ifndef DG_KERNELS_TYPES
#define DG_KERNELS_TYPES

#include <stddef.h>
#include <stdint.h>

/* What happens to C; see "Order of sums". */
enum { DG_WRITE, DG_ADD, DG_START, DG_CONTINUE };

enum { DG_CHAIN = 768, DG_SQUARES_BLOCK = 4096 };

/* A convolution: x [n, h, w, c] * w [kh, kw, c / groups, k] + b [k] = y [n, oh, ow, k]. All >= 1
 * but the padding, which is >= 0 (top, left, bottom, right); groups divides c and k; the window
 * fits, so that oh = (h + top + bottom - dilation_y (kh - 1) - 1) / stride_y + 1 >= 1; likewise ow.
 * Output channels j k / groups ... (j + 1) k / groups - 1 read group j of the input channels. */
typedef struct {
    int64_t h, w, c, kh, kw, k, oh, ow;
    int64_t stride_y, stride_x, dilation_y, dilation_x, top, left, groups;
    int exact; /* only algorithms with the order of sums above, whatever their speed */
} dg_conv;

/* A pooling: x [n, h, w, c] -> y [n, oh, ow, c]. Every window has at least one element of x.
 * padded: an average also counts the taps of a window on the padding, `bottom` and `right` of it
 * included. */
typedef struct {
    int64_t h, w, c, kh, kw, oh, ow;
    int64_t stride_y, stride_x, dilation_y, dilation_x, top, left, bottom, right;
    int padded;
} dg_pool;

/* Optimizer steps; g' = scale g, all for one element. `decay` is an L2 term.
 * sgd:     g' += decay p;  m = momentum m + g';  p -= rate (nesterov ? g' + momentum m : m)
 *          without m (NULL): p -= rate g'
 * adam:    g' += decay p (decoupled: p -= rate decay p instead);  m = beta1 m + (1 - beta1) g';
 *          v = beta2 v + (1 - beta2) g'^2;  p -= rate (m / c1) / (sqrt(v / c2) + epsilon)
 *          with c1 = 1 - beta1^step, c2 = 1 - beta2^step, steps counted from 1
 * rmsprop: g' += decay p;  v = alpha v + (1 - alpha) g'^2;  p -= rate g' / (sqrt(v) + epsilon)
 * In f32 adam and rmsprop need g' whose square is a number; commit looks. */
typedef struct {
    double rate, scale, decay;
    double momentum; /* sgd */
    int nesterov;    /* sgd */
    double beta1, beta2, c1, c2, epsilon;
    int decoupled; /* adam: 1 is adamw */
    double alpha;  /* rmsprop */
} dg_rule;

#endif

#if !defined(DG_T) && defined(DG_REAL)
#include "base/real.h"
#endif

#if defined(DG_T) && (!defined(DG_KERNELS_FUNCTIONS) || defined(DG_KERNELS_AGAIN))
#define DG_KERNELS_FUNCTIONS
/* ---- Functions ---- */

/* C [m, n] = A [m, k] B [k, n], by `mode`; bias: n numbers, added last, or NULL.
 * Element (i, j) of A is a[i a_row + j a_col]; likewise B; C is c[i c_row + j]. A transposed
 * operand is one with its strides swapped. B with b_col = 1 is read in place or packed; with
 * another b_col it is packed. A part of C is had by moving the pointers: same bits. */
void DG_T(dg_gemm)(int mode, int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row,
                   int64_t a_col, const real *b, int64_t b_row, int64_t b_col, const real *bias,
                   real *c, int64_t c_row, void *scratch);
size_t DG_T(dg_gemm_scratch)(int64_t m, int64_t n, int64_t k, int64_t b_col);

/* Linear layer. y [rows, out] = x [rows, in] w [in, out] + b [out] (b may be NULL) and dx = dy w^T:
 * rows r0 .. r1-1. dw (+)= x^T dy: over all rows, a part of w. (db (+)= the sum of dy's rows is
 * dg_sum_columns.) Scratch serves any range of at most `rows` rows. */
void DG_T(dg_linear)(int64_t r0, int64_t r1, int64_t in, int64_t out, const real *x, const real *w,
                     const real *b, real *y, void *scratch);
size_t DG_T(dg_linear_scratch)(int64_t rows, int64_t in, int64_t out);

void DG_T(dg_linear_input)(int64_t r0, int64_t r1, int64_t in, int64_t out, const real *dy,
                           const real *w, real *dx, void *scratch);
size_t DG_T(dg_linear_input_scratch)(int64_t rows, int64_t in, int64_t out);

int DG_T(dg_linear_weight_parts)(int64_t rows, int64_t in, int64_t out);
void DG_T(dg_linear_weight)(int part, int64_t rows, int64_t in, int64_t out, const real *x,
                            const real *dy, int add, real *dw, void *scratch);
size_t DG_T(dg_linear_weight_scratch)(int64_t rows, int64_t in, int64_t out);

/* Convolution. An algorithm is chosen by sizes (and `exact`); its name is for the reader. */
typedef struct {
    const char *name;
    void (*run)(const dg_conv *s, int64_t n0, int64_t n1, const real *x, const real *w,
                const real *b, real *y, void *scratch);
    size_t (*scratch)(const dg_conv *s);
} DG_T(dg_conv_forward);

typedef struct {
    const char *name;
    void (*run)(const dg_conv *s, int64_t n0, int64_t n1, const real *dy, const real *w, real *dx,
                void *scratch);
    size_t (*scratch)(const dg_conv *s);
} DG_T(dg_conv_input);

/* All `images` images, one part of dw: of no images its elements become 0, unless `add`. */
typedef struct {
    const char *name;
    void (*run)(const dg_conv *s, int part, int64_t images, const real *x, const real *dy, int add,
                real *dw, void *scratch);
    size_t (*scratch)(const dg_conv *s);
    int (*parts)(const dg_conv *s);
} DG_T(dg_conv_weight);

/* The same gradient by way of a sum in the domain of a transform, `bytes` of it, that goes through
 * the batch: `run` adds images to one part of it (add 0: it begins with them); `finish` makes that
 * part of dw of it, and leaves it as it is. Bits do not depend on how images are given in calls
 * that follow one another. */
typedef struct {
    const char *name;
    void (*run)(const dg_conv *s, int part, int64_t images, const real *x, const real *dy, int add,
                real *sum, void *scratch);
    void (*finish)(const dg_conv *s, int part, const real *sum, real *dw);
    size_t (*bytes)(const dg_conv *s);
    size_t (*scratch)(const dg_conv *s);
    int (*parts)(const dg_conv *s);
} DG_T(dg_conv_sum);

/* NULL: there is none for these sizes. */
const DG_T(dg_conv_sum) * DG_T(dg_conv_choose_sum)(const dg_conv *s);
/* Never NULL. */
const DG_T(dg_conv_forward) * DG_T(dg_conv_choose_forward)(const dg_conv *s);
const DG_T(dg_conv_input) * DG_T(dg_conv_choose_input)(const dg_conv *s);
const DG_T(dg_conv_weight) * DG_T(dg_conv_choose_weight)(const dg_conv *s);

/* db [k] (+)= sum of dy's pixels, channels k0 .. k1-1: of each image in double, images added left
 * to right; low, unless NULL, as in dg_sum_columns_pair. */
void DG_T(dg_conv_bias)(const dg_conv *s, int64_t k0, int64_t k1, int64_t images, const real *dy,
                        int add, real *db, real *low);

/* Max pooling. y = the largest of the window; the first of equal ones; NaN if there is one (the
 * first). `tap` gets its place in the window, r kw + s: dg_pool_tap_bytes bytes (1 or 4) for each
 * element of y; NULL: not wanted. The adjoint writes all of dx. tangent: dy = dx at the taps. */
size_t DG_T(dg_pool_tap_bytes)(const dg_pool *s);
void DG_T(dg_maxpool)(const dg_pool *s, int64_t n0, int64_t n1, const real *x, real *y, void *tap);
void DG_T(dg_maxpool_adjoint)(const dg_pool *s, int64_t n0, int64_t n1, const real *dy,
                              const void *tap, real *dx);
void DG_T(dg_maxpool_tangent)(const dg_pool *s, int64_t n0, int64_t n1, const real *dx,
                              const void *tap, real *dy);

/* Average pooling over the elements of the window that are in x (padding, if it counts, is 0);
 * linear, so its own tangent. */
void DG_T(dg_avgpool)(const dg_pool *s, int64_t n0, int64_t n1, const real *x, real *y);
void DG_T(dg_avgpool_adjoint)(const dg_pool *s, int64_t n0, int64_t n1, const real *dy, real *dx);

/* One row of n numbers: sum, sum of x y, sum of squares about a centre, largest (NaN if there is
 * one; -infinity if n = 0), each with 16 lanes. */
real DG_T(dg_row_sum)(int64_t n, const real *x);
real DG_T(dg_row_dot)(int64_t n, const real *x, const real *y);
real DG_T(dg_row_squares)(int64_t n, const real *x, real centre);
real DG_T(dg_row_max)(int64_t n, const real *x);
/* y = exp(x - centre), returns the sum of y; y may be x (in place) or NULL. */
real DG_T(dg_row_exp)(int64_t n, const real *x, real centre, real *y);

/* y[j] (+)= sum over rows of x[r x_row + j], j < n: a chain that starts at 0, with `add` at y. */
void DG_T(dg_sum_columns)(int64_t rows, int64_t n, const real *x, int64_t x_row, int add, real *y);
/* The same as a pair, high + low, without the rounding errors of a long chain: low collects what
 * each addition to high loses, with `add` going on from both. */
void DG_T(dg_sum_columns_pair)(int64_t rows, int64_t n, const real *x, int64_t x_row, int add,
                               real *high, real *low);
/* y[j] = the mean over rows of x[r x_row + j], summed in double. */
void DG_T(dg_mean_columns)(int64_t rows, int64_t n, const real *x, int64_t x_row, real *y);

/* Sums of squares in double of blocks b0 .. b1-1 of x, DG_SQUARES_BLOCK elements each (the last one
 * is what is left): sums[b], 16 lanes for each block. Returns 1 if all elements read are finite,
 * else 0. Number of blocks: ceil(n / DG_SQUARES_BLOCK); add the sums in order. */
int DG_T(dg_squares)(int64_t n, const real *x, int64_t b0, int64_t b1, double *sums);

/* Optimizer steps on elements i0 .. i1-1, one pass; see dg_rule. */
void DG_T(dg_step_sgd)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g, real *m);
void DG_T(dg_step_adam)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g, real *m,
                        real *v);
void DG_T(dg_step_rmsprop)(const dg_rule *a, int64_t i0, int64_t i1, real *p, const real *g,
                           real *v);

/* Movement. Any n >= 0. */
void DG_T(dg_fill)(int64_t n, real value, real *y);
void DG_T(dg_copy)(int64_t n, const real *x, real *y);
void DG_T(dg_add)(int64_t n, const real *a, const real *b, real *y); /* y may be a or b */
void DG_T(dg_scale)(int64_t n, real a, const real *x, real *y);      /* y = a x; y may be x */
/* y [n, m] = the transpose of x [m, n], row strides x_row and y_row. */
void DG_T(dg_transpose)(int64_t m, int64_t n, const real *x, int64_t x_row, real *y, int64_t y_row);

/* Elements first .. first + n - 1 of a stream, uniform in [0, 1): dg_uniform of base/philox.h. */
void DG_T(dg_uniform_row)(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, double *out);

/* For benchmarks: `rounds` rounds of independent chains of the widest fma. Returns the number of
 * floating point operations done; *sink keeps the compiler from leaving them out. */
int64_t DG_T(dg_peak)(int64_t rounds, real *sink);

#endif
