/* A list of distinct texts: the classes of a column, in the order of their ids. */
#ifndef DG_IO_LEXICON_H
#define DG_IO_LEXICON_H

#include <dagrad/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from zero. While texts are added, ids are in order of their first occurrence. */
typedef struct {
    int32_t n, room;
    char **word;
    bool numbers;  /* after dg_lexicon_sort: all are numbers, and compared as such */
    int32_t *slot; /* while texts are added: a hash table of ids + 1 */
    uint32_t slots;
} dg_lexicon;

void dg_lexicon_free(dg_lexicon *w);

/* The id of a text of n bytes, which is appended if it is new; -1: out of memory. */
int32_t dg_lexicon_add(dg_lexicon *w, const char *text, size_t n);

/* Sorts by code point, or by value if all are finite numbers; numbers of one value become one word.
 * rank[old id] is the new id. False: out of memory. */
bool dg_lexicon_sort(dg_lexicon *w, int32_t *rank);

/* The id of a text in a sorted list, -1: not there. */
int32_t dg_lexicon_find(const dg_lexicon *w, const char *text);

/* Texts as JSON, ["a","b"], to be freed (NULL: out of memory), and back: DG_EMEMORY, or DG_EDATA
 * where it is no list of texts. */
char *dg_texts_write(int n, char *const *text);
dg_status dg_texts_read(const char *json, int *n, char ***text);
void dg_texts_free(int n, char **text);

/* A sorted list from JSON. */
dg_status dg_lexicon_read(dg_lexicon *w, const char *json);

#endif
