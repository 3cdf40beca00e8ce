/* dagrad bench: a training step on random data, its time by node, beside what the machine can
 * do. */
#include "base/clock.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/plugin.h"
#include "engine/engine.h"
#include "ops/sizes.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    PASSES = 3, /* forward, error vectors of inputs, gradients of parameters */
    FREE_SIZE = 16,
    DEFAULT_BATCH = 32,
    MOST_STEPS = 1 << 20,
    PEAK_RUNS = 20
};

typedef struct bench_options {
    dg_list data, set, node;
    int64_t batch, threads;
    const char *seconds;
    int json;
} bench_options;

/* A program that trains, or infers where there is nothing to train. */
typedef struct bench {
    dg_experiment *e;
    dg_program *p;
    int64_t batch;
    int trains;
    double peak;                /* operations a second of one core */
    double least, middle, mean; /* seconds of a step */
    int64_t steps;
    double clocked;   /* the least step with the clock of the nodes running */
    double *least_of; /* by node and phase: least seconds in a step, of all threads together */
} bench;

/* The best of 20 runs of about 20 ms. */
static double measure_peak(const dg_program *p)
{
    int64_t rounds = 1 << 12;
    double best = 0, took = 0, sink;
    while ((took = dg_seconds(), p->kernels->peak(rounds, &sink), took = dg_seconds() - took) <
           0.01)
        rounds *= 2;
    for (int i = 0; i < PEAK_RUNS; i++) {
        double begin = dg_seconds(), done = (double)p->kernels->peak(rounds, &sink);
        took = dg_seconds() - begin;
        best = done / took > best ? done / took : best;
    }
    return best;
}

static dg_status step(bench *b, uint64_t k, dg_diag *why)
{
    dg_status s =
        dg_forward(b->p, &(dg_batch){.size = sizeof(dg_batch), .rows = b->batch, .step = k});
    if (s == DG_OK && b->trains)
        s = dg_adjoint(b->p, NULL, 0);
    if (s == DG_OK && b->trains)
        s = dg_commit(b->p, &b->e->settings.optimizer, k);
    return s == DG_OK ? s : dg_program_status(b->p, why);
}

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Steps until `seconds` have passed; the time of each. */
static dg_status time_steps(bench *b, double seconds, double *took, int64_t *n, dg_diag *why)
{
    double begin = dg_seconds(), last = begin;
    *n = 0;
    while (*n < 3 || (last - begin < seconds && *n < MOST_STEPS)) {
        if (step(b, (uint64_t)*n, why) != DG_OK)
            return why->code;
        double t = dg_seconds();
        took[(*n)++] = t - last;
        last = t;
    }
    return DG_OK;
}

/* Keeps the least time of each node so far. */
static void look_at_nodes(bench *b, int64_t n)
{
    const char *name;
    double seconds, flops;
    for (int k = 0; k < b->p->n_order; k++)
        for (int phase = 0; phase < PASSES; phase++) {
            double *least = &b->least_of[PASSES * k + phase];
            dg_program_time(b->p, k, phase, &name, &seconds, &flops);
            *least = n == 0 || seconds < *least ? seconds : *least;
        }
}

static dg_status time_nodes(bench *b, double seconds, dg_diag *why)
{
    double begin = dg_seconds();
    for (int64_t n = 0; n < 3 || (dg_seconds() - begin < seconds && n < MOST_STEPS); n++) {
        dg_program_clock(b->p, 1);
        double start = dg_seconds();
        if (step(b, (uint64_t)n, why) != DG_OK)
            return why->code;
        double took = dg_seconds() - start;
        b->clocked = n == 0 || took < b->clocked ? took : b->clocked;
        look_at_nodes(b, n);
    }
    return DG_OK;
}

