/* Convolution for few channels and long rows, without unrolling patches.
 *
 * A row of the result is a small dense product: shifted rows of the operand
 * times weights that are constant along the row. An item is a band of rows of
 * one image. The item copies the rows it needs into its thread's scratch,
 * padded and split by column modulo the stride, so that every tap reads a
 * contiguous row. Then it runs the register tiles over pointers to those rows.
 * No pass scatters.
 *
 * fwd: y[co,i,:] takes tap (ci,ky,kx) from row i s + ky, split kx mod s, shift
 * kx div s.
 *
 * bwd_x: gx at Y + pad = s V + a, X + pad = s U + b takes only the taps ky = a
 * + s qy, kx = b + s qx, from gy[V - qy, U - qx]. For each of the s s pairs
 * (a,b), called a phase, this is a plain convolution; the rows of its phases
 * are then interleaved.
 *
 * bwd_w: dot products of gy with the rows that fwd reads. Each band writes
 * partial sums, which are added in order of the images and of their bands. */
#include "backend_cpu/real.h"

#include <string.h>

enum { BANDS = 16, BAND_MAX = 16, MAX_STRIDE = 4 };
/* limit of elements of partial sums in memory at once; one image may exceed
 * it */
enum { PARTS = 1 << 22 };

struct direct {
    int k, s, p, cin, cout, h, w, oh, ow;
    int taps;  /* cin k k */
    int rows;  /* input rows that the longest band of output rows reads */
    size_t wp; /* elements of one split row of x, with room for every tap's shift */
    int q;     /* largest number of taps of a phase along one axis, bwd_x */
    int vband; /* rows V of an item of bwd_x */
    int vs;    /* all rows V of bwd_x */
    size_t wq; /* elements of one padded row of gy, bwd_x */
    size_t wz; /* elements of one row of gx of one phase */
    size_t wy; /* elements of one padded row of gy, bwd_w */
};

static size_t up16(size_t n)
{
    return (n + 15) / 16 * 16;
}

static struct direct direct_of(const struct prism_conv *c)
{
    const struct prism_conv_desc *d = &c->d;
    struct direct g = {.k = d->k,
                       .s = d->stride,
                       .p = d->pad,
                       .cin = d->cin,
                       .cout = d->cout,
                       .h = d->h,
                       .w = d->w,
                       .oh = c->oh,
                       .ow = c->ow};

    g.taps = g.cin * g.k * g.k;
    g.rows = (c->wband - 1) * g.s + g.k;
    g.wp = (size_t)((g.k - 1) / g.s) + up16((size_t)g.ow);
    g.q = (g.k + g.s - 1) / g.s;
    g.vs = (g.h - 1 + g.p) / g.s + 1;
    g.vband = (g.vs + c->bands - 1) / c->bands;
    g.wz = up16((size_t)(g.w + g.s - 1) / (size_t)g.s);
    g.wq = (size_t)((g.w - 1 + g.p) / g.s + g.q);
    g.wy = up16((size_t)g.ow);
    return g;
}

/* Scratch of a thread: pointers to rows, the rows, and room for what a
 * direction needs besides: phases in bwd_x, padded gy in bwd_w. */
struct lines {
    const real **in;
    real *rows, *extra;
};

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t row_reals(const struct direct *g)
{
    return max_size((size_t)g->cin * (size_t)g->rows * (size_t)g->s * g->wp,
                    (size_t)g->cout * (size_t)(g->vband + g->q - 1) * g->wq) +
           CPU_SLACK;
}

static size_t pointer_reals(const struct direct *g)
{
    return up16(max_size((size_t)g->cin, (size_t)g->cout) * (size_t)(g->k * g->k) * sizeof(real *) /
                sizeof(real));
}

static struct lines lines_of(const struct prism_conv *c, const struct direct *g, int thread)
{
    real *at = prismi_cpu_conv_scratch(c, thread);
    struct lines l = {.in = (const real **)(void *)at};

    l.rows = at + pointer_reals(g);
    l.extra = l.rows + up16(row_reals(g));
    return l;
}

/* Number of items of bwd_w in one image. */
static int wbands(const struct prism_conv *c)
{
    return (c->oh + c->wband - 1) / c->wband;
}

