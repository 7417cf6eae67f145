/* Saves an archive in a thread of its own. */
#include "core/saver.h"

#include <signal.h>

int prismi_saver_open(struct prismi_saver *s, struct prism_ctx *ctx, const char kind[8],
                      struct prismi_archive **out)
{
    if (!s->ctx && prism_ctx_create(NULL, &s->ctx))
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to save in a thread");
    if (!s->archive)
        PRISM_TRY(prismi_archive_create(ctx, kind, &s->archive));
    prismi_archive_reset(s->archive, true);
    *out = s->archive;
    return 0;
}

static void *save(void *arg)
{
    struct prismi_saver *s = arg;
    if (s->before && !s->before(s->user))
        s->status =
            PRISM_FAIL(s->ctx, PRISM_ECANCELED, "%s was not written: its caller gave up", s->path);
    else
        s->status = prismi_archive_save(s->archive, s->ctx, s->path, s->keep_previous);
    return NULL;
}

int prismi_saver_begin(struct prismi_saver *s, struct prism_ctx *ctx, const char *path,
                       bool keep_previous, bool (*before)(void *user), void *user)
{
    sigset_t all, old;
    prismi_free(s->path);
    s->path = prismi_strdup(path);
    if (!s->path)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    s->keep_previous = keep_previous;
    s->before = before;
    s->user = user;
    s->pending = true;
    /* signals are left to the caller's threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->threaded = !pthread_create(&s->thread, NULL, save, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!s->threaded)
        save(s);
    return 0;
}

int prismi_saver_wait(struct prismi_saver *s, struct prism_ctx *ctx)
{
    if (!s->pending)
        return 0;
    if (s->threaded)
        pthread_join(s->thread, NULL);
    s->pending = false;
    if (!s->status)
        return 0;
    const struct prism_error *e = prism_ctx_error(s->ctx);
    return prismi_fail(ctx, e->status, e->file, e->line, "%s", e->text);
}

void prismi_saver_release(struct prismi_saver *s)
{
    prismi_archive_destroy(&s->archive);
    prism_ctx_destroy(&s->ctx);
    prismi_free(s->path);
    s->path = NULL;
}
