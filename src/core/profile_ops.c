/* Entries that time the entries of the front. */
#include "core/profile_timed.h"

#include <math.h>
#include <stdio.h>
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
#include <malloc.h>
#define HAVE_MALLINFO2
#endif

static const char *const act_names[PRISM_ACT_COUNT] = {
    "none", "relu", "leaky", "sigmoid", "hardsigmoid", "scalesigmoid", "tanh"};

static const char *const reduce_names[PRISM_REDUCE_COUNT] = {"sum",     "mean",   "var", "dot",
                                                             "absdiff", "sqdiff", "max", "min"};

static const char *const misfit_names[PRISM_MISFIT_COUNT] = {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) #name,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

static const struct {
    const char *name, *y, *x; /* kinds of the operands, as maps.def has them */
    bool acts;
} maps[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) {#name, y, x, acts},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

/* ---- around a call ---- */

/* The node of an entry that is told apart only by its bytes. moved: bytes read
 * and written per byte. */
static struct prismi_profile_node *find_plain(struct prismi_profile *p, const char *name,
                                              size_t bytes, double moved)
{
    struct prismi_profile_node *n = find(p, name, bytes, 0, 0);
    if (FRESH(n)) {
        LABEL(n, bytes ? "%s n%zu" : "%s", name, bytes);
        n->bytes = moved * (double)bytes;
    }
    return n;
}

static size_t heap_bytes(void)
{
#ifdef HAVE_MALLINFO2
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#else
    return 0;
#endif
}

/* ---- memory and order ---- */

static int timed_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_plain(p, "alloc", 0, 0));
    int status = leave(p, dev, p->inner.alloc(dev, bytes, out));
    if (!status && prismi_profile_block_add(p, *out, bytes)) {
        p->inner.release(dev, *out);
        *out = NULL;
        return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM,
                          "no host memory to keep account of device memory");
    }
    return status;
}

static void timed_release(struct prism_dev *dev, prism_mem mem)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_block_remove(p, mem);
    prismi_profile_enter(p, find_plain(p, "release", 0, 0));
    p->inner.release(dev, mem);
    prismi_profile_leave(p);
}

static int timed_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_plain(p, "write", bytes, 1));
    return leave(p, dev, p->inner.write(dev, dst, src, bytes));
}

static int timed_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_plain(p, "read", bytes, 1));
    return leave(p, dev, p->inner.read(dev, dst, src, bytes));
}

static int timed_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_plain(p, "copy", bytes, 2));
    return leave(p, dev, p->inner.copy(dev, dst, src, bytes));
}

static int timed_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                          prism_make *make, const void *arg)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    const bool composed = prismi_inner(dev)->generate == prismi_generate; /* writes count there */
    prismi_profile_enter(p, find_plain(p, "generate", n * prism_dtype_size(dtype), !composed));
    return leave(p, dev, p->inner.generate(dev, dst, dtype, n, make, arg));
}

static int timed_sync(struct prism_dev *dev)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_plain(p, "sync", 0, 0));
    return leave(p, dev, p->inner.sync(dev));
}

/* ---- plans ---- */

/* Charge the plan with the growth of the heap since `before`. */
static void plan_made(struct prismi_plan *t, enum prismi_owner owner, size_t before)
{
    size_t now = heap_bytes();
    t->heap = now > before ? now - before : 0;
    prismi_profile_memory(t->dev, owner, t->heap, true);
}

static struct prismi_profile_node *find_fft(struct prismi_profile *p, const char *name,
                                            const struct prism_fft_desc *d, bool run)
{
    struct prismi_profile_node *n = find(p, name, (uint64_t)d->dtype, (uint64_t)d->batch,
                                         (uint64_t)d->h << 32 | (uint32_t)d->w);
    if (FRESH(n)) {
        double count = (double)d->batch * d->h * d->w;
        LABEL(n, "%s b%d h%d w%d %s", name, d->batch, d->h, d->w,
              dtype_names[prism_dtype_real(d->dtype)]);
        n->flops = run ? 5 * count * log2((double)d->h * d->w) : 0;
        n->bytes = run ? 2 * count * (double)prism_dtype_size(d->dtype) : 0;
    }
    return n;
}

