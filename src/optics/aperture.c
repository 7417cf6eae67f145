/* Aperture shapes: checks, and masks of open pixels. */
#include "optics/optics_internal.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define RADIUS_MAX 1e6
#define SPIDERS_MAX 1000
/* Tolerance in comparing spider edges, so that rounding of sin and cos does not
 * decide which edge pixels are blocked. */
#define EDGE_SLACK 1e-9

static bool has_inner(const struct prism_aperture *a)
{
    return a->shape == PRISM_APERTURE_ANNULUS || a->shape == PRISM_APERTURE_OBSCURED;
}

int prismi_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a)
{
    if ((int)a->shape < 0 || a->shape >= PRISM_APERTURE_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture: shape %d is unknown; use one of enum prism_aperture_shape",
                          (int)a->shape);
    if (!(a->radius_px > 0 && a->radius_px <= RADIUS_MAX))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture: radius_px is %g; give a radius above 0 and at most %g",
                          a->radius_px, RADIUS_MAX);
    if (has_inner(a) && !(a->inner_radius_px >= 0 && a->inner_radius_px < a->radius_px))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "aperture: inner_radius_px is %g; give 0 or more and less than radius_px, %g",
            a->inner_radius_px, a->radius_px);
    if (a->shape == PRISM_APERTURE_OBSCURED &&
        !(a->spider_width_px >= 0 && isfinite(a->spider_width_px)))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture: spider_width_px is %g; give 0 (no spider) or a positive width",
                          a->spider_width_px);
    if (a->shape == PRISM_APERTURE_OBSCURED && (a->n_spiders < 0 || a->n_spiders > SPIDERS_MAX))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "aperture: n_spiders is %d; give 0 (no spider) to %d",
                          a->n_spiders, SPIDERS_MAX);
    return 0;
}

int prism_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a)
{
    PRISM_TRY(prismi_aperture_check(ctx, a));
    if (has_inner(a) && a->inner_radius_px > 0.5 * a->radius_px)
        prismi_log(ctx, PRISM_LOG_WARN,
                   "aperture: the inner radius %g px blocks more than half of the radius %g px",
                   a->inner_radius_px, a->radius_px);
    return 0;
}

static bool is_open(const struct prism_aperture *a, double y, double x)
{
    if (a->shape == PRISM_APERTURE_HEXAGON) {
        const double half = 0.5 * sqrt(3.0);
        return fmax(fabs(x), 0.5 * fabs(x) + half * fabs(y)) <= half * a->radius_px;
    }
    double d2 = y * y + x * x;
    return d2 <= a->radius_px * a->radius_px &&
           (!has_inner(a) || d2 >= a->inner_radius_px * a->inner_radius_px);
}

static void render(const struct prism_aperture *a, double cy, double cx, int y0, int x0, int h,
                   int w, uint8_t *mask, size_t stride)
{
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            mask[(size_t)i * stride + j] = is_open(a, y0 + i - cy, x0 + j - cx);
    if (a->shape != PRISM_APERTURE_OBSCURED || a->spider_width_px == 0)
        return;
    for (int k = 0; k < a->n_spiders; k++) {
        double s = sin(k * PI / a->n_spiders), c = cos(k * PI / a->n_spiders);
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++)
                if (fabs((x0 + j - cx) * s - (y0 + i - cy) * c) <=
                    0.5 * a->spider_width_px + EDGE_SLACK)
                    mask[(size_t)i * stride + j] = 0;
    }
}

void prism_aperture_render(const struct prism_aperture *a, double cy, double cx, int y0, int x0,
                           int h, int w, uint8_t *mask)
{
    render(a, cy, cx, y0, x0, h, w, mask, (size_t)w);
}

static void copy_rows(uint8_t *dst, size_t dst_stride, const uint8_t *src, size_t src_stride, int h,
                      int w)
{
    for (int i = 0; i < h; i++)
        memcpy(dst + (size_t)i * dst_stride, src + (size_t)i * src_stride, (size_t)w);
}

void prismi_aperture_mask(struct prism_cache *cache, const struct prism_aperture *a, double cy,
                          double cx, int y0, int x0, int h, int w, uint8_t *mask, size_t stride)
{
    const double all[] = {a->shape,
                          a->radius_px,
                          a->inner_radius_px,
                          a->spider_width_px,
                          a->n_spiders,
                          cy,
                          cx,
                          y0,
                          x0,
                          h,
                          w};
    struct prism_key key = prism_key_init("mask");
    prism_key_add(&key, all, sizeof all);
    const uint8_t *kept = prism_cache_get(cache, PRISM_CACHE_APERTURES, &key, NULL);
    if (kept) {
        copy_rows(mask, stride, kept, (size_t)w, h, w);
        return;
    }
    render(a, cy, cx, y0, x0, h, w, mask, stride);
    uint8_t *room = prismi_cache_room(cache, PRISM_CACHE_APERTURES, &key, (size_t)h * w);
    if (room)
        copy_rows(room, (size_t)w, mask, stride, h, w);
}

/* The range [from, to) along an axis of the grid that an aperture centred at c
 * can reach. */
static void reach(int box, int grid, double c, int *from, int *to)
{
    double first = -(grid / 2), end = first + grid, low = round(c) - box / 2;
    *from = (int)fmin(fmax(low, first), end);
    *to = (int)fmin(fmax(low + box, first), end);
}

bool prismi_aperture_cover(const struct prism_aperture *a, int grid, double cy, double cx,
                           int32_t *count)
{
    enum { CHUNK = 256 };
    uint8_t open[CHUNK];
    int box = prism_aperture_box(a), y0, y1, x0, x1;
    bool any = false;
    reach(box, grid, cy, &y0, &y1);
    reach(box, grid, cx, &x0, &x1);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x += CHUNK) {
            int w = x1 - x < CHUNK ? x1 - x : CHUNK;
            prism_aperture_render(a, cy, cx, y, x, 1, w, open);
            for (int j = 0; j < w; j++) {
                any |= open[j];
                if (count)
                    count[(size_t)(y + grid / 2) * grid + (x + j + grid / 2)] += open[j];
            }
            if (any && !count)
                return true;
        }
    return any;
}

void prismi_aperture_mark(struct prism_cache *cache, const struct prism_aperture *a, int grid,
                          double cy, double cx, uint8_t *mask, int *row0, int *rows)
{
    int box = prism_aperture_box(a), y0, y1, x0, x1;
    reach(box, grid, cy, &y0, &y1);
    reach(box, grid, cx, &x0, &x1);
    prismi_aperture_mask(cache, a, cy, cx, y0, x0, y1 - y0, x1 - x0,
                         mask + (size_t)(y0 + grid / 2) * grid + (x0 + grid / 2), (size_t)grid);
    *row0 = y0 + grid / 2;
    *rows = y1 - y0;
}

int prism_aperture_box(const struct prism_aperture *a)
{
    return 2 * (int)ceil(a->radius_px) + 3;
}
