/* PRISM: the generative decoder: a latent vector, transposed and plain
 * convolutions, per-channel normalisation, activations.
 *
 * A static list of layers with hand-written backward passes over a few slabs of
 * device memory; nothing is allocated after create. Architecture and formulas:
 * docs/decoder.md. */
#ifndef PRISMREC_NET_H
#define PRISMREC_NET_H

#include "prismrec/fit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A network. Thread-safety: one thread at a time. */
struct prism_net;

/* The most entries of prism_decoder_params.channels. */
#define PRISM_MAX_CHANNELS 32

/* How a convolution starts; its weight is [d0,d1,k,k], a dense layer's [d0,d1]
 * with k = 1. Gamma starts at 1, beta at 0, the latent as N(0,1), whichever is
 * chosen. */
enum prism_init {
    /* Weight, bias uniform in +-1/sqrt(d1 k^2), as torch does. */
    PRISM_INIT_TORCH,
    /* Weight N(0, 2/((d0 + d1) k^2)), bias 0. */
    PRISM_INIT_XAVIER,
    /* Weight as a [d0, d1 k^2] matrix has orthonormal rows, or columns where
     * the matrix is taller; bias 0. */
    PRISM_INIT_ORTHOGONAL,
    /* Weight uniform in +-sqrt(6/((d0 + d1) k^2)), bias 0 (Glorot, Bengio 2010,
     * eq. 16). */
    PRISM_INIT_GLOROT,
    PRISM_INIT_COUNT
};

/* The activation after a decoder's last layer; enum prism_act has the
 * formulas. */
enum prism_output {
    PRISM_OUTPUT_SIGMOID, /* values in [0,1], where pictures lie */
    PRISM_OUTPUT_NONE,
    PRISM_OUTPUT_RELU,
    PRISM_OUTPUT_LEAKY,
    PRISM_OUTPUT_HARDSIGMOID,
    PRISM_OUTPUT_SCALESIGMOID,
    PRISM_OUTPUT_TANH,
    PRISM_OUTPUT_COUNT
};

/* The architecture of a decoder. A 0 is the default, NULL all defaults. */
struct prism_decoder_params {
    /* PRISM_F32, or PRISM_F64 if the device has it. */
    enum prism_dtype dtype;
    /* PRISM_F16 or PRISM_BF16: how activations from the second convolution to
     * the one before the last are stored; needs PRISM_F32 and normalisation.
     * PRISM_F32: no half storage. */
    enum prism_dtype store;
    /* Convolutions in F32 may round their operands to 10 bits of mantissa. */
    bool tf32;
    /* N, a power of two. 0 = the smallest that holds twice the object. */
    int grid_size;
    /* O, at most N: the output is [O,O]. 0 = 64. */
    int obj_size;
    /* Length of the latent vector. 0 = N. */
    int latent_channels;
    /* Stages that double the side, from 4 pixels on. 0 = as many as reach O. */
    int n_upsample;
    /* Entries of channels. 0 = automatic: half the latent, halved at every
     * layer down to 1. */
    int n_channels;
    /* Automatic: fewest channels of a layer but the last. 0 = 16; 1 = no limit,
     * as in the original. */
    int min_channels;
    /* Output channels of every layer, the last 1, at least 2 entries. */
    int channels[PRISM_MAX_CHANNELS];
    /* No normalisation; convolutions then have a bias. */
    bool no_norm;
    /* The last convolution has no padding, as in the original: a frame of one
     * zero pixel. */
    bool frame;
    enum prism_output output_activation;
    enum prism_init init;
};

/* Create a decoder. params: NULL = all defaults. Returns 0, PRISM_EINVAL (N not
 * a power of two, O > N, a channel count that reaches 0, ...), PRISM_ENOMEM,
 * PRISM_ENOTSUP (a type that the device lacks). */
PRISM_API int prism_decoder_create(struct prism_dev *dev, const struct prism_decoder_params *params,
                                   struct prism_net **out);

/* Destroy a network. NULL is allowed. */
PRISM_API void prism_net_destroy(struct prism_net **net);

/* Draw all weights from one seed, as params.init says. The generator is
 * counter-based: the values are the same on every backend and thread count. */
PRISM_API int prism_net_init(struct prism_net *net, uint64_t seed);

/* Compute the output [O,O] of the current weights, in device memory that the
 * network owns and the next forward overwrites. Normalisation uses the image's
 * own statistics and updates the running ones. Enqueue only. */
PRISM_API int prism_net_forward(struct prism_net *net, prism_mem *out);

/* Compute the gradients of all parameters for gout = dL/dout [O,O] after a
 * forward; the contents of gout are kept. Overwrites all gradients, which hold
 * until the next forward. Enqueue only. Returns PRISM_EINVAL for a folded
 * network. */
PRISM_API int prism_net_backward(struct prism_net *net, prism_mem gout);

/* Create the same network with the running statistics folded into the
 * convolutions. A folded network is for inference only: its backward fails with
 * PRISM_EINVAL. */
PRISM_API int prism_net_fold(const struct prism_net *net, struct prism_net **out);

/* One tensor of parameters. */
struct prism_param_info {
    /* "input_vec", "decoder.0.weight", "decoder.1.gamma", "decoder.1.beta",
     * "decoder.15.bias", ... */
    char name[48];
    int nd, dim[4];
    size_t count;
    /* grad is NULL in a folded network, and where the gradient is never stored:
     * see prism_net_gradient(). */
    prism_mem value, grad;
};

/* The number of parameter tensors. */
PRISM_API int prism_net_param_count(const struct prism_net *net);

/* The number of parameters, in scalars. */
PRISM_API size_t prism_net_param_total(const struct prism_net *net);

/* Describe the i-th parameter tensor. Returns 0, PRISM_EINVAL (i is out of
 * range). */
PRISM_API int prism_net_param(const struct prism_net *net, int i, struct prism_param_info *out);

/* Write the last backward's gradient of the i-th parameter tensor to out.
 * Enqueue only. Returns PRISM_EINVAL if i is out of range or the network is
 * folded. */
PRISM_API int prism_net_gradient(const struct prism_net *net, int i, prism_mem out);

/* Give the slab of all parameters; with the running statistics it is all that a
 * checkpoint needs. count, in scalars, includes padding between tensors, which
 * stays zero. */
PRISM_API void prism_net_values(const struct prism_net *net, prism_mem *values, size_t *count);

/* Give the parts of the slab of parameters. Fills at most n segments, in order.
 * Returns how many there are: up to PRISM_MAX_SEGMENTS, none in a folded
 * network. */
PRISM_API int prism_net_segments(const struct prism_net *net, struct prism_segment *out, int n);

/* Give the slab of running statistics, [mean, var per channel]. */
PRISM_API void prism_net_running(const struct prism_net *net, prism_mem *stats, size_t *count);

/* The parameters with their defaults filled in, owned by the network. */
PRISM_API const struct prism_decoder_params *prism_net_params(const struct prism_net *net);

/* Save weights and running statistics to a file (docs/formats.md), a ZIP file
 * of NPY arrays that numpy.load opens, one for each parameter. Fails with
 * PRISM_EIO. */
PRISM_API int prism_net_save(const struct prism_net *net, const char *path);

/* Load weights and running statistics from a file of prism_net_save(). Fails
 * with PRISM_EIO, PRISM_EPARSE, PRISM_EINVAL (another network). */
PRISM_API int prism_net_load(struct prism_net *net, const char *path);

#ifdef __cplusplus
}
#endif
#endif
