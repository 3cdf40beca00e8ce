/* The floating point settings under which dagrad computes: round to nearest, subnormal numbers
 * kept, no traps. Bits are the same everywhere only under them. */
#ifndef DG_BASE_FPENV_H
#define DG_BASE_FPENV_H

#if defined(__SSE__)

#include <immintrin.h>

typedef unsigned dg_fpenv;

enum { DG_MXCSR = 0x1f80 }; /* all exceptions masked, nearest, neither FTZ nor DAZ */

/* Sets them for this thread and returns what there was. */
static inline dg_fpenv dg_fpenv_enter(void)
{
    dg_fpenv found = _mm_getcsr();
    _mm_setcsr(DG_MXCSR);
    return found;
}

static inline void dg_fpenv_leave(dg_fpenv found)
{
    _mm_setcsr(found);
}

#else

#include <fenv.h>

typedef fenv_t dg_fpenv;

static inline dg_fpenv dg_fpenv_enter(void)
{
    dg_fpenv found;
    fegetenv(&found);
    fesetenv(FE_DFL_ENV);
    return found;
}

static inline void dg_fpenv_leave(dg_fpenv found)
{
    fesetenv(&found);
}

#endif
#endif
