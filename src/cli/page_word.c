/* Pages of words that are not nodes, and what all pages share. */
#include "cli/columns.h"
#include "cli/reference.h"
#include <string.h>

/* ---- Attributes ------------------------------------------------------------------------------ */

/* "true or false, or a value of the graph": such an attribute is an input too. */
static void add_takes(dg_text *t, const dg_attr_table *of, const dg_attr_spec *a)
{
    char takes[256];
    dg_text_add(t, dg_attr_takes(a, takes, sizeof takes));
    for (int i = 0; i < of->n_inputs; i++)
        if (strcmp(of->inputs[i].name, a->name) == 0)
            dg_text_add(t, ", or a value of the graph");
}

static void add_attribute(dg_text *t, const dg_attr_table *of, const dg_attr_spec *a)
{
    dg_text_printf(t, "%s\t", a->name);
    add_takes(t, of, a);
    if (!a->preset)
        dg_text_add(t, "\tmust be given");
    else if (*a->preset)
        dg_text_printf(t, "\tdefault %s", a->preset);
    else
        dg_text_add(t, "\tmay be absent");
    dg_text_printf(t, "\t%s\n", a->text ? a->text : "");
}

void dg_print_attributes(const dg_attr_table *of)
{
    dg_text t = dg_text_make(NULL);
    printf("\nattributes%s\n", of->n_specs ? "" : ": none");
    for (int k = 0; k < of->n_specs; k++)
        add_attribute(&t, of, &of->specs[k]);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

/* The inputs that stand first, or by keyword where they may be absent; their number. */
static int print_inputs(const dg_node_type *type, int keyword)
{
    int n = 0;
    for (int k = 0; k < type->n_inputs; k++) {
        unsigned flags = type->inputs[k].flags;
        int optional = (flags & DG_IN_OPTIONAL) != 0;
        if (flags & DG_IN_MADE || optional != keyword)
            continue;
        printf("%s%s%s", keyword || n ? ", " : "", type->inputs[k].name, keyword ? "=..." : "");
        n++;
    }
    if (!keyword && type->flags & DG_VARIADIC)
        printf(", ...");
    return n;
}

void dg_print_call(const dg_entry *e)
{
    const dg_attr_table t = dg_entry_table(e);
    const dg_node_type *type = e->print == dg_page_node ? e->what : NULL;
    if (!type && !t.n_specs) {
        printf("%s\n", e->line ? e->line : e->name);
        return;
    }
    printf("%s(", e->name);
    int n = type ? print_inputs(type, 0) : 0;
    for (int k = 0; k < t.n_specs; k++) {
        const dg_attr_spec *a = &t.specs[k];
        printf("%s%s", n++ ? ", " : "", a->name);
        if (a->preset)
            printf("=%s", *a->preset ? a->preset : "...");
    }
    if (type)
        print_inputs(type, 1);
    printf(")\n");
}

/* ---- Pages ----------------------------------------------------------------------------------- */

void dg_page_word(const dg_reference *r, const dg_entry *e)
{
    const dg_word *w = e->what;
    const dg_attr_table table = dg_entry_table(e);
    (void)r;
    printf("  ");
    dg_print_call(e);
    printf("  %s\n", w->text);
    dg_print_attributes(&table);
}

/* What a key takes: one of its words, or a plain value. */
static void print_takes(const dg_key *key)
{
    char takes[256];
    if (!key->words)
        printf("takes %s", dg_attr_takes(&key->value, takes, sizeof takes));
    for (int k = 0; k < key->n_words; k++)
        printf("%s%s", k ? ", " : "one of: ", key->words[k].name);
}

void dg_page_key(const dg_reference *r, const dg_entry *e)
{
    const dg_key *key = e->what;
    (void)r;
    printf("  %s\n  ", key->value.text);
    print_takes(key);
    if (key->value.preset && *key->value.preset)
        printf("\n  default %s", key->value.preset);
    printf("\n  train { %s = ... }, or --set %s=...\n", e->name, e->name);
}

void dg_page_initialiser(const dg_reference *r, const dg_entry *e)
{
    (void)r;
    printf("  %s\n  %s\n", e->line, (const char *)e->what);
    printf("  parameter w[20, 10] = %s, or init=%s at a node\n", e->line, e->line);
}

/* The line of one who takes an attribute of this name. */
static void add_taker(dg_text *t, const dg_attr_table *of, const char *name)
{
    int input = dg_attr_input_of(of, name), first = dg_attr_init_of(of, name);
    for (int k = 0; k < of->n_specs; k++)
        if (strcmp(of->specs[k].name, name) == 0) {
            dg_text_printf(t, "%s\t", of->of);
            add_takes(t, of, &of->specs[k]);
            dg_text_printf(t, "\t%s\n", of->specs[k].text ? of->specs[k].text : "");
            return;
        }
    if (input >= 0)
        dg_text_printf(t, "%s\ta value\tits input %s\n", of->of, name);
    else if (first >= 0)
        dg_text_printf(t, "%s\tan initialiser\tof %s\n", of->of, of->inputs[first].name);
    else if (of->inputs && strcmp(name, "name") == 0)
        dg_text_printf(t, "%s\ta text\tbegins the names of its parameters\n", of->of);
}

void dg_page_attribute(const dg_reference *r, const dg_entry *e)
{
    dg_text t = dg_text_make(NULL);
    for (int i = 0; i < r->n; i++) {
        const dg_attr_table of = dg_entry_table(&r->entry[i]);
        if (of.of)
            add_taker(&t, &of, e->name);
    }
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

static int among(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (; words && *words; words += strspn(words, " ")) {
        size_t length = strcspn(words, " ");
        if (length == n && memcmp(words, word, n) == 0)
            return 1;
        words += length;
    }
    return 0;
}

static void add_choice(dg_text *t, const char *of, const dg_attr_spec *a, const char *word)
{
    if (among(a->words, word))
        dg_text_printf(t, "%s\t%s=%s\t%s\n", of, a->name, word, a->text ? a->text : "");
}

void dg_page_choice(const dg_reference *r, const dg_entry *e)
{
    dg_text t = dg_text_make(NULL);
    for (int i = 0; i < r->n; i++) {
        const dg_attr_table of = dg_entry_table(&r->entry[i]);
        for (int k = 0; k < of.n_specs; k++)
            add_choice(&t, of.of, &of.specs[k], e->name);
    }
    for (int k = 0; k < r->words.vocabulary.n_keys; k++)
        add_choice(&t, "train", &r->words.vocabulary.keys[k].value, e->name);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
}

typedef struct {
    dg_text text;
    const char *name;
} option;

static void add_option(void *user, const dg_command *c, const dg_flag flags[], int n)
{
    option *o = user;
    for (int i = 0; i < n; i++)
        if (strcmp(flags[i].name, o->name) == 0)
            dg_text_printf(&o->text, "dagrad %s --%s %s\t%s\n", c->name, o->name,
                           flags[i].value ? flags[i].value : "", flags[i].text);
}

void dg_page_option(const dg_reference *r, const dg_entry *e)
{
    option o = {dg_text_make(NULL), e->name};
    const dg_command *c;
    (void)r;
    for (int k = 0; (c = dg_command_at(k)); k++)
        dg_flags_look(c, add_option, &o);
    dg_columns_print(stdout, &o.text, "  ", 0);
    dg_text_free(&o.text);
}

/* How it is written, and what it is: of a node its formula, and what comes back through it. */
static void print_member(const dg_entry *e)
{
    const dg_key *key = e->print == dg_page_key ? e->what : NULL;
    printf("  ");
    if (key) {
        printf("%s = ...\n      %s\n      ", e->name, key->value.text);
        print_takes(key);
        printf("%s%s\n", key->value.preset && *key->value.preset ? "; default " : "",
               key->value.preset ? key->value.preset : "");
        return;
    }
    dg_print_call(e);
    if (e->print == dg_page_node && e->line)
        printf("      %s\n", e->line);
    else if (e->print != dg_page_node)
        printf("      %s\n",
               e->print == dg_page_word ? ((const dg_word *)e->what)->text : (const char *)e->what);
    if (e->back)
        printf("      %s\n", e->back);
}

void dg_page_group(const dg_reference *r, const dg_entry *e)
{
    for (int i = 0; i < r->n; i++)
        if (r->entry[i].group && strcmp(r->entry[i].group, e->name) == 0)
            print_member(&r->entry[i]);
}

void dg_page_text(const dg_reference *r, const dg_entry *e)
{
    (void)r;
    printf("  ");
    for (const char *s = e->what; *s; s++) {
        putchar(*s);
        if (*s == '\n' && s[1] && s[1] != '\n')
            printf("  ");
    }
    printf("\n");
}
