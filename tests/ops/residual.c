/* Check of large problems by identities and samples, in double on the host,
 * because the reference would be slow.
 *
 * conv: y = conv(x, w), gx and gw are linear in each factor and adjoint to each
 * other, so <y, gy> = <x, gx> = <w, gw>; and a sample of every output is
 * compared with its definition. gemm: C r = alpha op(A) (op(B) r) + beta C0 r
 * for a random r. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 100 };

bool problem_is_large(const struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    if (op[0] == 'c' && op[2] == 'n') {
        struct prism_conv_desc d = problem_conv(p);
        return (double)d.n * (double)p->operand[2].n * prism_conv_out(&d, d.h) *
                   prism_conv_out(&d, d.w) >
               1.5e7;
    }
    if (op[0] == 'g') {
        struct prism_gemm_desc d = problem_gemm(p);
        return (double)d.m * d.n * d.k > 1.5e7;
    }
    return false;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- conv ---- */

struct conv {
    struct prism_conv_desc d;
    int oh, ow;
    const double *x, *w, *gy;
};

static double weight(const struct conv *c, int co, int ci, int ky, int kx)
{
    return c->w[(((size_t)co * (size_t)c->d.cin + (size_t)ci) * (size_t)c->d.k + (size_t)ky) *
                    (size_t)c->d.k +
                (size_t)kx];
}

/* Pixel of an image; 0 outside the image. */
static double pixel(const double *image, int channel, int y, int x, int h, int w)
{
    return y < 0 || y >= h || x < 0 || x >= w
               ? 0
               : image[((size_t)channel * (size_t)h + (size_t)y) * (size_t)w + (size_t)x];
}

static double sample_y(const struct conv *c, size_t at)
{
    int ox = (int)(at % (size_t)c->ow), oy = (int)(at / (size_t)c->ow % (size_t)c->oh),
        plane = (int)(at / (size_t)(c->ow * c->oh));
    int co = plane % c->d.cout, before = plane / c->d.cout * c->d.cin;
    double sum = 0;

    for (int ci = 0; ci < c->d.cin; ci++)
        for (int ky = 0; ky < c->d.k; ky++)
            for (int kx = 0; kx < c->d.k; kx++)
                sum += weight(c, co, ci, ky, kx) *
                       pixel(c->x, before + ci, oy * c->d.stride + ky - c->d.pad,
                             ox * c->d.stride + kx - c->d.pad, c->d.h, c->d.w);
    return sum;
}

static double sample_gx(const struct conv *c, size_t at)
{
    int ix = (int)(at % (size_t)c->d.w), iy = (int)(at / (size_t)c->d.w % (size_t)c->d.h);
    int plane = (int)(at / (size_t)(c->d.w * c->d.h)), s = c->d.stride;
    int ci = plane % c->d.cin, before = plane / c->d.cin * c->d.cout;
    double sum = 0;

    for (int co = 0; co < c->d.cout; co++)
        for (int ky = 0; ky < c->d.k; ky++)
            for (int kx = 0; kx < c->d.k; kx++) {
                int y = iy + c->d.pad - ky, x = ix + c->d.pad - kx;
                if (y >= 0 && x >= 0 && y % s == 0 && x % s == 0)
                    sum += weight(c, co, ci, ky, kx) *
                           pixel(c->gy, before + co, y / s, x / s, c->oh, c->ow);
            }
    return sum;
}

static double sample_gw(const struct conv *c, size_t at)
{
    int k = c->d.k, kx = (int)(at % (size_t)k), ky = (int)(at / (size_t)k % (size_t)k);
    int ci = (int)(at / (size_t)(k * k) % (size_t)c->d.cin),
        co = (int)(at / (size_t)(k * k) / (size_t)c->d.cin);
    double sum = 0;

    for (int row = 0; row < c->d.n * c->oh; row++)
        for (int ox = 0; ox < c->ow; ox++) {
            int image = row / c->oh, oy = row % c->oh;
            sum += pixel(c->gy, image * c->d.cout + co, oy, ox, c->oh, c->ow) *
                   pixel(c->x, image * c->d.cin + ci, oy * c->d.stride + ky - c->d.pad,
                         ox * c->d.stride + kx - c->d.pad, c->d.h, c->d.w);
        }
    return sum;
}

