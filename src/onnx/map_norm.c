/* Normalisations: a node of the model where it has the one, else composed of others. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <string.h>

/* A vector by name: a parameter of its own, or a state. */
static const char *vector(dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind, const char *role)
{
    dg_onnx_role r = dg_onnx_vector(role, NULL, v, kind);
    return dg_onnx_declare(m, v, r.kind, role, &r.shape, NULL);
}

static bool vectors(dg_import *m, const dg_step *s, int first, int n, int64_t count)
{
    for (int i = first; i < first + n; i++)
        if (!dg_step_has(s, i) || !s->in[i]->fixed[0] || s->in[i]->fixed[0]->count != count ||
            s->in[i]->integer)
            return dg_onnx_refuse(m, s, "whose scale, bias or statistics are no constant vectors");
    return true;
}

/* x with the channels as its last axis; *at and *w: its layout. NULL: refused. */
static const char *channels_last(dg_import *m, const dg_step *s, const dg_onnx_value *x,
                                 dg_layout *at, dg_want *w)
{
    int64_t size[DG_BINDINGS][2] = {{1, 1}, {1, 1}};
    int rank = x->at.rank;
    if (rank != 3 && rank != 4) {
        *w = dg_want_plain(&x->at);
        *at = dg_layout_moved(&x->at, w);
        if (rank != 2)
            return dg_onnx_refuse(m, s, "of %d axes", rank), NULL;
        dg_want plain = *w;
        for (int i = 0; i < w->start[w->n]; i++)
            w->atom[i] = i;
        return dg_onnx_give(m, s, x, &plain);
    }
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 2; k < rank; k++)
            size[b][k - 2 + (rank == 3)] = dg_onnx_dim(x, b, k);
    *at = dg_onnx_picture_layout(x, dg_onnx_size(x, 1), size, w);
    return dg_onnx_picture(m, s, x);
}

/* ---- Batch norm ------------------------------------------------------------------------------ */

static bool is_frozen(const dg_import *m, const dg_step *s)
{
    bool trains = dg_attr_i(s, "training_mode", 0) != 0;
    return m->options->batchnorm == 1 || (m->options->batchnorm == 0 && !trains);
}

bool dg_map_batchnorm(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    dg_layout at;
    dg_want w;
    const char *epsilon = dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6));
    if (x->at.rank < 2 || dg_onnx_size(x, 1) < 0 || !vectors(m, s, 1, 4, dg_onnx_size(x, 1)))
        return dg_onnx_refuse(m, s, "whose scale, bias or statistics are no constant vectors");
    const char *text = channels_last(m, s, x, &at, &w);
    if (!text)
        return false;
    m->batchnorms++;
    s->out[0]->at = at;
    if (!is_frozen(m, s) && !dg_type_find(NULL, "batchnorm"))
        return dg_onnx_refuse(m, s,
                              "in training mode is not read here; --batchnorm frozen reads "
                              "it with its running statistics");
    if (dg_type_find(NULL, "batchnorm")) {
        dg_onnx_role role[] = {dg_onnx_vector("scale", "weight", s->in[1], DG_ONNX_PARAMETER),
                               dg_onnx_vector("bias", NULL, s->in[2], DG_ONNX_PARAMETER),
                               dg_onnx_vector("mean", "running_mean", s->in[3], DG_ONNX_STATE),
                               dg_onnx_vector("variance", "running_var", s->in[4], DG_ONNX_STATE)};
        const char *momentum = dg_onnx_number(m, dg_attr_f(s, "momentum", 0.899999976158142089844));
        const char *roles = dg_onnx_roles(m, 4, role);
        dg_onnx_say(m, s, s->out[0], &w, "batchnorm(%s, momentum=%s, epsilon=%s%s%s)", text,
                    momentum, epsilon, is_frozen(m, s) ? ", running=true" : "", roles);
        return true;
    }
    const char *scale = vector(m, s->in[1], DG_ONNX_PARAMETER, "scale");
    const char *bias = vector(m, s->in[2], DG_ONNX_PARAMETER, "bias");
    const char *mean = vector(m, s->in[3], DG_ONNX_STATE, "mean");
    const char *variance = vector(m, s->in[4], DG_ONNX_STATE, "variance");
    dg_onnx_say(m, s, s->out[0], &w, "(%s - %s) / sqrt(%s + %s) * %s + %s", text, mean, variance,
                epsilon, scale, bias);
    return true;
}

/* ---- Over a picture, or groups of channels --------------------------------------------------- */

