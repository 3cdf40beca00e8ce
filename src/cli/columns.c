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

void dg_columns_print(FILE *to, const dg_text *t, const char *indent, unsigned right)
{
    int width[COLUMNS] = {0}, k = 0, spaces = 0; /* spaces before the next cell that is not empty */
    measure(t, width);
    for (const char *p = t->data; *p;) {
        size_t n = strcspn(p, "\t\n");
        int fill = k < COLUMNS ? width[k] - points(p, n) : 0;
        int to_right = k < COLUMNS && (right >> k & 1);
        spaces += to_right ? fill : 0;
        fputs(k == 0 ? indent : "", to);
        if (n > 0) {
            fprintf(to, "%*s%.*s", spaces, "", (int)n, p);
            spaces = 0;
        }
        spaces += (to_right ? 0 : fill) + 2;
        k++;
        if (p[n] != '\t') {
            fputs("\n", to);
            k = spaces = 0;
        }
        p += n + (p[n] != 0);
    }
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
