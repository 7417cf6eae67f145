/* Closed-form checks of the reference backend in double, shared by its two
 * files. */
#ifndef TEST_CHECKREF_H
#define TEST_CHECKREF_H

#include "prismrec/backend.h"
#include "prismrec/ctx.h"

#include <complex.h>

extern struct prism_dev *ref; /* host-visible: arrays below are its memory as they are */

#define MEM(p) ((prism_mem)(void *)(p))

double *reals(size_t n);        /* zeros; kept until the program ends */
double *random_reals(size_t n); /* uniform in [-1, 1], new ones each time */
double complex *random_cplx(size_t n);
double dot(const double *a, const double *b, size_t n);
double worst_difference(const double *a, const double *b,
                        size_t n); /* max |a - b|; NaN counts as infinite */
/* One TAP line: error <= limit. */
void expect(double error, double limit, const char *fmt, ...) PRISM_PRINTF(3, 4);

void check_linear(void); /* fft, conv, gemm, window, subaperture, blur: definitions and adjoints */
void check_planes(void); /* pool, copy2d, scatter_add, gather, softmax, dense_fit: as above */
void check_elementwise(void); /* map, reduce, norm, misfit, adam_outer: values and derivatives */

#endif
