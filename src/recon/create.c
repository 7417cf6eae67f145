/* Creates a session: its model, its strategy and, through the strategy, its
 * trainer. */
#include "recon/internal.h"
#include "recon/params.h"

/* The type in which the session computes. */
static enum prism_dtype real_type(enum prism_precision p)
{
    return p == PRISM_PRECISION_FP64 ? PRISM_F64 : PRISM_F32;
}

/* Checks that involve several parameters. The table of recon/params.c checks
 * the range of each. */
static int check(struct prism_dev *dev, const struct prism_recon_params *p,
                 const struct prism_dataset_params *dp)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    PRISM_TRY(prismi_params_check(ctx, p, prismi_params_when(p)));
    const struct prismi_algorithm *algorithm = prismi_algorithm_of(p);
    const struct prismi_strategy *strategy = prismi_strategy_of(p);
    if (!(dev->caps.dtypes & 1u << real_type(p->precision)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP,
                          "%s is fp64, which backend %s lacks; use fp32, or another backend",
                          PRISMI_RECON_NAME(ctx, precision), prism_dev_backend(dev));
    if (!strategy)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %s, which does not go with %s %s; use joint",
                          PRISMI_RECON_NAME(ctx, training.objective),
                          PRISMI_NAMES(objective)[p->training.objective],
                          PRISMI_RECON_NAME(ctx, algorithm), PRISMI_NAMES(algorithm)[p->algorithm]);
    if (algorithm->check)
        PRISM_TRY(algorithm->check(ctx, p));
    return strategy->check ? strategy->check(ctx, p, dp) : 0;
}

/* ---- the session ---- */

/* Set the objective of the phase, and restore the strategy. */
static int restore(void *owner, bool loaded)
{
    struct prism_session *s = owner;
    s->trainer.objective =
        s->trainer.st.phase == PRISM_PHASE_INIT ? &s->initial.objective : s->objective;
    return s->strategy->restore ? s->strategy->restore(s, loaded) : 0;
}

static int begin(struct prism_session *s)
{
    s->trainer.objective = s->objective;
    if (s->init_steps == 0)
        return prismi_fit_begin(s);
    s->trainer.objective = &s->initial.objective;
    s->trainer.st.phase = PRISM_PHASE_INIT;
    return 0;
}

static int fill_session(struct prism_session *s)
{
    struct prismi_trainer_params tp = {.amsgrad = s->par.training.amsgrad,
                                       .averages = s->par.training.average > 0};
    PRISM_TRY(prismi_algorithm_of(&s->par)->create(s, &tp));
    s->strategy = prismi_strategy_of(&s->par);
    PRISM_TRY(s->strategy->create(s, &tp));
    PRISM_TRY(prismi_trainer_bind(&s->trainer));
    s->trainer.restore = restore;
    s->trainer.owner = s;
    prismi_arena_add(&s->arena, s->pixels * s->real, &s->scratch);
    PRISM_TRY(prismi_arena_bind(&s->arena, s->dev));
    if (prism_dataset_truth(s->ds))
        PRISM_TRY(prismi_quality_create(s->dev, s->dtype, prism_dataset_truth(s->ds), s->obj,
                                        s->obj, &s->quality));
    s->truth_version = prismi_dataset_truth_version(s->ds);
    s->host = prismi_alloc(s->pixels, sizeof *s->host);
    if (!s->host)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no host memory for a session of %d x %d pixels",
                          s->obj, s->obj);
    return prismi_planning(s->dev) ? 0 : begin(s);
}

static int make_session(struct prism_dev *dev, struct prism_dataset *ds,
                        const struct prism_recon_params *params, struct prism_session **out)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
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
    int status = fill_session(s);
    if (status)
        prism_session_destroy(&s);
    *out = s;
    return status;
}

/* Create the same session on a planning device, which only counts memory. If it
 * does not fit, refuse with both numbers before anything is allocated. */
static int check_memory(struct prism_dev *dev, struct prism_dataset *ds,
                        const struct prism_recon_params *params)
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
    prismi_log(prismi_dev_ctx(dev), PRISM_LOG_DEBUG, "the session needs %.1f MB of device memory",
               1e-6 * (double)need);
    if (need <= have)
        return 0;
    unsigned when = prismi_params_when(params);
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const char *smaller = when & PRISMI_WHEN_JOINT         ? PRISMI_RECON_NAME(ctx, training.batch)
                          : when & PRISMI_WHEN_PROGRESSIVE ? PRISMI_DATA_NAME(ctx, grid_size)
                                                           : "number of samples";
    return PRISM_FAIL(ctx, PRISM_ENOMEM,
                      "the session needs %.1f MB of device memory and %.1f MB are free on %s: use "
                      "a smaller %s, a smaller %s%s or "
                      "another backend",
                      1e-6 * (double)need, 1e-6 * (double)have, caps->device,
                      PRISMI_DATA_NAME(ctx, field_size), smaller,
                      when & PRISMI_WHEN_DECODER && when & PRISMI_WHEN_JOINT
                          ? ", the progressive objective"
                          : "");
}

int prism_session_create(struct prism_dev *dev, struct prism_dataset *ds,
                         const struct prism_recon_params *params, struct prism_session **out)
{
    struct prism_recon_params p;
    *out = NULL;
    prismi_params_resolve(params, &p);
    PRISM_TRY(check(dev, &p, prism_dataset_params(ds)));
    PRISM_TRY(check_memory(dev, ds, &p));
    return make_session(dev, ds, &p, out);
}

void prism_session_destroy(struct prism_session **ps)
{
    struct prism_session *s = *ps;
    if (!s)
        return;
    prismi_trainer_release(&s->trainer);
    if (s->strategy)
        s->strategy->destroy(s);
    prismi_initial_release(&s->initial);
    prism_net_destroy(&s->display_net);
    if (s->model.ops)
        s->model.ops->destroy(s->model.self);
    prismi_quality_release(&s->quality);
    prismi_arena_release(&s->arena);
    prismi_free(s->host);
    prismi_ctx_drop(s->ctx, "prism_session");
    prismi_free(s);
    *ps = NULL;
}
