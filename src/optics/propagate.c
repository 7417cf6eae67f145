/* Propagators between parallel planes.
 *
 * Fraunhofer and Fresnel propagation are centred transforms. With c = n/2 and
 * sign -1,
 *   exp(-2 pi i (p-c)(q-c)/n) = exp(-2 pi i p q/n) exp(2 pi i c q/n)
 *                               exp(2 pi i c (p-c)/n),
 * so a plain transform between two phases is centred, for even and odd n, and
 * no data are shifted. The phases also contain the quadratic phases and the
 * scale. All are products of one factor along y and one along x, so they become
 * the factors of the transform. A negative distance uses sign +1, with the
 * factors conjugated and exchanged.
 *
 * The angular spectrum is a convolution, which has no centre: its transfer
 * function is stored with DC at index 0. */
#include "optics/instrument.h"
#include "optics/optics_internal.h"

#include <math.h>

struct propagator {
    struct prism_linop op;
    struct prism_fft *fft;
    int sign; /* sign of the forward transform */
    size_t pixels;
    struct prismi_arena arena;
    /* factors [2,ny+nx], or the transfer function [ny,nx] of an angular
     * spectrum */
    prism_mem table;
};

static int centred_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    struct propagator *p = (struct propagator *)op;
    return op->dev->ops->fft_run(p->fft, p->sign, y, x);
}

static int centred_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    struct propagator *p = (struct propagator *)op;
    return op->dev->ops->fft_run(p->fft, -p->sign, x, y);
}

static int filter(struct propagator *p, enum prism_map op, prism_mem y, prism_mem x)
{
    struct prism_dev *dev = p->op.dev;
    PRISM_TRY(dev->ops->fft_run(p->fft, -1, y, x));
    PRISM_TRY(prismi_map(dev, op, prism_dtype_real(p->op.x.dtype), 1, p->pixels, y, y, p->table,
                         NULL, 1, 0));
    return dev->ops->fft_run(p->fft, +1, y, y);
}

static int spectrum_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    return filter((struct propagator *)op, PRISM_MAP_C_MUL_COL, y, x);
}

static int spectrum_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    return filter((struct propagator *)op, PRISM_MAP_C_MULC_COL, x, y);
}

static void propagator_destroy(struct prism_linop *op)
{
    struct propagator *p = (struct propagator *)op;
    op->dev->ops->fft_destroy(p->fft);
    prismi_arena_release(&p->arena);
    prismi_free(p);
}

static const struct prism_linop_ops centred_ops = {centred_forward, centred_adjoint,
                                                   propagator_destroy};
static const struct prism_linop_ops spectrum_ops = {spectrum_forward, spectrum_adjoint,
                                                    propagator_destroy};

/* ---- factors, computed in double ---- */

/* Write the factors of one axis, e [n] complex: the centring phase times the
 * quadratic phase of x^2 turns_per_m2 turns. shift is 0 before the transform
 * and n/2 after it. */
static void axis_phase(double *e, int n, int shift, double pitch_m, double turns_per_m2)
{
    for (int i = 0; i < n; i++) {
        double x_m = (i - n / 2) * pitch_m;
        long long numerator = (long long)(i - shift) * (n / 2) % n;
        prismi_exp_turns((double)numerator / n + x_m * x_m * turns_per_m2, &e[2 * i],
                         &e[2 * i + 1]);
    }
}

/* Write the factors of both axes, before and after the transform: e [2,ny+nx]
 * complex. */
static void centred_factors(enum prism_propagator method, const struct prism_grid *in,
                            const struct prism_grid *out, double distance_m, double *e)
{
    const struct prism_grid *at[] = {distance_m < 0 ? out : in, distance_m < 0 ? in : out};
    double re = 1, im = 0, bend = 0, scale = 1 / sqrt((double)in->ny * in->nx);

    if (method == PRISM_FRESNEL) {
        /* the constant is exp(ikz)/(i lambda z) dx dy; 1/i is the quarter
         * turn */
        const double z_m = fabs(distance_m);
        bend = 1 / (2 * in->wavelength_m * z_m);
        prismi_exp_turns(z_m / in->wavelength_m - 0.25, &re, &im);
        scale = in->dx_m * in->dy_m / (in->wavelength_m * z_m);
    }
    for (int side = 0; side < 2; side++) {
        axis_phase(e, in->ny, side ? in->ny / 2 : 0, at[side]->dy_m, bend);
        for (double *f = e; side && f < e + 2 * in->ny; f += 2) {
            const double a = scale * f[0], b = scale * f[1];
            f[0] = re * a - im * b;
            f[1] = re * b + im * a;
        }
        e += 2 * in->ny;
        axis_phase(e, in->nx, side ? in->nx / 2 : 0, at[side]->dx_m, bend);
        e += 2 * in->nx;
    }
}

