/* Instruments against each other, and against the operators they are made
 * of. */
#include "optics/instrument.h"
#include "optics/optics_internal.h"
#include "optics_test.h"

#include <string.h>

enum { N = 32, OBJ = 20, FRAMES = 3 };
static const double centres[FRAMES][2] = {
    {0.3, -0.4}, {5, -7.5}, {14, 12}}; /* the last leaves the plane */
static const double wavelength_m = 5e-7, pitch_m = 1e-5;

static struct prismi_instrument_params params_of(enum prism_instrument kind)
{
    return (struct prismi_instrument_params){
        .kind = kind,
        .dtype = PRISM_F64,
        .complex_object = true,
        .grid = N,
        .obj = OBJ,
        .field = N,
        .n_frames = FRAMES,
        .batch = FRAMES,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 5},
        .distance_m = 0.004, /* below N pitch^2/wavelength: fine for the angular spectrum */
        .pitch_m = pitch_m,
        .wavelength_m = wavelength_m,
    };
}

static struct prismi_instrument *make(const struct prismi_instrument_params *p)
{
    struct prismi_instrument *in;
    ck_assert_msg(!prismi_instrument_create(dev, p, &in), "%s", prism_ctx_error(ctx)->text);
    for (int k = 0; !p->masks && in->ops->set_aperture && k < FRAMES; k++)
        ck_assert_msg(!in->ops->set_aperture(in, k, &p->aperture, centres[k][0], centres[k][1]),
                      "%s", prism_ctx_error(ctx)->text);
    return in;
}

/* x [n,n] in the middle of a plane [N,N]. */
static void embed(const cplx *x, int n, cplx *plane)
{
    memset(plane, 0, N * N * sizeof *plane);
    for (int i = 0; i < n; i++)
        memcpy(&plane[(N / 2 - n / 2 + i) * N + N / 2 - n / 2], &x[i * n], (size_t)n * sizeof *x);
}

static void propagate(enum prism_propagator method, double pitch, double distance_m, cplx *plane)
{
    const struct prism_grid g = {N, N, pitch, pitch, wavelength_m};
    struct prism_linop *op;
    ck_assert_int_eq(prismi_propagator_create(dev, method, &g, distance_m, PRISM_CF64, &op), 0);
    run_linop(op, false, plane, plane);
    prism_linop_destroy(&op);
}

START_TEST(propagated_fields_go_there_and_back)
{
    static const double distances[] = {0.004, 0.1, -0.1};
    cplx x[OBJ * OBJ], u[FRAMES * N * N], plane[N * N];
    uint8_t open[N * N];
    random_field(x, OBJ * OBJ, 1);
    for (int method = 0; method < PRISM_PROPAGATOR_COUNT; method++)
        for (int d = 0; d < 3; d++) {
            struct prismi_instrument_params p = params_of(PRISM_INSTRUMENT_PROPAGATED);
            p.propagator = (enum prism_propagator)method;
            p.distance_m = distances[d];
            struct prismi_instrument *in = make(&p);
            const double there = p.distance_m,
                         pitch = method == PRISM_FRESNEL
                                     ? wavelength_m * fabs(there) / (N * pitch_m)
                                     : pitch_m;
            run_linop(&in->op, false, x, u);
            for (int k = 0; k < FRAMES; k++) {
                embed(x, OBJ, plane);
                propagate(p.propagator, pitch_m, there, plane);
                prism_aperture_render(&p.aperture, centres[k][0], centres[k][1], -N / 2, -N / 2, N,
                                      N, open);
                for (int i = 0; i < N * N; i++)
                    plane[i] *= open[i];
                propagate(p.propagator, pitch, -there, plane);
                ck_assert(norm(plane, N * N) > 0.1);
                ck_close(max_difference(plane, &u[k * N * N], N * N), 0, 1e-12);
            }
            prismi_instrument_destroy(&in);
        }
}
END_TEST

