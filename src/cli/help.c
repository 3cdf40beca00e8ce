/* dagrad help: the commands, and a page for every word; completion and manual pages, which are made
 * from the same tables. */
#include "cli/generated.h"
#include "cli/reference.h"
#include <string.h>

/* A name behind others, on a new line where it would pass column 80. */
static void print_name(FILE *to, const char *name, int *column)
{
    if (*column + (int)strlen(name) >= 80)
        *column = fprintf(to, "\n   ") - 1;
    *column += fprintf(to, " %s", name);
}

static void print_names(FILE *to)
{
    const dg_group *g;
    const dg_topic *t;
    int column = fprintf(to, "\n  Begin with:") - 1;
    for (int k = 0; (g = dg_group_at(k)); k++)
        print_name(to, g->name, &column);
    for (int k = 0; (t = dg_subject_at(k)); k++)
        print_name(to, t->name, &column);
    fprintf(to, "\n");
}

void dg_help_list(FILE *to)
{
    const dg_command *c;
    fprintf(to, "dagrad trains any function that can be drawn as a directed acyclic graph.\n\n");
    for (int k = 0; (c = dg_command_at(k)); k++)
        fprintf(to, "  dagrad %-8s %s\n", c->name, c->text);
    fprintf(to, "\n  dagrad COMMAND --help tells the options of a command, dagrad --version the "
                "build.\n  dagrad help WORD has a page for every word that models and commands "
                "take.\n");
    print_names(to);
}

static const dg_command *find_command(const char *name)
{
    const dg_command *c;
    for (int k = 0; (c = dg_command_at(k)); k++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* dagrad help COMMAND is dagrad COMMAND --help. */
static int help_of_command(const dg_command *c)
{
    char name[] = "dagrad", help[] = "--help", *argv[] = {name, help, NULL};
    return c->run(2, argv);
}

/* dagrad help man COMMAND. */
static int print_manual(const char *what, const char *of)
{
    char wrong[160];
    const dg_command *c = find_command(of);
    if (strcmp(what, "man") == 0 && c) {
        dg_manual_print(c);
        return EXIT_DONE;
    }
    snprintf(wrong, sizeof wrong, "'%.60s' is one word too many", of);
    return dg_usage(&dg_command_help, wrong);
}

static int help_of_word(const char *name)
{
    dg_reference r;
    int code = dg_reference_open(&r, &dg_command_help, &(dg_plugins){.n = 0});
    if (code >= 0)
        return code;
    code =
        dg_reference_print(&r, name) ? EXIT_DONE : dg_reference_unknown(&r, &dg_command_help, name);
    dg_reference_close(&r);
    return code;
}

static int help(int argc, char **argv)
{
    const char *place[2] = {NULL, NULL};
    if (argc > 2 && strcmp(argv[1], "complete") == 0)
        return dg_complete(find_command(argv[2]), argc - 2, (const char *const *)(argv + 2));
    if (argc == 2 && strncmp(argv[1], "--", 2) == 0 && argv[1][2] && strcmp(argv[1], "--help") != 0)
        return help_of_word(argv[1] + 2);
    int code = dg_flags_read(&dg_command_help, NULL, 0, place, 2, argc, argv);
    if (code >= 0)
        return code;
    if (!place[0]) {
        dg_help_list(stdout);
        return EXIT_DONE;
    }
    if (place[1])
        return print_manual(place[0], place[1]);
    const dg_command *c = find_command(place[0]);
    return c ? help_of_command(c) : help_of_word(place[0]);
}

const dg_command dg_command_help = {
    "help", "[COMMAND | WORD]", "a page for every word of the language and the program", help,
    "A word may be a node, a loss, a source, a transform, a metric, an optimizer, a schedule, an\n"
    "initialiser, a statement, an attribute, a key of train, an option, or a command."};
