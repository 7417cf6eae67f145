/* Inside of a network: a static list of layers over slabs of device memory; not installed.
 *
 * A layer is a configuration (set by whoever lists it), what infer() declares from its input shape, and what the net binds.
 * Gradients are hand-written; forward and backward only enqueue. Adding a layer: one file, one constructor, one ops table. */
#ifndef PRISMI_NN_LAYER_H
#define PRISMI_NN_LAYER_H

#include "core/internal.h"
#include "core/model.h"
#include "prismrec/net.h"

/* latent, 32 convolutions each with a norm or an activation, the output activation, the window, two casts */
#define PRISMI_MAX_LAYERS (2 * PRISM_MAX_CHANNELS + 4)
#define PRISMI_NORM_EPS 1e-5
#define PRISMI_NORM_MOMENTUM 0.1

struct prismi_layer;

struct prismi_layer_ops {
    const char *name;
    int modules;                          /* how many indices "decoder.<i>" it takes in parameter names */
    void (*infer)(struct prismi_layer *); /* in -> out, parameters, sizes of saved and running values */
    int (*create)(struct prismi_layer *); /* plans; NULL = none */
    int (*forward)(struct prismi_layer *);
    /* Gradient gx of the input (NULL: not asked for) from gy of the output, and parameter gradients (overwritten). gy's contents
     * may be lost, but where the layer has a buffer of its own for it. */
    int (*backward)(struct prismi_layer *, prism_mem gx, prism_mem gy);
    void (*destroy)(struct prismi_layer *); /* NULL = nothing to free */
};

/* How a parameter starts. */
enum prismi_fill { PRISMI_FILL_ZERO, PRISMI_FILL_ONE, PRISMI_FILL_NORMAL, PRISMI_FILL_WEIGHT, PRISMI_FILL_BIAS };

struct prismi_param {
    const char *suffix;
    enum prismi_fill fill;
    struct prism_param_info info;
    size_t offset; /* scalars into the slab of values */
};

struct prismi_conv_shape {
    int cout, k, stride, pad;
    bool transposed, bias, tf32;
};

struct prismi_layer {
    const struct prismi_layer_ops *ops;
    /* configuration: the member its kind reads */
    struct prismi_conv_shape conv;
    enum prism_act act;     /* norm, act; a convolution: see below */
    int size;               /* latent: channels; window: side of the output */
    enum prism_dtype dtype; /* of the output: F16 or BF16 as listed, anything else becomes the net's */
    /* set by the net before infer() */
    struct prism_dev *dev;
    enum prism_dtype real;     /* the net's: parameters, statistics */
    enum prism_dtype in_dtype; /* differs from dtype in a cast only */
    int in[3];                 /* channels, height, width */
    bool absorbed;             /* an act: in inference the convolution before it applies it with its bias */
    /* declared by infer() */
    int out[3];
    struct prismi_param param[2]; /* a convolution's weight, bias; a norm's gamma, beta */
    int nparam;
    size_t nsaved;   /* scalars kept from forward to backward */
    size_t nrunning; /* scalars of running statistics */
    bool outer;      /* a convolution whose weight's gradient is the outer product of its input and its output's gradient: no more
                        than these two are kept */
    bool product;    /* outer: y holds weight times x already, without bias; spent by the next forward */
    /* bound by the net */
    prism_mem x, y, saved, running;
    prism_mem gy;     /* outer: its own buffer for the output's gradient, else NULL */
    prism_mem weight; /* a convolution's, as it multiplies: the value, or a copy of it in dtype */
    struct prism_conv *plan;
};

/* Constructors: fill the configuration only. */
struct prismi_layer prismi_layer_latent(int channels);
struct prismi_layer prismi_layer_conv(const struct prismi_conv_shape *shape);
struct prismi_layer prismi_layer_norm(enum prism_act act); /* per-channel normalisation, scale, shift, activation */
struct prismi_layer prismi_layer_act(enum prism_act act);
bool prismi_layer_is_act(const struct prismi_layer *l);
struct prismi_layer prismi_layer_window(int size);             /* centre crop or zero pad to [size,size] */
struct prismi_layer prismi_layer_cast(enum prism_dtype dtype); /* to F16 or BF16; else back from it, to the net's */

