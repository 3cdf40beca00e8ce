/* The store: sources by what they were asked for, and the files that were read. */
#include "io/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *key; /* what was asked for; NULL: an array that was taken */
    dg_loaded loaded;
} stored;

typedef struct {
    char *path;
    char hex[65]; /* "" until asked for */
    uint64_t size;
} used_file;

typedef struct {
    char *name; /* as it was asked for */
    dg_tensors own;
    const dg_tensors *tensors; /* own, or a caller's */
} tensor_file;

struct dg_store {
    dg_places places;
    void (*say)(void *user, const char *text);
    void *user;
    int n, n_files, n_tensors;
    tensor_file **tensors;
    stored **item; /* each in memory of its own, so that it stays where it is */
    used_file *file;
};

void dg_loaded_free(dg_loaded *l)
{
    dg_array_free(&l->array);
    free(l->vocabulary);
    free(l->path);
    l->vocabulary = l->path = NULL;
    dg_table_free(&l->table);
    dg_array_free(&l->second);
    dg_album_free(&l->album);
    dg_album_free(&l->partner);
}

dg_store *dg_store_new(const char *model_folder, int n_dirs, const char *const dirs[])
{
    dg_store *s = calloc(1, sizeof *s);
    if (s && dg_places_make(&s->places, model_folder, n_dirs, dirs, NULL) == DG_OK)
        return s;
    free(s);
    return NULL;
}

void dg_store_say(dg_store *s, void (*say)(void *user, const char *text), void *user)
{
    s->say = say;
    s->user = user;
}

void dg_store_free(dg_store *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++) {
        dg_loaded_free(&s->item[i]->loaded);
        free(s->item[i]->key);
        free(s->item[i]);
    }
    for (int i = 0; i < s->n_files; i++)
        free(s->file[i].path);
    for (int i = 0; i < s->n_tensors; i++) {
        dg_tensors_free(&s->tensors[i]->own);
        free(s->tensors[i]->name);
        free(s->tensors[i]);
    }
    dg_places_free(&s->places);
    free(s->tensors);
    free(s->item);
    free(s->file);
    free(s);
}

/* ---- Files ----------------------------------------------------------------------------------- */

const char *dg_store_file(const dg_store *s, int k)
{
    return k >= 0 && k < s->n_files ? s->file[k].path : NULL;
}

dg_status dg_store_hash(dg_store *s, int k, char hex[65], uint64_t *size, dg_diag *why)
{
    hex[0] = 0;
    if (!dg_store_file(s, k))
        return dg_diag_set(why, DG_EUSAGE, "there is no file %d in the store", k);
    used_file *f = &s->file[k];
    dg_status status = f->hex[0] ? DG_OK : dg_file_sha256(f->path, f->hex, &f->size, why);
    memcpy(hex, f->hex, sizeof f->hex);
    if (size)
        *size = f->size;
    return status;
}

