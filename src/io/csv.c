/* CSV: lines of fields become an array of numbers, or of ids of words. What a field holds is never
 * guessed: one that is not what was asked for is an error that says what would read it. */
#include "io/csv.h"

#include "base/checked.h"
#include "io/dates.h"
#include "io/file.h"
#include "io/utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    dg_csv_scan s;
    const dg_csv_options *o;
    char point;
    dg_csv_first first;
    int *slot; /* of field k in a row of the result, -1: not wanted */
    int n_slots;
    bool numbers;  /* columns are asked for by their numbers */
    int64_t rows;  /* that were read */
    int64_t *gaps; /* of each slot */
    dg_csv_field first_gap;
    dg_table *out;
} csv;

static dg_status no_memory(csv *c)
{
    return dg_diag_set(dg_reader_diag(c->s.r), DG_EMEMORY, "out of memory");
}

void dg_table_free(dg_table *t)
{
    dg_array_free(&t->array);
    for (int k = 0; k < t->n; k++) {
        if (t->name)
            free(t->name[k]);
        if (t->words)
            dg_lexicon_free(&t->words[k]);
    }
    free(t->name);
    free(t->words);
    *t = (dg_table){.n = 0};
}

/* ---- Which fields are wanted ----------------------------------------------------------------- */

static dg_status no_column(csv *c, const char *wanted)
{
    dg_text t = dg_text_make(NULL);
    dg_text_printf(&t, "no column '%s'; ", wanted);
    if (!c->first.header && c->o->positions)
        dg_text_printf(&t, "a table without header has the model's %d columns in order, not %d",
                       c->o->n_columns, c->first.n);
    else if (!c->first.header)
        dg_text_printf(&t, "without a header they are numbers from 1 to %d", c->first.n);
    else
        dg_text_printf(&t, "there is: ");
    for (int k = 0; c->first.header && k < c->first.n && t.length < 500; k++)
        dg_text_printf(&t, "%s%s", k ? ", " : "", c->first.name[k]);
    dg_status status =
        dg_file_fail(dg_reader_diag(c->s.r), DG_EDATA, dg_reader_name(c->s.r), 1, 0, "%s", t.data);
    dg_text_free(&t);
    return status;
}

/* A name with * and ? fits a text. */
static bool fits(const char *pattern, const char *text)
{
    for (; *pattern && *pattern != '*'; pattern++, text++)
        if (!*text || (*pattern != '?' && *pattern != *text))
            return false;
    if (!*pattern)
        return !*text;
    for (;; text++) {
        if (fits(pattern + 1, text))
            return true;
        if (!*text)
            return false;
    }
}

/* Columns are known by their numbers: there is no header, or there was none where they were learnt.
 */
static bool by_number(const csv *c)
{
    bool names = !c->o->positions || c->o->n_columns == 0;
    if (!c->first.header)
        return true;
    for (int i = 0; i < c->o->n_columns && !names; i++) {
        int64_t number;
        const char *end = dg_read_i64(c->o->column[i], &number);
        names = !end || *end;
        for (int k = 0; k < c->first.n && !names; k++)
            names = strcmp(c->first.name[k], c->o->column[i]) == 0;
    }
    return !names;
}

static bool is_column(const csv *c, int k, const char *wanted, bool pattern)
{
    int64_t number = 0;
    const char *end = c->numbers ? dg_read_i64(wanted, &number) : NULL;
    if (c->numbers)
        return end && !*end && number == k + 1;
    return pattern ? fits(wanted, c->first.name[k]) : strcmp(c->first.name[k], wanted) == 0;
}

