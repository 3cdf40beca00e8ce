/* A run directory; see rundir.h. What is in a checkpoint: checkpoint.c; in metrics.jsonl: log.c. */
#include "train/rundir.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/file.h"
#include "io/writer.h"
#include "train/checkpoint.h"
#include <dagrad/dagrad.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *dg_run_file(const dg_run_dir *r, const char *name, char *room, size_t size)
{
    if (snprintf(room, size, "%s/%s", r->path, name) >= (int)size)
        *room = 0; /* a name that long cannot be opened anyway */
    return room;
}

int dg_is_run(const char *path)
{
    char file[4096];
    struct stat s;
    snprintf(file, sizeof file, "%s/run.json", path);
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode) && stat(file, &s) == 0;
}

/* The folders on the way to path. */
static dg_status make_parents(const char *path, dg_diag *why)
{
    char *part = strdup(path);
    if (!part)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = DG_OK;
    for (char *p = *part ? part + 1 : part; *p && s == DG_OK; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            s = dg_file_errno(why, part, "make folder", errno);
        *p = '/';
    }
    free(part);
    return s;
}

/* The last one must be new. */
static dg_status make_folder(const char *path, dg_diag *why)
{
    char shown[DG_PATH_SHOWN];
    if (make_parents(path, why) != DG_OK || mkdir(path, 0777) == 0)
        return why->code;
    if (errno != EEXIST)
        return dg_file_errno(why, path, "make folder", errno);
    path = dg_path_shown(path, shown);
    return dg_diag_set(why, DG_EUSAGE,
                       "'%s' is there already; --resume %s goes on with it, --out names another",
                       path, path);
}

static dg_status make_default(dg_run_dir *r, const char *model, dg_diag *why)
{
    char path[1024];
    if (make_parents("runs/", why) != DG_OK)
        return why->code;
    for (int i = 1; i < 1000000; i++) { /* another run may take a number at the same moment */
        snprintf(path, sizeof path, "runs/%s-%d", model, i);
        if (mkdir(path, 0777) == 0) {
            r->path = strdup(path);
            return r->path ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
        }
        if (errno != EEXIST)
            return dg_file_errno(why, path, "make folder", errno);
    }
    return dg_diag_set(why, DG_EFILE, "runs/ is full of runs of %s", model);
}

/* A path as a JSON string; NULL: out of memory. */
static json_t *path_json(const char *path)
{
    char *text = dg_path_encode(path);
    json_t *j = text ? json_string(text) : NULL;
    free(text);
    return j;
}

static json_t *data_files(dg_experiment *e, dg_diag *why)
{
    json_t *list = json_array();
    for (int k = 0; dg_store_file(e->store, k); k++) {
        char hex[65];
        uint64_t size;
        if (dg_store_hash(e->store, k, hex, &size, why) != DG_OK)
            break;
        json_array_append_new(list, json_pack("{s:o, s:s, s:I}", "path",
                                              path_json(dg_store_file(e->store, k)), "sha256", hex,
                                              "bytes", (json_int_t)size));
    }
    return list;
}

static json_t *strings(const char *const *text, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(text[i]));
    return list;
}

/* Folders as absolute paths: a run may be looked at from anywhere. */
static json_t *folders(const char *const *path, int n)
{
    char absolute[4096];
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, path_json(realpath(path[i], absolute) ? absolute : path[i]));
    return list;
}

static void hash_text(const dg_text *text, char hash[DG_SHA256_TEXT])
{
    dg_sha256 s;
    uint8_t bytes[DG_SHA256_BYTES];
    dg_sha256_start(&s);
    dg_sha256_add(&s, text->data, text->length);
    dg_sha256_end(&s, bytes);
    dg_sha256_text(bytes, hash);
}

/* What a resumed run must share with this one. */
static json_t *identity(dg_trainer *t, dg_diag *why)
{
    char hash[DG_SHA256_TEXT];
    dg_experiment *e = t->e;
    dg_text model = dg_text_make(NULL);
    dg_model_write(e->model, &model);
    hash_text(&model, hash);
    dg_text_free(&model);
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:s}", "model", hash, "data", data_files(e, why),
                     "seed", (json_int_t)e->settings.seed, "batch", (json_int_t)t->batch, "steps",
                     (json_int_t)t->steps, "precision",
                     dg_type_name(dg_graph_real(e->model->graph)));
}

static dg_status write_json(const char *path, json_t *j, dg_diag *why)
{
    char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    if (!text)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_file_write(path, text, strlen(text), why);
    free(text);
    return s;
}

