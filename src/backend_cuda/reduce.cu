/* Row reductions of the CUDA backend.
 *
 * They are bound by memory: 4 or 8 bytes per element. A short row takes one
 * warp. A long row takes one block per CHUNK, and the row's last block combines
 * their partial results. Every case is one launch, and rows and cols alone
 * decide its shape, so every device gives the same bits. A thread combines
 * BATCH elements in T; batches and threads are combined in double. */
#include "backend_cuda/block.h"

namespace
{

enum { THREADS = 256, WARP = 32, BATCH = 8, CHUNK = 4 * THREADS * BATCH, SHORT = 1024 };

/* Term of one element in an operation, and how two results are combined. */
template <enum prism_reduce OP> struct kind {
    static constexpr bool EXTREMUM = OP == PRISM_REDUCE_MAX || OP == PRISM_REDUCE_MIN;
    static constexpr bool PAIRS =
        OP == PRISM_REDUCE_DOT || OP == PRISM_REDUCE_ABSDIFF || OP == PRISM_REDUCE_SQDIFF;
    static constexpr bool MEAN = OP == PRISM_REDUCE_MEAN || OP == PRISM_REDUCE_VAR;

    template <class T> __device__ __forceinline__ static T none()
    {
        return OP == PRISM_REDUCE_MAX ? T(-INFINITY) : OP == PRISM_REDUCE_MIN ? T(INFINITY) : T(0);
    }
    template <class T> __device__ __forceinline__ static T term(T a, T b)
    {
        if (OP == PRISM_REDUCE_DOT)
            return a * b;
        if (OP == PRISM_REDUCE_ABSDIFF)
            return a < b ? b - a : a - b;
        return OP == PRISM_REDUCE_SQDIFF || OP == PRISM_REDUCE_VAR ? (a - b) * (a - b) : a;
    }
    /* NaN wins over any number, and stays: no comparison with NaN is true */
    template <class T> __device__ __forceinline__ static T join(T x, T y)
    {
        if (!EXTREMUM)
            return x + y;
        return isnan(y) || (OP == PRISM_REDUCE_MAX ? y > x : y < x) ? y : x;
    }
};

/* Combines elements begin, begin + step, ... below end of a row. b is a row of
 * as many elements, or one value. */
template <enum prism_reduce OP, class T>
__device__ __forceinline__ double thread_part(const T *a, const T *b, size_t begin, size_t end,
                                              unsigned step)
{
    typedef kind<OP> K;
    T value = OP == PRISM_REDUCE_VAR ? *b : T(0);
    double all = K::template none<double>();

    for (; begin + (size_t)(BATCH - 1) * step < end; begin += (size_t)BATCH * step) {
        T term[BATCH];
#pragma unroll
        for (int j = 0; j < BATCH; j++) /* all reads come before the first combination */
            term[j] = K::term(a[begin + j * step], K::PAIRS ? b[begin + j * step] : value);
#pragma unroll
        for (int j = 1; j < BATCH; j++)
            term[0] = K::join(term[0], term[j]);
        all = K::join(all, (double)term[0]);
    }
    for (; begin < end; begin += step)
        all = K::join(all, (double)K::term(a[begin], K::PAIRS ? b[begin] : value));
    return all;
}

template <enum prism_reduce OP> __device__ __forceinline__ double warp_join(double v)
{
#pragma unroll
    for (int off = WARP / 2; off; off /= 2)
        v = kind<OP>::join(v, __shfl_xor_sync(0xffffffffu, v, off));
    return v;
}

/* Combines v over the block; the result is in thread 0, in the others it is
 * undefined. Begins with a barrier. */
template <enum prism_reduce OP> __device__ __forceinline__ double block_join(double v)
{
    __shared__ double part[THREADS / WARP];

    v = warp_join<OP>(v);
    __syncthreads();
    if (threadIdx.x % WARP == 0)
        part[threadIdx.x / WARP] = v;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int w = 1; w < THREADS / WARP; w++)
            v = kind<OP>::join(v, part[w]);
    return v;
}

template <enum prism_reduce OP, class T>
__device__ __forceinline__ const T *row_of(const T *b, size_t r, size_t cols)
{
    return kind<OP>::PAIRS ? b + r * cols : OP == PRISM_REDUCE_VAR ? b + r : b;
}

