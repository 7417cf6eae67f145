/* Declarations that the files of the CUDA backend share. The language is C++17;
 * the host language model under tests/cuda_model compiles the same files. */
#ifndef PRISMI_CU_H
#define PRISMI_CU_H

#include "prismrec/backend.h"

#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

/* Ring of pieces of pinned memory. A piece is used again once the last copy
 * that used it is done. */
struct cu_stage {
    enum { PIECES = 8, BYTES = 1 << 16 };
    unsigned char *base;
    cudaEvent_t done[PIECES];
    bool used[PIECES];
    int next;
};

/* State of a CUDA device, dev->impl. */
struct cu_dev {
    int index, sm_count;
    cudaStream_t stream;
    struct cu_stage stage;
    /* The first plan or product that needs cuBLAS makes the handle. Its
     * workspace is allocated by this backend, so that replay may use it. */
    cublasHandle_t blas;
    void *blas_workspace;
    /* Scratch of reductions over more than one block: CU_PARTIALS partial
     * results, and tickets, by which a block finds out that it is the last of
     * its row. The last block sets its ticket back to 0. */
    double *partials;
    unsigned *tickets;
    bool plain;     /* use no methods for particular shapes */
    bool capturing; /* enqueued work is being recorded */
};
enum { CU_PARTIALS = 1 << 16, CU_TICKETS = 1 << 15 };

static inline struct cu_dev *cu(struct prism_dev *dev)
{
    return (struct cu_dev *)dev->impl;
}

/* Records an error on a device; evaluates to its status. */
#define CU_FAIL(dev, status, ...)                                                                  \
    (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

/* Turns the result of a CUDA call into a status: 0, or PRISM_EDEVICE
 * (PRISM_ENOMEM where memory ran out) with a sentence. `what` is the operation,
 * as a user would name it. */
int cu_check(struct prism_dev *dev, cudaError_t e, const char *what, const char *file, int line);
int cu_check_blas(struct prism_dev *dev, cublasStatus_t e, const char *what, const char *file,
                  int line);
#define CU_CHECK(dev, call, what) cu_check(dev, call, what, __FILE__, __LINE__)
#define CU_CHECK_BLAS(dev, call, what) cu_check_blas(dev, call, what, __FILE__, __LINE__)
#define CU_TRY(call)                                                                               \
    do {                                                                                           \
        int cu_status_ = (call);                                                                   \
        if (cu_status_)                                                                            \
            return cu_status_;                                                                     \
    } while (0)

/* Allocates device memory for a plan; waits. `what` names its use. */
int cu_alloc(struct prism_dev *dev, size_t bytes, const char *what, void **out);
void cu_free(struct prism_dev *dev, void *p);
/* Makes cu(dev)->blas if there is none yet. Making it may wait, so this fails
 * while a step is recorded. Create entries and the first product call it. */
int cu_need_blas(struct prism_dev *dev);
void cu_drop_blas(struct prism_dev *dev);

/* Makes the device the calling thread's current one, at the cost of a compare
 * if it is already. The CUDA call that follows reports any error. */
static inline void cu_use(struct prism_dev *dev)
{
    (void)cudaSetDevice(cu(dev)->index);
}

/* Enqueues a kernel on the device's stream. kernel is a __global__ function
 * with its template arguments given. */
template <class... P, class... A>
static int cu_launch(struct prism_dev *dev, const char *what, void (*kernel)(P...), dim3 grid,
                     dim3 block, A... args)
{
    cu_use(dev);
#ifdef __CUDACC__
    kernel<<<grid, block, 0, cu(dev)->stream>>>(static_cast<P>(args)...);
#else
    cuda_model_launch(cu(dev)->stream, kernel, grid, block, static_cast<P>(args)...);
#endif
    return CU_CHECK(dev, cudaPeekAtLastError(), what);
}

static inline unsigned cu_blocks(size_t n, size_t per_block)
{
    return (unsigned)((n + per_block - 1) / per_block);
}

/* ---- element types ---- */

/* Complex numbers, aligned to their size as the seam promises, so that each is
 * one load. */
struct alignas(8) cu_cf32 {
    float re, im;
};
struct alignas(16) cu_cf64 {
    double re, im;
};

/* Type that holds sums of T where F32 is enough. cu_load() and cu_store()
 * convert from T to that type and back. */
template <class T> struct cu_acc {
    typedef T type;
};
template <> struct cu_acc<__half> {
    typedef float type;
};
template <> struct cu_acc<__nv_bfloat16> {
    typedef float type;
};

__host__ __device__ static inline float cu_load(const float *p)
{
    return *p;
}
__host__ __device__ static inline double cu_load(const double *p)
{
    return *p;
}
__device__ static inline float cu_load(const __half *p)
{
    return __half2float(*p);
}
__device__ static inline float cu_load(const __nv_bfloat16 *p)
{
    return __bfloat162float(*p);
}
__host__ __device__ static inline void cu_store(float *p, float v)
{
    *p = v;
}
__host__ __device__ static inline void cu_store(double *p, double v)
{
    *p = v;
}
__device__ static inline void cu_store(__half *p, float v)
{
    *p = __float2half_rn(v);
}
__device__ static inline void cu_store(__nv_bfloat16 *p, float v)
{
    *p = __float2bfloat16_rn(v);
}

/* ---- entries, by file ---- */

/* device.cu */
int cu_device_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out);
void cu_device_release(struct prism_dev *dev, prism_mem mem);
int cu_device_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes);
int cu_device_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes);
int cu_device_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes);
int cu_device_sync(struct prism_dev *dev);

