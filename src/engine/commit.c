/* The third phase of a step: commit.
 *
 * Blocks of DG_BLOCK elements of all gradients are squared and summed, each by one thread; the sums
 * are added in order of blocks. If the result is not finite nothing has changed and nothing will.
 * Otherwise the optimizer step of every block of every parameter is one pass over it, its gradient
 * and its moments. */
#include "base/elem_f64.h"
#include "base/number.h"
#include "engine/engine.h"
#include <float.h>
#include <math.h>
#include <string.h>

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

/* Adam and its relatives square the gradient. */
static int squares_gradient(const dg_program *p)
{
    return p->graph->real == DG_F32 && p->optimizer_step.kind != DG_GD &&
           p->optimizer_step.kind != DG_SGD;
}

/* And this much of the parameter in it. */
static double decay_of(const dg_program *p)
{
    return squares_gradient(p) && p->optimizer_step.kind != DG_ADAMW ? p->optimizer_step.decay : 0;
}

static void square_block(const dg_program *p, int64_t b)
{
    int32_t id;
    int64_t first, n;
    block_bounds(p, b, &id, &first, &n);
    size_t at = (size_t)first * dg_type_bytes(p->graph->real);
    p->squares[b] = p->kernels->sum_squares(n, gradient(p, id) + at);
    if (decay_of(p) > 0)
        p->sizes[b] = p->kernels->sum_squares(n, (char *)p->graph->values[id - 1].data + at);
}

static void step_block(const dg_program *p, const dg_optimizer_step *d, int64_t b)
{
    int32_t id;
    int64_t first, n;
    block_bounds(p, b, &id, &first, &n);
    size_t at = (size_t)first * dg_type_bytes(p->graph->real);
    char *theta = p->graph->values[id - 1].data;
    char *moment[2] = {NULL, NULL};
    for (int k = 0; k < p->n_moments; k++)
        moment[k] = (char *)dg_program_moment((dg_program *)(uintptr_t)p, (dg_value){id}, k) + at;
    p->kernels->optimizer_step(d, n, theta + at, gradient(p, id) + at, moment[0], moment[1]);
}

/* Every thread adds the same sums in the same order, and so takes the same decision. */
static double norm_of(const dg_program *p)
{
    double sum = 0;
    for (int64_t b = 0; b < p->n_blocks; b++)
        sum += p->squares[b];
    return sqrt(sum);
}

static double scale_of(const dg_program *p, double norm)
{
    return p->clip > 0 && norm > p->clip ? p->clip / norm : 1;
}

/* The largest element of what is squared in a block. */
static double largest(const dg_program *p, int64_t b, double scale)
{
    int32_t id;
    int64_t first, n;
    block_bounds(p, b, &id, &first, &n);
    const float *g = (const float *)(const void *)gradient(p, id) + first;
    const float *theta = (const float *)p->graph->values[id - 1].data + first;
    double most = 0, decay = decay_of(p);
    for (int64_t i = 0; i < n; i++) {
        double x = fabs(scale * (double)g[i] + decay * (double)theta[i]);
        most = x > most ? x : most;
    }
    return most;
}

/* Where f32 cannot hold the square of a gradient its parameter would not move at all. The block of
 * the first parameter with such an element, or -1. (In f64 the norm of such a gradient is not
 * finite.) */
static int64_t too_large(const dg_program *p, double norm)
{
    const double scale = scale_of(p, norm), decay = decay_of(p), most = (double)FLT_MAX;
    if (!squares_gradient(p))
        return -1;
    for (int64_t b = p->n_blocks - 1; b >= 0; b--) { /* the first parameter has the last blocks */
        double bound = scale * sqrt(p->squares[b]);
        bound += decay > 0 ? decay * sqrt(p->sizes[b]) : 0;
        double x = bound * bound > most ? largest(p, b, scale) : 0;
        if (x * x > most)
            return b;
    }
    return -1;
}

