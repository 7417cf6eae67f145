/* Pad and crop, sub-apertures, separable blur. */
#include "backend_cpu/cpu.h"

#include <string.h>

/* ---- window ---- */

struct window_run {
    const struct prism_window_desc *d;
    unsigned char *y;
    const unsigned char *x;
    size_t size; /* of an element */
};

static void window_row(const void *arg, size_t r, int thread)
{
    const struct window_run *w = arg;
    const struct prism_window_desc *d = w->d;
    int left = d->dx > 0 ? d->dx : 0, right = d->wx + d->dx < d->wy ? d->wx + d->dx : d->wy; /* columns with data */
    int i = (int)(r % (size_t)d->hy) - d->dy;
    size_t wy = (size_t)d->wy;
    unsigned char *y = w->y + r * wy * w->size;

    (void)thread;
    if (i < 0 || i >= d->hx || left >= right) {
        memset(y, 0, wy * w->size);
        return;
    }
    const unsigned char *x = w->x + (r / (size_t)d->hy * (size_t)d->hx + (size_t)i) * (size_t)d->wx * w->size;
    memset(y, 0, (size_t)left * w->size);
    memcpy(y + (size_t)left * w->size, x + (size_t)(left - d->dx) * w->size, (size_t)(right - left) * w->size);
    memset(y + (size_t)right * w->size, 0, (wy - (size_t)right) * w->size);
}

int prismi_cpu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x)
{
    struct window_run w = {d, y, x, prism_dtype_size(d->dtype)};
    size_t rows = (size_t)d->planes * (size_t)d->hy;

    prismi_cpu_for(dev, rows, (double)rows * d->wy, window_row, &w);
    return 0;
}

/* ---- sub-apertures ---- */

struct aperture_run {
    const struct prism_subaperture_desc *d;
    float *field, *spectrum;
    const float *pupil;
    const int32_t *origin, *index, *open;
    double beta;
};

static struct aperture_run aperture_run(const struct prism_subaperture_desc *d, const struct prism_subaperture_args *a)
{
    return (struct aperture_run){d,
                                 (float *)a->field,
                                 (float *)a->spectrum,
                                 (const float *)a->pupil,
                                 (const int32_t *)a->origin,
                                 (const int32_t *)a->index,
                                 (const int32_t *)a->open,
                                 a->beta};
}

/* Where pupil a is not zero. */
struct opening {
    int row0, rows, col0, cols;
};

static struct opening opening(const struct aperture_run *s, size_t a)
{
    const int32_t *o = s->open ? s->open + 4 * a : NULL;

    return o ? (struct opening){o[0], o[1], o[2], o[3]} : (struct opening){0, s->d->ph, 0, s->d->pw};
}

/* a mod n in [0,n) */
static int wrap(int a, int n)
{
    int r = a % n;
    return r < 0 ? r + n : r;
}

/* y = p x, and y += conj(p) x */
CPU_HOT static void mul_to(float *y, const float *p, const float *x, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        float a = p[2 * i], b = p[2 * i + 1], c = x[2 * i], d = x[2 * i + 1];
        y[2 * i] = a * c - b * d;
        y[2 * i + 1] = a * d + b * c;
    }
}

CPU_HOT static void mulc_add(float *y, const float *p, const float *x, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        float a = p[2 * i], b = p[2 * i + 1], c = x[2 * i], d = x[2 * i + 1];
        y[2 * i] += a * c + b * d;
        y[2 * i + 1] += a * d - b * c;
    }
}

/* `cols` of one pupil row: columns of field and spectrum both wrap, so it runs in pieces. */
static void pupil_row(int cols, float *y, int yx, int yw, const float *p, const float *x, int xx, int xw,
                      void (*run)(float *y, const float *p, const float *x, size_t n))
{
    for (int j = 0, n; j < cols; j += n) {
        n = cols - j;
        n = n < yw - yx ? n : yw - yx;
        n = n < xw - xx ? n : xw - xx;
        run(y + 2 * (size_t)yx, p + 2 * (size_t)j, x + 2 * (size_t)xx, (size_t)n);
        yx = yx + n == yw ? 0 : yx + n;
        xx = xx + n == xw ? 0 : xx + n;
    }
}

static void fwd_row(const void *arg, size_t r, int thread)
{
    const struct aperture_run *s = arg;
    const struct prism_subaperture_desc *d = s->d;
    size_t a = (size_t)s->index[r / (size_t)d->oh];
    const struct opening o = opening(s, a);
    int i = wrap((int)(r % (size_t)d->oh) + d->ph / 2, d->oh);
    float *y = s->field + 2 * r * (size_t)d->ow;

    (void)thread;
    memset(y, 0, 2 * (size_t)d->ow * sizeof *y);
    if (i < o.row0 || i >= o.row0 + o.rows)
        return;
    const float *p = s->pupil + 2 * ((a * (size_t)d->ph + (size_t)i) * (size_t)d->pw + (size_t)o.col0);
    const float *x = s->spectrum + 2 * (size_t)wrap(s->origin[2 * a] + i, d->h) * (size_t)d->w;
    pupil_row(o.cols, y, wrap(o.col0 - d->pw / 2, d->ow), d->ow, p, x, wrap(s->origin[2 * a + 1] + o.col0, d->w), d->w, mul_to);
}

