/* Optimizers and schedules as numbers: defaults, ranges, the rate of a step. The step itself is
 * a kernel. */
#include <dagrad/optimizer.h>

#include "base/elem_f64.h"
#include "base/text.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define PI 3.14159265358979323846

dg_optimizer dg_optimizer_default(dg_optimizer_kind kind)
{
    int adaptive = kind == DG_ADAM || kind == DG_ADAMW || kind == DG_RMSPROP;
    return (dg_optimizer){
        .size = sizeof(dg_optimizer),
        .kind = kind,
        .rate = adaptive ? 1e-3 : 0.01,
        .decay = kind == DG_ADAMW ? 0.01 : 0,
        .beta1 = 0.9,
        .beta2 = kind == DG_RMSPROP ? 0.99 : 0.999,
        .epsilon = 1e-8,
        .schedule = {.kind = DG_RATE_FIXED, .every = 1, .factor = 1},
    };
}

dg_optimizer dg_optimizer_whole(const dg_optimizer *o)
{
    int has_kind = o && o->size >= offsetof(dg_optimizer, rate);
    dg_optimizer whole = dg_optimizer_default(has_kind ? o->kind : DG_GD);
    if (has_kind)
        memcpy(&whole, o, o->size < sizeof whole ? o->size : sizeof whole);
    whole.size = sizeof whole;
    return whole;
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

typedef enum { ABOVE_0, FROM_0, FRACTION } range;

static const char *const range_text[] = {
    [ABOVE_0] = "above 0", [FROM_0] = "0 or more", [FRACTION] = "from 0 to below 1"};

static int is_in(range r, double x)
{
    if (!isfinite(x) || x < 0)
        return 0;
    return r == ABOVE_0 ? x > 0 : r == FRACTION ? x < 1 : 1;
}

static dg_status refuse(const char *name, double x, const char *takes, dg_diag *why)
{
    char number[DG_NUMBER_TEXT];
    return dg_diag_set(why, DG_EUSAGE, "%s is %s, it takes a number %s", name,
                       dg_f64_text(x, number), takes);
}

static dg_status refuse_count(const char *name, int64_t n, int64_t least, dg_diag *why)
{
    return dg_diag_set(why, DG_EUSAGE, "%s is %lld, it takes a whole number, at least %lld", name,
                       (long long)n, (long long)least);
}

static dg_status check_schedule(const dg_schedule *s, dg_diag *why)
{
    switch (s->kind) {
    case DG_RATE_FIXED:
        return DG_OK;
    case DG_RATE_STEP:
        if (s->every < 1)
            return refuse_count("every of the schedule", s->every, 1, why);
        return is_in(ABOVE_0, s->factor)
                   ? DG_OK
                   : refuse("factor of the schedule", s->factor, range_text[ABOVE_0], why);
    case DG_RATE_COSINE:
    case DG_RATE_LINEAR:
        if (s->warmup < 0)
            return refuse_count("warmup of the schedule", s->warmup, 0, why);
        if (s->steps < 1)
            return refuse_count("steps of the schedule", s->steps, 1, why);
        return is_in(FROM_0, s->final)
                   ? DG_OK
                   : refuse("final of the schedule", s->final, range_text[FROM_0], why);
    }
    return dg_diag_set(why, DG_EUSAGE, "there is no schedule of kind %d", (int)s->kind);
}

dg_status dg_optimizer_check(const dg_optimizer *o, dg_diag *why)
{
    if (!o || o->size < offsetof(dg_optimizer, rate))
        return dg_diag_set(why, DG_EUSAGE, "an optimizer starts from dg_optimizer_default");
    dg_optimizer whole = dg_optimizer_whole(o);
    o = &whole;
    if ((unsigned)o->kind > DG_RMSPROP)
        return dg_diag_set(why, DG_EUSAGE, "there is no optimizer of kind %d", (int)o->kind);
    const struct {
        const char *name;
        double x;
        range r;
    } options[] = {
        {"rate", o->rate, ABOVE_0},    {"momentum", o->momentum, FRACTION},
        {"decay", o->decay, FROM_0},   {"beta1", o->beta1, FRACTION},
        {"beta2", o->beta2, FRACTION}, {"epsilon", o->epsilon, ABOVE_0},
        {"clip", o->clip, FROM_0},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (!is_in(options[i].r, options[i].x))
            return refuse(options[i].name, options[i].x, range_text[options[i].r], why);
    return check_schedule(&o->schedule, why);
}

/* ---- Rate ------------------------------------------------------------------------------------ */

/* x^n by squaring: 0.1^1 is 0.1. */
static double power(double x, uint64_t n)
{
    double p = 1;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1)
            p *= x;
    return p;
}

/* How much of the way from warmup to the end is done, 0 to 1. */
static double progress(const dg_schedule *s, uint64_t step)
{
    if (s->steps <= s->warmup || step >= (uint64_t)s->steps)
        return 1;
    return (double)(step - (uint64_t)s->warmup) / (double)(s->steps - s->warmup);
}

double dg_optimizer_rate(const dg_optimizer *o, uint64_t step)
{
    if (dg_optimizer_check(o, NULL) != DG_OK)
        return 0;
    dg_optimizer whole = dg_optimizer_whole(o);
    o = &whole;
    const dg_schedule *s = &o->schedule;
    if (s->kind == DG_RATE_FIXED)
        return o->rate;
    if (s->kind == DG_RATE_STEP)
        return o->rate * power(s->factor, step / (uint64_t)s->every);
    if (step < (uint64_t)s->warmup)
        return o->rate * (double)(step + 1) / (double)s->warmup;
    double p = progress(s, step);
    if (s->kind == DG_RATE_LINEAR)
        return o->rate + (s->final - o->rate) * p;
    return s->final + (o->rate - s->final) * (1 + dg_cos(PI * p)) / 2;
}

int dg_optimizer_moments(const dg_optimizer *o)
{
    dg_optimizer whole = dg_optimizer_whole(o);
    switch (whole.kind) {
    case DG_GD:
        return 0;
    case DG_SGD:
        return whole.momentum > 0;
    case DG_ADAM:
    case DG_ADAMW:
        return 2;
    case DG_RMSPROP:
        return 1;
    }
    return 0;
}
