/* What a session does, step by step. Its making is in create.c. */
#include "nn/layer.h"
#include "recon/internal.h"

#include "prismrec/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool prismi_session_objective_is(const struct prism_session *s, enum prism_objective o)
{
    return s->par.algorithm == PRISM_ALG_DECODER && s->par.training.objective == o;
}

const int32_t *prismi_session_order(struct prism_session *s, uint64_t stream, int64_t epoch)
{
    if (s->order_epoch != epoch)
        prismi_permutation(s->par.seed, stream, (uint64_t)epoch, s->n, s->order);
    s->order_epoch = epoch;
    return s->order;
}

/* ---- snapshots and divergence ---- */

static int keep(struct prism_session *s)
{
    for (int i = 0; i < s->n_slabs; i++)
        if (s->slabs[i].good && !prismi_slab_void(&s->slabs[i], &s->st))
            PRISM_TRY(s->dev->ops->copy(s->dev, s->slabs[i].good, s->slabs[i].mem, s->slabs[i].bytes));
    memcpy(s->good_status, s->status, (size_t)s->n * sizeof *s->status);
    s->good = s->st;
    s->have_good = true;
    return 0;
}

int prismi_session_keep(struct prism_session *s)
{
    return PRISMI_REGION(s->dev, "snapshot", 0, keep(s));
}

void prismi_session_forget(struct prism_session *s)
{
    s->term.measured = false;
    if (s->net)
        prismi_net_forget(s->net);
}

static int go_back(struct prism_session *s)
{
    prismi_session_forget(s);
    for (int i = 0; i < s->n_slabs; i++)
        if (s->slabs[i].good && !prismi_slab_void(&s->slabs[i], &s->good))
            PRISM_TRY(s->dev->ops->copy(s->dev, s->slabs[i].mem, s->slabs[i].good, s->slabs[i].bytes));
    memcpy(s->status, s->good_status, (size_t)s->n * sizeof *s->status);
    s->st = s->good;
    /* the tables of a sample that is open still are as they were */
    return prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE) && !s->st.sample_open ? prismi_progressive_restore(s) : 0;
}

/* Go back, and say so. */
static int diverged(struct prism_session *s, const char *term, double value)
{
    enum prism_phase phase = s->st.phase;
    PRISM_TRY(go_back(s));
    s->went_back = true;
    PRISM_TRY(prismi_scaler_read(s->dev, &s->scaler, &s->loss_scale, &s->skipped));
    return PRISM_FAIL(s->ctx, PRISM_EDIVERGED,
                      "%s is %g at step %lld (%s); the session is back at step %lld: lower the learning rate or check the data",
                      term, value, (long long)s->step_at_work, prism_phase_name(phase), (long long)s->st.step);
}

int prismi_session_losses(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    bool init = st->phase == PRISM_PHASE_INIT;
    int n = init ? 1 : s->n_losses;
    double sum = 0;
    char term[48] = "the initialisation loss";
    PRISM_TRY(PRISMI_REGION(s->dev, "look at the loss", 0, prismi_dev_get(s->dev, s->host, s->loss_sum, s->dtype, (size_t)n)));
    PRISM_TRY(prismi_scaler_read(s->dev, &s->scaler, &s->loss_scale, &s->skipped));
    for (int i = 0; i < n; i++) {
        s->host[i] *= (init ? s->init_weight : 1) / (double)st->pending;
        if (!init && prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE))
            snprintf(term, sizeof term, "loss_%s of sample %d", i ? "new" : "old", (int)st->sample);
        else if (!init)
            snprintf(term, sizeof term, "the loss of field %d of the batch", i);
        if (!isfinite(s->host[i]))
            return diverged(s, term, s->host[i]);
        sum += s->host[i];
    }
    st->loss = sum;
    st->pending = 0;
    return prismi_map(s->dev, PRISM_MAP_FILL, s->dtype, 1, (size_t)s->n_losses, s->loss_sum, 0, 0, 0, 0, 0);
}

