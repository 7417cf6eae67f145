/* Problems of map and reduce. */
#include "problem.h"

#include "half.h"

#include <math.h>
#include <string.h>

enum { GROWTH_STEPS = 20 };

/* One letter per operand: r real, p positive, w wide (activations), c complex with zeros and tiny values [rows,cols];
 * R real, P positive, i index [rows]; v real, C complex [cols]; a ADAM's step; l a loss scale's state, u what it makes, k its
 * checks [cols]; s variance-like, see below [rows,cols]; n of all magnitudes, h the same in half [rows,cols]. y: outputs; of
 * `state`: they have values before. limit in epsilons: two or three roundings are 4, a division, a root or a cancelling sum 8, a
 * transcendental function 16. */
static const struct map_spec {
    const char *y, *x;
    bool state;
    double limit, s[3];
} map_specs[PRISM_MAP_COUNT] = {
    [PRISM_MAP_FILL] = {"r", "", false, 1, {0.7}},
    [PRISM_MAP_AXPBY] = {"r", "rr", false, 4, {1.5, -0.3}},
    [PRISM_MAP_MUL] = {"r", "rr", false, 4, {-1.7}},
    [PRISM_MAP_CLAMP] = {"r", "r", false, 1, {-0.4, 0.6}},
    [PRISM_MAP_ADD_ROW] = {"r", "wR", false, 16, {0}},
    [PRISM_MAP_SCALE_SHIFT] = {"r", "rRR", false, 4, {0}},
    [PRISM_MAP_NORMALIZE] = {"r", "rRP", false, 4, {0}},
    [PRISM_MAP_NORM_BWD] = {"r", "rrRPRR", false, 8, {0}},
    [PRISM_MAP_RSQRT] = {"r", "p", false, 8, {1e-3}},
    [PRISM_MAP_ACT] = {"r", "w", false, 16, {0}},
    [PRISM_MAP_ACT_BWD] = {"r", "rw", false, 16, {0}},
    [PRISM_MAP_GATHER_ROW] = {"r", "ri", false, 0, {0}},
    [PRISM_MAP_L1_GRAD] = {"r", "rrR", false, 0, {0}},
    [PRISM_MAP_L2_GRAD] = {"r", "rrR", false, 4, {0}},
    [PRISM_MAP_ADAM] = {"rrp", "ra", true, 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_AMSGRAD] = {"rrpp", "ra", true, 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_ADAM_ONCE] = {"r", "ra", true, 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_SSIM] = {"rrrr", "ppssr", false, 32, {1e-4, 9e-4}},
    [PRISM_MAP_SSIM_CS] = {"rrrr", "ppssr", false, 32, {1e-4, 9e-4}},
    [PRISM_MAP_SSIM_GRAD] = {"r", "Rrrrrr", false, 8, {0}},
    [PRISM_MAP_C_FROM_R] = {"c", "r", false, 0, {0}},
    [PRISM_MAP_C_REAL] = {"r", "c", false, 2, {0.3}},
    [PRISM_MAP_C_ABS] = {"r", "c", false, 8, {0}},
    [PRISM_MAP_C_PHASE] = {"c", "rc", false, 8, {0}},
    [PRISM_MAP_C_AXPBY] = {"c", "cc", false, 4, {1.5, -0.3}},
    [PRISM_MAP_C_MUL_COL] = {"c", "cC", false, 4, {0.7}},
    [PRISM_MAP_C_MULC_COL] = {"c", "cC", false, 4, {0.7}},
    [PRISM_MAP_C_CLAMP_ABS] = {"c", "c", false, 8, {0.3, 0.8}},
    [PRISM_MAP_NARROW] = {"h", "n", false, 0, {0}},
    [PRISM_MAP_WIDEN] = {"n", "h", false, 0, {0}},
    [PRISM_MAP_LOSS_SCALE] = {"lu", "k", true, 0, {GROWTH_STEPS, 2, 0.5}},
    [PRISM_MAP_MS_SSIM] = {"rv", "pPP", false, 64, {0.7, 0.25}}, /* a product of up to 65 powers */
};

