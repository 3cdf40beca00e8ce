/* Operators that look at one element: they pass the layout on. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <stdarg.h>
#include <string.h>

void dg_onnx_like(dg_import *m, const dg_step *s, dg_onnx_value *out, const dg_onnx_value *in,
                  const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    va_end(args);
    const char *name = dg_onnx_name(m, out->name);
    dg_onnx_statement(m, s, name, text);
    out->at = in->at;
    out->dag = name;
    out->rank = in->rank;
    memcpy(out->dim, in->dim, sizeof out->dim);
}

const dg_onnx_value *dg_onnx_held(dg_import *m, const dg_onnx_value *v, const char *role)
{
    if (!v->fixed[0])
        return v;
    const dg_onnx_array *a = v->fixed[0];
    dg_onnx_value *held = dg_heap_take(&m->heap, 1, sizeof *held);
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    dg_shape shape = {.rank = a->rank};
    memcpy(dim[0], a->dim, sizeof dim[0]);
    memcpy(dim[1], v->fixed[1]->dim, sizeof dim[1]);
    memcpy(shape.dim, a->dim, (size_t)a->rank * sizeof *a->dim);
    held->name = v->name;
    held->at = dg_layout_plain(a->rank, dim, false);
    held->rank = a->rank;
    memcpy(held->dim, shape.dim, sizeof held->dim);
    held->dag = dg_onnx_declare(m, v, dg_onnx_trains(m, v) ? DG_ONNX_PARAMETER : DG_ONNX_CONSTANT,
                                role, &shape, NULL);
    return held;
}

bool dg_onnx_scalar(const dg_step *s, int k, double *x)
{
    const dg_onnx_array *a = dg_step_has(s, k) ? s->in[k]->fixed[0] : NULL;
    if (!a || a->count < 1 || (a->count > 1 && !dg_onnx_is_uniform(a)))
        return false;
    *x = dg_onnx_real(a, 0);
    return true;
}

bool dg_map_identity(dg_import *m, const dg_step *s)
{
    (void)m;
    dg_onnx_same(s->out[0], s->in[0]);
    return true;
}

bool dg_map_cast(dg_import *m, const dg_step *s)
{
    int64_t to = dg_attr_i(s, "to", DG_ONNX_FLOAT);
    bool real = to == DG_ONNX_FLOAT || to == DG_ONNX_DOUBLE || to == DG_ONNX_FLOAT16 ||
                to == DG_ONNX_BFLOAT16;
    bool like = strcmp(s->node->op, "CastLike") == 0;
    if (like && s->in[1])
        real = !s->in[1]->integer;
    if (!like && (to == DG_ONNX_FLOAT16 || to == DG_ONNX_BFLOAT16))
        return dg_onnx_refuse(m, s, "to %s, which rounds", dg_onnx_type_name((int)to));
    if ((like ? dg_step_has(s, 1) && s->in[1]->truth : to == DG_ONNX_BOOL) && !s->in[0]->integer) {
        dg_onnx_like(m, s, s->out[0], s->in[0], "not_equal(%s, 0)", s->in[0]->dag);
        s->out[0]->truth = true;
        return true;
    }
    if (real == s->in[0]->integer)
        return dg_onnx_refuse(m, s, "between integers and real numbers that the input decides");
    return dg_map_identity(m, s);
}

/* ---- One operand: the text, X standing for it, A and B for attributes ------------------------ */

typedef struct {
    const char *op, *node; /* node: the one of the model that does it, where it is there */
    const char *direct, *text;
    const char *a, *b;
    double a_preset, b_preset;
} unary;

static const unary unaries[] = {
    {"Relu", "relu", "relu(X)", NULL, NULL, NULL, 0, 0},
    {"Sigmoid", "sigmoid", "sigmoid(X)", NULL, NULL, NULL, 0, 0},
    {"Tanh", "tanh", "tanh(X)", NULL, NULL, NULL, 0, 0},
    {"Exp", "exp", "exp(X)", NULL, NULL, NULL, 0, 0},
    {"Log", "log", "log(X)", NULL, NULL, NULL, 0, 0},
    {"Sqrt", "sqrt", "sqrt(X)", NULL, NULL, NULL, 0, 0},
    {"Abs", "abs", "abs(X)", NULL, NULL, NULL, 0, 0},
    {"Neg", "neg", "-X", NULL, NULL, NULL, 0, 0},
    {"Sin", "sin", "sin(X)", NULL, NULL, NULL, 0, 0},
    {"Cos", "cos", "cos(X)", NULL, NULL, NULL, 0, 0},
    {"Reciprocal", "reciprocal", "reciprocal(X)", NULL, NULL, NULL, 0, 0},
    {"Softplus", "softplus", "softplus(X)", NULL, NULL, NULL, 0, 0},
    {"Erf", "erf", "erf(X)", NULL, NULL, NULL, 0, 0},
    {"LeakyRelu", "leaky_relu", "leaky_relu(X, alpha=A)", NULL, "alpha", NULL, 0.01, 0},
    {"Elu", "elu", "elu(X, alpha=A)", NULL, "alpha", NULL, 1, 0},
    {"HardSigmoid", "clip", "clip(X * A + B, min=0, max=1)", NULL, "alpha", "beta", 0.2, 0.5},
    {"HardSwish", "hardswish", "hardswish(X)", "X * clip(X / 6 + 0.5, min=0, max=1)", NULL, NULL, 0,
     0},
    {"Swish", "sigmoid", "X * sigmoid(X * A)", NULL, "alpha", NULL, 1, 0},
    {"Mish", "tanh", "X * tanh(softplus(X))", NULL, NULL, NULL, 0, 0},
    {"Selu", "elu", "elu(X, alpha=A) * B", NULL, "alpha", "gamma", 1.67326319217681884765625,
     1.05070102214813232421875},
    {"Celu", "elu", "elu(X / A) * A", NULL, "alpha", NULL, 1, 0},
    {"Softsign", "abs", "X / (1 + abs(X))", NULL, NULL, NULL, 0, 0},
    {"ThresholdedRelu", "greater", "X * greater(X, A)", NULL, "alpha", NULL, 1, 0},
    {"Shrink", "greater", "greater(X, A) * (X - B) + less(X, -A) * (X + B)", NULL, "lambd", "bias",
     0.5, 0},
    {"Sign", "greater", "greater(X, 0) - less(X, 0)", NULL, NULL, NULL, 0, 0},
    {"Tan", "sin", "sin(X) / cos(X)", NULL, NULL, NULL, 0, 0},
    {"Cosh", "exp", "(exp(X) + exp(-X)) / 2", NULL, NULL, NULL, 0, 0},
};

