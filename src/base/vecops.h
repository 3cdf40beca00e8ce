/* The operations of base/vec.h, for lanes of DG_OPS_REAL bits under the names DG_OPS_NAME_... .
 * vec.h alone includes this, twice: as vec64_... for double and as vec_... for real; the comments
 * say vec. A lane never depends on another, except in vec_total and vec_top. */

#define V(name) DG_CAT(DG_OPS_NAME, name)
#define VT DG_OPS_NAME
#define IT DG_CAT(i, DG_OPS_NAME)
#if DG_OPS_REAL == 32
#define ST float
#define SI int32_t
#define SI_MAX INT32_MAX
#define LANES (DG_VEC_BYTES / 4)
#define ROUNDER 8388608.0F /* 2^23: from here on every float is whole */
#else
#define ST double
#define SI int64_t
#define SI_MAX INT64_MAX
#define LANES (DG_VEC_BYTES / 8)
#define ROUNDER 4503599627370496.0 /* 2^52 */
#endif

/* X(fmadd) is _mm512_fmadd_ps or its like, XT its vector type. */
#if DG_ISA_ID == 4 && DG_OPS_REAL == 32
#define X(name) DG_CAT(_mm512_, DG_CAT(name, _ps))
#define XT __m512
#elif DG_ISA_ID == 4
#define X(name) DG_CAT(_mm512_, DG_CAT(name, _pd))
#define XT __m512d
#elif DG_ISA_ID == 3 && DG_OPS_REAL == 32
#define X(name) DG_CAT(_mm256_, DG_CAT(name, _ps))
#define XT __m256
#elif DG_ISA_ID == 3
#define X(name) DG_CAT(_mm256_, DG_CAT(name, _pd))
#define XT __m256d
#endif

typedef ST VT __attribute__((vector_size(DG_VEC_BYTES), may_alias));
typedef SI IT __attribute__((vector_size(DG_VEC_BYTES), may_alias));
typedef VT V(_any) __attribute__((aligned(sizeof(ST)))); /* the same, where memory has it */
typedef IT V(_iany) __attribute__((aligned(sizeof(ST))));

/* Any alignment of an element is allowed; in all loads and stores. */
DG_INLINE VT V(_load)(const ST *p)
{
    return *(const V(_any) *)(const void *)p;
}

DG_INLINE void V(_store)(ST *p, VT a)
{
    *(V(_any) *)(void *)p = a;
}

DG_INLINE IT V(_iload)(const SI *p)
{
    return *(const V(_iany) *)(const void *)p;
}

DG_INLINE void V(_istore)(SI *p, IT a)
{
    *(V(_iany) *)(void *)p = a;
}

DG_INLINE VT V(_set1)(ST x)
{
    return x - (VT){0};
}

DG_INLINE IT V(_iset1)(SI x)
{
    return x - (IT){0};
}

DG_INLINE IT V(_bits)(VT a)
{
    return (IT)a;
}

DG_INLINE VT V(_from_bits)(IT a)
{
    return (VT)a;
}

/* The mask of the first n lanes; n <= 0: none, n >= VEC_N: all. */
DG_INLINE IT V(_first)(int n)
{
    IT lane;
    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return (IT)(lane < V(_iset1)((SI)n));
}

#if DG_ISA_ID == 4
DG_INLINE unsigned V(_first_bits)(int n)
{
    return n < LANES ? (1U << (n > 0 ? n : 0)) - 1 : (1U << LANES) - 1;
}
#endif

/* The first n lanes from memory, the others 0; nothing past p[n - 1] is read. */
DG_INLINE VT V(_load_n)(const ST *p, int n)
{
#if DG_ISA_ID == 4
    return (VT)X(maskz_loadu)(V(_first_bits)(n), p);
#elif DG_ISA_ID == 3
    return n >= LANES ? V(_load)(p) : (VT)X(maskload)(p, (__m256i)V(_first)(n));
#else
    VT a = {0};
    if (n >= LANES)
        return V(_load)(p);
    for (int i = 0; i < LANES && i < n; i++)
        a[i] = p[i];
    return a;
#endif
}

/* The first n lanes to memory; the rest of memory is not touched. */
DG_INLINE void V(_store_n)(ST *p, int n, VT a)
{
#if DG_ISA_ID == 4
    X(mask_storeu)(p, V(_first_bits)(n), (XT)a);
#elif DG_ISA_ID == 3
    if (n >= LANES) /* some processors take ten times as long with a mask */
        V(_store)(p, a);
    else
        X(maskstore)(p, (__m256i)V(_first)(n), (XT)a);
#else
    if (n >= LANES) {
        V(_store)(p, a);
        return;
    }
    for (int i = 0; i < LANES && i < n; i++)
        p[i] = a[i];
#endif
}

