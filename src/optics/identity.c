/* The identity: every frame shows the object itself, in the middle of a field
 * as large as the grid. It serves to fit an image, and it is the simplest
 * instrument to read. */
#include "optics/instrument.h"

struct identity {
    struct prismi_instrument in;
    struct prism_dev *dev; /* in.op.dev */
    enum prism_dtype real, cplx;
    bool complex_object;
    int grid, obj;
    struct prismi_arena arena;
    prism_mem object, sum; /* [obj,obj] cplx */
};

static size_t field_bytes(const struct identity *p)
{
    return (size_t)p->grid * p->grid * prism_dtype_size(p->cplx);
}

static int forward(struct prism_linop *op, prism_mem u, prism_mem x)
{
    struct identity *p = (struct identity *)op;
    const int at = p->grid / 2 - p->obj / 2;
    const struct prism_window_desc pad = {p->cplx, 1, p->grid, p->grid, p->obj, p->obj, at, at};

    if (!p->complex_object)
        PRISM_TRY(prismi_map(p->dev, PRISM_MAP_C_FROM_R, p->real, 1, op->x.count, p->object, x, 0,
                             0, 0, 0));
    for (int b = 0; b < p->in.batch; b++, u += field_bytes(p))
        PRISM_TRY(p->dev->ops->window(p->dev, &pad, u, p->complex_object ? x : p->object));
    return 0;
}

static int adjoint(struct prism_linop *op, prism_mem gx, prism_mem gu)
{
    struct identity *p = (struct identity *)op;
    const int at = p->obj / 2 - p->grid / 2;
    const struct prism_window_desc crop = {p->cplx, 1, p->obj, p->obj, p->grid, p->grid, at, at};
    prism_mem sum = p->complex_object ? gx : p->sum;

    PRISM_TRY(p->dev->ops->window(p->dev, &crop, sum, gu));
    for (int b = 1; b < p->in.batch; b++) {
        gu += field_bytes(p);
        PRISM_TRY(p->dev->ops->window(p->dev, &crop, p->object, gu));
        PRISM_TRY(prismi_map(p->dev, PRISM_MAP_C_AXPBY, p->real, 1, op->x.count, sum, sum,
                             p->object, 0, 1, 1));
    }
    if (p->complex_object)
        return 0;
    return prismi_map(p->dev, PRISM_MAP_C_REAL, p->real, 1, op->x.count, gx, sum, 0, 0, 1, 0);
}

static void destroy(struct prism_linop *op)
{
    struct identity *p = (struct identity *)op;

    prismi_arena_release(&p->arena);
    prismi_free(p);
}

static const struct prism_linop_ops linear = {forward, adjoint, destroy};
static const struct prismi_instrument_ops entries = {.select = prismi_instrument_select,
                                                     .normal = prismi_instrument_normal,
                                                     .hold = prismi_instrument_hold,
                                                     .fields = prismi_instrument_fields};

int prismi_identity_check(struct prism_ctx *ctx, const struct prismi_instrument_params *params)
{
    if (params->field != params->grid)
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "the identity's field is as large as the grid, %d; %s is %d: leave it out",
            params->grid, prismi_spell(ctx, "field_size"), params->field);
    return 0;
}

int prismi_identity_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                           struct prismi_instrument **out)
{
    const enum prism_dtype cplx = prism_dtype_complex(params->dtype);
    const size_t object = (size_t)params->obj * params->obj,
                 pixels = (size_t)params->grid * params->grid;
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    int status;

    *out = NULL;
    struct identity *p = prismi_alloc(1, sizeof *p);
    if (!p)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "identity: no memory for %zu bytes", sizeof *p);
    *p = (struct identity){.in = {.op = {&linear,
                                         dev,
                                         {params->complex_object ? cplx : params->dtype, object},
                                         {cplx, (size_t)params->batch * pixels}},
                                  .ops = &entries,
                                  .n_frames = params->n_frames,
                                  .batch = params->batch,
                                  .norm2 = 1,
                                  .normal_scale = 1},
                           .dev = dev,
                           .real = params->dtype,
                           .cplx = cplx,
                           .complex_object = params->complex_object,
                           .grid = params->grid,
                           .obj = params->obj};
    prismi_ctx_retain(ctx, "linop");
    prismi_arena_add(&p->arena, object * prism_dtype_size(cplx), &p->object);
    prismi_arena_add(&p->arena, object * prism_dtype_size(cplx), &p->sum);
    prismi_arena_add(&p->arena, (size_t)params->batch * sizeof(int32_t), &p->in.index);
    PRISM_TRY_OUT(prismi_arena_bind(&p->arena, dev));
    status = prismi_instrument_start(&p->in);
out:
    *out = &p->in;
    if (status)
        prismi_instrument_destroy(out);
    return status;
}
