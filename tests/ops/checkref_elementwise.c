#include "checkref.h"

#include "../cases/cases.h"
#include "half.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3, COLS = 50, N = ROWS * COLS };

static void map(enum prism_map op, struct prism_map_args a)
{
    ref->ops->map(ref, op, PRISM_F64, ROWS, COLS, &a);
}

static double reduce(enum prism_reduce op, size_t n, const double *a, const double *b)
{
    double y = NAN;

    ref->ops->reduce(ref, op, PRISM_F64, 1, n, MEM(&y), MEM(a), MEM(b));
    return y;
}

/* ---- activations ---- */

static double act(enum prism_act kind, double x)
{
    double y;
    struct prism_map_args a = {.y = {MEM(&y)}, .x = {MEM(&x)}, .act = kind};

    ref->ops->map(ref, PRISM_MAP_ACT, PRISM_F64, 1, 1, &a);
    return y;
}

static double act_bwd(enum prism_act kind, double x, double g)
{
    double y;
    struct prism_map_args a = {.y = {MEM(&y)}, .x = {MEM(&g), MEM(&x)}, .act = kind};

    ref->ops->map(ref, PRISM_MAP_ACT_BWD, PRISM_F64, 1, 1, &a);
    return y;
}

static void check_acts(void)
{
    /* f(-4), f(0), f(2) */
    static const double values[PRISM_ACT_COUNT][3] = {
        [PRISM_ACT_NONE] = {-4, 0, 2},
        [PRISM_ACT_RELU] = {0, 0, 2},
        [PRISM_ACT_LEAKY] = {-0.8, 0, 2},
        [PRISM_ACT_SIGMOID] = {0.017986209962091559, 0.5, 0.88079707797788244},
        [PRISM_ACT_HARDSIGMOID] = {0, 0.5, 0.83333333333333337},
        [PRISM_ACT_SCALESIGMOID] = {0.0083459341613333901, 0.5, 0.88841301953744011},
        [PRISM_ACT_TANH] = {-0.99932929973906704, 0, 0.96402758007581688},
    };
    static const double at[] = {-4, 0, 2},
                        points[] = {-7.3, -3.1, -2.9, -1, -0.01, 0.02, 1.7, 2.99, 3.05, 8};
    const double h = 1e-6;

    for (int k = 0; k < PRISM_ACT_COUNT; k++) {
        double value = 0, slope = 0;
        for (int i = 0; i < 3; i++)
            value = fmax(value, fabs(act((enum prism_act)k, at[i]) - values[k][i]));
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
            double x = points[i],
                   central =
                       (act((enum prism_act)k, x + h) - act((enum prism_act)k, x - h)) / (2 * h);
            slope = fmax(slope, fabs(act_bwd((enum prism_act)k, x, 1.5) - 1.5 * central));
        }
        expect(value, 1e-15, "act %s at -4, 0, 2", case_act_names[k]);
        expect(slope, 1e-9, "act %s derivative by central differences", case_act_names[k]);
    }
    expect(act_bwd(PRISM_ACT_RELU, 0, 1), 0, "act relu derivative at 0");
    expect(fabs(act_bwd(PRISM_ACT_HARDSIGMOID, 3, 1)) + fabs(act_bwd(PRISM_ACT_HARDSIGMOID, -3, 1)),
           0, "act hardsigmoid derivative at its corners");
}

/* ---- SSIM ---- */

static void ssim(enum prism_map op, const double x[5], double y[4])
{
    struct prism_map_args a = {.y = {MEM(&y[0]), MEM(&y[1]), MEM(&y[2]), MEM(&y[3])},
                               .x = {MEM(&x[0]), MEM(&x[1]), MEM(&x[2]), MEM(&x[3]), MEM(&x[4])},
                               .s = {0.01, 0.03}};

    ref->ops->map(ref, op, PRISM_F64, 1, 1, &a);
}

