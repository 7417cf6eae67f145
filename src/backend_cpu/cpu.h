/* The CPU backend: FFTW, OpenBLAS and our own loops.
 *
 * Results have the same bits for any thread count: work is cut into items whose
 * number and size depend on the shapes alone, any thread may run any item, and
 * the items' results are combined in order of the item. All threading is in
 * prismi_cpu_for(). FFTW plans are single-threaded, and open() makes OpenBLAS
 * single-threaded by openblas_set_num_threads(1), which acts on the whole
 * process. */
#ifndef PRISMI_CPU_H
#define PRISMI_CPU_H

#include "prismrec/backend.h"

enum {
    CPU_ALIGN = 64,       /* bytes */
    CPU_BLOCK = 4096,     /* elements of a reduction's block */
    CPU_PARTIALS = 16384, /* blocks that struct cpu.partial has room for; a row never has more */
};

/* Instruction sets that the register tiles are compiled for. */
enum prismi_cpu_isa { CPU_BASELINE, CPU_AVX2, CPU_AVX512, CPU_ISA_COUNT };

struct cpu {
    int plan_effort;
    bool plain;
    char *cache_dir;         /* NULL = nowhere */
    enum prismi_cpu_isa isa; /* instruction set of the register tiles */
    bool use_blas;   /* true: OpenBLAS computes dense products; false: our register tiles do */
    double *partial; /* [2,CPU_PARTIALS] */
    void *room;      /* scratch of the running convolution; NULL while there are no plans */
    size_t room_bytes;
    int room_users;               /* convolution plans */
    struct prismi_cpu_pool *pool; /* NULL with one thread */
};

static inline struct cpu *prismi_cpu(const struct prism_dev *dev)
{
    return dev->impl;
}

/* Records an error on a device; evaluates to its status. */
#define CPU_FAIL(dev, status, ...)                                                                 \
    (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

void prismi_cpu_log(const struct prism_dev *dev, int level, const char *fmt, ...)
    PRISM_PRINTF(3, 4);

/* Runs items 0..n-1, each once, on the device's threads; returns when all are
 * done. `work` is the approximate number of element operations of all items
 * together; with little work the calling thread runs all items in order. An
 * item's `thread` is below caps.threads and selects its scratch. */
typedef void prismi_cpu_item(const void *arg, size_t item, int thread);
void prismi_cpu_for(const struct prism_dev *dev, size_t n, double work, prismi_cpu_item *run,
                    const void *arg);

/* Starts the worker threads and stores them in struct cpu. */
int prismi_cpu_pool_create(struct prism_dev *dev, int threads);
void prismi_cpu_pool_destroy(struct prismi_cpu_pool *pool); /* NULL ok */
int prismi_cpu_count(void);                                 /* cores that this process may use */

/* Cuts each row of [images,rows,cols] into blocks, runs the blocks on the
 * threads, and finishes the rows in order on the calling thread. run() gets the
 * flat index `at` of the block's first element and may write two sums. finish()
 * (NULL ok) gets the sums of its row's blocks, image by image; every image has
 * the same number of blocks, and the last one of an image may be shorter than
 * `block`. */
typedef void prismi_cpu_block(const void *arg, size_t row, size_t at, size_t n, double *sums);
typedef void prismi_cpu_row(const void *arg, size_t row, const double *sums, size_t blocks,
                            size_t block);
void prismi_cpu_sweep(const struct prism_dev *dev, size_t images, size_t rows, size_t cols,
                      prismi_cpu_block *run, prismi_cpu_row *finish, const void *arg);

/* Zero-filled host memory aligned to CPU_ALIGN, or NULL if there is none. The
 * caller frees it with free(). */
void *prismi_cpu_alloc(size_t n, size_t size);

/* The scratch of convolutions. Calls on a device run one after the other, so
 * its plans share one block, which stays in the cache from layer to layer. A
 * plan asks for what it needs when it is created, which may move the block, and
 * leaves it when it is destroyed; contents are undefined when a call begins.
 * Returns 0 or PRISM_ENOMEM, without a sentence. */
int prismi_cpu_room_enter(struct prism_dev *dev, size_t bytes);
void prismi_cpu_room_leave(struct prism_dev *dev);

/* ---- code generation ---- */

/* Marks a function that is compiled for several instruction sets, one of which
 * is chosen at load time. gcc only: clang 14 exports the resolvers from a
 * shared library, and sanitizers do not survive resolvers. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) &&                        \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CPU_HOT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPU_HOT
#endif

#define CPU_INLINE static inline __attribute__((always_inline))

/* Tells the compiler that the iterations of the next loop are independent: each
 * output either is its own input or does not overlap any input. */
#if defined(_OPENMP)
#define CPU_SIMD _Pragma("omp simd")
#elif defined(__clang__)
#define CPU_SIMD _Pragma("clang loop vectorise(assume_safety)")
#else
#define CPU_SIMD _Pragma("GCC ivdep")
#endif

/* ---- entries ---- */

/* Tables of the entries that depend on a dtype, one for each precision
 * (kernels.c). All other entries are NULL there. */
extern const struct prism_ops prismi_cpu_kernels_f32, prismi_cpu_kernels_f64;

int prismi_cpu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                          struct prism_fft **out);
int prismi_cpu_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src);
void prismi_cpu_fft_destroy(struct prism_fft *plan);
/* Load FFTW's saved wisdom of one precision. */
void prismi_cpu_fft_open_f32(struct prism_dev *dev);
void prismi_cpu_fft_open_f64(struct prism_dev *dev);

int prismi_cpu_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                           struct prism_conv **out);
int prismi_cpu_conv_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w);
int prismi_cpu_conv_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w);
int prismi_cpu_conv_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x);
void prismi_cpu_conv_destroy(struct prism_conv *c);

int prismi_cpu_gemm_entry(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                          prism_mem a, prism_mem b);

int prismi_cpu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                   size_t cols, const struct prism_map_args *args);
int prismi_cpu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                      size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b);

int prismi_cpu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                      prism_mem x);
int prismi_cpu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_cpu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_cpu_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                        prism_mem index, prism_mem x);
int prismi_cpu_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                        prism_mem gy, prism_mem index);
int prismi_cpu_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                           prism_mem x, prism_mem weight);
int prismi_cpu_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                           prism_mem x);
int prismi_cpu_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem y);
int prismi_cpu_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                      prism_mem x);
int prismi_cpu_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                             const int32_t *index, const double *weight, struct prism_gather **out);
int prismi_cpu_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x);
int prismi_cpu_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy);
void prismi_cpu_gather_destroy(struct prism_gather *g);
int prismi_cpu_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                      prism_mem x);
int prismi_cpu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                    prism_mem x, prism_mem tmp, prism_mem taps);

int prismi_cpu_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args);
int prismi_cpu_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args);
int prismi_cpu_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                          struct prism_conv *conv, const struct prism_adam_outer_args *args);
int prismi_cpu_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
                      const struct prism_misfit_args *args);
int prismi_cpu_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                         const struct prism_dense_fit_args *a);
int prismi_cpu_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            struct prism_fft *fft, const struct prism_spectrum_args *a);
int prismi_cpu_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            struct prism_fft *fft, const struct prism_spectrum_args *a);
int prismi_cpu_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                            struct prism_fft *fft, const struct prism_field_misfit_args *a);

#endif
