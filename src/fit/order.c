/* The order in which data are visited. */
#include "fit/fit.h"

void prismi_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, int n, int32_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = i;
    for (int i = n - 1; i > 0; i--) {
        uint32_t j = prismi_rng_below(seed, stream, epoch * (uint64_t)n + (uint64_t)i, (uint32_t)i + 1);
        int32_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}
