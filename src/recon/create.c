/* Making a session: checks, memory, tables. */
#include "nn/layer.h"
#include "recon/internal.h"
#include "recon/params.h"

#include <math.h>
#include <string.h>

/* ---- checks across parameters; each one's own range is checked by the table (recon/params.c) ---- */

/* What all is computed in. */
static enum prism_dtype real_type(enum prism_precision p)
{
    return p == PRISM_PRECISION_FP64 ? PRISM_F64 : PRISM_F32;
}

/* What activations are to be stored in. */
static enum prism_dtype store_type(enum prism_precision p)
{
    return p == PRISM_PRECISION_FP16 ? PRISM_F16 : p == PRISM_PRECISION_BF16 ? PRISM_BF16 : PRISM_F32;
}

static int check_decoder(struct prism_ctx *ctx, const struct prism_recon_params *p, const struct prism_dataset_params *dp)
{
    if (p->decoder.no_norm && store_type(p->precision) != PRISM_F32)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL, "%s is %s, which needs normalisation (%s) to keep activations in range; use it, or fp32",
            PRISMI_RECON_NAME(ctx, precision), PRISMI_NAMES(precision)[p->precision], PRISMI_RECON_NAME(ctx, decoder.no_norm));
    if (p->training.objective == PRISM_OBJ_PROGRESSIVE && dp->field_size != dp->grid_size)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s is progressive, which needs fields as large as the grid (%d), for the union of apertures; %s is %d: "
                          "use joint, or leave the fields' size out",
                          PRISMI_RECON_NAME(ctx, training.objective), dp->grid_size, PRISMI_DATA_NAME(ctx, field_size),
                          dp->field_size);
    if (p->training.objective == PRISM_OBJ_PROGRESSIVE && !prismi_instrument_kinds[dp->instrument].masks)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "%s is progressive, which needs apertures to take the union of; %s is %s: use joint, or another instrument",
            PRISMI_RECON_NAME(ctx, training.objective), PRISMI_DATA_NAME(ctx, instrument),
            prismi_instrument_kinds[dp->instrument].name);
    return 0;
}

static int check(struct prism_dev *dev, const struct prism_recon_params *p, const struct prism_dataset_params *dp)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    PRISM_TRY(prismi_params_check(ctx, p));
    if (!(dev->caps.dtypes & 1u << real_type(p->precision)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "%s is fp64, which backend %s lacks; use fp32, or the backend ref",
                          PRISMI_RECON_NAME(ctx, precision), prism_dev_backend(dev));
    return p->algorithm == PRISM_ALG_DECODER ? check_decoder(ctx, p, dp) : 0;
}

/* ---- device memory ---- */

/* A block that advances: given, or of the session's own. Without a snapshot where it changes only between snapshots. */
static void add_slab(struct prism_session *s, const char *name, size_t bytes, prism_mem given, bool snapshot)
{
    struct prismi_slab *slab = &s->slabs[s->n_slabs++];
    *slab = (struct prismi_slab){.name = name, .mem = given, .bytes = bytes, .moment = !strncmp(name, "adam.", 5)};
    s->arena.owner = slab->moment ? PRISMI_OWNER_MOMENTS : PRISMI_OWNER_OTHER;
    if (!given)
        prismi_arena_add(&s->arena, bytes, &slab->mem);
    s->arena.owner = PRISMI_OWNER_SNAPSHOT;
    if (snapshot)
        prismi_arena_add(&s->arena, bytes, &slab->good);
    s->arena.owner = PRISMI_OWNER_OTHER;
}

static prism_mem slab(const struct prism_session *s, const char *name)
{
    for (int i = 0; i < s->n_slabs; i++)
        if (!strcmp(s->slabs[i].name, name))
            return s->slabs[i].mem;
    return NULL;
}

