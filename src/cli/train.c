/* dagrad train: trains, writes a run directory, tells the metrics of the test part and the
 * hash. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "cli/live.h"
#include "cli/plugin.h"
#include "io/file.h"
#include "model/handle.h"
#include "report/events.h"
#include "report/report.h"
#include "train/json.h"
#include "train/rundir.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_options {
    const char *model, *out, *resume, *weights, *tensorboard;
    dg_list set, data, require, allow, node;
    dg_as_flags as;
    int64_t epochs, steps, batch, seed, threads;
    int quiet, json, no_report;
    char made[4][64]; /* --epochs 5 as "epochs=5" */
} train_options;

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

static int find_metric(const dg_model *m, const char *name)
{
    int k = 0;
    const char *metric;
    while ((metric = dg_model_metric(m, k)) && strcmp(metric, name) != 0)
        k++;
    return metric ? k : -1;
}

/* Requirements are understood before the first step, not after the last. */
static int check_requirements(const dg_model *m, const dg_list *require)
{
    for (int i = 0; i < require->n; i++) {
        char name[64];
        int rises;
        double bound;
        const char *metric;
        if (!read_requirement(require->item[i], name, sizeof name, &rises, &bound)) {
            fprintf(stderr,
                    "dagrad train: --require is '%s', it takes METRIC>=NUMBER or "
                    "METRIC<=NUMBER\n",
                    require->item[i]);
            return EXIT_USAGE;
        }
        if (strcmp(name, "loss") != 0 && find_metric(m, name) < 0) {
            fprintf(stderr, "dagrad train: --require names '%s'; the model has: loss", name);
            for (int k = 0; (metric = dg_model_metric(m, k)); k++)
                fprintf(stderr, ", %s", metric);
            fputs("\n", stderr);
            return EXIT_USAGE;
        }
    }
    return EXIT_DONE;
}

static int meet_requirements(const dg_model *m, const dg_list *require, const dg_train_result *r)
{
    int code = EXIT_DONE;
    for (int i = 0; i < require->n; i++) {
        char name[64];
        int rises;
        double bound;
        read_requirement(require->item[i], name, sizeof name, &rises, &bound);
        int k = find_metric(m, name);
        double x = k < 0 ? r->loss : r->metrics[k];
        if (rises ? x >= bound : x <= bound)
            continue;
        fprintf(stderr, "dagrad train: required %s, but %s is %.4f (%s part)\n", require->item[i],
                name, x, r->part);
        code = EXIT_MISSED;
    }
    return code;
}

static dg_status last_line_json(const dg_train_result *r, dg_diag *why)
{
    char *path = dg_path_encode(r->run);
    json_t *metrics = json_object();
    for (int i = 0; i < r->n_metrics; i++)
        dg_json_set(metrics, r->names[i], dg_json_number(r->metrics[i]), why);
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:o}", "weights", r->hash, "which", r->which,
                  "steps", (json_int_t)r->step, "of", (json_int_t)r->steps, "run", path, "part",
                  r->part, "loss", dg_json_number(r->loss), "metrics", metrics);
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

/* The last line, also with --quiet: hash, step and metrics of the same weights. */
static dg_status last_line(const train_options *o, const dg_train_result *r, dg_diag *why)
{
    if (o->json)
        return last_line_json(r, why);
    printf("weights %s (%s)  steps %" PRIu64 " of %" PRIu64 "  %s", r->hash, r->which, r->step,
           r->steps, r->part);
    for (int i = 0; i < r->n_metrics; i++)
        printf("%s %s %.4f", i ? " " : "", r->names[i], r->metrics[i]);
    if (r->n_metrics == 0)
        printf(" loss %.6g", r->loss);
    printf("\n");
    return DG_OK;
}

/* report.html in the run. What is trained is saved already, so a failure is a warning. */
static void write_report(const dg_model *m, const train_options *o, const char *run)
{
    dg_diag why = {.code = DG_OK};
    const dg_report_options ro = {.view = {.threads = (int)o->threads}, .draw = dg_draw_into};
    if (dg_report_write(1, &run, m->e, &ro, &why) != DG_OK)
        fprintf(stderr, "dagrad train: warning: report.html was not written: %s\n",
                why.text[0] ? why.text : dg_status_text(why.code));
}

