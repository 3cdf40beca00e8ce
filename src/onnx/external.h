/* Data of tensors in other files. */
#ifndef DG_ONNX_EXTERNAL_H
#define DG_ONNX_EXTERNAL_H

#include "onnx/import.h"

/* The bytes of a tensor with a location: read from a regular file in the model's own folder, links
 * not followed. Fails the import. */
const uint8_t *dg_onnx_external(dg_import *m, const dg_onnx_tensor *t, size_t bytes);

#endif
