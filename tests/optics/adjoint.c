/* Adjoint test of every operator on one backend in every precision that the
 * backend has, and the methods to compute a measurement against each other.
 *
 * usage: adjoint BACKEND [PLUGIN_FOLDER]
 *
 * For random x and y, <A x, y> must equal <x, A^H y>; if x is real, the real
 * parts must be equal. The difference is relative to ||A x|| ||y|| / sqrt(n), n
 * the elements of y, which is the typical size of the inner product of
 * independent vectors. The inner product itself may be zero by chance. Rounding
 * is below that size by about the precision of the arithmetic. */
#include "optics/instrument.h"
#include "support/support.h"
#include "support/tap.h"

#include <complex.h>
#include <math.h>

typedef double complex cplx;

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static double worst[2]; /* mismatch in single and in double precision */
static double apart[2]; /* mismatch of the methods to measure, likewise */

static void report(bool ok, const char *name, const char *detail)
{
    if (!tap(ok, "%s", name))
        printf("# %s\n", detail);
}

static bool is_real(enum prism_dtype t)
{
    return t == prism_dtype_real(t);
}

/* Fills device memory with random numbers and returns their values as rounded
 * there. */
static int fill(const struct prism_linop_shape *s, prism_mem mem, cplx *host, uint64_t stream)
{
    const size_t reals = s->count * (is_real(s->dtype) ? 1 : 2);
    double *v = (double *)host;
    for (size_t i = 0; i < reals; i++)
        v[i] = prismi_rng_normal(11, stream, i);
    PRISM_TRY(prismi_dev_put(dev, mem, prism_dtype_real(s->dtype), v, reals));
    return prismi_dev_get(dev, v, mem, prism_dtype_real(s->dtype), reals);
}

/* Garbage in the output, all of which an operator must overwrite. */
static int spoil(const struct prism_linop_shape *s, prism_mem mem)
{
    return prismi_map(dev, PRISM_MAP_FILL, prism_dtype_real(s->dtype), 1,
                      s->count * (is_real(s->dtype) ? 1 : 2), mem, NULL, NULL, NULL, NAN, 0);
}

static cplx dot(const struct prism_linop_shape *s, prism_mem mem, const cplx *other, cplx *tmp,
                double *norm, int *status)
{
    cplx sum = 0;
    double squares = 0;
    *status = prismi_dev_get(dev, (double *)tmp, mem, prism_dtype_real(s->dtype),
                             s->count * (is_real(s->dtype) ? 1 : 2));
    for (size_t i = 0; i < s->count; i++) {
        cplx a = is_real(s->dtype) ? ((const double *)tmp)[i] : tmp[i];
        cplx b = is_real(s->dtype) ? ((const double *)other)[i] : other[i];
        sum += a * conj(b);
        squares += creal(a) * creal(a) + cimag(a) * cimag(a);
    }
    *norm = sqrt(squares);
    return sum;
}

static double mismatch(struct prism_linop *op, int *status)
{
    struct prism_linop_shape xs, ys;
    prism_linop_shapes(op, &xs, &ys);
    const size_t xb = xs.count * prism_dtype_size(xs.dtype),
                 yb = ys.count * prism_dtype_size(ys.dtype);
    const size_t most = xs.count > ys.count ? xs.count : ys.count;
    struct prismi_arena arena = {0};
    prism_mem x, y, ax, ahy;
    cplx *hx = prismi_alloc(xs.count, sizeof *hx), *hy = prismi_alloc(ys.count, sizeof *hy),
         *tmp = prismi_alloc(most, sizeof *tmp);
    cplx left = 0, right = 0;
    double norm_ax = 1, norm_y = 1, ignored;

    prismi_arena_add(&arena, xb, &x);
    prismi_arena_add(&arena, yb, &y);
    prismi_arena_add(&arena, yb, &ax);
    prismi_arena_add(&arena, xb, &ahy);
    *status = prismi_arena_bind(&arena, dev);
    if (!*status)
        *status = fill(&xs, x, hx, 1);
    if (!*status)
        *status = fill(&ys, y, hy, 2);
    if (!*status)
        dot(&ys, y, hy, tmp, &norm_y, status);
    if (!*status)
        *status = spoil(&ys, ax);
    if (!*status)
        *status = spoil(&xs, ahy);
    if (!*status)
        *status = prism_linop_forward(op, ax, x);
    if (!*status)
        *status = prism_linop_adjoint(op, ahy, y);
    if (!*status)
        left = dot(&ys, ax, hy, tmp, &norm_ax, status);
    if (!*status)
        right = conj(dot(&xs, ahy, hx, tmp, &ignored, status));
    prismi_arena_release(&arena);
    prismi_free(hx);
    prismi_free(hy);
    prismi_free(tmp);
    cplx difference = left - right;
    return (is_real(xs.dtype) ? fabs(creal(difference)) : cabs(difference)) /
           (norm_ax * norm_y / sqrt((double)ys.count));
}

