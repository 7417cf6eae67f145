/* The U-Net as a list of nodes, from pictures to maps of the same size.
 *
 *   block(c)  twice: 3x3 convolution to c channels without bias, norm,
 *             activation
 *   down      for d = 0 .. depth-1: block(base 2^d), whose output is the skip
 *             of level d; 2x2 max pooling
 *   bottom    block(base 2^depth)
 *   up        for d = depth-1 .. 0: 2x2 transposed convolution of stride 2 to
 *             base 2^d channels, with bias; concatenation with the skip of
 *             level d; block(base 2^d)
 *   head      1x1 convolution to the output channels, with bias */
#include "nn/layer.h"

static int check(struct prism_ctx *ctx, const struct prismi_unet_params *p)
{
    const struct {
        const char *name;
        int value, least, most;
    } range[] = {{"depth", p->depth, 1, PRISMI_UNET_MAX_DEPTH},
                 {"base", p->base, 1, PRISMI_SIDE_MAX >> PRISMI_UNET_MAX_DEPTH},
                 {"in_channels", p->in_channels, 1, PRISMI_SIDE_MAX},
                 {"out_channels", p->out_channels, 1, PRISMI_SIDE_MAX},
                 {"height", p->height, 1, PRISMI_SIDE_MAX},
                 {"width", p->width, 1, PRISMI_SIDE_MAX},
                 {"act", (int)p->act, 0, PRISM_ACT_COUNT - 1}};
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (range[i].value < range[i].least || range[i].value > range[i].most)
            return PRISM_FAIL(ctx, PRISM_EINVAL, "%s of a U-Net is %d; give %d to %d",
                              range[i].name, range[i].value, range[i].least, range[i].most);
    const int unit = 1 << p->depth;
    if (p->height % unit || p->width % unit)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "a U-Net of depth %d halves its pictures %d times, but %d x %d cannot "
                          "be halved so often; give multiples of %d",
                          p->depth, p->depth, p->height, p->width, unit);
    return 0;
}

struct list {
    struct prismi_layer *layer;
    int n;
};

static void add(struct list *list, struct prismi_layer layer)
{
    list->layer[list->n++] = layer;
}

static void add_conv(struct list *list, struct prismi_conv_shape shape)
{
    add(list, prismi_layer_conv(&shape));
}

static void add_block(struct list *list, const struct prismi_unet_params *p, int channels)
{
    for (int i = 0; i < 2; i++) {
        add_conv(list, (struct prismi_conv_shape){.cout = channels, .k = 3, .stride = 1, .pad = 1});
        add(list, prismi_layer_norm(p->act));
    }
}

static void list_unet(struct list *list, const struct prismi_unet_params *p)
{
    int skip[PRISMI_UNET_MAX_DEPTH];
    add(list, prismi_layer_input(p->in_channels, p->height, p->width));
    for (int d = 0; d < p->depth; d++) {
        add_block(list, p, p->base << d);
        skip[d] = list->n - 1;
        add(list, prismi_layer_pool(PRISM_POOL_MAX, 2, 2, 0));
    }
    add_block(list, p, p->base << p->depth);
    for (int d = p->depth - 1; d >= 0; d--) {
        add_conv(list,
                 (struct prismi_conv_shape){
                     .cout = p->base << d, .k = 2, .stride = 2, .transposed = true, .bias = true});
        add(list, prismi_layer_concat(list->n - skip[d]));
        add_block(list, p, p->base << d);
    }
    add_conv(list, (struct prismi_conv_shape){
                       .cout = p->out_channels, .k = 1, .stride = 1, .bias = true});
}

int prismi_unet_create(struct prism_dev *dev, const struct prismi_unet_params *p,
                       const struct prismi_net_mode *mode, struct prism_net **out)
{
    struct prismi_layer layers[PRISMI_MAX_LAYERS];
    struct list list = {layers, 0};
    *out = NULL;
    PRISM_TRY(check(prismi_dev_ctx(dev), p));
    list_unet(&list, p);
    return prismi_net_create(dev, p->dtype, list.layer, list.n, mode, out);
}
