/* Decoders that store activations in half precision, on ref: results and
 * gradients close to single precision, the same parameters and files, display
 * in single precision, and the outer product that is never stored. A plain
 * program. */
#include "nn_test.h"
#include "support/tap.h"

static struct prism_ctx *ctx;
static struct prism_dev *dev;

static void report(bool ok, const char *what, double error, double limit)
{
    tap(ok, "%s # %.2e, limit %.0e\n", what, error, limit);
}

static void check(const char *what, double error, double limit)
{
    report(error <= limit, what, error, limit);
}

static void require(bool ok, const char *what)
{
    report(ok, what, !ok, 0);
}

static const struct prism_decoder_params wide = {
    .grid_size = 64, .obj_size = 64, .min_channels = 8, .output_activation = PRISM_OUTPUT_SIGMOID};

static struct prism_net *decoder(enum prism_dtype store)
{
    struct prism_decoder_params p = wide;
    p.store = store;
    struct prism_net *net = nn_decoder(dev, p);
    MUST(ctx, prism_net_init(net, 3));
    return net;
}

/* |a - b| / |b| */
static double distance(const double *a, const double *b, size_t n)
{
    double diff = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        diff += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(diff / size);
}

/* Runs a forward pass, and a backward pass of the gradient `scale` g. */
static double *run(struct prism_net *net, double scale)
{
    size_t n = nn_out_count(net);
    double *g = new_array(n, sizeof(double)), *out = nn_forward(net);
    prism_mem gout;
    lcg_fill(g, n, 5);
    for (size_t i = 0; i < n; i++)
        g[i] *= scale;
    MUST(ctx, dev->ops->alloc(dev, n * sizeof *g, &gout));
    MUST(ctx, prismi_dev_put(dev, gout, PRISM_F32, g, n));
    MUST(ctx, prism_net_backward(net, gout));
    dev->ops->release(dev, gout);
    free(g);
    return out;
}

/* The largest distance of a parameter's gradient from that of the network in
 * single precision, for a cotangent of the given size. */
static double gradient_distance(struct prism_net *half, struct prism_net *single, double scale)
{
    double worst = 0;
    free(run(single, scale));
    free(run(half, scale));
    for (int i = 0; i < half->nparam; i++) {
        double *a = nn_gradient(half, i), *b = nn_gradient(single, i);
        double e = distance(a, b, prismi_net_param(half, i)->info.count);
        if (!(e <= worst))
            worst = e;
        free(a);
        free(b);
    }
    return worst;
}

/* One rounding is 2^-9 (bf16) or 2^-12 (f16) of a value, and some ten layers
 * round every value two or three times. For the gradients of a random cotangent
 * the few ReLUs that change sides weigh more: 10 % and 5 %. A wrong formula is
 * off by 1. */
static void near_single(enum prism_dtype store, const char *name, double limit, double grad_limit)
{
    struct prism_net *single = decoder(PRISM_F32), *half = decoder(store);
    double *want = nn_forward(single), *got = nn_forward(half);
    char what[64];
    snprintf(what, sizeof what, "%s output", name);
    check(what, distance(got, want, nn_out_count(half)), limit);
    snprintf(what, sizeof what, "%s gradients, the worst parameter", name);
    check(what, gradient_distance(half, single, 1), grad_limit);
    double tiny = gradient_distance(half, single, 1e-7);
    snprintf(what, sizeof what, "%s gradients of a tiny cotangent %s", name,
             store == PRISM_F16 ? "are lost: hence the scaling" : "too");
    report(store == PRISM_F16 ? tiny > 0.5 : tiny <= grad_limit, what, tiny, grad_limit);
    free(want);
    free(got);
    prism_net_destroy(&single);
    prism_net_destroy(&half);
}

static void same_parameters(void)
{
    struct prism_net *a = decoder(PRISM_F32), *b = decoder(PRISM_F16);
    bool same = a->nparam == b->nparam && a->slab_count == b->slab_count;
    int casts = 0, stored = 0;
    for (int i = 0; i < a->nparam && same; i++) {
        const struct prismi_param *p = prismi_net_param(a, i), *q = prismi_net_param(b, i);
        same &= !strcmp(p->info.name, q->info.name) && p->offset == q->offset;
    }
    require(same, "names and places of parameters do not depend on the storage");
    double *v = nn_get(a, a->values, a->slab_count), *w = nn_get(b, b->values, b->slab_count);
    require(!memcmp(v, w, a->slab_count * sizeof *v), "nor do their initial values");
    for (int i = 0; i < b->nlayers; i++) {
        const struct prismi_layer *l = &b->layer[i];
        casts += l->dtype != l->in_dtype;
        stored += l->dtype == PRISM_F16 && l->in_dtype == PRISM_F16;
    }
    require(casts == 2 && stored == 2 * (b->params.n_channels - 2),
            "all but the first and the last convolution store half");
    free(v);
    free(w);
    prism_net_destroy(&a);
    prism_net_destroy(&b);
}

static void nothing_between(void)
{
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.store = PRISM_BF16,
                                                      .grid_size = 8,
                                                      .obj_size = 8,
                                                      .n_channels = 2,
                                                      .channels = {4, 1},
                                                      .output_activation = PRISM_OUTPUT_NONE});
    size_t largest;
    MUST(ctx, prism_net_init(net, 1));
    free(nn_forward(net));
    require(net->store == PRISM_F32 && !net->half_count,
            "two convolutions leave none between them");
    MUST(ctx, prismi_decoder_largest_half(ctx, &net->params, &largest));
    require(largest == 0, "and no activation to store");
    prism_net_destroy(&net);
    struct prism_decoder_params p = wide;
    p.store = PRISM_F16;
    MUST(ctx, prismi_decoder_largest_half(ctx, &p, &largest));
    require(largest == 8 * 64 * 64, "64/64 stores 8 channels of 64 x 64");
}

