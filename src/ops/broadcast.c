/* Broadcasting: the shape rule, and the three directions of ops/broadcast.h as walks over runs. */
#include "ops/broadcast.h"

#ifndef DG_REAL

const dg_input_spec dg_broadcast_inputs[2] = {{.name = "a"}, {.name = "b"}};

/* Size of axis k, counted from the last; 1 where it is missing. */
static int64_t from_last(const dg_shape *s, int k)
{
    return k < s->rank ? s->dim[s->rank - 1 - k] : 1;
}

static dg_status refuse(const dg_shape in[], const char *rule, dg_diag *why)
{
    char a[128], b[128];
    return dg_diag_set(why, DG_EMODEL, "shapes %s and %s do not fit: %s",
                       dg_shape_text(&in[0], a, sizeof a), dg_shape_text(&in[1], b, sizeof b),
                       rule);
}

dg_status dg_broadcast_shape(const dg_attrs *attrs, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    dg_shape x = {.rank = in[0].rank > in[1].rank ? in[0].rank : in[1].rank};
    (void)attrs, (void)n_in;
    for (int k = 0; k < x.rank; k++) {
        int64_t a = from_last(&in[0], k), b = from_last(&in[1], k);
        if (a != b && a != 1 && b != 1)
            return refuse(in, "aligned at the last axis, sizes must be equal or one of them 1",
                          why);
        if ((a == DG_N || b == DG_N) && k != x.rank - 1)
            return refuse(in, "the batch axis N would not be axis 0 of the result", why);
        x.dim[x.rank - 1 - k] = a == 1 ? b : a;
    }
    out[0] = x;
    return DG_OK;
}

int dg_broadcast_parts(const dg_sizes *of, int input)
{
    dg_shape x = {0};
    if (input < 0 || dg_broadcast_shape(of->attrs, of->n_in, of->in, &x, NULL) != DG_OK)
        return 1;
    int64_t work = dg_shape_count(&x);
    if (dg_shape_count(&of->in[input]) == work)
        return dg_parts_for(x.rank > 0 ? x.dim[0] : 1, work);
    dg_walk w = dg_walk_over(&x);
    dg_walk_add(&w, &of->in[input]);
    return dg_parts_for(dg_fold_over(&w, 1).units, work);
}

#else

#include "ops/fold.h"

/* The arrays of a walk; perturbations lie as a and b do. */
enum { RESULT, E, A, B, X };

/* What is computed at the places of a walk: one function, or the sum of two. e[k]: the function's
 * own operand (NULL for a value), lying as array at_e[k] of the walk. In `run` are whole
 * operands, and steps along the walk's last axis. */
typedef struct {
    DG_T(dg_run) run;
    const real *e[2];
    int at_e[2];
    int64_t step_e[2];
    DG_T(dg_run_fn) fn[2]; /* NULL: e itself */
    int given[2];
} task;

static dg_walk walk_of(const dg_call *c, const dg_shape *result, int64_t row0, int64_t row1)
{
    dg_walk w = dg_walk_over(c->out_shape);
    dg_walk_add(&w, result);
    dg_walk_add(&w, c->out_shape);
    dg_walk_add(&w, &c->in_shape[0]);
    dg_walk_add(&w, &c->in_shape[1]);
    dg_walk_add(&w, c->out_shape);
    dg_walk_cut(&w, 0, row0, row1);
    return w;
}

static void set_steps(task *t, const dg_walk *w, int axis)
{
    t->run.step_a = w->step[A][axis];
    t->run.step_b = w->step[B][axis];
    for (int k = 0; k < 2; k++)
        t->step_e[k] = w->step[t->at_e[k]][axis];
}

static const real *from(const real *p, int64_t offset)
{
    return p ? p + offset : NULL;
}

static void same(const DG_T(dg_run) * r, int64_t n, real *y)
{
    if (r->step_e == 0)
        DG_T(dg_fill)(n, *r->e, y);
    else if (y != r->e)
        memcpy(y, r->e, (size_t)n * sizeof(real));
}

