/* The interpolator: a dense network and a mean square error, fitted by the
 * trainer; predictions are made batch by batch. */
#include "interp/interp.h"

#include <math.h>
#include <string.h>

struct prismi_interp {
    struct prism_dev *dev;
    struct prismi_interp_params par;
    int rows;
    size_t inputs, outputs;
    double *mean, *scale, *host; /* one block: [inputs], [inputs], [rows,inputs] */
    int32_t *index;              /* [batch] */
    struct prism_net *net;
    struct prismi_model model;
    struct prismi_mse mse;
    struct prismi_trainer trainer;
    struct prismi_order order;
};

/* Mean and standard deviation of each column; a constant column gets the
 * deviation 1. */
static void measure(struct prismi_interp *in, const double *x, size_t rows)
{
    const size_t n = in->inputs;
    for (size_t c = 0; c < n; c++) {
        double var = 0;
        for (size_t r = 0; r < rows; r++)
            in->mean[c] += x[r * n + c] / (double)rows;
        for (size_t r = 0; r < rows; r++)
            var += pow(x[r * n + c] - in->mean[c], 2) / (double)rows;
        in->scale[c] = var > 0 ? sqrt(var) : 1;
    }
}

static void standardise(const struct prismi_interp *in, const double *x, size_t rows)
{
    for (size_t i = 0; i < rows * in->inputs; i++)
        in->host[i] = (x[i] - in->mean[i % in->inputs]) / in->scale[i % in->inputs];
}

static int make_network(struct prismi_interp *in)
{
    const struct prismi_net_mode mode = {.batch = in->par.batch, .init = PRISM_INIT_GLOROT};
    struct prismi_mlp_params p = {
        in->par.dtype, (int)in->inputs, (int)in->outputs, in->par.n_hidden, {0}, PRISM_ACT_RELU};
    memcpy(p.hidden, in->par.hidden, sizeof p.hidden);
    PRISM_TRY(prismi_mlp_create(in->dev, &p, &mode, &in->net));
    prismi_net_model(in->net, &in->model);
    return prism_net_init(in->net, in->par.seed);
}

static int make_trainer(struct prismi_interp *in, const struct prismi_table *t)
{
    const struct prismi_mse_params mp = {in->par.dtype, t->rows, in->par.batch, in->inputs,
                                         in->outputs};
    const struct prismi_trainer_params tp = {.n_losses = 1, .eps = 1e-7};
    standardise(in, t->x, (size_t)t->rows);
    PRISM_TRY(prismi_mse_create(in->dev, &mp, in->host, t->y, &in->mse));
    prismi_net_set_input(in->net, in->mse.input);
    PRISM_TRY(prismi_trainer_init(&in->trainer, in->dev, &in->model, &tp));
    PRISM_TRY(prismi_trainer_bind(&in->trainer));
    in->trainer.objective = &in->mse.objective;
    prismi_schedule_init(&in->trainer.st.schedule, PRISM_SCHEDULE_CONSTANT, in->par.lr, 0);
    return prismi_order_create(prismi_dev_ctx(in->dev), in->par.seed, PRISMI_STREAM_BATCH, t->rows,
                               &in->order);
}

int prismi_interp_create(struct prism_dev *dev, const struct prismi_interp_params *p,
                         const struct prismi_table *t, struct prismi_interp **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    struct prismi_interp *in = NULL;
    int status;
    *out = NULL;
    if (p->batch < 1 || p->batch > t->rows || p->epochs < 1 || !(p->lr > 0))
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "batch %d, epochs %d, lr %g: batch must lie in 1..%d, the others be positive", p->batch,
            p->epochs, p->lr, t->rows);
    if (!(in = prismi_alloc(1, sizeof *in)))
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for an interpolator");
    *in = (struct prismi_interp){.dev = dev, .par = *p, .rows = t->rows, .trainer.dev = dev};
    in->inputs = (size_t)t->inputs;
    in->outputs = (size_t)t->outputs;
    in->mean = prismi_alloc((size_t)t->rows + 2, in->inputs * sizeof *in->mean);
    in->index = prismi_alloc((size_t)p->batch, sizeof *in->index);
    if (!in->mean || !in->index)
        PRISM_TRY_OUT(PRISM_FAIL(ctx, PRISM_ENOMEM,
                                 "no memory to standardise %d rows of %d columns", t->rows,
                                 t->inputs));
    in->scale = in->mean + in->inputs;
    in->host = in->scale + in->inputs;
    measure(in, t->x, (size_t)t->rows);
    PRISM_TRY_OUT(make_network(in));
    PRISM_TRY_OUT(make_trainer(in, t));
out:
    if (status)
        prismi_interp_destroy(&in);
    *out = in;
    return status;
}

void prismi_interp_destroy(struct prismi_interp **pin)
{
    struct prismi_interp *in = *pin;
    if (!in)
        return;
    prismi_trainer_release(&in->trainer);
    prismi_order_release(&in->order);
    prismi_mse_release(&in->mse);
    prism_net_destroy(&in->net);
    prismi_free(in->mean);
    prismi_free(in->index);
    prismi_free(in);
    *pin = NULL;
}

int prismi_interp_train(struct prismi_interp *in)
{
    struct prismi_trainer *t = &in->trainer;
    const int batch = in->par.batch;
    const int64_t steps = ((int64_t)in->par.epochs * in->rows + batch - 1) / batch;
    while (t->st.step < steps) {
        PRISM_TRY(prismi_trainer_begin_step(t));
        prismi_order_batch(&in->order, t->st.step, batch, in->index);
        PRISM_TRY(prismi_trainer_step(t, in->index, false, t->st.step + 1 == steps));
    }
    return 0;
}

int prismi_interp_predict(struct prismi_interp *in, const double *x, int rows, double *y)
{
    const int batch = in->par.batch;
    prism_mem out;
    for (int at = 0; at < rows; at += batch) {
        const size_t n = (size_t)(rows - at < batch ? rows - at : batch);
        standardise(in, x + (size_t)at * in->inputs, n);
        PRISM_TRY(prismi_dev_put(in->dev, in->mse.input, in->par.dtype, in->host, n * in->inputs));
        prismi_trainer_forget(&in->trainer);
        PRISM_TRY(prismi_trainer_output(&in->trainer, &out));
        PRISM_TRY(prismi_dev_get(in->dev, y + (size_t)at * in->outputs, out, in->par.dtype,
                                 n * in->outputs));
    }
    return 0;
}
