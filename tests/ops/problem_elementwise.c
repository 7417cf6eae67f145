/* Problems of map and reduce. */
#include "problem.h"

#include "half.h"

#include <math.h>
#include <string.h>

enum { GROWTH_STEPS = 20 };

/* How a map's problems are made. `values` has one letter per operand, outputs
 * first:
 *   r  uniform in [-1, 1]; complex operands also hold zeros and tiny moduli
 *   p  positive
 *   w  wide, for activations
 *   s  like a variance
 *   n  all magnitudes
 *   b  bytes
 *   q  numbers that round to bytes, with ties and NaN
 *   l  the state of a loss scale
 *   k  the checks of a loss scale
 *   t  the three numbers of an optimiser's step
 *   i  row indices
 * maps.def has the operands' kinds. limit is in epsilons: 4 for two or three
 * roundings, 8 for a division, a root or a cancelling sum, 16 for a
 * transcendental function. */
static const struct map_spec {
    const char *values;
    double limit, s[3];
} map_specs[PRISM_MAP_COUNT] = {
    [PRISM_MAP_FILL] = {"r", 1, {0.7}},
    [PRISM_MAP_AXPBY] = {"rrr", 4, {1.5, -0.3}},
    [PRISM_MAP_MUL] = {"rrr", 4, {-1.7}},
    [PRISM_MAP_CLAMP] = {"rr", 1, {-0.4, 0.6}},
    [PRISM_MAP_ADD_ROW] = {"rwr", 16, {0}},
    [PRISM_MAP_SCALE_SHIFT] = {"rrrr", 4, {0}},
    [PRISM_MAP_NORMALIZE] = {"rrrp", 4, {0}},
    [PRISM_MAP_NORM_BWD] = {"rrrrprr", 8, {0}},
    [PRISM_MAP_RSQRT] = {"rp", 8, {1e-3}},
    [PRISM_MAP_ACT] = {"rw", 16, {0}},
    [PRISM_MAP_ACT_BWD] = {"rrw", 16, {0}},
    [PRISM_MAP_GATHER_ROW] = {"rri", 0, {0}},
    [PRISM_MAP_L1_GRAD] = {"rrrr", 0, {0}},
    [PRISM_MAP_L2_GRAD] = {"rrrr", 4, {0}},
    [PRISM_MAP_ADAM] = {"rrprt", 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_AMSGRAD] = {"rrpprt", 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_ADAM_ONCE] = {"rrt", 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_SSIM] = {"rrrrppssr", 32, {1e-4, 9e-4}},
    [PRISM_MAP_SSIM_CS] = {"rrrrppssr", 32, {1e-4, 9e-4}},
    [PRISM_MAP_SSIM_GRAD] = {"rrrrrrr", 8, {0}},
    [PRISM_MAP_C_FROM_R] = {"rr", 0, {0}},
    [PRISM_MAP_C_REAL] = {"rr", 2, {0.3}},
    [PRISM_MAP_C_ABS] = {"rr", 8, {0}},
    [PRISM_MAP_C_PHASE] = {"rrr", 8, {0}},
    [PRISM_MAP_C_AXPBY] = {"rrr", 4, {1.5, -0.3}},
    [PRISM_MAP_C_MUL_COL] = {"rrr", 4, {0.7}},
    [PRISM_MAP_C_MULC_COL] = {"rrr", 4, {0.7}},
    [PRISM_MAP_C_CLAMP_ABS] = {"rr", 8, {0.3, 0.8}},
    [PRISM_MAP_C_MUL] = {"rrr", 4, {0.7}},
    [PRISM_MAP_C_MULC] = {"rrr", 4, {0.7}},
    [PRISM_MAP_NARROW] = {"rn", 0, {0}},
    [PRISM_MAP_WIDEN] = {"rn", 0, {0}},
    [PRISM_MAP_LOSS_SCALE] = {"lrk", 0, {GROWTH_STEPS, 2, 0.5}},
    [PRISM_MAP_FROM_U8] = {"rb", 4, {1 / 255.0, -0.5}},
    [PRISM_MAP_TO_U8] = {"rq", 0, {2, 0.5}},
    /* 64, because it is a product of up to 65 powers */
    [PRISM_MAP_MS_SSIM] = {"rrppp", 64, {0.7, 0.25}},
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    [PRISM_MAP_MISFIT_##NAME] = {"rrppr", 16, {0}},
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

static const struct {
    const char *y, *x;
} map_kinds[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) {y, x},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

static int map_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    const struct map_spec *spec = &map_specs[p->kind];
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    struct prism_map_args a = {.s = {spec->s[0], spec->s[1], spec->s[2]}, .act = PRISM_ACT_NONE};

    (void)plan;
    a.period = (size_t)case_int(p->text, "period", 0);
    for (const char *k = map_kinds[p->kind].y; *k; k++)
        a.y[k - map_kinds[p->kind].y] = *mem++;
    for (const char *k = map_kinds[p->kind].x; *k; k++)
        a.x[k - map_kinds[p->kind].x] = *mem++;
    if (case_map_acts(p->kind))
        a.act = (enum prism_act)case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT);
    return dev->ops->map(dev, (enum prism_map)p->kind, p->dtype, rows, cols, &a);
}

