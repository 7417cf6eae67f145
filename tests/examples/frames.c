/* Input and checks for the test of the examples. usage:
 *   frames write              what examples/measured.c reads, to stdout
 *   frames check FILE.npy     the object of these frames was found
 *   frames backend FOLDER     the memory of examples/backend.c works */
#include <prismrec/prismrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 32, SIDE = 64, FRAME = 128 };

static int write_frames(struct prism_ctx *ctx, const double *object)
{
    const struct prism_dev_params dp = {.backend = "ref"};
    const struct prism_pattern_params pattern = {.n_samples = N, .roi_diameter_px = 60};
    struct prism_dev *dev = NULL;
    struct prism_dataset *data = NULL;
    double *centres = NULL;
    const float *frame;
    int n;
    int status = prism_dev_open(ctx, &dp, &dev);
    if (!status)
        status = prism_pattern_create(ctx, &pattern, &centres, &n);
    if (!status)
        status = prism_dataset_simulate(dev, NULL, object, centres, N, &data);
    if (!status)
        fwrite(centres, sizeof *centres, 2 * N, stdout);
    for (int k = 0; !status && k < N; k++) {
        status = prism_dataset_amplitude(data, k, &frame);
        if (!status)
            fwrite(frame, sizeof *frame, FRAME * FRAME, stdout);
    }
    free(centres);
    prism_dataset_destroy(&data);
    prism_dev_close(&dev);
    return status;
}

static int check(struct prism_ctx *ctx, const char *path, const double *object)
{
    double *found;
    size_t shape[8];
    int nd, status = prism_npy_read(ctx, path, &nd, shape, NULL, &found);
    if (status)
        return status;
    double ssim =
        nd == 2 && shape[0] == SIDE && shape[1] == SIDE ? prism_ssim(found, object, SIDE, SIDE) : 0;
    printf("# SSIM %.3f\n", ssim);
    free(found);
    return ssim > 0.7 ? 0 : 1;
}

static int backend(struct prism_ctx *ctx, const char *folder)
{
    const struct prism_dev_params dp = {.backend = "mine", .plugin_path = folder};
    struct prism_dev *dev = NULL;
    struct prism_net *net = NULL;
    prism_mem mem = NULL;
    char out[6] = "";
    int status = prism_dev_open(ctx, &dp, &dev);
    if (status)
        return status;
    status = prism_dev_alloc(dev, sizeof out, &mem);
    if (!status)
        status = prism_dev_write(dev, mem, "hello", sizeof out);
    if (!status)
        status = prism_dev_read(dev, out, mem, sizeof out);
    if (!status)
        status = strcmp(out, "hello");
    if (!status) /* no kernel is there yet */
        status = prism_decoder_create(dev, NULL, &net) != PRISM_ENOTSUP;
    prism_dev_free(dev, mem);
    prism_dev_close(&dev);
    return status;
}

int main(int argc, char **argv)
{
    static double object[SIDE * SIDE];
    struct prism_ctx *ctx;
    if (argc < 2 || prism_ctx_create(NULL, &ctx))
        return 2;
    int status = prism_object_builtin(ctx, "usaf", SIDE, 0, object);
    if (!status)
        status = !strcmp(argv[1], "write")   ? write_frames(ctx, object)
                 : !strcmp(argv[1], "check") ? check(ctx, argv[2], object)
                                             : backend(ctx, argv[2]);
    if (status)
        fprintf(stderr, "# %s\n", prism_ctx_error(ctx)->text);
    prism_ctx_destroy(&ctx);
    return status != 0;
}
