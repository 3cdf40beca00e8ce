/* Convolution and pooling: pictures, channels last; of one spatial axis, as pictures of one row. */
#include "onnx/map.h"

#include "graph/graph.h"
#include <string.h>

const char *dg_onnx_picture(dg_import *m, const dg_step *s, const dg_onnx_value *v)
{
    dg_want w = {0};
    int rank = v->at.rank;
    m->naive += 2;
    if (v->integer)
        return dg_onnx_refuse(m, s, "of integers"), NULL;
    if (rank != 3 && rank != 4)
        return dg_onnx_refuse(m, s, "of %d spatial axes", rank - 2), NULL;
    dg_want_axis(&w, &v->at, 0);
    if (rank == 3)
        dg_want_one(&w);
    for (int k = 2; k < rank; k++)
        dg_want_axis(&w, &v->at, k);
    dg_want_axis(&w, &v->at, 1);
    return dg_onnx_give(m, s, v, &w);
}

dg_layout dg_onnx_picture_layout(const dg_onnx_value *like, int64_t channels,
                                 int64_t size[DG_BINDINGS][2], dg_want *w)
{
    static const int pictures[] = {0, 2, 3, 1}, lines[] = {0, 2, 1};
    int64_t dim[DG_BINDINGS][DG_MAX_RANK] = {{0}};
    int rank = like->at.rank;
    for (int b = 0; b < DG_BINDINGS; b++) {
        dim[b][0] = dg_onnx_dim(like, b, 0);
        dim[b][1] = channels;
        for (int k = 2; k < rank; k++)
            dim[b][k] = size[b][k - 2 + (rank == 3)];
    }
    int batch = dg_onnx_has_batch(like, 0) ? 0 : -1;
    dg_layout at = dg_layout_stored(rank, dim, batch, rank == 4 ? pictures : lines);
    *w = (dg_want){0};
    dg_want_axis(w, &at, 0);
    if (rank == 3)
        dg_want_one(w);
    for (int k = 2; k < rank; k++)
        dg_want_axis(w, &at, k);
    dg_want_axis(w, &at, 1);
    return at;
}

/* ---- Windows --------------------------------------------------------------------------------- */

typedef struct {
    int64_t kernel[2], stride[2], dilation[2], before[2], after[2];
    int64_t out[DG_BINDINGS][2];
    bool same; /* SAME_UPPER, whatever the size */
} window;

static bool two(dg_import *m, const dg_step *s, const char *name, int n, int64_t preset,
                int64_t to[2])
{
    int64_t list[DG_MAX_RANK];
    int given = dg_step_ints(m, s, name, -1, 0, list, DG_MAX_RANK);
    to[0] = name[0] == 'p' ? 0 : 1;
    for (int i = 0; i < n; i++)
        to[i + 2 - n] = given < 0 ? preset : list[i < given ? i : 0];
    bool good = given < 0 || given == n;
    for (int i = 0; i < 2; i++)
        good &= to[i] > 0 && to[i] < 1 << 20;
    return good;
}

static bool read_pads(dg_import *m, const dg_step *s, int n, window *w)
{
    int64_t list[2 * DG_MAX_RANK];
    int given = dg_step_ints(m, s, "pads", -1, 0, list, 2 * DG_MAX_RANK);
    if (given >= 0 && given != 2 * n)
        return false;
    for (int i = 0; i < n && given >= 0; i++) {
        w->before[i + 2 - n] = list[i];
        w->after[i + 2 - n] = list[n + i];
        if (list[i] < 0 || list[n + i] < 0 || list[i] > 1 << 20 || list[n + i] > 1 << 20)
            return false;
    }
    return true;
}

/* The padding that auto_pad means; false: a free size decides it. */
static bool find_same(const dg_onnx_value *v, bool upper, window *w)
{
    for (int i = 4 - v->at.rank; i < 2; i++) {
        int64_t total[DG_BINDINGS], extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
        for (int b = 0; b < DG_BINDINGS; b++) {
            int64_t in = dg_onnx_dim(v, b, i + v->at.rank - 2);
            int64_t out = (in + w->stride[i] - 1) / w->stride[i];
            total[b] = (out - 1) * w->stride[i] + extent - in;
            total[b] = total[b] > 0 ? total[b] : 0;
        }
        w->before[i] = upper ? total[0] / 2 : total[0] - total[0] / 2;
        w->after[i] = total[0] - w->before[i];
        w->same |= upper && total[0] != total[1];
        if (total[0] != total[1] && !upper)
            return false;
    }
    return true;
}

