/* PRISM: where the time and the memory of a device go.
 *
 * A device opened with prism_dev_params.profile times every operation and every
 * named region, as a tree: a node is a region or an operation of one shape
 * inside the regions around it. Results are the same bits as without. Nothing
 * is allocated after opening but with objects that are created, so a step stays
 * free of allocations. */
#ifndef PRISMREC_PROFILE_H
#define PRISMREC_PROFILE_H

#include "prismrec/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PRISM_PROFILE_EVENTS 131072 /* max_events where 0 is given: 3 MiB */

struct prism_profile_params {
    /* Leave operations alone; recorded steps are played back, and count as one
     * piece. */
    bool regions_only;
    /* Wait for the device wherever something timed begins or ends: true times,
     * slower runs. */
    bool sync;
    /* Events kept for a timeline; later ones are counted in the tree only. */
    size_t max_events;
    /* Range of steps whose events are kept; 0, 0 = all, and events before the
     * first step. */
    int64_t first_step, last_step;
};

struct prism_profile_info {
    /* Time since the device was opened; the sum of all self_ns where no region
     * is open. */
    uint64_t wall_ns;
    /* The device works asynchronously and sync was not asked for: the times of
     * operations are what enqueueing takes, and waiting shows up in read and
     * sync. */
    bool asynchronous;
    bool regions_only, sync;
    /* Steps would have been recorded and played back, and are not while
     * operations are timed. */
    bool replay_off;
    int n_nodes, n_owners;
    size_t n_events, n_dropped;
    int64_t n_steps;
    /* Bytes allocated through the device. The memory that plans keep for
     * themselves is not counted. */
    size_t device_bytes, device_peak_bytes;
    /* Growth of device_bytes since the first step; not 0 is a leak. */
    size_t step_growth_bytes;
};

/* Node 0 is everything, up to the last prism_profile_read(). Parents come
 * before children. */
struct prism_profile_node {
    /* "conv_fwd cin64 h8 w8 cout32 k4 s2 p1 f32", as in tests and benchmarks,
     * or a region's name. */
    const char *label;
    int parent; /* -1: none */
    bool op;
    uint64_t count, total_ns, self_ns;       /* self: less what is inside */
    uint64_t min_ns, p50_ns, p95_ns, max_ns; /* time of a call; percentiles to 6 % */
    /* A call's arithmetic, and its operands read and written once; 0 = not
     * known. */
    double flops, bytes;
};

struct prism_profile_event {
    int node;
    uint64_t start_ns, duration_ns; /* start: after opening */
};

struct prism_profile_memory {
    const char *owner; /* "parameters" */
    size_t bytes, peak_bytes;
};

/* All return 0, or PRISM_EINVAL for a device that is not profiled or an index
 * out of range. Texts live as long as the device. */
PRISM_API int prism_profile_read(const struct prism_dev *dev, struct prism_profile_info *out);
PRISM_API int prism_profile_node(const struct prism_dev *dev, int i,
                                 struct prism_profile_node *out);
PRISM_API int prism_profile_event(const struct prism_dev *dev, size_t i,
                                  struct prism_profile_event *out); /* in order of their ends */
PRISM_API int prism_profile_memory(const struct prism_dev *dev, int i,
                                   struct prism_profile_memory *out);

/* A region, around what is done until its end; they nest. name: lives as long
 * as the device; number: told apart and shown where it is not 0. Without a
 * profile both do nothing. */
PRISM_API void prism_region_begin(struct prism_dev *dev, const char *name, int number);
PRISM_API void prism_region_end(struct prism_dev *dev);

#ifdef __cplusplus
}
#endif
#endif
