/* Creation of a decoder on a backend: the bits of the initial weights, and the
 * memory that it touches. Arguments: the backend, the folder of its plugin. */
#include "nn_test.h"
#include "support/tap.h"

#include <sys/mman.h>
#include <unistd.h>

static struct prism_ctx *ctx;
static const char *plugin_path;

static struct prism_net *create(const char *backend, int threads,
                                const struct prism_decoder_params *p, struct prism_dev **dev)
{
    const struct prism_dev_params open = {
        .backend = backend, .threads = threads, .plugin_path = plugin_path};
    MUST(ctx, prism_dev_open(ctx, &open, dev));
    struct prism_net *net = nn_decoder(*dev, *p);
    MUST(ctx, prism_net_init(net, 21));
    return net;
}

/* Initial weights are the same bits on every device, whatever its threads. */
static void check_init(const char *backend)
{
    static const enum prism_init init[] = {PRISM_INIT_TORCH, PRISM_INIT_XAVIER};
    for (int i = 0; i < 2; i++) {
        const struct prism_decoder_params p = {.grid_size = 128, .obj_size = 64, .init = init[i]};
        double *values[3];
        size_t n = 0;
        for (int k = 0; k < 3; k++) {
            struct prism_dev *dev = NULL;
            struct prism_net *net = create(k ? backend : "ref", k == 2 ? 3 : 1, &p, &dev);
            n = net->slab_count;
            values[k] = nn_get(net, net->values, n);
            prism_net_destroy(&net);
            prism_dev_close(&dev);
        }
        tap(!memcmp(values[1], values[0], n * sizeof(double)), "initial weights are ref's");
        tap(!memcmp(values[2], values[0], n * sizeof(double)), "initial weights of three threads");
        for (int k = 0; k < 3; k++)
            free(values[k]);
    }
}

/* Bytes of the whole pages of a range that lie in memory. */
static size_t resident(prism_mem at, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)at + page - 1) / page * page,
                    end = ((uintptr_t)at + bytes) / page * page;
    const size_t pages = end > first ? (end - first) / page : 0;
    unsigned char *in = calloc(pages + 1, 1);
    size_t found = 0;
    if (!in || (pages && mincore((void *)first, end - first, in))) {
        printf("Bail out! mincore\n");
        exit(1);
    }
    for (size_t i = 0; i < pages; i++)
        found += in[i] & 1 ? page : 0;
    free(in);
    return found;
}

/* Creation and initial weights touch no page of gradients and activations but
 * for the large ones that they share with the weights: fresh pages are what the
 * creation of a large network takes its time for. */
static void check_pages(const char *backend)
{
    const struct prism_decoder_params p = {.grid_size = 1024, .obj_size = 512};
    const size_t large = 2 << 20;
    struct prism_dev *dev = NULL;
    struct prism_net *net = create(backend, 2, &p, &dev);
    size_t gradients = resident(net->grads, net->grad_count * sizeof(float)), rest = 0;
    for (int i = 0; i < net->arena.n; i++)
        if (net->arena.slots[i].owner == PRISMI_OWNER_ACTIVATIONS)
            rest += resident(*net->arena.slots[i].out, net->arena.slots[i].bytes);
    printf("# resident: %zu bytes of gradients, %zu of activations\n", gradients, rest);
    tap(gradients <= 2 * large && rest <= 2 * large, "creation leaves pages untouched");
    prism_net_destroy(&net);
    prism_dev_close(&dev);
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref";
    const uint32_t zeroed = PRISM_CAPS_HOST_VISIBLE | PRISM_CAPS_ZEROED;
    struct prism_dev *dev = NULL;
    plugin_path = argc > 2 ? argv[2] : NULL;
    MUST(ctx, prism_ctx_create(NULL, &ctx));
    if (prism_dev_open(ctx,
                       &(struct prism_dev_params){.backend = backend, .plugin_path = plugin_path},
                       &dev)) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    const bool fresh = (dev->caps.flags & zeroed) == zeroed;
    prism_dev_close(&dev);
    check_init(backend);
    if (fresh)
        check_pages(backend);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
