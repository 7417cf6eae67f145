/* Amplitude misfit and its cotangent in one pass. Field and target are read and
 * the cotangent is written: 20 bytes a pixel (F32), which is the floor. A block
 * takes a stretch of one image. Each thread takes PIXELS pixels at a time, so
 * that their loads are in flight together; the output may be the input, so the
 * compiler may not move loads past stores. The last block of an image adds up
 * the blocks' sums. */
#include "backend_cuda/block.h"
#include "backend_cuda/vmath.h"

namespace
{
enum { THREADS = 256, PIXELS = 4, TILE = THREADS * PIXELS, BLOCKS_MAX = 512 };

template <class T, class C> struct misfit_run {
    size_t cols, span; /* span: pixels of a block */
    T *loss;
    C *gu;
    const C *u;
    const T *target, *weight;
    const int32_t *index;
    double *partials;
    unsigned *tickets;
};

/* Contribution of a pixel, for each misfit of misfit.def: its term of the loss
 * before weighting, and the slope by its modulus. */
template <class T> struct misfit_pixel {
    T term, slope;
};
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    struct misfit_##name {                                                                         \
        template <class T> static __device__ __forceinline__ misfit_pixel<T> at(T w, T m, T d)     \
        {                                                                                          \
            const T off = m - d;                                                                   \
            return {term, slope};                                                                  \
        }                                                                                          \
    };
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW

/* Returns the term of the loss before weighting; replaces u by its
 * cotangent. */
template <class M, class T, class C>
__device__ __forceinline__ T misfit_term(T weight, C *u, T target)
{
    const T m = cu_abs(u->re, u->im);
    const misfit_pixel<T> p = M::at(weight, m, target);

    u->re = m == 0 ? 0 : p.slope * (u->re / m);
    u->im = m == 0 ? 0 : p.slope * (u->im / m);
    return p.term;
}

template <class M, class T, class C>
__global__ void __launch_bounds__(THREADS) misfit_kernel(struct misfit_run<T, C> s)
{
    __shared__ double part[32];
    __shared__ bool last;
    const size_t row = blockIdx.y, a = s.index[row], begin = blockIdx.x * s.span,
                 end = min(s.cols, begin + s.span);
    const C *u = s.u + row * s.cols;
    C *gu = s.gu + row * s.cols;
    const T *target = s.target + a * s.cols, weight = s.weight[a];
    double total[1], *row_partials = s.partials + row * gridDim.x;
    T sum[1] = {0};

    for (size_t at = begin; at < end; at += TILE) {
        C z[PIXELS] = {};
        T d[PIXELS] = {};
#pragma unroll
        for (int k = 0; k < PIXELS; k++) {
            const size_t i = at + k * THREADS + threadIdx.x;
            if (i < end) {
                z[k] = u[i];
                d[k] = target[i];
            }
        }
#pragma unroll
        for (int k = 0; k < PIXELS; k++) {
            const size_t i = at + k * THREADS + threadIdx.x;
            sum[0] += misfit_term<M>(weight, &z[k], d[k]); /* the term is 0 past the end */
            if (i < end)
                gu[i] = z[k];
        }
    }
    cu_block_sums(sum, total, part);
    if (gridDim.x > 1) {
        if (threadIdx.x == 0)
            row_partials[blockIdx.x] = total[0];
        if (!cu_last_block(s.tickets + row, gridDim.x, &last))
            return;
        double all[1] = {0};
        for (unsigned i = threadIdx.x; i < gridDim.x; i += THREADS)
            all[0] += row_partials[i];
        cu_block_sums(all, total, part);
    }
    if (threadIdx.x == 0)
        s.loss[row] = (T)(weight * total[0]);
}

template <class M, class T, class C>
int misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
           const struct prism_misfit_args *args)
{
    misfit_run<T, C> s = {};
    const size_t most =
        CU_PARTIALS / d->batch < BLOCKS_MAX ? CU_PARTIALS / d->batch : (size_t)BLOCKS_MAX;

    s.cols = d->cols;
    s.span = (size_t)cu_blocks(cu_blocks(d->cols, TILE), most) * TILE;
    s.loss = (T *)args->loss;
    s.gu = (C *)args->gu;
    s.u = (const C *)args->u;
    s.target = (const T *)args->target;
    s.weight = (const T *)args->weight;
    s.index = (const int32_t *)args->index;
    s.partials = cu(dev)->partials;
    s.tickets = cu(dev)->tickets;
    return cu_launch(dev, "amplitude misfit", misfit_kernel<M, T, C>,
                     dim3(cu_blocks(d->cols, s.span), (unsigned)d->batch), THREADS, s);
}
} // namespace

int cu_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
              const struct prism_misfit_args *args)
{
    switch (d->kind) {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    case PRISM_MISFIT_##NAME:                                                                      \
        return d->dtype == PRISM_F64 ? misfit<misfit_##name, double, struct cu_cf64>(dev, d, args) \
                                     : misfit<misfit_##name, float, struct cu_cf32>(dev, d, args);
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
    default:
        return CU_FAIL(dev, PRISM_ENOTSUP, "misfit %d has no kernel", (int)d->kind);
    }
}
