/* Fourier transforms of one precision, by decimation in time: split n = p m by
 * a small factor, transform the p interleaved subsequences x[q step_x + ...],
 * combine the results into y. The table w[k] = exp(-2 pi i k/N) has the whole
 * length N = n step_w; for sign +1 its imaginary part changes sign. t has room
 * for the largest prime factor. */

static inline CPLX T(twiddle)(const CPLX *w, int k, int sign)
{
    return (CPLX){w[k].re, sign < 0 ? w[k].im : -w[k].im};
}

static inline CPLX T(mul)(CPLX a, CPLX b)
{
    return (CPLX){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* Combines p transforms of length m = n/p, for any p: y[k + r m] = sum over q
 * of w_n^(q k) w_p^(q r) y[q m + k]. */
static void T(combine)(int n, int p, CPLX *y, const CPLX *w, int step_w, int sign, CPLX *t)
{
    int m = n / p;

    for (int k = 0; k < m; k++) {
        for (int q = 0; q < p; q++)
            t[q] = y[q * m + k];
        for (int r = 0; r < p; r++) {
            CPLX sum = t[0];
            int angle = 0;
            for (int q = 1; q < p; q++) {
                angle += k + r * m; /* angle = q (k + r m) mod n */
                angle -= angle >= n ? n : 0;
                CPLX v = T(mul)(t[q], T(twiddle)(w, angle * step_w, sign));
                sum.re += v.re;
                sum.im += v.im;
            }
            y[r * m + k] = sum;
        }
    }
}

static void T(combine2)(int n, CPLX *y, const CPLX *w, int step_w, int sign)
{
    int m = n / 2;

    for (int k = 0; k < m; k++) {
        CPLX a = y[k], b = T(mul)(y[k + m], T(twiddle)(w, k * step_w, sign));
        y[k] = (CPLX){a.re + b.re, a.im + b.im};
        y[k + m] = (CPLX){a.re - b.re, a.im - b.im};
    }
}

static void T(combine4)(int n, CPLX *y, const CPLX *w, int step_w, int sign)
{
    int m = n / 4;
    REAL s = (REAL)sign;

    for (int k = 0; k < m; k++) {
        CPLX a = y[k];
        CPLX b = T(mul)(y[k + m], T(twiddle)(w, k * step_w, sign));
        CPLX c = T(mul)(y[k + 2 * m], T(twiddle)(w, 2 * k * step_w, sign));
        CPLX d = T(mul)(y[k + 3 * m], T(twiddle)(w, 3 * k * step_w, sign));
        CPLX ac = {a.re + c.re, a.im + c.im}, a_c = {a.re - c.re, a.im - c.im};
        CPLX bd = {b.re + d.re, b.im + d.im},
             i_b_d = {-s * (b.im - d.im), s * (b.re - d.re)}; /* sign i (b - d) */
        y[k] = (CPLX){ac.re + bd.re, ac.im + bd.im};
        y[k + m] = (CPLX){a_c.re + i_b_d.re, a_c.im + i_b_d.im};
        y[k + 2 * m] = (CPLX){ac.re - bd.re, ac.im - bd.im};
        y[k + 3 * m] = (CPLX){a_c.re - i_b_d.re, a_c.im - i_b_d.im};
    }
}

static void T(fft)(int n, const CPLX *x, int step_x, CPLX *y, const CPLX *w, int step_w, int sign,
                   CPLX *t)
{
    int p = small_factor(n), m = n / p;

    for (int q = 0; q < p; q++)
        if (m == 1)
            y[q] = x[q * step_x];
        else
            T(fft)(m, x + q * step_x, step_x * p, y + q * m, w, step_w * p, sign, t);
    if (p == 4)
        T(combine4)(n, y, w, step_w, sign);
    else if (p == 2)
        T(combine2)(n, y, w, step_w, sign);
    else
        T(combine)(n, p, y, w, step_w, sign, t);
}

static void T(fill_table)(int n, CPLX *w)
{
    for (int k = 0; k < n; k++)
        w[k] = (CPLX){(REAL)cos(2 * PI * k / n), (REAL)-sin(2 * PI * k / n)};
}

/* Multiplies a line by its own factor and its samples by theirs; for sign +1 by
 * the conjugates. */
static void T(scale)(int n, CPLX *x, CPLX own, const CPLX *each, int sign)
{
    for (int k = 0; k < n; k++) {
        CPLX f = T(mul)(own, each[k]);
        x[k] = T(mul)(x[k], sign < 0 ? f : (CPLX){f.re, -f.im});
    }
}

static void T(run)(const struct prism_fft *plan, int sign, CPLX *dst, const CPLX *src)
{
    int h = plan->desc.h, w = plan->desc.w;
    const CPLX *factors = (const CPLX *)plan->desc.factors;
    const CPLX *before = factors && sign > 0 ? factors + h + w : factors,
               *after = factors && sign < 0 ? factors + h + w : factors;
    CPLX *in = plan->scratch, *out = in + plan->longest, *t = out + plan->longest;

    for (int b = 0; b < plan->desc.batch; b++, src += (size_t)h * w, dst += (size_t)h * w) {
        for (int i = 0; i < h; i++) { /* the line is copied, because dst may be src */
            memcpy(in, src + (size_t)i * w, (size_t)w * sizeof *in);
            if (before)
                T(scale)(w, in, before[i], before + h, sign);
            T(fft)(w, in, 1, dst + (size_t)i * w, plan->table_w, 1, sign, t);
        }
        for (int j = 0; j < w; j++) {
            for (int i = 0; i < h; i++)
                in[i] = dst[(size_t)i * w + j];
            T(fft)(h, in, 1, out, plan->table_h, 1, sign, t);
            if (after)
                T(scale)(h, out, after[h + j], after, sign);
            for (int i = 0; i < h; i++)
                dst[(size_t)i * w + j] = out[i];
        }
    }
}
