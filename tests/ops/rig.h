/* A rig runs a node's mathematics directly, as the engine would, on one instruction set and type,
 * with memory that shows mistakes: results are full of NaN before a call and must not be
 * afterwards, memory after them must stay as it was, scratch holds garbage, and what the type
 * does not declare as saved is NULL. Functions that can fail only by a defect of the node fail
 * the test. */
#ifndef DG_TESTS_OPS_RIG_H
#define DG_TESTS_OPS_RIG_H

#include "ops/cases.h"
#include "ops/isa.h"

typedef struct dg_rig {
    const dg_trial *trial;
    dg_type real;
    const char *isa;
    const dg_math *math;
    void *in[DG_TRIAL_IN], *delta[DG_TRIAL_IN], *din[DG_TRIAL_IN]; /* NULL: absent */
    void *out[DG_MAX_OUT], *eps[DG_MAX_OUT], *dout[DG_MAX_OUT];
    void *saved, *carried, *scratch, *sum[DG_TRIAL_IN];
    size_t saved_bytes, carried_bytes, scratch_bytes, sum_bytes[DG_TRIAL_IN];
    int training;   /* 1 */
    int add;        /* 0; see dg_call */
    uint64_t state; /* draws the cuts */
    dg_diag why;
} dg_rig;

/* How a call is cut: not at all, or at random: into rows, or parts, in any order. */
typedef enum { DG_WHOLE, DG_CUT } dg_cut;

/* The instruction sets that a test goes through, best first; NULL at the end. Under a sanitizer the
 * best and the portable one: what is between them has the same code. */
const dg_isa *dg_rig_isa(int k);

/* Inputs get the trial's values, error vectors and perturbations numbers of size 1/4 to 1 by
 * seed, the same for all types and instruction sets; perturbations of a row of a simplex add up
 * to 0. */
void dg_rig_open(dg_rig *r, const dg_trial *t, dg_type real, const dg_isa *isa, uint64_t seed);
void dg_rig_close(dg_rig *r);

/* dg_rig_try returns what the node returned, `why` says why; dg_rig_forward fails unless it is
 * DG_OK. */
dg_status dg_rig_try(dg_rig *r);
void dg_rig_forward(dg_rig *r, dg_cut cut);
/* only: the input whose delta, or perturbation, it is; -1: all together, where the engine does
 * so. */
void dg_rig_adjoint(dg_rig *r, dg_cut cut, int only);
void dg_rig_tangent(dg_rig *r, dg_cut cut, int only);
/* Forward, and the adjoint of input i alone, cut inside rows at random between grains. 0: the node
 * is not cut so. */
int dg_rig_forward_inside(dg_rig *r);
int dg_rig_adjoint_inside(dg_rig *r, int i);
/* For DG_POINTWISE: out[0] in the memory of input i, delta[i] in that of eps[0] (which is lost);
 * only for inputs of the output's shape. */
void dg_rig_forward_in_place(dg_rig *r, int i);
void dg_rig_adjoint_in_place(dg_rig *r, int i);

/* 1 if there is something to differentiate for input i. */
int dg_rig_wants(const dg_rig *r, int i);

/* Rows first .. end-1 of the batch as a trial of its own; shares memory with t, not to be freed. */
void dg_trial_rows(const dg_trial *t, int64_t first, int64_t end, dg_trial *rows);

int64_t dg_rig_in_count(const dg_rig *r, int i); /* 0: absent */
int64_t dg_rig_out_count(const dg_rig *r, int j);
double dg_rig_get(const dg_rig *r, const void *p, int64_t i);
void dg_rig_set(const dg_rig *r, void *p, int64_t i, double x);
/* Index of the first of n elements that have not the same bits (any NaN equals any), -1: none. */
int64_t dg_rig_differs(const dg_rig *r, const void *a, const void *b, int64_t n);

#endif
