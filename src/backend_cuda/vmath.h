/* Scalar functions that several kernels share, for float and double, with the
 * reference backend's rules for NaN. (The file is not called math.h: with this
 * folder on the include path it would hide the C library's.) */
#ifndef PRISMI_CU_VMATH_H
#define PRISMI_CU_VMATH_H

#include "backend_cuda/cu.h"

#include <cmath>

/* Modulus without overflow. Every kernel uses this function, so a field against
 * its own modulus has misfit 0. */
__device__ __forceinline__ float cu_abs(float re, float im)
{
    return hypotf(re, im);
}
__device__ __forceinline__ double cu_abs(double re, double im)
{
    return hypot(re, im);
}

__device__ __forceinline__ float cu_exp(float x)
{
    return expf(x);
}
__device__ __forceinline__ double cu_exp(double x)
{
    return exp(x);
}
__device__ __forceinline__ float cu_tanh(float x)
{
    return tanhf(x);
}
__device__ __forceinline__ double cu_tanh(double x)
{
    return tanh(x);
}
__device__ __forceinline__ float cu_sqrt(float x)
{
    return sqrtf(x);
}
__device__ __forceinline__ double cu_sqrt(double x)
{
    return sqrt(x);
}

__device__ __forceinline__ float cu_magnitude(float x)
{
    return fabsf(x);
}
__device__ __forceinline__ double cu_magnitude(double x)
{
    return fabs(x);
}

template <class T> __device__ __forceinline__ T cu_act(enum prism_act act, T x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x < 0 ? T(0) : x; /* NaN stays NaN */
    case PRISM_ACT_LEAKY:
        return x > 0 ? x : T(0.2) * x;
    case PRISM_ACT_SIGMOID:
        return 1 / (1 + cu_exp(-x));
    case PRISM_ACT_HARDSIGMOID:
        return x < -3 ? T(0) : x > 3 ? T(1) : x / 6 + T(0.5);
    case PRISM_ACT_SCALESIGMOID:
        return T(1.02) / (1 + cu_exp(-x)) - T(0.01);
    case PRISM_ACT_TANH:
        return cu_tanh(x);
    default:
        return x;
    }
}

/* Derivative of the activation at its input x. */
template <class T> __device__ __forceinline__ T cu_act_slope(enum prism_act act, T x)
{
    T y;

    switch (act) {
    case PRISM_ACT_RELU:
        return x > 0 ? T(1) : T(0);
    case PRISM_ACT_LEAKY:
        return x > 0 ? T(1) : T(0.2);
    case PRISM_ACT_SIGMOID:
        y = 1 / (1 + cu_exp(-x));
        return y * (1 - y);
    case PRISM_ACT_HARDSIGMOID:
        return x > -3 && x < 3 ? T(1) / 6 : T(0);
    case PRISM_ACT_SCALESIGMOID:
        y = 1 / (1 + cu_exp(-x));
        return T(1.02) * y * (1 - y);
    case PRISM_ACT_TANH:
        y = cu_tanh(x);
        return 1 - y * y;
    default:
        return T(1);
    }
}

/* Calls f with the activation as a type whose ::value is the activation, so
 * that a loop in f has no branch:
 *   cu_with_act(act, [&](auto is) { for (...) v[k] = cu_act(is.value, v[k]);
 *       }); */
template <enum prism_act ACT> struct cu_act_is {
    static constexpr enum prism_act value = ACT;
};
template <class F> __device__ __forceinline__ void cu_with_act(enum prism_act act, F f)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return f(cu_act_is<PRISM_ACT_RELU>());
    case PRISM_ACT_LEAKY:
        return f(cu_act_is<PRISM_ACT_LEAKY>());
    case PRISM_ACT_SIGMOID:
        return f(cu_act_is<PRISM_ACT_SIGMOID>());
    case PRISM_ACT_HARDSIGMOID:
        return f(cu_act_is<PRISM_ACT_HARDSIGMOID>());
    case PRISM_ACT_SCALESIGMOID:
        return f(cu_act_is<PRISM_ACT_SCALESIGMOID>());
    case PRISM_ACT_TANH:
        return f(cu_act_is<PRISM_ACT_TANH>());
    default:
        return f(cu_act_is<PRISM_ACT_NONE>());
    }
}

#endif
