/* Files that give a point; see inputs.h. */
#include "cli/inputs.h"
#include "base/text.h"
#include "train/checkpoint.h"
#include "train/rundir.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { FREE_SIZE = 16 };

dg_status dg_inputs_parse(const char *given, char room[256], dg_rows *in, dg_diag *why)
{
    const char *equals = strchr(given, '=');
    if (!equals || equals == given || !equals[1])
        return dg_diag_set(why, DG_EUSAGE, "--input is '%s', it takes NAME=FILE", given);
    dg_format(room, 256, "%.*s", (int)(equals - given), given);
    *in = (dg_rows){.name = room, .file = equals + 1};
    return DG_OK;
}

const char *dg_inputs_file(const dg_list *files, const char *name)
{
    const size_t length = strlen(name);
    const char *file = NULL;
    for (int k = 0; k < files->n; k++)
        if (strncmp(files->item[k], name, length) == 0 && files->item[k][length] == '=')
            file = files->item[k] + length + 1;
        else if (!strchr(files->item[k], '='))
            file = files->item[k];
    return file;
}

/* What the columns of a run have learnt; nothing of a model. */
static dg_status load_notes(const dg_inputs *in, const char *run, const char *weights,
                            dg_checkpoint **c, dg_diag *why)
{
    char room[PATH_MAX];
    if (!dg_is_run(run))
        return DG_OK;
    dg_run_weights_file(run, dg_run_known_by(in->first, run, weights), room, sizeof room);
    return dg_checkpoint_load(c, room, 0, why);
}

/* 1: the pipe, or the source, takes words, means or a vocabulary from the training data. */
static int learns(const dg_binding *b, int port)
{
    const dg_pipe *p = b ? dg_binding_pipe(b, port) : NULL;
    int found = b && strcmp(b->source.name, "chars") == 0;
    for (int i = 0; p && i < p->n; i++) {
        const dg_clause *c = &p->transforms[i];
        found |= strcmp(c->name, "standardize") == 0 || strcmp(c->name, "classes") == 0 ||
                 strcmp(c->name, "fill") == 0 || (strcmp(c->name, "onehot") == 0 && !c->n_given);
    }
    return found;
}

/* 1: the port of this name, if there is one, is read past its transforms. */
static int is_raw(const dg_inputs *in, int port)
{
    if (in->raw || port < 0)
        return in->raw;
    return in->untaught && learns(dg_binding_of(in->first->model, port), port);
}

/* Means and deviations of a run's columns, from its weights. */
static dg_status restore_columns(dg_inputs *in, const dg_checkpoint *from, dg_diag *why)
{
    char name[256];
    dg_tensor t;
    dg_status s = DG_OK;
    for (int i = 0; !in->raw && from && s == DG_OK && i < dg_dataset_columns(in->rows_of); i++) {
        dg_column *column = dg_dataset_column(in->rows_of, i);
        for (int k = 0; s == DG_OK && dg_column_state(column, k, &t, name, sizeof name); k++) {
            const dg_tensor *found = dg_checkpoint_find(from, name);
            s = found ? dg_column_restore(column, k, found, why)
                      : dg_diag_set(why, DG_EDATA, "the weights of the run do not have %s", name);
        }
    }
    return s;
}

static int add_files(dg_inputs *in, const dg_command *c, const dg_list *files, dg_diag *why)
{
    char name[256];
    dg_rows rows;
    for (int i = 0; i < files->n && why->code == DG_OK; i++)
        if (dg_inputs_parse(files->item[i], name, &rows, why) == DG_OK)
            dg_rows_fill(in->first->model, in->rows_of, &rows,
                         is_raw(in, dg_port_find(in->first->model, name)), why);
    if (why->code == DG_OK && dg_dataset_seal(in->rows_of, 0, 1, NULL, why) == DG_OK)
        in->rows = dg_dataset_rows(in->rows_of);
    return why->code == DG_OK ? EXIT_DONE : dg_tell(c, why);
}

/* Read with a model whose free dimensions have some size. */
static int read_files(dg_inputs *in, const dg_command *c, const char *run, const char *weights,
                      const dg_list *files, const dg_experiment_options *o)
{
    int code;
    dg_diag why = {.code = DG_OK};
    dg_checkpoint *notes = NULL;
    dg_experiment_options sizeless = *o;
    sizeless.without_data = 1;
    sizeless.size = FREE_SIZE;
    in->first = dg_open_either(c, run, "", &sizeless, &code);
    if (!in->first)
        return code;
    in->rows_of = in->first->block[DG_TEST_PART] = dg_dataset_new(in->first->store);
    if (!in->rows_of)
        dg_diag_set(&why, DG_EMEMORY, "out of memory");
    else if (load_notes(in, run, weights, &notes, &why) == DG_OK && notes)
        dg_dataset_follow(in->rows_of, dg_checkpoint_recall, notes);
    code = why.code == DG_OK ? add_files(in, c, files, &why) : dg_tell(c, &why);
    if (code == EXIT_DONE && restore_columns(in, notes, &why) != DG_OK)
        code = dg_tell(c, &why);
    if (in->rows_of)
        dg_dataset_follow(in->rows_of, NULL, NULL);
    dg_checkpoint_free(notes);
    return code;
}

int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, int raw, dg_experiment_options *o)
{
    dg_diag why = {.code = DG_OK};
    *in = (dg_inputs){.raw = raw, .untaught = !dg_is_run(path)};
    if (!files->n)
        return EXIT_DONE;
    int code = read_files(in, c, path, weights, files, o);
    for (int i = 0; code == EXIT_DONE && i < in->first->model->n_ports; i++) {
        const dg_port *port = &in->first->model->ports[i];
        dg_column *column = dg_dataset_find(in->rows_of, port->name);
        dg_shape wanted = dg_port_wanted(port);
        const dg_binding *b = column ? dg_binding_of(in->first->model, i) : NULL;
        if (column && dg_column_fits(column, port->type, &wanted, &why) != DG_OK)
            code = dg_tell(c, &why);
        else if (!raw && b && is_raw(in, i))
            fprintf(
                stderr,
                "dagrad %s: '%s' is taken as the network sees it: its transforms learn from the "
                "training data, which a run knows and a model does not\n",
                c->name, port->name);
    }
    o->n_sizes = code == EXIT_DONE ? dg_rows_sizes(in->first->model, in->rows_of, in->sizes) : 0;
    o->sizes = in->sizes;
    return code;
}

void dg_inputs_free(dg_inputs *in)
{
    dg_experiment_free(in->first);
    *in = (dg_inputs){.first = NULL};
}
