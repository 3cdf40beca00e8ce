/* The samples with the largest loss, as text and JSON. */
#ifndef DG_CLI_WORST_H
#define DG_CLI_WORST_H

#include "report/samples.h"
#include <jansson.h>

void dg_worst_print(const dg_samples *s); /* to standard output */
json_t *dg_worst_json(const dg_samples *s);

#endif