/* The relative difference in the 2-norm of two operators that should be equal,
 * the larger of forward and adjoint. */
static double distance(struct prism_linop *a, struct prism_linop *b, int *status)
{
    struct prism_linop_shape xs, ys;
    prism_linop_shapes(a, &xs, &ys);
    const struct prism_linop_shape *from[] = {&xs, &ys}, *to[] = {&ys, &xs};
    double worst_of_both = 0;
    for (int adjoint = 0; adjoint < 2 && !*status; adjoint++) {
        const size_t in = from[adjoint]->count, out = to[adjoint]->count;
        struct prismi_arena arena = {0};
        prism_mem given, got[2];
        cplx *host = prismi_alloc(in > out ? in : out, 2 * sizeof *host),
             *other = prismi_alloc(out, 2 * sizeof *other);
        double squares = 0, differences = 0, ignored;
        prismi_arena_add(&arena, in * prism_dtype_size(from[adjoint]->dtype), &given);
        for (int i = 0; i < 2; i++)
            prismi_arena_add(&arena, out * prism_dtype_size(to[adjoint]->dtype), &got[i]);
        *status = prismi_arena_bind(&arena, dev);
        for (int i = 0; i < 2 && !*status; i++) {
            *status = fill(from[adjoint], given, host, 3);
            if (!*status)
                *status = adjoint ? prism_linop_adjoint(i ? b : a, got[i], given)
                                  : prism_linop_forward(i ? b : a, got[i], given);
        }
        if (!*status)
            dot(to[adjoint], got[0], host, host, &ignored, status);
        if (!*status)
            dot(to[adjoint], got[1], other, other, &ignored, status);
        for (size_t i = 0; i < out * (is_real(to[adjoint]->dtype) ? 1 : 2); i++) {
            const double v = ((const double *)host)[i], d = v - ((const double *)other)[i];
            squares += v * v;
            differences += d * d;
        }
        worst_of_both = fmax(worst_of_both, sqrt(differences / squares));
        prismi_arena_release(&arena);
        prismi_free(host);
        prismi_free(other);
    }
    return worst_of_both;
}

/* status: what the operator's creation returned */
static void check(const char *name, enum prism_dtype dtype, int status, struct prism_linop *op)
{
    const double limit = prism_dtype_real(dtype) == PRISM_F64 ? 3e-14 : 5e-6;
    char detail[600];
    double error = status ? 0 : mismatch(op, &status),
           *most = &worst[prism_dtype_real(dtype) == PRISM_F64];
    *most = error > *most ? error : *most;
    if (status)
        snprintf(detail, sizeof detail, "%s: %s", prism_status_name(status),
                 prism_ctx_error(ctx)->text);
    else
        snprintf(detail, sizeof detail, "relative mismatch %g, limit %g", error, limit);
    report(!status && error < limit, name, detail);
}

static void check_propagators(enum prism_dtype dtype)
{
    const char *const names[] = {"fraunhofer", "fresnel", "angular_spectrum"};
    const int sides[][2] = {{16, 16}, {15, 12}, {7, 9}, {1, 8}};
    for (int m = 0; m < PRISM_PROPAGATOR_COUNT; m++)
        for (size_t s = 0; s < sizeof sides / sizeof sides[0]; s++)
            for (int sign = -1; sign <= 1; sign += 2) {
                /* the finer pitch is beyond half a wavelength: some frequencies
                 * are evanescent */
                const struct prism_grid g = {sides[s][0], sides[s][1], 2e-7, 1e-5, 550e-9};
                char name[100];
                struct prism_linop *op = NULL;
                int status = prism_propagator_create(dev, (enum prism_propagator)m, &g, sign * 3e-4,
                                                     dtype, &op);
                snprintf(name, sizeof name, "%s %dx%d %s %s", names[m], g.ny, g.nx,
                         sign > 0 ? "forward" : "backward", dtype == PRISM_CF64 ? "f64" : "f32");
                check(name, dtype, status, op);
                prism_linop_destroy(&op);
            }
}

