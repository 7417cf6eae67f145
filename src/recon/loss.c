/* The loss of amplitudes and its cotangent.
 *
 * Each kind of loss is a row of loss.def: a term that reads the fields u and
 * writes values and a cotangent. A single term overwrites u; several are added
 * up beside it. A kind with a misfit is the device's misfit entry. The
 * structural terms work on x = |u| and the target y:
 *
 *   SSIM, with W the Gaussian window, S the map and y1, y2, y3 its
 *   derivatives by W x, W x^2 and W xy (PRISM_MAP_SSIM):
 *     d(mean S)/dx = (W^T y1 + 2 x W^T y2 + y W^T y3)/n
 *   MS-SSIM = prod_j c_j^w_j, with c_j the mean contrast-structure of scale
 *   j (the mean SSIM at the coarsest) and scales made by 2x2 means:
 *     d/dx_j = (w_j/c_j) MS-SSIM dc_j/dx_j + pool^T d/dx_(j+1),
 *   without gradient where c_j is clamped to 1e-10
 *
 * SSIM is the case of a single scale, whose factor is known beforehand.
 *
 * W y, W y^2 and the coarser y depend only on the targets. They are computed
 * once if they fit cache.constants_mb, else in every run. */
#include "recon/internal.h"

#include <math.h>

#define RADIUS PRISMI_SSIM_RADIUS
#define TAPS PRISMI_SSIM_TAPS
#define NORM_EPS 1e-8
#define PRISM_MISFIT_NONE PRISM_MISFIT_COUNT

static const struct loss_kind {
    enum prism_misfit misfit; /* PRISM_MISFIT_NONE for a structural loss */
    int power, scales;
} loss_kinds[PRISM_LOSS_COUNT] = {
#define PRISM_LOSS_ROW(NAME, name, misfit, power, scales) {PRISM_MISFIT_##misfit, power, scales},
#include "prismrec/loss.def"
#undef PRISM_LOSS_ROW
};

struct scale {
    int h, w;
    size_t n;          /* pixels of an image */
    prism_mem x, y, g; /* [batch,n]: prediction, target, gradient */
    /* [n_targets,n] each: y (NULL at the finest scale, where it is the target),
     * W y, W y^2; all NULL if they are computed in every run */
    prism_mem constant[3];
    struct prism_conv *pool; /* pooling from the next finer scale; NULL at the finest */
};

struct prismi_loss {
    struct prism_dev *dev;
    struct prismi_loss_params par;
    size_t cols, real;
    double weights[PRISM_LOSS_COUNT];
    double *norm[2]; /* [n_targets] each: sum t, sum t^2 */
    double factor[PRISM_LOSS_COUNT];
    struct prismi_arena arena;
    prism_mem target, value;
    prism_mem weight[PRISM_LOSS_COUNT]; /* [n_targets], for misfits */
    prism_mem tmp;                      /* workspace of the misfit entry */
    prism_mem sum, part;                /* cotangents of several terms, [batch,cols] complex */
    prism_mem part_value;               /* [batch] */
    struct scale scales[PRISMI_MS_SCALES];
    int n_scales;
    /* keep: constants are stored; kept: they are up to date with the targets */
    bool keep, kept;
    double scale_weight[PRISMI_MS_SCALES];
    prism_mem moment[5], product, blur_tmp; /* [batch,cols] */
    prism_mem taps, pool_taps, ones, zeros; /* ones and zeros: [batch] */
    prism_mem means, factors;               /* [n_scales,batch]: c_j, and the factors on g */
    prism_mem exponents, inv_pixels;        /* [n_scales]: w_j, 1/pixels of a scale */
    double *host;                           /* [n_targets] */
};

/* ---- creation ---- */

/* Declare memory for the constants if they fit the budget. */
static void plan_constants(struct prismi_loss *l)
{
    size_t pixels = 0, targets = (size_t)l->par.n_targets * l->real;
    for (int j = 0; j < l->n_scales; j++)
        pixels += (j ? 3 : 2) * l->scales[j].n;
    l->keep = pixels * targets <=
              prism_cache_get_stats(prismi_dev_cache(l->dev), PRISM_CACHE_CONSTANTS).budget;
    for (int j = 0; l->keep && j < l->n_scales; j++)
        for (int i = j ? 0 : 1; i < 3; i++)
            prismi_arena_add(&l->arena, l->scales[j].n * targets, &l->scales[j].constant[i]);
}

