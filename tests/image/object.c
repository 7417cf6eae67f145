/* Resizing, objects from pictures, built-in objects. */
#include "image/targets.h"
#include "image_check.h"

/* ---- resizing ---- */

START_TEST(small_cases_are_right)
{
    static const struct {
        int n, out;
        double in[4], want[4];
    } cases[] = {
        {2, 1, {3, 5}, {4}},
        {4, 2, {7, 0, 0, 0}, {3, 0}}, /* weights 3 3 1 : 7, the filter being cut at the border */
        {4, 2, {0, 0, 7, 0}, {1, 3}},
        {2, 4, {0, 4}, {0, 1, 3, 4}},
        {1, 4, {2.5}, {2.5, 2.5, 2.5, 2.5}},
        {3, 3, {1, -2, 9}, {1, -2, 9}},
        {3, 1, {9, 0, 0}, {9 * 2. / 7}}, /* 2/3, 1, 2/3 */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int turned = 0; turned < 2; turned++) {
            double out[4];
            int n = cases[c].n, m = cases[c].out;
            ck_ok(turned ? prismi_resize(ctx, cases[c].in, n, 1, out, m, 1)
                         : prismi_resize(ctx, cases[c].in, 1, n, out, 1, m));
            for (int i = 0; i < m; i++)
                ck_close(out[i], cases[c].want[i], 1e-14);
        }
}
END_TEST

/* By a whole factor, every sample away from the border has the same total
 * weight. */
START_TEST(the_mean_stays)
{
    static const int factors[][2] = {{1, 1}, {2, 2}, {4, 2}, {3, 8}, {8, 1}};
    for (size_t c = 0; c < sizeof factors / sizeof *factors; c++) {
        enum { H = 48, W = 72 };
        static double in[H * W], out[H * W];
        int fy = factors[c][0], fx = factors[c][1], oh = H / fy, ow = W / fx;
        double before = 0, after = 0;
        memset(in, 0, sizeof in);
        for (int y = 2 * fy; y < H - 2 * fy; y++)
            for (int x = 2 * fx; x < W - 2 * fx; x++)
                before += in[y * W + x] = noise((unsigned)(y * W + x), 1000);
        ck_ok(prismi_resize(ctx, in, H, W, out, oh, ow));
        for (int i = 0; i < oh * ow; i++)
            after += out[i];
        ck_close(after / (oh * ow), before / (H * W), 1e-9);
    }
}
END_TEST

START_TEST(constants_and_range_stay)
{
    static const int sizes[][4] = {
        {7, 5, 3, 11}, {1, 1, 9, 4}, {100, 3, 1, 1}, {13, 64, 64, 13}, {2, 999, 50, 7}};
    for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
        const int *s = sizes[c];
        double in[2000], out[2000];
        for (int i = 0; i < s[0] * s[1]; i++)
            in[i] = 0.3;
        ck_ok(prismi_resize(ctx, in, s[0], s[1], out, s[2], s[3]));
        for (int i = 0; i < s[2] * s[3]; i++)
            ck_close(out[i], 0.3, 1e-15);
        for (int i = 0; i < s[0] * s[1]; i++)
            in[i] = noise((unsigned)i, 2);
        ck_ok(prismi_resize(ctx, in, s[0], s[1], out, s[2], s[3]));
        for (int i = 0; i < s[2] * s[3]; i++)
            ck_assert(out[i] >= 0 && out[i] <= 1 + 1e-15);
    }
}
END_TEST

/* ---- objects ---- */

static void object_is(int h, int w, const double *data, int size, bool invert, const double *want)
{
    double out[64], copy[64];
    struct prism_image img = {h, w, copy, 64};
    memcpy(copy, data, (size_t)(h * w) * sizeof *copy);
    ck_ok(prism_image_to_object(ctx, &img, size, invert, out));
    for (int i = 0; i < size * size; i++)
        ck_assert_msg(fabs(out[i] - want[i]) < 1e-14, "at %d: %g, expected %g", i, out[i], want[i]);
}

