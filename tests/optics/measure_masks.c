/* The measurement operator by masks, by rows of masks and by index, and its
 * fused calls, against the plain calls. Argument: fft or matrix. */
#include "measure_test.h"

START_TEST(a_mask_equals_its_aperture)
{
    const double centres[3][2] = {{4.5, -3}, {30, 30}, {-31, 2}};
    struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                 .grid_h = 64,
                                                                 .grid_w = 64,
                                                                 .obj_h = 64,
                                                                 .obj_w = 64,
                                                                 .complex_object = true,
                                                                 .n_apertures = 2,
                                                                 .batch = 2});
    uint8_t mask[4096];
    test_object(truth, object);
    for (int k = 0; k < 3; k++) {
        mask_of(7.3, &centres[k], 1, mask);
        set(m, 0, 7.3, centres[k][0], centres[k][1], NULL);
        ck_assert_int_eq(prism_measure_set_mask(m, 1, mask), 0);
        run(m, object, u);
        for (int i = 0; i < 4096; i++)
            ck_close(cabs(u[i]), cabs(u[4096 + i]), 1e-13);
    }
    memset(mask, 0, sizeof mask);
    ck_assert_int_eq(prism_measure_set_mask(m, 0, mask), 0);
    memset(mask, 255, sizeof mask);
    ck_assert_int_eq(prism_measure_set_mask(m, 1, mask), 0);
    run(m, object, u);
    ck_close(norm(u, 4096), 0, 0);
    ck_close(max_difference(u + 4096, object, 4096), 0, 1e-12); /* an open mask is the identity */
    prism_measure_destroy(&m);
}
END_TEST

/* Updating the changed rows of a mask equals setting the whole mask. */
START_TEST(masks_are_updated_by_rows)
{
    const double centres[][2] = {{-20, 3}, {11, -9}, {13, 2}, {0, 25}};
    const struct prism_measure_params p = {.dtype = PRISM_F64,
                                           .grid_h = 64,
                                           .grid_w = 64,
                                           .obj_h = 64,
                                           .obj_w = 64,
                                           .complex_object = true,
                                           .n_apertures = 2,
                                           .batch = 2};
    struct prism_measure *m = make(p), *whole = make(p);
    const struct prism_aperture shape = circle(5);
    uint8_t mask[4096] = {0}, one[4096];
    int row = 0, rows = 0, old_row, old_rows;
    test_object(truth, object);
    for (int k = 0; k < 4; k++) {
        mask_of(5, &centres[k], 1, one);
        old_row = row, old_rows = rows;
        memset(mask + 64 * row, 0, 64 * (size_t)rows);
        prismi_aperture_mark(NULL, &shape, 64, centres[k][0], centres[k][1], mask, &row, &rows);
        ck_assert_int_eq(m->in.ops->set_mask(&m->in, 1, mask, old_row, old_rows), 0);
        ck_assert_int_eq(m->in.ops->set_mask(&m->in, 1, mask, row, rows), 0);
        ck_assert_int_eq(prism_measure_set_mask(whole, 1, one), 0);
        run(m, object, u);
        run(whole, object, u + 2 * 4096);
        ck_assert_mem_eq(u, u + 2 * 4096, 2 * 4096 * sizeof *u);
    }
    prism_measure_destroy(&m);
    prism_measure_destroy(&whole);
}
END_TEST

/* One spectrum of an object serves every aperture. */
START_TEST(one_spectrum_serves_every_aperture)
{
    const struct prism_measure_params p = {.dtype = PRISM_F64,
                                           .grid_h = 64,
                                           .grid_w = 64,
                                           .obj_h = 64,
                                           .obj_w = 64,
                                           .box_h = 15,
                                           .box_w = 15,
                                           .n_apertures = 1,
                                           .batch = 1};
    struct prism_measure *m = make(p), *fresh = make(p);
    prism_mem x, field;
    test_object(truth, object);
    ck_assert_int_eq(dev->ops->alloc(dev, sizeof truth, &x), 0);
    ck_assert_int_eq(dev->ops->alloc(dev, 4096 * sizeof *u, &field), 0);
    ck_assert_int_eq(prismi_dev_put(dev, x, PRISM_F64, truth, 4096), 0);
    set(m, 0, 5, 0, 0, NULL);
    ck_assert_int_eq(m->in.ops->hold(&m->in, x), 0);
    for (int k = 0; k < 4; k++) {
        set(m, 0, 5, 7 * k, -9 * k, NULL);
        set(fresh, 0, 5, 7 * k, -9 * k, NULL);
        run(fresh, truth, u);
        ck_assert_int_eq(m->in.ops->fields(&m->in, field), 0);
        ck_assert_int_eq(prismi_dev_get(dev, (double *)(u + 4096), field, PRISM_F64, 2 * 4096), 0);
        ck_close(max_difference(u, u + 4096, 4096), 0, 1e-15);
    }
    dev->ops->release(dev, x);
    dev->ops->release(dev, field);
    prism_measure_destroy(&m);
    prism_measure_destroy(&fresh);
}
END_TEST

/* The fused adjoint in two halves, and the calls that skip the fields'
 * transforms, against the plain calls. */
