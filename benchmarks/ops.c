/* Operations of a training step, with the shapes that decoders give them.
 * Transforms are in fft.c. */
#include "bench.h"
#include "nn/layer.h"

#include <math.h>
#include <string.h>

/* An operation and its operands. */
struct run {
    struct prism_dev *dev;
    prism_mem m[6];
    struct prism_conv *conv;
    struct prism_map_args map;
    struct prism_norm_desc norm;
    struct prism_norm_args norm_args;
    struct prism_adam_outer_desc outer;
    struct prism_adam_outer_args outer_args;
    size_t n;
};

static int measure(struct bench *b, const char *name, int (*call)(void *), struct run *r,
                   double bytes, double flops)
{
    const struct bench_case c = {
        .name = name, .call = call, .arg = r, .cost = {.bytes = bytes, .flops = flops}};
    return bench_measure(b, &c);
}

static int make(struct run *r, int i, size_t n)
{
    return bench_random(r->dev, n, &r->m[i]);
}

static void drop(struct run *r)
{
    for (int i = 0; i < CLI_COUNT(r->m); i++)
        if (r->m[i])
            r->dev->ops->release(r->dev, r->m[i]);
}

static int dot(struct run *r, prism_mem a, prism_mem b, size_t n, double *out)
{
    prism_mem sum;
    PRISM_TRY(r->dev->ops->alloc(r->dev, sizeof(float), &sum));
    int status = r->dev->ops->reduce(r->dev, PRISM_REDUCE_DOT, PRISM_F32, 1, n, sum, a, b);
    status = status ? status : prismi_dev_get(r->dev, out, sum, PRISM_F32, 1);
    r->dev->ops->release(r->dev, sum);
    return status;
}

/* ---- convolutions: m = x, weights, gy; y, gx, gw ---- */

static int call_fwd(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->conv_fwd(r->conv, r->m[3], r->m[0], r->m[1]);
}

static int call_bwd_x(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->conv_bwd_x(r->conv, r->m[4], r->m[2], r->m[1]);
}

static int call_bwd_w(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->conv_bwd_w(r->conv, r->m[5], r->m[2], r->m[0]);
}

/* The three passes are one trilinear form: <gy, fwd> = <gx, x> = <gw, w>. */
static int verify_conv(struct bench *b, struct run *r, const char *label, size_t nx, size_t nw,
                       size_t ny)
{
    double form[3], size[2];
    PRISM_TRY(call_fwd(r));
    PRISM_TRY(call_bwd_x(r));
    PRISM_TRY(call_bwd_w(r));
    PRISM_TRY(dot(r, r->m[3], r->m[2], ny, &form[0]));
    PRISM_TRY(dot(r, r->m[4], r->m[0], nx, &form[1]));
    PRISM_TRY(dot(r, r->m[5], r->m[1], nw, &form[2]));
    PRISM_TRY(dot(r, r->m[3], r->m[3], ny, &size[0]));
    PRISM_TRY(dot(r, r->m[2], r->m[2], ny, &size[1]));
    double error = fmax(fabs(form[1] - form[0]), fabs(form[2] - form[0])) / sqrt(size[0] * size[1]);
    bench_judge(b, label, error < 1e-5,
                "forward and both backward passes are one trilinear form within %.1e", error);
    return 0;
}

static int run_conv(struct bench *b, const char *layer, const struct prism_conv_desc *d)
{
    static const struct {
        const char *name;
        int (*call)(void *);
    } pass[3] = {{"fwd", call_fwd}, {"bwd_x", call_bwd_x}, {"bwd_w", call_bwd_w}};
    size_t oh = (size_t)prism_conv_out(d, d->h), ow = (size_t)prism_conv_out(d, d->w);
    size_t nw = (size_t)(d->cin * d->cout * d->k * d->k), nx = (size_t)(d->cin * d->h * d->w),
           ny = (size_t)d->cout * oh * ow;
    struct run r = {.dev = b->dev};
    char label[BENCH_NAME - 8], name[BENCH_NAME];
    int status;
    snprintf(label, sizeof label, "conv %s %d-%d k%ds%dp%d %zux%zu", layer, d->cin, d->cout, d->k,
             d->stride, d->pad, oh, ow);
    if (b->only && !strstr(label, b->only))
        return 0;
    PRISM_TRY_OUT(b->dev->ops->conv_create(b->dev, d, &r.conv));
    const size_t sizes[6] = {nx, nw, ny, ny, nx, nw};
    for (int i = 0; i < 6; i++)
        PRISM_TRY_OUT(make(&r, i, sizes[i]));
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s %s", label, pass[i].name);
        PRISM_TRY_OUT(measure(b, name, pass[i].call, &r, 4 * (double)(nx + nw + ny),
                              2 * (double)nw * (double)(oh * ow)));
    }
    status = verify_conv(b, &r, label, nx, nw, ny);
