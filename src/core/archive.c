/* Archives of arrays: ZIP files of NPY members, stored without compression. The
 * archive's comment gives its kind, and the length and checksum of the file. */
#include "core/archive.h"
#include "core/zip.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 64, MAX_ARRAYS = 4096, COMMENT = 51 };
#define MAX_BYTES ((size_t)1 << 36)

const char prismi_archive_no_memory[] = "no memory for its arrays";

struct entry {
    char name[MAX_NAME];
    struct prismi_array type; /* descr is NULL if the type is unknown */
    size_t bytes;
    const uint8_t *data; /* NULL if the elements are on a device */
    struct prism_dev *dev;
    prism_mem mem;
    uint8_t *own; /* memory owned by the archive, reused after a reset */
    size_t capacity;
};

struct prismi_archive {
    struct prism_ctx *ctx;
    char kind[8];
    struct entry *entries;
    int n, cap;
    bool snapshot;
    uint8_t *file; /* the file of a loaded archive; arrays point into it */
};

int prismi_archive_create(struct prism_ctx *ctx, const char kind[8], struct prismi_archive **out)
{
    *out = prismi_alloc(1, sizeof **out);
    if (!*out)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for an archive");
    (*out)->ctx = ctx;
    memcpy((*out)->kind, kind, 8);
    return 0;
}

void prismi_archive_destroy(struct prismi_archive **pa)
{
    struct prismi_archive *a = *pa;
    if (!a)
        return;
    for (int i = 0; i < a->cap; i++)
        prismi_free(a->entries[i].own);
    prismi_free(a->entries);
    prismi_free(a->file);
    prismi_free(a);
    *pa = NULL;
}

void prismi_archive_reset(struct prismi_archive *a, bool snapshot)
{
    a->n = 0;
    a->snapshot = snapshot;
}

size_t prismi_archive_held(const struct prismi_archive *a)
{
    size_t bytes = 0;
    for (int i = 0; i < a->cap; i++)
        bytes += a->entries[i].capacity;
    return bytes;
}

/* ---- filling ---- */

/* The entry behind the last one, not counted yet. It is empty except for its
 * own memory. NULL if memory ran out. */
static struct entry *new_entry(struct prismi_archive *a)
{
    if (a->n == a->cap) {
        int cap = a->cap ? 2 * a->cap : 16;
        struct entry *e = prismi_alloc((size_t)cap, sizeof *e);
        if (!e)
            return NULL;
        if (a->n)
            memcpy(e, a->entries, (size_t)a->n * sizeof *e);
        prismi_free(a->entries);
        a->entries = e;
        a->cap = cap;
    }
    struct entry *e = &a->entries[a->n];
    *e = (struct entry){.own = e->own, .capacity = e->capacity};
    return e;
}

/* Set up an entry of this type, not counted yet and without elements. */
static int describe(struct prismi_archive *a, const char *name, const struct prismi_array *type,
                    struct entry **out)
{
    if (strlen(name) >= MAX_NAME)
        return PRISM_FAIL(a->ctx, PRISM_EINVAL, "the array name \"%s\" is longer than %d bytes",
                          name, MAX_NAME - 1);
    struct entry *e = *out = new_entry(a);
    if (!e)
        return PRISM_FAIL(a->ctx, PRISM_ENOMEM, "no memory for the array %s", name);
    strcpy(e->name, name);
    e->type = *type;
    e->bytes = type->item;
    for (int i = 0; i < type->nd; i++)
        e->bytes *= type->shape[i];
    return 0;
}

static int own_memory(struct prismi_archive *a, struct entry *e)
{
    if (!e->own || e->capacity < e->bytes) {
        prismi_free(e->own);
        e->own = prismi_alloc(e->bytes, 1);
        e->capacity = e->own ? e->bytes : 0;
    }
    e->data = e->own;
    return e->own ? 0
                  : PRISM_FAIL(a->ctx, PRISM_ENOMEM, "no memory for %zu bytes of the array %s",
                               e->bytes, e->name);
}

int prismi_archive_add(struct prismi_archive *a, const char *name, const struct prismi_array *type,
                       const void *data)
{
    struct entry *e;
    PRISM_TRY(describe(a, name, type, &e));
    PRISM_TRY(own_memory(a, e));
    if (e->bytes)
        memcpy(e->own, data, e->bytes);
    a->n++;
    return 0;
}

int prismi_archive_add_text(struct prismi_archive *a, const char *name, const char *text,
                            size_t bytes)
{
    const struct prismi_array type = prismi_vector(PRISMI_TYPE_TEXT, 1, bytes);
    return prismi_archive_add(a, name, &type, text);
}

int prismi_archive_add_mem(struct prismi_archive *a, const char *name,
                           const struct prismi_array *type, struct prism_dev *dev, prism_mem mem)
{
    struct entry *e;
    PRISM_TRY(describe(a, name, type, &e));
    e->dev = dev;
    e->mem = mem;
    if (a->snapshot) {
        PRISM_TRY(own_memory(a, e));
        PRISM_TRY(dev->ops->read(dev, e->own, mem, e->bytes));
    }
    a->n++;
    return 0;
}

