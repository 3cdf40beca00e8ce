/* bench-step MODEL.dag THREADS [ROWS]: dagrad's worker for bench/peers.py, as bench/worker.py is
 * the peers'.
 *
 * Compiles the model for training (with ROWS: for inference on that many rows), initialises it, and
 * prints "ready": all that the program does before its first step but for reading data. Then for
 * each line N on standard input runs one step to warm up and N timed ones, and prints milliseconds
 * a step. A step copies a batch in, forward, and in training adjoint, commit. Batches are random,
 * labels of ten kinds. */
#include "base/philox.h"
#include "train/experiment.h"
#include <dagrad/dagrad.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCHES = 4, MOST_PORTS = 8, KINDS = 10 };

typedef struct {
    dg_experiment *e;
    dg_program *p;
    dg_tensor batch[BATCHES][MOST_PORTS];
    int64_t rows;
    int trains;
    uint64_t step;
} bench;

/* Labels, targets in [0, 1], inputs of mean 0 and variance 1. */
static void fill(dg_tensor *t, int target, uint64_t stream)
{
    int64_t n = dg_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double u = dg_uniform(1, stream, (uint64_t)i);
        if (t->type == DG_I32)
            ((int32_t *)t->data)[i] = (int32_t)(u * KINDS);
        else
            ((float *)t->data)[i] = (float)(target ? u : (u - 0.5) * 3.46);
    }
}

static int draw(bench *b)
{
    const dg_dag *m = b->e->model;
    if (m->n_ports > MOST_PORTS)
        return 0;
    for (int k = 0; k < BATCHES * m->n_ports; k++) {
        const dg_port *port = &m->ports[k % m->n_ports];
        dg_tensor *t = &b->batch[k / m->n_ports][k % m->n_ports];
        *t = (dg_tensor){port->type == DG_I32 ? DG_I32 : DG_F32, port->shape, NULL, 0};
        t->shape.dim[0] = b->rows;
        t->bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
        t->data = malloc(t->bytes);
        if (!t->data)
            return 0;
        fill(t, port->target, (uint64_t)k);
    }
    return 1;
}

static int complain(const dg_diag *why)
{
    fprintf(stderr, "bench-step: %s: %s\n", why->node, why->text);
    return 0;
}

static int prepare(bench *b, const char *path, int threads, int rows)
{
    dg_experiment_options o = {.path = path, .without_data = 1};
    b->e = dg_experiment_open(&o);
    if (!b->e || dg_experiment_status(b->e)) {
        fprintf(stderr, "bench-step: the model is not valid: see 'dagrad show %s'\n", path);
        return 0;
    }
    b->trains = rows == 0;
    b->rows = b->trains ? b->e->settings.batch : rows;
    dg_options options = dg_options_default(b->trains ? DG_RUN_TRAIN : DG_RUN_INFER, b->rows);
    options.threads = threads;
    options.seed = 1;
    options.optimizer = &b->e->settings.optimizer;
    b->p = dg_compile(b->e->model->graph, &options);
    dg_diag why = {0};
    if (!b->p || dg_program_status(b->p, &why))
        return complain(&why);
    puts("ready");
    fflush(stdout);
    return draw(b);
}

/* n steps; 0 on failure. */
static int run(bench *b, int n)
{
    const dg_dag *m = b->e->model;
    for (int i = 0; i < n; i++, b->step++) {
        for (int k = 0; k < m->n_ports; k++)
            if (b->trains || !m->ports[k].target)
                dg_set(b->p, m->ports[k].value, DG_VALUE, &b->batch[b->step % BATCHES][k]);
        dg_forward(b->p, &(dg_batch){.size = sizeof(dg_batch), .rows = b->rows, .step = b->step});
        if (!b->trains)
            continue;
        dg_adjoint(b->p, NULL, 0);
        dg_commit(b->p, &b->e->settings.optimizer, b->step);
    }
    dg_diag why = {0};
    return dg_program_status(b->p, &why) ? complain(&why) : 1;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int answer(bench *b)
{
    int n;
    while (scanf("%d", &n) == 1 && n > 0) {
        if (!run(b, 1))
            return 0;
        double start = now_ms();
        if (!run(b, n))
            return 0;
        printf("%.6f\n", (now_ms() - start) / n);
        fflush(stdout);
    }
    return 1;
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: bench-step MODEL.dag THREADS [ROWS]\n");
        return 2;
    }
    int rows = argc > 3 ? atoi(argv[3]) : 0;
    int good = prepare(&b, argv[1], atoi(argv[2]), rows) && run(&b, 3) && answer(&b);
    for (int k = 0; k < BATCHES * MOST_PORTS; k++)
        free(b.batch[k / MOST_PORTS][k % MOST_PORTS].data);
    dg_program_free(b.p);
    dg_experiment_free(b.e);
    return good ? 0 : 1;
}
