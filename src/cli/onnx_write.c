/* dagrad convert RUN net.onnx: the network of a run as an ONNX file. */
#include "cli/onnx.h"

#include "graph/graph.h"
#include "io/file.h"
#include "onnx/write.h"
#include "train/rundir.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const dg_command *const command = &dg_command_convert;

/* Free sizes are given numbers twice, so that what depends on them is seen. */
static const int64_t trials[][2] = {{64, 96}, {16, 24}, {8, 12}, {2, 3}};

typedef struct {
    dg_experiment *e, *other; /* other NULL: no size is free */
    const char **free;        /* of each value of the graph */
} opened;

static void close_run(opened *o)
{
    dg_experiment_free(o->e);
    dg_experiment_free(o->other);
    free(o->free);
    *o = (opened){NULL, NULL, NULL};
}

static int has_free_sizes(const dg_experiment *e)
{
    for (int i = 0; i < e->model->n_ports; i++)
        for (int k = 0; k < DG_MAX_RANK; k++)
            if (e->model->ports[i].free[k] && !e->model->ports[i].target)
                return 1;
    return 0;
}

/* Opened, or a status: of the model, which is not told yet. */
static dg_experiment *open_with(const char *run, const char *weights, int64_t size,
                                const dg_onnx_sizes *sizes, dg_diag *why)
{
    dg_experiment_options o = {.without_data = 1, .size = size};
    o.sizes = sizes->size;
    o.n_sizes = sizes->n;
    dg_experiment *e = dg_run_open(run, weights, &o, why);
    if (!e)
        dg_diag_set(why, DG_EMEMORY, "out of memory");
    return e;
}

static int is_free_port(const dg_experiment *e, const dg_onnx_sizes *sizes, int port, int axis)
{
    const char *name = e->model->ports[port].free[axis];
    for (int i = 0; name && i < sizes->n; i++)
        if (strcmp(sizes->size[i].name, name) == 0)
            return 0;
    return name != NULL;
}

static dg_status name_free(opened *o, const dg_onnx_sizes *sizes, dg_diag *why)
{
    const dg_experiment *e = o->e;
    o->free = calloc((size_t)e->model->graph->n_values * DG_MAX_RANK + 1, sizeof *o->free);
    if (!o->free)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    for (int i = 0; i < e->model->n_ports; i++)
        for (int k = 0; k < DG_MAX_RANK; k++)
            if (is_free_port(e, sizes, i, k) && e->model->ports[i].value.id)
                o->free[(e->model->ports[i].value.id - 1) * DG_MAX_RANK + k] =
                    e->model->ports[i].free[k];
    return DG_OK;
}

/* The run at the first sizes that its model takes. Returns the exit code. */
static int open_run(const char *run, const char *weights, const dg_onnx_sizes *sizes, opened *o)
{
    dg_diag why = {.code = DG_OK};
    size_t n = sizeof trials / sizeof *trials;
    for (size_t i = 0; i < n; i++) {
        close_run(o);
        o->e = open_with(run, weights, trials[i][0], sizes, &why);
        if (!o->e || why.code != DG_OK)
            return dg_tell(command, &why);
        int fits = dg_experiment_status(o->e) == DG_OK;
        if (fits && has_free_sizes(o->e)) {
            o->other = open_with(run, "", trials[i][1], sizes, &why);
            fits = o->other && why.code == DG_OK && dg_experiment_status(o->other) == DG_OK;
        }
        if (fits)
            return name_free(o, sizes, &why) == DG_OK ? EXIT_DONE : dg_tell(command, &why);
        if (!o->other && !has_free_sizes(o->e))
            break;
    }
    return dg_tell_model(dg_experiment_status(o->e) == DG_OK ? o->other : o->e);
}

static dg_status write_file(const opened *o, const char *out, int first, const dg_pipes *pipes,
                            dg_text *file, dg_diag *why)
{
    dg_onnx_writing w = {.graph = o->e->model->graph,
                         .other = o->other ? o->other->model->graph : NULL,
                         .name = o->e->model->name,
                         .input_free = o->free,
                         .first = first,
                         .n_pipes = pipes->n,
                         .pipes = pipes->pipe};
    dg_status s = dg_onnx_write(&w, file, why);
    return s == DG_OK ? dg_file_write(out, file->data, file->length, why) : s;
}

int dg_convert_to_onnx(const char *run, const char *out, const dg_onnx_flags *f)
{
    dg_diag why = {.code = DG_OK};
    dg_onnx_sizes sizes = {0};
    opened o = {NULL, NULL, NULL};
    dg_pipes pipes = {.n = 0};
    dg_text file = dg_text_make(NULL), which = dg_text_make(NULL);
    int code = dg_need_run(command, run);
    if (code == EXIT_DONE)
        code = dg_onnx_sizes_read(&f->size, &sizes);
    if (code == EXIT_DONE && !f->force && dg_convert_exists(out))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = open_run(run, f->weights, &sizes, &o);
    if (code == EXIT_DONE && f->transforms &&
        dg_pipes_make(&pipes, o.e, run, f->weights, &why) != DG_OK)
        code = dg_tell(command, &why);
    if (code == EXIT_DONE && write_file(&o, out, f->first, &pipes, &file, &why) != DG_OK)
        code = dg_tell(command, &why);
    if (code == EXIT_DONE) {
        dg_weights_text(o.e, &which);
        printf("%s: weights %s\n", out, which.data);
    }
    dg_text_free(&file);
    dg_text_free(&which);
    dg_onnx_sizes_free(&sizes);
    dg_pipes_free(&pipes);
    close_run(&o);
    return code;
}
