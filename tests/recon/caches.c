/* Caches change no bit of a result: all off, all on, and with budgets so small
 * that most blocks are evicted. Repeated requests are hits. For any backend. */
#include "support/session.h"
#include "support/support.h"
#include "support/tap.h"

static const struct kind {
    const char *name;
    enum prism_algorithm algorithm;
    enum prism_objective objective;
    enum prism_precision precision;
    enum prism_loss_kind loss;
    int steps;    /* steps of the session; progressive: into the second pass */
    int again[2]; /* the least hits with everything on: apertures, measurements */
} kinds[] = {
    /* a data set asks for a mask when it measures, and a session asks for its
     * own masks */
    {"joint",
     PRISM_ALG_DECODER,
     PRISM_OBJ_JOINT,
     PRISM_PRECISION_FP32,
     PRISM_LOSS_MS_SSIM,
     30,
     {2 * SMALL_SAMPLES, 0}},
    {"progressive",
     PRISM_ALG_DECODER,
     PRISM_OBJ_PROGRESSIVE,
     PRISM_PRECISION_FP32,
     PRISM_LOSS_SSIM,
     40,
     {2 * SMALL_SAMPLES + 1, 1}},
    {"progressive in double",
     PRISM_ALG_DECODER,
     PRISM_OBJ_PROGRESSIVE,
     PRISM_PRECISION_FP64,
     PRISM_LOSS_L1,
     40,
     {2 * SMALL_SAMPLES + 1, 1}},
    {"mopie",
     PRISM_ALG_MOPIE,
     PRISM_OBJ_JOINT,
     PRISM_PRECISION_FP32,
     PRISM_LOSS_L2,
     20,
     {2 * SMALL_SAMPLES, 0}}};

struct outcome {
    double image[SMALL_OBJ * SMALL_OBJ], loss;
    struct prism_cache_stats apertures, constants, measurements;
};

/* Runs everything from the data set on, with this budget in bytes for every
 * kind. */
static struct outcome run(struct prism_ctx *ctx, struct prism_dev *dev, const struct kind *k,
                          size_t budget)
{
    struct outcome out;
    struct prism_cache_params params;
    struct prism_cache *cache;
    struct prism_progress at;
    struct experiment p = small_experiment(ctx, dev, k->precision);
    double centres[SMALL_SAMPLES][2];
    const struct prism_dataset_params dp = *prism_dataset_params(p.ds);
    memcpy(centres, prism_dataset_centres(p.ds), sizeof centres);
    centres[2][0] = centres[1][0]; /* some centres differ in one coordinate only */
    centres[3][1] = centres[4][1];
    prism_dataset_destroy(&p.ds);
    for (int i = 0; i < PRISM_CACHE_KINDS; i++)
        params.budget[i] = budget;
    MUST(ctx, prism_cache_create(&params, &cache));
    prism_dev_set_cache(dev, cache);
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, &centres[0][0], p.n, &p.ds));
    p.par.algorithm = k->algorithm;
    p.par.training.objective = k->objective;
    p.par.training.loss_weights[PRISM_LOSS_L1] = 0;
    p.par.training.loss_weights[k->loss] = 1;
    p.par.training.n_epochs = 1;
    p.par.training.loss_threshold = -1;
    p.par.training.max_retries = 1;
    struct prism_session *s = new_session(&p);
    for (int i = 0; i < k->steps; i++)
        MUST(ctx, prism_session_step(s));
    prism_session_progress(s, &at);
    MUST(ctx, prism_session_result(s, out.image));
    out.loss = at.loss;
    out.apertures = prism_cache_get_stats(cache, PRISM_CACHE_APERTURES);
    out.constants = prism_cache_get_stats(cache, PRISM_CACHE_CONSTANTS);
    out.measurements = prism_cache_get_stats(cache, PRISM_CACHE_MEASUREMENTS);
    prism_session_destroy(&s);
    release_experiment(&p);
    prism_cache_destroy(&cache);
    return out;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->loss == b->loss && !memcmp(a->image, b->image, sizeof a->image);
}

