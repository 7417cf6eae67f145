/* Transforms of single lines, for kernels that work on a line while it is in
 * the first-level cache. */
#ifndef PRISMI_CPU_FFT_H
#define PRISMI_CPU_FFT_H

#include "backend_cpu/real.h"

enum {
    CPU_FFT_ROWS = 16, /* rows of an item */
    CPU_FFT_COLS = 16  /* columns of an item: whole cache lines of a row */
};

/* A complex number that is only moved, never computed with. */
#ifdef CPU_F64
typedef struct __attribute__((may_alias)) {
    double re, im;
} pair;
#else
typedef uint64_t __attribute__((may_alias)) pair;
#endif

struct prism_fft {
    const struct prism_ops *kernels; /* first member: entries.c reads it */
    struct prism_dev *dev;
    size_t batch, h, w;
    const int32_t *support; /* [2,batch,4], or NULL */
    const real *factors;    /* [2,h+w] complex, or NULL */
    /* FFTW plans of one line, forward and inverse, from one aligned address to
     * another */
    void *rows[2], *cols[2];
    /* scratch + thread * nscratch is the thread's: 2 CPU_FFT_COLS columns or
     * two rows */
    pair *scratch;
    size_t nscratch, pitch; /* pitch: elements from column to column in scratch */
};

void R(prismi_cpu_fft_line)(void *plan, pair *out, pair *in);

/* Gathers n columns at data as lines of `in`, pitch apart: rows first .. first
 * + count - 1, modulo h, and zeros elsewhere. Row i is multiplied by
 * factors[i], [h] complex, or by its conjugate where sign is -1; factors NULL:
 * all 1. */
void R(prismi_cpu_fft_gather)(const struct prism_fft *f, pair *in, const pair *data, size_t first,
                              size_t count, size_t n, const real *factors, real sign);

/* True if [a, a + n) and [b, b + m) overlap modulo side; a, b < side. */
static inline bool prismi_cpu_fft_meet(size_t a, size_t n, size_t b, size_t m, size_t side)
{
    return n && m && ((b + side - a) % side < n || (a + side - b) % side < m);
}

/* y[j ldy + i] = x[i ldx + j], i < n, j < m. */
void R(prismi_cpu_transpose)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n, size_t m);
void R(prismi_cpu_transpose_reals)(real *y, size_t ldy, const real *x, size_t ldx, size_t n,
                                   size_t m);

/* multiply: y[i] = x[i] f[i]; y may be x. transpose_scaled: y[j ldy + i] = x[i
 * ldx + j] f[i] g[j]; g NULL: all 1. f and g are complex, conjugated where sign
 * is -1. */
void R(prismi_cpu_multiply)(pair *y, const pair *x, const real *f, size_t n, real sign);
void R(prismi_cpu_transpose_scaled)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n,
                                    size_t m, const real *f, const real *g, real sign);

/* True if there are many small images: then each thread transforms whole
 * images, which is faster than all threads on one image after the other. */
static inline bool prismi_cpu_fft_by_image(const struct prism_fft *f)
{
    return f->batch >= 2 * (size_t)f->dev->caps.threads && f->h * f->w <= 1 << 16;
}

#endif