/* kernel is there already where the weight gives it. */
static bool find_window(dg_import *m, const dg_step *s, window *w)
{
    const dg_onnx_value *v = s->in[0];
    const char *pad = dg_attr_s(s, "auto_pad", "NOTSET");
    int n = v->at.rank - 2, known = w->kernel[1] > 0;
    bool ceil = dg_attr_i(s, "ceil_mode", 0) != 0;
    bool good = (known || two(m, s, "kernel_shape", n, 1, w->kernel)) &&
                two(m, s, "strides", n, 1, w->stride) && two(m, s, "dilations", n, 1, w->dilation);
    bool explicit = strcmp(pad, "NOTSET") == 0 || !*pad;
    if (good && explicit)
        good = read_pads(m, s, n, w);
    if (!good)
        return dg_onnx_refuse(m, s, "with a window that is not valid");
    if (strncmp(pad, "SAME", 4) == 0 && !find_same(v, strcmp(pad, "SAME_UPPER") == 0, w))
        return dg_onnx_refuse(m, s, "with auto_pad %s of a free size", pad);
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int i = 0; i < 2; i++) {
            int64_t in = i < 2 - n ? 1 : dg_onnx_dim(v, b, i + v->at.rank - 2);
            int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
            int64_t room = in + w->before[i] + w->after[i] - extent;
            if (w->same)
                room = (in + w->stride[i] - 1) / w->stride[i] * w->stride[i] - 1;
            if (room < 0)
                return dg_onnx_refuse(m, s, "with a window larger than its picture");
            w->out[b][i] = room / w->stride[i] + 1;
            int64_t more = room % w->stride[i] != 0;
            if (ceil && more && w->out[b][i] * w->stride[i] < in + w->before[i])
                w->out[b][i]++;
        }
    return true;
}

static const char *padding(dg_import *m, const window *w)
{
    int64_t all[4] = {w->before[0], w->before[1], w->after[0], w->after[1]};
    if (w->same)
        return "same";
    if (all[0] + all[1] + all[2] + all[3] == 0)
        return "valid";
    bool even = all[0] == all[2] && all[1] == all[3];
    return even ? dg_onnx_list(m, 2, all) : dg_onnx_list(m, 4, all);
}

/* ", NAME=3" unless it is 1. */
static const char *unless_one(dg_import *m, const char *name, const int64_t x[2])
{
    if (x[0] == 1 && x[1] == 1)
        return "";
    return dg_heap_printf(&m->heap, ", %s=%s", name, dg_onnx_list(m, 2, x));
}

/* ---- Convolution ----------------------------------------------------------------------------- */

/* OIHW to HWIO; of one spatial axis, H is 1. */
static const int64_t *kernel_index(dg_import *m, const int64_t o, int64_t i, int64_t h, int64_t w)
{
    int64_t *index = dg_heap_take(&m->heap, (size_t)(o * i * h * w), sizeof *index), n = 0;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            for (int64_t c = 0; c < i; c++)
                for (int64_t k = 0; k < o; k++)
                    index[n++] = ((k * i + c) * h + y) * w + x;
    return index;
}

/* What a convolution is applied to, and how. */
typedef struct {
    const dg_onnx_value *x, *weight, *bias; /* bias NULL: none */
    int64_t channels, inner, groups;
    window w;
} convolution;

/* Sizes of the weight, [channels, inner, h, w] in the file; false: refused. */
static bool read_convolution(dg_import *m, const dg_step *s, convolution *c)
{
    c->x = s->in[0];
    c->weight = s->in[1];
    c->bias = dg_step_has(s, 2) ? s->in[2] : NULL;
    c->groups = dg_attr_i(s, "group", 1);
    int rank = c->x->at.rank;
    if (rank < 3 || dg_onnx_rank(c->weight) != rank || c->weight->integer || c->groups < 1)
        return dg_onnx_refuse(m, s, "with a weight that does not fit its input");
    for (int k = 0; k < rank; k++)
        if (dg_onnx_size(c->weight, k) < 1)
            return dg_onnx_refuse(m, s, "with a weight of free sizes, or of none");
    c->channels = dg_onnx_size(c->weight, 0);
    c->inner = dg_onnx_size(c->weight, 1);
    c->w.kernel[0] = rank == 4 ? dg_onnx_size(c->weight, 2) : 1;
    c->w.kernel[1] = dg_onnx_size(c->weight, rank - 1);
    return true;
}

