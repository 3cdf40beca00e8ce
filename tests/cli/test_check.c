/* check never accuses what is right: values large and small, powers of negative numbers, poles,
 * kinks; and it runs the f32 path of training against f64, node by node. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRAIN "\nloss mse(t, y)\ntrain { optimizer = sgd(rate=0.01); batch = 8; steps = 10 }\n"
#define DATA                                                                                       \
    "\nloss mse(t, y)\ndata train { x = csv(\"x.csv\"); t = csv(\"t.csv\") }\n"                    \
    "train { optimizer = sgd(rate=1e-9); batch = 4; steps = 10 }\n"

typedef struct check_case {
    const char *model, *x, *t, *has; /* has: parts, each ended by "|" */
} check_case;

static const check_case cases[] = {
    /* an exponent has no derivative where the base is negative */
    {"input x[N, 3]\ntarget t[N, 2]\nz = linear(x, 4)\ny = linear(pow(z, 2), 2)\noutput y" TRAIN,
     NULL, NULL, "not differentiable at|all passed"},
    {"input x[N, 3]\ntarget t[N, 2]\nz = linear(x, 4)\ny = linear(pow(z, 3), 2)\noutput y" TRAIN,
     NULL, NULL, "not differentiable at|all passed"},
    {"input x[N, 3]\ntarget t[N, 2]\nz = linear(x, 4)\ny = linear(z^2, 2)\noutput y" TRAIN, NULL,
     NULL, "all passed"},
    /* large beside small */
    {"input x[N, 3]\ntarget t[N, 3]\na = x * 1e4\ny = a * (x + 2)\noutput y" TRAIN, NULL, NULL,
     "all passed"},
    {"input x[N, 3]\ntarget t[N, 3]\na = x * 1e-9\ny = a * (x + 2)\noutput y" TRAIN, NULL, NULL,
     "all passed"},
    {"input x[N, 2]\ntarget t[N, 1]\ny = linear(x, 1)\noutput y" DATA,
     "3,1990\n2,2005\n5,1970\n4,2021\n", "310000\n250000\n545000\n402000\n", "all passed"},
    {"input x[N, 1]\ntarget t[N, 1]\ny = linear(sin(x), 1)\noutput y" DATA,
     "1.7e9\n1.6e9\n1.65e9\n1.5e9\n", "1\n2\n3\n4\n", "all passed"},
    /* a pole, a kink, both on the point */
    {"input x[N, 2]\ntarget t[N, 2]\nparameter w[2] = fill(1)\na = x * w\ny = sqrt(a)\noutput "
     "y" DATA,
     "1,2\n3,0\n4,5\n6,7\n", "1,1\n1,1\n1,1\n1,1\n", "not differentiable at|all passed"},
    {"input x[N, 2]\ntarget t[N, 2]\nparameter w[2] = fill(1)\na = x * w\ny = relu(a)\noutput "
     "y" DATA,
     "1,2\n3,0\n4,-5\n6,7\n", "1,1\n1,1\n1,1\n1,1\n", "not differentiable at|all passed"},
    {"input x[N, 2]\ntarget t[N, 2]\nparameter w[2] = fill(1)\na = x * w\ny = 1 / a\noutput "
     "y" DATA,
     "1,2\n3,1e-9\n4,-5\n6,7\n", "1,1\n1,1\n1,1\n1,1\n", "all passed"},
    /* logits far apart: nothing is left of the probabilities */
    {"input x[N, 2]\ntarget t[N, 2]\nparameter w[2] = fill(1)\na = x * w\ny = softmax(a)\noutput "
     "y" DATA,
     "1,2000\n3,1e5\n4,-5000\n6,7\n", "1,0\n1,0\n1,0\n1,0\n", "all passed"},
    /* f32, by node */
    {"input x[N, 3]\ntarget t[N, 2]\ny = linear(x, 2) | tanh\noutput y" TRAIN, NULL, NULL,
     "f32 against f64, by the norm (limit 1e-04)|y.linear                 linear                 "
     "f32 forward|y.tanh|"},
};

static void has(const char *parts, const char *model)
{
    char part[256], *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    for (const char *p = parts; *p; p += strlen(part) + (p[strlen(part)] == '|')) {
        dg_format(part, sizeof part, "%.*s", (int)strcspn(p, "|"), p);
        if (!strstr(out, part))
            fail_msg("'%s' is not in\n%s%s\n%s", part, out, err, model);
    }
    free(out);
    free(err);
}

static void right_ones_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const check_case *c = &cases[i];
        cli_write("m.dag", c->model, strlen(c->model));
        if (c->x) {
            cli_write("x.csv", c->x, strlen(c->x));
            cli_write("t.csv", c->t, strlen(c->t));
        }
        int code = cli_run("check m.dag");
        has(code == 0 ? c->has : "exit 0|", c->model);
    }
}

/* A pixel 65535 times as bright as the others, through a convolution of 16 channels: default and
 * exact. What each node's f32 is off by. */
static double worst_of_conv(const char *arguments)
{
    char *out;
    double worst = -1;
    assert_int_equal(cli_run(arguments), 0);
    out = cli_read("out", NULL);
    json_t *j = json_loads(out, 0, NULL), *list = json_object_get(j, "nodes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *node = json_array_get(list, i), *f = json_object_get(node, "f32_forward");
        const char *type = json_string_value(json_object_get(node, "type"));
        if (f && type && strcmp(type, "conv") == 0)
            worst = json_real_value(f);
    }
    json_decref(j);
    free(out);
    return worst;
}

static void a_bright_pixel(void **state)
{
    (void)state;
    static const char text[] = "input x[N, 2304]\ntarget t[N, 16]\n"
                               "z = reshape(x, [N, 12, 12, 16]) | conv(16, kernel=3, bias=false)\n"
                               "y = global_avgpool(z)\noutput y" DATA;
    dg_text x = dg_text_make(NULL), t = dg_text_make(NULL);
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < 2304; i++)
            dg_text_printf(&x, "%s%g", i ? "," : "", i == 1040 ? 65535.0 : (i * 37 % 101) / 101.0);
        for (int i = 0; i < 16; i++)
            dg_text_printf(&t, "%s1", i ? "," : "");
        dg_text_add(&x, "\n");
        dg_text_add(&t, "\n");
    }
    cli_write("m.dag", text, sizeof text - 1);
    cli_write("x.csv", x.data, strlen(x.data));
    cli_write("t.csv", t.data, strlen(t.data));
    double fast = worst_of_conv("check m.dag --batch 2 --json");
    double exact = worst_of_conv("check m.dag --batch 2 --json --set exact=true");
    print_message("a bright pixel, by the norm: %.1e by default, %.1e exact\n", fast, exact);
    assert_true(exact > 0 && exact < fast && fast < 1e-5);
    dg_text_free(&x);
    dg_text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(right_ones_pass),
                                       cmocka_unit_test(a_bright_pixel)};
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
