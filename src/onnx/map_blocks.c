/* Blocks: pixels and channels into one another, an array repeated along its axes. */
#include "onnx/map.h"

#include <string.h>

enum { MOST_COPIES = 64 };

/* n axes from this one on become one. */
static void merge_axes(dg_layout *at, int axis, int n)
{
    for (int k = axis + 1; k <= at->rank - n + 1; k++)
        at->start[k] = at->start[k + n - 1];
    at->rank -= n - 1;
}

/* A picture [N, C, H, W] as six axes: channels into blocks, or rows and columns. */
static bool cut_picture(dg_import *m, const dg_step *s, bool spread, int64_t block, dg_layout *at,
                        bool columns)
{
    int64_t dim[DG_BINDINGS][DG_MAX_RANK];
    for (int b = 0; b < DG_BINDINGS; b++) {
        int64_t n[4];
        for (int k = 0; k < 4; k++)
            n[k] = dg_onnx_dim(s->in[0], b, k);
        if (block < 1 || (spread ? n[1] % (block * block) : n[2] % block + n[3] % block) != 0)
            return dg_onnx_refuse(m, s, "of sizes that blocks do not divide");
        const int64_t small = n[1] / (block * block);
        const int64_t shuffled[] = {
            n[0], columns ? small : block, block, columns ? block : small, n[2], n[3]};
        const int64_t gathered[] = {n[0], n[1], n[2] / block, block, n[3] / block, block};
        for (int k = 0; k < 6; k++)
            dim[b][k] = spread ? shuffled[k] : gathered[k];
    }
    return dg_layout_reshape(at, 6, dim, m->batch) ||
           dg_onnx_refuse(m, s, "of a picture that blocks do not cut");
}

/* DepthToSpace, SpaceToDepth: axes are cut, moved and joined, which only changes their list. */
bool dg_map_blocks(dg_import *m, const dg_step *s)
{
    static const int dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3};
    static const int depth[] = {0, 3, 5, 1, 2, 4};
    const bool spread = strcmp(s->node->op, "DepthToSpace") == 0;
    const bool columns = strcmp(dg_attr_s(s, "mode", "DCR"), "CRD") == 0;
    dg_onnx_value v = *s->in[0];
    if (v.at.rank != 4 || v.integer)
        return dg_onnx_refuse(m, s, "of what is no picture");
    if (!cut_picture(m, s, spread, dg_attr_i(s, "blocksize", 0), &v.at, columns))
        return false;
    v.at = dg_layout_turned(&v.at, !spread ? depth : columns ? crd : dcr);
    if (spread) {
        merge_axes(&v.at, 4, 2);
        merge_axes(&v.at, 2, 2);
    } else {
        merge_axes(&v.at, 1, 3);
    }
    dg_onnx_same(s->out[0], &v);
    return true;
}

bool dg_map_tile(dg_import *m, const dg_step *s)
{
    int64_t times[DG_MAX_RANK];
    dg_onnx_value *v = s->in[0], *copies[MOST_COPIES];
    if (!s->in[1]->fixed[0] || dg_step_ints(m, s, NULL, 1, 0, times, DG_MAX_RANK) != v->at.rank)
        return dg_onnx_refuse(m, s, "as often as the input decides");
    for (int k = 0; k < v->at.rank; k++) {
        if (times[k] < 1 || times[k] > MOST_COPIES ||
            times[k] != dg_onnx_whole(s->in[1]->fixed[1], k))
            return dg_onnx_refuse(m, s, "more than %d times, or as a free size decides",
                                  MOST_COPIES);
        for (int i = 0; i < times[k]; i++)
            copies[i] = v;
        dg_onnx_value *next = dg_heap_take(&m->heap, 1, sizeof *next);
        next->name = s->out[0]->name;
        if (times[k] > 1 && !dg_onnx_join(m, s, (int)times[k], copies, k, next))
            return false;
        v = times[k] > 1 ? next : v;
    }
    dg_onnx_same(s->out[0], v);
    return true;
}
