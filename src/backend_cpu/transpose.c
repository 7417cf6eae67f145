/* Transposes: 4 x 4 elements at a time in registers, in tiles of 16 x 16 so that no cache line is fetched twice. Between a few
 * columns of an image and scratch it is the image that is far, the side with many rows: its rows of a tile are read, or written,
 * one after the other, so that whole lines go to memory. */
#include "backend_cpu/fft.h"

#include <string.h>

/* 4 x 4: blocks of 2 x 2 change places, then what is in them. */
#define TRANSPOSE(name, element)                                                                                                   \
    typedef element name##_vec __attribute__((vector_size(4 * sizeof(element)), aligned(sizeof(element)), may_alias));             \
                                                                                                                                   \
    CPU_INLINE void name##_4x4(element *y, size_t ldy, const element *x, size_t ldx)                                               \
    {                                                                                                                              \
        name##_vec s[4];                                                                                                           \
        for (size_t k = 0; k < 2; k++) {                                                                                           \
            const name##_vec a = *(const name##_vec *)(x + k * ldx), b = *(const name##_vec *)(x + (k + 2) * ldx);                 \
            s[k] = __builtin_shufflevector(a, b, 0, 1, 4, 5);                                                                      \
            s[k + 2] = __builtin_shufflevector(a, b, 2, 3, 6, 7);                                                                  \
        }                                                                                                                          \
        for (size_t k = 0; k < 4; k += 2) {                                                                                        \
            *(name##_vec *)(y + k * ldy) = __builtin_shufflevector(s[k], s[k + 1], 0, 4, 2, 6);                                    \
            *(name##_vec *)(y + (k + 1) * ldy) = __builtin_shufflevector(s[k], s[k + 1], 1, 5, 3, 7);                              \
        }                                                                                                                          \
    }                                                                                                                              \
                                                                                                                                   \
    CPU_INLINE void name##_tile(element *y, size_t ldy, const element *x, size_t ldx, size_t n, size_t m, bool by_y)               \
    {                                                                                                                              \
        const size_t n4 = n / 4 * 4, m4 = m / 4 * 4;                                                                               \
        if (by_y) {                                                                                                                \
            for (size_t j = 0; j < m4; j += 4)                                                                                     \
                for (size_t i = 0; i < n4; i += 4)                                                                                 \
                    name##_4x4(y + j * ldy + i, ldy, x + i * ldx + j, ldx);                                                        \
        } else {                                                                                                                   \
            for (size_t i = 0; i < n4; i += 4)                                                                                     \
                for (size_t j = 0; j < m4; j += 4)                                                                                 \
                    name##_4x4(y + j * ldy + i, ldy, x + i * ldx + j, ldx);                                                        \
        }                                                                                                                          \
        for (size_t i = 0; i < n; i++)                                                                                             \
            for (size_t j = i < n4 ? m4 : 0; j < m; j++)                                                                           \
                y[j * ldy + i] = x[i * ldx + j];                                                                                   \
    }                                                                                                                              \
                                                                                                                                   \
    CPU_HOT static void name(element *y, size_t ldy, const element *x, size_t ldx, size_t n, size_t m)                             \
    {                                                                                                                              \
        const bool by_y = n < m;                                                                                                   \
        for (size_t i = 0; i < n; i += TILE)                                                                                       \
            for (size_t j = 0; j < m; j += TILE)                                                                                   \
                if (i + TILE <= n && j + TILE <= m)                                                                                \
                    name##_tile(y + j * ldy + i, ldy, x + i * ldx + j, ldx, TILE, TILE, by_y);                                     \
                else                                                                                                               \
                    name##_tile(y + j * ldy + i, ldy, x + i * ldx + j, ldx, n - i < TILE ? n - i : TILE,                           \
                                m - j < TILE ? m - j : TILE, by_y);                                                                \
    }

enum { TILE = CPU_FFT_COLS };
TRANSPOSE(pairs, pair)
TRANSPOSE(reals, float)

void prismi_cpu_transpose(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n, size_t m)
{
    pairs(y, ldy, x, ldx, n, m);
}

void prismi_cpu_transpose_reals(float *y, size_t ldy, const float *x, size_t ldx, size_t n, size_t m)
{
    reals(y, ldy, x, ldx, n, m);
}

void prismi_cpu_fft_gather(const struct prism_fft *f, pair *in, const pair *data, size_t first, size_t count, size_t n)
{
    const size_t end = first + count < f->h ? first + count : f->h, rest = first + count - end; /* rest: from row 0 on */

    pairs(in + first, f->pitch, data + first * f->w, f->w, end - first, n);
    pairs(in, f->pitch, data, f->w, rest, n);
    for (size_t j = 0; j < n; j++, in += f->pitch) {
        memset(in + rest, 0, (first - rest) * sizeof *in);
        memset(in + end, 0, (f->h - end) * sizeof *in);
    }
}
