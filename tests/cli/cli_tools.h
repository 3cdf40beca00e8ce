/* Running the program in a folder of its own. */
#ifndef DG_TESTS_CLI_TOOLS_H
#define DG_TESTS_CLI_TOOLS_H

#include <stddef.h>

/* A folder that cli_leave removes; the working folder from now on. DAGRAD_DATA and NO_COLOR are set
 * so that messages are the same everywhere. Returns its path. */
const char *cli_enter(void);
void cli_leave(void);

/* The same as what cmocka calls before and after. */
int cli_set_up(void **state);
int cli_tear_down(void **state);

void cli_write_text(const char *name, const char *text);
void cli_write(const char *name, const char *bytes, size_t size);
/* Bytes of a file, ended by 0, to be freed; NULL: not there. size may be NULL. */
char *cli_read(const char *name, size_t *size);

/* `dagrad ARGUMENTS` through the shell, without input unless it says so. Returns the exit code;
 * standard output and error are in the files "out" and "err" of the folder. */
int cli_run(const char *arguments);

/* Runs, and fails the test unless it ends with this code and the text is in the file "out" or
 * "err". */
void cli_expect(const char *arguments, int code, const char *file, const char *expected);

#endif
