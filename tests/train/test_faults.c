/* Every call that can fail does: the n-th allocation, and the n-th call that changes files, once or
 * from then on, of a training with saves, of a resume and of an eval. The program ends with a
 * message and exit code 1, or does what it was to do; a run is then as it was or as it was to be,
 * and goes on to the same weights. All calls on files, 60 allocations or more, spread over all;
 * longtest: 6 min, every one. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "train/run_tools.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static const char text[] = "input x[N, 1]\n"
                           "target t[N, 1]\n"
                           "y = linear(x, 3) | tanh | dropout(0.1) | linear(1)\n"
                           "output y\n"
                           "loss mse(t, y)\n"
                           "metric mse(t, y)\n"
                           "data train { x = csv(\"d.csv\", columns=[\"a\"]) | standardize; "
                           "t = csv(\"d.csv\", columns=[\"b\"]) }\n"
                           "train { optimizer = adam(rate=0.05); batch = 8; epochs = 2; "
                           "split = 0.25; save_every = 5 }\n";

static int set_up(void **state)
{
    (void)state;
    char rows[2048] = "a,b\n";
    if (!run_enter())
        return -1;
    for (int i = 0; i < 32; i++)
        dg_format(rows + strlen(rows), sizeof rows - strlen(rows), "%d,%d\n", i, i * i % 17);
    cli_write_text("d.csv", rows);
    cli_write("m.dag", text, sizeof text - 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_leave();
    return 0;
}

/* ---- Running the program --------------------------------------------------------------------- */

/* A command of the program, and the run that it makes or takes up. */
typedef struct job {
    const char *name, *arguments[10];
    int makes; /* a new run; else "run" is a copy of "base" */
    char *whole;
} job;

static job jobs[] = {
    {"train", {"train", "m.dag", "--out", "run", "--threads", "1", "--quiet"}, 1, NULL},
    {"resume", {"train", "--resume", "run", "--epochs", "4", "--threads", "1", "--quiet"}, 0, NULL},
    {"eval", {"eval", "run", "--threads", "1"}, 0, NULL},
};

/* Runs it with this fault (NULL: none); standard output and error are in "out" and "err". */
static int execute(const char *const arguments[], const char *fault)
{
    const char *program = getenv("DAGRAD_PROGRAM"), *build = getenv("DAGRAD_BUILD");
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        char shim[512], *argv[12] = {(char *)(uintptr_t)program};
        for (int i = 0; arguments[i]; i++)
            argv[i + 1] = (char *)(uintptr_t)arguments[i];
        if (!freopen("out", "w", stdout) || !freopen("err", "w", stderr))
            _exit(99);
        dg_format(shim, sizeof shim, "%s/tests/shim_fault.so", build);
        if (fault) {
            setenv("LD_PRELOAD", shim, 1);
            setenv("DAGRAD_FAULT", fault, 1);
            setenv("DAGRAD_FAULT_COUNT", "count", 1);
        }
        execv(program, argv);
        _exit(98);
    }
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *const files[] = {
    "model.dag",        "run.json", "metrics.jsonl",        "last.safetensors",
    "best.safetensors", "lock",     ".last.safetensors.tmp"};
enum { FILES = sizeof files / sizeof files[0], RUN_FILES = 6 };

static void remove_run(const char *run)
{
    char command[100];
    dg_format(command, sizeof command, "rm -rf %s", run);
    struct stat s;
    if (stat(run, &s) == 0)
        assert_int_equal(system(command), 0);
}

static void copy_run(const char *from, const char *to)
{
    char path[64];
    remove_run(to);
    assert_int_equal(mkdir(to, 0777), 0);
    for (int i = 0; i < RUN_FILES; i++) {
        size_t size;
        dg_format(path, sizeof path, "%s/%s", from, files[i]);
        char *bytes = cli_read(path, &size);
        dg_format(path, sizeof path, "%s/%s", to, files[i]);
        if (bytes)
            cli_write(path, bytes, size);
        free(bytes);
    }
}

/* 1: both have the same files but for the lock. */
static int same_run(const char *a, const char *b)
{
    char path[64];
    int same = 1;
    for (int i = 0; i < RUN_FILES - 1 && same; i++) {
        size_t m = 0, n = 0;
        dg_format(path, sizeof path, "%s/%s", a, files[i]);
        char *x = cli_read(path, &m);
        dg_format(path, sizeof path, "%s/%s", b, files[i]);
        char *y = cli_read(path, &n);
        same = (!x && !y) || (x && y && m == n && memcmp(x, y, n) == 0);
        free(x);
        free(y);
    }
    return same;
}

/* ---- What must hold -------------------------------------------------------------------------- */

