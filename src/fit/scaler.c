/* Dynamic loss scaling, which keeps small gradients from underflowing in
 * binary16 and large ones from overflowing.
 *
 * The output's gradient is multiplied by a scale S before the network's
 * backward pass, and Adam divides by S (u = 1/S). If a gradient is infinite or
 * NaN, the update is skipped and S halves; after enough finite steps in a row S
 * doubles. The device decides this, so a step never waits. */
#include "fit/fit.h"

#include <string.h>

#define SCALE_START 65536.0
#define GROWTH 2.0
#define GROWTH_STEPS 2000
#define BACKOFF 0.5

void prismi_scaler_plan(struct prismi_scaler *sc, struct prismi_arena *arena)
{
    sc->on = true;
    prismi_arena_add(arena, sizeof(float), &sc->zero);
    prismi_arena_add(arena, PRISM_MAX_SEGMENTS * sizeof(float), &sc->check);
}

int prismi_scaler_start(struct prism_dev *dev, const struct prismi_scaler *sc)
{
    const double start[3] = {SCALE_START, 0, 0};
    return sc->state ? prismi_dev_put(dev, sc->state, PRISM_F32, start, 3) : 0;
}

bool prismi_scaler_plausible(const void *state)
{
    float v[3];
    memcpy(v, state, sizeof v);
    return v[0] > 0 && v[0] <= 0x1p127f && v[1] >= 0 && v[1] < GROWTH_STEPS && v[2] >= 0 &&
           v[2] <= 0x1p24f;
}

int prismi_scaler_apply(struct prism_dev *dev, const struct prismi_scaler *sc, prism_mem gx,
                        size_t n)
{
    return sc->on ? prismi_map(dev, PRISM_MAP_SCALE_SHIFT, PRISM_F32, 1, n, gx, gx, sc->state,
                               sc->zero, 0, 0)
                  : 0;
}

int prismi_scaler_check(struct prism_dev *dev, const struct prismi_scaler *sc,
                        const struct prismi_adam *adam)
{
    /* With fusion the first segment (the latent) still holds the gradient of
     * the last step; this step's follows from the second segment's, so checking
     * the second is enough. */
    int first = adam->fusion ? 1 : 0, n = adam->n_segments - first;
    for (int i = 0; sc->on && i < n; i++) {
        const struct prism_segment *s = &adam->segment[first + i];
        /* sum |g - g| is 0, or NaN if a gradient is not finite */
        prism_mem g = s->grad ? s->grad : s->b;
        PRISM_TRY(dev->ops->reduce(dev, PRISM_REDUCE_ABSDIFF, PRISM_F32, 1,
                                   s->grad ? s->count : s->cols,
                                   sc->check + (size_t)i * sizeof(float), g, g));
    }
    const struct prism_map_args a = {.y = {sc->state, adam->args + 2 * sizeof(float)},
                                     .x = {sc->check},
                                     .s = {GROWTH_STEPS, GROWTH, BACKOFF}};
    return sc->on ? dev->ops->map(dev, PRISM_MAP_LOSS_SCALE, PRISM_F32, 1, (size_t)n, &a) : 0;
}

int prismi_scaler_read(struct prism_dev *dev, const struct prismi_scaler *sc, double *scale,
                       int64_t *skipped)
{
    double v[3];
    if (!sc->on)
        return 0;
    PRISM_TRY(prismi_dev_get(dev, v, sc->state, PRISM_F32, 3));
    *scale = v[0];
    *skipped = (int64_t)v[2];
    return 0;
}
