/* The upper halves of vector registers, after code for wide vectors. Compiled with -Os, it leaves
 * them dirty, and on Intel's processors every SSE instruction that follows then waits for them: the
 * portable path was three times as slow after a call of another one. */
#ifndef DG_BASE_UPPER_H
#define DG_BASE_UPPER_H

static inline void dg_upper_clean(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroupper");
#endif
}

#endif
