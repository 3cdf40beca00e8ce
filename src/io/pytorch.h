/* State dicts of PyTorch in safetensors files: what the parameters and states of a graph are called
 * there, and how their axes lie. Both ways.
 *
 * Which tensor is which parameter stands in one table, in io/pytorch_table.c. A module of PyTorch
 * and a node of the graph belong together if the module has just the tensors, by name and shape,
 * that the table gives for the node. Several alike are told apart by what the caller says, by equal
 * names, then by their order: that of the note "order" or of the file if it is not sorted
 * (PyTorch's writer sorts by name, and loses the order of the net), else that of numbers in their
 * names. Whatever remains is refused, never guessed. */
#ifndef DG_IO_PYTORCH_H
#define DG_IO_PYTORCH_H

#include "io/weights.h"

/* What a caller says of a file of weights; zeroed: nothing. */
typedef struct dg_weights_as {
    const char *layout;     /* "dagrad" or "pytorch"; NULL: the file tells */
    const char *const *map; /* "OLD=NEW": a module of PyTorch and a node, or a tensor and a */
    int n_map;              /* parameter; "*" stands for the same text in both */
    void (*say)(void *user, const char *text); /* remarks, a line each; may be NULL */
    void *user;
} dg_weights_as;

/* The note with which a checkpoint keeps the names of PyTorch's modules: lines "NODE=PREFIX". */
extern const char dg_pytorch_note[];

/* 1: c is a state dict; 0: it has the names of a graph; -1: neither is sure, or `as` is not valid,
 * and why says so. */
int dg_pytorch_told(const dg_graph *g, const dg_checkpoint *c, const dg_weights_as *as,
                    dg_diag *why);

/* Makes *to of the state dict c: parameters and states of g by their names, and the note. The match
 * is said line by line. allow: as in dg_weights_apply, names of either side. DG_EDATA: it does not
 * fit, or could in several ways; DG_EUSAGE: as is not valid. */
dg_status dg_pytorch_read(const dg_graph *g, const dg_checkpoint *c, const dg_weights_as *as, int n,
                          const char *const allow[], dg_checkpoint **to, dg_diag *why);

/* The way back: adds to `to` what PyTorch would have. names: the note, NULL: modules are called as
 * nodes are; steps: batches that batch norms have seen. */
dg_status dg_pytorch_write(const dg_graph *g, const char *names, int64_t steps, dg_checkpoint *to,
                           dg_diag *why);

#endif
