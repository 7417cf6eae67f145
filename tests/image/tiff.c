/* TIFF, encoded here with libtiff. */
#include "image_check.h"

#include <tiffio.h>

enum { H = 21, W = 19 };

static const struct tiff_case {
    const char *mode; /* l, b: byte order; 8: BigTIFF */
    int format, bits, samples, photometric;
    int tile_h, tile_w; /* 0: strips of 5 rows */
    int compression;
    bool separate;
    int alpha; /* EXTRASAMPLE_* of the last sample, 0 = none */
} cases[] = {
    {"wl", SAMPLEFORMAT_UINT, 8, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_NONE, false, 0},
    {"wb", SAMPLEFORMAT_UINT, 8, 1, PHOTOMETRIC_MINISWHITE, 0, 0, COMPRESSION_LZW, false, 0},
    {"wl", SAMPLEFORMAT_UINT, 16, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_NONE, false, 0},
    {"wb", SAMPLEFORMAT_UINT, 16, 1, PHOTOMETRIC_MINISBLACK, 16, 32, COMPRESSION_NONE, false, 0},
    {"wb", SAMPLEFORMAT_INT, 16, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_PACKBITS, false, 0},
    {"wl", SAMPLEFORMAT_UINT, 32, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_NONE, false, 0},
    {"wb8", SAMPLEFORMAT_INT, 32, 1, PHOTOMETRIC_MINISBLACK, 32, 16, COMPRESSION_LZW, false, 0},
    {"wl", SAMPLEFORMAT_IEEEFP, 32, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_NONE, false, 0},
    {"wb", SAMPLEFORMAT_IEEEFP, 32, 1, PHOTOMETRIC_MINISBLACK, 16, 16, COMPRESSION_LZW, false, 0},
    {"wb", SAMPLEFORMAT_IEEEFP, 64, 1, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_NONE, false, 0},
    {"wl8", SAMPLEFORMAT_UINT, 8, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_NONE, false, 0},
    {"wb", SAMPLEFORMAT_UINT, 16, 3, PHOTOMETRIC_RGB, 16, 16, COMPRESSION_LZW, true, 0},
    {"wl", SAMPLEFORMAT_UINT, 8, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_NONE, true, 0},
    {"wl", SAMPLEFORMAT_UINT, 8, 4, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_NONE, false,
     EXTRASAMPLE_UNASSALPHA},
    {"wb", SAMPLEFORMAT_UINT, 16, 4, PHOTOMETRIC_RGB, 16, 16, COMPRESSION_NONE, true,
     EXTRASAMPLE_ASSOCALPHA},
    {"wl", SAMPLEFORMAT_UINT, 8, 2, PHOTOMETRIC_MINISBLACK, 0, 0, COMPRESSION_LZW, false,
     EXTRASAMPLE_UNASSALPHA},
    {"wl", SAMPLEFORMAT_IEEEFP, 32, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_NONE, false, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

/* The stored bits of a sample, and its value after scaling. */
static uint64_t stored(const struct tiff_case *c, int y, int x, int k, double *value)
{
    unsigned i = (unsigned)((y * W + x) * 4 + k);
    uint64_t u = (uint64_t)noise(2 * i, 1u << 31) << 1 | noise(2 * i + 1, 2);
    if (c->format == SAMPLEFORMAT_IEEEFP) {
        double d = u / 4294967296.0 * 10 - 5;
        float f = (float)d;
        uint32_t u32;
        memcpy(&u, &d, 8);
        memcpy(&u32, &f, 4);
        *value = c->bits == 32 ? (double)f : d;
        return c->bits == 32 ? u32 : u;
    }
    u >>= 32 - c->bits;
    double top = ldexp(1, c->bits) - 1, half = ldexp(1, c->bits - 1);
    *value = (c->format == SAMPLEFORMAT_UINT ? (double)u
              : (double)u >= half            ? (double)u - half
                                             : (double)u + half) /
             top;
    return u;
}

static double expected(const struct tiff_case *c, int y, int x)
{
    double v[4] = {0};
    for (int k = 0; k < c->samples; k++)
        stored(c, y, x, k, &v[k]);
    double grey = c->samples > 2 ? prismi_luma(v[0], v[1], v[2]) : v[0];
    grey = c->photometric == PHOTOMETRIC_MINISWHITE ? 1 - grey : grey;
    return c->alpha == EXTRASAMPLE_UNASSALPHA ? grey * v[c->samples - 1] : grey;
}

/* The samples of a block in host order, as libtiff takes them, for the channels
 * k0..k1. */
static size_t fill(const struct tiff_case *c, uint8_t *out, int y0, int x0, int h, int w, int k0,
                   int k1)
{
    uint8_t *p = out;
    for (int y = y0; y < y0 + h; y++)
        for (int x = x0; x < x0 + w; x++)
            for (int k = k0; k < k1; k++) {
                double value;
                uint64_t u = y < H && x < W ? stored(c, y, x, k, &value) : 0;
                uint32_t u32 = (uint32_t)u;
                uint16_t u16 = (uint16_t)u;
                uint8_t u8 = (uint8_t)u;
                memcpy(p,
                       c->bits == 8    ? (void *)&u8
                       : c->bits == 16 ? (void *)&u16
                       : c->bits == 32 ? (void *)&u32
                                       : (void *)&u,
                       (size_t)c->bits / 8);
                p += c->bits / 8;
            }
    return (size_t)(p - out);
}

static struct fixture encode(const struct tiff_case *c)
{
    static uint8_t block[32 * 32 * 8 * 4];
    const char *path = in_folder("encoded.tif");
    TIFF *t = TIFFOpen(path, c->mode);
    uint16_t alpha = (uint16_t)c->alpha;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, c->bits);
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, c->format);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, c->samples);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, c->photometric);
    TIFFSetField(t, TIFFTAG_COMPRESSION, c->compression);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG,
                 c->separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (c->alpha)
        TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &alpha);
    if (c->tile_h) {
        TIFFSetField(t, TIFFTAG_TILELENGTH, c->tile_h);
        TIFFSetField(t, TIFFTAG_TILEWIDTH, c->tile_w);
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 5);
    }
    for (int plane = 0; plane < (c->separate ? c->samples : 1); plane++) {
        int k0 = c->separate ? plane : 0, k1 = c->separate ? plane + 1 : c->samples;
        for (int y = 0; y < H; y += c->tile_h ? c->tile_h : 5)
            for (int x = 0; x < W; x += c->tile_h ? c->tile_w : W) {
                int h = c->tile_h ? c->tile_h : H - y < 5 ? H - y : 5;
                size_t n = fill(c, block, y, x, h, c->tile_h ? c->tile_w : W, k0, k1);
                uint32_t i = c->tile_h
                                 ? TIFFComputeTile(t, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane)
                                 : TIFFComputeStrip(t, (uint32_t)y, (uint16_t)plane);
                tmsize_t done = c->tile_h ? TIFFWriteEncodedTile(t, i, block, (tmsize_t)n)
                                          : TIFFWriteEncodedStrip(t, i, block, (tmsize_t)n);
                ck_assert_int_eq(done, (tmsize_t)n);
            }
    }
    TIFFClose(t);
    return fixture_read(path);
}

