/* Statistics of a pattern: radii, distances to neighbours, overlap,
 * coverage. */
#include "optics/optics_internal.h"

#include <math.h>

#define CENTRE_MAX 1e9 /* pixels: far beyond any grid, and still fits int */

struct canvas {
    const struct prism_aperture *aperture;
    const double *centres_yx;
    int n, grid, box;
    uint8_t *all;       /* [grid,grid] union of the apertures */
    uint8_t *one, *two; /* [box,box] */
};

static double distance2(const double *a, const double *b)
{
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
}

static int nearest(const double *yx, int n, int i)
{
    int best = -1;
    for (int j = 0; j < n; j++)
        if (j != i && (best < 0 || distance2(yx + 2 * (size_t)i, yx + 2 * (size_t)j) <
                                       distance2(yx + 2 * (size_t)i, yx + 2 * (size_t)best)))
            best = j;
    return best;
}

static void radii(const double *yx, int n, struct prism_pattern_stats *s)
{
    double sum = 0, squares = 0;
    s->radius_min_px = INFINITY;
    for (int i = 0; i < n; i++) {
        double r = hypot(yx[2 * (size_t)i], yx[2 * (size_t)i + 1]);
        sum += r;
        s->radius_min_px = fmin(s->radius_min_px, r);
        s->radius_max_px = fmax(s->radius_max_px, r);
    }
    s->radius_mean_px = sum / n;
    for (int i = 0; i < n; i++) {
        double d = hypot(yx[2 * (size_t)i], yx[2 * (size_t)i + 1]) - s->radius_mean_px;
        squares += d * d;
    }
    s->radius_std_px = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

/* Render aperture i into c->one and add its pixels on the grid to the union.
 * Returns the number of its open pixels and adds those off the grid to
 * *outside. */
static int place(struct canvas *c, int i, int *outside)
{
    const double *yx = c->centres_yx + 2 * (size_t)i;
    const int y0 = (int)round(yx[0]) - c->box / 2, x0 = (int)round(yx[1]) - c->box / 2,
              half = c->grid / 2;
    int count = 0;

    prism_aperture_render(c->aperture, yx[0], yx[1], y0, x0, c->box, c->box, c->one);
    for (int p = 0; p < c->box; p++)
        for (int q = 0; q < c->box; q++) {
            if (!c->one[(size_t)p * c->box + q])
                continue;
            int gy = y0 + p + half, gx = x0 + q + half;
            count++;
            if (gy >= 0 && gy < c->grid && gx >= 0 && gx < c->grid)
                c->all[(size_t)gy * c->grid + gx] = 1;
            else
                ++*outside;
        }
    return count;
}

/* Number of pixels of aperture i (rendered in c->one) that aperture j opens,
 * too. */
static int shared(struct canvas *c, int i, int j)
{
    const double *a = c->centres_yx + 2 * (size_t)i, *b = c->centres_yx + 2 * (size_t)j;
    int count = 0;

    prism_aperture_render(c->aperture, b[0], b[1], (int)round(a[0]) - c->box / 2,
                          (int)round(a[1]) - c->box / 2, c->box, c->box, c->two);
    for (size_t k = 0; k < (size_t)c->box * c->box; k++)
        count += c->one[k] && c->two[k];
    return count;
}

static void measure(struct canvas *c, double roi_diameter_px, struct prism_pattern_stats *s)
{
    const double roi2 = 0.25 * roi_diameter_px * roi_diameter_px;
    double sum = 0, squares = 0;
    long long opened = 0, in_union = 0, in_disc = 0, in_both = 0;

    radii(c->centres_yx, c->n, s);
    for (int i = 0; i < c->n; i++) {
        int outside = 0, pixels = place(c, i, &outside), j = nearest(c->centres_yx, c->n, i);
        opened += pixels - outside;
        s->pixels_outside += outside;
        if (j < 0)
            continue;
        double d2 = distance2(c->centres_yx + 2 * (size_t)i, c->centres_yx + 2 * (size_t)j);
        sum += sqrt(d2);
        squares += d2;
        s->overlap += pixels ? (double)shared(c, i, j) / pixels / c->n : 0;
    }
    s->neighbour_mean_px = sum / c->n;
    s->neighbour_std_px =
        sqrt(fmax(squares / c->n - s->neighbour_mean_px * s->neighbour_mean_px, 0));
    for (int i = 0; i < c->grid; i++)
        for (int j = 0; j < c->grid; j++) {
            double y = i - c->grid / 2, x = j - c->grid / 2;
            bool open = c->all[(size_t)i * c->grid + j], disc = y * y + x * x <= roi2;
            in_union += open;
            in_disc += disc;
            in_both += open && disc;
        }
    s->coverage = (double)in_both / (double)in_disc; /* the disc always contains DC */
    s->redundancy = in_union ? (double)opened / (double)in_union : 0;
}

static int check_params(struct prism_ctx *ctx, const double *centres_yx, int n,
                        const struct prism_aperture *a, int grid, double roi_diameter_px)
{
    PRISM_TRY(prismi_aperture_check(ctx, a));
    if (n < 1)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "pattern statistics: %d points; give at least one", n);
    if (grid < 1)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "pattern statistics: the grid has %d pixels; give at least one", grid);
    if (!(roi_diameter_px > 0) || !isfinite(roi_diameter_px))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "pattern statistics: roi_diameter_px is %g; give a positive, finite diameter",
            roi_diameter_px);
    for (size_t i = 0; i < 2 * (size_t)n; i++)
        if (!(fabs(centres_yx[i]) <= CENTRE_MAX))
            return PRISM_FAIL(
                ctx, PRISM_EINVAL,
                "pattern statistics: centre %zu is (%g, %g); expected within +-%g pixels", i / 2,
                centres_yx[i & ~(size_t)1], centres_yx[i | 1], CENTRE_MAX);
    return 0;
}

int prism_pattern_statistics(struct prism_ctx *ctx, const double *centres_yx, int n,
                             const struct prism_aperture *a, int grid, double roi_diameter_px,
                             struct prism_pattern_stats *out)
{
    PRISM_TRY(check_params(ctx, centres_yx, n, a, grid, roi_diameter_px));
    struct canvas c = {.aperture = a,
                       .centres_yx = centres_yx,
                       .n = n,
                       .grid = grid,
                       .box = prism_aperture_box(a)};
    struct prism_pattern_stats s = {.n = n};
    int status = 0;

    c.all = prismi_alloc((size_t)grid, (size_t)grid);
    c.one = prismi_alloc((size_t)c.box, (size_t)c.box);
    c.two = prismi_alloc((size_t)c.box, (size_t)c.box);
    if (c.all && c.one && c.two) {
        measure(&c, roi_diameter_px, &s);
        *out = s;
    } else {
        status =
            PRISM_FAIL(ctx, PRISM_ENOMEM,
                       "pattern statistics: no memory for a grid of %d x %d pixels", grid, grid);
    }
    prismi_free(c.two);
    prismi_free(c.one);
    prismi_free(c.all);
    return status;
}
