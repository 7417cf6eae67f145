/* Metrics, the losses of retries, the data set. */
#include "prismrec/metrics.h"
#include "support/session_suite.h"

/* ---- metrics ---- */

static double *noise_image(size_t n, uint64_t stream)
{
    double *v = new_array(n, sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = prismi_rng_uniform(1, stream, i);
    return v;
}

START_TEST(equal_images_have_the_best_metrics)
{
    double *a = noise_image(64 * 64, 1);
    ck_assert_double_eq_tol(prism_ssim(a, a, 64, 64), 1, 1e-12);
    ck_assert_double_eq_tol(prism_ssim_skimage(a, a, 64, 64), 1, 1e-12);
    ck_assert_double_eq_tol(prism_ms_ssim(a, a, 64, 64), 1, 1e-12);
    ck_assert_double_eq(prism_rmse_percent(a, a, 64 * 64), 0);
    ck_assert_double_infinite(prism_psnr_db(a, a, 64 * 64));
    free(a);
}
END_TEST

START_TEST(different_images_have_their_metrics)
{
    size_t n = 64 * 48;
    double *a = noise_image(n, 1), *b = noise_image(n, 2), *c = new_array(n, sizeof *c);
    ck_assert_double_eq_tol(prism_ssim(a, b, 64, 48), prism_ssim(b, a, 64, 48), 1e-12);
    ck_assert_double_lt(fabs(prism_ssim(a, b, 64, 48)), 0.2);
    for (size_t i = 0; i < n; i++)
        c[i] = 1.1 * a[i];
    ck_assert_double_eq_tol(prism_rmse_percent(c, a, n), 10, 1e-9);
    for (size_t i = 0; i < n; i++)
        c[i] = a[i] + 0.1;
    ck_assert_double_eq_tol(prism_psnr_db(c, a, n), 20, 1e-9);
    free(a);
    free(b);
    free(c);
}
END_TEST

/* Black against white differs in luminance alone, so every size needs the
 * luminance term. */
START_TEST(ms_ssim_sees_luminance)
{
    static const int sides[] = {6, 16, 64, 128, 256};
    for (int i = 0; i < 5; i++) {
        size_t n = (size_t)sides[i] * sides[i];
        double *black = new_array(n, sizeof *black), *white = new_array(n, sizeof *white);
        for (size_t k = 0; k < n; k++)
            white[k] = 1;
        ck_assert_double_lt(prism_ms_ssim(black, white, sides[i], sides[i]), 0.5);
        free(black);
        free(white);
    }
}
END_TEST

START_TEST(ms_ssim_of_one_scale_is_ssim)
{
    double *a = noise_image(20 * 20, 1), *b = noise_image(20 * 20, 2), w[PRISMI_MS_SCALES];
    for (int i = 0; i < 400; i++)
        b[i] = 0.9 * a[i] + 0.1 * b[i];
    ck_assert_int_eq(prismi_ms_ssim_scales(20, 20, w), 1);
    ck_assert_double_eq(w[0], 1);
    ck_assert_double_eq_tol(prism_ms_ssim(a, b, 20, 20), prism_ssim(a, b, 20, 20), 1e-12);
    ck_assert_int_eq(prismi_ms_ssim_scales(175, 176, w), 4);
    ck_assert_int_eq(prismi_ms_ssim_scales(176, 176, w), 5);
    free(a);
    free(b);
}
END_TEST

START_TEST(tiny_images_have_no_metrics)
{
    double a[25] = {0};
    ck_assert_double_nan(prism_ssim(a, a, 5, 5));
    ck_assert_double_nan(prism_ms_ssim(a, a, 5, 5));
    ck_assert_double_nan(prism_ssim_skimage(a, a, 5, 5));
}
END_TEST

START_TEST(retries_change_the_loss_in_turn)
{
    static const double l1[PRISM_LOSS_COUNT] = {1}, l2[PRISM_LOSS_COUNT] = {0, 1},
                        ssim[PRISM_LOSS_COUNT] = {0, 0, 1}, mixed[PRISM_LOSS_COUNT] = {0.5, 0, 0.5},
                        poisson[PRISM_LOSS_COUNT] = {[PRISM_LOSS_POISSON] = 1};
    ck_assert_int_eq(prismi_retry_kind(l1, 1), PRISM_LOSS_SSIM);
    ck_assert_int_eq(prismi_retry_kind(l1, 2), PRISM_LOSS_L2);
    ck_assert_int_eq(prismi_retry_kind(l1, 3), PRISM_LOSS_MS_SSIM);
    ck_assert_int_eq(prismi_retry_kind(l1, 4), PRISM_LOSS_L1);
    ck_assert_int_eq(prismi_retry_kind(ssim, 1), PRISM_LOSS_L2);
    ck_assert_int_eq(prismi_retry_kind(l2, 1), PRISM_LOSS_MS_SSIM);
    ck_assert_int_eq(prismi_retry_kind(mixed, 1), PRISM_LOSS_SSIM);
    ck_assert_int_eq(prismi_retry_kind(poisson, 1), PRISM_LOSS_SSIM);
    ck_assert_int_eq(prismi_retry_kind(poisson, 4), PRISM_LOSS_L1);
}
END_TEST

/* ---- data ---- */

START_TEST(a_second_request_is_a_hit)
{
    const float *first, *again;
    for (int k = 0; k < p.n; k++)
        MUST(ctx, prism_dataset_amplitude(p.ds, k, &first));
    struct prism_cache_stats st = prism_cache_get_stats(p.cache, PRISM_CACHE_MEASUREMENTS);
    ck_assert_uint_eq(st.misses, SMALL_SAMPLES);
    ck_assert_uint_eq(st.hits, 0);
    ck_assert_uint_eq(st.insertions, SMALL_SAMPLES);
    ck_assert_uint_eq(st.bytes, SMALL_SAMPLES * SMALL_GRID * SMALL_GRID * sizeof(float));
    MUST(ctx, prism_dataset_amplitude(p.ds, 3, &first));
    MUST(ctx, prism_dataset_amplitude(p.ds, 3, &again));
    ck_assert_ptr_eq(first, again);
    ck_assert_uint_eq(prism_cache_get_stats(p.cache, PRISM_CACHE_MEASUREMENTS).hits, 2);
}
END_TEST

START_TEST(another_object_has_other_measurements)
{
    size_t bytes = SMALL_GRID * SMALL_GRID * sizeof(float), pixels = SMALL_OBJ * SMALL_OBJ;
    float *first = new_array(bytes, 1);
    const float *v;
    uint64_t hash = prismi_dataset_hash(p.ds);
    MUST(ctx, prism_dataset_amplitude(p.ds, 3, &v));
    memcpy(first, v, bytes);
    for (size_t i = 0; i < pixels; i++)
        p.truth[i] *= 0.5;
    MUST(ctx, prism_dataset_set_truth(p.ds, p.truth));
    ck_assert_uint_ne(prismi_dataset_hash(p.ds), hash);
    ck_assert_mem_eq(prism_dataset_truth(p.ds), p.truth, pixels * sizeof(double));
    MUST(ctx, prism_dataset_amplitude(p.ds, 3, &v));
    for (int i = 0; i < SMALL_GRID * SMALL_GRID; i++)
        ck_assert_double_eq_tol(v[i], 0.5 * first[i], 1e-6);
    ck_assert_uint_eq(prism_cache_get_stats(p.cache, PRISM_CACHE_MEASUREMENTS).hits, 0);
    ck_assert_uint_eq(prism_cache_get_stats(p.cache, PRISM_CACHE_MEASUREMENTS).misses, 2);
    double good = p.truth[7];
    p.truth[7] = NAN;
    ck_assert_int_eq(prism_dataset_set_truth(p.ds, p.truth), PRISM_EINVAL);
    ck_assert_double_eq(prism_dataset_truth(p.ds)[7], good);
    MUST(ctx, prism_dataset_amplitude(p.ds, 3, &v)); /* nothing changed */
    ck_assert_uint_eq(prism_cache_get_stats(p.cache, PRISM_CACHE_MEASUREMENTS).hits, 1);
    free(first);
}
END_TEST

START_TEST(one_cache_serves_equal_data_sets_only)
{
    static const double centres[][2] = {{0, 0}, {2, 3}};
    struct prism_dataset_params dp = {.grid_size = 32,
                                      .obj_size = 16,
                                      .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 4}};
    double *truth = small_object(16);
    struct prism_cache *cache = new_cache(ctx, dev);
    struct prism_dataset *a, *b;
    const float *v;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &a));
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &b));
    MUST(ctx, prism_dataset_amplitude(a, 1, &v));
    MUST(ctx, prism_dataset_amplitude(b, 1, &v));
    ck_assert_uint_eq(prism_cache_get_stats(cache, PRISM_CACHE_MEASUREMENTS).hits, 1);
    prism_dataset_destroy(&b);
    truth[100] += 1e-9;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &b));
    MUST(ctx, prism_dataset_amplitude(b, 1, &v));
    ck_assert_uint_eq(prism_cache_get_stats(cache, PRISM_CACHE_MEASUREMENTS).hits, 1);
    prism_dataset_destroy(&a);
    prism_dataset_destroy(&b);
    prism_dev_set_cache(dev, NULL);
    prism_cache_destroy(&cache);
    free(truth);
}
END_TEST

