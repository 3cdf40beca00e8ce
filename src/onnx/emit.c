/* Statements of the model: names, parameters, what is live, and the text in the end. */
#include "onnx/import.h"

#include "graph/graph.h"
#include "io/utf8.h"
#include "onnx/onnx.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { LINE = 16384 };

/* ---- Names ----------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_reserved(const char *name)
{
    static const char *const words[] = {
        "let",  "input",  "target", "constant", "parameter", "state",  "repeat",
        "def",  "return", "output", "loss",     "metric",    "data",   "train",
        "true", "false",  "N",      "int",      "net",       "zeros",  "ones",
        "fill", "normal", "he",     "glorot",   "test",      "stored", "uniform"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return dg_type_find(NULL, name) != NULL;
}

/* Letters, digits and single underlines of a name of the file. */
static char *identifier(dg_import *m, const char *source)
{
    enum { MOST = 48 };
    size_t n = strlen(source), k = 0;
    static const char tail[] = "_output_0";
    if (n > sizeof tail - 1 && strcmp(source + n - (sizeof tail - 1), tail) == 0)
        n -= sizeof tail - 1;
    char *name = dg_heap_take(&m->heap, MOST + 8, 1);
    for (size_t i = 0; i < n && k < MOST; i++) {
        char c = source[i];
        if (k == 0 && is_digit(c))
            name[k++] = 'v';
        if (is_letter(c) || is_digit(c))
            name[k++] = c;
        else if (k > 0 && name[k - 1] != '_')
            name[k++] = '_';
    }
    while (k > 1 && name[k - 1] == '_')
        k--;
    name[k] = 0;
    return k ? name : strcpy(name, "v");
}

const char *dg_onnx_name(dg_import *m, const char *source)
{
    const char *base = identifier(m, source), *name = base;
    for (int i = 2; is_reserved(name) || dg_dict_find(&m->names, name); i++)
        name = dg_heap_printf(&m->heap, "%s_%d", base, i);
    int *place = dg_heap_take(&m->heap, 1, sizeof *place);
    *place = -1;
    dg_dict_put(&m->heap, &m->names, name, place);
    return name;
}

const char *dg_onnx_number(dg_import *m, double x)
{
    char text[DG_NUMBER_TEXT];
    return dg_heap_printf(&m->heap, "%s", dg_f64_text(x, text));
}

const char *dg_onnx_list(dg_import *m, int n, const int64_t x[])
{
    bool same = true;
    const char *text = "[";
    for (int i = 1; i < n; i++)
        same &= x[i] == x[0];
    if (same && n > 0)
        return dg_heap_printf(&m->heap, "%lld", (long long)x[0]);
    for (int i = 0; i < n; i++)
        text = dg_heap_printf(&m->heap, "%s%s%lld", text, i ? ", " : "", (long long)x[i]);
    return dg_heap_printf(&m->heap, "%s]", text);
}

/* ---- Statements ------------------------------------------------------------------------------ */

/* A text of the file in a comment: UTF-8, no control characters, not too long. */
static const char *comment_text(dg_import *m, const char *text)
{
    size_t n = strnlen(text, 72);
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) /* not within a character */
        n--;
    char *copy = dg_heap_copy(&m->heap, text, n);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            *p = '?';
    for (size_t at; (at = dg_utf8_check(copy, n)) < n;)
        copy[at] = '?';
    return copy;
}

static int add_statement(dg_import *m, const char *text, const char *comment)
{
    m->statements = dg_heap_grow(&m->heap, m->statements, m->n_statements, &m->room_statements,
                                 sizeof *m->statements);
    m->statements[m->n_statements] = (dg_statement){.text = text, .comment = comment};
    return m->n_statements++;
}

static void place_names(dg_import *m, const char *names, int statement)
{
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, ",");
        const char *name = dg_heap_copy(&m->heap, at, n);
        int *place = dg_dict_find(&m->names, name);
        if (place)
            *place = statement;
        at += n;
        at += strspn(at, ", ");
    }
}

void dg_onnx_statement(dg_import *m, const dg_step *s, const char *names, const char *text)
{
    const char *comment = NULL;
    if (s && s->n_out > 0 && s->out[0] && strcmp(s->out[0]->name, names) != 0)
        comment = dg_heap_printf(&m->heap, "%s: %s", comment_text(m, s->node->op),
                                 comment_text(m, s->out[0]->name));
    else if (s)
        comment = comment_text(m, s->node->op);
    int place = add_statement(m, dg_heap_printf(&m->heap, "%s = %s", names, text), comment);
    place_names(m, names, place);
}

