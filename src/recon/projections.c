/* The projections strategy (Mo-PIE): it alternates between the measured
 * amplitudes and the object's constraints.
 *
 * Replacing |u| by d in the field of one aperture and going back changes the
 * object by A^H ((d - |u|) u/|u|), if A A^H = 1. That is a gradient step on
 * sum (|u| - d)^2. For an instrument with A A^H = norm2 the step is divided
 * by norm2. For the same reason, when all updates of a pass are applied
 * together, they are divided by the largest number of apertures that share a
 * frequency. */
#include "optics/optics_internal.h"
#include "recon/internal.h"
#include "recon/params.h"

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
    if (!prismi_instrument_kinds[dp->instrument].masks) { /* every frame contains all frequencies */
        *out = prism_dataset_count(ds);
        return 0;
    }
    size_t pixels = (size_t)g * g;
    int32_t *count = prismi_alloc(pixels, sizeof *count);
    if (!count)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to count overlaps on a grid of %d x %d", g,
                          g);
    for (int k = 0; k < prism_dataset_count(ds); k++)
        prismi_aperture_cover(&dp->aperture, g, c[2 * k], c[2 * k + 1], count);
    for (size_t i = 0; i < pixels; i++)
        most = count[i] > most ? count[i] : most;
    prismi_free(count);
    *out = most;
    return 0;
}

int prismi_projection_create(struct prism_dev *dev, struct prism_dataset *ds,
                             struct prismi_object *object, const struct prism_mopie_params *params,
                             struct prismi_projection *out)
{
    static const double l2[PRISM_LOSS_COUNT] = {[PRISM_LOSS_L2] = 1};
    struct prismi_projection *p = out;
    int n = prism_dataset_count(ds), overlap = 1, status;
    *p = (struct prismi_projection){.dev = dev, .object = object};
    p->batch = params->parallel ? largest_divisor(n, MAX_BATCH) : 1;
    const struct prismi_term_params tp = {
        .dtype = object->dtype, .complex_object = object->complex_object, .batch = p->batch};
    size_t bytes = object->pixels *
                   prism_dtype_size(tp.complex_object ? prism_dtype_complex(tp.dtype) : tp.dtype);
    if (params->parallel)
        PRISM_TRY(largest_overlap(prismi_dev_ctx(dev), ds, &overlap));
    PRISM_TRY(prismi_data_create(dev, ds, &tp, 0, &p->data));
    struct prismi_term *term = &p->data.term;
    PRISM_TRY_OUT(prismi_loss_set_weights(term->loss, l2));
    p->step = params->lr_obj / term->instrument->norm2 /
              (2 * prismi_loss_factor(term->loss, PRISM_LOSS_L2) * overlap);
    prismi_arena_add(&p->arena, bytes, &p->grad);
    prismi_arena_add(&p->arena, bytes, &p->part);
    status = prismi_arena_bind(&p->arena, dev);
out:
    if (status)
        prismi_projection_release(p);
    return status;
}

void prismi_projection_release(struct prismi_projection *p)
{
    prismi_arena_release(&p->arena);
    prismi_data_release(&p->data);
}

static int axpby(struct prismi_projection *p, prism_mem y, prism_mem a, prism_mem b, double fa,
                 double fb)
{
    const struct prismi_object *o = p->object;
    return prismi_map(p->dev, o->complex_object ? PRISM_MAP_C_AXPBY : PRISM_MAP_AXPBY, o->dtype, 1,
                      o->pixels, y, a, b, 0, fa, fb);
}

int prismi_projection_gradient(struct prismi_projection *p, const int32_t *index, bool first)
{
    struct prismi_term *term = &p->data.term;
    PRISM_TRY(term->instrument->ops->select(term->instrument, index));
    PRISM_TRY(prismi_term_forward(term, p->object->value));
    PRISM_TRY(prismi_term_backward(term, first ? p->grad : p->part));
    return first ? 0 : axpby(p, p->grad, p->grad, p->part, 1, 1);
}

int prismi_projection_apply(struct prismi_projection *p)
{
    PRISM_TRY(axpby(p, p->object->value, p->object->value, p->grad, 1, -p->step));
    return prismi_object_constrain(p->object);
}

