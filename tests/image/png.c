/* PNG: every colour type and depth, encoded here with libpng. */
#include "image_check.h"

#include <png.h>

enum { H = 13, W = 11, PALETTE = 16 };

static const struct png_case {
    int color, depth;
    bool interlaced, transparent; /* transparent: a tRNS chunk */
} cases[] = {
    {PNG_COLOR_TYPE_GRAY, 1, false, false},       {PNG_COLOR_TYPE_GRAY, 2, false, false},
    {PNG_COLOR_TYPE_GRAY, 4, true, false},        {PNG_COLOR_TYPE_GRAY, 8, false, false},
    {PNG_COLOR_TYPE_GRAY, 8, true, false},        {PNG_COLOR_TYPE_GRAY, 16, false, false},
    {PNG_COLOR_TYPE_GRAY, 2, false, true},        {PNG_COLOR_TYPE_GRAY, 16, true, true},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false}, {PNG_COLOR_TYPE_GRAY_ALPHA, 16, true, false},
    {PNG_COLOR_TYPE_RGB, 8, false, false},        {PNG_COLOR_TYPE_RGB, 8, true, true},
    {PNG_COLOR_TYPE_RGB, 16, false, false},       {PNG_COLOR_TYPE_RGB_ALPHA, 8, true, false},
    {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, false}, {PNG_COLOR_TYPE_PALETTE, 1, false, false},
    {PNG_COLOR_TYPE_PALETTE, 2, true, true},      {PNG_COLOR_TYPE_PALETTE, 4, false, true},
    {PNG_COLOR_TYPE_PALETTE, 8, true, false},
};
enum { CASES = sizeof cases / sizeof *cases };

static int channels(const struct png_case *c)
{
    return (c->color & PNG_COLOR_MASK_COLOR && c->color != PNG_COLOR_TYPE_PALETTE ? 3 : 1) +
           (c->color & PNG_COLOR_MASK_ALPHA ? 1 : 0);
}

static int palette_size(const struct png_case *c)
{
    return c->depth < 4 ? 1 << c->depth : PALETTE;
}

static unsigned sample(const struct png_case *c, int y, int x, int k)
{
    return noise((unsigned)((y * W + x) * 4 + k),
                 c->color == PNG_COLOR_TYPE_PALETTE ? (unsigned)palette_size(c) : 1u << c->depth);
}

static png_color palette_entry(int i)
{
    return (png_color){(png_byte)noise((unsigned)(900 + 3 * i), 256),
                       (png_byte)noise((unsigned)(901 + 3 * i), 256),
                       (png_byte)noise((unsigned)(902 + 3 * i), 256)};
}

static png_byte palette_alpha(int i)
{
    return (png_byte)(50 * i + 5);
}

/* The grey value that the picture should have. */
static double expected(const struct png_case *c, int y, int x)
{
    double top = (1u << c->depth) - 1;
    unsigned s[4] = {0};
    bool clear = c->transparent;
    for (int k = 0; k < channels(c); k++) {
        s[k] = sample(c, y, x, k);
        clear = clear && s[k] == sample(c, 1, 1, k);
    }
    if (c->color == PNG_COLOR_TYPE_PALETTE) {
        png_color p = palette_entry((int)s[0]);
        return prismi_luma(p.red, p.green, p.blue) / 255 *
               (c->transparent && s[0] < 3 ? palette_alpha((int)s[0]) / 255.0 : 1);
    }
    double v = channels(c) > 2 ? prismi_luma(s[0], s[1], s[2]) / top : s[0] / top;
    return clear ? 0 : c->color & PNG_COLOR_MASK_ALPHA ? v * s[channels(c) - 1] / top : v;
}

static void append(png_structp png, png_bytep data, size_t n)
{
    fixture_add(png_get_io_ptr(png), data, n);
}

static void flush(png_structp png)
{
    (void)png;
}

static void set_extras(const struct png_case *c, png_structp png, png_infop info)
{
    png_color palette[PALETTE];
    png_byte alpha[3] = {palette_alpha(0), palette_alpha(1), palette_alpha(2)};
    png_color_16 clear = {0, (png_uint_16)sample(c, 1, 1, 0), (png_uint_16)sample(c, 1, 1, 1),
                          (png_uint_16)sample(c, 1, 1, 2), (png_uint_16)sample(c, 1, 1, 0)};
    for (int i = 0; i < PALETTE; i++)
        palette[i] = palette_entry(i);
    if (c->color == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, palette_size(c));
    if (c->transparent)
        png_set_tRNS(png, info, alpha, c->color == PNG_COLOR_TYPE_PALETTE ? 3 : 0, &clear);
}

