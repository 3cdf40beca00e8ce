/* Trials: cases parsed, sizes drawn, inputs filled. */
#include "ops/cases.h"
#include "graph/graph.h"

#include "base/text.h"
#include "graph/attr.h"
#include "ops/registry.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t SIZES[] = {0,  1,  2,  3,  5,  7,   8,   15,  16,  17,
                                31, 33, 63, 64, 65, 129, 255, 769, 1100};

enum { N_SIZES = sizeof SIZES / sizeof SIZES[0], SMALL = 5, MEDIUM = 12 };

uint64_t dg_trial_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

double dg_trial_uniform(uint64_t *state, double a, double b)
{
    return a + (b - a) * (double)(dg_trial_next(state) >> 11) * 0x1p-53;
}

static int below(uint64_t *state, int n)
{
    return (int)(dg_trial_next(state) % (uint64_t)n);
}

static const char *blanks(const char *s)
{
    return s + strspn(s, " ");
}

static void malformed(const dg_trial *t, const char *what)
{
    fail_msg("%s: a case is not well-formed at '%s'", t->type->name, what);
}

/* A size: digits, a letter, or both as their product. The letter is noted as used. */
static const char *read_size(dg_trial *t, const char *s, int64_t *size)
{
    const char *begin = s;
    int64_t factor = 1;
    if (*s >= '0' && *s <= '9')
        s = dg_read_i64(s, &factor);
    if (*s >= 'a' && *s <= 'z') {
        int64_t *letter = &t->size[*s - 'a'];
        if (*letter < 0)
            *letter = 1;
        factor *= *letter;
        s++;
    }
    if (s == begin)
        malformed(t, begin);
    *size = factor;
    return s;
}

/* One input's sizes, up to ";" or the end. */
static const char *read_shape(dg_trial *t, const char *s, int k)
{
    dg_shape *shape = &t->in_shape[k];
    *shape = (dg_shape){0};
    t->in_rows[k] = s[0] == 'n' && !(s[1] >= 'a' && s[1] <= 'z');
    if (*s == '-') {
        shape->rank = -1;
        return blanks(s + 1);
    }
    while (*s && *s != ';') {
        if (shape->rank == DG_MAX_RANK)
            malformed(t, s);
        s = blanks(read_size(t, s, &shape->dim[shape->rank++]));
        if (*s == ',')
            s = blanks(s + 1);
        else if (*s && *s != ';')
            malformed(t, s);
    }
    return s;
}

/* "n,a; a,b; b" with the sizes that the letters have now. */
static void read_shapes(dg_trial *t)
{
    const char *s = blanks(t->of->in);
    t->n_in = 0;
    for (;;) {
        if (t->n_in == DG_TRIAL_IN)
            malformed(t, s);
        s = read_shape(t, s, t->n_in++);
        if (*s != ';')
            break;
        s = blanks(s + 1);
    }
}

/* A number of an attribute: "-1", "0.5", or a size with letters. */
static const char *read_number(dg_trial *t, const char *s, double *x)
{
    const char *end = dg_read_f64(s, x);
    if (end && !(*end >= 'a' && *end <= 'z'))
        return end;
    int64_t size;
    end = read_size(t, s, &size);
    *x = (double)size;
    return end;
}

/* A value "2", "[1, a]" or a word of several letters. */
static const char *read_value(dg_trial *t, const char *s, dg_attr *a)
{
    size_t word = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
    if (word > 1) {
        a->word = dg_arena_copy_bytes(&t->arena, s, word);
        return s + word;
    }
    double *number = dg_arena_array(&t->arena, DG_MAX_NUMBERS, sizeof *number);
    int list = *s == '[';
    s = blanks(s + list);
    do {
        if (*s == ',')
            s = blanks(s + 1);
        if (a->count == DG_MAX_NUMBERS)
            malformed(t, s);
        s = blanks(read_number(t, s, &number[a->count++]));
    } while (list && *s == ',');
    if (list && *s++ != ']')
        malformed(t, s);
    a->number = number;
    return s;
}

