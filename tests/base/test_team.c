/* The team: barriers hold, tasks are given once, settings come back, a child of fork is refused. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fpenv.h"
#include "base/team.h"
#include <fenv.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { MOST = 8, ROUNDS = 300, RUNS = 2000 };

typedef struct {
    dg_team *team;
    int n;
    int64_t cell[MOST]; /* written by its thread, read by all: no atomics, the barrier must do */
    int64_t wrong[MOST];
    atomic_int calls;
} work;

static dg_team *team_of(int n, dg_memory *memory)
{
    dg_team *team;
    assert_int_equal(dg_team_new(n, memory, &team), DG_OK);
    assert_int_equal(dg_team_threads(team), n);
    return team;
}

/* Every round each thread writes its cell, and then must see this round's number in all of them. */
static void rounds(void *arg, int thread)
{
    work *w = arg;
    atomic_fetch_add(&w->calls, 1);
    for (int64_t r = 1; r <= ROUNDS; r++) {
        w->cell[thread] = r;
        dg_team_barrier(w->team);
        for (int i = 0; i < w->n; i++)
            w->wrong[thread] += w->cell[i] != r;
        dg_team_barrier(w->team);
    }
}

static void barriers_hold(void **state)
{
    (void)state;
    for (int n = 1; n <= MOST; n += n < 4 ? 1 : 4) { /* 8 threads: more than processors, mostly */
        work w = {.team = team_of(n, NULL), .n = n};
        for (int run = 0; run < 3; run++)
            assert_int_equal(dg_team_run(w.team, rounds, &w), DG_OK);
        assert_int_equal(w.calls, 3 * n);
        for (int i = 0; i < n; i++)
            assert_int_equal(w.wrong[i], 0);
        dg_team_free(w.team);
    }
}

static void add_one(void *arg, int thread)
{
    ((work *)arg)->cell[thread]++;
}

static void runs_many_times(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n += 3) {
        work w = {.team = team_of(n, NULL), .n = n};
        for (int run = 0; run < RUNS; run++) {
            dg_team_run(w.team, add_one, &w);
            for (int i = 0; i < n; i++)
                assert_int_equal(w.cell[i], run + 1);
        }
        dg_team_free(w.team);
    }
}

/* After a pause longer than the spin the threads sleep; a run must wake them. */
static void wakes_from_sleep(void **state)
{
    (void)state;
    work w = {.team = team_of(3, NULL), .n = 3};
    for (int run = 0; run < 5; run++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        dg_team_run(w.team, add_one, &w);
        assert_int_equal(w.cell[0] + w.cell[1] + w.cell[2], 3 * (run + 1));
    }
    dg_team_free(w.team);
}

/* One thread comes late to the barrier, so the others sleep there. */
static void late(void *arg, int thread)
{
    work *w = arg;
    if (thread == 1)
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    w->cell[thread]++;
    dg_team_barrier(w->team);
    for (int i = 0; i < w->n; i++)
        w->wrong[thread] += w->cell[i] != w->cell[thread];
}

static void waits_for_the_last(void **state)
{
    (void)state;
    work w = {.team = team_of(4, NULL), .n = 4};
    for (int run = 0; run < 5; run++)
        dg_team_run(w.team, late, &w);
    for (int i = 0; i < 4; i++)
        assert_true(w.wrong[i] == 0 && w.cell[i] == 5);
    dg_team_free(w.team);
}

enum { TASKS = 500, SEGMENTS = 4 };

typedef struct {
    dg_team *team;
    atomic_int given[SEGMENTS][TASKS];
} handout;

static void take_tasks(void *arg, int thread)
{
    handout *h = arg;
    for (int s = 0; s < SEGMENTS; s++) {
        for (int64_t t; (t = dg_team_next(h->team, thread, TASKS - s)) >= 0;)
            atomic_fetch_add(&h->given[s][t], 1);
        dg_team_barrier(h->team);
    }
}

static void gives_each_task_once(void **state)
{
    (void)state;
    for (int n = 1; n <= MOST; n = n * 2 + 1) {
        static handout h;
        memset(&h, 0, sizeof h);
        h.team = team_of(n, NULL);
        for (int run = 1; run <= 10; run++) {
            dg_team_run(h.team, take_tasks, &h);
            for (int s = 0; s < SEGMENTS; s++)
                for (int t = 0; t < TASKS; t++)
                    assert_int_equal(h.given[s][t], t < TASKS - s ? run : 0);
        }
        dg_team_free(h.team);
    }
}

static int rounds_to_nearest_and_keeps_subnormals(void)
{
    volatile double least = 0x1p-1022, half = 0.5, one = 1, tiny = 0x1p-60;
    return least * half > 0 && (least * half) * 2 == least && one + tiny == 1 && -one - tiny == -1;
}

/* Sees good settings, and leaves bad ones behind. */
static void look_and_spoil(void *arg, int thread)
{
    work *w = arg;
    w->wrong[thread] += !rounds_to_nearest_and_keeps_subnormals();
    fesetround(FE_UPWARD);
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ, DAZ */
#endif
}

