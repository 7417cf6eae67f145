/* A dense layer over all features of an item of the batch: x [n,in], weight
 * [out,in], bias [out], y [n,out]. All are row-major, so the rows of a table
 * are an input as they are.
 *
 *   y = act(x W^T + 1 b^T), with the activation of the node behind in
 *       inference, else without activation
 *   gx = gy W,  gW = gy^T x,  gb = gy^T 1,  where 1 is [n] ones */
#include "nn/layer.h"

static int features(const struct prismi_layer *l)
{
    return (int)prismi_layer_count(l->in);
}

static void dense_infer(struct prismi_layer *l)
{
    l->out[0] = l->conv.cout;
    l->out[1] = l->out[2] = 1;
    prismi_layer_add_param(l, "weight", PRISMI_FILL_WEIGHT, l->conv.cout, features(l), 1, 1);
    prismi_layer_add_param(l, "bias", PRISMI_FILL_BIAS, l->conv.cout, 0, 0, 0);
    l->nsaved = (size_t)l->n;
}

static int dense_create(struct prismi_layer *l)
{
    return prismi_map(l->dev, PRISM_MAP_FILL, l->dtype, 1, (size_t)l->n, l->saved, NULL, NULL, NULL,
                      1, 0);
}

static int product(const struct prismi_layer *l, struct prism_gemm_desc d, prism_mem c, prism_mem a,
                   prism_mem b)
{
    d.dtype = l->dtype;
    d.alpha = 1;
    return l->dev->ops->gemm(l->dev, &d, c, a, b);
}

static int dense_forward(struct prismi_layer *l)
{
    const struct prism_map_args act = {.y = {l->y}, .x = {l->y}, .act = l->act};
    const int out = l->conv.cout;
    prism_mem w = l->param[0].info.value, b = l->param[1].info.value;
    PRISM_TRY(product(l,
                      (struct prism_gemm_desc){.m = l->n, .n = out, .k = features(l), .tb = true},
                      l->y, l->x[0], w));
    PRISM_TRY(product(l, (struct prism_gemm_desc){.m = l->n, .n = out, .k = 1, .beta = 1}, l->y,
                      l->saved, b));
    return l->act == PRISM_ACT_NONE
               ? 0
               : l->dev->ops->map(l->dev, PRISM_MAP_ACT, l->dtype, (size_t)l->n, (size_t)out, &act);
}

static int dense_backward(struct prismi_layer *l, const prism_mem gx[2], prism_mem gy)
{
    const int in = features(l), out = l->conv.cout;
    prism_mem gw = l->param[0].info.grad, gb = l->param[1].info.grad;
    PRISM_TRY(product(l, (struct prism_gemm_desc){.m = out, .n = in, .k = l->n, .ta = true}, gw, gy,
                      l->x[0]));
    PRISM_TRY(product(l, (struct prism_gemm_desc){.m = 1, .n = out, .k = l->n}, gb, l->saved, gy));
    if (!gx[0])
        return 0;
    return product(l, (struct prism_gemm_desc){.m = l->n, .n = in, .k = out}, gx[0], gy,
                   l->param[0].info.value);
}

static const struct prismi_layer_ops dense_ops = {.name = "dense",
                                                  .modules = 1,
                                                  .gx_optional = true,
                                                  .infer = dense_infer,
                                                  .create = dense_create,
                                                  .forward = dense_forward,
                                                  .backward = dense_backward};

bool prismi_layer_is_dense(const struct prismi_layer *l)
{
    return l->ops == &dense_ops;
}

struct prismi_layer prismi_layer_dense(int out)
{
    return (struct prismi_layer){.ops = &dense_ops,
                                 .conv = {.cout = out, .k = 1, .stride = 1, .bias = true}};
}
