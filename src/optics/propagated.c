/* A field is propagated to the plane of the apertures, and what the aperture of
 * frame k lets through is propagated back to the object's plane:
 *
 *   u_k = P^H M_k P x,    P: propagation, M_k: the aperture of frame k
 *
 * P is scaled so that P^H P = 1. Values keep their scale, and with the
 * Fraunhofer transform as P, |u_k| equals that of sub-apertures with field =
 * grid. A Fresnel step keeps the power per area, not the sum of squares; 1/(P^H
 * P) is then part of M_k. The angular spectrum loses evanescent frequencies:
 * P^H P <= 1.
 *
 * M_k is stored as a table of boxes around the apertures, each the square root
 * of M_k: subaperture_fwd cuts the boxes out of P x, and subaperture_adj puts
 * them back, one frame at a time, into a plane of zeros. The adjoint uses the
 * same two entries. The selection of frames lies in device memory. */
#include "optics/instrument.h"
#include "optics/optics_internal.h"

#include <math.h>
#include <string.h>

struct propagated {
    struct prismi_instrument in;
    struct prism_dev *dev; /* in.op.dev */
    struct prism_linop *propagator;
    enum prism_dtype real, cplx;
    bool complex_object;
    int grid, obj, box;
    double open;     /* value of an open pixel in `pupil` */
    bool evanescent; /* P may lose evanescent frequencies */
    struct prismi_arena arena;
    prism_mem plane;  /* [grid,grid] complex: P x, or the sum over frames in the adjoint */
    prism_mem object; /* [obj,obj] cplx, real objects only */
    prism_mem boxes;  /* [batch,box,box] cplx */
    prism_mem pupil;  /* [n_frames,box,box] cplx */
    prism_mem origin; /* [n_frames,2] I32 */
    double *table;    /* host workspace [box,box] complex */
    uint8_t *mask;    /* host workspace [box,box] */
};

/* ---- frames ---- */

/* Write `rows` rows from row0 on of frame k's box, from mask [box,box]. The box
 * begins at sample (y0, x0) relative to the plane's centre. */
static int write_rows(struct propagated *p, int k, int y0, int x0, const uint8_t *mask, int row0,
                      int rows)
{
    const int n = p->grid;
    const int32_t origin[2] = {((y0 + n / 2) % n + n) % n, ((x0 + n / 2) % n + n) % n};
    const size_t count = (size_t)rows * p->box;
    const size_t first = (size_t)k * p->box * p->box + (size_t)row0 * p->box;

    for (size_t i = 0; i < count; i++) {
        p->table[2 * i] = mask[(size_t)row0 * p->box + i] ? p->open : 0;
        p->table[2 * i + 1] = 0;
    }
    PRISM_TRY(
        p->dev->ops->write(p->dev, p->origin + (size_t)k * sizeof origin, origin, sizeof origin));
    return prismi_dev_put(p->dev, p->pupil + first * prism_dtype_size(p->cplx), p->real, p->table,
                          2 * count);
}

static int set_aperture(struct prismi_instrument *in, int k, const struct prism_aperture *shape,
                        double cy, double cx)
{
    struct propagated *p = (struct propagated *)in;
    struct prism_ctx *ctx = prismi_dev_ctx(p->dev);
    const int low = -(p->grid / 2), end = low + p->grid;
    const bool whole = p->box == p->grid;

    PRISM_TRY(prismi_instrument_check_frame(in, k));
    PRISM_TRY(prismi_aperture_check(ctx, shape));
    if (!whole && prism_aperture_box(shape) > p->box)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "frame %d: radius %g px does not fit a box of %d", k,
                          shape->radius_px, p->box);
    if (!prismi_aperture_cover(shape, p->grid, cy, cx, NULL))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "frame %d: centred at (%g, %g) px its aperture opens no pixel of the %d x %d "
            "plane; move it",
            k, cy, cx, p->grid, p->grid);
    const int y0 = whole ? low : (int)round(cy) - p->box / 2,
              x0 = whole ? low : (int)round(cx) - p->box / 2;
    prismi_aperture_mask(prismi_dev_cache(p->dev), shape, cy, cx, y0, x0, p->box, p->box, p->mask,
                         (size_t)p->box);
    for (int i = 0; i < p->box; i++)
        for (int j = 0; j < p->box; j++)
            if (y0 + i < low || y0 + i >= end || x0 + j < low || x0 + j >= end)
                p->mask[(size_t)i * p->box + j] = 0;
    return write_rows(p, k, y0, x0, p->mask, 0, p->box);
}

static int set_mask(struct prismi_instrument *in, int k, const uint8_t *mask, int row0, int rows)
{
    struct propagated *p = (struct propagated *)in;
    const int low = -(p->grid / 2);

    PRISM_TRY(prismi_instrument_check_frame(in, k));
    if (mask)
        return write_rows(p, k, low, low, mask, row0, rows);
    memset(p->mask, 0, (size_t)p->box * p->box);
    return write_rows(p, k, low, low, p->mask, 0, p->box);
}

