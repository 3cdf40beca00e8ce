/* Which module of a state dict belongs to which place of a graph; see io/pytorch.h. */
#include "io/pytorch_parts.h"

#include "base/text.h"
#include <fnmatch.h>
#include <string.h>

enum { LISTED = 6, STARS = 8 };

typedef struct {
    const dg_torch_places *p;
    const dg_torch_modules *m;
    const dg_weights_as *as;
    int n_allow;
    const char *const *allow;
    dg_text text; /* what is wrong */
    int wrong;
    dg_diag *why;
} match;

static bool allowed(const match *t, const char *name)
{
    for (int i = 0; i < t->n_allow; i++)
        if (fnmatch(t->allow[i], name, 0) == 0)
            return true;
    return false;
}

static bool place_allowed(const match *t, const dg_torch_place *p)
{
    for (int i = 0; i < p->n; i++)
        if (!allowed(t, t->p->g->values[p->piece[i].value - 1].name))
            return false;
    return true;
}

static bool module_allowed(const match *t, const dg_torch_module *m)
{
    for (int i = 0; i < m->n; i++)
        if (!allowed(t, m->tensor[i].named->name))
            return false;
    return true;
}

/* ---- What fits ------------------------------------------------------------------------------- */

static bool has_piece(const dg_torch_place *p, const char *suffix)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->piece[i].suffix, suffix) == 0)
            return true;
    return false;
}

/* The module has the tensors of the place, and no others. */
static bool fits(const match *t, const dg_torch_place *p, const dg_torch_module *m)
{
    if (!p->node) /* a parameter alone, whatever it is called */
        return m->n == 1 && dg_shape_equal(&m->tensor[0].named->tensor.shape, &p->piece[0].shape);
    for (int i = 0; i < p->n; i++) {
        const dg_tensor *found = dg_torch_find(m, p->piece[i].suffix);
        if (found ? !dg_shape_equal(&found->shape, &p->piece[i].shape)
                  : !allowed(t, t->p->g->values[p->piece[i].value - 1].name))
            return false;
    }
    for (int i = 0; i < m->n; i++)
        if (!has_piece(p, m->tensor[i].suffix))
            return false;
    return true;
}

static bool is_open(const dg_torch_place *p)
{
    return !p->gone && !p->cannot && !p->module;
}

static void join(dg_torch_place *p, dg_torch_module *m)
{
    p->module = m;
    m->place = p;
}

/* ---- What the caller says -------------------------------------------------------------------- */

typedef struct {
    const char *at;
    size_t n;
} star;

/* Stars of the pattern as they lie in name, n of them so far. */
static bool fit_stars(const char *pattern, const char *name, star all[STARS], int n)
{
    while (*pattern && *pattern != '*')
        if (*pattern++ != *name++)
            return false;
    if (!*pattern)
        return !*name;
    for (size_t k = 0; n < STARS; k++) {
        all[n] = (star){name, k};
        if (fit_stars(pattern + 1, name + k, all, n + 1))
            return true;
        if (!name[k] || name[k] == '.')
            break;
    }
    return false;
}

bool dg_torch_translate(const char *pattern, const char *name, const char *with, dg_text *to)
{
    star all[STARS] = {{NULL, 0}};
    int n = 0;
    if (!fit_stars(pattern, name, all, 0))
        return false;
    for (; *with; with++)
        if (*with == '*' && n < STARS && all[n].at) {
            dg_text_add_bytes(to, all[n].at, all[n].n);
            n++;
        } else {
            dg_text_add_bytes(to, with, 1);
        }
    return true;
}

/* By its whole name, or the part of it that is the statement's, if there is one such. */
static dg_torch_place *find_place(const match *t, const char *name)
{
    dg_torch_place *found = NULL;
    int n = 0;
    for (int i = 0; i < t->p->n; i++) {
        dg_torch_place *p = &t->p->place[i];
        if (!p->gone && strcmp(p->name, name) == 0)
            return p;
        if (!p->gone && strlen(name) == (size_t)dg_torch_short(p) &&
            strncmp(p->name, name, strlen(name)) == 0) {
            found = p;
            n++;
        }
    }
    return n == 1 ? found : NULL;
}

