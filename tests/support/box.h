/* Writes the container that checkpoints and weights were before they became
 * archives; the library only reads it (src/core/box.c). */
#ifndef PRISM_TESTS_BOX_H
#define PRISM_TESTS_BOX_H

#include "core/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void box_put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint32_t box_crc32c(const uint8_t *p, size_t bytes)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* The checksum and the length of a whole container whose 20 last bytes are its
 * footer. */
static inline void box_close(uint8_t *p, size_t bytes)
{
    uint8_t *foot = p + bytes - 20;
    memcpy(foot, "PRISMEND", 8);
    box_put(foot + 8, bytes, 8);
    box_put(foot + 16, box_crc32c(p, bytes - 20), 4);
}

/* A loaded archive's arrays as such a container at path; false: it could not be
 * written. */
static inline bool box_write(const struct prismi_archive *a, const char kind[8], const char *path)
{
    size_t bytes = 24 + 20, at = 24, n;
    for (int i = 0; i < prismi_archive_count(a); i++) {
        const char *name = prismi_archive_at(a, i, NULL, NULL, &n);
        bytes += 16 + strlen(name) + n;
    }
    uint8_t *file = calloc(bytes, 1);
    FILE *f = fopen(path, "wb");
    if (!file || !f)
        return false;
    memcpy(file, "PRISMBOX", 8);
    memcpy(file + 8, kind, 8);
    box_put(file + 16, 1, 4);
    box_put(file + 20, (uint64_t)prismi_archive_count(a), 4);
    for (int i = 0; i < prismi_archive_count(a); i++) {
        const void *data;
        const char *name = prismi_archive_at(a, i, NULL, &data, &n);
        size_t length = strlen(name);
        box_put(file + at, length, 4);
        box_put(file + at + 4, n, 8);
        memcpy(file + at + 16, name, length);
        memcpy(file + at + 16 + length, data, n);
        at += 16 + length + n;
    }
    box_close(file, bytes);
    bool written = fwrite(file, 1, bytes, f) == bytes;
    free(file);
    return !fclose(f) && written;
}

#endif
