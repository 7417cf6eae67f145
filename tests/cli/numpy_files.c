/* Writes the files that numpy.sh reads into the current folder: a decoder's
 * weights, the tensor decoder.0.weight alone, and an archive whose numbers all
 * have ZIP64 fields. */
#include "core/npy.h"
#include "core/zip.h"
#include "prismrec/image.h"
#include "prismrec/net.h"
#include "support/support.h"

static int write_weights(struct prism_ctx *ctx)
{
    const struct prism_dev_params dp = {.backend = "ref", .threads = 1};
    const struct prism_decoder_params p = {
        .grid_size = 16, .obj_size = 12, .min_channels = 1, .output_activation = PRISM_OUTPUT_NONE};
    struct prism_dev *dev;
    struct prism_net *net;
    struct prism_param_info info = {.nd = 0};
    PRISM_TRY(prism_dev_open(ctx, &dp, &dev));
    PRISM_TRY(prism_decoder_create(dev, &p, &net));
    PRISM_TRY(prism_net_init(net, 3));
    PRISM_TRY(prism_net_save(net, "weights.npz"));
    for (int i = 0; strcmp(info.name, "decoder.0.weight"); i++)
        PRISM_TRY(prism_net_param(net, i, &info));
    size_t shape[4];
    for (int i = 0; i < info.nd; i++)
        shape[i] = (size_t)info.dim[i];
    float *value = malloc(info.count * sizeof *value);
    PRISM_TRY(dev->ops->read(dev, value, info.value, info.count * sizeof *value));
    PRISM_TRY(prism_npy_write(ctx, "tensor.npy", PRISM_F32, info.nd, shape, value));
    free(value);
    prism_net_destroy(&net);
    prism_dev_close(&dev);
    return 0;
}

static int write_wide(struct prism_ctx *ctx)
{
    static const char *const names[] = {"a.npy", "b.npy", "c.txt"};
    struct prismi_zip_out zip = {.limit = 1};
    struct prismi_zip_entry entries[3];
    PRISM_TRY(prismi_file_create(ctx, "wide.npz", &zip.file));
    for (int i = 0; i < 3; i++) {
        const double v[2] = {i + 0.5, -i};
        const struct prismi_array type = {.descr = "<f8", .item = 8, .nd = 1, .shape = {2}};
        char header[PRISMI_NPY_HEADER];
        size_t n = i < 2 ? prismi_npy_header(&type, header) : 0;
        entries[i].name = names[i];
        prismi_zip_put(&zip, &entries[i], header, n, i < 2 ? (const void *)v : "text",
                       i < 2 ? sizeof v : 4);
    }
    prismi_zip_finish(&zip, entries, 3, 0);
    return prismi_file_commit(zip.file, false);
}

int main(void)
{
    struct prism_ctx *ctx = open_ctx();
    int status = write_weights(ctx);
    if (!status)
        status = write_wide(ctx);
    if (status)
        printf("%s\n", prism_ctx_error(ctx)->text);
    prism_ctx_destroy(&ctx);
    return status != 0;
}
