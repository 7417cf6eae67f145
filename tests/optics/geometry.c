/* Grids and apertures. */
#include "optics/optics_internal.h"
#include "optics_test.h"

START_TEST(grids_have_their_values)
{
    struct prism_grid g;
    ck_assert_int_eq(prism_grid_create(ctx, 8, 5, 2e-6, 1e-6, 5e-7, &g), 0);
    ck_assert_ptr_nonnull(strstr(last_log, "powers of two"));
    for (int i = 0; i < 8; i++)
        ck_close(prism_grid_y(&g, i), (i - 4) * 2e-6, 0);
    for (int j = 0; j < 5; j++)
        ck_close(prism_grid_x(&g, j), (j - 2) * 1e-6, 0);
    ck_close(prism_grid_ky(&g, 0), -1 / (2 * 2e-6), 1e-9); /* Nyquist */
    ck_close(prism_grid_kx(&g, 4), 2 / (5 * 1e-6), 1e-9);
    struct prism_grid pad = prism_grid_pad(&g, 2), up = prism_grid_upsample(&g, 4);
    ck_assert_int_eq(pad.ny, 16);
    ck_close(pad.dx_m, g.dx_m, 0);
    ck_assert_int_eq(up.nx, 20);
    ck_close(up.nx * up.dx_m, g.nx * g.dx_m, 1e-20);
    struct prism_grid f = prism_grid_lens(&g, 0.1);
    for (int j = 0; j < 5; j++)
        ck_close(prism_grid_x(&f, j), prism_grid_kx(&g, j) * g.wavelength_m * 0.1, 1e-15);
    ck_close(prism_grid_lens(&f, 0.1).dy_m, g.dy_m, 1e-18);
    ck_close(prism_fresnel_number(1e-3, 2, 5e-7), 1, 1e-12);
}
END_TEST

START_TEST(wrong_grids_are_refused)
{
    struct prism_grid g;
    expect_error(prism_grid_create(ctx, 0, 8, 1e-6, 1e-6, 5e-7, &g), PRISM_EINVAL, "ny is 0");
    expect_error(prism_grid_create(ctx, 8, -3, 1e-6, 1e-6, 5e-7, &g), PRISM_EINVAL, "nx is -3");
    expect_error(prism_grid_create(ctx, 8, 8, 0, 1e-6, 5e-7, &g), PRISM_EINVAL, "dy_m is 0");
    expect_error(prism_grid_create(ctx, 8, 8, 1e-6, INFINITY, 5e-7, &g), PRISM_EINVAL,
                 "dx_m is inf");
    expect_error(prism_grid_create(ctx, 8, 8, 1e-6, 1e-6, NAN, &g), PRISM_EINVAL,
                 "wavelength_m is");
    last_log[0] = 0;
    ck_assert_int_eq(prism_grid_create(ctx, 8, 64, 1e-6, 1e-6, 5e-7, &g), 0);
    ck_assert_str_eq(last_log, "");
}
END_TEST

/* Open pixels on a [side,side] plane with the origin at side/2. */
static int count(struct prism_aperture a, double cy, double cx, int side)
{
    uint8_t *mask = new_array((size_t)side * side, 1);
    int n = 0;
    ck_assert_int_eq(prism_aperture_check(ctx, &a), 0);
    prism_aperture_render(&a, cy, cx, -(side / 2), -(side / 2), side, side, mask);
    for (int i = 0; i < side * side; i++)
        n += mask[i];
    free(mask);
    return n;
}

static struct prism_aperture circle(double radius)
{
    return (struct prism_aperture){.shape = PRISM_APERTURE_CIRCLE, .radius_px = radius};
}

