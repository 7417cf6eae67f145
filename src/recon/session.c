/* Runs a session step by step and gives its results. create.c creates it. */
#include "recon/internal.h"

#include <math.h>

/* ---- results ---- */

/* Replace x by its modulus if it is complex. */
static int modulus(struct prism_session *s, prism_mem *x)
{
    if (!s->model.complex_output)
        return 0;
    PRISM_TRY(
        prismi_map(s->dev, PRISM_MAP_C_ABS, s->dtype, 1, s->pixels, s->scratch, *x, 0, 0, 0, 0));
    *x = s->scratch;
    return 0;
}

/* Choose the sign with a positive sum: amplitudes do not distinguish an object
 * from its negative, and an object is itself an amplitude. */
static void settle_sign(double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    for (size_t i = 0; sum < 0 && i < n; i++)
        x[i] = -x[i];
}

/* Give the current image on the device, as the model makes it: a sum of `terms`
 * images. */
static int image(struct prism_session *s, prism_mem *x, double *terms)
{
    struct prismi_trainer *t = &s->trainer;
    *x = t->average;
    *terms = (double)t->st.averaged;
    if (t->st.averaged == 0) {
        *terms = 1;
        PRISM_TRY(s->display_net ? prism_net_forward(s->display_net, x)
                                 : prismi_trainer_output(t, x));
    }
    return 0;
}

/* Give the current image, real, before its sign is settled. */
static int current(struct prism_session *s, prism_mem *x, double *terms)
{
    PRISM_TRY(image(s, x, terms));
    return modulus(s, x);
}

int prism_session_result(struct prism_session *s, double *out)
{
    prism_mem x;
    double terms;
    PRISM_TRY(current(s, &x, &terms));
    PRISM_TRY(prismi_dev_get(s->dev, out, x, s->dtype, s->pixels));
    for (size_t i = 0; terms > 1 && i < s->pixels; i++)
        out[i] /= terms;
    if (s->trainer.st.phase != PRISM_PHASE_INIT)
        settle_sign(out, s->pixels);
    return 0;
}

bool prism_session_is_complex(const struct prism_session *s)
{
    return s->model.complex_output;
}

int prism_session_result_complex(struct prism_session *s, double *out)
{
    prism_mem x;
    double terms;
    if (!s->model.complex_output) {
        PRISM_TRY(prism_session_result(s, out));
        for (size_t i = s->pixels; i-- > 0;) {
            out[2 * i] = out[i];
            out[2 * i + 1] = 0;
        }
        return 0;
    }
    PRISM_TRY(image(s, &x, &terms));
    PRISM_TRY(prismi_dev_get(s->dev, out, x, s->dtype, 2 * s->pixels));
    for (size_t i = 0; terms > 1 && i < 2 * s->pixels; i++)
        out[i] /= terms;
    return 0;
}

/* Replace x by factor times x, stored in the session's scratch. */
static int scale(struct prism_session *s, prism_mem *x, double factor)
{
    PRISM_TRY(prismi_map(s->dev, PRISM_MAP_AXPBY, s->dtype, 1, s->pixels, s->scratch, *x, *x, 0,
                         factor, 0));
    *x = s->scratch;
    return 0;
}

int prism_session_evaluate(struct prism_session *s)
{
    const double *truth = prism_dataset_truth(s->ds);
    struct prismi_quality_values v;
    prism_mem x;
    double terms;
    if (!truth)
        return 0;
    if (s->truth_version != prismi_dataset_truth_version(s->ds)) {
        PRISM_TRY(prismi_quality_set_reference(&s->quality, truth));
        s->truth_version = prismi_dataset_truth_version(s->ds);
    }
    PRISM_TRY(current(s, &x, &terms));
    if (terms > 1)
        PRISM_TRY(scale(s, &x, 1 / terms));
    PRISM_TRY(prismi_quality_run(&s->quality, x, &v));
    if (v.sum < 0 && s->trainer.st.phase != PRISM_PHASE_INIT) { /* as settle_sign() does */
        PRISM_TRY(scale(s, &x, -1));
        PRISM_TRY(prismi_quality_run(&s->quality, x, &v));
    }
    s->trainer.st.score[PRISMI_SCORE_SSIM] = v.ssim;
    s->trainer.st.score[PRISMI_SCORE_PSNR] = v.psnr_db;
    s->trainer.st.score[PRISMI_SCORE_RMSE] = v.rmse_percent;
    s->evaluated = true;
    return 0;
}

