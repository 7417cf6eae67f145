/* Gain of each kind of cache: the same work in turns with all caches off and
 * on; then the workload of 20 samples x 50 steps, which asks for its sample's
 * measurement in every step. */
#include "bench.h"
#include "optics/optics_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MIN = 5, ROUNDS_MAX = 1000, STEPS = 50 };

static struct prism_cache *off; /* counts and stores nothing */

/* ---- the same in turns ---- */

/* Work to do without and with a cache. */
struct twice {
    const char *name; /* name after "cache/" */
    enum prism_cache_kind kind;
    int (*call)(void *arg);
    void *arg;
    int batch[2]; /* calls per time taken: without, with */
};

static void add(struct bench *b, const char *name, const char *what, double value, const char *unit)
{
    char full[BENCH_NAME];
    snprintf(full, sizeof full, "cache/%s/%s", name, what);
    bench_add_fact(b, full, value, unit);
}

/* Adds n times of each way, then the counters of the cache. */
static int add_pair(struct bench *b, const char *name, enum prism_cache_kind kind, double *ms[2],
                    int n)
{
    static const char *const ways[] = {"without", "with"};
    const struct bench_time *t[2];
    char full[2][BENCH_NAME];
    for (int i = 0; i < 2; i++) {
        snprintf(full[i], sizeof full[i], "cache/%s/%s", name, ways[i]);
        PRISM_TRY(bench_add_times(b, full[i], ms[i], n));
    }
    for (int i = 0; i < 2; i++) /* adding may move the times */
        t[i] = bench_time_of(b, full[i]);
    const struct prism_cache_stats s = prism_cache_get_stats(b->cache, kind);
    if (t[0] && t[1])
        add(b, name, "gain", t[0]->median_ms / t[1]->median_ms, "times as fast");
    add(b, name, "hits", (double)s.hits, "");
    add(b, name, "misses", (double)s.misses, "");
    add(b, name, "rate", 100 * prism_cache_hit_rate(&s), "% hits");
    add(b, name, "bytes", (double)s.bytes, "bytes held");
    return 0;
}

static int timed(struct bench *b, const struct twice *t, int with, double *ms)
{
    prism_dev_set_cache(b->dev, with ? b->cache : off);
    double start = bench_now_ms();
    for (int i = 0; i < t->batch[with]; i++)
        PRISM_TRY(t->call(t->arg));
    PRISM_TRY(b->dev->ops->sync(b->dev));
    *ms = (bench_now_ms() - start) / t->batch[with];
    return 0;
}

static int compare(struct bench *b, const struct twice *t)
{
    double *ms[2] = {malloc(ROUNDS_MAX * sizeof **ms), malloc(ROUNDS_MAX * sizeof **ms)}, first,
           spent = 0;
    int n = 0, status = ms[0] && ms[1] ? 0
                                       : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %d times",
                                                    ROUNDS_MAX);
    prism_cache_clear(b->cache, PRISM_CACHE_ALL);
    for (int with = 0; with < 2 && !status; with++) /* the first call fills the cache */
        status = timed(b, t, with, &first);
    for (; !status && (n < ROUNDS_MIN || spent < 2e3 * b->seconds) && n < ROUNDS_MAX; n++)
        for (int with = 0; with < 2 && !status; with++) {
            status = timed(b, t, with, &ms[with][n]);
            spent += ms[with][n] * t->batch[with];
        }
    if (!status)
        status = add_pair(b, t->name, t->kind, ms, n);
    prism_dev_set_cache(b->dev, b->cache);
    free(ms[0]);
    free(ms[1]);
    return status;
}

/* ---- grids: a propagator made again ---- */

struct optics {
    struct bench *b;
    struct prism_grid grid;
};

static int make_propagator(void *arg)
{
    const struct optics *o = arg;
    const double far = o->grid.nx * o->grid.dx_m * o->grid.dx_m /
                       o->grid.wavelength_m; /* the longest distance that is sampled well */
    struct prism_linop *op;
    PRISM_TRY(
        prism_propagator_create(o->b->dev, PRISM_ANGULAR_SPECTRUM, &o->grid, far, PRISM_CF32, &op));
    prism_linop_destroy(&op);
    return 0;
}

static int grids(struct bench *b, int grid)
{
    struct optics o = {.b = b, .grid = {grid, grid, 1e-5, 1e-5, 5e-7}};
    struct twice t = {"grids", PRISM_CACHE_GRIDS, make_propagator, &o, {1, 1}};
    return compare(b, &t);
}

