/* Sub-apertures of a spectrum in the CPU backend: cut out, and added back. Also
 * field_misfit, from a spectrum to the misfit of its fields and back, which
 * holds only a few columns of a transformed field at a time. */
#include "backend_cpu/fft.h"

#include <string.h>

struct aperture_run {
    const struct prism_subaperture_desc *d;
    real *field, *spectrum;
    const real *pupil;
    const int32_t *origin, *index, *open, *rows;
    double beta;
    bool open_rows;
};

static struct aperture_run aperture_run(const struct prism_subaperture_desc *d,
                                        const struct prism_subaperture_args *a)
{
    return (struct aperture_run){d,
                                 (real *)a->field,
                                 (real *)a->spectrum,
                                 (const real *)a->pupil,
                                 (const int32_t *)a->origin,
                                 (const int32_t *)a->index,
                                 (const int32_t *)a->open,
                                 (const int32_t *)a->rows,
                                 a->beta,
                                 a->open_rows};
}

/* Part of a pupil that is not zero. */
struct opening {
    int row0, rows, col0, cols;
};

static struct opening opening(const struct aperture_run *s, size_t a)
{
    const int32_t *o = s->open ? s->open + 4 * a : NULL;

    return o ? (struct opening){o[0], o[1], o[2], o[3]}
             : (struct opening){0, s->d->ph, 0, s->d->pw};
}

/* a mod n in [0,n), for negative a too. */
static int wrap(int a, int n)
{
    int r = a % n;
    return r < 0 ? r + n : r;
}

/* mul_to: y = p x. mulc_add: y += conj(p) x. */
CPU_HOT static void mul_to(real *y, const real *p, const real *x, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        real a = p[2 * i], b = p[2 * i + 1], c = x[2 * i], d = x[2 * i + 1];
        y[2 * i] = a * c - b * d;
        y[2 * i + 1] = a * d + b * c;
    }
}

CPU_HOT static void mulc_add(real *y, const real *p, const real *x, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        real a = p[2 * i], b = p[2 * i + 1], c = x[2 * i], d = x[2 * i + 1];
        y[2 * i] += a * c + b * d;
        y[2 * i + 1] += a * d - b * c;
    }
}

/* Runs `cols` columns of one pupil row. The columns of field and spectrum both
 * wrap, so the row runs in pieces. */
static void pupil_row(int cols, real *y, int yx, int yw, const real *p, const real *x, int xx,
                      int xw, void (*run)(real *y, const real *p, const real *x, size_t n))
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

/* Writes row `row` of field b to y. */
static void aperture_row(const struct aperture_run *s, size_t b, int row, real *y)
{
    const struct prism_subaperture_desc *d = s->d;
    size_t a = (size_t)s->index[b];
    const struct opening o = opening(s, a);
    int i = wrap(row + d->ph / 2, d->oh);
    bool is_open = i >= o.row0 && i < o.row0 + o.rows;

    if (is_open || !s->open_rows)
        memset(y, 0, 2 * (size_t)d->ow * sizeof *y);
    if (!is_open)
        return;
    const real *p =
        s->pupil + 2 * ((a * (size_t)d->ph + (size_t)i) * (size_t)d->pw + (size_t)o.col0);
    const real *x = s->spectrum + 2 * (size_t)wrap(s->origin[2 * a] + i, d->h) * (size_t)d->w;
    pupil_row(o.cols, y, wrap(o.col0 - d->pw / 2, d->ow), d->ow, p, x,
              wrap(s->origin[2 * a + 1] + o.col0, d->w), d->w, mul_to);
}

static void fwd_row(const void *arg, size_t r, int thread)
{
    const struct aperture_run *s = arg;
    size_t oh = (size_t)s->d->oh;

    (void)thread;
    aperture_row(s, r / oh, (int)(r % oh), s->field + 2 * r * (size_t)s->d->ow);
}

static void adj_row(const void *arg, size_t r, int thread)
{
    const struct aperture_run *s = arg;
    const struct prism_subaperture_desc *d = s->d;
    real *y = s->spectrum + 2 * r * (size_t)d->w;

    (void)thread;
    if (s->rows && wrap((int)r - s->rows[0], d->h) >= s->rows[1])
        return;
    if (s->beta == 0)
        memset(y, 0, 2 * (size_t)d->w * sizeof *y);
    for (int b = 0; b < d->batch; b++) {
        size_t a = (size_t)s->index[b];
        const struct opening o = opening(s, a);
        int i = wrap((int)r - s->origin[2 * a], d->h);
        if (i < o.row0 || i >= o.row0 + o.rows)
            continue;
        const real *p =
            s->pupil + 2 * ((a * (size_t)d->ph + (size_t)i) * (size_t)d->pw + (size_t)o.col0);
        const real *x =
            s->field +
            2 * ((size_t)b * (size_t)d->oh + (size_t)wrap(i - d->ph / 2, d->oh)) * (size_t)d->ow;
        pupil_row(o.cols, y, wrap(s->origin[2 * a + 1] + o.col0, d->w), d->w, p, x,
                  wrap(o.col0 - d->pw / 2, d->ow), d->ow, mulc_add);
    }
}