/* ---- run ---- */

static size_t plane_bytes(const struct propagated *p)
{
    return (size_t)p->grid * p->grid * prism_dtype_size(p->cplx);
}

static struct prism_subaperture_desc cut(const struct propagated *p, int batch)
{
    return (struct prism_subaperture_desc){p->cplx, batch,  p->grid, p->grid,
                                           p->box,  p->box, p->box,  p->box};
}

/* Arguments for cutting the boxes of selected frames, from the b-th on, out of
 * a plane, or for putting them back. */
static struct prism_subaperture_args boxes(const struct propagated *p, prism_mem plane, int b)
{
    const size_t box = (size_t)p->box * p->box * prism_dtype_size(p->cplx);
    return (struct prism_subaperture_args){.field = p->boxes + (size_t)b * box,
                                           .spectrum = plane,
                                           .pupil = p->pupil,
                                           .origin = p->origin,
                                           .index = p->in.index + (size_t)b * sizeof(int32_t)};
}

static int hold(struct prismi_instrument *in, prism_mem x)
{
    struct propagated *p = (struct propagated *)in;
    const int at = p->grid / 2 - p->obj / 2;
    const struct prism_window_desc pad = {p->cplx, 1, p->grid, p->grid, p->obj, p->obj, at, at};

    if (!p->complex_object)
        PRISM_TRY(prismi_map(p->dev, PRISM_MAP_C_FROM_R, p->real, 1, in->op.x.count, p->object, x,
                             0, 0, 0, 0));
    PRISM_TRY(p->dev->ops->window(p->dev, &pad, p->plane, p->complex_object ? x : p->object));
    return prism_linop_forward(p->propagator, p->plane, p->plane);
}

static int fields(struct prismi_instrument *in, prism_mem u)
{
    struct propagated *p = (struct propagated *)in;
    const struct prism_subaperture_desc all = cut(p, p->in.batch), one = cut(p, 1);
    const struct prism_subaperture_args there = boxes(p, p->plane, 0);

    PRISM_TRY(p->dev->ops->subaperture_fwd(p->dev, &all, &there));
    for (int b = 0; b < p->in.batch; b++, u += plane_bytes(p)) {
        const struct prism_subaperture_args back = boxes(p, u, b);
        PRISM_TRY(p->dev->ops->subaperture_adj(p->dev, &one, &back));
        PRISM_TRY(prism_linop_adjoint(p->propagator, u, u));
    }
    return 0;
}

static int forward(struct prism_linop *op, prism_mem u, prism_mem x)
{
    PRISM_TRY(hold((struct prismi_instrument *)op, x));
    return fields((struct prismi_instrument *)op, u);
}

/* Sum the boxes up in the plane, and go from there to the object. */
static int collect(struct propagated *p, prism_mem gx)
{
    const size_t count = p->in.op.x.count;
    const int at = p->obj / 2 - p->grid / 2;
    const struct prism_window_desc crop = {p->cplx, 1, p->obj, p->obj, p->grid, p->grid, at, at};
    const struct prism_subaperture_desc all = cut(p, p->in.batch);
    const struct prism_subaperture_args back = boxes(p, p->plane, 0);

    PRISM_TRY(p->dev->ops->subaperture_adj(p->dev, &all, &back));
    PRISM_TRY(prism_linop_adjoint(p->propagator, p->plane, p->plane));
    if (p->complex_object)
        return p->dev->ops->window(p->dev, &crop, gx, p->plane);
    PRISM_TRY(p->dev->ops->window(p->dev, &crop, p->object, p->plane));
    return prismi_map(p->dev, PRISM_MAP_C_REAL, p->real, 1, count, gx, p->object, 0, 0, 1, 0);
}

static int adjoint(struct prism_linop *op, prism_mem gx, prism_mem gu)
{
    struct propagated *p = (struct propagated *)op;
    const struct prism_subaperture_desc one = cut(p, 1);

    for (int b = 0; b < p->in.batch; b++, gu += plane_bytes(p)) {
        const struct prism_subaperture_args there = boxes(p, gu, b);
        PRISM_TRY(prism_linop_forward(p->propagator, gu, gu));
        PRISM_TRY(p->dev->ops->subaperture_fwd(p->dev, &one, &there));
    }
    return collect(p, gx);
}

/* (P^H M P)^2 = P^H M P if P loses nothing. */
static int normal(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u)
{
    struct propagated *p = (struct propagated *)in;
    const struct prism_subaperture_desc all = cut(p, in->batch);
    const struct prism_subaperture_args there = boxes(p, p->plane, 0);

    if (p->evanescent)
        return prismi_instrument_normal(in, y, x, u);
    PRISM_TRY(hold(in, x));
    PRISM_TRY(p->dev->ops->subaperture_fwd(p->dev, &all, &there));
    return collect(p, y);
}

/* ---- create and destroy ---- */

static void destroy(struct prism_linop *op)
{
    struct propagated *p = (struct propagated *)op;

    prism_linop_destroy(&p->propagator);
    prismi_arena_release(&p->arena);
    prismi_free(p->mask);
    prismi_free(p->table);
    prismi_free(p);
}

