/* The modules of a state dict, by the names of its tensors, and in which order they come. */
#include "io/pytorch_parts.h"

#include "base/text.h"
#include "io/file.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char tracked[] = "num_batches_tracked";

enum { MOST = 20000 }; /* tensors; each is looked for among all modules */

/* ---- Names ----------------------------------------------------------------------------------- */

/* weight_ih_l0, bias_hh_l12_reverse */
static bool is_recurrent(const char *text)
{
    static const char *const starts[] = {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"};
    for (int i = 0; i < 4; i++) {
        const size_t n = strlen(starts[i]);
        const char *end = text + n;
        if (strncmp(text, starts[i], n) != 0)
            continue;
        while (isdigit((unsigned char)*end))
            end++;
        return end > text + n && (!*end || strcmp(end, "_reverse") == 0);
    }
    return false;
}

bool dg_torch_is_suffix(const char *text)
{
    static const char *const known[] = {"weight",      "bias",  "running_mean",
                                        "running_var", tracked, NULL};
    for (int i = 0; known[i]; i++)
        if (strcmp(text, known[i]) == 0)
            return true;
    return is_recurrent(text);
}

/* Where the name of a tensor goes on after that of its module; the whole is a parameter alone. */
static size_t prefix_of(const char *name, const dg_weights_as *as)
{
    static const char in_proj[] = "in_proj_";
    const char *point = strrchr(name, '.'), *last = point ? point + 1 : name;
    for (int i = 0; i < as->n_map; i++) /* OLD is this very tensor */
        if (strncmp(as->map[i], name, strlen(name)) == 0 && as->map[i][strlen(name)] == '=')
            return strlen(name);
    if (strncmp(last, in_proj, strlen(in_proj)) == 0)
        last += strlen(in_proj);
    return dg_torch_is_suffix(last) ? (size_t)(last - name) : strlen(name);
}

/* ---- Modules --------------------------------------------------------------------------------- */

typedef struct {
    dg_torch_modules *to;
    const dg_checkpoint *c;
    const dg_weights_as *as;
    dg_arena *arena;
    int *at;              /* of each tensor: its place in the order of the net, */
    dg_torch_module **of; /* and its module; NULL: none */
} maker;

static dg_torch_module *module_of(maker *m, const char *name, size_t n)
{
    dg_torch_modules *all = m->to;
    for (int i = all->n; i-- > 0;)
        if (strlen(all->module[i].prefix) == n && strncmp(all->module[i].prefix, name, n) == 0)
            return &all->module[i];
    const size_t shown = n && strchr("._", name[n - 1]) ? n - 1 : n;
    dg_torch_module *made = &all->module[all->n];
    made->prefix = dg_arena_copy_bytes(m->arena, name, n);
    made->name = shown ? dg_arena_copy_bytes(m->arena, name, shown) : "the whole file";
    made->at = INT32_MAX;
    if (!made->prefix || !made->name)
        return NULL;
    all->n++;
    return made;
}

/* Counts the tensors of each module first: a file may have many of either. */
static dg_status add_tensor(maker *m, int k)
{
    const char *name = dg_checkpoint_tensors(m->c)->tensor[k].name;
    dg_torch_module *module = module_of(m, name, prefix_of(name, m->as));
    if (!module)
        return DG_EMEMORY;
    m->of[k] = module;
    module->n++;
    module->at = m->at[k] < module->at ? m->at[k] : module->at;
    return DG_OK;
}

static dg_status list_tensors(maker *m)
{
    const dg_tensors *all = dg_checkpoint_tensors(m->c);
    for (int i = 0; i < m->to->n; i++) {
        dg_torch_module *module = &m->to->module[i];
        module->tensor = dg_arena_array(m->arena, (size_t)module->n, sizeof *module->tensor);
        module->n = 0;
        if (!module->tensor)
            return DG_EMEMORY;
    }
    for (int k = 0; k < all->n; k++)
        if (m->of[k]) {
            const char *suffix = all->tensor[k].name + strlen(m->of[k]->prefix);
            m->of[k]->tensor[m->of[k]->n++] = (dg_torch_tensor){suffix, &all->tensor[k]};
        }
    return DG_OK;
}

static void leave_out(const maker *m, const dg_named *t)
{
    char line[512], shape[128];
    const size_t n = strlen(t->name), k = strlen(tracked);
    if (!m->as->say || (n >= k && strcmp(t->name + n - k, tracked) == 0))
        return;
    dg_format(line, sizeof line, "left out: '%.200s' %s of whole numbers", t->name,
              dg_shape_text(&t->tensor.shape, shape, sizeof shape));
    m->as->say(m->as->user, line);
}

/* How many tensors have floating point numbers of another size. */
static void tell_types(const maker *m)
{
    const dg_tensors *all = dg_checkpoint_tensors(m->c);
    static const char *const of[] = {"F16", "BF16", "F64"};
    for (int i = 0; i < 3; i++) {
        int n = 0;
        char line[128];
        for (int k = 0; k < all->n; k++)
            n += all->tensor[k].dtype && strcmp(all->tensor[k].dtype, of[i]) == 0;
        dg_format(line, sizeof line, "%d tensor%s of %s converted", n, n == 1 ? "" : "s", of[i]);
        if (n && m->as->say)
            m->as->say(m->as->user, line);
    }
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The lines of the note "order", each the name of a tensor. */
static void order_of_note(maker *m, const char *note)
{
    const dg_tensors *all = dg_checkpoint_tensors(m->c);
    int line = 0;
    for (const char *end; *note && line < MOST; note = end + (*end == '\n'), line++) {
        end = note + strcspn(note, "\n");
        for (int k = 0; k < all->n; k++)
            if (strlen(all->tensor[k].name) == (size_t)(end - note) &&
                strncmp(all->tensor[k].name, note, (size_t)(end - note)) == 0)
                m->at[k] = line;
    }
}

/* PyTorch's writer sorts by the size of elements, then by name. */
static bool is_sorted(const dg_tensors *t)
{
    for (int i = 1; i < t->n; i++)
        if (t->tensor[i - 1].tensor.type == t->tensor[i].tensor.type &&
            strcmp(t->tensor[i - 1].name, t->tensor[i].name) > 0)
            return false;
    return true;
}

static void find_order(maker *m)
{
    const dg_tensors *all = dg_checkpoint_tensors(m->c);
    const char *note = dg_checkpoint_text(m->c, "order");
    m->to->ordered = note || !is_sorted(all);
    for (int k = 0; k < all->n; k++)
        m->at[k] = note ? INT32_MAX : k;
    if (note)
        order_of_note(m, note);
}

/* The sign of the number that both texts have at the same place, *a and *b moved behind it. */
static int compare_numbers(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    const size_t n = strspn(*a, "0123456789"), k = strspn(*b, "0123456789");
    const int sign = n != k ? (n < k ? -1 : 1) : strncmp(*a, *b, n);
    *a += n;
    *b += k;
    return sign;
}

/* By numbers and texts from left to right; *sure: the first difference is that of a number in texts
 * that are otherwise the same up to the next point. */
static int compare_names(const char *a, const char *b, bool *sure)
{
    int sign = 0;
    *sure = false;
    while (*a && *b && !(sign && (*a == '.' || *b == '.'))) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            const int s = compare_numbers(&a, &b);
            sign = sign ? sign : s;
        } else if (*a == *b) {
            a++;
            b++;
        } else {
            return sign ? sign : *a < *b ? -1 : 1;
        }
    }
    *sure = sign && (*a == *b || (*a == '.' && !*b) || (*b == '.' && !*a));
    return sign ? sign : *a ? 1 : *b ? -1 : 0;
}

