/* Measured data as an objective: the data term, and the energy of unmeasured
 * frequencies. */
#include "recon/internal.h"

#include <stdio.h>

static int select_frames(void *self, const int32_t *index)
{
    struct prismi_data *d = self;
    return d->term.instrument->ops->select(d->term.instrument, index);
}

static int forward(void *self, prism_mem x)
{
    struct prismi_data *d = self;
    return prismi_term_forward(&d->term, x);
}

static int backward(void *self, prism_mem x, prism_mem gx)
{
    struct prismi_data *d = self;
    PRISM_TRY(prismi_term_backward(&d->term, gx));
    return PRISMI_REGION(d->term.dev, "unmeasured", 0,
                         prismi_unmeasured_gradient(&d->unmeasured, x, gx));
}

static uint64_t forward_key(const void *self)
{
    const struct prismi_data *d = self;
    return prismi_loss_key(d->term.loss);
}

static uint64_t backward_key(const void *self)
{
    const struct prismi_data *d = self;
    return d->term.halfway;
}

static void forget(void *self)
{
    struct prismi_data *d = self;
    d->term.measured = false;
}

static void mark_replayed(void *self)
{
    struct prismi_data *d = self;
    prismi_term_played(&d->term);
}

static void describe(const void *self, int i, char *text, size_t n)
{
    const struct prismi_data *d = self;
    if (d->describe)
        d->describe(d, i, text, n);
    else
        snprintf(text, n, "the loss of field %d of the batch", i);
}

static const struct prismi_objective_ops data_ops = {.name = "data",
                                                     .select = select_frames,
                                                     .forward = forward,
                                                     .backward = backward,
                                                     .forward_key = forward_key,
                                                     .backward_key = backward_key,
                                                     .forget = forget,
                                                     .mark_replayed = mark_replayed,
                                                     .describe = describe};

int prismi_data_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, double unmeasured,
                       struct prismi_data *out)
{
    struct prismi_data *d = out;
    *d = (struct prismi_data){.describe = NULL};
    PRISM_TRY(prismi_term_create(dev, ds, params, &d->term));
    d->objective = (struct prismi_objective){.ops = &data_ops,
                                             .self = d,
                                             .value = prismi_loss_value(d->term.loss),
                                             .n = params->batch,
                                             .scale = 1};
    double energy = unmeasured > 0 ? prismi_loss_energy(d->term.loss) : 0;
    int status = prismi_unmeasured_create(dev, ds, params->dtype, params->complex_object,
                                          energy > 0 ? unmeasured / energy : 0, &d->unmeasured);
    if (status)
        prismi_data_release(d);
    return status;
}

void prismi_data_release(struct prismi_data *d)
{
    prismi_term_release(&d->term);
    prismi_unmeasured_release(&d->unmeasured);
}
