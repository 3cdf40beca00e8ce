/* A line a value, then outputs, losses, metrics, data, train. */
#include "lang/dump.h"

#include "graph/graph.h"
#include <string.h>

static void shape(dg_text *out, const dg_shape *s)
{
    char text[128];
    dg_text_printf(out, " %s", dg_shape_text(s, text, sizeof text));
}

static void value_text(dg_text *out, const dg_attr_spec *spec, const dg_attr_value *v)
{
    const char *word = spec->words;
    for (int k = 0; word && k < v->word; k++)
        word = strchr(word, ' ') + 1;
    if (v->word >= 0)
        dg_text_printf(out, "%.*s", (int)strcspn(word, " "), word);
    else if (v->text)
        dg_text_printf(out, "\"%s\"", v->text);
    for (int i = 0; v->word < 0 && i < (v->text ? 0 : v->count); i++) {
        dg_text_add(out, i ? " " : "");
        dg_text_f64(out, v->number[i]);
    }
}

static void attrs(dg_text *out, const dg_attr_spec *specs, const dg_attrs *a)
{
    for (int k = 0; k < a->n; k++) {
        const dg_attr_value *v = &a->v[k];
        if (v->word < 0 && !v->text && v->count == 0)
            continue;
        dg_text_printf(out, " %s=", specs[k].name);
        value_text(out, &specs[k], v);
    }
}

static void constant(dg_text *out, const dg_vertex *v)
{
    int64_t n = dg_shape_count(&v->shape);
    dg_text_add(out, " =");
    for (int64_t i = 0; i < n && i < 8; i++) {
        dg_text_add(out, " ");
        if (v->type == DG_I32)
            dg_text_printf(out, "%d", ((const int32_t *)v->data)[i]);
        else if (v->type == DG_F32)
            dg_text_f32(out, ((const float *)v->data)[i]);
        else
            dg_text_f64(out, ((const double *)v->data)[i]);
    }
}

static void vertex(dg_text *out, const dg_graph *g, int id)
{
    static const char *const kinds[] = {"input", "parameter", "state", "constant", ""};
    const dg_vertex *v = &g->values[id - 1];
    dg_text_printf(out, "%d %s%s%s", id, kinds[v->kind], v->kind == DG_RESULT ? "" : " ", v->name);
    shape(out, &v->shape);
    if (v->type == DG_I32)
        dg_text_add(out, " int");
    if (v->init)
        dg_text_printf(out, " %s", v->init);
    if (v->kind == DG_CONSTANT)
        constant(out, v);
    if (v->kind == DG_RESULT && v->part == 0) {
        const dg_node *n = &g->nodes[v->node];
        dg_text_printf(out, " = %s", n->type->name);
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k])
                dg_text_printf(out, " %d", n->in[k]);
        attrs(out, n->type->attrs, n->attrs);
    }
    dg_text_add(out, "\n");
}

static void terms(dg_text *out, const dg_dag *m)
{
    const char *name;
    double weight;
    for (int k = 0; k < dg_graph_outputs(m->graph); k++) {
        dg_value v = dg_graph_output(m->graph, k, &name);
        dg_text_printf(out, "output %s %d\n", name, v.id);
    }
    for (int k = 0; k < dg_graph_losses(m->graph); k++) {
        dg_value v = dg_graph_loss(m->graph, k, &name, &weight);
        dg_text_printf(out, "loss %s %d * ", name, v.id);
        dg_text_f64(out, weight);
        dg_text_add(out, "\n");
    }
}

static void clause(dg_text *out, const dg_word *words, const dg_clause *c)
{
    dg_text_printf(out, "%s", c->name);
    if (c->word >= 0)
        attrs(out, words[c->word].attrs, &c->attrs);
}

static void data(dg_text *out, const dg_dag *m, const dg_vocabulary *v)
{
    static const char *const parts[] = {"train", "validation", "test"};
    for (int i = 0; i < m->n_blocks; i++) {
        const dg_block *b = &m->blocks[i];
        dg_text_printf(out, "data %s", parts[b->data]);
        attrs(out, v->block, &b->head.attrs);
        for (int k = 0; k < b->n_bindings; k++) {
            const dg_binding *line = &b->bindings[k];
            dg_text_add(out, "\n   ");
            for (int j = 0; j < line->n_names; j++)
                dg_text_printf(out, " %s", m->ports[line->ports[j]].name);
            dg_text_add(out, " = ");
            clause(out, v->sources, &line->source);
            for (int j = 0; j < line->n_names; j++)
                for (int q = 0; q < line->pipes[j].n; q++) {
                    dg_text_add(out, q || line->n_names == 1 ? " | " : "\n     | ");
                    clause(out, v->transforms, &line->pipes[j].transforms[q]);
                }
        }
        dg_text_add(out, "\n");
    }
}

static void train(dg_text *out, const dg_dag *m, const dg_vocabulary *v)
{
    for (int k = 0; k < m->n_settings; k++) {
        const dg_setting *s = &m->settings[k];
        if (s->by == DG_SET_DEFAULT)
            continue;
        dg_text_printf(out, "train %s%s = ", v->keys[k].value.name,
                       s->by == DG_SET_OPTION ? " (option)" : "");
        if (v->keys[k].words)
            clause(out, v->keys[k].words, &s->clause);
        else
            value_text(out, &v->keys[k].value, &s->value);
        dg_text_add(out, "\n");
    }
}

void dg_test_dump(const dg_dag *m, const dg_vocabulary *v, dg_text *out)
{
    for (int i = 0; i < m->n_lets; i++)
        dg_text_printf(out, "let %s = %s%s\n", m->lets[i].name, m->lets[i].text,
                       m->lets[i].overridden ? " (option)" : "");
    for (int i = 0; i < m->n_ports; i++)
        dg_text_printf(out, "%s %s %d\n", m->ports[i].target ? "target" : "input", m->ports[i].name,
                       m->ports[i].value.id);
    for (int id = 1; id <= dg_graph_values(m->graph); id++)
        vertex(out, m->graph, id);
    terms(out, m);
    for (int i = 0; i < m->n_metrics; i++) {
        dg_text_printf(out, "metric %s = ", m->metrics[i].name);
        clause(out, v->metrics, &m->metrics[i].clause);
        dg_text_printf(out, " %d %d\n", m->metrics[i].target.id, m->metrics[i].estimate.id);
    }
    data(out, m, v);
    train(out, m, v);
}
