/* Problems of the linear entries. Limits are c sqrt(k), where k is the number
 * of terms in a sum and c = 4: a sum of k random products accumulated in order
 * is off by about eps sqrt(k)/2 relative to the largest of many such sums. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INT(key, fallback) case_int(p->text, key, fallback)

static enum prism_dtype cplx(const struct problem *p)
{
    return prism_dtype_complex(p->dtype);
}

/* ---- copy: the second half through addresses at an offset ---- */

static int copy_run(struct prism_dev *dev, const struct problem *p, void *plan,
                    const prism_mem *mem)
{
    size_t size = prism_dtype_size(p->dtype), n = p->operand[0].n, half = n / 2;
    int status = dev->ops->copy(dev, mem[0], mem[1], half * size);

    (void)plan;
    return status
               ? status
               : dev->ops->copy(dev, mem[0] + half * size, mem[1] + half * size, (n - half) * size);
}

static void copy_build(struct problem *p)
{
    operand_add(p, REAL, OUT, (size_t)INT("n", 1), 0);
    operand_random(p, REAL, IN, (size_t)INT("n", 1), 0);
    p->run = copy_run;
}

/* ---- fft: both signs, one after the other ----
 *
 * With a support, the columns that are not needed are then multiplied by 0. */

struct fft_plan {
    struct prism_fft *fft;
    prism_mem support, factors;
};

static bool has_support(const struct problem *p)
{
    return INT("rows", -1) >= 0;
}

/* Support of transform t, counted over both signs; each has its own. */
static void fft_support(const struct problem *p, int t, int32_t out[4])
{
    out[0] = (INT("top", 0) + t) % INT("h", 1);
    out[1] = INT("rows", 0);
    out[2] = (INT("left", 0) + 2 * t) % INT("w", 1);
    out[3] = INT("cols", 0);
}

static void fft_destroy(struct prism_dev *dev, void *plan)
{
    struct fft_plan *f = plan;

    if (!f)
        return;
    dev->ops->fft_destroy(f->fft);
    if (f->support)
        dev->ops->release(dev, f->support);
    if (f->factors)
        dev->ops->release(dev, f->factors);
    free(f);
}

/* Writes factors [2,h+w] cplx, the same numbers in every precision. */
static int put_factors(struct prism_dev *dev, const struct problem *p, prism_mem *out)
{
    const size_t n = 4 * ((size_t)INT("h", 1) + (size_t)INT("w", 1)),
                 size = prism_dtype_size(p->dtype);
    int status = dev->ops->alloc(dev, n * size, out);

    for (size_t i = 0; !status && i < n; i++) {
        const float f32 = (float)(2 * test_noise(5, i) - 1);
        const double f64 = f32;
        status = dev->ops->write(dev, *out + i * size,
                                 size == sizeof f64 ? (const void *)&f64 : &f32, size);
    }
    return status;
}

static int fft_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_fft_desc d = {cplx(p), INT("b", 1), INT("h", 1), INT("w", 1), NULL, NULL};
    struct fft_plan *f = calloc(1, sizeof *f);
    int status = f ? 0 : PRISM_ENOMEM;
    int32_t s[4];

    if (!status && has_support(p))
        status = dev->ops->alloc(dev, 2 * (size_t)d.batch * sizeof s, &f->support);
    for (int t = 0; !status && has_support(p) && t < 2 * d.batch; t++) {
        fft_support(p, t, s);
        status = dev->ops->write(dev, f->support + (size_t)t * sizeof s, s, sizeof s);
    }
    if (!status && case_has(p->text, "factors"))
        status = put_factors(dev, p, &f->factors);
    if (!status) {
        d.support = f->support;
        d.factors = f->factors;
        status = dev->ops->fft_create(dev, &d, &f->fft);
    }
    if (status) {
        fft_destroy(dev, f);
        f = NULL;
    }
    *plan = f;
    return status;
}

