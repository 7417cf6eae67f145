/* Device of the CPU backend: memory, threads and the descriptor. Every call
 * finishes before it returns, so the queue is always empty. */
#include "backend_cpu/cpu.h"

#include <cblas.h>
#include <fftw3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

void prismi_cpu_log(const struct prism_dev *dev, int level, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dev->host->log(dev->host->user, level, text);
}

/* ---- memory ---- */

enum { HUGE_PAGE = 2 << 20 };

static size_t alignment_of(size_t bytes)
{
    return bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : CPU_ALIGN;
}

/* Asks for huge pages for a block that alignment_of() aligned to them. */
static void want_huge_pages(void *p, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    /* a hint only: fewer page faults and TLB misses */
    if (alignment_of(bytes) == HUGE_PAGE)
        (void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

void *prismi_cpu_alloc(size_t n, size_t size)
{
    size_t bytes = size && n > PTRDIFF_MAX / size ? PTRDIFF_MAX : n * size,
           align = alignment_of(bytes);
    size_t rounded = (bytes + align - 1) / align * align;
    void *p =
        bytes > PTRDIFF_MAX - HUGE_PAGE ? NULL : aligned_alloc(align, rounded ? rounded : align);

    if (!p)
        return NULL;
    want_huge_pages(p, rounded);
    return memset(p, 0, bytes);
}

int prismi_cpu_room_enter(struct prism_dev *dev, size_t bytes)
{
    struct cpu *cpu = prismi_cpu(dev);

    if (bytes > cpu->room_bytes) {
        void *larger = prismi_cpu_alloc(bytes, 1);
        if (!larger)
            return PRISM_ENOMEM;
        free(cpu->room);
        cpu->room = larger;
        cpu->room_bytes = bytes;
    }
    cpu->room_users++;
    return 0;
}

void prismi_cpu_room_leave(struct prism_dev *dev)
{
    struct cpu *cpu = prismi_cpu(dev);

    if (--cpu->room_users > 0)
        return;
    free(cpu->room);
    cpu->room = NULL;
    cpu->room_bytes = 0;
}

/* Allocates zeros. calloc does not write fresh pages, so memory that nobody
 * writes is never backed. The address that calloc returned is stored just
 * before the block. */
static int cpu_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    size_t align = alignment_of(bytes), rounded = (bytes + align - 1) / align * align;
    void *base =
        bytes > PTRDIFF_MAX - 3 * HUGE_PAGE ? NULL : calloc(1, rounded + align + sizeof base);

    *out = NULL;
    if (!base)
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory for %zu bytes; use a smaller grid or batch",
                        bytes);
    *out = (prism_mem)(((uintptr_t)base + sizeof base + align - 1) / align * align);
    memcpy(*out - sizeof base, &base, sizeof base);
    want_huge_pages(*out, rounded);
    return 0;
}

static void cpu_release(struct prism_dev *dev, prism_mem mem)
{
    void *base = NULL;

    (void)dev;
    if (mem)
        memcpy(&base, mem - sizeof base, sizeof base);
    free(base);
}

static int cpu_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    (void)dev;
    if (bytes)
        memcpy(dst, src, bytes);
    return 0;
}

static int cpu_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    return cpu_write(dev, dst, src, bytes);
}

static int cpu_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    return cpu_write(dev, dst, src, bytes);
}

/* A thread computes its own share of the array in place, so that the system
 * provides the pages of all shares at the same time. */
struct generated {
    prism_mem dst;
    size_t size, n, piece; /* bytes of an element; elements in all, of an item */
    prism_make *make;
    const void *arg;
};

static void generate_item(const void *arg, size_t item, int thread)
{
    const struct generated *g = arg;
    const size_t first = item * g->piece;

    (void)thread;
    g->make(g->arg, first, g->n - first < g->piece ? g->n - first : g->piece,
            g->dst + first * g->size);
}

static int cpu_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                        prism_make *make, const void *arg)
{
    enum { PIECE = 16384, WORK = 32 }; /* elements; operations for each of them, about */
    const struct generated g = {dst, prism_dtype_size(dtype), n, PIECE, make, arg};

    prismi_cpu_for(dev, (n + PIECE - 1) / PIECE, WORK * (double)n, generate_item, &g);
    return 0;
}

static int cpu_sync(struct prism_dev *dev)
{
    (void)dev;
    return 0;
}

/* ---- descriptor ---- */

static int cpu_probe(char *why, size_t n)
{
    (void)why, (void)n;
    return 0;
}

static void machine_name(char *out, size_t n)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");

    snprintf(out, n, "CPU");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[1 + strcspn(colon + 1, "\n")] = 0;
            snprintf(out, n, "%s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    if (f)
        fclose(f);
}

static const char *const isa_names[CPU_ISA_COUNT] = {"baseline", "AVX2", "AVX-512"};

static enum prismi_cpu_isa machine_isa(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512f"))
        return CPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CPU_AVX2;
#endif
    return CPU_BASELINE;
}

static void fft_version(char *version, size_t n)
{
    int number = 0;

    sscanf(fftwf_version, "fftw-%n%*[0-9.]%n", &number, &number); /* "fftw-3.3.10-sse2-avx" */
    snprintf(version, n, "FFTW %.*s", number > 5 ? number - 5 : 0, fftwf_version + 5);
}

/* Makes OpenBLAS single-threaded. Returns true if OpenBLAS has kernels for this
 * processor. */
