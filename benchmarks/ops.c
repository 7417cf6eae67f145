/* The operations a training step is made of. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

/* A case: what to run, on what, and its cost in units (flop or bytes) of `unit` per second. */
struct run {
    int (*call)(const struct run *r);
    struct prism_dev *dev;
    prism_mem m[4];
    struct prism_conv *conv;
    struct prism_fft *fft;
    struct prism_map_args map;
    struct prism_norm_desc norm;
    struct prism_norm_args norm_args;
    size_t n;
};

static int timed(const void *r)
{
    return ((const struct run *)r)->call(r);
}

static int measure(const struct bench *b, const char *name, const struct run *r, double cost, const char *unit)
{
    return bench_measure(b, name, timed, r, cost, unit);
}

/* Device memory of n floats in [-1,1), so that no kernel meets denormals. */
static int make(struct prism_dev *dev, size_t n, prism_mem *out)
{
    float *host = malloc(n * sizeof *host);
    uint32_t s = 1;
    int status = host ? dev->ops->alloc(dev, n * sizeof *host, out) : PRISM_ENOMEM;

    for (size_t i = 0; !status && i < n; i++) {
        s = 1664525u * s + 1013904223u;
        host[i] = (float)(s >> 8) / 8388608.f - 1.f;
    }
    if (!status)
        status = dev->ops->write(dev, *out, host, n * sizeof *host);
    free(host);
    return status;
}

static void drop(struct prism_dev *dev, const prism_mem *m, int n)
{
    for (int i = 0; i < n; i++)
        if (m[i])
            dev->ops->release(dev, m[i]);
}

/* ---- convolutions: the decoder's layers ---- */

static int call_fwd(const struct run *r)
{
    return r->dev->ops->conv_fwd(r->conv, r->m[1], r->m[0], r->m[2]);
}

static int call_bwd_x(const struct run *r)
{
    return r->dev->ops->conv_bwd_x(r->conv, r->m[0], r->m[1], r->m[2]);
}

static int call_bwd_w(const struct run *r)
{
    return r->dev->ops->conv_bwd_w(r->conv, r->m[2], r->m[1], r->m[0]);
}

static int bench_conv(const struct bench *b, const char *layer, struct prism_conv_desc d)
{
    static const struct {
        const char *name;
        int (*call)(const struct run *r);
    } pass[3] = {{"fwd", call_fwd}, {"bwd_x", call_bwd_x}, {"bwd_w", call_bwd_w}};
    size_t oh = (size_t)prism_conv_out(&d, d.h), ow = (size_t)prism_conv_out(&d, d.w);
    size_t weights = (size_t)(d.cin * d.cout * d.k * d.k);
    struct run r = {.dev = b->dev};
    int status = b->dev->ops->conv_create(b->dev, &d, &r.conv);

    status = status ? status : make(b->dev, (size_t)(d.cin * d.h * d.w), &r.m[0]);
    status = status ? status : make(b->dev, (size_t)d.cout * oh * ow, &r.m[1]);
    status = status ? status : make(b->dev, weights, &r.m[2]);
    for (int i = 0; i < 3 && !status; i++) {
        char name[80];
        snprintf(name, sizeof name, "conv %s %d-%d k%ds%dp%d %zux%zu %s", layer, d.cin, d.cout, d.k, d.stride, d.pad, oh, ow,
                 pass[i].name);
        r.call = pass[i].call;
        status = measure(b, name, &r, 2.0 * (double)weights * (double)(oh * ow), "GFLOP/s");
    }
    drop(b->dev, r.m, 3);
    b->dev->ops->conv_destroy(r.conv);
    return status;
}

/* Grid of n pixels, `up` doublings, then 3x3 layers down to one channel. The transposed layers' plans run backwards. */
static int bench_decoder(const struct bench *b, int n, int up)
{
    int channels = n / 2, side = 4, status;
    char layer[32];

    snprintf(layer, sizeof layer, "%d T0", n);
    status = bench_conv(b, layer, (struct prism_conv_desc){PRISM_F32, channels, 4, 4, n, 4, 1, 0});
    for (int i = 1; i <= up && !status; i++, channels /= 2, side *= 2) {
        snprintf(layer, sizeof layer, "%d T%d", n, i);
        status = bench_conv(b, layer, (struct prism_conv_desc){PRISM_F32, channels / 2, 2 * side, 2 * side, channels, 4, 2, 1});
    }
    for (int i = up + 1; channels > 1 && !status; i++, channels /= 2) {
        snprintf(layer, sizeof layer, "%d C%d", n, i);
        status = bench_conv(b, layer, (struct prism_conv_desc){PRISM_F32, channels, side, side, channels / 2, 3, 1, channels > 2});
    }
    return status;
}

/* ---- transforms ---- */

static int call_fft(const struct run *r)
{
    return r->dev->ops->fft_run(r->fft, -1, r->m[1], r->m[0]);
}

