/* The test of the tests: every mutant of every node must be killed by test_derivatives, which the
 * built-in nodes pass. It is run with DAGRAD_MUTANT for one node at a time; a mutant that it lets
 * live fails here, but for the equivalent ones, which are listed with the reason and counted
 * apart. */
#include "ops/mutants.h"
#include "ops/registry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* node, mutant, proof: why no test can tell it from the real one. */
static const char *const equivalent[][3] = {
    {NULL, NULL, NULL},
};

static const char *proof_of(const char *node, const char *mutant)
{
    for (int i = 0; equivalent[i][0]; i++)
        if (!strcmp(equivalent[i][0], node) && !strcmp(equivalent[i][1], mutant))
            return equivalent[i][2];
    return NULL;
}

enum { NOT_THERE = 123 };

/* 1: the suite fails. */
static int is_killed(const char *node, const char *mutant)
{
    char program[512];
    snprintf(program, sizeof program, "%s/tests/test_ops_derivatives", getenv("DAGRAD_BUILD"));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("DAGRAD_NODE", node, 1);
        setenv("DAGRAD_MUTANT", mutant, 1);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(0);
        execl(program, program, (char *)NULL);
        _exit(NOT_THERE);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE);
    return status != 0;
}

/* The suite must pass with the wrappers that have no fault, else it kills everything. */
static void suite_passes(void **state)
{
    (void)state;
    for (int k = 0; k < dg_builtin_count(); k++) {
        const char *name = dg_builtin_at(k)->name;
        if (is_killed(name, "adjoint-none") || is_killed(name, "tangent-none"))
            fail_msg("%s: what is right is killed", name);
    }
}

static void all_mutants_are_killed(void **state)
{
    (void)state;
    int all = 0, killed = 0, apart = 0, survivors = 0;
    printf("%-24s %6s %6s  mutants that live\n", "node", "killed", "of");
    for (int k = 0; k < dg_builtin_count(); k++) {
        const dg_node_type *t = dg_builtin_at(k);
        int n = 0, dead = 0;
        char alive[512] = "";
        if (t->flags & (DG_VIEW | DG_FLAT))
            continue; /* a view has no mathematics of its own: the engine's mutants are its own;
                         and what comes back through a flat node is 0 however it is spoilt */
        for (int m = 0; dg_mutant_at(m); m++) {
            const char *name = dg_mutant_at(m)->name;
            n++;
            if (is_killed(t->name, name)) {
                dead++;
            } else if (proof_of(t->name, name)) {
                apart++;
                n--;
            } else {
                survivors++;
                snprintf(alive + strlen(alive), sizeof alive - strlen(alive), " %s", name);
            }
        }
        printf("%-24s %6d %6d %s\n", t->name, dead, n, alive);
        assert_true(n >= 5);
        all += n;
        killed += dead;
    }
    printf("%d of %d mutants killed, %d equivalent ones apart\n", killed, all, apart);
    assert_int_equal(survivors, 0);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__)
    puts("SKIPPED: the release build runs it; here it would take minutes");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_passes),
        cmocka_unit_test(all_mutants_are_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
