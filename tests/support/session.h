/* Sessions for tests: a small experiment made in code (object, data set,
 * parameters), what a session holds, and the golden numbers' weights. */
#ifndef PRISM_TESTS_SESSION_H
#define PRISM_TESTS_SESSION_H

#include "recon/progressive.h"
#include "support/support.h"

#include <math.h>

/* A moon-like disc with craters, amplitude in [0,1]; [o,o]. */
static inline double *small_object(int o)
{
    double *x = new_array((size_t)o * o, sizeof *x);
    for (int i = 0; i < o; i++)
        for (int j = 0; j < o; j++) {
            double y = (i - o / 2) / (0.45 * o), z = (j - o / 2) / (0.45 * o),
                   r = sqrt(y * y + z * z);
            double v =
                0.6 + 0.2 * sin(5 * y + 1) * cos(7 * z) + 0.15 * (hypot(y - 0.3, z + 0.2) < 0.25);
            x[(size_t)i * o + j] = r <= 1 ? v : 0;
        }
    return x;
}

/* A cache of a megabyte for each kind, in use by dev. */
static inline struct prism_cache *new_cache(struct prism_ctx *ctx, struct prism_dev *dev)
{
    struct prism_cache_params params;
    struct prism_cache *cache;
    for (int i = 0; i < PRISM_CACHE_KINDS; i++)
        params.budget[i] = 1 << 20;
    MUST(ctx, prism_cache_create(&params, &cache));
    prism_dev_set_cache(dev, cache);
    return cache;
}

/* What a session is made of. */
struct experiment {
    struct prism_ctx *ctx;
    struct prism_dev *dev;
    struct prism_cache *cache;
    struct prism_dataset *ds;
    struct prism_recon_params par;
    double *truth;
    int n;
};

#define SMALL_GRID 32
#define SMALL_OBJ 16
#define SMALL_SAMPLES 7

/* Seven apertures of radius 4 on a grid of 32. */
static inline struct experiment small_experiment(struct prism_ctx *ctx, struct prism_dev *dev,
                                                 enum prism_precision precision)
{
    static const double centres[SMALL_SAMPLES][2] = {{0, 0}, {4, 1},   {-3, 3.5}, {1, -5},
                                                     {6, 5}, {-6, -4}, {7, -3}};
    struct experiment p = {
        .ctx = ctx, .dev = dev, .n = SMALL_SAMPLES, .truth = small_object(SMALL_OBJ)};
    const struct prism_dataset_params dp = {
        .grid_size = SMALL_GRID,
        .obj_size = SMALL_OBJ,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 4},
        .in_double = precision == PRISM_PRECISION_FP64};
    p.cache = new_cache(ctx, dev);
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, &centres[0][0], p.n, &p.ds));
    p.par = (struct prism_recon_params){
        .precision = precision,
        .decoder = {.min_channels = 1, .output_activation = PRISM_OUTPUT_NONE},
        .seed = 5,
        .metrics_every = -1};
    p.par.training = (struct prism_training_params){.loss_weights = {1},
                                                    .lr = 2e-3,
                                                    .schedule = PRISM_SCHEDULE_COSINE,
                                                    .init_steps = 20,
                                                    .max_steps = 60,
                                                    .batch = 3,
                                                    .unmeasured_weight = -1,
                                                    .n_epochs = 10,
                                                    .max_epochs = 1,
                                                    .loss_threshold = 0.02,
                                                    .patience = 5,
                                                    .plateau_window = 10,
                                                    .plateau_threshold = 0.01,
                                                    .escalation_epochs = 20,
                                                    .aggressive_lr_multiplier = 2,
                                                    .max_retries = -1,
                                                    .retry_lr_multiplier = 0.1,
                                                    .retry_same_loss = true};
    p.par.mopie = (struct prism_mopie_params){.loops = 4, .init_loops = 2, .lr_obj = 1};
    return p;
}

/* The same object and centres behind a Fresnel step of 20 mm. */
static inline void propagate_experiment(struct experiment *p)
{
    struct prism_dataset *far = p->ds;
    struct prism_dataset_params dp = *prism_dataset_params(far);
    dp.instrument = PRISM_INSTRUMENT_PROPAGATED;
    dp.propagator = PRISM_FRESNEL;
    dp.distance_m = 0.02;
    dp.pitch_m = 1e-5;
    dp.wavelength_m = 5e-7;
    MUST(p->ctx,
         prism_dataset_simulate(p->dev, &dp, p->truth, prism_dataset_centres(far), p->n, &p->ds));
    prism_dataset_destroy(&far);
}

