/* Kernels of one precision. A file that includes this header is compiled twice,
 * once plainly and once with CPU_F64. `real` is the element, a complex number
 * is two of them, and R(name) is the name of a symbol of that precision.
 * kernels.c lists the kernels in a table, which entries.c looks up by dtype. */
#ifndef PRISMI_CPU_REAL_H
#define PRISMI_CPU_REAL_H

#include "backend_cpu/cpu.h"

#ifdef CPU_F64
typedef double real;
#define R(name) name##_f64
#else
typedef float real;
#define R(name) name##_f32
#endif

/* ---- dense ---- */

/* Computes row-major C = alpha op(A) op(B) + beta C with leading dimensions,
 * cut into fixed tiles. */
struct prismi_cpu_gemm {
    int m, n, k;
    bool ta, tb;
    real alpha, beta;
    const real *a, *b;
    real *c;
    size_t lda, ldb, ldc;
};
void R(prismi_cpu_gemm)(const struct prism_dev *dev, const struct prismi_cpu_gemm *g);

/* ---- convolution: a plan and its methods ---- */

struct prism_conv {
    const struct prism_ops *kernels; /* first member: entries.c reads it */
    struct prism_dev *dev;
    struct prism_conv_desc d;
    int oh, ow;
    const struct conv_method *method;
    size_t nwork;    /* elements of the scratch that all threads share */
    size_t nscratch; /* elements of one thread's own scratch; both are multiples of the alignment */
    int band, bands; /* conv_direct: output rows of an item; items */
    int wband;       /* conv_direct: output rows of an item of bwd_w */
    int wimages;     /* conv_direct: images whose partial sums bwd_w holds at once */
    int tile_rows;   /* conv_gemm: output rows of a column tile */
};

struct conv_method {
    const char *name;
    /* Sets the method's own fields; fills the sizes, in elements, of the shared
     * scratch and of a thread's scratch. */
    void (*sizes)(struct prism_conv *c, size_t *work, size_t *scratch);
    void (*fwd)(struct prism_conv *c, real *y, const real *x, const real *w);
    void (*bwd_x)(struct prism_conv *c, real *gx, const real *gy, const real *w);
    void (*bwd_w)(struct prism_conv *c, real *gw, const real *gy, const real *x);
};
/* For one output pixel that sees all of x: matrix times vector. */
extern const struct conv_method R(prismi_cpu_conv_point);
extern const struct conv_method R(prismi_cpu_conv_gemm); /* For any shape: im2col and gemm. */
/* For few channels and long rows; stride up to 4. */
extern const struct conv_method R(prismi_cpu_conv_direct);

/* Elements of one image of x, and of y. */
static inline size_t prismi_cpu_conv_x(const struct prism_conv *c)
{
    return (size_t)c->d.cin * (size_t)c->d.h * (size_t)c->d.w;
}
static inline size_t prismi_cpu_conv_y(const struct prism_conv *c)
{
    return (size_t)c->d.cout * (size_t)c->oh * (size_t)c->ow;
}

/* The scratch that all threads share, and a thread's own. */
static inline real *prismi_cpu_conv_work(const struct prism_conv *c)
{
    return prismi_cpu(c->dev)->room;
}
static inline real *prismi_cpu_conv_scratch(const struct prism_conv *c, int thread)
{
    return prismi_cpu_conv_work(c) + c->nwork + (size_t)thread * c->nscratch;
}

real R(prismi_cpu_dot)(const real *a, const real *b, size_t n);

/* Gradient conv_bwd_x of a single output pixel, for one image, in parts, so
 * that a caller that is reading the weights anyway can compute it on the way:
 * gx[n] = sum over rows r of g[r] w[r,n]. Rows are grouped into items of
 * CPU_POINT_ITEM. Each item has its own sum, to which a few rows are added at a
 * time; at the end the items' sums are added in order. */
enum { CPU_POINT_ITEM = 64, CPU_POINT_ROWS = 4 };
static inline size_t prismi_cpu_point_items(size_t rows)
{
    return (rows + CPU_POINT_ITEM - 1) / CPU_POINT_ITEM;
}
/* Number of rows to add next, from `row` on: CPU_POINT_ROWS or 1; 0 at the end
 * of the item. */
static inline size_t prismi_cpu_point_rows(size_t item, size_t row, size_t rows)
{
    const size_t end = (item + 1) * CPU_POINT_ITEM < rows ? (item + 1) * CPU_POINT_ITEM : rows;
    return end - row >= CPU_POINT_ROWS ? CPU_POINT_ROWS : end > row;
}
/* The item's sum, cleared. */
real *R(prismi_cpu_point_sum)(const struct prism_conv *c, size_t item);
/* Adds rows of w, times g, to n elements of sum. w and g point at the first of
 * the rows; ld elements from row to row of w. */
void R(prismi_cpu_point_add)(real *sum, const real *w, size_t ld, const real *g, size_t rows,
                             size_t n);
void R(prismi_cpu_point_finish)(struct prism_conv *c, real *y);

/* Copies every s-th element: y[j] = x[s j], j < n. */
void R(prismi_cpu_take)(real *y, const real *x, size_t s, size_t n);

/* Register tiles over rows given by pointers. Results are computed in tiles of
 * up to `tile` rows, then of halves of that. The weights of a tile of m rows,
 * from row a on, begin at w + a nt and are laid out as [nt][m]. */
