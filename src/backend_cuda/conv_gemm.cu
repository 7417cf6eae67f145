/* Convolution of any shape as matrix products over columns:
 * cols[(ci,ky,kx),(oy,ox)] = x[ci, oy s + ky - pad, ox s + kx - pad].
 *
 *   fwd    y = W cols           columns of all channels, for one band of output
 *          rows at a time
 *   bwd_x  cols = W^T gy        for one group of input channels at a time; then
 *          each input pixel gathers its own terms, without atomics
 *   bwd_w  gw = gy cols^T       for one group of input channels at a time
 *
 * The bands and groups bound the scratch; a decoder's layers have one of each.
 * The products of the decoder's first layers (from 512 to 256 channels on 8 x 8
 * pixels, to 64 to 32 on 64 x 64) are 67 MFLOP each, 2 us at 30 TFLOP/s, over
 * 8.4 MB of weights down to 0.1 MB. Columns are 0.3 to 2 MB and stay in the
 * second-level cache, so launches count: two for each direction. In im2col a
 * thread reads and writes k values, and neighbouring threads are neighbours
 * along the columns, so that stores and, at stride 1, loads are whole lines;
 * the gather's loads are whole lines too, in s runs. Images of a batch run one
 * after the other. For half precision the columns of bwd_x are F32, so that gx
 * is rounded once. */
#include "backend_cuda/conv.h"

enum { THREADS = 128 };

struct conv_columns {
    int k, stride, pad, h, w, ow;
    /* `first`: first output row of the band; pixels = rows ow: length of a row
     * of cols */
    int first, pixels;
    int oh;
};

/* Unrolls x into cols; `channels` is the number of channels of both. Block and
 * grid: pixels along x, pairs (ci,ky) along y. */
template <class T>
static __global__ void __launch_bounds__(THREADS)
    conv_im2col(T *cols, const T *x, struct conv_columns g, int channels)
{
    const int pixel = blockIdx.x * blockDim.x + threadIdx.x, pairs = channels * g.k;

    if (pixel >= g.pixels)
        return;
    const int iy0 = (g.first + pixel / g.ow) * g.stride - g.pad,
              ix0 = pixel % g.ow * g.stride - g.pad;
    for (int pair = blockIdx.y * blockDim.y + threadIdx.y; pair < pairs;
         pair += gridDim.y * blockDim.y) {
        const int iy = iy0 + pair % g.k;
        const T *row = x + ((size_t)(pair / g.k) * g.h + iy) * g.w;
        T *out = cols + (size_t)pair * g.k * g.pixels + pixel;
        for (int kx = 0; kx < g.k; kx++, out += g.pixels) {
            const int ix = ix0 + kx;
            if (iy >= 0 && iy < g.h && ix >= 0 && ix < g.w)
                *out = row[ix];
            else
                cu_store(out, 0);
        }
    }
}

/* Adds the columns back: gx[ci,Y,X] = sum of cols[(ci,ky,kx),(oy,ox)] with oy s
 * + ky - pad = Y, ox s + kx - pad = X, ky and kx ascending. Block and grid:
 * pixels of gx along x, channels along y. */
template <class T, class A>
static __global__ void __launch_bounds__(THREADS)
    conv_col2im(T *gx, const A *cols, struct conv_columns g, int channels)
{
    const int pixel = blockIdx.x * blockDim.x + threadIdx.x;

    if (pixel >= g.h * g.w)
        return;
    const int top = pixel / g.w + g.pad, left = pixel % g.w + g.pad;
    for (int ci = blockIdx.y * blockDim.y + threadIdx.y; ci < channels;
         ci += gridDim.y * blockDim.y) {
        const A *patch = cols + (size_t)ci * g.k * g.k * g.pixels;
        A sum = 0;
        for (int ky = top % g.stride, oy = top / g.stride; ky < g.k && oy >= 0;
             ky += g.stride, oy--) {
            if (oy >= g.oh)
                continue;
            for (int kx = left % g.stride, ox = left / g.stride; kx < g.k && ox >= 0;
                 kx += g.stride, ox--)
                if (ox < g.ow)
                    sum += patch[(size_t)(ky * g.k + kx) * g.pixels + oy * g.ow + ox];
        }
        cu_store(gx + (size_t)ci * g.h * g.w + pixel, sum);
    }
}

