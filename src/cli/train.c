/* dagrad train: trains, writes a run directory, tells the figures of the test part and the
 * hash. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "cli/plugin.h"
#include "cli/live.h"
#include "io/file.h"
#include "report/events.h"
#include "report/report.h"
#include "train/checkpoint.h"
#include "train/json.h"
#include "train/loop.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_options {
    const char *model, *out, *resume, *weights, *tensorboard;
    dg_list set, data, require, allow, node;
    int64_t epochs, steps, batch, seed, threads;
    int quiet, json, no_report;
    char made[4][64]; /* --epochs 5 as "epochs=5" */
} train_options;

/* What the run ends with: weights, and their figures of the test part, else validation, else
 * training. */
typedef struct outcome {
    dg_figures figures;
    const char *part, *which;
    uint64_t step;
    char hash[17];
} outcome;

static void add_set(train_options *o, int k, const char *key, int64_t value)
{
    if (value < 0 || o->set.n == DG_MOST_LIST)
        return;
    snprintf(o->made[k], sizeof o->made[k], "%s=%lld", key, (long long)value);
    o->set.item[o->set.n++] = o->made[k];
}

/* Name, comparison, number of "accuracy>=0.9". */
static int read_requirement(const char *text, char *name, size_t size, int *rises, double *bound)
{
    size_t n = strcspn(text, "<>=");
    const char *sign = text + n;
    if (n == 0 || n >= size || (strncmp(sign, ">=", 2) != 0 && strncmp(sign, "<=", 2) != 0))
        return 0;
    snprintf(name, size, "%.*s", (int)n, text);
    *rises = *sign == '>';
    const char *end = dg_read_f64(sign + 2, bound);
    return end && !*end && !isnan(*bound);
}

static int find_metric(const dg_experiment *e, const char *name)
{
    for (int i = 0; i < e->model->n_metrics; i++)
        if (strcmp(e->model->metrics[i].name, name) == 0)
            return i;
    return -1;
}

/* Requirements are understood before the first step, not after the last. */
static int check_requirements(const dg_experiment *e, const dg_list *require)
{
    for (int i = 0; i < require->n; i++) {
        char name[64];
        int rises;
        double bound;
        if (!read_requirement(require->item[i], name, sizeof name, &rises, &bound)) {
            fprintf(stderr,
                    "dagrad train: --require is '%s', it takes METRIC>=NUMBER or "
                    "METRIC<=NUMBER\n",
                    require->item[i]);
            return EXIT_USAGE;
        }
        if (strcmp(name, "loss") != 0 && find_metric(e, name) < 0) {
            fprintf(stderr, "dagrad train: --require names '%s'; the model has: loss", name);
            for (int k = 0; k < e->model->n_metrics; k++)
                fprintf(stderr, ", %s", e->model->metrics[k].name);
            fputs("\n", stderr);
            return EXIT_USAGE;
        }
    }
    return EXIT_DONE;
}

static int meet_requirements(const dg_experiment *e, const dg_list *require, const outcome *r)
{
    int code = EXIT_DONE;
    for (int i = 0; i < require->n; i++) {
        char name[64];
        int rises;
        double bound;
        read_requirement(require->item[i], name, sizeof name, &rises, &bound);
        int k = find_metric(e, name);
        double x = k < 0 ? dg_figures_loss(&r->figures, e) : dg_figures_metric(&r->figures, e, k);
        if (rises ? x >= bound : x <= bound)
            continue;
        fprintf(stderr, "dagrad train: required %s, but %s is %.4f (%s part)\n", require->item[i],
                name, x, r->part);
        code = EXIT_MISSED;
    }
    return code;
}

