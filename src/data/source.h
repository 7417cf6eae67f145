/* Where measured frames come from: one table of functions for every kind of
 * source. A source knows its format and nothing of reconstruction. Not
 * installed. */
#ifndef PRISMI_DATA_SOURCE_H
#define PRISMI_DATA_SOURCE_H

#include "prismrec/ctx.h"

/* Numbers of the geometry that a file may contain. */
enum prismi_data_number {
    PRISMI_DATA_GRID_SIZE,       /* N: side of the grid in object space and k-space, pixels */
    PRISMI_DATA_OBJ_SIZE,        /* O: side of the object, pixels */
    PRISMI_DATA_RADIUS_PX,       /* radius of one aperture, k-space pixels */
    PRISMI_DATA_INNER_RADIUS_PX, /* radius of its blocked centre, k-space pixels */
    PRISMI_DATA_NUMBERS
};
/* The number's name in files, e.g. "grid_size". */
const char *prismi_data_number_name(enum prismi_data_number i);

struct prismi_frames {
    int n, h, w; /* number of frames; rows and columns of one */
    /* [n][2], k-space positions (y, x) in pixels relative to DC; owned by the
     * source */
    const double *centres;
    bool computed; /* reading takes so long that the caller should keep frames */
    bool known[PRISMI_DATA_NUMBERS];
    double number[PRISMI_DATA_NUMBERS]; /* set where known[] is true */
};

/* open and read return 0 or a PRISM_E* status with a recorded sentence. A file
 * may come from anywhere, so open trusts nothing in it. */
struct prismi_source {
    const char *name;
    /* True if a file that begins with these bytes (8, or the whole file) is of
     * this kind. NULL: the source is not a file. */
    bool (*probe)(const uint8_t *head, size_t bytes);
    /* Open from a file's path, or from the struct that a source without a file
     * documents. *state is NULL on failure. */
    int (*open)(struct prism_ctx *ctx, const void *from, void **state);
    void (*describe)(const void *state, struct prismi_frames *out);
    /* Write the amplitudes of frame k, [h,w] F32 or F64, to out. */
    int (*read)(void *state, int k, enum prism_dtype dtype, void *out);
    void (*close)(void **state); /* *state may be NULL */
};
extern const struct prismi_source prismi_source_simulated, prismi_source_memory, prismi_source_npz;

/* What prismi_source_memory opens. amplitudes [n,h,w] are copied; centres must
 * outlive the source. */
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
/* Load a file, its format told by content. Returns 0, PRISM_EIO, PRISM_EPARSE
 * (damaged, or no known format) or PRISM_ENOMEM. */
int prismi_stack_load(struct prism_ctx *ctx, const char *path, struct prismi_stack *out);
void prismi_stack_release(struct prismi_stack *s); /* a zeroed stack is allowed */

#endif
