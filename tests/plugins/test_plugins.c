/* Loading and refusal of plugins, and the order of `auto`. argv[1]: the folder
 * of the plugins. A plain program. */
#include "prismrec/backend.h"
#include "support/support.h"
#include "support/tap.h"

static char log_text[8192];

static void keep(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)level;
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", text);
}

static void refused(struct prism_ctx *ctx, const char *dir, const char *name, int status,
                    const char *word)
{
    struct prism_dev *dev;
    struct prism_dev_params params = {.backend = name, .plugin_path = dir};
    char what[600];
    int got = prism_dev_open(ctx, &params, &dev);
    snprintf(what, sizeof what, "%s: %s: %s", name, prism_status_name(got),
             prism_ctx_error(ctx)->text);
    tap(got == status && !dev && strstr(prism_ctx_error(ctx)->text, word), "%s", what);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : ".";
    struct prism_ctx_params cp = {.log = keep, .level = PRISM_LOG_INFO};
    struct prism_ctx *ctx;
    struct prism_dev *dev;
    prism_ctx_create(&cp, &ctx);

    struct prism_dev_params params = {.backend = "tiny", .plugin_path = dir, .threads = 3};
    tap(!prism_dev_open(ctx, &params, &dev), "a plugin opens");
    tap(dev && !strcmp(prism_dev_backend(dev), "tiny") &&
            !strcmp(dev->caps.device, "tiny, 3 threads"),
        "its caps arrive");
    tap(strstr(log_text, "tiny says hello") != NULL, "its log arrives");
    prism_mem mem;
    tap(dev && dev->ops->alloc(dev, 8, &mem) == PRISM_ENOTSUP &&
            !strcmp(prism_ctx_error(ctx)->text, "tiny does nothing"),
        "its error text arrives");
    tap(dev && dev->ops->norm_act_fwd && dev->ops->misfit, "its table is completed");
    prism_dev_close(&dev);

    refused(ctx, dir, "tiny_abi", PRISM_EABI, "ABI 99");
    refused(ctx, dir, "tiny_unusable", PRISM_ENOTSUP, "needs a unicorn");
    refused(ctx, dir, "tiny_incomplete", PRISM_EABI, "gemm");
    refused(ctx, dir, "absent", PRISM_ENOTSUP, "prismrec_backend_absent.so");
    refused(ctx, dir, "../evil", PRISM_EINVAL, "lower-case");
    refused(ctx, dir, "tiny:x", PRISM_EINVAL, "name:index");
    refused(ctx, dir, "tiny:4294967296", PRISM_EINVAL, "name:index");
    refused(ctx, dir, "tiny: 1", PRISM_EINVAL, "name:index");
    refused(ctx, dir, "tiny_short", PRISM_EABI, "descriptor of 16 bytes");
    refused(ctx, dir, "tiny_null", PRISM_EABI, "returned NULL");

    setenv("PRISMREC_BACKEND_PATH", dir, 1);
    params = (struct prism_dev_params){.backend = "tiny:0"};
    tap(!prism_dev_open(ctx, &params, &dev), "found through PRISMREC_BACKEND_PATH");
    prism_dev_close(&dev);

    log_text[0] = 0;
    setenv("PRISMREC_BACKEND_PATH", "/nonexistent", 1);
    tap(!prism_dev_open(ctx, NULL, &dev) && dev, "auto opens something");
    tap(strstr(log_text, "backend not used: backend \"cuda\"") != NULL,
        "auto says why a backend was not used");
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
