/* Named arrays and texts in one file, a ZIP of NPY members that numpy.load
 * opens (docs/formats.md). Checkpoints and weights are such files. Not
 * installed. */
#ifndef PRISMI_CORE_ARCHIVE_H
#define PRISMI_CORE_ARCHIVE_H

#include "core/npy.h"

/* Values of prismi_array.descr. */
#define PRISMI_TYPE_F32 "<f4"
#define PRISMI_TYPE_F64 "<f8"
#define PRISMI_TYPE_I32 "<i4"
#define PRISMI_TYPE_TEXT "text" /* a text: the member NAME.txt, not an array */
/* The type of F32 or F64 elements. */
static inline const char *prismi_type_real(enum prism_dtype t)
{
    return t == PRISM_F64 ? PRISMI_TYPE_F64 : PRISMI_TYPE_F32;
}

/* A set of arrays in memory. Filling an archive again after a reset reuses its
 * memory. */
struct prismi_archive;
/* Create an empty archive. kind: 8 bytes that say what the arrays are for; a
 * file of another kind is refused. Returns 0 or PRISM_ENOMEM. */
int prismi_archive_create(struct prism_ctx *ctx, const char kind[8], struct prismi_archive **out);
void prismi_archive_destroy(struct prismi_archive **archive); /* NULL ok */
/* Remove all arrays. snapshot: device memory that is added from now on is
 * copied to the host at once, so that saving needs only the archive's own
 * memory. */
void prismi_archive_reset(struct prismi_archive *a, bool snapshot);
/* Bytes of host memory that the archive holds for copies of elements. */
size_t prismi_archive_held(const struct prismi_archive *a);

static inline struct prismi_array prismi_vector(const char *descr, size_t item, size_t n)
{
    return (struct prismi_array){.descr = descr, .item = item, .nd = 1, .shape = {n}};
}
/* Add an array; its elements are copied. type->descr must live as long as the
 * archive. A name has at most 63 bytes. Returns 0, PRISM_EINVAL or
 * PRISM_ENOMEM; in a snapshot prismi_archive_add_mem also returns the errors of
 * reading the device. */
int prismi_archive_add(struct prismi_archive *a, const char *name, const struct prismi_array *type,
                       const void *data);
int prismi_archive_add_text(struct prismi_archive *a, const char *name, const char *text,
                            size_t bytes);
/* Add device memory. Save reads it, unless this is a snapshot, so it must exist
 * until then. */
int prismi_archive_add_mem(struct prismi_archive *a, const char *name,
                           const struct prismi_array *type, struct prism_dev *dev, prism_mem mem);

/* Write the file, whole or not at all (prismi_file_commit). Errors are recorded
 * in ctx. Another thread may call this with a context of its own if the archive
 * is a snapshot. Returns 0, PRISM_EIO, PRISM_ENOMEM, PRISM_EINVAL, or an error
 * of reading the device. */
int prismi_archive_save(struct prismi_archive *a, struct prism_ctx *ctx, const char *path,
                        bool keep_previous);
/* Read a file that prismi_archive_save or numpy.savez wrote, or one of the
 * previous format (core/box.c). Returns 0, PRISM_EIO, PRISM_EINVAL (too large),
 * PRISM_EPARSE (damaged, or of another kind) or PRISM_ENOMEM. */
int prismi_archive_load(struct prism_ctx *ctx, const char *path, const char kind[8],
                        struct prismi_archive **out);

/* The elements of an array of a loaded archive, unaligned. NULL if there is no
 * array of this name, type and size. bytes is NULL, or points to the expected
 * size (0: any) and receives the array's size. Arrays of the previous format
 * have no type, so only their size is compared. */
const void *prismi_archive_get(const struct prismi_archive *a, const char *name, const char *descr,
                               size_t *bytes);
int prismi_archive_count(const struct prismi_archive *a);
/* The name of the i-th array. If type is not NULL, *type receives the array's
 * type, with descr NULL if it is unknown; if data is not NULL, *data receives
 * the address of the elements. */
const char *prismi_archive_at(const struct prismi_archive *a, int i, struct prismi_array *type,
                              const void **data, size_t *bytes);

/* For core/box.c: add an array without a type, whose elements lie in the loaded
 * file. Returns NULL, or what is wrong. */
const char *prismi_archive_found(struct prismi_archive *a, const char *name, size_t name_bytes,
                                 const uint8_t *data, size_t bytes);
const char *prismi_box_parse(struct prismi_archive *a, const char kind[8], const uint8_t *file,
                             size_t bytes);
extern const char prismi_archive_no_memory[]; /* the text that stands for a lack of memory */

#endif
