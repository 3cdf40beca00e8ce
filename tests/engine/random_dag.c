/* Random valid graphs; see random_dag.h. */
#include "engine/random_dag.h"
#include "graph/graph.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t dg_random_next(dg_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ULL; /* splitmix64, Steele et al. 2014 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

int dg_random_below(dg_random *r, int n)
{
    return (int)(dg_random_next(r) % (uint64_t)n);
}

double dg_random_between(dg_random *r, double a, double b)
{
    return a + (b - a) * ((double)(dg_random_next(r) >> 11) / 9007199254740992.0);
}

enum { MOST = 256 };

typedef struct world {
    dg_graph *g;
    dg_random *r;
    dg_value pool[MOST]; /* real values with a batch axis */
    int n;
    int targets;
    dg_value weight; /* a parameter that several linear nodes may share */
    int64_t weight_in, weight_out;
} world;

static dg_shape shape_of(const world *w, dg_value v)
{
    dg_value_info info;
    memset(&info, 0, sizeof info);
    dg_value_look(w->g, v, &info);
    return info.shape;
}

static void put(world *w, dg_value v)
{
    dg_shape s = shape_of(w, v);
    if (w->n < MOST && v.id && s.rank > 0 && s.dim[0] == DG_N && dg_shape_row(&s) <= 600)
        w->pool[w->n++] = v;
}

/* "kernel=2 stride=2,1 padding=same": numbers or a word. */
static dg_value apply(world *w, const char *type, int n_in, const dg_value in[], const char *attrs)
{
    dg_attr attr[8];
    double number[8][8];
    char text[256], *at = text;
    int n = 0;
    snprintf(text, sizeof text, "%s", attrs);
    for (char *word = strtok_r(text, " ", &at); word && n < 8;
         word = strtok_r(NULL, " ", &at), n++) {
        char *value = strchr(word, '=');
        *value++ = 0;
        attr[n] = (dg_attr){.name = word, .number = number[n]};
        if ((*value >= 'a' && *value <= 'z')) {
            attr[n].word = value;
            continue;
        }
        for (char *p = value; *p && attr[n].count < 8; p += *p == ',')
            number[n][attr[n].count++] = strtod(p, &p);
    }
    return dg_apply(w->g, type, NULL, n_in, in, n, attr);
}

static dg_value any(world *w)
{
    /* the first values more often: that gives fan-out */
    int k = dg_random_below(w->r, w->n);
    return w->pool[dg_random_below(w->r, 3) ? k : k / 2];
}

static dg_value with_rank(world *w, int rank)
{
    for (int i = 0; i < 40; i++) {
        dg_value v = any(w);
        if (shape_of(w, v).rank == rank)
            return v;
    }
    for (int i = 0; i < w->n; i++)
        if (shape_of(w, w->pool[i]).rank == rank)
            return w->pool[i];
    return w->pool[0];
}

static dg_value bounded(world *w, dg_value v)
{
    return apply(w, "tanh", 1, &v, "");
}

/* In (0.5, 1.5): safe for logarithms, roots and divisors. */
static dg_value positive(world *w, dg_value v)
{
    dg_value in[2] = {apply(w, "sigmoid", 1, &v, ""), dg_number(w->g, 0.5)};
    return apply(w, "add", 2, in, "");
}

static dg_value parameter(world *w, int rank, const int64_t dim[])
{
    char name[32];
    snprintf(name, sizeof name, "p%d", dg_graph_values(w->g));
    return dg_parameter(w->g, name, dg_shape_make(rank, dim), "normal(0.5)");
}

static dg_value input(world *w, dg_type type, dg_shape s)
{
    char name[32];
    snprintf(name, sizeof name, "x%d", dg_graph_values(w->g));
    return dg_input(w->g, name, type, s);
}

/* Ids 0 to most-1: dg_random_data reads `most` from the name. */
static dg_value ids(world *w, int64_t most, dg_shape s)
{
    char name[48];
    snprintf(name, sizeof name, "ids%d_%d", (int)most, dg_graph_values(w->g));
    return dg_input(w->g, name, DG_I32, s);
}

