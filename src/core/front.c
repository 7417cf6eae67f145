/* The checked entries for memory, plans, gemm, maps, reductions, stencils and
 * planes. A backend's plan does not know its device, so the front wraps every
 * plan in a record of its own. */
#include "core/front.h"

#include <stdio.h>
#include <string.h>

static const char *const dtype_names[PRISM_DTYPE_COUNT] = {"f32", "f64", "cf32", "cf64",
                                                           "i32", "f16", "bf16", "u8"};

static const char *const reduce_names[PRISM_REDUCE_COUNT] = {"sum",     "mean",   "var", "dot",
                                                             "absdiff", "sqdiff", "max", "min"};

static const struct {
    const char *name, *y, *x; /* kinds of the operands, as maps.def has them */
    bool acts;
} maps[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) {#name, y, x, acts},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

/* ---- sentences ---- */

static void list_dtypes(unsigned set, char *text, size_t n)
{
    size_t used = 0;
    snprintf(text, n, "none");
    for (int t = 0; t < PRISM_DTYPE_COUNT; t++)
        if (set >> t & 1 && used < n)
            used +=
                (size_t)snprintf(text + used, n - used, "%s%s", used ? ", " : "", dtype_names[t]);
}

int prismi_wrong_dtype(const struct prismi_call *c, enum prism_dtype t, unsigned allowed)
{
    char here[80];
    list_dtypes(c->dev->caps.dtypes & allowed, here, sizeof here);
    if ((unsigned)t >= PRISM_DTYPE_COUNT)
        return PRISMI_REFUSE(c, "dtype %d is unknown; expected one of: %s", (int)t, here);
    return PRISMI_REFUSE(c, "dtype is %s; expected one of: %s", dtype_names[t], here);
}

int prismi_wrong_field(const struct prismi_call *c, const char *field, double value, double least,
                       double most)
{
    return PRISMI_REFUSE(c, "%s is %.0f; expected %.0f to %.0f", field, value, least, most);
}

int prismi_wrong_operand(const struct prismi_call *c, const char *operand, const char *is)
{
    return PRISMI_REFUSE(c, "%s is %s", operand, is);
}

int prismi_wrong_count(const struct prismi_call *c, double elements)
{
    return PRISMI_REFUSE(c, "an operand of %.3g elements; expected at most %.3g", elements, 0x1p58);
}

/* ---- memory ---- */

static int front_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    const struct prismi_call c = {dev, "alloc", NULL};
    *out = NULL;
    if (!bytes || bytes > SIZE_MAX / 2)
        return PRISMI_REFUSE(&c, "bytes is %zu; expected 1 to %zu", bytes, SIZE_MAX / 2);
    return prismi_inner(dev)->alloc(dev, bytes, out);
}

static int front_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    const struct prismi_call c = {dev, "write", NULL};
    PRISMI_GIVEN(&c, dst);
    PRISMI_GIVEN(&c, src);
    return prismi_inner(dev)->write(dev, dst, src, bytes);
}

static int front_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    const struct prismi_call c = {dev, "read", NULL};
    PRISMI_GIVEN(&c, dst);
    PRISMI_GIVEN(&c, src);
    return prismi_inner(dev)->read(dev, dst, src, bytes);
}

static int front_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    const struct prismi_call c = {dev, "copy", NULL};
    PRISMI_GIVEN(&c, dst);
    PRISMI_GIVEN(&c, src);
    PRISMI_APART(&c, dst, src);
    return prismi_inner(dev)->copy(dev, dst, src, bytes);
}

static int front_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                          prism_make *make, const void *arg)
{
    const struct prismi_call c = {dev, "generate", NULL};
    PRISM_TRY(prismi_check_dtype(&c, dtype, PRISMI_REAL));
    PRISM_TRY(prismi_check_count(&c, (double)n));
    PRISMI_GIVEN(&c, dst);
    PRISMI_GIVEN(&c, make);
    return prismi_inner(dev)->generate(dev, dst, dtype, n, make, arg);
}

/* ---- plans ---- */

