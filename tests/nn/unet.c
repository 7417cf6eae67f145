/* A small U-Net against the same network written out in loops over doubles:
 * output and every gradient; the same bits for two threads and in inference.
 * Arguments: the backend, the folder of its plugin. A plain program. */
#include "nn_test.h"
#include "support/tap.h"

enum { BATCH = 4, IN = 3, OUT = 2, HEIGHT = 16, WIDTH = 12, BASE = 8, DEPTH = 2, PARAMS = 36 };

static const double EPS = 1e-5;

static struct prism_ctx *ctx;
static const char *plugin_path;

/* ---- the reference: tensors [n,c,h,w] with their gradients ---- */

struct tensor {
    int n, c, h, w;
    double *v, *g;
};

/* A parameter's values and gradient, in the order of the list. */
struct param {
    size_t count;
    double *v, *g;
};

static struct tensor tensor(int n, int c, int h, int w)
{
    size_t count = (size_t)n * c * h * w;
    return (struct tensor){
        n, c, h, w, new_array(count, sizeof(double)), new_array(count, sizeof(double))};
}

static void drop(struct tensor *t)
{
    free(t->v);
    free(t->g);
}

static size_t at(const struct tensor *t, int n, int c, int y, int x)
{
    return (((size_t)n * t->c + c) * t->h + y) * t->w + x;
}

/* Visits every product of a convolution with same padding once: f(output,
 * input, weight). */
#define FOR_CONV(y, x, k)                                                                          \
    for (int b = 0; b < (y)->n; b++)                                                               \
        for (int o = 0; o < (y)->c; o++)                                                           \
            for (int c = 0; c < (x)->c; c++)                                                       \
                for (int i = 0; i < (y)->h; i++)                                                   \
                    for (int j = 0; j < (y)->w; j++)                                               \
                        for (int p = 0; p < (k); p++)                                              \
                            for (int q = 0; q < (k); q++)

static bool inside(const struct tensor *x, int i, int j)
{
    return i >= 0 && i < x->h && j >= 0 && j < x->w;
}

static struct tensor conv(const struct tensor *x, int cout, int k, const struct param *w,
                          const struct param *bias)
{
    struct tensor y = tensor(x->n, cout, x->h, x->w);
    for (int b = 0; b < y.n && bias; b++)
        for (int o = 0; o < cout; o++)
            for (int i = 0; i < y.h * y.w; i++)
                y.v[at(&y, b, o, 0, 0) + (size_t)i] = bias->v[o];
    FOR_CONV(&y, x, k)
    if (inside(x, i + p - k / 2, j + q - k / 2))
        y.v[at(&y, b, o, i, j)] += w->v[((o * x->c + c) * k + p) * k + q] *
                                   x->v[at(x, b, c, i + p - k / 2, j + q - k / 2)];
    return y;
}

static void conv_back(const struct tensor *y, struct tensor *x, int k, struct param *w,
                      struct param *bias)
{
    for (int b = 0; b < y->n && bias; b++)
        for (int o = 0; o < y->c; o++)
            for (int i = 0; i < y->h * y->w; i++)
                bias->g[o] += y->g[at(y, b, o, 0, 0) + (size_t)i];
    FOR_CONV(y, x, k)
    if (inside(x, i + p - k / 2, j + q - k / 2)) {
        size_t to = at(x, b, c, i + p - k / 2, j + q - k / 2), from = at(y, b, o, i, j);
        int weight = ((o * x->c + c) * k + p) * k + q;
        w->g[weight] += y->g[from] * x->v[to];
        x->g[to] += y->g[from] * w->v[weight];
    }
}

/* Transposed convolution, 2 x 2, stride 2; weight [cin,cout,2,2]. */
static struct tensor up(const struct tensor *x, int cout, const struct param *w,
                        const struct param *bias)
{
    struct tensor y = tensor(x->n, cout, 2 * x->h, 2 * x->w);
    for (int b = 0; b < y.n; b++)
        for (int o = 0; o < cout; o++)
            for (int i = 0; i < y.h; i++)
                for (int j = 0; j < y.w; j++) {
                    double sum = bias->v[o];
                    for (int c = 0; c < x->c; c++)
                        sum += x->v[at(x, b, c, i / 2, j / 2)] *
                               w->v[((c * cout + o) * 2 + i % 2) * 2 + j % 2];
                    y.v[at(&y, b, o, i, j)] = sum;
                }
    return y;
}