static int structural_create(struct prismi_loss *l, int scales)
{
    const struct prismi_loss_params *p = &l->par;
    if (p->h <= RADIUS || p->w <= RADIUS)
        return PRISM_FAIL(prismi_dev_ctx(l->dev), PRISM_EINVAL,
                          "field of %d x %d pixels is too small for an SSIM loss: at least %d",
                          p->h, p->w, RADIUS + 1);
    size_t image = (size_t)p->batch * l->cols * l->real, vec = (size_t)p->batch * l->real;
    l->n_scales = scales > 1 ? prismi_ms_ssim_scales(p->h, p->w, l->scale_weight) : 1;
    for (int i = 0; i < 5; i++)
        prismi_arena_add(&l->arena, image, &l->moment[i]);
    prismi_arena_add(&l->arena, image, &l->product);
    prismi_arena_add(&l->arena, image, &l->blur_tmp);
    prismi_arena_add(&l->arena, TAPS * l->real, &l->taps);
    prismi_arena_add(&l->arena, 4 * l->real, &l->pool_taps);
    prismi_arena_add(&l->arena, vec, &l->ones);
    prismi_arena_add(&l->arena, vec, &l->zeros);
    prismi_arena_add(&l->arena, (size_t)l->n_scales * vec, &l->means);
    prismi_arena_add(&l->arena, (size_t)l->n_scales * vec, &l->factors);
    prismi_arena_add(&l->arena, (size_t)l->n_scales * l->real, &l->exponents);
    prismi_arena_add(&l->arena, (size_t)l->n_scales * l->real, &l->inv_pixels);
    for (int j = 0; j < l->n_scales; j++) {
        struct scale *s = &l->scales[j];
        s->h = p->h >> j;
        s->w = p->w >> j;
        s->n = (size_t)s->h * s->w;
        size_t bytes = (size_t)p->batch * s->n * l->real;
        prismi_arena_add(&l->arena, bytes, &s->x);
        prismi_arena_add(&l->arena, bytes, &s->y);
        prismi_arena_add(&l->arena, bytes, &s->g);
        if (j == 0)
            continue;
        const struct scale *fine = s - 1;
        const struct prism_conv_desc d = {.dtype = p->dtype,
                                          .n = 1,
                                          .cin = 1,
                                          .h = fine->h,
                                          .w = fine->w,
                                          .cout = 1,
                                          .k = 2,
                                          .stride = 2,
                                          .pad = 0};
        PRISM_TRY(l->dev->ops->conv_create(l->dev, &d, &s->pool));
    }
    plan_constants(l);
    return 0;
}

static int structural_fill(struct prismi_loss *l)
{
    double taps[TAPS], inv_pixels[PRISMI_MS_SCALES];
    prismi_ssim_taps(taps);
    for (int j = 0; j < l->n_scales; j++)
        inv_pixels[j] = 1 / (double)l->scales[j].n;
    PRISM_TRY(
        prismi_dev_put(l->dev, l->exponents, l->par.dtype, l->scale_weight, (size_t)l->n_scales));
    PRISM_TRY(prismi_dev_put(l->dev, l->inv_pixels, l->par.dtype, inv_pixels, (size_t)l->n_scales));
    PRISM_TRY(prismi_dev_put(l->dev, l->taps, l->par.dtype, taps, TAPS));
    PRISM_TRY(
        prismi_map(l->dev, PRISM_MAP_FILL, l->par.dtype, 1, 4, l->pool_taps, 0, 0, 0, 0.25, 0));
    return prismi_map(l->dev, PRISM_MAP_FILL, l->par.dtype, 1, (size_t)l->par.batch, l->ones, 0, 0,
                      0, 1, 0);
}

/* The largest number of scales that set_weights may use. */
static int most_scales(const struct prismi_loss_params *p)
{
    int most = 0;
    for (int k = 0; k < PRISM_LOSS_COUNT; k++)
        if (p->kinds[k] && loss_kinds[k].scales > most)
            most = loss_kinds[k].scales;
    return most;
}