static dg_status refuse_map(const match *t, const char *map, const dg_torch_module *m,
                            const dg_torch_place *p)
{
    dg_text has = dg_text_make(NULL), takes = dg_text_make(NULL);
    dg_torch_list_module(&has, m);
    dg_torch_list_place(&takes, p);
    dg_diag_set(t->why, DG_EDATA, "map %.100s: '%.80s' has %.150s, '%.80s' takes %.150s", map,
                m->name, has.data, p->name,
                p->cannot   ? p->cannot
                : p->module ? "another one already"
                            : takes.data);
    dg_text_free(&has);
    dg_text_free(&takes);
    return DG_EDATA;
}

static dg_status map_module(const match *t, const char *map, dg_torch_module *m, const char *name)
{
    dg_torch_place *p = find_place(t, name);
    if (!p)
        return dg_diag_set(t->why, DG_EUSAGE,
                           "map %.100s: the model has no node or parameter '%.80s'; `dagrad show` "
                           "lists them",
                           map, name);
    if (!is_open(p) || !fits(t, p, m))
        return refuse_map(t, map, m, p);
    join(p, m);
    return DG_OK;
}

/* OLD=NEW */
static dg_status map_one(const match *t, const char *map)
{
    const char *equal = strchr(map, '=');
    int n = 0;
    if (!equal || equal == map || !equal[1])
        return dg_diag_set(t->why, DG_EUSAGE, "map is '%.100s', it takes OLD=NEW", map);
    dg_text old = dg_text_make(NULL), name = dg_text_make(NULL);
    dg_text_add_bytes(&old, map, (size_t)(equal - map));
    for (int i = 0; i < t->m->n && t->why->code == DG_OK; i++) {
        name.length = 0;
        if (!dg_torch_translate(old.data, t->m->module[i].name, equal + 1, &name))
            continue;
        n++;
        map_module(t, map, &t->m->module[i], name.data);
    }
    if (n == 0)
        dg_diag_set(t->why, DG_EUSAGE, "map %.100s: the file has no module or tensor '%.80s'", map,
                    old.data);
    if (old.failed || name.failed)
        dg_diag_set(t->why, DG_EMEMORY, "out of memory");
    dg_text_free(&old);
    dg_text_free(&name);
    return t->why->code;
}

/* ---- By name, by shape, by order ------------------------------------------------------------- */

static void match_names(match *t)
{
    for (int i = 0; i < t->m->n; i++) {
        dg_torch_module *m = &t->m->module[i];
        dg_torch_place *p = m->place ? NULL : find_place(t, m->name);
        if (p && is_open(p) && fits(t, p, m))
            join(p, m);
    }
}

static void wrong(match *t, const char *format, ...) DG_PRINTF(2, 3);
static void wrong(match *t, const char *format, ...)
{
    va_list args;
    if (t->wrong++ >= LISTED)
        return;
    va_start(args, format);
    dg_text_add(&t->text, t->wrong > 1 ? "; " : "");
    dg_text_vprintf(&t->text, format, args);
    va_end(args);
}

/* The next module after `from` that is open and fits; NULL: none. */
static dg_torch_module *next_module(const match *t, const dg_torch_place *p, int *from)
{
    while (*from < t->m->n) {
        dg_torch_module *m = &t->m->module[(*from)++];
        if (!m->place && fits(t, p, m))
            return m;
    }
    return NULL;
}

static dg_torch_place *next_place(const match *t, const dg_torch_module *m, int *from)
{
    while (*from < t->p->n) {
        dg_torch_place *p = &t->p->place[(*from)++];
        if (is_open(p) && fits(t, p, m))
            return p;
    }
    return NULL;
}

/* 1: those that fit p and those that fit the first of them are as many, and in order. */
static bool is_sure(const match *t, const dg_torch_place *p, bool *alike)
{
    int at = 0, of = 0, n = 0, k = 0;
    bool in_order = true;
    dg_torch_module *first = next_module(t, p, &at), *last = first, *m;
    for (m = first; m; last = m, m = next_module(t, p, &at), n++)
        in_order &= m == last || dg_torch_follows(t->m, last, m);
    while (first && next_place(t, first, &of))
        k++;
    *alike = n > 1 && n == k && !in_order;
    return n > 0 && n == k && in_order;
}

static void match_class(const match *t, const dg_torch_place *p)
{
    int at = 0, of = 0;
    dg_torch_module *first = next_module(t, p, &at), *m = first;
    dg_torch_place *to = next_place(t, first, &of);
    while (m && to) { /* the next ones are found before these are joined */
        dg_torch_place *next = next_place(t, first, &of);
        dg_torch_module *after = next_module(t, to, &at);
        join(to, m);
        to = next;
        m = after;
    }
}

