/* XXH64 (Collet's published specification) for cache keys and identities. */
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
