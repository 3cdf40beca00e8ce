/* dagrad grad: loss and gradients of a model at one point, as safetensors; states and error
 * vectors, a Jacobian, a forward-mode product. It is also how other tools compare themselves with
 * dagrad.
 *
 * The tensors of the file: "loss"; the gradient of a parameter or input under its own name; with
 * --keep "value.NAME" and "eps.NAME"; "jacobian"; with --tangent "tangent.NAME" of each output and
 * "tangent.loss". */
#include "base/text.h"
#include "cli/command.h"
#include "cli/find.h"
#include "cli/inputs.h"
#include "cli/jacobian.h"
#include "cli/local.h"
#include "cli/numbers.h"
#include "graph/graph.h"
#include "io/safetensors.h"
#include "io/weights.h"
#include "train/checkpoint.h"
#include "train/metric_sums.h"
#include "train/explain.h"
#include "train/rundir.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 4096 };

typedef struct grad_options {
    const char *weights, *out, *jacobian, *tangent, *of;
    dg_as_flags as;
    dg_list input, keep, wrt, print, node, data, set; /* node: names, and shared objects */
    int64_t batch, threads, seed, sample;
    int raw;
} grad_options;

typedef struct grad {
    dg_experiment *e;
    dg_inputs in; /* what is given of the point */
    const grad_options *o;
    FILE *to; /* where it prints: not where tensors are written to */
    dg_program *p;
    dg_options options;
    dg_value wrt[MOST_TENSORS], keep[MOST_TENSORS], print[MOST_TENSORS], of, by[2];
    dg_value node[DG_MOST_LIST];                 /* a result of each node that is looked at alone */
    int n_wrt, n_keep, n_named, n_print, n_node; /* n_named: of keep those that are written */
    char *keep_name[MOST_TENSORS], *print_name[MOST_TENSORS]; /* as they were given */
    dg_named *tensor;                                         /* what is written */
    int n;
} grad;

static dg_value find(const grad *k, const char *option, const char *name)
{
    return dg_find_value(&dg_command_grad, option, k->e->model->graph, name);
}

/* A list "a,b" of an option that may also be repeated. */
static int find_all(const grad *k, const char *option, const dg_list *list, dg_value to[], int *n,
                    char *names[])
{
    for (int i = 0; i < list->n; i++) {
        char one[256];
        for (const char *at = list->item[i]; *at; at += *at == ',') {
            size_t length = strcspn(at, ",");
            snprintf(one, sizeof one, "%.*s", (int)(length < sizeof one ? length : sizeof one - 1),
                     at);
            dg_value v = find(k, option, one);
            if (!v.id || *n == MOST_TENSORS)
                return 0;
            if (names)
                names[*n] = strdup(one);
            to[(*n)++] = v;
            at += length;
        }
    }
    return 1;
}

/* ---- results --------------------------------------------------------------------------------- */

static dg_status add(grad *k, const char *prefix, const char *name, const dg_tensor *t,
                     dg_diag *why)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    if (k->n == MOST_TENSORS)
        return dg_diag_set(why, DG_EUSAGE, "more than %d tensors", MOST_TENSORS);
    k->tensor[k->n] = (dg_named){strdup(full), *t};
    return k->tensor[k->n++].name ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static dg_status add_part(grad *k, const char *prefix, const char *name, dg_value v, dg_part part,
                          dg_diag *why)
{
    dg_tensor t = {.data = NULL};
    if (dg_get(k->p, v, part, &t) != DG_OK)
        return dg_program_status(k->p, why);
    t.data = malloc(t.bytes + 1);
    if (!t.data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_get(k->p, v, part, &t) != DG_OK) {
        free(t.data);
        return dg_program_status(k->p, why);
    }
    return add(k, prefix, name, &t, why);
}

