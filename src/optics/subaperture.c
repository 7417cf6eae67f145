/* Fields behind sub-apertures of one object's spectrum.
 *
 * Along an axis let N be the samples of the grid, F those of the field, N/2 the
 * object's centre, k0 - box/2 the first frequency of the aperture's box, and X
 * the plain transform of the object on the grid. The inverse transform of the
 * window around k0 is
 *   u[m] = (1/N) sum_q P[q] X[k0 + q] exp(2 pi i q m/F)
 *        = exp(-2 pi i k0 m/F) g(m N/F),
 * the filtered image g at every (N/F)-th position, up to a phase ramp. The
 * pupil table contains 1/N, so values keep their scale. The object's centre
 * lies at m = (N/2) F/N, which is F/2 for even sizes. For odd sizes it is a
 * fraction of a pixel away from F/2 (integer division), and the table contains
 * the linear phase that moves it there. No data are shifted.
 *
 * The supports tell the transforms what to leave out: the object fills only
 * some rows and columns of the grid, and the open pixels of the selected
 * apertures only part of their box. Where it is faster, dense products compute
 * each aperture's box directly from the object (matrix.c), and there is no
 * spectrum of the grid. */
#include "optics/subaperture.h"

#include <math.h>
#include <string.h>

/* ---- parameters ---- */

static int check_sides(struct prism_ctx *ctx, const char *name, int h, int w,
                       const char *limit_name, int limit_h, int limit_w)
{
    if (h < 1 || w < 1 || h > limit_h || w > limit_w)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "measurement: the %s is %d x %d; give sides from 1 to those of the %s, %d x %d", name,
            h, w, limit_name, limit_h, limit_w);
    return 0;
}

static int check_params(struct prism_ctx *ctx, const struct prism_dev *dev,
                        const struct prism_measure_params *p)
{
    if (p->dtype != PRISM_F32 && p->dtype != PRISM_F64)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "measurement: dtype %d is not real; use PRISM_F32 or PRISM_F64",
                          (int)p->dtype);
    if (!(dev->caps.dtypes & (1u << p->dtype)))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "measurement: this device (%s) has no %s; use %s",
                          dev->caps.device, p->dtype == PRISM_F64 ? "PRISM_F64" : "PRISM_F32",
                          p->dtype == PRISM_F64 ? "PRISM_F32" : "PRISM_F64");
    PRISM_TRY(check_sides(ctx, "grid", p->grid_h, p->grid_w, "largest grid", PRISMI_SIDE_MAX,
                          PRISMI_SIDE_MAX));
    PRISM_TRY(check_sides(ctx, "object", p->obj_h, p->obj_w, "grid", p->grid_h, p->grid_w));
    PRISM_TRY(check_sides(ctx, "field", p->field_h, p->field_w, "grid", p->grid_h, p->grid_w));
    PRISM_TRY(check_sides(ctx, "pupil box", p->box_h, p->box_w, "field", p->field_h, p->field_w));
    if (p->n_apertures < 1 || p->n_apertures > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: n_apertures is %d; give 1 to %d",
                          p->n_apertures, PRISMI_PATTERN_MAX);
    if (p->batch < 1 || p->batch > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "measurement: batch is %d; give 1 to %d", p->batch,
                          PRISMI_PATTERN_MAX);
    if ((int)p->method < 0 || p->method >= PRISM_MEASURE_METHOD_COUNT)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "measurement: method %d is unknown; use one of enum prism_measure_method",
                          (int)p->method);
    return 0;
}

static struct prism_measure_params resolve(const struct prism_measure_params *given)
{
    struct prism_measure_params p = given ? *given : (struct prism_measure_params){0};
    p.grid_h = p.grid_h ? p.grid_h : 128;
    p.grid_w = p.grid_w ? p.grid_w : p.grid_h;
    p.obj_h = p.obj_h ? p.obj_h : (p.grid_h + 1) / 2;
    p.obj_w = p.obj_w ? p.obj_w : (p.grid_w + 1) / 2;
    p.n_apertures = p.n_apertures ? p.n_apertures : 1;
    p.batch = p.batch ? p.batch : p.n_apertures;
    p.field_h = p.field_h ? p.field_h : p.grid_h;
    p.field_w = p.field_w ? p.field_w : p.grid_w;
    p.box_h = p.box_h ? p.box_h : p.grid_h;
    p.box_w = p.box_w ? p.box_w : p.grid_w;
    return p;
}

