/* Convolution with a single output pixel that sees a whole image: y[rows] =
 * W[rows,n] x[n] for each image. The decoder's first layer has this shape.
 *
 * Floor: the bytes of W, 34 MB at 1024 x 8192 in F32: 10 us at 3.3 TB/s, 175 us
 * at 192 GB/s. That needs about 20 KB in flight on each processor, so every
 * thread has DEEP 16-byte loads of W at once, and there are about 4 blocks of 8
 * warps for each processor. Each image reads W once, in one launch:
 *
 *   fwd    a block for each row; x stays in the first-level cache.
 *   bwd_x  a block for 32 runs of 16 bytes of columns and a chunk of rows; each
 *          warp takes every 8th of those rows. The blocks of a column write
 *          partial sums, which the last block adds in order.
 *   bwd_w  an outer product; a thread keeps its run of x for OUTER_ROWS
 * rows. */
#include "backend_cuda/block.h"
#include "backend_cuda/conv.h"

enum { WARPS = 8, THREADS = 32 * WARPS, OUTER_ROWS = 16, BLOCKS_PER_SM = 4, DEEP = 4 };

template <class T, int V, class A> __device__ __forceinline__ void load_run(A (&v)[V], const T *p)
{
    const cu_pack<T, V> run = *reinterpret_cast<const cu_pack<T, V> *>(p);
#pragma unroll
    for (int i = 0; i < V; i++)
        v[i] = cu_load(run.v + i);
}

template <int V, class A> __device__ __forceinline__ A dot(const A (&a)[V], const A (&b)[V])
{
    A sum = 0;
#pragma unroll
    for (int j = 0; j < V; j++)
        sum += a[j] * b[j];
    return sum;
}

template <int V, class A> __device__ __forceinline__ void add(A (&sum)[V], A g, const A (&v)[V])
{
#pragma unroll
    for (int j = 0; j < V; j++)
        sum[j] += g * v[j];
}

template <class T, int V>
static __global__ void __launch_bounds__(THREADS)
    conv_point_fwd(T *y, const T *w, const T *x, size_t n)
{
    typedef typename cu_acc<T>::type A;
    __shared__ double part[32];
    const T *row = w + blockIdx.x * n;
    size_t i = (size_t)threadIdx.x * V;
    A sum[1] = {0};
    double total[1] = {0};

    for (; i + (DEEP - 1) * THREADS * V < n; i += DEEP * THREADS * V) {
        A a[DEEP][V], b[DEEP][V];
#pragma unroll
        for (int u = 0; u < DEEP; u++)
            load_run<T, V>(a[u], row + i + u * THREADS * V);
#pragma unroll
        for (int u = 0; u < DEEP; u++)
            load_run<T, V>(b[u], x + i + u * THREADS * V);
#pragma unroll
        for (int u = 0; u < DEEP; u++)
            sum[0] += dot<V>(a[u], b[u]);
    }
    for (; i < n; i += THREADS * V) {
        A a[V], b[V];
        load_run<T, V>(a, row + i);
        load_run<T, V>(b, x + i);
        sum[0] += dot<V>(a, b);
    }
    cu_block_sums<1>(sum, total, part);
    if (threadIdx.x == 0)
        cu_store(y + blockIdx.x, (A)total[0]);
}

/* part: [gridDim.y,n]; tickets: [gridDim.x], zero before the launch. */
template <class T, int V, class A>
static __global__ void __launch_bounds__(THREADS)
    conv_point_bwd_x(T *gx, const T *w, const T *gy, A *part, unsigned *tickets, int rows,
                     int chunk, size_t n)
{
    __shared__ A sums[WARPS][32 * V];
    __shared__ bool last;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32,
              to = min(rows, (int)(blockIdx.y + 1) * chunk);
    const size_t first = (size_t)blockIdx.x * 32 * V, run = first + lane * V,
                 column = first + threadIdx.x;
    A sum[V] = {};

    if (run < n) {
        int r = blockIdx.y * chunk + warp;
        for (; r + (DEEP - 1) * WARPS < to; r += DEEP * WARPS) {
            A v[DEEP][V];
#pragma unroll
            for (int u = 0; u < DEEP; u++)
                load_run<T, V>(v[u], w + (r + u * WARPS) * n + run);
#pragma unroll
            for (int u = 0; u < DEEP; u++)
                add<V>(sum, (A)cu_load(gy + r + u * WARPS), v[u]);
        }
        for (; r < to; r += WARPS) {
            A v[V];
            load_run<T, V>(v, w + r * n + run);
            add<V>(sum, (A)cu_load(gy + r), v);
        }
    }
#pragma unroll
    for (int j = 0; j < V; j++)
        sums[warp][lane * V + j] = sum[j];
    __syncthreads();
    const bool mine = threadIdx.x < 32 * V && column < n;
    if (mine) {
        A total = 0;
        for (int i = 0; i < WARPS; i++)
            total += sums[i][threadIdx.x];
        part[blockIdx.y * n + column] = total;
    }
    __threadfence();
    __syncthreads();
    if (!cu_last_block(tickets + blockIdx.x, gridDim.y, &last) || !mine)
        return;
    double total = 0;
    for (unsigned i = 0; i < gridDim.y; i++)
        total += part[i * n + column];
    cu_store(gx + column, (A)total);
}