/* Allocate the record before the backend creates its plan. Returns NULL, with
 * the error recorded, if memory is short. */
static struct prismi_plan *plan_new(struct prism_dev *dev)
{
    struct prismi_plan *p = prismi_alloc(1, sizeof *p);
    if (p)
        p->dev = dev;
    else
        PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM, "no memory for a plan");
    return p;
}

static int plan_done(struct prismi_plan *p, int status, void *out)
{
    if (status)
        prismi_free(p);
    else
        memcpy(out, &p, sizeof p);
    return status;
}

static int front_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                            struct prism_fft **out)
{
    const struct prismi_call c = {dev, "fft_create", NULL};
    *out = NULL;
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_CPLX));
    PRISMI_INT(&c, d, batch);
    PRISMI_SIDE(&c, d, h);
    PRISMI_SIDE(&c, d, w);
    struct prismi_plan *p = plan_new(dev);
    if (!p)
        return PRISM_ENOMEM;
    p->desc.fft = *d;
    return plan_done(p, prismi_inner(dev)->fft_create(dev, d, &p->inner.fft), out);
}

static int front_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src)
{
    const struct prismi_plan *p = (const struct prismi_plan *)plan;
    const struct prismi_call c = {p->dev, "fft_run", NULL};
    if (sign != 1 && sign != -1)
        return PRISMI_REFUSE(&c, "sign is %d; expected -1 or 1", sign);
    PRISMI_GIVEN(&c, dst);
    PRISMI_GIVEN(&c, src);
    return prismi_inner(p->dev)->fft_run(p->inner.fft, sign, dst, src);
}

static void front_fft_destroy(struct prism_fft *plan)
{
    struct prismi_plan *p = (struct prismi_plan *)plan;
    if (!p)
        return;
    prismi_inner(p->dev)->fft_destroy(p->inner.fft);
    prismi_free(p);
}

static int front_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                             struct prism_conv **out)
{
    const struct prismi_call c = {dev, "conv_create", NULL};
    *out = NULL;
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL | PRISMI_HALF));
    PRISMI_INT(&c, d, n);
    PRISMI_SIDE(&c, d, cin);
    PRISMI_SIDE(&c, d, h);
    PRISMI_SIDE(&c, d, w);
    PRISMI_SIDE(&c, d, cout);
    PRISMI_SIDE(&c, d, k);
    PRISMI_SIDE(&c, d, stride);
    PRISMI_WITHIN(&c, d, pad, 0, PRISMI_SIDE_MAX);
    PRISMI_WITHIN(&c, d, k, 1, d->h + 2 * d->pad);
    PRISMI_WITHIN(&c, d, k, 1, d->w + 2 * d->pad);
    PRISM_TRY(prismi_check_count(&c, (double)d->n * d->cin * d->h * d->w));
    PRISM_TRY(prismi_check_count(&c, (double)d->n * d->cout * prism_conv_out(d, d->h) *
                                         prism_conv_out(d, d->w)));
    PRISM_TRY(prismi_check_count(&c, (double)d->cin * d->cout * d->k * d->k));
    struct prismi_plan *p = plan_new(dev);
    if (!p)
        return PRISM_ENOMEM;
    p->desc.conv = *d;
    return plan_done(p, prismi_inner(dev)->conv_create(dev, d, &p->inner.conv), out);
}