/* fft.cu */
int cu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out);
int cu_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src);
void cu_fft_destroy(struct prism_fft *plan);

/* conv.cu */
int cu_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d, struct prism_conv **out);
int cu_conv_fwd(struct prism_conv *plan, prism_mem y, prism_mem x, prism_mem w);
int cu_conv_bwd_x(struct prism_conv *plan, prism_mem gx, prism_mem gy, prism_mem w);
int cu_conv_bwd_w(struct prism_conv *plan, prism_mem gw, prism_mem gy, prism_mem x);
void cu_conv_destroy(struct prism_conv *plan);

/* gemm.cu */
int cu_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c, prism_mem a,
            prism_mem b);

/* map.cu, reduce.cu */
int cu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
           size_t cols, const struct prism_map_args *args);
int cu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows,
              size_t cols, prism_mem y, prism_mem a, prism_mem b);

/* window.cu, subaperture.cu, blur.cu */
int cu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x);
int cu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                       const struct prism_subaperture_args *args);
int cu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                       const struct prism_subaperture_args *args);
int cu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x,
            prism_mem tmp, prism_mem taps);

/* pool2d.cu, copy2d.cu, gather.cu, softmax.cu */
int cu_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                   prism_mem x, prism_mem weight);
int cu_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                   prism_mem x);
int cu_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                   prism_mem gy, prism_mem y);
int cu_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y, prism_mem x);
int cu_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d, const int32_t *index,
                     const double *weight, struct prism_gather **out);
int cu_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x);
int cu_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy);
void cu_gather_destroy(struct prism_gather *g);
int cu_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                prism_mem index, prism_mem x);
int cu_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx, prism_mem gy,
                prism_mem index);
int cu_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y, prism_mem x);

/* norm.cu, misfit.cu, adam.cu */
int cu_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                    const struct prism_norm_args *args);
int cu_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                    const struct prism_norm_args *args);
int cu_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
              const struct prism_misfit_args *args);
int cu_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                  struct prism_conv *conv, const struct prism_adam_outer_args *args);

/* replay.cu */
int cu_capture_begin(struct prism_dev *dev);
int cu_capture_end(struct prism_dev *dev, struct prism_replay **out);
int cu_replay(struct prism_replay *replay);
void cu_replay_destroy(struct prism_replay *replay);

#endif
