/* The progressive objective: sample after sample, the new aperture's data and the output's own earlier fields through the union of
 * all earlier apertures. The table has two masks: 0 the union, 1 the new aperture.
 *
 * t_old comes from the same plan, batch and kernels as the predictions: at a sample's first step loss_old is exactly 0. With the
 * slightest difference the L1 gradient would be a pattern of signs, and Adam's first step noise. A sample of one step therefore has
 * no use for t_old: nothing is measured through a closed first mask, and compared with zeros. */
#include "optics/optics_internal.h"
#include "recon/internal.h"

#include <string.h>

static size_t grid_pixels(const struct prism_session *s)
{
    return (size_t)s->grid * s->grid;
}

/* ---- the loss in use ---- */

enum prism_loss_kind prismi_retry_kind(const double weights[PRISM_LOSS_COUNT], int pass)
{
    static const enum prism_loss_kind cycle[PRISM_LOSS_COUNT] = {PRISM_LOSS_L1, PRISM_LOSS_SSIM, PRISM_LOSS_L2, PRISM_LOSS_MS_SSIM};
    int start = 0; /* a composite continues as after L1 */
    for (int i = 0; i < PRISM_LOSS_COUNT; i++)
        if (weights[cycle[i]] == 1)
            start = i;
    return cycle[(start + pass) % PRISM_LOSS_COUNT];
}

static bool switched(const struct prism_session *s)
{
    return s->st.phase == PRISM_PHASE_RETRY && s->par.training.retry_switch_loss;
}

static int use_loss(struct prism_session *s)
{
    double weights[PRISM_LOSS_COUNT] = {0};
    if (!switched(s))
        return prismi_loss_set_weights(s->term.loss, s->par.training.loss_weights);
    weights[prismi_retry_kind(s->par.training.loss_weights, (int)s->st.pass)] = 1;
    return prismi_loss_set_weights(s->term.loss, weights);
}

static bool below_threshold(const struct prism_session *s, double loss_old, double loss_new)
{
    return loss_old < s->par.training.loss_threshold && loss_new < s->par.training.loss_threshold;
}

/* A retry with another loss is still judged by the configured one. */
static int judge_by_configured(struct prism_session *s, bool *converged)
{
    prism_mem x;
    double loss[2];
    PRISM_TRY(prismi_loss_set_weights(s->term.loss, s->par.training.loss_weights));
    PRISM_TRY(prismi_session_output(s, &x));
    PRISM_TRY(prismi_term_forward(&s->term, x));
    PRISM_TRY(prismi_dev_get(s->dev, loss, prismi_loss_value(s->term.loss), s->dtype, 2));
    *converged = below_threshold(s, loss[0], loss[1]);
    return use_loss(s);
}

/* ---- opening a sample ---- */

static int next_sample(const struct prism_session *s)
{
    int k = (int)s->st.sample + 1;
    while (s->st.phase == PRISM_PHASE_RETRY && k < s->n && s->status[k] != PRISMI_SAMPLE_FAILED)
        k++;
    return k;
}

/* The very first sample has no earlier ones: it stands for them too. */
static bool is_first(const struct prism_session *s)
{
    return s->st.phase == PRISM_PHASE_FIT && s->st.sample == 0;
}

/* The second mask on the host: sample k's aperture, in place of what was there. */
static void mark(struct prism_session *s, int64_t k)
{
    const double *c = prism_dataset_centres(s->ds) + 2 * k;
    uint8_t *mask = s->mask + grid_pixels(s);
    memset(mask + (size_t)s->mask_row * s->grid, 0, (size_t)s->mask_rows * s->grid);
    prismi_aperture_mark(prismi_dev_cache(s->dev), &prism_dataset_params(s->ds)->aperture, s->grid, c[0], c[1], mask, &s->mask_row,
                         &s->mask_rows);
}

/* The first one, on the host: what is marked joins it. */
static void join(struct prism_session *s)
{
    uint8_t *all = s->mask + (size_t)s->mask_row * s->grid;
    const uint8_t *mask = all + grid_pixels(s);
    for (size_t i = 0; i < (size_t)s->mask_rows * s->grid; i++)
        all[i] |= mask[i];
}

static int set_mask(struct prism_session *s, int a, const uint8_t *mask, int row0, int rows)
{
    return s->term.instrument->ops->set_mask(s->term.instrument, a, mask, row0, rows);
}

