/* What tests of run directories share; see run_tools.h. */
#include "train/run_tools.h"
#include "base/text.h"
#include "cli/cli_tools.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char memory[] = "/dev/shm/dagrad-runs-XXXXXX";
static int in_memory;

const char *run_enter(void)
{
    const char *folder = cli_enter();
    in_memory = folder && mkdtemp(memory) && chdir(memory) == 0;
    return in_memory ? memory : folder;
}

void run_leave(void)
{
    char command[100];
    dg_format(command, sizeof command, "rm -rf %s", memory);
    if (in_memory && (chdir("/") != 0 || system(command) != 0))
        fprintf(stderr, "%s is left behind\n", memory);
    cli_leave();
}

void run_check_metrics(const char *file, const char *of)
{
    char *all = cli_read(file, NULL), *line = all;
    double before = 0;
    if (!all)
        fail_msg("%s: there is no %s", of, file);
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        json_t *j = json_loads(line, 0, NULL);
        if (!j)
            fail_msg("%s: %s: %s", of, file, line);
        if (strcmp(json_string_value(json_object_get(j, "kind")), "step") == 0) {
            if (json_number_value(json_object_get(j, "step")) <= before)
                fail_msg("%s: %s: step %g again", of, file, before);
            before = json_number_value(json_object_get(j, "step"));
        }
        json_decref(j);
    }
    if (*line || before <= 0)
        fail_msg("%s: %s ends with '%s', its last step is %g", of, file, line, before);
    free(all);
}