static int host_memory(struct prism_session *s)
{
    size_t losses = (size_t)s->n_losses, grid = (size_t)s->grid * s->grid;
    bool progressive = prismi_session_objective_is(s, PRISM_OBJ_PROGRESSIVE);
    s->host = prismi_alloc(s->pixels > losses ? s->pixels : losses, sizeof *s->host);
    s->ssim_work = prismi_alloc(prismi_ssim_work(s->obj), sizeof *s->ssim_work);
    s->order = prismi_alloc((size_t)s->n, sizeof *s->order);
    s->index = prismi_alloc(losses, sizeof *s->index);
    s->status = prismi_alloc((size_t)s->n, sizeof *s->status);
    s->good_status = prismi_alloc((size_t)s->n, sizeof *s->good_status);
    s->mask = prismi_alloc(progressive ? grid : 1, 2);
    s->order_epoch = -1;
    if (s->host && s->ssim_work && s->order && s->index && s->status && s->good_status && s->mask)
        return 0;
    return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no host memory for a session of %d samples and %d x %d pixels", s->n, s->obj, s->obj);
}

/* ---- the two algorithms ---- */

static int create_mopie(struct prism_session *s)
{
    PRISM_TRY(prismi_mopie_create(s->dev, s->ds, s->dtype, &s->par.mopie, &s->mopie));
    s->n_losses = s->mopie.batch;
    add_slab(s, "object", s->pixels * s->real * (s->par.mopie.complex_object ? 2 : 1), s->mopie.object, true);
    s->st.phase = PRISM_PHASE_FIT;
    return 0;
}

/* Half storage where it was asked for, the device has it and gains by it; the same run goes on without it elsewhere. */
static int choose_store(struct prism_session *s, struct prism_decoder_params *d)
{
    const struct prism_caps *caps = &s->dev->caps;
    size_t largest;
    d->store = store_type(s->par.precision);
    if (d->store == PRISM_F32)
        return 0;
    enum prism_log_level level = prismi_planning(s->dev) ? PRISM_LOG_TRACE : PRISM_LOG_INFO; /* once is enough */
    const char *name = d->store == PRISM_F16 ? "fp16" : "bf16";
    PRISM_TRY(prismi_decoder_largest_half(s->ctx, d, &largest));
    if (!(caps->dtypes & 1u << d->store))
        prismi_log(s->ctx, level, "%s: backend %s has no %s here; running in fp32", PRISMI_RECON_NAME(s->ctx, precision),
                   prism_dev_backend(s->dev), name);
    else if (largest == 0 || largest < caps->half_pays_from)
        prismi_log(s->ctx, level, "%s: %s is slower here (largest activation %zu values, threshold %zu); using fp32",
                   PRISMI_RECON_NAME(s->ctx, precision), name, largest, caps->half_pays_from);
    else
        return 0;
    d->store = PRISM_F32;
    return 0;
}

static int create_net(struct prism_session *s)
{
    struct prism_decoder_params *d = &s->par.decoder;
    size_t n_running;
    d->dtype = s->dtype;
    d->tf32 = s->par.precision == PRISM_PRECISION_TF32;
    d->grid_size = s->grid;
    d->obj_size = s->obj;
    PRISM_TRY(choose_store(s, d));
    PRISM_TRY(prism_decoder_create(s->dev, d, &s->net));
    if (!prismi_planning(s->dev))
        PRISM_TRY(prism_net_init(s->net, s->par.seed));
    if (d->store != PRISM_F32)
        PRISM_TRY(prismi_decoder_show(s->net, &s->shown));
    if (d->store == PRISM_F16)
        prismi_scaler_plan(&s->scaler, &s->arena);
    prismi_net_model(s->net, &s->model);
    prismi_adam_plan(&s->adam, &s->model, &s->arena);
    prism_net_values(s->net, &s->params, &s->adam.count);
    prism_net_running(s->net, &s->running, &n_running);
    s->running_bytes = n_running * s->real;
    return 0;
}