static int map_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    const struct map_spec *spec = &map_specs[p->kind];
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    struct prism_map_args a = {.s = {spec->s[0], spec->s[1], spec->s[2]}, .act = PRISM_ACT_NONE};

    (void)plan;
    for (size_t i = 0; i < strlen(spec->y); i++)
        a.y[i] = mem[i];
    for (size_t i = 0; i < strlen(spec->x); i++)
        a.x[i] = mem[strlen(spec->y) + i];
    if (case_map_acts(p->kind))
        a.act = (enum prism_act)case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT);
    return dev->ops->map(dev, (enum prism_map)p->kind, p->dtype, rows, cols, &a);
}

int operand_adam_step(struct problem *p)
{
    int i = operand_add(p, REAL, IN, 3, 0);

    operand_fill(p, i, 0.1, 1.1);
    p->operand[i].value[2] = case_has(p->text, "scaled") ? 0.37f : case_has(p->text, "skip") ? NAN : 1;
    return i;
}

/* Ties to even both ways, carries, the largest, the least and what is beyond them. */
static void fill_magnitudes(struct problem *p, int i)
{
    static const double f16[] = {0x1.004p0,   0x1.00cp0, 0x1.ffep3, 65504,     65519,       65520, 0x1p-14,
                                 0x1.ffcp-15, 0x1p-24,   0x1p-25,   0x1.8p-24, 0x1.004p-25, 1e-30, 0x1.003ffep0};
    static const double bf16[] = {0x1.01p0,    0x1.03p0, 0x1.ffp3, 0x1.fep127, 0x1.fefffep127, 0x1.ffp127, 0x1p-126,
                                  0x1.fcp-127, 0x1p-133, 0x1p-134, 0x1.8p-133, 0x1.01p-134,    0x1p-149,   0x1.00fffep0};
    enum { SPECIALS = sizeof f16 / sizeof *f16 };
    double *v = p->operand[i].value;

    for (size_t k = 0; k < p->operand[i].n; k++) {
        size_t at = (k + 3) % 41;
        if (at < SPECIALS)
            v[k] = copysign((p->dtype == PRISM_F16 ? f16 : bf16)[at], v[k]);
        else if (at < SPECIALS + 2)
            v[k] = at == SPECIALS ? NAN : copysign(INFINITY, v[k]);
        else
            v[k] = (float)ldexp(v[k], (int)(k % 37) - 20);
        if (p->operand[i].kind == HALF)
            v[k] = half_decode(p->dtype, half_encode(p->dtype, v[k]));
    }
}

/* The state before and the checks: an ordinary step, the last of a row, that with the largest scale, a step to be skipped. */
static void fill_loss_scale(struct problem *p, char letter, int i)
{
    struct operand *o = &p->operand[i];
    bool full = case_has(p->text, "full");

    if (letter == 'l') {
        o->value[0] = !full ? 1024 : p->dtype == PRISM_F64 ? 0x1p1023 : 0x1p127;
        o->value[1] = full || case_has(p->text, "grow") ? GROWTH_STEPS - 1 : 3;
        o->value[2] = 5;
    } else if (letter == 'k') {
        for (size_t k = 0; k < o->n; k++)
            o->value[k] = case_has(p->text, "nan") && k == o->n / 2 ? NAN : 0;
    }
}

static int map_operand(struct problem *p, char letter, enum role role, double limit)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    enum kind kind = letter == 'i' ? INDEX : letter == 'c' || letter == 'C' ? CPLX : letter == 'h' ? HALF : REAL;
    size_t n = letter == 'l'           ? 3
               : letter == 'u'         ? 1
               : strchr("RPi", letter) ? rows
               : letter == 'C'         ? 2 * cols
               : letter == 'v'         ? cols
                                       : rows * cols * (letter == 'c' ? 2 : 1);
    double *v;
    int i;

    if (letter == 'a')
        return operand_adam_step(p);
    i = operand_add(p, kind, role, n, limit);
    if (role == OUT)
        return i;
    if (letter == 'w')
        operand_fill(p, i, -6, 6);
    else if (strchr("pPs", letter))
        operand_fill(p, i, 0.1, 1.1);
    else
        operand_fill(p, i, -1, 1);
    if (letter == 'n' || letter == 'h')
        fill_magnitudes(p, i);
    fill_loss_scale(p, letter, i);
    v = p->operand[i].value;
    for (size_t k = 0; k < n; k++) {
        if (letter == 'i')
            v[k] = (double)((k * 7 + 3) % rows); /* a permutation, or rows twice and never */
        if (letter == 's')
            v[k] += 2.5; /* W x^2 - mu^2 stays above 0 */
        if (letter == 'c' && k % 62 < 4)
            v[k] = k % 62 < 2 ? 0 : (float)(v[k] * 1e-18); /* zeros, and moduli whose square is hardly normal */
        if (letter == 'w' && k % 11 < 5)
            v[k] = (double[]){0, 3, -3, 100, -100}[k % 11];
    }
    return i;
}

