/* The measurement operator against recorded numbers, closed forms and
 * invariants, and what it refuses. Argument: fft or matrix. */
#include "measure_test.h"

/* The original's images are shifted by one pixel: its value at [y][x] belongs
 * to [y+1][x+1]. */
static void check_recorded(const cplx *field, double sum, double squares, double largest, int y,
                           int x, const double *values)
{
    const int at[3][2] = {{32, 32}, {30, 28}, {10, 50}};
    double s = 0, top = 0;
    int where = 0;
    for (int i = 0; i < 64 * 64; i++) {
        s += cabs(field[i]);
        if (cabs(field[i]) > top)
            top = cabs(field[where = i]);
    }
    ck_recorded(s, sum);
    ck_recorded(pow(norm(field, 64 * 64), 2), squares);
    ck_recorded(top, largest);
    ck_assert_int_eq(where, (y + 1) % 64 * 64 + (x + 1) % 64);
    for (int k = 0; k < 3; k++)
        ck_recorded(cabs(field[(at[k][0] + 1) * 64 + at[k][1] + 1]), values[k]);
}

START_TEST(the_telescope_is_as_recorded)
{
    const double centres[2][2] = {{0, 0}, {10, -6}};
    struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                 .grid_h = 64,
                                                                 .grid_w = 64,
                                                                 .obj_h = 64,
                                                                 .obj_w = 64,
                                                                 .n_apertures = 3,
                                                                 .batch = 3});
    uint8_t mask[64 * 64];
    test_object(truth, object);
    ck_assert_int_eq(mask_of(8, centres, 2, mask), 363);
    set(m, 0, 8, 0, 0, NULL);
    set(m, 1, 8, 10, -6, NULL);
    ck_assert_int_eq(prism_measure_set_mask(m, 2, mask), 0);
    run(m, truth, u);
    check_recorded(u, 318.835, 116.936, 1.00203, 34, 29,
                   (const double[]){0.777113, 0.713787, 0.309109});
    check_recorded(u + 4096, 51.453, 1.1991, 0.0630612, 62, 61,
                   (const double[]){0.0232168, 0.0183772, 0.0054466});
    check_recorded(u + 8192, 318.513, 117.378, 1.00258, 34, 29,
                   (const double[]){0.77114, 0.715716, 0.308294});
    prism_measure_destroy(&m);
    ck_assert_ptr_null(m);
}
END_TEST

/* A point object shows |F^-1 P|^2: the recorded point spread function, with any
 * parity of object and field. */
START_TEST(a_point_shows_the_point_spread)
{
    const int obj[] = {1, 2, 5, 64}, field[] = {64, 64, 64, 64};
    for (int k = 0; k < 4; k++) {
        struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                     .grid_h = 64,
                                                                     .grid_w = 64,
                                                                     .obj_h = obj[k],
                                                                     .obj_w = obj[k],
                                                                     .field_h = field[k],
                                                                     .field_w = field[k],
                                                                     .n_apertures = 4,
                                                                     .batch = 4});
        double peak = 0, sum = 0, squares = 0;
        set(m, 0, 8, 0, 0, NULL);
        set(m, 1, 8, 10, -6, NULL);
        set(m, 2, 8, 2.5, 3.25, NULL);
        set(m, 3, 8, 30, 30, NULL);
        memset(truth, 0, sizeof truth);
        truth[obj[k] / 2 * obj[k] + obj[k] / 2] = 1;
        run(m, truth, u);
        peak = pow(cabs(u[32 * 64 + 32]), 2);
        for (int i = 0; i < 4096; i++) {
            double v = pow(cabs(u[i]), 2) / peak;
            sum += v;
            squares += v * v;
            ck_assert(v <= 1 + 1e-12);
        }
        ck_recorded(sum, 20.7919);
        ck_recorded(squares, 9.54792);
        ck_recorded(pow(cabs(u[32 * 64 + 35]), 2) / peak, 0.208142);
        ck_close(pow(cabs(u[35 * 64 + 36]), 2) / peak, 3.92023e-5, 1e-4 * 3.92023e-5);
        /* the energy counts the open pixels; parts beyond the grid are cut off,
         * not wrapped */
        const int pixels[] = {197, 197, 202, 75};
        for (int a = 0; a < 4; a++)
            ck_close(pow(64 * norm(u + 4096 * a, 4096), 2), pixels[a], 1e-9);
        prism_measure_destroy(&m);
    }
}
END_TEST

/* A sum of plane waves inside the aperture is passed unchanged; a detector of F
 * pixels must show its modulus at every (N/F)-th position about the object's
 * centre, for any parity of N and F and any aperture. */
