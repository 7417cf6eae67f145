/* Device of the reference backend: memory, order of work and the descriptor.
 * Every call finishes before it returns, so the queue is always empty. */
#include "ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static int ref_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    size_t rounded = (bytes + ALIGN - 1) / ALIGN * ALIGN;

    *out = rounded < bytes ? NULL : aligned_alloc(ALIGN, rounded ? rounded : ALIGN);
    return *out ? 0
                : REF_FAIL(dev, PRISM_ENOMEM,
                           "no memory for %zu bytes; use a smaller grid or batch", bytes);
}

static void ref_release(struct prism_dev *dev, prism_mem mem)
{
    (void)dev;
    free(mem);
}

static int ref_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    (void)dev;
    if (bytes)
        memcpy(dst, src, bytes);
    return 0;
}

static int ref_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    return ref_write(dev, dst, src, bytes);
}

static int ref_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    return ref_write(dev, dst, src, bytes);
}

static int ref_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                        prism_make *make, const void *arg)
{
    (void)dev, (void)dtype;
    make(arg, 0, n, dst);
    return 0;
}

static int ref_sync(struct prism_dev *dev)
{
    (void)dev;
    return 0;
}

static int ref_probe(char *why, size_t n)
{
    (void)why;
    (void)n;
    return 0;
}

static int ref_open(struct prism_dev *dev, const struct prism_open *params)
{
    (void)params;
    dev->impl = NULL;
    dev->caps = (struct prism_caps){.dtypes = 1u << PRISM_F32 | 1u << PRISM_F64 | 1u << PRISM_CF32 |
                                              1u << PRISM_CF64 | 1u << PRISM_F16 | 1u << PRISM_BF16,
                                    .flags = PRISM_CAPS_HOST_VISIBLE | PRISM_CAPS_DETERMINISTIC,
                                    .align = ALIGN,
                                    .threads = 1};
    snprintf(dev->caps.device, sizeof dev->caps.device, "plain C, 1 thread");
    return 0;
}

static void ref_close(struct prism_dev *dev)
{
    (void)dev;
}

static const struct prism_ops ops = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_ops),
    .alloc = ref_alloc,
    .release = ref_release,
    .write = ref_write,
    .read = ref_read,
    .copy = ref_copy,
    .generate = ref_generate,
    .sync = ref_sync,
    .fft_create = prismi_ref_fft_create,
    .fft_run = prismi_ref_fft_run,
    .fft_destroy = prismi_ref_fft_destroy,
    .conv_create = prismi_ref_conv_create,
    .conv_fwd = prismi_ref_conv_fwd,
    .conv_bwd_x = prismi_ref_conv_bwd_x,
    .conv_bwd_w = prismi_ref_conv_bwd_w,
    .conv_destroy = prismi_ref_conv_destroy,
    .gemm = prismi_ref_gemm,
    .map = prismi_ref_map,
    .reduce = prismi_ref_reduce,
    .window = prismi_ref_window,
    .subaperture_fwd = prismi_ref_subaperture_fwd,
    .subaperture_adj = prismi_ref_subaperture_adj,
    .blur = prismi_ref_blur,
    .pool_fwd = prismi_ref_pool_fwd,
    .pool_bwd = prismi_ref_pool_bwd,
    .copy2d = prismi_ref_copy2d,
    .scatter_add = prismi_ref_scatter_add,
    .softmax_fwd = prismi_ref_softmax_fwd,
    .softmax_bwd = prismi_ref_softmax_bwd,
    .argmax = prismi_ref_argmax,
    .gather_create = prismi_ref_gather_create,
    .gather_fwd = prismi_ref_gather_fwd,
    .gather_adj = prismi_ref_gather_adj,
    .gather_destroy = prismi_ref_gather_destroy,
    .norm_act_fwd = prismi_ref_norm_act_fwd,
    .norm_act_bwd = prismi_ref_norm_act_bwd,
    .dense_fit = prismi_ref_dense_fit,
};

extern const struct prism_backend prismi_backend_ref;
const struct prism_backend prismi_backend_ref = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_backend),
    .name = "ref",
    .probe = ref_probe,
    .open = ref_open,
    .close = ref_close,
    .ops = &ops,
};
