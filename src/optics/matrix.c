/* Computes each aperture's box of an object's spectrum, and the adjoint, by
 * dense products with parts of DFT matrices (matrix Fourier transform; Soummer
 * et al., Optics Express 15, 15935, 2007). The result is exact, and the cost
 * does not depend on the grid.
 *
 * Along an axis, X[k] = sum_i x[i] exp(-2 pi i k (first + i)/N) for the
 * frequencies k of the box, where the object begins at sample `first`. All
 * products are real. The product down the columns has a row for the real part
 * and one for the imaginary part of each frequency's phases, and gives a and c
 * of the sum a + i c. The product along the rows takes (a, c) and gives the
 * complex box; its matrix contains the effect of the i. The adjoint uses the
 * same matrices transposed.
 *
 * A table holds the matrix rows of all frequencies. An aperture needs the rows
 * of its own frequencies, which are adjacent there. They are copied to a fixed
 * place whenever other apertures are selected, so that a recorded step finds
 * them. */
#include "optics/subaperture.h"

#include <math.h>

/* ---- the choice ---- */

/* Rates of one core of a server of 2023 with AVX-512, from 30 shapes measured
 * both ways (docs/decisions/004-measurement.md). Only their ratio matters. The
 * choice depends only on shapes, so the choice, and every bit of the result, is
 * the same for any number of threads. */
/* counting 5 n log2 n per line, for the lines that the supports do not leave
 * out */
#define FFT_FLOPS 32e9
#define GEMM_FLOPS 120e9 /* for products as thin as these */
#define CALL_S 2e-6

static double lines_s(double n, int length)
{
    return n * 5 * length * log2(length) / FFT_FLOPS;
}

void prismi_matrix_cost(const struct prism_measure_params *p, double *fft_s, double *matrix_s)
{
    const double columns = fmin((double)p->batch * p->box_w, p->grid_w),
                 parts = p->complex_object ? 2 : 1;
    const double down = 4 * parts * p->box_h * p->obj_h * p->obj_w,
                 across = 8 * parts * p->box_h * p->obj_w * p->box_w;

    *fft_s = lines_s(p->obj_h, p->grid_w) + lines_s(columns, p->grid_h) + 4 * CALL_S;
    *matrix_s = p->batch * ((down + across) / GEMM_FLOPS + 2 * CALL_S) + CALL_S;
}

/* Bytes of device memory for all arrays. A double holds the number for any
 * shape. */
static double bytes_of(const struct prism_measure_params *p)
{
    const double parts = p->complex_object ? 2 : 1, down = 2.0 * p->obj_h,
                 across = 4 * parts * p->obj_w;
    const double tables =
        ((double)p->grid_h + p->box_h) * down + ((double)p->grid_w + p->box_w) * across;
    const double used = p->box_h * (down + across / 2 + 2.0 * p->box_w) + p->box_w * across;

    return (tables + p->batch * used) * (double)prism_dtype_size(p->dtype);
}

int prismi_matrix_choose(struct prism_dev *dev, const struct prism_measure_params *p,
                         struct prismi_matrix *mx)
{
    const double bytes = bytes_of(p), limit = 1 << 30;
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    double fft_s, matrix_s;

    if (p->method == PRISM_MEASURE_MATRIX && bytes > limit)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "measurement: by matrices, an object of %d x %d on a grid of %d x %d and "
                          "%d pupil boxes of %d x %d need "
                          "%.0f MB, the limit is %.0f MB; choose the method auto or fft, or a "
                          "smaller object, box or batch",
                          p->obj_h, p->obj_w, p->grid_h, p->grid_w, p->batch, p->box_h, p->box_w,
                          1e-6 * bytes, 1e-6 * limit);
    prismi_matrix_cost(p, &fft_s, &matrix_s);
    *mx = (struct prismi_matrix){
        .dev = dev, .p = *p, .width = (p->complex_object ? 2 : 1) * p->obj_w};
    mx->used = p->method == PRISM_MEASURE_MATRIX ||
               (p->method == PRISM_MEASURE_AUTO && matrix_s < fft_s && bytes <= limit);
    prismi_log(ctx, prismi_planning(dev) ? PRISM_LOG_TRACE : PRISM_LOG_DEBUG,
               "measurement: %d x %d object, %d boxes of %d x %d, %d x %d grid: using %s; "
               "estimated: FFT %.3g ms, matrices %.3g ms",
               p->obj_h, p->obj_w, p->batch, p->box_h, p->box_w, p->grid_h, p->grid_w,
               mx->used ? "matrices" : "FFT", 1e3 * fft_s, 1e3 * matrix_s);
    return 0;
}

/* ---- the matrices ---- */

/* Bytes of n m reals. */
static size_t reals(const struct prismi_matrix *mx, int n, int m)
{
    return (size_t)n * (size_t)m * prism_dtype_size(mx->p.dtype);
}

void prismi_matrix_plan(struct prismi_matrix *mx, struct prismi_arena *arena)
{
    const struct prism_measure_params *p = &mx->p;

    prismi_arena_add(arena, reals(mx, p->grid_h + p->box_h - 1, 2 * p->obj_h), &mx->all_down);
    prismi_arena_add(arena, reals(mx, p->grid_w + p->box_w - 1, 4 * mx->width), &mx->all_across);
    prismi_arena_add(arena, p->batch * reals(mx, p->box_h, 2 * p->obj_h), &mx->down);
    prismi_arena_add(arena, p->batch * reals(mx, p->box_w, 4 * mx->width), &mx->across);
    prismi_arena_add(arena, p->batch * reals(mx, p->box_h, 2 * mx->width), &mx->rows);
}