static void check_window(int n, int field, int grid_w, int cy, int cx, bool single)
{
    const int waves[4][2] = {{0, 0}, {2, -1}, {-2, 1}, {1, 2}};
    const cplx weight[4] = {1, 0.4 + 0.3 * I, -0.2 * I, 0.25};
    const int field_w = field * grid_w / n;
    struct prism_measure *m =
        make((struct prism_measure_params){.dtype = single ? PRISM_F32 : PRISM_F64,
                                           .grid_h = n,
                                           .grid_w = grid_w,
                                           .obj_h = n,
                                           .obj_w = grid_w,
                                           .complex_object = true,
                                           .field_h = field,
                                           .field_w = field_w,
                                           .box_h = 9,
                                           .box_w = 9,
                                           .n_apertures = 1,
                                           .batch = 1});
    cplx *x = new_array((size_t)n * grid_w, sizeof *x),
         *got = new_array((size_t)field * field_w, sizeof *got);
    set(m, 0, 3, cy, cx, NULL);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < grid_w; j++)
            for (int k = 0; k < 4; k++)
                x[i * grid_w + j] +=
                    weight[k] * cexp(2 * PI * I *
                                     ((double)(waves[k][0] + cy) * (i - n / 2) / n +
                                      (double)(waves[k][1] + cx) * (j - grid_w / 2) / grid_w));
    run(m, x, got);
    for (int i = 0; i < field; i++)
        for (int j = 0; j < field_w; j++) {
            cplx expected = 0;
            for (int k = 0; k < 4; k++)
                expected += weight[k] * cexp(2 * PI * I *
                                             ((double)waves[k][0] * (i - field / 2) / field +
                                              (double)waves[k][1] * (j - field_w / 2) / field_w));
            ck_close(cabs(got[i * field_w + j]), cabs(expected), single ? 1e-5 : 1e-12);
        }
    free(x);
    free(got);
    prism_measure_destroy(&m);
}

START_TEST(small_detectors_sample_plane_waves)
{
    check_window(64, 64, 64, 0, 0, false);
    check_window(64, 32, 64, 0, 0, false);
    check_window(64, 32, 32, 10, -6, false);
    check_window(64, 20, 96, -20, 7, false);
    check_window(64, 31, 64, 5, 5, false);
    check_window(45, 15, 45, 3, -4, false);
    check_window(45, 16, 45, 3, -4, false);
    check_window(63, 32, 63, -9, 11, false);
    check_window(63, 63, 21, 9, 1, false);
    check_window(64, 32, 64, 10, -6, true);
    check_window(45, 16, 45, 3, -4, true);
}
END_TEST

START_TEST(a_constant_keeps_its_amplitude)
{
    const int fields[] = {64, 40, 32, 19};
    for (int i = 0; i < 4096; i++)
        truth[i] = 0.7;
    for (int k = 0; k < 4; k++) {
        const int f = fields[k];
        struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                     .grid_h = 64,
                                                                     .grid_w = 64,
                                                                     .obj_h = 64,
                                                                     .obj_w = 64,
                                                                     .field_h = f,
                                                                     .field_w = f,
                                                                     .box_h = 19,
                                                                     .box_w = 19,
                                                                     .n_apertures = 1,
                                                                     .batch = 1});
        set(m, 0, 8, 1.3, -2, NULL);
        run(m, truth, u);
        for (int i = 0; i < f * f; i++)
            ck_close(cabs(u[i]), 0.7, 1e-12);
        prism_measure_destroy(&m);
    }
}
END_TEST

/* A smaller field equals the full one at every (N/F)-th pixel where the window
 * holds the whole aperture. */
START_TEST(a_small_field_samples_the_full_one)
{
    struct prism_measure_params p = {.dtype = PRISM_F64,
                                     .grid_h = 64,
                                     .grid_w = 64,
                                     .obj_h = 64,
                                     .obj_w = 64,
                                     .n_apertures = 1,
                                     .batch = 1};
    struct prism_measure *full = make(p);
    p.field_h = p.field_w = 32;
    p.box_h = p.box_w = 19;
    struct prism_measure *window = make(p);
    cplx v[32 * 32];
    test_object(truth, object);
    set(full, 0, 8, 9.4, -6.2, NULL);
    set(window, 0, 8, 9.4, -6.2, NULL);
    run(full, truth, u);
    run(window, truth, v);
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 32; j++)
            ck_close(cabs(v[i * 32 + j]), cabs(u[2 * i * 64 + 2 * j]), 1e-13);
    prism_measure_destroy(&full);
    prism_measure_destroy(&window);
}
END_TEST

