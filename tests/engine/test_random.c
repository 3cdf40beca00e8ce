/* The optimised program against the naive interpreter, on random graphs: equal bits of losses,
 * outputs and gradients, with the arena poisoned by signalling NaN, the plan verified, any number
 * of threads. */
#include "engine/naive.h"
#include "engine/random_dag.h"
#include "graph/graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int used[DG_RANDOM_TYPES], fusions, in_place, views, pruned, nodes, fan_out, twice, shared;

static void *poisoned(size_t bytes, dg_type real)
{
    char *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    uint32_t narrow = 0x7fa00000;
    uint64_t wide = 0x7ff4000000000000ULL;
    size_t unit = dg_type_bytes(real);
    for (size_t i = 0; i + unit <= bytes; i += unit)
        memcpy(p + i, real == DG_F32 ? (void *)&narrow : (void *)&wide, unit);
    return p;
}

static void set_inputs(dg_program *p, const dg_graph *g, const dg_tensor *data)
{
    for (int id = 1, k = 0; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind == DG_INPUT)
            dg_set(p, (dg_value){id}, DG_VALUE, &data[k++]);
    }
}

static int same(dg_program *p, const dg_naive *n, dg_value v, dg_part part)
{
    dg_tensor t = {.data = NULL};
    dg_get(p, v, part, &t);
    t.data = malloc(t.bytes + 1);
    assert_int_equal(dg_get(p, v, part, &t), DG_OK);
    const void *expected = dg_naive_get(n, v, part);
    int equal = !expected || memcmp(t.data, expected, t.bytes) == 0;
    free(t.data);
    return equal;
}

static void fail_with(dg_program *p, uint64_t seed, const char *what)
{
    dg_diag d;
    dg_program_status(p, &d);
    fail_msg("graph of seed %llu: %s: %s %s", (unsigned long long)seed, what, d.node, d.text);
}

static void compare(dg_program *p, dg_graph *g, const dg_naive *n, uint64_t seed)
{
    if (dg_program_status(p, NULL) != DG_OK)
        fail_with(p, seed, "failed");
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind == DG_PARAMETER && !same(p, n, (dg_value){id}, DG_GRADIENT))
            fail_msg("graph of seed %llu: gradient of %s differs", (unsigned long long)seed,
                     info.name);
    }
    for (int i = 0; i < dg_graph_outputs(g); i++)
        if (!same(p, n, dg_graph_output(g, i, NULL), DG_VALUE))
            fail_with(p, seed, "an output differs");
    for (int i = 0; i < dg_graph_losses(g); i++)
        if (!same(p, n, dg_graph_loss(g, i, NULL, NULL), DG_VALUE))
            fail_with(p, seed, "a loss differs");
}

/* What the graphs have: so many nodes, values with three consumers, one input twice, shared
 * parameters. */
static void count_shape(const dg_graph *g, const dg_program *p)
{
    dg_program_info info = {.size = sizeof info};
    dg_program_look(p, &info);
    fusions += info.fusions;
    in_place += info.in_place;
    views += info.views;
    pruned += info.pruned;
    nodes += g->n_nodes - info.pruned;
    for (int id = 1; id <= g->n_values; id++) {
        int uses = 0;
        for (int k = 0; k < g->n_nodes; k++) {
            int here = 0;
            for (int i = 0; i < g->nodes[k].n_in; i++)
                here += g->nodes[k].in[i] == id;
            twice += here > 1;
            uses += here;
        }
        fan_out += uses > 2;
        shared += uses > 1 && g->values[id - 1].kind == DG_PARAMETER;
    }
}

