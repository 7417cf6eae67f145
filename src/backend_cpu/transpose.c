/* Transposes between a few columns of an image and scratch: 4 x 4 elements at a
 * time in registers, in tiles of 16 x 16 so that no cache line is fetched
 * twice.
 *
 * The image, the side with many rows, is far away in memory. So within a tile
 * the image's rows are read, or written, one after the other, and whole cache
 * lines go to memory. Multiplying by factors costs next to nothing as long as
 * the transpose waits for memory: when it reads columns it can bear one factor,
 * because more would delay loads, and when it writes columns it can bear
 * both. */
#include "backend_cpu/fft.h"

#include <string.h>

#define ONE_UNIT(a, b, c, d) a, b, c, d
#define TWO_UNITS(a, b, c, d) 2 * a, 2 * a + 1, 2 * b, 2 * b + 1, 2 * c, 2 * c + 1, 2 * d, 2 * d + 1

/* Defines a transpose of elements of one type. 4 x 4: blocks of 2 x 2 change
 * places, then the elements within them. An element is one or two units of a
 * vector; PICK names the units of four elements. */
#define TRANSPOSE(name, element, unit, PICK)                                                       \
    typedef unit name##_vec                                                                        \
        __attribute__((vector_size(4 * sizeof(element)), aligned(sizeof(unit)), may_alias));       \
                                                                                                   \
    CPU_INLINE void name##_4x4(element *y, size_t ldy, const element *x, size_t ldx)               \
    {                                                                                              \
        name##_vec s[4];                                                                           \
        for (size_t k = 0; k < 2; k++) {                                                           \
            const name##_vec a = *(const name##_vec *)(x + k * ldx),                               \
                             b = *(const name##_vec *)(x + (k + 2) * ldx);                         \
            s[k] = __builtin_shufflevector(a, b, PICK(0, 1, 4, 5));                                \
            s[k + 2] = __builtin_shufflevector(a, b, PICK(2, 3, 6, 7));                            \
        }                                                                                          \
        for (size_t k = 0; k < 4; k += 2) {                                                        \
            *(name##_vec *)(y + k * ldy) =                                                         \
                __builtin_shufflevector(s[k], s[k + 1], PICK(0, 4, 2, 6));                         \
            *(name##_vec *)(y + (k + 1) * ldy) =                                                   \
                __builtin_shufflevector(s[k], s[k + 1], PICK(1, 5, 3, 7));                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    CPU_INLINE void name##_tile(element *y, size_t ldy, const element *x, size_t ldx, size_t n,    \
                                size_t m, bool by_y)                                               \
    {                                                                                              \
        const size_t n4 = n / 4 * 4, m4 = m / 4 * 4;                                               \
        if (by_y) {                                                                                \
            for (size_t j = 0; j < m4; j += 4)                                                     \
                for (size_t i = 0; i < n4; i += 4)                                                 \
                    name##_4x4(y + j * ldy + i, ldy, x + i * ldx + j, ldx);                        \
        } else {                                                                                   \
            for (size_t i = 0; i < n4; i += 4)                                                     \
                for (size_t j = 0; j < m4; j += 4)                                                 \
                    name##_4x4(y + j * ldy + i, ldy, x + i * ldx + j, ldx);                        \
        }                                                                                          \
        for (size_t i = 0; i < n; i++)                                                             \
            for (size_t j = i < n4 ? m4 : 0; j < m; j++)                                           \
                y[j * ldy + i] = x[i * ldx + j];                                                   \
    }                                                                                              \
                                                                                                   \
    CPU_HOT static void name(element *y, size_t ldy, const element *x, size_t ldx, size_t n,       \
                             size_t m)                                                             \
    {                                                                                              \
        const bool by_y = n < m;                                                                   \
        for (size_t i = 0; i < n; i += TILE)                                                       \
            for (size_t j = 0; j < m; j += TILE)                                                   \
                if (i + TILE <= n && j + TILE <= m)                                                \
                    name##_tile(y + j * ldy + i, ldy, x + i * ldx + j, ldx, TILE, TILE, by_y);     \
                else                                                                               \
                    name##_tile(y + j * ldy + i, ldy, x + i * ldx + j, ldx,                        \
                                n - i < TILE ? n - i : TILE, m - j < TILE ? m - j : TILE, by_y);   \
    }

enum { TILE = CPU_FFT_COLS };
#ifdef CPU_F64
TRANSPOSE(pairs, pair, real, TWO_UNITS)
#else
TRANSPOSE(pairs, pair, pair, ONE_UNIT)
#endif
TRANSPOSE(reals, real, real, ONE_UNIT)

void R(prismi_cpu_transpose)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n, size_t m)
{
    pairs(y, ldy, x, ldx, n, m);
}

void R(prismi_cpu_transpose_reals)(real *y, size_t ldy, const real *x, size_t ldx, size_t n,
                                   size_t m)
{
    reals(y, ldy, x, ldx, n, m);
}

/* ---- with factors ---- */

CPU_HOT static void multiply(pair *y, const pair *x, const real *f, size_t n, real sign)
{
    const real *from = (const real *)x;
    real *to = (real *)y;

    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        const real a = from[2 * i], b = from[2 * i + 1], re = f[2 * i], im = sign * f[2 * i + 1];
        to[2 * i] = re * a - im * b;
        to[2 * i + 1] = re * b + im * a;
    }
}

/* four complex numbers */
typedef real quad __attribute__((vector_size(4 * sizeof(pair)), aligned(sizeof(real)), may_alias));

#define SWAPPED(z) __builtin_shufflevector(z, z, 1, 0, 3, 2, 5, 4, 7, 6)

/* Transposes and scales four rows of x, over m columns, a multiple of 4. g
 * NULL: all 1. */
CPU_INLINE void scaled_rows(pair *y, size_t ldy, const pair *x, size_t ldx, size_t m, const real *f,
                            const real *g, real sign)
{
    const quad signs = {-sign, sign, -sign, sign, -sign, sign, -sign, sign},
               each = *(const quad *)f,
               re = __builtin_shufflevector(each, each, 0, 0, 2, 2, 4, 4, 6, 6),
               im = signs * __builtin_shufflevector(each, each, 1, 1, 3, 3, 5, 5, 7, 7);

    for (size_t j = 0; j < m; j += 4) {
        pairs_vec block[4];
        pairs_4x4((pair *)block, 4, x + j, ldx);
        for (size_t k = 0; k < 4; k++) {
            quad z = (quad)block[k];
            if (g) {
                const real r = g[2 * (j + k)], i = g[2 * (j + k) + 1];
                z = (quad){r, r, r, r, r, r, r, r} * z + i * signs * SWAPPED(z);
            }
            *(quad *)(y + (j + k) * ldy) = re * z + im * SWAPPED(z);
        }
    }
}

CPU_INLINE void scaled(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n, size_t m,
                       const real *f, const real *g, real sign)
{
    const size_t n4 = n / 4 * 4, m4 = m / 4 * 4, strip = n < m ? 4 : TILE;

    for (size_t j = 0; j < m4; j += strip)
        for (size_t i = 0; i < n4; i += 4)
            scaled_rows(y + j * ldy + i, ldy, x + i * ldx + j, ldx, m4 - j < strip ? m4 - j : strip,
                        f + 2 * i, g ? g + 2 * j : NULL, sign);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i < n4 ? m4 : 0; j < m; j++) {
            pair *to = y + j * ldy + i;
            multiply(to, x + i * ldx + j, f + 2 * i, 1, sign);
            if (g)
                multiply(to, to, g + 2 * j, 1, sign);
        }
}