/* ---- saving ---- */

/* True if the array, whose type is known, has this descr. */
static bool described(const struct entry *e, const char *descr)
{
    const size_t n = e->type.descr_bytes ? e->type.descr_bytes : strlen(e->type.descr);
    return n == strlen(descr) && !memcmp(e->type.descr, descr, n);
}

/* The name of a member in the ZIP file. */
struct member_name {
    char text[MAX_NAME + 4];
};

/* Write one array. Its elements are read twice: for the checksum, and by the
 * system. */
static int put_entry(struct prism_ctx *ctx, struct prismi_zip_out *zip, const struct entry *e,
                     const void *data, struct prismi_zip_entry *listed)
{
    char header[PRISMI_NPY_HEADER];
    const bool text = described(e, PRISMI_TYPE_TEXT);
    size_t n = text ? 0 : prismi_npy_header(&e->type, header);
    if (!n && !text)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "the type of the array %s is too long", e->name);
    prismi_zip_put(zip, listed, header, n, data, e->bytes);
    return 0;
}

/* Write an array from device memory, without a copy if the host can read that
 * memory. */
static int put_mem(struct prism_ctx *ctx, struct prismi_zip_out *zip, const struct entry *e,
                   struct prismi_zip_entry *listed)
{
    const struct prism_ops *ops = e->dev->ops;
    if (e->dev->caps.flags & PRISM_CAPS_HOST_VISIBLE) {
        PRISM_TRY(ops->sync(e->dev));
        return put_entry(ctx, zip, e, e->mem, listed);
    }
    void *copy = prismi_alloc(e->bytes, 1);
    if (!copy)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for %zu bytes of the array %s", e->bytes,
                          e->name);
    int status = ops->read(e->dev, copy, e->mem, e->bytes);
    if (!status)
        status = put_entry(ctx, zip, e, copy, listed);
    prismi_free(copy);
    return status;
}

/* Make the comment. bytes: of the whole file; crc: of everything before the
 * comment. */
static void comment_of(const char kind[8], uint64_t bytes, uint32_t crc, char out[COMMENT + 1])
{
    snprintf(out, COMMENT + 1, "kind=%.8s bytes=%016llx crc32=%08x", kind,
             (unsigned long long)bytes, (unsigned)crc);
}

static int write_members(struct prismi_archive *a, struct prism_ctx *ctx,
                         struct prismi_zip_out *zip, struct prismi_zip_entry *listed,
                         struct member_name *names)
{
    char comment[COMMENT + 1];
    for (int i = 0; i < a->n; i++) {
        const struct entry *e = &a->entries[i];
        snprintf(names[i].text, sizeof names[i].text, "%s%s", e->name,
                 described(e, PRISMI_TYPE_TEXT) ? ".txt" : ".npy");
        listed[i].name = names[i].text;
        PRISM_TRY(e->data ? put_entry(ctx, zip, e, e->data, &listed[i])
                          : put_mem(ctx, zip, e, &listed[i]));
    }
    prismi_zip_finish(zip, listed, (size_t)a->n, COMMENT);
    comment_of(a->kind, zip->bytes + COMMENT, zip->crc, comment);
    prismi_file_write(zip->file, comment, COMMENT); /* commit reports a failure */
    return 0;
}

int prismi_archive_save(struct prismi_archive *a, struct prism_ctx *ctx, const char *path,
                        bool keep_previous)
{
    struct prismi_zip_out zip = {.limit = PRISMI_ZIP_LIMIT};
    struct prismi_zip_entry *listed = prismi_alloc((size_t)a->n, sizeof *listed);
    struct member_name *names = prismi_alloc((size_t)a->n, sizeof *names);
    int status = listed && names ? prismi_file_create(ctx, path, &zip.file)
                                 : PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    if (!status) {
        status = write_members(a, ctx, &zip, listed, names);
        if (status)
            prismi_file_abort(zip.file);
        else
            status = prismi_file_commit(zip.file, keep_previous);
    }
    prismi_free(listed);
    prismi_free(names);
    return status;
}

/* ---- loading ---- */

/* True for a printable name: names are looked up as C strings and printed. */
static bool is_name(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] > '~')
            return false;
    return n > 0 && n < MAX_NAME;
}

static const char *found(struct prismi_archive *a, const char *name, size_t name_bytes,
                         struct entry **out)
{
    if (!is_name(name, name_bytes))
        return "an array's name is empty, too long or not printable";
    if (a->n == MAX_ARRAYS)
        return "more than 4096 arrays";
    struct entry *e = *out = new_entry(a);
    if (!e)
        return prismi_archive_no_memory;
    memcpy(e->name, name, name_bytes);
    e->name[name_bytes] = 0;
    a->n++;
    return NULL;
}

