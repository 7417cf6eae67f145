/* Trainer: creation, and the step. A step has two halves that only enqueue
 * work: output and loss, then backward pass and update. */
#include "fit/fit.h"

#include <math.h>

/* ---- device memory ---- */

void prismi_trainer_add_slab(struct prismi_trainer *t, const char *name, size_t bytes,
                             prism_mem mem, bool snapshot)
{
    struct prismi_slab *slab = &t->slabs[t->n_slabs++];
    *slab = (struct prismi_slab){.name = name, .mem = mem, .bytes = bytes};
    t->arena.owner = PRISMI_OWNER_SNAPSHOT;
    if (snapshot)
        prismi_arena_add(&t->arena, bytes, &slab->snapshot);
    t->arena.owner = PRISMI_OWNER_OTHER;
}

/* Adds a slab that the trainer owns. *out gets its address when the memory is
 * bound. */
static void add_own(struct prismi_trainer *t, const char *name, size_t bytes,
                    enum prismi_owner owner, prism_mem *out)
{
    struct prismi_slab *slab = &t->slabs[t->n_slabs];
    prismi_trainer_add_slab(t, name, bytes, NULL, true);
    slab->moment = owner == PRISMI_OWNER_MOMENTS;
    t->arena.owner = owner;
    prismi_arena_add(&t->arena, bytes, &slab->mem);
    t->arena.owner = PRISMI_OWNER_OTHER;
    slab->own = out;
}

int prismi_trainer_add_plain(struct prismi_trainer *t, const char *name, const char *type,
                             size_t item, void *data, size_t bytes)
{
    void *snapshot = prismi_alloc(bytes, 1);
    if (!snapshot)
        return PRISM_FAIL(t->ctx, PRISM_ENOMEM, "no host memory for a snapshot of %s, %zu bytes",
                          name, bytes);
    t->plain[t->n_plain++] = (struct prismi_plain){name, type, item, data, snapshot, bytes};
    return 0;
}

static void add_adam(struct prismi_trainer *t, const struct prismi_trainer_params *p)
{
    const size_t bytes = t->model.count * prism_dtype_size(t->model.dtype);
    t->adam.eps = p->eps;
    if (p->scaled)
        prismi_scaler_plan(&t->scaler, &t->arena);
    prismi_adam_plan(&t->adam, &t->model, &t->arena);
    add_own(t, "adam.m", bytes, PRISMI_OWNER_MOMENTS, &t->adam.m);
    add_own(t, "adam.v", bytes, PRISMI_OWNER_MOMENTS, &t->adam.v);
    if (p->amsgrad)
        add_own(t, "adam.vmax", bytes, PRISMI_OWNER_MOMENTS, &t->adam.vmax);
}

int prismi_trainer_init(struct prismi_trainer *t, struct prism_dev *dev,
                        const struct prismi_model *model, const struct prismi_trainer_params *p)
{
    const size_t real = prism_dtype_size(model->dtype), output = prismi_model_reals(model) * real;
    *t = (struct prismi_trainer){
        .dev = dev, .ctx = prismi_dev_ctx(dev), .model = *model, .loss_scale = NAN};
    t->n_losses = p->n_losses;
    if (p->comm)
        t->comm = *p->comm;
    t->st.history_stride = 1;
    t->st.loss = t->st.lr = NAN;
    for (int i = 0; i < PRISMI_SCORES; i++)
        t->st.score[i] = NAN;
    prismi_monitor_init(&t->st.monitor, PRISM_TIER_NORMAL);
    prismi_trainer_add_slab(t, "params", model->count * real, model->values, true);
    if (!p->no_adam)
        add_adam(t, p);
    if (model->n_running)
        prismi_trainer_add_slab(t, "running", model->n_running * real, model->running, true);
    if (p->scalable)
        add_own(t, "loss_scale", 3 * real, PRISMI_OWNER_OTHER, &t->scaler.state);
    if (p->averages)
        add_own(t, "average", output, PRISMI_OWNER_OTHER, &t->average);
    add_own(t, "losses", (size_t)p->n_losses * real, PRISMI_OWNER_OTHER, &t->loss_sum);
    prismi_arena_add(&t->arena, p->no_adam ? 0 : output, &t->gx);
    prismi_arena_add(&t->arena, real, &t->power);
    t->host = prismi_alloc((size_t)p->n_losses, sizeof *t->host);
    return t->host ? 0
                   : PRISM_FAIL(t->ctx, PRISM_ENOMEM, "no host memory for %d losses", p->n_losses);
}