static const struct measure_case {
    const char *name;
    struct prism_measure_params p;
    double radius;
    bool phase;
} cases[] = {
    /* dtype, grid, obj, complex_object, field, box, n_apertures, batch, method:
     * both */
    {"real object", {PRISM_F32, 32, 32, 32, 32, false, 0, 0, 0, 0, 3, 3, 0}, 6, false},
    {"complex object", {PRISM_F32, 32, 32, 32, 32, true, 0, 0, 0, 0, 3, 3, 0}, 6, false},
    {"complex pupil", {PRISM_F32, 32, 32, 32, 32, true, 0, 0, 15, 15, 3, 3, 0}, 6, true},
    {"small object", {PRISM_F32, 32, 32, 9, 14, false, 0, 0, 0, 0, 3, 3, 0}, 6, false},
    {"small field", {PRISM_F32, 32, 32, 20, 20, false, 16, 16, 15, 15, 3, 3, 0}, 5.5, true},
    {"odd sizes", {PRISM_F32, 33, 27, 13, 14, false, 17, 18, 15, 15, 3, 3, 0}, 5.5, true},
    {"odd sizes, even box", {PRISM_F32, 27, 33, 12, 13, false, 18, 17, 14, 16, 3, 2, 0}, 4.5, true},
    {"odd sizes, complex object",
     {PRISM_F32, 33, 27, 14, 13, true, 18, 17, 15, 15, 3, 3, 0},
     5.5,
     true},
    {"repeated indices", {PRISM_F32, 32, 32, 32, 32, true, 16, 16, 15, 15, 3, 7, 0}, 5.5, true},
    {"one field", {PRISM_F32, 32, 32, 32, 32, false, 0, 0, 0, 0, 3, 1, 0}, 6, false},
};

static int set_up(struct prism_measure *m, const struct measure_case *c)
{
    const struct prism_measure_params *p = prism_measure_params(m);
    const struct prism_aperture a = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = c->radius};
    const double centres[3][2] = {{0.3, -0.4}, {5, -7.5}, {14, 12}}; /* the last leaves the grid */
    const size_t box = (size_t)p->box_h * p->box_w;
    double *phase = prismi_alloc(box, sizeof *phase);
    int status = phase ? 0 : PRISM_ENOMEM;
    for (size_t i = 0; !status && i < box; i++)
        phase[i] = 3 * prismi_rng_normal(5, 5, i);
    for (int k = 0; !status && k < 3; k++)
        status = prism_measure_set_aperture(m, k, &a, centres[k][0], centres[k][1],
                                            c->phase ? phase : NULL);
    prismi_free(phase);
    const int32_t index[7] = {2, 0, 1, 1, 2, 1, 0};
    return status ? status : prism_measure_set_index(m, index);
}

static int create(const struct measure_case *c, enum prism_dtype dtype,
                  enum prism_measure_method method, struct prism_measure **m,
                  struct prism_linop **op)
{
    struct prism_measure_params p = c->p;
    p.dtype = dtype;
    p.method = method;
    PRISM_TRY(prism_measure_create(dev, &p, m));
    PRISM_TRY(set_up(*m, c));
    *op = prism_measure_linop(*m);
    return 0;
}

static void check_measures(enum prism_dtype dtype)
{
    static const char *const ways[] = {"by FFT", "by matrices"};
    const double limit = dtype == PRISM_F64 ? 1e-14 : 2e-6;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct prism_measure *m[2] = {NULL};
        struct prism_linop *op[2] = {NULL};
        char name[100], detail[600] = "not created";
        int status = 0;
        for (int way = 0; way < 2; way++) {
            int created = create(&cases[i], dtype, way ? PRISM_MEASURE_MATRIX : PRISM_MEASURE_FFT,
                                 &m[way], &op[way]);
            snprintf(name, sizeof name, "measure, %s %s %s", cases[i].name,
                     dtype == PRISM_F64 ? "f64" : "f32", ways[way]);
            check(name, dtype, created, op[way]);
            status = status ? status : created;
        }
        double error = status ? 0 : distance(op[0], op[1], &status);
        snprintf(name, sizeof name, "measure, %s %s both ways", cases[i].name,
                 dtype == PRISM_F64 ? "f64" : "f32");
        if (!status)
            snprintf(detail, sizeof detail, "relative difference %g, limit %g", error, limit);
        apart[dtype == PRISM_F64] = fmax(apart[dtype == PRISM_F64], error);
        report(!status && error < limit, name, detail);
        for (int way = 0; way < 2; way++)
            prism_measure_destroy(&m[way]);
    }
}

