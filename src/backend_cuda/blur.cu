/* Separable symmetric FIR with mirrored edges: along lines, then along columns,
 * with tmp between the passes.
 *
 * Floor: each of the two passes reads and writes the image once, and does 2
 * radius + 1 FMA a sample. The taps of neighbours overlap in the L1 cache, so
 * samples are read straight from memory. A thread computes ROWS outputs that
 * lie across the axis of the pass: each tap and each mirrored position is
 * computed once for all of them, and their loads are in flight together.
 *
 * The adjoint is a gather as well: sample c sums what it contributed to every
 * output, by itself and by its image in either mirror. */
#include "backend_cuda/cu.h"

namespace
{
enum { ROWS = 4, BLOCK_W = 32, BLOCK_H = 8 };

/* Index reflected at both ends without repeating the edge. One reflection is
 * enough, because |overshoot| < n. */
__device__ inline int mirror(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* One axis of n samples, `step` elements apart, for a thread that computes
 * sample c of several lines; line k begins at x + at[k]. */
template <class T> struct axis {
    const T *x, *taps;
    int n, c, radius;
    size_t step, at[ROWS];

    __device__ __forceinline__ void add(T (&sum)[ROWS], T tap, int position) const
    {
#pragma unroll
        for (int k = 0; k < ROWS; k++)
            sum[k] += tap * x[at[k] + (size_t)position * step];
    }
    __device__ __forceinline__ void forward(T (&sum)[ROWS]) const
    {
        for (int t = 0; t <= 2 * radius; t++)
            add(sum, __ldg(taps + t), mirror(c + t - radius, n));
    }
    /* sample q + radius - t read position q with tap t */
    __device__ __forceinline__ void adjoint(T (&sum)[ROWS]) const
    {
        const int image[3] = {c, -c, 2 * (n - 1) - c};

#pragma unroll
        for (int m = 0; m < 3; m++) {
            const int q = image[m] + radius;
            if (m > 0 && image[m] == c)
                continue;
            for (int t = max(0, q - (n - 1)); t <= min(2 * radius, q); t++)
                add(sum, __ldg(taps + t), q - t);
        }
    }
};

template <class T, bool ALONG_ROWS>
__global__ void blur_kernel(struct prism_blur_desc d, T *__restrict__ y, const T *__restrict__ x,
                            const T *__restrict__ taps)
{
    const size_t plane = (size_t)blockIdx.z * d.h * d.w;
    const int j = blockIdx.x * BLOCK_W * (ALONG_ROWS ? 1 : ROWS) + threadIdx.x;
    const int i = blockIdx.y * BLOCK_H * (ALONG_ROWS ? ROWS : 1) + threadIdx.y;
    T sum[ROWS] = {};
    struct axis<T> s;

    if (j >= d.w || i >= d.h)
        return;
    s.x = x + plane;
    s.taps = taps;
    s.radius = d.radius;
    s.n = ALONG_ROWS ? d.w : d.h;
    s.c = ALONG_ROWS ? j : i;
    s.step = ALONG_ROWS ? 1 : d.w;
    for (int k = 0; k < ROWS; k++) /* lines past the last repeat the last one */
        s.at[k] = ALONG_ROWS ? (size_t)min(i + k * BLOCK_H, d.h - 1) * d.w
                             : (size_t)min(j + k * BLOCK_W, d.w - 1);
    if (d.adjoint)
        s.adjoint(sum);
    else
        s.forward(sum);
    for (int k = 0; k < ROWS; k++)
        if (ALONG_ROWS ? i + k * BLOCK_H < d.h : j + k * BLOCK_W < d.w)
            y[plane + s.at[k] + s.c * s.step] = sum[k];
}

template <class T>
int blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x,
         prism_mem tmp, prism_mem taps)
{
    const dim3 block(BLOCK_W, BLOCK_H);
    const dim3 rows(cu_blocks(d->w, BLOCK_W), cu_blocks(d->h, BLOCK_H * ROWS), d->planes);
    const dim3 cols(cu_blocks(d->w, BLOCK_W * ROWS), cu_blocks(d->h, BLOCK_H), d->planes);

    CU_TRY(cu_launch(dev, "blur along rows", blur_kernel<T, true>, rows, block, *d, (T *)tmp,
                     (const T *)x, (const T *)taps));
    return cu_launch(dev, "blur along columns", blur_kernel<T, false>, cols, block, *d, (T *)y,
                     (const T *)tmp, (const T *)taps);
}
} // namespace

int cu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x,
            prism_mem tmp, prism_mem taps)
{
    return d->dtype == PRISM_F64 ? blur<double>(dev, d, y, x, tmp, taps)
                                 : blur<float>(dev, d, y, x, tmp, taps);
}
