/* Confusion matrices in a terminal; see mistakes.h. */
#include "cli/mistakes.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

enum { AS_MATRIX = 20, WIDEST = 12 };

/* Code points, as wide as a terminal shows most of them. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* To the right of a column; what is wider is cut. */
static void print_right(const char *s, int width)
{
    int spaces = width - width_of(s), left = width;
    printf("%*s", spaces > 0 ? spaces : 0, "");
    for (; *s && (((unsigned char)*s & 0xc0) == 0x80 || left-- > 0); s++)
        putchar(*s);
}

static int digits(int64_t n)
{
    char text[DG_NUMBER_TEXT];
    return dg_format(text, sizeof text, "%lld", (long long)n);
}

/* Of all columns: the widest number, the widest name up to WIDEST. */
static int column_width(const dg_versus *v)
{
    int width = 1;
    char room[32];
    for (int64_t k = 0; k < v->classes; k++) {
        int name = width_of(dg_versus_name(v, k, room));
        name = name > WIDEST ? WIDEST : name;
        width = name > width ? name : width;
    }
    for (int64_t i = 0; i < v->classes * v->classes; i++)
        width = digits(v->count[i]) > width ? digits(v->count[i]) : width;
    return width;
}

static void print_matrix(const dg_versus *v)
{
    char room[32];
    int width = column_width(v);
    int64_t n = v->classes;
    printf("\n%s against %s: a line a target, a column an estimate\n", v->target_name,
           v->estimate_name);
    print_right("", width);
    for (int64_t k = 0; k < n; k++) {
        printf("  ");
        print_right(dg_versus_name(v, k, room), width);
    }
    printf("  precision  recall\n");
    for (int64_t a = 0; a < n; a++) {
        dg_share s = dg_share_of(v->count, n, a);
        print_right(dg_versus_name(v, a, room), width);
        for (int64_t b = 0; b < n; b++)
            printf("  %*lld", width, (long long)v->count[a * n + b]);
        printf("  %9.4f  %6.4f\n", s.precision, s.recall);
    }
}

/* Of many classes: a line each, with what it is most often taken for. */
static void print_list(const dg_versus *v)
{
    char room[32], other[32];
    int64_t n = v->classes;
    printf("\n%s against %s\n%*s  targets  precision  recall  mostly taken for\n", v->target_name,
           v->estimate_name, WIDEST, "");
    for (int64_t a = 0; a < n; a++) {
        dg_share s = dg_share_of(v->count, n, a);
        int64_t worst = -1;
        for (int64_t b = 0; b < n; b++)
            if (b != a && v->count[a * n + b] > (worst < 0 ? 0 : v->count[a * n + worst]))
                worst = b;
        if (!s.targets && !s.estimates)
            continue;
        print_right(dg_versus_name(v, a, room), WIDEST);
        printf("  %7lld  %9.4f  %6.4f  ", (long long)s.targets, s.precision, s.recall);
        if (worst >= 0)
            printf("%s (%lld)", dg_versus_name(v, worst, other),
                   (long long)v->count[a * n + worst]);
        printf("\n");
    }
}

static void print_sides(const dg_versus *v)
{
    char room[32];
    printf("\n%s against %s: yes where the estimate is above %.4g\n", v->target_name,
           v->estimate_name, v->threshold);
    printf("%*s     hits  false hits   misses  right noes  precision  recall\n", WIDEST, "");
    for (int64_t c = 0; c < v->columns; c++) {
        const int64_t *count = v->count + 4 * c;
        dg_share s = dg_share_of(count, 2, 1);
        print_right(v->columns == 1 ? v->target_name : dg_versus_name(v, c, room), WIDEST);
        printf("  %7lld  %10lld  %7lld  %10lld  %9.4f  %6.4f\n", (long long)count[3],
               (long long)count[1], (long long)count[2], (long long)count[0], s.precision,
               s.recall);
    }
}

void dg_mistakes_print(const dg_survey *s)
{
    for (int i = 0; i < s->n; i++) {
        const dg_versus *v = &s->versus[i];
        if (v->kind == DG_OF_SIDES)
            print_sides(v);
        else if (v->kind == DG_OF_CLASSES && v->count && v->classes <= AS_MATRIX)
            print_matrix(v);
        else if (v->kind == DG_OF_CLASSES && v->count)
            print_list(v);
    }
}

static json_t *classes_json(const dg_versus *v)
{
    json_t *names = json_array(), *matrix = json_array();
    for (int64_t a = 0; a < v->classes; a++) {
        char room[32];
        json_t *line = json_array();
        for (int64_t b = 0; b < v->classes; b++)
            json_array_append_new(line, json_integer(v->count[a * v->classes + b]));
        json_array_append_new(matrix, line);
        json_array_append_new(names, json_string(dg_versus_name(v, a, room)));
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "target", v->target_name, "estimate", v->estimate_name,
                     "classes", names, "matrix", matrix);
}

static json_t *sides_json(const dg_versus *v)
{
    json_t *list = json_array();
    for (int64_t c = 0; c < v->columns; c++) {
        const int64_t *n = v->count + 4 * c;
        json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I}", "hits", (json_int_t)n[3],
                                              "false_hits", (json_int_t)n[1], "misses",
                                              (json_int_t)n[2], "right_noes", (json_int_t)n[0]));
    }
    return json_pack("{s:s, s:s, s:f, s:o}", "target", v->target_name, "estimate", v->estimate_name,
                     "threshold", v->threshold, "components", list);
}

json_t *dg_mistakes_json(const dg_survey *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->n; i++) {
        const dg_versus *v = &s->versus[i];
        if (v->kind != DG_OF_NUMBERS && v->count)
            json_array_append_new(list, v->kind == DG_OF_CLASSES ? classes_json(v) : sides_json(v));
    }
    return list;
}