int R(prismi_cpu_subaperture_fwd)(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    struct aperture_run s = aperture_run(d, args);
    size_t rows = (size_t)d->batch * (size_t)d->oh;

    if (prismi_cpu(dev)->plain) /* plain transforms ignore supports and read every row */
        s.open_rows = false;
    prismi_cpu_for(dev, rows, 2.0 * (double)rows * d->ow, fwd_row, &s);
    return 0;
}

int R(prismi_cpu_subaperture_adj)(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                                  const struct prism_subaperture_args *args)
{
    struct aperture_run s = aperture_run(d, args);

    if (prismi_cpu(dev)->plain) /* plain transforms ignore supports and read every row */
        s.rows = NULL;
    prismi_cpu_for(dev, (size_t)d->h, 2.0 * d->h * d->w + 4.0 * d->batch * d->ph * d->pw, adj_row,
                   &s);
    return 0;
}

/* ---- misfit of fields ----
 *
 * Before the columns of a field are transformed, only the rows with an open
 * pixel are not zero; and of the gradient's transform, only those rows are
 * needed. So the open rows are transformed in place in u. Then a few columns at
 * a time are gathered, transformed, compared with the target, transformed back,
 * and stored into the same rows. */

struct field_run {
    const struct prism_field_misfit_desc *d;
    const struct prism_field_misfit_args *a;
    struct aperture_run s;
    const struct prism_fft *f;
    double *sums; /* sums of the tiles of columns of one image */
    size_t image; /* image that all threads work on; unused by image_item() */
};

/* Rows of the field that are not zero: *count rows from *first on, modulo
 * oh. */
static void open_rows(const struct field_run *r, size_t image, size_t *first, size_t *count)
{
    const struct prism_subaperture_desc *d = &r->d->aperture;
    const struct opening o = opening(&r->s, (size_t)r->s.index[image]);

    *first = (size_t)wrap(o.row0 - d->ph / 2, d->oh);
    *count = (size_t)o.rows;
}

static pair *scratch_of(const struct field_run *r, int thread)
{
    return r->f->scratch + (size_t)thread * r->f->nscratch;
}

static pair *row_of(const struct field_run *r, size_t image, size_t row)
{
    return (pair *)r->a->u + (image * r->f->h + row) * r->f->w;
}

/* Computes and transforms the k-th open row of a field. */
static void transform_field_row(const struct field_run *r, size_t image, size_t k, int thread)
{
    const size_t w = r->f->w;
    size_t first, count;
    pair *in = scratch_of(r, thread), *out = in + r->f->nscratch / 2;

    open_rows(r, image, &first, &count);
    const size_t row = (first + k) % r->f->h;
    aperture_row(&r->s, image, (int)row, (real *)in);
    R(prismi_cpu_fft_line)(r->f->rows[1], out, in);
    memcpy(row_of(r, image, row), out, w * sizeof *out);
}

/* Transforms the k-th open row of a gradient. */
static void transform_gradient_row(const struct field_run *r, size_t image, size_t k, int thread)
{
    const size_t w = r->f->w;
    size_t first, count;
    pair *in = scratch_of(r, thread), *out = in + r->f->nscratch / 2;

    open_rows(r, image, &first, &count);
    pair *at = row_of(r, image, (first + k) % r->f->h);
    memcpy(in, at, w * sizeof *in);
    R(prismi_cpu_fft_line)(r->f->rows[0], out, in);
    memcpy(at, out, w * sizeof *out);
}

/* Transforms a tile of columns of a field, compares it with the target, and
 * transforms its gradient's columns back. Returns the sum of the misfit's
 * terms. */
