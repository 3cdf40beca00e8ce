/* Options of the commands. */
#include "base/team.h"
#include "base/text.h"
#include "cli/command.h"
#include "lang/suggest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void *user, const dg_command *c, const dg_flag flags[], int n_flags)
{
    (void)user;
    printf("dagrad %s %s\n\n%s\n\n%s\n\n", c->name, c->usage, c->text, c->about);
    for (int i = 0; i < n_flags; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", flags[i].name, flags[i].value ? " " : "",
                 flags[i].value ? flags[i].value : "");
        printf("  %-26s %s\n", left, flags[i].text);
    }
    printf("  %-26s %s\n  %-26s %s\n", "--help", "this page", "--",
           "what follows are names, also those that begin with a dash");
}

/* What is done with the table where --help is asked for. */
static dg_flags_use *look = print_help;
static void *looker;

void dg_flags_look(const dg_command *c, dg_flags_use *use, void *user)
{
    char name[] = "dagrad", help[] = "--help", *argv[] = {name, help, NULL};
    look = use;
    looker = user;
    c->run(2, argv);
    look = print_help;
}

static const dg_flag *find(const dg_flag flags[], int n, const char *name, size_t length)
{
    for (int i = 0; i < n; i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

static int unknown(const dg_command *c, const dg_flag flags[], int n, const char *name)
{
    dg_suggest s = {.name = name};
    for (int i = 0; i < n; i++)
        dg_suggest_try(&s, flags[i].name);
    const char *best = s.best;
    fprintf(stderr, "dagrad %s: there is no option '--%s'%s%s%s; --help lists them\n", c->name,
            name, best ? "; did you mean '--" : "", best ? best : "", best ? "'?" : "");
    return EXIT_USAGE;
}

static int take(const dg_command *c, const dg_flag *f, const char *value)
{
    dg_list *list = f->to;
    switch (f->kind) {
    case FLAG_ON:
        *(int *)f->to = 1;
        return -1;
    case FLAG_TEXT:
        *(const char **)f->to = value;
        return -1;
    case FLAG_LIST:
        if (list->n == DG_MOST_LIST) {
            fprintf(stderr, "dagrad %s: --%s is given more than %d times\n", c->name, f->name,
                    DG_MOST_LIST);
            return EXIT_USAGE;
        }
        list->item[list->n++] = value;
        return -1;
    case FLAG_COUNT:
    case FLAG_THREADS:
        break;
    }
    int64_t most = f->kind == FLAG_THREADS ? DG_TEAM_MOST : INT64_MAX;
    const char *end = dg_read_i64(value, f->to);
    if (end && !*end && *(int64_t *)f->to >= 0 && *(int64_t *)f->to <= most)
        return -1;
    fprintf(stderr, "dagrad %s: --%s is '%s', it takes a whole number from 0%s\n", c->name, f->name,
            value, f->kind == FLAG_THREADS ? " to 1024" : "");
    return EXIT_USAGE;
}

/* One option at argv[*i]; *i is moved to its last word. */
static int option(const dg_command *c, const dg_flag flags[], int n, int *i, int argc, char **argv)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    const dg_flag *f = find(flags, n, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!f)
        return unknown(c, flags, n, name);
    if (f->kind == FLAG_ON)
        return equals ? unknown(c, flags, n, name) : take(c, f, NULL);
    if (!equals && *i + 1 >= argc) {
        fprintf(stderr, "dagrad %s: --%s needs a value, %s\n", c->name, f->name, f->value);
        return EXIT_USAGE;
    }
    return take(c, f, equals ? equals + 1 : argv[++*i]);
}

/* "-" is standard input or output, so a name. */
static int no_short_option(const dg_command *c, const char *word)
{
    fprintf(stderr,
            "dagrad %s: there is no option '%s'; --help lists them, and after -- everything is a "
            "name\n",
            c->name, word);
    return EXIT_USAGE;
}

int dg_flags_read(const dg_command *c, const dg_flag flags[], int n_flags, const char *place[],
                  int n_places, int argc, char **argv)
{
    int n = 0, names_only = 0;
    for (int i = 1; i < argc; i++) {
        int dash = !names_only && argv[i][0] == '-' && argv[i][1];
        if (dash && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            look(looker, c, flags, n_flags);
            return EXIT_DONE;
        }
        if (dash && strcmp(argv[i], "--") == 0) {
            names_only = 1;
        } else if (dash && argv[i][1] != '-') {
            return no_short_option(c, argv[i]);
        } else if (dash) {
            int code = option(c, flags, n_flags, &i, argc, argv);
            if (code >= 0)
                return code;
        } else if (n < n_places) {
            place[n++] = argv[i];
        } else {
            fprintf(stderr, "dagrad %s: '%s' is one word too many; usage: dagrad %s %s\n", c->name,
                    argv[i], c->name, c->usage);
            return EXIT_USAGE;
        }
    }
    return -1;
}
