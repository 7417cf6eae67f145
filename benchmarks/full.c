/* The whole run of source document A: every sample in turn, a checkpoint half
 * way, memory, and the change of a sample's time over the run. */
#include "bench.h"
#include "prismrec/recon.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static void add(struct bench *b, const char *name, double value, const char *unit)
{
    char full[BENCH_NAME];
    snprintf(full, sizeof full, "parts/full/%s", name);
    bench_add_fact(b, full, value, unit);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int timed_sample(struct bench *b, const struct bench_workload *w, struct prism_session *s,
                        double *ms)
{
    double start = bench_now_ms();
    for (int e = 0; e < w->n_epochs; e++)
        PRISM_TRY(prism_session_step(s));
    PRISM_TRY(b->dev->ops->sync(b->dev));
    *ms = bench_now_ms() - start;
    return 0;
}

/* How long a checkpoint in the background holds up the run, and how long it
 * takes until it is on the disk. */
static int save_time(struct bench *b, struct prism_session *s, const char *path)
{
    double held[3], whole[3];
    for (int i = 0; i < 3; i++) {
        double start = bench_now_ms();
        PRISM_TRY(prism_session_save_begin(s, path, NULL, NULL, NULL));
        held[i] = bench_now_ms() - start;
        PRISM_TRY(prism_session_save_wait(s));
        whole[i] = bench_now_ms() - start;
    }
    PRISM_TRY(bench_add_times(b, "parts/checkpoint", held, 3));
    return bench_add_times(b, "parts/checkpoint/disk", whole, 3);
}

/* Times the whole run and writes its state half way to path. */
static int run_samples(struct bench *b, const struct bench_workload *w, struct prism_session *s,
                       const char *path, double *ms)
{
    double total = 0;
    for (int k = 0; k < w->n_samples; k++) {
        if (k == w->n_samples / 2)
            PRISM_TRY(save_time(b, s, path));
        PRISM_TRY(timed_sample(b, w, s, &ms[k]));
        total += ms[k];
    }
    PRISM_TRY(bench_add_times(b, "parts/full/sample", ms, w->n_samples));
    add(b, "steps", w->n_epochs, "steps a sample");
    add(b, "total", 1e-3 * total, "s");
    add(b, "240x100", total / w->n_samples / w->n_epochs * 24000e-3,
        "s for 240 samples x 100 steps at this rate");
    add(b, "device", (double)bench_counts(b->dev).peak_bytes / 0x1p20, "MiB on the device");
    add(b, "resident", bench_rss_peak_mib(), "MiB resident at most");
    return 0;
}

/* Change over the run in percent. Samples come in the pattern's order, from the
 * centre outwards, so that the union of apertures grows all the way. A
 * machine's own speed changes by more within minutes, so samples of the first
 * half and of the second, from a session that goes on at path, take turns, and
 * what counts is the median of the ratios. */
static int drift(struct bench *b, const struct bench_workload *w, struct prism_session *early,
                 struct prism_session *late, const char *path, double *ratio)
{
    int half = w->n_samples / 2, pairs = half - 1;
    double first, second;
    if (pairs < 1)
        return 0;
    PRISM_TRY(prism_session_load(late, path));
    for (int i = -1; i < pairs; i++) { /* the first pair warms up */
        PRISM_TRY(timed_sample(b, w, early, &first));
        PRISM_TRY(timed_sample(b, w, late, &second));
        ratio[i < 0 ? 0 : i] = second / first;
    }
    qsort(ratio, (size_t)pairs, sizeof *ratio, by_value);
    double change = 100 * (ratio[pairs / 2] - 1) * w->n_samples / half;
    add(b, "drift", fabs(change), "% up or down over the run");
    return 0;
}

/* Runs one session for the whole run, then two for its halves. */
static int full_runs(struct bench *b, const struct bench_workload *w, struct prism_dataset *ds,
                     const char *path, double *ms)
{
    const struct prism_recon_params p = bench_workload_params(w, PRISM_PRECISION_FP32);
    struct prism_session *s = NULL, *late = NULL;
    int status;
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    PRISM_TRY_OUT(run_samples(b, w, s, path, ms));
    prism_session_destroy(&s);
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &late));
    status = drift(b, w, s, late, path, ms);
out:
    prism_session_destroy(&late);
    prism_session_destroy(&s);
    return status;
}

int bench_full(struct bench *b, int grid, int obj)
{
    struct bench_workload w;
    struct prism_dataset *ds = NULL;
    double *ms = NULL;
    char dir[512], path[560], previous[600];
    int n = b->n_samples ? b->n_samples : 32, epochs = b->n_epochs ? b->n_epochs : 10, status;
    bench_heading(b, "a whole run");
    bench_rss_peak_reset();
    bench_peak_reset(b->dev);
    PRISM_TRY(bench_scratch(b, dir, sizeof dir));
    snprintf(path, sizeof path, "%s/checkpoint.npz", dir);
    snprintf(previous, sizeof previous, "%s.1", path);
    PRISM_TRY_OUT(bench_workload_create(b, grid, obj, grid / 24, n, epochs, &w));
    ms = malloc((size_t)w.n_samples * sizeof *ms);
    if (!ms) {
        status = PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %d times", n);
        goto out;
    }
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, &w, &ds));
    status = full_runs(b, &w, ds, path, ms);
out:
    free(ms);
    prism_dataset_destroy(&ds);
    bench_workload_release(&w);
    unlink(path);
    unlink(previous);
    rmdir(dir);
    return status;
}
