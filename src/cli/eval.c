/* dagrad eval: loss by term and metrics of a part of the data, what was taken for what, and the
 * samples with the largest loss; or the metrics of several runs in a table. */
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/mistakes.h"
#include "cli/plugin.h"
#include "cli/worst.h"
#include "train/json.h"
#include "train/rundir.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_options {
    const char *part, *weights;
    dg_list data, node;
    dg_as_flags as;
    int64_t worst, threads;
    int json;
} eval_options;

static int find_part(const char *name)
{
    for (int i = 0; i < DG_DATA_PARTS; i++)
        if (strcmp(dg_part_names[i], name) == 0)
            return i;
    return -1;
}

/* The part that is asked for; without a name test, else validation, else train. -1: told. */
static int choose_part(const dg_experiment *e, const char *name)
{
    int part = DG_DATA_PARTS - 1, n = 0;
    while (!name && part > 0 && !e->part[part].data)
        part--;
    part = name ? find_part(name) : part;
    if (e->part[part].data)
        return part;
    fprintf(stderr, "dagrad eval: the model has no %s part; it has: ", dg_part_names[part]);
    for (int i = 0; i < DG_DATA_PARTS; i++)
        if (e->part[i].data)
            fprintf(stderr, "%s%s", n++ ? ", " : "", dg_part_names[i]);
    fprintf(stderr, "%s\n", n ? "" : "no data at all");
    return -1;
}

static json_t *figures_json(const dg_experiment *e, const dg_metric_sums *f, int part, dg_diag *why)
{
    char hash[17] = "";
    if (dg_graph_hash(e->model->graph, hash) != DG_OK)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    json_t *terms = json_object(), *metrics = json_object();
    for (int i = 0; i < dg_graph_losses(e->model->graph); i++)
        dg_json_set(terms, dg_term_name(e, i), dg_json_number(dg_metric_sums_term(f, i)), why);
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_json_set(metrics, e->model->metrics[i].name,
                    dg_json_number(dg_metric_sums_metric(f, e, i)), why);
    json_t *step = e->weights.step >= 0 ? json_integer(e->weights.step) : json_null();
    json_t *j = json_pack(
        "{s:s, s:I, s:s, s:s?, s:o, s:o, s:o, s:o}", "part", dg_part_names[part], "rows",
        (json_int_t)e->part[part].rows, "weights", hash, "which", e->weights.which, "step", step,
        "loss", dg_json_number(dg_metric_sums_loss(f, e)), "terms", terms, "metrics", metrics);
    if (!j)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    return j;
}

static dg_status print_figures(const dg_experiment *e, const dg_metric_sums *f, int part,
                               dg_diag *why)
{
    int terms = dg_graph_losses(e->model->graph);
    dg_text t = dg_text_make(NULL);
    dg_text_printf(&t, "part\t%s, %lld rows\nweights\t", dg_part_names[part],
                   (long long)e->part[part].rows);
    dg_weights_text(e, &t);
    dg_text_printf(&t, "\nloss\t%.6g\n", dg_metric_sums_loss(f, e));
    for (int i = 0; i < terms && terms > 1; i++)
        dg_text_printf(&t, "  %s\t%.6g\n", dg_term_name(e, i), dg_metric_sums_term(f, i));
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_text_printf(&t, "%s\t%.6g\n", e->model->metrics[i].name, dg_metric_sums_metric(f, e, i));
    if (t.failed)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    else
        dg_columns_print(stdout, &t, "", 0);
    dg_text_free(&t);
    return why->code;
}

static dg_status print_json(const json_t *j, dg_diag *why)
{
    dg_text text = dg_text_make(NULL);
    if (dg_json_write(j, JSON_COMPACT, &text))
        printf("%s\n", text.data);
    else
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_text_free(&text);
    return why->code;
}

static dg_status print_result(const dg_survey *s, const eval_options *o, void *user, dg_diag *why)
{
    (void)user;
    dg_samples worst = {.row = NULL};
    json_t *j = o->json ? figures_json(s->e, &s->figures, s->part, why) : NULL;
    dg_status status = why->code;
    if (status == DG_OK && o->worst > 0)
        status = dg_samples_worst(&worst, s, o->worst, (int)o->threads, why);
    int found = status == DG_OK && o->worst > 0;
    if (status == DG_OK && !j)
        status = print_figures(s->e, &s->figures, s->part, why);
    if (status == DG_OK && !j)
        dg_mistakes_print(s);
    if (status == DG_OK && j)
        dg_json_set(j, "mistakes", dg_mistakes_json(s), why);
    if (found && status == DG_OK && !j)
        dg_worst_print(&worst);
    if (found && j)
        dg_json_set(j, "worst", dg_worst_json(&worst), why);
    dg_samples_free(&worst);
    if (j && why->code == DG_OK)
        print_json(j, why);
    json_decref(j);
    return why->code;
}

typedef dg_status printer(const dg_survey *s, const eval_options *o, void *user, dg_diag *why);

