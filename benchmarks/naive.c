/* The progressive step as the original arranges it; see bench.h. Centred full
 * transforms, one branch after the other:
 *   x = D(theta);  s = F^-1(M F x);  m = |s|;  L = sum|m - t|/(sum|t| + 1e-8
 *                  n);  dx = Re F^-1(M F(sign(m - t) s/|s|)) */
#include "bench.h"

#include <math.h>
#include <string.h>

struct branch {
    prism_mem mask;           /* [N,N] cplx */
    prism_mem target, m, g;   /* [N,N] */
    prism_mem field, spectra; /* [N,N] cplx: s, and a scratch */
    prism_mem gx;             /* [O,O] */
};

struct naive {
    struct prism_dev *dev;
    const struct bench_workload *w;
    struct prism_net *net;
    struct prism_linop *to_k, *from_k;
    struct prismi_arena arena;
    struct branch old, new;
    prism_mem plane;            /* [N,N] */
    prism_mem object, x_prev;   /* [O,O] */
    prism_mem weight, value;    /* [1] */
    prism_mem grad, m, v, args; /* slabs of the parameters' total; [3] */
    double *grid_y, *grid_x;    /* [N,N] */
    float *mask_host;           /* [N,N] cplx */
    uint8_t *covered;           /* [N,N] */
    int k, t;
    bool first;
};

static size_t plane_of(const struct naive *n)
{
    return (size_t)n->w->grid * (size_t)n->w->grid;
}

static int window(struct naive *n, prism_mem y, prism_mem x, bool pad)
{
    int grid = n->w->grid, obj = n->w->obj, shift = grid / 2 - obj / 2;
    const struct prism_window_desc d = {PRISM_F32,
                                        1,
                                        pad ? grid : obj,
                                        pad ? grid : obj,
                                        pad ? obj : grid,
                                        pad ? obj : grid,
                                        pad ? shift : -shift,
                                        pad ? shift : -shift};
    return n->dev->ops->window(n->dev, &d, y, x);
}

static int map(struct naive *n, enum prism_map op, prism_mem y, prism_mem x0, prism_mem x1,
               prism_mem x2, double s0)
{
    return prismi_map(n->dev, op, PRISM_F32, 1, plane_of(n), y, x0, x1, x2, s0, 0);
}

/* s = F^-1(M F x), m = |s|; x [O,O]. */
static int measure(struct naive *n, struct branch *b, prism_mem x)
{
    PRISM_TRY(window(n, n->plane, x, true));
    PRISM_TRY(map(n, PRISM_MAP_C_FROM_R, b->spectra, n->plane, 0, 0, 0));
    PRISM_TRY(prism_linop_forward(n->to_k, b->field, b->spectra));
    PRISM_TRY(map(n, PRISM_MAP_C_MUL_COL, b->spectra, b->field, b->mask, 0, 1));
    PRISM_TRY(prism_linop_forward(n->from_k, b->field, b->spectra));
    return map(n, PRISM_MAP_C_ABS, b->m, b->field, 0, 0, 0);
}

static int read_one(struct naive *n, prism_mem src, double *out)
{
    return prismi_dev_get(n->dev, out, src, PRISM_F32, 1);
}

/* Value of the loss, and g = dL/dm. The target's norm is computed anew. */
static int loss_of(struct naive *n, struct branch *b, double *out)
{
    const struct prism_ops *ops = n->dev->ops;
    double norm, sum;
    size_t pixels = plane_of(n);
    PRISM_TRY(
        ops->reduce(n->dev, PRISM_REDUCE_SUM, PRISM_F32, 1, pixels, n->value, b->target, NULL));
    PRISM_TRY(read_one(n, n->value, &norm));
    double weight = 1 / (norm + 1e-8 * (double)pixels);
    PRISM_TRY(
        ops->reduce(n->dev, PRISM_REDUCE_ABSDIFF, PRISM_F32, 1, pixels, n->value, b->m, b->target));
    PRISM_TRY(read_one(n, n->value, &sum));
    *out = sum * weight;
    PRISM_TRY(prismi_dev_put(n->dev, n->weight, PRISM_F32, &weight, 1));
    return map(n, PRISM_MAP_L1_GRAD, b->g, b->m, b->target, n->weight, 0);
}

static int backward(struct naive *n, struct branch *b)
{
    PRISM_TRY(map(n, PRISM_MAP_C_PHASE, b->spectra, b->g, b->field, 0, 0));
    PRISM_TRY(prism_linop_adjoint(n->from_k, b->field, b->spectra));
    PRISM_TRY(map(n, PRISM_MAP_C_MULC_COL, b->spectra, b->field, b->mask, 0, 1));
    PRISM_TRY(prism_linop_adjoint(n->to_k, b->field, b->spectra));
    PRISM_TRY(map(n, PRISM_MAP_C_REAL, n->plane, b->field, 0, 0, 1));
    return window(n, b->gx, n->plane, false);
}

