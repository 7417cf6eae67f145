/* Two-dimensional discrete Fourier transforms of any size, in the reference
 * backend. */
#include "ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

struct prism_fft {
    struct prism_fft_desc desc;
    int longest;             /* max(h, w) */
    void *table_h, *table_w; /* exp(-2 pi i k/n) for n = h and n = w */
    void *scratch;           /* one input line, one output line, the terms of one prime factor */
};

/* Factor by which a transform of n samples is split: 4 if it divides n, else
 * the smallest prime factor; 1 for n = 1. */
static int small_factor(int n)
{
    if (n % 4 == 0)
        return 4;
    for (int p = 2; p <= n / p; p++)
        if (n % p == 0)
            return p;
    return n;
}

#define TMPL "fft_tmpl.h"
#include "both.h"

int prismi_ref_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                          struct prism_fft **out)
{
    struct prism_fft *plan = calloc(1, sizeof *plan);
    size_t size = prism_dtype_size(d->dtype);

    *out = NULL;
    if (plan) {
        plan->desc = *d;
        plan->longest = d->h > d->w ? d->h : d->w;
        plan->table_h = calloc((size_t)d->h, size);
        plan->table_w = calloc((size_t)d->w, size);
        plan->scratch = calloc(3 * (size_t)plan->longest, size);
    }
    if (!plan || !plan->table_h || !plan->table_w || !plan->scratch) {
        prismi_ref_fft_destroy(plan);
        return REF_FAIL(dev, PRISM_ENOMEM, "no memory for the plan of a %d x %d transform", d->h,
                        d->w);
    }
    REF_CALL(d->dtype, fill_table, d->h, plan->table_h);
    REF_CALL(d->dtype, fill_table, d->w, plan->table_w);
    *out = plan;
    return 0;
}

int prismi_ref_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src)
{
    REF_CALL(plan->desc.dtype, run, plan, sign, (void *)dst, (void *)src);
    return 0;
}

void prismi_ref_fft_destroy(struct prism_fft *plan)
{
    if (!plan)
        return;
    free(plan->table_h);
    free(plan->table_w);
    free(plan->scratch);
    free(plan);
}
