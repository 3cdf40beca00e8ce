/* What the entries of a value are called: the classes of a target, or the columns of its table. */
#ifndef DG_TRAIN_LEGEND_H
#define DG_TRAIN_LEGEND_H

#include "io/dates.h"
#include "train/experiment.h"

typedef struct dg_legend {
    int classes; /* 1: names of ids, or of the places of a one-hot vector; 0: of columns */
    int n;       /* 0: none is known */
    char **name;
    char *dates; /* the format of its values, which are days since 1970; NULL: they are not */
} dg_legend;

/* Reads them for all inputs and targets from what the columns have learnt (dg_column_note). */
dg_status dg_legends_read(dg_experiment *e, dg_recall *recall, void *user, dg_diag *why);
void dg_legends_free(dg_experiment *e);

/* Of an input or a target; NULL: none. */
const dg_legend *dg_legend_of(const dg_experiment *e, dg_value v);
/* The name of a class, or NULL. */
const char *dg_legend_class(const dg_legend *l, double id);
/* What a value is called: a class, where it is the id of one, or a date; NULL: it is a number. */
const char *dg_legend_word(const dg_legend *l, int is_id, double x, char room[DG_DATE_TEXT]);

#endif