/* Gives the columns of a name or pattern the next slots, or, with `leave`, takes them away. */
static dg_status choose(csv *c, const char *wanted, bool leave)
{
    int count = 0;
    for (int k = 0; k < c->first.n; k++)
        count += is_column(c, k, wanted, false);
    bool pattern = count == 0 && strpbrk(wanted, "*?") != NULL, twice = count > 1;
    for (int k = 0; k < c->first.n; k++) {
        if (!is_column(c, k, wanted, pattern))
            continue;
        if (twice || (!leave && c->slot[k] >= 0 && !pattern))
            return dg_file_fail(dg_reader_diag(c->s.r), DG_EDATA, dg_reader_name(c->s.r), 1, 0,
                                "the column '%s' is %s twice", wanted,
                                twice ? "there" : "asked for");
        count += pattern;
        if (leave)
            c->slot[k] = -1;
        else if (c->slot[k] < 0)
            c->slot[k] = c->n_slots++;
    }
    return count > 0 ? DG_OK : no_column(c, wanted);
}

/* A table without header whose columns are those that are known, one after the other. */
static bool in_order(const csv *c)
{
    return c->o->positions && !c->first.header && c->first.n == c->o->n_columns;
}

static dg_status name_slots(csv *c)
{
    dg_table *t = c->out;
    t->n = c->n_slots;
    t->name = calloc((size_t)t->n + 1, sizeof *t->name);
    t->words = calloc((size_t)t->n + 1, sizeof *t->words);
    c->gaps = calloc((size_t)t->n + 1, sizeof *c->gaps);
    if (!t->name || !t->words || !c->gaps)
        return no_memory(c);
    for (int k = 0; k < c->first.n; k++) {
        char number[24];
        dg_format(number, sizeof number, "%d", k + 1);
        const char *name = c->first.header && !c->numbers ? c->first.name[k]
                           : in_order(c)                  ? c->o->column[k]
                                                          : number;
        if (c->slot[k] >= 0 && !(t->name[c->slot[k]] = strdup(name)))
            return no_memory(c);
    }
    return DG_OK;
}

static dg_status choose_all(csv *c)
{
    const dg_csv_options *o = c->o;
    c->slot = malloc((size_t)c->first.n * sizeof *c->slot);
    if (!c->slot)
        return no_memory(c);
    bool all = !o->n_columns || in_order(c);
    c->numbers = by_number(c);
    for (int k = 0; k < c->first.n; k++)
        c->slot[k] = all ? k : -1;
    dg_status status = DG_OK;
    for (int i = 0; i < o->n_columns && !all && status == DG_OK; i++)
        status = choose(c, o->column[i], false);
    for (int i = 0; i < o->n_except && status == DG_OK; i++)
        status = choose(c, o->except[i], true);
    int n = 0;
    for (int k = 0; k < c->first.n && (all || o->n_except); k++)
        c->slot[k] = c->slot[k] < 0 ? -1 : n++; /* in the order of the file */
    c->n_slots = all || o->n_except ? n : c->n_slots;
    if (status == DG_OK && c->n_slots == 0)
        status = dg_file_fail(dg_reader_diag(c->s.r), DG_EDATA, dg_reader_name(c->s.r), 1, 0,
                              "except leaves no column");
    return status == DG_OK ? name_slots(c) : status;
}

/* ---- Fields that do not fit ------------------------------------------------------------------ */

/* Most of column k are numbers or gaps, in the rows before and some after this one. */
static bool is_rare(const csv *c, int k)
{
    enum { LINES = 100 };
    dg_diag *why = dg_reader_diag(c->s.r), kept = {.code = DG_OK};
    int64_t numbers = c->rows, all = c->rows + 1;
    dg_csv_scan s = c->s;
    double x;
    if (why)
        kept = *why; /* what else is wrong is not told now */
    dg_csv_pass_line(&s);
    dg_csv_end_line(&s);
    for (int i = 0; i < LINES && dg_csv_begin_line(&s, true); i++) {
        dg_csv_field f = {0};
        bool there = true;
        for (int j = 0; j <= k && there; j++)
            there = dg_csv_next_field(&s, &f) == DG_OK && (j == k || dg_csv_more(&s));
        numbers += there && (dg_csv_is_missing(c->o, &f) || dg_csv_number(&f, c->point, &x));
        all++;
        dg_csv_pass_line(&s);
        dg_csv_end_line(&s);
    }
    if (why)
        *why = kept;
    return 2 * numbers > all;
}

