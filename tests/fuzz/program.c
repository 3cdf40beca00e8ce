/* The program inside a fuzzer; see program.h. */
#define _GNU_SOURCE /* nftw */
#include "fuzz/program.h"

#include "cli/command.h"
#include "io/io_tools.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

void __sanitizer_set_report_fd(void *fd) __attribute__((weak)); /* of the sanitizers, if any */

static const char model[] =
    "let width = 3\n"
    "input x[N, 2]\n"
    "target y[N, 1]\n"
    "z = linear(x, width) | tanh\n"
    "xhat = linear(z, 1)\n"
    "output xhat\n"
    "loss mse(y, xhat)\n"
    "metric r2(y, xhat)\n"
    "data train { x = csv(\"data.csv\", columns=[\"a\", \"b\"]) | standardize\n"
    "    y = csv(\"data.csv\", columns=[\"y\"]) }\n"
    "train { optimizer = adam(rate=0.01); batch = 4; epochs = 2; split = 0.3 }\n";
static const char table[] = "a,b,y\n0,0,1\n1,0,2\n0,1,3\n1,1,4\n2,0,3\n0,2,5\n2,2,7\n3,1,6\n";

const char *const fuzz_run_file[] = {"run/run.json",         "run/model.dag",
                                     "run/metrics.jsonl",    "run/last.safetensors",
                                     "run/best.safetensors", "run/lock"};

enum { MOST_FILES = 16, LONGEST_MS = 200 };

/* What the folder is made of: found once, after a training. */
static struct {
    char name[64];
    dg_text bytes;
} files[MOST_FILES];
static int n_files;
static char folder[64];

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    if (at->level > 0)
        remove(path);
    return 0;
}

static void empty(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_folder(void)
{
    empty();
    rmdir(folder);
}

void fuzz_folder_put(const char *name, const void *bytes, size_t n)
{
    char path[200];
    io_write(io_path(folder, name, path), bytes, n);
}

static void keep(const char *name)
{
    char path[200];
    if (n_files == MOST_FILES)
        abort();
    snprintf(files[n_files].name, sizeof files[0].name, "%s", name);
    files[n_files++].bytes = io_bytes(io_path(folder, name, path));
}

/* Trains once, and remembers what is there then. */
static void make(void)
{
    char path[200], name[64], *train[] = {"dagrad", "train", "model.dag", "--out", "run", NULL};
    io_folder_make(folder);
    atexit(remove_folder);
    fuzz_folder_put("model.dag", model, sizeof model - 1);
    fuzz_folder_put("data.csv", table, sizeof table - 1);
    fuzz_command(5, train);
    keep("model.dag");
    keep("data.csv");
    DIR *run = opendir(io_path(folder, "run", path));
    if (!run)
        abort();
    for (struct dirent *d; (d = readdir(run));)
        if (d->d_name[0] != '.') {
            snprintf(name, sizeof name, "run/%.50s", d->d_name);
            keep(name);
        }
    closedir(run);
    keep("run/last.safetensors");
    snprintf(files[n_files - 1].name, sizeof files[0].name, "weights.safetensors");
}

void fuzz_folder_fill(void)
{
    char path[200];
    if (n_files == 0)
        make();
    empty();
    mkdir(io_path(folder, "run", path), 0777);
    for (int i = 0; i < n_files; i++)
        fuzz_folder_put(files[i].name, files[i].bytes.data, files[i].bytes.length);
}

const void *fuzz_folder_get(const char *name, size_t *n)
{
    for (int i = 0; i < n_files; i++)
        if (strcmp(files[i].name, name) == 0) {
            *n = files[i].bytes.length;
            return files[i].bytes.data;
        }
    abort();
}

static void stop(int n)
{
    (void)n;
    dg_stop_signal = SIGTERM;
}

/* 1: 200 ms from now the command is told to stop, once and again. */
static void set_clock(int on)
{
    const struct timeval after = {0, on ? LONGEST_MS * 1000 : 0};
    const struct itimerval t = {after, after};
    dg_stop_signal = 0;
    signal(SIGALRM, on ? stop : SIG_DFL);
    setitimer(ITIMER_REAL, &t, NULL);
}

void fuzz_command(int argc, char **argv)
{
    static int out = -1, err = -1, nothing = -1;
    if (out < 0) {
        out = dup(STDOUT_FILENO);
        err = dup(STDERR_FILENO);
        nothing = open("/dev/null", O_RDWR);
        if (__sanitizer_set_report_fd) /* what a sanitizer says is to be seen all the same */
            __sanitizer_set_report_fd((void *)(intptr_t)err);
    }
    fflush(stdout);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    if (chdir(folder) != 0)
        abort();
    set_clock(1);
    int code = dagrad_main(argc, argv);
    set_clock(0);
    dg_release_signals();
    if (fchdir(here) != 0)
        abort();
    close(here);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (code < 0 || (code > EXIT_MISSED && code != 128 + SIGTERM)) {
        fprintf(stderr, "exit code %d\n", code);
        abort();
    }
}
