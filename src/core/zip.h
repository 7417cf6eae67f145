/* ZIP archives (PKWARE's APPNOTE.TXT, 4.3 and 4.5). Members are stored without
 * compression; numbers that need 64 bits are in ZIP64 fields. Not installed. */
#ifndef PRISMI_CORE_ZIP_H
#define PRISMI_CORE_ZIP_H

#include "core/internal.h"

/* ---- reading: an archive in memory ---- */

struct prismi_zip {
    struct prism_ctx *ctx;
    const char *path; /* for messages */
    const uint8_t *data;
    size_t bytes;
    size_t at;     /* offset of the next entry in the directory */
    uint64_t left; /* number of entries from there on */
    const uint8_t *comment;
    size_t comment_bytes;
};
struct prismi_zip_member {
    char name[72];
    const uint8_t *data;
    size_t bytes;
};
/* Open an archive of `bytes` bytes at data. The caller owns the archive and
 * keeps it until the members are no longer used. Returns 0 or PRISM_EPARSE (cut
 * off or damaged). */
int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out);
/* Find the next member and compare its checksum. Only call while left > 0.
 * Returns 0 or PRISM_EPARSE (damaged, compressed, encrypted, or a name of 72
 * bytes or more). */
int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out);

/* ---- writing: to a file; allocates nothing ---- */

/* A member as the directory at the end lists it. The caller owns the name. */
struct prismi_zip_entry {
    const char *name;
    uint32_t crc;
    uint64_t bytes, offset;
};
struct prismi_zip_out {
    struct prismi_file *file;
    uint64_t limit; /* numbers from here on use 64 bits; PRISMI_ZIP_LIMIT, but less in tests */
    uint64_t bytes; /* bytes written so far */
    uint32_t crc;   /* CRC-32 of these bytes */
};
#define PRISMI_ZIP_LIMIT 0xffffffffu
#define PRISMI_ZIP_ALIGN 64 /* the contents of members begin at multiples of this */
/* Write a member whose content is head followed by data, and fill *entry. The
 * caller sets entry->name before. The file keeps a failure, and its commit
 * reports it. */
void prismi_zip_put(struct prismi_zip_out *z, struct prismi_zip_entry *entry, const void *head,
                    size_t head_bytes, const void *data, size_t bytes);
/* Write the directory of n entries and everything up to the archive's comment.
 * The caller then writes the comment, comment_bytes bytes. */
void prismi_zip_finish(struct prismi_zip_out *z, const struct prismi_zip_entry *entries, size_t n,
                       size_t comment_bytes);

#endif
