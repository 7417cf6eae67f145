/* Mo-PIE: alternate between measured amplitudes and the object's constraints.
 *
 * Replacing |u| by d in the field of one aperture and going back moves the object by A^H ((d - |u|) u/|u|), as A A^H = 1 there:
 * a gradient step on sum (|u| - d)^2. An instrument with A A^H = norm2 has its steps divided by that.
 * Updates of a whole pass at once are divided by the largest number of apertures over one frequency, for the same reason. */
#include "optics/optics_internal.h"
#include "recon/internal.h"

#define MAX_BATCH 16

static int largest_divisor(int n, int limit)
{
    int d = n < limit ? n : limit;
    while (n % d)
        d--;
    return d;
}

static int largest_overlap(struct prism_ctx *ctx, struct prism_dataset *ds, int *out)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    const double *c = prism_dataset_centres(ds);
    int g = dp->grid_size, most = 1;
    if (!prismi_instrument_kinds[dp->instrument].masks) { /* every frame sees all */
        *out = prism_dataset_count(ds);
        return 0;
    }
    size_t pixels = (size_t)g * g;
    int32_t *count = prismi_alloc(pixels, sizeof *count);
    if (!count)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to count overlaps on a grid of %d x %d", g, g);
    for (int k = 0; k < prism_dataset_count(ds); k++)
        prismi_aperture_cover(&dp->aperture, g, c[2 * k], c[2 * k + 1], count);
    for (size_t i = 0; i < pixels; i++)
        most = count[i] > most ? count[i] : most;
    prismi_free(count);
    *out = most;
    return 0;
}

static int fill_ones(struct prismi_mopie *mp)
{
    PRISM_TRY(prismi_map(mp->dev, PRISM_MAP_FILL, mp->dtype, 1, mp->pixels, mp->part, 0, 0, 0, 1, 0));
    if (mp->complex_object)
        return prismi_map(mp->dev, PRISM_MAP_C_FROM_R, mp->dtype, 1, mp->pixels, mp->object, mp->part, 0, 0, 0, 0);
    return mp->dev->ops->copy(mp->dev, mp->object, mp->part, mp->pixels * prism_dtype_size(mp->dtype));
}

int prismi_mopie_create(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                        const struct prism_mopie_params *params, struct prismi_mopie *out)
{
    static const double l2[PRISM_LOSS_COUNT] = {[PRISM_LOSS_L2] = 1};
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    struct prismi_mopie *mp = out;
    int n = prism_dataset_count(ds), overlap = 1, status;
    *mp = (struct prismi_mopie){.dev = dev,
                                .dtype = dtype,
                                .pixels = (size_t)dp->obj_size * dp->obj_size,
                                .complex_object = params->complex_object,
                                .batch = params->parallel ? largest_divisor(n, MAX_BATCH) : 1};
    const struct prismi_term_params tp = {.dtype = dtype, .complex_object = params->complex_object, .batch = mp->batch};
    size_t bytes = mp->pixels * prism_dtype_size(params->complex_object ? prism_dtype_complex(dtype) : dtype);
    if (params->parallel)
        PRISM_TRY(largest_overlap(prismi_dev_ctx(dev), ds, &overlap));
    PRISM_TRY(prismi_term_create(dev, ds, &tp, &mp->term));
    PRISM_TRY_OUT(prismi_loss_set_weights(mp->term.loss, l2));
    mp->step = params->lr_obj / mp->term.instrument->norm2 / (2 * prismi_loss_l2_weight(mp->term.loss) * overlap);
    prismi_arena_add(&mp->arena, bytes, &mp->object);
    prismi_arena_add(&mp->arena, bytes, &mp->grad);
    prismi_arena_add(&mp->arena, bytes, &mp->part);
    PRISM_TRY_OUT(prismi_arena_bind(&mp->arena, dev));
    status = fill_ones(mp);
out:
    if (status)
        prismi_mopie_release(mp);
    return status;
}

