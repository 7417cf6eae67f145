/* One optimiser step, in two halves that only enqueue work: initialisation and both objectives run through here. */
#include "nn/layer.h"
#include "recon/internal.h"

static int image_loss(struct prism_session *s)
{
    const struct prism_ops *ops = s->dev->ops;
    PRISM_TRY(ops->reduce(s->dev, PRISM_REDUCE_ABSDIFF, s->dtype, 1, s->pixels, s->image_loss, s->x, s->target));
    return prismi_map(s->dev, PRISM_MAP_L1_GRAD, s->dtype, 1, s->pixels, s->gx, s->x, s->target, s->target_weight, 0, 0);
}

/* Is the output of the coming step part of the averaged result? */
static bool averaging(const struct prism_session *s)
{
    double share = s->par.training.average;
    if (share <= 0 || s->st.phase != PRISM_PHASE_FIT)
        return false;
    if (prismi_session_objective_is(s, PRISM_OBJ_JOINT))
        return (double)s->st.phase_step >= (1 - share) * s->par.training.max_steps;
    return (double)s->st.sample >= (1 - share) * s->n;
}

static int enqueue_loss(void *arg)
{
    struct prism_session *s = arg;
    enum prism_dtype t = s->dtype;
    bool init = s->st.phase == PRISM_PHASE_INIT;
    PRISM_TRY(PRISMI_REGION(s->dev, "forward", 0, prismi_net_output(s->net, &s->x)));
    PRISM_TRY(prismi_net_track(s->net));
    PRISM_TRY(init ? image_loss(s) : prismi_term_forward(&s->term, s->x));
    prism_mem value = init ? s->image_loss : prismi_loss_value(s->term.loss);
    PRISM_TRY(prismi_map(s->dev, PRISM_MAP_AXPBY, t, 1, init ? 1 : (size_t)s->n_losses, s->loss_sum, s->loss_sum, value, 0, 1, 1));
    return averaging(s) ? prismi_map(s->dev, PRISM_MAP_AXPBY, t, 1, s->pixels, s->average, s->average, s->x, 0, 1, 1) : 0;
}

int prismi_step_loss(struct prism_session *s)
{
    if (s->lent)
        prismi_session_forget(s);
    if (!s->net->have_forward) {
        struct {
            uint64_t init, averaging, loss, product;
        } key = {s->st.phase == PRISM_PHASE_INIT, averaging(s), prismi_loss_key(s->term.loss), prismi_net_forward_key(s->net)};
        s->term.measured = false;
        PRISM_TRY(prismi_run_recorded(s->dev, &s->loss_half, prismi_hash64(&key, sizeof key, 0), enqueue_loss, s));
        prismi_net_mark_replayed(s->net); /* where it was, neither knows */
        prismi_term_played(&s->term);
    } else {
        PRISM_TRY(enqueue_loss(s)); /* less to do, and not worth a recording */
    }
    s->st.pending++;
    s->st.averaged += averaging(s);
    return 0;
}

static int enqueue_update(void *arg)
{
    struct prism_session *s = arg;
    if (s->st.phase != PRISM_PHASE_INIT) {
        PRISM_TRY(prismi_term_backward(&s->term, s->gx));
        PRISM_TRY(PRISMI_REGION(s->dev, "unmeasured", 0, prismi_unmeasured_gradient(&s->unmeasured, s->x, s->gx)));
    }
    PRISM_TRY(prismi_scaler_apply(s->dev, &s->scaler, s->gx, s->pixels));
    PRISM_TRY(PRISMI_REGION(s->dev, "backward", 0, prism_net_backward(s->net, s->gx)));
    PRISM_TRY(prismi_scaler_judge(s->dev, &s->scaler, &s->adam));
    return PRISMI_REGION(s->dev, "adam", 0, prismi_adam_update(s->dev, &s->adam));
}

int prismi_step_update(struct prism_session *s, double lr, bool last)
{
    bool first = s->st.adam_t == 0;
    s->st.lr = lr;
    s->adam.once = first && last;
    if (first && !last)
        PRISM_TRY(prismi_adam_reset(s->dev, &s->adam));
    PRISM_TRY(prismi_adam_set(s->dev, &s->adam, lr, ++s->st.adam_t));
    uint64_t key = (s->st.phase == PRISM_PHASE_INIT) | (uint64_t)s->adam.once << 1 | (uint64_t)s->term.halfway << 2;
    PRISM_TRY(prismi_run_recorded(s->dev, &s->update_half, key, enqueue_update, s));
    prismi_net_update_done(s->net); /* where it was played back */
    return 0;
}

/* Initialisation: the image itself is fitted to a simple target, which also settles its sign. */
int prismi_init_step(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    bool last = s->st.phase_step + 1 == t->init_steps, watch = t->init_threshold > 0;
    PRISM_TRY(prismi_step_loss(s));
    if (watch || last || s->st.pending == PRISMI_CHECK_EVERY) {
        PRISM_TRY(prismi_session_losses(s));
        if (!watch || s->st.phase_step % PRISMI_CHECK_EVERY == 0)
            PRISM_TRY(prismi_session_keep(s));
    }
    if (watch && s->st.loss < t->init_threshold)
        last = true;
    else
        PRISM_TRY(prismi_step_update(s, t->init_lr > 0 ? t->init_lr : t->lr, last));
    prismi_session_advance(s);
    return last ? prismi_fit_begin(s) : 0;
}
