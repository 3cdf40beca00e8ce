/* Types and shapes. */
#include <dagrad/tensor.h>

#include "base/checked.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [DG_F32] = {"f32", 4}, [DG_F64] = {"f64", 8}, [DG_I32] = {"i32", 4}, [DG_U8] = {"u8", 1}};

size_t dg_type_bytes(dg_type t)
{
    return (size_t)t < sizeof types / sizeof types[0] ? types[t].bytes : 0;
}

const char *dg_type_name(dg_type t)
{
    return (size_t)t < sizeof types / sizeof types[0] ? types[t].name : "?";
}

dg_shape dg_shape_make(int rank, const int64_t dim[])
{
    dg_shape s = {0};
    if (!dim || rank < 1 || rank > DG_MAX_RANK)
        return s;
    s.rank = rank;
    memcpy(s.dim, dim, (size_t)rank * sizeof dim[0]);
    return s;
}

/* Product of the dimensions from `first` on; a dimension of 0 makes it 0, whatever the others. */
static int64_t product(const dg_shape *s, int first)
{
    if (!s || s->rank > DG_MAX_RANK)
        return -1;
    int64_t count = 1;
    int overflow = 0, empty = 0;
    for (int i = first; i < s->rank; i++) {
        if (s->dim[i] < 0)
            return -1;
        empty |= s->dim[i] == 0;
        overflow |= !dg_mul_i64(count, s->dim[i], &count);
    }
    return empty ? 0 : overflow ? -1 : count;
}

int64_t dg_shape_count(const dg_shape *s)
{
    return product(s, 0);
}

int64_t dg_shape_row(const dg_shape *s)
{
    return product(s, 1);
}

int dg_shape_equal(const dg_shape *a, const dg_shape *b)
{
    if (!a || !b || a->rank != b->rank || a->rank > DG_MAX_RANK)
        return a == b;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return 0;
    return 1;
}

/* Appends to text of n bytes, of which *at are used; what does not fit is left out. */
static void append(char *text, size_t n, size_t *at, const char *piece)
{
    for (; *piece && *at + 1 < n; piece++)
        text[(*at)++] = *piece;
    text[*at] = 0;
}

char *dg_shape_text(const dg_shape *s, char *text, size_t n)
{
    if (!text || n == 0)
        return text;
    size_t at = 0;
    append(text, n, &at, "[");
    for (int i = 0; s && i < s->rank && i < DG_MAX_RANK; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)s->dim[i]);
        append(text, n, &at, i > 0 ? ", " : "");
        append(text, n, &at, s->dim[i] == DG_N ? "N" : number);
    }
    append(text, n, &at, "]");
    return text;
}
