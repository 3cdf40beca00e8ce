/* The axes of a value as lists of atoms; see import.h. */
#include "onnx/import.h"

#include <string.h>

/* ---- Sizes ----------------------------------------------------------------------------------- */

int dg_onnx_rank(const dg_onnx_value *v)
{
    return v->fixed[0] ? v->fixed[0]->rank : v->at.rank;
}

int dg_layout_count(const dg_layout *at, int axis)
{
    return at->start[axis + 1] - at->start[axis];
}

int64_t dg_onnx_dim(const dg_onnx_value *v, int b, int axis)
{
    int64_t size = 1;
    if (v->fixed[b])
        return v->fixed[b]->dim[axis];
    for (int i = v->at.start[axis]; i < v->at.start[axis + 1]; i++)
        size *= v->at.atom[v->at.order[i]].size[b];
    return size;
}

int64_t dg_onnx_size(const dg_onnx_value *v, int axis)
{
    int64_t a = dg_onnx_dim(v, 0, axis), b = dg_onnx_dim(v, 1, axis);
    return a == b ? a : -2;
}

bool dg_onnx_has_batch(const dg_onnx_value *v, int axis)
{
    if (v->fixed[0])
        return v->fixed[0]->dim[axis] != v->fixed[1]->dim[axis];
    for (int i = v->at.start[axis]; i < v->at.start[axis + 1]; i++)
        if (v->at.atom[v->at.order[i]].batch)
            return true;
    return false;
}

/* ---- Making layouts -------------------------------------------------------------------------- */

dg_layout dg_layout_stored(int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK], int batch_axis,
                           const int perm[])
{
    dg_layout at = {.rank = rank};
    int atom_of[DG_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int k = perm[i];
        bool one = dim[0][k] == 1 && dim[1][k] == 1 && k != batch_axis;
        atom_of[k] = one ? -1 : at.n;
        if (!one)
            at.atom[at.n++] = (dg_atom){{dim[0][k], dim[1][k]}, k == batch_axis};
    }
    for (int k = 0, n = 0; k < rank; k++) {
        at.start[k] = n;
        if (atom_of[k] >= 0)
            at.order[n++] = atom_of[k];
        at.start[k + 1] = n;
    }
    return at;
}

