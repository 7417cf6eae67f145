#include "optics/optics_internal.h"

#include <math.h>

void prismi_exp_turns(double turns, double *re, double *im)
{
    double part = turns - floor(turns), phase_rad = 2 * 3.14159265358979323846 * part;
    *re = part == 0 ? 1 : cos(phase_rad); /* the case of most tables */
    *im = part == 0 ? 0 : sin(phase_rad);
}

int prism_linop_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    return op->forward(op, y, x);
}

int prism_linop_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    return op->adjoint(op, x, y);
}

void prism_linop_shapes(const struct prism_linop *op, struct prism_linop_shape *x, struct prism_linop_shape *y)
{
    *x = op->x;
    *y = op->y;
}

void prism_linop_destroy(struct prism_linop **op)
{
    if (!op || !*op)
        return;
    struct prism_ctx *ctx = prismi_dev_ctx((*op)->dev);
    (*op)->destroy(*op);
    prismi_ctx_drop(ctx, "linop");
    *op = NULL;
}

/* ---- a measurement ---- */

struct measure_linop {
    struct prism_linop op;
    struct prism_measure *m;
    struct prismi_arena arena;
    prism_mem scratch; /* y, which the adjoint would destroy */
};

static int measure_linop_forward(struct prism_linop *op, prism_mem y, prism_mem x)
{
    return prism_measure_forward(((struct measure_linop *)op)->m, y, x);
}

static int measure_linop_adjoint(struct prism_linop *op, prism_mem x, prism_mem y)
{
    struct measure_linop *l = (struct measure_linop *)op;
    PRISM_TRY(op->dev->ops->copy(op->dev, l->scratch, y, op->y.count * prism_dtype_size(op->y.dtype)));
    return prism_measure_adjoint(l->m, x, l->scratch);
}

static void measure_linop_destroy(struct prism_linop *op)
{
    struct measure_linop *l = (struct measure_linop *)op;
    prismi_arena_release(&l->arena);
    prismi_free(l);
}

int prism_measure_linop(struct prism_measure *m, struct prism_linop **out)
{
    const struct prism_measure_params *p = prism_measure_params(m);
    const enum prism_dtype cplx = prism_dtype_complex(p->dtype);
    struct prism_dev *dev = prismi_measure_dev(m);
    const size_t y_count = (size_t)p->batch * p->field_h * p->field_w;
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    struct measure_linop *l = prismi_alloc(1, sizeof(*l));

    *out = NULL;
    if (!l)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "measurement: no memory for %zu bytes", sizeof(*l));
    l->m = m;
    l->op = (struct prism_linop){dev,
                                 measure_linop_forward,
                                 measure_linop_adjoint,
                                 measure_linop_destroy,
                                 {p->complex_object ? cplx : p->dtype, (size_t)p->obj_h * p->obj_w},
                                 {cplx, y_count}};
    prismi_arena_add(&l->arena, y_count * prism_dtype_size(cplx), &l->scratch);
    int status = prismi_arena_bind(&l->arena, dev);
    if (status) {
        measure_linop_destroy(&l->op);
        return status;
    }
    prismi_ctx_retain(ctx, "linop");
    *out = &l->op;
    return 0;
}