static int adam(struct naive *n)
{
    size_t offset = 0;
    double args[3] = {n->w->lr / (1 - pow(0.9, ++n->t)), 1 / sqrt(1 - pow(0.999, n->t)), 1};
    PRISM_TRY(prismi_dev_put(n->dev, n->args, PRISM_F32, args, 3));
    for (int i = 0; i < prism_net_param_count(n->net); i++) {
        struct prism_param_info p;
        size_t at = offset * sizeof(float);
        PRISM_TRY(prism_net_param(n->net, i, &p));
        PRISM_TRY(prism_net_gradient(n->net, i, n->grad + at));
        const struct prism_map_args a = {.y = {p.value, n->m + at, n->v + at},
                                         .x = {n->grad + at, n->args},
                                         .s = {0.9, 0.999, 1e-8}};
        PRISM_TRY(n->dev->ops->map(n->dev, PRISM_MAP_ADAM, PRISM_F32, 1, p.count, &a));
        offset += p.count;
    }
    return 0;
}

int naive_step(struct naive *n, double loss[2])
{
    prism_mem x;
    size_t pixels = (size_t)n->w->obj * (size_t)n->w->obj;
    PRISM_TRY(prism_net_forward(n->net, &x));
    PRISM_TRY(measure(n, &n->old, x));
    PRISM_TRY(measure(n, &n->new, x));
    PRISM_TRY(loss_of(n, &n->old, &loss[0]));
    PRISM_TRY(loss_of(n, &n->new, &loss[1]));
    PRISM_TRY(backward(n, &n->old));
    PRISM_TRY(backward(n, &n->new));
    PRISM_TRY(prismi_map(n->dev, PRISM_MAP_AXPBY, PRISM_F32, 1, pixels, n->old.gx, n->old.gx,
                         n->new.gx, 0, 1, 1));
    PRISM_TRY(prism_net_backward(n->net, n->old.gx));
    PRISM_TRY(adam(n));
    return n->dev->ops->sync(n->dev);
}

/* ---- samples ---- */

/* Computes the coordinates of every pixel, then the disc about (cy, cx). */
static void render(struct naive *n, double cy, double cx, uint8_t *mask)
{
    int grid = n->w->grid, r = n->w->radius;
    for (int i = 0; i < grid; i++)
        for (int j = 0; j < grid; j++) {
            n->grid_y[(size_t)i * (size_t)grid + (size_t)j] = i - grid / 2;
            n->grid_x[(size_t)i * (size_t)grid + (size_t)j] = j - grid / 2;
        }
    for (size_t i = 0; i < plane_of(n); i++) {
        double dy = n->grid_y[i] - cy, dx = n->grid_x[i] - cx;
        mask[i] = dy * dy + dx * dx <= (double)r * r;
    }
}

static int put_mask(struct naive *n, struct branch *b, const uint8_t *mask)
{
    for (size_t i = 0; i < plane_of(n); i++)
        n->mask_host[2 * i] = mask[i];
    return n->dev->ops->write(n->dev, b->mask, n->mask_host, 2 * plane_of(n) * sizeof(float));
}

int naive_sample(struct naive *n, int k)
{
    const double *c = n->w->centres + 2 * k;
    size_t grid = plane_of(n), total = prism_net_param_total(n->net);
    uint8_t *mask = n->covered + grid; /* the new aperture is a second plane */
    prism_mem x;
    n->k = k;
    n->t = 0;
    n->first = k == 0;
    render(n, c[0], c[1], mask);
    PRISM_TRY(put_mask(n, &n->new, mask));
    PRISM_TRY(put_mask(n, &n->old, n->first ? mask : n->covered));
    for (size_t i = 0; i < 2; i++)
        PRISM_TRY(prismi_map(n->dev, PRISM_MAP_FILL, PRISM_F32, 1, total, i ? n->m : n->v, 0, 0, 0,
                             0, 0));
    PRISM_TRY(prism_net_forward(n->net, &x));
    return n->dev->ops->copy(n->dev, n->x_prev, x,
                             (size_t)n->w->obj * (size_t)n->w->obj * sizeof(float));
}

int naive_targets(struct naive *n)
{
    size_t bytes = plane_of(n) * sizeof(float);
    PRISM_TRY(prismi_dev_put(n->dev, n->object, PRISM_F32, n->w->truth,
                             (size_t)n->w->obj * (size_t)n->w->obj));
    PRISM_TRY(measure(n, &n->new, n->object));
    PRISM_TRY(n->dev->ops->copy(n->dev, n->new.target, n->new.m, bytes));
    PRISM_TRY(measure(n, &n->old, n->first ? n->object : n->x_prev));
    return n->dev->ops->copy(n->dev, n->old.target, n->old.m, bytes);
}

int naive_close(struct naive *n)
{
    const uint8_t *mask = n->covered + plane_of(n);
    for (size_t i = 0; i < plane_of(n); i++)
        n->covered[i] |= mask[i];
    return n->dev->ops->sync(n->dev);
}