/* The three passes differ only in the names of their operands. */
#define FRONT_CONV(pass, y, a, b)                                                                  \
    static int front_##pass(struct prism_conv *plan, prism_mem y, prism_mem a, prism_mem b)        \
    {                                                                                              \
        const struct prismi_plan *p = (const struct prismi_plan *)plan;                            \
        const struct prismi_call c = {p->dev, #pass, NULL};                                        \
        PRISMI_GIVEN(&c, y);                                                                       \
        PRISMI_GIVEN(&c, a);                                                                       \
        PRISMI_GIVEN(&c, b);                                                                       \
        PRISMI_APART(&c, y, a);                                                                    \
        PRISMI_APART(&c, y, b);                                                                    \
        return prismi_inner(p->dev)->pass(p->inner.conv, y, a, b);                                 \
    }
FRONT_CONV(conv_fwd, y, x, w)
FRONT_CONV(conv_bwd_x, gx, gy, w)
FRONT_CONV(conv_bwd_w, gw, gy, x)

static void front_conv_destroy(struct prism_conv *plan)
{
    struct prismi_plan *p = (struct prismi_plan *)plan;
    if (!p)
        return;
    prismi_inner(p->dev)->conv_destroy(p->inner.conv);
    prismi_free(p);
}

static int front_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                               const int32_t *index, const double *weight,
                               struct prism_gather **out)
{
    const struct prismi_call c = {dev, "gather_create", NULL};
    *out = NULL;
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL));
    PRISMI_INT(&c, d, planes);
    PRISMI_INT(&c, d, k);
    PRISMI_INT(&c, d, nx);
    PRISMI_WITHIN(&c, d, ny, 1, INT_MAX / d->k);
    PRISMI_GIVEN(&c, index);
    PRISMI_GIVEN(&c, weight);
    struct prismi_plan *p = plan_new(dev);
    if (!p)
        return PRISM_ENOMEM;
    p->desc.gather = *d;
    return plan_done(p, prismi_inner(dev)->gather_create(dev, d, index, weight, &p->inner.gather),
                     out);
}

#define FRONT_GATHER(pass, y, x)                                                                   \
    static int front_##pass(struct prism_gather *plan, prism_mem y, prism_mem x)                   \
    {                                                                                              \
        const struct prismi_plan *p = (const struct prismi_plan *)plan;                            \
        const struct prismi_call c = {p->dev, #pass, NULL};                                        \
        PRISMI_GIVEN(&c, y);                                                                       \
        PRISMI_GIVEN(&c, x);                                                                       \
        PRISMI_APART(&c, y, x);                                                                    \
        return prismi_inner(p->dev)->pass(p->inner.gather, y, x);                                  \
    }
FRONT_GATHER(gather_fwd, y, x)
FRONT_GATHER(gather_adj, gx, gy)

static void front_gather_destroy(struct prism_gather *plan)
{
    struct prismi_plan *p = (struct prismi_plan *)plan;
    if (!p)
        return;
    prismi_inner(p->dev)->gather_destroy(p->inner.gather);
    prismi_free(p);
}

/* ---- dense and elementwise ---- */

static int front_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                      prism_mem a, prism_mem b)
{
    const struct prismi_call call = {dev, "gemm", NULL};
    PRISM_TRY(prismi_check_dtype(&call, d->dtype, PRISMI_REAL));
    PRISMI_INT(&call, d, m);
    PRISMI_INT(&call, d, n);
    PRISMI_INT(&call, d, k);
    PRISMI_GIVEN(&call, c);
    PRISMI_GIVEN(&call, a);
    PRISMI_GIVEN(&call, b);
    PRISMI_APART(&call, c, a);
    PRISMI_APART(&call, c, b);
    return prismi_inner(dev)->gemm(dev, d, c, a, b);
}

/* True if output y may be input x: each element of y depends only on the
 * element of x at the same place. */
static bool in_place(char y, char x)
{
    return ((y == 'e' || y == 'E') && x == 'e') || (y == 'c' && x == 'c');
}

static int map_operands(const struct prismi_call *c, enum prism_map op, bool one,
                        const struct prism_map_args *a)
{
    const char *y = maps[op].y, *x = maps[op].x;
    for (int i = 0; y[i]; i++)
        if (!a->y[i])
            return PRISMI_REFUSE(c, "y%d is NULL; it is required", i);
    for (int k = 0; x[k]; k++) {
        if (!a->x[k])
            return PRISMI_REFUSE(c, "x%d is NULL; it is required", k);
        for (int i = 0; y[i]; i++)
            if (a->y[i] == a->x[k] && !one && !in_place(y[i], x[k]))
                return PRISMI_REFUSE(c, "y%d is the same memory as x%d; they must lie apart", i, k);
    }
    return 0;
}

