/* dense_fit in terms of required entries, for backends without one of their
 * own. Activations are [batch,width], so that every product is one gemm. A
 * product with a column of ones adds a bias, and another one sums its
 * gradient. */
#include "core/ctx.h"

struct room {
    prism_mem x, t;                      /* the batch's rows of inputs and targets */
    prism_mem z[PRISM_DENSE_LAYERS + 1]; /* z[l + 1] = a[l] W^T + b */
    prism_mem a[PRISM_DENSE_LAYERS + 1];
    prism_mem g[2]; /* dL/dz of the current layer and of the next one backwards */
    prism_mem gw;   /* gradient of W, followed by the gradient of b */
    /* [batch] each: ones; weight / number of outputs; sum of squared errors of
     * a row */
    prism_mem ones, share, sums;
};

static prism_mem take(prism_mem *at, size_t n, size_t size)
{
    prism_mem out = *at;
    *at += (n + 15) / 16 * 16 * size;
    return out;
}

static void lay_out(const struct prism_dense_fit_desc *d, prism_mem at, struct room *t)
{
    size_t size = prism_dtype_size(d->dtype), batch = (size_t)d->batch, widest = 0, weights = 0;
    for (int l = 0; l <= d->layers; l++) {
        size_t width = (size_t)d->width[l], out = l < d->layers ? (size_t)d->width[l + 1] : 0;
        t->z[l] = take(&at, batch * width, size); /* z[0] = a[0]: the rows of x */
        t->a[l] = l ? take(&at, batch * width, size) : t->z[0];
        widest = width > widest ? width : widest;
        weights = out * (width + 1) > weights ? out * (width + 1) : weights;
    }
    t->x = t->z[0];
    t->t = take(&at, batch * (size_t)d->width[d->layers], size);
    t->g[0] = take(&at, batch * widest, size);
    t->g[1] = take(&at, batch * widest, size);
    t->ones = take(&at, batch, size);
    t->share = take(&at, batch, size);
    t->sums = take(&at, batch, size);
    t->gw = take(&at, weights, size);
}

static int product(struct prism_dev *dev, enum prism_dtype dtype, int m, int n, int k, bool ta,
                   bool tb, double beta, prism_mem c, prism_mem a, prism_mem b)
{
    const struct prism_gemm_desc g = {dtype, m, n, k, ta, tb, 1, beta};
    return dev->ops->gemm(dev, &g, c, a, b);
}

static int forward(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                   const struct room *t, prism_mem p)
{
    size_t size = prism_dtype_size(d->dtype);
    for (int l = 0; l < d->layers; l++) {
        const int in = d->width[l], out = d->width[l + 1];
        const struct prism_map_args act = {
            .y = {t->a[l + 1]}, .x = {t->z[l + 1]}, .act = d->act[l]};
        prism_mem w = p + d->w[l] * size, b = p + d->b[l] * size;
        PRISM_TRY(
            product(dev, d->dtype, d->batch, out, in, false, true, 0, t->z[l + 1], t->a[l], w));
        PRISM_TRY(
            product(dev, d->dtype, d->batch, out, 1, false, false, 1, t->z[l + 1], t->ones, b));
        PRISM_TRY(dev->ops->map(dev, PRISM_MAP_ACT, d->dtype, (size_t)d->batch, (size_t)out, &act));
    }
    return 0;
}

/* Update n parameters, from element `at` of the slabs on, by their gradient
 * g. */
static int update(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                  const struct prism_dense_fit_args *a, size_t at, size_t n, prism_mem g,
                  prism_mem step)
{
    at *= prism_dtype_size(d->dtype);
    const struct prism_map_args adam = {
        .y = {a->p + at, a->m + at, a->v + at}, .x = {g, step}, .s = {d->b1, d->b2, d->eps}};
    return dev->ops->map(dev, PRISM_MAP_ADAM, d->dtype, 1, n, &adam);
}

/* Backward and update of layer l from g = dL/dz[l + 1]. Writes dL/dz[l] to next
 * if l > 0, before the weights change. */
