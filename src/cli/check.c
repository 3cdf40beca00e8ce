/* dagrad check: the certificate of the adjoints of a model. */
#include "cli/command.h"
#include "base/number.h"
#include "base/philox.h"
#include "cli/plugin.h"
#include "engine/certify.h"
#include "engine/engine.h"
#include "engine/narrow.h"
#include "graph/graph.h"
#include "ops/isa.h"
#include "train/metric_sums.h"
#include "train/json.h"
#include "train/rundir.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct check_options {
    dg_list node, data, set;
    int64_t batch, seed;
    int json;
} check_options;

typedef struct checker {
    dg_experiment *e, *narrow; /* the model in f64; as it is trained in f32, NULL: it is not */
    const check_options *o;
    dg_options options; /* of the program and the naive interpreter */
    dg_tensor *input;   /* what the model is looked at with */
    int n_inputs, failures;
    int no_gradient;  /* that of the whole graph is not finite here */
    int64_t left_out; /* results at which a node has no derivative */
    json_t *nodes;
} checker;

/* The inputs of the program, copied for the naive interpreter. */
static dg_status copy_point(checker *k, dg_program *p, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    k->input = calloc((size_t)g->n_values + 1, sizeof *k->input);
    for (int id = 1; k->input && id <= g->n_values; id++) {
        if (g->values[id - 1].kind != DG_INPUT)
            continue;
        dg_tensor *t = &k->input[k->n_inputs++];
        if (dg_get(p, (dg_value){id}, DG_VALUE, t) != DG_OK)
            return dg_program_status(p, why);
        t->data = malloc(t->bytes + 1);
        if (!t->data)
            break;
        if (dg_get(p, (dg_value){id}, DG_VALUE, t) != DG_OK)
            return dg_program_status(p, why);
    }
    return k->input ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static void print_failure(const dg_finding *f, const char *isa)
{
    printf("    FAILS on %s: the %s for input '%s'; worst entry (%lld, %lld): expected %.9g, found "
           "%.9g\n    %s\n",
           isa, f->wrong ? f->wrong : "adjoint", f->input, (long long)f->row, (long long)f->column,
           f->expected, f->found, f->guess);
}

static void add_json(checker *k, const dg_finding *f, const char *isa)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:b, s:o, s:o, s:I, s:s}", "node", f->node, "type", f->type, "passed",
        f->passed, "identity", isfinite(f->identity) ? json_real(f->identity) : json_null(),
        "difference", isfinite(f->difference) ? json_real(f->difference) : json_null(), "kinks",
        (json_int_t)f->kinks, "instructions", isa);
    if (!f->passed) {
        json_t *why =
            json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:s}", "input", f->input, "wrong",
                      f->wrong ? f->wrong : "adjoint", "row", (json_int_t)f->row, "column",
                      (json_int_t)f->column, "expected", json_real(f->expected), "found",
                      isfinite(f->found) ? json_real(f->found) : json_null(), "guess", f->guess);
        json_object_update(j, why);
        json_decref(why);
    }
    json_array_append_new(k->nodes, j);
}

/* Values that are not finite go into it: there is nothing to look at. */
static dg_status say_not_finite(checker *k, const dg_finding *f)
{
    json_array_append_new(k->nodes, json_pack("{s:s, s:s, s:b, s:b}", "node", f->node, "type",
                                              f->type, "passed", 1, "finite", 0));
    if (!k->o->json)
        printf("%-24s %-22s an input is not finite here: not looked at\n", f->node, f->type);
    k->left_out++;
    return DG_OK;
}

