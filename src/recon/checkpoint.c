/* The whole state in a container of kind "PRISMCKP" (docs/formats.md):
 *   about     text, a line name=value for everything a session must share with the one that wrote it
 *   progress  text, the same form: where it stood (for people and `prism inspect`)
 *   state     struct prismi_state          history  rows of six doubles
 *   slab.*    device blocks, in the session's precision; Adam's only where it has begun
 *   status    progressive: [n] int32
 *   centres   [n][2] doubles               result   [O,O] doubles
 *   extra     the caller's text */
#include "recon/internal.h"
#include "recon/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define KIND "PRISMCKP"
#define FORMAT "2" /* of the lines and of the state; files of format 1 have no such line */

/* ---- what must agree ---- */

static void about(struct prismi_lines *t, const struct prism_session *s)
{
    struct prism_recon_params p = s->par;
    struct prism_decoder_params *d = &p.decoder;
    if (s->net)
        *d = *prism_net_params(s->net); /* with zeros resolved */
    for (int i = d->n_channels; i < PRISM_MAX_CHANNELS; i++)
        d->channels[i] = 0;
    t->n = 0;
    prismi_line(t, "format=" FORMAT);
    prismi_params_lines(t, &p, prism_dataset_params(s->ds));
    prismi_line(t, "samples=%d", s->n);
    prismi_line(t, "data=%016llx", (unsigned long long)prismi_dataset_hash(s->ds));
}

/* Refuse another run's checkpoint, naming the first difference. */
static int compare(struct prism_session *s, const char *path, const char *theirs, size_t bytes)
{
    struct prismi_lines mine;
    struct prismi_difference d;
    about(&mine, s);
    if (!prismi_lines_differ(&mine, theirs, bytes, &d))
        return 0;
    if (!strcmp(d.name, "format"))
        return PRISM_FAIL(s->ctx, PRISM_EINVAL,
                          "%s is a checkpoint of format %s, this version reads format " FORMAT
                          ": finish the run with the version that began it, or start it anew",
                          path, *d.theirs ? d.theirs : "1 (version 0.1.0)");
    return prismi_lines_refuse(s->ctx, path, &d);
}

static void about_progress(struct prismi_lines *t, const struct prism_session *s)
{
    struct prism_progress p;
    prism_session_progress(s, &p);
    t->n = 0;
    prismi_line(t, "phase=%s", prism_phase_name(p.phase));
    prismi_line(t, "step=%lld", (long long)p.step);
    prismi_line(t, "total_steps=%lld", (long long)p.total_steps);
    prismi_line(t, "phase_step=%lld", (long long)p.phase_step);
    prismi_line(t, "sample=%d", p.sample);
    prismi_line(t, "n_samples=%d", p.n_samples);
    prismi_line(t, "n_failed=%d", p.n_failed);
    prismi_line(t, "loss=%.9g", p.loss);
    prismi_line(t, "loss_old=%.9g", p.loss_old);
    prismi_line(t, "loss_new=%.9g", p.loss_new);
    prismi_line(t, "lr=%.9g", p.lr);
    prismi_line(t, "ssim=%.9g", p.ssim);
    prismi_line(t, "psnr_db=%.9g", p.psnr_db);
    prismi_line(t, "rmse_percent=%.9g", p.rmse_percent);
}

/* ---- save ---- */

/* A state that is already lost is neither worth keeping nor worth having: PRISM_EDIVERGED, after going back. */
static int check_sound(struct prism_session *s)
{
    if (s->st.pending)
        PRISM_TRY(prismi_dev_get(s->dev, s->host, s->loss_sum, s->dtype, (size_t)s->n_losses));
    for (int i = 0; s->st.pending && i < s->n_losses; i++)
        if (!isfinite(s->host[i]))
            return prismi_session_losses(s); /* goes back and fails */
    return prismi_session_finite(s);
}

