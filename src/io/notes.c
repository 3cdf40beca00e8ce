/* What a column has learnt of its source and goes with the model: names of columns, lists of words,
 * the vocabulary of a text. */
#include "io/column.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 400 };

static void key_of(const char *column, const char *what, char key[KEY])
{
    dg_format(key, KEY, "data.%s.%s", column, what);
}

const char *dg_dataset_recall(const dg_dataset *d, const char *column, const char *what)
{
    char key[KEY];
    key_of(column, what, key);
    return d->recall ? d->recall(d->recall_user, key) : NULL;
}

void dg_dataset_follow(dg_dataset *d, dg_recall *recall, void *user)
{
    d->recall = recall;
    d->recall_user = user;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static dg_status not_a_class(dg_dataset *d, const dg_column *c, int k, int32_t id)
{
    const dg_lexicon *list = c->classes.list[k], *own = &c->from->table.words[k];
    const int32_t *x = c->array->data;
    int64_t n = c->classes.n, row = 0;
    dg_text t = dg_text_make(NULL);
    while (row + 1 < c->rows && x[row * n + k] != id)
        row++;
    dg_text_printf(&t, "row %" PRId64 ": '%.80s' is none of the words of the training data: ", row,
                   own->word[id]);
    for (int32_t i = 0; i < list->n && t.length < 400; i++)
        dg_text_printf(&t, "%s%.80s", i ? ", " : "", list->word[i]);
    dg_diag_set(&d->first, DG_EDATA, "%s%s", t.data, t.length >= 400 ? ", ..." : "");
    dg_text_free(&t);
    return d->first.code;
}

/* Ids of the file's words in the list that was learnt. */
static dg_status map_words(dg_dataset *d, dg_column *c, int k)
{
    const dg_lexicon *own = &c->from->table.words[k];
    int32_t *map = dg_arena_array(&d->arena, (size_t)own->n, sizeof *map);
    if (!map)
        return dg_dataset_no_memory(d);
    for (int32_t i = 0; i < own->n; i++) {
        map[i] = dg_lexicon_find(c->classes.list[k], own->word[i]);
        if (map[i] < 0)
            return not_a_class(d, c, k, i);
    }
    c->classes.map[k] = map;
    c->mapped = 1;
    return DG_OK;
}

static dg_status learn_words(dg_dataset *d, dg_column *c, int k)
{
    char what[32];
    dg_format(what, sizeof what, "words.%d", k);
    const char *known = dg_dataset_recall(d, c->name, what);
    c->classes.list[k] = &c->from->table.words[k];
    if (!known)
        return DG_OK;
    dg_status s = dg_lexicon_read(&c->own[k], known);
    if (s != DG_OK)
        return dg_diag_set(&d->first, s, "%s",
                           s == DG_EMEMORY ? dg_status_text(s)
                                           : "the list of its words that was stored is damaged");
    c->classes.list[k] = &c->own[k];
    return map_words(d, c, k);
}

static int64_t characters(const char *text)
{
    int64_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

dg_status dg_column_learn(dg_dataset *d, dg_column *c, int k)
{
    dg_classes *l = &c->classes;
    const dg_table *t = &c->from->table;
    l->characters = characters(c->from->vocabulary);
    if (c->array->type != DG_I32 || k != c->from->words_of)
        return DG_OK;
    l->n = t->words ? t->n : 0;
    l->list = dg_arena_array(&d->arena, (size_t)l->n, sizeof *l->list);
    l->map = dg_arena_array(&d->arena, (size_t)l->n, sizeof *l->map);
    c->own = dg_arena_array(&d->arena, (size_t)l->n, sizeof *c->own);
    if (!l->list || !l->map || !c->own)
        return dg_dataset_no_memory(d);
    for (int i = 0; i < l->n && d->first.code == DG_OK; i++)
        learn_words(d, c, i);
    return d->first.code;
}

void dg_column_forget(dg_column *c)
{
    for (int k = 0; c->own && k < c->classes.n; k++)
        dg_lexicon_free(&c->own[k]);
}

/* ---- As text --------------------------------------------------------------------------------- */

/* The format of a column of dates, if its values are given back as days since 1970; NULL: they are
 * not. */
static const char *date_format(const dg_column *c)
{
    const char *format = NULL;
    for (int k = 0; k < c->n_stages && c->stage[k].type != dg_standardize; k++)
        if (c->stage[k].type->cells == DG_CELLS_TIMES)
            format = c->stage[k].attrs->v[0].text;
        else if (!c->stage[k].type->gaps && !c->stage[k].type->type.augmenting)
            return NULL;
    return format;
}

int dg_column_note(const dg_column *c, int k, char *key, size_t size, char **text)
{
    const dg_table *t = &c->from->table;
    char what[32], full[KEY];
    bool names = t->name != NULL;
    if (names && k == 0) {
        dg_format(what, sizeof what, "names");
        *text = dg_texts_write(t->n, t->name);
    } else if (k - names < c->classes.n) {
        dg_format(what, sizeof what, "words.%d", k - names);
        const dg_lexicon *list = c->classes.list[k - names];
        *text = dg_texts_write(list->n, list->word);
    } else if (k - names == c->classes.n && c->from->vocabulary) {
        dg_format(what, sizeof what, "vocabulary");
        *text = strdup(c->from->vocabulary);
    } else if (k == names + c->classes.n && date_format(c)) {
        dg_format(what, sizeof what, "dates");
        *text = strdup(date_format(c));
    } else
        return 0;
    key_of(c->name, what, full);
    dg_format(key, size, "%s", full);
    return 1;
}

const char *dg_dataset_note(void *dataset, const char *key)
{
    dg_dataset *d = dataset;
    for (int i = 0; i < d->n; i++) {
        char there[KEY], *text;
        for (int k = 0; dg_column_note(d->column[i], k, there, sizeof there, &text); k++) {
            bool same = text && strcmp(there, key) == 0;
            const char *copy = same ? dg_arena_copy_string(&d->arena, text) : NULL;
            free(text);
            if (same)
                return copy;
        }
    }
    return NULL;
}

dg_status dg_column_check_note(const dg_column *c, int k, const char *stored, dg_diag *why)
{
    char key[KEY], *text = NULL;
    bool there = dg_column_note(c, k, key, sizeof key, &text);
    bool same = there && text && strcmp(text, stored) == 0, starved = there && !text;
    free(text);
    if (same)
        return DG_OK;
    if (starved)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_diag_set(why, DG_EDATA,
                              "the %s of '%s' are no longer those that the model was trained with",
                              strstr(key, ".words.")  ? "words"
                              : strstr(key, ".names") ? "columns"
                              : strstr(key, ".dates") ? "dates"
                                                      : "characters",
                              c->name);
    return s;
}
