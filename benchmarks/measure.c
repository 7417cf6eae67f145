/* Timing of calls, and the roofs of the device. */
#include "bench.h"
#include "nn/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS_MAX = 20000, REPEATS_MIN = 5, WARM_UP = 2 };

static double clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

double bench_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

bool bench_standard(const struct bench *b)
{
    return !b->sizes && !b->n_samples && !b->n_epochs;
}

bool bench_wanted(const struct bench *b, const char *name)
{
    return !b->only || strstr(name, b->only);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_time *new_time(struct bench *b)
{
    if (b->n_times == b->cap_times) {
        int cap = b->cap_times ? 2 * b->cap_times : 64;
        struct bench_time *grown = realloc(b->times, (size_t)cap * sizeof *grown);
        if (!grown)
            return NULL;
        b->times = grown;
        b->cap_times = cap;
    }
    return &b->times[b->n_times++];
}

double bench_floor_ms(const struct bench *b, struct bench_cost cost)
{
    if (cost.floor_ms > 0)
        return cost.floor_ms;
    return 1e3 *
           fmax(b->triad > 0 ? cost.bytes / b->triad : 0, b->gemm > 0 ? cost.flops / b->gemm : 0);
}

/* Stores times in ms that are sorted already. */
static int keep(struct bench *b, const char *name, double first_ms, const double *ms, int n,
                double cpu_ms, struct bench_cost cost)
{
    struct bench_time *t = new_time(b);
    double sum = 0;
    if (!t)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for the times of %s", name);
    for (int i = 0; i < n; i++)
        sum += ms[i];
    *t = (struct bench_time){
        .n = n,
        .first_ms = first_ms,
        .min_ms = ms[0],
        .median_ms = ms[n / 2],
        .p95_ms = ms[(n * 95 + 99) / 100 - 1],
        .max_ms = ms[n - 1],
        .mean_ms = sum / n,
        .cpu_ms = cpu_ms,
        .total_ms = sum,
        .calls = n,
        .cost = cost,
    };
    snprintf(t->name, sizeof t->name, "%s", name);
    double floor_ms = bench_floor_ms(b, cost);
    t->roof_percent = floor_ms > 0 ? 100 * floor_ms / t->median_ms : NAN;
    bench_print(b, "%-36s %6d %10.4g %10.4g %10.4g %10.4g", name, n, first_ms, t->min_ms,
                t->median_ms, t->p95_ms);
    if (!isnan(t->roof_percent))
        bench_print(b, " %6.1f %%", t->roof_percent);
    bench_print(b, "\n");
    return 0;
}

int bench_add_times(struct bench *b, const char *name, double *ms, int n)
{
    double first = ms[0];
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    return keep(b, name, first, ms, n, NAN, (struct bench_cost){.bytes = 0});
}

const struct bench_time *bench_time_of(const struct bench *b, const char *name)
{
    for (int i = b->n_times - 1; i >= 0; i--)
        if (!strcmp(b->times[i].name, name))
            return &b->times[i];
    return NULL;
}

/* One timed repeat. */
static int repeat(struct bench *b, const struct bench_case *c, int batch, double *ms)
{
    double start = bench_now_ms();
    for (int i = 0; i < batch; i++)
        PRISM_TRY(c->call(c->arg));
    PRISM_TRY(b->dev->ops->sync(b->dev));
    *ms = (bench_now_ms() - start) / batch;
    return 0;
}

int bench_measure(struct bench *b, const struct bench_case *c)
{
    int batch = c->batch ? c->batch : 1, n = 0, status;
    int warm_up = c->repeats ? 0 : WARM_UP, most = c->repeats ? c->repeats : REPEATS_MAX;
    double first, dropped, spent = 0;
    if (!bench_wanted(b, c->name))
        return 0;
    double *ms = malloc((size_t)most * sizeof *ms);
    if (!ms)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %d times", most);
    PRISM_TRY_OUT(repeat(b, c, 1, &first));
    for (int i = 0; i < warm_up; i++)
        PRISM_TRY_OUT(repeat(b, c, batch, &dropped));
    double cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    for (; n < most && (c->repeats || n < REPEATS_MIN || spent < 1e3 * b->seconds); n++) {
        PRISM_TRY_OUT(repeat(b, c, batch, &ms[n]));
        spent += ms[n] * batch;
    }
    cpu = (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu) / n / batch;
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    status = keep(b, c->name, first, ms, n, cpu, c->cost);
    if (!status) {
        b->times[b->n_times - 1].total_ms += first;
        b->times[b->n_times - 1].calls++;
    }
out:
    free(ms);
    return status;
}

int bench_random(struct prism_dev *dev, size_t n, prism_mem *out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    float *host = malloc(n * sizeof *host);
    uint32_t s = 1;
    int status = host ? dev->ops->alloc(dev, n * sizeof *host, out)
                      : PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for %zu floats", n);
    for (size_t i = 0; !status && i < n; i++) {
        s = 1664525u * s + 1013904223u;
        host[i] = (float)(s >> 8) / 8388608.f - 1.f;
    }
    if (!status)
        status = dev->ops->write(dev, *out, host, n * sizeof *host);
    free(host);
    return status;
}

double bench_fft_flops(size_t batch, size_t h, size_t w)
{
    double n = (double)h * (double)w;
    return 5 * (double)batch * n * log2(n);
}

/* ---- roofs ---- */

struct roof {
    struct prism_dev *dev;
    prism_mem m[3];
    size_t n;
};

static int triad(void *arg)
{
    struct roof *r = arg;
    return prismi_map(r->dev, PRISM_MAP_AXPBY, PRISM_F32, 1, r->n, r->m[0], r->m[1], r->m[2], 0,
                      0.5, 0.25);
}

static int product(void *arg)
{
    struct roof *r = arg;
    const struct prism_gemm_desc d = {PRISM_F32, (int)r->n, (int)r->n, (int)r->n,
                                      false,     false,     1,         0};
    return r->dev->ops->gemm(r->dev, &d, r->m[0], r->m[1], r->m[2]);
}

/* Best time of five after a warm-up. */
static int best_ms(struct roof *r, int (*call)(void *), double *out)
{
    *out = HUGE_VAL;
    for (int i = 0; i < 6; i++) {
        double start = bench_now_ms();
        PRISM_TRY(call(r));
        PRISM_TRY(r->dev->ops->sync(r->dev));
        if (i > 0)
            *out = fmin(*out, bench_now_ms() - start);
    }
    return 0;
}

int bench_roofs(struct bench *b)
{
    /* larger than the caches of a host; on a device, large enough to hide a
     * launch */
    size_t n = b->dev->caps.flags & PRISM_CAPS_HOST_VISIBLE ? (size_t)16 << 20 : (size_t)64 << 20;
    struct roof r = {.dev = b->dev, .n = n};
    const double bytes_each = 12; /* two floats read, one written */
    double ms = 0;
    size_t side = 0;
    int status = 0;
    for (int i = 0; i < 3 && !status; i++)
        status = bench_random(b->dev, n, &r.m[i]);
    if (!status)
        status = best_ms(&r, triad, &ms);
    b->triad = bytes_each * (double)n / ms * 1e3;
    for (r.n = 128; !status && r.n * r.n <= n; r.n *= 2) {
        double cube = 2 * (double)r.n * (double)r.n * (double)r.n;
        side = r.n;
        status = best_ms(&r, product, &ms);
        b->gemm = fmax(b->gemm, cube / ms * 1e3);
        if (ms > 10)
            break;
    }
    for (int i = 0; i < 3; i++)
        if (r.m[i])
            b->dev->ops->release(b->dev, r.m[i]);
    if (!status)
        bench_print(
            b, "roofs: triad %.1f GB/s (%zu floats), matrix product %.1f GFLOP/s (up to %zu)\n",
            b->triad * 1e-9, n, b->gemm * 1e-9, side);
    return status;
}

/* ---- what a step costs at least ---- */

int bench_shapes(struct bench *b, int grid, int obj, struct prism_dev **plan,
                 struct prism_net **net)
{
    const struct prism_decoder_params p = {.dtype = PRISM_F32,
                                           .store = PRISM_F32,
                                           .grid_size = grid,
                                           .obj_size = obj,
                                           .min_channels = 1,
                                           .output_activation = PRISM_OUTPUT_NONE};
    *net = NULL;
    *plan = NULL;
    PRISM_TRY(prismi_planning_dev_open(b->dev, plan));
    return prism_decoder_create(*plan, &p, net);
}

/* The floor of a step is the sum over three parts. Weights: read by the forward
 * pass, then weights and both moments read and written by Adam. Convolutions:
 * one pass forward and two backward; their outputs and those of the
 * normalisations are written and read forward, and read, written and read
 * backward. Transforms: six, two of them of real images, each reads and writes
 * a plane. */
int bench_step_cost(struct bench *b, int grid, int obj, struct bench_cost *out)
{
    struct prism_dev *plan;
    struct prism_net *net;
    struct bench_cost part[] = {
        {.bytes = 0},
        {.bytes = 0},
        {.bytes = 96 * (double)grid * grid,
         .flops = 5 * bench_fft_flops(1, (size_t)grid, (size_t)grid)},
    };
    int status = bench_shapes(b, grid, obj, &plan, &net);
    if (!status)
        part[0].bytes = 28 * (double)prism_net_param_total(net);
    for (int i = 0; !status && i < net->nlayers; i++) {
        const struct prismi_layer *l = &net->layer[i];
        const int *plane = l->conv.transposed ? l->in : l->out;
        part[1].bytes += 20 * (double)prismi_layer_count(l->out);
        if (l->conv.k)
            part[1].flops += 6 * (double)l->param[0].info.count * plane[1] * plane[2];
    }
    *out = (struct bench_cost){.bytes = 0};
    for (int i = 0; !status && i < CLI_COUNT(part); i++) {
        out->floor_ms += bench_floor_ms(b, part[i]);
        out->bytes += part[i].bytes;
        out->flops += part[i].flops;
    }
    prism_net_destroy(&net);
    prism_dev_close(&plan);
    return status;
}