static double mean_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static dg_status measure(bench *b, double seconds, dg_diag *why)
{
    double *took = malloc(MOST_STEPS * sizeof *took);
    b->least_of = calloc(PASSES * (size_t)b->p->n_order + 1, sizeof *b->least_of);
    if (!took || !b->least_of) {
        free(took);
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    b->peak = measure_peak(b->p);
    dg_status s = dg_experiment_draw(b->e, b->p, b->batch, 1, why);
    if (s == DG_OK)
        s = time_steps(b, 0, took, &b->steps, why); /* warm */
    if (s == DG_OK)
        s = time_steps(b, seconds / 2, took, &b->steps, why);
    if (s == DG_OK) {
        qsort(took, (size_t)b->steps, sizeof *took, compare);
        b->least = took[0];
        b->middle = took[b->steps / 2];
        b->mean = mean_of(took, b->steps);
        s = time_nodes(b, seconds / 2, why);
    }
    free(took);
    return s;
}

/* ---- Results --------------------------------------------------------------------------------- */

/* Seconds of a step, of all threads together, and its operations. */
typedef struct node_time {
    const char *name;
    double seconds[PASSES], flops[PASSES];
    double done[PASSES]; /* of these operations */
} node_time;

/* Operations of a phase that the k-th node need not do: Winograd's convolution. */
static double spared(const dg_program *p, int k, int phase)
{
    const dg_graph *g = p->graph;
    const dg_node *n = &g->nodes[p->order[k]];
    dg_shape in[8];
    double sum = 0, each;
    if (!n->type->algorithm || n->n_in > 8)
        return 0;
    dg_sizes of = dg_node_sizes(p, n, in);
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? p->plan[0].shapes[n->in[i] - 1] : (dg_shape){.rank = -1};
    if (phase == 0)
        return n->type->algorithm(&of, -1, &each), each;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && p->active[n->in[i] - 1] &&
            (g->values[n->in[i] - 1].kind == DG_PARAMETER) == (phase == 2))
            sum += (n->type->algorithm(&of, i, &each), each);
    return sum;
}

static int node_at(const bench *b, int k, node_time *t)
{
    for (int phase = 0; phase < PASSES; phase++) {
        if (dg_program_time(b->p, k, phase, &t->name, &t->seconds[phase], &t->flops[phase]) !=
            DG_OK)
            return 0;
        t->seconds[phase] = b->least_of[PASSES * k + phase];
        t->done[phase] = t->flops[phase] - (t->seconds[phase] > 0 ? spared(b->p, k, phase) : 0);
    }
    return 1;
}

static void add_phase(dg_text *t, const bench *b, const node_time *n, int phase)
{
    double seconds = n->seconds[phase], rate = seconds > 0 ? n->flops[phase] / seconds : 0;
    if (seconds > 0 && n->flops[phase] > 0)
        dg_text_printf(t, "\t%.2f\t%.2f\t%.0f%%", seconds * 1e6, rate * 1e-9,
                       100 * n->done[phase] / seconds / b->peak);
    else if (seconds > 0)
        dg_text_printf(t, "\t%.2f\t\t", seconds * 1e6);
    else
        dg_text_add(t, "\t\t\t");
}

static void print_nodes(const bench *b)
{
    dg_text t = dg_text_make(NULL);
    node_time n;
    double sum[PASSES] = {0};
    dg_text_add(&t, "node\tforward us\tGF/s\tof peak\terrors us\tGF/s\tof peak\tgradients us\t"
                    "GF/s\tof peak\n");
    for (int k = 0; node_at(b, k, &n); k++) {
        dg_text_add(&t, n.name);
        for (int phase = 0; phase < PASSES; phase++) {
            add_phase(&t, b, &n, phase);
            sum[phase] += n.seconds[phase];
        }
        dg_text_add(&t, "\n");
    }
    double rest = b->clocked * (double)b->p->threads - sum[0] - sum[1] - sum[2];
    dg_text_printf(&t, "all nodes\t%.2f\t\t\t%.2f\t\t\t%.2f\n", sum[0] * 1e6, sum[1] * 1e6,
                   sum[2] * 1e6);
    dg_text_printf(&t, "%s\t%.2f\n", b->trains ? "optimizer step, additions, waiting" : "waiting",
                   rest > 0 ? rest * 1e6 : 0);
    dg_columns_print(stdout, &t, "", 0x3fe);
    dg_text_free(&t);
}

/* What is spared in a step. */
static double all_spared(const bench *b)
{
    node_time n;
    double sum = 0;
    for (int k = 0; node_at(b, k, &n); k++)
        for (int phase = 0; phase < PASSES; phase++)
            sum += n.flops[phase] - n.done[phase];
    return sum;
}

static void print_step(const bench *b, const dg_program_info *info)
{
    double less = all_spared(b), share = (info->flops - less) / b->middle / b->peak;
    dg_text t = dg_text_make(NULL);
    dg_text_printf(
        &t, "a step\t%s of %lld rows: median %.4f ms, least %.4f ms, mean %.4f ms (%lld steps)\n",
        b->trains ? "training" : "inference", (long long)b->batch, b->middle * 1e3, b->least * 1e3,
        b->mean * 1e3, (long long)b->steps);
    dg_text_printf(&t, "speed\t%.0f rows/s, %.2f GF/s, %.0f%% of the peak of %d thread%s\n",
                   (double)b->batch / b->middle, info->flops / b->middle * 1e-9,
                   100 * share / info->threads, info->threads, info->threads == 1 ? "" : "s");
    if (less > 0)
        dg_text_add(&t, "winograd\tGF/s count the operations of the definition, shares of the peak "
                        "those that are done\n");
    dg_text_printf(&t, "peak\t%.2f GF/s a core, fma of %s, %s\n", b->peak * 1e-9, info->isa,
                   dg_type_name(dg_graph_real(b->e->model->graph)));
    printf("\n");
    dg_columns_print(stdout, &t, "", 0);
    dg_text_free(&t);
}