static int put_factors(struct propagator *p, enum prism_propagator method,
                       const struct prism_grid *in, const struct prism_grid *out, double distance_m)
{
    const size_t n = 4 * ((size_t)in->ny + in->nx);
    double *e = prismi_alloc(n, sizeof *e);

    if (!e)
        return PRISM_FAIL(prismi_dev_ctx(p->op.dev), PRISM_ENOMEM,
                          "propagator: no memory for the phases of %d x %d samples", in->ny,
                          in->nx);
    centred_factors(method, in, out, distance_m, e);
    int status = prismi_dev_put(p->op.dev, p->table, prism_dtype_real(p->op.x.dtype), e, n);
    prismi_free(e);
    return status;
}

/* ---- transfer function, computed in double, stored as dtype ---- */

static void spectrum_row(const struct prism_grid *g, double distance_m, int i, double *row)
{
    double ky = prism_grid_ky(g, (i + g->ny / 2) % g->ny), pixels = (double)g->ny * g->nx;
    for (int j = 0; j < g->nx; j++) {
        double kx = prism_grid_kx(g, (j + g->nx / 2) % g->nx), *t = row + 2 * j;
        double kz2 = 1 / (g->wavelength_m * g->wavelength_m) - ky * ky - kx * kx;
        t[0] = t[1] = 0;
        if (kz2 > 0)
            prismi_exp_turns(distance_m * sqrt(kz2), &t[0], &t[1]);
        t[0] /= pixels;
        t[1] /= pixels;
    }
}

/* row: workspace [nx] complex */
static void make_transfer(const struct prism_grid *g, double distance_m, enum prism_dtype dtype,
                          double *row, void *to)
{
    const size_t n = 2 * (size_t)g->nx;

    for (int i = 0; i < g->ny; i++) {
        spectrum_row(g, distance_m, i, row);
        for (size_t j = 0; j < n; j++)
            if (dtype == PRISM_CF64)
                ((double *)to)[i * n + j] = row[j];
            else
                ((float *)to)[i * n + j] = (float)row[j];
    }
}

/* Put the transfer function on the device, from the cache if it is there. */
static int put_transfer(struct propagator *p, const struct prism_grid *g, double distance_m)
{
    struct prism_dev *dev = p->op.dev;
    struct prism_cache *cache = prismi_dev_cache(dev);
    const enum prism_dtype dtype = p->op.x.dtype;
    const size_t bytes = p->pixels * prism_dtype_size(dtype);
    const double all[] = {g->ny, g->nx, g->dy_m, g->dx_m, g->wavelength_m, distance_m, dtype};
    struct prism_key key = prism_key_init("transfer function");

    prism_key_add(&key, all, sizeof all);
    const void *kept = prism_cache_get(cache, PRISM_CACHE_GRIDS, &key, NULL);
    if (kept)
        return dev->ops->write(dev, p->table, kept, bytes);
    double *row = prismi_alloc(2 * (size_t)g->nx, sizeof *row);
    void *room = row ? prismi_cache_room(cache, PRISM_CACHE_GRIDS, &key, bytes) : NULL;
    void *own = room ? NULL : prismi_alloc(bytes, 1);
    int status;
    if (!row || (!room && !own)) {
        status = PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM,
                            "propagator: no memory for a %d x %d transfer function", g->ny, g->nx);
        goto out;
    }
    make_transfer(g, distance_m, dtype, row, room ? room : own);
    status = dev->ops->write(dev, p->table, room ? room : own, bytes);
out:
    prismi_free(row);
    prismi_free(own);
    return status;
}

/* Warn where sampling is too coarse. Let d = n dx^2/lambda on the finer plane.
 * A Fresnel step samples its quadratic phase well at distances beyond d, an
 * angular spectrum at distances below d. */
static void warn_sampling(struct prism_ctx *ctx, enum prism_propagator method,
                          const struct prism_grid *g, double distance_m)
{
    /* a step back is judged on the plane that the step forward starts from */
    const struct prism_grid from =
        method == PRISM_FRESNEL && distance_m < 0 ? prism_grid_lens(g, fabs(distance_m)) : *g;
    double y_m = from.ny * from.dy_m * from.dy_m / from.wavelength_m,
           x_m = from.nx * from.dx_m * from.dx_m / from.wavelength_m;
    if (method == PRISM_FRESNEL && fabs(distance_m) < fmax(y_m, x_m))
        prismi_log(ctx, PRISM_LOG_WARN,
                   "fresnel: %g m is below %g m, where its phase is undersampled; use the angular "
                   "spectrum",
                   fabs(distance_m), fmax(y_m, x_m));
    if (method == PRISM_ANGULAR_SPECTRUM && fabs(distance_m) > fmin(y_m, x_m))
        prismi_log(ctx, PRISM_LOG_WARN,
                   "angular spectrum: %g m is above %g m, where waves wrap round the grid; pad it "
                   "or use fresnel",
                   fabs(distance_m), fmin(y_m, x_m));
}

