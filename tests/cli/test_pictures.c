/* A folder of pictures end to end: trained, evaluated and predicted, in names of files and folders.
 */
#include "cli/cli_tools.h"

#include "io/io_tools.h"
#include "io/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static const char model[] = "input image[N, 8, 8, 1]\n"
                            "target label[N] int\n"
                            "logits = flatten(image) | linear(2)\n"
                            "output logits\n"
                            "loss softmax_cross_entropy(label, logits)\n"
                            "metric accuracy(label, logits)\n"
                            "data train {\n"
                            "    image, label = images(\"p\", size=[8, 8], channels=1)\n"
                            "    image | scale(1/255) | flip | noise(0.01)\n"
                            "}\n"
                            "train { optimizer = adam(rate=0.05); batch = 4; epochs = 20 }\n";

/* Dark at the top, or at the bottom. */
static void put(const char *name, int up, int k)
{
    uint8_t rows[16 * 16];
    dg_text png = dg_text_make(NULL);
    for (int i = 0; i < 16 * 16; i++)
        rows[i] = (uint8_t)((i < 128) == up ? 30 + k : 200 - k);
    io_png(&(io_picture){16, 16, 8, 0, rows}, &png);
    cli_write(name, png.data, png.length);
    dg_text_free(&png);
}

static int trained(void **state)
{
    (void)state;
    cli_enter();
    mkdir("p", 0777);
    mkdir("p/high", 0777);
    mkdir("p/low", 0777);
    for (int k = 0; k < 12; k++) {
        char name[64];
        snprintf(name, sizeof name, "p/%s/%d.png", k % 2 ? "high" : "low", k);
        put(name, k % 2 == 0, k);
    }
    put("new.png", 0, 7);
    cli_write("m.dag", model, sizeof model - 1);
    return cli_run("train m.dag --out run --quiet");
}

static int leave(void **state)
{
    (void)state;
    if (system("rm -rf p q") != 0)
        return 1;
    cli_leave();
    return 0;
}

static void says(const char *part)
{
    char *text = cli_read("out", NULL);
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text ? text : "nothing");
    free(text);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(cli_run("eval run --worst 1"), 0);
    says("/p/");
    says("accuracy  1\n");
    assert_int_equal(cli_run("predict run --input image=new.png --top 1"), 0);
    says("row,file,logits.class,logits.value\n0,new.png,high,");
    assert_int_equal(cli_run("predict run --input image=p --out o.csv"), 0);
    assert_int_equal(cli_run("predict run --input image=p/low --top 1"), 0);
    says("p/low/10.png,low,");
    says("p/low/8.png,low,");
}

/* The same weights after a stop and a resume, from another place, with pictures kept or read again.
 */
static void test_bits(void **state)
{
    (void)state;
    char *whole, *resumed, *again;
    assert_int_equal(cli_run("train m.dag --out a --epochs 4 --quiet"), 0);
    whole = cli_read("out", NULL);
    assert_int_equal(system("cp -r p q && sed 's/channels=1/channels=1, memory=0/' m.dag > n.dag"),
                     0);
    assert_int_equal(cli_run("train n.dag --out c --epochs 4 --quiet --threads 1"), 0);
    again = cli_read("out", NULL);
    assert_int_equal(cli_run("train m.dag --out b --epochs 2 --quiet"), 0);
    assert_int_equal(cli_run("train m.dag --resume b --epochs 4 --quiet"), 0);
    resumed = cli_read("out", NULL);
    assert_string_equal(whole, again);
    assert_string_equal(whole, resumed);
    free(whole);
    free(again);
    free(resumed);
    put("p/low/8.png", 0, 99); /* another picture: no longer the data of that run */
    assert_int_equal(cli_run("train m.dag --resume b --epochs 5 --quiet"), 3);
    put("p/low/8.png", 1, 8);
}

/* Trained on pieces; a network of free sizes takes a picture that is given as a whole. */
static void test_whole(void **state)
{
    (void)state;
    static const char pieces[] =
        "input x[N, H, W, 1]\ntarget t[N, H, W, 1]\nparameter k[1] = ones\n"
        "y = x * k\noutput y\nloss mse(t, y)\n"
        "data train {\n"
        "    x = images(\"p\", channels=1) | crop_random(8, 8) | noise(9)\n"
        "    t = images(\"p\", channels=1) | crop_random(8, 8)\n"
        "}\ntrain { optimizer = gd(rate=1e-9); steps = 1 }\n";
    size_t n = 0;
    cli_write("c.dag", pieces, sizeof pieces - 1);
    assert_int_equal(cli_run("train c.dag --out cut --quiet"), 0);
    assert_int_equal(cli_run("predict cut --input x=new.png --out y.npy"), 0);
    free(cli_read("y.npy", &n));
    assert_int_equal(n, 128 + 16 * 16 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_bits),
                                       cmocka_unit_test(test_whole)};
    return cmocka_run_group_tests(tests, trained, leave);
}