/* They are read as the box is saved; what is asked of the session until then leaves them as they are. */
static int add_slabs(struct prism_session *s, struct prismi_box *box)
{
    for (int i = 0; i < s->n_slabs; i++) {
        const struct prismi_slab *slab = &s->slabs[i];
        char name[48];
        if (prismi_slab_void(slab, &s->st))
            continue;
        snprintf(name, sizeof name, "slab.%s", slab->name);
        PRISM_TRY(prismi_box_add_mem(box, name, s->dev, slab->mem, slab->bytes));
    }
    return 0;
}

static int fill_box(struct prism_session *s, struct prismi_box *box, const char *extra)
{
    struct prismi_lines t;
    about(&t, s);
    PRISM_TRY(prismi_box_add(box, "about", t.s, t.n));
    about_progress(&t, s);
    PRISM_TRY(prismi_box_add(box, "progress", t.s, t.n));
    PRISM_TRY(prismi_box_add(box, "state", &s->st, sizeof s->st));
    PRISM_TRY(prismi_box_add(box, "history", s->history, (size_t)s->st.n_history * sizeof s->history[0]));
    PRISM_TRY(add_slabs(s, box));
    if (prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE))
        PRISM_TRY(prismi_box_add(box, "status", s->status, (size_t)s->n * sizeof *s->status));
    PRISM_TRY(prismi_box_add(box, "centres", prism_dataset_centres(s->ds), 2 * (size_t)s->n * sizeof(double)));
    PRISM_TRY(prism_session_result(s, s->host));
    PRISM_TRY(prismi_box_add(box, "result", s->host, s->pixels * sizeof(double)));
    return extra ? prismi_box_add(box, "extra", extra, strlen(extra)) : 0;
}

static uint64_t hash_of(const char *path)
{
    return prismi_hash64(path, strlen(path), 0);
}

int prism_session_save(struct prism_session *s, const char *path, const char *extra)
{
    struct prismi_box *box;
    bool replaces_damaged = s->damaged == hash_of(path);
    if (!s->have_good)
        PRISM_TRY(prismi_session_keep(s));
    PRISM_TRY(check_sound(s));
    PRISM_TRY(prismi_box_create(s->ctx, KIND, &box));
    int status = fill_box(s, box, extra);
    if (!status)
        status = prismi_box_save(box, path, !replaces_damaged);
    if (!status && replaces_damaged)
        s->damaged = 0;
    prismi_box_destroy(&box);
    return status;
}

/* ---- load ---- */

static int missing(struct prism_session *s, const char *path, const char *name)
{
    return PRISM_FAIL(s->ctx, PRISM_EPARSE, "%s: section %s is missing or has a wrong size", path, name);
}

/* ---- what a run of this session can reach; a file may come from anywhere ---- */

#define COUNT_MAX ((int64_t)1 << 53) /* no sum or product of counters overflows */

static bool within(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}

/* Steps after which a phase ends, 0 where the session has no such phase. */
static int64_t phase_length(const struct prism_session *s, int64_t phase)
{
    const struct prism_training_params *t = &s->par.training;
    bool progressive = prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE);
    if (phase == PRISM_PHASE_DONE || (progressive && phase != PRISM_PHASE_INIT))
        return COUNT_MAX; /* the samples end it */
    if (phase == PRISM_PHASE_INIT)
        return s->net ? t->init_steps : 0;
    if (phase != PRISM_PHASE_FIT)
        return 0;
    return s->net ? t->max_steps : (int64_t)s->par.mopie.loops * (s->par.mopie.parallel ? 1 : s->n);
}

