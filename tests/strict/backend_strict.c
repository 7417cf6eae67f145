/* Backend "strict", for tests only: the reference kernels behind memory and a
 * queue that behave like a device's.
 *
 * An allocation is two ranges of addresses SPAN apart. The address handed out
 * has no access, so a dereference by the host faults on the spot; the kernels
 * work on its readable twin. Fresh memory is all ones, hence NaN. Released
 * memory is unmapped. An operand ends at most one alignment unit before a page
 * without access, so overruns fault too.
 *
 * Between capture_begin and capture_end nothing runs, and a call that is not
 * allowed there fails and spoils the capture. While a record is alive no
 * address is given out twice, so a replay that uses released memory faults.
 *
 * What a caller says may be left out is checked, and is left out (hints.c).
 *
 * PRISMREC_STRICT_MEM_BYTES=n: the device has n bytes.
 * PRISMREC_STRICT_LOSE_AFTER=n: after n enqueued calls (the calls of a replay
 * count one by one) the device is lost: every entry fails, and only releasing
 * and closing still work. */
#include "strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPAN ((size_t)1 << 34)

enum { ALIGN = 64, NAN_BYTE = 0xff };

struct block {
    struct block *next;
    prism_mem mem;
    unsigned char *map;
    size_t total, bytes; /* bytes mapped; bytes counted against the device's memory */
    bool released;       /* kept without access while records may name it */
};

/* Address by which the kernels see a device address. */
static prism_mem twin(prism_mem mem)
{
    return mem ? mem + SPAN : NULL;
}

/* ---- memory ---- */

static int map_block(struct prism_dev *dev, struct block *b, size_t pages, size_t page)
{
    b->total = SPAN + pages + page;
    b->map = mmap(NULL, b->total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->map == MAP_FAILED)
        return FAIL(dev, PRISM_ENOMEM, "no address space for %zu bytes", b->bytes);
    if (pages && mprotect(b->map + SPAN, pages, PROT_READ | PROT_WRITE)) {
        munmap(b->map, b->total);
        return FAIL(dev, PRISM_ENOMEM, "no memory for %zu bytes", b->bytes);
    }
    memset(b->map + SPAN, NAN_BYTE, pages);
    b->mem = b->map + (pages - b->bytes);
    return 0;
}

static int strict_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    struct state *s = dev->impl;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), padded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    int status = strict_ready(dev, "alloc");
    struct block *b;

    *out = NULL;
    if (status)
        return status;
    if (bytes > SPAN / 2 || padded > s->room)
        return FAIL(dev, PRISM_ENOMEM, "no memory for %zu bytes: %zu are left", bytes,
                    s->room < SPAN / 2 ? s->room : SPAN / 2);
    b = calloc(1, sizeof *b);
    if (!b)
        return FAIL(dev, PRISM_ENOMEM, "no memory for the record of an allocation");
    b->bytes = padded;
    status = map_block(dev, b, (padded + page - 1) / page * page, page);
    if (status) {
        free(b);
        return status;
    }
    s->room -= padded;
    b->next = s->blocks;
    s->blocks = b;
    *out = b->mem;
    return 0;
}

static void strict_release(struct prism_dev *dev, prism_mem mem)
{
    struct state *s = dev->impl;
    struct block *b = s->blocks;

    strict_forbid(dev, "release");
    while (b && (b->released || b->mem != mem))
        b = b->next;
    if (!b) {
        if (mem)
            dev->host->log(dev->host->user, PRISM_LOG_ERROR,
                           "strict: released an address that is not allocated");
        return;
    }
    b->released = true;
    s->room += b->bytes;
    mprotect(b->map, b->total, PROT_NONE);
    if (!s->records)
        strict_sweep(dev);
}

void strict_sweep(struct prism_dev *dev)
{
    struct state *s = dev->impl;

    for (struct block **at = &s->blocks, *b; (b = *at);)
        if (b->released) {
            *at = b->next;
            munmap(b->map, b->total);
            free(b);
        } else {
            at = &b->next;
        }
    while (s->destroyed) {
        struct plan *p = s->destroyed;
        s->destroyed = p->next;
        free(p);
    }
}

static int strict_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    int status = strict_ready(dev, "write");

    return status ? status : REF->write(dev, twin(dst), src, bytes);
}

