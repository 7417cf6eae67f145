/* Convolution plans: the declarations that the conv*.cu files share. */
#ifndef PRISMI_CU_CONV_H
#define PRISMI_CU_CONV_H

#include "backend_cuda/cu.h"

struct prism_conv {
    struct prism_dev *dev;
    struct prism_conv_desc d;
    int oh, ow;
    const struct conv_method *method;
    unsigned char *scratch; /* aligned for 16-byte loads */
};

struct conv_method {
    const char *name;
    bool blas;
    /* bytes of scratch, which the plan clears when it is made */
    size_t (*scratch)(const struct prism_conv *c);
    int (*fwd)(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w);
    int (*bwd_x)(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w);
    int (*bwd_w)(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x);
};

/* Methods for an element type; conv_direct has none for F64. */
const struct conv_method *cu_conv_point(enum prism_dtype t);
const struct conv_method *cu_conv_gemm(enum prism_dtype t);
const struct conv_method *cu_conv_direct(enum prism_dtype t);

/* Limit of elements of the columns that gemm makes at once, chosen to stay in
 * the L2 cache of the larger cards. One row of pixels or one channel may exceed
 * the limit. */
enum { CONV_COLS = 1 << 22 };

static inline size_t conv_patch(const struct prism_conv *c)
{
    return (size_t)c->d.cin * (size_t)c->d.k * (size_t)c->d.k;
}

static inline size_t conv_pixels(const struct prism_conv *c)
{
    return (size_t)c->oh * (size_t)c->ow;
}

/* Elements of one image. */
static inline size_t conv_x(const struct prism_conv *c)
{
    return (size_t)c->d.cin * (size_t)c->d.h * (size_t)c->d.w;
}

static inline size_t conv_y(const struct prism_conv *c)
{
    return (size_t)c->d.cout * conv_pixels(c);
}

#endif
