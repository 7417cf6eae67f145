/* The two models that can be fitted to data: a network, and the object
 * itself. */
#include "nn/layer.h"
#include "recon/internal.h"
#include "recon/params.h"

/* ---- a network ---- */

/* The type in which activations should be stored. */
static enum prism_dtype store_type(enum prism_precision p)
{
    return p == PRISM_PRECISION_FP16   ? PRISM_F16
           : p == PRISM_PRECISION_BF16 ? PRISM_BF16
                                       : PRISM_F32;
}

int prismi_check_network(struct prism_ctx *ctx, const struct prism_recon_params *p)
{
    if (p->decoder.no_norm && store_type(p->precision) != PRISM_F32)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s is %s, which needs normalisation (%s) to keep activations in range; "
                          "use it, or fp32",
                          PRISMI_RECON_NAME(ctx, precision), PRISMI_NAMES(precision)[p->precision],
                          PRISMI_RECON_NAME(ctx, decoder.no_norm));
    return 0;
}

/* Choose half storage if it was asked for, the device has it, and it is faster;
 * otherwise the run uses fp32. */
static int choose_store(struct prism_session *s, struct prism_decoder_params *d)
{
    const struct prism_caps *caps = &s->dev->caps;
    size_t largest;
    d->store = store_type(s->par.precision);
    if (d->store == PRISM_F32)
        return 0;
    /* log it once, not for the planning session too */
    enum prism_log_level level = prismi_planning(s->dev) ? PRISM_LOG_TRACE : PRISM_LOG_INFO;
    const char *name = d->store == PRISM_F16 ? "fp16" : "bf16";
    PRISM_TRY(prismi_decoder_largest_half(s->ctx, d, &largest));
    if (!(caps->dtypes & 1u << d->store))
        prismi_log(s->ctx, level, "%s: backend %s has no %s here; using fp32",
                   PRISMI_RECON_NAME(s->ctx, precision), prism_dev_backend(s->dev), name);
    else if (largest == 0 || largest < caps->half_pays_from)
        prismi_log(
            s->ctx, level,
            "%s: %s is slower here (largest activation %zu values, threshold %zu); using fp32",
            PRISMI_RECON_NAME(s->ctx, precision), name, largest, caps->half_pays_from);
    else
        return 0;
    d->store = PRISM_F32;
    return 0;
}

int prismi_create_network(struct prism_session *s, struct prismi_trainer_params *tp)
{
    struct prism_decoder_params *d = &s->par.decoder;
    d->dtype = s->dtype;
    d->tf32 = s->par.precision == PRISM_PRECISION_TF32;
    d->grid_size = s->grid;
    d->obj_size = s->obj;
    PRISM_TRY(choose_store(s, d));
    PRISM_TRY(prism_decoder_create(s->dev, d, &s->net));
    prismi_net_model(s->net, &s->model);
    if (!prismi_planning(s->dev))
        PRISM_TRY(prism_net_init(s->net, s->par.seed));
    if (d->store != PRISM_F32)
        PRISM_TRY(prismi_decoder_show(s->net, &s->display_net));
    tp->scaled = d->store == PRISM_F16;
    /* even if fp32 is used here: another device may resume in fp16 */
    tp->scalable = s->par.precision == PRISM_PRECISION_FP16;
    s->init_steps = s->par.training.init_steps;
    return prismi_initial_create(s->dev, s->ds, &s->par, s->dtype, &s->initial);
}

/* ---- the object itself ---- */

int prismi_create_object(struct prism_session *s, struct prismi_trainer_params *tp)
{
    (void)tp;
    PRISM_TRY(prismi_object_create(s->dev, s->dtype, s->pixels, s->par.mopie.complex_object, true,
                                   &s->object));
    prismi_object_model(s->object, &s->model);
    return 0;
}
