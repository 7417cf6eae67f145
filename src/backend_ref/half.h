/* Conversion between float and the two half-precision formats, IEEE binary16
 * and bfloat16, rounding to nearest even. */
#ifndef PRISMI_REF_HALF_H
#define PRISMI_REF_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* u >> n, rounded to nearest even. */
static inline uint32_t shift_round(uint32_t u, int n)
{
    uint32_t half = 1u << (n - 1), low = u & ((1u << n) - 1), q = u >> n;
    return q + (low > half || (low == half && (q & 1)));
}

static inline uint16_t bf16_from_float(float f)
{
    uint32_t u = float_bits(f);
    return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : shift_round(u, 16));
}

static inline float bf16_to_float(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

static inline uint16_t f16_from_float(float f)
{
    uint32_t u = float_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;

    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) /* 65520 rounds to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (a >= 0x38800000) /* 2^-14, normal; rounding may rightly carry into the exponent */
        return (uint16_t)(sign | shift_round(a - 0x38000000, 13));
    if (a < 0x33000000) /* below half of the smallest subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_round((a & 0x7fffff) | 0x800000, 126 - (int)(a >> 23)));
}

static inline float f16_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = h & 0x7fff;

    if (a >= 0x7c00)
        return float_of(sign | 0x7f800000 | (a & 0x3ff) << 13);
    if (a >= 0x400)
        return float_of(sign | ((a << 13) + 0x38000000));
    return float_of(sign | float_bits((float)a * 0x1p-24f));
}

#endif