START_TEST(circles_have_their_pixels)
{
    const double radius[] = {5, 8, 10, 12.5, 20};
    const int pixels[] = {81, 197, 317, 489, 1257};
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(count(circle(radius[i]), 0, 0, 64), pixels[i]);
    ck_assert_int_eq(count(circle(8), 10, -6, 64), 197);
    ck_assert_int_eq(count(circle(8), 2.5, 3.25, 64), 202);
    ck_assert_int_eq(count(circle(8), 30, 30, 64), 75);
    ck_assert_int_eq(count(circle(8), 300, 0, 64), 0);
    ck_assert_int_eq(count(circle(5), 0, 0, 63), 81);
}
END_TEST

START_TEST(obscured_apertures_have_their_pixels)
{
    struct prism_aperture a = {PRISM_APERTURE_OBSCURED, 20, 5, 0, 0};
    ck_assert_int_eq(count(a, 0, 0, 64), 1188);
    a.n_spiders = 4;
    ck_assert_int_eq(count(a, 0, 0, 64), 1188);
    a.spider_width_px = 2;
    /* the original has 912, 978 and 6800: at integer positions its pi is 3, at
     * others rounding lets edge pixels through */
    ck_assert_int_eq(count(a, 0, 0, 64), 872);
    a.n_spiders = 3;
    ck_assert_int_eq(count(a, 0, 0, 64), 972);
    a = (struct prism_aperture){PRISM_APERTURE_OBSCURED, 50, 10, 2, 4};
    ck_assert_int_eq(count(a, 0, 0, 128), 6720);
    a.shape = PRISM_APERTURE_ANNULUS;
    ck_assert_int_eq(count(a, 0, 0, 128), 7540);
}
END_TEST

START_TEST(hexagons_have_their_area_and_pose)
{
    struct prism_aperture a = {.shape = PRISM_APERTURE_HEXAGON, .radius_px = 100};
    uint8_t mask[1];
    ck_close(count(a, 0, 0, 256), 1.5 * sqrt(3) * 100 * 100,
             0.005 * 25981); /* area of a hexagon of side 100 */
    /* an apothem s was the side of a hexagon 2/sqrt(3) s: the known count of
     * apothem 8 */
    a.radius_px = 8 * 2 / sqrt(3) * (1 + 1e-12);
    ck_assert_int_eq(count(a, 0, 0, 64), 231);
    a.radius_px = 10; /* a vertex on +-y, a flat at +-x */
    prism_aperture_render(&a, 0, 0, 10, 0, 1, 1, mask);
    ck_assert_int_eq(mask[0], 1);
    prism_aperture_render(&a, 0, 0, 0, 9, 1, 1, mask);
    ck_assert_int_eq(mask[0], 0);
    prism_aperture_render(&a, 0, 0, 0, 8, 1, 1, mask);
    ck_assert_int_eq(mask[0], 1);
}
END_TEST

/* No open pixel lies outside the box, whatever the sub-pixel centre. */
START_TEST(the_box_holds_every_open_pixel)
{
    for (int shape = 0; shape < PRISM_APERTURE_COUNT; shape++)
        for (int k = 0; k < 60; k++) {
            struct prism_aperture a = {(enum prism_aperture_shape)shape, 1 + 0.37 * k, 0.4, 0, 0};
            int box = prism_aperture_box(&a), rim = box + 6;
            uint8_t *small = new_array((size_t)box * box, 1),
                    *large = new_array((size_t)rim * rim, 1);
            double c = -0.5 + k / 59.0;
            int in_small = 0, in_large = 0;
            prism_aperture_render(&a, c, -c, -(box / 2), -(box / 2), box, box, small);
            prism_aperture_render(&a, c, -c, -(box / 2) - 3, -(box / 2) - 3, rim, rim, large);
            for (int i = 0; i < box * box; i++)
                in_small += small[i];
            for (int i = 0; i < rim * rim; i++)
                in_large += large[i];
            ck_assert_int_eq(in_small, in_large);
            free(small);
            free(large);
        }
}
END_TEST

/* Rendering the box about the centre finds every open pixel, for a box on the
 * grid, across its edge, beside it, and larger than the grid. */