static void print_json(const bench *b, const dg_program_info *info)
{
    json_t *list = json_array();
    node_time n;
    for (int k = 0; node_at(b, k, &n); k++)
        json_array_append_new(
            list, json_pack("{s:s, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}}",
                            "name", n.name, "forward", "seconds", n.seconds[0], "flops", n.flops[0],
                            "done", n.done[0], "errors", "seconds", n.seconds[1], "flops",
                            n.flops[1], "done", n.done[1], "gradients", "seconds", n.seconds[2],
                            "flops", n.flops[2], "done", n.done[2]));
    json_t *j = json_pack("{s:s, s:I, s:i, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:o}", "model",
                          b->e->model->name, "batch", (json_int_t)b->batch, "threads",
                          info->threads, "instructions", info->isa, "precision",
                          dg_type_name(dg_graph_real(b->e->model->graph)), "peak", b->peak, "flops",
                          info->flops, "median", b->middle, "least", b->least, "mean", b->mean,
                          "steps", (json_int_t)b->steps, "nodes", list);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    printf("%s\n", text ? text : "");
    free(text);
    json_decref(j);
}

static int run_bench(dg_experiment *e, const bench_options *o, double seconds)
{
    dg_diag why = {.code = DG_OK};
    bench b = {.e = e, .trains = dg_graph_losses(e->model->graph) > 0};
    b.batch = o->batch > 0 ? o->batch : e->settings.batch;
    b.batch = b.batch > 0 ? b.batch : DEFAULT_BATCH;
    e->settings.optimizer.schedule.kind = DG_RATE_FIXED; /* the length of a run is not known here */
    dg_options po = dg_program_options(e, b.trains ? DG_RUN_TRAIN : DG_RUN_INFER, b.batch);
    po.threads = (int)o->threads;
    po.seed = e->settings.seed;
    po.optimizer = &e->settings.optimizer;
    b.p = dg_compile(e->model->graph, &po);
    dg_status s =
        b.p ? dg_program_status(b.p, &why) : dg_diag_set(&why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = measure(&b, seconds, &why);
    if (s == DG_OK) {
        dg_program_info info = {.size = sizeof info};
        dg_program_look(b.p, &info);
        if (o->json) {
            print_json(&b, &info);
        } else {
            print_nodes(&b);
            print_step(&b, &info);
        }
    }
    free(b.least_of);
    dg_program_free(b.p);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_bench, &why);
}

static int check_usage(const char *model, const bench_options *o, double *seconds)
{
    char text[256];
    const char *end = o->seconds ? dg_read_f64(o->seconds, seconds) : "";
    if (!model)
        return dg_usage(&dg_command_bench, "a model is missing");
    if (o->batch == 0)
        return dg_usage(&dg_command_bench, "--batch is 0, it takes 1 or more");
    if (end && !*end && *seconds > 0 && *seconds <= 3600)
        return EXIT_DONE;
    dg_format(text, sizeof text, "--seconds is '%s', it takes a number above 0, at most 3600",
              o->seconds);
    return dg_usage(&dg_command_bench, text);
}

static int bench_command(int argc, char **argv)
{
    bench_options o = {.batch = -1};
    double seconds = 2;
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"batch", FLAG_COUNT, &o.batch, "N", "rows of a step; that of the model"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
        {"seconds", FLAG_TEXT, &o.seconds, "S", "how long it takes; 2"},
        {"json", FLAG_ON, &o.json, NULL, "as JSON, on one line"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for constants in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train"},
    };
    int code = dg_flags_read(&dg_command_bench, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    code = check_usage(place[0], &o, &seconds);
    if (code != EXIT_DONE)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_bench, &o.node, &plugins);
    if (code >= 0)
        return code;
    dg_experiment_options eo = {.set = o.set.item,
                                .n_set = o.set.n,
                                .dirs = o.data.item,
                                .n_dirs = o.data.n,
                                .types = plugins.type,
                                .n_types = plugins.n,
                                .without_data = 1,
                                .size = FREE_SIZE};
    dg_experiment *e = dg_open_either(&dg_command_bench, place[0], "", &eo, &code);
    if (!e)
        return code;
    code = run_bench(e, &o, seconds);
    dg_experiment_free(e);
    return code;
}

const dg_command dg_command_bench = {
    "bench", "MODEL [options]", "the time of a step, by node, beside the machine's limit",
    bench_command,
    "The time of a training step on random data, by node: forward, error vectors of its inputs,\n"
    "gradients of its parameters."};
