/* CUDA backend: elementwise operations.
 *
 * All are bound by memory: 4 bytes per real operand and element, and 7 of them for Adam. One kernel serves every shape of
 * operands: a thread takes a pack of W contiguous elements, in 16-byte pieces where the operands' addresses allow, and applies the
 * operation to each. All of a pack is read before any is written, so that outputs may be inputs. The row is found by one division
 * per pack; operations that do not ask for it do not pay it. */
#include "backend_cuda/vmath.h"

namespace
{

enum { THREADS = 128 };

/* ---- one operation is a struct made of these parts ---- */

/* What is the same for all elements. x: the operands as given, for rows and tables. */
template <class T> struct fixed {
    T s[3], rest[3]; /* rest: 1 - s, subtracted in double */
    enum prism_act act;
    T *y[4];
    const T *x[6];
    size_t cols;
};

/* T real; Y output; X0 first elementwise input, X the others; IN, OUT: how many there are, FIRST: number of the first; W: elements
 * per pack; LINE: -1, or the operand that has rows of Xs, of which every element reads one of its column; line() says which row. */
template <class T_, class Y_, class X0_, class X_, int OUT_, int IN_, int W_ = 4, int FIRST_ = 0> struct shape {
    typedef T_ T;
    typedef Y_ Y;
    typedef X0_ X0;
    typedef X_ X;
    enum { OUT = OUT_, IN = IN_, W = W_, FIRST = FIRST_, LINE = -1 };
    __device__ static const X *line(const fixed<T> &, size_t)
    {
        return nullptr;
    }
};
template <class T, int IN> using real_shape = shape<T, T, T, T, 1, IN>;

/* Of one element: row, first input, other inputs, element of the line. */
template <class S> struct element {
    size_t r;
    typename S::X0 x0;
    typename S::X x[S::IN > 1 ? S::IN - 1 : 1], line;
};

/* ---- reading and writing packs ---- */

template <int W, class T> __device__ __forceinline__ void load(T *v, const T *p, int count, bool whole)
{
    if (whole) {
        uint4 raw[W * sizeof(T) / sizeof(uint4)];
#pragma unroll
        for (int k = 0; k < (int)(sizeof raw / sizeof *raw); k++)
            raw[k] = reinterpret_cast<const uint4 *>(p)[k];
        memcpy(static_cast<void *>(v), raw, sizeof raw);
        return;
    }
#pragma unroll
    for (int j = 0; j < W; j++)
        v[j] = j < count ? p[j] : T();
}

template <int W, class T> __device__ __forceinline__ void store(T *p, const T *v, int count, bool whole)
{
    if (whole) {
        uint4 raw[W * sizeof(T) / sizeof(uint4)];
        memcpy(raw, static_cast<const void *>(v), sizeof raw);
#pragma unroll
        for (int k = 0; k < (int)(sizeof raw / sizeof *raw); k++)
            reinterpret_cast<uint4 *>(p)[k] = raw[k];
        return;
    }
#pragma unroll
    for (int j = 0; j < W; j++)
        if (j < count)
            p[j] = v[j];
}

/* The elements of the line that belong to a pack, which may reach into the next rows. */
template <class S>
__device__ __forceinline__ void load_line(typename S::X *v, const fixed<typename S::T> &f, size_t r, size_t c, int count,
                                          bool whole)
{
    if (whole && c + S::W <= f.cols && f.cols % S::W == 0) {
        load<S::W>(v, S::line(f, r) + c, count, true);
        return;
    }
#pragma unroll
    for (int j = 0; j < S::W; j++) {
        v[j] = j < count ? S::line(f, r)[c] : typename S::X();
        if (++c == f.cols) {
            c = 0;
            r++;
        }
    }
}

/* Whole packs are in order where `aligned`: every elementwise operand and every line starts at 16 bytes. */
template <class S> __global__ void __launch_bounds__(THREADS) each(fixed<typename S::T> f, size_t n, bool aligned)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * S::W;
    if (i >= n)
        return;
    int count = n - i < (size_t)S::W ? (int)(n - i) : (int)S::W;
    bool whole = aligned && count == S::W;
    /* 32 bits where they do: a 64-bit division is slower than the rest of the kernel */
    size_t r = n <= UINT32_MAX ? (uint32_t)i / (uint32_t)f.cols : i / f.cols, c = i - r * f.cols;
    typename S::X0 x0[S::W] = {};
    typename S::X x[S::IN > 1 ? S::IN - 1 : 1][S::W] = {}, line[S::W] = {};
    typename S::Y y[S::OUT][S::W];

