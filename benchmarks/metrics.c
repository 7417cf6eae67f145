/* SSIM, PSNR and RMSE of a noisy image: on the device, and read back for the
 * host's functions in double. */
#include "prismrec/metrics.h"
#include "bench.h"
#include "recon/internal.h"

#include <math.h>

struct metrics {
    struct prism_dev *dev;
    struct prismi_quality quality;
    struct prismi_quality_values values; /* the device's */
    prism_mem image;                     /* [O,O] */
    int obj;
    double *host, *truth; /* [O,O] */
    double ssim, psnr_db; /* the host's */
};

static int metrics_on_device(void *arg)
{
    struct metrics *m = arg;
    return prismi_quality_run(&m->quality, m->image, &m->values);
}

static int metrics_on_host(void *arg)
{
    struct metrics *m = arg;
    const size_t n = (size_t)m->obj * (size_t)m->obj;
    PRISM_TRY(prismi_dev_get(m->dev, m->host, m->image, PRISM_F32, n));
    m->ssim = prism_ssim(m->host, m->truth, m->obj, m->obj);
    m->psnr_db = prism_psnr_db(m->host, m->truth, n);
    (void)prism_rmse_percent(m->host, m->truth, n);
    return 0;
}

static int metrics_cases(struct bench *b, struct metrics *m)
{
    const struct bench_case cases[] = {
        {.name = "parts/metrics/device", .call = metrics_on_device, .arg = m},
        {.name = "parts/metrics/host", .call = metrics_on_host, .arg = m},
    };
    for (int i = 0; i < CLI_COUNT(cases); i++)
        PRISM_TRY(bench_measure(b, &cases[i]));
    const struct bench_time *device = bench_time_of(b, cases[0].name),
                            *host = bench_time_of(b, cases[1].name);
    if (!device || !host)
        return 0;
    const size_t before = bench_counts(b->dev).read_bytes;
    PRISM_TRY(metrics_on_device(m));
    bench_add_fact(b, "parts/metrics/read", (double)(bench_counts(b->dev).read_bytes - before),
                   "bytes");
    bench_add_fact(b, "parts/metrics/gain", host->median_ms / device->median_ms,
                   "times the host's speed");
    bench_judge(b, "parts/metrics",
                fabs(m->values.ssim - m->ssim) <= 1e-6 &&
                    fabs(m->values.psnr_db - m->psnr_db) <= 1e-3,
                "SSIM %.7f on the device and %.7f on the host, PSNR %.4f and %.4f dB",
                m->values.ssim, m->ssim, m->values.psnr_db, m->psnr_db);
    return 0;
}

int bench_metrics(struct bench *b, int obj)
{
    const size_t n = (size_t)obj * (size_t)obj;
    struct metrics m = {.dev = b->dev, .obj = obj};
    int status;
    m.host = prismi_alloc(n, sizeof *m.host);
    m.truth = prismi_alloc(n, sizeof *m.truth);
    if (!m.host || !m.truth)
        PRISM_TRY_OUT(
            PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for an image of %d x %d", obj, obj));
    PRISM_TRY_OUT(bench_random(b->dev, n, &m.image));
    PRISM_TRY_OUT(prismi_dev_get(b->dev, m.host, m.image, PRISM_F32, n));
    for (size_t i = 0; i < n; i++) {
        m.truth[i] = 0.5 + 0.4 * sin(0.05 * (double)(i % (size_t)obj));
        m.host[i] = m.truth[i] + 0.05 * m.host[i];
    }
    PRISM_TRY_OUT(prismi_dev_put(b->dev, m.image, PRISM_F32, m.host, n));
    PRISM_TRY_OUT(prismi_quality_create(b->dev, PRISM_F32, m.truth, obj, obj, &m.quality));
    status = metrics_cases(b, &m);
out:
    prismi_quality_release(&m.quality);
    if (m.image)
        b->dev->ops->release(b->dev, m.image);
    prismi_free(m.host);
    prismi_free(m.truth);
    return status;
}
