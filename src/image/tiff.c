/* Reads TIFF with libtiff. Grey and RGB of 8 to 64 bits, in strips or tiles,
 * are read as they are; anything else (palettes, 1 to 4 bits, YCbCr, CMYK, ...)
 * goes through libtiff's conversion to 8-bit RGBA. Only the first page is read,
 * and the orientation tag is not applied. */
#include "core/internal.h"
#include "image/formats.h"
#include "prismi_config.h"

#if PRISMI_HAVE_TIFF
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

/* Bytes of one strip or tile, and the most that libtiff may allocate at
 * once. */
#define MAX_BLOCK ((uint64_t)1 << 31)

struct reader {
    const struct prismi_input *in;
    uint64_t pos;
    TIFF *tiff;
    uint32_t w, h;
    uint16_t samples, bits, format, planar, photometric;
    uint16_t alpha; /* EXTRASAMPLE_* of the last sample, if there is one extra sample */
    char text[200]; /* libtiff's first error */
};

/* ---- the file in memory ---- */

static tmsize_t read_bytes(thandle_t user, void *out, tmsize_t n)
{
    struct reader *r = user;
    uint64_t left = r->pos < r->in->bytes ? r->in->bytes - r->pos : 0;
    uint64_t k = n < 0 ? 0 : (uint64_t)n < left ? (uint64_t)n : left;
    if (k)
        memcpy(out, r->in->data + r->pos, (size_t)k);
    r->pos += k;
    return (tmsize_t)k;
}

static tmsize_t refuse_write(thandle_t user, void *data, tmsize_t n)
{
    (void)user;
    (void)data;
    (void)n;
    return 0;
}

static toff_t seek(thandle_t user, toff_t offset, int whence)
{
    struct reader *r = user;
    uint64_t base = whence == SEEK_CUR ? r->pos : whence == SEEK_END ? r->in->bytes : 0;
    return r->pos = base + offset;
}

static int close_nothing(thandle_t user)
{
    (void)user;
    return 0;
}

static toff_t file_size(thandle_t user)
{
    return ((struct reader *)user)->in->bytes;
}

/* ---- opening, so that libtiff does not print ---- */

#if TIFFLIB_VERSION >= 20221213 /* 4.5 has handlers and limits per file */
static int on_error(TIFF *tiff, void *user, const char *module, const char *fmt, va_list args)
{
    struct reader *r = user;
    (void)tiff;
    (void)module;
    if (!r->text[0])
        vsnprintf(r->text, sizeof r->text, fmt, args);
    return 1;
}

/* libtiff only warns about a tag beyond the end of the file and then guesses,
 * for example grey for a lost palette. Here such a warning is an error. */
static int on_warning(TIFF *tiff, void *user, const char *module, const char *fmt, va_list args)
{
    return strncmp(fmt, "IO error", 8) ? 1 : on_error(tiff, user, module, fmt, args);
}

static TIFF *open_tiff(struct reader *r)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, r);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(MAX_BLOCK - 1));
    TIFF *tiff = TIFFClientOpenExt("picture", "rm", r, read_bytes, refuse_write, seek,
                                   close_nothing, file_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}
#else
static TIFF *open_tiff(struct reader *r)
{
    TIFFSetErrorHandler(NULL); /* for the whole process: older versions have no other way */
    TIFFSetWarningHandler(NULL);
    return TIFFClientOpen("picture", "rm", r, read_bytes, refuse_write, seek, close_nothing,
                          file_size, NULL, NULL);
}
#endif

static int damaged(struct reader *r, const char *what)
{
    return PRISM_FAIL(r->in->ctx, PRISM_EPARSE, "%s: TIFF: %s", r->in->name,
                      r->text[0] ? r->text : what);
}

/* ---- samples to double ---- */

