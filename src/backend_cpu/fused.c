/* Fused entries of the CPU backend: normalisation with activation, amplitude
 * misfit. */
#include "backend_cpu/vmath.h"

enum { LANES = 16 };

/* ---- normalisation ---- */

struct norm_run {
    enum prism_act act;
    size_t images, cols, n; /* n: elements of a row over all images */
    double eps;
    real *mean, *var, *rstd;
    const real *gamma, *beta, *x, *gy;
    real *y, *gx, *ggamma, *gbeta;
};

static struct norm_run norm_run(const struct prism_norm_desc *d, const struct prism_norm_args *a)
{
    real *stats = (real *)a->stats;
    return (struct norm_run){.act = d->act,
                             .images = d->n,
                             .cols = d->cols,
                             .n = d->n * d->cols,
                             .eps = d->eps,
                             .mean = stats,
                             .var = stats + d->rows,
                             .rstd = stats + 2 * d->rows,
                             .gamma = (const real *)a->gamma,
                             .beta = (const real *)a->beta,
                             .x = (const real *)a->x,
                             .gy = (const real *)a->gy,
                             .y = (real *)a->y,
                             .gx = (real *)a->gx,
                             .ggamma = (real *)a->ggamma,
                             .gbeta = (real *)a->gbeta};
}

/* Parameters of a row. sum and dot serve the backward pass and are divided by
 * the number of elements of the row. */
struct affine {
    real mean, rstd, gamma, beta, sum, dot;
};

static struct affine affine_of(const struct norm_run *s, size_t row)
{
    return (struct affine){
        .mean = s->mean[row], .rstd = s->rstd[row], .gamma = s->gamma[row], .beta = s->beta[row]};
}

/* Runs BODY with a constant activation, so that its loop has no branch. */
#define ACT_SWITCH(act, BODY)                                                                      \
    switch (act) {                                                                                 \
    case PRISM_ACT_RELU:                                                                           \
        BODY(PRISM_ACT_RELU);                                                                      \
        break;                                                                                     \
    case PRISM_ACT_LEAKY:                                                                          \
        BODY(PRISM_ACT_LEAKY);                                                                     \
        break;                                                                                     \
    case PRISM_ACT_SIGMOID:                                                                        \
        BODY(PRISM_ACT_SIGMOID);                                                                   \
        break;                                                                                     \
    case PRISM_ACT_HARDSIGMOID:                                                                    \
        BODY(PRISM_ACT_HARDSIGMOID);                                                               \
        break;                                                                                     \
    case PRISM_ACT_SCALESIGMOID:                                                                   \
        BODY(PRISM_ACT_SCALESIGMOID);                                                              \
        break;                                                                                     \
    case PRISM_ACT_TANH:                                                                           \
        BODY(PRISM_ACT_TANH);                                                                      \
        break;                                                                                     \
    default:                                                                                       \
        BODY(PRISM_ACT_NONE);                                                                      \
    }

/* Sum of a block, and sum of its squared deviations from the block's own
 * mean. */
CPU_HOT static void moments(const real *x, size_t n, double out[2])
{
    real lane[LANES] = {0};
    double sum = 0, sq = 0;
    const size_t whole = n / LANES * LANES;

    for (size_t i = 0; i < whole; i += LANES) {
        CPU_SIMD
        for (size_t l = 0; l < LANES; l++)
            lane[l] += x[i + l];
    }
    for (size_t i = whole; i < n; i++)
        sum += x[i];
    for (size_t l = 0; l < LANES; l++) {
        sum += lane[l];
        lane[l] = 0;
    }
    const real mean = (real)(sum / (double)n);
    for (size_t i = 0; i < whole; i += LANES) {
        CPU_SIMD
        for (size_t l = 0; l < LANES; l++)
            lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
    }
    for (size_t i = whole; i < n; i++)
        sq += (x[i] - mean) * (x[i] - mean);
    for (size_t l = 0; l < LANES; l++)
        sq += lane[l];
    const double off = sum / (double)n - mean; /* error from rounding the mean */
    out[0] = sum;
    out[1] = sq - off * off * (double)n;
}

static void moments_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct norm_run *s = arg;
    (void)row;
    moments(s->x + at, n, sums);
}

static void moments_row(const void *arg, size_t row, const double *sums, size_t blocks,
                        size_t block)
{
    const struct norm_run *s = arg;
    const size_t per_image = blocks / s->images;
    double n = (double)s->n, sum = 0, sq = 0;

    for (size_t i = 0; i < blocks; i++)
        sum += sums[2 * i];
    for (size_t i = 0; i < blocks; i++) {
        size_t before = i % per_image * block;
        double len = (double)(s->cols - before < block ? s->cols - before : block),
               off = sums[2 * i] / len - sum / n;
        sq += sums[2 * i + 1] + len * off * off;
    }
    s->mean[row] = (real)(sum / n);
    s->var[row] = (real)(sq / n);
    s->rstd[row] = (real)(1 / sqrt((double)s->var[row] + s->eps));
}

