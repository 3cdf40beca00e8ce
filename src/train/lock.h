/* The lock of a run directory: one process trains in it at a time.
 *
 * RUN/lock is held by flock and says who holds it; the lock goes with its process, however that
 * ends. The file stays, empty once it is given back. Where a file system has no locks a warning
 * says so, and the run goes on. Only train takes it: who reads a run needs none. */
#ifndef DG_TRAIN_LOCK_H
#define DG_TRAIN_LOCK_H

#include <dagrad/status.h>

typedef struct dg_say {
    void (*to)(void *user, const char *text); /* may be NULL */
    void *user;
} dg_say;

static inline void dg_say_text(const dg_say *say, const char *text)
{
    if (say && say->to)
        say->to(say->user, text);
}

/* *fd: the descriptor that holds it, -1 where there are no locks. Held by another: DG_EUSAGE. */
dg_status dg_lock_take(const char *run, int *fd, const dg_say *say, dg_diag *why);
void dg_lock_drop(int fd);
/* 1: a process trains in this run now. */
int dg_lock_is_held(const char *run);

#endif
