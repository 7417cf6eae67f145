/* Adam steps of a small dense network, in the reference backend. */
#include "ref.h"

#include <math.h>

#define TMPL "dense_tmpl.h"
#include "both.h"

int prismi_ref_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                         const struct prism_dense_fit_args *a)
{
    (void)dev;
    REF_CALL(d->dtype, dense_fit, d, a);
    return 0;
}
