/* Initialisers. See init.h for what each gives. */
#include "graph/init.h"

#include "base/checked.h"
#include "base/fpenv.h"
#include "base/philox.h"
#include "base/text.h"
#include "graph/make.h"
#include "graph/orthogonal.h"
#include "kernels/table.h"
#include "ops/isa.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 512 };

/* A value being filled. */
typedef struct {
    dg_graph *g;
    const dg_vertex *v;
    const dg_init *init;
    const dg_step_kernels *kernels;
    uint64_t seed, stream;
} filling;

typedef struct {
    const char *name, *form;
    int least, most; /* numbers it takes */
    double preset;   /* of the first */
    void (*fill)(const filling *f, int64_t first, int64_t n,
                 double *out); /* NULL: orthogonal, auto */
    const char *text;          /* one line for the reference */
} kind;

/* ---- Sizes ----------------------------------------------------------------------------------- */

static void fans(const dg_shape *s, double *in, double *out)
{
    double pixels = 1;
    for (int i = 0; i + 2 < s->rank; i++)
        pixels *= (double)s->dim[i];
    *out = s->rank > 0 ? (double)s->dim[s->rank - 1] * pixels : 1;
    *in = s->rank > 1 ? (double)s->dim[s->rank - 2] * pixels : *out;
}

/* ---- One for each kind: elements first to first + n - 1 -------------------------------------- */

static void fill_same(const filling *f, int64_t first, int64_t n, double *out)
{
    (void)first;
    for (int64_t i = 0; i < n; i++)
        out[i] = f->init->a;
}

static void fill_ones(const filling *f, int64_t first, int64_t n, double *out)
{
    (void)f;
    (void)first;
    for (int64_t i = 0; i < n; i++)
        out[i] = 1;
}

static void fill_normal(const filling *f, int64_t first, int64_t n, double *out)
{
    dg_normal_fill(f->seed, f->stream, (uint64_t)first, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] *= f->init->a;
}

