/* Elementwise operations of the CUDA backend: what each operation does with one
 * element, and their launches.
 *
 * All operations are bound by memory: 4 bytes per real operand and element, and
 * 7 operands for Adam. */
#include "backend_cuda/map_each.h"

namespace
{

/* ---- real ---- */

#define OP(NAME, name, value)                                                                      \
    template <class T> struct op_##name : op_shape<T, PRISM_MAP_##NAME> {                          \
        typedef cplx<T> C;                                                                         \
        __device__ static void apply(const fixed<T> &f, const element<op_##name> &e,               \
                                     typename op_##name::Y *y)                                     \
        {                                                                                          \
            (void)f, (void)e;                                                                      \
            y[0] = value;                                                                          \
        }                                                                                          \
    };
OP(FILL, fill, f.s[0])
OP(AXPBY, axpby, f.s[0] * e.x0 + f.s[1] * e.x[0])
OP(MUL, mul, f.s[0] * e.x0 * e.x[0])
OP(CLAMP, clamp, e.x0<f.s[0] ? f.s[0] : e.x0> f.s[1] ? f.s[1] : e.x0)
OP(ADD_ROW, add_row, cu_act(f.act, e.x0 + f.x[1][e.r]))
OP(SCALE_SHIFT, scale_shift, e.x0 *f.x[1][e.r] + f.x[2][e.r])
OP(NORMALIZE, normalize, (e.x0 - f.x[1][e.r]) * f.x[2][e.r])
OP(NORM_BWD, norm_bwd,
   f.x[2][e.r] * f.x[3][e.r] * (e.x0 - (f.x[4][e.r] + e.x[0] * f.x[5][e.r]) / T(f.shared)))
OP(RSQRT, rsqrt, 1 / cu_sqrt(e.x0 + f.s[0]))
OP(ACT, act, cu_act(f.act, e.x0))
OP(ACT_BWD, act_bwd, e.x0 *cu_act_slope(f.act, e.x[0]))
OP(GATHER_ROW, gather_row, e.line)
OP(L1_GRAD, l1_grad, f.x[2][e.r] * T((e.x0 > e.x[0]) - (e.x0 < e.x[0])))
OP(L2_GRAD, l2_grad, 2 * f.x[2][e.r] * (e.x0 - e.x[0]))
OP(SSIM_GRAD, ssim_grad, f.x[0][e.r] * (e.x0 + 2 * e.x[0] * e.x[1] + e.x[2] * e.x[3]))

/* Misfits of misfit.def: slope and term. */
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    template <class T> struct op_misfit_##name : op_shape<T, PRISM_MAP_MISFIT_##NAME> {            \
        __device__ static void apply(const fixed<T> &f, const element<op_misfit_##name> &e, T *y)  \
        {                                                                                          \
            const T m = e.x0, d = e.x[0], w = f.x[2][e.r], off = m - d;                            \
            y[0] = slope;                                                                          \
            y[1] = term;                                                                           \
        }                                                                                          \
    };
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW

/* SSIM and its gradient; whole: with the luminance, else only contrast and
 * structure. */
template <class T, bool whole>
__device__ __forceinline__ void ssim(const fixed<T> &f, T p, T q, T xx, T yy, T xy, T *y)
{
    T a1 = 2 * p * q + f.s[0], a2 = 2 * (xy - p * q) + f.s[1];
    T b1 = p * p + q * q + f.s[0], b2 = xx - p * p + yy - q * q + f.s[1];
    T cs = a2 / b2, l = whole ? a1 / b1 : T(1);
    T l_mu1 = whole ? 2 * (q - p * l) / b1 : T(0), cs_mu1 = 2 * (p * cs - q) / b2;

    y[0] = l * cs;
    y[1] = l_mu1 * cs + l * cs_mu1;
    y[2] = -l * cs / b2;
    y[3] = 2 * l / b2;
}

template <class T> struct op_ssim : op_shape<T, PRISM_MAP_SSIM> {
    __device__ static void apply(const fixed<T> &f, const element<op_ssim> &e, T *y)
    {
        ssim<T, true>(f, e.x0, e.x[0], e.x[1], e.x[2], e.x[3], y);
    }
};
template <class T> struct op_ssim_cs : op_shape<T, PRISM_MAP_SSIM_CS> {
    __device__ static void apply(const fixed<T> &f, const element<op_ssim_cs> &e, T *y)
    {
        ssim<T, false>(f, e.x0, e.x[0], e.x[1], e.x[2], e.x[3], y);
    }
};

/* Operations of the optimiser, which read their outputs too: the inputs are
 * gradient, p, m, v and largest v, and operand 5 is the step's three numbers. A
 * skipped step stores what it read. */
template <class T, prism_map OP> struct op_optimiser : op_shape<T, OP> {
    enum { IN = 1 + op_optimiser::OUT };
};

template <class T, bool amsgrad, prism_map OP> struct op_moments : op_optimiser<T, OP> {
    __device__ static void apply(const fixed<T> &f, const element<op_moments> &e, T *y)
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
template <class T> using op_adam = op_moments<T, false, PRISM_MAP_ADAM>;
template <class T> using op_amsgrad = op_moments<T, true, PRISM_MAP_AMSGRAD>;

template <class T> struct op_adam_once : op_optimiser<T, PRISM_MAP_ADAM_ONCE> {
    __device__ static void apply(const fixed<T> &f, const element<op_adam_once> &e, T *y)
    {
        T rate = f.x[5][0], root = f.x[5][1], u = f.x[5][2], g = u * e.x0;

        y[0] = isnan(u)
                   ? e.x[0]
                   : e.x[0] - rate * (f.rest[0] * g) / (cu_sqrt(f.rest[1] * g * g) * root + f.s[2]);
    }
};

/* ---- complex ---- */

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

/* s a b, or s a conj(b) for sign -1. */
template <int sign, class T> __device__ __forceinline__ cplx<T> product(T s, cplx<T> a, cplx<T> b)
{
    T re = b.re, im = sign * b.im;

    return {s * (a.re * re - a.im * im), s * (a.re * im + a.im * re)};
}

OP(C_FROM_R, c_from_r, (C{e.x0, 0}))
OP(C_REAL, c_real, f.s[0] * e.x0.re)
OP(C_ABS, c_abs, cu_abs(e.x0.re, e.x0.im))
OP(C_PHASE, c_phase, with_phase<T>(e.x0, e.x[0]))
OP(C_AXPBY, c_axpby,
   (C{f.s[0] * e.x0.re + f.s[1] * e.x[0].re, f.s[0] * e.x0.im + f.s[1] * e.x[0].im}))
OP(C_MUL_COL, c_mul_col, (product<1, T>(f.s[0], e.x0, e.line)))
OP(C_MULC_COL, c_mulc_col, (product<-1, T>(f.s[0], e.x0, e.line)))
OP(C_MUL, c_mul, (product<1, T>(f.s[0], e.x0, e.x[0])))
OP(C_MULC, c_mulc, (product<-1, T>(f.s[0], e.x0, e.x[0])))
OP(C_CLAMP_ABS, c_clamp_abs, clamp_abs<T>(e.x0, f.s[0], f.s[1]))

/* ---- half ---- */

template <class H> struct op_narrow : op_shape<H, PRISM_MAP_NARROW> {
    __device__ static void apply(const fixed<float> &, const element<op_narrow> &e, H *y)
    {
        cu_store(y, e.x0);
    }
};

template <class H> struct op_widen : op_shape<H, PRISM_MAP_WIDEN> {
    __device__ static void apply(const fixed<float> &, const element<op_widen> &e, float *y)
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
    /* every writer writes the same value */
    for (size_t i = threadIdx.x; i < f.cols; i += THREADS)
        if (!(f.x[0][i] == 0))
            overflow = 1;
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
        product *= pow(mean[r * f.cols] < least ? least : mean[r * f.cols], weight[r % f.period]);
    for (size_t r = 0; r < rows; r++) {
        const T m = mean[r * f.cols];
        f.y[0][r * f.cols + c] =
            m < least ? T(0) : -k * product * weight[r % f.period] * factor[r % f.period] / m;
    }
    f.y[1][c] = k * (1 - product);
}

/* ---- U8: one element a thread ---- */

template <class T> __global__ void __launch_bounds__(THREADS) from_bytes(fixed<T> f, size_t n)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < n)
        f.y[0][i] = f.s[0] * reinterpret_cast<const unsigned char *>(f.x[0])[i] + f.s[1];
}

