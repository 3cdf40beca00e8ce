/* Trials: the cases of a node (dg_case in <dagrad/node.h>) with sizes, attributes and values drawn.
 *
 * Besides what dg_case says: a letter may have a factor ("2a"); an input without sizes has rank 0
 * ("n,a; "), one that is "-" is absent. The letter n as first size of an input is the batch: the
 * shape rule is asked with DG_N for it too. Values are numbers of f32, so that both types get the
 * same. */
#ifndef DG_TESTS_OPS_CASES_H
#define DG_TESTS_OPS_CASES_H

#include "base/arena.h"
#include <dagrad/node.h>

enum { DG_TRIAL_IN = 8, DG_TRIAL_MOST = 40000 /* elements of all inputs, and of all outputs */ };

typedef struct dg_trial {
    const dg_node_type *type;
    int builtin; /* its index in ops.def */
    const dg_case *of;
    int64_t size[26]; /* of the letters; -1: not in the case */
    int letters;
    const dg_attrs *attrs;
    int n_in, n_out;
    int n_results;                                         /* without the next values of states */
    dg_shape in_shape[DG_TRIAL_IN], out_shape[DG_MAX_OUT]; /* rank -1: absent */
    int in_rows[DG_TRIAL_IN];                              /* has the batch as axis 0 */
    int rows;                                              /* the outputs have it */
    int integer[DG_TRIAL_IN]; /* labels: values are whole, there is nothing to differentiate */
    int simplex[DG_TRIAL_IN]; /* rows add up to 1: perturbations of a row must add up to 0 */
    double *in[DG_TRIAL_IN];
    double radius;  /* of these values: that of the case, or half the distance of distinct values */
    char text[200]; /* "linear, case 2, n=3 a=17" */
    dg_arena arena;
} dg_trial;

/* Draw number `draw` of a case: from 0 on each letter is once 0, once 1 while others are small,
 * then all are random. seed: what else is random. Returns 1; 0 where sizes of that kind are not
 * taken by the node, or there are too many elements: why says so. Fails the test where the case
 * itself is not well-formed. Give the trial back in either case. */
int dg_trial_draw(dg_trial *t, int builtin, int which, int draw, uint64_t seed, dg_diag *why);
void dg_trial_free(dg_trial *t);

/* A trial of given shapes, for tests of one point: attributes as text, values from `in` (NULL:
 * absent there, uniform(-1,1) here). The shape rule must accept them. batch: axis 0 of inputs
 * whose in_shape says DG_N. */
void dg_trial_make(dg_trial *t, const char *node, const char *attrs, int n_in,
                   const dg_shape in_shape[], const double *const in[], int64_t batch);

/* The next number of a sequence by seed; uniform in [a, b). */
/* What its type is asked about sizes with. */
dg_sizes dg_trial_sizes(const dg_trial *t, dg_type real);

uint64_t dg_trial_next(uint64_t *state);
double dg_trial_uniform(uint64_t *state, double a, double b);

#endif
