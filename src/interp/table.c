#include "interp/interp.h"

#include <math.h>

int prismi_table_example(struct prism_ctx *ctx, int rows, uint64_t seed, struct prismi_table *t)
{
    const double turn = 2 * 3.14159265358979323846;
    *t = (struct prismi_table){.rows = rows,
                               .inputs = 5,
                               .outputs = 1,
                               .x = prismi_alloc((size_t)rows, 6 * sizeof(double))};
    if (!t->x)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a table of %d rows and 6 columns",
                          rows);
    t->y = t->x + 5 * (size_t)rows;
    for (size_t i = 0; i < 5 * (size_t)rows; i++)
        t->x[i] = prismi_rng_uniform(seed, PRISMI_STREAM_OBJECT, i);
    for (size_t r = 0; r < (size_t)rows; r++) {
        const double *x = t->x + 5 * r, a = x[2] - 0.5, b = x[3] - 0.5;
        t->y[r] = sin(turn * x[0]) * cos(turn * x[1]) + 0.3 * exp(-(a * a + b * b) / 0.02) +
                  0.5 * x[4] * x[4] - 0.2 * x[0] * x[3] +
                  0.01 * prismi_rng_normal(seed, PRISMI_STREAM_NOISE, r);
    }
    return 0;
}

double prismi_table_r2(const struct prismi_table *t, const double *p)
{
    const size_t n = (size_t)t->rows * (size_t)t->outputs;
    double mean = 0, all = 0, left = 0;
    for (size_t i = 0; i < n; i++)
        mean += t->y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        all += (t->y[i] - mean) * (t->y[i] - mean);
        left += (t->y[i] - p[i]) * (t->y[i] - p[i]);
    }
    return 1 - left / all;
}