static const struct prism_linop_ops linear = {forward, adjoint, destroy};
static const struct prismi_instrument_ops entries = {.select = prismi_instrument_select,
                                                     .set_aperture = set_aperture,
                                                     .set_mask = set_mask,
                                                     .normal = normal,
                                                     .hold = hold,
                                                     .fields = fields};

static struct prism_grid plane_of(const struct prismi_instrument_params *params)
{
    const bool far = params->propagator == PRISM_FRAUNHOFER; /* Fraunhofer needs no lengths */
    const double pitch_m = far ? 1 : params->pitch_m;
    return (struct prism_grid){params->grid, params->grid, pitch_m, pitch_m,
                               far ? 1 : params->wavelength_m};
}

int prismi_propagated_check(struct prism_ctx *ctx, const struct prismi_instrument_params *params)
{
    const struct prism_grid plane = plane_of(params);

    if (params->field != params->grid)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "a propagated field is as large as the grid, %d; %s is %d: leave it out, "
                          "or use sub-apertures",
                          params->grid, prismi_spell(ctx, "field_size"), params->field);
    if (!(plane.dx_m > 0 && plane.wavelength_m > 0 && isfinite(plane.dx_m) &&
          isfinite(plane.wavelength_m)))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s other than fraunhofer needs a wavelength and a pitch of the object's "
                          "pixels; they are %g m and %g "
                          "m: give %s and %s, or use fraunhofer",
                          prismi_spell(ctx, "propagator"), plane.wavelength_m, plane.dx_m,
                          prismi_spell(ctx, "wavelength_m"), prismi_spell(ctx, "pitch_m"));
    return prismi_propagator_check(ctx, params->propagator, &plane, params->distance_m);
}

static int allocate(struct propagated *p)
{
    const size_t size = prism_dtype_size(p->cplx), box = (size_t)p->box * p->box;

    p->table = prismi_alloc(box, 2 * sizeof *p->table);
    p->mask = prismi_alloc(box, sizeof *p->mask);
    if (!p->table || !p->mask)
        return PRISM_FAIL(prismi_dev_ctx(p->dev), PRISM_ENOMEM,
                          "propagated field: no memory for an aperture of %d x %d", p->box, p->box);
    p->arena.owner = PRISMI_OWNER_FFT;
    prismi_arena_add(&p->arena, plane_bytes(p), &p->plane);
    if (!p->complex_object)
        prismi_arena_add(&p->arena, p->in.op.x.count * size, &p->object);
    p->arena.owner = PRISMI_OWNER_APERTURES;
    prismi_arena_add(&p->arena, (size_t)p->in.batch * box * size, &p->boxes);
    prismi_arena_add(&p->arena, (size_t)p->in.n_frames * box * size, &p->pupil);
    prismi_arena_add(&p->arena, (size_t)p->in.n_frames * 2 * sizeof(int32_t), &p->origin);
    prismi_arena_add(&p->arena, (size_t)p->in.batch * sizeof(int32_t), &p->in.index);
    return prismi_arena_bind(&p->arena, p->dev);
}

int prismi_propagated_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out)
{
    const struct prism_grid plane = plane_of(params);
    const enum prism_dtype cplx = prism_dtype_complex(params->dtype);
    const size_t pixels = (size_t)params->grid * params->grid,
                 object = (size_t)params->obj * params->obj;
    const int box = prism_aperture_box(&params->aperture);
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    int status;

    *out = NULL;
    struct propagated *p = prismi_alloc(1, sizeof *p);
    if (!p)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "propagated field: no memory for %zu bytes",
                          sizeof *p);
    *p = (struct propagated){.dev = dev,
                             .real = params->dtype,
                             .cplx = cplx,
                             .complex_object = params->complex_object,
                             .grid = params->grid,
                             .obj = params->obj,
                             .box = params->masks || box > params->grid ? params->grid : box,
                             .open = 1,
                             .evanescent = params->propagator == PRISM_ANGULAR_SPECTRUM};
    if (params->propagator == PRISM_FRESNEL)
        p->open = plane.wavelength_m * fabs(params->distance_m) /
                  (plane.dx_m * plane.dx_m * params->grid);
    p->in =
        (struct prismi_instrument){.op = {&linear,
                                          dev,
                                          {params->complex_object ? cplx : params->dtype, object},
                                          {cplx, (size_t)params->batch * pixels}},
                                   .ops = &entries,
                                   .n_frames = params->n_frames,
                                   .batch = params->batch,
                                   .norm2 = 1,
                                   .normal_scale = 1};
    prismi_ctx_retain(ctx, "linop");
    PRISM_TRY_OUT(prismi_propagator_create(dev, params->propagator, &plane, params->distance_m,
                                           cplx, &p->propagator));
    PRISM_TRY_OUT(allocate(p));
    status = prismi_instrument_start(&p->in);
out:
    *out = &p->in;
    if (status)
        prismi_instrument_destroy(out);
    return status;
}