/* Takes over path, also on failure. */
static dg_status add_file(dg_store *s, char *path, const dg_loaded *l, dg_diag *why)
{
    for (int i = 0; i < s->n_files; i++)
        if (strcmp(s->file[i].path, path) == 0) {
            free(path);
            return DG_OK;
        }
    used_file *more = realloc(s->file, ((size_t)s->n_files + 1) * sizeof *more);
    if (!more) {
        free(path);
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    s->file = more;
    used_file *f = &s->file[s->n_files++];
    *f = (used_file){.path = path, .size = l->size};
    memcpy(f->hex, l->hex, sizeof f->hex);
    return DG_OK;
}

/* ---- Sources --------------------------------------------------------------------------------- */

/* Rows, elements in them, all finite but for the gaps of a table. */
static dg_status check_array(const dg_loaded *l, const char *path, dg_diag *why)
{
    const dg_array *a = &l->array;
    if (l->album.n > 0)
        return DG_OK; /* bytes of pictures, kept or not */
    int64_t row = dg_shape_row(&a->shape), bad = l->table.gaps ? -1 : dg_tensor_not_finite(a);
    char shape[160];
    dg_shape_text(&a->shape, shape, sizeof shape);
    if (a->shape.rank == 0 || a->shape.dim[0] == 0 || row <= 0)
        return dg_file_fail(why, DG_EDATA, path, 0, 0, "an array %s has no rows of elements",
                            shape);
    if (bad < 0)
        return DG_OK;
    double x = dg_tensor_number(a, bad);
    return dg_file_fail(why, DG_EDATA, path, 0, 0,
                        "row %" PRId64 ", element %" PRId64 " of an array %s is %s", bad / row,
                        bad % row, shape,
                        isnan(x) ? "NaN"
                        : x > 0  ? "inf"
                                 : "-inf");
}

static dg_status add_item(dg_store *s, char *key, dg_loaded *l, const dg_loaded **out, dg_diag *why)
{
    stored **more = realloc(s->item, ((size_t)s->n + 1) * sizeof *more);
    if (more)
        s->item = more;
    stored *item = more ? calloc(1, sizeof *item) : NULL;
    if (!item) {
        dg_loaded_free(l);
        free(key);
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    *item = (stored){key, *l};
    s->item[s->n++] = item;
    *out = &item->loaded;
    return DG_OK;
}

static int64_t count_gaps(const dg_array *a)
{
    int64_t gaps = 0;
    for (int64_t i = 0, n = dg_shape_count(&a->shape); i < n; i++)
        gaps += isnan(dg_tensor_number(a, i)) != 0;
    return gaps;
}

dg_status dg_store_take(dg_store *s, dg_array *array, bool gaps, const dg_loaded **out,
                        dg_diag *why)
{
    dg_loaded l = {.array = *array};
    l.table.gaps = gaps ? count_gaps(array) : 0;
    memset(array, 0, sizeof *array);
    dg_status status = check_array(&l, "", why);
    if (status == DG_OK)
        return add_item(s, NULL, &l, out, why);
    dg_loaded_free(&l);
    return status;
}

/* Name and attributes as text, to be freed: the same text, the same source. */
static char *key_of(const dg_source_type *type, const dg_loading *l)
{
    const dg_attrs *a = l->attrs;
    const dg_asked *ask = &l->asked;
    dg_text t = dg_text_make(NULL);
    dg_text_printf(&t, "%s\t%d %d\t%s\t%s\t%s", type->type.name, (int)ask->cells, (int)ask->gaps,
                   ask->fill ? ask->fill : "", ask->format ? ask->format : "",
                   l->path ? l->path : "");
    dg_text_printf(&t, "\t%d %d %d %d %d %d %d %g", l->column, (int)ask->picture, (int)ask->whole,
                   (int)ask->whole_second, (int)ask->form.height, (int)ask->form.width,
                   ask->form.channels, ask->memory);
    for (int i = 0; i < l->n_names; i++)
        dg_text_printf(&t, "\t%s", l->names[i]);
    dg_text_printf(&t, "\t%s", l->vocabulary ? l->vocabulary : "");
    for (int i = 0; i < a->n; i++) {
        const dg_attr_value *v = &a->v[i];
        dg_text_printf(&t, "\t%d %d", v->word, v->count);
        for (int k = 0; k < v->count && !v->text; k++) {
            dg_text_add(&t, " ");
            dg_text_f64(&t, v->number[k]);
        }
        dg_text_printf(&t, " %s", v->text ? v->text : "");
    }
    char *key = t.failed ? NULL : strdup(t.data);
    dg_text_free(&t);
    return key;
}

static dg_status load(dg_store *s, const dg_source_type *type, const dg_loading *given,
                      dg_loaded *l, dg_diag *why)
{
    char *path = NULL;
    dg_loading loading = *given;
    loading.places = &s->places;
    loading.say = s->say;
    loading.user = s->user;
    dg_status status = type->load(&loading, l, &path, why);
    if (given->path && l->array.shape.rank == 0)
        l->array.shape = (dg_shape){1, {1}}; /* one row of one number */
    if (status == DG_OK)
        status = check_array(l, path ? path : type->type.name, why);
    if (status == DG_OK && path && !(l->path = strdup(path)))
        status = dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (status == DG_OK && path)
        return add_file(s, path, l, why);
    free(path);
    return status;
}

dg_status dg_store_load(dg_store *s, const dg_source_type *type, const dg_loading *given,
                        const dg_loaded **out, dg_diag *why)
{
    char *key = key_of(type, given);
    if (!key)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < s->n; i++)
        if (s->item[i]->key && strcmp(s->item[i]->key, key) == 0) {
            free(key);
            *out = &s->item[i]->loaded;
            return DG_OK;
        }
    dg_loaded l = {0};
    dg_status status = load(s, type, given, &l, why);
    if (status == DG_OK)
        return add_item(s, key, &l, out, why);
    dg_loaded_free(&l);
    free(key);
    return status;
}

/* ---- Tensors by name ------------------------------------------------------------------------- */

static tensor_file *find_tensors(const dg_store *s, const char *name)
{
    for (int i = 0; i < s->n_tensors; i++)
        if (strcmp(s->tensors[i]->name, name) == 0)
            return s->tensors[i];
    return NULL;
}

/* An empty file of this name; NULL: out of memory. */
static tensor_file *add_tensors(dg_store *s, const char *name)
{
    tensor_file **more = realloc(s->tensors, ((size_t)s->n_tensors + 1) * sizeof *more);
    if (more)
        s->tensors = more;
    tensor_file *f = more ? calloc(1, sizeof *f) : NULL;
    if (f)
        f->name = strdup(name);
    if (!f || !f->name) {
        free(f);
        return NULL;
    }
    f->tensors = &f->own;
    return s->tensors[s->n_tensors++] = f;
}

dg_status dg_store_hold(dg_store *s, const char *file, const dg_tensors *t, dg_diag *why)
{
    tensor_file *f = add_tensors(s, file);
    if (!f)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    f->tensors = t;
    return DG_OK;
}

static dg_status read_tensors(dg_store *s, const char *name, tensor_file **out, dg_diag *why)
{
    char *path = NULL;
    dg_reader *r = NULL;
    dg_tensors t = {.n = 0};
    dg_status status = dg_find_file(&s->places, name, &path, why);
    if (status == DG_OK)
        status = dg_reader_open(&r, path, DG_READ_RAW, why);
    if (status == DG_OK)
        status = dg_safetensors_read(r, &t, NULL);
    dg_reader_close(r);
    if (status != DG_OK) {
        free(path);
        return status;
    }
    status = add_file(s, path, &(dg_loaded){.size = 0}, why);
    *out = status == DG_OK ? add_tensors(s, name) : NULL;
    if (*out)
        (*out)->own = t;
    else
        dg_tensors_free(&t);
    return *out ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

dg_status dg_store_tensor(dg_store *s, const char *file, const char *name, const dg_tensor **out,
                          dg_diag *why)
{
    tensor_file *f = find_tensors(s, file);
    dg_status status = f ? DG_OK : read_tensors(s, file, &f, why);
    if (status != DG_OK)
        return status;
    *out = dg_tensors_find(f->tensors, name);
    return *out ? DG_OK : dg_file_fail(why, DG_EDATA, file, 0, 0, "there is no tensor '%s'", name);
}
