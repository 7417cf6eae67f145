/* The object itself as a model: its pixels are both the parameters and the
 * output. */
#include "recon/internal.h"

static int output(void *self, prism_mem *x)
{
    struct prismi_object *o = self;
    *x = o->value;
    return 0;
}

static size_t reals(const struct prismi_object *o)
{
    return o->pixels * (o->complex_object ? 2 : 1);
}

static int backward(void *self, prism_mem gx)
{
    struct prismi_object *o = self;
    return o->dev->ops->copy(o->dev, o->grad, gx, reals(o) * prism_dtype_size(o->dtype));
}

static int segments(const void *self, struct prism_segment *out, int n)
{
    const struct prismi_object *o = self;
    if (n > 0)
        *out = (struct prism_segment){.count = reals(o), .value = o->value, .grad = o->grad};
    return 1;
}

static int constrain(void *self)
{
    return prismi_object_constrain(self);
}

static void destroy(void *self)
{
    struct prismi_object *o = self;
    prismi_object_destroy(&o);
}

static const struct prismi_model_ops object_ops = {.name = "object",
                                                   .output = output,
                                                   .backward = backward,
                                                   .segments = segments,
                                                   .constrain = constrain,
                                                   .destroy = destroy};

void prismi_object_model(struct prismi_object *o, struct prismi_model *out)
{
    *out = (struct prismi_model){.ops = &object_ops,
                                 .self = o,
                                 .dtype = o->dtype,
                                 .complex_output = o->complex_object,
                                 .n_output = o->pixels,
                                 .values = o->value,
                                 .count = reals(o)};
}

int prismi_object_constrain(struct prismi_object *o)
{
    return prismi_map(o->dev, o->complex_object ? PRISM_MAP_C_CLAMP_ABS : PRISM_MAP_CLAMP, o->dtype,
                      1, o->pixels, o->value, o->value, 0, 0, 0, 1);
}

/* Fill the object with ones; imaginary parts are 0. */
static int fill_ones(struct prismi_object *o)
{
    double *x = prismi_alloc(reals(o), sizeof *x);
    if (!x)
        return PRISM_FAIL(prismi_dev_ctx(o->dev), PRISM_ENOMEM,
                          "no host memory for an object of %zu pixels", o->pixels);
    for (size_t i = 0; i < reals(o); i += o->complex_object ? 2 : 1)
        x[i] = 1;
    int status = prismi_dev_put(o->dev, o->value, o->dtype, x, reals(o));
    prismi_free(x);
    return status;
}

int prismi_object_create(struct prism_dev *dev, enum prism_dtype dtype, size_t pixels,
                         bool complex_object, bool with_gradient, struct prismi_object **out)
{
    struct prismi_object *o = prismi_alloc(1, sizeof *o);
    *out = o;
    if (!o)
        return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM, "no memory for an object");
    *o = (struct prismi_object){
        .dev = dev, .dtype = dtype, .pixels = pixels, .complex_object = complex_object};
    size_t bytes = reals(o) * prism_dtype_size(dtype);
    o->arena.owner = PRISMI_OWNER_PARAMETERS;
    prismi_arena_add(&o->arena, bytes, &o->value);
    o->arena.owner = PRISMI_OWNER_GRADIENTS;
    prismi_arena_add(&o->arena, with_gradient ? bytes : 0, &o->grad);
    int status = prismi_arena_bind(&o->arena, dev);
    if (!status)
        status = fill_ones(o);
    if (status)
        prismi_object_destroy(out);
    return status;
}

void prismi_object_destroy(struct prismi_object **po)
{
    struct prismi_object *o = *po;
    if (!o)
        return;
    prismi_arena_release(&o->arena);
    prismi_free(o);
    *po = NULL;
}
