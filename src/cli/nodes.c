/* dagrad nodes: what a model can be made of: nodes, and the words of data, train and metric. */
#include "cli/columns.h"
#include "cli/reference.h"
#include <string.h>

static const char *text_of(const dg_entry *e)
{
    if (e->print == dg_page_node)
        return e->line ? e->line : "";
    if (e->print == dg_page_key)
        return ((const dg_key *)e->what)->value.text;
    return e->print == dg_page_word ? ((const dg_word *)e->what)->text : e->what;
}

/* 1: it had members. */
static int print_group(const dg_reference *r, const dg_group *g, int first)
{
    dg_text t = dg_text_make(NULL);
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        const dg_entry *e = &r->entry[i];
        if (e->group && strcmp(e->group, g->name) == 0 && ++n)
            dg_text_printf(&t, "%s\t%s\n", e->name, text_of(e));
    }
    if (n)
        printf("%s%s: %s\n", first ? "" : "\n", g->name, g->title);
    dg_columns_print(stdout, &t, "  ", 0);
    dg_text_free(&t);
    return n > 0;
}

static void print_list(const dg_reference *r)
{
    const dg_group *g;
    for (int k = 0, n = 0; (g = dg_group_at(k)); k++)
        n += print_group(r, g, n == 0);
    printf("\ndagrad nodes NAME tells inputs, attributes and ranges of each.\n");
}

static int nodes(int argc, char **argv)
{
    const char *place[1] = {NULL};
    dg_list node = {.n = 0};
    dg_plugins plugins;
    dg_reference r;
    const dg_flag flags[] = {
        {"node", FLAG_LIST, &node, "FILE.so", "node types of your own (repeatable)"}};
    int code = dg_flags_read(&dg_command_nodes, flags, 1, place, 1, argc, argv);
    if (code < 0)
        code = dg_plugins_load(&dg_command_nodes, &node, &plugins);
    if (code < 0)
        code = dg_reference_open(&r, &dg_command_nodes, &plugins);
    if (code >= 0)
        return code;
    code = EXIT_DONE;
    if (!place[0])
        print_list(&r);
    else if (!dg_reference_print(&r, place[0]))
        code = dg_reference_unknown(&r, &dg_command_nodes, place[0]);
    dg_reference_close(&r);
    return code;
}

const dg_command dg_command_nodes = {
    "nodes", "[NAME] [--node FILE.so]", "what a model can be made of; a page each", nodes,
    "Without NAME: the list. --node adds the node types of a shared object."};