/* Opens a run, goes over its part, hands the survey to `print`. */
static int survey_run(const char *run, const eval_options *o, const dg_plugins *plugins,
                      printer *print, void *user)
{
    int code = EXIT_DONE;
    dg_diag why = {.code = DG_OK};
    dg_survey s = {.e = NULL};
    dg_experiment_options eo = {.dirs = o->data.item,
                                .n_dirs = o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n,
                                .as = dg_as_of(&o->as)};
    dg_experiment *e = dg_open_either(&dg_command_eval, run, o->weights, &eo, &code);
    int part = e ? choose_part(e, o->part) : -1;
    if (part < 0) {
        dg_experiment_free(e);
        return e ? EXIT_USAGE : code;
    }
    dg_status status = dg_survey_run(&s, e, part, (int)o->threads, &why);
    if (status == DG_OK)
        status = print(&s, o, user, &why);
    if (status == DG_OK)
        status = dg_metric_sums_sound(&s.figures, e, &why);
    dg_survey_free(&s);
    dg_experiment_free(e);
    return status == DG_OK ? EXIT_DONE : dg_tell(&dg_command_eval, &why);
}

/* ---- Several runs ---------------------------------------------------------------------------- */

/* What is printed once all of them were seen: of each its metrics. */
typedef struct comparison {
    const char *run;
    dg_text names, line; /* of the figures; a line of the table */
    json_t *json;
} comparison;

static dg_status take_figures(const dg_survey *s, const eval_options *o, void *user, dg_diag *why)
{
    comparison *now = user;
    const dg_experiment *e = s->e;
    if (o->json) {
        now->json = figures_json(e, &s->figures, s->part, why);
        if (now->json)
            dg_json_set(now->json, "run", json_string(now->run), why);
        return why->code;
    }
    dg_text_add(&now->names, "run\tpart\tweights\tstep\tloss");
    dg_text_printf(&now->line, "%s\t%s\t%s\t%lld\t%.6g", now->run, dg_part_names[s->part],
                   e->weights.which ? e->weights.which : "", (long long)e->weights.step,
                   dg_metric_sums_loss(&s->figures, e));
    for (int i = 0; i < e->model->n_metrics; i++) {
        dg_text_printf(&now->names, "\t%s", e->model->metrics[i].name);
        dg_text_printf(&now->line, "\t%.6g", dg_metric_sums_metric(&s->figures, e, i));
    }
    return now->names.failed || now->line.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory")
                                                 : DG_OK;
}

/* Runs with the same metrics stand under one line of names. */
static void print_table(int n, comparison c[])
{
    dg_text t = dg_text_make(NULL);
    for (int i = 0; i < n; i++) {
        int again = i > 0 && strcmp(c[i].names.data, c[i - 1].names.data) == 0;
        if (!again)
            dg_text_printf(&t, "%s\n", c[i].names.data);
        dg_text_printf(&t, "%s\n", c[i].line.data);
    }
    dg_columns_print(stdout, &t, "", ~7u);
    dg_text_free(&t);
}

static int compare_runs(int n, const char *const run[], const eval_options *o,
                        const dg_plugins *plugins)
{
    comparison c[DG_MOST_LIST];
    int code = EXIT_DONE, seen = 0;
    dg_diag why = {.code = DG_OK};
    json_t *list = json_array();
    for (; seen < n && code == EXIT_DONE; seen++) {
        comparison *now = &c[seen];
        *now = (comparison){run[seen], dg_text_make(NULL), dg_text_make(NULL), NULL};
        code = survey_run(run[seen], o, plugins, take_figures, now);
        if (now->json)
            dg_json_append(list, now->json, &why);
    }
    if (code == EXIT_DONE && o->json)
        print_json(list, &why);
    else if (code == EXIT_DONE)
        print_table(n, c);
    for (int i = 0; i < seen; i++) {
        dg_text_free(&c[i].names);
        dg_text_free(&c[i].line);
    }
    json_decref(list);
    return code == EXIT_DONE && why.code != DG_OK ? dg_tell(&dg_command_eval, &why) : code;
}

static int check_usage(int n, const char *const run[], const eval_options *o)
{
    char text[512];
    if (n == 0)
        return dg_usage(&dg_command_eval, "a run is missing");
    if (n > 1 && o->worst > 0)
        return dg_usage(&dg_command_eval, "--worst goes with one run");
    if (o->part && find_part(o->part) < 0) {
        dg_format(text, sizeof text, "--part is '%s', it takes train, validation or test", o->part);
        return dg_usage(&dg_command_eval, text);
    }
    int code = EXIT_DONE;
    for (int i = 0; i < n && code == EXIT_DONE; i++)
        code = dg_need_run(&dg_command_eval, run[i]);
    return code;
}

static int eval(int argc, char **argv)
{
    eval_options o = {.weights = NULL};
    const char *run[DG_MOST_LIST] = {NULL};
    int n = 0;
    const dg_flag flags[] = {
        {"part", FLAG_TEXT, &o.part, "PART", "train, validation or test; the last there is"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"worst", FLAG_COUNT, &o.worst, "N", "the N samples with the largest loss"},
        {"json", FLAG_ON, &o.json, NULL, "as JSON, on one line"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
    };
    int code = dg_flags_read(&dg_command_eval, flags, sizeof flags / sizeof flags[0], run,
                             DG_MOST_LIST, argc, argv);
    if (code >= 0)
        return code;
    while (n < DG_MOST_LIST && run[n])
        n++;
    code = check_usage(n, run, &o);
    if (code != EXIT_DONE)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_eval, &o.node, &plugins);
    if (code >= 0)
        return code;
    return n == 1 ? survey_run(run[0], &o, &plugins, print_result, NULL)
                  : compare_runs(n, run, &o, &plugins);
}

const dg_command dg_command_eval = {
    "eval", "RUN... [options]", "loss, metrics, mistakes of a run; several runs compared", eval,
    "The metrics of a trained network, and what it takes for what: a confusion matrix with\n"
    "precision and recall by class. Of several runs a table of their figures."};
