/* The progressive strategy: one sample after the other. Each step fits the data
 * of the new aperture and, through the union of all earlier apertures, the
 * output's own earlier field. The instrument has two frames: mask 0 is the
 * union, mask 1 the new aperture.
 *
 * The target t_old of the union comes from the same plan, batch and kernels
 * as the predictions, so loss_old is exactly 0 at the first step of a
 * sample. With the slightest difference the L1 gradient would be a pattern
 * of signs, and Adam's first step noise. A sample of a single step therefore
 * has no use for t_old: the first mask is closed, and its dark field is
 * compared with zeros. */
#include "recon/progressive.h"
#include "optics/optics_internal.h"
#include "recon/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct prismi_progressive *of(const struct prism_session *s)
{
    return s->strategy_state;
}

static size_t grid_pixels(const struct prism_session *s)
{
    return (size_t)s->grid * s->grid;
}

/* ---- the loss in use ---- */

static const enum prism_loss_kind cycle[] = {PRISM_LOSS_L1, PRISM_LOSS_SSIM, PRISM_LOSS_L2,
                                             PRISM_LOSS_MS_SSIM};
enum { RETRY_KINDS = sizeof cycle / sizeof *cycle };

enum prism_loss_kind prismi_retry_kind(const double weights[PRISM_LOSS_COUNT], int pass)
{
    int start = 0; /* a composite, or a kind outside the cycle, continues as after L1 */
    for (int i = 0; i < RETRY_KINDS; i++)
        if (weights[cycle[i]] == 1)
            start = i;
    return cycle[(start + pass) % RETRY_KINDS];
}

static bool switched(const struct prism_session *s)
{
    return s->trainer.st.phase == PRISM_PHASE_RETRY && !s->par.training.retry_same_loss;
}

static int use_loss(struct prism_session *s)
{
    double weights[PRISM_LOSS_COUNT] = {0};
    if (!switched(s))
        return prismi_loss_set_weights(of(s)->data.term.loss, s->par.training.loss_weights);
    weights[prismi_retry_kind(s->par.training.loss_weights, (int)of(s)->now.pass)] = 1;
    return prismi_loss_set_weights(of(s)->data.term.loss, weights);
}

static bool below_threshold(const struct prism_session *s, double loss_old, double loss_new)
{
    return loss_old < s->par.training.loss_threshold && loss_new < s->par.training.loss_threshold;
}

/* Judge convergence by the configured loss, also in a retry with another
 * one. */
static int judge_by_configured(struct prism_session *s, bool *converged)
{
    prism_mem x;
    double loss[2];
    PRISM_TRY(prismi_loss_set_weights(of(s)->data.term.loss, s->par.training.loss_weights));
    PRISM_TRY(prismi_trainer_output(&s->trainer, &x));
    PRISM_TRY(prismi_term_forward(&of(s)->data.term, x));
    PRISM_TRY(prismi_dev_get(s->dev, loss, prismi_loss_value(of(s)->data.term.loss), s->dtype, 2));
    *converged = below_threshold(s, loss[0], loss[1]);
    return use_loss(s);
}

/* ---- opening a sample ---- */

static int next_sample(const struct prism_session *s)
{
    int k = (int)of(s)->now.sample + 1;
    while (s->trainer.st.phase == PRISM_PHASE_RETRY && k < s->n &&
           of(s)->status[k] != PRISMI_SAMPLE_FAILED)
        k++;
    return k;
}

/* True for the very first sample. It has no earlier ones and takes their place,
 * too. */
static bool is_first(const struct prism_session *s)
{
    return s->trainer.st.phase == PRISM_PHASE_FIT && of(s)->now.sample == 0;
}

/* Replace the second mask on the host by the aperture of sample k. */
static void mark(struct prism_session *s, int64_t k)
{
    const double *c = prism_dataset_centres(s->ds) + 2 * k;
    uint8_t *mask = of(s)->mask + grid_pixels(s);
    memset(mask + (size_t)of(s)->mask_row * s->grid, 0, (size_t)of(s)->mask_rows * s->grid);
    prismi_aperture_mark(prismi_dev_cache(s->dev), &prism_dataset_params(s->ds)->aperture, s->grid,
                         c[0], c[1], mask, &of(s)->mask_row, &of(s)->mask_rows);
}

/* Add the second mask to the first one, on the host. */
static void join(struct prism_session *s)
{
    uint8_t *all = of(s)->mask + (size_t)of(s)->mask_row * s->grid;
    const uint8_t *mask = all + grid_pixels(s);
    for (size_t i = 0; i < (size_t)of(s)->mask_rows * s->grid; i++)
        all[i] |= mask[i];
}

