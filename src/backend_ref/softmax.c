/* Softmax over classes, its gradient, and the class of the largest value, in
 * the reference backend. */
#include "ref.h"

#include <math.h>

#define TMPL "softmax_tmpl.h"
#include "both.h"

int prismi_ref_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                           prism_mem x)
{
    (void)dev;
    REF_CALL(d->dtype, softmax_fwd, d, (void *)y, (void *)x);
    return 0;
}

int prismi_ref_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem y)
{
    (void)dev;
    REF_CALL(d->dtype, softmax_bwd, d, (void *)gx, (void *)gy, (void *)y);
    return 0;
}

int prismi_ref_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                      prism_mem x)
{
    (void)dev;
    REF_CALL(d->dtype, argmax, d, (void *)y, (void *)x);
    return 0;
}
