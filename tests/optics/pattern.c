/* Sampling patterns and their statistics. */
#include "optics_test.h"

#include <locale.h>

static double *make(struct prism_pattern_params p, int *n)
{
    double *yx;
    ck_assert_msg(!prism_pattern_create(ctx, &p, &yx, n), "%s", prism_ctx_error(ctx)->text);
    return yx;
}

static double radius(const double *yx, int i)
{
    return hypot(yx[2 * i], yx[2 * i + 1]);
}

START_TEST(fermat_points_lie_on_their_spiral)
{
    const double known[6][2] = {{0, 0},
                                {2.757665, -3.010308},
                                {-5.751391, 0.504801},
                                {5.611660, 4.302240},
                                {-1.422325, -8.040128},
                                {-4.899474, 7.702498}};
    int n;
    double *yx = make((struct prism_pattern_params){.n_samples = 6, .roi_diameter_px = 20}, &n);
    ck_assert_int_eq(n, 6);
    for (int i = 0; i < 12; i++)
        ck_close(yx[i], known[i / 2][i % 2], 1e-5 * 10);
    free(yx);
    /* a cut-off keeps a prefix of the same spiral */
    double *whole =
        make((struct prism_pattern_params){.n_samples = 100, .roi_diameter_px = 128}, &n);
    ck_assert_int_eq(n, 100);
    yx = make(
        (struct prism_pattern_params){.n_samples = 100, .roi_diameter_px = 128, .cutoff_px = 40},
        &n);
    ck_assert_int_eq(n, 40);
    for (int i = 0; i < 80; i++)
        ck_close(yx[i], whole[i], 0);
    free(yx);
    free(whole);
}
END_TEST

START_TEST(random_points_fill_the_disc_evenly)
{
    struct prism_pattern_params p = {
        .kind = PRISM_PATTERN_RANDOM, .n_samples = 4000, .roi_diameter_px = 200, .seed = 3};
    int n, inner = 0;
    double *a = make(p, &n), *b = make(p, &n), y = 0, x = 0;
    ck_assert_int_eq(n, 4000);
    ck_assert(!memcmp(a, b, sizeof(double) * 8000));
    ck_close(radius(a, 0), 0, 0);
    for (int i = 1; i < n; i++) {
        ck_assert(radius(a, i) >= radius(a, i - 1) && radius(a, i) < 100);
        inner += radius(a, i) < 50;
        y += a[2 * i];
        x += a[2 * i + 1];
    }
    ck_close(inner / 4000.0, 0.25, 5 * sqrt(0.25 * 0.75 / 4000)); /* uniform in area */
    ck_close(y / n, 0, 5 * 50 / sqrt(4000));                      /* and in angle */
    ck_close(x / n, 0, 5 * 50 / sqrt(4000));
    p.seed = 4;
    free(b);
    b = make(p, &n);
    ck_assert(memcmp(a, b, sizeof(double) * 8000));
    free(a);
    free(b);
}
END_TEST

START_TEST(star_points_lie_on_arms)
{
    struct prism_pattern_params p = {
        .kind = PRISM_PATTERN_STAR, .n_samples = 25, .roi_diameter_px = 60, .n_angles = 4};
    int n;
    double *yx = make(p, &n);
    ck_assert_int_eq(n, 25); /* the origin and three rings of eight */
    ck_close(radius(yx, 0), 0, 0);
    for (int i = 1; i < n; i++)
        ck_close(radius(yx, i), 10 * ((i - 1) / 8 + 1), 1e-12);
    ck_close(yx[2], 0, 1e-12); /* the first arm along +x */
    ck_close(yx[3], 10, 1e-12);
    ck_close(yx[2 * 3], 10, 1e-12); /* the third along +y */
    for (int k = 1; k <= 4; k++)
        ck_assert(yx[2 * k] == -yx[2 * (k + 4)] && yx[2 * k + 1] == -yx[2 * (k + 4) + 1]);
    free(yx);
    p.n_samples = 1;
    yx = make(p, &n);
    ck_assert_int_eq(n, 1);
    free(yx);
    p.n_samples = 12; /* an incomplete ring */
    yx = make(p, &n);
    ck_assert_int_eq(n, 12);
    ck_close(radius(yx, 11), 30, 1e-12);
    free(yx);
}
END_TEST