static bool plausible_counts(const struct prism_session *s, const struct prismi_state *st)
{
    int64_t per_loop = s->par.mopie.parallel ? 1 : s->n;
    return within(st->phase, PRISM_PHASE_INIT, PRISM_PHASE_DONE) && within(st->step, 0, COUNT_MAX) &&
           within(st->phase_step, 0, phase_length(s, st->phase) - 1) && within(st->adam_t, 0, COUNT_MAX) &&
           within(st->schedule_t, 0, COUNT_MAX) && within(st->pending, 0, (s->net ? PRISMI_CHECK_EVERY : per_loop) - 1) &&
           within(st->averaged, 0, s->average ? COUNT_MAX : 0) && within(st->n_history, 0, PRISMI_HISTORY_MAX) &&
           within(st->history_stride, 1, COUNT_MAX) && within(st->history_skip, 0, COUNT_MAX);
}

static bool plausible_rates(const struct prism_session *s, const struct prismi_state *st)
{
    const struct prismi_schedule *c = &st->schedule;
    const struct prismi_monitor *m = &st->monitor;
    bool scheduled = s->net && st->phase != PRISM_PHASE_INIT;
    return within(c->kind, 0, PRISM_SCHEDULE_COUNT - 1) && within(c->total, 0, INT64_MAX) && within(c->bad, 0, COUNT_MAX) &&
           !isnan(c->best) && (!scheduled || (c->base > 0 && isfinite(c->base) && c->factor > 0 && c->factor <= 1)) &&
           within(m->tier, 0, PRISM_TIER_COUNT - 1) && within(m->count, 0, st->sample_step) && within(m->since, 0, m->count) &&
           !isnan(m->best);
}

/* status: [n] int32, unaligned; NULL where the objective is not progressive. */
static bool plausible_samples(const struct prism_session *s, const struct prismi_state *st, const void *status)
{
    int64_t failed = 0, last = s->net ? s->n - 1 : s->par.mopie.loops - 1;
    bool retry = st->phase == PRISM_PHASE_RETRY, fit = st->phase == PRISM_PHASE_FIT, next = false;
    int max_pass = status && (retry || st->phase == PRISM_PHASE_DONE) ? s->par.training.max_retries : 0;
    if (!within(st->sample, -1, st->phase == PRISM_PHASE_INIT ? -1 : last) || !within(st->sample_open, 0, 1) ||
        !within(st->sample_step, 0, COUNT_MAX) || !within(st->pass, retry, max_pass))
        return false;
    for (int k = 0; status && k < s->n; k++) {
        int32_t v;
        memcpy(&v, (const char *)status + (size_t)k * sizeof v, sizeof v);
        if (!within(v, PRISMI_SAMPLE_PENDING, PRISMI_SAMPLE_FAILED))
            return false;
        failed += v == PRISMI_SAMPLE_FAILED;
        next |= k > st->sample && (fit || (retry && v == PRISMI_SAMPLE_FAILED));
    }
    if (st->n_failed != failed || !status)
        return st->n_failed == failed && !st->sample_open;
    if (!st->sample_open)
        return next || !(fit || retry);
    return (fit || retry) && st->sample >= 0 && (!retry || st->monitor.tier == PRISM_TIER_RESCUE) &&
           st->sample_step < prismi_progressive_budget(s, st->phase, st->monitor.tier);
}

/* Sections by name, all checked before the first is used. */
struct loaded {
    struct prismi_state st;
    const void *history, *status, *slabs[PRISMI_SLABS_MAX]; /* NULL: void */
};

