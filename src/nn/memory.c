/* The memory of a network: one allocation with the slabs and two blocks, one
 * for activations and one for their gradients. Within a block, tensors share
 * memory if their lifetimes allow.
 *
 * An activation lives from its node to its last reader; in training it lives to
 * the end, because the backward reads it again. A gradient lives from the
 * backward of its last reader, which writes it first, to the backward of its
 * own node. */
#include "nn/layer.h"

#include <assert.h>

/* ---- lifetimes ---- */

static bool meet(const struct prismi_life *a, const struct prismi_life *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset that is free throughout the lifetime of t. */
static size_t free_offset(const struct prismi_life *life, int n, const struct prismi_life *t)
{
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const struct prismi_life *o = &life[i];
        if (o->offset == SIZE_MAX || !meet(o, t))
            continue;
        if (at < o->offset + o->bytes && o->offset < at + t->bytes) {
            at = o->offset + o->bytes;
            i = -1; /* start again: earlier ones may overlap now */
        }
    }
    return at;
}

size_t prismi_lives_pack(struct prismi_life *life, int n)
{
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        life[i].bytes = (life[i].bytes + 63) & ~(size_t)63;
        life[i].offset = SIZE_MAX;
    }
    for (;;) {
        struct prismi_life *t = NULL; /* the largest tensor without an offset */
        for (int i = 0; i < n; i++)
            if (life[i].bytes && life[i].offset == SIZE_MAX && (!t || t->bytes < life[i].bytes))
                t = &life[i];
        if (!t)
            return total;
        t->offset = free_offset(life, n, t);
        if (total < t->offset + t->bytes)
            total = t->offset + t->bytes;
    }
}

/* ---- what a network's tensors need ---- */

struct plan {
    struct prismi_life y[PRISMI_MAX_LAYERS];
    /* gy of every node, followed by two gx of every node */
    struct prismi_life g[3 * PRISMI_MAX_LAYERS];
};

static size_t bytes_of(const struct prismi_layer *l)
{
    return prismi_layer_outputs(l) * prism_dtype_size(l->dtype);
}

/* The node that owns the memory of l's output: l itself, or the first of the
 * nodes whose output is overwritten by those up to l. */
static struct prismi_layer *holder(struct prismi_layer *l)
{
    while (l->overwrites)
        l = prismi_layer_source(l, 0);
    return l;
}

static void plan_activations(struct prism_net *net, struct prismi_life *life)
{
    struct prismi_layer *layer = net->layer;
    int n = net->nlayers;
    for (int i = 0; i < n; i++) {
        bool own = !layer[i].overwrites && !prismi_layer_is_input(&layer[i]);
        life[i] =
            (struct prismi_life){.bytes = own ? bytes_of(&layer[i]) : 0, .first = i, .last = n};
    }
    for (int i = 0; i < n && net->inference; i++) {
        life[i].last = i;
        for (int k = 0; k < 2; k++)
            if (prismi_layer_source(&layer[i], k))
                life[holder(prismi_layer_source(&layer[i], k)) - layer].last = i;
    }
    life[holder(&layer[n - 1]) - layer].last = n;
}

/* Plan gx of the k-th input of node i: it is the source's gy, or a tensor that
 * will be added to it, or nothing if nothing before learns. */
static void plan_gx(struct prism_net *net, struct prismi_life *life, int i, int k)
{
    struct prismi_layer *l = &net->layer[i], *source = prismi_layer_source(l, k);
    int n = net->nlayers, at = n - 1 - i, s = source ? (int)(source - net->layer) : -1;
    if (!source || (!source->learns && l->ops->gx_optional))
        return;
    l->adds[k] = source->learns && life[s].bytes;
    bool begins = source->learns && !l->adds[k];
    life[begins ? s : n + 2 * i + k] = (struct prismi_life){.bytes = bytes_of(source),
                                                            .first = at,
                                                            .last = !begins         ? at
                                                                    : source->outer ? n
                                                                                    : n - 1 - s};
}