out:
    drop(&r);
    b->dev->ops->conv_destroy(r.conv);
    return status;
}

/* Times the convolutions of a decoder. A transposed convolution is the plan of
 * the convolution from its output to its input. */
static int run_decoder(struct bench *b, int grid, int obj)
{
    struct prism_dev *plan;
    struct prism_net *net;
    int status = bench_shapes(b, grid, obj, &plan, &net);
    for (int i = 0, layer = 0; !status && i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i];
        bool t = l->conv.transposed;
        const int *from = t ? l->out : l->in, *to = t ? l->in : l->out;
        const struct prism_conv_desc d = {.dtype = PRISM_F32,
                                          .n = 1,
                                          .cin = from[0],
                                          .h = from[1],
                                          .w = from[2],
                                          .cout = to[0],
                                          .k = l->conv.k,
                                          .stride = l->conv.stride,
                                          .pad = l->conv.pad};
        char name[32];
        if (!l->conv.k)
            continue;
        snprintf(name, sizeof name, "%d %c%d", grid, t ? 'T' : 'C', layer++);
        status = run_conv(b, name, &d);
    }
    prism_net_destroy(&net);
    prism_dev_close(&plan);
    return status;
}

/* ---- memory-bound work ---- */

static int call_adam(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->map(r->dev, PRISM_MAP_ADAM, PRISM_F32, 1, r->n, &r->map);
}

static int call_adam_outer(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->adam_outer(r->dev, &r->outer, NULL, &r->outer_args);
}

/* Times Adam on rows x cols weights. With rows, the gradient is the outer
 * product of [rows] and [cols]. */
static int run_adam(struct bench *b, size_t rows, size_t cols)
{
    const float rate[3] = {1e-6f, 1.f, 1.f};
    struct run r = {
        .dev = b->dev, .n = rows * cols, .outer = {PRISM_F32, rows, cols, 0.9, 0.999, 1e-8}};
    char name[BENCH_NAME];
    double size;
    int status;
    for (int i = 0; i < 4; i++)
        PRISM_TRY_OUT(make(&r, i, r.n));
    PRISM_TRY_OUT(make(&r, 4, 3));
    PRISM_TRY_OUT(make(&r, 5, rows + cols + PRISM_ADAM_OUTER_ROWS * cols));
    PRISM_TRY_OUT(b->dev->ops->write(b->dev, r.m[4], rate, sizeof rate));
    const struct prism_map_args square = {.y = {r.m[2]}, .x = {r.m[2], r.m[2]}, .s = {1}};
    PRISM_TRY_OUT(b->dev->ops->map(b->dev, PRISM_MAP_MUL, PRISM_F32, 1, r.n,
                                   &square)); /* second moments are not negative */
    r.map = (struct prism_map_args){.y = {r.m[0], r.m[1], r.m[2]},
                                    .x = {r.m[3], r.m[4]},
                                    .s = {0.9, 0.999, 1e-8},
                                    .act = PRISM_ACT_NONE};
    snprintf(name, sizeof name, "adam %zu", r.n);
    PRISM_TRY_OUT(measure(b, name, call_adam, &r, 28 * (double)r.n, 0));
    prism_mem rest = r.m[5] + (rows + cols) * sizeof(float);
    r.outer_args = (struct prism_adam_outer_args){.p = r.m[0],
                                                  .m = r.m[1],
                                                  .v = r.m[2],
                                                  .a = r.m[5],
                                                  .b = r.m[5] + rows * sizeof(float),
                                                  .step = r.m[4],
                                                  .tmp = rest};
    snprintf(name, sizeof name, "adam outer %zux%zu", rows, cols);
    PRISM_TRY_OUT(measure(b, name, call_adam_outer, &r, 24 * (double)r.n, 0));
    PRISM_TRY_OUT(dot(&r, r.m[0], r.m[0], r.n, &size));
    bench_judge(b, "adam", isfinite(size), "the weights stay finite");
out:
    drop(&r);
    return status;
}

