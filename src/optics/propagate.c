/* Propagators between parallel planes.
 *
 * Fraunhofer and Fresnel are centred transforms: with c = n/2 and s the sign of the transform,
 *   exp(s 2 pi i (p-c)(q-c)/n) = exp(s 2 pi i p q/n) exp(-s 2 pi i c q/n) exp(-s 2 pi i c (p-c)/n),
 * so a plain transform between two phase planes is centred for any parity and no data is shifted. The planes take in the quadratic
 * phases and the scale as well.
 * The angular spectrum is a convolution, which knows no centre: its transfer function is laid out with DC at index 0. */
#include "optics/optics_internal.h"

#include <math.h>

struct propagator {
    struct prism_linop op;
    struct prism_fft *fft;
    int sign; /* of the forward transform */
    size_t pixels;
    struct prismi_arena arena;
    prism_mem before, after; /* [ny,nx] factors before and after the transform; angular spectrum: after = transfer function */
};

static int multiply(const struct propagator *p, enum prism_map op, prism_mem y, prism_mem x, prism_mem factors)
{
    return prismi_map(p->op.dev, op, prism_dtype_real(p->op.x.dtype), 1, p->pixels, y, x, factors, NULL, 1, 0);
}

static int centred_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    struct propagator *p = (struct propagator *)op;
    PRISM_TRY(multiply(p, PRISM_MAP_C_MUL_COL, y, x, p->before));
    PRISM_TRY(op->dev->ops->fft_run(p->fft, p->sign, y, y));
    return multiply(p, PRISM_MAP_C_MUL_COL, y, y, p->after);
}

static int centred_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    struct propagator *p = (struct propagator *)op;
    PRISM_TRY(multiply(p, PRISM_MAP_C_MULC_COL, x, y, p->after));
    PRISM_TRY(op->dev->ops->fft_run(p->fft, -p->sign, x, x));
    return multiply(p, PRISM_MAP_C_MULC_COL, x, x, p->before);
}