START_TEST(raster_points_lie_on_a_lattice)
{
    struct prism_pattern_params p = {
        .kind = PRISM_PATTERN_RASTER, .n_samples = 9, .roi_diameter_px = 20 * sqrt(2)};
    int n;
    double *yx = make(p, &n);
    for (int i = 0; i < 9; i++) /* a 3 x 3 lattice of pitch 10 */
        ck_assert(fabs(remainder(yx[2 * i], 10)) < 1e-9 &&
                  fabs(remainder(yx[2 * i + 1], 10)) < 1e-9);
    ck_close(radius(yx, 8), 10 * sqrt(2), 1e-9);
    free(yx);
    for (p.n_samples = 1; p.n_samples < 300; p.n_samples += 7) {
        yx = make(p, &n);
        ck_assert_int_eq(n, p.n_samples);
        for (int i = 1; i < n; i++) {
            ck_assert(radius(yx, i) >= radius(yx, i - 1) - 1e-9);
            ck_assert(yx[2 * i] != yx[2 * i - 2] || yx[2 * i + 1] != yx[2 * i - 1]);
        }
        free(yx);
    }
}
END_TEST

static double *from_text(const char *text, size_t bytes, int *status, int *n)
{
    char dir[256], path[300];
    double *yx;
    support_tempdir(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/points.csv", dir);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, bytes, f), bytes);
    fclose(f);
    struct prism_pattern_params p = {.kind = PRISM_PATTERN_CSV, .csv_path = path};
    *status = prism_pattern_create(ctx, &p, &yx, n);
    support_remove(dir);
    return yx;
}

START_TEST(csv_files_are_read)
{
    const char text[] = "\xef\xbb\xbf# made by hand\r\n\r\n y , x\r\n0,0\r\n -1.5 "
                        ",+2.25e1\t\r\n.5,-3.\n1234567890123456789e-15,1E-2";
    const double known[] = {0, 0, -1.5, 22.5, 0.5, -3, 1234.567890123456789, 0.01};
    const char *comma[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    for (int l = 0; l < 4; l++) {
        if (!setlocale(LC_NUMERIC, comma[l]))
            continue;
        int n, status;
        double *yx = from_text(text, sizeof text - 1, &status, &n);
        ck_assert_msg(!status, "%s", prism_ctx_error(ctx)->text);
        ck_assert_int_eq(n, 4);
        for (int i = 0; i < 8; i++)
            ck_close(yx[i], known[i], 2e-16 * fabs(known[i]));
        free(yx);
    }
    setlocale(LC_NUMERIC, "C");
}
END_TEST

START_TEST(csv_errors_name_their_line)
{
    const struct {
        const char *text, *place, *word;
    } bad[] = {
        {"", ":1:1:", "no points"},
        {"# only a comment\n", ":2:1:", "no points"},
        {"y,x\n1,2\n3,abc\n", ":3:3:", "'abc'; expected a number"},
        {"1,2\ny,x\n", ":2:1:", "'y'"},
        {"y,x\ny,x\n", ":2:1:", "'y'"},
        {"x,y\n1,2\n", ":1:1:", "y as the first column"},
        {"1,2,3\n", ":1:4:", "end of the line"},
        {"1\n", ":1:2:", "','"},
        {"1;2\n", ":1:2:", "';2'"},
        {"1.5.2,2\n", ":1:4:", "'.2'"},
        {"1,\n", ":1:3:", "a number"},
        {"1e,2\n", ":1:1:", "'1e'"},
        {"nan,2\n1,1\n2,nan\n", ":3:3:", "'nan'"},
        {"2,inf\n", ":1:3:", "'inf'"},
        {"0x10,2\n", ":1:2:", "','"},
        {"1,1e7\n", ":1:3:", "1e6"},
        {"1,-1e999999999\n", ":1:3:", "1e6"},
        {"1,2\n1,2\r3,4\n", ":2:4:", "end of the line"},
        {"- 1,2\n", ":1:1:", "a number"},
        {"\"1\",2\n", ":1:1:", "a number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int n, status;
        double *yx = from_text(bad[i].text, strlen(bad[i].text), &status, &n);
        ck_assert_ptr_null(yx);
        expect_error(status, PRISM_EPARSE, bad[i].place);
        expect_error(status, PRISM_EPARSE, bad[i].word);
    }
    int n, status;
    from_text("1,2\0\n", 5, &status, &n); /* NUL does not count as white space */
    expect_error(status, PRISM_EPARSE, ":1:4:");
    double *yx;
    struct prism_pattern_params p = {.kind = PRISM_PATTERN_CSV,
                                     .csv_path = "/nonexistent/points.csv"};
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EIO, "/nonexistent/points.csv");
    p.csv_path = NULL;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "csv_path");
}
END_TEST

START_TEST(large_csv_files_are_refused)
{
    size_t bytes = ((size_t)16 << 20) + 1;
    char *text = new_array(bytes, 1);
    int n, status;
    memset(text, ' ', bytes);
    from_text(text, bytes, &status, &n);
    ck_assert_int_lt(status, 0);
    free(text);
}
END_TEST

START_TEST(wrong_patterns_are_refused)
{
    const struct prism_pattern_params good = {.n_samples = 5, .roi_diameter_px = 20};
    struct prism_pattern_params p = good;
    double *yx;
    int n;
    p.kind = (enum prism_pattern_kind)9;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "kind 9");
    p = good;
    p.n_samples = -1;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "n_samples is -1");
    p = good;
    p.roi_diameter_px = -1;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "roi_diameter_px is -1");
    p = good;
    p.cutoff_px = NAN;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "cutoff_px");
    p = good;
    p.kind = PRISM_PATTERN_STAR;
    p.n_angles = -1;
    expect_error(prism_pattern_create(ctx, &p, &yx, &n), PRISM_EINVAL, "n_angles is -1");
}
END_TEST

