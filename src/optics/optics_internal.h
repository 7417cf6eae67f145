/* Functions shared by the files of src/optics. */
#ifndef PRISMI_OPTICS_INTERNAL_H
#define PRISMI_OPTICS_INTERNAL_H

#include "core/internal.h"
#include "prismrec/optics.h"

/* The public checks without their warnings, because a session checks the same
 * grid or aperture many times. */
int prismi_grid_check(struct prism_ctx *ctx, const struct prism_grid *g);
int prismi_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a);

/* prismi_propagator_check makes the checks and logs the warnings of
 * prism_propagator_create. prismi_propagator_create creates without the
 * warnings. */
int prismi_propagator_check(struct prism_ctx *ctx, enum prism_propagator method,
                            const struct prism_grid *g, double distance_m);
int prismi_propagator_create(struct prism_dev *dev, enum prism_propagator method,
                             const struct prism_grid *grid, double distance_m,
                             enum prism_dtype dtype, struct prism_linop **out);

/* Add 1 to count wherever the aperture centred at (cy, cx) is open on the
 * [grid,grid] k-space, in centred order about DC. Returns true if it is open
 * anywhere. count may be NULL. */
bool prismi_aperture_cover(const struct prism_aperture *a, int grid, double cy, double cx,
                           int32_t *count);

/* prism_aperture_render with rows `stride` elements apart. The result is taken
 * from the cache, or put there; cache may be NULL. */
void prismi_aperture_mask(struct prism_cache *cache, const struct prism_aperture *a, double cy,
                          double cx, int y0, int x0, int h, int w, uint8_t *mask, size_t stride);

/* Write 1 (open) or 0 into the part of mask [grid,grid] that the aperture can
 * reach; the order is that of prismi_aperture_cover. *row0 and *rows tell the
 * rows of that part. */
void prismi_aperture_mark(struct prism_cache *cache, const struct prism_aperture *a, int grid,
                          double cy, double cx, uint8_t *mask, int *row0, int *rows);

/* exp(2 pi i turns). A phase counted in turns is reduced to one turn exactly,
 * before sine and cosine. */
void prismi_exp_turns(double turns, double *re, double *im);

#define PRISMI_PATTERN_MAX 1000000 /* largest number of points */
int prismi_pattern_csv(struct prism_ctx *ctx, const char *path, double **centres_yx, int *n);

#endif
