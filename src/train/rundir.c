/* A run directory as train makes and writes it; see rundir.h. What is in a checkpoint:
 * checkpoint.c; in metrics.jsonl: log.c. */
#include "train/rundir.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/file.h"
#include "io/file.h"
#include "io/writer.h"
#include "train/checkpoint.h"
#include "train/json.h"
#include <dagrad/dagrad.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

dg_run_dir dg_run_none(dg_say say)
{
    return (dg_run_dir){.say = say, .lock = -1, .metrics = -1};
}

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* ---- The folder ------------------------------------------------------------------------------ */

/* The path without slashes at its end. */
static dg_status set_path(dg_run_dir *r, const char *path, dg_diag *why)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    r->path = strndup(path, n);
    return r->path ? DG_OK : no_memory(why);
}

/* Makes path; its name is forced to the disk. -1 with errno. */
static int make_one(const char *path)
{
    char parent[PATH_MAX];
    if (dg_calls->mkdir(path, 0777) != 0)
        return -1;
    const char *slash = strrchr(path, '/');
    dg_format(parent, sizeof parent, "%.*s", slash > path ? (int)(slash - path) : 1,
              slash ? path : ".");
    if (dg_sync_folder(parent) == 0)
        return 0;
    int error = errno;
    rmdir(path);
    errno = error;
    return -1;
}

/* Every folder on the way; *there: the last one was there before. */
static dg_status make_folder(const char *path, int *there, dg_diag *why)
{
    char part[PATH_MAX];
    *there = 0;
    if (dg_format(part, sizeof part, "%s", path) >= (int)sizeof part)
        return dg_file_errno(why, path, "make folder", ENAMETOOLONG);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (make_one(part) != 0 && errno != EEXIST)
            return dg_file_errno(why, part, "make folder", errno);
        *p = '/';
    }
    *there = make_one(path) != 0;
    return !*there || errno == EEXIST ? DG_OK : dg_file_errno(why, path, "make folder", errno);
}

/* What making a run writes; a temporary of one of them is ".NAME.tmp". */
static const char *const start_files[] = {"run.json", "model.dag", "last.safetensors",
                                          "metrics.jsonl", "lock"};
enum { START_FILES = sizeof start_files / sizeof start_files[0] };

static int is_start_file(const char *name)
{
    char temporary[64];
    for (int i = 0; i < START_FILES; i++) {
        dg_format(temporary, sizeof temporary, ".%s.tmp", start_files[i]);
        if (strcmp(name, start_files[i]) == 0 || strcmp(name, temporary) == 0)
            return 1;
    }
    return 0;
}

/* 1: nothing but what making a run writes, and nothing trained. *files: how many. */
static int is_bare(const char *path, int *files)
{
    char file[PATH_MAX];
    struct stat s;
    DIR *folder = opendir(path);
    int bare = folder != NULL;
    *files = 0;
    for (const struct dirent *e; bare && (e = readdir(folder));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bare = is_start_file(e->d_name);
        ++*files;
    }
    if (folder)
        closedir(folder);
    dg_run_file(path, "metrics.jsonl", file, sizeof file);
    return bare && (stat(file, &s) != 0 || s.st_size == 0);
}

/* A folder that is there: an empty one is taken, and one that a process began and did not get to be
 * a run, at the latest when it has a lock, is taken over. */
static dg_status take_over(const char *path, dg_diag *why)
{
    char lock[PATH_MAX], shown[DG_PATH_SHOWN];
    dg_run_file(path, "lock", lock, sizeof lock);
    int files;
    if (!dg_is_run(path) && is_bare(path, &files) && (files == 0 || access(lock, F_OK) == 0))
        return DG_OK;
    int run = dg_is_run(path);
    path = dg_path_shown(path, shown);
    if (run)
        return dg_diag_set(
            why, DG_EUSAGE,
            "'%s' is there already; --resume %s goes on with it, --out names another", path, path);
    return dg_diag_set(why, DG_EUSAGE, "'%s' is there already and is no run; --out names another",
                       path);
}

