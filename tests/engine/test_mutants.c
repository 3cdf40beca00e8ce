/* Mutants of the engine: a compiled program is spoiled, and the tests of programs must see it:
 * other bits than the naive interpreter's, or the plan's verifier. */
#include "engine/engine.h"
#include "engine/naive.h"
#include "engine/random_dag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct subject {
    dg_graph *g;
    dg_program *p;
    dg_naive *truth;
    dg_tensor *data;
    int n_data;
    int64_t batch;
} subject;

/* Graphs of smooth nodes, whose derivatives are hardly ever 0 or 1: elsewhere a wrong item may
 * change nothing. The others count as used already. */
static int used[DG_RANDOM_TYPES];

static void only_smooth(void)
{
    static const char *const smooth[] = {"linear", "tanh",   "sigmoid", "mul",       "sub",
                                         "matmul", "concat", "split",   "transpose", "conv",
                                         "cos",    "sin",    "square",  "mean",      "sum"};
    for (int k = 0; dg_type_at(NULL, k); k++) {
        used[k] = DG_RANDOM_NEVER;
        for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++)
            if (strcmp(dg_type_at(NULL, k)->name, smooth[i]) == 0)
                used[k] = 0;
    }
}

static subject make(uint64_t seed)
{
    dg_random r = {seed};
    subject s = {.g = dg_random_graph(&r, DG_F32, 14, used), .batch = 3};
    dg_options o = dg_options_default(DG_RUN_TRAIN, s.batch);
    o.threads = 1;
    s.n_data = dg_random_data(&r, s.g, s.batch, &s.data);
    s.p = dg_compile(s.g, &o);
    s.truth = dg_naive_run(s.g, &s.p->options, 0, s.data);
    assert_int_equal(dg_program_status(s.p, NULL), DG_OK);
    assert_non_null(s.truth);
    return s;
}

static void drop(subject *s)
{
    dg_naive_free(s->truth);
    dg_program_free(s->p);
    dg_random_free(s->data, s->n_data);
    dg_graph_free(s->g);
}

/* 1: gradients have the bits of the naive interpreter, twice: of the second adjoint pass. Nothing
 * of the last run is left: all bytes are `poison`. */
static int is_right_from(subject *s, int twice, int poison)
{
    memset(s->p->arena, poison, s->p->scratch_at);
    for (int id = 1, k = 0; id <= s->g->n_values; id++)
        if (s->g->values[id - 1].kind == DG_INPUT)
            dg_set(s->p, (dg_value){id}, DG_VALUE, &s->data[k++]);
    if (dg_forward(s->p, &(dg_batch){.size = sizeof(dg_batch), .rows = s->batch}) != DG_OK ||
        dg_adjoint(s->p, NULL, 0) != DG_OK)
        return 0;
    if (twice &&
        (dg_forward(s->p, &(dg_batch){.size = sizeof(dg_batch), .rows = s->batch}) != DG_OK ||
         dg_adjoint(s->p, NULL, 1) != DG_OK))
        return 0;
    for (int id = 1; id <= s->g->n_values; id++) {
        const void *expected = dg_naive_get(s->truth, (dg_value){id}, DG_GRADIENT);
        dg_tensor t = {.data = NULL};
        if (s->g->values[id - 1].kind != DG_PARAMETER || !expected)
            continue;
        dg_get(s->p, (dg_value){id}, DG_GRADIENT, &t);
        t.data = malloc(t.bytes + 1);
        int same = dg_get(s->p, (dg_value){id}, DG_GRADIENT, &t) == DG_OK &&
                   memcmp(t.data, expected, t.bytes) == 0;
        free(t.data);
        if (!same)
            return 0;
    }
    return 1;
}

/* Some gradient is not 0. */
static int has_gradient(const subject *s)
{
    for (int id = 1; id <= s->g->n_values; id++) {
        const float *x = dg_naive_get(s->truth, (dg_value){id}, DG_GRADIENT);
        int64_t n = x ? dg_shape_count(dg_naive_shape(s->truth, (dg_value){id})) : 0;
        for (int64_t i = 0; s->g->values[id - 1].kind == DG_PARAMETER && i < n; i++)
            if (x[i] > 0 || x[i] < 0)
                return 1;
    }
    return 0;
}

