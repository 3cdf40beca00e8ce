/* Signals, descriptors, names and paths: as other programs of a Unix system treat them. */
#include "base/text.h"
#include "cli/cli_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char table[] = "a,b\n1,2\n3,4\n5,6\n";

#define LINE_MODEL(file)                                                                           \
    "input x[N, 1]\ntarget y[N, 1]\np = linear(x, 1)\noutput p\nloss mse(y, p)\n"                  \
    "data train { x = csv(\"" file "\", columns=[\"a\"]); y = csv(\"" file                         \
    "\", columns=[\"b\"]) }\n"                                                                     \
    "train { optimizer=sgd(rate=1e-3); batch=2; epochs=1 }\n"

static int set_up(void **state)
{
    (void)state;
    if (!cli_enter())
        return 1;
    cli_write_text("t.csv", table);
    cli_write_text("m.dag", LINE_MODEL("t.csv"));
    return cli_run("train m.dag --out r --quiet");
}

static void assert_says(const char *file, const char *part)
{
    char *text = cli_read(file, NULL);
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text ? text : "(no file)");
    free(text);
}

/* ---- Signals --------------------------------------------------------------------------------- */

/* Starts `dagrad A B C ...`, NULL at the end; ignored: a signal that is ignored, or 0. Its output
 * goes to "out" and "err". */