static void settings_come_back(void **state)
{
    (void)state;
    for (int n = 1; n <= 3; n += 2) {
        work w = {.team = team_of(n, NULL), .n = n};
#if defined(__SSE__)
        unsigned found = _mm_getcsr(), odd = (found | 0x8040) | _MM_ROUND_TOWARD_ZERO;
        _mm_setcsr(odd);
#endif
        for (int run = 0; run < 3; run++)
            dg_team_run(w.team, look_and_spoil, &w);
#if defined(__SSE__)
        unsigned left = _mm_getcsr();
        _mm_setcsr(found);
        assert_int_equal(left, odd);
#endif
        for (int i = 0; i < n; i++)
            assert_int_equal(w.wrong[i], 0);
        assert_true(rounds_to_nearest_and_keeps_subnormals());
        dg_team_free(w.team);
    }
}

static void run_inside(void *arg, int thread)
{
    work *w = arg;
    w->wrong[thread] += dg_team_run(w->team, add_one, w) != DG_EUSAGE;
}

static void refuses_a_run_inside_a_run(void **state)
{
    (void)state;
    for (int n = 1; n <= 2; n++) {
        work w = {.team = team_of(n, NULL), .n = n};
        assert_int_equal(dg_team_run(w.team, run_inside, &w), DG_OK);
        assert_true(w.wrong[0] == 0 && w.wrong[1] == 0 && w.cell[0] == 0);
        assert_int_equal(dg_team_run(w.team, add_one, &w), DG_OK);
        dg_team_free(w.team);
    }
}

/* 0 if a child may do what it may: nothing with this team, all with one of its own. */
static int child(dg_team *old, work *w)
{
    if (dg_team_run(old, add_one, w) != DG_EUSAGE || w->cell[0] != 1)
        return 1;
    dg_team_free(old);
    dg_team *own;
    if (dg_team_new(2, NULL, &own) != DG_OK)
        return 2;
    if (dg_team_run(own, add_one, w) != DG_OK || w->cell[0] != 2 || w->cell[1] != 2)
        return 3;
    dg_team_free(own);
    return 0;
}

static void refuses_in_a_child(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__) || (SANITIZED && defined(__clang__))
    skip(); /* the thread sanitizer does not follow threads that a child makes */
#endif
    work w = {.team = team_of(2, NULL), .n = 2};
    dg_team_run(w.team, add_one, &w);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(w.team, &w));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(dg_team_run(w.team, add_one, &w), DG_OK); /* the parent is as it was */
    assert_int_equal(w.cell[1], 2);
    dg_team_free(w.team);
}

static void *no_memory(void *user, size_t n)
{
    (void)user;
    (void)n;
    return NULL;
}

static void says_why_there_is_none(void **state)
{
    (void)state;
    dg_team *team = (dg_team *)&state;
    assert_int_equal(dg_team_new(0, NULL, &team), DG_EUSAGE);
    assert_null(team);
    assert_int_equal(dg_team_new(DG_TEAM_MOST + 1, NULL, &team), DG_EUSAGE);
    dg_memory none = {.alloc = no_memory}, counted = {0};
    assert_int_equal(dg_team_new(2, &none, &team), DG_EMEMORY);
    assert_null(team);
    dg_team_free(NULL);
    team = team_of(5, &counted);
    assert_int_equal(counted.allocs, 1);
    dg_team_free(team);
    assert_int_equal(counted.frees, 1);
    assert_int_equal(counted.bytes, 0);
}

/* With little address space left some stacks fit and others do not: what was made is unmade. */
static int crowd(void)
{
    dg_memory counted = {0};
    dg_team *team;
    struct rlimit limit = {.rlim_cur = 256UL << 20, .rlim_max = 256UL << 20};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    if (dg_team_new(500, &counted, &team) != DG_EMEMORY || team)
        return 2;
    if (counted.allocs != 1 || counted.bytes != 0)
        return 3;
    if (dg_team_new(2, &counted, &team) != DG_OK)
        return 4;
    dg_team_free(team);
    return 0;
}

static void unmakes_a_team_that_is_too_large(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* sanitizers need the address space */
    pid_t pid = fork();
    if (pid == 0)
        _exit(crowd());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Not a criterion, as others may use the machine: printed to be read. */
static void says_what_a_barrier_costs(void **state)
{
    (void)state;
    printf("%d processors\n", dg_team_processors());
    assert_true(dg_team_processors() >= 1);
    for (int n = 1; n <= MOST; n *= 2) {
        work w = {.team = team_of(n, NULL), .n = n};
        double barriers = 1e18, runs = 1e18;
        for (int i = 0; i < 5; i++) {
            double t0 = now_ns();
            dg_team_run(w.team, rounds, &w);
            double t1 = now_ns();
            for (int k = 0; k < 50; k++)
                dg_team_run(w.team, add_one, &w);
            double t2 = now_ns();
            barriers = t1 - t0 < barriers ? t1 - t0 : barriers;
            runs = t2 - t1 < runs ? t2 - t1 : runs;
        }
        printf("%d threads: a barrier %.0f ns, a run %.0f ns\n", n, barriers / (2 * ROUNDS),
               runs / 50);
        dg_team_free(w.team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barriers_hold),
        cmocka_unit_test(runs_many_times),
        cmocka_unit_test(wakes_from_sleep),
        cmocka_unit_test(waits_for_the_last),
        cmocka_unit_test(gives_each_task_once),
        cmocka_unit_test(settings_come_back),
        cmocka_unit_test(refuses_a_run_inside_a_run),
        cmocka_unit_test(refuses_in_a_child),
        cmocka_unit_test(says_why_there_is_none),
        cmocka_unit_test(unmakes_a_team_that_is_too_large),
        cmocka_unit_test(says_what_a_barrier_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
