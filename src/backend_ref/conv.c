/* Convolution of the reference backend: cross-correlation and its two
 * gradients, written as their definitions. */
#include "ref.h"

#include <stdlib.h>
#include <string.h>

struct prism_conv {
    struct prism_conv_desc desc;
    /* half-precision stored type; used if x is not NULL, and desc.dtype is then
     * F32 */
    enum prism_dtype half;
    float *x, *y, *w; /* float copies of half-precision operands; NULL for real dtypes */
    size_t nx, ny, nw;
};

/* A run of n samples along one line that one kernel column visits: output
 * samples start at `out`, input samples at `in`. */
struct range {
    int out, in, n;
};

static struct range conv_range(const struct prism_conv_desc *d, int ow, int kx)
{
    int shift = d->pad - kx; /* output ox reads input ox stride - shift, which must lie in [0, w) */
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

static bool is_half(const struct prism_conv_desc *d)
{
    return d->dtype == PRISM_F16 || d->dtype == PRISM_BF16;
}

int prismi_ref_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                           struct prism_conv **out)
{
    struct prism_conv *plan = malloc(sizeof *plan);

    *out = NULL;
    if (!plan)
        return REF_FAIL(dev, PRISM_ENOMEM, "no memory for the plan of a convolution");
    *plan = (struct prism_conv){.desc = *d};
    if (is_half(d)) {
        plan->desc.dtype = PRISM_F32;
        plan->half = d->dtype;
        plan->nx = (size_t)d->n * (size_t)d->cin * (size_t)d->h * (size_t)d->w;
        plan->ny = (size_t)d->n * (size_t)d->cout * (size_t)prism_conv_out(d, d->h) *
                   (size_t)prism_conv_out(d, d->w);
        plan->nw = (size_t)d->cout * (size_t)d->cin * (size_t)d->k * (size_t)d->k;
        plan->x = malloc((plan->nx + plan->ny + plan->nw) * sizeof *plan->x);
        if (!plan->x) {
            free(plan);
            return REF_FAIL(dev, PRISM_ENOMEM,
                            "no memory for the operands of a convolution as floats");
        }
        plan->y = plan->x + plan->nx;
        plan->w = plan->y + plan->ny;
    }
    *out = plan;
    return 0;
}

/* Half-precision operands are widened to floats, convolved, and narrowed. */
int prismi_ref_conv_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    if (!c->x) {
        REF_CALL(c->desc.dtype, conv_fwd, &c->desc, (void *)y, (void *)x, (void *)w);
        return 0;
    }
    prismi_ref_widen(c->half, c->nx, c->x, (const void *)x);
    prismi_ref_widen(c->half, c->nw, c->w, (const void *)w);
    conv_fwd_f32(&c->desc, c->y, c->x, c->w);
    prismi_ref_narrow(c->half, c->ny, (void *)y, c->y);
    return 0;
}

int prismi_ref_conv_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    if (!c->x) {
        REF_CALL(c->desc.dtype, conv_bwd_x, &c->desc, (void *)gx, (void *)gy, (void *)w);
        return 0;
    }
    prismi_ref_widen(c->half, c->ny, c->y, (const void *)gy);
    prismi_ref_widen(c->half, c->nw, c->w, (const void *)w);
    conv_bwd_x_f32(&c->desc, c->x, c->y, c->w);
    prismi_ref_narrow(c->half, c->nx, (void *)gx, c->x);
    return 0;
}

int prismi_ref_conv_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    if (!c->x) {
        REF_CALL(c->desc.dtype, conv_bwd_w, &c->desc, (void *)gw, (void *)gy, (void *)x);
        return 0;
    }
    prismi_ref_widen(c->half, c->ny, c->y, (const void *)gy);
    prismi_ref_widen(c->half, c->nx, c->x, (const void *)x);
    conv_bwd_w_f32(&c->desc, (void *)gw, c->y, c->x);
    return 0;
}

void prismi_ref_conv_destroy(struct prism_conv *plan)
{
    if (plan)
        free(plan->x);
    free(plan);
}
