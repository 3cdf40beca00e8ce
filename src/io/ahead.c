/* Decoding ahead: one thread, a ring of pictures that are wanted, slots for those that are there.
 *
 * A picture is decoded whole by one thread and copied whole, so what is read does not depend on who
 * was faster. Without threads (none can be made, or after fork) each is decoded when it is taken.
 */
#include "io/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST = 64, MOST = 1 << 20 };

typedef enum { WANTED, BUSY, READY, BROKEN } state;

typedef struct {
    int64_t picture; /* -1: taken in the meantime */
    state is;
    uint8_t *bytes;
} slot;

struct dg_ahead {
    const dg_album *a;
    int64_t n; /* slots: a ring, from the oldest that waits to the next that is wanted */
    slot *ring;
    uint64_t first, next, end; /* oldest, next to decode, next to be wanted; slot k is k % n */
    uint8_t *bytes;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stopping;
};

static slot *slot_at(dg_ahead *h, uint64_t k)
{
    return &h->ring[k % (uint64_t)h->n];
}

static void *work(void *arg)
{
    dg_ahead *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        if (h->next == h->end) {
            pthread_cond_wait(&h->changed, &h->lock);
            continue;
        }
        slot *s = slot_at(h, h->next++);
        if (s->picture < 0)
            continue;
        s->is = BUSY;
        pthread_mutex_unlock(&h->lock);
        dg_diag why = {.code = DG_OK};
        dg_status status = dg_album_get(h->a, s->picture, s->bytes, &why);
        pthread_mutex_lock(&h->lock);
        s->is = status == DG_OK ? READY : BROKEN;
        pthread_cond_broadcast(&h->changed);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

dg_ahead *dg_ahead_new(const dg_album *a, int64_t memory)
{
    dg_ahead *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->a = a;
    h->n = memory / a->bytes;
    h->n = h->n < FEWEST ? FEWEST : h->n > MOST ? MOST : h->n;
    h->n = h->n > a->n + FEWEST ? a->n + FEWEST : h->n;
    h->ring = calloc((size_t)h->n, sizeof *h->ring);
    h->bytes = malloc((size_t)(h->n * a->bytes));
    for (int64_t k = 0; h->ring && h->bytes && k < h->n; k++)
        h->ring[k] = (slot){-1, BROKEN, h->bytes + k * a->bytes};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    if (h->ring && h->bytes)
        return h;
    dg_ahead_free(h);
    return NULL;
}

void dg_ahead_free(dg_ahead *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (h->started)
        pthread_join(h->thread, NULL);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
    free(h->ring);
    free(h->bytes);
    free(h);
}

/* Slots of the ring's end that are no longer waited for are free again. */
static void give_back(dg_ahead *h)
{
    while (h->first < h->next && slot_at(h, h->first)->picture < 0)
        h->first++;
}

void dg_ahead_want(dg_ahead *h, int64_t i)
{
    pthread_mutex_lock(&h->lock);
    if (!h->started)
        h->started = pthread_create(&h->thread, NULL, work, h) == 0;
    give_back(h);
    if (h->end - h->first == (uint64_t)h->n && slot_at(h, h->first)->is >= READY) {
        slot_at(h, h->first)->picture = -1; /* nobody came for it */
        give_back(h);
    }
    if (h->started && h->end - h->first < (uint64_t)h->n) {
        slot *s = slot_at(h, h->end++);
        s->picture = i;
        s->is = WANTED;
        pthread_cond_broadcast(&h->changed);
    }
    pthread_mutex_unlock(&h->lock);
}

/* The oldest slot of picture i that has begun; one that has not is no longer wanted. */
static slot *find(dg_ahead *h, int64_t i)
{
    for (uint64_t k = h->first; k < h->end; k++) {
        slot *s = slot_at(h, k);
        if (s->picture == i && s->is != WANTED)
            return s;
        if (s->picture == i) {
            s->picture = -1;
            return NULL;
        }
    }
    return NULL;
}

dg_status dg_ahead_take(dg_ahead *h, int64_t i, uint8_t *out, dg_diag *why)
{
    bool ready = false;
    pthread_mutex_lock(&h->lock);
    slot *s = find(h, i);
    while (s && s->is == BUSY)
        pthread_cond_wait(&h->changed, &h->lock);
    if (s) {
        ready = s->is == READY;
        if (ready)
            memcpy(out, s->bytes, (size_t)h->a->bytes);
        s->picture = -1;
        give_back(h);
    }
    pthread_mutex_unlock(&h->lock);
    return ready ? DG_OK : dg_album_get(h->a, i, out, why);
}
