/* A network is a static list of nodes over slabs of device memory. Not
 * installed.
 *
 * A node is a struct prismi_layer. It holds a configuration (set by the author
 * of the list), declarations that infer() makes from the shapes of the inputs,
 * and tensors that the network binds. Gradients are hand-written, and forward
 * and backward only enqueue. docs/networks.md says how to list a network and
 * how to add a node. */
#ifndef PRISMI_NN_LAYER_H
#define PRISMI_NN_LAYER_H

#include "core/internal.h"
#include "core/model.h"
#include "prismrec/net.h"

/* Room for the longest decoder (latent, 32 convolutions each with a norm or an
 * activation, the output activation, the window, two casts) and for the deepest
 * U-Net (6 + 11 PRISMI_UNET_MAX_DEPTH nodes). */
#define PRISMI_MAX_LAYERS (2 * PRISM_MAX_CHANNELS + 4)
#define PRISMI_NORM_EPS 1e-5
#define PRISMI_NORM_MOMENTUM 0.1

struct prismi_layer;

struct prismi_layer_ops {
    const char *name;
    int modules;      /* number of indices i that the node takes in parameter names, "layer.<i>" */
    bool gx_optional; /* backward accepts NULL for a gradient that nobody needs */
    bool in_place;    /* forward also works with y == x[0] */
    /* Declare, from the shapes `in`, the shape `out`, the parameters, and the
     * number of saved and running values. */
    void (*infer)(struct prismi_layer *);
    int (*create)(struct prismi_layer *); /* create plans; NULL: none */
    int (*forward)(struct prismi_layer *);
    /* Compute the gradient gx[k] of each input from gy, the gradient of the
     * output, and the gradients of the parameters. All are overwritten. The
     * contents of gy may be lost. */
    int (*backward)(struct prismi_layer *, const prism_mem gx[2], prism_mem gy);
    void (*destroy)(struct prismi_layer *); /* NULL: nothing to free */
};

/* The initial values of a parameter. */
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
    size_t offset; /* place in the slab of values, in scalars */
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
    /* Configuration: each kind of node reads some of these. */
    struct prismi_conv_shape conv;
    struct prismi_pool_shape pool;
    enum prism_act act; /* for norm and act; for a convolution see absorbed */
    int size;           /* channels of a latent or input; side of a window's output */
    int side[2];        /* height and width of an input */
    /* type of the output: F16 or BF16 if listed so, else the network's type */
    enum prism_dtype dtype;
    /* distance of each input in nodes; from[0] = 0 means 1, the node before;
     * from[1] = 0 means no second input */
    int from[2];
    /* Set by the network before infer(). */
    struct prism_dev *dev;
    int n;                 /* batch: x and y hold n items of the shapes in and out */
    enum prism_dtype real; /* type of the network's parameters and statistics */
    /* type of the inputs; differs from dtype only in a cast */
    enum prism_dtype in_dtype;
    int in[3];       /* channels, height and width of the first input */
    int uses;        /* number of readers of the output; the caller reads the last node's */
    bool absorbed;   /* for an act: in inference the convolution before applies it with its bias */
    bool overwrites; /* in inference y uses the memory of x[0], which no other node reads */
    /* Declared by infer(). */
    int out[3];
    /* weight and bias of a convolution, or gamma and beta of a norm */
    struct prismi_param param[2];
    int nparam;
    size_t nsaved;   /* number of scalars kept from forward to backward */
    size_t nrunning; /* number of scalars of running statistics */
    /* the gradient of the weight is the outer product of the latent and gy;
     * only these two are kept */
    bool outer;
    /* Bound by the network. */
    /* this node or one before has a parameter, so the gradient of the output is
     * needed */
    bool learns;
    prism_mem x[2], y, saved, running;
    /* gradient of y; not set for the last node, where the caller has it */
    prism_mem gy;
    prism_mem gx[2]; /* where backward writes; NULL: not needed */
    bool adds[2];    /* gx[k] is added to the input's gy, which a later reader has written first */
    /* the convolution's weight for multiplication: the value, or a copy of it
     * in dtype */
    prism_mem weight;
    struct prismi_fusion *fusion; /* the network's, if the node is the one that it describes */
    struct prism_conv *plan;
};

/* Constructors. They only fill the configuration. */
struct prismi_layer prismi_layer_latent(int channels);
struct prismi_layer prismi_layer_conv(const struct prismi_conv_shape *shape);
/* Normalisation per channel, scale, shift and activation. */
struct prismi_layer prismi_layer_norm(enum prism_act act);
struct prismi_layer prismi_layer_act(enum prism_act act);
/* The caller's tensor. */
struct prismi_layer prismi_layer_input(int channels, int height, int width);
struct prismi_layer prismi_layer_dense(int out); /* all features of an item to [out,1,1] */
/* The output of the node before plus that of the node `back` places before. */
struct prismi_layer prismi_layer_add(int back);
/* The channels of the node before, then those of the node `back` places
 * before. */
