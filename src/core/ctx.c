/* The context: error record, log, and count of live objects. */
#include "core/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int prism_ctx_create(const struct prism_ctx_params *params, struct prism_ctx **out)
{
    *out = NULL;
    struct prism_ctx *ctx = prismi_alloc(1, sizeof *ctx);
    if (!ctx)
        return PRISM_ENOMEM;
    if (params)
        ctx->params = *params;
    *out = ctx;
    return 0;
}

void prism_ctx_destroy(struct prism_ctx **pctx)
{
    struct prism_ctx *ctx = *pctx;
    if (!ctx)
        return;
    for (int i = 0; i < PRISMI_MAX_KINDS && ctx->live[i].kind; i++)
        if (ctx->live[i].count)
            prismi_log(ctx, PRISM_LOG_ERROR, "%d %s not destroyed before their context",
                       ctx->live[i].count, ctx->live[i].kind);
    prismi_free(ctx);
    *pctx = NULL;
}

const struct prism_error *prism_ctx_error(const struct prism_ctx *ctx)
{
    return &ctx->error;
}

/* Format one line. Control characters become '?', because a message may quote a
 * file and end up on a terminal. */
static void format_line(char *text, size_t n, const char *fmt, va_list args)
{
    vsnprintf(text, n, fmt, args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

int prismi_vfail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt,
                 va_list args)
{
    /* format into a copy: an argument may be the text of the previous record */
    char text[sizeof ctx->error.text];
    format_line(text, sizeof text, fmt, args);
    ctx->error.status = status;
    ctx->error.file = file;
    ctx->error.line = line;
    memcpy(ctx->error.text, text, sizeof text);
    return status;
}

int prismi_fail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    prismi_vfail(ctx, status, file, line, fmt, args);
    va_end(args);
    return status;
}

void prismi_log(struct prism_ctx *ctx, enum prism_log_level level, const char *fmt, ...)
{
    if (!ctx->params.log || level > ctx->params.level)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    format_line(text, sizeof text, fmt, args);
    va_end(args);
    ctx->params.log(ctx->params.user, level, text);
}

const char *prismi_spell(const struct prism_ctx *ctx, const char *name)
{
    const char *spelled = ctx->params.spell ? ctx->params.spell(name) : NULL;
    return spelled ? spelled : name;
}

void prismi_ctx_retain(struct prism_ctx *ctx, const char *kind)
{
    for (int i = 0; i < PRISMI_MAX_KINDS; i++) {
        if (!ctx->live[i].kind)
            ctx->live[i].kind = kind;
        if (!strcmp(ctx->live[i].kind, kind)) {
            ctx->live[i].count++;
            return;
        }
    }
}

void prismi_ctx_drop(struct prism_ctx *ctx, const char *kind)
{
    for (int i = 0; i < PRISMI_MAX_KINDS && ctx->live[i].kind; i++)
        if (!strcmp(ctx->live[i].kind, kind))
            ctx->live[i].count--;
}
