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
    struct prism_ctx_params params = {support_log, NULL, PRISM_LOG_WARN};
    struct prism_ctx *ctx = NULL;
    prism_ctx_create(&params, &ctx);
    return ctx;
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