struct prismi_layer prismi_layer_concat(int back);
struct prismi_layer prismi_layer_pool(enum prism_pool kind, int k, int stride, int pad);
bool prismi_layer_is_act(const struct prismi_layer *l);
bool prismi_layer_is_latent(const struct prismi_layer *l);
bool prismi_layer_is_input(const struct prismi_layer *l);
bool prismi_layer_is_dense(const struct prismi_layer *l);
struct prismi_layer prismi_layer_window(int size); /* centre crop or zero pad to [size,size] */
/* A conversion to F16 or BF16; with any other dtype, back to the network's
 * type. */
struct prismi_layer prismi_layer_cast(enum prism_dtype dtype);

/* For infer(): give the output the shape of the input. */
void prismi_layer_same_shape(struct prismi_layer *l);
/* For infer(): declare a parameter. Unused dimensions are 0. */
void prismi_layer_add_param(struct prismi_layer *l, const char *suffix, enum prismi_fill fill,
                            int d0, int d1, int d2, int d3);

/* The node whose output is the k-th input; NULL if there is none. */
static inline struct prismi_layer *prismi_layer_source(struct prismi_layer *l, int k)
{
    return l->from[k] ? l - l->from[k] : NULL;
}

static inline size_t prismi_layer_count(const int shape[3])
{
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
}

/* Number of elements of the output and of the first input, for the whole
 * batch. */
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
    struct prism_decoder_params params; /* all zero if the network is no decoder */
    enum prism_init init;
    int batch;
    const char *prefix;
    bool inference; /* there are no gradients, and activations share memory */
    struct prismi_fusion fusion;
    struct prismi_layer *outer; /* the node that fusion describes; NULL: none */
    /* output and saved values belong to the current values, and no backward has
     * used them up */
    bool have_forward;
    /* type of the half layers; F32 if there are none */
    enum prism_dtype store;
    int nlayers, nparam;
    struct prismi_layer layer[PRISMI_MAX_LAYERS];
    struct prismi_arena arena;
    prism_mem values, grads, running;             /* the slabs */
    size_t slab_count, grad_count, running_count; /* scalars in each slab */
    /* copy of the values from half_offset on in the type `store`; every forward
     * renews it */
    prism_mem half;
    size_t half_offset, half_count;
    prism_mem activations, gradients; /* blocks for the tensors of nodes (memory.c) */
};

/* Options of prismi_net_create(). */
struct prismi_net_mode {
    bool inference;
    /* the slab of another network with the same layout, which is read; NULL:
     * the network gets its own */
    prism_mem values;
    int batch;            /* items in a forward; 0 means 1 */
    enum prism_init init; /* the rule for prism_net_init() */
    const char *prefix;   /* prefix of "<i>" in parameter names; NULL: "layer." */
};
/* Create a network from a list of n nodes. The first node is an input, or a
 * latent if the batch is one. The last node must be no norm, because the
 * caller's gradient is only read, and must not read a latent. */
int prismi_net_create(struct prism_dev *dev, enum prism_dtype dtype,
                      const struct prismi_layer *layers, int n, const struct prismi_net_mode *mode,
                      struct prism_net **out);
/* Set the tensor [n,c,h,w] of the input node, until the next call. Every
 * forward reads it, also a recorded one, and so does the backward after it.
 * Whoever writes other contents there calls prismi_net_forget(), unless an
 * update comes first. */
void prismi_net_set_input(struct prism_net *net, prism_mem x);
/* A forward in two halves. prismi_net_output() computes the output of the
 * current values, unless have_forward says that it exists. prismi_net_track()
 * then updates the running statistics from the last output. */
int prismi_net_output(struct prism_net *net, prism_mem *out);
int prismi_net_track(struct prism_net *net);
int prismi_norm_track(const struct prismi_layer *l);
/* Tell the network that its values were written by somebody else, so that
 * everything computed from them is void. */
void prismi_net_forget(struct prism_net *net);
/* Make the network a model for a trainer. The model owns the network: its
 * destroy() destroys the network. */
void prismi_net_model(struct prism_net *net, struct prismi_model *out);
/* Hand the first layer's update to the optimiser, as struct prismi_fusion
 * describes; backward then leaves out the latent's gradient. Returns NULL, and
 * changes nothing, if no convolution is the only reader of a latent. */