static int map_build(struct problem *p)
{
    const struct map_spec *spec;
    size_t outputs;

    p->kind = case_index(p->text, 1, case_map_names, PRISM_MAP_COUNT);
    if (p->kind < 0 || !map_specs[p->kind].y)
        return -1;
    if (case_map_acts(p->kind) && case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT) < 0)
        return -1;
    spec = &map_specs[p->kind];
    outputs = strlen(spec->y);
    for (const char *y = spec->y; *y; y++)
        map_operand(p, *y, spec->state ? INOUT : OUT, case_has(p->text, "skip") ? 0 : spec->limit);
    for (const char *x = spec->x; *x; x++) {
        int i = map_operand(p, *x, IN, 0);
        bool alike = strchr("rpwcs", *x) && p->operand[i].kind == p->operand[0].kind;
        if (case_has(p->text, "inplace") && alike && !spec->state && p->operand[0].same_as < 0)
            p->operand[0].same_as = i; /* the first input of the output's shape */
    }
    if (case_has(p->text, "skip"))
        p->operand[outputs].value[0] = NAN; /* why a step is skipped */
    if (p->kind == PRISM_MAP_NARROW || p->kind == PRISM_MAP_WIDEN || p->kind == PRISM_MAP_LOSS_SCALE)
        p->oracle = p->dtype; /* what is rounded, and what overflows, is the precision's */
    /* equal operands, NaN */
    for (size_t k = 0; k < p->operand[0].n && (p->kind == PRISM_MAP_L1_GRAD || p->kind == PRISM_MAP_CLAMP); k += 5)
        p->operand[outputs].value[k] = p->kind == PRISM_MAP_CLAMP ? NAN : p->operand[outputs + 1].value[k];
    p->run = map_run;
    return 0;
}

static int reduce_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);

    (void)plan;
    return dev->ops->reduce(dev, (enum prism_reduce)p->kind, p->dtype, rows, cols, mem[0], mem[1], p->count > 2 ? mem[2] : NULL);
}

/* Terms are positive, so that nothing cancels, except a dot product's, whose sum is of the order of sqrt(cols). */
static int reduce_build(struct problem *p)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    double root = sqrt((double)cols);
    int a;

    p->kind = case_index(p->text, 1, case_reduce_names, PRISM_REDUCE_COUNT);
    if (p->kind < 0)
        return -1;
    operand_add(p, REAL, OUT, rows, 4 * root);
    a = operand_random(p, REAL, IN, rows * cols, 0);
    switch (p->kind) {
    case PRISM_REDUCE_SUM:
    case PRISM_REDUCE_MEAN:
        operand_fill(p, a, 0.1, 1.1);
        break;
    case PRISM_REDUCE_VAR:
        operand_random(p, REAL, IN, rows, 0);
        break;
    case PRISM_REDUCE_MAX:
    case PRISM_REDUCE_MIN:
        p->operand[0].limit = 0;
        if (case_has(p->text, "nan"))
            p->operand[a].value[cols / 2] = NAN; /* in the first row only */
        break;
    default:
        operand_random(p, REAL, IN, rows * cols, 0);
        p->operand[0].scale = p->kind == PRISM_REDUCE_DOT ? root : 0;
        break;
    }
    p->run = reduce_run;
    return 0;
}

int build_elementwise(struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    return !strcmp(op, "map") ? map_build(p) : !strcmp(op, "reduce") ? reduce_build(p) : -1;
}