const char *prismi_archive_found(struct prismi_archive *a, const char *name, size_t name_bytes,
                                 const uint8_t *data, size_t bytes)
{
    struct entry *e;
    const char *wrong = found(a, name, name_bytes, &e);
    if (!wrong) {
        e->data = data;
        e->bytes = bytes;
    }
    return wrong;
}

static bool ends_in(const char *name, size_t n, const char *suffix)
{
    return n > 4 && !memcmp(name + n - 4, suffix, 4);
}

static const char *take_member(struct prismi_archive *a, const struct prismi_zip_member *m)
{
    const size_t n = strlen(m->name);
    const bool text = ends_in(m->name, n, ".txt");
    struct prismi_array type = prismi_vector(PRISMI_TYPE_TEXT, 1, m->bytes);
    struct entry *e;
    size_t start = 0;
    bool fortran = false;
    if (!text && !ends_in(m->name, n, ".npy"))
        return "a member is neither an array, NAME.npy, nor a text, NAME.txt";
    const char *wrong = text ? NULL : prismi_npy_parse(m->data, m->bytes, &type, &fortran, &start);
    if (!wrong && fortran && type.nd > 1)
        wrong = "an array is in Fortran order";
    if (!wrong)
        wrong = found(a, m->name, n - 4, &e);
    if (wrong)
        return wrong;
    e->type = type;
    e->data = m->data + start;
    e->bytes = m->bytes - start;
    return NULL;
}

/* Check the comment. An archive without one was not written here and is only
 * protected by the checksums of its members. */
static const char *check_comment(const struct prismi_archive *a, const struct prismi_zip *z)
{
    char right[COMMENT + 1];
    if (!z->comment_bytes)
        return NULL;
    if (z->comment_bytes != COMMENT || memcmp(z->comment, "kind=", 5))
        return "not written by PRISM, or damaged at its end";
    if (memcmp(z->comment + 5, a->kind, 8))
        return "a PRISM file of another kind";
    comment_of(a->kind, z->bytes, prismi_crc32(0, z->data, z->bytes - COMMENT), right);
    return memcmp(z->comment, right, COMMENT) ? "the file's checksum does not match" : NULL;
}

static int parse_zip(struct prismi_archive *a, const char *path, size_t bytes)
{
    struct prismi_zip z;
    struct prismi_zip_member member;
    PRISM_TRY(prismi_zip_open(a->ctx, path, a->file, bytes, &z));
    const char *wrong = check_comment(a, &z);
    while (!wrong && z.left) {
        PRISM_TRY(prismi_zip_next(&z, &member));
        wrong = take_member(a, &member);
        if (wrong)
            return PRISM_FAIL(a->ctx,
                              wrong == prismi_archive_no_memory ? PRISM_ENOMEM : PRISM_EPARSE,
                              "%s: %s: %s", path, member.name, wrong);
    }
    return wrong ? PRISM_FAIL(a->ctx, PRISM_EPARSE, "%s: %s", path, wrong) : 0;
}

static int parse(struct prismi_archive *a, const char *path, size_t bytes)
{
    if (bytes >= 4 && (!memcmp(a->file, "PK\3\4", 4) || !memcmp(a->file, "PK\5\6", 4)))
        return parse_zip(a, path, bytes);
    const char *wrong = bytes >= 8 && !memcmp(a->file, "PRISMBOX", 8)
                            ? prismi_box_parse(a, a->kind, a->file, bytes)
                            : "neither a ZIP archive nor a PRISM container";
    return wrong
               ? PRISM_FAIL(a->ctx, wrong == prismi_archive_no_memory ? PRISM_ENOMEM : PRISM_EPARSE,
                            "%s: %s", path, wrong)
               : 0;
}

int prismi_archive_load(struct prism_ctx *ctx, const char *path, const char kind[8],
                        struct prismi_archive **out)
{
    struct prismi_archive *a;
    size_t bytes;
    *out = NULL;
    PRISM_TRY(prismi_archive_create(ctx, kind, &a));
    int status = prismi_file_read(ctx, path, MAX_BYTES, &a->file, &bytes);
    if (!status)
        status = parse(a, path, bytes);
    if (status)
        prismi_archive_destroy(&a);
    *out = a;
    return status;
}

/* ---- looking up ---- */

const void *prismi_archive_get(const struct prismi_archive *a, const char *name, const char *descr,
                               size_t *bytes)
{
    for (int i = 0; i < a->n; i++) {
        const struct entry *e = &a->entries[i];
        if (strcmp(e->name, name))
            continue;
        if ((e->type.descr && !described(e, descr)) || (bytes && *bytes && *bytes != e->bytes))
            return NULL;
        if (bytes)
            *bytes = e->bytes;
        return e->data;
    }
    return NULL;
}

int prismi_archive_count(const struct prismi_archive *a)
{
    return a->n;
}

const char *prismi_archive_at(const struct prismi_archive *a, int i, struct prismi_array *type,
                              const void **data, size_t *bytes)
{
    const struct entry *e = &a->entries[i];
    if (type)
        *type = e->type;
    if (data)
        *data = e->data;
    *bytes = e->bytes;
    return e->name;
}
