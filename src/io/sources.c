/* The sources of a `data` block: how each is written, and how it is loaded. */
#include "io/store.h"

#include <stdlib.h>
#include <string.h>

#define FILE_ATTR                                                                                  \
    {                                                                                              \
        "file", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "looked for beside the model, in --data"        \
    }

static const dg_attr_spec file_attrs[] = {FILE_ATTR};

static const dg_attr_spec csv_attrs[] = {
    FILE_ATTR,
    {"columns", DG_ATTR_TEXT, 4096, 0, 0, "", NULL, "names of the header, or numbers from 1; all"},
    {"header", DG_ATTR_WORD | DG_ATTR_BOOL, 1, 0, 1, "auto", "auto",
     "auto: the first line is one unless it is numbers"},
};

static const dg_attr_spec npz_attrs[] = {
    FILE_ATTR,
    {"name", DG_ATTR_TEXT, 1, 0, 0, "", NULL, "of the array; the only one"},
};

static const dg_attr_spec chars_attrs[] = {
    FILE_ATTR,
    {"length", DG_ATTR_INT, 1, 1, 1 << 30, NULL, NULL, "characters of a row"},
    {"stride", DG_ATTR_INT, 1, 1, 1 << 30, "", NULL, "from a row to the next; length"},
    {"vocabulary", DG_ATTR_TEXT, 1, 0, 0, "", NULL,
     "the characters, in order of their ids; those there"},
};

static const dg_attr_spec digits_attrs[] = {
    {"which", DG_ATTR_WORD, 1, 0, 0, NULL, "image label", "the pictures, or what they show"},
};

static const char *text_of(const dg_attrs *a, int k)
{
    const char *text = a->v[k].text;
    return text && *text ? text : NULL;
}

/* Opens the file of attribute 0. */
static dg_status open_file(const dg_attrs *a, const dg_places *places, int flags, char **path,
                           dg_reader **r, dg_diag *why)
{
    const char *name = text_of(a, 0);
    if (!name)
        return dg_diag_set(why, DG_EMODEL, "the name of the file is empty");
    dg_status status = dg_find_file(places, name, path, why);
    return status != DG_OK ? status : dg_reader_open(r, *path, flags, why);
}

/* Pictures of IDX have no axis for their one channel; here they get it. */
static dg_status load_idx(const dg_attrs *a, const dg_places *places, dg_loaded *out, char **path,
                          dg_diag *why)
{
    dg_reader *r = NULL;
    dg_status status = open_file(a, places, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_idx_read(r, &out->array);
    if (status == DG_OK && out->array.shape.rank == 3)
        out->array.shape.dim[out->array.shape.rank++] = 1;
    dg_reader_close(r);
    return status;
}

static dg_status load_npy(const dg_attrs *a, const dg_places *places, dg_loaded *out, char **path,
                          dg_diag *why)
{
    dg_reader *r = NULL;
    dg_status status = open_file(a, places, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_npy_read(r, &out->array);
    dg_reader_close(r);
    return status;
}

static dg_status load_npz(const dg_attrs *a, const dg_places *places, dg_loaded *out, char **path,
                          dg_diag *why)
{
    dg_reader *r = NULL;
    dg_status status = open_file(a, places, DG_READ_RAW, path, &r, why);
    if (status == DG_OK)
        status = dg_npz_read(r, text_of(a, 1), &out->array);
    dg_reader_close(r);
    return status;
}

/* Splits a copy of the list at its "\n". */
static dg_status split(char *list, const char ***item, int *n, dg_diag *why)
{
    *n = 1;
    for (const char *p = list; *p; p++)
        *n += *p == '\n';
    *item = malloc((size_t)*n * sizeof **item);
    if (!*item)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < *n; i++) {
        (*item)[i] = list;
        list += strcspn(list, "\n");
        *list++ = 0;
    }
    return DG_OK;
}

static dg_status load_csv(const dg_attrs *a, const dg_places *places, dg_loaded *out, char **path,
                          dg_diag *why)
{
    dg_csv_options o = {.header = DG_HEADER_AUTO};
    const char **column = NULL;
    char *list = text_of(a, 1) ? strdup(text_of(a, 1)) : NULL;
    dg_status status = DG_OK;
    if (a->v[2].word < 0)
        o.header = dg_attr_int(a, 2) ? DG_HEADER_YES : DG_HEADER_NO;
    if (list)
        status = split(list, &column, &o.n_columns, why);
    o.column = column;
    dg_reader *r = NULL;
    if (status == DG_OK)
        status = open_file(a, places, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_csv_read(r, &o, &out->array);
    dg_reader_close(r);
    free(column);
    free(list);
    return status;
}

static dg_status load_chars(const dg_attrs *a, const dg_places *places, dg_loaded *out, char **path,
                            dg_diag *why)
{
    dg_reader *r = NULL;
    out->length = dg_attr_int(a, 1);
    out->stride = a->v[2].count ? dg_attr_int(a, 2) : out->length;
    dg_status status = open_file(a, places, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_chars_read(r, text_of(a, 3), &out->array, &out->vocabulary);
    if (status == DG_OK && out->array.shape.dim[0] <= out->length)
        status = dg_file_fail(why, DG_EDATA, *path, 0, 0,
                              "%lld characters; a row of %lld and what follows it need one more",
                              (long long)out->array.shape.dim[0], (long long)out->length);
    dg_reader_close(r);
    return status;
}

static dg_status load_digits(const dg_attrs *a, const dg_places *places, dg_loaded *out,
                             char **path, dg_diag *why)
{
    (void)places;
    (void)path;
    return dg_digits_read(a->v[0].word == 1 ? "label" : "image", &out->array, why);
}

#define ATTRS(a) a, sizeof a / sizeof *a

const dg_source_type dg_sources[] = {
    {{"idx", "IDX, the format of MNIST, also gz", ATTRS(file_attrs), 1, 0}, load_idx},
    {{"csv", "numbers in lines of fields", ATTRS(csv_attrs), 1, 0}, load_csv},
    {{"npy", "an array of NumPy", ATTRS(file_attrs), 1, 0}, load_npy},
    {{"npz", "an array in a zip of NumPy's", ATTRS(npz_attrs), 1, 0}, load_npz},
    {{"chars", "windows of a text, and the same one character later", ATTRS(chars_attrs), 2, 0},
     load_chars},
    {{"digits", "1797 pictures of digits, 8x8, values 0 to 16: built in", ATTRS(digits_attrs), 1,
      0},
     load_digits},
};

const int dg_n_sources = sizeof dg_sources / sizeof *dg_sources;

const dg_io_type *dg_source_at(int k)
{
    return k >= 0 && k < dg_n_sources ? &dg_sources[k].type : NULL;
}
