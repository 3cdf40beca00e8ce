/* A trainer; see trainer.h. */
#include "train/trainer.h"
#include "base/philox.h"
#include "train/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BARE_EPOCHS = 50 };

/* A rate that is still rising at the end was hardly meant. */
static void say_warmup(const dg_trainer *t)
{
    char text[160];
    const dg_schedule *s = &t->e->settings.optimizer.schedule;
    int slopes = s->kind == DG_RATE_COSINE || s->kind == DG_RATE_LINEAR;
    if (!slopes || s->warmup < s->steps || s->warmup == 0 || !t->e->options.say)
        return;
    dg_format(text, sizeof text,
              "warmup is %lld, the run has %lld steps: it ends before the rate is reached",
              (long long)s->warmup, (long long)s->steps);
    t->e->options.say(t->e->options.user, text);
}

/* Rows and steps of the run. A model without inputs has one row, and steps must say how long; its
 * epochs, at whose ends there are a line and a checkpoint, are a fiftieth of them. */
static dg_status measure_run(dg_trainer *t, dg_diag *why)
{
    dg_settings *s = &t->e->settings;
    int bare = !t->e->part[DG_TRAIN_PART].data && t->source.rows == 0;
    if (bare && t->e->model->n_ports > 0)
        return dg_diag_set(why, DG_EMODEL, "%s has inputs, but no `data train` block",
                           t->e->model->name);
    if (bare && s->steps < 0)
        return dg_diag_set(why, DG_EMODEL, "a model without data needs `steps` in its train block");
    t->rows = bare ? 1 : t->source.rows > 0 ? t->source.rows : t->e->part[DG_TRAIN_PART].rows;
    t->batch = bare || s->batch == 0 || s->batch > t->rows ? t->rows : s->batch;
    t->epoch_steps = s->drop_last ? t->rows / t->batch : (t->rows + t->batch - 1) / t->batch;
    if (bare && s->steps > 0)
        t->epoch_steps = (s->steps + BARE_EPOCHS - 1) / BARE_EPOCHS;
    int64_t epochs = s->epochs > 0 ? s->epochs : 1;
    if (epochs > INT64_MAX / t->epoch_steps)
        return dg_diag_set(why, DG_EUSAGE, "%lld epochs are too many", (long long)epochs);
    t->steps = (uint64_t)(s->steps > 0 ? s->steps : epochs * t->epoch_steps);
    s->optimizer.schedule.steps = (int64_t)t->steps;
    say_warmup(t);
    return dg_optimizer_check(&s->optimizer, why);
}

dg_status dg_trainer_make(dg_trainer *t, dg_experiment *e, int threads,
                          const dg_source_of_rows *source, dg_diag *why)
{
    *t = (dg_trainer){.e = e, .threads = threads, .buffer = {.binds = 1}};
    if (source)
        t->source = *source;
    t->progress.best = (double)NAN;
    if (measure_run(t, why) != DG_OK || dg_metric_sums_make(&t->progress.figures, e, why) != DG_OK)
        return why->code;
    dg_options o = dg_program_options(e, DG_RUN_TRAIN, t->batch);
    o.last = e->settings.drop_last ? 0 : t->rows % t->batch;
    o.threads = threads;
    o.seed = e->settings.seed;
    dg_value *keep = dg_metric_sums_keep(e, &o.n_keep);
    o.keep = keep;
    o.optimizer = &e->settings.optimizer;
    o.measure = 1;
    t->program = keep ? dg_compile(e->model->graph, &o) : NULL;
    free(keep);
    t->row = malloc(2 * ((size_t)t->batch + 1) * sizeof *t->row);
    if (!t->program || !t->row)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_program_status(t->program, why) != DG_OK)
        return dg_program_status(t->program, NULL);
    if (e->part[DG_TRAIN_PART].data && t->source.rows == 0 &&
        dg_ahead_make(&t->ahead, e, e->part[DG_TRAIN_PART].data, t->batch, 1, why) != DG_OK)
        return why->code;
    dg_part_rows held = e->part[DG_VALIDATION_PART];
    return held.data ? dg_evaluator_make(&t->validation, e, held, t->batch, threads, why) : DG_OK;
}

void dg_trainer_free(dg_trainer *t)
{
    dg_program_free(t->program);
    dg_evaluator_free(&t->validation);
    dg_ahead_free(t->ahead);
    dg_batch_buffer_free(&t->buffer);
    free(t->row);
    dg_metric_sums_free(&t->progress.figures);
    *t = (dg_trainer){.e = NULL};
}

/* The rows of a step: the epoch's permutation, cut into batches. */
static int64_t choose_rows(const dg_trainer *t, uint64_t step, int64_t *row)
{
    const dg_settings *s = &t->e->settings;
    const uint64_t epoch = step / (uint64_t)t->epoch_steps;
    int64_t at = (int64_t)(step % (uint64_t)t->epoch_steps) * t->batch;
    int64_t n = t->rows - at < t->batch ? t->rows - at : t->batch;
    dg_permutation order = dg_permutation_make(t->rows, s->seed, epoch);
    int64_t first = t->source.rows > 0 ? 0 : t->e->part[DG_TRAIN_PART].first;
    for (int64_t i = 0; i < n; i++)
        row[i] = first + (s->shuffle ? dg_permutation_at(&order, at + i) : at + i);
    return n;
}

