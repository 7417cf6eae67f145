/* Adam over the whole parameter slab: one elementwise pass; what changes from step to step goes through device memory. */
#include "recon/internal.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPS 1e-8

int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam, prism_mem params, prism_mem grads, double lr,
                       int64_t t)
{
    double args[2] = {lr / (1 - pow(BETA1, (double)t)), 1 / sqrt(1 - pow(BETA2, (double)t))};
    PRISM_TRY(prismi_dev_put(dev, adam->args, adam->dtype, args, 2));
    struct prism_map_args a = {
        {params, adam->m, adam->v, adam->vmax}, {grads, adam->args, 0, 0, 0, 0}, {BETA1, BETA2, EPS}, PRISM_ACT_NONE};
    return dev->ops->map(dev, adam->vmax ? PRISM_MAP_AMSGRAD : PRISM_MAP_ADAM, adam->dtype, 1, adam->count, &a);
}

int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam)
{
    prism_mem slabs[] = {adam->m, adam->v, adam->vmax};
    for (int i = 0; i < 3; i++)
        if (slabs[i])
            PRISM_TRY(prismi_map(dev, PRISM_MAP_FILL, adam->dtype, 1, adam->count, slabs[i], 0, 0, 0, 0, 0));
    return 0;
}
