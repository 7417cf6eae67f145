/* Forward and backward of decoders on a backend in f32 against ref in f64, and
 * the same bits for one and two threads. Arguments: the backend, the folder of
 * its plugin. */
#include "nn_test.h"
#include "support/tap.h"

static struct prism_ctx *ctx;
static const char *plugin_path;
static const double LIMIT = 2e-5;
static const double HALF_LIMIT =
    0.1; /* sums in another order round differently, and a few ReLUs then change sides */

struct result {
    double *out, *grads;
    size_t nout, ngrads;
};

static struct result run(const char *backend, int threads, struct prism_decoder_params p,
                         bool plain)
{
    struct prism_dev *dev = NULL;
    struct prism_dev_params open = {
        .backend = backend, .threads = threads, .plain = plain, .plugin_path = plugin_path};
    MUST(ctx, prism_dev_open(ctx, &open, &dev));
    struct prism_net *net = nn_decoder(dev, p);
    struct result r = {.nout = nn_out_count(net), .ngrads = prism_net_param_total(net)};
    prism_mem gout;
    MUST(ctx, prism_net_init(net, 21));
    r.out = nn_forward(net);
    MUST(ctx, dev->ops->alloc(dev, r.nout * sizeof(double), &gout));
    double *g = new_array(r.nout, sizeof(double));
    lcg_fill(g, r.nout, 5);
    MUST(ctx, prismi_dev_put(dev, gout, p.dtype, g, r.nout));
    MUST(ctx, prism_net_backward(net, gout));
    r.grads = new_array(r.ngrads, sizeof(double));
    double *at = r.grads;
    for (int i = 0; i < net->nparam; i++) {
        size_t n = prismi_net_param(net, i)->info.count;
        double *one = nn_gradient(net, i);
        memcpy(at, one, n * sizeof *one);
        at += n;
        free(one);
    }
    dev->ops->release(dev, gout);
    free(g);
    prism_net_destroy(&net);
    prism_dev_close(&dev);
    return r;
}

static void drop(struct result *r)
{
    free(r->out);
    free(r->grads);
}

static void report(bool ok, const char *what, const struct prism_decoder_params *p, double error)
{
    tap(ok, "%s N %d O %d act %d%s%s # error %.1e\n", what, p->grid_size, p->obj_size,
        (int)p->output_activation, p->no_norm ? " no norm" : "", p->frame ? " frame" : "", error);
}

static void compare(const char *what, const struct result *a, const struct result *b,
                    const struct prism_decoder_params *p, double limit)
{
    double error = nn_error(a->out, b->out, b->nout);
    error = fmax(error, nn_error(a->grads, b->grads, b->ngrads));
    report(error <= limit, what, p, error);
}

/* Half storage on the backend against half storage on ref. */
static void check_half(const char *backend, uint32_t dtypes)
{
    static const enum prism_dtype store[] = {PRISM_F16, PRISM_BF16};
    static const char *const name[] = {"f16 against ref's", "bf16 against ref's"};
    for (int i = 0; i < 2; i++) {
        const struct prism_decoder_params p = {.store = store[i],
                                               .grid_size = 64,
                                               .obj_size = 37,
                                               .min_channels = 8,
                                               .output_activation = PRISM_OUTPUT_SIGMOID};
        if (!(dtypes & 1u << store[i])) {
            tap_skip(name[i], "not on this device");
            continue;
        }
        struct result want = run("ref", 1, p, false), one = run(backend, 1, p, false),
                      two = run(backend, 2, p, false);
        compare(name[i], &one, &want, &p, HALF_LIMIT);
        compare("two threads against one", &two, &one, &p, 0);
        drop(&want);
        drop(&one);
        drop(&two);
    }
}

int main(int argc, char **argv)
{
    static const struct prism_decoder_params table[] = {
        {.grid_size = 32, .obj_size = 32, ORIGINAL},
        {.grid_size = 64,
         .obj_size = 37,
         .output_activation = PRISM_OUTPUT_SIGMOID,
         .min_channels = 1},
        {.grid_size = 64,
         .obj_size = 32,
         .frame = true,
         .output_activation = PRISM_OUTPUT_SCALESIGMOID,
         .min_channels = 1},
        {.grid_size = 64,
         .obj_size = 64,
         .no_norm = true,
         .output_activation = PRISM_OUTPUT_TANH,
         .min_channels = 1},
        {.grid_size = 128,
         .obj_size = 128,
         .output_activation = PRISM_OUTPUT_LEAKY,
         .min_channels = 1}};
    const char *backend = argc > 1 ? argv[1] : "ref";
    struct prism_dev *dev = NULL;
    plugin_path = argc > 2 ? argv[2] : NULL;
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    if (prism_dev_open(ctx,
                       &(struct prism_dev_params){.backend = backend, .plugin_path = plugin_path},
                       &dev)) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    uint32_t dtypes = dev->caps.dtypes;
    prism_dev_close(&dev);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct prism_decoder_params p = table[i];
        p.dtype = PRISM_F64;
        struct result want = run("ref", 1, p, false);
        p.dtype = PRISM_F32;
        struct result one = run(backend, 1, p, false), two = run(backend, 2, p, false),
                      plain = run(backend, 1, p, true);
        compare("f32 against ref f64", &one, &want, &p, LIMIT);
        compare("plain f32 against ref f64", &plain, &want, &p, LIMIT);
        compare("two threads against one", &two, &one, &p, 0);
        drop(&one);
        drop(&two);
        drop(&plain);
        drop(&want);
    }
    check_half(backend, dtypes);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
