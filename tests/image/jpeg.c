/* JPEG, encoded here with libjpeg. */
#include "image_check.h"

#include <jpeglib.h>

enum { H = 19, W = 30, MAX_SCRIPT = 130 };

struct jpeg_case {
    J_COLOR_SPACE in, out;
    int components;
    bool progressive;
    int restart; /* MCUs between restart markers */
};

static double channel(int y, int x, int k)
{
    return k == 0   ? (20 + 7 * x) / 255.0
           : k == 1 ? (230 - 9 * y) / 255.0
                    : (60 + 3 * x + 2 * y) / 255.0;
}

/* One frequency a scan, each refined once: a legal progressive file of 127
 * scans. */
static void many_scans(struct jpeg_compress_struct *j, jpeg_scan_info *script)
{
    int n = 0;
    script[n++] = (jpeg_scan_info){1, {0}, 0, 0, 0, 0};
    for (int pass = 0; pass < 2; pass++)
        for (int k = 1; k < 64; k++)
            script[n++] = (jpeg_scan_info){1, {0}, k, k, pass == 0 ? 0 : 1, pass == 0 ? 1 : 0};
    j->scan_info = script;
    j->num_scans = n;
}

static struct fixture encode(const struct jpeg_case *c, bool many)
{
    struct fixture f = {0};
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct j = {.err = jpeg_std_error(&errors)};
    static jpeg_scan_info script[MAX_SCRIPT];
    unsigned char *data = NULL;
    unsigned long n = 0;
    JSAMPLE row[W * 4], *rows[1] = {row};
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &data, &n);
    j.image_height = H;
    j.image_width = W;
    j.input_components = c->components;
    j.in_color_space = c->in;
    jpeg_set_defaults(&j);
    jpeg_set_colorspace(&j, c->out);
    jpeg_set_quality(&j, 100, TRUE);
    j.restart_interval = (unsigned)c->restart;
    if (c->progressive)
        jpeg_simple_progression(&j);
    if (many)
        many_scans(&j, script);
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            for (int k = 0; k < c->components; k++)
                row[x * c->components + k] = (JSAMPLE)lround(255 * channel(y, x, k % 3));
        jpeg_write_scanlines(&j, rows, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    fixture_add(&f, data, n);
    free(data);
    return f;
}

static const struct jpeg_case cases[] = {
    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, false, 0},
    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, true, 0},
    {JCS_RGB, JCS_YCbCr, 3, false, 0},
    {JCS_RGB, JCS_YCbCr, 3, true, 0},
    {JCS_RGB, JCS_RGB, 3, false, 0},
    {JCS_RGB, JCS_YCbCr, 3, false, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

START_TEST(every_kind_is_read)
{
    for (int i = 0; i < CASES; i++) {
        struct prism_image img;
        struct fixture f = encode(&cases[i], false);
        ck_ok(load(&f, &img));
        ck_assert(img.h == H && img.w == W && img.bits == 8);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double r = channel(y, x, 0),
                       want = cases[i].components == 1
                                  ? r
                                  : prismi_luma(r, channel(y, x, 1), channel(y, x, 2));
                ck_assert_msg(fabs(img.data[y * W + x] - want) < 2.6 / 255,
                              "case %d at %d, %d: %g, expected %g", i, y, x, img.data[y * W + x],
                              want);
            }
        free(img.data);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(other_kinds_are_refused)
{
    const struct jpeg_case cmyk = {JCS_CMYK, JCS_CMYK, 4, false, 0};
    struct prism_image img;
    struct fixture f = encode(&cmyk, false);
    ck_assert_int_eq(load(&f, &img), PRISM_ENOTSUP);
    ck_assert(!img.data && strstr(sentence(), "CMYK"));
    fixture_free(&f);
    f = encode(&cases[0], true); /* would take hours in a large picture */
    ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
    ck_assert(!img.data && strstr(sentence(), "scans"));
    fixture_free(&f);
}
END_TEST

/* Height and width stand in the frame header. */
static void resize(struct fixture *f, int h, int w)
{
    for (size_t i = 2; i + 9 < f->n; i += 2 + (size_t)(f->p[i + 2] << 8 | f->p[i + 3]))
        if (f->p[i + 1] == 0xc0 || f->p[i + 1] == 0xc2) {
            f->p[i + 5] = (uint8_t)(h >> 8);
            f->p[i + 6] = (uint8_t)h;
            f->p[i + 7] = (uint8_t)(w >> 8);
            f->p[i + 8] = (uint8_t)w;
            return;
        }
    ck_abort_msg("no frame header");
}

START_TEST(sizes_have_limits)
{
    struct prism_image img;
    struct fixture f = encode(&cases[0], false);
    resize(&f, 65000, 65000);
    ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
    ck_assert(!img.data && strstr(sentence(), "65000 x 65000"));
    resize(&f, H + 8, W); /* more rows than there are data for */
    ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
    ck_assert(!img.data && strstr(sentence(), "JPEG: "));
    resize(&f, 0, W);
    ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
    fixture_free(&f);
}
END_TEST

START_TEST(damage_does_no_harm)
{
    for (int i = 0; i < CASES; i++) {
        struct fixture f = encode(&cases[i], false);
        ck_sweep(&f, 500, true);
        fixture_free(&f);
    }
}
END_TEST

SUITE("image jpeg", fixture_open, fixture_close, every_kind_is_read, other_kinds_are_refused,
      sizes_have_limits, damage_does_no_harm)