/* Two steps in one arena: what the first leaves must not reach the second. */
static void run_one(uint64_t seed, int threads, int64_t batch, dg_type real)
{
    dg_random r = {seed};
    dg_graph *g = dg_random_graph(&r, real, 8 + dg_random_below(&r, 14), used);
    dg_diag d;
    if (dg_graph_status(g, &d) != DG_OK)
        fail_msg("graph of seed %llu: %s: %s", (unsigned long long)seed, d.node, d.text);
    dg_tensor *data;
    int n_data = dg_random_data(&r, g, batch, &data);
    dg_options o = dg_options_default(DG_RUN_TRAIN, batch);
    o.threads = threads;
    dg_program *p = dg_compile(g, &o);
    if (dg_program_status(p, NULL) != DG_OK)
        fail_with(p, seed, "compile");
    count_shape(g, p);
    size_t bytes = dg_program_bytes(p);
    dg_program_free(p);
    o.arena = poisoned(bytes, real);
    o.arena_bytes = bytes;
    p = dg_compile(g, &o);
    dg_naive *n = dg_naive_run(g, &o, 5, data);
    if (!n)
        fail_msg("graph of seed %llu: the naive interpreter failed", (unsigned long long)seed);
    for (int step = 0; step < 2; step++) {
        set_inputs(p, g, data);
        dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = batch, .step = 5});
        dg_adjoint(p, NULL, 0);
        compare(p, g, n, seed);
    }
    dg_naive_free(n);
    dg_program_free(p);
    free(o.arena);
    dg_random_free(data, n_data);
    dg_graph_free(g);
}

static void random_graphs(void **state)
{
    (void)state;
    int count = getenv("DAGRAD_LONGTEST") ? 10000 : 500;
    for (int i = 0; i < count; i++)
        run_one(1000 + (uint64_t)i, 1 + i % 3, 1 + i % 7, i % 4 == 3 ? DG_F64 : DG_F32);
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    int least = used[0];
    for (int k = 0; dg_type_at(g, k); k++) {
        least = used[k] < least ? used[k] : least;
        if (used[k] < 20)
            print_message("%s was drawn only %d times\n", dg_type_at(g, k)->name, used[k]);
    }
    dg_graph_free(g);
    print_message("%d graphs: %.1f nodes on average, %d values with 3 consumers or more, %d inputs "
                  "given twice, %d shared parameters; %d calls ride on the call before, %d work in "
                  "place, %d views, %d nodes end nowhere; rarest type %d times\n",
                  count, (double)nodes / count, fan_out, twice, shared, fusions, in_place, views,
                  pruned, least);
    assert_true(fusions > 0 && in_place > 0 && views > 0 && pruned > 0 && least >= 20);
    assert_true(nodes >= 8 * count && fan_out > 0 && twice > 0 && shared > 0);
}

/* ---- the adjoint identity of whole graphs, f64 ----------------------------------------------- */

static double *fetch(dg_program *p, dg_value v, dg_part part, int64_t *n)
{
    dg_tensor t = {.data = NULL};
    dg_get(p, v, part, &t);
    t.data = malloc(t.bytes + 1);
    assert_int_equal(dg_get(p, v, part, &t), DG_OK);
    *n = dg_shape_count(&t.shape);
    return t.data;
}

/* Perturbs all parameters by v: <v, g>, |v|^2, |g|^2. */
static void perturb(dg_program *p, const dg_graph *g, dg_random *r, double sum[3])
{
    for (int id = 1; id <= g->n_values; id++) {
        int64_t n;
        if (g->values[id - 1].kind != DG_PARAMETER)
            continue;
        double *x = fetch(p, (dg_value){id}, DG_GRADIENT, &n);
        for (int64_t i = 0; i < n; i++) {
            double v = dg_random_between(r, -1, 1);
            sum[0] += v * x[i];
            sum[1] += v * v;
            sum[2] += x[i] * x[i];
            x[i] = v;
        }
        dg_tensor t = {DG_F64, g->values[id - 1].shape, x, (size_t)n * 8};
        dg_set(p, (dg_value){id}, DG_TANGENT, &t);
        free(x);
    }
}

static double loss_tangent(dg_program *p, const dg_graph *g)
{
    double sum = 0;
    for (int k = 0; k < g->n_losses; k++) {
        int64_t n;
        double term = 0, *x = fetch(p, (dg_value){g->losses[k].value}, DG_TANGENT, &n);
        for (int64_t i = 0; i < n; i++)
            term += x[i];
        sum += g->losses[k].weight * term / (double)dg_loss_pairs(p, k);
        free(x);
    }
    return sum;
}

