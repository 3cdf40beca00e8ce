/* dagrad nodes: what a model can be made of: nodes, and the words of data, train and metric. A page
 * is made from the struct itself, so it says what is so. */
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/plugin.h"
#include "graph/attr.h"
#include "lang/suggest.h"
#include "train/metrics.h"
#include <string.h>

/* Everything that has a page. */
typedef struct reference {
    dg_words words;
    dg_graph *graph;
} reference;

/* Words of a kind: sources, optimizers, ... text is one line about the word, or NULL. */
typedef struct section {
    const char *title, *one;
    const dg_word *words;
    int n;
    const char *(*text)(int k);
} section;

static const char *source_text(int k)
{
    return dg_source_at(k)->text;
}

static const char *transform_text(int k)
{
    return dg_transform_at(k)->text;
}

static const char *metric_text(int k)
{
    static const char *const text[DG_METRIC_WORDS] = {
        "share of rows whose largest estimate is the target's",
        "share of rows whose target is among the k largest estimates",
        "mean over elements of (a-b)^2",
        "mean over elements of |a-b|",
        "10 log10(peak^2 / mse), in dB",
        "1 - sum (a-b)^2 / sum (a - mean a)^2",
        "exp of the mean cross entropy of labels, the estimates being logits",
        "hits / (hits + false hits), the mean over the classes that occur; 0/0 is 0",
        "hits / (hits + misses), the mean over the classes that occur; 0/0 is 0",
        "2 hits / (2 hits + false hits + misses), the mean over the classes that occur",
        "hits / (hits + false hits + misses): of classes their mean; threshold=: of one region",
    };
    return text[k];
}

static const char *optimizer_text(int k)
{
    static const char *const text[] = {
        "theta -= rate g; the batch is the whole training part",
        "m = momentum m + g; theta -= rate m, or rate (g + momentum m) with nesterov",
        "theta -= rate mhat / (sqrt(vhat) + epsilon), running means of g and g^2",
        "adam, with decay taken from theta and not from the gradient",
        "theta -= rate g / (sqrt(v) + epsilon), v the running mean of g^2",
    };
    return text[k];
}

static const char *schedule_text(int k)
{
    static const char *const text[] = {
        "the rate as it is",
        "rate * factor^floor(step / every)",
        "a rise over warmup steps, then half a cosine down to final",
        "a rise over warmup steps, then a straight line down to final",
    };
    return text[k];
}

enum { SECTIONS = 5 };

static void find_sections(const reference *r, section s[SECTIONS])
{
    const dg_vocabulary *v = &r->words.vocabulary;
    const dg_key *optimizer = &v->keys[DG_KEY_OPTIMIZER], *schedule = &v->keys[DG_KEY_SCHEDULE];
    s[0] = (section){"sources", "a source of data", v->sources, v->n_sources, source_text};
    s[1] = (section){"transforms", "a transform of data", v->transforms, v->n_transforms,
                     transform_text};
    s[2] = (section){"metrics", "a metric", v->metrics, v->n_metrics, metric_text};
    s[3] = (section){"optimizers", "an optimizer", optimizer->words, optimizer->n_words,
                     optimizer_text};
    s[4] = (section){"schedules", "a schedule", schedule->words, schedule->n_words, schedule_text};
}

/* ---- The list -------------------------------------------------------------------------------- */

