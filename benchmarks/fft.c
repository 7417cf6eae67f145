/* Transforms by size, powers of two and others: creation of the plan, first
 * call, steady state, and the gain of a plan that is reused. */
#include "bench.h"
#include "draw/svg.h"

#include <math.h>
#include <string.h>

struct transform {
    struct bench *b;
    struct prism_fft_desc d;
    struct prism_fft *plan;
    prism_mem x, y;
    size_t floats;
};

static int forward(void *arg)
{
    struct transform *t = arg;
    return t->b->dev->ops->fft_run(t->plan, -1, t->y, t->x);
}

static int plan_and_run(void *arg)
{
    struct transform *t = arg;
    const struct prism_ops *ops = t->b->dev->ops;
    struct prism_fft *plan;
    PRISM_TRY(ops->fft_create(t->b->dev, &t->d, &plan));
    int status = ops->fft_run(plan, -1, t->y, t->x);
    status = status ? status : ops->sync(t->b->dev);
    ops->fft_destroy(plan);
    return status;
}

/* Relative error of a forward and inverse transform against the input, in the
 * 2-norm. */
static int round_trip_error(struct transform *t, double *out)
{
    const struct prism_ops *ops = t->b->dev->ops;
    double n = (double)t->d.h * t->d.w, sum[2];
    prism_mem sums;
    int status;
    PRISM_TRY(ops->alloc(t->b->dev, 2 * sizeof(float), &sums));
    PRISM_TRY_OUT(ops->fft_run(t->plan, -1, t->y, t->x));
    PRISM_TRY_OUT(ops->fft_run(t->plan, +1, t->y, t->y));
    PRISM_TRY_OUT(prismi_map(t->b->dev, PRISM_MAP_AXPBY, PRISM_F32, 1, t->floats, t->y, t->y, t->x,
                             0, 1 / n, -1));
    PRISM_TRY_OUT(
        ops->reduce(t->b->dev, PRISM_REDUCE_DOT, PRISM_F32, 1, t->floats, sums, t->y, t->y));
    PRISM_TRY_OUT(ops->reduce(t->b->dev, PRISM_REDUCE_DOT, PRISM_F32, 1, t->floats,
                              sums + sizeof(float), t->x, t->x));
    PRISM_TRY_OUT(prismi_dev_get(t->b->dev, sum, sums, PRISM_F32, 2));
    *out = sqrt(sum[0] / sum[1]);
out:
    ops->release(t->b->dev, sums);
    return status;
}

static int run_size(struct bench *b, int batch, int side, bool replan, double *median_ms)
{
    struct transform t = {.b = b, .d = {.dtype = PRISM_CF32, .batch = batch, .h = side, .w = side}};
    char name[BENCH_NAME], label[BENCH_NAME + 16];
    size_t points = (size_t)batch * (size_t)side * (size_t)side;
    double error;
    int status;
    snprintf(name, sizeof name, batch > 1 ? "fft/%d/batch%d" : "fft/%d", side, batch);
    *median_ms = NAN;
    if (!bench_wanted(b, name))
        return 0;
    t.floats = 2 * points;
    struct bench_case c = {
        .name = name,
        .call = forward,
        .arg = &t,
        .cost = {.bytes = 16 * (double)points,
                 .flops = bench_fft_flops((size_t)batch, (size_t)side, (size_t)side)}};
    double start = bench_now_ms();
    PRISM_TRY_OUT(b->dev->ops->fft_create(b->dev, &t.d, &t.plan));
    double plan_ms = bench_now_ms() - start;
    PRISM_TRY_OUT(bench_random(b->dev, t.floats, &t.x));
    PRISM_TRY_OUT(bench_random(b->dev, t.floats, &t.y));
    PRISM_TRY_OUT(bench_measure(b, &c));
    *median_ms = bench_time_of(b, name)->median_ms;
    PRISM_TRY_OUT(round_trip_error(&t, &error));
    snprintf(label, sizeof label, "%s/error", name);
    bench_judge(b, label, error <= 1e-6,
                "forward and inverse return the input within %.1e; the first plan took %.3g ms",
                error, plan_ms);
    if (!replan)
        goto out;
    snprintf(label, sizeof label, "%s/replan", name);
    c.name = label;
    c.call = plan_and_run;
    PRISM_TRY_OUT(bench_measure(b, &c));
    double gain = bench_time_of(b, label)->median_ms / *median_ms;
    snprintf(label, sizeof label, "%s/plan-gain", name);
    bench_add_fact(b, label, gain, "times as fast with the plan reused");
out:
    b->dev->ops->fft_destroy(t.plan);
    if (t.x)
        b->dev->ops->release(b->dev, t.x);
    if (t.y)
        b->dev->ops->release(b->dev, t.y);
    return status;
}

/* Checks that a side that is no power of two costs at most twice as much per
 * point as the next power of two. */
static void judge_sides(struct bench *b, const int *sides, const double *ms, int n)
{
    for (int i = 0; i < n; i++) {
        double here = ms[i] / ((double)sides[i] * sides[i]), best = NAN;
        for (int j = 0; j < n; j++)
            if (!(sides[j] & (sides[j] - 1)) && sides[j] > sides[i])
                best = isnan(best) ? ms[j] / ((double)sides[j] * sides[j]) : best;
        char name[BENCH_NAME];
        snprintf(name, sizeof name, "fft/%d/per-point", sides[i]);
        if (sides[i] & (sides[i] - 1) && here > 0 && best > 0)
            bench_add_fact(b, name, here / best,
                           "times the cost per point of the next power of two");
    }
}

int bench_fft(struct bench *b)
{
    enum { MOST = 16 };
    int sides[MOST] = {128, 256, 512, 1000, 1024, 1536, 2048}, n = 7, used;
    double ms[MOST], x[MOST], other;
    bench_heading(b, "transforms, complex, forward");
    if (b->sizes) {
        n = 0;
        for (const char *p = b->sizes; *p && n < MOST; p += strcspn(p, ","), p += *p == ',')
            if (sscanf(p, "%d%n", &sides[n++], &used) != 1 || sides[n - 1] < 1 ||
                !strchr(",/", p[used])) /* "/" is for sizes of other suites */
                return PRISM_FAIL(b->ctx, PRISM_EINVAL,
                                  "--sizes: '%s' is not a list of sides such as 512,1000",
                                  b->sizes);
    }
    for (int i = 0; i < n; i++) {
        PRISM_TRY(run_size(b, 1, sides[i], true, &ms[i]));
        x[i] = sides[i];
    }
    for (int i = 0; i < n && !b->sizes; i += 2)
        PRISM_TRY(run_size(b, 1 << (4 - i / 2), sides[i], false, &other));
    judge_sides(b, sides, ms, n);
    if (!b->sizes)
        PRISM_TRY(bench_matrix(b));
    const struct prismi_svg_series line = {.label = "median", .x = x, .y = ms, .n = (size_t)n};
    const struct prismi_svg_panel panel = {.title = "forward transform",
                                           .x_label = "side, pixels",
                                           .y_label = "ms",
                                           .log_y = true,
                                           .series = &line,
                                           .n_series = 1};
    return bench_plot(b, "fft", "Complex transforms", &panel, 1);
}