/* A weight that the model computes, as [h, w, inner, channels]. */
static const char *given_weight(dg_import *m, const dg_step *s, const dg_onnx_value *v)
{
    dg_want w = {0};
    if (v->at.rank == 3)
        dg_want_one(&w);
    for (int k = 2; k < v->at.rank; k++)
        dg_want_axis(&w, &v->at, k);
    dg_want_axis(&w, &v->at, 1);
    dg_want_axis(&w, &v->at, 0);
    return dg_onnx_give(m, s, v, &w);
}

/* ", weight=w, bias=b" of values; NULL: refused. */
static const char *given_roles(dg_import *m, const dg_step *s, const convolution *c)
{
    const dg_onnx_value *bias = c->bias ? dg_onnx_held(m, c->bias, "bias") : NULL;
    dg_want plain = bias ? dg_want_plain(&bias->at) : (dg_want){0};
    const char *weight = given_weight(m, s, dg_onnx_held(m, c->weight, "weight"));
    const char *b = bias && weight ? dg_onnx_give(m, s, bias, &plain) : NULL;
    if (!weight || (bias && !b))
        return NULL;
    return bias ? dg_heap_printf(&m->heap, ", weight=%s, bias=%s", weight, b)
                : dg_heap_printf(&m->heap, ", bias=false, weight=%s", weight);
}

/* The parameters of a convolution; an exporter's bias of zeros is none. */
static const char *conv_roles(dg_import *m, const dg_step *s, const convolution *c)
{
    const dg_onnx_array *a = c->weight->fixed[0], *bias = c->bias ? c->bias->fixed[0] : NULL;
    if (!a || (c->bias && !bias))
        return given_roles(m, s, c);
    dg_onnx_role role[2] = {{.role = "weight", .v = c->weight}};
    role[0].kind = a->root >= 0 ? DG_ONNX_PARAMETER : DG_ONNX_CONSTANT;
    role[0].shape = (dg_shape){4, {c->w.kernel[0], c->w.kernel[1], c->inner, c->channels}};
    if (!a->uniform)
        role[0].index = kernel_index(m, c->channels, c->inner, c->w.kernel[0], c->w.kernel[1]);
    bool zero = bias && bias->root < 0 && dg_onnx_is_uniform(bias) && dg_onnx_real(bias, 0) == 0;
    bool biased = bias && !zero;
    if (biased)
        role[1] = dg_onnx_vector("bias", NULL, c->bias, DG_ONNX_PARAMETER);
    return dg_heap_printf(&m->heap, "%s%s", biased ? "" : ", bias=false",
                          dg_onnx_roles(m, biased ? 2 : 1, role));
}

static const char *grouped(dg_import *m, int64_t groups)
{
    return groups == 1 ? "" : dg_heap_printf(&m->heap, ", groups=%lld", (long long)groups);
}

static bool bias_fits(const convolution *c, int64_t channels)
{
    return !c->bias || (dg_onnx_rank(c->bias) == 1 && dg_onnx_size(c->bias, 0) == channels);
}

bool dg_map_conv(dg_import *m, const dg_step *s)
{
    convolution c = {.x = NULL};
    if (!read_convolution(m, s, &c))
        return false;
    if (dg_onnx_size(c.x, 1) != c.inner * c.groups || c.channels % c.groups != 0 ||
        !bias_fits(&c, c.channels))
        return dg_onnx_refuse(m, s, "with a weight that does not fit its input");
    const char *text = dg_onnx_picture(m, s, c.x);
    const char *roles = text && find_window(m, s, &c.w) ? conv_roles(m, s, &c) : NULL;
    if (!roles)
        return false;
    dg_want axes;
    s->out[0]->at = dg_onnx_picture_layout(c.x, c.channels, c.w.out, &axes);
    dg_onnx_say(m, s, s->out[0], &axes, "conv(%s, %lld, kernel=%s%s, padding=%s%s%s%s)", text,
                (long long)c.channels, dg_onnx_list(m, 2, c.w.kernel),
                unless_one(m, "stride", c.w.stride), padding(m, &c.w),
                unless_one(m, "dilation", c.w.dilation), grouped(m, c.groups), roles);
    return true;
}

