/* Convolution and pooling: channels first in the file. */
#include "onnx/export.h"

#include "ops/window.h"
#include <string.h>

enum { X, WEIGHT, BIAS };
enum { ROWS_AND_COLUMNS = 2 };

static int index_of(const dg_put *p, const char *name)
{
    const dg_node_type *t = p->node->type;
    for (int i = 0; i < t->n_attrs; i++)
        if (strcmp(t->attrs[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- Windows --------------------------------------------------------------------------------- */

static dg_window window_of(const dg_put *p)
{
    const dg_vertex *x = dg_put_value(p, X);
    dg_window w;
    dg_diag why = {0};
    dg_window_attrs at = {index_of(p, "kernel"), index_of(p, "stride"), index_of(p, "dilation"),
                          index_of(p, "padding"), index_of(p, "ceil")};
    int more = index_of(p, "output_padding");
    const char *of = p->node->type->name;
    at.ceil = at.ceil < 0 ? 0 : at.ceil;
    dg_status s = more >= 0 ? dg_window_widen(of, p->node->attrs, at, more, &x->shape, &w, &why)
                            : dg_window_find(of, p->node->attrs, at, &x->shape, &w, &why);
    if (s != DG_OK)
        dg_put_fail(p, "cannot be written: %s", why.text);
    return w;
}

/* Numbers of a window as a list of the file, the rows left out of a series. */
static void put_pair(dg_text *a, const char *name, bool series, const int64_t v[])
{
    dg_attr_put_ints(a, name, series ? 1 : ROWS_AND_COLUMNS, v + series);
}

/* With sizes that are free what `same` pads is not known. */
static bool is_same(const dg_put *p)
{
    const dg_vertex *x = dg_put_value(p, X);
    bool free = false;
    for (int k = 1; k < x->shape.rank - 1; k++)
        free |= dg_is_free(p, p->node->in[X], k);
    return free && dg_put_attr(p, "padding")->word == 0;
}

static void put_window(const dg_put *p, dg_text *a)
{
    dg_window w = window_of(p);
    bool series = dg_put_value(p, X)->shape.rank == 3;
    int64_t pads[4] = {w.before[0], w.before[1], w.after[0], w.after[1]};
    int64_t series_pads[2] = {w.before[1], w.after[1]};
    put_pair(a, "kernel_shape", series, w.kernel);
    put_pair(a, "strides", series, w.stride);
    if (w.dilation[0] != 1 || w.dilation[1] != 1)
        put_pair(a, "dilations", series, w.dilation);
    if (is_same(p))
        dg_attr_put_s(a, "auto_pad", "SAME_UPPER");
    else
        dg_attr_put_ints(a, "pads", series ? 2 : 4, series ? series_pads : pads);
}

/* ---- Convolution ----------------------------------------------------------------------------- */

/* The weight's axes as ONNX has them: `last` and the one before it first. */
static const char *weight(const dg_put *p)
{
    int rank = dg_put_value(p, WEIGHT)->shape.rank, perm[4];
    perm[0] = rank - 1;
    perm[1] = rank - 2;
    for (int i = 2; i < rank; i++)
        perm[i] = i - 2;
    return dg_store_turned(p, WEIGHT, perm);
}

static void convolve(const dg_put *p, dg_text *a)
{
    const char *in[3] = {dg_put_in(p, X, DG_AXES_FIRST), weight(p)};
    bool bias = dg_put_value(p, BIAS) != NULL;
    if (bias)
        in[BIAS] = dg_put_in(p, BIAS, DG_AXES_PLAIN);
    dg_attr_put_i(a, "group", dg_put_int(p, "groups"));
    dg_put_op(p->x, p->node->name, p->node->type->onnx, bias ? 3 : 2, in,
              dg_put_out(p, 0, DG_AXES_FIRST), a);
}

void dg_put_conv(const dg_put *p)
{
    dg_text a = dg_text_make(&p->x->memory);
    put_window(p, &a);
    convolve(p, &a);
}

void dg_put_conv_transpose(const dg_put *p)
{
    dg_text a = dg_text_make(&p->x->memory);
    const dg_attr_value *more = dg_put_attr(p, "output_padding");
    bool series = dg_put_value(p, X)->shape.rank == 3;
    int64_t padding[2];
    for (int i = 0; i < 2; i++)
        padding[i] = (int64_t)more->number[i < more->count ? i : 0];
    if (is_same(p))
        dg_put_fail(p, "pads a size that is free; --size gives it one");
    put_window(p, &a);
    if (padding[0] || padding[1])
        dg_attr_put_ints(&a, "output_padding", series ? 1 : 2, padding);
    convolve(p, &a);
}

/* ---- Pooling --------------------------------------------------------------------------------- */

/* AveragePool has dilations from 19 on. */
int dg_pool_opset(const dg_put *p)
{
    const dg_attr_value *d = dg_put_attr(p, "dilation");
    return d->number[0] != 1 || d->number[d->count - 1] != 1 ? 19 : 0;
}

void dg_put_pool(const dg_put *p)
{
    dg_text a = dg_text_make(&p->x->memory);
    const char *in = dg_put_in(p, X, DG_AXES_FIRST);
    bool mean = strcmp(p->node->type->name, "avgpool") == 0;
    put_window(p, &a);
    dg_attr_put_i(&a, "ceil_mode", dg_put_int(p, "ceil"));
    if (mean)
        dg_attr_put_i(&a, "count_include_pad", dg_put_int(p, "include_padding"));
    dg_put_op(p->x, p->node->name, p->node->type->onnx, 1, &in, dg_put_out(p, 0, DG_AXES_FIRST),
              &a);
}

void dg_put_global_pool(const dg_put *p)
{
    const char *in = dg_put_in(p, X, DG_AXES_FIRST), *near = p->node->name;
    bool keeps = dg_put_int(p, "keepdims") != 0;
    const char *out = dg_put_op(p->x, near, "GlobalAveragePool", 1, &in,
                                keeps ? dg_put_out(p, 0, DG_AXES_FIRST) : NULL, NULL);
    if (!keeps)
        dg_put_op(p->x, near, "Flatten", 1, &out, dg_put_out(p, 0, DG_AXES_PLAIN), NULL);
}
