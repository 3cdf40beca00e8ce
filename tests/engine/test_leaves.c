/* Every built-in node over parameters alone, without a batch: what it gives is a term of the loss
 * that counts once, so a second part of the batch leaves the gradients as they are. An adjoint that
 * writes where it should add, or adds what it should not, shows. */
#include "ops/cases.h"
#include <dagrad/dagrad.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 4 };

typedef struct net {
    dg_graph *g;
    dg_value x, leaf[DG_TRIAL_IN];
} net;

static const char *word_of(const char *words, int k, char *word, size_t size)
{
    for (; k > 0; k--)
        words += strcspn(words, " ") + 1;
    snprintf(word, size, "%.*s", (int)strcspn(words, " "), words);
    return word;
}

/* Numbers, words and texts of the trial as they are given to dg_apply. */
static int attrs_of(const dg_trial *t, dg_attr out[])
{
    static char word[32][32];
    int n = 0;
    for (int k = 0; k < t->attrs->n; k++) {
        const dg_attr_value *v = &t->attrs->v[k];
        const dg_attr_spec *spec = &t->type->attrs[k];
        dg_attr a = {.name = spec->name, .count = v->count, .number = v->number};
        if (spec->kind & DG_ATTR_WORD && v->word >= 0 && !v->count)
            a.word = word_of(spec->words, v->word, word[n], sizeof word[n]);
        else if (v->text)
            a.word = v->text;
        else if (!v->count)
            continue;
        out[n++] = a;
    }
    return n;
}

static dg_value leaf(dg_graph *g, const dg_trial *t, int i)
{
    char name[32];
    snprintf(name, sizeof name, "in%d", i);
    int64_t n = dg_shape_count(&t->in_shape[i]);
    dg_tensor x = {DG_F64, t->in_shape[i], t->in[i], (size_t)n * 8};
    if (!t->integer[i] && !t->simplex[i]) {
        dg_value v =
            t->type->inputs[i < t->type->n_inputs ? i : t->type->n_inputs - 1].flags & DG_IN_STATE
                ? dg_state(g, name, t->in_shape[i], "zeros")
                : dg_parameter(g, name, t->in_shape[i], "zeros");
        dg_graph_set(g, v, &x, NULL);
        return v;
    }
    int32_t *whole = malloc((size_t)n * 4 + 4);
    for (int64_t k = 0; k < n; k++)
        whole[k] = (int32_t)t->in[i][k];
    dg_tensor labels = {DG_I32, t->in_shape[i], whole, (size_t)n * 4};
    dg_value v = dg_constant(g, name, t->integer[i] ? labels : x);
    free(whole);
    return v;
}

/* Two terms: the node's, and one of the batch that keeps the program in need of it. */
static net build(const dg_trial *t)
{
    net n = {.g = dg_graph_new(NULL, DG_F64)};
    dg_attr attr[32];
    n.x = dg_input(n.g, "x", DG_F64, dg_shape_make(1, (int64_t[]){DG_N}));
    for (int i = 0; i < t->n_in; i++)
        if (t->in_shape[i].rank >= 0)
            n.leaf[i] = leaf(n.g, t, i);
    dg_value y = dg_apply(n.g, t->type->name, "node", t->n_in, n.leaf, attrs_of(t, attr), attr);
    dg_value_info info = {.kind = DG_INPUT};
    dg_value_look(n.g, y, &info);
    if (info.type == DG_F64)
        dg_loss(n.g, "y", dg_apply(n.g, "sum", NULL, 1, &y, 0, NULL), 1);
    dg_loss(n.g, "x", n.x, 1);
    return n;
}

static void part(dg_program *p, const net *n, int add)
{
    double one[2] = {1, 2};
    dg_tensor x = {DG_F64, dg_shape_make(1, (int64_t[]){2}), one, sizeof one};
    dg_set(p, n->x, DG_VALUE, &x);
    dg_forward(p, &(dg_batch){.size = sizeof(dg_batch), .rows = 2, .first = 2 * add});
    dg_adjoint(p, (int64_t[]){1, 4}, add);
}

static double *gradient(dg_program *p, dg_value v, int64_t n)
{
    dg_tensor t = {.data = calloc((size_t)n + 1, 8), .bytes = (size_t)n * 8};
    dg_get(p, v, DG_GRADIENT, &t);
    return t.data;
}

/* 1 if the node could be run so. */
static int once(const dg_trial *t)
{
    net n = build(t);
    dg_options o = dg_options_default(DG_RUN_GRADIENT, 2);
    dg_program *p = dg_compile(n.g, &o), *q = dg_compile(n.g, &o);
    part(p, &n, 0);
    part(q, &n, 0);
    part(q, &n, 1);
    dg_diag why;
    int ran = dg_program_status(p, &why) == DG_OK && dg_program_status(q, &why) == DG_OK;
    for (int i = 0; ran && i < t->n_in; i++) {
        dg_value_info info = {.kind = DG_INPUT};
        if (!n.leaf[i].id || dg_value_look(n.g, n.leaf[i], &info) != DG_OK ||
            info.kind != DG_PARAMETER)
            continue;
        int64_t count = dg_shape_count(&t->in_shape[i]);
        double *one = gradient(p, n.leaf[i], count), *two = gradient(q, n.leaf[i], count);
        for (int64_t k = 0; k < count; k++)
            if (!(one[k] == two[k]))
                fail_msg("%s: input %d, element %lld: the gradient is %g, after a second part %g",
                         t->text, i, (long long)k, one[k], two[k]);
        free(one);
        free(two);
    }
    dg_program_free(p);
    dg_program_free(q);
    dg_graph_free(n.g);
    return ran;
}

static void test_leaves(void **state)
{
    (void)state;
    dg_graph *g = dg_graph_new(NULL, DG_F64);
    int types = 0, ran = 0;
    for (int k = 0; dg_type_at(g, k); k++, types++) {
        int here = 0;
        for (int c = 0; c < dg_type_at(g, k)->n_cases; c++)
            for (int draw = 0; draw < DRAWS; draw++) {
                dg_trial t;
                dg_diag why = {0};
                if (dg_trial_draw(&t, k, c, 30 + draw, 7, &why))
                    here += once(&t);
                dg_trial_free(&t);
            }
        ran += here > 0;
        if (!here)
            print_message("%s was not run without a batch\n", dg_type_at(g, k)->name);
    }
    print_message("%d of %d nodes ran without a batch\n", ran, types);
    assert_true(ran >= types * 3 / 4);
    dg_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_leaves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