    if (S::IN > 0)
        load<S::W>(x0, reinterpret_cast<const typename S::X0 *>(f.x[S::FIRST]) + i, count, whole);
#pragma unroll
    for (int k = 1; k < S::IN; k++)
        load<S::W>(x[k - 1], reinterpret_cast<const typename S::X *>(f.x[S::FIRST + k]) + i, count, whole);
    if (S::LINE >= 0)
        load_line<S>(line, f, r, c, count, whole);
#pragma unroll
    for (int j = 0; j < S::W; j++) {
        element<S> e;
        typename S::Y out[S::OUT] = {};
        e.r = r;
        e.x0 = x0[j];
        e.line = line[j];
#pragma unroll
        for (int k = 1; k < S::IN; k++)
            e.x[k - 1] = x[k - 1][j];
        if (j < count)
            S::apply(f, e, out);
#pragma unroll
        for (int k = 0; k < S::OUT; k++)
            y[k][j] = out[k];
        if (++c == f.cols) {
            c = 0;
            r++;
        }
    }
#pragma unroll
    for (int k = 0; k < S::OUT; k++)
        store<S::W>(reinterpret_cast<typename S::Y *>(f.y[k]) + i, y[k], count, whole);
}

/* ---- real ---- */

#define REAL_OP(name, IN, value)                                                                                                   \
    template <class T> struct name : real_shape<T, IN> {                                                                           \
        __device__ static void apply(const fixed<T> &f, const element<name> &e, T *y)                                              \
        {                                                                                                                          \
            (void)f, (void)e;                                                                                                      \
            y[0] = value;                                                                                                          \
        }                                                                                                                          \
    };
REAL_OP(fill, 0, f.s[0])
REAL_OP(axpby, 2, f.s[0] * e.x0 + f.s[1] * e.x[0])
REAL_OP(mul, 2, f.s[0] * e.x0 * e.x[0])
REAL_OP(clamp, 1, e.x0<f.s[0] ? f.s[0] : e.x0> f.s[1] ? f.s[1] : e.x0)
REAL_OP(add_row, 1, cu_act(f.act, e.x0 + f.x[1][e.r]))
REAL_OP(scale_shift, 1, e.x0 *f.x[1][e.r] + f.x[2][e.r])
REAL_OP(normalize, 1, (e.x0 - f.x[1][e.r]) * f.x[2][e.r])
REAL_OP(norm_bwd, 2, f.x[2][e.r] * f.x[3][e.r] * (e.x0 - (f.x[4][e.r] + e.x[0] * f.x[5][e.r]) / T(f.cols)))
REAL_OP(inverse_root, 1, 1 / cu_sqrt(e.x0 + f.s[0]))
REAL_OP(activate, 1, cu_act(f.act, e.x0))
REAL_OP(activate_bwd, 2, e.x0 *cu_act_slope(f.act, e.x[0]))
REAL_OP(l1_grad, 2, f.x[2][e.r] * T((e.x0 > e.x[0]) - (e.x0 < e.x[0])))
REAL_OP(l2_grad, 2, 2 * f.x[2][e.r] * (e.x0 - e.x[0]))

