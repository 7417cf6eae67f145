/* Pooling of the CPU backend. A row of outputs is computed one offset of the
 * window at a time, so that the inner loop runs along the row. A row of
 * gradients sums over the rows of windows that hold it, in order. */
#include "backend_cpu/real.h"

#include <string.h>

struct pool_run {
    const struct prism_pool_desc *d;
    int oh, ow;
    real *out;
    const real *in;
    int32_t *index;
};

struct range {
    int from, to;
};

/* Pixels, along an axis of n, of the window of output o; only pixels that
 * exist. */
static struct range window_range(const struct prism_pool_desc *d, int o, int n)
{
    int first = o * d->stride - d->pad;

    return (struct range){first > 0 ? first : 0, first + d->k < n ? first + d->k : n};
}

/* Outputs, along an axis of n pixels and `outs` outputs, whose window has an
 * existing pixel at offset dj. */
static struct range output_range(const struct prism_pool_desc *d, int dj, int n, int outs)
{
    int shift = d->pad - dj; /* output o reads pixel o stride - shift */
    int first = shift > 0 ? (shift + d->stride - 1) / d->stride : 0;
    int end = n - 1 + shift < 0 ? 0 : (n - 1 + shift) / d->stride + 1;

    return (struct range){first, end < outs ? end : outs};
}

/* Replaces y and index where x holds a larger pixel. x points at the pixel of
 * the first output, which is pixel `at` of the plane. */
CPU_INLINE void take_larger(real *y, int32_t *index, const real *x, int32_t at, int stride, int n)
{
    CPU_SIMD
    for (int o = 0; o < n; o++) {
        const real v = x[o * stride], old = y[o];
        const bool better = v > old || (v != v && old == old);
        y[o] = better ? v : old;
        index[o] = better ? at + o * stride : index[o];
    }
}

CPU_HOT static void take_larger_row(real *y, int32_t *index, const real *x, int32_t at, int stride,
                                    int n)
{
    if (stride == 2)
        take_larger(y, index, x, at, 2, n);
    else
        take_larger(y, index, x, at, stride, n);
}

CPU_HOT static void add_row(real *y, const real *x, int stride, int n)
{
    CPU_SIMD
    for (int o = 0; o < n; o++)
        y[o] += x[o * stride];
}

static void max_row(const struct prism_pool_desc *d, int oy, int ow, real *y, int32_t *index,
                    const real *x)
{
    const struct range rows = window_range(d, oy, d->h);

    for (int o = 0; o < ow; o++) { /* start from the first pixel, whatever it holds */
        index[o] = rows.from * d->w + window_range(d, o, d->w).from;
        y[o] = x[index[o]];
    }
    for (int i = rows.from; i < rows.to; i++)
        for (int dj = 0; dj < d->k; dj++) {
            const struct range r = output_range(d, dj, d->w, ow);
            const int32_t at = i * d->w + r.from * d->stride - d->pad + dj;
            if (r.from < r.to)
                take_larger_row(y + r.from, index + r.from, x + at, at, d->stride, r.to - r.from);
        }
}

static void mean_row(const struct prism_pool_desc *d, int oy, int ow, real *y, const real *x)
{
    const struct range rows = window_range(d, oy, d->h);

    memset(y, 0, (size_t)ow * sizeof *y);
    for (int i = rows.from; i < rows.to; i++)
        for (int dj = 0; dj < d->k; dj++) {
            const struct range r = output_range(d, dj, d->w, ow);
            if (r.from < r.to)
                add_row(y + r.from, x + i * d->w + r.from * d->stride - d->pad + dj, d->stride,
                        r.to - r.from);
        }
    for (int o = 0; o < ow; o++) {
        const struct range r = window_range(d, o, d->w);
        y[o] /= (real)((rows.to - rows.from) * (r.to - r.from));
    }
}

static void fwd_item(const void *arg, size_t item, int thread)
{
    const struct pool_run *r = arg;
    const size_t plane = item / (size_t)r->oh;
    const real *x = r->in + plane * (size_t)r->d->h * (size_t)r->d->w;
    const int oy = (int)(item % (size_t)r->oh);
    real *y = r->out + item * (size_t)r->ow;

    (void)thread;
    if (r->d->kind == PRISM_POOL_MAX)
        max_row(r->d, oy, r->ow, y, r->index + item * (size_t)r->ow, x);
    else
        mean_row(r->d, oy, r->ow, y, x);
}

int R(prismi_cpu_pool_fwd)(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                           prism_mem index, prism_mem x)
{
    const struct pool_run r = {d,         prism_pool_out(d, d->h), prism_pool_out(d, d->w),
                               (real *)y, (const real *)x,         (int32_t *)index};
    const size_t rows = (size_t)d->planes * (size_t)r.oh;

    prismi_cpu_for(dev, rows, (double)rows * r.ow * d->k * d->k, fwd_item, &r);
    return 0;
}

/* Adds the gradients gy of one output row that fall on row i. chosen is the
 * output row's part of index. */
static void max_row_back(const struct pool_run *r, int i, real *gx, const real *gy,
                         const int32_t *chosen)
{
    const int32_t first = i * r->d->w, end = first + r->d->w;

    for (int o = 0; o < r->ow; o++)
        if (chosen[o] >= first && chosen[o] < end)
            gx[chosen[o] - first] += gy[o];
}

static void mean_row_back(const struct pool_run *r, int oy, real *gx, const real *gy)
{
    const struct range rows = window_range(r->d, oy, r->d->h);

    for (int o = 0; o < r->ow; o++) {
        const struct range cols = window_range(r->d, o, r->d->w);
        const real share = gy[o] / (real)((rows.to - rows.from) * (cols.to - cols.from));
        for (int j = cols.from; j < cols.to; j++)
            gx[j] += share;
    }
}

static void bwd_item(const void *arg, size_t item, int thread)
{
    const struct pool_run *r = arg;
    const struct prism_pool_desc *d = r->d;
    const size_t plane = item / (size_t)d->h;
    const int i = (int)(item % (size_t)d->h), above = i + d->pad - d->k + 1;
    real *gx = r->out + item * (size_t)d->w;

    (void)thread;
    memset(gx, 0, (size_t)d->w * sizeof *gx);
    for (int oy = above > 0 ? (above + d->stride - 1) / d->stride : 0;
         oy < r->oh && oy * d->stride - d->pad <= i; oy++) {
        const size_t at = (plane * (size_t)r->oh + (size_t)oy) * (size_t)r->ow;
        if (d->kind == PRISM_POOL_MAX)
            max_row_back(r, i, gx, r->in + at, r->index + at);
        else
            mean_row_back(r, oy, gx, r->in + at);
    }
}

int R(prismi_cpu_pool_bwd)(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem index)
{
    const struct pool_run r = {d,          prism_pool_out(d, d->h), prism_pool_out(d, d->w),
                               (real *)gx, (const real *)gy,        (int32_t *)index};
    const size_t rows = (size_t)d->planes * (size_t)d->h;

    prismi_cpu_for(dev, rows, (double)rows * d->w * d->k, bwd_item, &r);
    return 0;
}
