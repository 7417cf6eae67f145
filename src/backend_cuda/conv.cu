/* Convolution plans of the CUDA backend: the choice of a method, its scratch,
 * and the entries. */
#include "backend_cuda/conv.h"

#include <stdio.h>
#include <stdlib.h>

enum { FEW_CHANNELS = 32 };

/* Chooses the method by shape.
 *
 *   point   One output pixel that sees all of x: a matrix times a vector. Every
 *           weight is used once, so its bytes are the floor; one launch.
 *   direct  Few channels: 2 FLOP for each of the k k cout cin products of a
 *           pixel, and (cin s s + cout) values moved for it. Columns would move
 *           k k cin values twice, ten times as much, through memory once they
 *           outgrow the cache. One launch (bwd_w: two) that reads each value
 *           about once is bound by the arithmetic alone. It exists for the
 *           decoder's two shapes.
 *   gemm    Many channels on few pixels: columns are small beside the
 *           arithmetic (at most 2 MB in the decoder), and a product spreads a
 *           long sum over all processors and uses tensor cores where it may;
 *           two launches. gemm also takes every other shape.
 *
 * Where columns of many channels outgrow CONV_COLS, direct again reads less. */
static const struct conv_method *choose(const struct prism_conv *c)
{
    const struct prism_conv_desc *d = &c->d;
    const bool few = d->cin <= FEW_CHANNELS && d->cout <= FEW_CHANNELS;
    const bool written = (d->k == 4 && d->stride == 2 && d->pad == 1) ||
                         (d->k == 3 && d->stride == 1 && d->pad <= 2);
    /* a grid has at most 65535 blocks along z */
    const bool fits = (size_t)d->n * (size_t)(d->cin > d->cout ? d->cin : d->cout) <= 65535;

    if (cu(c->dev)->plain)
        return cu_conv_gemm(d->dtype);
    if (conv_pixels(c) == 1 && d->pad == 0 && d->h == d->k && d->w == d->k)
        return cu_conv_point(d->dtype);
    if (d->dtype != PRISM_F64 && written && fits &&
        (few || conv_patch(c) * conv_pixels(c) > CONV_COLS))
        return cu_conv_direct(d->dtype);
    return cu_conv_gemm(d->dtype);
}

static int prepare(struct prism_conv *c)
{
    const struct prism_conv_desc *d = &c->d;
    const struct prism_host *host = c->dev->host;
    size_t bytes = c->method->scratch(c);
    void *scratch;
    char text[160];

    if (c->method->blas)
        CU_TRY(cu_need_blas(c->dev));
    if (bytes) {
        CU_TRY(cu_alloc(c->dev, bytes, "the scratch of a convolution", &scratch));
        c->scratch = (unsigned char *)scratch;
        CU_TRY(CU_CHECK(c->dev, cudaMemsetAsync(scratch, 0, bytes, cu(c->dev)->stream),
                        "clearing the scratch of a convolution"));
    }
    snprintf(text, sizeof text, "conv n%d %d->%d %dx%d k%ds%dp%d: %s, %.1f MB of scratch", d->n,
             d->cin, d->cout, d->h, d->w, d->k, d->stride, d->pad, c->method->name,
             1e-6 * (double)bytes);
    host->log(host->user, PRISM_LOG_DEBUG, text);
    return 0;
}

int cu_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d, struct prism_conv **out)
{
    struct prism_conv *c = (struct prism_conv *)calloc(1, sizeof *c);
    int status;

    *out = NULL;
    if (!c)
        return CU_FAIL(dev, PRISM_ENOMEM, "no memory for a convolution plan");
    c->dev = dev;
    c->d = *d;
    c->oh = prism_conv_out(d, d->h);
    c->ow = prism_conv_out(d, d->w);
    c->method = choose(c);
    status = prepare(c);
    if (status)
        cu_conv_destroy(c);
    else
        *out = c;
    return status;
}

int cu_conv_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    return c->method->fwd(c, y, x, w);
}

int cu_conv_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    return c->method->bwd_x(c, gx, gy, w);
}

int cu_conv_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    return c->method->bwd_w(c, gw, gy, x);
}

void cu_conv_destroy(struct prism_conv *c)
{
    if (!c)
        return;
    cu_free(c->dev, c->scratch);
    free(c);
}
