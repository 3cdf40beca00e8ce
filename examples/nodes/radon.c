/* radon: parallel-beam projections of a picture, what a tomograph measures. A node of one's own;
 * docs/nodes.md explains it.
 *
 *     picture [.., H, W]  to  projections [.., angles, detectors]; leading axes are many pictures
 *
 * Angle k is theta_k = pi k / angles. The centre of pixel (i, j) falls on the row of detectors at
 *
 *     s_k(i, j) = x cos theta_k + y sin theta_k + (detectors - 1)/2,
 *     x = j - (W - 1)/2,  y = (H - 1)/2 - i
 *
 * (pixels and detectors are 1 wide), and the pixel's value is shared by the two detectors beside
 * it:
 *
 *     r[k, d] = sum over (i, j) of  t(s_k(i, j) - d) p[i, j],      t(u) = max(0, 1 - |u|)
 *     G: [A^t eps][i, j] = sum over (k, d) of  t(s_k(i, j) - d) eps[k, d]
 *
 * So f spreads and G interpolates, with the same weights: G is the exact adjoint of f, not one more
 * discretisation of the integral, as backprojectors often are. f is linear, hence its own tangent:
 * the flag says so, and there is no function for it.
 * Forward is cut by angle, the adjoint by row of the picture: parts write disjoint results. cos and
 * sin are the C library's, so the last bits of a run with this node are too. */
#include "either.h"
#include <dagrad/node.h>
#include <math.h>
#include <string.h>

enum { ANGLES, DETECTORS };

static const dg_attr_spec attrs[] = {
    {.name = "angles",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .low = 1,
     .high = 100000,
     .text = "evenly over half a turn"},
    {.name = "detectors",
     .kind = DG_ATTR_INT,
     .max_count = 1,
     .low = 1,
     .high = 100000,
     .text = "in a row, 1 apart; sqrt(H^2 + W^2) of them see the whole picture"},
};

static const dg_input_spec inputs[] = {{.name = "picture"}};

static dg_status shape(const dg_attrs *a, int n_in, const dg_shape in[], dg_shape out[],
                       dg_diag *why)
{
    char text[96];
    int rank = in[0].rank;
    (void)n_in;
    if (rank < 2 || in[0].dim[rank - 2] == DG_N)
        return dg_diag_set(why, DG_EMODEL,
                           "radon takes a picture [H, W], or many [.., H, W]; "
                           "this is %s",
                           dg_shape_text(&in[0], text, sizeof text));
    out[0] = in[0];
    out[0].dim[rank - 2] = dg_attr_int(a, ANGLES);
    out[0].dim[rank - 1] = dg_attr_int(a, DETECTORS);
    return DG_OK;
}

static int parts(const dg_sizes *of, int input)
{
    return (int)(input < 0 ? dg_attr_int(of->attrs, ANGLES) : of->in[0].dim[of->in[0].rank - 2]);
}

/* Saved: cos and sin of each angle. Scratch: one row of detectors, in double. */
static void bytes(const dg_sizes *of, dg_bytes *bytes)
{
    bytes->saved = 2 * (size_t)dg_attr_int(of->attrs, ANGLES) * sizeof(double);
    bytes->scratch = (size_t)dg_attr_int(of->attrs, DETECTORS) * sizeof(double);
}

static double flops(const dg_sizes *of, int input)
{
    (void)input;
    return 8 * (double)dg_shape_count(&of->in[0]) * dg_attr_real(of->attrs, ANGLES);
}

/* Sizes of a call. */
typedef struct sizes {
    int64_t pictures, height, width, angles, detectors;
} sizes;

static sizes sizes_of(const dg_call *c)
{
    const dg_shape *p = &c->in_shape[0];
    sizes z = {1, p->dim[p->rank - 2], p->dim[p->rank - 1], dg_attr_int(c->attrs, ANGLES),
               dg_attr_int(c->attrs, DETECTORS)};
    for (int i = 0; i < p->rank - 2; i++)
        z.pictures *= p->dim[i];
    return z;
}

/* Where part begins, n things being cut into parts. */
static int64_t cut(const dg_call *c, int64_t n, int part)
{
    return n * part / c->parts;
}

/* Where pixel (i, 0) falls; each step in j adds the cosine. */
static double place(const sizes *z, const double *direction, int64_t i)
{
    double x = -0.5 * (double)(z->width - 1), y = 0.5 * (double)(z->height - 1) - (double)i;
    return x * direction[0] + y * direction[1] + 0.5 * (double)(z->detectors - 1);
}