static void up_back(const struct tensor *y, struct tensor *x, struct param *w, struct param *bias)
{
    for (int b = 0; b < y->n; b++)
        for (int o = 0; o < y->c; o++)
            for (int i = 0; i < y->h; i++)
                for (int j = 0; j < y->w; j++) {
                    double g = y->g[at(y, b, o, i, j)];
                    bias->g[o] += g;
                    for (int c = 0; c < x->c; c++) {
                        int weight = ((c * y->c + o) * 2 + i % 2) * 2 + j % 2;
                        w->g[weight] += g * x->v[at(x, b, c, i / 2, j / 2)];
                        x->g[at(x, b, c, i / 2, j / 2)] += g * w->v[weight];
                    }
                }
}

/* Statistics of one channel over the batch. */
static void moments(const struct tensor *x, int c, double *mean, double *rstd)
{
    double n = (double)x->n * x->h * x->w, sum = 0, square = 0;
    for (int b = 0; b < x->n; b++)
        for (int i = 0; i < x->h * x->w; i++)
            sum += x->v[at(x, b, c, 0, 0) + (size_t)i];
    *mean = sum / n;
    for (int b = 0; b < x->n; b++)
        for (int i = 0; i < x->h * x->w; i++)
            square += pow(x->v[at(x, b, c, 0, 0) + (size_t)i] - *mean, 2);
    *rstd = 1 / sqrt(square / n + EPS);
}

/* Normalisation and ReLU. */
static struct tensor norm(const struct tensor *x, const struct param *gamma,
                          const struct param *beta)
{
    struct tensor y = tensor(x->n, x->c, x->h, x->w);
    for (int c = 0; c < x->c; c++) {
        double mean, rstd;
        moments(x, c, &mean, &rstd);
        for (int b = 0; b < x->n; b++)
            for (int i = 0; i < x->h * x->w; i++) {
                size_t k = at(x, b, c, 0, 0) + (size_t)i;
                y.v[k] = fmax(0, gamma->v[c] * (x->v[k] - mean) * rstd + beta->v[c]);
            }
    }
    return y;
}

static void norm_back(const struct tensor *y, struct tensor *x, struct param *gamma,
                      struct param *beta)
{
    double n = (double)x->n * x->h * x->w;
    for (int c = 0; c < x->c; c++) {
        double mean, rstd, sum = 0, dot = 0;
        moments(x, c, &mean, &rstd);
        for (int pass = 0; pass < 2; pass++)
            for (int b = 0; b < x->n; b++)
                for (int i = 0; i < x->h * x->w; i++) {
                    size_t k = at(x, b, c, 0, 0) + (size_t)i;
                    double g = y->v[k] > 0 ? y->g[k] : 0, xh = (x->v[k] - mean) * rstd;
                    if (pass)
                        x->g[k] += gamma->v[c] * rstd * (g - (sum + xh * dot) / n);
                    else {
                        sum += g;
                        dot += g * xh;
                    }
                }
        gamma->g[c] += dot;
        beta->g[c] += sum;
    }
}

/* 2 x 2 max pooling; back: gradients go to the first of the largest. */
static struct tensor pool(const struct tensor *x)
{
    struct tensor y = tensor(x->n, x->c, x->h / 2, x->w / 2);
    for (int b = 0; b < y.n; b++)
        for (int c = 0; c < y.c; c++)
            for (int i = 0; i < y.h; i++)
                for (int j = 0; j < y.w; j++) {
                    double most = -INFINITY;
                    for (int k = 0; k < 4; k++)
                        most = fmax(most, x->v[at(x, b, c, 2 * i + k / 2, 2 * j + k % 2)]);
                    y.v[at(&y, b, c, i, j)] = most;
                }
    return y;
}

static void pool_back(const struct tensor *y, struct tensor *x)
{
    for (int b = 0; b < y->n; b++)
        for (int c = 0; c < y->c; c++)
            for (int i = 0; i < y->h; i++)
                for (int j = 0; j < y->w; j++) {
                    int k = 0;
                    while (x->v[at(x, b, c, 2 * i + k / 2, 2 * j + k % 2)] !=
                           y->v[at(y, b, c, i, j)])
                        k++;
                    x->g[at(x, b, c, 2 * i + k / 2, 2 * j + k % 2)] += y->g[at(y, b, c, i, j)];
                }
}

