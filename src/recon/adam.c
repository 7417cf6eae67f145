/* Adam over the parameters, segment by segment; what changes from step to step goes through device memory. */
#include "nn/layer.h"
#include "recon/internal.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPS 1e-8

void prismi_adam_plan(struct prismi_adam *adam, struct prism_net *net, struct prismi_arena *arena)
{
    prism_mem values;
    size_t most = 0;
    prism_net_values(net, &values, &adam->count);
    adam->dtype = prism_net_params(net)->dtype;
    adam->net = net;
    adam->first = prismi_net_leave_first(net);
    adam->n_segments = prism_net_segments(net, adam->segment, PRISM_NET_MAX_SEGMENTS);
    for (int i = 0; i < adam->n_segments; i++)
        if (most < adam->segment[i].cols)
            most = adam->segment[i].cols;
    prismi_arena_add(arena, 3 * prism_dtype_size(adam->dtype), &adam->args);
    prismi_arena_add(arena, PRISM_ADAM_OUTER_ROWS * most * prism_dtype_size(adam->dtype), &adam->tmp);
}

/* t counts steps that loss scaling leaves out too: both corrections are near 1 long before it matters. */
int prismi_adam_set(struct prism_dev *dev, const struct prismi_adam *adam, double lr, int64_t t)
{
    double args[3] = {lr / (1 - pow(BETA1, (double)t)), 1 / sqrt(1 - pow(BETA2, (double)t)), 1};
    return prismi_dev_put(dev, adam->args, adam->dtype, args, 3);
}

static int update_segment(struct prism_dev *dev, const struct prismi_adam *adam, const struct prism_net_segment *s)
{
    size_t at = s->offset * prism_dtype_size(adam->dtype);
    prism_mem m = adam->once ? NULL : adam->m + at, v = adam->once ? NULL : adam->v + at;
    prism_mem vmax = adam->once || !adam->vmax ? NULL : adam->vmax + at;
    if (!s->grad) {
        const struct prism_adam_outer_desc d = {adam->dtype, s->rows, s->cols, BETA1, BETA2, EPS};
        const struct prism_adam_outer_args a = {s->value, m, v, vmax, s->a, s->b, adam->args, adam->tmp, adam->first};
        return dev->ops->adam_outer(dev, &d, &a);
    }
    const struct prism_map_args a = {
        {s->value, m, v, vmax}, {s->grad, adam->args, 0, 0, 0, 0}, {BETA1, BETA2, EPS}, PRISM_ACT_NONE};
    enum prism_map op = vmax ? PRISM_MAP_AMSGRAD : m ? PRISM_MAP_ADAM : PRISM_MAP_ADAM_ONCE;
    return dev->ops->map(dev, op, adam->dtype, 1, s->count, &a);
}

int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam)
{
    for (int stored = 0; stored < 2; stored++) /* the outer product leaves a gradient */
        for (int i = 0; i < adam->n_segments; i++)
            if (!adam->segment[i].grad == !stored)
                PRISM_TRY(update_segment(dev, adam, &adam->segment[i]));
    adam->net->first_owed = false;
    return 0;
}

int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam)
{
    prism_mem slabs[] = {adam->m, adam->v, adam->vmax};
    for (int i = 0; i < 3; i++)
        if (slabs[i])
            PRISM_TRY(prismi_map(dev, PRISM_MAP_FILL, adam->dtype, 1, adam->count, slabs[i], 0, 0, 0, 0, 0));
    return 0;
}
