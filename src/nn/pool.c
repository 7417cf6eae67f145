/* Pooling of every plane over k x k windows, by the largest pixel or the mean;
 * the formulas are at enum prism_pool. The index of a window's largest pixel is
 * kept for the backward. */
#include "nn/layer.h"

static struct prism_pool_desc pool_desc(const struct prismi_layer *l)
{
    return (struct prism_pool_desc){.dtype = l->dtype,
                                    .kind = l->pool.kind,
                                    .planes = l->n * l->in[0],
                                    .h = l->in[1],
                                    .w = l->in[2],
                                    .k = l->pool.k,
                                    .stride = l->pool.stride,
                                    .pad = l->pool.pad};
}

static void pool_infer(struct prismi_layer *l)
{
    const struct prism_pool_desc d = pool_desc(l);
    l->out[0] = l->in[0];
    l->out[1] = prism_pool_out(&d, d.h);
    l->out[2] = prism_pool_out(&d, d.w);
    /* indices are I32, no wider than any real */
    l->nsaved = d.kind == PRISM_POOL_MAX ? prismi_layer_outputs(l) : 0;
}

static int pool_forward(struct prismi_layer *l)
{
    const struct prism_pool_desc d = pool_desc(l);
    return l->dev->ops->pool_fwd(l->dev, &d, l->y, l->saved, l->x[0]);
}

static int pool_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    const struct prism_pool_desc d = pool_desc(l);
    return l->dev->ops->pool_bwd(l->dev, &d, gx[0], gy, l->saved);
}

static const struct prismi_layer_ops pool_ops = {
    .name = "pool", .infer = pool_infer, .forward = pool_forward, .backward = pool_backward};

struct prismi_layer prismi_layer_pool(enum prism_pool kind, int k, int stride, int pad)
{
    return (struct prismi_layer){.ops = &pool_ops, .pool = {kind, k, stride, pad}};
}
