/* The functions of base/elem.h over arrays: what tests call to compare paths. */
#ifndef DG_KERNELS_ELEM_PROBE_H
#define DG_KERNELS_ELEM_PROBE_H

#include <stdint.h>

enum dg_elem_fn {
    DG_ELEM_EXP,
    DG_ELEM_LOG,
    DG_ELEM_TANH,
    DG_ELEM_SIGMOID,
    DG_ELEM_EXPM1,
    DG_ELEM_LOG1P,
    DG_ELEM_SOFTPLUS,
    DG_ELEM_SIN,
    DG_ELEM_COS,
    DG_ELEM_ERF,
    DG_ELEM_BELL,
    DG_ELEM_NORMAL,
    DG_ELEM_NORMAL_TANH,
    DG_ELEM_POW, /* the only one of two arguments, last */
    DG_ELEM_FNS
};

/* out[i] = fn(x[i]) or fn(x[i], y[i]) (DG_ELEM_POW; y is not read by the others), i < n. */
typedef void dg_elem_probe_f32(int fn, int64_t n, const float *x, const float *y, float *out);
typedef void dg_elem_probe_f64(int fn, int64_t n, const double *x, const double *y, double *out);

/* Those of x86-64; elsewhere the portable ones alone are there. */
dg_elem_probe_f32 dg_elem_probe_f32_v4, dg_elem_probe_f32_v3, dg_elem_probe_f32_portable;
dg_elem_probe_f64 dg_elem_probe_f64_v4, dg_elem_probe_f64_v3, dg_elem_probe_f64_portable;

#endif
