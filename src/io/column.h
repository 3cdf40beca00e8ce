/* A column from inside. */
#ifndef DG_IO_COLUMN_H
#define DG_IO_COLUMN_H

#include "base/arena.h"
#include "base/philox.h"
#include "io/store.h"
#include "io/transforms.h"

struct dg_row_scratch {
    double *buffer[2];     /* of the largest row of a pipe */
    uint8_t *picture;      /* that was decoded last */
    const dg_album *album; /* of this one; NULL: none was */
    int64_t place;         /* its number there */
};

struct dg_column {
    const dg_dataset *set;
    const char *name, *pipe;
    const dg_loaded *from;
    const dg_array *array; /* of from: what it is read from; empty: of its album */
    const dg_album *album; /* of from: its pictures, if it is of pictures */
    int mapped;            /* ids of words are not those of the file */
    int64_t rows;          /* in the source */
    int64_t offset, step;  /* row r begins at element offset + r step */
    dg_shape row;          /* of a row of the source, without the axis of rows */
    int64_t n_in, n_out;   /* elements of a row of the source, and of what is read */
    dg_shape out;
    dg_classes classes;
    dg_lexicon *own; /* lists that were learnt elsewhere, as many as classes.n */
    bool drops;      /* its gaps leave their rows out */
    int n_stages;
    dg_stage *stage;
    int64_t most;           /* elements of the largest row of the pipe */
    dg_row_scratch scratch; /* of who reads alone */
    int tabled;             /* the tables hold what the pointwise stages make of each u8 */
    double table64[256];
    float table32[256];
};

struct dg_dataset {
    dg_store *store;
    dg_arena arena; /* columns, names, attributes, stages, buffers */
    dg_diag first;  /* the first failure */
    int n, room, sealed;
    dg_column **column;
    dg_recall *recall; /* what was learnt before; NULL: nothing */
    void *recall_user;
    const dg_shape *wanted; /* of the next column; NULL: any */
    dg_type wanted_type;
    int64_t *kept; /* rows of the sources without gaps that drop says; NULL: all */
    int64_t n_kept, dropped;
    int64_t begin, rows; /* the part, in the order of the permutation */
    int shuffled;
    dg_permutation permutation;
    int64_t *order; /* rows in another order, before all else; NULL: as they are */
};

dg_status dg_dataset_report(const dg_dataset *d, dg_diag *why);
dg_status dg_dataset_no_memory(dg_dataset *d);
/* Column and place in the model, where a failure does not say them yet; call may be NULL. */
void dg_dataset_say_place(dg_dataset *d, const char *column, const dg_io_call *call);

/* pipe.c: attributes checked and in the arena; a transform by name, NULL: told; stages and buffers
 * of a column whose source and classes are known. */
dg_status dg_dataset_check_attrs(dg_dataset *d, const dg_io_type *type, const dg_io_call *call,
                                 const dg_attrs **out);
const dg_transform *dg_dataset_transform(dg_dataset *d, const char *name);
dg_status dg_column_plan(dg_dataset *d, dg_column *c, int n, const dg_io_call transforms[]);

/* notes.c: what was learnt before of a column, NULL: nothing; the lists of column k of a source. */
const char *dg_dataset_recall(const dg_dataset *d, const char *column, const char *what);
dg_status dg_column_learn(dg_dataset *d, dg_column *c, int k);
void dg_column_forget(dg_column *c);

const dg_column *dg_dataset_series(const dg_dataset *d); /* a column that is one; NULL: none */

/* The number in the source of row `row` of the dataset. */
int64_t dg_dataset_place(const dg_dataset *d, int64_t row);

double dg_column_cost(const dg_column *c, int training); /* as dg_dataset_cost */

/* 1: its rows are windows of a table, in time. */
bool dg_column_is_series(const dg_column *c);

/* Row `place` of the source through stages 0 to n-1; *out is in c->scratch. */
dg_status dg_column_pass(dg_column *c, int64_t place, dg_reading how, int n, const double **out,
                         dg_diag *why);

#endif
