/* The parts of a run, each on its own: transforms, decoder and training at
 * 1024, object 512 (source document A). As in the document, calls are counted
 * from the very first one. */
#include "bench.h"
#include "nn/layer.h"
#include "optics/subaperture.h"
#include "recon/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add(struct bench *b, const char *name, double value, const char *unit)
{
    char full[BENCH_NAME];
    snprintf(full, sizeof full, "parts/%s", name);
    bench_add_fact(b, full, value, unit);
}

static const double mib = 1024 * 1024;

/* ---- fft ---- */

struct transform {
    struct prism_dev *dev;
    struct prism_fft *plan;
    struct prism_linop *centred;
    prism_mem x, y;
    size_t n;
};

static int forward(void *arg)
{
    struct transform *t = arg;
    return t->dev->ops->fft_run(t->plan, -1, t->y, t->x);
}

static int inverse(void *arg)
{
    struct transform *t = arg;
    return t->dev->ops->fft_run(t->plan, +1, t->y, t->x);
}

static int round_trip(void *arg)
{
    struct transform *t = arg;
    PRISM_TRY(t->dev->ops->fft_run(t->plan, -1, t->y, t->x));
    return t->dev->ops->fft_run(t->plan, +1, t->y, t->y);
}

static int centred(void *arg)
{
    struct transform *t = arg;
    return prism_linop_forward(t->centred, t->y, t->x);
}

static void release(struct transform *t)
{
    t->dev->ops->fft_destroy(t->plan);
    prism_linop_destroy(&t->centred);
    if (t->x)
        t->dev->ops->release(t->dev, t->x);
    if (t->y)
        t->dev->ops->release(t->dev, t->y);
}

static int prepare(struct bench *b, int side, struct transform *t)
{
    const struct prism_grid grid = {side, side, 1, 1, 1};
    *t = (struct transform){.dev = b->dev, .n = (size_t)side * (size_t)side};
    PRISM_TRY(b->dev->ops->fft_create(
        b->dev, &(struct prism_fft_desc){.dtype = PRISM_CF32, .batch = 1, .h = side, .w = side},
        &t->plan));
    PRISM_TRY(prism_propagator_create(b->dev, PRISM_FRAUNHOFER, &grid, 1, PRISM_CF32, &t->centred));
    PRISM_TRY(bench_random(b->dev, 2 * t->n, &t->x));
    return bench_random(b->dev, 2 * t->n, &t->y);
}

/* Judges the bytes that repeated calls leave behind, on the host and on the
 * device. */
static int growth(struct bench *b, const char *name, int (*call)(void *), void *arg, int calls)
{
    char full[BENCH_NAME];
    for (int i = 0; i < 20; i++)
        PRISM_TRY(call(arg));
    size_t heap = bench_heap_bytes();
    struct bench_counts before = bench_counts(b->dev);
    for (int i = 0; i < calls; i++)
        PRISM_TRY(call(arg));
    PRISM_TRY(b->dev->ops->sync(b->dev));
    struct bench_counts after = bench_counts(b->dev);
    double host = (double)bench_heap_bytes() - (double)heap,
           device = (double)after.live_bytes - (double)before.live_bytes;
    snprintf(full, sizeof full, "parts/growth/%s", name);
    bench_add_fact(b, full, host + device, "bytes");
    bench_judge(b, full, host == 0 && device == 0,
                "%d calls leave %.0f bytes on the host and %.0f on the device", calls, host,
                device);
    return 0;
}

static int fft_cases(struct bench *b, struct transform *t)
{
    struct bench_cost one = {.bytes = 16 * (double)t->n, .flops = bench_fft_flops(1, t->n, 1)};
    struct bench_cost two = {.bytes = 2 * one.bytes, .flops = 2 * one.flops};
    const struct bench_case cases[] = {
        {.name = "parts/fft/forward", .call = forward, .arg = t, .cost = one, .repeats = 99},
        {.name = "parts/fft/inverse", .call = inverse, .arg = t, .cost = one, .repeats = 99},
        {.name = "parts/fft/round-trip", .call = round_trip, .arg = t, .cost = two, .repeats = 99},
        {.name = "parts/fft/centred", .call = centred, .arg = t, .cost = one, .repeats = 99},
    };
    for (int i = 0; i < CLI_COUNT(cases); i++)
        PRISM_TRY(bench_measure(b, &cases[i]));
    const struct bench_time *plain = bench_time_of(b, cases[0].name),
                            *shifted = bench_time_of(b, cases[3].name);
    if (plain && shifted)
        add(b, "fft/centred-ratio", shifted->median_ms / plain->median_ms,
            "times the time of the plain transform");
    return 0;
}

