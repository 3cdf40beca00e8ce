/* dagrad inside a C program: two interleaved spirals, a small network, a prediction.
 *
 *     cc embed.c $(pkg-config --cflags --libs dagrad) -lm && ./a.out */
#include <dagrad/dagrad.h>
#include <math.h>
#include <stdio.h>
enum { POINTS = 400, BATCH = 50, STEPS = 1500 };
static float point[POINTS][2];
static int32_t arm[POINTS];

static void make_spirals(void)
{
    for (int i = 0; i < POINTS; i++) {
        double t = 0.3 + 3.0 * (i / 2) / (POINTS / 2);
        arm[i] = i % 2;
        point[i][0] = (float)(t * cos(2 * t + 3.14159265 * arm[i]) / 3);
        point[i][1] = (float)(t * sin(2 * t + 3.14159265 * arm[i]) / 3);
    }
}

static dg_value dense(dg_graph *g, dg_value z, double units, const char *activation)
{
    dg_attr a = {.name = "units", .count = 1, .number = &units};
    z = dg_apply(g, "linear", NULL, 1, &z, 1, &a);
    return activation ? dg_apply(g, activation, NULL, 1, &z, 0, NULL) : z;
}

/* n points from `first` on, `stride` apart. */
static void set(dg_program *p, dg_value x, dg_value label, int n, int first, int stride)
{
    float xs[POINTS][2];
    int32_t labels[POINTS];
    for (int i = 0; i < n; i++) {
        int k = (first + i * stride) % POINTS;
        xs[i][0] = point[k][0], xs[i][1] = point[k][1];
        labels[i] = arm[k];
    }
    dg_tensor tx = {DG_F32, dg_shape_make(2, (int64_t[]){n, 2}), xs, (size_t)n * sizeof xs[0]};
    dg_tensor tl = {DG_I32, dg_shape_make(1, (int64_t[]){n}), labels, (size_t)n * sizeof labels[0]};
    dg_set(p, x, DG_VALUE, &tx);
    dg_set(p, label, DG_VALUE, &tl);
}

int main(void)
{
    make_spirals();
    dg_graph *g = dg_graph_new(NULL, DG_F32);
    dg_value x = dg_input(g, "x", DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 2}));
    dg_value label = dg_input(g, "label", DG_I32, dg_shape_make(1, (int64_t[]){DG_N}));
    dg_value logits = dense(g, dense(g, dense(g, x, 32, "tanh"), 32, "tanh"), 2, NULL);
    dg_value pair[2] = {label, logits};
    dg_output(g, "logits", logits);
    dg_loss(g, NULL, dg_apply(g, "softmax_cross_entropy", NULL, 2, pair, 0, NULL), 1);
    dg_optimizer adam = dg_optimizer_default(DG_ADAM);
    dg_options o = dg_options_default(DG_RUN_TRAIN, BATCH);
    dg_options all = dg_options_default(DG_RUN_INFER, POINTS);
    o.optimizer = &adam;
    dg_program *train = dg_compile(g, &o);
    for (int step = 0; step < STEPS; step++) {
        set(train, x, label, BATCH, step * 13, 7);
        dg_forward(train, &(dg_batch){.size = sizeof(dg_batch), .rows = BATCH, .step = step});
        dg_adjoint(train, NULL, 0);
        dg_commit(train, &adam, step);
    }
    dg_program *infer = dg_compile(g, &all); /* shares the parameters of g */
    float out[POINTS][2];
    dg_tensor t = {.data = out, .bytes = sizeof out};
    set(infer, x, label, POINTS, 0, 1);
    dg_forward(infer, &(dg_batch){.size = sizeof(dg_batch), .rows = POINTS});
    dg_get(infer, logits, DG_VALUE, &t);
    dg_diag why; /* the first failure sticks: one look at the end is enough */
    if (dg_program_status(train, &why) != DG_OK || dg_program_status(infer, &why) != DG_OK)
        return fprintf(stderr, "%s: %s\n", why.node, why.text), 1;
    int right = 0;
    for (int i = 0; i < POINTS; i++)
        right += (out[i][1] > out[i][0]) == arm[i];
    printf("%d of %d points on the right spiral\n", right, POINTS);
    dg_program_free(infer), dg_program_free(train), dg_graph_free(g);
    return right < POINTS * 9 / 10;
}