static int set_mask(struct prism_session *s, int a, const uint8_t *mask, int row0, int rows)
{
    return of(s)->data.term.instrument->ops->set_mask(of(s)->data.term.instrument, a, mask, row0,
                                                      rows);
}

/* Add the open sample's aperture to the union. */
static int cover(struct prism_session *s)
{
    join(s);
    return of(s)->union_closed ? 0 : set_mask(s, 0, of(s)->mask, of(s)->mask_row, of(s)->mask_rows);
}

int64_t prismi_progressive_budget(const struct prism_session *s, enum prism_phase phase,
                                  enum prism_tier tier)
{
    int64_t steps = (int64_t)s->par.training.n_epochs * s->par.training.max_epochs +
                    prismi_tier_extra_steps(tier);
    /* a retry begins in this tier */
    bool climbed = tier == PRISM_TIER_RESCUE && phase == PRISM_PHASE_FIT;
    return steps + (climbed ? prismi_tier_extra_steps(PRISM_TIER_AGGRESSIVE) : 0);
}

/* True if the open sample will have a single step. */
static bool has_one_step(const struct prism_session *s)
{
    return s->trainer.st.phase == PRISM_PHASE_FIT && !s->par.training.adaptive &&
           prismi_progressive_budget(s, s->trainer.st.phase, s->trainer.st.monitor.tier) == 1;
}

/* Close the first mask in the instrument, or open it again. */
static int set_closed(struct prism_session *s, bool closed)
{
    if (of(s)->union_closed == closed)
        return 0;
    of(s)->union_closed = closed;
    if (!closed)
        return set_mask(s, 0, of(s)->mask, 0, s->grid);
    PRISM_TRY(set_mask(s, 0, NULL, 0, s->grid));
    return prismi_map(s->dev, PRISM_MAP_FILL, s->dtype, 1, grid_pixels(s),
                      prismi_loss_target(of(s)->data.term.loss, 0), 0, 0, 0, 0, 0);
}

static int set_aperture(struct prism_session *s)
{
    const uint8_t *mask = of(s)->mask + grid_pixels(s);
    int row = of(s)->mask_row, rows = of(s)->mask_rows;
    of(s)->data.term.measured = false;
    mark(s, of(s)->now.sample);
    PRISM_TRY(set_mask(s, 1, mask, row, rows));
    PRISM_TRY(set_mask(s, 1, mask, of(s)->mask_row, of(s)->mask_rows));
    PRISM_TRY(set_closed(s, has_one_step(s) && !is_first(s)));
    return is_first(s) ? cover(s) : 0;
}

static int set_targets(struct prism_session *s)
{
    size_t pixels = grid_pixels(s);
    prism_mem old = prismi_loss_target(of(s)->data.term.loss, 0), x;
    PRISM_TRY(
        prismi_term_load_target(&of(s)->data.term, s->ds, (int)of(s)->now.sample, 1, s->dtype));
    if (is_first(s))
        return s->dev->ops->copy(s->dev, old, prismi_loss_target(of(s)->data.term.loss, 1),
                                 pixels * s->real);
    if (of(s)->union_closed)
        return 0;
    PRISM_TRY(prismi_trainer_output(&s->trainer, &x));
    PRISM_TRY(prismi_term_measure(&of(s)->data.term, x));
    return prismi_map(s->dev, PRISM_MAP_C_ABS, s->dtype, 1, pixels, old, of(s)->data.term.field, 0,
                      0, 0, 0);
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
    enum prism_tier tier = s->trainer.st.monitor.tier;
    const struct prismi_monitor_params watch = monitor_params(t);
    double lr = t->lr * prismi_tier_lr(&watch, tier);
    if (s->trainer.st.phase == PRISM_PHASE_RETRY)
        lr /= (double)of(s)->now.pass + 1;
    prismi_schedule_init(&s->trainer.st.schedule,
                         tier == PRISM_TIER_NORMAL ? t->schedule : PRISM_SCHEDULE_COSINE_RESTARTS,
                         lr, prismi_progressive_budget(s, s->trainer.st.phase, tier));
    s->trainer.st.schedule_t = 0;
}

/* Take a snapshot to roll back to. Not every sample needs one of its own, but a
 * snapshot with an open sample must be replaced, because the targets of that
 * sample are about to be overwritten. */