/* The weights that the run is known by: the best, where there are such. */
static dg_status choose_weights(dg_trainer *t, const dg_run_dir *run, outcome *r, dg_diag *why)
{
    dg_graph *g = t->e->model->graph;
    r->which = run->best ? "best" : "last";
    r->step = run->best ? t->progress.best_step : t->progress.step;
    if (run->best && dg_weights_apply(g, run->best, 0, NULL, why) != DG_OK)
        return why->code;
    return dg_graph_hash(g, r->hash) == DG_OK ? DG_OK
                                              : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status final_figures(dg_trainer *t, outcome *r, dg_diag *why)
{
    static const char *const name[] = {"training", "validation", "test"};
    int part = DG_TEST_PART;
    while (part > 0 && !t->e->part[part].data)
        part--;
    dg_part_rows rows = t->e->part[part];
    if (!rows.data)
        rows = (dg_part_rows){NULL, 0, 1}; /* a model without data */
    dg_evaluator v;
    r->part = name[part];
    dg_status s = dg_evaluator_make(&v, t->e, rows, t->batch, t->threads, why);
    if (s == DG_OK)
        s = dg_figures_make(&r->figures, t->e, why);
    if (s == DG_OK)
        s = dg_evaluator_run(&v, &r->figures, NULL, &dg_stop_signal, why);
    dg_evaluator_free(&v);
    return s;
}

static dg_status last_line_json(const dg_trainer *t, const outcome *r, const char *run,
                                dg_diag *why)
{
    const dg_experiment *e = t->e;
    char *path = dg_path_encode(run);
    json_t *metrics = json_object();
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_json_set(metrics, e->model->metrics[i].name,
                    dg_json_number(dg_figures_metric(&r->figures, e, i)), why);
    json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:o}", "weights", r->hash, "which",
                          r->which, "steps", (json_int_t)r->step, "of", (json_int_t)t->steps, "run",
                          path, "part", r->part, "loss",
                          dg_json_number(dg_figures_loss(&r->figures, e)), "metrics", metrics);
    dg_text text = dg_text_make(NULL);
    if (why->code == DG_OK && dg_json_write(j, JSON_COMPACT, &text))
        printf("%s\n", text.data);
    else
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_text_free(&text);
    free(path);
    json_decref(j);
    return why->code;
}

/* The last line, also with --quiet: hash, step and figures of the same weights. */
static dg_status last_line(const dg_trainer *t, const train_options *o, const outcome *r,
                           const char *run, dg_diag *why)
{
    const dg_experiment *e = t->e;
    int n = e->model->n_metrics;
    if (o->json)
        return last_line_json(t, r, run, why);
    printf("weights %s (%s)  steps %" PRIu64 " of %" PRIu64 "  %s", r->hash, r->which, r->step,
           t->steps, r->part);
    for (int i = 0; i < n; i++)
        printf("%s %s %.4f", i ? " " : "", e->model->metrics[i].name,
               dg_figures_metric(&r->figures, e, i));
    if (n == 0)
        printf(" loss %.6g", dg_figures_loss(&r->figures, e));
    printf("\n");
    return DG_OK;
}

/* Progress goes to the line of the terminal, and what was logged to TensorBoard. */
typedef struct watchers {
    dg_report line;
    dg_events *events; /* NULL: not asked for, or given up */
} watchers;

/* What cannot be written there is told once; the training goes on. */
static void follow(watchers *w)
{
    dg_diag why = {.code = DG_OK}, again = why;
    if (!w->events || dg_events_follow(w->events, &why) == DG_OK)
        return;
    fprintf(stderr, "dagrad train: warning: no more events for TensorBoard: %s\n", why.text);
    dg_events_close(w->events, &again);
    w->events = NULL;
}

static void watch_step(void *user, const dg_trainer *t, double seconds, double samples_per_second)
{
    watchers *w = user;
    follow(w);
    if (w->line.step)
        w->line.step(w->line.user, t, seconds, samples_per_second);
}

static void watch_epoch(void *user, const dg_trainer *t, const dg_figures *train,
                        const dg_figures *held, double seconds)
{
    watchers *w = user;
    follow(w);
    if (w->line.epoch)
        w->line.epoch(w->line.user, t, train, held, seconds);
}

static void watch_say(void *user, const char *text)
{
    watchers *w = user;
    if (w->line.say)
        w->line.say(w->line.user, text);
}