template <class T> struct gather_row : real_shape<T, 0> {
    enum { LINE = 0 };
    __device__ static const T *line(const fixed<T> &f, size_t r)
    {
        return f.x[0] + (size_t) reinterpret_cast<const int32_t *>(f.x[1])[r] * f.cols;
    }
    __device__ static void apply(const fixed<T> &, const element<gather_row> &e, T *y)
    {
        y[0] = e.line;
    }
};

template <class T> struct ssim_grad : shape<T, T, T, T, 1, 5, 4, 1> {
    __device__ static void apply(const fixed<T> &f, const element<ssim_grad> &e, T *y)
    {
        y[0] = f.x[0][e.r] * (e.x0 + 2 * e.x[0] * e.x[1] + e.x[2] * e.x[3]);
    }
};

/* whole: with the luminance, else contrast and structure only */
template <class T, bool whole> struct ssim : shape<T, T, T, T, 4, 5> {
    __device__ static void apply(const fixed<T> &f, const element<ssim> &e, T *y)
    {
        T p = e.x0, q = e.x[0], xx = e.x[1], yy = e.x[2], xy = e.x[3];
        T a1 = 2 * p * q + f.s[0], a2 = 2 * (xy - p * q) + f.s[1];
        T b1 = p * p + q * q + f.s[0], b2 = xx - p * p + yy - q * q + f.s[1];
        T cs = a2 / b2, l = whole ? a1 / b1 : T(1);
        T l_mu1 = whole ? 2 * (q - p * l) / b1 : T(0), cs_mu1 = 2 * (p * cs - q) / b2;

        y[0] = l * cs;
        y[1] = l_mu1 * cs + l * cs_mu1;
        y[2] = -l * cs / b2;
        y[3] = 2 * l / b2;
    }
};

/* Inputs: gradient, p, m, v, largest v; table 5: the step's three numbers. A skipped step stores what it read. */
template <class T, bool amsgrad> struct adam : shape<T, T, T, T, amsgrad ? 4 : 3, amsgrad ? 5 : 4> {
    __device__ static void apply(const fixed<T> &f, const element<adam> &e, T *y)
    {
        T rate = f.x[5][0], root = f.x[5][1], u = f.x[5][2], g = u * e.x0;
        T p = e.x[0], m = e.x[1], v = e.x[2], top = amsgrad ? e.x[amsgrad ? 3 : 0] : T(0);

        if (!isnan(u)) {
            m = f.s[0] * m + f.rest[0] * g;
            v = f.s[1] * v + f.rest[1] * g * g;
            top = amsgrad && top > v ? top : v;
            p -= rate * m / (cu_sqrt(top) * root + f.s[2]);
        }
        y[0] = p;
        y[1] = m;
        y[2] = v;
        if (amsgrad)
            y[amsgrad ? 3 : 0] = top;
    }
};

/* Inputs: gradient, p; table 5 as above. */
template <class T> struct adam_once : shape<T, T, T, T, 1, 2> {
    __device__ static void apply(const fixed<T> &f, const element<adam_once> &e, T *y)
    {
        T rate = f.x[5][0], root = f.x[5][1], u = f.x[5][2], g = u * e.x0;

        y[0] = isnan(u) ? e.x[0] : e.x[0] - rate * (f.rest[0] * g) / (cu_sqrt(f.rest[1] * g * g) * root + f.s[2]);
    }
};

/* ---- complex ---- */

template <class T> struct twin {
    typedef cu_cf32 type;
};
template <> struct twin<double> {
    typedef cu_cf64 type;
};
template <class T> using cplx = typename twin<T>::type;

/* C: the operation's complex type */
#define CPLX_OP(name, Y, X0, IN, value)                                                                                            \
    template <class T> struct name : shape<T, Y, X0, cplx<T>, 1, IN> {                                                             \
        typedef cplx<T> C;                                                                                                         \
        __device__ static void apply(const fixed<T> &f, const element<name> &e, Y *y)                                              \
        {                                                                                                                          \
            (void)f;                                                                                                               \
            y[0] = value;                                                                                                          \
        }                                                                                                                          \
    };