/* ---- plans: transforms of lengths that nothing else here has ---- */

static int plans(struct bench *b, int grid)
{
    enum { LENGTHS = 5 };
    double times[2][LENGTHS], *ms[2] = {times[0], times[1]};
    prism_cache_clear(b->cache, PRISM_CACHE_ALL);
    for (int i = 0; i < LENGTHS; i++)
        for (int with = 0; with < 2; with++) { /* the second process finds the plans of the first */
            const struct prism_fft_desc d = {PRISM_CF32,           1,    grid * (15 - i) / 16,
                                             grid * (15 - i) / 16, NULL, NULL};
            struct prism_fft *plan;
            double start = bench_now_ms();
            PRISM_TRY(b->dev->ops->fft_create(b->dev, &d, &plan));
            times[with][i] = bench_now_ms() - start;
            b->dev->ops->fft_destroy(plan);
        }
    if (prism_cache_get_stats(b->cache, PRISM_CACHE_PLANS).misses == LENGTHS)
        return add_pair(b, "plans", PRISM_CACHE_PLANS, ms, LENGTHS);
    bench_print(b, "plans: this backend times no candidates, or these lengths were planned before "
                   "in this process\n");
    return 0;
}

/* ---- apertures: all masks of a workload, and a data set made again ---- */

struct masks {
    struct bench *b;
    const struct bench_workload *w;
    struct prism_aperture aperture;
    uint8_t *mask;
    struct prism_dataset *ds;
    const float *amplitude;
};

static int render_all(void *arg)
{
    const struct masks *m = arg;
    int box = prism_aperture_box(&m->aperture);
    for (int k = 0; k < m->w->n_samples; k++) {
        const double *c = m->w->centres + 2 * k;
        prismi_aperture_mask(prismi_dev_cache(m->b->dev), &m->aperture, c[0], c[1],
                             (int)round(c[0]) - box / 2, (int)round(c[1]) - box / 2, box, box,
                             m->mask, (size_t)box);
    }
    return 0;
}

static int make_dataset(void *arg)
{
    struct masks *m = arg;
    PRISM_TRY(bench_workload_dataset(m->b->dev, m->w, &m->ds));
    prism_dataset_destroy(&m->ds);
    return 0;
}

static int apertures(struct bench *b, const struct bench_workload *w)
{
    struct masks m = {.b = b, .w = w, .aperture = {.radius_px = w->radius}};
    const struct twice render = {"apertures", PRISM_CACHE_APERTURES, render_all, &m, {100, 100}};
    const struct twice data = {
        "apertures/data-set", PRISM_CACHE_APERTURES, make_dataset, &m, {1, 1}};
    size_t box = (size_t)prism_aperture_box(&m.aperture);
    m.mask = malloc(box * box);
    int status =
        m.mask ? compare(b, &render) : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for a mask");
    free(m.mask);
    return status ? status : compare(b, &data);
}

/* ---- measurements: one again and again ---- */

static int ask(void *arg)
{
    struct masks *m = arg;
    return prism_dataset_amplitude(m->ds, 0, &m->amplitude);
}

static int measurements(struct bench *b, const struct bench_workload *w)
{
    struct masks m = {.b = b, .w = w};
    const struct twice t = {"measurements", PRISM_CACHE_MEASUREMENTS, ask, &m, {1, 1000}};
    size_t bytes = (size_t)w->grid * (size_t)w->grid * sizeof(float);
    float *fresh = malloc(bytes);
    int status = fresh ? 0 : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for a measurement");
    if (status)
        return status;
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &m.ds));
    PRISM_TRY_OUT(compare(b, &t));
    prism_dev_set_cache(b->dev, off);
    PRISM_TRY_OUT(ask(&m));
    memcpy(fresh, m.amplitude, bytes);
    prism_dev_set_cache(b->dev, b->cache);
    PRISM_TRY_OUT(ask(&m));
    const struct prism_cache_stats s = prism_cache_get_stats(b->cache, PRISM_CACHE_MEASUREMENTS);
    const struct bench_time *hit = bench_time_of(b, "cache/measurements/with");
    double gain = bench_fact_of(b, "cache/measurements/gain");
    bench_add_fact(b, "cache/entry", (double)s.bytes / (double)s.entries, "bytes");
    bench_judge(b, "cache/same", !memcmp(fresh, m.amplitude, bytes),
                "a hit has the bits of a simulation");
    bench_judge(b, "cache/gain", gain >= 16,
                "a repeat is %.0f times as fast as a measurement; the target is 16", gain);
    bench_judge(b, "cache/hit-time", hit->median_ms < 1e-3, "a hit takes %.3f us; the target is 1",
                1e3 * hit->median_ms);