/* The text with X, A and B in their places; letters within words stay. */
static const char *fill(dg_import *m, const char *text, const char *x, const char *a, const char *b)
{
    const char *out = "";
    for (const char *p = text; *p; p++) {
        const char *with = *p == 'X' ? x : *p == 'A' ? a : *p == 'B' ? b : NULL;
        out = with ? dg_heap_printf(&m->heap, "%s%s", out, with)
                   : dg_heap_printf(&m->heap, "%s%c", out, *p);
    }
    return out;
}

bool dg_map_unary(dg_import *m, const dg_step *s)
{
    const unary *u = unaries;
    while (strcmp(u->op, s->node->op) != 0)
        u++;
    const char *text = u->node && dg_type_find(NULL, u->node) ? u->direct : u->text;
    if (!text)
        return dg_onnx_refuse(m, s, "is not read here");
    if (s->in[0]->integer)
        return dg_onnx_refuse(m, s, "of integers that the input decides");
    double a = u->a ? dg_attr_f(s, u->a, u->a_preset) : 0;
    double b = u->b ? dg_attr_f(s, u->b, u->b_preset) : 0;
    if (strcmp(u->op, "LeakyRelu") == 0 && a < 0)
        text = "relu(X) - A * relu(-X)";
    dg_onnx_like(m, s, s->out[0], s->in[0], "%s",
                 fill(m, text, s->in[0]->dag, dg_onnx_number(m, a), dg_onnx_number(m, b)));
    return true;
}

bool dg_map_clip(dg_import *m, const dg_step *s)
{
    const char *text = "";
    for (int i = 0; i < 2; i++) {
        double x = 0;
        const char *name = i ? "max" : "min";
        const dg_onnx_attr *a = dg_onnx_attr_find(s->node, name);
        if (dg_step_has(s, 1 + i) && !dg_onnx_scalar(s, 1 + i, &x))
            return dg_onnx_refuse(m, s, "to bounds that are not constant");
        if (a || dg_step_has(s, 1 + i))
            text =
                dg_heap_printf(&m->heap, "%s, %s=%s", text, name, dg_onnx_number(m, a ? a->f : x));
    }
    if (!*text)
        return dg_map_identity(m, s);
    if (s->in[0]->integer)
        return dg_onnx_refuse(m, s, "of integers that the input decides");
    dg_onnx_like(m, s, s->out[0], s->in[0], "clip(%s%s)", s->in[0]->dag, text);
    return true;
}

bool dg_map_dropout(dg_import *m, const dg_step *s)
{
    double rate = dg_attr_f(s, "ratio", 0.5);
    if (dg_step_has(s, 1) && !dg_onnx_scalar(s, 1, &rate))
        return dg_onnx_refuse(m, s, "of a rate that the input decides");
    if (rate <= 0)
        return dg_map_identity(m, s);
    dg_onnx_like(m, s, s->out[0], s->in[0], "dropout(%s, %s)", s->in[0]->dag,
                 dg_onnx_number(m, rate));
    return true;
}

bool dg_map_gelu(dg_import *m, const dg_step *s)
{
    bool curved = strcmp(dg_attr_s(s, "approximate", "none"), "tanh") == 0;
    const char *x = s->in[0]->dag;
    if (dg_type_find(NULL, "gelu"))
        dg_onnx_like(m, s, s->out[0], s->in[0], "gelu(%s%s)", x,
                     curved ? ", approximate=tanh" : "");
    else if (curved)
        dg_onnx_like(m, s, s->out[0], s->in[0],
                     "0.5 * %s * (1 + tanh(0.7978845608028654 * (%s + 0.044715 * %s ^ 3)))", x, x,
                     x);
    else
        return dg_onnx_refuse(m, s, "by the error function is not read here");
    return true;
}

bool dg_map_prelu(dg_import *m, const dg_step *s)
{
    const char *text[2];
    const dg_onnx_value *x = s->in[0];
    if (!dg_onnx_pair(m, s, x, s->in[1], true, s->out[0], text))
        return false;
    dg_onnx_value out = *s->out[0];
    const char *name = dg_onnx_name(m, out.name);
    dg_onnx_statement(
        m, s, name,
        dg_heap_printf(&m->heap, "relu(%s) - %s * relu(-%s)", text[0], text[1], text[0]));
    s->out[0]->dag = name;
    return true;
}