/* The open sample's aperture joins the earlier ones. */
static int cover(struct prism_session *s)
{
    join(s);
    return s->closed ? 0 : set_mask(s, 0, s->mask, s->mask_row, s->mask_rows);
}

/* Will the open sample have no other step than its first? */
static bool has_one_step(const struct prism_session *s)
{
    return s->st.phase == PRISM_PHASE_FIT && !s->par.training.adaptive &&
           prismi_progressive_budget(s, s->st.phase, s->st.monitor.tier) == 1;
}

/* Close the first mask, or open it again. */
static int set_closed(struct prism_session *s, bool closed)
{
    if (s->closed == closed)
        return 0;
    s->closed = closed;
    if (!closed)
        return set_mask(s, 0, s->mask, 0, s->grid);
    PRISM_TRY(set_mask(s, 0, NULL, 0, s->grid));
    return prismi_map(s->dev, PRISM_MAP_FILL, s->dtype, 1, grid_pixels(s), prismi_loss_target(s->term.loss, 0), 0, 0, 0, 0, 0);
}

static int set_aperture(struct prism_session *s)
{
    const uint8_t *mask = s->mask + grid_pixels(s);
    int row = s->mask_row, rows = s->mask_rows;
    s->term.measured = false;
    mark(s, s->st.sample);
    PRISM_TRY(set_mask(s, 1, mask, row, rows));
    PRISM_TRY(set_mask(s, 1, mask, s->mask_row, s->mask_rows));
    PRISM_TRY(set_closed(s, has_one_step(s) && !is_first(s)));
    return is_first(s) ? cover(s) : 0;
}

static int set_targets(struct prism_session *s)
{
    size_t pixels = grid_pixels(s);
    prism_mem old = prismi_loss_target(s->term.loss, 0), x;
    PRISM_TRY(prismi_term_load_target(&s->term, s->ds, (int)s->st.sample, 1, s->dtype));
    if (is_first(s))
        return s->dev->ops->copy(s->dev, old, prismi_loss_target(s->term.loss, 1), pixels * s->real);
    if (s->closed)
        return 0;
    PRISM_TRY(prismi_session_output(s, &x));
    PRISM_TRY(prismi_term_measure(&s->term, x));
    return prismi_map(s->dev, PRISM_MAP_C_ABS, s->dtype, 1, pixels, old, s->term.field, 0, 0, 0, 0);
}

int64_t prismi_progressive_budget(const struct prism_session *s, enum prism_phase phase, enum prism_tier tier)
{
    int64_t steps = (int64_t)s->par.training.n_epochs * s->par.training.max_epochs + prismi_tier_extra_steps(tier);
    bool climbed = tier == PRISM_TIER_RESCUE && phase == PRISM_PHASE_FIT; /* a retry begins there */
    return steps + (climbed ? prismi_tier_extra_steps(PRISM_TIER_AGGRESSIVE) : 0);
}

static struct prismi_monitor_params monitor_params(const struct prism_training_params *t)
{
    return (struct prismi_monitor_params){.patience = t->patience,
                                          .window = t->plateau_window,
                                          .escalation = t->escalation_epochs,
                                          .threshold = t->plateau_threshold,
                                          .aggressive_lr = t->aggressive_lr_multiplier,
                                          .rescue_lr = t->retry_lr_multiplier};
}

static void begin_tier(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    enum prism_tier tier = s->st.monitor.tier;
    const struct prismi_monitor_params watch = monitor_params(t);
    double lr = t->lr * prismi_tier_lr(&watch, tier);
    if (s->st.phase == PRISM_PHASE_RETRY)
        lr /= (double)s->st.pass + 1;
    prismi_schedule_init(&s->st.schedule, tier == PRISM_TIER_NORMAL ? t->schedule : PRISM_SCHEDULE_COSINE_RESTARTS, lr,
                         prismi_progressive_budget(s, s->st.phase, tier));
    s->st.schedule_t = 0;
}

/* What to go back to: not every sample needs a snapshot of its own, but the targets of one that was open are about to go. */
static int keep_if_due(struct prism_session *s)
{
    return s->good.sample_open || s->st.step - s->good.step >= PRISMI_CHECK_EVERY ? prismi_session_keep(s) : 0;
}

