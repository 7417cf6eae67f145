/* A network: infer shapes, lay out the slabs, bind every tensor in one allocation, run the list forwards and backwards. */
#include "nn/layer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void prismi_layer_same_shape(struct prismi_layer *l)
{
    memcpy(l->out, l->in, sizeof l->out);
}

void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill, int d0, int d1, int d2, int d3)
{
    assert(l->nparam < (int)(sizeof l->param / sizeof l->param[0]));
    struct prismi_param *p = &l->param[l->nparam++];
    *p = (struct prismi_param){.suffix = suffix, .fill = fill, .info = {.dim = {d0, d1, d2, d3}, .count = 1}};
    while (p->info.nd < 4 && p->info.dim[p->info.nd] > 0)
        p->info.count *= (size_t)p->info.dim[p->info.nd++];
}

/* Shapes, names and slab offsets. Tensors start on 64-byte boundaries. */
static void infer_all(struct prism_net *net)
{
    const size_t unit = 64 / prism_dtype_size(net->dtype);
    int module = 0;
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        l->dev = net->dev;
        l->dtype = net->dtype;
        if (i > 0)
            memcpy(l->in, l[-1].out, sizeof l->in);
        l->ops->infer(l);
        for (int k = 0; k < l->nparam; k++) {
            struct prismi_param *p = &l->param[k];
            if (i == 0)
                snprintf(p->info.name, sizeof p->info.name, "%s", p->suffix);
            else
                snprintf(p->info.name, sizeof p->info.name, "decoder.%d.%s", module, p->suffix);
            p->offset = net->slab_count;
            net->slab_count += (p->info.count + unit - 1) / unit * unit;
        }
        net->nparam += l->nparam;
        net->running_count += l->nrunning;
        module += l->ops->modules;
    }
}

static int bind_all(struct prism_net *net)
{
    const size_t size = prism_dtype_size(net->dtype);
    size_t largest = 0;
    prismi_arena_add(&net->arena, net->slab_count * size, &net->values);
    prismi_arena_add(&net->arena, net->inference ? 0 : net->slab_count * size, &net->grads);
    prismi_arena_add(&net->arena, net->running_count * size, &net->running);
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        prismi_arena_add(&net->arena, prismi_layer_count(l->out) * size, &l->y);
        prismi_arena_add(&net->arena, l->nsaved * size, &l->saved);
        if (i > 0 && largest < prismi_layer_count(l->in))
            largest = prismi_layer_count(l->in);
    }
    for (int k = 0; k < 2; k++)
        prismi_arena_add(&net->arena, net->inference ? 0 : largest * size, &net->g[k]);
    PRISM_TRY(prismi_arena_bind(&net->arena, net->dev));

    size_t running = 0;
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        if (i > 0)
            l->x = l[-1].y;
        if (l->nrunning)
            l->running = net->running + running * size;
        running += l->nrunning;
        for (int k = 0; k < l->nparam; k++) {
            l->param[k].info.value = net->values + l->param[k].offset * size;
            l->param[k].info.grad = net->inference ? NULL : net->grads + l->param[k].offset * size;
        }
        if (l->ops->create)
            PRISM_TRY(l->ops->create(l));
    }
    return 0;
}

int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype, const struct prismi_layer *layers, int n, bool inference,
                      struct prism_net **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    *out = NULL;
    assert(n > 1 && n <= PRISMI_MAX_LAYERS);
    if ((dtype != PRISM_F32 && dtype != PRISM_F64) || !(dev->caps.dtypes & (1u << dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "element type %d of the network is not one this device computes in; use f32",
                          (int)dtype);
    struct prism_net *net = prismi_alloc(1, sizeof *net);
    if (!net)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no host memory for a network of %d layers", n);
    prismi_ctx_retain(ctx, "net");
    net->dev = dev;
    net->dtype = dtype;
    net->inference = inference;
    net->nlayers = n;
    memcpy(net->layer, layers, (size_t)n * sizeof *layers);
    infer_all(net);
    int status = bind_all(net);
    if (status)
        prism_net_destroy(&net);
    *out = net;
    return status;
}

void prism_net_destroy(struct prism_net **pnet)
{
    struct prism_net *net = pnet ? *pnet : NULL;
    if (!net)
        return;
    for (int i = 0; i < net->nlayers; i++)
        if (net->layer[i].ops->destroy)
            net->layer[i].ops->destroy(&net->layer[i]);
    prismi_arena_release(&net->arena);
    prismi_ctx_drop(prismi_dev_ctx(net->dev), "net");
    prismi_free(net);
    *pnet = NULL;
}

int prism_net_forward(struct prism_net *net, prism_mem *out)
{
    for (int i = 0; i < net->nlayers; i++)
        PRISM_TRY(net->layer[i].ops->forward(&net->layer[i]));
    net->have_forward = true;
    *out = net->layer[net->nlayers - 1].y;
    return 0;
}

int prism_net_backward(struct prism_net *net, prism_mem gout)
{
    if (net->inference)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL,
                          "a folded network has no gradients; train the network it was folded from");
    if (!net->have_forward)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL,
                          "backward needs a forward before it, and spends what that forward saved; call prism_net_forward first");
    net->have_forward = false;
    prism_mem gy = gout;
    for (int i = net->nlayers - 1; i >= 0; i--) {
        prism_mem gx = net->g[i % 2];
        PRISM_TRY(net->layer[i].ops->backward(&net->layer[i], gx, gy));
        gy = gx;
    }
    return 0;
}

const struct prismi_param *prismi_net_param(const struct prism_net *net, int i)
{
    for (int k = 0; k < net->nlayers && i >= 0; k++) {
        if (i < net->layer[k].nparam)
            return &net->layer[k].param[i];
        i -= net->layer[k].nparam;
    }
    return NULL;
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

int prism_net_param(const struct prism_net *net, int i, struct prism_param_info *out)
{
    const struct prismi_param *p = prismi_net_param(net, i);
    if (!p)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL, "parameter %d asked for; the network has 0 to %d", i,
                          net->nparam - 1);
    *out = p->info;
    return 0;
}

void prism_net_slabs(const struct prism_net *net, prism_mem *params, prism_mem *grads, size_t *count)
{
    *params = net->values;
    *grads = net->grads;
    *count = net->slab_count;
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
