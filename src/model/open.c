/* A model opened: its options copied, its text, its weights; what went wrong. */
#include "base/text.h"
#include "io/file.h"
#include "model/handle.h"
#include "train/checkpoint.h"
#include "train/legend.h"
#include "train/rundir.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FREE_SIZE = 16, MOST_PLACES = 64 };

/* ---- Options --------------------------------------------------------------------------------- */

static const char *copy(dg_model *m, const char *text)
{
    const char *c = text ? dg_arena_copy_string(&m->arena, text) : NULL;
    if (text && !c)
        dg_diag_set(&m->why, DG_EMEMORY, "out of memory");
    return c;
}

static const char *const *copy_all(dg_model *m, int n, const char *const text[])
{
    const char **c = dg_arena_array(&m->arena, (size_t)n + 1, sizeof *c);
    if (!c)
        dg_diag_set(&m->why, DG_EMEMORY, "out of memory");
    for (int i = 0; c && i < n; i++)
        c[i] = copy(m, text[i]);
    return c;
}

static void copy_sizes(dg_model *m, const dg_model_options *o)
{
    dg_dimension *c = dg_arena_array(&m->arena, (size_t)o->n_sizes + 1, sizeof *c);
    if (!c)
        dg_diag_set(&m->why, DG_EMEMORY, "out of memory");
    for (int i = 0; c && i < o->n_sizes; i++)
        c[i] = (dg_dimension){copy(m, o->sizes[i].name), o->sizes[i].size};
    m->options.sizes = c;
    m->options.n_sizes = c ? o->n_sizes : 0;
}

static void copy_types(dg_model *m, const dg_model_options *o)
{
    const dg_node_type **c = dg_arena_array(&m->arena, (size_t)o->n_types + 1, sizeof *c);
    if (!c)
        dg_diag_set(&m->why, DG_EMEMORY, "out of memory");
    for (int i = 0; c && i < o->n_types; i++)
        c[i] = o->types[i];
    m->options.types = c;
    m->options.n_types = c ? o->n_types : 0;
}

static void take_options(dg_model *m, const char *path, const char *text, const dg_model_options *o)
{
    m->options = (dg_experiment_options){.path = copy(m, path),
                                         .text = copy(m, text),
                                         .set = copy_all(m, o->n_set, o->set),
                                         .n_set = o->n_set,
                                         .dirs = copy_all(m, o->n_dirs, o->dirs),
                                         .n_dirs = o->n_dirs,
                                         .without_data = !o->data && !o->resume,
                                         .size = o->data || o->resume ? 0 : FREE_SIZE,
                                         .as = {.layout = copy(m, o->layout),
                                                .map = copy_all(m, o->n_map, o->map),
                                                .n_map = o->n_map},
                                         .say = o->log,
                                         .user = o->user};
    copy_sizes(m, o);
    copy_types(m, o);
    m->n_dirs = o->n_dirs;
    m->resume = copy(m, o->resume);
    m->weights = m->resume ? "" : copy(m, o->weights);
    m->dir = dg_run_none((dg_say){o->log, o->user});
}

/* ---- Weights --------------------------------------------------------------------------------- */

static bool is_weight(const char *name)
{
    return name[0] != '@';
}

static bool is_moment(const char *name)
{
    return strncmp(name, "@moment.", 8) == 0;
}

static bool has_open_sizes(const dg_model *m)
{
    bool open = false;
    for (int i = 0; i < m->e->model->n_ports; i++) {
        const dg_port *port = &m->e->model->ports[i];
        for (int k = 0; k < port->shape.rank; k++) {
            bool known = !port->free[k];
            for (int j = 0; j < m->options.n_sizes && !known; j++)
                known = strcmp(m->options.sizes[j].name, port->free[k]) == 0;
            open |= !known;
        }
    }
    return open && m->options.without_data;
}

/* The file of the weights; NULL: the model's initialisers make them. */
static const char *weights_file(dg_model *m, char *room, size_t size)
{
    if (m->run && (!m->weights || *m->weights))
        return dg_run_choose(m->e, m->options.path, m->weights, room, size);
    return m->weights && *m->weights ? m->weights : NULL;
}

