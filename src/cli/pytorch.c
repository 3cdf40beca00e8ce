/* dagrad convert RUN w.safetensors --layout pytorch: the weights of a run as PyTorch would have
 * them. */
#include "cli/onnx.h"

#include "train/rundir.h"
#include <stdio.h>

static const dg_command *const command = &dg_command_convert;

enum { FREE_SIZE = 16 }; /* of sizes that the model leaves open: weights seldom depend on them */

static dg_status write_file(const dg_experiment *e, const char *out, dg_diag *why)
{
    dg_checkpoint *c = dg_checkpoint_new();
    if (!c)
        return dg_diag_set(why, DG_EMEMORY, "out of memory");
    dg_status s = dg_pytorch_write(e->model->graph, e->pytorch, e->weights.step, c, why);
    if (s == DG_OK)
        s = dg_checkpoint_save(c, out, why);
    dg_checkpoint_free(c);
    return s;
}

int dg_convert_to_pytorch(const char *run, const char *out, const dg_onnx_flags *f)
{
    int code = EXIT_DONE;
    dg_diag why = {.code = DG_OK};
    dg_onnx_sizes sizes = {0};
    dg_text which = dg_text_make(NULL);
    dg_experiment *e = NULL;
    if (!f->force && dg_convert_exists(out))
        return EXIT_USAGE;
    code = dg_onnx_sizes_read(&f->size, &sizes);
    dg_experiment_options o = {.without_data = 1, .size = FREE_SIZE, .sizes = sizes.size};
    o.n_sizes = sizes.n;
    if (code == EXIT_DONE)
        e = dg_open_either(command, run, f->weights, &o, &code);
    if (e && write_file(e, out, &why) != DG_OK)
        code = dg_tell(command, &why);
    else if (e) {
        dg_weights_text(e, &which);
        printf("%s: weights %s\n", out, which.data);
    }
    dg_text_free(&which);
    dg_experiment_free(e);
    dg_onnx_sizes_free(&sizes);
    return code;
}