static int create_term(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    bool progressive = t->objective == PRISM_OBJ_PROGRESSIVE;
    struct prismi_term_params tp = {.dtype = s->dtype,
                                    .masks = progressive,
                                    .batch = progressive       ? 2
                                             : t->batch < s->n ? t->batch
                                                               : s->n,
                                    .ssim = t->loss_weights[PRISM_LOSS_SSIM] > 0,
                                    .ms_ssim = t->loss_weights[PRISM_LOSS_MS_SSIM] > 0,
                                    .no_normalize = t->no_normalize};
    int kinds = 0;
    for (int i = 0; i < PRISM_LOSS_COUNT; i++)
        kinds += t->loss_weights[i] > 0;
    tp.composite = kinds > 1;
    for (int pass = 1; progressive && t->retry_switch_loss && pass <= t->max_retries && pass < PRISM_LOSS_COUNT; pass++) {
        enum prism_loss_kind kind = prismi_retry_kind(t->loss_weights, pass);
        tp.ssim |= kind == PRISM_LOSS_SSIM;
        tp.ms_ssim |= kind == PRISM_LOSS_MS_SSIM;
    }
    s->n_losses = tp.batch;
    PRISM_TRY(prismi_term_create(s->dev, s->ds, &tp, &s->term));
    if (!progressive) {
        double energy = prismi_loss_energy(s->term.loss);
        PRISM_TRY(
            prismi_unmeasured_create(s->dev, s->ds, s->dtype, energy > 0 ? t->unmeasured_weight / energy : 0, &s->unmeasured));
    }
    return prismi_loss_set_weights(s->term.loss, t->loss_weights);
}

static int create_decoder(struct prism_session *s)
{
    const struct prism_training_params *t = &s->par.training;
    PRISM_TRY(create_net(s));
    PRISM_TRY(create_term(s));
    size_t slab_bytes = s->adam.count * s->real, image = s->pixels * s->real;
    add_slab(s, "params", slab_bytes, s->params, true);
    add_slab(s, "adam.m", slab_bytes, NULL, true);
    add_slab(s, "adam.v", slab_bytes, NULL, true);
    if (t->amsgrad)
        add_slab(s, "adam.vmax", slab_bytes, NULL, true);
    if (s->running_bytes)
        add_slab(s, "running", s->running_bytes, s->running, true);
    if (s->par.precision == PRISM_PRECISION_FP16) /* whatever runs here: another device may go on in it */
        add_slab(s, "loss_scale", 3 * s->real, NULL, true);
    if (t->average > 0)
        add_slab(s, "average", image, NULL, true);
    if (t->objective == PRISM_OBJ_PROGRESSIVE)
        add_slab(s, "targets", 2 * (size_t)s->grid * s->grid * s->real, prismi_loss_target(s->term.loss, 0), false);
    prismi_arena_add(&s->arena, image, &s->gx);
    prismi_arena_add(&s->arena, image, &s->target);
    prismi_arena_add(&s->arena, s->real, &s->target_weight);
    prismi_arena_add(&s->arena, s->real, &s->image_loss);
    s->st.phase = PRISM_PHASE_INIT;
    s->st.sample = -1;
    return 0;
}

static int begin_decoder(struct prism_session *s)
{
    double sum = 0;
    s->adam.m = slab(s, "adam.m");
    s->adam.v = slab(s, "adam.v");
    s->adam.vmax = slab(s, "adam.vmax");
    s->average = slab(s, "average");
    s->scaler.state = slab(s, "loss_scale");
    PRISM_TRY(prismi_scaler_start(s->dev, &s->scaler));
    PRISM_TRY(prismi_scaler_read(s->dev, &s->scaler, &s->loss_scale, &s->skipped));
    if (s->par.training.init_steps == 0)
        return prismi_fit_begin(s);
    PRISM_TRY(prismi_init_target(s->dev, s->ds, &s->par, s->dtype, s->host));
    for (size_t i = 0; i < s->pixels; i++)
        sum += fabs(s->host[i]);
    s->init_weight = 1 / (sum > 0 ? sum : 1);
    PRISM_TRY(prismi_dev_put(s->dev, s->target, s->dtype, s->host, s->pixels));
    return prismi_dev_put(s->dev, s->target_weight, s->dtype, &s->init_weight, 1);
}

/* ---- the session ---- */

static void init_state(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    st->history_stride = 1;
    st->loss = st->loss_old = st->loss_new = st->lr = st->ssim = st->psnr_db = st->rmse_percent = NAN;
    prismi_monitor_init(&st->monitor, PRISM_TIER_NORMAL);
}

