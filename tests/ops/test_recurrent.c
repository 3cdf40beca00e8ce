/* What rnn, gru and lstm compute, against their definitions, place by place, in plain loops. */
#include "ops/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { X, WEIGHT, DEEP, RECURRENT, BIAS, START, CELL, MOST = 80 };

/* One row and block: where its weights begin, and its states. */
typedef struct {
    const dg_trial *t;
    int lstm, gru, after, gates, blocks, b, layer;
    int64_t u, in, places, row;
    double h[MOST], c[MOST];
} walk;

static double given(const walk *w, int input, int64_t at)
{
    const dg_trial *t = w->t;
    return input < t->n_in && t->in_shape[input].rank >= 0 ? t->in[input][at] : 0;
}

/* Column j of gate g of x Wx + b; of h Wh. */
static double from_x(const walk *w, const double *x, int g, int64_t j)
{
    int input = w->layer ? DEEP : WEIGHT, directions = w->blocks / (int)dg_attr_int(w->t->attrs, 1);
    int64_t width = w->t->in_shape[input].dim[1], block = w->layer ? w->b - directions : w->b;
    int64_t column = (block * w->gates + g) * w->u + j;
    double sum = given(w, BIAS, (w->b * w->gates + g) * w->u + j);
    for (int64_t i = 0; i < w->in; i++)
        sum += x[i] * w->t->in[input][i * width + column];
    return sum;
}

static double from_h(const walk *w, const double *h, int g, int64_t j)
{
    int64_t width = w->t->in_shape[RECURRENT].dim[1];
    double sum = 0;
    for (int64_t i = 0; i < w->u; i++)
        sum += h[i] * w->t->in[RECURRENT][i * width + (w->b * w->gates + g) * w->u + j];
    return sum;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double gru_state(const walk *w, const double *x, const double *h, int64_t j)
{
    double reset[MOST], z = sigmoid(from_x(w, x, 1, j) + from_h(w, h, 1, j)), n;
    for (int64_t i = 0; i < w->u; i++)
        reset[i] = sigmoid(from_x(w, x, 0, i) + from_h(w, h, 0, i));
    if (w->after) {
        n = from_h(w, h, 2, j) + given(w, CELL, w->b * w->u + j);
        n = tanh(from_x(w, x, 2, j) + reset[j] * n);
    } else {
        for (int64_t i = 0; i < w->u; i++)
            reset[i] *= h[i];
        n = tanh(from_x(w, x, 2, j) + from_h(w, reset, 2, j));
    }
    return (1 - z) * n + z * h[j];
}

static void step(walk *w, const double *x)
{
    double h[MOST];
    memcpy(h, w->h, sizeof h);
    for (int64_t j = 0; j < w->u; j++) {
        double a[4];
        for (int g = 0; g < w->gates && !w->gru; g++)
            a[g] = from_x(w, x, g, j) + from_h(w, h, g, j);
        if (w->lstm) {
            w->c[j] = sigmoid(a[1]) * w->c[j] + sigmoid(a[0]) * tanh(a[2]);
            w->h[j] = sigmoid(a[3]) * tanh(w->c[j]);
        } else {
            w->h[j] = w->gru ? gru_state(w, x, h, j) : tanh(a[0]);
        }
    }
}

/* All of row `row`: the states of the last layer, and the last h and c of each block. */
static void run(const dg_trial *t, int64_t row, double *all, double *last_h, double *last_c)
{
    int direction = t->attrs->v[2].word, directions = direction == 2 ? 2 : 1;
    walk w = {.t = t, .u = dg_attr_int(t->attrs, 0), .places = t->in_shape[X].dim[1], .row = row};
    w.lstm = strcmp(t->type->name, "lstm") == 0;
    w.gru = strcmp(t->type->name, "gru") == 0;
    w.after = w.gru && t->attrs->v[3].word == 1;
    w.gates = w.lstm ? 4 : w.gru ? 3 : 1;
    w.blocks = directions * (int)dg_attr_int(t->attrs, 1);
    int64_t out = directions * w.u, f = t->in_shape[X].dim[2];
    double *below = calloc((size_t)(w.places * (out + f)) + 1, sizeof *below);
    memcpy(below, t->in[X] + row * w.places * f, (size_t)(w.places * f) * sizeof *below);
    w.in = f;
    for (; w.b < w.blocks; w.b++) {
        int d = w.b % directions, back = direction == 1 || d == 1;
        w.layer = w.b / directions;
        if (d == 0 && w.layer) {
            w.in = out;
            memcpy(below, all, (size_t)(w.places * out) * sizeof *below);
        }
        for (int64_t j = 0; j < w.u; j++) {
            w.h[j] = given(&w, START, (row * w.blocks + w.b) * w.u + j);
            w.c[j] = w.lstm ? given(&w, CELL, (row * w.blocks + w.b) * w.u + j) : 0;
        }
        for (int64_t s = 0; s < w.places; s++) {
            int64_t place = back ? w.places - 1 - s : s;
            step(&w, below + place * w.in);
            memcpy(all + place * out + d * w.u, w.h, (size_t)w.u * sizeof *all);
        }
        memcpy(last_h + w.b * w.u, w.h, (size_t)w.u * sizeof *all);
        memcpy(last_c + w.b * w.u, w.c, (size_t)w.u * sizeof *all);
    }
    free(below);
}

static double state(const dg_trial *t, int j, int64_t flat)
{
    int64_t each = dg_shape_row(&t->out_shape[j]), places = t->in_shape[X].dim[1];
    int64_t units = dg_attr_int(t->attrs, 0), blocks = t->out_shape[1].dim[1];
    double *all = calloc((size_t)(places * t->out_shape[0].dim[2]) + 1, sizeof *all);
    double *last = calloc((size_t)(2 * blocks * units) + 1, sizeof *last);
    assert_true(units <= MOST);
    run(t, flat / each, all, last, last + blocks * units);
    double want = j == 0 ? all[flat % each] : last[(j - 1) * blocks * units + flat % each];
    free(all);
    free(last);
    return want;
}

static void test_rnn(void **unused)
{
    (void)unused;
    dg_reference_check("rnn", state, 60);
}

static void test_gru(void **unused)
{
    (void)unused;
    dg_reference_check("gru", state, 60);
}

static void test_lstm(void **unused)
{
    (void)unused;
    dg_reference_check("lstm", state, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rnn),
        cmocka_unit_test(test_gru),
        cmocka_unit_test(test_lstm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
