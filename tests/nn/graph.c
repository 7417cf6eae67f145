/* Networks that are no decoder: shared memory, inference, names, initial
 * weights, files, folding. Gradients are in checkgrad.c. A plain program. */
#include "nn_test.h"
#include "support/tap.h"

#include <unistd.h>

static struct prism_ctx *ctx;
static struct prism_dev *dev;

static void require(bool ok, const char *what)
{
    tap(ok, "%s\n", what);
}

/* ---- lives ---- */

static bool apart(const struct prismi_life *a, const struct prismi_life *b)
{
    bool meet = a->first <= b->last && b->first <= a->last;
    return !a->bytes || !b->bytes || !meet || a->offset + a->bytes <= b->offset ||
           b->offset + b->bytes <= a->offset;
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
            life[i] =
                (struct prismi_life){.bytes = prismi_rng_below(1, round, 3 * i + 1, 5000),
                                     .first = first,
                                     .last = first + (int)prismi_rng_below(1, round, 3 * i + 2, 6)};
        }
        size_t total = prismi_lives_pack(life, N);
        for (int i = 0; i < N; i++) {
            ok &= !life[i].bytes ||
                  (life[i].offset % 64 == 0 && life[i].offset + life[i].bytes <= total);
            for (int k = 0; k < i; k++)
                ok &= apart(&life[i], &life[k]);
            all += life[i].bytes;
        }
        packed += total;
    }
    require(ok, "tensors whose lives meet share no byte");
    require(2 * packed < all, "others share");
}

/* In a chain every tensor meets the two beside it: as much as the largest
 * pair. */
static void chain_of_lives(void)
{
    static const size_t kib[] = {1, 4, 16, 64, 32, 32, 8, 1};
    enum { N = sizeof kib / sizeof *kib };
    struct prismi_life life[N];
    for (int i = 0; i < N; i++)
        life[i] = (struct prismi_life){.bytes = kib[i] * 1024, .first = i, .last = i + 1};
    require(prismi_lives_pack(life, N) == (64 + 32) * 1024,
            "a chain takes its largest pair of neighbours");
}

/* ---- inference ---- */

static struct prismi_layer conv(int cout, bool bias)
{
    return prismi_layer_conv(
        &(struct prismi_conv_shape){.cout = cout, .k = 3, .stride = 1, .pad = 1, .bias = bias});
}

