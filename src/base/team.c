/* A team of threads over two gates. A gate is a number that grows; who waits for it to grow spins,
 * then sleeps. The run gate grows when a run starts, the barrier's when its last thread arrives.
 *
 * Nobody sleeps through a step of a gate: the sleeper counts itself and then reads the gate, the
 * opener moves the gate and then reads the count, all sequentially consistent, so at least one of
 * them sees the other. */
#define _GNU_SOURCE
#include "base/team.h"

#include "base/fpenv.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, SPIN_NS = 50000, ALONE_NS = 5000, PAUSES = 32 };

typedef struct {
    _Alignas(LINE) atomic_uint step;
    atomic_uint sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} gate;

typedef struct {
    dg_team *team;
    int number;
    pthread_t thread;
} member;

/* How many tasks of a thread's own share are taken, by it or by others. */
typedef struct {
    _Alignas(LINE) atomic_llong taken;
} share;

struct dg_team {
    int threads;
    bool crowded;   /* more threads than processors */
    unsigned forks; /* what forks_seen was when the team was made */
    dg_memory *memory;
    int started;     /* threads that were made: 1 .. started */
    member *members; /* of every thread but 0 */
    share *shares;   /* of every thread */
    void (*fn)(void *, int);
    void *arg;
    bool stop;
    gate run, barrier;
    _Alignas(LINE) atomic_int missing; /* threads that have not reached the barrier */
    _Alignas(LINE) atomic_bool running;
};

static atomic_uint forks_seen; /* how many forks led from the first process to this one */

static void count_fork(void)
{
    atomic_fetch_add(&forks_seen, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

static void rest(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int dg_team_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                        : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

static bool gate_make(gate *g)
{
    atomic_init(&g->step, 0);
    atomic_init(&g->sleepers, 0);
    if (pthread_mutex_init(&g->mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(&g->wake, NULL) == 0)
        return true;
    pthread_mutex_destroy(&g->mutex);
    return false;
}

static void gate_free(gate *g)
{
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->mutex);
}

static void gate_open(gate *g)
{
    atomic_fetch_add(&g->step, 1);
    if (atomic_load(&g->sleepers) == 0)
        return;
    pthread_mutex_lock(&g->mutex);
    pthread_cond_broadcast(&g->wake);
    pthread_mutex_unlock(&g->mutex);
}

static bool has_moved(gate *g, unsigned from)
{
    return atomic_load_explicit(&g->step, memory_order_acquire) != from;
}

/* Looks at the gate a few times; a pause between looks leaves the processor to its other half. */
static bool gate_look(gate *g, unsigned from)
{
    for (int i = 0; i < PAUSES; i++) {
        if (has_moved(g, from))
            return true;
        rest();
    }
    return false;
}

/* Waits awake for a while; false if the gate has not moved. After ALONE_NS (at once in a team that
 * has more threads than there are processors) it offers the processor to others between looks:
 * the thread that it waits for may be among them. */
static bool gate_spin(gate *g, unsigned from, bool crowded)
{
    if (gate_look(g, from))
        return true;
    int64_t start = now_ns(), alone = crowded ? 0 : ALONE_NS, spent = 0;
    for (; spent < SPIN_NS; spent = now_ns() - start) {
        if (spent >= alone)
            sched_yield();
        if (gate_look(g, from))
            return true;
    }
    return false;
}

/* Returns when the gate is no more at step `from`. */
static void gate_wait(gate *g, unsigned from, bool crowded)
{
    if (gate_spin(g, from, crowded))
        return;
    pthread_mutex_lock(&g->mutex);
    atomic_fetch_add(&g->sleepers, 1);
    while (atomic_load(&g->step) == from)
        pthread_cond_wait(&g->wake, &g->mutex);
    atomic_fetch_sub(&g->sleepers, 1);
    pthread_mutex_unlock(&g->mutex);
}

static void renew_shares(dg_team *team)
{
    for (int t = 0; t < team->threads; t++)
        atomic_store_explicit(&team->shares[t].taken, 0, memory_order_relaxed);
}

void dg_team_barrier(dg_team *team)
{
    gate *g = &team->barrier;
    unsigned from = atomic_load_explicit(&g->step, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&team->missing, 1, memory_order_acq_rel) > 1) {
        gate_wait(g, from, team->crowded);
        return;
    }
    atomic_store_explicit(&team->missing, team->threads, memory_order_relaxed);
    renew_shares(team);
    if (team->threads > 1)
        gate_open(g);
}

/* The next task of owner's share, -1: none is left. */
static int64_t next_of(dg_team *team, int owner, int64_t count)
{
    int64_t begin = count / team->threads * owner + count % team->threads * owner / team->threads;
    int64_t after = owner + 1;
    int64_t end = count / team->threads * after + count % team->threads * after / team->threads;
    atomic_llong *taken = &team->shares[owner].taken;
    /* Looking first keeps the counter from growing without end. */
    if (atomic_load_explicit(taken, memory_order_relaxed) >= end - begin)
        return -1;
    int64_t task = begin + atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
    return task < end ? task : -1;
}

int64_t dg_team_next(dg_team *team, int thread, int64_t count)
{
    for (int i = 0; i < team->threads; i++) {
        int64_t task = next_of(team, (thread + i) % team->threads, count);
        if (task >= 0)
            return task;
    }
    return -1;
}

static void work(dg_team *team, int thread)
{
    dg_fpenv found = dg_fpenv_enter();
    team->fn(team->arg, thread);
    dg_fpenv_leave(found);
    dg_team_barrier(team);
}

static void *live(void *p)
{
    member *m = p;
    for (unsigned step = 0;; step++) {
        gate_wait(&m->team->run, step, m->team->crowded);
        if (m->team->stop)
            return NULL;
        work(m->team, m->number);
    }
}

static bool is_child(const dg_team *team)
{
    return team->threads > 1 && team->forks != atomic_load(&forks_seen);
}

int dg_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, found;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &found);
    int failed = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &found, NULL);
    return failed;
}

