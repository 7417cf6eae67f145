/* Helpers of the network suites: host copies of tensors, and the weights that
 * the golden numbers were made with. */
#ifndef NN_TEST_H
#define NN_TEST_H

#include "nn/layer.h"
#include "support/support.h"

#include <math.h>

/* The values of a tensor; the caller frees. */
static inline double *nn_get(const struct prism_net *net, prism_mem mem, size_t n)
{
    double *v = new_array(n, sizeof *v);
    MUST(prismi_dev_ctx(net->dev), prismi_dev_get(net->dev, v, mem, net->dtype, n));
    return v;
}

/* The gradient of parameter i from the last backward pass; the caller frees. */
static inline double *nn_gradient(const struct prism_net *net, int i)
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    struct prism_param_info info;
    prism_mem mem;
    MUST(ctx, prism_net_param(net, i, &info));
    MUST(ctx, net->dev->ops->alloc(net->dev, info.count * prism_dtype_size(net->dtype), &mem));
    MUST(ctx, prism_net_gradient(net, i, mem));
    double *v = nn_get(net, mem, info.count);
    net->dev->ops->release(net->dev, mem);
    return v;
}

static inline size_t nn_out_count(const struct prism_net *net)
{
    return prismi_layer_outputs(&net->layer[net->nlayers - 1]);
}

static inline double *nn_forward(struct prism_net *net)
{
    prism_mem out;
    MUST(prismi_dev_ctx(net->dev), prism_net_forward(net, &out));
    return nn_get(net, out, nn_out_count(net));
}

/* latent 1.5u, weights scale u/sqrt(d1 k^2), gamma 1 + 0.1u, beta and bias
 * 0.1u; parameter p starts at seed p + 1. */
static inline void nn_fill(struct prism_net *net, double scale)
{
    for (int p = 0; p < net->nparam; p++) {
        const struct prismi_param *t = prismi_net_param(net, p);
        double *v = new_array(t->info.count, sizeof *v),
               fan = (double)t->info.dim[1] * t->info.dim[2] * t->info.dim[3];
        lcg_fill(v, t->info.count, (uint32_t)p + 1);
        for (size_t i = 0; i < t->info.count; i++)
            v[i] = t->fill == PRISMI_FILL_NORMAL   ? 1.5 * v[i]
                   : t->fill == PRISMI_FILL_WEIGHT ? scale * v[i] / sqrt(fan)
                   : t->fill == PRISMI_FILL_ONE    ? 1 + 0.1 * v[i]
                                                   : 0.1 * v[i];
        MUST(prismi_dev_ctx(net->dev),
             prismi_dev_put(net->dev, t->info.value, net->dtype, v, t->info.count));
        free(v);
    }
}

/* Parameters of the decoder as first published: layers down to one channel, no
 * activation after the last. */
#define ORIGINAL .min_channels = 1, .output_activation = PRISM_OUTPUT_NONE

static inline struct prism_net *nn_decoder(struct prism_dev *dev, struct prism_decoder_params p)
{
    struct prism_net *net = NULL;
    MUST(prismi_dev_ctx(dev), prism_decoder_create(dev, &p, &net));
    return net;
}

/* max |a - b| / max |b| */
static inline double nn_error(const double *a, const double *b, size_t n)
{
    double diff = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(a[i] - b[i]) <= diff)) /* NaN counts as the largest */
            diff = fabs(a[i] - b[i]);
        size = fmax(size, fabs(b[i]));
    }
    return size > 0 ? diff / size : diff;
}

#endif
