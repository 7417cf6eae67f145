/* Sub-apertures of one object's spectrum: shared by their files. */
#ifndef PRISMI_SUBAPERTURE_H
#define PRISMI_SUBAPERTURE_H

#include "optics/instrument.h"
#include "optics/optics_internal.h"

/* Boxes of an object's spectrum by dense products instead of transforms
 * (matrix.c). */
struct prismi_matrix {
    struct prism_dev *dev;
    struct prism_measure_params p;
    bool used;                      /* else nothing below is there */
    int width;                      /* reals in a row of the object */
    prism_mem all_down, all_across; /* [grid_h + box_h - 1,2,obj_h], [grid_w + box_w - 1,4,width]:
                                       of every frequency */
    prism_mem down,
        across;     /* [batch,box_h,2,obj_h], [batch,box_w,4,width]: of the apertures in use */
    prism_mem rows; /* [batch,box_h,2,width] */
};
/* Estimated seconds of a call, either way: their ratio counts. */
void prismi_matrix_cost(const struct prism_measure_params *p, double *fft_s, double *matrix_s);
/* By p's method; logged. PRISM_EINVAL: matrices were asked for and are too
 * large. */
int prismi_matrix_choose(struct prism_dev *dev, const struct prism_measure_params *p,
                         struct prismi_matrix *mx);
void prismi_matrix_plan(struct prismi_matrix *mx,
                        struct prismi_arena *arena); /* declares its memory */
int prismi_matrix_fill(struct prismi_matrix *mx);    /* once that is there */
/* From now on box b begins at frequency (y0, x0), modulo the grid. Enqueues
 * copies: not within a recorded step. */
int prismi_matrix_aim(struct prismi_matrix *mx, int b, int y0, int x0);
/* boxes: [batch,box_h,box_w] cplx */
int prismi_matrix_forward(struct prismi_matrix *mx, prism_mem boxes, prism_mem x);
int prismi_matrix_adjoint(struct prismi_matrix *mx, prism_mem x, prism_mem boxes);

/* Frequencies y0 <= ky < y1, x0 <= kx < x1. */
struct extent {
    int y0, y1, x0, x1;
};

struct prism_measure {
    struct prismi_instrument in;
    struct prism_dev *dev; /* in.op.dev */
    struct prism_measure_params p;
    enum prism_dtype cplx;
    struct prismi_matrix matrix;
    struct prism_fft *grid_fft; /* NULL by matrices */
    struct prism_fft *field_fft;
    struct prismi_arena arena;
    prism_mem spectrum; /* [grid_h,grid_w] cplx; by matrices [batch,box_h,box_w], the box of each in
                           use */
    prism_mem object;   /* [obj_h,obj_w] cplx, real objects only, not by matrices */
    prism_mem pupil;    /* [n_apertures,box_h,box_w] cplx */
    prism_mem origin;   /* [n_apertures,2] I32, in `spectrum` */
    prism_mem opening;  /* [n_apertures,4] I32: row0, rows, col0, cols of the box */
    prism_mem uses;     /* as below */
    /* host */
    double *table;        /* scratch: [box_h,box_w] complex */
    uint8_t *mask;        /* scratch: [box_h,box_w] */
    struct extent *open;  /* [n_apertures]: of the open pixels, from the box's centre */
    struct extent *where; /* [n_apertures]: the same from DC */
    int32_t *host_uses; /* I32: the supports of grid_fft [2,1,4] and of field_fft [2,batch,4], then
                           index [batch] */
};

static inline size_t box_pixels(const struct prism_measure *m)
{
    return (size_t)m->p.box_h * m->p.box_w;
}

/* Elements of the supports; index follows. */
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

/* ---- the table of frames, and which are selected (subaperture_table.c) --- */

/* Writes what the transforms need to know of the selected frames. */
int prismi_subaperture_uses(struct prism_measure *m);
int prismi_subaperture_select(struct prismi_instrument *in, const int32_t *index);
int prismi_subaperture_set_aperture(struct prismi_instrument *in, int a,
                                    const struct prism_aperture *shape, double cy, double cx);
int prismi_subaperture_set_mask(struct prismi_instrument *in, int a, const uint8_t *mask, int row0,
                                int rows);

#endif
