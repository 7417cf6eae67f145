/* The picture decoders behind prism_image_load(), and the resampler. Not
 * installed. A decoder gets a whole file in memory and leaves *out untouched on
 * failure. `name` is only used in messages. */
#ifndef PRISMI_FORMATS_H
#define PRISMI_FORMATS_H

#include "prismrec/image.h"

#define PRISMI_IMAGE_MAX_SIDE 65536
#define PRISMI_IMAGE_MAX_PIXELS ((uint64_t)1 << 28)
#define PRISMI_IMAGE_MAX_BYTES ((size_t)0xffffffff) /* largest file that is read */

struct prismi_input {
    struct prism_ctx *ctx;
    const char *name;
    const uint8_t *data;
    size_t bytes;
};

/* picks the decoder by content */
int prismi_image_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_png_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_jpeg_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_tiff_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_pnm_decode(const struct prismi_input *in, struct prism_image *out);
int prismi_npy_decode(const struct prismi_input *in, struct prism_image *out);

/* Check h and w against the limits above and allocate the pixels. Returns 0,
 * PRISM_EPARSE (outside the limits) or PRISM_ENOMEM. */
int prismi_image_alloc(const struct prismi_input *in, uint64_t h, uint64_t w, int bits,
                       struct prism_image *img);

static inline double prismi_luma(double r, double g, double b)
{
    return 0.299 * r + 0.587 * g + 0.114 * b;
}

/* Decode an array of any shape, in C order, to doubles. With is_complex NULL a
 * complex array gives its modulus; else *is_complex says whether *data holds
 * pairs (re, im). bits: of one real number in the file. *data is freed with
 * prismi_free(). Returns 0, PRISM_EPARSE or PRISM_ENOMEM. */
int prismi_npy_doubles(const struct prismi_input *in, int *nd, size_t shape[8], bool *is_complex,
                       int *bits, double **data);

/* Resample src [h,w] to dst [oh,ow] with a separable triangle filter
 * (bilinear), widened by the reduction factor when shrinking (antialiased).
 * Pixel centres lie at half-integers. Returns 0 or PRISM_ENOMEM. */
int prismi_resize(struct prism_ctx *ctx, const double *src, int h, int w, double *dst, int oh,
                  int ow);

#endif
