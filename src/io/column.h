/* A column from inside. */
#ifndef DG_IO_COLUMN_H
#define DG_IO_COLUMN_H

#include "base/arena.h"
#include "base/philox.h"
#include "io/store.h"
#include "io/transforms.h"

struct dg_column {
    const dg_dataset *set;
    const char *name, *pipe;
    const dg_loaded *from;
    int64_t rows;         /* in the source */
    int64_t offset, step; /* row r begins at element offset + r step */
    dg_shape row;         /* of a row of the source, without the axis of rows */
    int64_t n_in, n_out;  /* elements of a row of the source, and of what is read */
    dg_shape out;
    int n_stages;
    dg_stage *stage;
    double *buffer[2]; /* of the largest row of the pipe */
    int tabled;        /* the tables hold what the pointwise stages make of each u8 */
    double table64[256];
    float table32[256];
};

struct dg_dataset {
    dg_store *store;
    dg_arena arena; /* columns, names, attributes, stages, buffers */
    dg_diag first;  /* the first failure */
    int n, room, sealed;
    dg_column **column;
    int64_t begin, rows; /* the part, in the order of the permutation */
    int shuffled;
    dg_permutation permutation;
    int64_t *order; /* rows in another order, before all else; NULL: as they are */
};

/* The number in the source of row `row` of the dataset. */
int64_t dg_dataset_place(const dg_dataset *d, int64_t row);

/* Row `place` of the source through stages 0 to n-1; *out is in a buffer of c. */
dg_status dg_column_pass(dg_column *c, int64_t place, dg_reading how, int n, const double **out,
                         dg_diag *why);

#endif
