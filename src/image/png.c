/* Reads PNG with libpng, and writes 8-bit pictures. */
#include "core/internal.h"
#include "image/formats.h"
#include "prismi_config.h"

#include <stdio.h>
#include <string.h>

#if PRISMI_HAVE_PNG
#include <png.h>

struct reader {
    const struct prismi_input *in;
    size_t pos;
    png_structp png;
    png_infop info;
    uint8_t *pixels;
    png_bytep *rows;
    uint32_t h, w;
    int depth, channels; /* depth: bits of a sample */
    char text[160];
};

static void on_error(png_structp png, png_const_charp text)
{
    char *out = png_get_error_ptr(png);
    snprintf(out, 160, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->in->bytes - r->pos)
        png_error(png, "cut off");
    memcpy(out, r->in->data + r->pos, n);
    r->pos += n;
}

static void set_transforms(png_structp png, png_infop info)
{
    png_set_expand(png); /* palette to RGB, 1 to 4-bit grey to 8, transparent colour to alpha */
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

/* Returns 0, or a status with the text in r. libpng reports errors by longjmp
 * to the setjmp here, so everything that must survive it lies in *r. */
static int read_png(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return PRISM_EPARSE;
    png_set_user_limits(r->png, PRISMI_IMAGE_MAX_SIDE, PRISMI_IMAGE_MAX_SIDE);
    png_set_chunk_cache_max(r->png, 64);
    png_set_chunk_malloc_max(r->png, 8u << 20);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    r->h = png_get_image_height(r->png, r->info);
    r->w = png_get_image_width(r->png, r->info);
    size_t row_bytes = png_get_rowbytes(r->png, r->info);
    if ((uint64_t)r->h * r->w > PRISMI_IMAGE_MAX_PIXELS)
        png_error(r->png, "more than 2^28 pixels");
    if ((uint64_t)row_bytes * r->h / 1040 > r->in->bytes) /* deflate compresses 1032-fold at most */
        png_error(r->png, "cut off: far too small for its number of pixels");
    set_transforms(r->png, r->info);
    row_bytes = png_get_rowbytes(r->png, r->info);
    r->depth = png_get_bit_depth(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    r->pixels = prismi_alloc(r->h, row_bytes);
    r->rows = prismi_alloc(r->h, sizeof *r->rows);
    if (!r->pixels || !r->rows) {
        snprintf(r->text, sizeof r->text, "no memory for %u x %u pixels", (unsigned)r->h,
                 (unsigned)r->w);
        return PRISM_ENOMEM;
    }
    for (uint32_t y = 0; y < r->h; y++)
        r->rows[y] = r->pixels + y * row_bytes;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, NULL);
    return 0;
}

static double sample(const struct reader *r, const uint8_t *pixel, int k)
{
    return r->depth == 16 ? (pixel[2 * k] << 8 | pixel[2 * k + 1]) / 65535.0 : pixel[k] / 255.0;
}

static int to_grey(const struct reader *r, struct prism_image *out)
{
    struct prism_image img;
    PRISM_TRY(prismi_image_alloc(r->in, r->h, r->w, r->depth, &img));
    size_t step = (size_t)(r->channels * r->depth / 8);
    for (size_t y = 0; y < r->h; y++)
        for (size_t x = 0; x < r->w; x++) {
            const uint8_t *p = r->rows[y] + x * step;
            double v = r->channels > 2
                           ? prismi_luma(sample(r, p, 0), sample(r, p, 1), sample(r, p, 2))
                           : sample(r, p, 0);
            bool alpha = r->channels % 2 == 0;
            img.data[y * r->w + x] = alpha ? v * sample(r, p, r->channels - 1) : v;
        }
    *out = img;
    return 0;
}

int prismi_png_decode(const struct prismi_input *in, struct prism_image *out)
{
    struct reader r = {.in = in};
    int status = PRISM_ENOMEM;
    snprintf(r.text, sizeof r.text, "no memory");
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r.text, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (r.info)
        status = read_png(&r);
    status =
        status ? PRISM_FAIL(in->ctx, status, "%s: PNG: %s", in->name, r.text) : to_grey(&r, out);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    prismi_free(r.pixels);
    prismi_free(r.rows);
    return status;
}

static void write_bytes(png_structp png, png_bytep data, size_t n)
{
    prismi_file_write(png_get_io_ptr(png), data, n); /* the file keeps a failure until commit */
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

static int encode(struct prism_ctx *ctx, struct prismi_file *f, int h, int w, int channels,
                  const uint8_t *data)
{
    char text[160] = "no memory";
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, text, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "cannot encode a %d x %d PNG: %s", h, w, text);
    }
    png_set_write_fn(png, f, write_bytes, flush_bytes);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, 8,
                 channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < h; y++)
        png_write_row(png, data + (size_t)y * (size_t)w * (size_t)channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return 0;
}

static const char *suffix(int channels)
{
    (void)channels;
    return ".png";
}

#else

int prismi_png_decode(const struct prismi_input *in, struct prism_image *out)
{
    (void)out;
    return PRISM_FAIL(in->ctx, PRISM_ENOTSUP,
                      "%s is a PNG; this build has no libpng: build with -Dpng=enabled", in->name);
}

static int encode(struct prism_ctx *ctx, struct prismi_file *f, int h, int w, int channels,
                  const uint8_t *data)
{
    (void)ctx;
    prismi_file_printf(f, "P%d\n%d %d\n255\n", channels == 3 ? 6 : 5, w, h);
    prismi_file_write(f, data, (size_t)h * (size_t)w * (size_t)channels);
    return 0; /* the file keeps a failure until commit */
}

static const char *suffix(int channels)
{
    return channels == 3 ? ".ppm" : ".pgm";
}

#endif

int prism_image_write(struct prism_ctx *ctx, const char *path, int h, int w, int channels,
                      const uint8_t *data, char *written_path, size_t n)
{
    if (h < 1 || w < 1 || h > PRISMI_IMAGE_MAX_SIDE || w > PRISMI_IMAGE_MAX_SIDE ||
        (channels != 1 && channels != 3))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "cannot write a picture of %d x %d pixels and %d channels: sides 1 to "
                          "%d, 1 or 3 channels",
                          h, w, channels, PRISMI_IMAGE_MAX_SIDE);
    size_t length = strlen(path) + 5;
    if (written_path && n < length)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "the buffer for the picture's name has %zu bytes; it needs %zu", n,
                          length);
    char *whole = prismi_alloc(length, 1);
    if (!whole)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    snprintf(whole, length, "%s%s", path, suffix(channels));
    struct prismi_file *f;
    int status = prismi_file_create(ctx, whole, &f);
    if (!status) {
        status = encode(ctx, f, h, w, channels, data);
        if (status)
            prismi_file_abort(f);
        else
            status = prismi_file_commit(f, false);
    }
    if (!status && written_path)
        memcpy(written_path, whole, length);
    prismi_free(whole);
    return status;
}