static void check_ssim(enum prism_map op)
{
    static const int varied[] = {0, 2, 4}; /* mu1, W x^2, W xy */
    const double *noise = random_reals(5 * N), h = 1e-6;
    double value = 0, slope = 0, y[4], up[4], down[4];

    for (int i = 0; i < N; i++) {
        double x[5];
        for (int k = 0; k < 5; k++)
            x[k] = noise[5 * i + k] + (k == 2 || k == 3 ? 3 : 0);
        double a1 = 2 * x[0] * x[1] + 0.01, a2 = 2 * (x[4] - x[0] * x[1]) + 0.03;
        double b1 = x[0] * x[0] + x[1] * x[1] + 0.01,
               b2 = x[2] - x[0] * x[0] + x[3] - x[1] * x[1] + 0.03;
        ssim(op, x, y);
        value = fmax(value, fabs(y[0] - (op == PRISM_MAP_SSIM ? a1 * a2 / (b1 * b2) : a2 / b2)));
        for (int k = 0; k < 3; k++) {
            double keep = x[varied[k]];
            x[varied[k]] = keep + h;
            ssim(op, x, up);
            x[varied[k]] = keep - h;
            ssim(op, x, down);
            x[varied[k]] = keep;
            slope = fmax(slope, fabs(y[1 + k] - (up[0] - down[0]) / (2 * h)));
        }
    }
    expect(value, 1e-14, "%s value", case_map_names[op]);
    expect(slope, 2e-8, "%s partial derivatives by central differences", case_map_names[op]);
}

/* ---- optimisers: the first step from rest moves by lr sign(g) ---- */

static void check_adam(enum prism_map op)
{
    const double b1 = 0.9, b2 = 0.99, lr = 0.125, floor = 4, u = 0.25;
    double rate[3] = {lr / (1 - b1), 1 / sqrt(1 - b2), u}, *g = random_reals(N), *p = reals(N),
           *m = reals(N), *v = reals(N);
    double *vmax = reals(N), *ep = reals(N), *em = reals(N), *ev = reals(N);

    for (int i = 0; i < N; i++) {
        em[i] = 0.1 * g[i];
        ev[i] = 0.01 * g[i] * g[i];
        vmax[i] = i % 2 ? floor : 0;
        ep[i] = op == PRISM_MAP_AMSGRAD && i % 2 ? -lr * g[i] / (sqrt(floor) / sqrt(0.01))
                                                 : -lr * (g[i] > 0 ? 1 : -1);
        g[i] /= u; /* g as a loss scale leaves it */
    }
    struct prism_map_args a = {
        .y = {MEM(p), MEM(m), MEM(v), op == PRISM_MAP_AMSGRAD ? MEM(vmax) : NULL},
        .x = {MEM(g), MEM(rate)},
        .s = {b1, b2, 1e-30}};
    map(op, a);
    expect(worst_difference(p, ep, N), 1e-15, "%s first step", case_map_names[op]);
    expect(worst_difference(m, em, N) + worst_difference(v, ev, N), 1e-15, "%s moments",
           case_map_names[op]);
    memcpy(ep, p, N * sizeof *p);
    memcpy(em, m, N * sizeof *m);
    memcpy(ev, v, N * sizeof *v);
    rate[2] = NAN;
    map(op, a);
    expect(worst_difference(p, ep, N) + worst_difference(m, em, N) + worst_difference(v, ev, N), 0,
           "%s skipped step", case_map_names[op]);
}

/* Checks that from moments of 0 it is ADAM to the last bit. */
static void check_adam_once(void)
{
    double rate[3] = {0.3, 2, 0.25}, *g = random_reals(N), *p = random_reals(N), *ep = reals(N);
    struct prism_map_args once = {.y = {MEM(p)}, .x = {MEM(g), MEM(rate)}, .s = {0.9, 0.99, 1e-8}},
                          adam = once;

    memcpy(ep, p, N * sizeof *p);
    adam.y[0] = MEM(ep);
    adam.y[1] = MEM(reals(N));
    adam.y[2] = MEM(reals(N));
    for (int i = 0; i < 2; i++) { /* the second step is skipped */
        map(PRISM_MAP_ADAM, adam);
        map(PRISM_MAP_ADAM_ONCE, once);
        expect(worst_difference(p, ep, N), 0, "adam_once%s", i ? " skipped step" : "");
        rate[2] = NAN;
    }
}