static inline void release_experiment(struct experiment *p)
{
    prism_dataset_destroy(&p->ds);
    prism_dev_set_cache(p->dev, NULL);
    prism_cache_destroy(&p->cache);
    free(p->truth);
}

static inline struct prism_session *new_session(const struct experiment *p)
{
    struct prism_session *s = NULL;
    MUST(p->ctx, prism_session_create(p->dev, p->ds, &p->par, &s));
    return s;
}

static inline void run_steps(struct prism_session *s, int n)
{
    for (int i = 0; i < n; i++)
        MUST(s->ctx, prism_session_step(s));
}

static inline struct prismi_progressive *progressive(struct prism_session *s)
{
    return s->strategy_state;
}

static inline struct prismi_samples *samples(struct prism_session *s)
{
    return &progressive(s)->now;
}

/* The data term of any strategy. */
static inline struct prismi_term *term_of(struct prism_session *s)
{
    return &((struct prismi_data *)s->objective->self)->term;
}

static inline struct prism_progress progress_of(const struct prism_session *s)
{
    struct prism_progress at;
    prism_session_progress(s, &at);
    return at;
}

/* The session's picture; the caller frees. */
static inline double *result_of(struct prism_session *s)
{
    double *x = new_array(s->pixels, sizeof *x);
    MUST(s->ctx, prism_session_result(s, x));
    return x;
}

/* The hash of one block of device memory that a checkpoint holds, started from
 * h. */
static inline uint64_t slab_hash(const struct prism_session *s, int i, uint64_t h)
{
    const size_t bytes = s->trainer.slabs[i].bytes;
    void *copy = new_array(bytes, 1);
    MUST(s->ctx, s->dev->ops->read(s->dev, copy, s->trainer.slabs[i].mem, bytes));
    h = prismi_hash64(copy, bytes, h);
    free(copy);
    return h;
}

/* The hash of everything that a step changes: the state, the history and every
 * block but moments that are void. */
static inline uint64_t session_hash(struct prism_session *s)
{
    uint64_t h = prismi_hash64(&s->trainer.st, sizeof s->trainer.st, 0);
    for (int i = 0; i < s->trainer.n_slabs; i++) {
        if (prismi_slab_void(&s->trainer.slabs[i], &s->trainer.st))
            continue;
        h = slab_hash(s, i, h);
    }
    for (int i = 0; i < s->trainer.n_plain; i++)
        h = prismi_hash64(s->trainer.plain[i].now, s->trainer.plain[i].bytes, h);
    return prismi_hash64(s->trainer.history,
                         (size_t)s->trainer.st.n_history * sizeof s->trainer.history[0], h);
}

/* The last backward's gradient of parameter i, g [count]. */
static inline void get_gradient(struct prism_dev *dev, struct prism_net *net, int i, double *g)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    enum prism_dtype t = prism_net_params(net)->dtype;
    struct prism_param_info p;
    prism_mem mem;
    MUST(ctx, prism_net_param(net, i, &p));
    MUST(ctx, dev->ops->alloc(dev, p.count * prism_dtype_size(t), &mem));
    MUST(ctx, prism_net_gradient(net, i, mem));
    MUST(ctx, prismi_dev_get(dev, g, mem, t, p.count));
    dev->ops->release(dev, mem);
}

/* The weights that the golden numbers were made with. */
static inline void lcg_weights(struct prism_ctx *ctx, struct prism_dev *dev, struct prism_net *net)
{
    for (int i = 0; i < prism_net_param_count(net); i++) {
        struct prism_param_info p;
        MUST(ctx, prism_net_param(net, i, &p));
        double *v = new_array(p.count, sizeof *v),
               scale = p.nd == 4 ? 1 / sqrt((double)p.dim[1] * p.dim[2] * p.dim[3]) : 0.1;
        const char *suffix = strrchr(p.name, '.');
        lcg_fill(v, p.count, (uint32_t)i + 1);
        for (size_t k = 0; k < p.count; k++)
            v[k] = i == 0                                ? 1.5 * v[k]
                   : suffix && !strcmp(suffix, ".gamma") ? 1 + 0.1 * v[k]
                                                         : scale * v[k];
        MUST(ctx, prismi_dev_put(dev, p.value, prism_net_params(net)->dtype, v, p.count));
        free(v);
    }
}

#endif