/* Every kind of instrument that sessions see, through apertures and through
 * masks. */
static void check_instruments(enum prism_dtype dtype)
{
    static const char *const propagators[] = {"fraunhofer", "fresnel", "angular_spectrum"};
    static const struct {
        int grid, obj;
        bool complex_object, masks;
    } shapes[] = {
        {16, 16, true, false}, {16, 10, false, false}, {15, 8, true, true}, {21, 13, false, true}};
    const int32_t index[4] = {2, 0, 1, 2};
    for (int kind = 0; kind < PRISM_INSTRUMENT_COUNT; kind++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (int m = 0; m < (kind == PRISM_INSTRUMENT_PROPAGATED ? PRISM_PROPAGATOR_COUNT : 1);
                 m++) {
                const struct prismi_instrument_params p = {
                    .kind = (enum prism_instrument)kind,
                    .dtype = dtype,
                    .complex_object = shapes[s].complex_object,
                    .grid = shapes[s].grid,
                    .obj = shapes[s].obj,
                    .field = shapes[s].grid,
                    .n_frames = 3,
                    .batch = 4,
                    .masks = shapes[s].masks,
                    .aperture = {PRISM_APERTURE_CIRCLE, .radius_px = 3},
                    .propagator = (enum prism_propagator)m,
                    .distance_m = 3e-4,
                    .pitch_m = 2e-7,
                    .wavelength_m = 550e-9};
                struct prismi_instrument *in = NULL;
                uint8_t mask[21 * 21];
                char name[100];
                int status = prismi_instrument_create(dev, &p, &in);
                for (int k = 0; !status && k < 3; k++)
                    if (p.masks && in->ops->set_mask) {
                        prism_aperture_render(&p.aperture, k, -2 * k, -p.grid / 2, -p.grid / 2,
                                              p.grid, p.grid, mask);
                        status = in->ops->set_mask(in, k, mask, 0, p.grid);
                    } else if (in->ops->set_aperture) {
                        status = in->ops->set_aperture(in, k, &p.aperture, 2.5 * k, -3 * k);
                    }
                status = status ? status : in->ops->select(in, index);
                snprintf(name, sizeof name, "%s%s%s, grid %d object %d %s %s %s",
                         prismi_instrument_kinds[kind].name,
                         kind == PRISM_INSTRUMENT_PROPAGATED ? " " : "",
                         kind == PRISM_INSTRUMENT_PROPAGATED ? propagators[m] : "", p.grid, p.obj,
                         p.complex_object ? "complex" : "real", p.masks ? "masks" : "apertures",
                         dtype == PRISM_F64 ? "f64" : "f32");
                check(name, dtype, status, status ? NULL : &in->op);
                prismi_instrument_destroy(&in);
            }
}

int main(int argc, char **argv)
{
    const struct prism_dev_params params = {.backend = argc > 1 ? argv[1] : "ref",
                                            .plugin_path = argc > 2 ? argv[2] : NULL};
    if (prism_ctx_create(NULL, &ctx)) /* silent: the sampling of these grids is beside the point */
        return 1;
    if (prism_dev_open(ctx, &params, &dev)) {
        int status = support_missing(ctx, params.backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    printf("# %s: %s\n", prism_dev_backend(dev), dev->caps.device);
    for (int d = PRISM_F32; d <= PRISM_F64; d++)
        if (dev->caps.dtypes & (1u << d)) {
            check_propagators(prism_dtype_complex((enum prism_dtype)d));
            check_measures((enum prism_dtype)d);
            check_instruments((enum prism_dtype)d);
        }
    printf("# worst mismatch: single %g, double %g; both ways: %g, %g\n", worst[0], worst[1],
           apart[0], apart[1]);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
