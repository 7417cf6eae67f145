/* Pooling, written as its definition, in the reference backend. */
#include "ref.h"

#include <math.h>
#include <string.h>

/* Pixels of a window that lie in the plane: rows i0 to i1 - 1, columns j0 to j1
 * - 1. */
struct span {
    int i0, i1, j0, j1;
};

static struct span window_span(const struct prism_pool_desc *d, int oy, int ox)
{
    int i = oy * d->stride - d->pad, j = ox * d->stride - d->pad;

    return (struct span){i > 0 ? i : 0, i + d->k < d->h ? i + d->k : d->h, j > 0 ? j : 0,
                         j + d->k < d->w ? j + d->k : d->w};
}

#define TMPL "pool2d_tmpl.h"
#include "both.h"

int prismi_ref_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                        prism_mem index, prism_mem x)
{
    (void)dev;
    REF_CALL(d->dtype, pool_fwd, d, (void *)y, (void *)index, (void *)x);
    return 0;
}

int prismi_ref_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                        prism_mem gy, prism_mem index)
{
    (void)dev;
    REF_CALL(d->dtype, pool_bwd, d, (void *)gx, (void *)gy, (void *)index);
    return 0;
}
