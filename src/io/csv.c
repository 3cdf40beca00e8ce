/* CSV: numbers in lines of fields. Nothing is guessed: a field that is not a number is an error. */
#include "io/formats.h"

#include "base/checked.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/file.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 40 }; /* characters of a field in a message */

typedef struct {
    dg_reader *r;
    const char *p, *end; /* what is left to read; *end is 0 */
    const char *line_at; /* where this line begins */
    int line;
    int n_fields; /* of every line */
    char **name;  /* of the header; NULL: none */
    int *slot;    /* of field k in a row of the result, -1: not wanted */
    int n_slots;
} csv;

typedef struct {
    const char *at;
    size_t n;
    int line;
    const char *line_at;
} field;

/* Line and column are those of where f begins; columns count characters, from 1. */
static dg_status fail(csv *c, const field *f, const char *what)
{
    int column = 1;
    for (const char *p = f->line_at; p < f->at && column < INT32_MAX; p++)
        column += ((unsigned char)*p & 0xc0) != 0x80;
    return dg_file_fail(dg_reader_diag(c->r), DG_EDATA, dg_reader_name(c->r), f->line, column, "%s",
                        what);
}

static dg_status no_memory(csv *c)
{
    return dg_diag_set(dg_reader_diag(c->r), DG_EMEMORY, "out of memory");
}

/* ---- Lines and fields ------------------------------------------------------------------------ */

static field here(const csv *c)
{
    return (field){c->p, 0, c->line, c->line_at};
}

static bool at_line_end(const csv *c)
{
    return c->p == c->end || *c->p == '\n' || (*c->p == '\r' && c->p[1] == '\n');
}

/* The text between quotes; doubled quotes stay doubled. */
static dg_status quoted(csv *c, field *f)
{
    f->at = ++c->p;
    for (; c->p < c->end && (*c->p != '"' || c->p[1] == '"'); c->p++) {
        c->p += *c->p == '"';
        if (*c->p == '\n') {
            c->line++;
            c->line_at = c->p + 1;
        }
    }
    f->n = (size_t)(c->p - f->at);
    if (c->p == c->end)
        return fail(c, f, "a quote that does not end");
    c->p++;
    return at_line_end(c) || *c->p == ',' ? DG_OK : fail(c, f, "text after the closing quote");
}

static dg_status next_field(csv *c, field *f)
{
    *f = here(c);
    if (*c->p == '"')
        return quoted(c, f);
    while (!at_line_end(c) && *c->p != ',' && *c->p != '"')
        c->p++;
    f->n = (size_t)(c->p - f->at);
    return *c->p == '"' ? fail(c, f, "a quote in the middle of a field") : DG_OK;
}

/* After a field: true if another follows on the line. */
static bool more_fields(csv *c)
{
    if (c->p == c->end || *c->p != ',')
        return false;
    c->p++;
    return true;
}

static void next_line(csv *c)
{
    c->p += *c->p == '\r';
    c->p += *c->p == '\n';
    c->line_at = c->p;
    c->line++;
}

/* Only ends of lines are left. */
static bool at_end(const csv *c)
{
    return c->p + strspn(c->p, "\r\n") == c->end;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* Up to 15 digits with a point are an integer over a power of ten, both exact in double, so their
 * quotient is rounded once: what a correct reader of decimals gives. NULL: not of this kind. */
static const char *quick(const char *p, const char *end, double *x)
{
    static const double ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t digits = 0;
    int n = 0, after = 0, point = 0;
    bool minus = p < end && *p == '-';
    for (p += minus; p < end && n < 16; p++) {
        if (*p == '.' && !point)
            point = 1;
        else if (*p >= '0' && *p <= '9') {
            digits = digits * 10 + (*p - '0');
            after += point;
            n++;
        } else
            break;
    }
    if (n == 0 || n > 15 || (p < end && *p != ' ' && *p != '\t'))
        return NULL;
    *x = (double)digits / ten[after];
    *x = minus ? -*x : *x;
    return p;
}

/* 1: a number, finite or not. */
static int number(const field *f, double *x)
{
    const char *p = f->at, *end = f->at + f->n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p == end)
        return 0;
    const char *after = quick(p, end, x);
    if (!after)
        after = dg_read_f64(p, x);
    while (after && after < end && (*after == ' ' || *after == '\t'))
        after++;
    return after == end;
}

static dg_status bad_number(csv *c, const field *f, int k, bool is_number)
{
    char text[256], name[64] = "";
    int n = 0;
    if (c->name)
        dg_format(name, sizeof name, " ('%.40s')", c->name[k]);
    n = dg_format(text, sizeof text, "field %d%s ", k + 1, name);
    size_t room = sizeof text - (size_t)n;
    int shown = f->n < SHOWN ? (int)f->n : SHOWN;
    if (f->n == 0)
        dg_format(text + n, room, "is empty");
    else if (is_number)
        dg_format(text + n, room, "is %.*s, which is not a finite number", shown, f->at);
    else
        dg_format(text + n, room, "is '%.*s'%s, which is not a number%s", shown, f->at,
                  f->n > SHOWN ? "..." : "",
                  memchr(f->at, ';', f->n) ? " (fields are separated by commas)" : "");
    return fail(c, f, text);
}

