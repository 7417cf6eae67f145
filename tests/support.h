/* Small helpers every suite may use. */
#ifndef PRISM_TESTS_SUPPORT_H
#define PRISM_TESTS_SUPPORT_H

#include "prismrec/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A context whose log goes to stderr at WARN and above. */
static inline void support_log(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)level;
    fprintf(stderr, "# %s\n", text);
}

static inline struct prism_ctx *support_ctx(void)
{
    struct prism_ctx_params params = {.log = support_log, .level = PRISM_LOG_WARN};
    struct prism_ctx *ctx = NULL;
    prism_ctx_create(&params, &ctx);
    return ctx;
}

/* Exit status of a suite whose backend would not open: 77 with the reason, or 1
 * where the comma-separated list PRISMREC_TEST_REQUIRE names it. */
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

/* Path of a file of the shared folder that lies beside some checkouts,
 * PRISM_SHARED; false, and the reason for a skip printed, where there is
 * none. */
static inline bool support_shared(const char *name, char *out, size_t n)
{
    const char *shared = getenv("PRISM_SHARED");
    snprintf(out, n, "%s/%s", shared ? shared : "", name);
    if (shared && access(out, R_OK) == 0)
        return true;
    printf("1..0 # SKIP no %s in the folder PRISM_SHARED\n", name);
    return false;
}

/* A fresh folder; support_remove() takes it away again. */
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
