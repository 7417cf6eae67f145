/* Fields behind sub-apertures of one object's spectrum.
 *
 * Per axis, with N grid and F field samples, object centre N/2, an aperture box whose first row is frequency k0 - box/2, and the
 * plain transform X of the object on the grid, the inverse transform of the window around k0 is
 *   u[m] = (1/N) sum_q P[q] X[k0 + q] exp(2 pi i q m/F) = exp(-2 pi i k0 m/F) g(m N/F):
 * the filtered image g at every (N/F)-th position, up to a phase ramp. 1/N is in the pupil table, so values keep their scale.
 * The object's centre lies at m = (N/2) F/N: F/2 for even sizes. For odd sizes that is a fraction of a pixel away from F/2
 * (integer division), and the table carries the linear phase that moves it there. No data is shifted anywhere.
 *
 * The transforms are told what they may leave out: the object fills some rows and columns of the grid, and the open pixels of the
 * apertures in use lie within some of their box. Where it is faster, dense products make each aperture's box straight from the
 * object instead (matrix.c), and there is no spectrum of the grid. */
#include "optics/optics_internal.h"

#include <math.h>
#include <string.h>

/* Frequencies y0 <= ky < y1, x0 <= kx < x1. */
struct extent {
    int y0, y1, x0, x1;
};

struct prism_measure {
    struct prism_dev *dev;
    struct prism_measure_params p;
    enum prism_dtype cplx;
    struct prismi_matrix matrix;
    struct prism_fft *grid_fft; /* NULL by matrices */
    struct prism_fft *field_fft;
    struct prismi_arena arena;
    prism_mem spectrum; /* [grid_h,grid_w] cplx; by matrices [batch,box_h,box_w], the box of each in use */
    prism_mem object;   /* [obj_h,obj_w] cplx, real objects only; by matrices what prismi_measure_spectrum was given */
    prism_mem pupil;    /* [n_apertures,box_h,box_w] cplx */
    prism_mem origin;   /* [n_apertures,2] I32, in `spectrum` */
    prism_mem opening;  /* [n_apertures,4] I32: row0, rows, col0, cols of the box */
    prism_mem uses;     /* as below */
    /* host */
    double *table;        /* scratch: [box_h,box_w] complex */
    uint8_t *mask;        /* scratch: [box_h,box_w] */
    struct extent *open;  /* [n_apertures]: of the open pixels, from the box's centre */
    struct extent *where; /* [n_apertures]: the same from DC */
    int32_t *host_uses;   /* I32: the supports of grid_fft [2,1,4] and of field_fft [2,batch,4], then index [batch] */
};

/* ---- create and destroy ---- */

static int check_sides(struct prism_ctx *ctx, const char *name, int h, int w, const char *limit_name, int limit_h, int limit_w)
{
    if (h < 1 || w < 1 || h > limit_h || w > limit_w)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: the %s is %d x %d; give sides from 1 to those of the %s, %d x %d", name,
                          h, w, limit_name, limit_h, limit_w);
    return 0;
}

