/* Schedules and early stopping as a training goes by them, beside the same training written out:
 * one weight w, training loss (2 - w)^2, validation loss (1 - w)^2, two steps an epoch. Rates,
 * losses, the epoch of the end and the best epoch. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "train/run_tools.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCHS = 20, STEPS = 2 * EPOCHS };

static const char text[] = "input x[N, 1]\n"
                           "target t[N, 1]\n"
                           "parameter w[1] = fill(0)\n"
                           "y = x * w\n"
                           "output y\n"
                           "loss mse(t, y)\n"
                           "data train { x = csv(\"one.csv\"); t = csv(\"two.csv\") }\n"
                           "data validation { x = csv(\"one.csv\"); t = csv(\"one.csv\") }\n";

static int set_up(void **state)
{
    (void)state;
    if (!run_enter())
        return -1;
    cli_write("one.csv", "1\n1\n1\n1\n", 8);
    cli_write("two.csv", "2\n2\n2\n2\n", 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_leave();
    return 0;
}

/* ---- The rate of a step, from 0 on ----------------------------------------------------------- */

static double fixed(int step)
{
    (void)step;
    return 0.04;
}

static double halves(int step)
{
    double rate = 0.2;
    for (; step >= 7; step -= 7)
        rate *= 0.5;
    return rate;
}

static double warm(int step, int warmup, double rate)
{
    return rate * (step + 1) / warmup;
}

static double cosine(int step)
{
    double p = (step - 5.) / (STEPS - 5);
    return step < 5 ? warm(step, 5, 0.1) : 0.01 + 0.09 * (1 + cos(acos(-1) * p)) / 2;
}

static double line(int step)
{
    double p = (step - 4.) / (STEPS - 4);
    return step < 4 ? warm(step, 4, 0.1) : 0.1 + (0.02 - 0.1) * p;
}

static double to_nothing(int step)
{
    return 0.1 * (1 - step / (double)STEPS);
}

static const struct {
    const char *schedule;
    double rate, (*at)(int step);
} cases[] = {{"fixed", 0.04, fixed},
             {"step(every=7, factor=0.5)", 0.2, halves},
             {"cosine(warmup=5, final=0.01)", 0.1, cosine},
             {"linear(warmup=4, final=0.02)", 0.1, line},
             {"linear", 0.1, to_nothing}};

/* ---- The training written out ---------------------------------------------------------------- */

typedef struct {
    int epochs, best; /* how many there are, and which is the best, from 1 on */
    double validation[EPOCHS], rate[STEPS];
} course;

/* patience 0: none. */
static course write_out(double (*at)(int step), int patience)
{
    course c = {.epochs = EPOCHS};
    double w = 0, best = HUGE_VAL;
    for (int epoch = 1; epoch <= c.epochs; epoch++) {
        for (int step = 2 * epoch - 2; step < 2 * epoch; step++) {
            c.rate[step] = at(step);
            w -= c.rate[step] * 2 * (w - 2);
        }
        double loss = c.validation[epoch - 1] = (1 - w) * (1 - w);
        if (loss < best) {
            best = loss;
            c.best = epoch;
        } else if (patience && epoch - c.best >= patience) {
            c.epochs = epoch;
        }
    }
    return c;
}

static double number(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

/* Numbers of metrics.jsonl have nine digits. */
static int same(double found, double expected)
{
    return fabs(found - expected) <= 5e-9 * fabs(expected);
}

/* Lines of metrics.jsonl against it; how many steps and epochs there are. */
static void compare_log(const course *c, const char *what)
{
    int steps = 0, epochs = 0;
    char *lines = cli_read("r/metrics.jsonl", NULL);
    for (char *at = strtok(lines, "\n"); at; at = strtok(NULL, "\n")) {
        json_t *j = json_loads(at, 0, NULL);
        const char *kind = json_string_value(json_object_get(j, "kind"));
        if (strcmp(kind, "step") == 0) {
            int step = (int)number(j, "step") - 1;
            assert_in_range(step, 0, STEPS - 1);
            if (!same(number(j, "rate"), c->rate[step]))
                fail_msg("%s: rate of step %d is %.17g, not %.17g", what, step, number(j, "rate"),
                         c->rate[step]);
            steps++;
        } else if (strcmp(kind, "validation") == 0) {
            assert_in_range(epochs, 0, EPOCHS - 1);
            if (!same(number(j, "loss"), c->validation[epochs]))
                fail_msg("%s: epoch %d: %.17g, not %.17g", what, epochs + 1, number(j, "loss"),
                         c->validation[epochs]);
            epochs++;
        }
        json_decref(j);
    }
    free(lines);
    assert_true(steps > 0);
    if (epochs != c->epochs)
        fail_msg("%s: %d epochs, not %d", what, epochs, c->epochs);
}

static void go(int k, int patience)
{
    char model[2048], what[128], told[128], stop[64] = "";
    course c = write_out(cases[k].at, patience);
    if (patience)
        dg_format(stop, sizeof stop, "stop = patience(%d); ", patience);
    dg_format(model, sizeof model,
              "%strain { optimizer = sgd(rate=%g); schedule = %s; batch = 2; epochs = %d; "
              "%sprecision = f64 }\n",
              text, cases[k].rate, cases[k].schedule, EPOCHS, stop);
    dg_format(what, sizeof what, "%s, patience %d", cases[k].schedule, patience);
    cli_write_text("m.dag", model);
    assert_int_equal(system("rm -rf r"), 0);
    assert_int_equal(cli_run("train m.dag --out r --quiet"), 0);
    compare_log(&c, what);
    dg_format(told, sizeof told, "(best)  steps %d of %d", 2 * c.best, STEPS);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    if (!strstr(out, told))
        fail_msg("%s: '%s' is not in: %s", what, told, out);
    dg_format(told, sizeof told, "stopped early after epoch %d,", c.epochs);
    assert_int_equal(strstr(err, told) != NULL, c.epochs < EPOCHS);
    free(out);
    free(err);
}

static void rates_and_ends(void **state)
{
    (void)state;
    int early = 0;
    for (int k = 0; k < (int)(sizeof cases / sizeof *cases); k++)
        for (int patience = 0; patience <= 4; patience++) {
            go(k, patience);
            early += write_out(cases[k].at, patience).epochs < EPOCHS;
        }
    assert_in_range(early, 10, 20); /* else the cases say little */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rates_and_ends, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
