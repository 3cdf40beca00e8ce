/* Broadcasting: the shape rule, and the three directions of ops/broadcast.h as walks over runs. */
#include "ops/broadcast.h"

#ifndef DG_REAL

const dg_input_spec dg_broadcast_inputs[2] = {{.name = "a"}, {.name = "b"}};

/* Size of axis k, counted from the last; 1 where it is missing. */
static int64_t from_last(const dg_shape *s, int k)
{
    return k < s->rank ? s->dim[s->rank - 1 - k] : 1;
}

static dg_status refuse(const dg_shape *x, const dg_shape *y, const char *rule, dg_diag *why)
{
    char a[128], b[128];
    return dg_diag_set(why, DG_EMODEL, "shapes %s and %s do not fit: %s",
                       dg_shape_text(x, a, sizeof a), dg_shape_text(y, b, sizeof b), rule);
}

/* x, stretched so that y fits. */
static dg_status stretch(dg_shape *x, const dg_shape *y, dg_diag *why)
{
    dg_shape wide = {.rank = x->rank > y->rank ? x->rank : y->rank};
    for (int k = 0; k < wide.rank; k++) {
        int64_t a = from_last(x, k), b = from_last(y, k);
        if (a != b && a != 1 && b != 1)
            return refuse(x, y, "aligned at the last axis, sizes must be equal or one of them 1",
                          why);
        if ((a == DG_N || b == DG_N) && k != wide.rank - 1)
            return refuse(x, y, "the batch axis N would not be axis 0 of the result", why);
        wide.dim[wide.rank - 1 - k] = a == 1 ? b : a;
    }
    *x = wide;
    return DG_OK;
}