enum { NANS = 0xff, NUMBERS = 0x41 };

static int is_right(subject *s, int twice)
{
    return is_right_from(s, twice, NANS);
}

static int is_sum(const dg_item *it)
{
    return it->kind == ITEM_ADD && it->adds != ADDS_AFTER && it->n_in > 1;
}

/* An add that writes: out = b instead of a + b. */
static int add_that_writes(subject *s, dg_item *it)
{
    (void)s;
    if (!is_sum(it))
        return 0;
    ((const void **)(uintptr_t)it->call.in)[0] = it->call.in[1];
    it->n_in = 1;
    return 1;
}

/* A lost fan-out: one consumer's error never arrives. */
static int lost_fan_out(subject *s, dg_item *it)
{
    (void)s;
    if (!is_sum(it))
        return 0;
    it->adds = ADDS_AFTER;
    return 1;
}

/* Twice the same operand. */
static int doubled_fan_out(subject *s, dg_item *it)
{
    (void)s;
    if (!is_sum(it))
        return 0;
    ((const void **)(uintptr_t)it->call.in)[0] = it->call.in[1];
    return 1;
}

/* An item that is left out. The adjoint of add in place copies an error vector onto itself: leaving
 * it out is equivalent. */
static int forgotten(subject *s, dg_item *it)
{
    if (it->kind != ITEM_ADJOINT)
        return 0;
    for (int i = 0; i < it->n_in; i++)
        if (it->delta[i] != DG_NONE && strcmp(s->g->nodes[it->node].type->name, "add") == 0 &&
            it->call.delta[i] == it->call.eps[0])
            return 0;
    it->adds = ADDS_AFTER;
    return 1;
}

/* A seed of another loss term. */
static int wrong_seed(subject *s, dg_item *it)
{
    int other = (it->input + 1) % (s->g->n_losses > 0 ? s->g->n_losses : 1);
    if (it->kind != ITEM_SEED || s->p->seed[other] == s->p->seed[it->input])
        return 0; /* two terms of the same weight: the same seed */
    it->input = other;
    return 1;
}

/* Equivalent mutants of a sum: an operand that is 0 (behind a saturated tanh, say) may be left out,
 * for then twice of it changes nothing either; and of two equal operands one may stand for both. */
static int adds_nothing(subject *s, dg_item *it)
{
    dg_item before = *it;
    int same = 0;
    for (int k = 0; k < 3 && is_sum(&before) && before.n_in == 2; k++) {
        const void *a = before.call.in[0], *b = before.call.in[1];
        const void *in[3] = {a, k == 1 ? b : a, b}; /* a may be where the sum goes */
        it->n_in = k < 2 ? 3 : 2;
        it->call.in = in;
        same |= is_right(s, 0);
        *it = before;
    }
    it->kind = ITEM_ZERO; /* or what it adds up meets only zeros */
    same |= is_right(s, 0);
    *it = before;
    return same;
}

/* Nothing changes without the item, whatever its memory held before: its result meets only zeros,
 * or stands there already (an adjoint in place whose derivative is 1). */
static int means_nothing(subject *s, dg_item *it)
{
    dg_adds before = it->adds;
    it->adds = ADDS_AFTER;
    int product = it->kind == ITEM_SEED; /* with a seed: 0 of any number, but not of a NaN */
    int same = (product || is_right_from(s, 0, NANS)) && is_right_from(s, 0, NUMBERS);
    it->adds = before;
    return same;
}

/* Every mutant of a kind, one at a time, on several graphs: how many there were and how many
 * lived. Those that are equal to the original do not count. */
