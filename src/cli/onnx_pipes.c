/* Pipes of a run as stages around its network: raw rows go in, and results come out in the units of
 * their targets. What learns from the data has learnt it in training and lies in the weights. */
#include "cli/onnx.h"

#include "io/lexicon.h"
#include "io/weights.h"
#include "model/handle.h"
#include "train/rundir.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAGES_OF_ONE = 3 }; /* that a transform may become */

typedef struct {
    dg_pipes *to;
    const dg_experiment *e;
    const dg_checkpoint *learnt;
    const dg_port *port;
    int standardized, filled; /* transforms of this pipe so far that have statistics */
    int n;
    dg_onnx_stage *stage;
    dg_diag *why;
} making;

/* ---- Stages ---------------------------------------------------------------------------------- */

/* Room for n numbers; NULL: told. */
static double *numbers(making *m, int64_t n)
{
    double *x = dg_arena_array(&m->to->arena, (size_t)n, sizeof *x);
    if (!x)
        dg_diag_set(m->why, DG_EMEMORY, "out of memory");
    return x;
}

static void add(making *m, dg_stage_kind kind, int64_t n, const double *x)
{
    m->stage[m->n++] = (dg_onnx_stage){.kind = kind, .n = n, .x = x};
}

/* x + b or x b, unless that is x. */
static void add_number(making *m, dg_stage_kind kind, double value)
{
    double *x = value == (kind == DG_STAGE_MUL ? 1 : 0) ? NULL : numbers(m, 1);
    if (!x)
        return;
    *x = value;
    add(m, kind, 1, x);
}

/* The statistics of the next standardize or fill; NULL: told. */
static const double *statistics(making *m, const char *what, int ordinal, int rows, int64_t *n)
{
    char name[400];
    dg_format(name, sizeof name, "@data.%s.%s%d", m->port->name, what, ordinal);
    const dg_tensor *t = dg_checkpoint_find(m->learnt, name);
    if (t && t->type == DG_F64 && t->shape.rank == 2 && t->shape.dim[0] == rows) {
        *n = t->shape.dim[1];
        return t->data;
    }
    dg_diag_set(m->why, DG_EDATA, "the weights of the run do not have %s", name);
    return NULL;
}

/* (x - mean) / deviation. The file has f32: a mean that is far from 0 is taken away by its two
 * parts, the small one behind the quotient, where it is large enough to be seen. */
static void standardize(making *m)
{
    int64_t n = 0;
    const double *mean = statistics(m, "", m->standardized++, 2, &n);
    double *high = mean ? numbers(m, n) : NULL, *factor = high ? numbers(m, n) : NULL;
    double *low = factor ? numbers(m, n) : NULL, most = 0;
    if (!low)
        return;
    for (int64_t i = 0; i < n; i++) {
        double deviation = mean[n + i];
        high[i] = -(double)(float)mean[i];
        factor[i] = deviation > 0 ? 1 / deviation : 0;
        low[i] = -(mean[i] + high[i]) * factor[i];
        most = fmax(most, fabs(low[i]));
    }
    add(m, DG_STAGE_ADD, n, high);
    add(m, DG_STAGE_MUL, n, factor);
    if (most > 1e-7)
        add(m, DG_STAGE_ADD, n, low);
}

static void undo_standardize(making *m, int ordinal)
{
    int64_t n = 0;
    const double *mean = statistics(m, "", ordinal, 2, &n);
    double *shift = mean ? numbers(m, n) : NULL, *factor = shift ? numbers(m, n) : NULL;
    if (!factor)
        return;
    memcpy(shift, mean, (size_t)n * sizeof *shift);
    memcpy(factor, mean + n, (size_t)n * sizeof *factor);
    add(m, DG_STAGE_MUL, n, factor);
    add(m, DG_STAGE_ADD, n, shift);
}

