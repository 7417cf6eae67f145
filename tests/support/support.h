/* Small helpers of every suite: statuses, devices, numbers, files. */
#ifndef PRISM_TESTS_SUPPORT_H
#define PRISM_TESTS_SUPPORT_H

#include "prismrec/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the program with the call's text and the error's if the call fails. */
#define MUST(ctx, call) support_must(ctx, call, #call)
static inline void support_must(struct prism_ctx *ctx, int status, const char *call)
{
    if (status) {
        printf("Bail out! %s: %s\n", call, ctx ? prism_ctx_error(ctx)->text : "");
        exit(1);
    }
}

/* n zeros of `size` bytes; the caller frees. */
static inline void *new_array(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

/* ---- contexts and devices ---- */

/* A context whose log goes to stderr at WARN and above. */
static inline void support_log(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)level;
    fprintf(stderr, "# %s\n", text);
}

static inline struct prism_ctx *open_ctx(void)
{
    struct prism_ctx_params params = {.log = support_log, .level = PRISM_LOG_WARN};
    struct prism_ctx *ctx = NULL;
    MUST(NULL, prism_ctx_create(&params, &ctx));
    return ctx;
}

/* Opens a device; NULL if this build or machine has no such backend.
 * plugin_path: the folder of its plugin, or NULL. */
static inline struct prism_dev *open_dev(struct prism_ctx *ctx, const char *backend,
                                         const char *plugin_path, int threads)
{
    struct prism_dev *dev = NULL;
    const struct prism_dev_params p = {
        .backend = backend, .plugin_path = plugin_path, .threads = threads};
    int status = prism_dev_open(ctx, &p, &dev);
    if (status == PRISM_ENOTSUP)
        return NULL;
    MUST(ctx, status);
    return dev;
}

/* The exit status of a suite whose backend did not open: 77 with the reason, or
 * 1 if the comma-separated list PRISMREC_TEST_REQUIRE names the backend. */
static inline int support_missing(const struct prism_ctx *ctx, const char *backend)
{
    const char *list = getenv("PRISMREC_TEST_REQUIRE"), *at = list;
    size_t n = strlen(backend);
    while (at && (at = strstr(at, backend))) {
        if ((at == list || at[-1] == ',') && (!at[n] || at[n] == ',')) {
            printf("Bail out! PRISMREC_TEST_REQUIRE asks for %s: %s\n", backend,
                   prism_ctx_error(ctx)->text);
            return 1;
        }
        at += n;
    }
    printf("1..0 # SKIP %s\n", prism_ctx_error(ctx)->text);
    return 77;
}

/* ---- numbers ---- */

/* n values in [-1,1) of the linear congruential generator that the golden
 * numbers were made with. */
static inline void lcg_fill(double *v, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = 1664525u * seed + 1013904223u;
        v[i] = (double)(seed >> 8) / 16777216.0 * 2 - 1;
    }
}

/* ---- files ---- */

/* The path of a file in the folder that PRISM_SHARED names; false, with the
 * reason for the skip printed, where there is none. */
static inline bool support_shared(const char *name, char *out, size_t n)
{
    const char *shared = getenv("PRISM_SHARED");
    snprintf(out, n, "%s/%s", shared ? shared : "", name);
    if (shared && access(out, R_OK) == 0)
        return true;
    printf("1..0 # SKIP no %s in the folder PRISM_SHARED\n", name);
    return false;
}

/* Makes a folder of its own under TMPDIR; support_remove() deletes it. */
static inline void support_tempdir(char *out, size_t n)
{
    const char *base = getenv("TMPDIR");
    snprintf(out, n, "%s/prism-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(out)) {
        perror(out);
        exit(1);
    }
}

static inline void support_remove(const char *dir)
{
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "# could not remove %s\n", dir);
}

#endif
