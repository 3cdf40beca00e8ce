/* Loss of power at every call of a training that changes files: of what was not forced to the disk
 * some is there and some is not, names and contents, in any order. Each state that may be found
 * afterwards goes on to the weights of the run that was not interrupted, and no step is lost that a
 * save had ended. The disk is simulated from a record of the calls; with one kind of flush left out
 * the same checks must fail. */
#include "base/philox.h"
#include "base/text.h"
#include "io/file.h"
#include "train/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 256, NAMES = 32, CALLS = 4096, POLICIES = 6, DESCRIPTORS = 256 };

static const char text[] =
    "input x[N, 2]\n"
    "target t[N] int\n"
    "z = linear(x, 3) | tanh | linear(2)\n"
    "output z\n"
    "loss softmax_cross_entropy(t, z)\n"
    "data train { x = csv(\"x.csv\"); t = csv(\"t.csv\") }\n"
    "train { optimizer = adam(rate=0.1); batch = 4; epochs = 3; split = 0.25; save_every = 2 }\n";

static char folder[] = "/dev/shm/dagrad-power-XXXXXX";

/* ---- The record ------------------------------------------------------------------------------ */

typedef enum { CREATE, WRITE, CUT, SYNC, SYNC_FOLDER, RENAME, UNLINK, MAKE } call_kind;

typedef struct call {
    call_kind kind;
    int file, other; /* of SYNC_FOLDER, RENAME, UNLINK, MAKE: indices of names */
    char *bytes;
    size_t n;
    uint64_t saved; /* step that is safe once this is done */
} call;

static call record[CALLS];
static int calls, files, names;
static char *name_of[NAMES]; /* paths, of folders too */
static int file_at[NAMES];   /* while recording: the file of a name, -1: none */
static int open_file[DESCRIPTORS], open_folder[DESCRIPTORS];
static const dg_trainer *watched;
static int renamed_last;

static void forget(void)
{
    for (int i = 0; i < calls; i++)
        free(record[i].bytes);
    for (int i = 0; i < names; i++)
        free(name_of[i]);
    calls = files = names = renamed_last = 0;
}

static int name_index(const char *path)
{
    for (int i = 0; i < names; i++)
        if (strcmp(name_of[i], path) == 0)
            return i;
    assert_true(names < NAMES);
    name_of[names] = strdup(path);
    file_at[names] = -1;
    return names++;
}

static call *add(call_kind kind, int file, int other)
{
    assert_true(calls < CALLS);
    record[calls] = (call){kind, file, other, NULL, 0, 0};
    return &record[calls++];
}

static int my_open(const char *path, int flags, mode_t mode)
{
    int there = access(path, F_OK) == 0, fd = dg_system_calls.open(path, flags, mode);
    if (fd < 0)
        return fd;
    assert_true(fd < DESCRIPTORS);
    int folder_opened = (flags & O_DIRECTORY) != 0, name = name_index(path);
    open_folder[fd] = folder_opened ? name : -1;
    if (!folder_opened && !there) {
        file_at[name] = files++;
        add(CREATE, file_at[name], name);
    }
    open_file[fd] = folder_opened ? -1 : file_at[name];
    return fd;
}

static ssize_t my_write(int fd, const void *from, size_t n)
{
    ssize_t k = dg_system_calls.write(fd, from, n);
    if (k > 0 && open_file[fd] >= 0) {
        call *c = add(WRITE, open_file[fd], 0);
        c->bytes = malloc((size_t)k);
        c->n = (size_t)k;
        memcpy(c->bytes, from, c->n);
    }
    return k;
}

static int my_ftruncate(int fd, off_t n)
{
    if (open_file[fd] >= 0)
        add(CUT, open_file[fd], 0)->n = (size_t)n;
    return dg_system_calls.ftruncate(fd, n);
}

static int my_fsync(int fd)
{
    if (open_folder[fd] >= 0) {
        call *c = add(SYNC_FOLDER, open_folder[fd], 0);
        c->saved = renamed_last && watched ? watched->progress.step : 0;
    } else if (open_file[fd] >= 0) {
        add(SYNC, open_file[fd], 0);
    }
    return dg_system_calls.fsync(fd);
}

