/* Helpers of the optics suites: an operator's run on host arrays in double, the
 * test object, comparisons. */
#ifndef PRISM_TESTS_OPTICS_TEST_H
#define PRISM_TESTS_OPTICS_TEST_H

#include "core/internal.h"
#include "prismrec/optics.h"
#include "support/suite.h"

#include <complex.h>
#include <math.h>

#define PI 3.14159265358979323846

typedef double complex cplx;

/* y = A x, or x = A^H y with adjoint; host arrays in double, of the operator's
 * types (complex ones interleaved). */
static inline void run_linop(struct prism_linop *op, bool adjoint, const void *in, void *out)
{
    struct prism_linop_shape x, y;
    prism_linop_shapes(op, &x, &y);
    struct prism_linop_shape from = adjoint ? y : x, to = adjoint ? x : y;
    size_t from_reals = from.count * (prism_dtype_real(from.dtype) != from.dtype ? 2 : 1);
    size_t to_reals = to.count * (prism_dtype_real(to.dtype) != to.dtype ? 2 : 1);
    prism_mem a, b;
    ck_assert_int_eq(dev->ops->alloc(dev, from.count * prism_dtype_size(from.dtype), &a), 0);
    ck_assert_int_eq(dev->ops->alloc(dev, to.count * prism_dtype_size(to.dtype), &b), 0);
    ck_assert_int_eq(prismi_dev_put(dev, a, prism_dtype_real(from.dtype), in, from_reals), 0);
    ck_assert_int_eq(adjoint ? prism_linop_adjoint(op, b, a) : prism_linop_forward(op, b, a), 0);
    ck_assert_int_eq(prismi_dev_get(dev, out, b, prism_dtype_real(to.dtype), to_reals), 0);
    dev->ops->release(dev, a);
    dev->ops->release(dev, b);
}

/* The recorded test object, 64 x 64: A, and C = A with a linear phase. */
static inline void test_object(double *a, cplx *c)
{
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++) {
            double v =
                exp(-((x - 30) * (x - 30) + (y - 35) * (y - 35)) / 50.0) + 0.3 * (x > 40 && y < 20);
            a[64 * y + x] = v;
            c[64 * y + x] = v * cexp(I * 2 * PI * 0.25 * (3 * x + 5 * y) / 64);
        }
}

/* Recorded numbers carry six digits. */
static inline void ck_close(double got, double expected, double tolerance)
{
    ck_assert_msg(fabs(got - expected) <= tolerance, "got %.9g, expected %.9g +- %g", got, expected,
                  tolerance);
}
static inline void ck_recorded(double got, double expected)
{
    ck_close(got, expected, 1e-5 * fabs(expected));
}
static inline void ck_recorded_cplx(cplx got, double re, double im)
{
    ck_close(cabs(got - (re + I * im)), 0, 1e-5 * hypot(re, im));
}

static inline double norm(const cplx *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += creal(a[i]) * creal(a[i]) + cimag(a[i]) * cimag(a[i]);
    return sqrt(sum);
}

static inline double max_difference(const cplx *a, const cplx *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d = fmax(d, cabs(a[i] - b[i]));
    return d;
}

static inline void random_field(cplx *a, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        a[i] = prismi_rng_normal(seed, 7, 2 * i) + I * prismi_rng_normal(seed, 7, 2 * i + 1);
}

#endif