static double sample(const struct reader *r, const uint8_t *p)
{
    uint64_t u = 0;
    uint32_t u32;
    uint16_t u16;
    switch (r->bits) { /* libtiff returns samples in host order */
    case 8:
        u = *p;
        break;
    case 16:
        memcpy(&u16, p, 2);
        u = u16;
        break;
    case 32:
        memcpy(&u32, p, 4);
        u = u32;
        break;
    default:
        memcpy(&u, p, 8);
    }
    if (r->format == SAMPLEFORMAT_IEEEFP) {
        double d;
        float f;
        memcpy(&d, &u, 8);
        u32 = (uint32_t)u;
        memcpy(&f, &u32, 4);
        return r->bits == 32 ? (double)f : d;
    }
    uint64_t half = (uint64_t)1 << (r->bits - 1);
    if (r->format == SAMPLEFORMAT_INT)
        u ^= half; /* so that the lowest value becomes 0 */
    return (double)u / (double)(2 * (half - 1) + 1);
}

/* Grey value of a pixel from its samples, over black where it is
 * transparent. */
static double grey(const struct reader *r, const double *v)
{
    double x = r->samples > 2 ? prismi_luma(v[0], v[1], v[2]) : v[0];
    if (r->photometric == PHOTOMETRIC_MINISWHITE)
        x = 1 - x;
    /* associated alpha is multiplied in already */
    return r->alpha == EXTRASAMPLE_UNASSALPHA ? x * v[r->samples - 1] : x;
}

struct block {
    uint32_t h, w; /* size of a strip or tile */
    size_t bytes, row_bytes;
    bool tiled;
    uint8_t *data; /* [planes] blocks, one after the other */
};

static int read_block(struct reader *r, const struct block *b, uint32_t y0, uint32_t x0)
{
    bool separate = r->planar == PLANARCONFIG_SEPARATE;
    for (uint16_t k = 0; k < (separate ? r->samples : 1); k++) {
        uint8_t *to = b->data + k * b->bytes;
        uint32_t index =
            b->tiled ? TIFFComputeTile(r->tiff, x0, y0, 0, k) : TIFFComputeStrip(r->tiff, y0, k);
        uint32_t rows = b->tiled || r->h - y0 > b->h ? b->h : r->h - y0;
        tmsize_t want = (tmsize_t)(b->row_bytes * rows);
        tmsize_t got = b->tiled ? TIFFReadEncodedTile(r->tiff, index, to, want)
                                : TIFFReadEncodedStrip(r->tiff, index, to, want);
        if (got < want)
            return damaged(r, "cut off");
    }
    return 0;
}

static void copy_block(const struct reader *r, const struct block *b, uint32_t y0, uint32_t x0,
                       double *out)
{
    bool separate = r->planar == PLANARCONFIG_SEPARATE;
    size_t size = r->bits / 8u, step = separate ? size : size * r->samples,
           next = separate ? b->bytes : size;
    for (uint32_t y = 0; y < b->h && y0 + y < r->h; y++)
        for (uint32_t x = 0; x < b->w && x0 + x < r->w; x++) {
            const uint8_t *p = b->data + y * b->row_bytes + x * step;
            double v[4] = {0};
            for (int k = 0; k < r->samples; k++)
                v[k] = sample(r, p + (size_t)k * next);
            out[(size_t)(y0 + y) * r->w + x0 + x] = grey(r, v);
        }
}

static int read_blocks(struct reader *r, struct prism_image *img)
{
    struct block b = {.h = r->h, .w = r->w, .tiled = TIFFIsTiled(r->tiff)};
    if (b.tiled) {
        TIFFGetField(r->tiff, TIFFTAG_TILEWIDTH, &b.w);
        TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &b.h);
    } else {
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &b.h);
        b.h = b.h < r->h ? b.h : r->h;
    }
    unsigned planes = r->planar == PLANARCONFIG_SEPARATE ? r->samples : 1;
    uint64_t row = (uint64_t)b.w * (r->bits / 8u) * (r->samples / planes);
    if (!b.h || !b.w || b.w > MAX_BLOCK || row > MAX_BLOCK / b.h / planes)
        return damaged(r, "strips or tiles of no rows or above 2 GiB");
    b.row_bytes = (size_t)row;
    b.bytes = b.row_bytes * b.h;
    b.data = prismi_alloc(planes, b.bytes);
    if (!b.data)
        return PRISM_FAIL(r->in->ctx, PRISM_ENOMEM, "%s: no memory for blocks of %zu bytes",
                          r->in->name, b.bytes);
    int status = prismi_image_alloc(r->in, r->h, r->w, r->bits, img);
    for (uint64_t y = 0; y < r->h && !status; y += b.h)
        for (uint64_t x = 0; x < r->w && !status; x += b.w) {
            status = read_block(r, &b, (uint32_t)y, (uint32_t)x);
            if (!status)
                copy_block(r, &b, (uint32_t)y, (uint32_t)x, img->data);
        }
    prismi_free(b.data);
    return status;
}