/* A pupil over the whole grid measures the object itself, with the centres
 * aligned. */
START_TEST(an_open_pupil_sees_the_object)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset_params dp = {
        .grid_size = 32,
        .obj_size = 16,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 30}};
    double *truth = small_object(16);
    struct prism_dataset *ds;
    const float *v;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, centre, 1, &ds));
    MUST(ctx, prism_dataset_amplitude(ds, 0, &v));
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            ck_assert_double_eq_tol(v[(i + 8) * 32 + j + 8], truth[i * 16 + j], 1e-6);
    prism_dataset_destroy(&ds);
    free(truth);
}
END_TEST

START_TEST(noise_has_the_asked_power)
{
    static const double centres[][2] = {{0, 0}, {2, 3}};
    struct prism_dataset_params dp = {
        .grid_size = 64,
        .obj_size = 64,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 10}};
    double *truth = small_object(64), power = 0, error = 0, shared = 0, n = 64 * 64;
    struct prism_dataset *clean, *noisy;
    const float *v;
    float *a = new_array(64 * 64, sizeof *a), *b = new_array(64 * 64, sizeof *b);
    for (int i = 0; i < 64 * 64; i++)
        truth[i] = 1; /* amplitudes near 1: the clamp at 0 stays out of the statistics */
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &clean));
    dp.snr_db = 20;
    dp.seed = 7;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &noisy));
    MUST(ctx, prism_dataset_amplitude(clean, 0, &v));
    memcpy(a, v, 64 * 64 * sizeof *a);
    MUST(ctx, prism_dataset_amplitude(noisy, 0, &v));
    memcpy(b, v, 64 * 64 * sizeof *b);
    for (int i = 0; i < 64 * 64; i++) {
        ck_assert_float_ge(b[i], 0);
        power += a[i] * a[i] / n;
        error += (b[i] - a[i]) * (b[i] - a[i]) / n;
    }
    ck_assert_double_eq_tol(error / power, 0.01, 0.0006);
    MUST(ctx,
         prism_dataset_amplitude(noisy, 1, &v)); /* another sample in between changes nothing */
    MUST(ctx, prism_dataset_amplitude(noisy, 0, &v));
    ck_assert_mem_eq(v, b, 64 * 64 * sizeof *b);
    /* and its noise is its own: in units of sigma, uncorrelated with sample
     * 0's */
    for (int i = 0; i < 64 * 64; i++)
        a[i] = b[i] - a[i];
    MUST(ctx, prism_dataset_amplitude(clean, 1, &v));
    memcpy(b, v, 64 * 64 * sizeof *b);
    MUST(ctx, prism_dataset_amplitude(noisy, 1, &v));
    for (int i = 0; i < 64 * 64; i++)
        shared += a[i] * (v[i] - b[i]) / n / error;
    ck_assert_double_lt(fabs(shared), 0.1);
    prism_dataset_destroy(&clean);
    prism_dataset_destroy(&noisy);
    free(truth);
    free(a);
    free(b);
}
END_TEST

