/* Where frames of measurements come from: one table for every kind of file. A
 * source knows its format and nothing of reconstruction. Not installed. */
#ifndef PRISMI_DATA_SOURCE_H
#define PRISMI_DATA_SOURCE_H

#include "prismrec/ctx.h"

/* Numbers of the geometry that a file may or may not tell. */
enum prismi_data_number {
    PRISMI_DATA_GRID_SIZE,       /* N, pixels of the grid in object and k-space */
    PRISMI_DATA_OBJ_SIZE,        /* O, pixels */
    PRISMI_DATA_RADIUS_PX,       /* of one aperture, k-space pixels */
    PRISMI_DATA_INNER_RADIUS_PX, /* of its blocked centre */
    PRISMI_DATA_NUMBERS
};
const char *
prismi_data_number_name(enum prismi_data_number i); /* as files have it, e.g. "grid_size" */

struct prismi_frames {
    int n, h, w; /* frames, and their rows and columns */
    const double
        *centres;  /* [n][2], k-space positions (y, x) in pixels relative to DC; the source's */
    bool computed; /* a read takes long enough for frames to be kept */
    bool known[PRISMI_DATA_NUMBERS];
    double number[PRISMI_DATA_NUMBERS]; /* where known */
};

/* open and read return 0 or PRISM_E* with a sentence; a file may come from
 * anywhere. */
struct prismi_source {
    const char *name;
    /* Is a file that begins so (8 bytes, or all of it) of this kind? NULL: the
     * source is no file. */
    bool (*probe)(const uint8_t *head, size_t bytes);
    /* from: a file's path, or what the source without a file is made from.
     * *state is NULL on failure. */
    int (*open)(struct prism_ctx *ctx, const void *from, void **state);
    void (*describe)(const void *state, struct prismi_frames *out);
    int (*read)(void *state, int k, enum prism_dtype dtype,
                void *out);      /* amplitudes of frame k, [h,w] F32 or F64 */
    void (*close)(void **state); /* of a state that is NULL, too */
};
extern const struct prismi_source prismi_source_simulated, prismi_source_memory, prismi_source_npz;

/* What prismi_source_memory opens from. amplitudes [n,h,w] are copied, centres
 * must stay. */
struct prismi_memory {
    int n, h, w;
    const float *amplitudes;
    const double *centres;
};

/* A file of measurements with all its frames in memory. */
struct prismi_stack {
    const struct prismi_source *source;
    void *state;
    struct prismi_frames frames;
    float *amplitudes; /* [n,h,w] */
};
/* By content. Returns 0, PRISM_EIO, PRISM_EPARSE (damaged, or no kind that is
 * known), PRISM_ENOMEM. */
int prismi_stack_load(struct prism_ctx *ctx, const char *path, struct prismi_stack *out);
void prismi_stack_release(struct prismi_stack *s); /* of one that is zero, too */

#endif
