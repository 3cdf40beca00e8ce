/* What the tests of models share; see model_tools.h. */
#include "model/model_tools.h"

#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char model_digits_text[] =
    "input image[N, 8, 8, 1]\ntarget label[N] int\n"
    "z = conv(image, 4, 3) | relu | maxpool(2) | flatten\nlogits = linear(z, 10)\noutput logits\n"
    "loss softmax_cross_entropy(label, logits)\n";
static const char blocks[] = "data train(part=[0, 0.8]) { image = digits(\"image\") | scale(1/16); "
                             "label = digits(\"label\") }\n"
                             "data test(part=[0.8, 1]) { image = digits(\"image\") | scale(1/16); "
                             "label = digits(\"label\") }\n"
                             "train { optimizer = adam(rate=0.01); batch = 32; steps = 60 }\n";

int model_digits(void)
{
    char text[1500];
    dg_format(text, sizeof text, "%s%s", model_digits_text, blocks);
    cli_write_text("digits.dag", text);
    return cli_run("train digits.dag --out digits --quiet");
}

dg_array model_pictures(void)
{
    dg_array a;
    assert_int_equal(dg_digits_read("image", &a, NULL), DG_OK);
    return a;
}

dg_array model_program_says(const char *arguments, const char *output)
{
    char command[400], file[64];
    dg_array a;
    dg_format(file, sizeof file, "%s.npy", output);
    dg_format(command, sizeof command, "predict %s --output %s --out %s", arguments, output, file);
    assert_int_equal(cli_run(command), 0);
    assert_int_equal(dg_data_read(file, &a, NULL), DG_OK);
    return a;
}

dg_model *model_open(const char *path)
{
    dg_diag why = {.code = DG_OK};
    dg_model *m = dg_model_open(path, NULL);
    assert_non_null(m);
    if (dg_model_status(m, &why) != DG_OK)
        fail_msg("%s: %s", path, why.text);
    return m;
}

dg_rows model_numbers(const char *name, dg_type type, dg_shape shape, const void *data)
{
    dg_tensor t = {type, shape, (void *)(uintptr_t)data, 0};
    t.bytes = (size_t)dg_shape_count(&shape) * dg_type_bytes(type);
    return (dg_rows){.name = name, .numbers = t};
}