CPU_HOT static void apply(real *y, const real *x, struct affine p, enum prism_act act, size_t n)
{
#define BODY(kind)                                                                                 \
    CPU_SIMD                                                                                       \
    for (size_t i = 0; i < n; i++)                                                                 \
    y[i] = cpu_act(kind, (x[i] - p.mean) * p.rstd * p.gamma + p.beta)
    ACT_SWITCH(act, BODY)
#undef BODY
}

static void apply_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct norm_run *s = arg;
    (void)sums;
    apply(s->y + at, s->x + at, affine_of(s, row), s->act, n);
}

int R(prismi_cpu_norm_act_fwd)(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args)
{
    const struct norm_run s = norm_run(d, args);

    prismi_cpu_sweep(dev, d->n, d->rows, d->cols, moments_block, moments_row, &s);
    prismi_cpu_sweep(dev, d->n, d->rows, d->cols, apply_block, NULL, &s);
    return 0;
}

/* Sums of g = gy act'() and of g times the normalised input. */
CPU_HOT static void slopes(const real *x, const real *gy, struct affine p, enum prism_act act,
                           size_t n, double out[2])
{
    real sum[LANES] = {0}, dot[LANES] = {0};
    double tail[2] = {0};
    const size_t whole = n / LANES * LANES;

#define TERM(kind, i, to_sum, to_dot)                                                              \
    do {                                                                                           \
        real xhat = (x[i] - p.mean) * p.rstd,                                                      \
             g = gy[i] * cpu_act_slope(kind, xhat * p.gamma + p.beta);                             \
        to_sum += g;                                                                               \
        to_dot += g * xhat;                                                                        \
    } while (0)
#define BODY(kind)                                                                                 \
    for (size_t i = 0; i < whole; i += LANES) {                                                    \
        CPU_SIMD                                                                                   \
        for (size_t l = 0; l < LANES; l++)                                                         \
            TERM(kind, i + l, sum[l], dot[l]);                                                     \
    }                                                                                              \
    for (size_t i = whole; i < n; i++)                                                             \
    TERM(kind, i, tail[0], tail[1])
    ACT_SWITCH(act, BODY)
#undef BODY
#undef TERM
    for (size_t l = 0; l < LANES; l++) {
        tail[0] += sum[l];
        tail[1] += dot[l];
    }
    out[0] = tail[0];
    out[1] = tail[1];
}

static void slopes_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct norm_run *s = arg;
    slopes(s->x + at, s->gy + at, affine_of(s, row), s->act, n, sums);
}

static void slopes_row(const void *arg, size_t row, const double *sums, size_t blocks, size_t block)
{
    const struct norm_run *s = arg;
    double sum = 0, dot = 0;

    (void)block;
    for (size_t i = 0; i < blocks; i++) {
        sum += sums[2 * i];
        dot += sums[2 * i + 1];
    }
    s->gbeta[row] = (real)sum;
    s->ggamma[row] = (real)dot;
}

CPU_HOT static void gradient(real *gx, const real *x, const real *gy, struct affine p,
                             enum prism_act act, size_t n)
{
    const real scale = p.gamma * p.rstd;

#define BODY(kind)                                                                                 \
    CPU_SIMD                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                               \
        real xhat = (x[i] - p.mean) * p.rstd;                                                      \
        gx[i] = scale *                                                                            \
                (gy[i] * cpu_act_slope(kind, xhat * p.gamma + p.beta) - (p.sum + xhat * p.dot));   \
    }
    ACT_SWITCH(act, BODY)
#undef BODY
}

static void gradient_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct norm_run *s = arg;
    struct affine p = affine_of(s, row);

    (void)sums;
    p.sum = s->gbeta[row] / (real)s->n;
    p.dot = s->ggamma[row] / (real)s->n;
    gradient(s->gx + at, s->x + at, s->gy + at, p, s->act, n);
}

int R(prismi_cpu_norm_act_bwd)(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args)
{
    const struct norm_run s = norm_run(d, args);

    prismi_cpu_sweep(dev, d->n, d->rows, d->cols, slopes_block, slopes_row, &s);
    prismi_cpu_sweep(dev, d->n, d->rows, d->cols, gradient_block, NULL, &s);
    return 0;
}

/* ---- misfit ---- */

