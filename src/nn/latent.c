/* The learnable latent vector z [1,c,1,1], the only input of a decoder: y = z,
 * gz = gy. */
#include "nn/layer.h"

static void latent_infer(struct prismi_layer *l)
{
    l->out[0] = l->size;
    l->out[1] = l->out[2] = 1;
    prismi_layer_add_param(l, "input_vec", PRISMI_FILL_NORMAL, 1, l->size, 1, 1);
}

static int latent_forward(struct prismi_layer *l)
{
    return l->dev->ops->copy(l->dev, l->y, l->param[0].info.value,
                             l->param[0].info.count * prism_dtype_size(l->dtype));
}

static int latent_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    (void)gx; /* no node precedes a latent */
    return l->dev->ops->copy(l->dev, l->param[0].info.grad, gy,
                             l->param[0].info.count * prism_dtype_size(l->dtype));
}

static const struct prismi_layer_ops latent_ops = {.name = "latent",
                                                   .infer = latent_infer,
                                                   .forward = latent_forward,
                                                   .backward = latent_backward};

struct prismi_layer prismi_layer_latent(int channels)
{
    return (struct prismi_layer){.ops = &latent_ops, .size = channels};
}

bool prismi_layer_is_latent(const struct prismi_layer *l)
{
    return l->ops == &latent_ops;
}