/* What the window spreads over along axis i. */
static int64_t spread_size(const convolution *c, int b, int i)
{
    const int n = c->x->at.rank - 2;
    int64_t in = i < 2 - n ? 1 : dg_onnx_dim(c->x, b, i + n);
    return (in - 1) * c->w.stride[i] + (c->w.kernel[i] - 1) * c->w.dilation[i] + 1;
}

/* The cuts that lead to the size that output_shape or auto_pad says; what is missing is added. */
static bool cut_to_shape(dg_import *m, const dg_step *s, convolution *c, bool upper, int given,
                         const int64_t shape[], int64_t more[2])
{
    const int n = c->x->at.rank - 2;
    for (int i = 2 - n; i < 2; i++) {
        int64_t cut[DG_BINDINGS];
        for (int b = 0; b < DG_BINDINGS; b++) {
            int64_t in = dg_onnx_dim(c->x, b, i + n);
            int64_t want = given > 0 ? shape[i + given - 2] : in * c->w.stride[i];
            cut[b] = spread_size(c, b, i) + more[i] - want;
        }
        if (cut[0] != cut[1])
            return dg_onnx_refuse(m, s, "to a size that a free size does not decide");
        more[i] -= cut[0] < 0 ? cut[0] : 0;
        int64_t all = cut[0] > 0 ? cut[0] : 0;
        c->w.before[i] = upper ? all / 2 : all - all / 2;
        c->w.after[i] = all - c->w.before[i];
    }
    return true;
}

/* The size of the result: what the window spreads over, without what is cut off. */
static bool spread(dg_import *m, const dg_step *s, convolution *c, int64_t more[2])
{
    int n = c->x->at.rank - 2;
    const char *pad = dg_attr_s(s, "auto_pad", "NOTSET");
    int64_t list[DG_MAX_RANK], shape[DG_MAX_RANK];
    int given = dg_step_ints(m, s, "output_padding", -1, 0, list, DG_MAX_RANK);
    int sized = dg_step_ints(m, s, "output_shape", -1, 0, shape, DG_MAX_RANK);
    bool same = strncmp(pad, "SAME", 4) == 0, upper = strcmp(pad, "SAME_UPPER") == 0;
    if (!two(m, s, "strides", n, 1, c->w.stride) || !two(m, s, "dilations", n, 1, c->w.dilation) ||
        !read_pads(m, s, n, &c->w) || (given >= 0 && given != n) || (sized >= 0 && sized < n))
        return dg_onnx_refuse(m, s, "with a window that is not valid");
    more[0] = more[1] = 0;
    for (int i = 0; i < n && given >= 0; i++)
        more[i + 2 - n] = list[i];
    if ((same || sized >= 0) && !cut_to_shape(m, s, c, upper, sized, shape, more))
        return false;
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int i = 0; i < 2; i++) {
            c->w.out[b][i] = spread_size(c, b, i) - c->w.before[i] - c->w.after[i] + more[i];
            if (c->w.out[b][i] < 1 || more[i] < 0)
                return dg_onnx_refuse(m, s, "of an empty result");
        }
    return true;
}

bool dg_map_conv_transpose(dg_import *m, const dg_step *s)
{
    convolution c = {.x = NULL};
    int64_t more[2];
    if (!dg_type_find(NULL, "conv_transpose"))
        return dg_onnx_refuse(m, s, "is not read here");
    if (!read_convolution(m, s, &c))
        return false;
    int64_t channels = c.inner * c.groups; /* the weight is [in, channels of a group, h, w] */
    if (dg_onnx_size(c.x, 1) != c.channels || c.channels % c.groups != 0 ||
        !bias_fits(&c, channels))
        return dg_onnx_refuse(m, s, "with a weight that does not fit its input");
    const char *text = dg_onnx_picture(m, s, c.x);
    const char *roles = text && spread(m, s, &c, more) ? conv_roles(m, s, &c) : NULL;
    if (!roles)
        return false;
    const char *added = more[0] || more[1] ? dg_heap_printf(&m->heap, ", output_padding=%s",
                                                            dg_onnx_list(m, 2, more))
                                           : "";
    dg_want axes;
    s->out[0]->at = dg_onnx_picture_layout(c.x, channels, c.w.out, &axes);
    dg_onnx_say(m, s, s->out[0], &axes, "conv_transpose(%s, %lld, kernel=%s%s, padding=%s%s%s%s%s)",
                text, (long long)channels, dg_onnx_list(m, 2, c.w.kernel),
                unless_one(m, "stride", c.w.stride), padding(m, &c.w),
                unless_one(m, "dilation", c.w.dilation), grouped(m, c.groups), added, roles);
    return true;
}

