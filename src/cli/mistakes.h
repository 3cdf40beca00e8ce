/* What a run takes for what, as text and JSON: confusion matrices, precision and recall. */
#ifndef DG_CLI_MISTAKES_H
#define DG_CLI_MISTAKES_H

#include "report/survey.h"
#include <jansson.h>

void dg_mistakes_print(const dg_survey *s); /* to standard output; nothing where there is none */
/* A list, an entry a target with its estimate. */
json_t *dg_mistakes_json(const dg_survey *s);

#endif
