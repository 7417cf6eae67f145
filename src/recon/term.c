/* The data term: an instrument, and the loss of its fields. */
#include "optics/optics_internal.h"
#include "recon/internal.h"

#include <string.h>

static int table_own_apertures(struct prismi_term *term, struct prism_dataset *ds,
                               enum prism_dtype dtype)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    const double *centres = prism_dataset_centres(ds);
    if (prismi_planning(term->dev))
        return 0;
    for (int k = 0; k < prism_dataset_count(ds); k++) {
        if (term->instrument->ops->set_aperture) /* otherwise all frames are the same */
            PRISM_TRY(term->instrument->ops->set_aperture(term->instrument, k, &dp->aperture,
                                                          centres[2 * k], centres[2 * k + 1]));
        PRISM_TRY(prismi_term_load_target(term, ds, k, k, dtype));
    }
    return prismi_loss_weigh(term->loss);
}

int prismi_term_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, struct prismi_term *out)
{
    int field = prism_dataset_params(ds)->field_size, status;
    struct prismi_term *term = out;
    *term = (struct prismi_term){.dev = dev};
    struct prismi_instrument_params ip = prismi_dataset_instrument(ds);
    ip.dtype = params->dtype;
    ip.complex_object = params->complex_object;
    ip.n_frames = params->masks ? 2 : prism_dataset_count(ds);
    ip.batch = params->batch;
    ip.masks = params->masks;
    struct prismi_loss_params lp = {.dtype = params->dtype,
                                    .n_targets = ip.n_frames,
                                    .batch = params->batch,
                                    .h = field,
                                    .w = field,
                                    .composite = params->composite,
                                    .unnormalised = params->unnormalised,
                                    .shared = !params->masks};
    memcpy(lp.kinds, params->kinds, sizeof lp.kinds);
    PRISM_TRY_OUT(prismi_instrument_create(dev, &ip, &term->instrument));
    PRISM_TRY_OUT(prismi_loss_create(dev, &lp, &term->loss));
    term->arena.owner = PRISMI_OWNER_FFT;
    prismi_arena_add(&term->arena,
                     (size_t)params->batch * field * field *
                         prism_dtype_size(prism_dtype_complex(params->dtype)),
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
    prismi_instrument_destroy(&term->instrument);
}

int prismi_term_load_target(struct prismi_term *term, struct prism_dataset *ds, int k, int a,
                            enum prism_dtype dtype)
{
    const void *amplitude;
    size_t field = (size_t)prism_dataset_params(ds)->field_size;
    PRISM_TRY(prismi_dataset_target(ds, k, dtype, &amplitude));
    return term->dev->ops->write(term->dev, prismi_loss_target(term->loss, a), amplitude,
                                 field * field * prism_dtype_size(dtype));
}

int prismi_term_measure(struct prismi_term *term, prism_mem x)
{
    PRISM_TRY(PRISMI_REGION(term->dev, "measure", 0,
                            prism_linop_forward(&term->instrument->op, term->field, x)));
    term->measured = true;
    return 0;
}

/* True if forward can call the instrument's misfit(), which stores no fields:
 * the loss is a single misfit, and the fields are not measured already. */
static bool is_halfway(const struct prismi_term *term, enum prism_misfit *kind,
                       struct prism_field_misfit_args *a)
{
    return !term->measured && term->instrument->ops->misfit &&
           prismi_loss_is_misfit(term->loss, kind, a);
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
        return PRISMI_REGION(term->dev, "measure and loss", 0,
                             term->instrument->ops->misfit(term->instrument, x, kind, &a));
    }
    if (!term->measured)
        PRISM_TRY(prismi_term_measure(term, x));
    term->measured = false;
    return PRISMI_REGION(term->dev, "loss", 0,
                         prismi_loss_run(term->loss, term->field, term->instrument->index));
}

int prismi_term_backward(struct prismi_term *term, prism_mem gx)
{
    return PRISMI_REGION(term->dev, "measure adjoint", 0,
                         term->halfway
                             ? term->instrument->ops->misfit_gradient(term->instrument, gx)
                             : prism_linop_adjoint(&term->instrument->op, gx, term->field));
}

struct prismi_term_params prismi_term_params_of(const struct prism_session *s, int batch)
{
    const struct prism_training_params *t = &s->par.training;
    struct prismi_term_params tp = {.dtype = s->dtype,
                                    .complex_object = s->model.complex_output,
                                    .batch = batch,
                                    .unnormalised = t->unnormalised};
    int kinds = 0;
    for (int i = 0; i < PRISM_LOSS_COUNT; i++)
        kinds += tp.kinds[i] = t->loss_weights[i] > 0;
    tp.composite = kinds > 1;
    return tp;
}