static int check_params(struct prism_ctx *ctx, const struct prism_dev *dev, const struct prism_measure_params *p)
{
    if (p->dtype != PRISM_F32 && p->dtype != PRISM_F64)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: dtype %d is not real; use PRISM_F32 or PRISM_F64", (int)p->dtype);
    if (!(dev->caps.dtypes & (1u << p->dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "measurement: this device (%s) has no %s; use %s", dev->caps.device,
                          p->dtype == PRISM_F64 ? "PRISM_F64" : "PRISM_F32", p->dtype == PRISM_F64 ? "PRISM_F32" : "PRISM_F64");
    PRISM_TRY(check_sides(ctx, "grid", p->grid_h, p->grid_w, "largest grid", PRISMI_SIDE_MAX, PRISMI_SIDE_MAX));
    PRISM_TRY(check_sides(ctx, "object", p->obj_h, p->obj_w, "grid", p->grid_h, p->grid_w));
    PRISM_TRY(check_sides(ctx, "field", p->field_h, p->field_w, "grid", p->grid_h, p->grid_w));
    PRISM_TRY(check_sides(ctx, "pupil box", p->box_h, p->box_w, "field", p->field_h, p->field_w));
    if (p->n_apertures < 1 || p->n_apertures > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: n_apertures is %d; give 1 to %d", p->n_apertures, PRISMI_PATTERN_MAX);
    if (p->batch < 1 || p->batch > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: batch is %d; give 1 to %d", p->batch, PRISMI_PATTERN_MAX);
    if ((int)p->method < 0 || p->method >= PRISM_MEASURE_METHOD_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: method %d is none of enum prism_measure_method", (int)p->method);
    return 0;
}

static struct prism_measure_params resolve(const struct prism_measure_params *given)
{
    struct prism_measure_params p = *given;
    p.field_h = p.field_h ? p.field_h : p.grid_h;
    p.field_w = p.field_w ? p.field_w : p.grid_w;
    p.box_h = p.box_h ? p.box_h : p.grid_h;
    p.box_w = p.box_w ? p.box_w : p.grid_w;
    return p;
}

static size_t box_pixels(const struct prism_measure *m)
{
    return (size_t)m->p.box_h * m->p.box_w;
}

/* Elements of the supports; index follows. */
static size_t support_count(const struct prism_measure *m)
{
    return 8 + 8 * (size_t)m->p.batch;
}

static size_t uses_bytes(const struct prism_measure *m)
{
    return (support_count(m) + (size_t)m->p.batch) * sizeof(int32_t);
}

static int allocate(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const size_t size = prism_dtype_size(m->cplx), box = box_pixels(m);

    m->table = prismi_alloc(box, 2 * sizeof(*m->table));
    m->mask = prismi_alloc(box, sizeof(*m->mask));
    m->open = prismi_alloc((size_t)p->n_apertures, sizeof(*m->open));
    m->where = prismi_alloc((size_t)p->n_apertures, sizeof(*m->where));
    m->host_uses = prismi_alloc(1, uses_bytes(m));
    if (!m->table || !m->mask || !m->open || !m->where || !m->host_uses)
        return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_ENOMEM, "measurement: no memory for a %d x %d pupil", p->box_h, p->box_w);
    m->arena.owner = PRISMI_OWNER_FFT;
    if (m->matrix.used)
        prismi_matrix_plan(&m->matrix, &m->arena);
    prismi_arena_add(&m->arena, (m->matrix.used ? p->batch * box : (size_t)p->grid_h * p->grid_w) * size, &m->spectrum);
    if (m->matrix.used || !p->complex_object)
        prismi_arena_add(&m->arena, (size_t)p->obj_h * p->obj_w * size, &m->object);
    m->arena.owner = PRISMI_OWNER_APERTURES;
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * box * size, &m->pupil);
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * 2 * sizeof(int32_t), &m->origin);
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * 4 * sizeof(int32_t), &m->opening);
    prismi_arena_add(&m->arena, uses_bytes(m), &m->uses);
    return prismi_arena_bind(&m->arena, m->dev);
}

/* ---- the apertures in use ---- */

static int32_t *index_of(const struct prism_measure *m)
{
    return m->host_uses + support_count(m);
}

static bool is_empty(const struct extent *e)
{
    return e->y0 >= e->y1;
}

static struct extent hull(struct extent a, struct extent b)
{
    if (is_empty(&a) || is_empty(&b))
        return is_empty(&a) ? b : a;
    return (struct extent){a.y0 < b.y0 ? a.y0 : b.y0, a.y1 > b.y1 ? a.y1 : b.y1, a.x0 < b.x0 ? a.x0 : b.x0,
                           a.x1 > b.x1 ? a.x1 : b.x1};
}

/* Samples first .. end-1 of n, modulo n. */
static void put_range(int32_t to[2], int first, int end, int n)
{
    to[0] = (first % n + n) % n;
    to[1] = end - first;
}

/* The supports of the entries that index names, and both to the device. */
static int write_uses(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const int top = p->grid_h / 2 - p->obj_h / 2, left = p->grid_w / 2 - p->obj_w / 2;
    int32_t *there = m->host_uses, *back = there + 4, *field_back = there + 8, *field_there = field_back + 4 * p->batch;
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

/* By matrices, the boxes of the entries that index names lie one below the other in `spectrum`. Where it names one repeatedly, any
 * of these does for all: forward they are equal, and their adjoints would only be added up. a: that entry alone, or -1. */
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
        PRISM_TRY(m->dev->ops->write(m->dev, m->origin + (size_t)used * sizeof(origin), origin, sizeof(origin)));
    }
    return 0;
}