/* A residual block whose skip spans four nodes. The convolution may apply the
 * first activation; the second has another reader, so the convolution may not
 * apply it. */
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
    MUST(ctx, prismi_net_create(dev, PRISM_F64, list, n,
                                &(struct prismi_net_mode){.inference = inference, .values = values},
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
    double *v = new_array(n, sizeof(double));
    prism_mem x = NULL, out;
    int absorbed = 0;
    MUST(ctx, prism_net_init(train, 3));
    require(prism_net_forward(train, &out) == PRISM_EINVAL &&
                strstr(prism_ctx_error(ctx)->text, "no input"),
            "a forward without an input is refused");
    lcg_fill(v, n, 4);
    MUST(ctx, dev->ops->alloc(dev, n * sizeof *v, &x));
    MUST(ctx, prismi_dev_put(dev, x, PRISM_F64, v, n));
    prismi_net_set_input(train, x);
    prismi_net_set_input(infer, x);
    double *want = nn_forward(train), *got = nn_forward(infer);
    require(!memcmp(want, got, nn_out_count(train) * sizeof *want),
            "inference gives the bits of training's forward");
    for (int i = 0; i < infer->nlayers; i++)
        absorbed += infer->layer[i].absorbed;
    require(absorbed == 1 && infer->layer[2].absorbed,
            "an activation is absorbed where nothing else reads the convolution");
    double *kept = nn_get(train, x, n);
    MUST(ctx, prism_net_backward(train, out = train->layer[train->nlayers - 1].y));
    double *after = nn_get(train, x, n);
    require(!memcmp(kept, v, n * sizeof *v) && !memcmp(after, v, n * sizeof *v),
            "the caller's input is only read");
    /* The first sum reads three tensors of 6 planes of 9 x 11: the skip, which
     * is still to be read, and its two inputs, one of which it overwrites. */
    const size_t plane6 = (6 * 9 * 11 * sizeof(double) + 63) / 64 * 64;
    printf("# activations: training %zu bytes, inference %zu\n", activation_bytes(train),
           activation_bytes(infer));
    require(activation_bytes(infer) == 3 * plane6,
            "inference keeps what is still to be read, and nothing else");
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

/* Decoders of these sizes, in scalars: the largest two neighbours of the list,
 * for a normalisation overwrites what it normalises. The planning device takes
 * no memory. */
static void decoder_sizes(void)
{
    static const struct {
        int grid, obj;
        size_t scalars;
    } table[] = {
        {64, 32, 6 * 32 * 32},     /* 8 channels at half size, then 4 */
        {512, 256, 6 * 256 * 256}, /* the same */
        {1024, 512, 6 * 512 * 512},
        {1024, 235, 12 * 256 * 256},   /* 16 channels at half size, then 8 */
        {1024, 1024, 3 * 1024 * 1024}, /* 4 channels at half size, then 2 */
        {2048, 1024, 6 * 1024 * 1024},
    };
    struct prism_dev *plan = NULL;
    MUST(ctx, prismi_planning_dev_open(dev, &plan));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct prism_net *net = NULL;
        MUST(ctx, prismi_decoder_create(plan,
                                        &(struct prism_decoder_params){.grid_size = table[i].grid,
                                                                       .obj_size = table[i].obj,
                                                                       ORIGINAL},
                                        &(struct prismi_net_mode){.inference = true}, &net));
        printf("# decoder %d/%d: activations of inference %zu bytes\n", table[i].grid, table[i].obj,
               activation_bytes(net));
        require(activation_bytes(net) == table[i].scalars * sizeof(float),
                "a decoder's inference takes its largest two neighbours");
        prism_net_destroy(&net);
    }
    prism_dev_close(&plan);
}

/* ---- dense networks ---- */

static const struct prismi_mlp_params mlp_params = {.dtype = PRISM_F64,
                                                    .inputs = 5,
                                                    .outputs = 1,
                                                    .n_hidden = 3,
                                                    .hidden = {64, 32, 16},
                                                    .act = PRISM_ACT_RELU};

static struct prism_net *mlp(struct prismi_mlp_params p, int batch)
{
    struct prism_net *net = NULL;
    MUST(ctx,
         prismi_mlp_create(
             dev, &p, &(struct prismi_net_mode){.batch = batch, .init = PRISM_INIT_GLOROT}, &net));
    return net;
}

static void dense_network(void)
{
    static const char *const name[] = {"layer.0.weight", "layer.0.bias",   "layer.2.weight",
                                       "layer.2.bias",   "layer.4.weight", "layer.4.bias",
                                       "layer.6.weight", "layer.6.bias"};
    struct prism_net *net = mlp(mlp_params, 32);
    bool named = net->nparam == 8, within = true, zero = true;
    MUST(ctx, prism_net_init(net, 7));
    require(prism_net_param_total(net) == 5 * 64 + 64 + 64 * 32 + 32 + 32 * 16 + 16 + 16 + 1,
            "5 inputs, 64, 32, 16, one output");
    for (int i = 0; named && i < 8; i++) {
        const struct prism_param_info *p = &prismi_net_param(net, i)->info;
        double *v = nn_get(net, p->value, p->count), most = 0,
               bound = sqrt(6. / (p->dim[0] + p->dim[1]));
        named &= !strcmp(p->name, name[i]);
        for (size_t k = 0; k < p->count; k++)
            most = fmax(most, fabs(v[k]));
        if (i % 2)
            zero &= most == 0;
        else
            within &= most <= bound && most > 0.8 * bound;
        free(v);
    }
    require(named, "parameters are named after their nodes");
    require(within && zero, "initial weights are Glorot's, biases zero");
    prism_net_destroy(&net);
}

static void refused(struct prismi_mlp_params p, const char *word)
{
    struct prism_net *net = NULL;
    int status = prismi_mlp_create(dev, &p, &(struct prismi_net_mode){0}, &net);
    require(status == PRISM_EINVAL && !net && strstr(prism_ctx_error(ctx)->text, word), word);
}

static void dense_refusals(void)
{
    struct prismi_mlp_params p = mlp_params;
    p.hidden[1] = 0;
    refused(p, "hidden[1] of a dense network is 0");
    p = mlp_params;
    p.n_hidden = PRISMI_MLP_MAX_HIDDEN + 1;
    refused(p, "16 hidden layers");
    p = mlp_params;
    p.act = PRISM_ACT_COUNT;
    refused(p, "activation 7");
}

static prism_mem give(const void *v, size_t bytes)
{
    prism_mem mem = NULL;
    MUST(ctx, dev->ops->alloc(dev, bytes, &mem));
    MUST(ctx, dev->ops->write(dev, mem, v, bytes));
    return mem;
}

enum { ROWS = 40, BATCH = 8, STEPS = 5 };

/* A table of rows and the rows of each step, for the test below. */
struct table {
    double x[ROWS * 5], t[ROWS], step[3 * STEPS], weight[BATCH * STEPS];
    int32_t index[BATCH * STEPS];
};

static void make_table(struct table *d)
{
    lcg_fill(d->x, ROWS * 5, 11);
    lcg_fill(d->t, ROWS, 12);
    for (int i = 0; i < BATCH * STEPS; i++) {
        d->index[i] = (int32_t)prismi_rng_below(3, 0, (uint64_t)i, ROWS);
        d->weight[i] = 1. / BATCH;
    }
    for (int s = 0; s < STEPS; s++) {
        d->step[3 * s] = 1e-3 / (1 - pow(0.9, s + 1));
        d->step[3 * s + 1] = 1 / sqrt(1 - pow(0.999, s + 1));
        d->step[3 * s + 2] = 1;
    }
}

/* One Adam step of the network on the rows of step s: forward, MSE,
 * backward. */
static void net_step(struct prism_net *net, const struct table *d, int s, prism_mem const slab[2],
                     prism_mem x, prism_mem g)
{
    double rows[BATCH * 5], gout[BATCH];
    prism_mem step = give(d->step + 3 * s, 3 * sizeof(double));
    struct prism_segment seg[PRISM_MAX_SEGMENTS];
    for (int r = 0; r < BATCH; r++)
        memcpy(rows + 5 * r, d->x + 5 * d->index[BATCH * s + r], 5 * sizeof *rows);
    MUST(ctx, prismi_dev_put(dev, x, PRISM_F64, rows, BATCH * 5));
    double *y = nn_forward(net);
    for (int r = 0; r < BATCH; r++)
        gout[r] = 2. / BATCH * (y[r] - d->t[d->index[BATCH * s + r]]);
    MUST(ctx, prismi_dev_put(dev, g, PRISM_F64, gout, BATCH));
    MUST(ctx, prism_net_backward(net, g));
    int n = prism_net_segments(net, seg, PRISM_MAX_SEGMENTS);
    for (int i = 0; i < n; i++) {
        size_t at = seg[i].offset * sizeof(double);
        const struct prism_map_args a = {.y = {seg[i].value, slab[0] + at, slab[1] + at},
                                         .x = {seg[i].grad, step},
                                         .s = {0.9, 0.999, 1e-7}};
        MUST(ctx, dev->ops->map(dev, PRISM_MAP_ADAM, PRISM_F64, 1, seg[i].count, &a));
    }
    dev->ops->release(dev, step);
    free(y);
}

/* dense_fit runs the network's own steps. */
static void fused_steps(void)
{
    static struct table d;
    struct prism_net *a = mlp(mlp_params, BATCH), *b = mlp(mlp_params, BATCH);
    struct prism_dense_fit_desc desc;
    double *zero = new_array(a->slab_count, sizeof(double));
    prism_mem slab[2][2], mem[8];
    make_table(&d);
    MUST(ctx, prism_net_init(a, 7));
    MUST(ctx, prism_net_init(b, 7));
    for (int i = 0; i < 4; i++)
        slab[i / 2][i % 2] = give(zero, a->slab_count * sizeof *zero);
    prismi_mlp_dense(b, &desc);
    require(desc.layers == 4 && desc.width[0] == 5 && desc.width[3] == 16 && desc.width[4] == 1 &&
                desc.act[2] == PRISM_ACT_RELU && desc.act[3] == PRISM_ACT_NONE,
            "dense_fit's description of a dense network");
    desc.b1 = 0.9;
    desc.b2 = 0.999;
    desc.eps = 1e-7;
    desc.steps = STEPS;
    MUST(ctx, dev->ops->alloc(dev, prism_dense_fit_tmp(&desc), &mem[6]));
    const struct prism_dense_fit_args args = {.p = b->values,
                                              .m = slab[1][0],
                                              .v = slab[1][1],
                                              .x = mem[0] = give(d.x, sizeof d.x),
                                              .t = mem[1] = give(d.t, sizeof d.t),
                                              .index = mem[2] = give(d.index, sizeof d.index),
                                              .weight = mem[3] = give(d.weight, sizeof d.weight),
                                              .step = mem[4] = give(d.step, sizeof d.step),
                                              .loss = mem[5] = give(zero, BATCH * sizeof *zero),
                                              .tmp = mem[6]};
    MUST(ctx, dev->ops->dense_fit(dev, &desc, &args));
    mem[7] = give(zero, BATCH * 5 * sizeof *zero);
    prismi_net_set_input(a, mem[7]);
    for (int s = 0; s < STEPS; s++)
        net_step(a, &d, s, slab[0], mem[7], mem[5]);
    double *p = nn_get(a, a->values, a->slab_count), *q = nn_get(b, b->values, b->slab_count);
    double error = nn_error(q, p, a->slab_count);
    printf("# error %.1e\n", error);
    require(error < 1e-12, "dense_fit runs the steps of the network");
    for (int i = 0; i < 8; i++)
        dev->ops->release(dev, mem[i]);
    for (int i = 0; i < 4; i++)
        dev->ops->release(dev, slab[i / 2][i % 2]);
    free(zero);
    free(p);
    free(q);
    prism_net_destroy(&a);
    prism_net_destroy(&b);
}

/* ---- files ---- */

static void files(void)
{
    struct prismi_mlp_params narrow = mlp_params, single = mlp_params;
    char path[] = "/tmp/prism_graph_XXXXXX";
    int fd = mkstemp(path);
    narrow.hidden[2] = 15;
    single.dtype = PRISM_F32;
    struct prism_net *a = mlp(mlp_params, 32), *b = mlp(single, 1), *c = mlp(narrow, 32);
    struct prism_net *decoder =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 8, .obj_size = 8, ORIGINAL});
    if (fd < 0)
        abort();
    close(fd);
    MUST(ctx, prism_net_init(a, 5));
    MUST(ctx, prism_net_init(c, 6));
    MUST(ctx, prism_net_init(decoder, 6));
    MUST(ctx, prism_net_save(a, path));
    MUST(ctx, prism_net_load(b, path));
    double *v = nn_get(a, prismi_net_param(a, 2)->info.value, 64 * 32),
           *w = nn_get(b, prismi_net_param(b, 2)->info.value, 64 * 32);
    bool same = true;
    for (int i = 0; i < 64 * 32; i++)
        same &= (float)v[i] == w[i];
    require(same, "weights are read into another type and another batch");
    double *before = nn_get(c, c->values, c->slab_count);
    require(prism_net_load(c, path) == PRISM_EINVAL &&
                strstr(prism_ctx_error(ctx)->text,
                       "node 5 is \"dense channels 16 k 1 stride 1 bias 1\", this network's"),
            "another list of nodes is refused, and the node is named");
    double *after = nn_get(c, c->values, c->slab_count);
    require(!memcmp(before, after, c->slab_count * sizeof *after), "and nothing changes");
    require(prism_net_load(decoder, path) == PRISM_EPARSE, "a decoder does not read them");
    MUST(ctx, prism_net_save(decoder, path));
    require(prism_net_load(a, path) == PRISM_EPARSE &&
                strstr(prism_ctx_error(ctx)->text, "no list of nodes"),
            "nor does a list read a decoder's");
    unlink(path);
    free(v);
    free(w);
    free(before);
    free(after);
    prism_net_destroy(&decoder);
    prism_net_destroy(&c);
    prism_net_destroy(&b);
    prism_net_destroy(&a);
}

