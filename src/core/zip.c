/* Reads and writes ZIP archives. When reading, the directory at the end names
 * every member and gives its size, and the member's local header says where its
 * bytes begin. */
#include "core/zip.h"

#include <string.h>

enum {
    LOCAL = 30, /* bytes of the local header of a member */
    ENTRY = 46, /* bytes of an entry of the directory */
    END = 22,   /* bytes of the record at the end */
    END64 = 56, /* bytes of the record's ZIP64 form */
    /* bytes of the locator, which lies before the record and points to its
     * ZIP64 form */
    LOCATOR = 20,
    WIDE = 1,         /* identifies the extra field with 64-bit numbers */
    PADDING = 0xd935, /* identifies the extra field that aligns, as in zipalign */
    COMMENT_MAX = 65535
};
#define MARK32 0xffffffffu /* in a 32-bit field: the 64-bit field has the number */

/* ---- reading ---- */

static uint64_t number(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static int damaged(const struct prismi_zip *z, const char *what)
{
    return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s", z->path, what);
}

/* Find the record at the end, whose comment ends with the file. Returns its
 * offset, or `bytes` if there is none. */
static size_t find_end(const uint8_t *data, size_t bytes)
{
    for (size_t back = END; back <= bytes && back <= END + COMMENT_MAX; back++)
        if (!memcmp(data + bytes - back, "PK\5\6", 4) &&
            number(data + bytes - back + 20, 2) == back - END)
            return bytes - back;
    return bytes;
}

int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out)
{
    struct prismi_zip z = {.ctx = ctx, .path = path, .data = data, .bytes = bytes};
    const size_t end = find_end(data, bytes);
    if (end == bytes)
        return damaged(&z, "the archive has no directory: it is cut off");
    const uint8_t *p = data + end;
    uint64_t length = number(p + 12, 4), at = number(p + 16, 4);
    z.left = number(p + 10, 2);
    z.comment = p + END;
    z.comment_bytes = bytes - end - END;
    if (z.left == 0xffff || length == MARK32 || at == MARK32) {
        uint64_t wide =
            end < LOCATOR || memcmp(p - LOCATOR, "PK\6\7", 4) ? bytes : number(p - LOCATOR + 8, 8);
        if (wide > end || end - wide < END64 || memcmp(data + wide, "PK\6\6", 4))
            return damaged(&z, "the archive's ZIP64 record is not where it should be");
        z.left = number(data + wide + 32, 8);
        length = number(data + wide + 40, 8);
        at = number(data + wide + 48, 8);
    }
    if (at > end || length > end - at)
        return damaged(&z, "the archive's directory is not where it should be");
    z.at = (size_t)at;
    *out = z;
    return 0;
}

static const uint8_t *find_extra(const uint8_t *extra, size_t bytes, unsigned id, size_t *size)
{
    while (bytes >= 4) {
        *size = (size_t)number(extra + 2, 2);
        if (*size > bytes - 4)
            return NULL;
        if (number(extra, 2) == id)
            return extra + 4;
        extra += 4 + *size;
        bytes -= 4 + *size;
    }
    return NULL;
}

/* Replace those of the three numbers that are MARK32 by the ones in the entry's
 * extra field, which has them in the same order. */
static bool read_wide(const uint8_t *extra, size_t bytes, uint64_t numbers[3])
{
    size_t size = 0;
    const uint8_t *p = find_extra(extra, bytes, WIDE, &size);
    for (int i = 0; i < 3; i++) {
        if (numbers[i] != MARK32)
            continue;
        if (!p || size < 8)
            return false;
        numbers[i] = number(p, 8);
        p += 8;
        size -= 8;
    }
    return true;
}

/* The offset of a member's bytes; the archive's length if there is no local
 * header at `offset`. */
static size_t member_start(const struct prismi_zip *z, uint64_t offset)
{
    if (offset > z->bytes || z->bytes - offset < LOCAL || memcmp(z->data + offset, "PK\3\4", 4))
        return z->bytes;
    const uint8_t *p = z->data + offset;
    return (size_t)offset + LOCAL + (size_t)number(p + 26, 2) + (size_t)number(p + 28, 2);
}

