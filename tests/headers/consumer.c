/* A user's program: it sees the installed headers and the shared library
 * alone. */
#include <prismrec/prismrec.h>

/* The header does not include the seam, so a program may use the seam's
 * names. */
struct prism_ops {
    int mine;
};
struct prism_dev {
    struct prism_ops mine;
};

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
    struct prism_decoder_params np = {
        .grid_size = 64, .obj_size = 32, .min_channels = 1, .output_activation = PRISM_OUTPUT_NONE};
    prism_mem out = NULL;
    float image[32 * 32], copy[32 * 32];
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", PRISM_VERSION_MAJOR, PRISM_VERSION_MINOR,
             PRISM_VERSION_PATCH);
    printf("1..9\n");
    OK(!strcmp(prism_version(), version));
    OK(!prism_ctx_create(NULL, &ctx));
    OK(!prism_dev_open(ctx, &dp, &dev));
    OK(!prism_decoder_create(dev, &np, &net));
    OK(prism_net_param_total(net) == 43799);
    OK(!prism_net_init(net, 1) && !prism_net_forward(net, &out));
    OK(!prism_dev_read(dev, image, out, sizeof image) && image[0] == image[0]);
    OK(!prism_dev_alloc(dev, sizeof image, &out) &&
       !prism_dev_write(dev, out, image, sizeof image));
    OK(!prism_dev_read(dev, copy, out, sizeof copy) && !memcmp(copy, image, sizeof copy));
    prism_dev_free(dev, out);
    prism_net_destroy(&net);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return failed != 0;
}
