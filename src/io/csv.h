/* CSV from inside: lines and fields of a text, what separates them, and whether the first line is
 * a header. */
#ifndef DG_IO_CSV_H
#define DG_IO_CSV_H

#include "io/formats.h"

/* What is left to read. A line is ended by \n or \r\n; what stands behind `comment`, outside of
 * quotes, is passed over, and a line that begins with it is none. */
typedef struct {
    dg_reader *r;
    const char *p, *end; /* *end is 0 */
    const char *line_at; /* where this line begins */
    int line;
    char separator; /* ' ': any number of blanks */
    const char *comment;
} dg_csv_scan;

/* A field, without the blanks around it and without its quotes; doubled quotes stay doubled. */
typedef struct {
    const char *at;
    size_t n;
    int line;
    const char *line_at;
    bool quoted;
} dg_csv_field;

/* Makes text, of *n bytes, UTF-8 with lines ended by \n: UTF-16 with its mark, \r alone as the end
 * of lines. *text may move. */
dg_status dg_csv_decode(dg_reader *r, char **text, size_t *n);

/* DG_EDATA at the place of f; columns count characters, from 1. */
dg_status dg_csv_fail(dg_reader *r, const dg_csv_field *f, const char *what);

bool dg_csv_at_comment(const dg_csv_scan *s);
dg_csv_field dg_csv_here(const dg_csv_scan *s);
/* Passes over comment lines and, with `empty`, lines of blanks. False: nothing is left. */
bool dg_csv_begin_line(dg_csv_scan *s, bool empty);
dg_status dg_csv_next_field(dg_csv_scan *s, dg_csv_field *f);
void dg_csv_pass_line(dg_csv_scan *s); /* to the end of the line, whatever stands there */
bool dg_csv_more(dg_csv_scan *s);      /* after a field: another one follows on the line */
void dg_csv_end_line(dg_csv_scan *s);

/* A copy of a field's text, doubled quotes made single; NULL: out of memory. */
char *dg_csv_text(const dg_csv_field *f);
/* 1: the field is a number, finite or not; point: '.' or ','. */
int dg_csv_number(const dg_csv_field *f, char point, double *x);

/* The first lines as they are: what the separator and the header are found from. */
char dg_csv_find_separator(const dg_csv_scan *s);

typedef struct {
    int n;       /* fields of the first line */
    char **name; /* their texts */
    bool header;
} dg_csv_first;

/* Reads the first line; s is after it if it is a header. */
dg_status dg_csv_read_first(dg_csv_scan *s, const dg_csv_options *o, dg_csv_first *out);
void dg_csv_free_names(int n, char **name);

/* What does not fit, told with what would read it (csv_tell.c). */
typedef struct {
    const dg_csv_field *f;
    int k;
    const char *name; /* of its column, or NULL */
    bool is_number;   /* not a finite one */
    bool rare;        /* most of its column are numbers */
    bool others;      /* its column was not asked for by name */
} dg_csv_bad;

dg_status dg_csv_bad_field(dg_reader *r, const dg_csv_options *o, const dg_csv_bad *b);
/* After k fields of a line: none, or more, where the first line had others. at_once: it is the line
 * after the first, and no line was skipped. */
dg_status dg_csv_wrong_count(const dg_csv_scan *s, int k, const dg_csv_first *first, bool more,
                             bool at_once);
/* A text that elsewhere stands for a gap, as "nan" or "?". */
bool dg_csv_is_mark_of_gap(const dg_csv_field *f);

bool dg_csv_is_missing(const dg_csv_options *o, const dg_csv_field *f);

#endif