/* Concatenates the channels of a and of b; the backward pass splits the
 * gradient. */
static struct tensor concat(const struct tensor *a, const struct tensor *b)
{
    struct tensor y = tensor(a->n, a->c + b->c, a->h, a->w);
    for (int n = 0; n < y.n; n++)
        for (int c = 0; c < y.c; c++)
            for (int i = 0; i < y.h * y.w; i++)
                y.v[at(&y, n, c, 0, 0) + (size_t)i] =
                    c < a->c ? a->v[at(a, n, c, 0, 0) + (size_t)i]
                             : b->v[at(b, n, c - a->c, 0, 0) + (size_t)i];
    return y;
}

static void concat_back(const struct tensor *y, struct tensor *a, struct tensor *b)
{
    for (int n = 0; n < y->n; n++)
        for (int c = 0; c < y->c; c++)
            for (int i = 0; i < y->h * y->w; i++)
                *(c < a->c ? &a->g[at(a, n, c, 0, 0) + (size_t)i]
                           : &b->g[at(b, n, c - a->c, 0, 0) + (size_t)i]) +=
                    y->g[at(y, n, c, 0, 0) + (size_t)i];
}

/* Convolution, norm and ReLU, twice; takes six parameters. */
struct block {
    struct tensor z[2], a[2];
};

static struct block block(const struct tensor *x, int channels, struct param *p)
{
    struct block k;
    for (int i = 0; i < 2; i++) {
        k.z[i] = conv(i ? &k.a[0] : x, channels, 3, &p[3 * i], NULL);
        k.a[i] = norm(&k.z[i], &p[3 * i + 1], &p[3 * i + 2]);
    }
    return k;
}

static void block_back(struct block *k, struct tensor *x, struct param *p)
{
    for (int i = 1; i >= 0; i--) {
        norm_back(&k->a[i], &k->z[i], &p[3 * i + 1], &p[3 * i + 2]);
        conv_back(&k->z[i], i ? &k->a[0] : x, 3, &p[3 * i], NULL);
        drop(&k->a[i]);
        drop(&k->z[i]);
    }
}

/* The whole network, forward and then backward from gout. The parameters lie in
 * the order of the list: six for each block on the way down and at the bottom,
 * two and six for each level up, two for the head. */
static void unet_loops(struct tensor *x, struct param *p, const double *gout, double *out)
{
    const size_t n = (size_t)BATCH * OUT * HEIGHT * WIDTH;
    struct param *up1 = p + 18, *up0 = p + 26, *last = p + 34;
    struct block down0 = block(x, BASE, p);
    struct tensor half = pool(&down0.a[1]);
    struct block down1 = block(&half, 2 * BASE, p + 6);
    struct tensor quarter = pool(&down1.a[1]);
    struct block bottom = block(&quarter, 4 * BASE, p + 12);
    struct tensor u1 = up(&bottom.a[1], 2 * BASE, &up1[0], &up1[1]),
                  join1 = concat(&u1, &down1.a[1]);
    struct block back1 = block(&join1, 2 * BASE, up1 + 2);
    struct tensor u0 = up(&back1.a[1], BASE, &up0[0], &up0[1]), join0 = concat(&u0, &down0.a[1]);
    struct block back0 = block(&join0, BASE, up0 + 2);
    struct tensor y = conv(&back0.a[1], OUT, 1, &last[0], &last[1]);
    memcpy(out, y.v, n * sizeof *y.v);
    memcpy(y.g, gout, n * sizeof *y.g);
    conv_back(&y, &back0.a[1], 1, &last[0], &last[1]);
    block_back(&back0, &join0, up0 + 2);
    concat_back(&join0, &u0, &down0.a[1]);
    up_back(&u0, &back1.a[1], &up0[0], &up0[1]);
    block_back(&back1, &join1, up1 + 2);
    concat_back(&join1, &u1, &down1.a[1]);
    up_back(&u1, &bottom.a[1], &up1[0], &up1[1]);
    block_back(&bottom, &quarter, p + 12);
    pool_back(&quarter, &down1.a[1]);
    block_back(&down1, &half, p + 6);
    pool_back(&half, &down0.a[1]);
    block_back(&down0, x, p);
    struct tensor *const rest[] = {&half, &quarter, &u1, &join1, &u0, &join0, &y};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        drop(rest[i]);
}