template <class T> __device__ __forceinline__ cplx<T> with_phase(T modulus, cplx<T> z)
{
    T m = cu_abs(z.re, z.im);

    return m == 0 ? cplx<T>{0, 0} : cplx<T>{modulus * (z.re / m), modulus * (z.im / m)};
}

template <class T> __device__ __forceinline__ cplx<T> clamp_abs(cplx<T> z, T lo, T hi)
{
    T m = cu_abs(z.re, z.im), to = m < lo ? lo : m > hi ? hi : m;

    return m == 0 || to == m ? z : cplx<T>{z.re / m * to, z.im / m * to};
}

CPLX_OP(c_from_r, cplx<T>, T, 1, (C{e.x0, 0}))
CPLX_OP(c_real, T, cplx<T>, 1, f.s[0] * e.x0.re)
CPLX_OP(c_abs, T, cplx<T>, 1, cu_abs(e.x0.re, e.x0.im))
CPLX_OP(c_phase, cplx<T>, T, 2, with_phase<T>(e.x0, e.x[0]))
CPLX_OP(c_axpby, cplx<T>, cplx<T>, 2, (C{f.s[0] * e.x0.re + f.s[1] * e.x[0].re, f.s[0] * e.x0.im + f.s[1] * e.x[0].im}))
CPLX_OP(c_clamp_abs, cplx<T>, cplx<T>, 1, clamp_abs<T>(e.x0, f.s[0], f.s[1]))

/* sign -1: by the conjugate */
template <class T, int sign> struct c_mul_col : shape<T, cplx<T>, cplx<T>, cplx<T>, 1, 1> {
    enum { LINE = 1 };
    __device__ static const cplx<T> *line(const fixed<T> &f, size_t)
    {
        return reinterpret_cast<const cplx<T> *>(f.x[1]);
    }
    __device__ static void apply(const fixed<T> &f, const element<c_mul_col> &e, cplx<T> *y)
    {
        T re = e.line.re, im = sign * e.line.im;

        y[0] = cplx<T>{f.s[0] * (e.x0.re * re - e.x0.im * im), f.s[0] * (e.x0.re * im + e.x0.im * re)};
    }
};

/* ---- half ---- */

template <class H> struct narrow : shape<float, H, float, float, 1, 1, 8> {
    __device__ static void apply(const fixed<float> &, const element<narrow> &e, H *y)
    {
        cu_store(y, e.x0);
    }
};

template <class H> struct widen : shape<float, float, H, H, 1, 1, 8> {
    __device__ static void apply(const fixed<float> &, const element<widen> &e, float *y)
    {
        y[0] = cu_load(&e.x0);
    }
};

/* ---- loss scaling: one block ---- */

template <class T> __global__ void __launch_bounds__(THREADS) loss_scale(fixed<T> f)
{
    __shared__ int overflow;
    T *scale = f.y[0], *row = scale + 1, *skipped = scale + 2;

    if (threadIdx.x == 0)
        overflow = 0;
    __syncthreads();
    for (size_t i = threadIdx.x; i < f.cols; i += THREADS)
        if (!(f.x[0][i] == 0))
            overflow = 1; /* all who write it write the same */
    __syncthreads();
    if (threadIdx.x)
        return;
    f.y[1][0] = overflow ? T(NAN) : 1 / *scale;
    *row = overflow ? 0 : *row + 1;
    if (overflow) {
        *scale *= f.s[2];
        *skipped += 1;
    } else if (*row >= f.s[0]) {
        *row = 0;
        if (isfinite(*scale * f.s[1]))
            *scale *= f.s[1];
    }
}

/* ---- MS-SSIM: a thread for each image ---- */