static dg_reading reading_of(const dg_trainer *t, uint64_t step)
{
    uint64_t epoch = step / (uint64_t)t->epoch_steps;
    return (dg_reading){.training = 1, .seed = t->e->settings.seed, .epoch = epoch};
}

/* The rows of the next step are read while this one is computed. */
static void look_ahead(dg_trainer *t, uint64_t step)
{
    int64_t *row = t->row + t->batch + 1;
    if (step < t->steps)
        dg_ahead_want(t->ahead, row, choose_rows(t, step, row), reading_of(t, step));
}

static dg_status descend(dg_trainer *t, int64_t n, dg_diag *why)
{
    dg_program *p = t->program;
    double loss = 0;
    dg_batch batch = {.size = sizeof batch, .rows = n, .step = t->progress.step};
    if (dg_forward(p, &batch) != DG_OK || dg_adjoint(p, NULL, 0) != DG_OK ||
        dg_loss_value(p, -1, NULL, &loss) != DG_OK)
        return dg_program_status(p, why);
    if (!isfinite(loss))
        return dg_diag_set(
            why, DG_EFINITE,
            "the loss is not finite at step %llu (rate %g); the weights are those of "
            "the step before",
            (unsigned long long)t->progress.step,
            dg_optimizer_rate(&t->e->settings.optimizer, t->progress.step));
    if (dg_commit(p, &t->e->settings.optimizer, t->progress.step) != DG_OK)
        return dg_program_status(p, why);
    return DG_OK;
}

/* A refused step once more, each value looked at. */
static void explain(dg_trainer *t, const dg_batch_rows *of, dg_reading how, dg_diag *why)
{
    dg_experiment *e = t->e;
    dg_options o = dg_program_options(e, DG_RUN_TRAIN, of->n);
    dg_point x;
    o.seed = e->settings.seed;
    if (why->code == DG_EDATA)
        dg_explain_row(e, of, why);
    else if (why->code == DG_EFINITE && dg_point_read(&x, e, of, how, NULL) == DG_OK)
        dg_explain(e, &o, t->progress.step, &x, of, "the loss", why);
    if (why->code == DG_EFINITE)
        dg_point_free(&x);
}

dg_status dg_trainer_step(dg_trainer *t, int measured, dg_diag *why)
{
    dg_experiment *e = t->e;
    dg_batch_rows of = {e->part[DG_TRAIN_PART].data, t->row, 1};
    dg_reading how = reading_of(t, t->progress.step);
    dg_status s = DG_OK;
    if (t->source.rows > 0) {
        of = (dg_batch_rows){NULL, t->row, choose_rows(t, t->progress.step, t->row)};
        s = dg_experiment_feed(e, t->program, t->progress.step, t->row, of.n, t->source.fill,
                               t->source.user, &t->buffer, why);
    } else if (of.data) {
        of.n = choose_rows(t, t->progress.step, t->row);
        s = dg_ahead_take(t->ahead, t->program, t->row, of.n, how, why);
        if (s == DG_OK)
            look_ahead(t, t->progress.step + 1);
    }
    if (s != DG_OK)
        return s;
    dg_program_measure(t->program, measured);
    s = descend(t, of.n, why);
    if (s != DG_OK && t->source.rows > 0)
        return s;
    if (s != DG_OK) {
        explain(t, &of, how, why);
        return s;
    }
    t->progress.step++;
    return dg_metric_sums_add(&t->progress.figures, e, t->program, &of, why);
}

int dg_trainer_epoch_is_open(const dg_trainer *t)
{
    uint64_t step = t->progress.step;
    int ends = step % (uint64_t)t->epoch_steps == 0 || step == t->steps;
    return step > 0 && ends && t->progress.closed != step;
}

int dg_trainer_is_finished(const dg_trainer *t)
{
    const dg_progress *p = &t->progress;
    int64_t patience = t->e->settings.patience;
    if (dg_trainer_epoch_is_open(t))
        return 0;
    return p->step >= t->steps ||
           (p->ended == t->steps && patience > 0 && p->since_best >= patience);
}

uint64_t dg_trainer_epoch_number(const dg_trainer *t)
{
    uint64_t each = (uint64_t)t->epoch_steps;
    return (t->progress.step + each - 1) / each;
}

dg_status dg_trainer_epoch(dg_trainer *t, dg_metric_sums *v, int *better,
                           const volatile sig_atomic_t *stop, dg_diag *why)
{
    dg_metric_sums_copy(v, &t->progress.figures);
    if (t->validation.program) {
        dg_status s = dg_evaluator_run(&t->validation, v, NULL, stop, why);
        if (s != DG_OK)
            return s;
    }
    dg_progress *p = &t->progress;
    double loss = dg_metric_sums_loss(v, t->e);
    *better = dg_better(loss, p->best, 0);
    if (*better) {
        p->best = loss;
        p->best_step = p->step;
        p->best_epoch = dg_trainer_epoch_number(t);
    }
    p->since_best = *better ? 0 : p->since_best + 1;
    p->closed = p->step;
    int64_t patience = t->e->settings.patience;
    p->ended = patience > 0 && p->since_best >= patience ? t->steps : 0;
    return DG_OK;
}
