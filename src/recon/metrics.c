/* Metrics of image quality, computed on host arrays in double. */
#include "prismrec/metrics.h"

#include "core/internal.h"
#include "recon/internal.h"

#include <math.h>
#include <string.h>

#define RADIUS PRISMI_SSIM_RADIUS
#define TAPS PRISMI_SSIM_TAPS
#define MIN_SIDE (RADIUS + 1)
#define MIN_SCALE_SIDE 11

enum mirror { MIRROR_EDGE_ONCE, MIRROR_EDGE_TWICE }; /* c b | a b c and b a | a b c */

void prismi_ssim_taps(double taps[TAPS])
{
    double sum = 0;
    for (int i = 0; i < TAPS; i++)
        sum += taps[i] = exp(-(i - RADIUS) * (i - RADIUS) / (2 * 1.5 * 1.5));
    for (int i = 0; i < TAPS; i++)
        taps[i] /= sum;
}

static int reflect(int i, int n, enum mirror mode)
{
    int edge = mode == MIRROR_EDGE_TWICE;
    if (i < 0)
        i = -i - edge;
    if (i >= n)
        i = 2 * n - 2 + edge - i;
    return i;
}

/* out = x blurred by the window; tmp: workspace [h,w] */
static void blur_image(const double *x, int h, int w, const double taps[TAPS], double *restrict tmp,
                       double *restrict out)
{
    for (int i = 0; i < h; i++)
        for (int k = 0; k < TAPS; k++) {
            const double *from = x + (size_t)reflect(i + k - RADIUS, h, MIRROR_EDGE_ONCE) * w;
            double *to = tmp + (size_t)i * w;
            for (int j = 0; j < w; j++)
                to[j] = (k ? to[j] : 0) + taps[k] * from[j];
        }
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            double sum = 0;
            for (int k = 0; k < TAPS; k++)
                sum += taps[k] * tmp[(size_t)i * w + reflect(j + k - RADIUS, w, MIRROR_EDGE_ONCE)];
            out[(size_t)i * w + j] = sum;
        }
}

void prismi_ssim_moments(const double *y, int h, int w, double *mean, double *var, double *tmp)
{
    const size_t n = (size_t)h * w;
    double taps[TAPS];
    prismi_ssim_taps(taps);
    for (size_t i = 0; i < n; i++)
        mean[i] = y[i] * y[i];
    blur_image(mean, h, w, taps, tmp, var);
    blur_image(y, h, w, taps, tmp, mean);
    for (size_t i = 0; i < n; i++)
        var[i] -= mean[i] * mean[i];
}

/* ---- structural similarity, row by row, without whole blurred images ---- */

/* The four blurred quantities are x, y, x^2 + y^2 and xy. The last two are
 * computed once per row and kept while the window reaches the row. */
enum { MOMENTS = 4, PRODUCTS = 2 };

static size_t work_size(int w)
{
    return (PRODUCTS * TAPS + MOMENTS + 1) * (size_t)w + w + 2 * RADIUS;
}

/* out[i] = the windowed sum of r[0][i] to r[TAPS-1][i]. */
static void blur(const double *const r[TAPS], int n, const double taps[TAPS], double *restrict out)
{
    for (int i = 0; i < n; i++) {
        double s = taps[RADIUS] * r[RADIUS][i];
        for (int k = 0; k < RADIUS; k++)
            s += taps[k] * (r[k][i] + r[TAPS - 1 - k][i]);
        out[i] = s;
    }
}

static void multiply(const double *x, const double *y, int w, double *restrict squares,
                     double *restrict xy)
{
    for (int i = 0; i < w; i++) {
        squares[i] = x[i] * x[i] + y[i] * y[i];
        xy[i] = x[i] * y[i];
    }
}

/* Add the similarity of a row to sum[w]. Without luminance only contrast and
 * structure are compared. */
static void compare(const double *restrict m, int w, bool luminance, double *restrict sum)
{
    const double *mu1 = m, *mu2 = m + w, *squares = m + 2 * w, *xy = m + 3 * w;
    for (int i = 0; i < w; i++) {
        double m12 = mu1[i] * mu2[i], mm = mu1[i] * mu1[i] + mu2[i] * mu2[i];
        double l = luminance ? (2 * m12 + PRISMI_SSIM_C1) / (mm + PRISMI_SSIM_C1) : 1;
        sum[i] += l * ((2 * (xy[i] - m12) + PRISMI_SSIM_C2) / (squares[i] - mm + PRISMI_SSIM_C2));
    }
}