/* Matrix rows of frequency k for the columns: real parts, then imaginary parts
 * of the phases of the object's samples. */
static void fill_down(const struct prismi_matrix *mx, int k, const double *roots, double *to)
{
    const int n = mx->p.grid_h, count = mx->p.obj_h;

    for (int i = 0; i < count; i++) {
        const double *z = roots + 2 * ((int64_t)k * (n / 2 - count / 2 + i) % n);
        to[i] = z[0];
        to[count + i] = z[1];
    }
}

/* Matrix rows of frequency k for the rows a + i c: what a and c contribute to
 * the real part, then to the imaginary part. For a complex object a and c are
 * complex themselves. */
static void fill_across(const struct prismi_matrix *mx, int k, const double *roots, double *to)
{
    const int n = mx->p.grid_w, count = mx->p.obj_w, width = mx->width;
    double *re_a = to, *re_c = re_a + width, *im_a = re_c + width, *im_c = im_a + width;

    for (int i = 0; i < count; i++) {
        const double *z = roots + 2 * ((int64_t)k * (n / 2 - count / 2 + i) % n);
        const int at = i * (width / count);
        re_a[at] = z[0];
        im_a[at] = z[1];
        re_c[at] = -z[1];
        im_c[at] = z[0];
        if (width > count) {
            re_a[at + 1] = -z[1];
            im_a[at + 1] = z[0];
            re_c[at + 1] = -z[0];
            im_c[at + 1] = -z[1];
        }
    }
}

/* Fill `rows` matrix rows of `width` reals: frequencies 0 to n-1, then again
 * from 0 for boxes that begin among the last ones. */
static int fill(const struct prismi_matrix *mx, int n, int rows, int width, prism_mem to,
                void (*row)(const struct prismi_matrix *, int, const double *, double *))
{
    double *roots = prismi_alloc((size_t)n, 2 * sizeof *roots),
           *values = prismi_alloc((size_t)width, sizeof *values);
    int status = 0;

    if (!roots || !values)
        status = PRISM_FAIL(prismi_dev_ctx(mx->dev), PRISM_ENOMEM,
                            "measurement: no memory for the roots of unity of order %d", n);
    for (int j = 0; j < n && !status; j++)
        prismi_exp_turns(-(double)j / n, &roots[2 * j], &roots[2 * j + 1]);
    for (int i = 0; i < rows && !status; i++) {
        row(mx, i, roots, values);
        status =
            prismi_dev_put(mx->dev, to + reals(mx, i, width), mx->p.dtype, values, (size_t)width);
    }
    prismi_free(roots);
    prismi_free(values);
    return status;
}

int prismi_matrix_fill(struct prismi_matrix *mx)
{
    const struct prism_measure_params *p = &mx->p;

    if (prismi_planning(mx->dev))
        return 0;
    PRISM_TRY(fill(mx, p->grid_h, p->grid_h + p->box_h - 1, 2 * p->obj_h, mx->all_down, fill_down));
    return fill(mx, p->grid_w, p->grid_w + p->box_w - 1, 4 * mx->width, mx->all_across,
                fill_across);
}

int prismi_matrix_aim(struct prismi_matrix *mx, int b, int y0, int x0)
{
    const struct prism_measure_params *p = &mx->p;
    const size_t down = reals(mx, 1, 2 * p->obj_h), across = reals(mx, 1, 4 * mx->width);
    const size_t rows = (size_t)p->box_h * down, columns = (size_t)p->box_w * across;

    PRISM_TRY(mx->dev->ops->copy(mx->dev, mx->down + (size_t)b * rows,
                                 mx->all_down + (size_t)y0 * down, rows));
    return mx->dev->ops->copy(mx->dev, mx->across + (size_t)b * columns,
                              mx->all_across + (size_t)x0 * across, columns);
}

/* ---- run ---- */

static int product(const struct prismi_matrix *mx, int m, int n, int k, bool ta, bool tb,
                   prism_mem c, prism_mem a, prism_mem b)
{
    const struct prism_gemm_desc d = {mx->p.dtype, m, n, k, ta, tb, 1, 0};
    return mx->dev->ops->gemm(mx->dev, &d, c, a, b);
}

int prismi_matrix_forward(struct prismi_matrix *mx, prism_mem boxes, prism_mem x)
{
    const struct prism_measure_params *p = &mx->p;
    const int rows = 2 * p->box_h, width = mx->width;

    PRISM_TRY(product(mx, p->batch * rows, width, p->obj_h, false, false, mx->rows, mx->down, x));
    for (int b = 0; b < p->batch; b++)
        PRISM_TRY(product(mx, p->box_h, 2 * p->box_w, 2 * width, false, true,
                          boxes + b * reals(mx, rows, p->box_w),
                          mx->rows + b * reals(mx, rows, width),
                          mx->across + b * reals(mx, 4 * p->box_w, width)));
    return 0;
}

int prismi_matrix_adjoint(struct prismi_matrix *mx, prism_mem x, prism_mem boxes)
{
    const struct prism_measure_params *p = &mx->p;
    const int rows = 2 * p->box_h, width = mx->width;

    for (int b = 0; b < p->batch; b++)
        PRISM_TRY(product(mx, p->box_h, 2 * width, 2 * p->box_w, false, false,
                          mx->rows + b * reals(mx, rows, width),
                          boxes + b * reals(mx, rows, p->box_w),
                          mx->across + b * reals(mx, 4 * p->box_w, width)));
    return product(mx, p->obj_h, width, p->batch * rows, true, false, x, mx->down, mx->rows);
}
