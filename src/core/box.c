/* Reads the previous format of checkpoints and weights, a container. All
 * numbers are little endian:
 *
 *   header   "PRISMBOX" kind[8] version u32 sections u32
 *   section  name_length u32, data_length u64, crc32c u32, name, data
 *   footer   "PRISMEND" total_length u64, crc32c u32 of everything before
 *
 * The footer's checksum covers everything that the sections' own cover. */
#include "core/archive.h"

#include <string.h>

enum { VERSION = 1, HEADER = 24, SECTION = 16, FOOTER = 20 };

static uint64_t number(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* CRC-32C (Castagnoli), four bits at a time. */
static uint32_t crc32c(const uint8_t *p, size_t bytes)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static const char *parse_section(struct prismi_archive *a, const uint8_t *file, size_t *at,
                                 size_t end)
{
    const uint8_t *p = file + *at;
    if (end - *at < SECTION)
        return "a section's header is cut off";
    size_t name = (size_t)number(p, 4), left = end - *at - SECTION;
    uint64_t bytes = number(p + 4, 8);
    if (bytes > left || left - bytes < name)
        return "a section is longer than the file";
    *at += SECTION + name + (size_t)bytes;
    return prismi_archive_found(a, (const char *)p + SECTION, name, p + SECTION + name,
                                (size_t)bytes);
}

const char *prismi_box_parse(struct prismi_archive *a, const char kind[8], const uint8_t *file,
                             size_t bytes)
{
    if (bytes < HEADER + FOOTER)
        return "the file is incomplete";
    const uint8_t *foot = file + bytes - FOOTER;
    if (memcmp(file + 8, kind, 8))
        return "a PRISM container of another kind";
    if (number(file + 16, 4) != VERSION)
        return "made by another version of the format";
    if (memcmp(foot, "PRISMEND", 8) || number(foot + 8, 8) != bytes)
        return "the file is incomplete";
    if (crc32c(file, bytes - FOOTER) != number(foot + 16, 4))
        return "the file's checksum does not match";
    size_t at = HEADER, end = bytes - FOOTER;
    const char *wrong = NULL;
    for (uint64_t n = number(file + 20, 4); n && !wrong; n--)
        wrong = parse_section(a, file, &at, end);
    return wrong ? wrong : at != end ? "bytes are left over" : NULL;
}
