/* What a `data` block becomes: named columns over the same rows. Each is a source, kept in memory
 * in the type of its file, and a pipe of transforms, run when rows are read.
 *
 *     dg_store *store = dg_store_new("folder/of/model", n_dirs, dirs);
 *     dg_dataset *d = dg_dataset_new(store);
 *     dg_dataset_add(d, 1, (const char *[]){"image"}, &idx, 1, &scale, &why);
 *     dg_dataset_seal(d, 0, 1, NULL, &why);                       rows equal? part, shuffle
 *     dg_dataset_fit(d, dg_dataset_rows(d), say, user, &why);     train; the others: adopt
 *     dg_column_read(dg_dataset_find(d, "image"), rows, 64, how, DG_F32, buffer, &why);
 *
 * The first failure sticks to the dataset: later calls return it.
 * A store owns the sources, so blocks that name the same file share it; it outlives its datasets.
 * Handles belong to one thread at a time; two columns may be read by two threads, one column by
 * several with dg_column_read_beside.
 *
 * Failures: DG_EMODEL what the model says is wrong (exit 2), DG_EDATA what a file holds (exit 3).
 * why->file, line, column are those of the data file, why->node is the column, why->start and end
 * the place of the call in the model. */
#ifndef DG_IO_DATASET_H
#define DG_IO_DATASET_H

#include "io/array.h"
#include "io/lexicon.h"
#include "io/safetensors.h"
#include <dagrad/graph.h>

/* A source or a transform as the language gives it. An attribute without a name is positional. A
 * list of texts is one text (in dg_attr.word), its items separated by "\n"; a text comes without
 * its quotes. */
typedef struct {
    const char *name;
    int n_attr;
    const dg_attr *attr;
    int start, end; /* place in the model, or 0 */
} dg_io_call;

/* ---- What there is: for `nodes`, spelling suggestions, the reference ------------------------- */

typedef struct {
    const char *name;
    const char *text; /* one line */
    const dg_attr_spec *attrs;
    int n_attrs;
    int columns;    /* of a source: names it fills (chars: 2) */
    int augmenting; /* of a transform: 1: in training only */
} dg_io_type;

const dg_io_type *dg_source_at(int k); /* NULL at the end */
const dg_io_type *dg_transform_at(int k);

/* A value of a block: its name, which of the source's columns it is, and its pipe. */
typedef struct {
    const char *name;
    int column;
    int n;
    const dg_io_call *transforms;
    int whole; /* 1: it is read as whole numbers: pictures are masks */
} dg_io_pipe;

enum { DG_MOST_NAMES = 8 }; /* of one source */

/* ---- Store ----------------------------------------------------------------------------------- */

typedef struct dg_store dg_store;

/* Places as in dg_places_make. NULL: out of memory. */
dg_store *dg_store_new(const char *model_folder, int n_dirs, const char *const dirs[]);
void dg_store_free(dg_store *s);
/* Where remarks go, a line each: which separator was found. */
void dg_store_say(dg_store *s, void (*say)(void *user, const char *text), void *user);

/* The files read so far, k from 0; path NULL at the end. Their hashes are taken when asked for. */
const char *dg_store_file(const dg_store *s, int k);
dg_status dg_store_hash(dg_store *s, int k, char hex[65], uint64_t *size, dg_diag *why);

/* The tensor of this name in a safetensors file, which is read once: stored("net.safetensors"). It
 * stays the store's. */
dg_status dg_store_tensor(dg_store *s, const char *file, const char *name, const dg_tensor **out,
                          dg_diag *why);
/* Tensors that stand for a file of this name, whether there is one or not. They stay the caller's
 * and outlive the store. */
dg_status dg_store_hold(dg_store *s, const char *file, const dg_tensors *t, dg_diag *why);

/* ---- Dataset --------------------------------------------------------------------------------- */

typedef struct dg_dataset dg_dataset;
typedef struct dg_column dg_column;

dg_dataset *dg_dataset_new(dg_store *s); /* NULL: out of memory */
void dg_dataset_free(dg_dataset *d);

/* What a column learns of its source goes with the model: names of columns, lists of words,
 * vocabularies, texts under keys as "data.x.words.0". recall gives one that was learnt before,
 * NULL: none; a column that is added later takes its own from there, if there is one. */