template <class T> __global__ void __launch_bounds__(THREADS) to_bytes(fixed<T> f, size_t n)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i >= n)
        return;
    const T v = f.s[0] * f.x[0][i] + f.s[1];
    reinterpret_cast<unsigned char *>(f.y[0])[i] =
        v > 0 ? (unsigned char)rint(v < 255 ? v : T(255)) : 0;
}

/* ---- host ---- */

template <class T> fixed<T> make_fixed(size_t rows, size_t cols, const struct prism_map_args *a)
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
    f.period = a->period ? a->period : rows;
    f.shared = cols * (rows / f.period);
    return f;
}

template <class S>
int run(struct prism_dev *dev, size_t rows, size_t cols, const fixed<typename S::T> &f)
{
    size_t n = rows * cols;
    uintptr_t address = 0;

    for (int i = 0; i < S::OUT; i++)
        address |= reinterpret_cast<uintptr_t>(f.y[i]);
    for (int i = 0; i < S::IN; i++)
        address |= reinterpret_cast<uintptr_t>(f.x[S::FIRST + i]);
    if (S::LINE >= 0)
        address |= reinterpret_cast<uintptr_t>(f.x[S::LINE < 0 ? 0 : S::LINE]);
    return cu_launch(dev, "an elementwise operation", each<S>, dim3(cu_blocks(n, THREADS * S::W)),
                     dim3(THREADS), f, n, address % sizeof(uint4) == 0);
}