/* The loop, watched. A folder for TensorBoard that cannot be made is a failure before step 1. */
static dg_status run_loop(dg_trainer *t, dg_run_dir *r, const train_options *o,
                          const dg_report *line, dg_diag *why)
{
    watchers w = {.line = *line};
    const dg_report all = {&w, watch_step, watch_epoch, watch_say};
    dg_diag ignored = {.code = DG_OK};
    dg_status s = DG_OK;
    if (o->tensorboard)
        s = dg_events_open(&w.events, o->tensorboard, r->path, t->progress.step + 1, why);
    if (s == DG_OK)
        s = dg_train_loop(t, r, &dg_stop_signal, &all, why);
    dg_events_close(w.events, &ignored);
    return s;
}

/* report.html in the run. What is trained is saved already, so a failure is a warning. */
static void write_report(dg_trainer *t, const outcome *r, const char *run)
{
    dg_diag why = {.code = DG_OK};
    const dg_report_options o = {.view = {.threads = t->threads}, .draw = dg_draw_into};
    t->e->weights.which = r->which;
    t->e->weights.step = (int64_t)r->step;
    if (dg_report_write(1, &run, t->e, &o, &why) != DG_OK)
        fprintf(stderr, "dagrad train: warning: report.html was not written: %s\n",
                why.text[0] ? why.text : dg_status_text(why.code));
}

/* Until the run is there nothing is to be saved, and a signal ends the program whatever it waits
 * for. */
static dg_status start(dg_trainer *t, dg_run_dir *r, const train_options *o, dg_diag *why)
{
    const dg_change change = {.set = o->set.item,
                              .n_set = o->set.n,
                              .dirs = o->data.item,
                              .n_dirs = o->data.n,
                              .model = o->model};
    if (o->weights && dg_weights_read(t->e, o->weights, o->allow.n, o->allow.item, why) != DG_OK)
        return why->code;
    dg_catch_signals();
    return o->resume ? dg_run_resume(r, t, &change, why) : dg_run_create(r, o->out, t, why);
}

static int run_trainer(dg_experiment *e, dg_run_dir *r, const train_options *o)
{
    dg_trainer t;
    dg_diag why = {.code = DG_OK};
    dg_progress_line line = {.quiet = o->quiet};
    dg_report report = dg_report_make(&line);
    outcome result = {.part = "training"};
    dg_status s = dg_trainer_make(&t, e, (int)o->threads, &why);
    if (s == DG_OK)
        s = start(&t, r, o, &why);
    int ended = s == DG_OK && dg_trainer_is_finished(&t);
    if (s == DG_OK && !o->quiet)
        fprintf(stderr, "run %s\n", r->path);
    if (s == DG_OK)
        s = run_loop(&t, r, o, &report, &why);
    dg_report_end(&line);
    if (s == DG_OK)
        s = choose_weights(&t, r, &result, &why);
    if (s == DG_OK)
        s = final_figures(&t, &result, &why);
    if (s == DG_OK)
        dg_release_signals(); /* all is saved */
    if (s == DG_OK)
        s = last_line(&t, o, &result, r->path, &why);
    if (s == DG_OK && !o->no_report && !ended)
        write_report(&t, &result, r->path);
    int code = s == DG_OK ? meet_requirements(e, &o->require, &result) : EXIT_DONE;
    if (s == DG_OK)
        s = dg_figures_sound(&result.figures, e, &why);
    if (s != DG_OK)
        code = s == DG_ESTOP ? dg_stopped() : dg_tell(&dg_command_train, &why);
    if (s != DG_OK && s != DG_ESTOP && t.progress.step == 0)
        dg_run_discard(r); /* so that the same --out can be tried again */
    dg_figures_free(&result.figures);
    dg_trainer_free(&t);
    return code;
}

static int check_usage(const train_options *o)
{
    const char *wrong = NULL;
    if (!o->model && !o->resume)
        wrong = "a model is missing";
    else if (o->resume && (o->out || o->weights))
        wrong = "--resume goes without --out and --weights";
    else if (o->out && !*o->out)
        wrong = "--out is empty, it takes the name of a folder";
    else if (o->out && strcmp(o->out, "-") == 0)
        wrong = "--out is '-', and a run is a folder (./- if it is to have that name)";
    else if (o->model && dg_is_onnx(o->model))
        wrong = "an ONNX graph has no loss and no data: dagrad convert net.onnx net.dag, then add "
                "them";
    else if (o->model && dg_is_run(o->model))
        wrong = "this is a run; --resume goes on with it";
    else if (o->resume && !dg_is_run(o->resume))
        wrong = "--resume names no run directory";
    if (wrong)
        fprintf(stderr, "dagrad train: %s; usage: dagrad train %s\n", wrong,
                dg_command_train.usage);
    return !wrong;
}

