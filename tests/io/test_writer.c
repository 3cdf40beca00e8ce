/* All or nothing: every system call of a save fails, once or for ever, is interrupted, comes up
 * short, or is the last thing the process does. Always the old file is there or the new one, whole.
 * */
#include "io/io_tools.h"

#include "io/reader.h"
#include "io/weights.h"
#include "io/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- The table of calls ---------------------------------------------------------------------- */

typedef enum { FAIL, FAIL_FROM, STOP_BEFORE, STOP_AFTER, SHORT } trouble;

static struct {
    int calls, at; /* at 0: no trouble */
    trouble kind;
    int error;
    int renamed; /* a rename was done */
} plan;

enum { STOPPED = 77 };

/* 1: this call fails. */
static int begin(void)
{
    plan.calls++;
    if (plan.calls == plan.at && plan.kind == STOP_BEFORE)
        _exit(STOPPED);
    int fails = plan.kind == FAIL ? plan.calls == plan.at : plan.calls >= plan.at;
    if (!plan.at || plan.kind > FAIL_FROM || !fails)
        return 0;
    errno = plan.error;
    return 1;
}

static long end(long result)
{
    int error = errno;
    if (plan.calls == plan.at && plan.kind == STOP_AFTER)
        _exit(STOPPED);
    errno = error;
    return result;
}

static int my_open(const char *path, int flags, mode_t mode)
{
    return begin() ? -1 : (int)end(dg_system_calls.open(path, flags, mode));
}

static ssize_t my_read(int fd, void *to, size_t n)
{
    return begin() ? -1 : end(dg_system_calls.read(fd, to, n));
}

static ssize_t my_pread(int fd, void *to, size_t n, off_t at)
{
    if (plan.kind == SHORT && n > 7)
        n = 7;
    return begin() ? -1 : end(dg_system_calls.pread(fd, to, n, at));
}

/* A process that stops here has written half. */
static ssize_t my_write(int fd, const void *from, size_t n)
{
    if (plan.calls + 1 == plan.at && plan.kind == STOP_AFTER)
        n = n / 2 + 1;
    if (plan.kind == SHORT && n > 7)
        n = 7;
    return begin() ? -1 : end(dg_system_calls.write(fd, from, n));
}

static int my_fstat(int fd, struct stat *s)
{
    return begin() ? -1 : (int)end(dg_system_calls.fstat(fd, s));
}

static int my_lstat(const char *path, struct stat *s)
{
    return begin() ? -1 : (int)end(dg_system_calls.lstat(path, s));
}

static int my_lock(int fd)
{
    return begin() ? -1 : (int)end(dg_system_calls.lock(fd));
}

static int my_fchmod(int fd, mode_t mode)
{
    return begin() ? -1 : (int)end(dg_system_calls.fchmod(fd, mode));
}

/* The disk is not at stake here, and it is slow. */
static int my_fsync(int fd)
{
    (void)fd;
    return begin() ? -1 : (int)end(0);
}

static int my_rename(const char *from, const char *to)
{
    if (begin())
        return -1;
    int result = dg_system_calls.rename(from, to);
    plan.renamed |= result == 0;
    return (int)end(result);
}

static int my_unlink(const char *path)
{
    return begin() ? -1 : (int)end(dg_system_calls.unlink(path));
}

/* A close that fails has closed. */
static int my_close(int fd)
{
    int fails = begin(), error = errno, result = (int)end(dg_system_calls.close(fd));
    errno = error;
    return fails ? -1 : result;
}

static const dg_file_calls my_calls = {my_open,  my_read,   my_pread,  my_write,
                                       my_fstat, my_lstat,  my_lock,   my_fchmod,
                                       my_fsync, my_rename, my_unlink, my_close};

/* ---- The work -------------------------------------------------------------------------------- */

static char folder[64], path[200];

static int setup(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof plan);
    io_folder_make(folder);
    io_path(folder, "best.safetensors", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dg_calls = &dg_system_calls;
    io_folder_remove(folder);
    return 0;
}

