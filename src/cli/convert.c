/* dagrad convert: weights and data from one format to another. The format of IN is known by its
 * bytes, that of OUT by its name. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/onnx.h"
#include "cli/results.h"
#include "cli/table.h"
#include "io/formats.h"
#include "io/safetensors.h"
#include "train/rundir.h"
#include "train/settings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LISTED = 300 }; /* bytes of names in a message */

typedef struct contents {
    int n;
    char **name;
    dg_array *array;
    int notes; /* of a checkpoint, which other formats do not hold */
} contents;

static void free_contents(contents *c)
{
    for (int i = 0; i < c->n; i++) {
        free(c->name[i]);
        dg_array_free(&c->array[i]);
    }
    free(c->name);
    free(c->array);
    *c = (contents){.n = 0};
}

/* Room for n arrays. */
static dg_status make_room(contents *c, int n, dg_diag *why)
{
    c->name = calloc((size_t)n + 1, sizeof *c->name);
    c->array = calloc((size_t)n + 1, sizeof *c->array);
    return c->name && c->array ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The tensors of a safetensors file move over; notes are left behind. */
static dg_status read_safetensors(const char *bytes, size_t size, const char *path, contents *c,
                                  dg_diag *why)
{
    dg_reader *r;
    dg_tensors t = {.n = 0};
    dg_status s = dg_reader_memory(&r, bytes, size, path, DG_READ_RAW, why);
    if (s != DG_OK)
        return s;
    s = dg_safetensors_read(r, &t, NULL);
    dg_reader_close(r);
    if (s == DG_OK)
        s = make_room(c, t.n, why);
    for (int i = 0; s == DG_OK && i < t.n; i++) {
        c->name[i] = t.tensor[i].name;
        c->array[i] = t.tensor[i].tensor;
        c->n = i + 1;
        t.tensor[i] = (dg_named){.name = NULL};
    }
    c->notes = t.n_notes;
    dg_tensors_free(&t);
    return s;
}

static dg_status read_npz(const char *bytes, size_t size, const char *path, contents *c,
                          dg_diag *why)
{
    dg_reader *r;
    dg_status s = dg_reader_memory(&r, bytes, size, path, DG_READ_RAW, why);
    if (s != DG_OK)
        return s;
    s = dg_npz_read_all(r, &c->n, &c->name, &c->array);
    dg_reader_close(r);
    return s;
}

/* One array, named as its file. */
static dg_status read_array(const char *bytes, size_t size, const char *path,
                            const dg_table_flags *table, contents *c, dg_diag *why)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    dg_status s = make_room(c, 1, why);
    if (s == DG_OK && dg_table_flags_given(table))
        s = dg_table_from(table, bytes, size, path, &c->array[0], why);
    else if (s == DG_OK)
        s = dg_data_read_memory(bytes, size, path, &c->array[0], why);
    if (s == DG_OK)
        c->name[0] = strndup(name, strcspn(name, "."));
    if (s == DG_OK && !c->name[0])
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    c->n = 1;
    return s;
}

/* safetensors begins with the length of its header, then that, a JSON object. */
static int is_safetensors(const unsigned char *p, size_t n)
{
    return n >= 10 && p[8] == '{' && p[6] == 0 && p[7] == 0;
}

static dg_status read_whole(const char *path, char **bytes, size_t *n, dg_diag *why)
{
    dg_reader *r;
    dg_status s = dg_reader_open(&r, path, DG_READ_RAW, why);
    if (s != DG_OK)
        return s;
    s = dg_reader_rest(r, bytes, n);
    dg_reader_close(r);
    return s;
}

