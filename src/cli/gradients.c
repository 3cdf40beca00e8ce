/* A run's error vectors and states, drawn: a line a node, a column a logged step, the darker the
 * larger. The scale is logarithmic: a mark is a factor of ten, relative to the largest of the
 * picture. */
#include "cli/gradients.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 60 };
static const char marks[] = " .:-=+*#%@"; /* 1e-9 and less ... 1 */
static const double vanished = 1e-6;

/* A table: nodes by steps. Names are borrowed from the JSON of the first line. */
typedef struct picture {
    int nodes, steps;
    const char **name;
    double *x; /* [steps][nodes] */
    int64_t *step;
} picture;

/* The lines of kind "step", at most COLUMNS of them, evenly. */
static json_t *read_lines(const char *run, dg_diag *why)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *f = fopen(path, "r");
    json_t *all = json_array();
    char *line = NULL;
    size_t room = 0;
    if (!f) {
        dg_diag_set(why, DG_EDATA, "%s: cannot be read", path);
        return all;
    }
    while (getline(&line, &room, f) > 0) {
        json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *kind = json_string_value(json_object_get(j, "kind"));
        if (kind && strcmp(kind, "step") == 0 && json_object_get(j, "rms_error_vector"))
            json_array_append(all, j);
        json_decref(j);
    }
    free(line);
    fclose(f);
    if (json_array_size(all) == 0)
        dg_diag_set(why, DG_EDATA, "%s has no logged steps", path);
    return all;
}

static int make_picture(picture *p, const json_t *lines, const char *key)
{
    size_t n = json_array_size(lines);
    const json_t *first = json_object_get(json_array_get(lines, 0), key);
    p->nodes = (int)json_array_size(first);
    p->steps = n < COLUMNS ? (int)n : COLUMNS;
    p->name = calloc((size_t)p->nodes + 1, sizeof *p->name);
    p->x = calloc((size_t)p->nodes * (size_t)p->steps + 1, sizeof *p->x);
    p->step = calloc((size_t)p->steps + 1, sizeof *p->step);
    for (int s = 0; p->name && p->x && p->step && s < p->steps; s++) {
        const json_t *line = json_array_get(lines, (size_t)s * n / (size_t)p->steps);
        const json_t *list = json_object_get(line, key);
        p->step[s] = json_integer_value(json_object_get(line, "step"));
        for (int k = 0; k < p->nodes; k++) {
            const json_t *pair = json_array_get(list, (size_t)k);
            const char *name = json_string_value(json_array_get(pair, 0));
            p->name[k] = name ? name : "";
            p->x[s * p->nodes + k] = json_number_value(json_array_get(pair, 1));
        }
    }
    return p->name && p->x && p->step;
}

static void free_picture(picture *p)
{
    free(p->name);
    free(p->x);
    free(p->step);
}

static char mark(double x, double most)
{
    int last = (int)sizeof marks - 2;
    if (!(x > 0) || !(most > 0))
        return marks[0];
    int k = last + (int)floor(log10(x / most) + 0.5);
    return marks[k < 0 ? 0 : k > last ? last : k];
}

static void draw(const picture *p, const char *what)
{
    double most = 0;
    int width = 4;
    for (int i = 0; i < p->steps * p->nodes; i++)
        most = p->x[i] > most ? p->x[i] : most;
    for (int k = 0; k < p->nodes; k++)
        width = (int)strlen(p->name[k]) > width ? (int)strlen(p->name[k]) : width;
    printf("%s, steps %lld to %lld; @ is %.3g, each mark a factor of ten: \"%s\"\n", what,
           (long long)p->step[0], (long long)p->step[p->steps - 1], most, marks);
    for (int k = 0; k < p->nodes; k++) {
        printf("  %-*s |", width, p->name[k]);
        for (int s = 0; s < p->steps; s++)
            putchar(mark(p->x[s * p->nodes + k], most));
        printf("| %.3g\n", p->x[(p->steps - 1) * p->nodes + k]);
    }
}

/* Where the error vector falls below 1e-6 of the last layer's, first step and last. A loss node's
 * own error vector is the 1/K that enters, so the last layer is the node before it. */
static void say_vanishing(const picture *p)
{
    int last = p->nodes - 1;
    while (last > 0 && strncmp(p->name[last], "loss", 4) == 0)
        last--;
    for (int s = 0; s<p->steps; s += p->steps> 1 ? p->steps - 1 : 1) {
        const double *x = &p->x[s * p->nodes];
        int at = last;
        while (at >= 0 && !(x[at] < vanished * x[last]))
            at--;
        if (at < 0)
            printf("step %lld: no error vector is below 1e-6 of the last layer's (%s)\n",
                   (long long)p->step[s], p->name[last]);
        else
            printf("step %lld: from %s down the error vector is below 1e-6 of the last layer's "
                   "(%.3g against %.3g of %s): the gradient vanishes there\n",
                   (long long)p->step[s], p->name[at], x[at], x[last], p->name[last]);
    }
}

dg_status dg_gradients_print(const char *run, dg_diag *why)
{
    json_t *lines = read_lines(run, why);
    picture eps = {0}, z = {0};
    if (why->code == DG_OK &&
        (!make_picture(&eps, lines, "rms_error_vector") || !make_picture(&z, lines, "rms")))
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (why->code == DG_OK) {
        draw(&z, "rms of states");
        draw(&eps, "rms of error vectors");
        say_vanishing(&eps);
    }
    free_picture(&eps);
    free_picture(&z);
    json_decref(lines);
    return why->code;
}