int prismi_trainer_bind(struct prismi_trainer *t)
{
    PRISM_TRY(prismi_arena_bind(&t->arena, t->dev));
    for (int i = 0; i < t->n_slabs; i++)
        if (t->slabs[i].own)
            *t->slabs[i].own = t->slabs[i].mem;
    PRISM_TRY(prismi_scaler_start(t->dev, &t->scaler));
    return prismi_scaler_read(t->dev, &t->scaler, &t->loss_scale, &t->skipped);
}

void prismi_trainer_release(struct prismi_trainer *t)
{
    prismi_recorded_release(t->dev, &t->loss_half);
    prismi_recorded_release(t->dev, &t->gradient_half);
    prismi_recorded_release(t->dev, &t->update_half);
    prismi_arena_release(&t->arena);
    for (int i = 0; i < t->n_plain; i++)
        prismi_free(t->plain[i].snapshot);
    prismi_free(t->host);
    prismi_state_release(t);
}

/* ---- the step ---- */

int prismi_trainer_begin_step(struct prismi_trainer *t)
{
    t->rolled_back = false;
    t->step_at_work = t->st.step + 1;
    prismi_profile_step(t->dev, t->step_at_work);
    return t->have_snapshot ? 0 : prismi_trainer_snapshot(t);
}

void prismi_trainer_advance(struct prismi_trainer *t)
{
    t->st.step++;
    t->st.phase_step++;
}

static int accumulate(struct prismi_trainer *t, prism_mem sum, prism_mem value, size_t n)
{
    return prismi_map(t->dev, PRISM_MAP_AXPBY, t->model.dtype, 1, n, sum, sum, value, 0, 1, 1);
}

int prismi_trainer_add_losses(struct prismi_trainer *t)
{
    return accumulate(t, t->loss_sum, t->objective->value, (size_t)t->objective->n);
}

/* Sums over all processes; does nothing in a single process. */
static int sum(struct prismi_trainer *t, prism_mem mem, size_t n)
{
    return t->comm.sum ? t->comm.sum(t->comm.user, t->dev, mem, t->model.dtype, n) : 0;
}

static int enqueue_loss(void *arg)
{
    struct prismi_trainer *t = arg;
    const struct prismi_model *m = &t->model;
    const struct prismi_objective *o = t->objective;
    if (o->ops->feed)
        PRISM_TRY(o->ops->feed(o->self));
    PRISM_TRY(PRISMI_REGION(t->dev, "forward", 0, m->ops->output(m->self, &t->x)));
    if (m->ops->track)
        PRISM_TRY(m->ops->track(m->self));
    PRISM_TRY(o->ops->forward(o->self, t->x));
    if (!t->comm.sum)
        PRISM_TRY(prismi_trainer_add_losses(t));
    return t->averaging ? accumulate(t, t->average, t->x, prismi_model_reals(m)) : 0;
}

static uint64_t key_of(uint64_t (*key)(const void *), const void *self)
{
    return key ? key(self) : 0;
}

