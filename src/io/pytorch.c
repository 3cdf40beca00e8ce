/* State dicts of PyTorch: whether a file is one, and its numbers moved, there and back. */
#include "io/pytorch_parts.h"

#include "base/text.h"
#include <string.h>

const char dg_pytorch_note[] = "pytorch";

static const char format_note[] = "format", format_torch[] = "pt";

/* ---- Whether it is one ----------------------------------------------------------------------- */

/* Tensors that have names of the graph's parameters, by what name and shape allow. */
typedef struct {
    int here, there, either; /* dagrad's alone, PyTorch's alone, both: a square matrix */
    int others;              /* tensors that the graph has not */
} evidence;

static bool never(const void *user, const char *name)
{
    (void)user;
    (void)name;
    return false;
}

static const dg_torch_piece *piece_of(const dg_torch_places *all, int32_t value,
                                      const dg_torch_place **place)
{
    for (int i = 0; i < all->n; i++)
        for (int k = 0; k < all->place[i].n; k++)
            if (all->place[i].piece[k].value == value) {
                *place = &all->place[i];
                return &all->place[i].piece[k];
            }
    return NULL;
}

/* Modules of PyTorch do not end so, or are not called after the kind of a node. */
static bool is_own_name(const char *name, const dg_torch_place *place)
{
    const char *point = strrchr(name, '.');
    return !point || !dg_torch_is_suffix(point + 1) || place->name[dg_torch_short(place)] != 0;
}

static bool is_turned(const dg_torch_piece *p)
{
    for (int k = 0; k < p->rank; k++)
        if (p->perm[k] != k)
            return true;
    return false;
}

static evidence weigh(const dg_torch_places *all, const dg_checkpoint *c)
{
    const dg_tensors *t = dg_checkpoint_tensors(c);
    evidence e = {0};
    for (int i = 0; i < t->n; i++) {
        const dg_torch_place *place;
        const int32_t id = dg_value_find(all->g, t->tensor[i].name).id;
        const dg_torch_piece *p = id ? piece_of(all, id, &place) : NULL;
        e.others += !p && t->tensor[i].name[0] != '@';
        if (!p || !place->node) /* alone a parameter is the same in both */
            continue;
        const dg_shape *s = &t->tensor[i].tensor.shape;
        const bool here = dg_shape_equal(s, &all->g->values[id - 1].shape);
        const bool there = dg_shape_equal(s, &p->shape) && !is_own_name(t->tensor[i].name, place);
        e.there += there && !here;
        e.here += !there;
        e.either += here && there && is_turned(p);
    }
    return e;
}

static bool has_tensors(const dg_checkpoint *c)
{
    const dg_tensors *t = dg_checkpoint_tensors(c);
    for (int i = 0; i < t->n; i++)
        if (t->tensor[i].name[0] != '@')
            return true;
    return false;
}

/* By the names that the graph has too. */
static int tell_by_shapes(const dg_graph *g, const dg_checkpoint *c, dg_diag *why)
{
    dg_arena arena = dg_arena_make(NULL);
    dg_torch_places all;
    evidence e = {0};
    if (dg_torch_places_make(&all, g, &arena, never, NULL, why) == DG_OK)
        e = weigh(&all, c);
    dg_arena_free(&arena);
    if (why->code == DG_OK && e.either && !e.here && !e.there)
        dg_diag_set(why, DG_EDATA,
                    "its matrices are square and have the model's names: whether they are those of "
                    "PyTorch, [out, in], or of dagrad, [in, out], is not in the file; say --layout "
                    "pytorch or --layout dagrad");
    return why->code != DG_OK ? -1 : (e.there || e.others) && !e.here;
}

static int tell(const dg_graph *g, const dg_checkpoint *c, const dg_weights_as *as, dg_diag *why)
{
    const char *format = dg_checkpoint_text(c, format_note);
    const bool torch = as->layout && strcmp(as->layout, "pytorch") == 0;
    if (as->layout && !torch && strcmp(as->layout, "dagrad") != 0) {
        dg_diag_set(why, DG_EUSAGE, "layout is '%.40s', weights have dagrad or pytorch",
                    as->layout);
        return -1;
    }
    if (as->layout || (format && strcmp(format, format_torch) == 0))
        return torch || !as->layout;
    if (dg_checkpoint_sealed(c) || !has_tensors(c))
        return 0;
    return tell_by_shapes(g, c, why);
}

