/* ZIP archives (PKWARE's APPNOTE.TXT, 4.3 and 4.5): members stored as they are,
 * with ZIP64 fields where a number needs them. Not installed. */
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
    uint64_t left; /* entries from there on */
    const uint8_t *comment;
    size_t comment_bytes;
};
struct prismi_zip_member {
    char name[72];
    const uint8_t *data;
    size_t bytes;
};
/* data, bytes: the archive, which stays the caller's and must outlive the
 * members found in it. Returns 0 or PRISM_EPARSE (cut off or damaged). */
int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out);
/* The next member, its checksum compared; only while left > 0. Returns 0 or
 * PRISM_EPARSE (damaged, compressed, encrypted, or a name of 72 bytes or
 * more). */
int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out);

/* ---- writing: to a file, without allocating ---- */

/* One member as the directory at the end lists it. name: the caller's. */
struct prismi_zip_entry {
    const char *name;
    uint32_t crc;
    uint64_t bytes, offset;
};
struct prismi_zip_out {
    struct prismi_file *file;
    uint64_t limit; /* numbers from here on get 64 bits: PRISMI_ZIP_LIMIT, less in tests */
    uint64_t bytes; /* written so far */
    uint32_t crc;   /* CRC-32 of the bytes written so far */
};
#define PRISMI_ZIP_LIMIT 0xffffffffu
#define PRISMI_ZIP_ALIGN 64 /* contents of members begin at multiples of it */
/* Writes a member whose content is head followed by data, and fills *entry but
 * for its name, which the caller has set. A failure is kept by the file and
 * reported by its commit. */
void prismi_zip_put(struct prismi_zip_out *z, struct prismi_zip_entry *entry, const void *head,
                    size_t head_bytes, const void *data, size_t bytes);
/* Writes the directory of n entries and everything up to the archive's
 * comment; the caller writes the comment's bytes, comment_bytes of them. */
void prismi_zip_finish(struct prismi_zip_out *z, const struct prismi_zip_entry *entries, size_t n,
                       size_t comment_bytes);

#endif
