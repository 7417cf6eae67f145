/* Problems of map and reduce. */
#include "problem.h"

#include <math.h>
#include <string.h>

/* One letter per operand: r real, p positive, w wide (activations), c complex with zeros and tiny values [rows,cols];
 * R real, P positive, i index [rows]; C complex [cols]; 2 two reals; s variance-like, see below [rows,cols].
 * y: outputs; upper case Y of `state` means that they have values before. limit in epsilons: two or three roundings are 4,
 * a division, a root or a cancelling sum 8, a transcendental function 16. */
static const struct map_spec {
    const char *y, *x;
    bool state;
    double limit, s[3];
} map_specs[PRISM_MAP_COUNT] = {
    [PRISM_MAP_FILL] = {"r", "", false, 1, {0.7}},
    [PRISM_MAP_AXPBY] = {"r", "rr", false, 4, {1.5, -0.3}},
    [PRISM_MAP_MUL] = {"r", "rr", false, 4, {-1.7}},
    [PRISM_MAP_CLAMP] = {"r", "r", false, 1, {-0.4, 0.6}},
    [PRISM_MAP_ADD_ROW] = {"r", "rR", false, 2, {0}},
    [PRISM_MAP_SCALE_SHIFT] = {"r", "rRR", false, 4, {0}},
    [PRISM_MAP_NORMALIZE] = {"r", "rRP", false, 4, {0}},
    [PRISM_MAP_NORM_BWD] = {"r", "rrRPRR", false, 8, {0}},
    [PRISM_MAP_RSQRT] = {"r", "p", false, 8, {1e-3}},
    [PRISM_MAP_ACT] = {"r", "w", false, 16, {0}},
    [PRISM_MAP_ACT_BWD] = {"r", "rw", false, 16, {0}},
    [PRISM_MAP_GATHER_ROW] = {"r", "ri", false, 0, {0}},
    [PRISM_MAP_L1_GRAD] = {"r", "rrR", false, 0, {0}},
    [PRISM_MAP_L2_GRAD] = {"r", "rrR", false, 4, {0}},
    [PRISM_MAP_ADAM] = {"rrp", "r2", true, 8, {0.9, 0.999, 1e-8}},
    [PRISM_MAP_AMSGRAD] = {"rrpp", "r2", true, 8, {0.9, 0.999, 1e-8}},
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
    if (p->kind == PRISM_MAP_ACT || p->kind == PRISM_MAP_ACT_BWD)
        a.act = (enum prism_act)case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT);
    return dev->ops->map(dev, (enum prism_map)p->kind, p->dtype, rows, cols, &a);
}

static int map_operand(struct problem *p, char letter, enum role role, double limit)
{
    size_t rows = (size_t)case_int(p->text, "r", 1), cols = (size_t)case_int(p->text, "c", 1);
    enum kind kind = letter == 'i' ? INDEX : letter == 'c' || letter == 'C' ? CPLX : REAL;
    size_t n = letter == '2' ? 2 : strchr("RPi", letter) ? rows : letter == 'C' ? 2 * cols : rows * cols * (letter == 'c' ? 2 : 1);
    int i = operand_add(p, kind, role, n, limit);
    double *v;

    if (role == OUT)
        return i;
    if (letter == 'w')
        operand_fill(p, i, -6, 6);
    else if (strchr("pPs2", letter))
        operand_fill(p, i, 0.1, 1.1);
    else
        operand_fill(p, i, -1, 1);
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
    if ((p->kind == PRISM_MAP_ACT || p->kind == PRISM_MAP_ACT_BWD) && case_index(p->text, 2, case_act_names, PRISM_ACT_COUNT) < 0)
        return -1;
    spec = &map_specs[p->kind];
    outputs = strlen(spec->y);
    for (const char *y = spec->y; *y; y++)
        map_operand(p, *y, spec->state ? INOUT : OUT, spec->limit);
    for (const char *x = spec->x; *x; x++) {
        int i = map_operand(p, *x, IN, 0);
        bool alike = strchr("rpwcs", *x) && p->operand[i].kind == p->operand[0].kind;
        if (case_has(p->text, "inplace") && alike && !spec->state && p->operand[0].same_as < 0)
            p->operand[0].same_as = i; /* the first input of the output's shape */
    }
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
