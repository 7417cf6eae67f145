/* Convolution plans of the CPU backend: the choice of a method, and its
 * scratch. */
#include "backend_cpu/real.h"

#include <stdlib.h>
#include <string.h>

/* Strided copy. Callers inline it with a constant stride where that is
 * faster. */
CPU_INLINE void take(real *y, const real *x, size_t s, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++)
        y[j] = x[j * s];
}

CPU_HOT static void take_some(real *y, const real *x, size_t s, size_t n)
{
    if (s == 2)
        take(y, x, 2, n);
    else
        take(y, x, s, n);
}

void R(prismi_cpu_take)(real *y, const real *x, size_t s, size_t n)
{
    if (s == 1)
        memcpy(y, x, n * sizeof *y);
    else
        take_some(y, x, s, n);
}

/* Chooses the method by shape. Measurements show that direct rows win while
 * both channel counts are small enough to keep an item's rows in the
 * second-level cache, and a row fills the register tiles. */
static const struct conv_method *choose(const struct prism_conv *c)
{
    const struct prism_conv_desc *d = &c->d;

    if (prismi_cpu(c->dev)->plain)
        return &R(prismi_cpu_conv_gemm);
    if (c->oh == 1 && c->ow == 1 && d->pad == 0 && d->h == d->k && d->w == d->k)
        return &R(prismi_cpu_conv_point);
    return c->ow >= 32 && d->stride <= 4 && d->cin <= 64 && d->cout <= 64
               ? &R(prismi_cpu_conv_direct)
               : &R(prismi_cpu_conv_gemm);
}

int R(prismi_cpu_conv_create)(struct prism_dev *dev, const struct prism_conv_desc *d,
                              struct prism_conv **out)
{
    struct prism_conv *c = calloc(1, sizeof *c);
    size_t work = 0, scratch = 0;

    *out = NULL;
    if (!c)
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory for a convolution plan");
    c->kernels = &R(prismi_cpu_kernels);
    c->dev = dev;
    c->d = *d;
    c->oh = prism_conv_out(d, d->h);
    c->ow = prism_conv_out(d, d->w);
    c->method = choose(c);
    c->method->sizes(c, &work, &scratch);
    c->nwork = (work + 15) / 16 * 16;
    c->nscratch = (scratch + 15) / 16 * 16;
    const size_t room = c->nwork + c->nscratch * (size_t)dev->caps.threads;
    const double megabytes = (double)room * sizeof(real) / 1e6;
    if (prismi_cpu_room_enter(dev, room * sizeof(real))) {
        free(c);
        return CPU_FAIL(dev, PRISM_ENOMEM,
                        "no memory for the scratch of a convolution (%.1f MB); use fewer threads "
                        "or a smaller grid",
                        megabytes);
    }
    prismi_cpu_log(dev, PRISM_LOG_DEBUG, "conv n%d %d->%d %dx%d k%ds%dp%d: %s, %.1f MB of scratch",
                   d->n, d->cin, d->cout, d->h, d->w, d->k, d->stride, d->pad, c->method->name,
                   megabytes);
    *out = c;
    return 0;
}

int R(prismi_cpu_conv_fwd)(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    c->method->fwd(c, (real *)y, (const real *)x, (const real *)w);
    return 0;
}

int R(prismi_cpu_conv_bwd_x)(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    c->method->bwd_x(c, (real *)gx, (const real *)gy, (const real *)w);
    return 0;
}

int R(prismi_cpu_conv_bwd_w)(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    c->method->bwd_w(c, (real *)gw, (const real *)gy, (const real *)x);
    return 0;
}

void R(prismi_cpu_conv_destroy)(struct prism_conv *c)
{
    if (!c)
        return;
    prismi_cpu_room_leave(c->dev);
    free(c);
}
