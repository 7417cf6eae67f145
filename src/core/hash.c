/* XXH64 (Collet's published specification) for cache keys and identities, and
 * CRC-32C (Castagnoli) to detect damage. */
#include "core/internal.h"
#include "prismrec/cache.h"

#include <string.h>

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull

static uint64_t rotl(uint64_t x, int r)
{
    return x << r | x >> (64 - r);
}

static uint64_t load64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t mix(uint64_t acc, uint64_t lane)
{
    return rotl(acc + lane * P2, 31) * P1;
}

uint64_t prismi_hash64(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *p = data, *end = p + bytes;
    uint64_t h = seed + P5;
    if (bytes >= 32) {
        uint64_t v[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
        for (; end - p >= 32; p += 32)
            for (int i = 0; i < 4; i++)
                v[i] = mix(v[i], load64(p + 8 * i));
        h = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
        for (int i = 0; i < 4; i++)
            h = (h ^ mix(0, v[i])) * P1 + P4;
    }
    h += bytes;
    for (; end - p >= 8; p += 8)
        h = rotl(h ^ mix(0, load64(p)), 27) * P1 + P4;
    if (end - p >= 4) {
        uint64_t word =
            (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
        h = rotl(h ^ word * P1, 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++)
        h = rotl(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

/* Four bits at a time: a table of sixteen entries is short enough to write
 * out. */
static uint32_t crc_portable(uint32_t crc, const unsigned char *p, size_t bytes)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

/* Product of two polynomials modulo the CRC's polynomial. The highest bit is
 * the coefficient of x^0. */
static uint32_t crc_times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int i = 31; i >= 0; i--) {
        product ^= a >> i & 1 ? b : 0;
        b = b >> 1 ^ (b & 1 ? 0x82f63b78 : 0);
    }
    return product;
}

uint32_t prismi_crc32c_join(uint32_t first, uint32_t second, size_t bytes)
{
    /* power: x^8, x^16, x^32, ...; shift: becomes x^(8 bytes) */
    uint32_t power = 1u << 23, shift = 1u << 31;
    for (size_t n = bytes; n; n >>= 1, power = crc_times(power, power))
        if (n & 1)
            shift = crc_times(shift, power);
    return crc_times(shift, first) ^ second;
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The processor's CRC instruction uses this polynomial. It takes three cycles
 * but can start in each one, so long ranges are done in three interleaved
 * parts. */
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p,
                                                            size_t bytes)
{
    size_t third = bytes < 4096 ? 0 : bytes / 24 * 8;
    uint64_t wide[3] = {crc, UINT32_MAX, UINT32_MAX}, word[3];
    for (size_t i = 0; i < third; i += 8) {
        memcpy(&word[0], p + i, 8);
        memcpy(&word[1], p + third + i, 8);
        memcpy(&word[2], p + 2 * third + i, 8);
        for (int k = 0; k < 3; k++)
            wide[k] = __builtin_ia32_crc32di(wide[k], word[k]);
    }
    if (third) {
        uint32_t two = prismi_crc32c_join(~(uint32_t)wide[0], ~(uint32_t)wide[1], third);
        wide[0] = ~prismi_crc32c_join(two, ~(uint32_t)wide[2], third);
    }
    for (p += 3 * third, bytes -= 3 * third; bytes >= 8; p += 8, bytes -= 8) {
        memcpy(&word[0], p, 8);
        wide[0] = __builtin_ia32_crc32di(wide[0], word[0]);
    }
    return crc_portable((uint32_t)wide[0], p, bytes);
}
#endif

uint32_t prismi_crc32c(uint32_t crc, const void *data, size_t bytes)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_sse42(~crc, data, bytes);
#endif
    return ~crc_portable(~crc, data, bytes);
}

struct prism_key prism_key_init(const char *what)
{
    struct prism_key key = {prismi_hash64(what, strlen(what), 1),
                            prismi_hash64(what, strlen(what), 2)};
    return key;
}

void prism_key_add(struct prism_key *key, const void *data, size_t bytes)
{
    key->hi = prismi_hash64(data, bytes, key->hi);
    key->lo = prismi_hash64(data, bytes, key->lo);
}