static int build(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_fft_desc grid = {m->cplx, 1, p->grid_h, p->grid_w, NULL, NULL};
    struct prism_fft_desc field = {m->cplx, p->batch, p->field_h, p->field_w, NULL, NULL};

    PRISM_TRY(prismi_matrix_choose(m->dev, p, &m->matrix));
    PRISM_TRY(allocate(m));
    grid.support = m->uses;
    field.support = m->uses + 8 * sizeof(int32_t);
    PRISM_TRY(m->matrix.used ? prismi_matrix_fill(&m->matrix) : m->dev->ops->fft_create(m->dev, &grid, &m->grid_fft));
    PRISM_TRY(m->dev->ops->fft_create(m->dev, &field, &m->field_fft));
    for (int b = 0; b < p->batch; b++)
        index_of(m)[b] = b % p->n_apertures;
    return write_uses(m);
}

int prism_measure_create(struct prism_dev *dev, const struct prism_measure_params *params, struct prism_measure **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const struct prism_measure_params p = resolve(params);

    *out = NULL;
    PRISM_TRY(check_params(ctx, dev, &p));
    struct prism_measure *m = prismi_alloc(1, sizeof(*m));
    if (!m)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "measurement: no memory for %zu bytes", sizeof(*m));
    prismi_ctx_retain(ctx, "measure");
    m->dev = dev;
    m->p = p;
    m->cplx = prism_dtype_complex(p.dtype);
    int status = build(m);
    if (status)
        prism_measure_destroy(&m);
    *out = m;
    return status;
}

void prism_measure_destroy(struct prism_measure **pm)
{
    if (!pm || !*pm)
        return;
    struct prism_measure *m = *pm;
    m->dev->ops->fft_destroy(m->field_fft);
    m->dev->ops->fft_destroy(m->grid_fft);
    prismi_arena_release(&m->arena);
    prismi_free(m->host_uses);
    prismi_free(m->where);
    prismi_free(m->open);
    prismi_free(m->mask);
    prismi_free(m->table);
    prismi_ctx_drop(prismi_dev_ctx(m->dev), "measure");
    prismi_free(m);
    *pm = NULL;
}

/* ---- the table of apertures ---- */

static int check_entry(const struct prism_measure *m, int a)
{
    if (a < 0 || a >= m->p.n_apertures)
        return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_EINVAL, "aperture %d: the table has %d entries, 0 to %d", a,
                          m->p.n_apertures, m->p.n_apertures - 1);
    return 0;
}

/* Rows and columns of the box that have open pixels. */
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

/* An aperture whose box begins at frequency (y0, x0), with open pixels in the given rows and columns of the box. rows of its table
 * from row0 on are new: they are in m->table. */