/* Grid and block for [columns,rows]; a block extends along the columns as far
 * as there are columns. */
static void spread(size_t columns, size_t rows, dim3 *grid, dim3 *block)
{
    const unsigned most = 65535;
    unsigned x = THREADS, y;

    while (x > 8 && x / 2 >= columns)
        x /= 2;
    y = cu_blocks(rows, THREADS / x);
    *block = dim3(x, THREADS / x);
    *grid = dim3(cu_blocks(columns, x), y < most ? y : most);
}

/* Output rows of a band, and input channels of a group, within CONV_COLS. */
static int band(const struct prism_conv *c)
{
    const size_t rows = CONV_COLS / (conv_patch(c) * (size_t)c->ow);
    return rows < 1 ? 1 : rows < (size_t)c->oh ? (int)rows : c->oh;
}

static int group(const struct prism_conv *c)
{
    const size_t channels = CONV_COLS / ((size_t)c->d.k * (size_t)c->d.k * conv_pixels(c));
    return channels < 1 ? 1 : channels < (size_t)c->d.cin ? (int)channels : c->d.cin;
}

static struct conv_columns columns(const struct prism_conv *c, int first, int rows)
{
    return {c->d.k, c->d.stride, c->d.pad, c->d.h, c->d.w, c->ow, first, rows * c->ow, c->oh};
}

template <class T> struct blas_type {
    static constexpr cudaDataType value = CUDA_R_32F;
};
template <> struct blas_type<double> {
    static constexpr cudaDataType value = CUDA_R_64F;
};
template <> struct blas_type<__half> {
    static constexpr cudaDataType value = CUDA_R_16F;
};
template <> struct blas_type<__nv_bfloat16> {
    static constexpr cudaDataType value = CUDA_R_16BF;
};

/* Row-major C[m,n] = op(A) op(B); rows are lda, ldb and ldc elements apart. */
template <class T, class TC> struct product {
    bool ta, tb;
    int m, n, k;
    const T *a;
    size_t lda;
    const T *b;
    size_t ldb;
    TC *c;
    size_t ldc;
    bool add; /* add the product to what C holds */
};

/* Runs a product by cuBLAS, which is column-major, so the operands change
 * places: C^T = op(B)^T op(A)^T. */
template <class T, class TC> static int multiply(struct prism_conv *c, const product<T, TC> &p)
{
    const cublasOperation_t op_a = p.ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                            op_b = p.tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasHandle_t blas = cu(c->dev)->blas;
    cublasStatus_t e;

    cu_use(c->dev);
    if constexpr (sizeof(T) == sizeof(double)) {
        const double one = 1, beta = p.add;
        e = cublasDgemm(blas, op_b, op_a, p.n, p.m, p.k, &one, p.b, (int)p.ldb, p.a, (int)p.lda,
                        &beta, p.c, (int)p.ldc);
    } else {
        const float one = 1, beta = p.add;
        const bool tf32 = sizeof(T) == sizeof(float) && c->d.tf32;
        e = cublasGemmEx(
            blas, op_b, op_a, p.n, p.m, p.k, &one, p.b, blas_type<T>::value, (int)p.ldb, p.a,
            blas_type<T>::value, (int)p.lda, &beta, p.c, blas_type<TC>::value, (int)p.ldc,
            tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    }
    return CU_CHECK_BLAS(c->dev, e, "the product of a convolution");
}

template <class T>
static int im2col(struct prism_conv *c, const T *x, const struct conv_columns &g, int channels)
{
    dim3 grid, block;

    spread((size_t)g.pixels, (size_t)channels * (size_t)g.k, &grid, &block);
    return cu_launch(c->dev, "the columns of a convolution", conv_im2col<T>, grid, block,
                     (T *)c->scratch, x, g, channels);
}

template <class T> static int gemm_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    const size_t patch = conv_patch(c);

    for (int image = 0; image < c->d.n; image++)
        for (int first = 0, step = band(c); first < c->oh; first += step) {
            const struct conv_columns g =
                columns(c, first, step < c->oh - first ? step : c->oh - first);
            const product<T, T> p = {false,
                                     false,
                                     c->d.cout,
                                     g.pixels,
                                     (int)patch,
                                     (const T *)w,
                                     patch,
                                     (const T *)c->scratch,
                                     (size_t)g.pixels,
                                     (T *)y + image * conv_y(c) + (size_t)first * c->ow,
                                     conv_pixels(c),
                                     false};
            CU_TRY(im2col<T>(c, (const T *)x + image * conv_x(c), g, c->d.cin));
            CU_TRY(multiply(c, p));
        }
    return 0;
}

