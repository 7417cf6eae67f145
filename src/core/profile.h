/* The profile's inside, for src/core only.
 *
 * A tree of nodes with the open ones on a stack. Entering looks for the child
 * with a key; a step does the same things in the same order, so the search
 * begins behind the child that was found last. */
#ifndef PRISMI_PROFILE_H
#define PRISMI_PROFILE_H

#include "core/ctx.h"
#include "prismrec/profile.h"

enum {
    PROFILE_NODES = 4096,
    PROFILE_DEPTH = 64,
    PROFILE_LABEL = 80,
    PROFILE_BUCKETS = 352, /* 8 to an octave, up to 2^44 ns */
};

/* What is entered: equal keys with the same parent are one node. */
struct prismi_profile_key {
    const char *name; /* compared as text */
    uint64_t a, b, c;
};

struct prismi_profile_node {
    struct prismi_profile_key key;
    int parent, child, last, next,
        cursor; /* children are linked in order of their making; 0 = none */
    bool op;
    char label[PROFILE_LABEL]; /* "" until described */
    double flops, bytes;
    uint64_t count, total_ns, inside_ns, min_ns, max_ns;
    uint32_t histogram[PROFILE_BUCKETS];
};

struct prismi_profile {
    struct prism_profile_params par;
    struct prism_ops inner;     /* the table that is timed */
    uint64_t start_ns, wall_ns; /* wall: at the last reading */
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
    struct prismi_profile_block { /* what is allocated on the device */
        prism_mem mem;
        size_t bytes;
    } * blocks;
    int n_blocks, cap_blocks;
    struct prism_profile_event *events;
    struct prismi_profile_node nodes[PROFILE_NODES]; /* 0: everything; the last: what has no room */
};

static inline struct prismi_profile *prismi_profile_of(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->profile;
}

/* The child of what is open; its label is "" where it is new, and the caller's
 * to write. */
struct prismi_profile_node *prismi_profile_find(struct prismi_profile *p,
                                                const struct prismi_profile_key *key);
void prismi_profile_enter(struct prismi_profile *p, struct prismi_profile_node *node);
void prismi_profile_leave(struct prismi_profile *p);

/* Into a device that is otherwise ready. */
int prismi_profile_create(struct prismi_device *d, const struct prism_profile_params *params);
void prismi_profile_destroy(struct prismi_device *d);
/* Replace the entries of ops by ones that time p->inner's. */
void prismi_profile_wrap(struct prismi_profile *p, struct prism_ops *ops);

/* Memory. blocks: of the device's own; owners: by use. */
int prismi_profile_block_add(struct prismi_profile *p, prism_mem mem, size_t bytes);
void prismi_profile_block_remove(struct prismi_profile *p, prism_mem mem);

#endif
