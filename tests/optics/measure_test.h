/* Helpers of the measurement operator's suites: creation by the method that the
 * program's argument names, and runs. */
#ifndef PRISM_TESTS_MEASURE_TEST_H
#define PRISM_TESTS_MEASURE_TEST_H

#include "optics/subaperture.h"
#include "optics_test.h"

static enum prism_measure_method method;

static inline void set_method(int argc, char **argv)
{
    method = argc > 1 && !strcmp(argv[1], "matrix") ? PRISM_MEASURE_MATRIX : PRISM_MEASURE_FFT;
}

static inline struct prism_measure *make(struct prism_measure_params p)
{
    struct prism_measure *m;
    p.method = method;
    ck_assert_msg(!prism_measure_create(dev, &p, &m), "%s", prism_ctx_error(ctx)->text);
    return m;
}

static inline struct prism_aperture circle(double radius)
{
    return (struct prism_aperture){.shape = PRISM_APERTURE_CIRCLE, .radius_px = radius};
}

static inline void set(struct prism_measure *m, int a, double radius, double cy, double cx,
                       const double *phase)
{
    const struct prism_aperture shape = circle(radius);
    ck_assert_msg(!prism_measure_set_aperture(m, a, &shape, cy, cx, phase), "%s",
                  prism_ctx_error(ctx)->text);
}

/* x: object, real or complex as m says; u: [batch,field,field] */
static inline void run(struct prism_measure *m, const void *x, cplx *u)
{
    run_linop(prism_measure_linop(m), false, x, u);
}

/* The mask of discs about centres, [64,64] centred. */
static inline int mask_of(double radius, const double (*centres)[2], int n, uint8_t *mask)
{
    const struct prism_aperture shape = circle(radius);
    uint8_t one[64 * 64];
    int open = 0;
    memset(mask, 0, 64 * 64);
    for (int k = 0; k < n; k++) {
        prism_aperture_render(&shape, centres[k][0], centres[k][1], -32, -32, 64, 64, one);
        for (int i = 0; i < 64 * 64; i++)
            mask[i] |= one[i];
    }
    for (int i = 0; i < 64 * 64; i++)
        open += mask[i];
    return open;
}

static cplx u[4 * 64 * 64], object[64 * 64];
static double truth[64 * 64];

#endif
