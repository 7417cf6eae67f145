/* Propagators against recorded numbers, closed forms and invariants. */
#include "optics_test.h"

static struct prism_grid grid_of(int ny, int nx, double dy_m, double dx_m)
{
    return (struct prism_grid){ny, nx, dy_m, dx_m, 550e-9};
}

static void propagate(enum prism_propagator method, const struct prism_grid *g, double distance_m,
                      enum prism_dtype dtype, const cplx *in, cplx *out)
{
    struct prism_linop *op;
    ck_assert_msg(!prism_propagator_create(dev, method, g, distance_m, dtype, &op), "%s",
                  prism_ctx_error(ctx)->text);
    run_linop(op, false, in, out);
    prism_linop_destroy(&op);
    ck_assert_ptr_null(op);
}

static cplx object[64 * 64], out[64 * 64];
static double amplitude[64 * 64];

START_TEST(fraunhofer_is_as_recorded)
{
    const struct prism_grid g = grid_of(64, 64, 1e-5, 1e-5);
    double sum = 0, largest = 0;
    int at = 0;
    test_object(amplitude, object);
    propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, object, out);
    for (int i = 0; i < 64 * 64; i++)
        if (cabs(out[i]) > largest)
            largest = cabs(out[at = i]);
    ck_recorded(largest, 3.78099);
    ck_assert_int_eq(at, 33 * 64 + 33);
    ck_recorded(pow(norm(out, 64 * 64), 2), 119.941);
    ck_recorded_cplx(out[32 * 64 + 32], 2.26183, -0.990624);
    ck_recorded_cplx(out[30 * 64 + 28], 0.0426333, 0.0052935);
    for (int i = 0; i < 64 * 64; i++)
        object[i] = amplitude[i];
    propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, object, out);
    for (int i = 0; i < 64 * 64; i++)
        sum += cabs(out[i]) * cabs(out[i]);
    ck_recorded(sum, 119.941);
    ck_recorded_cplx(out[32 * 64 + 32], 4.61062, 0);
    ck_recorded_cplx(out[33 * 64 + 32], 0.993804, 0.835799);
    ck_recorded_cplx(out[32 * 64 + 35], 0.546616, 0.401663);
}
END_TEST

START_TEST(propagation_is_as_recorded)
{
    const struct prism_grid g = grid_of(64, 64, 1e-5, 1e-5);
    test_object(amplitude, object);
    propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-3, PRISM_CF64, object, out);
    ck_recorded(pow(norm(out, 64 * 64), 2), 119.941);
    ck_recorded_cplx(out[32 * 64 + 32], 0.341515, 0.684160);
    ck_recorded_cplx(out[30 * 64 + 28], 0.456029, 0.298584);
    ck_recorded_cplx(out[10 * 64 + 50], 0.289783, -0.074437);
    propagate(PRISM_FRESNEL, &g, 1e-2, PRISM_CF64, object, out);
    ck_close(prism_grid_lens(&g, 1e-2).dx_m, 8.59375e-6, 1e-15);
    ck_recorded_cplx(out[32 * 64 + 32], 0.083587, -0.670565);
    ck_recorded_cplx(out[30 * 64 + 28], -0.105920, -0.467894);
    ck_recorded_cplx(out[10 * 64 + 50], -0.295240, -0.338463);
}
END_TEST

static const int sides[][2] = {{8, 8}, {7, 7}, {7, 12}, {16, 9}, {1, 5}, {63, 64}};
#define N_SIDES 6
#define PIXELS_MAX (63 * 64)

START_TEST(fraunhofer_equals_the_centred_sum)
{
    cplx in[12 * 16], got[12 * 16], back[12 * 16];
    for (int s = 0; s < N_SIDES - 1; s++) {
        const int ny = sides[s][0], nx = sides[s][1];
        const struct prism_grid g = grid_of(ny, nx, 1e-5, 1e-5);
        random_field(in, (size_t)ny * nx, 1);
        propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, in, got);
        for (int p = 0; p < ny; p++)
            for (int q = 0; q < nx; q++) {
                cplx sum = 0;
                for (int i = 0; i < ny; i++)
                    for (int j = 0; j < nx; j++)
                        sum += in[i * nx + j] * cexp(-2 * PI * I *
                                                     ((double)(p - ny / 2) * (i - ny / 2) / ny +
                                                      (double)(q - nx / 2) * (j - nx / 2) / nx));
                ck_close(cabs(got[p * nx + q] - sum / sqrt(ny * nx)), 0, 1e-12);
            }
        propagate(PRISM_FRAUNHOFER, &g, -1, PRISM_CF64, got, back);
        ck_close(max_difference(back, in, (size_t)ny * nx), 0, 1e-12);
    }
}
END_TEST