void dg_onnx_input_statement(dg_import *m, const char *name, const char *text, const char *source)
{
    bool other = strcmp(name, source) != 0;
    place_names(m, name, add_statement(m, text, other ? comment_text(m, source) : NULL));
}

const char *dg_onnx_line(dg_import *m, const dg_step *s, const char *near, const char *format, ...)
{
    char room[LINE];
    va_list args;
    va_start(args, format);
    int n = dg_vformat(room, sizeof room, format, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof room)
        dg_onnx_fail(m, DG_EMODEL, "a statement is longer than %zu characters", sizeof room);
    const char *old = dg_dict_find(&m->texts, room);
    if (old)
        return old;
    const char *text = dg_heap_copy(&m->heap, room, (size_t)n), *name = dg_onnx_name(m, near);
    int place =
        add_statement(m, dg_heap_printf(&m->heap, "%s = %s", name, text),
                      s ? dg_heap_printf(&m->heap, "for %s", comment_text(m, s->node->op)) : NULL);
    place_names(m, name, place);
    dg_dict_put(&m->heap, &m->texts, text, (void *)(uintptr_t)name);
    return name;
}

void dg_onnx_hold(dg_import *m, dg_onnx_value *v, const char *name, const dg_want *w)
{
    dg_want stored = {0};
    if (!w && v->at.n > DG_MAX_RANK)
        dg_onnx_fail(m, DG_EMODEL, "'%s' needs more than 8 axes", v->name);
    if (!w) {
        stored = dg_want_stored(&v->at);
        w = &stored;
    }
    v->dag = name;
    v->rank = w->n;
    for (int i = 0; i < w->n; i++) {
        int64_t size[DG_BINDINGS] = {1, 1};
        bool batch = false;
        for (int k = w->start[i]; k < w->start[i + 1]; k++) {
            const dg_atom *a = &v->at.atom[w->atom[k]];
            batch |= a->batch;
            size[0] *= a->size[0];
            size[1] *= a->size[1];
        }
        v->dim[i] = batch ? DG_N : size[0] == size[1] ? size[0] : -2;
    }
}

void dg_onnx_say(dg_import *m, const dg_step *s, dg_onnx_value *v, const dg_want *w,
                 const char *format, ...)
{
    char text[LINE];
    va_list args;
    va_start(args, format);
    int n = dg_vformat(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof text)
        dg_onnx_fail(m, DG_EMODEL, "a statement is longer than %zu characters", sizeof text);
    const char *name = dg_onnx_name(m, v->sum ? v->sum : v->name);
    dg_onnx_statement(m, s, name, text);
    dg_onnx_hold(m, v, name, w);
}

bool dg_onnx_refuse(dg_import *m, const dg_step *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    dg_vformat(text, sizeof text, format, args);
    va_end(args);
    dg_dict_count(&m->heap, &m->refused,
                  s ? dg_heap_printf(&m->heap, "%s %s", s->node->op, text)
                    : dg_heap_copy(&m->heap, text, strlen(text)));
    for (int i = 0; s && i < s->n_out; i++)
        if (s->out[i])
            s->out[i]->unknown = true;
    return false;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

static const char *const keywords[] = {"parameter", "state", "constant"};

static int uses_of(const dg_import *m, const char *name)
{
    const int *n = dg_dict_find(&m->uses, name);
    return n ? *n : 0;
}

static dg_onnx_param *add_param(dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind,
                                const char *name, const char *role, const dg_shape *shape,
                                const int64_t *index)
{
    m->params = dg_heap_grow(&m->heap, m->params, m->n_params, &m->room_params, sizeof *m->params);
    dg_onnx_param *p = &m->params[m->n_params++];
    *p = (dg_onnx_param){.array = v->fixed[0], .key = v->name};
    p->entry = (dg_onnx_entry){.name = name, .kind = kind, .role = role, .index = index};
    p->entry.tensor.shape = *shape;
    p->statement = m->n_statements; /* the next one */
    return p;
}

/* Element i of the array, seen through index, as an element of its root. */
static int64_t element_of(const dg_onnx_array *a, const int64_t *index, int64_t i)
{
    int64_t k = index ? index[i] : i;
    return a->from ? a->from[k] : k;
}

/* Whether a parameter that is there holds what index sees of a. step: how far apart in p elements
 * are that follow one another; rows of that many. */
static bool same_elements(const dg_onnx_param *p, const dg_onnx_array *a, const int64_t *index,
                          int64_t rows, int64_t columns)
{
    const dg_onnx_array *b = p->array;
    if (b->root != a->root || b->own != a->own || b->root_of || a->root_of)
        return false;
    if (a->root < 0 && a != b)
        return false;
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t there = columns == 1 ? i : i % columns * rows + i / columns;
        if (element_of(a, index, i) != element_of(b, p->entry.index, there))
            return false;
    }
    return true;
}