/* "units=b, bias=true" as a caller of dg_apply would give it; returns their number. */
static int read_attrs(dg_trial *t, const char *s, dg_attr out[], int most)
{
    int n = 0;
    s = blanks(s);
    while (*s) {
        size_t name = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
        if (n == most || name == 0 || s[name] != '=')
            malformed(t, s);
        out[n] = (dg_attr){.name = dg_arena_copy_bytes(&t->arena, s, name)};
        s = blanks(read_value(t, s + name + 1, &out[n++]));
        if (*s == ',')
            s = blanks(s + 1);
        else if (*s)
            malformed(t, s);
    }
    return n;
}

static dg_status set_attrs(dg_trial *t, const char *text, dg_diag *why)
{
    dg_attr given[16];
    dg_attr_table table = dg_attr_table_of(t->type);
    int n = read_attrs(t, text, given, 16);
    return dg_attrs_check(&table, n, given, &t->arena, &t->attrs, why);
}

/* The shape rule with N for the batch, which must agree with the rule for the number. */
static int check_batch(dg_trial *t, dg_diag *why)
{
    dg_shape in[DG_TRIAL_IN], out[DG_MAX_OUT];
    int any = 0;
    memcpy(in, t->in_shape, sizeof in);
    for (int k = 0; k < t->n_in; k++)
        if (t->in_rows[k]) {
            in[k].dim[0] = DG_N;
            any = 1;
        }
    t->rows = 0;
    if (!any)
        return 1;
    if (t->type->shape(t->attrs, t->n_in, in, out, why) != DG_OK)
        return 0;
    t->rows = out[0].rank > 0 && out[0].dim[0] == DG_N;
    for (int k = 0; k < t->n_results; k++) {
        if ((out[k].rank > 0 && out[k].dim[0] == DG_N) != t->rows)
            fail_msg("%s: some outputs have the batch, some have not", t->text);
        if (t->rows)
            out[k].dim[0] = t->out_shape[k].dim[0];
        if (!dg_shape_equal(&out[k], &t->out_shape[k]))
            fail_msg("%s: output %d has another shape with N than with a number", t->text, k);
    }
    return 1;
}

static int64_t count_all(int n, const dg_shape s[])
{
    int64_t all = 0;
    for (int k = 0; k < n; k++) {
        int64_t count = s[k].rank < 0 ? 0 : dg_shape_count(&s[k]);
        if (count < 0 || count > DG_TRIAL_MOST)
            return DG_TRIAL_MOST + 1;
        all += count;
    }
    return all;
}