static bool start_threads(dg_team *team)
{
    for (member *m = team->members; team->started < team->threads - 1; m++, team->started++) {
        *m = (member){.team = team, .number = team->started + 1};
        if (dg_thread_start(&m->thread, live, m) != 0)
            break;
    }
    return team->started == team->threads - 1;
}

static void stop_threads(dg_team *team)
{
    team->stop = true;
    gate_open(&team->run);
    for (int i = 0; i < team->started; i++)
        pthread_join(team->members[i].thread, NULL);
    gate_free(&team->run);
    gate_free(&team->barrier);
}

static bool populate(dg_team *team)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    team->forks = atomic_load(&forks_seen);
    team->crowded = team->threads > dg_team_processors();
    if (!gate_make(&team->run))
        return false;
    if (!gate_make(&team->barrier)) {
        gate_free(&team->run);
        return false;
    }
    if (start_threads(team))
        return true;
    stop_threads(team);
    return false;
}

dg_status dg_team_new(int threads, dg_memory *memory, dg_team **team)
{
    *team = NULL;
    if (threads < 1 || threads > DG_TEAM_MOST)
        return DG_EUSAGE;
    size_t bytes = sizeof(dg_team) + (size_t)threads * (sizeof(share) + sizeof(member));
    dg_team *made = dg_memory_zeroed(memory, bytes);
    if (!made)
        return DG_EMEMORY;
    made->threads = threads;
    made->memory = memory;
    made->shares = (share *)(made + 1);
    made->members = (member *)(made->shares + threads);
    atomic_init(&made->missing, threads);
    for (int t = 0; t < threads; t++)
        atomic_init(&made->shares[t].taken, 0);
    atomic_init(&made->running, false);
    if (threads > 1 && !populate(made)) {
        dg_memory_free(memory, made);
        return DG_EMEMORY;
    }
    *team = made;
    return DG_OK;
}

void dg_team_free(dg_team *team)
{
    if (!team)
        return;
    if (team->threads > 1 && !is_child(team))
        stop_threads(team);
    dg_memory_free(team->memory, team);
}

int dg_team_threads(const dg_team *team)
{
    return team->threads;
}

dg_status dg_team_run(dg_team *team, void (*fn)(void *arg, int thread), void *arg)
{
    if (is_child(team) || atomic_exchange_explicit(&team->running, true, memory_order_acquire))
        return DG_EUSAGE;
    team->fn = fn;
    team->arg = arg;
    renew_shares(team);
    if (team->threads > 1)
        gate_open(&team->run);
    work(team, 0);
    atomic_store_explicit(&team->running, false, memory_order_release);
    return DG_OK;
}
