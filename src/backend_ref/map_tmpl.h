/* Loop over all elements of [rows,cols]: i is the element, c the column, and r
 * the row modulo the period, which indexes operands of one value per row. */
#define EACH                                                                                       \
    for (size_t group = 0, i = 0; group < rows; group += period_of(rows, a))                       \
        for (size_t r = 0; r < period_of(rows, a); r++)                                            \
            for (size_t c = 0; c < cols; c++, i++)

REAL T(prismi_ref_act)(enum prism_act act, REAL x)
{
    switch (act) {
    case PRISM_ACT_RELU:
        return x < 0 ? 0 : x; /* NaN stays NaN */
    case PRISM_ACT_LEAKY:
        return x > 0 ? x : (REAL)0.2 * x;
    case PRISM_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case PRISM_ACT_HARDSIGMOID:
        return x < -3 ? 0 : x > 3 ? 1 : x / 6 + (REAL)0.5;
    case PRISM_ACT_SCALESIGMOID:
        return (REAL)1.02 / (1 + exp(-x)) - (REAL)0.01;
    case PRISM_ACT_TANH:
        return tanh(x);
    default:
        return x;
    }
}

REAL T(prismi_ref_act_derivative)(enum prism_act act, REAL x)
{
    REAL y;

    switch (act) {
    case PRISM_ACT_RELU:
        return x > 0 ? 1 : 0;
    case PRISM_ACT_LEAKY:
        return x > 0 ? 1 : (REAL)0.2;
    case PRISM_ACT_SIGMOID:
        y = 1 / (1 + exp(-x));
        return y * (1 - y);
    case PRISM_ACT_HARDSIGMOID:
        return x > -3 && x < 3 ? (REAL)1 / 6 : 0;
    case PRISM_ACT_SCALESIGMOID:
        y = 1 / (1 + exp(-x));
        return (REAL)1.02 * y * (1 - y);
    case PRISM_ACT_TANH:
        y = tanh(x);
        return 1 - y * y;
    default:
        return 1;
    }
}

static void T(map_simple)(enum prism_map op, size_t rows, size_t cols,
                          const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0], s0 = (REAL)a->s[0], s1 = (REAL)a->s[1];
    const REAL *x0 = (void *)a->x[0], *x1 = (void *)a->x[1], *x2 = (void *)a->x[2];

    switch (op) {
    case PRISM_MAP_FILL:
        EACH y[i] = s0;
        break;
    case PRISM_MAP_AXPBY:
        EACH y[i] = s0 * x0[i] + s1 * x1[i];
        break;
    case PRISM_MAP_MUL:
        EACH y[i] = s0 * x0[i] * x1[i];
        break;
    case PRISM_MAP_CLAMP:
        EACH y[i] = x0[i] < s0 ? s0 : x0[i] > s1 ? s1 : x0[i];
        break;
    case PRISM_MAP_ADD_ROW:
        EACH y[i] = T(prismi_ref_act)(a->act, x0[i] + x1[r]);
        break;
    case PRISM_MAP_SCALE_SHIFT:
        EACH y[i] = x0[i] * x1[r] + x2[r];
        break;
    case PRISM_MAP_NORMALIZE:
        EACH y[i] = (x0[i] - x1[r]) * x2[r];
        break;
    case PRISM_MAP_RSQRT:
        EACH y[i] = 1 / sqrt(x0[i] + s0);
        break;
    case PRISM_MAP_ACT:
        EACH y[i] = T(prismi_ref_act)(a->act, x0[i]);
        break;
    case PRISM_MAP_ACT_BWD:
        EACH y[i] = x0[i] * T(prismi_ref_act_derivative)(a->act, x1[i]);
        break;
    case PRISM_MAP_L1_GRAD:
        EACH y[i] = x2[r] * (REAL)((x0[i] > x1[i]) - (x0[i] < x1[i]));
        break;
    case PRISM_MAP_L2_GRAD:
        EACH y[i] = 2 * x2[r] * (x0[i] - x1[i]);
        break;
    default:
        break;
    }
}

/* Terms and slopes of the misfits of misfit.def. */
static void T(map_misfit)(enum prism_map op, size_t rows, size_t cols,
                          const struct prism_map_args *a)
{
    REAL *slopes = (void *)a->y[0], *terms = (void *)a->y[1];
    const REAL *x0 = (void *)a->x[0], *x1 = (void *)a->x[1], *x2 = (void *)a->x[2];

    EACH
    {
        const REAL m = x0[i], d = x1[i], w = x2[r], off = m - d;
        switch (op) {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero)                                            \
    case PRISM_MAP_MISFIT_##NAME:                                                                  \
        slopes[i] = slope;                                                                         \
        terms[i] = term;                                                                           \
        break;
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
        default:
            break;
        }
    }
}

