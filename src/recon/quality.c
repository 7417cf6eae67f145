/* Image quality on the device: an image x compared with a reference y that
 * stays there.
 *
 * SSIM is a mean of small differences of moments, which single precision would
 * spoil where an image is nearly constant. With d = x - y, the mean W and the
 * variance and covariance in the Gaussian window, the same SSIM is
 *
 *   (1 - (W d)^2/((W x)^2 + (W y)^2 + C1))
 *       (1 - var d/(var x + var y + C2)),  var x = var y + 2 cov(y, d) + var d
 *
 * Both quotients are small where x is close to y, and so are their errors. W y
 * and var y are computed once, on the host in double. */
#include "recon/internal.h"

#include <math.h>

/* The sums over pixels that the host reads after a run: of the two quotients,
 * of their product, of d^2 and of x. */
enum { LUMINANCE, STRUCTURE, BOTH, SQUARED_DIFFERENCE, SUM, N_SUMS };

static prism_mem sum_at(const struct prismi_quality *q, int i)
{
    return q->sums + (size_t)i * prism_dtype_size(q->dtype);
}

static int blur(struct prismi_quality *q, prism_mem y, prism_mem x)
{
    const struct prism_blur_desc d = {q->dtype, 1, q->h, q->w, PRISMI_SSIM_RADIUS, false};
    return q->dev->ops->blur(q->dev, &d, y, x, q->tmp, q->taps);
}

/* y = a b */
static int multiply(struct prismi_quality *q, prism_mem y, prism_mem a, prism_mem b)
{
    return prismi_map(q->dev, PRISM_MAP_MUL, q->dtype, 1, q->n, y, a, b, 0, 1, 0);
}

/* y = a + factor b */
static int add(struct prismi_quality *q, prism_mem y, prism_mem a, double factor, prism_mem b)
{
    return prismi_map(q->dev, PRISM_MAP_AXPBY, q->dtype, 1, q->n, y, a, b, 0, 1, factor);
}

/* y = 1/sqrt(y + c) */
static int inverse_root(struct prismi_quality *q, prism_mem y, double c)
{
    return prismi_map(q->dev, PRISM_MAP_RSQRT, q->dtype, 1, q->n, y, y, 0, 0, c, 0);
}

static int reduce(struct prismi_quality *q, enum prism_reduce op, int sum, prism_mem a, prism_mem b)
{
    return q->dev->ops->reduce(q->dev, op, q->dtype, 1, q->n, sum_at(q, sum), a, b);
}

static bool has_ssim(const struct prismi_quality *q)
{
    return q->h > PRISMI_SSIM_RADIUS && q->w > PRISMI_SSIM_RADIUS;
}

int prismi_quality_set_reference(struct prismi_quality *q, const double *reference)
{
    q->power = 0;
    for (size_t i = 0; i < q->n; i++)
        q->power += reference[i] * reference[i] / (double)q->n;
    PRISM_TRY(prismi_dev_put(q->dev, q->reference, q->dtype, reference, q->n));
    if (!has_ssim(q))
        return 0;
    double *mean = prismi_alloc(3 * q->n, sizeof *mean), *var = mean + q->n;
    if (!mean)
        return PRISM_FAIL(prismi_dev_ctx(q->dev), PRISM_ENOMEM,
                          "no host memory for the moments of %d x %d pixels", q->h, q->w);
    prismi_ssim_moments(reference, q->h, q->w, mean, var, var + q->n);
    int status = prismi_dev_put(q->dev, q->mean_y, q->dtype, mean, q->n);
    if (!status)
        status = prismi_dev_put(q->dev, q->var_y, q->dtype, var, q->n);
    prismi_free(mean);
    return status;
}

