/* A forward and a backward pass allocate nothing. */
#include "nn_test.h"
#include "support/alloc_wrap.h"
#include "support/tap.h"

/* The n-th network, and the input that it reads, if any. */
static struct prism_net *network(struct prism_dev *dev, int n, prism_mem *in)
{
    struct prismi_unet_params u = {.height = 8,
                                   .width = 12,
                                   .in_channels = 1,
                                   .out_channels = 1,
                                   .base = 4,
                                   .depth = 2,
                                   .act = PRISM_ACT_RELU};
    struct prismi_mlp_params m = {
        .inputs = 5, .outputs = 1, .n_hidden = 2, .hidden = {16, 8}, .act = PRISM_ACT_RELU};
    struct prismi_net_mode mode = {.batch = 4};
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    struct prism_net *net = NULL;
    if (n < 3)
        return nn_decoder(dev,
                          (struct prism_decoder_params){.grid_size = 32,
                                                        .obj_size = 21,
                                                        .no_norm = n == 1,
                                                        .store = n == 2 ? PRISM_F16 : PRISM_F32,
                                                        .output_activation = PRISM_OUTPUT_SIGMOID,
                                                        .min_channels = 1});
    if (n == 3)
        MUST(ctx, prismi_unet_create(dev, &u, &mode, &net));
    else
        MUST(ctx, prismi_mlp_create(dev, &m, &mode, &net));
    MUST(ctx, dev->ops->alloc(dev, prismi_layer_outputs(net->layer) * sizeof(float), in));
    prismi_net_set_input(net, *in);
    return net;
}

int main(void)
{
    struct prism_ctx *ctx = NULL;
    struct prism_backend_info info[16];
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    int n = prism_backend_list(ctx, NULL, info, 16);
    for (int i = 0; i < n && i < 16; i++) {
        if (strcmp(info[i].name, "ref") && strcmp(info[i].name, "cpu"))
            continue;
        if (!info[i].usable) {
            tap_skip(info[i].name, info[i].why);
            continue;
        }
        for (int mode = 0; mode < 5; mode++) {
            static const char *const modes[] = {"", " no norm", " half", " U-Net", " dense"};
            struct prism_dev *dev = open_dev(ctx, info[i].name, NULL, 1);
            if (mode == 2 && !(dev->caps.dtypes & 1u << PRISM_F16)) {
                prism_dev_close(&dev);
                continue;
            }
            prism_mem in = NULL;
            struct prism_net *net = network(dev, mode, &in);
            prism_mem out;
            MUST(ctx, prism_net_init(net, 1));
            int before = heap.calls;
            for (int k = 0; k < 2; k++) {
                MUST(ctx, prism_net_forward(net, &out));
                MUST(ctx, prism_net_backward(net, out));
            }
            int made = heap.calls - before;
            tap(made == 0 && before > 0, "%s%s: %d allocations in two steps, %d before",
                info[i].name, modes[mode], made, before);
            prism_net_destroy(&net);
            if (in)
                dev->ops->release(dev, in);
            prism_dev_close(&dev);
        }
    }
    prism_ctx_destroy(&ctx);
    return tap_end();
}
