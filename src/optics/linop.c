/* Calls of a linear operator through its table, and the phase factor that every
 * table of phases uses. */
#include "optics/instrument.h"
#include "optics/optics_internal.h"

#include <math.h>

void prismi_exp_turns(double turns, double *re, double *im)
{
    double part = turns - floor(turns), phase_rad = 2 * 3.14159265358979323846 * part;
    *re = part == 0 ? 1 : cos(phase_rad); /* exact for whole turns, as in most tables */
    *im = part == 0 ? 0 : sin(phase_rad);
}

int prism_linop_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    return op->ops->forward(op, y, x);
}

int prism_linop_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    return op->ops->adjoint(op, x, y);
}

void prism_linop_shapes(const struct prism_linop *op, struct prism_linop_shape *x,
                        struct prism_linop_shape *y)
{
    *x = op->x;
    *y = op->y;
}

void prism_linop_destroy(struct prism_linop **op)
{
    if (!op || !*op)
        return;
    struct prism_ctx *ctx = prismi_dev_ctx((*op)->dev);
    (*op)->ops->destroy(*op);
    prismi_ctx_drop(ctx, "linop");
    *op = NULL;
}
