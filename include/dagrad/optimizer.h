/* Optimizers: gradient descent and its relatives, schedules, clipping.
 *
 * With g the gradient of a parameter theta (after clipping), eta the rate, t = 1, 2, ... the step:
 *   gd       theta -= eta g
 *   sgd      g += decay theta; m = momentum m + g; theta -= eta (nesterov ? g + momentum m : m)
 *            (Sutskever et al., ICML 2013)
 *   adam     g += decay theta; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 *            theta -= eta mhat / (sqrt(vhat) + epsilon), mhat = m/(1-b1^t), vhat = v/(1-b2^t)
 *            (Kingma and Ba, ICLR 2015)
 *   adamw    adam without decay in g; theta -= eta decay theta first
 *            (Loshchilov and Hutter, ICLR 2019)
 *   rmsprop  g += decay theta; v = b2 v + (1-b2) g^2; theta -= eta g / (sqrt(v) + epsilon)
 *            (Tieleman and Hinton, 2012)
 * Moments start at 0. */
#ifndef DAGRAD_OPTIMIZER_H
#define DAGRAD_OPTIMIZER_H

#include <dagrad/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { DG_GD, DG_SGD, DG_ADAM, DG_ADAMW, DG_RMSPROP } dg_optimizer_kind;
typedef enum { DG_RATE_FIXED, DG_RATE_STEP, DG_RATE_COSINE, DG_RATE_LINEAR } dg_schedule_kind;

/* The rate of a step is a function of the step number alone:
 *   fixed   rate
 *   step    rate * factor^floor(step / every)
 *   cosine  warmup: rate * (step+1)/warmup; then final + (rate-final)(1 + cos(pi p))/2
 *   linear  the same warmup; then rate + (final-rate) p;  p = (step-warmup)/(steps-warmup)
 * step counts from 0; final is a rate. (cosine: Loshchilov and Hutter, ICLR 2017) */
typedef struct {
    dg_schedule_kind kind;
    int64_t every;  /* step: steps, >= 1 */
    double factor;  /* step: > 0 */
    int64_t warmup; /* >= 0 */
    double final;   /* >= 0 */
    int64_t steps;  /* length of the run, for cosine and line */
} dg_schedule;

typedef struct {
    size_t size;
    dg_optimizer_kind kind;
    double rate;         /* > 0 */
    double momentum;     /* sgd: [0, 1) */
    int nesterov;        /* sgd */
    double decay;        /* >= 0 */
    double beta1, beta2; /* [0, 1); rmsprop uses beta2 */
    double epsilon;      /* > 0 */
    double clip;         /* largest global norm of the gradient; 0: no clipping */
    dg_schedule schedule;
} dg_optimizer;

/* The defaults of a kind: rate 0.01 (adam, adamw, rmsprop: 1e-3), momentum 0, beta 0.9 and 0.999
 * (rmsprop: beta2 0.99), epsilon 1e-8, decay 0 (adamw: 0.01), no clipping, a fixed schedule. */
DG_API dg_optimizer dg_optimizer_default(dg_optimizer_kind kind);
/* The same optimizer as far as its struct goes (size), with defaults for what a shorter one lacks.
 */
DG_API dg_optimizer dg_optimizer_whole(const dg_optimizer *o);
/* DG_EUSAGE with the option and its range in why where one is out of range. */
DG_API dg_status dg_optimizer_check(const dg_optimizer *o, dg_diag *why);
DG_API double dg_optimizer_rate(const dg_optimizer *o, uint64_t step);
/* Moments a parameter needs: 0, 1 or 2 arrays of its size. */
DG_API int dg_optimizer_moments(const dg_optimizer *o);

#ifdef __cplusplus
}
#endif
#endif