static bool is_untied(const dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind,
                      const char *role)
{
    const dg_onnx_array *a = v->fixed[0];
    bool bias = strncmp(role, "bias", 4) == 0 || strncmp(role, "scale", 5) == 0;
    const char *root = a->root >= 0 && !a->own ? m->roots[a->root]->name : v->name;
    return kind != DG_ONNX_CONSTANT && bias && uses_of(m, root) > 1 && dg_onnx_is_uniform(a);
}

/* The name of a parameter of this value that is there already; NULL: none. */
static const char *find_declared(dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind,
                                 const dg_shape *shape, const int64_t *index)
{
    int64_t count = dg_shape_count(shape);
    for (int i = 0; i < m->n_params; i++) {
        const dg_onnx_param *p = &m->params[i];
        const dg_shape *there = &p->entry.tensor.shape;
        if (p->entry.kind != kind)
            continue;
        if (dg_shape_equal(there, shape) && same_elements(p, v->fixed[0], index, count, 1))
            return p->named ? NULL : p->entry.name;
        if (shape->rank == 2 && there->rank == 2 && there->dim[0] == shape->dim[1] &&
            there->dim[1] == shape->dim[0] &&
            same_elements(p, v->fixed[0], index, shape->dim[0], shape->dim[1]))
            return p->named ? NULL : dg_onnx_line(m, NULL, v->name, "transpose(%s)", p->entry.name);
    }
    return NULL;
}

static const char *shape_text(dg_import *m, const dg_shape *s)
{
    char text[160];
    return dg_heap_printf(&m->heap, "%s", dg_shape_text(s, text, sizeof text));
}

const char *dg_onnx_declare(dg_import *m, const dg_onnx_value *v, dg_onnx_kind kind,
                            const char *role, const dg_shape *shape, const int64_t *index)
{
    bool untied = is_untied(m, v, kind, role);
    const char *old = untied ? NULL : find_declared(m, v, kind, shape, index);
    if (old) {
        m->twins += kind == DG_ONNX_PARAMETER;
        return old;
    }
    const dg_onnx_array *a = v->fixed[0];
    bool whole = a->root >= 0 && dg_onnx_said(m, a->root) == 1 && !a->root_of &&
                 a->count == m->roots[a->root]->fixed[0]->count;
    const char *called = whole ? m->roots[a->root]->name : v->name;
    const char *name = dg_onnx_name(m, called), *value = "net";
    bool plain = kind == DG_ONNX_CONSTANT && dg_onnx_is_uniform(a) && a->count > 0 &&
                 isfinite(dg_onnx_real(a, 0));
    if (plain)
        value = dg_onnx_number(m, dg_onnx_real(a, 0));
    else
        add_param(m, v, kind, name, role, shape, index)->entry.untied = untied;
    m->untied += untied;
    int place = add_statement(
        m,
        dg_heap_printf(&m->heap, "%s %s%s = %s", keywords[kind], name, shape_text(m, shape), value),
        dg_heap_printf(&m->heap, "%s: %s", role, comment_text(m, v->name)));
    place_names(m, name, place);
    return name;
}

const char *dg_onnx_constant(dg_import *m, const dg_step *s, const char *near, int64_t size,
                             double x)
{
    const char *name = dg_onnx_name(m, near);
    place_names(m, name,
                add_statement(m,
                              dg_heap_printf(&m->heap, "constant %s[%lld] = %s", name,
                                             (long long)size, dg_onnx_number(m, x)),
                              dg_heap_printf(&m->heap, "for %s", comment_text(m, s->node->op))));
    return name;
}

/* What the names of all roles begin with, where each ends with its role (suffixes 1: with what
 * others call it); NULL: they do not. */
