/* Descriptor of the CUDA backend: how a device is found, opened and closed.
 *
 * The CUDA runtime is linked in and looks for the driver when it is first
 * called. So the plugin loads on a machine without a driver, and probe() says
 * what is missing. */
#include "backend_cuda/cu.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    /* compute capability 7.5, Turing: the oldest that today's toolkits compile
     * for */
    OLDEST = 75
};

/* Counts the devices. Returns 0 if there are a driver and a device, else -1 and
 * a sentence in `why`. Makes no CUDA context. */
static int count_devices(int *count, char *why, size_t n)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int driver = 0, runtime = 0;
    cudaError_t e;

    *count = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    if (!driver) {
        snprintf(why, n, "no NVIDIA driver is installed; this build needs one for CUDA %d.%d",
                 runtime / 1000, runtime % 1000 / 10);
        return -1;
    }
    e = cudaGetDeviceCount(count);
    if (e == cudaSuccess && *count > 0)
        return 0;
    (void)cudaGetLastError();
    if (e == cudaErrorInsufficientDriver)
        snprintf(
            why, n,
            "the NVIDIA driver is made for CUDA %d.%d, this build needs %d.%d; update the driver",
            driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    else if (e != cudaErrorNoDevice && e != cudaSuccess)
        snprintf(why, n, "the NVIDIA driver does not answer: %s, %s", cudaGetErrorName(e),
                 cudaGetErrorString(e));
    else if (visible)
        snprintf(why, n, "no NVIDIA device is visible; CUDA_VISIBLE_DEVICES is set to \"%.60s\"",
                 visible);
    else
        snprintf(why, n, "no NVIDIA device is visible");
    return -1;
}

/* Compute capability of a device: 89 stands for 8.9. */
static int capability(int index)
{
    int major = 0, minor = 0;

    (void)cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index);
    (void)cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index);
    return 10 * major + minor;
}

static int cuda_probe(char *why, size_t n)
{
    int count, best = 0;

    if (count_devices(&count, why, n))
        return -1;
    for (int i = 0; i < count; i++)
        best = capability(i) > best ? capability(i) : best;
    if (best >= OLDEST)
        return 0;
    snprintf(why, n,
             "no NVIDIA device of compute capability %d.%d or later; the best one here has %d.%d",
             OLDEST / 10, OLDEST % 10, best / 10, best % 10);
    return -1;
}

static void describe(struct prism_dev *dev, int sm)
{
    struct prism_caps *caps = &dev->caps;
    cudaDeviceProp prop;
    int driver = 0, runtime = 0;
    const char *name =
        cudaGetDeviceProperties(&prop, cu(dev)->index) == cudaSuccess ? prop.name : "NVIDIA device";

    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    snprintf(caps->device, sizeof caps->device, "%.60s, %.0f GB, sm_%d, driver %d.%d, CUDA %d.%d",
             name, (double)caps->mem_bytes / (1 << 30), sm, driver / 1000, driver % 1000 / 10,
             runtime / 1000, runtime % 1000 / 10);
}

static int fill_caps(struct prism_dev *dev, int sm)
{
    struct prism_caps *caps = &dev->caps;

    *caps = prism_caps();
    caps->dtypes =
        1u << PRISM_F32 | 1u << PRISM_F64 | 1u << PRISM_CF32 | 1u << PRISM_CF64 | 1u << PRISM_F16;
    if (sm >= 80) /* earlier devices have no tensor cores for BF16 */
        caps->dtypes |= 1u << PRISM_BF16;
    caps->flags = PRISM_CAPS_DETERMINISTIC;
    caps->align = 256;
    /* In the source documents' measurements mixed precision pays from pictures
     * of 1024 x 1024 on. */
    caps->half_pays_from = (size_t)1 << 20;
    caps->threads = 1;
    snprintf(caps->device, sizeof caps->device, "device %d", cu(dev)->index);
    CU_TRY(CU_CHECK(dev, cudaMemGetInfo(&caps->mem_free_bytes, &caps->mem_bytes),
                    "asking for the device's memory"));
    describe(dev, sm);
    return 0;
}

static int make_stage(struct prism_dev *dev)
{
    struct cu_stage *s = &cu(dev)->stage;

    CU_TRY(CU_CHECK(dev,
                    cudaMallocHost((void **)&s->base, (size_t)cu_stage::PIECES * cu_stage::BYTES),
                    "pinned memory"));
    for (int i = 0; i < cu_stage::PIECES; i++)
        CU_TRY(CU_CHECK(dev, cudaEventCreateWithFlags(&s->done[i], cudaEventDisableTiming),
                        "opening the device"));
    return 0;
}

