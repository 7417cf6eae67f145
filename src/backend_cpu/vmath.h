/* Scalar functions that the compiler can vectorise: no calls, no branches. */
#ifndef PRISMI_CPU_VMATH_H
#define PRISMI_CPU_VMATH_H

#include "backend_cpu/cpu.h"

#include <math.h>
#include <string.h>

/* exp to 1.5 ulp: x = n ln 2 + r, a polynomial for e^r. Saturates at the ends of the normal range; NaN stays. */
CPU_INLINE float cpu_expf(float x)
{
    const float round = 12582912.f; /* 1.5 2^23: adding it leaves the integer in the low bits */
    x = x < -87.f ? -87.f : x;
    x = x > 88.f ? 88.f : x;
    float t = x * 1.44269504f + round, n = t - round;
    float r = x - n * 0.693359375f - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.f;
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

CPU_INLINE float cpu_sigmoidf(float x)
{
    return 1.f / (1.f + cpu_expf(-x));
}

CPU_INLINE float cpu_tanhf(float x)
{
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float large = copysignf(1.f - 2.f / (cpu_expf(2.f * fabsf(x)) + 1.f), x);
    return fabsf(x) < 0.625f ? small : large;
}

/* act is a constant where these are inlined. */
CPU_INLINE float cpu_act(enum prism_act act, float x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x < 0.f ? 0.f : x;
    case PRISM_ACT_LEAKY:
        return x > 0.f ? x : 0.2f * x;
    case PRISM_ACT_SIGMOID:
        return cpu_sigmoidf(x);
    case PRISM_ACT_HARDSIGMOID: {
        float y = x * (1.f / 6.f) + 0.5f;
        y = y < 0.f ? 0.f : y;
        return y > 1.f ? 1.f : y;
    }
    case PRISM_ACT_SCALESIGMOID:
        return 1.02f * cpu_sigmoidf(x) - 0.01f;
    case PRISM_ACT_TANH:
        return cpu_tanhf(x);
    default:
        return x;
    }
}

/* Derivative at the activation's input x. */
CPU_INLINE float cpu_act_slope(enum prism_act act, float x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x > 0.f ? 1.f : 0.f;
    case PRISM_ACT_LEAKY:
        return x > 0.f ? 1.f : 0.2f;
    case PRISM_ACT_SIGMOID:
    case PRISM_ACT_SCALESIGMOID: {
        float s = cpu_sigmoidf(x);
        return (act == PRISM_ACT_SIGMOID ? 1.f : 1.02f) * s * (1.f - s);
    }
    case PRISM_ACT_HARDSIGMOID:
        return fabsf(x) < 3.f ? 1.f / 6.f : 0.f;
    case PRISM_ACT_TANH: {
        float t = cpu_tanhf(x);
        return 1.f - t * t;
    }
    default:
        return 1.f;
    }
}

#endif
