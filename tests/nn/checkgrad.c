/* Gradients of every layer kind and of whole small decoders, in double on the
 * built-in backend argv[1], against central differences of a random linear
 * functional of the output. The program needs no check library, so that it runs
 * in every build.
 *
 * The best of three step sizes counts: rounding spoils small steps, curvature
 * and crossed kinks spoil large ones, and no step size makes a wrong gradient
 * agree. */
#include "nn_test.h"
#include "support/tap.h"

static const double LIMIT = 1e-7;

static struct prism_ctx *ctx;
static struct prism_dev *dev;

static void random_fill(double *v, size_t n, uint64_t stream)
{
    for (size_t i = 0; i < n; i++)
        v[i] = prismi_rng_normal(77, 900 + stream, i);
}

/* Parameters of order 1; positive biases keep every ReLU alive somewhere. */
static void fill(struct prism_net *net)
{
    for (int p = 0; p < net->nparam; p++) {
        const struct prismi_param *t = prismi_net_param(net, p);
        double *v = new_array(t->info.count, sizeof(double)),
               std = 1.5 / sqrt((double)t->info.dim[0] * t->info.dim[2] * t->info.dim[3] / 2);
        random_fill(v, t->info.count, 100 + (uint64_t)p);
        for (size_t i = 0; i < t->info.count; i++)
            v[i] = t->fill == PRISMI_FILL_NORMAL   ? v[i]
                   : t->fill == PRISMI_FILL_WEIGHT ? std * v[i]
                   : t->fill == PRISMI_FILL_ONE    ? 1 + 0.1 * v[i]
                                                   : 0.4 * fabs(v[i]);
        MUST(ctx, prismi_dev_put(dev, t->info.value, PRISM_F64, v, t->info.count));
        free(v);
    }
}

static double functional(struct prism_net *net, const double *r)
{
    double sum = 0, *v = nn_forward(net);
    for (size_t i = 0; i < nn_out_count(net); i++)
        sum += r[i] * v[i];
    free(v);
    return sum;
}

/* Derivative of the functional along d in parameter p, central difference of
 * step h. */
static double difference(struct prism_net *net, const double *r, const struct prismi_param *p,
                         const double *p0, const double *d, double h)
{
    size_t n = p->info.count;
    double f[2], *v = new_array(n, sizeof(double));
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            v[i] = p0[i] + (side ? h : -h) * d[i];
        MUST(ctx, prismi_dev_put(dev, p->info.value, PRISM_F64, v, n));
        f[side] = functional(net, r);
    }
    MUST(ctx, prismi_dev_put(dev, p->info.value, PRISM_F64, p0, n));
    free(v);
    return (f[1] - f[0]) / (2 * h);
}

/* Error of the gradient g along the unit vector d, relative to the gradient's
 * length. */
static double error_along(struct prism_net *net, const double *r, const struct prismi_param *p,
                          const double *p0, const double *g, const double *d, double scale)
{
    static const double step[] = {1e-4, 1e-5, 1e-6};
    double want = 0, best = INFINITY;
    for (size_t i = 0; i < p->info.count; i++)
        want += g[i] * d[i];
    for (int k = 0; k < 3 && best > LIMIT / 10; k++)
        best = fmin(best, fabs(difference(net, r, p, p0, d, step[k]) - want) / scale);
    return best;
}

/* Checks a random direction and single entries of one parameter. A gradient
 * that is zero everywhere tests nothing and counts as an error. */
static double param_error(struct prism_net *net, const double *r, const struct prismi_param *p,
                          const double *g)
{
    size_t n = p->info.count;
    double *p0 = nn_get(net, p->info.value, n), *d = new_array(n, sizeof(double)), norm = 0,
           scale = 0, worst = 0;
    random_fill(d, n, p->offset + 1);
    for (size_t i = 0; i < n; i++) {
        norm += d[i] * d[i];
        scale += g[i] * g[i];
    }
    for (size_t i = 0; i < n; i++)
        d[i] /= sqrt(norm);
    scale = sqrt(scale);
    worst = scale > 0 ? error_along(net, r, p, p0, g, d, scale) : INFINITY;
    for (size_t k = 0; k < 3 && k < n && scale > 0; k++) {
        memset(d, 0, n * sizeof *d);
        d[(k * 7919 + 1) % n] = 1;
        worst = fmax(worst, error_along(net, r, p, p0, g, d, scale));
    }
    free(p0);
    free(d);
    return worst;
}

/* Values for the network's input, which the caller releases; NULL if the
 * network has no input. */
