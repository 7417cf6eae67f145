/* Reference backend: cross-correlation and its two gradients, by their definition. */
#include "ref.h"

#include <stdlib.h>
#include <string.h>

struct prism_conv {
    struct prism_conv_desc desc;
};

/* Along one line and for one kernel column: n samples, the first ones being `out` and `in`. */
struct range {
    int out, in, n;
};

static struct range conv_range(const struct prism_conv_desc *d, int ow, int kx)
{
    int shift = d->pad - kx; /* ox meets input ox stride - shift, wanted in [0, w) */
    int first = shift > 0 ? (shift + d->stride - 1) / d->stride : 0;
    int last = (d->w - 1 + shift) / d->stride;

    if (d->w - 1 + shift < 0 || first >= ow)
        return (struct range){0, 0, 0};
    if (last > ow - 1)
        last = ow - 1;
    return (struct range){first, first * d->stride - shift, last >= first ? last - first + 1 : 0};
}

#define TMPL "conv_tmpl.h"
#include "both.h"

int prismi_ref_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d, struct prism_conv **out)
{
    struct prism_conv *plan = malloc(sizeof *plan);

    *out = plan;
    if (!plan)
        return REF_FAIL(dev, PRISM_ENOMEM, "no memory for the plan of a convolution");
    plan->desc = *d;
    return 0;
}

int prismi_ref_conv_fwd(struct prism_conv *plan, prism_mem y, prism_mem x, prism_mem w)
{
    REF_CALL(plan->desc.dtype, conv_fwd, &plan->desc, (void *)y, (void *)x, (void *)w);
    return 0;
}

int prismi_ref_conv_bwd_x(struct prism_conv *plan, prism_mem gx, prism_mem gy, prism_mem w)
{
    REF_CALL(plan->desc.dtype, conv_bwd_x, &plan->desc, (void *)gx, (void *)gy, (void *)w);
    return 0;
}

int prismi_ref_conv_bwd_w(struct prism_conv *plan, prism_mem gw, prism_mem gy, prism_mem x)
{
    REF_CALL(plan->desc.dtype, conv_bwd_w, &plan->desc, (void *)gw, (void *)gy, (void *)x);
    return 0;
}

void prismi_ref_conv_destroy(struct prism_conv *plan)
{
    free(plan);
}