START_TEST(covers_count_open_pixels)
{
    static const double centre[][2] = {{0, 0},   {2.5, -3.25}, {-20.5, 19.5}, {30, 1},
                                       {24, 24}, {1e300, 0},   {0, -1e18}};
    static const double radius[] = {0.4, 3, 7.5, 40, 1e6};
    for (int shape = 0; shape < PRISM_APERTURE_COUNT; shape++)
        for (int r = 0; r < 5; r++)
            for (int grid = 40; grid <= 41; grid++) {
                struct prism_aperture a = {(enum prism_aperture_shape)shape, radius[r],
                                           0.3 * radius[r], 0.5, 3};
                uint8_t *mask = new_array((size_t)grid * grid, 1),
                        *part = new_array((size_t)grid * grid, 1);
                int32_t *count = new_array((size_t)grid * grid, sizeof *count),
                        *want = new_array((size_t)grid * grid, sizeof *want);
                for (int k = 0; k < 7; k++) {
                    bool any = false;
                    prism_aperture_render(&a, centre[k][0], centre[k][1], -(grid / 2), -(grid / 2),
                                          grid, grid, mask);
                    for (int i = 0; i < grid * grid; i++) {
                        want[i] += mask[i];
                        any |= mask[i];
                    }
                    ck_assert_int_eq(
                        prismi_aperture_cover(&a, grid, centre[k][0], centre[k][1], count), any);
                    ck_assert_int_eq(
                        prismi_aperture_cover(&a, grid, centre[k][0], centre[k][1], NULL), any);
                    int row0, rows;
                    memset(part, 0, (size_t)grid * grid);
                    prismi_aperture_mark(NULL, &a, grid, centre[k][0], centre[k][1], part, &row0,
                                         &rows);
                    ck_assert_mem_eq(part, mask, (size_t)grid * grid);
                    ck_assert(row0 >= 0 && rows >= 0 && row0 + rows <= grid);
                    for (int i = 0; i < grid * grid; i++)
                        ck_assert(!part[i] || (i / grid >= row0 && i / grid < row0 + rows));
                }
                ck_assert_mem_eq(count, want, (size_t)grid * grid * sizeof *count);
                free(mask);
                free(part);
                free(count);
                free(want);
            }
}
END_TEST

START_TEST(wrong_apertures_are_refused)
{
    struct prism_aperture a = {(enum prism_aperture_shape)17, 5, 0, 0, 0};
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "shape 17");
    a = circle(0);
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "radius_px is 0");
    a = circle(NAN);
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "radius_px");
    a = (struct prism_aperture){PRISM_APERTURE_ANNULUS, 5, 5, 0, 0};
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "inner_radius_px is 5");
    a = (struct prism_aperture){PRISM_APERTURE_OBSCURED, 5, -1, 0, 0};
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "inner_radius_px is -1");
    a = (struct prism_aperture){PRISM_APERTURE_OBSCURED, 5, 1, -2, 4};
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "spider_width_px is -2");
    a = (struct prism_aperture){PRISM_APERTURE_OBSCURED, 5, 1, 1, -4};
    expect_error(prism_aperture_check(ctx, &a), PRISM_EINVAL, "n_spiders is -4");
    a = (struct prism_aperture){PRISM_APERTURE_OBSCURED, 5, 3, 0, 0};
    last_log[0] = 0;
    ck_assert_int_eq(prism_aperture_check(ctx, &a), 0);
    ck_assert_ptr_nonnull(strstr(last_log, "more than half"));
}
END_TEST

SUITE("optics geometry", fixture_open, fixture_close, grids_have_their_values,
      wrong_grids_are_refused, circles_have_their_pixels, obscured_apertures_have_their_pixels,
      hexagons_have_their_area_and_pose, the_box_holds_every_open_pixel, covers_count_open_pixels,
      wrong_apertures_are_refused)
