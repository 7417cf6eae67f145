/* Matrix product of the reference backend. */
#include "ref.h"

#define TMPL "gemm_tmpl.h"
#include "both.h"

int prismi_ref_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                    prism_mem a, prism_mem b)
{
    (void)dev;
    REF_CALL(d->dtype, gemm, d, (void *)c, (void *)a, (void *)b);
    return 0;
}
