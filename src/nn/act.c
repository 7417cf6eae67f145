/* Activation: y = act(x), gx = gy act'(x); the formulas are at enum
 * prism_act. */
#include "nn/layer.h"

static int act_forward(struct prismi_layer *l)
{
    if (l->absorbed)
        return 0;
    struct prism_map_args a = {.y = {l->y}, .x = {l->x[0]}, .act = l->act};
    return l->dev->ops->map(l->dev, PRISM_MAP_ACT, l->dtype, 1, prismi_layer_inputs(l), &a);
}

static int act_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    struct prism_map_args a = {.y = {gx[0]}, .x = {gy, l->x[0]}, .act = l->act};
    return l->dev->ops->map(l->dev, PRISM_MAP_ACT_BWD, l->dtype, 1, prismi_layer_inputs(l), &a);
}

static const struct prismi_layer_ops act_ops = {.name = "act",
                                                .modules = 1,
                                                .in_place = true,
                                                .infer = prismi_layer_same_shape,
                                                .forward = act_forward,
                                                .backward = act_backward};

bool prismi_layer_is_act(const struct prismi_layer *l)
{
    return l->ops == &act_ops;
}

struct prismi_layer prismi_layer_act(enum prism_act act)
{
    return (struct prismi_layer){.ops = &act_ops, .act = act};
}