/* ---- losses: values against the host's metrics (gradients: checkgrad) ---- */

enum { SIDE = 48, FIELD = SIDE * SIDE };

/* The losses of fields with amplitudes m against targets t: field b is compared
 * with target (b + 1) % 3. */
static void loss_values(const double weights[PRISM_LOSS_COUNT], bool shared, bool unnormalised,
                        double m[2][FIELD], double t[3][FIELD], double out[2])
{
    static const int32_t index[2] = {1, 2};
    const struct prismi_loss_params lp = {
        .dtype = PRISM_F64,
        .n_targets = 3,
        .batch = 2,
        .h = SIDE,
        .w = SIDE,
        .kinds = {[PRISM_LOSS_SSIM] = true, [PRISM_LOSS_MS_SSIM] = true},
        .composite = true,
        .shared = shared,
        .unnormalised = unnormalised};
    struct prismi_loss *loss;
    struct prismi_arena arena = {0};
    prism_mem u, idx;
    double *field = new_array(4 * FIELD, sizeof *field);
    prismi_arena_add(&arena, 4 * FIELD * sizeof(double), &u);
    prismi_arena_add(&arena, sizeof index, &idx);
    MUST(ctx, prismi_arena_bind(&arena, dev));
    MUST(ctx, prismi_loss_create(dev, &lp, &loss));
    for (int i = 0; i < 2 * FIELD; i++) {
        double phase = 6.28 * prismi_rng_uniform(9, 50, (uint64_t)i);
        field[2 * i] = m[i / FIELD][i % FIELD] * cos(phase);
        field[2 * i + 1] = m[i / FIELD][i % FIELD] * sin(phase);
    }
    for (int a = 0; a < 3; a++)
        MUST(ctx, prismi_dev_put(dev, prismi_loss_target(loss, a), PRISM_F64, t[a], FIELD));
    MUST(ctx, prismi_dev_put(dev, u, PRISM_F64, field, 4 * FIELD));
    MUST(ctx, dev->ops->write(dev, idx, index, sizeof index));
    MUST(ctx, prismi_loss_weigh(loss));
    MUST(ctx, prismi_loss_set_weights(loss, weights));
    MUST(ctx, prismi_loss_run(loss, u, idx));
    MUST(ctx, prismi_dev_get(dev, out, prismi_loss_value(loss), PRISM_F64, 2));
    prismi_loss_destroy(&loss);
    prismi_arena_release(&arena);
    free(field);
}

