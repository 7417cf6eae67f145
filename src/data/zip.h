/* Members of a ZIP archive in memory, as numpy.savez writes it: stored, below 4
 * GiB. Not installed. */
#ifndef PRISMI_DATA_ZIP_H
#define PRISMI_DATA_ZIP_H

#include "prismrec/ctx.h"

struct prismi_zip {
    struct prism_ctx *ctx;
    const char *path; /* for messages */
    const uint8_t *data;
    size_t bytes;
    size_t at; /* of the next entry in the directory */
    int left;  /* entries from there on */
};
struct prismi_zip_member {
    char name[64];
    const uint8_t *data;
    size_t bytes;
};
/* data, bytes: the archive, which stays the caller's and must outlive what is
 * found in it. Both return 0 or PRISM_EPARSE. */
int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out);
/* The next member, its checksum compared; only while left > 0. */
int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out);

#endif
