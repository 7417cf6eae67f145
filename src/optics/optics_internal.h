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

/* prism_aperture_render with rows `stride` apart, from the cache (NULL: none) where it is there, and into it. */
void prismi_aperture_mask(struct prism_cache *cache, const struct prism_aperture *a, double cy, double cx, int y0, int x0, int h,
                          int w, uint8_t *mask, size_t stride);

/* Writes 1 or 0 into the part of mask [grid,grid], the same k-space, that the aperture can reach; that part's rows. */
void prismi_aperture_mark(struct prism_cache *cache, const struct prism_aperture *a, int grid, double cy, double cx, uint8_t *mask,
                          int *row0, int *rows);

/* prism_measure_set_mask for a mask that differs from the entry's in these rows only. */
int prismi_measure_update_mask(struct prism_measure *m, int a, const uint8_t *mask, int row0, int rows);
/* Nothing passes through entry a until it is set anew. */
int prismi_measure_close(struct prism_measure *m, int a);
/* The whole spectrum of an object, for prismi_measure_fields: fields as prism_measure_forward makes, of that object, until the next
 * forward or adjoint. */
int prismi_measure_spectrum(struct prism_measure *m, prism_mem x);
int prismi_measure_fields(struct prism_measure *m, prism_mem u);
/* Forward, the misfit of the fields, and the first half of the adjoint, by the entry of that name: the caller's part of its arguments
 * are loss, target, weight, u, tmp. pull does the other half, before any other call. */
int prismi_measure_misfit(struct prism_measure *m, prism_mem x, enum prism_misfit kind, const struct prism_field_misfit_args *loss);
int prismi_measure_pull(struct prism_measure *m, prism_mem gx);
/* y = A^H A x/(field_h field_w): the fields' transforms, there and back, cancel but for that factor. u is scratch, as for fields. */
int prismi_measure_normal(struct prism_measure *m, prism_mem y, prism_mem x, prism_mem u);

/* Boxes of an object's spectrum by dense products instead of transforms (matrix.c). */
struct prismi_matrix {
    struct prism_dev *dev;
    struct prism_measure_params p;
    bool used;                      /* else nothing below is there */
    int width;                      /* reals in a row of the object */
    prism_mem all_down, all_across; /* [grid_h + box_h - 1,2,obj_h], [grid_w + box_w - 1,4,width]: of every frequency */
    prism_mem down, across;         /* [batch,box_h,2,obj_h], [batch,box_w,4,width]: of the apertures in use */
    prism_mem rows;                 /* [batch,box_h,2,width] */
};
/* Estimated seconds of a call, either way: their ratio counts. */
void prismi_matrix_cost(const struct prism_measure_params *p, double *fft_s, double *matrix_s);
/* By p's method; logged. PRISM_EINVAL: matrices were asked for and are too large. */
int prismi_matrix_choose(struct prism_dev *dev, const struct prism_measure_params *p, struct prismi_matrix *mx);
void prismi_matrix_plan(struct prismi_matrix *mx, struct prismi_arena *arena); /* declares its memory */
int prismi_matrix_fill(struct prismi_matrix *mx);                              /* once that is there */
/* From now on box b begins at frequency (y0, x0), modulo the grid. Enqueues copies: not within a recorded step. */
int prismi_matrix_aim(struct prismi_matrix *mx, int b, int y0, int x0);
/* boxes: [batch,box_h,box_w] cplx */
int prismi_matrix_forward(struct prismi_matrix *mx, prism_mem boxes, prism_mem x);
int prismi_matrix_adjoint(struct prismi_matrix *mx, prism_mem x, prism_mem boxes);

bool prismi_measure_by_matrix(const struct prism_measure *m);
struct prism_dev *prismi_measure_dev(const struct prism_measure *m);

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
