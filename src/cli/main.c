/* dagrad: finds the command and runs it. */
#include "cli/command.h"
#include "lang/suggest.h"
#include "ops/isa.h"
#include <dagrad/dagrad.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const dg_command *const commands[] = {
    &dg_command_train, &dg_command_eval,     &dg_command_predict, &dg_command_show,
    &dg_command_bench, &dg_command_convert,  &dg_command_nodes,   &dg_command_check,
    &dg_command_grad,  &dg_command_generate, &dg_command_report,  &dg_command_help,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

const dg_command *dg_command_at(int k)
{
    return k >= 0 && k < COMMANDS ? commands[k] : NULL;
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

/* Descriptors 0 to 2 that are closed would be taken by the next files that are opened, and messages
 * would go into those. They get a place that fails as a closed one does: it cannot be read (0),
 * cannot be written (1, 2). */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_INTERNAL);
}

/* What was printed must have arrived: a full disk or a closed pipe is a failure like another. */
static int flush_output(int code)
{
    errno = 0;
    int failed = fflush(stdout) != 0;
    int error = failed ? errno : 0;
    if (!failed && !ferror(stdout))
        return code;
    fprintf(stderr, "dagrad: cannot write standard output%s%s\n", error ? ": " : "",
            error ? strerror(error) : "");
    return code == EXIT_DONE ? EXIT_INTERNAL : code;
}

static int run(int argc, char **argv)
{
    int help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || help) {
        dg_help_list(help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        return version();
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    return unknown(argv[1]);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    return flush_output(run(argc, argv));
}