/* Mean similarity over the image without `pad` pixels on every side. */
static double similarity(const double *x, const double *y, int h, int w, enum mirror mode, int pad,
                         bool luminance, double *work)
{
    double taps[TAPS], *m = work + (size_t)PRODUCTS * TAPS * w, *sum = m + MOMENTS * w,
                       *row = sum + w, total = 0;
    const double *r[TAPS];
    prismi_ssim_taps(taps);
    memset(sum, 0, (size_t)w * sizeof *sum);
    for (int next = 0, i = 0; i < h - pad; i++) {
        for (; next <= i + RADIUS && next < h; next++) {
            double *squares = work + (size_t)(next % TAPS) * w;
            multiply(x + (size_t)next * w, y + (size_t)next * w, w, squares,
                     squares + (size_t)TAPS * w);
        }
        for (int p = 0; p < MOMENTS && i >= pad; p++) {
            for (int k = 0; k < TAPS; k++) {
                int j = reflect(i + k - RADIUS, h, mode);
                r[k] = p < 2 ? (p ? y : x) + (size_t)j * w
                             : work + (size_t)((p - 2) * TAPS + j % TAPS) * w;
            }
            blur(r, w, taps, row + RADIUS);
            for (int k = 1; k <= RADIUS; k++) {
                row[RADIUS - k] = row[RADIUS + reflect(-k, w, mode)];
                row[RADIUS + w - 1 + k] = row[RADIUS + reflect(w - 1 + k, w, mode)];
            }
            for (int k = 0; k < TAPS; k++)
                r[k] = row + k;
            blur(r, w, taps, m + p * w);
        }
        if (i >= pad)
            compare(m, w, luminance, sum);
    }
    for (int i = pad; i < w - pad; i++)
        total += sum[i];
    return total / ((double)(h - 2 * pad) * (w - 2 * pad));
}

static double ssim_with(const double *x, const double *y, int h, int w, enum mirror mode, int pad)
{
    if (h < MIN_SIDE || w < MIN_SIDE)
        return NAN;
    double *work = prismi_alloc(work_size(w), sizeof(double));
    if (!work)
        return NAN;
    double v = similarity(x, y, h, w, mode, 2 * pad < (h < w ? h : w) ? pad : 0, true, work);
    prismi_free(work);
    return v;
}

double prism_ssim(const double *x, const double *y, int h, int w)
{
    return ssim_with(x, y, h, w, MIRROR_EDGE_ONCE, 0);
}

double prism_ssim_skimage(const double *x, const double *y, int h, int w)
{
    return ssim_with(x, y, h, w, MIRROR_EDGE_TWICE, 3);
}

/* Reduce by 2x2 means, in place: writing never overtakes reading. */
static void halve(double *img, int h, int w)
{
    for (int y = 0; y < h / 2; y++)
        for (int x = 0; x < w / 2; x++) {
            const double *p = img + (size_t)2 * y * w + 2 * x;
            img[(size_t)y * (w / 2) + x] = 0.25 * (p[0] + p[1] + p[w] + p[w + 1]);
        }
}

int prismi_ms_ssim_scales(int h, int w, double weights[PRISMI_MS_SCALES])
{
    static const double wang[PRISMI_MS_SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
    int n = 1;
    while (n < PRISMI_MS_SCALES && (h >> n) >= MIN_SCALE_SIDE && (w >> n) >= MIN_SCALE_SIDE)
        n++;
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += wang[j];
    for (int j = 0; j < n; j++)
        weights[j] = n == PRISMI_MS_SCALES ? wang[j] : wang[j] / sum;
    return n;
}

double prism_ms_ssim(const double *x, const double *y, int h, int w)
{
    if (h < MIN_SIDE || w < MIN_SIDE)
        return NAN;
    size_t n = (size_t)h * w;
    double weights[PRISMI_MS_SCALES], product = 1,
                                      *a = prismi_alloc(2 * n + work_size(w), sizeof(double));
    if (!a)
        return NAN;
    double *b = a + n, *work = b + n;
    for (size_t i = 0; i < n; i++) {
        a[i] = x[i];
        b[i] = y[i];
    }
    int scales = prismi_ms_ssim_scales(h, w, weights);
    for (int j = 0; j < scales; j++) {
        double c = similarity(a, b, h, w, MIRROR_EDGE_ONCE, 0, j == scales - 1, work);
        product *= pow(c < PRISMI_MS_SSIM_LOW ? PRISMI_MS_SSIM_LOW : c, weights[j]);
        halve(a, h, w);
        halve(b, h, w);
        h /= 2;
        w /= 2;
    }
    prismi_free(a);
    return product;
}

static double mean_square_error(const double *x, const double *ref, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - ref[i]) * (x[i] - ref[i]);
    return sum / (double)n;
}

double prism_rmse_percent(const double *x, const double *ref, size_t n)
{
    double power = 0;
    for (size_t i = 0; i < n; i++)
        power += ref[i] * ref[i];
    return 100 * sqrt(mean_square_error(x, ref, n)) / sqrt(power / (double)n);
}

double prism_psnr_db(const double *x, const double *ref, size_t n)
{
    return -10 * log10(mean_square_error(x, ref, n));
}
