/* Spelling: the known name nearest to one that was not found. */
#ifndef DG_LANG_SUGGEST_H
#define DG_LANG_SUGGEST_H

#include <stdbool.h>

/* Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and
 * swaps of neighbours that lead from a to b. Names longer than 63 bytes count as far away. */
int dg_suggest_distance(const char *a, const char *b);

/* The best of the candidates seen so far. Start from {.name = what was written}. */
typedef struct dg_suggest {
    const char *name;
    const char *best; /* NULL: none is near enough */
    int distance;
} dg_suggest;

/* Looks at one candidate: it counts within a third of the longer name's length (at least 1), and
 * never for a name of one letter. The first of equals stays. */
void dg_suggest_try(dg_suggest *s, const char *candidate);

#endif
