/* Lists of distinct texts: a hash table while they grow, sorted afterwards. */
#include "io/lexicon.h"

#include "io/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void dg_lexicon_free(dg_lexicon *w)
{
    for (int32_t i = 0; i < w->n; i++)
        free(w->word[i]);
    free(w->word);
    free(w->slot);
    *w = (dg_lexicon){0};
}

/* ---- Adding ---------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint32_t hash(const char *text, size_t n)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619U;
    return h;
}

/* The place of a text in the table: its own, or the free one where it belongs. */
static uint32_t place(const dg_lexicon *w, const char *text, size_t n)
{
    uint32_t k = hash(text, n) & (w->slots - 1);
    for (; w->slot[k]; k = (k + 1) & (w->slots - 1)) {
        const char *there = w->word[w->slot[k] - 1];
        if (strlen(there) == n && memcmp(there, text, n) == 0)
            break;
    }
    return k;
}

/* Room for one word more, the table at most half full. */
static bool grow(dg_lexicon *w)
{
    if (w->n < w->room)
        return true;
    int32_t room = w->room ? 2 * w->room : 16;
    if (room > INT32_MAX / 8)
        return false;
    char **word = realloc(w->word, (size_t)room * sizeof *word);
    if (word)
        w->word = word;
    int32_t *slot = word ? calloc(2 * (size_t)room, sizeof *slot) : NULL;
    if (!slot)
        return false;
    free(w->slot);
    w->slot = slot;
    w->slots = 2 * (uint32_t)room;
    w->room = room;
    for (int32_t i = 0; i < w->n; i++)
        w->slot[place(w, w->word[i], strlen(w->word[i]))] = i + 1;
    return true;
}

int32_t dg_lexicon_add(dg_lexicon *w, const char *text, size_t n)
{
    if (!grow(w))
        return -1;
    uint32_t k = place(w, text, n);
    if (!w->slot[k]) {
        w->word[w->n] = strndup(text, n);
        if (!w->word[w->n])
            return -1;
        w->slot[k] = ++w->n;
    }
    return w->slot[k] - 1;
}

/* ---- Order ----------------------------------------------------------------------------------- */

static bool is_number(const char *text, double *x)
{
    const char *end = dg_read_f64(text, x);
    return end && !*end && isfinite(*x);
}

typedef struct {
    char *word;
    double number;
    int32_t id;
} entry;

static int by_text(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->word, ((const entry *)b)->word);
}

/* Whole numbers that no double tells apart, as ids of 20 digits; of one sign. */
static int by_digits(const char *a, const char *b)
{
    const bool minus = *a == '-';
    a += strspn(a, "+-0");
    b += strspn(b, "+-0");
    const size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
    if (a[n] || b[m])
        return 0;
    const int order = n != m ? (n > m) - (n < m) : strcmp(a, b);
    return minus ? -order : order;
}

static int compare_numbers(const char *a, double x, const char *b, double y)
{
    if (x < y || x > y)
        return x < y ? -1 : 1;
    return fabs(x) < 0x1p53 ? 0 : by_digits(a, b);
}

static int by_number(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = compare_numbers(x->word, x->number, y->word, y->number);
    return order ? order : x->id < y->id ? -1 : x->id > y->id; /* of one value the first stays */
}

bool dg_lexicon_sort(dg_lexicon *w, int32_t *rank)
{
    entry *e = malloc(((size_t)w->n + 1) * sizeof *e);
    int32_t to = 0;
    if (!e)
        return false;
    w->numbers = w->n > 0;
    for (int32_t i = 0; i < w->n; i++) {
        e[i] = (entry){w->word[i], 0, i};
        w->numbers = is_number(w->word[i], &e[i].number) && w->numbers;
    }
    qsort(e, (size_t)w->n, sizeof *e, w->numbers ? by_number : by_text);
    for (int32_t i = 0; i < w->n; i++) {
        bool same = w->numbers && i > 0 &&
                    compare_numbers(w->word[to - 1], e[i - 1].number, e[i].word, e[i].number) == 0;
        if (same)
            free(e[i].word);
        else
            w->word[to++] = e[i].word;
        rank[e[i].id] = to - 1;
    }
    w->n = to;
    free(w->slot);
    w->slot = NULL;
    w->slots = 0;
    w->room = to; /* a word more makes a new table */
    free(e);
    return true;
}

static int compare(const dg_lexicon *w, const char *text, double x, int32_t k)
{
    double y = 0;
    if (!w->numbers)
        return strcmp(text, w->word[k]);
    is_number(w->word[k], &y);
    return compare_numbers(text, x, w->word[k], y);
}

int32_t dg_lexicon_find(const dg_lexicon *w, const char *text)
{
    double x = 0;
    int32_t low = 0, high = w->n;
    if (w->numbers && !is_number(text, &x))
        return -1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int c = compare(w, text, x, middle);
        if (c == 0)
            return middle;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* ---- As text --------------------------------------------------------------------------------- */

char *dg_texts_write(int n, char *const *text)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (int i = 0; i < n && good; i++)
        good = json_array_append_new(list, json_string(text[i])) == 0;
    dg_text json = dg_text_make(NULL);
    good = good && dg_json_write(list, JSON_COMPACT, &json);
    char *copy = good ? strdup(json.data) : NULL;
    dg_text_free(&json);
    json_decref(list);
    return copy;
}

void dg_texts_free(int n, char **text)
{
    for (int i = 0; text && i < n; i++)
        free(text[i]);
    free(text);
}

dg_status dg_texts_read(const char *json, int *n, char ***text)
{
    json_error_t e;
    bool starved = false;
    json_t *list = dg_json_read(json, strlen(json), &e, &starved);
    size_t count = json_is_array(list) ? json_array_size(list) : 0;
    dg_status s = starved                                    ? DG_EMEMORY
                  : json_is_array(list) && count < INT32_MAX ? DG_OK
                                                             : DG_EDATA;
    char **all = s == DG_OK ? calloc(count + 1, sizeof *all) : NULL;
    if (s == DG_OK && !all)
        s = DG_EMEMORY;
    for (size_t i = 0; i < count && s == DG_OK; i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (!one)
            s = DG_EDATA;
        else if (!(all[i] = strdup(one)))
            s = DG_EMEMORY;
    }
    if (s != DG_OK)
        dg_texts_free((int)count, all);
    *n = s == DG_OK ? (int)count : 0;
    *text = s == DG_OK ? all : NULL;
    json_decref(list);
    return s;
}

dg_status dg_lexicon_read(dg_lexicon *w, const char *json)
{
    int n = 0;
    char **text = NULL;
    dg_status s = dg_texts_read(json, &n, &text);
    int32_t *rank = malloc(((size_t)n + 1) * sizeof *rank);
    *w = (dg_lexicon){0};
    if (s == DG_OK && !rank)
        s = DG_EMEMORY;
    for (int i = 0; i < n && s == DG_OK; i++)
        s = dg_lexicon_add(w, text[i], strlen(text[i])) >= 0 ? DG_OK : DG_EMEMORY;
    if (s == DG_OK && !dg_lexicon_sort(w, rank))
        s = DG_EMEMORY;
    if (s == DG_OK && w->n != n)
        s = DG_EDATA;
    if (s != DG_OK)
        dg_lexicon_free(w);
    dg_texts_free(n, text);
    free(rank);
    return s;
}
