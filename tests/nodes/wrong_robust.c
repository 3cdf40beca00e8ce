/* Wrong adjoints of cauchy: each differs from examples/nodes/robust.c in G alone.
 *
 *     cauchy_term  the denominator 1 + d^2/c^2 is forgotten: the error vector of a square
 *     cauchy_sign  that of the target is given to the estimate
 *     cauchy_bare  cauchy_term again, and without a tangent: differences must find it
 *
 * For f64 only. And three for f32 only:
 *
 *     cauchy_narrow  right
 *     cauchy_lone    right, without a tangent
 *     cauchy_minus   cauchy_sign, without a tangent */
#include <dagrad/node.h>
#include <stddef.h>

extern const dg_node_type *const right_nodes[]; /* those of robust.c */

static dg_status adjoint_term(const dg_call *c)
{
    int64_t size = dg_shape_row(&c->in_shape[0]);
    const double *a = c->in[0], *b = c->in[1], *eps = c->eps[0];
    for (int64_t i = c->row0 * size; i < c->row1 * size; i++)
        for (int k = 0; k < 2; k++)
            if (c->delta[k])
                ((double *)c->delta[k])[i] = (k ? b[i] - a[i] : a[i] - b[i]) * eps[i / size];
    return DG_OK;
}

static dg_status adjoint_sign(const dg_call *c)
{
    dg_status s = right_nodes[0]->f64.adjoint(c);
    int64_t size = dg_shape_row(&c->in_shape[0]);
    double *delta = c->delta[1];
    for (int64_t i = c->row0 * size; delta && i < c->row1 * size; i++)
        delta[i] = -delta[i];
    return s;
}

static dg_status adjoint_minus(const dg_call *c)
{
    dg_status s = right_nodes[0]->f32.adjoint(c);
    int64_t size = dg_shape_row(&c->in_shape[0]);
    float *delta = c->delta[1];
    for (int64_t i = c->row0 * size; delta && i < c->row1 * size; i++)
        delta[i] = -delta[i];
    return s;
}

static dg_node_type wrong[3], narrow[3];

__attribute__((constructor)) static void make(void)
{
    static const char *const name[] = {"cauchy_term", "cauchy_sign", "cauchy_bare"};
    static const dg_fn adjoint[] = {adjoint_term, adjoint_sign, adjoint_term};
    for (int i = 0; i < 3; i++) {
        wrong[i] = *right_nodes[0];
        wrong[i].name = name[i];
        wrong[i].f32 = (dg_math){.forward = NULL};
        wrong[i].f64.adjoint = adjoint[i];
    }
    wrong[2].f64.tangent = NULL;
    static const char *const single[] = {"cauchy_narrow", "cauchy_lone", "cauchy_minus"};
    for (int i = 0; i < 3; i++) {
        narrow[i] = *right_nodes[0];
        narrow[i].name = single[i];
        narrow[i].f64 = (dg_math){.forward = NULL};
    }
    narrow[1].f32.tangent = narrow[2].f32.tangent = NULL;
    narrow[2].f32.adjoint = adjoint_minus;
}

const int dg_abi = DG_ABI;
const dg_node_type *const dg_nodes[] = {&wrong[0],  &wrong[1],  &wrong[2], &narrow[0],
                                        &narrow[1], &narrow[2], NULL};
