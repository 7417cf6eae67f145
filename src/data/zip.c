/* Reads ZIP archives (PKWARE's APPNOTE.TXT, section 4.3). The directory at the
 * end names every member and gives its size; the member's local header says
 * where its bytes begin. */
#include "data/zip.h"
#include "core/internal.h"

#include <stdio.h>
#include <string.h>

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, COMMENT_MAX = 65535 };

static size_t number(const uint8_t *p, int bytes)
{
    size_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
    uint32_t table[16], c = 0xffffffffu;
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int k = 0; k < 4; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        c = c >> 4 ^ table[c & 15];
        c = c >> 4 ^ table[c & 15];
    }
    return ~c;
}

static int damaged(const struct prismi_zip *z, const char *what)
{
    return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s", z->path, what);
}

int prismi_zip_open(struct prism_ctx *ctx, const char *path, const uint8_t *data, size_t bytes,
                    struct prismi_zip *out)
{
    struct prismi_zip z = {ctx, path, data, bytes, 0, 0};
    size_t end = bytes;
    for (size_t back = END_BYTES; back <= bytes && back <= END_BYTES + COMMENT_MAX && end == bytes;
         back++)
        if (!memcmp(data + bytes - back, "PK\5\6", 4))
            end = bytes - back;
    if (end == bytes)
        return damaged(&z, "the archive has no directory: it is cut off");
    const uint8_t *p = data + end;
    size_t length = number(p + 12, 4);
    z.left = (int)number(p + 10, 2);
    z.at = number(p + 16, 4);
    if (z.left == 0xffff || length == 0xffffffff || z.at == 0xffffffff)
        return damaged(&z, "the archive is above 4 GiB; give smaller ones");
    if (z.at > end || length > end - z.at)
        return damaged(&z, "the archive's directory is not where it should be");
    *out = z;
    return 0;
}

int prismi_zip_next(struct prismi_zip *z, struct prismi_zip_member *out)
{
    const uint8_t *e = z->data + z->at;
    if (z->bytes - z->at < ENTRY_BYTES || memcmp(e, "PK\1\2", 4))
        return damaged(z, "the archive's directory is damaged");
    size_t name = number(e + 28, 2), rest = name + number(e + 30, 2) + number(e + 32, 2),
           local = number(e + 42, 4);
    out->bytes = number(e + 24, 4);
    if (z->bytes - z->at - ENTRY_BYTES < rest)
        return damaged(z, "the archive's directory is cut off");
    if (name >= sizeof out->name)
        return damaged(z, "the archive has a member with a name of 64 bytes or more");
    memcpy(out->name, e + ENTRY_BYTES, name);
    out->name[name] = '\0';
    if (number(e + 8, 2) & 1 || number(e + 10, 2) != 0 || number(e + 20, 4) != out->bytes)
        return PRISM_FAIL(
            z->ctx, PRISM_EPARSE,
            "%s: %s is compressed or encrypted; write the file with numpy.savez, which is neither",
            z->path, out->name);
    if (local > z->bytes || z->bytes - local < LOCAL_BYTES || memcmp(z->data + local, "PK\3\4", 4))
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is not where the directory says", z->path,
                          out->name);
    size_t start =
        local + LOCAL_BYTES + number(z->data + local + 26, 2) + number(z->data + local + 28, 2);
    if (start > z->bytes || out->bytes > z->bytes - start)
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is cut off", z->path, out->name);
    out->data = z->data + start;
    if (crc32(out->data, out->bytes) != number(e + 16, 4))
        return PRISM_FAIL(z->ctx, PRISM_EPARSE, "%s: %s is damaged: its checksum differs", z->path,
                          out->name);
    z->at += ENTRY_BYTES + rest;
    z->left--;
    return 0;
}
