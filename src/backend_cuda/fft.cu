/* Transforms of the CUDA backend, by cuFFT: one plan per size and batch, on the
 * device's stream, in a work area allocated here. cuFFT allocates nothing after
 * that, so a plan may run while a step is recorded. Where a line of a dimension
 * fits in shared memory, the floor is two passes over the data, 32 bytes per
 * F32 element. Factors take one more pass before and one after; the pass before
 * also moves the data to dst. */
#include "backend_cuda/cu.h"

#include <cufft.h>

#include <stdlib.h>

struct prism_fft {
    struct prism_dev *dev;
    struct prism_fft_desc desc;
    cufftHandle plan;
    bool planned; /* the plan exists; a single sample has none, because it is its own transform */
    void *work;
};

namespace
{
/* y = x times the factors of its row and its column, or times their conjugates
 * for sign > 0. y may be x. */
template <class T>
__global__ void scale_kernel(int h, int w, int sign, T *y, const T *x,
                             const T *__restrict__ factors)
{
    const int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;
    const size_t at = ((size_t)blockIdx.z * h + i) * w + j;

    if (j >= w || i >= h)
        return;
    const T a = factors[i], b = factors[h + j], v = x[at];
    const auto re = a.re * b.re - a.im * b.im, im = -sign * (a.re * b.im + a.im * b.re);
    y[at] = T{v.re * re - v.im * im, v.re * im + v.im * re};
}

/* Multiplies by one table of factors: the one that sign -1 uses after the
 * transform if `after`, else the one it uses before. */
template <class T>
int scale(const struct prism_fft *p, int sign, bool after, prism_mem y, prism_mem x)
{
    const struct prism_fft_desc *d = &p->desc;
    const T *factors = (const T *)d->factors + (after ? d->h + d->w : 0);
    const dim3 grid(cu_blocks(d->w, 32), cu_blocks(d->h, 8), d->batch);

    return cu_launch(p->dev, "the factors of a transform", scale_kernel<T>, grid, dim3(32, 8), d->h,
                     d->w, sign, (T *)y, (const T *)x, factors);
}

int scale_by_type(const struct prism_fft *p, int sign, bool after, prism_mem y, prism_mem x)
{
    return p->desc.dtype == PRISM_CF64 ? scale<struct cu_cf64>(p, sign, after, y, x)
                                       : scale<struct cu_cf32>(p, sign, after, y, x);
}
} // namespace

static const char *status_name(cufftResult e)
{
    switch (e) {
    case CUFFT_ALLOC_FAILED:
        return "CUFFT_ALLOC_FAILED";
    case CUFFT_INVALID_TYPE:
        return "CUFFT_INVALID_TYPE";
    case CUFFT_INVALID_VALUE:
        return "CUFFT_INVALID_VALUE";
    case CUFFT_INTERNAL_ERROR:
        return "CUFFT_INTERNAL_ERROR";
    case CUFFT_EXEC_FAILED:
        return "CUFFT_EXEC_FAILED";
    case CUFFT_SETUP_FAILED:
        return "CUFFT_SETUP_FAILED";
    case CUFFT_INVALID_SIZE:
        return "CUFFT_INVALID_SIZE";
    default:
        return "an error";
    }
}

static int check(const struct prism_fft *p, cufftResult e)
{
    const struct prism_fft_desc *d = &p->desc;
    int status = e == CUFFT_ALLOC_FAILED ? PRISM_ENOMEM
                 : e == CUFFT_INVALID_SIZE || e == CUFFT_INVALID_TYPE || e == CUFFT_INVALID_VALUE
                     ? PRISM_ENOTSUP
                     : PRISM_EDEVICE;
    if (e == CUFFT_SUCCESS)
        return 0;
    /* CUDA's error is nearer to the cause */
    CU_TRY(CU_CHECK(p->dev, cudaPeekAtLastError(), "a transform"));
    return CU_FAIL(
        p->dev, status,
        "cuFFT returned %s (%d) for %d transforms of %d x %d in %s; use another grid or a "
        "smaller batch",
        status_name(e), (int)e, d->batch, d->h, d->w, d->dtype == PRISM_CF64 ? "F64" : "F32");
}

static int make_plan(struct prism_fft *p)
{
    const struct prism_fft_desc *d = &p->desc;
    int n[2], rank = 0;
    size_t bytes = 0;

    if (d->h > 1) /* axes of one sample are left out */
        n[rank++] = d->h;
    if (d->w > 1)
        n[rank++] = d->w;
    if (!rank)
        return 0;
    cu_use(p->dev);
    CU_TRY(check(p, cufftCreate(&p->plan)));
    p->planned = true;
    CU_TRY(check(p, cufftSetAutoAllocation(p->plan, 0)));
    CU_TRY(check(p, cufftMakePlanMany(p->plan, rank, n, NULL, 1, d->h * d->w, NULL, 1, d->h * d->w,
                                      d->dtype == PRISM_CF64 ? CUFFT_Z2Z : CUFFT_C2C, d->batch,
                                      &bytes)));
    CU_TRY(cu_alloc(p->dev, bytes, "the work area of a transform", &p->work));
    CU_TRY(check(p, cufftSetWorkArea(p->plan, p->work)));
    return check(p, cufftSetStream(p->plan, cu(p->dev)->stream));
}

int cu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out)
{
    struct prism_fft *p = (struct prism_fft *)calloc(1, sizeof *p);
    int status;

    *out = NULL;
    if (!p)
        return CU_FAIL(dev, PRISM_ENOMEM, "no memory for the plan of a %d x %d transform", d->h,
                       d->w);
    p->dev = dev;
    p->desc = *d;
    status = make_plan(p);
    if (status)
        cu_fft_destroy(p);
    else
        *out = p;
    return status;
}

static int transform(struct prism_fft *p, int sign, prism_mem dst, prism_mem src)
{
    int direction = sign < 0 ? CUFFT_FORWARD : CUFFT_INVERSE;

    cu_use(p->dev);
    if (!p->planned)
        return dst == src ? 0
                          : cu_device_copy(p->dev, dst, src,
                                           (size_t)p->desc.batch * prism_dtype_size(p->desc.dtype));
    if (p->desc.dtype == PRISM_CF64)
        return check(p, cufftExecZ2Z(p->plan, (cufftDoubleComplex *)src, (cufftDoubleComplex *)dst,
                                     direction));
    return check(p, cufftExecC2C(p->plan, (cufftComplex *)src, (cufftComplex *)dst, direction));
}

int cu_fft_run(struct prism_fft *p, int sign, prism_mem dst, prism_mem src)
{
    if (!p->desc.factors)
        return transform(p, sign, dst, src);
    CU_TRY(scale_by_type(p, sign, sign > 0, dst, src));
    CU_TRY(transform(p, sign, dst, dst));
    return scale_by_type(p, sign, sign < 0, dst, dst);
}

void cu_fft_destroy(struct prism_fft *p)
{
    if (!p)
        return;
    cu_use(p->dev);
    if (p->planned)
        (void)cufftDestroy(p->plan);
    cu_free(p->dev, p->work);
    free(p);
}
