/* What the tests of models share: a small run of digits, rows, what the program predicts. */
#ifndef DG_TESTS_MODEL_TOOLS_H
#define DG_TESTS_MODEL_TOOLS_H

#include "io/array.h"
#include <dagrad/model.h>

/* A network for pictures of digits, without data. */
extern const char model_digits_text[];
/* Trains it, in the working folder (cli_enter): the run "digits". 0: done. */
int model_digits(void);
/* The 8x8 pictures of digits, as bytes; to be freed. */
dg_array model_pictures(void);

/* What `dagrad predict ARGUMENTS` writes of an output; to be freed. */
dg_array model_program_says(const char *arguments, const char *output);
/* Opened, or the test fails. */
dg_model *model_open(const char *path);
dg_rows model_numbers(const char *name, dg_type type, dg_shape shape, const void *data);

#endif
