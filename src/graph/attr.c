/* Attributes against their table: names, counts, kinds, ranges, words, defaults. */
#include "graph/attr.h"

#include "base/text.h"
#include <math.h>
#include <string.h>

enum { NUMBERS = DG_ATTR_INT | DG_ATTR_REAL | DG_ATTR_BOOL, SHOWN = 60 };

/* The attribute being looked at. */
typedef struct {
    const dg_attr_table *table;
    const dg_attr *given;
    const dg_attr_spec *spec; /* NULL: the name is not one of the specs */
    dg_arena *arena;
    dg_diag *why;
} check;

/* A word as a message quotes it: a long one is cut between two characters. */
static const char *quoted(const char *word, char room[SHOWN + 6])
{
    size_t n = strlen(word);
    if (n <= SHOWN) {
        dg_format(room, SHOWN + 6, "'%s'", word);
        return room;
    }
    n = SHOWN;
    while (n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80)
        n--;
    dg_format(room, SHOWN + 6, "'%.*s...'", (int)n, word);
    return room;
}

static dg_status refuse(const check *c, const char *found, const char *takes)
{
    if (c->why && c->why->code == DG_OK) {
        c->why->start = c->given->start;
        c->why->end = c->given->end;
    }
    return dg_diag_set(c->why, DG_EMODEL, "%s of %s %s%s%s", c->given->name, c->table->of, found,
                       takes ? ", it takes " : "", takes ? takes : "");
}

static dg_status refuse_kind(const check *c, const char *found)
{
    char takes[320];
    return refuse(c, found, dg_attr_takes(c->spec, takes, sizeof takes));
}

static dg_status refuse_word(const check *c)
{
    char word[SHOWN + 6], found[SHOWN + 16];
    dg_format(found, sizeof found, "is %s", quoted(c->given->word, word));
    return refuse_kind(c, found);
}

static dg_status refuse_unknown(const check *c)
{
    char word[SHOWN + 6];
    if (c->why && c->why->code == DG_OK) {
        c->why->start = c->given->start;
        c->why->end = c->given->end;
    }
    return dg_diag_set(c->why, DG_EMODEL, "%s has no attribute %s", c->table->of,
                       quoted(c->given->name, word));
}

static dg_status take_number(const check *c, double x)
{
    char number[DG_NUMBER_TEXT], found[DG_NUMBER_TEXT + 8], range[2 * DG_NUMBER_TEXT + 8];
    const dg_attr_spec *s = c->spec;
    dg_format(found, sizeof found, "%s %s", c->given->count > 1 ? "holds" : "is",
              dg_f64_text(x, number));
    int whole = fabs(x) <= 0x1p53 && floor(x) == x;
    if ((s->kind & NUMBERS) == DG_ATTR_BOOL)
        return x == 0 || x == 1 ? DG_OK : refuse_kind(c, found);
    if (isnan(x) || (!whole && !(s->kind & DG_ATTR_REAL)))
        return refuse_kind(c, found);
    if (x >= s->low && x <= s->high)
        return DG_OK;
    return refuse(c, found, dg_attr_range(s, range, sizeof range));
}

static dg_status take_numbers(const check *c, dg_attr_value *out)
{
    int n = c->given->count;
    char found[64];
    dg_format(found, sizeof found, "has %d numbers", n);
    if (!(c->spec->kind & NUMBERS) && n == 1)
        return refuse_kind(c, "is a number");
    if (!(c->spec->kind & NUMBERS) || n > dg_attr_most(c->spec))
        return refuse_kind(c, found);
    for (int i = 0; i < n; i++) {
        dg_status s = take_number(c, c->given->number[i]);
        if (s != DG_OK)
            return s;
        out->number[i] = c->given->number[i];
    }
    out->count = n;
    return DG_OK;
}

/* The index of word in a list separated by spaces, -1: not there. */
static int find_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (int k = 0; words && *words; k++) {
        size_t length = strcspn(words, " ");
        if (length == n && memcmp(words, word, n) == 0)
            return k;
        words += length;
        words += strspn(words, " ");
    }
    return -1;
}

static dg_status take_word(const check *c, dg_attr_value *out)
{
    const char *word = c->given->word;
    unsigned kind = c->spec->kind;
    out->word = kind & DG_ATTR_WORD ? find_word(c->spec->words, word) : -1;
    if (out->word >= 0)
        return DG_OK;
    int truth = strcmp(word, "true") == 0;
    if (kind & DG_ATTR_BOOL && (truth || strcmp(word, "false") == 0)) {
        out->count = 1;
        out->number[0] = truth;
        return DG_OK;
    }
    if (!(kind & DG_ATTR_TEXT))
        return refuse_word(c);
    out->count = c->given->count; /* texts of a list: [""] has one */
    out->text = dg_arena_copy_string(c->arena, word);
    return out->text ? DG_OK : dg_diag_set(c->why, DG_EMEMORY, "out of memory");
}

