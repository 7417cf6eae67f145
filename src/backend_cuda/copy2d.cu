/* Strided copy of the CUDA backend: neighbouring threads copy neighbouring
 * elements of a row, so that rows of any length and offset stay coalesced. (The
 * runtime's own copy takes no pitch above 2 GiB.) */
#include "backend_cuda/cu.h"

namespace
{
enum { THREADS = 256 };
const size_t GRID_ROWS = 65535;

template <class T>
__global__ void copy2d_kernel(size_t rows, size_t cols, size_t ldy, size_t ldx, T *__restrict__ y,
                              const T *__restrict__ x)
{
    const size_t c = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (c >= cols)
        return;
    for (size_t r = blockIdx.y; r < rows; r += gridDim.y)
        y[r * ldy + c] = x[r * ldx + c];
}

template <class T>
int copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y, prism_mem x)
{
    const dim3 grid(cu_blocks(d->cols, THREADS),
                    (unsigned)(d->rows < GRID_ROWS ? d->rows : GRID_ROWS));

    return cu_launch(dev, "a strided copy", copy2d_kernel<T>, grid, dim3(THREADS), d->rows, d->cols,
                     d->ldy, d->ldx, (T *)y, (const T *)x);
}
} // namespace

int cu_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y, prism_mem x)
{
    switch (prism_dtype_size(d->dtype)) {
    case 1:
        return copy2d<unsigned char>(dev, d, y, x);
    case 2:
        return copy2d<unsigned short>(dev, d, y, x);
    case 4:
        return copy2d<float>(dev, d, y, x);
    case 8:
        return copy2d<struct cu_cf32>(dev, d, y, x);
    default:
        return copy2d<struct cu_cf64>(dev, d, y, x);
    }
}
