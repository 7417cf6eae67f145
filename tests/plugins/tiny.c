/* The smallest plugin: it exports one symbol and uses none of the library. It
 * is built right, and in several wrong ways. */
#include "prismrec/backend.h"

#include <stdio.h>
#include <string.h>

#ifndef TINY_ABI
#define TINY_ABI PRISM_BACKEND_ABI
#endif

#ifndef TINY_SIZE
#define TINY_SIZE sizeof backend
#endif

static int probe(char *why, size_t n)
{
#ifdef TINY_UNUSABLE
    snprintf(why, n, "needs a unicorn");
    return 1;
#else
    (void)why;
    (void)n;
    return 0;
#endif
}

static int open_device(struct prism_dev *dev, const struct prism_open *open)
{
    snprintf(dev->caps.device, sizeof dev->caps.device, "tiny, %d threads", open->threads);
    dev->host->log(dev->host->user, PRISM_LOG_INFO, "tiny says hello");
    return 0;
}

static void close_device(struct prism_dev *dev)
{
    (void)dev;
}

static int nothing(struct prism_dev *dev, prism_mem out)
{
    (void)out;
    return dev->host->fail(dev->host->user, PRISM_ENOTSUP, __FILE__, __LINE__, "tiny does nothing");
}

/* Entries that make the table complete; the test calls only alloc. */
#define STUB(entry) .entry = (void *)nothing
static const struct prism_ops ops = {TINY_ABI,
                                     sizeof ops,
                                     STUB(alloc),
                                     STUB(release),
                                     STUB(write),
                                     STUB(read),
                                     STUB(copy),
                                     STUB(sync),
                                     STUB(fft_create),
                                     STUB(fft_run),
                                     STUB(fft_destroy),
                                     STUB(conv_create),
                                     STUB(conv_fwd),
                                     STUB(conv_bwd_x),
                                     STUB(conv_bwd_w),
                                     STUB(conv_destroy),
#ifndef TINY_INCOMPLETE
                                     STUB(gemm),
#endif
                                     STUB(map),
                                     STUB(reduce),
                                     STUB(window),
                                     STUB(subaperture_fwd),
                                     STUB(subaperture_adj),
                                     STUB(blur),
                                     STUB(pool_fwd),
                                     STUB(pool_bwd),
                                     STUB(copy2d),
                                     STUB(scatter_add),
                                     STUB(softmax_fwd),
                                     STUB(softmax_bwd),
                                     STUB(argmax),
                                     STUB(gather_create),
                                     STUB(gather_fwd),
                                     STUB(gather_adj),
                                     STUB(gather_destroy)};
static const struct prism_backend backend = {TINY_ABI,    TINY_SIZE,    TINY_NAME, probe,
                                             open_device, close_device, &ops};

PRISM_API const struct prism_backend *prism_backend_entry(void);
const struct prism_backend *prism_backend_entry(void)
{
#ifdef TINY_NULL
    (void)backend;
    return NULL;
#else
    return &backend;
#endif
}
