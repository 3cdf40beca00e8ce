/* The transforms of a pipe. A stage is one of them in place: its attributes, the shape of a row
 * before and after it. Rows pass through in f64. */
#ifndef DG_IO_TRANSFORMS_H
#define DG_IO_TRANSFORMS_H

#include "io/dataset.h"
#include "io/lexicon.h"

typedef struct dg_transform dg_transform;

/* The words of a column: one sorted list for each column of its table, and which id of the list
 * each id of the file is; map NULL: the same. */
typedef struct {
    int n;
    const dg_lexicon **list;
    int32_t **map;
    int64_t characters; /* of a text: the size of its vocabulary, else 0 */
} dg_classes;

typedef struct {
    const dg_transform *type;
    const dg_attrs *attrs;
    dg_shape in, out;    /* of a row: without the axis of rows */
    int64_t n_in, n_out; /* elements of it */
    uint64_t ordinal;    /* among the augmenting ones of the pipe */
    const dg_classes *classes;
    int64_t features; /* entries of the last axis, each with statistics of its own; else 0 */
    int n_stats;      /* standardize: 2, mean and deviation; fill: 1, what fills; else 0 */
    double *mean, *deviation;
    int fitted;
} dg_stage;

/* The row that passes: how it is read, its number in the source, the name of its column, and where
 * a failure goes. */
typedef struct {
    dg_reading how;
    int64_t row;
    const char *column;
    dg_diag *why;
} dg_passing;

struct dg_transform {
    dg_io_type type;
    int pointwise; /* an element becomes a function of itself alone, if there is one feature */
    int gaps;      /* it takes them */
    int cells;     /* dg_cells that it needs of a table; 0: any */
    int ns;        /* that an element takes, if it is more than 1 */
    int values;    /* attributes from this one on do not change what is read; 0: all do */
    dg_status (*plan)(dg_stage *s, dg_diag *why); /* from attrs and in: sets out; NULL: out is in */
    dg_status (*run)(const dg_stage *s, const dg_passing *p, const double *in, double *out);
    /* Undoes it on n rows of out, in place; NULL: there is nothing to undo. */
    void (*undo)(const dg_stage *s, int64_t n, double *x);
};

extern const dg_transform dg_transforms[];
extern const int dg_n_transforms;
extern const dg_transform *const dg_standardize, *const dg_fill, *const dg_drop, *const dg_image;

/* 1 if every element becomes a function of itself alone. */
int dg_stage_is_pointwise(const dg_stage *s);
/* 1 if it runs: an augmenting one in training only, unless it changes the shape. */
int dg_stage_is_active(const dg_stage *s, int training);

#endif