static dg_status read_contents(const char *path, const dg_table_flags *table, contents *c,
                               dg_diag *why)
{
    char *bytes = NULL;
    size_t n = 0;
    dg_status s = read_whole(path, &bytes, &n, why);
    if (s != DG_OK)
        return s;
    const int is_zip = n >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
    const int several = is_zip || is_safetensors((unsigned char *)bytes, n);
    if (several && dg_table_flags_given(table))
        s = dg_diag_set(why, DG_EUSAGE, "'%s' is no table, which the options are about", path);
    else if (several && !is_zip)
        s = read_safetensors(bytes, n, path, c, why);
    else if (is_zip)
        s = read_npz(bytes, n, path, c, why);
    else
        s = read_array(bytes, n, path, table, c, why);
    free(bytes);
    return s;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* A format of one array takes no more. */
static dg_status check_one(const contents *c, const char *in, dg_format_kind f, dg_diag *why)
{
    if (c->n == 1)
        return DG_OK;
    return dg_diag_set(why, DG_EUSAGE,
                       "%s has %d arrays, %s holds one; npz and safetensors hold all", in, c->n,
                       dg_format_name(f));
}

static dg_status write_contents(const contents *c, const char *in, const char *out, dg_diag *why)
{
    dg_format_kind f = dg_format_of(out);
    if ((f == DG_FORMAT_NPY || f == DG_FORMAT_CSV) && check_one(c, in, f, why) != DG_OK)
        return why->code;
    return dg_write_arrays(out, c->n, (const char *const *)c->name, c->array, NULL, why);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* 1: an item of the list, or of a list "a,b" in it, is the name, or a pattern of it. */
static int is_chosen(const dg_list *only, const char *name)
{
    char one[256];
    for (int i = 0; i < only->n; i++)
        for (const char *at = only->item[i]; *at; at += *at == ',') {
            size_t n = strcspn(at, ",");
            dg_format(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one - 1), at);
            if (dg_name_fits(one, name))
                return 1;
            at += n;
        }
    return 0;
}

/* Leaves the arrays that --only names; none: DG_EUSAGE says what there is. */
static dg_status choose(contents *c, const dg_list *only, const char *in, dg_diag *why)
{
    dg_text all = dg_text_make(NULL);
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        if (is_chosen(only, c->name[i])) {
            c->name[n] = c->name[i];
            c->array[n++] = c->array[i];
            continue;
        }
        if (all.length < MOST_LISTED)
            dg_text_printf(&all, "%s%s", all.length ? ", " : "", c->name[i]);
        free(c->name[i]);
        dg_array_free(&c->array[i]);
    }
    c->n = n;
    if (n == 0)
        dg_diag_set(why, DG_EUSAGE, "--only fits nothing in %s, which has: %s", in,
                    all.data ? all.data : "nothing");
    dg_text_free(&all);
    return why->code;
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcmp(name + n - k, end) == 0;
}

/* Where a network is read or written, not arrays; -1: it is not so. */
static int convert_network(const char *in, const char *out, const char *layout, dg_onnx_flags *onnx)
{
    onnx->plain = layout && strcmp(layout, "source") == 0;
    onnx->first = layout && strcmp(layout, "nchw") == 0;
    const int torch = layout && strcmp(layout, "pytorch") == 0;
    if (layout && !onnx->plain && !onnx->first && !torch)
        return dg_usage(&dg_command_convert, "--layout is source, nchw or pytorch");
    if (onnx->first && onnx->transforms)
        return dg_usage(&dg_command_convert,
                        "--layout nchw does not go with --with-transforms: raw rows have the axes "
                        "of the data");
    if (torch && dg_is_run(in) && ends_with(out, ".safetensors"))
        return dg_convert_to_pytorch(in, out, onnx);
    if (torch)
        return dg_usage(&dg_command_convert,
                        "--layout pytorch goes with a run IN and OUT.safetensors");
    if (dg_is_run(in) && dg_is_onnx(out))
        return dg_convert_to_onnx(in, out, onnx);
    if (onnx->transforms)
        return dg_usage(&dg_command_convert, "--with-transforms goes with a run IN and OUT.onnx");
    if (onnx->weights && !(dg_is_onnx(in) && dg_is_onnx(out)))
        return dg_usage(&dg_command_convert,
                        "--weights RUN goes with IN.onnx and OUT.onnx, or a run IN");
    if (onnx->weights)
        return dg_convert_back(in, out, onnx);
    if (dg_is_onnx(in) && ends_with(out, ".dag"))
        return dg_convert_from_onnx(in, out, onnx);
    return -1;
}

static int convert_arrays(const char *in, const char *out, const dg_table_flags *table,
                          const dg_list *only)
{
    contents c = {.n = 0};
    dg_diag why = {.code = DG_OK};
    dg_status s = read_contents(in, table, &c, &why);
    if (s == DG_OK && only->n)
        s = choose(&c, only, in, &why);
    if (s == DG_OK)
        s = write_contents(&c, in, out, &why);
    if (s == DG_OK && c.notes)
        fprintf(
            stderr,
            "dagrad convert: %d note%s of %s left behind: '%s' is no checkpoint to resume from\n",
            c.notes, c.notes == 1 ? "" : "s", in, out);
    free_contents(&c);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_convert, &why);
}

