/* ONNX files made from a description, for the tests. */
#ifndef DG_TESTS_ONNX_MAKE_H
#define DG_TESTS_ONNX_MAKE_H

#include "base/text.h"

/* A field of bytes, and a field of a number, of a message. */
void onnx_add_field(dg_text *t, int number, const char *bytes, size_t n);
void onnx_add_number(dg_text *t, int number, uint64_t x);
/* A model of this graph. */
dg_text onnx_model(int opset, const dg_text *graph);

/* A model from lines:
 *     opset 17
 *     input x N,3,4              N is free; `ids` for int64
 *     floats w 2,3 = 1 2 3 4 5 6
 *     ints s 2 = -1 4
 *     node Gemm x,w,b -> y transB=1 alpha=f0.5 mode=sreflect perm=i1,0
 *     output y
 * Attributes: a number, f and a real number, s and a text, i and a list of whole numbers. */
dg_text onnx_make(const char *lines);

#endif