static int read_rgba(struct reader *r, struct prism_image *img)
{
    uint16_t orientation = ORIENTATION_TOPLEFT;
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ORIENTATION, &orientation);
    uint32_t *pixels = prismi_alloc((size_t)r->h * r->w, sizeof *pixels);
    if (!pixels)
        return PRISM_FAIL(r->in->ctx, PRISM_ENOMEM, "%s: no memory for %u x %u pixels", r->in->name,
                          r->h, r->w);
    int status = prismi_image_alloc(r->in, r->h, r->w, 8, img);
    if (!status &&
        (!TIFFReadRGBAImageOriented(r->tiff, r->w, r->h, pixels, orientation, 1) || r->text[0]))
        status = damaged(
            r, "libtiff cannot convert this kind of samples; save as 8 or 16-bit grey or RGB");
    /* alpha is multiplied in already, so pixels lie over black */
    for (size_t i = 0; i < (size_t)r->h * r->w && !status; i++)
        img->data[i] =
            prismi_luma(TIFFGetR(pixels[i]), TIFFGetG(pixels[i]), TIFFGetB(pixels[i])) / 255;
    prismi_free(pixels);
    return status;
}

static bool is_native(const struct reader *r)
{
    bool layout = r->photometric == PHOTOMETRIC_RGB
                      ? r->samples == 3 || r->samples == 4
                      : r->photometric <= PHOTOMETRIC_MINISBLACK && r->samples <= 2;
    bool integer = r->format == SAMPLEFORMAT_UINT || r->format == SAMPLEFORMAT_INT;
    return layout && r->samples &&
           ((integer && (r->bits == 8 || r->bits == 16 || r->bits == 32)) ||
            (r->format == SAMPLEFORMAT_IEEEFP && (r->bits == 32 || r->bits == 64)));
}

static int read_tiff(struct reader *r, struct prism_image *img)
{
    uint16_t n_extra = 0, *extra = NULL;
    if (r->text[0])
        return damaged(r, "");
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &r->w);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &r->h);
    if (!r->w || !r->h || r->w > PRISMI_IMAGE_MAX_SIDE || r->h > PRISMI_IMAGE_MAX_SIDE ||
        (uint64_t)r->w * r->h > PRISMI_IMAGE_MAX_PIXELS)
        return damaged(r, "sides must be 1 to 65536 and the area at most 2^28");
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLESPERPIXEL, &r->samples);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_BITSPERSAMPLE, &r->bits);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLEFORMAT, &r->format);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_PLANARCONFIG, &r->planar);
    r->photometric = r->samples > 2 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    TIFFGetField(r->tiff, TIFFTAG_PHOTOMETRIC, &r->photometric);
    if (TIFFGetField(r->tiff, TIFFTAG_EXTRASAMPLES, &n_extra, &extra) && n_extra == 1)
        r->alpha = extra[0];
    return is_native(r) ? read_blocks(r, img) : read_rgba(r, img);
}

int prismi_tiff_decode(const struct prismi_input *in, struct prism_image *out)
{
    struct reader r = {.in = in};
    struct prism_image img = {0};
    r.tiff = open_tiff(&r);
    if (!r.tiff)
        return damaged(&r, "not readable");
    int status = read_tiff(&r, &img);
    TIFFClose(r.tiff);
    if (status)
        prismi_free(img.data);
    else
        *out = img;
    return status;
}

#else

int prismi_tiff_decode(const struct prismi_input *in, struct prism_image *out)
{
    (void)out;
    return PRISM_FAIL(in->ctx, PRISM_ENOTSUP,
                      "%s is a TIFF; this build has no libtiff: build with -Dtiff=enabled",
                      in->name);
}

#endif