static int timed_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                            struct prism_fft **out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    const size_t before = heap_bytes();
    prismi_profile_enter(p, find_fft(p, "fft_create", d, false));
    int status = leave(p, dev, p->inner.fft_create(dev, d, out));
    if (!status) {
        plan_made((struct prismi_plan *)*out, PRISMI_OWNER_FFT, before);
        return 0;
    }
    p->inner.fft_destroy(*out);
    *out = NULL;
    return status;
}

static int timed_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src)
{
    const struct prismi_plan *t = (const struct prismi_plan *)plan;
    struct prismi_profile *p = prismi_profile_of(t->dev);
    prismi_profile_enter(p, find_fft(p, sign < 0 ? "fft" : "ifft", &t->desc.fft, true));
    return leave(p, t->dev, p->inner.fft_run(plan, sign, dst, src));
}

static void timed_fft_destroy(struct prism_fft *plan)
{
    if (!plan)
        return;
    const struct prismi_plan t = *(const struct prismi_plan *)plan;
    prismi_profile_of(t.dev)->inner.fft_destroy(plan);
    prismi_profile_memory(t.dev, PRISMI_OWNER_FFT, t.heap, false);
}

static struct prismi_profile_node *find_conv(struct prismi_profile *p, const char *name,
                                             const struct prism_conv_desc *d, bool run)
{
    uint64_t a = (uint64_t)d->dtype | (uint64_t)d->tf32 << 4 | (uint64_t)d->k << 8 |
                 (uint64_t)d->stride << 24 | (uint64_t)d->pad << 40;
    struct prismi_profile_node *n =
        find(p, name, a, (uint64_t)d->cin << 32 | (uint32_t)d->cout,
             (uint64_t)d->n << 48 | (uint64_t)d->h << 24 | (uint32_t)d->w);
    if (FRESH(n)) {
        double in = d->cin, out = d->cout, taps = (double)d->k * d->k;
        double pixels = (double)d->n * prism_conv_out(d, d->h) * prism_conv_out(d, d->w);
        double words = in * d->n * d->h * d->w + out * pixels + in * out * taps;
        LABEL(n, "%s n%d cin%d h%d w%d cout%d k%d s%d p%d%s %s", name, d->n, d->cin, d->h, d->w,
              d->cout, d->k, d->stride, d->pad, d->tf32 ? " tf32" : "", dtype_names[d->dtype]);
        n->flops = run ? 2 * in * out * taps * pixels : 0;
        n->bytes = run ? words * (double)prism_dtype_size(d->dtype) : 0;
    }
    return n;
}

static int timed_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                             struct prism_conv **out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    const size_t before = heap_bytes();
    prismi_profile_enter(p, find_conv(p, "conv_create", d, false));
    int status = leave(p, dev, p->inner.conv_create(dev, d, out));
    if (!status) {
        plan_made((struct prismi_plan *)*out, PRISMI_OWNER_CONV, before);
        return 0;
    }
    p->inner.conv_destroy(*out);
    *out = NULL;
    return status;
}

