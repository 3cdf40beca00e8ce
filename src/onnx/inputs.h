/* Inputs and outputs of a graph, and the order in which their axes are stored. */
#ifndef DG_ONNX_INPUTS_H
#define DG_ONNX_INPUTS_H

#include "onnx/import.h"

void dg_onnx_inputs(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g);
void dg_onnx_outputs(dg_import *m, dg_onnx_scope *scope, const dg_onnx_graph *g, dg_onnx *out);

/* Values by name; a second one of a name fails. */
dg_onnx_value *dg_onnx_add_value(dg_import *m, dg_onnx_scope *scope, const char *name);
dg_onnx_value *dg_onnx_find_value(const dg_onnx_scope *scope, const char *name);

#endif
