/* Checkpoints, and the parameters of a graph in them. */
#include "io/weights.h"

#include "base/text.h"
#include "io/file.h"
#include <dagrad/program.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 8 }; /* differences that a message lists */

struct dg_checkpoint {
    dg_tensors all;
    dg_diag first; /* the first failure */
    int room, room_notes, sealed;
};

dg_checkpoint *dg_checkpoint_new(void)
{
    return calloc(1, sizeof(dg_checkpoint));
}

void dg_checkpoint_free(dg_checkpoint *c)
{
    if (c)
        dg_tensors_free(&c->all);
    free(c);
}

const dg_tensors *dg_checkpoint_tensors(const dg_checkpoint *c)
{
    return &c->all;
}

const dg_tensor *dg_checkpoint_find(const dg_checkpoint *c, const char *name)
{
    return dg_tensors_find(&c->all, name);
}

const char *dg_checkpoint_text(const dg_checkpoint *c, const char *key)
{
    return dg_tensors_note(&c->all, key);
}

int dg_checkpoint_sealed(const dg_checkpoint *c)
{
    return c->sealed;
}

void dg_checkpoint_drop(dg_checkpoint *c, bool (*drop)(const char *name))
{
    int n = 0;
    for (int i = 0; i < c->all.n; i++) {
        dg_named *t = &c->all.tensor[i];
        if (!drop(t->name)) {
            c->all.tensor[n++] = *t;
            continue;
        }
        free(t->name);
        dg_array_free(&t->tensor);
    }
    c->all.n = n;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Room for one more of `bytes` in *list; false: out of memory. */
static bool make_room(void **list, int n, int *room, size_t bytes)
{
    if (n < *room)
        return true;
    int more = *room ? 2 * *room : 16;
    void *larger = n < INT32_MAX / 4 ? realloc(*list, (size_t)more * bytes) : NULL;
    if (!larger)
        return false;
    *list = larger;
    *room = more;
    return true;
}

/* A new entry of this name, its tensor empty; NULL: out of memory, which c remembers. */
static dg_tensor *add_name(dg_checkpoint *c, const char *name)
{
    void *list = c->all.tensor;
    char *copy = NULL;
    if (make_room(&list, c->all.n, &c->room, sizeof *c->all.tensor))
        copy = strdup(name);
    c->all.tensor = list;
    if (!copy) {
        dg_diag_set(&c->first, DG_EMEMORY, "out of memory");
        return NULL;
    }
    c->all.tensor[c->all.n] = (dg_named){.name = copy};
    return &c->all.tensor[c->all.n++].tensor;
}

void dg_checkpoint_add(dg_checkpoint *c, const char *name, const dg_tensor *t)
{
    dg_tensor *to = c->first.code == DG_OK ? add_name(c, name) : NULL;
    if (to && dg_array_make(to, t->type, &t->shape, &c->first) == DG_OK && to->bytes > 0)
        memcpy(to->data, t->data, to->bytes);
}

static void set_note(dg_checkpoint *c, const char *key, char *text)
{
    for (int i = 0; i < c->all.n_notes; i++)
        if (strcmp(c->all.note[i].key, key) == 0) {
            free(c->all.note[i].text);
            c->all.note[i].text = text;
            return;
        }
    void *list = c->all.note;
    char *copy = NULL;
    if (make_room(&list, c->all.n_notes, &c->room_notes, sizeof *c->all.note))
        copy = strdup(key);
    c->all.note = list;
    if (copy)
        c->all.note[c->all.n_notes++] = (dg_note){copy, text};
    else {
        free(text);
        dg_diag_set(&c->first, DG_EMEMORY, "out of memory");
    }
}

void dg_checkpoint_note(dg_checkpoint *c, const char *key, const char *format, ...)
{
    dg_text t = dg_text_make(NULL);
    va_list args;
    va_start(args, format);
    dg_text_vprintf(&t, format, args);
    va_end(args);
    char *text = t.failed ? NULL : strdup(t.data);
    dg_text_free(&t);
    if (!text)
        dg_diag_set(&c->first, DG_EMEMORY, "out of memory");
    else if (c->first.code == DG_OK)
        set_note(c, key, text);
    else
        free(text);
}

/* 1 if v is a parameter or a state; info is then filled. */
static int is_kept(const dg_graph *g, dg_value v, dg_value_info *info)
{
    return dg_value_look(g, v, info) == DG_OK &&
           (info->kind == DG_PARAMETER || info->kind == DG_STATE);
}

void dg_checkpoint_add_graph(dg_checkpoint *c, const dg_graph *g)
{
    dg_status status = dg_graph_status(g, c->first.code == DG_OK ? &c->first : NULL);
    for (int id = 1; id <= dg_graph_values(g) && status == DG_OK && c->first.code == DG_OK; id++) {
        dg_value_info info;
        if (!is_kept(g, (dg_value){id}, &info))
            continue;
        dg_tensor *to = add_name(c, info.name);
        if (!to || dg_array_make(to, info.type, &info.shape, &c->first) != DG_OK)
            return;
        if (dg_graph_get(g, (dg_value){id}, to) != DG_OK)
            dg_diag_set(&c->first, DG_EUSAGE, "'%.80s' has no values yet", info.name);
    }
}

static dg_status check_finite(const dg_tensors *t, const char *path, dg_status code, dg_diag *why)
{
    for (int i = 0; i < t->n; i++) {
        int64_t bad = dg_tensor_not_finite(&t->tensor[i].tensor);
        if (bad >= 0)
            return dg_file_fail(why, code, path, 0, 0, "element %" PRId64 " of '%.80s' is %s", bad,
                                t->tensor[i].name,
                                isnan(dg_tensor_number(&t->tensor[i].tensor, bad)) ? "NaN"
                                                                                   : "infinite");
    }
    return DG_OK;
}

void dg_checkpoint_starve(dg_checkpoint *c)
{
    dg_diag_set(&c->first, DG_EMEMORY, "out of memory");
}

dg_status dg_checkpoint_status(const dg_checkpoint *c, dg_diag *why)
{
    if (c->first.code != DG_OK && why && why->code == DG_OK)
        *why = c->first;
    return c->first.code;
}

dg_status dg_checkpoint_save(dg_checkpoint *c, const char *path, dg_diag *why)
{
    dg_status status = dg_checkpoint_status(c, why);
    if (status == DG_OK)
        status = check_finite(&c->all, path, DG_EFINITE, why);
    if (status != DG_OK)
        return status;
    dg_writer *w;
    status = dg_writer_open(&w, path, why);
    if (status == DG_OK)
        status = dg_safetensors_write(w, &c->all);
    return dg_writer_end(w, status);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static dg_status load(dg_checkpoint *c, const char *path, int need_seal, dg_diag *why)
{
    dg_reader *r;
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        return dg_file_fail(why, DG_EDATA, path, 0, 0,
                            "a folder; the weights of a run are its last.safetensors and, where "
                            "there is a validation part, best.safetensors");
    dg_status status = dg_reader_open(&r, path, DG_READ_RAW, why);
    if (status == DG_OK)
        status = dg_safetensors_read(r, &c->all, &c->sealed);
    dg_reader_close(r);
    if (status == DG_OK && need_seal && !c->sealed)
        status =
            dg_file_fail(why, DG_EDATA, path, 0, 0, "no checkpoint of dagrad: it has no checksum");
    return status == DG_OK ? check_finite(&c->all, path, DG_EDATA, why) : status;
}

dg_status dg_checkpoint_load(dg_checkpoint **out, const char *path, int need_seal, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    *out = NULL;
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status status = load(c, path, need_seal, why);
    c->room = c->all.n;
    c->room_notes = c->all.n_notes;
    if (status == DG_OK)
        *out = c;
    else
        dg_checkpoint_free(c);
    return status;
}

/* ---- Into a graph ---------------------------------------------------------------------------- */

typedef struct {
    dg_text list;
    int n;
} differences;

static void differ(differences *d, const char *format, ...) DG_PRINTF(2, 3);
static void differ(differences *d, const char *format, ...)
{
    if (d->n++ >= LISTED)
        return;
    va_list args;
    va_start(args, format);
    dg_text_add(&d->list, d->n > 1 ? "; " : "");
    dg_text_vprintf(&d->list, format, args);
    va_end(args);
}

static bool allowed(const char *name, int n, const char *const allow[])
{
    for (int i = 0; i < n; i++)
        if (fnmatch(allow[i], name, 0) == 0)
            return true;
    return false;
}

static bool is_real(dg_type t)
{
    return t == DG_F32 || t == DG_F64;
}

/* What the graph has against what the file has. */
static void compare(const dg_graph *g, const dg_checkpoint *c, int n, const char *const allow[],
                    differences *d)
{
    char have[160], want[160];
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info v;
        if (!is_kept(g, (dg_value){id}, &v))
            continue;
        const dg_tensor *t = dg_checkpoint_find(c, v.name);
        if (!t && !allowed(v.name, n, allow))
            differ(d, "'%.60s' is missing", v.name);
        else if (t && !dg_shape_equal(&t->shape, &v.shape))
            differ(d, "'%.60s' is %s, the model has %s", v.name,
                   dg_shape_text(&t->shape, have, sizeof have),
                   dg_shape_text(&v.shape, want, sizeof want));
        else if (t && t->type != v.type && !(is_real(t->type) && is_real(v.type)))
            differ(d, "'%.60s' is %s, the model has %s", v.name, dg_type_name(t->type),
                   dg_type_name(v.type));
    }
    for (int i = 0; i < c->all.n; i++) {
        const char *name = c->all.tensor[i].name;
        dg_value_info v;
        if (name[0] != '@' && !allowed(name, n, allow) && !is_kept(g, dg_value_find(g, name), &v))
            differ(d, "the model has no '%.60s'", name);
    }
}

/* t as the type of the value; *made is to be freed. */
static dg_status convert(const dg_tensor *t, dg_type type, dg_array *made, dg_diag *why)
{
    dg_status status = dg_array_make(made, type, &t->shape, why);
    int64_t n = dg_shape_count(&t->shape);
    for (int64_t i = 0; status == DG_OK && i < n; i++)
        if (type == DG_F64)
            ((double *)made->data)[i] = dg_tensor_number(t, i);
        else
            ((float *)made->data)[i] = (float)dg_tensor_number(t, i);
    if (status == DG_OK && dg_tensor_not_finite(made) >= 0)
        status = dg_diag_set(why, DG_EDATA, "a number of the file does not fit f32");
    return status;
}

/* Sets the values that the file has; the arrays are converted before the first one is set. */
static dg_status set_all(dg_graph *g, const dg_checkpoint *c, dg_array *made, dg_diag *why)
{
    dg_status status = DG_OK;
    for (int round = 0; round < 2; round++)
        for (int id = 1; id <= dg_graph_values(g) && status == DG_OK; id++) {
            dg_value_info v;
            if (!is_kept(g, (dg_value){id}, &v))
                continue;
            const dg_tensor *t = dg_checkpoint_find(c, v.name);
            if (round == 0 && t && t->type != v.type)
                status = convert(t, v.type, &made[id], why);
            else if (round == 1 && t)
                status = dg_graph_set(g, (dg_value){id}, t->type == v.type ? t : &made[id], why);
        }
    return status;
}

dg_status dg_weights_apply(dg_graph *g, const dg_checkpoint *c, int n, const char *const allow[],
                           dg_diag *why)
{
    dg_status status = dg_graph_status(g, why);
    if (status != DG_OK)
        return status;
    differences d = {.list = dg_text_make(NULL)};
    compare(g, c, n, allow, &d);
    if (d.n > 0)
        status = dg_diag_set(why, DG_EDATA, "the weights are not this model's: %s%s", d.list.data,
                             d.n > LISTED ? "; and more" : "");
    dg_text_free(&d.list);
    if (status != DG_OK)
        return status;
    size_t values = (size_t)dg_graph_values(g) + 1;
    dg_array *made = calloc(values, sizeof *made);
    status = made ? set_all(g, c, made, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (size_t i = 0; made && i < values; i++)
        dg_array_free(&made[i]);
    free(made);
    return status;
}

dg_status dg_save(const dg_graph *g, const char *path, dg_diag *why)
{
    if (!g || !path)
        return dg_diag_set(why, DG_EUSAGE, "no graph to save, or no path");
    dg_checkpoint *c = dg_checkpoint_new();
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_checkpoint_add_graph(c, g);
    dg_status status = dg_checkpoint_save(c, path, why);
    dg_checkpoint_free(c);
    return status;
}

dg_status dg_load(dg_graph *g, const char *path, dg_diag *why)
{
    if (!g || !path)
        return dg_diag_set(why, DG_EUSAGE, "no graph to load into, or no path");
    dg_checkpoint *c;
    char shown[DG_PATH_SHOWN];
    dg_status status = dg_checkpoint_load(&c, path, 0, why);
    if (status == DG_OK)
        status = dg_weights_apply(g, c, 0, NULL, why);
    if (status != DG_OK && why && !why->file[0])
        dg_format(why->file, sizeof why->file, "%s", dg_path_shown(path, shown));
    dg_checkpoint_free(c);
    return status;
}
