/* Samples of a part of the data as cards: what goes in, as a picture, a text or numbers, its target
 * beside its estimate. */
#include "io/array.h"
#include "report/sections.h"
#include "report/thumb.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CARDS = 8, WIDE_CARDS = 5, MOST_NUMBERS = 10, MOST_LETTERS = 280, SHORT = 6 };

/* Ranges of the values of all samples, so that cards compare. */
typedef struct deck {
    dg_text *t;
    const dg_samples *s;
    dg_range *input, *pair;
    int32_t *label; /* room for a map */
} deck;

/* ---- Texts ----------------------------------------------------------------------------------- */

static int is_text(const dg_tensor *t, const dg_legend *l)
{
    return t->type == DG_I32 && t->shape.rank == 2 && t->shape.dim[1] > 1 && l && l->classes;
}

/* A letter; line ends are seen. */
static void add_letter(dg_text *t, const dg_legend *l, int64_t id)
{
    const char *name = dg_legend_class(l, (double)id);
    if (!name)
        dg_text_printf(t, "[%lld]", (long long)id);
    else if (strcmp(name, "\n") == 0)
        dg_text_add(t, "\xe2\x86\xb5");
    else
        dg_html(t, name);
    if (name && strlen(name) > 4) /* words, not letters */
        dg_text_add(t, " ");
}

static void add_text(dg_text *t, const dg_tensor *x, int64_t row, const dg_legend *l,
                     const char *name)
{
    int64_t n = x->shape.dim[1];
    dg_text_add(t, "<div>");
    dg_html(t, name);
    dg_text_add(t, "</div><div class=\"text\">");
    for (int64_t i = 0; i < n && i < MOST_LETTERS; i++)
        add_letter(t, l, (int64_t)dg_tensor_number(x, row * n + i));
    dg_text_add(t, n > MOST_LETTERS ? "\xe2\x80\xa6</div>\n" : "</div>\n");
}

