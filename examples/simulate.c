/* From a picture to simulated measurements and back: simulate PICTURE */
#include <prismrec/prismrec.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static double object[64 * 64], image[64 * 64], *centres;
    const struct prism_recon_params params = {.training = {.max_steps = 300}}; /* default: 4000 */
    struct prism_ctx *ctx = NULL;
    struct prism_dev *dev = NULL;
    struct prism_dataset *data = NULL;
    struct prism_image picture = {0};
    int n, failed = argc != 2 || prism_ctx_create(NULL, &ctx) || prism_dev_open(ctx, NULL, &dev) ||
                    prism_image_load(ctx, argv[1], &picture) ||
                    prism_image_to_object(ctx, &picture, 64, false, object) ||
                    prism_pattern_create(ctx, NULL, &centres, &n) || /* 64 apertures */
                    prism_dataset_simulate(dev, NULL, object, centres, n, &data) ||
                    prism_reconstruct(dev, data, &params, image) ||
                    prism_npy_write(ctx, "simulate.npy", PRISM_F64, 2, (size_t[]){64, 64}, image);
    printf("%s\n", failed && ctx ? prism_ctx_error(ctx)->text : failed ? "usage" : "simulate.npy");
    free(picture.data);
    free(centres);
    prism_dataset_destroy(&data);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return failed;
}
