/* The table of a measurement's frames, with their pupils and positions in
 * k-space, and the selection of frames. */
#include "optics/subaperture.h"

#include <math.h>
#include <string.h>

/* ---- selection ---- */

static int check_entry(const struct prism_measure *m, int a)
{
    if (a < 0 || a >= m->p.n_apertures)
        return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_EINVAL,
                          "aperture %d: the table has %d entries, 0 to %d", a, m->p.n_apertures,
                          m->p.n_apertures - 1);
    return 0;
}

static bool is_empty(const struct extent *e)
{
    return e->y0 >= e->y1;
}

static struct extent hull(struct extent a, struct extent b)
{
    if (is_empty(&a) || is_empty(&b))
        return is_empty(&a) ? b : a;
    return (struct extent){a.y0 < b.y0 ? a.y0 : b.y0, a.y1 > b.y1 ? a.y1 : b.y1,
                           a.x0 < b.x0 ? a.x0 : b.x0, a.x1 > b.x1 ? a.x1 : b.x1};
}

/* Write the range of samples first to end-1, modulo n, as {first, count}. */
static void put_range(int32_t to[2], int first, int end, int n)
{
    to[0] = (first % n + n) % n;
    to[1] = end - first;
}

/* Compute the supports of the selected entries, and write supports and index to
 * the device. */
int prismi_subaperture_uses(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const int top = p->grid_h / 2 - p->obj_h / 2, left = p->grid_w / 2 - p->obj_w / 2;
    int32_t *there = m->host_uses, *back = there + 4, *field_back = there + 8,
            *field_there = field_back + 4 * p->batch;
    struct extent all = {0, 0, 0, 0};

    for (int b = 0; b < p->batch; b++, field_back += 4, field_there += 4) {
        const struct extent *open = &m->open[index_of(m)[b]];
        put_range(field_there, open->y0, open->y1, p->field_h);
        put_range(field_there + 2, 0, p->field_w, p->field_w);
        put_range(field_back, 0, p->field_h, p->field_h);
        put_range(field_back + 2, open->x0, open->x1, p->field_w);
        all = hull(all, m->where[index_of(m)[b]]);
    }
    put_range(there, top, top + p->obj_h, p->grid_h);
    put_range(there + 2, all.x0, all.x1, p->grid_w);
    put_range(back, all.y0, all.y1, p->grid_h);
    put_range(back + 2, left, left + p->obj_w, p->grid_w);
    return m->dev->ops->write(m->dev, m->uses, m->host_uses, uses_bytes(m));
}

/* With matrices, the boxes of the selected entries lie one below the other in
 * `spectrum`. If an entry is selected more than once, any of its boxes serves
 * for all: forward they are equal, and their adjoints would only be added up.
 * a: update this entry only; -1: all. */
static int aim(struct prism_measure *m, int a)
{
    const struct prism_measure_params *p = &m->p;

    for (int b = 0; b < p->batch && m->matrix.used; b++) {
        const int used = index_of(m)[b];
        const int32_t origin[2] = {b * p->box_h, 0};
        int32_t y[2], x[2];
        if (a >= 0 && used != a)
            continue;
        put_range(y, m->where[used].y0 - m->open[used].y0 - p->box_h / 2, 0, p->grid_h);
        put_range(x, m->where[used].x0 - m->open[used].x0 - p->box_w / 2, 0, p->grid_w);
        PRISM_TRY(prismi_matrix_aim(&m->matrix, b, y[0], x[0]));
        PRISM_TRY(m->dev->ops->write(m->dev, m->origin + (size_t)used * sizeof(origin), origin,
                                     sizeof(origin)));
    }
    return 0;
}

int prismi_subaperture_select(struct prismi_instrument *in, const int32_t *index)
{
    struct prism_measure *m = (struct prism_measure *)in;

    for (int b = 0; b < m->p.batch; b++)
        PRISM_TRY(check_entry(m, index[b]));
    for (int b = 0; b < m->p.batch; b++)
        index_of(m)[b] = index[b];
    PRISM_TRY(aim(m, -1));
    return prismi_subaperture_uses(m);
}

/* ---- the table ---- */

/* The rows and columns of the box that contain open pixels. */
static struct extent extent_of(const struct prism_measure *m, const uint8_t *mask)
{
    const int w = m->p.box_w;
    struct extent e = {0, 0, 0, 0};