static double misfit_columns(const struct field_run *r, size_t image, size_t tile, int thread)
{
    const struct prism_fft *f = r->f;
    const size_t h = f->h, w = f->w, pitch = f->pitch, at = tile * CPU_FFT_COLS,
                 n = w - at < CPU_FFT_COLS ? w - at : CPU_FFT_COLS;
    const size_t a = (size_t)r->s.index[image];
    const real weight = ((const real *)r->a->weight)[a],
               *target = (const real *)r->a->target + a * h * w + at;
    pair *in = scratch_of(r, thread), *out = in + CPU_FFT_COLS * pitch,
         *data = row_of(r, image, 0) + at;
    size_t first, count;
    double sum = 0;

    open_rows(r, image, &first, &count);
    /* rest: rows from row 0 on */
    const size_t end = first + count < h ? first + count : h, rest = first + count - end;
    R(prismi_cpu_fft_gather)(f, in, data, first, count, n, NULL, 1);
    for (size_t j = 0; j < n; j++)
        R(prismi_cpu_fft_line)(f->cols[1], out + j * pitch, in + j * pitch);
    R(prismi_cpu_transpose_reals)((real *)in, 2 * pitch, target, w, h, n);
    for (size_t j = 0; j < n; j++) {
        real *u = (real *)(out + j * pitch);
        sum +=
            R(prismi_cpu_misfit_terms)(r->d->kind, weight, u, u, (const real *)(in + j * pitch), h);
        R(prismi_cpu_fft_line)(f->cols[0], in + j * pitch, out + j * pitch);
    }
    R(prismi_cpu_transpose)(data + first * w, w, in + first, pitch, n, end - first);
    R(prismi_cpu_transpose)(data, w, in, pitch, n, rest);
    return sum;
}

static size_t tiles_of(const struct prism_fft *f)
{
    return (f->w + CPU_FFT_COLS - 1) / CPU_FFT_COLS;
}

static void set_loss(const struct field_run *r, size_t image, double sum)
{
    ((real *)r->a->loss)[image] = (real)(((const real *)r->a->weight)[r->s.index[image]] * sum);
}

/* Misfit of a closed aperture, whose field and gradient are 0. */
static double closed_misfit(const struct field_run *r, size_t image)
{
    const size_t h = r->f->h, w = r->f->w;
    const real *target = (const real *)r->a->target + (size_t)r->s.index[image] * h * w;
    double sum = 0;

    for (size_t i = 0; i < h; i++)
        sum += R(prismi_cpu_misfit_of_zeros)(r->d->kind, target + i * w, w);
    return sum;
}

static void field_row_item(const void *arg, size_t item, int thread)
{
    const struct field_run *r = arg;
    transform_field_row(r, r->image, item, thread);
}

static void columns_item(const void *arg, size_t item, int thread)
{
    const struct field_run *r = arg;
    r->sums[item] = misfit_columns(r, r->image, item, thread);
}

static void gradient_row_item(const void *arg, size_t item, int thread)
{
    const struct field_run *r = arg;
    transform_gradient_row(r, r->image, item, thread);
}

static void image_item(const void *arg, size_t image, int thread)
{
    const struct field_run *r = arg;
    size_t first, count;
    double sum = 0;

    open_rows(r, image, &first, &count);
    for (size_t k = 0; k < count; k++)
        transform_field_row(r, image, k, thread);
    for (size_t t = 0; count && t < tiles_of(r->f); t++)
        sum += misfit_columns(r, image, t, thread);
    for (size_t k = 0; k < count; k++)
        transform_gradient_row(r, image, k, thread);
    set_loss(r, image, count ? sum : closed_misfit(r, image));
}

/* Runs one image after the other, each on all threads. */
static void by_rows_and_columns(struct prism_dev *dev, struct field_run *r)
{
    const double pixels = 32.0 * (double)r->f->h * (double)r->f->w;

    for (r->image = 0; r->image < r->f->batch; r->image++) {
        size_t first, count;
        double sum = 0;
        open_rows(r, r->image, &first, &count);
        if (!count) {
            set_loss(r, r->image, closed_misfit(r, r->image));
            continue;
        }
        prismi_cpu_for(dev, count, pixels, field_row_item, r);
        prismi_cpu_for(dev, tiles_of(r->f), pixels, columns_item, r);
        prismi_cpu_for(dev, count, pixels, gradient_row_item, r);
        for (size_t t = 0; t < tiles_of(r->f); t++)
            sum += r->sums[t];
        set_loss(r, r->image, sum);
    }
}

int R(prismi_cpu_field_misfit)(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                               struct prism_fft *fft, const struct prism_field_misfit_args *a)
{
    const struct prism_subaperture_args forward = {a->u, a->spectrum, a->pupil, a->origin, a->index,
                                                   0,    a->open,     NULL,     false};
    const struct prism_subaperture_args adjoint = {
        a->u, a->gspectrum, a->pupil, a->origin, a->index, 0, a->open, a->rows, false};
    struct field_run r = {.d = d,
                          .a = a,
                          .s = aperture_run(&d->aperture, &forward),
                          .f = fft,
                          .sums = prismi_cpu(dev)->partial};

    if (prismi_cpu_fft_by_image(r.f))
        prismi_cpu_for(dev, r.f->batch, 32.0 * (double)(r.f->batch * r.f->h * r.f->w), image_item,
                       &r);
    else
        by_rows_and_columns(dev, &r);
    return R(prismi_cpu_subaperture_adj)(dev, &d->aperture, &adjoint);
}