out:
    prism_dataset_destroy(&m.ds);
    free(fresh);
    return status;
}

/* ---- constants: a step with the structural loss ---- */

static int constants(struct bench *b, const struct bench_workload *w)
{
    double times[2][STEPS], *ms[2] = {times[0], times[1]};
    struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_dataset *ds = NULL;
    struct prism_session *s[2] = {NULL, NULL};
    int status;
    p.training.n_epochs = STEPS + 1;
    p.training.loss_weights[PRISM_LOSS_L1] = 0;
    p.training.loss_weights[PRISM_LOSS_SSIM] = 1;
    prism_cache_clear(b->cache, PRISM_CACHE_ALL);
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    for (int with = 0; with < 2; with++) {
        prism_dev_set_cache(b->dev, with ? b->cache : off);
        PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s[with]));
        PRISM_TRY_OUT(prism_session_step(s[with])); /* the first step opens a sample */
    }
    for (int i = 0; i < STEPS; i++)
        for (int with = 0; with < 2; with++) {
            double start = bench_now_ms();
            PRISM_TRY_OUT(prism_session_step(s[with]));
            PRISM_TRY_OUT(b->dev->ops->sync(b->dev));
            ms[with][i] = bench_now_ms() - start;
        }
    status = add_pair(b, "constants", PRISM_CACHE_CONSTANTS, ms, STEPS);
out:
    prism_session_destroy(&s[0]);
    prism_session_destroy(&s[1]);
    prism_dataset_destroy(&ds);
    return status;
}

/* ---- all of them: two progressive sessions on one data set, from nothing - */

static int two_sessions(struct bench *b, const struct bench_workload *w, struct prism_cache *cache,
                        double *image, double *ms)
{
    struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    int status;
    p.training.n_epochs = 1;
    prism_cache_clear(cache, PRISM_CACHE_ALL);
    prism_dev_set_cache(b->dev, cache);
    double start = bench_now_ms();
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    for (int i = 0; i < 2; i++) {
        prism_session_destroy(&s);
        PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
        PRISM_TRY_OUT(prism_session_run(s, NULL, NULL));
    }
    status = prism_session_result(s, image);
    *ms = bench_now_ms() - start;
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    prism_dev_set_cache(b->dev, b->cache);
    return status;
}

static int whole_runs(struct bench *b, const struct bench_workload *w)
{
    double times[2][ROUNDS_MIN], *ms[2] = {times[0], times[1]};
    size_t pixels = (size_t)w->obj * (size_t)w->obj;
    double *image = malloc(2 * pixels * sizeof *image);
    int status = image ? 0 : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for two pictures");
    for (int i = 0; i < ROUNDS_MIN && !status; i++) {
        status = two_sessions(b, w, off, image, &times[0][i]);
        if (!status)
            status = two_sessions(b, w, b->cache, image + pixels, &times[1][i]);
    }
    bool same = !status && !memcmp(image, image + pixels, pixels * sizeof *image);
    free(image);
    PRISM_TRY(status);
    PRISM_TRY(add_pair(b, "run", PRISM_CACHE_ALL, ms, ROUNDS_MIN));
    for (int i = 0; i < PRISM_CACHE_KINDS; i++) {
        const struct prism_cache_stats s = prism_cache_get_stats(b->cache, i);
        bench_print(b, "  %-12s %llu hits, %llu misses, %zu bytes\n", prism_cache_kind_name(i),
                    (unsigned long long)s.hits, (unsigned long long)s.misses, s.bytes);
    }
    bench_judge(
        b, "cache/run/same", same,
        "two sessions of %d samples give the same picture with every cache off and on, bit for bit",
        w->n_samples);
    return 0;
}

/* ---- the document's workload ---- */

/* Times the library's step, with a request for the measurement before each,
 * into ms [n_samples n_epochs]. */
