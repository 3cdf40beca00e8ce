/* Numbers for people; see numbers.h. */
#include "cli/numbers.h"
#include "base/text.h"
#include "cli/columns.h"
#include "io/array.h"
#include <math.h>

enum { MOST_COLUMNS = 16, MOST_NUMBERS = 256, FIRST = 8 };

/* 0 has no sign here; one NaN for all, since the C library prints some as -nan. */
static void add_number(dg_text *text, const dg_tensor *t, int64_t i)
{
    double x = dg_tensor_number(t, i);
    int whole = t->type == DG_I32 || t->type == DG_U8;
    if (isnan(x))
        dg_text_add(text, "nan");
    else
        dg_text_printf(text, whole || !(x < 0 || x > 0) ? "%.6g" : "%+.6g", x + 0.0);
}

/* Axes of 1 at the end say nothing: a picture of one channel is a matrix of pixels. */
static dg_shape table_shape(dg_shape s)
{
    while (s.rank > 2 && s.dim[s.rank - 1] == 1)
        s.rank--;
    return s;
}

/* "[1, 0]": the place of a row in the axes before the last. */
static void add_place(dg_text *text, const dg_shape *s, int64_t row)
{
    dg_shape place = {.rank = s->rank - 1};
    char shown[128];
    for (int k = s->rank - 2; k >= 0; row /= s->dim[k], k--)
        place.dim[k] = row % s->dim[k];
    dg_text_printf(text, "%s\t", dg_shape_text(&place, shown, sizeof shown));
}

static void print_table(FILE *to, const dg_tensor *t, const dg_shape *s, int64_t columns)
{
    dg_text text = dg_text_make(NULL);
    int64_t rows = dg_shape_count(s) / columns;
    for (int64_t r = 0; r < rows; r++) {
        if (s->rank > 2)
            add_place(&text, s, r);
        for (int64_t c = 0; c < columns; c++) {
            add_number(&text, t, r * columns + c);
            dg_text_add(&text, c + 1 < columns ? "\t" : "\n");
        }
    }
    dg_columns_print(to, &text, "  ", ~0u);
    dg_text_free(&text);
}

static void print_summary(FILE *to, const dg_tensor *t, int64_t n)
{
    dg_text text = dg_text_make(NULL);
    double least = (double)INFINITY, most = -(double)INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = dg_tensor_number(t, i);
        least = fmin(least, x);
        most = fmax(most, x);
        sum += x * x;
    }
    dg_text_printf(&text, "  from %+.6g to %+.6g, rms %.6g; first", least, most,
                   sqrt(sum / (double)n));
    for (int64_t i = 0; i < FIRST; i++) {
        dg_text_add(&text, " ");
        add_number(&text, t, i);
    }
    fprintf(to, "%s ...\n", text.data ? text.data : "");
    dg_text_free(&text);
}

void dg_numbers_print(FILE *to, const char *title, const dg_tensor *t)
{
    char shape[128];
    dg_shape s = table_shape(t->shape);
    int64_t n = dg_shape_count(&s), columns = s.rank > 0 ? s.dim[s.rank - 1] : 1;
    fprintf(to, "%s  %s\n", title, dg_shape_text(&t->shape, shape, sizeof shape));
    if (n > MOST_NUMBERS || columns > MOST_COLUMNS)
        print_summary(to, t, n);
    else if (n > 0)
        print_table(to, t, &s, columns);
}
