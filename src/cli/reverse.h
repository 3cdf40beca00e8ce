/* dagrad show --reverse as text: a line a call of the backward pass, with what it reads. */
#ifndef DG_CLI_REVERSE_H
#define DG_CLI_REVERSE_H

#include "cli/draw.h"

void dg_reverse_print(const dg_drawing *d);

#endif