static int my_rename(const char *from, const char *to)
{
    int a = name_index(from), b = name_index(to);
    add(RENAME, a, b);
    file_at[b] = file_at[a];
    file_at[a] = -1;
    renamed_last = strstr(to, "last.safetensors") != NULL;
    return dg_system_calls.rename(from, to);
}

static int my_unlink(const char *path)
{
    int a = name_index(path);
    add(UNLINK, a, 0);
    file_at[a] = -1;
    return dg_system_calls.unlink(path);
}

static int my_mkdir(const char *path, mode_t mode)
{
    add(MAKE, name_index(path), 0);
    return dg_system_calls.mkdir(path, mode);
}

/* ---- The disk -------------------------------------------------------------------------------- */

typedef struct content {
    char *bytes;
    size_t n;
} content;

/* What is in memory, and what is on the disk. names: file, -2: a folder, -1: none. */
static content now[FILES], safe[FILES], start[FILES]; /* start: before the first call */
static int name_now[NAMES], name_safe[NAMES], start_name[NAMES];
static int leave_out; /* SYNC or SYNC_FOLDER: does nothing; -1 */

static void set_content(content *c, const char *bytes, size_t n, size_t at)
{
    char *wider = realloc(c->bytes, at + n + 1);
    assert_non_null(wider);
    if (at > c->n)
        memset(wider + c->n, 0, at - c->n);
    if (n)
        memcpy(wider + at, bytes, n);
    c->bytes = wider;
    c->n = at + n;
}

static int is_in(const char *path, const char *in)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0, m = strlen(in);
    m -= m > 1 && in[m - 1] == '/';
    return slash ? n == m && strncmp(path, in, n) == 0 : strcmp(in, ".") == 0;
}

static void apply(const call *c)
{
    if (c->kind == CREATE)
        name_now[c->other] = c->file;
    else if (c->kind == WRITE)
        set_content(&now[c->file], c->bytes, c->n, now[c->file].n);
    else if (c->kind == CUT)
        set_content(&now[c->file], NULL, 0, c->n);
    else if (c->kind == SYNC && leave_out != SYNC) {
        safe[c->file].n = 0;
        set_content(&safe[c->file], now[c->file].bytes, now[c->file].n, 0);
    } else if (c->kind == SYNC_FOLDER && leave_out != SYNC_FOLDER) {
        for (int i = 0; i < names; i++)
            if (is_in(name_of[i], name_of[c->file]))
                name_safe[i] = name_now[i];
    } else if (c->kind == RENAME) {
        name_now[c->other] = name_now[c->file];
        name_now[c->file] = -1;
    } else if (c->kind == UNLINK)
        name_now[c->file] = -1;
    else if (c->kind == MAKE)
        name_now[c->file] = -2;
}

static void start_disk(void)
{
    for (int i = 0; i < FILES; i++) {
        now[i].n = safe[i].n = 0;
        set_content(&now[i], start[i].bytes, start[i].n, 0);
        set_content(&safe[i], start[i].bytes, start[i].n, 0);
    }
    for (int i = 0; i < NAMES; i++)
        name_now[i] = name_safe[i] = start_name[i];
}

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *bytes = malloc(1 << 16);
    assert_non_null(bytes);
    *n = f ? fread(bytes, 1, 1 << 16, f) : 0;
    if (f)
        fclose(f);
    return bytes;
}

/* The run that is there belongs to the disk's start. */
static void know_run(const char *run)
{
    static const char *const in_run[] = {"model.dag",        "run.json",         "metrics.jsonl",
                                         "last.safetensors", "best.safetensors", "lock"};
    for (int i = 0; i < NAMES; i++)
        start_name[i] = -1;
    for (int i = 0; i < FILES; i++)
        start[i].n = 0;
    if (access(run, F_OK) != 0)
        return;
    start_name[name_index(run)] = -2;
    for (int i = 0; i < 6; i++) {
        char path[128];
        size_t n;
        dg_format(path, sizeof path, "%s/%s", run, in_run[i]);
        int name = name_index(path);
        char *bytes = read_file(path, &n);
        set_content(&start[files], bytes, n, 0);
        free(bytes);
        file_at[name] = start_name[name] = files++;
    }
}