static dg_status bad_field(csv *c, const dg_csv_field *f, int k, bool is_number)
{
    const dg_csv_bad b = {f,
                          k,
                          c->first.header ? c->first.name[k] : NULL,
                          is_number,
                          !is_number && is_rare(c, k),
                          c->o->n_columns == 0 && c->n_slots > 1};
    return dg_csv_bad_field(c->s.r, c->o, &b);
}

/* How many gaps there are, and in which columns. */
static dg_status tell_gaps(csv *c)
{
    dg_text t = dg_text_make(NULL);
    int64_t all = 0;
    for (int k = 0; k < c->n_slots; k++)
        all += c->gaps[k];
    dg_text_printf(&t, "%" PRId64 " gap%s: ", all, all == 1 ? "" : "s");
    for (int k = 0, n = 0; k < c->n_slots && t.length < 300; k++)
        if (c->gaps[k])
            dg_text_printf(&t, "%s'%s' has %" PRId64, n++ ? ", " : "", c->out->name[k], c->gaps[k]);
    dg_text_printf(&t, ", the first here; %s%s",
                   c->o->cells == DG_CELLS_WORDS ? "| fill(\"none\") makes a word of them"
                                                 : "| fill(mean) (median, a number) fills them",
                   c->o->windows ? "" : ", | drop leaves their rows out");
    dg_status status = t.failed ? no_memory(c) : dg_csv_fail(c->s.r, &c->first_gap, t.data);
    dg_text_free(&t);
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static dg_status read_word(csv *c, const dg_csv_field *f, int k, int32_t *out)
{
    if (dg_utf8_check(f->at, f->n) < f->n || memchr(f->at, 0, f->n))
        return bad_field(c, f, k, false);
    char *text = f->quoted ? dg_csv_text(f) : NULL;
    const char *at = text ? text : f->at;
    *out = f->quoted && !text
               ? -1
               : dg_lexicon_add(&c->out->words[c->slot[k]], at, text ? strlen(text) : f->n);
    free(text);
    return *out < 0 ? no_memory(c) : DG_OK;
}

static void count_gap(csv *c, const dg_csv_field *f, int slot)
{
    if (!c->first_gap.at)
        c->first_gap = *f;
    c->gaps[slot]++;
    c->out->gaps++;
}

/* Field k, which is wanted, into its place of the row. */
static dg_status read_field(csv *c, const dg_csv_field *f, int k, char *row)
{
    const int slot = c->slot[k];
    const char *fill = c->o->fill;
    const dg_csv_field filled = {fill, fill ? strlen(fill) : 0, f->line, f->line_at, false};
    bool gap = dg_csv_is_missing(c->o, f), is = true;
    double *x = (double *)row + slot;
    if (gap && fill && c->o->cells == DG_CELLS_WORDS)
        return read_word(c, &filled, k, (int32_t *)row + slot);
    if (gap)
        count_gap(c, f, slot);
    switch (c->o->cells) {
    case DG_CELLS_GAPS:
        ((uint8_t *)row)[slot] = gap;
        return DG_OK;
    case DG_CELLS_WORDS:
        ((int32_t *)row)[slot] = -1;
        return gap ? DG_OK : read_word(c, f, k, (int32_t *)row + slot);
    case DG_CELLS_TIMES:
        is = gap || dg_date_read(f->at, f->n, c->o->format, x);
        break;
    case DG_CELLS_NUMBERS:
        is = gap || dg_csv_number(f, c->point, x);
        break;
    }
    if (gap)
        *x = (double)NAN;
    return is && (gap || isfinite(*x)) ? DG_OK : bad_field(c, f, k, is);
}

/* row NULL: only how many fields there are is looked at. */
static dg_status read_line(csv *c, char *row)
{
    for (int k = 0; k < c->first.n; k++) {
        dg_csv_field f;
        if (dg_csv_next_field(&c->s, &f) != DG_OK)
            return DG_EDATA;
        if (row && c->slot[k] >= 0) {
            dg_status status = read_field(c, &f, k, row);
            if (status != DG_OK)
                return status;
        }
        bool more = dg_csv_more(&c->s), last = k + 1 == c->first.n;
        if (more == last)
            return dg_csv_wrong_count(&c->s, k + 1, &c->first, more,
                                      c->rows == !c->first.header && !c->o->skip);
    }
    dg_csv_end_line(&c->s);
    return DG_OK;
}

/* A line has a byte for the end of each field. */
static int64_t most_lines(const csv *c)
{
    int64_t bytes = c->s.end - c->s.p, lines = 1;
    for (const char *p = c->s.p; (p = memchr(p, '\n', (size_t)(c->s.end - p))); p++)
        lines++;
    int64_t fit = (bytes + 1) / c->first.n + 1;
    return lines < fit ? lines : fit;
}

static dg_type type_of(dg_cells cells)
{
    return cells == DG_CELLS_WORDS ? DG_I32 : cells == DG_CELLS_GAPS ? DG_U8 : DG_F64;
}

/* One column that was named is a vector. */
static bool is_vector(const csv *c)
{
    return c->n_slots == 1 && c->o->n_columns == 1 && !c->o->matrix &&
           !strpbrk(c->o->column[0], "*?");
}

static dg_status read_lines(csv *c)
{
    dg_array *out = &c->out->array;
    dg_shape shape = {.rank = is_vector(c) ? 1 : 2, .dim = {most_lines(c), 0}};
    if (shape.rank == 2)
        shape.dim[1] = c->n_slots;
    dg_status status = dg_array_make(out, type_of(c->o->cells), &shape, dg_reader_diag(c->s.r));
    size_t row = (size_t)c->n_slots * dg_type_bytes(out->type);
    bool empty = c->first.n > 1; /* a blank line is no row, but in a table of one column a gap */
    csv look = *c; /* the number of fields tells more than what the first of them holds */
    if (status == DG_OK && dg_csv_begin_line(&look.s, empty))
        status = read_line(&look, NULL);
    for (; status == DG_OK && dg_csv_begin_line(&c->s, empty) && c->rows < shape.dim[0]; c->rows++)
        status = read_line(c, (char *)out->data + (size_t)c->rows * row);
    if (status == DG_OK && c->rows == 0) {
        const dg_csv_field end = dg_csv_here(&c->s);
        status = dg_csv_fail(c->s.r, &end, "there is no line of numbers");
    }
    if (status == DG_OK && dg_csv_begin_line(&c->s, empty))
        status = dg_file_fail(dg_reader_diag(c->s.r), DG_EINTERNAL, dg_reader_name(c->s.r),
                              c->s.line, 0, "more lines than were counted");
    out->shape.dim[0] = c->rows;
    out->bytes = (size_t)c->rows * row;
    if (status == DG_OK && c->out->gaps && !c->o->gaps && c->o->cells != DG_CELLS_GAPS)
        status = tell_gaps(c);
    return status;
}

/* Ids in the order of the sorted words. */
static dg_status sort_words(csv *c)
{
    int32_t *id = c->out->array.data;
    int64_t rows = c->out->array.shape.dim[0];
    for (int k = 0; k < c->n_slots; k++) {
        dg_lexicon *w = &c->out->words[k];
        int32_t *rank = malloc(((size_t)w->n + 1) * sizeof *rank);
        bool good = rank && dg_lexicon_sort(w, rank);
        for (int64_t i = 0; good && i < rows; i++)
            if (id[i * c->n_slots + k] >= 0)
                id[i * c->n_slots + k] = rank[id[i * c->n_slots + k]];
        free(rank);
        if (!good)
            return no_memory(c);
    }
    return DG_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* A first line "sep=;", which spreadsheets take as a word to themselves. */
static bool says_separator(const dg_csv_scan *s)
{
    return s->end - s->p > 5 && strncmp(s->p, "sep=", 4) == 0 && s->p[4] != '\r' &&
           (s->p[5] == '\n' || (s->p[5] == '\r' && s->p[6] == '\n'));
}

static dg_status begin(csv *c)
{
    const dg_csv_field start = dg_csv_here(&c->s);
    if (strncmp(c->s.p, "\xef\xbb\xbf", 3) == 0)
        c->s.p += 3; /* the mark of UTF-8 that some programs write */
    c->s.line_at = c->s.p;
    for (int k = 0; k < c->o->skip && c->s.p < c->s.end; k++) {
        dg_csv_pass_line(&c->s);
        dg_csv_end_line(&c->s);
    }
    if (c->o->skip && c->s.p == c->s.end)
        return dg_csv_fail(c->s.r, &start, "skip leaves nothing of it");
    c->s.separator = (char)c->o->separator;
    if (!c->s.separator && says_separator(&c->s)) {
        c->s.separator = c->s.p[4];
        dg_csv_pass_line(&c->s);
        dg_csv_end_line(&c->s);
    }
    if (!c->s.separator)
        c->s.separator = dg_csv_find_separator(&c->s);
    return DG_OK;
}

/* A first line of another form, as np.savetxt writes it: asked for here, where a line of numbers
 * after it would only be called too long. */
static dg_status check_comment(csv *c)
{
    const dg_csv_field start = dg_csv_here(&c->s);
    if (c->o->comment || c->o->header != DG_HEADER_AUTO || *c->s.p != '#')
        return DG_OK;
    return dg_csv_fail(c->s.r, &start,
                       "the first line begins with '#': comment=\"#\" passes over such lines, "
                       "header=true takes it; `grep -v '^#'` leaves them out of the file");
}

static dg_status read_text(csv *c)
{
    dg_status status = begin(c);
    if (status == DG_OK)
        status = check_comment(c);
    if (status == DG_OK)
        status = dg_csv_read_first(&c->s, c->o, &c->first);
    if (status == DG_OK)
        status = choose_all(c);
    if (status == DG_OK)
        status = read_lines(c);
    if (status == DG_OK && c->o->cells == DG_CELLS_WORDS)
        status = sort_words(c);
    c->out->separator = c->s.separator;
    c->out->header = c->first.header;
    c->out->fields = c->first.n;
    c->out->numbered = c->numbers;
    dg_csv_free_names(c->first.n, c->first.name);
    free(c->slot);
    free(c->gaps);
    return status;
}

dg_status dg_table_read(dg_reader *r, const dg_csv_options *o, dg_table *out)
{
    static const dg_csv_options usual = {.header = DG_HEADER_AUTO};
    char *text;
    size_t n;
    *out = (dg_table){.n = 0};
    if (dg_foreign_refuse(r, false) != DG_OK || dg_reader_rest(r, &text, &n) != DG_OK)
        return dg_reader_status(r);
    o = o ? o : &usual;
    dg_status status = dg_csv_decode(r, &text, &n);
    csv c = {.o = o, .point = o->decimal ? o->decimal : '.', .out = out};
    c.s = (dg_csv_scan){.r = r, .p = text, .end = text + n, .line = 1, .comment = o->comment};
    c.s.line_at = text;
    if (status == DG_OK)
        status = read_text(&c);
    if (status != DG_OK)
        dg_table_free(out);
    free(text);
    return status;
}

dg_status dg_csv_read(dg_reader *r, const dg_csv_options *o, dg_array *out)
{
    dg_table t;
    dg_status status = dg_table_read(r, o, &t);
    *out = t.array;
    memset(&t.array, 0, sizeof t.array);
    dg_table_free(&t);
    return status;
}
