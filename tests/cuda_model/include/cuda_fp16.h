/* Host model of IEEE binary16, see cuda_runtime.h. */
#ifndef CUDA_MODEL_FP16_H
#define CUDA_MODEL_FP16_H

#include "cuda_runtime.h"

struct __half_raw {
    unsigned short x;
};
struct alignas(2) __half {
    unsigned short __x;
    __half() = default;
    __half(__half_raw r) : __x(r.x)
    {
    }
    operator __half_raw() const
    {
        return {__x};
    }
};

static inline float __half2float(__half h)
{
    uint32_t sign = (uint32_t)(h.__x & 0x8000) << 16, e = h.__x >> 10 & 31, m = h.__x & 1023, bits;
    if (e == 0) { /* zero or subnormal: m 2^-24 is exact */
        float v = (float)m * 0x1p-24f;
        return sign ? -v : v;
    }
    if (e == 31)
        bits = m ? 0x7fffffff : sign | 0x7f800000;
    else
        bits = sign | (e + 112) << 23 | m << 13;
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* Rounds to nearest, ties to even. */
static inline __half __float2half_rn(float v)
{
    uint32_t bits, r;
    memcpy(&bits, &v, 4);
    uint32_t sign = bits >> 16 & 0x8000, a = bits & 0x7fffffff;
    if (a > 0x7f800000)
        return __half_raw{0x7fff};
    if (a >= 0x477ff000) /* 65520, half way to the value after the largest */
        r = 0x7c00;
    else if (a >= 0x38800000) /* normal; a carry belongs to the exponent */
        r = (a + 0xfff + (a >> 13 & 1) - (112u << 23)) >> 13;
    else { /* the addition rounds to multiples of 2^-24, a subnormal half's unit */
        float half_unit = fabsf(v) + 0.5f;
        memcpy(&r, &half_unit, 4);
        r -= 0x3f000000;
    }
    return __half_raw{(unsigned short)(sign | r)};
}

#endif
