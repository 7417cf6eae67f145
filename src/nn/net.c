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

/* Scalars that a tensor takes in a slab: tensors start on 64-byte boundaries. */
static size_t padded(const struct prism_net *net, size_t count)
{
    const size_t unit = 64 / prism_dtype_size(net->dtype);
    return (count + unit - 1) / unit * unit;
}

static void infer_types(struct prism_net *net, struct prismi_layer *l)
{
    l->real = net->dtype;
    if (prismi_is_half(l->dtype))
        net->store = l->dtype;
    else
        l->dtype = net->dtype;
    l->in_dtype = l == net->layer ? l->dtype : l[-1].dtype;
}

static bool multiplies_half(const struct prismi_layer *l)
{
    return prismi_is_half(l->dtype) && l->nparam > 0 && l->param[0].fill == PRISMI_FILL_WEIGHT;
}

/* Weights that multiply half activations are copied as one range, with what lies between them. */
static void cover_half(struct prism_net *net, const struct prismi_layer *l)
{
    if (!multiplies_half(l))
        return;
    if (!net->half_count)
        net->half_offset = l->param[0].offset;
    net->half_count = l->param[0].offset + l->param[0].info.count - net->half_offset;
}

/* One pass over the activations instead of two. */
static void absorb(struct prismi_layer *l)
{
    l->absorbed = prismi_layer_is_act(l) && l[-1].conv.bias;
    if (l->absorbed)
        l[-1].act = l->act;
}

/* Types, shapes, names and slab offsets. */
static void infer_all(struct prism_net *net)
{
    int module = 0;
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        l->dev = net->dev;
        infer_types(net, l);
        if (i > 0)
            memcpy(l->in, l[-1].out, sizeof l->in);
        if (i > 0 && net->inference)
            absorb(l);
        l->ops->infer(l);
        for (int k = 0; k < l->nparam; k++) {
            struct prismi_param *p = &l->param[k];
            if (i == 0)
                snprintf(p->info.name, sizeof p->info.name, "%s", p->suffix);
            else
                snprintf(p->info.name, sizeof p->info.name, "decoder.%d.%s", module, p->suffix);
            p->offset = net->slab_count;
            net->slab_count += padded(net, p->info.count);
            net->grad_count += l->outer && k == 0 ? 0 : padded(net, p->info.count);
        }
        cover_half(net, l);
        net->nparam += l->nparam;
        net->running_count += l->nrunning;
        module += l->ops->modules;
    }
}

/* Declare every tensor of the one allocation. */
static void add_tensors(struct prism_net *net)
{
    const size_t size = prism_dtype_size(net->dtype);
    bool train = !net->inference;
    size_t largest = 0;
    net->arena.owner = PRISMI_OWNER_GRADIENTS;
    prismi_arena_add(&net->arena, train ? net->grad_count * size : 0, &net->grads);
    net->arena.owner = PRISMI_OWNER_PARAMETERS;
    if (!net->values)
        prismi_arena_add(&net->arena, net->slab_count * size, &net->values);
    prismi_arena_add(&net->arena, net->running_count * size, &net->running);
    prismi_arena_add(&net->arena, net->half_count * prism_dtype_size(net->store), &net->half);
    net->arena.owner = PRISMI_OWNER_ACTIVATIONS; /* and what goes back through them */
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        size_t bytes = prismi_layer_count(l->out) * prism_dtype_size(l->dtype);
        prismi_arena_add(&net->arena, train ? bytes : 0, &l->y);
        prismi_arena_add(&net->arena, train && l->outer ? bytes : 0, &l->gy);
        prismi_arena_add(&net->arena, l->nsaved * size, &l->saved);
        if (largest < bytes && (!train || i + 1 < net->nlayers))
            largest = bytes;
    }
    for (int k = 0; k < 2; k++)
        prismi_arena_add(&net->arena, largest, &net->g[k]);
}

static int bind_all(struct prism_net *net)
{
    const size_t size = prism_dtype_size(net->dtype);
    size_t running = 0, grad = 0;
    int turn = 0;
    add_tensors(net);
    PRISM_TRY(prismi_arena_bind(&net->arena, net->dev));
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        if (net->inference)
            l->y = l->absorbed ? l[-1].y : net->g[turn++ % 2];
        if (i > 0)
            l->x = l[-1].y;
        if (l->nrunning)
            l->running = net->running + running * size;
        running += l->nrunning;
        for (int k = 0; k < l->nparam; k++) {
            struct prism_param_info *p = &l->param[k].info;
            p->value = net->values + l->param[k].offset * size;
            if (net->inference || (l->outer && k == 0))
                continue;
            p->grad = net->grads + grad * size;
            grad += padded(net, p->count);
        }
        l->weight = l->param[0].info.value;
        if (multiplies_half(l))
            l->weight = net->half + (l->param[0].offset - net->half_offset) * prism_dtype_size(l->dtype);
        if (l->ops->create)
            PRISM_TRY(l->ops->create(l));
    }
    return 0;
}

