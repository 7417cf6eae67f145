/* A profiled step allocates nothing, even with new kinds of operation and a
 * full timeline. A profile that gets no memory fails cleanly. */
#include "support/alloc_wrap.h"
#include "support/session.h"
#include "support/tap.h"

enum { FROM = 3, TO = 60 };

static void count(struct prism_ctx *ctx, const char *backend, size_t max_events)
{
    struct prism_dev *dev = NULL;
    const struct prism_profile_params profile = {.max_events = max_events};
    const struct prism_dev_params params = {.backend = backend, .threads = 2, .profile = &profile};
    struct prism_profile_info info;
    if (prism_dev_open(ctx, &params, &dev) == PRISM_ENOTSUP) {
        tap_skip(backend, "not in this build");
        return;
    }
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.metrics_every = 10; /* the first evaluation is new to the tree */
    struct prism_session *s = new_session(&p);
    run_steps(s, FROM);
    int calls = heap.calls;
    run_steps(s, TO - FROM);
    int made = heap.calls - calls;
    MUST(ctx, prism_profile_read(dev, &info));
    tap(made == 0 && info.n_steps == TO && (info.n_dropped > 0) == (max_events > 0),
        "%s: %d allocations in %d profiled steps, %zu events kept, %zu not", backend, made,
        TO - FROM, info.n_events, info.n_dropped);
    prism_session_destroy(&s);
    release_experiment(&p);
    prism_dev_close(&dev);
}

/* Makes every object that a profile allocates for. */
static int make_something(struct prism_ctx *ctx)
{
    const struct prism_profile_params profile = {.max_events = 10};
    const struct prism_dev_params params = {.backend = "ref", .profile = &profile};
    const struct prism_fft_desc fd = {.dtype = PRISM_CF32, .batch = 1, .h = 4, .w = 4};
    const struct prism_conv_desc cd = {.dtype = PRISM_F32,
                                       .n = 1,
                                       .cin = 1,
                                       .h = 4,
                                       .w = 4,
                                       .cout = 1,
                                       .k = 3,
                                       .stride = 1,
                                       .pad = 1};
    struct prism_dev *dev = NULL;
    struct prism_fft *fft = NULL;
    struct prism_conv *conv = NULL;
    prism_mem mem = NULL;
    PRISM_TRY(prism_dev_open(ctx, &params, &dev));
    int status = dev->ops->alloc(dev, 64, &mem);
    if (!status)
        status = dev->ops->fft_create(dev, &fd, &fft);
    if (!status)
        status = dev->ops->conv_create(dev, &cd, &conv);
    dev->ops->conv_destroy(conv);
    dev->ops->fft_destroy(fft);
    if (mem)
        dev->ops->release(dev, mem);
    prism_dev_close(&dev);
    return status;
}

static void refuse(struct prism_ctx *ctx)
{
    int live = heap.live, refused = 0, bad = 0, status = 1;
    for (int at = 1; status && at < 100; at++) {
        heap.calls = 0;
        heap.fail_at = at;
        status = make_something(ctx);
        heap.fail_at = 0;
        refused += status == PRISM_ENOMEM;
        bad += (status && status != PRISM_ENOMEM) || heap.live != live;
    }
    tap(!status && refused > 4 && !bad,
        "%d refused allocations, each of them said and nothing left behind", refused);
}

int main(void)
{
    struct prism_ctx *ctx = open_ctx();
    count(ctx, "ref", 0);
    count(ctx, "ref", 100);
    count(ctx, "cpu", 0);
    count(ctx, "cpu", 100);
    int live = heap.live;
    count(ctx, "ref", 100);
    tap(heap.live == live, "and closing the device frees the profile");
    refuse(ctx);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
