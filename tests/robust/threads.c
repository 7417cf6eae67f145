/* Contexts are independent: several threads, each with a context and a device
 * of its own, get the bits that one thread alone gets. */
#include "support/session.h"
#include "support/support.h"
#include "support/tap.h"

#include <pthread.h>
#include <sys/stat.h>

enum { THREADS = 3, STEPS = 40, SIDES = 6 };

struct job {
    const char *backend, *folder;
    int number;
    uint64_t bits;
};

/* Transforms of sizes that were not planned before, so that the planner
 * measures in every thread at the same time. */
static uint64_t transforms(struct prism_ctx *ctx, struct prism_dev *dev)
{
    static const int sides[SIDES] = {12, 18, 20, 24, 40, 48};
    uint64_t h = 0;
    for (int i = 0; i < SIDES; i++) {
        const struct prism_fft_desc d = {PRISM_CF32, 2, sides[i], sides[SIDES - 1 - i], NULL, NULL};
        const size_t n = 4 * (size_t)d.h * (size_t)d.w;
        double *x = new_array(n, sizeof *x);
        struct prism_fft *fft;
        prism_mem mem;
        lcg_fill(x, n, 7);
        MUST(ctx, dev->ops->fft_create(dev, &d, &fft));
        MUST(ctx, dev->ops->alloc(dev, n * sizeof(float), &mem));
        MUST(ctx, prismi_dev_put(dev, mem, PRISM_F32, x, n));
        MUST(ctx, dev->ops->fft_run(fft, -1, mem, mem));
        MUST(ctx, prismi_dev_get(dev, x, mem, PRISM_F32, n));
        h = prismi_hash64(x, n * sizeof *x, h);
        dev->ops->release(dev, mem);
        dev->ops->fft_destroy(fft);
        free(x);
    }
    return h;
}

static void *work(void *arg)
{
    struct job *job = arg;
    char path[300];
    struct prism_ctx *ctx = open_ctx();
    const struct prism_dev_params dp = {.backend = job->backend,
                                        .threads = 2,
                                        .plan_effort = PRISM_PLAN_MEASURE,
                                        .cache_dir = job->folder};
    struct prism_dev *dev;
    MUST(ctx, prism_dev_open(ctx, &dp, &dev));
    job->bits = transforms(ctx, dev);
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.decoder = (struct prism_decoder_params){.latent_channels = 8,
                                                  .n_channels = 4,
                                                  .channels = {8, 4, 2, 1},
                                                  .output_activation = PRISM_OUTPUT_NONE};
    struct prism_session *s = new_session(&p);
    snprintf(path, sizeof path, "%s/state%d", job->folder, job->number);
    for (int i = 0; i < STEPS; i++) {
        run_steps(s, 1);
        if (i % 8 == 0)
            MUST(ctx, prism_session_save_begin(s, path, NULL, NULL, NULL));
    }
    uint64_t h = session_hash(s);
    job->bits = prismi_hash64(&h, sizeof h, job->bits);
    prism_session_destroy(&s);
    release_experiment(&p);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return NULL;
}

static void check(const char *backend, const char *folder)
{
    struct job jobs[THREADS], alone = {backend, folder, THREADS, 0};
    pthread_t id[THREADS];
    int same = 0;
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){backend, folder, i, 0};
        if (pthread_create(&id[i], NULL, work, &jobs[i])) {
            printf("Bail out! no thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(id[i], NULL);
    work(&alone);
    for (int i = 0; i < THREADS; i++)
        same += jobs[i].bits == alone.bits;
    tap(same == THREADS, "%s: %d of %d threads gave the bits of one alone", backend, same, THREADS);
}

int main(void)
{
    char dir[256];
    struct stat st;
    support_tempdir(dir, sizeof dir);
    umask(027);
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *cpu = open_dev(ctx, "cpu", NULL, 1);
    if (cpu)
        check("cpu", dir);
    else
        tap_skip("cpu", "not in this build");
    prism_dev_close(&cpu);
    prism_ctx_destroy(&ctx);
    check("ref", dir);
    char path[300];
    snprintf(path, sizeof path, "%s/state0", dir);
    tap(!stat(path, &st) && (st.st_mode & 0777) == 0640 && umask(027) == 027,
        "files obey the umask, which stays as it was");
    support_remove(dir);
    return tap_end();
}