typedef const char *dg_recall(void *user, const char *key);
void dg_dataset_follow(dg_dataset *d, dg_recall *recall, void *user);
const char *dg_dataset_note(void *dataset, const char *key); /* a dg_recall: what d has learnt */

/* What the columns that are added from now on are for: an array that fits it only as a whole is one
 * row. shape NULL: nothing is wanted; it must live until then. */
void dg_dataset_want(dg_dataset *d, dg_type type, const dg_shape *shape);

/* NAME, ... = source(...), each with its pipe. path: read instead of the file that the source names
 * ("-": standard input), or NULL. Numbers must be finite: DG_EDATA names row and element. */
dg_status dg_dataset_fill(dg_dataset *d, int n, const dg_io_pipe pipes[], const dg_io_call *source,
                          const char *path, dg_diag *why);
/* 1: what comes first in the pipe, but for fill and drop, takes words, dates, gaps or paths. */
int dg_pipe_takes_words(int n, const dg_io_call transforms[]);
/* The same for one name and rows of texts: n of them, as many a row as the column has learnt names
 * of columns. DG_EUSAGE: other numbers of them, or it has learnt none. */
dg_status dg_dataset_fill_texts(dg_dataset *d, const dg_io_pipe *pipe, const dg_io_call *source,
                                int64_t n, const char *const texts[], dg_diag *why);
/* The same with names; of several none has a pipe. */
dg_status dg_dataset_add(dg_dataset *d, int n_names, const char *const names[],
                         const dg_io_call *source, int n_transforms, const dg_io_call transforms[],
                         dg_diag *why);
/* The same from an array, which the store takes over also when this fails. Its NaN are gaps, if the
 * pipe takes such. */
dg_status dg_dataset_take(dg_dataset *d, const char *name, dg_array *array, int n_transforms,
                          const dg_io_call transforms[], dg_diag *why);

/* All columns must have the same number of rows (else DG_EDATA naming two and their numbers). Then
 * rows floor(a n + 1/2) to floor(b n + 1/2) are the dataset's, after a permutation by *shuffle if
 * given; an empty part is DG_EDATA. 0 <= a < b <= 1. With a series the part is that of the rows of
 * its table, in time: its windows, with what follows them, lie within it. */
dg_status dg_dataset_seal(dg_dataset *d, double a, double b, const uint64_t *shuffle, dg_diag *why);

/* Windows of a series at the end of a part that share rows with the next part, were it cut there.
 */
int64_t dg_dataset_overlap(const dg_dataset *d);
/* Puts `held` of the rows after all others, drawn by seed; of each class of the column `label` (one
 * number a row; NULL: none) the same share. Both parts keep the order of their rows. Those of a
 * series are the last ones. */
dg_status dg_dataset_hold_out(dg_dataset *d, int64_t held, uint64_t seed, const char *label,
                              dg_diag *why);
/* 1: in the source each class of the column lies together, so a part of the rows has other classes
 * than the rest. */
int dg_dataset_is_sorted(dg_dataset *d, const char *label);

int64_t dg_dataset_rows(const dg_dataset *d);
int64_t dg_dataset_dropped(const dg_dataset *d); /* rows that drop left out of the sources */
/* The number of a row in its file, from 0. */
int64_t dg_dataset_source_row(const dg_dataset *d, int64_t row);
/* Roughly the nanoseconds that a row takes: whether threads that read are worth it. */
double dg_dataset_cost(const dg_dataset *d, int training);
/* What row `row` is called: the file of its picture; NULL: it has only its number. */
const char *dg_dataset_row_name(const dg_dataset *d, int64_t row);
int dg_dataset_columns(const dg_dataset *d);
dg_column *dg_dataset_column(const dg_dataset *d, int k);
dg_column *dg_dataset_find(const dg_dataset *d, const char *name); /* NULL: none */

/* Takes mean and deviation of every `standardize` from rows 0 to rows-1. A deviation of 0 makes the
 * elements 0 and is told once a column: say(user, "column 'x': ..."); say may be NULL. */
dg_status dg_dataset_fit(dg_dataset *d, int64_t rows, void (*say)(void *user, const char *text),
                         void *user, dg_diag *why);