static int keep_if_due(struct prism_session *s)
{
    const struct prismi_trainer *t = &s->trainer;
    const struct prismi_samples *snapshot = t->plain[0].snapshot;
    return snapshot->open || t->st.step - t->snapshot.step >= PRISMI_CHECK_EVERY
               ? prismi_trainer_snapshot(&s->trainer)
               : 0;
}

static int open_sample(struct prism_session *s)
{
    struct prismi_progressive *p = of(s);
    struct prismi_state *st = &s->trainer.st;
    PRISM_TRY(keep_if_due(s));
    p->now.sample = next_sample(s);
    p->now.step = 0;
    prismi_monitor_init(&st->monitor,
                        st->phase == PRISM_PHASE_RETRY ? PRISM_TIER_RESCUE : PRISM_TIER_NORMAL);
    begin_tier(s);
    PRISM_TRY(set_aperture(s));
    PRISM_TRY(set_targets(s));
    PRISM_TRY(prismi_loss_weigh(p->data.term.loss));
    PRISM_TRY(use_loss(s));
    p->now.open = 1;
    return 0;
}

/* Restore everything that follows from the state. After a roll back the tables
 * of an open sample are still as they were. */
static int restore(struct prism_session *s, bool loaded)
{
    struct prismi_progressive *p = of(s);
    if (p->now.open && !loaded)
        return 0;
    p->sample_done = p->sample_converged = false;
    memset(p->mask, 0, grid_pixels(s));
    for (int k = 0; k < s->n; k++)
        if (p->status[k] != PRISMI_SAMPLE_PENDING) {
            mark(s, k);
            join(s);
        }
    if (p->now.open)
        mark(s, p->now.sample);
    if (p->now.open && is_first(s))
        join(s);
    p->union_closed = false;
    PRISM_TRY(set_mask(s, 0, p->mask, 0, s->grid));
    PRISM_TRY(set_mask(s, 1, p->mask + grid_pixels(s), 0, s->grid));
    if (!p->now.open)
        return 0;
    PRISM_TRY(prismi_loss_weigh(p->data.term.loss));
    return use_loss(s);
}

/* ---- closing a sample ---- */

static int next_pass_or_end(struct prism_session *s)
{
    struct prismi_progressive *p = of(s);
    struct prismi_trainer *t = &s->trainer;
    if (next_sample(s) < s->n)
        return 0;
    if (p->now.n_failed == 0 || p->now.pass >= s->par.training.max_retries)
        return prismi_trainer_finish(&s->trainer);
    if (t->st.phase != PRISM_PHASE_RETRY) {
        /* the average was of outputs that the retries shall improve */
        t->st.phase_step = t->st.averaged = 0;
        if (t->average)
            PRISM_TRY(prismi_map(s->dev, PRISM_MAP_FILL, s->dtype, 1, s->pixels, t->average, 0, 0,
                                 0, 0, 0));
    }
    t->st.phase = PRISM_PHASE_RETRY;
    p->now.pass++;
    p->now.sample = -1;
    return 0;
}

static int close_sample(struct prism_session *s, bool converged)
{
    struct prismi_progressive *p = of(s);
    struct prismi_state *st = &s->trainer.st;
    int32_t *status = &p->status[p->now.sample];
    PRISM_TRY(prismi_trainer_check_output(&s->trainer));
    bool was_failed = *status == PRISMI_SAMPLE_FAILED;
    if (*status == PRISMI_SAMPLE_PENDING)
        PRISM_TRY(cover(s));
    *status = converged ? PRISMI_SAMPLE_CONVERGED : PRISMI_SAMPLE_FAILED;
    p->now.n_failed += (converged ? 0 : 1) - (was_failed ? 1 : 0);
    if (converged && st->monitor.tier == PRISM_TIER_NORMAL)
        st->monitor.tier = PRISM_TIER_FAST;
    p->now.open = st->adam_t = 0;
    s->milestone = p->sample_done = true;
    p->sample_converged = converged;
    p->closed_sample = p->now.sample;
    return next_pass_or_end(s);
}

/* ---- a step ---- */

/* True if the output of the coming step is part of the averaged result. */
static bool averaging(const struct prism_session *s)
{
    double share = s->par.training.average;
    return share > 0 && s->trainer.st.phase == PRISM_PHASE_FIT &&
           (double)of(s)->now.sample >= (1 - share) * s->n;
}

