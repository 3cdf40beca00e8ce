/* Repeats folded; see fold.h. Names tell rounds apart: "repeat.3.z.linear" is the fourth copy of
 * "repeat.*.z.linear". Copies must have the same type, attributes and results; if those of one
 * repeat differ, all of it is left as it is. */
#include "cli/fold.h"
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 512 };

typedef struct kind {
    char *name; /* with stars */
    int first;  /* node, or id of a value, that stands for all */
    int scope, is_node, copies;
} kind;

typedef struct folder {
    dg_fold *f;
    const dg_graph *g;
    kind *kinds;
    int n;
    char **scope_name;
    int *bad, *rounds; /* by scope */
    int failed;
} folder;

/* Length of "repeat." or "repeat2." at the beginning of s; 0: none. */
static size_t repeat_at(const char *s)
{
    size_t n = 6;
    if (strncmp(s, "repeat", 6) != 0)
        return 0;
    while (isdigit((unsigned char)s[n]))
        n++;
    return s[n] == '.' && isdigit((unsigned char)s[n + 1]) ? n + 1 : 0;
}

/* Returns the length in `out` up to the first star, and which round that is; 0: no repeat. */
static size_t stars(const char *name, char *out, size_t size, int *round)
{
    size_t n = 0, first = 0;
    for (const char *s = name; *s && n + 2 < size;) {
        size_t r = s == name || s[-1] == '.' ? repeat_at(s) : 0;
        if (r == 0 || n + r + 2 >= size) {
            out[n++] = *s++;
            continue;
        }
        memcpy(out + n, s, r);
        n += r;
        s += r;
        if (!first)
            *round = atoi(s);
        out[n++] = '*';
        first = first ? first : n;
        s += strspn(s, "0123456789");
    }
    out[n] = 0;
    return first;
}

void dg_fold_name(const char *name, char *out, size_t size)
{
    int round;
    stars(name, out, size, &round);
}

static int same_attributes(const dg_attrs *a, const dg_attrs *b)
{
    for (int i = 0; a && b && i < a->n && i < b->n; i++) {
        const dg_attr_value *x = &a->v[i], *y = &b->v[i];
        if (x->count != y->count || x->word != y->word ||
            memcmp(x->number, y->number, (size_t)x->count * sizeof *x->number) != 0)
            return 0;
    }
    return (a ? a->n : 0) == (b ? b->n : 0);
}

static int same_value(const dg_vertex *a, const dg_vertex *b)
{
    return a->kind == b->kind && a->type == b->type && dg_shape_equal(&a->shape, &b->shape);
}

/* Whatever it is, but parameters alike. */
static int same_input(const dg_graph *g, int32_t a, int32_t b)
{
    if (!a || !b)
        return a == b;
    const dg_vertex *x = &g->values[a - 1], *y = &g->values[b - 1];
    int parameters = (x->kind == DG_PARAMETER) + (y->kind == DG_PARAMETER);
    return parameters == 0 || (parameters == 2 && dg_shape_equal(&x->shape, &y->shape));
}

static int same_node(const dg_graph *g, const dg_node *a, const dg_node *b)
{
    int same = a->type == b->type && a->n_in == b->n_in && a->n_out == b->n_out &&
               same_attributes(a->attrs, b->attrs);
    for (int j = 0; same && j < a->n_out; j++)
        same = same_value(&g->values[a->out + j - 1], &g->values[b->out + j - 1]);
    for (int i = 0; same && i < a->n_in; i++)
        same = same_input(g, a->in[i], b->in[i]);
    return same;
}

/* The scope whose name is the first n bytes. */
static int find_scope(folder *w, const char *name, size_t n)
{
    for (int i = 0; i < w->f->n_scopes; i++)
        if (strlen(w->scope_name[i]) == n && strncmp(w->scope_name[i], name, n) == 0)
            return i;
    w->scope_name[w->f->n_scopes] = strndup(name, n);
    w->failed |= !w->scope_name[w->f->n_scopes];
    return w->f->n_scopes++;
}

static kind *find_kind(const folder *w, const char *name, int is_node)
{
    for (int i = 0; i < w->n; i++)
        if (w->kinds[i].is_node == is_node && strcmp(w->kinds[i].name, name) == 0)
            return &w->kinds[i];
    return NULL;
}

