/* Fold the running statistics into the convolutions: the network in evaluation mode, without normalisation layers.
 *
 * s[o] = gamma[o]/sqrt(rv[o] + eps):  w'[..o..] = w[..o..] s[o],  b'[o] = beta[o] - rm[o] s[o]
 * (o is dimension 0 of a plain and dimension 1 of a transposed convolution's weight; a convolution under a norm has no bias.) */
#include "nn/layer.h"

#include <math.h>

static int get(const struct prism_net *net, double *dst, prism_mem src, size_t n)
{
    return prismi_dev_get(net->dev, dst, src, net->dtype, n);
}

/* gamma, beta, mean, var of a norm -> scale, shift; t: [4,c] */
static int norm_affine(const struct prism_net *net, const struct prismi_layer *norm, double *t, double *scale, double *shift)
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

static int fold_conv(const struct prism_net *net, const struct prismi_layer *conv, const struct prismi_layer *norm,
                     const struct prismi_layer *to)
{
    const struct prism_param_info *w = &conv->param[0].info;
    size_t c = (size_t)conv->out[0], k2 = (size_t)conv->conv.k * (size_t)conv->conv.k, per_out = w->count / c;
    double *v = prismi_alloc(w->count + 6 * c, sizeof *v);
    if (!v)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOMEM, "no host memory to fold %s", w->name);
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

static int copy_params(const struct prism_net *net, const struct prismi_layer *from, const struct prismi_layer *to)
{
    for (int k = 0; k < from->nparam; k++)
        PRISM_TRY(net->dev->ops->copy(net->dev, to->param[k].info.value, from->param[k].info.value,
                                      from->param[k].info.count * prism_dtype_size(net->dtype)));
    return 0;
}

int prism_net_fold(const struct prism_net *net, struct prism_net **out)
{
    struct prism_decoder_params p = net->params;
    p.no_norm = true;
    p.store = PRISM_F32;
    PRISM_TRY(prismi_decoder_create(net->dev, &p, &(struct prismi_net_mode){.inference = true}, out));
    /* the two lists correspond one to one but for casts: an activation stands where the norm was */
    const struct prismi_layer *to = (*out)->layer;
    int status = 0;
    for (int i = 0; i < net->nlayers && !status; i++) {
        const struct prismi_layer *l = &net->layer[i], *next = i + 1 < net->nlayers ? l + 1 : NULL;
        if (l->dtype != l->in_dtype)
            continue;
        if (next && next->nrunning)
            status = fold_conv(net, l, next, to);
        else if (!l->nrunning)
            status = copy_params(net, l, to);
        to++;
    }
    if (status)
        prism_net_destroy(out);
    return status;
}
