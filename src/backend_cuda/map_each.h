/* Kernel of the elementwise operations, which serves every shape of operands: a
 * thread takes a pack of W contiguous elements, in 16-byte pieces if the
 * operands' addresses allow, and applies the operation to each. A pack is read
 * completely before any element is written, so outputs may be inputs. One
 * division per pack finds the row; operations that do not use the row do not
 * pay for the division. */
#ifndef PRISMI_CU_MAP_EACH_H
#define PRISMI_CU_MAP_EACH_H

#include "backend_cuda/vmath.h"

namespace
{

enum { THREADS = 128 };

/* ---- parts that an operation is made of ---- */

/* Values that are the same for all elements. x holds the operands as given, for
 * rows and tables. */
template <class T> struct fixed {
    T s[3], rest[3]; /* rest: 1 - s, subtracted in double */
    enum prism_act act;
    T *y[4];
    const T *x[6];
    size_t cols, period, shared; /* shared: elements that share one value of a per-row operand */
};

template <class T> struct twin {
    typedef cu_cf32 type;
};
template <> struct twin<double> {
    typedef cu_cf64 type;
};
template <class T> using cplx = typename twin<T>::type;

/* Kinds of the operands of each operation, from maps.def. T is a half type if
 * an operand is half. */
struct map_row {
    const char *y, *x;
};
constexpr map_row map_rows[] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) {y, x},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

constexpr bool one_of(char kind, const char *kinds)
{
    for (; *kinds; kinds++)
        if (*kinds == kind)
            return true;
    return false;
}

/* Number of operands whose kind is one of `kinds`; the first and the last such
 * operand, or fallback. */
constexpr int count_of(const char *operands, const char *kinds)
{
    int n = 0;
    for (; *operands; operands++)
        n += one_of(*operands, kinds);
    return n;
}
constexpr int first_of(const char *operands, const char *kinds, int fallback)
{
    for (int i = 0; operands[i]; i++)
        if (one_of(operands[i], kinds))
            return i;
    return fallback;
}
constexpr int last_of(const char *operands, const char *kinds, int fallback)
{
    int last = fallback;
    for (int i = 0; operands[i]; i++)
        last = one_of(operands[i], kinds) ? i : last;
    return last;
}

template <class T, char kind> struct kind_type {
    typedef T type;
};
template <class T> struct kind_type<T, 'c'> {
    typedef cplx<T> type;
};
template <class T> struct kind_type<T, 'k'> {
    typedef cplx<T> type;
};
template <class T> struct kind_type<T, 'f'> {
    typedef float type;
};

/* Types and operands of one operation. T is its real type, Y the output's, X0
 * the first elementwise input's, X the other inputs'. IN and OUT count
 * elementwise operands; FIRST is the number of the first elementwise input; W
 * is the number of elements of a pack. LINE is the operand that has one X per
 * column, or -1; line() returns the start of that operand's row for row r. */
template <class T_, prism_map OP> struct op_shape {
    static constexpr const char *y = map_rows[OP].y, *x = map_rows[OP].x;
    enum {
        OUT = count_of(y, "ecEhf"),
        IN = count_of(x, "echf"),
        W = sizeof(T_) == 2 ? 8 : 4,
        FIRST = first_of(x, "echf", 0),
        LINE = first_of(x, "kg", -1),
        NAMED = count_of(x, "g") /* the next operand selects the row */
    };
    typedef typename cu_acc<T_>::type T;
    typedef typename kind_type<T_, y[0]>::type Y;
    typedef typename kind_type<T_, x[FIRST]>::type X0;
    typedef typename kind_type<T_, x[last_of(x, "echfkg", 0)]>::type X;

    __device__ static const X *line(const fixed<T> &f, size_t r)
    {
        if constexpr (LINE < 0) {
            return nullptr;
        } else {
            const X *at = reinterpret_cast<const X *>(f.x[LINE]);
            if constexpr (NAMED) {
                const int32_t *row = reinterpret_cast<const int32_t *>(f.x[LINE + 1]);
                at += (size_t)row[r % f.period] * f.cols;
            }
            return at;
        }
    }
};

/* Operands of one element: the row index for per-row operands, the first input,
 * the other inputs, and the element of the line. */
template <class S> struct element {
    size_t r;
    typename S::X0 x0;
    typename S::X x[S::IN > 1 ? S::IN - 1 : 1], line;
};

/* ---- reading and writing packs ---- */

template <int W, class T>
__device__ __forceinline__ void load(T *v, const T *p, int count, bool whole)
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

template <int W, class T>
__device__ __forceinline__ void store(T *p, const T *v, int count, bool whole)
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

/* Loads the elements of the line that belong to a pack. The pack may extend
 * into the following rows. */
template <class S>
__device__ __forceinline__ void load_line(typename S::X *v, const fixed<typename S::T> &f, size_t r,
                                          size_t c, int count, bool whole)
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

/* Applies one operation to n elements. `aligned`: every elementwise operand and
 * every line starts at a multiple of 16 bytes, so whole packs may be loaded at
 * once. */
template <class S>
__global__ void __launch_bounds__(THREADS) each(fixed<typename S::T> f, size_t n, bool aligned)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * S::W;
    if (i >= n)
        return;
    int count = n - i < (size_t)S::W ? (int)(n - i) : (int)S::W;
    bool whole = aligned && count == S::W,
         once = f.period * f.cols >= n; /* per-row operands are not repeated */
    /* 32 bits if they are enough: a 64-bit division takes longer than the rest
     * of the kernel */
    size_t r = n <= UINT32_MAX ? (uint32_t)i / (uint32_t)f.cols : i / f.cols, c = i - r * f.cols;
    typename S::X0 x0[S::W] = {};
    typename S::X x[S::IN > 1 ? S::IN - 1 : 1][S::W] = {}, line[S::W] = {};
    typename S::Y y[S::OUT][S::W];

    if (S::IN > 0)
        load<S::W>(x0, reinterpret_cast<const typename S::X0 *>(f.x[S::FIRST]) + i, count, whole);
#pragma unroll
    for (int k = 1; k < S::IN; k++)
        load<S::W>(x[k - 1], reinterpret_cast<const typename S::X *>(f.x[S::FIRST + k]) + i, count,
                   whole);
    if (S::LINE >= 0)
        load_line<S>(line, f, r, c, count, whole);
#pragma unroll
    for (int j = 0; j < S::W; j++) {
        element<S> e;
        typename S::Y out[S::OUT] = {};
        e.r = once ? r : r % f.period;
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

} // namespace

#endif
