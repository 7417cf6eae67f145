/* Scalar functions without calls or branches, which the compiler can
 * vectorise. */
#ifndef PRISMI_CPU_VMATH_H
#define PRISMI_CPU_VMATH_H

#include "backend_cpu/real.h"

#include <string.h>
#include <tgmath.h>

#ifdef CPU_F64

/* exp to 2 ulp, by the formula of Cephes: x = n ln 2 + r, e^r = 1 + 2 r
 * P(r^2)/(Q(r^2) - r P(r^2)). Saturates at the ends of the normal range; NaN
 * stays NaN. */
CPU_INLINE double cpu_exp(double x)
{
    const double round = 6755399441055744.0; /* 1.5 2^52 */
    x = x < -708 ? -708 : x;
    x = x > 709 ? 709 : x;
    double t = x * 1.4426950408889634074 + round, n = t - round;
    double r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6, z = r * r;
    double p = 1.26177193074810590878e-4;
    p = p * z + 3.02994407707441961300e-2;
    p = (p * z + 9.99999999999999999910e-1) * r;
    double q = 3.00198505138664455042e-6;
    q = q * z + 2.52448340349684104192e-3;
    q = q * z + 2.27265548208155028766e-1;
    q = q * z + 2;
    uint64_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 52) + 0x3ff0000000000000u;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return (1 + 2 * p / (q - p)) * scale;
}

/* tanh x = x + x z odd(z), z = x^2, for |x| < 0.625, by the formula of
 * Cephes. */
CPU_INLINE double cpu_tanh_odd(double z)
{
    double p = -9.64399179425052238628e-1;
    p = p * z - 9.92877231001918586564e1;
    p = p * z - 1.61468768441708447952e3;
    double q = z + 1.12811678491632931402e2;
    q = q * z + 2.23548839060100448583e3;
    q = q * z + 4.84406305325125486048e3;
    return p / q;
}

#else

/* exp to 1.5 ulp: x = n ln 2 + r, and a polynomial for e^r. Saturates at the
 * ends of the normal range; NaN stays NaN. */
CPU_INLINE float cpu_exp(float x)
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

/* tanh x = x + x z odd(z), z = x^2, for |x| < 0.625. */
CPU_INLINE float cpu_tanh_odd(float z)
{
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    return p;
}

#endif

CPU_INLINE real cpu_sigmoid(real x)
{
    return 1 / (1 + cpu_exp(-x));
}

CPU_INLINE real cpu_tanh(real x)
{
    real z = x * x;
    real small = cpu_tanh_odd(z) * z * x + x;
    real large = copysign(1 - 2 / (cpu_exp(2 * fabs(x)) + 1), x);
    return fabs(x) < (real)0.625 ? small : large;
}

/* Activation act(x); act is a constant where this is inlined. */
CPU_INLINE real cpu_act(enum prism_act act, real x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x < 0 ? 0 : x;
    case PRISM_ACT_LEAKY:
        return x > 0 ? x : (real)0.2 * x;
    case PRISM_ACT_SIGMOID:
        return cpu_sigmoid(x);
    case PRISM_ACT_HARDSIGMOID: {
        real y = x * ((real)1 / 6) + (real)0.5;
        y = y < 0 ? 0 : y;
        return y > 1 ? 1 : y;
    }
    case PRISM_ACT_SCALESIGMOID:
        return (real)1.02 * cpu_sigmoid(x) - (real)0.01;
    case PRISM_ACT_TANH:
        return cpu_tanh(x);
    default:
        return x;
    }
}

/* Derivative of the activation at its input x; act is a constant where this is
 * inlined. */
CPU_INLINE real cpu_act_slope(enum prism_act act, real x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x > 0 ? (real)1 : (real)0;
    case PRISM_ACT_LEAKY:
        return x > 0 ? 1 : (real)0.2;
    case PRISM_ACT_SIGMOID:
    case PRISM_ACT_SCALESIGMOID: {
        real s = cpu_sigmoid(x);
        return (act == PRISM_ACT_SIGMOID ? 1 : (real)1.02) * s * (1 - s);
    }
    case PRISM_ACT_HARDSIGMOID:
        return fabs(x) < 3 ? (real)1 / 6 : 0;
    case PRISM_ACT_TANH: {
        real t = cpu_tanh(x);
        return 1 - t * t;
    }
    default:
        return 1;
    }
}

#endif
