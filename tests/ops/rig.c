/* Runs a node's mathematics as the engine would. */
#include "ops/rig.h"
#include "base/upper.h"
#include "ops/mutants.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Without a sanitizer, which sees more, bytes after each piece must stay. */
#if defined(__SANITIZE_ADDRESS__)
enum { CANARY = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { CANARY = 0 };
#else
enum { CANARY = 64 };
#endif
#else
enum { CANARY = 64 };
#endif

static void *take(size_t bytes, int byte)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, DG_ALIGN, bytes + CANARY > 0 ? bytes + CANARY : 1), 0);
    memset(p, byte, bytes);
    memset((char *)p + bytes, 0xa5, CANARY);
    return p;
}

static void give(const dg_rig *r, void *p, size_t bytes, const char *what)
{
    for (int i = 0; p && i < CANARY; i++)
        if (((unsigned char *)p)[bytes + (size_t)i] != 0xa5)
            fail_msg("%s: memory after %s was written", r->trial->text, what);
    free(p);
}

static size_t unit(const dg_rig *r)
{
    return dg_type_bytes(r->real);
}

int64_t dg_rig_in_count(const dg_rig *r, int i)
{
    const dg_shape *s = &r->trial->in_shape[i];
    return s->rank < 0 ? 0 : dg_shape_count(s);
}

int64_t dg_rig_out_count(const dg_rig *r, int j)
{
    return dg_shape_count(&r->trial->out_shape[j]);
}

static size_t in_bytes(const dg_rig *r, int i)
{
    return (size_t)dg_rig_in_count(r, i) * (r->trial->integer[i] ? sizeof(int32_t) : unit(r));
}

static size_t out_bytes(const dg_rig *r, int j)
{
    return (size_t)dg_rig_out_count(r, j) * unit(r);
}

double dg_rig_get(const dg_rig *r, const void *p, int64_t i)
{
    return r->real == DG_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

void dg_rig_set(const dg_rig *r, void *p, int64_t i, double x)
{
    if (r->real == DG_F32)
        ((float *)p)[i] = (float)x;
    else
        ((double *)p)[i] = x;
}

int64_t dg_rig_differs(const dg_rig *r, const void *a, const void *b, int64_t n)
{
    const char *x = a, *y = b;
    size_t step = unit(r);
    for (int64_t i = 0; i < n; i++, x += step, y += step)
        if (memcmp(x, y, step) != 0 && !(isnan(dg_rig_get(r, a, i)) && isnan(dg_rig_get(r, b, i))))
            return i;
    return -1;
}

int dg_rig_wants(const dg_rig *r, int i)
{
    const dg_node_type *type = r->trial->type;
    int last = type->n_inputs - 1, state = type->inputs[i < last ? i : last].flags & DG_IN_STATE;
    return r->in[i] && !r->trial->integer[i] && !state;
}

/* 1/4 to 1 in size: none so small that differences have no digits. */
static void draw(const dg_rig *r, void *p, int64_t n, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++) {
        double x = dg_trial_uniform(state, -0.75, 0.75);
        dg_rig_set(r, p, i, (double)(float)(x < 0 ? x - 0.25 : x + 0.25));
    }
}

/* Takes the mean of each row away and makes it small against 1 / n, as the values are. */
static void level(const dg_rig *r, int i)
{
    const dg_shape *s = &r->trial->in_shape[i];
    int64_t row = s->rank > 0 ? s->dim[s->rank - 1] : 1, n = dg_rig_in_count(r, i);
    for (int64_t first = 0; row > 0 && first < n; first += row) {
        double sum = 0;
        for (int64_t j = 0; j < row; j++)
            sum += dg_rig_get(r, r->din[i], first + j);
        for (int64_t j = 0; j < row; j++) {
            double x = dg_rig_get(r, r->din[i], first + j) - sum / (double)row;
            dg_rig_set(r, r->din[i], first + j, 0.25 * x / (double)row);
        }
    }
}