static dg_status make_default(dg_run_dir *r, const char *model, dg_diag *why)
{
    char path[PATH_MAX];
    int there = 1;
    for (int i = 1; there && i < 1000000; i++) {
        dg_format(path, sizeof path, "runs/%s-%d", model, i);
        if (make_folder(path, &there, why) != DG_OK)
            return why->code;
    }
    return there ? dg_diag_set(why, DG_EFILE, "runs/ is full of runs of %s", model)
                 : set_path(r, path, why);
}

static dg_status make_run(dg_run_dir *r, const char *out, const dg_trainer *t, dg_diag *why)
{
    int there = 0;
    dg_status s = out ? set_path(r, out, why) : make_default(r, t->e->model->name, why);
    if (s == DG_OK && out)
        s = make_folder(r->path, &there, why);
    if (s == DG_OK && there)
        s = take_over(r->path, why);
    if (s == DG_OK)
        s = dg_lock_take(r->path, &r->lock, &r->say, why);
    if (s == DG_OK && there) /* another may have made it a run before it was locked */
        s = take_over(r->path, why);
    r->made = s == DG_OK || (!there && r->path);
    r->found = there;
    return s;
}

void dg_run_discard(dg_run_dir *r)
{
    char file[PATH_MAX];
    int files;
    if (!r->made || !r->path || !is_bare(r->path, &files))
        return;
    for (int i = 0; i < START_FILES; i++)
        unlink(dg_run_file(r->path, start_files[i], file, sizeof file));
    if (!r->found)
        rmdir(r->path);
}

/* ---- model.dag, run.json --------------------------------------------------------------------- */

/* Appends a path as text, absolute where it is there; not one that the list has. */
static void add_path(json_t *list, const char *path, dg_diag *why)
{
    char absolute[PATH_MAX];
    char *text = dg_path_encode(realpath(path, absolute) ? absolute : path);
    json_t *item = text ? json_string(text) : NULL;
    size_t i;
    const json_t *other;
    free(text);
    json_array_foreach(list, i, other) if (item && json_equal(other, item))
    {
        json_decref(item);
        return;
    }
    dg_json_append(list, item, why);
}

/* The options of this call, after those that the run had. */
static json_t *options(const json_t *was, const dg_change *c, dg_diag *why)
{
    json_t *list = was ? json_copy(json_object_get(was, "set")) : json_array();
    for (int i = 0; i < c->n_set; i++) {
        char *text = dg_path_encode(c->set[i]);
        dg_json_append(list, text ? json_string(text) : NULL, why);
        free(text);
    }
    return list;
}

/* Where data are looked for: as this call says, then as those before it said. */
static json_t *folders(const dg_run_dir *r, const dg_change *c, dg_diag *why)
{
    json_t *list = json_array();
    for (int i = 0; i < c->n_dirs; i++)
        add_path(list, c->dirs[i], why);
    char *path;
    for (int k = 0; (path = dg_run_place(r, k)); k++) {
        add_path(list, path, why);
        free(path);
    }
    return list;
}

static json_t *folder_of(const dg_run_dir *r, const dg_trainer *t, const dg_change *c)
{
    char absolute[PATH_MAX];
    if (r->was && !c->model)
        return json_incref(json_object_get(r->was, "folder"));
    char *text = dg_path_encode(realpath(t->e->folder, absolute) ? absolute : t->e->folder);
    json_t *j = text ? json_string(text) : NULL;
    free(text);
    return j;
}

static json_t *name_of(const dg_run_dir *r, const dg_trainer *t, const dg_change *c)
{
    if (r->was && !c->model)
        return json_incref(json_object_get(r->was, "name"));
    char *text = dg_path_encode(t->e->model->name);
    json_t *j = text ? json_string(text) : NULL;
    free(text);
    return j;
}

/* run.json; id is taken over. NULL: why says it. */
static json_t *describe(const dg_run_dir *r, const dg_trainer *t, const dg_change *c, json_t *id,
                        dg_diag *why)
{
    dg_program_info info = {.size = sizeof info};
    dg_program_look(t->program, &info);
    json_t *j = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:i}}", "dagrad", DG_VERSION,
                          "name", name_of(r, t, c), "folder", folder_of(r, t, c), "run", id, "set",
                          options(r->was, c, why), "dirs", folders(r, c, why), "machine",
                          "instructions", info.isa, "threads", info.threads);
    if (!j)
        no_memory(why);
    if (why->code == DG_OK)
        return j;
    json_decref(j);
    return NULL;
}

