/* Names of classes and columns, from the notes of a checkpoint. */
#include "train/legend.h"
#include "base/text.h"
#include "io/utf8.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *recall_of(dg_recall *recall, void *user, const char *port, const char *what)
{
    char key[400];
    dg_format(key, sizeof key, "data.%s.%s", port, what);
    return recall(user, key);
}

/* Each character of a text as a name. */
static dg_status read_characters(dg_legend *l, const char *text)
{
    size_t length = strlen(text);
    l->name = calloc(length + 1, sizeof *l->name);
    for (size_t at = 0, n = 0; l->name && at < length && l->n < INT_MAX; at += n) {
        uint32_t code;
        n = dg_utf8_read(text + at, length - at, &code);
        l->name[l->n] = n ? strndup(text + at, n) : NULL;
        if (!l->name[l->n++])
            return DG_EMEMORY;
    }
    return l->name ? DG_OK : DG_EMEMORY;
}

/* A value of one list of words speaks in words, a text in characters, another one in columns. */
static dg_status read_one(dg_legend *l, const char *port, dg_recall *recall, void *user)
{
    const char *words = recall_of(recall, user, port, "words.0");
    const char *names = recall_of(recall, user, port, "names");
    const char *text = recall_of(recall, user, port, "vocabulary");
    const char *dates = recall_of(recall, user, port, "dates");
    int single = words && !recall_of(recall, user, port, "words.1");
    l->dates = dates ? strdup(dates) : NULL;
    if (dates && !l->dates)
        return DG_EMEMORY;
    l->classes = single || text;
    if (text)
        return read_characters(l, text);
    return words || names ? dg_texts_read(single ? words : names, &l->n, &l->name) : DG_OK;
}

dg_status dg_legends_read(dg_experiment *e, dg_recall *recall, void *user, dg_diag *why)
{
    int ports = e->model->n_ports;
    dg_status s = DG_OK;
    dg_legends_free(e);
    e->legends = calloc((size_t)ports + 1, sizeof *e->legends);
    for (int i = 0; i < ports && e->legends && s == DG_OK; i++)
        s = read_one(&e->legends[i], e->model->ports[i].name, recall, user);
    if (!e->legends || s == DG_EMEMORY)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    return s == DG_OK
               ? DG_OK
               : dg_diag_set(why, DG_EDATA, "the names that are stored with the model are damaged");
}

void dg_legends_free(dg_experiment *e)
{
    for (int i = 0; e->legends && i < e->model->n_ports; i++) {
        dg_texts_free(e->legends[i].n, e->legends[i].name);
        free(e->legends[i].dates);
    }
    free(e->legends);
    e->legends = NULL;
}

const dg_legend *dg_legend_of(const dg_experiment *e, dg_value v)
{
    for (int i = 0; e->legends && i < e->model->n_ports; i++)
        if (e->model->ports[i].value.id == v.id && e->legends[i].n > 0)
            return &e->legends[i];
    return NULL;
}

const char *dg_legend_class(const dg_legend *l, double id)
{
    int64_t k = l && l->classes && id >= 0 && id < l->n ? (int64_t)id : -1;
    return k >= 0 && (double)k >= id ? l->name[k] : NULL;
}

const char *dg_legend_word(const dg_legend *l, int is_id, double x, char room[DG_DATE_TEXT])
{
    if (is_id)
        return dg_legend_class(l, x);
    return l && l->dates && dg_date_write(x, l->dates, room) ? room : NULL;
}
