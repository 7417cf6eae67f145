/* Convolution and transposed convolution, which share one kind of plan.
 *
 *   plain       weight [cout,cin,k,k]
 *     y = plan.fwd(x, w)    gx = plan.bwd_x(gy, w)  gw = plan.bwd_w(gy, x)
 *   transposed  weight [cin,cout,k,k]
 *     y = plan.bwd_x(x, w)  gx = plan.fwd(gy, w)    gw = plan.bwd_w(x, gy)
 *
 * The plan of a transposed convolution is the plain convolution from the
 * layer's output to its input. Over a latent, which is a single pixel, gw is
 * the outer product of x and gy; it is not computed here but left to its users.
 *
 * Bias: y[o] = act(y[o] + b[o]) in inference, with the activation of the layer
 * behind, else y[o] += b[o]. gb[o] = sum gy[o], first over pixels, then over
 * the batch in order: partial sums [n,cout], then a product with ones [1,n]. */
#include "nn/layer.h"

static struct prism_conv_desc plan_desc(const struct prismi_layer *l)
{
    const struct prismi_conv_shape *c = &l->conv;
    const int *x = c->transposed ? l->out : l->in, *y = c->transposed ? l->in : l->out;
    return (struct prism_conv_desc){.dtype = l->dtype,
                                    .n = l->n,
                                    .cin = x[0],
                                    .h = x[1],
                                    .w = x[2],
                                    .cout = y[0],
                                    .k = c->k,
                                    .stride = c->stride,
                                    .pad = c->pad,
                                    .tf32 = c->tf32};
}

/* True if this node is the only reader of a latent. */
static bool reads_latent(struct prismi_layer *l)
{
    const struct prismi_layer *source = prismi_layer_source(l, 0);
    return source && prismi_layer_is_latent(source) && source->uses == 1;
}

static void conv_infer(struct prismi_layer *l)
{
    const struct prismi_conv_shape *c = &l->conv;
    l->out[0] = c->cout;
    for (int a = 1; a < 3; a++)
        l->out[a] = c->transposed ? (l->in[a] - 1) * c->stride - 2 * c->pad + c->k
                                  : (l->in[a] + 2 * c->pad - c->k) / c->stride + 1;
    l->outer = c->transposed && c->pad == 0 && reads_latent(l);
    int d0 = c->transposed ? l->in[0] : c->cout, d1 = c->transposed ? c->cout : l->in[0];
    prismi_layer_add_param(l, "weight", PRISMI_FILL_WEIGHT, d0, d1, c->k, c->k);
    if (!c->bias)
        return;
    prismi_layer_add_param(l, "bias", PRISMI_FILL_BIAS, c->cout, 0, 0, 0);
    l->nsaved = l->n > 1 ? (size_t)l->n * (size_t)(1 + c->cout) : 0; /* ones, partial sums */
}

static int conv_create(struct prismi_layer *l)
{
    struct prism_conv_desc d = plan_desc(l);
    if (l->nsaved)
        PRISM_TRY(prismi_map(l->dev, PRISM_MAP_FILL, l->real, 1, (size_t)l->n, l->saved, NULL, NULL,
                             NULL, 1, 0));
    return l->dev->ops->conv_create(l->dev, &d, &l->plan);
}

static int conv_forward(struct prismi_layer *l)
{
    const struct prism_ops *ops = l->dev->ops;
    prism_mem w = l->weight;
    bool ready = l->fusion && l->fusion->y_is_ready;
    if (!ready)
        PRISM_TRY(l->conv.transposed ? ops->conv_bwd_x(l->plan, l->y, l->x[0], w)
                                     : ops->conv_fwd(l->plan, l->y, l->x[0], w));
    if (ready)
        l->fusion->y_is_ready = false;
    if (!l->conv.bias)
        return 0;
    const size_t channels = (size_t)l->out[0], pixels = (size_t)l->out[1] * (size_t)l->out[2];
    const struct prism_map_args a = {
        .y = {l->y}, .x = {l->y, l->param[1].info.value}, .act = l->act, .period = channels};
    return ops->map(l->dev, PRISM_MAP_ADD_ROW, l->dtype, (size_t)l->n * channels, pixels, &a);
}

static int bias_backward(struct prismi_layer *l, prism_mem gy)
{
    const struct prism_ops *ops = l->dev->ops;
    const size_t n = (size_t)l->n, pixels = (size_t)l->out[1] * (size_t)l->out[2];
    const struct prism_gemm_desc sum = {
        .dtype = l->real, .m = 1, .n = l->out[0], .k = l->n, .alpha = 1};
    prism_mem gb = l->param[1].info.grad,
              part = n > 1 ? l->saved + n * prism_dtype_size(l->real) : gb;
    PRISM_TRY(ops->reduce(l->dev, PRISM_REDUCE_SUM, l->dtype, n * (size_t)l->out[0], pixels, part,
                          gy, NULL));
    return n > 1 ? ops->gemm(l->dev, &sum, gb, l->saved, part) : 0;
}

static int conv_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    const struct prism_ops *ops = l->dev->ops;
    bool transposed = l->conv.transposed;
    prism_mem w = l->weight, gw = l->param[0].info.grad;
    if (!l->outer)
        PRISM_TRY(transposed ? ops->conv_bwd_w(l->plan, gw, l->x[0], gy)
                             : ops->conv_bwd_w(l->plan, gw, gy, l->x[0]));
    if (gx[0])
        PRISM_TRY(transposed ? ops->conv_fwd(l->plan, gx[0], gy, w)
                             : ops->conv_bwd_x(l->plan, gx[0], gy, w));
    return l->conv.bias ? bias_backward(l, gy) : 0;
}

static void conv_destroy(struct prismi_layer *l)
{
    l->dev->ops->conv_destroy(l->plan);
}

static const struct prismi_layer_ops conv_ops = {.name = "conv",
                                                 .modules = 1,
                                                 .gx_optional = true,
                                                 .infer = conv_infer,
                                                 .create = conv_create,
                                                 .forward = conv_forward,
                                                 .backward = conv_backward,
                                                 .destroy = conv_destroy};

struct prismi_layer prismi_layer_conv(const struct prismi_conv_shape *shape)
{
    return (struct prismi_layer){.ops = &conv_ops, .conv = *shape};
}
