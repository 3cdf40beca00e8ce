/* Constants that are computed. Real numbers in f64: what the file's operators would round to f32
 * here stays as it is. */
#include "base/elem_f64.h"
#include "onnx/fold.h"

#include <math.h>
#include <string.h>

static bool put(const dg_step *s, int b, const dg_onnx_array *a)
{
    if (s->n_out && s->out[0])
        s->out[0]->fixed[b] = a;
    return true;
}

bool dg_fold_shape(dg_import *m, const dg_step *s, int b)
{
    int rank = dg_onnx_rank(s->in[0]);
    int64_t start = dg_attr_i(s, "start", 0), end = dg_attr_i(s, "end", rank);
    start += start < 0 ? rank : 0;
    end += end < 0 ? rank : 0;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    int64_t n = end - start;
    dg_onnx_array *a = dg_onnx_array_new(m, true, 1, &n, false);
    for (int64_t k = 0; k < n; k++)
        dg_onnx_wholes(a)[k] = dg_onnx_dim(s->in[0], b, (int)(start + k));
    return put(s, b, a);
}

bool dg_fold_size(dg_import *m, const dg_step *s, int b)
{
    dg_onnx_array *a = dg_onnx_array_new(m, true, 0, (const int64_t[]){0}, false);
    dg_onnx_wholes(a)[0] = 1;
    for (int k = 0; k < dg_onnx_rank(s->in[0]); k++)
        dg_onnx_wholes(a)[0] *= dg_onnx_dim(s->in[0], b, k);
    return put(s, b, a);
}

bool dg_fold_fill(dg_import *m, const dg_step *s, int b)
{
    int64_t dim[DG_MAX_RANK];
    int rank = dg_step_ints(m, s, NULL, 0, b, dim, DG_MAX_RANK);
    const dg_onnx_attr *v = dg_onnx_attr_find(s->node, "value");
    const dg_onnx_array *value = v && v->t ? dg_onnx_array_of(m, v->t) : NULL;
    for (int k = 0; k < rank; k++)
        if (dim[k] < 0)
            rank = -1;
    if (rank < 0 || (value && value->count < 1))
        return dg_onnx_refuse(m, s, "of a shape that is not valid");
    dg_onnx_array *a = dg_onnx_array_new(m, value && value->integer, rank, dim, true);
    if (value && value->integer)
        dg_onnx_wholes(a)[0] = dg_onnx_whole(value, 0);
    else
        dg_onnx_reals(a)[0] = value ? dg_onnx_real(value, 0) : 0;
    return put(s, b, a);
}

bool dg_fold_range(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = dg_step_has(s, i) ? s->in[i]->fixed[b] : NULL;
        if (!in[i] || in[i]->count != 1)
            return dg_onnx_refuse(m, s, "without start, limit and delta");
    }
    double start = dg_onnx_real(in[0], 0), step = dg_onnx_real(in[2], 0);
    double n = ceil((dg_onnx_real(in[1], 0) - start) / step);
    if (!(n < 1e15))
        return dg_onnx_refuse(m, s, "of a length that is not valid");
    int64_t count = n > 0 ? (int64_t)n : 0;
    dg_onnx_array *a = dg_onnx_array_new(m, in[0]->integer, 1, &count, false);
    for (int64_t i = 0; i < count; i++) {
        if (a->integer)
            dg_onnx_wholes(a)[i] = (int64_t)(start + (double)i * step);
        else
            dg_onnx_reals(a)[i] = start + (double)i * step;
    }
    return put(s, b, a);
}

/* ---- One operand ----------------------------------------------------------------------------- */

typedef struct {
    const char *op;
    double (*of)(double x);
} unary;

static double negative(double x)
{
    return -x;
}
static double reciprocal(double x)
{
    return 1 / x;
}
static double not(double x)
{
    return x == 0;
}
static double sign(double x)
{
    return (x > 0) - (x < 0);
}
static double sigmoid(double x)
{
    return 1 / (1 + dg_exp(-x));
}
static double relu(double x)
{
    return x > 0 ? x : 0;
}

static const unary unaries[] = {{"Neg", negative},    {"Reciprocal", reciprocal},
                                {"Not", not },        {"Sign", sign},
                                {"Abs", fabs},        {"Floor", floor},
                                {"Ceil", ceil},       {"Round", rint},
                                {"Sqrt", sqrt},       {"Exp", dg_exp},
                                {"Log", dg_log},      {"Sin", dg_sin},
                                {"Cos", dg_cos},      {"Tanh", dg_tanh},
                                {"Sigmoid", sigmoid}, {"Relu", relu}};

bool dg_fold_unary(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    const unary *u = unaries;
    while (strcmp(u->op, s->node->op) != 0)
        u++;
    dg_onnx_array *to = dg_onnx_array_new(m, a->integer, a->rank, a->dim, a->uniform);
    int64_t n = a->uniform ? a->count > 0 : a->count;
    for (int64_t i = 0; i < n; i++) {
        if (a->integer)
            dg_onnx_wholes(to)[i] = (int64_t)u->of(dg_onnx_real(a, i));
        else
            dg_onnx_reals(to)[i] = u->of(dg_onnx_real(a, i));
    }
    return put(s, b, to);
}

