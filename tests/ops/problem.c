#include "problem.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5, NAN_BYTE = 0xff };

double problem_epsilon(enum prism_dtype dtype)
{
    return dtype == PRISM_F64 ? DBL_EPSILON : FLT_EPSILON;
}

/* splitmix64 */
double test_noise(uint64_t seed, uint64_t i)
{
    uint64_t z = (seed * 1000003 + i + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

int operand_add(struct problem *p, enum kind kind, enum role role, size_t n, double limit)
{
    p->operand[p->count] = (struct operand){kind, role, n, NULL, -1, limit, 0};
    return p->count++;
}

void operand_fill(struct problem *p, int i, double lo, double hi)
{
    struct operand *o = &p->operand[i];
    uint64_t seed = 0;

    for (const char *c = p->text; *c; c++)
        seed = seed * 131 + (unsigned char)*c;
    if (!o->value)
        o->value = malloc((o->n ? o->n : 1) * sizeof *o->value);
    if (!o->value)
        abort();
    for (size_t k = 0; k < o->n; k++)
        o->value[k] = (float)(lo + (hi - lo) * test_noise(seed + (uint64_t)i, k));
}

int operand_random(struct problem *p, enum kind kind, enum role role, size_t n, double limit)
{
    int i = operand_add(p, kind, role, n, limit);

    operand_fill(p, i, -1, 1);
    return i;
}

int problem_build(const char *text, struct problem *p)
{
    memset(p, 0, sizeof *p);
    snprintf(p->text, sizeof p->text, "%s", text);
    p->dtype = case_dtype(text);
    if (p->dtype == PRISM_DTYPE_COUNT)
        return -1;
    if (!build_linear(p) || !build_elementwise(p) || !build_fused(p))
        return 0;
    problem_free(p);
    return -1;
}

void problem_free(struct problem *p)
{
    for (int i = 0; i < p->count; i++)
        free(p->operand[i].value);
    p->count = 0;
}

void outputs_free(struct outputs *o)
{
    for (int i = 0; i < OPERANDS; i++)
        free(o->value[i]);
    memset(o, 0, sizeof *o);
}

/* Write the sentence; evaluates to -1. */
static int failed(char *why, size_t n, const char *fmt, ...) PRISM_PRINTF(3, 4);
static int failed(char *why, size_t n, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, n, fmt, args);
    va_end(args);
    return -1;
}

static size_t scalar_size(const struct operand *o, enum prism_dtype dtype)
{
    return o->kind == INDEX ? sizeof(int32_t) : dtype == PRISM_F64 ? sizeof(double) : sizeof(float);
}

static size_t element_size(const struct operand *o, enum prism_dtype dtype)
{
    return scalar_size(o, dtype) * (o->kind == CPLX ? 2 : 1);
}

static void encode(unsigned char *to, const struct operand *o, enum prism_dtype dtype)
{
    union {
        float f32;
        double f64;
        int32_t i32;
    } u;

    for (size_t k = 0; k < o->n; k++) {
        if (o->kind == INDEX)
            u.i32 = (int32_t)o->value[k];
        else if (dtype == PRISM_F64)
            u.f64 = o->value[k];
        else
            u.f32 = (float)o->value[k];
        memcpy(to + k * scalar_size(o, dtype), &u, scalar_size(o, dtype));
    }
}

static double *decode(const unsigned char *from, size_t n, enum prism_dtype dtype)
{
    double *value = malloc((n ? n : 1) * sizeof *value);

    if (!value)
        abort();
    for (size_t k = 0; k < n; k++) {
        float f;
        if (dtype == PRISM_F64) {
            memcpy(&value[k], from + k * sizeof(double), sizeof(double));
        } else {
            memcpy(&f, from + k * sizeof f, sizeof f);
            value[k] = f;
        }
    }
    return value;
}

/* One operand on its way through a device. */
struct staged {
    prism_mem base;
    unsigned char *before, *after; /* images of the whole buffer */
    size_t at, bytes, total;       /* of the operand in it */
};

static int stage(struct prism_dev *dev, const struct problem *p, int i, size_t shift, struct staged *s, char *why, size_t n)
{
    const struct operand *o = &p->operand[i];
    int status;

    s->at = GUARD + shift * element_size(o, p->dtype);
    s->bytes = o->n * scalar_size(o, p->dtype);
    s->total = s->at + s->bytes + GUARD;
    s->before = malloc(s->total);
    s->after = malloc(s->total);
    if (!s->before || !s->after)
        abort();
    memset(s->before, GUARD_BYTE, s->total);
    memset(s->before + s->at, NAN_BYTE, s->bytes);
    if (o->value)
        encode(s->before + s->at, o, p->dtype);
    status = dev->ops->alloc(dev, s->total, &s->base);
    if (status)
        return failed(why, n, "alloc of operand %d returned %d", i, status);
    if ((uintptr_t)s->base % dev->caps.align)
        return failed(why, n, "alloc of operand %d is not aligned to %zu bytes", i, dev->caps.align);
    status = dev->ops->write(dev, s->base, s->before, s->total);
    return status ? failed(why, n, "write of operand %d returned %d", i, status) : 0;
}

static int check_staged(const struct problem *p, int i, const struct staged *s, char *why, size_t n)
{
    size_t end = s->at + s->bytes;
    bool shared = false;

    for (size_t k = 0; k < s->total; k++)
        if ((k < s->at || k >= end) && s->after[k] != s->before[k])
            return failed(why, n, "operand %d: guard byte %td %s the operand was overwritten", i,
                          k < s->at ? (ptrdiff_t)(s->at - k) : (ptrdiff_t)(k - end), k < s->at ? "before" : "after");
    for (int j = 0; j < p->count; j++)
        shared |= p->operand[j].same_as == i;
    if (p->operand[i].role == IN && !shared && memcmp(s->before, s->after, s->total))
        return failed(why, n, "operand %d is an input and was changed", i);
    return 0;
}

static int call(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p, const prism_mem *mem, char *why, size_t n)
{
    void *plan = NULL;
    int status = p->create ? p->create(dev, p, &plan) : 0;

    if (!status) {
        status = p->run(dev, p, plan, mem);
        if (!status)
            status = dev->ops->sync(dev);
        if (p->destroy)
            p->destroy(dev, plan);
    }
    return status ? failed(why, n, "returned %d: %s", status, prism_ctx_error(ctx)->text) : 0;
}

int problem_solve(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p, size_t shift, struct outputs *o, char *why,
                  size_t n)
{
    struct staged staged[OPERANDS] = {{0}};
    prism_mem mem[OPERANDS] = {0};
    int result = 0;

    memset(o, 0, sizeof *o);
    for (int i = 0; i < p->count && !result; i++)
        if (p->operand[i].same_as < 0) {
            result = stage(dev, p, i, shift, &staged[i], why, n);
            mem[i] = staged[i].base + staged[i].at;
        }
    for (int i = 0; i < p->count; i++)
        if (p->operand[i].same_as >= 0)
            mem[i] = mem[p->operand[i].same_as];
    if (!result)
        result = call(ctx, dev, p, mem, why, n);
    for (int i = 0; i < p->count && !result; i++) {
        struct staged *s = &staged[i];
        if (p->operand[i].same_as >= 0)
            continue;
        if (dev->ops->read(dev, s->after, s->base, s->total))
            result = failed(why, n, "read of operand %d failed", i);
        else
            result = check_staged(p, i, s, why, n);
    }
    for (int i = 0; i < p->count && !result; i++) {
        const struct operand *q = &p->operand[i];
        const struct staged *s = &staged[q->same_as >= 0 ? q->same_as : i];
        if (q->role == OUT || q->role == INOUT)
            o->value[i] = decode(s->after + s->at, q->n, p->dtype);
    }
    for (int i = 0; i < p->count; i++) {
        if (staged[i].base)
            dev->ops->release(dev, staged[i].base);
        free(staged[i].before);
        free(staged[i].after);
    }
    return result;
}

static double operand_error(const struct operand *o, const double *got, const double *expected)
{
    double worst = 0, scale = o->scale;

    for (size_t k = 0; k < o->n; k++) {
        if (isnan(expected[k]) != isnan(got[k]))
            return INFINITY;
        if (isnan(expected[k]) || got[k] == expected[k]) /* equal infinities too */
            continue;
        worst = fmax(worst, fabs(got[k] - expected[k]));
    }
    for (size_t k = 0; k < o->n; k++)
        scale = isfinite(expected[k]) ? fmax(scale, fabs(expected[k])) : scale;
    return scale > 0 ? worst / scale : worst;
}

bool problem_compare(const struct problem *p, const struct outputs *got, const struct outputs *expected, double slack,
                     double *error, double *limit)
{
    double worst = -1;
    bool good = true;

    for (int i = 0; i < p->count; i++) {
        if (!expected->value[i])
            continue;
        double e = operand_error(&p->operand[i], got->value[i], expected->value[i]);
        double l = slack * p->operand[i].limit * problem_epsilon(p->dtype);
        double ratio = e == 0 ? 0 : e / l;
        good &= e <= l;
        if (ratio > worst) {
            worst = ratio;
            *error = e;
            *limit = l;
        }
    }
    return good;
}
