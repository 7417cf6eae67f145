/* The sum of two inputs of the same shape: y = x0 + x1, gx0 = gx1 = gy. */
#include "nn/layer.h"

static int add_forward(struct prismi_layer *l)
{
    return prismi_map(l->dev, PRISM_MAP_AXPBY, l->dtype, 1, prismi_layer_outputs(l), l->y, l->x[0],
                      l->x[1], NULL, 1, 1);
}

static int add_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    for (int k = 0; k < 2; k++)
        if (gx[k])
            PRISM_TRY(l->dev->ops->copy(l->dev, gx[k], gy,
                                        prismi_layer_outputs(l) * prism_dtype_size(l->dtype)));
    return 0;
}

static const struct prismi_layer_ops add_ops = {.name = "add",
                                                .gx_optional = true,
                                                .in_place = true,
                                                .infer = prismi_layer_same_shape,
                                                .forward = add_forward,
                                                .backward = add_backward};

struct prismi_layer prismi_layer_add(int back)
{
    return (struct prismi_layer){.ops = &add_ops, .from = {1, back}};
}
