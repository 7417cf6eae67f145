/* A progressive reconstruction of 100 samples with one step each, object 128 on
 * a grid of 512, apertures of 20 pixels on a Fermat spiral (source document B).
 * `baseline` is the naive way on a device with general methods only,
 * `optimized` a session of the library; both run on the same backend and data.
 * Files of the report have the document's names. */
#include "bench.h"
#include "draw/svg.h"
#include "prismrec/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 5 };

/* Results of one way to do the workload. */
struct way {
    double *runs; /* [RUNS,n_samples] */
    double *ms;   /* [n_samples], in order: the current run's; at the end, those of the run with the
                     median total */
    double *image;       /* [O,O] of the last run */
    double total_ms;     /* sum of ms */
    double spread, psnr; /* standard deviation of the runs' medians in percent; dB */
    struct prism_cache_stats cache;
};

static int naive_on(struct bench *b, const struct bench_workload *w, bool plain, struct way *way)
{
    struct naive *n = NULL;
    double loss[2];
    int status;
    PRISM_TRY_OUT(naive_create(b, w, plain, &n));
    for (int k = 0; k < w->n_samples; k++) {
        double start = bench_now_ms();
        PRISM_TRY_OUT(naive_sample(n, k));
        PRISM_TRY_OUT(naive_targets(n));
        for (int e = 0; e < w->n_epochs; e++)
            PRISM_TRY_OUT(naive_step(n, loss));
        PRISM_TRY_OUT(naive_close(n));
        way->ms[k] = bench_now_ms() - start;
    }
    status = naive_output(n, way->image);
out:
    naive_destroy(&n);
    return status;
}

static int naive_run(struct bench *b, const struct bench_workload *w, struct way *way)
{
    return naive_on(b, w, true, way);
}