/* The three passes have the same signature. */
#define TIMED_CONV(entry)                                                                          \
    static int timed_##entry(struct prism_conv *plan, prism_mem out, prism_mem a, prism_mem b)     \
    {                                                                                              \
        const struct prismi_plan *t = (const struct prismi_plan *)plan;                            \
        struct prismi_profile *p = prismi_profile_of(t->dev);                                      \
        prismi_profile_enter(p, find_conv(p, #entry, &t->desc.conv, true));                        \
        return leave(p, t->dev, p->inner.entry(plan, out, a, b));                                  \
    }
TIMED_CONV(conv_fwd)
TIMED_CONV(conv_bwd_x)
TIMED_CONV(conv_bwd_w)

static void timed_conv_destroy(struct prism_conv *plan)
{
    if (!plan)
        return;
    const struct prismi_plan t = *(const struct prismi_plan *)plan;
    prismi_profile_of(t.dev)->inner.conv_destroy(plan);
    prismi_profile_memory(t.dev, PRISMI_OWNER_CONV, t.heap, false);
}

/* ---- dense, elementwise, stencils ---- */

static int timed_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                      prism_mem a, prism_mem b)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    uint64_t kind = (uint64_t)d->dtype | (uint64_t)d->ta << 8 | (uint64_t)d->tb << 9 |
                    (uint64_t)(d->beta != 0) << 10;
    struct prismi_profile_node *n =
        find(p, "gemm", kind, (uint64_t)d->m << 32 | (uint32_t)d->n, (uint64_t)d->k);
    if (FRESH(n)) {
        double m = d->m, k = d->k, cols = d->n;
        LABEL(n, "gemm m%d n%d k%d%s%s %s", d->m, d->n, d->k, d->ta ? " ta" : "",
              d->tb ? " tb" : "", dtype_names[d->dtype]);
        n->flops = 2 * m * cols * k;
        n->bytes = (m * k + k * cols + (d->beta != 0 ? 2 : 1) * m * cols) *
                   (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.gemm(dev, d, c, a, b));
}

/* Bytes read and written. An operand kind in upper case is both. */
static double map_bytes(enum prism_map op, enum prism_dtype dtype, size_t rows, size_t cols)
{
    double sum = 0;
    for (const char *k = maps[op].y; *k; k++)
        sum += (double)prism_map_operand_bytes(*k, dtype, rows, cols) *
               (*k == 'E' || *k == 'T' ? 2 : 1);
    for (const char *k = maps[op].x; *k; k++)
        sum += (double)prism_map_operand_bytes(*k, dtype, rows, cols);
    return sum;
}

static int timed_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                     size_t cols, const struct prism_map_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n =
        find(p, "map", (uint64_t)op | (uint64_t)dtype << 16 | (uint64_t)a->act << 32, rows, cols);
    if (FRESH(n)) {
        LABEL(n, "map %s%s%s r%zu c%zu %s", maps[op].name, maps[op].acts ? " " : "",
              maps[op].acts ? act_names[a->act] : "", rows, cols, dtype_names[dtype]);
        n->bytes = map_bytes(op, dtype, rows, cols);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.map(dev, op, dtype, rows, cols, a));
}

static int timed_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                        size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n =
        find(p, "reduce", (uint64_t)op | (uint64_t)dtype << 16, rows, cols);
    if (FRESH(n)) {
        bool two =
            op == PRISM_REDUCE_DOT || op == PRISM_REDUCE_ABSDIFF || op == PRISM_REDUCE_SQDIFF;
        LABEL(n, "reduce %s r%zu c%zu %s", reduce_names[op], rows, cols, dtype_names[dtype]);
        n->bytes =
            (two && a != b ? 2 : 1) * (double)rows * (double)cols * (double)prism_dtype_size(dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.reduce(dev, op, dtype, rows, cols, y, a, b));
}

static int timed_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                        prism_mem x)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n =
        find(p, "window", (uint64_t)d->dtype << 32 | (uint32_t)d->planes,
             (uint64_t)d->hy << 32 | (uint32_t)d->wy, (uint64_t)d->hx << 32 | (uint32_t)d->wx);
    if (FRESH(n)) {
        double written = (double)d->hy * d->wy, there = (double)d->hx * d->wx,
               read = written < there ? written : there;
        LABEL(n, "window n%d hy%d wy%d hx%d wx%d %s", d->planes, d->hy, d->wy, d->hx, d->wx,
              dtype_names[d->dtype]);
        n->bytes = d->planes * (written + read) * (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.window(dev, d, y, x));
}

static struct prismi_profile_node *find_subaperture(struct prismi_profile *p, const char *name,
                                                    const struct prism_subaperture_desc *d,
                                                    bool adjoint)
{
    struct prismi_profile_node *n =
        find(p, name, (uint64_t)d->dtype << 32 | (uint32_t)d->batch,
             (uint64_t)d->h << 48 | (uint64_t)d->w << 32 | (uint64_t)d->oh << 16 | (uint32_t)d->ow,
             (uint64_t)d->ph << 32 | (uint32_t)d->pw);
    if (FRESH(n)) {
        double box = (double)d->ph * d->pw, grid = (double)d->h * d->w,
               field = (double)d->oh * d->ow;
        LABEL(n, "%s b%d h%d w%d oh%d ow%d ph%d pw%d %s", name, d->batch, d->h, d->w, d->oh, d->ow,
              d->ph, d->pw, dtype_names[prism_dtype_real(d->dtype)]);
        n->flops = 8 * d->batch * box;
        n->bytes = (d->batch * (adjoint ? 4 * box : 2 * box + field) + (adjoint ? grid : 0)) *
                   (double)prism_dtype_size(d->dtype);
    }
    return n;
}

