/* What a node computes, beside a plain loop over indices: over its cases and drawn shapes, in f64.
 * (That derivatives fit the function says nothing of whether it is the right one.) */
#ifndef DG_TESTS_OPS_REFERENCE_H
#define DG_TESTS_OPS_REFERENCE_H

#include "ops/cases.h"

/* Index of element `flat` of a row-major array, and back. */
void dg_unravel(const dg_shape *s, int64_t flat, int64_t index[DG_MAX_RANK]);
int64_t dg_ravel(const dg_shape *s, const int64_t index[]);

/* Element `flat` of output j. */
typedef double dg_reference(const dg_trial *t, int j, int64_t flat);

/* Fails where the node differs by more than 1e-13 of max(1, size). most: elements of the first
 * input, since some references look at all of them for each element. */
void dg_reference_check(const char *node, dg_reference *of, int most);

#endif