    for (int i = 0; i < m->p.box_h; i++, mask += w) {
        int first = 0, end = w;
        if (!mask[0] && !memcmp(mask, mask + 1, (size_t)w - 1))
            continue;
        while (!mask[first])
            first++;
        while (!mask[end - 1])
            end--;
        e = hull(e, (struct extent){i, i + 1, first, end});
    }
    return e;
}

/* Write entry a of the table: its box begins at frequency (y0, x0) and has open
 * pixels in the rows and columns `open`. m->table holds the new values of
 * `rows` rows from row0 on. */
static int write_entry(struct prism_measure *m, int a, int y0, int x0, const struct extent *open,
                       int row0, int rows)
{
    const struct prism_measure_params *p = &m->p;
    const int cy = p->box_h / 2, cx = p->box_w / 2;
    const int32_t origin[2] = {(y0 % p->grid_h + p->grid_h) % p->grid_h,
                               (x0 % p->grid_w + p->grid_w) % p->grid_w};
    const int32_t opening[4] = {open->y0, open->y1 - open->y0, open->x0, open->x1 - open->x0};
    const size_t first = (size_t)a * box_pixels(m) + (size_t)row0 * p->box_w;

    PRISM_TRY(prismi_dev_put(m->dev, m->pupil + first * prism_dtype_size(m->cplx), p->dtype,
                             m->table, 2 * (size_t)rows * p->box_w));
    if (!m->matrix.used)
        PRISM_TRY(m->dev->ops->write(m->dev, m->origin + (size_t)a * sizeof(origin), origin,
                                     sizeof(origin)));
    PRISM_TRY(m->dev->ops->write(m->dev, m->opening + (size_t)a * sizeof(opening), opening,
                                 sizeof(opening)));
    m->open[a] = (struct extent){open->y0 - cy, open->y1 - cy, open->x0 - cx, open->x1 - cx};
    m->where[a] = (struct extent){open->y0 + y0, open->y1 + y0, open->x0 + x0, open->x1 + x0};
    PRISM_TRY(aim(m, a));
    return prismi_subaperture_uses(m);
}

/* True if a box of `box` samples about `origin` contains the part of the grid
 * within [c - r, c + r]. */
static bool box_holds(int box, int origin, int grid, double c, double r)
{
    double low = fmax(ceil(c - r), -(grid / 2)), high = fmin(floor(c + r), grid - 1 - grid / 2);
    return low >= origin - box / 2 && high <= origin + box - 1 - box / 2;
}

static bool meets_grid(int grid, double c, double r)
{
    return c + r >= -(grid / 2) && c - r <= grid - 1 - grid / 2;
}

static int check_shape(const struct prism_measure *m, int a, const struct prism_aperture *shape,
                       double cy, double cx)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_ctx *ctx = prismi_dev_ctx(m->dev);
    const double r = shape->radius_px;

    if (!meets_grid(p->grid_h, cy, r) || !meets_grid(p->grid_w, cx, r))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture %d: centre (%g, %g) px with radius %g px lies outside the %d x "
                          "%d grid about DC",
                          a, cy, cx, r, p->grid_h, p->grid_w);
    if (!box_holds(p->box_h, (int)round(cy), p->grid_h, cy, r) ||
        !box_holds(p->box_w, (int)round(cx), p->grid_w, cx, r))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture %d: radius %g px does not fit the %d x %d pupil box; give a "
                          "box of at least %d",
                          a, r, p->box_h, p->box_w, prism_aperture_box(shape));
    return 0;
}

/* Phase in turns at frequency q of the window that moves the object's centre to
 * field/2 (see subaperture.c). It is 0 for even sizes. */
static double centre_turns(int grid, int field, int q)
{
    return q * ((double)(grid / 2) / grid - (double)(field / 2) / field);
}

/* Close the pixels of m->mask that lie outside the grid. The box begins at
 * frequency (y0, x0). */
static void clip(struct prism_measure *m, int y0, int x0)
{
    const struct prism_measure_params *p = &m->p;

    for (int i = 0; i < p->box_h; i++) {
        const int ky = y0 + i;
        const bool inside = ky >= -(p->grid_h / 2) && ky < p->grid_h - p->grid_h / 2;
        for (int j = 0; j < p->box_w; j++)
            if (!inside || x0 + j < -(p->grid_w / 2) || x0 + j >= p->grid_w - p->grid_w / 2)
                m->mask[(size_t)i * p->box_w + j] = 0;
    }
}