static int timed_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                 const struct prism_subaperture_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_subaperture(p, "subaperture_fwd", d, false));
    return leave(p, dev, p->inner.subaperture_fwd(dev, d, a));
}

static int timed_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                 const struct prism_subaperture_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_subaperture(p, "subaperture_adj", d, true));
    return leave(p, dev, p->inner.subaperture_adj(dev, d, a));
}

static int timed_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                      prism_mem x, prism_mem tmp, prism_mem taps)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n = find(p, "blur", (uint64_t)d->dtype << 32 | (uint32_t)d->planes,
                                         (uint64_t)d->h << 32 | (uint32_t)d->w,
                                         (uint64_t)d->radius << 1 | (uint64_t)d->adjoint);
    if (FRESH(n)) {
        double count = (double)d->planes * d->h * d->w;
        LABEL(n, "blur n%d h%d w%d radius%d%s %s", d->planes, d->h, d->w, d->radius,
              d->adjoint ? " adjoint" : "", dtype_names[d->dtype]);
        n->flops = 4 * (2.0 * d->radius + 1) * count;
        n->bytes = 4 * count * (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.blur(dev, d, y, x, tmp, taps));
}

/* ---- fused ---- */

static struct prismi_profile_node *find_norm(struct prismi_profile *p, const char *name,
                                             const struct prism_norm_desc *d, int words)
{
    struct prismi_profile_node *n = find(p, name, (uint64_t)d->dtype << 32 | (uint32_t)d->act,
                                         (uint64_t)d->n << 48 | d->rows, d->cols);
    if (FRESH(n)) {
        LABEL(n, "%s %s n%zu r%zu c%zu %s", name, act_names[d->act], d->n, d->rows, d->cols,
              dtype_names[d->dtype]);
        n->bytes = words * (double)d->n * (double)d->rows * (double)d->cols *
                   (double)prism_dtype_size(d->dtype);
    }
    return n;
}

static int timed_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                              const struct prism_norm_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_norm(p, "norm_fwd", d, 2));
    return leave(p, dev, p->inner.norm_act_fwd(dev, d, a));
}

static int timed_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                              const struct prism_norm_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p, find_norm(p, "norm_bwd", d, 3));
    return leave(p, dev, p->inner.norm_act_bwd(dev, d, a));
}

static int timed_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
                        const struct prism_misfit_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    struct prismi_profile_node *n =
        find(p, "misfit", (uint64_t)d->dtype << 32 | (uint32_t)d->kind, d->batch, d->cols);
    if (FRESH(n)) {
        LABEL(n, "misfit %s b%zu c%zu %s", misfit_names[d->kind], d->batch, d->cols,
              dtype_names[d->dtype]);
        n->bytes = 5 * (double)d->batch * (double)d->cols * (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.misfit(dev, d, a));
}

static int timed_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                            struct prism_conv *conv, const struct prism_adam_outer_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    static const char *const kinds[] = {"once", "adam", "amsgrad"};
    int kind = a->vmax ? 2 : a->m ? 1 : 0;
    struct prismi_profile_node *n =
        find(p, "adam_outer", (uint64_t)d->dtype << 32 | (uint32_t)kind, d->rows, d->cols);
    if (FRESH(n)) {
        LABEL(n, "adam_outer %s r%zu c%zu %s", kinds[kind], d->rows, d->cols,
              dtype_names[d->dtype]);
        n->bytes = (2 + (kind ? 2 + 2 * kind : 0)) * (double)d->rows * (double)d->cols *
                   (double)prism_dtype_size(d->dtype);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.adam_outer(dev, d, conv, a));
}

