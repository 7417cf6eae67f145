/* Problems of the fused entries. */
#include "problem.h"

#include <math.h>
#include <string.h>

static const double norm_eps = 1e-5;

static struct prism_norm_desc norm_desc(const struct problem *p)
{
    return (struct prism_norm_desc){.dtype = p->dtype,
                                    .act = (enum prism_act)p->kind,
                                    .n = (size_t)case_int(p->text, "n", 1),
                                    .rows = (size_t)case_int(p->text, "r", 1),
                                    .cols = (size_t)case_int(p->text, "c", 1),
                                    .eps = norm_eps};
}

static int norm_fwd_run(struct prism_dev *dev, const struct problem *p, void *plan,
                        const prism_mem *mem)
{
    struct prism_norm_desc d = norm_desc(p);
    struct prism_norm_args a = {
        .y = mem[0], .stats = mem[1], .x = mem[2], .gamma = mem[3], .beta = mem[4]};

    (void)plan;
    return dev->ops->norm_act_fwd(dev, &d, &a);
}

static int norm_bwd_run(struct prism_dev *dev, const struct problem *p, void *plan,
                        const prism_mem *mem)
{
    struct prism_norm_desc d = norm_desc(p);
    struct prism_norm_args a = {.gx = mem[0],
                                .ggamma = mem[1],
                                .gbeta = mem[2],
                                .x = mem[3],
                                .gy = mem[4],
                                .stats = mem[5],
                                .gamma = mem[6],
                                .beta = mem[7]};

    (void)plan;
    return dev->ops->norm_act_bwd(dev, &d, &a);
}

/* Fills stats as the forward pass writes them, rounded to float like every
 * input. */
static void norm_stats(struct problem *p, int stats, int x)
{
    const struct prism_norm_desc d = norm_desc(p);
    const double *v = p->operand[x].value;
    double *s = p->operand[stats].value, n = (double)(d.n * d.cols);
    size_t rows = d.rows;

    for (size_t r = 0; r < rows; r++) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < d.n * rows * d.cols; i++)
            mean += i / d.cols % rows == r ? v[i] / n : 0;
        for (size_t i = 0; i < d.n * rows * d.cols; i++)
            var += i / d.cols % rows == r ? (v[i] - mean) * (v[i] - mean) / n : 0;
        s[r] = (float)mean;
        s[rows + r] = (float)var;
        s[2 * rows + r] = (float)(1 / sqrt(var + norm_eps));
    }
}

/* Builds a normalisation. Sums over a row go into every output, so the limit is
 * 4 sqrt(elements of a row) above the elementwise 32. */
static int norm_build(struct problem *p, bool backward)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    size_t images = (size_t)case_int(p->text, "n", 1), n = images * rows * cols;
    double limit = 32 + 4 * sqrt((double)(images * cols));
    int x, stats;

    p->kind = case_index(p->text, 1, case_act_names, PRISM_ACT_COUNT);
    if (p->kind < 0)
        return -1;
    operand_add(p, HALF, OUT, n, limit);
    if (backward) {
        operand_add(p, REAL, OUT, rows, limit);
        operand_add(p, REAL, OUT, rows, limit);
        p->operand[0].scale = p->operand[1].scale = p->operand[2].scale = 1;
        x = operand_random(p, HALF, CLOBBER, n, 0);
        operand_random(p, HALF, CLOBBER, n, 0);
        stats = operand_random(p, REAL, IN, 3 * rows, 0);
        norm_stats(p, stats, x);
    } else {
        operand_add(p, REAL, OUT, 3 * rows, limit);
        x = operand_random(p, HALF, IN, n, 0);
        p->operand[0].same_as = case_has(p->text, "inplace") ? x : -1;
    }
    operand_random(p, REAL, IN, rows, 0);
    operand_random(p, REAL, IN, rows, 0);
    p->run = backward ? norm_bwd_run : norm_fwd_run;
    p->fused = true;
    return 0;
}

enum { TARGETS = 5 };

static int misfit_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    struct prism_misfit_desc d = {p->dtype, (enum prism_misfit)p->kind,
                                  (size_t)case_int(p->text, "b", 1),
                                  (size_t)case_int(p->text, "c", 1)};
    struct prism_misfit_args a = {mem[0], mem[1], mem[2], mem[3], mem[4], mem[5], mem[6]};

    (void)plan;
    return dev->ops->misfit(dev, &d, &a);
}

/* Builds a misfit. Amplitudes m keep away from their targets d, because
 * rounding would decide the sign of m - d: |u| < 0.9 or u = 0, and d > 1 or d =
 * 0. */
static int misfit_build(struct problem *p)
{
    size_t batch = (size_t)case_int(p->text, "b", 1), cols = (size_t)case_int(p->text, "c", 1);
    int u, target, index;

    p->kind = case_index(p->text, 1, case_misfit_names, PRISM_MISFIT_COUNT);
    if (p->kind < 0)
        return -1;
    operand_add(p, REAL, OUT, batch, 4 * sqrt((double)cols) + 8);
    operand_add(p, CPLX, OUT, 2 * batch * cols, 16);
    u = operand_add(p, CPLX, IN, 2 * batch * cols, 0);
    operand_fill(p, u, -0.6, 0.6);
    for (size_t k = 0; k < batch * cols; k += 17)
        p->operand[u].value[2 * k] = p->operand[u].value[2 * k + 1] = 0;
    target = operand_add(p, REAL, IN, TARGETS * cols, 0);
    operand_fill(p, target, 1, 2);
    for (size_t k = 0; k < TARGETS * cols; k += 3)
        p->operand[target].value[k] = 0;
    operand_fill(p, operand_add(p, REAL, IN, TARGETS, 0), 0.1, 1.1);
    index = operand_random(p, INDEX, IN, batch, 0);
    for (size_t b = 0; b < batch; b++)
        p->operand[index].value[b] = (double)((b * 3 + 1) % TARGETS);
    operand_add(p, REAL, SCRATCH, 2 * batch * cols + batch, 0);
    p->operand[1].same_as = case_has(p->text, "inplace") ? u : -1;
    p->run = misfit_run;
    p->fused = true;
    return 0;
}