static dg_status take(const check *c, dg_attr_value *out)
{
    *out = (dg_attr_value){.word = -1};
    if (c->given->value)
        return refuse_kind(c, "is a value of the graph");
    if (c->given->word)
        return take_word(c, out);
    if (c->given->count > 0 && c->given->number)
        return take_numbers(c, out);
    return refuse_kind(c, "is empty");
}

/* "1", "[1, 2]" or "1, 2" as numbers; their count, 0 if text is something else. */
static int read_numbers(const char *text, double number[DG_MAX_NUMBERS])
{
    int n = 0;
    text += strspn(text, " [");
    while (n < DG_MAX_NUMBERS) {
        text = dg_read_f64(text, &number[n]);
        if (!text)
            return 0;
        n++;
        text += strspn(text, " ");
        if (*text != ',')
            break;
        text += 1 + strspn(text + 1, " ");
    }
    text += strspn(text, "] ");
    return *text ? 0 : n;
}

/* The default, by the same checks as what a caller gives. */
static dg_status take_preset(const check *c, dg_attr_value *out)
{
    double number[DG_MAX_NUMBERS];
    const char *preset = c->spec->preset;
    *out = (dg_attr_value){.word = -1};
    if (preset && !*preset)
        return DG_OK;
    dg_attr given = {.name = c->spec->name, .word = preset};
    check of_preset = *c;
    of_preset.given = &given;
    if (!preset)
        return refuse_kind(&of_preset, "is not given");
    given.count = c->spec->kind & NUMBERS ? read_numbers(preset, number) : 0;
    if (given.count > 0) {
        given.number = number;
        given.word = NULL;
    }
    return take(&of_preset, out);
}

static const dg_attr_spec *find_spec(const dg_attr_table *t, const char *name)
{
    for (int i = 0; i < t->n_specs; i++)
        if (strcmp(t->specs[i].name, name) == 0)
            return &t->specs[i];
    return NULL;
}

/* What dg_apply uses itself: here only that it has the right form. */
static dg_status pass_over(const check *c)
{
    const dg_attr *a = c->given;
    const dg_attr_table *t = c->table;
    if (dg_attr_input_of(t, a->name) >= 0)
        return a->value ? DG_OK : refuse(c, "is not a value", "a value of the graph");
    if (dg_attr_init_of(t, a->name) >= 0)
        return a->word ? DG_OK : refuse(c, "is not a text", "an initialiser, as normal(0.1)");
    if (t->inputs && strcmp(a->name, "name") == 0)
        return a->word && *a->word ? DG_OK : refuse(c, "is not a text", "a text");
    return refuse_unknown(c);
}

static int is_input(const check *c)
{
    return c->given->value && dg_attr_input_of(c->table, c->given->name) >= 0;
}

/* `bias=false, bias=b` is twice the same name too. */
static dg_status check_name(check *c, int n, const dg_attr given[])
{
    if (!c->given->name)
        return dg_diag_set(c->why, DG_EUSAGE, "an attribute of %s has no name", c->table->of);
    for (int i = 0; i < n; i++)
        if (strcmp(given[i].name, c->given->name) == 0)
            return refuse(c, "is given twice", NULL);
    c->spec = find_spec(c->table, c->given->name);
    return DG_OK;
}

dg_status dg_attrs_check(const dg_attr_table *t, int n, const dg_attr given[], dg_arena *arena,
                         const dg_attrs **out, dg_diag *why)
{
    check c = {.table = t, .arena = arena, .why = why};
    dg_attrs *attrs = dg_arena_alloc(arena, sizeof *attrs);
    dg_attr_value *v = dg_arena_array(arena, (size_t)t->n_specs, sizeof *v);
    char *done = dg_arena_alloc(arena, (size_t)t->n_specs);
    if (!attrs || !v || !done)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = DG_OK;
    for (int i = 0; i < n && s == DG_OK; i++) {
        c.given = &given[i];
        s = check_name(&c, i, given);
        if (s != DG_OK)
            break;
        if (!c.spec || is_input(&c)) {
            s = pass_over(&c);
        } else {
            s = take(&c, &v[c.spec - t->specs]);
            done[c.spec - t->specs] = 1;
        }
    }
    for (int k = 0; k < t->n_specs && s == DG_OK; k++) {
        c.spec = &t->specs[k];
        if (!done[k])
            s = take_preset(&c, &v[k]);
    }
    *attrs = (dg_attrs){t->n_specs, v};
    *out = s == DG_OK ? attrs : NULL;
    return s;
}