static void adj_row(const void *arg, size_t r, int thread)
{
    const struct aperture_run *s = arg;
    const struct prism_subaperture_desc *d = s->d;
    float *y = s->spectrum + 2 * r * (size_t)d->w;

    (void)thread;
    if (s->beta == 0)
        memset(y, 0, 2 * (size_t)d->w * sizeof *y);
    for (int b = 0; b < d->batch; b++) {
        size_t a = (size_t)s->index[b];
        const struct opening o = opening(s, a);
        int i = wrap((int)r - s->origin[2 * a], d->h);
        if (i < o.row0 || i >= o.row0 + o.rows)
            continue;
        const float *p = s->pupil + 2 * ((a * (size_t)d->ph + (size_t)i) * (size_t)d->pw + (size_t)o.col0);
        const float *x = s->field + 2 * ((size_t)b * (size_t)d->oh + (size_t)wrap(i - d->ph / 2, d->oh)) * (size_t)d->ow;
        pupil_row(o.cols, y, wrap(s->origin[2 * a + 1] + o.col0, d->w), d->w, p, x, wrap(o.col0 - d->pw / 2, d->ow), d->ow,
                  mulc_add);
    }
}

int prismi_cpu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    struct aperture_run s = aperture_run(d, args);
    size_t rows = (size_t)d->batch * (size_t)d->oh;

    prismi_cpu_for(dev, rows, 2.0 * (double)rows * d->ow, fwd_row, &s);
    return 0;
}

int prismi_cpu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    struct aperture_run s = aperture_run(d, args);

    prismi_cpu_for(dev, (size_t)d->h, 2.0 * d->h * d->w + 4.0 * d->batch * d->ph * d->pw, adj_row, &s);
    return 0;
}

/* ---- blur ---- */

struct blur_run {
    const struct prism_blur_desc *d;
    float *y;
    const float *x, *taps;
};

/* The samples that make up sample c of an axis of n, as runs of taps: sample at + t step times tap[t], t in [first,end).
 * Forward, sample c reads mirrored neighbours; the adjoint collects c from every neighbour that read it: c itself and its images
 * in the two mirrors. Returns the number of runs, at most 3. */
struct tap_run {
    int first, end, at, step;
};

static int tap_runs(const struct prism_blur_desc *d, int c, int n, struct tap_run out[3])
{
    int r = d->radius, count = 0;
    const int image[3] = {c, -c, 2 * (n - 1) - c};

    if (!d->adjoint) { /* before the first sample, inside, behind the last */
        int inside = c < r ? r - c : 0, behind = c + r >= n ? n - c + r : 2 * r + 1;
        out[count++] = (struct tap_run){inside, behind, c - r, 1};
        if (inside)
            out[count++] = (struct tap_run){0, inside, r - c, -1};
        if (behind <= 2 * r)
            out[count++] = (struct tap_run){behind, 2 * r + 1, 2 * (n - 1) - c + r, -1};
        return count;
    }
    for (int m = 0; m < 3; m++) { /* position q was read by sample q + r - t with tap t */
        int q = image[m];
        if ((m > 0 && q == c) || (m == 1 && q < -r) || (m == 2 && q > n - 1 + r))
            continue;
        int first = q + r - (n - 1) > 0 ? q + r - (n - 1) : 0, end = q < r ? q + r + 1 : 2 * r + 1;
        if (first < end)
            out[count++] = (struct tap_run){first, end, q + r, -1};
    }
    return count;
}

CPU_HOT static void add_scaled(float *y, const float *x, float s, size_t n)
{
    CPU_SIMD
    for (size_t j = 0; j < n; j++)
        y[j] += s * x[j];
}

static void blur_along_row(const void *arg, size_t row, int thread)
{
    const struct blur_run *b = arg;
    const struct prism_blur_desc *d = b->d;
    /* columns of plain neighbours: further from an edge than any tap reaches, in the adjoint also than any mirrored tap */
    int r = d->radius, edge = r + d->adjoint, inner = d->w - 2 * edge > 0 ? d->w - 2 * edge : 0;
    float *y = b->y + row * (size_t)d->w;
    const float *x = b->x + row * (size_t)d->w;

    (void)thread;
    memset(y, 0, (size_t)d->w * sizeof *y);
    for (int t = 0; inner && t <= 2 * r; t++) /* the adjoint reads its taps backwards */
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
    const float *plane = b->x + row / h * h * w;
    float *y = b->y + row * w;
    struct tap_run run[3];

    (void)thread;
    memset(y, 0, w * sizeof *y);
    for (int k = 0, n = tap_runs(d, (int)(row % h), d->h, run); k < n; k++)
        for (int t = run[k].first; t < run[k].end; t++)
            add_scaled(y, plane + (size_t)(run[k].at + t * run[k].step) * w, b->taps[t], w);
}

int prismi_cpu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x, prism_mem tmp, prism_mem taps)
{
    size_t rows = (size_t)d->planes * (size_t)d->h;
    double work = (double)rows * d->w * (2 * d->radius + 1);
    struct blur_run along_rows = {d, (float *)tmp, (const float *)x, (const float *)taps};
    struct blur_run along_cols = {d, (float *)y, (const float *)tmp, (const float *)taps};

    prismi_cpu_for(dev, rows, work, blur_along_row, &along_rows);
    prismi_cpu_for(dev, rows, work, blur_along_col, &along_cols);
    return 0;
}