/* Compares adam_outer with the stored product and a plain step, its vector with
 * a step along the products of rows, and its last product with that of the
 * updated matrix and vector. */
static void check_adam_outer(enum prism_map op)
{
    enum { R = 70, C = 11, M = R * C };
    struct prism_adam_outer_desc d = {PRISM_F64, R, C, 0.9, 0.99, 1e-8};
    double step[3] = {0.3, 2, 0.5}, *x = random_reals(R), *z = random_reals(C),
           *tmp = reals(PRISM_ADAM_OUTER_ROWS * C), *y[4];
    double *expected[4], *g = reals(M), worst = 0;
    double *v[4], *expected_v[4], *ga = reals(R), *expected_ga = reals(R), *product = reals(C);
    struct prism_conv_desc cd = {
        .dtype = PRISM_F64, .n = 1, .cin = C, .h = 1, .w = 1, .cout = R, .k = 1, .stride = 1};
    struct prism_adam_outer_tail tail = {.ga = MEM(ga), .y = MEM(product)};
    struct prism_adam_outer_args outer = {
        .a = MEM(x), .b = MEM(z), .step = MEM(step), .tmp = MEM(tmp), .tail = &tail};
    struct prism_conv *conv;
    struct prism_map_args a = {.x = {MEM(g), MEM(step)}, .s = {d.b1, d.b2, d.eps}};

    for (int k = 0; k < 4; k++) {
        y[k] = random_reals(M);
        expected[k] = reals(M);
        for (int i = 0; i < M; i++)
            expected[k][i] = y[k][i] = k < 2 ? y[k][i] : fabs(y[k][i]);
        v[k] = random_reals(R);
        expected_v[k] = reals(R);
        for (int r = 0; r < R; r++)
            expected_v[k][r] = v[k][r] = k < 2 ? v[k][r] : fabs(v[k][r]);
    }
    for (int i = 0; i < M; i++) {
        g[i] = x[i / C] * z[i % C];
        expected_ga[i / C] += y[0][i] * z[i % C];
    }
    for (int k = 0; k < 4; k++)
        a.y[k] = MEM(expected[k]);
    ref->ops->map(ref, op, PRISM_F64, R, C, &a);
    a.x[0] = MEM(expected_ga);
    for (int k = 0; k < 4; k++)
        a.y[k] = MEM(expected_v[k]);
    ref->ops->map(ref, op, PRISM_F64, 1, R, &a);
    outer.p = MEM(y[0]);
    outer.m = op == PRISM_MAP_ADAM_ONCE ? NULL : MEM(y[1]);
    outer.v = op == PRISM_MAP_ADAM_ONCE ? NULL : MEM(y[2]);
    outer.vmax = op == PRISM_MAP_AMSGRAD ? MEM(y[3]) : NULL;
    tail.z = MEM(v[0]);
    tail.zm = op == PRISM_MAP_ADAM_ONCE ? NULL : MEM(v[1]);
    tail.zv = op == PRISM_MAP_ADAM_ONCE ? NULL : MEM(v[2]);
    tail.zvmax = op == PRISM_MAP_AMSGRAD ? MEM(v[3]) : NULL;
    ref->ops->conv_create(ref, &cd, &conv);
    ref->ops->adam_outer(ref, &d, conv, &outer);
    ref->ops->conv_destroy(conv);
    for (int i = 0; i < M; i++)
        product[i % C] -= expected_v[0][i / C] * expected[0][i];
    for (int k = 0; k < 4; k++)
        worst = fmax(worst, fmax(worst_difference(y[k], expected[k], M),
                                 worst_difference(v[k], expected_v[k], R)));
    for (int c = 0; c < C; c++)
        worst = fmax(worst, fabs(product[c]) / R);
    expect(worst, 1e-15, "adam_outer by the stored product and %s", case_map_names[op]);
}

/* ---- loss scaling: the state after each of a history of steps ---- */