struct prismi_cpu_tiles {
    int tile;
    /* y[a ldy + j] (+)= sum_t w[a,t] x[t][at + j], a < m, j < n. Reads up to
     * CPU_SLACK elements after x[t] + at + n. */
    void (*rows)(int m, int nt, size_t n, const real *w, const real *const *x, size_t at, real *y,
                 size_t ldy, bool add);
    /* g[a ldg + t] += sum_{r<rows, j<n} y[a dy + r ldy + j] x[t][at + r ldx +
     * j], a < m, n a multiple of 16 */
    void (*dots)(int m, int nt, int rows, size_t n, real *g, size_t ldg, const real *y, size_t dy,
                 size_t ldy, const real *const *x, size_t at, size_t ldx);
    /* Packs alpha op(a), [m,nt], into the layout of w that rows() reads. */
    void (*pack)(real *w, const real *a, int m, int nt, size_t lda, bool ta, real alpha);
    /* Computes a whole product, for machines on which OpenBLAS has no
     * kernel. */
    void (*product)(const struct prismi_cpu_gemm *g);
};
enum { CPU_SLACK = 16 };
/* Rows of the next tile where `left` rows are left: the largest power of two
 * that is at most `left`, and at most `tile`. */
static inline int prismi_cpu_tile(int tile, int left)
{
    while (tile > left)
        tile /= 2;
    return tile;
}
extern const struct prismi_cpu_tiles *const R(prismi_cpu_tile_sets)[CPU_ISA_COUNT];
static inline const struct prismi_cpu_tiles *prismi_cpu_tiles(const struct prism_dev *dev)
{
    return R(prismi_cpu_tile_sets)[prismi_cpu(dev)->isa];
}

/* ---- misfit ---- */

/* Misfit of n elements: writes the cotangent gu (may be u), returns the sum of
 * the terms without their weight. */
double R(prismi_cpu_misfit_terms)(enum prism_misfit kind, real weight, real *gu, const real *u,
                                  const real *target, size_t n);
/* Sum of the terms without their weight where u is 0. */
double R(prismi_cpu_misfit_of_zeros)(enum prism_misfit kind, const real *target, size_t n);

/* ---- entries ---- */

int R(prismi_cpu_conv_create)(struct prism_dev *dev, const struct prism_conv_desc *d,
                              struct prism_conv **out);
int R(prismi_cpu_conv_fwd)(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w);
int R(prismi_cpu_conv_bwd_x)(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w);
int R(prismi_cpu_conv_bwd_w)(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x);
void R(prismi_cpu_conv_destroy)(struct prism_conv *c);
int R(prismi_cpu_gemm_entry)(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                             prism_mem a, prism_mem b);
int R(prismi_cpu_subaperture_fwd)(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args);
int R(prismi_cpu_subaperture_adj)(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args);
int R(prismi_cpu_norm_act_fwd)(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args);
int R(prismi_cpu_norm_act_bwd)(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args);
int R(prismi_cpu_misfit)(struct prism_dev *dev, const struct prism_misfit_desc *d,
                         const struct prism_misfit_args *args);
int R(prismi_cpu_field_misfit)(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                               struct prism_fft *fft, const struct prism_field_misfit_args *a);
int R(prismi_cpu_map)(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                      size_t cols, const struct prism_map_args *args);
int R(prismi_cpu_adam_outer)(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                             struct prism_conv *conv, const struct prism_adam_outer_args *args);
int R(prismi_cpu_reduce)(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                         size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b);
int R(prismi_cpu_fft_create)(struct prism_dev *dev, const struct prism_fft_desc *d,
                             struct prism_fft **out);
int R(prismi_cpu_fft_run)(struct prism_fft *f, int sign, prism_mem dst, prism_mem src);
void R(prismi_cpu_fft_destroy)(struct prism_fft *f);
int R(prismi_cpu_spectrum_fwd)(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                               struct prism_fft *fft, const struct prism_spectrum_args *a);
int R(prismi_cpu_spectrum_adj)(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                               struct prism_fft *fft, const struct prism_spectrum_args *a);
int R(prismi_cpu_window)(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                         prism_mem x);
int R(prismi_cpu_blur)(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                       prism_mem x, prism_mem tmp, prism_mem taps);
/* Maps FROM_U8 and TO_U8, for n elements. */
void R(prismi_cpu_bytes)(struct prism_dev *dev, enum prism_map op, size_t n,
                         const struct prism_map_args *args);
int R(prismi_cpu_pool_fwd)(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                           prism_mem index, prism_mem x);
int R(prismi_cpu_pool_bwd)(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem index);
int R(prismi_cpu_scatter_add)(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                              prism_mem x, prism_mem weight);
int R(prismi_cpu_softmax_fwd)(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem y, prism_mem x);
int R(prismi_cpu_softmax_bwd)(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem gx, prism_mem gy, prism_mem y);
int R(prismi_cpu_argmax)(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                         prism_mem x);
int R(prismi_cpu_gather_create)(struct prism_dev *dev, const struct prism_gather_desc *d,
                                const int32_t *index, const double *weight,
                                struct prism_gather **out);
int R(prismi_cpu_gather_fwd)(struct prism_gather *g, prism_mem y, prism_mem x);
int R(prismi_cpu_gather_adj)(struct prism_gather *g, prism_mem gx, prism_mem gy);
void R(prismi_cpu_gather_destroy)(struct prism_gather *g);
int R(prismi_cpu_dense_fit)(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                            const struct prism_dense_fit_args *a);

#endif