static void sessions(struct prism_ctx *ctx, struct prism_dev *dev, const struct kind *k)
{
    const struct outcome off = run(ctx, dev, k, PRISM_CACHE_NONE), on = run(ctx, dev, k, 1 << 20),
                         tight = run(ctx, dev, k, 9000);
    const uint64_t asked = off.measurements.misses;
    tap(same(&on, &off), "%s: the same bits with caches off and on", k->name);
    tap(same(&tight, &off), "%s: the same bits with caches too small", k->name);
    tap(on.apertures.hits == (uint64_t)k->again[0] && on.measurements.hits == (uint64_t)k->again[1],
        "%s: %d hits of apertures and %d of measurements, %d and %d expected", k->name,
        (int)on.apertures.hits, (int)on.measurements.hits, k->again[0], k->again[1]);
    tap(off.apertures.hits + off.measurements.hits == 0 &&
            off.measurements.bytes + off.apertures.bytes == 0 &&
            asked == on.measurements.hits + on.measurements.misses,
        "%s: off, all %d measurements are made", k->name, (int)asked);
    tap((on.constants.misses > 0) == (k->loss >= PRISM_LOSS_SSIM) &&
            off.constants.misses + tight.constants.misses == 0,
        "%s: constants of %d targets, where there is room", k->name, (int)on.constants.misses);
    tap(tight.measurements.evictions > 0 && tight.measurements.bytes <= 9000, "%s: a budget holds",
        k->name);
}

/* Planes from the cache equal the planes that were computed. */
static void propagators(struct prism_ctx *ctx, struct prism_dev *dev)
{
    enum { N = 12, M = 10 };
    static const struct prism_grid grid = {N, M, 1e-5, 2e-5, 5e-7};
    float x[2 * N * M], y[2][2 * N * M];
    struct prismi_arena arena = {0};
    prism_mem in, out;
    struct prism_cache *cache = new_cache(ctx, dev);
    prismi_arena_add(&arena, sizeof x, &in);
    prismi_arena_add(&arena, sizeof x, &out);
    MUST(ctx, prismi_arena_bind(&arena, dev));
    for (int i = 0; i < 2 * N * M; i++)
        x[i] = (float)sin(1.7 * i);
    MUST(ctx, dev->ops->write(dev, in, x, sizeof x));
    for (int i = 0; i < 2 * PRISM_PROPAGATOR_COUNT; i++) {
        double distance_m = i % 2 ? -0.004 : 0.005;
        for (int again = 0; again < 2; again++) {
            struct prism_linop *op;
            MUST(ctx, prism_propagator_create(dev, (enum prism_propagator)(i / 2), &grid,
                                              distance_m, PRISM_CF32, &op));
            MUST(ctx, prism_linop_forward(op, out, in));
            MUST(ctx, dev->ops->read(dev, y[again], out, sizeof x));
            prism_linop_destroy(&op);
        }
        struct prism_cache_stats s = prism_cache_get_stats(cache, PRISM_CACHE_GRIDS);
        tap(!memcmp(y[0], y[1], sizeof x) && s.hits == s.misses && s.entries == s.misses,
            "propagator %d over %g m: the same from planes that were kept, %d of them", i / 2,
            distance_m, (int)s.entries);
    }
    prismi_arena_release(&arena);
    prism_dev_set_cache(dev, NULL);
    prism_cache_destroy(&cache);
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref", *plugins = argc > 2 ? argv[2] : NULL;
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev = open_dev(ctx, backend, plugins, 2);
    if (!dev) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].precision != PRISM_PRECISION_FP64 || dev->caps.dtypes & 1u << PRISM_F64)
            sessions(ctx, dev, &kinds[i]);
    propagators(ctx, dev);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
