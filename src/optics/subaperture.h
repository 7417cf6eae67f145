/* Sub-apertures of one object's spectrum: the structs shared by subaperture.c,
 * subaperture_table.c and matrix.c. */
#ifndef PRISMI_SUBAPERTURE_H
#define PRISMI_SUBAPERTURE_H

#include "optics/instrument.h"
#include "optics/optics_internal.h"

/* Boxes of an object's spectrum computed by dense products with DFT matrices
 * instead of transforms (matrix.c). */
struct prismi_matrix {
    struct prism_dev *dev;
    struct prism_measure_params p;
    bool used; /* false: transforms are used, and nothing below is set */
    int width; /* reals per row of the object */
    /* matrix rows of every frequency: [grid_h + box_h - 1,2,obj_h] and [grid_w
     * + box_w - 1,4,width] */
    prism_mem all_down, all_across;
    /* matrix rows of the selected apertures: [batch,box_h,2,obj_h] and
     * [batch,box_w,4,width] */
    prism_mem down, across;
    prism_mem rows; /* [batch,box_h,2,width], workspace */
};
/* Estimate the seconds of a call by transforms and by matrices. Only the ratio
 * of the two is meaningful. */
void prismi_matrix_cost(const struct prism_measure_params *p, double *fft_s, double *matrix_s);
/* Choose by p->method, and log the choice. Returns 0, or PRISM_EINVAL if
 * matrices were asked for and are too large. */
int prismi_matrix_choose(struct prism_dev *dev, const struct prism_measure_params *p,
                         struct prismi_matrix *mx);
/* Declare the device memory of the matrices. */
void prismi_matrix_plan(struct prismi_matrix *mx, struct prismi_arena *arena);
/* Compute the matrices, when their memory is bound. */
int prismi_matrix_fill(struct prismi_matrix *mx);
/* Let box b begin at frequency (y0, x0), modulo the grid. Enqueues copies, so
 * call it outside a recorded step. */
int prismi_matrix_aim(struct prismi_matrix *mx, int b, int y0, int x0);
/* boxes [batch,box_h,box_w] complex from the object x, and the adjoint */
int prismi_matrix_forward(struct prismi_matrix *mx, prism_mem boxes, prism_mem x);
int prismi_matrix_adjoint(struct prismi_matrix *mx, prism_mem x, prism_mem boxes);

/* The frequencies y0 <= ky < y1, x0 <= kx < x1. */
struct extent {
    int y0, y1, x0, x1;
};

struct prism_measure {
    struct prismi_instrument in;
    struct prism_dev *dev; /* in.op.dev */
    struct prism_measure_params p;
    enum prism_dtype cplx;
    struct prismi_matrix matrix;
    struct prism_fft *grid_fft; /* NULL if matrices are used */
    struct prism_fft *field_fft;
    struct prismi_arena arena;
    /* [grid_h,grid_w] complex; with matrices [batch,box_h,box_w], the boxes of
     * the selected apertures */
    prism_mem spectrum;
    /* [obj_h,obj_w] complex, for real objects without matrices */
    prism_mem object;
    prism_mem pupil;   /* [n_apertures,box_h,box_w] cplx */
    prism_mem origin;  /* [n_apertures,2] I32, position in `spectrum` */
    prism_mem opening; /* [n_apertures,4] I32: row0, rows, col0, cols of the box */
    prism_mem uses;    /* device copy of host_uses */
    /* host */
    double *table; /* workspace [box_h,box_w] complex */
    uint8_t *mask; /* workspace [box_h,box_w] */
    /* [n_apertures], extent of the open pixels relative to the box's centre */
    struct extent *open;
    struct extent *where; /* [n_apertures], the same relative to DC */
    /* the supports of grid_fft [2,1,4] and of field_fft [2,batch,4], then the
     * index of selected apertures [batch] */
    int32_t *host_uses;
};

static inline size_t box_pixels(const struct prism_measure *m)
{
    return (size_t)m->p.box_h * m->p.box_w;
}

/* Number of elements of the supports; the index follows them in host_uses. */
static inline size_t support_count(const struct prism_measure *m)
{
    return 8 + 8 * (size_t)m->p.batch;
}

static inline size_t uses_bytes(const struct prism_measure *m)
{
    return (support_count(m) + (size_t)m->p.batch) * sizeof(int32_t);
}

static inline int32_t *index_of(const struct prism_measure *m)
{
    return m->host_uses + support_count(m);
}

/* ---- table and selection of frames (subaperture_table.c) ---- */

/* Write the supports and the index of the selected frames to the device. */
int prismi_subaperture_uses(struct prism_measure *m);
int prismi_subaperture_select(struct prismi_instrument *in, const int32_t *index);
int prismi_subaperture_set_aperture(struct prismi_instrument *in, int a,
                                    const struct prism_aperture *shape, double cy, double cx);
int prismi_subaperture_set_mask(struct prismi_instrument *in, int a, const uint8_t *mask, int row0,
                                int rows);

#endif