START_TEST(statistics_of_fermat_are_as_recorded)
{
    const struct prism_aperture a = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 15};
    struct prism_pattern_stats s;
    double mean = 0, squares = 0;
    int n;
    double *yx = make((struct prism_pattern_params){.n_samples = 200, .roi_diameter_px = 1024}, &n);
    ck_assert_int_eq(prism_pattern_statistics(ctx, yx, n, &a, 1024, 1024, &s), 0);
    ck_assert_int_eq(s.n, 200);
    ck_recorded(s.radius_mean_px, 340.0162);
    ck_recorded(s.radius_std_px, 121.9836);
    ck_close(s.radius_min_px, 0, 0);
    ck_recorded(s.radius_max_px, 510.7184);
    for (int i = 0; i < 100; i++) { /* the recorded numbers belong to the first hundred points */
        double d = INFINITY;
        for (int j = 0; j < n; j++)
            if (j != i)
                d = fmin(d, hypot(yx[2 * i] - yx[2 * j], yx[2 * i + 1] - yx[2 * j + 1]));
        mean += d / 100;
        squares += d * d / 100;
    }
    ck_recorded(mean, 60.147);
    ck_close(sqrt(squares - mean * mean), 3.5827, 1e-4);
    ck_close(s.neighbour_mean_px, 60.15, 1.5);
    ck_close(s.coverage, 200 * 709 / (PI * 512 * 512),
             0.01); /* discs of radius 15 do not touch, few leave the grid */
    ck_close(s.overlap, 0, 0);
    ck_close(s.redundancy, 1, 0);
    free(yx);
}
END_TEST

START_TEST(statistics_of_small_patterns_are_right)
{
    struct prism_aperture a = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 5};
    struct prism_pattern_stats s;
    const double one[] = {0, 0}, same[] = {0, 0, 0, 0}, edge[] = {30, 30}, pair[] = {0, 0, 10, -6};
    ck_assert_int_eq(prism_pattern_statistics(ctx, one, 1, &a, 64, 20, &s), 0);
    ck_close(s.coverage, 81.0 / 317, 1e-12);
    ck_close(s.radius_std_px + s.neighbour_mean_px + s.neighbour_std_px + s.overlap +
                 s.pixels_outside,
             0, 0);
    ck_assert_int_eq(prism_pattern_statistics(ctx, same, 2, &a, 64, 20, &s), 0);
    ck_close(s.overlap, 1, 1e-12);
    ck_close(s.redundancy, 2, 1e-12);
    a.radius_px = 8;
    ck_assert_int_eq(prism_pattern_statistics(ctx, edge, 1, &a, 64, 20, &s), 0);
    ck_assert_int_eq(s.pixels_outside, 197 - 75);
    ck_close(s.coverage, 0, 0);
    ck_assert_int_eq(prism_pattern_statistics(ctx, pair, 2, &a, 64, 60, &s), 0);
    ck_close(s.redundancy, 394.0 / 363, 1e-12); /* the known union of these two has 363 pixels */
    ck_close(s.overlap, (394.0 - 363) / 197, 1e-12);
    ck_close(s.neighbour_mean_px, sqrt(136), 1e-12);
    ck_close(s.neighbour_std_px, 0, 1e-6);
    ck_close(s.radius_std_px, sqrt(136) / sqrt(2), 1e-12);
    expect_error(prism_pattern_statistics(ctx, pair, 0, &a, 64, 60, &s), PRISM_EINVAL, "0 points");
    expect_error(prism_pattern_statistics(ctx, pair, 2, &a, 0, 60, &s), PRISM_EINVAL, "grid");
    expect_error(prism_pattern_statistics(ctx, pair, 2, &a, 64, 0, &s), PRISM_EINVAL,
                 "roi_diameter_px");
    const double wild[] = {0, 0, 1, NAN};
    expect_error(prism_pattern_statistics(ctx, wild, 2, &a, 64, 60, &s), PRISM_EINVAL, "centre 1");
}
END_TEST

SUITE("optics pattern", fixture_open, fixture_close, fermat_points_lie_on_their_spiral,
      random_points_fill_the_disc_evenly, star_points_lie_on_arms, raster_points_lie_on_a_lattice,
      csv_files_are_read, csv_errors_name_their_line, large_csv_files_are_refused,
      wrong_patterns_are_refused, statistics_of_fermat_are_as_recorded,
      statistics_of_small_patterns_are_right)