static int fft_part(struct bench *b, int grid)
{
    struct transform t;
    double start = bench_now_ms();
    size_t live = bench_counts(b->dev).live_bytes;
    bench_heading(b, "transforms");
    int status = prepare(b, grid, &t);
    add(b, "fft/setup", bench_now_ms() - start, "ms for the plans and both buffers");
    if (!status)
        add(b, "fft/memory", (double)(bench_counts(b->dev).live_bytes - live) / mib,
            "MiB, with the factors of the centred transform");
    status = status ? status : fft_cases(b, &t);
    release(&t);
    if (!status && bench_wanted(b, "growth")) {
        status = prepare(b, 256, &t);
        status = status ? status
                        : growth(b, "transforms", round_trip, &t, bench_standard(b) ? 10000 : 1000);
        release(&t);
    }
    return status;
}

/* ---- decoder ---- */

struct trainee {
    struct prism_dev *dev;
    struct prism_decoder_params params;
    struct prism_net *net;
    struct prism_measure *measure;
    struct prismi_arena arena;
    struct prismi_adam adam;
    prism_mem x, gx;                   /* the network's output, and the loss's gradient by it */
    prism_mem u, target, weight, loss; /* [2] for the two measurements */
    prism_mem misfit_tmp;
};

static int create_once(void *arg)
{
    struct trainee *t = arg;
    struct prism_net *net;
    PRISM_TRY(prism_decoder_create(t->dev, &t->params, &net));
    int status = prism_net_init(net, 1);
    prism_net_destroy(&net);
    return status;
}

static void touch(const void *arg, size_t first, size_t n, void *out)
{
    (void)arg, (void)first;
    memset(out, 0, n * sizeof(float));
}

/* The creation's floor: how long the device's threads take to write to fresh
 * memory of the weights' size. The memory stays taken, so that the creation
 * finds fresh pages too. */
static int touch_pages(struct bench *b, const struct prism_net *net, prism_mem *held)
{
    size_t count;
    prism_mem values;
    prism_net_values(net, &values, &count);
    PRISM_TRY(b->dev->ops->alloc(b->dev, count * sizeof(float), held));
    double start = bench_now_ms();
    PRISM_TRY(b->dev->ops->generate(b->dev, *held, PRISM_F32, count, touch, NULL));
    add(b, "model/pages", bench_now_ms() - start, "ms to touch as many fresh bytes");
    return 0;
}

static int net_forward(void *arg)
{
    struct trainee *t = arg;
    return prism_net_forward(t->net, &t->x);
}

static int net_backward(struct trainee *t)
{
    return prism_net_backward(t->net, t->gx);
}

static int adam(void *arg)
{
    struct trainee *t = arg;
    return prismi_adam_update(t->dev, &t->adam);
}

static int iteration(void *arg)
{
    PRISM_TRY(net_forward(arg));
    PRISM_TRY(net_backward(arg));
    return adam(arg);
}

static int telescope(void *arg)
{
    struct trainee *t = arg;
    return prism_measure_forward(t->measure, t->u, t->x);
}

static int misfit(void *arg)
{
    struct trainee *t = arg;
    const struct prism_measure_params *p = prism_measure_params(t->measure);
    const struct prism_misfit_desc d = {PRISM_F32, PRISM_MISFIT_L1, 2,
                                        (size_t)p->field_h * (size_t)p->field_w};
    const struct prism_misfit_args a = {.loss = t->loss,
                                        .gu = t->u,
                                        .u = t->u,
                                        .target = t->target,
                                        .weight = t->weight,
                                        .index = prism_measure_index(t->measure),
                                        .tmp = t->misfit_tmp};
    return t->dev->ops->misfit(t->dev, &d, &a);
}