static int by_order(const void *x, const void *y)
{
    const dg_torch_module *a = x, *b = y;
    bool sure;
    return a->at != b->at ? (a->at < b->at ? -1 : 1) : compare_names(a->name, b->name, &sure);
}

static int by_name(const void *x, const void *y)
{
    bool sure;
    return compare_names(((const dg_torch_module *)x)->name, ((const dg_torch_module *)y)->name,
                         &sure);
}

bool dg_torch_follows(const dg_torch_modules *m, const dg_torch_module *a, const dg_torch_module *b)
{
    bool sure;
    if (m->ordered)
        return a->at < b->at && b->at < INT32_MAX;
    return compare_names(a->name, b->name, &sure) < 0 && sure;
}

static dg_status sort_out(maker *m, dg_diag *why)
{
    const dg_tensors *all = dg_checkpoint_tensors(m->c);
    dg_status s = DG_OK;
    for (int k = 0; k < all->n && s == DG_OK; k++) {
        const dg_named *t = &all->tensor[k];
        if (t->name[0] == '@')
            continue;
        if (strpbrk(t->name, "\n=*"))
            return dg_diag_set(why, DG_EDATA, "'%.80s' is no name of a tensor of PyTorch", t->name);
        if (t->tensor.type == DG_F32 || t->tensor.type == DG_F64)
            s = add_tensor(m, k);
        else
            leave_out(m, t);
    }
    return s == DG_OK ? list_tensors(m) : s;
}

dg_status dg_torch_modules_make(dg_torch_modules *to, const dg_checkpoint *c,
                                const dg_weights_as *as, dg_arena *arena, dg_diag *why)
{
    const int all = dg_checkpoint_tensors(c)->n;
    const size_t n = (size_t)all + 1;
    if (all > MOST)
        return dg_diag_set(why, DG_EDATA, "%d tensors; a state dict of at most %d is read", all,
                           MOST);
    *to = (dg_torch_modules){.module = dg_arena_array(arena, n, sizeof *to->module)};
    maker m = {.to = to, .c = c, .as = as, .arena = arena};
    m.at = dg_arena_array(arena, n, sizeof *m.at);
    m.of = dg_arena_array(arena, n, sizeof *m.of);
    if (!to->module || !m.at || !m.of)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    find_order(&m);
    if (sort_out(&m, why) != DG_OK)
        return dg_diag_set(why, DG_EMEMORY, "out of memory"); /* unless it is known better */
    tell_types(&m);
    qsort(to->module, (size_t)to->n, sizeof *to->module, to->ordered ? by_order : by_name);
    return DG_OK;
}

/* ---- For people ------------------------------------------------------------------------------ */

const dg_tensor *dg_torch_find(const dg_torch_module *m, const char *suffix)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->tensor[i].suffix, suffix) == 0)
            return &m->tensor[i].named->tensor;
    return NULL;
}

static void list(dg_text *t, int k, const char *suffix, const dg_shape *s)
{
    char shape[128];
    dg_text_printf(t, "%s%s%s%s", k ? ", " : "", suffix, *suffix ? " " : "",
                   dg_shape_text(s, shape, sizeof shape));
}

void dg_torch_list_module(dg_text *t, const dg_torch_module *m)
{
    for (int i = 0; i < m->n; i++)
        list(t, i, m->tensor[i].suffix, &m->tensor[i].named->tensor.shape);
}

/* A tensor of which several pieces are made stands there once. */
void dg_torch_list_place(dg_text *t, const dg_torch_place *p)
{
    for (int i = 0, n = 0; i < p->n; i++) {
        bool again = false;
        for (int k = 0; k < i && !again; k++)
            again = strcmp(p->piece[k].suffix, p->piece[i].suffix) == 0;
        if (!again)
            list(t, n++, p->piece[i].suffix, &p->piece[i].shape);
    }
}
