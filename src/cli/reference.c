/* The words gathered from their tables; see reference.h. */
#include "cli/reference.h"
#include "graph/init.h"
#include "lang/lex.h"
#include "lang/suggest.h"
#include "ops/registry.h"
#include <stdlib.h>
#include <string.h>

/* In the order in which they are listed; those of nodes are named in ops.def. */
static const dg_group groups[] = {
    {"products", "products and convolutions"},
    {"activations", "functions of one value between layers"},
    {"functions", "functions of one value"},
    {"arithmetic", "arithmetic of two values, also written + - * / ^"},
    {"comparisons", "comparisons, 1 or 0, and a choice"},
    {"pooling", "windows of pictures and series, and their opposite"},
    {"shapes", "the same numbers in another shape"},
    {"sums", "sums, means, maxima over axes; softmax"},
    {"norms", "normalisation and dropout"},
    {"recurrence", "nodes that walk along a series"},
    {"tables", "rows of a table by their ids"},
    {"losses",
     "a: target, b: estimate, d = a - b, z: logits; eps of one pair, which the mean divides by K"},
    {"yours", "nodes of your own"},
    {"sources", "where data come from"},
    {"transforms", "what data go through"},
    {"metrics", "numbers beside the loss, of a target and an estimate"},
    {"optimizers", "how a step follows from the gradient g"},
    {"schedules", "the rate by step"},
    {"initialisers", "first values of parameters"},
    {"keys", "what stands in train { }"},
};

const dg_group *dg_group_at(int k)
{
    return k >= 0 && k < (int)(sizeof groups / sizeof groups[0]) ? &groups[k] : NULL;
}

/* ---- Gathering ------------------------------------------------------------------------------- */

static int has(const dg_reference *r, const char *name, const char *kind)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->entry[i].name, name) == 0 && strcmp(r->entry[i].kind, kind) == 0)
            return 1;
    return 0;
}

/* Out of memory: the word is left out, and room stays as it is. */
static void add(dg_reference *r, dg_entry e)
{
    if (r->n == r->room) {
        int room = r->room ? 2 * r->room : 512;
        dg_entry *more = realloc(r->entry, (size_t)room * sizeof *more);
        if (!more)
            return;
        r->entry = more;
        r->room = room;
    }
    r->entry[r->n++] = e;
}

static void add_nodes(dg_reference *r)
{
    const dg_node_type *type;
    for (int k = 0; (type = dg_type_at(r->graph, k)); k++) {
        int own = dg_builtin_find(type->name);
        add(r,
            (dg_entry){type->name, "a node", own < 0 ? "yours" : dg_builtin_group(own),
                       dg_page_node, type, type->formula, own < 0 ? NULL : dg_builtin_back(own)});
    }
}

static void add_words(dg_reference *r, const char *kind, const char *group, const dg_word *words,
                      int n)
{
    for (int k = 0; k < n; k++)
        add(r, (dg_entry){.name = words[k].name,
                          .kind = kind,
                          .group = group,
                          .print = dg_page_word,
                          .what = &words[k]});
}

static void add_vocabulary(dg_reference *r)
{
    const dg_vocabulary *v = &r->words.vocabulary;
    const dg_key *optimizer = &v->keys[DG_KEY_OPTIMIZER], *schedule = &v->keys[DG_KEY_SCHEDULE];
    const dg_key *stop = &v->keys[DG_KEY_STOP];
    add_words(r, "a source of data", "sources", v->sources, v->n_sources);
    add_words(r, "a transform of data", "transforms", v->transforms, v->n_transforms);
    add_words(r, "a metric", "metrics", v->metrics, v->n_metrics);
    add_words(r, "an optimizer", "optimizers", optimizer->words, optimizer->n_words);
    add_words(r, "a schedule", "schedules", schedule->words, schedule->n_words);
    add_words(r, "a value of stop", NULL, stop->words, stop->n_words);
    r->block = (dg_word){"data", v->block, v->n_block, "its head: which rows, in which order"};
    add_words(r, "a block", NULL, &r->block, 1);
    for (int k = 0; k < v->n_keys; k++)
        add(r, (dg_entry){.name = v->keys[k].value.name,
                          .kind = "a key of train",
                          .group = "keys",
                          .print = dg_page_key,
                          .what = &v->keys[k]});
}

static void add_initialisers(dg_reference *r)
{
    const char *name, *form, *text;
    for (int k = 0; (name = dg_init_at(k, &form, &text)); k++)
        add(r, (dg_entry){name, "an initialiser", "initialisers", dg_page_initialiser, text, form,
                          NULL});
}