/* ---- adam_outer ---- */

static const double outer_b1 = 0.9, outer_b2 = 0.999, outer_eps = 1e-8;
static const char *const outer_kinds[] = {"adam", "amsgrad", "once"};
static const int outer_state[] = {3, 4, 1}; /* number of arrays: p and its moments */

static size_t outer_rows(const struct problem *p)
{
    return (size_t)case_int(p->text, "r", 1);
}

static size_t outer_cols(const struct problem *p)
{
    return (size_t)case_int(p->text, "c", 1);
}

static int adam_outer_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    int cols = (int)outer_cols(p), k = cols % 16 ? 1 : 4;
    struct prism_conv_desc d = {.dtype = p->dtype,
                                .n = 1,
                                .cin = cols / k / k,
                                .h = k,
                                .w = k,
                                .cout = (int)outer_rows(p),
                                .k = k,
                                .stride = 1};
    struct prism_conv *conv = NULL;
    int status = dev->ops->conv_create(dev, &d, &conv);

    *plan = conv;
    return status;
}

static void adam_outer_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->conv_destroy(plan);
}

/* Runs the update. With `next`, also computes the difference between its
 * product and that of conv_bwd_x on its own. */
static int adam_outer_run(struct prism_dev *dev, const struct problem *p, void *plan,
                          const prism_mem *mem)
{
    struct prism_adam_outer_desc d = {p->dtype, outer_rows(p), outer_cols(p),
                                      outer_b1, outer_b2,      outer_eps};
    const int state = outer_state[p->kind];
    const prism_mem *in = mem + state, *z = in + 5, *y = z + state;
    bool next = case_has(p->text, "next");
    struct prism_adam_outer_args a = {
        .p = mem[0], .a = in[0], .b = in[1], .step = in[2], .tmp = in[3]};
    struct prism_adam_outer_tail t = {0};
    prism_mem *const moments[] = {&a.m, &a.v, &a.vmax}, *const zmoments[] = {&t.zm, &t.zv,
                                                                             &t.zvmax};

    for (int i = 1; i < state; i++)
        *moments[i - 1] = mem[i];
    if (!next)
        return dev->ops->adam_outer(dev, &d, NULL, &a);
    for (int i = 1; i < state; i++)
        *zmoments[i - 1] = z[i];
    t.ga = in[4];
    t.z = z[0];
    t.y = y[0];
    a.tail = &t;
    int status = dev->ops->adam_outer(dev, &d, plan, &a);
    if (!status)
        status = dev->ops->conv_bwd_x(plan, y[1], z[0], mem[0]);
    struct prism_map_args minus = {.y = {y[1]}, .x = {y[1], y[0]}, .s = {1, -1}};
    return status ? status : dev->ops->map(dev, PRISM_MAP_AXPBY, p->dtype, 1, d.cols, &minus);
}

/* Appends a parameter and its moments. */
static void adam_state(struct problem *p, size_t n, double limit)
{
    /* second moments are not negative */
    for (int i = 0; i < outer_state[p->kind]; i++)
        operand_fill(p, operand_add(p, REAL, INOUT, n, limit), i < 2 ? -1 : 0.1, i < 2 ? 1 : 1.1);
}

/* Builds an update. The limit is that of map adam plus the product's rounding;
 * the vector's gradient is a sum over cols, its product a sum over rows. */
static int adam_outer_build(struct problem *p)
{
    size_t rows = outer_rows(p), cols = outer_cols(p);
    bool skip = case_has(p->text, "skip"), next = case_has(p->text, "next");
    double limit = skip ? 0 : 8, sum = 4 * sqrt((double)cols);
    int a;

    p->kind = case_index(p->text, 1, outer_kinds, 3);
    if (p->kind < 0)
        return -1;
    adam_state(p, rows * cols, limit);
    a = operand_random(p, REAL, IN, rows, 0);
    operand_random(p, REAL, IN, cols, 0);
    if (skip)
        p->operand[a].value[0] = NAN; /* why a step is skipped */
    operand_adam_step(p);
    operand_add(p, REAL, SCRATCH, PRISM_ADAM_OUTER_ROWS * cols, 0);
    if (next) {
        operand_add(p, REAL, skip ? SCRATCH : OUT, rows, sum);
        adam_state(p, rows, limit + (skip ? 0 : sum));
        operand_add(p, REAL, OUT, cols, limit + sum + 4 * sqrt((double)rows));
        operand_add(p, REAL, OUT, cols, 0);
        p->create = adam_outer_create;
        p->destroy = adam_outer_destroy;
    }
    p->run = adam_outer_run;
    p->fused = true;
    return 0;
}

int build_fused(struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    if (!strcmp(op, "norm_fwd") || !strcmp(op, "norm_bwd"))
        return norm_build(p, op[5] == 'b');
    if (!strcmp(op, "adam_outer"))
        return adam_outer_build(p);
    return !strcmp(op, "misfit") ? misfit_build(p) : -1;
}