static dg_status write_json(const dg_run_dir *r, const json_t *j, dg_diag *why)
{
    char file[PATH_MAX];
    dg_text text = dg_text_make(NULL);
    dg_run_file(r->path, "run.json", file, sizeof file);
    dg_status s = dg_json_write(j, JSON_INDENT(2), &text)
                      ? dg_file_write(file, text.data, text.length, why)
                      : no_memory(why);
    dg_text_free(&text);
    return s;
}

/* 1: the file has just these bytes. */
static int has_bytes(const char *file, const dg_text *text)
{
    char block[4096];
    size_t at = 0;
    int fd = dg_open(file, O_RDONLY, 0), same = fd >= 0;
    for (ssize_t n = 1; same && n > 0; at += n > 0 ? (size_t)n : 0) {
        n = dg_read_at(fd, block, sizeof block, -1);
        same = n >= 0 && (size_t)n <= text->length - at &&
               memcmp(block, text->data + at, (size_t)n) == 0;
    }
    if (fd >= 0)
        dg_calls->close(fd);
    return same && at == text->length;
}

/* Writes model.dag; *changed: it was not there, or another one. */
static dg_status model_text(const dg_run_dir *r, const dg_trainer *t, dg_text *text, int *changed,
                            dg_diag *why)
{
    char file[PATH_MAX];
    dg_dag_write(t->e->model, text);
    *changed = !has_bytes(dg_run_file(r->path, "model.dag", file, sizeof file), text);
    return text->failed ? no_memory(why) : DG_OK;
}

static dg_status write_model(const dg_run_dir *r, const dg_text *text, dg_diag *why)
{
    char file[PATH_MAX];
    return dg_file_write(dg_run_file(r->path, "model.dag", file, sizeof file), text->data,
                         text->length, why);
}

/* ---- metrics.jsonl --------------------------------------------------------------------------- */

