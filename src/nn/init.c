/* Initial weights. Element i of tensor t comes from the counter-based generator
 * at (seed, PRISMI_STREAM_WEIGHTS + t, i) and depends on nothing else. The
 * latent is N(0,1), gamma 1, beta 0, the running mean 0 and the running
 * variance 1. With d0, d1 the first two dimensions of a weight (for a
 * transposed convolution d1 = cout, as in torch):
 *
 *   torch       weight, bias ~ U(-b,b), b = 1/sqrt(d1 k^2)
 *   xavier      weight ~ N(0, 2/((d0 + d1) k^2)), bias 0
 *   glorot      weight ~ U(-g,g), g = sqrt(6/((d0 + d1) k^2)), bias 0
 *   orthogonal  weight flattened to [d0, d1 k^2] has orthonormal rows (columns
 *               if it is taller than wide), bias 0 */
#include "nn/layer.h"

#include <math.h>

enum { CHUNK = 2048 };

struct draw {
    enum prism_init init;
    enum prism_dtype dtype;
    uint64_t seed, stream;
    const struct prismi_param *param;
    double bound, std; /* range of the layer's uniform weights, deviation of its normal ones */
};

static bool is_uniform(const struct draw *d)
{
    return d->param->fill != PRISMI_FILL_NORMAL &&
           (d->init == PRISM_INIT_TORCH || d->init == PRISM_INIT_GLOROT);
}

static void draw_doubles(const struct draw *d, size_t first, size_t n, double *v)
{
    const double std = d->param->fill == PRISMI_FILL_WEIGHT ? d->std : 1;
    if (is_uniform(d))
        prismi_rng_uniforms(d->seed, d->stream, first, n, d->bound, v);
    else
        for (size_t i = 0; i < n; i++)
            v[i] = std * prismi_rng_normal(d->seed, d->stream, first + i);
}

/* Draw values of a parameter in the type of the network. A prism_make. */
static void draw_values(const void *arg, size_t first, size_t n, void *out)
{
    const struct draw *d = arg;
    double v[CHUNK];
    if (d->dtype == PRISM_F64) {
        draw_doubles(d, first, n, out);
        return;
    }
    for (size_t at = 0, some; at < n; at += some) {
        some = n - at < CHUNK ? n - at : CHUNK;
        draw_doubles(d, first + at, some, v);
        for (size_t i = 0; i < some; i++)
            ((float *)out)[at + i] = (float)v[i];
    }
}

static int fill_drawn(struct prism_dev *dev, const struct draw *d)
{
    const struct prism_param_info *p = &d->param->info;
    const enum prismi_fill fill = d->param->fill;
    if (fill == PRISMI_FILL_ZERO || fill == PRISMI_FILL_ONE ||
        (fill == PRISMI_FILL_BIAS && d->init != PRISM_INIT_TORCH))
        return prismi_map(dev, PRISM_MAP_FILL, d->dtype, 1, p->count, p->value, 0, 0, 0,
                          fill == PRISMI_FILL_ONE, 0);
    return dev->ops->generate(dev, p->value, d->dtype, p->count, draw_values, d);
}

static double dot(const double *a, const double *b, size_t n)
{
    double s[4] = {0}; /* independent sums, so that additions need not wait for each other */
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            s[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return s[0] + s[1] + s[2] + s[3];
}

/* Modified Gram-Schmidt on the rows of v [n,len], n <= len: 2 n^2 len
 * operations, some seconds for the widest layer of a 1024 grid (n 1024, len
 * 8192). Random normal rows are well conditioned, so one sweep keeps them
 * orthogonal to about 1e-12. */
static void orthonormalise(double *v, size_t n, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        double *a = v + i * len, scale = 1 / sqrt(dot(a, a, len));
        for (size_t t = 0; t < len; t++)
            a[t] *= scale;
        for (size_t j = i + 1; j < n; j++) {
            double *b = v + j * len, p = dot(a, b, len);
            for (size_t t = 0; t < len; t++)
                b[t] -= p * a[t];
        }
    }
}

static int fill_orthogonal(struct prism_dev *dev, const struct draw *d)
{
    const struct prism_param_info *w = &d->param->info;
    size_t rows = (size_t)w->dim[0], cols = w->count / rows;
    bool tall = rows > cols;
    size_t n = tall ? cols : rows, len = tall ? rows : cols;
    double *v = prismi_alloc(w->count, sizeof *v),
           *out = tall ? prismi_alloc(w->count, sizeof *v) : v;
    int status = 0;
    if (!v || !out)
        status = PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM, "no host memory to initialise %s",
                            w->name);
    if (!status) {
        for (size_t i = 0; i < w->count; i++)
            v[i] = prismi_rng_normal(d->seed, d->stream, i);
        orthonormalise(v, n, len);
        for (size_t i = 0; i < w->count && tall; i++)
            out[i] = v[i % cols * rows + i / cols];
        status = prismi_dev_put(dev, w->value, d->dtype, out, w->count);
    }
    if (tall)
        prismi_free(out);
    prismi_free(v);
    return status;
}

static int init_running(struct prism_net *net)
{
    size_t size = prism_dtype_size(net->dtype);
    for (int i = 0; i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i];
        size_t c = l->nrunning / 2;
        if (!c)
            continue;
        PRISM_TRY(prismi_map(net->dev, PRISM_MAP_FILL, net->dtype, 1, c, l->running, NULL, NULL,
                             NULL, 0, 0));
        PRISM_TRY(prismi_map(net->dev, PRISM_MAP_FILL, net->dtype, 1, c, l->running + c * size,
                             NULL, NULL, NULL, 1, 0));
    }
    return 0;
}

int prism_net_init(struct prism_net *net, uint64_t seed)
{
    struct draw d = {
        .init = net->init, .dtype = net->dtype, .seed = seed, .stream = PRISMI_STREAM_WEIGHTS};
    prismi_net_forget(net);
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        for (int k = 0; k < l->nparam; k++, d.stream++) {
            d.param = &l->param[k];
            if (d.param->fill == PRISMI_FILL_WEIGHT) {
                double k2 = (double)l->conv.k * l->conv.k,
                       fans = (d.param->info.dim[0] + d.param->info.dim[1]) * k2;
                d.bound = d.init == PRISM_INIT_GLOROT ? sqrt(6 / fans)
                                                      : 1 / sqrt(d.param->info.dim[1] * k2);
                d.std = sqrt(2 / fans);
            }
            bool orthogonal =
                d.param->fill == PRISMI_FILL_WEIGHT && d.init == PRISM_INIT_ORTHOGONAL;
            PRISM_TRY(orthogonal ? fill_orthogonal(net->dev, &d) : fill_drawn(net->dev, &d));
        }
    }
    return init_running(net);
}
