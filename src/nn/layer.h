/* Inside of a network: a static list of nodes over slabs of device memory; not
 * installed.
 *
 * A node is a struct prismi_layer: a configuration (set by whoever lists it),
 * what infer() declares from the shapes of its inputs, and the tensors that the
 * net binds. Gradients are hand-written; forward and backward only enqueue.
 * docs/networks.md says how to list a network and how to add a node. */
#ifndef PRISMI_NN_LAYER_H
#define PRISMI_NN_LAYER_H

#include "core/internal.h"
#include "core/model.h"
#include "prismrec/net.h"

/* Enough for the longest decoder: latent, 32 convolutions each with a norm or
 * an activation, the output activation, the window, two casts; and for the
 * deepest U-Net, 6 + 11 PRISMI_UNET_MAX_DEPTH nodes. */
#define PRISMI_MAX_LAYERS (2 * PRISM_MAX_CHANNELS + 4)
#define PRISMI_NORM_EPS 1e-5
#define PRISMI_NORM_MOMENTUM 0.1

struct prismi_layer;

struct prismi_layer_ops {
    const char *name;
    int modules;      /* how many indices "layer.<i>" the node takes in parameter names */
    bool gx_optional; /* backward takes NULL for a gradient that is not asked for */
    bool in_place;    /* forward works with y == x[0] */
    void (*infer)(
        struct prismi_layer *); /* in -> out, parameters, sizes of saved and running values */
    int (*create)(struct prismi_layer *); /* plans; NULL = none */
    int (*forward)(struct prismi_layer *);
    /* Gradient gx[k] of the k-th input from gy of the output, and parameter
     * gradients; all are overwritten. The contents of gy may be lost. */
    int (*backward)(struct prismi_layer *, const prism_mem gx[2], prism_mem gy);
    void (*destroy)(struct prismi_layer *); /* NULL = nothing to free */
};

/* How a parameter starts. */
enum prismi_fill {
    PRISMI_FILL_ZERO,
    PRISMI_FILL_ONE,
    PRISMI_FILL_NORMAL,
    PRISMI_FILL_WEIGHT,
    PRISMI_FILL_BIAS
};

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

struct prismi_pool_shape {
    enum prism_pool kind;
    int k, stride, pad;
};

struct prismi_layer {
    const struct prismi_layer_ops *ops;
    /* configuration: the members that the node's kind reads */
    struct prismi_conv_shape conv;
    struct prismi_pool_shape pool;
    enum prism_act act; /* norm, act; a convolution: see absorbed */
    int size;           /* latent, input: channels; window: side of the output */
    int side[2];        /* input: height, width */
    enum prism_dtype
        dtype;   /* of the output: F16 or BF16 as listed, anything else becomes the net's */
    int from[2]; /* how many nodes back each input stands; from[0] 0: one, the node before; from[1]
                    0: no second input */
    /* set by the net before infer() */
    struct prism_dev *dev;
    int n;                     /* the net's batch: x and y have n items of the shapes in, out */
    enum prism_dtype real;     /* the net's: parameters, statistics */
    enum prism_dtype in_dtype; /* of the inputs; differs from dtype in a cast only */
    int in[3];                 /* channels, height, width of the first input */
    int uses;        /* how many inputs the output is; the last node's is the caller's too */
    bool absorbed;   /* an act: in inference the convolution before it applies it with its bias */
    bool overwrites; /* in inference y is the memory of x[0], which no other node reads */
    /* declared by infer() */
    int out[3];
    struct prismi_param param[2]; /* a convolution's weight, bias; a norm's gamma, beta */
    int nparam;
    size_t nsaved;   /* scalars kept from forward to backward */
    size_t nrunning; /* scalars of running statistics */
    bool outer; /* the weight's gradient is the outer product of the latent and gy, and only these
                   two are kept */
    /* bound by the net */
    bool learns; /* a parameter stands here or before: the output's gradient is asked for */
    prism_mem x[2], y, saved, running;
    prism_mem gy;     /* gradient of y; the last node's is the caller's and not here */
    prism_mem gx[2];  /* where backward writes; NULL: not asked for */
    bool adds[2];     /* gx[k] is added to the input's gy, which a later reader has begun */
    prism_mem weight; /* a convolution's, as it multiplies: the value, or a copy of it in dtype */
    struct prismi_fusion *fusion; /* the net's, where the node is what it speaks of */
    struct prism_conv *plan;
};