static int find_all(struct prism_session *s, const struct prismi_box *box, const char *path, struct loaded *out)
{
    size_t bytes = 0;
    const void *p = prismi_box_get(box, "about", &bytes);
    if (!p)
        return missing(s, path, "about");
    PRISM_TRY(compare(s, path, p, bytes));
    bytes = sizeof out->st;
    if (!(p = prismi_box_get(box, "state", &bytes)))
        return missing(s, path, "state");
    memcpy(&out->st, p, sizeof out->st);
    bytes = (size_t)s->n * sizeof *s->status;
    if (prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE) && !(out->status = prismi_box_get(box, "status", &bytes)))
        return missing(s, path, "status");
    if (!plausible_counts(s, &out->st) || !plausible_rates(s, &out->st) || !plausible_samples(s, &out->st, out->status))
        return PRISM_FAIL(s->ctx, PRISM_EPARSE, "%s: the state holds impossible numbers", path);
    bytes = (size_t)out->st.n_history * sizeof s->history[0];
    if (!(out->history = prismi_box_get(box, "history", &bytes)) || bytes != (size_t)out->st.n_history * sizeof s->history[0])
        return missing(s, path, "history");
    for (int i = 0; i < s->n_slabs; i++) {
        char name[48];
        if (prismi_slab_void(&s->slabs[i], &out->st))
            continue;
        snprintf(name, sizeof name, "slab.%s", s->slabs[i].name);
        bytes = s->slabs[i].bytes;
        if (!(out->slabs[i] = prismi_box_get(box, name, &bytes)))
            return missing(s, path, name);
        if (!strcmp(s->slabs[i].name, "loss_scale") && !prismi_scaler_plausible(out->slabs[i]))
            return PRISM_FAIL(s->ctx, PRISM_EPARSE, "%s: section %s holds impossible numbers", path, name);
    }
    return 0;
}

static int write_slabs(struct prism_session *s, const struct loaded *from, bool with_snapshot)
{
    prismi_session_forget(s);
    for (int i = 0; i < s->n_slabs; i++)
        if (from->slabs[i] && !s->slabs[i].good != with_snapshot)
            PRISM_TRY(s->dev->ops->write(s->dev, s->slabs[i].mem, from->slabs[i], s->slabs[i].bytes));
    return 0;
}

static int adopt(struct prism_session *s, const struct loaded *from)
{
    PRISM_TRY(prismi_session_keep(s)); /* what to go back to: a refusal changes nothing */
    PRISM_TRY(write_slabs(s, from, true));
    s->st = from->st;
    PRISM_TRY(check_sound(s));
    PRISM_TRY(write_slabs(s, from, false));
    memcpy(s->history, from->history, (size_t)s->st.n_history * sizeof s->history[0]);
    s->evaluated = s->sample_done = s->sample_converged = false;
    PRISM_TRY(prismi_scaler_read(s->dev, &s->scaler, &s->loss_scale, &s->skipped));
    if (from->status) {
        memcpy(s->status, from->status, (size_t)s->n * sizeof *s->status);
        PRISM_TRY(prismi_progressive_restore(s));
    }
    return prismi_session_keep(s);
}

static int load_from(struct prism_session *s, const char *path)
{
    struct prismi_box *box;
    struct loaded sections = {.status = NULL};
    PRISM_TRY(prismi_box_load(s->ctx, path, KIND, &box));
    int status = find_all(s, box, path, &sections);
    if (!status)
        status = adopt(s, &sections);
    if (status == PRISM_EDIVERGED)
        status = PRISM_FAIL(s->ctx, PRISM_EPARSE, "%s: its numbers lead to a loss or an output that is not finite", path);
    prismi_box_destroy(&box);
    return status;
}

int prism_session_load(struct prism_session *s, const char *path)
{
    int status = load_from(s, path);
    if (!status && s->damaged == hash_of(path))
        s->damaged = 0;
    if (status != PRISM_EPARSE && status != PRISM_EIO)
        return status;
    struct prism_error first = *prism_ctx_error(s->ctx);
    size_t n = strlen(path) + 3;
    char *previous = prismi_alloc(n, 1);
    if (!previous)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no memory for a file name");
    snprintf(previous, n, "%s.1", path);
    int second = load_from(s, previous);
    prismi_free(previous);
    if (second)
        return prismi_fail(s->ctx, status, first.file, first.line, "%s; no usable %s.1 either", first.text, path);
    s->damaged = hash_of(path); /* the next save must not put it in the place of the good one */
    prismi_log(s->ctx, PRISM_LOG_WARN, "%s; continuing from %s.1, step %lld", first.text, path, (long long)s->st.step);
    return 0;
}