static void T(map_norm_bwd)(size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0];
    const REAL *x0 = (void *)a->x[0], *x1 = (void *)a->x[1], *gamma = (void *)a->x[2],
               *rstd = (void *)a->x[3];
    const REAL *sum = (void *)a->x[4], *dot = (void *)a->x[5];

    EACH y[i] = gamma[r] * rstd[r] *
                (x0[i] - (sum[r] + x1[i] * dot[r]) / (REAL)(cols * (rows / period_of(rows, a))));
}

static void T(map_bytes)(enum prism_map op, size_t n, const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0], s0 = (REAL)a->s[0], s1 = (REAL)a->s[1];
    const REAL *x = (void *)a->x[0];
    uint8_t *to = a->y[0];
    const uint8_t *from = a->x[0];

    for (size_t i = 0; i < n && op == PRISM_MAP_FROM_U8; i++)
        y[i] = s0 * from[i] + s1;
    for (size_t i = 0; i < n && op == PRISM_MAP_TO_U8; i++) {
        REAL v = s0 * x[i] + s1;
        to[i] = v > 0 ? (uint8_t)rint(v < 255 ? v : 255) : 0;
    }
}

static void T(map_gather_row)(size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0];
    const REAL *x = (void *)a->x[0];
    const int32_t *index = (const void *)a->x[1];

    EACH y[i] = x[(size_t)index[r] * cols + c];
}

static void T(map_adam)(enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *p = (void *)a->y[0], *m = (void *)a->y[1], *v = (void *)a->y[2], *vmax = (void *)a->y[3];
    const REAL *g = (void *)a->x[0], *rate = (void *)a->x[1];
    REAL u = rate[2], b1 = (REAL)a->s[0], c1 = (REAL)(1 - a->s[0]), b2 = (REAL)a->s[1],
         c2 = (REAL)(1 - a->s[1]), eps = (REAL)a->s[2];

    if (isnan(u))
        return;
    EACH
    {
        REAL gi = u * g[i], first = c1 * gi, second = c2 * gi * gi;
        if (op != PRISM_MAP_ADAM_ONCE) {
            first = m[i] = b1 * m[i] + first;
            second = v[i] = b2 * v[i] + second;
        }
        if (op == PRISM_MAP_AMSGRAD)
            second = vmax[i] = vmax[i] > second ? vmax[i] : second;
        p[i] -= rate[0] * first / (sqrt(second) * rate[1] + eps);
    }
}

static void T(map_loss_scale)(size_t cols, const struct prism_map_args *a)
{
    REAL *scale = (void *)a->y[0], *row = scale + 1, *skipped = scale + 2, *u = (void *)a->y[1];
    const REAL *check = (void *)a->x[0];
    bool finite = true;

    for (size_t c = 0; c < cols; c++)
        finite &= check[c] == 0;
    *u = finite ? 1 / *scale : (REAL)NAN;
    *row = finite ? *row + 1 : 0;
    if (!finite) {
        *scale *= (REAL)a->s[2];
        *skipped += 1;
    } else if (*row >= (REAL)a->s[0]) {
        *row = 0;
        if (isfinite(*scale * (REAL)a->s[1]))
            *scale *= (REAL)a->s[1];
    }
}

static void T(map_ms_ssim)(size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0], *value = (void *)a->y[1], k = (REAL)a->s[0], least = (REAL)a->s[1];
    const REAL *mean = (void *)a->x[0], *weight = (void *)a->x[1], *factor = (void *)a->x[2];

    for (size_t c = 0; c < cols; c++) {
        REAL product = 1;
        for (size_t r = 0; r < rows; r++)
            product *= pow(mean[r * cols + c] < least ? least : mean[r * cols + c],
                           weight[r % period_of(rows, a)]);
        for (size_t r = 0; r < rows; r++) {
            REAL m = mean[r * cols + c];
            y[r * cols + c] = m < least ? 0
                                        : -k * product * weight[r % period_of(rows, a)] *
                                              factor[r % period_of(rows, a)] / m;
        }
        value[c] = k * (1 - product);
    }
}

static void T(map_ssim)(enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *s = (void *)a->y[0], *s_mu1 = (void *)a->y[1], *s_xx = (void *)a->y[2],
         *s_xy = (void *)a->y[3];
    const REAL *mu1 = (void *)a->x[0], *mu2 = (void *)a->x[1], *xx = (void *)a->x[2],
               *yy = (void *)a->x[3], *xy = (void *)a->x[4];
    REAL k1 = (REAL)a->s[0], k2 = (REAL)a->s[1];

    EACH
    {
        REAL p = mu1[i], q = mu2[i];
        REAL a1 = 2 * p * q + k1, a2 = 2 * (xy[i] - p * q) + k2;
        REAL b1 = p * p + q * q + k1, b2 = xx[i] - p * p + yy[i] - q * q + k2;
        REAL cs = a2 / b2, l = op == PRISM_MAP_SSIM ? a1 / b1 : 1; /* luminance */
        REAL l_mu1 = op == PRISM_MAP_SSIM ? 2 * (q - p * l) / b1 : 0,
             cs_mu1 = 2 * (p * cs - q) / b2;
        s[i] = l * cs;
        s_mu1[i] = l_mu1 * cs + l * cs_mu1;
        s_xx[i] = -l * cs / b2;
        s_xy[i] = 2 * l / b2;
    }
}