/* Constructors: fill the configuration only. */
struct prismi_layer prismi_layer_latent(int channels);
struct prismi_layer prismi_layer_conv(const struct prismi_conv_shape *shape);
struct prismi_layer
prismi_layer_norm(enum prism_act act); /* per-channel normalisation, scale, shift, activation */
struct prismi_layer prismi_layer_act(enum prism_act act);
struct prismi_layer prismi_layer_input(int channels, int height,
                                       int width); /* the caller's tensor */
struct prismi_layer prismi_layer_dense(int out);   /* over all features of an item: [out,1,1] */
struct prismi_layer
prismi_layer_add(int back); /* the node before plus the one that stands so many back */
struct prismi_layer prismi_layer_concat(
    int back); /* channels of the node before, then of the one that stands so many back */
struct prismi_layer prismi_layer_pool(enum prism_pool kind, int k, int stride, int pad);
bool prismi_layer_is_act(const struct prismi_layer *l);
bool prismi_layer_is_latent(const struct prismi_layer *l);
bool prismi_layer_is_input(const struct prismi_layer *l);
bool prismi_layer_is_dense(const struct prismi_layer *l);
struct prismi_layer prismi_layer_window(int size); /* centre crop or zero pad to [size,size] */
struct prismi_layer
prismi_layer_cast(enum prism_dtype dtype); /* to F16 or BF16; else back from it, to the net's */

/* infer(): the output has the input's shape. */
void prismi_layer_same_shape(struct prismi_layer *l);
/* infer(): declare a parameter; unused dimensions are 0. */
void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill,
                            int d0, int d1, int d2, int d3);

/* The node that makes the k-th input; NULL: there is none. */
static inline struct prismi_layer *prismi_layer_source(struct prismi_layer *l, int k)
{
    return l->from[k] ? l - l->from[k] : NULL;
}

static inline size_t prismi_layer_count(const int shape[3])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
}

/* Elements of the output, and of the first input, of the whole batch. */
static inline size_t prismi_layer_outputs(const struct prismi_layer *l)
{
    return (size_t)l->n * prismi_layer_count(l->out);
}
static inline size_t prismi_layer_inputs(const struct prismi_layer *l)
{
    return (size_t)l->n * prismi_layer_count(l->in);
}

static inline bool prismi_is_half(enum prism_dtype t)
{
    return t == PRISM_F16 || t == PRISM_BF16;
}

struct prism_net {
    struct prism_dev *dev;
    enum prism_dtype dtype;
    struct prism_decoder_params params; /* zero where the net is no decoder */
    enum prism_init init;
    int batch;
    const char *prefix;
    bool inference; /* no gradients; activations share memory */
    struct prismi_fusion fusion;
    struct prismi_layer *outer; /* the node that fusion speaks of; NULL: none */
    bool have_forward; /* output and saved values are of the values as they are, and no backward has
                          spent them */
    enum prism_dtype store; /* of the half layers; F32: there are none */
    int nlayers, nparam;
    struct prismi_layer layer[PRISMI_MAX_LAYERS];
    struct prismi_arena arena;
    prism_mem values, grads, running;             /* slabs */
    size_t slab_count, grad_count, running_count; /* scalars */
    prism_mem half; /* values from half_offset on in the type `store`; renewed by every forward */
    size_t half_offset, half_count;
    prism_mem activations, gradients; /* of nodes: see memory.c */
};

/* How to make a network. */
struct prismi_net_mode {
    bool inference;
    prism_mem
        values; /* another network's slab, of the same layout, to be read; NULL: one of its own */
    int batch;  /* items that a forward takes at once; 0: one */
    enum prism_init init; /* what prism_net_init() does */
    const char *prefix;   /* before "<i>" in parameter names; NULL: "layer." */
};
/* The first node is a latent, where the batch is one, or an input. The last
 * one is no norm, so that the caller's gradient is only read, and reads no
 * latent. */
int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype,
                      const struct prismi_layer *layers, int n, const struct prismi_net_mode *mode,
                      struct prism_net **out);
/* The tensor [n,c,h,w] that an input node stands for, until the next call.
 * Every forward reads it, recorded ones included, and so does the backward
 * after it. Who writes other contents there calls prismi_net_forget(), unless
 * an update stands between. */
void prismi_net_set_input(struct prism_net *net, prism_mem x);
/* A forward in two halves. The output of the values as they are, made only
 * where have_forward says that there is none. Then the running statistics, from
 * the last output made. */
int prismi_net_output(struct prism_net *net, prism_mem *out);
int prismi_net_track(struct prism_net *net);
int prismi_norm_track(const struct prismi_layer *l);
void prismi_net_forget(struct prism_net *net); /* values were written past the network: what was
                                                  made of them is void */