static prism_mem give_input(struct prism_net *net)
{
    prism_mem x = NULL;
    if (!prismi_layer_is_input(net->layer))
        return NULL;
    size_t n = prismi_layer_outputs(&net->layer[0]);
    double *v = new_array(n, sizeof(double));
    random_fill(v, n, 50);
    MUST(ctx, dev->ops->alloc(dev, n * sizeof *v, &x));
    MUST(ctx, prismi_dev_put(dev, x, PRISM_F64, v, n));
    prismi_net_set_input(net, x);
    free(v);
    return x;
}

static void check_net(struct prism_net *net, const char *name)
{
    size_t n = nn_out_count(net);
    prism_mem in = give_input(net);
    double *r = new_array(n, sizeof(double)), worst = 0;
    const char *where = "gradient", *worst_name = "";
    prism_mem gout = NULL, out;
    fill(net);
    random_fill(r, n, 0);
    MUST(ctx, dev->ops->alloc(dev, n * sizeof(double), &gout));
    MUST(ctx, prismi_dev_put(dev, gout, PRISM_F64, r, n));
    MUST(ctx, prism_net_forward(net, &out));
    MUST(ctx, prism_net_backward(net, gout));
    double *kept = nn_get(net, gout, n);
    if (memcmp(kept, r, n * sizeof *r)) {
        where = "the caller's gradient was overwritten";
        worst = INFINITY;
    }
    double **g = calloc((size_t)net->nparam, sizeof *g); /* all before the next forward */
    for (int i = 0; i < net->nparam; i++)
        g[i] = nn_gradient(net, i);
    for (int i = 0; i < net->nparam; i++) {
        double e = param_error(net, r, prismi_net_param(net, i), g[i]);
        free(g[i]);
        if (!(e <= worst)) {
            worst = e;
            worst_name = prismi_net_param(net, i)->info.name;
        }
    }
    bool ok = worst <= LIMIT;
    tap(ok, "%s # %s %s error %.1e, limit %.0e\n", name, where, worst_name, worst, LIMIT);
    dev->ops->release(dev, gout);
    if (in)
        dev->ops->release(dev, in);
    free(g);
    free(kept);
    free(r);
    prism_net_destroy(&net);
}

static struct prismi_layer conv(int cout, int k, int stride, int pad, bool transposed, bool bias)
{
    struct prismi_conv_shape c = {
        .cout = cout, .k = k, .stride = stride, .pad = pad, .transposed = transposed, .bias = bias};
    return prismi_layer_conv(&c);
}

/* latent -> 4x4 map of 3 channels -> the layer -> a convolution, so that
 * parameters lie on both sides. (No bias before a norm, which would take it
 * away.) */
static void check_layer(struct prismi_layer layer, const char *name)
{
    struct prismi_layer list[] = {prismi_layer_latent(5), conv(3, 4, 1, 0, true, false), layer,
                                  conv(2, 3, 1, 1, false, false)};
    struct prism_net *net = NULL;
    MUST(ctx, prismi_net_create(dev, PRISM_F64, list, 4,
                                &(struct prismi_net_mode){.inference = false}, &net));
    check_net(net, name);
}

static void check_layers(void)
{
    char name[96];
    for (int i = 0; i < 16; i++) {
        bool transposed = i & 1, bias = i & 2;
        int k = i & 4 ? 4 : 3, pad = i & 8 ? 1 : 0;
        for (int stride = 1; stride < 3; stride++) {
            snprintf(name, sizeof name, "conv k%ds%dp%d%s%s", k, stride, pad,
                     transposed ? " transposed" : "", bias ? " bias" : "");
            check_layer(conv(4, k, stride, pad, transposed, bias), name);
        }
    }
    for (int act = 0; act < PRISM_ACT_COUNT; act++) {
        snprintf(name, sizeof name, "norm act %d", act);
        check_layer(prismi_layer_norm((enum prism_act)act), name);
        snprintf(name, sizeof name, "act %d", act);
        check_layer(prismi_layer_act((enum prism_act)act), name);
    }
    for (int size = 1; size < 8; size++) {
        snprintf(name, sizeof name, "window 4 to %d", size);
        check_layer(prismi_layer_window(size), name);
    }
}

/* The distance to the node that the layer reads. */
static struct prismi_layer back(int n, struct prismi_layer layer)
{
    layer.from[0] = n;
    return layer;
}

