/* The lock of a run: who holds it is told, a file system without locks is a warning, and what is
 * left when the holder is gone holds nothing. */
#include "base/text.h"
#include "cli/cli_tools.h"
#include "io/file.h"
#include "train/lock.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
    (void)state;
    return cli_enter() && mkdir("run", 0777) == 0 ? 0 : -1;
}

static int said, refusal;

static void say(void *user, const char *text)
{
    (void)user;
    said += strstr(text, "no locks") != NULL;
}

static int refuse(int fd)
{
    (void)fd;
    errno = refusal;
    return -1;
}

static void the_holder_is_told(void **state)
{
    (void)state;
    int fd, other, status;
    char who[64];
    dg_diag why = {.code = DG_OK};
    assert_int_equal(dg_lock_take("run", &fd, NULL, &why), DG_OK);
    pid_t pid = fork();
    if (pid == 0) /* another process */
        _exit(dg_lock_take("run", &other, NULL, NULL) == DG_EUSAGE ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(dg_lock_take("run", &other, NULL, &why), DG_EUSAGE);
    assert_int_equal(other, -1);
    dg_format(who, sizeof who, "process %ld on ", (long)getpid());
    assert_non_null(strstr(why.text, who));
    dg_lock_drop(fd);
    char *left = cli_read("run/lock", NULL);
    assert_string_equal(left, "");
    free(left);
    why = (dg_diag){.code = DG_OK};
    assert_int_equal(dg_lock_take("run", &fd, NULL, &why), DG_OK);
    dg_lock_drop(fd);
}

static void a_killed_holder_holds_nothing(void **state)
{
    (void)state;
    int fd, status;
    dg_diag why = {.code = DG_OK};
    pid_t pid = fork();
    if (pid == 0)
        _exit(dg_lock_take("run", &fd, NULL, NULL) == DG_OK ? 0 : 1); /* without giving it back */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(dg_lock_take("run", &fd, NULL, &why), DG_OK);
    dg_lock_drop(fd);
}

static void no_locks_is_a_warning(void **state)
{
    (void)state;
    static const int without[] = {ENOLCK, EOPNOTSUPP, ENOSYS};
    dg_file_calls calls = dg_system_calls;
    dg_say to = {say, NULL};
    dg_diag why = {.code = DG_OK};
    int fd;
    calls.lock = refuse;
    dg_calls = &calls;
    for (int i = 0; i < 3; i++) {
        refusal = without[i];
        said = 0;
        assert_int_equal(dg_lock_take("run", &fd, &to, &why), DG_OK);
        assert_int_equal(said, 1);
        dg_lock_drop(fd);
    }
    refusal = EIO;
    assert_int_equal(dg_lock_take("run", &fd, &to, &why), DG_EFILE);
    dg_calls = &dg_system_calls;
    why = (dg_diag){.code = DG_OK};
    assert_int_equal(dg_lock_take("none", &fd, &to, &why), DG_EFILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_is_told),
        cmocka_unit_test(a_killed_holder_holds_nothing),
        cmocka_unit_test(no_locks_is_a_warning),
    };
    return cmocka_run_group_tests(tests, set_up, cli_tear_down);
}
