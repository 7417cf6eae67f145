/* Transforms line by line, for those who work on lines while they are in the
 * nearest cache. */
#ifndef PRISMI_CPU_FFT_H
#define PRISMI_CPU_FFT_H

#include "backend_cpu/real.h"

enum {
    CPU_FFT_ROWS = 16, /* of an item */
    CPU_FFT_COLS = 16  /* of an item: whole cache lines of a row */
};

/* A complex number as a whole, for moving. */
#ifdef CPU_F64
typedef struct __attribute__((may_alias)) {
    double re, im;
} pair;
#else
typedef uint64_t __attribute__((may_alias)) pair;
#endif

struct prism_fft {
    const struct prism_ops *kernels; /* first: what entries.c knows of it */
    struct prism_dev *dev;
    size_t batch, h, w;
    const int32_t *support;  /* [2,batch,4], or NULL */
    const real *factors;     /* [2,h+w] complex, or NULL */
    void *rows[2], *cols[2]; /* FFTW's plans of one line, from one aligned place to another:
                                forward, inverse */
    pair *scratch; /* per thread: scratch + thread * nscratch; holds 2 COLS columns, or two rows */
    size_t nscratch, pitch; /* pitch: from a column to the next in scratch */
};

void R(prismi_cpu_fft_line)(void *plan, pair *out, pair *in);

/* n columns at data as lines of `in`, pitch apart: rows first .. first + count
 * - 1, modulo h, and zeros. Rows times their factors, [h] complex, conjugate
 * where sign is -1; NULL: all 1. */
void R(prismi_cpu_fft_gather)(const struct prism_fft *f, pair *in, const pair *data, size_t first,
                              size_t count, size_t n, const real *factors, real sign);

/* Do [a, a + n) and [b, b + m) meet, modulo side? a, b < side. */
static inline bool prismi_cpu_fft_meet(size_t a, size_t n, size_t b, size_t m, size_t side)
{
    return n && m && ((b + side - a) % side < n || (a + side - b) % side < m);
}

/* y[j ldy + i] = x[i ldx + j], i < n, j < m */
void R(prismi_cpu_transpose)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n, size_t m);
void R(prismi_cpu_transpose_reals)(real *y, size_t ldy, const real *x, size_t ldx, size_t n,
                                   size_t m);

/* y[i] = x[i] f[i], and the transpose times f[i] g[j]; f and g are complex,
 * conjugate where sign is -1. y may be x in the first, g NULL (all 1) in the
 * second. */
void R(prismi_cpu_multiply)(pair *y, const pair *x, const real *f, size_t n, real sign);
void R(prismi_cpu_transpose_scaled)(pair *y, size_t ldy, const pair *x, size_t ldx, size_t n,
                                    size_t m, const real *f, const real *g, real sign);

/* Many small images: better one to a thread, whole, than all threads on one
 * after the other. */
static inline bool prismi_cpu_fft_by_image(const struct prism_fft *f)
{
    return f->batch >= 2 * (size_t)f->dev->caps.threads && f->h * f->w <= 1 << 16;
}

#endif