/* A value that may stand beside v under broadcasting: another of its shape, itself, a vector of its
 * last axis, a number. */
static dg_value partner(world *w, dg_value v)
{
    dg_shape s = shape_of(w, v);
    int kind = dg_random_below(w->r, 5);
    for (int i = 0; kind < 2 && i < w->n; i++) {
        dg_shape t = shape_of(w, w->pool[i]);
        if (w->pool[i].id != v.id && dg_shape_equal(&s, &t))
            return w->pool[i];
    }
    if (kind == 2)
        return v;
    if (kind == 3 && s.rank > 1)
        return parameter(w, 1, &s.dim[s.rank - 1]);
    return kind == 4 ? dg_number(w->g, dg_random_between(w->r, 0.5, 1.5)) : bounded(w, v);
}

static dg_value unary(world *w, const char *type)
{
    dg_value v = any(w);
    if (!strcmp(type, "log") || !strcmp(type, "sqrt") || !strcmp(type, "reciprocal"))
        v = positive(w, v);
    else if (!strcmp(type, "exp") || !strcmp(type, "square"))
        v = bounded(w, v);
    return apply(w, type, 1, &v, !strcmp(type, "clip") ? "min=-0.6 max=0.7" : "");
}

static dg_value binary(world *w, const char *type)
{
    dg_value in[2] = {any(w), {0}};
    in[1] = partner(w, in[0]);
    if (!strcmp(type, "div") || !strcmp(type, "pow"))
        in[1] = positive(w, in[1]);
    if (!strcmp(type, "pow"))
        in[0] = positive(w, in[0]);
    return apply(w, type, 2, in, "");
}

/* Windows that fit any picture come last. */
static const char *window_form(world *w, dg_value v, const char *const forms[], int all, int any)
{
    dg_shape s = shape_of(w, v);
    int large = s.rank == 4 && s.dim[1] >= 3 && s.dim[2] >= 3;
    return forms[large ? dg_random_below(w->r, all) : all - any + dg_random_below(w->r, any)];
}

/* A linear node over the weight that others share. */
static dg_value with_weight(world *w, dg_value v)
{
    double number = (double)w->weight_out;
    dg_attr shared[2] = {{.name = "units", .count = 1, .number = &number},
                         {.name = "weight", .value = &w->weight}};
    return dg_apply(w->g, "linear", NULL, 1, &v, 2, shared);
}

static dg_value product(world *w, const char *type)
{
    char attrs[96];
    if (!strcmp(type, "conv_transpose")) {
        dg_value v = with_rank(w, 3 + dg_random_below(w->r, 2));
        return shape_of(w, v).rank < 3
                   ? bounded(w, v)
                   : apply(w, type, 1, &v, "channels=2 kernel=3 stride=2 padding=1");
    }
    if (!strcmp(type, "conv")) {
        static const char *const forms[] = {"channels=2 kernel=3 padding=valid bias=false",
                                            "channels=3 kernel=3", "channels=4 kernel=2 stride=2",
                                            "channels=5 kernel=1",
                                            "channels=3 kernel=3 dilation=2"};
        dg_value v = with_rank(w, 3 + dg_random_below(w->r, 2));
        if (shape_of(w, v).rank == 3)
            return apply(w, type, 1, &v, "channels=3 kernel=3");
        return apply(w, type, 1, &v, window_form(w, v, forms, 5, 4));
    }
    for (int i = 0; w->weight.id && !strcmp(type, "linear") && i < w->n; i++) {
        dg_shape t = shape_of(w, w->pool[i]);
        if (t.rank > 1 && t.dim[t.rank - 1] == w->weight_in && dg_random_below(w->r, 3) == 0)
            return with_weight(w, w->pool[i]);
    }
    dg_value v = with_rank(w, 2 + dg_random_below(w->r, 2));
    dg_shape s = shape_of(w, v);
    int64_t in = s.dim[s.rank - 1], units = 1 + dg_random_below(w->r, 20);
    if (!strcmp(type, "matmul")) {
        dg_value two[2] = {v, parameter(w, 2, (int64_t[]){in, units})};
        return apply(w, type, 2, two, "");
    }
    if (!w->weight.id || dg_random_below(w->r, 3) == 0) {
        w->weight = parameter(w, 2, (int64_t[]){in, units});
        w->weight_in = in;
        w->weight_out = units;
        return with_weight(w, v);
    }
    snprintf(attrs, sizeof attrs, "units=%d", (int)units);
    return apply(w, type, 1, &v, attrs);
}