/* The first n bytes of a text as a word, once; the copy is given back by close. */
static void add_copy(dg_reference *r, const char *text, size_t n, const char *kind,
                     void (*print)(const dg_reference *, const dg_entry *))
{
    char *name = strndup(text, n);
    if (name && !has(r, name, kind))
        add(r, (dg_entry){.name = name, .kind = kind, .print = print, .what = name});
    else
        free(name);
}

/* The words that an attribute takes: "same valid". */
static void add_choices(dg_reference *r, const char *words)
{
    while (words && *words) {
        size_t n = strcspn(words, " ");
        add_copy(r, words, n, "a word", dg_page_choice);
        words += n + strspn(words + n, " ");
    }
}

static void add_table(dg_reference *r, const dg_attr_table *t)
{
    char room[DG_ATTR_NAME_ROOM];
    const char *name;
    for (int k = 0; (name = dg_attr_name_at(t, k, room)); k++)
        add_copy(r, name, strlen(name), "an attribute", dg_page_attribute);
    for (int k = 0; k < t->n_specs; k++)
        add_choices(r, t->specs[k].words);
}

static void add_attributes(dg_reference *r)
{
    const dg_vocabulary *v = &r->words.vocabulary;
    for (int i = 0, n = r->n; i < n; i++) {
        dg_attr_table t = dg_entry_table(&r->entry[i]);
        if (t.of)
            add_table(r, &t);
    }
    for (int k = 0; k < v->n_keys; k++)
        add_choices(r, v->keys[k].value.words);
}

static void add_options(void *user, const dg_command *c, const dg_flag flags[], int n)
{
    (void)c;
    for (int i = 0; i < n; i++)
        add_copy(user, flags[i].name, strlen(flags[i].name), "an option", dg_page_option);
}

static void add_program(dg_reference *r)
{
    const dg_command *c;
    for (int k = 0; (c = dg_command_at(k)); k++)
        add(r, (dg_entry){
                   .name = c->name, .kind = "a command", .print = dg_page_text, .what = c->text});
    for (int k = 0; (c = dg_command_at(k)); k++)
        dg_flags_look(c, add_options, r);
}

static void add_topics(dg_reference *r)
{
    const dg_topic *t;
    for (int k = 0; (t = dg_topic_at(k)); k++)
        add(r,
            (dg_entry){.name = t->name, .kind = t->kind, .print = dg_page_text, .what = t->text});
    for (int k = 0; dg_group_at(k); k++)
        add(r, (dg_entry){.name = groups[k].name, .kind = groups[k].title, .print = dg_page_group});
}

/* ---- The reference --------------------------------------------------------------------------- */

int dg_reference_open(dg_reference *r, const dg_command *c, const dg_plugins *p)
{
    *r = (dg_reference){.graph = dg_graph_new(NULL, DG_F32)};
    dg_words_make(&r->words);
    if (!r->graph)
        return dg_tell(c, &(dg_diag){.code = DG_EMEMORY});
    for (int i = 0; i < p->n; i++)
        dg_graph_add_type(r->graph, p->type[i]);
    add_nodes(r);
    add_vocabulary(r);
    add_initialisers(r);
    add_attributes(r);
    add_topics(r);
    add_program(r);
    return -1;
}

void dg_reference_close(dg_reference *r)
{
    for (int i = 0; i < r->n; i++)
        if (r->entry[i].what == r->entry[i].name)
            free((void *)(uintptr_t)r->entry[i].what);
    free(r->entry);
    dg_graph_free(r->graph);
}

int dg_reference_print(const dg_reference *r, const char *name)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->entry[i].name, name) == 0) {
            printf("%s%s: %s\n\n", n++ ? "\n" : "", name, r->entry[i].kind);
            r->entry[i].print(r, &r->entry[i]);
        }
    return n;
}

int dg_reference_unknown(const dg_reference *r, const dg_command *c, const char *name)
{
    dg_suggest s = {.name = name};
    for (int i = 0; i < r->n; i++)
        dg_suggest_try(&s, r->entry[i].name);
    fprintf(stderr, "dagrad %s: there is no '%s'%s%s%s; dagrad %s lists what there is\n", c->name,
            name, s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "",
            c->name);
    return EXIT_USAGE;
}

dg_attr_table dg_entry_table(const dg_entry *e)
{
    const dg_word *w = e->what;
    if (e->print == dg_page_node)
        return dg_attr_table_of(e->what);
    if (e->print == dg_page_word)
        return (dg_attr_table){w->name, w->attrs, w->n_attrs, NULL, 0};
    return (dg_attr_table){NULL, NULL, 0, NULL, 0};
}
