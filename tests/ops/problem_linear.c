/* Problems of the linear entries. Limits are c sqrt(k) with k the number of terms in a sum and c = 4: a sum of k random products
 * accumulated in order is off by about eps sqrt(k)/2 relative to the largest of many such sums. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INT(key, fallback) case_int(p->text, key, fallback)

static enum prism_dtype cplx(const struct problem *p)
{
    return prism_dtype_complex(p->dtype);
}

/* ---- copy: also memory addressed at an offset ---- */

static int copy_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    size_t size = prism_dtype_size(p->dtype), n = p->operand[0].n, half = n / 2;
    int status = dev->ops->copy(dev, mem[0], mem[1], half * size);

    (void)plan;
    return status ? status : dev->ops->copy(dev, mem[0] + half * size, mem[1] + half * size, (n - half) * size);
}

static void copy_build(struct problem *p)
{
    operand_add(p, REAL, OUT, (size_t)INT("n", 1), 0);
    operand_random(p, REAL, IN, (size_t)INT("n", 1), 0);
    p->run = copy_run;
}

/* ---- fft: both signs, one after the other ---- */

static int fft_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_fft_desc d = {cplx(p), INT("b", 1), INT("h", 1), INT("w", 1)};
    struct prism_fft *fft = NULL;
    int status = dev->ops->fft_create(dev, &d, &fft);

    *plan = fft;
    return status;
}

static int fft_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    int status = dev->ops->fft_run(plan, -1, mem[0], mem[1]);

    (void)p;
    return status ? status : dev->ops->fft_run(plan, +1, mem[2], mem[3]);
}

static void fft_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->fft_destroy(plan);
}

/* Terms added per sample: the sum of the prime factors. */
static double fft_terms(int n)
{
    double sum = 0;

    for (int q = 2; n > 1; q++)
        for (; n % q == 0; n /= q)
            sum += q;
    return sum;
}

static void fft_build(struct problem *p)
{
    size_t n = 2 * (size_t)INT("b", 1) * (size_t)INT("h", 1) * (size_t)INT("w", 1);
    double limit = 4 * sqrt(1 + fft_terms(INT("h", 1)) + fft_terms(INT("w", 1)));

    for (int i = 0; i < 2; i++) {
        int y = operand_add(p, CPLX, OUT, n, limit), x = operand_random(p, CPLX, IN, n, 0);
        p->operand[y].same_as = case_has(p->text, "inplace") ? x : -1;
    }
    p->create = fft_create;
    p->run = fft_run;
    p->destroy = fft_destroy;
}

/* ---- conv: forward and both gradients ---- */

struct prism_conv_desc problem_conv(const struct problem *p)
{
    return (struct prism_conv_desc){p->dtype,       INT("cin", 1), INT("h", 1), INT("w", 1),
                                    INT("cout", 1), INT("k", 1),   INT("s", 1), INT("p", 0)};
}

static int conv_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_conv_desc d = problem_conv(p);
    struct prism_conv *conv = NULL;
    int status = dev->ops->conv_create(dev, &d, &conv);

    *plan = conv;
    return status;
}

static int conv_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    int status = dev->ops->conv_fwd(plan, mem[0], mem[3], mem[4]);

    (void)p;
    if (!status)
        status = dev->ops->conv_bwd_x(plan, mem[1], mem[5], mem[4]);
    return status ? status : dev->ops->conv_bwd_w(plan, mem[2], mem[5], mem[3]);
}

static void conv_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->conv_destroy(plan);
}

static void conv_build(struct problem *p)
{
    struct prism_conv_desc d = problem_conv(p);
    size_t pixels = (size_t)prism_conv_out(&d, d.h) * (size_t)prism_conv_out(&d, d.w), taps = (size_t)d.k * (size_t)d.k;
    size_t x = (size_t)d.cin * (size_t)d.h * (size_t)d.w, y = (size_t)d.cout * pixels, w = (size_t)(d.cin * d.cout) * taps;

    operand_add(p, REAL, OUT, y, 4 * sqrt((double)((size_t)d.cin * taps)));
    operand_add(p, REAL, OUT, x, 4 * sqrt((double)((size_t)d.cout * taps)));
    operand_add(p, REAL, OUT, w, 4 * sqrt((double)pixels));
    operand_random(p, REAL, IN, x, 0);
    operand_random(p, REAL, IN, w, 0);
    operand_random(p, REAL, IN, y, 0);
    p->create = conv_create;
    p->run = conv_run;
    p->destroy = conv_destroy;
}

/* ---- gemm ---- */

struct prism_gemm_desc problem_gemm(const struct problem *p)
{
    return (struct prism_gemm_desc){
        p->dtype,        INT("m", 1),   INT("n", 1), INT("k", 1), case_has(p->text, "ta"), case_has(p->text, "tb"),
        INT("alpha", 1), INT("beta", 0)};
}

static int gemm_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    struct prism_gemm_desc d = problem_gemm(p);

    (void)plan;
    return dev->ops->gemm(dev, &d, mem[0], mem[1], mem[2]);
}

