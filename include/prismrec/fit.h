/* PRISM: types shared by everything that is trained: phases, learning rates,
 * tiers, and the segments that an optimiser sees. */
#ifndef PRISMREC_FIT_H
#define PRISMREC_FIT_H

#include "prismrec/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The part of a run. INIT fits the model to a picture, FIT fits it to the data,
 * RETRY repeats samples that failed (progressive). */
enum prism_phase { PRISM_PHASE_INIT, PRISM_PHASE_FIT, PRISM_PHASE_RETRY, PRISM_PHASE_DONE };

/* The name of a phase, e.g. "init". Never NULL. Thread-safety: safe. */
PRISM_API const char *prism_phase_name(enum prism_phase phase);

/* How the learning rate changes from its base. */
enum prism_schedule {
    /* A cosine from the base to base/1000 over the phase, or over the steps of
     * one sample (progressive). */
    PRISM_SCHEDULE_COSINE,
    PRISM_SCHEDULE_CONSTANT,
    /* Halves the rate after more than 10 cycles without a loss below the best
     * one times (1 - 1e-4). */
    PRISM_SCHEDULE_PLATEAU,
    /* Cosines of 50, 100, 200, ... steps, each from the base to 1e-6
     * (Loshchilov and Hutter 2017). */
    PRISM_SCHEDULE_COSINE_RESTARTS,
    PRISM_SCHEDULE_COUNT
};

/* How hard the fit of a sample is pushed, with training.adaptive. */
enum prism_tier {
    PRISM_TIER_NORMAL,
    PRISM_TIER_FAST,
    PRISM_TIER_AGGRESSIVE,
    PRISM_TIER_RESCUE,
    PRISM_TIER_COUNT
};

/* A part of a slab of parameters, as an optimiser sees it. If grad is NULL the
 * part is a matrix [rows,cols] with the gradient a[r] b[c]. A decoder's first
 * convolution is one: it sees one pixel, and has three quarters of all
 * parameters. */
struct prism_segment {
    /* Place and length in the slab, scalars. The optimiser's own slabs have the
     * same layout. */
    size_t offset, count;
    prism_mem value, grad;
    prism_mem a, b; /* [rows], [cols] */
    size_t rows, cols;
};
#define PRISM_MAX_SEGMENTS 3

#ifdef __cplusplus
}
#endif
#endif