/* 0: only what is safe; 1: all names; 2: all contents; 3: all names, of contents the length but not
 * the bytes; else: each by chance, contents also in part. */
static int survives(int policy, int content_of, uint64_t key, int i)
{
    if (policy > 3)
        return dg_uniform(key, (uint64_t)content_of, (uint64_t)i) < 0.5;
    return content_of ? policy == 2 : policy == 1 || policy == 3;
}

static void write_file(const char *path, int file, int policy, uint64_t key)
{
    content c = safe[file], all = now[file];
    size_t n = survives(policy, 1, key, file) ? all.n : c.n;
    if (survives(policy, 1, key, file))
        c = all;
    if (policy > 3 && c.bytes == all.bytes && all.n > safe[file].n) /* a part of what is new */
        n = safe[file].n +
            (size_t)(dg_uniform(key, 7, (uint64_t)file) * (double)(all.n - safe[file].n));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (n)
        assert_int_equal(fwrite(c.bytes, 1, n, f), n);
    for (; policy == 3 && n < all.n; n++)
        fputc(0, f);
    fclose(f);
}

static void clear_found(void)
{
    char path[128];
    for (int i = 0; i < names; i++) {
        dg_format(path, sizeof path, "found/%s", name_of[i]);
        unlink(path);
    }
    rmdir("found/r");
    mkdir("found", 0777);
}

/* Puts the state after the first `n` calls into the folder "found". */
static void find_state(int policy, uint64_t key)
{
    clear_found();
    for (int pass = 0; pass < 2; pass++) /* folders first */
        for (int i = 0; i < names; i++) {
            char path[128];
            int there = survives(policy, 0, key, i) ? name_now[i] : name_safe[i];
            if (strncmp(name_of[i], "r/", 2) != 0 && strcmp(name_of[i], "r") != 0)
                continue;
            dg_format(path, sizeof path, "found/%s", name_of[i]);
            if (pass == 0 && there == -2)
                mkdir(path, 0777);
            if (pass == 1 && there >= 0 && access("found/r", F_OK) == 0)
                write_file(path, there, policy, key);
        }
}

/* ---- Training -------------------------------------------------------------------------------- */

typedef struct outcome {
    char hash[17];
    uint64_t from; /* the step at which it began */
    dg_status status;
} outcome;

/* Trains run to its end: a new one, or one that is taken up with these options. */
static outcome train(const char *run, int n_set, const char *const set[])
{
    outcome o = {.status = DG_OK};
    dg_diag why = {.code = DG_OK};
    dg_trainer t;
    const dg_report report = {.user = NULL};
    const char *dirs[] = {"."};
    char model[128];
    int old = dg_is_run(run);
    dg_run_dir r = dg_run_none((dg_say){NULL, NULL});
    dg_format(model, sizeof model, "%s/model.dag", run);
    dg_experiment_options options = {
        .path = old ? model : "m.dag", .set = set, .n_set = n_set, .dirs = dirs, .n_dirs = 1};
    dg_experiment *e = dg_experiment_open(&options);
    dg_change change = {.set = set, .n_set = n_set};
    o.status = dg_experiment_status(e);
    memset(&t, 0, sizeof t);
    if (o.status == DG_OK)
        o.status = dg_trainer_make(&t, e, 1, NULL, &why);
    watched = &t;
    if (o.status == DG_OK && old)
        o.status = dg_run_hold(&r, run, &why);
    if (o.status == DG_OK)
        o.status = old ? dg_run_resume(&r, &t, &change, &why) : dg_run_create(&r, run, &t, &why);
    o.from = t.progress.step;
    if (o.status == DG_OK)
        o.status = dg_train_loop(&t, &r, NULL, &report, &why);
    if (o.status == DG_OK)
        dg_graph_hash(e->model->graph, o.hash);
    watched = NULL;
    dg_run_close(&r);
    dg_trainer_free(&t);
    dg_experiment_free(e);
    return o;
}

