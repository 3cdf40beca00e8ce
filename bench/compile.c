/* The time of dg_compile alone, for graphs of many nodes: a chain, one value that feeds all, and
 * two branches; training, a batch of 2. Prints seconds, and the arena beside the largest live set.
 *
 *     bench-compile [NODES]...        default 16000 64000 */
#include "base/clock.h"
#include <dagrad/dagrad.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 8, BATCH = 2 };

static dg_value linear(dg_graph *g, dg_value z, const dg_value *weight)
{
    dg_attr attrs[] = {{.name = "units", .count = 1, .number = (double[]){WIDTH}},
                       {.name = "weight", .value = weight}};
    return dg_apply(g, "linear", NULL, 1, &z, weight ? 2 : 1, attrs);
}

static dg_value add(dg_graph *g, dg_value a, dg_value b)
{
    return dg_apply(g, "add", NULL, 2, (dg_value[]){a, b}, 0, NULL);
}

static dg_value chain(dg_graph *g, dg_value z, int nodes)
{
    for (int i = 0; i < nodes; i++)
        z = linear(g, z, NULL);
    return z;
}

/* One value and one weight feed all nodes. */
static dg_value star(dg_graph *g, dg_value z, int nodes)
{
    dg_value w = dg_parameter(g, "w", dg_shape_make(2, (int64_t[]){WIDTH, WIDTH}), NULL);
    dg_value from = linear(g, z, NULL), sum = from;
    for (int i = 0; i < nodes / 2; i++)
        sum = add(g, sum, linear(g, from, &w));
    return sum;
}

static dg_value branches(dg_graph *g, dg_value z, int nodes)
{
    return add(g, chain(g, z, nodes / 2), chain(g, z, nodes / 2));
}

static void measure(const char *name, dg_value (*make)(dg_graph *, dg_value, int), int nodes)
{
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value z = dg_input(g, "y", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, WIDTH}));
    dg_value x = dg_input(g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, WIDTH}));
    z = make(g, z, nodes);
    dg_loss(g, "mse", dg_apply(g, "mse", NULL, 2, (dg_value[]){x, z}, 0, NULL), 1);
    dg_graph_init(g, 1);
    dg_options o = dg_options_default(DG_RUN_TRAIN, BATCH);
    o.threads = 1;
    double begin = dg_seconds();
    dg_program *p = dg_compile(g, &o);
    double seconds = dg_seconds() - begin;
    dg_program_info info = {.size = sizeof info};
    dg_diag why;
    dg_program_look(p, &info);
    if (dg_program_status(p, &why) != DG_OK)
        printf("%s: %s\n", name, why.text);
    else
        printf("%-9s %7d nodes %8.3f s   arena / live set %.3f\n", name, nodes, seconds,
               (double)info.arena / (double)info.live);
    dg_program_free(p);
    dg_graph_free(g);
}

int main(int argc, char **argv)
{
    static const char *const standard[] = {"", "16000", "64000"};
    const char *const *sizes = argc > 1 ? (const char *const *)argv : standard;
    for (int i = 1; i < (argc > 1 ? argc : 3); i++) {
        measure("chain", chain, atoi(sizes[i]));
        measure("star", star, atoi(sizes[i]));
        measure("branches", branches, atoi(sizes[i]));
    }
    return 0;
}
