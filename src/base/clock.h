/* A clock for durations. */
#ifndef DG_BASE_CLOCK_H
#define DG_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment of the past, which setting the time of day does not move. */
static inline double dg_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
