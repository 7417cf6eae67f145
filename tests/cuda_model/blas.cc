/* cuBLAS by plain loops over packed operands. Sums run in order of the index,
 * in the type in which the real library sums. */
#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "model.h"

#include <algorithm>
#include <vector>

struct cublasContext {
    cudaStream_t stream;
    cublasMath_t math;
};

namespace
{
struct shape {
    bool ta, tb;
    int m, n, k, lda, ldb, ldc;
};

float value(float v)
{
    return v;
}
double value(double v)
{
    return v;
}
float value(__half v)
{
    return __half2float(v);
}
float value(__nv_bfloat16 v)
{
    return __bfloat162float(v);
}
void store(float *p, float v)
{
    *p = v;
}
void store(double *p, double v)
{
    *p = v;
}
void store(__half *p, float v)
{
    *p = __float2half_rn(v);
}
void store(__nv_bfloat16 *p, float v)
{
    *p = __float2bfloat16_rn(v);
}

/* Rounds to ten bits of mantissa, to nearest even. */
float to_tf32(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    if ((bits & 0x7f800000) != 0x7f800000)
        bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&v, &bits, 4);
    return v;
}
double to_tf32(double v)
{
    return v;
}

/* Copies op(A) [rows,cols], column-major without gaps. */
template <class S, class T>
std::vector<S> pack(const T *a, int lda, bool transposed, int rows, int cols, bool tf32)
{
    std::vector<S> out((size_t)rows * cols);
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < rows; i++) {
            S v = value(transposed ? a[j + (size_t)i * lda] : a[i + (size_t)j * lda]);
            out[i + (size_t)j * rows] = tf32 ? to_tf32(v) : v;
        }
    return out;
}

/* Computes a product. S is the type of sums, T that of A and B, C that of the
 * result. */
template <class S, class T, class C>
void gemm(const struct shape &s, S alpha, const T *a, const T *b, S beta, C *c, bool tf32)
{
    std::vector<S> pa, pb, sum((size_t)s.m);
    if (alpha != 0) { /* with alpha 0, A and B are not read */
        pa = pack<S>(a, s.lda, s.ta, s.m, s.k, tf32);
        pb = pack<S>(b, s.ldb, s.tb, s.k, s.n, tf32);
    }
    for (int j = 0; j < s.n; j++) {
        std::fill(sum.begin(), sum.end(), S(0));
        for (int l = 0; alpha != 0 && l < s.k; l++) {
            const S *col = &pa[(size_t)l * s.m], v = pb[l + (size_t)j * s.k];
            for (int i = 0; i < s.m; i++)
                sum[i] += col[i] * v;
        }
        for (int i = 0; i < s.m; i++) {
            C *to = c + i + (size_t)j * s.ldc;
            /* with beta 0, C may hold anything */
            store(to, beta == 0 ? alpha * sum[i] : alpha * sum[i] + beta * value(*to));
        }
    }
}

