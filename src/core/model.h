/* A model that can be trained, as a trainer sees it: one const table of
 * functions, filled by nn for a network and by recon for a plain object. It
 * lies in core so that neither the trainer nor the model includes the other. */
#ifndef PRISMI_MODEL_H
#define PRISMI_MODEL_H

#include "core/internal.h"
#include "prismrec/fit.h"

/* The first layer's weight has most of a decoder's parameters, and the update
 * of the weight has read it already. A fused update therefore also makes the
 * gradient of the latent (segment 0), updates the latent, and writes y for the
 * next forward, from weight and latent as updated. The model owns this record;
 * the optimiser reads it. */
struct prismi_fusion {
    prism_mem y;                 /* the first layer's output, without its bias */
    struct prism_conv *conv;     /* its plan: y = conv_bwd_x(conv, latent, weight) */
    bool first_fused;            /* the optimiser has taken over */
    bool first_gradient_pending; /* backward left out the latent's gradient */
    bool y_is_ready;             /* y is of the values as they are; the next forward uses it up */
};

struct prismi_model_ops {
    const char *name;
    /* The output of the values as they are, device memory owned by the model.
     * It is made once; ready() says that it still is of these values. Enqueue
     * only. */
    int (*output)(void *self, prism_mem *x);
    bool (*ready)(const void *self);
    /* Statistics that follow the outputs made in training. NULL: none. Enqueue
     * only. */
    int (*track)(void *self);
    /* Gradients of the parameters from the gradient gx of the output, which is
     * only read. Enqueue only. */
    int (*backward)(void *self, prism_mem gx);
    /* At most n segments of the values, in order; returns how many there are,
     * up to PRISM_MAX_SEGMENTS. */
    int (*segments)(const void *self, struct prism_segment *out, int n);
    /* From now on the optimiser updates the first layer as struct prismi_fusion
     * says, where that is not NULL. NULL: never. */
    const struct prismi_fusion *(*fuse_first_update)(void *self);
    /* Constraints on the values after an update. NULL: none. Enqueue only. */
    int (*constrain)(void *self);
    /* The host's side of what was enqueued or replayed: the optimiser updated
     * the values; somebody else wrote them; a recorded output was replayed.
     * NULL: nothing to do. */
    void (*update_done)(void *self);
    void (*forget)(void *self);
    void (*mark_replayed)(void *self);
    /* Changes with what output() enqueues. NULL: always the same. */
    uint64_t (*key)(const void *self);
    void (*destroy)(void *self);
};

struct prismi_model {
    const struct prismi_model_ops *ops;
    void *self;
    enum prism_dtype dtype; /* of values, gradients and output; real */
    bool complex_output;    /* the output has pairs (re, im) */
    size_t n_output;        /* elements of the output, and of its gradient */
    prism_mem values;       /* [count] all parameters */
    size_t count;
    prism_mem running; /* [n_running] statistics that advance with training; NULL: none */
    size_t n_running;
};

/* Real scalars of the output, and of its gradient. */
static inline size_t prismi_model_reals(const struct prismi_model *m)
{
    return m->n_output * (m->complex_output ? 2 : 1);
}

#endif
