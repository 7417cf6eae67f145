/* Helpers for timing an entry, shared by profile_ops.c and profile_planes.c. */
#ifndef PRISMI_PROFILE_TIMED_H
#define PRISMI_PROFILE_TIMED_H

#include "core/front.h"
#include "core/profile.h"

#include <stdio.h>

static const char *const dtype_names[PRISM_DTYPE_COUNT] = {"f32", "f64", "cf32", "cf64",
                                                           "i32", "f16", "bf16", "u8"};

#define FRESH(n) (!*(n)->label)
#define LABEL(n, ...) snprintf((n)->label, sizeof(n)->label, __VA_ARGS__)

static inline struct prismi_profile_node *find(struct prismi_profile *p, const char *name,
                                               uint64_t a, uint64_t b, uint64_t c)
{
    const struct prismi_profile_key key = {name, a, b, c};
    struct prismi_profile_node *n = prismi_profile_find(p, &key);
    n->op = true;
    return n;
}

static inline int leave(struct prismi_profile *p, struct prism_dev *dev, int status)
{
    if (p->par.sync && !status)
        status = p->inner.sync(dev);
    prismi_profile_leave(p);
    return status;
}

/* The entries that profile_planes.c times: pooling, strided copy, scatter_add,
 * softmax, argmax, gather, dense_fit. */
void prismi_profile_wrap_planes(struct prism_ops *ops);

#endif
