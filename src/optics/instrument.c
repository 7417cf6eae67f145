/* The kinds of instruments, and default entries composed of other entries. */
#include "optics/instrument.h"

/* Sub-apertures have no check of their own: creation checks their more general
 * public form. */
static int no_check(struct prism_ctx *ctx, const struct prismi_instrument_params *params)
{
    (void)ctx;
    (void)params;
    return 0;
}

const struct prismi_instrument_kind prismi_instrument_kinds[PRISM_INSTRUMENT_COUNT] = {
    [PRISM_INSTRUMENT_SUBAPERTURE] = {"subaperture", true, false, no_check,
                                      prismi_subaperture_create},
    [PRISM_INSTRUMENT_PROPAGATED] = {"propagated", true, true, prismi_propagated_check,
                                     prismi_propagated_create},
    [PRISM_INSTRUMENT_IDENTITY] = {"identity", false, false, prismi_identity_check,
                                   prismi_identity_create},
};

int prismi_instrument_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out)
{
    return prismi_instrument_kinds[params->kind].create(dev, params, out);
}

void prismi_instrument_destroy(struct prismi_instrument **in)
{
    struct prism_linop *op = *in ? &(*in)->op : NULL;
    prism_linop_destroy(&op);
    *in = NULL;
}

int prismi_instrument_check_frame(const struct prismi_instrument *in, int k)
{
    if (k < 0 || k >= in->n_frames)
        return PRISM_FAIL(prismi_dev_ctx(in->op.dev), PRISM_EINVAL,
                          "frame %d: the instrument has %d frames, 0 to %d", k, in->n_frames,
                          in->n_frames - 1);
    return 0;
}

int prismi_instrument_select(struct prismi_instrument *in, const int32_t *index)
{
    struct prism_dev *dev = in->op.dev;

    for (int b = 0; b < in->batch; b++)
        PRISM_TRY(prismi_instrument_check_frame(in, index[b]));
    return dev->ops->write(dev, in->index, index, (size_t)in->batch * sizeof *index);
}

int prismi_instrument_start(struct prismi_instrument *in)
{
    struct prism_dev *dev = in->op.dev;

    for (int b = 0; b < in->batch; b++) {
        const int32_t k = b % in->n_frames;
        PRISM_TRY(dev->ops->write(dev, in->index + (size_t)b * sizeof k, &k, sizeof k));
    }
    return 0;
}

int prismi_instrument_normal(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u)
{
    PRISM_TRY(prism_linop_forward(&in->op, u, x));
    return prism_linop_adjoint(&in->op, y, u);
}

int prismi_instrument_hold(struct prismi_instrument *in, prism_mem x)
{
    in->held = x;
    return 0;
}

int prismi_instrument_fields(struct prismi_instrument *in, prism_mem u)
{
    return prism_linop_forward(&in->op, u, in->held);
}