int dg_pytorch_told(const dg_graph *g, const dg_checkpoint *c, const dg_weights_as *as,
                    dg_diag *why)
{
    const int told = tell(g, c, as, why);
    if (told != 0 || as->n_map == 0)
        return told;
    dg_diag_set(why, DG_EUSAGE,
                "map goes with a state dict of PyTorch, and the file has dagrad's names; layout "
                "pytorch says otherwise");
    return -1;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static const dg_tensor *tensor_of(const dg_torch_place *p, const dg_torch_piece *piece)
{
    return p->node ? dg_torch_find(p->module, piece->suffix) : &p->module->tensor[0].named->tensor;
}

static int64_t row_of(const dg_torch_piece *p)
{
    return p->shape.rank ? dg_shape_row(&p->shape) : 1;
}

static void read_piece(const dg_torch_piece *p, const dg_tensor *from, dg_array *to)
{
    const int64_t row = row_of(p);
    for (int64_t i = 0; i < p->rows * row; i++) {
        const int64_t at = dg_torch_at(p, p->to * row + i);
        const double x = dg_tensor_number(from, p->from * row + i);
        dg_number_put(to->type, to->data, at, p->added ? dg_tensor_number(to, at) + x : x);
    }
}

/* What of the tensor the piece is; what was added on the way in stays 0. */
static void write_piece(const dg_torch_piece *p, const dg_tensor *from, dg_array *to)
{
    const int64_t row = row_of(p);
    for (int64_t i = 0; i < p->rows * row && !p->added; i++)
        dg_number_put(to->type, to->data, p->from * row + i,
                      dg_tensor_number(from, dg_torch_at(p, p->to * row + i)));
}

/* The first piece of a parameter, or of a tensor, does all of it. */
static bool is_first(const dg_torch_place *p, int k, bool of_tensor)
{
    for (int i = 0; i < k; i++)
        if (of_tensor ? strcmp(p->piece[i].suffix, p->piece[k].suffix) == 0
                      : p->piece[i].value == p->piece[k].value)
            return false;
    return true;
}

/* ---- There to here --------------------------------------------------------------------------- */

/* f64 if a tensor has it, so that what does not fit is found where it is set. */
static dg_type type_of(const dg_torch_place *p, const dg_vertex *v)
{
    for (int i = 0; i < p->module->n; i++)
        if (p->module->tensor[i].named->tensor.type == DG_F64)
            return DG_F64;
    return v->type;
}

static dg_status read_value(const dg_graph *g, const dg_torch_place *p, int32_t value,
                            dg_checkpoint *to, dg_diag *why)
{
    const dg_vertex *v = &g->values[value - 1];
    dg_array made = {.data = NULL};
    for (int i = 0; i < p->n; i++) /* missing, and allowed to be */
        if (p->piece[i].value == value && !tensor_of(p, &p->piece[i]))
            return DG_OK;
    if (dg_array_make(&made, type_of(p, v), &v->shape, why) != DG_OK)
        return why->code;
    for (int i = 0; i < p->n; i++)
        if (p->piece[i].value == value)
            read_piece(&p->piece[i], tensor_of(p, &p->piece[i]), &made);
    dg_checkpoint_add(to, v->name, &made);
    dg_array_free(&made);
    return dg_checkpoint_status(to, why);
}

static dg_status read_places(const dg_torch_places *all, dg_checkpoint *to, dg_diag *why)
{
    dg_text names = dg_text_make(NULL);
    for (int i = 0; i < all->n && why->code == DG_OK; i++) {
        const dg_torch_place *p = &all->place[i];
        for (int k = 0; k < p->n && p->module && why->code == DG_OK; k++)
            if (is_first(p, k, false))
                read_value(all->g, p, p->piece[k].value, to, why);
        if (p->module)
            dg_text_printf(&names, "%s=%s%s\n", p->name, p->module->prefix,
                           p->node ? "" : p->module->tensor[0].suffix);
    }
    dg_checkpoint_note(to, dg_pytorch_note, "%s", names.data);
    if (names.failed)
        dg_checkpoint_starve(to);
    dg_text_free(&names);
    return why->code == DG_OK ? dg_checkpoint_status(to, why) : why->code;
}

/* A file with an in_proj has it wherever it can be. */
static bool has_in_proj(const void *user, const char *name)
{
    const dg_torch_modules *m = user;
    (void)name;
    for (int i = 0; i < m->n; i++)
        if (m->module[i].prefix[0] && strstr(m->module[i].prefix, "in_proj_"))
            return true;
    return false;
}

dg_status dg_pytorch_read(const dg_graph *g, const dg_checkpoint *c, const dg_weights_as *as, int n,
                          const char *const allow[], dg_checkpoint **to, dg_diag *why)
{
    dg_arena arena = dg_arena_make(NULL);
    dg_torch_modules modules;
    dg_torch_places places;
    *to = dg_checkpoint_new();
    if (!*to)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (why->code == DG_OK)
        dg_torch_modules_make(&modules, c, as, &arena, why);
    if (why->code == DG_OK)
        dg_torch_places_make(&places, g, &arena, has_in_proj, &modules, why);
    if (why->code == DG_OK)
        dg_torch_match(&places, &modules, as, n, allow, why);
    if (why->code == DG_OK)
        read_places(&places, *to, why);
    dg_arena_free(&arena);
    if (why->code == DG_OK)
        return DG_OK;
    dg_checkpoint_free(*to);
    *to = NULL;
    return why->code;
}

/* ---- Here to there --------------------------------------------------------------------------- */

/* The line NAME=PREFIX of the note; NULL: there is none. */
static const char *line_of(const char *names, const char *name)
{
    const size_t n = strlen(name);
    for (const char *line = names; line && *line; line += strcspn(line, "\n"), line += *line != 0)
        if (strncmp(line, name, n) == 0 && line[n] == '=')
            return line + n + 1;
    return NULL;
}

static bool is_named(const void *user, const char *name)
{
    return line_of(user, name) != NULL;
}

/* A module is called after the statement, or the node where a statement has several. */
static void name_prefix(const dg_torch_places *all, const dg_torch_place *p, dg_text *to)
{
    int same = 0;
    const int n = dg_torch_short(p);
    for (int i = 0; i < all->n; i++)
        same += dg_torch_short(&all->place[i]) == n &&
                strncmp(all->place[i].name, p->name, (size_t)n) == 0;
    dg_text_printf(to, "%.*s%s", same > 1 ? (int)strlen(p->name) : n, p->name, p->node ? "." : "");
    for (char *at = to->data; *at; at++)
        *at = *at == '@' ? '_' : *at;
}

static void write_tensor(const dg_torch_places *all, const dg_torch_place *p, int k,
                         const char *name, dg_checkpoint *to, dg_diag *why)
{
    const dg_graph *g = all->g;
    dg_array made = {.data = NULL};
    if (dg_array_make(&made, g->values[p->piece[k].value - 1].type, &p->piece[k].shape, why) !=
        DG_OK)
        return;
    memset(made.data, 0, made.bytes);
    for (int i = 0; i < p->n; i++) {
        const dg_vertex *v = &g->values[p->piece[i].value - 1];
        const dg_tensor from = {v->type, v->shape, v->data, 0};
        if (strcmp(p->piece[i].suffix, p->piece[k].suffix) == 0)
            write_piece(&p->piece[i], &from, &made);
    }
    dg_checkpoint_add(to, name, &made);
    dg_array_free(&made);
}

/* Batch norms count what they have seen. */
static void write_count(const char *name, int64_t steps, dg_checkpoint *to)
{
    int32_t n = steps < 0 ? 0 : steps < INT32_MAX ? (int32_t)steps : INT32_MAX;
    dg_checkpoint_add(to, name, &(dg_tensor){DG_I32, {.rank = 0}, &n, sizeof n});
}

static void write_place(const dg_torch_places *all, const dg_torch_place *p, const char *names,
                        int64_t steps, dg_text *order, dg_checkpoint *to, dg_diag *why)
{
    const char *known = line_of(names, p->name);
    dg_text prefix = dg_text_make(NULL), name = dg_text_make(NULL);
    if (known)
        dg_text_add_bytes(&prefix, known, strcspn(known, "\n"));
    else
        name_prefix(all, p, &prefix);
    const bool counts = strcmp(p->piece[p->n - 1].suffix, "running_var") == 0;
    for (int k = 0; k < p->n + counts && why->code == DG_OK; k++) {
        if (k < p->n && !is_first(p, k, true))
            continue;
        name.length = 0;
        dg_text_printf(&name, "%s%s", prefix.data,
                       k < p->n ? p->piece[k].suffix : "num_batches_tracked");
        dg_text_printf(order, "%s%s", order->length ? "\n" : "", name.data);
        if (k < p->n)
            write_tensor(all, p, k, name.data, to, why);
        else
            write_count(name.data, steps, to);
    }
    if (prefix.failed || name.failed)
        dg_checkpoint_starve(to);
    dg_text_free(&prefix);
    dg_text_free(&name);
}

dg_status dg_pytorch_write(const dg_graph *g, const char *names, int64_t steps, dg_checkpoint *to,
                           dg_diag *why)
{
    dg_arena arena = dg_arena_make(NULL);
    dg_text order = dg_text_make(NULL);
    dg_torch_places all;
    dg_torch_places_make(&all, g, &arena, is_named, names, why);
    for (int i = 0; i < all.n && why->code == DG_OK; i++) {
        const dg_torch_place *p = &all.place[i];
        if (p->cannot)
            dg_diag_set(why, DG_EUSAGE, "'%.80s' has no like: %s", p->name, p->cannot);
        else if (!p->gone)
            write_place(&all, p, names, steps, &order, to, why);
    }
    dg_checkpoint_note(to, format_note, "%s", format_torch);
    dg_checkpoint_note(to, "order", "%s", order.data);
    if (order.failed)
        dg_checkpoint_starve(to);
    dg_text_free(&order);
    dg_arena_free(&arena);
    return why->code == DG_OK ? dg_checkpoint_status(to, why) : why->code;
}
