/* The start of a backend of your own: memory works, every kernel still says
 * that it does not. Built as prismrec_backend_mine.so, it is the backend "mine"
 * of the folder that prism_dev_params.plugin_path names. docs/backend.md says
 * how to go on. */
#include "prismrec/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int mine_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    *out = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return *out ? 0
                : dev->host->fail(dev->host->user, PRISM_ENOMEM, __FILE__, __LINE__,
                                  "no memory for %zu bytes", bytes);
}

static void mine_release(struct prism_dev *dev, prism_mem mem)
{
    (void)dev;
    free(mem);
}

static int mine_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    (void)dev;
    memcpy(dst, src, bytes);
    return 0;
}

static int mine_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    (void)dev;
    memcpy(dst, src, bytes);
    return 0;
}

static int mine_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    return mine_write(dev, dst, src, bytes);
}

static int mine_sync(struct prism_dev *dev)
{
    (void)dev; /* every entry has finished when it returns */
    return 0;
}

/* In the place of a kernel that is not written yet. */
static int missing(void)
{
    return PRISM_ENOTSUP;
}

#define MISSING(entry) .entry = (void *)missing
static const struct prism_ops ops = {.abi = PRISM_BACKEND_ABI,
                                     .size = sizeof ops,
                                     .alloc = mine_alloc,
                                     .release = mine_release,
                                     .write = mine_write,
                                     .read = mine_read,
                                     .copy = mine_copy,
                                     .sync = mine_sync,
                                     MISSING(fft_create),
                                     MISSING(fft_run),
                                     MISSING(fft_destroy),
                                     MISSING(conv_create),
                                     MISSING(conv_fwd),
                                     MISSING(conv_bwd_x),
                                     MISSING(conv_bwd_w),
                                     MISSING(conv_destroy),
                                     MISSING(gemm),
                                     MISSING(map),
                                     MISSING(reduce),
                                     MISSING(window),
                                     MISSING(subaperture_fwd),
                                     MISSING(subaperture_adj),
                                     MISSING(blur),
                                     MISSING(pool_fwd),
                                     MISSING(pool_bwd),
                                     MISSING(copy2d),
                                     MISSING(scatter_add),
                                     MISSING(softmax_fwd),
                                     MISSING(softmax_bwd),
                                     MISSING(argmax),
                                     MISSING(gather_create),
                                     MISSING(gather_fwd),
                                     MISSING(gather_adj),
                                     MISSING(gather_destroy)};

static int probe(char *why, size_t n)
{
    (void)why; /* where it is not usable: one sentence, and not 0 */
    (void)n;
    return 0;
}

static int open_device(struct prism_dev *dev, const struct prism_open *open)
{
    (void)open;
    dev->caps = (struct prism_caps){.dtypes = 1u << PRISM_F32 | 1u << PRISM_CF32 | 1u << PRISM_I32,
                                    .flags = PRISM_CAPS_HOST_VISIBLE,
                                    .align = 64,
                                    .threads = 1};
    snprintf(dev->caps.device, sizeof dev->caps.device, "a backend without kernels");
    return 0;
}

static void close_device(struct prism_dev *dev)
{
    (void)dev;
}

static const struct prism_backend backend = {PRISM_BACKEND_ABI, sizeof backend, "mine", probe,
                                             open_device,       close_device,   &ops};

PRISM_API const struct prism_backend *prism_backend_entry(void);
const struct prism_backend *prism_backend_entry(void)
{
    return &backend;
}
