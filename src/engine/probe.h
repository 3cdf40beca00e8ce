/* A probe runs one node's mathematics at a point, alone, on vectors of double: what the certificate
 * and the order of computation look through. */
#ifndef DG_ENGINE_PROBE_H
#define DG_ENGINE_PROBE_H

#include "engine/naive.h"
#include "ops/isa.h"

enum { DG_PROBE_MOST = 40 }; /* inputs, and outputs, of a node that can be probed */

typedef struct dg_probe {
    const dg_graph *graph;
    const dg_node_type *type;
    const char *name;
    const dg_math *math;
    dg_type real;
    int has_tangent;
    int careful; /* differences look first at what rounding does near the point */
    int in_rows[DG_PROBE_MOST], out_rows; /* have the batch as axis 0 */
    int n_results;                        /* without the next values of states */
    size_t carried;                       /* its bytes */
    dg_call c;
    dg_shape in_shape[DG_PROBE_MOST], out_shape[DG_MAX_OUT];
    void *in[DG_PROBE_MOST], *out[DG_PROBE_MOST], *eps[DG_PROBE_MOST], *delta[DG_PROBE_MOST];
    void *din[DG_PROBE_MOST], *dout[DG_PROBE_MOST];
    const char *input_name[DG_PROBE_MOST];
    int integer[DG_PROBE_MOST];
    dg_status failed; /* the first status that a function returned */
    dg_diag why;
} dg_probe;

/* At the values of `at`. math NULL: the node's own, on isa. A node with too many inputs:
 * DG_EUSAGE. */
dg_status dg_probe_make(dg_probe *p, const dg_graph *g, const dg_naive *at, int node,
                        const dg_isa *isa, const dg_math *math, dg_diag *why);
/* The same, with the algorithms of `exact` or not; else those of not. */
dg_status dg_probe_make_exact(dg_probe *p, const dg_graph *g, const dg_naive *at, int node,
                              const dg_isa *isa, int exact, dg_diag *why);
void dg_probe_free(dg_probe *p);

int64_t dg_probe_in(const dg_probe *p, int input); /* elements of an input */
int64_t dg_probe_out(const dg_probe *p);           /* of all results, one after the other */
double dg_probe_size(const dg_probe *p);           /* norm of the results of the last call */
int64_t dg_probe_row(const dg_probe *p);           /* of one row of the batch of the first result */
int dg_probe_differentiable(const dg_probe *p, int input); /* real, given, and not a target */
const char *dg_probe_input_name(const dg_probe *p, int input);

void dg_probe_tangent(dg_probe *p, int input, const double *v, double *jv);
/* The same at the input times `share`, where terms that cancel at the point itself may not. */
void dg_probe_tangent_at(dg_probe *p, int input, double share, const double *v, double *jv);
/* The same with all real inputs moved by a few roundings: what it differs by, rounding may do. */
void dg_probe_tangent_jolted(dg_probe *p, int input, uint64_t seed, const double *v, double *jv);
/* The same over memory that held 0, so that only what is not finite itself is found to be so. */
void dg_probe_tangent_over_zeros(dg_probe *p, int input, const double *v, double *jv);
void dg_probe_adjoint(dg_probe *p, int input, const double *w, double *jtw);
/* Central differences along v, and how far each may be off by rounding and by its step. bad[i] = 1
 * where no two steps agree about result i (a kink or a pole is near, or it is not finite); returns
 * how many. Steps are shares of v, from 1/32 down: v is to be of the size of the input. */
int64_t dg_probe_difference(dg_probe *p, int input, const double *v, double *fd, double *bad,
                            double *trust);
/* The size of each element of an input; where that is 0, the root mean square of all, 1 if they are
 * all 0. Returns the largest. */
double dg_probe_scale(const dg_probe *p, int input, double *scale);
/* 1: all real inputs are finite. */
int dg_probe_finite(const dg_probe *p);
/* The results at the point; how many. */
int64_t dg_probe_results(dg_probe *p, double *y);
/* 1: the adjoint (or the tangent) gives another result when its memory holds other numbers
 * before. */
int dg_probe_depends_on_garbage(dg_probe *p, int input, int tangent);

#endif
