/* PRISM: element types, device memory, activations. */
#ifndef PRISMREC_TYPES_H
#define PRISMREC_TYPES_H

#include "prismrec/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element types of arrays. Complex elements are interleaved (re, im). */
enum prism_dtype {
    PRISM_F32,
    PRISM_F64,
    PRISM_CF32,
    PRISM_CF64,
    PRISM_I32,
    PRISM_F16,  /* IEEE binary16 */
    PRISM_BF16, /* the upper half of an F32 */
    PRISM_U8,
    PRISM_DTYPE_COUNT
};

/* Bytes of an element. */
static inline size_t prism_dtype_size(enum prism_dtype t)
{
    return t == PRISM_CF64                     ? 16
           : t == PRISM_F64 || t == PRISM_CF32 ? 8
           : t == PRISM_F16 || t == PRISM_BF16 ? 2
           : t == PRISM_U8                     ? 1
                                               : 4;
}

/* The complex type whose parts are of the real type t; any other t as given. */
static inline enum prism_dtype prism_dtype_complex(enum prism_dtype t)
{
    return t == PRISM_F32 ? PRISM_CF32 : t == PRISM_F64 ? PRISM_CF64 : t;
}

/* The type of the parts of the complex type t; any other t as given. */
static inline enum prism_dtype prism_dtype_real(enum prism_dtype t)
{
    return t == PRISM_CF32 ? PRISM_F32 : t == PRISM_CF64 ? PRISM_F64 : t;
}

/* An open device (prismrec/ctx.h). */
struct prism_dev;

/* An address in a device's memory. Arithmetic on it is allowed, in bytes;
 * only a backend may dereference it. prism_dev_read() and prism_dev_write()
 * move data between it and the host. */
typedef unsigned char *prism_mem;

/* Activation functions, applied to every element. */
enum prism_act {
    PRISM_ACT_NONE,         /* x */
    PRISM_ACT_RELU,         /* max(0, x); derivative 0 at 0 */
    PRISM_ACT_LEAKY,        /* x > 0 ? x : 0.2 x */
    PRISM_ACT_SIGMOID,      /* 1/(1 + exp(-x)) */
    PRISM_ACT_HARDSIGMOID,  /* clamp(x/6 + 1/2, 0, 1); derivative 1/6 on |x| < 3 */
    PRISM_ACT_SCALESIGMOID, /* 1.02 sigmoid(x) - 0.01 */
    PRISM_ACT_TANH,
    PRISM_ACT_COUNT
};

/* How much time a device may spend on choosing the fastest transforms and
 * convolutions when something is created on it. */
enum prism_plan_effort {
    PRISM_PLAN_ESTIMATE, /* none: nothing is timed */
    PRISM_PLAN_MEASURE,  /* candidates are timed */
    PRISM_PLAN_PATIENT   /* more candidates are timed */
};

#ifdef __cplusplus
}
#endif
#endif
