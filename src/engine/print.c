/* A program as text, after any pass; and what it is in figures. */
#include "base/text.h"
#include "engine/engine.h"
#include <string.h>

typedef struct dg_printer {
    const dg_program *p;
    void (*line)(void *user, const char *text);
    void *user;
    dg_text text;
} dg_printer;

static void end_line(dg_printer *o)
{
    o->line(o->user, o->text.data);
    dg_text_free(&o->text);
    o->text = dg_text_make(NULL);
}

static const char *node_name(const dg_graph *g, int32_t k)
{
    return g->nodes[k].name ? g->nodes[k].name : g->nodes[k].type->name;
}

static void print_order(dg_printer *o)
{
    char shape[128];
    const dg_graph *g = o->p->graph;
    for (int k = 0; k < o->p->n_order; k++) {
        const dg_node *n = &g->nodes[o->p->order[k]];
        dg_text_printf(&o->text, "%3d  %-20s %-22s", k, node_name(g, o->p->order[k]),
                       n->type->name);
        for (int j = 0; j < n->n_out; j++) {
            const dg_vertex *v = &g->values[n->out + j - 1];
            dg_text_printf(&o->text, " %s%s", dg_shape_text(&v->shape, shape, sizeof shape),
                           o->p->active[n->out + j - 1] ? " eps" : "");
        }
        end_line(o);
    }
    if (o->p->pruned) {
        dg_text_printf(&o->text, "%d nodes end nowhere and are left out", o->p->pruned);
        end_line(o);
    }
}

static void print_slot(dg_printer *o, const dg_plan *q, int32_t slot, const char *sign)
{
    static const char *const kind[] = {"z",       "eps", "dz",    "g",     "saved",
                                       "carried", "sum", "spare", "start", "moment"};
    if (slot == DG_NONE)
        return;
    const dg_slot *s = &q->slots[slot];
    dg_text_printf(&o->text, " %s%s%d", sign, kind[s->kind], (int)s->of);
    int32_t r = dg_slot_root(q, slot);
    if (s->external)
        dg_text_add(&o->text, "=theta");
    else if (q->slots[r].first <= q->slots[r].last && !s->persistent)
        dg_text_printf(&o->text, "@%zu", q->slots[r].offset);
}

static void print_slots(dg_printer *o, const dg_plan *q, const int32_t *slots, int n,
                        const char *sign)
{
    for (int i = 0; i < n; i++)
        print_slot(o, q, slots[i], sign);
}

static void print_item(dg_printer *o, const dg_plan *q, int k)
{
    static const char *const kind[] = {"forward", "tangent", "adjoint", "finish",
                                       "add",     "seed",    "zero"};
    const dg_item *it = &q->items[k];
    int results = it->kind != ITEM_ADJOINT && it->kind != ITEM_TANGENT && it->kind != ITEM_FINISH;
    dg_text_printf(&o->text, "%4d %s %-8s %-18s", k, it->fused ? "+" : " ", kind[it->kind],
                   it->node == DG_NONE ? "" : node_name(o->p->graph, it->node));
    if (it->rows)
        dg_text_add(&o->text, " rows");
    else
        dg_text_printf(&o->text, " parts=%d", it->parts);
    print_slots(o, q, it->in, it->n_in, "");
    print_slots(o, q, it->din, it->n_in, "");
    print_slots(o, q, it->eps, it->n_out, "");
    dg_text_add(&o->text, " ->");
    if (results)
        print_slots(o, q, it->out, it->n_out, "");
    print_slots(o, q, it->delta, it->n_in, it->adds == ADDS_ITSELF ? "+" : "");
    print_slots(o, q, it->dout, it->n_out, "");
    end_line(o);
}

static void print_plan(dg_printer *o, const dg_plan *q)
{
    static const char *const phase[] = {"forward", "tangent", "adjoint", "finish"};
    dg_text_printf(&o->text,
                   "batch %lld: %d calls in %d segments, %d ride on the call before, %d in "
                   "place, %d views",
                   (long long)q->batch, q->n_items, q->n_segments, q->fusions, q->in_place,
                   q->views);
    end_line(o);
    for (int i = 0; i < q->n_segments; i++) {
        const dg_segment *s = &q->segments[i];
        dg_text_printf(&o->text, "segment %d: %s, %s, %lld pieces", i, phase[s->phase],
                       s->rows ? "rows" : "tasks", (long long)s->tasks);
        if (s->pieces)
            dg_text_printf(&o->text, ", %d of a row", s->pieces);
        else if (s->rows)
            dg_text_printf(&o->text, " of %lld rows", (long long)s->chunk);
        end_line(o);
        for (int k = s->first; k < s->first + s->count; k++)
            print_item(o, q, k);
    }
    if (q->n_segments == 0)
        for (int k = 0; k < q->n_items; k++)
            print_item(o, q, k);
}

static const char *const pass_names[] = {"order", "needs", "lower", "fuse", "save", "plan"};

static int known_pass(const char *after)
{
    for (size_t i = 0; i < sizeof pass_names / sizeof pass_names[0]; i++)
        if (strcmp(after, pass_names[i]) == 0)
            return 1;
    return 0;
}

dg_status dg_program_print(const dg_program *p, const char *after,
                           void (*line)(void *user, const char *text), void *user, dg_diag *why)
{
    if (!p || !line)
        return dg_diag_set(why, DG_EUSAGE, "no program to print, or nobody to read it");
    if (after && !known_pass(after))
        return dg_diag_set(why, DG_EUSAGE,
                           "there is no pass '%s'; the passes are order, needs, lower, "
                           "fuse, save, plan",
                           after);
    dg_program *part = dg_program_make(p->graph, &p->options, after ? after : "plan");
    if (!part)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_printer o = {part, line, user, dg_text_make(NULL)};
    dg_status s = part->diag.code;
    if (s != DG_OK)
        dg_diag_set(why, s, "%s", part->diag.text);
    else if (after && (strcmp(after, "order") == 0 || strcmp(after, "needs") == 0))
        print_order(&o);
    else
        for (int i = 0; i < part->n_plans; i++)
            print_plan(&o, &part->plan[i]);
    dg_text_free(&o.text);
    dg_program_free(part);
    return s;
}
