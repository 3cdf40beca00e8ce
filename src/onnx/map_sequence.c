/* Sequences that are known as the file is read: the pieces of an array, and one of them. */
#include "onnx/map.h"

enum { MOST_PIECES = 256 };

/* Sizes of the pieces along the axis: as they are listed, or all of one size but the last. */
static int piece_sizes(const dg_step *s, int64_t all, int64_t size[MOST_PIECES])
{
    const dg_onnx_array *given = dg_step_has(s, 1) ? s->in[1]->fixed[0] : NULL;
    int64_t each = given && given->count > 0 ? dg_onnx_whole(given, 0) : 1;
    if ((dg_step_has(s, 1) && !given) || all < 1 || each < 1)
        return -1;
    int n = given && given->rank == 1 ? (int)given->count : (int)((all + each - 1) / each);
    if (given && given->rank == 1 && given->count > MOST_PIECES)
        return -1;
    for (int i = 0; i < n && n <= MOST_PIECES; i++)
        size[i] = given && given->rank == 1 ? dg_onnx_whole(given, i)
                  : (i + 1) * each <= all   ? each
                                            : all - i * each;
    return n <= MOST_PIECES ? n : -1;
}

/* SplitToSequence is Split, its results one value. */
bool dg_map_to_sequence(dg_import *m, const dg_step *s)
{
    int64_t size[MOST_PIECES];
    const dg_onnx_value *v = s->in[0];
    int axis = dg_step_axis(dg_attr_i(s, "axis", 0), v->at.rank);
    int n = axis < 0 ? -1 : piece_sizes(s, dg_onnx_size(v, axis), size);
    if (n < 1 || (!dg_step_has(s, 1) && dg_attr_i(s, "keepdims", 1) == 0))
        return dg_onnx_refuse(m, s, "into parts that are not constant, or without their axis");
    const int64_t count = n;
    dg_onnx_array *sizes = dg_onnx_array_new(m, true, 1, &count, false);
    dg_onnx_value *pieces = dg_heap_take(&m->heap, (size_t)n, sizeof *pieces);
    dg_onnx_value **all = dg_heap_take(&m->heap, (size_t)n, sizeof *all);
    for (int i = 0; i < n; i++) {
        dg_onnx_wholes(sizes)[i] = size[i];
        pieces[i].name = dg_heap_printf(&m->heap, "%s_%d", s->out[0]->name, i);
        all[i] = &pieces[i];
    }
    dg_onnx_value listed = {.integer = true, .fixed = {sizes, sizes}};
    dg_onnx_value *in[2] = {s->in[0], &listed};
    s->out[0]->items = all;
    s->out[0]->n_items = n;
    const dg_step split = {
        .node = s->node, .version = 13, .n_in = 2, .n_out = n, .in = in, .out = all};
    return dg_map_split(m, &split);
}

bool dg_map_sequence_at(dg_import *m, const dg_step *s)
{
    const dg_onnx_value *v = s->in[0];
    const dg_onnx_array *place = s->in[1]->fixed[0];
    int at = place && place->count == 1 ? dg_step_axis(dg_onnx_whole(place, 0), v->n_items) : -1;
    if (at < 0)
        return dg_onnx_refuse(m, s, "at a place that the input decides, or that is not there");
    dg_onnx_same(s->out[0], v->items[at]);
    return true;
}
