/* The graph as a drawing: boxes for inputs, targets, shared parameters and nodes, in layers from
 * top to bottom, so that every edge points down. */
#ifndef DG_CLI_DRAW_H
#define DG_CLI_DRAW_H

#include "io/writer.h"
#include "lang/dag.h"
#include <dagrad/program.h>

enum { DG_DRAW_LINES = 3, DG_DRAW_ROOM = 160 };

typedef enum { BOX_INPUT, BOX_TARGET, BOX_PARAMETER, BOX_CONSTANT, BOX_NODE, BOX_LOSS } dg_box_kind;

typedef struct dg_box {
    dg_box_kind kind;
    int is_output;
    int n_lines;
    char line[DG_DRAW_LINES][DG_DRAW_ROOM]; /* name, node, shape */
} dg_box;

typedef struct dg_edge {
    int from, to; /* boxes; from < to never matters, the graph has no cycle */
} dg_edge;

typedef struct dg_drawing {
    int n_boxes, n_edges;
    dg_box *box;
    dg_edge *edge;
} dg_drawing;

/* Boxes in an order in which every edge points forward. Freed by dg_drawing_free. DG_EMEMORY. */
dg_status dg_drawing_make(dg_drawing *d, const dg_dag *m, dg_diag *why);
void dg_drawing_free(dg_drawing *d);

/* The DAG that the backward pass runs, made from the calls of a program: arrows turned, fan-out
 * become sums, nodes without a needed error vector gone. */
dg_status dg_drawing_reverse(dg_drawing *d, const dg_program *p, dg_diag *why);

/* Both are atomic; path "-": standard output. name: of the drawing. */
dg_status dg_draw_dot(const dg_drawing *d, const char *name, const char *path, dg_diag *why);
dg_status dg_draw_svg(const dg_drawing *d, const char *name, const char *path, dg_diag *why);
/* The SVG of a model's graph, appended; nothing where that fails. */
void dg_draw_into(dg_text *svg, const dg_dag *m);

#endif
