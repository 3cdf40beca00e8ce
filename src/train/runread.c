/* A run directory as eval, predict and show read it; see rundir.h. */
#include "base/text.h"
#include "io/file.h"
#include "train/checkpoint.h"
#include "train/json.h"
#include "train/rundir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PLACES = 64 };

char *dg_run_file(const char *run, const char *name, char *room, size_t size)
{
    if (dg_format(room, size, "%s/%s", run, name) >= (int)size)
        *room = 0; /* a name that long cannot be opened anyway */
    return room;
}

int dg_is_run(const char *path)
{
    char file[PATH_MAX];
    struct stat s;
    dg_run_file(path, "run.json", file, sizeof file);
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode) && stat(file, &s) == 0;
}

static dg_status read_all(const char *file, dg_text *text, dg_diag *why)
{
    char block[4096];
    int fd = dg_open(file, O_RDONLY, 0);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0) {
        n = dg_read_at(fd, block, sizeof block, -1);
        dg_text_add_bytes(text, block, n > 0 ? (size_t)n : 0);
    }
    int error = errno;
    if (fd >= 0)
        dg_calls->close(fd);
    return n < 0          ? dg_file_errno(why, file, "read", error)
           : text->failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                          : DG_OK;
}

json_t *dg_run_json(const char *path, dg_diag *why)
{
    char file[PATH_MAX];
    json_error_t e;
    bool starved = false;
    dg_text text = dg_text_make(NULL);
    dg_run_file(path, "run.json", file, sizeof file);
    dg_status s = read_all(file, &text, why);
    json_t *j = s == DG_OK ? dg_json_read(text.data, text.length, &e, &starved) : NULL;
    if (s == DG_OK && starved)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    else if (s == DG_OK && !j)
        dg_file_fail(why, DG_EDATA, file, e.line, e.column, "%s", e.text);
    else if (j && !json_is_object(json_object_get(j, "run"))) {
        dg_file_fail(why, DG_EDATA, file, 0, 0, "it describes no run of dagrad");
        json_decref(j);
        j = NULL;
    }
    dg_text_free(&text);
    return j;
}

char *dg_run_weights_file(const char *path, const char *weights, char *room, size_t size)
{
    char name[32];
    if (strcmp(weights, "last") != 0 && strcmp(weights, "best") != 0)
        dg_format(room, size, "%s", weights);
    else {
        dg_format(name, sizeof name, "%s.safetensors", weights);
        dg_run_file(path, name, room, size);
    }
    return room;
}

static int has_validation(const dg_experiment *e)
{
    for (int i = 0; i < e->model->n_blocks; i++)
        if (e->model->blocks[i].data == DG_DATA_VALIDATION)
            return 1;
    return e->settings.split > 0;
}

const char *dg_run_known_by(const dg_experiment *e, const char *path, const char *weights)
{
    char file[PATH_MAX];
    if (weights && strcmp(weights, "best") != 0)
        return weights;
    if (!has_validation(e))
        return "last";
    dg_run_weights_file(path, "best", file, sizeof file);
    return weights || access(file, F_OK) == 0 ? "best" : "last";
}

char *dg_run_choose(dg_experiment *e, const char *path, const char *weights, char *room,
                    size_t size)
{
    int best = weights && strcmp(weights, "best") == 0;
    weights = dg_run_known_by(e, path, weights);
    if (best && strcmp(weights, "last") == 0 && e->options.say)
        e->options.say(e->options.user,
                       "the run has no validation part: its last weights are taken");
    e->weights.which = strcmp(weights, "best") == 0   ? "best"
                       : strcmp(weights, "last") == 0 ? "last"
                                                      : NULL;
    return dg_run_weights_file(path, weights, room, size);
}

dg_status dg_run_weights(dg_experiment *e, const char *path, const char *weights, dg_diag *why)
{
    char file[PATH_MAX];
    dg_run_choose(e, path, weights, file, sizeof file);
    return dg_weights_read(e, file, 0, NULL, why);
}

/* The folders of run.json, decoded: the caller's come first, the model's own last, since a model
 * that has moved may have left its data. Their number is returned; from *own on they are to be
 * freed. */
static int find_places(const json_t *j, const dg_experiment_options *o, const char *place[],
                       int *own, dg_diag *why)
{
    int n = 0;
    for (int i = 0; i < o->n_dirs && n < MOST_PLACES / 2; i++)
        place[n++] = o->dirs[i];
    *own = n;
    const json_t *dirs = json_object_get(j, "dirs");
    for (size_t i = 0; i <= json_array_size(dirs) && n < MOST_PLACES; i++) {
        const json_t *item =
            i < json_array_size(dirs) ? json_array_get(dirs, i) : json_object_get(j, "folder");
        char *path = json_is_string(item) ? dg_path_decode(json_string_value(item)) : NULL;
        if (path)
            place[n++] = path;
        else if (json_is_string(item))
            dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    return n;
}

/* Another network or other data than those of the training are no failure, but their figures are
 * others. */
static void tell_changes(const dg_experiment *e, const json_t *run, const char *path, dg_diag *why)
{
    const dg_status s = dg_identity_same(run, e, path, why);
    if (s != DG_EDATA && s != DG_EUSAGE)
        return;
    if (e->options.say)
        e->options.say(e->options.user, why->text);
    *why = (dg_diag){.code = DG_OK};
}

static const char *run_id(const json_t *j)
{
    return json_string_value(json_object_get(json_object_get(j, "run"), "id"));
}

/* Weights of another run are no failure where they fit, but nobody takes them unawares. */
static void tell_strangers(const dg_experiment *e, const char *id, const char *file)
{
    char text[PATH_MAX + 128], shown[DG_PATH_SHOWN];
    if (!e->options.say || !id || !*e->weights.run || strncmp(e->weights.run, id, 16) == 0)
        return;
    dg_format(text, sizeof text, "%s holds the weights of another run (%s, not %.16s)",
              dg_path_shown(file, shown), e->weights.run, id);
    e->options.say(e->options.user, text);
}

dg_experiment *dg_run_open(const char *path, const char *weights, const dg_experiment_options *o,
                           dg_diag *why)
{
    char model[PATH_MAX];
    const char *place[MOST_PLACES];
    int own = 0;
    json_t *j = dg_run_json(path, why);
    if (!j)
        return NULL;
    dg_experiment_options all = *o;
    all.dirs = place;
    all.n_dirs = find_places(j, o, place, &own, why);
    all.path = dg_run_file(path, "model.dag", model, sizeof model);
    dg_experiment *e = why->code == DG_OK ? dg_experiment_open(&all) : NULL;
    if (e && dg_experiment_status(e) == DG_OK && !o->without_data)
        tell_changes(e, json_object_get(j, json_object_get(j, "next") ? "next" : "run"), path, why);
    for (int i = own; i < all.n_dirs; i++)
        free((char *)(uintptr_t)place[i]);
    if (!e)
        dg_diag_set(why, DG_EMEMORY, "out of memory"); /* unless it is known better */
    if (e && dg_experiment_status(e) == DG_OK) {
        e->options.path = NULL;
        e->options.n_dirs = 0; /* they were the file's */
        if ((!weights || *weights) && dg_run_weights(e, path, weights, why) == DG_OK && weights)
            tell_strangers(e, run_id(j), weights);
    }
    json_decref(j);
    return e;
}
