/* The data formats, one file each: idx.c csv.c npy.c npz.c digits.c chars.c (safetensors has its
 * own header). A reader takes a dg_reader from its first byte to its end and fills *out, which the
 * caller frees with dg_array_free; after a failure *out is zeroed. All input is hostile: products
 * are checked, what a header claims is compared with the bytes that are there before memory is
 * taken, and a message names the file and the byte (CSV: line and column). */
#ifndef DG_IO_FORMATS_H
#define DG_IO_FORMATS_H

#include "base/text.h"
#include "io/array.h"
#include "io/reader.h"
#include "io/lexicon.h"
#include "io/writer.h"

/* IDX (the format of MNIST): u8 stays u8; i8, i16, i32 become DG_I32; f32, f64. Rank 1 to 8. */
dg_status dg_idx_read(dg_reader *r, dg_array *out);

/* CSV: a table in lines of fields. UTF-8, or UTF-16 with its mark; "quoted" fields (a quote in
 * them doubled); lines ended by \n, \r\n or \r. Blanks around a field do not count. */
typedef enum { DG_HEADER_AUTO, DG_HEADER_YES, DG_HEADER_NO } dg_header;
/* What its fields are taken for: numbers (DG_F64), words (DG_I32, ids), dates by a format (DG_F64,
 * days since 1970), or whether they are gaps (DG_U8, 1 or 0). */
typedef enum { DG_CELLS_NUMBERS, DG_CELLS_WORDS, DG_CELLS_TIMES, DG_CELLS_GAPS } dg_cells;
typedef struct {
    dg_header header; /* auto: the first line is a header unless all its fields are numbers; where
                         numbers may be names, the model's columns tell, or it is asked for */
    int n_columns;    /* 0: all columns, in their order */
    const char *const *column; /* names of the header, patterns of them, or numbers from 1 */
    int n_except;
    const char *const *except; /* columns that are left out */
    int separator;             /* 0: found by looking; ' ': any number of blanks */
    int skip;                  /* lines before the table */
    const char *comment;       /* passed over, to the end of its line; NULL: none */
    char decimal;              /* 0: '.' */
    int n_missing;             /* 0: "" and "NA" */
    const char *const *missing;
    dg_cells cells;
    const char *format; /* of dates */
    const char *fill;   /* the word of a gap, or NULL */
    bool positions;     /* names may be those of a table without header, in its order */
    bool matrix;        /* one column is [rows, 1] too */
    bool windows;       /* rows follow one another: none may be left out */
    bool gaps;          /* are taken: NaN, of words -1; else refused, with their number */
} dg_csv_options;
typedef struct {
    dg_array array; /* [rows, columns]; with one column named, [rows] */
    int n;
    char **name;       /* of each column: of the header, or its number from 1 */
    dg_lexicon *words; /* of each column, sorted; else empty */
    int64_t gaps;
    char separator;
    bool header, numbered; /* numbered: its columns were taken by their numbers */
    int fields;            /* of a line, also those that were not asked for */
} dg_table;
/* A field that is not what it is taken for, or a line with another number of fields, is DG_EDATA
 * with line and column and what would read it. A last line without an end is taken; empty lines are
 * no rows. o NULL: numbers, all of them. Freed by dg_table_free; zeroed after a failure. */
dg_status dg_table_read(dg_reader *r, const dg_csv_options *o, dg_table *out);
void dg_table_free(dg_table *t);
/* Its array alone. */
dg_status dg_csv_read(dg_reader *r, const dg_csv_options *o, dg_array *out);
/* Rows of axis 0, the other axes flattened; names: one for each column, NULL: no header. Numbers
 * are written so that reading them gives the same bits. */
dg_status dg_csv_write(dg_writer *w, const char *const *names, const dg_tensor *t);

/* A field appended to a line: text, quoted where it must be; element i of a tensor. */
void dg_csv_put_text(dg_text *line, const char *text);
void dg_csv_put_number(dg_text *line, const dg_tensor *t, int64_t i);

/* NPY versions 1 to 3: f4 f8 i4 u1 as they are, i8 (must fit) to DG_I32, b1 to DG_U8;
 * other integers too. Either byte order. Fortran order is turned into C order. Other types are
 * refused, with the call that converts them. */
dg_status dg_npy_read(dg_reader *r, dg_array *out);
dg_status dg_npy_write(dg_writer *w, const dg_tensor *t); /* version 1, C order */
/* Appends what stands before the elements; false: out of memory. */
bool dg_npy_header(const dg_tensor *t, dg_text *h);

/* NPZ: a zip of NPY files, stored or deflated. name NULL: the only array there is. Open with
 * DG_READ_RAW. What is inflated is limited as in reader.h. DG_EDATA lists the names if there is
 * none such. */
dg_status dg_npz_read(dg_reader *r, const char *name, dg_array *out);
/* All arrays in the order of the directory: *n of them, with their names. After a failure there are
 * none. Freed by the caller: each name, each array, both lists. */
dg_status dg_npz_read_all(dg_reader *r, int *n, char ***names, dg_array **arrays);
/* Stored; at most 65535 arrays of less than 4 GiB each, 4 GiB together. */
dg_status dg_npz_write(dg_writer *w, int n, const char *const names[], const dg_tensor t[]);

/* What a file is that begins with these bytes and holds no numbers in a way that is read here, and
 * what can be done: "a JPEG picture; ..."; NULL: nothing is known against it. tensors: safetensors
 * are wanted, so NPY and NPZ will not do either. */
const char *dg_foreign_kind(const void *bytes, size_t n, bool tensors);
/* DG_EDATA if the file is of such a kind. Nothing has been taken from r, nor is by this. */
dg_status dg_foreign_refuse(dg_reader *r, bool tensors);

/* The embedded pictures of digits: "image" DG_U8 [1797, 8, 8, 1], 0 to 16; "label" DG_U8 [1797]. */
dg_status dg_digits_read(const char *which, dg_array *out, dg_diag *why);

/* A text as one id a character (a code point of UTF-8). vocabulary NULL: all characters that occur,
 * in order of their code points; else those it has, in its order, and any other is DG_EDATA. out:
 * [characters], DG_U8 for up to 256 characters, else DG_I32. *used: the vocabulary as UTF-8, to be
 * freed. */
typedef struct {
    bool mark;       /* of UTF-8, at the start */
    int64_t returns; /* \r before \n */
} dg_chars_dropped;  /* what is left out of the text; may be NULL */
dg_status dg_chars_read(dg_reader *r, const char *vocabulary, dg_array *out, char **used,
                        dg_chars_dropped *dropped);

/* Any file by its first bytes and its name: IDX, NPY, NPZ (its only array), else CSV. For predict.
 * path "-": standard input. */
dg_status dg_data_read(const char *path, dg_array *out, dg_diag *why);
/* The same from bytes in memory; name: for messages. */
/* Neither IDX, NPY nor NPZ: a table, if anything. */
bool dg_data_is_table(const void *bytes, size_t n);
dg_status dg_data_read_memory(const void *bytes, size_t n, const char *name, dg_array *out,
                              dg_diag *why);

/* Writes arrays as the end of path says: .npy and .csv (one array), .npz, .safetensors; "-" is NPY
 * on standard output. header: names of the CSV's columns, or NULL. DG_EUSAGE: another end, or too
 * many. */
dg_status dg_data_write(const char *path, int n, const char *const names[], const dg_tensor t[],
                        const char *const *header, dg_diag *why);

#endif