START_TEST(fused_calls_equal_plain_ones)
{
    enum { N = 48, O = 20, F = 32, BATCH = 3 };
    const struct prism_measure_params p = {.dtype = PRISM_F64,
                                           .grid_h = N,
                                           .grid_w = N,
                                           .obj_h = O,
                                           .obj_w = O,
                                           .field_h = F,
                                           .field_w = F,
                                           .box_h = 13,
                                           .box_w = 13,
                                           .n_apertures = BATCH,
                                           .batch = BATCH};
    struct prism_measure *m = make(p);
    const size_t count = (size_t)BATCH * F * F;
    struct prismi_arena arena = {0};
    prism_mem x, y, field, target, weight, loss,
        tmp, *const mem[] = {&x, &y, &field, &target, &weight, &loss, &tmp};
    const size_t reals[] = {O * O, O * O, 2 * count, count, BATCH, BATCH, 2 * count + BATCH};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        prismi_arena_add(&arena, reals[i] * sizeof(double), mem[i]);
    ck_assert_int_eq(prismi_arena_bind(&arena, dev), 0);
    const struct prism_misfit_desc d = {PRISM_F64, PRISM_MISFIT_L2, BATCH, (size_t)F * F};
    const struct prism_misfit_args plain = {
        loss, field, field, target, weight, prism_measure_index(m), tmp};
    const struct prism_field_misfit_args fused = {
        .loss = loss, .target = target, .weight = weight, .u = field, .tmp = tmp};
    double in[O * O], out[2][O * O], losses[2][BATCH], ones[BATCH] = {1, 0.5, 2};

    for (int b = 0; b < BATCH; b++)
        set(m, b, 5.5, 3 * b - 4, 9 - 7 * b, NULL);
    for (int i = 0; i < O * O; i++)
        in[i] = sin(0.7 * i) + 0.2;
    ck_assert_int_eq(prismi_dev_put(dev, x, PRISM_F64, in, O * O), 0);
    ck_assert_int_eq(prismi_dev_put(dev, weight, PRISM_F64, ones, BATCH), 0);
    ck_assert_int_eq(prismi_map(dev, PRISM_MAP_FILL, PRISM_F64, 1, count, target, 0, 0, 0, 0.05, 0),
                     0);

    ck_assert_int_eq(prism_measure_forward(m, field, x), 0);
    ck_assert_int_eq(dev->ops->misfit(dev, &d, &plain), 0);
    ck_assert_int_eq(prismi_dev_get(dev, losses[0], loss, PRISM_F64, BATCH), 0);
    ck_assert_int_eq(prism_measure_adjoint(m, y, field), 0);
    ck_assert_int_eq(prismi_dev_get(dev, out[0], y, PRISM_F64, O * O), 0);
    ck_assert_int_eq(m->in.ops->misfit(&m->in, x, PRISM_MISFIT_L2, &fused), 0);
    ck_assert_int_eq(prismi_dev_get(dev, losses[1], loss, PRISM_F64, BATCH), 0);
    ck_assert_int_eq(m->in.ops->misfit_gradient(&m->in, y), 0);
    ck_assert_int_eq(prismi_dev_get(dev, out[1], y, PRISM_F64, O * O), 0);
    for (int b = 0; b < BATCH; b++)
        ck_close(losses[1][b], losses[0][b], 1e-14 * losses[0][b]);
    for (int i = 0; i < O * O; i++)
        ck_close(out[1][i], out[0][i], 1e-14);

    ck_assert_int_eq(prism_measure_forward(m, field, x), 0);
    ck_assert_int_eq(prism_measure_adjoint(m, y, field), 0);
    ck_assert_int_eq(prismi_dev_get(dev, out[0], y, PRISM_F64, O * O), 0);
    ck_assert_int_eq(m->in.ops->normal(&m->in, y, x, field), 0);
    ck_assert_int_eq(prismi_dev_get(dev, out[1], y, PRISM_F64, O * O), 0);
    for (int i = 0; i < O * O; i++)
        ck_close(out[1][i] * F * F, out[0][i], 1e-12);
    prismi_arena_release(&arena);
    prism_measure_destroy(&m);
}
END_TEST

START_TEST(indices_select_apertures)
{
    struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                 .grid_h = 64,
                                                                 .grid_w = 64,
                                                                 .obj_h = 64,
                                                                 .obj_w = 64,
                                                                 .n_apertures = 2,
                                                                 .batch = 3});
    cplx first[3 * 4096];
    int32_t held[3];
    test_object(truth, object);
    set(m, 0, 8, 0, 0, NULL);
    set(m, 1, 8, 10, -6, NULL);
    ck_assert_int_eq(dev->ops->read(dev, held, prism_measure_index(m), sizeof held), 0);
    ck_assert(held[0] == 0 && held[1] == 1 && held[2] == 0);
    run(m, truth, first);
    ck_assert_int_eq(prism_measure_set_index(m, (const int32_t[]){1, 0, 1}), 0);
    run(m, truth, u);
    ck_close(max_difference(u, first + 4096, 4096), 0, 0);
    ck_close(max_difference(u + 4096, first, 4096), 0, 0);
    ck_close(max_difference(u + 8192, u, 4096), 0, 0);
    expect_error(prism_measure_set_index(m, (const int32_t[]){0, 2, 0}), PRISM_EINVAL,
                 "aperture 2");
    expect_error(prism_measure_set_index(m, (const int32_t[]){0, 0, -1}), PRISM_EINVAL,
                 "aperture -1");
    run(m, truth, first);
    ck_close(max_difference(u, first, 3 * 4096), 0, 0); /* unchanged */
    prism_measure_destroy(&m);
}
END_TEST

int main(int argc, char **argv)
{
    set_method(argc, argv);
    return suite_run("optics measure masks",
                     SUITE_CASE(fixture_open, fixture_close, a_mask_equals_its_aperture,
                                masks_are_updated_by_rows, one_spectrum_serves_every_aperture,
                                fused_calls_equal_plain_ones, indices_select_apertures));
}
