/* A number that is not finite, planted forward, backward, in data and in a weight: exit code, node,
 * row and file are told, by train, grad and eval. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL(body)                                                                                \
    "input x[N, 2]\ntarget t[N, 2]\nparameter w[2] = fill(1)\n" body "output c\nloss mse(t, c)\n"  \
    "data train { x = csv(\"x.csv\"); t = csv(\"t.csv\") }\n"                                      \
    "data test { x = csv(\"x.csv\"); t = csv(\"t.csv\") }\n"                                       \
    "train { optimizer = sgd(rate=1e-9); batch = 4; epochs = 1; shuffle = false }\n"

static const char forward[] = MODEL("a = x * w\nb = sqrt(a)\nc = b / (b + 1)\n");
/* what sqrt sends back at 0 is infinite, and times 0 in the product before it */
static const char backward[] = MODEL("a = x * w\nb = square(a)\nc = sqrt(b)\n");
static const char masked[] = MODEL("m = log(x - x)\nk = maximum(m, x * w)\nc = log(k)\n");
static const char fine[] = MODEL("a = x * w\nc = exp(a)\n");
static const char targets[] = "0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n";

typedef struct origin_case {
    const char *model, *x, *arguments;
    int code;
    const char *has;
} origin_case;

static const origin_case cases[] = {
    {forward, "1,1\n1,1\n1,1\n1,1\n1,1\n1,-2\n1,1\n1,1\n", "train m.dag --out run", 4,
     "the first is in the result of 'b.sqrt' (sqrt), row 1 of the batch, element 1: nan; that is "
     "row "
     "5 of |x.csv|"},
    {forward, "1,1\n1,1\n1,1\n1,1\n1,1\n1,-2\n1,1\n1,1\n", "grad m.dag --batch 8", 4,
     "loss nan|(sqrt), row 5 of the batch, element 1: nan; that is row 5 of |x.csv|"},
    {backward, "1,1\n1,1\n1,0\n1,1\n1,1\n1,1\n1,1\n1,1\n", "train m.dag --out run", 4,
     "the gradient of 'w' is not finite at step 0|the first comes back, going backward, from "
     "'c.sqrt' (sqrt) for 'b.square', row 2 of the batch, element 1: -inf; that is row 2 of "
     "|x.csv|"},
    {backward, "1,1\n1,1\n1,0\n1,1\n1,1\n1,1\n1,1\n1,1\n", "grad m.dag --batch 4", 4,
     "norm nan|from 'c.sqrt' (sqrt)|row 2 of the batch, element 1: -inf|"},
    /* an infinity that is meant is not accused */
    {masked, "1,1\n1,1\n1,2\n1,-3\n", "grad m.dag --batch 4", 4,
     "in the result of 'c.log' (log), row 3 of the batch, element 1: nan|"},
    {fine, "1,1\n1,nan\n1,1\n1,1\n", "train m.dag --out run", 3, "x.csv:2: error: field 2 is nan|"},
    /* too large for f32, the loss, not its error vectors */
    {fine, "1,1\n1,1\n1,1\n1,50\n", "grad m.dag --batch 4", 4,
     "in the result of 'loss.mse' (mse), row 3 of the batch, element 0: inf|"},
    {fine, "1,1\n1,1\n1,1\n1,100\n", "grad m.dag --batch 4", 4,
     "in the result of 'c.exp' (exp), row 3 of the batch, element 1: inf|"},
    {fine, "1,1\n1,1\n1,1\n1,1\n", "grad m.dag --batch 4 --weights w.safetensors", 3,
     "w.safetensors: element 1 of 'w' is NaN|"},
    {fine, "1,1\n1,1\n1,1\n1,1\n", "train m.dag --out run --weights w.safetensors", 3,
     "w.safetensors: element 1 of 'w' is NaN|"},
};

/* w = (1, NaN). */
static void write_weights(void)
{
    static const char header[] =
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}       ";
    const float w[2] = {1, NAN};
    char bytes[128] = {(char)(sizeof header - 1)};
    memcpy(bytes + 8, header, sizeof header - 1);
    memcpy(bytes + 8 + sizeof header - 1, w, sizeof w);
    cli_write("w.safetensors", bytes, 8 + sizeof header - 1 + sizeof w);
}

static void run_case(const origin_case *c)
{
    char target[64];
    dg_text all = dg_text_make(NULL);
    size_t rows = 0;
    for (const char *p = c->x; *p; p++)
        rows += *p == '\n';
    dg_format(target, sizeof target, "%.*s", (int)(4 * rows), targets);
    cli_write("m.dag", c->model, strlen(c->model));
    cli_write("x.csv", c->x, strlen(c->x));
    cli_write_text("t.csv", target);
    assert_int_equal(system("rm -rf run"), 0);
    int code = cli_run(c->arguments);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    dg_text_printf(&all, "%s%s", out, err);
    if (code != c->code)
        fail_msg("exit %d, not %d\n%s\n%s", code, c->code, all.data, c->model);
    char part[512];
    for (const char *p = c->has; *p; p += strlen(part) + 1) {
        dg_format(part, sizeof part, "%.*s", (int)strcspn(p, "|"), p);
        if (!strstr(all.data, part))
            fail_msg("'%s' is not in\n%s\n%s", part, all.data, c->model);
    }
    dg_text_free(&all);
    free(out);
    free(err);
}

static void planted(void **state)
{
    (void)state;
    write_weights();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

/* The test part alone is bad: training goes on, the end and eval tell. */
static void in_the_test_part(void **state)
{
    (void)state;
    static const char text[] =
        "input x[N, 1]\ntarget t[N, 1]\nc = log(x) * linear(x, 1)\noutput c\nloss mse(t, c)\n"
        "data train { x = csv(\"x.csv\"); t = csv(\"x.csv\") }\n"
        "data test { x = csv(\"y.csv\"); t = csv(\"x.csv\") }\n"
        "train { optimizer = sgd(rate=1e-9); batch = 2; epochs = 2 }\n";
    static const char where[] =
        "'c.log' (log), row 0 of the batch, element 0: nan; that is row 2 of";
    cli_write("m.dag", text, sizeof text - 1);
    cli_write("x.csv", "1\n2\n3\n", 6);
    cli_write("y.csv", "1\n2\n-3\n", 7);
    assert_int_equal(system("rm -rf run"), 0);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(cli_run(k ? "eval run" : "train m.dag --out run"), 4);
        char *err = cli_read("err", NULL);
        if (!strstr(err, where) || !strstr(err, "y.csv"))
            fail_msg("%s", err);
        free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planted),
                                       cmocka_unit_test(in_the_test_part)};
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
