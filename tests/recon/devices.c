/* Sessions on a backend, argv[1] (argv[2]: folder of plugins). The first steps
 * of every kind of run agree with ref. A repeated run gives the same bits, with
 * any thread count and with every forward pass recomputed. The general methods
 * agree with the special and the fused ones. A precision that a device lacks
 * runs in single precision there and is compared as such. */
#include "nn/layer.h"
#include "support/session.h"
#include "support/support.h"
#include "support/tap.h"

static const double LIMIT = 1e-3, DOUBLE_LIMIT = 1e-9, HALF_LIMIT = 0.02,
                    TF32_LIMIT = 0.1 /* beside F32 */;
enum {
    STEPS = 24,      /* after a check of the loss and a snapshot, before chaos separates the runs */
    COARSE_STEPS = 6 /* the same for fewer bits, which each device rounds in other places */
};

struct kind {
    const char *name;
    enum prism_algorithm algorithm;
    enum prism_objective objective;
    double weights[PRISM_LOSS_COUNT];
    int init_steps; /* 0: no initialisation */
    bool amsgrad, complex_object, parallel;
    enum prism_precision precision;
    int n_epochs;
    bool no_norm, propagated;
};

static const struct kind kinds[] = {
    {"initialisation", .weights = {1}, .init_steps = 100, .n_epochs = 10},
    {"joint l1", .weights = {1}, .n_epochs = 10},
    {"joint l2 amsgrad", .weights = {0, 1}, .amsgrad = true, .n_epochs = 10},
    {"joint composite", .weights = {0.4, 0.2, 0.2, 0.2}, .n_epochs = 10},
    {"pixels poisson", .algorithm = PRISM_ALG_OBJECT, .weights = {[PRISM_LOSS_POISSON] = 1},
     .n_epochs = 10},
    /* In double: in single a decoder's image differs from ref's by 6e-4 on
     * the CPU and by 1.0e-3, the limit, on the CUDA model. The cause is not
     * known. */
    {"joint poisson fp64", .weights = {[PRISM_LOSS_POISSON] = 1}, .precision = PRISM_PRECISION_FP64,
     .n_epochs = 10},
    {"progressive l1", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {1}, .n_epochs = 10},
    {"progressive ssim", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {0, 0, 1}, .n_epochs = 10},
    {"progressive ms-ssim", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {0, 0, 0, 1},
     .n_epochs = 10},
    {"mopie serial", .algorithm = PRISM_ALG_MOPIE, .weights = {1}, .n_epochs = 10},
    {"mopie parallel complex", .algorithm = PRISM_ALG_MOPIE, .weights = {1}, .complex_object = true,
     .parallel = true, .n_epochs = 10},
    {"pixels", .algorithm = PRISM_ALG_OBJECT, .weights = {1}, .n_epochs = 10},
    {"complex pixels", .algorithm = PRISM_ALG_OBJECT, .weights = {0, 1}, .complex_object = true,
     .n_epochs = 10},
    {"joint tf32", .weights = {1}, .precision = PRISM_PRECISION_TF32, .n_epochs = 10},
    {"joint bf16", .weights = {1}, .precision = PRISM_PRECISION_BF16, .n_epochs = 10},
    {"progressive fp16", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {1},
     .precision = PRISM_PRECISION_FP16, .n_epochs = 10},
    {"progressive, a step each", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {1},
     .amsgrad = true, .n_epochs = 1},
    {"joint without norm", .weights = {1}, .n_epochs = 10, .no_norm = true},
    {"joint behind a Fresnel step", .weights = {1}, .n_epochs = 10, .propagated = true},
    {"progressive behind a Fresnel step", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {1},
     .n_epochs = 10, .propagated = true},
    {"joint composite fp64", .weights = {0.4, 0.2, 0.2, 0.2}, .amsgrad = true,
     .precision = PRISM_PRECISION_FP64, .n_epochs = 10},
    {"progressive l1 fp64", .objective = PRISM_OBJ_PROGRESSIVE, .weights = {1},
     .precision = PRISM_PRECISION_FP64, .n_epochs = 10},
    {"mopie fp64", .algorithm = PRISM_ALG_MOPIE, .weights = {1}, .complex_object = true,
     .parallel = true, .precision = PRISM_PRECISION_FP64, .n_epochs = 10},
};
#define N_KINDS ((int)(sizeof kinds / sizeof kinds[0]))

struct outcome {
    uint64_t hash;
    enum prism_phase phase;
    double loss, image[SMALL_OBJ * SMALL_OBJ];
};

/* anew: every forward pass computes from the values alone and finds no product
 * from an update. */
static struct outcome run(struct prism_ctx *ctx, struct prism_dev *dev, const struct kind *k,
                          int n_steps, bool anew)
{
    struct outcome out;
    struct experiment p = small_experiment(ctx, dev, k->precision);
    if (k->propagated)
        propagate_experiment(&p);
    p.par.algorithm = k->algorithm;
    p.par.training.objective = k->objective;
    memcpy(p.par.training.loss_weights, k->weights, sizeof k->weights);
    p.par.training.init_steps = k->init_steps ? k->init_steps : -1;
    p.par.training.amsgrad = k->amsgrad;
    p.par.training.n_epochs = k->n_epochs;
    p.par.decoder.no_norm = k->no_norm;
    p.par.mopie.complex_object = k->complex_object;
    p.par.mopie.parallel = k->parallel;
    p.par.mopie.loops = 2 * STEPS;
    struct prism_session *s = new_session(&p);
    for (int i = 0; i < n_steps; i++) {
        if (anew && s->net)
            s->net->fusion.y_is_ready = false;
        run_steps(s, 1);
    }
    struct prism_progress progress;
    prism_session_progress(s, &progress);
    out.phase = progress.phase;
    out.hash = session_hash(s);
    out.loss = s->trainer.st.loss;
    MUST(ctx, prism_session_result(s, out.image));
    prism_session_destroy(&s);
    release_experiment(&p);
    return out;
}

