/* dagrad show: the nodes of a model with their shapes, its parameters, what a step costs, the
 * program after any pass, and a drawing of the graph. */
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "cli/find.h"
#include "cli/gradients.h"
#include "cli/numbers.h"
#include "cli/order.h"
#include "cli/reverse.h"
#include "cli/plugin.h"
#include "graph/graph.h"
#include "graph/init.h"
#include "ops/sizes.h"
#include "train/rundir.h"
#include <stdlib.h>
#include <string.h>

enum { FREE_SIZE = 16, DEFAULT_BATCH = 32, ORDER_PAIRS = 16 };

typedef struct show_options {
    const char *after, *dot, *svg;
    dg_list data, set, node, values;
    int64_t batch, threads, sample;
    int order, measure, reverse, gradients, all, unfold;
} show_options;

static const char *kind_word(const dg_experiment *e, const dg_value_info *info, int id)
{
    static const char *const word[] = {"input", "parameter", "state", "constant", "result"};
    for (int i = 0; i < e->model->n_ports; i++)
        if (e->model->ports[i].value.id == id && e->model->ports[i].target)
            return "target";
    return word[info->kind];
}

static void add_shape(dg_text *t, const dg_value_info *info)
{
    char shape[128];
    dg_text_printf(t, "%s%s", dg_shape_text(&info->shape, shape, sizeof shape),
                   info->type == DG_I32 ? " int" : "");
}

/* What marks a value: an output, a loss with its weight. */
static void add_marks(const dg_graph *g, int id, dg_text *t)
{
    for (int k = 0; k < dg_graph_outputs(g); k++)
        if (dg_graph_output(g, k, NULL).id == id)
            dg_text_add(t, "output ");
    for (int k = 0; k < dg_graph_losses(g); k++) {
        double weight;
        if (dg_graph_loss(g, k, NULL, &weight).id != id)
            continue;
        dg_text_add(t, "loss ");
        if (weight < 1 || weight > 1) {
            dg_text_add(t, "* ");
            dg_text_f64(t, weight);
        }
    }
}

static int64_t node_parameters(const dg_graph *g, const dg_node *n)
{
    int64_t sum = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && g->values[n->in[i] - 1].kind == DG_PARAMETER)
            sum += dg_shape_count(&g->values[n->in[i] - 1].shape);
    return sum;
}

/* What a state will be after the step is no result that a model can use. */
static int is_next_value(const dg_graph *g, const dg_value_info *info, int id)
{
    const dg_node *n = info->node ? &g->nodes[g->values[id - 1].node] : NULL;
    return n && info->part >= n->n_out - dg_next_values(n->type);
}

static void print_nodes(const dg_experiment *e)
{
    const dg_graph *g = e->model->graph;
    dg_text t = dg_text_make(NULL);
    char count[DG_COUNT_TEXT];
    dg_text_add(&t, "name\tnode\tresult\tparameters\t\n");
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind == DG_PARAMETER || (info.kind == DG_CONSTANT && !info.name) ||
            is_next_value(g, &info, id))
            continue;
        if (info.part > 0)
            dg_text_printf(&t, "  result %d\t\t", info.part + 1);
        else
            dg_text_printf(&t, "%s\t%s\t", info.name ? info.name : "",
                           info.node ? info.node->name : kind_word(e, &info, id));
        add_shape(&t, &info);
        int64_t n =
            info.node && info.part == 0 ? node_parameters(g, &g->nodes[g->values[id - 1].node]) : 0;
        dg_text_printf(&t, "\t%s\t", n ? dg_count_text(n, count) : "");
        add_marks(g, id, &t);
        dg_text_add(&t, "\n");
    }
    dg_columns_print(stdout, &t, "", 1 << 3);
    dg_text_free(&t);
}

static void print_parameters(const dg_graph *g)
{
    dg_text t = dg_text_make(NULL);
    char count[DG_COUNT_TEXT];
    dg_text_add(&t, "parameter\tshape\tnumbers\tstart\n");
    int n = 0;
    for (int id = 1; id <= dg_graph_values(g); id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind != DG_PARAMETER && info.kind != DG_STATE)
            continue;
        dg_text_printf(&t, "%s\t", info.name);
        add_shape(&t, &info);
        dg_text_printf(&t, "\t%s\t%s%s\n", dg_count_text(dg_shape_count(&info.shape), count),
                       info.init ? dg_init_resolved(g, id) : "", info.frozen ? ", frozen" : "");
        n++;
    }
    printf("\n");
    if (n)
        dg_columns_print(stdout, &t, "", 1 << 2);
    else
        printf("no parameters\n");
    dg_text_free(&t);
}