/* ---- the network on a device ---- */

struct result {
    int nparam;
    struct param param[PARAMS];
    double *in, *gout, *out;
};

static struct prism_net *unet(struct prism_dev *dev, enum prism_dtype dtype,
                              struct prismi_net_mode mode)
{
    const struct prismi_unet_params p = {.dtype = dtype,
                                         .height = HEIGHT,
                                         .width = WIDTH,
                                         .in_channels = IN,
                                         .out_channels = OUT,
                                         .base = BASE,
                                         .depth = DEPTH,
                                         .act = PRISM_ACT_RELU};
    struct prism_net *net = NULL;
    mode.batch = BATCH;
    MUST(ctx, prismi_unet_create(dev, &p, &mode, &net));
    return net;
}

static prism_mem give(struct prism_dev *dev, enum prism_dtype dtype, const double *v, size_t n)
{
    prism_mem mem = NULL;
    MUST(ctx, dev->ops->alloc(dev, n * prism_dtype_size(dtype), &mem));
    MUST(ctx, prismi_dev_put(dev, mem, dtype, v, n));
    return mem;
}

/* Values that are exact in F32, so that every type computes from the same
 * ones. */
static double *noise(size_t n, uint32_t seed)
{
    double *v = new_array(n, sizeof(double));
    lcg_fill(v, n, seed);
    return v;
}

static void fill(struct prism_net *net, struct result *r)
{
    r->nparam = net->nparam;
    if (net->nparam != PARAMS)
        abort();
    for (int i = 0; i < net->nparam; i++) {
        const struct prismi_param *p = prismi_net_param(net, i);
        double fan = (double)p->info.dim[1] * p->info.dim[2] * p->info.dim[3];
        double *v = noise(p->info.count, (uint32_t)i + 1);
        for (size_t k = 0; k < p->info.count; k++)
            v[k] = (float)(p->fill == PRISMI_FILL_WEIGHT ? 1.5 * v[k] / sqrt(fan)
                           : p->fill == PRISMI_FILL_ONE  ? 1 + 0.2 * v[k]
                                                         : 0.2 * v[k]);
        MUST(ctx, prismi_dev_put(net->dev, p->info.value, net->dtype, v, p->info.count));
        r->param[i] = (struct param){p->info.count, v, NULL};
    }
}

static struct result run(struct prism_dev *dev, enum prism_dtype dtype)
{
    const size_t in = (size_t)BATCH * IN * HEIGHT * WIDTH,
                 out = (size_t)BATCH * OUT * HEIGHT * WIDTH;
    struct prism_net *net = unet(dev, dtype, (struct prismi_net_mode){0});
    struct result r = {.in = noise(in, 91), .gout = noise(out, 92)};
    prism_mem x = give(dev, dtype, r.in, in), g = give(dev, dtype, r.gout, out);
    fill(net, &r);
    prismi_net_set_input(net, x);
    r.out = nn_forward(net);
    MUST(ctx, prism_net_backward(net, g));
    for (int i = 0; i < r.nparam; i++)
        r.param[i].g = nn_gradient(net, i);
    dev->ops->release(dev, x);
    dev->ops->release(dev, g);
    prism_net_destroy(&net);
    return r;
}

static void drop_result(struct result *r)
{
    for (int i = 0; i < r->nparam; i++) {
        free(r->param[i].v);
        free(r->param[i].g);
    }
    free(r->in);
    free(r->gout);
    free(r->out);
}

/* ---- comparisons ---- */

static void report(bool ok, const char *what, double error, double limit)
{
    tap(ok, "%s # error %.1e, limit %.0e\n", what, error, limit);
}

static double gradient_error(const struct result *a, const struct result *b)
{
    double worst = 0;
    for (int i = 0; i < a->nparam; i++) {
        double e = nn_error(a->param[i].g, b->param[i].g, a->param[i].count);
        if (!(e <= worst))
            worst = e;
    }
    return worst;
}

static void compare(const char *what, const struct result *got, const struct result *want,
                    double limit)
{
    char text[96];
    double e = nn_error(got->out, want->out, (size_t)BATCH * OUT * HEIGHT * WIDTH),
           g = gradient_error(got, want);
    snprintf(text, sizeof text, "%s: output", what);
    report(e <= limit, text, e, limit);
    snprintf(text, sizeof text, "%s: gradients of %d parameters, the worst", what, got->nparam);
    report(g <= limit, text, g, limit);
}

