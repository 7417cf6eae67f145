/* A network: links its nodes, infers shapes, and runs the list forwards and
 * backwards. */
#include "nn/layer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void prismi_layer_same_shape(struct prismi_layer *l)
{
    memcpy(l->out, l->in, sizeof l->out);
}

void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill,
                            int d0, int d1, int d2, int d3)
{
    assert(l->nparam < (int)(sizeof l->param / sizeof l->param[0]));
    struct prismi_param *p = &l->param[l->nparam++];
    *p = (struct prismi_param){
        .suffix = suffix, .fill = fill, .info = {.dim = {d0, d1, d2, d3}, .count = 1}};
    while (p->info.nd < 4 && p->info.dim[p->info.nd] > 0)
        p->info.count *= (size_t)p->info.dim[p->info.nd++];
}

/* Set the sources of every node, and count the readers of each output. */
static void link_nodes(struct prism_net *net)
{
    for (int i = 1; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        if (!l->from[0])
            l->from[0] = 1;
        for (int k = 0; k < 2; k++) {
            assert(l->from[k] >= 0 && l->from[k] <= i);
            if (l->from[k])
                prismi_layer_source(l, k)->uses++;
        }
    }
    net->layer[net->nlayers - 1].uses++;
}

static void infer_types(struct prism_net *net, struct prismi_layer *l)
{
    l->real = net->dtype;
    if (prismi_is_half(l->dtype))
        net->store = l->dtype;
    else
        l->dtype = net->dtype;
    l->in_dtype = l == net->layer ? l->dtype : prismi_layer_source(l, 0)->dtype;
}

/* In inference an output is needed only until its last reader has run. A single
 * reader may overwrite the output: an elementwise node does, and an activation
 * after a convolution with a bias costs no pass of its own. The caller's input
 * is never written to. */
static void share_output(struct prismi_layer *l)
{
    struct prismi_layer *source = prismi_layer_source(l, 0);
    if (source->uses > 1 || prismi_layer_is_input(source))
        return;
    l->absorbed = prismi_layer_is_act(l) && source->conv.bias;
    l->overwrites = l->absorbed || l->ops->in_place;
    if (l->absorbed)
        source->act = l->act;
}

static void infer_node(struct prism_net *net, struct prismi_layer *l)
{
    struct prismi_layer *source = prismi_layer_source(l, 0), *second = prismi_layer_source(l, 1);
    l->dev = net->dev;
    l->n = net->batch;
    infer_types(net, l);
    if (source)
        memcpy(l->in, source->out, sizeof l->in);
    if (source && net->inference)
        share_output(l);
    l->ops->infer(l);
    l->learns = l->nparam > 0 || (source && source->learns) || (second && second->learns);
    if (l->outer)
        net->outer = l;
}

/* Infer types, shapes, names and slab offsets. */
static void infer_all(struct prism_net *net)
{
    int module = 0;
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        infer_node(net, l);
        for (int k = 0; k < l->nparam; k++) {
            struct prismi_param *p = &l->param[k];
            if (i == 0)
                snprintf(p->info.name, sizeof p->info.name, "%s", p->suffix);
            else
                snprintf(p->info.name, sizeof p->info.name, "%s%d.%s", net->prefix, module,
                         p->suffix);
            p->offset = net->slab_count;
            net->slab_count += prismi_net_padded(net, p->info.count);
            net->grad_count += l->outer && k == 0 ? 0 : prismi_net_padded(net, p->info.count);
        }
        net->nparam += l->nparam;
        net->running_count += l->nrunning;
        module += l->ops->modules;
    }
}

/* Create the plans of every node, after its tensors have addresses. */
static int create_nodes(struct prism_net *net)
{
    for (int i = 0; i < net->nlayers; i++)
        if (net->layer[i].ops->create)
            PRISM_TRY(net->layer[i].ops->create(&net->layer[i]));
    return 0;
}

static int check_types(struct prism_dev *dev, enum prism_dtype dtype, enum prism_dtype store)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    if ((dtype != PRISM_F32 && dtype != PRISM_F64) || !(dev->caps.dtypes & (1u << dtype)))
        return PRISM_FAIL(
            ctx, PRISM_ENOTSUP,
            "element type %d of the network is not one this device computes in; use f32",
            (int)dtype);
    if (!(dev->caps.dtypes & (1u << store)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP,
                          "%s is not a type this device stores activations in; use f32",
                          store == PRISM_F16 ? "f16" : "bf16");
    return 0;
}

