/* Patterns of aperture centres in k-space. */
#include "optics/optics_internal.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846
#define GOLDEN_ANGLE_DEG 137.508

static int check_params(struct prism_ctx *ctx, const struct prism_pattern_params *p)
{
    if ((int)p->kind < 0 || p->kind >= PRISM_PATTERN_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "pattern: kind %d is unknown; use one of enum prism_pattern_kind",
                          (int)p->kind);
    if (p->kind == PRISM_PATTERN_CSV) {
        if (!p->csv_path || !*p->csv_path)
            return PRISM_FAIL(
                ctx, PRISM_EINVAL,
                "pattern: csv_path is empty; give the path of a file with rows \"y,x\"");
        return 0;
    }
    if (p->n_samples < 1 || p->n_samples > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "pattern: n_samples is %d; give 1 to %d", p->n_samples,
                          PRISMI_PATTERN_MAX);
    if (!(p->roi_diameter_px > 0) || !isfinite(p->roi_diameter_px))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "pattern: roi_diameter_px is %g; give a positive, finite diameter",
                          p->roi_diameter_px);
    if (!(p->cutoff_px >= 0) || !isfinite(p->cutoff_px))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "pattern: cutoff_px is %g; give a positive radius, or 0 for half of roi_diameter_px",
            p->cutoff_px);
    if (p->kind == PRISM_PATTERN_STAR && (p->n_angles < 1 || p->n_angles > PRISMI_PATTERN_MAX))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "pattern: n_angles is %d; give 1 to %d diameters",
                          p->n_angles, PRISMI_PATTERN_MAX);
    return 0;
}

/* Order points by distance from the origin; ties by y, then x, so that the
 * order is the same everywhere. */
static int by_radius(const void *pa, const void *pb)
{
    const double *a = pa, *b = pb;
    double ra = a[0] * a[0] + a[1] * a[1], rb = b[0] * b[0] + b[1] * b[1];
    if (ra != rb)
        return ra < rb ? -1 : 1;
    if (a[0] != b[0])
        return a[0] < b[0] ? -1 : 1;
    return (a[1] > b[1]) - (a[1] < b[1]);
}

static void polar(double *yx, double radius, double angle)
{
    yx[0] = radius * sin(angle);
    yx[1] = radius * cos(angle);
}

static void fermat(double *yx, int n, double radius)
{
    for (int i = 0; i < n; i++)
        polar(yx + 2 * (size_t)i, radius / sqrt(n) * sqrt(i),
              fmod(i * GOLDEN_ANGLE_DEG, 360) * PI / 180);
}

static void random_disc(double *yx, int n, double radius, uint64_t seed)
{
    int far = 0;
    double r_max = -1;
    for (int i = 0; i < n; i++) {
        double r = radius * sqrt(prismi_rng_uniform(seed, PRISMI_STREAM_PATTERN, 2 * (uint64_t)i));
        polar(yx + 2 * (size_t)i, r,
              2 * PI * prismi_rng_uniform(seed, PRISMI_STREAM_PATTERN, 2 * (uint64_t)i + 1));
        if (r > r_max) {
            r_max = r;
            far = i;
        }
    }
    yx[2 * (size_t)far] = yx[2 * (size_t)far + 1] = 0;
    qsort(yx, (size_t)n, 2 * sizeof(*yx), by_radius);
}

/* Fill the star ring by ring; the last ring may be incomplete. */
static void star(double *yx, int n, double radius, int n_angles)
{
    int arms = 2 * n_angles, rings = (n - 2 + arms) / arms;
    for (int i = 0; i < n - 1; i++) {
        int ring = i / arms + 1, arm = i % arms;
        double r = radius * ring / rings;
        /* opposite arms are exact negatives of each other */
        polar(yx + 2 * (size_t)(i + 1), arm < n_angles ? r : -r, arm % n_angles * PI / n_angles);
    }
}

/* Take the n lattice points nearest to the origin, scaled so that the farthest
 * lies on the circle. */
static int raster(struct prism_ctx *ctx, double *yx, int n, double radius)
{
    /* a disc of this radius holds at least pi (half - 0.71)^2 lattice points */
    int half = (int)ceil(sqrt(n / PI) + 0.71);
    size_t side = 2 * (size_t)half + 1, last = 2 * (size_t)(n - 1);
    double *all = prismi_alloc(side * side, 2 * sizeof(*all)), *p = all;

    if (!all)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "pattern: no memory for a lattice of %zu points",
                          side * side);
    for (int i = -half; i <= half; i++)
        for (int j = -half; j <= half; j++, p += 2) {
            p[0] = i;
            p[1] = j;
        }
    qsort(all, side * side, 2 * sizeof(*all), by_radius);
    double pitch = n > 1 ? radius / hypot(all[last], all[last + 1]) : 0;
    for (size_t i = 0; i < 2 * (size_t)n; i++)
        yx[i] = pitch * all[i];
    prismi_free(all);
    return 0;
}

static struct prism_pattern_params resolve(const struct prism_pattern_params *given)
{
    struct prism_pattern_params p = given ? *given : (struct prism_pattern_params){0};
    p.n_samples = p.n_samples ? p.n_samples : 64;
    p.roi_diameter_px = p.roi_diameter_px != 0 ? p.roi_diameter_px : 128;
    p.n_angles = p.n_angles ? p.n_angles : 4;
    p.seed = prismi_seed(p.seed);
    return p;
}

int prism_pattern_create(struct prism_ctx *ctx, const struct prism_pattern_params *params,
                         double **centres_yx, int *n)
{
    const struct prism_pattern_params resolved = resolve(params), *p = &resolved;
    const double radius = 0.5 * p->roi_diameter_px;
    int status = 0, kept = p->n_samples;

    *centres_yx = NULL;
    *n = 0;
    PRISM_TRY(check_params(ctx, p));
    if (p->kind == PRISM_PATTERN_CSV)
        return prismi_pattern_csv(ctx, p->csv_path, centres_yx, n);
    double *yx = prismi_alloc((size_t)p->n_samples, 2 * sizeof(*yx));
    if (!yx)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "pattern: no memory for %d points", p->n_samples);
    if (p->kind == PRISM_PATTERN_FERMAT)
        fermat(yx, p->n_samples, radius);
    else if (p->kind == PRISM_PATTERN_RANDOM)
        random_disc(yx, p->n_samples, radius, p->seed);
    else if (p->kind == PRISM_PATTERN_STAR)
        star(yx, p->n_samples, radius, p->n_angles);
    else
        status = raster(ctx, yx, p->n_samples, radius);
    if (status) {
        prismi_free(yx);
        return status;
    }
    /* every kind begins at the origin and goes outwards, so a cut-off keeps a
     * prefix */
    if (p->cutoff_px > 0)
        for (kept = 1; kept < p->n_samples; kept++)
            if (hypot(yx[2 * (size_t)kept], yx[2 * (size_t)kept + 1]) > p->cutoff_px * (1 + 1e-12))
                break;
    *centres_yx = yx;
    *n = kept;
    return 0;
}