/* Names of all that are alike, on both sides. */
static void tell_alike(match *t, const dg_torch_place *p)
{
    int at = 0, of = 0, n = 0;
    dg_text there = dg_text_make(NULL), here = dg_text_make(NULL);
    dg_torch_module *first = next_module(t, p, &at), *m = first, *second = NULL;
    const dg_torch_place *q, *one = NULL;
    for (; m; m = next_module(t, p, &at), n++) {
        dg_text_printf(&there, "%s'%.60s'", n ? ", " : "", m->name);
        second = n == 0 ? m : second;
    }
    for (n = 0; (q = next_place(t, first, &of)); n++) {
        dg_text_printf(&here, "%s'%.60s'", n ? ", " : "", q->name);
        one = n == 0 ? q : one;
    }
    wrong(t,
          "%.150s are alike, and so are %.150s: which is which neither names nor numbers tell; say "
          "--map %.60s=%.60s and so on, or write the file with metadata={\"order\": "
          "\"\\n\".join(net.state_dict())}",
          there.data, here.data, second ? second->name : "OLD", one ? one->name : "NEW");
    dg_text_free(&there);
    dg_text_free(&here);
}

static void match_shapes(match *t)
{
    const dg_torch_place *told = NULL;
    for (int i = 0; i < t->p->n; i++) {
        const dg_torch_place *p = &t->p->place[i];
        bool alike = false;
        if (!is_open(p))
            continue;
        if (is_sure(t, p, &alike))
            match_class(t, p);
        else if (alike && !told) {
            tell_alike(t, p);
            told = p;
        }
    }
}

/* ---- What is left ---------------------------------------------------------------------------- */

static void tell_rest(match *t)
{
    dg_text list = dg_text_make(NULL);
    for (int i = 0; i < t->m->n; i++) {
        const dg_torch_module *m = &t->m->module[i];
        list.length = 0;
        dg_torch_list_module(&list, m);
        if (!m->place && !module_allowed(t, m))
            wrong(t, "the model has no place for '%.60s': %.150s", m->name, list.data);
    }
    for (int i = 0; i < t->p->n; i++) {
        const dg_torch_place *p = &t->p->place[i];
        list.length = 0;
        dg_torch_list_place(&list, p);
        if (!p->gone && !p->module && !place_allowed(t, p))
            wrong(t, "'%.60s' %s%.150s", p->name, p->cannot ? "has no like: " : "takes ",
                  p->cannot ? p->cannot : list.data);
    }
    t->text.failed |= list.failed;
    dg_text_free(&list);
}

static int widest(const match *t)
{
    int width = 7;
    for (int i = 0; i < t->m->n; i++) {
        const int n = (int)strlen(t->m->module[i].name);
        width = n > width ? n : width;
    }
    return width < 40 ? width : 40;
}

/* A line for each place: module, node, tensors, and how the axes of the first one turn. */
static void tell_match(const match *t)
{
    const int width = widest(t);
    dg_text line = dg_text_make(NULL);
    for (int i = 0; i < t->p->n && t->as->say; i++) {
        const dg_torch_place *p = &t->p->place[i];
        if (!p->module)
            continue;
        line.length = 0;
        dg_text_printf(&line, "%-*s -> %s: ", width, p->module->name, p->name);
        dg_torch_list_place(&line, p);
        dg_text_printf(&line, " (%s)", p->piece[0].turn);
        t->as->say(t->as->user, line.data);
    }
    dg_text_free(&line);
}

dg_status dg_torch_match(const dg_torch_places *p, const dg_torch_modules *m,
                         const dg_weights_as *as, int n, const char *const allow[], dg_diag *why)
{
    match t = {.p = p, .m = m, .as = as, .n_allow = n, .allow = allow, .why = why};
    t.text = dg_text_make(NULL);
    for (int i = 0; i < as->n_map && why->code == DG_OK; i++)
        map_one(&t, as->map[i]);
    if (why->code != DG_OK)
        return why->code;
    match_names(&t);
    match_shapes(&t);
    if (t.wrong == 0)
        tell_rest(&t);
    tell_match(&t);
    if (t.text.failed)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    else if (t.wrong)
        dg_diag_set(why, DG_EDATA, "the state dict is not this model's: %s%s", t.text.data,
                    t.wrong > LISTED ? "; and more" : "");
    dg_text_free(&t.text);
    return why->code;
}
