/* The optional entries in terms of the required ones: their definition, and the
 * code that runs where a backend leaves them out. Half types have no
 * composition: a backend with half types brings its own normalisation. */
#include "core/ctx.h"

/* y[r] = the sum over images, in their order, of the reduction of row r of
 * each. more: [rows] scratch, used if there are several images. */
static int reduce_images(struct prism_dev *dev, enum prism_reduce op,
                         const struct prism_norm_desc *d, prism_mem y, prism_mem a, prism_mem b,
                         prism_mem more)
{
    size_t image = d->rows * d->cols * prism_dtype_size(d->dtype),
           step = op == PRISM_REDUCE_VAR ? 0 : image;
    PRISM_TRY(dev->ops->reduce(dev, op, d->dtype, d->rows, d->cols, y, a, b));
    for (size_t i = 1; i < d->n; i++) {
        PRISM_TRY(dev->ops->reduce(dev, op, d->dtype, d->rows, d->cols, more, a + i * image,
                                   b ? b + i * step : NULL));
        PRISM_TRY(prismi_map(dev, PRISM_MAP_AXPBY, d->dtype, 1, d->rows, y, y, more, NULL, 1, 1));
    }
    return 0;
}

/* The same with the mean over images: op is itself a mean over columns. */
static int mean_images(struct prism_dev *dev, enum prism_reduce op, const struct prism_norm_desc *d,
                       prism_mem y, prism_mem a, prism_mem b, prism_mem more)
{
    PRISM_TRY(reduce_images(dev, op, d, y, a, b, more));
    return d->n == 1 ? 0
                     : prismi_map(dev, PRISM_MAP_AXPBY, d->dtype, 1, d->rows, y, y, y, NULL,
                                  1 / (double)d->n, 0);
}

static int norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                        const struct prism_norm_args *a)
{
    const struct prism_ops *ops = dev->ops;
    size_t vec = d->rows * prism_dtype_size(d->dtype), rows = d->n * d->rows;
    prism_mem mean = a->stats, var = mean + vec, rstd = var + vec;
    const struct prism_map_args normalize = {
        .y = {a->y}, .x = {a->x, mean, rstd}, .period = d->rows};
    const struct prism_map_args shift = {
        .y = {a->y}, .x = {a->y, a->gamma, a->beta}, .period = d->rows};
    const struct prism_map_args act = {.y = {a->y}, .x = {a->y}, .act = d->act};
    PRISM_TRY(mean_images(dev, PRISM_REDUCE_MEAN, d, mean, a->x, NULL, rstd));
    PRISM_TRY(mean_images(dev, PRISM_REDUCE_VAR, d, var, a->x, mean, rstd));
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_RSQRT, d->dtype, 1, d->rows, rstd, var, NULL, NULL, d->eps, 0));
    PRISM_TRY(ops->map(dev, PRISM_MAP_NORMALIZE, d->dtype, rows, d->cols, &normalize));
    PRISM_TRY(ops->map(dev, PRISM_MAP_SCALE_SHIFT, d->dtype, rows, d->cols, &shift));
    return ops->map(dev, PRISM_MAP_ACT, d->dtype, rows, d->cols, &act);
}

static int norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                        const struct prism_norm_args *a)
{
    const struct prism_ops *ops = dev->ops;
    size_t vec = d->rows * prism_dtype_size(d->dtype), rows = d->n * d->rows;
    prism_mem mean = a->stats, rstd = mean + 2 * vec, xhat = a->x, g = a->gy;
    const struct prism_map_args normalize = {
        .y = {xhat}, .x = {a->x, mean, rstd}, .period = d->rows};
    const struct prism_map_args shift = {
        .y = {a->gx}, .x = {xhat, a->gamma, a->beta}, .period = d->rows};
    const struct prism_map_args act = {.y = {g}, .x = {g, a->gx}, .act = d->act};
    const struct prism_map_args bwd = {
        .y = {a->gx}, .x = {g, xhat, a->gamma, rstd, a->gbeta, a->ggamma}, .period = d->rows};
    PRISM_TRY(ops->map(dev, PRISM_MAP_NORMALIZE, d->dtype, rows, d->cols, &normalize));
    PRISM_TRY(ops->map(dev, PRISM_MAP_SCALE_SHIFT, d->dtype, rows, d->cols, &shift));
    PRISM_TRY(ops->map(dev, PRISM_MAP_ACT_BWD, d->dtype, rows, d->cols, &act));
    PRISM_TRY(reduce_images(dev, PRISM_REDUCE_SUM, d, a->gbeta, g, NULL, a->gx));
    PRISM_TRY(reduce_images(dev, PRISM_REDUCE_DOT, d, a->ggamma, g, xhat, a->gx));
    return ops->map(dev, PRISM_MAP_NORM_BWD, d->dtype, rows, d->cols, &bwd);
}

