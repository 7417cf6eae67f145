/* Folds the running statistics into the convolutions: the network in evaluation
 * mode, without normalisation. The folded list has no casts, and an activation
 * in the place of each norm.
 *
 *   s[o] = gamma[o]/sqrt(rv[o] + eps),  w'[..o..] = w[..o..] s[o],
 *   b'[o] = beta[o] - rm[o] s[o]
 *
 * o is dimension 0 of the weight of a plain convolution, and dimension 1 of a
 * transposed one. A convolution before a norm has no bias. */
#include "nn/layer.h"

#include <math.h>

static int get(const struct prism_net *net, double *dst, prism_mem src, size_t n)
{
    return prismi_dev_get(net->dev, dst, src, net->dtype, n);
}

/* Compute scale and shift from gamma, beta, mean and variance of a norm. t:
 * workspace [4,c]. */
static int norm_affine(const struct prism_net *net, const struct prismi_layer *norm, double *t,
                       double *scale, double *shift)
{
    size_t c = (size_t)norm->in[0];
    PRISM_TRY(get(net, t, norm->param[0].info.value, c));
    PRISM_TRY(get(net, t + c, norm->param[1].info.value, c));
    PRISM_TRY(get(net, t + 2 * c, norm->running, 2 * c));
    for (size_t o = 0; o < c; o++) {
        scale[o] = t[o] / sqrt(t[3 * c + o] + PRISMI_NORM_EPS);
        shift[o] = t[c + o] - t[2 * c + o] * scale[o];
    }
    return 0;
}

static int fold_conv(const struct prism_net *net, const struct prismi_layer *conv,
                     const struct prismi_layer *norm, const struct prismi_layer *to)
{
    const struct prism_param_info *w = &conv->param[0].info;
    size_t c = (size_t)conv->out[0], k2 = (size_t)conv->conv.k * (size_t)conv->conv.k,
           per_out = w->count / c;
    double *v = prismi_alloc(w->count + 6 * c, sizeof *v);
    if (!v)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOMEM, "no host memory to fold %s",
                          w->name);
    double *scale = v + w->count, *shift = scale + c, *t = shift + c;
    int status;
    PRISM_TRY_OUT(get(net, v, w->value, w->count));
    PRISM_TRY_OUT(norm_affine(net, norm, t, scale, shift));
    for (size_t i = 0; i < w->count; i++)
        v[i] *= scale[conv->conv.transposed ? i / k2 % c : i / per_out];
    PRISM_TRY_OUT(prismi_dev_put(net->dev, to->param[0].info.value, net->dtype, v, w->count));
    PRISM_TRY_OUT(prismi_dev_put(net->dev, to->param[1].info.value, net->dtype, shift, c));
out:
    prismi_free(v);
    return status;
}

static int copy_params(const struct prism_net *net, const struct prismi_layer *from,
                       const struct prismi_layer *to)
{
    for (int k = 0; k < from->nparam; k++)
        PRISM_TRY(net->dev->ops->copy(net->dev, to->param[k].info.value, from->param[k].info.value,
                                      from->param[k].info.count * prism_dtype_size(net->dtype)));
    return 0;
}

/* The convolution before a norm, if the norm can be folded into it, else
 * NULL. */
static const struct prismi_layer *conv_of_norm(const struct prism_net *net, int i)
{
    const struct prismi_layer *l = &net->layer[i], *source = l - l->from[0];
    return source->conv.k && !source->conv.bias && source->uses == 1 ? source : NULL;
}

/* The configuration of a node as it was listed, in the network's own type. */
static struct prismi_layer listed(const struct prismi_layer *l)
{
    return (struct prismi_layer){.ops = l->ops,
                                 .conv = l->conv,
                                 .pool = l->pool,
                                 .act = l->act,
                                 .size = l->size,
                                 .side = {l->side[0], l->side[1]}};
}

/* Make the folded list. place[i]: the node there with the output of node i. */
static int list_folded(const struct prism_net *net, struct prismi_layer *list,
                       int place[PRISMI_MAX_LAYERS], int *count)
{
    int n = 0;
    for (int i = 0; i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i];
        place[i] = i ? place[i - l->from[0]] : 0;
        if (l->dtype != l->in_dtype)
            continue;
        struct prismi_layer to = listed(l);
        if (l->nrunning) {
            const struct prismi_layer *conv = conv_of_norm(net, i);
            if (!conv)
                return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOTSUP,
                                  "node %d, a normalisation, cannot be folded: it must be the only "
                                  "reader of a convolution without bias",
                                  i);
            list[place[conv - net->layer]].conv.bias = true;
            to = prismi_layer_act(l->act);
        }
        for (int k = 0; k < 2; k++)
            if (l->from[k])
                to.from[k] = n - place[i - l->from[k]];
        list[n] = to;
        place[i] = n++;
    }
    *count = n;
    return 0;
}

static int fill_folded(const struct prism_net *net, const struct prism_net *to,
                       const int place[PRISMI_MAX_LAYERS])
{
    for (int i = 0; i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i],
                                  *conv = l->nrunning ? conv_of_norm(net, i) : NULL;
        if (conv)
            PRISM_TRY(fold_conv(net, conv, l, &to->layer[place[conv - net->layer]]));
        /* a convolution before a norm is written with the norm */
        else if (l->nparam && to->layer[place[i]].nparam == l->nparam)
            PRISM_TRY(copy_params(net, l, &to->layer[place[i]]));
    }
    return 0;
}

int prism_net_fold(const struct prism_net *net, struct prism_net **out)
{
    const struct prismi_net_mode mode = {
        .inference = true, .batch = net->batch, .init = net->init, .prefix = net->prefix};
    struct prismi_layer list[PRISMI_MAX_LAYERS];
    int place[PRISMI_MAX_LAYERS], n = 0;
    *out = NULL;
    PRISM_TRY(list_folded(net, list, place, &n));
    PRISM_TRY(prismi_net_create(net->dev, net->dtype, list, n, &mode, out));
    (*out)->params = net->params;
    (*out)->params.no_norm = net->params.grid_size > 0;
    (*out)->params.store = PRISM_F32;
    int status = fill_folded(net, *out, place);
    if (status)
        prism_net_destroy(out);
    return status;
}
