/* Named arrays and texts in one file, which numpy.load opens: a ZIP of NPY
 * members (docs/formats.md). Checkpoints and weights are such files. Not
 * installed. */
#ifndef PRISMI_CORE_ARCHIVE_H
#define PRISMI_CORE_ARCHIVE_H

#include "core/npy.h"

/* Types, as descr below wants them. */
#define PRISMI_TYPE_F32 "<f4"
#define PRISMI_TYPE_F64 "<f8"
#define PRISMI_TYPE_I32 "<i4"
#define PRISMI_TYPE_TEXT "text" /* a member NAME.txt and no array */
/* F32 and F64 only. */
static inline const char *prismi_type_real(enum prism_dtype t)
{
    return t == PRISM_F64 ? PRISMI_TYPE_F64 : PRISMI_TYPE_F32;
}

/* A set of arrays in memory. An archive that is filled again after a reset uses
 * the memory it has. */
struct prismi_archive;
/* kind: 8 bytes that say what the arrays are for; a file of another kind is
 * refused. Returns 0 or PRISM_ENOMEM. */
int prismi_archive_create(struct prism_ctx *ctx, const char kind[8], struct prismi_archive **out);
void prismi_archive_destroy(struct prismi_archive **archive); /* NULL ok */
/* Removes all arrays. snapshot: device memory that is added from now on is
 * copied to the host at once, so that nothing but the archive's own memory is
 * needed later. */
void prismi_archive_reset(struct prismi_archive *a, bool snapshot);

static inline struct prismi_array prismi_vector(const char *descr, size_t item, size_t n)
{
    return (struct prismi_array){.descr = descr, .item = item, .nd = 1, .shape = {n}};
}
/* Copies the elements. The type's descr must live as long as the archive. A
 * name has at most 63 bytes. Returns 0, PRISM_EINVAL, PRISM_ENOMEM; in a
 * snapshot, prismi_archive_add_mem also what reading the device gives. */
int prismi_archive_add(struct prismi_archive *a, const char *name, const struct prismi_array *type,
                       const void *data);
int prismi_archive_add_text(struct prismi_archive *a, const char *name, const char *text,
                            size_t bytes);
/* Device memory, read by save unless this is a snapshot: it must be there until
 * then. */
int prismi_archive_add_mem(struct prismi_archive *a, const char *name,
                           const struct prismi_array *type, struct prism_dev *dev, prism_mem mem);

/* Writes the file whole or not at all (prismi_file_commit). ctx: where errors
 * are recorded; with a context of its own, and a snapshot, another thread may
 * call it. Returns 0, PRISM_EIO, PRISM_ENOMEM, PRISM_EINVAL, or what reading
 * the device gives. */
int prismi_archive_save(struct prismi_archive *a, struct prism_ctx *ctx, const char *path,
                        bool keep_previous);
/* Reads a file that save wrote, one that numpy.savez wrote, or one of the
 * format before (core/box.c). Returns 0, PRISM_EIO, PRISM_EINVAL (too large),
 * PRISM_EPARSE (damaged, or of another kind), PRISM_ENOMEM. */
int prismi_archive_load(struct prism_ctx *ctx, const char *path, const char kind[8],
                        struct prismi_archive **out);

/* The elements of an array of a loaded archive, unaligned; NULL where there is
 * none of this name, type and size. bytes: NULL, or the expected size (0: any),
 * replaced by the array's. Arrays of the format before have no type, so that
 * only their size is compared. */
const void *prismi_archive_get(const struct prismi_archive *a, const char *name, const char *descr,
                               size_t *bytes);
int prismi_archive_count(const struct prismi_archive *a);
/* The i-th array's name. *type: NULL, or where to put what the array is, descr
 * NULL where that is not known. *data: NULL, or where to put the address of its
 * elements. */
const char *prismi_archive_at(const struct prismi_archive *a, int i, struct prismi_array *type,
                              const void **data, size_t *bytes);

/* For core/box.c: an array without a type whose elements lie in the loaded
 * file. Returns NULL, or what is wrong. */
const char *prismi_archive_found(struct prismi_archive *a, const char *name, size_t name_bytes,
                                 const uint8_t *data, size_t bytes);
const char *prismi_box_parse(struct prismi_archive *a, const char kind[8], const uint8_t *file,
                             size_t bytes);
extern const char prismi_archive_no_memory[]; /* what is wrong where memory ran out */

#endif
