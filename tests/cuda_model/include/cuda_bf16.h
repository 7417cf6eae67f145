/* Host model of bfloat16, the upper half of a float; see cuda_runtime.h. */
#ifndef CUDA_MODEL_BF16_H
#define CUDA_MODEL_BF16_H

#include "cuda_runtime.h"

struct __nv_bfloat16_raw {
    unsigned short x;
};
struct alignas(2) __nv_bfloat16 {
    unsigned short __x;
    __nv_bfloat16() = default;
    __nv_bfloat16(__nv_bfloat16_raw r) : __x(r.x)
    {
    }
    operator __nv_bfloat16_raw() const
    {
        return {__x};
    }
};

static inline float __bfloat162float(__nv_bfloat16 h)
{
    uint32_t bits = (uint32_t)h.__x << 16;
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* Rounds to nearest, ties to even. */
static inline __nv_bfloat16 __float2bfloat16_rn(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return __nv_bfloat16_raw{0x7fff};
    return __nv_bfloat16_raw{(unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

#endif
