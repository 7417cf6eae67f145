/* From amplitudes in memory to the object: measured < CENTRES-AND-FRAMES */
#include <prismrec/prismrec.h>
#include <stdio.h>

enum { N = 32, FRAME = 128, SIDE = 64 };

int main(void)
{
    static double centres[N][2]; /* each aperture's place (y, x), in k-space pixels */
    static float amplitudes[N][FRAME][FRAME];
    static double image[SIDE * SIDE];
    const struct prism_dataset_params instrument = {.obj_size = SIDE, .aperture.radius_px = 10};
    const struct prism_recon_params params = {.algorithm = PRISM_ALG_MOPIE}; /* no network */
    struct prism_ctx *ctx = NULL;
    struct prism_dev *dev = NULL;
    struct prism_dataset *data = NULL;
    if (!fread(centres, sizeof centres, 1, stdin) ||
        !fread(amplitudes, sizeof amplitudes, 1, stdin))
        return 2;
    int failed = prism_ctx_create(NULL, &ctx) || prism_dev_open(ctx, NULL, &dev) ||
                 prism_dataset_measured(ctx, &instrument, **amplitudes, *centres, N, &data) ||
                 prism_reconstruct(dev, data, &params, image) ||
                 prism_npy_write(ctx, "measured.npy", PRISM_F64, 2, (size_t[]){SIDE, SIDE}, image);
    printf("%s\n", failed && ctx ? prism_ctx_error(ctx)->text : "measured.npy");
    prism_dataset_destroy(&data);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return failed;
}
