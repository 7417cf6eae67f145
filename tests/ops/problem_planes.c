/* Problems of pooling, strided copy, scatter_add, gather, softmax, argmax and
 * dense_fit. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INT(key, fallback) case_int(p->text, key, fallback)

/* ---- pool: forward, then backward with the index that was found ---- */

static struct prism_pool_desc pool_desc(const struct problem *p)
{
    return (struct prism_pool_desc){p->dtype,    (enum prism_pool)p->kind,
                                    INT("n", 1), INT("h", 1),
                                    INT("w", 1), INT("k", 1),
                                    INT("s", 1), INT("p", 0)};
}

static int pool_run(struct prism_dev *dev, const struct problem *p, void *plan,
                    const prism_mem *mem)
{
    struct prism_pool_desc d = pool_desc(p);
    prism_mem index = d.kind == PRISM_POOL_MAX ? mem[4] : NULL;
    int status = dev->ops->pool_fwd(dev, &d, mem[0], index, mem[2]);

    (void)plan;
    return status ? status : dev->ops->pool_bwd(dev, &d, mem[1], mem[3], index);
}

/* Builds pooling of few different values, so that many pixels are equal. */
static int pool_build(struct problem *p)
{
    p->kind = case_index(p->text, 1, case_pool_names, PRISM_POOL_COUNT);
    if (p->kind < 0)
        return -1;
    struct prism_pool_desc d = pool_desc(p);
    size_t x = (size_t)d.planes * (size_t)d.h * (size_t)d.w;
    size_t y = (size_t)d.planes * (size_t)prism_pool_out(&d, d.h) * (size_t)prism_pool_out(&d, d.w);
    bool max = d.kind == PRISM_POOL_MAX;
    operand_add(p, REAL, OUT, y, max ? 0 : 4 * d.k);
    operand_add(p, REAL, OUT, x, 4 * d.k);
    double *value = p->operand[operand_random(p, REAL, IN, x, 0)].value;
    for (size_t i = 0; i < x; i++)
        value[i] = case_has(p->text, "nan") && i % 7 == 3 ? NAN : floor(4 * value[i]);
    operand_random(p, REAL, IN, y, 0);
    if (max)
        operand_add(p, INDEX, OUT, y, 0);
    p->run = pool_run;
    return 0;
}

/* ---- copy2d ---- */

static int copy2d_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    struct prism_copy2d_desc d = {p->dtype, (size_t)INT("r", 1), (size_t)INT("c", 1),
                                  (size_t)INT("ldy", 1), (size_t)INT("ldx", 1)};

    (void)plan;
    return dev->ops->copy2d(dev, &d, mem[0], mem[1]);
}

static void copy2d_build(struct problem *p)
{
    size_t before = (size_t)INT("r", 1) - 1, cols = (size_t)INT("c", 1);

    operand_random(p, REAL, INOUT, before * (size_t)INT("ldy", 1) + cols, 0);
    operand_random(p, REAL, IN, before * (size_t)INT("ldx", 1) + cols, 0);
    p->run = copy2d_run;
}

/* ---- scatter_add ---- */

static int scatter_run(struct prism_dev *dev, const struct problem *p, void *plan,
                       const prism_mem *mem)
{
    struct prism_window_desc d = {p->dtype,     INT("n", 1),  INT("hy", 1), INT("wy", 1),
                                  INT("hx", 1), INT("wx", 1), INT("dy", 0), INT("dx", 0)};

    (void)plan;
    return dev->ops->scatter_add(dev, &d, mem[0], mem[1], mem[2]);
}

static void scatter_build(struct problem *p)
{
    size_t n = (size_t)INT("n", 1), window = (size_t)INT("hx", 1) * (size_t)INT("wx", 1);

    operand_random(p, REAL, INOUT, n * (size_t)INT("hy", 1) * (size_t)INT("wy", 1), 4);
    operand_random(p, REAL, IN, n * window, 0);
    operand_random(p, REAL, IN, window, 0);
    p->run = scatter_run;
}

/* ---- gather: both ways ----
 *
 * Element 0 of a plane is NaN and never read; a tenth of the terms is left
 * out. */

static struct prism_gather_desc gather_desc(const struct problem *p)
{
    return (struct prism_gather_desc){p->dtype, INT("n", 1), INT("k", 1), (size_t)INT("nx", 1),
                                      (size_t)INT("ny", 1)};
}

static int32_t gather_index(const struct prism_gather_desc *d, size_t term)
{
    size_t free = d->nx > 1 ? 1 : 0,
           j = free + (size_t)(test_noise(7, term) * (double)(d->nx - free));

    return test_noise(8, term) < 0.1 ? -1 : (int32_t)j;
}

