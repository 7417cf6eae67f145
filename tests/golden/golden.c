/* Training against numbers recorded from the original program: losses and
 * gradients of the first steps, image metrics.
 *
 * N = 64, O = 32, aperture radius 6 at (0,0), then (5,7); weights from a linear
 * congruential generator; Adam, lr 1e-3. The original's measurement is ours
 * rolled by one pixel, out[i,j] = |u[i+1,j+1]|. Sums over a field do not see
 * it; the mirrored border of SSIM does. So L1 and L2 run in a session, and SSIM
 * twice: in a session, where the roll costs what the test prints, and on the
 * session's parts with the object placed one pixel up and left, which is the
 * roll. */
#include "nn/layer.h"
#include "prismrec/metrics.h"
#include "recorded.h"
#include "support/tap.h"

static const double centres[2][2] = {{0, 0}, {5, 7}};
/* The largest relative difference of the gradients' norms, which were recorded
 * with nine digits. */
static double gradient_error(struct prism_ctx *ctx, struct prism_dev *dev, struct prism_net *net,
                             const double want[18])
{
    double worst = prism_net_param_count(net) == 18 ? 0 : INFINITY;
    for (int i = 0; i < 18 && worst < INFINITY; i++) {
        struct prism_param_info p;
        double sum = 0;
        MUST(ctx, prism_net_param(net, i, &p));
        double *g = new_array(p.count, sizeof *g);
        get_gradient(dev, net, i, g);
        for (size_t k = 0; k < p.count; k++)
            sum += g[k] * g[k];
        worst = fmax(worst, fabs(sqrt(sum) - want[i]) / want[i]);
        free(g);
    }
    return worst;
}

static double relative(double got, double want)
{
    return fabs(got - want) / want;
}

/* ---- in a session ---- */

static void in_session(struct prism_ctx *ctx, struct prism_dev *dev, enum prism_dtype dtype,
                       const struct golden *g)
{
    const char *where = prism_dev_backend(dev), *type = dtype == PRISM_F64 ? "f64" : "f32";
    const struct prism_dataset_params dp = {
        .grid_size = N,
        .obj_size = O,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 6},
        .in_double = dtype == PRISM_F64};
    struct prism_recon_params par = {
        .precision = dtype == PRISM_F64 ? PRISM_PRECISION_FP64 : PRISM_PRECISION_FP32,
        .decoder = {.frame = true, .min_channels = 1, .output_activation = PRISM_OUTPUT_NONE},
        .metrics_every = -1};
    struct prism_dataset *ds;
    struct prism_session *s;
    double *truth = ground_truth(O, 0), limit = dtype == PRISM_F64 ? 1e-9 : 1e-5;
    bool rolled = g->kind == PRISM_LOSS_SSIM;
    par.training = (struct prism_training_params){.objective = PRISM_OBJ_PROGRESSIVE,
                                                  .lr = 1e-3,
                                                  .schedule = PRISM_SCHEDULE_CONSTANT,
                                                  .amsgrad = g->amsgrad,
                                                  .init_steps = -1,
                                                  .loss_threshold = -1,
                                                  .n_epochs = 50,
                                                  .max_epochs = 1,
                                                  .max_retries = -1,
                                                  .retry_lr_multiplier = 1};
    par.training.loss_weights[g->kind] = 1;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &ds));
    MUST(ctx, prism_session_create(dev, ds, &par, &s));
    lcg_weights(ctx, dev, prism_session_net(s));
    for (int i = 1, k = 0; i <= 50; i++) {
        MUST(ctx, prism_session_step(s));
        if (i == 1 && g->grad[0] > 0 && !rolled) {
            double e = gradient_error(ctx, dev, prism_session_net(s), g->grad);
            tap(e < limit, "%s %s %s gradients: error %.1e", g->name, where, type, e);
        }
        if (k < STEPS && i == steps[k]) {
            double e = fmax(relative(samples(s)->loss_old, g->loss[k]),
                            relative(samples(s)->loss_new, g->loss[k]));
            /* unrolled SSIM: the border moves the value by a part in a
             * thousand */
            double bound = rolled ? 5e-2 : i == 20 ? 1e-2 : limit;
            tap(e < bound, "%s %s %s step %d%s: loss %.10f, error %.1e", g->name, where, type, i,
                rolled ? " without the roll" : "", samples(s)->loss_new, e);
            k++;
        }
    }
    MUST(ctx, prism_session_step(s));
    if (rolled) /* SSIM of equal images is 1 to rounding only */
        tap(fabs(samples(s)->loss_old) < 1e-6, "%s %s %s sample 2: loss_old %.1e", g->name, where,
            type, samples(s)->loss_old);
    else
        tap(samples(s)->loss_old == 0, "%s %s %s sample 2: loss_old %g is exactly 0", g->name,
            where, type, samples(s)->loss_old);
    tap(relative(samples(s)->loss_new, g->second) < 0.1,
        "%s %s %s sample 2: loss_new %.4f, recorded %.4f", g->name, where, type,
        samples(s)->loss_new, g->second);
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    free(truth);
}

