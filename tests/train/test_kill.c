/* Runs that are killed and taken up again end with the last line of the run that was not: killed by
 * SIGKILL at random moments, and around their end, some several times, with checkpoints every 7
 * steps and every 30 seconds, to the last step and to an early stop, on data of each kind; killed
 * at each call of one save; ended by SIGTERM, which saves and exits with 143. 200 kills with
 * DAGRAD_LONGTEST (longtest: 3 min). */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/file.h"
#include "io/pictures.h"
#include "train/loop.h"
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
enum { KILLS = 3 }; /* of each kind of run: the program is slow here */
#else
enum { KILLS = 10 };
#endif

static char model[256];

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

/* w goes from 0 to 2; at 1, after some 1700 epochs of a step, validation is best. */
static const char early_text[] =
    "input x[N, 1]\n"
    "target t[N, 1]\n"
    "parameter w[1] = fill(0)\n"
    "y = x * w\n"
    "output y\n"
    "loss mse(t, y)\n"
    "data train { x = csv(\"one.csv\"); t = csv(\"two.csv\") }\n"
    "data validation { x = csv(\"one.csv\"); t = csv(\"one.csv\") }\n"
    "train { optimizer = sgd(rate=2e-4); batch = 4; epochs = 9000; stop = patience(40); "
    "save_every = 7 }\n";

/* Words, gaps and dates of a table; windows of a table; a text; pictures that are read again. */
static const char words_text[] =
    "input size[N, 2]\n"
    "input place[N, 3]\n"
    "input day[N]\n"
    "target kind[N] int\n"
    "logits = linear(concat(size, place, reshape(day, [N, 1])), 3)\n"
    "output logits\n"
    "loss softmax_cross_entropy(kind, logits)\n"
    "data train {\n"
    "    size = csv(\"t.csv\", columns=[\"a\", \"b\"]) | fill(median) | standardize\n"
    "    place = csv(\"t.csv\", columns=[\"place\"]) | onehot\n"
    "    day = csv(\"t.csv\", columns=[\"day\"]) | time(\"%Y-%m-%d\") | standardize\n"
    "    kind = csv(\"t.csv\", columns=[\"kind\"]) | drop | classes\n"
    "}\n"
    "train { optimizer = adam(rate=1e-3); batch = 8; split = 0.2; save_every = 7 }\n";
static const char series_text[] =
    "input past[N, 5, 2]\n"
    "target next[N, 2, 2]\n"
    "y = reshape(linear(flatten(past), 4), [N, 2, 2])\n"
    "output y\n"
    "loss mse(next, y)\n"
    "data train {\n"
    "    past, next = series(\"t.csv\", columns=[\"b\", \"c\"], length=5, horizon=2)\n"
    "    past | standardize | noise(0.1)\n"
    "    next | standardize\n"
    "}\n"
    "train { optimizer = adam(rate=1e-3); batch = 8; save_every = 7 }\n";
static const char chars_text[] =
    "input text[N, T] int\n"
    "target next[N, T] int\n"
    "logits = embedding(text, 40, 8) | gru(8) | linear(40)\n"
    "output logits\n"
    "loss softmax_cross_entropy(next, logits)\n"
    "data train { text, next = chars(\"t.csv\", length=16) }\n"
    "train { optimizer = adam(rate=1e-3); batch = 8; save_every = 7 }\n";
static const char pictures_text[] =
    "input image[N, 8, 8, 1]\n"
    "target label[N] int\n"
    "logits = flatten(image) | dropout(0.2) | linear(2)\n"
    "output logits\n"
    "loss softmax_cross_entropy(label, logits)\n"
    "data train {\n"
    "    image, label = images(\"p\", size=[9, 9], channels=1, memory=0)\n"
    "    image | crop_random(8, 8) | flip | scale(1/255)\n"
    "}\n"
    "train { optimizer = adam(rate=1e-3); batch = 4; save_every = 7 }\n";

static void write_table(void)
{
    dg_text t = dg_text_make(NULL);
    dg_text_add(&t, "a,b,c,place,day,kind\n");
    for (int i = 0; i < 80; i++)
        dg_text_printf(&t, "%s,%d,%d,%s,2%03d-01-01,%s\n", i % 9 ? "5" : "", i * i % 17, i % 13,
                       i % 3   ? "fen"
                       : i % 2 ? "bay"
                               : "cape",
                       i, i % 7 ? i % 4 ? "x" : "y" : "z");
    cli_write("t.csv", t.data, t.length);
    dg_text_free(&t);
}

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
    const char *folder = run_enter();
    if (!folder)
        return -1;
    dg_format(model, sizeof model, "%s/kill.dag", folder);
    cli_write("kill.dag", text, sizeof text - 1);
    cli_write("early.dag", early_text, sizeof early_text - 1);
    cli_write("one.csv", "1\n1\n1\n1\n", 8);
    cli_write("two.csv", "2\n2\n2\n2\n", 8);
    cli_write("words.dag", words_text, sizeof words_text - 1);
    cli_write("series.dag", series_text, sizeof series_text - 1);
    cli_write("chars.dag", chars_text, sizeof chars_text - 1);
    cli_write("pictures.dag", pictures_text, sizeof pictures_text - 1);
    write_table();
    io_two_classes("p");
    return 0;
}

static int drop_model(void **state)
{
    (void)state;
    run_leave();
    return 0;
}

/* ---- the program, killed from outside -------------------------------------------------------- */

/* A kind of run: its model, and how often it saves. */
typedef struct kind {
    const char *name, *model, *save_every;
    char epochs[16]; /* of a run that takes some time */
    double takes;
    char *whole; /* the last line */
    bool short_one;
} kind;