template <class T, int V, class A>
static __global__ void __launch_bounds__(THREADS)
    conv_point_bwd_w(A *gw, const T *gy, const T *x, int rows, size_t n, bool add)
{
    const size_t column = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    const int from = blockIdx.y * OUTER_ROWS, to = min(rows, from + OUTER_ROWS);
    A v[V];

    if (column >= n) /* gw is added to if `add` is set */
        return;
#pragma unroll
    for (int j = 0; j < V; j++)
        v[j] = cu_load(x + column + j);
    gw += from * n + column;
#pragma unroll 1 /* unrolled, the compiler splits the store */
    for (int r = from; r < to; r++, gw += n) {
        const A g = cu_load(gy + r);
        cu_pack<A, V> out;
#pragma unroll
        for (int j = 0; j < V; j++)
            out.v[j] = (add ? gw[j] : 0) + g * v[j];
        *reinterpret_cast<cu_pack<A, V> *>(gw) = out;
    }
}

/* Rows that a block of bwd_x sums: few enough for enough blocks, but at least
 * DEEP rows a warp. */
static int row_chunk(const struct prism_conv *c, size_t bytes)
{
    const int rows = c->d.cout, columns = (int)cu_blocks(conv_patch(c) * bytes, 32 * 16);
    int chunks = BLOCKS_PER_SM * cu(c->dev)->sm_count / columns,
        most = (int)cu_blocks((size_t)rows, DEEP * WARPS);

    chunks = chunks < 1 ? 1 : chunks > most ? most : chunks;
    return (rows + chunks - 1) / chunks;
}

/* Bytes of the partial sums. The tickets follow them in scratch, at most one
 * for each column of blocks. */
template <class T> static size_t part_bytes(const struct prism_conv *c)
{
    const int chunk = row_chunk(c, sizeof(T));
    return cu_blocks((size_t)c->d.cout, (size_t)chunk) * conv_patch(c) *
           sizeof(typename cu_acc<T>::type);
}

template <class T> static size_t point_scratch(const struct prism_conv *c)
{
    return part_bytes<T>(c) + cu_blocks(conv_patch(c), 32) * sizeof(unsigned);
}

template <class T> static int point_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    enum { V = 16 / sizeof(T) };
    const size_t n = conv_patch(c);
    const bool wide = n % V == 0 && cu_wide(x) && cu_wide(w);

    for (int i = 0; i < c->d.n; i++)
        CU_TRY(cu_launch(c->dev, "a convolution",
                         wide ? conv_point_fwd<T, V> : conv_point_fwd<T, 1>, dim3(c->d.cout),
                         dim3(THREADS), (T *)y + i * conv_y(c), (const T *)w, (const T *)x + i * n,
                         n));
    return 0;
}

template <class T>
static int point_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    typedef typename cu_acc<T>::type A;
    enum { V = 16 / sizeof(T) };
    const size_t n = conv_patch(c);
    const int chunk = row_chunk(c, sizeof(T));
    const bool wide = n % V == 0 && cu_wide(w);
    const dim3 grid(cu_blocks(n, wide ? 32 * V : 32), cu_blocks((size_t)c->d.cout, (size_t)chunk));

    for (int i = 0; i < c->d.n; i++)
        CU_TRY(cu_launch(
            c->dev, "a convolution", wide ? conv_point_bwd_x<T, V, A> : conv_point_bwd_x<T, 1, A>,
            grid, dim3(THREADS), (T *)gx + i * n, (const T *)w, (const T *)gy + i * conv_y(c),
            (A *)c->scratch, (unsigned *)(c->scratch + part_bytes<T>(c)), c->d.cout, chunk, n));
    return 0;
}

template <class T>
static int point_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    typedef typename cu_acc<T>::type A;
    enum { V = 16 / sizeof(A) };
    const size_t n = conv_patch(c);
    const bool wide = n % V == 0 && cu_wide(gw);
    const dim3 grid(cu_blocks(n, wide ? THREADS * V : THREADS),
                    cu_blocks((size_t)c->d.cout, OUTER_ROWS));

    for (int i = 0; i < c->d.n; i++)
        CU_TRY(cu_launch(c->dev, "a convolution",
                         wide ? conv_point_bwd_w<T, V, A> : conv_point_bwd_w<T, 1, A>, grid,
                         dim3(THREADS), (A *)gw, (const T *)gy + i * conv_y(c),
                         (const T *)x + i * n, c->d.cout, n, i > 0));
    return 0;
}

template <class T> static const struct conv_method *method(void)
{
    static const struct conv_method m = {"matrix times vector", false,          point_scratch<T>,
                                         point_fwd<T>,          point_bwd_x<T>, point_bwd_w<T>};
    return &m;
}

const struct conv_method *cu_conv_point(enum prism_dtype t)
{
    return t == PRISM_F64    ? method<double>()
           : t == PRISM_F16  ? method<__half>()
           : t == PRISM_BF16 ? method<__nv_bfloat16>()
                             : method<float>();
}
