/* Pictures made larger, and divided by their neighbours: Resize, Upsample, LRN. */
#include "onnx/map.h"

#include <math.h>
#include <string.h>

/* ---- Resize ---------------------------------------------------------------------------------- */

/* Factors of all axes, from scales or from sizes. False: refused. */
static bool read_factors(dg_import *m, const dg_step *s, int rank, double factor[])
{
    bool old = strcmp(s->node->op, "Upsample") == 0 || s->version < 11;
    int k = old ? 1 : 2;
    const dg_onnx_attr *listed = dg_onnx_attr_find(s->node, "scales");
    const dg_onnx_array *scales = dg_step_has(s, k) ? s->in[k]->fixed[0] : NULL;
    const dg_onnx_array *sizes = dg_step_has(s, 3) ? s->in[3]->fixed[0] : NULL;
    bool given = scales && scales->count == rank;
    if (dg_onnx_attr_find(s->node, "axes") || (dg_step_has(s, k) && !s->in[k]->fixed[0]) ||
        (dg_step_has(s, 3) && !sizes))
        return dg_onnx_refuse(m, s, "to sizes that the input decides, or of some axes only");
    for (int i = 0; i < rank; i++) {
        if (listed && listed->n_floats == rank)
            factor[i] = listed->floats[i];
        else if (given)
            factor[i] = dg_onnx_real(scales, i);
        else if (sizes && sizes->count == rank)
            factor[i] = (double)dg_onnx_whole(sizes, i) / (double)dg_onnx_dim(s->in[0], 0, i);
        else
            return dg_onnx_refuse(m, s, "without a factor for each axis");
        bool same = !sizes || given ||
                    dg_onnx_whole(s->in[3]->fixed[1], i) ==
                        (int64_t)(factor[i] * (double)dg_onnx_dim(s->in[0], 1, i));
        if (!same)
            return dg_onnx_refuse(m, s, "by a factor that a free size decides");
    }
    return true;
}

/* The words of upsample for the file's; NULL: it does not do that. */
static const char *read_mode(const dg_step *s, bool whole)
{
    bool old = strcmp(s->node->op, "Upsample") == 0 || s->version < 11;
    const char *mode = dg_attr_s(s, "mode", "nearest");
    const char *where =
        dg_attr_s(s, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    const char *round = dg_attr_s(s, "nearest_mode", old ? "floor" : "round_prefer_floor");
    bool plain = dg_attr_i(s, "antialias", 0) == 0 && dg_attr_i(s, "exclude_outside", 0) == 0;
    if (strcmp(mode, "nearest") == 0) {
        bool floor_of = strcmp(where, "asymmetric") == 0 && strcmp(round, "floor") == 0;
        bool centre = strcmp(where, "half_pixel") == 0 && strncmp(round, "round", 5) == 0;
        return plain && (floor_of || (centre && whole)) ? "" : NULL;
    }
    if (strcmp(mode, "linear") != 0 || !plain)
        return NULL;
    if (strcmp(where, "align_corners") == 0)
        return ", mode=linear, align_corners=true";
    bool half = strcmp(where, "half_pixel") == 0 || strcmp(where, "pytorch_half_pixel") == 0;
    return half ? ", mode=linear" : NULL;
}

bool dg_map_resize(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    int rank = x->at.rank;
    double factor[DG_MAX_RANK];
    int64_t size[DG_BINDINGS][2] = {{1, 1}, {1, 1}};
    bool whole = true;
    if ((rank != 3 && rank != 4) || !dg_onnx_node_takes("upsample", "mode"))
        return dg_onnx_refuse(m, s, "of %d axes", rank);
    if (!read_factors(m, s, rank, factor))
        return false;
    for (int k = 0; k < rank; k++) {
        whole &= factor[k] == floor(factor[k]);
        if (k < 2 ? factor[k] != 1 : !(factor[k] >= 1 && factor[k] <= 10000))
            return dg_onnx_refuse(m, s, "of rows or channels, or to a smaller size");
        for (int b = 0; b < DG_BINDINGS && k >= 2; b++)
            size[b][k - 2 + (rank == 3)] = (int64_t)((double)dg_onnx_dim(x, b, k) * factor[k]);
    }
    const char *mode = read_mode(s, whole), *text = mode ? dg_onnx_picture(m, s, x) : NULL;
    if (!mode)
        return dg_onnx_refuse(m, s, "in mode %s, %s, %s", dg_attr_s(s, "mode", "nearest"),
                              dg_attr_s(s, "coordinate_transformation_mode", "half_pixel"),
                              dg_attr_s(s, "nearest_mode", "round_prefer_floor"));
    if (!text)
        return false;
    dg_want w;
    s->out[0]->at = dg_onnx_picture_layout(x, dg_onnx_size(x, 1), size, &w);
    const char *by = dg_onnx_number(m, factor[2]);
    if (rank == 4 && factor[2] != factor[3])
        by = dg_heap_printf(&m->heap, "[%s, %s]", by, dg_onnx_number(m, factor[3]));
    dg_onnx_say(m, s, s->out[0], &w, "upsample(%s, %s%s)", text, by, mode);
    return true;
}

/* ---- LRN ------------------------------------------------------------------------------------- */

bool dg_map_lrn(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *x = s->in[0];
    int rank = x->at.rank;
    int64_t size[DG_BINDINGS][2] = {{1, 1}, {1, 1}};
    if (rank != 4 || !dg_onnx_node_takes("lrn", "size") || dg_onnx_size(x, 1) < 0)
        return dg_onnx_refuse(m, s, "of what is no picture");
    const char *text = dg_onnx_picture(m, s, x);
    if (!text)
        return false;
    for (int b = 0; b < DG_BINDINGS; b++)
        for (int k = 0; k < 2; k++)
            size[b][k] = dg_onnx_dim(x, b, k + 2);
    dg_want w;
    s->out[0]->at = dg_onnx_picture_layout(x, dg_onnx_size(x, 1), size, &w);
    dg_onnx_say(m, s, s->out[0], &w, "lrn(%s, %lld, alpha=%s, beta=%s, bias=%s)", text,
                (long long)dg_attr_i(s, "size", 1),
                dg_onnx_number(m, dg_attr_f(s, "alpha", 9.99999974737875163555145e-5)),
                dg_onnx_number(m, dg_attr_f(s, "beta", 0.75)),
                dg_onnx_number(m, dg_attr_f(s, "bias", 1)));
    return true;
}
