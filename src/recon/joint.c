/* The joint objective: every step fits a mini-batch of apertures to their measured amplitudes; an epoch visits all of them once. */
#include "recon/internal.h"

static int next_batch(struct prism_session *s)
{
    for (int b = 0; b < s->n_losses; b++) {
        int64_t visit = s->st.phase_step * s->n_losses + b;
        s->index[b] = prismi_session_order(s, PRISMI_STREAM_BATCH, visit / s->n)[visit % s->n];
    }
    return s->term.instrument->ops->select(s->term.instrument, s->index);
}

int prismi_joint_step(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    bool last = st->phase_step + 1 == s->par.training.max_steps;
    PRISM_TRY(next_batch(s));
    PRISM_TRY(prismi_step_loss(s));
    if (last || st->pending == PRISMI_CHECK_EVERY) {
        PRISM_TRY(prismi_session_losses(s));
        PRISM_TRY(prismi_session_keep(s));
        prismi_schedule_cycle(&st->schedule, st->loss);
    }
    PRISM_TRY(prismi_step_update(s, prismi_schedule_lr(&st->schedule, st->schedule_t++), last));
    prismi_session_advance(s);
    return last ? prismi_session_finish(s) : 0;
}
