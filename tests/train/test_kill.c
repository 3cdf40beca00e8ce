/* Runs that are killed and taken up again end with the hash of the run that was not:
 * killed by SIGKILL at random moments, some runs several times; killed at each file-system call of
 * one save; ended by SIGTERM, which saves and exits with 143. 200 kills with DAGRAD_LONGTEST
 * (longtest: 4 min). */
#include "io/file.h"
#include "train/loop.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { KILLS = 3 }; /* the program is slow here; the release build lands 25 */
#else
enum { KILLS = 25 };
#endif

static char folder[] = "/tmp/dagrad-kill-XXXXXX", model[256];

static const char text[] =
    "input image[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "z = conv(image, 8, kernel=3) | relu | maxpool(2) | conv(8, kernel=3) | relu\n"
    "z = reshape(z, [N, 128]) | linear(32) | tanh | dropout(0.2)\n"
    "logits = linear(z, 10)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "metric accuracy(label, logits)\n"
    "data train(part=[0, 0.3], shuffle=1) { image = digits(\"image\") | scale(1/16) | noise(0.1); "
    "label = digits(\"label\") }\n"
    "data validation(part=[0.8, 1], shuffle=1) { image = digits(\"image\") | scale(1/16); "
    "label = digits(\"label\") }\n"
    "train { optimizer = adam(rate=2e-3); batch = 32; epochs = 4; save_every = 7 }\n";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}

static int make_model(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(model, sizeof model, "%s/kill.dag", folder);
    FILE *f = fopen(model, "w");
    fputs(text, f);
    return fclose(f);
}