static int fft_run(struct prism_dev *dev, const struct problem *p, void *plan, const prism_mem *mem)
{
    struct prism_fft *fft = ((struct fft_plan *)plan)->fft;
    size_t b = (size_t)INT("b", 1), h = (size_t)INT("h", 1), w = (size_t)INT("w", 1),
           size = prism_dtype_size(cplx(p));
    int status = dev->ops->fft_run(fft, -1, mem[0], mem[1]);

    if (!status)
        status = dev->ops->fft_run(fft, +1, mem[2], mem[3]);
    for (size_t t = 0; !status && has_support(p) && t < 2 * b; t++) {
        prism_mem y = mem[t < b ? 0 : 2] + t % b * h * w * size;
        const struct prism_map_args a = {.y = {y}, .x = {y, mem[4] + t * w * size}, .s = {1}};
        status = dev->ops->map(dev, PRISM_MAP_C_MUL_COL, p->dtype, h, w, &a);
    }
    return status;
}

/* Clears the rows that the support leaves out, and appends the columns that it
 * needs as an operand of ones and zeros. `from` is the first transform that has
 * data. */
static void fft_restrict(struct problem *p, int from)
{
    int b = INT("b", 1), h = INT("h", 1), w = INT("w", 1),
        wanted = operand_random(p, CPLX, IN, 4 * (size_t)b * (size_t)w, 0);
    int32_t s[4];

    for (int t = 0; t < 2 * b; t++) {
        double *x = p->operand[t < b ? 1 : 3].value + 2 * (size_t)(t % b) * (size_t)h * (size_t)w;
        fft_support(p, t, s);
        for (int i = 0; t >= from && i < h; i++)
            for (int j = 0; j < 2 * w && (i - s[0] + h) % h >= s[1]; j++)
                x[(size_t)i * 2 * (size_t)w + (size_t)j] = 0;
        for (int j = 0; j < w; j++) {
            p->operand[wanted].value[2 * (t * w + j)] = (j - s[2] + w) % w < s[3];
            p->operand[wanted].value[2 * (t * w + j) + 1] = 0;
        }
    }
}

/* Terms added per sample: the sum of the prime factors of n. */
static double fft_terms(int n)
{
    double sum = 0;

    for (int q = 2; n > 1; q++)
        for (; n % q == 0; n /= q)
            sum += q;
    return sum;
}

static void fft_build(struct problem *p)
{
    size_t n = 2 * (size_t)INT("b", 1) * (size_t)INT("h", 1) * (size_t)INT("w", 1);
    double limit = 4 * sqrt(1 + fft_terms(INT("h", 1)) + fft_terms(INT("w", 1)));

    for (int i = 0; i < 2; i++) {
        int y = operand_add(p, CPLX, OUT, n, limit), x = operand_random(p, CPLX, IN, n, 0);
        p->operand[y].same_as = case_has(p->text, "inplace") ? x : -1;
    }
    if (has_support(p))
        fft_restrict(p, 0);
    p->create = fft_create;
    p->run = fft_run;
    p->destroy = fft_destroy;
}

/* ---- spectrum: of an object in the middle, and back ----
 *
 * With a support, its first transform restricts the output, its second the
 * input. */

static struct prism_spectrum_desc spectrum_desc(const struct problem *p)
{
    return (struct prism_spectrum_desc){case_has(p->text, "cplx") ? cplx(p) : p->dtype, INT("h", 1),
                                        INT("w", 1), INT("oh", 1), INT("ow", 1)};
}

static int spectrum_run(struct prism_dev *dev, const struct problem *p, void *plan,
                        const prism_mem *mem)
{
    const struct prism_spectrum_desc d = spectrum_desc(p);
    struct prism_fft *fft = ((struct fft_plan *)plan)->fft;
    const struct prism_spectrum_args there = {mem[0], mem[1], mem[4]},
                                     back = {mem[3], mem[2], mem[4]};
    const struct prism_map_args wanted = {.y = {mem[0]}, .x = {mem[0], mem[5]}, .s = {1}};
    int status = dev->ops->spectrum_fwd(dev, &d, fft, &there);

    if (!status && has_support(p))
        status =
            dev->ops->map(dev, PRISM_MAP_C_MUL_COL, p->dtype, (size_t)d.h, (size_t)d.w, &wanted);
    return status ? status : dev->ops->spectrum_adj(dev, &d, fft, &back);
}