/* One node on every instruction set: one line, with the worst figures. */
static dg_status check_node(checker *k, const dg_naive *at, int node, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    const dg_certify_options o = {(uint64_t)k->o->seed, 1, 1};
    dg_finding worst = {.passed = 1}, f;
    const char *on = "";
    for (int i = 0; dg_isa_at(i); i++) {
        if (g->nodes[node].builtin < 0 && i > 0)
            break; /* a user's node has one build */
        dg_status s = dg_certify_node(g, at, node, dg_isa_at(i), NULL, &o, &f, why);
        if (s != DG_OK)
            return s;
        if (!f.finite)
            return say_not_finite(k, &f);
        int worse = i == 0 || !f.passed || !(f.identity <= worst.identity);
        double difference =
            i > 0 && worst.difference > f.difference ? worst.difference : f.difference;
        if (worse) {
            worst = f;
            on = dg_isa_at(i)->name;
        }
        worst.difference = difference;
        if (!f.passed)
            break;
    }
    if (worst.inputs == 0)
        return DG_OK;
    k->failures += !worst.passed;
    add_json(k, &worst, on);
    if (k->o->json)
        return DG_OK;
    printf("%-24s %-22s ", worst.node, worst.type);
    if (worst.tangent)
        printf("identity %8.1e  differences %8.1e", worst.identity, worst.difference);
    else
        printf("no tangent: adjoint against differences %8.1e (limit %.0e)", worst.difference,
               worst.difference_limit);
    if (worst.tangent && g->real == DG_F32)
        printf(" (limit %.0e)", worst.difference_limit);
    if (worst.kinks)
        printf("  not differentiable at %lld of %lld: left out", (long long)worst.kinks,
               (long long)worst.components);
    k->left_out += worst.kinks;
    printf("%s\n", worst.passed ? "" : "  FAILS");
    if (!worst.passed)
        print_failure(&worst, on);
    return DG_OK;
}

/* ---- the whole graph ------------------------------------------------------------------------- */

static double draw(uint64_t seed, uint64_t stream, int64_t i)
{
    return 2 * dg_uniform(seed, stream, (uint64_t)i) - 1;
}

/* Perturbs all parameters by v; returns <v, g>, |v|^2 and |g|^2. */
static dg_status perturb(checker *k, dg_program *p, double sum[3], dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    for (int id = 1; id <= g->n_values; id++) {
        if (g->values[id - 1].kind != DG_PARAMETER || g->values[id - 1].frozen)
            continue;
        dg_tensor t = {.data = NULL};
        dg_get(p, (dg_value){id}, DG_GRADIENT, &t);
        t.data = malloc(t.bytes + 1);
        if (!t.data || dg_get(p, (dg_value){id}, DG_GRADIENT, &t) != DG_OK) {
            free(t.data);
            return dg_program_status(p, why);
        }
        for (int64_t i = 0, n = dg_shape_count(&t.shape); i < n; i++) {
            double x = dg_number_get(t.type, t.data, i);
            dg_number_put(t.type, t.data, i, draw((uint64_t)k->o->seed, (uint64_t)id, i));
            double v = dg_number_get(t.type, t.data, i); /* as it was rounded */
            sum[0] += v * x;
            sum[1] += v * v;
            sum[2] += x * x;
        }
        dg_set(p, (dg_value){id}, DG_TANGENT, &t);
        free(t.data);
    }
    return dg_program_status(p, why);
}

static int equal_bits(checker *k, dg_program *p, const dg_naive *at)
{
    const dg_graph *g = k->e->model->graph;
    int equal = 1;
    for (int id = 1; id <= g->n_values; id++) {
        dg_tensor t = {.data = NULL};
        const void *expected = dg_naive_get(at, (dg_value){id}, DG_GRADIENT);
        if (g->values[id - 1].kind != DG_PARAMETER || g->values[id - 1].frozen || !expected)
            continue;
        dg_get(p, (dg_value){id}, DG_GRADIENT, &t);
        t.data = malloc(t.bytes + 1);
        equal &= t.data && dg_get(p, (dg_value){id}, DG_GRADIENT, &t) == DG_OK &&
                 memcmp(t.data, expected, t.bytes) == 0;
        free(t.data);
    }
    return equal;
}

/* Ten times that of a node: errors of all nodes add up. */
static double graph_limit(const dg_graph *g)
{
    return g->real == DG_F64 ? 1e-12 : 1e-4;
}

/* A node of a user's that has mathematics for f32 only; NULL: none. */
static const dg_node *narrow_node(const dg_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_node *n = &g->nodes[i];
        if (n->builtin < 0 && n->type->f32.forward && !n->type->f64.forward)
            return n;
    }
    return NULL;
}

/* A node that has no tangent, so that the graph has none: a user's. -1: there is none. */
static int without_tangent(const dg_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const dg_node *n = &g->nodes[i];
        const dg_math *m = g->real == DG_F64 ? &n->type->f64 : &n->type->f32;
        if (n->builtin < 0 && !dg_has_tangent(n->type, m))
            return i;
    }
    return -1;
}