START_TEST(fresnel_equals_its_integral)
{
    const int ny = 9, nx = 6;
    const struct prism_grid g = grid_of(ny, nx, 2e-5, 3e-5), h = prism_grid_lens(&g, 0.02);
    cplx in[54], got[54];
    const double k = 2 * PI / g.wavelength_m, z = 0.02;
    random_field(in, 54, 2);
    propagate(PRISM_FRESNEL, &g, z, PRISM_CF64, in, got);
    for (int p = 0; p < ny; p++)
        for (int q = 0; q < nx; q++) {
            cplx sum = 0;
            for (int i = 0; i < ny; i++)
                for (int j = 0; j < nx; j++) {
                    double y = prism_grid_y(&h, p) - prism_grid_y(&g, i),
                           x = prism_grid_x(&h, q) - prism_grid_x(&g, j);
                    sum += in[i * nx + j] * cexp(I * k / (2 * z) * (y * y + x * x));
                }
            sum *= cexp(I * k * z) / (I * g.wavelength_m * z) * g.dy_m * g.dx_m;
            ck_close(cabs(got[p * nx + q] - sum), 0, 1e-8); /* k z is 2e5 rad */
        }
}
END_TEST

/* Propagation by +z, then by -z from the resulting plane, returns the field
 * for every method, parity and precision, and keeps the energy in physical
 * units. */
START_TEST(propagation_goes_there_and_back)
{
    static cplx in[PIXELS_MAX], there[PIXELS_MAX], back[PIXELS_MAX];
    for (int m = 0; m < PRISM_PROPAGATOR_COUNT; m++)
        for (int s = 0; s < N_SIDES; s++)
            for (int d = 0; d < 2; d++) {
                const enum prism_propagator method = (enum prism_propagator)m;
                const enum prism_dtype dtype = d ? PRISM_CF32 : PRISM_CF64;
                const struct prism_grid g = grid_of(sides[s][0], sides[s][1], 1e-5, 1.3e-5);
                const size_t n = (size_t)g.ny * g.nx;
                const double z = 0.013;
                const struct prism_grid h = m == PRISM_FRESNEL ? prism_grid_lens(&g, z) : g;
                random_field(in, n, (uint64_t)s);
                propagate(method, &g, z, dtype, in, there);
                propagate(method, &h, -z, dtype, there, back);
                ck_close(max_difference(in, back, n), 0, d ? 1e-5 : 1e-12);
                ck_close(norm(there, n) * sqrt(h.dy_m * h.dx_m),
                         norm(in, n) * sqrt(g.dy_m * g.dx_m),
                         (d ? 1e-6 : 1e-12) * norm(in, n) * 1e-5);
            }
}
END_TEST

START_TEST(the_shift_theorem_holds)
{
    const struct prism_grid g = grid_of(64, 64, 1e-5, 1e-5);
    cplx moved[64 * 64], out2[64 * 64];
    test_object(amplitude, object);
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            moved[((i + 3) % 64) * 64 + (j + 60) % 64] = object[i * 64 + j];
    propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, object, out);
    propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, moved, out2);
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            out[i * 64 + j] *= cexp(-2 * PI * I * (3.0 * (i - 32) - 4.0 * (j - 32)) / 64);
    ck_close(max_difference(out, out2, 64 * 64), 0, 1e-12);
    propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-3, PRISM_CF64, object, out);
    propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-3, PRISM_CF64, moved, out2);
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            ck_close(cabs(out2[((i + 3) % 64) * 64 + (j + 60) % 64] - out[i * 64 + j]), 0, 1e-12);
}
END_TEST

/* Only spatial frequencies below 1/lambda travel. */
START_TEST(evanescent_waves_stop)
{
    const struct prism_grid g =
        grid_of(64, 64, 1e-7, 1e-7); /* Nyquist 5e6 /m, 1/lambda = 1.8e6 /m: 11 grid frequencies */
    cplx in[64 * 64];
    for (int f = 0; f < 32; f++) {
        for (int i = 0; i < 64 * 64; i++)
            in[i] = cexp(2 * PI * I * f * (i % 64) / 64.0);
        propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-6, PRISM_CF64, in, out);
        ck_close(norm(out, 64 * 64), f <= 11 ? 64 : 0, 1e-10);
    }
}
END_TEST

