/* The struct behind a device's profile. Only src/core includes this file.
 *
 * A profile is a tree of nodes; a stack holds the open ones. Entering a node
 * searches the children of the open node for a key. A step repeats the same
 * calls in the same order, so the search begins behind the child that was found
 * last. */
#ifndef PRISMI_PROFILE_H
#define PRISMI_PROFILE_H

#include "core/ctx.h"
#include "prismrec/profile.h"

enum {
    PROFILE_NODES = 4096,
    PROFILE_DEPTH = 64,
    PROFILE_LABEL = 80,
    PROFILE_BUCKETS = 352, /* 8 per octave, up to 2^44 ns */
};

/* Identity of a node: equal keys under the same parent are one node. */
struct prismi_profile_key {
    const char *name; /* compared as text */
    uint64_t a, b, c;
};

struct prismi_profile_node {
    struct prismi_profile_key key;
    /* Indices of other nodes, 0 = none. Children are linked in order of
     * creation. */
    int parent, child, last, next, cursor;
    bool op;
    char label[PROFILE_LABEL]; /* "" until the caller writes it */
    double flops, bytes;
    uint64_t count, total_ns, inside_ns, min_ns, max_ns;
    uint32_t histogram[PROFILE_BUCKETS];
};

struct prismi_profile {
    struct prism_profile_params par;
    struct prism_ops inner;     /* the table whose entries are timed */
    uint64_t start_ns, wall_ns; /* wall_ns: as of the last prism_profile_read() */
    struct {
        int node;
        uint64_t start_ns;
    } stack[PROFILE_DEPTH];
    int depth, too_deep;
    int n_nodes;
    bool replay_off;
    size_t n_events, n_dropped;
    int64_t step, n_steps;
    size_t bytes, peak_bytes, first_step_bytes, last_step_bytes;
    struct {
        size_t bytes, peak_bytes;
    } owner[PRISMI_OWNER_COUNT];
    struct prismi_profile_block { /* a live allocation on the device */
        prism_mem mem;
        size_t bytes;
    } * blocks;
    int n_blocks, cap_blocks;
    struct prism_profile_event *events;
    /* node 0 is the root; the last node collects what has no room */
    struct prismi_profile_node nodes[PROFILE_NODES];
};

static inline struct prismi_profile *prismi_profile_of(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->profile;
}

/* Find or add the child of the open node with this key. The label of a new
 * child is "" and the caller writes it. */
struct prismi_profile_node *prismi_profile_find(struct prismi_profile *p,
                                                const struct prismi_profile_key *key);
void prismi_profile_enter(struct prismi_profile *p, struct prismi_profile_node *node);
void prismi_profile_leave(struct prismi_profile *p);

/* Attach a profile to a fully opened device. */
int prismi_profile_create(struct prismi_device *d, const struct prism_profile_params *params);
void prismi_profile_destroy(struct prismi_device *d);
/* Replace the entries of ops by ones that time the entries of p->inner. */
void prismi_profile_wrap(struct prismi_profile *p, struct prism_ops *ops);

/* Count an allocation of the device, and its release. Memory by owner is
 * counted by prismi_profile_memory(). */
int prismi_profile_block_add(struct prismi_profile *p, prism_mem mem, size_t bytes);
void prismi_profile_block_remove(struct prismi_profile *p, prism_mem mem);

#endif