/* <dL, v> against <g, v>: their difference, by the larger of the lengths. */
static dg_status whole_identity(checker *k, dg_program *p, double *gap, dg_diag *why)
{
    double sum[3] = {0}, forth = 0;
    dg_status s = perturb(k, p, sum, why);
    if (s == DG_OK && dg_tangent(p) != DG_OK)
        s = dg_program_status(p, why);
    if (s == DG_OK)
        s = dg_metric_sums_tangent(k->e, p, &forth, why);
    double scale = fmax(sqrt(sum[1] * sum[2]), fabs(forth));
    k->no_gradient = !isfinite(sum[0] + sum[2] + forth);
    if (k->no_gradient)
        return s;
    *gap = scale > 0 ? fabs(forth - sum[0]) / scale : 0;
    return s;
}

/* ---- left to right: one forward-mode pass a parameter ---------------------------------------- */

enum { LEFT_MOST = 2000 }; /* parameters; more would take long */

static int is_trained(const dg_graph *g, int id)
{
    return g->values[id - 1].kind == DG_PARAMETER && !g->values[id - 1].frozen;
}

static int64_t count_trained(const dg_graph *g)
{
    int64_t n = 0;
    for (int id = 1; id <= g->n_values; id++)
        n += is_trained(g, id) ? dg_shape_count(&g->values[id - 1].shape) : 0;
    return n;
}

/* Sets the perturbation of a parameter to the unit vector of element `at`; -1: to 0. */
static dg_status set_unit(dg_program *p, const dg_graph *g, int id, int64_t at, dg_diag *why)
{
    dg_tensor t = {g->real, g->values[id - 1].shape, NULL, 0};
    t.bytes = (size_t)dg_shape_count(&t.shape) * dg_type_bytes(t.type);
    t.data = calloc(t.bytes + 1, 1);
    if (!t.data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (at >= 0)
        dg_number_put(t.type, t.data, at, 1);
    dg_status s = dg_set(p, (dg_value){id}, DG_TANGENT, &t);
    free(t.data);
    return s == DG_OK ? DG_OK : dg_program_status(p, why);
}

/* Squares of the difference of both orders, and of the gradient, added for one parameter. */
static dg_status left_to_right(checker *k, dg_program *p, int id, double sum[2], dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    dg_tensor t = {.data = NULL};
    dg_get(p, (dg_value){id}, DG_GRADIENT, &t);
    t.data = malloc(t.bytes + 1);
    dg_status s = t.data ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK && dg_get(p, (dg_value){id}, DG_GRADIENT, &t) != DG_OK)
        s = dg_program_status(p, why);
    for (int64_t i = 0, n = dg_shape_count(&t.shape); s == DG_OK && i < n; i++) {
        double forth = 0, back = dg_number_get(t.type, t.data, i);
        s = set_unit(p, g, id, i, why);
        if (s == DG_OK && dg_tangent(p) != DG_OK)
            s = dg_program_status(p, why);
        if (s == DG_OK)
            s = dg_metric_sums_tangent(k->e, p, &forth, why);
        sum[0] += (forth - back) * (forth - back);
        sum[1] += back * back;
    }
    if (s == DG_OK)
        s = set_unit(p, g, id, -1, why);
    free(t.data);
    return s;
}

/* After check_whole: the same program, at the same point. Left out where there are many parameters,
 * or no tangent. */
static dg_status check_orders(checker *k, dg_program *p, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    double sum[2] = {0};
    dg_status s = DG_OK;
    if (!k->options.tangent || k->no_gradient || count_trained(g) > LEFT_MOST)
        return DG_OK;
    for (int id = 1; s == DG_OK && id <= g->n_values; id++)
        if (is_trained(g, id))
            s = set_unit(p, g, id, -1, why);
    for (int id = 1; s == DG_OK && id <= g->n_values; id++)
        if (is_trained(g, id))
            s = left_to_right(k, p, id, sum, why);
    if (s != DG_OK)
        return s;
    double gap = sum[1] > 0 ? sqrt(sum[0] / sum[1]) : sqrt(sum[0]);
    int passed = gap <= graph_limit(g);
    k->failures += !passed;
    json_array_append_new(
        k->nodes, json_pack("{s:s, s:b, s:f}", "node", "", "passed", passed, "left_to_right", gap));
    if (!k->o->json)
        printf("%-24s %-22s right to left against left to right: %8.1e%s\n", "", "", gap,
               passed ? "" : "  FAILS");
    return DG_OK;
}

