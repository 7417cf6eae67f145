/* What the measurement cache saves: one measurement again and again, and the 20 x 50 workload, which asks for its sample's
 * measurement in every step. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

struct repeat {
    struct prism_dataset *ds;
    const float *amplitude;
};

static int ask(void *arg)
{
    struct repeat *r = arg;
    return prism_dataset_amplitude(r->ds, 0, &r->amplitude);
}

/* Without a cache every call simulates; with one every call but the first is a hit. */
static int isolated(struct bench *b, const struct bench_workload *w)
{
    struct prism_cache *cache = NULL;
    struct repeat fresh = {NULL, NULL}, kept = {NULL, NULL};
    const struct bench_case miss = {.name = "cache/simulate", .call = ask, .arg = &fresh};
    const struct bench_case hit = {.name = "cache/hit", .call = ask, .arg = &kept, .batch = 1000};
    double difference = 0;
    int status;
    PRISM_TRY_OUT(prism_cache_create((size_t)256 << 20, &cache));
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, NULL, &fresh.ds));
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, cache, &kept.ds));
    PRISM_TRY_OUT(bench_measure(b, &miss));
    PRISM_TRY_OUT(bench_measure(b, &hit));
    const struct bench_time *slow = bench_time_of(b, miss.name), *fast = bench_time_of(b, hit.name);
    if (!slow || !fast)
        goto out;
    for (size_t i = 0; i < (size_t)w->grid * (size_t)w->grid; i++)
        difference = fmax(difference, fabs((double)fresh.amplitude[i] - (double)kept.amplitude[i]));
    struct prism_cache_stats s = prism_cache_get_stats(cache);
    double gain = slow->median_ms / fast->median_ms;
    bench_add_fact(b, "cache/hits", (double)s.hits, "");
    bench_add_fact(b, "cache/misses", (double)s.misses, "");
    bench_add_fact(b, "cache/entry", (double)s.bytes / (double)s.entries, "bytes");
    bench_judge(b, "cache/same", difference == 0, "a hit is what was simulated, bit for bit");
    bench_judge(b, "cache/gain", gain >= 16, "a repeat is %.0f times as fast as a measurement; the target is 16", gain);
    bench_judge(b, "cache/hit-time", fast->median_ms < 1e-3, "a hit takes %.3f us; the target is 1", 1e3 * fast->median_ms);
out:
    prism_dataset_destroy(&fresh.ds);
    prism_dataset_destroy(&kept.ds);
    prism_cache_destroy(&cache);
    return status;
}

/* The library's step, with a measurement asked for before each, into ms [n_samples n_epochs]. */
static int cached_steps(struct bench *b, const struct bench_workload *w, double *ms, struct prism_cache_stats *stats)
{
    const struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_cache *cache = NULL;
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    const float *amplitude;
    int status;
    PRISM_TRY_OUT(prism_cache_create((size_t)256 << 20, &cache));
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, cache, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    for (int i = 0; i < w->n_samples * w->n_epochs; i++) {
        double start = bench_now_ms();
        PRISM_TRY_OUT(prism_dataset_amplitude(ds, i / w->n_epochs, &amplitude));
        PRISM_TRY_OUT(prism_session_step(s));
        PRISM_TRY_OUT(b->dev->ops->sync(b->dev));
        ms[i] = bench_now_ms() - start;
    }
    *stats = prism_cache_get_stats(cache);
    status = 0;
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    prism_cache_destroy(&cache);
    return status;
}

/* The naive step measures anew every time; n steps of the first sample are enough to know its time. */
static int naive_steps(struct bench *b, const struct bench_workload *w, double *ms, int n)
{
    struct naive *naive = NULL;
    double loss[2];
    int status;
    PRISM_TRY_OUT(naive_create(b, w, &naive));
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
    double rate = 100 * (double)s.hits / (double)(s.hits + s.misses), possible = 100 * (1 - 1.0 / w->n_epochs);
    bench_add_fact(b, "cache/workload/hits", (double)s.hits, "");
    bench_add_fact(b, "cache/workload/misses", (double)s.misses, "");
    bench_add_fact(b, "cache/workload/bytes", (double)s.bytes, "bytes held");
    bench_judge(b, "cache/workload/rate", rate >= possible, "%.2f %% hits over %d samples x %d steps; %.2f %% is what can hit",
                rate, w->n_samples, w->n_epochs, possible);
    bench_print(b, "The session itself asks once a sample and keeps the answer on the device: without the question before every\n"
                   "step, as here and in the document's workload, no run of distinct samples has anything to hit.\n");
    return 0;
}

int bench_cache(struct bench *b)
{
    struct bench_mark mark = bench_mark(b);
    struct bench_workload w;
    int grid = 512, obj = 128;
    if (b->sizes && sscanf(b->sizes, "%d/%d", &grid, &obj) != 2)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: '%s' is not GRID/OBJECT such as 512/128", b->sizes);
    bench_heading(b, "measurement cache");
    int status = bench_workload_create(b, grid, obj, grid == 512 ? 20 : grid / 12, b->n_samples ? b->n_samples : 20,
                                       b->n_epochs ? b->n_epochs : 50, &w);
    status = status ? status : isolated(b, &w);
    if (!status && bench_wanted(b, "cache/workload"))
        status = workload(b, &w);
    bench_workload_release(&w);
    return status ? status : bench_report(b, "cache", "cache", mark);
}
