/* Concatenation of the channels of two inputs with the same height and
 * width: y[b] = x0[b], then x1[b], for every item b of the batch. Backward
 * splits gy. */
#include "nn/layer.h"

#include <assert.h>

static const int *shape(struct prismi_layer *l, int k)
{
    return prismi_layer_source(l, k)->out;
}

static void concat_infer(struct prismi_layer *l)
{
    const int *second = shape(l, 1);
    assert(second[1] == l->in[1] && second[2] == l->in[2]);
    prismi_layer_same_shape(l);
    l->out[0] += second[0];
}

/* Copy the k-th input's part of `whole` [n, channels of both, h, w] to or from
 * `part`. */
static int copy_part(struct prismi_layer *l, int k, prism_mem whole, prism_mem part, bool join)
{
    const size_t size = prism_dtype_size(l->dtype), all = prismi_layer_count(l->out);
    const size_t first = prismi_layer_count(shape(l, 0)), cols = prismi_layer_count(shape(l, k));
    const struct prism_copy2d_desc d = {.dtype = l->dtype,
                                        .rows = (size_t)l->n,
                                        .cols = cols,
                                        .ldy = join ? all : cols,
                                        .ldx = join ? cols : all};
    prism_mem at = whole + (k ? first * size : 0);
    return l->dev->ops->copy2d(l->dev, &d, join ? at : part, join ? part : at);
}

static int concat_forward(struct prismi_layer *l)
{
    PRISM_TRY(copy_part(l, 0, l->y, l->x[0], true));
    return copy_part(l, 1, l->y, l->x[1], true);
}

static int concat_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    for (int k = 0; k < 2; k++)
        if (gx[k])
            PRISM_TRY(copy_part(l, k, gy, gx[k], false));
    return 0;
}

static const struct prismi_layer_ops concat_ops = {.name = "concat",
                                                   .gx_optional = true,
                                                   .infer = concat_infer,
                                                   .forward = concat_forward,
                                                   .backward = concat_backward};

struct prismi_layer prismi_layer_concat(int back)
{
    return (struct prismi_layer){.ops = &concat_ops, .from = {1, back}};
}
