/* The list of sources, and reading a whole file of measurements. */
#include "data/source.h"
#include "core/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct prismi_source *const sources[] = {&prismi_source_simulated,
                                                      &prismi_source_memory, &prismi_source_npz};

const char *prismi_data_number_name(enum prismi_data_number i)
{
    static const char *const names[PRISMI_DATA_NUMBERS] = {
        "grid_size", "obj_size", "aperture_radius_px", "aperture_inner_radius_px"};
    return names[i];
}

static int find_source(struct prism_ctx *ctx, const char *path, const struct prismi_source **out)
{
    uint8_t head[8];
    char list[128] = "";
    FILE *f = fopen(path, "rb");
    if (!f)
        return PRISM_FAIL(ctx, PRISM_EIO, "cannot read %s: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!sources[i]->probe)
            continue;
        if (sources[i]->probe(head, n)) {
            *out = sources[i];
            return 0;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                 sources[i]->name);
    }
    return PRISM_FAIL(ctx, PRISM_EPARSE, "%s is not a file of measurements in a known format (%s)",
                      path, list);
}

int prismi_stack_load(struct prism_ctx *ctx, const char *path, struct prismi_stack *out)
{
    struct prismi_stack s = {0};
    *out = s;
    PRISM_TRY(find_source(ctx, path, &s.source));
    PRISM_TRY(s.source->open(ctx, path, &s.state));
    s.source->describe(s.state, &s.frames);
    size_t pixels = (size_t)s.frames.h * (size_t)s.frames.w;
    s.amplitudes = prismi_alloc((size_t)s.frames.n, pixels * sizeof *s.amplitudes);
    if (!s.amplitudes) {
        int n = s.frames.n;
        prismi_stack_release(&s);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "%s: no memory for %d frames of %zu pixels", path, n,
                          pixels);
    }
    int status = 0;
    for (int k = 0; k < s.frames.n && !status; k++)
        status = s.source->read(s.state, k, PRISM_F32, s.amplitudes + (size_t)k * pixels);
    if (status)
        prismi_stack_release(&s);
    *out = s;
    return status;
}

void prismi_stack_release(struct prismi_stack *s)
{
    if (s->source)
        s->source->close(&s->state);
    prismi_free(s->amplitudes);
    *s = (struct prismi_stack){0};
}