static outcome train_recorded(const char *run, int n_set, const char *const set[])
{
    dg_file_calls mine = dg_system_calls;
    mine.open = my_open;
    mine.write = my_write;
    mine.fsync = my_fsync;
    mine.rename = my_rename;
    mine.unlink = my_unlink;
    mine.ftruncate = my_ftruncate;
    mine.mkdir = my_mkdir;
    forget();
    know_run(run);
    dg_calls = &mine;
    outcome o = train(run, n_set, set);
    dg_calls = &dg_system_calls;
    assert_int_equal(o.status, DG_OK);
    return o;
}

/* The calls of the record, after each of them every kind of loss. Returns the states that went
 * wrong; tells of the first, if any is wrong while no flush is left out. */
static int lose_power(const outcome *whole, int n_set, const char *const set[], int *states)
{
    size_t n, m;
    int wrong = 0;
    uint64_t saved = 0;
    char *best = read_file("r/best.safetensors", &n);
    start_disk();
    *states = 0;
    for (int k = 0; k <= calls; k++) {
        int looked_at = leave_out < 0 || k % 10 == 0;
        for (int policy = 0; policy < POLICIES && looked_at; policy++, ++*states) {
            find_state(policy, (uint64_t)(k * POLICIES + policy));
            int begun = dg_is_run("found/r");
            if (!begun && saved == 0)
                clear_found();
            outcome o = train("found/r", n_set, set);
            char *kept = read_file("found/r/best.safetensors", &m);
            int good = o.status == DG_OK && strcmp(o.hash, whole->hash) == 0 && o.from >= saved &&
                       m == n && memcmp(kept, best, n) == 0;
            free(kept);
            if (!good && leave_out < 0 && !wrong)
                print_error("after %d of %d calls, policy %d: status %d, %s, from step %d of %d "
                            "saved\n",
                            k, calls, policy, o.status, o.hash, (int)o.from, (int)saved);
            wrong += !good;
        }
        if (k < calls)
            apply(&record[k]);
        if (k < calls && record[k].saved > saved)
            saved = record[k].saved;
    }
    free(best);
    return wrong;
}

static void a_training_loses_nothing(void **state)
{
    (void)state;
    int states;
    leave_out = -1;
    outcome whole = train_recorded("r", 0, NULL);
    assert_int_equal(lose_power(&whole, 0, NULL, &states), 0);
    print_message("%d calls of a training, %d states, one hash %s\n", calls, states, whole.hash);
    for (int k = 0; k < 2; k++) {
        leave_out = k ? SYNC : SYNC_FOLDER;
        int wrong = lose_power(&whole, 0, NULL, &states);
        print_message("without flushes of %s: %d states are wrong\n", k ? "files" : "folders",
                      wrong);
        assert_true(wrong > 0);
    }
    leave_out = -1;
}

/* A finished run that is made longer, at another rate: model.dag and run.json are written anew. */
static void a_longer_training_loses_nothing(void **state)
{
    (void)state;
    int states;
    const char *const set[] = {"epochs=4", "optimizer.rate=0.05"};
    leave_out = -1;
    outcome whole = train_recorded("r", 2, set);
    assert_int_equal(lose_power(&whole, 2, set, &states), 0);
    print_message("%d calls of a longer one, %d states, one hash %s\n", calls, states, whole.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_loses_nothing),
        cmocka_unit_test(a_longer_training_loses_nothing),
    };
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        printf("SKIPPED: there is no /dev/shm, and a disk is too slow for this\n");
        return 77;
    }
    FILE *f = fopen("m.dag", "w"), *x = fopen("x.csv", "w"), *t = fopen("t.csv", "w");
    if (!f || !x || !t)
        return 1;
    fputs(text, f);
    for (int i = 0; i < 16; i++) {
        fprintf(x, "%d,%d\n", i % 5 - 2, i * i % 7 - 3);
        fprintf(t, "%d\n", (i + i / 3) % 2);
    }
    fclose(f);
    fclose(x);
    fclose(t);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    dg_format(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? failed : 1;
}