/* infer(): the output has the input's shape. */
void prismi_layer_same_shape(struct prismi_layer *l);
/* infer(): declare a parameter; unused dimensions are 0. */
void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill, int d0, int d1, int d2, int d3);

static inline size_t prismi_layer_count(const int shape[3])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
}

static inline bool prismi_is_half(enum prism_dtype t)
{
    return t == PRISM_F16 || t == PRISM_BF16;
}

struct prism_net {
    struct prism_dev *dev;
    enum prism_dtype dtype;
    struct prism_decoder_params params; /* zero where the net is no decoder (tests) */
    bool inference;                     /* no gradients; activations take turns in g */
    bool first_later;                   /* the optimiser does what reads the outer convolution: see prismi_net_leave_first */
    bool first_owed;                    /* and has not done it since the last backward */
    bool have_forward;                  /* output and saved values are of the values as they are, and no backward has spent them */
    enum prism_dtype store;             /* of the half layers; F32: there are none */
    int nlayers, nparam;
    struct prismi_layer layer[PRISMI_MAX_LAYERS];
    struct prismi_arena arena;
    prism_mem values, grads, running;             /* slabs */
    size_t slab_count, grad_count, running_count; /* scalars */
    prism_mem half;                               /* values from half_offset on in the type `store`; renewed by every forward */
    size_t half_offset, half_count;
    prism_mem g[2]; /* gradients of activations ping-pong between these */
};

/* How to make a network. */
struct prismi_net_mode {
    bool inference;
    prism_mem values; /* another network's slab, of the same layout, to be read; NULL: one of its own */
};
/* The first layer is a latent; the last one is no norm, so that the caller's gradient is only read, and no outer convolution. */
int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype, const struct prismi_layer *layers, int n,
                      const struct prismi_net_mode *mode, struct prism_net **out);
/* A forward in two halves. The output of the values as they are, made only where have_forward says that there is none. Then the
 * running statistics, from the last output made. */
int prismi_net_output(struct prism_net *net, prism_mem *out);
int prismi_net_track(struct prism_net *net);
int prismi_norm_track(const struct prismi_layer *l);
void prismi_net_forget(struct prism_net *net); /* values were written past the network: what was made of them is void */
void prismi_net_played(struct prism_net *net); /* a recorded output was played back instead */
/* From now on the optimiser does all that reads the outer convolution's weights, for it reads them anyway. Backward does not make
 * the latent's gradient, their product with gy; and the next forward begins with the product of weights and latent, both as
 * updated, in y, made by the plan conv: prismi_net_updated() says that it is there. False, and nothing changes, where the latent's
 * output goes elsewhere. */
bool prismi_net_leave_first(struct prism_net *net, prism_mem *y, struct prism_conv **conv);
void prismi_net_updated(struct prism_net *net);
/* A network as a trainer sees it, which owns it from now on: the model's destroy() destroys the network. */
void prismi_net_model(struct prism_net *net, struct prismi_model *out);
/* i-th parameter with its layer; NULL out of range. */
const struct prismi_param *prismi_net_param(const struct prism_net *net, int i);

/* The architecture rule: resolves the zeros of params and lists the layers. */
int prismi_decoder_layers(struct prism_ctx *ctx, struct prism_decoder_params *params, struct prismi_layer layers[PRISMI_MAX_LAYERS],
                          int *n);
int prismi_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params, const struct prismi_net_mode *mode,
                          struct prism_net **out);
/* Elements of the largest activation that params.store is for; 0: none is. */
int prismi_decoder_largest_half(struct prism_ctx *ctx, const struct prism_decoder_params *params, size_t *out);
/* The decoder in its dtype throughout, on the same values, which must outlive it: for outputs to show. Inference only, but
 * normalised as in training; the running statistics are its own and mean nothing. */
int prismi_decoder_show(const struct prism_net *net, struct prism_net **out);

#endif