/* ---- SSIM with the roll, on a session's parts ---- */

#define ROLLED                                                                                     \
    (O + 2) /* centred on the grid it starts at 15, and the object in its corner there instead of  \
               at 16 */

struct parts {
    struct prism_dev *dev;
    struct prism_net *net;
    struct prism_measure *measure;
    struct prismi_loss *loss;
    struct prismi_adam adam;
    struct prismi_arena arena;
    prism_mem x, gx, wide, field;
    enum prism_dtype dtype;
};

static void make_parts(struct prism_ctx *ctx, struct parts *p)
{
    const double ssim[PRISM_LOSS_COUNT] = {[PRISM_LOSS_SSIM] = 1};
    const struct prism_decoder_params dec = {.dtype = p->dtype,
                                             .grid_size = N,
                                             .obj_size = O,
                                             .frame = true,
                                             .min_channels = 1,
                                             .output_activation = PRISM_OUTPUT_NONE};
    const struct prism_measure_params mp = {.dtype = p->dtype,
                                            .grid_h = N,
                                            .grid_w = N,
                                            .obj_h = ROLLED,
                                            .obj_w = ROLLED,
                                            .n_apertures = 1,
                                            .batch = 1};
    const struct prismi_loss_params lp = {.dtype = p->dtype,
                                          .n_targets = 1,
                                          .batch = 1,
                                          .h = N,
                                          .w = N,
                                          .kinds = {[PRISM_LOSS_SSIM] = true}};
    const struct prism_aperture disc = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 6};
    struct prismi_model model;
    size_t real = prism_dtype_size(p->dtype);
    MUST(ctx, prism_decoder_create(p->dev, &dec, &p->net));
    lcg_weights(ctx, p->dev, p->net);
    MUST(ctx, prism_measure_create(p->dev, &mp, &p->measure));
    MUST(ctx, prism_measure_set_aperture(p->measure, 0, &disc, 0, 0, NULL));
    MUST(ctx, prismi_loss_create(p->dev, &lp, &p->loss));
    MUST(ctx, prismi_loss_set_weights(p->loss, ssim));
    prismi_net_model(p->net, &model);
    prismi_adam_plan(&p->adam, &model, &p->arena);
    prismi_arena_add(&p->arena, p->adam.count * real, &p->adam.m);
    prismi_arena_add(&p->arena, p->adam.count * real, &p->adam.v);
    prismi_arena_add(&p->arena, O * O * real, &p->gx);
    prismi_arena_add(&p->arena, ROLLED * ROLLED * real, &p->wide);
    prismi_arena_add(&p->arena, 2 * N * N * real, &p->field);
    MUST(ctx, prismi_arena_bind(&p->arena, p->dev));
}

static void parts_target(struct prism_ctx *ctx, struct parts *p)
{
    double *truth = ground_truth(ROLLED, 0);
    MUST(ctx, prismi_dev_put(p->dev, p->wide, p->dtype, truth, ROLLED * ROLLED));
    MUST(ctx, prism_measure_forward(p->measure, p->field, p->wide));
    MUST(ctx, prismi_map(p->dev, PRISM_MAP_C_ABS, p->dtype, 1, N * N,
                         prismi_loss_target(p->loss, 0), p->field, 0, 0, 0, 0));
    free(truth);
}

