/* The graph as a drawing: boxes for inputs, targets, shared parameters and nodes, in layers from
 * top to bottom, so that every edge points down. The bodies of a `repeat` that are all alike are
 * drawn once, in a frame. One sample may be written into it: z and eps of each box. */
#ifndef DG_CLI_DRAW_H
#define DG_CLI_DRAW_H

#include "io/writer.h"
#include "train/experiment.h"

enum { DG_DRAW_LINES = 5, DG_DRAW_ROOM = 160, DG_DRAW_CELLS = 48 };

typedef enum { BOX_INPUT, BOX_TARGET, BOX_PARAMETER, BOX_CONSTANT, BOX_NODE, BOX_LOSS } dg_box_kind;

/* Numbers of one sample: the first ones as cells of colour. */
typedef struct dg_strip {
    int n;      /* cells; 0: there is none */
    double rms; /* of all */
    float cell[DG_DRAW_CELLS];
} dg_strip;

typedef struct dg_box {
    dg_box_kind kind;
    int is_output;
    int scope;     /* the folded repeat it stands for, -1: none */
    int32_t value; /* what it holds, of a node its first result; 0: nothing */
    int n_lines;
    char line[DG_DRAW_LINES][DG_DRAW_ROOM]; /* name, node, shape; z and eps of a sample */
    dg_strip z, eps;
} dg_box;

typedef struct dg_edge {
    int from, to;        /* boxes */
    int32_t node, input; /* of the graph: which input of which node */
    dg_strip back;       /* A^t eps of that input */
    char label[DG_DRAW_ROOM];
} dg_edge;

typedef struct dg_drawing {
    int n_boxes, n_edges, n_loops, n_scopes;
    dg_box *box;
    dg_edge *edge, *loop; /* a loop leads from one round of a folded repeat to the next */
    int *times;           /* of each scope */
    int sampled;
} dg_drawing;

/* Boxes in an order in which every edge points forward. unfold 1: repeats are drawn in full. Freed
 * by dg_drawing_free. DG_EMEMORY. */
dg_status dg_drawing_make(dg_drawing *d, const dg_dag *m, int unfold, dg_diag *why);
void dg_drawing_free(dg_drawing *d);

/* Writes row `sample` of the data into an unfolded drawing of e's model. */
dg_status dg_drawing_sample(dg_drawing *d, dg_experiment *e, int64_t sample, dg_diag *why);

/* The DAG that back propagation runs, of a compiled program: arrows turned, one G a node, a sum
 * where a value fans out, nodes without a needed error vector gone. */
dg_status dg_drawing_reverse(dg_drawing *d, const dg_program *p, dg_diag *why);

/* Both are atomic; path "-": standard output. name: of the drawing. */
dg_status dg_draw_dot(const dg_drawing *d, const char *name, const char *path, dg_diag *why);
dg_status dg_draw_svg(const dg_drawing *d, const char *name, const char *path, dg_diag *why);
/* The SVG of a model's graph, appended; nothing where that fails. */
void dg_draw_into(dg_text *svg, const dg_dag *m);

#endif