static int filter(struct propagator *p, enum prism_map op, prism_mem y, prism_mem x)
{
    PRISM_TRY(p->op.dev->ops->fft_run(p->fft, -1, y, x));
    PRISM_TRY(multiply(p, op, y, y, p->after));
    return p->op.dev->ops->fft_run(p->fft, +1, y, y);
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

/* Along one axis: the centring phase of a transform of this sign and a quadratic phase of x^2 turns_per_m2. shift is 0 before the
 * transform and n/2 after it. e: [n] complex. */
static void axis_phase(double *e, int n, int sign, int shift, double pitch_m, double turns_per_m2)
{
    for (int i = 0; i < n; i++) {
        double x_m = (i - n / 2) * pitch_m;
        long long numerator = (long long)(i - shift) * (n / 2) % n;
        prismi_exp_turns(-sign * (double)numerator / n + x_m * x_m * turns_per_m2, &e[2 * i], &e[2 * i + 1]);
    }
}

/* ---- phase planes: by rows in double, kept as the device's type ---- */

/* What one depends on. */
struct plane {
    enum prism_propagator method;
    const struct prism_grid *in, *out; /* of the two planes */
    double distance_m;
    int sign;
    bool after;  /* the transform */
    double *row; /* scratch: [nx] complex */
    double *e;   /* scratch: [ny], then [nx] complex */
};

static struct prism_key key_of(const struct plane *f, enum prism_dtype dtype)
{
    const struct prism_grid *g = f->in;
    const double all[] = {f->method, g->ny, g->nx, g->dy_m, g->dx_m, g->wavelength_m, f->distance_m, f->after, dtype};
    struct prism_key key = prism_key_init("phase plane");
    prism_key_add(&key, all, sizeof all);
    return key;
}

/* The phases of both axes into e, and what both share. */
static void centred_axes(const struct plane *f, double *re, double *im)
{
    const struct prism_grid *in = f->in, *at = f->after ? f->out : in;
    double bend = 0, scale = 1 / sqrt((double)in->ny * in->nx);

    *re = 1;
    *im = 0;
    if (f->method == PRISM_FRESNEL) {
        /* exp(ikz)/(i lambda z) dx dy; i z gives the quarter turn */
        bend = 1 / (2 * in->wavelength_m * f->distance_m);
        if (f->after)
            prismi_exp_turns(f->distance_m / in->wavelength_m - copysign(0.25, f->distance_m), re, im);
        scale = in->dx_m * in->dy_m / (in->wavelength_m * fabs(f->distance_m));
    }
    if (f->after) {
        *re *= scale;
        *im *= scale;
    }
    axis_phase(f->e, in->ny, f->sign, f->after ? in->ny / 2 : 0, at->dy_m, bend);
    axis_phase(f->e + 2 * (size_t)in->ny, in->nx, f->sign, f->after ? in->nx / 2 : 0, at->dx_m, bend);
}

/* row[j] = (re + i im) ey[i] ex[j] */
static void centred_row(const struct plane *f, int i, double re, double im)
{
    const double *ey = f->e + 2 * (size_t)i, *ex = f->e + 2 * (size_t)f->in->ny;
    double yr = re * ey[0] - im * ey[1], yi = re * ey[1] + im * ey[0];
    for (int j = 0; j < f->in->nx; j++) {
        f->row[2 * j] = yr * ex[2 * j] - yi * ex[2 * j + 1];
        f->row[2 * j + 1] = yr * ex[2 * j + 1] + yi * ex[2 * j];
    }
}

static void spectrum_row(const struct plane *f, int i)
{
    const struct prism_grid *g = f->in;
    double ky = prism_grid_ky(g, (i + g->ny / 2) % g->ny), pixels = (double)g->ny * g->nx;
    for (int j = 0; j < g->nx; j++) {
        double kx = prism_grid_kx(g, (j + g->nx / 2) % g->nx), *t = f->row + 2 * j;
        double kz2 = 1 / (g->wavelength_m * g->wavelength_m) - ky * ky - kx * kx;
        t[0] = t[1] = 0;
        if (kz2 > 0)
            prismi_exp_turns(f->distance_m * sqrt(kz2), &t[0], &t[1]);
        t[0] /= pixels;
        t[1] /= pixels;
    }
}

static void make_plane(const struct plane *f, enum prism_dtype dtype, void *to)
{
    const size_t n = 2 * (size_t)f->in->nx;
    double re, im;

    if (f->method != PRISM_ANGULAR_SPECTRUM)
        centred_axes(f, &re, &im);
    for (int i = 0; i < f->in->ny; i++) {
        if (f->method == PRISM_ANGULAR_SPECTRUM)
            spectrum_row(f, i);
        else
            centred_row(f, i, re, im);
        for (size_t j = 0; j < n; j++)
            if (dtype == PRISM_CF64)
                ((double *)to)[i * n + j] = f->row[j];
            else
                ((float *)to)[i * n + j] = (float)f->row[j];
    }
}

/* To dst, from the cache or by making it. */
static int put_plane(struct propagator *p, const struct plane *f, prism_mem dst)
{
    struct prism_dev *dev = p->op.dev;
    struct prism_cache *cache = prismi_dev_cache(dev);
    const enum prism_dtype dtype = p->op.x.dtype;
    const size_t bytes = p->pixels * prism_dtype_size(dtype);
    const struct prism_key key = key_of(f, dtype);
    const void *kept = prism_cache_get(cache, PRISM_CACHE_GRIDS, &key, NULL);

    if (kept)
        return dev->ops->write(dev, dst, kept, bytes);
    void *room = prismi_cache_room(cache, PRISM_CACHE_GRIDS, &key, bytes), *own = room ? NULL : prismi_alloc(bytes, 1);
    if (!room && !own)
        return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM, "propagator: no memory for a %d x %d phase plane", f->in->ny,
                          f->in->nx);
    make_plane(f, dtype, room ? room : own);
    int status = dev->ops->write(dev, dst, room ? room : own, bytes);
    prismi_free(own);
    return status;
}

/* A single-transform step samples its quadratic phase well beyond n dx^2/lambda of its finer plane, an angular spectrum below. */
static void warn_sampling(struct prism_ctx *ctx, enum prism_propagator method, const struct prism_grid *g, double distance_m)
{
    double y_m = g->ny * g->dy_m * g->dy_m / g->wavelength_m, x_m = g->nx * g->dx_m * g->dx_m / g->wavelength_m;
    if (method == PRISM_FRESNEL && fabs(distance_m) < fmax(y_m, x_m))
        prismi_log(ctx, PRISM_LOG_WARN, "fresnel: %g m is below %g m, where its phase is undersampled; use the angular spectrum",
                   fabs(distance_m), fmax(y_m, x_m));
    if (method == PRISM_ANGULAR_SPECTRUM && fabs(distance_m) > fmin(y_m, x_m))
        prismi_log(ctx, PRISM_LOG_WARN,
                   "angular spectrum: %g m is above %g m, where waves wrap round the grid; pad it or use fresnel", fabs(distance_m),
                   fmin(y_m, x_m));
}