int prismi_loss_create(struct prism_dev *dev, const struct prismi_loss_params *params,
                       struct prismi_loss **out)
{
    *out = NULL;
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    struct prismi_loss *l = prismi_alloc(1, sizeof *l);
    if (!l)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a loss");
    int status = 0;
    l->dev = dev;
    l->par = *params;
    l->cols = (size_t)params->h * params->w;
    l->real = prism_dtype_size(params->dtype);
    size_t batch = (size_t)params->batch, n = (size_t)params->n_targets,
           image = batch * l->cols * l->real;
    int scales = most_scales(params);
    l->norm[0] = prismi_alloc(n, sizeof(double));
    l->norm[1] = prismi_alloc(n, sizeof(double));
    l->host = prismi_alloc(n, sizeof(double));
    if (!l->norm[0] || !l->norm[1] || !l->host) {
        status = PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for the norms of %zu targets", n);
        goto out;
    }
    l->arena.owner = PRISMI_OWNER_TARGETS;
    prismi_arena_add(&l->arena, n * l->cols * l->real, &l->target);
    l->arena.owner = PRISMI_OWNER_LOSS;
    for (int k = 0; k < PRISM_LOSS_COUNT; k++)
        if (loss_kinds[k].misfit != PRISM_MISFIT_NONE)
            prismi_arena_add(&l->arena, n * l->real, &l->weight[k]);
    prismi_arena_add(&l->arena, batch * l->real, &l->value);
    prismi_arena_add(&l->arena, 2 * image + batch * l->real, &l->tmp);
    if (params->composite) {
        prismi_arena_add(&l->arena, 2 * image, &l->sum);
        prismi_arena_add(&l->arena, 2 * image, &l->part);
        prismi_arena_add(&l->arena, batch * l->real, &l->part_value);
    }
    if (scales)
        PRISM_TRY_OUT(structural_create(l, scales));
    PRISM_TRY_OUT(prismi_arena_bind(&l->arena, dev));
    if (scales)
        PRISM_TRY_OUT(structural_fill(l));
out:
    if (status)
        prismi_loss_destroy(&l);
    *out = l;
    return status;
}

void prismi_loss_destroy(struct prismi_loss **loss)
{
    struct prismi_loss *l = *loss;
    if (!l)
        return;
    for (int j = 0; j < l->n_scales; j++)
        l->dev->ops->conv_destroy(l->scales[j].pool);
    prismi_arena_release(&l->arena);
    prismi_free(l->norm[0]);
    prismi_free(l->norm[1]);
    prismi_free(l->host);
    prismi_free(l);
    *loss = NULL;
}

prism_mem prismi_loss_target(const struct prismi_loss *l, int a)
{
    return l->target + (size_t)a * l->cols * l->real;
}

prism_mem prismi_loss_value(const struct prismi_loss *l)
{
    return l->value;
}

double prismi_loss_factor(const struct prismi_loss *l, enum prism_loss_kind kind)
{
    return l->factor[kind];
}

uint64_t prismi_loss_key(const struct prismi_loss *l)
{
    return prismi_hash64(l->weights, sizeof l->weights, 0);
}

double prismi_loss_energy(const struct prismi_loss *l)
{
    double most = 0;
    for (int a = 0; a < l->par.n_targets; a++)
        most = l->norm[1][a] > most ? l->norm[1][a] : most;
    return most;
}

/* ---- n images of a scale, at most a batch ---- */

static int blur(struct prismi_loss *l, const struct scale *s, int n, prism_mem y, prism_mem x,
                bool adjoint)
{
    const struct prism_blur_desc d = {l->par.dtype, n, s->h, s->w, RADIUS, adjoint};
    return l->dev->ops->blur(l->dev, &d, y, x, l->blur_tmp, l->taps);
}

static int blurred_product(struct prismi_loss *l, const struct scale *s, int n, prism_mem y,
                           prism_mem a, prism_mem b)
{
    PRISM_TRY(prismi_map(l->dev, PRISM_MAP_MUL, l->par.dtype, (size_t)n, s->n, l->product, a, b, 0,
                         1, 0));
    return blur(l, s, n, y, l->product, false);
}

/* 2x2 means of each image, or the transpose. The convolution plan takes one
 * image at a time. */