static int refuse(struct prism_ctx *ctx, enum prism_propagator method, const struct prism_grid *g,
                  double distance_m)
{
    if ((int)method < 0 || method >= PRISM_PROPAGATOR_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "propagator: method %d is unknown; use one of enum prism_propagator",
                          (int)method);
    PRISM_TRY(prismi_grid_check(ctx, g));
    if (g->ny > PRISMI_SIDE_MAX || g->nx > PRISMI_SIDE_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "propagator: the grid is %d x %d; give sides of at most %d", g->ny, g->nx,
                          PRISMI_SIDE_MAX);
    if (!isfinite(distance_m))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "propagator: distance_m is %g; give a finite distance",
                          distance_m);
    if (method == PRISM_FRESNEL && fabs(distance_m) < g->wavelength_m)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "fresnel: %s is %g, shorter than the wavelength %g m; use the angular spectrum",
            prismi_spell(ctx, "distance_m"), distance_m, g->wavelength_m);
    return 0;
}

int prismi_propagator_check(struct prism_ctx *ctx, enum prism_propagator method,
                            const struct prism_grid *g, double distance_m)
{
    PRISM_TRY(refuse(ctx, method, g, distance_m));
    warn_sampling(ctx, method, g, distance_m);
    return 0;
}

int prism_propagator_create(struct prism_dev *dev, enum prism_propagator method,
                            const struct prism_grid *grid, double distance_m,
                            enum prism_dtype dtype, struct prism_linop **out)
{
    PRISM_TRY(prismi_propagator_create(dev, method, grid, distance_m, dtype, out));
    warn_sampling(prismi_dev_ctx(dev), method, grid, distance_m);
    return 0;
}

int prismi_propagator_create(struct prism_dev *dev, enum prism_propagator method,
                             const struct prism_grid *grid, double distance_m,
                             enum prism_dtype dtype, struct prism_linop **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const bool centred = method != PRISM_ANGULAR_SPECTRUM;
    int status;

    *out = NULL;
    PRISM_TRY(refuse(ctx, method, grid, distance_m));
    if (dtype != PRISM_CF32 && dtype != PRISM_CF64)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "propagator: dtype %d is not complex; use PRISM_CF32 or PRISM_CF64",
                          (int)dtype);
    if (!(dev->caps.dtypes & (1u << dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "propagator: this device (%s) has no %s; use %s",
                          dev->caps.device, dtype == PRISM_CF64 ? "PRISM_CF64" : "PRISM_CF32",
                          dtype == PRISM_CF64 ? "PRISM_CF32" : "PRISM_CF64");
    struct propagator *p = prismi_alloc(1, sizeof(*p));
    if (!p)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "propagator: no memory for %zu bytes", sizeof(*p));
    const struct prism_grid end =
        method == PRISM_FRESNEL ? prism_grid_lens(grid, fabs(distance_m)) : *grid;
    p->pixels = (size_t)grid->ny * grid->nx;
    p->sign = distance_m < 0 ? +1 : -1;
    p->op = (struct prism_linop){
        centred ? &centred_ops : &spectrum_ops, dev, {dtype, p->pixels}, {dtype, p->pixels}};

    const size_t bytes =
        (centred ? 2 * ((size_t)grid->ny + grid->nx) : p->pixels) * prism_dtype_size(dtype);
    prismi_arena_add(&p->arena, bytes, &p->table);
    PRISM_TRY_OUT(prismi_arena_bind(&p->arena, dev));
    PRISM_TRY_OUT(centred ? put_factors(p, method, grid, &end, distance_m)
                          : put_transfer(p, grid, distance_m));
    const struct prism_fft_desc fft = {dtype,    1,    grid->ny,
                                       grid->nx, NULL, centred ? p->table : NULL};
    PRISM_TRY_OUT(dev->ops->fft_create(dev, &fft, &p->fft));
    prismi_ctx_retain(ctx, "linop");
    *out = &p->op;
    return 0;
out:
    propagator_destroy(&p->op);
    return status;
}

enum prism_propagator prism_propagator_select(double fresnel_number)
{
    return fresnel_number < 0.1 ? PRISM_FRAUNHOFER : PRISM_ANGULAR_SPECTRUM;
}