static int make_session(struct prism_dev *dev, struct prism_dataset *ds, const struct prism_recon_params *params,
                        struct prism_session **out)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    int status;
    struct prism_session *s = prismi_alloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a session");
    prismi_ctx_retain(ctx, "prism_session");
    s->dev = dev;
    s->ctx = ctx;
    s->ds = ds;
    s->par = *params;
    s->n = prism_dataset_count(ds);
    s->obj = dp->obj_size;
    s->grid = dp->grid_size;
    s->pixels = (size_t)s->obj * s->obj;
    s->dtype = real_type(params->precision);
    s->real = prism_dtype_size(s->dtype);
    s->loss_scale = NAN;
    init_state(s);
    PRISM_TRY_OUT(params->algorithm == PRISM_ALG_MOPIE ? create_mopie(s) : create_decoder(s));
    add_slab(s, "losses", (size_t)s->n_losses * s->real, NULL, true);
    prismi_arena_add(&s->arena, s->pixels * s->real, &s->scratch);
    prismi_arena_add(&s->arena, s->real, &s->power);
    PRISM_TRY_OUT(host_memory(s));
    PRISM_TRY_OUT(prismi_arena_bind(&s->arena, dev));
    s->loss_sum = slab(s, "losses");
    status = s->net && !prismi_planning(dev) ? begin_decoder(s) : 0;
out:
    if (status)
        prism_session_destroy(&s);
    *out = s;
    return status;
}

/* The same session on a device that only counts: refused with both numbers before anything is allocated. */
static int check_memory(struct prism_dev *dev, struct prism_dataset *ds, const struct prism_recon_params *params)
{
    const struct prism_caps *caps = &dev->caps;
    size_t have = caps->mem_free_bytes ? caps->mem_free_bytes : caps->mem_bytes, need;
    struct prism_dev *plan;
    struct prism_session *s;
    if (!have)
        return 0;
    PRISM_TRY(prismi_planning_dev_open(dev, &plan));
    int status = make_session(plan, ds, params, &s);
    need = prismi_planning_dev_bytes(plan);
    prism_session_destroy(&s);
    prism_dev_close(&plan);
    PRISM_TRY(status);
    prismi_log(prismi_dev_ctx(dev), PRISM_LOG_DEBUG, "the session needs %.1f MB of device memory", 1e-6 * (double)need);
    if (need <= have)
        return 0;
    unsigned when = prismi_params_when(params);
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const char *smaller = when & PRISMI_WHEN_JOINT         ? PRISMI_RECON_NAME(ctx, training.batch)
                          : when & PRISMI_WHEN_PROGRESSIVE ? PRISMI_DATA_NAME(ctx, grid_size)
                                                           : "number of samples";
    return PRISM_FAIL(ctx, PRISM_ENOMEM,
                      "the session needs %.1f MB of device memory and %.1f MB are free on %s: use a smaller %s, a smaller %s%s or "
                      "another backend",
                      1e-6 * (double)need, 1e-6 * (double)have, caps->device, PRISMI_DATA_NAME(ctx, field_size), smaller,
                      when & PRISMI_WHEN_JOINT ? ", the progressive objective" : "");
}

int prism_session_create(struct prism_dev *dev, struct prism_dataset *ds, const struct prism_recon_params *params,
                         struct prism_session **out)
{
    *out = NULL;
    PRISM_TRY(check(dev, params, prism_dataset_params(ds)));
    PRISM_TRY(check_memory(dev, ds, params));
    return make_session(dev, ds, params, out);
}

void prism_session_destroy(struct prism_session **ps)
{
    struct prism_session *s = *ps;
    if (!s)
        return;
    prismi_recorded_release(s->dev, &s->loss_half);
    prismi_recorded_release(s->dev, &s->update_half);
    prismi_arena_release(&s->arena);
    prismi_term_release(&s->term);
    prismi_unmeasured_release(&s->unmeasured);
    prismi_mopie_release(&s->mopie);
    prism_net_destroy(&s->shown);
    prism_net_destroy(&s->net);
    prismi_free(s->host);
    prismi_free(s->ssim_work);
    prismi_free(s->order);
    prismi_free(s->index);
    prismi_free(s->status);
    prismi_free(s->good_status);
    prismi_free(s->mask);
    prismi_ctx_drop(s->ctx, "prism_session");
    prismi_free(s);
    *ps = NULL;
}
