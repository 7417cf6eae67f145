/* The whole step, every call waited for, in each precision that the device has
 * (source document C). */
#include "bench.h"
#include "draw/svg.h"
#include "prismrec/metrics.h"

#include <math.h>
#include <stdlib.h>

enum { QUALITY_STEPS = 100, QUALITY_LAST = 20, MOST_SIZES = 8 };

static const struct {
    const char *name;
    enum prism_precision precision;
    enum prism_dtype store; /* element type that the device must have */
} kinds[] = {
    {"fp32", PRISM_PRECISION_FP32, PRISM_F32},
    {"tf32", PRISM_PRECISION_TF32, PRISM_F32},
    {"bf16", PRISM_PRECISION_BF16, PRISM_BF16},
    {"fp16", PRISM_PRECISION_FP16, PRISM_F16},
};

/* Results of one size in one precision; NaN if the device lacks the
 * precision. */
struct outcome {
    double median_ms, mib, loss, ssim;
};

static struct outcome outcomes[CLI_COUNT(kinds)][MOST_SIZES];
static double grids[MOST_SIZES];
static int n_sizes;

static int one_step(void *session)
{
    return prism_session_step(session);
}

/* Mean loss of the last of QUALITY_STEPS steps, then the time of one step. */
static int run(struct bench *b, const struct bench_workload *w, int kind, struct outcome *out)
{
    const struct prism_recon_params p = bench_workload_params(w, kinds[kind].precision);
    size_t pixels = (size_t)w->obj * (size_t)w->obj, live = bench_counts(b->dev).live_bytes;
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    struct prism_progress at;
    double *image = malloc(pixels * sizeof *image);
    char name[BENCH_NAME];
    int status =
        image ? 0
              : PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for an image of %zu pixels", pixels);
    if (status)
        goto out;
    snprintf(name, sizeof name, "precision/%d/%d/%s", w->grid, w->obj, kinds[kind].name);
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    out->mib = (double)(bench_counts(b->dev).live_bytes - live) / 1048576;
    out->loss = 0;
    for (int i = 0; i < QUALITY_STEPS; i++) {
        PRISM_TRY_OUT(prism_session_step(s));
        prism_session_progress(s, &at);
        out->loss += i < QUALITY_STEPS - QUALITY_LAST ? 0 : at.loss / QUALITY_LAST;
    }
    PRISM_TRY_OUT(prism_session_result(s, image));
    out->ssim = prism_ssim(image, w->truth, w->obj, w->obj);
    struct bench_case c = {.name = name, .call = one_step, .arg = s};
    PRISM_TRY_OUT(bench_step_cost(b, w->grid, w->obj, &c.cost));
    PRISM_TRY_OUT(bench_measure(b, &c));
    const struct bench_time *t = bench_time_of(b, name);
    out->median_ms = t ? t->median_ms : NAN;
    const struct prism_decoder_params *made = prism_net_params(prism_session_net(s));
    bool half = kinds[kind].store != PRISM_F32;
    if (half && made->store == PRISM_F32)
        bench_print(
            b, "%-36s runs in fp32: a network of this size is not faster with it on this device\n",
            name);
    if (at.skipped > 0)
        bench_print(b, "%-36s %lld updates skipped\n", name, (long long)at.skipped);
out:
    free(image);
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    return status;
}

static void compare(struct bench *b, const struct bench_workload *w, const char *kind,
                    const struct outcome *now, const struct outcome *fp32)
{
    char name[BENCH_NAME];
    double loss = fabs(now->loss / fp32->loss - 1);
    if (now->loss == fp32->loss && now->ssim == fp32->ssim) {
        bench_print(
            b,
            "precision/%d/%d/%s: the same bits as fp32: this device computes nothing in it here\n",
            w->grid, w->obj, kind);
        return;
    }
    snprintf(name, sizeof name, "precision/%d/%d/%s/speed", w->grid, w->obj, kind);
    bench_add_fact(b, name, fp32->median_ms / now->median_ms, "times fp32's");
    snprintf(name, sizeof name, "precision/%d/%d/%s/memory", w->grid, w->obj, kind);
    bench_add_fact(b, name, 100 * (now->mib / fp32->mib - 1), "% against fp32, whole session");
    snprintf(name, sizeof name, "precision/%d/%d/%s/ssim", w->grid, w->obj, kind);
    bench_add_fact(b, name, now->ssim - fp32->ssim, "above fp32's");
    snprintf(name, sizeof name, "precision/%d/%d/%s/loss", w->grid, w->obj, kind);
    bench_add_fact(b, name, 100 * loss, "% apart from fp32's");
    if (bench_standard(b)) /* results of small networks scatter too much to judge */
        bench_judge(b, name, loss < 0.05,
                    "steps %d to %d: %.4g, fp32 %.4g: %.2f %% apart, at most 5",
                    QUALITY_STEPS - QUALITY_LAST, QUALITY_STEPS, now->loss, fp32->loss, 100 * loss);
}

static int run_size(struct bench *b, int grid, int obj)
{
    struct bench_workload w;
    int size = n_sizes;
    if (size == MOST_SIZES)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: at most %d", MOST_SIZES);
    grids[n_sizes++] = grid;
    int status = bench_workload_create(b, grid, obj, grid / 12, 2, 1000000, &w);
    for (int i = 0; i < CLI_COUNT(kinds) && !status; i++) {
        struct outcome *now = &outcomes[i][size];
        *now = (struct outcome){NAN, NAN, NAN, NAN};
        if (!(b->dev->caps.dtypes & 1u << kinds[i].store)) {
            bench_print(b, "precision/%d/%d/%-24s not on this device\n", grid, obj, kinds[i].name);
            continue;
        }
        status = run(b, &w, i, now);
        if (!status && i > 0)
            compare(b, &w, kinds[i].name, now, &outcomes[0][size]);
    }
    bench_workload_release(&w);
    return status;
}

int bench_precision(struct bench *b)
{
    struct bench_mark mark = bench_mark(b);
    struct prismi_svg_series lines[CLI_COUNT(kinds)];
    double ms[CLI_COUNT(kinds)][MOST_SIZES];
    n_sizes = 0;
    bench_heading(b, "steps by precision");
    PRISM_TRY(bench_each_size(b, b->sizes ? b->sizes : "512/256,1024/512,2048/1024", run_size));
    for (int i = 0; i < CLI_COUNT(kinds); i++) {
        for (int k = 0; k < n_sizes; k++)
            ms[i][k] = outcomes[i][k].median_ms;
        lines[i] = (struct prismi_svg_series){kinds[i].name, grids, ms[i], (size_t)n_sizes};
    }
    const struct prismi_svg_panel panel = {.title = "one step",
                                           .x_label = "grid",
                                           .y_label = "ms",
                                           .log_y = true,
                                           .series = lines,
                                           .n_series = CLI_COUNT(kinds)};
    PRISM_TRY(bench_plot(b, "precision", "Precisions", &panel, 1));
    return bench_report(b, "precision", "precision", mark);
}