static const char *stem_by(dg_import *m, int n, const dg_onnx_role role[], int suffixes)
{
    const char *stem = NULL;
    for (int i = 0; i < n; i++) {
        const char *name = role[i].v->name, *tail = role[i].role;
        tail = suffixes && role[i].suffix ? role[i].suffix : tail;
        size_t length = strlen(name), end = strlen(tail);
        bool fits = length > end + 1 && name[length - end - 1] == '.' &&
                    strcmp(name + length - end, tail) == 0 && uses_of(m, name) == 1 &&
                    role[i].kind != DG_ONNX_CONSTANT && !strpbrk(name, "\"\\\n\r");
        const char *mine = fits ? dg_heap_copy(&m->heap, name, length - end - 1) : NULL;
        if (!fits || (stem && strcmp(stem, mine) != 0))
            return NULL;
        stem = mine;
    }
    for (const char *p = stem; p && *p; p++)
        if (!is_letter(*p) && !is_digit(*p) && *p != '.' && *p != '@')
            return NULL;
    return stem && !dg_dict_find(&m->stems, stem) ? stem : NULL;
}

static const char *stem_of(dg_import *m, int n, const dg_onnx_role role[])
{
    const char *stem = stem_by(m, n, role, 0);
    return stem ? stem : stem_by(m, n, role, 1);
}

const char *dg_onnx_roles(dg_import *m, int n, const dg_onnx_role role[])
{
    const char *text = "", *stem = stem_of(m, n, role);
    /* Of a file of dagrad the first may be one tensor with that of another node. */
    int given = !stem && n > 1 && m->proto->constants;
    stem = given ? stem_of(m, n - 1, role + 1) : stem;
    if (stem) {
        dg_dict_put(&m->heap, &m->stems, stem, (void *)(uintptr_t)stem);
        text = dg_heap_printf(&m->heap, ", name=\"%s\"", stem);
    }
    for (int i = 0; i < n; i++) {
        const dg_onnx_role *r = &role[i];
        if (!stem || i < given) {
            text = dg_heap_printf(&m->heap, "%s, %s=%s", text, r->role,
                                  dg_onnx_declare(m, r->v, r->kind, r->role, &r->shape, r->index));
            continue;
        }
        text = dg_heap_printf(&m->heap, "%s, %s%sinit=net", text, i ? r->role : "", i ? "_" : "");
        add_param(m, r->v, r->kind, dg_heap_printf(&m->heap, "%s.%s", stem, r->role), r->role,
                  &r->shape, r->index)
            ->named = true;
    }
    return text;
}

/* ---- What is live ---------------------------------------------------------------------------- */

/* The statement of the name at the start of text; *n: its length. -1: none. */
static int statement_at(const dg_import *m, const char *text, size_t *n)
{
    char name[64];
    size_t k = 0;
    while (is_letter(text[k]) || is_digit(text[k]))
        k++;
    *n = k;
    if (k >= sizeof name)
        return -1;
    memcpy(name, text, k);
    name[k] = 0;
    const int *place = dg_dict_find(&m->names, name);
    return place ? *place : -1;
}

static void mark(dg_import *m, const char *text)
{
    for (const char *p = text; *p;) {
        size_t n = 1;
        if (*p == '"') {
            n += strcspn(p + 1, "\"");
            n += p[n] != 0;
        } else if (is_letter(*p)) {
            int place = statement_at(m, p, &n);
            if (place >= 0)
                m->statements[place].live = true;
        } else if (is_digit(*p)) {
            n = strspn(p, "0123456789.eE");
        }
        p += n;
    }
}

static void mark_live(dg_import *m, const dg_onnx *out)
{
    for (int i = 0; i < out->n_outputs; i++)
        mark(m, out->outputs[i].name);
    for (int i = m->n_statements; i-- > 0;)
        if (m->statements[i].live || strncmp(m->statements[i].text, "input ", 6) == 0) {
            m->statements[i].live = true;
            const char *equal = strstr(m->statements[i].text, " = ");
            mark(m, equal ? equal : "");
        }
}

/* ---- The text and its tensors ---------------------------------------------------------------- */

