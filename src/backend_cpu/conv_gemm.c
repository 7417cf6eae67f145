/* Convolution of any shape as matrix products over unrolled patches:
 * cols[pixels of the tile, cin k k], one tile of output rows at a time. A patch
 * has the layout of a row of the weights, so every product reads and writes
 * weights and their gradient in place. Images and their tiles run in order;
 * each tile is split over channels for unrolling and over the tiles of the
 * product. */
#include "backend_cpu/real.h"

#include <string.h>

enum {
    COLS = 1 << 20, /* limit of elements of a column tile; one row of pixels may exceed it */
    GROUP = 8,      /* channels of an item: their patches fill whole cache lines */
};

struct gemm_conv {
    const struct prism_conv *c;
    real *cols, *gx;
    const real *x;
    /* elements from patch to patch: whole cache lines, and no power of two,
     * which would crowd one set of the cache */
    size_t ld;
    int first, rows; /* output rows of the tile */
    size_t n;        /* output pixels of the tile */
    size_t wp;       /* columns that the patches cover */
    int hp;          /* rows that the patches cover */
};

static size_t patch(const struct prism_conv *c)
{
    return (size_t)c->d.cin * (size_t)c->d.k * (size_t)c->d.k;
}

static struct gemm_conv tile_at(const struct prism_conv *c, int first)
{
    int rows = c->oh - first < c->tile_rows ? c->oh - first : c->tile_rows;
    return (struct gemm_conv){.c = c,
                              .cols = prismi_cpu_conv_work(c),
                              .ld = (patch(c) + 15) / 16 * 16 + 16,
                              .first = first,
                              .rows = rows,
                              .n = (size_t)rows * (size_t)c->ow,
                              .wp = (size_t)((c->ow - 1) * c->d.stride + c->d.k),
                              .hp = (rows - 1) * c->d.stride + c->d.k};
}

static void sizes(struct prism_conv *c, size_t *work, size_t *scratch)
{
    size_t row = tile_at(c, 0).ld * (size_t)c->ow, rows = row < COLS ? COLS / row : 1;

    c->tile_rows = rows < (size_t)c->oh ? (int)rows : c->oh;
    *work = row * (size_t)c->tile_rows;
    *scratch = tile_at(c, 0).wp * (size_t)tile_at(c, 0).hp;
}

/* Finds the part of a plane that row `row` of the tile's patches covers.
 * Returns the offset of its first element in the plane; *n is its length, *at
 * the column of the padded row where it starts. */
static size_t covered(const struct gemm_conv *g, int row, size_t *at, size_t *n)
{
    const struct prism_conv_desc *d = &g->c->d;
    int y = g->first * d->stride + row - d->pad;

    *at = (size_t)d->pad < g->wp ? (size_t)d->pad : g->wp;
    *n = y < 0 || y >= d->h ? 0 : g->wp - *at < (size_t)d->w ? g->wp - *at : (size_t)d->w;
    return *n ? (size_t)y * (size_t)d->w : 0;
}

static void pad_plane(const struct gemm_conv *g, real *out, const real *plane)
{
    memset(out, 0, g->wp * (size_t)g->hp * sizeof *out);
    for (int r = 0; r < g->hp; r++) {
        size_t at, n, from = covered(g, r, &at, &n);
        memcpy(out + (size_t)r * g->wp + at, plane + from, n * sizeof *out);
    }
}

/* Copies the patches of one padded plane. Callers inline it with a constant k
 * where that is faster. */
CPU_INLINE void take_patches(const struct gemm_conv *g, real *out, const real *pad, int k)
{
    const int s = g->c->d.stride;

    for (int i = 0; i < g->rows; i++) {
        for (int j = 0; j < g->c->ow; j++, out += g->ld)
            for (int ky = 0; ky < k; ky++)
                memcpy(out + ky * k, pad + (size_t)(i * s + ky) * g->wp + (size_t)(j * s),
                       (size_t)k * sizeof *out);
    }
}

CPU_INLINE void add_patches(const struct gemm_conv *g, real *restrict pad, const real *restrict in,
                            int k)
{
    /* patches this far apart share no column, so no load waits for an earlier
     * store */
    const int s = g->c->d.stride, apart = (k + s - 1) / s;

    for (int i = 0; i < g->rows; i++) {
        for (int first = 0; first < apart; first++) {
            for (int j = first; j < g->c->ow; j += apart) {
                const real *p = in + (size_t)(i * g->c->ow + j) * g->ld;
                real *out = pad + (size_t)(i * s) * g->wp + (size_t)(j * s);
                for (int ky = 0; ky < k; ky++, p += k, out += g->wp)
                    for (int kx = 0; kx < k; kx++)
                        out[kx] += p[kx];
            }
        }
    }
}