static dg_status check_whole(checker *k, dg_program *p, const dg_naive *at, dg_diag *why)
{
    double gap = (double)NAN;
    if (dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = k->options.batch}) != DG_OK ||
        dg_adjoint(p, NULL, 0) != DG_OK)
        return dg_program_status(p, why);
    int equal = equal_bits(k, p, at);
    int bare = without_tangent(k->e->model->graph);
    dg_status s = bare < 0 ? whole_identity(k, p, &gap, why) : DG_OK;
    if (s != DG_OK)
        return s;
    int passed = (bare >= 0 || k->no_gradient || gap <= graph_limit(k->e->model->graph)) && equal;
    k->failures += !passed;
    json_array_append_new(k->nodes, json_pack("{s:s, s:b, s:o, s:b}", "node", "", "passed", passed,
                                              "identity", isnan(gap) ? json_null() : json_real(gap),
                                              "naive_bits", equal));
    if (k->o->json)
        return DG_OK;
    printf("%-24s %-22s ", "the whole graph", "");
    if (k->no_gradient)
        printf("the gradient is not finite here: see `dagrad grad`  ");
    else if (bare < 0)
        printf("identity %8.1e  ", gap);
    else
        printf("no tangent: %s has none  ", k->e->model->graph->nodes[bare].type->name);
    printf("%s the naive interpreter%s\n", equal ? "equal bits to" : "other bits than",
           passed ? "" : "  FAILS");
    return DG_OK;
}

/* ---- f32, as training runs it ---------------------------------------------------------------- */

static dg_status to_narrow(const dg_tensor *from, dg_tensor *to, dg_diag *why)
{
    int64_t n = dg_shape_count(&from->shape);
    *to = *from;
    to->type = from->type == DG_F64 ? DG_F32 : from->type;
    to->bytes = (size_t)n * dg_type_bytes(to->type);
    to->data = malloc(to->bytes + 1);
    if (!to->data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (from->type != DG_F64)
        memcpy(to->data, from->data, to->bytes);
    for (int64_t i = 0; from->type == DG_F64 && i < n; i++)
        dg_number_put(DG_F32, to->data, i, dg_number_get(DG_F64, from->data, i));
    return DG_OK;
}

static void say_narrow(checker *k, const dg_narrow *n)
{
    k->failures += !n->passed;
    json_array_append_new(
        k->nodes,
        json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:s, s:I}", "node", n->node, "type", n->type,
                  "passed", n->passed, "f32_forward", dg_json_number(n->forward), "f32_adjoint",
                  dg_json_number(n->adjoint), "f32_largest", dg_json_number(n->largest),
                  "algorithm", n->algorithm, "beyond_f32", (json_int_t)n->beyond));
    if (k->o->json)
        return;
    printf("%-24s %-22s f32 forward %8.1e  adjoint %8.1e  largest %8.1e", n->node, n->type,
           n->forward, n->adjoint, n->largest);
    if (n->algorithm[0])
        printf("  %s", n->algorithm);
    if (n->beyond)
        printf("  %lld beyond f32: left out", (long long)n->beyond);
    printf("%s\n", n->passed ? "" : "  FAILS");
}

/* Parameters and states of the model in f64, rounded. */
static dg_status adopt(checker *k, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    dg_status s = DG_OK;
    for (int id = 1; s == DG_OK && id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        dg_tensor wide = {v->type, v->shape, v->data,
                          (size_t)dg_shape_count(&v->shape) * dg_type_bytes(v->type)};
        dg_tensor t = {.data = NULL};
        if ((v->kind != DG_PARAMETER && v->kind != DG_STATE) || !v->data)
            continue;
        s = to_narrow(&wide, &t, why);
        if (s == DG_OK)
            s = dg_graph_set(k->narrow->model->graph, (dg_value){id}, &t, why);
        free(t.data);
    }
    return s;
}