static void check_loss_scale(void)
{
    static const struct {
        double check, scale, row, skipped, u;
    } steps[] = {{0, 8, 1, 0, 1. / 8}, {0, 8, 2, 0, 1. / 8}, {NAN, 4, 0, 1, NAN},
                 {0, 4, 1, 1, 1. / 4}, {0, 4, 2, 1, 1. / 4}, {0, 8, 0, 1, 1. / 4},
                 {0, 8, 1, 1, 1. / 8}, {NAN, 4, 0, 2, NAN},  {NAN, 2, 0, 3, NAN}};
    double state[3] = {8, 0, 0}, u = 0, checks[5] = {0}, worst = 0;
    struct prism_map_args a = {.y = {MEM(state), MEM(&u)}, .x = {MEM(checks)}, .s = {3, 2, 0.5}};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        checks[i % 5] = steps[i].check;
        ref->ops->map(ref, PRISM_MAP_LOSS_SCALE, PRISM_F64, 1, 5, &a);
        checks[i % 5] = 0;
        worst = fmax(worst, fabs(state[0] - steps[i].scale) + fabs(state[1] - steps[i].row) +
                                fabs(state[2] - steps[i].skipped));
        worst = isnan(steps[i].u) == isnan(u) ? worst : INFINITY;
        worst = isnan(u) ? worst : fmax(worst, fabs(u - steps[i].u));
    }
    expect(worst, 0, "loss_scale over %zu steps", sizeof steps / sizeof *steps);
    state[0] = 0x1p1023;
    state[1] = 2;
    ref->ops->map(ref, PRISM_MAP_LOSS_SCALE, PRISM_F64, 1, 5, &a);
    expect(fabs(state[0] / 0x1p1023 - 1) + state[1], 0, "loss_scale stays finite");
}

/* ---- half: every number, the middle between two neighbours, and values just
 * beside the middle ---- */

static uint16_t narrow(enum prism_dtype half, float x)
{
    uint16_t y = 1;
    struct prism_map_args a = {.y = {MEM(&y)}, .x = {MEM(&x)}};

    ref->ops->map(ref, PRISM_MAP_NARROW, half, 1, 1, &a);
    return y;
}

static float widen(enum prism_dtype half, uint16_t x)
{
    float y = 1;
    struct prism_map_args a = {.y = {MEM(&y)}, .x = {MEM(&x)}};

    ref->ops->map(ref, PRISM_MAP_WIDEN, half, 1, 1, &a);
    return y;
}

static void check_half(enum prism_dtype half, const char *name)
{
    int widened = 0, narrowed = 0, beside = 0;

    for (unsigned bits = 0; bits < 0x10000; bits++) {
        double x = half_decode(half, (uint16_t)bits),
               next = half_decode(half, (uint16_t)(bits + 1));
        float y = widen(half, (uint16_t)bits), middle = (float)((x + next) / 2);
        float near[] = {middle, nextafterf(middle, INFINITY), nextafterf(middle, -INFINITY)};
        if (isnan(x)) {
            widened += !isnan(y);
            narrowed += !isnan(half_decode(half, narrow(half, NAN)));
            continue;
        }
        widened += y != (float)x || !signbit(y) != !signbit(x);
        narrowed += narrow(half, (float)x) != bits;
        if (isinf(x) || isnan(next))
            continue;
        /* the largest number: from half a step above it on, values round to
         * infinity */
        if (isinf(next))
            near[0] = (float)(x + (x - half_decode(half, (uint16_t)(bits - 1))) / 2);
        for (int i = 0; i < 3; i++)
            beside += narrow(half, near[i]) != half_encode(half, near[i]);
    }
    expect(widened, 0, "widen %s of every number", name);
    expect(narrowed, 0, "narrow %s of every number", name);
    expect(beside, 0, "narrow %s between all neighbours", name);
}

/* ---- complex ---- */