static dg_value pool(world *w, const char *type)
{
    static const char *const forms[] = {"kernel=2", "kernel=3 stride=2 padding=1", "kernel=2,1",
                                        "kernel=2 stride=1 padding=same", "kernel=3 padding=same"};
    dg_value v = with_rank(w, 3 + dg_random_below(w->r, 2));
    if (!strcmp(type, "upsample"))
        return apply(w, type, 1, &v,
                     dg_random_below(w->r, 2) ? "scale=2 mode=linear" : "scale=1.5");
    if (!strcmp(type, "adaptive_avgpool"))
        return apply(w, type, 1, &v, dg_random_below(w->r, 2) ? "size=2" : "size=3");
    if (shape_of(w, v).rank == 3 && strcmp(type, "global_avgpool"))
        return apply(w, type, 1, &v, "kernel=2 padding=same");
    return apply(w, type, 1, &v,
                 !strcmp(type, "global_avgpool") ? "" : window_form(w, v, forms, 5, 2));
}

static dg_value shaping(world *w, const char *type)
{
    char attrs[96] = "";
    dg_value v = any(w), in[3];
    dg_shape s = shape_of(w, v);
    int64_t row = dg_shape_row(&s), last = s.dim[s.rank - 1];
    if (!strcmp(type, "reshape")) {
        snprintf(attrs, sizeof attrs, row % 2 ? "shape=-1,%d" : "shape=-1,2,%d",
                 (int)(row % 2 ? row : row / 2));
    } else if (!strcmp(type, "transpose")) {
        v = with_rank(w, 3 + dg_random_below(w->r, 2));
        int rank = shape_of(w, v).rank;
        snprintf(attrs, sizeof attrs,
                 rank == 4   ? "perm=0,2,3,1"
                 : rank == 3 ? "perm=0,2,1"
                             : "perm=0,1");
    } else if (!strcmp(type, "concat")) {
        in[0] = in[1] = v;
        in[2] = bounded(w, v);
        return s.rank > 1 ? apply(w, type, 3, in, "axis=-1") : bounded(w, v);
    } else if (!strcmp(type, "split")) {
        for (int i = 0; i < 20 && (s.rank < 2 || last % 2); i++) {
            v = any(w);
            s = shape_of(w, v);
            last = s.dim[s.rank - 1];
        }
        if (s.rank < 2 || last % 2) {
            v = apply(w, "linear", 1, (dg_value[]){with_rank(w, 2)}, "units=6");
            last = 6;
        }
        if (last > 2 && dg_random_below(w->r, 2))
            snprintf(attrs, sizeof attrs, "parts=1,%d axis=-1", (int)last - 1);
        dg_value first = apply(w, type, 1, &v, *attrs ? attrs : "parts=2 axis=-1");
        put(w, dg_value_part(w->g, first, 1));
        return first;
    } else if (!strcmp(type, "slice")) {
        if (s.rank < 2)
            return bounded(w, v);
        if (dg_random_below(w->r, 2))
            snprintf(attrs, sizeof attrs, "axis=%d start=-1 step=-2", s.rank - 1);
        else
            snprintf(attrs, sizeof attrs, "axis=%d start=%d end=%d", s.rank - 1, last > 1 ? 1 : 0,
                     (int)last);
    } else if (!strcmp(type, "pad")) {
        static const char *const pads[] = {"", "", "pads=0,1,0,2", "pads=0,1,0,0,1,2",
                                           "pads=0,1,0,1,0,2,1,0 value=0.5"};
        v = with_rank(w, 2 + dg_random_below(w->r, 3));
        int rank = shape_of(w, v).rank;
        if (rank < 2 || rank > 4)
            return bounded(w, v);
        snprintf(attrs, sizeof attrs, "%s%s", pads[rank],
                 dg_random_below(w->r, 2) ? " mode=replicate" : "");
    }
    return apply(w, type, 1, &v, attrs);
}

