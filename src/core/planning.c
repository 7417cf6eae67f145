/* The planning device: every entry succeeds and does nothing but count
 * allocations. */
#include "core/ctx.h"

#include <string.h>

static unsigned char nowhere[1]; /* the address of all memory; never dereferenced */

static int count(struct prism_dev *dev, size_t bytes)
{
    size_t *sum = &((struct prismi_device *)dev)->planned_bytes;
    *sum = bytes > SIZE_MAX - *sum ? SIZE_MAX : *sum + bytes;
    return 0;
}

static int plan_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    *out = nowhere;
    return count(dev, bytes);
}

static void plan_release(struct prism_dev *dev, prism_mem mem)
{
    (void)dev, (void)mem;
}

static int plan_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    (void)dev, (void)dst, (void)src, (void)bytes;
    return 0;
}

static int plan_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    (void)dev, (void)src;
    memset(dst, 0, bytes);
    return 0;
}

static int plan_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    (void)dev, (void)dst, (void)src, (void)bytes;
    return 0;
}

static int plan_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                         prism_make *make, const void *arg)
{
    (void)dev, (void)dst, (void)dtype, (void)n, (void)make, (void)arg;
    return 0;
}

static int plan_sync(struct prism_dev *dev)
{
    (void)dev;
    return 0;
}

/* Counts a workspace as large as the data, for passes out of place. */
static int plan_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                           struct prism_fft **out)
{
    *out = NULL;
    return count(dev, (size_t)d->batch * (size_t)d->h * (size_t)d->w * prism_dtype_size(d->dtype));
}

static int plan_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src)
{
    (void)plan, (void)sign, (void)dst, (void)src;
    return 0;
}

static void plan_fft_destroy(struct prism_fft *plan)
{
    (void)plan;
}

static int plan_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                            struct prism_conv **out)
{
    (void)dev, (void)d;
    *out = NULL;
    return 0;
}

static int plan_conv(struct prism_conv *plan, prism_mem out, prism_mem a, prism_mem b)
{
    (void)plan, (void)out, (void)a, (void)b;
    return 0;
}

static void plan_conv_destroy(struct prism_conv *plan)
{
    (void)plan;
}

static int plan_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                     prism_mem a, prism_mem b)
{
    (void)dev, (void)d, (void)c, (void)a, (void)b;
    return 0;
}

static int plan_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype t, size_t rows,
                    size_t cols, const struct prism_map_args *a)
{
    (void)dev, (void)op, (void)t, (void)rows, (void)cols, (void)a;
    return 0;
}

static int plan_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype t, size_t rows,
                       size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    (void)dev, (void)op, (void)t, (void)rows, (void)cols, (void)y, (void)a, (void)b;
    return 0;
}

static int plan_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                       prism_mem x)
{
    (void)dev, (void)d, (void)y, (void)x;
    return 0;
}

static int plan_subaperture(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                            const struct prism_subaperture_args *a)
{
    (void)dev, (void)d, (void)a;
    return 0;
}

static int plan_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                     prism_mem x, prism_mem tmp, prism_mem taps)
{
    (void)dev, (void)d, (void)y, (void)x, (void)tmp, (void)taps;
    return 0;
}

static int plan_pool(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem out,
                     prism_mem a, prism_mem b)
{
    (void)dev, (void)d, (void)out, (void)a, (void)b;
    return 0;
}

static int plan_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                       prism_mem x)
{
    (void)dev, (void)d, (void)y, (void)x;
    return 0;
}

static int plan_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                            prism_mem x, prism_mem weight)
{
    (void)dev, (void)d, (void)y, (void)x, (void)weight;
    return 0;
}

static int plan_softmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                        prism_mem x)
{
    (void)dev, (void)d, (void)y, (void)x;
    return 0;
}

static int plan_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                            prism_mem gy, prism_mem y)
{
    (void)dev, (void)d, (void)gx, (void)gy, (void)y;
    return 0;
}

/* Counts the table and its transpose. */
static int plan_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                              const int32_t *index, const double *weight, struct prism_gather **out)
{
    (void)index, (void)weight;
    *out = NULL;
    return count(dev, 2 * d->ny * (size_t)d->k * (sizeof *index + prism_dtype_size(d->dtype)) +
                          (d->nx + 1) * sizeof *index);
}

static int plan_gather(struct prism_gather *g, prism_mem y, prism_mem x)
{
    (void)g, (void)y, (void)x;
    return 0;
}

static void plan_gather_destroy(struct prism_gather *g)
{
    (void)g;
}

static void plan_close(struct prism_dev *dev)
{
    (void)dev;
}

static const struct prism_ops ops = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_ops),
    .alloc = plan_alloc,
    .release = plan_release,
    .write = plan_write,
    .read = plan_read,
    .copy = plan_copy,
    .generate = plan_generate,
    .sync = plan_sync,
    .fft_create = plan_fft_create,
    .fft_run = plan_fft_run,
    .fft_destroy = plan_fft_destroy,
    .conv_create = plan_conv_create,
    .conv_fwd = plan_conv,
    .conv_bwd_x = plan_conv,
    .conv_bwd_w = plan_conv,
    .conv_destroy = plan_conv_destroy,
    .gemm = plan_gemm,
    .map = plan_map,
    .reduce = plan_reduce,
    .window = plan_window,
    .subaperture_fwd = plan_subaperture,
    .subaperture_adj = plan_subaperture,
    .blur = plan_blur,
    .pool_fwd = plan_pool,
    .pool_bwd = plan_pool,
    .copy2d = plan_copy2d,
    .scatter_add = plan_scatter_add,
    .softmax_fwd = plan_softmax,
    .softmax_bwd = plan_softmax_bwd,
    .argmax = plan_softmax,
    .gather_create = plan_gather_create,
    .gather_fwd = plan_gather,
    .gather_adj = plan_gather,
    .gather_destroy = plan_gather_destroy,
};

static const struct prism_backend planning = {.name = "planning", .close = plan_close, .ops = &ops};

int prismi_planning_dev_open(struct prism_dev *like, struct prism_dev **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(like);
    struct prismi_device *d = prismi_alloc(1, sizeof *d);
    *out = NULL;
    if (!d)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a device record");
    d->ctx = ctx;
    d->backend = &planning;
    d->cache = prismi_dev_cache(like);
    d->ops = ops;
    prismi_compose(&d->ops);
    d->dev = (struct prism_dev){.ops = &d->ops, .host = &d->host, .caps = like->caps};
    d->dev.caps.flags &= ~(uint32_t)PRISM_CAPS_REPLAY;
    prismi_ctx_retain(ctx, "device");
    *out = &d->dev;
    return 0;
}

size_t prismi_planning_dev_bytes(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->planned_bytes;
}

bool prismi_planning(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->backend == &planning;
}
