/* dagrad convert net.onnx net.dag: a model that a person reads and completes, and its tensors. */
#include "cli/onnx.h"

#include "base/text.h"
#include "cli/columns.h"
#include "io/weights.h"
#include "io/writer.h"
#include "onnx/back.h"
#include "train/rundir.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const dg_command *const command = &dg_command_convert;

/* ---- Options --------------------------------------------------------------------------------- */

typedef struct {
    dg_onnx_options options;
    dg_onnx_sizes sizes;
} reading;

/* --size NAME=NUMBER */
int dg_onnx_sizes_read(const dg_list *list, dg_onnx_sizes *to)
{
    for (int i = 0; i < list->n; i++) {
        const char *equal = strchr(list->item[i], '=');
        const char *end = equal ? dg_read_i64(equal + 1, &to->number[i]) : NULL;
        if (!end || *end || equal == list->item[i] || to->number[i] < 1) {
            char text[256];
            dg_format(text, sizeof text, "--size is '%.100s', it takes NAME=NUMBER", list->item[i]);
            return dg_usage(command, text);
        }
        to->name[i] = strndup(list->item[i], (size_t)(equal - list->item[i]));
        if (!to->name[i])
            return EXIT_INTERNAL;
        to->size[i] = (dg_dimension){to->name[i], to->number[i]};
        to->n = i + 1;
    }
    return EXIT_DONE;
}

void dg_onnx_sizes_free(dg_onnx_sizes *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->name[i]);
    s->n = 0;
}

static int read_options(const dg_onnx_flags *f, reading *r)
{
    r->options.plain = f->plain;
    r->options.fixed = f->fixed;
    r->options.limit = f->limit << 20;
    r->options.batchnorm = !f->batchnorm ? 0 : strcmp(f->batchnorm, "frozen") == 0 ? 1 : 2;
    if (f->batchnorm && r->options.batchnorm == 2 && strcmp(f->batchnorm, "train") != 0)
        return dg_usage(command, "--batchnorm is frozen or train");
    int code = dg_onnx_sizes_read(&f->size, &r->sizes);
    r->options.n_sizes = r->sizes.n;
    r->options.size_name = (const char *const *)r->sizes.name;
    r->options.size = r->sizes.number;
    return code;
}

/* ---- What was read --------------------------------------------------------------------------- */

static void list_entries(const dg_onnx *net)
{
    static const char *const kinds[] = {"trained", "state", "constant"};
    char shape[128];
    for (int i = 0; i < net->n_entries; i++) {
        const dg_onnx_entry *e = &net->entries[i];
        printf("  %-9s %-40s %-18s %s\n", kinds[e->kind], e->name,
               dg_shape_text(&e->tensor.shape, shape, sizeof shape), e->role);
    }
}

static void count_entries(const dg_onnx *net, int n[3], int64_t numbers[3])
{
    for (int i = 0; i < net->n_entries; i++) {
        n[net->entries[i].kind]++;
        numbers[net->entries[i].kind] += dg_shape_count(&net->entries[i].tensor.shape);
    }
}