/* Worst of several errors, each relative to its own limit. */
struct worst {
    double error, limit;
    bool good;
};

static void judge(struct worst *w, double error, double limit)
{
    if (!(error / limit <= w->error / w->limit)) { /* true for NaN too */
        w->error = error;
        w->limit = limit;
    }
    w->good &= error <= limit;
}

static struct worst conv_residual(const struct problem *p, const struct outputs *got)
{
    static double (*const definition[])(const struct conv *, size_t) = {sample_y, sample_gx,
                                                                        sample_gw};
    struct conv c = {problem_conv(p),    0, 0, p->operand[3].value, p->operand[4].value,
                     p->operand[5].value};
    const double *with[] = {c.gy, c.x, c.w};
    double product[3], norm = 0, eps = problem_epsilon(p);
    struct worst worst = {0, eps, true};

    c.oh = prism_conv_out(&c.d, c.d.h);
    c.ow = prism_conv_out(&c.d, c.d.w);
    for (int i = 0; i < 3; i++) {
        const struct operand *o = &p->operand[i];
        double scale = 0;
        product[i] = dot(got->value[i], with[i], o->n);
        norm =
            fmax(norm, sqrt(dot(got->value[i], got->value[i], o->n) * dot(with[i], with[i], o->n)));
        for (size_t k = 0; k < o->n; k++)
            scale = fmax(scale, fabs(got->value[i][k]));
        for (size_t k = 0; k < SAMPLES; k++) { /* the first and the last, then random ones */
            size_t at = k == 0   ? 0
                        : k == 1 ? o->n - 1
                                 : (size_t)(test_noise(77 + (uint64_t)i, k) * (double)o->n);
            judge(&worst,
                  operand_difference(p, i, got->value[i][at], definition[i](&c, at)) / scale,
                  o->limit);
        }
    }
    /* The error of a scalar product is a random sum of n rounding errors: at
     * most eps times the norms. */
    judge(&worst, fabs(product[0] - product[1]) / norm, 4 * eps);
    judge(&worst, fabs(product[0] - product[2]) / norm, 4 * eps);
    return worst;
}

/* ---- gemm ---- */

static struct worst gemm_residual(const struct problem *p, const struct outputs *got)
{
    struct prism_gemm_desc d = problem_gemm(p);
    size_t m = (size_t)d.m, n = (size_t)d.n, k = (size_t)d.k;
    const double *c0 = p->operand[0].value, *a = p->operand[1].value, *b = p->operand[2].value;
    double *r = calloc(n + k, sizeof *r), *br = r + n, error = 0, scale = 0;

    if (!r)
        abort();
    for (size_t j = 0; j < n; j++)
        r[j] = 2 * test_noise(99, j) - 1;
    for (size_t q = 0; q < k; q++)
        for (size_t j = 0; j < n; j++)
            br[q] += (d.tb ? b[j * k + q] : b[q * n + j]) * r[j];
    for (size_t i = 0; i < m; i++) {
        double expected = c0 ? d.beta * dot(c0 + i * n, r, n) : 0;
        for (size_t q = 0; q < k; q++)
            expected += d.alpha * (d.ta ? a[q * m + i] : a[i * k + q]) * br[q];
        scale = fmax(scale, fabs(expected));
        double difference = fabs(dot(got->value[0] + i * n, r, n) - expected);
        error = isnan(difference) ? difference : fmax(error, difference);
    }
    free(r);
    error /= scale;
    return (struct worst){error, p->operand[0].limit, error <= p->operand[0].limit};
}

bool problem_residual(const struct problem *p, const struct outputs *got, double *error,
                      double *limit)
{
    struct worst worst = p->text[0] == 'g' ? gemm_residual(p, got) : conv_residual(p, got);

    *error = worst.error;
    *limit = worst.limit;
    return worst.good;
}
