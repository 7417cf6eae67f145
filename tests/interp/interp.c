/* The dense network through the trainer on a backend, argv[1] (argv[2]: folder
 * of plugins): it learns the example, to the same bits whatever the threads.
 * The gradient of the mean squared error by every parameter is compared with
 * central differences in double. */
#include "interp/interp.h"
#include "support/support.h"
#include "support/tap.h"

#include <math.h>

static void check(bool good, const char *text, double number)
{
    tap(good, "%s (%g)", text, number);
}

static const struct prismi_interp_params small = {PRISM_F32, 2, {16, 8}, 32, 40, 5e-3, 7};

/* R2 on rows that were not trained on; predictions in y [rows of test]. */
static double learn(struct prism_ctx *ctx, struct prism_dev *dev,
                    const struct prismi_interp_params *p, int rows, double *y)
{
    struct prismi_table train, test;
    struct prismi_interp *in;
    MUST(ctx, prismi_table_example(ctx, rows, 1, &train));
    MUST(ctx, prismi_table_example(ctx, 300, 2, &test));
    MUST(ctx, prismi_interp_create(dev, p, &train, &in));
    MUST(ctx, prismi_interp_train(in));
    MUST(ctx, prismi_interp_predict(in, test.x, test.rows, y));
    prismi_interp_destroy(&in);
    double r2 = prismi_table_r2(&test, y);
    prismi_free(train.x);
    prismi_free(test.x);
    return r2;
}

/* ---- the gradient in double ---- */

static double loss_of(struct prism_ctx *ctx, struct prism_dev *dev, struct prismi_mse *mse,
                      struct prismi_model *m)
{
    prism_mem y;
    double value;
    m->ops->forget(m->self);
    MUST(ctx, mse->objective.ops->feed(mse));
    MUST(ctx, m->ops->output(m->self, &y));
    MUST(ctx, mse->objective.ops->forward(mse, y));
    MUST(ctx, prismi_dev_get(dev, &value, mse->value, PRISM_F64, 1));
    return value;
}

static double worst_gradient(struct prism_ctx *ctx, struct prism_dev *dev)
{
    enum { ROWS = 9, BATCH = 4 };
    const struct prismi_mlp_params np = {PRISM_F64, 3, 2, 2, {5, 4}, PRISM_ACT_TANH};
    const struct prismi_net_mode mode = {.batch = BATCH, .init = PRISM_INIT_GLOROT};
    const struct prismi_mse_params mp = {PRISM_F64, ROWS, BATCH, 3, 2};
    const int32_t index[BATCH] = {7, 0, 3, 3};
    struct prism_net *net;
    struct prismi_model m;
    struct prismi_mse mse;
    struct prismi_arena arena = {0};
    prism_mem y, gy;
    double x[ROWS * 3], t[ROWS * 2], worst = 0;
    for (int i = 0; i < ROWS * 3; i++)
        x[i] = prismi_rng_normal(3, 1, (uint64_t)i);
    for (int i = 0; i < ROWS * 2; i++)
        t[i] = prismi_rng_normal(4, 1, (uint64_t)i);
    MUST(ctx, prismi_mlp_create(dev, &np, &mode, &net));
    MUST(ctx, prism_net_init(net, 5));
    prismi_net_model(net, &m);
    MUST(ctx, prismi_mse_create(dev, &mp, x, t, &mse));
    prismi_net_set_input(net, mse.input);
    prismi_arena_add(&arena, BATCH * 2 * sizeof(double), &gy);
    MUST(ctx, prismi_arena_bind(&arena, dev));
    MUST(ctx, mse.objective.ops->select(&mse, index));
    double value = loss_of(ctx, dev, &mse, &m), by_hand = 0;
    MUST(ctx, m.ops->output(m.self, &y));
    double out[BATCH * 2];
    MUST(ctx, prismi_dev_get(dev, out, y, PRISM_F64, BATCH * 2));
    for (int i = 0; i < BATCH * 2; i++)
        by_hand += pow(out[i] - t[2 * index[i / 2] + i % 2], 2) / (BATCH * 2);
    check(fabs(value - by_hand) < 1e-14, "the value is the mean squared error of the selected rows",
          value - by_hand);
    MUST(ctx, mse.objective.ops->backward(&mse, y, gy));
    MUST(ctx, m.ops->backward(m.self, gy));
    for (int i = 0; i < prism_net_param_count(net); i++) {
        struct prism_param_info p;
        MUST(ctx, prism_net_param(net, i, &p));
        for (size_t j = 0; j < p.count; j++) {
            double at, grad, side[2];
            const prism_mem place = p.value + j * sizeof at;
            MUST(ctx, prismi_dev_get(dev, &at, place, PRISM_F64, 1));
            MUST(ctx, prismi_dev_get(dev, &grad, p.grad + j * sizeof at, PRISM_F64, 1));
            for (int k = 0; k < 2; k++) {
                const double moved = at + (k ? 1e-5 : -1e-5);
                MUST(ctx, prismi_dev_put(dev, place, PRISM_F64, &moved, 1));
                side[k] = loss_of(ctx, dev, &mse, &m);
            }
            MUST(ctx, prismi_dev_put(dev, place, PRISM_F64, &at, 1));
            worst = fmax(worst, fabs((side[1] - side[0]) / 2e-5 - grad));
        }
    }
    prismi_arena_release(&arena);
    prismi_mse_release(&mse);
    m.ops->destroy(m.self);
    return worst;
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref",
               *plugins = argc > 2 && *argv[2] ? argv[2] : NULL;
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev[2];
    static double y[2][300];
    for (int i = 0; i < 2; i++) {
        const struct prism_dev_params p = {
            .backend = backend, .plugin_path = plugins, .threads = i + 1};
        if (prism_dev_open(ctx, &p, &dev[i])) {
            int status = support_missing(ctx, backend);
            prism_ctx_destroy(&ctx);
            return status;
        }
    }
    const double r2 = learn(ctx, dev[0], &small, 1000, y[0]);
    check(r2 > 0.85, "R2 of a small network after 40 epochs of 1000 rows", r2);
    learn(ctx, dev[1], &small, 1000, y[1]);
    check(!memcmp(y[0], y[1], sizeof y[0]), "the same bits on one and on two threads",
          y[0][0] - y[1][0]);
    if (dev[0]->caps.dtypes >> PRISM_F64 & 1) {
        const double worst = worst_gradient(ctx, dev[0]);
        check(worst < 1e-9, "gradient by every parameter against differences, in double", worst);
    }
    struct prismi_interp_params bad = small;
    struct prismi_table t;
    struct prismi_interp *in;
    bad.batch = 51;
    MUST(ctx, prismi_table_example(ctx, 50, 1, &t));
    check(prismi_interp_create(dev[0], &bad, &t, &in) == PRISM_EINVAL &&
              strstr(prism_ctx_error(ctx)->text, "batch 51"),
          "a batch above the rows of the table is refused", 51);
    prismi_free(t.x);
    if (argc > 3) { /* the whole example */
        const struct prismi_interp_params whole = {PRISM_F32, 3, {64, 32, 16}, 32, 300, 1e-3, 1};
        const double full = learn(ctx, dev[1], &whole, 5000, y[0]);
        check(full >= 0.99, "R2 of 64, 32, 16 on new rows after 300 epochs of 5000 rows", full);
    }
    for (int i = 0; i < 2; i++)
        prism_dev_close(&dev[i]);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