static kind kinds[] = {
    {"steps", "kill.dag", "save_every=7", "", 0, NULL, false},
    {"seconds", "kill.dag", "save_every=0", "", 0, NULL, false},
    {"early-steps", "early.dag", "save_every=7", "9000", 0, NULL, false},
    {"early-seconds", "early.dag", "save_every=0", "9000", 0, NULL, false},
    {"words", "words.dag", "save_every=7", "", 0, NULL, true},
    {"series", "series.dag", "save_every=7", "", 0, NULL, true},
    {"text", "chars.dag", "save_every=7", "", 0, NULL, true},
    {"pictures", "pictures.dag", "save_every=7", "", 0, NULL, true},
};

/* Starts the program on run, resumes it if it is one. Its standard output goes to run.out. */
static pid_t start(const kind *k, const char *run)
{
    char out[100];
    dg_format(out, sizeof out, "%s.out", run);
    if (!dg_is_run(run) && rmdir(run) != 0) /* killed before it was locked */
        assert_true(errno == ENOENT || errno == ENOTEMPTY);
    int resume = dg_is_run(run);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (!freopen(out, "w", stdout) || !freopen("said", "w", stderr))
        _exit(99);
    const char *program = getenv("DAGRAD_PROGRAM");
    execl(program, program, "train", k->model, resume ? "--resume" : "--out", run, "--epochs",
          k->epochs, "--set", k->save_every, "--threads", "1", "--quiet", (char *)NULL);
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

static void must_end(pid_t pid, const char *run)
{
    int code = end(pid);
    char *said = cli_read("said", NULL);
    if (code != 0)
        fail_msg("%s: exit %d: %s", run, code, said);
    free(said);
}

static char *last_line_of(const char *run)
{
    char out[100];
    dg_format(out, sizeof out, "%s.out", run);
    return cli_read(out, NULL);
}

/* A run that takes at least `seconds` here, by more epochs if its model says none. */
static void run_whole(kind *k, double seconds)
{
    char run[64];
    int fixed = *k->epochs != 0;
    for (int n = 8;; n *= 2) {
        if (!fixed)
            dg_format(k->epochs, sizeof k->epochs, "%d", n);
        dg_format(run, sizeof run, "whole-%s-%d", k->name, n);
        double begin = now();
        must_end(start(k, run), run);
        k->takes = now() - begin;
        if (fixed || k->takes >= seconds)
            break;
    }
    k->whole = last_line_of(run);
}

/* A run that is killed `kills` times, then goes on to its end. Returns the kills that landed. */
static int killed_run(kind *k, const char *run, int kills, int at_end, unsigned *seed)
{
    char metrics[100];
    int landed = 0;
    for (int i = 0; i < kills; i++) {
        double chance = (double)rand_r(seed) / RAND_MAX;
        pid_t pid = start(k, run);
        pause_for(k->takes * (at_end ? 0.8 + 0.4 * chance : (0.02 + 0.9 * chance) / kills));
        kill(pid, SIGKILL);
        int code = end(pid);
        assert_true(code == -SIGKILL || code == 0);
        landed += code == -SIGKILL;
    }
    must_end(start(k, run), run);
    char *line = last_line_of(run);
    if (strcmp(line, k->whole) != 0)
        fail_msg("%s: %sthe run that was not killed: %s", run, line, k->whole);
    free(line);
    dg_format(metrics, sizeof metrics, "%s/metrics.jsonl", run);
    run_check_metrics(metrics, run);
    return landed;
}

static void killed_at_random(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    int want = getenv("DAGRAD_LONGTEST") ? 50 : KILLS;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        kind *k = &kinds[i];
        int landed = 0, runs = 0, several = 0;
        run_whole(k, k->short_one ? 0.1 : 0.3);
        print_message("%s: seed %u, a run takes %.2f s: %s", k->name, seed, k->takes, k->whole);
        for (; landed < (k->short_one && want < 50 ? 2 : want); runs++) {
            char run[64];
            dg_format(run, sizeof run, "%s-%d", k->name, runs);
            int n = killed_run(k, run, runs % 3 == 2 ? 3 : 1, runs % 2, &seed);
            landed += n;
            several += n > 1;
        }
        print_message("%s: %d runs, %d of them killed several times: %d kills landed, one line\n",
                      k->name, runs, several, landed);
    }
}

static void terminated(void **state)
{
    (void)state;
    kind *k = &kinds[1];
    if (!k->whole)
        run_whole(k, 0.3);
    pid_t pid = start(k, "terminated");
    pause_for(k->takes / 2);
    kill(pid, SIGTERM);
    int code = end(pid);
    assert_true(code == 143 || code == -SIGTERM || code == 0);
    must_end(start(k, "terminated"), "terminated");
    char *line = last_line_of("terminated");
    assert_string_equal(line, k->whole);
    free(line);
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
    must(dg_trainer_make(&t, e, 1, NULL, &why), &why);
    if (resume)
        must(dg_run_hold(&r, run, &why), &why);
    must(resume ? dg_run_resume(&r, &t, &change, &why) : dg_run_create(&r, run, &t, &why), &why);
    while (t.progress.step < (until ? until : t.steps)) {
        must(dg_trainer_step(&t, 0, &why), &why);
        if (dg_trainer_epoch_is_open(&t)) {
            dg_metric_sums_clear(&t.progress.figures);
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
    snprintf(run, sizeof run, "inside");
    assert_int_equal(in_child(run, 0, 0, -1, whole), 0);
    long n = 1;
    for (int code = 77; code == 77; n++) {
        char command[300];
        snprintf(run, sizeof run, "inside-%ld", n);
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
        cmocka_unit_test(killed_at_random),
        cmocka_unit_test(terminated),
    };
    return cmocka_run_group_tests(tests, make_model, drop_model);
}