int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype,
                      const struct prismi_layer *layers, int n, const struct prismi_net_mode *mode,
                      struct prism_net **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    *out = NULL;
    assert(n > 1 && n <= PRISMI_MAX_LAYERS);
    struct prism_net *net = prismi_alloc(1, sizeof *net);
    if (!net)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no host memory for a network of %d layers", n);
    prismi_ctx_retain(ctx, "net");
    net->dev = dev;
    net->dtype = net->store = dtype;
    net->inference = mode->inference;
    net->values = mode->values;
    net->batch = mode->batch ? mode->batch : 1;
    net->init = mode->init;
    net->prefix = mode->prefix ? mode->prefix : "layer.";
    net->nlayers = n;
    memcpy(net->layer, layers, (size_t)n * sizeof *layers);
    link_nodes(net);
    infer_all(net);
    assert(!net->layer[n - 1].outer && (net->batch == 1 || !prismi_layer_is_latent(net->layer)));
    int status = check_types(dev, dtype, net->store);
    if (!status)
        status = prismi_net_bind(net);
    if (!status)
        status = create_nodes(net);
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

int prismi_net_output(struct prism_net *net, prism_mem *out)
{
    *out = net->layer[net->nlayers - 1].y;
    if (net->have_forward)
        return 0;
    if (net->half_count)
        PRISM_TRY(prismi_map(net->dev, PRISM_MAP_NARROW, net->store, 1, net->half_count, net->half,
                             net->values + net->half_offset * prism_dtype_size(net->dtype), 0, 0, 0,
                             0));
    for (int i = 0; i < net->nlayers; i++)
        PRISM_TRY(PRISMI_REGION(net->dev, net->layer[i].ops->name, i,
                                net->layer[i].ops->forward(&net->layer[i])));
    net->have_forward = true;
    return 0;
}

int prismi_net_track(struct prism_net *net)
{
    for (int i = 0; i < net->nlayers; i++)
        if (net->layer[i].nrunning)
            PRISM_TRY(prismi_norm_track(&net->layer[i]));
    return 0;
}

void prismi_net_set_input(struct prism_net *net, prism_mem x)
{
    assert(prismi_layer_is_input(net->layer));
    net->layer[0].y = x;
    for (int i = 1; i < net->nlayers; i++)
        for (int k = 0; k < 2; k++)
            if (prismi_layer_source(&net->layer[i], k) == net->layer)
                net->layer[i].x[k] = x;
    prismi_net_forget(net);
}

void prismi_net_forget(struct prism_net *net)
{
    net->have_forward = net->fusion.y_is_ready = false;
}

void prismi_net_mark_replayed(struct prism_net *net)
{
    net->have_forward = true;
    net->fusion.y_is_ready = false;
}

uint64_t prismi_net_forward_key(const struct prism_net *net)
{
    return (uint64_t)net->have_forward | (uint64_t)net->fusion.y_is_ready << 1;
}

int prism_net_forward(struct prism_net *net, prism_mem *out)
{
    prismi_net_forget(net);
    PRISM_TRY(prismi_net_output(net, out));
    return prismi_net_track(net);
}

const struct prismi_fusion *prismi_net_fuse_first_update(struct prism_net *net)
{
    if (!net->outer)
        return NULL;
    net->fusion.y = net->outer->y;
    net->fusion.conv = net->outer->plan;
    net->fusion.first_fused = true;
    net->outer->fusion = &net->fusion;
    return &net->fusion;
}

void prismi_net_update_done(struct prism_net *net)
{
    net->have_forward = net->fusion.first_gradient_pending = false;
    net->fusion.y_is_ready = net->fusion.first_fused;
}

/* Run the backward of one node. The gradient of a tensor with several readers
 * is the sum of their gradients, from the last reader to the first. */
static int backward_node(struct prism_net *net, struct prismi_layer *l, prism_mem gy)
{
    static const prism_mem nowhere[2] = {NULL, NULL};
    bool left_out = net->fusion.first_fused && l == net->outer;
    PRISM_TRY(l->ops->backward(l, left_out ? nowhere : l->gx, gy));
    for (int k = 0; k < 2; k++) {
        if (!l->adds[k])
            continue;
        struct prismi_layer *source = prismi_layer_source(l, k);
        PRISM_TRY(prismi_map(net->dev, PRISM_MAP_AXPBY, source->dtype, 1,
                             prismi_layer_outputs(source), source->gy, source->gy, l->gx[k], NULL,
                             1, 1));
    }
    return 0;
}

int prism_net_backward(struct prism_net *net, prism_mem gout)
{
    if (net->inference)
        return PRISM_FAIL(
            prismi_dev_ctx(net->dev), PRISM_EINVAL,
            "a folded network has no gradients; train the network it was folded from");
    if (!net->have_forward)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL,
                          "backward needs a forward before it, and uses up the values it saved; "
                          "call prism_net_forward first");
    net->have_forward = false;
    net->fusion.first_gradient_pending = net->fusion.first_fused;
    for (int i = net->nlayers - 1; i >= net->fusion.first_fused; i--) {
        struct prismi_layer *l = &net->layer[i];
        if (l->learns)
            PRISM_TRY(PRISMI_REGION(net->dev, l->ops->name, i,
                                    backward_node(net, l, i == net->nlayers - 1 ? gout : l->gy)));
    }
    return 0;
}