static void say(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "dagrad train: %s\n", text);
}

/* Opens the model, or that of the run, and trains. A run is held before anything of it is read. */
static int train_model(const train_options *o, const dg_plugins *plugins)
{
    int code = EXIT_DONE;
    dg_diag why = {.code = DG_OK};
    dg_run_dir r = dg_run_none((dg_say){say, NULL});
    dg_list dirs = o->data; /* a model of one's own finds what the run found */
    if (o->resume && dg_run_hold(&r, o->resume, &why) != DG_OK)
        code = dg_tell(&dg_command_train, &why);
    char *place = NULL;
    for (int k = 0; o->model && dirs.n < DG_MOST_LIST && (place = dg_run_place(&r, k)); k++)
        dirs.item[dirs.n++] = place;
    dg_experiment_options eo = {.set = o->set.item,
                                .n_set = o->set.n,
                                .dirs = o->resume ? dirs.item : o->data.item,
                                .n_dirs = o->resume ? dirs.n : o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n};
    dg_experiment *e = NULL;
    if (code == EXIT_DONE)
        e = dg_open_either(&dg_command_train, o->model ? o->model : o->resume, "", &eo, &code);
    if (e)
        code = check_requirements(e, &o->require);
    if (e && code == EXIT_DONE)
        code = run_trainer(e, &r, o);
    for (int k = o->data.n; k < dirs.n; k++)
        free((char *)(uintptr_t)dirs.item[k]);
    dg_run_close(&r);
    dg_experiment_free(e);
    return code;
}

static int train(int argc, char **argv)
{
    train_options o = {.epochs = -1, .steps = -1, .batch = -1, .seed = -1};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"out", FLAG_TEXT, &o.out, "RUN", "the run directory, which must not exist; runs/MODEL-n"},
        {"resume", FLAG_TEXT, &o.resume, "RUN", "go on with a run"},
        {"weights", FLAG_TEXT, &o.weights, "FILE", "start from these (safetensors)"},
        {"allow-missing", FLAG_LIST, &o.allow, "PATTERN", "names that --weights need not have"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train, optimizer.rate too"},
        {"epochs", FLAG_COUNT, &o.epochs, "N", "passes over the training part"},
        {"steps", FLAG_COUNT, &o.steps, "N", "steps, instead of epochs"},
        {"batch", FLAG_COUNT, &o.batch, "N", "rows of a step"},
        {"seed", FLAG_COUNT, &o.seed, "N", "of all that is left to chance"},
        {"threads", FLAG_COUNT, &o.threads, "N", "one for each processor"},
        {"require", FLAG_LIST, &o.require, "METRIC>=X", "exit code 5 if it is missed"},
        {"quiet", FLAG_ON, &o.quiet, NULL, "the last line only"},
        {"json", FLAG_ON, &o.json, NULL, "the last line as JSON"},
        {"tensorboard", FLAG_TEXT, &o.tensorboard, "DIR", "event files for TensorBoard there"},
        {"no-report", FLAG_ON, &o.no_report, NULL, "no report.html in the run"},
    };
    int code = dg_flags_read(&dg_command_train, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    o.model = place[0];
    if (!check_usage(&o))
        return EXIT_USAGE;
    add_set(&o, 0, "epochs", o.epochs);
    add_set(&o, 1, "steps", o.steps);
    add_set(&o, 2, "batch", o.batch);
    add_set(&o, 3, "seed", o.seed);
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_train, &o.node, &plugins);
    if (code >= 0)
        return code;
    return train_model(&o, &plugins);
}

const dg_command dg_command_train = {"train", "MODEL [--out RUN] [--resume RUN] [options]",
                                     "trains a model on its data", train};
