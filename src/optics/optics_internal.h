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

/* Writes 1 or 0 into the part of mask [grid,grid], the same k-space, that the aperture can reach; that part's rows. */
void prismi_aperture_mark(const struct prism_aperture *a, int grid, double cy, double cx, uint8_t *mask, int *row0, int *rows);

/* prism_measure_set_mask for a mask that differs from the entry's in these rows only. */
int prismi_measure_update_mask(struct prism_measure *m, int a, const uint8_t *mask, int row0, int rows);
/* The whole spectrum of an object, for prismi_measure_fields: fields as prism_measure_forward makes, of that object, until the next
 * forward or adjoint. */
int prismi_measure_spectrum(struct prism_measure *m, prism_mem x);
int prismi_measure_fields(struct prism_measure *m, prism_mem u);

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