static int write_entry(struct prism_measure *m, int a, int y0, int x0, const struct extent *open, int row0, int rows)
{
    const struct prism_measure_params *p = &m->p;
    const int cy = p->box_h / 2, cx = p->box_w / 2;
    const int32_t origin[2] = {(y0 % p->grid_h + p->grid_h) % p->grid_h, (x0 % p->grid_w + p->grid_w) % p->grid_w};
    const int32_t opening[4] = {open->y0, open->y1 - open->y0, open->x0, open->x1 - open->x0};
    const size_t first = (size_t)a * box_pixels(m) + (size_t)row0 * p->box_w;

    PRISM_TRY(
        prismi_dev_put(m->dev, m->pupil + first * prism_dtype_size(m->cplx), p->dtype, m->table, 2 * (size_t)rows * p->box_w));
    if (!m->matrix.used)
        PRISM_TRY(m->dev->ops->write(m->dev, m->origin + (size_t)a * sizeof(origin), origin, sizeof(origin)));
    PRISM_TRY(m->dev->ops->write(m->dev, m->opening + (size_t)a * sizeof(opening), opening, sizeof(opening)));
    m->open[a] = (struct extent){open->y0 - cy, open->y1 - cy, open->x0 - cx, open->x1 - cx};
    m->where[a] = (struct extent){open->y0 + y0, open->y1 + y0, open->x0 + x0, open->x1 + x0};
    PRISM_TRY(aim(m, a));
    return write_uses(m);
}

/* Does the box of n samples about `origin` hold what the grid has of [c - r, c + r]? */
static bool box_holds(int box, int origin, int grid, double c, double r)
{
    double low = fmax(ceil(c - r), -(grid / 2)), high = fmin(floor(c + r), grid - 1 - grid / 2);
    return low >= origin - box / 2 && high <= origin + box - 1 - box / 2;
}

static bool meets_grid(int grid, double c, double r)
{
    return c + r >= -(grid / 2) && c - r <= grid - 1 - grid / 2;
}

static int check_shape(const struct prism_measure *m, int a, const struct prism_aperture *shape, double cy, double cx)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_ctx *ctx = prismi_dev_ctx(m->dev);
    const double r = shape->radius_px;

    if (!meets_grid(p->grid_h, cy, r) || !meets_grid(p->grid_w, cx, r))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture %d: centre (%g, %g) px with radius %g px lies outside the %d x %d grid about DC", a, cy, cx, r,
                          p->grid_h, p->grid_w);
    if (!box_holds(p->box_h, (int)round(cy), p->grid_h, cy, r) || !box_holds(p->box_w, (int)round(cx), p->grid_w, cx, r))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "aperture %d: radius %g px does not fit the %d x %d pupil box; give a box of at least %d", a, r, p->box_h,
                          p->box_w, prism_aperture_box(shape));
    return 0;
}

/* Turns that move the object's centre to field/2, at frequency q of the window: see above. 0 for even sizes. */
static double centre_turns(int grid, int field, int q)
{
    return q * ((double)(grid / 2) / grid - (double)(field / 2) / field);
}

/* Closes what of m->mask, whose box begins at frequency (y0, x0), lies outside the grid. */
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

/* m->table: the given rows of a mask with a phase. */
static int fill_table(struct prism_measure *m, int a, const uint8_t *mask, const double *phase_rad, int row0, int rows)
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
            double turns = down + (j - p->box_w / 2) * across + (phase_rad ? phase_rad[pixel] / turn : 0);
            if (!isfinite(turns))
                return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_EINVAL, "aperture %d: phase_rad[%d][%d] is %g; give a finite phase",
                                  a, i, j, phase_rad[pixel]);
            prismi_exp_turns(turns, &t[0], &t[1]);
            t[0] *= scale;
            t[1] *= scale;
        }
    }
    return 0;
}

int prism_measure_set_aperture(struct prism_measure *m, int a, const struct prism_aperture *shape, double cy, double cx,
                               const double *phase_rad)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_ctx *ctx = prismi_dev_ctx(m->dev);

    PRISM_TRY(check_entry(m, a));
    PRISM_TRY(prismi_aperture_check(ctx, shape));
    PRISM_TRY(check_shape(m, a, shape, cy, cx));
    const int y0 = (int)round(cy) - p->box_h / 2, x0 = (int)round(cx) - p->box_w / 2;
    prismi_aperture_mask(prismi_dev_cache(m->dev), shape, cy, cx, y0, x0, p->box_h, p->box_w, m->mask, (size_t)p->box_w);
    clip(m, y0, x0);
    PRISM_TRY(fill_table(m, a, m->mask, phase_rad, 0, p->box_h));
    const struct extent open = extent_of(m, m->mask);
    if (is_empty(&open))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "aperture %d: centred at (%g, %g) px it opens no pixel of the %d x %d grid; move it",
                          a, cy, cx, p->grid_h, p->grid_w);
    return write_entry(m, a, y0, x0, &open, 0, p->box_h);
}

