/* The surroundings of a program's tests: a context, a device on ref, a folder.
 * A suite that needs more opens the rest in its own setup, after
 * fixture_open(). */
#ifndef PRISM_TESTS_SETUP_H
#define PRISM_TESTS_SETUP_H

#include "support/support.h"

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static char folder[256], last_log[1024]; /* last_log: the last line that the context logged */

static inline void keep_log(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)level;
    snprintf(last_log, sizeof last_log, "%s", text);
}

/* The fixture's context; a program may change it before fixture_open(). */
static struct prism_ctx_params fixture_params = {.log = keep_log, .level = PRISM_LOG_WARN};

static inline void fixture_open(void)
{
    MUST(NULL, prism_ctx_create(&fixture_params, &ctx));
    dev = open_dev(ctx, "ref", NULL, 1);
    support_tempdir(folder, sizeof folder);
    last_log[0] = '\0';
}

/* Destroying the context logs objects that a test left open, which ends the
 * program. */
static inline void fixture_close(void)
{
    support_remove(folder);
    prism_dev_close(&dev);
    last_log[0] = '\0';
    prism_ctx_destroy(&ctx);
    if (last_log[0]) {
        printf("Bail out! %s\n", last_log);
        exit(1);
    }
}

/* "FOLDER/NAME"; the text stays until the fourth call after this one. */
static inline const char *in_folder(const char *name)
{
    static char path[4][600];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

#endif
