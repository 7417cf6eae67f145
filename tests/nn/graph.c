/* Lists of nodes that are no chain: what shares memory, what inference makes
 * of them. Gradients are in checkgrad.c. A plain program. */
#include "nn_test.h"

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static int ncase, nfailed;

static void require(bool ok, const char *what)
{
    nfailed += !ok;
    printf("%sok %d - %s\n", ok ? "" : "not ", ++ncase, what);
}

/* ---- lives ---- */

static bool apart(const struct prismi_life *a, const struct prismi_life *b)
{
    bool meet = a->first <= b->last && b->first <= a->last;
    return !a->bytes || !b->bytes || !meet || a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
}

static void random_lives(void)
{
    enum { N = 40 };
    size_t all = 0, packed = 0;
    bool ok = true;
    for (uint64_t round = 0; round < 200; round++) {
        struct prismi_life life[N];
        for (uint64_t i = 0; i < N; i++) {
            int first = (int)prismi_rng_below(1, round, 3 * i, N);
            life[i] = (struct prismi_life){.bytes = prismi_rng_below(1, round, 3 * i + 1, 5000),
                                           .first = first,
                                           .last = first + (int)prismi_rng_below(1, round, 3 * i + 2, 6)};
        }
        size_t total = prismi_lives_pack(life, N);
        for (int i = 0; i < N; i++) {
            ok &= !life[i].bytes || (life[i].offset % 64 == 0 && life[i].offset + life[i].bytes <= total);
            for (int k = 0; k < i; k++)
                ok &= apart(&life[i], &life[k]);
            all += life[i].bytes;
        }
        packed += total;
    }
    require(ok, "tensors whose lives meet share no byte");
    require(2 * packed < all, "others share");
}

/* In a chain every tensor meets the two beside it: as much as the largest pair. */
static void chain_of_lives(void)
{
    static const size_t kib[] = {1, 4, 16, 64, 32, 32, 8, 1};
    enum { N = sizeof kib / sizeof *kib };
    struct prismi_life life[N];
    for (int i = 0; i < N; i++)
        life[i] = (struct prismi_life){.bytes = kib[i] * 1024, .first = i, .last = i + 1};
    require(prismi_lives_pack(life, N) == (64 + 32) * 1024, "a chain takes its largest pair of neighbours");
}

/* ---- inference ---- */

static struct prismi_layer conv(int cout, bool bias)
{
    return prismi_layer_conv(&(struct prismi_conv_shape){.cout = cout, .k = 3, .stride = 1, .pad = 1, .bias = bias});
}

/* A residual whose skip spans four nodes, and one activation that its
 * convolution may apply and one that it may not, for it has another reader. */
static int residual(struct prismi_layer list[])
{
    int n = 0;
    list[n++] = prismi_layer_input(2, 9, 11);
    list[n++] = conv(6, true);
    list[n++] = prismi_layer_act(PRISM_ACT_RELU);
    list[n++] = conv(5, false);
    list[n++] = prismi_layer_norm(PRISM_ACT_RELU);
    list[n++] = conv(6, true);
    list[n++] = prismi_layer_act(PRISM_ACT_LEAKY);
    list[n++] = prismi_layer_add(2);
    list[n++] = prismi_layer_add(6);
    list[n++] = conv(2, true);
    return n;
}

static struct prism_net *make(bool inference, prism_mem values)
{
    struct prismi_layer list[16];
    struct prism_net *net = NULL;
    int n = residual(list);
    MUST(ctx, prismi_net_create(dev, PRISM_F64, list, n, &(struct prismi_net_mode){.inference = inference, .values = values},
                                &net));
    return net;
}

static size_t activation_bytes(const struct prism_net *net)
{
    for (int i = 0; i < net->arena.n; i++)
        if (net->arena.slots[i].out == &net->activations)
            return net->arena.slots[i].bytes;
    return 0;
}

static void inference(void)
{
    struct prism_net *train = make(false, NULL), *infer = make(true, train->values);
    size_t n = prismi_layer_count(train->layer[0].out);
    double *v = nn_new(n);
    prism_mem x = NULL, out;
    int absorbed = 0;
    MUST(ctx, prism_net_init(train, 3));
    require(prism_net_forward(train, &out) == PRISM_EINVAL && strstr(prism_ctx_error(ctx)->text, "no input"),
            "a forward without an input is refused");
    nn_lcg(v, n, 4);
    MUST(ctx, dev->ops->alloc(dev, n * sizeof *v, &x));
    MUST(ctx, prismi_dev_put(dev, x, PRISM_F64, v, n));
    prismi_net_set_input(train, x);
    prismi_net_set_input(infer, x);
    double *want = nn_forward(train), *got = nn_forward(infer);
    require(!memcmp(want, got, nn_out_count(train) * sizeof *want), "inference gives the bits of training's forward");
    for (int i = 0; i < infer->nlayers; i++)
        absorbed += infer->layer[i].absorbed;
    require(absorbed == 1 && infer->layer[2].absorbed, "an activation is absorbed where nothing else reads the convolution");
    double *kept = nn_get(train, x, n);
    MUST(ctx, prism_net_backward(train, out = train->layer[train->nlayers - 1].y));
    double *after = nn_get(train, x, n);
    require(!memcmp(kept, v, n * sizeof *v) && !memcmp(after, v, n * sizeof *v), "the caller's input is only read");
    /* at the first sum: the skip, what it reads, and what it writes, 6 planes of 9 x 11 each */
    const size_t plane6 = (6 * 9 * 11 * sizeof(double) + 63) / 64 * 64;
    printf("# activations: training %zu bytes, inference %zu\n", activation_bytes(train), activation_bytes(infer));
    require(activation_bytes(infer) == 4 * plane6, "inference keeps what is still to be read, and nothing else");
    require(activation_bytes(train) > activation_bytes(infer), "training keeps everything");
    dev->ops->release(dev, x);
    free(v);
    free(want);
    free(got);
    free(kept);
    free(after);
    prism_net_destroy(&infer);
    prism_net_destroy(&train);
}

int main(void)
{
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    dev = nn_open(ctx, "ref", 1);
    random_lives();
    chain_of_lives();
    inference();
    printf("1..%d\n", ncase);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return nfailed ? 1 : 0;
}