static void fill(dg_import *m, const dg_onnx_param *p, dg_tensor *t)
{
    const dg_onnx_array *a = p->array;
    const int64_t *index = p->entry.index;
    int64_t count = dg_shape_count(&t->shape);
    t->type = DG_F32;
    for (int64_t i = 0; i < count && p->entry.kind == DG_ONNX_CONSTANT; i++) {
        double x = dg_onnx_real(a, index ? index[i] : i);
        if (isfinite(x) && (double)(float)x != x)
            t->type = DG_F64;
    }
    t->bytes = (size_t)count * dg_type_bytes(t->type);
    t->data = dg_heap_take(&m->heap, (size_t)count + 1, dg_type_bytes(t->type));
    for (int64_t i = 0; i < count; i++) {
        double x = dg_onnx_real(a, index ? index[i] : i);
        if (p->entry.kind != DG_ONNX_CONSTANT && !isfinite(x))
            dg_onnx_fail(m, DG_EDATA, "element %lld of '%s' is not finite",
                         (long long)(index ? index[i] : i), p->key);
        if (t->type == DG_F32)
            ((float *)t->data)[i] = (float)x;
        else
            ((double *)t->data)[i] = x;
    }
}

/* Where the elements of an entry come from in the file. */
static void trace(dg_import *m, const dg_onnx_param *p, dg_onnx_entry *e)
{
    const dg_onnx_array *a = p->array;
    int64_t count = dg_shape_count(&e->tensor.shape);
    e->source = a->root >= 0 ? m->roots[a->root]->name : NULL;
    if (a->root < 0 || (!a->from && !a->root_of))
        return;
    int64_t *place = dg_heap_take(&m->heap, (size_t)count, sizeof *place);
    int *root = a->root_of ? dg_heap_take(&m->heap, (size_t)count, sizeof *root) : NULL;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = p->entry.index ? p->entry.index[i] : i;
        place[i] = a->from ? a->from[k] : k;
        if (root)
            root[i] = a->root_of[k];
    }
    e->index = place;
    e->sources = root;
}

static void finish_entries(dg_import *m, dg_onnx *out)
{
    out->entries = dg_heap_take(&m->heap, (size_t)m->n_params, sizeof *out->entries);
    for (int i = 0; i < m->n_params; i++) {
        const dg_onnx_param *p = &m->params[i];
        if (!m->statements[p->statement].live)
            continue;
        dg_onnx_entry *e = &out->entries[out->n_entries++];
        *e = p->entry;
        fill(m, p, &e->tensor);
        trace(m, p, e);
    }
    dg_tensors *t = dg_heap_take(&m->heap, 1, sizeof *t);
    t->tensor = dg_heap_take(&m->heap, (size_t)out->n_entries, sizeof *t->tensor);
    for (; t->n < out->n_entries; t->n++)
        t->tensor[t->n] =
            (dg_named){(char *)(uintptr_t)out->entries[t->n].name, out->entries[t->n].tensor};
    out->tensors = t;
    const char **sources = dg_heap_take(&m->heap, (size_t)m->n_roots, sizeof *sources);
    for (int i = 0; i < m->n_roots; i++)
        sources[i] = m->roots[i]->name;
    out->sources = sources;
    out->n_sources = m->n_roots;
}

static void write_statement(dg_text *t, const dg_statement *s)
{
    enum { COLUMN = 60 };
    size_t n = strlen(s->text);
    dg_text_add(t, s->text);
    if (s->comment)
        dg_text_printf(t, "%*s# %s", n < COLUMN ? (int)(COLUMN - n) : 2, "", s->comment);
    dg_text_add(t, "\n");
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void dg_onnx_finish(dg_import *m, dg_onnx *out)
{
    const dg_onnx_proto *p = m->proto;
    const char *stored = m->options->stored ? m->options->stored : "net.safetensors";
    mark_live(m, out);
    finish_entries(m, out);
    const char *head = dg_heap_printf(
        &m->heap, "# %s, an ONNX graph by %s %s: %d nodes\n\n", comment_text(m, file_name(m->path)),
        *p->producer ? comment_text(m, p->producer) : "an unknown exporter",
        comment_text(m, p->producer_version), p->graph->n_nodes);
    dg_text t = dg_text_make(NULL);
    dg_text_add(&t, head);
    if (out->n_entries)
        dg_text_printf(&t, "let net = stored(\"%s\")\n\n", stored);
    for (int i = 0; i < m->n_statements; i++)
        if (m->statements[i].live) {
            write_statement(&t, &m->statements[i]);
            out->statements++;
            out->transposes += strstr(m->statements[i].text, " | transpose(") != NULL;
        }
    dg_text_add(&t, "\n");
    for (int i = 0; i < out->n_outputs; i++)
        dg_text_printf(&t, "output %s\n", out->outputs[i].name);
    out->text = t.failed ? NULL : dg_arena_copy_bytes(&m->heap.arena, t.data, t.length);
    dg_text_free(&t);
    if (!out->text)
        dg_heap_fail(&m->heap);
}
