/* A clock that runs $CLOCK_FACTOR times as fast, for what happens every ten seconds. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *t)
{
    int (*next)(clockid_t, struct timespec *);
    *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int code = next(which, t);
    const char *factor = getenv("CLOCK_FACTOR");
    if (code == 0 && factor && which == CLOCK_MONOTONIC) {
        long long ns = (t->tv_sec * 1000000000LL + t->tv_nsec) % 100000000000000LL;
        ns *= atoi(factor);
        t->tv_sec = ns / 1000000000LL;
        t->tv_nsec = ns % 1000000000LL;
    }
    return code;
}
