/* CRC-32 of IEEE 802.3, as ZIP uses it: reflected polynomial 0xedb88320, start
 * and end inverted. */
#include "core/internal.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0xedb88320u

/* tables[k][b]: the effect of byte b with k bytes after it. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;
        for (int i = 0; i < 8; i++)
            c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
        tables[0][b] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 255];
}

/* Eight bytes at a time (Kounavis and Berry 2005). */
static uint32_t crc_portable(uint32_t crc, const unsigned char *p, size_t bytes)
{
    for (; bytes >= 8; p += 8, bytes -= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                              (uint32_t)p[3] << 24);
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
              tables[4][low >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
              tables[0][p[7]];
    }
    for (; bytes; p++, bytes--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* Shift a by the distance that the factors k stand for, and add b. */
__attribute__((target("pclmul,sse2"))) static __m128i fold(__m128i a, __m128i k, __m128i b)
{
    return _mm_xor_si128(
        b, _mm_xor_si128(_mm_clmulepi64_si128(a, k, 0x00), _mm_clmulepi64_si128(a, k, 0x11)));
}

/* CRC by carry-less products (Gopal et al. 2009, Intel): four blocks of 16
 * bytes are folded side by side, then one. The remainder has the checksum of
 * all. */
__attribute__((target("pclmul,sse2"))) static uint32_t
crc_folded(uint32_t crc, const unsigned char *p, size_t bytes)
{
    /* x^(512+32), x^(512-32) and x^(128+32), x^(128-32), reflected */
    const __m128i by_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4),
                  by_16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    unsigned char rest[16];
    __m128i x[4];
    for (int i = 0; i < 4; i++)
        x[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    for (p += 64, bytes -= 64; bytes >= 64; p += 64, bytes -= 64)
        for (int i = 0; i < 4; i++)
            x[i] = fold(x[i], by_64, _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)));
    for (int i = 1; i < 4; i++)
        x[i] = fold(x[i - 1], by_16, x[i]);
    _mm_storeu_si128((__m128i *)(void *)rest, x[3]);
    return crc_portable(crc_portable(0, rest, sizeof rest), p, bytes);
}
#endif

uint32_t prismi_crc32(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&tables_once, make_tables);
#if defined(__x86_64__) && defined(__GNUC__)
    if (bytes >= 256 && __builtin_cpu_supports("pclmul"))
        return ~crc_folded(~crc, data, bytes);
#endif
    return ~crc_portable(~crc, data, bytes);
}

/* Product of two polynomials modulo the CRC's polynomial. The highest bit is
 * the coefficient of x^0. */
static uint32_t times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int i = 31; i >= 0; i--) {
        product ^= a >> i & 1 ? b : 0;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

uint32_t prismi_crc32_join(uint32_t first, uint32_t second, size_t bytes)
{
    /* power: x^8, x^16, x^32, ...; shift: becomes x^(8 bytes) */
    uint32_t power = 1u << 23, shift = 1u << 31;
    for (size_t n = bytes; n; n >>= 1, power = times(power, power))
        if (n & 1)
            shift = times(shift, power);
    return times(shift, first) ^ second;
}