static int drop_model(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* ---- the program, killed from outside -------------------------------------------------------- */

/* Starts the program on run; resume if it is there. Its standard output goes to run.out. */
static pid_t start(const char *run, int resume, const char *epochs)
{
    char out[300];
    snprintf(out, sizeof out, "%s.out", run);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (!freopen(out, "w", stdout) || !freopen("/dev/null", "w", stderr))
        _exit(99);
    const char *program = getenv("DAGRAD_PROGRAM");
    execl(program, program, "train", model, resume ? "--resume" : "--out", run, "--epochs", epochs,
          "--quiet", (char *)NULL);
    _exit(98);
}

/* Waits; the exit code, or minus the signal. */
static int end(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void hash_of(const char *run, char hash[17])
{
    char out[300];
    snprintf(out, sizeof out, "%s.out", run);
    FILE *f = fopen(out, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "weights %16s", hash), 1);
    fclose(f);
}

/* Epochs that take at least `seconds` here. */
static void long_enough(const char *name, double seconds, char epochs[16], double *takes,
                        char hash[17])
{
    char run[256];
    int n = 64;
    for (;; n *= 2) {
        snprintf(run, sizeof run, "%s/%s-%d", folder, name, n);
        snprintf(epochs, 16, "%d", n);
        double begin = now();
        assert_int_equal(end(start(run, 0, epochs)), 0);
        *takes = now() - begin;
        if (*takes >= seconds)
            break;
    }
    hash_of(run, hash);
}

static void killed_at_random(void **state)
{
    (void)state;
    char epochs[16], whole[17], hash[17];
    double takes;
    long_enough("killed", 2, epochs, &takes, whole);
    unsigned seed = (unsigned)time(NULL);
    int landed = 0, runs = 0, several = 0, want = getenv("DAGRAD_LONGTEST") ? 200 : KILLS;
    print_message("seed %u: a run takes %.1f s, hash %s\n", seed, takes, whole);
    for (; landed < want; runs++) {
        char run[256];
        snprintf(run, sizeof run, "%s/run-%d", folder, runs);
        int kills = 0, code;
        for (int again = 0;; again = 1) {
            pid_t pid = start(run, again && dg_is_run(run), epochs);
            if (kills < 1 + runs % 5) {
                pause_for(takes * (0.02 + 0.9 * rand_r(&seed) / RAND_MAX) / (1 + runs % 3));
                kill(pid, SIGKILL);
            }
            code = end(pid);
            if (code != -SIGKILL)
                break;
            kills++;
            char command[300]; /* killed before its run.json was there: it never began */
            snprintf(command, sizeof command, "rm -rf %s", run);
            if (!dg_is_run(run))
                assert_int_equal(system(command), 0);
        }
        assert_int_equal(code, 0);
        hash_of(run, hash);
        assert_string_equal(hash, whole);
        landed += kills;
        several += kills > 1;
    }
    print_message("%d runs, %d of them killed several times: %d kills landed, one hash\n", runs,
                  several, landed);
}

static void terminated(void **state)
{
    (void)state;
    char epochs[16], whole[17], hash[17], run[256];
    double takes;
    long_enough("ended", 1, epochs, &takes, whole);
    snprintf(run, sizeof run, "%s/terminated", folder);
    pid_t pid = start(run, 0, epochs);
    pause_for(takes / 2);
    kill(pid, SIGTERM);
    assert_int_equal(end(pid), 143);
    assert_int_equal(end(start(run, 1, epochs)), 0);
    hash_of(run, hash);
    assert_string_equal(hash, whole);
}

/* ---- a save, killed from inside -------------------------------------------------------------- */

static long calls_left = -1; /* the process ends at this file-system call; -1: never */

static void count_call(void)
{
    if (calls_left > 0 && --calls_left == 0)
        _exit(77);
}

static int dying_open(const char *path, int flags, mode_t mode)
{
    count_call();
    return dg_system_calls.open(path, flags, mode);
}

static ssize_t dying_write(int fd, const void *from, size_t n)
{
    if (calls_left == 1 && n > 1)
        dg_system_calls.write(fd, from, n / 2); /* half of it is there */
    count_call();
    return dg_system_calls.write(fd, from, n);
}

static int dying_fsync(int fd)
{
    count_call();
    return dg_system_calls.fsync(fd);
}

static int dying_rename(const char *from, const char *to)
{
    count_call();
    return dg_system_calls.rename(from, to);
}

static int dying_unlink(const char *path)
{
    count_call();
    return dg_system_calls.unlink(path);
}

static int dying_close(int fd)
{
    count_call();
    return dg_system_calls.close(fd);
}

static void must(dg_status s, const dg_diag *why)
{
    if (s == DG_OK)
        return;
    fprintf(stderr, "%s\n", why->text);
    _exit(50);
}

/* In a child: trains run to step `until` (0: to the end), saving there; dies at call n of that
 * save. */
static void child(const char *run, int resume, uint64_t until, long n, int report)
{
    dg_diag why = {.code = DG_OK};
    dg_trainer t;
    dg_run_dir r = dg_run_none((dg_say){NULL, NULL});
    dg_change change = {.n_set = 0};
    char hash[17];
    dg_file_calls calls = dg_system_calls;
    dg_experiment_options o = {.path = model};
    dg_experiment *e = dg_experiment_open(&o);
    must(dg_experiment_status(e), &why);
    must(dg_trainer_make(&t, e, 1, &why), &why);
    if (resume)
        must(dg_run_hold(&r, run, &why), &why);
    must(resume ? dg_run_resume(&r, &t, &change, &why) : dg_run_create(&r, run, &t, &why), &why);
    while (t.progress.step < (until ? until : t.steps)) {
        must(dg_trainer_step(&t, 0, &why), &why);
        if (dg_trainer_epoch_is_open(&t)) {
            dg_figures_clear(&t.progress.figures);
            t.progress.closed = t.progress.step;
        }
    }
    calls.open = dying_open;
    calls.write = dying_write;
    calls.fsync = dying_fsync;
    calls.rename = dying_rename;
    calls.unlink = dying_unlink;
    calls.close = dying_close;
    dg_calls = &calls;
    calls_left = n;
    must(dg_run_save(&r, &t, &why), &why);
    dg_graph_hash(e->model->graph, hash);
    if (report >= 0)
        _exit(write(report, hash, 17) == 17 ? 0 : 51);
    _exit(0);
}

static int in_child(const char *run, int resume, uint64_t until, long n, char hash[17])
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0)
        child(run, resume, until, n, hash ? fd[1] : -1);
    close(fd[1]);
    if (hash)
        assert_true(read(fd[0], hash, 17) == 17);
    close(fd[0]);
    return end(pid);
}

static void killed_at_each_call(void **state)
{
    (void)state;
    char run[256], whole[17], hash[17];
    snprintf(run, sizeof run, "%s/inside", folder);
    assert_int_equal(in_child(run, 0, 0, -1, whole), 0);
    long n = 1;
    for (int code = 77; code == 77; n++) {
        char command[300];
        snprintf(run, sizeof run, "%s/inside-%ld", folder, n);
        code = in_child(run, 0, 20, n, NULL);
        assert_true(code == 77 || code == 0);
        snprintf(command, sizeof command, "test $(ls -A %s | grep -c tmp) -le 1", run);
        assert_int_equal(system(command), 0);
        assert_int_equal(in_child(run, 1, 0, -1, hash), 0);
        assert_string_equal(hash, whole);
    }
    print_message("killed at each of %ld calls of a save: one hash, %s\n", n - 2, whole);
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_each_call),
        cmocka_unit_test(terminated),
        cmocka_unit_test(killed_at_random),
    };
    return cmocka_run_group_tests(tests, make_model, drop_model);
}
