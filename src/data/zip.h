/* Members of a ZIP archive in memory, as numpy.savez writes it: not compressed,
 * below 4 GiB. Not installed. */
#ifndef PRISMI_DATA_ZIP_H
#define PRISMI_DATA_ZIP_H

#include "prismrec/ctx.h"

struct prismi_zip {
    struct prism_ctx *ctx;
    const char *path; /* for messages */
    const uint8_t *data;
    size_t bytes;
    size_t at; /* offset of the next entry of the directory */
    int left;  /* number of entries from there on */
};
struct prismi_zip_member {
    char name[64];
    const uint8_t *data;
    size_t bytes;
};
/* Open an archive of `bytes` bytes at data. The caller owns the archive and
 * keeps it until the members are no longer used. Returns 0 or PRISM_EPARSE. */
int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out);
/* Find the next member and compare its checksum. Only call while left > 0.
 * Returns 0 or PRISM_EPARSE. */
int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out);

#endif
