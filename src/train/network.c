/* The network of a model as text; see network.h. */
#include "train/network.h"
#include "base/sha256.h"
#include "graph/attr.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct network {
    const dg_graph *g;
    uint8_t *needed; /* by id */
    dg_text *out;
} network;

/* What the losses depend on; parameters and states always, since a checkpoint has them. */
static void find_needed(network *n)
{
    const dg_graph *g = n->g;
    for (int k = 0; k < g->n_losses; k++)
        n->needed[g->losses[k].value] = 1;
    for (int id = 1; id <= g->n_values; id++)
        n->needed[id] |=
            g->values[id - 1].kind == DG_PARAMETER || g->values[id - 1].kind == DG_STATE;
    dg_graph_mark_before(g, n->needed);
    for (int k = 0; k < g->n_nodes; k++) { /* of a node that is needed, all results */
        const dg_node *node = &g->nodes[k];
        int any = 0;
        for (int j = 0; j < node->n_out; j++)
            any |= n->needed[node->out + j];
        for (int j = 0; j < node->n_out; j++)
            n->needed[node->out + j] |= any;
    }
}

/* The number of value id among those needed that are made as it is: by a node of its kind, or as a
 * constant. */
static int number_of(const network *n, int id)
{
    const dg_vertex *v = &n->g->values[id - 1];
    const dg_node_type *type = v->kind == DG_RESULT ? n->g->nodes[v->node].type : NULL;
    int number = 1;
    for (int k = 1; k < id - v->part; k++) {
        const dg_vertex *other = &n->g->values[k - 1];
        int same = other->kind == v->kind && other->part == 0 &&
                   (!type || n->g->nodes[other->node].type == type);
        number += n->needed[k] && same;
    }
    return number;
}

/* How lines call a value: its name; without one of its own, its kind and number. */
static void put_value(const network *n, int id)
{
    const dg_vertex *v = &n->g->values[id - 1];
    const dg_node *node = v->kind == DG_RESULT ? &n->g->nodes[v->node] : NULL;
    if (!node && v->kind != DG_CONSTANT) {
        dg_text_add(n->out, v->name);
        return;
    }
    dg_text_printf(n->out, "%s#%d", node ? node->type->name : "constant", number_of(n, id));
    if (node && node->n_out > 1)
        dg_text_printf(n->out, ".%d", v->part);
}

static void put_shape(const network *n, const dg_vertex *v)
{
    char text[160];
    dg_text_printf(n->out, " %s", dg_shape_text(&v->shape, text, sizeof text));
}

static void put_constant(const network *n, const dg_vertex *v)
{
    dg_sha256 s;
    uint8_t bytes[DG_SHA256_BYTES];
    char hex[DG_SHA256_TEXT];
    dg_sha256_start(&s);
    if (v->data)
        dg_sha256_add(&s, v->data, (size_t)dg_shape_count(&v->shape) * dg_type_bytes(v->type));
    dg_sha256_end(&s, bytes);
    dg_text_printf(n->out, " of elements %.16s", dg_sha256_text(bytes, hex));
}

void dg_attribute_write(dg_text *out, const dg_attr_spec *spec, const dg_attr_value *v)
{
    const char *word = spec->words;
    for (int k = 0; word && k < v->word; k++)
        word += strcspn(word, " ") + 1;
    dg_text_printf(out, "%s=", spec->name);
    if (v->word >= 0 && word)
        dg_text_printf(out, "%.*s", (int)strcspn(word, " "), word);
    if (v->text)
        dg_text_add(out, v->text);
    for (int k = 0; k < v->count && !v->text; k++) {
        dg_text_add(out, k ? " " : "");
        dg_text_f64(out, v->number[k]);
    }
}

static void put_node(const network *n, int k)
{
    const dg_node *node = &n->g->nodes[k];
    put_value(n, node->out);
    dg_text_printf(n->out, " = %s(", node->type->name);
    for (int i = 0; i < node->n_in; i++) {
        dg_text_add(n->out, i ? ", " : "");
        if (node->in[i])
            put_value(n, node->in[i]);
        else
            dg_text_add(n->out, "none");
    }
    for (int i = 0; i < node->type->n_attrs; i++) {
        dg_text_add(n->out, ", ");
        dg_attribute_write(n->out, &node->type->attrs[i], &node->attrs->v[i]);
    }
    dg_text_add(n->out, ")");
    put_shape(n, &n->g->values[node->out - 1]);
    if (node->type->flags & DG_RANDOM) /* its numbers are those of its place in the graph */
        dg_text_printf(n->out, " as node %d", k);
    dg_text_add(n->out, "\n");
}

static void put_leaf(const network *n, int id)
{
    static const char *const kind[] = {"input ", "parameter ", "state ", ""};
    const dg_vertex *v = &n->g->values[id - 1];
    dg_text_add(n->out, kind[v->kind]);
    put_value(n, id);
    put_shape(n, v);
    dg_text_printf(n->out, " %s", dg_type_name(v->type));
    if (v->kind == DG_CONSTANT)
        put_constant(n, v);
    dg_text_add(n->out, "\n");
}

static void put_losses(const network *n)
{
    for (int k = 0; k < n->g->n_losses; k++) {
        dg_text_add(n->out, "loss ");
        dg_text_f64(n->out, n->g->losses[k].weight);
        dg_text_add(n->out, " * ");
        put_value(n, n->g->losses[k].value);
        dg_text_add(n->out, "\n");
    }
}

dg_status dg_network_write(const dg_graph *g, dg_text *out, dg_diag *why)
{
    network n = {g, calloc((size_t)g->n_values + 1, 1), out};
    if (!n.needed)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    find_needed(&n);
    for (int id = 1; id <= g->n_values; id++) {
        const dg_vertex *v = &g->values[id - 1];
        if (!n.needed[id])
            continue;
        if (v->kind != DG_RESULT)
            put_leaf(&n, id);
        else if (v->part == 0)
            put_node(&n, v->node);
    }
    put_losses(&n);
    free(n.needed);
    return out->failed ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
}
