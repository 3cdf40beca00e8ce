/* The sources of a `data` block: how each is written, and how it is loaded. */
#include "io/sources.h"

#include <stdlib.h>
#include <string.h>

static const dg_attr_spec file_attrs[] = {DG_FILE_ATTR};

#define TABLE_ATTRS                                                                                \
    {"header", DG_ATTR_WORD | DG_ATTR_BOOL,                                                        \
     1,        0,                                                                                  \
     1,        "auto",                                                                             \
     "auto",   "auto: the first line is one unless it is numbers"},                                \
        {"separator",                                                                              \
         DG_ATTR_WORD | DG_ATTR_TEXT,                                                              \
         1,                                                                                        \
         0,                                                                                        \
         0,                                                                                        \
         "auto",                                                                                   \
         "auto tab blank",                                                                         \
         "a character; auto: , ; | tab or blanks, found by looking"},                              \
        {"skip", DG_ATTR_INT, 1, 0, 1 << 30, "0", NULL, "lines before the table"},                 \
        {"comment", DG_ATTR_TEXT, 1, 0, 0, "", NULL, "passed over to the line's end: \"#\""},      \
        {"decimal", DG_ATTR_TEXT, 1, 0, 0, ".", NULL, "\".\" or \",\""},                           \
        {"missing", DG_ATTR_TEXT, 64, 0, 0, "", NULL, "what stands for a gap; \"\" and \"NA\""},   \
    {                                                                                              \
        "except", DG_ATTR_TEXT, 4096, 0, 0, "", NULL, "columns that are left out"                  \
    }

static const dg_attr_spec csv_attrs[] = {
    DG_FILE_ATTR,
    {"columns", DG_ATTR_TEXT, 4096, 0, 0, "", NULL,
     "names of the header, patterns as \"x*\", or numbers from 1; all"},
    TABLE_ATTRS,
};

static const dg_attr_spec series_attrs[] = {
    DG_FILE_ATTR,
    {"columns", DG_ATTR_TEXT, 4096, 0, 0, "", NULL,
     "names of the header, patterns as \"x*\", or numbers from 1; all"},
    TABLE_ATTRS,
    {"length", DG_ATTR_INT, 1, 1, 1 << 30, NULL, NULL, "rows of a window"},
    {"horizon", DG_ATTR_INT, 1, 1, 1 << 30, "1", NULL, "rows of what follows"},
    {"stride", DG_ATTR_INT, 1, 1, 1 << 30, "1", NULL, "from a window to the next"},
};

#define PICTURE_ATTRS(n, text)                                                                     \
    {"size", DG_ATTR_INT, 2, 1, 1 << 15, "", NULL, "[height, width]; that of the first"},          \
        {"channels", DG_ATTR_INT, n, 1, 3, "3", NULL, text},                                       \
        {"memory", DG_ATTR_REAL, 1, 0, 1e9, "1024", NULL, "MiB of pictures that are kept"},        \
    {                                                                                              \
        "broken", DG_ATTR_WORD, 1, 0, 0, "refuse", "refuse skip", "what to do with broken files"   \
    }

static const dg_attr_spec images_attrs[] = {
    {"folder", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "of pictures; its sub-folders are classes"},
    PICTURE_ATTRS(1, "1 or 3"),
};

static const dg_attr_spec pairs_attrs[] = {
    {"folder", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "of pictures"},
    {"folder2", DG_ATTR_TEXT, 1, 0, 0, NULL, NULL, "of pictures with the same names"},
    PICTURE_ATTRS(2, "1 or 3; [3, 1]: of each of both"),
};

static const dg_attr_spec npz_attrs[] = {
    DG_FILE_ATTR,
    {"name", DG_ATTR_TEXT, 1, 0, 0, "", NULL, "of the array; the only one"},
};

static const dg_attr_spec chars_attrs[] = {
    DG_FILE_ATTR,
    {"length", DG_ATTR_INT, 1, 1, 1 << 30, NULL, NULL, "characters of a row"},
    {"stride", DG_ATTR_INT, 1, 1, 1 << 30, "", NULL, "from a row to the next; length"},
    {"vocabulary", DG_ATTR_TEXT, 1, 0, 0, "", NULL,
     "the characters, in order of their ids; those there"},
};

static const dg_attr_spec digits_attrs[] = {
    {"which", DG_ATTR_WORD, 1, 0, 0, NULL, "image label", "the pictures, or what they show"},
};

const char *dg_source_text(const dg_attrs *a, int k)
{
    const char *text = a->v[k].text;
    return text && *text ? text : NULL;
}

dg_status dg_source_open(const dg_loading *l, int flags, char **path, dg_reader **r, dg_diag *why)
{
    const char *name = dg_source_text(l->attrs, 0);
    if (l->text)
        return dg_reader_memory(r, l->text, strlen(l->text), l->path, DG_READ_RAW, why);
    if (l->path)
        return dg_reader_open(r, l->path, flags, why);
    if (!name)
        return dg_diag_set(why, DG_EMODEL, "the name of the file is empty");
    dg_status status = dg_find_file(l->places, name, path, why);
    return status != DG_OK ? status : dg_reader_open(r, *path, flags, why);
}

