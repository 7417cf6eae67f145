/* Philox-4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. */
#include "core/internal.h"

#include <math.h>

void prismi_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void block(uint64_t seed, uint64_t stream, uint64_t i, uint32_t out[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    prismi_philox(key, counter, out);
}

/* 53 bits, never 0 or 1 */
static double unit(uint32_t hi, uint32_t lo)
{
    uint64_t bits = ((uint64_t)hi << 32 | lo) >> 11;
    return ((double)bits + 0.5) * 0x1p-53;
}

double prismi_rng_uniform(uint64_t seed, uint64_t stream, uint64_t i)
{
    uint32_t r[4];
    block(seed, stream, i, r);
    return unit(r[0], r[1]);
}

double prismi_rng_normal(uint64_t seed, uint64_t stream, uint64_t i)
{
    uint32_t r[4];
    block(seed, stream, i, r);
    return sqrt(-2 * log(unit(r[0], r[1]))) * cos(2 * 3.14159265358979323846 * unit(r[2], r[3]));
}

uint32_t prismi_rng_below(uint64_t seed, uint64_t stream, uint64_t i, uint32_t n)
{
    /* Lemire's multiply with rejection, over the words of one block; a bias left after four rejections is below 2^-32 */
    uint32_t r[4], threshold = -n % n;
    block(seed, stream, i, r);
    for (int k = 0; k < 3; k++) {
        uint64_t m = (uint64_t)r[k] * n;
        if ((uint32_t)m >= threshold)
            return (uint32_t)(m >> 32);
    }
    return (uint32_t)((uint64_t)r[3] * n >> 32);
}
