/* Pooling over windows of an image, channels last (contract: kernels/kernels.h). A window is cut to
 * what lies inside the image; its taps are walked row by row, VEC_N channels at a time. */
#include "kernels/tile.h"

/* The part of window (oy, ox) that lies in the image: row and column of its first tap, rows and
 * columns of taps, the number of the first in the window, and by how many an average is divided. */
typedef struct {
    int64_t y, x, rows, columns, tap, count;
} window;

/* Taps first, first + step, .. of `length` that lie in 0 .. size-1: which is the first of them, and
 * how many. */
static void clip(int64_t first, int64_t step, int64_t length, int64_t size, int64_t *start,
                 int64_t *many)
{
    *start = first < 0 ? (step - 1 - first) / step : 0;
    const int64_t end = first < size ? (size - 1 - first) / step + 1 : 0;
    *many = (end < length ? end : length) - *start;
    if (*many < 0)
        *many = 0;
}

/* Where an average counts padding: the taps inside the padded image. */
static int64_t taps_padded(int64_t first, int64_t step, int64_t length, int64_t size)
{
    int64_t start, many;
    clip(first < 0 ? 0 : first, step, length, first < 0 ? size - first : size, &start, &many);
    return many;
}

static window window_at(const dg_pool *s, int64_t oy, int64_t ox)
{
    window w;
    const int64_t y = oy * s->stride_y - s->top, x = ox * s->stride_x - s->left;
    int64_t r, q;
    clip(y, s->dilation_y, s->kh, s->h, &r, &w.rows);
    clip(x, s->dilation_x, s->kw, s->w, &q, &w.columns);
    w.y = y + r * s->dilation_y;
    w.x = x + q * s->dilation_x;
    w.tap = r * s->kw + q;
    w.count = w.rows * w.columns;
    if (s->padded)
        w.count = taps_padded(y, s->dilation_y, s->kh, s->h + s->bottom) *
                  taps_padded(x, s->dilation_x, s->kw, s->w + s->right);
    return w;
}

/* Steps from a tap to the next in its row, and from after the last of a row to the next row. */
static int64_t across(const dg_pool *s)
{
    return s->dilation_x * s->c;
}

static int64_t down(const dg_pool *s, const window *w)
{
    return (s->dilation_y * s->w - w->columns * s->dilation_x) * s->c;
}

/* The places of y in images n0 .. n1-1, one after the other: o counts them all. */
typedef struct {
    int64_t o, end, image, oy, ox;
} place;

static place first_place(const dg_pool *s, int64_t n0, int64_t n1)
{
    return (place){n0 * s->oh * s->ow, n1 * s->oh * s->ow, n0, 0, 0};
}

static void next_place(const dg_pool *s, place *p)
{
    p->o++;
    if (++p->ox == s->ow) {
        p->ox = 0;
        if (++p->oy == s->oh) {
            p->oy = 0;
            p->image++;
        }
    }
}

size_t DG_T(dg_pool_tap_bytes)(const dg_pool *s)
{
    return s->kh * s->kw <= 256 ? 1 : 4;
}

typedef uint8_t bytes_n __attribute__((vector_size(VEC_N)));
typedef uint32_t words_n __attribute__((vector_size(VEC_N * 4)));

/* n taps to and from memory, `size` bytes each. */
DG_INLINE void store_taps(unsigned char *to, size_t size, int n, ivec tap)
{
    if (size == 1) {
        const bytes_n b = __builtin_convertvector(tap, bytes_n);
        memcpy(to, &b, n == VEC_N ? VEC_N : (size_t)n);
    } else {
        const words_n b = __builtin_convertvector(tap, words_n);
        memcpy(to, &b, (size_t)n * 4);
    }
}

DG_INLINE ivec load_taps(const unsigned char *from, size_t size, int n)
{
    if (size == 1) {
        bytes_n b = {0};
        if (n == VEC_N)
            memcpy(&b, from, VEC_N);
        else
            memcpy(&b, from, (size_t)n);
        return __builtin_convertvector(b, ivec);
    }
    words_n b = {0};
    memcpy(&b, from, (size_t)n * 4);
    return __builtin_convertvector(b, ivec);
}

