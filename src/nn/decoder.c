/* The decoder's architecture (docs/decoder.md): turns parameters into a list of
 * layers. */
#include "nn/layer.h"

#include <string.h>

enum { MAX_UPSAMPLE = 13 }; /* 4 2^13 = PRISMI_SIDE_MAX */

static const enum prism_act outputs[PRISM_OUTPUT_COUNT] = {
    [PRISM_OUTPUT_SIGMOID] = PRISM_ACT_SIGMOID,
    [PRISM_OUTPUT_NONE] = PRISM_ACT_NONE,
    [PRISM_OUTPUT_RELU] = PRISM_ACT_RELU,
    [PRISM_OUTPUT_LEAKY] = PRISM_ACT_LEAKY,
    [PRISM_OUTPUT_HARDSIGMOID] = PRISM_ACT_HARDSIGMOID,
    [PRISM_OUTPUT_SCALESIGMOID] = PRISM_ACT_SCALESIGMOID,
    [PRISM_OUTPUT_TANH] = PRISM_ACT_TANH};

enum prism_act prismi_decoder_output(const struct prism_decoder_params *p)
{
    return outputs[p->output_activation];
}

static int check_sizes(struct prism_ctx *ctx, const struct prism_decoder_params *p)
{
    int n = p->grid_size;
    if (n < 1 || n > PRISMI_SIDE_MAX || (n & (n - 1)))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "grid_size %d is not a power of two from 1 to %d; choose one", n,
                          PRISMI_SIDE_MAX);
    if (p->obj_size < 1 || p->obj_size > n)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "obj_size %d is outside 1..%d (grid_size); choose a smaller object or a larger grid",
            p->obj_size, n);
    if (p->latent_channels < 0 || p->latent_channels > PRISMI_SIDE_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "latent_channels %d is outside 1..%d; use 0 for grid_size channels",
                          p->latent_channels, PRISMI_SIDE_MAX);
    if (p->min_channels < 0 || p->min_channels > PRISMI_SIDE_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "min_channels %d is outside 0..%d", p->min_channels,
                          PRISMI_SIDE_MAX);
    if (p->n_upsample < 0 || p->n_upsample > MAX_UPSAMPLE)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "n_upsample %d is outside 1..%d; use 0 for the fewest that reach obj_size",
            p->n_upsample, MAX_UPSAMPLE);
    if ((int)p->output_activation < 0 || p->output_activation >= PRISM_OUTPUT_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "output_activation %d is not in 0..%d",
                          (int)p->output_activation, PRISM_OUTPUT_COUNT - 1);
    if (p->store != PRISM_F32 && !prismi_is_half(p->store))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "store %d is not a type to store activations in; use f16, bf16, or f32 for none",
            (int)p->store);
    if (prismi_is_half(p->store) && (p->no_norm || p->dtype != PRISM_F32))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "half storage (store) needs %s; use f32, or store f32",
                          p->no_norm ? "normalisation, which no_norm leaves out" : "dtype f32");
    if ((int)p->init < 0 || p->init >= PRISM_INIT_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "init %d is not in 0..%d", (int)p->init,
                          PRISM_INIT_COUNT - 1);
    return 0;
}

/* Choose the channels: half the latent's first, halved at every up-sampling
 * stage, then halved down to 1. None but the last is below min_channels. */
static int auto_channels(struct prism_ctx *ctx, struct prism_decoder_params *p)
{
    for (int c = p->latent_channels; p->n_channels <= p->n_upsample || c > 1; p->n_channels++) {
        c /= 2;
        if (c < 1)
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "latent_channels %d reaches 0 channels within the %d halvings of %d "
                              "up-sampling stages; use at least "
                              "%d, or give the progression in channels",
                              p->latent_channels, p->n_upsample + 1, p->n_upsample,
                              2 << p->n_upsample);
        p->channels[p->n_channels] = c;
    }
    for (int i = 0; i < p->n_channels - 1; i++)
        if (p->channels[i] < p->min_channels)
            p->channels[i] = p->min_channels;
    return 0;
}

static int check_channels(struct prism_ctx *ctx, const struct prism_decoder_params *p)
{
    if (p->n_channels < 2 || p->n_channels > PRISM_MAX_CHANNELS)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "channels has %d entries; give 2 to %d, or none for the automatic progression",
            p->n_channels, PRISM_MAX_CHANNELS);
    if (p->n_channels <= p->n_upsample)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "channels has %d entries, but %d up-sampling stages need at least %d",
                          p->n_channels, p->n_upsample, p->n_upsample + 1);
    for (int i = 0; i < p->n_channels; i++)
        if (p->channels[i] < 1 || p->channels[i] > PRISMI_SIDE_MAX)
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "channels[%d] is %d; every layer needs 1 to %d channels", i,
                              p->channels[i], PRISMI_SIDE_MAX);
    if (p->channels[p->n_channels - 1] != 1)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "channels ends in %d; the last layer makes the image and has 1 channel",
                          p->channels[p->n_channels - 1]);
    return 0;
}

