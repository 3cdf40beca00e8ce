/* ONNX files made from a description; see onnx_make.h. */
#include "onnx/onnx_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t varint(char *to, uint64_t x)
{
    size_t k = 0;
    for (; x > 127; x >>= 7)
        to[k++] = (char)((x & 127) | 128);
    to[k++] = (char)x;
    return k;
}

void onnx_add_field(dg_text *t, int number, const char *bytes, size_t n)
{
    char head[24];
    size_t k = varint(head, (uint64_t)number << 3 | 2);
    k += varint(head + k, n);
    dg_text_add_bytes(t, head, k);
    dg_text_add_bytes(t, bytes, n);
}

void onnx_add_number(dg_text *t, int number, uint64_t x)
{
    char head[24];
    size_t k = varint(head, (uint64_t)number << 3);
    k += varint(head + k, x);
    dg_text_add_bytes(t, head, k);
}

static void add_text(dg_text *t, int number, const char *text)
{
    onnx_add_field(t, number, text, strlen(text));
}

/* Adds a message as a field, and frees it. */
static void add_message(dg_text *t, int number, dg_text *m)
{
    onnx_add_field(t, number, m->data, m->length);
    dg_text_free(m);
}

dg_text onnx_model(int opset, const dg_text *graph)
{
    dg_text t = dg_text_make(NULL), o = dg_text_make(NULL);
    onnx_add_number(&o, 2, (uint64_t)opset);
    onnx_add_number(&t, 1, 8);
    add_message(&t, 8, &o);
    onnx_add_field(&t, 7, graph->data, graph->length);
    return t;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The next of a list "a,b,c"; NULL at the end. Cuts the list. */
static char *next_of(char **list, char stop)
{
    char *at = *list, *end = at ? strchr(at, stop) : NULL;
    if (!at || !*at)
        return NULL;
    *list = end ? end + 1 : NULL;
    if (end)
        *end = 0;
    return at;
}

static void add_input(dg_text *graph, char *name, char *dims, int type)
{
    dg_text shape = dg_text_make(NULL), tensor = dg_text_make(NULL), kind = dg_text_make(NULL),
            port = dg_text_make(NULL);
    for (char *d; (d = next_of(&dims, ','));) {
        dg_text dim = dg_text_make(NULL);
        if (*d >= '0' && *d <= '9')
            onnx_add_number(&dim, 1, (uint64_t)atoll(d));
        else
            add_text(&dim, 2, d);
        add_message(&shape, 1, &dim);
    }
    onnx_add_number(&tensor, 1, (uint64_t)type);
    add_message(&tensor, 2, &shape);
    add_message(&kind, 1, &tensor);
    add_text(&port, 1, name);
    add_message(&port, 2, &kind);
    add_message(graph, 11, &port);
}

static void add_tensor(dg_text *graph, char *name, char *dims, char *numbers, int type)
{
    dg_text t = dg_text_make(NULL), raw = dg_text_make(NULL);
    for (char *d; (d = next_of(&dims, ','));)
        onnx_add_number(&t, 1, (uint64_t)atoll(d));
    for (char *x; (x = next_of(&numbers, ' '));) {
        float real = strtof(x, NULL);
        int64_t whole = atoll(x);
        dg_text_add_bytes(&raw, type == 1 ? (char *)&real : (char *)&whole, type == 1 ? 4 : 8);
    }
    onnx_add_number(&t, 2, (uint64_t)type);
    add_text(&t, 8, name);
    add_message(&t, 9, &raw);
    add_message(graph, 5, &t);
}

static void add_attr(dg_text *node, char *text)
{
    char *value = strchr(text, '='), *x;
    dg_text a = dg_text_make(NULL);
    *value++ = 0;
    add_text(&a, 1, text);
    if (*value == 'f') {
        float real = strtof(value + 1, NULL);
        dg_text_add_bytes(&a, "\x15", 1);
        dg_text_add_bytes(&a, (char *)&real, 4);
    } else if (*value == 's') {
        add_text(&a, 4, value + 1);
    } else if (*value == 'i') {
        value++;
        while ((x = next_of(&value, ',')))
            onnx_add_number(&a, 8, (uint64_t)atoll(x));
    } else {
        onnx_add_number(&a, 3, (uint64_t)atoll(value));
    }
    add_message(node, 5, &a);
}

static void add_node(dg_text *graph, char *line)
{
    dg_text n = dg_text_make(NULL);
    char *op = next_of(&line, ' '), *in = next_of(&line, ' ');
    next_of(&line, ' '); /* -> */
    char *out = next_of(&line, ' '), *x;
    for (; in; in = x) { /* an empty name stands for what is not given */
        x = strchr(in, ',');
        if (x)
            *x++ = 0;
        add_text(&n, 1, strcmp(in, "-") == 0 ? "" : in);
    }
    while ((x = next_of(&out, ',')))
        add_text(&n, 2, x);
    add_text(&n, 4, op);
    while ((x = next_of(&line, ' ')))
        add_attr(&n, x);
    add_message(graph, 1, &n);
}

dg_text onnx_make(const char *lines)
{
    dg_text graph = dg_text_make(NULL);
    char *copy = strdup(lines), *rest = copy, *line;
    int opset = 17;
    while ((line = next_of(&rest, '\n'))) {
        char *word = next_of(&line, ' '), *name;
        if (!word)
            continue;
        if (strcmp(word, "opset") == 0) {
            opset = atoi(line);
        } else if (strcmp(word, "node") == 0) {
            add_node(&graph, line);
        } else if (strcmp(word, "output") == 0) {
            dg_text port = dg_text_make(NULL);
            add_text(&port, 1, line);
            add_message(&graph, 12, &port);
        } else if (strcmp(word, "input") == 0 || strcmp(word, "ids") == 0) {
            name = next_of(&line, ' ');
            add_input(&graph, name, line, word[0] == 'i' && word[1] == 'd' ? 7 : 1);
        } else {
            name = next_of(&line, ' ');
            char *dims = next_of(&line, ' ');
            next_of(&line, ' '); /* = */
            add_tensor(&graph, name, strcmp(dims, "-") == 0 ? NULL : dims, line,
                       word[0] == 'f' ? 1 : 7);
        }
    }
    dg_text t = onnx_model(opset, &graph);
    dg_text_free(&graph);
    free(copy);
    return t;
}