int prismi_projection_solve(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                            const struct prism_mopie_params *params, int n_loops, double *out)
{
    const size_t obj = (size_t)prism_dataset_params(ds)->obj_size;
    struct prism_mopie_params serial = *params;
    struct prismi_projection p;
    struct prismi_object *object;
    int status;
    serial.parallel = false;
    PRISM_TRY(prismi_object_create(dev, dtype, obj * obj, false, false, &object));
    status = prismi_projection_create(dev, ds, object, &serial, &p);
    if (status) {
        prismi_object_destroy(&object);
        return status;
    }
    for (int loop = 0; loop < n_loops; loop++)
        for (int32_t k = 0; k < prism_dataset_count(ds); k++) {
            PRISM_TRY_OUT(prismi_projection_gradient(&p, &k, true));
            PRISM_TRY_OUT(prismi_projection_apply(&p));
        }
    status = prismi_dev_get(dev, out, object->value, dtype, object->pixels);
out:
    prismi_projection_release(&p);
    prismi_object_destroy(&object);
    return status;
}

/* ---- the strategy: a step is one sample, or a parallel pass over all ---- */

struct projections {
    struct prismi_projection p;
    struct prismi_order order;
    int32_t index[MAX_BATCH];
};

static int steps_per_loop(const struct prism_session *s)
{
    return s->par.mopie.parallel ? 1 : s->n;
}

static int create(struct prism_session *s, struct prismi_trainer_params *params)
{
    struct projections *j = s->strategy_state = prismi_alloc(1, sizeof *j);
    if (!j)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "no memory for a strategy");
    PRISM_TRY(prismi_order_create(s->ctx, s->par.seed, PRISMI_STREAM_PERMUTE, s->n, &j->order));
    PRISM_TRY(prismi_projection_create(s->dev, s->ds, s->object, &s->par.mopie, &j->p));
    s->objective = &j->p.data.objective;
    *params = (struct prismi_trainer_params){.n_losses = j->p.batch, .no_adam = true};
    return prismi_trainer_init(&s->trainer, s->dev, &s->model, params);
}

static void destroy(struct prism_session *s)
{
    struct projections *j = s->strategy_state;
    if (!j)
        return;
    prismi_projection_release(&j->p);
    prismi_order_release(&j->order);
    prismi_free(j);
}

static int begin(struct prism_session *s)
{
    (void)s;
    return 0;
}

static int step(struct prism_session *s)
{
    struct projections *j = s->strategy_state;
    struct prismi_state *st = &s->trainer.st;
    const struct prism_mopie_params *par = &s->par.mopie;
    int batch = j->p.batch, visits = par->parallel ? s->n / batch : 1;
    int per_loop = steps_per_loop(s), in_loop = (int)(st->phase_step % per_loop);
    int64_t loop = st->phase_step / per_loop;
    for (int v = 0; v < visits; v++) {
        for (int b = 0; b < batch; b++) {
            int k = in_loop + v * batch + b;
            j->index[b] = par->permute ? prismi_order_epoch(&j->order, loop)[k] : k;
        }
        PRISM_TRY(prismi_projection_gradient(&j->p, j->index, v == 0));
        PRISM_TRY(prismi_trainer_add_losses(&s->trainer));
        st->pending++;
    }
    PRISM_TRY(prismi_projection_apply(&j->p));
    st->lr = par->lr_obj;
    prismi_trainer_advance(&s->trainer);
    if (in_loop + 1 < per_loop)
        return 0;
    PRISM_TRY(prismi_trainer_read_losses(&s->trainer));
    PRISM_TRY(prismi_trainer_check_output(&s->trainer));
    PRISM_TRY(prismi_trainer_snapshot(&s->trainer));
    return loop + 1 == par->loops ? prismi_trainer_finish(&s->trainer) : 0;
}

static int64_t total_steps(const struct prism_session *s)
{
    return (int64_t)s->par.mopie.loops * steps_per_loop(s);
}

static void progress(const struct prism_session *s, struct prism_progress *out)
{
    int64_t done = s->trainer.st.phase_step;
    out->sample = (int)((done > 0 ? done - 1 : 0) / steps_per_loop(s));
    out->n_samples = s->par.mopie.loops;
    out->unit = "loop";
}

static bool plausible(const struct prism_session *s, const struct prismi_loaded *state)
{
    const struct prismi_state *st = &state->st;
    bool fit = st->phase == PRISM_PHASE_FIT;
    return (fit || st->phase == PRISM_PHASE_DONE) && (!fit || st->phase_step < total_steps(s)) &&
           st->monitor.count == 0 && st->pending < steps_per_loop(s);
}

const struct prismi_strategy prismi_projections = {.name = "projections",
                                                   .when = PRISMI_WHEN_PROJECTIONS,
                                                   .create = create,
                                                   .begin = begin,
                                                   .step = step,
                                                   .plausible = plausible,
                                                   .total_steps = total_steps,
                                                   .progress = progress,
                                                   .destroy = destroy};