static int resolve(struct prism_ctx *ctx, struct prism_decoder_params *p)
{
    if (!p->obj_size)
        p->obj_size = 64;
    if (!p->grid_size)
        p->grid_size = prismi_grid_for(p->obj_size);
    if (!p->min_channels)
        p->min_channels = 16;
    PRISM_TRY(check_sizes(ctx, p));
    if (!p->n_upsample)
        while (4 << p->n_upsample < p->obj_size)
            p->n_upsample++;
    if (!p->latent_channels)
        p->latent_channels = p->grid_size;
    return p->n_channels ? check_channels(ctx, p) : auto_channels(ctx, p);
}

/* The j-th convolution. */
static struct prismi_layer conv_layer(const struct prism_decoder_params *p, int j)
{
    bool last = j == p->n_channels - 1;
    struct prismi_conv_shape c = {.cout = p->channels[j],
                                  .transposed = j <= p->n_upsample,
                                  .bias = p->no_norm || last,
                                  .tf32 = p->tf32};
    if (j == 0) {
        c.k = 4; /* 1x1 -> 4x4 */
        c.stride = 1;
    } else if (c.transposed) {
        c.k = 4; /* h -> 2h */
        c.stride = 2;
        c.pad = 1;
    } else {
        c.k = 3;
        c.stride = 1;
        c.pad = last && p->frame ? 0 : 1;
    }
    return prismi_layer_conv(&c);
}

/* True if the j-th convolution and its norm use half storage. The first one, a
 * matrix times a vector, and the last one, which makes the image, do not. */
static bool is_half(const struct prism_decoder_params *p, int j)
{
    return prismi_is_half(p->store) && j > 0 && j < p->n_channels - 1;
}

int prismi_decoder_layers(struct prism_ctx *ctx, struct prism_decoder_params *p,
                          struct prismi_layer layers[PRISMI_MAX_LAYERS], int *n)
{
    PRISM_TRY(resolve(ctx, p));
    int k = 0;
    layers[k++] = prismi_layer_latent(p->latent_channels);
    for (int j = 0; j < p->n_channels; j++) {
        enum prism_dtype type = is_half(p, j) ? p->store : PRISM_F32;
        if (is_half(p, j) != is_half(p, j - 1))
            layers[k++] = prismi_layer_cast(type);
        layers[k] = conv_layer(p, j);
        layers[k++].dtype = type;
        if (j == p->n_channels - 1)
            break;
        layers[k] =
            p->no_norm ? prismi_layer_act(PRISM_ACT_RELU) : prismi_layer_norm(PRISM_ACT_RELU);
        layers[k++].dtype = type;
    }
    if (p->output_activation != PRISM_OUTPUT_NONE)
        layers[k++] = prismi_layer_act(prismi_decoder_output(p));
    int side = 4 << p->n_upsample;
    if (p->frame && p->n_channels - 1 > p->n_upsample)
        side -= 2;
    if (side != p->obj_size)
        layers[k++] = prismi_layer_window(p->obj_size);
    *n = k;
    return 0;
}

int prismi_decoder_largest_half(struct prism_ctx *ctx, const struct prism_decoder_params *params,
                                size_t *out)
{
    struct prism_decoder_params p = *params;
    struct prismi_layer layers[PRISMI_MAX_LAYERS];
    int n;
    *out = 0;
    PRISM_TRY(prismi_decoder_layers(ctx, &p, layers, &n));
    for (int i = 0; i < n; i++) {
        struct prismi_layer *l = &layers[i];
        if (i > 0)
            memcpy(l->in, l[-1].out, sizeof l->in);
        l->ops->infer(l);
        if (prismi_is_half(l->dtype) && *out < prismi_layer_count(l->out))
            *out = prismi_layer_count(l->out);
    }
    return 0;
}

int prismi_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params,
                          const struct prismi_net_mode *mode, struct prism_net **out)
{
    struct prism_decoder_params p = params ? *params : (struct prism_decoder_params){0};
    struct prismi_net_mode m = *mode;
    struct prismi_layer layers[PRISMI_MAX_LAYERS];
    int n;
    *out = NULL;
    PRISM_TRY(prismi_decoder_layers(prismi_dev_ctx(dev), &p, layers, &n));
    m.init = p.init;
    m.prefix = "decoder.";
    PRISM_TRY(prismi_net_create(dev, p.dtype, layers, n, &m, out));
    (*out)->params = p;
    return 0;
}

int prism_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params,
                         struct prism_net **out)
{
    return prismi_decoder_create(dev, params, &(struct prismi_net_mode){.inference = false}, out);
}

int prismi_decoder_show(const struct prism_net *net, struct prism_net **out)
{
    struct prism_decoder_params p = net->params;
    p.store = PRISM_F32;
    return prismi_decoder_create(
        net->dev, &p, &(struct prismi_net_mode){.inference = true, .values = net->values}, out);
}
