/* Convolution algorithms, for the files of src/kernels only. A new one is a file that defines its
 * structs, and a line in the tables of conv.c. */
#ifndef DG_KERNELS_CONV_H
#define DG_KERNELS_CONV_H

#include "kernels/tile.h"

/* Direct, any sizes: products of row pieces, where the images lie. */
extern const DG_T(dg_conv_forward) DG_T(dg_conv_direct_forward);
extern const DG_T(dg_conv_input) DG_T(dg_conv_direct_input);
extern const DG_T(dg_conv_weight) DG_T(dg_conv_direct_weight);

/* Few input channels: images are copied with their padding; forward: few products a position. */
extern const DG_T(dg_conv_forward) DG_T(dg_conv_thin_forward);
extern const DG_T(dg_conv_weight) DG_T(dg_conv_thin_weight);
int DG_T(dg_conv_thin_forward_fits)(const dg_conv *s);
int DG_T(dg_conv_thin_weight_fits)(const dg_conv *s);

/* Each channel on its own. */
extern const DG_T(dg_conv_forward) DG_T(dg_conv_depthwise_forward);
extern const DG_T(dg_conv_input) DG_T(dg_conv_depthwise_input);
extern const DG_T(dg_conv_weight) DG_T(dg_conv_depthwise_weight);
int DG_T(dg_conv_depthwise_fits)(const dg_conv *s);

/* Winograd's F(4x4, 3x3): windows of 3x3, step 1, 16 channels or more on both sides; other bits. */
extern const DG_T(dg_conv_forward) DG_T(dg_conv_winograd_forward);
extern const DG_T(dg_conv_input) DG_T(dg_conv_winograd_input);
extern const DG_T(dg_conv_weight) DG_T(dg_conv_winograd_weight);
int DG_T(dg_conv_winograd_forward_fits)(const dg_conv *s);
int DG_T(dg_conv_winograd_input_fits)(const dg_conv *s);
int DG_T(dg_conv_winograd_weight_fits)(const dg_conv *s);

/* Its weight gradient, summed over the batch before it is transformed back. */
extern const DG_T(dg_conv_sum) DG_T(dg_conv_winograd_sum);
int DG_T(dg_conv_winograd_sum_fits)(const dg_conv *s);

static inline int64_t dg_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t dg_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
