/* Finds a backend, built in or a plugin, checks its table, and opens
 * devices. */
#include "core/front.h"
#include "core/profile.h"
#include "prismi_config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PRISMI_BUILTIN_EXTERNS
static const struct prism_backend *const builtin[] = {PRISMI_BUILTIN_TABLE};
static const char *const auto_order[] = {PRISMI_AUTO_ORDER};
#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

struct prism_ctx *prismi_dev_ctx(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->ctx;
}

const char *prism_dev_backend(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->backend->name;
}

struct prism_cache *prismi_dev_cache(const struct prism_dev *dev)
{
    return ((const struct prismi_device *)dev)->cache;
}

void prism_dev_set_cache(struct prism_dev *dev, struct prism_cache *cache)
{
    ((struct prismi_device *)dev)->cache = cache;
}

/* ---- the host table given to backends: `user` is the device ---- */

static void host_log(void *user, int level, const char *text)
{
    prismi_log(((struct prismi_device *)user)->ctx, (enum prism_log_level)level, "%s", text);
}

static int host_fail(void *user, int status, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    prismi_vfail(((struct prismi_device *)user)->ctx, status, file, line, fmt, args);
    va_end(args);
    return status;
}

static void host_planned(void *user, bool kept)
{
    prismi_cache_count(((struct prismi_device *)user)->cache, PRISM_CACHE_PLANS, kept);
}

/* ---- finding a backend ---- */

static const char *plugin_dir(const char *explicit_path)
{
    const char *env = getenv("PRISMREC_BACKEND_PATH");
    return explicit_path && *explicit_path ? explicit_path : env && *env ? env : PRISMI_BACKEND_DIR;
}

static int check_abi(struct prism_ctx *ctx, const struct prism_backend *b, const char *where)
{
    /* the order matters: abi and size are checked before any field behind them
     * is read */
    if (!b)
        return PRISM_FAIL(ctx, PRISM_EABI,
                          "%s: " PRISM_BACKEND_ENTRY "() returned NULL: rebuild the plugin", where);
    if (b->abi != PRISM_BACKEND_ABI)
        return PRISM_FAIL(ctx, PRISM_EABI,
                          "%s: backend ABI %u, this library needs %u: rebuild the plugin", where,
                          b->abi, PRISM_BACKEND_ABI);
    if (b->size != sizeof *b)
        return PRISM_FAIL(ctx, PRISM_EABI,
                          "%s: descriptor of %u bytes, this library needs %zu: rebuild the plugin",
                          where, b->size, sizeof *b);
    if (!b->ops || b->ops->abi != PRISM_BACKEND_ABI || b->ops->size != sizeof *b->ops)
        return PRISM_FAIL(ctx, PRISM_EABI,
                          "%s: its table of operations is not the %zu bytes this library needs: "
                          "rebuild the plugin",
                          where, sizeof *b->ops);
    return 0;
}

static int load_plugin(struct prism_ctx *ctx, const char *name, const char *path,
                       const struct prism_backend **out)
{
    char file[1024];
    const char *dir = plugin_dir(path);
    for (const char *p = name; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", *p))
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "backend \"%s\": a name has lower-case letters, digits and _ only",
                              name);
    if (snprintf(file, sizeof file, "%s/prismrec_backend_%s.so", dir, name) >= (int)sizeof file)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "backend \"%s\": the plugin path is longer than %zu bytes", name,
                          sizeof file);
    /* never closed: unloading device libraries is not safe */
    void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return PRISM_FAIL(ctx, PRISM_ENOTSUP,
                          "backend \"%s\" is not built in, and its plugin cannot be loaded: %s",
                          name, dlerror());
    const struct prism_backend *(*entry)(void);
    *(void **)&entry = dlsym(so, PRISM_BACKEND_ENTRY);
    if (!entry)
        return PRISM_FAIL(ctx, PRISM_EABI,
                          "%s has no symbol " PRISM_BACKEND_ENTRY ": not a PRISM plugin", file);
    const struct prism_backend *b = entry();
    PRISM_TRY(check_abi(ctx, b, file));
    *out = b;
    return 0;
}

static int find_backend(struct prism_ctx *ctx, const char *name, const char *path,
                        const struct prism_backend **out)
{
    for (int i = 0; i < COUNT(builtin); i++)
        if (!strcmp(builtin[i]->name, name)) {
            *out = builtin[i];
            return 0;
        }
    return load_plugin(ctx, name, path, out);
}

static int usable_backend(struct prism_ctx *ctx, const char *name, const char *path,
                          const struct prism_backend **out)
{
    char why[256] = "";
    PRISM_TRY(find_backend(ctx, name, path, out));
    if ((*out)->probe(why, sizeof why))
        return PRISM_FAIL(ctx, PRISM_ENOTSUP, "backend \"%s\" cannot run here: %s", name, why);
    return 0;
}

int prism_backend_list(struct prism_ctx *ctx, const char *plugin_path,
                       struct prism_backend_info *out, int n)
{
    const struct prism_error saved = ctx->error; /* a backend that cannot run is no error here */
    for (int i = 0; i < COUNT(auto_order) && i < n; i++) {
        const struct prism_backend *b;
        memset(&out[i], 0, sizeof out[i]);
        snprintf(out[i].name, sizeof out[i].name, "%s", auto_order[i]);
        out[i].usable = !usable_backend(ctx, auto_order[i], plugin_path, &b);
        if (!out[i].usable)
            snprintf(out[i].why, sizeof out[i].why, "%.255s", ctx->error.text);
    }
    ctx->error = saved;
    return COUNT(auto_order);
}

/* ---- opening ---- */

