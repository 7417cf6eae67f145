/* Entries that time pooling, strided copy, scatter_add, softmax, argmax, gather
 * and dense_fit. */
#include "core/profile_timed.h"

static const char *const pool_names[PRISM_POOL_COUNT] = {"max", "mean"};

static struct prismi_profile_node *find_pool(struct prismi_profile *p, const char *name,
                                             const struct prism_pool_desc *d)
{
    struct prismi_profile_node *n =
        find(p, name, (uint64_t)d->dtype << 48 | (uint64_t)d->kind << 32 | (uint32_t)d->planes,
             (uint64_t)d->h << 32 | (uint32_t)d->w,
             (uint64_t)d->k << 40 | (uint64_t)d->stride << 20 | (uint64_t)d->pad);
    if (FRESH(n)) {
        double x = (double)d->h * d->w,
               y = (double)prism_pool_out(d, d->h) * prism_pool_out(d, d->w);
        double index = d->kind == PRISM_POOL_MAX ? 4 * y : 0;
        LABEL(n, "%s %s n%d h%d w%d k%d s%d p%d %s", name, pool_names[d->kind], d->planes, d->h,
              d->w, d->k, d->stride, d->pad, dtype_names[d->dtype]);
        n->bytes = d->planes * ((x + y) * (double)prism_dtype_size(d->dtype) + index);
    }
    return n;
}

static int timed_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                          prism_mem index, prism_mem x)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_pool(p, "pool_fwd", d));
    return leave(p, dev, p->inner.pool_fwd(dev, d, y, index, x));
}

static int timed_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                          prism_mem gy, prism_mem index)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_pool(p, "pool_bwd", d));
    return leave(p, dev, p->inner.pool_bwd(dev, d, gx, gy, index));
}

static int timed_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                        prism_mem x)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n = find(p, "copy2d", (uint64_t)d->dtype, d->rows, d->cols);
    if (FRESH(n)) {
        LABEL(n, "copy2d r%zu c%zu %s", d->rows, d->cols, dtype_names[d->dtype]);
        n->bytes = 2 * (double)d->rows * (double)d->cols * (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.copy2d(dev, d, y, x));
}

static int timed_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                             prism_mem x, prism_mem weight)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n =
        find(p, "scatter_add", (uint64_t)d->dtype << 32 | (uint32_t)d->planes,
             (uint64_t)d->hx << 32 | (uint32_t)d->wx, 0);
    if (FRESH(n)) {
        LABEL(n, "scatter_add n%d hx%d wx%d %s", d->planes, d->hx, d->wx, dtype_names[d->dtype]);
        n->bytes = 3 * (double)d->planes * d->hx * d->wx * (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.scatter_add(dev, d, y, x, weight));
}

/* words: elements moved per class and pixel. */
static struct prismi_profile_node *find_softmax(struct prismi_profile *p, const char *name,
                                                const struct prism_softmax_desc *d, int words)
{
    struct prismi_profile_node *n =
        find(p, name, (uint64_t)d->dtype, (uint64_t)d->n << 32 | (uint32_t)d->classes, d->pixels);
    if (FRESH(n)) {
        LABEL(n, "%s n%d classes%d pixels%zu %s", name, d->n, d->classes, d->pixels,
              dtype_names[d->dtype]);
        n->bytes = words * (double)d->n * d->classes * (double)d->pixels *
                   (double)prism_dtype_size(d->dtype);
    }
    return n;
}

static int timed_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                             prism_mem x)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_softmax(p, "softmax_fwd", d, 2));
    return leave(p, dev, p->inner.softmax_fwd(dev, d, y, x));
}

static int timed_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d,
                             prism_mem gx, prism_mem gy, prism_mem y)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_softmax(p, "softmax_bwd", d, 3));
    return leave(p, dev, p->inner.softmax_bwd(dev, d, gx, gy, y));
}

