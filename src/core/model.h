/* A model that can be trained, as a trainer sees it: one const table of
 * functions, filled by nn for a network and by recon for a plain object. It
 * lies in core so that neither the trainer nor the model includes the other. */
#ifndef PRISMI_MODEL_H
#define PRISMI_MODEL_H

#include "core/internal.h"
#include "prismrec/fit.h"

/* State of the fused first update. The first layer's weight holds most of a
 * decoder's parameters, and the optimiser reads every element of the weight
 * anyway. A fused update therefore also makes the gradient of the latent
 * (segment 0), updates the latent, and computes y for the next forward from the
 * updated weight and latent. The model owns this record; the optimiser reads
 * it. */
struct prismi_fusion {
    prism_mem y;                 /* the first layer's output, without its bias */
    struct prism_conv *conv;     /* the plan of y = conv_bwd_x(conv, latent, weight) */
    bool first_fused;            /* the optimiser does the fused update from now on */
    bool first_gradient_pending; /* backward() left the latent's gradient to the update */
    /* y belongs to the current values; the next forward consumes it */
    bool y_is_ready;
};

struct prismi_model_ops {
    const char *name;
    /* Compute the output of the current values. *x is device memory owned by
     * the model; it is computed once, and ready() is true while it still
     * belongs to the current values. Enqueue only. */
    int (*output)(void *self, prism_mem *x);
    bool (*ready)(const void *self);
    /* Advance the running statistics by the last training output. NULL: there
     * are none. Enqueue only. */
    int (*track)(void *self);
    /* Compute the parameters' gradients from gx, the gradient of the output. gx
     * is only read. Enqueue only. */
    int (*backward)(void *self, prism_mem gx);
    /* Write at most n segments of the values, in order. Returns how many there
     * are, up to PRISM_MAX_SEGMENTS. */
    int (*segments)(const void *self, struct prism_segment *out, int n);
    /* Hand the first layer's update to the optimiser, as struct prismi_fusion
     * describes. Returns NULL if the model has no such layer. The entry is NULL
     * if the model never has one. */
    const struct prismi_fusion *(*fuse_first_update)(void *self);
    /* Apply constraints to the values after an update. NULL: there are none.
     * Enqueue only. */
    int (*constrain)(void *self);
    /* Tell the model what happened to its values or output: update_done after
     * an update by the optimiser, forget after anybody else wrote the values,
     * mark_replayed after a recorded output was replayed. NULL: the model need
     * not know. */
    void (*update_done)(void *self);
    void (*forget)(void *self);
    void (*mark_replayed)(void *self);
    /* A number that changes whenever output() would enqueue other calls. NULL:
     * output() always enqueues the same. */
    uint64_t (*key)(const void *self);
    void (*destroy)(void *self);
};

struct prismi_model {
    const struct prismi_model_ops *ops;
    void *self;
    enum prism_dtype dtype; /* real; of values, gradients and output */
    bool complex_output;    /* the output is complex, stored as pairs (re, im) */
    size_t n_output;        /* elements of the output and of its gradient */
    prism_mem values;       /* [count], all parameters */
    size_t count;
    /* [n_running], statistics that advance with training; NULL: none */
    prism_mem running;
    size_t n_running;
};

/* Number of real scalars in the output and in its gradient. */
static inline size_t prismi_model_reals(const struct prismi_model *m)
{
    return m->n_output * (m->complex_output ? 2 : 1);
}

#endif
