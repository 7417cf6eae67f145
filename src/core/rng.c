/* Random numbers by Philox-4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC11. */
#include "core/internal.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 10 };
#define M0 0xD2511F53u
#define M1 0xCD9E8D57u
#define W0 0x9E3779B9u
#define W1 0xBB67AE85u

void prismi_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += W0;
        k1 += W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void block(uint64_t seed, uint64_t stream, uint64_t i, uint32_t out[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)stream,
                                 (uint32_t)(stream >> 32)};
    prismi_philox(key, counter, out);
}

/* a number in (0,1) with 53 bits, never 0 or 1 */
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

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* Uniform values in SIMD registers, one value per 64-bit lane, two registers at
 * a time so that the multiplications of one fill the latency of the other. The
 * intrinsics are needed: a compiler that vectorises the loop above multiplies
 * 64 x 64 bits, three times the work. n is rounded down to whole pairs of
 * registers; the return value is the number of values written. The 53 bits
 * become a double by two exact steps: the upper bits on top of 2^84, the lower
 * bits on top of 2^52. */
#define DEFINE_UNIFORMS(name, isa, bytes, register_t, MUL)                                         \
    __attribute__((target(isa))) static size_t name(                                               \
        uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound, double *out)       \
    {                                                                                              \
        typedef uint64_t lanes __attribute__((vector_size(bytes)));                                \
        typedef double reals __attribute__((vector_size(bytes)));                                  \
        enum { LANES = sizeof(lanes) / sizeof *out, PAIR = 2 };                                    \
        const lanes zero = {0}, low = zero + 0xFFFFFFFFu, m0 = zero + M0, m1 = zero + M1;          \
        lanes at[PAIR], c0[PAIR], c1[PAIR], c2[PAIR], c3[PAIR];                                    \
        for (uint64_t i = 0; i < PAIR * LANES; i++)                                                \
            at[i / LANES][i % LANES] = first + i;                                                  \
        size_t made = 0;                                                                           \
        for (; n - made >= PAIR * LANES; made += PAIR * LANES) {                                   \
            uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);                             \
            for (int j = 0; j < PAIR; j++) {                                                       \
                c0[j] = at[j];                                                                     \
                c1[j] = at[j] >> 32;                                                               \
                c2[j] = zero + stream;                                                             \
                c3[j] = zero + (stream >> 32);                                                     \
                at[j] += PAIR * LANES;                                                             \
            }                                                                                      \
            for (int round = 0; round < ROUNDS; round++, k0 += W0, k1 += W1)                       \
                for (int j = 0; j < PAIR; j++) {                                                   \
                    lanes p0 = (lanes)MUL((register_t)m0, (register_t)c0[j]),                      \
                          p1 = (lanes)MUL((register_t)m1, (register_t)c2[j]);                      \
                    c0[j] = p1 >> 32 ^ c1[j] ^ k0;                                                 \
                    c2[j] = p0 >> 32 ^ c3[j] ^ k1;                                                 \
                    c1[j] = p1; /* upper halves are never used */                                  \
                    c3[j] = p0;                                                                    \
                }                                                                                  \
            for (int j = 0; j < PAIR; j++) {                                                       \
                lanes bits = (c0[j] << 32 | (c1[j] & low)) >> 11;                                  \
                reals upper = (reals)(bits >> 32 | 0x4530000000000000u) - (0x1p84 + 0x1p52);       \
                reals u = (upper + (reals)((bits & low) | 0x4330000000000000u) + 0.5) * 0x1p-53;   \
                u = bound * (2 * u - 1);                                                           \
                memcpy(out + made + j * LANES, &u, sizeof u);                                      \
            }                                                                                      \
        }                                                                                          \
        return made;                                                                               \
    }
DEFINE_UNIFORMS(uniforms_avx512, "avx512f", 64, __m512i, _mm512_mul_epu32)
DEFINE_UNIFORMS(uniforms_avx2, "avx2", 32, __m256i, _mm256_mul_epu32)

static size_t uniforms(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound,
                       double *out)
{
    if (__builtin_cpu_supports("avx512f"))
        return uniforms_avx512(seed, stream, first, n, bound, out);
    return __builtin_cpu_supports("avx2") ? uniforms_avx2(seed, stream, first, n, bound, out) : 0;
}
#else
static size_t uniforms(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound,
                       double *out)
{
    (void)seed, (void)stream, (void)first, (void)n, (void)bound, (void)out;
    return 0;
}
#endif

void prismi_rng_uniforms(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound,
                         double *out)
{
    for (size_t i = uniforms(seed, stream, first, n, bound, out); i < n; i++)
        out[i] = bound * (2 * prismi_rng_uniform(seed, stream, first + i) - 1);
}

double prismi_rng_normal(uint64_t seed, uint64_t stream, uint64_t i)
{
    uint32_t r[4];
    block(seed, stream, i, r);
    return sqrt(-2 * log(unit(r[0], r[1]))) * cos(2 * 3.14159265358979323846 * unit(r[2], r[3]));
}

uint32_t prismi_rng_below(uint64_t seed, uint64_t stream, uint64_t i, uint32_t n)
{
    /* Lemire's multiplication with rejection, over the four words of one block.
     * The fourth word is not rejected; the bias of that is below 2^-32. */
    uint32_t r[4], threshold = -n % n;
    block(seed, stream, i, r);
    for (int k = 0; k < 3; k++) {
        uint64_t m = (uint64_t)r[k] * n;
        if ((uint32_t)m >= threshold)
            return (uint32_t)(m >> 32);
    }
    return (uint32_t)((uint64_t)r[3] * n >> 32);
}