int prismi_trainer_loss(struct prismi_trainer *t, bool averaging)
{
    const struct prismi_model *m = &t->model;
    const struct prismi_objective *o = t->objective;
    if (t->exposed)
        prismi_trainer_forget(t);
    t->averaging = averaging;
    if (m->ops->ready && m->ops->ready(m->self)) {
        PRISM_TRY(enqueue_loss(t)); /* the output is already there, so recording is not worth it */
    } else {
        const uint64_t key[] = {(uintptr_t)o, averaging, key_of(o->ops->forward_key, o->self),
                                key_of(m->ops->key, m->self)};
        if (o->ops->forget)
            o->ops->forget(o->self);
        PRISM_TRY(prismi_run_recorded(t->dev, &t->loss_half, prismi_hash64(key, sizeof key, 0),
                                      enqueue_loss, t));
        /* a replay bypasses model and objective, so they are told */
        if (m->ops->mark_replayed)
            m->ops->mark_replayed(m->self);
        if (o->ops->mark_replayed)
            o->ops->mark_replayed(o->self);
    }
    if (t->comm.sum) {
        PRISM_TRY(sum(t, o->value, (size_t)o->n));
        PRISM_TRY(prismi_trainer_add_losses(t));
    }
    t->st.pending++;
    t->st.averaged += averaging;
    return 0;
}

static int enqueue_gradient(void *arg)
{
    struct prismi_trainer *t = arg;
    return t->objective->ops->backward(t->objective->self, t->x, t->gx);
}

static int enqueue_update(void *arg)
{
    struct prismi_trainer *t = arg;
    const struct prismi_model *m = &t->model;
    if (!t->comm.sum)
        PRISM_TRY(enqueue_gradient(t));
    PRISM_TRY(prismi_scaler_apply(t->dev, &t->scaler, t->gx, prismi_model_reals(m)));
    PRISM_TRY(PRISMI_REGION(t->dev, "backward", 0, m->ops->backward(m->self, t->gx)));
    PRISM_TRY(prismi_scaler_check(t->dev, &t->scaler, &t->adam));
    PRISM_TRY(PRISMI_REGION(t->dev, "adam", 0, prismi_adam_update(t->dev, &t->adam)));
    return m->ops->constrain ? m->ops->constrain(m->self) : 0;
}

int prismi_trainer_update(struct prismi_trainer *t, double lr, bool last)
{
    const struct prismi_model *m = &t->model;
    const struct prismi_objective *o = t->objective;
    bool first = t->st.adam_t == 0;
    t->st.lr = lr;
    t->adam.once = first && last;
    if (first && !last)
        PRISM_TRY(prismi_adam_reset(t->dev, &t->adam));
    PRISM_TRY(prismi_adam_set(t->dev, &t->adam, lr, ++t->st.adam_t));
    const uint64_t key[] = {(uintptr_t)o, t->adam.once, key_of(o->ops->backward_key, o->self)};
    uint64_t hash = prismi_hash64(key, sizeof key, 0);
    if (t->comm.sum) {
        PRISM_TRY(prismi_run_recorded(t->dev, &t->gradient_half, hash, enqueue_gradient, t));
        PRISM_TRY(sum(t, t->gx, prismi_model_reals(m)));
    }
    PRISM_TRY(prismi_run_recorded(t->dev, &t->update_half, hash, enqueue_update, t));
    /* a replay bypasses the model, so it is told */
    if (m->ops->update_done)
        m->ops->update_done(m->self);
    return 0;
}

int prismi_trainer_step(struct prismi_trainer *t, const int32_t *index, bool averaging, bool last)
{
    struct prismi_state *st = &t->st;
    if (t->objective->ops->select)
        PRISM_TRY(t->objective->ops->select(t->objective->self, index));
    PRISM_TRY(prismi_trainer_loss(t, averaging));
    if (last || st->pending == PRISMI_CHECK_EVERY) {
        PRISM_TRY(prismi_trainer_read_losses(t));
        PRISM_TRY(prismi_trainer_snapshot(t));
        prismi_schedule_cycle(&st->schedule, st->loss);
    }
    PRISM_TRY(prismi_trainer_update(t, prismi_schedule_lr(&st->schedule, st->schedule_t++), last));
    prismi_trainer_advance(t);
    return 0;
}
