/* Sub-apertures of one spectrum, in the CUDA backend.
 *
 * Forward: one launch over field pixels, each of which has one pupil sample or
 * none. Floor: the field is written, pupil and spectrum are read inside the
 * boxes.
 *
 * Adjoint: one launch over spectrum pixels, which sum over the boxes that cover
 * them in order of b: no atomics, and the same bits each time. Floor: the
 * spectrum is written (and read if beta is 1), field and pupil are read inside
 * the boxes. Testing every box at every pixel would cost more than that where
 * boxes are many and small. So a block first marks the boxes that touch its
 * tile, and its threads take several pixels each, whose loads are in flight
 * together. Where a box is the whole grid, every tile is touched. */
#include "backend_cuda/cu.h"

namespace
{
enum { TILE_W = 32, TILE_H = 16, STEP = 8, ROWS = TILE_H / STEP, BOXES = TILE_W * STEP };

/* a mod n in [0,n), for negative a too. */
__device__ inline int wrap(int a, int n)
{
    const int r = a % n;
    return r < 0 ? r + n : r;
}

/* a mod n in [0,n), for a in [-n,2n). */
__device__ inline int fold(int a, int n)
{
    return a < 0 ? a + n : a >= n ? a - n : a;
}

template <class C> struct aperture {
    struct prism_subaperture_desc d;
    C *field, *spectrum;
    const C *pupil;
    const int32_t *origin, *index;
    bool add;
};

template <class C> __global__ void fwd_kernel(struct aperture<C> s)
{
    const struct prism_subaperture_desc &d = s.d;
    const int x = blockIdx.x * TILE_W + threadIdx.x, y = blockIdx.y * STEP + threadIdx.y,
              b = blockIdx.z;

    if (x >= d.ow || y >= d.oh)
        return;
    const int i = fold(y + d.ph / 2, d.oh), j = fold(x + d.pw / 2, d.ow);
    C v = {};
    if (i < d.ph && j < d.pw) {
        const int a = s.index[b], oy = s.origin[2 * a], ox = s.origin[2 * a + 1];
        const C p = s.pupil[((size_t)a * d.ph + i) * d.pw + j];
        const C z =
            s.spectrum[(size_t)fold(wrap(oy, d.h) + i, d.h) * d.w + fold(wrap(ox, d.w) + j, d.w)];
        v.re = p.re * z.re - p.im * z.im;
        v.im = p.re * z.im + p.im * z.re;
    }
    s.field[((size_t)b * d.oh + y) * d.ow + x] = v;
}

/* True if [a,a+p) and [b,b+q) overlap modulo n. */
__device__ inline bool meet(int a, int p, int b, int q, int n)
{
    return fold(b - a, n) < p || fold(a - b, n) < q;
}

template <class C> __global__ void __launch_bounds__(BOXES) adj_kernel(struct aperture<C> s)
{
    /* box_a < 0: the box does not touch the tile */
    __shared__ int box_a[BOXES], box_y[BOXES], box_x[BOXES];
    const struct prism_subaperture_desc &d = s.d;
    const int left = blockIdx.x * TILE_W, top = blockIdx.y * TILE_H,
              t = threadIdx.y * TILE_W + threadIdx.x;
    const int x = left + threadIdx.x, y = top + threadIdx.y;
    C sum[ROWS] = {};

    if (s.add)
        for (int k = 0; k < ROWS; k++)
            if (x < d.w && y + k * STEP < d.h)
                sum[k] = s.spectrum[(size_t)(y + k * STEP) * d.w + x];
    for (int first = 0; first < d.batch; first += BOXES) {
        const int n = min((int)BOXES, d.batch - first);
        __syncthreads();
        if (t < n) {
            const int a = s.index[first + t], oy = wrap(s.origin[2 * a], d.h);
            const int ox = wrap(s.origin[2 * a + 1], d.w);
            box_a[t] =
                meet(oy, d.ph, top, TILE_H, d.h) && meet(ox, d.pw, left, TILE_W, d.w) ? a : -1;
            box_y[t] = oy;
            box_x[t] = ox;
        }
        __syncthreads();
        for (int b = 0; b < n; b++) {
            if (box_a[b] < 0)
                continue;
            const int j = fold(x - box_x[b], d.w), fx = fold(j - d.pw / 2, d.ow);
            C p[ROWS] = {}, f[ROWS] = {};
#pragma unroll
            for (int k = 0; k < ROWS; k++) {
                const int i = fold(y + k * STEP - box_y[b], d.h), fy = fold(i - d.ph / 2, d.oh);
                if (x < d.w && y + k * STEP < d.h && i < d.ph && j < d.pw) {
                    p[k] = s.pupil[((size_t)box_a[b] * d.ph + i) * d.pw + j];
                    f[k] = s.field[((size_t)(first + b) * d.oh + fy) * d.ow + fx];
                }
            }
#pragma unroll
            for (int k = 0; k < ROWS; k++) { /* conj(pupil) field */
                sum[k].re += p[k].re * f[k].re + p[k].im * f[k].im;
                sum[k].im += p[k].re * f[k].im - p[k].im * f[k].re;
            }
        }
    }
    for (int k = 0; k < ROWS; k++)
        if (x < d.w && y + k * STEP < d.h)
            s.spectrum[(size_t)(y + k * STEP) * d.w + x] = sum[k];
}

template <class C>
aperture<C> on_device(const struct prism_subaperture_desc *d,
                      const struct prism_subaperture_args *a)
{
    return {*d,
            (C *)a->field,
            (C *)a->spectrum,
            (const C *)a->pupil,
            (const int32_t *)a->origin,
            (const int32_t *)a->index,
            a->beta != 0};
}

template <class C>
int fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
        const struct prism_subaperture_args *args)
{
    const dim3 grid(cu_blocks(d->ow, TILE_W), cu_blocks(d->oh, STEP), d->batch);

    return cu_launch(dev, "sub-apertures", fwd_kernel<C>, grid, dim3(TILE_W, STEP),
                     on_device<C>(d, args));
}

template <class C>
int adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
        const struct prism_subaperture_args *args)
{
    const dim3 grid(cu_blocks(d->w, TILE_W), cu_blocks(d->h, TILE_H));

    return cu_launch(dev, "sub-apertures, adjoint", adj_kernel<C>, grid, dim3(TILE_W, STEP),
                     on_device<C>(d, args));
}
} // namespace

int cu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                       const struct prism_subaperture_args *args)
{
    return d->dtype == PRISM_CF64 ? fwd<struct cu_cf64>(dev, d, args)
                                  : fwd<struct cu_cf32>(dev, d, args);
}

int cu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                       const struct prism_subaperture_args *args)
{
    return d->dtype == PRISM_CF64 ? adj<struct cu_cf64>(dev, d, args)
                                  : adj<struct cu_cf32>(dev, d, args);
}
