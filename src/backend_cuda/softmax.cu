/* Softmax over classes in the CUDA backend, one pixel a thread: neighbouring
 * threads read neighbouring pixels of a class. Floor, for a few classes of
 * large pictures: x is read twice (the second time mostly from the cache) and y
 * is written twice. */
#include "backend_cuda/vmath.h"

namespace
{
enum { THREADS = 256 };
const int GRID_PICTURES = 65535;

/* Class of the largest value of a pixel, whose class 0 is at x; NaN counts as
 * larger than any number. */
template <class T>
__device__ static inline int largest(const struct prism_softmax_desc &d, const T *x)
{
    int best = 0;
    T top = x[0];

    for (int c = 1; c < d.classes; c++) {
        const T v = x[c * d.pixels];
        if (v > top || (v != v && top == top)) {
            top = v;
            best = c;
        }
    }
    return best;
}

/* Softmax of each pixel; y may be x. */
template <class T> __global__ void fwd_kernel(struct prism_softmax_desc d, T *y, const T *x)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    for (int n = blockIdx.y; n < d.n && i < d.pixels; n += gridDim.y) {
        const size_t first = (size_t)n * d.classes * d.pixels + i;
        const T top = x[first + largest(d, x + first) * d.pixels];
        T sum = 0;
        for (int c = 0; c < d.classes; c++) {
            const T e = cu_exp(x[first + c * d.pixels] - top);
            y[first + c * d.pixels] = e;
            sum += e;
        }
        for (int c = 0; c < d.classes; c++)
            y[first + c * d.pixels] /= sum;
    }
}

/* Gradient of softmax; gx may be gy. */
template <class T>
__global__ void bwd_kernel(struct prism_softmax_desc d, T *gx, const T *gy, const T *__restrict__ y)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    for (int n = blockIdx.y; n < d.n && i < d.pixels; n += gridDim.y) {
        const size_t first = (size_t)n * d.classes * d.pixels + i;
        T sum = 0;
        for (int c = 0; c < d.classes; c++)
            sum += gy[first + c * d.pixels] * y[first + c * d.pixels];
        for (int c = 0; c < d.classes; c++)
            gx[first + c * d.pixels] = y[first + c * d.pixels] * (gy[first + c * d.pixels] - sum);
    }
}

template <class T>
__global__ void argmax_kernel(struct prism_softmax_desc d, int *__restrict__ y,
                              const T *__restrict__ x)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    for (int n = blockIdx.y; n < d.n && i < d.pixels; n += gridDim.y)
        y[n * d.pixels + i] = largest(d, x + (size_t)n * d.classes * d.pixels + i);
}

dim3 grid_of(const struct prism_softmax_desc *d)
{
    return dim3(cu_blocks(d->pixels, THREADS), d->n < GRID_PICTURES ? d->n : GRID_PICTURES);
}

template <class T>
int fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y, prism_mem x)
{
    return cu_launch(dev, "softmax", fwd_kernel<T>, grid_of(d), dim3(THREADS), *d, (T *)y,
                     (const T *)x);
}

template <class T>
int bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx, prism_mem gy,
        prism_mem y)
{
    return cu_launch(dev, "the gradient of softmax", bwd_kernel<T>, grid_of(d), dim3(THREADS), *d,
                     (T *)gx, (const T *)gy, (const T *)y);
}

template <class T>
int argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y, prism_mem x)
{
    return cu_launch(dev, "the largest class", argmax_kernel<T>, grid_of(d), dim3(THREADS), *d,
                     (int *)y, (const T *)x);
}
} // namespace

int cu_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                   prism_mem x)
{
    return d->dtype == PRISM_F64 ? fwd<double>(dev, d, y, x) : fwd<float>(dev, d, y, x);
}

int cu_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                   prism_mem gy, prism_mem y)
{
    return d->dtype == PRISM_F64 ? bwd<double>(dev, d, gx, gy, y) : bwd<float>(dev, d, gx, gy, y);
}

int cu_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y, prism_mem x)
{
    return d->dtype == PRISM_F64 ? argmax<double>(dev, d, y, x) : argmax<float>(dev, d, y, x);
}