/* exp(-r^2/w^2) of radius w0 has w(z) = w0 sqrt(1 + (z lambda/(pi w0^2))^2);
 * <x^2> of the intensity is w^2/4. */
static double beam_radius(enum prism_propagator method, double w0_m, double z_m)
{
    const struct prism_grid g = grid_of(256, 256, 1e-5, 1e-5),
                            h = method == PRISM_FRESNEL ? prism_grid_lens(&g, z_m) : g;
    cplx *u = new_array(256 * 256, sizeof *u), *v = new_array(256 * 256, sizeof *v);
    double power = 0, moment = 0;
    for (int i = 0; i < 256; i++)
        for (int j = 0; j < 256; j++)
            u[256 * i + j] =
                exp(-(pow(prism_grid_y(&g, i), 2) + pow(prism_grid_x(&g, j), 2)) / (w0_m * w0_m));
    propagate(method, &g, z_m, PRISM_CF64, u, v);
    for (int i = 0; i < 256; i++)
        for (int j = 0; j < 256; j++) {
            power += pow(cabs(v[256 * i + j]), 2);
            moment += pow(cabs(v[256 * i + j]) * prism_grid_x(&h, j), 2);
        }
    free(u);
    free(v);
    return 2 * sqrt(moment / power);
}

START_TEST(a_gaussian_beam_widens_as_it_must)
{
    const double w0 = 1e-4, rayleigh = PI * w0 * w0 / 550e-9;
    const double z[] = {0.01, 0.03, 0.0571, 0.1, 0.2};
    for (int i = 0; i < 5; i++) {
        double w = w0 * sqrt(1 + pow(z[i] / rayleigh, 2));
        if (z[i] <= 0.1)
            ck_close(beam_radius(PRISM_ANGULAR_SPECTRUM, w0, z[i]), w, 0.01 * w);
        if (z[i] >= 0.03)
            ck_close(beam_radius(PRISM_FRESNEL, w0, z[i]), w, 0.01 * w);
    }
}
END_TEST

/* At z = n dx^2/lambda a Fresnel step keeps the pitch, and both methods must
 * see the same beam. */
START_TEST(the_angular_spectrum_equals_fresnel)
{
    const struct prism_grid g = grid_of(64, 64, 1e-5, 1e-5);
    const double z = 64 * 1e-10 / 550e-9;
    cplx in[64 * 64], out2[64 * 64];
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            in[64 * i + j] = exp(-(pow(i - 34, 2) + pow(j - 29, 2)) / 36.0);
    propagate(PRISM_ANGULAR_SPECTRUM, &g, z, PRISM_CF64, in, out);
    propagate(PRISM_FRESNEL, &g, z, PRISM_CF64, in, out2);
    for (int i = 0; i < 64 * 64; i++)
        ck_close(cabs(out[i]), cabs(out2[i]), 0.005);
}
END_TEST

/* Fraunhofer pattern of a disc of radius R samples: [2 J1(x)/x]^2 with x = 2 pi
 * R p/n, dark at p = 0.60983 n/R. */
START_TEST(a_disc_shows_the_airy_pattern)
{
    enum { N = 512, R = 24 };
    const struct prism_grid g = grid_of(N, N, 1e-5, 1e-5);
    const struct prism_aperture disc = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = R};
    uint8_t *mask = new_array(N * N, 1);
    cplx *u = new_array(N * N, sizeof *u), *v = new_array(N * N, sizeof *v);
    double total = 0, core = 0, error = 0, size = 0, dark = 1e300;
    const double first = 0.60983 * N / R;
    int at = 0;
    prism_aperture_render(&disc, 0, 0, -N / 2, -N / 2, N, N, mask);
    for (int i = 0; i < N * N; i++)
        u[i] = mask[i];
    propagate(PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, u, v);
    const cplx *row = v + N * N / 2 + N / 2;
    const double peak = pow(cabs(row[0]), 2);
    for (int p = 1; p < 50; p++) {
        double x = 2 * PI * R * p / N, airy = pow(2 * j1(x) / x, 2),
               got = pow(cabs(row[p]), 2) / peak;
        error += pow(got - airy, 2);
        size += airy * airy;
        if (p < 1.5 * first && got < dark) {
            dark = got;
            at = p;
        }
    }
    ck_close(at, first, 1);
    ck_close(sqrt(error / size), 0, 0.03);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double e = pow(cabs(v[N * i + j]), 2);
            total += e;
            core += hypot(i - N / 2, j - N / 2) <= first ? e : 0;
        }
    ck_close(core / total, 0.8378, 0.015);
    free(mask);
    free(u);
    free(v);
}
END_TEST