int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out)
{
    const uint8_t *e = z->data + z->at;
    if (z->bytes - z->at < ENTRY || memcmp(e, "PK\1\2", 4))
        return damaged(z, "the archive's directory is damaged");
    size_t name = (size_t)number(e + 28, 2), extra = (size_t)number(e + 30, 2),
           rest = name + extra + (size_t)number(e + 32, 2);
    uint64_t n[3] = {number(e + 24, 4), number(e + 20, 4), number(e + 42, 4)};
    if (z->bytes - z->at - ENTRY < rest || !read_wide(e + ENTRY + name, extra, n))
        return damaged(z, "the archive's directory is cut off");
    if (name >= sizeof out->name)
        return damaged(z, "the archive has a member with a name of 72 bytes or more");
    memcpy(out->name, e + ENTRY, name);
    out->name[name] = '\0';
    if (number(e + 8, 2) & 1 || number(e + 10, 2) != 0 || n[0] != n[1])
        return PRISM_FAIL(
            z->ctx, PRISM_EPARSE,
            "%s: %s is compressed or encrypted; write the file with numpy.savez, which is neither",
            z->path, out->name);
    size_t start = member_start(z, n[2]);
    if (start == z->bytes)
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is not where the directory says", z->path,
                          out->name);
    if (start > z->bytes || n[0] > z->bytes - start)
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is cut off", z->path, out->name);
    out->data = z->data + start;
    out->bytes = (size_t)n[0];
    if (prismi_crc32(0, out->data, out->bytes) != number(e + 16, 4))
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is damaged: its checksum differs", z->path,
                          out->name);
    z->at += ENTRY + rest;
    z->left--;
    return 0;
}

/* ---- writing ---- */

static uint8_t *put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        *p++ = (uint8_t)v;
    return p;
}

/* crc: the CRC-32 of data */
static void emit(struct prismi_zip_out *z, const void *data, size_t bytes, uint32_t crc)
{
    prismi_file_write(z->file, data, bytes); /* the file keeps a failure until commit */
    z->crc = prismi_crc32_join(z->crc, crc, bytes);
    z->bytes += bytes;
}

static void emit_record(struct prismi_zip_out *z, const uint8_t *p, const uint8_t *end)
{
    emit(z, p, (size_t)(end - p), prismi_crc32(0, p, (size_t)(end - p)));
}

static uint64_t narrow(const struct prismi_zip_out *z, uint64_t v)
{
    return v >= z->limit ? MARK32 : v;
}

/* Write the part that both headers of a member share, from the version that a
 * reader needs to the length of the name. The date is 1 January 1980, so that
 * the same content gives the same file. */
static uint8_t *put_common(const struct prismi_zip_out *z, uint8_t *p,
                           const struct prismi_zip_entry *e, bool wide)
{
    p = put(p, wide ? 45 : 20, 2);
    p = put(p, 0, 6); /* flags, method: stored, time */
    p = put(p, 1 << 5 | 1, 2);
    p = put(p, e->crc, 4);
    p = put(p, narrow(z, e->bytes), 4);
    p = put(p, narrow(z, e->bytes), 4);
    return put(p, strlen(e->name), 2);
}