/* ---- The first line -------------------------------------------------------------------------- */

typedef struct {
    int numbers, empty, n, room;
    char **name;
} first_line;

/* Appends the name in f, doubled quotes made single. */
static dg_status add_name(csv *c, first_line *l, const field *f)
{
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        char **more = realloc(l->name, (size_t)l->room * sizeof *more);
        if (!more)
            return no_memory(c);
        l->name = more;
    }
    char *to = malloc(f->n + 1);
    l->name[l->n++] = to;
    if (!to)
        return no_memory(c);
    for (size_t i = 0; i < f->n; i++) {
        *to++ = f->at[i];
        i += f->at[i] == '"';
    }
    *to = 0;
    return DG_OK;
}

static void free_names(int n, char **name)
{
    for (int i = 0; name && i < n; i++)
        free(name[i]);
    free(name);
}

/* Reads the first line; *after is c behind it. */
static dg_status look_at_first(csv *c, first_line *l, csv *after)
{
    dg_status status = DG_OK;
    *after = *c;
    do {
        field f;
        double x;
        status = next_field(after, &f);
        if (status == DG_OK)
            status = add_name(c, l, &f);
        int is = status == DG_OK && number(&f, &x);
        l->numbers += is;
        l->empty += f.n == 0;
    } while (status == DG_OK && more_fields(after) && l->n < INT32_MAX / 2);
    next_line(after);
    return status;
}

static dg_status is_header(csv *c, const first_line *l, dg_header header, bool *is)
{
    const field start = here(c);
    *is = header == DG_HEADER_YES || (header == DG_HEADER_AUTO && l->numbers == 0);
    if (header == DG_HEADER_AUTO && l->n == l->empty)
        return fail(c, &start, "the first line is empty");
    if (header == DG_HEADER_AUTO && l->numbers > 0 && l->numbers < l->n)
        return fail(c, &start,
                    "the first line has numbers and others: say header=true or header=false");
    return DG_OK;
}

static dg_status read_first(csv *c, dg_header header)
{
    first_line l = {0};
    csv after;
    bool is = false;
    dg_status status = look_at_first(c, &l, &after);
    if (status == DG_OK)
        status = is_header(c, &l, header, &is);
    if (is && status == DG_OK) {
        *c = after;
        c->name = l.name;
    } else
        free_names(l.n, l.name);
    c->n_fields = l.n;
    return status;
}

/* ---- Which fields are wanted ----------------------------------------------------------------- */

static dg_status no_column(csv *c, const char *wanted)
{
    dg_text t = dg_text_make(NULL);
    dg_text_printf(&t, "no column '%s'; ", wanted);
    if (!c->name)
        dg_text_printf(&t, "without a header they are numbers from 1 to %d", c->n_fields);
    else
        dg_text_printf(&t, "there is: ");
    for (int k = 0; c->name && k < c->n_fields && t.length < 500; k++)
        dg_text_printf(&t, "%s%s", k ? ", " : "", c->name[k]);
    dg_status status =
        dg_file_fail(dg_reader_diag(c->r), DG_EDATA, dg_reader_name(c->r), 1, 0, "%s", t.data);
    dg_text_free(&t);
    return status;
}

static dg_status choose(csv *c, const char *wanted, int slot)
{
    int found = -1, count = 0;
    int64_t number = 0;
    const char *end = dg_read_i64(wanted, &number);
    for (int k = 0; k < c->n_fields; k++) {
        bool is = c->name ? strcmp(c->name[k], wanted) == 0 : end && !*end && number == k + 1;
        found = is ? k : found;
        count += is;
    }
    if (count == 0)
        return no_column(c, wanted);
    if (count > 1 || c->slot[found] >= 0)
        return dg_file_fail(dg_reader_diag(c->r), DG_EDATA, dg_reader_name(c->r), 1, 0,
                            "the column '%s' is %s twice", wanted,
                            count > 1 ? "there" : "asked for");
    c->slot[found] = slot;
    return DG_OK;
}

static dg_status choose_all(csv *c, const dg_csv_options *o)
{
    bool all = !o || o->n_columns == 0;
    c->n_slots = all ? c->n_fields : o->n_columns;
    c->slot = malloc((size_t)c->n_fields * sizeof *c->slot);
    if (!c->slot)
        return no_memory(c);
    for (int k = 0; k < c->n_fields; k++)
        c->slot[k] = all ? k : -1;
    dg_status status = DG_OK;
    for (int i = 0; !all && i < c->n_slots && status == DG_OK; i++)
        status = choose(c, o->column[i], i);
    return status;
}

/* ---- The lines ------------------------------------------------------------------------------- */