/* One picture, one angle: row[d] = sum of t(s - d) p[i, j]. */
EITHER void spread(const sizes *z, const double *direction, const void *picture, int64_t from,
                   double *row, int wide)
{
    memset(row, 0, (size_t)z->detectors * sizeof *row);
    for (int64_t i = 0; i < z->height; i++) {
        double first = place(z, direction, i);
        for (int64_t j = 0; j < z->width; j++) {
            double s = first + (double)j * direction[0], d = floor(s);
            double p = get(picture, from + i * z->width + j, wide);
            int64_t left = (int64_t)d;
            if (left >= 0 && left < z->detectors)
                row[left] += (1 - (s - d)) * p;
            if (left >= -1 && left < z->detectors - 1)
                row[left + 1] += (s - d) * p;
        }
    }
}

/* The projections of the call's angles. */
EITHER void project(const dg_call *c, const void *picture, void *to, int wide)
{
    sizes z = sizes_of(c);
    const double *direction = (const double *)c->saved; /* casts: C++ compiles this, too */
    double *row = (double *)c->scratch;
    for (int64_t n = 0; n < z.pictures; n++)
        for (int64_t k = cut(c, z.angles, c->part); k < cut(c, z.angles, c->part + 1); k++) {
            spread(&z, direction + 2 * k, picture, n * z.height * z.width, row, wide);
            for (int64_t d = 0; d < z.detectors; d++)
                put(to, (n * z.angles + k) * z.detectors + d, row[d], wide);
        }
}

EITHER dg_status forward(const dg_call *c, int wide)
{
    int64_t angles = dg_attr_int(c->attrs, ANGLES);
    double *direction = (double *)c->saved, pi = 3.14159265358979323846;
    for (int64_t k = cut(c, angles, c->part); k < cut(c, angles, c->part + 1); k++) {
        direction[2 * k] = cos(pi * (double)k / (double)angles);
        direction[2 * k + 1] = sin(pi * (double)k / (double)angles);
    }
    project(c, c->in[0], c->out[0], wide);
    return DG_OK;
}

/* One pixel: the projections, interpolated where it falls, added up over the angles. */
EITHER double gather(const sizes *z, const double *direction, const void *eps, int64_t from,
                     int64_t i, int64_t j, int wide)
{
    double sum = 0;
    for (int64_t k = 0; k < z->angles; k++) {
        double s = place(z, direction + 2 * k, i) + (double)j * direction[2 * k], d = floor(s);
        int64_t left = (int64_t)d, at = from + k * z->detectors + left;
        if (left >= 0 && left < z->detectors)
            sum += (1 - (s - d)) * get(eps, at, wide);
        if (left >= -1 && left < z->detectors - 1)
            sum += (s - d) * get(eps, at + 1, wide);
    }
    return sum;
}

EITHER dg_status adjoint(const dg_call *c, int wide)
{
    sizes z = sizes_of(c);
    const double *direction = (const double *)c->saved;
    if (!c->delta[0])
        return DG_OK;
    for (int64_t n = 0; n < z.pictures; n++)
        for (int64_t i = cut(c, z.height, c->part); i < cut(c, z.height, c->part + 1); i++)
            for (int64_t j = 0; j < z.width; j++)
                put(c->delta[0], (n * z.height + i) * z.width + j,
                    gather(&z, direction, c->eps[0], n * z.angles * z.detectors, i, j, wide), wide);
    return DG_OK;
}

static dg_status forward_f32(const dg_call *c)
{
    return forward(c, 0);
}

static dg_status adjoint_f32(const dg_call *c)
{
    return adjoint(c, 0);
}

static dg_status forward_f64(const dg_call *c)
{
    return forward(c, 1);
}

static dg_status adjoint_f64(const dg_call *c)
{
    return adjoint(c, 1);
}

static const dg_case cases[] = {
    {"h,w", "angles=a, detectors=d", "uniform(-1,1)", HUGE_VAL},
    {"n,h,w", "angles=a, detectors=d", "uniform(-1,1)", HUGE_VAL},
    {"n,2,h,7", "angles=3, detectors=d", "uniform(0,1)", HUGE_VAL},
};

static const dg_node_type radon = {
    .size = sizeof(dg_node_type),
    .name = "radon",
    .formula = "r[k, d] = sum over pixels of max(0, 1 - |s_k(i, j) - d|) p[i, j]",
    .attrs = attrs,
    .n_attrs = sizeof attrs / sizeof attrs[0],
    .inputs = inputs,
    .n_inputs = 1,
    .n_out = 1,
    .flags = DG_LINEAR,
    .shape = shape,
    .bytes = bytes,
    .parts = parts,
    .flops = flops,
    .f32 = {forward_f32, adjoint_f32},
    .f64 = {forward_f64, adjoint_f64},
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};

const int dg_abi = DG_ABI;
const dg_node_type *const dg_nodes[] = {&radon, NULL};