static void add_parameters(const dg_graph *g, dg_text *t)
{
    int64_t all = 0, frozen = 0;
    char count[DG_COUNT_TEXT];
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i].kind != DG_PARAMETER)
            continue;
        all += dg_shape_count(&g->values[i].shape);
        frozen += g->values[i].frozen ? dg_shape_count(&g->values[i].shape) : 0;
    }
    dg_text_printf(t, "parameters\t%s", dg_count_text(all, count));
    if (frozen)
        dg_text_printf(t, ", of which %s are frozen", dg_count_text(frozen, count));
    dg_text_add(t, "\n");
}

/* Shapes of a node's inputs with the batch bound; 0: more than fit. */
static int batch_shapes(const dg_graph *g, const dg_node *n, int64_t batch, dg_shape in[8])
{
    for (int i = 0; i < n->n_in && i < 8; i++) {
        in[i] = n->in[i] ? g->values[n->in[i] - 1].shape : (dg_shape){.rank = -1};
        if (in[i].rank > 0 && in[i].dim[0] == DG_N)
            in[i].dim[0] = batch;
    }
    return n->n_in <= 8;
}

/* The algorithms of each node that has a choice (convolutions). */
static void add_algorithms(const dg_graph *g, int exact, int64_t batch, dg_text *t)
{
    for (int k = 0; k < g->n_nodes; k++) {
        const dg_node *n = &g->nodes[k];
        const char *name[3] = {NULL};
        double spared;
        dg_shape in[8];
        dg_sizes of = {.size = sizeof of,
                       .attrs = n->attrs,
                       .n_in = n->n_in,
                       .in = in,
                       .real = g->real,
                       .exact = exact};
        int any = n->type->algorithm && batch_shapes(g, n, batch, in);
        for (int i = 0; any && i < 3; i++)
            name[i] = n->type->algorithm(&of, i - 1, &spared);
        if (name[0] && name[1] && name[2])
            dg_text_printf(t, "convolution\t%s: %s, gradients %s and %s\n",
                           n->name ? n->name : n->type->name, name[0], name[1], name[2]);
    }
}

static void print_totals(const dg_experiment *e, const dg_program *p, int64_t batch, int trains)
{
    dg_program_info info = {.size = sizeof info};
    dg_text t = dg_text_make(NULL);
    char a[DG_COUNT_TEXT], b[DG_COUNT_TEXT], c[DG_COUNT_TEXT];
    dg_program_look(p, &info);
    add_parameters(e->model->graph, &t);
    dg_text_printf(&t, "precision\t%s\n", dg_type_name(dg_graph_real(e->model->graph)));
    dg_text_printf(&t, "a step\t%s of %lld rows, %s operations\n",
                   trains ? "training" : "inference", (long long)batch,
                   dg_count_text((int64_t)info.flops, a));
    dg_text_printf(&t, "memory\tarena %s bytes for %d thread%s, largest live set %s, all %s\n",
                   dg_count_text((int64_t)info.arena, a), info.threads,
                   info.threads == 1 ? "" : "s", dg_count_text((int64_t)info.live, b),
                   dg_count_text((int64_t)info.memory, c));
    dg_text_printf(&t, "program\t%d calls in %d segments: %d fused, %d in place, %d views",
                   info.calls, info.segments, info.fusions, info.in_place, info.views);
    if (info.pruned)
        dg_text_printf(&t, "; %d node%s end nowhere and are left out", info.pruned,
                       info.pruned == 1 ? "" : "s");
    dg_text_printf(&t, "\ninstructions\t%s\n", info.isa);
    add_algorithms(e->model->graph, e->settings.exact, batch, &t);
    printf("\n");
    dg_columns_print(stdout, &t, "", 0);
    dg_text_free(&t);
}

static void print_line(void *user, const char *text)
{
    (void)user;
    printf("%s\n", text);
}

static int64_t batch_of(const dg_experiment *e, const show_options *o)
{
    int64_t batch = o->batch > 0 ? o->batch : e->settings.batch;
    return batch > 0 ? batch : DEFAULT_BATCH;
}

static int show_program(dg_experiment *e, const show_options *o)
{
    dg_diag why = {.code = DG_OK};
    int trains = dg_graph_losses(e->model->graph) > 0;
    dg_options po = dg_program_options(e, trains ? DG_RUN_TRAIN : DG_RUN_INFER, batch_of(e, o));
    po.threads = (int)o->threads;
    po.optimizer = &e->settings.optimizer;
    dg_program *p = dg_compile(e->model->graph, &po);
    dg_status s = p ? dg_program_status(p, &why) : dg_diag_set(&why, DG_EMEMORY, "out of memory");
    if (s == DG_OK && o->after)
        s = dg_program_print(p, o->after, print_line, NULL, &why);
    if (s == DG_OK && !o->after) {
        print_nodes(e);
        print_parameters(e->model->graph);
        print_totals(e, p, po.batch, trains);
    }
    dg_program_free(p);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_show, &why);
}

