/* Trains random graphs for a few steps and prints a hash of the weights of each, a line a graph:
 * equal on every processor, instruction set and C library. hashes [GRAPHS] */
#include "engine/random_dag.h"

#include <stdio.h>
#include <stdlib.h>

static void set_inputs(dg_program *p, const dg_graph *g, const dg_tensor *data)
{
    for (int id = 1, k = 0; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind == DG_INPUT)
            dg_set(p, (dg_value){id}, DG_VALUE, &data[k++]);
    }
}

/* Three steps with one of the optimizers. */
static dg_status train(dg_graph *g, dg_random *r, int64_t batch, dg_optimizer *optimizer,
                       dg_diag *why)
{
    dg_tensor *data;
    int n_data = dg_random_data(r, g, batch, &data);
    dg_options options = dg_options_default(DG_RUN_TRAIN, batch);
    options.optimizer = optimizer;
    options.threads = 2;
    dg_program *p = dg_compile(g, &options);
    for (uint64_t step = 0; step < 3; step++) {
        set_inputs(p, g, data);
        dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = batch, .step = step});
        dg_adjoint(p, NULL, 0);
        dg_commit(p, optimizer, step);
    }
    dg_status status = dg_program_status(p, why);
    dg_program_free(p);
    dg_random_free(data, n_data);
    return status;
}

int main(int argc, char **argv)
{
    static const dg_optimizer_kind kinds[] = {DG_SGD, DG_ADAM, DG_ADAMW, DG_RMSPROP};
    int used[DG_RANDOM_TYPES] = {0}, failed = 0;
    int graphs = argc > 1 ? atoi(argv[1]) : 200;
    for (int i = 0; i < graphs; i++) {
        char hash[17] = "";
        dg_diag why = {.code = DG_OK};
        dg_random r = {7000 + (uint64_t)i};
        dg_type real = i % 4 == 3 ? DG_F64 : DG_F32;
        dg_graph *g = dg_random_graph(&r, real, 8 + dg_random_below(&r, 14), used);
        dg_optimizer optimizer = dg_optimizer_default(kinds[i / 4 % 4]);
        optimizer.rate = 1e-4;
        /* A gradient that is not finite ends the training: the step before it counts. */
        dg_status status = train(g, &r, 1 + i % 7, &optimizer, &why);
        if ((status != DG_OK && status != DG_EFINITE) || dg_graph_hash(g, hash) != DG_OK) {
            fprintf(stderr, "graph %d: %s %s\n", i, why.node, why.text);
            failed = 1;
        }
        printf("%d %s%s\n", i, hash, status == DG_EFINITE ? " not finite" : "");
        dg_graph_free(g);
    }
    return failed;
}