/* Fill m->table with the given rows of a mask, with the phase if there is
 * one. */
static int fill_table(struct prism_measure *m, int a, const uint8_t *mask, const double *phase_rad,
                      int row0, int rows)
{
    const struct prism_measure_params *p = &m->p;
    const double scale = 1 / ((double)p->grid_h * p->grid_w), turn = 2 * 3.14159265358979323846;
    const double across = centre_turns(p->grid_w, p->field_w, 1);
    double *t = m->table;

    for (int i = row0; i < row0 + rows; i++) {
        const double down = centre_turns(p->grid_h, p->field_h, i - p->box_h / 2);
        for (int j = 0; j < p->box_w; j++, t += 2) {
            const size_t pixel = (size_t)i * p->box_w + j;
            t[0] = t[1] = 0;
            if (!mask[pixel])
                continue;
            double turns =
                down + (j - p->box_w / 2) * across + (phase_rad ? phase_rad[pixel] / turn : 0);
            if (!isfinite(turns))
                return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_EINVAL,
                                  "aperture %d: phase_rad[%d][%d] is %g; give a finite phase", a, i,
                                  j, phase_rad[pixel]);
            prismi_exp_turns(turns, &t[0], &t[1]);
            t[0] *= scale;
            t[1] *= scale;
        }
    }
    return 0;
}

int prism_measure_set_aperture(struct prism_measure *m, int a, const struct prism_aperture *shape,
                               double cy, double cx, const double *phase_rad)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_ctx *ctx = prismi_dev_ctx(m->dev);

    PRISM_TRY(check_entry(m, a));
    PRISM_TRY(prismi_aperture_check(ctx, shape));
    PRISM_TRY(check_shape(m, a, shape, cy, cx));
    const int y0 = (int)round(cy) - p->box_h / 2, x0 = (int)round(cx) - p->box_w / 2;
    prismi_aperture_mask(prismi_dev_cache(m->dev), shape, cy, cx, y0, x0, p->box_h, p->box_w,
                         m->mask, (size_t)p->box_w);
    clip(m, y0, x0);
    PRISM_TRY(fill_table(m, a, m->mask, phase_rad, 0, p->box_h));
    const struct extent open = extent_of(m, m->mask);
    if (is_empty(&open))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "aperture %d: centred at (%g, %g) px it opens no pixel of the %d x %d grid; move it", a,
            cy, cx, p->grid_h, p->grid_w);
    return write_entry(m, a, y0, x0, &open, 0, p->box_h);
}

int prismi_subaperture_set_aperture(struct prismi_instrument *in, int a,
                                    const struct prism_aperture *shape, double cy, double cx)
{
    return prism_measure_set_aperture((struct prism_measure *)in, a, shape, cy, cx, NULL);
}

int prismi_subaperture_set_mask(struct prismi_instrument *in, int a, const uint8_t *mask, int row0,
                                int rows)
{
    struct prism_measure *m = (struct prism_measure *)in;
    const struct extent open = mask ? extent_of(m, mask) : (struct extent){0, 0, 0, 0};

    if (mask) {
        PRISM_TRY(fill_table(m, a, mask, NULL, row0, rows));
        return write_entry(m, a, -(m->p.grid_h / 2), -(m->p.grid_w / 2), &open, row0, rows);
    }
    memset(m->table, 0, 2 * box_pixels(m) * sizeof(*m->table));
    return write_entry(m, a, 0, 0, &open, 0, m->p.box_h);
}

int prism_measure_set_mask(struct prism_measure *m, int a, const uint8_t *mask)
{
    const struct prism_measure_params *p = &m->p;

    PRISM_TRY(check_entry(m, a));
    if (p->box_h != p->grid_h || p->box_w != p->grid_w)
        return PRISM_FAIL(
            prismi_dev_ctx(m->dev), PRISM_EINVAL,
            "aperture %d: a mask needs a pupil box as large as the grid, %d x %d; it is %d x %d", a,
            p->grid_h, p->grid_w, p->box_h, p->box_w);
    return prismi_subaperture_set_mask(&m->in, a, mask, 0, p->box_h);
}