/* Builds a spectrum. fft_restrict() takes operand 3 for the second transform's
 * input, and appends operand 5. */
static void spectrum_build(struct problem *p)
{
    const struct prism_spectrum_desc d = spectrum_desc(p);
    const enum kind kind = case_has(p->text, "cplx") ? CPLX : REAL;
    size_t grid = 2 * (size_t)d.h * (size_t)d.w,
           object = (kind == CPLX ? 2 : 1) * (size_t)d.oh * (size_t)d.ow;
    double limit = 4 * sqrt(1 + fft_terms(d.h) + fft_terms(d.w));

    /* finite in the columns that are not needed */
    operand_fill(p, operand_add(p, CPLX, has_support(p) ? INOUT : OUT, grid, limit), 0, 0);
    operand_random(p, kind, IN, object, 0);
    operand_add(p, kind, OUT, object, limit);
    operand_random(p, CPLX, CLOBBER, grid, 0);
    operand_add(p, CPLX, SCRATCH, 2 * (size_t)d.oh * (size_t)d.ow, 0);
    if (has_support(p))
        fft_restrict(p, 1);
    p->create = fft_create;
    p->run = spectrum_run;
    p->destroy = fft_destroy;
    p->fused = true;
}

/* ---- conv: forward and both gradients ---- */

struct prism_conv_desc problem_conv(const struct problem *p)
{
    return (struct prism_conv_desc){.dtype = p->dtype,
                                    .n = INT("n", 1),
                                    .cin = INT("cin", 1),
                                    .h = INT("h", 1),
                                    .w = INT("w", 1),
                                    .cout = INT("cout", 1),
                                    .k = INT("k", 1),
                                    .stride = INT("s", 1),
                                    .pad = INT("p", 0),
                                    .tf32 = case_has(p->text, "tf32")};
}

static int conv_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_conv_desc d = problem_conv(p);
    struct prism_conv *conv = NULL;
    int status = dev->ops->conv_create(dev, &d, &conv);

    *plan = conv;
    return status;
}

static int conv_run(struct prism_dev *dev, const struct problem *p, void *plan,
                    const prism_mem *mem)
{
    int status = dev->ops->conv_fwd(plan, mem[0], mem[3], mem[4]);

    (void)p;
    if (!status)
        status = dev->ops->conv_bwd_x(plan, mem[1], mem[5], mem[4]);
    return status ? status : dev->ops->conv_bwd_w(plan, mem[2], mem[5], mem[3]);
}

static void conv_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->conv_destroy(plan);
}

static void conv_build(struct problem *p)
{
    struct prism_conv_desc d = problem_conv(p);
    size_t pixels = (size_t)prism_conv_out(&d, d.h) * (size_t)prism_conv_out(&d, d.w),
           taps = (size_t)d.k * (size_t)d.k;
    size_t n = (size_t)d.n, x = n * (size_t)d.cin * (size_t)d.h * (size_t)d.w,
           y = n * (size_t)d.cout * pixels, w = (size_t)(d.cin * d.cout) * taps;

    operand_add(p, HALF, OUT, y, 4 * sqrt((double)((size_t)d.cin * taps)));
    operand_add(p, HALF, OUT, x, 4 * sqrt((double)((size_t)d.cout * taps)));
    operand_add(p, REAL, OUT, w, 4 * sqrt((double)(n * pixels)));
    operand_random(p, HALF, IN, x, 0);
    operand_random(p, HALF, IN, w, 0);
    operand_random(p, HALF, IN, y, 0);
    /* Each factor of a product loses up to 2^-11, or 2^-10 if it is truncated.
     * A sum of many products is off by that much relative to the largest of
     * such sums, however many products there are. */
    for (int i = 0; i < 3 && d.tf32; i++)
        p->operand[i].limit += 0x1p-9;
    p->create = conv_create;
    p->run = conv_run;
    p->destroy = conv_destroy;
}

/* ---- gemm ---- */

