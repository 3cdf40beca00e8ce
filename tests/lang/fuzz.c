/* What must hold for any bytes: it ends, nothing is read or written outside, messages are there if
 * and only if there is no model, and a model that is written is read again. */
#include "lang/fuzz.h"

#include "lang/dump.h"
#include "lang/words.h"

#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static dg_dag *load(const char *text, const char *option)
{
    const dg_dimension sizes[] = {{"T", 4}, {"L", 3}};
    dg_dag_options o = {.path = "fuzz.dag",
                        .text = text,
                        .set = &option,
                        .n_set = option != NULL,
                        .vocabulary = &dg_test_words};
    dg_dag *m = dg_dag_load(&o, DG_F32, sizes, 2);
    must(m != NULL);
    return m;
}

void dg_fuzz_lang(const char *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = 0;
    char *option = strchr(text, 1);
    if (option)
        *option++ = 0;
    dg_dag *m = load(text, option);
    dg_text out = dg_text_make(NULL), written = dg_text_make(NULL);
    dg_diags_text(&m->diags, &out, size & 1);
    must((dg_diags_status(&m->diags) == DG_OK) == (out.length == 0));
    if (out.length == 0) {
        dg_test_dump(m, &dg_test_words, &out);
        dg_dag_write(m, &written);
        dg_dag *again = load(written.data, NULL);
        must(dg_diags_status(&again->diags) == DG_OK);
        must(dg_graph_values(again->graph) == dg_graph_values(m->graph));
        dg_dag_free(again);
    }
    dg_text_free(&out);
    dg_text_free(&written);
    dg_dag_free(m);
    free(text);
}
