/* Normalisation of each channel by its own statistics over the batch and its
 * pixels, scale, shift, activation (batch normalisation).
 *
 * m = n h w:  mu = mean x,  var = mean (x - mu)^2,  xh = (x - mu)/sqrt(var + eps),  y = act(gamma xh + beta)
 * backward, with g = gy act'(.):  gbeta = sum g,  ggamma = sum g xh,  gx = gamma/sqrt(var + eps) (g - (gbeta + xh ggamma)/m)
 * running:  rm = 0.9 rm + 0.1 mu,  rv = 0.9 rv + 0.1 var m/(m - 1), once for every forward of the network
 *
 * The entries want a channel's values side by side. With a batch [n,c,h,w] they
 * are brought together as [c,n,h,w], in two tensors behind the statistics: x,
 * which the backward spends, and y or gy. */
#include "nn/layer.h"

static struct prism_norm_desc norm_desc(const struct prismi_layer *l)
{
    return (struct prism_norm_desc){.dtype = l->dtype,
                                    .act = l->act,
                                    .rows = (size_t)l->in[0],
                                    .cols = (size_t)l->n * (size_t)l->in[1] * (size_t)l->in[2],
                                    .eps = PRISMI_NORM_EPS};
}

/* The backward entry spends its x. That may be the output of the node before,
 * if it is a convolution without another reader, whose backward does not read
 * it; else it is a copy, behind the statistics. */
static bool spends_x(struct prismi_layer *l)
{
    const struct prismi_layer *source = prismi_layer_source(l, 0);
    return l->n == 1 && source && source->conv.k && source->uses == 1;
}

static void norm_infer(struct prismi_layer *l)
{
    prismi_layer_same_shape(l);
    prismi_layer_add_param(l, "gamma", PRISMI_FILL_ONE, l->in[0], 0, 0, 0);
    prismi_layer_add_param(l, "beta", PRISMI_FILL_ZERO, l->in[0], 0, 0, 0);
    l->nsaved = 3 * (size_t)l->in[0] + (spends_x(l) ? 0 : l->n > 1 ? 2 : 1) * prismi_layer_inputs(l);
    l->nrunning = 2 * (size_t)l->in[0];
}

/* The i-th tensor behind the statistics. */
static prism_mem aside(const struct prismi_layer *l, size_t i)
{
    return l->saved + (3 * (size_t)l->in[0] + i * prismi_layer_inputs(l)) * prism_dtype_size(l->real);
}

/* [n,c,h,w] to [c,n,h,w], or back. */
static int bring(struct prismi_layer *l, bool together, prism_mem to, prism_mem from)
{
    const size_t size = prism_dtype_size(l->dtype), pixels = (size_t)l->in[1] * (size_t)l->in[2], n = (size_t)l->n;
    const size_t item = (size_t)l->in[0] * pixels * size, plane = pixels * size;
    const struct prism_copy2d_desc d = {.dtype = l->dtype,
                                        .rows = (size_t)l->in[0],
                                        .cols = pixels,
                                        .ldy = together ? n * pixels : pixels,
                                        .ldx = together ? pixels : n * pixels};
    for (size_t b = 0; b < n; b++)
        PRISM_TRY(l->dev->ops->copy2d(l->dev, &d, to + b * (together ? plane : item), from + b * (together ? item : plane)));
    return 0;
}

static int norm_forward(struct prismi_layer *l)
{
    const struct prism_norm_desc d = norm_desc(l);
    const bool batch = l->n > 1;
    const struct prism_norm_args a = {.x = batch ? aside(l, 0) : l->x[0],
                                      .y = batch ? aside(l, 1) : l->y,
                                      .stats = l->saved,
                                      .gamma = l->param[0].info.value,
                                      .beta = l->param[1].info.value};
    if (batch)
        PRISM_TRY(bring(l, true, a.x, l->x[0]));
    PRISM_TRY(l->dev->ops->norm_act_fwd(l->dev, &d, &a));
    return batch ? bring(l, false, l->y, a.y) : 0;
}

int prismi_norm_track(const struct prismi_layer *l)
{
    struct prism_norm_desc d = norm_desc(l);
    size_t row_bytes = d.rows * prism_dtype_size(l->real);
    double m = PRISMI_NORM_MOMENTUM, unbias = (double)d.cols / (double)(d.cols - 1);
    PRISM_TRY(prismi_map(l->dev, PRISM_MAP_AXPBY, l->real, 1, d.rows, l->running, l->running, l->saved, NULL, 1 - m, m));
    return prismi_map(l->dev, PRISM_MAP_AXPBY, l->real, 1, d.rows, l->running + row_bytes, l->running + row_bytes,
                      l->saved + row_bytes, NULL, 1 - m, m * unbias);
}

static int norm_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    const struct prism_norm_desc d = norm_desc(l);
    const bool batch = l->n > 1;
    const struct prism_norm_args a = {.x = spends_x(l) ? l->x[0] : aside(l, 0),
                                      .stats = l->saved,
                                      .gamma = l->param[0].info.value,
                                      .beta = l->param[1].info.value,
                                      .gy = batch ? aside(l, 1) : gy,
                                      .gx = batch ? l->y : gx[0], /* nobody reads y any more */
                                      .ggamma = l->param[0].info.grad,
                                      .gbeta = l->param[1].info.grad};
    if (batch)
        PRISM_TRY(bring(l, true, a.gy, gy));
    else if (a.x != l->x[0])
        PRISM_TRY(l->dev->ops->copy(l->dev, a.x, l->x[0], prismi_layer_inputs(l) * prism_dtype_size(l->dtype)));
    PRISM_TRY(l->dev->ops->norm_act_bwd(l->dev, &d, &a));
    return batch ? bring(l, false, gx[0], a.gx) : 0;
}

static const struct prismi_layer_ops norm_ops = {.name = "norm",
                                                 .modules = 2,
                                                 .infer = norm_infer,
                                                 .forward = norm_forward,
                                                 .backward = norm_backward};

struct prismi_layer prismi_layer_norm(enum prism_act act)
{
    return (struct prismi_layer){.ops = &norm_ops, .act = act};
}