static const enum prism_map misfit_maps[PRISM_MISFIT_COUNT] = {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) PRISM_MAP_MISFIT_##NAME,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

static int misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
                  const struct prism_misfit_args *a)
{
    const struct prism_ops *ops = dev->ops;
    size_t image = d->batch * d->cols * prism_dtype_size(d->dtype);
    /* the map turns m into slopes and t into terms */
    prism_mem m = a->tmp, t = m + image, w = t + image;
    const struct prism_map_args pixels = {.y = {m, t}, .x = {m, t, w}};
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_C_ABS, d->dtype, d->batch, d->cols, m, a->u, NULL, NULL, 0, 0));
    PRISM_TRY(prismi_map(dev, PRISM_MAP_GATHER_ROW, d->dtype, d->batch, d->cols, t, a->target,
                         a->index, NULL, 0, 0));
    PRISM_TRY(prismi_map(dev, PRISM_MAP_GATHER_ROW, d->dtype, d->batch, 1, w, a->weight, a->index,
                         NULL, 0, 0));
    PRISM_TRY(ops->map(dev, misfit_maps[d->kind], d->dtype, d->batch, d->cols, &pixels));
    PRISM_TRY(ops->reduce(dev, PRISM_REDUCE_SUM, d->dtype, d->batch, d->cols, a->loss, t, NULL));
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_MUL, d->dtype, 1, d->batch, a->loss, a->loss, w, NULL, 1, 0));
    return prismi_map(dev, PRISM_MAP_C_PHASE, d->dtype, d->batch, d->cols, a->gu, m, a->u, NULL, 0,
                      0);
}

int prismi_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                        struct prism_fft *fft, const struct prism_field_misfit_args *a)
{
    const struct prism_ops *ops = dev->ops;
    const struct prism_subaperture_desc *s = &d->aperture;
    const struct prism_subaperture_args there = {a->u, a->spectrum, a->pupil, a->origin, a->index,
                                                 0,    a->open,     NULL,     true};
    const struct prism_subaperture_args back = {a->u, a->gspectrum, a->pupil, a->origin, a->index,
                                                0,    a->open,      a->rows,  false};
    const struct prism_misfit_desc md = {prism_dtype_real(s->dtype), d->kind, (size_t)s->batch,
                                         (size_t)s->oh * (size_t)s->ow};
    const struct prism_misfit_args ma = {a->loss,   a->u,     a->u,  a->target,
                                         a->weight, a->index, a->tmp};
    PRISM_TRY(ops->subaperture_fwd(dev, s, &there));
    PRISM_TRY(ops->fft_run(fft, +1, a->u, a->u));
    PRISM_TRY(ops->misfit(dev, &md, &ma));
    PRISM_TRY(ops->fft_run(fft, -1, a->u, a->u));
    return ops->subaperture_adj(dev, s, &back);
}

static bool is_real(enum prism_dtype t)
{
    return t == prism_dtype_real(t);
}

int prismi_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                        struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    const struct prism_ops *ops = dev->ops;
    const struct prism_window_desc pad = {
        prism_dtype_complex(d->dtype), 1, d->h, d->w, d->oh, d->ow, d->h / 2 - d->oh / 2,
        d->w / 2 - d->ow / 2};
    size_t pixels = (size_t)d->oh * (size_t)d->ow;
    if (is_real(d->dtype))
        PRISM_TRY(prismi_map(dev, PRISM_MAP_C_FROM_R, d->dtype, 1, pixels, a->tmp, a->object, NULL,
                             NULL, 0, 0));
    PRISM_TRY(ops->window(dev, &pad, a->spectrum, is_real(d->dtype) ? a->tmp : a->object));
    return ops->fft_run(fft, -1, a->spectrum, a->spectrum);
}

