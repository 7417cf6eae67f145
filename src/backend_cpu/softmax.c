/* Softmax over classes, in the CPU backend. A block of pixels stays in the
 * first-level cache while the loops run over the classes. */
#include "backend_cpu/vmath.h"

enum { BLOCK = 256 }; /* pixels of an item */

struct softmax_run {
    const struct prism_softmax_desc *d;
    real *y;
    int32_t *place;
    const real *x, *g;
    size_t blocks; /* blocks of an image */
};

struct block {
    /* at: index of class 0 of the first pixel; n: pixels; first: number of the
     * first pixel */
    size_t at, n, first;
};

static struct block block_of(const struct softmax_run *r, size_t item)
{
    const size_t pixels = r->d->pixels, first = item % r->blocks * BLOCK;

    return (struct block){item / r->blocks * (size_t)r->d->classes * pixels + first,
                          pixels - first < BLOCK ? pixels - first : BLOCK,
                          item / r->blocks * pixels + first};
}

/* Replaces best and place where x is larger; NaN counts as larger than any
 * number. */
CPU_HOT static void larger(real *best, int32_t *place, const real *x, int32_t class, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        const bool better = x[i] > best[i] || (x[i] != x[i] && best[i] == best[i]);
        best[i] = better ? x[i] : best[i];
        place[i] = better ? class : place[i];
    }
}

static void largest(const struct softmax_run *r, const struct block *b, real *best, int32_t *place)
{
    for (size_t i = 0; i < b->n; i++) {
        best[i] = r->x[b->at + i];
        place[i] = 0;
    }
    for (int c = 1; c < r->d->classes; c++)
        larger(best, place, r->x + b->at + (size_t)c * r->d->pixels, c, b->n);
}

/* y = e^(x - top), NaN where x or top is NaN; sum += y. */
CPU_HOT static void exponentials(real *y, real *sum, const real *x, const real *top, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        const real z = x[i] - top[i];
        y[i] = z == z ? cpu_exp(z) : z;
        sum[i] += y[i];
    }
}

CPU_HOT static void divide(real *y, const real *sum, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] /= sum[i];
}

static void fwd_item(const void *arg, size_t item, int thread)
{
    const struct softmax_run *r = arg;
    const struct block b = block_of(r, item);
    real top[BLOCK], sum[BLOCK] = {0};
    int32_t place[BLOCK];

    (void)thread;
    largest(r, &b, top, place);
    for (int c = 0; c < r->d->classes; c++) {
        const size_t at = b.at + (size_t)c * r->d->pixels;
        exponentials(r->y + at, sum, r->x + at, top, b.n);
    }
    for (int c = 0; c < r->d->classes; c++)
        divide(r->y + b.at + (size_t)c * r->d->pixels, sum, b.n);
}

static void argmax_item(const void *arg, size_t item, int thread)
{
    const struct softmax_run *r = arg;
    const struct block b = block_of(r, item);
    real top[BLOCK];

    (void)thread;
    largest(r, &b, top, r->place + b.first);
}

CPU_HOT static void add_product(real *sum, const real *a, const real *b, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        sum[i] += a[i] * b[i];
}

CPU_HOT static void softmax_gradient(real *gx, const real *gy, const real *y, const real *sum,
                                     size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        gx[i] = y[i] * (gy[i] - sum[i]);
}

static void bwd_item(const void *arg, size_t item, int thread)
{
    const struct softmax_run *r = arg;
    const struct block b = block_of(r, item);
    real sum[BLOCK] = {0};

    (void)thread;
    for (int c = 0; c < r->d->classes; c++) {
        const size_t at = b.at + (size_t)c * r->d->pixels;
        add_product(sum, r->g + at, r->x + at, b.n);
    }
    for (int c = 0; c < r->d->classes; c++) {
        const size_t at = b.at + (size_t)c * r->d->pixels;
        softmax_gradient(r->y + at, r->g + at, r->x + at, sum, b.n);
    }
}

static void run(const struct prism_dev *dev, struct softmax_run *r, double work,
                prismi_cpu_item *item)
{
    r->blocks = (r->d->pixels + BLOCK - 1) / BLOCK;
    prismi_cpu_for(dev, (size_t)r->d->n * r->blocks,
                   work * r->d->n * r->d->classes * (double)r->d->pixels, item, r);
}

int R(prismi_cpu_softmax_fwd)(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem y, prism_mem x)
{
    struct softmax_run r = {.d = d, .y = (real *)y, .x = (const real *)x};

    run(dev, &r, 8, fwd_item);
    return 0;
}

int R(prismi_cpu_softmax_bwd)(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem gx, prism_mem gy, prism_mem y)
{
    struct softmax_run r = {.d = d, .y = (real *)gx, .x = (const real *)y, .g = (const real *)gy};

    run(dev, &r, 4, bwd_item);
    return 0;
}

int R(prismi_cpu_argmax)(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                         prism_mem x)
{
    struct softmax_run r = {.d = d, .place = (int32_t *)y, .x = (const real *)x};

    run(dev, &r, 1, argmax_item);
    return 0;
}