/* ---- the output ---- */

int prismi_session_output(struct prism_session *s, prism_mem *x)
{
    if (!s->net) {
        *x = s->mopie.object;
        if (!s->par.mopie.complex_object)
            return 0;
        *x = s->scratch;
        return prismi_map(s->dev, PRISM_MAP_C_ABS, s->dtype, 1, s->pixels, s->scratch, s->mopie.object, 0, 0, 0, 0);
    }
    if (s->lent)
        prismi_session_forget(s);
    return prismi_net_output(s->net, x);
}

static int check_energy(struct prism_session *s, prism_mem x, const char *name)
{
    double power;
    PRISM_TRY(s->dev->ops->reduce(s->dev, PRISM_REDUCE_DOT, s->dtype, 1, s->pixels, s->power, x, x));
    PRISM_TRY(prismi_dev_get(s->dev, &power, s->power, s->dtype, 1));
    return isfinite(power) ? 0 : diverged(s, name, power);
}

int prismi_session_finite(struct prism_session *s)
{
    prism_mem x;
    PRISM_TRY(prismi_session_output(s, &x));
    PRISM_TRY(check_energy(s, x, "the energy of the output"));
    return s->st.averaged > 0 ? check_energy(s, s->average, "the energy of the averaged output") : 0;
}

/* Amplitudes do not tell an object from its negative, and an object is an amplitude itself. */
static void settle_sign(double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    for (size_t i = 0; sum < 0 && i < n; i++)
        x[i] = -x[i];
}

int prism_session_result(struct prism_session *s, double *out)
{
    prism_mem x = s->average;
    bool average = s->st.averaged > 0;
    if (!average)
        PRISM_TRY(s->shown ? prism_net_forward(s->shown, &x) : prismi_session_output(s, &x));
    PRISM_TRY(prismi_dev_get(s->dev, out, x, s->dtype, s->pixels));
    for (size_t i = 0; average && i < s->pixels; i++)
        out[i] /= (double)s->st.averaged;
    if (s->net && s->st.phase != PRISM_PHASE_INIT)
        settle_sign(out, s->pixels);
    return 0;
}

int prism_session_evaluate(struct prism_session *s)
{
    const double *truth = prism_dataset_truth(s->ds);
    if (!truth)
        return 0;
    PRISM_TRY(prism_session_result(s, s->host));
    s->st.ssim = s->obj > 5 ? prismi_ssim(s->host, truth, s->obj, s->obj, s->ssim_work) : NAN;
    s->st.psnr_db = prism_psnr_db(s->host, truth, s->pixels);
    s->st.rmse_percent = prism_rmse_percent(s->host, truth, s->pixels);
    s->evaluated = true;
    return 0;
}

/* ---- history: rows thinned to every second one when full ---- */

static void record(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    if (st->history_skip++ % st->history_stride)
        return;
    if (st->n_history == PRISMI_HISTORY_MAX) {
        for (int i = 0; i < PRISMI_HISTORY_MAX / 2; i++)
            s->history[i] = s->history[2 * i];
        st->n_history = PRISMI_HISTORY_MAX / 2;
        st->history_stride *= 2;
        st->history_skip = 1; /* this row is the first of the wider stride */
    }
    s->history[st->n_history++] = (struct prismi_history_row){(double)st->step,
                                                              st->loss,
                                                              st->lr,
                                                              s->evaluated ? st->ssim : NAN,
                                                              s->evaluated ? st->psnr_db : NAN,
                                                              s->evaluated ? st->rmse_percent : NAN};
}

/* ---- the state machine ---- */

void prismi_session_advance(struct prism_session *s)
{
    s->st.step++;
    s->st.phase_step++;
}

int prismi_session_finish(struct prism_session *s)
{
    PRISM_TRY(prismi_session_finite(s));
    s->st.phase = PRISM_PHASE_DONE;
    return 0;
}