static void tell(const dg_onnx *net, const char *in)
{
    int n[3] = {0};
    int64_t numbers[3] = {0};
    count_entries(net, n, numbers);
    list_entries(net);
    printf("%s: %d nodes, %d statements\n", in, net->nodes, net->statements);
    printf("trained: %d tensors, %lld numbers; states: %d; constants: %d, %lld numbers\n",
           n[DG_ONNX_PARAMETER], (long long)numbers[DG_ONNX_PARAMETER], n[DG_ONNX_STATE],
           n[DG_ONNX_CONSTANT], (long long)numbers[DG_ONNX_CONSTANT]);
    printf("transposes: %d (before and after each spatial node: %d)\n", net->transposes,
           net->naive);
    if (net->batchnorms)
        printf("batch norms: %d\n", net->batchnorms);
    if (net->folded)
        printf("folded: %d batch norms are part of other nodes, since the exporter made them so; "
               "docs/pytorch.md keeps them\n",
               net->folded);
    if (net->untied)
        printf("untied: %d biases or scales that the file merged, since they were equal\n",
               net->untied);
    if (net->twins)
        printf("tied: %d tensors in several roles; they get the sum of their gradients\n",
               net->twins);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* "net.dag" to "net.safetensors"; to be freed. */
static char *beside(const char *out)
{
    size_t n = strlen(out);
    char *name = malloc(n + sizeof ".safetensors");
    if (name)
        sprintf(name, "%.*s.safetensors", (int)(n - strlen(".dag")), out);
    return name;
}

int dg_convert_exists(const char *path)
{
    if (access(path, F_OK) != 0)
        return 0;
    fprintf(stderr, "dagrad convert: '%s' is there already; --force replaces it\n", path);
    return 1;
}

static dg_status write_tensors(const char *path, const dg_onnx *net, dg_diag *why)
{
    dg_writer *w = NULL;
    dg_status s = dg_writer_open(&w, path, why);
    if (s == DG_OK)
        s = dg_safetensors_write(w, net->tensors);
    return dg_writer_end(w, s);
}

static int write_both(const char *in, const char *out, const char *tensors, reading *r)
{
    dg_diag why = {.code = DG_OK};
    const char *slash = strrchr(tensors, '/');
    r->options.stored = slash ? slash + 1 : tensors;
    dg_onnx *net = dg_onnx_read(in, &r->options, &why);
    dg_status s = net ? DG_OK : why.code;
    if (s == DG_OK && net->n_entries)
        s = write_tensors(tensors, net, &why);
    if (s == DG_OK)
        s = dg_file_write(out, net->text, strlen(net->text), &why);
    if (s == DG_OK)
        tell(net, in);
    dg_onnx_free(net);
    return s == DG_OK ? EXIT_DONE : dg_tell(command, &why);
}

int dg_convert_from_onnx(const char *in, const char *out, const dg_onnx_flags *f)
{
    reading r = {.options = {0}};
    char *tensors = beside(out);
    int code = tensors ? read_options(f, &r) : EXIT_INTERNAL;
    if (code == EXIT_DONE && !f->force && (dg_convert_exists(out) || dg_convert_exists(tensors)))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = write_both(in, out, tensors, &r);
    dg_onnx_sizes_free(&r.sizes);
    free(tensors);
    return code;
}

/* ---- Back ------------------------------------------------------------------------------------ */

/* That the run trained this graph: its nodes are those of the file. */
static dg_status check_graph(const char *run, const char *in, dg_diag *why)
{
    dg_experiment_options o = {.path = in, .without_data = 1, .size = 64};
    dg_experiment *net = dg_experiment_open(&o);
    dg_experiment *e = dg_run_open(run, "", &o, why);
    dg_status s = !net || !e ? DG_EMEMORY : why->code;
    if (s == DG_OK)
        s = dg_experiment_status(net);
    if (s == DG_OK)
        s = dg_experiment_status(e);
    if (s == DG_OK)
        s = dg_onnx_same_graph(net->model->graph, e->model->graph, why);
    dg_experiment_free(net);
    dg_experiment_free(e);
    return dg_diag_set(why, s, "the model of '%s' cannot be read", run);
}

static dg_status write_back(const char *in, const char *out, const char *weights,
                            const dg_onnx *net, dg_onnx_back *back, dg_diag *why)
{
    char file[4096];
    dg_checkpoint *c = NULL;
    const char *from = weights;
    dg_status s = DG_OK;
    if (dg_is_run(weights)) {
        s = check_graph(weights, in, why);
        from = dg_run_weights_file(weights, "best", file, sizeof file);
        if (access(from, F_OK) != 0)
            from = dg_run_weights_file(weights, "last", file, sizeof file);
    }
    if (s == DG_OK)
        s = dg_checkpoint_load(&c, from, 0, why);
    if (s == DG_OK)
        s = dg_onnx_write_back(net, dg_checkpoint_tensors(c), from, back, why);
    if (s == DG_OK)
        s = dg_file_write(out, back->bytes, back->size, why);
    if (s == DG_OK)
        printf("%s: %d tensors of %s, %lld numbers of them changed\n", out, back->tensors, from,
               (long long)back->numbers);
    dg_checkpoint_free(c);
    return s;
}

int dg_convert_back(const char *in, const char *out, const dg_onnx_flags *f)
{
    dg_diag why = {.code = DG_OK};
    dg_onnx_back back = {NULL, 0, 0, 0, 0};
    reading r = {.options = {0}};
    int code = read_options(f, &r);
    if (code == EXIT_DONE && !f->force && dg_convert_exists(out))
        code = EXIT_USAGE;
    dg_onnx *net = code == EXIT_DONE ? dg_onnx_read(in, &r.options, &why) : NULL;
    if (code == EXIT_DONE && (!net || write_back(in, out, f->weights, net, &back, &why) != DG_OK))
        code = dg_tell(command, &why);
    if (code == EXIT_DONE && back.training)
        fprintf(stderr,
                "dagrad convert: %d batch norms of '%s' are in training mode, as in the file they "
                "came from: other programs will not use the running statistics\n",
                back.training, out);
    dg_onnx_sizes_free(&r.sizes);
    free(back.bytes);
    dg_onnx_free(net);
    return code;
}
