/* Writes a few good files of each format to DIR/FORMAT/, for the fuzzers to start from. */
#include "fuzz/program.h"

#include "io/formats.h"
#include "io/io_tools.h"
#include "io/pictures.h"
#include "io/safetensors.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *root;

/* ROOT/FORMAT/NAME; the folders are made. */
static const char *path_of(const char *format, const char *name)
{
    static char path[400];
    mkdir(root, 0777);
    snprintf(path, sizeof path, "%s/%s", root, format);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, format, name);
    return path;
}

static void put(const char *format, const char *name, const void *bytes, size_t n)
{
    io_write(path_of(format, name), bytes, n);
}

#define PUT(format, name, text) put(format, name, text, sizeof(text) - 1)

static void idx(void)
{
    static const char u8[] = "\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\1abcd",
                      f32[] = "\0\0\x0D\1\0\0\0\2abcdefgh";
    dg_text gz = dg_text_make(NULL);
    PUT("idx", "u8", u8);
    PUT("idx", "f32", f32);
    PUT("idx", "i16", "\0\0\x0B\2\0\0\0\2\0\0\0\3abcdefabcdef");
    io_gz(u8, sizeof u8 - 1, 6, &gz);
    put("idx", "u8.gz", gz.data, gz.length);
    io_gz(NULL, 0, 6, &gz);
    put("idx", "two.gz", gz.data, gz.length);
    gz.length = 0;
    io_gz(f32, sizeof f32 - 1, 0, &gz);
    put("idx", "f32.gz", gz.data, gz.length);
    dg_text_free(&gz);
}

static void npy(void)
{
    static const char *const dicts[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }\n",
        "{'shape': (3L,), 'fortran_order': False, 'descr': '>i8'}",
        "{\"descr\":\"<f2\",\"fortran_order\":False,\"shape\":()}",
    };
    static const size_t bytes[] = {24, 24, 24, 2};
    for (int k = 0; k < 4; k++) {
        char name[16];
        dg_text t = dg_text_make(NULL);
        snprintf(name, sizeof name, "%d", k);
        io_npy(k % 3 + 1, dicts[k], NULL, bytes[k], &t);
        put("npy", name, t.data, t.length);
        dg_text_free(&t);
    }
}

static void npz(void)
{
    static const char *const names[] = {"x", "image"};
    dg_array a[] = {io_count(DG_U8, io_shape(1, 4, 0, 0)), io_count(DG_F32, io_shape(2, 2, 3, 0))};
    for (int n = 1; n <= 2; n++) {
        dg_writer *w;
        const char *path = path_of("npz", n == 1 ? "one" : "two");
        if (dg_writer_open(&w, path, NULL) != DG_OK ||
            dg_writer_end(w, dg_npz_write(w, n, names, a)) != DG_OK)
            fprintf(stderr, "%s cannot be written\n", path);
    }
    dg_array_free(&a[0]);
    dg_array_free(&a[1]);
}

static void safetensors(void)
{
    dg_text t = dg_text_make(NULL);
    io_safetensors(
        "{\"a\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},\"b\":{\"dtype\":"
        "\"BF16\",\"shape\":[],\"data_offsets\":[16,18]}}",
        18, &t);
    put("safetensors", "foreign", t.data, t.length);
    t.length = 0;
    io_safetensors("{}", 0, &t);
    put("safetensors", "empty", t.data, t.length);
    dg_text_free(&t);
    dg_named named[] = {{"w", io_count(DG_F32, io_shape(2, 2, 3, 0))},
                        {"n", io_count(DG_U8, io_shape(0, 0, 0, 0))}};
    dg_note note = {"step", "7"};
    const dg_tensors all = {2, 1, named, &note};
    dg_writer *w;
    if (dg_writer_open(&w, path_of("safetensors", "sealed"), NULL) != DG_OK ||
        dg_writer_end(w, dg_safetensors_write(w, &all)) != DG_OK)
        fprintf(stderr, "a checkpoint cannot be written\n");
    dg_array_free(&named[0].tensor);
    dg_array_free(&named[1].tensor);
}