int prismi_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                        struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    const struct prism_ops *ops = dev->ops;
    const struct prism_window_desc crop = {
        prism_dtype_complex(d->dtype), 1, d->oh, d->ow, d->h, d->w, d->oh / 2 - d->h / 2,
        d->ow / 2 - d->w / 2};
    size_t pixels = (size_t)d->oh * (size_t)d->ow;
    PRISM_TRY(ops->fft_run(fft, +1, a->spectrum, a->spectrum));
    if (!is_real(d->dtype))
        return ops->window(dev, &crop, a->object, a->spectrum);
    PRISM_TRY(ops->window(dev, &crop, a->tmp, a->spectrum));
    return prismi_map(dev, PRISM_MAP_C_REAL, d->dtype, 1, pixels, a->object, a->tmp, NULL, NULL, 1,
                      0);
}

/* The gradient a b^T is made PRISM_ADAM_OUTER_ROWS rows at a time. */
int prismi_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                      struct prism_conv *conv, const struct prism_adam_outer_args *a)
{
    const struct prism_ops *ops = dev->ops;
    const struct prism_adam_outer_tail *t = a->tail;
    enum prism_map op = a->vmax ? PRISM_MAP_AMSGRAD : a->m ? PRISM_MAP_ADAM : PRISM_MAP_ADAM_ONCE;
    const struct prism_gemm_desc back = {
        .dtype = d->dtype, .m = (int)d->rows, .n = 1, .k = (int)d->cols, .alpha = 1};
    size_t size = prism_dtype_size(d->dtype);
    if (t)
        PRISM_TRY(ops->gemm(dev, &back, t->ga, a->p, a->b));
    for (size_t r = 0; r < d->rows; r += PRISM_ADAM_OUTER_ROWS) {
        size_t n = d->rows - r < PRISM_ADAM_OUTER_ROWS ? d->rows - r : PRISM_ADAM_OUTER_ROWS,
               at = r * d->cols * size;
        const struct prism_gemm_desc outer = {
            .dtype = d->dtype, .m = (int)n, .n = (int)d->cols, .k = 1, .alpha = 1};
        const struct prism_map_args step = {.y = {a->p + at, a->m ? a->m + at : NULL,
                                                  a->v ? a->v + at : NULL,
                                                  a->vmax ? a->vmax + at : NULL},
                                            .x = {a->tmp, a->step},
                                            .s = {d->b1, d->b2, d->eps}};
        PRISM_TRY(ops->gemm(dev, &outer, a->tmp, a->a + r * size, a->b));
        PRISM_TRY(ops->map(dev, op, d->dtype, 1, n * d->cols, &step));
    }
    if (!t)
        return 0;
    const struct prism_map_args vector = {
        .y = {t->z, t->zm, t->zv, t->zvmax}, .x = {t->ga, a->step}, .s = {d->b1, d->b2, d->eps}};
    PRISM_TRY(ops->map(dev, op, d->dtype, 1, d->rows, &vector));
    return ops->conv_bwd_x(conv, t->y, t->z, a->p);
}

int prismi_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                    prism_make *make, const void *arg)
{
    double piece[2048]; /* aligned and large enough for either type */
    const size_t size = prism_dtype_size(dtype), most = sizeof piece / size;
    for (size_t at = 0, some; at < n; at += some) {
        some = n - at < most ? n - at : most;
        make(arg, at, some, piece);
        PRISM_TRY(dev->ops->write(dev, dst + at * size, piece, some * size));
    }
    return 0;
}

void prismi_compose(struct prism_ops *ops)
{
    if (!ops->generate)
        ops->generate = prismi_generate;
    if (!ops->norm_act_fwd)
        ops->norm_act_fwd = norm_act_fwd;
    if (!ops->norm_act_bwd)
        ops->norm_act_bwd = norm_act_bwd;
    if (!ops->misfit)
        ops->misfit = misfit;
    if (!ops->adam_outer)
        ops->adam_outer = prismi_adam_outer;
    if (!ops->field_misfit)
        ops->field_misfit = prismi_field_misfit;
    if (!ops->spectrum_fwd)
        ops->spectrum_fwd = prismi_spectrum_fwd;
    if (!ops->spectrum_adj)
        ops->spectrum_adj = prismi_spectrum_adj;
    if (!ops->dense_fit)
        ops->dense_fit = prismi_dense_fit;
}