void prismi_zip_put(struct prismi_zip_out *z, struct prismi_zip_entry *e, const void *head,
                    size_t head_bytes, const void *data, size_t bytes)
{
    uint8_t record[LOCAL + sizeof((struct prismi_zip_member *)0)->name + 20 + 2 * PRISMI_ZIP_ALIGN],
        *p = record;
    const size_t name = strlen(e->name);
    const uint32_t head_crc = prismi_crc32(0, head, head_bytes),
                   data_crc = prismi_crc32(0, data, bytes);
    e->offset = z->bytes;
    e->bytes = head_bytes + bytes;
    e->crc = prismi_crc32_join(head_crc, data_crc, bytes);
    const bool wide = e->bytes >= z->limit;
    const size_t start = LOCAL + name + (wide ? 20 : 0);
    size_t padding = (size_t)(-(z->bytes + start) % PRISMI_ZIP_ALIGN);
    if (padding && padding < 6) /* the extra field itself takes six bytes */
        padding += PRISMI_ZIP_ALIGN;
    p = put(p, 0x04034b50, 4);
    p = put_common(z, p, e, wide);
    p = put(p, (wide ? 20 : 0) + padding, 2);
    memcpy(p, e->name, name);
    p += name;
    if (wide) {
        p = put(p, WIDE, 2);
        p = put(p, 16, 2);
        p = put(p, e->bytes, 8);
        p = put(p, e->bytes, 8);
    }
    if (padding) {
        p = put(p, PADDING, 2);
        p = put(p, padding - 4, 2);
        p = put(p, PRISMI_ZIP_ALIGN, 2);
        memset(p, 0, padding - 6);
        p += padding - 6;
    }
    emit_record(z, record, p);
    emit(z, head, head_bytes, head_crc);
    emit(z, data, bytes, data_crc);
}

static void put_entry(struct prismi_zip_out *z, const struct prismi_zip_entry *e)
{
    uint8_t record[ENTRY + sizeof((struct prismi_zip_member *)0)->name + 28], *p = record;
    const size_t name = strlen(e->name);
    const bool wide_bytes = e->bytes >= z->limit, wide_offset = e->offset >= z->limit;
    const uint64_t wide = (wide_bytes ? 16 : 0) + (wide_offset ? 8 : 0);
    p = put(p, 0x02014b50, 4);
    p = put(p, wide ? 45 : 20, 2);
    p = put_common(z, p, e, wide > 0);
    p = put(p, wide ? 4 + wide : 0, 2);
    p = put(p, 0, 8); /* comment, disk, attributes */
    p = put(p, 0, 2);
    p = put(p, narrow(z, e->offset), 4);
    memcpy(p, e->name, name);
    p += name;
    if (wide) {
        p = put(p, WIDE, 2);
        p = put(p, wide, 2);
    }
    if (wide_bytes) {
        p = put(p, e->bytes, 8);
        p = put(p, e->bytes, 8);
    }
    if (wide_offset)
        p = put(p, e->offset, 8);
    emit_record(z, record, p);
}

/* Write the ZIP64 form of the record at the end, and the locator behind it. */
static void put_end64(struct prismi_zip_out *z, uint64_t n, uint64_t offset)
{
    uint8_t record[END64 + LOCATOR], *p = record;
    const uint64_t end = z->bytes;
    p = put(p, 0x06064b50, 4);
    p = put(p, END64 - 12, 8);
    p = put(p, 45, 2);
    p = put(p, 45, 2);
    p = put(p, 0, 8); /* disks */
    p = put(p, n, 8);
    p = put(p, n, 8);
    p = put(p, end - offset, 8);
    p = put(p, offset, 8);
    p = put(p, 0x07064b50, 4);
    p = put(p, 0, 4);
    p = put(p, end, 8);
    p = put(p, 1, 4);
    emit_record(z, record, p);
}

void prismi_zip_finish(struct prismi_zip_out *z, const struct prismi_zip_entry *entries, size_t n,
                       size_t comment_bytes)
{
    uint8_t record[END], *p = record;
    const uint64_t offset = z->bytes;
    for (size_t i = 0; i < n; i++)
        put_entry(z, &entries[i]);
    const uint64_t bytes = z->bytes - offset;
    const bool wide = n >= 0xffff || bytes >= z->limit || offset >= z->limit;
    if (wide)
        put_end64(z, n, offset);
    p = put(p, 0x06054b50, 4);
    p = put(p, 0, 4); /* disks */
    p = put(p, n >= 0xffff ? 0xffff : n, 2);
    p = put(p, n >= 0xffff ? 0xffff : n, 2);
    p = put(p, narrow(z, bytes), 4);
    p = put(p, narrow(z, offset), 4);
    p = put(p, comment_bytes, 2);
    emit_record(z, record, p);
}