template <class S, class T, class C>
cublasStatus_t run_gemm(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
                        int k, S alpha, const void *a, int lda, const void *b, int ldb, S beta,
                        void *c, int ldc, bool tf32)
{
    struct shape s = {ta != CUBLAS_OP_N, tb != CUBLAS_OP_N, m, n, k, lda, ldb, ldc};
    if (m < 0 || n < 0 || k < 0 || lda < std::max(1, s.ta ? k : m) ||
        ldb < std::max(1, s.tb ? n : k) || ldc < std::max(1, m))
        return CUBLAS_STATUS_INVALID_VALUE;
    auto work = [=] { gemm<S, T, C>(s, alpha, (const T *)a, (const T *)b, beta, (C *)c, tf32); };
    return cuda_model_enqueue(h->stream, true, work) ? CUBLAS_STATUS_EXECUTION_FAILED
                                                     : CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t run_gemv(cublasHandle_t h, cublasOperation_t op, int m, int n, T alpha, const T *a,
                        int lda, const T *x, int incx, T beta, T *y, int incy)
{
    bool t = op != CUBLAS_OP_N;
    if (m < 0 || n < 0 || lda < std::max(1, m) || incx < 1 || incy < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    auto work = [=] {
        for (int i = 0; i < (t ? n : m); i++) {
            T sum = 0;
            for (int j = 0; alpha != 0 && j < (t ? m : n); j++)
                sum += (t ? a[j + (size_t)i * lda] : a[i + (size_t)j * lda]) * x[(size_t)j * incx];
            T *to = y + (size_t)i * incy;
            *to = beta == 0 ? alpha * sum : alpha * sum + beta * *to;
        }
    };
    return cuda_model_enqueue(h->stream, true, work) ? CUBLAS_STATUS_EXECUTION_FAILED
                                                     : CUBLAS_STATUS_SUCCESS;
}
} // namespace

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_WAITS, CUBLAS_STATUS_NOT_INITIALIZED);
    *handle = new cublasContext{nullptr, CUBLAS_DEFAULT_MATH};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *workspace, size_t)
{
    return (uintptr_t)workspace % 256 ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    switch (status) {
#define S(name)                                                                                    \
    case name:                                                                                     \
        return #name
        S(CUBLAS_STATUS_SUCCESS);
        S(CUBLAS_STATUS_NOT_INITIALIZED);
        S(CUBLAS_STATUS_ALLOC_FAILED);
        S(CUBLAS_STATUS_INVALID_VALUE);
        S(CUBLAS_STATUS_ARCH_MISMATCH);
        S(CUBLAS_STATUS_MAPPING_ERROR);
        S(CUBLAS_STATUS_EXECUTION_FAILED);
        S(CUBLAS_STATUS_INTERNAL_ERROR);
        S(CUBLAS_STATUS_NOT_SUPPORTED);
        S(CUBLAS_STATUS_LICENSE_ERROR);
#undef S
    }
    return "unknown status";
}

cublasStatus_t cublasSgemm(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                           int n, int k, const float *alpha, const float *a, int lda,
                           const float *b, int ldb, const float *beta, float *c, int ldc)
{
    return run_gemm<float, float, float>(h, ta, tb, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc,
                                         h->math == CUBLAS_TF32_TENSOR_OP_MATH);
}

cublasStatus_t cublasDgemm(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                           int n, int k, const double *alpha, const double *a, int lda,
                           const double *b, int ldb, const double *beta, double *c, int ldc)
{
    return run_gemm<double, double, double>(h, ta, tb, m, n, k, *alpha, a, lda, b, ldb, *beta, c,
                                            ldc, false);
}

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *a, cudaDataType a_type,
                            int lda, const void *b, cudaDataType b_type, int ldb, const void *beta,
                            void *c, cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t)
{
    if (a_type != b_type || (c_type != a_type && c_type != CUDA_R_32F))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    bool tf32 = a_type == CUDA_R_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC &&
                (compute == CUBLAS_COMPUTE_32F_FAST_TF32 || h->math == CUBLAS_TF32_TENSOR_OP_MATH);
    auto *run = a_type == CUDA_R_32F    ? run_gemm<float, float, float>
                : a_type == CUDA_R_16F  ? c_type == CUDA_R_16F ? run_gemm<float, __half, __half>
                                                               : run_gemm<float, __half, float>
                 : a_type == CUDA_R_16BF ? c_type == CUDA_R_16BF
                                               ? run_gemm<float, __nv_bfloat16, __nv_bfloat16>
                                               : run_gemm<float, __nv_bfloat16, float>
                                         : nullptr;
    if (!run)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return run(h, ta, tb, m, n, k, *(const float *)alpha, a, lda, b, ldb, *(const float *)beta, c,
               ldc, tf32);
}

cublasStatus_t cublasSgemv(cublasHandle_t h, cublasOperation_t ta, int m, int n, const float *alpha,
                           const float *a, int lda, const float *x, int incx, const float *beta,
                           float *y, int incy)
{
    return run_gemv(h, ta, m, n, *alpha, a, lda, x, incx, *beta, y, incy);
}

cublasStatus_t cublasDgemv(cublasHandle_t h, cublasOperation_t ta, int m, int n,
                           const double *alpha, const double *a, int lda, const double *x, int incx,
                           const double *beta, double *y, int incy)
{
    return run_gemv(h, ta, m, n, *alpha, a, lda, x, incx, *beta, y, incy);
}