template <class T> __global__ void __launch_bounds__(THREADS) ms_ssim(fixed<T> f, size_t rows)
{
    const size_t c = (size_t)blockIdx.x * THREADS + threadIdx.x;
    const T k = f.s[0], least = f.s[1], *mean = f.x[0] + c, *weight = f.x[1], *factor = f.x[2];
    T product = 1;

    if (c >= f.cols)
        return;
    for (size_t r = 0; r < rows; r++)
        product *= pow(mean[r * f.cols] < least ? least : mean[r * f.cols], weight[r]);
    for (size_t r = 0; r < rows; r++) {
        const T m = mean[r * f.cols];
        f.y[0][r * f.cols + c] = m < least ? T(0) : -k * product * weight[r] * factor[r] / m;
    }
    f.y[1][c] = k * (1 - product);
}

/* ---- host ---- */

template <class T> fixed<T> make_fixed(size_t cols, const struct prism_map_args *a)
{
    fixed<T> f = {};

    for (int i = 0; i < 3; i++) {
        f.s[i] = (T)a->s[i];
        f.rest[i] = (T)(1 - a->s[i]);
    }
    for (int i = 0; i < 4; i++)
        f.y[i] = reinterpret_cast<T *>(a->y[i]);
    for (int i = 0; i < 6; i++)
        f.x[i] = reinterpret_cast<const T *>(a->x[i]);
    f.act = a->act;
    f.cols = cols;
    return f;
}

template <class S> int run(struct prism_dev *dev, size_t rows, size_t cols, const fixed<typename S::T> &f)
{
    size_t n = rows * cols;
    uintptr_t address = 0;

    for (int i = 0; i < S::OUT; i++)
        address |= reinterpret_cast<uintptr_t>(f.y[i]);
    for (int i = 0; i < S::IN; i++)
        address |= reinterpret_cast<uintptr_t>(f.x[S::FIRST + i]);
    if (S::LINE >= 0)
        address |= reinterpret_cast<uintptr_t>(f.x[S::LINE < 0 ? 0 : S::LINE]);
    return cu_launch(dev, "an elementwise operation", each<S>, dim3(cu_blocks(n, THREADS * S::W)), dim3(THREADS), f, n,
                     address % sizeof(uint4) == 0);
}

template <class T, bool amsgrad> int run_adam(struct prism_dev *dev, size_t rows, size_t cols, const struct prism_map_args *args)
{
    struct prism_map_args a = *args;

    a.x[1] = args->y[0];
    a.x[2] = args->y[1];
    a.x[3] = args->y[2];
    a.x[4] = args->y[3];
    a.x[5] = args->x[1];
    return run<adam<T, amsgrad>>(dev, rows, cols, make_fixed<T>(cols, &a));
}

template <class T> int run_adam_once(struct prism_dev *dev, size_t rows, size_t cols, const struct prism_map_args *args)
{
    struct prism_map_args a = *args;

    a.x[1] = args->y[0];
    a.x[5] = args->x[1];
    return run<adam_once<T>>(dev, rows, cols, make_fixed<T>(cols, &a));
}

template <class T> int run_cplx(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols, const fixed<T> &f)
{
    switch (op) {
    case PRISM_MAP_C_FROM_R:
        return run<c_from_r<T>>(dev, rows, cols, f);
    case PRISM_MAP_C_REAL:
        return run<c_real<T>>(dev, rows, cols, f);
    case PRISM_MAP_C_ABS:
        return run<c_abs<T>>(dev, rows, cols, f);
    case PRISM_MAP_C_PHASE:
        return run<c_phase<T>>(dev, rows, cols, f);
    case PRISM_MAP_C_AXPBY:
        return run<c_axpby<T>>(dev, rows, cols, f);
    case PRISM_MAP_C_MUL_COL:
        return run<c_mul_col<T, 1>>(dev, rows, cols, f);
    case PRISM_MAP_C_MULC_COL:
        return run<c_mul_col<T, -1>>(dev, rows, cols, f);
    default:
        return run<c_clamp_abs<T>>(dev, rows, cols, f);
    }
}

