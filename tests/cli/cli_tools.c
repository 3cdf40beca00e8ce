/* Running the program; see cli_tools.h. */
#include "cli/cli_tools.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dagrad-cli-XXXXXX";

const char *cli_enter(void)
{
    setenv("DAGRAD_DATA", "", 1);
    setenv("DAGRAD_ISA", "", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C", 1);
    return mkdtemp(folder) && chdir(folder) == 0 ? folder : NULL;
}

void cli_leave(void)
{
    char command[128];
    dg_format(command, sizeof command, "rm -rf %s", folder);
    if (chdir("/") != 0 || system(command) != 0)
        fprintf(stderr, "%s is left behind\n", folder);
}

int cli_set_up(void **state)
{
    (void)state;
    return !cli_enter();
}

int cli_tear_down(void **state)
{
    (void)state;
    cli_leave();
    return 0;
}

void cli_write_text(const char *name, const char *text)
{
    cli_write(name, text, strlen(text));
}

void cli_write(const char *name, const char *bytes, size_t size)
{
    FILE *f = fopen(name, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
}

char *cli_read(const char *name, size_t *size)
{
    FILE *f = fopen(name, "rb");
    if (!f)
        return NULL;
    size_t n = 0, room = 1 << 16;
    char *bytes = malloc(room);
    for (size_t got = 1; bytes && got > 0; n += got) {
        if (n + 4096 > room)
            bytes = realloc(bytes, room *= 2);
        got = bytes ? fread(bytes + n, 1, 4095, f) : 0;
    }
    fclose(f);
    if (!bytes)
        abort();
    bytes[n] = 0;
    if (size)
        *size = n;
    return bytes;
}

int cli_run(const char *arguments)
{
    char command[1 << 13];
    const char *program = getenv("DAGRAD_PROGRAM");
    dg_format(command, sizeof command, "\"%s\" %s >out 2>err%s", program ? program : "dagrad",
              arguments, strchr(arguments, '<') ? "" : " </dev/null");
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void cli_expect(const char *arguments, int code, const char *file, const char *expected)
{
    int got = cli_run(arguments);
    char *text = cli_read(file, NULL);
    if (got != code || !strstr(text, expected))
        fail_msg("dagrad %s: exit %d, '%s' is not in: %s", arguments, got, expected, text);
    free(text);
}