/* The fields agree up to a phase ramp, which the modulus does not see. */
START_TEST(fraunhofer_equals_sub_apertures)
{
    cplx x[OBJ * OBJ], u[2][FRAMES * N * N];
    random_field(x, OBJ * OBJ, 2);
    for (int way = 0; way < 2; way++) {
        struct prismi_instrument_params p =
            params_of(way ? PRISM_INSTRUMENT_PROPAGATED : PRISM_INSTRUMENT_SUBAPERTURE);
        struct prismi_instrument *in = make(&p);
        run_linop(&in->op, false, x, u[way]);
        ck_assert_double_eq(in->norm2, 1);
        prismi_instrument_destroy(&in);
    }
    for (int i = 0; i < FRAMES * N * N; i++)
        ck_close(cabs(u[0][i]), cabs(u[1][i]), 1e-13);
}
END_TEST

START_TEST(open_masks_show_the_object)
{
    cplx x[OBJ * OBJ], u[FRAMES * N * N], plane[N * N];
    uint8_t open[N * N];
    random_field(x, OBJ * OBJ, 3);
    embed(x, OBJ, plane);
    memset(open, 1, sizeof open);
    for (int method = 0; method < PRISM_PROPAGATOR_COUNT; method++) {
        struct prismi_instrument_params p = params_of(PRISM_INSTRUMENT_PROPAGATED);
        const int32_t index[FRAMES] = {2, 0, 1};
        p.propagator = (enum prism_propagator)method;
        p.masks = true;
        struct prismi_instrument *in = make(&p);
        ck_assert_int_eq(in->ops->set_mask(in, 0, open, 0, N), 0);
        ck_assert_int_eq(in->ops->set_mask(in, 1, open, 0, N), 0);
        ck_assert_int_eq(in->ops->set_mask(in, 1, NULL, 0, 0), 0);
        ck_assert_int_eq(in->ops->set_mask(in, 2, NULL, 0, 0), 0);
        ck_assert_int_eq(in->ops->set_mask(in, 2, open, 5, N / 2), 0);
        ck_assert_int_eq(in->ops->select(in, index), 0);
        run_linop(&in->op, false, x, u);
        ck_close(max_difference(&u[N * N], plane, N * N), 0, 1e-12);
        ck_close(norm(&u[2 * N * N], N * N), 0, 1e-300);
        ck_assert(norm(u, N * N) > 0.3 * norm(plane, N * N) &&
                  norm(u, N * N) < 0.95 * norm(plane, N * N));
        prismi_instrument_destroy(&in);
    }
}
END_TEST

START_TEST(identity_shows_the_object)
{
    double x[OBJ * OBJ];
    cplx wide[OBJ * OBJ], u[FRAMES * N * N], plane[N * N];
    struct prismi_instrument_params p = params_of(PRISM_INSTRUMENT_IDENTITY);
    p.complex_object = false;
    for (int i = 0; i < OBJ * OBJ; i++)
        wide[i] = x[i] = prismi_rng_normal(4, 4, (uint64_t)i);
    struct prismi_instrument *in = make(&p);
    run_linop(&in->op, false, x, u);
    embed(wide, OBJ, plane);
    for (int k = 0; k < FRAMES; k++)
        ck_close(max_difference(&u[k * N * N], plane, N * N), 0, 0);
    run_linop(&in->op, true, u, x);
    for (int i = 0; i < OBJ * OBJ; i++)
        ck_close(x[i], FRAMES * creal(wide[i]), 1e-14);
    prismi_instrument_destroy(&in);
}
END_TEST

