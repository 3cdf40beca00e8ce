/* Numbers in JSON. */
#ifndef DG_TRAIN_JSON_H
#define DG_TRAIN_JSON_H

#include <jansson.h>
#include <math.h>

/* JSON has no NaN and no infinity: null. */
static inline json_t *dg_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

#endif