static int pool(struct prismi_loss *l, const struct scale *coarse, int n, prism_mem coarse_image,
                prism_mem fine_image, bool transpose)
{
    const struct scale *fine = coarse - 1;
    for (int b = 0; b < n; b++) {
        prism_mem c = coarse_image + b * coarse->n * l->real,
                  f = fine_image + b * fine->n * l->real;
        if (transpose)
            PRISM_TRY(l->dev->ops->conv_bwd_x(coarse->pool, f, c, l->pool_taps));
        else
            PRISM_TRY(l->dev->ops->conv_fwd(coarse->pool, c, f, l->pool_taps));
    }
    return 0;
}

/* ---- weights ---- */

static int make_constants(struct prismi_loss *l)
{
    if (prismi_planning(l->dev))
        return 0;
    for (int a = 0; a < l->par.n_targets; a++) {
        prism_mem y = prismi_loss_target(l, a), fine;
        for (int j = 0; j < l->n_scales; j++) {
            struct scale *s = &l->scales[j];
            const size_t row = (size_t)a * s->n * l->real;
            if (j) {
                fine = y;
                y = s->constant[0] + row;
                PRISM_TRY(pool(l, s, 1, y, fine, false));
            }
            PRISM_TRY(blur(l, s, 1, s->constant[1] + row, y, false));
            PRISM_TRY(blurred_product(l, s, 1, s->constant[2] + row, y, y));
        }
        prismi_cache_count(prismi_dev_cache(l->dev), PRISM_CACHE_CONSTANTS, false);
    }
    l->kept = true;
    return 0;
}

int prismi_loss_weigh(struct prismi_loss *l)
{
    const struct prism_ops *ops = l->dev->ops;
    size_t n = (size_t)l->par.n_targets;
    /* the memory of the weights serves as workspace until they are set */
    prism_mem sum = l->weight[PRISM_LOSS_L1], square = l->weight[PRISM_LOSS_L2];
    PRISM_TRY(
        ops->reduce(l->dev, PRISM_REDUCE_SUM, l->par.dtype, n, l->cols, sum, l->target, NULL));
    PRISM_TRY(ops->reduce(l->dev, PRISM_REDUCE_DOT, l->par.dtype, n, l->cols, square, l->target,
                          l->target));
    PRISM_TRY(prismi_dev_get(l->dev, l->norm[0], sum, l->par.dtype, n));
    PRISM_TRY(prismi_dev_get(l->dev, l->norm[1], square, l->par.dtype, n));
    l->kept = false;
    return prismi_loss_set_weights(l, l->weights);
}

static int put_weights(struct prismi_loss *l, enum prism_loss_kind kind)
{
    const double *norm = l->norm[loss_kinds[kind].power - 1];
    int n = l->par.n_targets;
    double mean = 0;
    for (int a = 0; a < n; a++)
        mean += norm[a] / n;
    for (int a = 0; a < n; a++) {
        double total = l->par.unnormalised
                           ? (double)l->cols
                           : (l->par.shared ? mean : norm[a]) + NORM_EPS * (double)l->cols;
        l->factor[kind] = l->host[a] =
            l->weights[kind] / (total * (l->par.shared ? l->par.batch : 1));
    }
    return prismi_dev_put(l->dev, l->weight[kind], l->par.dtype, l->host, (size_t)n);
}

int prismi_loss_set_weights(struct prismi_loss *l, const double weights[PRISM_LOSS_COUNT])
{
    bool structural = false;
    for (int k = 0; k < PRISM_LOSS_COUNT; k++) {
        l->weights[k] = weights[k];
        structural |= weights[k] != 0 && loss_kinds[k].scales;
    }
    if (l->keep && !l->kept && structural)
        PRISM_TRY(make_constants(l));
    for (int k = 0; k < PRISM_LOSS_COUNT; k++)
        if (loss_kinds[k].power)
            PRISM_TRY(put_weights(l, k));
    return 0;
}

/* ---- terms ---- */