/* clang-format breaks the lines of this list differently each time it runs. */
// clang-format off
#define REQUIRED(X)                                                                              \
    X(alloc) X(release) X(write) X(read) X(copy) X(sync) X(fft_create) X(fft_run) X(fft_destroy) \
    X(conv_create) X(conv_fwd) X(conv_bwd_x) X(conv_bwd_w) X(conv_destroy) X(gemm) X(map)        \
    X(reduce) X(window) X(subaperture_fwd) X(subaperture_adj) X(blur) X(pool_fwd) X(pool_bwd)    \
    X(copy2d) X(scatter_add) X(softmax_fwd) X(softmax_bwd) X(argmax) X(gather_create)            \
    X(gather_fwd) X(gather_adj) X(gather_destroy)
// clang-format on

static int check_required(struct prism_ctx *ctx, const struct prism_backend *b)
{
#define CHECK(entry)                                                                               \
    if (!b->ops->entry)                                                                            \
        return PRISM_FAIL(ctx, PRISM_EABI, "backend \"%s\" lacks the required entry " #entry,      \
                          b->name);
    REQUIRED(CHECK)
#undef CHECK
    const struct prism_ops *o = b->ops;
    int n = !!o->capture_begin + !!o->capture_end + !!o->replay + !!o->replay_destroy;
    if (n != 0 && n != 4)
        return PRISM_FAIL(
            ctx, PRISM_EABI,
            "backend \"%s\" has %d of the 4 replay entries; all or none must be there", b->name, n);
    return 0;
}

static int open_backend(struct prism_ctx *ctx, const struct prism_backend *b,
                        const struct prism_dev_params *params, int index, struct prism_dev **out)
{
    PRISM_TRY(check_required(ctx, b));
    struct prismi_device *d = prismi_alloc(1, sizeof *d);
    if (!d)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a device record");
    d->ctx = ctx;
    d->backend = b;
    d->host = (struct prism_host){PRISM_BACKEND_ABI, sizeof d->host, d,
                                  host_log,          host_fail,      host_planned};
    d->inner = *b->ops;
    if (params->plain) {
        d->inner.norm_act_fwd = NULL;
        d->inner.norm_act_bwd = NULL;
        d->inner.misfit = NULL;
        d->inner.adam_outer = NULL;
        d->inner.field_misfit = NULL;
        d->inner.spectrum_fwd = NULL;
        d->inner.spectrum_adj = NULL;
        d->inner.dense_fit = NULL;
    }
    prismi_compose(&d->inner);
    prismi_front(d);
    d->dev.ops = &d->ops;
    d->dev.host = &d->host;
    const struct prism_open open = {params->threads, index, (int)params->plan_effort,
                                    params->cache_dir, params->plain};
    int status = b->open(&d->dev, &open);
    if (status) {
        prismi_free(d);
        return status;
    }
    if (d->ops.replay)
        d->dev.caps.flags |= PRISM_CAPS_REPLAY;
    if (params->plain) /* half types need a backend's own normalisation */
        d->dev.caps.dtypes &= ~(1u << PRISM_F16 | 1u << PRISM_BF16);
    status = params->profile ? prismi_profile_create(d, params->profile) : 0;
    if (status) {
        b->close(&d->dev);
        prismi_free(d);
        return status;
    }
    prismi_ctx_retain(ctx, "device");
    prismi_log(ctx, PRISM_LOG_INFO, "backend %s: %s", b->name, d->dev.caps.device);
    *out = &d->dev;
    return 0;
}

static int open_auto(struct prism_ctx *ctx, const struct prism_dev_params *params,
                     struct prism_dev **out)
{
    for (int i = 0; i < COUNT(auto_order); i++) {
        const struct prism_backend *b;
        if (!usable_backend(ctx, auto_order[i], params->plugin_path, &b) &&
            !open_backend(ctx, b, params, 0, out))
            return 0;
        prismi_log(ctx, PRISM_LOG_INFO, "backend not used: %s", ctx->error.text);
    }
    return PRISM_FAIL(ctx, PRISM_ENOTSUP, "no backend is usable here; the log says why for each");
}

int prism_dev_open(struct prism_ctx *ctx, const struct prism_dev_params *params,
                   struct prism_dev **out)
{
    static const struct prism_dev_params defaults = {0};
    char name[32];
    int index = 0;
    *out = NULL;
    if (!params)
        params = &defaults;
    const char *want = params->backend ? params->backend : "auto";
    if (params->threads < 0 || params->threads > 4096)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "threads: %d is out of range; expected 1 to 4096, or 0 for all cores",
                          params->threads);
    if (!strcmp(want, "auto"))
        return open_auto(ctx, params, out);
    size_t len = strcspn(want, ":");
    const char *number = want + len + 1;
    bool indexed = want[len] != 0, good = len && len < sizeof name;
    if (indexed)
        good = good && *number && strlen(number) <= 3 &&
               strspn(number, "0123456789") == strlen(number);
    if (!good)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "backend \"%s\": expected auto or a name such as cpu, or name:index",
                          want);
    if (indexed)
        index = atoi(number);
    snprintf(name, sizeof name, "%.*s", (int)len, want);
    const struct prism_backend *b;
    PRISM_TRY(usable_backend(ctx, name, params->plugin_path, &b));
    return open_backend(ctx, b, params, index, out);
}

void prism_dev_close(struct prism_dev **pdev)
{
    if (!*pdev)
        return;
    struct prismi_device *d = (struct prismi_device *)*pdev;
    d->backend->close(&d->dev);
    prismi_profile_destroy(d);
    prismi_ctx_drop(d->ctx, "device");
    prismi_free(d);
    *pdev = NULL;
}