template <enum prism_reduce OP, class T> __device__ __forceinline__ T finish(double v, size_t cols)
{
    return (T)(kind<OP>::MEAN ? v / (double)cols : v);
}

template <enum prism_reduce OP, class T>
__global__ void __launch_bounds__(THREADS)
    short_rows(T *y, const T *a, const T *b, size_t rows, size_t cols)
{
    size_t r = (size_t)blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;

    if (r >= rows) /* a whole warp leaves */
        return;
    double v = warp_join<OP>(
        thread_part<OP>(a + r * cols, row_of<OP>(b, r, cols), threadIdx.x % WARP, cols, WARP));
    if (threadIdx.x % WARP == 0)
        y[r] = finish<OP, T>(v, cols);
}

/* Reduces each row by `parts` blocks, each of which takes `chunk` of its
 * elements. */
template <enum prism_reduce OP, class T>
__global__ void __launch_bounds__(THREADS)
    long_rows(T *y, const T *a, const T *b, size_t cols, unsigned parts, size_t chunk,
              double *partials, unsigned *tickets)
{
    __shared__ bool last;
    unsigned r = blockIdx.x / parts, p = blockIdx.x % parts;
    size_t begin = p * chunk, end = begin + chunk < cols ? begin + chunk : cols;
    double v = block_join<OP>(
        thread_part<OP>(a + r * cols, row_of<OP>(b, r, cols), begin + threadIdx.x, end, THREADS));

    if (parts > 1) {
        if (threadIdx.x == 0)
            partials[blockIdx.x] = v;
        if (!cu_last_block(&tickets[r], parts, &last))
            return;
        v = kind<OP>::template none<double>();
        for (p = threadIdx.x; p < parts; p += THREADS)
            v = kind<OP>::join(v, partials[(size_t)r * parts + p]);
        v = block_join<OP>(v);
    }
    if (threadIdx.x == 0)
        y[r] = finish<OP, T>(v, cols);
}

template <enum prism_reduce OP, class T>
int run(struct prism_dev *dev, size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    T *ty = reinterpret_cast<T *>(y);
    const T *ta = reinterpret_cast<const T *>(a), *tb = reinterpret_cast<const T *>(b);

    if (cols <= SHORT || rows > CU_TICKETS)
        return cu_launch(dev, "a reduction", short_rows<OP, T>,
                         dim3(cu_blocks(rows, THREADS / WARP)), dim3(THREADS), ty, ta, tb, rows,
                         cols);
    size_t parts = (cols + CHUNK - 1) / CHUNK, most = CU_PARTIALS / rows;
    parts = parts < most ? parts : most;
    size_t chunk = (cols + parts - 1) / parts;
    return cu_launch(dev, "a reduction", long_rows<OP, T>, dim3((unsigned)(rows * parts)),
                     dim3(THREADS), ty, ta, tb, cols, (unsigned)parts, chunk, cu(dev)->partials,
                     cu(dev)->tickets);
}

template <class T>
int run_op(struct prism_dev *dev, enum prism_reduce op, size_t rows, size_t cols, prism_mem y,
           prism_mem a, prism_mem b)
{
    switch (op) {
    case PRISM_REDUCE_SUM:
        return run<PRISM_REDUCE_SUM, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_MEAN:
        return run<PRISM_REDUCE_MEAN, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_VAR:
        return run<PRISM_REDUCE_VAR, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_DOT:
        return run<PRISM_REDUCE_DOT, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_ABSDIFF:
        return run<PRISM_REDUCE_ABSDIFF, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_SQDIFF:
        return run<PRISM_REDUCE_SQDIFF, T>(dev, rows, cols, y, a, b);
    case PRISM_REDUCE_MAX:
        return run<PRISM_REDUCE_MAX, T>(dev, rows, cols, y, a, b);
    default:
        return run<PRISM_REDUCE_MIN, T>(dev, rows, cols, y, a, b);
    }
}

} // namespace

int cu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows,
              size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    if (!rows)
        return 0;
    return dtype == PRISM_F64 ? run_op<double>(dev, op, rows, cols, y, a, b)
                              : run_op<float>(dev, op, rows, cols, y, a, b);
}