START_TEST(objects_of_pictures_are_exact)
{
    /* stretched to [0,1], root taken */
    object_is(2, 2, (double[]){10, 14, 11, 10}, 2, false, (double[]){0, 1, 0.5, 0});
    object_is(2, 2, (double[]){10, 14, 11, 10}, 2, true, (double[]){1, 0, sqrt(0.75), 1});
    object_is(1, 2, (double[]){-3, 5}, 2, false, (double[]){0, 0, 0, 1});
    /* not square: centre on centre (n/2), zero around, inverted or not */
    object_is(2, 4, (double[]){0, 4, 0, 4, 4, 0, 4, 1}, 4, false,
              (double[]){0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0.5, 0, 0, 0, 0});
    object_is(4, 1, (double[]){0, 4, 1, 0}, 4, true,
              (double[]){0, 0, 1, 0, 0, 0, 0, 0, 0, 0, sqrt(0.75), 0, 0, 0, 1, 0});
    object_is(1, 3, (double[]){4, 0, 1}, 3, false, (double[]){0, 0, 0, 1, 0, 0.5, 0, 0, 0});
    object_is(3, 2, (double[]){0, 4, 4, 0, 1, 4}, 3, false,
              (double[]){0, 1, 0, 1, 0, 0, 0.5, 1, 0});
    /* enlarged */
    object_is(1, 2, (double[]){0, 4}, 4, false,
              (double[]){0, 0, 0, 0, 0, 0.5, sqrt(0.75), 1, 0, 0.5, sqrt(0.75), 1, 0, 0, 0, 0});
}
END_TEST

START_TEST(extreme_values_are_scaled)
{
    static const double pairs[][2] = {
        {-1.7e308, 1.7e308}, {0, 1e-300}, {1, 1 + 1e-6}, {-1e-320, 1e-320}};
    for (size_t c = 0; c < sizeof pairs / sizeof *pairs; c++) {
        double data[2] = {pairs[c][0], pairs[c][1]}, out[4];
        struct prism_image img = {1, 2, data, 64};
        ck_ok(prism_image_to_object(ctx, &img, 2, false, out));
        ck_assert(out[2] == 0 && out[3] == 1);
    }
    double data[2] = {0, 4.9e-324}, out[4]; /* its half is 0 */
    struct prism_image img = {1, 2, data, 64};
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 2, false, out), PRISM_EINVAL);
}
END_TEST

START_TEST(wrong_pictures_are_refused)
{
    double data[100], out[25], odd[49];
    struct prism_image img = {10, 10, data, 8};
    for (int i = 0; i < 100; i++)
        data[i] = 0.7;
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 5, false, out), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(sentence(), "every pixel of the picture is 0.7"));
    for (int i = 0; i < 100; i++)
        data[i] = 1; /* blank: resizing leaves rounding, no contrast */
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 7, false, odd), PRISM_EINVAL);
    img.h = img.w = 1;
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 5, true, out), PRISM_EINVAL);
    for (int i = 0; i < 100; i++)
        data[i] = i;
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 0, false, out), PRISM_EINVAL);
    ck_assert_int_eq(prism_image_to_object(ctx, &img, -4, false, out), PRISM_EINVAL);
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 65537, false, out), PRISM_EINVAL);
    img.h = 0;
    ck_assert_int_eq(prism_image_to_object(ctx, &img, 5, false, out), PRISM_EINVAL);
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    img.h = img.w = 10;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 100; i++)
            for (int size = 1; size <= 5; size++) {
                double keep = data[i];
                data[i] = bad[k];
                ck_assert_int_eq(prism_image_to_object(ctx, &img, size, false, out), PRISM_EINVAL);
                ck_assert_ptr_nonnull(strstr(sentence(), "not finite"));
                data[i] = keep;
            }
}
END_TEST

/* ---- built-in objects ---- */

static double *builtin(const char *name, int size, uint64_t seed)
{
    size_t n = (size_t)size * (size_t)size;
    double *out = malloc(n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    ck_ok(prism_object_builtin(ctx, name, size, seed, out));
    return out;
}

/* One assertion for all pixels, as one for each would take minutes. */
static void ck_range(const double *a, size_t n, double *least, double *most)
{
    size_t known = 0;
    *least = INFINITY;
    *most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        known += !isnan(a[i]);
        *least = fmin(*least, a[i]);
        *most = fmax(*most, a[i]);
    }
    ck_assert(known == n && *least >= 0 && *most <= 1);
}

START_TEST(every_size_works)
{
    for (const char *const *name = prism_object_builtin_names(); *name; name++)
        for (int size = 16; size <= 256; size += size < 64 ? 1 : 16) {
            double *a = builtin(*name, size, 5), least, most;
            ck_range(a, (size_t)size * (size_t)size, &least, &most);
            ck_assert_msg(least == 0 && most > 0.5, "%s, size %d: %g to %g", *name, size, least,
                          most);
            free(a);
        }
}
END_TEST

START_TEST(a_large_star_is_drawn)
{
    double *a = builtin("siemens", 2001, 0), least, most;
    ck_range(a, 2001 * 2001, &least, &most);
    ck_assert(a[1000 * 2001 + 1000] == 1 && a[0] == 0);
    free(a);
}
END_TEST

