/* Numbers and text by the C library in a C locale of our own, set for this thread for the call
 * only. (glibc answers newlocale for "C" with a constant: no allocation, nothing kept.) */
#define _GNU_SOURCE
#include "base/text.h"

#include "base/checked.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    locale_t c, found;
} locale_swap;

static bool enter_c(locale_swap *l)
{
    l->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!l->c)
        return false;
    l->found = uselocale(l->c);
    return true;
}

static void leave_c(const locale_swap *l)
{
    uselocale(l->found);
    freelocale(l->c);
}

int dg_vformat(char *out, size_t n, const char *format, va_list args)
{
    locale_swap l;
    if (!enter_c(&l))
        return -1;
    int length = vsnprintf(out, n, format, args);
    leave_c(&l);
    return length;
}

int dg_format(char *out, size_t n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = dg_vformat(out, n, format, args);
    va_end(args);
    return length;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where s starts with word in any case of ASCII letters: after it, else NULL. */
static const char *skip_word(const char *s, const char *word)
{
    for (; *word; s++, word++)
        if ((*s | 0x20) != *word)
            return NULL;
    return s;
}

/* Behind the number at the start of text by the grammar of dg_read_f64, else NULL. */
static const char *skip_number(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-'), *end;
    if ((end = skip_word(s, "infinity")) || (end = skip_word(s, "inf")) ||
        (end = skip_word(s, "nan")))
        return end;
    const char *start = s;
    while (is_digit(*s))
        s++;
    long digits = s - start;
    if (*s == '.')
        for (s++; is_digit(*s); s++)
            digits++;
    if (digits == 0)
        return NULL;
    const char *e = s;
    if ((*e | 0x20) != 'e')
        return s;
    e += 1 + (e[1] == '+' || e[1] == '-');
    if (!is_digit(*e))
        return s;
    while (is_digit(*e))
        e++;
    return e;
}

/* "nan(...)" would be read further than skip_number goes, "0x1" further than its 0: strto* get what
 * lies behind, but their own idea of the end is not used, and these two have the right value. */
static bool is_hex_zero(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    return s[0] == '0' && (s[1] | 0x20) == 'x';
}

const char *dg_read_f64(const char *text, double *value)
{
    const char *end = skip_number(text);
    locale_swap l;
    if (!end || !enter_c(&l))
        return NULL;
    *value = is_hex_zero(text) ? (*text == '-' ? -0.0 : 0.0) : strtod(text, NULL);
    leave_c(&l);
    return end;
}

const char *dg_read_f32(const char *text, float *value)
{
    const char *end = skip_number(text);
    locale_swap l;
    if (!end || !enter_c(&l))
        return NULL;
    *value = is_hex_zero(text) ? (*text == '-' ? -0.0F : 0.0F) : strtof(text, NULL);
    leave_c(&l);
    return end;
}

const char *dg_read_i64(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    const char *s = text + (*text == '+' || negative);
    if (!is_digit(*s))
        return NULL;
    uint64_t most = (uint64_t)INT64_MAX + negative, n = 0;
    for (; is_digit(*s); s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (n > (most - digit) / 10)
            return NULL;
        n = n * 10 + digit;
    }
    *value = negative ? -(int64_t)(n - (n > 0)) - (n > 0) : (int64_t)n;
    return s;
}

char *dg_f64_text(double x, char text[DG_NUMBER_TEXT])
{
    double back = 0;
    if (isnan(x)) /* some libraries print a sign */
        return strcpy(text, "nan");
    for (int digits = 15; digits <= 17; digits++) {
        dg_format(text, DG_NUMBER_TEXT, "%.*g", digits, x);
        if (dg_read_f64(text, &back) && back == x)
            break;
    }
    return text;
}

char *dg_f32_text(float x, char text[DG_NUMBER_TEXT])
{
    float back = 0;
    if (isnan(x))
        return strcpy(text, "nan");
    for (int digits = 6; digits <= 9; digits++) {
        dg_format(text, DG_NUMBER_TEXT, "%.*g", digits, (double)x);
        if (dg_read_f32(text, &back) && back == x)
            break;
    }
    return text;
}

static char nothing[1];

dg_text dg_text_make(dg_memory *memory)
{
    return (dg_text){.data = nothing, .memory = memory};
}

void dg_text_free(dg_text *t)
{
    if (t->room > 0)
        dg_memory_free(t->memory, t->data);
    *t = dg_text_make(t->memory);
}

static bool fail(dg_text *t)
{
    t->failed = true;
    return false;
}

/* Makes room for n more bytes and the ending 0. */
static bool reserve(dg_text *t, size_t n)
{
    size_t need;
    if (t->failed || !dg_add_size(t->length, n, &need) || !dg_add_size(need, 1, &need))
        return fail(t);
    if (need <= t->room)
        return true;
    size_t room = t->room > SIZE_MAX / 2 || t->room * 2 < need ? need : t->room * 2;
    char *data = dg_memory_alloc(t->memory, room < 64 ? 64 : room);
    if (!data)
        return fail(t);
    memcpy(data, t->data, t->length + 1);
    if (t->room > 0)
        dg_memory_free(t->memory, t->data);
    t->data = data;
    t->room = room < 64 ? 64 : room;
    return true;
}

bool dg_text_add_bytes(dg_text *t, const char *s, size_t n)
{
    if (!reserve(t, n))
        return false;
    if (n > 0)
        memcpy(t->data + t->length, s, n);
    t->length += n;
    t->data[t->length] = 0;
    return true;
}

bool dg_text_add(dg_text *t, const char *s)
{
    return dg_text_add_bytes(t, s, strlen(s));
}

bool dg_text_vprintf(dg_text *t, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = dg_vformat(NULL, 0, format, args);
    if (n < 0)
        fail(t);
    else if (reserve(t, (size_t)n)) {
        dg_vformat(t->data + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
    return !t->failed;
}

bool dg_text_printf(dg_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool done = dg_text_vprintf(t, format, args);
    va_end(args);
    return done;
}

bool dg_text_f32(dg_text *t, float x)
{
    char number[DG_NUMBER_TEXT];
    return dg_text_add(t, dg_f32_text(x, number));
}

bool dg_text_f64(dg_text *t, double x)
{
    char number[DG_NUMBER_TEXT];
    return dg_text_add(t, dg_f64_text(x, number));
}