/* a + (b - a) u as a (1 - u) + b u, which cannot overflow. */
static void fill_between(const filling *f, double a, double b, int64_t first, int64_t n,
                         double *out)
{
    f->kernels->uniform(f->seed, f->stream, (uint64_t)first, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = a * (1 - out[i]) + b * out[i];
}

static void fill_uniform(const filling *f, int64_t first, int64_t n, double *out)
{
    fill_between(f, f->init->a, f->init->b, first, n, out);
}

static void fill_he(const filling *f, int64_t first, int64_t n, double *out)
{
    double in, fan_out, a;
    fans(&f->v->shape, &in, &fan_out);
    a = sqrt(6 / in);
    fill_between(f, -a, a, first, n, out);
}

static void fill_glorot(const filling *f, int64_t first, int64_t n, double *out)
{
    double in, fan_out, a;
    fans(&f->v->shape, &in, &fan_out);
    a = sqrt(6 / (in + fan_out));
    fill_between(f, -a, a, first, n, out);
}

enum { HE, GLOROT, AUTO, ORTHOGONAL }; /* places of these in the table */

static const kind kinds[] = {
    [HE] = {"he", "he", 0, 0, 0, fill_he, "uniform in +-sqrt(6 / fan_in)"},
    [GLOROT] = {"glorot", "glorot", 0, 0, 0, fill_glorot,
                "uniform in +-sqrt(6 / (fan_in + fan_out))"},
    [AUTO] = {"auto", "auto", 0, 0, 0, NULL,
              "he where a relu or its like reads the node's result, else glorot"},
    [ORTHOGONAL] = {"orthogonal", "orthogonal(gain)", 0, 1, 1, NULL,
                    "gain Q, Q a random matrix with orthonormal rows or columns; gain 1 if absent"},
    {"zeros", "zeros", 0, 0, 0, fill_same, "all 0"},
    {"ones", "ones", 0, 0, 0, fill_ones, "all 1"},
    {"fill", "fill(v)", 1, 1, 0, fill_same, "all v; a number v alone means the same"},
    {"normal", "normal(std)", 1, 1, 0, fill_normal, "normal with mean 0 and this deviation"},
    {"uniform", "uniform(a, b)", 2, 2, 0, fill_uniform, "uniform in [a, b)"},
};

enum { KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

const char *dg_init_at(int k, const char **form, const char **text)
{
    if (k < 0 || k >= KINDS)
        return NULL;
    *form = kinds[k].form;
    *text = kinds[k].text;
    return kinds[k].name;
}

/* ---- Text ------------------------------------------------------------------------------------ */

static int find_kind(const char *text, size_t n)
{
    for (int k = 0; k < KINDS; k++)
        if (strlen(kinds[k].name) == n && memcmp(kinds[k].name, text, n) == 0)
            return k;
    return -1;
}

static const char *skip_spaces(const char *s)
{
    return s + strspn(s, " \t");
}

/* "(1, 2)" or nothing, to the end of text; the count of numbers, -1: not of this form. */
static int read_arguments(const char *s, double number[2])
{
    int n = 0;
    s = skip_spaces(s);
    if (*s == 0)
        return 0;
    if (*s != '(')
        return -1;
    s = skip_spaces(s + 1);
    while (n < 2 && *s != ')') {
        s = dg_read_f64(s, &number[n]);
        if (!s || !isfinite(number[n++]))
            return -1;
        s = skip_spaces(s);
        if (*s == ',' && n < 2)
            s = skip_spaces(s + 1);
        else if (*s != ')')
            return -1;
    }
    return *s == ')' && *skip_spaces(s + 1) == 0 ? n : -1;
}

static dg_status check_numbers(const dg_init *i, dg_diag *why)
{
    if (kinds[i->kind].fill == fill_normal && i->a < 0)
        return dg_diag_set(why, DG_EMODEL, "std of initialiser normal(std) is below 0");
    if (kinds[i->kind].fill == fill_uniform && i->a > i->b)
        return dg_diag_set(why, DG_EMODEL, "a of initialiser uniform(a, b) is above b");
    return DG_OK;
}

dg_status dg_init_parse(const char *text, dg_init *out, dg_diag *why)
{
    const char *s = skip_spaces(text);
    size_t n = strcspn(s, " \t(");
    double number[2] = {0, 0};
    int k = find_kind(s, n);
    if (k < 0)
        return dg_diag_set(why, DG_EMODEL,
                           "there is no initialiser '%.60s', there is: zeros, ones, fill(v), "
                           "normal(std), uniform(a, b), he, glorot, orthogonal(gain)",
                           text);
    int count = read_arguments(s + n, number);
    if (count < kinds[k].least || count > kinds[k].most)
        return dg_diag_set(why, DG_EMODEL, "initialiser '%.60s': it is written %s%s", text,
                           kinds[k].form, kinds[k].most > 0 ? ", with finite numbers" : "");
    *out = (dg_init){k, count > 0 ? number[0] : kinds[k].preset, number[1]};
    return check_numbers(out, why);
}

/* ---- Filling --------------------------------------------------------------------------------- */

/* auto: he or glorot, by the first node that the parameter goes into. */
static int resolve(const dg_graph *g, int32_t id)
{
    int32_t reader = g->values[id - 1].reader;
    return reader && g->nodes[reader - 1].rectified ? HE : GLOROT;
}

const char *dg_init_resolved(const dg_graph *g, int32_t id)
{
    const char *text = g->values[id - 1].init;
    if (g->values[id - 1].from)
        return g->values[id - 1].from;
    return text && strcmp(text, "auto") == 0 ? kinds[resolve(g, id)].name : text;
}

static void store(const dg_vertex *v, int64_t first, int64_t n, const double *x)
{
    if (v->type == DG_F64) {
        memcpy((double *)v->data + first, x, (size_t)n * sizeof *x);
        return;
    }
    float *to = (float *)v->data + first;
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)x[i];
}

/* As a matrix: the last axis against all others. */
static dg_status fill_orthogonal(const filling *f)
{
    const dg_shape *s = &f->v->shape;
    int64_t count = dg_shape_count(s);
    int64_t columns = s->rank > 0 ? s->dim[s->rank - 1] : 1, rows = columns ? count / columns : 0;
    if (count == 0)
        return DG_OK;
    double *q = dg_orthogonal(&f->g->memory, rows, columns, f->seed, f->stream);
    if (!q)
        return dg_graph_no_memory(f->g);
    for (int64_t i = 0; i < count; i++)
        q[i] *= f->init->a;
    store(f->v, 0, count, q);
    dg_memory_free(&f->g->memory, q);
    return DG_OK;
}

/* Those of the instruction set that is asked for; which, does not change a bit. */
static const dg_step_kernels *fastest(void)
{
    dg_diag why = {.code = DG_OK};
    const dg_isa *isa = dg_isa_choose(NULL, &why);
    return (isa ? isa : dg_isa_portable())->step[1];
}

static dg_status fill(dg_graph *g, int32_t id, const dg_step_kernels *kernels, uint64_t seed)
{
    dg_vertex *v = &g->values[id - 1];
    int64_t count = dg_shape_count(&v->shape);
    double block[BLOCK];
    dg_init init = v->filler;
    if (!v->data)
        v->data = dg_memory_alloc(&g->memory, (size_t)count * dg_type_bytes(v->type));
    if (!v->data)
        return dg_graph_no_memory(g);
    if (init.kind == AUTO)
        init.kind = resolve(g, id);
    filling f = {g,       v,    &init,
                 kernels, seed, dg_stream(dg_stream_name("init"), dg_stream_name(v->name))};
    if (init.kind == ORTHOGONAL)
        return fill_orthogonal(&f);
    for (int64_t i = 0; i < count; i += BLOCK) {
        int64_t n = count - i < BLOCK ? count - i : BLOCK;
        kinds[init.kind].fill(&f, i, n, block);
        store(v, i, n, block);
    }
    return DG_OK;
}

static dg_status fill_all(dg_graph *g, uint64_t seed, int missing_only)
{
    if (!g || g->diag.code != DG_OK)
        return dg_graph_status(g, NULL);
    const dg_step_kernels *kernels = fastest();
    dg_fpenv found = dg_fpenv_enter();
    dg_status s = DG_OK;
    for (int32_t id = 1; id <= g->n_values && s == DG_OK; id++) {
        const dg_vertex *v = &g->values[id - 1];
        int holds = v->kind == DG_PARAMETER || v->kind == DG_STATE;
        if (holds && !v->set && !(missing_only && v->data))
            s = fill(g, id, kernels, seed);
    }
    dg_fpenv_leave(found);
    if (s == DG_OK)
        g->initialised = 1;
    return s;
}

dg_status dg_graph_init(dg_graph *g, uint64_t seed)
{
    return fill_all(g, seed, 0);
}

dg_status dg_graph_init_missing(dg_graph *g, uint64_t seed)
{
    return fill_all(g, seed, 1);
}
