/* The parameters of a network, one by one and as segments for an optimiser. */
#include "nn/layer.h"

/* The layer of the i-th parameter, and the parameter's index in that layer. */
static const struct prismi_layer *layer_of_param(const struct prism_net *net, int i, int *k)
{
    for (const struct prismi_layer *l = net->layer; l < net->layer + net->nlayers && i >= 0;
         i -= l->nparam, l++)
        if (i < l->nparam) {
            *k = i;
            return l;
        }
    return NULL;
}

const struct prismi_param *prismi_net_param(const struct prism_net *net, int i)
{
    int k;
    const struct prismi_layer *l = layer_of_param(net, i, &k);
    return l ? &l->param[k] : NULL;
}

int prism_net_param_count(const struct prism_net *net)
{
    return net->nparam;
}

size_t prism_net_param_total(const struct prism_net *net)
{
    size_t total = 0;
    for (int i = 0; i < net->nparam; i++)
        total += prismi_net_param(net, i)->info.count;
    return total;
}

static int no_such_param(const struct prism_net *net, int i)
{
    return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL,
                      "parameter %d asked for; the network has 0 to %d", i, net->nparam - 1);
}

int prism_net_param(const struct prism_net *net, int i, struct prism_param_info *out)
{
    const struct prismi_param *p = prismi_net_param(net, i);
    if (!p)
        return no_such_param(net, i);
    *out = p->info;
    return 0;
}

int prism_net_gradient(const struct prism_net *net, int i, prism_mem out)
{
    int k;
    const struct prismi_layer *l = layer_of_param(net, i, &k);
    if (!l)
        return no_such_param(net, i);
    const struct prism_param_info *p = &l->param[k].info;
    if (net->inference)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL,
                          "a folded network has no gradient of %s", p->name);
    if (l == net->layer && net->fusion.first_gradient_pending)
        return net->dev->ops->conv_fwd(net->outer->plan, out, net->outer->gy, net->outer->weight);
    if (p->grad)
        return net->dev->ops->copy(net->dev, out, p->grad, p->count * prism_dtype_size(net->dtype));
    const struct prism_gemm_desc outer = {.dtype = net->dtype,
                                          .m = l->in[0],
                                          .n = (int)(p->count / (size_t)l->in[0]),
                                          .k = 1,
                                          .alpha = 1};
    return net->dev->ops->gemm(net->dev, &outer, out, l->x[0], l->gy);
}

void prism_net_values(const struct prism_net *net, prism_mem *values, size_t *count)
{
    *values = net->values;
    *count = net->slab_count;
}

int prism_net_segments(const struct prism_net *net, struct prism_segment *out, int n)
{
    int found = 0;
    /* a parameter without a stored gradient is a segment of its own; others
     * join the one before */
    bool joins = false;
    for (int i = 0; i < (net->inference ? 0 : net->nparam); i++) {
        int k = 0;
        const struct prismi_layer *l = layer_of_param(net, i, &k);
        const struct prism_param_info *p = &l->param[k].info;
        bool begins = !joins || !p->grad;
        found += begins;
        joins = p->grad;
        if (found > n)
            continue;
        struct prism_segment *s = &out[found - 1];
        if (begins)
            *s = (struct prism_segment){
                .offset = l->param[k].offset, .value = p->value, .grad = p->grad};
        s->count += prismi_net_padded(net, p->count);
        if (!p->grad) {
            s->a = l->x[0];
            s->b = l->gy;
            s->rows = (size_t)l->in[0];
            s->cols = p->count / s->rows;
        }
    }
    return found;
}

void prism_net_running(const struct prism_net *net, prism_mem *stats, size_t *count)
{
    *stats = net->running;
    *count = net->running_count;
}

const struct prism_decoder_params *prism_net_params(const struct prism_net *net)
{
    return &net->params;
}
