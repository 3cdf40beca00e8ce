/* metrics.jsonl as numbers; see record.h. */
#include "report/record.h"
#include "base/text.h"
#include "train/rundir.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number_of(const json_t *j)
{
    return json_is_number(j) ? json_number_value(j) : (double)NAN;
}

/* Room for one more of size bytes each; doubles. NULL: none, and what was there stays. */
static void *grow(void *list, int n, int *room, size_t size)
{
    if (n < *room)
        return list;
    int more = *room ? 2 * *room : 16;
    void *larger = realloc(list, (size_t)more * size);
    *room = larger ? more : *room;
    return larger;
}

const dg_series *dg_record_find(const dg_record *r, const char *kind, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->series[i].kind, kind) == 0 && strcmp(r->series[i].name, name) == 0)
            return &r->series[i];
    return NULL;
}

static dg_series *series_of(dg_record *r, const char *kind, const char *name)
{
    dg_series *s = (dg_series *)(uintptr_t)dg_record_find(r, kind, name);
    if (s)
        return s;
    dg_series *all = grow(r->series, r->n, &r->room, sizeof *all);
    if (!all)
        return NULL;
    r->series = all;
    s = &all[r->n++];
    *s = (dg_series){.kind = strdup(kind), .name = strdup(name)};
    return s->kind && s->name ? s : NULL;
}

static int add(dg_record *r, const char *kind, const char *before, const char *name, double y)
{
    char full[512];
    dg_format(full, sizeof full, "%s%s", before, name);
    dg_series *s = series_of(r, kind, full);
    void *at = s ? grow(s->at, s->n, &s->room, sizeof *s->at) : NULL;
    if (!at)
        return 0;
    s->at = at;
    s->at[s->n][0] = (double)r->step;
    s->at[s->n++][1] = y;
    return 1;
}

static int add_all(dg_record *r, const char *kind, const char *before, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!add(r, kind, before, name, number_of(value)))
            return 0;
    }
    return 1;
}

/* The names are those of the first line; a resumed run has the same network. */
static int name_layers(dg_layers *l, const json_t *list)
{
    l->nodes = (int)json_array_size(list);
    l->name = calloc((size_t)l->nodes + 1, sizeof *l->name);
    for (int k = 0; l->name && k < l->nodes; k++) {
        const char *name = json_string_value(json_array_get(json_array_get(list, (size_t)k), 0));
        l->name[k] = strdup(name ? name : "");
        if (!l->name[k])
            return 0;
    }
    return l->name != NULL;
}

static int add_layers(dg_layers *l, double step, const json_t *list)
{
    if (!l->name && !name_layers(l, list))
        return 0;
    if (json_array_size(list) != (size_t)l->nodes || l->nodes == 0)
        return 1;
    int room = l->room;
    double *x = grow(l->x, l->steps, &room, (size_t)l->nodes * sizeof *x);
    l->x = x ? x : l->x;
    double *steps = x ? grow(l->step, l->steps, &l->room, sizeof *steps) : NULL;
    if (!steps)
        return 0;
    l->step = steps;
    l->step[l->steps] = step;
    for (int k = 0; k < l->nodes; k++)
        l->x[l->steps * l->nodes + k] =
            number_of(json_array_get(json_array_get(list, (size_t)k), 1));
    l->steps++;
    return 1;
}

static int add_line(dg_record *r, const json_t *j)
{
    const char *kind = json_string_value(json_object_get(j, "kind"));
    if (!kind)
        return 1;
    r->step = json_integer_value(json_object_get(j, "step"));
    r->epoch = json_integer_value(json_object_get(j, "epoch"));
    r->samples_per_second = number_of(json_object_get(j, "samples_per_second"));
    int ok = add(r, kind, "", "loss", number_of(json_object_get(j, "loss"))) &&
             add(r, kind, "", "rate", number_of(json_object_get(j, "rate"))) &&
             add_all(r, kind, "term ", json_object_get(j, "terms")) &&
             add_all(r, kind, "metric ", json_object_get(j, "metrics"));
    const json_t *states = json_object_get(j, "rms"), *errors;
    errors = json_object_get(j, "rms_error_vector");
    if (ok && states)
        ok = add_layers(&r->states, (double)r->step, states);
    if (ok && errors)
        ok = add_layers(&r->errors, (double)r->step, errors);
    return ok;
}

dg_status dg_record_read(dg_record *r, const char *run, dg_diag *why)
{
    char path[PATH_MAX], *line = NULL;
    size_t room = 0;
    ssize_t n;
    int ok = 1;
    *r = (dg_record){.samples_per_second = (double)NAN};
    FILE *f = fopen(dg_run_file(run, "metrics.jsonl", path, sizeof path), "r");
    while (f && ok && (n = getline(&line, &room, f)) > 0) {
        json_t *j = line[n - 1] == '\n' ? json_loadb(line, (size_t)n, 0, NULL) : NULL;
        ok = !j || add_line(r, j);
        json_decref(j);
    }
    free(line);
    if (f)
        fclose(f);
    return ok ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

static void free_layers(dg_layers *l)
{
    for (int k = 0; l->name && k < l->nodes; k++)
        free(l->name[k]);
    free(l->name);
    free(l->step);
    free(l->x);
}

void dg_record_free(dg_record *r)
{
    for (int i = 0; i < r->n; i++) {
        free(r->series[i].kind);
        free(r->series[i].name);
        free(r->series[i].at);
    }
    free(r->series);
    free_layers(&r->states);
    free_layers(&r->errors);
    *r = (dg_record){.n = 0};
}