/* A caller that holds the network may write values at any time, also once steps
 * are recorded. The next output uses those values. */
static void borrowed(struct prism_ctx *ctx, struct prism_dev *dev)
{
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    float x[2][SMALL_OBJ * SMALL_OBJ];
    for (int i = 0; i < 2; i++) {
        struct prism_session *s = new_session(&p);
        run_steps(s, 6 * i);
        MUST(ctx, prism_net_init(prism_session_net(s), 99));
        run_steps(s, 1);
        MUST(ctx, dev->ops->read(dev, x[i], s->trainer.x, sizeof x[i]));
        prism_session_destroy(&s);
    }
    tap(!memcmp(x[0], x[1], sizeof x[0]), "values written by a borrower count on %s",
        prism_dev_backend(dev));
    release_experiment(&p);
}

/* The largest difference of the images, relative to the largest value. */
static double difference(const struct outcome *a, const struct outcome *b)
{
    double worst = 0, scale = 0;
    for (int i = 0; i < SMALL_OBJ * SMALL_OBJ; i++) {
        worst = fmax(worst, fabs(a->image[i] - b->image[i]));
        scale = fmax(scale, fabs(a->image[i]));
    }
    return worst / scale;
}

static struct prism_dev *open_with(struct prism_ctx *ctx, const char *backend, const char *plugins,
                                   int threads, bool plain)
{
    struct prism_dev *dev = NULL;
    const struct prism_dev_params params = {
        .backend = backend, .plugin_path = plugins, .threads = threads, .plain = plain};
    MUST(ctx, prism_dev_open(ctx, &params, &dev));
    dev->caps.half_pays_from =
        1; /* half precision runs wherever the device has it, though the problem is small */
    return dev;
}

/* True if dev computes k in fewer bits than single precision has. Only GPUs
 * have TF32; ref and the CPU compute it in F32. */
static bool coarse(const struct prism_dev *dev, const struct kind *k)
{
    switch (k->precision) {
    case PRISM_PRECISION_TF32:
        return !(dev->caps.flags & PRISM_CAPS_HOST_VISIBLE);
    case PRISM_PRECISION_BF16:
        return dev->caps.dtypes >> PRISM_BF16 & 1;
    case PRISM_PRECISION_FP16:
        return dev->caps.dtypes >> PRISM_F16 & 1;
    default:
        return false;
    }
}

static void check(struct prism_ctx *ctx, struct prism_dev *const dev[4], const struct kind *k)
{
    enum { REF, ONE, TWO, PLAIN };
    const char *on = prism_dev_backend(dev[ONE]);
    bool fewer = coarse(dev[ONE], k);
    bool fp64 = k->precision == PRISM_PRECISION_FP64;
    int n = fp64 || k->precision == PRISM_PRECISION_FP32 ? STEPS : COARSE_STEPS;
    struct kind same = *k;
    if (!fewer && !fp64)
        same.precision = PRISM_PRECISION_FP32;
    struct outcome want = run(ctx, dev[REF], &same, n, false),
                   got = run(ctx, dev[ONE], k, n, false), again = run(ctx, dev[ONE], k, n, false),
                   threads = run(ctx, dev[TWO], k, n, false), anew = run(ctx, dev[ONE], k, n, true),
                   parts = run(ctx, dev[PLAIN], k, n, false);
    double limit = fp64                                   ? DOUBLE_LIMIT
                   : !fewer                               ? LIMIT
                   : k->precision == PRISM_PRECISION_TF32 ? TF32_LIMIT
                                                          : HALF_LIMIT;
    tap((got.phase == PRISM_PHASE_INIT) == (k->init_steps > 0),
        "%s on %s: the steps are of the phase that is meant", k->name, on);
    tap(difference(&want, &got) < limit, "%s on %s: loss %.6f, ref %.6f, images differ by %.1e",
        k->name, on, got.loss, want.loss, difference(&want, &got));
    tap(got.hash == again.hash, "%s on %s: the same bits twice", k->name, on);
    tap(got.hash == threads.hash, "%s on %s: the same bits on two threads", k->name, on);
    tap(got.hash == anew.hash, "%s on %s: the same bits with every forward made anew", k->name, on);
    if (!fewer) /* another method rounds other sums to fewer bits, which checkops compares */
        tap(difference(&got, &parts) < limit, "%s on %s: general methods, images differ by %.1e",
            k->name, on, difference(&got, &parts));
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref", *plugins = argc > 2 ? argv[2] : NULL;
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *ref = open_dev(ctx, "ref", NULL, 1),
                     *one = open_dev(ctx, backend, plugins, 1);
    if (!one) {
        int status = support_missing(ctx, backend);
        prism_dev_close(&ref);
        prism_ctx_destroy(&ctx);
        return status;
    }
    prism_dev_close(&one);
    one = open_with(ctx, backend, plugins, 1, false);
    struct prism_dev *two = open_with(ctx, backend, plugins, 2, false),
                     *plain = open_with(ctx, backend, plugins, 1, true);
    for (int i = 0; i < N_KINDS; i++)
        check(ctx, (struct prism_dev *[4]){ref, one, two, plain}, &kinds[i]);
    borrowed(ctx, one);
    prism_dev_close(&plain);
    prism_dev_close(&two);
    prism_dev_close(&one);
    prism_dev_close(&ref);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
