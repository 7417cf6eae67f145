/* Weighted gather of the CPU backend. Both directions gather: the adjoint reads
 * the transposed table, whose terms stand in order of y. Tables are laid out so
 * that neighbouring outputs read neighbouring entries. */
#include "backend_cpu/real.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 }; /* outputs of an item */

struct prism_gather {
    const struct prism_ops *kernels; /* first member: entries.c reads it */
    struct prism_dev *dev;
    struct prism_gather_desc d;
    int32_t *index; /* [k,ny] */
    real *weight;
    /* [nx + 1]: element j of x has the terms start[j] .. start[j + 1] - 1 of
     * the transposed table */
    size_t *start;
    int32_t *from;
    real *share;
};

/* Sorts the terms by the element of x that they read (counting sort). */
static void transpose_table(struct prism_gather *g, const int32_t *index, const double *weight)
{
    const size_t terms = g->d.ny * (size_t)g->d.k;

    for (size_t t = 0; t < terms; t++)
        if (index[t] >= 0)
            g->start[index[t] + 1]++;
    for (size_t j = 0; j < g->d.nx; j++)
        g->start[j + 1] += g->start[j];
    for (size_t t = 0; t < terms; t++)
        if (index[t] >= 0) {
            const size_t at = g->start[index[t]]++;
            g->from[at] = (int32_t)(t / (size_t)g->d.k);
            g->share[at] = (real)weight[t];
        }
    /* the loop above moved each start to the place of the next one */
    memmove(g->start + 1, g->start, g->d.nx * sizeof *g->start);
    g->start[0] = 0;
}

int R(prismi_cpu_gather_create)(struct prism_dev *dev, const struct prism_gather_desc *d,
                                const int32_t *index, const double *weight,
                                struct prism_gather **out)
{
    const size_t ny = d->ny, k = (size_t)d->k;
    struct prism_gather *g = prismi_cpu_alloc(1, sizeof *g);

    *out = NULL;
    if (g) {
        *g = (struct prism_gather){.kernels = &R(prismi_cpu_kernels), .dev = dev, .d = *d};
        g->index = prismi_cpu_alloc(ny * k, sizeof *g->index);
        g->weight = prismi_cpu_alloc(ny * k, sizeof *g->weight);
        g->start = prismi_cpu_alloc(d->nx + 1, sizeof *g->start);
        g->from = prismi_cpu_alloc(ny * k, sizeof *g->from);
        g->share = prismi_cpu_alloc(ny * k, sizeof *g->share);
    }
    if (!g || !g->index || !g->weight || !g->start || !g->from || !g->share) {
        R(prismi_cpu_gather_destroy)(g);
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory for the tables of a gather of %zu terms",
                        ny * k);
    }
    for (size_t t = 0; t < ny * k; t++) {
        g->index[t % k * ny + t / k] = index[t];
        g->weight[t % k * ny + t / k] = (real)weight[t];
    }
    transpose_table(g, index, weight);
    *out = g;
    return 0;
}

struct gather_run {
    const struct prism_gather *g;
    real *y;
    const real *x;
    size_t blocks; /* blocks of a plane */
};

/* y += w x[index]; an index of -1 adds nothing. */
CPU_HOT static void add_terms(real *y, const real *x, const int32_t *index, const real *weight,
                              size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        const int32_t j = index[i] < 0 ? 0 : index[i];
        y[i] += index[i] < 0 ? 0 : weight[i] * x[j];
    }
}

static void fwd_item(const void *arg, size_t item, int thread)
{
    const struct gather_run *r = arg;
    const struct prism_gather *g = r->g;
    const size_t plane = item / r->blocks, at = item % r->blocks * BLOCK;
    const size_t n = g->d.ny - at < BLOCK ? g->d.ny - at : BLOCK;
    real *y = r->y + plane * g->d.ny + at;

    (void)thread;
    memset(y, 0, n * sizeof *y);
    for (size_t k = 0; k < (size_t)g->d.k; k++)
        add_terms(y, r->x + plane * g->d.nx, g->index + k * g->d.ny + at,
                  g->weight + k * g->d.ny + at, n);
}

static void adj_item(const void *arg, size_t item, int thread)
{
    const struct gather_run *r = arg;
    const struct prism_gather *g = r->g;
    const size_t plane = item / r->blocks, at = item % r->blocks * BLOCK;
    const size_t end = g->d.nx - at < BLOCK ? g->d.nx : at + BLOCK;
    const real *x = r->x + plane * g->d.ny;

    (void)thread;
    for (size_t j = at; j < end; j++) {
        real sum = 0;
        for (size_t t = g->start[j]; t < g->start[j + 1]; t++)
            sum += g->share[t] * x[g->from[t]];
        r->y[plane * g->d.nx + j] = sum;
    }
}

static void run(const struct prism_gather *g, prismi_cpu_item *item, size_t outputs, prism_mem y,
                prism_mem x)
{
    const struct gather_run r = {g, (real *)y, (const real *)x, (outputs + BLOCK - 1) / BLOCK};
    const double terms = (double)g->d.planes * (double)g->d.ny * g->d.k;

    prismi_cpu_for(g->dev, (size_t)g->d.planes * r.blocks, 2 * terms, item, &r);
}

int R(prismi_cpu_gather_fwd)(struct prism_gather *g, prism_mem y, prism_mem x)
{
    run(g, fwd_item, g->d.ny, y, x);
    return 0;
}

int R(prismi_cpu_gather_adj)(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    run(g, adj_item, g->d.nx, gx, gy);
    return 0;
}

void R(prismi_cpu_gather_destroy)(struct prism_gather *g)
{
    if (!g)
        return;
    free(g->index);
    free(g->weight);
    free(g->start);
    free(g->from);
    free(g->share);
    free(g);
}

/* ---- scatter_add: rows of x go to different rows of y ---- */

struct scatter_run {
    const struct prism_window_desc *d;
    real *y;
    const real *x, *weight;
};

CPU_HOT static void add_product(real *y, const real *x, const real *weight, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++)
        y[j] += weight[j] * x[j];
}

static void scatter_row(const void *arg, size_t item, int thread)
{
    const struct scatter_run *r = arg;
    const struct prism_window_desc *d = r->d;
    const size_t plane = item / (size_t)d->hx, i = item % (size_t)d->hx;
    const int row = (int)i + d->dy, from = d->dx < 0 ? -d->dx : 0,
              to = d->wx + d->dx > d->wy ? d->wy - d->dx : d->wx;

    (void)thread;
    if (row < 0 || row >= d->hy || from >= to)
        return;
    add_product(r->y + (plane * (size_t)d->hy + (size_t)row) * (size_t)d->wy +
                    (size_t)(from + d->dx),
                r->x + item * (size_t)d->wx + (size_t)from,
                r->weight + i * (size_t)d->wx + (size_t)from, (size_t)(to - from));
}

int R(prismi_cpu_scatter_add)(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                              prism_mem x, prism_mem weight)
{
    const struct scatter_run r = {d, (real *)y, (const real *)x, (const real *)weight};
    const size_t rows = (size_t)d->planes * (size_t)d->hx;

    prismi_cpu_for(dev, rows, 2 * (double)rows * d->wx, scatter_row, &r);
    return 0;
}