template <class S>
int run_optimiser(struct prism_dev *dev, size_t rows, size_t cols,
                  const struct prism_map_args *args)
{
    struct prism_map_args a = *args;

    for (int i = 0; i < S::OUT; i++)
        a.x[1 + i] = args->y[i];
    a.x[5] = args->x[1];
    return run<S>(dev, rows, cols, make_fixed<typename S::T>(rows, cols, &a));
}

/* Operations that are not a pass over elements. */
template <class T> struct op_loss_scale {
};
template <class T> struct op_ms_ssim {
};
template <class T> struct op_from_u8 {
};
template <class T> struct op_to_u8 {
};

template <class S>
int launch(S, struct prism_dev *dev, size_t rows, size_t cols, const struct prism_map_args *args)
{
    return run<S>(dev, rows, cols, make_fixed<typename S::T>(rows, cols, args));
}
template <class T, bool amsgrad, prism_map OP>
int launch(op_moments<T, amsgrad, OP>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return run_optimiser<op_moments<T, amsgrad, OP>>(dev, rows, cols, args);
}
template <class T>
int launch(op_adam_once<T>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return run_optimiser<op_adam_once<T>>(dev, rows, cols, args);
}
template <class T>
int launch(op_loss_scale<T>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return cu_launch(dev, "loss scaling", loss_scale<T>, dim3(1), dim3(THREADS),
                     make_fixed<T>(rows, cols, args));
}
template <class T>
int launch(op_ms_ssim<T>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return cu_launch(dev, "MS-SSIM", ms_ssim<T>, dim3(cu_blocks(cols, THREADS)), dim3(THREADS),
                     make_fixed<T>(rows, cols, args), rows);
}

template <class T>
int launch(op_from_u8<T>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return cu_launch(dev, "conversion from bytes", from_bytes<T>,
                     dim3(cu_blocks(rows * cols, THREADS)), dim3(THREADS),
                     make_fixed<T>(rows, cols, args), rows * cols);
}
template <class T>
int launch(op_to_u8<T>, struct prism_dev *dev, size_t rows, size_t cols,
           const struct prism_map_args *args)
{
    return cu_launch(dev, "conversion to bytes", to_bytes<T>, dim3(cu_blocks(rows * cols, THREADS)),
                     dim3(THREADS), make_fixed<T>(rows, cols, args), rows * cols);
}

/* True if an operation has type T: operations with a half operand have a half
 * type, all others a real one. */
template <class T> constexpr bool is_of(const char *y, const char *x)
{
    return (count_of(y, "h") + count_of(x, "h") > 0) == (sizeof(T) == 2);
}

template <class T>
int run_map(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols,
            const struct prism_map_args *args)
{
    switch (op) {
#define PRISM_MAP_ROW(NAME, name, y, x, acts)                                                      \
    case PRISM_MAP_##NAME:                                                                         \
        if constexpr (is_of<T>(y, x))                                                              \
            return launch(op_##name<T>(), dev, rows, cols, args);                                  \
        break;
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
    default:
        break;
    }
    return CU_FAIL(dev, PRISM_ENOTSUP, "elementwise operation %d has no kernel for this type",
                   (int)op);
}

} // namespace

int cu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
           size_t cols, const struct prism_map_args *args)
{
    if (!rows || !cols)
        return 0;
    switch (prism_dtype_real(dtype)) {
    case PRISM_F16:
        return run_map<__half>(dev, op, rows, cols, args);
    case PRISM_BF16:
        return run_map<__nv_bfloat16>(dev, op, rows, cols, args);
    case PRISM_F64:
        return run_map<double>(dev, op, rows, cols, args);
    default:
        return run_map<float>(dev, op, rows, cols, args);
    }
}