/* Odd pieces, the last one first: a value must depend on its index alone. */
static int strict_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                           prism_make *make, const void *arg)
{
    enum { PIECE = 333 };
    double piece[PIECE];
    const size_t size = prism_dtype_size(dtype);
    int status = strict_ready(dev, "generate");

    for (size_t at = n, some; !status && at > 0; at -= some) {
        some = at < PIECE ? at : PIECE;
        make(arg, at - some, some, piece);
        status = REF->write(dev, twin(dst) + (at - some) * size, piece, some * size);
    }
    return status;
}

static int strict_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    int status = strict_ready(dev, "read");

    return status ? status : REF->read(dev, dst, twin(src), bytes);
}

static int strict_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    return strict_enqueue(
        dev, &(struct call){.entry = COPY, .cols = bytes, .mem = {twin(dst), twin(src)}});
}

static int strict_sync(struct prism_dev *dev)
{
    int status = strict_ready(dev, "sync");

    return status ? status : REF->sync(dev);
}

/* ---- plans ---- */

static int plan_create(struct prism_dev *dev, const char *entry, struct plan **out)
{
    int status = strict_ready(dev, entry);

    *out = NULL;
    if (status)
        return status;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return FAIL(dev, PRISM_ENOMEM, "no memory for a plan");
    (*out)->dev = dev;
    return 0;
}

/* Destroys a plan whose inner plan is already destroyed. */
static void plan_destroy(struct plan *p, const char *entry)
{
    struct state *s = p->dev->impl;

    strict_forbid(p->dev, entry);
    p->inner = NULL;
    p->next = s->destroyed;
    s->destroyed = p;
    if (!s->records)
        strict_sweep(p->dev);
}

static int strict_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                             struct prism_fft **out)
{
    struct plan *p;
    struct prism_fft *inner = NULL;
    int status = plan_create(dev, "fft_create", &p);

    *out = NULL;
    if (status)
        return status;
    p->fft = *d;
    p->fft.support = twin(d->support);
    p->fft.factors = twin(d->factors);
    status = REF->fft_create(dev, &p->fft, &inner);
    if (status) {
        free(p);
        return status;
    }
    p->inner = inner;
    *out = (struct prism_fft *)p;
    return 0;
}

static int strict_fft_run(struct prism_fft *fft, int sign, prism_mem dst, prism_mem src)
{
    struct plan *p = (struct plan *)fft;

    return strict_enqueue(
        p->dev,
        &(struct call){.entry = FFT_RUN, .plan = p, .op = sign, .mem = {twin(dst), twin(src)}});
}

static void strict_fft_destroy(struct prism_fft *fft)
{
    struct plan *p = (struct plan *)fft;

    if (!p)
        return;
    REF->fft_destroy(p->inner);
    plan_destroy(p, "fft_destroy");
}

static int strict_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                              struct prism_conv **out)
{
    struct plan *p;
    struct prism_conv *inner = NULL;
    int status = plan_create(dev, "conv_create", &p);

    *out = NULL;
    if (status)
        return status;
    status = REF->conv_create(dev, d, &inner);
    if (status) {
        free(p);
        return status;
    }
    p->inner = inner;
    *out = (struct prism_conv *)p;
    return 0;
}

static int enqueue_conv(enum entry entry, struct prism_conv *conv, prism_mem out, prism_mem in,
                        prism_mem with)
{
    struct plan *p = (struct plan *)conv;

    return strict_enqueue(
        p->dev,
        &(struct call){.entry = entry, .plan = p, .mem = {twin(out), twin(in), twin(with)}});
}

static int strict_conv_fwd(struct prism_conv *plan, prism_mem y, prism_mem x, prism_mem w)
{
    return enqueue_conv(CONV_FWD, plan, y, x, w);
}

static int strict_conv_bwd_x(struct prism_conv *plan, prism_mem gx, prism_mem gy, prism_mem w)
{
    return enqueue_conv(CONV_BWD_X, plan, gx, gy, w);
}

static int strict_conv_bwd_w(struct prism_conv *plan, prism_mem gw, prism_mem gy, prism_mem x)
{
    return enqueue_conv(CONV_BWD_W, plan, gw, gy, x);
}

static void strict_conv_destroy(struct prism_conv *conv)
{
    struct plan *p = (struct plan *)conv;

    if (!p)
        return;
    REF->conv_destroy(p->inner);
    plan_destroy(p, "conv_destroy");
}

static int strict_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                                const int32_t *index, const double *weight,
                                struct prism_gather **out)
{
    struct plan *p;
    struct prism_gather *inner = NULL;
    int status = plan_create(dev, "gather_create", &p);