/* (x - mean) / sqrt(variance + epsilon) over axes; centered: 0 leaves the mean where it is. */
static const char *normalised(dg_import *m, const dg_step *s, const char *x, const char *axes,
                              const char *epsilon, bool centered)
{
    const char *near = s->out[0]->name, *d = x;
    if (centered)
        d = dg_onnx_line(m, s, near, "%s - mean(%s, axis=[%s], keepdims=true)", x, x, axes);
    return dg_onnx_line(m, s, near, "%s / sqrt(mean(square(%s), axis=[%s], keepdims=true) + %s)", d,
                        d, axes, epsilon);
}

/* An exporter's scale of ones and bias of zeros: no parameters. */
static bool is_number(const dg_onnx_value *v, double x)
{
    return dg_onnx_is_uniform(v->fixed[0]) && v->fixed[0]->count > 0 &&
           dg_onnx_real(v->fixed[0], 0) == x;
}

bool dg_map_instancenorm(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    dg_layout at;
    dg_want w;
    if (x->at.rank < 3 || dg_onnx_size(x, 1) < 0 || !vectors(m, s, 1, 2, dg_onnx_size(x, 1)))
        return dg_onnx_refuse(m, s, "whose scale or bias is no constant vector");
    const char *text = channels_last(m, s, x, &at, &w);
    if (!text)
        return false;
    const char *epsilon = dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6));
    const char *y = normalised(m, s, text, "1, 2", epsilon, true);
    s->out[0]->at = at;
    if (is_number(s->in[1], 1) && is_number(s->in[2], 0)) {
        dg_onnx_hold(m, s->out[0], y, &w);
        return true;
    }
    const char *scale = vector(m, s->in[1], DG_ONNX_PARAMETER, "scale");
    const char *bias = vector(m, s->in[2], DG_ONNX_PARAMETER, "bias");
    dg_onnx_say(m, s, s->out[0], &w, "%s * %s + %s", y, scale, bias);
    return true;
}

/* A vector of groups as one of channels. */
static const dg_onnx_value *by_channel(dg_import *m, const dg_onnx_value *v, int64_t channels)
{
    const dg_onnx_array *a = v->fixed[0];
    int64_t *index = dg_heap_take(&m->heap, (size_t)channels, sizeof *index);
    for (int64_t c = 0; c < channels; c++)
        index[c] = c / (channels / a->count);
    dg_onnx_value *wide = dg_heap_take(&m->heap, 1, sizeof *wide);
    *wide = *v;
    wide->fixed[0] = wide->fixed[1] = dg_onnx_moved(m, a, 1, &channels, index);
    ((dg_onnx_array *)(uintptr_t)wide->fixed[0])->root = -1; /* not to be trained apart */
    return wide;
}

bool dg_map_groupnorm(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    int64_t groups = dg_attr_i(s, "num_groups", 0),
            channels = x->at.rank > 2 ? dg_onnx_size(x, 1) : -1;
    dg_layout at;
    dg_want w;
    bool old = s->version < 21;
    if (channels < 0 || groups < 1 || channels % groups != 0 ||
        !vectors(m, s, 1, 2, old ? groups : channels))
        return dg_onnx_refuse(m, s, "whose groups, scale or bias do not fit");
    const char *text = channels_last(m, s, x, &at, &w);
    if (!text)
        return false;
    if ((!old || groups == channels) && channels > groups && dg_type_find(NULL, "groupnorm")) {
        dg_onnx_role role[2] = {dg_onnx_vector("scale", "weight", s->in[1], DG_ONNX_PARAMETER),
                                dg_onnx_vector("bias", NULL, s->in[2], DG_ONNX_PARAMETER)};
        const char *roles = dg_onnx_roles(m, 2, role);
        s->out[0]->at = at;
        dg_onnx_say(
            m, s, s->out[0], &w, "groupnorm(%s, %lld, epsilon=%s%s)", text, (long long)groups,
            dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6)), roles);
        return true;
    }
    dg_onnx_value shape = {.name = x->name, .at = at};
    dg_onnx_hold(m, &shape, text, &w);
    const char *rows = dg_onnx_sizes(m, 2, &shape.dim[1]);
    if (!rows)
        return dg_onnx_refuse(m, s, "of free sizes");
    const char *batch = shape.dim[0] == DG_N ? "N" : "1";
    const char *cut = dg_onnx_line(m, s, x->name, "reshape(%s, [%s, %s, %lld, %lld])", text, batch,
                                   rows, (long long)groups, (long long)(channels / groups));
    const char *epsilon = dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6));
    const char *y = normalised(m, s, cut, "1, 2, 4", epsilon, true);
    const dg_onnx_value *scale = s->in[1], *bias = s->in[2];
    if (old && groups != channels) {
        scale = by_channel(m, scale, channels);
        bias = by_channel(m, bias, channels);
    }
    const char *a = vector(m, scale, DG_ONNX_PARAMETER, "scale");
    const char *b = vector(m, bias, DG_ONNX_PARAMETER, "bias");
    s->out[0]->at = at;
    dg_onnx_say(m, s, s->out[0], &w, "reshape(%s, [%s, %s, %lld]) * %s + %s", y, batch, rows,
                (long long)channels, a, b);
    return true;
}

