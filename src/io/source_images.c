/* The sources images and pairs, and a column of paths: files to albums, sub-folders to classes. */
#include "io/sources.h"
#include "io/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Attributes of images, in their order; pairs has a second folder before the others. */
enum { FOLDER, SIZE, CHANNELS, MEMORY, BROKEN };

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

dg_status dg_picture_form_of(const dg_attrs *a, int size, int k, bool whole, dg_picture_form *f,
                             dg_diag *why)
{
    const dg_attr_value *v = &a->v[size], *channels = &a->v[size + 1];
    f->index = whole;
    f->channels = whole ? 1 : (int)channels->number[k < channels->count ? k : 0];
    f->height = v->count ? (int64_t)v->number[0] : 0;
    f->width = v->count > 1 ? (int64_t)v->number[1] : f->height;
    if (f->channels == 2)
        return dg_diag_set(why, DG_EMODEL, "channels is 2; pictures have 1 or 3");
    return DG_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Takes the broken ones out of a list of paths; labels of the same rows go along. */
static void leave_out(dg_album *a, const char *broken, int32_t *label)
{
    int64_t to = 0;
    for (int64_t i = 0; i < a->n; i++) {
        if (broken[i]) {
            free(a->path[i]);
            continue;
        }
        if (label)
            label[to] = label[i];
        a->path[to++] = a->path[i];
    }
    a->n = to;
}

/* The pictures that stay move together. */
static void close_up(const dg_album *a, dg_array *out, const char *broken)
{
    size_t bytes = (size_t)a->bytes;
    int64_t to = 0, n = out->shape.dim[0];
    char *data = out->data;
    for (int64_t i = 0; i < n; i++)
        if (!broken[i] && to++ < i)
            memmove(data + (size_t)(to - 1) * bytes, data + (size_t)i * bytes, bytes);
    out->shape.dim[0] = to;
    out->bytes = (size_t)to * bytes;
}

static void say(const dg_loading *l, const char *format, ...) DG_PRINTF(2, 3);
static void say(const dg_loading *l, const char *format, ...)
{
    dg_text text = dg_text_make(NULL);
    va_list args;
    va_start(args, format);
    dg_text_vprintf(&text, format, args);
    va_end(args);
    if (l->say && !text.failed)
        l->say(l->user, text.data);
    dg_text_free(&text);
}

/* Reads an album to an array, or, where that is larger than `memory` MiB, keeps the album alone.
 * With skip, broken[i] is set for those to be left out. */
static dg_status read_album(const dg_loading *l, dg_album *a, double memory, char *broken,
                            dg_array *out, dg_diag *why)
{
    char reason[DG_PICTURE_REASON] = "";
    dg_status s = dg_album_read(a, (int64_t)(memory * 0x1p20), out, broken, reason, why);
    int64_t n = 0;
    for (int64_t i = 0; broken && i < a->n; i++)
        n += broken[i];
    if (s == DG_OK && n == a->n)
        return dg_diag_set(why, DG_EDATA, "none of %lld pictures can be read: %s", (long long)n,
                           reason);
    if (s == DG_OK && n)
        say(l, "%" PRId64 " of %" PRId64 " pictures cannot be read and are left out; %.400s", n,
            a->n, reason);
    if (s == DG_OK && !out->data)
        say(l,
            "%" PRId64 " pictures take %" PRId64
            " MiB, more than memory=: they are read again when "
            "they are needed",
            a->n, a->n * a->bytes >> 20);
    return s;
}

static dg_status no_pictures(const dg_album *a, const char *folder, const char *where, dg_diag *why)
{
    return dg_file_fail(why, DG_EDATA, folder, 0, 0, "no PNG and no JPEG in this folder%s%s", where,
                        a->others ? "; pictures of other formats are to be saved as one of them"
                                  : "");
}

/* What of a folder is not read. classes: its sub-folders are. */
static void say_left_out(const dg_loading *l, const dg_album *a, const char *folder, bool classes)
{
    const int64_t loose = classes ? dg_album_count(folder) : 0;
    if (a->others)
        say(l, "%.300s: %" PRId64 " picture%s neither PNG nor JPEG and left out", folder, a->others,
            a->others == 1 ? " is" : "s are");
    if (loose)
        say(l, "%.300s: %" PRId64 " picture%s no class and %s left out", folder, loose,
            loose == 1 ? " beside its sub-folders has" : "s beside its sub-folders have",
            loose == 1 ? "is" : "are");
}

/* What the folder is known by in a run directory. */
static void put_hash(const dg_album *a, dg_loaded *out)
{
    memcpy(out->hex, a->hex, sizeof out->hex);
    out->size = a->size;
}

/* ---- images ---------------------------------------------------------------------------------- */

static dg_status find_folder(const dg_loading *l, int k, char **path, dg_diag *why)
{
    const char *name = dg_source_text(l->attrs, k);
    if (!name)
        return dg_diag_set(why, DG_EMODEL, "the name of the folder is empty");
    return dg_find_folder(l->places, name, path, why);
}

/* The pictures of each sub-folder; label[i]: the number of its sub-folder. */
static dg_status add_classes(dg_album *a, const char *folder, dg_lexicon *words, int32_t **label,
                             dg_diag *why)
{
    int n = 0;
    char **names = NULL;
    dg_status s = dg_album_folders(folder, &n, &names, why);
    for (int k = 0; k < n && s == DG_OK; k++) {
        dg_text path = dg_text_make(NULL);
        int64_t before = a->n;
        dg_text_printf(&path, "%s/%s", folder, names[k]);
        s = path.failed ? no_memory(why) : dg_album_add_folder(a, path.data, why);
        if (s == DG_OK && a->n > before &&
            dg_utf8_check(names[k], strlen(names[k])) < strlen(names[k]))
            s = dg_file_fail(why, DG_EDATA, path.data, 0, 0,
                             "the name of a class is to be UTF-8; rename the folder");
        dg_text_free(&path);
        if (s != DG_OK || a->n == before)
            continue;
        int32_t id = dg_lexicon_add(words, names[k], strlen(names[k]));
        int32_t *more = realloc(*label, (size_t)a->n * sizeof *more);
        if (more)
            *label = more;
        if (!more || id < 0)
            s = no_memory(why);
        for (int64_t i = before; more && i < a->n; i++)
            more[i] = id;
    }
    dg_texts_free(n, names);
    return s;
}

/* Ids in the order of the sorted names. */
static dg_status sort_labels(dg_lexicon *words, int32_t *label, int64_t n, dg_diag *why)
{
    int32_t *rank = malloc(((size_t)words->n + 1) * sizeof *rank);
    bool good = rank && dg_lexicon_sort(words, rank);
    for (int64_t i = 0; good && i < n; i++)
        label[i] = rank[label[i]];
    free(rank);
    return good ? DG_OK : no_memory(why);
}

/* Labels become column 1; of a folder without sub-folders there are none. */
static dg_status put_labels(dg_loaded *out, dg_lexicon *words, const int32_t *label, dg_diag *why)
{
    dg_shape shape = {.rank = 1, .dim = {out->album.n}};
    out->table.words = calloc(1, sizeof *out->table.words);
    if (!out->table.words)
        return no_memory(why);
    out->table.n = 1;
    out->table.words[0] = *words;
    *words = (dg_lexicon){.n = 0};
    out->words_of = 1;
    dg_status s = dg_array_make(&out->second, DG_I32, &shape, why);
    if (s == DG_OK)
        memcpy(out->second.data, label, out->second.bytes);
    return s;
}

static dg_status read_pictures(const dg_loading *l, int memory, dg_loaded *out, int32_t *label,
                               dg_diag *why)
{
    dg_album *a = &out->album;
    bool skip = l->attrs->v[memory + 1].word == 1;
    char *broken = skip ? calloc((size_t)a->n, 1) : NULL;
    if (skip && !broken)
        return no_memory(why);
    dg_status s = read_album(l, a, dg_attr_real(l->attrs, memory), broken, &out->array, why);
    if (s == DG_OK)
        put_hash(a, out);
    if (s == DG_OK && skip) {
        if (out->array.data)
            close_up(a, &out->array, broken);
        leave_out(a, broken, label);
    }
    free(broken);
    return s;
}

/* A picture, or all of a folder, that is given to a model that was trained: without labels. */
static dg_status load_given(const dg_loading *l, int size, dg_loaded *out, dg_diag *why)
{
    struct stat st;
    bool folder = stat(l->path, &st) == 0 && S_ISDIR(st.st_mode);
    dg_album *a = &out->album;
    bool whole = l->column ? l->asked.whole_second : l->asked.whole;
    dg_status s = dg_picture_form_of(l->attrs, size, l->column, whole, &a->form, why);
    if (s != DG_OK)
        return s;
    if (!folder && !dg_album_is_picture(l->path))
        return dg_data_read(l->path, &out->array, why);
    s = folder ? dg_album_add_folder(a, l->path, why) : dg_album_add(a, l->path, why);
    if (s == DG_OK && a->n == 0)
        return no_pictures(a, l->path, "", why);
    return s == DG_OK ? read_pictures(l, size + MEMORY - SIZE, out, NULL, why) : s;
}

dg_status dg_load_images(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_album *a = &out->album;
    dg_lexicon words = {0};
    int32_t *label = NULL;
    if (l->path)
        return load_given(l, SIZE, out, why);
    dg_status s = dg_picture_form_of(l->attrs, SIZE, 0, l->asked.whole, &a->form, why);
    if (s == DG_OK)
        s = find_folder(l, FOLDER, path, why);
    if (s == DG_OK)
        s = add_classes(a, *path, &words, &label, why);
    bool classes = a->n > 0;
    if (s == DG_OK && !classes) {
        a->others = 0;
        s = dg_album_add_folder(a, *path, why);
    }
    if (s == DG_OK && a->n == 0)
        s = no_pictures(a, *path, ", nor in sub-folders", why);
    if (s == DG_OK)
        say_left_out(l, a, *path, classes);
    if (s == DG_OK && classes)
        s = sort_labels(&words, label, a->n, why);
    if (s == DG_OK)
        s = read_pictures(l, MEMORY, out, label, why);
    if (s == DG_OK && classes)
        s = put_labels(out, &words, label, why);
    dg_lexicon_free(&words);
    free(label);
    return s;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Compares names without folder and ending. */
static int by_stem(const char *a, const char *b)
{
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
    x = x ? x + 1 : a;
    y = y ? y + 1 : b;
    const char *p = strrchr(x, '.'), *q = strrchr(y, '.');
    size_t n = p ? (size_t)(p - x) : strlen(x), m = q ? (size_t)(q - y) : strlen(y);
    int order = memcmp(x, y, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

static int compare_stems(const void *a, const void *b)
{
    return by_stem(*(char *const *)a, *(char *const *)b);
}

static dg_status check_partners(const dg_album *a, const dg_album *b, const char *folder,
                                const char *other, dg_diag *why)
{
    int64_t i = 0, k = 0;
    while (i < a->n && k < b->n && by_stem(a->path[i], b->path[k]) == 0) {
        i++;
        k++;
    }
    if (i == a->n && k == b->n)
        return DG_OK;
    bool first = k == b->n || (i < a->n && by_stem(a->path[i], b->path[k]) < 0);
    return dg_file_fail(why, DG_EDATA, first ? a->path[i] : b->path[k], 0, 0,
                        "no picture of this name in %s", first ? other : folder);
}

static dg_status collect(dg_album *a, const char *folder, dg_diag *why)
{
    dg_status s = dg_album_add_folder(a, folder, why);
    if (s == DG_OK && a->n == 0)
        return no_pictures(a, folder, "", why);
    if (s == DG_OK)
        qsort(a->path, (size_t)a->n, sizeof *a->path, compare_stems);
    return s;
}

/* Both of a pair are left out if one of them is broken. */
static dg_status read_both(const dg_loading *l, dg_loaded *out, dg_diag *why)
{
    int memory = MEMORY + 1;
    bool skip = l->attrs->v[memory + 1].word == 1;
    dg_album *album[2] = {&out->album, &out->partner};
    dg_array *array[2] = {&out->array, &out->second};
    size_t n = (size_t)out->album.n;
    char *broken = skip ? calloc(2 * n, 1) : NULL;
    double half = dg_attr_real(l->attrs, memory) / 2;
    dg_status s = skip && !broken ? no_memory(why) : DG_OK;
    for (int k = 0; k < 2 && s == DG_OK; k++)
        s = read_album(l, album[k], half, skip ? broken + (size_t)k * n : NULL, array[k], why);
    for (size_t i = 0; i < n && skip && s == DG_OK; i++)
        broken[i] |= broken[n + i];
    for (int k = 0; k < 2 && skip && s == DG_OK; k++) {
        if (array[k]->data)
            close_up(album[k], array[k], broken);
        leave_out(album[k], broken, NULL);
    }
    if (s == DG_OK) {
        dg_album_join(album[0], album[1]);
        put_hash(album[0], out);
    }
    free(broken);
    return s;
}

dg_status dg_load_pairs(const dg_loading *l, dg_loaded *out, char **path, dg_diag *why)
{
    dg_album *a = &out->album, *b = &out->partner;
    char *second = NULL;
    if (l->path)
        return load_given(l, SIZE + 1, out, why);
    dg_status s = dg_picture_form_of(l->attrs, SIZE + 1, 0, l->asked.whole, &a->form, why);
    if (s == DG_OK)
        s = dg_picture_form_of(l->attrs, SIZE + 1, 1, l->asked.whole_second, &b->form, why);
    if (s == DG_OK)
        s = find_folder(l, FOLDER, path, why);
    if (s == DG_OK)
        s = find_folder(l, FOLDER + 1, &second, why);
    if (s == DG_OK)
        s = collect(a, *path, why);
    if (s == DG_OK)
        s = collect(b, second, why);
    if (s == DG_OK)
        s = check_partners(a, b, *path, second, why);
    if (s == DG_OK)
        s = read_both(l, out, why);
    free(second);
    return s;
}

/* ---- A column of paths ----------------------------------------------------------------------- */

/* Beside the table, else where data are looked for. */
static dg_status find_picture(const dg_loading *l, const char *table, const char *name, char **path,
                              dg_diag *why)
{
    const char *slash = strrchr(table, '/');
    dg_text beside = dg_text_make(NULL);
    struct stat st;
    if (*name != '/')
        dg_text_printf(&beside, "%.*s", slash ? (int)(slash - table + 1) : 0, table);
    dg_text_add(&beside, name);
    dg_status s = beside.failed ? no_memory(why) : DG_OK;
    if (s == DG_OK && stat(beside.data, &st) == 0 && S_ISREG(st.st_mode)) {
        *path = strdup(beside.data);
        s = *path ? DG_OK : no_memory(why);
    } else if (s == DG_OK)
        s = dg_find_file(l->places, name, path, why);
    dg_text_free(&beside);
    return s;
}

dg_status dg_load_paths(const dg_loading *l, const char *table, dg_loaded *out, dg_diag *why)
{
    dg_album *a = &out->album;
    int64_t n = out->array.shape.dim[0];
    const int32_t *id = out->array.data;
    dg_status s = dg_shape_row(&out->array.shape) == 1
                      ? DG_OK
                      : dg_diag_set(why, DG_EMODEL, "image takes one column of paths");
    a->form = l->asked.form;
    for (int64_t i = 0; i < n && s == DG_OK; i++) {
        char *path = NULL;
        s = find_picture(l, table, out->table.words[0].word[id[i]], &path, why);
        if (s == DG_OK)
            s = dg_album_add(a, path, why);
        free(path);
    }
    dg_array_free(&out->array);
    for (int k = 0; k < out->table.n; k++)
        dg_lexicon_free(&out->table.words[k]);
    free(out->table.words);
    out->table.words = NULL;
    if (s == DG_OK)
        s = read_album(l, a, l->asked.memory, NULL, &out->array, why);
    if (s == DG_OK)
        put_hash(a, out);
    return s;
}
