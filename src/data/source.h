/* Where frames of measurements come from: one table for every kind of file. A source knows its format and nothing of
 * reconstruction. Not installed. */
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
const char *prismi_data_number_name(enum prismi_data_number i); /* as files have it, e.g. "grid_size" */

struct prismi_frames {
    int n, h, w;           /* frames, and their rows and columns */
    const double *centres; /* [n][2], k-space positions (y, x) in pixels relative to DC; the source's */
    bool known[PRISMI_DATA_NUMBERS];
    double number[PRISMI_DATA_NUMBERS]; /* where known */
};

/* open and describe return 0 or PRISM_E* with a sentence; a file may come from anywhere. */
struct prismi_source {
    const char *name;
    bool (*probe)(const uint8_t *head, size_t bytes); /* is a file that begins so (8 bytes, or all of it) of this kind? */
    int (*open)(struct prism_ctx *ctx, const char *path, void **state);
    void (*describe)(const void *state, struct prismi_frames *out);
    void (*read)(const void *state, int k, float *frame); /* amplitudes of frame k, [h,w] */
    void (*close)(void **state);                          /* NULL ok */
};
extern const struct prismi_source *const prismi_sources[]; /* NULL-terminated */
extern const struct prismi_source prismi_source_npz;

/* A file of measurements with all its frames in memory. */
struct prismi_stack {
    const struct prismi_source *source;
    void *state;
    struct prismi_frames frames;
    float *amplitudes; /* [n,h,w] */
};
/* By content. Returns 0, PRISM_EIO, PRISM_EPARSE (damaged, or no kind that is known), PRISM_ENOMEM. */
int prismi_stack_load(struct prism_ctx *ctx, const char *path, struct prismi_stack *out);
void prismi_stack_release(struct prismi_stack *s); /* of one that is zero, too */

#endif