/* The result of the loops on the values of r. */
static struct result reference(const struct result *r)
{
    const size_t in = (size_t)BATCH * IN * HEIGHT * WIDTH,
                 out = (size_t)BATCH * OUT * HEIGHT * WIDTH;
    struct result want = {.nparam = r->nparam,
                          .in = new_array(in, sizeof(double)),
                          .gout = new_array(out, sizeof(double)),
                          .out = new_array(out, sizeof(double))};
    struct tensor x = tensor(BATCH, IN, HEIGHT, WIDTH);
    memcpy(x.v, r->in, in * sizeof *x.v);
    for (int i = 0; i < r->nparam; i++) {
        want.param[i] =
            (struct param){r->param[i].count, new_array(r->param[i].count, sizeof(double)),
                           new_array(r->param[i].count, sizeof(double))};
        memcpy(want.param[i].v, r->param[i].v, r->param[i].count * sizeof(double));
    }
    unet_loops(&x, want.param, r->gout, want.out);
    drop(&x);
    return want;
}

static void check_type(const char *backend, enum prism_dtype dtype, double limit)
{
    const char *name = dtype == PRISM_F64 ? "f64" : "f32";
    char text[64];
    struct prism_dev *dev[2] = {open_dev(ctx, backend, plugin_path, 1),
                                open_dev(ctx, backend, plugin_path, 2)};
    struct result one = run(dev[0], dtype), two = run(dev[1], dtype), want = reference(&one);
    snprintf(text, sizeof text, "%s against loops", name);
    compare(text, &one, &want, limit);
    snprintf(text, sizeof text, "%s, two threads against one", name);
    compare(text, &two, &one, 0);
    for (int i = 0; i < 2; i++)
        prism_dev_close(&dev[i]);
    drop_result(&one);
    drop_result(&two);
    drop_result(&want);
}

static size_t bytes_needed(struct prism_dev *dev, enum prism_dtype dtype, bool inference)
{
    struct prism_dev *plan = NULL;
    MUST(ctx, prismi_planning_dev_open(dev, &plan));
    struct prism_net *net = unet(plan, dtype, (struct prismi_net_mode){.inference = inference});
    size_t bytes = prismi_planning_dev_bytes(plan);
    prism_net_destroy(&net);
    prism_dev_close(&plan);
    return bytes;
}

/* Inference shares memory and still has every skip tensor. */
static void check_inference(const char *backend)
{
    const size_t in = (size_t)BATCH * IN * HEIGHT * WIDTH,
                 out = (size_t)BATCH * OUT * HEIGHT * WIDTH;
    struct prism_dev *dev = open_dev(ctx, backend, plugin_path, 1);
    struct result r = {.nparam = 0};
    struct prism_net *train = unet(dev, PRISM_F32, (struct prismi_net_mode){0});
    struct prism_net *infer =
        unet(dev, PRISM_F32, (struct prismi_net_mode){.inference = true, .values = train->values});
    double *v = noise(in, 91);
    prism_mem x = give(dev, PRISM_F32, v, in);
    fill(train, &r);
    prismi_net_set_input(train, x);
    prismi_net_set_input(infer, x);
    double *want = nn_forward(train), *got = nn_forward(infer);
    report(!memcmp(want, got, out * sizeof *got), "inference gives the bits of training's forward",
           0, 0);
    double share =
        (double)bytes_needed(dev, PRISM_F32, true) / (double)bytes_needed(dev, PRISM_F32, false);
    report(share < 0.5, "inference takes less than half the memory, as a share", share, 0.5);
    dev->ops->release(dev, x);
    free(v);
    free(want);
    free(got);
    for (int i = 0; i < r.nparam; i++)
        free(r.param[i].v);
    prism_net_destroy(&infer);
    prism_net_destroy(&train);
    prism_dev_close(&dev);
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref";
    plugin_path = argc > 2 ? argv[2] : NULL;
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    struct prism_dev *dev = open_dev(ctx, backend, plugin_path, 1);
    if (!dev) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    uint32_t dtypes = dev->caps.dtypes;
    prism_dev_close(&dev);
    if (dtypes & 1u << PRISM_F64)
        check_type(backend, PRISM_F64, 1e-9);
    check_type(backend, PRISM_F32, 2e-5);
    check_inference(backend);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