static dg_status add_number(grad *k, const char *name, double x, dg_diag *why)
{
    double *data = malloc(sizeof *data);
    if (!data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    *data = x;
    dg_tensor t = {DG_F64, {0}, data, sizeof *data};
    return add(k, "", name, &t, why);
}

static const char *name_of(const grad *k, dg_value v)
{
    return k->e->model->graph->values[v.id - 1].name;
}

/* One NaN for all: the C library prints some as -nan. */
static double plain(double x)
{
    return isnan(x) ? (double)NAN : x;
}

static dg_status set_point(grad *k, dg_diag *why);

static dg_status take_gradients(grad *k, dg_diag *why)
{
    double loss;
    if (dg_loss_value(k->p, -1, NULL, &loss) != DG_OK || dg_adjoint(k->p, NULL, 0) != DG_OK)
        return dg_program_status(k->p, why);
    dg_status s = add_number(k, "loss", loss, why);
    fprintf(k->to, "loss %.17g\n", plain(loss));
    for (int i = 0; s == DG_OK && i < k->n_wrt; i++)
        s = add_part(k, "", name_of(k, k->wrt[i]), k->wrt[i], DG_GRADIENT, why);
    for (int i = 0; s == DG_OK && i < k->n_named; i++) {
        s = add_part(k, "value.", k->keep_name[i], k->keep[i], DG_VALUE, why);
        if (s == DG_OK && k->e->model->graph->values[k->keep[i].id - 1].type != DG_I32)
            s = add_part(k, "eps.", k->keep_name[i], k->keep[i], DG_ERROR_VECTOR, why);
    }
    return s;
}

/* Euclidean norm of a tensor, and its shape, a line each. */
static void print_tensors(const grad *k)
{
    char shape[128];
    for (int i = dg_graph_losses(k->e->model->graph) > 0; i < k->n; i++) { /* the loss was told */
        const dg_tensor *t = &k->tensor[i].tensor;
        double sum = 0;
        for (int64_t e = 0, n = dg_shape_count(&t->shape); t->type != DG_I32 && e < n; e++)
            sum += dg_tensor_number(t, e) * dg_tensor_number(t, e);
        fprintf(k->to, "%-32s %-20s norm %.9g\n", k->tensor[i].name,
                dg_shape_text(&t->shape, shape, sizeof shape), plain(sqrt(sum)));
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int is_target(const grad *k, dg_value v)
{
    const dg_dag *m = k->e->model;
    for (int i = 0; i < m->n_ports; i++)
        if (m->ports[i].value.id == v.id)
            return m->ports[i].target;
    return 0;
}

/* Parameters and constants are the graph's, all others the program's. */
static dg_status read_part(grad *k, dg_value v, dg_part part, dg_tensor *t)
{
    dg_kind kind = k->e->model->graph->values[v.id - 1].kind;
    if (part == DG_VALUE && kind != DG_INPUT && kind != DG_RESULT)
        return dg_graph_get(k->e->model->graph, v, t);
    return dg_get(k->p, v, part, t);
}

static dg_status print_part(grad *k, int i, dg_part part, const char *format, dg_diag *why)
{
    char title[512];
    dg_value v = k->print[i];
    dg_tensor t = {.data = NULL};
    dg_status s = read_part(k, v, part, &t);
    if (s == DG_OK && !(t.data = malloc(t.bytes + 1)))
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = read_part(k, v, part, &t);
    dg_format(title, sizeof title, format, k->print_name[i]);
    if (s == DG_OK)
        dg_numbers_print(k->to, title, &t);
    free(t.data);
    return s == DG_OK ? DG_OK : dg_program_status(k->p, why);
}

/* The value of each, and its error vector; of a parameter or an input that is the gradient. */
static dg_status print_values(grad *k, int backward, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    dg_status s = DG_OK;
    for (int i = 0; i < k->n_print && s == DG_OK; i++) {
        const dg_vertex *v = &g->values[k->print[i].id - 1];
        s = print_part(k, i, DG_VALUE, "%s", why);
        if (s != DG_OK || !backward || v->type != g->real || is_target(k, k->print[i]))
            continue;
        if (v->kind == DG_RESULT)
            s = print_part(k, i, DG_ERROR_VECTOR, "eps of %s", why);
        else if (v->kind == DG_INPUT || (v->kind == DG_PARAMETER && !v->frozen))
            s = print_part(k, i, DG_GRADIENT, "gradient of %s", why);
    }
    return s;
}

/* A and B of single nodes, through the naive interpreter, which has every value of the step. */
static dg_status print_nodes(grad *k, const dg_options *o, dg_diag *why)
{
    dg_graph *g = k->e->model->graph;
    dg_point x = {NULL, 0};
    dg_status s = set_point(k, why);
    if (s == DG_OK)
        s = dg_point_copy(&x, g, k->p, why);
    dg_naive *at = s == DG_OK ? dg_naive_run(g, o, 0, x.in) : NULL;
    if (s == DG_OK && !at)
        s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; s == DG_OK && i < k->n_node; i++)
        s = dg_local_print(k->to, g, at, k->node[i], why);
    dg_naive_free(at);
    dg_point_free(&x);
    return s;
}

/* ---- Jacobian and tangent: programs of their own --------------------------------------------- */

static dg_status compile(grad *k, const dg_options *o, dg_diag *why);

static dg_status take_jacobian(grad *k, dg_diag *why)
{
    char title[512];
    const dg_graph *g = k->e->model->graph;
    dg_options o = k->options;
    dg_tensor t = {.data = NULL};
    dg_jacobian_options(&o, g, &k->of, k->by);
    dg_status s = compile(k, &o, why);
    if (s == DG_OK)
        s = dg_jacobian_form(k->p, g, k->of, k->by[0], &t, why);
    if (s != DG_OK) {
        free(t.data);
        return s;
    }
    if (!dg_depends_on(g, k->of, k->by[0]))
        fprintf(stderr, "dagrad grad: '%s' does not depend on '%s': its Jacobian is 0\n",
                name_of(k, k->of), k->o->jacobian);
    dg_format(title, sizeof title, "jacobian of %s by %s", k->o->of ? k->o->of : name_of(k, k->of),
              k->o->jacobian);
    dg_numbers_print(k->to, title, &t);
    return add(k, "", "jacobian", &t, why);
}

/* Perturbations from a file, by the names of inputs and parameters. */
static dg_status set_tangents(grad *k, const dg_tensors *from, dg_diag *why)
{
    for (int i = 0; i < from->n; i++) {
        dg_value v = dg_value_find(k->e->model->graph, from->tensor[i].name);
        if (!v.id)
            return dg_diag_set(why, DG_EDATA, "%s: '%s' is no input and no parameter of the model",
                               k->o->tangent, from->tensor[i].name);
        if (dg_set(k->p, v, DG_TANGENT, &from->tensor[i].tensor) != DG_OK)
            return dg_program_status(k->p, why);
    }
    return DG_OK;
}

static dg_status take_tangent(grad *k, dg_diag *why)
{
    const dg_graph *g = k->e->model->graph;
    dg_checkpoint *file = NULL;
    dg_options o = k->options;
    dg_value all[MOST_TENSORS];
    o.n_wrt = 0;
    for (int id = 1; id <= g->n_values && o.n_wrt < MOST_TENSORS; id++)
        if (g->values[id - 1].type == g->real && g->values[id - 1].kind <= DG_PARAMETER)
            all[o.n_wrt++] = (dg_value){id};
    o.wrt = all;
    o.tangent = 1;
    dg_status s = dg_checkpoint_load(&file, k->o->tangent, 0, why);
    if (s == DG_OK)
        s = compile(k, &o, why);
    if (s == DG_OK)
        s = set_tangents(k, dg_checkpoint_tensors(file), why);
    if (s == DG_OK && dg_tangent(k->p) != DG_OK)
        s = dg_program_status(k->p, why);
    for (int i = 0; s == DG_OK && i < dg_graph_outputs(g); i++) {
        const char *name;
        dg_value v = dg_graph_output(g, i, &name);
        s = add_part(k, "tangent.", name ? name : name_of(k, v), v, DG_TANGENT, why);
    }
    double sum = 0;
    if (s == DG_OK && dg_graph_losses(g) > 0)
        s = dg_metric_sums_tangent(k->e, k->p, &sum, why);
    if (s == DG_OK && dg_graph_losses(g) > 0) {
        fprintf(k->to, "tangent of the loss %.17g\n", sum);
        s = add_number(k, "tangent.loss", sum, why);
    }
    dg_checkpoint_free(file);
    return s;
}

/* ---- the point ------------------------------------------------------------------------------- */

static int64_t first_row(const grad *k)
{
    return k->o->sample > 0 ? k->o->sample : 0;
}

static dg_status set_point(grad *k, dg_diag *why)
{
    return dg_experiment_point_of(k->e, k->p, k->options.batch, (uint64_t)k->o->seed, first_row(k),
                                  k->in.rows_of, why);
}

/* The rows that are the point: of what is given by --input, else of the training part. */
static dg_batch_rows data_rows(const grad *k, int64_t rows[])
{
    const dg_part_rows *part = &k->e->part[DG_TRAIN_PART];
    const dg_dataset *given = k->o->input.n ? k->in.rows_of : NULL;
    for (int64_t i = 0; i < k->options.batch; i++)
        rows[i] = given        ? first_row(k) + i
                  : part->data ? part->first + (first_row(k) + i) % part->rows
                               : 0;
    return (dg_batch_rows){given ? given : part->data, rows, k->options.batch};
}

/* Says where a number that is not finite came from. */
static void explain(grad *k, const dg_options *o, const dg_point *x, dg_diag *why)
{
    int64_t *rows = calloc((size_t)k->options.batch + 1, sizeof *rows);
    dg_batch_rows of = rows ? data_rows(k, rows) : (dg_batch_rows){NULL, NULL, 0};
    if (why->code == DG_EDATA)
        dg_explain_row(k->e, &of, why);
    else
        dg_explain(k->e, o, 0, x, &of, "the loss, or a gradient,", why);
    free(rows);
}

/* DG_EFINITE if the loss or a gradient is not finite. */
static dg_status check_finite(grad *k, const dg_options *o, dg_diag *why)
{
    dg_point x = {NULL, 0};
    int bad = 0;
    for (int i = 0; i < k->n && !bad; i++) {
        const dg_tensor *t = &k->tensor[i].tensor;
        int kept = strncmp(k->tensor[i].name, "value.", 6) == 0;
        for (int64_t e = 0, n = dg_shape_count(&t->shape); !kept && t->type != DG_I32 && e < n; e++)
            bad |= !isfinite(dg_tensor_number(t, e));
    }
    if (!bad)
        return DG_OK;
    dg_status s = set_point(k, why);
    if (s == DG_OK)
        s = dg_point_copy(&x, k->e->model->graph, k->p, why);
    if (s == DG_OK)
        explain(k, o, &x, why);
    dg_point_free(&x);
    return why->code;
}

/* A program for o, at the point, after a forward pass. */
static dg_status compile(grad *k, const dg_options *o, dg_diag *why)
{
    dg_program_free(k->p);
    k->p = dg_compile(k->e->model->graph, o);
    if (!k->p)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (dg_program_status(k->p, why) != DG_OK)
        return dg_program_status(k->p, NULL);
    dg_point x = {NULL, 0};
    dg_status s = set_point(k, why);
    if (s == DG_OK)
        s = dg_point_copy(&x, k->e->model->graph, k->p, why);
    if (s == DG_OK &&
        dg_forward(k->p, &(dg_batch){.size = sizeof(dg_batch), .rows = o->batch}) != DG_OK) {
        s = dg_program_status(k->p, why);
        if (s == DG_EFINITE || s == DG_EDATA)
            explain(k, o, &x, why);
    }
    dg_point_free(&x);
    return s;
}

static int has(const dg_value list[], int n, dg_value v)
{
    for (int i = 0; i < n; i++)
        if (list[i].id == v.id)
            return 1;
    return 0;
}

/* What is printed must be computed: results are kept, inputs get a gradient. */
static void keep_printed(grad *k, dg_value v)
{
    const dg_vertex *x = &k->e->model->graph->values[v.id - 1];
    if (x->kind == DG_RESULT && !has(k->keep, k->n_keep, v) && k->n_keep < MOST_TENSORS)
        k->keep[k->n_keep++] = v;
    if (x->kind == DG_INPUT && x->type != DG_I32 && !is_target(k, v) && !has(k->wrt, k->n_wrt, v) &&
        k->n_wrt < MOST_TENSORS)
        k->wrt[k->n_wrt++] = v;
}

/* Nodes that are looked at alone: their results are kept. */
static int choose_nodes(grad *k)
{
    const dg_graph *g = k->e->model->graph;
    for (int i = 0; i < k->o->node.n; i++) {
        dg_value v = find(k, "node", k->o->node.item[i]);
        if (v.id && g->values[v.id - 1].kind != DG_RESULT) {
            fprintf(stderr,
                    "dagrad grad: --node names '%s', which no node makes; --print shows it\n",
                    k->o->node.item[i]);
            v.id = 0;
        }
        if (!v.id)
            return 0;
        const dg_node *n = &g->nodes[g->values[v.id - 1].node];
        for (int j = 0; j < n->n_out; j++)
            keep_printed(k, (dg_value){n->out + j});
        k->node[k->n_node++] = v;
    }
    return 1;
}

/* A Jacobian of or by whole numbers is none: says what can be asked. */
static int refuse_integers(const grad *k, const char *option, dg_value v)
{
    const dg_graph *g = k->e->model->graph;
    dg_text all = dg_text_make(NULL);
    if (g->values[v.id - 1].type == g->real)
        return 1;
    dg_list_values(g, v.id == k->by[0].id ? k->of : (dg_value){0}, 1, &all);
    fprintf(stderr, "dagrad grad: --%s names '%s', which holds whole numbers; it takes %s\n",
            option, name_of(k, v), all.data ? all.data : "none of this model");
    dg_text_free(&all);
    return 0;
}

static int choose_jacobian(grad *k)
{
    const dg_graph *g = k->e->model->graph;
    k->by[0] = find(k, "jacobian", k->o->jacobian);
    k->of = k->o->of                  ? find(k, "of", k->o->of)
            : dg_graph_outputs(g) > 0 ? dg_graph_output(g, 0, NULL)
                                      : (dg_value){0};
    k->by[1] = k->of;
    if (k->by[0].id && !k->of.id && !k->o->of)
        fprintf(stderr, "dagrad grad: --jacobian needs --of NAME: the model has no output\n");
    return k->by[0].id && k->of.id && refuse_integers(k, "jacobian", k->by[0]) &&
           refuse_integers(k, "of", k->of);
}

static int choose_values(grad *k)
{
    const dg_graph *g = k->e->model->graph;
    for (int id = 1; id <= g->n_values && k->n_wrt < MOST_TENSORS; id++)
        if (g->values[id - 1].kind == DG_PARAMETER && !g->values[id - 1].frozen)
            k->wrt[k->n_wrt++] = (dg_value){id};
    if (!find_all(k, "wrt", &k->o->wrt, k->wrt, &k->n_wrt, NULL) ||
        !find_all(k, "keep", &k->o->keep, k->keep, &k->n_keep, k->keep_name) ||
        !find_all(k, "print", &k->o->print, k->print, &k->n_print, k->print_name))
        return 0;
    k->n_named = k->n_keep;
    for (int i = 0; i < k->n_print; i++)
        keep_printed(k, k->print[i]);
    return choose_nodes(k) && (!k->o->jacobian || choose_jacobian(k));
}

static dg_status write_result(const grad *k, dg_diag *why)
{
    dg_writer *w;
    dg_tensors t = {.n = k->n, .tensor = k->tensor};
    dg_status s = dg_writer_open(&w, k->o->out, why);
    return s == DG_OK ? dg_writer_end(w, dg_safetensors_write(w, &t)) : s;
}

/* Loss and gradients, and the numbers that are asked for. */
static dg_status run_step(grad *k, dg_diag *why)
{
    int losses = dg_graph_losses(k->e->model->graph);
    dg_options o = k->options;
    o.wrt = k->wrt;
    o.n_wrt = k->n_wrt;
    o.keep = k->keep;
    o.n_keep = k->n_keep;
    if (losses == 0 && k->n_print == 0 && k->n_node == 0)
        return DG_OK;
    if (losses == 0)
        o.mode = DG_RUN_INFER;
    dg_status s = compile(k, &o, why);
    if (s == DG_OK && losses > 0)
        s = take_gradients(k, why);
    if (s == DG_OK)
        s = print_values(k, losses > 0, why);
    if (s == DG_OK && losses > 0)
        s = check_finite(k, &o, why);
    if (s == DG_EFINITE)
        print_tensors(k);
    return s == DG_OK && k->n_node > 0 ? print_nodes(k, &o, why) : s;
}

static int run(grad *k)
{
    dg_diag why = {.code = DG_OK};
    dg_status s = DG_OK;
    if (k->o->weights && k->e->options.path) /* NULL: a run, opened with its weights */
        s = dg_weights_read(k->e, k->o->weights, 0, NULL, &why);
    if (s == DG_OK && !choose_values(k))
        return EXIT_USAGE;
    if (s == DG_OK)
        s = run_step(k, &why);
    if (s == DG_OK && k->o->jacobian)
        s = take_jacobian(k, &why);
    if (s == DG_OK && k->o->tangent)
        s = take_tangent(k, &why);
    if (s == DG_OK && k->o->out)
        s = write_result(k, &why);
    if (s != DG_OK)
        return dg_tell(&dg_command_grad, &why);
    if (k->n_print == 0 && k->n_node == 0)
        print_tensors(k);
    return EXIT_DONE;
}

static void drop(grad *k)
{
    for (int i = 0; i < k->n; i++) {
        free(k->tensor[i].name);
        free(k->tensor[i].tensor.data);
    }
    for (int i = 0; i < k->n_named; i++)
        free(k->keep_name[i]);
    for (int i = 0; i < k->n_print; i++)
        free(k->print_name[i]);
    dg_program_free(k->p);
    dg_experiment_free(k->e);
    dg_inputs_free(&k->in);
}

/* --sample N: that row alone is the batch. */
static int choose_sample(grad *k)
{
    char text[160];
    const dg_part_rows *part = &k->e->part[DG_TRAIN_PART];
    int64_t rows = k->in.rows > 0 ? k->in.rows : part->data ? part->rows : 1;
    k->options.batch = 1;
    if (k->o->batch < 0 && k->o->sample < rows)
        return EXIT_DONE;
    if (k->o->batch >= 0)
        dg_format(text, sizeof text, "--sample takes one row, --batch is given too");
    else if (k->in.rows == 0 && !part->data)
        dg_format(text, sizeof text, "--sample is %lld, but there are no data: inputs are drawn",
                  (long long)k->o->sample);
    else
        dg_format(text, sizeof text, "--sample is %lld, there are the rows 0 to %lld",
                  (long long)k->o->sample, (long long)rows - 1);
    return dg_usage(&dg_command_grad, text);
}

/* Rows of the files that are given; else --batch, else those of the model. */
static int choose_rows(grad *k)
{
    char text[128];
    const int64_t given = k->in.rows, asked = k->o->batch, own = k->e->settings.batch;
    if (asked == 0)
        return dg_usage(&dg_command_grad, "--batch is 0, it takes 1 or more");
    if (k->o->sample >= 0)
        return choose_sample(k);
    k->options.batch = given > 0 ? given : asked > 0 ? asked : own > 0 ? own : 1;
    if (given < 1 || asked < 0 || asked == given)
        return EXIT_DONE;
    dg_format(text, sizeof text, "--batch is %lld, the inputs have %lld rows", (long long)asked,
              (long long)given);
    return dg_usage(&dg_command_grad, text);
}

/* What is not given comes from the data, which is said. */
static void tell_origin(const grad *k)
{
    const dg_dag *m = k->e->model;
    for (int i = 0; i < m->n_ports && k->in.rows > 0; i++)
        if (!dg_dataset_find(k->in.rows_of, m->ports[i].name))
            fprintf(stderr, "dagrad grad: '%s' is not given: %s\n", m->ports[i].name,
                    k->e->part[DG_TRAIN_PART].data ? "it comes from the first rows of the data"
                                                   : "it is drawn");
}

static int open_point(grad *k, const char *path, dg_experiment_options *eo)
{
    int code =
        dg_inputs_point(&k->in, &dg_command_grad, path, k->o->weights, &k->o->input, k->o->raw, eo);
    if (code != EXIT_DONE)
        return code;
    const dg_dag *m = k->in.first ? k->in.first->model : NULL;
    for (int i = 0; m && i <= m->n_ports; i++) {
        if (i == m->n_ports)
            eo->without_data = 1; /* all is given */
        else if (!dg_dataset_find(k->in.rows_of, m->ports[i].name))
            break;
    }
    k->e = dg_open_either(&dg_command_grad, path, k->o->weights, eo, &code);
    if (!k->e)
        return code;
    k->options = dg_program_options(k->e, DG_RUN_GRADIENT, 1);
    k->options.threads = (int)k->o->threads;
    k->options.seed = k->e->settings.seed;
    tell_origin(k);
    return choose_rows(k);
}

static int at_point(const char *path, const grad_options *o, dg_experiment_options *eo)
{
    grad *k = calloc(1, sizeof *k);
    dg_named *tensors = calloc(MOST_TENSORS, sizeof *tensors);
    int code = EXIT_INTERNAL;
    if (k && tensors) {
        k->o = o;
        k->to = o->out && strcmp(o->out, "-") == 0 ? stderr : stdout;
        k->tensor = tensors;
        code = open_point(k, path, eo);
        if (code == EXIT_DONE)
            code = run(k);
        drop(k);
    }
    free(tensors);
    free(k);
    return code;
}

static int grad_main(int argc, char **argv)
{
    grad_options o = {.batch = -1, .seed = 1, .sample = -1};
    dg_list given = {.n = 0}, objects = {.n = 0};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"weights", FLAG_TEXT, &o.weights, "FILE",
         "parameters (safetensors; of a run: last, best)"},
        {"layout", FLAG_TEXT, &o.as.layout, "HOW", dg_layout_text},
        {"map", FLAG_LIST, &o.as.map, "OLD=NEW", dg_map_text},
        {"input", FLAG_LIST, &o.input, "NAME=FILE",
         "rows of an input or target, through its fixed transforms (repeatable)"},
        {"raw", FLAG_ON, &o.raw, NULL, "--input is as the network sees it, past its transforms"},
        {"out", FLAG_TEXT, &o.out, "FILE",
         "where the tensors go (safetensors; -: standard output)"},
        {"wrt", FLAG_LIST, &o.wrt, "NAME,...", "inputs whose gradients are wanted too"},
        {"keep", FLAG_LIST, &o.keep, "NAME,...", "nodes whose values and error vectors are wanted"},
        {"print", FLAG_LIST, &o.print, "NAME,...",
         "numbers of values, with their error vectors or gradients"},
        {"jacobian", FLAG_TEXT, &o.jacobian, "NAME", "the Jacobian by this value"},
        {"of", FLAG_TEXT, &o.of, "NAME", "of this value; the first output"},
        {"tangent", FLAG_TEXT, &o.tangent, "FILE", "perturbations by name: their effect"},
        {"node", FLAG_LIST, &given, "NAME|FILE.so",
         "a node alone: A, B, A^t eps, B^t eps; FILE.so: node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train"},
        {"batch", FLAG_COUNT, &o.batch, "N",
         "rows, where no input is given; the batch of the model"},
        {"sample", FLAG_COUNT, &o.sample, "N", "one row of the data alone, counted from 0"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
        {"seed", FLAG_COUNT, &o.seed, "N", "of random inputs, where there are no data; 1"},
    };
    int code =
        dg_flags_read(&dg_command_grad, flags, sizeof flags / sizeof *flags, place, 1, argc, argv);
    if (code >= 0)
        return code;
    if (!place[0]) {
        fprintf(stderr, "dagrad grad: a model or a run is missing; usage: dagrad grad %s\n",
                dg_command_grad.usage);
        return EXIT_USAGE;
    }
    dg_plugins plugins;
    for (int i = 0; i < given.n; i++) {
        dg_list *to = dg_is_object(given.item[i]) ? &objects : &o.node;
        to->item[to->n++] = given.item[i];
    }
    code = dg_plugins_load(&dg_command_grad, &objects, &plugins);
    if (code >= 0)
        return code;
    dg_experiment_options eo = {.set = o.set.item,
                                .n_set = o.set.n,
                                .dirs = o.data.item,
                                .n_dirs = o.data.n,
                                .types = plugins.type,
                                .n_types = plugins.n,
                                .as = dg_as_of(&o.as),
                                .losses = 1,
                                .no_output = 1};
    return at_point(place[0], &o, &eo);
}

const dg_command dg_command_grad = {
    "grad", "MODEL|RUN [--out FILE] [options]", "loss, gradients, Jacobians at one point",
    grad_main,
    "Loss and gradients of all parameters at one point: the first rows of the training part, or\n"
    "given or random inputs. Where one is not finite, the exit code is 4, and the first node that\n"
    "made it so is named, forward or backward, with its row and the file of that.\n"
    "\n"
    "--out writes the loss as loss, a gradient under the name of its parameter or input, what\n"
    "--keep names as value.NAME and eps.NAME, the Jacobian as jacobian, what --tangent does as\n"
    "tangent.NAME and tangent.loss. --node NAME shows one node alone: inputs, result, A and B as\n"
    "matrices, A^t eps and B^t eps."};
