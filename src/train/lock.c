/* The lock of a run directory; see lock.h. */
#include "train/lock.h"
#include "base/text.h"
#include "io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Who holds it, as the file says: "process 1234 on host". The holder may not have signed yet: for a
 * fifth of a second it is waited for. */
static dg_status refuse(const char *run, int fd, dg_diag *why)
{
    char who[200] = "", shown[DG_PATH_SHOWN];
    for (int i = 0; i < 40 && !strchr(who, '\n'); i++) {
        if (i > 0)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ssize_t n = dg_read_at(fd, who, sizeof who - 1, 0);
        who[n > 0 ? n : 0] = 0;
    }
    who[strcspn(who, "\n")] = 0;
    return dg_diag_set(why, DG_EUSAGE,
                       "'%s' is being trained by %s; only one process may train in a run",
                       dg_path_shown(run, shown), *who ? who : "another process");
}

static dg_status sign(const char *file, int fd, dg_diag *why)
{
    char host[HOST_NAME_MAX + 1] = "", who[HOST_NAME_MAX + 64];
    gethostname(host, HOST_NAME_MAX);
    dg_format(who, sizeof who, "process %ld on %s\n", (long)getpid(), host);
    if (dg_calls->ftruncate(fd, 0) == 0 && dg_write_all(fd, who, strlen(who)) == 0)
        return DG_OK;
    return dg_file_errno(why, file, "write", errno);
}

dg_status dg_lock_take(const char *run, int *fd, const dg_say *say, dg_diag *why)
{
    char file[PATH_MAX];
    *fd = -1;
    if (dg_format(file, sizeof file, "%s/lock", run) >= (int)sizeof file)
        return dg_diag_set(why, DG_EUSAGE, "the name of the run is too long");
    int lock = dg_open(file, O_RDWR | O_CREAT, 0666);
    if (lock < 0)
        return dg_file_errno(why, file, "write", errno);
    dg_status s = DG_OK;
    if (dg_calls->lock(lock) == 0)
        s = sign(file, lock, why);
    else if (errno == EWOULDBLOCK)
        s = refuse(run, lock, why);
    else if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
        dg_say_text(say, "this file system has no locks: nothing keeps another process from "
                         "training in this run");
    else
        s = dg_file_errno(why, file, "lock", errno);
    if (s == DG_OK)
        *fd = lock;
    else
        dg_calls->close(lock);
    return s;
}

void dg_lock_drop(int fd)
{
    if (fd < 0)
        return;
    dg_calls->ftruncate(fd, 0); /* if that fails a name is left, which holds nothing */
    dg_calls->close(fd);
}

/* The file is empty where nobody trains, so that only one that a killed process left is locked for
 * a moment to find out. */
int dg_lock_is_held(const char *run)
{
    char file[PATH_MAX];
    struct stat s;
    dg_format(file, sizeof file, "%s/lock", run);
    int fd = dg_open(file, O_RDONLY, 0);
    if (fd < 0)
        return 0;
    int signed_by = dg_calls->fstat(fd, &s) == 0 && s.st_size > 0;
    int held = signed_by && dg_calls->lock(fd) != 0 && errno == EWOULDBLOCK;
    dg_calls->close(fd);
    return held;
}