/* ---- Over the last axes ---------------------------------------------------------------------- */

/* A scale or bias over the axes that are normalised, stretched as a constant operand. */
static const char *times(dg_import *m, const dg_step *s, const dg_onnx_value *y, int k,
                         const char *sign, dg_onnx_value *out)
{
    const char *text[2];
    if (!dg_onnx_pair(m, s, y, s->in[k], true, out, text))
        return NULL;
    return dg_heap_printf(&m->heap, "%s %s %s", text[0], sign, text[1]);
}

/* A vector over the last axis, as the node of the model takes it. */
static bool is_vector(const dg_step *s, int k, int64_t n)
{
    const dg_onnx_array *a = s->in[k]->fixed[0];
    return a->count == n && !a->integer && (a->rank == 0 || a->dim[a->rank - 1] == n);
}

/* By the node, where the last axis alone is normalised and is the last one in storage too. */
static bool by_node(dg_import *m, const dg_step *s, const char *text, const dg_want *w,
                    const char *node)
{
    const dg_onnx_value *x = s->in[0];
    int rank = x->at.rank;
    int64_t n = dg_onnx_size(x, rank - 1);
    bool biased = dg_step_has(s, 2);
    if (!dg_type_find(NULL, node) || n < 2 || !is_vector(s, 1, n) ||
        (biased && !is_vector(s, 2, n)))
        return false;
    dg_onnx_role role[2] = {dg_onnx_vector("scale", "weight", s->in[1], DG_ONNX_PARAMETER)};
    if (biased)
        role[1] = dg_onnx_vector("bias", NULL, s->in[2], DG_ONNX_PARAMETER);
    const char *roles = dg_onnx_roles(m, biased ? 2 : 1, role);
    bool without = !biased && dg_onnx_node_takes(node, "bias");
    const char *epsilon = dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6));
    dg_onnx_say(m, s, s->out[0], w, "%s(%s, epsilon=%s%s%s)", node, text, epsilon,
                without ? ", bias=false" : "", roles);
    return true;
}

bool dg_map_layernorm(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    bool centered = strcmp(s->node->op, "LayerNormalization") == 0;
    int rank = x->at.rank, order[DG_MAX_RANK];
    int axis = dg_step_axis(dg_attr_i(s, "axis", -1), rank);
    const char *axes = "";
    if (axis < 0 || !dg_step_has(s, 1) || !s->in[1]->fixed[0] ||
        (dg_step_has(s, 2) && !s->in[2]->fixed[0]))
        return dg_onnx_refuse(m, s, "whose scale or bias is no constant");
    const char *text = dg_onnx_axes(m, s, x, order);
    if (!text)
        return false;
    for (int i = 0; i < rank; i++)
        if (order[i] >= axis)
            axes = dg_heap_printf(&m->heap, "%s%s%d", axes, *axes ? ", " : "", i);
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < rank; k++)
            dim[b][k] = dg_onnx_dim(x, b, k);
    dg_want w;
    dg_onnx_value y = {.name = s->out[0]->name};
    y.at = dg_onnx_axes_layout(x, dim, order, &w);
    s->out[0]->at = y.at;
    if (axis == rank - 1 && order[rank - 1] == axis &&
        by_node(m, s, text, &w, centered ? "layernorm" : "rmsnorm"))
        return true;
    const char *epsilon = dg_onnx_number(m, dg_attr_f(s, "epsilon", 9.99999974737875163555145e-6));
    dg_onnx_hold(m, &y, normalised(m, s, text, axes, epsilon, centered), &w);
    const char *made = times(m, s, &y, 1, "*", s->out[0]);
    if (made && dg_step_has(s, 2)) {
        dg_onnx_value scaled = *s->out[0];
        scaled.dag = dg_onnx_line(m, s, y.name, "%s", made);
        made = times(m, s, &scaled, 2, "+", s->out[0]);
    }
    if (!made)
        return false;
    s->out[0]->dag = dg_onnx_name(m, s->out[0]->name);
    dg_onnx_statement(m, s, s->out[0]->dag, made);
    return true;
}
