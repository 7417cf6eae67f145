/* The initialisation phase of a network, and the transition to the fit
 * phase. */
#include "recon/internal.h"

#include <math.h>
#include <stdio.h>

/* ---- the image-space loss: sum |x - target| / sum |target| ---- */

static int forward(void *self, prism_mem x)
{
    struct prismi_initial *in = self;
    return in->dev->ops->reduce(in->dev, PRISM_REDUCE_ABSDIFF, in->dtype, 1, in->pixels, in->value,
                                x, in->target);
}

static int backward(void *self, prism_mem x, prism_mem gx)
{
    struct prismi_initial *in = self;
    return prismi_map(in->dev, PRISM_MAP_L1_GRAD, in->dtype, 1, in->pixels, gx, x, in->target,
                      in->weight, 0, 0);
}

static void describe(const void *self, int i, char *text, size_t n)
{
    (void)self;
    (void)i;
    snprintf(text, n, "the initialisation loss");
}

static const struct prismi_objective_ops initial_ops = {
    .name = "initialisation", .forward = forward, .backward = backward, .describe = describe};

static int load_target(struct prismi_initial *in, struct prism_dataset *ds,
                       const struct prism_recon_params *params)
{
    double sum = 0, *x = prismi_alloc(in->pixels, sizeof *x);
    int status = 0;
    if (!x)
        return PRISM_FAIL(prismi_dev_ctx(in->dev), PRISM_ENOMEM,
                          "no host memory for a target of %zu pixels", in->pixels);
    PRISM_TRY_OUT(prismi_init_target(in->dev, ds, params, in->dtype, x));
    for (size_t i = 0; i < in->pixels; i++)
        sum += fabs(x[i]);
    in->objective.scale = 1 / (sum > 0 ? sum : 1);
    PRISM_TRY_OUT(prismi_dev_put(in->dev, in->target, in->dtype, x, in->pixels));
    status = prismi_dev_put(in->dev, in->weight, in->dtype, &in->objective.scale, 1);
out:
    prismi_free(x);
    return status;
}

int prismi_initial_create(struct prism_dev *dev, struct prism_dataset *ds,
                          const struct prism_recon_params *params, enum prism_dtype dtype,
                          struct prismi_initial *out)
{
    const size_t obj = (size_t)prism_dataset_params(ds)->obj_size, real = prism_dtype_size(dtype);
    struct prismi_initial *in = out;
    *in = (struct prismi_initial){.dev = dev, .dtype = dtype, .pixels = obj * obj};
    prismi_arena_add(&in->arena, in->pixels * real, &in->target);
    prismi_arena_add(&in->arena, real, &in->weight);
    prismi_arena_add(&in->arena, real, &in->value);
    PRISM_TRY(prismi_arena_bind(&in->arena, dev));
    in->objective = (struct prismi_objective){
        .ops = &initial_ops, .self = in, .value = in->value, .n = 1, .scale = 1};
    return prismi_planning(dev) ? 0 : load_target(in, ds, params);
}

void prismi_initial_release(struct prismi_initial *in)
{
    prismi_arena_release(&in->arena);
}

/* ---- phases ---- */

int prismi_fit_begin(struct prism_session *s)
{
    struct prismi_state *st = &s->trainer.st;
    PRISM_TRY(prismi_trainer_check_output(&s->trainer));
    s->trainer.objective = s->objective;
    st->phase = PRISM_PHASE_FIT;
    st->phase_step = st->schedule_t = st->adam_t = 0;
    PRISM_TRY(s->strategy->begin(s));
    return prismi_trainer_snapshot(&s->trainer);
}

int prismi_initial_step(struct prism_session *s)
{
    struct prismi_trainer *t = &s->trainer;
    const struct prism_training_params *p = &s->par.training;
    bool last = t->st.phase_step + 1 == s->init_steps, watch = p->init_threshold > 0;
    PRISM_TRY(prismi_trainer_loss(t, false));
    if (watch || last || t->st.pending == PRISMI_CHECK_EVERY) {
        PRISM_TRY(prismi_trainer_read_losses(t));
        if (!watch || t->st.phase_step % PRISMI_CHECK_EVERY == 0)
            PRISM_TRY(prismi_trainer_snapshot(t));
    }
    if (watch && t->st.loss < p->init_threshold)
        last = true;
    else
        PRISM_TRY(prismi_trainer_update(t, p->init_lr > 0 ? p->init_lr : p->lr, last));
    prismi_trainer_advance(t);
    return last ? prismi_fit_begin(s) : 0;
}