/* Read the losses of the step, and decide whether the sample has converged. */
static int look(struct prism_session *s, bool *converged)
{
    struct prismi_progressive *p = of(s);
    struct prismi_trainer *t = &s->trainer;
    bool due = p->now.step % PRISMI_CHECK_EVERY == 0;
    *converged = false;
    if (switched(s) && due)
        PRISM_TRY(judge_by_configured(s, converged));
    PRISM_TRY(prismi_trainer_loss(t, averaging(s)));
    PRISM_TRY(prismi_trainer_read_losses(t));
    p->now.loss_old = t->host[0];
    p->now.loss_new = t->host[1];
    if (due && p->now.step > 0)
        PRISM_TRY(prismi_trainer_snapshot(t));
    if (!switched(s))
        *converged = below_threshold(s, p->now.loss_old, p->now.loss_new);
    return 0;
}

static int step(struct prism_session *s)
{
    struct prismi_progressive *p = of(s);
    struct prismi_state *st = &s->trainer.st;
    const struct prism_training_params *t = &s->par.training;
    const struct prismi_monitor_params watch = monitor_params(t);
    bool converged;
    p->sample_done = p->sample_converged = false;
    if (!p->now.open)
        PRISM_TRY(open_sample(s));
    PRISM_TRY(look(s, &converged));
    if (converged) {
        prismi_trainer_advance(&s->trainer);
        return close_sample(s, true);
    }
    enum prismi_verdict verdict =
        t->adaptive ? prismi_monitor_update(&st->monitor, &watch, st->loss) : PRISMI_GO_ON;
    if (verdict == PRISMI_ESCALATE)
        begin_tier(s);
    bool last = verdict == PRISMI_GIVE_UP ||
                p->now.step + 1 >= prismi_progressive_budget(s, st->phase, st->monitor.tier);
    PRISM_TRY(prismi_trainer_update(&s->trainer,
                                    prismi_schedule_lr(&st->schedule, st->schedule_t++), last));
    prismi_trainer_advance(&s->trainer);
    if (++p->now.step % t->n_epochs == 0)
        prismi_schedule_cycle(&st->schedule, st->loss);
    if (!last)
        return 0;
    if (switched(s))
        PRISM_TRY(judge_by_configured(s, &converged));
    return close_sample(s, converged);
}

/* ---- the strategy ---- */

static int check(struct prism_ctx *ctx, const struct prism_recon_params *p,
                 const struct prism_dataset_params *dp)
{
    (void)p;
    if (dp->field_size != dp->grid_size)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s is progressive, which needs fields as large as the grid (%d), for "
                          "the union of apertures; %s is %d: "
                          "use joint, or leave the fields' size out",
                          PRISMI_RECON_NAME(ctx, training.objective), dp->grid_size,
                          PRISMI_DATA_NAME(ctx, field_size), dp->field_size);
    if (!prismi_instrument_kinds[dp->instrument].masks)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s is progressive, which needs apertures to take the union of; %s is "
                          "%s: use joint, or another instrument",
                          PRISMI_RECON_NAME(ctx, training.objective),
                          PRISMI_DATA_NAME(ctx, instrument),
                          prismi_instrument_kinds[dp->instrument].name);
    return 0;
}

static void describe(const struct prismi_data *data, int i, char *text, size_t n)
{
    const struct prismi_progressive *p = (const struct prismi_progressive *)data;
    snprintf(text, n, "loss_%s of sample %d", i ? "new" : "old", (int)p->now.sample);
}

/* The losses that retries may switch to need their terms, too. */
static struct prismi_term_params term_params(const struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    struct prismi_term_params tp = prismi_term_params_of(s, 2);
    tp.masks = true;
    for (int pass = 1; !t->retry_same_loss && pass <= t->max_retries && pass <= RETRY_KINDS; pass++)
        tp.kinds[prismi_retry_kind(t->loss_weights, pass)] = true;
    return tp;
}

