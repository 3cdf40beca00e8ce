/* The choice of an instruction set, and the list of nodes behind each. */
#include "ops/isa.h"
#include "ops/registry.h"

#include <dagrad/dagrad.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_list(void **state)
{
    (void)state;
    int n = 0;
    while (dg_isa_at(n))
        n++;
    assert_true(n >= 1 && n <= 3);
    assert_ptr_equal(dg_isa_at(n - 1), dg_isa_portable());
    assert_null(dg_isa_at(-1));
    assert_null(dg_isa_at(n + 1));
    assert_null(dg_isa_name(n));
    for (int k = 0; k < n; k++)
        assert_string_equal(dg_isa_name(k), dg_isa_at(k)->name);
    assert_string_equal(dg_isa_portable()->name, "portable");
    if (dg_isa_v4()) {
        assert_string_equal(dg_isa_v4()->name, "x86-64-v4");
        assert_non_null(dg_isa_v3()); /* v4 contains v3 */
    }
    if (dg_isa_v3())
        assert_string_equal(dg_isa_v3()->name, "x86-64-v3");
}

/* The processor's own list, where the system prints one, says the same. */
static void test_processor(void **state)
{
    (void)state;
    static char line[1 << 14];
    FILE *f = fopen("/proc/cpuinfo", "r");
    int found = 0;
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "flags", 5) == 0;
    if (f)
        fclose(f);
    if (!found) {
        print_message("no flags in /proc/cpuinfo: skipped\n");
        skip();
    }
    line[strcspn(line, "\n")] = ' ';
    int v3 = strstr(line, " avx2 ") && strstr(line, " fma ") && strstr(line, " bmi2 ") &&
             strstr(line, " movbe ") && strstr(line, " f16c ") && strstr(line, " abm ");
    int v4 = v3 && strstr(line, " avx512f ") && strstr(line, " avx512bw ") &&
             strstr(line, " avx512cd ") && strstr(line, " avx512dq ") && strstr(line, " avx512vl ");
    assert_int_equal(dg_isa_v3() != NULL, v3);
    assert_int_equal(dg_isa_v4() != NULL, v4);
}

static void test_choice(void **state)
{
    (void)state;
    dg_diag why = {0};
    unsetenv("DAGRAD_ISA");
    assert_ptr_equal(dg_isa_choose(NULL, &why), dg_isa_at(0));
    setenv("DAGRAD_ISA", "", 1);
    assert_ptr_equal(dg_isa_choose(NULL, &why), dg_isa_at(0));
    setenv("DAGRAD_ISA", "portable", 1);
    assert_ptr_equal(dg_isa_choose(NULL, &why), dg_isa_portable());
    assert_ptr_equal(dg_isa_choose(dg_isa_name(0), &why), dg_isa_at(0)); /* the name comes first */
    assert_int_equal(why.code, DG_OK);
}

static void test_refusal(void **state)
{
    (void)state;
    char list[96] = "", text[192];
    for (int k = 0; dg_isa_name(k); k++) {
        strcat(list, k > 0 ? ", " : "");
        strcat(list, dg_isa_name(k));
    }
    dg_diag why = {0};
    unsetenv("DAGRAD_ISA");
    assert_null(dg_isa_choose("sse2", &why));
    assert_int_equal(why.code, DG_EUSAGE);
    snprintf(text, sizeof text, "no instruction set 'sse2' here, there is: %s", list);
    assert_string_equal(why.text, text);
    memset(&why, 0, sizeof why);
    setenv("DAGRAD_ISA", "aarch64", 1);
    assert_null(dg_isa_choose(NULL, &why));
    snprintf(text, sizeof text, "DAGRAD_ISA: no instruction set 'aarch64' here, there is: %s",
             list);
    assert_string_equal(why.text, text);
    assert_null(dg_isa_choose("", NULL));
    unsetenv("DAGRAD_ISA");
}

/* Every table holds the mathematics of every node, each its own; then it ends. */
static void test_tables(void **state)
{
    (void)state;
    int n = dg_builtin_count();
    assert_true(n > 0);
    for (int k = 0; dg_isa_at(k); k++)
        for (int real = 0; real < 2; real++) {
            const dg_math *const *math = dg_isa_at(k)->math[real];
            assert_non_null(dg_isa_at(k)->step[real]);
            for (int i = 0; i < n; i++) {
                int view = (dg_builtin_at(i)->flags & DG_VIEW) != 0;
                assert_non_null(math[i]);
                assert_true(view || (math[i]->forward && math[i]->adjoint && math[i]->tangent));
                assert_ptr_not_equal(math[i], dg_isa_portable()->math[!real][i]);
            }
            assert_null(math[n]);
        }
}

/* Every built-in type is whole, and its name is found. */
static void test_types(void **state)
{
    (void)state;
    assert_null(dg_builtin_at(-1));
    assert_null(dg_builtin_at(dg_builtin_count()));
    assert_int_equal(dg_builtin_find("no such node"), -1);
    for (int i = 0; i < dg_builtin_count(); i++) {
        const dg_node_type *t = dg_builtin_at(i);
        assert_int_equal(t->size, sizeof *t);
        assert_int_equal(dg_builtin_find(t->name), i); /* so no name is there twice */
        assert_non_null(t->shape);
        assert_non_null(t->formula);
        assert_true(t->n_inputs > 0 && t->inputs);
        assert_true(t->n_cases > 0 && t->cases);
        assert_true(t->n_out > 0 ? t->n_out <= DG_MAX_OUT : t->outputs != NULL);
        for (int k = 0; k < t->n_attrs; k++) {
            assert_true(strcmp(t->attrs[k].name, "name") != 0);
            assert_true(t->attrs[k].text && *t->attrs[k].text);
        }
        for (int k = 0; k < t->n_inputs; k++)
            assert_true(!(t->inputs[k].flags & DG_IN_PARAMETER) ||
                        (t->parameter && t->inputs[k].init));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),   cmocka_unit_test(test_processor),
        cmocka_unit_test(test_choice), cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_tables), cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