static int timed_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                        prism_mem x)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_softmax(p, "argmax", d, 1));
    return leave(p, dev, p->inner.argmax(dev, d, y, x));
}

/* ---- gather ---- */

static struct prismi_profile_node *find_gather(struct prismi_profile *p, const char *name,
                                               const struct prism_gather_desc *d, bool run)
{
    struct prismi_profile_node *n =
        find(p, name, (uint64_t)d->dtype << 48 | (uint64_t)d->k << 32 | (uint32_t)d->planes, d->nx,
             d->ny);
    if (FRESH(n)) {
        double size = (double)prism_dtype_size(d->dtype), terms = (double)d->ny * d->k;
        LABEL(n, "%s n%d nx%zu ny%zu k%d %s", name, d->planes, d->nx, d->ny, d->k,
              dtype_names[d->dtype]);
        n->bytes =
            run ? d->planes * size * ((double)d->nx + (double)d->ny) + terms * (size + 4) : 0;
        n->flops = run ? 2 * d->planes * terms : 0;
    }
    return n;
}

static int timed_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                               const int32_t *index, const double *weight,
                               struct prism_gather **out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_gather(p, "gather_create", d, false));
    int status = leave(p, dev, p->inner.gather_create(dev, d, index, weight, out));
    if (status) {
        p->inner.gather_destroy(*out);
        *out = NULL;
    }
    return status;
}

static int timed_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    const struct prismi_plan *t = (const struct prismi_plan *)g;
    struct prismi_profile *p = prismi_profile_of(t->dev);
    prismi_profile_enter(p, find_gather(p, "gather_fwd", &t->desc.gather, true));
    return leave(p, t->dev, p->inner.gather_fwd(g, y, x));
}

static int timed_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    const struct prismi_plan *t = (const struct prismi_plan *)g;
    struct prismi_profile *p = prismi_profile_of(t->dev);
    prismi_profile_enter(p, find_gather(p, "gather_adj", &t->desc.gather, true));
    return leave(p, t->dev, p->inner.gather_adj(g, gx, gy));
}

/* ---- dense ---- */

static uint64_t hash_widths(const struct prism_dense_fit_desc *d)
{
    uint64_t sum = 0;
    for (int l = 0; l <= d->layers; l++)
        sum = sum * 1000003 + (uint64_t)d->width[l];
    return sum;
}

static int timed_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                           const struct prism_dense_fit_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    /* a composed entry is made of calls that are timed and counted
     * themselves */
    const bool composed = prismi_inner(dev)->dense_fit == prismi_dense_fit;
    struct prismi_profile_node *n = find(
        p, "dense_fit", (uint64_t)d->dtype << 40 | (uint64_t)d->layers << 32 | (uint32_t)d->batch,
        d->steps, hash_widths(d));
    if (FRESH(n)) {
        double weights = 0;
        for (int l = 0; l < d->layers; l++)
            weights += (d->width[l] + 1.0) * d->width[l + 1];
        LABEL(n, "dense_fit steps%zu l%d b%d weights%.0f %s", d->steps, d->layers, d->batch,
              weights, dtype_names[d->dtype]);
        n->flops = composed ? 0 : 6 * weights * d->batch * (double)d->steps;
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.dense_fit(dev, d, a));
}

void prismi_profile_wrap_planes(struct prism_ops *ops)
{
    ops->pool_fwd = timed_pool_fwd;
    ops->pool_bwd = timed_pool_bwd;
    ops->copy2d = timed_copy2d;
    ops->scatter_add = timed_scatter_add;
    ops->softmax_fwd = timed_softmax_fwd;
    ops->softmax_bwd = timed_softmax_bwd;
    ops->argmax = timed_argmax;
    ops->gather_create = timed_gather_create;
    ops->gather_fwd = timed_gather_fwd;
    ops->gather_adj = timed_gather_adj;
    ops->dense_fit = timed_dense_fit;
}