static void check_list(int batch, const struct prismi_layer *list, int n, const char *name)
{
    struct prism_net *net = NULL;
    MUST(ctx, prismi_net_create(dev, PRISM_F64, list, n, &(struct prismi_net_mode){.batch = batch},
                                &net));
    check_net(net, name);
}
#define CHECK_BATCH(batch, name, ...)                                                              \
    do {                                                                                           \
        const struct prismi_layer list_[] = {__VA_ARGS__};                                         \
        check_list(batch, list_, (int)(sizeof list_ / sizeof *list_), name);                       \
    } while (0)
#define CHECK_LIST(name, ...) CHECK_BATCH(1, name, __VA_ARGS__)

/* Graphs in which a tensor has several readers, or the caller owns the
 * input. */
static void check_graphs(void)
{
    const struct prismi_layer relu = prismi_layer_act(PRISM_ACT_RELU),
                              tanh = prismi_layer_act(PRISM_ACT_TANH);
    const struct prismi_layer latent = prismi_layer_latent(5),
                              start = conv(3, 4, 1, 0, true, false);
    const struct prismi_layer same = conv(3, 3, 1, 1, false, true),
                              end = conv(2, 3, 1, 1, false, false);
    CHECK_LIST("residual", latent, start, same, relu, prismi_layer_add(3), end);
    CHECK_LIST("twice the same", latent, start, tanh, prismi_layer_add(1), end);
    CHECK_LIST("three readers", latent, start, same, tanh, prismi_layer_add(3), back(4, same),
               prismi_layer_add(2), end);
    CHECK_LIST("two norms of one tensor", latent, start, prismi_layer_norm(PRISM_ACT_TANH),
               back(2, prismi_layer_norm(PRISM_ACT_SIGMOID)), prismi_layer_add(2), end);
    CHECK_LIST("norm of a convolution with a reader behind it", latent, start,
               prismi_layer_norm(PRISM_ACT_TANH), prismi_layer_add(2), end);
    CHECK_LIST("norm of a norm", latent, start, prismi_layer_norm(PRISM_ACT_RELU),
               prismi_layer_norm(PRISM_ACT_TANH), end);
    CHECK_LIST("latent with two readers", latent, conv(5, 1, 1, 0, false, true),
               prismi_layer_add(2), start, tanh, end);
    CHECK_LIST("input", prismi_layer_input(3, 5, 7), same, tanh, end);
    CHECK_LIST("input with two readers", prismi_layer_input(3, 5, 7), same, tanh,
               prismi_layer_add(3), end);
    CHECK_LIST("norm of the input", prismi_layer_input(3, 5, 7), prismi_layer_norm(PRISM_ACT_TANH),
               prismi_layer_add(2), end);
}

static void check_dense(void)
{
    const struct prismi_layer relu = prismi_layer_act(PRISM_ACT_RELU),
                              tanh = prismi_layer_act(PRISM_ACT_TANH);
    CHECK_LIST("dense", prismi_layer_input(5, 1, 1), prismi_layer_dense(4), relu,
               prismi_layer_dense(2));
    CHECK_BATCH(3, "dense, batch 3", prismi_layer_input(5, 1, 1), prismi_layer_dense(4), relu,
                prismi_layer_dense(2));
    CHECK_BATCH(3, "dense over an image, batch 3", prismi_layer_input(2, 3, 5),
                prismi_layer_dense(7), tanh, prismi_layer_dense(7), prismi_layer_add(2),
                prismi_layer_dense(1));
    for (int hidden = 0; hidden < 4; hidden += 3) {
        const struct prismi_mlp_params p = {.dtype = PRISM_F64,
                                            .inputs = 5,
                                            .outputs = 2,
                                            .n_hidden = hidden,
                                            .hidden = {6, 4, 3},
                                            .act = PRISM_ACT_TANH};
        struct prism_net *net = NULL;
        MUST(ctx, prismi_mlp_create(dev, &p, &(struct prismi_net_mode){.batch = 32}, &net));
        check_net(net, hidden ? "three hidden layers, batch 32" : "no hidden layer, batch 32");
    }
}

/* The layer between two convolutions, over pictures of 5 x 7, for a batch of
 * one and of three. */
static void check_planes(struct prismi_layer layer, const char *name)
{
    char text[96];
    for (int batch = 1; batch < 4; batch += 2) {
        snprintf(text, sizeof text, "%s, batch %d", name, batch);
        CHECK_BATCH(batch, text, prismi_layer_input(2, 5, 7), conv(3, 3, 1, 1, false, false), layer,
                    conv(2, 3, 1, 1, false, true));
    }
}

