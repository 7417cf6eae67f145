/* A network as a model for a trainer. */
#include "nn/layer.h"

static int output(void *self, prism_mem *x)
{
    return prismi_net_output(self, x);
}

static bool ready(const void *self)
{
    const struct prism_net *net = self;
    return net->have_forward;
}

static int track(void *self)
{
    return prismi_net_track(self);
}

static int backward(void *self, prism_mem gx)
{
    return prism_net_backward(self, gx);
}

static int segments(const void *self, struct prism_segment *out, int n)
{
    return prism_net_segments(self, out, n);
}

static const struct prismi_fusion *fuse_first_update(void *self)
{
    return prismi_net_fuse_first_update(self);
}

static void update_done(void *self)
{
    prismi_net_update_done(self);
}

static void forget(void *self)
{
    prismi_net_forget(self);
}

static void mark_replayed(void *self)
{
    prismi_net_mark_replayed(self);
}

static uint64_t key(const void *self)
{
    return prismi_net_forward_key(self);
}

static void destroy(void *self)
{
    struct prism_net *net = self;
    prism_net_destroy(&net);
}

static const struct prismi_model_ops net_ops = {.name = "network",
                                                .output = output,
                                                .ready = ready,
                                                .track = track,
                                                .backward = backward,
                                                .segments = segments,
                                                .fuse_first_update = fuse_first_update,
                                                .update_done = update_done,
                                                .forget = forget,
                                                .mark_replayed = mark_replayed,
                                                .key = key,
                                                .destroy = destroy};

void prismi_net_model(struct prism_net *net, struct prismi_model *out)
{
    *out = (struct prismi_model){.ops = &net_ops, .self = net, .dtype = net->dtype};
    out->n_output = prismi_layer_outputs(&net->layer[net->nlayers - 1]);
    prism_net_values(net, &out->values, &out->count);
    prism_net_running(net, &out->running, &out->n_running);
}
