/* The CPU backend: FFTW, OpenBLAS and our own loops.
 *
 * The same bits for any thread count: work is cut into items whose number and size depend on the shapes alone, items run on any
 * thread, and what they leave is combined in order of the item. All threading is in prismi_cpu_for(); FFTW plans are
 * single-threaded, and OpenBLAS is told so at open (openblas_set_num_threads(1), which is process-wide). */
#ifndef PRISMI_CPU_H
#define PRISMI_CPU_H

#include "prismrec/backend.h"

enum {
    CPU_ALIGN = 64,       /* bytes */
    CPU_BLOCK = 4096,     /* elements of a reduction's block */
    CPU_PARTIALS = 16384, /* blocks whose sums fit; none waits longer than a row */
};

struct cpu {
    int plan_effort;
    bool plain;
    char *cache_dir;                      /* NULL = nowhere */
    const struct prismi_cpu_tiles *tiles; /* for this machine */
    bool use_blas;                        /* dense products on OpenBLAS, else on our tiles */
    double *partial;                      /* [2,CPU_PARTIALS] */
    struct prismi_cpu_pool *pool;         /* NULL with one thread */
};

static inline struct cpu *prismi_cpu(const struct prism_dev *dev)
{
    return dev->impl;
}

/* Record an error on a device and evaluate to its status. */
#define CPU_FAIL(dev, status, ...) (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

void prismi_cpu_log(const struct prism_dev *dev, int level, const char *fmt, ...) PRISM_PRINTF(3, 4);

/* Run items 0..n-1, each once, on the device's threads; returns when all are done. work: about how many element operations there
 * are in all; little work stays on the calling thread, in order. thread < caps.threads, for scratch. */
typedef void prismi_cpu_item(const void *arg, size_t item, int thread);
void prismi_cpu_for(const struct prism_dev *dev, size_t n, double work, prismi_cpu_item *run, const void *arg);

int prismi_cpu_pool_create(struct prism_dev *dev, int threads); /* into struct cpu */
void prismi_cpu_pool_destroy(struct prismi_cpu_pool *pool);     /* NULL ok */
int prismi_cpu_count(void);                                     /* cores this process may use */

/* Cut each row of [rows,cols] into blocks, run them on the threads, and finish the rows in order on the calling thread. run() gets
 * the flat index of the block's first element and may leave two sums; finish() (NULL ok) gets those of its row's blocks. */
typedef void prismi_cpu_block(const void *arg, size_t row, size_t at, size_t n, double *sums);
typedef void prismi_cpu_row(const void *arg, size_t row, const double *sums, size_t blocks, size_t block);
void prismi_cpu_sweep(const struct prism_dev *dev, size_t rows, size_t cols, prismi_cpu_block *run, prismi_cpu_row *finish,
                      const void *arg);

/* Zero-filled host memory aligned to CPU_ALIGN; NULL when there is none. Freed by free(). */
void *prismi_cpu_alloc(size_t n, size_t size);

/* ---- code generation ---- */

/* Loops compiled for several instruction sets, chosen at load time. gcc only: clang 14 exports the resolvers from a shared library,
 * and sanitizers do not survive them. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                      \
    !defined(__SANITIZE_THREAD__)
#define CPU_HOT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPU_HOT
#endif

#define CPU_INLINE static inline __attribute__((always_inline))

/* The next loop's iterations are independent (outputs are their own inputs or do not overlap them). */
#if defined(_OPENMP)
#define CPU_SIMD _Pragma("omp simd")
#elif defined(__clang__)
#define CPU_SIMD _Pragma("clang loop vectorize(assume_safety)")
#else
#define CPU_SIMD _Pragma("GCC ivdep")
#endif

/* ---- dense ---- */

/* Row-major C = alpha op(A) op(B) + beta C with leading dimensions, cut into fixed tiles. */
struct prismi_cpu_gemm {
    int m, n, k;
    bool ta, tb;
    float alpha, beta;
    const float *a, *b;
    float *c;
    size_t lda, ldb, ldc;
};
void prismi_cpu_gemm(const struct prism_dev *dev, const struct prismi_cpu_gemm *g);
bool prismi_cpu_blas_open(char *version, size_t n); /* makes OpenBLAS single-threaded; whether it knows this processor */

/* ---- convolution: the parts a plan is made of ---- */

struct prism_conv {
    struct prism_dev *dev;
    struct prism_conv_desc d;
    int oh, ow;
    const struct conv_method *method;
    float *work;     /* shared scratch */
    float *scratch;  /* per thread: scratch + thread * nscratch */
    size_t nscratch; /* floats, a multiple of the alignment */
    int band, bands; /* direct: output rows of an item; items */
    int wband;       /* direct: output rows of an item of bwd_w */
    int tile_rows;   /* gemm: output rows of a column tile */
};

struct conv_method {
    const char *name;
    void (*sizes)(struct prism_conv *c, size_t *work, size_t *scratch); /* floats; sets the method's own fields */
    void (*fwd)(struct prism_conv *c, float *y, const float *x, const float *w);
    void (*bwd_x)(struct prism_conv *c, float *gx, const float *gy, const float *w);
    void (*bwd_w)(struct prism_conv *c, float *gw, const float *gy, const float *x);
};
extern const struct conv_method prismi_cpu_conv_point;  /* one output pixel that sees all of x: matrix times vector */
extern const struct conv_method prismi_cpu_conv_gemm;   /* any shape: im2col and sgemm */
extern const struct conv_method prismi_cpu_conv_direct; /* stride up to 4; for few channels and long rows */

