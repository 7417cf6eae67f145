/* Dense products of the CUDA backend, by cuBLAS, in true F32 and F64.
 *
 * cuBLAS is column-major. A row-major C = op(A) op(B) is its C^T = op(B)^T
 * op(A)^T, so the operands change places and nothing is transposed.
 * Matrix-vector shapes (the decoder's first layer) need no kernel of their own:
 * cuBLAS products with n = 1 already take one pass over the matrix.
 *
 * The first product makes the cuBLAS handle, which waits and allocates. A
 * caller that records a step must therefore run the step once before. */
#include "backend_cuda/cu.h"

enum { WORKSPACE = 32 << 20 }; /* bytes that cuBLAS recommends for sm_90; other devices need less */

/* Configures the handle. The workspace is set after the stream, because setting
 * a stream resets the workspace. */
static int configure(struct prism_dev *dev)
{
    struct cu_dev *d = cu(dev);

    CU_TRY(CU_CHECK_BLAS(dev, cublasSetStream(d->blas, d->stream), "preparing cuBLAS"));
    CU_TRY(cu_alloc(dev, WORKSPACE, "the workspace of cuBLAS", &d->blas_workspace));
    CU_TRY(CU_CHECK_BLAS(dev, cublasSetWorkspace(d->blas, d->blas_workspace, WORKSPACE),
                         "preparing cuBLAS"));
    return CU_CHECK_BLAS(dev, cublasSetMathMode(d->blas, CUBLAS_DEFAULT_MATH), "preparing cuBLAS");
}

int cu_need_blas(struct prism_dev *dev)
{
    struct cu_dev *d = cu(dev);
    int status;

    if (d->blas)
        return 0;
    if (d->capturing)
        return CU_FAIL(dev, PRISM_EINVAL,
                       "the first matrix product of a device cannot be recorded: run one step "
                       "before recording");
    cu_use(dev);
    CU_TRY(CU_CHECK_BLAS(dev, cublasCreate(&d->blas), "starting cuBLAS"));
    status = configure(dev);
    if (status)
        cu_drop_blas(dev);
    return status;
}

void cu_drop_blas(struct prism_dev *dev)
{
    struct cu_dev *d = cu(dev);

    cu_use(dev);
    if (d->blas)
        (void)cublasDestroy(d->blas);
    cu_free(dev, d->blas_workspace);
    d->blas = NULL;
    d->blas_workspace = NULL;
}

int cu_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c, prism_mem a,
            prism_mem b)
{
    cublasOperation_t op_a = d->ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                      op_b = d->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    int lda = d->ta ? d->m : d->k, ldb = d->tb ? d->k : d->n;
    cublasStatus_t e;

    CU_TRY(cu_need_blas(dev));
    cu_use(dev);
    if (d->dtype == PRISM_F64) {
        e = cublasDgemm(cu(dev)->blas, op_b, op_a, d->n, d->m, d->k, &d->alpha, (const double *)b,
                        ldb, (const double *)a, lda, &d->beta, (double *)c, d->n);
    } else {
        float alpha = (float)d->alpha, beta = (float)d->beta;
        e = cublasSgemm(cu(dev)->blas, op_b, op_a, d->n, d->m, d->k, &alpha, (const float *)b, ldb,
                        (const float *)a, lda, &beta, (float *)c, d->n);
    }
    return CU_CHECK_BLAS(dev, e, "a matrix product");
}