CPU_HOT static void transpose_scaled(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n,
                                     size_t m, const real *f, const real *g, real sign)
{
    if (g)
        scaled(y, ldy, x, ldx, n, m, f, g, sign);
    else
        scaled(y, ldy, x, ldx, n, m, f, NULL, sign);
}

void R(prismi_cpu_multiply)(pair *y, const pair *x, const real *f, size_t n, real sign)
{
    multiply(y, x, f, n, sign);
}

void R(prismi_cpu_transpose_scaled)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n,
                                    size_t m, const real *f, const real *g, real sign)
{
    transpose_scaled(y, ldy, x, ldx, n, m, f, g, sign);
}

static void take(const struct prism_fft *f, pair *in, const pair *data, size_t row, size_t rows,
                 size_t n, const real *factors, real sign)
{
    if (factors)
        R(prismi_cpu_transpose_scaled)
    (in + row, f->pitch, data + row * f->w, f->w, rows, n, factors + 2 * row, NULL, sign);
    else pairs(in + row, f->pitch, data + row * f->w, f->w, rows, n);
}

void R(prismi_cpu_fft_gather)(const struct prism_fft *f, pair *in, const pair *data, size_t first,
                              size_t count, size_t n, const real *factors, real sign)
{
    /* rest: rows from row 0 on */
    const size_t end = first + count < f->h ? first + count : f->h, rest = first + count - end;

    take(f, in, data, first, end - first, n, factors, sign);
    take(f, in, data, 0, rest, n, factors, sign);
    for (size_t j = 0; j < n; j++, in += f->pitch) {
        memset(in + rest, 0, (first - rest) * sizeof *in);
        memset(in + end, 0, (f->h - end) * sizeof *in);
    }
}