/* ---- folding ---- */

/* With running statistics that equal the tensor's own, evaluation equals the
 * forward pass. */
static void folding(void)
{
    struct prism_net *net = make(false, NULL), *fold = NULL;
    size_t n = prismi_layer_outputs(&net->layer[0]), c = 5;
    double *v = new_array(n, sizeof(double)), stats[10];
    prism_mem x = NULL;
    MUST(ctx, prism_net_init(net, 3));
    lcg_fill(v, n, 4);
    MUST(ctx, dev->ops->alloc(dev, n * sizeof *v, &x));
    MUST(ctx, prismi_dev_put(dev, x, PRISM_F64, v, n));
    prismi_net_set_input(net, x);
    double *want = nn_forward(net), *saved = nn_get(net, net->layer[4].saved, 2 * c);
    memcpy(stats, saved, sizeof stats); /* mean, biased variance */
    MUST(ctx, prismi_dev_put(dev, net->running, PRISM_F64, stats, 2 * c));
    MUST(ctx, prism_net_fold(net, &fold));
    prismi_net_set_input(fold, x);
    double *got = nn_forward(fold);
    double error = nn_error(got, want, nn_out_count(net));
    printf("# error %.1e\n", error);
    require(error < 1e-13, "a residual network folds");
    prism_net_destroy(&fold);
    prism_net_destroy(&net);

    const struct prismi_layer list[] = {prismi_layer_input(2, 4, 4),
                                        prismi_layer_norm(PRISM_ACT_NONE), conv(1, true)};
    MUST(ctx, prismi_net_create(dev, PRISM_F64, list, 3, &(struct prismi_net_mode){0}, &net));
    require(prism_net_fold(net, &fold) == PRISM_ENOTSUP && !fold &&
                strstr(prism_ctx_error(ctx)->text, "node 1"),
            "a norm without a convolution before it does not");
    prism_net_destroy(&net);
    dev->ops->release(dev, x);
    free(v);
    free(want);
    free(saved);
    free(got);
}

int main(void)
{
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    dev = open_dev(ctx, "ref", NULL, 1);
    random_lives();
    chain_of_lives();
    inference();
    decoder_sizes();
    dense_network();
    dense_refusals();
    fused_steps();
    files();
    folding();
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