static int front_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                     size_t cols, const struct prism_map_args *a)
{
    const bool known = (unsigned)op < PRISM_MAP_COUNT;
    const struct prismi_call c = {dev, "map", known ? maps[op].name : NULL};
    const struct {
        size_t rows, cols, period;
        enum prism_act act;
    } d = {rows, cols, a->period, a->act};
    if (!known)
        return PRISMI_REFUSE(&c, "operation %d is unknown; expected 0 to %d", (int)op,
                             PRISM_MAP_COUNT - 1);
    const bool half = maps[op].y[0] == 'h' || maps[op].x[0] == 'h';
    PRISM_TRY(prismi_check_dtype(&c, dtype, half ? PRISMI_HALF : PRISMI_REAL));
    PRISMI_SIZE(&c, &d, rows);
    PRISMI_SIZE(&c, &d, cols);
    PRISM_TRY(prismi_check_count(&c, (double)rows * (double)cols));
    if (a->period && rows % a->period)
        return PRISMI_REFUSE(&c, "period is %zu; expected 0 or a divisor of the %zu rows",
                             a->period, rows);
    if (maps[op].acts)
        PRISMI_WITHIN(&c, &d, act, 0, PRISM_ACT_COUNT - 1);
    PRISM_TRY(map_operands(&c, op, rows * cols == 1, a));
    return prismi_inner(dev)->map(dev, op, dtype, rows, cols, a);
}

static int front_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                        size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    const bool known = (unsigned)op < PRISM_REDUCE_COUNT;
    const struct prismi_call c = {dev, "reduce", known ? reduce_names[op] : NULL};
    const struct {
        size_t rows, cols;
    } d = {rows, cols};
    if (!known)
        return PRISMI_REFUSE(&c, "operation %d is unknown; expected 0 to %d", (int)op,
                             PRISM_REDUCE_COUNT - 1);
    PRISM_TRY(prismi_check_dtype(&c, dtype, PRISMI_REAL));
    PRISMI_SIZE(&c, &d, rows);
    PRISMI_SIZE(&c, &d, cols);
    PRISM_TRY(prismi_check_count(&c, (double)rows * (double)cols));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, a);
    if (op >= PRISM_REDUCE_VAR && op <= PRISM_REDUCE_SQDIFF) {
        PRISMI_GIVEN(&c, b);
        PRISMI_APART(&c, y, b);
    }
    PRISMI_APART(&c, y, a);
    return prismi_inner(dev)->reduce(dev, op, dtype, rows, cols, y, a, b);
}

/* ---- stencils ---- */

static int check_window(const struct prismi_call *c, const struct prism_window_desc *d,
                        unsigned dtypes)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, dtypes));
    PRISMI_INT(c, d, planes);
    PRISMI_SIDE(c, d, hy);
    PRISMI_SIDE(c, d, wy);
    PRISMI_SIDE(c, d, hx);
    PRISMI_SIDE(c, d, wx);
    PRISMI_WITHIN(c, d, dy, -PRISMI_SIDE_MAX, PRISMI_SIDE_MAX);
    PRISMI_WITHIN(c, d, dx, -PRISMI_SIDE_MAX, PRISMI_SIDE_MAX);
    return 0;
}

static int front_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                        prism_mem x)
{
    const struct prismi_call c = {dev, "window", NULL};
    PRISM_TRY(check_window(&c, d, PRISMI_REAL | PRISMI_CPLX));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    PRISMI_APART(&c, y, x);
    return prismi_inner(dev)->window(dev, d, y, x);
}

static int front_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                             prism_mem x, prism_mem weight)
{
    const struct prismi_call c = {dev, "scatter_add", NULL};
    PRISM_TRY(check_window(&c, d, PRISMI_REAL));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    PRISMI_GIVEN(&c, weight);
    PRISMI_APART(&c, y, x);
    PRISMI_APART(&c, y, weight);
    return prismi_inner(dev)->scatter_add(dev, d, y, x, weight);
}

