/* Pooling of the CUDA backend, one result a thread. Forward, a thread computes
 * one window; backward, one pixel, as the sum over the windows that hold the
 * pixel, in their order. Floor: x is read about once (neighbouring windows
 * share cache lines), y and index are written once. */
#include "backend_cuda/cu.h"

namespace
{
__device__ static inline int highest(int a, int b)
{
    return a > b ? a : b;
}
__device__ static inline int lowest(int a, int b)
{
    return a < b ? a : b;
}

/* Windows, of n along an axis, that hold sample i: first_window() to
 * end_window() - 1. */
__device__ static inline int first_window(const struct prism_pool_desc &d, int i)
{
    return i + d.pad < d.k ? 0 : (i + d.pad - d.k) / d.stride + 1;
}
__device__ static inline int end_window(const struct prism_pool_desc &d, int i, int n)
{
    return lowest((i + d.pad) / d.stride + 1, n);
}

const int GRID_PLANES = 65535;

/* Grid for h x w results in several planes: a block has 8 x 32 results; planes
 * past the limit of a grid are looped over. */
static dim3 grid_of(int h, int w, int planes)
{
    return dim3(cu_blocks(w, 32), cu_blocks(h, 8), planes < GRID_PLANES ? planes : GRID_PLANES);
}

template <class T>
__global__ void pool_fwd_kernel(struct prism_pool_desc d, int oh, int ow, T *__restrict__ y,
                                int *__restrict__ index, const T *__restrict__ x)
{
    const int ox = blockIdx.x * 32 + threadIdx.x, oy = blockIdx.y * 8 + threadIdx.y;
    const int i0 = highest(oy * d.stride - d.pad, 0), i1 = lowest(oy * d.stride - d.pad + d.k, d.h);
    const int j0 = highest(ox * d.stride - d.pad, 0), j1 = lowest(ox * d.stride - d.pad + d.k, d.w);

    for (int p = blockIdx.z; p < d.planes && ox < ow && oy < oh; p += gridDim.z) {
        const T *plane = x + (size_t)p * d.h * d.w;
        const size_t at = ((size_t)p * oh + oy) * ow + ox;
        int best = i0 * d.w + j0;
        T largest = plane[best], sum = 0;
        for (int i = i0; i < i1; i++)
            for (int j = j0; j < j1; j++) {
                const T v = plane[i * d.w + j];
                sum += v;
                if (v > largest || (v != v && largest == largest)) {
                    largest = v;
                    best = i * d.w + j;
                }
            }
        y[at] = d.kind == PRISM_POOL_MAX ? largest : sum / ((i1 - i0) * (j1 - j0));
        if (d.kind == PRISM_POOL_MAX)
            index[at] = best;
    }
}

/* Gradient that window (oy,ox) of a plane gives to each of its pixels, where
 * the window's own gradient is g. */
template <class T>
__device__ static inline T mean_share(const struct prism_pool_desc &d, int oy, int ox, T g)
{
    const int rows = lowest(oy * d.stride - d.pad + d.k, d.h) - highest(oy * d.stride - d.pad, 0);
    const int cols = lowest(ox * d.stride - d.pad + d.k, d.w) - highest(ox * d.stride - d.pad, 0);

    return g / (rows * cols);
}

template <class T>
__global__ void pool_bwd_kernel(struct prism_pool_desc d, int oh, int ow, T *__restrict__ gx,
                                const T *__restrict__ gy, const int *__restrict__ index)
{
    const int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;

    for (int p = blockIdx.z; p < d.planes && j < d.w && i < d.h; p += gridDim.z) {
        T sum = 0;
        for (int oy = first_window(d, i); oy < end_window(d, i, oh); oy++)
            for (int ox = first_window(d, j); ox < end_window(d, j, ow); ox++) {
                const size_t at = ((size_t)p * oh + oy) * ow + ox;
                if (d.kind == PRISM_POOL_MEAN)
                    sum += mean_share(d, oy, ox, gy[at]);
                else if (index[at] == i * d.w + j)
                    sum += gy[at];
            }
        gx[((size_t)p * d.h + i) * d.w + j] = sum;
    }
}

template <class T>
int pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y, prism_mem index,
             prism_mem x)
{
    const int oh = prism_pool_out(d, d->h), ow = prism_pool_out(d, d->w);

    return cu_launch(dev, "pooling", pool_fwd_kernel<T>, grid_of(oh, ow, d->planes), dim3(32, 8),
                     *d, oh, ow, (T *)y, (int *)index, (const T *)x);
}

template <class T>
int pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx, prism_mem gy,
             prism_mem index)
{
    const int oh = prism_pool_out(d, d->h), ow = prism_pool_out(d, d->w);

    return cu_launch(dev, "the gradient of pooling", pool_bwd_kernel<T>,
                     grid_of(d->h, d->w, d->planes), dim3(32, 8), *d, oh, ow, (T *)gx,
                     (const T *)gy, (const int *)index);
}
} // namespace

int cu_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                prism_mem index, prism_mem x)
{
    return d->dtype == PRISM_F64 ? pool_fwd<double>(dev, d, y, index, x)
                                 : pool_fwd<float>(dev, d, y, index, x);
}

int cu_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx, prism_mem gy,
                prism_mem index)
{
    return d->dtype == PRISM_F64 ? pool_bwd<double>(dev, d, gx, gy, index)
                                 : pool_bwd<float>(dev, d, gx, gy, index);
}