static int check_params(struct prism_ctx *ctx, const struct prism_dev *dev, enum prism_propagator method,
                        const struct prism_grid *g, double distance_m, enum prism_dtype dtype)
{
    if ((int)method < 0 || method >= PRISM_PROPAGATOR_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "propagator: method %d is unknown; use one of enum prism_propagator", (int)method);
    PRISM_TRY(prismi_grid_check(ctx, g));
    if (g->ny > PRISMI_SIDE_MAX || g->nx > PRISMI_SIDE_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "propagator: the grid is %d x %d; give sides of at most %d", g->ny, g->nx,
                          PRISMI_SIDE_MAX);
    if (!isfinite(distance_m))
        return PRISM_FAIL(ctx, PRISM_EINVAL, "propagator: distance_m is %g; give a finite distance", distance_m);
    if (method == PRISM_FRESNEL && fabs(distance_m) < g->wavelength_m)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "fresnel: distance_m is %g, shorter than the wavelength %g m; use the angular spectrum", distance_m,
                          g->wavelength_m);
    if (dtype != PRISM_CF32 && dtype != PRISM_CF64)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "propagator: dtype %d is not complex; use PRISM_CF32 or PRISM_CF64", (int)dtype);
    if (!(dev->caps.dtypes & (1u << dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "propagator: this device (%s) has no %s; use %s", dev->caps.device,
                          dtype == PRISM_CF64 ? "PRISM_CF64" : "PRISM_CF32", dtype == PRISM_CF64 ? "PRISM_CF32" : "PRISM_CF64");
    return 0;
}

static int fill(struct propagator *p, enum prism_propagator method, const struct prism_grid *g, double distance_m)
{
    struct prism_ctx *ctx = prismi_dev_ctx(p->op.dev);
    const struct prism_grid out = method == PRISM_FRESNEL ? prism_grid_lens(g, fabs(distance_m)) : *g;
    struct plane f = {.method = method, .in = g, .out = &out, .distance_m = distance_m, .sign = p->sign};
    int status = 0;

    f.row = prismi_alloc(2 * (size_t)g->nx, sizeof(*f.row));
    f.e = prismi_alloc(2 * ((size_t)g->ny + g->nx), sizeof(*f.e));
    if (!f.row || !f.e) {
        status = PRISM_FAIL(ctx, PRISM_ENOMEM, "propagator: no memory for a %d x %d phase plane", g->ny, g->nx);
        goto out;
    }
    if (p->before)
        PRISM_TRY_OUT(put_plane(p, &f, p->before));
    f.after = true;
    PRISM_TRY_OUT(put_plane(p, &f, p->after));
    /* the inverse step ends on the plane its partner started from */
    warn_sampling(ctx, method, distance_m < 0 ? &out : g, distance_m);
out:
    prismi_free(f.e);
    prismi_free(f.row);
    return status;
}

int prism_propagator_create(struct prism_dev *dev, enum prism_propagator method, const struct prism_grid *grid, double distance_m,
                            enum prism_dtype dtype, struct prism_linop **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const bool centred = method != PRISM_ANGULAR_SPECTRUM;
    int status;

    *out = NULL;
    PRISM_TRY(check_params(ctx, dev, method, grid, distance_m, dtype));
    struct propagator *p = prismi_alloc(1, sizeof(*p));
    if (!p)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "propagator: no memory for %zu bytes", sizeof(*p));
    p->pixels = (size_t)grid->ny * grid->nx;
    p->sign = distance_m < 0 ? +1 : -1;
    p->op = (struct prism_linop){dev,
                                 centred ? centred_forward : spectrum_forward,
                                 centred ? centred_adjoint : spectrum_adjoint,
                                 propagator_destroy,
                                 {dtype, p->pixels},
                                 {dtype, p->pixels}};

    struct prism_fft_desc fft = {dtype, 1, grid->ny, grid->nx, NULL};
    const size_t bytes = p->pixels * prism_dtype_size(dtype);
    PRISM_TRY_OUT(dev->ops->fft_create(dev, &fft, &p->fft));
    if (centred)
        prismi_arena_add(&p->arena, bytes, &p->before);
    prismi_arena_add(&p->arena, bytes, &p->after);
    PRISM_TRY_OUT(prismi_arena_bind(&p->arena, dev));
    PRISM_TRY_OUT(fill(p, method, grid, distance_m));
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