dg_layout dg_layout_plain(int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK], bool batch)
{
    int perm[DG_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    return dg_layout_stored(rank, dim, batch ? 0 : -1, perm);
}

/* Atom a becomes two, the first of these sizes; false: there is no room. */
static bool cut(dg_layout *at, int a, const int64_t size[DG_BINDINGS])
{
    if (at->n == DG_ATOMS)
        return false;
    memmove(&at->atom[a + 1], &at->atom[a], (size_t)(at->n - a) * sizeof *at->atom);
    at->n++;
    for (int b = 0; b < DG_BINDINGS; b++) {
        at->atom[a + 1].size[b] = at->atom[a].size[b] / size[b];
        at->atom[a].size[b] = size[b];
    }
    return true;
}

typedef struct {
    int atom[DG_ATOMS], n;
} sequence;

static bool divides(const int64_t a[DG_BINDINGS], const int64_t b[DG_BINDINGS])
{
    return a[0] > 0 && a[1] > 0 && b[0] % a[0] == 0 && b[1] % a[1] == 0;
}

/* Takes atoms of s from *i on for an axis of this size; they go to order[*n..]. */
static bool fill_axis(dg_layout *at, sequence *s, int *i, int64_t rest[DG_BINDINGS], int *n)
{
    while (rest[0] != 1 || rest[1] != 1) {
        if (*i == s->n)
            return false;
        int a = s->atom[*i];
        const int64_t *size = at->atom[a].size;
        if (divides(size, rest)) {
            rest[0] /= size[0];
            rest[1] /= size[1];
            at->order[(*n)++] = a;
            ++*i;
            continue;
        }
        bool cuts = !at->atom[a].batch && rest[0] > 1 && rest[1] > 1 && divides(rest, size);
        if (!cuts || !cut(at, a, rest))
            return false;
        for (int k = 0; k < s->n; k++)
            s->atom[k] += s->atom[k] > a;
        for (int k = 0; k < *n; k++)
            at->order[k] += at->order[k] > a;
        at->order[(*n)++] = a;
        s->atom[*i] = a + 1;
        rest[0] = rest[1] = 1;
    }
    return true;
}

bool dg_layout_reshape(dg_layout *at, int rank, int64_t dim[DG_BINDINGS][DG_MAX_RANK],
                       const int64_t batch[DG_BINDINGS])
{
    dg_layout to = *at;
    sequence s = {.n = at->start[at->rank]};
    int i = 0, n = 0;
    (void)batch;
    memcpy(s.atom, at->order, sizeof s.atom);
    to.rank = rank;
    for (int k = 0; k < rank; k++) {
        int64_t rest[DG_BINDINGS] = {dim[0][k], dim[1][k]};
        to.start[k] = n;
        if (!fill_axis(&to, &s, &i, rest, &n))
            return false;
        to.start[k + 1] = n;
    }
    if (i != s.n)
        return false;
    *at = to;
    return true;
}

void dg_layout_join(dg_layout *at, int axis)
{
    for (int i = at->start[axis]; i + 1 < at->start[axis + 1];) {
        int a = at->order[i], next = at->order[i + 1];
        if (next != a + 1 || at->atom[a].batch) {
            i++;
            continue;
        }
        for (int b = 0; b < DG_BINDINGS; b++)
            at->atom[a].size[b] *= at->atom[next].size[b];
        memmove(&at->atom[next], &at->atom[next + 1],
                (size_t)(at->n - next - 1) * sizeof *at->atom);
        at->n--;
        memmove(&at->order[i + 1], &at->order[i + 2],
                (size_t)(at->start[at->rank] - i - 2) * sizeof *at->order);
        for (int k = axis + 1; k <= at->rank; k++)
            at->start[k]--;
        for (int k = 0; k < at->start[at->rank]; k++)
            at->order[k] -= at->order[k] > a;
    }
}

/* ---- What is wanted -------------------------------------------------------------------------- */

void dg_want_one(dg_want *w)
{
    w->start[w->n + 1] = w->start[w->n];
    w->n++;
}

void dg_want_axis(dg_want *w, const dg_layout *at, int axis)
{
    int n = w->start[w->n];
    for (int i = at->start[axis]; i < at->start[axis + 1]; i++)
        w->atom[n++] = at->order[i];
    w->start[++w->n] = n;
}

void dg_want_atom(dg_want *w, int atom)
{
    w->atom[w->start[w->n]] = atom;
    w->start[w->n + 1] = w->start[w->n] + 1;
    w->n++;
}

dg_want dg_want_plain(const dg_layout *at)
{
    dg_want w = {0};
    for (int k = 0; k < at->rank; k++)
        dg_want_axis(&w, at, k);
    return w;
}

dg_want dg_want_stored(const dg_layout *at)
{
    dg_want w = {0};
    for (int a = 0; a < at->n && a < DG_MAX_RANK; a++)
        dg_want_atom(&w, a);
    return w;
}

/* ---- The shape that a value has in the model ------------------------------------------------- */

/* The atoms that an axis of the shape in the model holds begin at first[i]; false: it is not made
 * of whole atoms. */
bool dg_onnx_dims_of(const dg_onnx_value *v, const dg_layout *at, int first[])
{
    int a = 0;
    for (int i = 0; i < v->rank; i++) {
        first[i] = a;
        if (v->dim[i] == 1)
            continue;
        if (v->dim[i] < 0) { /* N, or free: an atom of its own */
            a++;
            continue;
        }
        int64_t rest = v->dim[i];
        while (rest > 1 && a < at->n && at->atom[a].size[0] > 1 && rest % at->atom[a].size[0] == 0)
            rest /= at->atom[a++].size[0];
        if (rest != 1)
            return false;
    }
    first[v->rank] = a;
    return a == at->n;
}

/* The axes of the file in the order of storage, those of size 1 where the model has them, else in
 * their place. False: the atoms of an axis are apart. */
bool dg_onnx_stored_order(const dg_onnx_value *v, int axis[])
{
    const dg_layout *at = &v->at;
    int full[DG_MAX_RANK], n = 0, next = 0, one = 0, ones[DG_MAX_RANK], n_ones = 0;
    for (int k = 0; k < at->rank; k++) {
        for (int i = at->start[k] + 1; i < at->start[k + 1]; i++)
            if (at->order[i] != at->order[i - 1] + 1)
                return false;
        if (dg_layout_count(at, k) == 0) {
            ones[n_ones++] = k;
            continue;
        }
        int place = n++;
        for (; place > 0 && at->order[at->start[full[place - 1]]] > at->order[at->start[k]];
             place--)
            full[place] = full[place - 1];
        full[place] = k;
    }
    bool like = v->rank == at->rank;
    for (int i = 0; i < at->rank; i++) {
        bool empty = one < n_ones && (like ? v->dim[i] == 1 : ones[one] == i || next == n);
        axis[i] = empty || next == n ? ones[one++] : full[next++];
    }
    return true;
}

dg_layout dg_layout_moved(const dg_layout *at, const dg_want *w)
{
    dg_layout to = *at;
    int place[DG_ATOMS];
    for (int i = 0; i < w->start[w->n]; i++) {
        place[w->atom[i]] = i;
        to.atom[i] = at->atom[w->atom[i]];
    }
    for (int i = 0; i < at->start[at->rank]; i++)
        to.order[i] = place[at->order[i]];
    return to;
}

dg_layout dg_layout_turned(const dg_layout *at, const int perm[])
{
    dg_layout to = *at;
    for (int k = 0, n = 0; k < at->rank; k++) {
        to.start[k] = n;
        for (int i = at->start[perm[k]]; i < at->start[perm[k] + 1]; i++)
            to.order[n++] = at->order[i];
        to.start[k + 1] = n;
    }
    return to;
}

void dg_layout_resize(dg_layout *at, int axis, const int64_t size[DG_BINDINGS])
{
    int n = dg_layout_count(at, axis), first = n ? at->order[at->start[axis]] : 0;
    if (n == 1 && (size[0] != 1 || size[1] != 1)) {
        memcpy(at->atom[first].size, size, sizeof at->atom[first].size);
        return;
    }
    if (n == 0)
        return;
    memmove(&at->atom[first], &at->atom[first + 1], (size_t)(at->n - first - 1) * sizeof *at->atom);
    at->n--;
    int place = at->start[axis];
    memmove(&at->order[place], &at->order[place + 1],
            (size_t)(at->start[at->rank] - place - 1) * sizeof *at->order);
    for (int k = axis + 1; k <= at->rank; k++)
        at->start[k]--;
    for (int i = 0; i < at->start[at->rank]; i++)
        at->order[i] -= at->order[i] > first;
}

/* ---- Giving ---------------------------------------------------------------------------------- */

/* The size of the axis of the model that these atoms make: DG_N, -2 (free), -3 (the batch with
 * others). */
static int64_t axis_size(const dg_layout *at, const int atoms[], int n)
{
    int64_t size[DG_BINDINGS] = {1, 1};
    for (int i = 0; i < n; i++) {
        const dg_atom *a = &at->atom[atoms[i]];
        if (a->batch)
            return n == 1 ? DG_N : -3;
        size[0] *= a->size[0];
        size[1] *= a->size[1];
    }
    return size[0] == size[1] ? size[0] : -2;
}

/* " | reshape([N, 3, 4])"; false: a size is free. */
static bool add_reshape(dg_text *t, const int64_t dim[], int rank)
{
    int open = 0;
    dg_text_add(t, " | reshape([");
    for (int i = 0; i < rank; i++) {
        open += dim[i] == -2;
        if (dim[i] == DG_N)
            dg_text_printf(t, "%sN", i ? ", " : "");
        else
            dg_text_printf(t, "%s%lld", i ? ", " : "", dim[i] == -2 ? -1LL : (long long)dim[i]);
    }
    dg_text_add(t, "])");
    return open <= 1; /* a size may be left to what is there */
}

static bool same_dims(const int64_t a[], int n, const int64_t b[], int k)
{
    return n == k && memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Blocks of atoms that stay together: their sizes in storage, and the place of each. */
typedef struct {
    int n, place[DG_ATOMS]; /* block i of what is wanted is block place[i] of storage */
    int64_t dim[DG_ATOMS];  /* in storage */
} blocks;

static blocks find_blocks(const dg_layout *at, const dg_want *w)
{
    blocks k = {0};
    int n = w->start[w->n], first[DG_ATOMS], length[DG_ATOMS];
    for (int i = 0; i < n; i++) {
        bool joins = i > 0 && w->atom[i] == w->atom[i - 1] + 1 && !at->atom[w->atom[i - 1]].batch;
        if (joins)
            length[k.n - 1]++;
        else
            first[k.n] = w->atom[i], length[k.n++] = 1;
    }
    for (int i = 0; i < k.n; i++) {
        int atoms[DG_ATOMS];
        for (int j = 0; j < k.n; j++)
            k.place[i] += first[j] < first[i];
        for (int j = 0; j < length[i]; j++)
            atoms[j] = first[i] + j;
        k.dim[k.place[i]] = axis_size(at, atoms, length[i]);
    }
    return k;
}

static bool add_transpose(dg_text *t, const dg_onnx_value *v, const blocks *k)
{
    bool fits = k->n <= DG_MAX_RANK;
    if (fits && !same_dims(v->dim, v->rank, k->dim, k->n))
        fits = add_reshape(t, k->dim, k->n);
    dg_text_add(t, " | transpose([");
    for (int i = 0; i < k->n; i++)
        dg_text_printf(t, "%s%d", i ? ", " : "", k->place[i]);
    dg_text_add(t, "])");
    return fits;
}

/* Where the batch would have to go. */
static bool refuse_batch(dg_import *m, const dg_step *s, const dg_onnx_value *v)
{
    return dg_onnx_refuse(m, s,
                          "needs the batch of '%s' on another axis than the first, or joined "
                          "with others",
                          v->name);
}

const char *dg_onnx_give(dg_import *m, const dg_step *s, const dg_onnx_value *v, const dg_want *w)
{
    int64_t dim[DG_MAX_RANK], after[DG_ATOMS];
    int n = w->start[w->n], after_n = v->rank;
    bool moved = false;
    for (int i = 0; i < w->n; i++) {
        dim[i] = axis_size(&v->at, &w->atom[w->start[i]], w->start[i + 1] - w->start[i]);
        if (dim[i] == -3 || (dim[i] == DG_N && i > 0))
            return refuse_batch(m, s, v), NULL;
    }
    for (int i = 0; i < n; i++)
        moved |= w->atom[i] != i;
    memcpy(after, v->dim, (size_t)v->rank * sizeof *after);
    dg_text t = dg_text_make(&m->memory);
    dg_text_add(&t, v->dag);
    bool fits = true;
    if (moved) {
        blocks k = find_blocks(&v->at, w);
        fits = add_transpose(&t, v, &k);
        after_n = k.n;
        for (int i = 0; i < k.n; i++)
            after[i] = k.dim[k.place[i]];
    }
    if (fits && w->n > 0 && !same_dims(after, after_n, dim, w->n)) /* a number may be an array */
        fits = add_reshape(&t, dim, w->n);
    const char *text = t.failed ? NULL : dg_heap_copy(&m->heap, t.data, t.length);
    dg_text_free(&t);
    if (!text)
        dg_heap_fail(&m->heap);
    if (!fits)
        return dg_onnx_refuse(m, s,
                              "cuts or joins axes of '%s' whose sizes are free: give them "
                              "by --size NAME=NUMBER",
                              v->name),
               NULL;
    if (strcmp(text, v->dag) == 0)
        return v->dag;
    return dg_onnx_line(m, moved ? s : NULL, v->name, "%s", text);
}