float prismi_cpu_dot(const float *a, const float *b, size_t n);

/* conv_point's bwd_x in parts, for whoever has its weights at hand. gx[n] = sum over rows r of g[r] w[r,n]: rows in items, each
 * with a sum of its own, to which some rows are added at a time; then the sums, in order. */
enum { CPU_POINT_ITEM = 64, CPU_POINT_ROWS = 4 };
static inline size_t prismi_cpu_point_items(size_t rows)
{
    return (rows + CPU_POINT_ITEM - 1) / CPU_POINT_ITEM;
}
/* How many rows come next, from row on: CPU_POINT_ROWS or 1; 0 where the item ends. */
static inline size_t prismi_cpu_point_rows(size_t item, size_t row, size_t rows)
{
    const size_t end = (item + 1) * CPU_POINT_ITEM < rows ? (item + 1) * CPU_POINT_ITEM : rows;
    return end - row >= CPU_POINT_ROWS ? CPU_POINT_ROWS : end > row;
}
float *prismi_cpu_point_sum(const struct prism_conv *c, size_t item); /* the item's, zeros */
/* n of its elements; w and g at the first of the rows, ld from row to row of w. */
void prismi_cpu_point_add(float *sum, const float *w, size_t ld, const float *g, size_t rows, size_t n);
void prismi_cpu_point_finish(struct prism_conv *c, float *y);

/* Every s-th element: y[j] = x[s j], j < n. */
void prismi_cpu_take(float *y, const float *x, size_t s, size_t n);

/* Register tiles over rows given by pointers. Results come in tiles of up to `tile` rows, then of halves of that: the weights
 * of a tile of m rows from row a on begin at w + a nt, and lie as [nt][m]. */
struct prismi_cpu_tiles {
    const char *name;
    int tile;
    /* y[a ldy + j] (+)= sum_t w[a,t] x[t][at + j], a < m, j < n; reads up to CPU_SLACK floats behind x[t] + at + n */
    void (*rows)(int m, int nt, size_t n, const float *w, const float *const *x, size_t at, float *y, size_t ldy, bool add);
    /* g[a ldg + t] += sum_{r<rows, j<n} y[a dy + r ldy + j] x[t][at + r ldx + j], a < m, n a multiple of 16 */
    void (*dots)(int m, int nt, int rows, size_t n, float *g, size_t ldg, const float *y, size_t dy, size_t ldy,
                 const float *const *x, size_t at, size_t ldx);
    /* op(a) [m,nt], times alpha, as rows() takes it */
    void (*pack)(float *w, const float *a, int m, int nt, size_t lda, bool ta, float alpha);
    /* a whole product, for where OpenBLAS has no kernel for the machine */
    void (*product)(const struct prismi_cpu_gemm *g);
};
enum { CPU_SLACK = 16 };
/* Rows of the next tile where `left` are left: the largest power of two up to both. */
static inline int prismi_cpu_tile(int tile, int left)
{
    while (tile > left)
        tile /= 2;
    return tile;
}
/* vector: whether they are for more than the architecture's minimum */
const struct prismi_cpu_tiles *prismi_cpu_tiles_select(bool *vector);

/* ---- entries ---- */

/* The entries of the seam that know a dtype, for each precision (kernels.c); the others are NULL. */
extern const struct prism_ops prismi_cpu_kernels_f32, prismi_cpu_kernels_f64;

int prismi_cpu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out);
int prismi_cpu_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src);
void prismi_cpu_fft_destroy(struct prism_fft *plan);
/* loads wisdom */
void prismi_cpu_fft_open_f32(struct prism_dev *dev);
void prismi_cpu_fft_open_f64(struct prism_dev *dev);
void prismi_cpu_fft_version_f32(char *version, size_t n);
void prismi_cpu_fft_version_f64(char *version, size_t n);

int prismi_cpu_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d, struct prism_conv **out);
int prismi_cpu_conv_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w);
int prismi_cpu_conv_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w);
int prismi_cpu_conv_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x);
void prismi_cpu_conv_destroy(struct prism_conv *c);

int prismi_cpu_gemm_entry(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c, prism_mem a, prism_mem b);

int prismi_cpu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows, size_t cols,
                   const struct prism_map_args *args);
int prismi_cpu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows, size_t cols, prism_mem y,
                      prism_mem a, prism_mem b);

int prismi_cpu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x);
int prismi_cpu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_cpu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_cpu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x, prism_mem tmp,
                    prism_mem taps);

int prismi_cpu_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d, const struct prism_norm_args *args);
int prismi_cpu_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d, const struct prism_norm_args *args);
int prismi_cpu_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d, const struct prism_adam_outer_args *args);
int prismi_cpu_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d, const struct prism_misfit_args *args);
/* n elements of it: writes the cotangent gu (may be u), returns the sum of the terms without their weight. */
double prismi_cpu_misfit_terms(enum prism_misfit kind, float weight, float *gu, const float *u, const float *target, size_t n);
double prismi_cpu_misfit_of_zeros(enum prism_misfit kind, const float *target, size_t n); /* the same where u is 0 */
int prismi_cpu_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d, const struct prism_spectrum_args *a);
int prismi_cpu_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d, const struct prism_spectrum_args *a);
int prismi_cpu_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d, const struct prism_field_misfit_args *a);

#endif
