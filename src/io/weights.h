/* Checkpoints and weights: a graph's parameters and states, what else a run must remember, and
 * notes, in one safetensors file that other tools open. (dg_save and dg_load are in
 * <dagrad/program.h>.)
 *
 * A tensor is called by its parameter's or state's name. A name that begins with "@" is dagrad's
 * own: "@moment.0.z.conv.weight", "@data.x.1". dg_weights_apply passes over those. */
#ifndef DG_IO_WEIGHTS_H
#define DG_IO_WEIGHTS_H

#include "io/safetensors.h"
#include <dagrad/graph.h>
#include <stdbool.h>

typedef struct dg_checkpoint dg_checkpoint;

/* ---- Writing --------------------------------------------------------------------------------- */

dg_checkpoint *dg_checkpoint_new(void); /* NULL: out of memory */
void dg_checkpoint_free(dg_checkpoint *c);
/* Names, notes and data are copied, so the run may go on. The first failure sticks and is what
 * dg_checkpoint_save returns. A note of a key that is there is replaced. */
void dg_checkpoint_add(dg_checkpoint *c, const char *name, const dg_tensor *t);
void dg_checkpoint_note(dg_checkpoint *c, const char *key, const char *format, ...) DG_PRINTF(3, 4);
void dg_checkpoint_add_graph(dg_checkpoint *c, const dg_graph *g); /* all parameters and states */
void dg_checkpoint_starve(dg_checkpoint *c); /* what was to be added found no memory */
dg_status dg_checkpoint_status(const dg_checkpoint *c, dg_diag *why); /* the first failure */
/* Atomic, as io/writer.h says. A value that is not finite is DG_EFINITE, naming tensor and element,
 * and the old file stays. */
dg_status dg_checkpoint_save(dg_checkpoint *c, const char *path, dg_diag *why);

/* ---- Reading --------------------------------------------------------------------------------- */

/* A file of any tool is read; need_seal 1: it must carry the checksum that dg_checkpoint_save
 * writes (a checkpoint to resume from). Values that are not finite are DG_EDATA. */
dg_status dg_checkpoint_load(dg_checkpoint **c, const char *path, int need_seal, dg_diag *why);
const dg_tensors *dg_checkpoint_tensors(const dg_checkpoint *c);
int dg_checkpoint_sealed(const dg_checkpoint *c); /* 1: it was read with that checksum */
const dg_tensor *dg_checkpoint_find(const dg_checkpoint *c, const char *name); /* NULL: none */
/* Gives back the tensors whose name is such. */
void dg_checkpoint_drop(dg_checkpoint *c, bool (*drop)(const char *name));
const char *dg_checkpoint_text(const dg_checkpoint *c, const char *key); /* NULL: none */

/* Sets all parameters and states of g from c, or none: DG_EDATA lists what differs (missing, too
 * many, shape, type; f32 and f64 are converted). allow: n patterns ("*", "?") of names of the graph
 * that may be missing in the file, and of the file that may be missing in the graph. */
dg_status dg_weights_apply(dg_graph *g, const dg_checkpoint *c, int n, const char *const allow[],
                           dg_diag *why);

#endif