static void print_node_list(const dg_graph *g)
{
    dg_text t = dg_text_make(NULL);
    const dg_node_type *type;
    printf("nodes\n");
    for (int k = 0; (type = dg_type_at(g, k)); k++)
        dg_text_printf(&t, "%s\t%s\n", type->name, type->formula ? type->formula : "");
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

static void print_section(const section *s)
{
    dg_text t = dg_text_make(NULL);
    printf("\n%s\n", s->title);
    for (int k = 0; k < s->n; k++)
        dg_text_printf(&t, "%s\t%s\n", s->words[k].name, s->text(k));
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

static void print_keys(const dg_vocabulary *v)
{
    dg_text t = dg_text_make(NULL);
    printf("\nkeys of train\n");
    for (int k = 0; k < v->n_keys; k++)
        dg_text_printf(&t, "%s\t%s\n", v->keys[k].value.name, v->keys[k].value.text);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

static void print_list(const reference *r)
{
    section s[SECTIONS];
    find_sections(r, s);
    print_node_list(r->graph);
    for (int i = 0; i < SECTIONS; i++)
        print_section(&s[i]);
    print_keys(&r->words.vocabulary);
    printf("\ndagrad nodes NAME tells inputs, attributes and ranges of each.\n");
}

/* ---- A page ---------------------------------------------------------------------------------- */

static void add_attribute(dg_text *t, const dg_attr_spec *a)
{
    char takes[256];
    dg_text_printf(t, "%s\t%s\t", a->name, dg_attr_takes(a, takes, sizeof takes));
    if (!a->preset)
        dg_text_add(t, "must be given");
    else if (*a->preset)
        dg_text_printf(t, "default %s", a->preset);
    else
        dg_text_add(t, "may be absent");
    dg_text_printf(t, "\t%s\n", a->text ? a->text : "");
}

static void print_attributes(const dg_attr_spec *attrs, int n)
{
    dg_text t = dg_text_make(NULL);
    printf("\nattributes%s\n", n ? "" : ": none");
    for (int k = 0; k < n; k++)
        add_attribute(&t, &attrs[k]);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

static void add_input(dg_text *t, const dg_node_type *type, int k)
{
    const dg_input_spec *in = &type->inputs[k];
    int repeats = (type->flags & DG_VARIADIC) && k == type->n_inputs - 1;
    dg_text_printf(t, "%s\t%s", in->name,
                   in->flags & DG_IN_INT   ? "labels or ids (int)"
                   : in->flags & DG_IN_ANY ? "real values or int"
                                           : "real values");
    if (in->flags & DG_IN_MADE)
        dg_text_printf(t, "; a parameter, made where it is not given (%s)",
                       in->init && strcmp(in->init, "auto") == 0 ? "he before a relu, else glorot"
                       : in->init                                ? in->init
                                                                 : "glorot");
    if (in->flags & DG_IN_OPTIONAL)
        dg_text_printf(t, "; may be absent, given as %s=", in->name);
    dg_text_add(t, repeats ? "; any number of them\n" : "\n");
}

static void print_inputs(const dg_node_type *type)
{
    dg_text t = dg_text_make(NULL);
    printf("\ninputs%s\n", type->n_inputs ? "" : ": none");
    for (int k = 0; k < type->n_inputs; k++)
        add_input(&t, type, k);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

/* How a model writes it: conv(x, channels, kernel, stride=1, ...). */
static void print_call(const dg_node_type *type)
{
    int n = 0;
    printf("  %s(", type->name);
    for (int k = 0; k < type->n_inputs; k++)
        if (!(type->inputs[k].flags & (DG_IN_MADE | DG_IN_OPTIONAL)))
            printf("%s%s", n++ ? ", " : "", type->inputs[k].name);
    if (type->flags & DG_VARIADIC)
        printf(", ...");
    for (int k = 0; k < type->n_attrs; k++) {
        const dg_attr_spec *a = &type->attrs[k];
        printf("%s%s", n++ ? ", " : "", a->name);
        if (a->preset)
            printf("=%s", *a->preset ? a->preset : "...");
    }
    printf(")\n");
}

/* 1 if a node keeps more than inputs and results. It says so for given shapes: small ones that most
 * nodes take, with the attributes at their default, or 2. */
static int keeps_own(const dg_node_type *type)
{
    dg_attr_value value[DG_MAX_NUMBERS] = {{0}};
    dg_shape in[8], picture = {4, {1, 4, 4, 4}};
    dg_bytes bytes = {.size = sizeof bytes};
    if (!type->bytes || type->n_inputs > 8 || type->n_attrs > DG_MAX_NUMBERS)
        return 0;
    for (int k = 0; k < type->n_attrs; k++) {
        value[k] = (dg_attr_value){.count = 1, .word = -1, .number = {2}};
        if (type->attrs[k].preset && type->attrs[k].kind & DG_ATTR_WORD)
            value[k].word = value[k].count = 0;
    }
    for (int i = 0; i < 8; i++)
        in[i] = picture;
    type->bytes(&(dg_sizes){.size = sizeof(dg_sizes),
                            .attrs = &(dg_attrs){type->n_attrs, value},
                            .n_in = type->n_inputs,
                            .in = in},
                &bytes);
    return bytes.saved > 0;
}

static void add_saved(dg_text *t, const dg_node_type *type)
{
    int n = 0;
    dg_text_add(t, "kept for the adjoint\t");
    for (int k = 0; k < type->n_inputs; k++)
        if (type->saves_in >> k & 1)
            dg_text_printf(t, "%s%s", n++ ? ", " : "", type->inputs[k].name);
    if (type->saves_out)
        dg_text_printf(t, "%sthe result", n++ ? ", " : "");
    if (keeps_own(type))
        dg_text_printf(t, "%sbytes of its own", n++ ? ", " : "");
    dg_text_add(t, n ? "\n" : "nothing\n");
}

/* What is taken by keyword besides the attributes: weight=, init=, bias_init=, name=. */
static void print_keywords(const dg_node_type *type)
{
    char room[DG_ATTR_NAME_ROOM];
    dg_attr_table table = dg_attr_table_of(type);
    const char *name;
    printf("\nby keyword too:");
    for (int k = type->n_attrs; (name = dg_attr_name_at(&table, k, room)); k++)
        printf(" %s=", name);
    printf("\n");
}

static void print_properties(const dg_node_type *type)
{
    dg_text t = dg_text_make(NULL);
    printf("\n");
    add_saved(&t, type);
    dg_text_printf(&t, "ONNX\t%s\n", type->onnx ? type->onnx : "no operator");
    if (type->n_out != 1)
        dg_text_printf(&t, "results\tseveral\n");
    if (type->flags & DG_LINEAR)
        dg_text_add(&t, "linear\tin its inputs\n");
    if (type->flags & DG_POINTWISE)
        dg_text_add(&t, "pointwise\tmay run in place\n");
    if (type->flags & DG_VIEW)
        dg_text_add(&t, "a view\tno work, no memory\n");
    if (type->flags & DG_RANDOM)
        dg_text_add(&t, "chance\ta function of seed, step, node and index\n");
    if (type->flags & DG_LOSS)
        dg_text_add(&t, "a loss\tone number a pair; inputs are target and estimate\n");
    dg_columns_print(stdout, &t, "", 0);
    dg_text_free(&t);
}

static void print_node(const dg_node_type *type)
{
    printf("%s: a node\n\n", type->name);
    print_call(type);
    if (type->formula)
        printf("  %s\n", type->formula);
    print_inputs(type);
    print_attributes(type->attrs, type->n_attrs);
    print_keywords(type);
    print_properties(type);
}

static void print_word(const section *s, int k)
{
    const dg_word *w = &s->words[k];
    printf("%s: %s\n\n  %s\n", w->name, s->one, s->text(k));
    print_attributes(w->attrs, w->n_attrs);
}

static void print_key(const dg_key *key)
{
    char takes[256];
    printf("%s: a key of train\n\n  %s\n", key->value.name, key->value.text);
    if (key->words) {
        printf("  one of:");
        for (int k = 0; k < key->n_words; k++)
            printf(" %s", key->words[k].name);
        printf("\n");
    } else {
        printf("  takes %s\n", dg_attr_takes(&key->value, takes, sizeof takes));
    }
    if (key->value.preset && *key->value.preset)
        printf("  default %s\n", key->value.preset);
}

/* Prints every page of that name (mse is a node and a metric); their number. */
static int print_pages(const reference *r, const char *name)
{
    section s[SECTIONS];
    int n = 0;
    const dg_vocabulary *v = &r->words.vocabulary;
    const dg_node_type *type = dg_type_find(r->graph, name);
    find_sections(r, s);
    if (type) {
        print_node(type);
        n++;
    }
    for (int i = 0; i < SECTIONS; i++)
        for (int k = 0; k < s[i].n; k++)
            if (strcmp(s[i].words[k].name, name) == 0) {
                printf("%s", n++ ? "\n" : "");
                print_word(&s[i], k);
            }
    for (int k = 0; k < v->n_keys; k++)
        if (strcmp(v->keys[k].value.name, name) == 0) {
            printf("%s", n++ ? "\n" : "");
            print_key(&v->keys[k]);
        }
    return n;
}

static int unknown(const reference *r, const char *name)
{
    section s[SECTIONS];
    dg_suggest best = {.name = name};
    const dg_node_type *type;
    find_sections(r, s);
    for (int k = 0; (type = dg_type_at(r->graph, k)); k++)
        dg_suggest_try(&best, type->name);
    for (int i = 0; i < SECTIONS; i++)
        for (int k = 0; k < s[i].n; k++)
            dg_suggest_try(&best, s[i].words[k].name);
    for (int k = 0; k < r->words.vocabulary.n_keys; k++)
        dg_suggest_try(&best, r->words.vocabulary.keys[k].value.name);
    fprintf(stderr, "dagrad nodes: there is no '%s'%s%s%s; dagrad nodes lists what there is\n",
            name, best.best ? "; did you mean '" : "", best.best ? best.best : "",
            best.best ? "'?" : "");
    return EXIT_USAGE;
}

static int nodes(int argc, char **argv)
{
    const char *place[1] = {NULL};
    dg_list node = {.n = 0};
    dg_plugins plugins;
    const dg_flag flags[] = {
        {"node", FLAG_LIST, &node, "FILE.so", "node types of your own (repeatable)"}};
    int code = dg_flags_read(&dg_command_nodes, flags, 1, place, 1, argc, argv);
    if (code < 0)
        code = dg_plugins_load(&dg_command_nodes, &node, &plugins);
    if (code >= 0)
        return code;
    reference r = {.graph = dg_graph_new(NULL, DG_F32)};
    dg_words_make(&r.words);
    if (!r.graph)
        return dg_tell(&dg_command_nodes, &(dg_diag){.code = DG_EMEMORY});
    for (int i = 0; i < plugins.n; i++)
        dg_graph_add_type(r.graph, plugins.type[i]);
    code = EXIT_DONE;
    if (!place[0])
        print_list(&r);
    else if (!print_pages(&r, place[0]))
        code = unknown(&r, place[0]);
    dg_graph_free(r.graph);
    return code;
}

const dg_command dg_command_nodes = {"nodes", "[NAME] [--node FILE.so]",
                                     "what a model can be made of; a page each", nodes};
