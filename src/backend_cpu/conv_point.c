/* Convolution with a single output pixel that sees a whole image: y[cout] =
 * W[cout,n] x[n] for each image. The decoder's first layer has this shape; it
 * holds most of the network's weights, and every pass runs at the speed of
 * memory. */
#include "backend_cpu/real.h"

#include <string.h>

enum { LANES = 32 };

struct point_run {
    const struct prism_conv *c;
    size_t n;
    real *out;
    const real *a, *b;
};

static struct point_run point_run(const struct prism_conv *c, real *out, const real *a,
                                  const real *b)
{
    return (struct point_run){c, (size_t)c->d.cin * (size_t)c->d.k * (size_t)c->d.k, out, a, b};
}

static void sizes(struct prism_conv *c, size_t *work, size_t *scratch)
{
    *work = prismi_cpu_point_items((size_t)c->d.cout) * point_run(c, NULL, NULL, NULL).n;
    *scratch = 0;
}

CPU_HOT static real dot(const real *a, const real *b, size_t n)
{
    real lane[LANES] = {0}, sum = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        CPU_SIMD
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    }
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

real R(prismi_cpu_dot)(const real *a, const real *b, size_t n)
{
    return dot(a, b, n);
}

static void fwd_item(const void *arg, size_t channel, int thread)
{
    const struct point_run *r = arg;
    (void)thread;
    for (size_t i = 0; i < (size_t)r->c->d.n; i++)
        r->out[i * (size_t)r->c->d.cout + channel] =
            dot(r->a + channel * r->n, r->b + i * r->n, r->n);
}

static void fwd(struct prism_conv *c, real *y, const real *x, const real *w)
{
    const struct point_run r = point_run(c, y, w, x);
    prismi_cpu_for(c->dev, (size_t)c->d.cout, (double)c->d.n * c->d.cout * (double)r.n, fwd_item,
                   &r);
}

CPU_HOT static void add4(real *y, const real *w, size_t ld, const real *g, size_t n)
{
    const real g0 = g[0], g1 = g[1], g2 = g[2], g3 = g[3];

    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] += g0 * w[i] + g1 * w[i + ld] + g2 * w[i + 2 * ld] + g3 * w[i + 3 * ld];
}

CPU_HOT static void add1(real *y, const real *w, real g, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] += g * w[i];
}

real *R(prismi_cpu_point_sum)(const struct prism_conv *c, size_t item)
{
    const size_t n = point_run(c, NULL, NULL, NULL).n;
    return memset(prismi_cpu_conv_work(c) + item * n, 0, n * sizeof(real));
}

void R(prismi_cpu_point_add)(real *sum, const real *w, size_t ld, const real *g, size_t rows,
                             size_t n)
{
    if (rows == CPU_POINT_ROWS)
        add4(sum, w, ld, g, n);
    else
        add1(sum, w, *g, n);
}

void R(prismi_cpu_point_finish)(struct prism_conv *c, real *y)
{
    const size_t n = point_run(c, NULL, NULL, NULL).n;
    const real *sums = prismi_cpu_conv_work(c);

    memcpy(y, sums, n * sizeof *y);
    for (size_t i = 1; i < prismi_cpu_point_items((size_t)c->d.cout); i++)
        add1(y, sums + i * n, 1, n);
}

static void bwd_x_item(const void *arg, size_t item, int thread)
{
    const struct point_run *r = arg;
    real *sum = R(prismi_cpu_point_sum)(r->c, item);
    size_t rows;

    (void)thread;
    for (size_t c = item * CPU_POINT_ITEM;
         (rows = prismi_cpu_point_rows(item, c, (size_t)r->c->d.cout)); c += rows)
        R(prismi_cpu_point_add)(sum, r->a + c * r->n, r->n, r->b + c, rows, r->n);
}

static void bwd_x(struct prism_conv *c, real *gx, const real *gy, const real *w)
{
    struct point_run r = point_run(c, gx, w, gy);

    for (int i = 0; i < c->d.n; i++, gx += r.n, r.b += c->d.cout) {
        prismi_cpu_for(c->dev, prismi_cpu_point_items((size_t)c->d.cout),
                       (double)c->d.cout * (double)r.n, bwd_x_item, &r);
        R(prismi_cpu_point_finish)(c, gx);
    }
}

CPU_HOT static void scale(real *y, const real *x, real g, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] = g * x[i];
}

static void bwd_w_item(const void *arg, size_t channel, int thread)
{
    const struct point_run *r = arg;
    real *gw = r->out + channel * r->n;

    (void)thread;
    scale(gw, r->b, r->a[channel], r->n);
    for (size_t i = 1; i < (size_t)r->c->d.n; i++)
        add1(gw, r->b + i * r->n, r->a[i * (size_t)r->c->d.cout + channel], r->n);
}

static void bwd_w(struct prism_conv *c, real *gw, const real *gy, const real *x)
{
    const struct point_run r = point_run(c, gw, gy, x);
    prismi_cpu_for(c->dev, (size_t)c->d.cout, (double)c->d.n * c->d.cout * (double)r.n, bwd_w_item,
                   &r);
}

const struct conv_method R(prismi_cpu_conv_point) = {"matrix times vector", sizes, fwd, bwd_x,
                                                     bwd_w};