static void check_cplx(void)
{
    double complex *x = random_cplx(N), *z = random_cplx(N), *col = random_cplx(COLS),
                   *y = (void *)reals(2 * N);
    double *r = random_reals(N), *out = reals(N);
    double e[8] = {0};

    x[7] = 0;
    map(PRISM_MAP_C_FROM_R, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(r)}});
    for (int i = 0; i < N; i++)
        e[0] = fmax(e[0], cabs(y[i] - r[i]));
    map(PRISM_MAP_C_REAL, (struct prism_map_args){.y = {MEM(out)}, .x = {MEM(x)}, .s = {2}});
    for (int i = 0; i < N; i++)
        e[1] = fmax(e[1], fabs(out[i] - 2 * creal(x[i])));
    map(PRISM_MAP_C_ABS, (struct prism_map_args){.y = {MEM(out)}, .x = {MEM(x)}});
    for (int i = 0; i < N; i++)
        e[2] = fmax(e[2], fabs(out[i] - sqrt(creal(x[i] * conj(x[i])))));
    map(PRISM_MAP_C_PHASE, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(r), MEM(x)}});
    for (int i = 0; i < N; i++)
        e[3] = fmax(e[3], cabs(y[i] - (i == 7 ? 0 : r[i] * cexp(I * carg(x[i])))));
    map(PRISM_MAP_C_AXPBY,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(z)}, .s = {2, -3}});
    for (int i = 0; i < N; i++)
        e[4] = fmax(e[4], cabs(y[i] - (2 * x[i] - 3 * z[i])));
    map(PRISM_MAP_C_MUL_COL,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(col)}, .s = {2}});
    for (int i = 0; i < N; i++)
        e[5] = fmax(e[5], cabs(y[i] - 2 * x[i] * col[i % COLS]));
    map(PRISM_MAP_C_MULC_COL,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(col)}, .s = {2}});
    for (int i = 0; i < N; i++)
        e[6] = fmax(e[6], cabs(y[i] - 2 * x[i] * conj(col[i % COLS])));
    map(PRISM_MAP_C_CLAMP_ABS,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x)}, .s = {0.3, 0.8}});
    for (int i = 0; i < N; i++)
        e[7] = fmax(
            e[7],
            cabs(y[i] - (i == 7 ? 0 : fmin(fmax(cabs(x[i]), 0.3), 0.8) * cexp(I * carg(x[i])))));
    for (int k = 0; k < 8; k++)
        expect(e[k], 1e-15, "%s by complex arithmetic", case_map_names[PRISM_MAP_C_FROM_R + k]);
}

/* ---- real maps without a check of their own above ---- */

static void check_bytes(void)
{
    const double x[] = {-3, 0.25, 0.75, 1.25, 1.2500001, 127.25, 1e9, NAN, -INFINITY, INFINITY};
    const unsigned char expected[] = {0, 0, 2, 2, 3, 254, 255, 0, 0, 255}, from[] = {0, 1, 255};
    enum { COUNT = sizeof x / sizeof *x };
    unsigned char y[COUNT];
    double back[3], wrong = 0;

    struct prism_map_args to = {.y = {y}, .x = {MEM(x)}, .s = {2}},
                          real = {.y = {MEM(back)}, .x = {MEM(from)}, .s = {0.5, -1}};
    ref->ops->map(ref, PRISM_MAP_TO_U8, PRISM_F64, 1, COUNT, &to);
    for (int i = 0; i < COUNT; i++)
        wrong += y[i] != expected[i];
    expect(wrong, 0, "to_u8: halves to even, clamped, NaN gives 0");
    ref->ops->map(ref, PRISM_MAP_FROM_U8, PRISM_F64, 1, 3, &real);
    expect(fabs(back[0] + 1) + fabs(back[1] + 0.5) + fabs(back[2] - 126.5), 0, "from_u8");
}

