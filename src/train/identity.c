/* What a run is, and how it is compared; see identity.h. */
#include "train/identity.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/file.h"
#include "train/json.h"
#include "train/network.h"
#include <stdlib.h>
#include <string.h>

/* ---- Made ------------------------------------------------------------------------------------ */

/* A text as a JSON string; it is given back. NULL: out of memory. */
static json_t *take_text(dg_text *t)
{
    json_t *j = t->failed ? NULL : json_stringn(t->data, t->length);
    dg_text_free(t);
    return j;
}

static json_t *network_lines(const dg_graph *g, dg_diag *why)
{
    dg_text text = dg_text_make(NULL);
    json_t *list = dg_network_write(g, &text, why) == DG_OK ? json_array() : NULL;
    for (const char *at = text.data; list && *at; at += strcspn(at, "\n") + 1)
        dg_json_append(list, json_stringn(at, strcspn(at, "\n")), why);
    dg_text_free(&text);
    return list;
}

static json_t *data_files(const dg_experiment *e, dg_diag *why)
{
    json_t *list = json_array();
    for (int k = 0; list && dg_store_file(e->store, k); k++) {
        char hex[65];
        uint64_t size = 0;
        char *path = dg_path_encode(dg_store_file(e->store, k));
        if (!path)
            dg_diag_set(why, DG_EMEMORY, "out of memory");
        else if (dg_store_hash(e->store, k, hex, &size, why) == DG_OK)
            dg_json_append(list,
                           json_pack("{s:s, s:s, s:I}", "path", path, "sha256", hex, "bytes",
                                     (json_int_t)size),
                           why);
        free(path);
    }
    return list;
}

static int is_path(const char *attribute)
{
    return strncmp(attribute, "file", 4) == 0 || strncmp(attribute, "folder", 6) == 0;
}

static void put_clause(dg_text *out, const dg_word *words, const dg_clause *c)
{
    const dg_word *w = c->word >= 0 ? &words[c->word] : NULL;
    const char *before = "(";
    dg_text_add(out, c->name);
    for (int i = 0; w && i < w->n_attrs && i < c->attrs.n; i++) {
        if (is_path(w->attrs[i].name))
            continue;
        dg_text_add(out, before);
        dg_attribute_write(out, &w->attrs[i], &c->attrs.v[i]);
        before = ", ";
    }
    dg_text_add(out, *before == ',' ? ")" : "");
}

static json_t *column_line(const dg_experiment *e, const dg_block *block, const dg_binding *b)
{
    const dg_vocabulary *v = &e->words.vocabulary;
    dg_text line = dg_text_make(NULL);
    put_clause(&line, v->sources, &b->source);
    for (int k = 0; k < b->n_names; k++)
        for (int i = 0; i < b->pipes[k].n; i++) {
            dg_text_add(&line, i || k == 0 ? " | " : ", | ");
            put_clause(&line, v->transforms, &b->pipes[k].transforms[i]);
        }
    for (int i = 0; i < v->n_block && i < block->head.attrs.n; i++) {
        dg_text_add(&line, ", ");
        dg_attribute_write(&line, &v->block[i], &block->head.attrs.v[i]);
    }
    return take_text(&line);
}

static json_t *column_lines(const dg_experiment *e, dg_diag *why)
{
    static const char *const part[] = {"train", "validation"};
    const dg_dag *m = e->model;
    json_t *j = json_object();
    for (int i = 0; i < m->n_blocks; i++)
        for (int k = 0; k < m->blocks[i].n_bindings && m->blocks[i].data < DG_DATA_TEST; k++) {
            const dg_binding *b = &m->blocks[i].bindings[k];
            dg_text key = dg_text_make(NULL);
            dg_text_add(&key, part[m->blocks[i].data]);
            for (int p = 0; p < b->n_names; p++)
                dg_text_printf(&key, "%s%s", p ? ", " : " ", m->ports[b->ports[p]].name);
            dg_json_set(j, key.data, key.failed ? NULL : column_line(e, &m->blocks[i], b), why);
            dg_text_free(&key);
        }
    return j;
}

/* Keys of train that steps depend on and that are not compared as numbers. */
static json_t *train_keys(const dg_experiment *e, dg_diag *why)
{
    static const int compared[] = {DG_KEY_OPTIMIZER, DG_KEY_SCHEDULE, DG_KEY_CLIP,
                                   DG_KEY_EXACT,     DG_KEY_SHUFFLE,  DG_KEY_LAST,
                                   DG_KEY_SPLIT,     DG_KEY_FREEZE,   DG_KEY_STOP};
    json_t *j = json_object();
    for (size_t i = 0; i < sizeof compared / sizeof compared[0]; i++) {
        const dg_key *key = &e->words.vocabulary.keys[compared[i]];
        const dg_setting *s = &e->model->settings[compared[i]];
        dg_text text = dg_text_make(NULL);
        if (key->words && s->clause.word >= 0)
            put_clause(&text, key->words, &s->clause);
        else if (!key->words)
            dg_attribute_write(&text, &key->value, &s->value);
        dg_json_set(j, key->value.name, take_text(&text), why);
    }
    return j;
}