static dg_value reduction(world *w, const char *type)
{
    char attrs[64];
    dg_value v = with_rank(w, 2 + dg_random_below(w->r, 3));
    int rank = shape_of(w, v).rank;
    if (rank < 2)
        return bounded(w, v);
    if (!strcmp(type, "softmax") || !strcmp(type, "log_softmax"))
        return apply(w, type, 1, &v, "axis=-1");
    int keep = dg_random_below(w->r, 2); /* a draw a statement: compilers order arguments freely */
    snprintf(attrs, sizeof attrs, "axis=%d keepdims=%s", 1 + dg_random_below(w->r, rank - 1),
             keep ? "true" : "false");
    return apply(w, type, 1, &v, attrs);
}

/* groupnorm: one group, which divides any channels. */
static dg_value norm(world *w, const char *type)
{
    dg_value v = with_rank(w, 2 + dg_random_below(w->r, 3));
    if (shape_of(w, v).rank < 2)
        return bounded(w, v);
    dg_shape s = shape_of(w, v);
    if (!strcmp(type, "batchnorm") && dg_shape_row(&s) == s.dim[s.rank - 1])
        return bounded(w, v); /* a batch of one row would have no variance */
    if (!strcmp(type, "batchnorm"))
        return apply(w, type, 1, &v,
                     dg_random_below(w->r, 3) ? "epsilon=0.1" : "epsilon=0.1 running=true");
    if (!strcmp(type, "lrn"))
        return apply(w, type, 1, &v, "size=3 alpha=0.5");
    return apply(w, type, 1, &v,
                 !strcmp(type, "groupnorm") ? "groups=1 epsilon=0.1" : "epsilon=0.1");
}

/* Nodes that pick slices by ids, or know a place by its index. */
static dg_value slices(world *w, const char *type)
{
    char attrs[64];
    if (!strcmp(type, "embedding")) {
        dg_value words = ids(w, 5, dg_shape_make(2, (int64_t[]){DG_N, 3}));
        return apply(w, type, 1, &words, "vocabulary=5 units=4");
    }
    dg_value v = with_rank(w, 2 + dg_random_below(w->r, 3));
    dg_shape s = shape_of(w, v);
    if (s.rank < 2)
        return bounded(w, v);
    if (!strcmp(type, "gather")) {
        int rows = dg_random_below(w->r, 2);
        dg_shape two = dg_shape_make(2 - !rows, (int64_t[]){rows ? DG_N : 3, 2});
        dg_value in[2] = {v, ids(w, s.dim[s.rank - 1], two)};
        return apply(w, type, 2, in, rows ? "axis=-1 rows=true" : "axis=-1");
    }
    if (!strcmp(type, "cumsum"))
        return apply(w, type, 1, &v, "axis=1");
    snprintf(attrs, sizeof attrs, "length=%d units=3", (int)s.dim[1] + 2);
    return apply(w, type, 1, &v, attrs);
}

/* Of a value with itself, or of two projections of it. */
static dg_value attention(world *w)
{
    char attrs[64];
    dg_value v = with_rank(w, 3), in[3];
    dg_shape s = shape_of(w, v);
    if (s.rank != 3)
        return bounded(w, v);
    snprintf(attrs, sizeof attrs, "units=%d", (int)s.dim[2]);
    in[0] = in[1] = in[2] = v;
    if (dg_random_below(w->r, 2))
        for (int k = 1; k < 3; k++)
            in[k] = apply(w, "linear", 1, &v, attrs);
    snprintf(attrs, sizeof attrs, "heads=%d causal=%s", s.dim[2] % 2 ? 1 : 2,
             dg_random_below(w->r, 2) ? "true" : "false");
    return apply(w, "attention", 3, in, attrs);
}