static int allocate(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const size_t size = prism_dtype_size(m->cplx), box = box_pixels(m);

    m->table = prismi_alloc(box, 2 * sizeof(*m->table));
    m->mask = prismi_alloc(box, sizeof(*m->mask));
    m->open = prismi_alloc((size_t)p->n_apertures, sizeof(*m->open));
    m->where = prismi_alloc((size_t)p->n_apertures, sizeof(*m->where));
    m->host_uses = prismi_alloc(1, uses_bytes(m));
    if (!m->table || !m->mask || !m->open || !m->where || !m->host_uses)
        return PRISM_FAIL(prismi_dev_ctx(m->dev), PRISM_ENOMEM,
                          "measurement: no memory for a %d x %d pupil", p->box_h, p->box_w);
    m->arena.owner = PRISMI_OWNER_FFT;
    if (m->matrix.used)
        prismi_matrix_plan(&m->matrix, &m->arena);
    prismi_arena_add(&m->arena,
                     (m->matrix.used ? p->batch * box : (size_t)p->grid_h * p->grid_w) * size,
                     &m->spectrum);
    if (!m->matrix.used && !p->complex_object)
        prismi_arena_add(&m->arena, (size_t)p->obj_h * p->obj_w * size, &m->object);
    m->arena.owner = PRISMI_OWNER_APERTURES;
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * box * size, &m->pupil);
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * 2 * sizeof(int32_t), &m->origin);
    prismi_arena_add(&m->arena, (size_t)p->n_apertures * 4 * sizeof(int32_t), &m->opening);
    prismi_arena_add(&m->arena, uses_bytes(m), &m->uses);
    return prismi_arena_bind(&m->arena, m->dev);
}

static int build(struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    struct prism_fft_desc grid = {m->cplx, 1, p->grid_h, p->grid_w, NULL, NULL};
    struct prism_fft_desc field = {m->cplx, p->batch, p->field_h, p->field_w, NULL, NULL};

    PRISM_TRY(prismi_matrix_choose(m->dev, p, &m->matrix));
    PRISM_TRY(allocate(m));
    grid.support = m->uses;
    field.support = m->uses + 8 * sizeof(int32_t);
    PRISM_TRY(m->matrix.used ? prismi_matrix_fill(&m->matrix)
                             : m->dev->ops->fft_create(m->dev, &grid, &m->grid_fft));
    PRISM_TRY(m->dev->ops->fft_create(m->dev, &field, &m->field_fft));
    for (int b = 0; b < p->batch; b++)
        index_of(m)[b] = b % p->n_apertures;
    return prismi_subaperture_uses(m);
}

/* ---- run ---- */

static struct prism_subaperture_desc subaperture(const struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    const bool boxes = m->matrix.used;
    return (struct prism_subaperture_desc){.dtype = m->cplx,
                                           .batch = p->batch,
                                           .h = boxes ? p->batch * p->box_h : p->grid_h,
                                           .w = boxes ? p->box_w : p->grid_w,
                                           .oh = p->field_h,
                                           .ow = p->field_w,
                                           .ph = p->box_h,
                                           .pw = p->box_w};
}

/* The shapes of the transform between object and grid. */
static struct prism_spectrum_desc of_object(const struct prism_measure *m)
{
    const struct prism_measure_params *p = &m->p;
    return (struct prism_spectrum_desc){p->complex_object ? m->cplx : p->dtype, p->grid_h,
                                        p->grid_w, p->obj_h, p->obj_w};
}

/* The rows that the adjoint needs: part of grid_fft's second support. NULL with
 * matrices. */
static prism_mem rows_looked_at(const struct prism_measure *m)
{
    return m->matrix.used ? NULL : m->uses + 4 * sizeof(int32_t);
}

static int spectrum_of(struct prism_measure *m, prism_mem x)
{
    const struct prism_spectrum_desc desc = of_object(m);
    const struct prism_spectrum_args args = {m->spectrum, x, m->object};

    if (m->matrix.used)
        return prismi_matrix_forward(&m->matrix, m->spectrum, x);
    return m->dev->ops->spectrum_fwd(m->dev, &desc, m->grid_fft, &args);
}

