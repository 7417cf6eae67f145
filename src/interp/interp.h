/* The interpolator: a small dense network that learns a function of a few
 * variables from the rows of a table. */
#ifndef PRISMI_INTERP_H
#define PRISMI_INTERP_H

#include "fit/fit.h"
#include "nn/layer.h"

struct prismi_table {
    int rows, inputs, outputs;
    double *x, *y; /* [rows,inputs], [rows,outputs] */
};
/* Draws points x uniform in (0,1)^5 and computes
 *   y = sin(2 pi x1) cos(2 pi x2)
 *       + 0.3 exp(-((x3 - 1/2)^2 + (x4 - 1/2)^2)/0.02)
 *       + x5^2/2 - x1 x4/5 + noise,   noise N(0, 0.01^2).
 * The caller frees x with prismi_free(); y lies in the same block. Returns 0 or
 * PRISM_ENOMEM. */
int prismi_table_example(struct prism_ctx *ctx, int rows, uint64_t seed, struct prismi_table *out);
/* Coefficient of determination 1 - sum (y - p)^2 / sum (y - mean y)^2 of the
 * predictions p [rows,outputs]. */
double prismi_table_r2(const struct prismi_table *t, const double *p);

struct prismi_interp_params {
    enum prism_dtype dtype; /* PRISM_F32 or PRISM_F64 */
    int n_hidden, hidden[PRISMI_MLP_MAX_HIDDEN];
    int batch, epochs;
    double lr;
    uint64_t seed;
};
struct prismi_interp;
/* Creates the network and standardises the inputs to mean 0 and variance 1 over
 * the rows of the table. Returns 0, PRISM_EINVAL (naming the value),
 * PRISM_ENOMEM, PRISM_ENOTSUP (the device lacks the dtype) or PRISM_EDEVICE. */
int prismi_interp_create(struct prism_dev *dev, const struct prismi_interp_params *params,
                         const struct prismi_table *train, struct prismi_interp **out);
void prismi_interp_destroy(struct prismi_interp **in); /* NULL ok */
/* Trains all epochs. Returns 0, PRISM_EDIVERGED or PRISM_EDEVICE. */
int prismi_interp_train(struct prismi_interp *in);
/* Computes y [rows,outputs] from x [rows,inputs] and waits for the device.
 * Returns 0 or PRISM_EDEVICE. */
int prismi_interp_predict(struct prismi_interp *in, const double *x, int rows, double *y);

#endif