/* Those of a file; where sizes are open they may fit others than were taken. */
static dg_status read_weights(dg_model *m, const char *file)
{
    char shown[DG_PATH_SHOWN];
    dg_status s = dg_checkpoint_load(&m->c, file, 0, &m->why);
    if (s != DG_OK)
        return s;
    dg_checkpoint_drop(m->c, is_moment);
    const bool open = has_open_sizes(m);
    s = dg_weights_take(m->e, m->c, 0, NULL, open ? &m->unfit : &m->why);
    if (!open)
        dg_checkpoint_drop(m->c, is_weight);
    if (open && s == DG_EDATA)
        return dg_legends_read(m->e, dg_checkpoint_recall, m->c, &m->why);
    if (m->why.code != DG_OK && !m->why.file[0])
        dg_format(m->why.file, sizeof m->why.file, "%s", dg_path_shown(file, shown));
    return m->why.code;
}

static dg_status take_weights(dg_model *m)
{
    char room[PATH_MAX];
    const char *file = weights_file(m, room, sizeof room);
    if (file)
        return read_weights(m, file);
    if (dg_graph_init(m->e->model->graph, m->e->settings.seed) != DG_OK)
        return dg_graph_status(m->e->model->graph, &m->why);
    return m->options.without_data ? DG_OK : dg_model_learn(m, &m->why);
}