struct misfit_run {
    enum prism_misfit kind;
    size_t cols;
    real *loss, *gu;
    const real *u, *target, *weight;
    const int32_t *index;
};

/* Functions of one misfit of misfit.def. name_term() writes the cotangent of
 * one element and returns its term of the loss without the weight. name_terms()
 * returns the sum of the terms, name_zeros() that sum where the field is 0. */
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    CPU_INLINE real name##_term(real w, real *gu, const real *u, real d)                           \
    {                                                                                              \
        real re = u[0], im = u[1], m = sqrt(re * re + im * im), off = m - d;                       \
        real s = slope;                                                                            \
        real scale = m == 0 ? 0 : s / m;                                                           \
                                                                                                   \
        gu[0] = scale * re;                                                                        \
        gu[1] = scale * im;                                                                        \
        return term;                                                                               \
    }                                                                                              \
    CPU_HOT static double name##_terms(real w, real *gu, const real *u, const real *target,        \
                                       size_t n)                                                   \
    {                                                                                              \
        real lane[LANES] = {0};                                                                    \
        double sum = 0;                                                                            \
        const size_t whole = n / LANES * LANES;                                                    \
                                                                                                   \
        for (size_t i = 0; i < whole; i += LANES) {                                                \
            CPU_SIMD                                                                               \
            for (size_t l = 0; l < LANES; l++)                                                     \
                lane[l] += name##_term(w, gu + 2 * (i + l), u + 2 * (i + l), target[i + l]);       \
        }                                                                                          \
        for (size_t i = whole; i < n; i++)                                                         \
            sum += name##_term(w, gu + 2 * i, u + 2 * i, target[i]);                               \
        for (size_t l = 0; l < LANES; l++)                                                         \
            sum += lane[l];                                                                        \
        return sum;                                                                                \
    }                                                                                              \
    CPU_INLINE real name##_zero(real d)                                                            \
    {                                                                                              \
        return zero;                                                                               \
    }                                                                                              \
    CPU_HOT static double name##_zeros(const real *target, size_t n)                               \
    {                                                                                              \
        real lane[LANES] = {0};                                                                    \
        double sum = 0;                                                                            \
        const size_t whole = n / LANES * LANES;                                                    \
                                                                                                   \
        for (size_t i = 0; i < whole; i += LANES) {                                                \
            CPU_SIMD                                                                               \
            for (size_t l = 0; l < LANES; l++)                                                     \
                lane[l] += name##_zero(target[i + l]);                                             \
        }                                                                                          \
        for (size_t i = whole; i < n; i++)                                                         \
            sum += name##_zero(target[i]);                                                         \
        for (size_t l = 0; l < LANES; l++)                                                         \
            sum += lane[l];                                                                        \
        return sum;                                                                                \
    }
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW

static const struct {
    double (*terms)(real w, real *gu, const real *u, const real *target, size_t n);
    double (*zeros)(const real *target, size_t n);
} misfits[PRISM_MISFIT_COUNT] = {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) {name##_terms, name##_zeros},
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

double R(prismi_cpu_misfit_terms)(enum prism_misfit kind, real weight, real *gu, const real *u,
                                  const real *target, size_t n)
{
    return misfits[kind].terms(weight, gu, u, target, n);
}

double R(prismi_cpu_misfit_of_zeros)(enum prism_misfit kind, const real *target, size_t n)
{
    return misfits[kind].zeros(target, n);
}

static void misfit_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct misfit_run *s = arg;
    size_t a = (size_t)s->index[row];
    const real *target = s->target + a * s->cols + (at - row * s->cols);

    sums[0] =
        R(prismi_cpu_misfit_terms)(s->kind, s->weight[a], s->gu + 2 * at, s->u + 2 * at, target, n);
}

static void misfit_row(const void *arg, size_t row, const double *sums, size_t blocks, size_t block)
{
    const struct misfit_run *s = arg;
    double sum = 0;

    (void)block;
    for (size_t i = 0; i < blocks; i++)
        sum += sums[2 * i];
    s->loss[row] = (real)(s->weight[s->index[row]] * sum);
}

int R(prismi_cpu_misfit)(struct prism_dev *dev, const struct prism_misfit_desc *d,
                         const struct prism_misfit_args *args)
{
    const struct misfit_run s = {d->kind,
                                 d->cols,
                                 (real *)args->loss,
                                 (real *)args->gu,
                                 (const real *)args->u,
                                 (const real *)args->target,
                                 (const real *)args->weight,
                                 (const int32_t *)args->index};

    prismi_cpu_sweep(dev, 1, d->batch, d->cols, misfit_block, misfit_row, &s);
    return 0;
}