    *out = NULL;
    if (status)
        return status;
    status = REF->gather_create(dev, d, index, weight, &inner);
    if (status) {
        free(p);
        return status;
    }
    p->inner = inner;
    *out = (struct prism_gather *)p;
    return 0;
}

static int strict_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    struct plan *p = (struct plan *)g;

    return strict_enqueue(
        p->dev, &(struct call){.entry = GATHER_FWD, .plan = p, .mem = {twin(y), twin(x)}});
}

static int strict_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    struct plan *p = (struct plan *)g;

    return strict_enqueue(
        p->dev, &(struct call){.entry = GATHER_ADJ, .plan = p, .mem = {twin(gx), twin(gy)}});
}

static void strict_gather_destroy(struct prism_gather *g)
{
    struct plan *p = (struct plan *)g;

    if (!p)
        return;
    REF->gather_destroy(p->inner);
    plan_destroy(p, "gather_destroy");
}

/* ---- calls without a plan ---- */

static int strict_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                       prism_mem a, prism_mem b)
{
    return strict_enqueue(
        dev, &(struct call){.entry = GEMM, .desc.gemm = *d, .mem = {twin(c), twin(a), twin(b)}});
}

static int strict_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                      size_t cols, const struct prism_map_args *args)
{
    struct call c = {
        .entry = MAP, .op = op, .dtype = dtype, .rows = rows, .cols = cols, .args.map = *args};

    for (size_t i = 0; i < sizeof args->y / sizeof *args->y; i++)
        c.args.map.y[i] = twin(args->y[i]);
    for (size_t i = 0; i < sizeof args->x / sizeof *args->x; i++)
        c.args.map.x[i] = twin(args->x[i]);
    return strict_enqueue(dev, &c);
}

static int strict_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                         size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    return strict_enqueue(dev, &(struct call){.entry = REDUCE,
                                              .op = op,
                                              .dtype = dtype,
                                              .rows = rows,
                                              .cols = cols,
                                              .mem = {twin(y), twin(a), twin(b)}});
}

static int strict_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                         prism_mem x)
{
    return strict_enqueue(
        dev, &(struct call){.entry = WINDOW, .desc.window = *d, .mem = {twin(y), twin(x)}});
}

static int enqueue_subaperture(struct prism_dev *dev, enum entry entry,
                               const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *a)
{
    return strict_enqueue(
        dev, &(struct call){.entry = entry,
                            .desc.subaperture = *d,
                            .args.subaperture = {twin(a->field), twin(a->spectrum), twin(a->pupil),
                                                 twin(a->origin), twin(a->index), a->beta,
                                                 twin(a->open), twin(a->rows), a->open_rows}});
}

static int strict_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    return enqueue_subaperture(dev, SUBAPERTURE_FWD, d, args);
}

static int strict_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    return enqueue_subaperture(dev, SUBAPERTURE_ADJ, d, args);
}

static int strict_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                       prism_mem x, prism_mem tmp, prism_mem taps)
{
    return strict_enqueue(dev, &(struct call){.entry = BLUR,
                                              .desc.blur = *d,
                                              .mem = {twin(y), twin(x), twin(tmp), twin(taps)}});
}

static int strict_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                           prism_mem index, prism_mem x)
{
    return strict_enqueue(
        dev,
        &(struct call){.entry = POOL_FWD, .desc.pool = *d, .mem = {twin(y), twin(index), twin(x)}});
}

static int strict_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem index)
{
    return strict_enqueue(dev, &(struct call){.entry = POOL_BWD,
                                              .desc.pool = *d,
                                              .mem = {twin(gx), twin(gy), twin(index)}});
}

static int strict_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                         prism_mem x)
{
    return strict_enqueue(
        dev, &(struct call){.entry = COPY2D, .desc.copy2d = *d, .mem = {twin(y), twin(x)}});
}

static int strict_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                              prism_mem x, prism_mem weight)
{
    return strict_enqueue(dev, &(struct call){.entry = SCATTER_ADD,
                                              .desc.window = *d,
                                              .mem = {twin(y), twin(x), twin(weight)}});
}

static int strict_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem y, prism_mem x)
{
    return strict_enqueue(
        dev, &(struct call){.entry = SOFTMAX_FWD, .desc.softmax = *d, .mem = {twin(y), twin(x)}});
}