/* The other entries of every instrument keep their promises. */
START_TEST(the_entries_agree)
{
    const size_t object = OBJ * OBJ * sizeof(cplx), stack = FRAMES * N * N * sizeof(cplx);
    static cplx host[2][FRAMES * N * N], x[OBJ * OBJ];
    prism_mem mem[4];
    random_field(x, OBJ * OBJ, 5);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(dev->ops->alloc(dev, i < 2 ? object : stack, &mem[i]), 0);
    for (int c = 0; c < PRISM_INSTRUMENT_COUNT * PRISM_PROPAGATOR_COUNT; c++) {
        const int kind = c / PRISM_PROPAGATOR_COUNT;
        struct prismi_instrument_params p = params_of((enum prism_instrument)kind);
        p.propagator = (enum prism_propagator)(c % PRISM_PROPAGATOR_COUNT);
        p.pitch_m = 3e-7; /* with evanescent waves */
        struct prismi_instrument *in = make(&p);
        ck_assert_str_ne(prismi_instrument_kinds[kind].name, "");
        ck_assert_int_eq(prismi_instrument_kinds[kind].check(ctx, &p), 0);
        ck_assert(prismi_instrument_kinds[kind].masks == !!in->ops->set_mask);
        ck_assert(!in->ops->misfit == !in->ops->misfit_gradient);
        ck_assert_int_eq(dev->ops->write(dev, mem[0], x, object), 0);
        ck_assert_int_eq(prism_linop_forward(&in->op, mem[2], mem[0]), 0);
        ck_assert_int_eq(in->ops->hold(in, mem[0]), 0);
        ck_assert_int_eq(in->ops->fields(in, mem[3]), 0);
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(dev->ops->read(dev, host[i], mem[2 + i], stack), 0);
        ck_close(max_difference(host[0], host[1], FRAMES * N * N), 0, 1e-13);
        ck_assert_int_eq(prism_linop_adjoint(&in->op, mem[1], mem[2]), 0);
        ck_assert_int_eq(dev->ops->read(dev, host[0], mem[1], object), 0);
        ck_assert_int_eq(in->ops->normal(in, mem[1], mem[0], mem[2]), 0);
        ck_assert_int_eq(dev->ops->read(dev, host[1], mem[1], object), 0);
        for (int i = 0; i < OBJ * OBJ; i++)
            host[1][i] *= in->normal_scale;
        ck_close(max_difference(host[0], host[1], OBJ * OBJ), 0, 1e-12);
        const int32_t wrong[FRAMES] = {0, FRAMES, 0};
        expect_error(in->ops->select(in, wrong), PRISM_EINVAL, "3");
        prismi_instrument_destroy(&in);
    }
    for (int i = 0; i < 4; i++)
        dev->ops->release(dev, mem[i]);
}
END_TEST

START_TEST(wrong_instruments_are_refused)
{
    struct prismi_instrument_params p = params_of(PRISM_INSTRUMENT_PROPAGATED);
    p.field = N / 2;
    expect_error(prismi_propagated_check(ctx, &p), PRISM_EINVAL, "field_size is 16");
    expect_error(prismi_identity_check(ctx, &p), PRISM_EINVAL, "field_size is 16");
    p = params_of(PRISM_INSTRUMENT_PROPAGATED);
    p.propagator = PRISM_FRESNEL;
    p.distance_m = 4e-7;
    expect_error(prismi_propagated_check(ctx, &p), PRISM_EINVAL, "shorter than the wavelength");
    p.distance_m = 0.1;
    p.wavelength_m = 0;
    expect_error(prismi_propagated_check(ctx, &p), PRISM_EINVAL, "give wavelength_m and pitch_m");
    p = params_of(PRISM_INSTRUMENT_PROPAGATED);
    p.pitch_m = p.wavelength_m = 0; /* a Fraunhofer transform has no lengths */
    ck_assert_int_eq(prismi_propagated_check(ctx, &p), 0);
    p = params_of(PRISM_INSTRUMENT_PROPAGATED);
    p.propagator = PRISM_ANGULAR_SPECTRUM;
    ck_assert_int_eq(prismi_propagated_check(ctx, &p), 0);
    ck_assert_str_eq(last_log, "");
    p.distance_m = 1;
    ck_assert_int_eq(prismi_propagated_check(ctx, &p), 0);
    ck_assert_msg(strstr(last_log, "wrap round"), "%s", last_log);
    struct prismi_instrument *in = make(&p);
    const struct prism_aperture large = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 7};
    expect_error(in->ops->set_aperture(in, 3, &large, 0, 0), PRISM_EINVAL, "frame 3");
    expect_error(in->ops->set_aperture(in, 0, &large, 0, 0), PRISM_EINVAL, "radius 7 px");
    expect_error(in->ops->set_aperture(in, 0, &p.aperture, 40, 0), PRISM_EINVAL, "opens no pixel");
    prismi_instrument_destroy(&in);
}
END_TEST

SUITE("optics instrument", fixture_open, fixture_close, propagated_fields_go_there_and_back,
      fraunhofer_equals_sub_apertures, open_masks_show_the_object, identity_shows_the_object,
      the_entries_agree, wrong_instruments_are_refused)