START_TEST(losses_have_their_values)
{
    static const double weights[][PRISM_LOSS_COUNT] = {
        {1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {0.4, 0.6}, {0.1, 0.2, 0.3, 0.4}};
    static double m[2][FIELD], t[3][FIELD];
    double sum[3] = {0}, square[3] = {0};
    for (int i = 0; i < 3 * FIELD; i++) {
        double v = t[i / FIELD][i % FIELD] = prismi_rng_uniform(9, 1, (uint64_t)i);
        sum[i / FIELD] += v;
        square[i / FIELD] += v * v;
    }
    for (int i = 0; i < 2 * FIELD; i++)
        m[i / FIELD][i % FIELD] =
            0.8 * t[1 + i / FIELD][i % FIELD] + 0.2 * prismi_rng_uniform(9, 2, (uint64_t)i);
    for (int mode = 0; mode < 3; mode++)
        for (int w = 0; w < 6; w++) {
            double got[2];
            loss_values(weights[w], mode == 1, mode == 2, m, t, got);
            for (int b = 0; b < 2; b++) {
                double l1 = 0, l2 = 0, n1 = sum[b + 1], n2 = square[b + 1],
                       share = mode == 1 ? 0.5 : 1;
                for (int i = 0; i < FIELD; i++) {
                    double d = m[b][i] - t[b + 1][i];
                    l1 += fabs(d);
                    l2 += d * d;
                }
                if (mode == 1) {
                    n1 = (sum[0] + sum[1] + sum[2]) / 3;
                    n2 = (square[0] + square[1] + square[2]) / 3;
                } else if (mode == 2) {
                    n1 = n2 = FIELD;
                }
                double want = weights[w][0] * l1 / n1 + weights[w][1] * l2 / n2 +
                              weights[w][2] * (1 - prism_ssim(m[b], t[b + 1], SIDE, SIDE)) / 2 +
                              weights[w][3] * (1 - prism_ms_ssim(m[b], t[b + 1], SIDE, SIDE)) / 2;
                ck_assert_double_eq_tol(got[b], share * want,
                                        1e-7); /* the normalisers carry 1e-8 per pixel */
            }
        }
}
END_TEST

static void refused(const struct prism_dataset_params *dp, const double *truth,
                    const double *centres, int n, const char *word)
{
    struct prism_dataset *ds = (void *)1;
    expect_error(prism_dataset_simulate(dev, dp, truth, centres, n, &ds), PRISM_EINVAL, word);
    ck_assert_ptr_null(ds);
}

START_TEST(wrong_data_are_refused_by_name)
{
    const struct prism_dataset_params good = {
        .grid_size = 32,
        .obj_size = 16,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 4}};
    struct prism_dataset_params dp = good;
    struct prism_dataset *ds;
    double *truth = small_object(16), centre[2] = {0, 0}, bad[2] = {NAN, 0}, far[2] = {0, 500};
    float *amplitude = new_array(32 * 32, sizeof *amplitude);
    refused((dp.obj_size = 33, &dp), truth, centre, 1, "33");
    refused((dp = good, dp.field_size = 40, &dp), truth, centre, 1, "field_size");
    refused((dp = good, dp.snr_db = -3, &dp), truth, centre, 1, "snr_db");
    refused((dp = good, dp.aperture.radius_px = -1, &dp), truth, centre, 1, "radius");
    refused(&good, truth, bad, 1, "centre 0");
    refused(&good, truth, far, 1, "500");
    refused(&good, truth, centre, 0, "samples");
    truth[17] = INFINITY;
    refused(&good, truth, centre, 1, "(1, 1)");
    refused((dp = good, dp.grid_size = 65536, &dp), truth, centre, 1, "32768");
    refused(&good, truth, centre, 1000001, "1000000");
    /* an aperture outside the grid measures nothing, even if only the corner of
     * its box touches the grid; measured data are refused likewise */
    static const double beside[][2] = {{0, 500}, {-21, 0}, {19, 19}, {1e300, 0}};
    for (int i = 0; i < 4; i++) {
        refused(&good, truth, beside[i], 1, "opens no pixel");
        ck_assert_int_eq(prism_dataset_measured(ctx, &good, amplitude, beside[i], 1, &ds),
                         PRISM_EINVAL);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "centre 0"));
    }
    ck_assert_int_eq(prism_dataset_measured(ctx, &good, amplitude, bad, 1, &ds), PRISM_EINVAL);
    amplitude[5 * 32 + 6] = -1;
    ck_assert_int_eq(prism_dataset_measured(ctx, &good, amplitude, centre, 1, &ds), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "sample 0 at (5, 6)"));
    free(truth);
    free(amplitude);
}
END_TEST

