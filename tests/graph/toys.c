#include "graph/toys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

dg_status toy_not_run(const dg_call *c)
{
    return dg_diag_set(c->why, DG_EINTERNAL, "a toy was run");
}

#define MATH                                                                                       \
    {                                                                                              \
        toy_not_run, toy_not_run, NULL                                                             \
    }
#define OWN .size = sizeof(dg_node_type), .f32 = MATH, .f64 = MATH

static dg_status same_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = in[0];
    return DG_OK;
}

/* ---- dense ----------------------------------------------------------------------------------- */

static const dg_attr_spec dense_attrs[] = {
    {"units", DG_ATTR_INT, 1, 1, 1048576, NULL, NULL, "size of the result"},
    {"bias", DG_ATTR_BOOL, 1, 0, 1, "true", NULL, "whether there is a bias"}};
static const dg_input_spec dense_inputs[] = {
    {"x", 0, NULL}, {"weight", DG_IN_PARAMETER, "auto"}, {"bias", DG_IN_PARAMETER, "zeros"}};

static dg_status dense_parameter(const dg_attrs *a, int n_in, const dg_shape in[], int k,
                                 dg_shape *out, dg_diag *why)
{
    (void)n_in;
    int64_t units = dg_attr_int(a, 0), last = in[0].rank > 0 ? in[0].dim[in[0].rank - 1] : -1;
    if (last < 0)
        return dg_diag_set(why, DG_EMODEL, "x of dense needs a last axis of known size");
    *out = k == 1 ? shape2(last, units) : shape1(units);
    if (k == 2 && !dg_attr_int(a, 1))
        out->rank = -1;
    return DG_OK;
}

static dg_status dense_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    (void)n_in;
    (void)why;
    out[0] = in[0];
    out[0].dim[in[0].rank - 1] = dg_attr_int(a, 0);
    return DG_OK;
}

const dg_node_type toy_dense = {OWN,
                                .name = "dense",
                                .attrs = dense_attrs,
                                .n_attrs = COUNT(dense_attrs),
                                .inputs = dense_inputs,
                                .n_inputs = COUNT(dense_inputs),
                                .n_out = 1,
                                .parameter = dense_parameter,
                                .shape = dense_shape};

/* ---- the others ------------------------------------------------------------------------------ */

static const dg_input_spec any_input[] = {{"x", DG_IN_ANY, NULL}};
static const dg_input_spec real_input[] = {{"x", 0, NULL}};
static const dg_input_spec int_input[] = {{"ids", DG_IN_INT, NULL}};
static const dg_input_spec two_inputs[] = {
    {"a", 0, NULL}, {"b", 0, NULL}, {"scale", DG_IN_OPTIONAL, NULL}};

const dg_node_type toy_twice = {OWN,        .name = "twice",  .inputs = any_input, .n_inputs = 1,
                                .n_out = 1, .flags = DG_VIEW, .shape = same_shape};

static dg_status equal_shapes(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                              dg_diag *why)
{
    char left[64], right[64];
    (void)a;
    out[0] = in[0];
    if (n_in == 3 && dg_shape_equal(&in[0], &in[1]) && (in[2].rank == -1 || in[2].rank == 0))
        return DG_OK;
    return dg_diag_set(why, DG_EMODEL, "add2 needs equal shapes, not %s and %s",
                       dg_shape_text(&in[0], left, sizeof left),
                       dg_shape_text(&in[1], right, sizeof right));
}

static const dg_node_type add2 = {OWN,           .name = "add2", .inputs = two_inputs,
                                  .n_inputs = 3, .n_out = 1,     .shape = equal_shapes};

static dg_status join_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    (void)a;
    (void)why;
    out[0] = in[0];
    for (int i = 1; i < n_in; i++)
        out[0].dim[1] += in[i].dim[1];
    return DG_OK;
}

static const dg_node_type join = {
    OWN,        .name = "join",       .inputs = real_input, .n_inputs = 1,
    .n_out = 1, .flags = DG_VARIADIC, .shape = join_shape};

static const dg_attr_spec parts_attrs[] = {
    {"n", DG_ATTR_INT, 1, 0, 1000, NULL, NULL, "number of results"},
    {"label", DG_ATTR_TEXT, 1, 0, 0, "", NULL, "a text"}};

static int parts_outputs(const dg_attrs *a)
{
    return (int)dg_attr_int(a, 0);
}

static dg_status parts_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    (void)n_in;
    (void)why;
    for (int i = 0; i < dg_attr_int(a, 0); i++)
        out[i] = shape2(in[0].dim[0], i + 1);
    return DG_OK;
}

static const dg_node_type parts = {OWN,
                                   .name = "parts",
                                   .attrs = parts_attrs,
                                   .n_attrs = COUNT(parts_attrs),
                                   .inputs = real_input,
                                   .n_inputs = 1,
                                   .outputs = parts_outputs,
                                   .shape = parts_shape};
static const dg_node_type pick = {OWN,           .name = "pick", .inputs = int_input,
                                  .n_inputs = 1, .n_out = 1,     .shape = same_shape};

static dg_status huge_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                            dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)why;
    out[0] = in[0];
    out[0].rank = 4;
    out[0].dim[1] = out[0].dim[2] = out[0].dim[3] = INT64_C(1) << 21;
    return DG_OK;
}

static dg_status bad_n_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)in;
    (void)why;
    out[0] = shape2(3, DG_N);
    return DG_OK;
}

static dg_status silent_shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                              dg_diag *why)
{
    (void)a;
    (void)n_in;
    (void)in;
    (void)out;
    (void)why;
    return DG_EMODEL;
}

static const dg_node_type huge = {OWN,           .name = "huge", .inputs = real_input,
                                  .n_inputs = 1, .n_out = 1,     .shape = huge_shape};
static const dg_node_type bad_n = {OWN,           .name = "bad_n", .inputs = real_input,
                                   .n_inputs = 1, .n_out = 1,      .shape = bad_n_shape};
static const dg_node_type silent = {OWN,           .name = "silent", .inputs = real_input,
                                    .n_inputs = 1, .n_out = 1,       .shape = silent_shape};

/* Integers where the shape has one axis: what a loss does that takes labels or distributions. */
static int64_t either_limit(const dg_sizes *of, int input)
{
    return of->in[input].rank == 1 ? 10 : -1;
}

static const dg_node_type either = {
    OWN,        .name = "either",      .inputs = any_input, .n_inputs = 1,
    .n_out = 1, .limit = either_limit, .shape = same_shape};

/* ---- building -------------------------------------------------------------------------------- */

void toys_add(dg_graph *g)
{
    static const dg_node_type *const all[] = {&toy_dense, &toy_twice, &add2, &join,  &parts,
                                              &pick,      &either,    &huge, &bad_n, &silent};
    for (int i = 0; i < COUNT(all); i++)
        dg_graph_add_type(g, all[i]);
}

dg_graph *toys_graph(dg_type real)
{
    dg_graph *g = dg_graph_new(NULL, real);
    assert_non_null(g);
    toys_add(g);
    assert_int_equal(dg_graph_status(g, NULL), DG_OK);
    return g;
}

dg_shape shape1(int64_t a)
{
    return dg_shape_make(1, &a);
}

dg_shape shape2(int64_t a, int64_t b)
{
    int64_t dim[] = {a, b};
    return dg_shape_make(2, dim);
}

dg_value toys_dense(dg_graph *g, const char *name, dg_value x, double units)
{
    dg_attr attr = {.name = "units", .count = 1, .number = &units};
    return dg_apply(g, "dense", name, 1, &x, 1, &attr);
}
