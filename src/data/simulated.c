/* A source of simulated frames: frame k is |A_k x| plus noise, computed when it
 * is read. */
#include "data/simulated.h"

#include <math.h>
#include <string.h>

struct simulated {
    struct prismi_simulation from;
    struct prismi_instrument *instrument;
    struct prismi_arena arena;
    prism_mem object, field, amplitude;
    enum prism_dtype dtype;
    bool held;     /* the instrument holds the current object */
    size_t pixels; /* pixels of one frame */
    double *exact; /* [pixels] */
};

enum prism_dtype prismi_simulated_dtype(const struct prism_dev *dev, bool in_double)
{
    return in_double && dev->caps.dtypes & 1u << PRISM_F64 ? PRISM_F64 : PRISM_F32;
}

static int set_aperture(struct simulated *s, int k)
{
    const double *c = s->from.centres + 2 * k;
    if (!s->instrument->ops->set_aperture) /* all frames have the same geometry */
        return 0;
    return s->instrument->ops->set_aperture(s->instrument, 0, &s->from.instrument.aperture, c[0],
                                            c[1]);
}

static int create(struct simulated *s)
{
    struct prismi_instrument_params ip = s->from.instrument;
    size_t real = prism_dtype_size(s->dtype);
    ip.dtype = s->dtype;
    ip.n_frames = ip.batch = 1;
    PRISM_TRY(prismi_instrument_create(s->from.dev, &ip, &s->instrument));
    /* check every aperture now, not in the middle of a long run */
    for (int k = 0; k < s->from.n; k++)
        PRISM_TRY(set_aperture(s, k));
    s->arena.owner = PRISMI_OWNER_FFT;
    prismi_arena_add(&s->arena, (size_t)ip.obj * (size_t)ip.obj * real, &s->object);
    prismi_arena_add(&s->arena, 2 * s->pixels * real, &s->field);
    prismi_arena_add(&s->arena, s->pixels * real, &s->amplitude);
    return prismi_arena_bind(&s->arena, s->from.dev);
}

static void simulated_close(void **state)
{
    struct simulated *s = *state;
    if (!s)
        return;
    prismi_instrument_destroy(&s->instrument);
    prismi_arena_release(&s->arena);
    prismi_free(s->exact);
    prismi_free(s);
    *state = NULL;
}

static int simulated_open(struct prism_ctx *ctx, const void *from, void **state)
{
    struct simulated *s = prismi_alloc(1, sizeof *s);
    *state = s;
    if (!s)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a simulation");
    s->from = *(const struct prismi_simulation *)from;
    s->dtype = prismi_simulated_dtype(s->from.dev, s->from.in_double);
    s->pixels = (size_t)s->from.instrument.field * (size_t)s->from.instrument.field;
    s->exact = prismi_alloc(s->pixels, sizeof *s->exact);
    int status =
        s->exact ? create(s)
                 : PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a frame of %zu pixels", s->pixels);
    if (status)
        simulated_close(state);
    return status;
}

static void simulated_describe(const void *state, struct prismi_frames *out)
{
    const struct simulated *s = state;
    int side = s->from.instrument.field;
    *out = (struct prismi_frames){
        .n = s->from.n, .h = side, .w = side, .centres = s->from.centres, .computed = true};
}

int prismi_simulated_set_object(void *state, const double *object)
{
    struct simulated *s = state;
    size_t side = (size_t)s->from.instrument.obj;
    s->held = false;
    return prismi_dev_put(s->from.dev, s->object, s->dtype, object, side * side);
}

/* ---- frames ---- */

/* Add the noise of frame k: one random number per pixel, from a stream of the
 * frame's own. */
static void add_noise(struct simulated *s, int k)
{
    double power = 0;
    for (size_t i = 0; i < s->pixels; i++)
        power += s->exact[i] * s->exact[i];
    double sigma = sqrt(power / (double)s->pixels * pow(10, -s->from.snr_db / 10));
    for (size_t i = 0; i < s->pixels; i++) {
        double v = s->exact[i] +
                   sigma * prismi_rng_normal(s->from.seed, PRISMI_STREAM_NOISE + (uint64_t)k, i);
        s->exact[i] = v > 0 ? v : 0;
    }
}

/* Simulate the amplitude of frame k, without noise, into s->amplitude. */
static int measure(struct simulated *s, int k)
{
    PRISM_TRY(set_aperture(s, k));
    if (!s->held)
        PRISM_TRY(s->instrument->ops->hold(s->instrument, s->object));
    s->held = true;
    PRISM_TRY(s->instrument->ops->fields(s->instrument, s->field));
    return prismi_map(s->from.dev, PRISM_MAP_C_ABS, s->dtype, 1, s->pixels, s->amplitude, s->field,
                      0, 0, 0, 0);
}

static int simulated_read(void *state, int k, enum prism_dtype dtype, void *out)
{
    struct simulated *s = state;
    struct prism_dev *dev = s->from.dev;
    float *single = out;
    PRISM_TRY(measure(s, k));
    if (dtype == s->dtype && s->from.snr_db == 0)
        return dev->ops->read(dev, out, s->amplitude, s->pixels * prism_dtype_size(dtype));
    PRISM_TRY(prismi_dev_get(dev, s->exact, s->amplitude, s->dtype, s->pixels));
    if (s->from.snr_db > 0)
        add_noise(s, k);
    if (dtype == PRISM_F64)
        memcpy(out, s->exact, s->pixels * sizeof *s->exact);
    for (size_t i = 0; dtype == PRISM_F32 && i < s->pixels; i++)
        single[i] = (float)s->exact[i];
    return 0;
}

const struct prismi_source prismi_source_simulated = {
    "simulated", NULL, simulated_open, simulated_describe, simulated_read, simulated_close};
