/* What nodes compute, against plain loops over indices with the C library's functions: point-wise
 * nodes of one and two inputs, and nodes that reshape, move, sum and normalise, over their cases
 * and drawn shapes, in f64. (That derivatives fit the function says nothing of whether it is the
 * right one.) */
#include "ops/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Indices --------------------------------------------------------------------------------- */

/* Element of an array that is broadcast to the space of an index: aligned at the last axis. */
static int64_t stretched(const dg_shape *s, const dg_shape *space, const int64_t index[])
{
    int64_t own[DG_MAX_RANK];
    for (int k = 0; k < s->rank; k++)
        own[k] = s->dim[k] == 1 ? 0 : index[k + space->rank - s->rank];
    return dg_ravel(s, own);
}

static int axis_of(const dg_trial *t, int attr, int rank)
{
    int64_t axis = dg_attr_int(t->attrs, attr);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* ---- References: element `flat` of output j
 * ---------------------------------------------------- */

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* The input times a share of it. */
static double shared(const char *name, const dg_attr_value *v, double z)
{
    double cubic = sqrt(2 / acos(-1)) * (z + 0.044715 * z * z * z);
    if (strcmp(name, "silu") == 0)
        return z * sigmoid(z);
    return 0.5 * z * (1 + (v[0].word == 1 ? tanh(cubic) : erf(z * sqrt(0.5))));
}

static double hard(const char *name, const dg_attr_value *v, double z)
{
    if (strcmp(name, "hardswish") == 0)
        return z * fmin(fmax(z / 6 + 0.5, 0), 1);
    return fmin(fmax(v[0].number[0] * z + v[1].number[0], 0), 1);
}

static double one_input(const dg_trial *t, int j, int64_t flat)
{
    double z = t->in[0][flat];
    const char *name = t->type->name;
    const dg_attr_value *v = t->attrs->v;
    (void)j;
    if (strcmp(name, "clip") == 0)
        return fmin(fmax(z, v[0].count ? v[0].number[0] : -HUGE_VAL),
                    v[1].count ? v[1].number[0] : HUGE_VAL);
    if (strcmp(name, "leaky_relu") == 0)
        return z > 0 ? z : v[0].number[0] * z;
    if (strcmp(name, "elu") == 0)
        return z > 0 ? z : v[0].number[0] * expm1(z);
    if (strcmp(name, "selu") == 0)
        return 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * expm1(z));
    if (strncmp(name, "hard", 4) == 0)
        return hard(name, v, z);
    if (strcmp(name, "gelu") == 0 || strcmp(name, "silu") == 0)
        return shared(name, v, z);
    return strcmp(name, "neg") == 0          ? -z
           : strcmp(name, "abs") == 0        ? fabs(z)
           : strcmp(name, "exp") == 0        ? exp(z)
           : strcmp(name, "log") == 0        ? log(z)
           : strcmp(name, "sqrt") == 0       ? sqrt(z)
           : strcmp(name, "square") == 0     ? z * z
           : strcmp(name, "reciprocal") == 0 ? 1 / z
           : strcmp(name, "sin") == 0        ? sin(z)
           : strcmp(name, "cos") == 0        ? cos(z)
           : strcmp(name, "tanh") == 0       ? tanh(z)
           : strcmp(name, "sigmoid") == 0    ? sigmoid(z)
           : strcmp(name, "relu") == 0       ? fmax(z, 0)
           : strcmp(name, "softplus") == 0   ? log1p(exp(z))
           : strcmp(name, "softsign") == 0   ? z / (1 + fabs(z))
           : strcmp(name, "erf") == 0        ? erf(z)
                                             : (double)NAN;
}

static double two_inputs(const dg_trial *t, int j, int64_t flat)
{
    int64_t index[DG_MAX_RANK];
    dg_unravel(&t->out_shape[j], flat, index);
    double a = t->in[0][stretched(&t->in_shape[0], &t->out_shape[0], index)];
    double b = t->in[1][stretched(&t->in_shape[1], &t->out_shape[0], index)];
    const char *name = t->type->name;
    return strcmp(name, "add") == 0         ? a + b
           : strcmp(name, "sub") == 0       ? a - b
           : strcmp(name, "mul") == 0       ? a * b
           : strcmp(name, "div") == 0       ? a / b
           : strcmp(name, "pow") == 0       ? pow(a, b)
           : strcmp(name, "maximum") == 0   ? fmax(a, b)
           : strcmp(name, "minimum") == 0   ? fmin(a, b)
           : strcmp(name, "greater") == 0   ? a > b
           : strcmp(name, "less") == 0      ? a < b
           : strcmp(name, "equal") == 0     ? a <= b && a >= b
           : strcmp(name, "not_equal") == 0 ? a < b || a > b
                                            : (double)NAN;
}

