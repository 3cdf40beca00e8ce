/* libFuzzer target: the reader of ONNX files. What it makes must be a text that the language
 * reads; what it refuses it refuses with a reason.
 *
 *     ./fuzz_onnx corpus/ tests/onnx/data/          (the nets are its seeds) */
#include "lang/dag.h"
#include "onnx/onnx.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dg_diag why = {0};
    dg_onnx_options options = {.limit = (int64_t)64 << 20};
    dg_onnx *net = dg_onnx_read_memory(data, size, "F", &options, &why);
    if (!net) {
        if (why.code == DG_OK || strncmp(why.text, "F: ", 3) != 0)
            abort();
        return 0;
    }
    dg_dag_options o = {.path = "F.dag", .text = net->text};
    dg_dag *m = dg_dag_open(&o);
    if (m && dg_diags_status(&m->diags) != DG_OK)
        abort();
    dg_dag_free(m);
    dg_onnx_free(net);
    return 0;
}
