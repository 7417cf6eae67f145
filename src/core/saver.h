/* Saves an archive in a thread of its own, while its owner goes on. Not
 * installed. */
#ifndef PRISMI_CORE_SAVER_H
#define PRISMI_CORE_SAVER_H

#include "core/archive.h"

#include <pthread.h>

/* All zero: idle. Used by one thread. */
struct prismi_saver {
    struct prismi_archive *archive; /* its memory is used again by the next save */
    struct prism_ctx *ctx;          /* the thread's, for its errors */
    char *path;
    bool keep_previous;
    bool (*before)(void *user);
    void *user;
    pthread_t thread;
    bool pending, threaded; /* a save has begun; in a thread */
    int status;
};

/* The archive to fill for the next save, empty, which copies device memory at
 * once. Only while nothing is pending. Returns 0 or PRISM_ENOMEM. */
int prismi_saver_open(struct prismi_saver *s, struct prism_ctx *ctx, const char kind[8],
                      struct prismi_archive **out);
/* Begins to save the archive to path, as prismi_archive_save() does. before:
 * NULL, or called first by the thread; false cancels the save. Where no thread
 * can be started, the save is done before this returns. Returns 0 or
 * PRISM_ENOMEM. */
int prismi_saver_begin(struct prismi_saver *s, struct prism_ctx *ctx, const char *path,
                       bool keep_previous, bool (*before)(void *user), void *user);
/* Waits until a save that has begun is done. Returns its status, with its
 * sentence in ctx; 0 where none has begun. */
int prismi_saver_wait(struct prismi_saver *s, struct prism_ctx *ctx);
/* Frees everything; nothing may be pending. */
void prismi_saver_release(struct prismi_saver *s);

#endif
