/* Spectrum of an object in the middle of a larger grid, and its adjoint. The
 * grid around the object is never written or read: rows of the object are
 * transformed from where they lie, columns are padded with zeros in scratch,
 * and of the adjoint's result only the object's part is stored. */
#include "backend_cpu/fft.h"

#include <string.h>

/* columns of an item of object_columns(): few, so that even small objects keep
 * all threads busy */
enum { TILE = 8 };

struct spectrum_run {
    const struct prism_fft *f;
    pair *spectrum;
    real *object;
    bool is_real;
    size_t oh, ow, top, left;
    /* rows first .. first + count - 1, modulo h, are not zero when columns are
     * transformed */
    size_t first, count;
    size_t col0, cols; /* columns col0 .. col0 + cols - 1, modulo w, of a row are needed */
};

static pair *scratch_of(const struct spectrum_run *r, int thread)
{
    return r->f->scratch + (size_t)thread * r->f->nscratch;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Stores the columns of a transformed row that are needed. */
static void store_needed(const struct spectrum_run *r, size_t row, const pair *line)
{
    const size_t n = least(r->cols, r->f->w - r->col0);
    pair *to = r->spectrum + row * r->f->w;

    memcpy(to + r->col0, line + r->col0, n * sizeof *to);
    memcpy(to, line, (r->cols - n) * sizeof *to);
}

static void object_row(const void *arg, size_t i, int thread)
{
    const struct spectrum_run *r = arg;
    pair *in = scratch_of(r, thread), *out = in + r->f->nscratch / 2;
    real *x = (real *)(in + r->left);

    memset(in, 0, r->f->w * sizeof *in);
    if (r->is_real)
        for (size_t j = 0; j < r->ow; j++)
            x[2 * j] = r->object[i * r->ow + j];
    else
        memcpy(x, r->object + 2 * i * r->ow, r->ow * sizeof *in);
    R(prismi_cpu_fft_line)(r->f->rows[0], out, in);
    store_needed(r, r->top + i, out);
}

static void spectrum_columns(const void *arg, size_t tile, int thread)
{
    const struct spectrum_run *r = arg;
    const struct prism_fft *f = r->f;
    const size_t at = tile * CPU_FFT_COLS, n = least(CPU_FFT_COLS, f->w - at);
    pair *in = scratch_of(r, thread), *out = in + CPU_FFT_COLS * f->pitch;

    if (!prismi_cpu_fft_meet(at, n, r->col0, r->cols, f->w))
        return;
    R(prismi_cpu_fft_gather)(f, in, r->spectrum + at, r->first, r->count, n, NULL, 1);
    for (size_t j = 0; j < n; j++)
        R(prismi_cpu_fft_line)(f->cols[0], out + j * f->pitch, in + j * f->pitch);
    R(prismi_cpu_transpose)(r->spectrum + at, f->w, out, f->pitch, n, f->h);
}

static void spectrum_row(const void *arg, size_t k, int thread)
{
    const struct spectrum_run *r = arg;
    const size_t row = (r->first + k) % r->f->h;
    pair *in = scratch_of(r, thread), *out = in + r->f->nscratch / 2;

    memcpy(in, r->spectrum + row * r->f->w, r->f->w * sizeof *in);
    R(prismi_cpu_fft_line)(r->f->rows[1], out, in);
    store_needed(r, row, out);
}

static void object_columns(const void *arg, size_t tile, int thread)
{
    const struct spectrum_run *r = arg;
    const struct prism_fft *f = r->f;
    const size_t at = tile * TILE, n = least(TILE, r->ow - at);
    pair *in = scratch_of(r, thread), *out = in + CPU_FFT_COLS * f->pitch;

    R(prismi_cpu_fft_gather)(f, in, r->spectrum + r->left + at, r->first, r->count, n, NULL, 1);
    for (size_t j = 0; j < n; j++)
        R(prismi_cpu_fft_line)(f->cols[1], out + j * f->pitch, in + j * f->pitch);
    if (!r->is_real) {
        R(prismi_cpu_transpose)((pair *)r->object + at, r->ow, out + r->top, f->pitch, n, r->oh);
        return;
    }
    R(prismi_cpu_transpose)(in, TILE, out + r->top, f->pitch, n, r->oh);
    for (size_t i = 0; i < r->oh; i++) {
        const real *x = (const real *)(in + i * TILE);
        for (size_t j = 0; j < n; j++)
            r->object[i * r->ow + at + j] = x[2 * j];
    }
}

static struct spectrum_run spectrum_run(const struct prism_spectrum_desc *d,
                                        const struct prism_fft *fft,
                                        const struct prism_spectrum_args *a)
{
    return (struct spectrum_run){.f = fft,
                                 .spectrum = (pair *)a->spectrum,
                                 .object = (real *)a->object,
                                 .is_real = d->dtype == prism_dtype_real(d->dtype),
                                 .oh = (size_t)d->oh,
                                 .ow = (size_t)d->ow,
                                 .top = (size_t)(d->h / 2 - d->oh / 2),
                                 .left = (size_t)(d->w / 2 - d->ow / 2)};
}

int R(prismi_cpu_spectrum_fwd)(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                               struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    struct spectrum_run r = spectrum_run(d, fft, a);
    const double work = 16.0 * (double)(r.f->h * r.f->w);
    const int32_t *support = r.f->support;

    r.first = r.top;
    r.count = r.oh;
    r.col0 = support ? (size_t)support[2] : 0;
    r.cols = support ? (size_t)support[3] : r.f->w;
    prismi_cpu_for(dev, r.oh, work, object_row, &r);
    prismi_cpu_for(dev, (r.f->w + CPU_FFT_COLS - 1) / CPU_FFT_COLS, work, spectrum_columns, &r);
    return 0;
}

int R(prismi_cpu_spectrum_adj)(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                               struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    struct spectrum_run r = spectrum_run(d, fft, a);
    const double work = 16.0 * (double)(r.f->h * r.f->w);
    const int32_t *support = r.f->support ? r.f->support + 4 : NULL;

    r.first = support ? (size_t)support[0] : 0;
    r.count = support ? (size_t)support[1] : r.f->h;
    r.col0 = r.left;
    r.cols = r.ow;
    prismi_cpu_for(dev, r.count, work, spectrum_row, &r);
    prismi_cpu_for(dev, (r.ow + TILE - 1) / TILE, work, object_columns, &r);
    return 0;
}