static void hunt(const char *name, int (*spoil)(subject *, dg_item *), uint64_t seeds, int least)
{
    int all = 0, alive = 0, equal = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        subject s = make(seed);
        assert_true(is_right(&s, 0));
        for (int k = 0; k < s.p->plan[0].n_items; k++) {
            dg_item *it = &s.p->plan[0].items[k], before = *it;
            const void *in[2] = {before.n_in > 0 ? before.call.in[0] : NULL,
                                 before.n_in > 1 ? before.call.in[1] : NULL};
            if (!spoil(&s, it))
                continue;
            all++;
            int lives = is_right(&s, 0);
            *it = before;
            for (int i = 0; before.kind == ITEM_ADD && i < 2 && i < before.n_in; i++)
                ((const void **)(uintptr_t)it->call.in)[i] = in[i];
            int is_equal = lives && (is_sum(it) ? adds_nothing(&s, it) : means_nothing(&s, it));
            equal += is_equal;
            alive += lives && !is_equal;
        }
        drop(&s);
    }
    print_message("%-18s %d of %d killed, %d change nothing\n", name, all - alive - equal, all,
                  equal);
    assert_true(equal * 10 <= all + 20); /* else the graphs drawn show too little */
    assert_true(all >= least);
    assert_int_equal(alive, 0);
}

static void wrong_items(void **state)
{
    (void)state;
    only_smooth();
    hunt("add that writes", add_that_writes, 24, 10);
    hunt("lost fan-out", lost_fan_out, 24, 10);
    hunt("doubled fan-out", doubled_fan_out, 24, 10);
    hunt("wrong seed", wrong_seed, 48, 10);
    hunt("forgotten item", forgotten, 12, 100);
}

/* A write that adds: the gradients of two passes, where one was asked for. */
static void write_that_adds(void **state)
{
    (void)state;
    int all = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        subject s = make(seed);
        assert_true(is_right(&s, 0));
        int moves = has_gradient(&s);
        if (moves)
            assert_false(is_right(&s, 1));
        all += moves;
        drop(&s);
    }
    assert_true(all > 6);
}

/* The verifier must see two live slots in one place, and items in a wrong order. */
static void wrong_plans(void **state)
{
    (void)state;
    int overlaps = 0, orders = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        subject s = make(seed);
        dg_plan *q = &s.p->plan[0];
        assert_int_equal(dg_pass_verify(s.p, q), DG_OK);
        for (int k = 0; k + 1 < q->n_slots; k++) {
            dg_slot *a = &q->slots[k], *b = NULL;
            for (int i = k + 1; i < q->n_slots && !b; i++) {
                dg_slot *t = &q->slots[i];
                int both = t->root == i && a->root == k && !t->external && !a->external &&
                           !t->persistent && !a->persistent && t->bytes && a->bytes;
                if (both && a->first <= a->last && t->first <= a->last && t->last >= a->first)
                    b = t;
            }
            if (!b)
                continue;
            size_t offset = b->offset;
            b->offset = a->offset;
            s.p->diag.code = DG_OK;
            if (dg_pass_verify(s.p, q) == DG_OK)
                fail_msg(
                    "seed %d: slots %d (kind %d, %d to %d) and %d (kind %d, %d to %d) in one place",
                    (int)seed, k, a->kind, a->first, a->last, (int)(b - q->slots), b->kind,
                    b->first, b->last);
            b->offset = offset;
            overlaps++;
        }
        for (int k = 0; k + 1 < q->n_items; k++) {
            dg_item a = q->items[k], b = q->items[k + 1];
            int follows = 0;
            for (int j = 0; a.kind == ITEM_FORWARD && b.kind == ITEM_FORWARD && j < a.n_out; j++)
                for (int i = 0; i < b.n_in; i++)
                    follows |= b.in[i] == a.out[j];
            if (!follows)
                continue;
            q->items[k] = b;
            q->items[k + 1] = a;
            s.p->diag.code = DG_OK;
            assert_int_not_equal(dg_pass_verify(s.p, q), DG_OK);
            q->items[k] = a;
            q->items[k + 1] = b;
            orders++;
        }
        s.p->diag.code = DG_OK;
        drop(&s);
    }
    print_message("%d overlaps and %d wrong orders, all seen by the verifier\n", overlaps, orders);
    assert_true(overlaps > 100 && orders > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_items),
        cmocka_unit_test(write_that_adds),
        cmocka_unit_test(wrong_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