/* The estimated letters, those marked that are not the target's. */
static void add_estimated_text(dg_text *t, const dg_sample_pair *p, int64_t row, int64_t n)
{
    dg_text_add(t, "<div>");
    dg_html(t, p->versus->estimate_name);
    dg_text_add(t, "</div><div class=\"text\">");
    for (int64_t i = 0; i < n && i < MOST_LETTERS; i++) {
        int64_t a = (int64_t)dg_sample_value(p, 0, row, i);
        int64_t b = (int64_t)dg_sample_value(p, 1, row, i);
        dg_text_add(t, a != b ? "<b>" : "");
        add_letter(t, p->versus->legend, b);
        dg_text_add(t, a != b ? "</b>" : "");
    }
    dg_text_add(t, "</div>\n");
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static void add_numbers(dg_text *t, const dg_sample_input *in, int64_t row)
{
    int64_t n = dg_shape_row(&in->values.shape);
    int named = in->legend && in->legend->n == n && !in->legend->classes;
    dg_text_add(t, n > SHORT ? "<dl class=\"many\">" : "<dl>");
    for (int64_t i = 0; i < n && i < MOST_NUMBERS; i++) {
        double x = dg_tensor_number(&in->values, row * n + i);
        const char *word = in->values.type == DG_I32 ? dg_legend_class(in->legend, x) : NULL;
        dg_text_add(t, "<dt>");
        dg_html(t, named ? in->legend->name[i] : in->name);
        if (!named && n > 1)
            dg_text_printf(t, " %lld", (long long)i);
        dg_text_add(t, "</dt><dd>");
        if (word)
            dg_html(t, word);
        else
            dg_html_number(t, x);
        dg_text_add(t, "</dd>");
    }
    dg_text_add(t, "</dl>\n");
    if (n > MOST_NUMBERS)
        dg_text_printf(t, "<div class=\"soft\">and %lld more</div>\n",
                       (long long)(n - MOST_NUMBERS));
}

/* The first few of a target or an estimate. */
static void add_values(dg_text *t, const dg_sample_pair *p, int estimate, int64_t row)
{
    int labels;
    int64_t n = dg_sample_count(p, estimate, &labels);
    for (int64_t i = 0; i < n && i < SHORT; i++) {
        double x = dg_sample_value(p, estimate, row, i);
        char room[DG_DATE_TEXT];
        const char *word = dg_sample_word(p, estimate, x, room);
        dg_text_add(t, i ? ", " : "");
        if (word)
            dg_html(t, word);
        else
            dg_html_number(t, x);
    }
    dg_text_add(t, n > SHORT ? ", \xe2\x80\xa6" : "");
}

/* Of classes: " class=right" or wrong. */
static const char *verdict(const dg_sample_pair *p, int64_t row)
{
    int target, estimate;
    if (dg_sample_count(p, 0, &target) != 1 || dg_sample_count(p, 1, &estimate) != 1 || !target ||
        !estimate)
        return "";
    int64_t a = (int64_t)dg_sample_value(p, 0, row, 0), b = (int64_t)dg_sample_value(p, 1, row, 0);
    return a == b ? " class=\"right\"" : " class=\"wrong\"";
}

static void add_pair(dg_text *t, const dg_sample_pair *p, int64_t row)
{
    const dg_versus *v = p->versus;
    int several = strcmp(v->target_name, v->estimate_name) == 0;
    dg_text_add(t, "<dl><dt>");
    dg_html(t, several ? "target" : v->target_name);
    dg_text_add(t, "</dt><dd>");
    add_values(t, p, 0, row);
    dg_text_add(t, "</dd><dt>");
    dg_html(t, v->estimate_name);
    dg_text_printf(t, "</dt><dd%s>", verdict(p, row));
    add_values(t, p, 1, row);
    dg_text_add(t, "</dd></dl>\n");
}

/* ---- Cards ----------------------------------------------------------------------------------- */

static int is_picture_pair(const dg_sample_pair *p)
{
    return dg_thumb_is_picture(&p->targets) && dg_thumb_is_picture(&p->estimates);
}

static int is_map_pair(const dg_sample_pair *p)
{
    return p->targets.type == DG_I32 && p->targets.shape.rank == 3 && p->estimates.shape.rank == 4;
}

static int is_series_pair(const dg_sample_pair *p)
{
    return dg_thumb_is_series(&p->targets) && dg_thumb_is_series(&p->estimates);
}

static void add_map(deck *d, const dg_sample_pair *p, int estimate, int64_t row)
{
    int labels;
    const int64_t *size = p->targets.shape.dim;
    int64_t n = dg_sample_count(p, estimate, &labels);
    for (int64_t i = 0; i < n; i++)
        d->label[i] = (int32_t)dg_sample_value(p, estimate, row, i);
    dg_thumb_labels(d->t, size[1], size[2], d->label,
                    estimate ? p->versus->estimate_name : p->versus->target_name);
}

static void add_pictures(deck *d, int64_t row)
{
    dg_text_add(d->t, "<div class=\"pictures\">\n");
    for (int i = 0; i < d->s->n_inputs; i++)
        if (dg_thumb_is_picture(&d->s->input[i].values))
            dg_thumb_picture(d->t, &d->s->input[i].values, row, d->input[i], d->s->input[i].name);
    for (int i = 0; i < d->s->n_pairs; i++) {
        const dg_sample_pair *p = &d->s->pair[i];
        if (is_picture_pair(p)) {
            dg_thumb_picture(d->t, &p->targets, row, d->pair[i], p->versus->target_name);
            dg_thumb_picture(d->t, &p->estimates, row, d->pair[i], p->versus->estimate_name);
        } else if (is_map_pair(p)) {
            add_map(d, p, 0, row);
            add_map(d, p, 1, row);
        }
    }
    dg_text_add(d->t, "</div>\n");
}

static void add_input(deck *d, int i, int64_t row)
{
    const dg_sample_input *in = &d->s->input[i];
    if (dg_thumb_is_picture(&in->values))
        return;
    if (is_text(&in->values, in->legend))
        add_text(d->t, &in->values, row, in->legend, in->name);
    else if (dg_thumb_is_series(&in->values))
        dg_thumb_series(d->t, &in->values, row, d->input[i], in->name);
    else
        add_numbers(d->t, in, row);
}

static void add_result(deck *d, int i, int64_t row)
{
    const dg_sample_pair *p = &d->s->pair[i];
    const dg_versus *v = p->versus;
    if (is_picture_pair(p) || is_map_pair(p))
        return;
    if (is_text(&p->targets, v->legend)) {
        add_text(d->t, &p->targets, row, v->legend, v->target_name);
        add_estimated_text(d->t, p, row, p->targets.shape.dim[1]);
    } else if (is_series_pair(p)) {
        dg_thumb_series(d->t, &p->targets, row, d->pair[i], v->target_name);
        dg_thumb_series(d->t, &p->estimates, row, d->pair[i], v->estimate_name);
    } else {
        add_pair(d->t, p, row);
    }
}

/* How cards are laid out: texts under one another and curves side by side want the whole width. */
typedef enum { PLAIN, SMALL, TEXTS, SERIES } layout;

static int is_result_text(const dg_sample_pair *p)
{
    return is_text(&p->targets, p->versus->legend);
}

static void add_card(deck *d, int64_t row, layout how)
{
    const dg_sample_row *r = &d->s->row[row];
    dg_text_add(d->t, "<div class=\"card\"><div class=\"head\"><span>");
    if (r->name)
        dg_html(d->t, r->name);
    else
        dg_text_printf(d->t, "row %lld", (long long)r->source);
    dg_text_add(d->t, "</span><span>loss ");
    dg_html_number(d->t, r->loss);
    dg_text_add(d->t, "</span></div>\n");
    add_pictures(d, row);
    dg_text_add(d->t, how == TEXTS    ? "<div class=\"texts\">\n"
                      : how == SERIES ? "<div class=\"series\">\n"
                                      : "<div>\n");
    for (int i = 0; i < d->s->n_inputs; i++)
        add_input(d, i, row);
    for (int i = 0; i < d->s->n_pairs; i++)
        if (how != TEXTS || is_result_text(&d->s->pair[i]))
            add_result(d, i, row);
    dg_text_add(d->t, "</div>\n");
    for (int i = 0; how == TEXTS && i < d->s->n_pairs; i++)
        if (!is_result_text(&d->s->pair[i]))
            add_result(d, i, row);
    dg_text_add(d->t, "</div>\n");
}

static layout layout_of(const dg_samples *s)
{
    int texts = 0, series = 0, pictures = 0, results = 0;
    for (int i = 0; i < s->n_inputs; i++) {
        texts += is_text(&s->input[i].values, s->input[i].legend);
        series += dg_thumb_is_series(&s->input[i].values);
        pictures += dg_thumb_is_picture(&s->input[i].values);
    }
    for (int i = 0; i < s->n_pairs; i++)
        results += is_picture_pair(&s->pair[i]) + is_map_pair(&s->pair[i]);
    if (texts > 0 && texts == s->n_inputs)
        return TEXTS;
    return series > 0 ? SERIES : pictures == 1 && s->n_inputs == 1 && results == 0 ? SMALL : PLAIN;
}

static int make_deck(deck *d)
{
    const dg_samples *s = d->s;
    int64_t most = 1;
    d->input = calloc((size_t)s->n_inputs + 1, sizeof *d->input);
    d->pair = calloc((size_t)s->n_pairs + 1, sizeof *d->pair);
    if (!d->input || !d->pair)
        return 0;
    for (int i = 0; i < s->n_inputs; i++)
        d->input[i] = dg_thumb_range(&s->input[i].values);
    for (int i = 0; i < s->n_pairs; i++) {
        int64_t n = dg_shape_row(&s->pair[i].targets.shape);
        d->pair[i] = dg_thumb_range(&s->pair[i].targets);
        most = n > most ? n : most;
    }
    d->label = malloc((size_t)most * sizeof *d->label);
    return d->label != NULL;
}

static void add_cards(dg_text *t, const dg_samples *s, const char *heading)
{
    deck d = {.t = t, .s = s};
    layout how = layout_of(s);
    int wide = how == TEXTS || how == SERIES;
    dg_text_printf(t, "<h3>%s</h3>\n<div class=\"cards%s\">\n", heading,
                   wide           ? " wide"
                   : how == SMALL ? " small"
                                  : "");
    if (make_deck(&d))
        for (int64_t k = 0; k < s->n && k < (wide ? WIDE_CARDS : CARDS); k++)
            add_card(&d, k, how);
    else
        t->failed = true;
    dg_text_add(t, "</div>\n");
    free(d.input);
    free(d.pair);
    free(d.label);
}

dg_status dg_section_samples(dg_text *t, const dg_view *v, int threads, dg_diag *why)
{
    dg_samples worst = {.row = NULL}, any = {.row = NULL};
    if (!v->part || !v->survey.rows.data)
        return DG_OK;
    dg_status s = dg_samples_worst(&worst, &v->survey, CARDS, threads, why);
    if (s == DG_OK)
        s = dg_samples_any(&any, &v->survey, CARDS, threads, why);
    if (s == DG_OK) {
        dg_section_begin(t, "samples", "Samples");
        dg_text_printf(
            t, "<p class=\"soft\">Of the %s part%s.</p>\n", v->part,
            layout_of(&worst) == TEXTS ? "; letters that are not the target's are underlined" : "");
        add_cards(t, &worst, "The largest loss");
        add_cards(t, &any, "Drawn at random");
        dg_section_end(t);
    }
    dg_samples_free(&worst);
    dg_samples_free(&any);
    return s;
}