dg_status dg_model_learn(dg_model *m, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_columns_store(c, m->e);
    dg_checkpoint_free(m->c);
    m->c = c;
    dg_status s = dg_checkpoint_status(c, why);
    return s == DG_OK ? dg_legends_read(m->e, dg_checkpoint_recall, c, why) : s;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static dg_experiment *open_experiment(const dg_model *m, const dg_experiment_options *o,
                                      dg_diag *why)
{
    dg_experiment *e =
        m->run ? dg_run_open(o->path, "", o, why) : dg_experiment_open(o); /* weights: later */
    if (!e)
        dg_diag_set(why, DG_EMEMORY, "out of memory"); /* unless it is known better */
    return e;
}

/* Takes the lock of the run that is to go on; another model finds its data where the run did. */
static dg_status hold_run(dg_model *m)
{
    int n = m->n_dirs;
    char *place;
    if (dg_run_hold(&m->dir, m->resume, &m->why) != DG_OK || m->run)
        return m->why.code;
    const char **all = dg_arena_array(&m->arena, (size_t)n + MOST_PLACES, sizeof *all);
    if (!all)
        return dg_diag_set(&m->why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        all[i] = m->options.dirs[i];
    for (int k = 0; k < MOST_PLACES && (place = dg_run_place(&m->dir, k)); k++) {
        all[n++] = copy(m, place);
        free(place);
    }
    m->options.dirs = all;
    m->options.n_dirs = n;
    return m->why.code;
}

static void open_file(dg_model *m)
{
    struct stat s;
    char shown[DG_PATH_SHOWN];
    const char *path = m->options.path;
    m->run = !m->options.text && dg_is_run(path);
    if (!m->run && !m->options.text && stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        dg_diag_set(&m->why, DG_EUSAGE, "'%s' is no run directory: it has no run.json",
                    dg_path_shown(path, shown));
        return;
    }
    if (m->resume && hold_run(m) != DG_OK)
        return;
    m->e = open_experiment(m, &m->options, &m->why);
    if (dg_model_status(m, NULL) == DG_OK && take_weights(m) == DG_OK)
        dg_model_lists(m, &m->why);
}

static dg_model *open_model(const char *path, const char *text, const dg_model_options *given)
{
    dg_model_options o = {.size = sizeof o};
    dg_model *m = calloc(1, sizeof *m);
    if (!m || pthread_mutex_init(&m->compiling, NULL) != 0) {
        free(m);
        return NULL;
    }
    m->arena = dg_arena_make(NULL);
    m->dir = dg_run_none((dg_say){.to = NULL});
    if (given)
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    if (path)
        take_options(m, path, text, &o);
    else
        dg_diag_set(&m->why, DG_EUSAGE, "a model has no name");
    if (m->why.code == DG_OK)
        open_file(m);
    return m;
}

dg_model *dg_model_open(const char *path, const dg_model_options *o)
{
    return open_model(path, NULL, o);
}

dg_model *dg_model_parse(const char *name, const char *text, const dg_model_options *o)
{
    return open_model(name, text ? text : "", o);
}

void dg_model_free(dg_model *m)
{
    if (!m)
        return;
    dg_predictor_free(m->own);
    dg_experiment_free(m->e);
    dg_checkpoint_free(m->c);
    dg_run_close(&m->dir);
    free(m->trained);
    free(m->needed);
    dg_arena_free(&m->arena);
    pthread_mutex_destroy(&m->compiling);
    free(m);
}

/* Weights that no file has are those of m: they do not depend on sizes. */
static dg_status copy_weights(const dg_model *m, dg_experiment *e, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_checkpoint_add_graph(c, m->e->model->graph);
    dg_status s = dg_checkpoint_status(c, why);
    if (s == DG_OK)
        s = dg_weights_apply(e->model->graph, c, 0, NULL, why);
    dg_checkpoint_free(c);
    return s;
}

dg_experiment *dg_model_sized(dg_model *m, const dg_dimension sizes[], int n, dg_diag *why)
{
    dg_experiment_options o = m->options;
    o.sizes = sizes;
    o.n_sizes = n;
    o.without_data = 1;
    o.size = FREE_SIZE;
    o.say = NULL; /* it was said */
    dg_experiment *e = open_experiment(m, &o, why);
    if (e && dg_experiment_status(e) != DG_OK)
        dg_diags_first(&e->model->diags, why);
    if (why->code == DG_OK && m->c)
        dg_weights_take(e, m->c, 0, NULL, why);
    else if (why->code == DG_OK)
        copy_weights(m, e, why);
    if (why->code == DG_OK)
        return e;
    dg_experiment_free(e);
    return NULL;
}

/* ---- What is wrong --------------------------------------------------------------------------- */

static const dg_diags *diags_of(const dg_model *m)
{
    return m->e ? &m->e->model->diags : NULL;
}

int dg_model_is_misread(const dg_model *m)
{
    return m && diags_of(m) && diags_of(m)->n > 0;
}

dg_status dg_model_status(const dg_model *m, dg_diag *first)
{
    const dg_diags *d = m ? diags_of(m) : NULL;
    if (!m)
        return dg_diag_set(first, DG_EMEMORY, "out of memory");
    if (d && dg_diags_status(d) != DG_OK)
        return dg_diags_first(d, first);
    if (first && m->why.code != DG_OK)
        *first = m->why;
    return m->why.code;
}

dg_status dg_model_diag(const dg_model *m, int k, dg_diag *diag)
{
    const dg_diags *d = m ? diags_of(m) : NULL;
    int n = d ? d->n : 0;
    *diag = (dg_diag){.code = DG_OK};
    if (k >= 0 && k < n)
        dg_diags_look(d, k, diag);
    else if (m && n == 0 && k == 0)
        dg_model_status(m, diag);
    return diag->code == DG_OK ? DG_EUSAGE : DG_OK;
}

/* "FILE:3: w: text" of a failure that has no line of the model. */
static void failure_text(const dg_diag *why, dg_text *out)
{
    if (why->file[0] && why->line > 0)
        dg_text_printf(out, "%s:%d: ", why->file, why->line);
    else if (why->file[0])
        dg_text_printf(out, "%s: ", why->file);
    dg_text_printf(out, "%s%s%s\n", why->node, why->node[0] ? ": " : "", why->text);
}

void dg_model_print(const dg_model *m, int color, void (*line)(void *user, const char *text),
                    void *user)
{
    dg_diag why = {.code = DG_OK};
    dg_text text = dg_text_make(NULL);
    if (dg_model_status(m, &why) == DG_OK)
        return;
    if (m && diags_of(m))
        dg_diags_text(diags_of(m), &text, color != 0);
    if (text.length == 0)
        failure_text(&why, &text);
    for (char *at = text.data, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        line(user, at);
    }
    dg_text_free(&text);
}

dg_graph *dg_model_graph(dg_model *m)
{
    return dg_model_status(m, NULL) == DG_OK ? m->e->model->graph : NULL;
}

dg_status dg_model_weights(const dg_model *m, char hash[17], const char **which, int64_t *step)
{
    dg_status s = dg_model_status(m, NULL);
    if (s != DG_OK)
        return s;
    if (which)
        *which = m->e->weights.which;
    if (step)
        *step = m->e->weights.step;
    return hash ? dg_graph_hash(m->e->model->graph, hash) : DG_OK;
}
