/* libFuzzer target: run directories. The first byte chooses which file of a good run is replaced by
 * the rest, the second which command reads it. */
#include "fuzz/program.h"
#include "fuzz/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *commands[][7] = {{"dagrad", "eval", "run", "--part", "train"},
                                  {"dagrad", "train", "--resume", "run", "--epochs", "3"},
                                  {"dagrad", "show", "run", "--gradients"},
                                  {"dagrad", "predict", "run", "--input", "x=data.csv"},
                                  {"dagrad", "grad", "run"},
                                  {"dagrad", "train", "--resume", "run"}};
    if (size < 2)
        return 0;
    char **command = commands[data[1] % (sizeof commands / sizeof commands[0])];
    int n = 0;
    while (command[n])
        n++;
    fuzz_folder_fill();
    fuzz_folder_put(fuzz_run_file[data[0] % FUZZ_RUN_FILES], data + 2, size - 2);
    fuzz_command(n, command);
    return 0;
}
