/* Parameters of zeros, and none at all, are the documented defaults. */
#include "prismrec/optics.h"
#include "recon/params.h"
#include "support/session_suite.h"

/* A few steps of a session with these parameters, as a picture. */
static double *picture_of(const struct prism_recon_params *params)
{
    struct prism_session *s;
    double *x = new_array(SMALL_OBJ * SMALL_OBJ, sizeof *x);
    MUST(ctx, prism_session_create(dev, p.ds, params, &s));
    run_steps(s, 12);
    MUST(ctx, prism_session_result(s, x));
    prism_session_destroy(&s);
    return x;
}

START_TEST(a_session_of_zeros_has_the_bits_of_the_defaults_written_out)
{
    const struct prism_recon_params zeros = {0};
    struct prism_recon_params written;
    prismi_params_resolve(&zeros, &written);
    ck_assert_int_eq(written.training.init_steps, 300);
    ck_assert_double_eq(written.training.unmeasured_weight, 1);
    double *all = picture_of(&written), *none = picture_of(&zeros), *null = picture_of(NULL);
    ck_assert_mem_eq(none, all, SMALL_OBJ * SMALL_OBJ * sizeof *all);
    ck_assert_mem_eq(null, all, SMALL_OBJ * SMALL_OBJ * sizeof *all);
    written.training.lr = 0.005;
    double *other = picture_of(&written);
    ck_assert_mem_ne(other, all, SMALL_OBJ * SMALL_OBJ * sizeof *all);
    free(all);
    free(none);
    free(null);
    free(other);
}
END_TEST

START_TEST(a_negative_number_is_zero_where_zero_is_no_default)
{
    const struct prism_recon_params given = {.seed = UINT64_MAX,
                                             .training = {.init_steps = -1,
                                                          .max_retries = -1,
                                                          .unmeasured_weight = -1,
                                                          .init_threshold = -1,
                                                          .lr = -1}};
    struct prism_recon_params out;
    prismi_params_resolve(&given, &out);
    ck_assert_uint_eq(out.seed, 0);
    ck_assert_int_eq(out.training.init_steps, 0);
    ck_assert_int_eq(out.training.max_retries, 0);
    ck_assert_double_eq(out.training.unmeasured_weight, 0);
    ck_assert_double_eq(out.training.init_threshold, -1); /* refused: 0 is its default */
    ck_assert_double_eq(out.training.lr, -1);             /* refused: it has no value 0 */
}
END_TEST

START_TEST(data_of_zeros_are_64_pixels_on_a_grid_of_128)
{
    struct prism_dataset *ds;
    double *truth = small_object(64);
    MUST(ctx, prism_dataset_simulate(dev, NULL, truth, (double[]){0, 0}, 1, &ds));
    const struct prism_dataset_params *d = prism_dataset_params(ds);
    ck_assert_int_eq(d->grid_size, 128);
    ck_assert_int_eq(d->obj_size, 64);
    ck_assert_int_eq(d->field_size, 128);
    ck_assert_double_eq(d->aperture.radius_px, 10);
    ck_assert_uint_eq(d->seed, 1);
    prism_dataset_destroy(&ds);
    free(truth);
}
END_TEST

START_TEST(a_grid_holds_object_and_frames)
{
    float *frame = new_array(40 * 40, sizeof *frame);
    struct prism_dataset *ds;
    const struct prism_dataset_params odd = {.obj_size = 20, .field_size = 40};
    MUST(ctx, prism_dataset_measured(ctx, &odd, frame, (double[]){0, 0}, 1, &ds));
    ck_assert_int_eq(prism_dataset_params(ds)->grid_size, 64);
    prism_dataset_destroy(&ds);
    free(frame);
}
END_TEST

START_TEST(a_pattern_of_zeros_is_a_spiral_of_64)
{
    const struct prism_pattern_params written = {
        .n_samples = 64, .roi_diameter_px = 128, .n_angles = 4, .seed = 1};
    double *a, *b;
    int na, nb;
    MUST(ctx, prism_pattern_create(ctx, NULL, &a, &na));
    MUST(ctx, prism_pattern_create(ctx, &written, &b, &nb));
    ck_assert_int_eq(na, 64);
    ck_assert_int_eq(na, nb);
    ck_assert_mem_eq(a, b, 128 * sizeof *a);
    free(a);
    free(b);
}
END_TEST

START_TEST(a_measurement_of_zeros_is_one_whole_field)
{
    struct prism_measure *m;
    MUST(ctx, prism_measure_create(dev, NULL, &m));
    const struct prism_measure_params *mp = prism_measure_params(m);
    ck_assert_int_eq(mp->grid_h, 128);
    ck_assert_int_eq(mp->obj_w, 64);
    ck_assert_int_eq(mp->field_w, 128);
    ck_assert_int_eq(mp->n_apertures, 1);
    ck_assert_int_eq(mp->batch, 1);
    prism_measure_destroy(&m);
}
END_TEST

START_TEST(a_decoder_of_zeros_is_a_sessions)
{
    struct prism_net *net;
    MUST(ctx, prism_decoder_create(dev, NULL, &net));
    const struct prism_decoder_params *d = prism_net_params(net);
    ck_assert_int_eq(d->grid_size, 128);
    ck_assert_int_eq(d->obj_size, 64);
    ck_assert_int_eq(d->min_channels, 16);
    ck_assert_int_eq(d->output_activation, PRISM_OUTPUT_SIGMOID);
    prism_net_destroy(&net);
}
END_TEST

START_TEST(a_cache_of_zeros_keeps)
{
    struct prism_cache *none, *some;
    MUST(ctx, prism_cache_create(NULL, &none));
    MUST(ctx, prism_cache_create(&(struct prism_cache_params){.budget = {1}}, &some));
    ck_assert_uint_eq(prism_cache_get_stats(none, PRISM_CACHE_GRIDS).budget, 64 << 20);
    ck_assert_uint_eq(prism_cache_get_stats(none, PRISM_CACHE_MEASUREMENTS).budget, 256 << 20);
    ck_assert_uint_eq(prism_cache_get_stats(some, PRISM_CACHE_GRIDS).budget, 1);
    ck_assert_uint_eq(prism_cache_get_stats(some, PRISM_CACHE_APERTURES).budget, 16 << 20);
    prism_cache_destroy(&none);
    prism_cache_destroy(&some);
}
END_TEST

SUITE("recon zeros", session_open, session_close,
      a_session_of_zeros_has_the_bits_of_the_defaults_written_out,
      a_negative_number_is_zero_where_zero_is_no_default,
      data_of_zeros_are_64_pixels_on_a_grid_of_128, a_grid_holds_object_and_frames,
      a_pattern_of_zeros_is_a_spiral_of_64, a_measurement_of_zeros_is_one_whole_field,
      a_decoder_of_zeros_is_a_sessions, a_cache_of_zeros_keeps)