int operand_adam_step(struct problem *p)
{
    int i = operand_add(p, REAL, IN, 3, 0);

    operand_fill(p, i, 0.1, 1.1);
    p->operand[i].value[2] = case_has(p->text, "scaled") ? 0.37f
                             : case_has(p->text, "skip") ? NAN
                                                         : 1;
    return i;
}

/* Fills in special values for narrowing: ties to even both ways, carries, the
 * largest and the smallest numbers, and values beyond them. */
static void fill_magnitudes(struct problem *p, int i)
{
    static const double f16[] = {0x1.004p0, 0x1.00cp0,   0x1.ffep3,   65504,       65519,
                                 65520,     0x1p-14,     0x1.ffcp-15, 0x1p-24,     0x1p-25,
                                 0x1.8p-24, 0x1.004p-25, 1e-30,       0x1.003ffep0};
    static const double bf16[] = {0x1.01p0,   0x1.03p0,    0x1.ffp3,    0x1.fep127,  0x1.fefffep127,
                                  0x1.ffp127, 0x1p-126,    0x1.fcp-127, 0x1p-133,    0x1p-134,
                                  0x1.8p-133, 0x1.01p-134, 0x1p-149,    0x1.00fffep0};
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

/* Fills the state of a loss scale (letter l) or its checks (letter k): for an
 * ordinary step, for the last step of a row, for such a step with the largest
 * scale, or for a step to be skipped. */
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

static int map_operand(struct problem *p, char what, char letter, enum role role, double limit)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    enum kind kind = what == 'i'          ? INDEX
                     : strchr("ck", what) ? CPLX
                     : what == 'h'        ? HALF
                     : what == 'b'        ? BYTE
                                          : REAL;
    size_t held = strchr("ri", what) ? (size_t)case_int(p->text, "period", (int)rows) : rows;
    size_t n = prism_map_operand_bytes(what, PRISM_F32, held, cols) /
               (kind == BYTE ? 1 : prism_dtype_size(PRISM_F32));
    double *v;
    int i;

    if (letter == 't')
        return operand_adam_step(p);
    i = operand_add(p, kind, role, n, limit);
    if (role == OUT)
        return i;
    if (letter == 'w')
        operand_fill(p, i, -6, 6);
    else if (strchr("ps", letter))
        operand_fill(p, i, 0.1, 1.1);
    else
        operand_fill(p, i, -1, 1);
    if (letter == 'n')
        fill_magnitudes(p, i);
    fill_loss_scale(p, letter, i);
    v = p->operand[i].value;
    for (size_t k = 0; k < n; k++) {
        /* a permutation, or some rows twice and others never */
        if (letter == 'i')
            v[k] = (double)((k * 7 + 3) % rows);
        if (letter == 'b')
            v[k] = floor(127.5 * (v[k] + 1));
        if (letter == 'q') /* multiples of 1/8, so that 2 v + 1/2 is exact */
            v[k] = k % 31 == 4    ? NAN
                   : k % 31 == 9  ? INFINITY
                   : k % 31 == 14 ? -INFINITY
                                  : floor(640 * v[k]) / 8 + 60;
        if (letter == 's')
            v[k] += 2.5; /* so that W x^2 - mu^2 stays above 0 */
        /* zeros, and moduli whose square is hardly normal */
        if (what == 'c' && k % 62 < 4)
            v[k] = k % 62 < 2 ? 0 : (float)(v[k] * 1e-18);
        if (letter == 'w' && k % 11 < 5)
            v[k] = (double[]){0, 3, -3, 100, -100}[k % 11];
    }
    return i;
}

