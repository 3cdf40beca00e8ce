/* The program inside a fuzzer: its commands are called in this process, in a folder of their own,
 * with a small run that is made anew for each input. */
#ifndef DG_TESTS_FUZZ_PROGRAM_H
#define DG_TESTS_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

/* main of src/cli/main.c. */
int dagrad_main(int argc, char **argv);

enum { FUZZ_RUN_FILES = 6 };
extern const char *const fuzz_run_file[FUZZ_RUN_FILES]; /* "run/run.json" and its like */

/* Fills the folder: model.dag, data.csv, weights.safetensors, and run, a run of that model. */
void fuzz_folder_fill(void);
/* Replaces a file of it. */
void fuzz_folder_put(const char *name, const void *bytes, size_t n);
/* The bytes that it is filled with. */
const void *fuzz_folder_get(const char *name, size_t *n);
/* Runs a command in the folder, its output thrown away; what would take long is told to stop, as by
 * SIGTERM. Stops the process if the exit code is none of the program's. */
void fuzz_command(int argc, char **argv);

#endif