/* Every node in f32 against f64, at the same point. */
static dg_status check_narrow(checker *k, const dg_naive *at, dg_diag *why)
{
    dg_graph *g = k->narrow->model->graph;
    const dg_isa *isa = dg_isa_choose(NULL, why);
    dg_tensor *in = calloc((size_t)k->n_inputs + 1, sizeof *in);
    dg_status s = in && isa ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; s == DG_OK && i < k->n_inputs; i++)
        s = to_narrow(&k->input[i], &in[i], why);
    if (s == DG_OK)
        s = adopt(k, why);
    dg_options o = k->options;
    dg_naive *narrow = s == DG_OK ? dg_naive_run(g, &o, 0, in) : NULL;
    if (!k->o->json && narrow)
        printf("f32 against f64, by the norm (limit %.0e); the largest error of one result, by the "
               "root mean square:\n",
               DG_NARROW_LIMIT);
    for (int i = 0; s == DG_OK && narrow && i < g->n_nodes; i++) {
        dg_narrow n;
        if (g->nodes[i].type->flags & DG_VIEW)
            continue;
        s = dg_narrow_node(k->e->model->graph, at, g, narrow, i, isa, k->options.exact,
                           (uint64_t)k->o->seed, &n, why);
        if (s == DG_OK)
            say_narrow(k, &n);
    }
    if (s == DG_OK && !narrow && !k->o->json)
        printf("f32: a node fails at this point: run `dagrad grad` to see which\n");
    dg_naive_free(narrow);
    for (int i = 0; in && i < k->n_inputs; i++)
        free(in[i].data);
    free(in);
    return s;
}

