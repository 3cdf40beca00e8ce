/* dagrad: finds the command and runs it. */
#include "cli/command.h"
#include "lang/suggest.h"
#include "ops/isa.h"
#include <dagrad/dagrad.h>
#include <stdio.h>
#include <string.h>

static const dg_command *const commands[] = {
    &dg_command_train, &dg_command_eval,  &dg_command_predict,
    &dg_command_show,  &dg_command_bench, &dg_command_convert,
    &dg_command_nodes, &dg_command_check, &dg_command_grad,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(FILE *to, int code)
{
    fprintf(to, "dagrad trains any function that can be drawn as a directed acyclic graph.\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  dagrad %-8s %s\n", commands[i]->name, commands[i]->text);
    fprintf(
        to,
        "\n  dagrad COMMAND --help tells the options of a command, dagrad --version the build.\n");
    return code;
}

static int version(void)
{
    dg_diag why = {.code = DG_OK};
    const dg_isa *isa = dg_isa_choose(NULL, &why);
    if (!isa) {
        fprintf(stderr, "dagrad: %s\n", why.text);
        return EXIT_USAGE;
    }
    printf("dagrad %s\ninstructions %s (here:", dg_version(), isa->name);
    for (int k = 0; dg_isa_name(k); k++)
        printf(" %s", dg_isa_name(k));
    printf(")\nbuild %s\n", DAGRAD_BUILD);
    return EXIT_DONE;
}

static int unknown(const char *name)
{
    dg_suggest s = {.name = name};
    for (int i = 0; i < COMMANDS; i++)
        dg_suggest_try(&s, commands[i]->name);
    fprintf(stderr, "dagrad: there is no command '%s'%s%s%s; dagrad --help lists them\n", name,
            s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(stdout, EXIT_DONE);
    if (strcmp(argv[1], "--version") == 0)
        return version();
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