/* Saves a checkpoint whose numbers begin with `first`; large enough for several writes. */
static dg_status save(double first, dg_diag *why)
{
    dg_array a = io_count(DG_F64, io_shape(2, 200, 100, 0)),
             b = io_count(DG_U8, io_shape(1, 5, 0, 0));
    ((double *)a.data)[0] = first;
    dg_checkpoint *c = dg_checkpoint_new();
    assert_non_null(c);
    dg_checkpoint_add(c, "z.linear.weight", &a);
    dg_checkpoint_add(c, "b", &b);
    dg_checkpoint_note(c, "step", "%d", (int)first);
    dg_status status = dg_checkpoint_save(c, path, why);
    dg_checkpoint_free(c);
    dg_array_free(&a);
    dg_array_free(&b);
    return status;
}

/* The number that the file begins with, after all checks; -1: no file. */
static double saved(void)
{
    dg_checkpoint *c;
    dg_diag why = {0};
    if (access(path, F_OK) != 0)
        return -1;
    dg_status status = dg_checkpoint_load(&c, path, 1, &why);
    if (status != DG_OK)
        print_error("%s: %s\n", why.file, why.text);
    assert_int_equal(status, DG_OK);
    const dg_tensor *t = dg_checkpoint_find(c, "z.linear.weight");
    assert_non_null(t);
    double first = dg_tensor_number(t, 0);
    assert_int_equal(atoi(dg_checkpoint_text(c, "step")), (int)first);
    dg_checkpoint_free(c);
    return first;
}

static dg_status troubled(int at, trouble kind, int error, double first, dg_diag *why)
{
    memset(&plan, 0, sizeof plan);
    plan.at = at;
    plan.kind = kind;
    plan.error = error;
    dg_calls = &my_calls;
    dg_status status = save(first, why);
    dg_calls = &dg_system_calls;
    return status;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void fail_at_each(trouble kind, int error, double old)
{
    int n = 0, temporaries, reached;
    double now = old;
    do {
        dg_diag why = {0};
        n++;
        dg_status status = troubled(n, kind, error, 100 + n, &why);
        reached = plan.calls >= n;
        double found = saved();
        if (status == DG_OK)
            assert_true(found == 100 + n); /* said to be saved: is saved */
        else {
            assert_true(status == DG_EFILE && why.text[0] && strcmp(why.file, path) == 0);
            assert_true(found == (plan.renamed ? 100 + n : now));
        }
        now = found;
        io_folder_count(folder, &temporaries);
        assert_true(temporaries <= (kind == FAIL_FROM || status != DG_OK));
    } while (reached);
    assert_true(n > 20); /* a save has that many calls, and each failed once */
    assert_int_equal(save(1, NULL), DG_OK);
    assert_int_equal(io_folder_count(folder, &temporaries), 1);
    assert_int_equal(temporaries, 0);
}

static void test_fail(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        fail_at_each(FAIL, errors[i], saved());
        fail_at_each(FAIL_FROM, errors[i], saved());
    }
}

/* No failure but a rename, a sync or a write that did not happen is hidden, and none of them is. */
static void test_said(void **state)
{
    (void)state;
    dg_diag why = {0};
    assert_int_equal(save(1, NULL), DG_OK);
    for (int n = 1; n < 100; n++) {
        dg_diag one = {0};
        if (troubled(n, FAIL, ENOSPC, 2, &one) != DG_OK && strstr(one.text, "cannot write"))
            why = one;
    }
    assert_string_equal(why.text, "cannot write: No space left on device");
    assert_string_equal(why.file, path);
}

/* A signal comes in the middle of each call that it can interrupt, or writes and reads come up
 * short. */
static void test_interrupted(void **state)
{
    (void)state;
    dg_file_calls calls = dg_system_calls;
    calls.open = my_open;
    calls.read = my_read;
    calls.pread = my_pread;
    calls.write = my_write;
    calls.fsync = my_fsync;
    calls.close = my_close;
    int n = 0;
    do {
        memset(&plan, 0, sizeof plan);
        plan.at = ++n;
        plan.error = EINTR;
        dg_calls = &calls;
        assert_int_equal(save(n, NULL), DG_OK);
        dg_calls = &dg_system_calls;
        assert_true(saved() == n);
    } while (plan.calls >= n);
    assert_true(n > 8);
    assert_int_equal(troubled(0, SHORT, 0, 5, NULL), DG_OK);
    assert_true(plan.calls > 10000);
    assert_true(saved() == 5);
}

