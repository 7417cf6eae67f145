/* Adam over a model's parameters, segment by segment. Values that change from
 * step to step reach the device through its memory, so that a recorded update
 * stays valid. */
#include "fit/fit.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPS 1e-8

void prismi_adam_plan(struct prismi_adam *adam, const struct prismi_model *model,
                      struct prismi_arena *arena)
{
    size_t most = 0;
    adam->model = *model;
    adam->count = model->count;
    adam->dtype = model->dtype;
    if (adam->eps == 0)
        adam->eps = EPS;
    adam->fusion =
        model->ops->fuse_first_update ? model->ops->fuse_first_update(model->self) : NULL;
    adam->n_segments = model->ops->segments(model->self, adam->segment, PRISM_MAX_SEGMENTS);
    for (int i = 0; i < adam->n_segments; i++)
        if (most < adam->segment[i].cols)
            most = adam->segment[i].cols;
    prismi_arena_add(arena, 3 * prism_dtype_size(adam->dtype), &adam->args);
    prismi_arena_add(arena, PRISM_ADAM_OUTER_ROWS * most * prism_dtype_size(adam->dtype),
                     &adam->tmp);
}

/* t also counts the steps that loss scaling skips. Both bias corrections are
 * near 1 long before that makes a difference. */
int prismi_adam_set(struct prism_dev *dev, const struct prismi_adam *adam, double lr, int64_t t)
{
    double args[3] = {lr / (1 - pow(BETA1, (double)t)), 1 / sqrt(1 - pow(BETA2, (double)t)), 1};
    return prismi_dev_put(dev, adam->args, adam->dtype, args, 3);
}

/* Fills y with a segment's values and the moments that are kept, NULL for the
 * others. */
static void state_of(const struct prismi_adam *adam, const struct prism_segment *s, prism_mem y[4])
{
    size_t at = s->offset * prism_dtype_size(adam->dtype);
    y[0] = s->value;
    y[1] = adam->once ? NULL : adam->m + at;
    y[2] = adam->once ? NULL : adam->v + at;
    y[3] = adam->once || !adam->vmax ? NULL : adam->vmax + at;
}

/* Updates the first layer, whose gradient is an outer product. If fused, the
 * same call updates the latent before the layer and computes the product of the
 * two. */
static int update_outer(struct prism_dev *dev, const struct prismi_adam *adam,
                        const struct prism_segment *s)
{
    const struct prism_adam_outer_desc d = {adam->dtype, s->rows, s->cols, BETA1, BETA2, adam->eps};
    const struct prismi_fusion *fused = adam->fusion;
    struct prism_adam_outer_tail tail = {0};
    prism_mem p[4], z[4];
    state_of(adam, s, p);
    if (fused) {
        state_of(adam, &adam->segment[0], z);
        tail =
            (struct prism_adam_outer_tail){adam->segment[0].grad, z[0], z[1], z[2], z[3], fused->y};
    }
    const struct prism_adam_outer_args a = {.p = p[0],
                                            .m = p[1],
                                            .v = p[2],
                                            .vmax = p[3],
                                            .a = s->a,
                                            .b = s->b,
                                            .step = adam->args,
                                            .tmp = adam->tmp,
                                            .tail = fused ? &tail : NULL};
    return dev->ops->adam_outer(dev, &d, fused ? fused->conv : NULL, &a);
}

static int update_stored(struct prism_dev *dev, const struct prismi_adam *adam,
                         const struct prism_segment *s)
{
    struct prism_map_args a = {.x = {s->grad, adam->args}, .s = {BETA1, BETA2, adam->eps}};
    state_of(adam, s, a.y);
    enum prism_map op = a.y[3] ? PRISM_MAP_AMSGRAD : a.y[1] ? PRISM_MAP_ADAM : PRISM_MAP_ADAM_ONCE;
    return dev->ops->map(dev, op, adam->dtype, 1, s->count, &a);
}

int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam)
{
    for (int i = adam->fusion ? 1 : 0; i < adam->n_segments; i++)
        PRISM_TRY(
            (adam->segment[i].grad ? update_stored : update_outer)(dev, adam, &adam->segment[i]));
    if (adam->model.ops->update_done)
        adam->model.ops->update_done(adam->model.self);
    return 0;
}

int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam)
{
    prism_mem slabs[] = {adam->m, adam->v, adam->vmax};
    for (int i = 0; i < 3; i++)
        if (slabs[i])
            PRISM_TRY(prismi_map(dev, PRISM_MAP_FILL, adam->dtype, 1, adam->count, slabs[i], 0, 0,
                                 0, 0, 0));
    return 0;
}