static struct fixture encode(const struct png_case *c)
{
    struct fixture f = {0};
    static uint8_t pixels[H][W * 8];
    png_bytep rows[H];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    memset(pixels, 0, sizeof pixels);
    for (int y = 0; y < H; y++) {
        int bit = 0;
        rows[y] = pixels[y];
        for (int x = 0; x < W; x++)
            for (int k = 0; k < channels(c); k++)
                for (int b = c->depth - 1; b >= 0; b--, bit++)
                    pixels[y][bit / 8] |= (uint8_t)((sample(c, y, x, k) >> b & 1) << (7 - bit % 8));
    }
    png_set_write_fn(png, &f, append, flush);
    png_set_IHDR(png, info, W, H, c->depth, c->color,
                 c->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_extras(c, png, info);
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return f;
}

START_TEST(every_kind_is_read)
{
    for (int i = 0; i < CASES; i++) {
        struct prism_image img;
        struct fixture f = encode(&cases[i]);
        ck_ok(load(&f, &img));
        ck_assert(img.h == H && img.w == W && img.bits == (cases[i].depth == 16 ? 16 : 8));
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                ck_assert_msg(fabs(img.data[y * W + x] - expected(&cases[i], y, x)) < 1e-12,
                              "case %d at %d, %d: %g, expected %g", i, y, x, img.data[y * W + x],
                              expected(&cases[i], y, x));
        free(img.data);
        fixture_free(&f);
    }
}
END_TEST

/* The chunks' checksums catch nearly all of this damage. The next test repairs
 * the checksums after the damage. */
START_TEST(damage_does_no_harm)
{
    for (int i = 0; i < CASES; i++) {
        struct fixture f = encode(&cases[i]);
        ck_sweep(&f, 500, true);
        fixture_free(&f);
    }
}
END_TEST

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Repairs every chunk's checksum, the CRC-32 of the PNG specification. */
static void mend(struct fixture *f)
{
    for (size_t at = 8; f->n - at >= 12;) {
        uint32_t n = get32(f->p + at), crc = ~0u;
        if (n > f->n - at - 12)
            return;
        for (size_t i = at + 4; i < at + 8 + n; i++) {
            crc ^= f->p[i];
            for (int k = 0; k < 8; k++)
                crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
        put32(f->p + at + 8 + n, ~crc);
        at += 12 + n;
    }
}

START_TEST(damage_behind_right_checksums_does_no_harm)
{
    for (int i = 0; i < CASES; i++) {
        struct fixture f = encode(&cases[i]), copy = {0};
        fixture_add(&copy, f.p, f.n);
        for (unsigned k = 0; k < 400; k++) {
            memcpy(copy.p, f.p, f.n);
            for (unsigned j = 0; j <= k % 3; j++)
                copy.p[16 + noise(10 * k + j, (unsigned)f.n - 16)] ^=
                    (uint8_t)(1 << noise(10 * k + j + 5, 8));
            mend(&copy);
            const char *wrong = decode(copy.p, copy.n, false);
            ck_assert_msg(!wrong, "case %d, round %u: %s", i, k, wrong);
        }
        fixture_free(&f);
        fixture_free(&copy);
    }
}
END_TEST

START_TEST(sizes_have_limits)
{
    static const struct {
        uint32_t w, h;
        const char *says;
    } sizes[] = {{65537, 1, ""},           {1, 65537, ""}, {65536, 65536, "2^28"},
                 {65536, 4096, "cut off"}, {0, 5, ""},     {5, 0, ""}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct prism_image img;
        struct fixture f = encode(&cases[3]);
        put32(f.p + 16, sizes[i].w);
        put32(f.p + 20, sizes[i].h);
        mend(&f);
        ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
        ck_assert(!img.data && strstr(sentence(), "PNG: ") && strstr(sentence(), sizes[i].says));
        fixture_free(&f);
    }
}
END_TEST

SUITE("image png", fixture_open, fixture_close, every_kind_is_read, damage_does_no_harm,
      damage_behind_right_checksums_does_no_harm, sizes_have_limits)
