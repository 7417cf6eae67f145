/* F16 and BF16 by their definition, for the tests: sign (2^mantissa + fraction)
 * 2^(exponent - mantissa). */
#ifndef TEST_HALF_H
#define TEST_HALF_H

#include "prismrec/backend.h"

double half_step(enum prism_dtype dtype, double x); /* distance between neighbouring numbers at x */
uint16_t half_encode(enum prism_dtype dtype, double x); /* rounds to nearest even */
double half_decode(enum prism_dtype dtype, uint16_t bits);

#endif
