/* Counting entries in front of a device's memory functions. Memory is counted
 * exactly, not sampled: growth of 0 bytes means that no byte stayed
 * allocated. */
#include "bench.h"

#include <malloc.h>
#include <stdlib.h>

enum { WATCHED_MAX = 4, BLOCKS_MAX = 4096 };

struct block {
    prism_mem mem;
    size_t bytes;
};

struct watched {
    struct prism_dev *dev;
    const struct prism_ops *real;
    struct prism_ops mine;
    struct bench_counts counts;
    struct block blocks[BLOCKS_MAX];
    int n_blocks;
};

static struct watched *watched[WATCHED_MAX];

static struct watched *of(const struct prism_dev *dev)
{
    for (int i = 0; i < WATCHED_MAX; i++)
        if (watched[i] && watched[i]->dev == dev)
            return watched[i];
    return NULL;
}

/* ---- memory group ---- */

static int count_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    struct watched *w = of(dev);
    PRISM_TRY(w->real->alloc(dev, bytes, out));
    w->counts.allocs++;
    w->counts.live_bytes += bytes;
    if (w->counts.live_bytes > w->counts.peak_bytes)
        w->counts.peak_bytes = w->counts.live_bytes;
    if (w->n_blocks < BLOCKS_MAX)
        w->blocks[w->n_blocks++] = (struct block){*out, bytes};
    return 0;
}

static void count_release(struct prism_dev *dev, prism_mem mem)
{
    struct watched *w = of(dev);
    for (int i = 0; i < w->n_blocks; i++)
        if (w->blocks[i].mem == mem) {
            w->counts.live_bytes -= w->blocks[i].bytes;
            w->blocks[i] = w->blocks[--w->n_blocks];
            break;
        }
    w->real->release(dev, mem);
}

static int count_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    struct watched *w = of(dev);
    w->counts.writes++;
    w->counts.write_bytes += bytes;
    return w->real->write(dev, dst, src, bytes);
}

static int count_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    struct watched *w = of(dev);
    w->counts.reads++;
    w->counts.read_bytes += bytes;
    return w->real->read(dev, dst, src, bytes);
}

static int count_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                          prism_make *make, const void *arg)
{
    struct watched *w = of(dev);
    w->counts.writes++;
    w->counts.write_bytes += n * prism_dtype_size(dtype);
    return w->real->generate(dev, dst, dtype, n, make, arg);
}

int bench_watch(struct prism_ctx *ctx, struct prism_dev *dev)
{
    for (int i = 0; i < WATCHED_MAX; i++) {
        if (watched[i])
            continue;
        struct watched *w = watched[i] = calloc(1, sizeof *w);
        if (!w)
            break;
        w->dev = dev;
        w->real = dev->ops;
        w->mine = *dev->ops;
        w->mine.alloc = count_alloc;
        w->mine.release = count_release;
        w->mine.write = count_write;
        w->mine.generate = count_generate;
        w->mine.read = count_read;
        dev->ops = &w->mine;
        return 0;
    }
    return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to watch a device");
}

void bench_unwatch(struct prism_dev *dev)
{
    for (int i = 0; dev && i < WATCHED_MAX; i++)
        if (watched[i] && watched[i]->dev == dev) {
            dev->ops = watched[i]->real;
            free(watched[i]);
            watched[i] = NULL;
        }
}

struct bench_counts bench_counts(const struct prism_dev *dev)
{
    return of(dev)->counts;
}

void bench_peak_reset(const struct prism_dev *dev)
{
    struct watched *w = of(dev);
    w->counts.peak_bytes = w->counts.live_bytes;
}

/* ---- the process ---- */

size_t bench_heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

void bench_rss_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return;
    fputs("5", f); /* resets the peak to now; if the system refuses, the peak is that of the whole
                      process */
    fclose(f);
}

double bench_rss_peak_mib(void)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib / 1024;
}
