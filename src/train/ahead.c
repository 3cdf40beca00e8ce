/* Batches read ahead; see ahead.h.
 *
 * The rows of a batch are cut into pieces of about 20 us; whoever is free takes the next one and
 * reads it for all ports, so that two columns of one folder decode a picture once. All that changes
 * is guarded by one lock, which is not held while rows are read. */
#include "train/ahead.h"

#include "base/fpenv.h"
#include "base/memory.h"
#include "base/team.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_NS = 20000, WORTH_NS = 200000 };

/* Where reading failed first: port and row are in the order in which one thread would read. */
typedef struct {
    int port; /* as many as there are ports: nowhere */
    int64_t row;
    dg_diag why;
} failure;

typedef struct {
    dg_tensor *port; /* of each port: a row of it, memory for `most` */
    int64_t *row;
    dg_reading how;
    int64_t n, next, left; /* rows; the next to be read; those that are not read yet */
    failure failed;
} batch;

typedef struct {
    dg_ahead *of;
    dg_row_scratch *scratch;
    pthread_t thread;
} reader;

struct dg_ahead {
    dg_experiment *e;
    dg_dataset *d;
    int64_t most, piece; /* rows of a batch, of a piece */
    int n_ports;
    dg_column **column; /* of each port; NULL: it has no data */
    batch of[2];
    int turn;       /* the batch that is read; the program has the other one */
    reader *reader; /* the first is who takes */
    int n_readers, started;
    bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t wanted, read;
};

/* ---- A batch --------------------------------------------------------------------------------- */

/* Rows at to at+n-1 of a batch, for all ports before the one that failed. */
static void read_rows(const dg_ahead *h, const batch *b, int64_t at, int64_t n,
                      dg_row_scratch *scratch, failure *f)
{
    const dg_fpenv found = dg_fpenv_enter();
    for (int k = 0; k < f->port; k++) {
        const dg_tensor *t = &b->port[k];
        char *out = (char *)t->data + (size_t)at * t->bytes;
        if (h->column[k] && dg_column_read_beside(h->column[k], scratch, b->row + at, n, b->how,
                                                  t->type, out, &f->why) != DG_OK) {
            f->port = k;
            f->row = at;
        }
    }
    dg_fpenv_leave(found);
}

/* Reads a piece of the batch; false: none is left. The lock is held before and after. */
static bool help(dg_ahead *h, dg_row_scratch *scratch)
{
    batch *b = &h->of[h->turn];
    const int64_t at = b->next, n = b->n - at < h->piece ? b->n - at : h->piece;
    failure f = {.port = h->n_ports};
    if (n == 0)
        return false;
    b->next += n;
    pthread_mutex_unlock(&h->lock);
    read_rows(h, b, at, n, scratch, &f);
    pthread_mutex_lock(&h->lock);
    if (f.port < b->failed.port || (f.port == b->failed.port && f.row < b->failed.row))
        b->failed = f;
    b->left -= n;
    if (b->left == 0)
        pthread_cond_signal(&h->read);
    return true;
}

static void *live(void *arg)
{
    reader *r = arg;
    dg_ahead *h = r->of;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping)
        if (!help(h, r->scratch))
            pthread_cond_wait(&h->wanted, &h->lock);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Waits until what has begun of the batch is read. The lock is held. */
static void settle(dg_ahead *h)
{
    while (h->of[h->turn].left > 0)
        pthread_cond_wait(&h->read, &h->lock);
}

/* These rows are the batch that is read, instead of what was. The lock is held. */
static void begin(dg_ahead *h, const int64_t rows[], int64_t n, dg_reading how)
{
    batch *b = &h->of[h->turn];
    b->left -= b->n - b->next;
    b->next = b->n;
    settle(h);
    failure f = {.port = h->n_ports};
    for (int k = 0; k < h->n_ports && f.row == 0; k++)
        if (h->column[k] &&
            dg_column_prepare(h->column[k], rows, n, how, b->port[k].type, &f.why) != DG_OK)
            f = (failure){.port = k, .row = -1, .why = f.why};
    memcpy(b->row, rows, (size_t)n * sizeof *rows);
    b->how = how;
    b->failed = f;
    b->next = 0;
    b->n = b->left = f.row < 0 ? 0 : n; /* what cannot be prepared cannot be read */
    if (h->started > 0)
        pthread_cond_broadcast(&h->wanted);
}

static bool is_begun(const dg_ahead *h, const int64_t rows[], int64_t n, dg_reading how)
{
    const batch *b = &h->of[h->turn];
    return b->n == n && b->how.training == how.training && b->how.seed == how.seed &&
           b->how.epoch == how.epoch && memcmp(b->row, rows, (size_t)n * sizeof *rows) == 0;
}

void dg_ahead_want(dg_ahead *h, const int64_t rows[], int64_t n, dg_reading how)
{
    if (h->started == 0)
        return;
    pthread_mutex_lock(&h->lock);
    begin(h, rows, n, how);
    pthread_mutex_unlock(&h->lock);
}

