/* Windows of the CPU backend: pad and crop, separable blur. */
#include "backend_cpu/real.h"

#include <string.h>

/* ---- window ---- */

struct window_run {
    const struct prism_window_desc *d;
    unsigned char *y;
    const unsigned char *x;
    size_t size; /* bytes of an element */
};

static void window_row(const void *arg, size_t r, int thread)
{
    const struct window_run *w = arg;
    const struct prism_window_desc *d = w->d;
    /* columns left .. right - 1 have data */
    int left = d->dx > 0 ? d->dx : 0, right = d->wx + d->dx < d->wy ? d->wx + d->dx : d->wy;
    int i = (int)(r % (size_t)d->hy) - d->dy;
    size_t wy = (size_t)d->wy;
    unsigned char *y = w->y + r * wy * w->size;

    (void)thread;
    if (i < 0 || i >= d->hx || left >= right) {
        memset(y, 0, wy * w->size);
        return;
    }
    const unsigned char *x =
        w->x + (r / (size_t)d->hy * (size_t)d->hx + (size_t)i) * (size_t)d->wx * w->size;
    memset(y, 0, (size_t)left * w->size);
    memcpy(y + (size_t)left * w->size, x + (size_t)(left - d->dx) * w->size,
           (size_t)(right - left) * w->size);
    memset(y + (size_t)right * w->size, 0, (wy - (size_t)right) * w->size);
}

int R(prismi_cpu_window)(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                         prism_mem x)
{
    struct window_run w = {d, y, x, prism_dtype_size(d->dtype)};
    size_t rows = (size_t)d->planes * (size_t)d->hy;

    prismi_cpu_for(dev, rows, (double)rows * d->wy, window_row, &w);
    return 0;
}

/* ---- blur ---- */

struct blur_run {
    const struct prism_blur_desc *d;
    real *y;
    const real *x, *taps;
};

/* Finds the input samples of output sample c, along an axis of n samples, as
 * runs of taps: the sample at + t step times tap[t], t in [first,end). Forward,
 * sample c reads its mirrored neighbours. The adjoint sums over every neighbour
 * that read c: at c itself and at its images in the two mirrors. Returns the
 * number of runs, at most 3. */
struct tap_run {
    int first, end, at, step;
};

static int tap_runs(const struct prism_blur_desc *d, int c, int n, struct tap_run out[3])
{
    int r = d->radius, count = 0;
    const int image[3] = {c, -c, 2 * (n - 1) - c};

    if (!d->adjoint) { /* before the first sample, inside, after the last */
        int inside = c < r ? r - c : 0, behind = c + r >= n ? n - c + r : 2 * r + 1;
        out[count++] = (struct tap_run){inside, behind, c - r, 1};
        if (inside)
            out[count++] = (struct tap_run){0, inside, r - c, -1};
        if (behind <= 2 * r)
            out[count++] = (struct tap_run){behind, 2 * r + 1, 2 * (n - 1) - c + r, -1};
        return count;
    }
    for (int m = 0; m < 3; m++) { /* sample q + r - t read position q with tap t */
        int q = image[m];
        if ((m > 0 && q == c) || (m == 1 && q < -r) || (m == 2 && q > n - 1 + r))
            continue;
        int first = q + r - (n - 1) > 0 ? q + r - (n - 1) : 0, end = q < r ? q + r + 1 : 2 * r + 1;
        if (first < end)
            out[count++] = (struct tap_run){first, end, q + r, -1};
    }
    return count;
}

CPU_HOT static void add_scaled(real *y, const real *x, real s, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++)
        y[j] += s * x[j];
}

static void blur_along_row(const void *arg, size_t row, int thread)
{
    const struct blur_run *b = arg;
    const struct prism_blur_desc *d = b->d;
    /* Inner columns have no mirrored neighbours: they are further from an edge
     * than any tap reaches, and in the adjoint also further than any mirrored
     * tap. */
    int r = d->radius, edge = r + d->adjoint, inner = d->w - 2 * edge > 0 ? d->w - 2 * edge : 0;
    real *y = b->y + row * (size_t)d->w;
    const real *x = b->x + row * (size_t)d->w;

    (void)thread;
    memset(y, 0, (size_t)d->w * sizeof *y);
    for (int t = 0; inner && t <= 2 * r; t++) /* the adjoint reads its taps in reverse order */
        add_scaled(y + edge, x + edge - r + t, b->taps[d->adjoint ? 2 * r - t : t], (size_t)inner);
    for (int j = 0; j < d->w; j++) {
        struct tap_run run[3];
        if (j == edge)
            j += inner;
        if (j >= d->w)
            break;
        for (int k = 0, n = tap_runs(d, j, d->w, run); k < n; k++)
            for (int t = run[k].first; t < run[k].end; t++)
                y[j] += b->taps[t] * x[run[k].at + t * run[k].step];
    }
}

static void blur_along_col(const void *arg, size_t row, int thread)
{
    const struct blur_run *b = arg;
    const struct prism_blur_desc *d = b->d;
    size_t h = (size_t)d->h, w = (size_t)d->w;
    const real *plane = b->x + row / h * h * w;
    real *y = b->y + row * w;
    struct tap_run run[3];

    (void)thread;
    memset(y, 0, w * sizeof *y);
    for (int k = 0, n = tap_runs(d, (int)(row % h), d->h, run); k < n; k++)
        for (int t = run[k].first; t < run[k].end; t++)
            add_scaled(y, plane + (size_t)(run[k].at + t * run[k].step) * w, b->taps[t], w);
}

int R(prismi_cpu_blur)(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                       prism_mem x, prism_mem tmp, prism_mem taps)
{
    size_t rows = (size_t)d->planes * (size_t)d->h;
    double work = (double)rows * d->w * (2 * d->radius + 1);
    struct blur_run along_rows = {d, (real *)tmp, (const real *)x, (const real *)taps};
    struct blur_run along_cols = {d, (real *)y, (const real *)tmp, (const real *)taps};

    prismi_cpu_for(dev, rows, work, blur_along_row, &along_rows);
    prismi_cpu_for(dev, rows, work, blur_along_col, &along_cols);
    return 0;
}
