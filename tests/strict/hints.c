/* Checks of the hints that the reference backend ignores. A nonzero number
 * where the caller said there are zeros is an error, and what the caller said
 * it does not need is overwritten with something large. Numbers that are not
 * finite are let through, because they may spread anywhere. */
#include "strict.h"

#include <math.h>

static const double large = 1e30;

static double real_at(enum prism_dtype dtype, prism_mem mem, size_t i)
{
    return dtype == PRISM_CF32 ? (double)((const float *)mem)[i] : ((const double *)mem)[i];
}

static void put_large(enum prism_dtype dtype, prism_mem mem, size_t i)
{
    if (dtype == PRISM_CF32)
        ((float *)mem)[i] = (float)large;
    else
        ((double *)mem)[i] = large;
}

/* True if sample i is among the `count` samples from `first` on, modulo n. */
static bool within(int i, int first, int count, int n)
{
    return (i - first + n) % n < count;
}

int strict_run_fft(struct prism_dev *dev, const struct call *c)
{
    const struct prism_fft_desc *d = &c->plan->fft;
    const int32_t *support =
        d->support ? (const int32_t *)d->support + (c->op > 0 ? 4 * d->batch : 0) : NULL;
    const size_t row = 2 * (size_t)d->w;

    for (int r = 0; support && r < d->batch * d->h; r++) {
        const int32_t *s = support + 4 * (r / d->h);
        for (size_t i = 0; i < row && !within(r % d->h, s[0], s[1], d->h); i++) {
            double x = real_at(d->dtype, c->mem[1], (size_t)r * row + i);
            if (isfinite(x) && x != 0)
                return FAIL(
                    dev, PRISM_EDEVICE,
                    "strict: row %d of transform %d holds %g, but the support says it holds zeros",
                    r % d->h, r / d->h, x);
        }
    }
    int status = REF->fft_run(c->plan->inner, c->op, c->mem[0], c->mem[1]);
    for (int r = 0; support && !status && r < d->batch * d->h; r++) {
        const int32_t *s = support + 4 * (r / d->h);
        for (size_t i = 0; i < row; i++)
            if (!within((int)(i / 2), s[2], s[3], d->w))
                put_large(d->dtype, c->mem[0], (size_t)r * row + i);
    }
    return status;
}

int strict_check_open(struct prism_dev *dev, const struct call *c)
{
    const struct prism_subaperture_desc *d = &c->desc.subaperture;
    const struct prism_subaperture_args *a = &c->args.subaperture;

    if ((c->entry != SUBAPERTURE_FWD && c->entry != SUBAPERTURE_ADJ) || !a->open)
        return 0;
    for (int b = 0; b < d->batch; b++) {
        int k = ((const int32_t *)a->index)[b];
        const int32_t *o = (const int32_t *)a->open + 4 * k;
        for (int i = 0; i < d->ph; i++)
            for (int j = 0; j < d->pw; j++) {
                size_t at =
                    2 * (((size_t)k * (size_t)d->ph + (size_t)i) * (size_t)d->pw + (size_t)j);
                bool in = i >= o[0] && i < o[0] + o[1] && j >= o[2] && j < o[2] + o[3];
                if (!in && (real_at(d->dtype, a->pupil, at) != 0 ||
                            real_at(d->dtype, a->pupil, at + 1) != 0))
                    return FAIL(
                        dev, PRISM_EDEVICE,
                        "strict: pupil %d is open at (%d, %d), but `open` says it is closed there",
                        k, i, j);
            }
    }
    return 0;
}