template <class T> int run_rows(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols, const fixed<T> &f)
{
    switch (op) {
    case PRISM_MAP_ADD_ROW:
        return run<add_row<T>>(dev, rows, cols, f);
    case PRISM_MAP_SCALE_SHIFT:
        return run<scale_shift<T>>(dev, rows, cols, f);
    case PRISM_MAP_NORMALIZE:
        return run<normalize<T>>(dev, rows, cols, f);
    case PRISM_MAP_NORM_BWD:
        return run<norm_bwd<T>>(dev, rows, cols, f);
    case PRISM_MAP_GATHER_ROW:
        return run<gather_row<T>>(dev, rows, cols, f);
    case PRISM_MAP_L1_GRAD:
        return run<l1_grad<T>>(dev, rows, cols, f);
    case PRISM_MAP_L2_GRAD:
        return run<l2_grad<T>>(dev, rows, cols, f);
    case PRISM_MAP_SSIM:
        return run<ssim<T, true>>(dev, rows, cols, f);
    case PRISM_MAP_SSIM_CS:
        return run<ssim<T, false>>(dev, rows, cols, f);
    case PRISM_MAP_SSIM_GRAD:
        return run<ssim_grad<T>>(dev, rows, cols, f);
    default:
        return run_cplx<T>(dev, op, rows, cols, f);
    }
}

template <class T>
int run_real(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *args)
{
    const fixed<T> f = make_fixed<T>(cols, args);

    switch (op) {
    case PRISM_MAP_FILL:
        return run<fill<T>>(dev, rows, cols, f);
    case PRISM_MAP_AXPBY:
        return run<axpby<T>>(dev, rows, cols, f);
    case PRISM_MAP_MUL:
        return run<mul<T>>(dev, rows, cols, f);
    case PRISM_MAP_CLAMP:
        return run<clamp<T>>(dev, rows, cols, f);
    case PRISM_MAP_RSQRT:
        return run<inverse_root<T>>(dev, rows, cols, f);
    case PRISM_MAP_ACT:
        return run<activate<T>>(dev, rows, cols, f);
    case PRISM_MAP_ACT_BWD:
        return run<activate_bwd<T>>(dev, rows, cols, f);
    case PRISM_MAP_ADAM:
        return run_adam<T, false>(dev, rows, cols, args);
    case PRISM_MAP_AMSGRAD:
        return run_adam<T, true>(dev, rows, cols, args);
    case PRISM_MAP_ADAM_ONCE:
        return run_adam_once<T>(dev, rows, cols, args);
    case PRISM_MAP_MS_SSIM:
        return cu_launch(dev, "MS-SSIM", ms_ssim<T>, dim3(cu_blocks(cols, THREADS)), dim3(THREADS), f, rows);
    case PRISM_MAP_LOSS_SCALE:
        return cu_launch(dev, "loss scaling", loss_scale<T>, dim3(1), dim3(THREADS), f);
    default:
        return run_rows<T>(dev, op, rows, cols, f);
    }
}

template <class H>
int convert(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *args)
{
    const fixed<float> f = make_fixed<float>(cols, args);

    return op == PRISM_MAP_NARROW ? run<narrow<H>>(dev, rows, cols, f) : run<widen<H>>(dev, rows, cols, f);
}

} // namespace

int cu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    if (!rows || !cols)
        return 0;
    if (dtype == PRISM_F16)
        return convert<__half>(dev, op, rows, cols, args);
    if (dtype == PRISM_BF16)
        return convert<__nv_bfloat16>(dev, op, rows, cols, args);
    return prism_dtype_real(dtype) == PRISM_F64 ? run_real<double>(dev, op, rows, cols, args)
                                                : run_real<float>(dev, op, rows, cols, args);
}
