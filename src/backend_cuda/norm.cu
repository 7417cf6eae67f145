/* Per-channel normalisation with scale, shift and activation, and its backward
 * pass.
 *
 * Floor: forward reads x and writes y; backward reads x and gy and writes gx.
 * Rows that fit a block's registers (1024 threads of 16 elements, 8 for F64)
 * reach the floor in one launch: a block keeps its row, computes the mean, then
 * the variance about the mean, and writes. Longer rows are few and take two
 * launches. In the first, each block sums a stretch of a row, and the row's
 * last block finishes the row's sums. The second launch runs in reverse order,
 * because what the first read last is still in the L2 cache. Sums are float
 * within a warp and double between warps and blocks: double is slow on small
 * cards, so only one warp of a block uses it. Variances are combined from each
 * stretch's own mean, never from mean squares. */
#include "backend_cuda/block.h"
#include "backend_cuda/vmath.h"

namespace
{
enum { ROW_THREADS = 1024, TILE_THREADS = 256 };

/* Up to RUNS runs of 16 bytes a thread, of the consecutive elements p[0..left).
 * v holds them as numbers, with 0 past the last element. wide: p is aligned to
 * 16 bytes, and left is a multiple of a run. */
template <class T> struct tile {
    typedef typename cu_acc<T>::type A;
    enum { RUN = 16 / sizeof(T), RUNS = sizeof(T) == 2 ? 2 : 4, N = RUNS * RUN };
    A v[N];

    static __device__ __forceinline__ int at(int k)
    {
        return (k / RUN * (int)blockDim.x + (int)threadIdx.x) * RUN + k % RUN;
    }
    __device__ __forceinline__ void load(const T *p, int left, bool wide)
    {
        typedef struct cu_pack<T, RUN> run;
        run raw[RUNS] = {};

        if (wide) {
#pragma unroll
            for (int r = 0; r < RUNS; r++)
                if (at(r * RUN) < left)
                    raw[r] = *(const run *)(p + at(r * RUN));
        } else {
#pragma unroll
            for (int k = 0; k < N; k++)
                if (at(k) < left)
                    raw[k / RUN].v[k % RUN] = p[at(k)];
        }
#pragma unroll
        for (int k = 0; k < N; k++)
            v[k] = cu_load(&raw[k / RUN].v[k % RUN]);
    }
    __device__ __forceinline__ void store(T *p, int left, bool wide) const
    {
        typedef struct cu_pack<T, RUN> run;
        run raw[RUNS];

#pragma unroll
        for (int k = 0; k < N; k++)
            cu_store(&raw[k / RUN].v[k % RUN], v[k]);
        if (wide) {
#pragma unroll
            for (int r = 0; r < RUNS; r++)
                if (at(r * RUN) < left)
                    *(run *)(p + at(r * RUN)) = raw[r];
        } else {
#pragma unroll
            for (int k = 0; k < N; k++)
                if (at(k) < left)
                    p[at(k)] = raw[k / RUN].v[k % RUN];
        }
    }
};

template <class T> struct norm_run {
    typedef typename cu_acc<T>::type A;
    enum prism_act act;
    bool wide;
    size_t rows, cols, span; /* span: columns of a block, a multiple of its tile */
    unsigned per_image;      /* blocks of a row in one image */
    double inv_n;            /* 1/elements of a row over all images */
    A eps;
    const T *x, *gy;
    T *y, *gx;
    A *mean, *var, *rstd, *ggamma, *gbeta;
    const A *gamma, *beta;
    double2 *partials;
    unsigned *tickets;
};

/* Parameters of a row. */
template <class A> struct affine {
    A mean, rstd, gamma, beta;
};

template <class T>
__device__ __forceinline__ affine<typename cu_acc<T>::type> affine_of(const norm_run<T> &s,
                                                                      size_t row)
{
    return {s.mean[row], s.rstd[row], s.gamma[row], s.beta[row]};
}

/* Replaces x by act(normalised x, scaled and shifted). */
template <class T>
__device__ __forceinline__ void normalize(tile<T> &x, struct affine<typename cu_acc<T>::type> p,
                                          enum prism_act act)
{
    cu_with_act(act, [&](auto is) {
#pragma unroll
        for (int k = 0; k < tile<T>::N; k++)
            x.v[k] = cu_act(is.value, (x.v[k] - p.mean) * p.rstd * p.gamma + p.beta);
    });
}

/* Replaces x by normalised x, and gy by g = gy act'(...). */
template <class T>
__device__ __forceinline__ void
slopes(tile<T> &x, tile<T> &g, struct affine<typename cu_acc<T>::type> p, enum prism_act act)
{
    cu_with_act(act, [&](auto is) {
#pragma unroll
        for (int k = 0; k < tile<T>::N; k++) {
            x.v[k] = (x.v[k] - p.mean) * p.rstd;
            g.v[k] *= cu_act_slope(is.value, x.v[k] * p.gamma + p.beta);
        }
    });
}

/* Replaces g by gx; mean_g and mean_gx are the means over the row of g and of g
 * times normalised x. */
template <class T, class A>
__device__ __forceinline__ void gradient(const tile<T> &x, tile<T> &g, struct affine<A> p, A mean_g,
                                         A mean_gx)
{
#pragma unroll
    for (int k = 0; k < tile<T>::N; k++)
        g.v[k] = p.gamma * p.rstd * (g.v[k] - (mean_g + x.v[k] * mean_gx));
}

/* Returns in thread 0 the mean of a tile's first `left` elements and their sum
 * of squares about it. *shared_mean gets the rounded mean. */
template <class T>
__device__ __forceinline__ double2 moments(const tile<T> &x, int left, double inv_left,
                                           double *part, typename cu_acc<T>::type *shared_mean)
{
    typedef typename cu_acc<T>::type A;
    A sum[1] = {0};
    double total[1] = {0}, mean = 0;

#pragma unroll
    for (int k = 0; k < tile<T>::N; k++)
        sum[0] += x.v[k];
    cu_block_sums(sum, total, part);
    if (threadIdx.x == 0) {
        mean = total[0] * inv_left;
        *shared_mean = (A)mean;
    }
    __syncthreads();
    const A about = *shared_mean;
    sum[0] = 0;
#pragma unroll
    for (int k = 0; k < tile<T>::N; k++)
        sum[0] += x.at(k) < left ? (x.v[k] - about) * (x.v[k] - about) : 0;
    cu_block_sums(sum, total, part);
    const double off = mean - about; /* error from rounding the mean */
    return make_double2(mean, total[0] - off * off * left);
}

/* Stores a row's statistics, from its mean and its sum of squares about the
 * mean. */
template <class T>
__device__ __forceinline__ void put_stats(const norm_run<T> &s, size_t row, double mean,
                                          double squares)
{
    typedef typename cu_acc<T>::type A;
    const A var = (A)(squares * s.inv_n);

    s.mean[row] = (A)mean;
    s.var[row] = var;
    s.rstd[row] = 1 / cu_sqrt(var + s.eps);
}

/* ---- rows that fit a block ---- */

template <class T> __global__ void __launch_bounds__(ROW_THREADS) fwd_row(norm_run<T> s)
{
    __shared__ double part[32];
    __shared__ typename cu_acc<T>::type mean;
    const size_t row = blockIdx.x;
    const int cols = (int)s.cols;
    tile<T> x;

    x.load(s.x + row * s.cols, cols, s.wide);
    const double2 m = moments(x, cols, s.inv_n, part, &mean);
    if (threadIdx.x == 0)
        put_stats(s, row, m.x, m.y);
    __syncthreads();
    normalize(x, affine_of(s, row), s.act);
    x.store(s.y + row * s.cols, cols, s.wide);
}

template <class T> __global__ void __launch_bounds__(ROW_THREADS) bwd_row(norm_run<T> s)
{
    typedef typename cu_acc<T>::type A;
    __shared__ double part[64];
    const size_t row = blockIdx.x;
    const int cols = (int)s.cols;
    double total[2];
    A sum[2] = {0, 0};
    tile<T> x, g;

    x.load(s.x + row * s.cols, cols, s.wide);
    g.load(s.gy + row * s.cols, cols, s.wide);
    slopes(x, g, affine_of(s, row), s.act);
#pragma unroll
    for (int k = 0; k < tile<T>::N; k++) {
        sum[0] += g.v[k];
        sum[1] += g.v[k] * x.v[k];
    }
    cu_block_sums(sum, total, part);
    if (threadIdx.x == 0) {
        s.gbeta[row] = (A)total[0];
        s.ggamma[row] = (A)total[1];
    }
    __syncthreads();
    gradient(x, g, affine_of(s, row), s.gbeta[row] * (A)s.inv_n, s.ggamma[row] * (A)s.inv_n);
    g.store(s.gx + row * s.cols, cols, s.wide);
}

/* ---- longer rows, and batches ----
 *
 * Block (b, row) takes the columns from (b % per_image) span on, `span` of
 * them, of image b / per_image. */

/* Calls f(first element, columns left) for each tile of a block's stretch of a
 * row. */
template <class T, class F>
__device__ __forceinline__ void each_tile(const norm_run<T> &s, size_t row, size_t block, F f)
{
    const int size = TILE_THREADS * tile<T>::N;
    const size_t image = block / s.per_image, begin = block % s.per_image * s.span,
                 end = min(s.cols, begin + s.span);

    for (size_t c = begin; c < end; c += size)
        f((image * s.rows + row) * s.cols + c, (int)min((size_t)size, end - c));
}

template <class T> __global__ void __launch_bounds__(TILE_THREADS) fwd_sums(norm_run<T> s)
{
    __shared__ double part[32];
    __shared__ typename cu_acc<T>::type about;
    __shared__ double row_mean;
    __shared__ bool last;
    const size_t row = blockIdx.y;
    const unsigned blocks = gridDim.x;
    double2 *partials = s.partials + row * blocks, m = make_double2(0, 0);
    double n = 0;

    each_tile(s, row, blockIdx.x, [&](size_t at, int left) {
        tile<T> x;
        x.load(s.x + at, left, s.wide);
        const double2 own = moments(x, left, 1.0 / left, part, &about);
        const double off = own.x - m.x; /* combination by Chan, Golub and LeVeque */
        m.y += own.y + off * off * n * left / (n + left);
        m.x += off * left / (n + left);
        n += left;
    });
    if (threadIdx.x == 0)
        partials[blockIdx.x] = m;
    if (!cu_last_block(s.tickets + row, blocks, &last))
        return;
    double sum[1] = {0}, total[1];
    for (unsigned b = threadIdx.x; b < blocks; b += TILE_THREADS)
        sum[0] += partials[b].x * (double)min(s.span, s.cols - b % s.per_image * s.span);
    cu_block_sums(sum, total, part);
    if (threadIdx.x == 0)
        row_mean = total[0] * s.inv_n;
    __syncthreads();
    sum[0] = 0;
    for (unsigned b = threadIdx.x; b < blocks; b += TILE_THREADS) {
        const double2 own = partials[b];
        sum[0] += own.y + (own.x - row_mean) * (own.x - row_mean) *
                              (double)min(s.span, s.cols - b % s.per_image * s.span);
    }
    cu_block_sums(sum, total, part);
    if (threadIdx.x == 0)
        put_stats(s, row, row_mean, total[0]);
}

template <class T> __global__ void __launch_bounds__(TILE_THREADS) fwd_apply(norm_run<T> s)
{
    const size_t row = gridDim.y - 1 - blockIdx.y;
    const struct affine<typename cu_acc<T>::type> p = affine_of(s, row);

    each_tile(s, row, gridDim.x - 1 - blockIdx.x, [&](size_t at, int left) {
        tile<T> x;
        x.load(s.x + at, left, s.wide);
        normalize(x, p, s.act);
        x.store(s.y + at, left, s.wide);
    });
}

template <class T> __global__ void __launch_bounds__(TILE_THREADS) bwd_sums(norm_run<T> s)
{
    typedef typename cu_acc<T>::type A;
    __shared__ double part[64];
    __shared__ bool last;
    const size_t row = blockIdx.y;
    const unsigned blocks = gridDim.x;
    const struct affine<A> p = affine_of(s, row);
    double2 *partials = s.partials + row * blocks;
    double total[2], all[2] = {0, 0};
    A sum[2] = {0, 0};

    each_tile(s, row, blockIdx.x, [&](size_t at, int left) {
        tile<T> x, g;
        x.load(s.x + at, left, s.wide);
        g.load(s.gy + at, left, s.wide);
        slopes(x, g, p, s.act);
#pragma unroll
        for (int k = 0; k < tile<T>::N; k++) {
            sum[0] += g.v[k];
            sum[1] += g.v[k] * x.v[k];
        }
    });
    cu_block_sums(sum, total, part);
    if (threadIdx.x == 0)
        partials[blockIdx.x] = make_double2(total[0], total[1]);
    if (!cu_last_block(s.tickets + row, blocks, &last))
        return;
    for (unsigned b = threadIdx.x; b < blocks; b += TILE_THREADS) {
        all[0] += partials[b].x;
        all[1] += partials[b].y;
    }
    cu_block_sums(all, total, part);
    if (threadIdx.x == 0) {
        s.gbeta[row] = (A)total[0];
        s.ggamma[row] = (A)total[1];
    }
}

template <class T> __global__ void __launch_bounds__(TILE_THREADS) bwd_apply(norm_run<T> s)
{
    typedef typename cu_acc<T>::type A;
    const size_t row = gridDim.y - 1 - blockIdx.y;
    const struct affine<A> p = affine_of(s, row);
    const A mean_g = s.gbeta[row] * (A)s.inv_n, mean_gx = s.ggamma[row] * (A)s.inv_n;

    each_tile(s, row, gridDim.x - 1 - blockIdx.x, [&](size_t at, int left) {
        tile<T> x, g;
        x.load(s.x + at, left, s.wide);
        g.load(s.gy + at, left, s.wide);
        slopes(x, g, p, s.act);
        gradient(x, g, p, mean_g, mean_gx);
        g.store(s.gx + at, left, s.wide);
    });
}

/* ---- launches ---- */

template <class T>
norm_run<T> norm_args(struct prism_dev *dev, const struct prism_norm_desc *d,
                      const struct prism_norm_args *a)
{
    typedef typename cu_acc<T>::type A;
    norm_run<T> s = {};

    s.act = d->act;
    s.wide = d->cols % tile<T>::RUN == 0 && cu_wide(a->x) && cu_wide(a->y) && cu_wide(a->gy) &&
             cu_wide(a->gx);
    s.rows = d->rows;
    s.cols = d->cols;
    s.inv_n = 1.0 / ((double)d->n * (double)d->cols);
    s.eps = (A)d->eps;
    s.x = (const T *)a->x;
    s.gy = (const T *)a->gy;
    s.y = (T *)a->y;
    s.gx = (T *)a->gx;
    s.mean = (A *)a->stats;
    s.var = s.mean + d->rows;
    s.rstd = s.var + d->rows;
    s.gamma = (const A *)a->gamma;
    s.beta = (const A *)a->beta;
    s.ggamma = (A *)a->ggamma;
    s.gbeta = (A *)a->gbeta;
    s.partials = (double2 *)cu(dev)->partials;
    s.tickets = cu(dev)->tickets;
    return s;
}

/* Launches row_kernel for rows that fit a block, else sums and then apply. */
template <class T>
int launch(struct prism_dev *dev, const struct prism_norm_desc *d,
           const struct prism_norm_args *args, const char *what, void (*row_kernel)(norm_run<T>),
           void (*sums)(norm_run<T>), void (*apply)(norm_run<T>))
{
    const size_t size = (size_t)TILE_THREADS * tile<T>::N; /* elements of a tile */
    const size_t tiles = cu_blocks(d->cols, size), share = CU_PARTIALS / 2 / d->rows / d->n,
                 blocks_max = share ? share : 1;
    norm_run<T> s = norm_args<T>(dev, d, args);

    if (d->n == 1 && d->cols <= (size_t)ROW_THREADS * tile<T>::N) {
        const unsigned threads = 32 * cu_blocks(d->cols, 32 * tile<T>::RUN);
        return cu_launch(dev, what, row_kernel, (unsigned)d->rows,
                         threads < ROW_THREADS ? threads : (unsigned)ROW_THREADS, s);
    }
    s.span = (tiles + blocks_max - 1) / blocks_max * size;
    s.per_image = cu_blocks(d->cols, s.span);
    const dim3 grid((unsigned)d->n * s.per_image, (unsigned)d->rows);
    CU_TRY(cu_launch(dev, what, sums, grid, TILE_THREADS, s));
    return cu_launch(dev, what, apply, grid, TILE_THREADS, s);
}

template <class T>
int fwd(struct prism_dev *dev, const struct prism_norm_desc *d, const struct prism_norm_args *args)
{
    return launch<T>(dev, d, args, "normalisation", fwd_row<T>, fwd_sums<T>, fwd_apply<T>);
}

template <class T>
int bwd(struct prism_dev *dev, const struct prism_norm_desc *d, const struct prism_norm_args *args)
{
    return launch<T>(dev, d, args, "normalisation, backward", bwd_row<T>, bwd_sums<T>,
                     bwd_apply<T>);
}
} // namespace

int cu_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                    const struct prism_norm_args *args)
{
    switch (d->dtype) {
    case PRISM_F64:
        return fwd<double>(dev, d, args);
    case PRISM_F16:
        return fwd<__half>(dev, d, args);
    case PRISM_BF16:
        return fwd<__nv_bfloat16>(dev, d, args);
    default:
        return fwd<float>(dev, d, args);
    }
}

int cu_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                    const struct prism_norm_args *args)
{
    switch (d->dtype) {
    case PRISM_F64:
        return bwd<double>(dev, d, args);
    case PRISM_F16:
        return bwd<__half>(dev, d, args);
    case PRISM_BF16:
        return bwd<__nv_bfloat16>(dev, d, args);
    default:
        return bwd<float>(dev, d, args);
    }
}
