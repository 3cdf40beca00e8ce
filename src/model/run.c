/* Training from C, as `dagrad train` does it; see <dagrad/run.h>. */
#include <dagrad/run.h>
#include "model/handle.h"
#include "train/checkpoint.h"
#include "train/loop.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One call of dg_train. */
typedef struct session {
    dg_model *m;
    dg_train_options o;
    dg_trainer t;
    dg_metric_sums figures; /* what it ends with */
    dg_training now;
    double *metrics, *held; /* of `now`: as many as there are */
    const char *part;
    uint64_t from; /* the step at which this call began */
} session;

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

const char *dg_model_metric(const dg_model *m, int k)
{
    int n = dg_model_status(m, NULL) == DG_OK ? m->e->model->n_metrics : 0;
    return k >= 0 && k < n ? m->e->model->metrics[k].name : NULL;
}

/* ---- Progress -------------------------------------------------------------------------------- */

static double take_figures(const session *s, const dg_metric_sums *f, double *metrics)
{
    for (int k = 0; k < s->now.n_metrics; k++)
        metrics[k] = dg_metric_sums_metric(f, s->t.e, k);
    return dg_metric_sums_loss(f, s->t.e);
}

static dg_status tell(session *s, dg_train_event event, dg_diag *why)
{
    if (!s->o.progress)
        return DG_OK;
    s->now.event = event;
    s->now.step = s->t.progress.step;
    s->now.steps = s->t.steps;
    s->now.epoch_steps = (uint64_t)s->t.epoch_steps;
    s->now.batch = s->t.batch;
    s->now.run = event == DG_TRAIN_BEGINS ? NULL : s->m->dir.path;
    s->now.loss = take_figures(s, &s->t.progress.figures, s->metrics);
    dg_status status = s->o.progress(s->o.user, &s->now, why);
    return status == DG_OK ? status : dg_diag_set(why, status, "stopped by its caller");
}

static void tell_step(void *user, const dg_trainer *t, double seconds, double rows_per_second)
{
    session *s = user;
    (void)t;
    s->now.seconds = seconds;
    s->now.rows_per_second = rows_per_second;
    tell(s, DG_TRAIN_STEP, NULL);
}

static void tell_epoch(void *user, const dg_trainer *t, const dg_metric_sums *train,
                       const dg_metric_sums *held, double seconds)
{
    session *s = user;
    (void)t;
    if (s->o.fill)
        dg_metric_sums_copy(&s->figures, train);
    s->now.seconds = seconds;
    s->now.held_loss = held ? take_figures(s, held, s->held) : 0;
    s->now.held_metrics = held ? s->held : NULL;
    tell(s, DG_TRAIN_EPOCH, NULL);
    s->now.held_metrics = NULL;
}

static void tell_remark(void *user, const char *text)
{
    const session *s = user;
    if (s->m->options.say)
        s->m->options.say(s->m->options.user, text);
}

/* ---- The end --------------------------------------------------------------------------------- */

/* The weights that the run is known by: the best, where there are such. */
static dg_status choose_weights(session *s, dg_diag *why)
{
    const dg_run_dir *run = &s->m->dir;
    s->m->e->weights.which = run->best ? "best" : "last";
    s->m->e->weights.step = (int64_t)(run->best ? s->t.progress.best_step : s->t.progress.step);
    return run->best ? dg_weights_apply(s->m->e->model->graph, run->best, 0, NULL, why) : DG_OK;
}

/* Figures of the test part, else validation, else training. Of batches that a caller filled there
 * are those of the last epoch. */
static dg_status final_figures(session *s, dg_diag *why)
{
    static const char *const name[] = {"training", "validation", "test"};
    int part = DG_TEST_PART;
    const dg_experiment *e = s->t.e;
    while (part > 0 && !e->part[part].data)
        part--;
    dg_part_rows rows = e->part[part];
    if (!rows.data)
        rows = (dg_part_rows){NULL, 0, 1}; /* a model without data */
    s->part = name[part];
    if (s->o.fill)
        return DG_OK;
    dg_evaluator v;
    dg_status status = dg_evaluator_make(&v, s->t.e, rows, s->t.batch, s->t.threads, why);
    if (status == DG_OK)
        status = dg_evaluator_run(&v, &s->figures, NULL, s->o.stop, why);
    dg_evaluator_free(&v);
    return status;
}

static dg_status fill_result(session *s, dg_train_result *r, dg_diag *why)
{
    dg_train_result found = {.size = r->size,
                             .run = s->m->trained,
                             .which = s->m->e->weights.which,
                             .step = s->t.progress.step,
                             .steps = s->t.steps,
                             .done = s->t.progress.step - s->from,
                             .part = s->part,
                             .n_metrics = s->now.n_metrics,
                             .names = s->now.names,
                             .metrics = s->m->metrics,
                             .loss = (double)NAN};
    for (int k = 0; k < found.n_metrics; k++)
        s->m->metrics[k] = (double)NAN;
    if (s->figures.x && s->m->e->weights.which) {
        found.loss = take_figures(s, &s->figures, s->m->metrics);
        found.step = (uint64_t)s->m->e->weights.step;
    }
    dg_status status = dg_graph_hash(s->m->e->model->graph, found.hash);
    memcpy(r, &found, r->size < sizeof found ? r->size : sizeof found);
    return status == DG_OK ? DG_OK : dg_diag_set(why, status, "no hash of the weights");
}

/* ---- Training -------------------------------------------------------------------------------- */

