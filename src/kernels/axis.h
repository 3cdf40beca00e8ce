/* One axis of a convolution as runs of positions that use the same taps, so that padding, strides
 * and dilation become loops without tests. For the files of src/kernels only.
 *
 * Position o and tap t meet at i = (o mul + t dil + off) / div, where that is whole, 0 <= i < n_in.
 *   forward:         mul = stride, dil = dilation, off = -pad, div = 1
 *   input gradient:  mul = 1, dil = dilation, off = pad - (taps - 1) dilation, div = stride,
 *                    positions being those of x, i those of dy, taps turned around */
#ifndef DG_KERNELS_AXIS_H
#define DG_KERNELS_AXIS_H

#include <stdint.h>

typedef struct {
    int64_t positions, n_in, taps, mul, dil, off, div;
} dg_axis;

/* Positions first + j step, j < count; each has `taps` taps: tap, tap + tap_step, ... Position j
 * and the u-th of these meet at in + j in_step + u in_tap. */
typedef struct {
    int64_t first, step, count;
    int64_t tap, tap_step, taps;
    int64_t in, in_step, in_tap;
} dg_run;

/* Writes the runs, at most `positions` of them, and returns their number. */
static inline int64_t dg_runs(const dg_axis *x, dg_run *run)
{
    int64_t a = x->div, b = x->dil, n = 0;
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    const int64_t tap_step = x->div / a; /* a is the greatest common divisor of div and dil */
    for (int64_t phase = 0; phase < x->div && phase < x->positions; phase++) {
        dg_run *open = 0;
        for (int64_t o = phase; o < x->positions; o += x->div) {
            int64_t tap = 0, taps = 0, in = 0;
            for (int64_t t = 0; t < x->taps; t++) {
                const int64_t i = o * x->mul + t * x->dil + x->off;
                if (i < 0 || i % x->div || i / x->div >= x->n_in)
                    continue;
                if (!taps++) {
                    tap = t;
                    in = i / x->div;
                }
            }
            if (open && open->tap == tap && open->taps == taps) {
                open->count++;
                continue;
            }
            open = &run[n++];
            *open = (dg_run){o, x->div, 1, tap, tap_step, taps, in, x->mul, x->dil / a};
        }
    }
    return n;
}

#endif