/* Node `at`, or the value of that id, with its name. */
static void add(folder *w, const char *name, int is_node, int at)
{
    char key[NAME_ROOM];
    int round = 0;
    size_t n = name ? stars(name, key, sizeof key, &round) : 0;
    if (n == 0 || w->failed)
        return;
    int scope = find_scope(w, key, n);
    kind *k = w->failed ? NULL : find_kind(w, key, is_node);
    if (w->failed)
        return;
    w->rounds[scope] = round + 1 > w->rounds[scope] ? round + 1 : w->rounds[scope];
    if (!k) {
        w->kinds[w->n] = (kind){strdup(key), at, scope, is_node, 1};
        w->failed |= !w->kinds[w->n].name;
        w->n++;
    } else {
        const dg_graph *g = w->g;
        k->copies++;
        w->bad[scope] |= is_node ? !same_node(g, &g->nodes[k->first], &g->nodes[at])
                                 : !same_value(&g->values[k->first - 1], &g->values[at - 1]);
    }
    if (is_node)
        w->f->node[at] = k ? k->first : at;
    else
        w->f->value[at - 1] = k ? k->first : at;
    *(is_node ? &w->f->scope[at] : &w->f->value_scope[at - 1]) = scope;
}

/* Every kind must occur in each round; a repeat of one round is none. */
static void judge(folder *w)
{
    for (int i = 0; i < w->n; i++) {
        int scope = w->kinds[i].scope;
        w->bad[scope] |= w->rounds[scope] < 2 || w->kinds[i].copies % w->rounds[scope] != 0;
    }
    for (int i = 0; i < w->f->n_scopes; i++)
        w->f->times[i] = w->rounds[i];
    for (int k = 0; k < w->g->n_nodes; k++)
        if (w->f->scope[k] >= 0 && w->bad[w->f->scope[k]]) {
            w->f->node[k] = k;
            w->f->scope[k] = -1;
        }
    for (int i = 0; i < w->g->n_values; i++)
        if (w->f->value_scope[i] >= 0 && w->bad[w->f->value_scope[i]]) {
            w->f->value[i] = i + 1;
            w->f->value_scope[i] = -1;
        }
}

static void find_all(folder *w)
{
    const dg_graph *g = w->g;
    for (int k = 0; k < g->n_nodes; k++)
        add(w, g->nodes[k].name, 1, k);
    for (int id = 1; id <= g->n_values; id++)
        if (g->values[id - 1].kind != DG_RESULT)
            add(w, g->values[id - 1].name, 0, id);
    if (!w->failed)
        judge(w);
}

static int make_lists(folder *w, size_t nodes, size_t values)
{
    dg_fold *f = w->f;
    f->node = malloc(nodes * sizeof *f->node);
    f->value = malloc(values * sizeof *f->value);
    f->scope = malloc(nodes * sizeof *f->scope);
    f->value_scope = malloc(values * sizeof *f->value_scope);
    f->times = calloc(nodes + values, sizeof *f->times);
    w->kinds = calloc(nodes + values, sizeof *w->kinds);
    w->scope_name = calloc(nodes + values, sizeof *w->scope_name);
    w->bad = calloc(nodes + values, sizeof *w->bad);
    w->rounds = calloc(nodes + values, sizeof *w->rounds);
    if (!f->node || !f->value || !f->scope || !f->value_scope || !f->times || !w->kinds ||
        !w->scope_name || !w->bad || !w->rounds)
        return 0;
    for (size_t k = 0; k < nodes; k++) {
        f->node[k] = (int)k;
        f->scope[k] = -1;
    }
    for (size_t i = 0; i < values; i++) {
        f->value[i] = (int32_t)i + 1;
        f->value_scope[i] = -1;
    }
    return 1;
}

dg_status dg_fold_make(dg_fold *f, const dg_graph *g, int off, dg_diag *why)
{
    folder w = {.f = f, .g = g};
    *f = (dg_fold){.n_scopes = 0};
    w.failed = !make_lists(&w, (size_t)g->n_nodes + 1, (size_t)g->n_values + 1);
    if (!w.failed && !off)
        find_all(&w);
    for (int i = 0; i < w.n; i++)
        free(w.kinds[i].name);
    for (int i = 0; i < f->n_scopes; i++)
        free(w.scope_name[i]);
    free(w.kinds);
    free(w.scope_name);
    free(w.bad);
    free(w.rounds);
    return w.failed ? dg_diag_set(why, DG_EMEMORY, "out of memory") : DG_OK;
}

void dg_fold_free(dg_fold *f)
{
    free(f->node);
    free(f->value);
    free(f->scope);
    free(f->value_scope);
    free(f->times);
    *f = (dg_fold){.n_scopes = 0};
}
