/* A team of threads that walks a list of work together.
 *
 * The threads are made once and wait between runs; they spin for some 50 us, then sleep. A team is
 * used by one thread at a time, which is thread 0 of each run. A team of one needs no threads at
 * all. In a child made by fork the threads of a larger team do not exist: runs are refused there,
 * and dg_team_free gives back its memory only.
 *
 * During a run every thread, the caller's too, rounds to nearest and keeps subnormal numbers; at
 * its end each finds its floating point settings as they were. */
#ifndef DG_BASE_TEAM_H
#define DG_BASE_TEAM_H

#include "base/memory.h"
#include <dagrad/status.h>
#include <pthread.h>
#include <stdint.h>

typedef struct dg_team dg_team;

enum { DG_TEAM_MOST = 1024 };

/* A team of threads, 1 to DG_TEAM_MOST, in *team. memory is the caller's, must outlive the team,
 * and is used by dg_team_new and dg_team_free only; NULL: malloc.
 * DG_EUSAGE: threads out of range; DG_EMEMORY: no memory, or no more threads. *team is then
 * NULL. */
dg_status dg_team_new(int threads, dg_memory *memory, dg_team **team);

/* Ends its threads. Not during a run. NULL is allowed. */
void dg_team_free(dg_team *team);

int dg_team_threads(const dg_team *team);

/* Calls fn(arg, t) on every thread t of the team, t = 0 being the caller, and returns when all have
 * returned; what they wrote is then visible. Allocates nothing.
 * DG_EUSAGE, and nothing is called: in a child of fork, or during a run of the same team. */
dg_status dg_team_run(dg_team *team, void (*fn)(void *arg, int thread), void *arg);

/* Inside fn: waits until every thread of the team is here. What any of them wrote before is visible
 * to all of them after it. All threads must pass the same barriers. */
void dg_team_barrier(dg_team *team);

/* Inside fn: the next task of the segment for this thread, each of 0 .. count - 1 being given to
 * one thread; -1 when none is left. A segment starts with the run and with each barrier; all its
 * calls name the same count (at most INT64_MAX / 2). A thread first takes its own share, the
 * thread-th of equal parts in order, so that what it touched in another segment is still in its
 * cache; then it helps the others: which thread gets which task varies from run to run. */
int64_t dg_team_next(dg_team *team, int thread, int64_t count);

/* Starts a thread as those of a team are: signals are for the program's own threads. 0, or what
 * pthread_create says. */
int dg_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* The number of processors that this process may use, at least 1. */
int dg_team_processors(void);

#endif
