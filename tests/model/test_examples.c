/* A run of each example whose data are at hand, opened and predicted from C: the bits of `dagrad
 * predict`, of every output, over the last part of its data. longtest: 1 min */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "model/model_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const near[] = {
    "digits.dag",        "gru.dag",          "lecture/deep.dag",     "lecture/fan.dag",
    "lecture/hand.dag",  "lecture/text.dag", "lecture/outlier.dag",  "lecture/pictures.dag",
    "lecture/trees.dag", "pytorch/net.dag",  "lecture/language.dag", "embed/diabetes.dag",
    "deep100.dag",
};
/* Their pictures are not always there, and there are many. */
static const char *const fashion[] = {"demo.dag", "fashion.dag", "mobile.dag", "resnet20.dag"};

/* The outputs of a predictor beside those of the program. Returns their number. */
static int same_outputs(dg_model *m, const dg_predictor *p)
{
    dg_port_info port = {.size = sizeof port};
    int n = 0;
    for (int k = 0; dg_model_port(m, k, &port) == DG_OK; k++) {
        dg_tensor t;
        if (port.role != DG_PORT_OUTPUT)
            continue;
        dg_array said = model_program_says("run", port.name);
        assert_int_equal(dg_predicted(p, port.name, &t), DG_OK);
        assert_true(dg_shape_equal(&t.shape, &said.shape));
        assert_memory_equal(t.data, said.data, t.bytes);
        dg_array_free(&said);
        n++;
    }
    return n;
}

static void one_example(const char *name)
{
    char command[600];
    dg_diag why = {.code = DG_OK};
    dg_format(command, sizeof command,
              "train \"$DAGRAD_SOURCE/examples/%s\" --out run --quiet "
              "--no-report --set steps=2",
              name);
    if (cli_run(command) != 0)
        fail_msg("%s: %s", name, cli_read("err", NULL));
    dg_model *m =
        dg_model_open("run", &(dg_model_options){.size = sizeof(dg_model_options), .data = 1});
    assert_int_equal(dg_model_status(m, &why), DG_OK);
    dg_predictor *p = dg_predictor_new(m, NULL);
    if (dg_predict_part(p, NULL, &why) != DG_OK)
        fail_msg("%s: %s", name, why.text);
    printf("%-24s %d outputs\n", name, same_outputs(m, p));
    dg_predictor_free(p);
    dg_model_free(m);
    assert_int_equal(system("rm -rf run"), 0);
}

static void each_run_has_the_bits_of_the_program(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof near / sizeof *near; k++)
        one_example(near[k]);
}

static void those_of_many_pictures_too(void **state)
{
    (void)state;
    if (!getenv("DAGRAD_LONGTEST") || setenv("DAGRAD_DATA", "/usr/share/datasets", 1) != 0 ||
        system("test -d /usr/share/datasets/fashion-mnist") != 0)
        skip();
    for (size_t k = 0; k < sizeof fashion / sizeof *fashion; k++)
        one_example(fashion[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_run_has_the_bits_of_the_program),
        cmocka_unit_test(those_of_many_pictures_too),
    };
    return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