static void gemm_build(struct problem *p)
{
    struct prism_gemm_desc d = problem_gemm(p);
    size_t m = (size_t)d.m, n = (size_t)d.n, k = (size_t)d.k;
    double limit = 4 * sqrt((double)k) + 1;

    if (d.beta != 0)
        operand_random(p, REAL, INOUT, m * n, limit);
    else
        operand_add(p, REAL, OUT, m * n, limit); /* NaN before: beta = 0 may not read it */
    operand_random(p, REAL, IN, m * k, 0);
    operand_random(p, REAL, IN, k * n, 0);
    p->run = gemm_run;
}

/* ---- window ---- */

static int window_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    struct prism_window_desc d = {case_has(p->text, "cplx") ? cplx(p) : p->dtype,
                                  INT("n", 1),
                                  INT("hy", 1),
                                  INT("wy", 1),
                                  INT("hx", 1),
                                  INT("wx", 1),
                                  INT("dy", 0),
                                  INT("dx", 0)};

    (void)plan;
    return dev->ops->window(dev, &d, mem[0], mem[1]);
}

static void window_build(struct problem *p)
{
    enum kind kind = case_has(p->text, "cplx") ? CPLX : REAL;
    size_t n = (size_t)INT("n", 1) * (kind == CPLX ? 2 : 1);

    operand_add(p, kind, OUT, n * (size_t)INT("hy", 1) * (size_t)INT("wy", 1), 0);
    operand_random(p, kind, IN, n * (size_t)INT("hx", 1) * (size_t)INT("wx", 1), 0);
    p->run = window_run;
}

/* ---- sub-apertures: a table of four, origins across every edge, some pupils used twice and some never ---- */

enum { PUPILS = 4 };

static int subaperture_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    struct prism_subaperture_desc d = {cplx(p),      INT("b", 1),  INT("h", 1),  INT("w", 1),
                                       INT("oh", 1), INT("ow", 1), INT("ph", 1), INT("pw", 1)};
    struct prism_subaperture_args a = {mem[0], mem[1], mem[2], mem[3], mem[4], INT("beta", 0)};

    (void)plan;
    return p->kind ? dev->ops->subaperture_adj(dev, &d, &a) : dev->ops->subaperture_fwd(dev, &d, &a);
}

static void subaperture_build(struct problem *p, bool adjoint)
{
    size_t field = 2 * (size_t)INT("b", 1) * (size_t)INT("oh", 1) * (size_t)INT("ow", 1);
    size_t spectrum = 2 * (size_t)INT("h", 1) * (size_t)INT("w", 1);
    double limit = adjoint ? 4 * sqrt(INT("b", 1)) + 1 : 4;
    int origin, index;

    p->kind = adjoint;
    if (adjoint) {
        operand_random(p, CPLX, IN, field, 0);
        if (INT("beta", 0))
            operand_random(p, CPLX, INOUT, spectrum, limit);
        else
            operand_add(p, CPLX, OUT, spectrum, limit);
    } else {
        operand_add(p, CPLX, OUT, field, limit);
        operand_random(p, CPLX, IN, spectrum, 0);
    }
    operand_random(p, CPLX, IN, 2 * PUPILS * (size_t)INT("ph", 1) * (size_t)INT("pw", 1), 0);
    origin = operand_random(p, INDEX, IN, 2 * PUPILS, 0);
    index = operand_random(p, INDEX, IN, (size_t)INT("b", 1), 0);
    for (int a = 0; a < PUPILS; a++)
        for (int axis = 0; axis < 2; axis++) {
            int n = axis ? INT("w", 1) : INT("h", 1);
            p->operand[origin].value[2 * a + axis] = a == 0 ? 0 : a == 1 ? n - 1 : a == 2 ? -(n / 2) : n / 3;
        }
    for (int b = 0; b < INT("b", 1); b++)
        p->operand[index].value[b] = b % 3 + 1;
    p->run = subaperture_run;
}

/* ---- blur ---- */

static int blur_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    struct prism_blur_desc d = {p->dtype, INT("n", 1), INT("h", 1), INT("w", 1), INT("radius", 0), case_has(p->text, "adjoint")};

    (void)plan;
    return dev->ops->blur(dev, &d, mem[0], mem[1], mem[2], mem[3]);
}

static void blur_build(struct problem *p)
{
    size_t n = (size_t)INT("n", 1) * (size_t)INT("h", 1) * (size_t)INT("w", 1), radius = (size_t)INT("radius", 0);
    int taps;

    operand_add(p, REAL, OUT, n, 4 * sqrt(4.0 * (double)radius + 2));
    operand_random(p, REAL, IN, n, 0);
    operand_add(p, REAL, SCRATCH, n, 0);
    taps = operand_random(p, REAL, IN, 2 * radius + 1, 0);
    for (size_t t = 0; t < radius; t++)
        p->operand[taps].value[2 * radius - t] = p->operand[taps].value[t];
    p->run = blur_run;
}

int build_linear(struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    if (!strcmp(op, "copy"))
        copy_build(p);
    else if (!strcmp(op, "fft"))
        fft_build(p);
    else if (!strcmp(op, "conv"))
        conv_build(p);
    else if (!strcmp(op, "gemm"))
        gemm_build(p);
    else if (!strcmp(op, "window"))
        window_build(p);
    else if (!strcmp(op, "subaperture_fwd") || !strcmp(op, "subaperture_adj"))
        subaperture_build(p, op[12] == 'a');
    else if (!strcmp(op, "blur"))
        blur_build(p);
    else
        return -1;
    return 0;
}
