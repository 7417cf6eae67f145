/* The checked versions of the optional entries. A composed entry calls back
 * through the device's table, so it gets the plan as callers hold it; a
 * backend's own entry gets the backend's plan. */
#include "core/front.h"

static int check_norm(const struct prismi_call *c, const struct prism_norm_desc *d,
                      const struct prism_norm_args *a)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, PRISMI_REAL | PRISMI_HALF));
    PRISMI_WITHIN(c, d, act, 0, PRISM_ACT_COUNT - 1);
    PRISMI_WITHIN(c, d, n, 1, 16384);
    PRISMI_SIZE(c, d, rows);
    PRISMI_SIZE(c, d, cols);
    PRISM_TRY(prismi_check_count(c, (double)d->n * (double)d->rows * (double)d->cols));
    PRISMI_ARG(c, a, x);
    PRISMI_ARG(c, a, stats);
    PRISMI_ARG(c, a, gamma);
    PRISMI_ARG(c, a, beta);
    return 0;
}

static int front_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                              const struct prism_norm_args *a)
{
    const struct prismi_call c = {dev, "norm_act_fwd", NULL};
    PRISM_TRY(check_norm(&c, d, a));
    PRISMI_ARG(&c, a, y);
    return prismi_inner(dev)->norm_act_fwd(dev, d, a);
}

static int front_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                              const struct prism_norm_args *a)
{
    const struct prismi_call c = {dev, "norm_act_bwd", NULL};
    PRISM_TRY(check_norm(&c, d, a));
    PRISMI_ARG(&c, a, gy);
    PRISMI_ARG(&c, a, gx);
    PRISMI_ARG(&c, a, ggamma);
    PRISMI_ARG(&c, a, gbeta);
    PRISMI_ARGS_APART(&c, a, gx, x);
    PRISMI_ARGS_APART(&c, a, gx, gy);
    return prismi_inner(dev)->norm_act_bwd(dev, d, a);
}

static int front_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
                        const struct prism_misfit_args *a)
{
    const struct prismi_call c = {dev, "misfit", NULL};
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL));
    PRISMI_WITHIN(&c, d, kind, 0, PRISM_MISFIT_COUNT - 1);
    PRISMI_SIZE(&c, d, batch);
    PRISMI_SIZE(&c, d, cols);
    PRISM_TRY(prismi_check_count(&c, (double)d->batch * (double)d->cols));
    PRISMI_ARG(&c, a, loss);
    PRISMI_ARG(&c, a, gu);
    PRISMI_ARG(&c, a, u);
    PRISMI_ARG(&c, a, target);
    PRISMI_ARG(&c, a, weight);
    PRISMI_ARG(&c, a, index);
    PRISMI_ARG(&c, a, tmp);
    return prismi_inner(dev)->misfit(dev, d, a);
}

/* m and v must both be there or both be NULL; vmax needs both. */
static int check_moments(const struct prismi_call *c, prism_mem m, prism_mem v, prism_mem vmax)
{
    if (!m != !v)
        return prismi_wrong_operand(c, m ? "v" : "m", "NULL; expected both m and v, or neither");
    if (vmax && !m)
        return prismi_wrong_operand(c, "vmax", "there without m and v; expected NULL");
    return 0;
}

static int check_tail(const struct prismi_call *c, const struct prism_adam_outer_args *a,
                      const struct prism_adam_outer_tail *t)
{
    PRISMI_ARG(c, t, ga);
    PRISMI_ARG(c, t, z);
    PRISMI_ARG(c, t, y);
    if (!t->zm != !a->m)
        return prismi_wrong_operand(
            c, "zm", t->zm ? "there without m; expected NULL" : "NULL; it is required with m");
    if (!t->zv != !a->v)
        return prismi_wrong_operand(
            c, "zv", t->zv ? "there without v; expected NULL" : "NULL; it is required with v");
    if (!t->zvmax != !a->vmax)
        return prismi_wrong_operand(c, "zvmax",
                                    t->zvmax ? "there without vmax; expected NULL"
                                             : "NULL; it is required with vmax");
    return 0;
}

static int front_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                            struct prism_conv *conv, const struct prism_adam_outer_args *a)
{
    const struct prismi_call c = {dev, "adam_outer", NULL};
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL));
    PRISMI_INT(&c, d, rows);
    PRISMI_INT(&c, d, cols);
    PRISMI_ARG(&c, a, p);
    PRISMI_ARG(&c, a, a);
    PRISMI_ARG(&c, a, b);
    PRISMI_ARG(&c, a, step);
    PRISMI_ARG(&c, a, tmp);
    PRISM_TRY(check_moments(&c, a->m, a->v, a->vmax));
    if (!a->tail)
        return prismi_inner(dev)->adam_outer(dev, d, NULL, a);
    PRISMI_GIVEN(&c, conv);
    PRISM_TRY(check_tail(&c, a, a->tail));
    const bool composed = prismi_inner(dev)->adam_outer == prismi_adam_outer;
    return prismi_inner(dev)->adam_outer(
        dev, d, composed ? conv : ((struct prismi_plan *)conv)->inner.conv, a);
}