/* Columns of the same name must have the same fixed transforms as in `from` (else DG_EMODEL); takes
 * their statistics. */
dg_status dg_dataset_adopt(dg_dataset *d, const dg_dataset *from, dg_diag *why);

/* ---- Column ---------------------------------------------------------------------------------- */

const char *dg_column_name(const dg_column *c);
/* Shape of what dg_column_read gives, dim[0] = DG_N. In training and otherwise the same. */
dg_shape dg_column_shape(const dg_column *c);
/* 0 if an input or target of this type and shape can take it: the same dimensions but for those of
 * 1, or in one of both all of a row on one axis; a dimension of DG_N other than the first is free
 * (rank equal then). Else DG_EDATA naming both shapes. */
dg_status dg_column_fits(const dg_column *c, dg_type type, const dg_shape *shape, dg_diag *why);

/* How rows are read: training 1 runs the augmenting transforms, keyed by seed, epoch, the row's
 * number in the source, and the ordinal of the transform among those of its pipe: the same in every
 * column, so input and target move together (noise has the name of the column too: what is added
 * to one says nothing about another). training 0: they are left out; crop_random takes the
 * middle. */
typedef struct {
    int training;
    uint64_t seed, epoch;
} dg_reading;

/* Rows rows[0..n-1] (0 to dg_dataset_rows - 1) one after the other into out, as type: DG_F32,
 * DG_F64 (the transforms are computed in f64 and rounded once), or DG_I32 (each must be whole and
 * fit: DG_EDATA names row and value). Allocates nothing. */
dg_status dg_column_read(dg_column *c, const int64_t *rows, int64_t n, dg_reading how, dg_type type,
                         void *out, dg_diag *why);

/* The same by several threads at once, also beside dg_column_read, each with a scratch of its own:
 * first dg_column_prepare, by one of them, for all rows, again after statistics were fitted or
 * restored. A picture that a scratch has decoded last, for another column, is not decoded again. */
typedef struct dg_row_scratch dg_row_scratch;

dg_row_scratch *dg_row_scratch_new(const dg_dataset *d); /* of a sealed one; NULL: out of memory */
void dg_row_scratch_free(dg_row_scratch *s);             /* NULL allowed */
dg_status dg_column_prepare(dg_column *c, const int64_t *rows, int64_t n, dg_reading how,
                            dg_type type, dg_diag *why);
dg_status dg_column_read_beside(const dg_column *c, dg_row_scratch *s, const int64_t *rows,
                                int64_t n, dg_reading how, dg_type type, void *out, dg_diag *why);

/* Predictions in the units of before the first `standardize`: undoes it and what comes after it, in
 * place, on n rows of DG_F32 or DG_F64. Without a standardize nothing happens. DG_EMODEL if a
 * transform after it changes the shape. */
int dg_column_is_standardized(const dg_column *c);
dg_status dg_column_inverse(const dg_column *c, int64_t n, dg_type type, void *values,
                            dg_diag *why);

/* The fixed transforms, "scale(0.00392156862745098,0) | standardize"; lives as long as c. */
const char *dg_column_pipe(const dg_column *c);
/* 1: both are the same windows of one text or of one series. */
int dg_column_same_windows(const dg_column *a, const dg_column *b);
/* The file that the column was read from; NULL: none. */
const char *dg_column_file(const dg_column *c);
/* Characters of a chars column as UTF-8, in the order of their ids; else NULL. */
const char *dg_column_vocabulary(const dg_column *c);

/* The statistics, to be kept with the model: k from 0; 0: there is no such one. t: DG_F64 [2,
 * features], means, then deviations, memory of c. name: "@data.COLUMN.ORDINAL", of size bytes. */
int dg_column_state(const dg_column *c, int k, dg_tensor *t, char *name, size_t size);
/* What it has learnt as text: k from 0; 0: there is no such one. *text is to be freed; NULL: out of
 * memory. */
int dg_column_note(const dg_column *c, int k, char *key, size_t size, char **text);
/* DG_EDATA unless the k-th is what is stored. */
dg_status dg_column_check_note(const dg_column *c, int k, const char *stored, dg_diag *why);
/* Sets the k-th; its shape must be right: else DG_EDATA. */
dg_status dg_column_restore(dg_column *c, int k, const dg_tensor *t, dg_diag *why);

#endif
