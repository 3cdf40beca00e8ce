/* predict --with; see with.h. */
#include "cli/with.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "io/lexicon.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ATTRS = 24 };

/* ---- Standard input, read twice -------------------------------------------------------------- */

static int is_input(const dg_list *files)
{
    for (int i = 0; i < files->n; i++) {
        const char *equals = strchr(files->item[i], '=');
        if (strcmp(equals ? equals + 1 : files->item[i], "-") == 0)
            return 1;
    }
    return 0;
}

/* All of standard input into this file; 0: errno says why not. */
static int copy_input(FILE *to)
{
    char block[65536];
    ssize_t n;
    while ((n = read(STDIN_FILENO, block, sizeof block)) > 0)
        if (fwrite(block, 1, (size_t)n, to) != (size_t)n)
            return 0;
    return n == 0 && fflush(to) == 0 && lseek(fileno(to), 0, SEEK_SET) == 0 &&
           dup2(fileno(to), STDIN_FILENO) == STDIN_FILENO;
}

dg_status dg_with_keep(dg_with *w, const dg_list *columns, const dg_list *files, dg_diag *why)
{
    *w = (dg_with){.start = -1};
    if (!columns->n || !is_input(files))
        return DG_OK;
    w->start = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (w->start >= 0)
        return DG_OK;
    FILE *kept = tmpfile();
    int copied = kept && copy_input(kept), error = errno;
    if (kept)
        fclose(kept);
    w->start = 0;
    return copied ? DG_OK
                  : dg_diag_set(why, DG_EFILE, "standard input cannot be kept for --with: %s",
                                strerror(error));
}

/* ---- The table ------------------------------------------------------------------------------- */

static dg_status no_memory(dg_diag *why)
{
    return dg_diag_set(why, DG_EMEMORY, "out of memory");
}

/* The table as the model reads it, but of this column, as words; nothing stands for a gap but an
 * empty field. */
static dg_status fill(dg_dataset *d, const dg_binding *b, const char *path, const char *column,
                      dg_diag *why)
{
    static const dg_attr none = {.word = ""};
    const dg_io_call words[] = {{"fill", 1, &none, 0, 0}, {"classes", 0, NULL, 0, 0}};
    const dg_io_pipe pipe = {column, 0, 2, words};
    dg_attr attr[MOST_ATTRS] = {{.name = "columns", .count = 1, .word = column},
                                {.name = "missing", .count = 1, .word = ""}};
    int n = 2, csv = b && strcmp(b->source.name, "csv") == 0;
    for (int i = 0; csv && i < b->source.n_given && n < MOST_ATTRS; i++) {
        const char *name = b->source.given[i].name;
        if (!name || (strcmp(name, "columns") != 0 && strcmp(name, "except") != 0 &&
                      strcmp(name, "missing") != 0))
            attr[n++] = b->source.given[i];
    }
    if (!csv)
        attr[n++] = (dg_attr){.name = "file", .word = path};
    const dg_io_call source = {"csv", n, attr, 0, 0};
    return dg_dataset_fill(d, 1, &pipe, &source, path, why);
}

/* Whether all of the columns are in that table; the dataset has them then. */
static dg_status try_table(dg_with *w, const dg_predictor *in, const dg_binding *b,
                           const char *path, dg_diag *why)
{
    dg_dataset_free(w->from);
    w->from = dg_dataset_new(in->store ? in->store : in->e->store);
    if (!w->from)
        return no_memory(why);
    for (int k = 0; k < w->n && why->code == DG_OK; k++) {
        if (path && strcmp(path, "-") == 0)
            lseek(STDIN_FILENO, w->start, SEEK_SET);
        fill(w->from, b, path, w->name[k], why);
    }
    if (why->code == DG_OK)
        dg_dataset_seal(w->from, 0, 1, NULL, why);
    return why->code;
}

static dg_status find_table(dg_with *w, const dg_predictor *in, const dg_list *files, dg_diag *why)
{
    const dg_dag *m = in->e->model;
    dg_diag first = {.code = DG_OK};
    for (int i = 0; i < m->n_ports; i++) {
        const dg_binding *b = dg_binding_of(m, i);
        const char *path = dg_inputs_file(files, m->ports[i].name);
        if (files->n ? !path : !b || strcmp(b->source.name, "csv") != 0)
            continue;
        dg_diag here = {.code = DG_OK};
        if (try_table(w, in, b, path, &here) == DG_OK)
            return DG_OK;
        first = first.code == DG_OK ? here : first;
    }
    if (first.code == DG_OK)
        return dg_diag_set(why, DG_EUSAGE, "--with takes columns of a table; the inputs are none");
    *why = first;
    why->node[0] = 0;
    return why->code;
}

/* The distinct texts of column k, in the order of their ids. */
static dg_status read_words(dg_with *w, int k, dg_diag *why)
{
    dg_text key = dg_text_make(NULL);
    dg_text_printf(&key, "data.%s.words.0", w->name[k]);
    const char *list = key.failed ? NULL : dg_dataset_note(w->from, key.data);
    dg_text_free(&key);
    dg_status s = list ? dg_texts_read(list, &w->n_words[k], &w->words[k]) : DG_EMEMORY;
    return s == DG_OK ? s : dg_diag_set(why, s, "%s", dg_status_text(s));
}

/* The text of each row of the inputs. */
static dg_status take_texts(dg_with *w, const dg_predictor *in, int k, dg_diag *why)
{
    dg_column *c = dg_dataset_column(w->from, k);
    const int64_t there = dg_dataset_rows(w->from);
    if (read_words(w, k, why) != DG_OK)
        return why->code;
    for (int64_t i = 0; i < in->rows; i++) {
        int64_t row = dg_predicted_row(in, i);
        int32_t id = 0;
        if (row < 0 || row >= there)
            return dg_diag_set(why, DG_EDATA,
                               "--with %s: its table has %lld rows, and none for "
                               "row %lld of the inputs",
                               w->name[k], (long long)there, (long long)row);
        if (dg_column_read(c, &row, 1, (dg_reading){0}, DG_I32, &id, why) != DG_OK)
            return why->code;
        w->text[i * w->n + k] = w->words[k][id];
    }
    return DG_OK;
}

dg_status dg_with_read(dg_with *w, const dg_predictor *in, const dg_list *columns,
                       const dg_list *files, dg_diag *why)
{
    w->n = columns->n;
    if (!w->n)
        return DG_OK;
    memcpy(w->name, columns->item, (size_t)w->n * sizeof *w->name);
    dg_status s = in->rows_of ? find_table(w, in, files, why)
                              : dg_diag_set(why, DG_EUSAGE, "--with: the model has no inputs");
    if (s == DG_OK && !(w->text = calloc((size_t)(in->rows * w->n) + 1, sizeof *w->text)))
        s = no_memory(why);
    for (int k = 0; k < w->n && s == DG_OK; k++)
        s = take_texts(w, in, k, why);
    return s;
}

void dg_with_free(dg_with *w)
{
    for (int k = 0; k < w->n; k++)
        dg_texts_free(w->n_words[k], w->words[k]);
    free(w->text);
    dg_dataset_free(w->from);
    *w = (dg_with){.n = 0};
}
