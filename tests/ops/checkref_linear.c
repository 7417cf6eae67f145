#include "checkref.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- fft ---- */

static void transform(int batch, int h, int w, int sign, double complex *y, const double complex *x,
                      const double complex *factors)
{
    struct prism_fft_desc d = {PRISM_CF64, batch, h, w, NULL, MEM(factors)};
    struct prism_fft *plan;

    ref->ops->fft_create(ref, &d, &plan);
    ref->ops->fft_run(plan, sign, MEM(y), MEM(x));
    ref->ops->fft_destroy(plan);
}

/* Compares with the definition y[k] = sum x[n] exp(sign 2 pi i k.n/N), in long
 * double angles. */
static void check_fft_definition(int h, int w, int sign)
{
    size_t n = (size_t)h * (size_t)w;
    double complex *x = random_cplx(n), *y = (void *)reals(2 * n), *expected = (void *)reals(2 * n);
    const double turn = 6.28318530717958647692;

    for (int ky = 0; ky < h; ky++)
        for (int kx = 0; kx < w; kx++)
            for (int i = 0; i < h; i++)
                for (int j = 0; j < w; j++)
                    expected[ky * w + kx] +=
                        x[i * w + j] * cexp(I * sign * turn *
                                            ((double)(ky * i % h) / h + (double)(kx * j % w) / w));
    transform(1, h, w, sign, y, x, NULL);
    expect(worst_difference((double *)y, (double *)expected, 2 * n), 1e-15 * (double)n + 1e-15,
           "fft %d x %d sign %+d by definition", h, w, sign);
}

/* Compares transforms with factors to multiplication before and after a
 * transform without factors, and checks that sign +1 is the adjoint of sign
 * -1. */
static void check_fft_factors(int batch, int h, int w)
{
    size_t n = (size_t)h * (size_t)w, all = (size_t)batch * n, side = (size_t)(h + w);
    double complex *x = random_cplx(all), *y = (void *)reals(2 * all), *f = random_cplx(2 * side);
    double complex *z[2] = {(void *)reals(2 * all), (void *)reals(2 * all)};

    for (int inverse = 0; inverse < 2; inverse++) {
        const int sign = inverse ? +1 : -1;
        for (size_t k = 0; k < all; k++) {
            double complex *b = f + (inverse ? side : 0),
                           v = b[k / (size_t)w % (size_t)h] * b[(size_t)h + k % (size_t)w];
            y[k] = x[k] * (inverse ? conj(v) : v);
        }
        transform(batch, h, w, sign, y, y, NULL);
        for (size_t k = 0; k < all; k++) {
            double complex *a = f + (inverse ? 0 : side),
                           v = a[k / (size_t)w % (size_t)h] * a[(size_t)h + k % (size_t)w];
            y[k] *= inverse ? conj(v) : v;
        }
        transform(batch, h, w, sign, z[inverse], x, f);
        expect(worst_difference((double *)z[inverse], (double *)y, 2 * all), 1e-14 * (double)n,
               "fft %d x %d x %d sign %+d factors", batch, h, w, sign);
    }
    double complex there = 0, back = 0; /* <A x, x> = <x, A^H x> */
    for (size_t k = 0; k < all; k++) {
        there += z[0][k] * conj(x[k]);
        back += x[k] * conj(z[1][k]);
    }
    expect(cabs(there - back), 1e-13 * (double)all, "fft %d x %d x %d adjoint with factors", batch,
           h, w);
}

static void check_fft(void)
{
    static const int sizes[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                11, 12, 13, 14, 15, 16, 30, 31, 64, 97};
    enum { B = 2, H = 96, W = 128, N = B * H * W };
    double complex *x = random_cplx(N), *y = (void *)reals(2 * N), *z = (void *)reals(2 * N);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            check_fft_definition(1, sizes[i], sign);
            check_fft_definition(sizes[i], 1, sign);
        }
    check_fft_definition(6, 10, -1);
    check_fft_definition(7, 16, +1);
    check_fft_factors(1, 1, 5);
    check_fft_factors(3, 6, 7);
    check_fft_factors(2, 9, 16);
    transform(B, H, W, -1, y, x, NULL);
    for (int b = 0; b < B; b++) {
        double *image = (double *)x + 2 * b * H * W, *spectrum = (double *)y + 2 * b * H * W;
        double energy = dot(image, image, 2 * H * W);
        expect(fabs(dot(spectrum, spectrum, 2 * H * W) / (H * W) / energy - 1), 1e-14,
               "fft Parseval, image %d", b);
    }
    transform(B, H, W, +1, z, y, NULL);
    for (int i = 0; i < N; i++)
        z[i] /= H * W;
    expect(worst_difference((double *)z, (double *)x, 2 * N), 1e-14, "fft there and back");
}

