#include "problem.h"

#include "half.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xa5, NAN_BYTE = 0xff };

static double real_epsilon(enum prism_dtype dtype)
{
    return dtype == PRISM_F64 ? DBL_EPSILON : FLT_EPSILON;
}

double problem_epsilon(const struct problem *p)
{
    return case_half(p->dtype)         ? half_step(p->dtype, 1)
           : case_has(p->text, "tf32") ? 0x1p-10
                                       : real_epsilon(p->dtype);
}

/* by splitmix64 */
double test_noise(uint64_t seed, uint64_t i)
{
    uint64_t z = (seed * 1000003 + i + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

int operand_add(struct problem *p, enum kind kind, enum role role, size_t n, double limit)
{
    p->operand[p->count] =
        (struct operand){kind, role, n, NULL, -1, limit * real_epsilon(p->dtype), 0};
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
    for (size_t k = 0; k < o->n; k++) {
        o->value[k] = (float)(lo + (hi - lo) * test_noise(seed + (uint64_t)i, k));
        if (o->kind == HALF && case_half(p->dtype))
            o->value[k] = half_decode(p->dtype, half_encode(p->dtype, o->value[k]));
    }
}

int operand_random(struct problem *p, enum kind kind, enum role role, size_t n, double limit)
{
    int i = operand_add(p, kind, role, n, limit);

    operand_fill(p, i, -1, 1);
    return i;
}

/* True if the operation exists in this precision. Only convolution,
 * normalisation and the conversions exist in half precision, and the
 * conversions in no other. */
static bool has_precision(const char *text, enum prism_dtype dtype)
{
    char op[CASE_TEXT];
    int kind = case_index(text, 1, case_map_names, PRISM_MAP_COUNT);

    case_word(text, 0, op);
    if (!strcmp(op, "map"))
        return case_half(dtype) == (kind == PRISM_MAP_NARROW || kind == PRISM_MAP_WIDEN);
    return !case_half(dtype) || !strcmp(op, "conv") || !strncmp(op, "norm_", 5);
}

int problem_build(const char *text, struct problem *p)
{
    memset(p, 0, sizeof *p);
    snprintf(p->text, sizeof p->text, "%s", text);
    p->dtype = case_dtype(text);
    if (p->dtype == PRISM_DTYPE_COUNT || !has_precision(text, p->dtype))
        return -1;
    p->oracle = PRISM_F64;
    if (!build_linear(p) || !build_elementwise(p) || !build_fused(p) || !build_planes(p))
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

/* Writes the sentence into why; returns -1. */
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
    if (o->kind == INDEX)
        return sizeof(int32_t);
    if (o->kind == BYTE)
        return 1;
    return dtype == PRISM_F64                    ? sizeof(double)
           : o->kind == HALF && case_half(dtype) ? sizeof(uint16_t)
                                                 : sizeof(float);
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
        uint16_t half;
        uint8_t byte;
    } u;

    for (size_t k = 0; k < o->n; k++) {
        if (o->kind == INDEX)
            u.i32 = (int32_t)o->value[k];
        else if (o->kind == BYTE)
            u.byte = (uint8_t)o->value[k];
        else if (o->kind == HALF && case_half(dtype))
            u.half = half_encode(dtype, o->value[k]);
        else if (dtype == PRISM_F64)
            u.f64 = o->value[k];
        else
            u.f32 = (float)o->value[k];
        memcpy(to + k * scalar_size(o, dtype), &u, scalar_size(o, dtype));
    }
}

static double *decode(const unsigned char *from, const struct operand *o, enum prism_dtype dtype)
{
    double *value = malloc((o->n ? o->n : 1) * sizeof *value);

    if (!value)
        abort();
    for (size_t k = 0; k < o->n; k++) {
        float f;
        int32_t i32;
        uint16_t half;
        if (o->kind == INDEX) {
            memcpy(&i32, from + k * sizeof i32, sizeof i32);
            value[k] = i32;
        } else if (o->kind == BYTE) {
            value[k] = from[k];
        } else if (dtype == PRISM_F64) {
            memcpy(&value[k], from + k * sizeof(double), sizeof(double));
        } else if (o->kind == HALF && case_half(dtype)) {
            memcpy(&half, from + k * sizeof half, sizeof half);
            value[k] = half_decode(dtype, half);
        } else {
            memcpy(&f, from + k * sizeof f, sizeof f);
            value[k] = f;
        }
    }
    return value;
}

/* Buffer of one operand on a device. */
struct staged {
    prism_mem base;
    unsigned char *before, *after; /* copies of the whole buffer before and after the calls */
    /* at, bytes: place of the operand in the buffer; total: size of the
     * buffer */
    size_t at, bytes, total;
};

static int stage(struct prism_dev *dev, const struct problem *p, int i, size_t shift,
                 struct staged *s, char *why, size_t n)
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
        return failed(why, n, "alloc of operand %d is not aligned to %zu bytes", i,
                      dev->caps.align);
    return 0;
}