static int strict_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d,
                              prism_mem gx, prism_mem gy, prism_mem y)
{
    return strict_enqueue(dev, &(struct call){.entry = SOFTMAX_BWD,
                                              .desc.softmax = *d,
                                              .mem = {twin(gx), twin(gy), twin(y)}});
}

static int strict_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                         prism_mem x)
{
    return strict_enqueue(
        dev, &(struct call){.entry = ARGMAX, .desc.softmax = *d, .mem = {twin(y), twin(x)}});
}

static int strict_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                            const struct prism_dense_fit_args *a)
{
    return strict_enqueue(dev, &(struct call){.entry = DENSE_FIT,
                                              .desc.dense = *d,
                                              .args.dense = {.p = twin(a->p),
                                                             .m = twin(a->m),
                                                             .v = twin(a->v),
                                                             .x = twin(a->x),
                                                             .t = twin(a->t),
                                                             .index = twin(a->index),
                                                             .weight = twin(a->weight),
                                                             .step = twin(a->step),
                                                             .loss = twin(a->loss),
                                                             .tmp = twin(a->tmp)}});
}

static int enqueue_norm(struct prism_dev *dev, enum entry entry, const struct prism_norm_desc *d,
                        const struct prism_norm_args *a)
{
    return strict_enqueue(dev, &(struct call){.entry = entry,
                                              .desc.norm = *d,
                                              .args.norm = {.x = twin(a->x),
                                                            .y = twin(a->y),
                                                            .stats = twin(a->stats),
                                                            .gamma = twin(a->gamma),
                                                            .beta = twin(a->beta),
                                                            .gy = twin(a->gy),
                                                            .gx = twin(a->gx),
                                                            .ggamma = twin(a->ggamma),
                                                            .gbeta = twin(a->gbeta)}});
}

static int strict_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args)
{
    return enqueue_norm(dev, NORM_FWD, d, args);
}

static int strict_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                               const struct prism_norm_args *args)
{
    return enqueue_norm(dev, NORM_BWD, d, args);
}

/* ---- descriptor ---- */

static size_t number_from(const char *variable)
{
    const char *text = getenv(variable);

    return text ? (size_t)strtoull(text, NULL, 10) : SIZE_MAX;
}

static int strict_open(struct prism_dev *dev, const struct prism_open *params)
{
    struct state *s = calloc(1, sizeof *s);
    int status = s ? prismi_backend_ref.open(dev, params)
                   : FAIL(dev, PRISM_ENOMEM, "no memory for a device");

    if (status) {
        free(s);
        return status;
    }
    s->room = number_from("PRISMREC_STRICT_MEM_BYTES");
    s->calls_left = number_from("PRISMREC_STRICT_LOSE_AFTER");
    dev->impl = s;
    dev->caps.flags &= ~(uint32_t)PRISM_CAPS_HOST_VISIBLE;
    if (s->room != SIZE_MAX)
        dev->caps.mem_bytes = dev->caps.mem_free_bytes = s->room;
    snprintf(dev->caps.device, sizeof dev->caps.device, "reference kernels behind guarded memory");
    return 0;
}

static void strict_close(struct prism_dev *dev)
{
    struct state *s = dev->impl;
    bool left = false;

    if (s->records)
        dev->host->log(dev->host->user, PRISM_LOG_ERROR,
                       "strict: a record was not destroyed before closing the device");
    for (struct block *b = s->blocks; b; b = b->next) {
        left |= !b->released;
        b->released = true;
    }
    if (left)
        dev->host->log(dev->host->user, PRISM_LOG_ERROR,
                       "strict: memory was not released before closing the device");
    strict_sweep(dev);
    free(s);
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
    .generate = strict_generate,
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
    .pool_fwd = strict_pool_fwd,
    .pool_bwd = strict_pool_bwd,
    .copy2d = strict_copy2d,
    .scatter_add = strict_scatter_add,
    .softmax_fwd = strict_softmax_fwd,
    .softmax_bwd = strict_softmax_bwd,
    .argmax = strict_argmax,
    .gather_create = strict_gather_create,
    .gather_fwd = strict_gather_fwd,
    .gather_adj = strict_gather_adj,
    .gather_destroy = strict_gather_destroy,
    .norm_act_fwd = strict_norm_act_fwd,
    .norm_act_bwd = strict_norm_act_bwd,
    .dense_fit = strict_dense_fit,
    .capture_begin = strict_capture_begin,
    .capture_end = strict_capture_end,
    .replay = strict_replay,
    .replay_destroy = strict_replay_destroy,
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
