/* Loads a picture in any format, told apart by content, and turns it into an
 * object's amplitude. */
#include "core/internal.h"
#include "image/formats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int prismi_image_alloc(const struct prismi_input *in, uint64_t h, uint64_t w, int bits,
                       struct prism_image *img)
{
    if (!h || !w || h > PRISMI_IMAGE_MAX_SIDE || w > PRISMI_IMAGE_MAX_SIDE ||
        h * w > PRISMI_IMAGE_MAX_PIXELS)
        return PRISM_FAIL(in->ctx, PRISM_EPARSE,
                          "%s: %llu x %llu pixels; sides must be 1 to %d and the area at most "
                          "2^28: crop or shrink it",
                          in->name, (unsigned long long)h, (unsigned long long)w,
                          PRISMI_IMAGE_MAX_SIDE);
    img->data = prismi_alloc((size_t)(h * w), sizeof *img->data);
    if (!img->data)
        return PRISM_FAIL(in->ctx, PRISM_ENOMEM, "%s: no memory for %llu x %llu pixels", in->name,
                          (unsigned long long)h, (unsigned long long)w);
    img->h = (int)h;
    img->w = (int)w;
    img->bits = bits;
    return 0;
}

static const struct format {
    const char *magic;
    size_t bytes;
    int (*decode)(const struct prismi_input *, struct prism_image *);
} formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, prismi_png_decode},
    {"\xff\xd8\xff", 3, prismi_jpeg_decode},
    {"II*\0", 4, prismi_tiff_decode},
    {"MM\0*", 4, prismi_tiff_decode},
    {"II+\0", 4, prismi_tiff_decode}, /* BigTIFF */
    {"MM\0+", 4, prismi_tiff_decode},
    {"\x93NUMPY", 6, prismi_npy_decode},
    {"P2", 2, prismi_pnm_decode},
    {"P3", 2, prismi_pnm_decode},
    {"P5", 2, prismi_pnm_decode},
    {"P6", 2, prismi_pnm_decode},
};

int prismi_image_decode(const struct prismi_input *in, struct prism_image *out)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (in->bytes >= formats[i].bytes && !memcmp(in->data, formats[i].magic, formats[i].bytes))
            return formats[i].decode(in, out);
    return PRISM_FAIL(
        in->ctx, PRISM_EPARSE,
        "%s: not a picture in a known format; PNG, JPEG, TIFF, PGM, PPM and NPY are read",
        in->name);
}

int prism_image_load(struct prism_ctx *ctx, const char *path, struct prism_image *out)
{
    uint8_t *data;
    size_t bytes;
    memset(out, 0, sizeof *out);
    PRISM_TRY(prismi_file_read(ctx, path, PRISMI_IMAGE_MAX_BYTES, &data, &bytes));
    struct prismi_input in = {ctx, path, data, bytes};
    int status = prismi_image_decode(&in, out);
    prismi_free(data);
    return status;
}

/* Scale the picture to h x w and stretch its grey values to [0,1]. */
static int stretched(struct prism_ctx *ctx, const struct prism_image *img, int h, int w,
                     double *out)
{
    PRISM_TRY(prismi_resize(ctx, img->data, img->h, img->w, out, h, w));
    double lo = INFINITY, hi = -INFINITY;
    size_t n = (size_t)h * (size_t)w;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(out[i]))
            return PRISM_FAIL(
                ctx, PRISM_EINVAL,
                "the picture has a value that is not finite near row %zu, column %zu of %d x %d",
                i / (size_t)w, i % (size_t)w, h, w);
        lo = fmin(lo, out[i]);
        hi = fmax(hi, out[i]);
    }
    /* halves, so that the range of huge values does not overflow; the
     * tolerance, because resizing a blank picture leaves 1e-16 of contrast */
    if (!(hi / 2 - lo / 2 > 1e-9 * fmax(fabs(lo / 2), fabs(hi / 2))))
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "every pixel of the picture is %g; give a picture with contrast", lo);
    for (size_t i = 0; i < n; i++)
        out[i] = (out[i] / 2 - lo / 2) / (hi / 2 - lo / 2);
    return 0;
}

int prism_image_to_object(struct prism_ctx *ctx, const struct prism_image *img, int size,
                          bool invert, double *out)
{
    if (size < 1 || size > PRISMI_IMAGE_MAX_SIDE || img->h < 1 || img->w < 1)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "a %d x %d picture cannot become an object of size %d; sides are 1 to %d",
                          img->h, img->w, size, PRISMI_IMAGE_MAX_SIDE);
    int longer = img->h > img->w ? img->h : img->w;
    int h = (int)lround((double)img->h * size / longer),
        w = (int)lround((double)img->w * size / longer);
    h = h ? h : 1;
    w = w ? w : 1;
    double *small = prismi_alloc((size_t)h * (size_t)w, sizeof *small);
    if (!small)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to scale a picture to %d x %d", h, w);
    int status = stretched(ctx, img, h, w, small);
    if (!status) {
        memset(out, 0, (size_t)size * (size_t)size * sizeof *out);
        int y0 = size / 2 - h / 2, x0 = size / 2 - w / 2;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                double v = small[(size_t)y * (size_t)w + (size_t)x];
                out[(size_t)(y0 + y) * (size_t)size + (size_t)(x0 + x)] = sqrt(invert ? 1 - v : v);
            }
    }
    prismi_free(small);
    return status;
}
