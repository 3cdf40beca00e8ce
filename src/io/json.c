/* JSON that is whole or refused; see json.h. */
#include "io/json.h"

/* 1: there is no memory left for so many bytes. malloc itself would be optimised away. */
static bool lacks_memory(size_t n)
{
    void *probe = dg_memory_alloc(NULL, n);
    dg_memory_free(NULL, probe);
    return !probe;
}

json_t *dg_json_read(const char *text, size_t n, json_error_t *e, bool *starved)
{
    json_t *first = json_loadb(text, n, JSON_REJECT_DUPLICATES, e);
    json_t *second = json_loadb(text, n, JSON_REJECT_DUPLICATES, e);
    int same = first && second && json_equal(first, second);
    *starved = !same && (first || second || lacks_memory(n + (1 << 16)));
    json_decref(second);
    if (same)
        return first;
    json_decref(first);
    return NULL;
}

static int append(const char *bytes, size_t n, void *out)
{
    return dg_text_add_bytes(out, bytes, n) ? 0 : -1;
}

bool dg_json_write(const json_t *j, size_t flags, dg_text *out)
{
    if (!j || json_dump_callback(j, append, out, flags) != 0)
        out->failed = true;
    return !out->failed;
}
