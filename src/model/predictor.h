/* What predicts from a model, from inside: rows are taken, then run. */
#ifndef DG_MODEL_PREDICTOR_H
#define DG_MODEL_PREDICTOR_H

#include "model/handle.h"

/* An output, and what it is for all rows. */
typedef struct dg_estimate {
    const char *name;
    dg_value value, target; /* target: what a loss or metric compares it with, else the value */
    bool by_rows;           /* has the batch axis */
    dg_tensor all;          /* data is owned, and as large as it ever was */
    size_t room;
} dg_estimate;

/* A program for so many rows. */
typedef struct dg_piece {
    int64_t rows;
    dg_program *program;
} dg_piece;

enum { DG_MOST_PIECES = 16 };

struct dg_predictor {
    dg_model *m;
    int threads;
    int64_t batch;
    dg_experiment *e;     /* that of the model, or sized */
    dg_experiment *sized; /* of other sizes than the model's; NULL: none */
    dg_store *store;      /* of the rows that are given */
    dg_dataset *given, *targets;
    dg_dataset *rows_of; /* given, or a part of the model's data; NULL: a model without inputs */
    const char *part;    /* that part; NULL: rows that are given */
    int64_t first_row, rows;
    dg_estimate *of; /* n outputs */
    int n;
    bool whole; /* an output has no rows: it is that of all rows, which go in one piece */
    bool done;
    dg_piece piece[DG_MOST_PIECES];
    int n_pieces, oldest;
    dg_batch_buffer buffer;
    int64_t *row;
};

/* Rows to predict from: read, checked, not yet computed. */
dg_status dg_predictor_take(dg_predictor *p, int n, const dg_rows in[], dg_diag *why);
dg_status dg_predictor_take_part(dg_predictor *p, const char *part, dg_diag *why);
/* Predicts from them. */
dg_status dg_predictor_run(dg_predictor *p, dg_diag *why);
/* DG_EUSAGE: there is no such output; which there are. */
dg_status dg_predictor_no_output(const dg_predictor *p, const char *output, dg_diag *why);

#endif