START_TEST(every_kind_is_read)
{
    for (int i = 0; i < CASES; i++) {
        struct prism_image img;
        struct fixture f = encode(&cases[i]);
        ck_ok(load(&f, &img));
        ck_assert(img.h == H && img.w == W && img.bits == cases[i].bits);
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

/* Kinds that libtiff's own conversion reads: 1 bit, a palette. */
static struct fixture encode_other(bool palette)
{
    const char *path = in_folder("other.tif");
    uint16_t red[256], green[256], blue[256];
    TIFF *t = TIFFOpen(path, "wb");
    for (int i = 0; i < 256; i++) {
        red[i] = (uint16_t)(257 * i);
        green[i] = (uint16_t)(257 * (255 - i));
        blue[i] = (uint16_t)(257 * (i / 2));
    }
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, 16);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, 2);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, palette ? 8 : 1);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, palette ? PHOTOMETRIC_PALETTE : PHOTOMETRIC_MINISWHITE);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 2);
    if (palette)
        TIFFSetField(t, TIFFTAG_COLORMAP, red, green, blue);
    uint8_t rows[32] = {0x80, 0x01, 0xf0, 0x0f};
    for (int i = 0; palette && i < 32; i++)
        rows[i] = (uint8_t)(8 * i);
    TIFFWriteEncodedStrip(t, 0, rows, palette ? 32 : 4);
    TIFFClose(t);
    return fixture_read(path);
}