/* Shapes of the outputs; 0: refused. */
static int set_outputs(dg_trial *t, dg_diag *why)
{
    t->n_out = t->type->n_out ? t->type->n_out : t->type->outputs(t->attrs);
    t->n_results = t->n_out - dg_next_values(t->type);
    if (t->type->shape(t->attrs, t->n_in, t->in_shape, t->out_shape, why) != DG_OK)
        return 0;
    if (count_all(t->n_in, t->in_shape) > DG_TRIAL_MOST ||
        count_all(t->n_out, t->out_shape) > DG_TRIAL_MOST) {
        dg_diag_set(why, DG_EMODEL, "too many elements");
        return 0;
    }
    return check_batch(t, why);
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

/* draw 0 .. letters-1: that letter 0; then 1; then all random, one of them from the whole list. */
static void draw_sizes(dg_trial *t, int draw, uint64_t *state)
{
    int large = t->letters ? below(state, t->letters) : 0, nth = 0;
    for (int k = 0; k < 26; k++) {
        if (t->size[k] < 0)
            continue;
        if (draw < 2 * t->letters)
            t->size[k] =
                draw % t->letters == nth ? draw / t->letters : SIZES[1 + below(state, SMALL)];
        else if (nth == large)
            t->size[k] = SIZES[below(state, N_SIZES)];
        else
            t->size[k] = SIZES[below(state, below(state, 3) ? SMALL : MEDIUM)];
        nth++;
    }
}

static void describe(dg_trial *t, int which)
{
    int n = snprintf(t->text, sizeof t->text, "%s, case %d,", t->type->name, which);
    for (int k = 0; k < 26 && n < (int)sizeof t->text - 24; k++)
        if (t->size[k] >= 0)
            n += snprintf(t->text + n, sizeof t->text - (size_t)n, " %c=%lld", 'a' + k,
                          (long long)t->size[k]);
}

/* ---- Values ---------------------------------------------------------------------------------- */

typedef struct {
    char name[12];
    int n;
    double number[12];
} fill;

/* "uniform(-1,1)", up to ";" or the end. */
static const char *read_fill(dg_trial *t, const char *s, fill *f)
{
    size_t name = strspn(s, "abcdefghijklmnopqrstuvwxyz");
    *f = (fill){.n = 0};
    if (name == 0 || name >= sizeof f->name)
        malformed(t, s);
    memcpy(f->name, s, name);
    s = blanks(s + name);
    if (*s == '(') {
        do {
            if (f->n == 12)
                malformed(t, s);
            s = blanks(read_number(t, blanks(s + 1), &f->number[f->n++]));
        } while (*s == ',');
        if (*s != ')')
            malformed(t, s);
        s = blanks(s + 1);
    }
    if (*s && *s != ';')
        malformed(t, s);
    return s;
}

static double rounded(double x)
{
    return (double)(float)x;
}

/* Uniform in [a, b], at least r from each kink: what falls nearer is drawn again. */
static double draw_away(const fill *f, uint64_t *state)
{
    for (;;) {
        double x = rounded(dg_trial_uniform(state, f->number[1], f->number[2]));
        int far = 1;
        for (int k = 3; k < f->n; k++)
            far &= fabs(x - f->number[k]) >= f->number[0];
        if (far)
            return x;
    }
}

static void fill_simplex(double *x, int64_t count, int64_t row, uint64_t *state)
{
    for (int64_t i = 0; row > 0 && i < count; i += row) {
        double sum = 0;
        for (int64_t j = 0; j < row; j++)
            sum += x[i + j] = dg_trial_uniform(state, 0.5, 1.5);
        for (int64_t j = 0; j < row; j++)
            x[i + j] = rounded(x[i + j] / sum);
    }
}

/* Ranks 0 .. n-1 in random order. */
static int64_t *shuffled(dg_trial *t, int64_t n, uint64_t *state)
{
    int64_t *rank = dg_arena_array(&t->arena, (size_t)n + 1, sizeof *rank);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)(dg_trial_next(state) % (uint64_t)(i + 1));
        rank[i] = rank[j];
        rank[j] = i;
    }
    return rank;
}

static void fill_distinct(dg_trial *t, const fill *f, double *x, int64_t count, int64_t *rank,
                          int64_t *at, int64_t all)
{
    double step = (f->number[1] - f->number[0]) / (double)(all > 0 ? all : 1);
    for (int64_t i = 0; i < count; i++)
        x[i] = rounded(f->number[0] + step * ((double)rank[(*at)++] + 0.5));
    double radius = 0.5 * step * 0.99; /* values are rounded to f32 */
    if (t->radius <= 0 || radius < t->radius)
        t->radius = radius;
}

static void fill_input(dg_trial *t, int k, const fill *f, int64_t *rank, int64_t *at,
                       uint64_t *state)
{
    const dg_shape *s = &t->in_shape[k];
    int64_t count = dg_shape_count(s);
    double *x = dg_arena_array(&t->arena, (size_t)count + 1, sizeof *x);
    t->in[k] = x;
    t->integer[k] = strcmp(f->name, "labels") == 0;
    t->simplex[k] = strcmp(f->name, "simplex") == 0;
    if (t->simplex[k]) {
        fill_simplex(x, count, s->rank > 0 ? s->dim[s->rank - 1] : 1, state);
        return;
    }
    if (strcmp(f->name, "distinct") == 0 && f->n == 2) {
        fill_distinct(t, f, x, count, rank, at, count_all(t->n_in, t->in_shape));
        return;
    }
    for (int64_t i = 0; i < count; i++)
        if (t->integer[k] && f->n == 1)
            x[i] = f->number[0] > 0 ? (double)below(state, (int)f->number[0]) : 0;
        else if (strcmp(f->name, "uniform") == 0 && f->n == 2)
            x[i] = rounded(dg_trial_uniform(state, f->number[0], f->number[1]));
        else if (strcmp(f->name, "away") == 0 && f->n >= 3)
            x[i] = draw_away(f, state);
        else
            malformed(t, f->name);
}