/* Words were filled where the table was read. */
static void fill(making *m, const dg_clause *t)
{
    int64_t n = 1;
    const dg_attr_value *with = &t->attrs.v[0];
    if (with->text)
        return;
    const double *of = with->word >= 0 ? statistics(m, "fill.", m->filled++, 1, &n) : with->number;
    double *x = of ? numbers(m, n) : NULL;
    if (!x)
        return;
    memcpy(x, of, (size_t)n * sizeof *x);
    add(m, DG_STAGE_FILL, n, x);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static const char *note(const making *m, const char *what, int k)
{
    char key[400];
    dg_format(key, sizeof key, "data.%s.%s.%d", m->port->name, what, k);
    return dg_checkpoint_text(m->learnt, key);
}

/* Number of the words of column k; 0: it has none. They are told. */
static int words_of(const making *m, int k)
{
    char **word = NULL;
    int n = 0;
    const char *text = note(m, "words", k);
    if (!text || dg_texts_read(text, &n, &word) != DG_OK)
        return 0;
    fprintf(stderr, "dagrad convert: '%s', column %d, takes ids:", m->port->name, k + 1);
    for (int i = 0; i < n; i++)
        fprintf(stderr, " %d %s%s", i, word[i], i < n - 1 ? "," : "\n");
    dg_texts_free(n, word);
    return n;
}

/* A label becomes a vector; columns of words become one together. */
static void onehot(making *m, const dg_clause *t)
{
    const dg_shape *s = &m->port->shape;
    int n = 0;
    while (!t->attrs.v[0].count && note(m, "words", n))
        n++;
    double *sizes = n ? numbers(m, n) : NULL;
    for (int k = 0; sizes && k < n; k++)
        sizes[k] = words_of(m, k);
    if (sizes)
        add(m, DG_STAGE_WORDS, n, sizes);
    else if (!n)
        add(m, DG_STAGE_ONEHOT, s->dim[s->rank - 1], NULL);
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

static const dg_pipe *pipe_of(const making *m)
{
    const int port = (int)(m->port - m->e->model->ports);
    const dg_binding *b = dg_binding_of(m->e->model, port);
    return b ? dg_binding_pipe(b, port) : NULL;
}

/* Room for the stages of a pipe. */
static bool begin(making *m, const dg_port *port)
{
    m->port = port;
    m->n = m->standardized = m->filled = 0;
    const dg_pipe *p = pipe_of(m);
    m->stage =
        dg_arena_array(&m->to->arena, STAGES_OF_ONE * (size_t)(p ? p->n : 0) + 1, sizeof *m->stage);
    if (!m->stage)
        dg_diag_set(m->why, DG_EMEMORY, "out of memory");
    return m->stage != NULL;
}

static void end(making *m, const char *name)
{
    m->to->pipe[m->to->n++] = (dg_onnx_pipe){name, m->n, m->stage};
}

/* A transform at the door; those of training alone, and what the source does, are nothing here. */
static void add_transform(making *m, const dg_clause *t)
{
    if (strcmp(t->name, "scale") == 0) {
        add_number(m, DG_STAGE_MUL, dg_attr_real(&t->attrs, 0));
        add_number(m, DG_STAGE_ADD, dg_attr_real(&t->attrs, 1));
    } else if (strcmp(t->name, "standardize") == 0) {
        standardize(m);
    } else if (strcmp(t->name, "fill") == 0) {
        fill(m, t);
    } else if (strcmp(t->name, "isgap") == 0) {
        add(m, DG_STAGE_GAP, 1, NULL);
    } else if (strcmp(t->name, "onehot") == 0) {
        onehot(m, t);
    } else if (strcmp(t->name, "classes") == 0) {
        for (int k = 0; words_of(m, k); k++)
            ;
    } else if (strcmp(t->name, "crop") == 0 || strcmp(t->name, "crop_random") == 0) {
        m->stage[m->n++] = (dg_onnx_stage){.kind = DG_STAGE_CROP,
                                           .n = dg_attr_int(&t->attrs, 0),
                                           .columns = dg_attr_int(&t->attrs, 1)};
    }
}

static void add_input(making *m, const dg_port *port)
{
    if (!begin(m, port))
        return;
    const dg_pipe *p = pipe_of(m);
    for (int i = 0; p && i < p->n && m->why->code == DG_OK; i++)
        add_transform(m, &p->transforms[i]);
    for (int i = 0; i < m->n && port->type == DG_I32; i++)
        if (m->stage[i].kind != DG_STAGE_CROP)
            dg_diag_set(m->why, DG_EMODEL,
                        "'%s' takes whole numbers, which transforms make of others: "
                        "--with-transforms has no form for that",
                        port->name);
    end(m, port->name);
}

static int count(const dg_pipe *p, int n, const char *name)
{
    int k = 0;
    for (int i = 0; i < n; i++)
        k += strcmp(p->transforms[i].name, name) == 0;
    return k;
}

/* An estimate as predict gives it: from the first standardize of its target on all is undone. */
static void add_output(making *m, const char *output, const dg_port *target)
{
    if (!begin(m, target))
        return;
    const dg_pipe *p = pipe_of(m);
    const int n = p ? p->n : 0;
    int first = 0;
    while (first < n && strcmp(p->transforms[first].name, "standardize") != 0)
        first++;
    for (int i = n - 1; i >= first && m->why->code == DG_OK; i--) {
        const dg_clause *t = &p->transforms[i];
        if (strcmp(t->name, "standardize") == 0) {
            undo_standardize(m, count(p, i, "standardize"));
        } else if (strcmp(t->name, "scale") == 0) {
            add_number(m, DG_STAGE_ADD, -dg_attr_real(&t->attrs, 1));
            add_number(m, DG_STAGE_MUL, 1 / dg_attr_real(&t->attrs, 0));
        }
    }
    end(m, output);
}

static const dg_port *port_of(const dg_dag *m, dg_value v)
{
    for (int i = 0; i < m->n_ports; i++)
        if (m->ports[i].value.id == v.id)
            return &m->ports[i];
    return NULL;
}

static dg_status add_all(making *m)
{
    const dg_dag *d = m->e->model;
    uint8_t *needed = dg_rows_needed(d->graph);
    if (!needed)
        return dg_diag_set(m->why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < d->n_ports && m->why->code == DG_OK; i++)
        if (needed[d->ports[i].value.id])
            add_input(m, &d->ports[i]);
    free(needed);
    for (int k = 0; k < dg_graph_outputs(d->graph) && m->why->code == DG_OK; k++) {
        const char *name;
        const dg_value output = dg_graph_output(d->graph, k, &name);
        const dg_port *port = port_of(d, dg_model_target_of(d, output));
        if (port && port->target)
            add_output(m, name, port);
    }
    return m->why->code;
}

dg_status dg_pipes_make(dg_pipes *to, const dg_experiment *e, const char *run, const char *weights,
                        dg_diag *why)
{
    char file[PATH_MAX];
    dg_checkpoint *learnt = NULL;
    *to = (dg_pipes){.arena = dg_arena_make(NULL)};
    making m = {.to = to, .e = e, .why = why};
    const int most = e->model->n_ports + dg_graph_outputs(e->model->graph);
    to->pipe = dg_arena_array(&to->arena, (size_t)most + 1, sizeof *to->pipe);
    if (!to->pipe)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_run_weights_file(run, dg_run_known_by(e, run, weights), file, sizeof file);
    if (dg_checkpoint_load(&learnt, file, 0, why) == DG_OK) {
        m.learnt = learnt;
        add_all(&m);
    }
    dg_checkpoint_free(learnt);
    return why->code;
}

void dg_pipes_free(dg_pipes *p)
{
    dg_arena_free(&p->arena);
}
