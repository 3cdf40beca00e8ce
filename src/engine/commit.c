/* The third phase of a step: commit.
 *
 * Blocks of DG_BLOCK elements of all gradients are squared and summed, each by one thread; the sums
 * are added in order of blocks. If the result is not finite nothing has changed and nothing will.
 * Otherwise every block of every parameter is descended in one pass over it, its gradient and its
 * moments. */
#include "base/elem_f64.h"
#include "engine/engine.h"
#include <math.h>

static void block_bounds(const dg_program *p, int64_t b, int32_t *id, int64_t *first, int64_t *n)
{
    *id = p->block_value[b];
    *first = p->block_start[b];
    int64_t count = dg_shape_count(&p->graph->values[*id - 1].shape);
    *n = count - *first < DG_BLOCK ? count - *first : DG_BLOCK;
}

static char *gradient(const dg_program *p, int32_t id)
{
    const dg_plan *q = &p->plan[p->current];
    return dg_slot_address(p, q, q->gradient[id - 1]);
}

static void square_block(const dg_program *p, int64_t b)
{
    int32_t id;
    int64_t first, n;
    block_bounds(p, b, &id, &first, &n);
    size_t unit = dg_type_bytes(p->graph->real);
    p->squares[b] = p->kernels->sum_squares(n, gradient(p, id) + (size_t)first * unit);
}

static void descend_block(const dg_program *p, const dg_descent *d, int64_t b)
{
    int32_t id;
    int64_t first, n;
    block_bounds(p, b, &id, &first, &n);
    size_t at = (size_t)first * dg_type_bytes(p->graph->real);
    char *theta = p->graph->values[id - 1].data;
    char *moment[2] = {NULL, NULL};
    for (int k = 0; k < p->n_moments; k++)
        moment[k] = (char *)dg_program_moment((dg_program *)(uintptr_t)p, (dg_value){id}, k) + at;
    p->kernels->descend(d, n, theta + at, gradient(p, id) + at, moment[0], moment[1]);
}

typedef struct dg_committer {
    dg_program *p;
    dg_descent descent;
    double clip;
} dg_committer;

/* Every thread adds the same sums in the same order, and so takes the same decision. */
static double norm_of(const dg_program *p)
{
    double sum = 0;
    for (int64_t b = 0; b < p->n_blocks; b++)
        sum += p->squares[b];
    return sqrt(sum);
}

static void commit(void *user, int thread)
{
    const dg_committer *c = user;
    dg_program *p = c->p;
    int64_t b;
    while ((b = dg_team_next(p->team, thread, p->n_blocks)) >= 0)
        square_block(p, b);
    dg_team_barrier(p->team);
    double norm = norm_of(p);
    if (!isfinite(norm))
        return;
    dg_descent d = c->descent;
    d.scale = c->clip > 0 && norm > c->clip ? c->clip / norm : 1;
    while ((b = dg_team_next(p->team, thread, p->n_blocks)) >= 0)
        descend_block(p, &d, b);
}

static dg_status refuse(dg_program *p, double rate, uint64_t step)
{
    for (int64_t b = p->n_blocks - 1; b >= 0; b--) { /* the first parameter has the last blocks */
        if (isfinite(p->squares[b]))
            continue;
        const dg_vertex *v = &p->graph->values[p->block_value[b] - 1];
        dg_program_fail(
            p, NULL, DG_EFINITE,
            "the gradient of '%s' is not finite at step %llu (rate %g); the weights are "
            "those of the step before",
            v->name, (unsigned long long)step, rate);
        return DG_EFINITE;
    }
    return dg_program_fail(p, NULL, DG_EFINITE,
                           "the norm of the gradient is not finite at step %llu",
                           (unsigned long long)step);
}

static dg_descent descent_of(const dg_optimizer *o, uint64_t step)
{
    double t = (double)step + 1;
    return (dg_descent){.kind = o->kind,
                        .nesterov = o->nesterov,
                        .rate = dg_optimizer_rate(o, step),
                        .momentum = o->momentum,
                        .decay = o->decay,
                        .beta1 = o->beta1,
                        .beta2 = o->beta2,
                        .epsilon = o->epsilon,
                        .scale = 1,
                        .c1 = 1 - dg_pow(o->beta1, t),
                        .c2 = 1 - dg_pow(o->beta2, t)};
}

dg_status dg_commit(dg_program *p, const dg_optimizer *o, uint64_t step)
{
    if (p->diag.code != DG_OK)
        return p->diag.code;
    if (p->options.mode != DG_RUN_TRAIN || p->current == DG_NONE || p->backs == 0)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_commit needs a training program after dg_adjoint");
    if (dg_optimizer_check(o, &p->diag) != DG_OK)
        return p->diag.code;
    if (dg_optimizer_moments(o) > p->n_moments)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "this program was compiled for an optimizer with fewer moments");
    dg_committer c = {p, descent_of(o, step), o->clip};
    if (p->n_blocks > 0 && dg_team_run(p->team, commit, &c) != DG_OK)
        return dg_program_fail(p, NULL, DG_EUSAGE, "the threads of this program are gone");
    p->backs = 0;
    double norm = norm_of(p);
    return isfinite(norm) ? DG_OK : refuse(p, c.descent.rate, step);
}

void *dg_program_moment(dg_program *p, dg_value parameter, int k)
{
    if (k < 0 || k >= p->n_moments || parameter.id < 1 || parameter.id > p->graph->n_values ||
        p->plan[0].gradient[parameter.id - 1] == DG_NONE)
        return NULL;
    return p->arena + p->moment_at[(size_t)(parameter.id - 1) * (size_t)p->n_moments + (size_t)k];
}