static int has_free(const dg_experiment *e)
{
    for (int i = 0; i < e->model->n_ports; i++)
        for (int k = 0; k < e->model->ports[i].shape.rank; k++)
            if (e->model->ports[i].free[k])
                return 1;
    return 0;
}

/* Without the data, unless they must say how large a free dimension is; then, if they are not
 * there, FREE_SIZE. */
static dg_experiment *open_model(const char *path, const show_options *o, const dg_plugins *plugins,
                                 int *code)
{
    dg_experiment_options eo = {.set = o->set.item,
                                .n_set = o->set.n,
                                .dirs = o->data.item,
                                .n_dirs = o->data.n,
                                .types = plugins->type,
                                .n_types = plugins->n,
                                .without_data = 1,
                                .no_output = 1,
                                .size = FREE_SIZE};
    int runs = o->sample >= 0;                             /* one step of it */
    const char *weights = runs || o->values.n ? NULL : ""; /* else none are needed */
    eo.without_data = !runs;
    dg_experiment *e = dg_open_either(&dg_command_show, path, weights, &eo, code);
    if (!e || runs || !has_free(e) || dg_is_run(path))
        return e;
    eo.without_data = 0;
    eo.size = 0;
    eo.say = NULL;
    dg_experiment *measured = dg_experiment_open(&eo);
    if (measured && dg_experiment_status(measured) == DG_OK) {
        dg_experiment_free(e);
        return measured;
    }
    dg_experiment_free(measured);
    fprintf(stderr, "dagrad show: the data are not there: free dimensions are taken as %d\n",
            FREE_SIZE);
    return e;
}

/* The drawing of the model, or of the backward pass of its program. */
static dg_status make_drawing(dg_experiment *e, const show_options *o, dg_drawing *d, dg_diag *why)
{
    if (!o->reverse) {
        dg_status s = dg_drawing_make(d, e->model, o->unfold || o->sample >= 0, why);
        return s == DG_OK && o->sample >= 0 ? dg_drawing_sample(d, e, o->sample, why) : s;
    }
    dg_options po = dg_program_options(e, DG_RUN_TRAIN, batch_of(e, o));
    po.threads = 1;
    dg_program *p = dg_compile(e->model->graph, &po);
    dg_status s = p ? dg_program_status(p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = dg_drawing_reverse(d, p, why);
    dg_program_free(p);
    return s;
}

static int draw(dg_experiment *e, const show_options *o)
{
    dg_diag why = {.code = DG_OK};
    dg_drawing d = {.box = NULL};
    int is_text = !o->dot && !o->svg;
    if (is_text && !o->reverse)
        return EXIT_DONE;
    dg_status s = make_drawing(e, o, &d, &why);
    if (s == DG_OK && o->dot)
        s = dg_draw_dot(&d, e->model->name, o->dot, &why);
    if (s == DG_OK && o->svg)
        s = dg_draw_svg(&d, e->model->name, o->svg, &why);
    if (s == DG_OK && is_text)
        dg_reverse_print(&d);
    dg_drawing_free(&d);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_show, &why);
}

/* 1: names a parameter, a state or a constant that has elements. */
static int print_value(const dg_graph *g, const char *name)
{
    dg_tensor t = {.data = NULL};
    dg_value v = dg_find_value(&dg_command_show, "values", g, name);
    if (!v.id)
        return 0;
    if (dg_graph_get(g, v, &t) != DG_OK) {
        fprintf(
            stderr,
            "dagrad show: '%s' is computed, or given: dagrad grad --print %s shows its numbers\n",
            name, name);
        return 0;
    }
    t.data = malloc(t.bytes + 1);
    if (t.data && dg_graph_get(g, v, &t) == DG_OK)
        dg_numbers_print(stdout, name, &t);
    free(t.data);
    return 1;
}

static int show_values(dg_experiment *e, const show_options *o)
{
    char name[256];
    dg_graph *g = e->model->graph;
    dg_diag why = {.code = DG_OK};
    if (dg_graph_init(g, e->settings.seed) != DG_OK) {
        dg_graph_status(g, &why);
        return dg_tell(&dg_command_show, &why);
    }
    for (int i = 0; i < o->values.n; i++)
        for (const char *at = o->values.item[i]; *at; at += *at == ',') {
            size_t n = strcspn(at, ",");
            dg_format(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), at);
            if (!print_value(g, name))
                return EXIT_USAGE;
            at += n;
        }
    return EXIT_DONE;
}