static dg_status wrong_count(csv *c, int k, bool more)
{
    char text[120];
    const field end = here(c);
    dg_format(text, sizeof text, "%s %d fields in this line; the first line has %d",
              more ? "more than" : "only", k, c->n_fields);
    return fail(c, &end, text);
}

static dg_status read_line(csv *c, double *row)
{
    for (int k = 0; k < c->n_fields; k++) {
        field f;
        double x = 0;
        if (next_field(c, &f) != DG_OK)
            return DG_EDATA;
        int is = c->slot[k] < 0 || number(&f, &x);
        if (!is || !isfinite(x))
            return bad_number(c, &f, k, is);
        if (c->slot[k] >= 0)
            row[c->slot[k]] = x;
        bool more = more_fields(c), last = k + 1 == c->n_fields;
        if (more == last)
            return wrong_count(c, k + 1, more);
    }
    next_line(c);
    return DG_OK;
}

/* A line needs a byte for the end of each field and one for each number. */
static int64_t most_lines(const csv *c)
{
    int64_t bytes = c->end - c->p, lines = 1;
    for (const char *p = c->p; (p = memchr(p, '\n', (size_t)(c->end - p))); p++)
        lines++;
    int64_t fit = (bytes + 1) / ((int64_t)c->n_fields + c->n_slots) + 1;
    return lines < fit ? lines : fit;
}

static dg_status read_lines(csv *c, bool vector, dg_array *out)
{
    dg_shape shape = {.rank = vector ? 1 : 2, .dim = {most_lines(c), vector ? 0 : c->n_slots}};
    dg_status status = dg_array_make(out, DG_F64, &shape, dg_reader_diag(c->r));
    int64_t rows = 0;
    while (status == DG_OK && !at_end(c) && rows < shape.dim[0])
        status = read_line(c, (double *)out->data + rows++ * c->n_slots);
    if (status == DG_OK && rows == 0) {
        const field end = here(c);
        status = fail(c, &end, "there is no line of numbers");
    }
    if (status == DG_OK && !at_end(c))
        status = dg_file_fail(dg_reader_diag(c->r), DG_EINTERNAL, dg_reader_name(c->r), c->line, 0,
                              "more lines than were counted");
    out->shape.dim[0] = rows;
    out->bytes = (size_t)rows * (size_t)c->n_slots * sizeof(double);
    return status;
}

static dg_status read_text(csv *c, const dg_csv_options *o, dg_array *out)
{
    if (strncmp(c->p, "\xef\xbb\xbf", 3) == 0)
        c->p += 3; /* the mark of UTF-8 that some programs write */
    c->line_at = c->p;
    c->line = 1;
    dg_status status = read_first(c, o ? o->header : DG_HEADER_AUTO);
    if (status == DG_OK)
        status = choose_all(c, o);
    if (status == DG_OK)
        status = read_lines(c, o && o->n_columns == 1, out);
    free_names(c->n_fields, c->name);
    free(c->slot);
    return status;
}

dg_status dg_csv_read(dg_reader *r, const dg_csv_options *o, dg_array *out)
{
    memset(out, 0, sizeof *out);
    char *text;
    size_t n;
    if (dg_reader_rest(r, &text, &n) != DG_OK)
        return dg_reader_status(r);
    csv c = {.r = r, .p = text, .end = text + n};
    dg_status status = read_text(&c, o, out);
    if (status != DG_OK)
        dg_array_free(out);
    free(text);
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_name(dg_text *t, const char *name)
{
    if (!name[strcspn(name, ",\"\r\n")]) {
        dg_text_add(t, name);
        return;
    }
    dg_text_add(t, "\"");
    for (; *name; name++)
        dg_text_printf(t, *name == '"' ? "\"%c" : "%c", *name);
    dg_text_add(t, "\"");
}

static void write_number(dg_text *line, const dg_tensor *t, int64_t i)
{
    if (t->type == DG_F32)
        dg_text_f32(line, ((const float *)t->data)[i]);
    else if (t->type == DG_F64)
        dg_text_f64(line, ((const double *)t->data)[i]);
    else
        dg_text_printf(line, "%d", (int)dg_tensor_number(t, i));
}

dg_status dg_csv_write(dg_writer *w, const char *const *names, const dg_tensor *t)
{
    int64_t columns = dg_shape_row(&t->shape), rows = t->shape.rank ? t->shape.dim[0] : 1;
    dg_text line = dg_text_make(NULL);
    dg_status status = DG_OK;
    for (int64_t i = names ? -1 : 0; i < rows && status == DG_OK; i++) {
        line.length = 0;
        for (int64_t k = 0; k < columns; k++) {
            dg_text_add(&line, k ? "," : "");
            if (i < 0)
                write_name(&line, names[k]);
            else
                write_number(&line, t, i * columns + k);
        }
        dg_text_add(&line, "\n");
        status = line.failed ? dg_diag_set(dg_writer_diag(w), DG_EMEMORY, "out of memory")
                             : dg_writer_put(w, line.data, line.length);
    }
    dg_text_free(&line);
    return status;
}