/* exp(-2 pi i q s/F) in the pupil moves the image by s pixels. */
START_TEST(a_pupil_phase_shifts_the_image)
{
    struct prism_measure *m = make((struct prism_measure_params){.dtype = PRISM_F64,
                                                                 .grid_h = 64,
                                                                 .grid_w = 64,
                                                                 .obj_h = 64,
                                                                 .obj_w = 64,
                                                                 .field_h = 32,
                                                                 .field_w = 32,
                                                                 .box_h = 19,
                                                                 .box_w = 19,
                                                                 .n_apertures = 2,
                                                                 .batch = 2});
    double phase[19 * 19];
    test_object(truth, object);
    for (int i = 0; i < 19; i++)
        for (int j = 0; j < 19; j++)
            phase[i * 19 + j] = -2 * PI * ((i - 9) * 3.0 + (j - 9) * -5.0) / 32 + 0.4;
    set(m, 0, 8, 4, 5.5, NULL);
    set(m, 1, 8, 4, 5.5, phase);
    run(m, truth, u);
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 32; j++)
            ck_close(
                cabs(u[1024 + (i + 3) % 32 * 32 + (j + 27) % 32] - u[i * 32 + j] * cexp(0.4 * I)),
                0, 1e-13);
    phase[9 * 19 + 9] = NAN;
    const struct prism_aperture shape = circle(8);
    expect_error(prism_measure_set_aperture(m, 1, &shape, 4, 5.5, phase), PRISM_EINVAL,
                 "phase_rad[9][9]");
    prism_measure_destroy(&m);
}
END_TEST

START_TEST(single_precision_is_close)
{
    struct prism_measure_params p = {.dtype = PRISM_F64,
                                     .grid_h = 64,
                                     .grid_w = 64,
                                     .obj_h = 64,
                                     .obj_w = 64,
                                     .n_apertures = 1,
                                     .batch = 1};
    struct prism_measure *a = make(p);
    p.dtype = PRISM_F32;
    struct prism_measure *b = make(p);
    test_object(truth, object);
    set(a, 0, 8, 3, 1, NULL);
    set(b, 0, 8, 3, 1, NULL);
    run(a, truth, u);
    run(b, truth, u + 4096);
    ck_close(max_difference(u, u + 4096, 4096), 0, 1e-6);
    prism_measure_destroy(&a);
    prism_measure_destroy(&b);
}
END_TEST

START_TEST(wrong_measurements_are_refused)
{
    const struct prism_measure_params good = {.dtype = PRISM_F64,
                                              .grid_h = 64,
                                              .grid_w = 64,
                                              .obj_h = 32,
                                              .obj_w = 32,
                                              .field_h = 32,
                                              .field_w = 32,
                                              .box_h = 19,
                                              .box_w = 19,
                                              .n_apertures = 2,
                                              .batch = 2};
    struct prism_measure_params p;
    struct prism_measure *m;
#define REFUSED(change, word)                                                                      \
    do {                                                                                           \
        p = good;                                                                                  \
        p.change;                                                                                  \
        expect_error(prism_measure_create(dev, &p, &m), PRISM_EINVAL, word);                       \
        ck_assert_ptr_null(m);                                                                     \
    } while (0)
    REFUSED(dtype = PRISM_CF64, "not real");
    REFUSED(grid_h = -1, "grid is -1 x 64");
    REFUSED(grid_w = 1 << 20, "1048576");
    REFUSED(obj_h = 65, "object is 65 x 32");
    REFUSED(obj_w = -1, "object is 32 x -1");
    REFUSED(field_h = 65, "field is 65 x 32");
    REFUSED(field_w = -1, "field is 32 x -1");
    REFUSED(box_h = 33, "pupil box is 33 x 19");
    REFUSED(box_h = 0, "pupil box is 64 x 19"); /* 0 = grid, larger than the field */
    REFUSED(n_apertures = -1, "n_apertures is -1");
    REFUSED(batch = -1, "batch is -1");
#undef REFUSED
    m = make(good);
    ck_assert_int_eq(prism_measure_params(m)->box_h, 19);
    struct prism_aperture a = circle(8);
    expect_error(prism_measure_set_aperture(m, 2, &a, 0, 0, NULL), PRISM_EINVAL, "aperture 2");
    expect_error(prism_measure_set_aperture(m, -1, &a, 0, 0, NULL), PRISM_EINVAL, "aperture -1");
    expect_error(prism_measure_set_aperture(m, 0, &a, 41, 0, NULL), PRISM_EINVAL,
                 "outside the 64 x 64 grid");
    expect_error(prism_measure_set_aperture(m, 0, &a, 0, -1e30, NULL), PRISM_EINVAL,
                 "outside the 64 x 64 grid");
    expect_error(prism_measure_set_aperture(m, 0, &a, NAN, 0, NULL), PRISM_EINVAL,
                 "outside the 64 x 64 grid");
    expect_error(prism_measure_set_aperture(m, 0, &a, 37.5, 37.5, NULL), PRISM_EINVAL,
                 "no pixel"); /* near the corner only */
    a = circle(10);
    expect_error(prism_measure_set_aperture(m, 1, &a, 0, 0, NULL), PRISM_EINVAL,
                 "box of at least 23");
    a = circle(-2);
    expect_error(prism_measure_set_aperture(m, 1, &a, 0, 0, NULL), PRISM_EINVAL, "radius_px is -2");
    uint8_t mask[19 * 19] = {0};
    expect_error(prism_measure_set_mask(m, 0, mask), PRISM_EINVAL, "as large as the grid");
    prism_measure_destroy(&m);
    prism_measure_destroy(NULL);
    p = good;
    p.field_h = p.field_w = p.box_h = p.box_w = 0;
    m = make(p);
    ck_assert_int_eq(prism_measure_params(m)->field_w, 64);
    ck_assert_int_eq(prism_measure_params(m)->box_h, 64);
    set(m, 0, 60, 0, 0, NULL); /* as large as the grid: nothing of the grid is missed */
    prism_measure_destroy(&m);
    dev->caps.dtypes &= ~(1u << PRISM_F64);
    expect_error(prism_measure_create(dev, &good, &m), PRISM_ENOTSUP, "use PRISM_F32");
    dev->caps.dtypes |= 1u << PRISM_F64;
}
END_TEST

