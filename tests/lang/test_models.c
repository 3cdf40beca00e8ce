/* Every tests/lang/cases/NAME.dag against NAME.graph (what was read) or NAME.err (its messages),
 * byte for byte, and examples/NAME.dag against cases/example_NAME.graph. Lines of a model
 * "#set NAME=VALUE" and "#size NAME=NUMBER" are its options. With DAGRAD_UPDATE=1 the expected
 * files are written instead. */
#include "lang/dump.h"
#include "lang/words.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 16 };

typedef struct {
    char *text;
    const char *set[MOST];
    dg_dimension sizes[MOST];
    int n_set, n_sizes;
} test_case;

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    assert_true(n < (1 << 20) - 1);
    fclose(f);
    return text;
}

static void save(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The options in the comments of a model. */
static void read_options(test_case *t, char *copy)
{
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "#set ", 5) == 0 && t->n_set < MOST)
            t->set[t->n_set++] = line + 5;
        if (strncmp(line, "#size ", 6) != 0 || t->n_sizes == MOST)
            continue;
        char *equal = strchr(line, '=');
        assert_non_null(equal);
        *equal = 0;
        t->sizes[t->n_sizes++] = (dg_dimension){line + 6, atol(equal + 1)};
    }
}

static dg_status read_array(void *user, const char *name, const dg_clause *source, dg_type type,
                            const dg_shape *shape, void *array, dg_diag *why)
{
    (void)user;
    (void)name;
    const char *file = source->attrs.v[0].text;
    if (strstr(file, "missing"))
        return dg_diag_set(why, DG_EDATA, "%s: there is no such file", file);
    for (int64_t i = 0; i < dg_shape_count(shape); i++) {
        if (type == DG_F32)
            ((float *)array)[i] = (float)i;
        else if (type == DG_I32)
            ((int32_t *)array)[i] = (int32_t)i;
    }
    return DG_OK;
}

static dg_dag *load(const char *path, const test_case *t)
{
    const char *slash = strrchr(path, '/');
    dg_dag_options o = {.path = slash ? slash + 1 : path,
                        .text = t->text,
                        .set = t->set,
                        .n_set = t->n_set,
                        .vocabulary = &dg_test_words,
                        .read = read_array};
    return dg_dag_load(&o, DG_F32, t->sizes, t->n_sizes);
}

/* What a model's options leave written in its text is the same model. */
static void check_written(const char *path, const dg_dag *m, const test_case *t, const char *was)
{
    dg_text written = dg_text_make(NULL), again = dg_text_make(NULL);
    dg_dag_write(m, &written);
    test_case u = *t;
    u.text = written.data;
    u.n_set = 0;
    dg_dag *copy = load(path, &u);
    dg_diags_text(&copy->diags, &again, false);
    assert_string_equal(again.data, "");
    dg_test_dump(copy, &dg_test_words, &again);
    char *to = again.data;
    const char *from = was; /* but for the marks of options */
    while (*from) {
        if (strncmp(from, " (option)", 9) == 0)
            from += 9;
        else if (*to++ != *from++)
            fail_msg("%s: written with its options it differs:\n%s\nis read as\n%s", path,
                     written.data, again.data);
    }
    dg_dag_free(copy);
    dg_text_free(&written);
    dg_text_free(&again);
}

/* The file with what is expected of a model. */
static void expected_path(const char *dag, const char *ext, char *path, size_t room)
{
    const char *examples = strstr(dag, "/examples/");
    int root = (int)(examples ? examples - dag : 0), n = (int)strlen(dag) - 4;
    if (examples)
        snprintf(path, room, "%.*s/tests/lang/cases/example_%.*s%s", root, dag, n - root - 10,
                 examples + 10, ext);
    else
        snprintf(path, room, "%.*s%s", n, dag, ext);
}

/* Fails with the first line that differs. */
static void differ(const char *path, const char *expected, const char *got)
{
    int line = 1;
    const char *e = expected, *g = got;
    while (*expected && *expected == *got) {
        if (*expected == '\n') {
            line++;
            e = expected + 1;
            g = got + 1;
        }
        expected++;
        got++;
    }
    fail_msg("%s:%d: expected\n%.*s\nfound\n%.*s", path, line, (int)strcspn(e, "\n"), e,
             (int)strcspn(g, "\n"), g);
}

static void compare(const char *dag, const char *ext, const char *got)
{
    char path[1024];
    expected_path(dag, ext, path, sizeof path);
    if (getenv("DAGRAD_UPDATE")) {
        save(path, got);
        return;
    }
    char *expected = slurp(path);
    if (!expected)
        fail_msg("%s is missing; found:\n%s", path, got);
    if (strcmp(expected, got) != 0)
        differ(path, expected, got);
    free(expected);
}