/* The window that most networks use, whole, with whole vectors: its loops are unrolled. */
static const window two_by_two = {.rows = 2, .columns = 2};

static int usual(const dg_pool *s, const window *w, int n)
{
    return w->rows == 2 && w->columns == 2 && s->kw == 2 && s->kh == 2 && s->dilation_y == 1 &&
           s->dilation_x == 1 && n == VEC_N;
}

DG_INLINE void put(real *p, int n, vec v)
{
    if (n == VEC_N)
        vec_store(p, v);
    else
        vec_store_n(p, n, v);
}

/* n channels of one window; x points to its first element. */
DG_INLINE void largest(const dg_pool *s, const window *w, const real *x, int n, real *y,
                       unsigned char *tap, size_t size)
{
    const int64_t pixel = across(s), next = down(s, w);
    vec best = dg_some(x, n);
    ivec at = vec_iset1((int)w->tap);
    int64_t number = w->tap;
    for (int64_t r = 0; r < w->rows; r++) {
        for (int64_t q = 0; q < w->columns; q++) {
            const vec v = dg_some(x, n);
            /* larger, or the first that is NaN */
            const ivec take = ~(ivec)(v <= best) & (ivec)(best == best);
            best = vec_select(take, v, best);
            at = (take & vec_iset1((int)number)) | (~take & at);
            number++;
            x += pixel;
        }
        number += s->kw - w->columns;
        x += next;
    }
    put(y, n, best);
    if (tap)
        store_taps(tap, size, n, at);
}

void DG_T(dg_maxpool)(const dg_pool *s, int64_t n0, int64_t n1, const real *x, real *y, void *tap)
{
    const size_t size = DG_T(dg_pool_tap_bytes)(s);
    for (place p = first_place(s, n0, n1); p.o < p.end; next_place(s, &p)) {
        const window w = window_at(s, p.oy, p.ox);
        const real *from = x + ((p.image * s->h + w.y) * s->w + w.x) * s->c;
        for (int64_t c = 0; c < s->c; c += VEC_N) {
            const int n = s->c - c < VEC_N ? (int)(s->c - c) : VEC_N;
            const int64_t to = p.o * s->c + c;
            unsigned char *t = tap ? (unsigned char *)tap + (size_t)to * size : NULL;
            if (usual(s, &w, n))
                largest(s, &two_by_two, from + c, VEC_N, y + to, t, 1);
            else
                largest(s, &w, from + c, n, y + to, t, size);
        }
    }
}

/* Windows that neither overlap nor leave a place of the image out: all of dx is written once. */
static int tiles(const dg_pool *s)
{
    return s->stride_y == s->kh && s->stride_x == s->kw && !s->top && !s->left &&
           s->oh * s->kh >= s->h && s->ow * s->kw >= s->w && s->dilation_y == 1 &&
           s->dilation_x == 1;
}

/* Adds to (or, if `write`, sets) the elements of a window: eps, where a tap is the chosen one, or
 * everywhere without taps. */
DG_INLINE void spread(const dg_pool *s, const window *w, int n, vec eps, const ivec *tap, int write,
                      real *dx)
{
    const int64_t pixel = across(s), next = down(s, w);
    int64_t number = w->tap;
    for (int64_t r = 0; r < w->rows; r++) {
        for (int64_t q = 0; q < w->columns; q++) {
            vec v = eps;
            if (tap)
                v = vec_from_bits(vec_bits(eps) & (ivec)(*tap == (int)number));
            if (!write)
                v += dg_some(dx, n);
            put(dx, n, v);
            number++;
            dx += pixel;
        }
        number += s->kw - w->columns;
        dx += next;
    }
}

