/* Saves an archive in a thread of its own, while the owner of the archive
 * continues. Not installed. */
#ifndef PRISMI_CORE_SAVER_H
#define PRISMI_CORE_SAVER_H

#include "core/archive.h"

#include <pthread.h>

/* A saver. All zero means idle. Only one thread may use it. */
struct prismi_saver {
    struct prismi_archive *archive; /* the next save reuses its memory */
    struct prism_ctx *ctx;          /* the context of the thread, for its errors */
    char *path;
    bool keep_previous;
    bool (*before)(void *user);
    void *user;
    pthread_t thread;
    bool pending, threaded; /* a save has begun; the save runs in a thread */
    int status;
};

/* Give the archive to fill for the next save. It is empty and copies device
 * memory at once. Only call it while nothing is pending. Returns 0 or
 * PRISM_ENOMEM. */
int prismi_saver_open(struct prismi_saver *s, struct prism_ctx *ctx, const char kind[8],
                      struct prismi_archive **out);
/* Begin to save the archive to path, as prismi_archive_save() does. before:
 * NULL, or a function that the thread calls first; if it returns false, the
 * save is cancelled. If no thread can be started, the save is done before this
 * function returns. Returns 0 or PRISM_ENOMEM. */
int prismi_saver_begin(struct prismi_saver *s, struct prism_ctx *ctx, const char *path,
                       bool keep_previous, bool (*before)(void *user), void *user);
/* Wait until the save is done. Returns its status, with its sentence in ctx; 0
 * if none has begun. */
int prismi_saver_wait(struct prismi_saver *s, struct prism_ctx *ctx);
/* Free everything. Nothing may be pending. */
void prismi_saver_release(struct prismi_saver *s);

#endif
