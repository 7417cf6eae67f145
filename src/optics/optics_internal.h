/* Shared by the files of this folder. */
#ifndef PRISMI_OPTICS_INTERNAL_H
#define PRISMI_OPTICS_INTERNAL_H

#include "core/internal.h"
#include "prismrec/optics.h"

/* The public checks without their warnings: a session checks the same thing many times. */
int prismi_grid_check(struct prism_ctx *ctx, const struct prism_grid *g);
int prismi_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a);

/* Adds 1 to count (NULL: looks only) wherever the aperture centred at (cy, cx) is open on the [grid,grid] k-space, in centred order
 * about DC. Returns whether that is anywhere. */
bool prismi_aperture_cover(const struct prism_aperture *a, int grid, double cy, double cx, int32_t *count);

/* First member of every operator. forward leaves x as it was, adjoint leaves y. */
struct prism_linop {
    struct prism_dev *dev;
    int (*forward)(struct prism_linop *op, prism_mem y, prism_mem x);
    int (*adjoint)(struct prism_linop *op, prism_mem x, prism_mem y);
    void (*destroy)(struct prism_linop *op); /* frees op itself */
    struct prism_linop_shape x, y;
};

/* Phases are counted in turns (cycles) and reduced to one turn before the sine and cosine. */
void prismi_exp_turns(double turns, double *re, double *im);

#define PRISMI_PATTERN_MAX 1000000 /* points */
int prismi_pattern_csv(struct prism_ctx *ctx, const char *path, double **centres_yx, int *n);

#endif
