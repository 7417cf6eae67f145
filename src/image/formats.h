/* Decoders behind prism_image_load(), and the resampler. Not installed. A
 * decoder gets a whole file in memory and leaves *out untouched on failure;
 * `name` is for messages only. */
#ifndef PRISMI_FORMATS_H
#define PRISMI_FORMATS_H

#include "prismrec/image.h"

#define PRISMI_IMAGE_MAX_SIDE 65536
#define PRISMI_IMAGE_MAX_PIXELS ((uint64_t)1 << 28)
#define PRISMI_IMAGE_MAX_BYTES ((size_t)0xffffffff) /* of a file */

struct prismi_input {
    struct prism_ctx *ctx;
    const char *name;
    const uint8_t *data;
    size_t bytes;
};

int prismi_image_decode(const struct prismi_input *in, struct prism_image *out); /* by content */
int prismi_png_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_jpeg_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_tiff_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_pnm_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_npy_decode(const struct prismi_input *in, struct prism_image *out);

/* Checks h and w against the limits above and allocates. Returns 0,
 * PRISM_EPARSE, PRISM_ENOMEM. */
int prismi_image_alloc(const struct prismi_input *in, uint64_t h, uint64_t w, int bits,
                       struct prism_image *img);

static inline double prismi_luma(double r, double g, double b)
{
    return 0.299 * r + 0.587 * g + 0.114 * b;
}

int prismi_npy_parse(const struct prismi_input *in, int *nd, size_t shape[8], bool *is_complex,
                     int *bits, double **data);

/* Separable triangle filter, widened by the reduction factor (antialiased
 * bilinear); half-pixel centres. Returns 0, PRISM_ENOMEM. */
int prismi_resize(struct prism_ctx *ctx, const double *src, int h, int w, double *dst, int oh,
                  int ow);

#endif
