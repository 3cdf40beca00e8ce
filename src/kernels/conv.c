/* Which algorithm a convolution uses, by its sizes; and the gradient of its bias.
 * Contract: kernels/kernels.h. A line a choice, the first that fits is taken. */
#include "kernels/conv.h"

static int always(const dg_conv *s)
{
    (void)s;
    return 1;
}

typedef struct {
    int (*fits)(const dg_conv *s);
    const DG_T(dg_conv_forward) * algorithm;
} forward_choice;

typedef struct {
    int (*fits)(const dg_conv *s);
    const DG_T(dg_conv_input) * algorithm;
} input_choice;

typedef struct {
    int (*fits)(const dg_conv *s);
    const DG_T(dg_conv_weight) * algorithm;
} weight_choice;

static const forward_choice forwards[] = {
    {DG_T(dg_conv_depthwise_fits), &DG_T(dg_conv_depthwise_forward)},
#if DG_REAL == 32 /* f64 is for proof: it keeps the order of sums */
    {DG_T(dg_conv_winograd_forward_fits), &DG_T(dg_conv_winograd_forward)},
#endif
    {DG_T(dg_conv_thin_forward_fits), &DG_T(dg_conv_thin_forward)},
    {always, &DG_T(dg_conv_direct_forward)}};
static const input_choice inputs[] = {
    {DG_T(dg_conv_depthwise_fits), &DG_T(dg_conv_depthwise_input)},
#if DG_REAL == 32
    {DG_T(dg_conv_winograd_input_fits), &DG_T(dg_conv_winograd_input)},
#endif
    {always, &DG_T(dg_conv_direct_input)}};
static const weight_choice weights[] = {
    {DG_T(dg_conv_depthwise_fits), &DG_T(dg_conv_depthwise_weight)},
    {DG_T(dg_conv_thin_weight_fits), &DG_T(dg_conv_thin_weight)},
#if DG_REAL == 32
    {DG_T(dg_conv_winograd_weight_fits), &DG_T(dg_conv_winograd_weight)},
#endif
    {always, &DG_T(dg_conv_direct_weight)}};

const DG_T(dg_conv_sum) * DG_T(dg_conv_choose_sum)(const dg_conv *s)
{
    return DG_REAL == 32 && DG_T(dg_conv_winograd_sum_fits)(s) ? &DG_T(dg_conv_winograd_sum) : NULL;
}

const DG_T(dg_conv_forward) * DG_T(dg_conv_choose_forward)(const dg_conv *s)
{
    const forward_choice *c = forwards;
    while (!c->fits(s))
        c++;
    return c->algorithm;
}

const DG_T(dg_conv_input) * DG_T(dg_conv_choose_input)(const dg_conv *s)
{
    const input_choice *c = inputs;
    while (!c->fits(s))
        c++;
    return c->algorithm;
}

const DG_T(dg_conv_weight) * DG_T(dg_conv_choose_weight)(const dg_conv *s)
{
    const weight_choice *c = weights;
    while (!c->fits(s))
        c++;
    return c->algorithm;
}
