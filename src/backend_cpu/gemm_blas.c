/* Dense products by OpenBLAS. OpenBLAS runs single-threaded (set once at open,
 * for the whole process). The result is cut into tiles whose size depends on
 * the shape alone, so the number of threads never changes a bit.
 *
 * An OpenBLAS older than the processor falls back to kernels of 2004, five
 * times slower than our register tiles; then the register tiles are used. */
#include "backend_cpu/real.h"

#include <cblas.h>

#ifdef CPU_F64
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

struct gemm_run {
    const struct prismi_cpu_gemm *g;
    const struct prism_dev *dev;
    int tm, tn, across; /* size of a tile; tiles along n */
};

static void gemm_tile(const void *arg, size_t item, int thread)
{
    const struct gemm_run *r = arg;
    struct prismi_cpu_gemm g = *r->g;
    size_t i = item / (size_t)r->across * (size_t)r->tm,
           j = item % (size_t)r->across * (size_t)r->tn;

    (void)thread;
    g.m = g.m - (int)i < r->tm ? g.m - (int)i : r->tm;
    g.n = g.n - (int)j < r->tn ? g.n - (int)j : r->tn;
    g.a += g.ta ? i : i * g.lda;
    g.b += g.tb ? j * g.ldb : j;
    g.c += i * g.ldc + j;
    if (!prismi_cpu(r->dev)->use_blas)
        prismi_cpu_tiles(r->dev)->product(&g);
    else
        GEMM(CblasRowMajor, g.ta ? CblasTrans : CblasNoTrans, g.tb ? CblasTrans : CblasNoTrans, g.m,
             g.n, g.k, g.alpha, g.a, (int)g.lda, g.b, (int)g.ldb, g.beta, g.c, (int)g.ldc);
}

/* Runs a product in tiles: halves the longer side until there are enough tiles
 * for many cores, or until a tile is not worth a thread. */
void R(prismi_cpu_gemm)(const struct prism_dev *dev, const struct prismi_cpu_gemm *g)
{
    struct gemm_run r = {g, dev, g->m, g->n, 1};
    double work = (double)g->m * g->n * g->k;

    for (int tiles = 1; tiles < 32 && work / tiles > 1 << 21 && (r.tm > 32 || r.tn > 32);
         tiles *= 2) {
        int *side = r.tm >= r.tn ? &r.tm : &r.tn;
        *side = ((*side + 1) / 2 + 15) / 16 * 16;
    }
    r.across = (g->n + r.tn - 1) / r.tn;
    prismi_cpu_for(dev, (size_t)((g->m + r.tm - 1) / r.tm) * (size_t)r.across, work, gemm_tile, &r);
}

int R(prismi_cpu_gemm_entry)(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                             prism_mem a, prism_mem b)
{
    R(prismi_cpu_gemm)
    (dev, &(struct prismi_cpu_gemm){.m = d->m,
                                    .n = d->n,
                                    .k = d->k,
                                    .ta = d->ta,
                                    .tb = d->tb,
                                    .alpha = (real)d->alpha,
                                    .beta = (real)d->beta,
                                    .a = (const real *)a,
                                    .b = (const real *)b,
                                    .c = (real *)c,
                                    .lda = (size_t)(d->ta ? d->m : d->k),
                                    .ldb = (size_t)(d->tb ? d->k : d->n),
                                    .ldc = (size_t)d->n});
    return 0;
}