/* The same for all runs of this network on these data with this seed. */
static json_t *hash_of(const json_t *network, const json_t *data, uint64_t seed)
{
    size_t i;
    const json_t *item;
    dg_sha256 s;
    uint8_t bytes[DG_SHA256_BYTES];
    char hex[DG_SHA256_TEXT], number[32];
    dg_sha256_start(&s);
    json_array_foreach(network, i, item)
        dg_sha256_add(&s, json_string_value(item), json_string_length(item) + 1);
    json_array_foreach(data, i, item)
    {
        const char *sum = json_string_value(json_object_get(item, "sha256"));
        dg_sha256_add(&s, sum ? sum : "", sum ? strlen(sum) : 0);
    }
    dg_format(number, sizeof number, "%llu", (unsigned long long)seed);
    dg_sha256_add(&s, number, strlen(number));
    dg_sha256_end(&s, bytes);
    return json_stringn(dg_sha256_text(bytes, hex), 16);
}

json_t *dg_identity(const dg_trainer *t, dg_diag *why)
{
    const dg_experiment *e = t->e;
    json_t *network = network_lines(e->model->graph, why), *data = data_files(e, why);
    json_t *j =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:s}", "id",
                  hash_of(network, data, e->settings.seed), "network", network, "data", data,
                  "columns", column_lines(e, why), "train", train_keys(e, why), "seed",
                  (json_int_t)e->settings.seed, "batch", (json_int_t)t->batch, "steps",
                  (json_int_t)t->steps, "precision", dg_type_name(dg_graph_real(e->model->graph)));
    if (!j)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    if (why->code == DG_OK)
        return j;
    json_decref(j);
    return NULL;
}

/* ---- Compared -------------------------------------------------------------------------------- */

/* A change that an option names: the key itself, or a let, from which anything may be made. */
static int is_meant(const char *key, const dg_experiment *e, const dg_change *c)
{
    size_t n = strlen(key);
    for (int i = 0; i < c->n_set; i++)
        if (strncmp(c->set[i], key, n) == 0 && (c->set[i][n] == '=' || c->set[i][n] == '.'))
            return 1;
    for (int i = 0; i < e->model->n_lets; i++)
        if (e->model->lets[i].overridden)
            return 1;
    return 0;
}

/* advice: what is to be said of it, behind the difference. */
static dg_status compare_network(const json_t *was, const json_t *is, const char *path,
                                 const char *advice, dg_diag *why)
{
    size_t i = 0;
    const char *old, *now;
    do {
        old = json_string_value(json_array_get(was, i));
        now = json_string_value(json_array_get(is, i++));
    } while (old && now && strcmp(old, now) == 0);
    if (!was || (!old && !now))
        return DG_OK;
    return dg_diag_set(why, DG_EUSAGE,
                       "the network is not the one of the run in '%.100s': that has `%.150s`, this "
                       "%s%.150s%s; %s",
                       path, old ? old : "no more", now ? "has `" : "ends there", now ? now : "",
                       now ? "`" : "", advice);
}

/* The next file from *k on whose bytes are not those of one before. */
static const json_t *next_file(const json_t *list, size_t *k)
{
    for (const json_t *file; (file = json_array_get(list, (*k)++));) {
        size_t before = 0;
        while (!json_equal(json_object_get(json_array_get(list, before), "sha256"),
                           json_object_get(file, "sha256")))
            before++;
        if (before == *k - 1)
            return file;
    }
    return NULL;
}

static dg_status compare_data(const json_t *was, const json_t *is, const char *path,
                              const char *advice, dg_diag *why)
{
    size_t a = 0, b = 0;
    const json_t *old, *now;
    do {
        old = next_file(was, &a);
        now = next_file(is, &b);
    } while (old && now &&
             json_equal(json_object_get(old, "sha256"), json_object_get(now, "sha256")));
    if (!was || (!old && !now))
        return DG_OK;
    const char *name = json_string_value(json_object_get(now ? now : old, "path"));
    const char *sum = json_string_value(json_object_get(now ? now : old, "sha256"));
    const char *then = old && now ? json_string_value(json_object_get(old, "sha256")) : NULL;
    return dg_diag_set(
        why, DG_EDATA,
        "the data are not those of the run in '%.100s': %.160s has SHA-256 %.16s..., %s%.16s%s; "
        "%.250s",
        path, name ? name : "a file", sum ? sum : "?",
        then  ? "the run's was "
        : now ? "the run had no such file"
              : "and is not used any more",
        then ? then : "", then ? "..." : "", advice);
}