/* Progress goes to the line of the terminal, and what was logged to TensorBoard. */
typedef struct watchers {
    dg_live *live;
    const char *tensorboard; /* a folder, or NULL */
    dg_events *events;       /* NULL: not asked for, or given up */
    int resumes;
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

/* Until the run is there nothing is to be saved, and a signal ends the program whatever it waits
 * for, as for the checkpoint of a run that goes on. A folder for TensorBoard that cannot be made is
 * a failure before step 1. */
static dg_status progress(void *user, const dg_training *now, dg_diag *why)
{
    watchers *w = user;
    dg_status s = DG_OK;
    if (now->event == (w->resumes ? DG_TRAIN_RUN : DG_TRAIN_BEGINS))
        dg_catch_signals();
    if (now->event == DG_TRAIN_RUN && !w->live->quiet)
        fprintf(stderr, "run %s\n", now->run);
    if (now->event == DG_TRAIN_RUN && w->tensorboard)
        s = dg_events_open(&w->events, w->tensorboard, now->run, now->step + 1, why);
    if (now->event == DG_TRAIN_STEP || now->event == DG_TRAIN_EPOCH)
        follow(w);
    dg_live_tell(w->live, now);
    if (now->event == DG_TRAIN_SAVED)
        dg_release_signals();
    return s;
}

static int run_training(dg_model *m, const train_options *o, dg_live *live)
{
    dg_diag why = {.code = DG_OK}, last = {.code = DG_OK}, ignored = last;
    watchers w = {.live = live, .tensorboard = o->tensorboard, .resumes = o->resume != NULL};
    dg_train_result r = {.size = sizeof r};
    const dg_train_options to = {.size = sizeof to,
                                 .out = o->out,
                                 .weights = o->weights,
                                 .allow = o->allow.item,
                                 .n_allow = o->allow.n,
                                 .threads = (int)o->threads,
                                 .progress = progress,
                                 .stop = &dg_stop_signal,
                                 .user = &w};
    dg_status s = dg_train(m, &to, &r, &why);
    dg_events_close(w.events, &ignored);
    dg_live_end(live);
    if (s == DG_ESTOP)
        return dg_stopped();
    int ended = s == DG_OK || (s == DG_EFINITE && r.which);
    if (ended && last_line(o, &r, &last) != DG_OK)
        return dg_tell(&dg_command_train, &last);
    if (ended && !o->no_report && r.done > 0)
        write_report(m, o, r.run);
    int code = ended ? meet_requirements(m, &o->require, &r) : EXIT_DONE;
    return s == DG_OK ? code : dg_tell(&dg_command_train, &why);
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

/* Opens the model, or that of the run, and trains. */
static int train_model(const train_options *o, const dg_plugins *plugins)
{
    int code = EXIT_DONE;
    dg_live live = {.quiet = o->quiet};
    dg_live_begin(&live);
    const dg_model_options mo = {.size = sizeof mo,
                                 .set = o->set.item,
                                 .n_set = o->set.n,
                                 .dirs = o->data.item,
                                 .n_dirs = o->data.n,
                                 .types = plugins->type,
                                 .n_types = plugins->n,
                                 .resume = o->resume,
                                 .layout = o->as.layout,
                                 .map = o->as.map.item,
                                 .n_map = o->as.map.n,
                                 .data = 1,
                                 .log = dg_live_say,
                                 .user = &live};
    dg_model *m = dg_open_model(&dg_command_train, o->model ? o->model : o->resume, &mo, &code);
    if (!m)
        return code;
    code = check_requirements(m, &o->require);
    if (code == EXIT_DONE)
        code = run_training(m, o, &live);
    dg_model_free(m);
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
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train, optimizer.rate too"},
        {"epochs", FLAG_COUNT, &o.epochs, "N", "passes over the training part"},
        {"steps", FLAG_COUNT, &o.steps, "N", "steps, instead of epochs"},
        {"batch", FLAG_COUNT, &o.batch, "N", "rows of a step"},
        {"seed", FLAG_COUNT, &o.seed, "N", "of all that is left to chance"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
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

const dg_command dg_command_train = {
    "train", "MODEL [--out RUN] [--resume RUN] [options]", "trains a model on its data", train,
    "A training saves every 30 seconds, or every save_every steps, at its end, and on a\n"
    "signal. The last line of its output, also with --quiet, is the hash of the weights, which\n"
    "they are, their step, and their metrics (without any: their loss) of the test part, else\n"
    "of the validation part, else of the training part. Where there is a validation part, the\n"
    "weights are those of the epoch with the smallest validation loss, else the last ones. They\n"
    "are the same for any number of threads and on any processor.\n"
    "\n"
    "--resume goes on where a run stopped, to the same bits as if it had not. The network must be\n"
    "that of the run, and so must the bytes of the data, which --data finds where they are now;\n"
    "seed, batch, length of the schedule and other keys too, unless --set names what changes. A\n"
    "run that has ended stays as it is, unless --epochs or --steps makes it longer. One process\n"
    "at a time trains in a run."};
