/* PRISM: pictures in and out, built-in test objects. */
#ifndef PRISMREC_IMAGE_H
#define PRISMREC_IMAGE_H

#include "prismrec/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grey image, row-major. Free data with free(). */
struct prism_image {
    int h, w;
    double *data; /* [h,w] */
    int bits;     /* bits a sample in the source: 8, 16, 32, 64 (floating point) */
};

/* PNG, JPEG, TIFF, PGM/PPM, NPY, by content, not by name. Integers are scaled
 * to [0,1], NPY values kept; colour becomes luma 0.299 R + 0.587 G + 0.114 B,
 * alpha is composed over black. Sides up to 65536, at most 2^28 pixels. Returns
 * 0, PRISM_EIO, PRISM_EPARSE, PRISM_ENOTSUP (format left out of this build:
 * says which option), PRISM_ENOMEM. */
PRISM_API int prism_image_load(struct prism_ctx *ctx, const char *path, struct prism_image *out);

/* Object amplitude [size,size] from a picture: antialiased resize so that
 * the longer side is size, zero padding to the square, optional inversion of
 * grey values, minimum to 0, maximum to 1, square root (a picture is an
 * intensity). */
PRISM_API int prism_image_to_object(struct prism_ctx *ctx, const struct prism_image *img, int size,
                                    bool invert, double *out);

/* Built-in objects: "usaf" (USAF-1951), "siemens", "points", "moon"; amplitude
 * [size,size] in [0,1]. Returns 0, PRISM_EINVAL (lists the names),
 * PRISM_ENOMEM. */
PRISM_API int prism_object_builtin(struct prism_ctx *ctx, const char *name, int size, uint64_t seed,
                                   double *out);

/* The names of the built-in objects, NULL-terminated. */
PRISM_API const char *const *prism_object_builtin_names(void);

/* Write an 8-bit grey or RGB picture, [h,w,channels] bytes, channels 1 or 3, as
 * PNG, or as PGM/PPM where built without libpng. path has no suffix; the one
 * used is appended and, if written_path is not NULL, the whole name is stored
 * there (n bytes). The file appears whole or not at all (temporary name, fsync,
 * rename). */
PRISM_API int prism_image_write(struct prism_ctx *ctx, const char *path, int h, int w, int channels,
                                const uint8_t *data, char *written_path, size_t n);

/* Write an array as NPY version 1.0, little endian, C order. dtype: PRISM_F32,
 * PRISM_F64, PRISM_CF32, PRISM_CF64 or PRISM_I32. The file appears whole or not
 * at all (temporary name, fsync, rename). */
PRISM_API int prism_npy_write(struct prism_ctx *ctx, const char *path, enum prism_dtype dtype,
                              int nd, const size_t *shape, const void *data);

/* Read an NPY file of version 1-3, either byte order, C or Fortran order, bool,
 * integers, floats and complex, into double. Complex values give their modulus
 * where is_complex is NULL, else interleaved pairs (re, im). shape: up to 8.
 * data: malloc'ed, freed by the caller. */
PRISM_API int prism_npy_read(struct prism_ctx *ctx, const char *path, int *nd, size_t shape[8],
                             bool *is_complex, double **data);

#ifdef __cplusplus
}
#endif
#endif