struct prism_gemm_desc problem_gemm(const struct problem *p)
{
    return (struct prism_gemm_desc){p->dtype,
                                    INT("m", 1),
                                    INT("n", 1),
                                    INT("k", 1),
                                    case_has(p->text, "ta"),
                                    case_has(p->text, "tb"),
                                    INT("alpha", 1),
                                    INT("beta", 0)};
}

static int gemm_run(struct prism_dev *dev, const struct problem *p, void *plan,
                    const prism_mem *mem)
{
    struct prism_gemm_desc d = problem_gemm(p);

    (void)plan;
    return dev->ops->gemm(dev, &d, mem[0], mem[1], mem[2]);
}

static void gemm_build(struct problem *p)
{
    struct prism_gemm_desc d = problem_gemm(p);
    size_t m = (size_t)d.m, n = (size_t)d.n, k = (size_t)d.k;
    double limit = 4 * sqrt((double)k) + 1;

    /* with beta = 0, C is NaN before: it must not be read */
    if (d.beta != 0)
        operand_random(p, REAL, INOUT, m * n, limit);
    else
        operand_add(p, REAL, OUT, m * n, limit);
    operand_random(p, REAL, IN, m * k, 0);
    operand_random(p, REAL, IN, k * n, 0);
    p->run = gemm_run;
}

/* ---- window ---- */

static int window_run(struct prism_dev *dev, const struct problem *p, void *plan,
                      const prism_mem *mem)
{
    struct prism_window_desc d = {case_has(p->text, "cplx") ? cplx(p) : p->dtype,
                                  INT("n", 1),
                                  INT("hy", 1),
                                  INT("wy", 1),
                                  INT("hx", 1),
                                  INT("wx", 1),
                                  INT("dy", 0),
                                  INT("dx", 0)};

    (void)plan;
    return dev->ops->window(dev, &d, mem[0], mem[1]);
}

static void window_build(struct problem *p)
{
    enum kind kind = case_has(p->text, "cplx") ? CPLX : REAL;
    size_t n = (size_t)INT("n", 1) * (kind == CPLX ? 2 : 1);

    operand_add(p, kind, OUT, n * (size_t)INT("hy", 1) * (size_t)INT("wy", 1), 0);
    operand_random(p, kind, IN, n * (size_t)INT("hx", 1) * (size_t)INT("wx", 1), 0);
    p->run = window_run;
}

/* ---- sub-apertures ----
 *
 * The table has four pupils, whose origins cross every edge; some pupils are
 * used twice and some never. */

enum { PUPILS = 4 };

static struct prism_subaperture_desc aperture_desc(const struct problem *p)
{
    return (struct prism_subaperture_desc){cplx(p),      INT("b", 1),  INT("h", 1),  INT("w", 1),
                                           INT("oh", 1), INT("ow", 1), INT("ph", 1), INT("pw", 1)};
}

static int subaperture_run(struct prism_dev *dev, const struct problem *p, void *plan,
                           const prism_mem *mem)
{
    struct prism_subaperture_desc d = aperture_desc(p);
    struct prism_subaperture_args a = {mem[0],
                                       mem[1],
                                       mem[2],
                                       mem[3],
                                       mem[4],
                                       INT("beta", 0),
                                       case_has(p->text, "open") ? mem[5] : NULL,
                                       INT("rows", 0) ? mem[6] : NULL,
                                       case_has(p->text, "sparse")};

    (void)plan;
    return p->kind ? dev->ops->subaperture_adj(dev, &d, &a)
                   : dev->ops->subaperture_fwd(dev, &d, &a);
}

/* Closes the pupils but for half their rows and columns, each in another place;
 * one is closed altogether. */
static void pupils_restrict(struct problem *p, double *pupil)
{
    int ph = INT("ph", 1), pw = INT("pw", 1);
    double *open = p->operand[operand_random(p, INDEX, IN, 4 * PUPILS, 0)].value;

    for (int a = 0; a < PUPILS; a++, open += 4) {
        open[0] = a * ph / 2 / PUPILS;
        open[1] = a == 1 ? 0 : ph / 2;
        open[2] = a * pw / 2 / PUPILS;
        open[3] = pw / 2;
        for (int i = 0; i < ph; i++)
            for (int j = 0; j < pw; j++, pupil += 2)
                if (i < open[0] || i >= open[0] + open[1] || j < open[2] || j >= open[2] + open[3])
                    pupil[0] = pupil[1] = 0;
    }
}