static void sizes(struct prism_conv *c, size_t *work, size_t *scratch)
{
    c->band = (c->oh + BANDS - 1) / BANDS;
    c->band = c->band < 4 ? 4 : c->band > BAND_MAX ? BAND_MAX : c->band;
    c->bands = (c->oh + c->band - 1) / c->band;
    /* enough products per item to pay for adding up the vector lanes */
    c->wband = (1024 + c->ow - 1) / c->ow;
    c->wband = c->wband < c->band ? c->band : c->wband > BAND_MAX ? BAND_MAX : c->wband;
    struct direct g = direct_of(c);
    size_t interleave = (size_t)g.cin * (size_t)g.s * g.wz,
           gy = (size_t)g.cout * (size_t)c->wband * g.wy;
    *scratch = pointer_reals(&g) + up16(row_reals(&g)) + max_size(interleave, gy);
    /* work holds the packed weights in fwd and bwd_x, the partial sums in
     * bwd_w */
    const size_t weights = (size_t)g.cout * (size_t)g.taps, parts = (size_t)wbands(c) * weights,
                 images = PARTS / parts;
    c->wimages = images < 1 ? 1 : images < (size_t)c->d.n ? (int)images : c->d.n;
    *work = (size_t)c->wimages * parts;
}

struct direct_run {
    const struct prism_conv *c;
    struct direct g;
    real *out;
    const real *x, *w; /* input and weights; bwd_x: gy and weights; bwd_w: input and gy */
};

/* ---- rows that fwd and bwd_w read ---- */

/* Writes zeros before and after the n elements that are written next. Rows are
 * short, so a store of constant size is faster than a call. */
static void clear_ends(real *out, size_t lead, size_t n, size_t total)
{
    const size_t tail = total - lead - n;

    if (total >= 16 && lead <= 16)
        memset(out, 0, 16 * sizeof *out);
    else
        memset(out, 0, lead * sizeof *out);
    if (total >= 16 && tail <= 16)
        memset(out + total - 16, 0, 16 * sizeof *out);
    else
        memset(out + lead + n, 0, tail * sizeof *out);
}

static void copy_row(real *out, const real *x, size_t n)
{
    for (; n >= 16; n -= 16, out += 16, x += 16)
        memcpy(out, x, 16 * sizeof *out);
    if (n)
        memcpy(out, x, n * sizeof *out);
}

/* Splits one row of x into s rows of every s-th column, starting at column
 * -pad. x NULL is a row outside the image. */
static void split_row(const struct direct *g, real *out, const real *x)
{
    if (!x) {
        memset(out, 0, (size_t)g->s * g->wp * sizeof *out);
        return;
    }
    for (int b = 0; b < g->s; b++) {
        real *o = out + (size_t)b * g->wp;
        int from = b < g->p ? (g->p - b + g->s - 1) / g->s : 0; /* first element inside the image */
        int to = (g->w - 1 + g->p - b) / g->s + 1; /* one after the last element inside the image */
        to = g->w - 1 + g->p < b ? 0 : to < (int)g->wp ? to : (int)g->wp;
        from = from < to ? from : to;
        clear_ends(o, (size_t)from, (size_t)(to - from), g->wp);
        R(prismi_cpu_take)(o + from, x + from * g->s + b - g->p, (size_t)g->s, (size_t)(to - from));
    }
}

static void load_rows(const struct direct *g, real *rows, const real *x, int first, int count)
{
    for (int ci = 0; ci < g->cin; ci++) {
        const real *plane = x + (size_t)ci * (size_t)g->h * (size_t)g->w;
        for (int r = 0; r < count; r++) {
            int y = first * g->s + r - g->p;
            split_row(g, rows + (size_t)(ci * g->rows + r) * (size_t)g->s * g->wp,
                      y >= 0 && y < g->h ? plane + (size_t)y * (size_t)g->w : NULL);
        }
    }
}

/* Points each tap at its row for output row 0. The same tap's row for output
 * row i is i row_step() elements further. */
