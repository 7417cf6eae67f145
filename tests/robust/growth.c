/* Long runs need no more memory than short ones: from step 10 to step 10
 * 000, and over as many transforms, nothing is allocated and the resident
 * set stays. */
#include "support/alloc_wrap.h"

#include "support/session.h"
#include "support/tap.h"

#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { FROM = 10, TO = 10000, LIMIT_KIB = 64 };

/* The process's private memory in KiB, without the pages of programs, which
 * come as they are first used; 0 if the system does not say. */
static long resident(void)
{
    static char text[128];
    FILE *f = fopen("/proc/self/statm", "r");
    long total, all = 0, shared = 0;
    if (!f)
        return 0;
    setvbuf(f, text, _IOFBF, sizeof text);
    if (fscanf(f, "%ld %ld %ld", &total, &all, &shared) != 3)
        all = shared = 0;
    fclose(f);
    return (all - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void check(const struct prism_dev *dev, const char *what, int calls, long before, long after)
{
    tap(calls == 0 && after - before <= LIMIT_KIB,
        "%s on %s: %d allocations, resident memory %ld KiB, then %ld KiB", what,
        prism_dev_backend(dev), calls, before, after);
}

/* Steps with N = 64, O = 32, two measurements a step and a narrow network. */
static void steps(struct prism_dev *dev, struct prism_ctx *ctx)
{
    static const double centres[4][2] = {{0, 0}, {5, 1}, {-4, 4}, {2, -6}};
    const struct prism_dataset_params dp = {
        .grid_size = 64,
        .obj_size = 32,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 6}};
    struct prism_recon_params par = {.seed = 5};
    double *truth = small_object(32);
    struct experiment p = {.ctx = ctx, .dev = dev, .n = 4, .truth = truth};
    par.decoder = (struct prism_decoder_params){.latent_channels = 8,
                                                .n_channels = 4,
                                                .channels = {4, 4, 2, 1},
                                                .output_activation = PRISM_OUTPUT_NONE};
    par.training = (struct prism_training_params){.loss_weights = {1},
                                                  .lr = 1e-4,
                                                  .schedule = PRISM_SCHEDULE_CONSTANT,
                                                  .init_steps = -1,
                                                  .max_steps = 2 * TO,
                                                  .batch = 2,
                                                  .unmeasured_weight = 0.1,
                                                  .average = 0.9};
    par.metrics_every = 100;
    p.par = par;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 4, &p.ds));
    struct prism_session *s = new_session(&p);
    /* The history has a fixed size, but the system gives its pages at the first
     * touch. */
    memset(s->trainer.history, 0, sizeof s->trainer.history);
    run_steps(s, FROM);
    heap.calls = 0;
    const long before = resident();
    run_steps(s, TO - FROM);
    check(dev, "joint, step 10 to 10000", heap.calls, before, resident());
    prism_session_destroy(&s);
    release_experiment(&p);
}

static void transforms(struct prism_dev *dev, struct prism_ctx *ctx)
{
    const struct prism_fft_desc d = {PRISM_CF32, 1, 32, 32, NULL, NULL};
    const size_t bytes = 32 * 32 * 8;
    struct prism_fft *fft;
    prism_mem x, y;
    MUST(ctx, dev->ops->fft_create(dev, &d, &fft));
    MUST(ctx, dev->ops->alloc(dev, bytes, &x));
    MUST(ctx, dev->ops->alloc(dev, bytes, &y));
    MUST(ctx, prismi_map(dev, PRISM_MAP_FILL, PRISM_F32, 1, bytes / 4, x, 0, 0, 0, 0.5, 0));
    long before = 0;
    for (int i = 0; i < TO; i++) {
        if (i == FROM) {
            heap.calls = 0;
            before = resident();
        }
        MUST(ctx, dev->ops->fft_run(fft, i % 2 ? 1 : -1, y, i % 2 ? y : x));
    }
    check(dev, "10000 transforms", heap.calls, before, resident());
    dev->ops->release(dev, x);
    dev->ops->release(dev, y);
    dev->ops->fft_destroy(fft);
}

int main(void)
{
#ifdef PR_SET_THP_DISABLE
    prctl(PR_SET_THP_DISABLE, 1, 0, 0,
          0); /* the kernel may put 2 MiB in the place of a few small pages at any time */
#endif
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev = open_dev(ctx, "cpu", NULL, 2);
    if (!dev)
        dev = open_dev(ctx, "ref", NULL, 1);
    steps(dev, ctx);
    transforms(dev, ctx);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