/* ---- conv ---- */

static void check_conv(struct prism_conv_desc d)
{
    int oh = prism_conv_out(&d, d.h), ow = prism_conv_out(&d, d.w);
    size_t nx = (size_t)(d.n * d.cin * d.h * d.w), ny = (size_t)(d.n * d.cout * oh * ow),
           nw = (size_t)(d.cout * d.cin * d.k * d.k);
    double *x = random_reals(nx), *w = random_reals(nw), *gy = random_reals(ny), *y = reals(ny),
           *gx = reals(nx), *gw = reals(nw);
    double *y0 = reals(ny), *gx0 = reals(nx), *gw0 = reals(nw), product;
    struct prism_conv *plan;
    char text[64];

    for (int plane = 0; plane < d.n * d.cout; plane++)
        for (int oy = 0; oy < oh; oy++)
            for (int ox = 0; ox < ow; ox++)
                for (int ci = 0; ci < d.cin; ci++)
                    for (int ky = 0; ky < d.k; ky++)
                        for (int kx = 0; kx < d.k; kx++) {
                            int image = plane / d.cout, co = plane % d.cout;
                            int iy = oy * d.stride + ky - d.pad, ix = ox * d.stride + kx - d.pad;
                            int at_x = ((image * d.cin + ci) * d.h + iy) * d.w + ix,
                                at_y = (plane * oh + oy) * ow + ox;
                            int at_w = ((co * d.cin + ci) * d.k + ky) * d.k + kx;
                            if (iy < 0 || ix < 0 || iy >= d.h || ix >= d.w)
                                continue;
                            y0[at_y] += w[at_w] * x[at_x];
                            gx0[at_x] += w[at_w] * gy[at_y];
                            gw0[at_w] += gy[at_y] * x[at_x];
                        }
    ref->ops->conv_create(ref, &d, &plan);
    ref->ops->conv_fwd(plan, MEM(y), MEM(x), MEM(w));
    ref->ops->conv_bwd_x(plan, MEM(gx), MEM(gy), MEM(w));
    ref->ops->conv_bwd_w(plan, MEM(gw), MEM(gy), MEM(x));
    ref->ops->conv_destroy(plan);
    snprintf(text, sizeof text, "conv n%d cin%d h%d w%d cout%d k%d s%d p%d", d.n, d.cin, d.h, d.w,
             d.cout, d.k, d.stride, d.pad);
    expect(worst_difference(y, y0, ny), 1e-13, "%s fwd by definition", text);
    expect(worst_difference(gx, gx0, nx), 1e-13, "%s bwd_x by definition", text);
    expect(worst_difference(gw, gw0, nw), 1e-13, "%s bwd_w by definition", text);
    product = dot(y, gy, ny);
    expect(fabs(dot(x, gx, nx) - product), 1e-12, "%s bwd_x is the adjoint", text);
    expect(fabs(dot(w, gw, nw) - product), 1e-12, "%s bwd_w is the adjoint", text);
}

/* ---- gemm ---- */

static void check_gemm(bool ta, bool tb, double alpha, double beta)
{
    enum { M = 5, N = 7, K = 6 };
    struct prism_gemm_desc d = {PRISM_F64, M, N, K, ta, tb, alpha, beta};
    double *a = random_reals(M * K), *b = random_reals(K * N), *c = random_reals(M * N),
           *expected = reals(M * N);

    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int p = 0; p < K; p++)
                sum += (ta ? a[p * M + i] : a[i * K + p]) * (tb ? b[j * K + p] : b[p * N + j]);
            expected[i * N + j] = alpha * sum + beta * c[i * N + j];
        }
    if (beta == 0)
        c[3] = NAN;
    ref->ops->gemm(ref, &d, MEM(c), MEM(a), MEM(b));
    expect(worst_difference(c, expected, M * N), 1e-14, "gemm ta %d tb %d alpha %g beta %g", ta, tb,
           alpha, beta);
}