static void pictures(void)
{
    static const uint8_t rows[64] = {1, 2, 3, 4, 5, 6, 7, 8}, palette[] = {1, 2, 3, 4, 5, 6};
    static const io_picture all[] = {{4, 4, 8, 2, rows},
                                     {4, 4, 8, 0, rows, .orientation = 6},
                                     {4, 4, 1, 3, rows, palette, 2},
                                     {4, 2, 16, 4, rows},
                                     {2, 2, 8, 6, rows}};
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xdb, 0, 4, 0, 1, 0xff, 0xd9};
    dg_text t = dg_text_make(NULL);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", k);
        io_png(&all[k], &t);
        put("picture", name, t.data, t.length);
    }
    put("picture", "jpeg", jpeg, sizeof jpeg);
    dg_text_free(&t);
}

/* Each file of a good run, for each command. */
static void run(void)
{
    fuzz_folder_fill();
    for (int file = 0; file < FUZZ_RUN_FILES; file++)
        for (int command = 0; command < 6; command++) {
            size_t n;
            char name[16];
            dg_text t = dg_text_make(NULL);
            const void *bytes = fuzz_folder_get(fuzz_run_file[file], &n);
            dg_text_add_bytes(&t, (char[]){(char)file, (char)command}, 2);
            dg_text_add_bytes(&t, bytes, n);
            snprintf(name, sizeof name, "%d%d", file, command);
            put("run", name, t.data, t.length);
            dg_text_free(&t);
        }
}

/* A line an argument. */
static void args(void)
{
    static const char *const lines[] = {
        "--version",
        "help",
        "trian",
        "nodes\nconv",
        "nodes\n--help",
        "show\nmodel.dag\n--batch\n3\n--after\nfuse",
        "show\nmodel.dag\n--order\n--measure",
        "show\nmodel.dag\n--reverse\n--dot\ng.dot\n--svg\ng.svg",
        "show\nrun\n--gradients",
        "check\nmodel.dag\n--json",
        "check\nrun\n--node\nnone.so",
        "bench\nmodel.dag\n--batch\n8\n--threads\n2\n--seconds\n0.01\n--json",
        "grad\nmodel.dag\n--out\ng.safetensors\n--keep\nz\n--jacobian\nz",
        "grad\nrun\n--weights\nbest\n--input\nx=data.csv\n--tangent\nweights.safetensors",
        "train\nmodel.dag\n--out\nr\n--epochs\n2\n--batch\n3\n--seed\n7\n--threads\n2\n--quiet",
        "train\nmodel.dag\n--steps\n3\n--set\nwidth=4\n--set\noptimizer.rate=1e-3\n--json",
        "train\nmodel.dag\n--weights\nweights.safetensors\n--allow-missing\nz.*\n--data\nrun",
        "train\n--resume\nrun\n--epochs\n4\n--require\nr2>=-100",
        "eval\nrun\n--part\ntrain\n--weights\nbest\n--worst\n3\n--json",
        "predict\nrun\n--input\nx=data.csv\n--out\np.csv\n--output\nxhat\n--top\n2",
        "predict\nrun\n--input=x=-\n--out\n-",
        "convert\nweights.safetensors\nw.npz",
        "convert\ndata.csv\nd.npy",
        "--\ntrain",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        put("args", name, lines[i], strlen(lines[i]));
    }
}

int main(int n, char **argument)
{
    if (n != 2) {
        fprintf(stderr, "usage: fuzz_seeds DIR\n");
        return 2;
    }
    root = argument[1];
    idx();
    npy();
    npz();
    safetensors();
    pictures();
    run();
    args();
    PUT("csv", "header", "a,\"b,\"\"c\"\n1,2\r\n-3.5e2,\"4\"\n");
    PUT("csv", "numbers", "1,2,3\n4,5,6");
    PUT("csv", "bom", "\xef\xbb\xbfx\n 1 \n\n");
    PUT("csv", "words", "a;b\nred;1,5\nNA;\n");
    PUT("csv", "wide",
        "\xff\xfe"
        "a\0,\0b\0\n\0001\0,\0002\0\n\0");
    PUT("chars", "ascii", "hello, world\n");
    PUT("chars", "utf8", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    return 0;
}