/* A layer that goes through axis 1; the last states are used too. */
static dg_value recurrent(world *w, const char *type)
{
    static const char *const forms[] = {"units=3", "units=2 layers=2", "units=2 direction=both",
                                        "units=3 direction=backward"};
    dg_value v = with_rank(w, 3);
    if (shape_of(w, v).rank != 3)
        return bounded(w, v);
    dg_value all = apply(w, type, 1, &v, forms[dg_random_below(w->r, 4)]);
    for (int k = 1; k < (!strcmp(type, "lstm") ? 3 : 2); k++)
        put(w, dg_value_part(w->g, all, k));
    return all;
}

/* A loss of v against a target made for it; gives rho. */
static dg_value loss(world *w, const char *type, dg_value v)
{
    dg_shape s = shape_of(w, v);
    int probability = !strcmp(type, "cross_entropy");
    int labels = (probability || !strcmp(type, "softmax_cross_entropy")) && s.rank > 1;
    if ((probability || !strcmp(type, "softmax_cross_entropy")) && s.rank < 2) {
        v = apply(w, "linear", 1, (dg_value[]){with_rank(w, 2)}, "units=4");
        s = shape_of(w, v);
        labels = 1;
    }
    if (probability)
        v = apply(w, "softmax", 1, &v, "axis=-1");
    if (!strcmp(type, "binary_cross_entropy"))
        v = apply(w, "sigmoid", 1, &v, "");
    dg_shape t = s;
    t.rank -= labels;
    if (labels)
        t.dim[t.rank] = 0;
    dg_value in[2] = {input(w, labels ? DG_I32 : DG_F32, t), v};
    w->targets++;
    return apply(w, type, 2, in, "");
}

static int is_one_of(const char *type, const char *list)
{
    const char *at = strstr(list, type);
    size_t n = strlen(type);
    return at && (at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0);
}

static dg_value make(world *w, const dg_node_type *t)
{
    if (t->flags & DG_LOSS)
        return loss(w, t->name, any(w));
    if (is_one_of(t->name, "linear matmul conv conv_transpose"))
        return product(w, t->name);
    if (is_one_of(t->name, "maxpool avgpool global_avgpool upsample adaptive_avgpool"))
        return pool(w, t->name);
    if (is_one_of(t->name, "where")) {
        dg_value v = any(w), in[3] = {partner(w, v), v, partner(w, v)};
        return apply(w, t->name, 3, in, "");
    }
    if (is_one_of(t->name, "add sub mul div pow maximum minimum greater less equal not_equal"))
        return binary(w, t->name);
    if (is_one_of(t->name, "sum mean max min softmax log_softmax"))
        return reduction(w, t->name);
    if (is_one_of(t->name, "gather embedding position cumsum"))
        return slices(w, t->name);
    if (is_one_of(t->name, "rnn gru lstm"))
        return recurrent(w, t->name);
    if (is_one_of(t->name, "attention"))
        return attention(w);
    if (is_one_of(t->name, "layernorm rmsnorm groupnorm batchnorm lrn"))
        return norm(w, t->name);
    if (is_one_of(t->name, "reshape flatten transpose concat split slice pad"))
        return shaping(w, t->name);
    if (is_one_of(t->name, "dropout")) {
        dg_value v = any(w);
        return apply(w, t->name, 1, &v, "rate=0.3");
    }
    return unary(w, t->name);
}

static int rare_type(const world *w, const int used[DG_RANDOM_TYPES])
{
    int best = -1, n = 0;
    while (n < DG_RANDOM_TYPES && dg_type_at(w->g, n))
        n++;
    for (int i = 0; i < 3;) {
        int k = dg_random_below(w->r, n);
        if (used[k] >= DG_RANDOM_NEVER)
            continue;
        i++;
        if (best < 0 || used[k] < used[best])
            best = k;
    }
    return best;
}