/* The two losses of the first sample are equal: twice one of them. */
static double parts_step(struct prism_ctx *ctx, struct parts *p, int t)
{
    const struct prism_window_desc widen = {p->dtype, 1, ROLLED, ROLLED, O, O, 0, 0},
                                   narrow = {p->dtype, 1, O, O, ROLLED, ROLLED, 0, 0};
    double value;
    MUST(ctx, prism_net_forward(p->net, &p->x));
    MUST(ctx, p->dev->ops->window(p->dev, &widen, p->wide, p->x));
    MUST(ctx, prism_measure_forward(p->measure, p->field, p->wide));
    MUST(ctx, prismi_loss_run(p->loss, p->field, prism_measure_index(p->measure)));
    MUST(ctx, prismi_dev_get(p->dev, &value, prismi_loss_value(p->loss), p->dtype, 1));
    MUST(ctx, prism_measure_adjoint(p->measure, p->wide, p->field));
    MUST(ctx, p->dev->ops->window(p->dev, &narrow, p->gx, p->wide));
    MUST(ctx,
         prismi_map(p->dev, PRISM_MAP_AXPBY, p->dtype, 1, O * O, p->gx, p->gx, p->gx, 0, 1, 1));
    MUST(ctx, prism_net_backward(p->net, p->gx));
    MUST(ctx, prismi_adam_set(p->dev, &p->adam, 1e-3, t));
    MUST(ctx, prismi_adam_update(p->dev, &p->adam));
    return value;
}

static void rolled_ssim(struct prism_ctx *ctx, struct prism_dev *dev, enum prism_dtype dtype,
                        const struct golden *g)
{
    const char *where = prism_dev_backend(dev), *type = dtype == PRISM_F64 ? "f64" : "f32";
    struct parts p = {.dev = dev, .dtype = dtype};
    make_parts(ctx, &p);
    parts_target(ctx, &p);
    for (int i = 1, k = 0; i <= 20; i++) {
        double loss = parts_step(ctx, &p, i);
        if (i == 1) {
            double e = gradient_error(ctx, dev, p.net, g->grad);
            tap(e < 1e-5, "ssim %s %s rolled gradients: error %.1e", where, type, e);
        }
        if (i == steps[k]) { /* recorded in single precision even in the double run */
            double e = relative(loss, g->loss[k]);
            tap(e < (i == 20 ? 1e-2 : 1e-5), "ssim %s %s rolled step %d: loss %.10f, error %.1e",
                where, type, i, loss, e);
            k++;
        }
    }
    prismi_arena_release(&p.arena);
    prismi_loss_destroy(&p.loss);
    prism_measure_destroy(&p.measure);
    prism_net_destroy(&p.net);
}

/* ---- image metrics ---- */

static void image_metrics(void)
{
    const size_t n = 256 * 256;
    double *a = new_array(n, sizeof *a), *b = new_array(n, sizeof *b);
    lcg_fill(a, n, 101);
    lcg_fill(b, n, 202);
    for (size_t i = 0; i < n; i++) {
        a[i] = 0.5 + 0.5 * a[i];
        b[i] = 0.8 * a[i] + 0.2 * (0.5 + 0.5 * b[i]);
    }
    const struct {
        const char *name;
        double got, want, limit;
    } m[] = {{"SSIM", prism_ssim(a, b, 256, 256), 0.9511065483093262,
              1e-6}, /* recorded in single precision */
             {"skimage SSIM", prism_ssim_skimage(a, b, 256, 256), 0.9512122077068375, 1e-12},
             {"MS-SSIM", prism_ms_ssim(a, b, 256, 256), 0.9604806900024414, 1e-6},
             {"RMSE", prism_rmse_percent(a, b, n), 14.727062718739273, 1e-10},
             {"PSNR", prism_psnr_db(b, a, n), 21.779885783755493, 1e-10}};
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        tap(fabs(m[i].got - m[i].want) < m[i].limit, "%s %.12f, recorded %.12f", m[i].name,
            m[i].got, m[i].want);
    free(a);
    free(b);
}

/* Arguments: the backend, the folder of its plugin. */
int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref";
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev = open_dev(ctx, backend, argc > 2 ? argv[2] : NULL, 1);
    if (!dev) {
        int status = support_missing(ctx, backend);
        prism_ctx_destroy(&ctx);
        return status;
    }
    image_metrics();
    for (int t = PRISM_F32; t <= PRISM_F64; t++)
        for (size_t i = 0; i < sizeof recorded / sizeof recorded[0] && dev->caps.dtypes >> t & 1;
             i++) {
            in_session(ctx, dev, (enum prism_dtype)t, &recorded[i]);
            if (recorded[i].kind == PRISM_LOSS_SSIM)
                rolled_ssim(ctx, dev, (enum prism_dtype)t, &recorded[i]);
        }
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