/* A network as a trainer sees it, which owns it from now on: the model's
 * destroy() destroys the network. */
void prismi_net_model(struct prism_net *net, struct prismi_model *out);
/* From now on the optimiser does all that struct prismi_fusion says, and
 * backward leaves out the latent's gradient. NULL, and nothing changes, where
 * no convolution is the only reader of a latent. */
const struct prismi_fusion *prismi_net_fuse_first_update(struct prism_net *net);
void prismi_net_update_done(
    struct prism_net *net); /* an optimiser's step was enqueued or replayed */
void prismi_net_mark_replayed(struct prism_net *net); /* a recorded output was replayed instead */
/* Different where the next prismi_net_output() enqueues something else. */
uint64_t prismi_net_forward_key(const struct prism_net *net);

/* memory.c: binds every tensor of the net, whose shapes are inferred, in one
 * allocation. */
int prismi_net_bind(struct prism_net *net);
/* A tensor's life, from the first to the last of some steps, both included. */
struct prismi_life {
    size_t bytes, offset;
    int first, last;
};
/* Offsets of tensors in one block, so that tensors whose lives meet share no
 * byte; returns the block's size. bytes 0: no tensor. */
size_t prismi_lives_pack(struct prismi_life *life, int n);
/* Scalars that a tensor takes in a slab: tensors start on 64-byte
 * boundaries. */
size_t prismi_net_padded(const struct prism_net *net, size_t count);

/* i-th parameter with its layer; NULL out of range. */
const struct prismi_param *prismi_net_param(const struct prism_net *net, int i);

/* One line that says what a node is, as far as the meaning of weights depends
 * on it: two networks with the same lines may exchange weights. */
#define PRISMI_LINE_MAX 160
void prismi_layer_describe(const struct prismi_layer *l, char line[PRISMI_LINE_MAX]);

/* ---- multi-layer perceptrons ---- */

#define PRISMI_MLP_MAX_HIDDEN (PRISM_DENSE_LAYERS - 1)
struct prismi_mlp_params {
    enum prism_dtype dtype; /* F32 or F64 */
    int inputs, outputs;
    int n_hidden, hidden[PRISMI_MLP_MAX_HIDDEN]; /* widths, first to last */
    enum prism_act act;                          /* after every hidden layer */
};
/* Input [n,inputs], output [n,outputs], n = mode->batch. Returns 0,
 * PRISM_EINVAL (a width below 1, too many layers), PRISM_ENOMEM,
 * PRISM_ENOTSUP. */
int prismi_mlp_create(struct prism_dev *dev, const struct prismi_mlp_params *params,
                      const struct prismi_net_mode *mode, struct prism_net **out);

/* The layers of such a network for dense_fit, which trains on the net's own
 * values: dtype, batch, widths, activations and places in the slab. */
void prismi_mlp_dense(const struct prism_net *net, struct prism_dense_fit_desc *out);

/* ---- U-Nets ---- */

#define PRISMI_UNET_MAX_DEPTH 5
struct prismi_unet_params {
    enum prism_dtype dtype; /* F32 or F64 */
    int height, width;      /* multiples of 2^depth */
    int in_channels, out_channels;
    int base;  /* channels at full size; doubled by each halving */
    int depth; /* halvings, 1 to PRISMI_UNET_MAX_DEPTH */
    enum prism_act act;
};
/* Input [n,in_channels,height,width], output [n,out_channels,height,width],
 * n = mode->batch, normalised by the batch's own statistics. Returns 0,
 * PRISM_EINVAL (out of range, no multiple of 2^depth), PRISM_ENOMEM,
 * PRISM_ENOTSUP. */
int prismi_unet_create(struct prism_dev *dev, const struct prismi_unet_params *params,
                       const struct prismi_net_mode *mode, struct prism_net **out);

/* ---- decoders ---- */

/* The architecture rule: resolves the zeros of params and lists the layers. */
int prismi_decoder_layers(struct prism_ctx *ctx, struct prism_decoder_params *params,
                          struct prismi_layer layers[PRISMI_MAX_LAYERS], int *n);
int prismi_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params,
                          const struct prismi_net_mode *mode, struct prism_net **out);
/* Elements of the largest activation that params.store is for; 0: none is. */
int prismi_decoder_largest_half(struct prism_ctx *ctx, const struct prism_decoder_params *params,
                                size_t *out);
/* The decoder in its dtype throughout, on the same values, which must outlive
 * it: for outputs to show. Inference only, but normalised as in training; the
 * running statistics are its own and mean nothing. */
int prismi_decoder_show(const struct prism_net *net, struct prism_net **out);

#endif
