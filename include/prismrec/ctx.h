/* PRISM: the context (log, last error) and devices. */
#ifndef PRISMREC_CTX_H
#define PRISMREC_CTX_H

#include "prismrec/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The root of all objects, with the log and the last error. A context must
 * outlive what is created with it. Thread-safety: one thread at a time;
 * contexts are independent. */
struct prism_ctx;

/* {0} and NULL are the defaults. */
struct prism_ctx_params {
    /* Receives one message, without a newline. NULL = no log. */
    void (*log)(void *user, enum prism_log_level level, const char *text);
    void *user;
    /* The least important level that is logged. 0 = errors only. */
    enum prism_log_level level;
    /* Gives the user's name of a parameter, for messages. name: the parameter's
     * path in struct prism_recon_params or struct prism_dataset_params, e.g.
     * "training.lr". Returns a text that stays valid, or NULL to use name. The
     * callback may be NULL. A program whose users write configurations sets
     * prism_config_spell() here. */
    const char *(*spell)(const char *name);
};

/* The record of a failure. */
struct prism_error {
    int status; /* PRISM_E* */
    /* Where in the library's source the failure was found. */
    const char *file;
    int line;
    /* One sentence: the value, what was expected, and the remedy. */
    char text[512];
};

/* Create a context. params may be NULL. Returns 0, PRISM_ENOMEM (then *out is
 * NULL). */
PRISM_API int prism_ctx_create(const struct prism_ctx_params *params, struct prism_ctx **out);

/* Destroy a context and set *ctx to NULL. NULL is allowed. Destroy all its
 * objects first; one that is left is logged as an error. */
PRISM_API void prism_ctx_destroy(struct prism_ctx **ctx);

/* The record of the last failure. A success does not clear it. Never NULL;
 * valid until the next call with this context. */
PRISM_API const struct prism_error *prism_ctx_error(const struct prism_ctx *ctx);

struct prism_profile_params;

/* How a device is opened. {0} and NULL are the defaults. */
struct prism_dev_params {
    /* "auto", "ref", "cpu", "cuda", "cuda:1" (the second of its kind), or the
     * name of a plugin. NULL = "auto". */
    const char *backend;
    /* Folder of prismrec_backend_<name>.so. NULL = $PRISMREC_BACKEND_PATH, else
     * the installed folder. */
    const char *plugin_path;
    /* 0 = all cores that the process may use. */
    int threads;
    /* PRISM_PLAN_ESTIMATE, the default, gives the same bits in every process;
     * the others are faster and may choose another transform next time. */
    enum prism_plan_effort plan_effort;
    /* Folder where transform plans are kept. NULL = none are kept. */
    const char *cache_dir;
    /* Use one general method for every operation: fused entries are composed,
     * and no kernels for particular shapes run. For bisecting, and to measure
     * what the special kernels gain. Half storage, which has no composition, is
     * then missing. */
    bool plain;
    /* Time what the device does (prismrec/profile.h). NULL = do not. */
    const struct prism_profile_params *profile;
};

/* Open a device. "auto" takes the first usable backend in the build's order and
 * logs at INFO why the others were passed over; a named backend is taken or the
 * call fails. params: NULL = all defaults. Returns 0, PRISM_EINVAL (a name or
 * number out of range), PRISM_ENOTSUP (no such backend, or not usable here: the
 * text says why), PRISM_EABI (a plugin of another version), PRISM_ENOMEM,
 * PRISM_EDEVICE. Thread-safety: a device is used by one thread at a time. */
PRISM_API int prism_dev_open(struct prism_ctx *ctx, const struct prism_dev_params *params,
                             struct prism_dev **out);

/* Close a device and set *dev to NULL. NULL is allowed. Destroy the objects
 * created on it first. */
PRISM_API void prism_dev_close(struct prism_dev **dev);

struct prism_cache;

/* Set the cache (prismrec/cache.h) of a device. Objects created later keep
 * masks, frames and transfer functions in it and take from it what is there;
 * it also counts transform plans. NULL, the state after opening: nothing is
 * kept. The cache must live until another one is set or the device is closed.
 * It may serve several devices. */
PRISM_API void prism_dev_set_cache(struct prism_dev *dev, struct prism_cache *cache);

/* The name of the device's backend, e.g. "cpu". */
PRISM_API const char *prism_dev_backend(const struct prism_dev *dev);

/* Allocate device memory. Its contents are undefined. It is aligned for every
 * element type. Returns 0, PRISM_EINVAL (bytes is 0), PRISM_ENOMEM (then *out
 * is NULL), PRISM_EDEVICE. */
PRISM_API int prism_dev_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out);

/* Free what prism_dev_alloc() gave; NULL ok. Work enqueued before still
 * finds its memory. */
PRISM_API void prism_dev_free(struct prism_dev *dev, prism_mem mem);

/* Copy bytes from device memory to the host. Waits for everything enqueued on
 * the device before. Returns 0, PRISM_EINVAL (an argument is NULL),
 * PRISM_EDEVICE (the copy or work enqueued before has failed). */
PRISM_API int prism_dev_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes);

/* Copy bytes from the host to device memory. src may be reused on return.
 * Returns 0, PRISM_EINVAL (an argument is NULL), PRISM_EDEVICE. */
PRISM_API int prism_dev_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes);

struct prism_backend_info {
    char name[32];
    bool usable;
    /* Not usable: the reason. Usable: the device that it would use, or "". */
    char why[256];
};

/* List the backends that "auto" considers, in its order. plugin_path as in
 * struct prism_dev_params. Fills at most n entries and returns the number of
 * backends. Opens no device. */
PRISM_API int prism_backend_list(struct prism_ctx *ctx, const char *plugin_path,
                                 struct prism_backend_info *out, int n);

#ifdef __cplusplus
}
#endif
#endif
