/* Optimal string alignment in three rows. */
#include "lang/suggest.h"

#include <string.h>

enum { LONGEST = 63 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

int dg_suggest_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return (int)(n == m && strcmp(a, b) == 0 ? 0 : LONGEST + 1);
    int rows[3][LONGEST + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int change = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last, last = row, row = spare;
    }
    return last[m];
}

void dg_suggest_try(dg_suggest *s, const char *candidate)
{
    size_t n = strlen(s->name), m = strlen(candidate), longer = n > m ? n : m;
    if (n < 2 || m < 2)
        return;
    int cutoff = longer < 6 ? 1 : (int)(longer / 3);
    int distance = dg_suggest_distance(s->name, candidate);
    if (distance > cutoff || (s->best && distance >= s->distance))
        return;
    s->best = candidate;
    s->distance = distance;
}
