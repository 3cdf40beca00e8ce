/* dagrad: train any function that can be drawn as a directed acyclic graph. */
#ifndef DAGRAD_H
#define DAGRAD_H

#include <dagrad/graph.h>
#include <dagrad/node.h>
#include <dagrad/optimizer.h>
#include <dagrad/program.h>
#include <dagrad/status.h>
#include <dagrad/tensor.h>

#define DG_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif
DG_API const char *dg_version(void);
/* The instruction sets this library was compiled for and this processor has, best first:
 * "x86-64-v4", "x86-64-v3", "portable"; NULL at the end. */
DG_API const char *dg_isa_name(int k);
#ifdef __cplusplus
}
#endif
#endif