static void T(map_ssim_grad)(size_t rows, size_t cols, const struct prism_map_args *a)
{
    REAL *y = (void *)a->y[0];
    const REAL *x0 = (void *)a->x[0], *x1 = (void *)a->x[1], *x2 = (void *)a->x[2],
               *x3 = (void *)a->x[3];
    const REAL *x4 = (void *)a->x[4], *x5 = (void *)a->x[5];

    EACH y[i] = x0[r] * (x1[i] + 2 * x2[i] * x3[i] + x4[i] * x5[i]);
}

static CPLX T(clamp_abs)(CPLX z, REAL lo, REAL hi)
{
    REAL m = hypot(z.re, z.im);
    REAL clamped = m < lo ? lo : m > hi ? hi : m;

    return m == 0 || clamped == m ? z : (CPLX){z.re / m * clamped, z.im / m * clamped};
}

static void T(map_cplx)(enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *a)
{
    CPLX *y = (void *)a->y[0];
    const CPLX *x0 = (void *)a->x[0], *x1 = (void *)a->x[1];
    REAL s0 = (REAL)a->s[0], s1 = (REAL)a->s[1], *real_y = (void *)a->y[0];
    const REAL *real_x0 = (void *)a->x[0];

    switch (op) {
    case PRISM_MAP_C_FROM_R:
        EACH y[i] = (CPLX){real_x0[i], 0};
        break;
    case PRISM_MAP_C_REAL:
        EACH real_y[i] = s0 * x0[i].re;
        break;
    case PRISM_MAP_C_ABS:
        EACH real_y[i] = hypot(x0[i].re, x0[i].im);
        break;
    case PRISM_MAP_C_PHASE:
        EACH
        {
            REAL m = hypot(x1[i].re, x1[i].im);
            y[i] = m == 0 ? (CPLX){0, 0}
                          : (CPLX){real_x0[i] * (x1[i].re / m), real_x0[i] * (x1[i].im / m)};
        }
        break;
    case PRISM_MAP_C_AXPBY:
        EACH y[i] = (CPLX){s0 * x0[i].re + s1 * x1[i].re, s0 * x0[i].im + s1 * x1[i].im};
        break;
    case PRISM_MAP_C_MUL_COL:
        EACH y[i] = (CPLX){s0 * (x0[i].re * x1[c].re - x0[i].im * x1[c].im),
                           s0 * (x0[i].re * x1[c].im + x0[i].im * x1[c].re)};
        break;
    case PRISM_MAP_C_MULC_COL:
        EACH y[i] = (CPLX){s0 * (x0[i].re * x1[c].re + x0[i].im * x1[c].im),
                           s0 * (x0[i].im * x1[c].re - x0[i].re * x1[c].im)};
        break;
    case PRISM_MAP_C_MUL:
        EACH y[i] = (CPLX){s0 * (x0[i].re * x1[i].re - x0[i].im * x1[i].im),
                           s0 * (x0[i].re * x1[i].im + x0[i].im * x1[i].re)};
        break;
    case PRISM_MAP_C_MULC:
        EACH y[i] = (CPLX){s0 * (x0[i].re * x1[i].re + x0[i].im * x1[i].im),
                           s0 * (x0[i].im * x1[i].re - x0[i].re * x1[i].im)};
        break;
    case PRISM_MAP_C_CLAMP_ABS:
        EACH y[i] = T(clamp_abs)(x0[i], s0, s1);
        break;
    default:
        break;
    }
}

static void T(map)(enum prism_map op, size_t rows, size_t cols, const struct prism_map_args *a)
{
    if (op == PRISM_MAP_MS_SSIM)
        T(map_ms_ssim)(rows, cols, a);
    else if (op == PRISM_MAP_LOSS_SCALE)
        T(map_loss_scale)(cols, a);
    else if (op == PRISM_MAP_ADAM || op == PRISM_MAP_AMSGRAD || op == PRISM_MAP_ADAM_ONCE)
        T(map_adam)(op, rows, cols, a);
    else if (has_complex[op])
        T(map_cplx)(op, rows, cols, a);
    else if (op == PRISM_MAP_SSIM_GRAD)
        T(map_ssim_grad)(rows, cols, a);
    else if (op == PRISM_MAP_SSIM || op == PRISM_MAP_SSIM_CS)
        T(map_ssim)(op, rows, cols, a);
    else if (op == PRISM_MAP_FROM_U8 || op == PRISM_MAP_TO_U8)
        T(map_bytes)(op, rows * cols, a);
    else if (op == PRISM_MAP_GATHER_ROW)
        T(map_gather_row)(rows, cols, a);
    else if (is_misfit[op])
        T(map_misfit)(op, rows, cols, a);
    else if (op == PRISM_MAP_NORM_BWD)
        T(map_norm_bwd)(rows, cols, a);
    else
        T(map_simple)(op, rows, cols, a);
}

#undef EACH
