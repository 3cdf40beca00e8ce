/* The numbers of a tensor for people: a small one as a table, every sign written; a large one as
 * its shape, its range and its first elements. */
#ifndef DG_CLI_NUMBERS_H
#define DG_CLI_NUMBERS_H

#include <dagrad/tensor.h>
#include <stdio.h>

/* A line "TITLE  SHAPE", then the table. Rows of a table are those of the last axis; with three
 * axes or more each begins with its place in the others. */
void dg_numbers_print(FILE *to, const char *title, const dg_tensor *t);

#endif
