/* Elementwise operations of the CPU backend: one loop per operation over a
 * piece of a row, and a driver that cuts arrays into pieces. */
#include "backend_cpu/vmath.h"

#include <string.h>

/* Operands of a piece of one row. r holds the operands with one value per row;
 * all other pointers point at the piece's first element. s and d are the
 * scalars in the kernel's precision and in double. */
struct piece {
    size_t n;
    real *y[4];
    const real *x[6];
    real r[6], s[3];
    real cols;
    double d[3];
};

#define KERNEL(name, ...)                                                                          \
    CPU_HOT static void name(const struct piece *p)                                                \
    {                                                                                              \
        real *y0 = p->y[0], *y1 = p->y[1];                                                         \
        const real *x0 = p->x[0], *x1 = p->x[1], *r = p->r;                                        \
        const real s0 = p->s[0], s1 = p->s[1], r1 = r[1], r2 = r[2];                               \
        const size_t n = p->n;                                                                     \
        (void)y1, (void)x0, (void)x1, (void)s0, (void)s1, (void)r1, (void)r2;                      \
        CPU_SIMD                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

KERNEL(fill, y0[i] = s0;)
KERNEL(axpby, y0[i] = s0 * x0[i] + s1 * x1[i];)
KERNEL(mul, y0[i] = s0 * x0[i] * x1[i];)
KERNEL(clamp, real v = x0[i]; v = v < s0 ? s0 : v; y0[i] = v > s1 ? s1 : v;)
KERNEL(scale_shift, y0[i] = x0[i] * r1 + r2;)
KERNEL(normalize, y0[i] = (x0[i] - r1) * r2;)
KERNEL(rsqrt, y0[i] = 1 / sqrt(x0[i] + s0);)
KERNEL(gather, y0[i] = x0[i];)
KERNEL(l1_grad, real a = x0[i], b = x1[i]; y0[i] = a > b ? r2 : a < b ? -r2 : 0;)
KERNEL(l2_grad, y0[i] = 2 * r2 * (x0[i] - x1[i]);)

#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    KERNEL(misfit_##name, const real m = x0[i], d = x1[i], w = r2, off = m - d; y0[i] = slope;     \
           y1[i] = term;)
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW

CPU_HOT static void norm_bwd(const struct piece *p)
{
    real *y = p->y[0];
    const real *x0 = p->x[0], *x1 = p->x[1];
    const real scale = p->r[2] * p->r[3], sum = p->r[4] / p->cols, dot = p->r[5] / p->cols;

    CPU_SIMD
    for (size_t i = 0; i < p->n; i++)
        y[i] = scale * (x0[i] - (sum + x1[i] * dot));
}

/* ---- activations ---- */

