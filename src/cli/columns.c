/* Text in columns; see columns.h. */
#include "cli/columns.h"
#include <string.h>

enum { COLUMNS = 12 };

/* Code points of n bytes of UTF-8. */
static int points(const char *s, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

static void measure(const dg_text *t, int width[COLUMNS])
{
    int k = 0;
    for (const char *p = t->data; *p;) {
        size_t n = strcspn(p, "\t\n");
        int w = points(p, n);
        if (k < COLUMNS && w > width[k])
            width[k] = w;
        k = p[n] == '\t' ? k + 1 : 0;
        p += n + (p[n] != 0);
    }
}

static void put_line(FILE *to, const char *indent, dg_text *line)
{
    while (line->length > 0 && line->data[line->length - 1] == ' ')
        line->length--;
    fprintf(to, "%s%.*s\n", indent, (int)line->length, line->data);
    line->length = 0;
}

void dg_columns_print(FILE *to, const dg_text *t, const char *indent, unsigned right)
{
    int width[COLUMNS] = {0}, k = 0;
    dg_text line = dg_text_make(NULL);
    measure(t, width);
    for (const char *p = t->data; *p;) {
        size_t n = strcspn(p, "\t\n");
        int fill = k < COLUMNS ? width[k] - points(p, n) : 0;
        int to_right = k < COLUMNS && (right >> k & 1);
        dg_text_printf(&line, "%*s%.*s%*s  ", to_right ? fill : 0, "", (int)n, p,
                       to_right ? 0 : fill, "");
        k++;
        if (p[n] != '\t') {
            put_line(to, indent, &line);
            k = 0;
        }
        p += n + (p[n] != 0);
    }
    dg_text_free(&line);
}

char *dg_count_text(int64_t n, char text[DG_COUNT_TEXT])
{
    char digits[DG_COUNT_TEXT];
    int length = dg_format(digits, sizeof digits, "%lld", (long long)n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}