static int all_backward(void *arg)
{
    struct trainee *t = arg;
    PRISM_TRY(prism_measure_adjoint(t->measure, t->gx, t->u));
    PRISM_TRY(prism_net_forward(
        t->net, &t->x)); /* a backward pass needs a forward pass, whose time is subtracted below */
    return net_backward(t);
}

static void destroy(struct trainee *t)
{
    prismi_arena_release(&t->arena);
    prism_measure_destroy(&t->measure);
    prism_net_destroy(&t->net);
}

static int prepare_training(struct bench *b, int grid, int obj, struct trainee *t)
{
    const float weights[2] = {1e-6f, 1e-6f};
    size_t plane = (size_t)grid * (size_t)grid * sizeof(float);
    const struct prism_aperture aperture = {.radius_px = grid / 12.0};
    const struct prism_measure_params mp = {.dtype = PRISM_F32,
                                            .grid_h = grid,
                                            .grid_w = grid,
                                            .obj_h = obj,
                                            .obj_w = obj,
                                            .n_apertures = 2,
                                            .batch = 2};
    *t = (struct trainee){.dev = b->dev,
                          .params = {.dtype = PRISM_F32,
                                     .store = PRISM_F32,
                                     .grid_size = grid,
                                     .obj_size = obj,
                                     .min_channels = 1,
                                     .output_activation = PRISM_OUTPUT_NONE}};
    struct prismi_model model;
    PRISM_TRY(prism_decoder_create(b->dev, &t->params, &t->net));
    PRISM_TRY(prism_net_init(t->net, 1));
    PRISM_TRY(prism_measure_create(b->dev, &mp, &t->measure));
    for (int i = 0; i < 2; i++)
        PRISM_TRY(prism_measure_set_aperture(t->measure, i, &aperture, 0, i * grid / 8.0, NULL));
    prismi_net_model(t->net, &model);
    prismi_adam_plan(&t->adam, &model, &t->arena);
    prismi_arena_add(&t->arena, (size_t)obj * (size_t)obj * sizeof(float), &t->gx);
    prismi_arena_add(&t->arena, t->adam.count * sizeof(float), &t->adam.m);
    prismi_arena_add(&t->arena, t->adam.count * sizeof(float), &t->adam.v);
    prismi_arena_add(&t->arena, 4 * plane, &t->u);
    prismi_arena_add(&t->arena, 2 * plane, &t->target);
    prismi_arena_add(&t->arena, sizeof weights, &t->weight);
    prismi_arena_add(&t->arena, sizeof weights, &t->loss);
    prismi_arena_add(&t->arena, 4 * plane + sizeof weights, &t->misfit_tmp);
    PRISM_TRY(prismi_arena_bind(&t->arena, b->dev));
    PRISM_TRY(b->dev->ops->write(b->dev, t->weight, weights, sizeof weights));
    PRISM_TRY(prismi_adam_set(b->dev, &t->adam, 1e-6, 1));
    return prism_net_forward(t->net, &t->x);
}

/* Memory of a decoder: weights, moments, gradients, activations. */
static int net_memory(struct bench *b, const struct trainee *t)
{
    struct prism_segment s[PRISM_MAX_SEGMENTS];
    struct prism_net *net, *shown;
    size_t live = bench_counts(b->dev).live_bytes, grads = 0, count;
    prism_mem values;
    PRISM_TRY(prism_decoder_create(b->dev, &t->params, &net));
    double all = (double)(bench_counts(b->dev).live_bytes - live);
    int n = prism_net_segments(net, s, PRISM_MAX_SEGMENTS);
    for (int i = 0; i < n; i++)
        grads += s[i].grad ? s[i].count * sizeof(float) : 0;
    prism_net_values(net, &values, &count);
    double weights = (double)(count * sizeof(float));
    live = bench_counts(b->dev).live_bytes;
    int status = prismi_decoder_show(net, &shown);
    double inference = (double)(bench_counts(b->dev).live_bytes - live);
    prism_net_destroy(&shown);
    prism_net_destroy(&net);
    PRISM_TRY(status);
    add(b, "model/parameters", (double)prism_net_param_total(t->net), "");
    add(b, "model/weights", weights / mib, "MiB");
    add(b, "model/gradients", (double)grads / mib,
        "MiB stored; the first layer's gradient is never stored");
    add(b, "model/moments", 2 * weights / mib, "MiB");
    add(b, "model/activations", (all - weights - (double)grads) / mib,
        "MiB, with their gradients and scratch");
    add(b, "model/inference", inference / mib, "MiB, activations that share memory");
    return 0;
}