static int cached_steps(struct bench *b, const struct bench_workload *w, double *ms,
                        struct prism_cache_stats *stats)
{
    const struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    const float *amplitude;
    int status;
    prism_cache_clear(b->cache, PRISM_CACHE_ALL);
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    for (int i = 0; i < w->n_samples * w->n_epochs; i++) {
        double start = bench_now_ms();
        PRISM_TRY_OUT(prism_dataset_amplitude(ds, i / w->n_epochs, &amplitude));
        PRISM_TRY_OUT(prism_session_step(s));
        PRISM_TRY_OUT(b->dev->ops->sync(b->dev));
        ms[i] = bench_now_ms() - start;
    }
    *stats = prism_cache_get_stats(b->cache, PRISM_CACHE_MEASUREMENTS);
    status = 0;
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    return status;
}

/* Times the naive step, which measures anew every time; n steps of the first
 * sample suffice. */
static int naive_steps(struct bench *b, const struct bench_workload *w, double *ms, int n)
{
    struct naive *naive = NULL;
    double loss[2];
    int status;
    PRISM_TRY_OUT(naive_create(b, w, true, &naive));
    PRISM_TRY_OUT(naive_sample(naive, 0));
    for (int i = 0; i < n; i++) {
        double start = bench_now_ms();
        PRISM_TRY_OUT(naive_targets(naive));
        PRISM_TRY_OUT(naive_step(naive, loss));
        ms[i] = bench_now_ms() - start;
    }
out:
    naive_destroy(&naive);
    return status;
}

static int workload(struct bench *b, const struct bench_workload *w)
{
    int n = w->n_samples * w->n_epochs, few = n < 20 ? n : 20;
    struct prism_cache_stats s;
    double *ms = malloc((size_t)n * sizeof *ms);
    int status = ms ? 0 : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %d times", n);
    if (!status)
        status = naive_steps(b, w, ms, few);
    if (!status)
        status = bench_add_times(b, "cache/workload/naive", ms, few);
    if (!status)
        status = cached_steps(b, w, ms, &s);
    if (!status)
        status = bench_add_times(b, "cache/workload/step", ms, n);
    free(ms);
    PRISM_TRY(status);
    double rate = 100 * prism_cache_hit_rate(&s), possible = 100 * (1 - 1.0 / w->n_epochs);
    bench_add_fact(b, "cache/workload/hits", (double)s.hits, "");
    bench_add_fact(b, "cache/workload/misses", (double)s.misses, "");
    bench_add_fact(b, "cache/workload/bytes", (double)s.bytes, "bytes held");
    bench_judge(b, "cache/workload/rate", rate >= possible,
                "%.2f %% hits over %d samples x %d steps; %.2f %% is what can hit", rate,
                w->n_samples, w->n_epochs, possible);
    bench_print(b, "The session itself asks once a sample and keeps the answer on the device: "
                   "without the question before every\n"
                   "step, as here and in the document's workload, no run of distinct samples has "
                   "anything to hit.\n");
    return 0;
}

static int parts(struct bench *b, const struct bench_workload *w)
{
    const struct {
        const char *name;
        int (*part)(struct bench *b, const struct bench_workload *w);
    } list[] = {{"cache/apertures", apertures},
                {"cache/constants", constants},
                {"cache/measurements", measurements},
                {"cache/run", whole_runs},
                {"cache/workload", workload}};
    if (bench_wanted(b, "cache/grids"))
        PRISM_TRY(grids(b, w->grid));
    if (bench_wanted(b, "cache/plans"))
        PRISM_TRY(plans(b, w->grid));
    for (int i = 0; i < CLI_COUNT(list); i++)
        if (bench_wanted(b, list[i].name))
            PRISM_TRY(list[i].part(b, w));
    return 0;
}

int bench_cache(struct bench *b)
{
    struct bench_mark mark = bench_mark(b);
    struct bench_workload w;
    struct prism_cache_params none;
    int grid = 512, obj = 128;
    if (b->sizes && sscanf(b->sizes, "%d/%d", &grid, &obj) != 2)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: '%s' is not GRID/OBJECT such as 512/128",
                          b->sizes);
    bench_heading(b, "caches");
    for (int i = 0; i < PRISM_CACHE_KINDS; i++)
        none.budget[i] = PRISM_CACHE_NONE;
    int status =
        bench_workload_create(b, grid, obj, grid == 512 ? 20 : grid / 12,
                              b->n_samples ? b->n_samples : 20, b->n_epochs ? b->n_epochs : 50, &w);
    status = status ? status : prism_cache_create(&none, &off);
    prism_dev_set_cache(b->dev, b->cache);
    status = status ? status : parts(b, &w);
    prism_dev_set_cache(b->dev, NULL);
    prism_cache_destroy(&off);
    bench_workload_release(&w);
    return status ? status : bench_report(b, "cache", "cache", mark);
}
