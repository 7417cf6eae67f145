/* PRISM: words that everything trained shares: phases, learning rates, tiers,
 * the segments an optimiser sees. */
#ifndef PRISMREC_FIT_H
#define PRISMREC_FIT_H

#include "prismrec/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

enum prism_phase { PRISM_PHASE_INIT, PRISM_PHASE_FIT, PRISM_PHASE_RETRY, PRISM_PHASE_DONE };
PRISM_API const char *prism_phase_name(enum prism_phase phase);

enum prism_schedule {
    PRISM_SCHEDULE_COSINE, /* base to base/1000 over the phase or the sample's budget */
    PRISM_SCHEDULE_CONSTANT,
    PRISM_SCHEDULE_PLATEAU,         /* factor 0.5, patience 10 cycles, relative threshold 1e-4 */
    PRISM_SCHEDULE_COSINE_RESTARTS, /* T0 = 50, Tmult = 2, minimum 1e-6 */
    PRISM_SCHEDULE_COUNT
};

/* How hard a fit is being pushed (see training.enable_adaptive_convergence). */
enum prism_tier {
    PRISM_TIER_NORMAL,
    PRISM_TIER_FAST,
    PRISM_TIER_AGGRESSIVE,
    PRISM_TIER_RESCUE,
    PRISM_TIER_COUNT
};

/* A part of a slab of parameters as an optimiser sees it. Where grad is NULL
 * the part is a matrix [rows,cols] with the gradient a[r] b[c]: a decoder's
 * first convolution, which sees one pixel and has three quarters of all
 * parameters. */
struct prism_segment {
    /* Scalars into the slab, and into any slab of the optimiser of the same
     * layout. */
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
