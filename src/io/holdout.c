/* Rows held out of a dataset by chance, evenly over its classes; and whether rows lie sorted by
 * class. Row r is drawn by a number that is a function of (seed, r) alone. */
#include "base/philox.h"
#include "io/column.h"
#include <math.h>
#include <stdlib.h>

typedef struct labelled {
    double label;
    uint64_t key;
    int64_t row;
} labelled;

/* Rows of one label, as they lie after sorting. */
typedef struct class_rows {
    int64_t first, rows, take;
    double left; /* what rounding down took of its share */
    uint64_t key;
} class_rows;

static int by_label(const void *a, const void *b)
{
    const labelled *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_share_left(const void *a, const void *b)
{
    const class_rows *x = a, *y = b;
    if (x->left != y->left)
        return x->left > y->left ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static uint64_t key_of(uint64_t seed, int64_t row)
{
    const uint64_t key[2] = {seed, dg_stream_name("split")};
    uint32_t out[4];
    dg_philox_block(key, (uint64_t)row, out);
    return (uint64_t)out[0] << 32 | out[1];
}

static dg_status read_label(dg_column *c, int64_t place, double *label, dg_diag *why)
{
    const double *x;
    *label = 0;
    dg_status s = c ? dg_column_pass(c, place, (dg_reading){0}, c->n_stages, &x, why) : DG_OK;
    if (c && s == DG_OK)
        *label = x[0];
    return s;
}

/* Classes of sorted rows into c, which has room for as many as there are rows; their number. */
static int64_t find_classes(const labelled *l, int64_t rows, class_rows *c)
{
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (i == 0 || l[i].label != l[i - 1].label)
            c[n++] = (class_rows){.first = i, .key = l[i].key};
        c[n - 1].rows++;
    }
    return n;
}

/* Each class its share of `held` rows, rounded down; the largest remainders get what is left. */
static void share_out(class_rows *c, int64_t n, int64_t rows, int64_t held)
{
    int64_t left = held;
    for (int64_t i = 0; i < n; i++) {
        double share = (double)held * (double)c[i].rows / (double)rows;
        c[i].take = (int64_t)floor(share);
        c[i].left = share - floor(share);
        left -= c[i].take;
    }
    qsort(c, (size_t)n, sizeof *c, by_share_left);
    for (int64_t i = 0; i < n && left > 0; i++)
        if (c[i].take < c[i].rows) {
            c[i].take++;
            left--;
        }
}

/* The rows in their order, those that are held out after the others. */
static void put_order(const labelled *l, const class_rows *c, int64_t n, int64_t rows,
                      int64_t *order, char *held)
{
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c[i].take; k++)
            held[l[c[i].first + k].row] = 1;
    for (int out = 0; out < 2; out++)
        for (int64_t row = 0; row < rows; row++)
            if (held[row] == out)
                order[at++] = row;
}

dg_status dg_dataset_hold_out(dg_dataset *d, int64_t held, uint64_t seed, const char *label,
                              dg_diag *why)
{
    size_t rows = (size_t)d->rows;
    if (dg_dataset_series(d))
        return DG_OK;
    dg_column *c = label ? dg_dataset_find(d, label) : NULL;
    labelled *l = malloc(rows * sizeof *l);
    class_rows *classes = calloc(rows, sizeof *classes);
    char *is_held = calloc(rows, 1);
    int64_t *order = malloc(rows * sizeof *order);
    dg_status s =
        l && classes && is_held && order ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int64_t row = 0; row < d->rows && s == DG_OK; row++) {
        l[row] = (labelled){.key = key_of(seed, row), .row = row};
        s = read_label(c, dg_dataset_place(d, row), &l[row].label, why);
    }
    if (s == DG_OK) {
        qsort(l, rows, sizeof *l, by_label);
        int64_t n = find_classes(l, d->rows, classes);
        share_out(classes, n, d->rows, held);
        put_order(l, classes, n, d->rows, order, is_held);
        d->order = order;
    } else {
        free(order);
    }
    free(l);
    free(classes);
    free(is_held);
    return s;
}

int dg_dataset_is_sorted(dg_dataset *d, const char *label)
{
    dg_column *c = dg_dataset_find(d, label);
    labelled *l = c ? malloc((size_t)c->rows * sizeof *l) : NULL;
    int64_t changes = 0, classes = 1, rows = c ? c->rows : 0;
    dg_status s = l ? DG_OK : DG_EMEMORY;
    for (int64_t i = 0; i < rows && s == DG_OK; i++) {
        l[i] = (labelled){.row = i};
        s = read_label(c, i, &l[i].label, NULL);
        changes += i > 0 && l[i].label != l[i - 1].label;
    }
    if (s == DG_OK)
        qsort(l, (size_t)rows, sizeof *l, by_label);
    for (int64_t i = 1; i < rows && s == DG_OK; i++)
        classes += l[i].label != l[i - 1].label;
    free(l);
    return s == DG_OK && classes > 1 && classes * 2 <= rows && changes == classes - 1;
}