START_TEST(libtiff_converts_other_kinds)
{
    struct prism_image img;
    struct fixture f = encode_other(true);
    ck_ok(load(&f, &img));
    ck_assert(img.h == 2 && img.w == 16 && img.bits == 8);
    for (int i = 0; i < 32; i++)
        ck_close(img.data[i], prismi_luma(8 * i, 255 - 8 * i, 4 * i) / 255, 1e-12);
    free(img.data);
    ck_sweep(&f, 1000, true);
    fixture_free(&f);
    f = encode_other(false);
    ck_ok(load(&f, &img));
    for (int i = 0; i < 32; i++)
        ck_close(img.data[i], i == 0 || i == 15 || (i >= 16 && i < 20) || i >= 28 ? 0 : 1, 1e-12);
    free(img.data);
    ck_sweep(&f, 1000,
             false); /* the last four bytes, the link to no further page, may be missing */
    fixture_free(&f);
}
END_TEST

/* Rewrites a tag's value (one LONG or SHORT) in a little-endian file. */
static void set_tag(struct fixture *f, unsigned tag, uint32_t value)
{
    size_t at = f->p[4] | (size_t)f->p[5] << 8 | (size_t)f->p[6] << 16;
    for (int n = f->p[at] | f->p[at + 1] << 8, i = 0; i < n; i++) {
        uint8_t *p = f->p + at + 2 + 12 * i;
        if ((unsigned)(p[0] | p[1] << 8) != tag)
            continue;
        p[2] = 4;
        for (int k = 0; k < 4; k++)
            p[8 + k] = (uint8_t)(value >> 8 * k);
        return;
    }
    ck_abort_msg("no tag %u", tag);
}

START_TEST(sizes_have_limits)
{
    static const struct {
        uint32_t w, h, strip;
    } sizes[] = {{65537, 1, 5},   {1, 65537, 5}, {65536, 65536, 5}, {65536, 64, 5},
                 {65536, 64, 64}, {W, H, 0},     {0, H, 5}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct prism_image img;
        struct fixture f = encode(&cases[2]);
        set_tag(&f, TIFFTAG_IMAGEWIDTH, sizes[i].w);
        set_tag(&f, TIFFTAG_IMAGELENGTH, sizes[i].h);
        set_tag(&f, TIFFTAG_ROWSPERSTRIP, sizes[i].strip);
        ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
        ck_assert(!img.data && strstr(sentence(), "TIFF: "));
        fixture_free(&f);
    }
}
END_TEST

START_TEST(damage_does_no_harm)
{
    for (int i = 0; i < CASES; i++) {
        struct fixture f = encode(&cases[i]);
        ck_sweep(&f, 300, true);
        fixture_free(&f);
    }
}
END_TEST

SUITE("image tiff", fixture_open, fixture_close, every_kind_is_read, libtiff_converts_other_kinds,
      sizes_have_limits, damage_does_no_harm)
