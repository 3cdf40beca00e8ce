/* The names that a table of attributes takes, and what an attribute takes, in words. */
#include "graph/attr.h"

#include "base/text.h"
#include <math.h>
#include <string.h>

dg_attr_table dg_attr_table_of(const dg_node_type *type)
{
    return (dg_attr_table){type->name, type->attrs, type->n_attrs, type->inputs, type->n_inputs};
}

static int is_spec(const dg_attr_table *t, const char *name)
{
    for (int i = 0; i < t->n_specs; i++)
        if (strcmp(t->specs[i].name, name) == 0)
            return 1;
    return 0;
}

int dg_attr_input_of(const dg_attr_table *t, const char *name)
{
    for (int i = 0; i < t->n_inputs; i++)
        if (strcmp(t->inputs[i].name, name) == 0)
            return i;
    return -1;
}

/* `init` belongs to the first parameter, which may also be named. */
int dg_attr_init_of(const dg_attr_table *t, const char *name)
{
    int plain = strcmp(name, "init") == 0;
    if (is_spec(t, name))
        return -1;
    for (int i = 0; i < t->n_inputs; i++) {
        if (!(t->inputs[i].flags & DG_IN_MADE))
            continue;
        size_t n = strlen(t->inputs[i].name);
        if (plain || (strncmp(name, t->inputs[i].name, n) == 0 && strcmp(name + n, "_init") == 0))
            return i;
    }
    return -1;
}

int dg_attr_known(const dg_attr_table *t, const char *name)
{
    return is_spec(t, name) || dg_attr_input_of(t, name) >= 0 || dg_attr_init_of(t, name) >= 0 ||
           (t->inputs && strcmp(name, "name") == 0);
}

/* The k-th input worth naming (those that must be given are given by place). */
static const char *keyword_at(const dg_attr_table *t, int *k)
{
    for (int i = 0; i < t->n_inputs; i++) {
        const dg_input_spec *in = &t->inputs[i];
        if (in->flags & (DG_IN_OPTIONAL | DG_IN_MADE) && !is_spec(t, in->name) && (*k)-- == 0)
            return in->name;
    }
    return NULL;
}

static const char *init_at(const dg_attr_table *t, int *k, char room[DG_ATTR_NAME_ROOM])
{
    int first = 1;
    for (int i = 0; i < t->n_inputs; i++) {
        if (!(t->inputs[i].flags & DG_IN_MADE))
            continue;
        dg_format(room, DG_ATTR_NAME_ROOM, "%s%s", first ? "" : t->inputs[i].name,
                  first ? "init" : "_init");
        first = 0;
        if (!is_spec(t, room) && (*k)-- == 0)
            return room;
    }
    return NULL;
}

const char *dg_attr_name_at(const dg_attr_table *t, int k, char room[DG_ATTR_NAME_ROOM])
{
    if (k < 0 || k < t->n_specs)
        return k < 0 ? NULL : t->specs[k].name;
    k -= t->n_specs;
    const char *name = keyword_at(t, &k);
    if (!name)
        name = init_at(t, &k, room);
    return name || !t->inputs || k != 0 ? name : "name";
}

/* Appends to text of n bytes what fits. */
static void append(char *text, size_t n, const char *piece)
{
    size_t used = strlen(text);
    dg_format(text + used, n - used, "%s", piece);
}

char *dg_attr_names(const dg_attr_table *t, char *text, size_t n)
{
    char room[DG_ATTR_NAME_ROOM];
    const char *name;
    *text = 0;
    for (int k = 0; (name = dg_attr_name_at(t, k, room)); k++) {
        append(text, n, k > 0 ? ", " : "");
        append(text, n, name);
    }
    return text;
}

int dg_attr_most(const dg_attr_spec *spec)
{
    int most = spec->max_count < 1 ? 1 : spec->max_count;
    return most > DG_MAX_NUMBERS ? DG_MAX_NUMBERS : most;
}

char *dg_attr_range(const dg_attr_spec *spec, char *text, size_t n)
{
    char low[DG_NUMBER_TEXT], high[DG_NUMBER_TEXT];
    dg_f64_text(spec->low, low);
    dg_f64_text(spec->high, high);
    *text = 0;
    if (isfinite(spec->low) && isfinite(spec->high))
        dg_format(text, n, "%s to %s", low, high);
    else if (isfinite(spec->low))
        dg_format(text, n, "at least %s", low);
    else if (isfinite(spec->high))
        dg_format(text, n, "at most %s", high);
    return text;
}

/* "a whole number, 1 to 9", "1 to 4 numbers, each at least 0". */
static void add_numbers(const dg_attr_spec *s, char *text, size_t n)
{
    char range[2 * DG_NUMBER_TEXT + 16], count[32];
    const char *whole = s->kind & DG_ATTR_REAL ? "" : "whole ";
    int most = dg_attr_most(s);
    dg_format(count, sizeof count, "1 to %d ", most);
    append(text, n, most > 1 ? count : "a ");
    append(text, n, whole);
    append(text, n, most > 1 ? "numbers" : "number");
    if (*dg_attr_range(s, range, sizeof range)) {
        append(text, n, most > 1 ? ", each " : ", ");
        append(text, n, range);
    }
}

/* The words of the specification as "same, valid". */
static void add_words(const char *words, char *text, size_t n)
{
    size_t length = strcspn(words, " ");
    while (length > 0) {
        size_t used = strlen(text);
        dg_format(text + used, n - used, "%.*s", (int)length, words);
        words += length;
        words += strspn(words, " ");
        length = strcspn(words, " ");
        append(text, n, length > 0 ? ", " : "");
    }
}

char *dg_attr_takes(const dg_attr_spec *spec, char *text, size_t n)
{
    unsigned kind = spec->kind;
    *text = 0;
    if (kind & DG_ATTR_WORD && spec->words)
        add_words(spec->words, text, n);
    if (kind & (DG_ATTR_INT | DG_ATTR_REAL)) {
        append(text, n, *text ? ", or " : "");
        add_numbers(spec, text, n);
    }
    if (kind & DG_ATTR_BOOL) {
        append(text, n, *text ? ", or " : "");
        append(text, n, "true or false");
    }
    if (kind & DG_ATTR_TEXT) {
        append(text, n, *text ? ", or " : "");
        append(text, n, "a text");
    }
    return text;
}