static double chosen(const dg_trial *t, int j, int64_t flat)
{
    int64_t index[DG_MAX_RANK];
    dg_unravel(&t->out_shape[j], flat, index);
    double v[3];
    for (int k = 0; k < 3; k++)
        v[k] = t->in[k][stretched(&t->in_shape[k], &t->out_shape[0], index)];
    return v[0] < 0 || v[0] > 0 ? v[1] : v[2];
}

static double same_order(const dg_trial *t, int j, int64_t flat)
{
    (void)j;
    return t->in[0][flat];
}

static double transposed(const dg_trial *t, int j, int64_t flat)
{
    const dg_attr_value *perm = &t->attrs->v[0];
    int64_t index[DG_MAX_RANK], from[DG_MAX_RANK];
    int rank = t->in_shape[0].rank;
    dg_unravel(&t->out_shape[j], flat, index);
    for (int k = 0; k < rank; k++) {
        int axis = perm->count ? (int)perm->number[k] : rank - 1 - k;
        from[axis < 0 ? axis + rank : axis] = index[k];
    }
    return t->in[0][dg_ravel(&t->in_shape[0], from)];
}

static double joined(const dg_trial *t, int j, int64_t flat)
{
    int64_t index[DG_MAX_RANK];
    int axis = axis_of(t, 0, t->out_shape[0].rank), k = 0;
    dg_unravel(&t->out_shape[j], flat, index);
    while (index[axis] >= t->in_shape[k].dim[axis])
        index[axis] -= t->in_shape[k++].dim[axis];
    return t->in[k][dg_ravel(&t->in_shape[k], index)];
}

static int is_folded(const dg_trial *t, int axis)
{
    const dg_attr_value *list = &t->attrs->v[0];
    for (int k = 0; k < list->count; k++)
        if ((int)list->number[k] == axis || (int)list->number[k] + t->in_shape[0].rank == axis)
            return 1;
    return list->count == 0;
}

/* 1 if element i of z belongs to element `flat` of x: the other axes agree. */
static int belongs(const dg_trial *t, int64_t i, int64_t flat)
{
    int64_t index[DG_MAX_RANK], own[DG_MAX_RANK], n = 0;
    const dg_shape *x = &t->out_shape[0], *z = &t->in_shape[0];
    dg_unravel(z, i, index);
    dg_unravel(x, flat, own);
    for (int k = 0; k < z->rank; k++)
        if (is_folded(t, k))
            n += x->rank == z->rank; /* keepdims: its index is 0 */
        else if (own[n++] != index[k])
            return 0;
    return 1;
}

static double folded(const dg_trial *t, int j, int64_t flat)
{
    const char *name = t->type->name;
    int64_t count = dg_shape_count(&t->in_shape[0]), n = 0;
    double sum = 0, most = -HUGE_VAL, least = HUGE_VAL;
    (void)j;
    for (int64_t i = 0; i < count; i++) {
        if (!belongs(t, i, flat))
            continue;
        n++;
        sum += t->in[0][i];
        most = fmax(most, t->in[0][i]);
        least = fmin(least, t->in[0][i]);
    }
    return strcmp(name, "sum") == 0    ? sum
           : strcmp(name, "mean") == 0 ? (n ? sum / (double)n : 0)
           : strcmp(name, "max") == 0  ? most
                                       : least;
}

static double normalised(const dg_trial *t, int j, int64_t flat)
{
    int64_t index[DG_MAX_RANK];
    const dg_shape *s = &t->in_shape[0];
    int axis = axis_of(t, 0, s->rank);
    double sum = 0;
    (void)j;
    dg_unravel(s, flat, index);
    for (index[axis] = 0; index[axis] < s->dim[axis]; index[axis]++)
        sum += exp(t->in[0][dg_ravel(s, index)]);
    double x = t->in[0][flat];
    return strcmp(t->type->name, "softmax") == 0 ? exp(x) / sum : x - log(sum);
}

/* ---- The test -------------------------------------------------------------------------------- */

static const struct {
    const char *nodes;
    dg_reference *of;
    int most; /* elements of z: some references look at all of them for each x */
} REFERENCES[] = {
    {"neg abs exp log sqrt square reciprocal sin cos clip tanh sigmoid relu leaky_relu elu "
     "softplus erf selu softsign hardsigmoid hardswish gelu silu",
     one_input, 4000},
    {"add sub mul div pow maximum minimum greater less equal not_equal", two_inputs, 4000},
    {"where", chosen, 4000},
    {"reshape flatten", same_order, 4000},
    {"transpose", transposed, 4000},
    {"concat", joined, 4000},
    {"sum mean max min", folded, 1000},
    {"softmax log_softmax", normalised, 2000},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFERENCES / sizeof REFERENCES[0]; i++) {
        char names[160], *rest = names;
        strcpy(names, REFERENCES[i].nodes);
        for (char *name; (name = strtok_r(rest, " ", &rest));)
            dg_reference_check(name, REFERENCES[i].of, REFERENCES[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