/* Elements i .. i+n-1 of the last axis at a place, n <= DG_SEGMENT. */
static void fill(const void *context, const int64_t at[], int64_t i, int64_t n, real *y)
{
    const task *t = context;
    DG_T(dg_run) r = t->run;
    real room[DG_SEGMENT];
    r.a = from(r.a, at[A] + i * r.step_a);
    r.b = from(r.b, at[B] + i * r.step_b);
    r.x = from(r.x, at[X] + i);
    for (int k = 0; k < 2; k++) {
        if (!t->given[k])
            continue;
        r.step_e = t->step_e[k];
        r.e = from(t->e[k], at[t->at_e[k]] + i * r.step_e);
        (t->fn[k] ? t->fn[k] : same)(&r, n, k == 1 && t->given[0] ? room : y);
    }
    for (int64_t j = 0; j < n && t->given[0] && t->given[1]; j++)
        y[j] += room[j];
}

/* y = the task, for every element of rows row0 .. row1-1. */
static void each(const dg_call *c, int64_t row0, int64_t row1, task *t, real *y)
{
    dg_walk w = walk_of(c, c->out_shape, row0, row1);
    dg_walk_merge(&w);
    if (dg_walk_count(&w, 0, w.rank) == 0)
        return;
    const int last = w.rank - 1;
    const int64_t run = w.dim[last];
    dg_cursor at = dg_walk_seek(&w, 0, 0);
    set_steps(t, &w, last);
    do {
        for (int64_t i = 0; i < run; i += DG_SEGMENT)
            fill(t, at.at, i, run - i < DG_SEGMENT ? run - i : DG_SEGMENT, y + at.at[RESULT] + i);
    } while (dg_walk_next(&w, 0, last, &at));
}

dg_status DG_T(dg_broadcast_forward)(const dg_call *c, const DG_T(dg_binary) * of)
{
    task t = {.run = {.a = c->in[0], .b = c->in[1]}, .fn = {of->value}, .given = {1}};
    each(c, c->row0, c->row1, &t, c->out[0]);
    return DG_OK;
}

/* delta[k] by a fold; also where nothing is stretched, but the old value is to be added. */
static void folded(const dg_call *c, int k, task *t)
{
    dg_walk w = walk_of(c, &c->in_shape[k], c->row0, c->row1);
    dg_fold f = dg_fold_over(&w, 1);
    DG_T(dg_terms) terms = {.source = t->e[0], .context = t};
    if (t->fn[0])
        terms.fill = fill;
    set_steps(t, &f.walk, f.columns ? f.kept - 1 : f.walk.rank - 1);
    DG_T(dg_fold_units)
    (&f, dg_share(f.units, c->part, c->parts), dg_share(f.units, c->part + 1, c->parts),
     DG_FOLD_SUM, &terms, c->add, c->delta[k]);
}

static void delta(const dg_call *c, int k, DG_T(dg_run_fn) product)
{
    task t = {.run = {.a = c->in[0], .b = c->in[1], .x = c->out[0]},
              .e = {c->eps[0]},
              .at_e = {E},
              .fn = {product},
              .given = {1}};
    int64_t count = dg_shape_count(c->out_shape), rows = c->row1 - c->row0;
    if (count > 0 && dg_shape_count(&c->in_shape[k]) == count && !c->add)
        each(c, c->row0 + dg_share(rows, c->part, c->parts),
             c->row0 + dg_share(rows, c->part + 1, c->parts), &t, c->delta[k]);
    else
        folded(c, k, &t);
}

/* A delta that lies in the error vector's memory is written last. */
dg_status DG_T(dg_broadcast_adjoint)(const dg_call *c, const DG_T(dg_binary) * of)
{
    int first = c->delta[0] == c->eps[0];
    for (int j = 0; j < 2; j++) {
        int k = first ? 1 - j : j;
        if (c->delta[k])
            delta(c, k, of->product[k]);
    }
    return DG_OK;
}

dg_status DG_T(dg_broadcast_tangent)(const dg_call *c, const DG_T(dg_binary) * of)
{
    task t = {.run = {.a = c->in[0], .b = c->in[1], .x = c->out[0]},
              .e = {c->din[0], c->din[1]},
              .at_e = {A, B}};
    for (int k = 0; k < 2; k++) {
        t.fn[k] = of->product[k];
        t.given[k] = c->din[k] != NULL;
    }
    int64_t row = dg_shape_row(c->out_shape);
    if (!t.given[0] && !t.given[1] && row > 0)
        memset((real *)c->dout[0] + c->row0 * row, 0,
               (size_t)((c->row1 - c->row0) * row) * sizeof(real));
    else
        each(c, c->row0, c->row1, &t, c->dout[0]);
    return DG_OK;
}

#endif