static int gather_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_gather_desc d = gather_desc(p);
    struct prism_gather *gather = NULL;
    size_t terms = d.ny * (size_t)d.k;
    int32_t *index = malloc(terms * sizeof *index);
    double *weight = malloc(terms * sizeof *weight);

    if (!index || !weight)
        abort();
    for (size_t t = 0; t < terms; t++) {
        index[t] = gather_index(&d, t);
        weight[t] = (float)(2 * test_noise(9, t) - 1);
    }
    int status = dev->ops->gather_create(dev, &d, index, weight, &gather);
    memset(index, -1, terms * sizeof *index); /* create() must have read the table already */
    free(index);
    free(weight);
    *plan = gather;
    return status;
}

static int gather_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    int status = dev->ops->gather_fwd(plan, mem[0], mem[2]);

    (void)p;
    return status ? status : dev->ops->gather_adj(plan, mem[1], mem[3]);
}

static void gather_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->gather_destroy(plan);
}

static void gather_build(struct problem *p)
{
    struct prism_gather_desc d = gather_desc(p);
    size_t x = (size_t)d.planes * d.nx, y = (size_t)d.planes * d.ny, most = 0,
           *count = calloc(d.nx, sizeof *count);

    if (!count)
        abort();
    for (size_t t = 0; t < d.ny * (size_t)d.k; t++) {
        int32_t j = gather_index(&d, t);
        if (j >= 0 && ++count[j] > most)
            most = count[j];
    }
    free(count);
    operand_add(p, REAL, OUT, y, 4 * sqrt(d.k) + 1);
    operand_add(p, REAL, OUT, x, 4 * sqrt((double)most) + 1);
    double *value = p->operand[operand_random(p, REAL, IN, x, 0)].value;
    for (size_t i = 0; i < x && d.nx > 1; i += d.nx)
        value[i] = NAN;
    operand_random(p, REAL, IN, y, 0);
    p->create = gather_create;
    p->run = gather_run;
    p->destroy = gather_destroy;
}

/* ---- softmax: both ways; argmax ---- */

static struct prism_softmax_desc softmax_desc(const struct problem *p)
{
    return (struct prism_softmax_desc){p->dtype, INT("n", 1), INT("classes", 1),
                                       (size_t)INT("pixels", 1)};
}

static int softmax_run(struct prism_dev *dev, const struct problem *p, void *plan,
                       const prism_mem *mem)
{
    struct prism_softmax_desc d = softmax_desc(p);
    int status = dev->ops->softmax_fwd(dev, &d, mem[0], mem[2]);

    (void)plan;
    return status ? status : dev->ops->softmax_bwd(dev, &d, mem[1], mem[3], mem[0]);
}

/* Builds a softmax. For some pixels exp(x) overflows unless the largest x is
 * subtracted first. An exponent of up to 12 is off by as many epsilons. */
static void softmax_build(struct problem *p)
{
    struct prism_softmax_desc d = softmax_desc(p);
    size_t n = (size_t)d.n * (size_t)d.classes * d.pixels;
    double limit = 32 + 4 * sqrt(d.classes);

    for (int i = 0; i < 2; i++) {
        operand_add(p, REAL, OUT, n, limit);
        p->operand[i].same_as = case_has(p->text, "inplace") ? i + 2 : -1;
    }
    int x = operand_add(p, REAL, IN, n, 0);
    operand_fill(p, x, -6, 6);
    for (size_t i = 0; i < n; i++)
        if (i % d.pixels % 13 == 5)
            p->operand[x].value[i] = (float)(p->operand[x].value[i] + 1000);
    operand_random(p, REAL, IN, n, 0);
    p->run = softmax_run;
}

static int argmax_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    struct prism_softmax_desc d = softmax_desc(p);

    (void)plan;
    return dev->ops->argmax(dev, &d, mem[0], mem[1]);
}

static void argmax_build(struct problem *p)
{
    struct prism_softmax_desc d = softmax_desc(p);
    size_t pixels = (size_t)d.n * d.pixels, n = pixels * (size_t)d.classes;

    operand_add(p, INDEX, OUT, pixels, 0);
    double *value = p->operand[operand_random(p, REAL, IN, n, 0)].value;
    for (size_t i = 0; i < n; i++)
        value[i] = case_has(p->text, "nan") && i % 7 == 3 ? NAN : floor(4 * value[i]);
    p->run = argmax_run;
}

/* ---- dense_fit ----
 *
 * "net5-64-1" gives the widths. The tensors lie in the slabs at multiples of 16
 * elements, with other numbers between them. */

