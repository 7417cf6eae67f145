/* Image quality as the device computes it, against the host's functions in
 * double, on a backend argv[1] (argv[2]: folder of plugins). */
#include "prismrec/metrics.h"
#include "recon/internal.h"
#include "support/support.h"
#include "support/tap.h"

#include <math.h>

enum { MOST = 200 * 256 };

/* Pairs of images between 0 and 1. */
enum pair { NOISE, PICTURE, CLOSE, FLAT, GREY, EQUAL, N_PAIRS };
static const char *const pair_names[N_PAIRS] = {
    "noise",     "a picture with noise",    "a picture and nearly the same",
    "two greys", "a light grey with noise", "a picture with itself"};

static void make_pair(enum pair pair, int h, int w, double *x, double *y)
{
    const size_t n = (size_t)h * (size_t)w;
    lcg_fill(x, n, 7);
    lcg_fill(y, n, 8);
    for (size_t i = 0; i < n; i++) {
        const double noise = x[i], row = (double)(i / (size_t)w) / h,
                     col = (double)(i % (size_t)w) / w;
        const double picture = 0.5 + 0.3 * sin(9 * row) * cos(14 * col) + (row > col ? 0.15 : 0);
        const double far[N_PAIRS] = {0.5 + 0.5 * noise,      picture + 0.05 * noise,
                                     picture + 2e-4 * noise, 0.501,
                                     0.8 + 0.05 * noise,     picture};
        y[i] = pair == NOISE ? 0.5 + 0.5 * y[i] : pair == FLAT ? 0.5 : pair == GREY ? 0.8 : picture;
        x[i] = far[pair];
    }
}

static bool close_to(double got, double want, double limit)
{
    return got == want || fabs(got - want) <= limit || (isnan(got) && isnan(want));
}

/* With a reference that replaces another one. */
static void compare(struct prism_ctx *ctx, struct prism_dev *dev, enum prism_dtype dtype,
                    enum pair pair, int h, int w)
{
    static double x[MOST], y[MOST];
    const size_t n = (size_t)h * (size_t)w;
    const bool single = dtype == PRISM_F32;
    struct prismi_quality q;
    struct prismi_quality_values got[2];
    prism_mem image;
    double sum = 0;

    make_pair(pair, h, w, x, y);
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    MUST(ctx, dev->ops->alloc(dev, n * prism_dtype_size(dtype), &image));
    MUST(ctx, prismi_dev_put(dev, image, dtype, x, n));
    MUST(ctx, prismi_quality_create(dev, dtype, x, h, w, &q));
    MUST(ctx, prismi_quality_set_reference(&q, y));
    for (int again = 0; again < 2; again++)
        MUST(ctx, prismi_quality_run(&q, image, &got[again]));
    const double want[] = {prism_ssim(x, y, h, w), prism_psnr_db(x, y, n),
                           prism_rmse_percent(x, y, n)};
    const bool good = close_to(got[0].ssim, want[0], single ? 1e-6 : 1e-12) &&
                      close_to(got[0].psnr_db, want[1], single ? 1e-3 : 1e-9) &&
                      close_to(got[0].rmse_percent, want[2], (single ? 1e-4 : 1e-11) * want[2]) &&
                      close_to(got[0].sum, sum, (single ? 1e-6 : 1e-11) * sum);
    if (!tap(good && !memcmp(&got[0], &got[1], sizeof got[0]), "%s, %d x %d, %s", pair_names[pair],
             h, w, single ? "f32" : "f64"))
        printf(
            "# SSIM %.9g of %.9g, PSNR %.9g of %.9g dB, RMSE %.9g of %.9g %%, sum %.9g of %.9g\n",
            got[0].ssim, want[0], got[0].psnr_db, want[1], got[0].rmse_percent, want[2], got[0].sum,
            sum);
    prismi_quality_release(&q);
    dev->ops->release(dev, image);
}

int main(int argc, char **argv)
{
    static const int sides[][2] = {{5, 9}, {6, 6}, {64, 48}, {200, 256}};
    const char *backend = argc > 1 ? argv[1] : "ref", *plugins = argc > 2 ? argv[2] : NULL;
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev = open_dev(ctx, backend, plugins, 2);
    if (!dev) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    for (int k = 0; k < 2; k++) {
        const enum prism_dtype dtype = k ? PRISM_F64 : PRISM_F32;
        for (size_t i = 0; dev->caps.dtypes & 1u << dtype && i < sizeof sides / sizeof *sides; i++)
            for (int pair = 0; pair < N_PAIRS; pair++)
                compare(ctx, dev, dtype, (enum pair)pair, sides[i][0], sides[i][1]);
    }
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