static int misfit(struct prismi_loss *l, enum prism_loss_kind kind, prism_mem u, prism_mem index,
                  prism_mem gu, prism_mem value)
{
    const struct prism_misfit_desc d = {l->par.dtype, loss_kinds[kind].misfit, (size_t)l->par.batch,
                                        l->cols};
    const struct prism_misfit_args a = {value, gu, u, l->target, l->weight[kind], index, l->tmp};
    return l->dev->ops->misfit(l->dev, &d, &a);
}

/* The row [batch] of scale j in the means or the factors. */
static prism_mem row_of(const struct prismi_loss *l, prism_mem block, int j)
{
    return block + (size_t)j * l->par.batch * l->real;
}

static int gather(struct prismi_loss *l, const struct scale *s, prism_mem y, prism_mem of_targets,
                  prism_mem index)
{
    return prismi_map(l->dev, PRISM_MAP_GATHER_ROW, l->par.dtype, (size_t)l->par.batch, s->n, y,
                      of_targets, index, 0, 0, 0);
}

/* Compute the mean of scale j's map into its row of means, and n times its
 * gradient by x, without row factors, into s->g. */
static int scale_forward(struct prismi_loss *l, int j, bool luminance, prism_mem index)
{
    const struct scale *s = &l->scales[j];
    prism_mem *m = l->moment;
    const int n = l->par.batch;
    size_t rows = (size_t)n;
    PRISM_TRY(blur(l, s, n, m[0], s->x, false));
    PRISM_TRY(blurred_product(l, s, n, m[2], s->x, s->x));
    PRISM_TRY(blurred_product(l, s, n, m[4], s->x, s->y));
    if (l->keep) {
        PRISM_TRY(gather(l, s, m[1], s->constant[1], index));
        PRISM_TRY(gather(l, s, m[3], s->constant[2], index));
    } else {
        PRISM_TRY(blur(l, s, n, m[1], s->y, false));
        PRISM_TRY(blurred_product(l, s, n, m[3], s->y, s->y));
    }
    const struct prism_map_args map = {.y = {m[0], m[1], m[2], m[3]},
                                       .x = {m[0], m[1], m[2], m[3], m[4]},
                                       .s = {PRISMI_SSIM_C1, PRISMI_SSIM_C2}};
    PRISM_TRY(l->dev->ops->map(l->dev, luminance ? PRISM_MAP_SSIM : PRISM_MAP_SSIM_CS, l->par.dtype,
                               rows, s->n, &map));
    PRISM_TRY(l->dev->ops->reduce(l->dev, PRISM_REDUCE_MEAN, l->par.dtype, rows, s->n,
                                  row_of(l, l->means, j), m[0], NULL));
    PRISM_TRY(blur(l, s, n, m[4], m[1], true));
    PRISM_TRY(blur(l, s, n, m[0], m[2], true));
    PRISM_TRY(blur(l, s, n, m[1], m[3], true));
    const struct prism_map_args grad = {.y = {s->g}, .x = {l->ones, m[4], m[0], s->x, m[1], s->y}};
    return l->dev->ops->map(l->dev, PRISM_MAP_SSIM_GRAD, l->par.dtype, rows, s->n, &grad);
}

/* value = k (1 - S), and the factor on the gradient is -k/n. */
static int ssim_factors(struct prismi_loss *l, double k, prism_mem value)
{
    const struct scale *s = l->scales;
    size_t batch = (size_t)l->par.batch;
    PRISM_TRY(prismi_map(l->dev, PRISM_MAP_AXPBY, l->par.dtype, 1, batch, value, l->means, l->ones,
                         0, -k, k));
    return prismi_map(l->dev, PRISM_MAP_FILL, l->par.dtype, 1, batch, l->factors, 0, 0, 0,
                      -k / (double)s->n, 0);
}

/* The same for all scales of MS-SSIM. */
static int ms_ssim_factors(struct prismi_loss *l, double k, prism_mem value)
{
    const struct prism_map_args a = {.y = {l->factors, value},
                                     .x = {l->means, l->exponents, l->inv_pixels},
                                     .s = {k, PRISMI_MS_SSIM_LOW}};
    return l->dev->ops->map(l->dev, PRISM_MAP_MS_SSIM, l->par.dtype, (size_t)l->n_scales,
                            (size_t)l->par.batch, &a);
}