/* ---- Two or more ----------------------------------------------------------------------------- */

static double remainder_of(double x, double y)
{
    return x - y * floor(x / y);
}

static double binary(const char *op, double x, double y, bool *known)
{
    *known = true;
    switch (op[0] << 8 | op[1]) {
    case 'A' << 8 | 'd':
    case 'S' << 8 | 'u':
        return op[0] == 'A' || op[2] == 'm' ? x + y : x - y;
    case 'M' << 8 | 'u':
        return x * y;
    case 'D' << 8 | 'i':
        return x / y;
    case 'P' << 8 | 'o':
        return y == 2 ? x * x : dg_pow(x, y);
    case 'M' << 8 | 'o':
        return remainder_of(x, y);
    case 'M' << 8 | 'a':
        return x > y || x != x ? x : y;
    case 'M' << 8 | 'i':
        return x < y || x != x ? x : y;
    case 'E' << 8 | 'q':
        return x == y;
    case 'G' << 8 | 'r':
        return strstr(op, "OrEqual") ? x >= y : x > y;
    case 'L' << 8 | 'e':
        return strstr(op, "OrEqual") ? x <= y : x < y;
    case 'A' << 8 | 'n':
        return x != 0 && y != 0;
    case 'O' << 8 | 'r':
        return x != 0 || y != 0;
    case 'X' << 8 | 'o':
        return (x != 0) != (y != 0);
    default:
        *known = false;
        return 0;
    }
}

/* Whole numbers beyond 2^53 keep their bits where that is easy. */
static int64_t whole(const char *op, int64_t x, int64_t y, bool *known)
{
    *known = true;
    if (strcmp(op, "Add") == 0)
        return (int64_t)((uint64_t)x + (uint64_t)y);
    if (strcmp(op, "Sub") == 0)
        return (int64_t)((uint64_t)x - (uint64_t)y);
    if (strcmp(op, "Mul") == 0)
        return (int64_t)((uint64_t)x * (uint64_t)y);
    if (strcmp(op, "Max") == 0 || strcmp(op, "Min") == 0)
        return (x > y) == (op[1] == 'a') ? x : y;
    if (strcmp(op, "Div") == 0 || strcmp(op, "Mod") == 0) {
        *known = y != 0 && !(y == -1 && x == INT64_MIN);
        if (!*known)
            return 0;
        int64_t r = x % y;
        return op[0] == 'D' ? x / y : r && (r < 0) != (y < 0) ? r + y : r;
    }
    double z = binary(op, (double)x, (double)y, known);
    return z > -9e18 && z < 9e18 ? (int64_t)z : 0;
}

/* The common shape of two; false: they do not fit. */
static bool stretch(const dg_onnx_array *a, int rank, int64_t dim[], int *wide)
{
    int n = a->rank > rank ? a->rank : rank;
    int64_t to[DG_MAX_RANK];
    for (int k = 0; k < n; k++) {
        int i = k - (n - a->rank), j = k - (n - rank);
        int64_t x = i >= 0 ? a->dim[i] : 1, y = j >= 0 ? dim[j] : 1;
        if (x != y && x != 1 && y != 1)
            return false;
        to[k] = x == 1 ? y : x;
    }
    memcpy(dim, to, (size_t)n * sizeof *to);
    *wide = n;
    return true;
}

/* The element of a that is at element i of a shape that a is stretched to. */
static int64_t place(const dg_onnx_array *a, int rank, const int64_t dim[], int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = rank; k-- > 0; i /= dim[k]) {
        int from = k - (rank - a->rank);
        if (from < 0)
            break;
        at += a->dim[from] == 1 ? 0 : i % dim[k] * stride;
        stride *= a->dim[from];
    }
    return at;
}

static bool all_uniform(const dg_step *s, int b)
{
    bool uniform = true;
    for (int i = 0; i < s->n_in; i++)
        uniform &= s->in[i]->fixed[b]->uniform || s->in[i]->fixed[b]->count == 1;
    return uniform;
}

static bool is_logical(const char *op)
{
    static const char *const ops[] = {"Equal",       "Greater", "Less", "GreaterOrEqual",
                                      "LessOrEqual", "And",     "Or",   "Xor"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i], op) == 0)
            return true;
    return false;
}