static int check_fft(const struct prismi_call *c, const struct prism_fft *fft, int batch, int h,
                     int w)
{
    PRISMI_GIVEN(c, fft);
    const struct prism_fft_desc *d = &((const struct prismi_plan *)fft)->desc.fft;
    if (d->batch == batch && d->h == h && d->w == w)
        return 0;
    return PRISMI_REFUSE(c, "fft is a plan of %d x %d x %d; expected one of %d x %d x %d", d->batch,
                         d->h, d->w, batch, h, w);
}

static int front_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                              struct prism_fft *fft, const struct prism_field_misfit_args *a)
{
    const struct prismi_call c = {dev, "field_misfit", NULL};
    const bool composed = prismi_inner(dev)->field_misfit == prismi_field_misfit;
    PRISM_TRY(prismi_check_subaperture(&c, &d->aperture));
    PRISMI_WITHIN(&c, d, kind, 0, PRISM_MISFIT_COUNT - 1);
    PRISM_TRY(check_fft(&c, fft, d->aperture.batch, d->aperture.oh, d->aperture.ow));
    PRISMI_ARG(&c, a, loss);
    PRISMI_ARG(&c, a, gspectrum);
    PRISMI_ARG(&c, a, spectrum);
    PRISMI_ARG(&c, a, pupil);
    PRISMI_ARG(&c, a, origin);
    PRISMI_ARG(&c, a, index);
    PRISMI_ARG(&c, a, target);
    PRISMI_ARG(&c, a, weight);
    PRISMI_ARG(&c, a, u);
    PRISMI_ARG(&c, a, tmp);
    return prismi_inner(dev)->field_misfit(
        dev, d, composed ? fft : ((struct prismi_plan *)fft)->inner.fft, a);
}

static int check_spectrum(const struct prismi_call *c, const struct prism_spectrum_desc *d,
                          const struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, PRISMI_REAL | PRISMI_CPLX));
    PRISMI_SIDE(c, d, h);
    PRISMI_SIDE(c, d, w);
    PRISMI_WITHIN(c, d, oh, 1, d->h);
    PRISMI_WITHIN(c, d, ow, 1, d->w);
    PRISM_TRY(check_fft(c, fft, 1, d->h, d->w));
    PRISMI_ARG(c, a, spectrum);
    PRISMI_ARG(c, a, object);
    if (d->dtype == prism_dtype_real(d->dtype))
        PRISMI_ARG(c, a, tmp);
    return 0;
}

static int front_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                              struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    const struct prismi_call c = {dev, "spectrum_fwd", NULL};
    const bool composed = prismi_inner(dev)->spectrum_fwd == prismi_spectrum_fwd;
    PRISM_TRY(check_spectrum(&c, d, fft, a));
    return prismi_inner(dev)->spectrum_fwd(
        dev, d, composed ? fft : ((struct prismi_plan *)fft)->inner.fft, a);
}

static int front_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                              struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    const struct prismi_call c = {dev, "spectrum_adj", NULL};
    const bool composed = prismi_inner(dev)->spectrum_adj == prismi_spectrum_adj;
    PRISM_TRY(check_spectrum(&c, d, fft, a));
    return prismi_inner(dev)->spectrum_adj(
        dev, d, composed ? fft : ((struct prismi_plan *)fft)->inner.fft, a);
}

static int front_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                           const struct prism_dense_fit_args *a)
{
    const struct prismi_call c = {dev, "dense_fit", NULL};
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL));
    PRISMI_WITHIN(&c, d, layers, 1, PRISM_DENSE_LAYERS);
    PRISMI_INT(&c, d, batch);
    for (int l = 0; l <= d->layers; l++)
        if (d->width[l] < 1 || d->width[l] > PRISMI_SIDE_MAX)
            return PRISMI_REFUSE(&c, "width[%d] is %d; expected 1 to %d", l, d->width[l],
                                 PRISMI_SIDE_MAX);
    for (int l = 0; l < d->layers; l++)
        if ((unsigned)d->act[l] >= PRISM_ACT_COUNT)
            return PRISMI_REFUSE(&c, "act[%d] is %d; expected 0 to %d", l, (int)d->act[l],
                                 PRISM_ACT_COUNT - 1);
    if (!(d->eps > 0))
        return PRISMI_REFUSE(&c, "eps is %g; expected a number above 0", d->eps);
    PRISMI_INT(&c, d, steps);
    PRISMI_ARG(&c, a, p);
    PRISMI_ARG(&c, a, m);
    PRISMI_ARG(&c, a, v);
    PRISMI_ARG(&c, a, x);
    PRISMI_ARG(&c, a, t);
    PRISMI_ARG(&c, a, index);
    PRISMI_ARG(&c, a, weight);
    PRISMI_ARG(&c, a, step);
    PRISMI_ARG(&c, a, loss);
    PRISMI_ARG(&c, a, tmp);
    return prismi_inner(dev)->dense_fit(dev, d, a);
}

void prismi_front_fused(struct prism_ops *ops)
{
    ops->norm_act_fwd = front_norm_act_fwd;
    ops->norm_act_bwd = front_norm_act_bwd;
    ops->misfit = front_misfit;
    ops->adam_outer = front_adam_outer;
    ops->field_misfit = front_field_misfit;
    ops->spectrum_fwd = front_spectrum_fwd;
    ops->spectrum_adj = front_spectrum_adj;
    ops->dense_fit = front_dense_fit;
}
