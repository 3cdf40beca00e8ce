/* Windows that slide over pictures [N, H, W, C] or series [N, T, C]: the geometry that convolution
 * and pooling share. */
#ifndef DG_OPS_WINDOW_H
#define DG_OPS_WINDOW_H

#include <dagrad/node.h>

/* Entry 0 is for rows (H), 1 for columns (W); a series has one row and its T in columns. Row i of
 * the window at output row o lies over picture row o stride + i dilation - before; rows outside 0
 * .. in - 1 are padding. */
typedef struct dg_window {
    int64_t kernel[2], stride[2], dilation[2];
    int64_t before[2], after[2]; /* padding: top and left, bottom and right */
    int64_t in[2], out[2];
} dg_window;

/* Where the attributes of a node have them; -1: it has none (stride then is the kernel, dilation
 * 1); ceil 0: none. Each is a number or [h, w]; padding is the word same (0) or valid (1), a
 * number, [h, w] or [top, left, bottom, right]. A series takes numbers, and of padding also
 * [before, after]. */
typedef struct dg_window_attrs {
    int kernel, stride, dilation, padding, ceil;
} dg_window_attrs;

/* Refuses what is neither a picture nor a series, by the name of the node `of`. */
dg_status dg_picture_check(const char *of, const dg_shape *x, dg_diag *why);

/* An attribute that is a number or [h, w], for rows and columns; of a series the one number, and 1
 * for its row. pair stays as it is where nothing is given. */
dg_status dg_picture_pair(const char *of, const char *name, const dg_attr_value *v,
                          const dg_shape *x, double pair[2], dg_diag *why);

enum { DG_WINDOW_MOST = 32768 }; /* the largest kernel, stride, dilation, padding */

/* Finds the window over pictures of shape x. DG_EMODEL, with a text that names the node `of`, where
 * x is not of rank 3 or 4, the lists have a wrong length, or the window does not fit into the
 * padded picture. Never fails for a shape and attributes that passed before. */
dg_status dg_window_find(const char *of, const dg_attrs *a, dg_window_attrs at, const dg_shape *x,
                         dg_window *w, dg_diag *why);

/* The window of a transposed convolution: in is the size of x, out that of the result, from which
 * the padding is cut off. output_padding: the index of that attribute. */
dg_status dg_window_widen(const char *of, const dg_attrs *a, dg_window_attrs at, int output_padding,
                          const dg_shape *x, dg_window *w, dg_diag *why);

/* Refuses padding that could fill a whole window, so that each window holds an element. */
dg_status dg_window_filled(const char *of, const dg_window *w, dg_diag *why);

/* The output's shape: x's, with the window's sizes and that many channels. */
dg_shape dg_window_shape(const dg_window *w, const dg_shape *x, int64_t channels);

#endif