int prism_measure_set_mask(struct prism_measure *m, int a, const uint8_t *mask)
{
    const struct prism_measure_params *p = &m->p;

    PRISM_TRY(check_entry(m, a));
    if (p->box_h != p->grid_h || p->box_w != p->grid_w)
        return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_EINVAL,
                          "aperture %d: a mask needs a pupil box as large as the grid, %d x %d; it is %d x %d", a, p->grid_h,
                          p->grid_w, p->box_h, p->box_w);
    return prismi_measure_update_mask(m, a, mask, 0, p->box_h);
}

int prismi_measure_update_mask(struct prism_measure *m, int a, const uint8_t *mask, int row0, int rows)
{
    const struct extent open = extent_of(m, mask);

    PRISM_TRY(fill_table(m, a, mask, NULL, row0, rows));
    return write_entry(m, a, -(m->p.grid_h / 2), -(m->p.grid_w / 2), &open, row0, rows);
}

int prismi_measure_close(struct prism_measure *m, int a)
{
    const struct extent none = {0};

    memset(m->table, 0, 2 * box_pixels(m) * sizeof(*m->table));
    return write_entry(m, a, 0, 0, &none, 0, m->p.box_h);
}

int prism_measure_set_index(struct prism_measure *m, const int32_t *index)
{
    for (int b = 0; b < m->p.batch; b++)
        PRISM_TRY(check_entry(m, index[b]));
    for (int b = 0; b < m->p.batch; b++)
        index_of(m)[b] = index[b];
    PRISM_TRY(aim(m, -1));
    return write_uses(m);
}

/* ---- run ---- */

static struct prism_subaperture_desc subaperture(const struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const bool boxes = m->matrix.used;
    return (struct prism_subaperture_desc){.dtype = m->cplx,
                                           .batch = p->batch,
                                           .h = boxes ? p->batch * p->box_h : p->grid_h,
                                           .w = boxes ? p->box_w : p->grid_w,
                                           .oh = p->field_h,
                                           .ow = p->field_w,
                                           .ph = p->box_h,
                                           .pw = p->box_w};
}

/* Between the object and the grid. */
static struct prism_spectrum_desc of_object(const struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    return (struct prism_spectrum_desc){p->complex_object ? m->cplx : p->dtype, p->grid_h, p->grid_w, p->obj_h, p->obj_w};
}

/* On the way back: those of grid_fft's second support. */
static prism_mem rows_looked_at(const struct prism_measure *m)
{
    return m->matrix.used ? NULL : m->uses + 4 * sizeof(int32_t);
}

static int spectrum_of(struct prism_measure *m, prism_mem x)
{
    const struct prism_spectrum_desc desc = of_object(m);
    const struct prism_spectrum_args args = {m->spectrum, x, m->grid_fft, m->object};

    if (m->matrix.used)
        return prismi_matrix_forward(&m->matrix, m->spectrum, x);
    return m->dev->ops->spectrum_fwd(m->dev, &desc, &args);
}

static struct prism_subaperture_args cuts(const struct prism_measure *m, prism_mem u)
{
    return (struct prism_subaperture_args){u, m->spectrum, m->pupil,         m->origin, prism_measure_index(m),
                                           0, m->opening,  rows_looked_at(m)};
}

/* The fields' spectra. */
static int cut_out(struct prism_measure *m, prism_mem u)
{
    const struct prism_subaperture_desc desc = subaperture(m);
    const struct prism_subaperture_args args = cuts(m, u);
    return m->dev->ops->subaperture_fwd(m->dev, &desc, &args);
}