void prismi_mopie_release(struct prismi_mopie *mp)
{
    prismi_arena_release(&mp->arena);
    prismi_term_release(&mp->term);
}

static int axpby(struct prismi_mopie *mp, prism_mem y, prism_mem a, prism_mem b, double fa, double fb)
{
    return prismi_map(mp->dev, mp->complex_object ? PRISM_MAP_C_AXPBY : PRISM_MAP_AXPBY, mp->dtype, 1, mp->pixels, y, a, b, 0, fa,
                      fb);
}

int prismi_mopie_gradient(struct prismi_mopie *mp, const int32_t *index, bool first)
{
    PRISM_TRY(mp->term.instrument->ops->select(mp->term.instrument, index));
    PRISM_TRY(prismi_term_forward(&mp->term, mp->object));
    PRISM_TRY(prismi_term_backward(&mp->term, first ? mp->grad : mp->part));
    return first ? 0 : axpby(mp, mp->grad, mp->grad, mp->part, 1, 1);
}

int prismi_mopie_apply(struct prismi_mopie *mp)
{
    PRISM_TRY(axpby(mp, mp->object, mp->object, mp->grad, 1, -mp->step));
    return prismi_map(mp->dev, mp->complex_object ? PRISM_MAP_C_CLAMP_ABS : PRISM_MAP_CLAMP, mp->dtype, 1, mp->pixels, mp->object,
                      mp->object, 0, 0, 0, 1);
}

int prismi_mopie_solve(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                       const struct prism_mopie_params *params, int n_loops, double *out)
{
    struct prism_mopie_params serial = *params;
    struct prismi_mopie mp;
    int status;
    serial.parallel = serial.complex_object = false;
    PRISM_TRY(prismi_mopie_create(dev, ds, dtype, &serial, &mp));
    for (int loop = 0; loop < n_loops; loop++)
        for (int32_t k = 0; k < prism_dataset_count(ds); k++) {
            PRISM_TRY_OUT(prismi_mopie_gradient(&mp, &k, true));
            PRISM_TRY_OUT(prismi_mopie_apply(&mp));
        }
    status = prismi_dev_get(dev, out, mp.object, dtype, mp.pixels);
out:
    prismi_mopie_release(&mp);
    return status;
}

/* ---- in a session: a step is one sample, or one pass of all in parallel ---- */

static int visit(struct prism_session *s, const int32_t *index, bool first)
{
    PRISM_TRY(prismi_mopie_gradient(&s->mopie, index, first));
    return prismi_map(s->dev, PRISM_MAP_AXPBY, s->dtype, 1, (size_t)s->n_losses, s->loss_sum, s->loss_sum,
                      prismi_loss_value(s->mopie.term.loss), 0, 1, 1);
}

int prismi_mopie_step(struct prism_session *s)
{
    struct prismi_state *st = &s->st;
    const struct prism_mopie_params *par = &s->par.mopie;
    int batch = s->mopie.batch, visits = par->parallel ? s->n / batch : 1;
    int per_loop = par->parallel ? 1 : s->n, in_loop = (int)(st->phase_step % per_loop);
    st->sample = st->phase_step / per_loop;
    for (int v = 0; v < visits; v++) {
        for (int b = 0; b < batch; b++) {
            int k = in_loop + v * batch + b;
            s->index[b] = par->permute ? prismi_session_order(s, PRISMI_STREAM_PERMUTE, st->sample)[k] : k;
        }
        PRISM_TRY(visit(s, s->index, v == 0));
        st->pending++;
    }
    PRISM_TRY(prismi_mopie_apply(&s->mopie));
    st->lr = par->lr_obj;
    prismi_session_advance(s);
    if (in_loop + 1 < per_loop)
        return 0;
    PRISM_TRY(prismi_session_losses(s));
    PRISM_TRY(prismi_session_finite(s));
    PRISM_TRY(prismi_session_keep(s));
    return st->sample + 1 == par->loops ? prismi_session_finish(s) : 0;
}