static void im2col_item(const void *arg, size_t item, int thread)
{
    const struct gemm_conv *g = arg;
    const struct prism_conv_desc *d = &g->c->d;
    real *pad = prismi_cpu_conv_scratch(g->c, thread);

    for (size_t ci = item * GROUP; ci < (item + 1) * GROUP && ci < (size_t)d->cin; ci++) {
        real *out = g->cols + ci * (size_t)(d->k * d->k);
        pad_plane(g, pad, g->x + ci * (size_t)d->h * (size_t)d->w);
        if (d->k == 4)
            take_patches(g, out, pad, 4);
        else if (d->k == 3)
            take_patches(g, out, pad, 3);
        else
            take_patches(g, out, pad, d->k);
    }
}

/* Adds the patches of a channel back to its plane, in a fixed order: the
 * transpose of im2col. */
static void col2im_item(const void *arg, size_t item, int thread)
{
    const struct gemm_conv *g = arg;
    const struct prism_conv_desc *d = &g->c->d;
    real *pad = prismi_cpu_conv_scratch(g->c, thread);

    for (size_t ci = item * GROUP; ci < (item + 1) * GROUP && ci < (size_t)d->cin; ci++) {
        const real *in = g->cols + ci * (size_t)(d->k * d->k);
        real *plane = g->gx + ci * (size_t)d->h * (size_t)d->w;
        memset(pad, 0, g->wp * (size_t)g->hp * sizeof *pad);
        if (d->k == 4)
            add_patches(g, pad, in, 4);
        else if (d->k == 3)
            add_patches(g, pad, in, 3);
        else
            add_patches(g, pad, in, d->k);
        if (g->first == 0)
            memset(plane, 0, (size_t)d->h * (size_t)d->w * sizeof *plane);
        for (int r = 0; r < g->hp; r++) {
            size_t at, n, to = covered(g, r, &at, &n);
            for (size_t i = 0; i < n; i++)
                plane[to + i] += pad[(size_t)r * g->wp + at + i];
        }
    }
}

static void by_channels(const struct gemm_conv *t, prismi_cpu_item *run)
{
    prismi_cpu_for(t->c->dev, ((size_t)t->c->d.cin + GROUP - 1) / GROUP,
                   (double)patch(t->c) * (double)t->n, run, t);
}

static void fwd_image(struct prism_conv *c, real *y, const real *x, const real *w)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.x = x;
        by_channels(&t, im2col_item);
        R(prismi_cpu_gemm)
        (c->dev, &(struct prismi_cpu_gemm){.m = c->d.cout,
                                           .n = (int)t.n,
                                           .k = (int)patch(c),
                                           .tb = true,
                                           .alpha = 1,
                                           .a = w,
                                           .lda = patch(c),
                                           .b = t.cols,
                                           .ldb = t.ld,
                                           .c = y + (size_t)first * (size_t)c->ow,
                                           .ldc = pixels});
    }
}

static void fwd(struct prism_conv *c, real *y, const real *x, const real *w)
{
    for (int i = 0; i < c->d.n; i++, y += prismi_cpu_conv_y(c), x += prismi_cpu_conv_x(c))
        fwd_image(c, y, x, w);
}

static void bwd_x_image(struct prism_conv *c, real *gx, const real *gy, const real *w)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.gx = gx;
        R(prismi_cpu_gemm)
        (c->dev, &(struct prismi_cpu_gemm){.m = (int)t.n,
                                           .n = (int)patch(c),
                                           .k = c->d.cout,
                                           .ta = true,
                                           .alpha = 1,
                                           .a = gy + (size_t)first * (size_t)c->ow,
                                           .lda = pixels,
                                           .b = w,
                                           .ldb = patch(c),
                                           .c = t.cols,
                                           .ldc = t.ld});
        by_channels(&t, col2im_item);
    }
}

static void bwd_x(struct prism_conv *c, real *gx, const real *gy, const real *w)
{
    for (int i = 0; i < c->d.n; i++, gx += prismi_cpu_conv_x(c), gy += prismi_cpu_conv_y(c))
        bwd_x_image(c, gx, gy, w);
}

static void bwd_w_image(struct prism_conv *c, real *gw, const real *gy, const real *x, bool add)
{
    size_t pixels = (size_t)c->oh * (size_t)c->ow;

    for (int first = 0; first < c->oh; first += c->tile_rows) {
        struct gemm_conv t = tile_at(c, first);
        t.x = x;
        by_channels(&t, im2col_item);
        R(prismi_cpu_gemm)
        (c->dev, &(struct prismi_cpu_gemm){.m = c->d.cout,
                                           .n = (int)patch(c),
                                           .k = (int)t.n,
                                           .alpha = 1,
                                           .beta = add || first ? 1 : 0,
                                           .a = gy + (size_t)first * (size_t)c->ow,
                                           .lda = pixels,
                                           .b = t.cols,
                                           .ldb = t.ld,
                                           .c = gw,
                                           .ldc = patch(c)});
    }
}

static void bwd_w(struct prism_conv *c, real *gw, const real *gy, const real *x)
{
    for (int i = 0; i < c->d.n; i++, gy += prismi_cpu_conv_y(c), x += prismi_cpu_conv_x(c))
        bwd_w_image(c, gw, gy, x, i > 0);
}

const struct conv_method R(prismi_cpu_conv_gemm) = {"im2col and gemm", sizes, fwd, bwd_x, bwd_w};