template <class T>
static int gemm_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    typedef typename cu_acc<T>::type A;
    const struct conv_columns g = columns(c, 0, c->oh);
    const size_t taps = (size_t)c->d.k * c->d.k, plane = (size_t)c->d.h * c->d.w;
    dim3 grid, block;

    for (int image = 0; image < c->d.n; image++)
        for (int first = 0, step = group(c); first < c->d.cin; first += step) {
            const int n = step < c->d.cin - first ? step : c->d.cin - first;
            const product<T, A> p = {true,
                                     false,
                                     (int)(n * taps),
                                     g.pixels,
                                     c->d.cout,
                                     (const T *)w + first * taps,
                                     conv_patch(c),
                                     (const T *)gy + image * conv_y(c),
                                     conv_pixels(c),
                                     (A *)c->scratch,
                                     conv_pixels(c),
                                     false};
            CU_TRY(multiply(c, p));
            spread(plane, (size_t)n, &grid, &block);
            CU_TRY(cu_launch(c->dev, "a convolution", conv_col2im<T, A>, grid, block,
                             (T *)gx + image * conv_x(c) + first * plane, (const A *)c->scratch, g,
                             n));
        }
    return 0;
}

template <class T>
static int gemm_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    typedef typename cu_acc<T>::type A;
    const struct conv_columns g = columns(c, 0, c->oh);
    const size_t taps = (size_t)c->d.k * c->d.k, plane = (size_t)c->d.h * c->d.w;

    for (int image = 0; image < c->d.n; image++)
        for (int first = 0, step = group(c); first < c->d.cin; first += step) {
            const int n = step < c->d.cin - first ? step : c->d.cin - first;
            const product<T, A> p = {false,          true,
                                     c->d.cout,      (int)(n * taps),
                                     g.pixels,       (const T *)gy + image * conv_y(c),
                                     conv_pixels(c), (const T *)c->scratch,
                                     conv_pixels(c), (A *)gw + first * taps,
                                     conv_patch(c),  image > 0};
            CU_TRY(im2col<T>(c, (const T *)x + image * conv_x(c) + first * plane, g, n));
            CU_TRY(multiply(c, p));
        }
    return 0;
}

template <class T> static size_t gemm_scratch(const struct prism_conv *c)
{
    const size_t bands = conv_patch(c) * (size_t)band(c) * (size_t)c->ow * sizeof(T);
    const size_t groups = (size_t)c->d.k * c->d.k * (size_t)group(c) * conv_pixels(c) *
                          sizeof(typename cu_acc<T>::type);
    return bands > groups ? bands : groups;
}

template <class T> static const struct conv_method *method(void)
{
    static const struct conv_method m = {
        "columns and products", true, gemm_scratch<T>, gemm_fwd<T>, gemm_bwd_x<T>, gemm_bwd_w<T>};
    return &m;
}

const struct conv_method *cu_conv_gemm(enum prism_dtype t)
{
    return t == PRISM_F64    ? method<double>()
           : t == PRISM_F16  ? method<__half>()
           : t == PRISM_BF16 ? method<__nv_bfloat16>()
                             : method<float>();
}
