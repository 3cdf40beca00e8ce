/* libFuzzer target: command lines. A line of the input is an argument. Nothing is written outside
 * the folder: no argument keeps a '/'. */
#include "fuzz/program.h"
#include "fuzz/readers.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[MOST + 2] = {"dagrad"}, *text = malloc(size + 1);
    int argc = 1;
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = 0;
    for (char *at = text; at && argc <= MOST;) {
        argv[argc++] = at;
        at = strchr(at, '\n');
        if (at)
            *at++ = 0;
    }
    for (int i = 1; i < argc; i++)
        for (char *slash = argv[i]; (slash = strchr(slash, '/'));)
            *slash = '_';
    fuzz_folder_fill();
    fuzz_command(argc, argv);
    free(text);
    return 0;
}