static int check_types(struct prism_dev *dev, enum prism_dtype dtype, enum prism_dtype store)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    if ((dtype != PRISM_F32 && dtype != PRISM_F64) || !(dev->caps.dtypes & (1u << dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "element type %d of the network is not one this device computes in; use f32",
                          (int)dtype);
    if (!(dev->caps.dtypes & (1u << store)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "%s is not a type this device stores activations in; use f32",
                          store == PRISM_F16 ? "f16" : "bf16");
    return 0;
}

int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype, const struct prismi_layer *layers, int n,
                      const struct prismi_net_mode *mode, struct prism_net **out)
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
    net->nlayers = n;
    memcpy(net->layer, layers, (size_t)n * sizeof *layers);
    infer_all(net);
    assert(!net->layer[n - 1].outer);
    int status = check_types(dev, dtype, net->store);
    if (!status)
        status = bind_all(net);
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
                             net->values + net->half_offset * prism_dtype_size(net->dtype), 0, 0, 0, 0));
    for (int i = 0; i < net->nlayers; i++)
        PRISM_TRY(PRISMI_REGION(net->dev, net->layer[i].ops->name, i, net->layer[i].ops->forward(&net->layer[i])));
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

void prismi_net_forget(struct prism_net *net)
{
    net->have_forward = net->layer[1].product = false;
}

void prismi_net_played(struct prism_net *net)
{
    net->have_forward = true;
    net->layer[1].product = false;
}

int prism_net_forward(struct prism_net *net, prism_mem *out)
{
    prismi_net_forget(net);
    PRISM_TRY(prismi_net_output(net, out));
    return prismi_net_track(net);
}

bool prismi_net_leave_first(struct prism_net *net, prism_mem *y, struct prism_conv **conv)
{
    net->first_later = net->layer[1].outer;
    *y = net->layer[1].y;
    *conv = net->layer[1].plan;
    return net->first_later;
}

void prismi_net_updated(struct prism_net *net)
{
    net->have_forward = net->first_owed = false;
    net->layer[1].product = net->first_later;
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
    net->first_owed = net->first_later;
    prism_mem gy = gout;
    for (int i = net->nlayers - 1; i >= net->first_later; i--) {
        prism_mem gx = i > 0 && net->layer[i - 1].gy ? net->layer[i - 1].gy : net->g[i % 2];
        gx = net->first_later && i == 1 ? NULL : gx;
        PRISM_TRY(PRISMI_REGION(net->dev, net->layer[i].ops->name, i, net->layer[i].ops->backward(&net->layer[i], gx, gy)));
        gy = gx;
    }
    return 0;
}

/* The layer of the i-th parameter, and its place there. */
static const struct prismi_layer *layer_of_param(const struct prism_net *net, int i, int *k)
{
    for (const struct prismi_layer *l = net->layer; l < net->layer + net->nlayers && i >= 0; i -= l->nparam, l++)
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
    return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL, "parameter %d asked for; the network has 0 to %d", i,
                      net->nparam - 1);
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
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EINVAL, "a folded network has no gradient of %s", p->name);
    if (l == net->layer && net->first_owed)
        return net->dev->ops->conv_fwd(l[1].plan, out, l[1].gy, l[1].weight);
    if (p->grad)
        return net->dev->ops->copy(net->dev, out, p->grad, p->count * prism_dtype_size(net->dtype));
    const struct prism_gemm_desc outer = {
        .dtype = net->dtype, .m = l->in[0], .n = (int)(p->count / (size_t)l->in[0]), .k = 1, .alpha = 1};
    return net->dev->ops->gemm(net->dev, &outer, out, l->x, l->gy);
}

void prism_net_values(const struct prism_net *net, prism_mem *values, size_t *count)
{
    *values = net->values;
    *count = net->slab_count;
}

int prism_net_segments(const struct prism_net *net, struct prism_segment *out, int n)
{
    int found = 0;
    bool joins = false; /* one without a stored gradient stands alone, others join the one before */
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
            *s = (struct prism_segment){.offset = l->param[k].offset, .value = p->value, .grad = p->grad};
        s->count += padded(net, p->count);
        if (!p->grad) {
            s->a = l->x;
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
