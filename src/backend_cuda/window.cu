/* Pad and crop in the CUDA backend: a copy of rectangles with zeros around
 * them. Floor: x is read once where it reaches y, and y is written once. A
 * thread takes one element, in tiles of 32 x 8, so that lines of any length and
 * offset stay coalesced and no thread divides. */
#include "backend_cuda/cu.h"

namespace
{
template <class T>
__global__ void window_kernel(struct prism_window_desc d, T *__restrict__ y,
                              const T *__restrict__ x)
{
    const int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y, p = blockIdx.z;
    const int from_j = j - d.dx, from_i = i - d.dy;

    if (j >= d.wy || i >= d.hy)
        return;
    T v = {};
    if (from_j >= 0 && from_j < d.wx && from_i >= 0 && from_i < d.hx)
        v = x[((size_t)p * d.hx + from_i) * d.wx + from_j];
    y[((size_t)p * d.hy + i) * d.wy + j] = v;
}

template <class T>
int window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x)
{
    const dim3 grid(cu_blocks(d->wy, 32), cu_blocks(d->hy, 8), d->planes);

    return cu_launch(dev, "pad or crop", window_kernel<T>, grid, dim3(32, 8), *d, (T *)y,
                     (const T *)x);
}
} // namespace

int cu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x)
{
    switch (d->dtype) {
    case PRISM_F32:
        return window<float>(dev, d, y, x);
    case PRISM_F64:
        return window<double>(dev, d, y, x);
    case PRISM_CF32:
        return window<struct cu_cf32>(dev, d, y, x);
    default:
        return window<struct cu_cf64>(dev, d, y, x);
    }
}