/* True if the output is to share its memory with input i, the first of its
 * shape. */
static bool map_in_place(const struct problem *p, char y, char x, int i)
{
    return case_has(p->text, "inplace") && p->operand[0].same_as < 0 && strchr("ec", y) &&
           strchr("ec", x) && p->operand[i].kind == p->operand[0].kind;
}

static int map_build(struct problem *p)
{
    const char *values, *y, *x;
    size_t outputs;

    p->kind = case_index(p->text, 1, case_map_names, PRISM_MAP_COUNT);
    if (p->kind < 0 || !map_specs[p->kind].values)
        return -1;
    if (case_map_acts(p->kind) && case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT) < 0)
        return -1;
    values = map_specs[p->kind].values;
    y = map_kinds[p->kind].y;
    outputs = strlen(y);
    if (strlen(values) != outputs + strlen(map_kinds[p->kind].x))
        return -1;
    for (const char *k = y; *k; k++)
        map_operand(p, *k, *values++, *k == 'E' || *k == 'T' ? INOUT : OUT,
                    case_has(p->text, "skip") ? 0 : map_specs[p->kind].limit);
    for (x = map_kinds[p->kind].x; *x; x++) {
        int i = map_operand(p, *x, *values++, IN, 0);
        if (map_in_place(p, *y, *x, i))
            p->operand[0].same_as = i;
    }
    /* the reason that the step is skipped */
    if (case_has(p->text, "skip"))
        p->operand[outputs].value[0] = NAN;
    /* the precision decides what is rounded and what overflows */
    if (p->kind == PRISM_MAP_NARROW || p->kind == PRISM_MAP_WIDEN ||
        p->kind == PRISM_MAP_LOSS_SCALE)
        p->oracle = p->dtype;
    /* equal operands for the L1 maps, NaN for clamp */
    bool equal = p->kind == PRISM_MAP_L1_GRAD || p->kind == PRISM_MAP_MISFIT_L1;
    for (size_t k = 0; k < p->operand[0].n && (equal || p->kind == PRISM_MAP_CLAMP); k += 5)
        p->operand[outputs].value[k] =
            p->kind == PRISM_MAP_CLAMP ? NAN : p->operand[outputs + 1].value[k];
    p->run = map_run;
    return 0;
}

static int reduce_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);

    (void)plan;
    return dev->ops->reduce(dev, (enum prism_reduce)p->kind, p->dtype, rows, cols, mem[0], mem[1],
                            p->count > 2 ? mem[2] : NULL);
}

/* Builds a reduction. Its terms are positive, so that nothing cancels, except
 * in a dot product, whose sum is of the order of sqrt(cols). */
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
        /* NaN in the first row only */
        if (case_has(p->text, "nan"))
            p->operand[a].value[cols / 2] = NAN;
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