#define ACT_KERNELS(name, act)                                                                     \
    KERNEL(name##_fwd, y0[i] = cpu_act(act, x0[i]);)                                               \
    KERNEL(name##_row, y0[i] = cpu_act(act, x0[i] + r1);)                                          \
    KERNEL(name##_bwd, y0[i] = x0[i] * cpu_act_slope(act, x1[i]);)
ACT_KERNELS(none, PRISM_ACT_NONE)
ACT_KERNELS(relu, PRISM_ACT_RELU)
ACT_KERNELS(leaky, PRISM_ACT_LEAKY)
ACT_KERNELS(sigmoid, PRISM_ACT_SIGMOID)
ACT_KERNELS(hardsigmoid, PRISM_ACT_HARDSIGMOID)
ACT_KERNELS(scalesigmoid, PRISM_ACT_SCALESIGMOID)
ACT_KERNELS(tanh, PRISM_ACT_TANH)

typedef void piece_fn(const struct piece *p);
static piece_fn *const act_fwd[PRISM_ACT_COUNT] = {
    none_fwd, relu_fwd, leaky_fwd, sigmoid_fwd, hardsigmoid_fwd, scalesigmoid_fwd, tanh_fwd};
static piece_fn *const act_row[PRISM_ACT_COUNT] = {
    none_row, relu_row, leaky_row, sigmoid_row, hardsigmoid_row, scalesigmoid_row, tanh_row};
static piece_fn *const act_bwd[PRISM_ACT_COUNT] = {
    none_bwd, relu_bwd, leaky_bwd, sigmoid_bwd, hardsigmoid_bwd, scalesigmoid_bwd, tanh_bwd};

/* ---- optimiser ---- */

enum moments { NO_MOMENTS, MOMENTS, MOMENTS_AND_MAX };

CPU_INLINE void adam_piece(const struct piece *s, enum moments stored)
{
    real *p = s->y[0], *m = s->y[1], *v = s->y[2], *top = s->y[3];
    const real *g = s->x[0];
    const real rate = s->x[1][0], root = s->x[1][1], u = s->x[1][2], b1 = s->s[0], b2 = s->s[1],
               eps = s->s[2];
    const real c1 = (real)(1 - s->d[0]), c2 = (real)(1 - s->d[1]);

    CPU_SIMD
    for (size_t i = 0; i < s->n; i++) {
        real gi = u * g[i];
        real mi = stored ? b1 * m[i] + c1 * gi : c1 * gi;
        real vi = stored ? b2 * v[i] + c2 * (gi * gi) : c2 * (gi * gi);
        if (stored) {
            m[i] = mi;
            v[i] = vi;
        }
        if (stored == MOMENTS_AND_MAX)
            top[i] = vi = top[i] > vi ? top[i] : vi;
        p[i] -= rate * mi / (sqrt(vi) * root + eps);
    }
}

CPU_HOT static void adam(const struct piece *s)
{
    adam_piece(s, MOMENTS);
}

CPU_HOT static void amsgrad(const struct piece *s)
{
    adam_piece(s, MOMENTS_AND_MAX);
}

CPU_HOT static void adam_once(const struct piece *s)
{
    adam_piece(s, NO_MOMENTS);
}

static bool is_adam(enum prism_map op)
{
    return op == PRISM_MAP_ADAM || op == PRISM_MAP_AMSGRAD || op == PRISM_MAP_ADAM_ONCE;
}

static bool adam_skips(const real *step)
{
    return isnan(step[2]);
}

/* ---- loss scaling ---- */

static void loss_scale(const struct prism_map_args *a, size_t n)
{
    real *state = (real *)a->y[0], *u = (real *)a->y[1];
    const real *check = (const real *)a->x[0];
    bool finite = true;

    for (size_t i = 0; i < n; i++)
        finite &= check[i] == 0;
    *u = finite ? 1 / state[0] : NAN;
    state[1] = finite ? state[1] + 1 : 0;
    if (!finite) {
        state[0] *= (real)a->s[2];
        state[2] += 1;
    } else if (state[1] >= (real)a->s[0]) {
        state[1] = 0;
        state[0] *= isfinite(state[0] * (real)a->s[1]) ? (real)a->s[1] : 1;
    }
}

/* ---- structural similarity ---- */

/* MS-SSIM and its gradient. There are as many rows as scales and as many
 * columns as images: few of both, so one thread runs them. */
static void ms_ssim(const struct prism_map_args *a, size_t rows, size_t cols)
{
    const size_t period = a->period ? a->period : rows;
    real *y = (real *)a->y[0], *value = (real *)a->y[1], k = (real)a->s[0], least = (real)a->s[1];
    const real *mean = (const real *)a->x[0], *weight = (const real *)a->x[1],
               *factor = (const real *)a->x[2];

    for (size_t c = 0; c < cols; c++) {
        real product = 1;
        for (size_t r = 0; r < rows; r++)
            product *=
                pow(mean[r * cols + c] < least ? least : mean[r * cols + c], weight[r % period]);
        for (size_t r = 0; r < rows; r++) {
            real m = mean[r * cols + c];
            y[r * cols + c] =
                m < least ? 0 : -k * product * weight[r % period] * factor[r % period] / m;
        }
        value[c] = k * (1 - product);
    }
}

CPU_INLINE void ssim_piece(const struct piece *p, bool luminance)
{
    real *y0 = p->y[0], *y1 = p->y[1], *y2 = p->y[2], *y3 = p->y[3];
    const real *x0 = p->x[0], *x1 = p->x[1], *x2 = p->x[2], *x3 = p->x[3], *x4 = p->x[4];
    const real k1 = p->s[0], k2 = p->s[1];

    CPU_SIMD
    for (size_t i = 0; i < p->n; i++) {
        real u = x0[i], v = x1[i];
        real a2 = 2 * (x4[i] - u * v) + k2, b2 = x2[i] - u * u + x3[i] - v * v + k2;
        real cs = a2 / b2, cs_u = 2 * (u * cs - v) / b2;
        real l = 1, l_u = 0;
        if (luminance) {
            real b1 = u * u + v * v + k1;
            l = (2 * u * v + k1) / b1;
            l_u = 2 * (v - u * l) / b1;
        }
        y0[i] = l * cs;
        y1[i] = l_u * cs + l * cs_u;
        y2[i] = -l * cs / b2;
        y3[i] = 2 * l / b2;
    }
}

CPU_HOT static void ssim(const struct piece *p)
{
    ssim_piece(p, true);
}

CPU_HOT static void ssim_cs(const struct piece *p)
{
    ssim_piece(p, false);
}

CPU_HOT static void ssim_grad(const struct piece *p)
{
    real *y = p->y[0];
    const real *x1 = p->x[1], *x2 = p->x[2], *x3 = p->x[3], *x4 = p->x[4], *x5 = p->x[5];
    const real r0 = p->r[0];

    CPU_SIMD
    for (size_t i = 0; i < p->n; i++)
        y[i] = r0 * (x1[i] + 2 * x2[i] * x3[i] + x4[i] * x5[i]);
}

/* ---- complex ---- */

#define RE(z) z[2 * i]
#define IM(z) z[2 * i + 1]

KERNEL(c_from_r, RE(y0) = x0[i]; IM(y0) = 0;)
KERNEL(c_real, y0[i] = s0 * RE(x0);)
KERNEL(c_abs, y0[i] = sqrt(RE(x0) * RE(x0) + IM(x0) * IM(x0));)
KERNEL(c_phase, real re = RE(x1), im = IM(x1), m = sqrt(re * re + im * im);
       real s = m == 0 ? 0 : x0[i] / m; RE(y0) = s * re; IM(y0) = s * im;)
KERNEL(c_axpby, RE(y0) = s0 * RE(x0) + s1 * RE(x1); IM(y0) = s0 * IM(x0) + s1 * IM(x1);)
KERNEL(c_mul, real a = RE(x0), b = IM(x0), c = RE(x1), d = IM(x1); RE(y0) = s0 * (a * c - b * d);
       IM(y0) = s0 * (a * d + b * c);)
KERNEL(c_mulc, real a = RE(x0), b = IM(x0), c = RE(x1), d = IM(x1); RE(y0) = s0 * (a * c + b * d);
       IM(y0) = s0 * (b * c - a * d);)
KERNEL(c_clamp_abs, real re = RE(x0), im = IM(x0), m = sqrt(re * re + im * im);
       real to = m < s0 ? s0 : m; to = to > s1 ? s1 : to; real s = m == 0 || to == m ? 1 : to / m;
       RE(y0) = s * re; IM(y0) = s * im;)

/* ---- driver ---- */

static const struct map_op {
    const char *y, *x; /* kinds of the operands, as in maps.def */
} table[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) [PRISM_MAP_##NAME] = {y, x},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

/* Kernels of operations that run on pieces and take no activation. */
static piece_fn *const kernels[PRISM_MAP_COUNT] = {
    [PRISM_MAP_FILL] = fill,
    [PRISM_MAP_AXPBY] = axpby,
    [PRISM_MAP_MUL] = mul,
    [PRISM_MAP_CLAMP] = clamp,
    [PRISM_MAP_SCALE_SHIFT] = scale_shift,
    [PRISM_MAP_NORMALIZE] = normalize,
    [PRISM_MAP_NORM_BWD] = norm_bwd,
    [PRISM_MAP_RSQRT] = rsqrt,
    [PRISM_MAP_GATHER_ROW] = gather,
    [PRISM_MAP_L1_GRAD] = l1_grad,
    [PRISM_MAP_L2_GRAD] = l2_grad,
    [PRISM_MAP_ADAM] = adam,
    [PRISM_MAP_AMSGRAD] = amsgrad,
    [PRISM_MAP_ADAM_ONCE] = adam_once,
    [PRISM_MAP_SSIM] = ssim,
    [PRISM_MAP_SSIM_CS] = ssim_cs,
    [PRISM_MAP_SSIM_GRAD] = ssim_grad,
    [PRISM_MAP_C_FROM_R] = c_from_r,
    [PRISM_MAP_C_REAL] = c_real,
    [PRISM_MAP_C_ABS] = c_abs,
    [PRISM_MAP_C_PHASE] = c_phase,
    [PRISM_MAP_C_AXPBY] = c_axpby,
    [PRISM_MAP_C_MUL_COL] = c_mul,
    [PRISM_MAP_C_MULC_COL] = c_mulc,
    [PRISM_MAP_C_CLAMP_ABS] = c_clamp_abs,
    [PRISM_MAP_C_MUL] = c_mul,
    [PRISM_MAP_C_MULC] = c_mulc,
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) [PRISM_MAP_MISFIT_##NAME] = misfit_##name,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

static piece_fn *const *const act_kernels[PRISM_MAP_COUNT] = {
    [PRISM_MAP_ADD_ROW] = act_row,
    [PRISM_MAP_ACT] = act_fwd,
    [PRISM_MAP_ACT_BWD] = act_bwd,
};

struct map_run {
    const struct map_op *op;
    piece_fn *run;
    const struct prism_map_args *args;
    size_t cols, blocks, period; /* blocks: pieces of a row */
    size_t shared;               /* elements that share one value of a per-row operand */
};

enum { PIECE = 4 * CPU_BLOCK };

static void map_item(const void *arg, size_t item, int thread)
{
    const struct map_run *m = arg;
    const struct prism_map_args *a = m->args;
    size_t row = item / m->blocks, col = item % m->blocks * PIECE, at = row * m->cols + col;
    struct piece p = {.n = m->cols - col < PIECE ? m->cols - col : PIECE,
                      .s = {(real)a->s[0], (real)a->s[1], (real)a->s[2]},
                      .cols = (real)m->shared,
                      .d = {a->s[0], a->s[1], a->s[2]}};

    (void)thread;
    for (int i = 0; m->op->y[i]; i++)
        p.y[i] = (real *)a->y[i] + (m->op->y[i] == 'c' ? 2 * at : at);
    for (int i = 0; m->op->x[i]; i++) {
        const real *x = (const real *)a->x[i];
        switch (m->op->x[i]) {
        case 'e':
            p.x[i] = x + at;
            break;
        case 'c':
            p.x[i] = x + 2 * at;
            break;
        case 'r':
            p.r[i] = x[row % m->period];
            break;
        case 'k':
            p.x[i] = x + 2 * col;
            break;
        case 'g':
            p.x[i] = x + (size_t)((const int32_t *)a->x[i + 1])[row % m->period] * m->cols + col;
            break;
        default:
            p.x[i] = x;
        }
    }
    m->run(&p);
}

static bool per_element(const char *kinds)
{
    for (; *kinds; kinds++)
        if (*kinds != 'e' && *kinds != 'c' && *kinds != 't')
            return false;
    return true;
}

static void sweep(struct prism_dev *dev, enum prism_map op, size_t rows, size_t cols,
                  const struct prism_map_args *args)
{
    struct map_run m = {
        .op = &table[op], .args = args, .cols = cols, .period = args->period ? args->period : rows};

    m.shared = cols * (rows / m.period);
    m.run = act_kernels[op] ? act_kernels[op][args->act] : kernels[op];
    if (per_element(m.op->x)) { /* all rows are one long row */
        m.cols = rows * cols;
        rows = 1;
    }
    m.blocks = (m.cols + PIECE - 1) / PIECE;
    /* A real output that overwrites its complex input also overwrites the input
     * of earlier pieces, so pieces run in order. */
    bool in_order = m.op->y[0] == 'e' && m.op->x[0] == 'c' && args->y[0] == args->x[0];
    prismi_cpu_for(dev, rows * m.blocks, in_order ? 0 : (double)rows * (double)m.cols, map_item,
                   &m);
}

int R(prismi_cpu_map)(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                      size_t cols, const struct prism_map_args *args)
{
    (void)dtype;
    if (op == PRISM_MAP_LOSS_SCALE)
        loss_scale(args, cols);
    else if (op == PRISM_MAP_MS_SSIM)
        ms_ssim(args, rows, cols);
    else if (op == PRISM_MAP_FROM_U8 || op == PRISM_MAP_TO_U8)
        R(prismi_cpu_bytes)(dev, op, rows * cols, args);
    else if (!is_adam(op) || !adam_skips((const real *)args->x[1]))
        sweep(dev, op, rows, cols, args);
    return 0;
}

/* ---- the optimiser on an outer product ---- */

enum {
    /* columns of a piece: a few rows of parameters and moments stay in the
     * first-level cache */
    OUTER_PIECE = 512
};

struct outer_run {
    const struct prism_adam_outer_desc *d;
    const struct prism_conv *conv;
    const struct prism_adam_outer_args *a;
    piece_fn *run;
};

/* Updates n elements of the arrays y from index `at` on, by gradient g. y:
 * parameters, m, v and vmax, each NULL if there is none. */
static void outer_piece(const struct outer_run *o, const prism_mem y[4], size_t at, size_t n,
                        const real *g, const real *step)
{
    struct piece p = {.n = n,
                      .x = {g, step},
                      .s = {(real)o->d->b1, (real)o->d->b2, (real)o->d->eps},
                      .d = {o->d->b1, o->d->b2, o->d->eps}};

    for (int i = 0; i < 4; i++)
        p.y[i] = y[i] ? (real *)y[i] + at : NULL;
    o->run(&p);
}

/* Updates up to CPU_POINT_ROWS rows while they are in the cache. Per row,
 * `tail` first gets the dot product with b (the vector's gradient) and updates
 * the vector's element; then the row is updated, and the rows' products with
 * the new vector are added to sum. A row's gradient is b scaled by a number, so
 * each row is ADAM with a scaled gradient factor. */
static void outer_rows(const struct outer_run *o, size_t row, size_t rows, real *sum)
{
    const struct prism_adam_outer_args *a = o->a;
    const struct prism_adam_outer_tail *t = a->tail;
    const prism_mem y[4] = {a->p, a->m, a->v, a->vmax};
    const size_t cols = o->d->cols;
    const real *p = (const real *)a->p + row * cols, *b = (const real *)a->b,
               *step = (const real *)a->step;
    real row_step[CPU_POINT_ROWS][3];

    for (size_t i = 0; i < rows; i++) {
        memcpy(row_step[i], step, sizeof row_step[i]);
        row_step[i][2] *= ((const real *)a->a)[row + i];
        if (t) {
            real *ga = (real *)t->ga + row + i;
            *ga = R(prismi_cpu_dot)(p + i * cols, b, cols);
            outer_piece(o, (const prism_mem[]){t->z, t->zm, t->zv, t->zvmax}, row + i, 1, ga, step);
        }
    }
    for (size_t col = 0; col < cols; col += OUTER_PIECE) {
        const size_t n = cols - col < OUTER_PIECE ? cols - col : OUTER_PIECE;
        for (size_t i = 0; i < rows; i++)
            outer_piece(o, y, (row + i) * cols + col, n, b + col, row_step[i]);
        if (t)
            R(prismi_cpu_point_add)(sum + col, p + col, cols, (const real *)t->z + row, rows, n);
    }
}

static void outer_item(const void *arg, size_t item, int thread)
{
    const struct outer_run *o = arg;
    real *sum = o->a->tail ? R(prismi_cpu_point_sum)(o->conv, item) : NULL;
    size_t rows;

    (void)thread;
    for (size_t row = item * CPU_POINT_ITEM; (rows = prismi_cpu_point_rows(item, row, o->d->rows));
         row += rows)
        outer_rows(o, row, rows, sum);
}

int R(prismi_cpu_adam_outer)(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                             struct prism_conv *conv, const struct prism_adam_outer_args *args)
{
    const struct outer_run o = {d, conv, args, args->vmax ? amsgrad : args->m ? adam : adam_once};
    const struct prism_adam_outer_tail *t = args->tail;

    if (adam_skips((const real *)args->step))
        return t ? R(prismi_cpu_conv_bwd_x)(conv, t->y, t->z, args->p) : 0;
    prismi_cpu_for(dev, prismi_cpu_point_items(d->rows), (double)d->rows * (double)d->cols,
                   outer_item, &o);
    if (t)
        R(prismi_cpu_point_finish)(conv, (real *)t->y);
    return 0;
}
