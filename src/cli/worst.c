/* The samples with the largest loss; see worst.h. */
#include "cli/worst.h"
#include "cli/columns.h"
#include <math.h>

enum { SHORT = 4 }; /* numbers of a value that are shown */

static void add_values(dg_text *out, const dg_sample_pair *p, int estimate, int64_t row)
{
    int labels;
    int64_t n = dg_sample_count(p, estimate, &labels);
    for (int64_t i = 0; i < n && i < SHORT; i++) {
        double x = dg_sample_value(p, estimate, row, i);
        char room[DG_DATE_TEXT];
        const char *word = dg_sample_word(p, estimate, x, room);
        dg_text_add(out, i ? " " : "");
        if (word)
            dg_text_add(out, word);
        else
            dg_text_printf(out, "%.4g", x);
    }
    dg_text_add(out, n > SHORT ? " ..." : "");
}

void dg_worst_print(const dg_samples *s)
{
    dg_text t = dg_text_make(NULL);
    dg_text_add(&t, "row\tloss");
    for (int i = 0; i < s->n_pairs; i++)
        dg_text_printf(&t, "\t%s\t%s", s->pair[i].versus->target_name,
                       s->pair[i].versus->estimate_name);
    dg_text_add(&t, "\n");
    for (int64_t k = 0; k < s->n; k++) {
        if (s->row[k].name)
            dg_text_add(&t, s->row[k].name);
        else
            dg_text_printf(&t, "%lld", (long long)s->row[k].source);
        dg_text_printf(&t, "\t%.6g", s->row[k].loss);
        for (int i = 0; i < s->n_pairs; i++) {
            dg_text_add(&t, "\t");
            add_values(&t, &s->pair[i], 0, k);
            dg_text_add(&t, "\t");
            add_values(&t, &s->pair[i], 1, k);
        }
        dg_text_add(&t, "\n");
    }
    printf("\n");
    dg_columns_print(stdout, &t, "", 1);
    dg_text_free(&t);
}

static json_t *values_json(const dg_sample_pair *p, int estimate, int64_t row)
{
    int labels;
    json_t *list = json_array();
    int64_t n = dg_sample_count(p, estimate, &labels);
    for (int64_t i = 0; i < n; i++) {
        double x = dg_sample_value(p, estimate, row, i);
        char room[DG_DATE_TEXT];
        const char *word = dg_sample_word(p, estimate, x, room);
        json_array_append_new(list, word          ? json_string(word)
                                    : labels      ? json_integer((json_int_t)x)
                                    : isfinite(x) ? json_real(x)
                                                  : json_null());
    }
    return list;
}

json_t *dg_worst_json(const dg_samples *s)
{
    json_t *list = json_array();
    for (int64_t k = 0; k < s->n; k++) {
        double loss = s->row[k].loss;
        json_t *target = json_object(), *estimate = json_object();
        for (int i = 0; i < s->n_pairs; i++) {
            const dg_sample_pair *p = &s->pair[i];
            json_object_set_new(target, p->versus->target_name, values_json(p, 0, k));
            json_object_set_new(estimate, p->versus->estimate_name, values_json(p, 1, k));
        }
        json_array_append_new(list,
                              json_pack("{s:I, s:s*, s:o, s:o, s:o}", "row",
                                        (json_int_t)s->row[k].source, "file", s->row[k].name,
                                        "loss", isfinite(loss) ? json_real(loss) : json_null(),
                                        "target", target, "estimate", estimate));
    }
    return list;
}