static int convert(int argc, char **argv)
{
    char text[512];
    const char *place[2] = {NULL, NULL}, *layout = NULL;
    dg_onnx_flags onnx = {0};
    dg_table_flags table = {.header = NULL};
    dg_list only = {.n = 0};
    const dg_flag flags[] = {
        {"only", FLAG_LIST, &only, "NAME,...", "these arrays alone; patterns \"z.*\" (repeatable)"},
        {"weights", FLAG_TEXT, &onnx.weights, "RUN",
         "its weights into a copy OUT of the ONNX file IN that they came from; of a run IN: best, "
         "last or a file"},
        {"force", FLAG_ON, &onnx.force, NULL, "files that are there are replaced (of ONNX)"},
        {"batchnorm", FLAG_TEXT, &onnx.batchnorm, "HOW",
         "frozen or train; as the ONNX file says by default"},
        {"layout", FLAG_TEXT, &layout, "HOW",
         "source: inputs and outputs keep the axes of the ONNX file; nchw: pictures of the one "
         "that is written have their channels first; pytorch: the weights of a run IN as a state "
         "dict"},
        {"with-transforms", FLAG_ON, &onnx.transforms, NULL,
         "the ONNX file of a run takes raw rows and gives results in the units of the data"},
        {"fixed", FLAG_ON, &onnx.fixed, NULL,
         "no axis of the ONNX file is a batch: sizes stay as they are"},
        {"size", FLAG_LIST, &onnx.size, "NAME=N", "a size that the ONNX file leaves open"},
        {"limit", FLAG_COUNT, &onnx.limit, "MIB",
         "of constants that the ONNX file only describes; 1024"},
        {"column", FLAG_LIST, &table.column, "NAME",
         "of a table: a column of the header, a pattern, or a number (repeatable)"},
        {"except", FLAG_LIST, &table.except, "NAME", "a column that is left out (repeatable)"},
        {"header", FLAG_TEXT, &table.header, "BOOL", "true or false; found by looking"},
        {"separator", FLAG_TEXT, &table.separator, "C",
         "a character, tab or blank; found by looking"},
        {"skip", FLAG_COUNT, &table.skip, "N", "lines before the table"},
        {"comment", FLAG_TEXT, &table.comment, "TEXT", "passed over, to the end of its line"},
        {"decimal", FLAG_TEXT, &table.decimal, "C", "'.' or ','"},
    };
    int code = dg_flags_read(&dg_command_convert, flags, sizeof flags / sizeof *flags, place, 2,
                             argc, argv);
    if (code >= 0)
        return code;
    if (!place[1])
        return dg_usage(&dg_command_convert,
                        place[0] ? "OUT is missing" : "IN and OUT are missing");
    code = convert_network(place[0], place[1], layout, &onnx);
    if (code >= 0)
        return code;
    if (dg_format_of(place[1]) == DG_FORMAT_OTHER) {
        dg_format(text, sizeof text, "OUT is '%s', its name must end with %s", place[1],
                  dg_is_onnx(place[0]) ? ".dag" : ".npy, .npz, .csv or .safetensors");
        return dg_usage(&dg_command_convert, text);
    }
    return convert_arrays(place[0], place[1], &table, &only);
}

const dg_command dg_command_convert = {
    "convert", "IN OUT",
    "weights and data from one format (safetensors, npz, npy, csv, idx) to another", convert,
    "IN is safetensors, NPZ, NPY, CSV or IDX, known by its bytes; OUT is .safetensors, .npz, .npy\n"
    "or .csv. A checkpoint's notes are left behind: what comes out is weights, not a checkpoint "
    "to\n"
    "resume from. A table is read as the source csv reads it.\n"
    "\n"
    "convert net.onnx net.dag makes a model of an ONNX graph, which a person reads and completes,\n"
    "and its tensors beside it. convert --weights RUN net.onnx tuned.onnx writes the trained\n"
    "numbers of a run into a copy of the file that its model came from. convert RUN net.onnx\n"
    "writes the network of a run in its inference form; --with-transforms writes the transforms "
    "of\n"
    "its data too, so that it takes raw rows: a gap is NaN, of words it takes their ids, which "
    "are\n"
    "told, of dates days since 1970, of paths their pictures."};