static pid_t start(int input, int ignored, const char *const *words)
{
    const char *program = getenv("DAGRAD_PROGRAM");
    char *argv[16] = {(char *)(uintptr_t)(program ? program : "dagrad")};
    for (int i = 0; words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    for (int i = 0; i < 3; i++)
        signal(signals[i], signals[i] == ignored ? SIG_IGN : SIG_DFL);
    int out = open("out", O_CREAT | O_TRUNC | O_WRONLY, 0666);
    int err = open("err", O_CREAT | O_TRUNC | O_WRONLY, 0666);
    if (input >= 0)
        dup2(input, 0);
    dup2(out, 1);
    dup2(err, 2);
    execvp(argv[0], argv);
    _exit(127);
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* The exit code, 128 + n for a signal; -1: it still runs after ten seconds, and is killed. */
static int end_of(pid_t pid)
{
    int status;
    for (int i = 0; i < 1000; i++, pause_ms(10))
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

/* 1 once the process sleeps in a system call, which /proc tells. */
static int is_waiting(pid_t pid)
{
    char name[64], state = 0;
    dg_format(name, sizeof name, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(name, "r");
    int got = f ? fscanf(f, "%*d %*s %c", &state) : 0;
    if (f)
        fclose(f);
    return got == 1 && state == 'S';
}

static void wait_until_waiting(pid_t pid)
{
    for (int i = 0, still = 0; i < 500 && still < 5; i++, pause_ms(10))
        still = is_waiting(pid) ? still + 1 : 0;
}

/* A pipe that nobody opens, one that nobody writes to, as data, as model, as weights, also those of
 * a run. */
static void one_signal_ends_a_wait(void **state)
{
    (void)state;
    static const char *const commands[][6] = {
        {"train", "fifo.dag", "--out", "never", NULL},
        {"train", "m.dag", "--weights", "fifo", NULL},
        {"train", "fifo", NULL},
        {"train", "--resume", "waits", "--epochs", "9", NULL},
        {"eval", "r", "--weights", "fifo", NULL},
        {"predict", "r", "--input", "x=fifo", NULL},
        {"predict", "r", "--input", "x=-", NULL},
        {"predict", "r", "--out", "fifo.csv", NULL},
        {"convert", "-", "o.npy", NULL},
        {"convert", "fifo", "o.npy", NULL},
        {"grad", "m.dag", "--input", "x=fifo", NULL},
    };
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_int_equal(mkfifo("fifo.csv", 0666), 0);
    cli_write_text("fifo.dag", LINE_MODEL("fifo"));
    assert_int_equal(
        system("cp -r r waits && cd waits && rm last.safetensors && mkfifo last.safetensors"), 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const int with = i % 2 ? SIGTERM : SIGINT;
        pid_t pid = start(ends[0], 0, commands[i]);
        wait_until_waiting(pid);
        kill(pid, with);
        int code = end_of(pid);
        if (code != 128 + with)
            fail_msg("%s %s: %d after signal %d", commands[i][0], commands[i][1], code, with);
    }
    close(ends[0]);
    close(ends[1]);
    assert_int_not_equal(access("never", F_OK), 0);
    unlink("fifo");
    unlink("fifo.csv");
}

/* A long training, killed by a signal that it was told to ignore, then by one that it was not. */
static void ignored_signals_stay_ignored(void **state)
{
    (void)state;
    static const int pairs[][2] = {{SIGHUP, SIGTERM}, {SIGINT, SIGTERM}, {SIGTERM, SIGINT}};
    for (int i = 0; i < 3; i++) {
        char run[16];
        dg_format(run, sizeof run, "long%d", i);
        const char *words[] = {"train", "m.dag", "--out", run, "--epochs", "100000000", NULL};
        pid_t pid = start(-1, pairs[i][0], words);
        char file[64];
        dg_format(file, sizeof file, "%s/metrics.jsonl", run);
        struct stat s = {0};
        for (int k = 0; k < 500 && (stat(file, &s) != 0 || s.st_size == 0); k++)
            pause_ms(10);
        kill(pid, pairs[i][0]);
        pause_ms(100);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        kill(pid, pairs[i][1]);
        assert_int_equal(end_of(pid), 128 + pairs[i][1]);
        assert_says("err", "--resume");
    }
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

static void assert_all_json(const char *file)
{
    char *text = cli_read(file, NULL);
    assert_non_null(text);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        json_t *j = json_loads(line, 0, NULL);
        if (!j)
            fail_msg("%s: '%s'", file, line);
        json_decref(j);
    }
    assert_true(lines > 0);
    free(text);
}

/* All eight ways to close 0, 1 and 2: no file takes their place. */
static void closed_descriptors_are_not_used_again(void **state)
{
    (void)state;
    static const char *const closing[] = {"<&-", ">&-", "2>&-"};
    const char *program = getenv("DAGRAD_PROGRAM");
    for (int mask = 0; mask < 8; mask++) {
        char command[512];
        int n = dg_format(command, sizeof command, "rm -rf c; \"%s\" train m.dag --out c",
                          program ? program : "dagrad");
        for (int k = 0; k < 3; k++)
            n += dg_format(command + n, sizeof command - (size_t)n, " %s",
                           mask >> k & 1 ? closing[k]
                           : k == 0      ? "</dev/null"
                           : k == 1      ? ">out"
                                         : "2>err");
        int status = system(command);
        assert_int_equal(WEXITSTATUS(status), mask & 2 ? 1 : 0);
        assert_all_json("c/metrics.jsonl");
        if (!(mask & 2))
            assert_says("out", "weights ");
        if (mask == 2)
            assert_says("err", "dagrad: cannot write standard output: Bad file descriptor");
    }
    assert_int_not_equal(cli_run("convert - o.npy <&-"), 0);
    assert_says("err", "standard input: cannot read: Bad file descriptor");
}

/* Each command and each option that prints. */
static void a_full_standard_output_is_a_failure(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "train m.dag --out full",
        "train m.dag --out full2 --quiet",
        "train m.dag --out full3 --json",
        "train --resume r",
        "eval r",
        "eval r --json",
        "eval r --worst 2",
        "predict r",
        "predict r --out -",
        "predict r --top 1",
        "show m.dag",
        "show r",
        "show m.dag --dot -",
        "show m.dag --svg -",
        "show m.dag --after plan",
        "show m.dag --order",
        "show m.dag --order --measure",
        "show m.dag --reverse",
        "show r --gradients",
        "check m.dag",
        "check m.dag --json",
        "grad m.dag",
        "grad m.dag --out -",
        "grad m.dag --jacobian x",
        "bench m.dag --seconds 0.01",
        "bench m.dag --seconds 0.01 --json",
        "nodes",
        "nodes linear",
        "convert t.csv -",
        "--help",
        "help",
        "train --help",
        "--version",
    };
    const char *program = getenv("DAGRAD_PROGRAM");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char command[512];
        dg_format(command, sizeof command, "\"%s\" %s </dev/null >/dev/full 2>err",
                  program ? program : "dagrad", commands[i]);
        int status = system(command);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
            fail_msg("dagrad %s: %d", commands[i], WEXITSTATUS(status));
        assert_says("err", "standard output");
        assert_says("err", "No space left on device");
    }
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void names_may_begin_with_a_dash(void **state)
{
    (void)state;
    cli_write_text("-m.dag", LINE_MODEL("t.csv"));
    assert_int_equal(cli_run("train --out -dash --quiet -- -m.dag"), 0);
    assert_int_equal(cli_run("eval -- -dash"), 0);
    assert_int_equal(cli_run("show -m.dag"), 2);
    assert_says("err", "there is no option '-m.dag'");
    assert_int_equal(cli_run("show -- -m.dag --batch"), 2);
    assert_says("err", "'--batch' is one word too many");
    assert_int_equal(cli_run("train m.dag --out -"), 2);
    assert_says("err", "--out is '-'");
    assert_int_equal(cli_run("show - <m.dag"), 0);
    cli_write_text("x.csv", "7\n8\n");
    assert_int_equal(cli_run("grad - --input x=x.csv <m.dag"), 0);
    assert_int_equal(cli_run("train - --quiet <m.dag"), 0);
    assert_int_equal(access("runs/model-1/last.safetensors", F_OK), 0);
    assert_int_equal(cli_run("grad m.dag --out -"), 0);
    assert_int_equal(rename("out", "g.safetensors"), 0);
    assert_int_equal(cli_run("convert g.safetensors g.npz"), 0);
    assert_int_equal(cli_run("convert - - <t.csv"), 0);
    assert_says("out", "1,2\n3,4\n5,6\n");
}

static void a_slash_may_end_the_name_of_a_run(void **state)
{
    (void)state;
    assert_int_equal(cli_run("train m.dag --out s/ --quiet"), 0);
    assert_int_equal(cli_run("train m.dag --out s/t/u// --quiet"), 0);
    assert_int_equal(cli_run("eval s/"), 0);
    assert_int_equal(cli_run("eval s/t/u"), 0);
    assert_int_equal(cli_run("train m.dag --out s/ --quiet"), 2);
    assert_says("err", "'s' is there already; --resume s goes on with it");
}

/* Eight at once: each has a number of its own. */
static void runs_at_once_have_names_of_their_own(void **state)
{
    (void)state;
    pid_t pid[8];
    const char *words[] = {"train", "m.dag", "--quiet", "--threads", "1", NULL};
    for (int i = 0; i < 8; i++)
        pid[i] = start(-1, 0, words);
    for (int i = 0; i < 8; i++)
        assert_int_equal(end_of(pid[i]), 0);
    for (int i = 1; i <= 8; i++) {
        char file[64];
        dg_format(file, sizeof file, "runs/m-%d/last.safetensors", i);
        assert_int_equal(access(file, F_OK), 0);
    }
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static const char *path_in(const char *file, const char *list, const char *key, json_t **j)
{
    *j = json_load_file(file, 0, NULL);
    json_t *run = json_object_get(*j, "run");
    json_t *at = json_object_get(strcmp(list, "data") == 0 ? run : *j, list);
    at = json_array_get(at, 0);
    return json_string_value(key ? json_object_get(at, key) : at);
}

/* Latin-1, a percent sign, a line end: JSON has them percent-encoded, hashes under them, and what
 * is read from there finds the data. */
static void paths_are_bytes(void **state)
{
    (void)state;
    json_t *j;
    const char folder[] = "caf\xe9 100%\n";
    char file[64];
    assert_int_equal(mkdir(folder, 0777), 0);
    dg_format(file, sizeof file, "%s/u.csv", folder);
    cli_write_text(file, table);
    dg_format(file, sizeof file, "%s/l.dag", folder);
    cli_write_text(file, LINE_MODEL("u.csv"));
    cli_write_text("u.dag", LINE_MODEL("u.csv"));
    assert_int_equal(cli_run("train u.dag --data caf* --out bytes --quiet"), 0);
    const char *path = path_in("bytes/run.json", "data", "path", &j);
    assert_non_null(path);
    assert_non_null(strstr(path, "/caf%E9 100%25\n/u.csv"));
    json_decref(j);
    path = path_in("bytes/run.json", "data", "sha256", &j);
    assert_int_equal(strlen(path ? path : ""), 64);
    json_decref(j);
    path = path_in("bytes/run.json", "dirs", NULL, &j);
    assert_non_null(strstr(path, "/caf%E9 100%25\n"));
    json_decref(j);
    assert_int_equal(cli_run("eval bytes --part train"), 0);
    assert_int_equal(cli_run("train caf*/l.dag --out caf*/inner --quiet --json"), 0);
    assert_int_equal(cli_run("train --resume caf*/inner --epochs 2 --quiet"), 0);
    dg_format(file, sizeof file, "%s/u.csv", folder);
    cli_write_text(file, "a,b\n9,2\n3,4\n5,6\n");
    assert_int_equal(cli_run("train --resume bytes --data caf* --epochs 2 --quiet"), 2);
}

/* A path of 3,000 bytes works, and a message shows its beginning and its end. */
static void paths_are_long(void **state)
{
    (void)state;
    char path[3200] = "long", command[2 * sizeof path];
    size_t n = 4;
    while (n < 3000) {
        path[n++] = '/';
        for (int i = 0; i < 59; i++)
            path[n++] = (char)('a' + i % 26);
        path[n] = 0;
    }
    dg_format(command, sizeof command, "train m.dag --out %s --quiet", path);
    assert_int_equal(cli_run(command), 0);
    dg_format(command, sizeof command, "predict %s --out %s/p.csv", path, path);
    assert_int_equal(cli_run(command), 0);
    dg_format(command, sizeof command, "train --resume %s --epochs 2 --quiet", path);
    assert_int_equal(cli_run(command), 0);
    dg_format(command, sizeof command, "train m.dag --out %s --quiet", path);
    assert_int_equal(cli_run(command), 2);
    size_t size;
    free(cli_read("err", &size));
    assert_true(size < 700);
    assert_says("err", "'long/abc");
    assert_says("err", "...");
    assert_says("err", "fg' is there already; --resume long/");
    dg_format(command, sizeof command, "convert %s/no.npy o.npy", path);
    assert_int_equal(cli_run(command), 3);
    assert_says("err", "fg/no.npy: cannot read: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_signal_ends_a_wait),
        cmocka_unit_test(ignored_signals_stay_ignored),
        cmocka_unit_test(closed_descriptors_are_not_used_again),
        cmocka_unit_test(a_full_standard_output_is_a_failure),
        cmocka_unit_test(names_may_begin_with_a_dash),
        cmocka_unit_test(a_slash_may_end_the_name_of_a_run),
        cmocka_unit_test(runs_at_once_have_names_of_their_own),
        cmocka_unit_test(paths_are_bytes),
        cmocka_unit_test(paths_are_long),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