static void check_batches(void)
{
    const struct prismi_layer input = prismi_layer_input(2, 5, 7),
                              tanh = prismi_layer_act(PRISM_ACT_TANH);
    const struct prismi_layer same = conv(3, 3, 1, 1, false, true),
                              end = conv(2, 3, 1, 1, false, false);
    check_planes(conv(4, 3, 2, 1, false, true), "conv k3s2p1 bias");
    check_planes(conv(4, 2, 2, 0, true, true), "conv k2s2p0 transposed bias");
    check_planes(conv(4, 1, 1, 0, false, true), "conv k1s1p0 bias");
    check_planes(prismi_layer_norm(PRISM_ACT_RELU), "norm");
    check_planes(prismi_layer_act(PRISM_ACT_LEAKY), "act");
    check_planes(prismi_layer_window(4), "window to 4");
    check_planes(prismi_layer_window(9), "window to 9");
    check_planes(prismi_layer_pool(PRISM_POOL_MAX, 2, 2, 0), "max pool k2s2p0");
    check_planes(prismi_layer_pool(PRISM_POOL_MAX, 3, 2, 1), "max pool k3s2p1");
    check_planes(prismi_layer_pool(PRISM_POOL_MEAN, 2, 2, 0), "mean pool k2s2p0");
    check_planes(prismi_layer_pool(PRISM_POOL_MEAN, 3, 1, 1), "mean pool k3s1p1");
    check_planes(prismi_layer_concat(1), "concat with itself");
    CHECK_BATCH(3, "concat of two, batch 3", input, same, tanh, conv(4, 3, 1, 1, false, true),
                prismi_layer_concat(2), end);
    CHECK_BATCH(3, "concat with the input, batch 3", input, same, prismi_layer_concat(2), end);
    CHECK_BATCH(3, "input before a skip, batch 3", input, back(1, same), back(2, same),
                prismi_layer_concat(2), tanh, end);
    CHECK_BATCH(3, "two norms of one tensor, batch 3", input, end,
                prismi_layer_norm(PRISM_ACT_TANH), back(2, prismi_layer_norm(PRISM_ACT_SIGMOID)),
                prismi_layer_add(2), end);
    const struct prismi_unet_params p = {.dtype = PRISM_F64,
                                         .height = 8,
                                         .width = 12,
                                         .in_channels = 2,
                                         .out_channels = 2,
                                         .base = 2,
                                         .depth = 2,
                                         .act = PRISM_ACT_TANH};
    struct prism_net *net = NULL;
    MUST(ctx, prismi_unet_create(dev, &p, &(struct prismi_net_mode){.batch = 3}, &net));
    check_net(net, "U-Net of depth 2, batch 3");
}

static void check_decoders(void)
{
    static const struct {
        int obj, up;
        const char *what;
    } shape[] = {{8, 0, "exact"}, {5, 0, "crop"}, {7, 0, "crop or pad"}, {15, 1, "pad"}};
    char name[96];
    for (int act = 0; act < PRISM_OUTPUT_COUNT; act++)
        for (int i = 0; i < 4; i++)
            for (int s = 0; s < 4; s++) {
                struct prism_decoder_params p = {.dtype = PRISM_F64,
                                                 .grid_size = 16,
                                                 .obj_size = shape[s].obj,
                                                 .n_upsample = shape[s].up,
                                                 .latent_channels = 8,
                                                 .n_channels = 4,
                                                 .channels = {4, 3, 2, 1},
                                                 .output_activation = (enum prism_output)act,
                                                 .no_norm = i & 1,
                                                 .frame = i & 2};
                snprintf(name, sizeof name, "decoder act %d%s%s, %s", act,
                         p.no_norm ? " no norm" : "", p.frame ? " frame" : " padded",
                         shape[s].what);
                check_net(nn_decoder(dev, p), name);
            }
    check_net(nn_decoder(dev,
                         (struct prism_decoder_params){
                             .dtype = PRISM_F64, .grid_size = 16, .obj_size = 16, ORIGINAL}),
              "decoder 16/16");
    check_net(nn_decoder(dev, (struct prism_decoder_params){.dtype = PRISM_F64,
                                                            .grid_size = 8,
                                                            .obj_size = 8,
                                                            .latent_channels = 4,
                                                            ORIGINAL}),
              "decoder with a single-channel tail");
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref";
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    dev = open_dev(ctx, backend, NULL, 1);
    check_layers();
    check_graphs();
    check_dense();
    check_batches();
    check_decoders();
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