int prismi_fit_begin(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    struct prismi_state *st = &s->st;
    PRISM_TRY(prismi_session_finite(s));
    st->phase = PRISM_PHASE_FIT;
    st->phase_step = st->schedule_t = st->adam_t = 0;
    prismi_schedule_init(&st->schedule, t->schedule, t->lr, t->max_steps);
    if (t->objective == PRISM_OBJ_JOINT && t->max_steps == 0)
        st->phase = PRISM_PHASE_DONE;
    return prismi_session_keep(s);
}

static int unit_of_work(struct prism_session *s)
{
    if (!s->net)
        return prismi_mopie_step(s);
    if (s->st.phase == PRISM_PHASE_INIT)
        return prismi_init_step(s);
    return s->par.training.objective == PRISM_OBJ_JOINT ? prismi_joint_step(s) : prismi_progressive_step(s);
}

int prism_session_step(struct prism_session *s)
{
    if (s->st.phase == PRISM_PHASE_DONE)
        return 0;
    s->evaluated = s->sample_done = s->sample_converged = s->went_back = false;
    s->step_at_work = s->st.step + 1;
    prismi_profile_step(s->dev, s->step_at_work);
    if (!s->have_good)
        PRISM_TRY(prismi_session_keep(s));
    PRISM_TRY(PRISMI_REGION(s->dev, prism_phase_name(s->st.phase), 0, unit_of_work(s)));
    bool due = s->par.metrics_every && s->st.step % s->par.metrics_every == 0;
    if (due || s->sample_done || s->st.phase == PRISM_PHASE_DONE) {
        PRISM_TRY(PRISMI_REGION(s->dev, "evaluate", 0, prism_session_evaluate(s)));
        record(s);
    }
    return 0;
}

int prism_session_run(struct prism_session *s, bool (*on_progress)(void *user, const struct prism_progress *), void *user)
{
    struct prism_progress at;
    while (s->st.phase != PRISM_PHASE_DONE) {
        PRISM_TRY(prism_session_step(s));
        prism_session_progress(s, &at);
        bool go_on = !on_progress || on_progress(user, &at);
        if (s->went_back)
            return PRISM_EDIVERGED; /* a save of the caller's found it, and recorded what */
        if (!go_on)
            return PRISM_FAIL(s->ctx, PRISM_ECANCELED, "stopped by the caller after step %lld", (long long)at.step);
    }
    return 0;
}

static int64_t total_steps(const struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    if (!s->net)
        return (int64_t)s->par.mopie.loops * (s->par.mopie.parallel ? 1 : s->n);
    int64_t fit = t->objective == PRISM_OBJ_JOINT ? t->max_steps : (int64_t)s->n * t->n_epochs * t->max_epochs;
    int64_t total = t->init_steps + fit;
    return s->st.phase == PRISM_PHASE_DONE || total < s->st.step ? s->st.step : total;
}

void prism_session_progress(const struct prism_session *s, struct prism_progress *out)
{
    const struct prismi_state *st = &s->st;
    memset(out, 0, sizeof *out);
    out->phase = st->phase;
    out->step = st->step;
    out->total_steps = total_steps(s);
    out->phase_step = st->phase_step;
    out->sample = (int)(s->sample_done ? s->closed_sample : st->sample < 0 ? 0 : st->sample);
    out->n_samples = s->net ? s->n : s->par.mopie.loops;
    out->tier = st->monitor.tier;
    out->loss = st->loss;
    out->loss_old = st->loss_old;
    out->loss_new = st->loss_new;
    out->lr = st->lr;
    out->ssim = st->ssim;
    out->psnr_db = st->psnr_db;
    out->rmse_percent = st->rmse_percent;
    out->evaluated = s->evaluated;
    out->sample_done = s->sample_done;
    out->sample_converged = s->sample_converged;
    out->n_failed = (int)st->n_failed;
    out->skipped = s->skipped;
    out->loss_scale = s->loss_scale;
}

struct prism_net *prism_session_net(struct prism_session *s)
{
    s->lent = true;
    return s->net;
}