/* Pictures of IDX have no axis for their one channel; here they get it. */
static dg_status load_idx(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_reader *r = NULL;
    if (l->path)
        return dg_data_read(l->path, &out->array, why);
    dg_status status = dg_source_open(l, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_idx_read(r, &out->array);
    if (status == DG_OK && out->array.shape.rank == 3)
        out->array.shape.dim[out->array.shape.rank++] = 1;
    dg_reader_close(r);
    return status;
}

static dg_status load_npy(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_reader *r = NULL;
    if (l->path)
        return dg_data_read(l->path, &out->array, why);
    dg_status status = dg_source_open(l, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_npy_read(r, &out->array);
    dg_reader_close(r);
    return status;
}

static dg_status load_npz(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_reader *r = NULL;
    if (l->path)
        return dg_data_read(l->path, &out->array, why);
    dg_status status = dg_source_open(l, DG_READ_RAW, path, &r, why);
    if (status == DG_OK)
        status = dg_npz_read(r, dg_source_text(l->attrs, 1), &out->array);
    dg_reader_close(r);
    return status;
}

static void say_dropped(const dg_loading *l, const char *path, const dg_chars_dropped *d)
{
    char text[400], returns[48] = "";
    if (!l->say || (!d->mark && !d->returns))
        return;
    if (d->returns)
        dg_format(returns, sizeof returns, "%lld carriage returns", (long long)d->returns);
    dg_format(text, sizeof text, "%.200s: %s%s%s left out of the text", path ? path : l->path,
              d->mark ? "its byte order mark" : "", d->mark && d->returns ? " and " : "", returns);
    l->say(l->user, text);
}

static dg_status load_chars(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    const dg_attrs *a = l->attrs;
    const char *vocabulary = l->vocabulary ? l->vocabulary : dg_source_text(a, 3);
    dg_chars_dropped dropped = {false, 0};
    dg_reader *r = NULL;
    out->length = out->horizon = dg_attr_int(a, 1);
    out->follows = l->path ? 0 : 1;
    out->stride = a->v[2].count ? dg_attr_int(a, 2) : out->length;
    dg_status status = dg_source_open(l, 0, path, &r, why);
    if (status == DG_OK)
        status = dg_chars_read(r, vocabulary, &out->array, &out->vocabulary, &dropped);
    if (status == DG_OK)
        say_dropped(l, *path, &dropped);
    if (status == DG_OK && out->array.shape.dim[0] < out->length + out->follows)
        status = dg_file_fail(why, DG_EDATA, *path ? *path : l->path, 0, 0,
                              "%lld characters; a row of %lld%s more",
                              (long long)out->array.shape.dim[0], (long long)out->length,
                              out->follows ? " and what follows it need one" : " needs");
    dg_reader_close(r);
    return status;
}

static dg_status load_digits(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    (void)path;
    if (l->path)
        return dg_data_read(l->path, &out->array, why);
    return dg_digits_read(l->attrs->v[0].word == 1 ? "label" : "image", &out->array, why);
}

/* It gives values by name, not rows. */
static dg_status load_stored(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    (void)l;
    (void)out;
    (void)path;
    return dg_diag_set(why, DG_EMODEL,
                       "stored gives parameters and constants their values by name, not rows of "
                       "data; npy and npz do");
}

#define ATTRS(a) a, sizeof a / sizeof *a

const dg_source_type dg_sources[] = {
    {{"idx", "IDX, the format of MNIST, also gz", ATTRS(file_attrs), 1, 0}, 0, load_idx},
    {{"csv", "a table in lines of fields: numbers, words, dates, gaps", ATTRS(csv_attrs), 1, 0},
     1,
     dg_load_csv},
    {{"npy", "an array of NumPy", ATTRS(file_attrs), 1, 0}, 0, load_npy},
    {{"npz", "an array in a zip of NumPy's", ATTRS(npz_attrs), 1, 0}, 0, load_npz},
    {{"images", "PNG and JPEG of a folder, bytes of 0 to 255, and their classes",
      ATTRS(images_attrs), 2, 0},
     0,
     dg_load_images},
    {{"pairs", "two pictures of one name, of two folders", ATTRS(pairs_attrs), 2, 0},
     0,
     dg_load_pairs},
    {{"series", "windows of a table's rows, and the rows that follow", ATTRS(series_attrs), 2, 0},
     0,
     dg_load_series},
    {{"chars", "windows of a text, and the same one character later", ATTRS(chars_attrs), 2, 0},
     0,
     load_chars},
    {{"stored", "parameters, states and constants of a model, by name, in a safetensors file",
      ATTRS(file_attrs), 1, 0},
     0,
     load_stored},
    {{"digits", "1797 pictures of digits, 8x8, values 0 to 16: built in", ATTRS(digits_attrs), 1,
      0},
     0,
     load_digits},
};

const int dg_n_sources = sizeof dg_sources / sizeof *dg_sources;

const dg_io_type *dg_source_at(int k)
{
    return k >= 0 && k < dg_n_sources ? &dg_sources[k].type : NULL;
}