static int is_run(const char *run)
{
    char path[64];
    struct stat s;
    dg_format(path, sizeof path, "%s/run.json", run);
    return stat(path, &s) == 0;
}

/* The run goes on to the weights that it would have had; one that is not there yet begins anew. */
static void check_goes_on(const job *j, const char *of)
{
    static const char *const again[] = {"train",     "--resume", "run",     "--epochs", "4",
                                        "--threads", "1",        "--quiet", NULL};
    static const char *const plain[] = {"train", "--resume", "run", "--threads",
                                        "1",     "--quiet",  NULL};
    int fresh = !is_run("run");
    const char *const *arguments = !j->makes ? again : fresh ? j->arguments : plain;
    int code = execute(arguments, NULL);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL);
    if (code != 0 || strcmp(out, j->whole) != 0)
        fail_msg("%s: afterwards exit %d: %s%s", of, code, out, err);
    run_check_metrics("run/metrics.jsonl", of);
    free(out);
    free(err);
}

/* One fault. Returns 1 if the call that was to fail came. */
static int try_fault(job *j, const char *kind, long n, const char *mode)
{
    char fault[64], of[128];
    if (j->makes)
        remove_run("run");
    else if (j != &jobs[2])
        copy_run("base", "run");
    dg_format(fault, sizeof fault, "%s %ld %s", kind, n, mode);
    dg_format(of, sizeof of, "%s, %s", j->name, fault);
    int code = execute(j->arguments, fault);
    char *out = cli_read("out", NULL), *err = cli_read("err", NULL),
         *count = cli_read("count", NULL);
    if (code == 0 ? strcmp(out, j->whole) != 0 : code != 1 || !*err)
        fail_msg("%s: exit %d: %s%s", of, code, out, err);
    int came = n <= strtol(count, NULL, 10);
    if (j == &jobs[2] && !same_run("base", "run"))
        fail_msg("%s: the run is another one", of);
    if (j != &jobs[2])
        check_goes_on(j, of);
    free(out);
    free(err);
    free(count);
    return came;
}

static long count_calls(job *j, const char *kind)
{
    char fault[64];
    if (j->makes)
        remove_run("run");
    else
        copy_run("base", "run");
    dg_format(fault, sizeof fault, "%s 0 once", kind);
    assert_int_equal(execute(j->arguments, fault), 0);
    free(j->whole);
    j->whole = cli_read("out", NULL);
    char *count = cli_read("count", NULL);
    long n = strtol(count, NULL, 10);
    free(count);
    return n;
}

static void try_all(const char *kind, long most)
{
    if (getenv("DAGRAD_LONGTEST"))
        most = 1000000;
    for (int k = 0; k < 3; k++) {
        job *j = &jobs[k];
        long all = count_calls(j, kind), tried = 0;
        assert_true(all > 20 || j == &jobs[2]);
        /* the first ones lie close together, where most differs */
        for (long n = 1; n <= all; n += all <= most || tried < most / 4 ? 1 : 1 + all / most) {
            assert_true(try_fault(j, kind, n, n % 2 ? "once" : "ever"));
            tried++;
            if (all <= most)
                try_fault(j, kind, n, n % 2 ? "ever" : "once");
        }
        print_message("%s: %ld calls of '%s', %ld of them failed in turn\n", j->name, all, kind,
                      tried);
    }
}

static void files_fail(void **state)
{
    (void)state;
    try_all("file", 100);
}

static void memory_fails(void **state)
{
    (void)state;
    try_all("alloc", 60);
}

/* Checkpoints cost little: a thousand epochs of one step are a handful of flushes. */
static void many_epochs_save_seldom(void **state)
{
    (void)state;
    static const char *const named[] = {"train", "gd.dag", "--out", "gd", "--quiet", NULL};
    char *model = cli_read("m.dag", NULL), *at = strstr(model, "\ntrain {");
    dg_format(at, 100, "\ntrain { optimizer = gd(rate=1e-3); steps = 1000; split = 0.25 }\n");
    cli_write_text("gd.dag", model);
    free(model);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(execute(named, "sync 0 once"), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    char *count = cli_read("count", NULL);
    long flushes = strtol(count, NULL, 10);
    print_message("gd, 1000 steps, an epoch each: %ld calls of fsync, %.2f s\n", flushes,
                  (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec));
    assert_true(flushes > 8 && flushes < 30);
    free(count);
}

static int make_base(void **state)
{
    static const char *const first[] = {"train",     "m.dag", "--out",   "base",
                                        "--threads", "1",     "--quiet", NULL};
    if (set_up(state) != 0)
        return -1;
    return execute(first, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_fail),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(many_epochs_save_seldom),
    };
    if (SANITIZED) {
        printf("SKIPPED: a sanitizer has its own allocator\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_base, tear_down);
}