/* ---- window ---- */

static void check_window(int hy, int wy, int hx, int wx, int dy, int dx)
{
    enum { P = 2 };
    size_t ny = (size_t)(P * hy * wy), nx = (size_t)(P * hx * wx);
    struct prism_window_desc d = {PRISM_F64, P, hy, wy, hx, wx, dy, dx};
    struct prism_window_desc back = {PRISM_F64, P, hx, wx, hy, wy, -dy, -dx};
    double *x = random_reals(nx), *gy = random_reals(ny), *y = reals(ny), *gx = reals(nx),
           *expected = reals(ny);

    for (int p = 0; p < P; p++)
        for (int i = 0; i < hy; i++)
            for (int j = 0; j < wy; j++)
                if (i - dy >= 0 && i - dy < hx && j - dx >= 0 && j - dx < wx)
                    expected[(p * hy + i) * wy + j] = x[(p * hx + i - dy) * wx + j - dx];
    ref->ops->window(ref, &d, MEM(y), MEM(x));
    ref->ops->window(ref, &back, MEM(gx), MEM(gy));
    expect(worst_difference(y, expected, ny), 0, "window %dx%d of %dx%d at %d,%d by definition", hy,
           wy, hx, wx, dy, dx);
    expect(fabs(dot(y, gy, ny) - dot(x, gx, nx)), 1e-13, "window %dx%d of %dx%d at %d,%d adjoint",
           hy, wy, hx, wx, dy, dx);
}

/* ---- sub-apertures ---- */

static int mod(int i, int n)
{
    while (i < 0)
        i += n;
    return i % n;
}

static void check_subaperture(struct prism_subaperture_desc d)
{
    enum { A = 3 };
    size_t nf = (size_t)(d.batch * d.oh * d.ow), ns = (size_t)(d.h * d.w);
    int32_t origin[2 * A] = {0, 0, d.h - 1, d.w / 2, -2, d.w - 1},
                       index[8] = {2, 1, 1, 0, 2, 0, 1, 1};
    double complex *pupil = random_cplx((size_t)(A * d.ph * d.pw)), *s = random_cplx(ns),
                   *g = random_cplx(nf);
    double complex *field = random_cplx(nf), *expected = (void *)reals(2 * nf),
                   *adjoint = random_cplx(ns), *sum = random_cplx(ns);
    double *before = reals(2 * ns);
    struct prism_subaperture_args fwd = {MEM(field), MEM(s), MEM(pupil), MEM(origin), MEM(index),
                                         0,          NULL,   NULL,       false};
    struct prism_subaperture_args adj = {MEM(g), MEM(adjoint), MEM(pupil), MEM(origin), MEM(index),
                                         0,      NULL,         NULL,       false};

    for (int b = 0; b < d.batch; b++)
        for (int i = 0; i < d.ph; i++)
            for (int j = 0; j < d.pw; j++) {
                int a = index[b], fy = mod(i - d.ph / 2, d.oh), fx = mod(j - d.pw / 2, d.ow);
                expected[(b * d.oh + fy) * d.ow + fx] =
                    pupil[(a * d.ph + i) * d.pw + j] *
                    s[mod(origin[2 * a] + i, d.h) * d.w + mod(origin[2 * a + 1] + j, d.w)];
            }
    ref->ops->subaperture_fwd(ref, &d, &fwd);
    expect(worst_difference((double *)field, (double *)expected, 2 * nf), 1e-15,
           "subaperture %dx%d of %dx%d by definition", d.ph, d.pw, d.h, d.w);
    ref->ops->subaperture_adj(ref, &d, &adj);
    expect(fabs(dot((double *)field, (double *)g, 2 * nf) -
                dot((double *)s, (double *)adjoint, 2 * ns)),
           1e-12, "subaperture %dx%d of %dx%d adjoint", d.ph, d.pw, d.h, d.w);
    memcpy(before, sum, 2 * ns * sizeof *before);
    adj.spectrum = MEM(sum);
    adj.beta = 1;
    ref->ops->subaperture_adj(ref, &d, &adj);
    for (size_t i = 0; i < 2 * ns; i++)
        before[i] += ((double *)adjoint)[i];
    expect(worst_difference((double *)sum, before, 2 * ns), 1e-14,
           "subaperture %dx%d of %dx%d adjoint accumulates", d.ph, d.pw, d.h, d.w);
}

