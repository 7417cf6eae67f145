/* Supervision of a run: check that losses and outputs are finite, snapshots to
 * roll back to, and the history. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- snapshots and divergence ---- */

static int copy_slabs(struct prismi_trainer *t, const struct prismi_state *st, bool back)
{
    for (int i = 0; i < t->n_slabs; i++) {
        const struct prismi_slab *slab = &t->slabs[i];
        if (slab->snapshot && !prismi_slab_void(slab, st))
            PRISM_TRY(t->dev->ops->copy(t->dev, back ? slab->mem : slab->snapshot,
                                        back ? slab->snapshot : slab->mem, slab->bytes));
    }
    return 0;
}

int prismi_trainer_snapshot(struct prismi_trainer *t)
{
    PRISM_TRY(PRISMI_REGION(t->dev, "snapshot", 0, copy_slabs(t, &t->st, false)));
    for (int i = 0; i < t->n_plain; i++)
        memcpy(t->plain[i].snapshot, t->plain[i].now, t->plain[i].bytes);
    t->snapshot = t->st;
    t->have_snapshot = true;
    return 0;
}

void prismi_trainer_forget(struct prismi_trainer *t)
{
    if (t->model.ops->forget)
        t->model.ops->forget(t->model.self);
    if (t->objective->ops->forget)
        t->objective->ops->forget(t->objective->self);
}

static int roll_back(struct prismi_trainer *t)
{
    prismi_trainer_forget(t);
    PRISM_TRY(copy_slabs(t, &t->snapshot, true));
    for (int i = 0; i < t->n_plain; i++)
        memcpy(t->plain[i].now, t->plain[i].snapshot, t->plain[i].bytes);
    t->st = t->snapshot;
    t->rolled_back = true;
    PRISM_TRY(prismi_scaler_read(t->dev, &t->scaler, &t->loss_scale, &t->skipped));
    return t->restore ? t->restore(t->owner, false) : 0;
}

static int diverged(struct prismi_trainer *t, const char *term, double value)
{
    enum prism_phase phase = t->st.phase;
    PRISM_TRY(roll_back(t));
    return PRISM_FAIL(t->ctx, PRISM_EDIVERGED,
                      "%s is %g at step %lld (%s); the run is back at step %lld: lower the "
                      "learning rate or check the data",
                      term, value, (long long)t->step_at_work, prism_phase_name(phase),
                      (long long)t->st.step);
}

int prismi_trainer_read_losses(struct prismi_trainer *t)
{
    const struct prismi_objective *o = t->objective;
    double sum = 0;
    char term[48];
    PRISM_TRY(
        PRISMI_REGION(t->dev, "read the losses", 0,
                      prismi_dev_get(t->dev, t->host, t->loss_sum, t->model.dtype, (size_t)o->n)));
    PRISM_TRY(prismi_scaler_read(t->dev, &t->scaler, &t->loss_scale, &t->skipped));
    for (int i = 0; i < o->n; i++) {
        t->host[i] *= o->scale / (double)t->st.pending;
        o->ops->describe(o->self, i, term, sizeof term);
        if (!isfinite(t->host[i]))
            return diverged(t, term, t->host[i]);
        sum += t->host[i];
    }
    t->st.loss = sum;
    t->st.pending = 0;
    return prismi_map(t->dev, PRISM_MAP_FILL, t->model.dtype, 1, (size_t)t->n_losses, t->loss_sum,
                      0, 0, 0, 0, 0);
}

int prismi_trainer_output(struct prismi_trainer *t, prism_mem *x)
{
    if (t->exposed)
        prismi_trainer_forget(t);
    return t->model.ops->output(t->model.self, x);
}

static int check_energy(struct prismi_trainer *t, prism_mem x, const char *name)
{
    enum prism_dtype dtype = t->model.dtype;
    double power;
    PRISM_TRY(t->dev->ops->reduce(t->dev, PRISM_REDUCE_DOT, dtype, 1, prismi_model_reals(&t->model),
                                  t->power, x, x));
    PRISM_TRY(prismi_dev_get(t->dev, &power, t->power, dtype, 1));
    return isfinite(power) ? 0 : diverged(t, name, power);
}

int prismi_trainer_check_output(struct prismi_trainer *t)
{
    prism_mem x;
    PRISM_TRY(prismi_trainer_output(t, &x));
    PRISM_TRY(check_energy(t, x, "the energy of the output"));
    return t->st.averaged > 0 ? check_energy(t, t->average, "the energy of the averaged output")
                              : 0;
}

int prismi_trainer_finish(struct prismi_trainer *t)
{
    PRISM_TRY(prismi_trainer_check_output(t));
    t->st.phase = PRISM_PHASE_DONE;
    return 0;
}

int prismi_trainer_check(struct prismi_trainer *t)
{
    if (t->st.pending)
        PRISM_TRY(
            prismi_dev_get(t->dev, t->host, t->loss_sum, t->model.dtype, (size_t)t->n_losses));
    /* read_losses() rolls back and fails */
    for (int i = 0; t->st.pending && i < t->n_losses; i++)
        if (!isfinite(t->host[i]))
            return prismi_trainer_read_losses(t);
    return prismi_trainer_check_output(t);
}

/* ---- history ---- */

void prismi_trainer_record(struct prismi_trainer *t, bool scored)
{
    struct prismi_state *st = &t->st;
    if (st->history_skip++ % st->history_stride)
        return;
    if (st->n_history == PRISMI_HISTORY_MAX) {
        for (int i = 0; i < PRISMI_HISTORY_MAX / 2; i++)
            t->history[i] = t->history[2 * i];
        st->n_history = PRISMI_HISTORY_MAX / 2;
        st->history_stride *= 2;
        st->history_skip = 1; /* the next row is the first of the wider stride */
    }
    struct prismi_history_row *row = &t->history[st->n_history++];
    *row = (struct prismi_history_row){(double)st->step, st->loss, st->lr, {0}};
    for (int i = 0; i < PRISMI_SCORES; i++)
        row->score[i] = scored ? st->score[i] : NAN;
}