static void start(world *w)
{
    int h = 3 + dg_random_below(w->r, 5), c = 1 + dg_random_below(w->r, 4);
    put(w, input(w, DG_F32, dg_shape_make(2, (int64_t[]){DG_N, 2 + dg_random_below(w->r, 20)})));
    put(w, input(w, DG_F32, dg_shape_make(4, (int64_t[]){DG_N, h, h + 1, c})));
    put(w, input(w, DG_F32, dg_shape_make(3, (int64_t[]){DG_N, 3, 4})));
    dg_value first = w->pool[0]; /* everything depends on a parameter from here on */
    put(w, apply(w, "linear", 1, &first, "units=7"));
}

static int is_used(const dg_graph *g, dg_value v)
{
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_in; i++)
            if (g->nodes[k].in[i] == v.id)
                return 1;
    return 0;
}

/* What no one has used gets a loss, but for one in six, which end nowhere. */
static void finish(world *w)
{
    static const char *const kinds[] = {"mse", "mae", "huber", "softmax_cross_entropy"};
    for (int i = 0, n = w->n; i < n; i++) {
        if (is_used(w->g, w->pool[i]) || (i < n - 1 && dg_random_below(w->r, 6) == 0))
            continue;
        dg_value v = bounded(w, w->pool[i]);
        double weight = dg_random_between(w->r, 0.2, 2);
        dg_loss(w->g, NULL, loss(w, kinds[dg_random_below(w->r, 4)], v), weight);
    }
    dg_output(w->g, "last", w->pool[w->n - 1]);
    dg_output(w->g, "middle", w->pool[w->n / 2]);
}

dg_graph *dg_random_graph(dg_random *r, dg_type real, int nodes, int used[DG_RANDOM_TYPES])
{
    world w = {.g = dg_graph_new(NULL, real), .r = r};
    start(&w);
    for (int i = 0; i < nodes; i++) {
        int k = rare_type(&w, used);
        const dg_node_type *t = dg_type_at(w.g, k);
        dg_value v = make(&w, t);
        used[k]++;
        if (t->flags & DG_LOSS)
            dg_loss(w.g, NULL, v, 0.5);
        else
            put(&w, v);
    }
    finish(&w);
    return w.g;
}

static void fill(dg_random *r, const dg_value_info *info, dg_tensor *t, const char *role)
{
    int64_t n = dg_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = role ? dg_random_between(r, 0.05, 0.95) : dg_random_between(r, -1.5, 1.5);
        if (info->type == DG_I32)
            ((int32_t *)t->data)[i] =
                strncmp(info->name, "ids", 3) == 0 ? dg_random_below(r, atoi(info->name + 3)) : 0;
        else if (info->type == DG_F32)
            ((float *)t->data)[i] = (float)x;
        else
            ((double *)t->data)[i] = x;
    }
}

int dg_random_data(dg_random *r, const dg_graph *g, int64_t batch, dg_tensor **data)
{
    int n = 0, all = dg_graph_values(g);
    *data = calloc((size_t)all + 1, sizeof **data);
    for (int id = 1; id <= all; id++) {
        dg_value_info info;
        dg_value_look(g, (dg_value){id}, &info);
        if (info.kind != DG_INPUT)
            continue;
        dg_tensor *t = &(*data)[n++];
        *t = (dg_tensor){.type = info.type, .shape = info.shape};
        if (t->shape.rank > 0 && t->shape.dim[0] == DG_N)
            t->shape.dim[0] = batch;
        t->bytes = (size_t)dg_shape_count(&t->shape) * dg_type_bytes(t->type);
        t->data = calloc(1, t->bytes + 1);
        fill(r, &info, t,
             id > 3 ? "target" : NULL); /* targets of binary cross entropy: in (0, 1) */
    }
    return n;
}

void dg_random_free(dg_tensor *data, int n)
{
    for (int i = 0; i < n; i++)
        free(data[i].data);
    free(data);
}
