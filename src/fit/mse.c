/* Mean squared error of a model's output against rows of a table of targets:
 *   value = sum over r, o of (y[r,o] - t[index[r],o])^2 / n,
 *       n = batch outputs
 *   gradient by y[r,o] = 2 (y[r,o] - t[index[r],o]) / n
 * The model reads the same rows of a table of inputs. */
#include "fit/fit.h"

#include <stdio.h>

static int select_rows(void *self, const int32_t *index)
{
    struct prismi_mse *m = self;
    return m->dev->ops->write(m->dev, m->index, index, (size_t)m->par.batch * sizeof *index);
}

static int gather(struct prismi_mse *m, prism_mem rows, prism_mem table, size_t cols)
{
    return prismi_map(m->dev, PRISM_MAP_GATHER_ROW, m->par.dtype, (size_t)m->par.batch, cols, rows,
                      table, m->index, 0, 0, 0);
}

static int feed(void *self)
{
    struct prismi_mse *m = self;
    return gather(m, m->input, m->x, m->par.inputs);
}

static int forward(void *self, prism_mem y)
{
    struct prismi_mse *m = self;
    const size_t n = (size_t)m->par.batch * m->par.outputs;
    PRISM_TRY(gather(m, m->target, m->t, m->par.outputs));
    PRISM_TRY(m->dev->ops->reduce(m->dev, PRISM_REDUCE_SQDIFF, m->par.dtype, 1, n, m->value, y,
                                  m->target));
    return prismi_map(m->dev, PRISM_MAP_MUL, m->par.dtype, 1, 1, m->value, m->value, m->weight, 0,
                      1, 0);
}

static int backward(void *self, prism_mem y, prism_mem gy)
{
    struct prismi_mse *m = self;
    const size_t n = (size_t)m->par.batch * m->par.outputs;
    return prismi_map(m->dev, PRISM_MAP_L2_GRAD, m->par.dtype, 1, n, gy, y, m->target, m->weight, 0,
                      0);
}

static void describe(const void *self, int i, char *text, size_t n)
{
    (void)self, (void)i;
    snprintf(text, n, "the mean squared error of the batch");
}

static const struct prismi_objective_ops mse_ops = {.name = "mse",
                                                    .select = select_rows,
                                                    .feed = feed,
                                                    .forward = forward,
                                                    .backward = backward,
                                                    .describe = describe};

static int put_tables(struct prismi_mse *m, const double *x, const double *t)
{
    const double weight = 1 / ((double)m->par.batch * (double)m->par.outputs);
    PRISM_TRY(prismi_dev_put(m->dev, m->x, m->par.dtype, x, (size_t)m->par.rows * m->par.inputs));
    PRISM_TRY(prismi_dev_put(m->dev, m->t, m->par.dtype, t, (size_t)m->par.rows * m->par.outputs));
    return prismi_dev_put(m->dev, m->weight, m->par.dtype, &weight, 1);
}

int prismi_mse_create(struct prism_dev *dev, const struct prismi_mse_params *p, const double *x,
                      const double *t, struct prismi_mse *m)
{
    const size_t real = prism_dtype_size(p->dtype), rows = (size_t)p->rows,
                 batch = (size_t)p->batch;
    *m = (struct prismi_mse){.dev = dev, .par = *p};
    m->arena.owner = PRISMI_OWNER_TARGETS;
    prismi_arena_add(&m->arena, rows * p->inputs * real, &m->x);
    prismi_arena_add(&m->arena, rows * p->outputs * real, &m->t);
    m->arena.owner = PRISMI_OWNER_LOSS;
    prismi_arena_add(&m->arena, batch * p->inputs * real, &m->input);
    prismi_arena_add(&m->arena, batch * p->outputs * real, &m->target);
    prismi_arena_add(&m->arena, batch * sizeof(int32_t), &m->index);
    prismi_arena_add(&m->arena, real, &m->weight);
    prismi_arena_add(&m->arena, real, &m->value);
    int status = prismi_arena_bind(&m->arena, dev);
    if (!status)
        status = put_tables(m, x, t);
    if (status)
        prismi_mse_release(m);
    m->objective = (struct prismi_objective){
        .ops = &mse_ops, .self = m, .value = m->value, .n = 1, .scale = 1};
    return status;
}

void prismi_mse_release(struct prismi_mse *m)
{
    prismi_arena_release(&m->arena);
}