static int dense_desc(const struct problem *p, struct prism_dense_fit_desc *d, size_t *slab)
{
    char word[CASE_TEXT], *at = word + 3;

    *d = (struct prism_dense_fit_desc){.dtype = p->dtype,
                                       .batch = INT("b", 1),
                                       .b1 = 0.9,
                                       .b2 = 0.999,
                                       .eps = 1e-7,
                                       .steps = (size_t)INT("steps", 1)};
    case_word(p->text, 2, word);
    if (strncmp(word, "net", 3))
        return -1;
    d->width[0] = (int)strtol(at, &at, 10);
    *slab = 0;
    while (*at == '-' && d->layers < PRISM_DENSE_LAYERS) {
        int l = d->layers++;
        d->width[l + 1] = (int)strtol(at + 1, &at, 10);
        d->act[l] = (enum prism_act)p->kind;
        d->w[l] = *slab;
        d->b[l] = *slab + ((size_t)d->width[l] * (size_t)d->width[l + 1] + 15) / 16 * 16;
        *slab = d->b[l] + ((size_t)d->width[l + 1] + 15) / 16 * 16;
    }
    if (!case_has(p->text, "last"))
        d->act[d->layers - 1] = PRISM_ACT_NONE;
    return d->layers ? 0 : -1;
}

static int dense_run(struct prism_dev *dev, const struct problem *p, void *plan,
                     const prism_mem *mem)
{
    struct prism_dense_fit_desc d;
    size_t slab;
    struct prism_dense_fit_args a = {mem[0], mem[1], mem[2], mem[3], mem[4],
                                     mem[5], mem[6], mem[7], mem[8], mem[9]};

    (void)plan;
    dense_desc(p, &d, &slab);
    return dev->ops->dense_fit(dev, &d, &a);
}

static void dense_steps(struct problem *p, const struct prism_dense_fit_desc *d, int rows)
{
    size_t n = d->steps * (size_t)d->batch;
    double *index = p->operand[operand_random(p, INDEX, IN, n, 0)].value;
    double *weight = p->operand[operand_random(p, REAL, IN, n, 0)].value;
    int step = operand_add(p, REAL, IN, 3 * d->steps, 0);

    for (size_t i = 0; i < n; i++) {
        index[i] = (double)((i * 7 + 3) % (size_t)rows);
        weight[i] = (float)(1.0 / d->batch);
    }
    for (size_t i = n - (size_t)d->batch / 3; i < n; i++) /* the last batch is not full */
        index[i] = weight[i] = 0;
    operand_fill(p, step, 0.5, 1.5);
    for (size_t s = 0; s < d->steps; s++) {
        double *v = p->operand[step].value + 3 * s;
        v[0] = (float)(0.02 * v[0]);
        v[2] = case_has(p->text, "scaled") ? 0.37f : case_has(p->text, "skip") && s == 1 ? NAN : 1;
    }
}

/* Builds a fit. The moments are such that no step divides by a small number. A
 * gradient is a sum over the batch of values that are sums over every layer's
 * inputs, and each step passes its error on to the next. */
static int dense_build(struct problem *p)
{
    struct prism_dense_fit_desc d;
    size_t slab;
    int rows = INT("rows", 9);

    p->kind = case_index(p->text, 1, case_act_names, PRISM_ACT_COUNT);
    if (p->kind < 0 || dense_desc(p, &d, &slab))
        return -1;
    double limit = 8 + 4 * sqrt(d.batch), widest = 1;
    for (int l = 0; l < d.layers; l++) {
        limit += 4 * sqrt(d.width[l]);
        widest = fmax(widest, d.width[l]);
    }
    limit *= (double)d.steps;
    int w = operand_add(p, REAL, INOUT, slab, limit), m = operand_add(p, REAL, INOUT, slab, limit);
    operand_fill(p, w, -1 / sqrt(widest), 1 / sqrt(widest));
    operand_fill(p, m, -0.1, 0.1);
    operand_fill(p, operand_add(p, REAL, INOUT, slab, limit), 0.1, 1.1);
    operand_random(p, REAL, IN, (size_t)rows * (size_t)d.width[0], 0);
    operand_random(p, REAL, IN, (size_t)rows * (size_t)d.width[d.layers], 0);
    dense_steps(p, &d, rows);
    operand_add(p, REAL, OUT, d.steps, limit);
    operand_add(p, REAL, SCRATCH, prism_dense_fit_tmp(&d) / prism_dtype_size(d.dtype), 0);
    p->run = dense_run;
    p->fused = true;
    return 0;
}

int build_planes(struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    if (!strcmp(op, "pool"))
        return pool_build(p);
    if (!strcmp(op, "dense_fit"))
        return dense_build(p);
    if (!strcmp(op, "copy2d"))
        copy2d_build(p);
    else if (!strcmp(op, "scatter_add"))
        scatter_build(p);
    else if (!strcmp(op, "gather"))
        gather_build(p);
    else if (!strcmp(op, "softmax"))
        softmax_build(p);
    else if (!strcmp(op, "argmax"))
        argmax_build(p);
    else
        return -1;
    return 0;
}