static void check_real(void)
{
    double *x = random_reals(N), *z = random_reals(N), *row = random_reals(ROWS),
           *shift = random_reals(ROWS), *y = reals(N);
    double *positive = reals(N), e[10] = {0};
    double *other = random_reals(N), *another = random_reals(N);
    int32_t order[ROWS] = {2, 0, 2};

    x[3] = z[3];
    x[4] = NAN;
    map(PRISM_MAP_CLAMP, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x)}, .s = {-0.3, 0.4}});
    expect(!isnan(y[4]), 0, "clamp keeps NaN");
    x[4] = 0.9;
    map(PRISM_MAP_CLAMP, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x)}, .s = {-0.3, 0.4}});
    for (int i = 0; i < N; i++) {
        e[0] = fmax(e[0], fabs(y[i] - fmin(fmax(x[i], -0.3), 0.4)));
        positive[i] = x[i] * x[i];
    }
    map(PRISM_MAP_AXPBY,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(z)}, .s = {2, -3}});
    for (int i = 0; i < N; i++)
        e[1] = fmax(e[1], fabs(y[i] - (2 * x[i] - 3 * z[i])));
    map(PRISM_MAP_MUL, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(z)}, .s = {2}});
    for (int i = 0; i < N; i++)
        e[2] = fmax(e[2], fabs(y[i] - 2 * x[i] * z[i]));
    map(PRISM_MAP_SCALE_SHIFT,
        (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(row), MEM(shift)}});
    for (int i = 0; i < N; i++)
        e[3] = fmax(e[3], fabs(y[i] - (x[i] * row[i / COLS] + shift[i / COLS])));
    map(PRISM_MAP_ADD_ROW, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(row)}});
    for (int i = 0; i < N; i++)
        e[4] = fmax(e[4], fabs(y[i] - (x[i] + row[i / COLS])));
    map(PRISM_MAP_RSQRT, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(positive)}, .s = {1}});
    for (int i = 0; i < N; i++)
        e[5] = fmax(e[5], fabs(y[i] * y[i] * (x[i] * x[i] + 1) - 1));
    map(PRISM_MAP_GATHER_ROW, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(order)}});
    for (int i = 0; i < N; i++)
        e[6] = fmax(e[6], fabs(y[i] - x[order[i / COLS] * COLS + i % COLS]));
    map(PRISM_MAP_L1_GRAD, (struct prism_map_args){.y = {MEM(y)}, .x = {MEM(x), MEM(z), MEM(row)}});
    for (int i = 0; i < N; i++)
        e[7] =
            fmax(e[7], fabs(y[i] -
                            (i == 3 ? 0 : copysign(row[i / COLS], row[i / COLS] * (x[i] - z[i])))));
    map(PRISM_MAP_FILL, (struct prism_map_args){.y = {MEM(y)}, .s = {0.25}});
    for (int i = 0; i < N; i++)
        e[8] = fmax(e[8], fabs(y[i] - 0.25));
    map(PRISM_MAP_SSIM_GRAD, (struct prism_map_args){.y = {MEM(y)},
                                                     .x = {MEM(row), MEM(x), MEM(z), MEM(positive),
                                                           MEM(other), MEM(another)}});
    for (int i = 0; i < N; i++)
        e[9] = fmax(e[9], fabs(y[i] - row[i / COLS] *
                                          (x[i] + 2 * z[i] * positive[i] + other[i] * another[i])));
    static const char *const names[] = {"clamp",   "axpby",    "mul",        "scale_shift",
                                        "add_row", "rsqrt",    "gather_row", "l1_grad",
                                        "fill",    "ssim_grad"};
    for (int k = 0; k < 10; k++)
        expect(e[k], 1e-14, "%s", names[k]);
}

/* ---- reductions of 1, 2, ..., n and of n, n-1, ..., 1 ---- */

