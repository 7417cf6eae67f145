/* Conversion between the network's type and half storage: y is x rounded or
 * widened, and gx is gy converted the other way. */
#include "nn/layer.h"

static int convert(const struct prismi_layer *l, bool narrow, prism_mem to, prism_mem from)
{
    enum prism_dtype half = prismi_is_half(l->dtype) ? l->dtype : l->in_dtype;
    return prismi_map(l->dev, narrow ? PRISM_MAP_NARROW : PRISM_MAP_WIDEN, half, 1,
                      prismi_layer_inputs(l), to, from, 0, 0, 0, 0);
}

static int cast_forward(struct prismi_layer *l)
{
    return convert(l, prismi_is_half(l->dtype), l->y, l->x[0]);
}

static int cast_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    return convert(l, !prismi_is_half(l->dtype), gx[0], gy);
}

static const struct prismi_layer_ops cast_ops = {.name = "cast",
                                                 .infer = prismi_layer_same_shape,
                                                 .forward = cast_forward,
                                                 .backward = cast_backward};

struct prismi_layer prismi_layer_cast(enum prism_dtype dtype)
{
    return (struct prismi_layer){.ops = &cast_ops, .dtype = dtype};
}