/* A process is killed before or after each call. */
static void kill_at_each(trouble kind, int *killed)
{
    for (int n = 1, stopped = 1; stopped; n++) {
        double old = saved();
        int status, temporaries, files;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            troubled(n, kind, 0, 1000 + n, NULL);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        stopped = WEXITSTATUS(status) == STOPPED;
        double now = saved();
        assert_true(now == old || now == 1000 + n);
        assert_true(stopped || now == 1000 + n);
        files = io_folder_count(folder, &temporaries);
        assert_true(temporaries <= 1 && files <= 2);
        if (n % 2) { /* the next one finds what this one left, or another save comes between */
            assert_int_equal(save(n, NULL), DG_OK);
            assert_int_equal(io_folder_count(folder, &temporaries), 1);
            assert_int_equal(temporaries, 0);
        }
        *killed += stopped;
    }
}

static void test_kill(void **state)
{
    (void)state;
    int killed = 0;
    kill_at_each(STOP_BEFORE, &killed);
    unlink(path);
    kill_at_each(STOP_AFTER, &killed);
    print_message("%d processes killed at a call of a save: always the old file or the new one\n",
                  killed);
    assert_true(killed >= 36); /* a save makes 18 calls at least */
}

static mode_t mode_of(const char *file)
{
    struct stat s;
    assert_int_equal(stat(file, &s), 0);
    return s.st_mode & 07777;
}

static void test_mode(void **state)
{
    (void)state;
    mode_t old = umask(027);
    assert_int_equal(save(1, NULL), DG_OK);
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(save(2, NULL), DG_OK);
    assert_int_equal(mode_of(path), 0604);
    umask(old);
}

static void test_link(void **state)
{
    (void)state;
    char link[200], dangling[200];
    struct stat s;
    dg_diag why = {0};
    assert_int_equal(dg_file_write(path, "old", 3, NULL), DG_OK);
    assert_int_equal(symlink("best.safetensors", io_path(folder, "link", link)), 0);
    assert_int_equal(dg_file_write(link, "new", 3, NULL), DG_OK);
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    dg_text t = io_bytes(path);
    assert_string_equal(t.data, "new");
    dg_text_free(&t);
    assert_int_equal(symlink("nowhere", io_path(folder, "dangling", dangling)), 0);
    assert_int_equal(dg_file_write(dangling, "x", 1, &why), DG_EFILE);
    assert_string_equal(why.text, "cannot follow the link: No such file or directory");
}

/* Another process that writes the same file, and lives, is not disturbed. */
static void test_busy(void **state)
{
    (void)state;
    char temporary[200];
    dg_diag why = {0};
    dg_writer *w;
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    assert_int_equal(dg_writer_put(w, "first", 5), DG_OK);
    assert_int_equal(dg_file_write(path, "second", 6, &why), DG_EFILE);
    assert_string_equal(why.text, "another process is writing this file");
    assert_int_equal(access(io_path(folder, ".best.safetensors.tmp", temporary), F_OK), 0);
    assert_int_equal(dg_writer_end(w, DG_OK), DG_OK);
    dg_text t = io_bytes(path);
    assert_string_equal(t.data, "first");
    dg_text_free(&t);
}

static void test_refused(void **state)
{
    (void)state;
    dg_diag why = {0}, folder_why = {0}, full = {0};
    assert_int_equal(dg_file_write("/nowhere/at/all", "x", 1, &why), DG_EFILE);
    assert_string_equal(why.text, "cannot write: No such file or directory");
    assert_int_equal(dg_file_write(folder, "x", 1, &folder_why), DG_EFILE);
    assert_string_equal(folder_why.text, "cannot write: Is a directory");
    assert_int_equal(dg_file_write("/dev/null", "x", 1, NULL), DG_OK);
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(dg_file_write("/dev/full", "x", 1, &full), DG_EFILE);
        assert_string_equal(full.text, "cannot write: No space left on device");
    }
    struct stat s; /* written as they are, not replaced */
    assert_int_equal(stat("/dev/null", &s), 0);
    assert_true(S_ISCHR(s.st_mode));
}

