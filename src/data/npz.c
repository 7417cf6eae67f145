/* A source of frames from a ZIP of NPY arrays (docs/formats.md), as numpy.savez
 * writes it. */
#include "core/internal.h"
#include "core/zip.h"
#include "data/source.h"
#include "image/formats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AMPLITUDES,
    INTENSITIES,
    CENTRES,
    FIRST_NUMBER,
    ARRAYS = FIRST_NUMBER + PRISMI_DATA_NUMBERS
};

struct npz {
    struct prism_ctx *ctx;
    const char *path;
    struct array {
        int nd;
        size_t shape[8];
        double *data; /* NULL if the file has no such array */
    } array[ARRAYS];
    struct prismi_frames frames;
};

static const char *array_name(int i)
{
    static const char *const names[] = {"amplitudes", "intensities", "centres_yx"};
    return i < FIRST_NUMBER ? names[i]
                            : prismi_data_number_name((enum prismi_data_number)(i - FIRST_NUMBER));
}

static bool npz_probe(const uint8_t *head, size_t bytes)
{
    return bytes >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4));
}

static void npz_close(void **state)
{
    struct npz *z = *state;
    for (int i = 0; z && i < ARRAYS; i++)
        prismi_free(z->array[i].data);
    prismi_free(z);
    *state = NULL;
}

/* ---- members ---- */

static int add_member(struct npz *z, const struct prismi_zip_member *m)
{
    size_t length = strlen(m->name);
    char name[1200];
    int bits, i = 0;
    bool cplx = false;
    snprintf(name, sizeof name, "%s: %s", z->path, m->name);
    if (length > 4 && !strcmp(m->name + length - 4, ".npy"))
        length -= 4;
    while (i < ARRAYS &&
           (strlen(array_name(i)) != length || memcmp(array_name(i), m->name, length)))
        i++;
    if (i == ARRAYS)
        return PRISM_FAIL(z->ctx, PRISM_EPARSE,
                          "%s: unknown array; expected amplitudes, intensities, centres_yx, "
                          "grid_size, obj_size, aperture_radius_px "
                          "and aperture_inner_radius_px",
                          name);
    struct array *a = &z->array[i];
    if (a->data)
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s is there twice", name);
    const struct prismi_input in = {z->ctx, name, m->data, m->bytes};
    PRISM_TRY(prismi_npy_doubles(&in, &a->nd, a->shape, &cplx, &bits, &a->data));
    return cplx ? PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s is complex; measurements are real", name)
                : 0;
}

static int read_members(struct npz *z)
{
    uint8_t *file;
    size_t bytes;
    struct prismi_zip zip;
    struct prismi_zip_member member;
    PRISM_TRY(prismi_file_read(z->ctx, z->path, PRISMI_IMAGE_MAX_BYTES, &file, &bytes));
    int status = prismi_zip_open(z->ctx, z->path, file, bytes, &zip);
    while (!status && zip.left) {
        status = prismi_zip_next(&zip, &member);
        if (!status)
            status = add_member(z, &member);
    }
    prismi_free(file);
    return status;
}

/* ---- checks across arrays ---- */

static int fail(struct npz *z, const char *what)
{
    return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s", z->path, what);
}

static int take_frames(struct npz *z)
{
    struct array *a = &z->array[z->array[AMPLITUDES].data ? AMPLITUDES : INTENSITIES],
                 *c = &z->array[CENTRES];
    const size_t *shape = a->shape;
    if (!a->data || (z->array[AMPLITUDES].data && z->array[INTENSITIES].data))
        return fail(z, "expected one of the arrays amplitudes and intensities, of shape [n, h, w]");
    if (a->nd != 3 || shape[0] < 1 || shape[0] > 1000000 || shape[1] < 1 ||
        shape[1] > PRISMI_SIDE_MAX || shape[2] < 1 || shape[2] > PRISMI_SIDE_MAX)
        return fail(
            z, "frames have the shape [n, h, w], up to 1000000 of them with sides up to 32768");
    if (!c->data || c->nd != 2 || c->shape[0] != shape[0] || c->shape[1] != 2)
        return fail(z, "expected an array centres_yx of shape [n, 2], a row for every frame");
    for (size_t i = 0; i < shape[0] * shape[1] * shape[2]; i++)
        if (!(a->data[i] >= 0) || isinf(a->data[i]))
            return PRISM_FAIL(z->ctx, PRISM_EPARSE,
                              "%s: frame %zu holds %g; expected finite values of at least 0",
                              z->path, i / (shape[1] * shape[2]), a->data[i]);
    for (size_t i = 0; i < 2 * shape[0]; i++)
        if (!isfinite(c->data[i]))
            return PRISM_FAIL(z->ctx, PRISM_EPARSE,
                              "%s: centre %zu holds %g; expected finite numbers", z->path, i / 2,
                              c->data[i]);
    z->frames.n = (int)shape[0];
    z->frames.h = (int)shape[1];
    z->frames.w = (int)shape[2];
    z->frames.centres = c->data;
    return 0;
}

static int take_numbers(struct npz *z)
{
    for (int i = 0; i < PRISMI_DATA_NUMBERS; i++) {
        const struct array *a = &z->array[FIRST_NUMBER + i];
        bool one = a->nd == 0 || (a->nd == 1 && a->shape[0] == 1);
        if (!a->data)
            continue;
        if (!one || !isfinite(a->data[0]) || a->data[0] < 0)
            return PRISM_FAIL(z->ctx, PRISM_EPARSE,
                              "%s: %s must be one number, finite and not negative", z->path,
                              array_name(FIRST_NUMBER + i));
        z->frames.known[i] = true;
        z->frames.number[i] = a->data[0];
    }
    return 0;
}

static int npz_open(struct prism_ctx *ctx, const void *from, void **state)
{
    const char *path = from;
    struct npz *z = prismi_alloc(1, sizeof *z);
    *state = z;
    if (!z)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to read %s", path);
    z->ctx = ctx;
    z->path = path;
    int status = read_members(z);
    if (!status)
        status = take_frames(z);
    if (!status)
        status = take_numbers(z);
    if (status)
        npz_close(state);
    return status;
}

static void npz_describe(const void *state, struct prismi_frames *out)
{
    *out = ((const struct npz *)state)->frames;
}

static int npz_read(void *state, int k, enum prism_dtype dtype, void *out)
{
    const struct npz *z = state;
    size_t pixels = (size_t)z->frames.h * (size_t)z->frames.w;
    const double *intensity = z->array[INTENSITIES].data,
                 *from = intensity ? intensity : z->array[AMPLITUDES].data;
    float *single = out;
    double *wide = out;
    from += (size_t)k * pixels;
    for (size_t i = 0; i < pixels; i++) {
        double v = intensity ? sqrt(from[i]) : from[i];
        if (dtype == PRISM_F64)
            wide[i] = v;
        else
            single[i] = (float)v;
    }
    return 0;
}

const struct prismi_source prismi_source_npz = {"npz",        npz_probe, npz_open,
                                                npz_describe, npz_read,  npz_close};