static int make_queue(struct prism_dev *dev, int sm)
{
    struct cu_dev *d = cu(dev);

    CU_TRY(CU_CHECK(dev, cudaSetDevice(d->index), "opening the device"));
    CU_TRY(fill_caps(dev, sm));
    CU_TRY(CU_CHECK(dev,
                    cudaDeviceGetAttribute(&d->sm_count, cudaDevAttrMultiProcessorCount, d->index),
                    "opening the device"));
    CU_TRY(CU_CHECK(dev, cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking),
                    "opening the device"));
    CU_TRY(make_stage(dev));
    CU_TRY(cu_alloc(dev, CU_PARTIALS * sizeof *d->partials, "room for reductions",
                    (void **)&d->partials));
    CU_TRY(cu_alloc(dev, CU_TICKETS * sizeof *d->tickets, "room for reductions",
                    (void **)&d->tickets));
    return CU_CHECK(dev, cudaMemsetAsync(d->tickets, 0, CU_TICKETS * sizeof *d->tickets, d->stream),
                    "opening the device");
}

/* Closes a device, also one that was opened in part or was lost: calls that
 * fail then have nothing left to free. */
static void cuda_close(struct prism_dev *dev)
{
    struct cu_dev *d = cu(dev);

    cu_use(dev);
    if (d->stream)
        (void)cudaStreamSynchronize(d->stream);
    cu_drop_blas(dev);
    cu_free(dev, d->partials);
    cu_free(dev, d->tickets);
    for (int i = 0; i < cu_stage::PIECES; i++)
        if (d->stage.done[i])
            (void)cudaEventDestroy(d->stage.done[i]);
    if (d->stage.base)
        (void)cudaFreeHost(d->stage.base);
    if (d->stream)
        (void)cudaStreamDestroy(d->stream);
    (void)cudaGetLastError();
    free(d);
    dev->impl = NULL;
}

static int cuda_open(struct prism_dev *dev, const struct prism_open *params)
{
    char why[256] = "";
    int count, sm, status;

    if (count_devices(&count, why, sizeof why))
        return CU_FAIL(dev, PRISM_ENOTSUP, "%s", why);
    if (params->index >= count)
        return CU_FAIL(dev, PRISM_ENOTSUP,
                       "cuda:%d does not exist; %d device%s here, from cuda:0 on", params->index,
                       count, count == 1 ? " is" : "s are");
    sm = capability(params->index);
    if (sm < OLDEST)
        return CU_FAIL(
            dev, PRISM_ENOTSUP,
            "cuda:%d has compute capability %d.%d, which is below %d.%d; name another device",
            params->index, sm / 10, sm % 10, OLDEST / 10, OLDEST % 10);
    dev->impl = calloc(1, sizeof(struct cu_dev));
    if (!dev->impl)
        return CU_FAIL(dev, PRISM_ENOMEM, "no memory for a device record");
    cu(dev)->index = params->index;
    cu(dev)->plain = params->plain;
    status = make_queue(dev, sm);
    if (status)
        cuda_close(dev);
    return status;
}

static constexpr struct prism_ops ops = [] {
    struct prism_ops o = {};

    o.abi = PRISM_BACKEND_ABI;
    o.size = sizeof(struct prism_ops);
    o.alloc = cu_device_alloc;
    o.release = cu_device_release;
    o.write = cu_device_write;
    o.read = cu_device_read;
    o.copy = cu_device_copy;
    o.sync = cu_device_sync;
    o.fft_create = cu_fft_create;
    o.fft_run = cu_fft_run;
    o.fft_destroy = cu_fft_destroy;
    o.conv_create = cu_conv_create;
    o.conv_fwd = cu_conv_fwd;
    o.conv_bwd_x = cu_conv_bwd_x;
    o.conv_bwd_w = cu_conv_bwd_w;
    o.conv_destroy = cu_conv_destroy;
    o.gemm = cu_gemm;
    o.map = cu_map;
    o.reduce = cu_reduce;
    o.window = cu_window;
    o.subaperture_fwd = cu_subaperture_fwd;
    o.subaperture_adj = cu_subaperture_adj;
    o.blur = cu_blur;
    o.pool_fwd = cu_pool_fwd;
    o.pool_bwd = cu_pool_bwd;
    o.copy2d = cu_copy2d;
    o.scatter_add = cu_scatter_add;
    o.softmax_fwd = cu_softmax_fwd;
    o.softmax_bwd = cu_softmax_bwd;
    o.argmax = cu_argmax;
    o.gather_create = cu_gather_create;
    o.gather_fwd = cu_gather_fwd;
    o.gather_adj = cu_gather_adj;
    o.gather_destroy = cu_gather_destroy;
    o.norm_act_fwd = cu_norm_act_fwd;
    o.norm_act_bwd = cu_norm_act_bwd;
    o.misfit = cu_misfit;
    o.adam_outer = cu_adam_outer;
    o.capture_begin = cu_capture_begin;
    o.capture_end = cu_capture_end;
    o.replay = cu_replay;
    o.replay_destroy = cu_replay_destroy;
    return o;
}();

static const struct prism_backend backend = {
    PRISM_BACKEND_ABI,
    sizeof(struct prism_backend),
    "cuda",
    cuda_probe,
    cuda_open,
    cuda_close,
    &ops,
};

extern "C" PRISM_API const struct prism_backend *prism_backend_entry(void);
const struct prism_backend *prism_backend_entry(void)
{
    return &backend;
}