static struct prism_subaperture_args cuts(const struct prism_measure *m, prism_mem u)
{
    return (struct prism_subaperture_args){
        u, m->spectrum, m->pupil,          m->origin, prism_measure_index(m),
        0, m->opening,  rows_looked_at(m), true};
}

/* Compute the fields' spectra. */
static int cut_out(struct prism_measure *m, prism_mem u)
{
    const struct prism_subaperture_desc desc = subaperture(m);
    const struct prism_subaperture_args args = cuts(m, u);
    return m->dev->ops->subaperture_fwd(m->dev, &desc, &args);
}

static int fields_of(struct prism_measure *m, prism_mem u)
{
    PRISM_TRY(cut_out(m, u));
    return m->dev->ops->fft_run(m->field_fft, +1, u, u);
}

/* ---- entries ---- */

static int forward(struct prism_linop *op, prism_mem u, prism_mem x)
{
    struct prism_measure *m = (struct prism_measure *)op;

    PRISM_TRY(spectrum_of(m, x));
    return fields_of(m, u);
}

/* With matrices only the address is kept: computing a box takes as long for
 * each frame. A transform gives the spectrum for all frames, so its columns
 * must not be limited to the selected ones. */
static int hold(struct prismi_instrument *in, prism_mem x)
{
    struct prism_measure *m = (struct prism_measure *)in;

    if (m->matrix.used)
        return prismi_instrument_hold(in, x);
    m->host_uses[2] = 0;
    m->host_uses[3] = m->p.grid_w;
    PRISM_TRY(m->dev->ops->write(m->dev, m->uses, m->host_uses, uses_bytes(m)));
    PRISM_TRY(spectrum_of(m, x));
    return prismi_subaperture_uses(m);
}

static int fields(struct prismi_instrument *in, prism_mem u)
{
    struct prism_measure *m = (struct prism_measure *)in;
    return m->matrix.used ? prismi_instrument_fields(in, u) : fields_of(m, u);
}

/* Add the fields' spectra u up in the spectrum: the adjoint of cut_out(). */
static int collect(struct prism_measure *m, prism_mem u)
{
    const struct prism_subaperture_desc desc = subaperture(m);
    const struct prism_subaperture_args args = cuts(m, u);
    return m->dev->ops->subaperture_adj(m->dev, &desc, &args);
}

static int misfit_gradient(struct prismi_instrument *in, prism_mem gx)
{
    struct prism_measure *m = (struct prism_measure *)in;
    const struct prism_spectrum_desc desc = of_object(m);
    const struct prism_spectrum_args args = {m->spectrum, gx, m->object};

    if (m->matrix.used)
        return prismi_matrix_adjoint(&m->matrix, gx, m->spectrum);
    return m->dev->ops->spectrum_adj(m->dev, &desc, m->grid_fft, &args);
}

static int adjoint(struct prism_linop *op, prism_mem gx, prism_mem gu)
{
    struct prism_measure *m = (struct prism_measure *)op;

    PRISM_TRY(m->dev->ops->fft_run(m->field_fft, -1, gu, gu));
    PRISM_TRY(collect(m, gu));
    return misfit_gradient(&m->in, gx);
}

static int misfit(struct prismi_instrument *in, prism_mem x, enum prism_misfit kind,
                  const struct prism_field_misfit_args *loss)
{
    struct prism_measure *m = (struct prism_measure *)in;
    const struct prism_field_misfit_desc desc = {subaperture(m), kind};
    struct prism_field_misfit_args args = *loss;

    PRISM_TRY(spectrum_of(m, x));
    args.spectrum = args.gspectrum = m->spectrum;
    args.pupil = m->pupil;
    args.origin = m->origin;
    args.index = in->index;
    args.open = m->opening;
    args.rows = rows_looked_at(m);
    return m->dev->ops->field_misfit(m->dev, &desc, m->field_fft, &args);
}

/* The fields' transforms forward and back cancel, except for the factor
 * normal_scale. */
static int normal(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u)
{
    struct prism_measure *m = (struct prism_measure *)in;

    PRISM_TRY(spectrum_of(m, x));
    PRISM_TRY(cut_out(m, u));
    PRISM_TRY(collect(m, u));
    return misfit_gradient(in, y);
}