int prismi_quality_create(struct prism_dev *dev, enum prism_dtype dtype, const double *reference,
                          int h, int w, struct prismi_quality *out)
{
    struct prismi_quality *q = out;
    const size_t real = prism_dtype_size(dtype);
    double taps[PRISMI_SSIM_TAPS];
    *q = (struct prismi_quality){
        .dev = dev, .dtype = dtype, .h = h, .w = w, .n = (size_t)h * (size_t)w};
    prism_mem *const images[] = {&q->mean_y, &q->var_y,   &q->mean, &q->var,
                                 &q->var_d,  &q->product, &q->tmp};
    prismi_arena_add(&q->arena, N_SUMS * real, &q->sums);
    prismi_arena_add(&q->arena, q->n * real, &q->reference);
    if (has_ssim(q)) {
        prismi_arena_add(&q->arena, PRISMI_SSIM_TAPS * real, &q->taps);
        for (size_t i = 0; i < sizeof images / sizeof *images; i++)
            prismi_arena_add(&q->arena, q->n * real, images[i]);
    }
    int status;
    prismi_ssim_taps(taps);
    PRISM_TRY_OUT(prismi_arena_bind(&q->arena, dev));
    if (prismi_planning(dev))
        return 0;
    if (has_ssim(q))
        PRISM_TRY_OUT(prismi_dev_put(dev, q->taps, dtype, taps, PRISMI_SSIM_TAPS));
    status = prismi_quality_set_reference(q, reference);
out:
    if (status)
        prismi_quality_release(q);
    return status;
}

void prismi_quality_release(struct prismi_quality *q)
{
    prismi_arena_release(&q->arena);
}

/* Compute the sums that SSIM needs. */
static int ssim(struct prismi_quality *q, prism_mem x)
{
    const prism_mem mean = q->mean, var = q->var, var_d = q->var_d, product = q->product;
    PRISM_TRY(add(q, mean, x, -1, q->reference)); /* d */
    PRISM_TRY(multiply(q, product, mean, mean));
    PRISM_TRY(blur(q, var_d, product));
    PRISM_TRY(multiply(q, product, mean, q->reference));
    PRISM_TRY(blur(q, var, product));
    PRISM_TRY(blur(q, product, mean)); /* W d */
    PRISM_TRY(multiply(q, mean, product, product));
    PRISM_TRY(add(q, var_d, var_d, -1, mean)); /* var d */
    PRISM_TRY(multiply(q, q->tmp, product, q->mean_y));
    PRISM_TRY(add(q, var, var, -1, q->tmp)); /* cov(y, d) */

    PRISM_TRY(add(q, product, product, 1, q->mean_y)); /* W x */
    PRISM_TRY(multiply(q, product, product, product));
    PRISM_TRY(multiply(q, q->tmp, q->mean_y, q->mean_y));
    PRISM_TRY(add(q, product, product, 1, q->tmp));
    PRISM_TRY(inverse_root(q, product, PRISMI_SSIM_C1));
    PRISM_TRY(multiply(q, product, product, product));
    PRISM_TRY(multiply(q, product, product, mean)); /* the first quotient */

    PRISM_TRY(add(q, var, var_d, 2, var));
    PRISM_TRY(add(q, var, var, 2, q->var_y)); /* var x + var y */
    PRISM_TRY(inverse_root(q, var, PRISMI_SSIM_C2));
    PRISM_TRY(multiply(q, var, var, var));
    PRISM_TRY(multiply(q, var, var, var_d)); /* the second quotient */
    PRISM_TRY(reduce(q, PRISM_REDUCE_SUM, LUMINANCE, product, NULL));
    PRISM_TRY(reduce(q, PRISM_REDUCE_SUM, STRUCTURE, var, NULL));
    return reduce(q, PRISM_REDUCE_DOT, BOTH, product, var);
}

int prismi_quality_run(struct prismi_quality *q, prism_mem x, struct prismi_quality_values *out)
{
    double sums[N_SUMS];
    if (has_ssim(q))
        PRISM_TRY(ssim(q, x));
    PRISM_TRY(reduce(q, PRISM_REDUCE_SQDIFF, SQUARED_DIFFERENCE, x, q->reference));
    PRISM_TRY(reduce(q, PRISM_REDUCE_SUM, SUM, x, NULL));
    PRISM_TRY(prismi_dev_get(q->dev, sums, q->sums, q->dtype, N_SUMS));
    const double loss = (sums[LUMINANCE] + sums[STRUCTURE] - sums[BOTH]) / (double)q->n;
    const double mean_square = sums[SQUARED_DIFFERENCE] / (double)q->n;
    *out = (struct prismi_quality_values){.ssim = has_ssim(q) ? 1 - loss : NAN,
                                          .psnr_db = -10 * log10(mean_square),
                                          .rmse_percent = 100 * sqrt(mean_square / q->power),
                                          .sum = sums[SUM]};
    return 0;
}