static dg_status write_run(dg_run_dir *r, dg_trainer *t, dg_diag *why)
{
    char file[4096], folder[4096];
    dg_experiment *e = t->e;
    dg_program_info info = {.size = sizeof info};
    dg_program_look(t->program, &info);
    dg_text model = dg_text_make(NULL);
    dg_model_write(e->model, &model);
    dg_status s = model.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                               : dg_file_write(dg_run_file(r, "model.dag", file, sizeof file),
                                               model.data, model.length, why);
    dg_text_free(&model);
    if (s != DG_OK)
        return s;
    json_t *id = identity(t, why);
    if (why->code != DG_OK) {
        json_decref(id);
        return why->code;
    }
    const char *place = realpath(e->folder, folder);
    json_t *j =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:i}}", "dagrad", DG_VERSION, "name",
                  path_json(e->model->name), "folder", path_json(place ? place : e->folder), "run",
                  id, "set", strings(e->options.set, e->options.n_set), "dirs",
                  folders(e->options.dirs, e->options.n_dirs), "machine", "instructions", info.isa,
                  "threads", info.threads);
    return write_json(dg_run_file(r, "run.json", file, sizeof file), j, why);
}

static dg_status open_metrics(dg_run_dir *r, dg_diag *why)
{
    char file[4096];
    r->metrics = fopen(dg_run_file(r, "metrics.jsonl", file, sizeof file), "a");
    return r->metrics ? DG_OK
                      : dg_diag_set(why, DG_EFILE, "cannot write %s: %s", file, strerror(errno));
}

dg_status dg_run_create(dg_run_dir *r, const char *out, dg_trainer *t, dg_diag *why)
{
    *r = (dg_run_dir){.path = out ? strdup(out) : NULL};
    if (out && !r->path)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (size_t n = out ? strlen(out) : 0; n > 1 && r->path[n - 1] == '/'; n--)
        r->path[n - 1] = 0;
    dg_status s = out ? make_folder(r->path, why) : make_default(r, t->e->model->name, why);
    r->made = s == DG_OK;
    if (s == DG_OK)
        s = write_run(r, t, why);
    return s == DG_OK ? open_metrics(r, why) : s;
}

/* 1: nothing but model.dag, run.json and an empty metrics.jsonl. */
static int is_bare(const char *path)
{
    char file[4096];
    struct stat s;
    DIR *folder = opendir(path);
    int bare = folder != NULL;
    for (const struct dirent *e; bare && (e = readdir(folder));) {
        int own = strcmp(e->d_name, "model.dag") == 0 || strcmp(e->d_name, "run.json") == 0;
        int metrics = strcmp(e->d_name, "metrics.jsonl") == 0;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bare = own || (metrics && stat(file, &s) == 0 && s.st_size == 0);
    }
    if (folder)
        closedir(folder);
    return bare;
}

void dg_run_discard(dg_run_dir *r)
{
    static const char *const name[] = {"metrics.jsonl", "run.json", "model.dag"};
    char file[4096];
    if (!r->made || !is_bare(r->path))
        return;
    for (int i = 0; i < 3; i++)
        unlink(dg_run_file(r, name[i], file, sizeof file));
    rmdir(r->path);
}

/* A change that one of set names is meant. */
static int is_named(const char *key, int n_set, const char *const set[])
{
    size_t n = strlen(key);
    for (int i = 0; i < n_set; i++)
        if (strncmp(set[i], key, n) == 0 && (set[i][n] == '=' || set[i][n] == '.'))
            return 1;
    return 0;
}

static dg_status compare(json_t *was, json_t *is, const char *path, int n_set,
                         const char *const set[], dg_diag *why)
{
    const char *key;
    json_t *old;
    json_object_foreach(was, key, old)
    {
        json_t *now = json_object_get(is, key);
        if (json_equal(old, now) || is_named(key, n_set, set))
            continue;
        if (strcmp(key, "model") == 0 && n_set > 0)
            continue; /* the options are written into the model; what they change is named */
        if (strcmp(key, "steps") == 0 &&
            (is_named("epochs", n_set, set) || is_named("batch", n_set, set)))
            continue;
        if (strcmp(key, "model") == 0)
            return dg_diag_set(why, DG_EUSAGE,
                               "the model is not the one of the run in '%s', whose text is in %s/"
                               "model.dag",
                               path, path);
        char *a = json_dumps(old, JSON_ENCODE_ANY | JSON_COMPACT);
        char *b = json_dumps(now, JSON_ENCODE_ANY | JSON_COMPACT);
        dg_diag_set(why, DG_EUSAGE,
                    "%s of the run in '%s' was %.160s and is %.160s now; --set %s=... "
                    "says that this is meant",
                    key, path, a ? a : "", b ? b : "", strcmp(key, "steps") == 0 ? "epochs" : key);
        free(a);
        free(b);
        return why->code;
    }
    return DG_OK;
}

static json_t *read_json(const char *file, dg_diag *why)
{
    json_error_t error;
    json_t *j = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    if (!j)
        dg_diag_set(why, DG_EDATA, "%s:%d: %s", file, error.line, error.text);
    return j;
}