START_TEST(measured_data_are_kept)
{
    const struct prism_dataset_params dp = {
        .grid_size = 16,
        .obj_size = 8,
        .field_size = 8,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3}};
    static const double centres[][2] = {{0, 0}, {1, 2}};
    float a[2 * 64];
    const float *v;
    struct prism_dataset *ds;
    for (int i = 0; i < 128; i++)
        a[i] = (float)i;
    MUST(ctx, prism_dataset_measured(ctx, &dp, a, &centres[0][0], 2, &ds));
    MUST(ctx, prism_dataset_amplitude(ds, 1, &v));
    ck_assert_mem_eq(v, a + 64, 64 * sizeof *a);
    ck_assert_ptr_null(prism_dataset_truth(ds));
    ck_assert_int_eq(prism_dataset_count(ds), 2);
    ck_assert_double_eq(prism_dataset_centres(ds)[3], 2);
    ck_assert_int_eq(prism_dataset_amplitude(ds, 2, &v), PRISM_EINVAL);
    static const double object[64];
    ck_assert_int_eq(prism_dataset_set_truth(ds, object), PRISM_EINVAL);
    prism_dataset_destroy(&ds);
}
END_TEST

SUITE("recon units", session_open, session_close, equal_images_have_the_best_metrics,
      different_images_have_their_metrics, ms_ssim_sees_luminance, ms_ssim_of_one_scale_is_ssim,
      tiny_images_have_no_metrics, retries_change_the_loss_in_turn, a_second_request_is_a_hit,
      another_object_has_other_measurements, one_cache_serves_equal_data_sets_only,
      an_open_pupil_sees_the_object, noise_has_the_asked_power, losses_have_their_values,
      wrong_data_are_refused_by_name, measured_data_are_kept)
