/* Closed-form checks of the reference backend in double, for the checkref_*.c
 * files. */
#ifndef TEST_CHECKREF_H
#define TEST_CHECKREF_H

#include "prismrec/backend.h"
#include "prismrec/ctx.h"

#include <complex.h>

extern struct prism_dev *ref; /* host-visible, so the arrays below serve as its memory */

#define MEM(p) ((prism_mem)(void *)(p))

double *reals(size_t n);        /* zeros, allocated until the program ends */
double *random_reals(size_t n); /* uniform in [-1, 1], other numbers at each call */
double complex *random_cplx(size_t n);
double dot(const double *a, const double *b, size_t n);
/* max |a - b|; NaN counts as infinite. */
double worst_difference(const double *a, const double *b, size_t n);
/* Prints one TAP line: ok if error <= limit. */
void expect(double error, double limit, const char *fmt, ...) PRISM_PRINTF(3, 4);

void check_linear(void); /* fft, conv, gemm, window, subaperture, blur: definitions and adjoints */
/* pool, copy2d, scatter_add, gather, softmax, dense_fit: definitions and
 * adjoints */
void check_planes(void);
void check_elementwise(void); /* map, reduce, norm, misfit, adam_outer: values and derivatives */

#endif