static int front_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                      prism_mem x, prism_mem tmp, prism_mem taps)
{
    const struct prismi_call c = {dev, "blur", NULL};
    PRISM_TRY(prismi_check_dtype(&c, d->dtype, PRISMI_REAL));
    PRISMI_INT(&c, d, planes);
    PRISMI_SIDE(&c, d, h);
    PRISMI_SIDE(&c, d, w);
    PRISMI_WITHIN(&c, d, radius, 0, (d->h < d->w ? d->h : d->w) - 1);
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    PRISMI_GIVEN(&c, tmp);
    PRISMI_GIVEN(&c, taps);
    PRISMI_APART(&c, y, x);
    PRISMI_APART(&c, y, tmp);
    PRISMI_APART(&c, tmp, x);
    return prismi_inner(dev)->blur(dev, d, y, x, tmp, taps);
}

int prismi_check_subaperture(const struct prismi_call *c, const struct prism_subaperture_desc *d)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, PRISMI_CPLX));
    PRISMI_INT(c, d, batch);
    PRISMI_SIDE(c, d, h);
    PRISMI_SIDE(c, d, w);
    PRISMI_SIDE(c, d, oh);
    PRISMI_SIDE(c, d, ow);
    PRISMI_WITHIN(c, d, ph, 1, d->h < d->oh ? d->h : d->oh);
    PRISMI_WITHIN(c, d, pw, 1, d->w < d->ow ? d->w : d->ow);
    return 0;
}

static int subaperture_args(const struct prismi_call *c, const struct prism_subaperture_args *a)
{
    PRISMI_ARG(c, a, field);
    PRISMI_ARG(c, a, spectrum);
    PRISMI_ARG(c, a, pupil);
    PRISMI_ARG(c, a, origin);
    PRISMI_ARG(c, a, index);
    PRISMI_ARGS_APART(c, a, field, spectrum);
    return 0;
}

static int front_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                 const struct prism_subaperture_args *a)
{
    const struct prismi_call c = {dev, "subaperture_fwd", NULL};
    PRISM_TRY(prismi_check_subaperture(&c, d));
    PRISM_TRY(subaperture_args(&c, a));
    return prismi_inner(dev)->subaperture_fwd(dev, d, a);
}

static int front_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                 const struct prism_subaperture_args *a)
{
    const struct prismi_call c = {dev, "subaperture_adj", NULL};
    PRISM_TRY(prismi_check_subaperture(&c, d));
    PRISM_TRY(subaperture_args(&c, a));
    if (a->beta != 0 && a->beta != 1)
        return PRISMI_REFUSE(&c, "beta is %g; expected 0 or 1", a->beta);
    return prismi_inner(dev)->subaperture_adj(dev, d, a);
}

/* ---- planes ---- */

static int check_pool(const struct prismi_call *c, const struct prism_pool_desc *d)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, PRISMI_REAL));
    PRISMI_WITHIN(c, d, kind, 0, PRISM_POOL_COUNT - 1);
    PRISMI_INT(c, d, planes);
    PRISMI_SIDE(c, d, h);
    PRISMI_SIDE(c, d, w);
    PRISMI_SIDE(c, d, k);
    PRISMI_SIDE(c, d, stride);
    PRISMI_WITHIN(c, d, pad, 0, d->k - 1);
    PRISMI_WITHIN(c, d, k, 1, d->h + 2 * d->pad);
    PRISMI_WITHIN(c, d, k, 1, d->w + 2 * d->pad);
    return 0;
}

static int front_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                          prism_mem index, prism_mem x)
{
    const struct prismi_call c = {dev, "pool_fwd", NULL};
    PRISM_TRY(check_pool(&c, d));
    PRISMI_GIVEN(&c, y);
    if (d->kind == PRISM_POOL_MAX)
        PRISMI_GIVEN(&c, index);
    PRISMI_GIVEN(&c, x);
    PRISMI_APART(&c, y, x);
    return prismi_inner(dev)->pool_fwd(dev, d, y, index, x);
}

static int front_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                          prism_mem gy, prism_mem index)
{
    const struct prismi_call c = {dev, "pool_bwd", NULL};
    PRISM_TRY(check_pool(&c, d));
    PRISMI_GIVEN(&c, gx);
    PRISMI_GIVEN(&c, gy);
    if (d->kind == PRISM_POOL_MAX)
        PRISMI_GIVEN(&c, index);
    PRISMI_APART(&c, gx, gy);
    return prismi_inner(dev)->pool_bwd(dev, d, gx, gy, index);
}