/* mask ? a : b; each lane of the mask is 0 or -1. */
DG_INLINE VT V(_select)(IT mask, VT a, VT b)
{
#if DG_ISA_ID == 4
    return (VT)_mm512_ternarylogic_epi64((__m512i)mask, (__m512i)a, (__m512i)b, 0xCA);
#elif DG_ISA_ID == 3
    return (VT)X(blendv)((XT)b, (XT)a, (XT)mask);
#else
    return (VT)((mask & (IT)a) | (~mask & (IT)b));
#endif
}

/* a b + c, rounded once; the only fused product. */
DG_INLINE VT V(_fma)(VT a, VT b, VT c)
{
#if DG_ISA_ID != 0
    return (VT)X(fmadd)((XT)a, (XT)b, (XT)c);
#else
    for (int i = 0; i < LANES; i++)
#if DG_OPS_REAL == 32
        c[i] = dg_fma32(a[i], b[i], c[i]);
#else
        c[i] = dg_fma64(a[i], b[i], c[i]);
#endif
    return c;
#endif
}

DG_INLINE VT V(_abs)(VT a)
{
    return (VT)((IT)a & V(_iset1)(SI_MAX));
}

DG_INLINE VT V(_sqrt)(VT a)
{
#if DG_ISA_ID != 0
    return (VT)X(sqrt)((XT)a);
#else
    for (int i = 0; i < LANES; i++)
#if DG_OPS_REAL == 32
        a[i] = sqrtf(a[i]);
#else
        a[i] = sqrt(a[i]);
#endif
    return a;
#endif
}

/* The nearest whole number, ties to even; the sign of zero stays. */
DG_INLINE VT V(_rint)(VT a)
{
#if DG_ISA_ID == 4
    return (VT)X(roundscale)((XT)a, 0);
#elif DG_ISA_ID == 3
    return (VT)X(round)((XT)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    VT size = V(_abs)(a), big = V(_set1)(ROUNDER);
    IT sign = (IT)a ^ (IT)size;
    VT whole = (VT)((IT)((size + big) - big) | sign);
    return V(_select)((IT)(size < big), whole, a);
#endif
}

/* The largest whole number that is not above a; the sign of zero stays. */
DG_INLINE VT V(_floor)(VT a)
{
#if DG_ISA_ID == 4
    return (VT)X(roundscale)((XT)a, 1);
#elif DG_ISA_ID == 3
    return (VT)X(floor)((XT)a);
#else
    VT whole = V(_rint)(a);
    return V(_select)((IT)(whole > a), whole - 1, whole);
#endif
}

/* The smaller and the larger. NaN if a or b is NaN (a's, if both are); ties, also of 0 and -0,
 * give b. */
DG_INLINE VT V(_min)(VT a, VT b)
{
#if DG_ISA_ID != 0
    return V(_select)((IT)(a != a), a, (VT)X(min)((XT)a, (XT)b));
#else
    return V(_select)((IT)((a < b) | (a != a)), a, b);
#endif
}

DG_INLINE VT V(_max)(VT a, VT b)
{
#if DG_ISA_ID != 0
    return V(_select)((IT)(a != a), a, (VT)X(max)((XT)a, (XT)b));
#else
    return V(_select)((IT)((a > b) | (a != a)), a, b);
#endif
}

/* The integer that is a, and back. a is whole, |a| <= 2^22 (float) or 2^51 (double). */
DG_INLINE IT V(_to_int)(VT a)
{
    VT big = V(_set1)((ST)(1.5 * (double)ROUNDER));
    return (IT)(a + big) - (IT)big;
}

DG_INLINE VT V(_from_int)(IT a)
{
    VT big = V(_set1)((ST)(1.5 * (double)ROUNDER));
    return (VT)(a + (IT)big) - big;
}

/* Sum and largest (by vec_max) of all lanes: lane i takes lane i + half, half = VEC_N / 2 .. 1. */
DG_INLINE ST V(_total)(VT a)
{
#if LANES == 16
    a += __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    a += __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    a += __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
#elif LANES == 8
    a += __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7);
    a += __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3);
#elif LANES == 4
    a += __builtin_shufflevector(a, a, 2, 3, 2, 3);
#endif
    return a[0] + a[1];
}

DG_INLINE ST V(_top)(VT a)
{
#if LANES == 16
    a = V(_max)(a, __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13,
                                           14, 15));
    a = V(_max)(a, __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
    a = V(_max)(a, __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3));
#elif LANES == 8
    a = V(_max)(a, __builtin_shufflevector(a, a, 4, 5, 6, 7, 4, 5, 6, 7));
    a = V(_max)(a, __builtin_shufflevector(a, a, 2, 3, 2, 3, 2, 3, 2, 3));
#elif LANES == 4
    a = V(_max)(a, __builtin_shufflevector(a, a, 2, 3, 2, 3));
#endif
    return V(_max)(a, V(_set1)(a[1]))[0];
}

#undef V
#undef VT
#undef IT
#undef ST
#undef SI
#undef SI_MAX
#undef LANES
#undef ROUNDER
#undef X
#undef XT