static bool blas_open(char *version, size_t n)
{
    const char *config = openblas_get_config(),
               *core = openblas_get_corename(); /* "OpenBLAS 0.3.21 NO_LAPACK ..." */
    int number = 0;

    openblas_set_num_threads(1);
    sscanf(config, "%*s %*s%n", &number);
    snprintf(version, n, "%.*s %s", number, config, core);
    return strcmp(core, "Prescott") != 0;
}

static void cpu_close(struct prism_dev *dev)
{
    struct cpu *cpu = prismi_cpu(dev);

    if (!cpu)
        return;
    prismi_cpu_pool_destroy(cpu->pool);
    free(cpu->cache_dir);
    free(cpu->partial);
    free(cpu);
    dev->impl = NULL;
}

static int cpu_open(struct prism_dev *dev, const struct prism_open *params)
{
    struct cpu *cpu = calloc(1, sizeof *cpu);
    char machine[64], fft[32], blas[48];

    dev->impl = cpu;
    if (!cpu || !(cpu->partial = prismi_cpu_alloc(2 * CPU_PARTIALS, sizeof *cpu->partial)) ||
        (params->cache_dir && !(cpu->cache_dir = strdup(params->cache_dir)))) {
        cpu_close(dev);
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory to open the cpu device");
    }
    cpu->plan_effort = params->plan_effort;
    cpu->plain = params->plain;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    dev->caps = (struct prism_caps){
        .dtypes = 1u << PRISM_F32 | 1u << PRISM_CF32 | 1u << PRISM_F64 | 1u << PRISM_CF64,
        .flags = PRISM_CAPS_HOST_VISIBLE | PRISM_CAPS_DETERMINISTIC | PRISM_CAPS_ZEROED,
        .align = CPU_ALIGN,
        .mem_bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0,
        .threads = params->threads > 0 ? params->threads : prismi_cpu_count()};
    int status = prismi_cpu_pool_create(dev, dev->caps.threads);
    if (status) {
        cpu_close(dev);
        return status;
    }
    machine_name(machine, sizeof machine);
    fft_version(fft, sizeof fft);
    cpu->isa = machine_isa();
    cpu->use_blas = blas_open(blas, sizeof blas) || cpu->isa == CPU_BASELINE;
    snprintf(dev->caps.device, sizeof dev->caps.device, "%.40s, %d thread%s, %.20s, %.30s", machine,
             dev->caps.threads, dev->caps.threads == 1 ? "" : "s", fft, blas);
    prismi_cpu_log(
        dev, PRISM_LOG_INFO, "cpu: %s, dense products on %s, tiles for %s", dev->caps.device,
        cpu->use_blas ? "OpenBLAS"
                      : "our register tiles (this OpenBLAS has no kernels for the processor)",
        isa_names[cpu->isa]);
    prismi_cpu_fft_open_f32(dev);
    prismi_cpu_fft_open_f64(dev);
    return 0;
}

static const struct prism_ops ops = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_ops),
    .alloc = cpu_alloc,
    .release = cpu_release,
    .write = cpu_write,
    .read = cpu_read,
    .copy = cpu_copy,
    .generate = cpu_generate,
    .sync = cpu_sync,
    .fft_create = prismi_cpu_fft_create,
    .fft_run = prismi_cpu_fft_run,
    .fft_destroy = prismi_cpu_fft_destroy,
    .conv_create = prismi_cpu_conv_create,
    .conv_fwd = prismi_cpu_conv_fwd,
    .conv_bwd_x = prismi_cpu_conv_bwd_x,
    .conv_bwd_w = prismi_cpu_conv_bwd_w,
    .conv_destroy = prismi_cpu_conv_destroy,
    .gemm = prismi_cpu_gemm_entry,
    .map = prismi_cpu_map,
    .reduce = prismi_cpu_reduce,
    .window = prismi_cpu_window,
    .subaperture_fwd = prismi_cpu_subaperture_fwd,
    .subaperture_adj = prismi_cpu_subaperture_adj,
    .blur = prismi_cpu_blur,
    .pool_fwd = prismi_cpu_pool_fwd,
    .pool_bwd = prismi_cpu_pool_bwd,
    .copy2d = prismi_cpu_copy2d,
    .scatter_add = prismi_cpu_scatter_add,
    .softmax_fwd = prismi_cpu_softmax_fwd,
    .softmax_bwd = prismi_cpu_softmax_bwd,
    .argmax = prismi_cpu_argmax,
    .gather_create = prismi_cpu_gather_create,
    .gather_fwd = prismi_cpu_gather_fwd,
    .gather_adj = prismi_cpu_gather_adj,
    .gather_destroy = prismi_cpu_gather_destroy,
    .norm_act_fwd = prismi_cpu_norm_act_fwd,
    .norm_act_bwd = prismi_cpu_norm_act_bwd,
    .adam_outer = prismi_cpu_adam_outer,
    .misfit = prismi_cpu_misfit,
    .field_misfit = prismi_cpu_field_misfit,
    .spectrum_fwd = prismi_cpu_spectrum_fwd,
    .spectrum_adj = prismi_cpu_spectrum_adj,
    .dense_fit = prismi_cpu_dense_fit,
};

extern const struct prism_backend prismi_backend_cpu;
const struct prism_backend prismi_backend_cpu = {
    .abi = PRISM_BACKEND_ABI,
    .size = sizeof(struct prism_backend),
    .name = "cpu",
    .probe = cpu_probe,
    .open = cpu_open,
    .close = cpu_close,
    .ops = &ops,
};