/* A key that was and is; either may be NULL. advice: as above. */
static dg_status differs(const char *key, const json_t *was, const json_t *is, const char *path,
                         const char *advice, dg_diag *why)
{
    dg_text a = dg_text_make(NULL), b = dg_text_make(NULL);
    dg_json_write(was, JSON_ENCODE_ANY | JSON_COMPACT, &a);
    dg_json_write(is, JSON_ENCODE_ANY | JSON_COMPACT, &b);
    dg_diag_set(why, DG_EUSAGE, "%s of the run in '%.100s' was %.150s and is %.150s now; %s", key,
                path, was ? a.data : "nothing", is ? b.data : "nothing", advice);
    dg_text_free(&a);
    dg_text_free(&b);
    return why->code;
}

static dg_status refuse(const char *key, const json_t *was, const json_t *is, const char *path,
                        const char *option, dg_diag *why)
{
    char advice[128] = "--out begins a run of its own";
    if (option)
        dg_format(advice, sizeof advice, "--set %s=... says that this is meant", option);
    return differs(key, was, is, path, advice, why);
}

dg_status dg_identity_same(const json_t *run, const dg_experiment *e, const char *path,
                           dg_diag *why)
{
    static const char advice[] = "the figures are those of the model and the data now";
    const json_t *was = json_object_get(run, "columns");
    json_t *network = network_lines(e->model->graph, why), *data = data_files(e, why);
    json_t *columns = column_lines(e, why), *value;
    const char *key;
    if (why->code == DG_OK)
        compare_network(json_object_get(run, "network"), network, path, advice, why);
    json_object_foreach(columns, key, value)
    {
        const json_t *then = json_object_get(was, key);
        if (why->code == DG_OK && was && !json_equal(then, value))
            differs(key, then, value, path, advice, why);
    }
    if (why->code == DG_OK)
        compare_data(json_object_get(run, "data"), data, path, advice, why);
    json_decref(network);
    json_decref(data);
    json_decref(columns);
    return why->code;
}

static int is_compared(const char *key, const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value) && strcmp(key, "id") != 0 &&
           strcmp(key, "model") != 0;
}

/* Each key of both. An old run lacks what newer ones have. */
static dg_status compare_keys(const json_t *was, const json_t *is, const char *path, int columns,
                              const dg_experiment *e, const dg_change *c, dg_diag *why)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)was, key, value)
    {
        json_t *now = json_object_get(is, key);
        int steps = strcmp(key, "steps") == 0;
        if (json_equal(value, now) || !is_compared(key, value) || is_meant(key, e, c))
            continue;
        if (steps && (is_meant("epochs", e, c) || is_meant("batch", e, c)))
            continue;
        return refuse(key, value, now, path, columns ? NULL : steps ? "epochs" : key, why);
    }
    json_object_foreach((json_t *)(uintptr_t)is, key, value)
    {
        if (columns && was && !json_object_get(was, key) && !is_meant(key, e, c))
            return refuse(key, NULL, value, path, NULL, why);
    }
    return DG_OK;
}

dg_status dg_identity_compare(const json_t *was, const json_t *is, const char *path,
                              const dg_experiment *e, const dg_change *c, dg_diag *why)
{
    const char *const part[] = {"columns", "train"};
    char advice[200];
    dg_format(advice, sizeof advice,
              "--out begins a run of its own, --weights %.100s/last.safetensors from its weights",
              path);
    dg_status s =
        compare_network(json_object_get(was, "network"), json_object_get(is, "network"), path,
                        "--out begins a run of its own, --weights from these weights", why);
    if (s == DG_OK && !is_meant("data", e, c))
        s = compare_data(json_object_get(was, "data"), json_object_get(is, "data"), path, advice,
                         why);
    for (int i = 0; i < 2 && s == DG_OK; i++)
        s = compare_keys(json_object_get(was, part[i]), json_object_get(is, part[i]), path, i == 0,
                         e, c, why);
    return s == DG_OK ? compare_keys(was, is, path, 0, e, c, why) : s;
}

int dg_identity_judges_anew(const json_t *was, const json_t *is)
{
    const json_t *a = json_object_get(was, "train"), *b = json_object_get(is, "train");
    return !json_equal(json_object_get(was, "columns"), json_object_get(is, "columns")) ||
           !json_equal(json_object_get(a, "split"), json_object_get(b, "split"));
}