static dg_status run_checks(checker *k, dg_diag *why)
{
    dg_graph *g = k->e->model->graph;
    dg_program *p = dg_compile(g, &k->options);
    dg_naive *at = NULL;
    dg_status s = p ? dg_program_status(p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = dg_experiment_point(k->e, p, k->options.batch, (uint64_t)k->o->seed, why);
    if (s == DG_OK)
        s = copy_point(k, p, why);
    if (s == DG_OK && !(at = dg_naive_run(g, &k->options, 0, k->input)))
        s = dg_diag_set(why, DG_EFINITE,
                        "a node fails at this point: run `dagrad grad` to see which");
    for (int i = 0; s == DG_OK && i < g->n_nodes; i++)
        s = check_node(k, at, i, why);
    if (s == DG_OK)
        s = check_whole(k, p, at, why);
    if (s == DG_OK)
        s = check_orders(k, p, why);
    if (s == DG_OK && k->narrow)
        s = check_narrow(k, at, why);
    dg_naive_free(at);
    dg_program_free(p);
    for (int i = 0; i < k->n_inputs; i++)
        free(k->input[i].data);
    free(k->input);
    return s;
}

static int report(const checker *k)
{
    int wide = k->e->model->graph->real == DG_F64;
    if (k->o->json) {
        json_t *j = json_pack("{s:b, s:i, s:s, s:O}", "passed", k->failures == 0, "failures",
                              k->failures, "precision", wide ? "f64" : "f32", "nodes", k->nodes);
        char *text = json_dumps(j, JSON_INDENT(1));
        printf("%s\n", text ? text : "");
        free(text);
        json_decref(j);
    } else if (k->failures) {
        printf("%d failed\n", k->failures);
    } else {
        if (k->left_out)
            printf("left out: %lld results at which a node has no derivative\n",
                   (long long)k->left_out);
        printf("all passed: limits %s (identity of a node), %s (differences), %s (graph)\n",
               wide ? "1e-13" : "1e-5", wide ? "1e-10" : "as by node", wide ? "1e-12" : "1e-4");
    }
    return k->failures ? EXIT_MISSED : EXIT_DONE;
}

/* Opens it without a word if something is wrong; NULL then, and *data_only says if it is its data
 * alone. */
static dg_experiment *try_model(const char *path, dg_experiment_options *eo, int *data_only)
{
    dg_diag why = {.code = DG_OK};
    dg_experiment *e =
        dg_is_run(path) ? dg_run_open(path, "last", eo, &why) : dg_experiment_open(eo);
    if (e && why.code == DG_OK && dg_experiment_status(e) == DG_OK)
        return e;
    *data_only = e && dg_experiment_status(e) == DG_EDATA;
    dg_experiment_free(e);
    return NULL;
}

static int some_narrow(const dg_plugins *plugins)
{
    for (int i = 0; i < plugins->n; i++)
        if (plugins->type[i]->f32.forward && !plugins->type[i]->f64.forward)
            return 1;
    return 0;
}

/* The model with its data if they are there, else without. In f64, unless it has a node for f32
 * only. */
static dg_experiment *open_model(const char *path, const check_options *o,
                                 const dg_plugins *plugins, int *code)
{
    dg_experiment_options eo = {.set = o->set.item,
                                .n_set = o->set.n,
                                .dirs = o->data.item,
                                .n_dirs = o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n,
                                .real = DG_F64,
                                .real_given = 1,
                                .losses = 1,
                                .no_output = 1,
                                .path = path};
    int data_only = 0;
    dg_experiment *e = try_model(path, &eo, &data_only);
    if (!e && !data_only && some_narrow(plugins)) {
        eo.real = DG_F32;
        e = try_model(path, &eo, &data_only);
    }
    if (e)
        return e;
    eo.without_data = data_only;
    eo.size = 4;
    return dg_open_either(&dg_command_check, path, NULL, &eo, code);
}

/* The same model in f32; NULL: it has a node without mathematics for it. */
static dg_experiment *open_narrow(const char *path, const check_options *o,
                                  const dg_plugins *plugins, const dg_experiment *wide)
{
    dg_experiment_options eo = {.set = o->set.item,
                                .n_set = o->set.n,
                                .dirs = o->data.item,
                                .n_dirs = o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n,
                                .real = DG_F32,
                                .real_given = 1,
                                .losses = 1,
                                .no_output = 1,
                                .without_data = wide->options.without_data,
                                .size = wide->options.size,
                                .path = path};
    int data_only = 0;
    return try_model(path, &eo, &data_only);
}

static void say_precision(const checker *k)
{
    const dg_node *n = narrow_node(k->e->model->graph);
    if (k->e->model->graph->real == DG_F32 && n && !k->o->json)
        printf("in f32, since %s has no mathematics for f64: wider limits\n", n->type->name);
}

static int check(int argc, char **argv)
{
    check_options o = {.batch = 4, .seed = 1};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train"},
        {"batch", FLAG_COUNT, &o.batch, "N", "rows to look at; 4"},
        {"seed", FLAG_COUNT, &o.seed, "N", "of the random vectors; 1"},
        {"json", FLAG_ON, &o.json, NULL, "the figures as JSON"},
    };
    int code =
        dg_flags_read(&dg_command_check, flags, sizeof flags / sizeof *flags, place, 1, argc, argv);
    if (code >= 0)
        return code;
    if (!place[0] || o.batch < 1) {
        fprintf(stderr, "dagrad check: %s; usage: dagrad check %s\n",
                place[0] ? "--batch takes 1 or more" : "a model or a run is missing",
                dg_command_check.usage);
        return EXIT_USAGE;
    }
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_check, &o.node, &plugins);
    dg_experiment *e = code < 0 ? open_model(place[0], &o, &plugins, &code) : NULL;
    if (!e)
        return code;
    dg_diag why = {.code = DG_OK};
    checker k = {.e = e,
                 .o = &o,
                 .options = dg_program_options(e, DG_RUN_TRAIN, o.batch),
                 .nodes = json_array()};
    k.options.seed = e->settings.seed;
    k.options.tangent = without_tangent(e->model->graph) < 0;
    if (e->model->graph->real == DG_F64 && e->settings.real == DG_F32)
        k.narrow = open_narrow(place[0], &o, &plugins, e);
    say_precision(&k);
    code = run_checks(&k, &why) == DG_OK ? report(&k) : dg_tell(&dg_command_check, &why);
    json_decref(k.nodes);
    dg_experiment_free(k.narrow);
    dg_experiment_free(e);
    return code;
}

const dg_command dg_command_check = {
    "check", "MODEL|RUN [--node FILE.so] [--json]", "proves the adjoint of every node of a model",
    check,
    "The certificate of the adjoints. Each node, with the shapes and values that it has in the\n"
    "model, on every instruction set that the processor has: <Jv, w> = <v, G(w)> for random v and\n"
    "w, and the tangent against differences. Then the whole graph: adjoint against tangent, and\n"
    "equal bits to an interpreter written apart from the engine. A node that fails is told with\n"
    "the worst entry (expected, found) and a guess at the cause; exit code 5. Results at which a\n"
    "node has no derivative are counted and left out.\n"
    "\n"
    "A model that is trained in f32 is then run so, node by node, against f64: the error by the\n"
    "norm must be below 1e-4. 3x3 convolutions of 16 channels or more go by Winograd, which mixes\n"
    "tiles of 6 x 6 pixels: one pixel much brighter than its neighbours leaves about 1e-6 of its\n"
    "value in results that do not see it; exact = true in train goes without."};