/* ---- blur ---- */

static int reflect(int i, int n)
{
    int period = 2 * (n - 1), m = n > 1 ? mod(i, period) : 0;

    return m < n ? m : period - m;
}

static void check_blur(int planes, int h, int w, int radius)
{
    struct prism_blur_desc d = {PRISM_F64, planes, h, w, radius, false};
    size_t n = (size_t)(planes * h * w);
    double *x = random_reals(n), *g = random_reals(n), *y = reals(n), *gx = reals(n),
           *tmp = reals(n), *expected = reals(n);
    double *taps = random_reals((size_t)(2 * radius + 1));

    for (int t = 0; t < radius; t++)
        taps[2 * radius - t] = taps[t];
    for (int p = 0; p < planes; p++)
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++)
                for (int s = -radius; s <= radius; s++)
                    for (int t = -radius; t <= radius; t++)
                        expected[(p * h + i) * w + j] +=
                            taps[s + radius] * taps[t + radius] *
                            x[(p * h + reflect(i + s, h)) * w + reflect(j + t, w)];
    ref->ops->blur(ref, &d, MEM(y), MEM(x), MEM(tmp), MEM(taps));
    d.adjoint = true;
    ref->ops->blur(ref, &d, MEM(gx), MEM(g), MEM(tmp), MEM(taps));
    expect(worst_difference(y, expected, n), 1e-13, "blur %dx%d radius %d by definition", h, w,
           radius);
    expect(fabs(dot(y, g, n) - dot(x, gx, n)), 1e-12, "blur %dx%d radius %d adjoint", h, w, radius);
}

void check_linear(void)
{
    static const struct prism_conv_desc convs[] = {
        {PRISM_F64, 1, 1, 1, 1, 1, 1, 1, 0, false}, {PRISM_F64, 1, 3, 9, 7, 2, 3, 1, 1, false},
        {PRISM_F64, 1, 4, 7, 8, 3, 4, 2, 1, false}, {PRISM_F64, 1, 2, 10, 9, 3, 5, 3, 2, false},
        {PRISM_F64, 1, 3, 6, 5, 4, 3, 1, 3, false}, {PRISM_F64, 1, 5, 4, 4, 6, 4, 1, 0, false},
        {PRISM_F64, 1, 2, 3, 4, 2, 4, 2, 2, false}, {PRISM_F64, 1, 1, 6, 7, 3, 2, 3, 0, false},
        {PRISM_F64, 1, 2, 2, 2, 2, 5, 1, 4, false}, {PRISM_F64, 3, 2, 5, 6, 4, 3, 2, 1, false},
        {PRISM_F64, 2, 3, 4, 4, 5, 4, 1, 0, false},
    };

    check_fft();
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
        check_conv(convs[i]);
    for (int t = 0; t < 4; t++) {
        check_gemm(t & 1, t & 2, 1, 0);
        check_gemm(t & 1, t & 2, -1.5, 0.5);
    }
    check_window(9, 8, 5, 6, 2, 1);
    check_window(5, 6, 9, 8, -2, -1);
    check_window(7, 4, 4, 9, -1, 2);
    check_window(4, 4, 3, 3, 4, 0);
    check_window(4, 4, 3, 3, 0, -3);
    check_subaperture((struct prism_subaperture_desc){PRISM_CF64, 1, 1, 1, 1, 1, 1, 1});
    check_subaperture((struct prism_subaperture_desc){PRISM_CF64, 3, 16, 20, 8, 9, 7, 5});
    check_subaperture((struct prism_subaperture_desc){PRISM_CF64, 8, 6, 5, 6, 7, 6, 4});
    check_blur(1, 1, 1, 0);
    check_blur(2, 9, 8, 3);
    check_blur(1, 6, 6, 5);
    check_blur(2, 2, 7, 1);
}
