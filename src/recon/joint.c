/* The joint strategy: every step fits a mini-batch of apertures to their
 * measured amplitudes. An epoch visits every aperture once. */
#include "recon/internal.h"
#include "recon/params.h"

struct joint {
    struct prismi_data data;
    struct prismi_order order;
    int32_t *index; /* [batch] */
    int batch;
};

static int create(struct prism_session *s, struct prismi_trainer_params *params)
{
    const struct prism_training_params *t = &s->par.training;
    struct joint *j = s->strategy_state = prismi_alloc(1, sizeof *j);
    if (!j)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no memory for a strategy");
    j->batch = params->n_losses = t->batch < s->n ? t->batch : s->n;
    j->index = prismi_alloc((size_t)j->batch, sizeof *j->index);
    if (!j->index)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no host memory for a batch of %d", j->batch);
    PRISM_TRY(prismi_order_create(s->ctx, s->par.seed, PRISMI_STREAM_BATCH, s->n, &j->order));
    const struct prismi_term_params tp = prismi_term_params_of(s, j->batch);
    PRISM_TRY(prismi_data_create(s->dev, s->ds, &tp, t->unmeasured_weight, &j->data));
    s->objective = &j->data.objective;
    PRISM_TRY(prismi_loss_set_weights(j->data.term.loss, t->loss_weights));
    return prismi_trainer_init(&s->trainer, s->dev, &s->model, params);
}

static void destroy(struct prism_session *s)
{
    struct joint *j = s->strategy_state;
    if (!j)
        return;
    prismi_data_release(&j->data);
    prismi_order_release(&j->order);
    prismi_free(j->index);
    prismi_free(j);
}

static int begin(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    prismi_schedule_init(&s->trainer.st.schedule, t->schedule, t->lr, t->max_steps);
    if (t->max_steps == 0)
        s->trainer.st.phase = PRISM_PHASE_DONE;
    return 0;
}

static int step(struct prism_session *s)
{
    struct joint *j = s->strategy_state;
    const struct prism_training_params *t = &s->par.training;
    int64_t at = s->trainer.st.phase_step;
    bool averaging = t->average > 0 && (double)at >= (1 - t->average) * t->max_steps,
         last = at + 1 == t->max_steps;
    prismi_order_batch(&j->order, at, j->batch, j->index);
    PRISM_TRY(prismi_trainer_step(&s->trainer, j->index, averaging, last));
    return last ? prismi_trainer_finish(&s->trainer) : 0;
}

static int64_t total_steps(const struct prism_session *s)
{
    return s->par.training.max_steps;
}

static bool plausible(const struct prism_session *s, const struct prismi_loaded *state)
{
    const struct prismi_state *st = &state->st;
    return st->phase != PRISM_PHASE_RETRY &&
           (st->phase != PRISM_PHASE_FIT || st->phase_step < total_steps(s)) &&
           st->monitor.count == 0 && st->pending < PRISMI_CHECK_EVERY;
}

const struct prismi_strategy prismi_joint = {.name = "joint",
                                             .when = PRISMI_WHEN_TRAINED | PRISMI_WHEN_JOINT,
                                             .create = create,
                                             .begin = begin,
                                             .step = step,
                                             .plausible = plausible,
                                             .total_steps = total_steps,
                                             .destroy = destroy};