static int show_order(dg_experiment *e, const show_options *o)
{
    dg_diag why = {.code = DG_OK};
    int64_t pairs = o->batch > 0 ? o->batch : ORDER_PAIRS;
    dg_status s = dg_order_print(e, o->measure, pairs, 1, &why);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_show, &why);
}

static int show_gradients(const char *run, const show_options *o)
{
    dg_diag why = {.code = DG_OK};
    if (!dg_is_run(run))
        return dg_usage(&dg_command_show, "--gradients shows a run");
    dg_status s =
        o->svg ? dg_gradients_svg(run, o->svg, &why) : dg_gradients_print(run, o->all, &why);
    return s == DG_OK ? EXIT_DONE : dg_tell(&dg_command_show, &why);
}

/* What does not go together; NULL: nothing. */
static const char *refuse(const show_options *o, const char *place)
{
    if (!place)
        return "a model or a run is missing";
    if (o->batch == 0)
        return "--batch is 0, it takes 1 or more";
    if (o->sample >= 0 && ((!o->svg && !o->dot) || o->reverse))
        return "--sample writes one row into the drawing: --svg FILE";
    return NULL;
}

static int show(int argc, char **argv)
{
    show_options o = {.batch = -1, .sample = -1};
    const char *place[1] = {NULL};
    const dg_flag flags[] = {
        {"batch", FLAG_COUNT, &o.batch, "N", "rows of a step; that of the model (--measure: 16)"},
        {"threads", FLAG_THREADS, &o.threads, "N", "one for each processor"},
        {"after", FLAG_TEXT, &o.after, "PASS",
         "the program after a pass: order, needs, lower, ..."},
        {"dot", FLAG_TEXT, &o.dot, "FILE", "the graph as Graphviz text (-: standard output)"},
        {"svg", FLAG_TEXT, &o.svg, "FILE", "a drawing of the graph (-: standard output)"},
        {"unfold", FLAG_ON, &o.unfold, NULL, "draws every round of a repeat"},
        {"sample", FLAG_COUNT, &o.sample, "N",
         "writes z and eps of row N of the data into the drawing"},
        {"order", FLAG_ON, &o.order, NULL, "cost of the gradient right to left and left to right"},
        {"measure", FLAG_ON, &o.measure, NULL, "with --order: runs both and times them"},
        {"reverse", FLAG_ON, &o.reverse, NULL,
         "the graph of the backward pass (--dot, --svg: drawn)"},
        {"values", FLAG_LIST, &o.values, "NAME,...",
         "numbers of parameters, states and constants (of a run: its weights)"},
        {"gradients", FLAG_ON, &o.gradients, NULL,
         "error vectors of a run, by node and step (--svg: drawn)"},
        {"all", FLAG_ON, &o.all, NULL, "with --gradients: every node, not those of a screen"},
        {"node", FLAG_LIST, &o.node, "FILE.so", "node types of your own (repeatable)"},
        {"data", FLAG_LIST, &o.data, "DIR", "a folder to look for data in (repeatable)"},
        {"set", FLAG_LIST, &o.set, "NAME=VALUE", "a let or a key of train"},
    };
    int code = dg_flags_read(&dg_command_show, flags, sizeof flags / sizeof flags[0], place, 1,
                             argc, argv);
    if (code >= 0)
        return code;
    if (refuse(&o, place[0]))
        return dg_usage(&dg_command_show, refuse(&o, place[0]));
    if (o.gradients)
        return show_gradients(place[0], &o);
    dg_plugins plugins;
    code = dg_plugins_load(&dg_command_show, &o.node, &plugins);
    dg_experiment *e = code < 0 ? open_model(place[0], &o, &plugins, &code) : NULL;
    if (!e)
        return code;
    code = draw(e, &o);
    int only_drawn = o.dot || o.svg || o.reverse;
    if (code == EXIT_DONE && o.values.n)
        code = show_values(e, &o);
    else if (code == EXIT_DONE && !only_drawn)
        code = o.order || o.measure ? show_order(e, &o) : show_program(e, &o);
    dg_experiment_free(e);
    return code;
}

const dg_command dg_command_show = {
    "show", "MODEL|RUN [options]", "nodes, shapes, parameters, memory and cost of a model", show,
    "Without an option: the nodes, their shapes and parameters, and what memory and operations a\n"
    "step takes. In what --after prints, a + marks a call that runs on the rows of the call\n"
    "before it.\n"
    "\n"
    "--order counts the operations and bytes of a gradient computed right to left (errors back)\n"
    "and left to right (Jacobians forward), by node; --measure runs both on one thread. --reverse\n"
    "is the graph that back propagation runs: arrows turned, one G a node, a sum where a value\n"
    "fans out. --gradients is of a run: root mean square of error vectors and states by node over\n"
    "its steps, and where it falls below 1e-6 of the last layer's."};