static int session_run(struct bench *b, const struct bench_workload *w, struct way *way)
{
    const struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    int status;
    prism_cache_clear(b->cache, PRISM_CACHE_ALL);
    prism_dev_set_cache(b->dev, b->cache);
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    for (int k = 0; k < w->n_samples; k++) {
        double start = bench_now_ms();
        for (int e = 0; e < w->n_epochs; e++)
            PRISM_TRY_OUT(prism_session_step(s));
        PRISM_TRY_OUT(b->dev->ops->sync(b->dev));
        way->ms[k] = bench_now_ms() - start;
    }
    way->cache = prism_cache_get_stats(b->cache, PRISM_CACHE_MEASUREMENTS);
    status = prism_session_result(s, way->image);
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    prism_dev_set_cache(b->dev, NULL);
    return status;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Does all runs of a way. */
static int repeat(struct bench *b, const struct bench_workload *w, struct way *way,
                  int (*run)(struct bench *, const struct bench_workload *, struct way *))
{
    size_t n = (size_t)w->n_samples;
    double total[RUNS], ordered[RUNS], sum = 0, squares = 0, *sorted = malloc(n * sizeof *sorted);
    int status = sorted ? 0 : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %zu times", n);
    for (size_t i = 0; i < RUNS && !status; i++) {
        way->ms = way->runs + i * n;
        status = run(b, w, way);
        total[i] = 0;
        for (size_t k = 0; k < n; k++)
            total[i] += sorted[k] = way->ms[k];
        qsort(sorted, n, sizeof *sorted, by_value);
        ordered[i] = total[i];
        sum += sorted[n / 2] / RUNS;
        squares += sorted[n / 2] * sorted[n / 2] / RUNS;
    }
    free(sorted);
    PRISM_TRY(status);
    qsort(ordered, RUNS, sizeof *ordered, by_value);
    way->total_ms = ordered[RUNS / 2];
    for (size_t i = 0; i < RUNS; i++)
        way->ms = total[i] == way->total_ms ? way->runs + i * n : way->ms;
    way->spread = 100 * sqrt(fmax(0, squares - sum * sum)) / sum;
    return 0;
}

static void add(struct bench *b, const char *way, const char *name, double value, const char *unit)
{
    char full[BENCH_NAME];
    snprintf(full, sizeof full, "progressive-100/%s/%s", way, name);
    bench_add_fact(b, full, value, unit);
}

/* Adds a way's results. Times are sorted in a copy; way->ms keeps the order. */
static int results(struct bench *b, const struct bench_workload *w, struct way *way,
                   const char *which, double peak_mib)
{
    size_t pixels = (size_t)w->obj * (size_t)w->obj;
    char name[BENCH_NAME], report[64];
    double *sorted = malloc((size_t)w->n_samples * sizeof *sorted);
    if (!sorted)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %d times", w->n_samples);
    memcpy(sorted, way->ms, (size_t)w->n_samples * sizeof *sorted);
    snprintf(name, sizeof name, "progressive-100/%s/sample", which);
    snprintf(report, sizeof report, "phase5_%s_performance", which);
    int status = bench_add_times(b, name, sorted, w->n_samples);
    free(sorted);
    PRISM_TRY(status);
    way->psnr = prism_psnr_db(way->image, w->truth, pixels);
    add(b, which, "total", 1e-3 * way->total_ms, "s");
    add(b, which, "rate", 1e3 * w->n_samples / way->total_ms, "samples/s");
    add(b, which, "peak", peak_mib, "MiB resident");
    add(b, which, "psnr", way->psnr, "dB");
    add(b, which, "spread", way->spread, "% between the medians of 5 runs");
    add(b, which, "hits", (double)way->cache.hits, "of the measurement cache");
    add(b, which, "misses", (double)way->cache.misses, "of the measurement cache");
    return 0;
}

static int baseline(struct bench *b, const struct bench_workload *w, struct way *way)
{
    struct bench_mark mark = bench_mark(b);
    bench_heading(b, "100 samples, the naive way");
    bench_rss_peak_reset();
    PRISM_TRY(repeat(b, w, way, naive_run));
    PRISM_TRY(results(b, w, way, "baseline", bench_rss_peak_mib()));
    return bench_report(b, "phase5_baseline_performance", "phase5_baseline_performance", mark);
}

static int optimized(struct bench *b, const struct bench_workload *w, struct way *way)
{
    struct bench_mark mark = bench_mark(b);
    bench_heading(b, "100 samples, the library's way");
    bench_rss_peak_reset();
    PRISM_TRY(repeat(b, w, way, session_run));
    PRISM_TRY(results(b, w, way, "optimized", bench_rss_peak_mib()));
    bench_judge(b, "progressive-100/optimized/reads", way->cache.misses == (uint64_t)w->n_samples,
                "%llu hits: a session reads each of the %d distinct samples once, so that a cache "
                "has nothing to hit here",
                (unsigned long long)way->cache.hits, w->n_samples);
    return bench_report(b, "phase5_optimized_performance", "phase5_optimized_performance", mark);
}

static double correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

static int plot(struct bench *b, const struct bench_workload *w, const struct way *slow,
                const struct way *fast)
{
    double *x = malloc((size_t)w->n_samples * sizeof *x);
    if (!x)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for a plot of %d points", w->n_samples);
    for (int i = 0; i < w->n_samples; i++)
        x[i] = i;
    const struct prismi_svg_series lines[] = {{"baseline", x, slow->ms, (size_t)w->n_samples},
                                              {"optimized", x, fast->ms, (size_t)w->n_samples}};
    const struct prismi_svg_panel panel = {.title = "time of each sample",
                                           .x_label = "sample",
                                           .y_label = "ms",
                                           .log_y = true,
                                           .series = lines,
                                           .n_series = 2};
    int status = bench_plot(b, "phase5_comparison", "100 samples, both ways", &panel, 1);
    free(x);
    return status;
}

static double psnr_gap(const struct bench_workload *w, const double *x, const double *y)
{
    size_t pixels = (size_t)w->obj * (size_t)w->obj;
    return fabs(prism_psnr_db(x, w->truth, pixels) - prism_psnr_db(y, w->truth, pixels));
}

/* Checks that the naive way, from the session's own weights at every sample,
 * has the same losses through two steps and as good a picture. The two runs
 * above cannot be compared in this way: Adam's first step moves every weight by
 * the same length, whatever the gradient, and so differences in the last bits
 * grow from sample to sample. */
static int verify(struct bench *b, const struct bench_workload *whole)
{
    struct bench_workload w = *whole;
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    struct naive *n = NULL;
    size_t pixels = (size_t)w.obj * (size_t)w.obj;
    double error = 0, gap = 0, *image = malloc(2 * pixels * sizeof *image);
    int status = image ? 0 : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for two pictures");
    if (status)
        return status;
    w.n_samples = whole->n_samples < 8 ? whole->n_samples : 8;
    w.n_epochs = 2;
    const struct prism_recon_params p = bench_workload_params(&w, PRISM_PRECISION_FP32);
    PRISM_TRY_OUT(naive_create(b, &w, true, &n));
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, &w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    for (int k = 0; k < w.n_samples; k++) {
        PRISM_TRY_OUT(naive_take_weights(n, prism_session_net(s), b->dev));
        PRISM_TRY_OUT(naive_sample(n, k));
        PRISM_TRY_OUT(naive_targets(n));
        for (int e = 0; e < 2; e++) {
            struct prism_progress at;
            double loss[2];
            PRISM_TRY_OUT(naive_step(n, loss));
            PRISM_TRY_OUT(prism_session_step(s));
            prism_session_progress(s, &at);
            error = fmax(error, fabs(at.loss_new - loss[1]) / loss[1]);
            if (k + e > 0) /* the old loss is 0 at the run's first step */
                error = fmax(error, fabs(at.loss_old - loss[0]) / (loss[0] + loss[1]));
        }
        PRISM_TRY_OUT(naive_close(n));
        PRISM_TRY_OUT(naive_output(n, image));
        PRISM_TRY_OUT(prism_session_result(s, image + pixels));
        gap = fmax(gap, psnr_gap(&w, image, image + pixels));
    }
    bench_add_fact(b, "progressive-100/psnr-change", gap,
                   "dB between the pictures of either way, from the same weights");
    bench_judge(b, "progressive-100/psnr", gap <= 0.1,
                "%d samples from the same weights: PSNR within %.2g dB; at most 0.1", w.n_samples,
                gap);
    bench_judge(b, "progressive-100/losses", error < 1e-3,
                "%d samples x 2 steps from the same weights: both losses agree within %.1e",
                w.n_samples, error);
out:
    free(image);
    naive_destroy(&n);
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    return status;
}

/* Share of the gain that is due to the arrangement: runs the naive arrangement
 * once on the library's own kernels. */
static int arrangement(struct bench *b, const struct bench_workload *w, const struct way *fast)
{
    size_t pixels = (size_t)w->obj * (size_t)w->obj, n = (size_t)w->n_samples;
    double *memory = malloc((pixels + n) * sizeof *memory), total = 0;
    struct way way = {.image = memory, .ms = memory + pixels};
    int status = memory ? naive_on(b, w, false, &way)
                        : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %zu times", n);
    for (size_t k = 0; k < n && !status; k++)
        total += way.ms[k];
    free(memory);
    PRISM_TRY(status);
    bench_add_fact(b, "progressive-100/arrangement", total / fast->total_ms,
                   "times, the naive arrangement on the library's own kernels");
    return 0;
}

static int compare(struct bench *b, const struct bench_workload *w, const struct way *slow,
                   const struct way *fast)
{
    struct bench_mark mark = bench_mark(b);
    double gain = slow->total_ms / fast->total_ms;
    double alike = correlation(slow->image, fast->image, (size_t)w->obj * (size_t)w->obj);
    bench_print(b,
                "\n"
                "both ways: %d samples x %d steps, object %d on %d, apertures of radius %d, "
                "Fermat, seed %llu\n",
                w->n_samples, w->n_epochs, w->obj, w->grid, w->radius, (unsigned long long)w->seed);
    bench_add_fact(b, "progressive-100/speed-up", gain, "times");
    PRISM_TRY(arrangement(b, w, fast));
    bench_add_fact(b, "progressive-100/correlation", alike, "of the two reconstructions");
    PRISM_TRY(verify(b, w));
    if (bench_standard(b)) /* the document's own workload */
        bench_judge(b, "progressive-100/target", gain >= 5,
                    "%.2f times the speed of the naive way on general kernels, which the target of "
                    "5 is for; %.2f on the library's own",
                    gain, bench_fact_of(b, "progressive-100/arrangement"));
    PRISM_TRY(plot(b, w, slow, fast));
    return bench_report(b, "phase5_comparison", "phase5_comparison_report", mark);
}

static int parts(struct bench *b, const char *part, const struct bench_workload *w,
                 struct way *slow, struct way *fast)
{
    bool all = !strcmp(part, "all"), both = all || !strcmp(part, "compare");
    if (both || !strcmp(part, "baseline"))
        PRISM_TRY(baseline(b, w, slow));
    if (both || !strcmp(part, "optimized"))
        PRISM_TRY(optimized(b, w, fast));
    if (both)
        PRISM_TRY(compare(b, w, slow, fast));
    if (all)
        PRISM_TRY(bench_cache(b));
    return all || !strcmp(part, "profile") ? bench_profile(b) : 0;
}

int bench_progressive_100(struct bench *b)
{
    const char *part = b->part;
    struct bench_mark mark = bench_mark(b);
    struct bench_workload w;
    int grid = 512, obj = 128, n = b->n_samples ? b->n_samples : 100,
        epochs = b->n_epochs ? b->n_epochs : 1;
    if (b->sizes && sscanf(b->sizes, "%d/%d", &grid, &obj) != 2)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: '%s' is not GRID/OBJECT such as 512/128",
                          b->sizes);
    int status = bench_workload_create(b, grid, obj, grid == 512 ? 20 : grid / 12, n, epochs, &w);
    size_t pixels = (size_t)obj * (size_t)obj, count = (size_t)w.n_samples;
    double *memory = status ? NULL : calloc(2 * (pixels + RUNS * count), sizeof *memory);
    if (!status && !memory)
        status = PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for the results of %d samples", n);
    if (!status) {
        struct way slow = {.image = memory, .runs = memory + 2 * pixels};
        struct way fast = {.image = memory + pixels, .runs = slow.runs + RUNS * count};
        status = parts(b, part, &w, &slow, &fast);
    }
    free(memory);
    bench_workload_release(&w);
    if (!status && !strcmp(part, "all") && b->output)
        status = bench_write_text(b, "phase5_master_summary.txt",
                                  b->text.text ? b->text.text + mark.text : "");
    return status;
}
