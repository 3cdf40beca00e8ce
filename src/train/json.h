/* Values of JSON: what finds no memory is told, and not left out. */
#ifndef DG_TRAIN_JSON_H
#define DG_TRAIN_JSON_H

#include "io/json.h"
#include <dagrad/status.h>
#include <math.h>

static inline void dg_json_append(json_t *list, json_t *item, dg_diag *why)
{
    if (json_array_append_new(list, item) != 0)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static inline void dg_json_set(json_t *object, const char *key, json_t *item, dg_diag *why)
{
    if (json_object_set_new(object, key, item) != 0)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* A number; JSON has no NaN and no infinity: null. */
static inline json_t *dg_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

#endif