static int fields_of(struct prism_measure *m, prism_mem u)
{
    PRISM_TRY(cut_out(m, u));
    return m->dev->ops->fft_run(m->field_fft, +1, u, u);
}

int prism_measure_forward(struct prism_measure *m, prism_mem u, prism_mem x)
{
    PRISM_TRY(spectrum_of(m, x));
    return fields_of(m, u);
}

int prismi_measure_spectrum(struct prism_measure *m, prism_mem x)
{
    const struct prism_measure_params *p = &m->p;

    if (m->matrix.used) /* as quickly made again for each aperture */
        return m->dev->ops->copy(m->dev, m->object, x,
                                 (size_t)p->obj_h * p->obj_w * prism_dtype_size(p->complex_object ? m->cplx : p->dtype));
    put_range(m->host_uses + 2, 0, p->grid_w, p->grid_w); /* for any aperture */
    PRISM_TRY(m->dev->ops->write(m->dev, m->uses, m->host_uses, uses_bytes(m)));
    PRISM_TRY(spectrum_of(m, x));
    return write_uses(m);
}

int prismi_measure_fields(struct prism_measure *m, prism_mem u)
{
    if (m->matrix.used)
        PRISM_TRY(spectrum_of(m, m->object));
    return fields_of(m, u);
}

int prismi_measure_pull(struct prism_measure *m, prism_mem gx)
{
    const struct prism_spectrum_desc desc = of_object(m);
    const struct prism_spectrum_args args = {m->spectrum, gx, m->grid_fft, m->object};

    if (m->matrix.used)
        return prismi_matrix_adjoint(&m->matrix, gx, m->spectrum);
    return m->dev->ops->spectrum_adj(m->dev, &desc, &args);
}

/* What the fields' spectra u give, added up in the spectrum. */
static int collect(struct prism_measure *m, prism_mem u)
{
    const struct prism_subaperture_desc desc = subaperture(m);
    const struct prism_subaperture_args args = cuts(m, u);
    return m->dev->ops->subaperture_adj(m->dev, &desc, &args);
}

int prism_measure_adjoint(struct prism_measure *m, prism_mem gx, prism_mem gu)
{
    PRISM_TRY(m->dev->ops->fft_run(m->field_fft, -1, gu, gu));
    PRISM_TRY(collect(m, gu));
    return prismi_measure_pull(m, gx);
}

int prismi_measure_misfit(struct prism_measure *m, prism_mem x, enum prism_misfit kind, const struct prism_field_misfit_args *loss)
{
    const struct prism_field_misfit_desc desc = {subaperture(m), kind};
    struct prism_field_misfit_args args = *loss;

    PRISM_TRY(spectrum_of(m, x));
    args.spectrum = args.gspectrum = m->spectrum;
    args.pupil = m->pupil;
    args.origin = m->origin;
    args.index = prism_measure_index(m);
    args.open = m->opening;
    args.rows = rows_looked_at(m);
    args.fft = m->field_fft;
    return m->dev->ops->field_misfit(m->dev, &desc, &args);
}

int prismi_measure_normal(struct prism_measure *m, prism_mem y, prism_mem x, prism_mem u)
{
    PRISM_TRY(spectrum_of(m, x));
    PRISM_TRY(cut_out(m, u));
    PRISM_TRY(collect(m, u));
    return prismi_measure_pull(m, y);
}

struct prism_dev *prismi_measure_dev(const struct prism_measure *m)
{
    return m->dev;
}

bool prismi_measure_by_matrix(const struct prism_measure *m)
{
    return m->matrix.used;
}

prism_mem prism_measure_index(const struct prism_measure *m)
{
    return m->uses + support_count(m) * sizeof(int32_t);
}

const struct prism_measure_params *prism_measure_params(const struct prism_measure *m)
{
    return &m->p;
}