static int check_staged(const struct problem *p, int i, const struct staged *s, char *why, size_t n)
{
    size_t end = s->at + s->bytes;
    bool shared = false;

    for (size_t k = 0; k < s->total; k++)
        if ((k < s->at || k >= end) && s->after[k] != s->before[k])
            return failed(why, n, "operand %d: guard byte %td %s the operand was overwritten", i,
                          k < s->at ? (ptrdiff_t)(s->at - k) : (ptrdiff_t)(k - end),
                          k < s->at ? "before" : "after");
    for (int j = 0; j < p->count; j++)
        shared |= p->operand[j].same_as == i;
    if (p->operand[i].role == IN && !shared && memcmp(s->before, s->after, s->total))
        return failed(why, n, "operand %d is an input and was changed", i);
    return 0;
}

static int write_all(struct prism_dev *dev, const struct problem *p, const struct staged *staged)
{
    int status = 0;

    for (int i = 0; i < p->count && !status; i++)
        if (staged[i].base)
            status = dev->ops->write(dev, staged[i].base, staged[i].before, staged[i].total);
    return status;
}

static int run_now(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem,
                   const struct staged *staged)
{
    int status = write_all(dev, p, staged);

    if (!status)
        status = p->run(dev, p, plan, mem);
    return status ? status : dev->ops->sync(dev);
}

static int run_replayed(struct prism_dev *dev, const struct problem *p, void *plan,
                        const prism_mem *mem, const struct staged *staged)
{
    struct prism_replay *replay = NULL;
    int status = dev->ops->capture_begin(dev);

    if (status)
        return status;
    status = p->run(dev, p, plan, mem);
    if (status)
        dev->ops->capture_end(dev, NULL);
    else
        status = dev->ops->capture_end(dev, &replay);
    if (!status)
        status = write_all(dev, p, staged);
    if (!status)
        status = dev->ops->replay(replay);
    if (!status)
        status = dev->ops->sync(dev);
    dev->ops->replay_destroy(replay);
    return status;
}

static int call(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p, bool replay,
                const prism_mem *mem, const struct staged *staged, char *why, size_t n)
{
    void *plan = NULL;
    int status = p->create ? p->create(dev, p, &plan) : 0;

    if (!status) {
        status = (replay ? run_replayed : run_now)(dev, p, plan, mem, staged);
        if (p->destroy)
            p->destroy(dev, plan);
    }
    return status ? failed(why, n, "returned %d: %s", status, prism_ctx_error(ctx)->text) : 0;
}

int problem_solve(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p,
                  struct manner how, struct outputs *o, char *why, size_t n)
{
    struct staged staged[OPERANDS] = {{0}};
    prism_mem mem[OPERANDS] = {0};
    int result = 0;

    memset(o, 0, sizeof *o);
    for (int i = 0; i < p->count && !result; i++)
        if (p->operand[i].same_as < 0) {
            result = stage(dev, p, i, how.shift, &staged[i], why, n);
            mem[i] = staged[i].base + staged[i].at;
        }
    for (int i = 0; i < p->count; i++)
        if (p->operand[i].same_as >= 0)
            mem[i] = mem[p->operand[i].same_as];
    if (!result)
        result = call(ctx, dev, p, how.replay, mem, staged, why, n);
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
            o->value[i] = decode(s->after + s->at, q, p->dtype);
    }
    for (int i = 0; i < p->count; i++) {
        if (staged[i].base)
            dev->ops->release(dev, staged[i].base);
        free(staged[i].before);
        free(staged[i].after);
    }
    return result;
}

double operand_difference(const struct problem *p, int i, double got, double expected)
{
    double difference = fabs(got - expected);

    if (isnan(expected) != isnan(got))
        return INFINITY;
    if (isnan(expected) || got == expected) /* equal infinities too */
        return 0;
    if (p->operand[i].kind == HALF && case_half(p->dtype) && p->operand[i].limit > 0)
        difference -= half_step(p->dtype, expected) / 2;
    return fmax(difference, 0);
}

static double operand_error(const struct problem *p, int i, const double *got,
                            const double *expected)
{
    const struct operand *o = &p->operand[i];
    double worst = 0, scale = o->scale;

    for (size_t k = 0; k < o->n; k++)
        worst = fmax(worst, operand_difference(p, i, got[k], expected[k]));
    for (size_t k = 0; k < o->n; k++)
        scale = isfinite(expected[k]) ? fmax(scale, fabs(expected[k])) : scale;
    return scale > 0 ? worst / scale : worst;
}

bool problem_compare(const struct problem *p, const struct outputs *got,
                     const struct outputs *expected, double slack, double *error, double *limit)
{
    double worst = -1;
    bool good = true;

    for (int i = 0; i < p->count; i++) {
        if (!expected->value[i])
            continue;
        double e = operand_error(p, i, got->value[i], expected->value[i]);
        double l = slack * p->operand[i].limit;
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