static void point_taps(const struct direct *g, const real **in, const real *rows)
{
    for (int ci = 0; ci < g->cin; ci++)
        for (int ky = 0; ky < g->k; ky++)
            for (int kx = 0; kx < g->k; kx++)
                *in++ = rows +
                        ((size_t)(ci * g->rows + ky) * (size_t)g->s + (size_t)(kx % g->s)) * g->wp +
                        kx / g->s;
}

static size_t row_step(const struct direct *g)
{
    return (size_t)(g->s * g->s) * g->wp;
}

static void fwd_item(const void *arg, size_t item, int thread)
{
    const struct direct_run *r = arg;
    const struct direct *g = &r->g;
    struct lines l = lines_of(r->c, g, thread);
    const size_t image = item / (size_t)r->c->bands;
    real *y = r->out + image * prismi_cpu_conv_y(r->c);
    int first = (int)(item % (size_t)r->c->bands) * r->c->band,
        count = g->oh - first < r->c->band ? g->oh - first : r->c->band;

    load_rows(g, l.rows, r->x + image * prismi_cpu_conv_x(r->c), first, (count - 1) * g->s + g->k);
    point_taps(g, l.in, l.rows);
    for (int i = 0; i < count; i++)
        prismi_cpu_tiles(r->c->dev)->rows(
            g->cout, g->taps, (size_t)g->ow, r->w, l.in, (size_t)i * row_step(g),
            y + (size_t)(first + i) * (size_t)g->ow, (size_t)g->oh * (size_t)g->ow, false);
}

/* Multiply-adds of all images of the batch. */
static double macs(const struct direct_run *r)
{
    return (double)r->c->d.n * r->g.cout * r->g.taps * r->g.oh * r->g.ow;
}

static void fwd(struct prism_conv *c, real *y, const real *x, const real *w)
{
    real *packed = prismi_cpu_conv_work(c);
    const struct direct_run r = {c, direct_of(c), y, x, packed};

    prismi_cpu_tiles(c->dev)->pack(packed, w, r.g.cout, r.g.taps, (size_t)r.g.taps, false, 1);
    prismi_cpu_for(c->dev, (size_t)c->d.n * (size_t)c->bands, macs(&r), fwd_item, &r);
}

/* ---- gradient of x ---- */

/* Number of taps a, a + s, ... below k. */
static int taps_of(const struct direct *g, int a)
{
    return a < g->k ? (g->k - 1 - a) / g->s + 1 : 0;
}

/* Packs the weights phase by phase (a,b) and tile by tile, as [co qy qx][tile
 * of cin]. */
static void pack_backward(const struct direct_run *r, real *out, const real *w)
{
    const struct direct *g = &r->g;
    const size_t square = (size_t)(g->k * g->k);

    for (int phase = 0; phase < g->s * g->s; phase++) {
        for (int ci = 0, tile; ci < g->cin; ci += tile) {
            tile = prismi_cpu_tile(prismi_cpu_tiles(r->c->dev)->tile, g->cin - ci);
            for (int co = 0; co < g->cout; co++)
                for (int ky = phase / g->s; ky < g->k; ky += g->s)
                    for (int kx = phase % g->s; kx < g->k; kx += g->s)
                        for (int i = 0; i < tile; i++)
                            *out++ = w[(size_t)(co * g->cin + ci + i) * square +
                                       (size_t)(ky * g->k + kx)];
        }
    }
}

/* Number of taps of all earlier phases. */
static int taps_before(const struct direct *g, int phase)
{
    int before = 0;
    for (int i = 0; i < phase; i++)
        before += taps_of(g, i / g->s) * taps_of(g, i % g->s);
    return before;
}

CPU_HOT static void interleave2(real *y, const real *even, const real *odd, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++) {
        y[2 * j] = even[j];
        y[2 * j + 1] = odd[j];
    }
}

/* Interleaves the rows of the phases into one row of gx: column first[b] + s u
 * comes from z[b][u], for count[b] values of u. */
static void interleave(const struct direct *g, real *y, const real *z, const int *first,
                       const int *count)
{
    if (g->s == 2) {
        /* e is the phase of column 0; the other phase has no more columns than
         * e */
        int e = first[1] == 0, n = count[!e];
        interleave2(y, z + (size_t)e * g->wz, z + (size_t)!e * g->wz, (size_t)n);
        if (count[e] > n)
            y[g->w - 1] = z[(size_t)e * g->wz + (size_t)n];
        return;
    }
    for (int b = 0; b < g->s; b++)
        for (int u = 0; u < count[b]; u++)
            y[first[b] + g->s * u] = z[(size_t)b * g->wz + (size_t)u];
}