/* The largest |dz| |eps| over the values between: what a rounding there is in proportion to. It
 * tells a gradient that is zero but for roundings (a sum over what layernorm made) from a wrong
 * one. */
static double between(dg_program *p, const dg_value *keep, int n_keep)
{
    double worst = 0;
    for (int i = 0; i < n_keep; i++) {
        int64_t n;
        double forth = 0, back = 0, *z = fetch(p, keep[i], DG_TANGENT, &n);
        double *eps = fetch(p, keep[i], DG_ERROR_VECTOR, &n);
        for (int64_t j = 0; j < n; j++)
            forth += z[j] * z[j], back += eps[j] * eps[j];
        worst = fmax(worst, sqrt(forth * back));
        free(z);
        free(eps);
    }
    return worst;
}

/* |<v, g> - dL/dv| beside |v| |g|; with keep beside what passes through those values too. */
static double gap_of(dg_graph *g, uint64_t seed, int64_t batch, const dg_tensor *data,
                     const dg_value *keep, int n_keep)
{
    dg_options o = dg_options_default(DG_RUN_TRAIN, batch);
    o.threads = 1 + (int)(seed % 2);
    o.tangent = 1;
    o.keep = keep;
    o.n_keep = n_keep;
    dg_program *p = dg_compile(g, &o);
    set_inputs(p, g, data);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = batch});
    dg_adjoint(p, NULL, 0);
    if (dg_program_status(p, NULL) != DG_OK)
        fail_with(p, seed, "failed");
    double sum[3] = {0};
    perturb(p, g, &(dg_random){seed}, sum);
    dg_tangent(p);
    if (dg_program_status(p, NULL) != DG_OK)
        fail_with(p, seed, "the tangent failed");
    double forth = loss_tangent(p, g);
    double scale = fmax(fmax(fabs(forth), sqrt(sum[1] * sum[2])), between(p, keep, n_keep));
    dg_program_free(p);
    double gap = fabs(forth - sum[0]);
    return scale > 0 ? gap / scale : gap;
}

/* The values that nodes make and that numbers flow through. */
static int real_values(const dg_graph *g, dg_value keep[])
{
    int n = 0;
    for (int k = 0; k < g->n_nodes; k++)
        for (int j = 0; j < g->nodes[k].n_out; j++)
            if (g->values[g->nodes[k].out + j - 1].type == g->real)
                keep[n++] = (dg_value){g->nodes[k].out + j};
    return n;
}

static double identity_gap(uint64_t seed)
{
    dg_random r = {seed};
    dg_graph *g = dg_random_graph(&r, DG_F64, 8 + dg_random_below(&r, 14), used);
    int64_t batch = 1 + dg_random_below(&r, 6);
    dg_tensor *data;
    int n_data = dg_random_data(&r, g, batch, &data);
    double gap = gap_of(g, seed, batch, data, NULL, 0);
    if (!(gap <= 1e-12)) {
        dg_value *keep = calloc((size_t)g->n_values + 1, sizeof *keep);
        gap = gap_of(g, seed, batch, data, keep, real_values(g, keep));
        free(keep);
    }
    dg_random_free(data, n_data);
    dg_graph_free(g);
    return gap;
}

static void adjoint_identity(void **state)
{
    (void)state;
    int count = getenv("DAGRAD_LONGTEST") ? 10000 : 500;
    double worst = 0;
    for (int i = 0; i < count; i++) {
        double gap = identity_gap(100000 + (uint64_t)i);
        if (!(gap <= 1e-12))
            fail_msg("graph of seed %d: the adjoint identity is missed by %g", 100000 + i, gap);
        worst = gap > worst ? gap : worst;
    }
    print_message("%d graphs: adjoint against tangent, at most %.2g (limit 1e-12)\n", count, worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs),
                                       cmocka_unit_test(adjoint_identity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