dg_status dg_broadcast_shape(const dg_attrs *attrs, int n_in, const dg_shape in[], dg_shape out[],
                             dg_diag *why)
{
    dg_shape x = in[0];
    (void)attrs;
    for (int k = 1; k < n_in; k++)
        if (stretch(&x, &in[k], why) != DG_OK)
            return DG_EMODEL;
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

/* Of an operand without the rows. */
size_t dg_broadcast_sum(const dg_sizes *of, int input)
{
    const dg_shape *in = &of->in[input];
    dg_shape x = {0};
    if (dg_broadcast_shape(of->attrs, of->n_in, of->in, &x, NULL) != DG_OK || x.rank == 0 ||
        x.dim[0] <= DG_SUM_ROWS || (in->rank == x.rank && in->dim[0] == x.dim[0]))
        return 0;
    return 2 * (size_t)dg_shape_count(in) * dg_type_bytes(of->real);
}

#else

#include "ops/fold.h"

/* The arrays of a walk; x lies as the error vector does, perturbations as their inputs. */
enum { RESULT, E, IN };

/* What is computed at the places of a walk: the product for one input; or (only = -1) the value, or
 * the sum of the products for those inputs k for which e[k] is given. e[k] lies as array at_e[k]
 * of the walk. In `run` are whole operands, and steps along the walk's last axis. */
typedef struct {
    DG_T(dg_run) run;
    DG_T(dg_run_fn) fn;
    const real *e[DG_BROADCAST_IN];
    int at_e[DG_BROADCAST_IN];
    int64_t step_e[DG_BROADCAST_IN];
    int n_in, value, only;
    unsigned passes;
} task;

static task task_of(const dg_call *c, DG_T(dg_run_fn) run, unsigned passes)
{
    task t = {.fn = run, .n_in = c->n_in, .only = -1, .passes = passes};
    for (int k = 0; k < c->n_in; k++)
        t.run.in[k] = c->in[k];
    t.value = c->direction == DG_CALL_FORWARD;
    t.run.x = t.value ? NULL : c->out[0];
    return t;
}

static dg_walk walk_of(const dg_call *c, const dg_shape *result, int64_t row0, int64_t row1)
{
    dg_walk w = dg_walk_over(c->out_shape);
    dg_walk_add(&w, result);
    dg_walk_add(&w, c->out_shape);
    for (int k = 0; k < c->n_in; k++)
        dg_walk_add(&w, &c->in_shape[k]);
    dg_walk_cut(&w, 0, row0, row1);
    return w;
}

static void set_steps(task *t, const dg_walk *w, int axis)
{
    for (int k = 0; k < t->n_in; k++) {
        t->run.step[k] = w->step[IN + k][axis];
        t->step_e[k] = w->step[t->at_e[k]][axis];
    }
}

static void same(const DG_T(dg_run) * r, int64_t n, real *y)
{
    if (r->step_e == 0)
        DG_T(dg_fill)(n, *r->e, y);
    else if (y != r->e)
        memcpy(y, r->e, (size_t)n * sizeof(real));
}

/* y = e times the derivative by input k. */
DG_INLINE void product(const task *t, DG_T(dg_run) * r, int k, const int64_t at[], int64_t i,
                       int64_t n, real *y)
{
    r->step_e = t->step_e[k];
    r->e = t->e[k] + at[t->at_e[k]] + i * r->step_e;
    if (t->passes >> k & 1)
        same(r, n, y);
    else
        t->fn(r, k, n, y);
}

static void sum_of_products(const task *t, DG_T(dg_run) * r, const int64_t at[], int64_t i,
                            int64_t n, real *y)
{
    real term[DG_SEGMENT];
    for (int k = 0, add = 0; k < t->n_in; k++) {
        if (!t->e[k])
            continue;
        product(t, r, k, at, i, n, add ? term : y);
        if (add)
            DG_T(dg_add)(n, y, term, y);
        add = 1;
    }
}

/* Elements i .. i+n-1 of the last axis at a place, n <= DG_SEGMENT. */
static void fill(const void *context, const int64_t at[], int64_t i, int64_t n, real *y)
{
    const task *t = context;
    DG_T(dg_run) r = {.e = y, .step_e = 1, .x = t->run.x ? t->run.x + at[E] + i : y};
    for (int k = 0; k < DG_BROADCAST_IN; k++) {
        const real *z = t->run.in[k];
        r.step[k] = z ? t->run.step[k] : 1;
        r.in[k] = z ? z + at[IN + k] + i * r.step[k] : y;
    }
    if (t->only >= 0)
        product(t, &r, t->only, at, i, n, y);
    else if (t->value)
        t->fn(&r, -1, n, y);
    else
        sum_of_products(t, &r, at, i, n, y);
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

/* delta[k] by a fold; also where nothing is stretched, but the old value is to be added. */
static void folded(const dg_call *c, int k, task *t)
{
    dg_walk w = walk_of(c, &c->in_shape[k], c->row0, c->row1);
    dg_fold f = dg_fold_over(&w, 1);
    DG_T(dg_terms) terms = {.source = t->e[k], .context = t};
    if (!(t->passes >> k & 1))
        terms.fill = fill;
    terms.pair = c->sum ? dg_shape_count(&c->in_shape[k]) : 0;
    set_steps(t, &f.walk, f.columns ? f.kept - 1 : f.walk.rank - 1);
    DG_T(dg_fold_units)
    (&f, dg_share(f.units, c->part, c->parts), dg_share(f.units, c->part + 1, c->parts),
     DG_FOLD_SUM, &terms, c->add, c->sum ? c->sum : c->delta[k]);
}

static void delta(const dg_call *c, int k, task t)
{
    t.only = k;
    t.e[k] = c->eps[0];
    t.at_e[k] = E;
    int64_t count = dg_shape_count(c->out_shape), rows = c->row1 - c->row0;
    if (count > 0 && dg_shape_count(&c->in_shape[k]) == count && !c->add)
        each(c, c->row0 + dg_share(rows, c->part, c->parts),
             c->row0 + dg_share(rows, c->part + 1, c->parts), &t, c->delta[k]);
    else
        folded(c, k, &t);
}

/* A delta that lies in the error vector's memory is written last. */
static void adjoint(const dg_call *c, const task *t)
{
    for (int last = 0; last < 2; last++)
        for (int k = 0; k < c->n_in; k++)
            if (c->delta[k] && (c->delta[k] == c->eps[0]) == last)
                delta(c, k, *t);
}

static void tangent(const dg_call *c, task *t)
{
    int any = 0;
    int64_t row = dg_shape_row(c->out_shape);
    for (int k = 0; k < c->n_in; k++) {
        t->e[k] = c->din[k];
        t->at_e[k] = IN + k;
        any |= c->din[k] != NULL;
    }
    if (any)
        each(c, c->row0, c->row1, t, c->dout[0]);
    else
        DG_T(dg_fill)((c->row1 - c->row0) * row, 0, (real *)c->dout[0] + c->row0 * row);
}

static void finish(const dg_call *c)
{
    for (int k = 0; k < c->n_in; k++)
        if (c->delta[k])
            dg_finish_pair(c, k);
}

dg_status DG_T(dg_broadcast)(const dg_call *c, DG_T(dg_run_fn) run, unsigned passes)
{
    task t = task_of(c, run, passes);
    if (c->direction == DG_CALL_FORWARD)
        each(c, c->row0, c->row1, &t, c->out[0]);
    else if (c->direction == DG_CALL_ADJOINT)
        adjoint(c, &t);
    else if (c->direction == DG_CALL_FINISH)
        finish(c);
    else
        tangent(c, &t);
    return DG_OK;
}

#endif
