/* What a user's program sees: the installed headers and the shared library. */
#include <prismrec/prismrec.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    int n = 0, failed = 0;
#define OK(cond)                                                                                   \
    do {                                                                                           \
        int good = (cond);                                                                         \
        printf("%s %d - %s\n", good ? "ok" : "not ok", ++n, #cond);                                \
        failed += !good;                                                                           \
    } while (0)
    struct prism_ctx *ctx = NULL;
    struct prism_dev *dev = NULL;
    struct prism_net *net = NULL;
    struct prism_dev_params dp = {.backend = "ref"};
    struct prism_decoder_params np = {.grid_size = 64, .obj_size = 32};
    prism_mem out = NULL;
    float image[32 * 32];
    printf("1..7\n");
    OK(!strcmp(prism_version(), "0.2.0"));
    OK(!prism_ctx_create(NULL, &ctx));
    OK(!prism_dev_open(ctx, &dp, &dev));
    OK(!prism_decoder_create(dev, &np, &net));
    OK(prism_net_param_total(net) == 43799);
    OK(!prism_net_init(net, 1) && !prism_net_forward(net, &out));
    OK(!dev->ops->read(dev, image, out, sizeof image) && image[0] == image[0]);
    prism_net_destroy(&net);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return failed != 0;
}
