/* The part of bench/kernels.c for one path; `real` and DG_T(name) are defined by the includer. */
#include "kernels/kernels.h"

static double DG_T(peak_of_run)(double seconds)
{
    real sink;
    int64_t done = 0;
    const double start = now();
    double end;
    do {
        done += DG_T(dg_peak)(20000, &sink);
        end = now();
    } while (end - start < seconds);
    return (double)done / (end - start);
}

/* y = x w + b, dx = dy w^T, dw = x^T dy for `rows` rows; pass 0, 1, 2. */
static void DG_T(linear_pass)(const shape *s, int pass, void *scratch)
{
    float *const *v = buffer;
    const int64_t n = s->rows, in = s->in, out = s->out;
    const int parts = pass == 2 ? DG_T(dg_linear_weight_parts)(n, in, out) : 0;
    if (pass == 0) {
        DG_T(dg_linear)(0, n, in, out, v[0], v[1], v[2], v[3], scratch);
    } else if (pass == 1) {
        DG_T(dg_linear_input)(0, n, in, out, v[3], v[1], v[4], scratch);
    }
    for (int p = 0; p < parts; p++) {
        DG_T(dg_linear_weight)(p, n, in, out, v[0], v[3], 0, v[5], scratch);
    }
}

static size_t DG_T(linear_scratch)(const shape *s, int pass)
{
    return pass == 0   ? DG_T(dg_linear_scratch)(s->rows, s->in, s->out)
           : pass == 1 ? DG_T(dg_linear_input_scratch)(s->rows, s->in, s->out)
                       : DG_T(dg_linear_weight_scratch)(s->rows, s->in, s->out);
}

static const char *DG_T(conv_name)(const dg_conv *c, int pass)
{
    return pass == 0   ? DG_T(dg_conv_choose_forward)(c)->name
           : pass == 1 ? DG_T(dg_conv_choose_input)(c)->name
                       : DG_T(dg_conv_choose_weight)(c)->name;
}

static size_t DG_T(conv_scratch)(const dg_conv *c, int pass)
{
    return pass == 0   ? DG_T(dg_conv_choose_forward)(c)->scratch(c)
           : pass == 1 ? DG_T(dg_conv_choose_input)(c)->scratch(c)
                       : DG_T(dg_conv_choose_weight)(c)->scratch(c);
}

static void DG_T(conv_pass)(const dg_conv *c, int64_t images, int pass, void *scratch)
{
    if (pass == 0) {
        DG_T(dg_conv_choose_forward)
        (c)->run(c, 0, images, buffer[0], buffer[1], buffer[2], buffer[3], scratch);
    } else if (pass == 1) {
        DG_T(dg_conv_choose_input)(c)->run(c, 0, images, buffer[3], buffer[1], buffer[4], scratch);
    } else {
        const DG_T(dg_conv_weight) *w = DG_T(dg_conv_choose_weight)(c);
        for (int p = 0; p < w->parts(c); p++)
            w->run(c, p, images, buffer[0], buffer[3], 0, buffer[5], scratch);
    }
}

static const path DG_T(path_of) = {DG_T(peak_of_run), DG_T(linear_pass), DG_T(linear_scratch),
                                   DG_T(conv_name),   DG_T(conv_pass),   DG_T(conv_scratch)};