const struct prismi_fusion *prismi_net_fuse_first_update(struct prism_net *net);
/* Tell the network that an optimiser's step was enqueued or replayed. */
void prismi_net_update_done(struct prism_net *net);
/* Tell the network that a recorded output was replayed. */
void prismi_net_mark_replayed(struct prism_net *net);
/* A number that differs if the next prismi_net_output() would enqueue other
 * calls. */
uint64_t prismi_net_forward_key(const struct prism_net *net);

/* Allocate all tensors of the network, whose shapes are inferred, at once and
 * bind them (memory.c). */
int prismi_net_bind(struct prism_net *net);
/* The lifetime of a tensor, in steps: first to last, both included. */
struct prismi_life {
    size_t bytes, offset;
    int first, last;
};
/* Choose offsets in one block so that tensors with overlapping lifetimes share
 * no byte. Returns the size of the block. bytes 0 means no tensor. */
size_t prismi_lives_pack(struct prismi_life *life, int n);
/* Scalars that a tensor of `count` scalars takes in a slab: tensors start on
 * 64-byte boundaries. */
size_t prismi_net_padded(const struct prism_net *net, size_t count);

/* The i-th parameter; NULL if i is out of range. */
const struct prismi_param *prismi_net_param(const struct prism_net *net, int i);

/* Describe a node in one line, as far as the meaning of weights depends on the
 * node. Two networks with the same lines may exchange weights. */
#define PRISMI_LINE_MAX 160
void prismi_layer_describe(const struct prismi_layer *l, char line[PRISMI_LINE_MAX]);

/* ---- multi-layer perceptrons ---- */

#define PRISMI_MLP_MAX_HIDDEN (PRISM_DENSE_LAYERS - 1)
struct prismi_mlp_params {
    enum prism_dtype dtype; /* F32 or F64 */
    int inputs, outputs;
    int n_hidden, hidden[PRISMI_MLP_MAX_HIDDEN]; /* widths of the hidden layers, first to last */
    enum prism_act act;                          /* after every hidden layer */
};
/* Create a multi-layer perceptron: input [n,inputs], output [n,outputs], n =
 * mode->batch. Returns 0, PRISM_EINVAL (a width below 1, too many layers),
 * PRISM_ENOMEM or PRISM_ENOTSUP. */
int prismi_mlp_create(struct prism_dev *dev, const struct prismi_mlp_params *params,
                      const struct prismi_net_mode *mode, struct prism_net **out);

/* Describe such a network for dense_fit, which trains the network's own values:
 * dtype, batch, widths, activations, and places in the slab. */
void prismi_mlp_dense(const struct prism_net *net, struct prism_dense_fit_desc *out);

/* ---- U-Nets ---- */

#define PRISMI_UNET_MAX_DEPTH 5
struct prismi_unet_params {
    enum prism_dtype dtype; /* F32 or F64 */
    int height, width;      /* multiples of 2^depth */
    int in_channels, out_channels;
    int base;  /* channels at full size; each halving doubles them */
    int depth; /* halvings, 1 to PRISMI_UNET_MAX_DEPTH */
    enum prism_act act;
};
/* Create a U-Net: input [n,in_channels,height,width], output
 * [n,out_channels,height,width], n = mode->batch, normalised by the batch's own
 * statistics. Returns 0, PRISM_EINVAL (out of range, no multiple of 2^depth),
 * PRISM_ENOMEM or PRISM_ENOTSUP. */
int prismi_unet_create(struct prism_dev *dev, const struct prismi_unet_params *params,
                       const struct prismi_net_mode *mode, struct prism_net **out);

/* ---- decoders ---- */

/* The architecture of the decoder: replace the zeros of params by their values,
 * and list the layers. */
int prismi_decoder_layers(struct prism_ctx *ctx, struct prism_decoder_params *params,
                          struct prismi_layer layers[PRISMI_MAX_LAYERS], int *n);
/* The activation that params->output_activation stands for; the caller has
 * checked its range. */
enum prism_act prismi_decoder_output(const struct prism_decoder_params *params);
int prismi_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params,
                          const struct prismi_net_mode *mode, struct prism_net **out);
/* Elements of the largest activation that would be stored as params.store; 0:
 * none. */
int prismi_decoder_largest_half(struct prism_ctx *ctx, const struct prism_decoder_params *params,
                                size_t *out);
/* A decoder that uses its dtype throughout and reads the same values, which
 * must outlive it. It computes results: it has no gradients but normalises as
 * in training. Its running statistics are its own and mean nothing. */
int prismi_decoder_show(const struct prism_net *net, struct prism_net **out);

#endif
