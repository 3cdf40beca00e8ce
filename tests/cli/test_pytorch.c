/* State dicts of PyTorch through the program: what is said, exit codes, names that a run keeps. */
#include "cli/cli_tools.h"

#include "io/io_tools.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char model[] = "input x[N, 4]\ntarget t[N, 3]\na = linear(x, 4)\nb = linear(a, 4)\n"
                            "y = linear(b, 3)\noutput y\nloss mse(t, y)\n"
                            "data train { x = npy(\"x.npy\"); t = npy(\"t.npy\") }\n"
                            "train { optimizer = sgd(0.1); batch = 2; steps = 2 }\n";

/* Layers 4 to 4, 4 to 4, 4 to 3 of these names, all zeros. */
static void write_dict(const char *const names[3])
{
    char header[1024];
    int n = dg_format(header, sizeof header, "{"), at = 0;
    for (int k = 0; k < 3; k++) {
        const int out = k < 2 ? 4 : 3;
        n +=
            dg_format(header + n, sizeof header - (size_t)n,
                      "%s\"%s.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]},"
                      "\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[%d,4],\"data_offsets\":[%d,%d]}",
                      k ? "," : "", names[k], out, at, at + 4 * out, names[k], out, at + 4 * out,
                      at + 20 * out);
        at += 20 * out;
    }
    dg_format(header + n, sizeof header - (size_t)n, "}");
    dg_text file = dg_text_make(NULL);
    io_safetensors(header, (size_t)at, &file);
    cli_write("w.safetensors", file.data, file.length);
    dg_text_free(&file);
}

static int set_up(void **state)
{
    dg_text x = dg_text_make(NULL), t = dg_text_make(NULL);
    if (cli_set_up(state) != 0)
        return 1;
    io_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", NULL, 32, &x);
    io_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", NULL, 24, &t);
    cli_write("x.npy", x.data, x.length);
    cli_write("t.npy", t.data, t.length);
    cli_write_text("m.dag", model);
    dg_text_free(&x);
    dg_text_free(&t);
    return 0;
}

static void expect(const char *arguments, int code, const char *says)
{
    const int found = cli_run(arguments);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    if (found != code || (says && !strstr(out, says) && !strstr(err, says)))
        fail_msg("'%s' gives %d: %s%s", arguments, found, out, err);
    free(out);
    free(err);
}

static void test_match(void **state)
{
    (void)state;
    write_dict((const char *[]){"net.0", "net.2", "net.4"});
    expect("predict m.dag --weights w.safetensors --input x=x.npy", 0,
           "net.2   -> b.linear: weight [4, 4], bias [4] (oi to io)");
    expect("grad m.dag --weights w.safetensors", 0, "net.4   -> y.linear");
    expect("grad m.dag --weights w.safetensors --layout dagrad", 3,
           "the model has no 'net.0.bias'");
    expect("grad m.dag --weights w.safetensors --layout jax", 2, "weights have dagrad or pytorch");
    write_dict((const char *[]){"one", "two", "y"});
    expect("grad m.dag --weights w.safetensors", 3,
           "'one', 'two' are alike, and so are 'a.linear', 'b.linear'");
    expect("grad m.dag --weights w.safetensors --map one=b", 0, "two     -> a.linear");
    expect("grad m.dag --weights w.safetensors --map one", 2, "it takes OLD=NEW");
    expect(
        "grad m.dag --weights w.safetensors --map one=y", 3,
        "map one=y: 'one' has bias [4], weight [4, 4], 'y.linear' takes weight [3, 4], bias [3]");
    expect("train m.dag --weights w.safetensors --out trained --quiet", 3, NULL);
    expect("eval trained", 2, NULL); /* there is none */
}

/* A run keeps the names, also over a resume; best and last have them. */
static void test_names(void **state)
{
    (void)state;
    write_dict((const char *[]){"p.enc", "p.mid", "p.out"});
    expect("train m.dag --weights w.safetensors --map p.enc=a --out trained --quiet", 0, NULL);
    expect("train --resume trained --steps 3 --quiet", 0, "steps 3 of 3");
    expect("convert trained back.safetensors --layout pytorch", 0, "back.safetensors: weights ");
    char *back = cli_read("back.safetensors", NULL);
    assert_non_null(strstr(back + 8, "\"p.mid.weight\":{\"dtype\":\"F32\",\"shape\":[4,4]"));
    assert_non_null(strstr(back + 8, "p.enc.weight\\u000ap.enc.bias\\u000ap.mid.weight"));
    free(back);
    expect("convert trained back.safetensors --layout pytorch", 2, "--force replaces it");
    expect("predict trained --weights back.safetensors --input x=x.npy", 0, "p.enc   -> a.linear");
    expect("train m.dag --out own --quiet", 0, NULL);
    expect("convert own own.safetensors --layout pytorch", 0, NULL);
    back = cli_read("own.safetensors", NULL);
    assert_non_null(strstr(back + 8, "\"y.weight\":{\"dtype\":\"F32\",\"shape\":[3,4]"));
    free(back);
    expect("grad m.dag --weights own.safetensors", 0, "b       -> b.linear");
    expect("grad m.dag --weights trained/last.safetensors --map a=b", 2,
           "the file has dagrad's names");
    expect("convert m.dag x.safetensors --layout pytorch", 2, "goes with a run IN");
}

/* A file of torch.save is a pickle: it is not read, but what makes one that is stands there. */
static void test_pickles(void **state)
{
    (void)state;
    static const char zip[] = "PK\3\4\0\0\0\0\0\0archive/data.pkl\0\0\0\0";
    cli_write("w.pt", zip, sizeof zip);
    expect("grad m.dag --weights w.pt", 3, "safetensors.torch.save_file(torch.load(IN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_match), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_pickles)};
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