/* Both adjoints; tap NULL: the average. */
static void adjoint(const dg_pool *s, int64_t n0, int64_t n1, const real *dy,
                    const unsigned char *tap, real *dx)
{
    const size_t size = DG_T(dg_pool_tap_bytes)(s);
    const int write = tiles(s);
    if (!write)
        DG_T(dg_fill)((n1 - n0) * s->h * s->w * s->c, 0, dx + n0 * s->h * s->w * s->c);
    for (place p = first_place(s, n0, n1); p.o < p.end; next_place(s, &p)) {
        const window w = window_at(s, p.oy, p.ox);
        real *to = dx + ((p.image * s->h + w.y) * s->w + w.x) * s->c;
        for (int64_t c = 0; c < s->c; c += VEC_N) {
            const int n = s->c - c < VEC_N ? (int)(s->c - c) : VEC_N;
            const vec eps = dg_some(dy + p.o * s->c + c, n);
            const unsigned char *from = tap ? tap + (size_t)(p.o * s->c + c) * size : NULL;
            if (tap && write && usual(s, &w, n)) {
                const ivec t = load_taps(from, 1, VEC_N);
                spread(s, &two_by_two, VEC_N, eps, &t, 1, to + c);
            } else if (tap) {
                const ivec t = load_taps(from, size, n);
                spread(s, &w, n, eps, &t, write, to + c);
            } else {
                spread(s, &w, n, eps / (real)w.count, NULL, write, to + c);
            }
        }
    }
}

void DG_T(dg_maxpool_adjoint)(const dg_pool *s, int64_t n0, int64_t n1, const real *dy,
                              const void *tap, real *dx)
{
    adjoint(s, n0, n1, dy, tap, dx);
}

void DG_T(dg_avgpool_adjoint)(const dg_pool *s, int64_t n0, int64_t n1, const real *dy, real *dx)
{
    adjoint(s, n0, n1, dy, NULL, dx);
}

void DG_T(dg_maxpool_tangent)(const dg_pool *s, int64_t n0, int64_t n1, const real *dx,
                              const void *tap, real *dy)
{
    const size_t size = DG_T(dg_pool_tap_bytes)(s);
    for (int64_t i = n0 * s->oh * s->ow * s->c; i < n1 * s->oh * s->ow * s->c; i++) {
        const int64_t c = i % s->c, o = i / s->c, image = o / (s->oh * s->ow);
        const int64_t oy = o / s->ow % s->oh, ox = o % s->ow;
        const int64_t t = size == 1 ? ((const uint8_t *)tap)[i] : ((const uint32_t *)tap)[i];
        const int64_t y = oy * s->stride_y - s->top + t / s->kw * s->dilation_y;
        const int64_t x = ox * s->stride_x - s->left + t % s->kw * s->dilation_x;
        dy[i] = dx[((image * s->h + y) * s->w + x) * s->c + c];
    }
}

/* Windows of more taps than that are summed in double. */
enum { LARGE = 64 };

/* n channels of one window; x points to its first element. */
DG_INLINE vec small_mean(const dg_pool *s, const window *w, const real *x, int n)
{
    vec sum = {0};
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t q = 0; q < w->columns; q++)
            sum += dg_some(x + (r * s->dilation_y * s->w + q * s->dilation_x) * s->c, n);
    return sum / (real)w->count;
}

DG_INLINE vec large_mean(const dg_pool *s, const window *w, const real *x, int n)
{
#if DG_REAL == 32
    vec64 low = {0}, high = {0};
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t q = 0; q < w->columns; q++) {
            const vec v = dg_some(x + (r * s->dilation_y * s->w + q * s->dilation_x) * s->c, n);
            low += vec_low64(v);
            high += vec_high64(v);
        }
    return vec_from64(low / (double)w->count, high / (double)w->count);
#else
    return small_mean(s, w, x, n);
#endif
}

void DG_T(dg_avgpool)(const dg_pool *s, int64_t n0, int64_t n1, const real *x, real *y)
{
    for (place p = first_place(s, n0, n1); p.o < p.end; next_place(s, &p)) {
        const window w = window_at(s, p.oy, p.ox);
        const real *from = x + ((p.image * s->h + w.y) * s->w + w.x) * s->c;
        for (int64_t c = 0; c < s->c; c += VEC_N) {
            const int n = s->c - c < VEC_N ? (int)(s->c - c) : VEC_N;
            if (w.rows * w.columns > LARGE)
                put(y + p.o * s->c + c, n, large_mean(s, &w, from + c, n));
            else
                put(y + p.o * s->c + c, n, small_mean(s, &w, from + c, n));
        }
    }
}
