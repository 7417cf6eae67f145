/* The caller's tensor as a node: prismi_net_set_input() sets y. It has no
 * gradient. */
#include "nn/layer.h"

static void input_infer(struct prismi_layer *l)
{
    l->out[0] = l->size;
    l->out[1] = l->side[0];
    l->out[2] = l->side[1];
}

static int input_forward(struct prismi_layer *l)
{
    if (!l->y)
        return PRISM_FAIL(prismi_dev_ctx(l->dev), PRISM_EINVAL,
                          "the network has no input yet; call prismi_net_set_input first");
    return 0;
}

static const struct prismi_layer_ops input_ops = {
    .name = "input", .infer = input_infer, .forward = input_forward};

bool prismi_layer_is_input(const struct prismi_layer *l)
{
    return l->ops == &input_ops;
}

struct prismi_layer prismi_layer_input(int channels, int height, int width)
{
    return (struct prismi_layer){.ops = &input_ops, .size = channels, .side = {height, width}};
}
