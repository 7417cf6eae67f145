/* Crops or zero-pads planes [n,n] to [t,t] about the centre: y[i] = x[i - d], d
 * = t/2 - n/2 (integer divisions). The backward is the adjoint: shapes
 * exchanged, offset negated. */
#include "nn/layer.h"

static struct prism_window_desc window_desc(const struct prismi_layer *l, const int to[3],
                                            const int from[3])
{
    return (struct prism_window_desc){.dtype = l->dtype,
                                      .planes = l->n * from[0],
                                      .hy = to[1],
                                      .wy = to[2],
                                      .hx = from[1],
                                      .wx = from[2],
                                      .dy = to[1] / 2 - from[1] / 2,
                                      .dx = to[2] / 2 - from[2] / 2};
}

static void window_infer(struct prismi_layer *l)
{
    l->out[0] = l->in[0];
    l->out[1] = l->out[2] = l->size;
}

static int window_forward(struct prismi_layer *l)
{
    struct prism_window_desc d = window_desc(l, l->out, l->in);
    return l->dev->ops->window(l->dev, &d, l->y, l->x[0]);
}

static int window_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    struct prism_window_desc d = window_desc(l, l->in, l->out);
    return l->dev->ops->window(l->dev, &d, gx[0], gy);
}

static const struct prismi_layer_ops window_ops = {.name = "window",
                                                   .infer = window_infer,
                                                   .forward = window_forward,
                                                   .backward = window_backward};

struct prismi_layer prismi_layer_window(int size)
{
    return (struct prismi_layer){.ops = &window_ops, .size = size};
}
