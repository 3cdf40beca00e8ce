/* Mutants; see mutants.h. A wrapper lets the real function write into memory of its own, full of a
 * pattern that no result has; what was written is changed and copied. */
#include "ops/mutants.h"
#include <stdlib.h>
#include <string.h>

enum {
    SIGN,
    SCALE,
    SHIFT,
    LAST,
    ADD,
    EPS_SHIFT,
    EPS_LAST,
    EPS_HALF,
    INPUT,
    T_SIGN,
    T_SCALE,
    T_SHIFT,
    T_LAST,
    T_INPUT,
    T_ADD,
    KINDS,
    NONE = KINDS, /* the wrappers without a fault: must live */
    T_NONE
};

static const dg_mutant mutants[] = {
    {"adjoint-sign", "the sign of what comes back", 0},
    {"adjoint-scale", "1.001 times what comes back", 0},
    {"adjoint-shift", "what comes back, one element off", 0},
    {"adjoint-last", "the last element of what comes back is 0", 0},
    {"adjoint-add", "adds to what was there", 0},
    {"eps-shift", "reads the error vector one element off", 0},
    {"eps-last", "leaves out the last element of the error vector", 0},
    {"eps-half", "leaves out the second half of the error vector", 0},
    {"adjoint-input", "one input gets nothing back", 0},
    {"tangent-sign", "the sign of the tangent", 1},
    {"tangent-scale", "1.001 times the tangent", 1},
    {"tangent-shift", "the tangent, one element off", 1},
    {"tangent-last", "the last element of the tangent is 0", 1},
    {"tangent-input", "leaves out the perturbation of the last input", 1},
    {"tangent-add", "adds to what was there", 1},
    {"adjoint-none", "nothing is wrong", 0},
    {"tangent-none", "nothing is wrong", 1},
};

const dg_mutant *dg_mutant_at(int k)
{
    return k >= 0 && k < KINDS ? &mutants[k] : NULL;
}

/* ---- the one that lives now ------------------------------------------------------------------ */

static int kind;
static const dg_math *truth;
static size_t unit;
static const unsigned char PATTERN = 0x6d; /* no result is made of these bytes alone */

static int64_t elements(const dg_shape *s)
{
    return s->rank < 0 ? 0 : dg_shape_count(s);
}

static double get(const void *x, int64_t i)
{
    return unit == 4 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void put(void *x, int64_t i, double value)
{
    if (unit == 4)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static int is_written(const void *x, int64_t i)
{
    const unsigned char *p = (const unsigned char *)x + (size_t)i * unit;
    for (size_t k = 0; k < unit; k++)
        if (p[k] != PATTERN)
            return 1;
    return 0;
}

static void *fresh(int64_t n)
{
    void *p = aligned_alloc(64, ((size_t)n * unit + 127) / 64 * 64);
    memset(p, PATTERN, ((size_t)n * unit + 127) / 64 * 64);
    return p;
}

/* Copies the n elements that were written, with the fault. */
static void spoil(const void *from, void *to, int64_t n, int sign, int scale, int shift, int last,
                  int add)
{
    int64_t *at = malloc(((size_t)n + 1) * sizeof *at), m = 0;
    for (int64_t i = 0; i < n; i++)
        if (is_written(from, i))
            at[m++] = i;
    for (int64_t k = 0; k < m; k++) {
        double x = get(from, at[shift ? (k + 1) % m : k]);
        x = sign ? -x : scale ? 1.001 * x : last && k == m - 1 ? 0 : x;
        put(to, at[k], add ? get(to, at[k]) + x : x);
    }
    free(at);
}

/* A copy of an error vector with a fault. */
static void *wrong_eps(const void *eps, int64_t n)
{
    void *copy = fresh(n);
    for (int64_t i = 0; i < n; i++) {
        double x = get(eps, kind == EPS_SHIFT ? (i + 1) % n : i);
        int gone = (kind == EPS_LAST && i == n - 1) || (kind == EPS_HALF && i >= (n + 1) / 2);
        put(copy, i, gone ? 0 : x);
    }
    return copy;
}

static int last_wanted(const dg_call *c)
{
    int last = -1;
    for (int i = 0; i < c->n_in; i++)
        last = c->delta[i] ? i : last;
    return last;
}

static dg_status adjoint(const dg_call *c)
{
    void *delta[64] = {NULL}, *eps[DG_MAX_OUT] = {NULL};
    dg_call d = *c;
    int wrong = kind == EPS_SHIFT || kind == EPS_LAST || kind == EPS_HALF;
    for (int i = 0; i < c->n_in; i++) {
        if (!c->delta[i])
            continue;
        int64_t n = elements(&c->in_shape[i]);
        delta[i] = fresh(n);
        if (c->add)
            memcpy(delta[i], c->delta[i], (size_t)n * unit);
    }
    for (int j = 0; wrong && j < c->n_out; j++)
        eps[j] = wrong_eps(c->eps[j], elements(&c->out_shape[j]));
    d.delta = delta;
    if (wrong)
        d.eps = (const void *const *)eps;
    dg_status s = truth->adjoint(&d);
    for (int i = 0; i < c->n_in; i++) {
        int64_t n = elements(&c->in_shape[i]);
        int none = kind == INPUT && i == last_wanted(c);
        for (int64_t k = 0; none && k < n; k++)
            if (is_written(delta[i], k))
                put(delta[i], k, 0);
        if (c->delta[i])
            spoil(delta[i], c->delta[i], n, kind == SIGN, kind == SCALE, kind == SHIFT,
                  kind == LAST, kind == ADD);
        free(delta[i]);
    }
    for (int j = 0; j < c->n_out; j++)
        free(eps[j]);
    return s;
}

static dg_status tangent(const dg_call *c)
{
    void *dout[DG_MAX_OUT] = {NULL};
    const void *din[64];
    dg_call d = *c;
    int last = -1;
    for (int i = 0; i < c->n_in; i++) {
        din[i] = c->din[i];
        last = din[i] ? i : last;
    }
    if (kind == T_INPUT && last >= 0)
        din[last] = NULL;
    for (int j = 0; j < c->n_out; j++)
        dout[j] = fresh(elements(&c->out_shape[j]));
    d.din = din;
    d.dout = dout;
    dg_status s = truth->tangent(&d);
    for (int j = 0; j < c->n_out; j++) {
        spoil(dout[j], c->dout[j], elements(&c->out_shape[j]), kind == T_SIGN, kind == T_SCALE,
              kind == T_SHIFT, kind == T_LAST, kind == T_ADD);
        free(dout[j]);
    }
    return s;
}

const dg_math *dg_mutant_make(const char *name, const dg_node_type *type, dg_type real_type,
                              const dg_math *real)
{
    static dg_math math;
    (void)type;
    for (int k = 0; k <= T_NONE; k++) {
        if (strcmp(mutants[k].name, name) != 0)
            continue;
        kind = k;
        truth = real;
        unit = dg_type_bytes(real_type);
        math = *real;
        if (mutants[k].tangent)
            math.tangent = tangent;
        else
            math.adjoint = adjoint;
        return &math;
    }
    return NULL;
}
