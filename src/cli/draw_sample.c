/* One sample written into a drawing: states and error vectors on boxes, and at edges what comes
 * back along them; see draw.h. */
#include "base/number.h"
#include "base/text.h"
#include "cli/draw.h"
#include "engine/probe.h"
#include "graph/graph.h"
#include "train/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WRITTEN = 4 }; /* numbers that are written out; of more their root mean square */

typedef struct sampler {
    dg_drawing *d;
    const dg_graph *g;
    const dg_naive *at;
    const dg_isa *isa;
} sampler;

static double element(dg_type type, const void *data, int64_t i)
{
    return type == DG_I32 ? (double)((const int32_t *)data)[i] : dg_number_get(type, data, i);
}

static void fill_strip(dg_strip *s, dg_type type, const void *data, int64_t n)
{
    double sum = 0;
    *s = (dg_strip){.n = n < DG_DRAW_CELLS ? (int)n : DG_DRAW_CELLS};
    for (int64_t i = 0; i < n; i++) {
        double x = element(type, data, i);
        sum += x * x;
        if (i < s->n)
            s->cell[i] = (float)x;
    }
    s->rms = n > 0 ? sqrt(sum / (double)n) : 0;
}

/* "eps +1 -0.5", or "eps rms 0.3" of many. */
static void describe(char out[DG_DRAW_ROOM], const char *what, dg_type type, const void *data,
                     int64_t n)
{
    size_t at = (size_t)dg_format(out, DG_DRAW_ROOM, "%s", what);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = element(type, data, i);
        sum += x * x;
        if (n <= WRITTEN)
            at += (size_t)dg_format(out + at, DG_DRAW_ROOM - at,
                                    x < 0 || x > 0 ? " %+.4g" : " %.4g", x + 0.0);
    }
    if (n > WRITTEN)
        dg_format(out + at, DG_DRAW_ROOM - at, " rms %.3g", sqrt(sum / (double)n));
}

static void write_box(const sampler *s, dg_box *b)
{
    static const struct {
        const char *name;
        dg_part part;
    } parts[] = {{"z", DG_VALUE}, {"eps", DG_ERROR_VECTOR}};
    dg_value v = {b->value};
    if (!b->value)
        return;
    for (int i = 0; i < 2; i++) {
        const void *data = dg_naive_get(s->at, v, parts[i].part);
        int64_t n = dg_shape_count(dg_naive_shape(s->at, v));
        dg_type type = s->g->values[b->value - 1].type;
        if (!data || (i == 1 && (type != s->g->real || b->kind == BOX_TARGET)))
            continue;
        fill_strip(i ? &b->eps : &b->z, type, data, n);
        describe(b->line[b->n_lines++], parts[i].name, type, data, n);
    }
}

/* The error vectors of all results of a node, one after the other; NULL: none, or no memory. */
static double *eps_of(const sampler *s, const dg_probe *p, const dg_node *n)
{
    double *eps = calloc((size_t)dg_probe_out(p) + 1, sizeof *eps);
    int64_t at = 0;
    int found = 0;
    for (int j = 0; eps && j < p->n_results; j++) {
        const void *data = dg_naive_get(s->at, (dg_value){n->out + j}, DG_ERROR_VECTOR);
        int64_t count = dg_shape_count(&p->out_shape[j]);
        for (int64_t i = 0; data && i < count; i++)
            eps[at + i] = dg_number_get(s->g->real, data, i);
        at += count;
        found |= data != NULL;
    }
    if (found)
        return eps;
    free(eps);
    return NULL;
}

static dg_status write_edge(const sampler *s, dg_edge *e, dg_diag *why)
{
    dg_probe p;
    const dg_node *n = &s->g->nodes[e->node];
    dg_status status = dg_probe_make(&p, s->g, s->at, e->node, s->isa, NULL, why);
    if (status != DG_OK)
        return status;
    double *eps = eps_of(s, &p, n);
    int64_t count = dg_probe_in(&p, e->input);
    double *back = malloc((size_t)(count + 1) * sizeof *back);
    if (eps && back && dg_probe_differentiable(&p, e->input)) {
        dg_probe_adjoint(&p, e->input, eps, back);
        fill_strip(&e->back, DG_F64, back, count);
        describe(e->label, "", DG_F64, back, count);
    }
    free(eps);
    free(back);
    dg_probe_free(&p);
    return DG_OK;
}

static dg_status write_all(const sampler *s, dg_diag *why)
{
    dg_status status = DG_OK;
    for (int k = 0; k < s->d->n_boxes; k++)
        write_box(s, &s->d->box[k]);
    for (int k = 0; k < s->d->n_edges && status == DG_OK; k++)
        status = write_edge(s, &s->d->edge[k], why);
    s->d->sampled = 1;
    return status;
}

/* The step of one row, with every result and its error vector. */
static dg_status run_step(dg_experiment *e, const dg_options *o, int64_t sample, dg_naive **at,
                          dg_diag *why)
{
    dg_graph *g = e->model->graph;
    dg_point x = {NULL, 0};
    dg_program *p = dg_compile(g, o);
    dg_status s = p ? dg_program_status(p, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (s == DG_OK)
        s = dg_experiment_point_of(e, p, 1, e->settings.seed, sample, NULL, why);
    if (s == DG_OK)
        s = dg_point_copy(&x, g, p, why);
    *at = s == DG_OK ? dg_naive_run(g, o, 0, x.in) : NULL;
    if (s == DG_OK && !*at)
        s = dg_diag_set(why, DG_EFINITE,
                        "a node fails at this sample: dagrad grad --sample says which");
    dg_point_free(&x);
    dg_program_free(p);
    return s;
}

dg_status dg_drawing_sample(dg_drawing *d, dg_experiment *e, int64_t sample, dg_diag *why)
{
    const dg_part_rows *part = &e->part[DG_TRAIN_PART];
    const dg_graph *g = e->model->graph;
    sampler s = {.d = d, .g = g, .isa = dg_isa_choose(NULL, why)};
    if (!s.isa)
        return why->code;
    if (sample > 0 && (!part->data || sample >= part->rows))
        return dg_diag_set(why, DG_EUSAGE, "--sample is %lld, there are %lld rows",
                           (long long)sample, part->data ? (long long)part->rows : 0LL);
    dg_options o =
        dg_program_options(e, dg_graph_losses(g) > 0 ? DG_RUN_GRADIENT : DG_RUN_INFER, 1);
    dg_value *keep = calloc((size_t)g->n_values + 1, sizeof *keep);
    dg_naive *at = NULL;
    for (int id = 1; keep && id <= g->n_values; id++)
        if (g->values[id - 1].kind == DG_RESULT)
            keep[o.n_keep++] = (dg_value){id};
    o.keep = keep;
    o.threads = 1;
    dg_status status =
        keep ? run_step(e, &o, sample, &at, why) : dg_diag_set(why, DG_EMEMORY, "out of memory");
    s.at = at;
    if (status == DG_OK)
        status = write_all(&s, why);
    dg_naive_free(at);
    free(keep);
    return status;
}
