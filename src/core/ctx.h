/* The context's inside, for src/core only. */
#ifndef PRISMI_CTX_H
#define PRISMI_CTX_H

#include "core/internal.h"

#define PRISMI_MAX_KINDS 24

struct prism_ctx {
    struct prism_ctx_params params;
    struct prism_error error;
    struct {
        const char *kind;
        int count;
    } live[PRISMI_MAX_KINDS];
};

int prismi_vfail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt, va_list args)
    __attribute__((format(printf, 5, 0)));

/* Fill the entries of ops that are NULL from those that are required. */
void prismi_compose(struct prism_ops *ops);

#endif