static dg_status cut_metrics(dg_run_dir *r, int64_t bytes, dg_diag *why)
{
    char file[4096];
    struct stat s;
    dg_run_file(r, "metrics.jsonl", file, sizeof file);
    if (stat(file, &s) == 0 && s.st_size > bytes && truncate(file, bytes) != 0)
        return dg_diag_set(why, DG_EFILE, "cannot cut %s: %s", file, strerror(errno));
    return open_metrics(r, why);
}

dg_status dg_run_resume(dg_run_dir *r, const char *path, dg_trainer *t, int n_set,
                        const char *const set[], dg_diag *why)
{
    char file[4096];
    int64_t bytes = 0;
    *r = (dg_run_dir){.path = strdup(path)};
    if (!r->path)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    json_t *j = read_json(dg_run_file(r, "run.json", file, sizeof file), why);
    if (!j)
        return why->code;
    json_t *is = identity(t, why);
    if (why->code == DG_OK)
        compare(json_object_get(j, "run"), is, path, n_set, set, why);
    json_decref(is);
    json_decref(j);
    if (why->code != DG_OK)
        return why->code;
    struct stat s;
    dg_run_file(r, "last.safetensors", file, sizeof file);
    if (stat(file, &s) == 0 && dg_checkpoint_restore(t, file, &bytes, why) != DG_OK)
        return why->code;
    return cut_metrics(r, bytes, why); /* no checkpoint yet: from the start */
}

dg_status dg_run_save(dg_run_dir *r, dg_trainer *t, int best, dg_diag *why)
{
    char file[4096];
    if (fflush(r->metrics) != 0 || fsync(fileno(r->metrics)) != 0)
        return dg_diag_set(why, DG_EFILE, "cannot write %s: %s",
                           dg_run_file(r, "metrics.jsonl", file, sizeof file), strerror(errno));
    int64_t bytes = ftell(r->metrics);
    dg_status s = DG_OK;
    if (best)
        s = dg_checkpoint_write(t, dg_run_file(r, "best.safetensors", file, sizeof file), bytes,
                                why);
    if (s == DG_OK)
        s = dg_checkpoint_write(t, dg_run_file(r, "last.safetensors", file, sizeof file), bytes,
                                why);
    return s;
}

void dg_run_close(dg_run_dir *r)
{
    if (r->metrics)
        fclose(r->metrics);
    free(r->path);
    *r = (dg_run_dir){.path = NULL};
}

/* The paths of a JSON list, to be freed. */
static int paths(const json_t *list, const char *to[], int most)
{
    int n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < most; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        to[n] = text ? dg_path_decode(text) : NULL;
        n += to[n] != NULL;
    }
    return n;
}

char *dg_run_weights_file(const char *path, const char *weights, char *room, size_t size)
{
    if (strcmp(weights, "last") != 0 && strcmp(weights, "best") != 0)
        snprintf(room, size, "%s", weights);
    else if (snprintf(room, size, "%s/%s.safetensors", path, weights) >= (int)size)
        *room = 0;
    return room;
}

dg_status dg_run_weights(dg_experiment *e, const char *path, const char *weights, dg_diag *why)
{
    char file[4096];
    return dg_weights_read(e, dg_run_weights_file(path, weights, file, sizeof file), 0, NULL, why);
}

dg_experiment *dg_run_open(const char *path, const char *weights, const dg_experiment_options *o,
                           dg_diag *why)
{
    char file[4096], model[4096];
    const char *dirs[64];
    dg_run_dir r = {.path = (char *)(uintptr_t)path};
    json_t *j = read_json(dg_run_file(&r, "run.json", file, sizeof file), why);
    if (!j)
        return NULL;
    dg_experiment_options all = *o;
    int n = 0;
    for (int i = 0; i < o->n_dirs && n < 32; i++)
        dirs[n++] = o->dirs[i]; /* the caller's come first */
    const int given = n;
    n += paths(json_object_get(j, "dirs"), dirs + n, 63 - n);
    const char *folder = json_string_value(json_object_get(j, "folder"));
    if (folder && (dirs[n] = dg_path_decode(folder)))
        n++; /* the model has moved, its data have not */
    all.dirs = dirs;
    all.n_dirs = n;
    all.path = dg_run_file(&r, "model.dag", model, sizeof model);
    dg_experiment *e = dg_experiment_open(&all);
    json_decref(j);
    for (int i = given; i < n; i++)
        free((char *)(uintptr_t)dirs[i]);
    if (!e)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (!e || dg_experiment_status(e) != DG_OK)
        return e;
    e->options.path = NULL;
    e->options.n_dirs = 0; /* they were the file's */
    if (*weights)
        dg_run_weights(e, path, weights, why);
    return e;
}
