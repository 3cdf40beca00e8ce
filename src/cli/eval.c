/* dagrad eval: loss by term and metrics of a part of the data, and the samples with the largest
 * loss. */
#include "cli/columns.h"
#include "cli/command.h"
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

/* The batch of training, so that figures have the bits of those that training told. */
static int64_t batch_of(const dg_experiment *e, dg_part_rows part)
{
    int64_t rows = e->part[DG_TRAIN_PART].data ? e->part[DG_TRAIN_PART].rows : part.rows;
    return e->settings.batch == 0 || e->settings.batch > rows ? rows : e->settings.batch;
}

static json_t *figures_json(const dg_experiment *e, const dg_figures *f, int part, dg_diag *why)
{
    char hash[17] = "";
    if (dg_graph_hash(e->model->graph, hash) != DG_OK)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    json_t *terms = json_object(), *metrics = json_object();
    for (int i = 0; i < dg_graph_losses(e->model->graph); i++)
        dg_json_set(terms, dg_term_name(e, i), dg_json_number(dg_figures_term(f, i)), why);
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_json_set(metrics, e->model->metrics[i].name, dg_json_number(dg_figures_metric(f, e, i)),
                    why);
    json_t *step = e->weights.step >= 0 ? json_integer(e->weights.step) : json_null();
    json_t *j = json_pack(
        "{s:s, s:I, s:s, s:s?, s:o, s:o, s:o, s:o}", "part", dg_part_names[part], "rows",
        (json_int_t)e->part[part].rows, "weights", hash, "which", e->weights.which, "step", step,
        "loss", dg_json_number(dg_figures_loss(f, e)), "terms", terms, "metrics", metrics);
    if (!j)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    return j;
}

static dg_status print_figures(const dg_experiment *e, const dg_figures *f, int part, dg_diag *why)
{
    int terms = dg_graph_losses(e->model->graph);
    dg_text t = dg_text_make(NULL);
    dg_text_printf(&t, "part\t%s, %lld rows\nweights\t", dg_part_names[part],
                   (long long)e->part[part].rows);
    dg_weights_text(e, &t);
    dg_text_printf(&t, "\nloss\t%.6g\n", dg_figures_loss(f, e));
    for (int i = 0; i < terms && terms > 1; i++)
        dg_text_printf(&t, "  %s\t%.6g\n", dg_term_name(e, i), dg_figures_term(f, i));
    for (int i = 0; i < e->model->n_metrics; i++)
        dg_text_printf(&t, "%s\t%.6g\n", e->model->metrics[i].name, dg_figures_metric(f, e, i));
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

static dg_status print_result(dg_experiment *e, const dg_figures *f, int part,
                              const double *loss_of, const eval_options *o, dg_diag *why)
{
    dg_worst w = {.row = NULL};
    json_t *j = o->json ? figures_json(e, f, part, why) : NULL;
    dg_status s = why->code;
    if (s == DG_OK && o->worst > 0)
        s = dg_worst_find(&w, e, e->part[part], loss_of, o->worst, (int)o->threads, why);
    int found = s == DG_OK && o->worst > 0;
    if (s == DG_OK && !j)
        s = print_figures(e, f, part, why);
    if (found && s == DG_OK && !j)
        dg_worst_print(&w);
    if (found && j)
        dg_json_set(j, "worst", dg_worst_json(&w), why);
    dg_worst_free(&w);
    if (j && why->code == DG_OK)
        print_json(j, why);
    json_decref(j);
    return why->code;
}

static int evaluate(dg_experiment *e, int part, const eval_options *o)
{
    dg_diag why = {.code = DG_OK};
    dg_evaluator v;
    dg_figures f = {.x = NULL};
    dg_part_rows rows = e->part[part];
    double *loss_of = o->worst > 0 ? calloc((size_t)rows.rows, sizeof *loss_of) : NULL;
    dg_status s = dg_evaluator_make(&v, e, rows, batch_of(e, rows), (int)o->threads, &why);
    if (s == DG_OK)
        s = dg_figures_make(&f, e, &why);
    if (s == DG_OK && o->worst > 0 && !loss_of)
        s = dg_diag_set(&why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = dg_evaluator_run(&v, &f, loss_of, NULL, &why);
    dg_evaluator_free(&v);
    if (s == DG_OK)
        s = print_result(e, &f, part, loss_of, o, &why);
    if (s == DG_OK)
        s = dg_figures_sound(&f, e, &why);
    dg_figures_free(&f);
    free(loss_of);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_eval, &why);
}

static int check_usage(const char *run, const eval_options *o)
{
    char text[512];
    if (!run)
        return dg_usage(&dg_command_eval, "a run is missing");
    if (o->part && find_part(o->part) < 0) {
        dg_format(text, sizeof text, "--part is '%s', it takes train, validation or test", o->part);
        return dg_usage(&dg_command_eval, text);
    }
    return dg_need_run(&dg_command_eval, run);
}

static int eval(int argc, char **argv)
{
    eval_options o = {.weights = NULL};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"part", FLAG_TEXT, &o.part, "PART", "train, validation or test; the last there is"},
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "last, best (the default where there is a validation part), or a file"},
        {"worst", FLAG_COUNT, &o.worst, "N", "the N samples with the largest loss"},
        {"json", FLAG_ON, &o.json, NULL, "as JSON, on one line"},
        {"threads", FLAG_COUNT, &o.threads, "N", "one for each processor"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
    };
    int code = dg_flags_read(&dg_command_eval, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    code = check_usage(place[0], &o);
    if (code != EXIT_DONE)
        return code;
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_eval, &o.node, &plugins);
    if (code >= 0)
        return code;
    dg_experiment_options eo = {
        .dirs = o.data.item, .n_dirs = o.data.n, .types = plugins.type, .n_types = plugins.n};
    dg_experiment *e = dg_open_either(&dg_command_eval, place[0], o.weights, &eo, &code);
    if (!e)
        return code;
    int part = choose_part(e, o.part);
    code = part < 0 ? EXIT_USAGE : evaluate(e, part, &o);
    dg_experiment_free(e);
    return code;
}

const dg_command dg_command_eval = {"eval", "RUN [options]",
                                    "loss and metrics of a run, and its worst samples", eval};
