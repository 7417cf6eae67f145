/* Test-only backend "strict": the reference kernels behind memory that behaves like a device's.
 *
 * Every allocation is two ranges SPAN apart: the address handed out has no access, so that a host dereference faults on the spot;
 * the kernels work on the readable twin. Fresh memory is all ones, hence NaN; released memory is unmapped; an operand ends at most
 * one alignment unit before a page without access, so that overruns fault too. */
#include "prismrec/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPAN ((size_t)1 << 34)

enum { ALIGN = 64, NAN_BYTE = 0xff };

extern const struct prism_backend prismi_backend_ref;

#define REF prismi_backend_ref.ops
#define FAIL(dev, status, ...) (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

struct block {
    struct block *next;
    prism_mem mem;
    unsigned char *map;
    size_t total;
};

/* What the kernels see of a device address. */
static prism_mem twin(prism_mem mem)
{
    return mem ? mem + SPAN : NULL;
}

/* ---- memory ---- */

static int strict_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), padded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    size_t pages = (padded + page - 1) / page * page;
    struct block *b = malloc(sizeof *b);

    *out = NULL;
    if (!b || bytes > SPAN / 2) {
        free(b);
        return FAIL(dev, PRISM_ENOMEM, "no memory for %zu bytes", bytes);
    }
    b->total = SPAN + pages + page;
    b->map = mmap(NULL, b->total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->map == MAP_FAILED) {
        free(b);
        return FAIL(dev, PRISM_ENOMEM, "no address space for %zu bytes", bytes);
    }
    if (pages && mprotect(b->map + SPAN, pages, PROT_READ | PROT_WRITE)) {
        munmap(b->map, b->total);
        free(b);
        return FAIL(dev, PRISM_ENOMEM, "no memory for %zu bytes", bytes);
    }
    memset(b->map + SPAN, NAN_BYTE, pages);
    b->mem = b->map + (pages - padded);
    b->next = dev->impl;
    dev->impl = b;
    *out = b->mem;
    return 0;
}

static void strict_release(struct prism_dev *dev, prism_mem mem)
{
    struct block **at = (struct block **)&dev->impl, *b;

    while (*at && (*at)->mem != mem)
        at = &(*at)->next;
    b = *at;
    if (!b) {
        if (mem)
            dev->host->log(dev->host->user, PRISM_LOG_ERROR, "strict: released an address that is not allocated");
        return;
    }
    *at = b->next;
    munmap(b->map, b->total);
    free(b);
}

static int strict_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    return REF->write(dev, twin(dst), src, bytes);
}

static int strict_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    return REF->read(dev, dst, twin(src), bytes);
}

static int strict_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    return REF->copy(dev, twin(dst), twin(src), bytes);
}

static int strict_sync(struct prism_dev *dev)
{
    return REF->sync(dev);
}

/* ---- kernels ---- */

static int strict_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out)
{
    return REF->fft_create(dev, d, out);
}

static int strict_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src)
{
    return REF->fft_run(plan, sign, twin(dst), twin(src));
}

static void strict_fft_destroy(struct prism_fft *plan)
{
    REF->fft_destroy(plan);
}

static int strict_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d, struct prism_conv **out)
{
    return REF->conv_create(dev, d, out);
}

static int strict_conv_fwd(struct prism_conv *plan, prism_mem y, prism_mem x, prism_mem w)
{
    return REF->conv_fwd(plan, twin(y), twin(x), twin(w));
}

static int strict_conv_bwd_x(struct prism_conv *plan, prism_mem gx, prism_mem gy, prism_mem w)
{
    return REF->conv_bwd_x(plan, twin(gx), twin(gy), twin(w));
}

static int strict_conv_bwd_w(struct prism_conv *plan, prism_mem gw, prism_mem gy, prism_mem x)
{
    return REF->conv_bwd_w(plan, twin(gw), twin(gy), twin(x));
}

static void strict_conv_destroy(struct prism_conv *plan)
{
    REF->conv_destroy(plan);
}

static int strict_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c, prism_mem a, prism_mem b)
{
    return REF->gemm(dev, d, twin(c), twin(a), twin(b));
}

static int strict_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows, size_t cols,
                      const struct prism_map_args *args)
{
    struct prism_map_args a = *args;

    for (size_t i = 0; i < sizeof a.y / sizeof *a.y; i++)
        a.y[i] = twin(a.y[i]);
    for (size_t i = 0; i < sizeof a.x / sizeof *a.x; i++)
        a.x[i] = twin(a.x[i]);
    return REF->map(dev, op, dtype, rows, cols, &a);
}

static int strict_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows, size_t cols, prism_mem y,
                         prism_mem a, prism_mem b)
{
    return REF->reduce(dev, op, dtype, rows, cols, twin(y), twin(a), twin(b));
}

static int strict_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x)
{
    return REF->window(dev, d, twin(y), twin(x));
}

static struct prism_subaperture_args subaperture_twins(const struct prism_subaperture_args *a)
{
    return (struct prism_subaperture_args){twin(a->field),  twin(a->spectrum), twin(a->pupil),
                                           twin(a->origin), twin(a->index),    a->beta};
}

static int strict_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    struct prism_subaperture_args a = subaperture_twins(args);

    return REF->subaperture_fwd(dev, d, &a);
}

static int strict_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    struct prism_subaperture_args a = subaperture_twins(args);

    return REF->subaperture_adj(dev, d, &a);
}

static int strict_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x, prism_mem tmp,
                       prism_mem taps)
{
    return REF->blur(dev, d, twin(y), twin(x), twin(tmp), twin(taps));
}

/* ---- descriptor ---- */

static int strict_open(struct prism_dev *dev, const struct prism_open *params)
{
    int status = prismi_backend_ref.open(dev, params);

    dev->impl = NULL; /* list of blocks */
    dev->caps.flags &= ~(uint32_t)PRISM_CAPS_HOST_VISIBLE;
    snprintf(dev->caps.device, sizeof dev->caps.device, "reference kernels behind guarded memory");
    return status;
}

static void strict_close(struct prism_dev *dev)
{
    while (dev->impl) {
        dev->host->log(dev->host->user, PRISM_LOG_ERROR, "strict: memory was not released before closing the device");
        strict_release(dev, ((struct block *)dev->impl)->mem);
    }
    prismi_backend_ref.close(dev);
}

static int strict_probe(char *why, size_t n)
{
    return prismi_backend_ref.probe(why, n);
}

static const struct prism_ops ops = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_ops),
    .alloc = strict_alloc,
    .release = strict_release,
    .write = strict_write,
    .read = strict_read,
    .copy = strict_copy,
    .sync = strict_sync,
    .fft_create = strict_fft_create,
    .fft_run = strict_fft_run,
    .fft_destroy = strict_fft_destroy,
    .conv_create = strict_conv_create,
    .conv_fwd = strict_conv_fwd,
    .conv_bwd_x = strict_conv_bwd_x,
    .conv_bwd_w = strict_conv_bwd_w,
    .conv_destroy = strict_conv_destroy,
    .gemm = strict_gemm,
    .map = strict_map,
    .reduce = strict_reduce,
    .window = strict_window,
    .subaperture_fwd = strict_subaperture_fwd,
    .subaperture_adj = strict_subaperture_adj,
    .blur = strict_blur,
};

static const struct prism_backend strict = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_backend),
    .name = "strict",
    .probe = strict_probe,
    .open = strict_open,
    .close = strict_close,
    .ops = &ops,
};

PRISM_API const struct prism_backend *prism_backend_entry(void);
const struct prism_backend *prism_backend_entry(void)
{
    return &strict;
}
