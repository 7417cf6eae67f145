/* Row reductions of the CPU backend. The shape fixes the size of the blocks; a
 * block is summed in interleaved lanes in the element's precision, and block
 * sums are combined in double, in order. */
#include "backend_cpu/real.h"

#include <tgmath.h>

enum { LANES = 32 };

/* Defines a function that returns the sum over i of term(i), in LANES
 * interleaved sums. */
#define BLOCK(name, term)                                                                          \
    CPU_HOT static double name(const real *a, const real *b, real mean, size_t n)                  \
    {                                                                                              \
        real lane[LANES] = {0};                                                                    \
        double sum = 0;                                                                            \
        size_t i = 0;                                                                              \
        (void)b, (void)mean;                                                                       \
        for (; i + LANES <= n; i += LANES) {                                                       \
            CPU_SIMD                                                                               \
            for (size_t l = 0; l < LANES; l++)                                                     \
                lane[l] += term(a[i + l], b[i + l], mean);                                         \
        }                                                                                          \
        for (; i < n; i++)                                                                         \
            sum += term(a[i], b[i], mean);                                                         \
        for (size_t l = 0; l < LANES; l++)                                                         \
            sum += lane[l];                                                                        \
        return sum;                                                                                \
    }
#define TERM_SUM(x, y, m) (x)
#define TERM_VAR(x, y, m) (((x) - (m)) * ((x) - (m)))
#define TERM_DOT(x, y, m) ((x) * (y))
#define TERM_ABS(x, y, m) fabs((x) - (y))
#define TERM_SQ(x, y, m) (((x) - (y)) * ((x) - (y)))
BLOCK(block_sum, TERM_SUM)
BLOCK(block_var, TERM_VAR)
BLOCK(block_dot, TERM_DOT)
BLOCK(block_abs, TERM_ABS)
BLOCK(block_sq, TERM_SQ)

/* The larger value, or NaN if either is NaN: once best is NaN, no comparison
 * replaces it. */
#define LARGER(x, best) ((x) > (best) || (x) != (x) ? (x) : (best))

CPU_INLINE double block_extremum(const real *a, real sign, size_t n)
{
    real lane[LANES], best = -INFINITY;
    size_t i = 0;

    for (size_t l = 0; l < LANES; l++)
        lane[l] = -INFINITY;
    for (; i + LANES <= n; i += LANES) {
        CPU_SIMD
        for (size_t l = 0; l < LANES; l++) {
            real v = sign * a[i + l];
            lane[l] = LARGER(v, lane[l]);
        }
    }
    for (; i < n; i++)
        best = LARGER(sign * a[i], best);
    for (size_t l = 0; l < LANES; l++)
        best = LARGER(lane[l], best);
    return sign * best;
}

CPU_HOT static double block_max(const real *a, const real *b, real mean, size_t n)
{
    (void)b, (void)mean;
    return block_extremum(a, 1, n);
}

CPU_HOT static double block_min(const real *a, const real *b, real mean, size_t n)
{
    (void)b, (void)mean;
    return block_extremum(a, -1, n);
}

static double (*const block_fn[PRISM_REDUCE_COUNT])(const real *a, const real *b, real mean,
                                                    size_t n) = {
    [PRISM_REDUCE_SUM] = block_sum,     [PRISM_REDUCE_MEAN] = block_sum,
    [PRISM_REDUCE_VAR] = block_var,     [PRISM_REDUCE_DOT] = block_dot,
    [PRISM_REDUCE_ABSDIFF] = block_abs, [PRISM_REDUCE_SQDIFF] = block_sq,
    [PRISM_REDUCE_MAX] = block_max,     [PRISM_REDUCE_MIN] = block_min,
};

struct reduce_run {
    enum prism_reduce op;
    size_t cols;
    const real *a, *b;
    real *y;
};

static void reduce_block(const void *arg, size_t row, size_t at, size_t n, double *sums)
{
    const struct reduce_run *r = arg;
    bool var = r->op == PRISM_REDUCE_VAR;

    sums[0] = block_fn[r->op](r->a + at, var || !r->b ? NULL : r->b + at, var ? r->b[row] : 0, n);
}

static void reduce_row(const void *arg, size_t row, const double *sums, size_t blocks, size_t block)
{
    const struct reduce_run *r = arg;
    double total = sums[0];

    (void)block;
    for (size_t i = 1; i < blocks; i++) {
        double v = sums[2 * i];
        total = r->op == PRISM_REDUCE_MAX   ? LARGER(v, total)
                : r->op == PRISM_REDUCE_MIN ? -LARGER(-v, -total)
                                            : total + v;
    }
    r->y[row] =
        (real)(r->op == PRISM_REDUCE_MEAN || r->op == PRISM_REDUCE_VAR ? total / (double)r->cols
                                                                       : total);
}

int R(prismi_cpu_reduce)(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                         size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    const struct reduce_run r = {op, cols, (const real *)a, (const real *)b, (real *)y};

    (void)dtype;
    prismi_cpu_sweep(dev, 1, rows, cols, reduce_block, reduce_row, &r);
    return 0;
}
