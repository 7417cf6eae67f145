/* Inside of a network: a static list of layers over slabs of device memory; not installed.
 *
 * A layer is a configuration (set by whoever lists it), what infer() declares from its input shape, and what the net binds.
 * Gradients are hand-written; forward and backward only enqueue. Adding a layer: one file, one constructor, one ops table. */
#ifndef PRISMI_NN_LAYER_H
#define PRISMI_NN_LAYER_H

#include "core/internal.h"
#include "prismrec/net.h"

/* latent, 32 convolutions each with a norm or an activation, the output activation, the window */
#define PRISMI_MAX_LAYERS (2 * PRISM_MAX_CHANNELS + 2)
#define PRISMI_NORM_EPS 1e-5
#define PRISMI_NORM_MOMENTUM 0.1

struct prismi_layer;

struct prismi_layer_ops {
    const char *name;
    int modules;                          /* how many indices "decoder.<i>" it takes in parameter names */
    void (*infer)(struct prismi_layer *); /* in -> out, parameters, sizes of saved and running values */
    int (*create)(struct prismi_layer *); /* plans; NULL = none */
    int (*forward)(struct prismi_layer *);
    /* Gradient gx of the input from gy of the output, and parameter gradients (overwritten). gy's contents may be lost. */
    int (*backward)(struct prismi_layer *, prism_mem gx, prism_mem gy);
    void (*destroy)(struct prismi_layer *); /* NULL = nothing to free */
};

/* How a parameter starts. */
enum prismi_fill { PRISMI_FILL_ZERO, PRISMI_FILL_ONE, PRISMI_FILL_NORMAL, PRISMI_FILL_WEIGHT, PRISMI_FILL_BIAS };

struct prismi_param {
    const char *suffix;
    enum prismi_fill fill;
    struct prism_param_info info;
    size_t offset; /* scalars into the slabs */
};

struct prismi_conv_shape {
    int cout, k, stride, pad;
    bool transposed, bias;
};

struct prismi_layer {
    const struct prismi_layer_ops *ops;
    /* configuration: the member its kind reads */
    struct prismi_conv_shape conv;
    enum prism_act act; /* norm, act */
    int size;           /* latent: channels; window: side of the output */
    /* set by the net before infer() */
    struct prism_dev *dev;
    enum prism_dtype dtype;
    int in[3]; /* channels, height, width */
    /* declared by infer() */
    int out[3];
    struct prismi_param param[2]; /* a convolution's weight, bias; a norm's gamma, beta */
    int nparam;
    size_t nsaved;   /* scalars kept from forward to backward */
    size_t nrunning; /* scalars of running statistics */
    /* bound by the net */
    prism_mem x, y, saved, running;
    struct prism_conv *plan;
};

/* Constructors: fill the configuration only. */
struct prismi_layer prismi_layer_latent(int channels);
struct prismi_layer prismi_layer_conv(const struct prismi_conv_shape *shape);
struct prismi_layer prismi_layer_norm(enum prism_act act); /* per-channel normalisation, scale, shift, activation */
struct prismi_layer prismi_layer_act(enum prism_act act);
struct prismi_layer prismi_layer_window(int size); /* centre crop or zero pad to [size,size] */

/* infer(): the output has the input's shape. */
void prismi_layer_same_shape(struct prismi_layer *l);
/* infer(): declare a parameter; unused dimensions are 0. */
void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill, int d0, int d1, int d2, int d3);

static inline size_t prismi_layer_count(const int shape[3])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
}

struct prism_net {
    struct prism_dev *dev;
    enum prism_dtype dtype;
    struct prism_decoder_params params; /* zero where the net is no decoder (tests) */
    bool inference;                     /* no gradients */
    bool have_forward;                  /* saved values belong to a forward no backward has consumed */
    int nlayers, nparam;
    struct prismi_layer layer[PRISMI_MAX_LAYERS];
    struct prismi_arena arena;
    prism_mem values, grads, running; /* slabs */
    size_t slab_count, running_count; /* scalars */
    prism_mem g[2];                   /* gradients of activations ping-pong between these */
};

/* The first layer is a latent; the last one is no norm, so that the caller's gradient is only read. */
int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype, const struct prismi_layer *layers, int n, bool inference,
                      struct prism_net **out);
/* i-th parameter with its layer; NULL out of range. */
const struct prismi_param *prismi_net_param(const struct prism_net *net, int i);

/* The architecture rule: resolves the zeros of params and lists the layers. */
int prismi_decoder_layers(struct prism_ctx *ctx, struct prism_decoder_params *params, struct prismi_layer layers[PRISMI_MAX_LAYERS],
                          int *n);
int prismi_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params, bool inference, struct prism_net **out);

#endif