static void refused(struct prism_decoder_params p, int status, const char *word)
{
    struct prism_net *net = NULL;
    bool ok = prism_decoder_create(dev, &p, &net) == status && !net &&
              strstr(prism_ctx_error(ctx)->text, word);
    printf("# %s\n", prism_ctx_error(ctx)->text);
    require(ok, word);
}

static void refusals(void)
{
    struct prism_decoder_params p = wide;
    p.store = PRISM_BF16;
    p.no_norm = true;
    refused(p, PRISM_EINVAL, "no_norm");
    p.no_norm = false;
    p.dtype = PRISM_F64;
    refused(p, PRISM_EINVAL, "dtype f32");
    p.dtype = PRISM_F32;
    p.store = PRISM_I32;
    refused(p, PRISM_EINVAL, "store 4");
    p.store = PRISM_F16;
    dev->caps.dtypes &= ~(1u << PRISM_F16);
    refused(p, PRISM_ENOTSUP, "f16 is not a type");
    dev->caps.dtypes |= 1u << PRISM_F16;
}

/* The display of a half network equals the output of a single network with the
 * same values, and training does not depend on the display. */
static void shown(void)
{
    struct prism_net *single = decoder(PRISM_F32), *half = decoder(PRISM_BF16), *show = NULL;
    size_t n = nn_out_count(half), nr = half->running_count;
    double *want = nn_forward(single), *own = nn_forward(half),
           *before = nn_get(half, half->running, nr);
    MUST(ctx, prismi_decoder_show(half, &show));
    double *got = nn_forward(show), *after = nn_get(half, half->running, nr);
    require(!memcmp(got, want, n * sizeof *got) && memcmp(own, want, n * sizeof *own),
            "the network that shows is in single precision");
    require(!memcmp(before, after, nr * sizeof *before), "and leaves the running statistics alone");
    double *first = nn_get(half, half->values, 1), moved = *first + 0.25;
    MUST(ctx, prismi_dev_put(dev, half->values, PRISM_F32, &moved, 1));
    MUST(ctx, prismi_dev_put(dev, single->values, PRISM_F32, &moved, 1));
    double *want2 = nn_forward(single), *got2 = nn_forward(show);
    require(!memcmp(got2, want2, n * sizeof *got) && memcmp(got2, got, n * sizeof *got),
            "and follows the values");
    double *const all[] = {want, own, before, got, after, first, want2, got2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    prism_net_destroy(&show);
    prism_net_destroy(&half);
    prism_net_destroy(&single);
}

static void folded(void)
{
    struct prism_net *single = decoder(PRISM_F32), *half = decoder(PRISM_F16), *a = NULL, *b = NULL;
    size_t n = nn_out_count(half);
    for (int i = 0; i < 3; i++)
        free(nn_forward(half));
    MUST(ctx,
         dev->ops->copy(dev, single->running, half->running, half->running_count * sizeof(float)));
    MUST(ctx, prism_net_fold(single, &a));
    MUST(ctx, prism_net_fold(half, &b));
    double *want = nn_forward(a), *got = nn_forward(b);
    require(!memcmp(want, got, n * sizeof *got),
            "a half network folds into the same as a single one");
    free(want);
    free(got);
    prism_net_destroy(&a);
    prism_net_destroy(&b);
    prism_net_destroy(&half);
    prism_net_destroy(&single);
}

/* The segments cover the values in order; the one without a gradient is an
 * outer product. */
static void segments(void)
{
    for (int no_norm = 0; no_norm < 2; no_norm++) {
        struct prism_decoder_params p = {
            .grid_size = 16, .obj_size = 12, .no_norm = no_norm, ORIGINAL};
        struct prism_net *net = nn_decoder(dev, p);
        struct prism_segment s[PRISM_MAX_SEGMENTS];
        prism_mem values;
        size_t at = 0, count;
        MUST(ctx, prism_net_init(net, 2));
        prism_net_values(net, &values, &count);
        int n = prism_net_segments(net, s, PRISM_MAX_SEGMENTS);
        bool ok = n == 3 && prism_net_segments(net, s, 1) == 3 && !s[1].grad && s[1].rows == 16 &&
                  s[1].cols == 8 * 16;
        for (int i = 0; i < n; i++) {
            ok &= s[i].offset == at && s[i].value == values + at * sizeof(float) &&
                  (i == 1 || s[i].grad);
            at += s[i].count;
        }
        require(ok && at == count, no_norm ? "segments without norm" : "segments");
        free(run(net, 1));
        double *a = nn_get(net, s[1].a, s[1].rows), *b = nn_get(net, s[1].b, s[1].cols),
               *g = nn_gradient(net, 1), worst = 0;
        for (size_t r = 0; r < s[1].rows; r++)
            for (size_t c = 0; c < s[1].cols; c++)
                worst = fmax(worst, fabs(g[r * s[1].cols + c] - (double)(float)(a[r] * b[c])));
        check("gradient of the first convolution is the outer product", worst, 0);
        free(a);
        free(b);
        free(g);
        prism_net_destroy(&net);
    }
}

int main(void)
{
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    dev = open_dev(ctx, "ref", NULL, 1);
    near_single(PRISM_BF16, "bf16", 5e-3, 0.2);
    near_single(PRISM_F16, "f16", 7e-4, 0.1);
    same_parameters();
    nothing_between();
    refusals();
    shown();
    folded();
    segments();
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