/* ---- create and destroy ---- */

static void destroy(struct prism_linop *op)
{
    struct prism_measure *m = (struct prism_measure *)op;

    m->dev->ops->fft_destroy(m->field_fft);
    m->dev->ops->fft_destroy(m->grid_fft);
    prismi_arena_release(&m->arena);
    prismi_free(m->host_uses);
    prismi_free(m->where);
    prismi_free(m->open);
    prismi_free(m->mask);
    prismi_free(m->table);
    prismi_free(m);
}

static const struct prism_linop_ops linear = {forward, adjoint, destroy};
static const struct prismi_instrument_ops entries = {.select = prismi_subaperture_select,
                                                     .set_aperture =
                                                         prismi_subaperture_set_aperture,
                                                     .set_mask = prismi_subaperture_set_mask,
                                                     .normal = normal,
                                                     .hold = hold,
                                                     .fields = fields,
                                                     .misfit = misfit,
                                                     .misfit_gradient = misfit_gradient};

int prism_measure_create(struct prism_dev *dev, const struct prism_measure_params *params,
                         struct prism_measure **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const struct prism_measure_params p = resolve(params);

    *out = NULL;
    PRISM_TRY(check_params(ctx, dev, &p));
    struct prism_measure *m = prismi_alloc(1, sizeof(*m));
    if (!m)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "measurement: no memory for %zu bytes", sizeof(*m));
    prismi_ctx_retain(ctx, "linop");
    m->dev = dev;
    m->p = p;
    m->cplx = prism_dtype_complex(p.dtype);
    m->in.op =
        (struct prism_linop){&linear,
                             dev,
                             {p.complex_object ? m->cplx : p.dtype, (size_t)p.obj_h * p.obj_w},
                             {m->cplx, (size_t)p.batch * p.field_h * p.field_w}};
    m->in.ops = &entries;
    m->in.n_frames = p.n_apertures;
    m->in.batch = p.batch;
    int status = build(m);
    m->in.index = prism_measure_index(m);
    m->in.normal_scale = (double)p.field_h * p.field_w;
    m->in.norm2 = m->in.normal_scale / ((double)p.grid_h * p.grid_w);
    if (status)
        prism_measure_destroy(&m);
    *out = m;
    return status;
}

int prismi_subaperture_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                              struct prismi_instrument **out)
{
    const int box = prism_aperture_box(&params->aperture);
    const int fits = params->masks ? 0 : box < params->field ? box : params->field;
    const struct prism_measure_params p = {.dtype = params->dtype,
                                           .grid_h = params->grid,
                                           .grid_w = params->grid,
                                           .obj_h = params->obj,
                                           .obj_w = params->obj,
                                           .complex_object = params->complex_object,
                                           .field_h = params->field,
                                           .field_w = params->field,
                                           .box_h = fits,
                                           .box_w = fits,
                                           .n_apertures = params->n_frames,
                                           .batch = params->batch,
                                           .method = params->method};
    struct prism_measure *m;
    int status = prism_measure_create(dev, &p, &m);

    *out = m ? &m->in : NULL;
    return status;
}

/* ---- public functions ---- */

void prism_measure_destroy(struct prism_measure **m)
{
    struct prism_linop *op = m && *m ? &(*m)->in.op : NULL;

    prism_linop_destroy(&op);
    if (m)
        *m = NULL;
}

struct prism_linop *prism_measure_linop(struct prism_measure *m)
{
    return &m->in.op;
}

int prism_measure_forward(struct prism_measure *m, prism_mem u, prism_mem x)
{
    return forward(&m->in.op, u, x);
}

int prism_measure_adjoint(struct prism_measure *m, prism_mem gx, prism_mem gu)
{
    return adjoint(&m->in.op, gx, gu);
}

int prism_measure_set_index(struct prism_measure *m, const int32_t *index)
{
    return prismi_subaperture_select(&m->in, index);
}

prism_mem prism_measure_index(const struct prism_measure *m)
{
    return m->uses + support_count(m) * sizeof(int32_t);
}

const struct prism_measure_params *prism_measure_params(const struct prism_measure *m)
{
    return &m->p;
}