/* ---- Pooling --------------------------------------------------------------------------------- */

bool dg_map_pool(dg_import *m, const dg_step *s)
{
    bool largest = strcmp(s->node->op, "MaxPool") == 0;
    const char *node = largest ? "maxpool" : "avgpool", *more = "";
    const dg_onnx_value *x = s->in[0];
    window w = {0};
    const char *text = dg_onnx_picture(m, s, x);
    if (!text || !find_window(m, s, &w))
        return false;
    int64_t channels = dg_onnx_size(x, 1);
    bool padded = w.before[0] + w.before[1] + w.after[0] + w.after[1] > 0;
    if (channels < 0)
        return dg_onnx_refuse(m, s, "of free channels");
    if (dg_attr_i(s, "ceil_mode", 0) != 0) {
        if (!dg_onnx_node_takes(node, "ceil"))
            return dg_onnx_refuse(m, s, "with ceil_mode");
        more = ", ceil=true";
    }
    if (w.dilation[0] != 1 || w.dilation[1] != 1) {
        if (!dg_onnx_node_takes(node, "dilation"))
            return dg_onnx_refuse(m, s, "with dilations");
        more = dg_heap_printf(&m->heap, "%s%s", more, unless_one(m, "dilation", w.dilation));
    }
    if (!largest && padded && dg_attr_i(s, "count_include_pad", 0) != 0) {
        if (*more || w.same)
            return dg_onnx_refuse(m, s,
                                  "that counts its padding, with ceil_mode, dilations or "
                                  "a free size");
        text = dg_onnx_line(m, s, s->out[0]->name, "pad(%s, [0, %lld, %lld, 0, 0, %lld, %lld, 0])",
                            text, (long long)w.before[0], (long long)w.before[1],
                            (long long)w.after[0], (long long)w.after[1]);
        memset(w.before, 0, sizeof w.before);
        memset(w.after, 0, sizeof w.after);
    }
    dg_want axes;
    s->out[0]->at = dg_onnx_picture_layout(x, channels, w.out, &axes);
    dg_onnx_say(m, s, s->out[0], &axes, "%s(%s, %s, stride=%s, padding=%s%s)", node, text,
                dg_onnx_list(m, 2, w.kernel), dg_onnx_list(m, 2, w.stride), padding(m, &w), more);
    return true;
}

bool dg_map_global_pool(dg_import *m, const dg_step *s)
{
    bool largest = strcmp(s->node->op, "GlobalMaxPool") == 0;
    const dg_onnx_value *x = s->in[0];
    const char *text = dg_onnx_picture(m, s, x);
    int64_t one[DG_BINDINGS][2] = {{1, 1}, {1, 1}}, channels = dg_onnx_size(x, 1);
    dg_want axes;
    if (!text)
        return false;
    if (channels < 0)
        return dg_onnx_refuse(m, s, "of free channels");
    s->out[0]->at = dg_onnx_picture_layout(x, channels, one, &axes);
    dg_onnx_say(m, s, s->out[0], &axes,
                largest ? "max(%s, axis=[1, 2], keepdims=true)"
                        : "global_avgpool(%s, keepdims=true)",
                text);
    return true;
}

bool dg_onnx_node_takes(const char *node, const char *attr)
{
    const dg_node_type *t = dg_type_find(NULL, node);
    for (int i = 0; t && i < t->n_attrs; i++)
        if (strcmp(t->attrs[i].name, attr) == 0)
            return true;
    return false;
}

const char *dg_onnx_sizes(dg_import *m, int n, const int64_t size[])
{
    const char *text = "";
    for (int i = 0; i < n; i++) {
        if (size[i] < 0)
            return NULL;
        text = dg_heap_printf(&m->heap, "%s%s%lld", text, i ? ", " : "", (long long)size[i]);
    }
    return text;
}