static void check_reduce(void)
{
    enum { M = 9001 };
    double n = M, *a = reals(M), *b = reals(M), mean = (n + 1) / 2;

    for (int i = 0; i < M; i++) {
        a[i] = i + 1;
        b[i] = M - i;
    }
    expect(fabs(reduce(PRISM_REDUCE_SUM, M, a, NULL) - n * (n + 1) / 2), 0, "reduce sum");
    expect(fabs(reduce(PRISM_REDUCE_MEAN, M, a, NULL) - mean), 0, "reduce mean");
    expect(fabs(reduce(PRISM_REDUCE_VAR, M, a, &mean) - (n * n - 1) / 12), 1e-6, "reduce var");
    expect(fabs(reduce(PRISM_REDUCE_DOT, M, a, b) - n * (n + 1) * (n + 2) / 6), 0, "reduce dot");
    expect(fabs(reduce(PRISM_REDUCE_ABSDIFF, M, a, b) - (n * n - 1) / 2), 0, "reduce absdiff");
    expect(fabs(reduce(PRISM_REDUCE_SQDIFF, M, a, b) - n * (n * n - 1) / 3), 0, "reduce sqdiff");
    expect(fabs(reduce(PRISM_REDUCE_MAX, M, a, NULL) - n), 0, "reduce max");
    expect(fabs(reduce(PRISM_REDUCE_MIN, M, a, NULL) - 1), 0, "reduce min");
    a[17] = NAN;
    expect(!isnan(reduce(PRISM_REDUCE_MAX, M, a, NULL)) +
               !isnan(reduce(PRISM_REDUCE_MIN, M, a, NULL)),
           0, "reduce keeps NaN");
}

/* ---- gradients of the fused entries ----
 *
 * They are compared with central differences of <gy, y> along a random
 * direction. */

struct norm {
    struct prism_norm_desc d;
    double *x, *gamma, *beta, *gy, *y, *stats;
};

static double norm_product(const struct norm *n, const double *x, const double *gamma,
                           const double *beta)
{
    struct prism_norm_args a = {.x = MEM(x),
                                .y = MEM(n->y),
                                .stats = MEM(n->stats),
                                .gamma = MEM(gamma),
                                .beta = MEM(beta)};

    ref->ops->norm_act_fwd(ref, &n->d, &a);
    return dot(n->y, n->gy, N);
}

/* Derivative along v with respect to one of the three arguments, with the
 * others fixed. */
static double norm_slope(const struct norm *n, int which, const double *v)
{
    const double h = 1e-6;
    size_t count = which ? ROWS : N;
    double *moved = reals(count), product[2];
    const double *base = which == 0 ? n->x : which == 1 ? n->gamma : n->beta;

    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = base[i] + (side ? -h : h) * v[i];
        product[side] = norm_product(n, which == 0 ? moved : n->x, which == 1 ? moved : n->gamma,
                                     which == 2 ? moved : n->beta);
    }
    return (product[0] - product[1]) / (2 * h);
}

static void check_norm(enum prism_act kind)
{
    struct norm n = {{PRISM_F64, kind, 1, ROWS, COLS, 1e-3},
                     random_reals(N),
                     random_reals(ROWS),
                     random_reals(ROWS),
                     random_reals(N),
                     reals(N),
                     reals(3 * ROWS)};
    double *gx = reals(N), *ggamma = reals(ROWS), *gbeta = reals(ROWS), *x = reals(N),
           *gy = reals(N), *v[3], slope[3];
    double *g[] = {gx, ggamma, gbeta};

    for (int which = 0; which < 3; which++) {
        v[which] = random_reals(which ? ROWS : N);
        slope[which] = norm_slope(&n, which, v[which]);
    }
    norm_product(&n, n.x, n.gamma, n.beta);
    /* the result has mean beta and variance gamma^2 var/(var + eps) */
    if (kind == PRISM_ACT_NONE) {
        double mean = reduce(PRISM_REDUCE_MEAN, COLS, n.y, NULL),
               var = reduce(PRISM_REDUCE_VAR, COLS, n.y, &mean);
        expect(fabs(mean - n.beta[0]), 1e-14, "norm_fwd mean");
        expect(fabs(var - n.gamma[0] * n.gamma[0] * n.stats[ROWS] / (n.stats[ROWS] + 1e-3)), 1e-14,
               "norm_fwd variance");
        expect(fabs(n.stats[2 * ROWS] - 1 / sqrt(n.stats[ROWS] + 1e-3)), 1e-14, "norm_fwd stats");
    }
    memcpy(x, n.x, N * sizeof *x);
    memcpy(gy, n.gy, N * sizeof *gy);
    struct prism_norm_args a = {.x = MEM(x),
                                .stats = MEM(n.stats),
                                .gamma = MEM(n.gamma),
                                .beta = MEM(n.beta),
                                .gy = MEM(gy),
                                .gx = MEM(gx),
                                .ggamma = MEM(ggamma),
                                .gbeta = MEM(gbeta)};
    ref->ops->norm_act_bwd(ref, &n.d, &a);
    for (int which = 0; which < 3; which++)
        expect(fabs(dot(g[which], v[which], which ? ROWS : N) - slope[which]), 2e-8,
               "norm_bwd %s %s by central differences", case_act_names[kind],
               (const char *[]){"gx", "ggamma", "gbeta"}[which]);
}

