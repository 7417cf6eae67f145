/* The frame of the fuzz targets. A target gives one input to one reader and
 * checks the reader's promises. libfuzzer.c drives the target with clang's
 * libFuzzer, replay.c with the corpus and with fixed random damage to the
 * corpus. */
#ifndef PRISM_FUZZ_H
#define PRISM_FUZZ_H

#include "prismrec/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Returns the reader's status; aborts where a promise is broken. */
int fuzz_one(const uint8_t *data, size_t bytes);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* One silent context for all inputs. */
static inline struct prism_ctx *fuzz_ctx(void)
{
    static struct prism_ctx *ctx;
    if (!ctx)
        FUZZ_CHECK(!prism_ctx_create(NULL, &ctx));
    return ctx;
}

/* A failure leaves a sentence of one line without control characters, whatever
 * the sentence quotes. */
static inline int fuzz_status(int status)
{
    const struct prism_error *e = prism_ctx_error(fuzz_ctx());
    FUZZ_CHECK(status <= 0);
    if (status) {
        FUZZ_CHECK(e->status == status && e->text[0]);
        for (const char *p = e->text; *p; p++)
            FUZZ_CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
    }
    return status;
}

/* The path of a file in memory with these bytes; valid until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t bytes)
{
    static int fd = -1;
    static char path[32];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_CHECK(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(!ftruncate(fd, 0) && pwrite(fd, data, bytes, 0) == (ssize_t)bytes);
    return path;
}

#endif