static void fill_inputs(dg_trial *t, uint64_t *state)
{
    const char *s = blanks(t->of->fill);
    int64_t all = count_all(t->n_in, t->in_shape), at = 0;
    int64_t *rank = shuffled(t, all, state);
    fill f = {.n = 0};
    t->radius = t->of->radius;
    for (int k = 0; k < t->n_in; k++) {
        if (k == 0 || *s == ';')
            s = read_fill(t, k == 0 ? s : blanks(s + 1), &f);
        if (t->in_shape[k].rank >= 0)
            fill_input(t, k, &f, rank, &at, state);
    }
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static void start(dg_trial *t, int builtin)
{
    memset(t, 0, sizeof *t);
    t->builtin = builtin;
    t->type = dg_builtin_at(builtin);
    assert_non_null(t->type);
    t->arena = dg_arena_make(NULL);
    for (int k = 0; k < 26; k++)
        t->size[k] = -1;
}

int dg_trial_draw(dg_trial *t, int builtin, int which, int draw, uint64_t seed, dg_diag *why)
{
    uint64_t state = seed;
    start(t, builtin);
    t->of = &t->type->cases[which];
    read_shapes(t); /* finds the letters */
    dg_attr found[16];
    read_attrs(t, t->of->attrs, found, 16);
    for (int k = 0; k < 26; k++)
        t->letters += t->size[k] >= 0;
    draw_sizes(t, draw, &state);
    describe(t, which);
    read_shapes(t);
    if (set_attrs(t, t->of->attrs, why) != DG_OK || !set_outputs(t, why))
        return 0;
    fill_inputs(t, &state);
    return 1;
}

void dg_trial_make(dg_trial *t, const char *node, const char *attrs, int n_in,
                   const dg_shape in_shape[], const double *const in[], int64_t batch)
{
    static const fill uniform = {"uniform", 2, {-1, 1}};
    dg_diag why = {0};
    uint64_t state = 1;
    start(t, dg_builtin_find(node));
    snprintf(t->text, sizeof t->text, "%s", node);
    t->n_in = n_in;
    t->radius = HUGE_VAL;
    for (int k = 0; k < n_in; k++) {
        t->in_shape[k] = in_shape[k];
        t->in_rows[k] = in_shape[k].rank > 0 && in_shape[k].dim[0] == DG_N;
        if (t->in_rows[k])
            t->in_shape[k].dim[0] = batch;
    }
    if (set_attrs(t, attrs, &why) != DG_OK || !set_outputs(t, &why))
        fail_msg("%s(%s): %s", node, attrs, why.text);
    for (int k = 0; k < n_in; k++) {
        if (t->in_shape[k].rank < 0)
            continue;
        fill_input(t, k, &uniform, NULL, NULL, &state);
        if (in && in[k])
            memcpy(t->in[k], in[k], (size_t)dg_shape_count(&t->in_shape[k]) * sizeof(double));
    }
}

void dg_trial_free(dg_trial *t)
{
    dg_arena_free(&t->arena);
}

dg_sizes dg_trial_sizes(const dg_trial *t, dg_type real)
{
    return (dg_sizes){.size = sizeof(dg_sizes),
                      .attrs = t->attrs,
                      .n_in = t->n_in,
                      .in = t->in_shape,
                      .real = real,
                      .training = 1};
}