/* What a caller found out late: nothing is written. */
static void test_given_up(void **state)
{
    (void)state;
    int temporaries;
    dg_writer *w;
    assert_int_equal(dg_file_write(path, "old", 3, NULL), DG_OK);
    assert_int_equal(dg_writer_open(&w, path, NULL), DG_OK);
    dg_writer_put(w, "new", 3);
    assert_int_equal(dg_writer_end(w, DG_EFINITE), DG_EFINITE);
    dg_text t = io_bytes(path);
    assert_string_equal(t.data, "old");
    dg_text_free(&t);
    io_folder_count(folder, &temporaries);
    assert_int_equal(temporaries, 0);
    assert_int_equal(dg_writer_end(NULL, DG_EDATA), DG_EDATA);
}

/* What is on the disk is not what was written. */
static ssize_t bad_pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t k = pread(fd, to, n, at);
    if (k > 100)
        ((char *)to)[100] ^= 1;
    return k;
}

static void test_read_back(void **state)
{
    (void)state;
    dg_file_calls calls = dg_system_calls;
    dg_diag why = {0};
    int temporaries;
    assert_int_equal(save(1, NULL), DG_OK);
    calls.pread = bad_pread;
    dg_calls = &calls;
    assert_int_equal(save(2, &why), DG_EFILE);
    dg_calls = &dg_system_calls;
    assert_string_equal(why.text, "what was written reads back differently");
    assert_true(saved() == 1);
    io_folder_count(folder, &temporaries);
    assert_int_equal(temporaries, 0);
}

static int flushes;

static int bad_fsync(int fd)
{
    (void)fd;
    flushes++;
    errno = EIO;
    return -1;
}

/* A flush that failed is not tried again: the pages may be gone, and the second one say that all is
 * well. */
static void test_flush(void **state)
{
    (void)state;
    dg_file_calls calls = dg_system_calls;
    dg_diag why = {0};
    assert_int_equal(save(1, NULL), DG_OK);
    calls.fsync = bad_fsync;
    flushes = 0;
    dg_calls = &calls;
    assert_int_equal(save(2, &why), DG_EFILE);
    dg_calls = &dg_system_calls;
    assert_string_equal(why.text, "cannot flush: Input/output error");
    assert_int_equal(flushes, 1);
    assert_true(saved() == 1);
}

/* Reading: each call fails. */
static void test_read_fails(void **state)
{
    (void)state;
    assert_int_equal(save(1, NULL), DG_OK);
    int n = 0;
    do {
        dg_checkpoint *c;
        dg_diag why = {0};
        memset(&plan, 0, sizeof plan);
        plan.at = ++n;
        plan.error = EIO;
        dg_calls = &my_calls;
        dg_status status = dg_checkpoint_load(&c, path, 1, &why);
        dg_calls = &dg_system_calls;
        assert_true(status == DG_OK || (status == DG_EFILE && !c));
        if (status != DG_OK)
            assert_string_equal(why.text, "cannot read: Input/output error");
        dg_checkpoint_free(c);
    } while (plan.calls >= n);
    assert_true(n > 4);
}

/* A file that becomes shorter while it is read. */
static ssize_t short_pread(int fd, void *to, size_t n, off_t at)
{
    return at >= 65536 ? 0 : pread(fd, to, n, at);
}

static void test_shrinks(void **state)
{
    (void)state;
    dg_file_calls calls = dg_system_calls;
    dg_checkpoint *c;
    dg_diag why = {0};
    assert_int_equal(save(1, NULL), DG_OK);
    calls.pread = short_pread;
    dg_calls = &calls;
    assert_int_equal(dg_checkpoint_load(&c, path, 1, &why), DG_EDATA);
    dg_calls = &dg_system_calls;
    assert_string_equal(why.text, "byte 65536: the file became shorter while it was read");
    assert_null(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fail),  TEST(said),       TEST(interrupted), TEST(kill),     TEST(mode),
        TEST(link),  TEST(busy),       TEST(refused),     TEST(given_up), TEST(read_back),
        TEST(flush), TEST(read_fails), TEST(shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