START_TEST(seeds_give_their_own_objects)
{
    for (const char *const *name = prism_object_builtin_names(); *name; name++) {
        bool random = !strcmp(*name, "points") || !strcmp(*name, "moon");
        double *a = builtin(*name, 65, 5), *b = builtin(*name, 65, 5), *c = builtin(*name, 65, 6);
        ck_assert(!memcmp(a, b, 65 * 65 * sizeof *a));
        ck_assert_msg(!memcmp(a, c, 65 * 65 * sizeof *a) == !random, "%s", *name);
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

START_TEST(unknown_names_and_sizes_are_refused)
{
    double out[17 * 17];
    ck_assert_int_eq(prism_object_builtin(ctx, "mars", 17, 0, out), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(sentence(), "\"mars\""));
    int n = 0;
    for (const char *const *name = prism_object_builtin_names(); *name; name++, n++)
        ck_assert_ptr_nonnull(strstr(sentence(), *name));
    ck_assert_int_eq(n, 4);
    ck_assert_int_eq(prism_object_builtin(ctx, "", 17, 0, out), PRISM_EINVAL);
    ck_assert_int_eq(prism_object_builtin(ctx, "usaf", 15, 0, out), PRISM_EINVAL);
    ck_assert_int_eq(prism_object_builtin(ctx, "usaf", 16385, 0, out), PRISM_EINVAL);
    ck_assert_int_eq(prism_object_builtin(ctx, "usaf", -1, 0, out), PRISM_EINVAL);
}
END_TEST

/* Light in a rectangle of whole pixels. */
static double light(const double *a, int size, int y0, int x0, int y1, int x1)
{
    double sum = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            sum += a[y * size + x];
    return sum;
}

/* Along the middle of a triplet with bars of b px from `start`, across the
 * bars: each pixel is covered by its share of bars. */
static double share(double start, double b, int pixel)
{
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += fmax(0, fmin(pixel + 1, start + (2 * k + 1) * b) - fmax(pixel, start + 2 * k * b));
    return fmin(sum, 1);
}

START_TEST(the_usaf_target_has_its_geometry)
{
    static const int sizes[] = {16, 17, 29, 30, 64, 101, 256, 512, 1024};
    for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
        struct prismi_usaf_element e[PRISMI_USAF_MAX];
        int size = sizes[c], n = prismi_usaf_layout(size, e);
        double *a = builtin("usaf", size, 0);
        ck_assert(n >= 1 && n <= PRISMI_USAF_MAX);
        for (int i = 0; i < n; i++) {
            double b = e[i].bar_px, y = e[i].y, x = e[i].x_lines;
            ck_close(b / e[0].bar_px,
                     exp2((e[0].group - e[i].group) + (e[0].element - e[i].element) / 6.0), 1e-12);
            ck_assert(b >= 1 && y >= 0 && x >= 0 && y + 5 * b <= size && x + 12 * b <= size);
            ck_close(e[i].x_bars, x + 7 * b, 1e-12);
            /* the picture is the layout */
            int row = (int)(y + 2.5 * b), column = (int)(x + 2.5 * b);
            if (row + 1 > y + 5 * b || row < y || column + 1 > x + 5 * b)
                continue;
            for (int p = (int)y; p < (int)ceil(y + 5 * b); p++)
                ck_close(a[p * size + column], share(y, b, p), 1e-12);
            for (int p = (int)e[i].x_bars; p < (int)ceil(e[i].x_bars + 5 * b); p++)
                ck_close(a[row * size + p], share(e[i].x_bars, b, p), 1e-12);
            /* each square holds 3 bars of 5 b x b, and nothing else */
            int x0 = (int)ceil(x), x1 = (int)floor(x + 5 * b);
            ck_close(light(a, size, (int)y, x0, (int)ceil(y + 5 * b), x1), 3 * b * (x1 - x0),
                     1e-9 * size);
            for (int j = 0; j < i; j++)
                ck_assert_msg(e[j].y + 5 * e[j].bar_px <= y || y + 5 * b <= e[j].y ||
                                  e[j].x_lines + 12 * e[j].bar_px <= x ||
                                  x + 12 * b <= e[j].x_lines,
                              "size %d: %d,%d over %d,%d", size, e[i].group, e[i].element,
                              e[j].group, e[j].element);
        }
        ck_assert_msg(size < 256 || n >= 12, "size %d has %d elements", size, n);
        free(a);
    }
}
END_TEST

SUITE("image object", fixture_open, fixture_close, small_cases_are_right, the_mean_stays,
      constants_and_range_stay, objects_of_pictures_are_exact, extreme_values_are_scaled,
      wrong_pictures_are_refused, every_size_works, a_large_star_is_drawn,
      seeds_give_their_own_objects, unknown_names_and_sizes_are_refused,
      the_usaf_target_has_its_geometry)
