/* What a node computes beside a reference; see reference.h. */
#include "ops/reference.h"
#include "ops/registry.h"
#include "ops/rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 60 };

void dg_unravel(const dg_shape *s, int64_t flat, int64_t index[DG_MAX_RANK])
{
    for (int k = s->rank - 1; k >= 0; k--) {
        index[k] = flat % s->dim[k];
        flat /= s->dim[k];
    }
}

int64_t dg_ravel(const dg_shape *s, const int64_t index[])
{
    int64_t flat = 0;
    for (int k = 0; k < s->rank; k++)
        flat = flat * s->dim[k] + index[k];
    return flat;
}

static int compare(const dg_trial *t, dg_reference *of)
{
    dg_rig r;
    int checked = 0;
    dg_rig_open(&r, t, DG_F64, dg_isa_at(0), 1);
    dg_rig_forward(&r, DG_CUT);
    for (int j = 0; j < t->n_out; j++)
        for (int64_t k = 0; k < dg_rig_out_count(&r, j); k++, checked++) {
            double found = dg_rig_get(&r, r.out[j], k), want = of(t, j, k);
            if (!(found == want || fabs(found - want) <= 1e-13 * fmax(1, fabs(want))))
                fail_msg("%s: output %d[%lld] is %.17g, not %.17g", t->text, j, (long long)k, found,
                         want);
        }
    dg_rig_close(&r);
    return checked;
}

void dg_reference_check(const char *name, dg_reference *of, int most)
{
    int k = dg_builtin_find(name), draws = 0, checked = 0;
    assert_true(k >= 0);
    for (int draw = 0; draws < DRAWS && draw < 1000; draw++)
        for (int which = 0; which < dg_builtin_at(k)->n_cases; which++) {
            dg_trial t;
            dg_diag why = {0};
            if (dg_trial_draw(&t, k, which, draw, 77 + (uint64_t)(31 * draw + which), &why) &&
                dg_shape_count(&t.in_shape[0]) <= most) {
                checked += compare(&t, of);
                draws++;
            }
            dg_trial_free(&t);
        }
    assert_true(draws >= DRAWS && checked > 100);
}