static int open_sample(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    PRISM_TRY(keep_if_due(s));
    st->sample = next_sample(s);
    st->sample_step = 0;
    prismi_monitor_init(&st->monitor, st->phase == PRISM_PHASE_RETRY ? PRISM_TIER_RESCUE : PRISM_TIER_NORMAL);
    begin_tier(s);
    PRISM_TRY(set_aperture(s));
    PRISM_TRY(set_targets(s));
    PRISM_TRY(prismi_loss_weigh(s->term.loss));
    PRISM_TRY(use_loss(s));
    st->sample_open = 1;
    return 0;
}

int prismi_progressive_restore(struct prism_session *s)
{
    memset(s->mask, 0, grid_pixels(s));
    for (int k = 0; k < s->n; k++)
        if (s->status[k] != PRISMI_SAMPLE_PENDING) {
            mark(s, k);
            join(s);
        }
    if (s->st.sample_open)
        mark(s, s->st.sample);
    if (s->st.sample_open && is_first(s))
        join(s);
    s->closed = false;
    PRISM_TRY(set_mask(s, 0, s->mask, 0, s->grid));
    PRISM_TRY(set_mask(s, 1, s->mask + grid_pixels(s), 0, s->grid));
    if (!s->st.sample_open)
        return 0;
    PRISM_TRY(prismi_loss_weigh(s->term.loss));
    return use_loss(s);
}

/* ---- closing one ---- */

static int next_pass_or_end(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    if (next_sample(s) < s->n)
        return 0;
    if (st->n_failed == 0 || st->pass >= s->par.training.max_retries)
        return prismi_session_finish(s);
    if (st->phase != PRISM_PHASE_RETRY) {
        st->phase_step = st->averaged = 0; /* the average is of what the retries are to better */
        if (s->average)
            PRISM_TRY(prismi_map(s->dev, PRISM_MAP_FILL, s->dtype, 1, s->pixels, s->average, 0, 0, 0, 0, 0));
    }
    st->phase = PRISM_PHASE_RETRY;
    st->pass++;
    st->sample = -1;
    return 0;
}

static int close_sample(struct prism_session *s, bool converged)
{
    struct prismi_state *st = &s->st;
    PRISM_TRY(prismi_session_finite(s));
    bool was_failed = s->status[st->sample] == PRISMI_SAMPLE_FAILED;
    if (s->status[st->sample] == PRISMI_SAMPLE_PENDING)
        PRISM_TRY(cover(s));
    s->status[st->sample] = converged ? PRISMI_SAMPLE_CONVERGED : PRISMI_SAMPLE_FAILED;
    st->n_failed += (converged ? 0 : 1) - (was_failed ? 1 : 0);
    if (converged && st->monitor.tier == PRISM_TIER_NORMAL)
        st->monitor.tier = PRISM_TIER_FAST;
    st->sample_open = st->adam_t = 0;
    s->sample_done = true;
    s->sample_converged = converged;
    s->closed_sample = st->sample;
    return next_pass_or_end(s);
}

/* ---- a step ---- */

int prismi_progressive_step(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    const struct prism_training_params *t = &s->par.training;
    const struct prismi_monitor_params watch = monitor_params(t);
    if (!st->sample_open)
        PRISM_TRY(open_sample(s));
    bool look = st->sample_step % PRISMI_CHECK_EVERY == 0, converged = false;
    if (switched(s) && look)
        PRISM_TRY(judge_by_configured(s, &converged));
    PRISM_TRY(prismi_step_loss(s));
    PRISM_TRY(prismi_session_losses(s));
    st->loss_old = s->host[0];
    st->loss_new = s->host[1];
    if (look && st->sample_step > 0)
        PRISM_TRY(prismi_session_keep(s));
    if (!switched(s))
        converged = below_threshold(s, st->loss_old, st->loss_new);
    if (converged) {
        prismi_session_advance(s);
        return close_sample(s, true);
    }
    enum prismi_verdict verdict = t->adaptive ? prismi_monitor_update(&st->monitor, &watch, st->loss) : PRISMI_GO_ON;
    if (verdict == PRISMI_ESCALATE)
        begin_tier(s);
    bool last = verdict == PRISMI_GIVE_UP || st->sample_step + 1 >= prismi_progressive_budget(s, st->phase, st->monitor.tier);
    PRISM_TRY(prismi_step_update(s, prismi_schedule_lr(&st->schedule, st->schedule_t++), last));
    prismi_session_advance(s);
    if (++st->sample_step % t->n_epochs == 0)
        prismi_schedule_cycle(&st->schedule, st->loss);
    if (!last)
        return 0;
    if (switched(s))
        PRISM_TRY(judge_by_configured(s, &converged));
    return close_sample(s, converged);
}