static void open_input(dg_rig *r, int i, uint64_t *state)
{
    const dg_trial *t = r->trial;
    int64_t n = dg_rig_in_count(r, i);
    r->in[i] = take(in_bytes(r, i), 0);
    for (int64_t k = 0; k < n; k++)
        if (t->integer[i])
            ((int32_t *)r->in[i])[k] = (int32_t)t->in[i][k];
        else
            dg_rig_set(r, r->in[i], k, t->in[i][k]);
    if (t->integer[i])
        return;
    r->delta[i] = take(in_bytes(r, i), 0xff);
    r->din[i] = take(in_bytes(r, i), 0xff);
    draw(r, r->din[i], n, state);
    if (t->simplex[i])
        level(r, i);
}

const dg_isa *dg_rig_isa(int k)
{
#ifdef DG_SANITIZED
    if (k > 0)
        return k == 1 && dg_isa_at(1) ? dg_isa_portable() : NULL;
#endif
    return dg_isa_at(k);
}

void dg_rig_open(dg_rig *r, const dg_trial *t, dg_type real, const dg_isa *isa, uint64_t seed)
{
    uint64_t state = seed;
    memset(r, 0, sizeof *r);
    r->trial = t;
    r->real = real;
    r->isa = isa->name;
    r->math = isa->math[real == DG_F64][t->builtin];
    const char *mutant = getenv("DAGRAD_MUTANT"); /* test_mutants.c: a wrong version instead */
    if (mutant && *mutant)
        r->math = dg_mutant_make(mutant, t->type, real, r->math);
    r->training = 1;
    r->state = seed + 1;
    for (int i = 0; i < t->n_in; i++)
        if (t->in_shape[i].rank >= 0)
            open_input(r, i, &state);
    for (int j = 0; j < t->n_out; j++) {
        r->out[j] = take(out_bytes(r, j), 0xff);
        r->dout[j] = take(out_bytes(r, j), 0xff);
        r->eps[j] = take(out_bytes(r, j), 0xff);
        if (j < t->n_results)
            draw(r, r->eps[j], dg_rig_out_count(r, j), &state);
        else
            memset(r->eps[j], 0, out_bytes(r, j));
    }
    dg_sizes of = dg_trial_sizes(t, real);
    dg_bytes bytes = {.size = sizeof bytes};
    if (t->type->bytes)
        t->type->bytes(&of, &bytes);
    r->saved_bytes = bytes.saved;
    r->scratch_bytes = bytes.scratch;
    r->carried_bytes = bytes.carried;
    r->carried = bytes.carried ? take(bytes.carried, 0xff) : NULL;
    for (int i = 0; i < t->n_in && t->type->sum; i++) {
        r->sum_bytes[i] = t->type->sum(&of, i);
        r->sum[i] = r->sum_bytes[i] ? take(r->sum_bytes[i], 0xff) : NULL;
    }
    r->saved = r->saved_bytes ? take(r->saved_bytes, 0xff) : NULL;
    r->scratch = r->scratch_bytes ? take(r->scratch_bytes, 0xff) : NULL;
}

