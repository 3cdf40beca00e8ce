/* The elements of parameters and states: in, out, frozen, hashed.
 *
 * The hash of a graph is SHA-256 over its parameters and states in order of their names (bytes
 * compared), each as: name, 0, type ("f32"), 0, rank and dimensions as 64-bit integers, elements;
 * all little-endian. */
#include "graph/make.h"

#include "base/sha256.h"
#include "base/text.h"
#include <string.h>

static int holds_weights(const dg_vertex *v)
{
    return v->kind == DG_PARAMETER || v->kind == DG_STATE;
}

static size_t bytes_of(const dg_vertex *v)
{
    return (size_t)dg_shape_count(&v->shape) * dg_type_bytes(v->type);
}

static dg_status refuse(dg_diag *why, const dg_vertex *v, const char *found)
{
    if (why && why->code == DG_OK)
        dg_format(why->node, sizeof why->node, "%s", v->name);
    return dg_diag_set(why, DG_EUSAGE, "%s '%s' %s", dg_kind_text(v->kind), v->name, found);
}

/* Type, shape and size of a tensor against those of the value. */
static dg_status fits(const dg_vertex *v, const dg_tensor *t, dg_diag *why)
{
    char has[256], given[256], found[600];
    if (t->type == v->type && dg_shape_equal(&t->shape, &v->shape)) {
        if (t->bytes == bytes_of(v) && (t->data || t->bytes == 0))
            return DG_OK;
        dg_format(found, sizeof found, "has %zu bytes, %zu are given", bytes_of(v),
                  t->data ? t->bytes : 0);
        return refuse(why, v, found);
    }
    dg_format(found, sizeof found, "is %s %s, not %s %s", dg_type_name(v->type),
              dg_shape_text(&v->shape, has, sizeof has), dg_type_name(t->type),
              dg_shape_text(&t->shape, given, sizeof given));
    return refuse(why, v, found);
}

dg_status dg_graph_set(dg_graph *g, dg_value value, const dg_tensor *t, dg_diag *why)
{
    if (dg_graph_status(g, NULL) != DG_OK)
        return dg_graph_status(g, why);
    dg_vertex *v = dg_graph_vertex(g, value);
    if (!v || !t)
        return dg_diag_set(why, DG_EUSAGE, "not a value of this graph, or no tensor");
    if (!holds_weights(v))
        return refuse(why, v, "is no parameter or state: it cannot be set");
    dg_status s = fits(v, t, why);
    if (s != DG_OK)
        return s;
    if (!v->data)
        v->data = dg_memory_alloc(&g->memory, t->bytes);
    if (!v->data)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (t->bytes > 0)
        memcpy(v->data, t->data, t->bytes);
    v->set = 1;
    return DG_OK;
}

dg_status dg_graph_get(const dg_graph *g, dg_value value, dg_tensor *t)
{
    if (dg_graph_status(g, NULL) != DG_OK)
        return dg_graph_status(g, NULL);
    const dg_vertex *v = dg_graph_vertex(g, value);
    if (!v || !t || !(holds_weights(v) || v->kind == DG_CONSTANT))
        return DG_EUSAGE;
    if (!t->data) {
        *t = (dg_tensor){v->type, v->shape, NULL, bytes_of(v)};
        return DG_OK;
    }
    if (!v->data || fits(v, t, NULL) != DG_OK)
        return DG_EUSAGE;
    memcpy(t->data, v->data, t->bytes);
    return DG_OK;
}

void dg_graph_filled_from(dg_graph *g, dg_value value, const char *text)
{
    dg_vertex *v = dg_graph_vertex(g, value);
    if (v)
        v->from = dg_graph_copy(g, text);
}

void dg_graph_freeze(dg_graph *g, dg_value parameter, int frozen)
{
    if (dg_graph_status(g, NULL) != DG_OK)
        return;
    dg_vertex *v = dg_graph_vertex(g, parameter);
    if (!v || v->kind != DG_PARAMETER)
        dg_graph_fail(g, v ? v->name : NULL, DG_EUSAGE, "only a parameter can be frozen, not %s%s",
                      v ? "the " : "this", v ? dg_kind_text(v->kind) : "");
    else
        v->frozen = frozen != 0;
}

/* ---- Hash ------------------------------------------------------------------------------------ */

static void add_number(dg_sha256 *s, int64_t x)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)x >> 8 * i);
    dg_sha256_add(s, b, sizeof b);
}

static void add_elements(dg_sha256 *s, const dg_vertex *v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    dg_sha256_add(s, v->data, bytes_of(v));
#else
    size_t one = dg_type_bytes(v->type), n = bytes_of(v);
    const uint8_t *p = v->data;
    for (size_t i = 0; i < n; i += one)
        for (size_t k = one; k-- > 0;)
            dg_sha256_add(s, p + i + k, 1);
#endif
}

static void add_value(dg_sha256 *s, const dg_vertex *v)
{
    const char *type = dg_type_name(v->type);
    dg_sha256_add(s, v->name, strlen(v->name) + 1);
    dg_sha256_add(s, type, strlen(type) + 1);
    add_number(s, v->shape.rank);
    for (int i = 0; i < v->shape.rank; i++)
        add_number(s, v->shape.dim[i]);
    add_elements(s, v);
}

/* Moves list[i] down the heap of n names, the last in order on top. */
static void sift(const dg_vertex **list, int n, int i)
{
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && strcmp(list[child]->name, list[child + 1]->name) < 0)
            child++;
        if (strcmp(list[i]->name, list[child]->name) >= 0)
            return;
        const dg_vertex *v = list[i];
        list[i] = list[child];
        list[child] = v;
    }
}

/* By name; a heap, since it needs no memory. */
static void sort(const dg_vertex **list, int n)
{
    for (int i = n / 2 - 1; i >= 0; i--)
        sift(list, n, i);
    for (int last = n - 1; last > 0; last--) {
        const dg_vertex *v = list[0];
        list[0] = list[last];
        list[last] = v;
        sift(list, last, 0);
    }
}

dg_status dg_graph_hash(const dg_graph *g, char text[17])
{
    if (!text)
        return DG_EUSAGE;
    text[0] = 0;
    if (dg_graph_status(g, NULL) != DG_OK)
        return dg_graph_status(g, NULL);
    dg_memory memory = {.user = g->memory.user, .alloc = g->memory.alloc, .free = g->memory.free};
    const dg_vertex **list = dg_memory_alloc(&memory, (size_t)g->n_values * sizeof *list);
    if (!list)
        return DG_EMEMORY;
    int n = 0, missing = 0;
    for (int i = 0; i < g->n_values; i++) {
        if (holds_weights(&g->values[i]))
            list[n++] = &g->values[i];
        missing |= holds_weights(&g->values[i]) && !g->values[i].data;
    }
    sort(list, n);
    dg_sha256 sha;
    dg_sha256_start(&sha);
    for (int i = 0; i < n && !missing; i++)
        add_value(&sha, list[i]);
    dg_memory_free(&memory, list);
    uint8_t hash[DG_SHA256_BYTES];
    char digits[DG_SHA256_TEXT];
    dg_sha256_end(&sha, hash);
    if (missing)
        return DG_EUSAGE;
    memcpy(text, dg_sha256_text(hash, digits), 16);
    text[16] = 0;
    return DG_OK;
}