static int bench_fft(const struct bench *b, int batch, int n)
{
    size_t size = (size_t)batch * (size_t)n * (size_t)n;
    double log2n = 0;
    char name[80];
    struct run r = {.call = call_fft, .dev = b->dev};

    snprintf(name, sizeof name, "fft %dx%dx%d", batch, n, n);
    if (!bench_wanted(b, name))
        return 0;
    for (int i = n; i > 1; i /= 2)
        log2n++;
    int status = b->dev->ops->fft_create(b->dev, &(struct prism_fft_desc){PRISM_CF32, batch, n, n}, &r.fft);
    status = status ? status : make(b->dev, 2 * size, &r.m[0]);
    status = status ? status : make(b->dev, 2 * size, &r.m[1]);
    status = status ? status : measure(b, name, &r, 10.0 * (double)size * log2n, "GFLOP/s");
    drop(b->dev, r.m, 2);
    b->dev->ops->fft_destroy(r.fft);
    return status;
}

/* ---- memory-bound work ---- */

static int call_adam(const struct run *r)
{
    return r->dev->ops->map(r->dev, PRISM_MAP_ADAM, PRISM_F32, 1, r->n, &r->map);
}

static int bench_adam(const struct bench *b, size_t n)
{
    const float rate[2] = {1e-6f, 1.f};
    struct run r = {.call = call_adam, .dev = b->dev, .n = n};
    prism_mem scalars = NULL;
    char name[80];
    int status = b->dev->ops->alloc(b->dev, sizeof rate, &scalars);

    status = status ? status : b->dev->ops->write(b->dev, scalars, rate, sizeof rate);
    for (int i = 0; i < 4 && !status; i++)
        status = make(b->dev, n, &r.m[i]);
    r.map = (struct prism_map_args){
        .y = {r.m[0], r.m[1], r.m[2]}, .x = {r.m[3], scalars}, .s = {0.9, 0.999, 1e-8}, .act = PRISM_ACT_NONE};
    const struct prism_map_args square = {.y = {r.m[2]}, .x = {r.m[2], r.m[2]}, .s = {1}};
    status = status ? status : b->dev->ops->map(b->dev, PRISM_MAP_MUL, PRISM_F32, 1, n, &square); /* second moments >= 0 */
    snprintf(name, sizeof name, "adam %zu", n);
    status = status ? status : measure(b, name, &r, 28.0 * (double)n, "GB/s");
    drop(b->dev, r.m, 4);
    drop(b->dev, &scalars, 1);
    return status;
}

static int call_norm_fwd(const struct run *r)
{
    return r->dev->ops->norm_act_fwd(r->dev, &r->norm, &r->norm_args);
}

static int call_norm_bwd(const struct run *r)
{
    return r->dev->ops->norm_act_bwd(r->dev, &r->norm, &r->norm_args);
}

static int bench_norm(const struct bench *b, size_t rows, size_t cols)
{
    struct run r = {.dev = b->dev, .norm = {PRISM_F32, PRISM_ACT_RELU, rows, cols, 1e-5}};
    prism_mem vectors = NULL, vec[7];
    char name[80];
    int status = make(b->dev, 7 * rows, &vectors);

    for (int i = 0; i < 3 && !status; i++)
        status = make(b->dev, rows * cols, &r.m[i]);
    for (size_t i = 0; i < 7 && !status; i++)
        vec[i] = vectors + i * rows * sizeof(float);
    if (!status)
        r.norm_args = (struct prism_norm_args){.x = r.m[0],
                                               .y = r.m[1],
                                               .gy = r.m[1],
                                               .gx = r.m[2],
                                               .stats = vec[0],
                                               .gamma = vec[3],
                                               .beta = vec[4],
                                               .ggamma = vec[5],
                                               .gbeta = vec[6]};
    r.call = call_norm_fwd;
    snprintf(name, sizeof name, "norm %zux%zu fwd", rows, cols);
    status = status ? status : measure(b, name, &r, 8.0 * (double)(rows * cols), "GB/s");
    r.call = call_norm_bwd;
    snprintf(name, sizeof name, "norm %zux%zu bwd", rows, cols);
    status = status ? status : measure(b, name, &r, 12.0 * (double)(rows * cols), "GB/s");
    drop(b->dev, r.m, 3);
    drop(b->dev, &vectors, 1);
    return status;
}

int bench_ops(const struct bench *b)
{
    int status = bench_decoder(b, 1024, 7);

    status = status ? status : bench_decoder(b, 512, 5);
    for (int n = 128; n <= 1024 && !status; n *= 2)
        status = bench_fft(b, 1, n);
    status = status ? status : bench_fft(b, 25, 64);
    status = status ? status : bench_fft(b, 16, 256);
    status = status ? status : bench_fft(b, 4, 1024);
    status = status ? status : bench_adam(b, 11187799);
    status = status ? status : bench_norm(b, 4, 512 * 512);
    return status ? status : bench_norm(b, 256, 64);
}