/* The batch of these rows, read; the other one is read next. */
static batch *finish(dg_ahead *h, const int64_t rows[], int64_t n, dg_reading how)
{
    pthread_mutex_lock(&h->lock);
    batch *b = &h->of[h->turn];
    if (!is_begun(h, rows, n, how))
        begin(h, rows, n, how);
    while (help(h, h->reader[0].scratch))
        continue;
    settle(h);
    h->turn = !h->turn;
    h->of[h->turn].n = h->of[h->turn].next = 0;
    pthread_mutex_unlock(&h->lock);
    return b;
}

dg_status dg_ahead_take(dg_ahead *h, dg_program *p, const int64_t rows[], int64_t n, dg_reading how,
                        dg_diag *why)
{
    const batch *b = finish(h, rows, n, how);
    const failure *f = &b->failed;
    dg_status s = DG_OK;
    for (int k = 0; k < f->port && f->row >= 0 && s == DG_OK; k++) {
        dg_tensor t = b->port[k];
        t.shape.dim[0] = n;
        t.bytes *= (size_t)n;
        if (h->column[k])
            s = dg_experiment_give(p, &h->e->model->ports[k], h->d, rows, &t, 1, why);
    }
    if (s == DG_OK && f->port < h->n_ports) {
        s = f->why.code;
        if (why)
            *why = f->why;
    }
    return s;
}

/* ---- Made and given back --------------------------------------------------------------------- */

/* Memory for both batches. */
static dg_status make_batches(dg_ahead *h, dg_diag *why)
{
    dg_status s = DG_OK;
    for (int i = 0; i < 2; i++) {
        batch *b = &h->of[i];
        b->port = calloc((size_t)h->n_ports + 1, sizeof *b->port);
        b->row = malloc((size_t)h->most * sizeof *b->row + 1);
        bool good = b->port && b->row;
        for (int k = 0; k < h->n_ports && good && s == DG_OK; k++) {
            if (!h->column[k])
                continue;
            dg_tensor *t = &b->port[k];
            s = dg_experiment_port(h->e, &h->e->model->ports[k], h->column[k], 1, t, why);
            t->data = s == DG_OK ? dg_memory_alloc(NULL, t->bytes * (size_t)h->most) : NULL;
            good = s != DG_OK || t->data;
        }
        if (!good)
            s = dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    return s;
}

static void start_readers(dg_ahead *h)
{
    for (int i = 1; i < h->n_readers; i++, h->started++)
        if (dg_thread_start(&h->reader[i].thread, live, &h->reader[i]) != 0)
            break;
}

static dg_status make_readers(dg_ahead *h, int training, dg_diag *why)
{
    const double ns = dg_dataset_cost(h->d, training);
    h->n_readers = ns * (double)h->most < WORTH_NS ? 1 : 1 + dg_team_processors();
    h->piece = h->n_readers > 1 ? 1 + (int64_t)(PIECE_NS / ns) : h->most;
    h->reader = calloc((size_t)h->n_readers, sizeof *h->reader);
    for (int i = 0; h->reader && i < h->n_readers; i++) {
        h->reader[i] = (reader){.of = h, .scratch = dg_row_scratch_new(h->d)};
        if (!h->reader[i].scratch)
            return dg_diag_set(why, DG_EMEMORY, "out of memory");
    }
    return h->reader ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
}

dg_status dg_ahead_make(dg_ahead **out, dg_experiment *e, dg_dataset *d, int64_t most, int training,
                        dg_diag *why)
{
    dg_ahead *h = *out = calloc(1, sizeof *h);
    if (!h)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    *h = (dg_ahead){.e = e, .d = d, .most = most, .n_ports = e->model->n_ports};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wanted, NULL);
    pthread_cond_init(&h->read, NULL);
    h->column = calloc((size_t)h->n_ports + 1, sizeof *h->column);
    dg_status s = h->column ? DG_OK : dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int k = 0; k < h->n_ports && s == DG_OK; k++)
        h->column[k] = dg_dataset_find(d, e->model->ports[k].name);
    if (s == DG_OK)
        s = make_batches(h, why);
    if (s == DG_OK)
        s = make_readers(h, training, why);
    if (s == DG_OK)
        start_readers(h);
    else {
        dg_ahead_free(h);
        *out = NULL;
    }
    return s;
}

static void free_batch(batch *b, int n_ports)
{
    for (int k = 0; b->port && k < n_ports; k++)
        dg_memory_free(NULL, b->port[k].data);
    free(b->port);
    free(b->row);
}

void dg_ahead_free(dg_ahead *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_broadcast(&h->wanted);
    pthread_mutex_unlock(&h->lock);
    for (int i = 1; i <= h->started; i++)
        pthread_join(h->reader[i].thread, NULL);
    for (int i = 0; h->reader && i < h->n_readers; i++)
        dg_row_scratch_free(h->reader[i].scratch);
    for (int i = 0; i < 2; i++)
        free_batch(&h->of[i], h->n_ports);
    pthread_cond_destroy(&h->read);
    pthread_cond_destroy(&h->wanted);
    pthread_mutex_destroy(&h->lock);
    free(h->reader);
    free(h->column);
    free(h);
}