static const dg_onnx_array *pair(dg_import *m, const char *op, const dg_onnx_array *x,
                                 const dg_onnx_array *y, bool uniform)
{
    int64_t dim[DG_MAX_RANK];
    int rank = x->rank;
    bool known = true, integer = x->integer && y->integer;
    memcpy(dim, x->dim, sizeof dim);
    if (!stretch(y, rank, dim, &rank))
        return NULL;
    dg_onnx_array *to =
        dg_onnx_array_new(m, integer || is_logical(op), rank, dim, uniform && rank > 0);
    int64_t n = to->uniform ? to->count > 0 : to->count;
    for (int64_t i = 0; i < n && known; i++) {
        int64_t j = place(x, rank, dim, i), k = place(y, rank, dim, i);
        if (integer)
            dg_onnx_wholes(to)[i] = whole(op, dg_onnx_whole(x, j), dg_onnx_whole(y, k), &known);
        else if (to->integer)
            dg_onnx_wholes(to)[i] = binary(op, dg_onnx_real(x, j), dg_onnx_real(y, k), &known) != 0;
        else
            dg_onnx_reals(to)[i] = binary(op, dg_onnx_real(x, j), dg_onnx_real(y, k), &known);
    }
    return known ? to : NULL;
}

bool dg_fold_binary(dg_import *m, const dg_step *s, int b)
{
    if (s->n_in < 1 || !s->in[0])
        return dg_onnx_refuse(m, s, "without operands");
    const dg_onnx_array *a = s->in[0]->fixed[b];
    for (int i = 1; i < s->n_in && a; i++)
        a = s->in[i] ? pair(m, s->node->op, a, s->in[i]->fixed[b], all_uniform(s, b)) : NULL;
    return a ? put(s, b, a) : dg_onnx_refuse(m, s, "of constants is not valid");
}

bool dg_fold_where(dg_import *m, const dg_step *s, int b)
{
    int64_t dim[DG_MAX_RANK];
    const dg_onnx_array *c = s->in[0]->fixed[b], *x = s->in[1]->fixed[b], *y = s->in[2]->fixed[b];
    int rank = c->rank;
    memcpy(dim, c->dim, sizeof dim);
    if (!stretch(x, rank, dim, &rank) || !stretch(y, rank, dim, &rank))
        return dg_onnx_refuse(m, s, "of shapes that do not fit");
    dg_onnx_array *to =
        dg_onnx_array_new(m, x->integer && y->integer, rank, dim, all_uniform(s, b) && rank > 0);
    int64_t n = to->uniform ? to->count > 0 : to->count;
    for (int64_t i = 0; i < n; i++) {
        const dg_onnx_array *from = dg_onnx_whole(c, place(c, rank, dim, i)) ? x : y;
        int64_t k = place(from, rank, dim, i);
        if (to->integer)
            dg_onnx_wholes(to)[i] = dg_onnx_whole(from, k);
        else
            dg_onnx_reals(to)[i] = dg_onnx_real(from, k);
    }
    return put(s, b, to);
}

/* Sums, products, extremes, of all elements or over axes. */
bool dg_fold_reduce(dg_import *m, const dg_step *s, int b)
{
    const dg_onnx_array *a = s->in[0]->fixed[b];
    const char *op = s->node->op + strlen("Reduce");
    int64_t axes[DG_MAX_RANK], dim[DG_MAX_RANK], keep[DG_MAX_RANK];
    bool over[DG_MAX_RANK] = {0}, keeps = dg_attr_i(s, "keepdims", 1) != 0, known;
    int n = dg_step_ints(m, s, "axes", 1, b, axes, DG_MAX_RANK), rank = 0;
    for (int i = 0; i < n; i++) {
        int k = dg_step_axis(axes[i], a->rank);
        if (k < 0)
            return dg_onnx_refuse(m, s, "over an axis that is not there");
        over[k] = true;
    }
    for (int k = 0; k < a->rank; k++) {
        over[k] |= n <= 0 && dg_attr_i(s, "noop_with_empty_axes", 0) == 0;
        keep[k] = over[k] ? 1 : a->dim[k];
        if (!over[k] || keeps)
            dim[rank++] = keep[k];
    }
    const char *pairs = strcmp(op, "Prod") == 0  ? "Mul"
                        : strcmp(op, "Max") == 0 ? "Max"
                        : strcmp(op, "Min") == 0 ? "Min"
                                                 : "Add";
    dg_onnx_array *to = dg_onnx_array_new(m, a->integer, rank, dim, false);
    dg_onnx_array shape = {.rank = a->rank};
    int64_t *first = dg_heap_take(&m->heap, (size_t)to->count, sizeof *first);
    memcpy(shape.dim, keep, sizeof keep);
    for (int64_t i = 0; i < a->count; i++) {
        int64_t k = place(&shape, a->rank, a->dim, i);
        bool begins = first[k]++ == 0;
        if (a->integer)
            dg_onnx_wholes(to)[k] =
                begins ? dg_onnx_whole(a, i)
                       : whole(pairs, dg_onnx_wholes(to)[k], dg_onnx_whole(a, i), &known);
        else
            dg_onnx_reals(to)[k] =
                begins ? dg_onnx_real(a, i)
                       : binary(pairs, dg_onnx_reals(to)[k], dg_onnx_real(a, i), &known);
    }
    for (int64_t k = 0; k < to->count && strcmp(op, "Mean") == 0 && !a->integer; k++)
        dg_onnx_reals(to)[k] /= (double)first[k];
    return put(s, b, to);
}
