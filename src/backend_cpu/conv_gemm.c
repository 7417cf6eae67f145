/* Convolution of any shape as matrix products over unrolled patches: cols[cin k k, pixels of the tile], tile by tile of output
 * rows. Tiles run in order, each split over channels and over the product's own tiles. */
#include "backend_cpu/cpu.h"

#include <string.h>

enum { COLS = 1 << 20 }; /* floats of a column tile, unless one row of pixels needs more */

struct gemm_conv {
    const struct prism_conv *c;
    float *cols, *gx;
    const float *x;
    int first, rows; /* output rows of the tile */
    size_t n;        /* its pixels */
};

static size_t patch(const struct prism_conv *c)
{
    return (size_t)c->d.cin * (size_t)c->d.k * (size_t)c->d.k;
}

static void sizes(struct prism_conv *c, size_t *work, size_t *scratch)
{
    size_t row = patch(c) * (size_t)c->ow, rows = row < COLS ? COLS / row : 1;

    c->tile_rows = rows < (size_t)c->oh ? (int)rows : c->oh;
    *work = row * (size_t)c->tile_rows;
    *scratch = 0;
}

static struct gemm_conv tile_at(const struct prism_conv *c, int first)
{
    int rows = c->oh - first < c->tile_rows ? c->oh - first : c->tile_rows;
    return (struct gemm_conv){.c = c, .cols = c->work, .first = first, .rows = rows, .n = (size_t)rows * (size_t)c->ow};
}

/* Output columns whose tap kx falls inside the input. */
static void inside(const struct prism_conv *c, int kx, int *from, int *to)
{
    int s = c->d.stride, off = kx - c->d.pad, last = c->d.w - 1 - off;

    *from = off < 0 ? (-off + s - 1) / s : 0;
    *to = last < 0 ? 0 : last / s + 1 < c->ow ? last / s + 1 : c->ow;
    *from = *from < *to ? *from : *to;
}

CPU_HOT static void add_every(float *y, const float *x, size_t s, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++)
        y[j * s] += x[j];
}

/* One channel's patches. */
static void im2col_item(const void *arg, size_t channel, int thread)
{
    const struct gemm_conv *g = arg;
    const struct prism_conv_desc *d = &g->c->d;
    const float *plane = g->x + channel * (size_t)d->h * (size_t)d->w;
    size_t ow = (size_t)g->c->ow;

    (void)thread;
    for (int tap = 0; tap < d->k * d->k; tap++) {
        float *out = g->cols + (channel * (size_t)(d->k * d->k) + (size_t)tap) * g->n;
        int ky = tap / d->k, kx = tap % d->k, from, to;
        inside(g->c, kx, &from, &to);
        for (int i = 0; i < g->rows; i++, out += ow) {
            int y = (g->first + i) * d->stride + ky - d->pad, x = from * d->stride + kx - d->pad;
            if (y < 0 || y >= d->h || from == to) {
                memset(out, 0, ow * sizeof *out);
                continue;
            }
            memset(out, 0, (size_t)from * sizeof *out);
            const float *row = plane + (size_t)y * (size_t)d->w + x;
            prismi_cpu_take(out + from, row, (size_t)d->stride, (size_t)(to - from));
            memset(out + to, 0, (ow - (size_t)to) * sizeof *out);
        }
    }
}

/* The transpose: one channel's patches added back in order of tap and row. */
static void col2im_item(const void *arg, size_t channel, int thread)
{
    const struct gemm_conv *g = arg;
    const struct prism_conv_desc *d = &g->c->d;
    float *plane = g->gx + channel * (size_t)d->h * (size_t)d->w;
    size_t ow = (size_t)g->c->ow;

    (void)thread;
    if (g->first == 0)
        memset(plane, 0, (size_t)d->h * (size_t)d->w * sizeof *plane);
    for (int tap = 0; tap < d->k * d->k; tap++) {
        const float *in = g->cols + (channel * (size_t)(d->k * d->k) + (size_t)tap) * g->n;
        int ky = tap / d->k, kx = tap % d->k, from, to;
        inside(g->c, kx, &from, &to);
        for (int i = 0; i < g->rows; i++, in += ow) {
            int y = (g->first + i) * d->stride + ky - d->pad, x = from * d->stride + kx - d->pad;
            if (y >= 0 && y < d->h && from < to)
                add_every(plane + (size_t)y * (size_t)d->w + x, in + from, (size_t)d->stride, (size_t)(to - from));
        }
    }
}

static void fwd(struct prism_conv *c, float *y, const float *x, const float *w)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.x = x;
        prismi_cpu_for(c->dev, (size_t)c->d.cin, (double)patch(c) * (double)t.n, im2col_item, &t);
        prismi_cpu_gemm(c->dev, &(struct prismi_cpu_gemm){.m = c->d.cout,
                                                          .n = (int)t.n,
                                                          .k = (int)patch(c),
                                                          .alpha = 1,
                                                          .a = w,
                                                          .lda = patch(c),
                                                          .b = t.cols,
                                                          .ldb = t.n,
                                                          .c = y + (size_t)first * (size_t)c->ow,
                                                          .ldc = pixels});
    }
}

static void bwd_x(struct prism_conv *c, float *gx, const float *gy, const float *w)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.gx = gx;
        prismi_cpu_gemm(c->dev, &(struct prismi_cpu_gemm){.m = (int)patch(c),
                                                          .n = (int)t.n,
                                                          .k = c->d.cout,
                                                          .ta = true,
                                                          .alpha = 1,
                                                          .a = w,
                                                          .lda = patch(c),
                                                          .b = gy + (size_t)first * (size_t)c->ow,
                                                          .ldb = pixels,
                                                          .c = t.cols,
                                                          .ldc = t.n});
        prismi_cpu_for(c->dev, (size_t)c->d.cin, (double)patch(c) * (double)t.n, col2im_item, &t);
    }
}

static void bwd_w(struct prism_conv *c, float *gw, const float *gy, const float *x)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.x = x;
        prismi_cpu_for(c->dev, (size_t)c->d.cin, (double)patch(c) * (double)t.n, im2col_item, &t);
        prismi_cpu_gemm(c->dev, &(struct prismi_cpu_gemm){.m = c->d.cout,
                                                          .n = (int)patch(c),
                                                          .k = (int)t.n,
                                                          .tb = true,
                                                          .alpha = 1,
                                                          .beta = first ? 1 : 0,
                                                          .a = gy + (size_t)first * (size_t)c->ow,
                                                          .lda = pixels,
                                                          .b = t.cols,
                                                          .ldb = t.n,
                                                          .c = gw,
                                                          .ldc = patch(c)});
    }
}

const struct conv_method prismi_cpu_conv_gemm = {"im2col and sgemm", sizes, fwd, bwd_x, bwd_w};