/* The shapes choose the method; matrices that would need absurd memory are
 * refused. */
START_TEST(the_shapes_choose_the_method)
{
    const struct {
        int grid, obj, box, batch;
        bool matrix;
    } cases[] = {{1024, 73, 41, 1, true},    {1024, 128, 41, 1, true},  {2048, 128, 33, 1, true},
                 {1024, 73, 41, 8, true},    {1024, 1024, 0, 2, false}, {512, 300, 128, 1, false},
                 {1024, 512, 173, 1, false}, {256, 256, 83, 16, false}};
    struct prism_measure_params p = {.dtype = PRISM_F32, .n_apertures = 1};
    struct prismi_matrix mx;
    struct prism_measure *m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p.grid_h = p.grid_w = p.field_h = p.field_w = cases[i].grid;
        p.obj_h = p.obj_w = cases[i].obj;
        p.box_h = p.box_w = cases[i].box ? cases[i].box : cases[i].grid;
        p.batch = cases[i].batch;
        p.method = PRISM_MEASURE_AUTO;
        ck_assert_int_eq(prismi_matrix_choose(dev, &p, &mx), 0);
        ck_assert_msg(mx.used == cases[i].matrix, "case %zu", i);
        p.method = PRISM_MEASURE_FFT;
        ck_assert_int_eq(prismi_matrix_choose(dev, &p, &mx), 0);
        ck_assert(!mx.used);
        p.method = PRISM_MEASURE_MATRIX;
        ck_assert_int_eq(prismi_matrix_choose(dev, &p, &mx), 0);
        ck_assert(mx.used);
    }
    p.grid_h = p.grid_w = p.obj_h = p.obj_w = p.field_h = p.field_w = p.box_h = p.box_w = 16384;
    p.batch = 1;
    expect_error(prism_measure_create(dev, &p, &m), PRISM_EINVAL,
                 "the limit is 1074 MB; choose the method auto or fft");
    ck_assert_ptr_null(m);
    p = (struct prism_measure_params){
        .dtype = PRISM_F64, .grid_h = 64, .grid_w = 64, .obj_h = 5, .obj_w = 5, .n_apertures = 1};
    p.batch = 1;
    p.method = method;
    ck_assert_int_eq(prism_measure_create(dev, &p, &m), 0);
    ck_assert(m->matrix.used == (method == PRISM_MEASURE_MATRIX));
    prism_measure_destroy(&m);
    p.method = PRISM_MEASURE_METHOD_COUNT;
    expect_error(prism_measure_create(dev, &p, &m), PRISM_EINVAL, "method 3");
}
END_TEST

int main(int argc, char **argv)
{
    set_method(argc, argv);
    return suite_run("optics measure",
                     SUITE_CASE(fixture_open, fixture_close, the_telescope_is_as_recorded,
                                a_point_shows_the_point_spread, small_detectors_sample_plane_waves,
                                a_constant_keeps_its_amplitude, a_small_field_samples_the_full_one,
                                a_pupil_phase_shifts_the_image, single_precision_is_close,
                                wrong_measurements_are_refused, the_shapes_choose_the_method));
}
