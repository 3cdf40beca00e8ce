/* What is made from the tables of commands and words, as text on standard output. */
#ifndef DG_CLI_GENERATED_H
#define DG_CLI_GENERATED_H

#include "cli/command.h"

/* What can follow on a command line: see complete.c. words: those behind `dagrad`, the last being
 * written; c: the command, NULL: there is none of that name. Returns the exit code. */
int dg_complete(const dg_command *c, int n, const char *const words[]);

/* The manual page of a command, as man(1) reads it. */
void dg_manual_print(const dg_command *c);

#endif
