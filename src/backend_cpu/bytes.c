/* Conversion between U8 and real. */
#include "backend_cpu/real.h"

#include <tgmath.h>

enum { PIECE = 4 * CPU_BLOCK };

struct bytes_run {
    enum prism_map op;
    const struct prism_map_args *a;
    size_t n;
};

CPU_HOT static void from_bytes(real *y, const uint8_t *x, real s0, real s1, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++)
        y[i] = s0 * x[i] + s1;
}

CPU_HOT static void to_bytes(uint8_t *y, const real *x, real s0, real s1, size_t n)
{
    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        real v = s0 * x[i] + s1;
        v = v > 0 ? v : 0; /* NaN becomes 0 too */
        v = v < 255 ? v : 255;
        y[i] = (uint8_t)(int)rint(v);
    }
}

static void bytes_item(const void *arg, size_t item, int thread)
{
    const struct bytes_run *r = arg;
    const size_t at = item * PIECE, n = r->n - at < PIECE ? r->n - at : PIECE;
    const real s0 = (real)r->a->s[0], s1 = (real)r->a->s[1];

    (void)thread;
    if (r->op == PRISM_MAP_FROM_U8)
        from_bytes((real *)r->a->y[0] + at, r->a->x[0] + at, s0, s1, n);
    else
        to_bytes(r->a->y[0] + at, (const real *)r->a->x[0] + at, s0, s1, n);
}

void R(prismi_cpu_bytes)(struct prism_dev *dev, enum prism_map op, size_t n,
                         const struct prism_map_args *args)
{
    const struct bytes_run r = {op, args, n};

    prismi_cpu_for(dev, (n + PIECE - 1) / PIECE, 2 * (double)n, bytes_item, &r);
}