/* Copies the rows of gy that the rows V of an item read, shifted right by q - 1
 * so that no tap starts before its row. */
static void load_gradient(const struct direct *g, real *rows, const real *gy, int v0, int count)
{
    size_t n = (size_t)g->ow < g->wq - (size_t)(g->q - 1) ? (size_t)g->ow
                                                          : g->wq - (size_t)(g->q - 1),
           lead = (size_t)(g->q - 1);

    for (int co = 0; co < g->cout; co++) {
        for (int r = 0; r < count; r++) {
            real *out = rows + (size_t)(co * (g->vband + g->q - 1) + r) * g->wq;
            int i = v0 - (g->q - 1) + r;
            if (i < 0 || i >= g->oh) {
                memset(out, 0, g->wq * sizeof *out);
                continue;
            }
            clear_ends(out, lead, n, g->wq);
            copy_row(out + lead, gy + ((size_t)co * (size_t)g->oh + (size_t)i) * (size_t)g->ow, n);
        }
    }
}

/* First column U of phase b inside the image. */
static int first_column(const struct direct *g, int b)
{
    return b < g->p ? (g->p - b + g->s - 1) / g->s : 0;
}

/* Points each tap, phase by phase, at its row for V = V0. The same tap's row
 * for V = V0 + v is v wq elements further. */
static void point_gradient(const struct direct *g, const real **in, const real *rows)
{
    for (int phase = 0; phase < g->s * g->s; phase++)
        for (int co = 0; co < g->cout; co++)
            for (int qy = 0; qy < taps_of(g, phase / g->s); qy++)
                for (int qx = 0; qx < taps_of(g, phase % g->s); qx++)
                    *in++ = rows + (size_t)(co * (g->vband + g->q - 1) - qy + g->q - 1) * g->wq +
                            first_column(g, phase % g->s) - qx + g->q - 1;
}

/* Computes all channels of row Y = s V + a - pad of one image; v = V - V0. */
static void gradient_row(const struct direct_run *r, const struct lines *l, real *gx, int v, int a,
                         int row)
{
    const struct direct *g = &r->g;
    size_t plane = (size_t)g->h * (size_t)g->w;
    real *y = gx + (size_t)row * (size_t)g->w;
    int first[MAX_STRIDE], count[MAX_STRIDE];

    for (int b = 0; b < g->s; b++) {
        size_t before = (size_t)taps_before(g, a * g->s + b) * (size_t)g->cout;
        first[b] = g->s * first_column(g, b) + b - g->p;
        count[b] = first[b] < g->w ? (g->w - 1 - first[b]) / g->s + 1 : 0;
        prismi_cpu_tiles(r->c->dev)->rows(g->cin, g->cout * taps_of(g, a) * taps_of(g, b),
                                          (size_t)count[b], r->w + before * (size_t)g->cin,
                                          l->in + before, (size_t)v * g->wq,
                                          g->s == 1 ? y : l->extra + (size_t)b * g->wz,
                                          g->s == 1 ? plane : (size_t)g->s * g->wz, false);
    }
    for (int ci = 0; g->s > 1 && ci < g->cin; ci++)
        interleave(g, y + (size_t)ci * plane, l->extra + (size_t)(ci * g->s) * g->wz, first, count);
}

static size_t vbands(const struct direct *g)
{
    return (size_t)((g->vs + g->vband - 1) / g->vband);
}

static void bwd_x_item(const void *arg, size_t item, int thread)
{
    const struct direct_run *r = arg;
    const struct direct *g = &r->g;
    struct lines l = lines_of(r->c, g, thread);
    const size_t image = item / vbands(g);
    real *gx = r->out + image * prismi_cpu_conv_x(r->c);
    int v0 = (int)(item % vbands(g)) * g->vband,
        count = g->vs - v0 < g->vband ? g->vs - v0 : g->vband;

    load_gradient(g, l.rows, r->x + image * prismi_cpu_conv_y(r->c), v0, count + g->q - 1);
    point_gradient(g, l.in, l.rows);
    for (int v = 0; v < count; v++) {
        for (int a = 0; a < g->s; a++) {
            int row = g->s * (v0 + v) + a - g->p;
            if (row >= 0 && row < g->h)
                gradient_row(r, &l, gx, v, a, row);
        }
    }
}