static void plan_gradients(struct prism_net *net, struct prismi_life *life)
{
    for (int i = net->nlayers - 1; i >= 0; i--)
        for (int k = 0; k < 2 && net->layer[i].learns; k++)
            plan_gx(net, life, i, k);
}

/* ---- addresses ---- */

static prism_mem place(prism_mem block, const struct prismi_life *life)
{
    return life->bytes ? block + life->offset : NULL;
}

static void bind_tensors(struct prism_net *net, const struct plan *plan)
{
    int n = net->nlayers;
    for (int i = 0; i < n; i++) {
        struct prismi_layer *l = &net->layer[i];
        l->y = place(net->activations, &plan->y[holder(l) - net->layer]);
        l->gy = place(net->gradients, &plan->g[i]);
        for (int k = 0; k < 2; k++) {
            struct prismi_layer *source = prismi_layer_source(l, k);
            if (!source)
                continue;
            l->x[k] = source->y;
            l->gx[k] = place(net->gradients, &plan->g[n + 2 * i + k]);
            if (!l->gx[k] && l->learns && source->learns)
                l->gx[k] = source->gy;
        }
    }
}

static bool multiplies_half(const struct prismi_layer *l)
{
    return prismi_is_half(l->dtype) && l->nparam > 0 && l->param[0].fill == PRISMI_FILL_WEIGHT;
}

/* Find the range of values that is copied to half precision: all weights that
 * multiply half activations, with everything between them. */
static void cover_half(struct prism_net *net)
{
    for (int i = 0; i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i];
        if (!multiplies_half(l))
            continue;
        if (!net->half_count)
            net->half_offset = l->param[0].offset;
        net->half_count = l->param[0].offset + l->param[0].info.count - net->half_offset;
    }
}

static void bind_params(struct prism_net *net)
{
    const size_t size = prism_dtype_size(net->dtype);
    size_t running = 0, grad = 0;
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        if (l->nrunning)
            l->running = net->running + running * size;
        running += l->nrunning;
        for (int k = 0; k < l->nparam; k++) {
            struct prism_param_info *p = &l->param[k].info;
            p->value = net->values + l->param[k].offset * size;
            if (net->inference || (l->outer && k == 0))
                continue;
            p->grad = net->grads + grad * size;
            grad += prismi_net_padded(net, p->count);
        }
        l->weight = l->param[0].info.value;
        if (multiplies_half(l))
            l->weight =
                net->half + (l->param[0].offset - net->half_offset) * prism_dtype_size(l->dtype);
    }
}

size_t prismi_net_padded(const struct prism_net *net, size_t count)
{
    const size_t unit = 64 / prism_dtype_size(net->dtype);
    return (count + unit - 1) / unit * unit;
}

int prismi_net_bind(struct prism_net *net)
{
    const size_t size = prism_dtype_size(net->dtype);
    const bool train = !net->inference;
    struct plan plan = {0};
    cover_half(net);
    plan_activations(net, plan.y);
    if (train)
        plan_gradients(net, plan.g);
    net->arena.owner = PRISMI_OWNER_GRADIENTS;
    prismi_arena_add(&net->arena, train ? net->grad_count * size : 0, &net->grads);
    net->arena.owner = PRISMI_OWNER_PARAMETERS;
    if (!net->values)
        prismi_arena_add(&net->arena, net->slab_count * size, &net->values);
    prismi_arena_add(&net->arena, net->running_count * size, &net->running);
    prismi_arena_add(&net->arena, net->half_count * prism_dtype_size(net->store), &net->half);
    net->arena.owner = PRISMI_OWNER_ACTIVATIONS; /* and their gradients */
    prismi_arena_add(&net->arena, prismi_lives_pack(plan.y, net->nlayers), &net->activations);
    prismi_arena_add(&net->arena, prismi_lives_pack(plan.g, 3 * net->nlayers), &net->gradients);
    for (int i = 0; i < net->nlayers; i++)
        prismi_arena_add(&net->arena, net->layer[i].nsaved * size, &net->layer[i].saved);
    PRISM_TRY(prismi_arena_bind(&net->arena, net->dev));
    bind_tensors(net, &plan);
    bind_params(net);
    return 0;
}