static int model_part(struct bench *b, int grid, int obj)
{
    struct trainee t;
    prism_mem held = NULL;
    bench_heading(b, "decoder");
    int status = prepare_training(b, grid, obj, &t);
    if (status)
        goto out;
    PRISM_TRY_OUT(touch_pages(b, t.net, &held));
    const struct bench_case cases[] = {
        {.name = "parts/model/create", .call = create_once, .arg = &t, .repeats = 4},
        {.name = "parts/model/forward", .call = net_forward, .arg = &t, .repeats = 49},
        {.name = "parts/model/iteration", .call = iteration, .arg = &t, .repeats = 9},
    };
    for (int i = 0; i < CLI_COUNT(cases); i++)
        PRISM_TRY_OUT(bench_measure(b, &cases[i]));
    struct prism_net *folded;
    PRISM_TRY_OUT(prism_net_fold(t.net, &folded));
    struct trainee inference = t;
    inference.net = folded;
    status = bench_measure(b, &(struct bench_case){.name = "parts/model/folded",
                                                   .call = net_forward,
                                                   .arg = &inference,
                                                   .repeats = 49});
    prism_net_destroy(&folded);
    const struct bench_time *plain = bench_time_of(b, "parts/model/forward"),
                            *flat = bench_time_of(b, "parts/model/folded");
    if (plain && flat)
        add(b, "model/folded-gain", plain->median_ms / flat->median_ms,
            "times the speed of the network that is not folded");
    status = status ? status : net_memory(b, &t);
out:
    if (held)
        b->dev->ops->release(b->dev, held);
    destroy(&t);
    return status;
}

/* ---- training: the five parts of a step, the batched telescope, growth --- */

static int split_part(struct bench *b, int grid, int obj)
{
    struct trainee t;
    int status = prepare_training(b, grid, obj, &t);
    if (status)
        goto out;
    const struct bench_case cases[] = {
        {.name = "parts/split/forward", .call = net_forward, .arg = &t},
        {.name = "parts/split/telescope", .call = telescope, .arg = &t},
        {.name = "parts/split/loss", .call = misfit, .arg = &t},
        {.name = "parts/split/backward+forward", .call = all_backward, .arg = &t},
        {.name = "parts/split/adam", .call = adam, .arg = &t},
    };
    for (int i = 0; i < CLI_COUNT(cases); i++)
        PRISM_TRY_OUT(bench_measure(b, &cases[i]));
    const struct bench_time *both = bench_time_of(b, cases[3].name),
                            *one = bench_time_of(b, cases[0].name);
    if (both && one)
        add(b, "split/backward", both->median_ms - one->median_ms, "ms");
out:
    destroy(&t);
    return status;
}

struct points {
    struct prism_dev *dev;
    struct prism_measure *one, *many;
    struct prismi_arena arena;
    prism_mem x, gx, part; /* [O,O] */
    prism_mem u, tmp;      /* [n] fields, and scratch of the misfit */
    prism_mem target, weight, loss;
    size_t pixels, plane; /* pixels of the object, of a field */
    int n;
};

/* stride: bytes from a point's field to the next one's. */
static int one_by_one(struct points *p, size_t stride)
{
    for (int32_t i = 0; i < p->n; i++) {
        PRISM_TRY(prism_measure_set_index(p->one, &i));
        PRISM_TRY(prism_measure_forward(p->one, p->u + (size_t)i * stride, p->x));
    }
    return 0;
}

/* Each field overwrites the last one, in the cache. */
static int point_loop(void *arg)
{
    return one_by_one(arg, 0);
}