static void run_case(const char *path)
{
    test_case t = {.text = slurp(path)};
    assert_non_null(t.text);
    char *copy = strdup(t.text);
    read_options(&t, copy);
    dg_dag *m = load(path, &t);
    assert_non_null(m);
    dg_text out = dg_text_make(NULL);
    dg_diags_text(&m->diags, &out, false);
    if (dg_diags_status(&m->diags) == DG_OK) {
        dg_test_dump(m, &dg_test_words, &out);
        check_written(path, m, &t, out.data);
        compare(path, ".graph", out.data);
    } else {
        compare(path, ".err", out.data);
    }
    dg_text_free(&out);
    dg_dag_free(m);
    free(copy);
    free(t.text);
}

static void all_in(const char *pattern, void (*run)(const char *), size_t least)
{
    const char *source = getenv("DAGRAD_SOURCE");
    char path[1024];
    glob_t g;
    snprintf(path, sizeof path, "%s/%s", source ? source : ".", pattern);
    assert_int_equal(glob(path, 0, NULL, &g), 0);
    assert_true(g.gl_pathc >= least);
    for (size_t i = 0; i < g.gl_pathc; i++)
        run(g.gl_pathv[i]);
    globfree(&g);
}

static void cases_are_as_expected(void **state)
{
    (void)state;
    all_in("tests/lang/cases/*.dag", run_case, 48);
}

static void examples_are_as_expected(void **state)
{
    (void)state;
    all_in("examples/*.dag", run_case, 5);
}

/* n times a, then b, n times c. */
static char *nested(int n, const char *head, const char *a, const char *b, const char *c)
{
    char *text = calloc(1, 1 << 16), *to = text;
    to += sprintf(to, "input x[N, 4]\n%s", head);
    for (int i = 0; i < n; i++)
        to += sprintf(to, "%s", a);
    to += sprintf(to, "%s", b);
    for (int i = 0; i < n; i++)
        to += sprintf(to, "%s", c);
    sprintf(to, "\noutput z\n");
    return text;
}

static void check_depth(char *text, bool good)
{
    test_case t = {.text = text};
    dg_text out = dg_text_make(NULL);
    dg_dag *m = load("m.dag", &t);
    dg_diags_text(&m->diags, &out, false);
    if (good)
        assert_string_equal(out.data, "");
    else
        assert_non_null(strstr(out.data, "error: this is nested too deeply\n"));
    dg_text_free(&out);
    dg_dag_free(m);
    free(text);
}

/* Deep text is refused before it costs the stack; what a person writes is not deep. */
static void depth(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        int n = good ? 100 : 3000;
        check_depth(nested(n, "z = ", "relu(", "x", ")"), good);
        check_depth(nested(n, "z = x", "", "", " | relu"), good);
        check_depth(nested(n, "z = x", "", "", " + x"), good);
        check_depth(nested(n, "z = ", "-", "x", ""), good);
        check_depth(nested(n, "z = x * ", "(", "2", ")"), good);
        check_depth(nested(n, "z = x ^ 1", "", "", "^1"), good);
        check_depth(nested(n, "", "repeat 1 {", "z = x", "}"), good);
    }
}

/* Each def calls the one before it twice: 2^40 nodes. */
static void a_small_file_is_no_large_graph(void **state)
{
    (void)state;
    char *text = calloc(1, 1 << 16), *to = text;
    to += sprintf(to, "input x[N, 4]\ndef f0(x) { return relu(x) }\n");
    for (int i = 1; i <= 40; i++)
        to += sprintf(to, "def f%d(x) { return f%d(f%d(x)) }\n", i, i - 1, i - 1);
    sprintf(to, "z = f40(x)\noutput z\n");
    test_case t = {.text = text};
    dg_text out = dg_text_make(NULL);
    dg_dag *m = load("m.dag", &t);
    dg_diags_text(&m->diags, &out, false);
    assert_non_null(strstr(out.data, "error: the model is too large\n"));
    assert_int_equal(m->diags.n, 1);
    dg_text_free(&out);
    dg_dag_free(m);
    free(text);
}

static void files(void **state)
{
    (void)state;
    dg_dag_options o = {.path = "no/such/file.dag"};
    dg_dag *m = dg_dag_load(&o, DG_F32, NULL, 0);
    dg_text out = dg_text_make(NULL);
    assert_int_equal(dg_diags_status(&m->diags), DG_EUSAGE);
    assert_null(m->graph);
    dg_diags_text(&m->diags, &out, false);
    assert_string_equal(out.data, "no/such/file.dag: error: there is no such file\n");
    dg_dag_write(m, &out); /* nothing */
    assert_string_equal(m->name, "file");
    dg_dag_free(m);
    o.path = "/";
    m = dg_dag_open(&o);
    assert_int_equal(dg_diags_status(&m->diags), DG_EUSAGE);
    dg_dag_free(m);
    dg_dag_free(NULL);
    dg_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_as_expected), cmocka_unit_test(examples_are_as_expected),
        cmocka_unit_test(depth), cmocka_unit_test(a_small_file_is_no_large_graph),
        cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
