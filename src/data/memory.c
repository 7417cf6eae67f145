/* A source of frames from amplitudes in memory. It keeps a copy of them. */
#include "core/internal.h"
#include "data/source.h"

#include <math.h>
#include <string.h>

struct memory {
    struct prismi_frames frames;
    float *amplitudes; /* [n,h,w] */
};

static void memory_close(void **state)
{
    struct memory *m = *state;
    if (m)
        prismi_free(m->amplitudes);
    prismi_free(m);
    *state = NULL;
}

static int memory_open(struct prism_ctx *ctx, const void *from, void **state)
{
    const struct prismi_memory *given = from;
    size_t h = (size_t)given->h, w = (size_t)given->w, count = (size_t)given->n * h * w;
    const float *a = given->amplitudes;
    *state = NULL;
    for (size_t i = 0; i < count; i++)
        if (!(a[i] >= 0) || isinf(a[i]))
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "amplitude of sample %zu at (%zu, %zu) is %g; amplitudes are finite "
                              "and not negative",
                              i / (h * w), i / w % h, i % w, (double)a[i]);
    struct memory *m = prismi_alloc(1, sizeof *m);
    *state = m;
    if (m)
        m->amplitudes = prismi_alloc(count, sizeof *m->amplitudes);
    if (!m || !m->amplitudes) {
        memory_close(state);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for %zu bytes of amplitudes",
                          count * sizeof *a);
    }
    memcpy(m->amplitudes, a, count * sizeof *a);
    m->frames = (struct prismi_frames){
        .n = given->n, .h = given->h, .w = given->w, .centres = given->centres};
    return 0;
}

static void memory_describe(const void *state, struct prismi_frames *out)
{
    *out = ((const struct memory *)state)->frames;
}

static int memory_read(void *state, int k, enum prism_dtype dtype, void *out)
{
    const struct memory *m = state;
    size_t pixels = (size_t)m->frames.h * (size_t)m->frames.w;
    const float *a = m->amplitudes + (size_t)k * pixels;
    double *wide = out;
    if (dtype == PRISM_F32)
        memcpy(out, a, pixels * sizeof *a);
    for (size_t i = 0; dtype == PRISM_F64 && i < pixels; i++)
        wide[i] = a[i];
    return 0;
}

const struct prismi_source prismi_source_memory = {"memory",        NULL,        memory_open,
                                                   memory_describe, memory_read, memory_close};