/* All fields are kept, as a batch keeps them. */
static int point_loop_kept(void *arg)
{
    struct points *p = arg;
    return one_by_one(p, 2 * p->plane * sizeof(float));
}

static int batched(void *arg)
{
    struct points *p = arg;
    return prism_measure_forward(p->many, p->u, p->x);
}

/* The loop over points, with loss and gradient. */
static int point_loop_back(void *arg)
{
    struct points *p = arg;
    const struct prism_misfit_desc d = {PRISM_F32, PRISM_MISFIT_L1, 1, p->plane};
    const struct prism_misfit_args a = {
        p->loss, p->u, p->u, p->target, p->weight, prism_measure_index(p->one), p->tmp};
    for (int32_t i = 0; i < p->n; i++) {
        PRISM_TRY(prism_measure_set_index(p->one, &i));
        PRISM_TRY(prism_measure_forward(p->one, p->u, p->x));
        PRISM_TRY(p->dev->ops->misfit(p->dev, &d, &a));
        PRISM_TRY(prism_measure_adjoint(p->one, p->part, p->u));
        PRISM_TRY(prismi_map(p->dev, PRISM_MAP_AXPBY, PRISM_F32, 1, p->pixels, p->gx, p->gx,
                             p->part, 0, i > 0, 1));
    }
    return 0;
}

static int batched_back(void *arg)
{
    struct points *p = arg;
    const struct prism_field_misfit_args a = {
        .loss = p->loss, .target = p->target, .weight = p->weight, .u = p->u, .tmp = p->tmp};
    PRISM_TRY(p->many->in.ops->misfit(&p->many->in, p->x, PRISM_MISFIT_L1, &a));
    return p->many->in.ops->misfit_gradient(&p->many->in, p->gx);
}

static void points_gain(struct bench *b, const char *loop, const char *batch, const char *name)
{
    const struct bench_time *slow = bench_time_of(b, loop), *fast = bench_time_of(b, batch);
    if (slow && fast)
        add(b, name, slow->median_ms / fast->median_ms, "times the loop's speed, 16 points");
}

/* A bound of the gain: the lines that are transformed one by one against those
 * of the batch. Of a spectrum these are the object's rows and the columns that
 * apertures need, of a field the aperture's rows and all columns. */
static void points_bound(struct bench *b, const struct points *p)
{
    const struct prism_measure_params *m = prism_measure_params(p->many);
    const double field = m->box_h + m->grid_w, step_px = m->grid_w / 40.0,
                 columns = fmin(m->grid_w, m->box_w + (p->n - 1) * step_px);
    if (!p->one->matrix.used && !p->many->matrix.used)
        add(b, "points/bound",
            p->n * (m->obj_h + m->box_w + field) / (m->obj_h + columns + p->n * field),
            "times the batch's lines");
}

static int points_memory(struct bench *b, struct points *p)
{
    const size_t n = (size_t)p->n, image = p->pixels * sizeof(float),
                 plane = p->plane * sizeof(float);
    prismi_arena_add(&p->arena, image, &p->x);
    prismi_arena_add(&p->arena, image, &p->gx);
    prismi_arena_add(&p->arena, image, &p->part);
    prismi_arena_add(&p->arena, 2 * n * plane, &p->u);
    prismi_arena_add(&p->arena, 2 * n * plane + n * sizeof(float), &p->tmp);
    prismi_arena_add(&p->arena, n * plane, &p->target);
    prismi_arena_add(&p->arena, n * sizeof(float), &p->weight);
    prismi_arena_add(&p->arena, n * sizeof(float), &p->loss);
    PRISM_TRY(prismi_arena_bind(&p->arena, b->dev));
    PRISM_TRY(prismi_map(b->dev, PRISM_MAP_FILL, PRISM_F32, 1, p->pixels, p->x, 0, 0, 0, 0.5, 0));
    return prismi_map(b->dev, PRISM_MAP_FILL, PRISM_F32, 1, n, p->weight, 0, 0, 0, 1e-6, 0);
}