static dg_status start(session *s, dg_diag *why)
{
    dg_model *m = s->m;
    const dg_experiment_options *o = &m->options;
    const dg_change change = {.set = o->set,
                              .n_set = o->n_set,
                              .dirs = o->dirs,
                              .n_dirs = m->n_dirs,
                              .model = m->run ? NULL : o->path};
    if (s->o.weights && dg_weights_read(m->e, s->o.weights, s->o.n_allow, s->o.allow, why) != DG_OK)
        return why->code;
    m->e->weights.which = NULL;
    dg_status status = tell(s, DG_TRAIN_BEGINS, why);
    if (status == DG_OK)
        status = m->resume ? dg_run_resume(&m->dir, &s->t, &change, why)
                           : dg_run_create(&m->dir, s->o.out, &s->t, why);
    if (m->dir.path && !(m->trained = strdup(m->dir.path)))
        return no_memory(why);
    s->from = s->t.progress.step;
    if (status == DG_OK)
        status = tell(s, DG_TRAIN_RUN, why);
    return status;
}

/* So that the same folder can be tried again. */
static void discard(dg_model *m)
{
    dg_run_discard(&m->dir);
    free(m->trained);
    m->trained = NULL;
}

static dg_status train(session *s, dg_diag *why)
{
    const dg_report report = {
        .user = s, .step = tell_step, .epoch = tell_epoch, .say = tell_remark};
    const dg_source_of_rows source = {s->o.rows, s->o.fill, s->o.user};
    dg_status status =
        dg_trainer_make(&s->t, s->m->e, s->o.threads, s->o.fill ? &source : NULL, why);
    if (status == DG_OK)
        status = dg_metric_sums_make(&s->figures, s->t.e, why);
    if (status == DG_OK)
        status = start(s, why);
    if (status == DG_OK)
        status = dg_train_loop(&s->t, &s->m->dir, s->o.stop, &report, why);
    if (status == DG_OK)
        status = choose_weights(s, why);
    if (status == DG_OK)
        status = final_figures(s, why);
    if (status == DG_OK)
        tell(s, DG_TRAIN_SAVED, NULL);
    if (status == DG_OK && !dg_metric_sums_empty(&s->figures))
        status = dg_metric_sums_sound(&s->figures, s->t.e, why);
    if (status != DG_OK && status != DG_ESTOP && s->t.progress.step == 0)
        discard(s->m);
    return status;
}

static dg_status check(const session *s, dg_diag *why)
{
    const dg_model *m = s->m;
    if (s->o.fill && s->o.rows < 1)
        return dg_diag_set(why, DG_EUSAGE, "fill goes with rows, the number of yours");
    if (s->o.fill && !m->options.without_data && m->e->part[DG_TRAIN_PART].data)
        return dg_diag_set(why, DG_EUSAGE, "the model has data of its own; fill goes without");
    if (!s->o.fill && m->options.without_data)
        return dg_diag_set(why, DG_EUSAGE, "the model was opened without its data");
    if (m->resume && (s->o.out || s->o.weights))
        return dg_diag_set(why, DG_EUSAGE, "a run that goes on takes no out and no weights");
    if (m->resume && m->trained)
        return dg_diag_set(why, DG_EUSAGE, "the run has gone on; open it again");
    return DG_OK;
}

/* Room for what is told, and what was told before. */
static dg_status prepare(session *s, dg_diag *why)
{
    const dg_dag *d = s->m->e->model;
    const size_t n = (size_t)d->n_metrics + 1;
    const char **names = dg_arena_array(&s->m->arena, n, sizeof *names);
    double *own = dg_arena_array(&s->m->arena, n, sizeof *own);
    s->metrics = calloc(n, sizeof *s->metrics);
    s->held = calloc(n, sizeof *s->held);
    if (!names || !own || !s->metrics || !s->held)
        return no_memory(why);
    for (int k = 0; k < d->n_metrics; k++)
        names[k] = d->metrics[k].name;
    free(s->m->trained);
    s->m->trained = NULL;
    s->m->metrics = own;
    s->now = (dg_training){
        .size = sizeof s->now, .n_metrics = d->n_metrics, .names = names, .metrics = s->metrics};
    if (!s->m->resume)
        s->m->dir = dg_run_none((dg_say){s->m->options.say, s->m->options.user});
    return DG_OK;
}

/* What the columns have learnt in training is what predicts from now on. */
static dg_status finish(session *s, dg_status status, dg_diag *why)
{
    dg_diag late = {.code = DG_OK};
    dg_run_close(&s->m->dir);
    dg_trainer_free(&s->t);
    if (dg_model_learn(s->m, &late) == DG_OK || status != DG_OK)
        return status;
    *why = late;
    return late.code;
}

dg_status dg_train(dg_model *m, const dg_train_options *o, dg_train_result *r, dg_diag *why)
{
    dg_diag own;
    why = why ? why : &own;
    *why = (dg_diag){.code = DG_OK};
    session s = {.m = m, .o = {.size = sizeof s.o}, .part = "training"};
    if (dg_model_status(m, why) != DG_OK)
        return why->code;
    if (o)
        memcpy(&s.o, o, o->size < sizeof s.o ? o->size : sizeof s.o);
    dg_status status = check(&s, why);
    if (status == DG_OK && (status = prepare(&s, why)) == DG_OK) {
        status = train(&s, why);
        dg_diag hash = {.code = DG_OK};
        if (r && fill_result(&s, r, &hash) != DG_OK && status == DG_OK) {
            *why = hash;
            status = hash.code;
        }
        status = finish(&s, status, why);
    }
    dg_metric_sums_free(&s.figures);
    free(s.metrics);
    free(s.held);
    return status;
}
