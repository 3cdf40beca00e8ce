/* Uniform numbers of a stream (contract: kernels/kernels.h): those of base/philox.h, LANES blocks
 * of Philox side by side. */
#include "base/philox.h"
#include "kernels/kernels.h"

#include <string.h>

enum { LANES = 16 };

static void blocks(const uint64_t key[2], uint64_t block, double u[2 * LANES])
{
    uint32_t word[LANES][4];
    for (int i = 0; i < LANES; i++)
        dg_philox_block(key, block + (uint64_t)i, word[i]);
    for (int i = 0; i < LANES; i++) {
        u[2 * i] = dg_unit_f64(word[i][0], word[i][1]);
        u[2 * i + 1] = dg_unit_f64(word[i][2], word[i][3]);
    }
}

void DG_T(dg_uniform_row)(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, double *out)
{
    double u[2 * LANES];
    for (int64_t i = 0; i < n;) {
        const uint64_t index = first + (uint64_t)i;
        const int64_t skip = (int64_t)(index % 2), most = 2 * LANES - skip;
        const int64_t m = n - i < most ? n - i : most;
        blocks((uint64_t[2]){seed, stream}, index / 2, u);
        memcpy(out + i, u + skip, (size_t)m * sizeof *out);
        i += m;
    }
}