/* Compares a loop over points, as the original has it, with one batch. */
static int points_part(struct bench *b, int grid, int obj)
{
    struct points p = {.dev = b->dev,
                       .n = 16,
                       .pixels = (size_t)obj * (size_t)obj,
                       .plane = (size_t)grid * (size_t)grid};
    const struct prism_aperture aperture = {.radius_px = grid / 12.0};
    int box = prism_aperture_box(&aperture), status;
    struct prism_measure_params mp = {.dtype = PRISM_F32,
                                      .grid_h = grid,
                                      .grid_w = grid,
                                      .obj_h = obj,
                                      .obj_w = obj,
                                      .box_h = box,
                                      .box_w = box,
                                      .n_apertures = p.n};
    struct prism_measure **both[] = {&p.one, &p.many};
    for (int i = 0; i < 2; i++) {
        mp.batch = i ? p.n : 1;
        PRISM_TRY_OUT(prism_measure_create(b->dev, &mp, both[i]));
        for (int a = 0; a < p.n; a++)
            PRISM_TRY_OUT(prism_measure_set_aperture(*both[i], a, &aperture, 0,
                                                     (a - p.n / 2) * grid / 40.0, NULL));
    }
    PRISM_TRY_OUT(points_memory(b, &p));
    const struct bench_case cases[] = {
        {.name = "parts/points/loop", .call = point_loop, .arg = &p},
        {.name = "parts/points/loop-kept", .call = point_loop_kept, .arg = &p},
        {.name = "parts/points/batch", .call = batched, .arg = &p},
        {.name = "parts/points/gradient/loop", .call = point_loop_back, .arg = &p},
        {.name = "parts/points/gradient/batch", .call = batched_back, .arg = &p},
    };
    for (int i = 0; i < CLI_COUNT(cases); i++)
        PRISM_TRY_OUT(bench_measure(b, &cases[i]));
    points_bound(b, &p);
    points_gain(b, cases[0].name, cases[2].name, "points/gain");
    points_gain(b, cases[1].name, cases[2].name, "points/gain-kept");
    points_gain(b, cases[3].name, cases[4].name, "points/gradient/gain");
out:
    prismi_arena_release(&p.arena);
    prism_measure_destroy(&p.one);
    prism_measure_destroy(&p.many);
    return status;
}

static int session_step(void *session)
{
    return prism_session_step(session);
}

static int growth_of_steps(struct bench *b)
{
    struct bench_workload w;
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    int status;
    PRISM_TRY_OUT(
        bench_workload_create(b, 64, 32, 8, 200, 100, &w)); /* samples begin and end on the way */
    struct prism_recon_params p = bench_workload_params(&w, PRISM_PRECISION_FP32);
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, &w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    status = growth(b, "steps", session_step, s, bench_standard(b) ? 10000 : 1000);
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    bench_workload_release(&w);
    return status;
}

static int training_part(struct bench *b, int grid, int obj)
{
    bench_heading(b, "training, by part");
    PRISM_TRY(split_part(b, grid, obj));
    PRISM_TRY(points_part(b, grid, obj));
    PRISM_TRY(bench_metrics(b, obj));
    return bench_wanted(b, "growth") ? growth_of_steps(b) : 0;
}

/* ---- all of it ---- */

int bench_parts(struct bench *b)
{
    const char *operation = cli_get(b->cli, "operation");
    const char *const names[] = {"all", "fft", "model", "training", "full", NULL};
    int grid = 1024, obj = 512, which = 0;
    while (operation && names[which] && strcmp(names[which], operation))
        which++;
    if (!names[which])
        return PRISM_FAIL(b->ctx, PRISM_EINVAL,
                          "--operation is '%s'; it can be all, fft, model, training or full",
                          operation);
    if (b->sizes && sscanf(b->sizes, "%d/%d", &grid, &obj) != 2)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: '%s' is not GRID/OBJECT such as 512/128",
                          b->sizes);
    int (*const parts[])(struct bench *, int, int) = {model_part, training_part, bench_full};
    if (which <= 1)
        PRISM_TRY(fft_part(b, grid));
    for (int i = 0; i < CLI_COUNT(parts); i++)
        if (which == 0 || which == i + 2)
            PRISM_TRY(parts[i](b, grid, obj));
    return 0;
}
