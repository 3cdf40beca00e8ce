/* Random valid graphs, by seed: every node of set 1, fan-out of 3 and more, one input twice, shared
 * parameters, several losses, nodes that end nowhere. */
#ifndef DG_TESTS_RANDOM_DAG_H
#define DG_TESTS_RANDOM_DAG_H

#include <dagrad/dagrad.h>

typedef struct dg_random {
    uint64_t state;
} dg_random;

uint64_t dg_random_next(dg_random *r);
int dg_random_below(dg_random *r, int n); /* 0 .. n-1 */
double dg_random_between(dg_random *r, double a, double b);

enum { DG_RANDOM_TYPES = 128, DG_RANDOM_NEVER = 1 << 20 /* used so often: left out */ };

/* used[k] counts, over all graphs so far, how often type k of dg_type_at was applied; the generator
 * prefers those that are rare. nodes: how many at least. rows: 1 with a batch axis, 0 without. */
dg_graph *dg_random_graph(dg_random *r, dg_type real, int nodes, int used[DG_RANDOM_TYPES]);

/* Data for every input of the graph, in order of ids, for a batch; freed by dg_random_free. Returns
 * their number. */
int dg_random_data(dg_random *r, const dg_graph *g, int64_t batch, dg_tensor **data);
void dg_random_free(dg_tensor *data, int n);

#endif