/* Appends pupil, origin, index and, with `open`, the table of open parts: the
 * last inputs. Returns the index of the pupil. */
static int pupils_add(struct problem *p)
{
    int pupil =
        operand_random(p, CPLX, IN, 2 * PUPILS * (size_t)INT("ph", 1) * (size_t)INT("pw", 1), 0);
    int origin = operand_random(p, INDEX, IN, 2 * PUPILS, 0),
        index = operand_random(p, INDEX, IN, (size_t)INT("b", 1), 0);

    for (int a = 0; a < PUPILS; a++)
        for (int axis = 0; axis < 2; axis++) {
            int n = axis ? INT("w", 1) : INT("h", 1);
            p->operand[origin].value[2 * a + axis] = a == 0   ? 0
                                                     : a == 1 ? n - 1
                                                     : a == 2 ? -(n / 2)
                                                              : n / 3;
        }
    for (int b = 0; b < INT("b", 1); b++)
        p->operand[index].value[b] = b % 3 + 1;
    if (case_has(p->text, "open"))
        pupils_restrict(p, p->operand[pupil].value);
    return pupil;
}

static void subaperture_build(struct problem *p, bool adjoint)
{
    size_t field = 2 * (size_t)INT("b", 1) * (size_t)INT("oh", 1) * (size_t)INT("ow", 1);
    size_t spectrum = 2 * (size_t)INT("h", 1) * (size_t)INT("w", 1);
    double limit = adjoint ? 4 * sqrt(INT("b", 1)) + 1 : 4;

    p->kind = adjoint;
    if (adjoint) {
        operand_random(p, CPLX, IN, field, 0);
        if (INT("beta", 0))
            operand_random(p, CPLX, INOUT, spectrum, limit);
        else if (INT("rows", 0)) /* zeros before, because the other rows may be written or not */
            operand_fill(p, operand_add(p, CPLX, INOUT, spectrum, limit), 0, 0);
        else
            operand_add(p, CPLX, OUT, spectrum, limit);
    } else {
        /* zeros before, because closed rows may be left unwritten */
        if (case_has(p->text, "sparse"))
            operand_fill(p, operand_add(p, CPLX, INOUT, field, limit), 0, 0);
        else
            operand_add(p, CPLX, OUT, field, limit);
        operand_random(p, CPLX, IN, spectrum, 0);
    }
    pupils_add(p);
    if (INT("rows", 0)) {
        double *rows = p->operand[operand_random(p, INDEX, IN, 2, 0)].value;
        rows[0] = INT("top", 0);
        rows[1] = INT("rows", 0);
    }
    p->run = subaperture_run;
}

/* ---- misfit of the fields behind sub-apertures ---- */

static int field_misfit_create(struct prism_dev *dev, const struct problem *p, void **plan)
{
    struct prism_subaperture_desc a = aperture_desc(p);
    struct prism_fft_desc d = {a.dtype, a.batch, a.oh, a.ow, NULL, NULL};

    return dev->ops->fft_create(dev, &d, (struct prism_fft **)plan);
}

static void field_misfit_destroy(struct prism_dev *dev, void *plan)
{
    dev->ops->fft_destroy(plan);
}

static int field_misfit_run(struct prism_dev *dev, const struct problem *p, void *plan,
                            const prism_mem *mem)
{
    struct prism_field_misfit_desc d = {aperture_desc(p), (enum prism_misfit)p->kind};
    struct prism_field_misfit_args a = {.loss = mem[0],
                                        .gspectrum = mem[1],
                                        .spectrum = mem[2],
                                        .target = mem[3],
                                        .weight = mem[4],
                                        .u = mem[5],
                                        .tmp = mem[6],
                                        .pupil = mem[7],
                                        .origin = mem[8],
                                        .index = mem[9],
                                        .open = case_has(p->text, "open") ? mem[10] : NULL};

    return dev->ops->field_misfit(dev, &d, plan, &a);
}