/* Term of a pixel, by its definition. */
static double misfit_term(enum prism_misfit kind, double m, double d)
{
    switch (kind) {
    case PRISM_MISFIT_L1:
        return fabs(m - d);
    case PRISM_MISFIT_L2:
        return (m - d) * (m - d);
    case PRISM_MISFIT_POISSON: {
        const double r = 1e-4f, i = m * m + r, n = d * d + r;
        return i - n * log(i) - (n - n * log(n));
    }
    default:
        return NAN;
    }
}

static void check_misfit(enum prism_misfit kind)
{
    enum { B = 2, A = 3, M = 40 };
    struct prism_misfit_desc d = {PRISM_F64, kind, B, M};
    double complex *u = random_cplx(B * M), *gu = (void *)reals(2 * B * M), *v = random_cplx(B * M);
    double *target = random_reals(A * M), weight[A] = {0.5, 2, 3}, *tmp = reals(2 * B * M + B),
           loss[B], slope[B] = {0}, sum[B] = {0};
    int32_t index[B] = {2, 1};
    const double h = 1e-6;
    struct prism_misfit_args a = {MEM(loss),   MEM(gu),    MEM(u),  MEM(target),
                                  MEM(weight), MEM(index), MEM(tmp)};
    double complex *moved = (void *)reals(2 * B * M);

    u[5] = 0;
    v[5] = 0; /* not differentiable at 0, where the gradient is defined as 0 */
    a.u = MEM(moved);
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < B * M; i++)
            moved[i] = u[i] + (side ? -h : h) * v[i];
        ref->ops->misfit(ref, &d, &a);
        for (int b = 0; b < B; b++)
            slope[b] += (side ? -1 : 1) * loss[b] / (2 * h);
    }
    a.u = MEM(u);
    ref->ops->misfit(ref, &d, &a);
    for (int b = 0; b < B; b++) {
        for (int i = 0; i < M; i++)
            sum[b] +=
                weight[index[b]] * misfit_term(kind, cabs(u[b * M + i]), target[index[b] * M + i]);
        double along = dot((double *)(gu + b * M), (double *)(v + b * M), 2 * M);
        expect(fabs(loss[b] - sum[b]), 1e-12, "misfit %s loss %d", case_misfit_names[kind], b);
        expect(fabs(along - slope[b]), 1e-6, "misfit %s gradient %d by central differences",
               case_misfit_names[kind], b);
    }
    expect(cabs(gu[5]), 0, "misfit %s gradient at 0", case_misfit_names[kind]);
}

void check_elementwise(void)
{
    check_acts();
    check_ssim(PRISM_MAP_SSIM);
    check_ssim(PRISM_MAP_SSIM_CS);
    check_adam(PRISM_MAP_ADAM);
    check_adam(PRISM_MAP_AMSGRAD);
    check_adam_once();
    check_adam_outer(PRISM_MAP_ADAM);
    check_adam_outer(PRISM_MAP_AMSGRAD);
    check_adam_outer(PRISM_MAP_ADAM_ONCE);
    check_loss_scale();
    check_half(PRISM_F16, "f16");
    check_half(PRISM_BF16, "bf16");
    check_cplx();
    check_real();
    check_bytes();
    check_reduce();
    for (int k = 0; k < PRISM_ACT_COUNT; k++)
        check_norm((enum prism_act)k);
    for (int k = 0; k < PRISM_MISFIT_COUNT; k++)
        check_misfit((enum prism_misfit)k);
}