static void bwd_x(struct prism_conv *c, real *gx, const real *gy, const real *w)
{
    real *packed = prismi_cpu_conv_work(c);
    const struct direct_run r = {c, direct_of(c), gx, gy, packed};

    pack_backward(&r, packed, w);
    prismi_cpu_for(c->dev, (size_t)c->d.n * vbands(&r.g), macs(&r), bwd_x_item, &r);
}

/* ---- gradient of the weights ---- */

/* Copies rows of gy and pads them with zeros to whole vectors. */
static void pad_gradient(const struct direct *g, real *out, size_t channel, const real *gy,
                         int count)
{
    for (int co = 0; co < g->cout; co++) {
        for (int i = 0; i < count; i++) {
            real *row = out + (size_t)co * channel + (size_t)i * g->wy;
            clear_ends(row, 0, (size_t)g->ow, g->wy);
            copy_row(row, gy + ((size_t)co * (size_t)g->oh + (size_t)i) * (size_t)g->ow,
                     (size_t)g->ow);
        }
    }
}

static void bwd_w_item(const void *arg, size_t item, int thread)
{
    /* approximate number of products summed per lane, so that operands stay in
     * cache */
    enum { RUN = 1024 };
    const struct direct_run *r = arg;
    const struct direct *g = &r->g;
    struct lines l = lines_of(r->c, g, thread);
    const size_t image = item / (size_t)wbands(r->c);
    int first = (int)(item % (size_t)wbands(r->c)) * r->c->wband;
    int count = g->oh - first < r->c->wband ? g->oh - first : r->c->wband;
    int step = g->wy < RUN ? (int)(RUN / g->wy) : 1;
    size_t channel = (size_t)g->oh * g->wy, results = (size_t)(g->cout * g->taps);
    const real *gy = r->w + image * prismi_cpu_conv_y(r->c) + (size_t)first * (size_t)g->ow;
    real *sums = prismi_cpu_conv_work(r->c) + item * results;

    load_rows(g, l.rows, r->x + image * prismi_cpu_conv_x(r->c), first, (count - 1) * g->s + g->k);
    point_taps(g, l.in, l.rows);
    if ((size_t)g->ow != g->wy) {
        channel = (size_t)r->c->wband * g->wy;
        pad_gradient(g, l.extra, channel, gy, count);
        gy = l.extra;
    }
    memset(sums, 0, results * sizeof *sums);
    for (int i = 0; i < count; i += step)
        prismi_cpu_tiles(r->c->dev)->dots(
            g->cout, g->taps, count - i < step ? count - i : step, g->wy, sums, (size_t)g->taps,
            gy + (size_t)i * g->wy, channel, g->wy, l.in, (size_t)i * row_step(g), row_step(g));
}

CPU_HOT static void add(real *y, const real *x, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void bwd_w(struct prism_conv *c, real *gw, const real *gy, const real *x)
{
    struct direct_run r = {c, direct_of(c), NULL, x, gy};
    const size_t results = (size_t)(r.g.cout * r.g.taps);
    const real *sums = prismi_cpu_conv_work(c);

    for (int done = 0, some; done < c->d.n; done += some) {
        some = c->d.n - done < c->wimages ? c->d.n - done : c->wimages;
        const size_t parts = (size_t)some * (size_t)wbands(c);
        r.x = x + (size_t)done * prismi_cpu_conv_x(c);
        r.w = gy + (size_t)done * prismi_cpu_conv_y(c);
        prismi_cpu_for(c->dev, parts, macs(&r), bwd_w_item, &r);
        if (!done)
            memcpy(gw, sums, results * sizeof *gw);
        for (size_t i = !done; i < parts; i++)
            add(gw, sums + i * results, results);
    }
}

const struct conv_method R(prismi_cpu_conv_direct) = {"direct rows", sizes, fwd, bwd_x, bwd_w};
