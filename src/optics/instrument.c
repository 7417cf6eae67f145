/* Creation by kind, and entries that are composed of others. */
#include "optics/instrument.h"

int prismi_instrument_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out)
{
    return prismi_subaperture_create(dev, params, out);
}

void prismi_instrument_destroy(struct prismi_instrument **in)
{
    struct prism_linop *op = *in ? &(*in)->op : NULL;
    prism_linop_destroy(&op);
    *in = NULL;
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
