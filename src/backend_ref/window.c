/* Windows of the reference backend: pad and crop, sub-apertures of a spectrum,
 * separable blur. */
#include "ref.h"

#include <string.h>

/* i mod n in [0, n), for negative i too. */
static int wrap(int i, int n)
{
    int r = i % n;
    return r < 0 ? r + n : r;
}

/* Index reflected at both ends without repeating the edge. One reflection is
 * enough, because |overshoot| < n. */
static int mirror(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

#define TMPL "window_tmpl.h"
#include "both.h"

int prismi_ref_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                      prism_mem x)
{
    size_t size = prism_dtype_size(d->dtype), line = (size_t)d->wy * size;
    int from = d->dx > 0 ? d->dx : 0; /* columns from `from` to `to` - 1 of y exist in x */
    int to = d->wx + d->dx < d->wy ? d->wx + d->dx : d->wy;

    (void)dev;
    for (int p = 0; p < d->planes; p++)
        for (int i = 0; i < d->hy; i++, y += line) {
            int row = i - d->dy;
            memset(y, 0, line);
            if (row >= 0 && row < d->hx && from < to)
                memcpy(y + (size_t)from * size,
                       x + (((size_t)p * d->hx + row) * d->wx + (from - d->dx)) * size,
                       (size_t)(to - from) * size);
        }
    return 0;
}

int prismi_ref_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    (void)dev;
    memset(args->field, 0, (size_t)d->batch * d->oh * d->ow * prism_dtype_size(d->dtype));
    REF_CALL(d->dtype, subaperture, d, args, false);
    return 0;
}

int prismi_ref_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    (void)dev;
    if (args->beta == 0)
        memset(args->spectrum, 0, (size_t)d->h * d->w * prism_dtype_size(d->dtype));
    REF_CALL(d->dtype, subaperture, d, args, true);
    return 0;
}

int prismi_ref_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                    prism_mem x, prism_mem tmp, prism_mem taps)
{
    (void)dev;
    REF_CALL(d->dtype, blur, d, (void *)y, (void *)x, (void *)tmp, (void *)taps);
    return 0;
}