/* Builds a field misfit. As in misfit, amplitudes keep away from their targets:
 * pupils are so small that |u| < 2, and targets are 0 or above 3. The smallest
 * |u| decides how ill-conditioned a phase u/|u| is, which gives the limit of
 * the gradient. */
static int field_misfit_build(struct problem *p)
{
    struct prism_subaperture_desc a = aperture_desc(p);
    size_t field = (size_t)a.oh * (size_t)a.ow, batch = (size_t)a.batch,
           box = (size_t)a.ph * (size_t)a.pw;

    p->kind = case_index(p->text, 1, case_misfit_names, PRISM_MISFIT_COUNT);
    if (p->kind < 0)
        return -1;
    operand_add(p, REAL, OUT, batch, 4 * sqrt((double)field) + 8);
    operand_add(p, CPLX, OUT, 2 * (size_t)a.h * (size_t)a.w, 64);
    int spectrum = operand_random(p, CPLX, IN, 2 * (size_t)a.h * (size_t)a.w, 0);
    p->operand[1].same_as = case_has(p->text, "inplace") ? spectrum : -1;
    int target = operand_add(p, REAL, IN, PUPILS * field, 0);
    operand_fill(p, target, 3, 4);
    for (size_t k = 0; k < PUPILS * field; k += 3)
        p->operand[target].value[k] = 0;
    operand_fill(p, operand_add(p, REAL, IN, PUPILS, 0), 0.1, 1.1);
    operand_add(p, CPLX, SCRATCH, 2 * batch * field, 0);
    operand_add(p, REAL, SCRATCH, 2 * batch * field + batch, 0);
    int pupil = pupils_add(p);
    for (size_t k = 0; k < 2 * PUPILS * box; k++)
        p->operand[pupil].value[k] = (float)(p->operand[pupil].value[k] / (double)box);
    p->create = field_misfit_create;
    p->run = field_misfit_run;
    p->destroy = field_misfit_destroy;
    p->fused = true;
    return 0;
}

/* ---- blur ---- */

static int blur_run(struct prism_dev *dev, const struct problem *p, void *plan,
                    const prism_mem *mem)
{
    struct prism_blur_desc d = {p->dtype,    INT("n", 1),      INT("h", 1),
                                INT("w", 1), INT("radius", 0), case_has(p->text, "adjoint")};

    (void)plan;
    return dev->ops->blur(dev, &d, mem[0], mem[1], mem[2], mem[3]);
}

static void blur_build(struct problem *p)
{
    size_t n = (size_t)INT("n", 1) * (size_t)INT("h", 1) * (size_t)INT("w", 1),
           radius = (size_t)INT("radius", 0);
    int taps;

    operand_add(p, REAL, OUT, n, 4 * sqrt(4.0 * (double)radius + 2));
    operand_random(p, REAL, IN, n, 0);
    operand_add(p, REAL, SCRATCH, n, 0);
    taps = operand_random(p, REAL, IN, 2 * radius + 1, 0);
    for (size_t t = 0; t < radius; t++)
        p->operand[taps].value[2 * radius - t] = p->operand[taps].value[t];
    p->run = blur_run;
}

int build_linear(struct problem *p)
{
    char op[CASE_TEXT];

    case_word(p->text, 0, op);
    if (!strcmp(op, "copy"))
        copy_build(p);
    else if (!strcmp(op, "fft"))
        fft_build(p);
    else if (!strcmp(op, "spectrum"))
        spectrum_build(p);
    else if (!strcmp(op, "conv"))
        conv_build(p);
    else if (!strcmp(op, "gemm"))
        gemm_build(p);
    else if (!strcmp(op, "window"))
        window_build(p);
    else if (!strcmp(op, "subaperture_fwd") || !strcmp(op, "subaperture_adj"))
        subaperture_build(p, op[12] == 'a');
    else if (!strcmp(op, "field_misfit"))
        return field_misfit_build(p);
    else if (!strcmp(op, "blur"))
        blur_build(p);
    else
        return -1;
    return 0;
}
