/* The data term: the measurement operator and the loss on one side, the field between them. */
#include "optics/optics_internal.h"
#include "recon/internal.h"

static int table_own_apertures(struct prismi_term *term, struct prism_dataset *ds, enum prism_dtype dtype)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    const double *centres = prism_dataset_centres(ds);
    if (prismi_planning(term->dev))
        return 0;
    for (int k = 0; k < prism_dataset_count(ds); k++) {
        PRISM_TRY(prism_measure_set_aperture(term->measure, k, &dp->aperture, centres[2 * k], centres[2 * k + 1], NULL));
        PRISM_TRY(prismi_term_load_target(term, ds, k, k, dtype));
    }
    return prismi_loss_weigh(term->loss);
}

int prismi_term_create(struct prism_dev *dev, struct prism_dataset *ds, const struct prismi_term_params *params,
                       struct prismi_term *out)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    int n = prism_dataset_count(ds), field = dp->field_size, box = prism_aperture_box(&dp->aperture), status;
    struct prismi_term *term = out;
    *term = (struct prismi_term){.dev = dev};
    struct prism_measure_params mp = {.dtype = params->dtype,
                                      .grid_h = dp->grid_size,
                                      .grid_w = dp->grid_size,
                                      .obj_h = dp->obj_size,
                                      .obj_w = dp->obj_size,
                                      .complex_object = params->complex_object,
                                      .field_h = field,
                                      .field_w = field,
                                      .n_apertures = params->masks ? 2 : n,
                                      .batch = params->batch,
                                      .method = dp->method};
    if (!params->masks)
        mp.box_h = mp.box_w = box < field ? box : field;
    const struct prismi_loss_params lp = {.dtype = params->dtype,
                                          .n_targets = mp.n_apertures,
                                          .batch = params->batch,
                                          .h = field,
                                          .w = field,
                                          .ssim = params->ssim,
                                          .ms_ssim = params->ms_ssim,
                                          .composite = params->composite,
                                          .no_normalize = params->no_normalize,
                                          .shared = !params->masks};
    PRISM_TRY_OUT(prism_measure_create(dev, &mp, &term->measure));
    PRISM_TRY_OUT(prismi_loss_create(dev, &lp, &term->loss));
    term->arena.owner = PRISMI_OWNER_FFT;
    prismi_arena_add(&term->arena, (size_t)params->batch * field * field * prism_dtype_size(prism_dtype_complex(params->dtype)),
                     &term->field);
    PRISM_TRY_OUT(prismi_arena_bind(&term->arena, dev));
    if (!params->masks)
        PRISM_TRY_OUT(table_own_apertures(term, ds, params->dtype));
out:
    if (status)
        prismi_term_release(term);
    return status;
}

void prismi_term_release(struct prismi_term *term)
{
    prismi_arena_release(&term->arena);
    prismi_loss_destroy(&term->loss);
    prism_measure_destroy(&term->measure);
}

int prismi_term_load_target(struct prismi_term *term, struct prism_dataset *ds, int k, int a, enum prism_dtype dtype)
{
    const void *amplitude;
    size_t field = (size_t)prism_dataset_params(ds)->field_size;
    PRISM_TRY(prismi_dataset_target(ds, k, dtype, &amplitude));
    return term->dev->ops->write(term->dev, prismi_loss_target(term->loss, a), amplitude, field * field * prism_dtype_size(dtype));
}

int prismi_term_measure(struct prismi_term *term, prism_mem x)
{
    PRISM_TRY(PRISMI_REGION(term->dev, "measure", 0, prism_measure_forward(term->measure, term->field, x)));
    term->measured = true;
    return 0;
}

/* A misfit alone needs no fields to be kept. */
static bool is_halfway(const struct prismi_term *term, enum prism_misfit *kind, struct prism_field_misfit_args *a)
{
    return !term->measured && prismi_loss_is_misfit(term->loss, kind, a);
}

void prismi_term_played(struct prismi_term *term)
{
    enum prism_misfit kind;
    struct prism_field_misfit_args a;
    term->halfway = is_halfway(term, &kind, &a);
}

int prismi_term_forward(struct prismi_term *term, prism_mem x)
{
    enum prism_misfit kind;
    struct prism_field_misfit_args a;
    term->halfway = is_halfway(term, &kind, &a);
    if (term->halfway) {
        a.u = term->field;
        return PRISMI_REGION(term->dev, "measure and loss", 0, prismi_measure_misfit(term->measure, x, kind, &a));
    }
    if (!term->measured)
        PRISM_TRY(prismi_term_measure(term, x));
    term->measured = false;
    return PRISMI_REGION(term->dev, "loss", 0, prismi_loss_run(term->loss, term->field, prism_measure_index(term->measure)));
}

int prismi_term_backward(struct prismi_term *term, prism_mem gx)
{
    return PRISMI_REGION(term->dev, "measure adjoint", 0,
                         term->halfway ? prismi_measure_pull(term->measure, gx)
                                       : prism_measure_adjoint(term->measure, gx, term->field));
}
