/* A multi-layer perceptron as a list of nodes: dense layers, with an activation
 * after each except the last. */
#include "nn/layer.h"

static int check_width(struct prism_ctx *ctx, const char *what, int i, int n)
{
    if (n >= 1 && n <= PRISMI_SIDE_MAX)
        return 0;
    return PRISM_FAIL(ctx, PRISM_EINVAL, "%s[%d] of a dense network is %d; give 1 to %d", what, i,
                      n, PRISMI_SIDE_MAX);
}

static int check(struct prism_ctx *ctx, const struct prismi_mlp_params *p)
{
    PRISM_TRY(check_width(ctx, "inputs", 0, p->inputs));
    PRISM_TRY(check_width(ctx, "outputs", 0, p->outputs));
    if (p->n_hidden < 0 || p->n_hidden > PRISMI_MLP_MAX_HIDDEN)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "a dense network with %d hidden layers; give 0 to %d",
                          p->n_hidden, PRISMI_MLP_MAX_HIDDEN);
    for (int i = 0; i < p->n_hidden; i++)
        PRISM_TRY(check_width(ctx, "hidden", i, p->hidden[i]));
    if ((int)p->act < 0 || p->act >= PRISM_ACT_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "activation %d is not in 0..%d", (int)p->act,
                          PRISM_ACT_COUNT - 1);
    return 0;
}

int prismi_mlp_create(struct prism_dev *dev, const struct prismi_mlp_params *p,
                      const struct prismi_net_mode *mode, struct prism_net **out)
{
    struct prismi_layer layers[PRISMI_MAX_LAYERS];
    int n = 0;
    *out = NULL;
    PRISM_TRY(check(prismi_dev_ctx(dev), p));
    layers[n++] = prismi_layer_input(p->inputs, 1, 1);
    for (int i = 0; i < p->n_hidden; i++) {
        layers[n++] = prismi_layer_dense(p->hidden[i]);
        layers[n++] = prismi_layer_act(p->act);
    }
    layers[n++] = prismi_layer_dense(p->outputs);
    return prismi_net_create(dev, p->dtype, layers, n, mode, out);
}

void prismi_mlp_dense(const struct prism_net *net, struct prism_dense_fit_desc *out)
{
    *out = (struct prism_dense_fit_desc){.dtype = net->dtype,
                                         .batch = net->batch,
                                         .width = {(int)prismi_layer_count(net->layer[0].out)}};
    for (const struct prismi_layer *l = net->layer + 1; l < net->layer + net->nlayers; l++) {
        if (!prismi_layer_is_dense(l)) { /* this activation belongs to the layer before */
            out->act[out->layers - 1] = l->act;
            continue;
        }
        out->w[out->layers] = l->param[0].offset;
        out->b[out->layers] = l->param[1].offset;
        out->width[++out->layers] = l->conv.cout;
    }
}