START_TEST(the_distance_selects_the_method)
{
    ck_assert_int_eq(prism_propagator_select(0.09), PRISM_FRAUNHOFER);
    ck_assert_int_eq(prism_propagator_select(0.1), PRISM_ANGULAR_SPECTRUM);
    ck_assert_int_eq(prism_propagator_select(50), PRISM_ANGULAR_SPECTRUM);
}
END_TEST

START_TEST(wrong_propagators_are_refused)
{
    const struct prism_grid g = grid_of(8, 8, 1e-5, 1e-5);
    struct prism_grid bad = g;
    struct prism_linop *op = (struct prism_linop *)&bad;
    expect_error(prism_propagator_create(dev, (enum prism_propagator)7, &g, 1, PRISM_CF64, &op),
                 PRISM_EINVAL, "method 7");
    ck_assert_ptr_null(op);
    expect_error(prism_propagator_create(dev, PRISM_FRESNEL, &g, 1e-7, PRISM_CF64, &op),
                 PRISM_EINVAL, "wavelength");
    expect_error(prism_propagator_create(dev, PRISM_FRESNEL, &g, 0, PRISM_CF64, &op), PRISM_EINVAL,
                 "wavelength");
    expect_error(prism_propagator_create(dev, PRISM_ANGULAR_SPECTRUM, &g, NAN, PRISM_CF64, &op),
                 PRISM_EINVAL, "distance_m");
    expect_error(prism_propagator_create(dev, PRISM_FRAUNHOFER, &g, 1, PRISM_F64, &op),
                 PRISM_EINVAL, "PRISM_CF32");
    bad.dx_m = -1;
    expect_error(prism_propagator_create(dev, PRISM_FRAUNHOFER, &bad, 1, PRISM_CF64, &op),
                 PRISM_EINVAL, "dx_m is -1");
    bad = g;
    bad.nx = 1 << 20;
    expect_error(prism_propagator_create(dev, PRISM_FRAUNHOFER, &bad, 1, PRISM_CF64, &op),
                 PRISM_EINVAL, "at most 32768");
    dev->caps.dtypes &= ~(1u << PRISM_CF64);
    expect_error(prism_propagator_create(dev, PRISM_FRAUNHOFER, &g, 1, PRISM_CF64, &op),
                 PRISM_ENOTSUP, "use PRISM_CF32");
    dev->caps.dtypes |= 1u << PRISM_CF64;
    prism_linop_destroy(NULL);
    prism_linop_destroy(&op);
    /* distances the sampling does not suit: n dx^2/lambda = 1.45 mm here */
    cplx u[64] = {0};
    propagate(PRISM_FRESNEL, &g, 1e-2, PRISM_CF64, u, u);
    propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-3, PRISM_CF64, u, u);
    ck_assert_str_eq(last_log, "");
    propagate(PRISM_FRESNEL, &g, 1e-3, PRISM_CF64, u, u);
    ck_assert_ptr_nonnull(strstr(last_log, "undersampled"));
    propagate(PRISM_ANGULAR_SPECTRUM, &g, 1e-2, PRISM_CF64, u, u);
    ck_assert_ptr_nonnull(strstr(last_log, "waves wrap round"));
}
END_TEST

SUITE("optics propagate", fixture_open, fixture_close, fraunhofer_is_as_recorded,
      propagation_is_as_recorded, fraunhofer_equals_the_centred_sum, fresnel_equals_its_integral,
      propagation_goes_there_and_back, the_shift_theorem_holds, evanescent_waves_stop,
      a_gaussian_beam_widens_as_it_must, the_angular_spectrum_equals_fresnel,
      a_disc_shows_the_airy_pattern, the_distance_selects_the_method, wrong_propagators_are_refused)