static int call_norm_fwd(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->norm_act_fwd(r->dev, &r->norm, &r->norm_args);
}

static int call_norm_bwd(void *arg)
{
    struct run *r = arg;
    return r->dev->ops->norm_act_bwd(r->dev, &r->norm, &r->norm_args);
}

static int run_norm(struct bench *b, size_t rows, size_t cols)
{
    struct run r = {.dev = b->dev, .norm = {PRISM_F32, PRISM_ACT_NONE, 1, rows, cols, 1e-5}};
    prism_mem vec[7], ones;
    double n = (double)(rows * cols), sum, power;
    char name[BENCH_NAME];
    int status;
    for (int i = 0; i < 3; i++)
        PRISM_TRY_OUT(make(&r, i, rows * cols));
    PRISM_TRY_OUT(make(&r, 3, 7 * rows));
    PRISM_TRY_OUT(make(&r, 4, rows * cols));
    for (size_t i = 0; i < 7; i++)
        vec[i] = r.m[3] + i * rows * sizeof(float);
    ones = r.m[4];
    PRISM_TRY_OUT(prismi_map(b->dev, PRISM_MAP_FILL, PRISM_F32, 1, rows, vec[3], 0, 0, 0, 1,
                             0)); /* scale 1, shift 0 */
    PRISM_TRY_OUT(prismi_map(b->dev, PRISM_MAP_FILL, PRISM_F32, 1, rows, vec[4], 0, 0, 0, 0, 0));
    PRISM_TRY_OUT(
        prismi_map(b->dev, PRISM_MAP_FILL, PRISM_F32, 1, rows * cols, ones, 0, 0, 0, 1, 0));
    r.norm_args = (struct prism_norm_args){.x = r.m[0],
                                           .y = r.m[1],
                                           .gy = r.m[1],
                                           .gx = r.m[2],
                                           .stats = vec[0],
                                           .gamma = vec[3],
                                           .beta = vec[4],
                                           .ggamma = vec[5],
                                           .gbeta = vec[6]};
    PRISM_TRY_OUT(call_norm_fwd(&r));
    PRISM_TRY_OUT(dot(&r, r.m[1], ones, rows * cols, &sum));
    PRISM_TRY_OUT(dot(&r, r.m[1], r.m[1], rows * cols, &power));
    snprintf(name, sizeof name, "norm %zux%zu", rows, cols);
    bench_judge(b, name, fabs(sum / n) < 1e-4 && fabs(power / n - 1) < 1e-3,
                "mean %.1e, variance 1%+.1e", sum / n, power / n - 1);
    r.norm.act = PRISM_ACT_RELU;
    snprintf(name, sizeof name, "norm %zux%zu fwd", rows, cols);
    PRISM_TRY_OUT(measure(b, name, call_norm_fwd, &r, 8 * n, 0));
    snprintf(name, sizeof name, "norm %zux%zu bwd", rows, cols);
    PRISM_TRY_OUT(measure(b, name, call_norm_bwd, &r, 12 * n, 0));
out:
    drop(&r);
    return status;
}

int bench_ops(struct bench *b)
{
    bench_heading(b, "operations");
    PRISM_TRY(bench_each_size(b, b->sizes ? b->sizes : "1024/512,512/128", run_decoder));
    if (bench_wanted(b, "adam"))
        PRISM_TRY(run_adam(b, 1024, 8192));
    if (!bench_wanted(b, "norm"))
        return 0;
    PRISM_TRY(run_norm(b, 4, 512 * 512));
    return run_norm(b, 256, 64);
}
