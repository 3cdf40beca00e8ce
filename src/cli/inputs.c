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

static int add_files(dg_inputs *in, const dg_command *c, const dg_list *files, dg_diag *why)
{
    char name[256];
    dg_rows rows;
    for (int i = 0; i < files->n && why->code == DG_OK; i++)
        if (dg_inputs_parse(files->item[i], name, &rows, why) == DG_OK)
            dg_rows_fill(in->first->model, in->rows_of, &rows, 1, why);
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
    if (in->rows_of)
        dg_dataset_follow(in->rows_of, NULL, NULL);
    dg_checkpoint_free(notes);
    return code;
}

int dg_inputs_point(dg_inputs *in, const dg_command *c, const char *path, const char *weights,
                    const dg_list *files, dg_experiment_options *o)
{
    dg_diag why = {.code = DG_OK};
    *in = (dg_inputs){.first = NULL};
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
        else if (b && dg_binding_pipe(b, i) && dg_binding_pipe(b, i)->n > 0)
            fprintf(stderr,
                    "dagrad %s: '%s' is taken as the network sees it, past its transforms\n",
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