static void commit(void *user, int thread)
{
    dg_program *p = user;
    int64_t b;
    while ((b = dg_team_next(p->team, thread, p->n_blocks)) >= 0)
        square_block(p, b);
    dg_team_barrier(p->team);
    double norm = norm_of(p);
    int64_t large = isfinite(norm) ? too_large(p, norm) : -1;
    if (thread == 0)
        p->large = large;
    if (!isfinite(norm) || large >= 0)
        return;
    dg_optimizer_step d = p->optimizer_step;
    d.scale = scale_of(p, norm);
    while ((b = dg_team_next(p->team, thread, p->n_blocks)) >= 0)
        step_block(p, &d, b);
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

static dg_status refuse_large(dg_program *p, double norm, uint64_t step)
{
    const dg_vertex *v = &p->graph->values[p->block_value[p->large] - 1];
    return dg_program_fail(
        p, NULL, DG_EFINITE,
        "the gradient of '%s' has an element of size %g at step %llu, whose square f32 does not "
        "hold (rate %g); the weights are those of the step before",
        v->name, largest(p, p->large, scale_of(p, norm)), (unsigned long long)step,
        p->optimizer_step.rate);
}

static dg_optimizer_step step_of(const dg_optimizer *o, uint64_t step)
{
    double t = (double)step + 1;
    return (dg_optimizer_step){.kind = o->kind,
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

/* The next value of a state, in the plan of the last forward pass. */
static const void *next_of(const dg_program *p, const dg_move *m)
{
    const dg_plan *q = &p->plan[p->current];
    return dg_slot_address(p, q, q->z[m->next - 1]);
}

static dg_status check_states(dg_program *p, uint64_t step)
{
    for (int i = 0; i < p->n_moves; i++) {
        const dg_vertex *v = &p->graph->values[p->moves[i].state - 1];
        for (int64_t k = 0, n = dg_shape_count(&v->shape); k < n; k++)
            if (!isfinite(dg_number_get(v->type, next_of(p, &p->moves[i]), k)))
                return dg_program_fail(p, NULL, DG_EFINITE,
                                       "state '%s' would not be finite at step %llu; the weights "
                                       "are those of the step before",
                                       v->name, (unsigned long long)step);
    }
    return DG_OK;
}

static void move_states(dg_program *p)
{
    for (int i = 0; i < p->n_moves; i++) {
        const dg_vertex *v = &p->graph->values[p->moves[i].state - 1];
        memcpy(v->data, next_of(p, &p->moves[i]),
               (size_t)dg_shape_count(&v->shape) * dg_type_bytes(v->type));
    }
}

static dg_status check_commit(dg_program *p, const dg_optimizer *o)
{
    if (p->options.mode != DG_RUN_TRAIN || p->current == DG_NONE || p->backs == 0)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "dg_commit needs a training program after dg_adjoint");
    if (dg_optimizer_check(o, &p->diag) != DG_OK)
        return p->diag.code;
    if (dg_optimizer_moments(o) > p->n_moments)
        return dg_program_fail(p, NULL, DG_EUSAGE,
                               "this program was compiled for an optimizer with fewer moments");
    return DG_OK;
}

dg_status dg_commit(dg_program *p, const dg_optimizer *o, uint64_t step)
{
    if (dg_program_enter(p) != DG_OK)
        return dg_program_status(p, NULL);
    if (check_commit(p, o) != DG_OK)
        return p->diag.code;
    dg_optimizer whole = dg_optimizer_whole(o);
    if (dg_finish(p) != DG_OK || check_states(p, step) != DG_OK)
        return p->diag.code;
    p->optimizer_step = step_of(&whole, step);
    p->clip = whole.clip;
    p->large = -1;
    if (p->n_blocks > 0 && dg_team_run(p->team, commit, p) != DG_OK)
        return dg_program_fail(p, NULL, DG_EUSAGE, "the threads of this program are gone");
    p->backs = 0;
    double norm = norm_of(p);
    if (!isfinite(norm))
        return refuse(p, p->optimizer_step.rate, step);
    if (p->large >= 0)
        return refuse_large(p, norm, step);
    move_states(p);
    return DG_OK;
}

void *dg_program_moment(dg_program *p, dg_value parameter, int k)
{
    if (!p || !p->ready || k < 0 || k >= p->n_moments || parameter.id < 1 ||
        parameter.id > p->graph->n_values || p->plan[0].gradient[parameter.id - 1] == DG_NONE)
        return NULL;
    return p->arena + p->moment_at[(size_t)(parameter.id - 1) * (size_t)p->n_moments + (size_t)k];
}