void dg_rig_close(dg_rig *r)
{
    for (int i = 0; i < r->trial->n_in; i++) {
        give(r, r->in[i], in_bytes(r, i), "an input");
        give(r, r->delta[i], in_bytes(r, i), "a delta");
        give(r, r->din[i], in_bytes(r, i), "a perturbation");
    }
    for (int j = 0; j < r->trial->n_out; j++) {
        give(r, r->out[j], out_bytes(r, j), "an output");
        give(r, r->eps[j], out_bytes(r, j), "an error vector");
        give(r, r->dout[j], out_bytes(r, j), "an output's perturbation");
    }
    give(r, r->saved, r->saved_bytes, "saved");
    give(r, r->carried, r->carried_bytes, "carried");
    for (int i = 0; i < r->trial->n_in; i++)
        give(r, r->sum[i], r->sum_bytes[i], "a sum");
    give(r, r->scratch, r->scratch_bytes, "scratch");
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* The pointers of a call; those of an adjoint or tangent are NULL where nothing is saved. */
typedef struct {
    const void *in[DG_TRIAL_IN], *din[DG_TRIAL_IN], *eps[DG_MAX_OUT];
    void *out[DG_MAX_OUT], *delta[DG_TRIAL_IN], *dout[DG_MAX_OUT];
    dg_call call;
} frame;

static void make_frame(dg_rig *r, frame *f, int direction)
{
    const dg_trial *t = r->trial;
    const int forward = direction == DG_CALL_FORWARD;
    memset(f, 0, sizeof *f);
    for (int i = 0; i < t->n_in; i++)
        f->in[i] = forward || (t->type->saves_in >> i & 1) ? r->in[i] : NULL;
    /* The last specification may stand for several inputs, also in what is saved. */
    for (int i = t->type->n_inputs; !forward && i < t->n_in; i++)
        f->in[i] = t->type->saves_in >> (t->type->n_inputs - 1) & 1 ? r->in[i] : NULL;
    for (int j = 0; j < t->n_out; j++)
        f->out[j] = forward || (t->type->saves_out >> j & 1) ? r->out[j] : NULL;
    f->call = (dg_call){.size = sizeof f->call,
                        .direction = direction,
                        .attrs = t->attrs,
                        .n_in = t->n_in,
                        .n_out = t->n_out,
                        .in_shape = t->in_shape,
                        .out_shape = t->out_shape,
                        .row1 = t->out_shape[0].rank > 0 ? t->out_shape[0].dim[0] : 1,
                        .parts = 1,
                        .training = r->training,
                        .add = r->add,
                        .key = {7, 11},
                        .in = f->in,
                        .out = f->out,
                        .saved = r->saved,
                        .carried = r->carried,
                        .scratch = r->scratch,
                        .why = &r->why};
}

static dg_status run(dg_rig *r, dg_fn fn, const dg_call *c)
{
    if (r->scratch)
        memset(r->scratch, 0xff, r->scratch_bytes);
    dg_status s = fn(c);
    dg_upper_clean();
    return s;
}

static void must(dg_rig *r, dg_fn fn, const dg_call *c)
{
    if (run(r, fn, c) != DG_OK)
        fail_msg("%s on %s: %s", r->trial->text, r->isa, r->why.text);
}

/* Rows in up to 5 pieces, or one by one, from a random piece on. */
static void run_rows(dg_rig *r, dg_fn fn, dg_call *c)
{
    int64_t cut[34] = {0}, rows = c->row1;
    int n = 0;
    if (rows <= 32 && dg_trial_next(&r->state) % 2)
        for (int64_t k = 1; k <= rows; k++)
            cut[++n] = k;
    else
        while (cut[n] < rows && n < 5)
            cut[n + 1] =
                n == 4
                    ? rows
                    : cut[n] + 1 + (int64_t)(dg_trial_next(&r->state) % (uint64_t)(rows - cut[n])),
                    n++;
    int first = n ? (int)(dg_trial_next(&r->state) % (uint64_t)n) : 0;
    for (int k = 0; k < n; k++) {
        int piece = (first + k) % n;
        c->row0 = cut[piece];
        c->row1 = cut[piece + 1];
        must(r, fn, c);
    }
}

static void run_parts(dg_rig *r, dg_fn fn, dg_call *c, int input)
{
    const dg_trial *t = r->trial;
    dg_sizes of = dg_trial_sizes(t, r->real);
    int parts = t->type->parts ? t->type->parts(&of, input) : 1;
    c->parts = parts > 1 ? parts : 1;
    int first = (int)(dg_trial_next(&r->state) % (uint64_t)c->parts);
    for (c->stage = 0; c->stage == 0 || c->stage < t->type->stages; c->stage++)
        for (int k = 0; k < c->parts; k++) {
            c->part = (first + k) % c->parts;
            must(r, fn, c);
        }
}

static void run_whole(dg_rig *r, dg_fn fn, dg_call *c)
{
    for (c->stage = 0; c->stage == 0 || c->stage < r->trial->type->stages; c->stage++)
        must(r, fn, c);
}

static int by_rows(const dg_rig *r)
{
    return r->trial->rows && (r->trial->type->flags & (DG_ROWS | DG_POINTWISE));
}

/* Forward and tangent: by rows, else in the parts of a node without rows. */
static void run_all(dg_rig *r, dg_fn fn, dg_call *c, dg_cut cut)
{
    if (by_rows(r) && cut == DG_CUT)
        run_rows(r, fn, c);
    else if (cut == DG_CUT && !(r->trial->type->flags & (DG_ROWS | DG_POINTWISE)))
        run_parts(r, fn, c, -1);
    else
        run_whole(r, fn, c);
}

static void poison(void *p, size_t bytes)
{
    if (p)
        memset(p, 0xff, bytes);
}

dg_status dg_rig_try(dg_rig *r)
{
    frame f;
    make_frame(r, &f, DG_CALL_FORWARD);
    return run(r, r->math->forward, &f.call);
}

void dg_rig_forward(dg_rig *r, dg_cut cut)
{
    frame f;
    for (int j = 0; j < r->trial->n_out; j++)
        poison(r->out[j], out_bytes(r, j));
    poison(r->saved, r->saved_bytes);
    make_frame(r, &f, DG_CALL_FORWARD);
    run_all(r, r->math->forward, &f.call, cut);
}

void dg_rig_tangent(dg_rig *r, dg_cut cut, int only)
{
    frame f;
    for (int j = 0; j < r->trial->n_out; j++)
        poison(r->dout[j], out_bytes(r, j));
    make_frame(r, &f, DG_CALL_TANGENT);
    for (int i = 0; i < r->trial->n_in; i++)
        f.din[i] = only < 0 || only == i ? r->din[i] : NULL;
    memcpy(f.dout, r->dout, sizeof f.dout);
    f.call.din = f.din;
    f.call.dout = f.dout;
    run_all(r, r->math->tangent, &f.call, cut);
}

static void make_adjoint(dg_rig *r, frame *f)
{
    make_frame(r, f, DG_CALL_ADJOINT);
    for (int j = 0; j < r->trial->n_out; j++)
        f->eps[j] = r->eps[j];
    f->call.eps = f->eps;
    f->call.delta = f->delta;
}

static void adjoint_cut(dg_rig *r, dg_fn fn, frame *f, dg_cut cut, int i)
{
    if (cut == DG_WHOLE)
        run_whole(r, fn, &f->call);
    else if (by_rows(r) && r->trial->in_rows[i])
        run_rows(r, fn, &f->call);
    else
        run_parts(r, fn, &f->call, i);
}

/* The gradient of an input with a sum is finished at once. */
static void adjoint_alone(dg_rig *r, dg_cut cut, int i)
{
    frame f;
    make_adjoint(r, &f);
    f.delta[i] = r->delta[i];
    f.call.sum = r->sum[i];
    if (r->sum[i] && !r->add)
        memset(r->sum[i], 0xff, r->sum_bytes[i]);
    adjoint_cut(r, r->math->adjoint, &f, cut, i);
    if (r->sum[i])
        adjoint_cut(r, r->math->finish, &f, cut, i);
}

static int is_parameter(const dg_trial *t, int i)
{
    int last = t->type->n_inputs - 1;
    return t->type->inputs[i < last ? i : last].flags & DG_IN_PARAMETER;
}

/* Whether the engine gives input i its delta with others in one call, if there are any. */
static int goes_together(const dg_rig *r, int i)
{
    const dg_trial *t = r->trial;
    if (by_rows(r))
        return t->in_rows[i];
    return r->carried ? !is_parameter(t, i) : !t->type->parts && !r->sum[i];
}

/* What the adjoint that goes by rows leaves for those of the parameters. */
static void carry(dg_rig *r, dg_cut cut)
{
    frame f;
    memset(r->carried, 0xff, r->carried_bytes);
    make_adjoint(r, &f);
    if (by_rows(r) && cut == DG_CUT)
        run_rows(r, r->math->adjoint, &f.call);
    else if (cut == DG_CUT)
        run_parts(r, r->math->adjoint, &f.call, -1);
    else
        run_whole(r, r->math->adjoint, &f.call);
}

void dg_rig_adjoint(dg_rig *r, dg_cut cut, int only)
{
    const dg_trial *t = r->trial;
    frame f;
    int together = 0;
    make_adjoint(r, &f);
    if (r->carried)
        carry(r, cut);
    for (int i = 0; i < t->n_in; i++) {
        if (!dg_rig_wants(r, i) || (only >= 0 && only != i))
            continue;
        if (!r->add)
            poison(r->delta[i], in_bytes(r, i));
        if (only < 0 && goes_together(r, i)) {
            f.delta[i] = r->delta[i];
            together = 1;
        } else {
            adjoint_alone(r, cut, i);
        }
    }
    if (together && by_rows(r) && cut == DG_CUT)
        run_rows(r, r->math->adjoint, &f.call);
    else if (together && r->carried && cut == DG_CUT)
        run_parts(r, r->math->adjoint, &f.call, -1);
    else if (together)
        run_whole(r, r->math->adjoint, &f.call);
}

/* Row by row, in pieces of 1 to 3 grains, the last row first. */
static int run_inside(dg_rig *r, dg_fn fn, dg_call *c, const dg_shape *cut, int input)
{
    dg_sizes of = dg_trial_sizes(r->trial, r->real);
    int can = by_rows(r) && r->trial->type->grain && cut->rank > 1;
    int64_t grain = can ? r->trial->type->grain(&of, input) : 0, rows = c->row1;
    for (int64_t row = rows; grain > 0 && row-- > 0;)
        for (int64_t at = 0; at < cut->dim[1]; at = c->inner1) {
            int64_t end = at + grain * (1 + (int64_t)(dg_trial_next(&r->state) % 3));
            c->row0 = row;
            c->row1 = row + 1;
            c->inner0 = at;
            c->inner1 = end < cut->dim[1] ? end : cut->dim[1];
            must(r, fn, c);
        }
    return grain > 0;
}

int dg_rig_forward_inside(dg_rig *r)
{
    frame f;
    for (int j = 0; j < r->trial->n_out; j++)
        poison(r->out[j], out_bytes(r, j));
    poison(r->saved, r->saved_bytes);
    make_frame(r, &f, DG_CALL_FORWARD);
    return run_inside(r, r->math->forward, &f.call, &r->trial->out_shape[0], -1);
}

int dg_rig_adjoint_inside(dg_rig *r, int i)
{
    frame f;
    if (!r->trial->in_rows[i])
        return 0;
    poison(r->delta[i], in_bytes(r, i));
    make_adjoint(r, &f);
    f.delta[i] = r->delta[i];
    return run_inside(r, r->math->adjoint, &f.call, &r->trial->in_shape[i], i);
}

void dg_rig_forward_in_place(dg_rig *r, int i)
{
    frame f;
    make_frame(r, &f, DG_CALL_FORWARD);
    memcpy(r->out[0], r->in[i], out_bytes(r, 0));
    f.in[i] = r->out[0];
    must(r, r->math->forward, &f.call);
}

void dg_rig_adjoint_in_place(dg_rig *r, int i)
{
    frame f;
    make_adjoint(r, &f);
    for (int k = 0; k < r->trial->n_in; k++)
        if (dg_rig_wants(r, k) && (!by_rows(r) || r->trial->in_rows[k]))
            f.delta[k] = r->delta[k];
    f.delta[i] = r->eps[0];
    must(r, r->math->adjoint, &f.call);
    memcpy(r->delta[i], r->eps[0], in_bytes(r, i));
}

void dg_trial_rows(const dg_trial *t, int64_t first, int64_t end, dg_trial *rows)
{
    dg_diag why = {0};
    *rows = *t;
    for (int i = 0; i < t->n_in; i++)
        if (t->in_rows[i]) {
            rows->in_shape[i].dim[0] = end - first;
            rows->in[i] += first * dg_shape_row(&t->in_shape[i]);
        }
    if (t->type->shape(t->attrs, t->n_in, rows->in_shape, rows->out_shape, &why) != DG_OK)
        fail_msg("%s: a smaller batch is refused: %s", t->text, why.text);
}