int naive_output(struct naive *n, double *out)
{
    prism_mem x;
    double sum = 0;
    size_t pixels = (size_t)n->w->obj * (size_t)n->w->obj;
    PRISM_TRY(prism_net_forward(n->net, &x));
    PRISM_TRY(prismi_dev_get(n->dev, out, x, PRISM_F32, pixels));
    for (size_t i = 0; i < pixels; i++)
        sum += out[i];
    for (size_t i = 0; sum < 0 && i < pixels; i++) /* same sign as prism_session_result() gives */
        out[i] = -out[i];
    return 0;
}

int naive_take_weights(struct naive *n, const struct prism_net *net, struct prism_dev *dev)
{
    prism_mem from, to;
    size_t count, mine;
    int status = 0;
    prism_net_values(net, &from, &count);
    prism_net_values(n->net, &to, &mine);
    float *host = prismi_alloc(count, sizeof *host);
    if (!host || mine != count)
        status = PRISM_FAIL(prismi_dev_ctx(dev), PRISM_ENOMEM, "no memory for %zu weights", count);
    status = status ? status : dev->ops->read(dev, host, from, count * sizeof *host);
    status = status ? status : n->dev->ops->write(n->dev, to, host, count * sizeof *host);
    prismi_free(host);
    return status;
}

/* ---- creation ---- */

static void declare_branch(struct naive *n, struct branch *b)
{
    size_t real = plane_of(n) * sizeof(float);
    prismi_arena_add(&n->arena, 2 * real, &b->mask);
    prismi_arena_add(&n->arena, real, &b->target);
    prismi_arena_add(&n->arena, real, &b->m);
    prismi_arena_add(&n->arena, real, &b->g);
    prismi_arena_add(&n->arena, 2 * real, &b->field);
    prismi_arena_add(&n->arena, 2 * real, &b->spectra);
    prismi_arena_add(&n->arena, real, &b->gx);
}

static int allocate(struct naive *n)
{
    size_t image = (size_t)n->w->obj * (size_t)n->w->obj * sizeof(float),
           slab = prism_net_param_total(n->net) * sizeof(float);
    declare_branch(n, &n->old);
    declare_branch(n, &n->new);
    prismi_arena_add(&n->arena, plane_of(n) * sizeof(float), &n->plane);
    prismi_arena_add(&n->arena, image, &n->object);
    prismi_arena_add(&n->arena, image, &n->x_prev);
    prismi_arena_add(&n->arena, sizeof(float), &n->weight);
    prismi_arena_add(&n->arena, sizeof(float), &n->value);
    prismi_arena_add(&n->arena, slab, &n->grad);
    prismi_arena_add(&n->arena, slab, &n->m);
    prismi_arena_add(&n->arena, slab, &n->v);
    prismi_arena_add(&n->arena, 3 * sizeof(float), &n->args);
    n->grid_y = prismi_alloc(plane_of(n), sizeof *n->grid_y);
    n->grid_x = prismi_alloc(plane_of(n), sizeof *n->grid_x);
    n->mask_host = prismi_alloc(2 * plane_of(n), sizeof *n->mask_host);
    n->covered = prismi_alloc(2 * plane_of(n), 1);
    if (!n->grid_y || !n->grid_x || !n->mask_host || !n->covered)
        return PRISM_FAIL(prismi_dev_ctx(n->dev), PRISM_ENOMEM, "no memory for the naive step");
    return prismi_arena_bind(&n->arena, n->dev);
}

int naive_create(struct bench *b, const struct bench_workload *w, bool plain, struct naive **out)
{
    const struct prism_decoder_params dp = {.dtype = PRISM_F32,
                                            .store = PRISM_F32,
                                            .grid_size = w->grid,
                                            .obj_size = w->obj,
                                            .min_channels = 1,
                                            .output_activation = PRISM_OUTPUT_NONE};
    const struct prism_grid grid = {w->grid, w->grid, 1, 1, 1};
    struct prism_dev_params open = b->dev_params;
    int status;
    struct naive *n = *out = prismi_alloc(1, sizeof *n);
    if (!n)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for the naive step");
    n->w = w;
    open.plain |= plain;
    PRISM_TRY_OUT(prism_dev_open(b->ctx, &open, &n->dev));
    PRISM_TRY_OUT(prism_decoder_create(n->dev, &dp, &n->net));
    PRISM_TRY_OUT(prism_net_init(n->net, w->seed));
    PRISM_TRY_OUT(
        prism_propagator_create(n->dev, PRISM_FRAUNHOFER, &grid, 1, PRISM_CF32, &n->to_k));
    PRISM_TRY_OUT(
        prism_propagator_create(n->dev, PRISM_FRAUNHOFER, &grid, -1, PRISM_CF32, &n->from_k));
    status = allocate(n);
out:
    if (status)
        naive_destroy(out);
    return status;
}

void naive_destroy(struct naive **pn)
{
    struct naive *n = *pn;
    if (!n)
        return;
    prismi_arena_release(&n->arena);
    prism_linop_destroy(&n->to_k);
    prism_linop_destroy(&n->from_k);
    prism_net_destroy(&n->net);
    prism_dev_close(&n->dev);
    prismi_free(n->grid_y);
    prismi_free(n->grid_x);
    prismi_free(n->mask_host);
    prismi_free(n->covered);
    prismi_free(n);
    *pn = NULL;
}