static int front_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                        prism_mem x)
{
    const struct prismi_call c = {dev, "copy2d", NULL};
    PRISMI_WITHIN(&c, d, dtype, 0, PRISM_DTYPE_COUNT - 1);
    PRISMI_SIZE(&c, d, rows);
    PRISMI_WITHIN(&c, d, cols, 1, (double)(d->ldy < d->ldx ? d->ldy : d->ldx));
    PRISM_TRY(
        prismi_check_count(&c, (double)d->rows * (double)(d->ldy > d->ldx ? d->ldy : d->ldx)));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    PRISMI_APART(&c, y, x);
    return prismi_inner(dev)->copy2d(dev, d, y, x);
}

static int check_softmax(const struct prismi_call *c, const struct prism_softmax_desc *d)
{
    PRISM_TRY(prismi_check_dtype(c, d->dtype, PRISMI_REAL));
    PRISMI_INT(c, d, n);
    PRISMI_INT(c, d, classes);
    PRISMI_SIZE(c, d, pixels);
    return prismi_check_count(c, (double)d->n * d->classes * (double)d->pixels);
}

static int front_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                             prism_mem x)
{
    const struct prismi_call c = {dev, "softmax_fwd", NULL};
    PRISM_TRY(check_softmax(&c, d));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    return prismi_inner(dev)->softmax_fwd(dev, d, y, x);
}

static int front_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d,
                             prism_mem gx, prism_mem gy, prism_mem y)
{
    const struct prismi_call c = {dev, "softmax_bwd", NULL};
    PRISM_TRY(check_softmax(&c, d));
    PRISMI_GIVEN(&c, gx);
    PRISMI_GIVEN(&c, gy);
    PRISMI_GIVEN(&c, y);
    PRISMI_APART(&c, gx, y);
    return prismi_inner(dev)->softmax_bwd(dev, d, gx, gy, y);
}

static int front_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                        prism_mem x)
{
    const struct prismi_call c = {dev, "argmax", NULL};
    PRISM_TRY(check_softmax(&c, d));
    PRISMI_GIVEN(&c, y);
    PRISMI_GIVEN(&c, x);
    PRISMI_APART(&c, y, x);
    return prismi_inner(dev)->argmax(dev, d, y, x);
}

/* ---- the table ---- */

void prismi_front(struct prismi_device *d)
{
    struct prism_ops *ops = &d->ops;
    *ops = d->inner;
    ops->alloc = front_alloc;
    ops->write = front_write;
    ops->read = front_read;
    ops->copy = front_copy;
    ops->generate = front_generate;
    ops->fft_create = front_fft_create;
    ops->fft_run = front_fft_run;
    ops->fft_destroy = front_fft_destroy;
    ops->conv_create = front_conv_create;
    ops->conv_fwd = front_conv_fwd;
    ops->conv_bwd_x = front_conv_bwd_x;
    ops->conv_bwd_w = front_conv_bwd_w;
    ops->conv_destroy = front_conv_destroy;
    ops->gemm = front_gemm;
    ops->map = front_map;
    ops->reduce = front_reduce;
    ops->window = front_window;
    ops->subaperture_fwd = front_subaperture_fwd;
    ops->subaperture_adj = front_subaperture_adj;
    ops->blur = front_blur;
    ops->pool_fwd = front_pool_fwd;
    ops->pool_bwd = front_pool_bwd;
    ops->copy2d = front_copy2d;
    ops->scatter_add = front_scatter_add;
    ops->softmax_fwd = front_softmax_fwd;
    ops->softmax_bwd = front_softmax_bwd;
    ops->argmax = front_argmax;
    ops->gather_create = front_gather_create;
    ops->gather_fwd = front_gather_fwd;
    ops->gather_adj = front_gather_adj;
    ops->gather_destroy = front_gather_destroy;
    prismi_front_fused(ops);
}
