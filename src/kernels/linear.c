/* The linear layer (contract: kernels/kernels.h): y = x w + b, dx = dy w^T, dw = x^T dy. */
#include "kernels/gemm.h"

void DG_T(dg_linear)(int64_t r0, int64_t r1, int64_t in, int64_t out, const real *x, const real *w,
                     const real *b, real *y, void *scratch)
{
    DG_T(dg_gemm)
    (DG_WRITE, r1 - r0, out, in, x + r0 * in, in, 1, w, out, 1, b, y + r0 * out, out, scratch);
}

size_t DG_T(dg_linear_scratch)(int64_t rows, int64_t in, int64_t out)
{
    return DG_T(dg_gemm_scratch)(rows, out, in, 1);
}

void DG_T(dg_linear_input)(int64_t r0, int64_t r1, int64_t in, int64_t out, const real *dy,
                           const real *w, real *dx, void *scratch)
{
    DG_T(dg_gemm)
    (DG_WRITE, r1 - r0, in, out, dy + r0 * out, out, 1, w, 1, out, NULL, dx + r0 * in, in, scratch);
}

size_t DG_T(dg_linear_input_scratch)(int64_t rows, int64_t in, int64_t out)
{
    return DG_T(dg_gemm_scratch)(rows, in, out, out);
}

/* dw is cut into a grid of row_parts x column_parts tiles: with a small batch into whole rows, in
 * one piece as the blocks of an optimizer step are; with a large one into squares, so that all
 * parts together read, and copy, x and dy as seldom as can be. */
enum { MAX_PARTS = 16, PART = 16384, STRIP = 64, FEW = 32, LARGE = 256 };

static void grid(int64_t rows, int64_t in, int64_t out, int64_t *row_parts, int64_t *column_parts)
{
    const int64_t strips = out > STRIP ? (out + STRIP - 1) / STRIP : 1;
    const int64_t bands = in > FEW ? in / FEW : 1;
    int64_t parts = in * out / PART;
    parts = parts < 1 ? 1 : parts > MAX_PARTS ? MAX_PARTS : parts;
    if (rows < LARGE) {
        *row_parts = bands < parts ? bands : parts;
        *column_parts = parts / *row_parts < strips ? parts / *row_parts : strips;
    } else {
        *row_parts = 1;
        while (*row_parts < parts && *row_parts * *row_parts * out < parts * in)
            ++*row_parts;
        *column_parts = parts / *row_parts < strips ? parts / *row_parts : strips;
    }
}

int DG_T(dg_linear_weight_parts)(int64_t rows, int64_t in, int64_t out)
{
    int64_t r, c;
    grid(rows, in, out, &r, &c);
    return (int)(r * c);
}

void DG_T(dg_linear_weight)(int part, int64_t rows, int64_t in, int64_t out, const real *x,
                            const real *dy, int add, real *dw, void *scratch)
{
    int64_t rp, cp;
    grid(rows, in, out, &rp, &cp);
    const int64_t strips = (out + STRIP - 1) / STRIP, pr = part / cp, pc = part % cp;
    const int64_t i0 = pr * in / rp, i1 = (pr + 1) * in / rp, j0 = pc * strips / cp * STRIP;
    const int64_t j1 = pc == cp - 1 ? out : (pc + 1) * strips / cp * STRIP;
    const dg_product g = {.first = add ? DG_CONTINUE : DG_START,
                          .next = DG_CONTINUE,
                          .gather = rows >= LARGE,
                          .pack = rows >= LARGE && i1 - i0 >= 96,
                          .m = i1 - i0,
                          .n = j1 - j0,
                          .k = rows,
                          .a = x + i0,
                          .a_row = 1,
                          .a_col = in,
                          .b = dy + j0,
                          .b_row = out,
                          .b_col = 1,
                          .c = dw + i0 * out + j0,
                          .c_row = out};
    DG_T(dg_multiply)(&g, scratch);
}

size_t DG_T(dg_linear_weight_scratch)(int64_t rows, int64_t in, int64_t out)
{
    (void)in;
    return rows >= LARGE ? DG_T(dg_gemm_pack_bytes)(out, rows) + DG_T(dg_gemm_gather_bytes)(rows)
                         : 0;
}