/* Opens it and cuts what is behind the first `bytes`. */
static dg_status open_metrics(dg_run_dir *r, int64_t bytes, dg_diag *why)
{
    char file[PATH_MAX];
    struct stat s;
    dg_run_file(r->path, "metrics.jsonl", file, sizeof file);
    r->metrics = dg_open(file, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (r->metrics < 0 || dg_calls->fstat(r->metrics, &s) != 0)
        return dg_file_errno(why, file, "write", errno);
    r->metrics_bytes = s.st_size < bytes ? s.st_size : bytes;
    if (s.st_size > bytes && dg_calls->ftruncate(r->metrics, bytes) != 0)
        return dg_file_errno(why, file, "cut", errno);
    return DG_OK;
}

/* ---- A new run ------------------------------------------------------------------------------- */

static void set_id(dg_run_dir *r, const json_t *identity)
{
    const char *id = json_string_value(json_object_get(identity, "id"));
    dg_format(r->id, sizeof r->id, "%s", id ? id : "");
}

static dg_status write_start(dg_run_dir *r, dg_trainer *t, dg_diag *why)
{
    const dg_experiment *e = t->e;
    int changed;
    dg_change c = {.set = e->options.set,
                   .n_set = e->options.n_set,
                   .dirs = e->options.dirs,
                   .n_dirs = e->options.n_dirs};
    json_t *id = dg_identity(t, why);
    set_id(r, id);
    json_t *j = id ? describe(r, t, &c, id, why) : NULL;
    dg_text text = dg_text_make(NULL);
    dg_status s = j ? model_text(r, t, &text, &changed, why) : why->code;
    if (s == DG_OK)
        s = write_model(r, &text, why);
    if (s == DG_OK)
        s = open_metrics(r, 0, why);
    if (s == DG_OK)
        s = dg_run_save(r, t, why);
    if (s == DG_OK)
        s = write_json(r, j, why);
    dg_text_free(&text);
    json_decref(j);
    return s;
}

dg_status dg_run_create(dg_run_dir *r, const char *out, dg_trainer *t, dg_diag *why)
{
    dg_status s = make_run(r, out, t, why);
    return s == DG_OK ? write_start(r, t, why) : s;
}

/* ---- A run that is taken up again ------------------------------------------------------------ */

dg_status dg_run_hold(dg_run_dir *r, const char *path, dg_diag *why)
{
    if (set_path(r, path, why) != DG_OK || dg_lock_take(r->path, &r->lock, &r->say, why) != DG_OK)
        return why->code;
    r->was = dg_run_json(r->path, why);
    return why->code;
}

char *dg_run_place(const dg_run_dir *r, int k)
{
    const json_t *dirs = json_object_get(r->was, "dirs");
    size_t n = json_array_size(dirs), i = (size_t)k;
    const json_t *item = i < n    ? json_array_get(dirs, i)
                         : i == n ? json_object_get(r->was, "folder")
                                  : NULL;
    return json_is_string(item) ? dg_path_decode(json_string_value(item)) : NULL;
}

/* What can be done without the checkpoint that a run goes on from. */
static dg_status advise(const dg_run_dir *r, dg_diag *why)
{
    char best[PATH_MAX], reason[300];
    if (why->code != DG_EDATA)
        return why->code;
    int has_best = access(dg_run_weights_file(r->path, "best", best, sizeof best), F_OK) == 0;
    dg_format(reason, sizeof reason, "%s", why->text);
    dg_format(why->text, sizeof why->text,
              "%s; the run cannot go on without the checkpoint that it left, and nothing was "
              "changed; a new run%s: dagrad train MODEL %s%.150s%s--out NEW",
              reason, has_best ? " can start from its best weights" : "",
              has_best ? "--weights " : "", has_best ? best : "", has_best ? " " : "");
    return why->code;
}

/* The best weights that the checkpoint speaks of. Those of a later step were written just before a
 * kill, and will be found again if all goes the same way. */
static dg_status restore_best(dg_run_dir *r, dg_trainer *t, int changed, dg_diag *why)
{
    char file[PATH_MAX], text[700];
    dg_diag lost = {.code = DG_OK};
    dg_progress *p = &t->progress;
    if (!t->validation.program || p->best_step == 0)
        return DG_OK;
    dg_run_weights_file(r->path, "best", file, sizeof file);
    r->best = dg_best_read(file, r->id, p->best_step, &lost);
    if (!r->best && lost.code != DG_EDATA)
        return dg_diag_set(why, lost.code, "%s: %s", file, lost.text);
    uint64_t later = r->best ? 0 : dg_best_step(file, r->id);
    if (r->best || (!changed && later > p->step && !dg_trainer_is_finished(t)))
        return DG_OK;
    dg_format(text, sizeof text, "%.200s: %.300s: the best weights of step %llu are lost", file,
              lost.text, (unsigned long long)p->best_step);
    dg_say_text(&r->say, text);
    p->best = (double)NAN;
    p->best_step = p->best_epoch = 0;
    return DG_OK;
}

/* Another validation part: nothing is the best yet, and patience is whole. */
static void judge_anew(dg_run_dir *r, dg_trainer *t)
{
    char file[PATH_MAX];
    dg_progress *p = &t->progress;
    dg_calls->unlink(dg_run_weights_file(r->path, "best", file, sizeof file));
    p->best = (double)NAN;
    p->best_step = p->best_epoch = 0;
    p->since_best = 0;
}

static dg_status restore(dg_run_dir *r, dg_trainer *t, dg_checkpoint_of *of, dg_diag *why)
{
    char file[PATH_MAX];
    dg_progress *p = &t->progress;
    dg_run_weights_file(r->path, "last", file, sizeof file);
    if (dg_checkpoint_restore(t, file, r->id, of, why) != DG_OK)
        return advise(r, why);
    if (p->ended && !dg_trainer_is_finished(t) && p->ended != t->steps)
        p->since_best = 0; /* longer now: it has all its patience again */
    if (!dg_trainer_is_finished(t))
        p->ended = 0;
    if (t->steps < p->step) { /* nothing is left to do: the run stays as long as it was */
        t->steps =
            (uint64_t)json_integer_value(json_object_get(json_object_get(r->was, "run"), "steps"));
        if (!dg_trainer_is_finished(t))
            t->steps = p->step;
    }
    return DG_OK;
}

/* model.dag and run.json say what is trained from now on. While both are written run.json says
 * either, so that a kill between them leaves a run that can be taken up as it was or as it is. */
static dg_status begin(dg_run_dir *r, dg_trainer *t, const dg_change *c, json_t *is, dg_diag *why)
{
    int changed = 0;
    json_t *now = describe(r, t, c, json_incref(is), why);
    dg_text text = dg_text_make(NULL);
    dg_status s = now ? model_text(r, t, &text, &changed, why) : why->code;
    if (s == DG_OK && changed) {
        dg_json_set(r->was, "next", json_incref(is), why);
        s = why->code;
        if (s == DG_OK)
            s = write_json(r, r->was, why);
        if (s == DG_OK)
            s = write_model(r, &text, why);
        if (s == DG_OK)
            s = write_json(r, now, why);
    } else if (s == DG_OK && !json_equal(r->was, now)) {
        s = write_json(r, now, why);
    }
    dg_text_free(&text);
    json_decref(now);
    return s;
}

dg_status dg_run_resume(dg_run_dir *r, dg_trainer *t, const dg_change *c, dg_diag *why)
{
    dg_checkpoint_of of = {.metrics_bytes = 0};
    const json_t *was = json_object_get(r->was, "run"), *next = json_object_get(r->was, "next");
    dg_diag other = {.code = DG_OK};
    set_id(r, was);
    json_t *is = dg_identity(t, why);
    if (!is)
        return why->code;
    if (dg_identity_compare(was, is, r->path, t->e, c, why) == DG_EUSAGE && next &&
        dg_identity_compare(next, is, r->path, t->e, c, &other) == DG_OK)
        *why = other;
    if (json_object_get(was, "id"))
        dg_json_set(is, "id", json_incref(json_object_get(was, "id")), why);
    dg_status s = why->code;
    if (s == DG_OK)
        s = restore(r, t, &of, why);
    int anew = dg_identity_judges_anew(was, is) && !dg_trainer_is_finished(t);
    if (s == DG_OK && !anew)
        s = restore_best(r, t, !json_equal(was, is), why);
    if (s == DG_OK && !dg_trainer_is_finished(t))
        s = begin(r, t, c, is, why);
    if (s == DG_OK && anew)
        judge_anew(r, t);
    if (s == DG_OK && !dg_trainer_is_finished(t))
        s = open_metrics(r, of.metrics_bytes, why);
    if (s == DG_OK && anew)
        s = dg_run_save(r, t, why);
    json_decref(is);
    r->saved = dg_seconds();
    return s;
}

/* ---- Saving ---------------------------------------------------------------------------------- */

dg_status dg_run_keep_best(dg_run_dir *r, const dg_trainer *t, dg_diag *why)
{
    dg_checkpoint *c = dg_best_take(t, r->id, why);
    if (!c)
        return why->code;
    dg_checkpoint_free(r->best);
    r->best = c;
    r->best_is_new = 1;
    return DG_OK;
}

dg_status dg_run_save(dg_run_dir *r, dg_trainer *t, dg_diag *why)
{
    char file[PATH_MAX];
    dg_checkpoint_of of = {.metrics_bytes = r->metrics_bytes};
    dg_format(of.run, sizeof of.run, "%s", r->id);
    if (r->metrics >= 0 && dg_sync(r->metrics) != 0)
        return dg_file_errno(why, dg_run_file(r->path, "metrics.jsonl", file, sizeof file), "flush",
                             errno);
    dg_status s = DG_OK;
    if (r->best && r->best_is_new)
        s = dg_checkpoint_save(r->best, dg_run_weights_file(r->path, "best", file, sizeof file),
                               why);
    if (s == DG_OK)
        r->best_is_new = 0;
    if (s == DG_OK)
        s = dg_checkpoint_write(t, dg_run_weights_file(r->path, "last", file, sizeof file), &of,
                                why);
    r->saved = dg_seconds();
    return s;
}

void dg_run_close(dg_run_dir *r)
{
    if (r->metrics >= 0)
        dg_calls->close(r->metrics);
    dg_lock_drop(r->lock);
    dg_checkpoint_free(r->best);
    json_decref(r->was);
    free(r->path);
    *r = dg_run_none(r->say);
}
