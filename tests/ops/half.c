#include "half.h"

#include <math.h>

struct format {
    int mantissa, least; /* mantissa: bits stored; least: exponent of the smallest normal number */
};

static struct format format(enum prism_dtype dtype)
{
    return dtype == PRISM_F16 ? (struct format){10, -14} : (struct format){7, -126};
}

static int exponent_of(struct format f, double x)
{
    return x == 0 || ilogb(x) < f.least ? f.least : ilogb(x);
}

double half_step(enum prism_dtype dtype, double x)
{
    struct format f = format(dtype);

    return ldexp(1, exponent_of(f, x) - f.mantissa);
}

uint16_t half_encode(enum prism_dtype dtype, double x)
{
    struct format f = format(dtype);
    unsigned sign = signbit(x) ? 0x8000 : 0, infinity = 0x7fffu >> f.mantissa << f.mantissa;
    int exponent;

    if (isnan(x))
        return (uint16_t)(sign | infinity | 1u << (f.mantissa - 1));
    if (isinf(x))
        return (uint16_t)(sign | infinity);
    exponent = exponent_of(f, x);
    if (exponent > -f.least + 1)
        return (uint16_t)(sign | infinity);
    /* The leading 1 of a normal number adds 1 to the exponent, and so does a
     * carry; past the last exponent the result is infinity. */
    return (uint16_t)(sign | (((unsigned)(exponent - f.least) << f.mantissa) +
                              (unsigned)rint(ldexp(fabs(x), f.mantissa - exponent))));
}

double half_decode(enum prism_dtype dtype, uint16_t bits)
{
    struct format f = format(dtype);
    int exponent = (bits & 0x7fff) >> f.mantissa, fraction = bits & ((1 << f.mantissa) - 1);
    double x;

    if (exponent == 0x7fff >> f.mantissa)
        x = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexp(fraction, f.least - f.mantissa);
    else
        x = ldexp((1 << f.mantissa) + fraction, f.least + exponent - 1 - f.mantissa);
    return bits & 0x8000 ? -x : x;
}
