/* Host memory: every creation survives the failure of any one of its
 * allocations and gives back what it took; runs allocate nothing. */
#include "optics/instrument.h"
#include "support/alloc_wrap.h"
#include "support/support.h"
#include "support/tap.h"

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static const struct prism_aperture circle = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3};
static const struct prism_grid grid = {16, 15, 1e-5, 1e-5, 5e-7};
static struct prism_measure_params params = {
    PRISM_F32, 16, 16, 8, 8, false, 12, 12, 9, 9, 2, 3, PRISM_MEASURE_FFT};

static int create_measure(void)
{
    struct prism_measure *m = NULL;
    int status = prism_measure_create(dev, &params, &m);
    if (status)
        return m ? PRISM_EINVAL : status; /* a failure must not hand out an operator */
    prism_measure_destroy(&m);
    return status;
}

static int create_propagator(void)
{
    struct prism_linop *op = NULL;
    int status = prism_propagator_create(dev, PRISM_FRESNEL, &grid, 0.01, PRISM_CF32, &op);
    if (status)
        return op ? PRISM_EINVAL : status;
    prism_linop_destroy(&op);
    return status;
}

static enum prism_instrument instrument;

static int create_instrument(void)
{
    const struct prismi_instrument_params p = {.kind = instrument,
                                               .dtype = PRISM_F32,
                                               .grid = 16,
                                               .obj = 8,
                                               .field = 16,
                                               .n_frames = 2,
                                               .batch = 3,
                                               .aperture = circle,
                                               .propagator = PRISM_ANGULAR_SPECTRUM,
                                               .distance_m = 0.001,
                                               .pitch_m = 1e-5,
                                               .wavelength_m = 5e-7};
    struct prismi_instrument *in = NULL;
    int status = prismi_instrument_create(dev, &p, &in);
    if (status)
        return in ? PRISM_EINVAL : status;
    prismi_instrument_destroy(&in);
    return status;
}

static char csv[300];
static enum prism_pattern_kind kind;

static int create_pattern(void)
{
    const struct prism_pattern_params p = {kind, 20, 100, 0, 3, 1, csv};
    double *yx = NULL;
    int n;
    int status = prism_pattern_create(ctx, &p, &yx, &n);
    if (status)
        return yx ? PRISM_EINVAL : status;
    free(yx);
    return 0;
}

static int statistics(void)
{
    const double yx[4] = {0, 0, 3, 1};
    struct prism_pattern_stats s;
    return prism_pattern_statistics(ctx, yx, 2, &circle, 32, 20, &s);
}

static void exhaust(const char *name, int (*create)(void))
{
    const int before = heap.live;
    int status = PRISM_ENOMEM, failures = 0;
    for (int k = 1; status == PRISM_ENOMEM && k < 1000; k++) {
        heap.calls = 0;
        heap.fail_at = k;
        status = create();
        heap.fail_at = 0;
        failures += status == PRISM_ENOMEM;
        if (heap.live != before)
            break;
    }
    if (status || heap.live != before)
        printf("# after %d failures: %s, %d blocks lost, %s\n", failures, prism_status_name(status),
               heap.live - before, prism_ctx_error(ctx)->text);
    tap(!status && failures > 0 && heap.live == before, "%s", name);
}

static void run_without_allocation(const char *name)
{
    struct prism_measure *m = NULL;
    struct prism_linop *op = NULL;
    prism_mem x = NULL, y = NULL;
    const int32_t index[3] = {1, 0, 1};
    int status = prism_measure_create(dev, &params, &m);
    status |= prism_propagator_create(dev, PRISM_ANGULAR_SPECTRUM, &grid, 0.01, PRISM_CF32, &op);
    status |= dev->ops->alloc(dev, 3 * 16 * 16 * 8, &x) | dev->ops->alloc(dev, 3 * 16 * 16 * 8, &y);
    heap.calls = 0;
    if (!status) {
        status |= prism_measure_set_aperture(m, 1, &circle, 1, 2, NULL) |
                  prism_measure_set_index(m, index);
        status |= prism_measure_forward(m, y, x) | prism_measure_adjoint(m, x, y);
        status |= prism_linop_forward(op, y, x) | prism_linop_adjoint(op, x, y);
    }
    tap(!status && !heap.calls, "%s", name);
    dev->ops->release(dev, x);
    dev->ops->release(dev, y);
    prism_linop_destroy(&op);
    prism_measure_destroy(&m);
}

static int leaks;
static void count_leaks(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    leaks += level == PRISM_LOG_ERROR;
    printf("# %s\n", text);
}

int main(void)
{
    const struct prism_ctx_params log = {.log = count_leaks, .level = PRISM_LOG_ERROR};
    const struct prism_dev_params ref = {.backend = "ref"};
    char dir[256];
    support_tempdir(dir, sizeof dir);
    snprintf(csv, sizeof csv, "%s/points.csv", dir);
    FILE *f = fopen(csv, "w");
    if (!f || fputs("0,0\n1,2\n", f) < 0 || fclose(f) || prism_ctx_create(&log, &ctx) ||
        prism_dev_open(ctx, &ref, &dev)) {
        printf("Bail out! set-up failed\n");
        return 1;
    }
    exhaust("measurement and its operator", create_measure);
    exhaust("propagator", create_propagator);
    for (int k = 0; k < PRISM_INSTRUMENT_COUNT; k++) {
        instrument = (enum prism_instrument)k;
        exhaust(prismi_instrument_kinds[k].name, create_instrument);
    }
    for (int k = 0; k < PRISM_PATTERN_COUNT; k++) {
        const char *const names[] = {"fermat pattern", "random pattern", "star pattern",
                                     "raster pattern", "csv pattern"};
        kind = (enum prism_pattern_kind)k;
        exhaust(names[k], create_pattern);
    }
    exhaust("pattern statistics", statistics);
    run_without_allocation("runs allocate nothing");
    params.method = PRISM_MEASURE_MATRIX;
    exhaust("measurement by matrices", create_measure);
    run_without_allocation("runs by matrices allocate nothing");
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    tap(!leaks, "%s", "no object is left");
    support_remove(dir);
    return tap_end();
}