static int structural(struct prismi_loss *l, enum prism_loss_kind kind, prism_mem u,
                      prism_mem index, prism_mem gu, prism_mem value)
{
    const bool multi = loss_kinds[kind].scales > 1;
    enum prism_dtype t = l->par.dtype;
    struct scale *s = l->scales;
    size_t rows = (size_t)l->par.batch;
    int n = multi ? l->n_scales : 1;
    double k = l->weights[kind] / 2 / (l->par.shared ? l->par.batch : 1);
    PRISM_TRY(prismi_map(l->dev, PRISM_MAP_C_ABS, t, rows, l->cols, s->x, u, 0, 0, 0, 0));
    PRISM_TRY(gather(l, s, s->y, l->target, index));
    for (int j = 0; j < n; j++) {
        if (j > 0) {
            PRISM_TRY(pool(l, &s[j], l->par.batch, s[j].x, s[j - 1].x, false));
            PRISM_TRY(l->keep ? gather(l, &s[j], s[j].y, s[j].constant[0], index)
                              : pool(l, &s[j], l->par.batch, s[j].y, s[j - 1].y, false));
        }
        PRISM_TRY(scale_forward(l, j, j == n - 1, index));
    }
    PRISM_TRY(multi ? ms_ssim_factors(l, k, value) : ssim_factors(l, k, value));
    for (int j = n - 1; j >= 0; j--) {
        PRISM_TRY(prismi_map(l->dev, PRISM_MAP_SCALE_SHIFT, t, rows, s[j].n, s[j].g, s[j].g,
                             row_of(l, l->factors, j), l->zeros, 0, 0));
        if (j == n - 1)
            continue;
        PRISM_TRY(pool(l, &s[j + 1], l->par.batch, s[j + 1].g, l->product, true));
        PRISM_TRY(prismi_map(l->dev, PRISM_MAP_AXPBY, t, rows, s[j].n, s[j].g, s[j].g, l->product,
                             0, 1, 1));
    }
    return prismi_map(l->dev, PRISM_MAP_C_PHASE, t, rows, l->cols, gu, s->g, u, 0, 0, 0);
}

static int term(struct prismi_loss *l, enum prism_loss_kind kind, prism_mem u, prism_mem index,
                prism_mem gu, prism_mem value)
{
    return loss_kinds[kind].misfit == PRISM_MISFIT_NONE ? structural(l, kind, u, index, gu, value)
                                                        : misfit(l, kind, u, index, gu, value);
}

/* Count the kinds with a weight, and return the last of them. */
static int used(const struct prismi_loss *l, int *n)
{
    int last = 0;
    *n = 0;
    for (int k = 0; k < PRISM_LOSS_COUNT; k++)
        if (l->weights[k] != 0) {
            ++*n;
            last = k;
        }
    return last;
}

bool prismi_loss_is_misfit(const struct prismi_loss *l, enum prism_misfit *kind,
                           struct prism_field_misfit_args *a)
{
    int n, only = used(l, &n);
    *kind = loss_kinds[only].misfit;
    if (n > 1 || *kind == PRISM_MISFIT_NONE)
        return false;
    *a = (struct prism_field_misfit_args){
        .loss = l->value, .target = l->target, .weight = l->weight[only], .tmp = l->tmp};
    return true;
}

int prismi_loss_run(struct prismi_loss *l, prism_mem u, prism_mem index)
{
    enum prism_dtype t = l->par.dtype;
    size_t rows = (size_t)l->par.batch;
    int n, done = 0, last = used(l, &n);
    if (n == 1)
        return term(l, last, u, index, u, l->value);
    for (int k = 0; k < PRISM_LOSS_COUNT; k++) {
        if (l->weights[k] == 0)
            continue;
        PRISM_TRY(term(l, k, u, index, done ? l->part : l->sum, done ? l->part_value : l->value));
        if (done++) {
            PRISM_TRY(prismi_map(l->dev, PRISM_MAP_C_AXPBY, t, rows, l->cols, l->sum, l->sum,
                                 l->part, 0, 1, 1));
            PRISM_TRY(prismi_map(l->dev, PRISM_MAP_AXPBY, t, 1, rows, l->value, l->value,
                                 l->part_value, 0, 1, 1));
        }
    }
    return l->dev->ops->copy(l->dev, u, l->sum, 2 * rows * l->cols * l->real);
}