static int backward(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                    const struct prism_dense_fit_args *a, int l, const struct room *t, prism_mem g,
                    prism_mem next, prism_mem step)
{
    const int in = d->width[l], out = d->width[l + 1];
    const size_t size = prism_dtype_size(d->dtype), weights = (size_t)in * (size_t)out;
    prism_mem gb = t->gw + weights * size;
    if (l) {
        const struct prism_map_args act = {.y = {next}, .x = {next, t->z[l]}, .act = d->act[l - 1]};
        PRISM_TRY(product(dev, d->dtype, d->batch, in, out, false, false, 0, next, g,
                          a->p + d->w[l] * size));
        PRISM_TRY(
            dev->ops->map(dev, PRISM_MAP_ACT_BWD, d->dtype, (size_t)d->batch, (size_t)in, &act));
    }
    PRISM_TRY(product(dev, d->dtype, out, in, d->batch, true, false, 0, t->gw, g, t->a[l]));
    PRISM_TRY(product(dev, d->dtype, 1, out, d->batch, false, false, 0, gb, t->ones, g));
    PRISM_TRY(update(dev, d, a, d->w[l], weights, t->gw, step));
    return update(dev, d, a, d->b[l], (size_t)out, gb, step);
}

/* Compute the loss, and dL/dz of the last layer in g[0]. */
static int misfit(struct prism_dev *dev, const struct prism_dense_fit_desc *d, const struct room *t,
                  prism_mem weight, prism_mem loss)
{
    const struct prism_ops *ops = dev->ops;
    const size_t batch = (size_t)d->batch, out = (size_t)d->width[d->layers];
    const struct prism_map_args act = {
        .y = {t->g[0]}, .x = {t->g[0], t->z[d->layers]}, .act = d->act[d->layers - 1]};
    prism_mem y = t->a[d->layers];
    PRISM_TRY(prismi_map(dev, PRISM_MAP_MUL, d->dtype, 1, batch, t->share, weight, t->ones, NULL,
                         1 / (double)out, 0));
    PRISM_TRY(ops->reduce(dev, PRISM_REDUCE_SQDIFF, d->dtype, batch, out, t->sums, y, t->t));
    PRISM_TRY(ops->reduce(dev, PRISM_REDUCE_DOT, d->dtype, 1, batch, loss, t->sums, t->share));
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_L2_GRAD, d->dtype, batch, out, t->g[0], y, t->t, t->share, 0, 0));
    return ops->map(dev, PRISM_MAP_ACT_BWD, d->dtype, batch, out, &act);
}

static int run_step(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                    const struct prism_dense_fit_args *a, const struct room *t, size_t s)
{
    const size_t size = prism_dtype_size(d->dtype), batch = (size_t)d->batch;
    prism_mem index = a->index + s * batch * sizeof(int32_t), weight = a->weight + s * batch * size;
    prism_mem step = a->step + 3 * s * size;
    const size_t in = (size_t)d->width[0], out = (size_t)d->width[d->layers];
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_GATHER_ROW, d->dtype, batch, in, t->x, a->x, index, NULL, 0, 0));
    PRISM_TRY(
        prismi_map(dev, PRISM_MAP_GATHER_ROW, d->dtype, batch, out, t->t, a->t, index, NULL, 0, 0));
    PRISM_TRY(forward(dev, d, t, a->p));
    PRISM_TRY(misfit(dev, d, t, weight, a->loss + s * size));
    for (int l = d->layers - 1, k = 0; l >= 0; l--, k = !k)
        PRISM_TRY(backward(dev, d, a, l, t, t->g[k], t->g[!k], step));
    return 0;
}

int prismi_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                     const struct prism_dense_fit_args *a)
{
    struct room t;
    lay_out(d, a->tmp, &t);
    PRISM_TRY(prismi_map(dev, PRISM_MAP_FILL, d->dtype, 1, (size_t)d->batch, t.ones, NULL, NULL,
                         NULL, 1, 0));
    for (size_t s = 0; s < d->steps; s++)
        PRISM_TRY(run_step(dev, d, a, &t, s));
    return 0;
}
