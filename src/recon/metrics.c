/* Image quality on host arrays, in double. */
#include "prismrec/metrics.h"

#include "core/internal.h"
#include "recon/internal.h"

#include <math.h>
#include <string.h>

#define RADIUS PRISMI_SSIM_RADIUS
#define TAPS PRISMI_SSIM_TAPS
#define MIN_SIDE (RADIUS + 1)
#define MIN_SCALE_SIDE 11

enum mirror { MIRROR_EDGE_ONCE, MIRROR_EDGE_TWICE }; /* c b | a b c, and b a | a b c */

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

/* In place; tmp [h,w]. */
static void filter(double *img, double *tmp, int h, int w, const double taps[TAPS], enum mirror mode)
{
    for (int y = 0; y < h; y++) {
        const double *row = img + (size_t)y * w;
        double *out = tmp + (size_t)y * w;
        for (int x = 0; x < w; x++) {
            bool inside = x >= RADIUS && x < w - RADIUS;
            double s = 0;
            for (int k = 0; k < TAPS; k++)
                s += taps[k] * row[inside ? x + k - RADIUS : reflect(x + k - RADIUS, w, mode)];
            out[x] = s;
        }
    }
    for (int y = 0; y < h; y++) {
        double *out = img + (size_t)y * w;
        memset(out, 0, (size_t)w * sizeof *out);
        for (int k = 0; k < TAPS; k++) {
            const double *row = tmp + (size_t)reflect(y + k - RADIUS, h, mode) * w;
            for (int x = 0; x < w; x++)
                out[x] += taps[k] * row[x];
        }
    }
}

/* Luminance and contrast-structure maps into work[0], work[1]; work has six planes. */
static void similarity_maps(const double *x, const double *y, int h, int w, enum mirror mode, double *work)
{
    size_t n = (size_t)h * w;
    double taps[TAPS], *mu1 = work, *mu2 = work + n, *xx = work + 2 * n, *yy = work + 3 * n, *xy = work + 4 * n,
                       *tmp = work + 5 * n;
    prismi_ssim_taps(taps);
    for (size_t i = 0; i < n; i++) {
        mu1[i] = x[i];
        mu2[i] = y[i];
        xx[i] = x[i] * x[i];
        yy[i] = y[i] * y[i];
        xy[i] = x[i] * y[i];
    }
    for (int p = 0; p < 5; p++)
        filter(work + p * n, tmp, h, w, taps, mode);
    for (size_t i = 0; i < n; i++) {
        double m12 = mu1[i] * mu2[i], m11 = mu1[i] * mu1[i], m22 = mu2[i] * mu2[i];
        double l = (2 * m12 + PRISMI_SSIM_C1) / (m11 + m22 + PRISMI_SSIM_C1);
        double cs = (2 * (xy[i] - m12) + PRISMI_SSIM_C2) / (xx[i] - m11 + yy[i] - m22 + PRISMI_SSIM_C2);
        mu1[i] = l;
        mu2[i] = cs;
    }
}

/* Mean of l cs, leaving `pad` pixels out on every side; with luminance false of cs alone. */
static double mean_map(const double *work, int h, int w, int pad, bool luminance)
{
    size_t n = (size_t)h * w;
    double sum = 0;
    for (int y = pad; y < h - pad; y++)
        for (int x = pad; x < w - pad; x++) {
            size_t i = (size_t)y * w + x;
            sum += (luminance ? work[i] : 1) * work[n + i];
        }
    return sum / ((double)(h - 2 * pad) * (w - 2 * pad));
}

double prismi_ssim(const double *x, const double *y, int h, int w, double *work)
{
    similarity_maps(x, y, h, w, MIRROR_EDGE_ONCE, work);
    return mean_map(work, h, w, 0, true);
}

static double ssim_with(const double *x, const double *y, int h, int w, enum mirror mode, int pad)
{
    if (h < MIN_SIDE || w < MIN_SIDE)
        return NAN;
    double *work = prismi_alloc(6 * (size_t)h * w, sizeof(double));
    if (!work)
        return NAN;
    similarity_maps(x, y, h, w, mode, work);
    double v = mean_map(work, h, w, 2 * pad < (h < w ? h : w) ? pad : 0, true);
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

/* 2x2 mean, in place: the output is never ahead of the input. */
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
    double weights[PRISMI_MS_SCALES], product = 1, *work = prismi_alloc(8 * n, sizeof(double));
    if (!work)
        return NAN;
    double *a = work + 6 * n, *b = work + 7 * n;
    for (size_t i = 0; i < n; i++) {
        a[i] = x[i];
        b[i] = y[i];
    }
    int scales = prismi_ms_ssim_scales(h, w, weights);
    for (int j = 0; j < scales; j++) {
        similarity_maps(a, b, h, w, MIRROR_EDGE_ONCE, work);
        double c = mean_map(work, h, w, 0, j == scales - 1);
        product *= pow(c < PRISMI_MS_SSIM_LOW ? PRISMI_MS_SSIM_LOW : c, weights[j]);
        halve(a, h, w);
        halve(b, h, w);
        h /= 2;
        w /= 2;
    }
    prismi_free(work);
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