static int create(struct prism_session *s, struct prismi_trainer_params *params)
{
    struct prismi_progressive *p = s->strategy_state = prismi_alloc(1, sizeof *p);
    const struct prismi_term_params tp = term_params(s);
    if (p) {
        p->status = prismi_alloc((size_t)s->n, sizeof *p->status);
        p->mask = prismi_alloc(grid_pixels(s), 2);
    }
    if (!p || !p->status || !p->mask)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM,
                          "no host memory for %d samples and masks of %d x %d", s->n, s->grid,
                          s->grid);
    p->now.sample = -1;
    p->now.loss_old = p->now.loss_new = NAN;
    PRISM_TRY(prismi_data_create(s->dev, s->ds, &tp, 0, &p->data));
    p->data.describe = describe;
    s->objective = &p->data.objective;
    PRISM_TRY(prismi_loss_set_weights(p->data.term.loss, s->par.training.loss_weights));
    params->n_losses = 2;
    PRISM_TRY(prismi_trainer_init(&s->trainer, s->dev, &s->model, params));
    prismi_trainer_add_slab(&s->trainer, "targets", 2 * grid_pixels(s) * s->real,
                            prismi_loss_target(p->data.term.loss, 0), false);
    PRISM_TRY(prismi_trainer_add_plain(&s->trainer, "samples", PRISMI_SAMPLES_TYPE, sizeof p->now,
                                       &p->now, sizeof p->now));
    return prismi_trainer_add_plain(&s->trainer, "status", PRISMI_TYPE_I32, sizeof *p->status,
                                    p->status, (size_t)s->n * sizeof *p->status);
}

static void destroy(struct prism_session *s)
{
    struct prismi_progressive *p = of(s);
    if (!p)
        return;
    prismi_data_release(&p->data);
    prismi_free(p->status);
    prismi_free(p->mask);
    prismi_free(p);
}

static int begin(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    prismi_schedule_init(&s->trainer.st.schedule, t->schedule, t->lr, t->max_steps);
    return 0;
}

static int64_t total_steps(const struct prism_session *s)
{
    return (int64_t)s->n * s->par.training.n_epochs * s->par.training.max_epochs;
}

static void progress(const struct prism_session *s, struct prism_progress *out)
{
    const struct prismi_progressive *p = of(s);
    int64_t sample = p->sample_done ? p->closed_sample : p->now.sample;
    out->unit = "sample";
    out->sample = (int)(sample < 0 ? 0 : sample);
    out->loss_old = p->now.loss_old;
    out->loss_new = p->now.loss_new;
    out->sample_done = p->sample_done;
    out->sample_converged = p->sample_converged;
    out->n_failed = (int)p->now.n_failed;
}

/* status: [n] int32, may be unaligned. */
static bool plausible_status(const struct prism_session *s, const struct prismi_state *st,
                             const struct prismi_samples *now, const void *status)
{
    bool retry = st->phase == PRISM_PHASE_RETRY, fit = st->phase == PRISM_PHASE_FIT, next = false;
    int64_t failed = 0;
    for (int k = 0; k < s->n; k++) {
        int32_t v;
        memcpy(&v, (const char *)status + (size_t)k * sizeof v, sizeof v);
        if (!prismi_within(v, PRISMI_SAMPLE_PENDING, PRISMI_SAMPLE_FAILED))
            return false;
        failed += v == PRISMI_SAMPLE_FAILED;
        next |= k > now->sample && (fit || (retry && v == PRISMI_SAMPLE_FAILED));
    }
    if (now->n_failed != failed)
        return false;
    if (!now->open)
        return next || !(fit || retry);
    return (fit || retry) && now->sample >= 0 &&
           (!retry || st->monitor.tier == PRISM_TIER_RESCUE) &&
           now->step < prismi_progressive_budget(s, st->phase, st->monitor.tier);
}

static bool plausible(const struct prism_session *s, const struct prismi_loaded *state)
{
    const struct prismi_state *st = &state->st;
    bool retry = st->phase == PRISM_PHASE_RETRY;
    int max_pass = retry || st->phase == PRISM_PHASE_DONE ? s->par.training.max_retries : 0;
    struct prismi_samples now;
    memcpy(&now, state->plain[0], sizeof now);
    return prismi_within(now.sample, -1, st->phase == PRISM_PHASE_INIT ? -1 : s->n - 1) &&
           prismi_within(now.open, 0, 1) && prismi_within(now.step, 0, PRISMI_COUNT_MAX) &&
           prismi_within(now.pass, retry, max_pass) && st->monitor.count <= now.step &&
           st->pending < PRISMI_CHECK_EVERY && plausible_status(s, st, &now, state->plain[1]);
}

const struct prismi_strategy prismi_progressive = {.name = "progressive",
                                                   .when = PRISMI_WHEN_TRAINED |
                                                           PRISMI_WHEN_PROGRESSIVE,
                                                   .check = check,
                                                   .create = create,
                                                   .begin = begin,
                                                   .step = step,
                                                   .restore = restore,
                                                   .plausible = plausible,
                                                   .total_steps = total_steps,
                                                   .progress = progress,
                                                   .destroy = destroy};