/* ---- the state machine ---- */

int prism_session_step(struct prism_session *s)
{
    const struct prismi_state *st = &s->trainer.st;
    if (st->phase == PRISM_PHASE_DONE)
        return 0;
    s->evaluated = s->milestone = false;
    PRISM_TRY(prismi_trainer_begin_step(&s->trainer));
    int (*step)(struct prism_session *) =
        st->phase == PRISM_PHASE_INIT ? prismi_initial_step : s->strategy->step;
    PRISM_TRY(PRISMI_REGION(s->dev, prism_phase_name(st->phase), 0, step(s)));
    bool due = s->par.metrics_every && st->step % s->par.metrics_every == 0;
    if (due || s->milestone || st->phase == PRISM_PHASE_DONE) {
        PRISM_TRY(PRISMI_REGION(s->dev, "evaluate", 0, prism_session_evaluate(s)));
        prismi_trainer_record(&s->trainer, s->evaluated);
    }
    return 0;
}

int prism_session_run(struct prism_session *s,
                      bool (*on_progress)(void *user, const struct prism_progress *), void *user)
{
    struct prism_progress at;
    while (s->trainer.st.phase != PRISM_PHASE_DONE) {
        PRISM_TRY(prism_session_step(s));
        prism_session_progress(s, &at);
        bool go_on = !on_progress || on_progress(user, &at);
        /* the divergence was found and recorded when the caller saved */
        if (s->trainer.rolled_back)
            return PRISM_EDIVERGED;
        if (!go_on)
            return PRISM_FAIL(s->ctx, PRISM_ECANCELED, "stopped by the caller after step %lld",
                              (long long)at.step);
    }
    return 0;
}

int prism_reconstruct(struct prism_dev *dev, struct prism_dataset *ds,
                      const struct prism_recon_params *params, double *out)
{
    struct prism_session *s;
    PRISM_TRY(prism_session_create(dev, ds, params, &s));
    int status = prism_session_run(s, NULL, NULL);
    if (!status)
        status = prism_session_result(s, out);
    prism_session_destroy(&s);
    return status;
}

void prism_session_progress(const struct prism_session *s, struct prism_progress *out)
{
    const struct prismi_trainer *t = &s->trainer;
    const struct prismi_state *st = &t->st;
    int64_t total = s->init_steps + s->strategy->total_steps(s);
    *out = (struct prism_progress){
        .phase = st->phase,
        .step = st->step,
        .total_steps = st->phase == PRISM_PHASE_DONE || total < st->step ? st->step : total,
        .phase_step = st->phase_step,
        .n_samples = s->n,
        .tier = st->monitor.tier,
        .loss = st->loss,
        .loss_old = NAN,
        .loss_new = NAN,
        .lr = st->lr,
        .ssim = st->score[PRISMI_SCORE_SSIM],
        .psnr_db = st->score[PRISMI_SCORE_PSNR],
        .rmse_percent = st->score[PRISMI_SCORE_RMSE],
        .evaluated = s->evaluated,
        .skipped = t->skipped,
        .loss_scale = t->loss_scale};
    if (s->strategy->progress)
        s->strategy->progress(s, out);
}

struct prism_net *prism_session_net(struct prism_session *s)
{
    s->trainer.exposed = true;
    return s->net;
}
