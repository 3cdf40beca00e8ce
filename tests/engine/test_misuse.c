/* Any calls in any order: graphs of nodes with sizes and attributes that may be wrong, options that
 * may be wrong, and calls with tensors that may be wrong. Each call does its work or says why not;
 * nothing else of the memory is touched (the sanitized builds look), and afterwards correct calls
 * give the bits of a program that nobody misused. longtest: 2 min */
#include "engine/random_dag.h"
#include "ops/cases.h"
#include "ops/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES = 96, CALLS = 24, LARGEST = 1 << 22 /* bytes that the host gives at once */ };

static uint64_t seed; /* of the round: what a debugger asks first */

typedef struct world {
    dg_random r;
    dg_graph *g;
    dg_value value[VALUES], input[VALUES];
    int n, n_inputs;
} world;

static int once_in(world *w, int n)
{
    return dg_random_below(&w->r, n) == 0;
}

static void *take(void *user, size_t bytes)
{
    (void)user;
    return bytes > LARGEST ? NULL : malloc(bytes);
}

static void give_back(void *user, void *memory)
{
    (void)user;
    free(memory);
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

static double odd_number(world *w)
{
    static const double odd[] = {0, 1, -1, 2, 3, 0.5, -7, 1e9, -1e9, 1e300, INFINITY, NAN, 0x1p31};
    return odd[dg_random_below(&w->r, sizeof odd / sizeof *odd)];
}

static dg_shape bent(world *w, dg_shape s)
{
    static const int64_t odd[] = {0, 1, 2, 5, 17, -1, -3, 1 << 20, 1 << 24};
    int at = dg_random_below(&w->r, DG_MAX_RANK);
    if (once_in(w, 3))
        s.rank += dg_random_below(&w->r, 5) - 2;
    else
        s.dim[at < s.rank || s.rank == 0 ? at : s.rank - 1] =
            odd[dg_random_below(&w->r, sizeof odd / sizeof *odd)];
    return s;
}

static dg_value new_input(world *w, const dg_trial *t, int i)
{
    char name[24];
    dg_shape s = t->in_shape[i];
    dg_type type = t->integer[i] ? DG_I32 : DG_F32;
    if (t->in_rows[i] && s.rank > 0)
        s.dim[0] = DG_N;
    if (once_in(w, 24))
        s = bent(w, s);
    if (once_in(w, 48))
        type = (dg_type)dg_random_below(&w->r, 4);
    snprintf(name, sizeof name, "x%d", w->n_inputs);
    dg_value v = once_in(w, 8) && !t->in_rows[i] ? dg_parameter(w->g, name, s, NULL)
                                                 : dg_input(w->g, name, type, s);
    w->input[w->n_inputs++] = v;
    return v;
}

/* The k-th of the words of an attribute. */
static const char *word_of(dg_trial *t, const char *words, int k)
{
    for (; k > 0; k--)
        words = strchr(words, ' ') + 1;
    return dg_arena_copy_bytes(&t->arena, words, strcspn(words, " "));
}

/* The attributes of a trial as a caller gives them, some of them bent. */
static int attributes(world *w, dg_trial *t, dg_attr to[])
{
    int n = 0;
    for (int k = 0; k < t->attrs->n; k++) {
        const dg_attr_spec *spec = &t->type->attrs[k];
        const dg_attr_value *v = &t->attrs->v[k];
        static double number[DG_MAX_NUMBERS];
        to[n] = (dg_attr){.name = spec->name, .count = v->count, .number = v->number};
        to[n].word = v->word >= 0 ? word_of(t, spec->words, v->word) : v->text;
        if (once_in(w, 40)) {
            for (int i = 0; i < DG_MAX_NUMBERS; i++)
                number[i] = odd_number(w);
            to[n].number = number;
            to[n].count = dg_random_below(&w->r, DG_MAX_NUMBERS + 1);
            to[n].word = NULL;
        }
        n += to[n].count > 0 || to[n].word;
    }
    return n;
}

/* A node of a drawn case, of inputs of its own; one of them may be a value that is there. */
static void add_node(world *w)
{
    dg_trial t;
    dg_diag why = {0};
    dg_attr attr[40];
    dg_value in[DG_TRIAL_IN];
    int n_in = 0, type = dg_random_below(&w->r, dg_builtin_count());
    int which = dg_random_below(&w->r, dg_builtin_at(type)->n_cases);
    if (dg_trial_draw(&t, type, which, 3 + dg_random_below(&w->r, 40), w->r.state, &why)) {
        int n_attr = attributes(w, &t, attr), last = t.type->n_inputs - 1;
        for (int i = 0; i < t.n_in && t.in_shape[i].rank >= 0; i++) {
            unsigned flags = t.type->inputs[i < last ? i : last].flags;
            if (flags & DG_IN_MADE || (flags & DG_IN_OPTIONAL && once_in(w, 2)))
                break;
            in[n_in++] = w->n && once_in(w, 16) ? w->value[dg_random_below(&w->r, w->n)]
                                                : new_input(w, &t, i);
        }
        dg_value v = dg_apply(w->g, t.type->name, NULL, n_in, in, n_attr, attr);
        for (int k = 0; k < t.n_results && w->n < VALUES; k++)
            w->value[w->n++] = dg_value_part(w->g, v, k);
    }
    dg_trial_free(&t);
}

static void make_graph(world *w)
{
    const dg_host host = {sizeof host, NULL, take, give_back, NULL};
    *w = (world){.r = {seed}};
    w->g = dg_graph_new(&host, once_in(w, 2) ? DG_F32 : DG_F64);
    for (int n = 1 + dg_random_below(&w->r, 4); n > 0 && w->n_inputs < VALUES - DG_TRIAL_IN; n--)
        add_node(w);
    for (int k = 0; k < w->n; k++) {
        char name[24];
        snprintf(name, sizeof name, "v%d", k);
        if (once_in(w, 2))
            dg_output(w->g, name, w->value[k]);
        if (once_in(w, 3))
            dg_loss(w->g, name, w->value[k], once_in(w, 9) ? odd_number(w) : 0.5);
    }
}

/* ---- Programs -------------------------------------------------------------------------------- */

/* Some of the graph's values; now and then one that is none. */
static int some(world *w, dg_value to[VALUES])
{
    int n = 0;
    for (int id = 1; id <= dg_graph_values(w->g) && n < VALUES; id++)
        if (once_in(w, 3))
            to[n++].id = once_in(w, 60) ? (int)odd_number(w) % 1000 : id;
    return n;
}

static dg_options options(world *w, dg_value wrt[], dg_value keep[], dg_value start[],
                          const dg_optimizer *adam)
{
    dg_options o = dg_options_default((dg_mode)dg_random_below(&w->r, 3),
                                      once_in(w, 30) ? 1 << 20 : dg_random_below(&w->r, 9));
    o.threads = 1 + dg_random_below(&w->r, 3);
    o.last = once_in(w, 3) ? dg_random_below(&w->r, 9) : 0;
    o.wrt = wrt, o.keep = keep, o.start = start;
    o.n_wrt = once_in(w, 2) ? some(w, wrt) : 0;
    o.n_keep = once_in(w, 2) ? some(w, keep) : 0;
    o.n_start = once_in(w, 4) ? some(w, start) : 0;
    o.tangent = once_in(w, 2);
    o.measure = once_in(w, 2);
    o.exact = once_in(w, 2);
    o.optimizer = once_in(w, 2) ? adam : NULL;
    return o;
}

/* A tensor of v for some rows, its numbers right for it; freed by the caller. */
static dg_tensor filled(world *w, const dg_program *p, dg_value v, int64_t rows)
{
    dg_value_info info;
    dg_tensor t = {.data = NULL};
    if (dg_value_look(w->g, v, &info) != DG_OK)
        return t;
    t.shape = info.shape;
    t.type = info.type == DG_I32 ? DG_I32 : dg_graph_real(w->g);
    if (t.shape.rank > 0 && t.shape.dim[0] == DG_N)
        t.shape.dim[0] = rows;
    int64_t count = dg_shape_count(&t.shape), limit = dg_label_limit(p, v);
    if (count < 0 || count > LARGEST / 8)
        return t;
    t.bytes = (size_t)count * dg_type_bytes(t.type);
    t.data = malloc(t.bytes + 1);
    for (int64_t i = 0; i < count; i++) {
        double x = dg_random_between(&w->r, -1, 1);
        if (t.type == DG_I32)
            ((int32_t *)t.data)[i] = limit > 0 ? dg_random_below(&w->r, (int)limit) : (int)(9 * x);
        else if (t.type == DG_F32)
            ((float *)t.data)[i] = (float)x;
        else
            ((double *)t.data)[i] = x;
    }
    return t;
}

static dg_value any(world *w)
{
    return (dg_value){dg_random_below(&w->r, dg_graph_values(w->g) + 3) - 1};
}

/* Tells less or more than the truth of a tensor; its memory is never less than it says. */
static void bend(world *w, dg_tensor *t)
{
    if (once_in(w, 4))
        t->type = (dg_type)dg_random_below(&w->r, 5);
    if (once_in(w, 4))
        t->shape = bent(w, t->shape);
    if (once_in(w, 4))
        t->bytes = t->bytes ? t->bytes - 1 : 0;
    if (t->data && t->type == DG_I32 && t->bytes >= 4 && once_in(w, 2))
        *(int32_t *)t->data = once_in(w, 2) ? INT32_MIN : INT32_MAX;
}

static void get_any(world *w, dg_program *p)
{
    dg_tensor t = {.data = NULL};
    dg_value v = any(w);
    dg_part what = (dg_part)dg_random_below(&w->r, 6);
    if (dg_get(p, v, what, &t) != DG_OK || t.bytes > LARGEST)
        return;
    t.data = malloc(t.bytes + 1);
    if (once_in(w, 4))
        bend(w, &t);
    dg_get(p, v, what, &t);
    free(t.data);
}

static void set_any(world *w, dg_program *p, int64_t rows)
{
    dg_value v = any(w);
    dg_tensor t = filled(w, p, v, rows);
    if (once_in(w, 4))
        bend(w, &t);
    dg_set(p, v, once_in(w, 3) ? (dg_part)dg_random_below(&w->r, 6) : DG_VALUE, &t);
    free(t.data);
}

static void jacobian(world *w, dg_program *p)
{
    dg_tensor t = {.data = NULL};
    dg_value of = any(w), by = any(w);
    if (dg_jacobian(p, of, by, &t) != DG_OK || t.bytes > LARGEST)
        return;
    t.data = malloc(t.bytes + 1);
    dg_jacobian(p, of, by, &t);
    free(t.data);
}

static void call(world *w, dg_program *p, int64_t rows, const dg_optimizer *adam)
{
    double x;
    int64_t pairs[VALUES];
    for (int k = 0; k < VALUES; k++)
        pairs[k] = dg_random_below(&w->r, 5) - 1;
    const int64_t *given = once_in(w, 3) ? pairs : NULL;
    dg_batch b = {sizeof b, once_in(w, 8) ? dg_random_below(&w->r, 9) - 1 : rows,
                  once_in(w, 8) ? dg_random_below(&w->r, 9) - 1 : 0, 1};
    switch (dg_random_below(&w->r, 12)) {
    case 0:
        set_any(w, p, rows);
        break;
    case 1:
        set_any(w, p, rows);
        break;
    case 2:
        dg_forward(p, &b);
        break;
    case 3:
        dg_forward(p, NULL);
        break;
    case 4:
        dg_adjoint(p, given, once_in(w, 3));
        break;
    case 5:
        dg_tangent(p);
        break;
    case 6:
        dg_commit(p, once_in(w, 4) ? NULL : adam, 3);
        break;
    case 7:
        get_any(w, p);
        break;
    case 8:
        dg_loss_value(p, dg_random_below(&w->r, 5) - 2, given, &x);
        break;
    case 9:
        jacobian(w, p);
        break;
    case 10:
        dg_loss_pairs(p, dg_random_below(&w->r, 5) - 2);
        break;
    default:
        dg_program_measure(p, once_in(w, 2));
        dg_rms(p, any(w), (dg_part)dg_random_below(&w->r, 6), &x);
    }
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

/* The same correct inputs for both programs. 0: there is no memory for them. */
static int set_inputs(world *w, dg_program *p, dg_program *q, int64_t rows)
{
    int all = 1;
    for (int k = 0; k < w->n_inputs && all; k++) {
        dg_value_info info;
        if (dg_value_look(w->g, w->input[k], &info) != DG_OK || info.kind != DG_INPUT)
            continue;
        dg_tensor t = filled(w, p, w->input[k], rows);
        all = t.data && dg_set(p, w->input[k], DG_VALUE, &t) == DG_OK &&
              dg_set(q, w->input[k], DG_VALUE, &t) == DG_OK;
        free(t.data);
    }
    return all;
}

static void same_part(dg_program *p, dg_program *q, dg_value v, dg_part what)
{
    dg_tensor a = {.data = NULL}, b = {.data = NULL};
    if (dg_get(p, v, what, &a) != DG_OK || dg_get(q, v, what, &b) != DG_OK || a.bytes > LARGEST)
        return;
    a.data = malloc(a.bytes + 1), b.data = malloc(b.bytes + 1);
    dg_status s = dg_get(p, v, what, &a); /* DG_EUSAGE: it is not kept */
    if (s != dg_get(q, v, what, &b) || (s == DG_OK && memcmp(a.data, b.data, a.bytes) != 0))
        fail_msg("value %d, part %d: other bits after misuse, seed %llu", (int)v.id, (int)what,
                 (unsigned long long)seed);
    free(a.data), free(b.data);
}

/* Returns 1 if both programs did a whole step. */
static int same_step(world *w, dg_program *p, dg_program *q, const dg_options *o)
{
    const dg_batch b = {sizeof b, o->batch, 0, 5};
    if (!set_inputs(w, p, q, o->batch))
        return 0;
    dg_status s = dg_forward(p, &b);
    assert_int_equal(s, dg_forward(q, &b));
    if (s != DG_OK)
        return 0;
    int back = o->mode != DG_RUN_INFER && o->n_start == 0;
    if (back) {
        s = dg_adjoint(p, NULL, 0);
        assert_int_equal(s, dg_adjoint(q, NULL, 0));
    }
    for (int id = 1; id <= dg_graph_values(w->g); id++) {
        same_part(p, q, (dg_value){id}, DG_VALUE);
        if (back && s == DG_OK)
            same_part(p, q, (dg_value){id}, DG_GRADIENT);
    }
    return s == DG_OK;
}

/* 0: the graph or its options were refused, 1: a program was misused, 2: and then did a step. */
static int one_round(void)
{
    world w;
    dg_value wrt[VALUES], keep[VALUES], start[VALUES];
    const dg_optimizer adam = dg_optimizer_default(DG_ADAM);
    make_graph(&w);
    dg_options o = options(&w, wrt, keep, start, &adam);
    dg_diag why = {0};
    dg_program *p = dg_compile(w.g, &o), *q = dg_compile(w.g, &o);
    int reached = 0;
    if (p && q && dg_program_status(p, &why) == DG_OK) {
        int calls = dg_random_below(&w.r, CALLS);
        for (int k = 0; k < calls; k++)
            call(&w, p, o.batch, &adam);
        reached = 1 + same_step(&w, p, q, &o);
    } else if (p && why.code != DG_EMEMORY) {
        assert_true(why.text[0]);
    }
    dg_program_free(p);
    dg_program_free(q);
    dg_graph_free(w.g);
    return reached;
}

static void test_any_calls(void **state)
{
    (void)state;
    int reached[3] = {0}, rounds = getenv("DAGRAD_LONGTEST") ? 100000 : 2000;
    const char *first = getenv("DAGRAD_SEED");
    for (int k = 0; k < rounds; k++) {
        seed = (first ? strtoull(first, NULL, 0) : 0) + (uint64_t)k;
        reached[one_round()]++;
    }
    printf("%d graphs: %d refused, %d programs misused, %d of them right afterwards\n", rounds,
           reached[0], reached[1] + reached[2], reached[2]);
    assert_true(reached[2] > rounds / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