static int timed_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                              struct prism_fft *fft, const struct prism_field_misfit_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    const struct prism_subaperture_desc *s = &d->aperture;
    /* a composed entry is made of calls that are timed and counted
     * themselves */
    const bool composed = prismi_inner(dev)->field_misfit == prismi_field_misfit;
    struct prismi_profile_node *n =
        find(p, "field_misfit", (uint64_t)s->dtype << 32 | (uint32_t)d->kind,
             (size_t)s->batch << 40 | (size_t)s->ph << 20 | (size_t)s->pw,
             (size_t)s->oh << 32 | (size_t)s->ow);
    if (FRESH(n)) {
        double field = (double)s->batch * s->oh * s->ow,
               real = (double)prism_dtype_size(prism_dtype_real(s->dtype));
        LABEL(n, "field_misfit %s b%d oh%d ow%d ph%d pw%d %s", misfit_names[d->kind], s->batch,
              s->oh, s->ow, s->ph, s->pw, dtype_names[prism_dtype_real(s->dtype)]);
        n->bytes = composed ? 0 : real * (field + 4 * (double)s->h * s->w);
        n->flops = composed ? 0 : 10 * field * log2((double)s->oh * s->ow);
    }
    prismi_profile_enter(p, n);
    return leave(p, dev, p->inner.field_misfit(dev, d, fft, a));
}

static struct prismi_profile_node *find_spectrum(struct prismi_profile *p, const char *name,
                                                 bool composed, const struct prism_spectrum_desc *d)
{
    struct prismi_profile_node *n = find(p, name, d->dtype, (size_t)d->h << 32 | (size_t)d->w,
                                         (size_t)d->oh << 32 | (size_t)d->ow);
    if (FRESH(n)) {
        const double size = (double)prism_dtype_size(d->dtype), grid = (double)d->h * d->w;
        LABEL(n, "%s h%d w%d oh%d ow%d %s", name, d->h, d->w, d->oh, d->ow, dtype_names[d->dtype]);
        n->bytes = composed ? 0
                            : size * d->oh * d->ow +
                                  (double)prism_dtype_size(prism_dtype_complex(d->dtype)) * grid;
        n->flops = composed ? 0 : 5 * grid * log2(grid);
    }
    return n;
}

static int timed_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                              struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p,
                         find_spectrum(p, "spectrum_fwd",
                                       prismi_inner(dev)->spectrum_fwd == prismi_spectrum_fwd, d));
    return leave(p, dev, p->inner.spectrum_fwd(dev, d, fft, a));
}

static int timed_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                              struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    prismi_profile_enter(p,
                         find_spectrum(p, "spectrum_adj",
                                       prismi_inner(dev)->spectrum_adj == prismi_spectrum_adj, d));
    return leave(p, dev, p->inner.spectrum_adj(dev, d, fft, a));
}

/* ---- the table ---- */

void prismi_profile_wrap(struct prismi_profile *p, struct prism_ops *ops)
{
    ops->alloc = timed_alloc;
    ops->release = timed_release;
    if (p->par.regions_only)
        return;
    ops->write = timed_write;
    ops->generate = timed_generate;
    ops->read = timed_read;
    ops->copy = timed_copy;
    ops->sync = timed_sync;
    ops->fft_create = timed_fft_create;
    ops->fft_run = timed_fft_run;
    ops->fft_destroy = timed_fft_destroy;
    ops->conv_create = timed_conv_create;
    ops->conv_fwd = timed_conv_fwd;
    ops->conv_bwd_x = timed_conv_bwd_x;
    ops->conv_bwd_w = timed_conv_bwd_w;
    ops->conv_destroy = timed_conv_destroy;
    ops->gemm = timed_gemm;
    ops->map = timed_map;
    ops->reduce = timed_reduce;
    ops->window = timed_window;
    ops->subaperture_fwd = timed_subaperture_fwd;
    ops->subaperture_adj = timed_subaperture_adj;
    ops->blur = timed_blur;
    ops->norm_act_fwd = timed_norm_act_fwd;
    ops->norm_act_bwd = timed_norm_act_bwd;
    ops->misfit = timed_misfit;
    ops->adam_outer = timed_adam_outer;
    ops->field_misfit = timed_field_misfit;
    ops->spectrum_fwd = timed_spectrum_fwd;
    ops->spectrum_adj = timed_spectrum_adj;
    prismi_profile_wrap_planes(ops);
}
