/* Normalises each channel by its own statistics over the batch and its pixels,
 * then scales, shifts and activates (batch normalisation). With m = n h w,
 *
 *   forward   mu = mean x,  var = mean (x - mu)^2,
 *             xh = (x - mu)/sqrt(var + eps),  y = act(gamma xh + beta)
 *   backward  g = gy act'(.),  gbeta = sum g,  ggamma = sum g xh,
 *             gx = gamma/sqrt(var + eps) (g - (gbeta + xh ggamma)/m)
 *   running   rm = 0.9 rm + 0.1 mu,  rv = 0.9 rv + 0.1 var m/(m - 1),
 *             once for every forward of the network */
#include "nn/layer.h"

static struct prism_norm_desc norm_desc(const struct prismi_layer *l)
{
    return (struct prism_norm_desc){.dtype = l->dtype,
                                    .act = l->act,
                                    .n = (size_t)l->n,
                                    .rows = (size_t)l->in[0],
                                    .cols = (size_t)l->in[1] * (size_t)l->in[2],
                                    .eps = PRISMI_NORM_EPS};
}

/* The backward entry overwrites its x. True if x may be the output of the node
 * before: a convolution without another reader, whose backward does not read
 * its output. Otherwise x is a copy, stored behind the statistics. */
static bool spends_x(struct prismi_layer *l)
{
    const struct prismi_layer *source = prismi_layer_source(l, 0);
    return source && source->conv.k && source->uses == 1;
}

static void norm_infer(struct prismi_layer *l)
{
    prismi_layer_same_shape(l);
    prismi_layer_add_param(l, "gamma", PRISMI_FILL_ONE, l->in[0], 0, 0, 0);
    prismi_layer_add_param(l, "beta", PRISMI_FILL_ZERO, l->in[0], 0, 0, 0);
    l->nsaved = 3 * (size_t)l->in[0] + (spends_x(l) ? 0 : prismi_layer_inputs(l));
    l->nrunning = 2 * (size_t)l->in[0];
}

static int norm_forward(struct prismi_layer *l)
{
    const struct prism_norm_desc d = norm_desc(l);
    const struct prism_norm_args a = {.x = l->x[0],
                                      .y = l->y,
                                      .stats = l->saved,
                                      .gamma = l->param[0].info.value,
                                      .beta = l->param[1].info.value};
    return l->dev->ops->norm_act_fwd(l->dev, &d, &a);
}

int prismi_norm_track(const struct prismi_layer *l)
{
    struct prism_norm_desc d = norm_desc(l);
    size_t row_bytes = d.rows * prism_dtype_size(l->real);
    double m = PRISMI_NORM_MOMENTUM, count = (double)(d.n * d.cols), unbias = count / (count - 1);
    PRISM_TRY(prismi_map(l->dev, PRISM_MAP_AXPBY, l->real, 1, d.rows, l->running, l->running,
                         l->saved, NULL, 1 - m, m));
    return prismi_map(l->dev, PRISM_MAP_AXPBY, l->real, 1, d.rows, l->running + row_bytes,
                      l->running + row_bytes, l->saved + row_bytes, NULL, 1 - m, m * unbias);
}

static int norm_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    const struct prism_norm_desc d = norm_desc(l);
    prism_mem x = l->x[0];
    if (!spends_x(l)) {
        x = l->saved + 3 * d.rows * prism_dtype_size(l->real);
        PRISM_TRY(l->dev->ops->copy(l->dev, x, l->x[0],
                                    prismi_layer_inputs(l) * prism_dtype_size(l->dtype)));
    }
    const struct prism_norm_args a = {.x = x,
                                      .stats = l->saved,
                                      .gamma = l->param[0].info.value,
                                      .beta = l->param[1].info.value,
                                      .gy = gy,
                                      .gx = gx[0],
                                      .ggamma = l->param[0].info.grad,
                                      .gbeta = l->param[1].info.grad};
    return l->dev->ops->norm_act_bwd(l->dev, &d, &a);
}

static const struct prismi_layer_ops norm_ops = {.name = "norm",
                                                 .modules = 2,
                                                 .in_place = true,
                                                 .infer = norm_infer,
                                                 .forward = norm_forward,
                                                 .backward = norm_backward};

struct prismi_layer prismi_layer_norm(enum prism_act act)
{
    return (struct prismi_layer){.ops = &norm_ops, .act = act};
}
