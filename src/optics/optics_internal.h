/* Shared by the files of this folder. */
#ifndef PRISMI_OPTICS_INTERNAL_H
#define PRISMI_OPTICS_INTERNAL_H

#include "core/internal.h"
#include "prismrec/optics.h"

/* The public checks without their warnings: a session checks the same thing
 * many times. */
int prismi_grid_check(struct prism_ctx *ctx, const struct prism_grid *g);
int prismi_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a);

/* The checks of prism_propagator_create with its warnings, and
 * prism_propagator_create without the warnings. */
int prismi_propagator_check(struct prism_ctx *ctx, enum prism_propagator method,
                            const struct prism_grid *g, double distance_m);
int prismi_propagator_create(struct prism_dev *dev, enum prism_propagator method,
                             const struct prism_grid *grid, double distance_m,
                             enum prism_dtype dtype, struct prism_linop **out);

/* Adds 1 to count (NULL: looks only) wherever the aperture centred at (cy, cx)
 * is open on the [grid,grid] k-space, in centred order about DC. Returns
 * whether that is anywhere. */
bool prismi_aperture_cover(const struct prism_aperture *a, int grid, double cy, double cx,
                           int32_t *count);

/* prism_aperture_render with rows `stride` apart, from the cache (NULL: none)
 * where it is there, and into it. */
void prismi_aperture_mask(struct prism_cache *cache, const struct prism_aperture *a, double cy,
                          double cx, int y0, int x0, int h, int w, uint8_t *mask, size_t stride);

/* Writes 1 or 0 into the part of mask [grid,grid], the same k-space, that the
 * aperture can reach; that part's rows. */
void prismi_aperture_mark(struct prism_cache *cache, const struct prism_aperture *a, int grid,
                          double cy, double cx, uint8_t *mask, int *row0, int *rows);

/* Phases are counted in turns (cycles) and reduced to one turn before the sine
 * and cosine. */
void prismi_exp_turns(double turns, double *re, double *im);

#define PRISMI_PATTERN_MAX 1000000 /* points */
int prismi_pattern_csv(struct prism_ctx *ctx, const char *path, double **centres_yx, int *n);

#endif
