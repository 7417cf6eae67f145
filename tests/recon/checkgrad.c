/* Gradients of every loss and composite through the modulus, the measurement
 * and a small decoder, in double on the built-in backend argv[1], against
 * central differences along random directions. The program needs no check
 * library, so that it runs in every build.
 *
 * The best of four step sizes counts: rounding spoils small steps, kinks (L1,
 * ReLU) and curvature spoil large ones, and no step size makes a wrong gradient
 * agree. */
#include "support/session.h"
#include "support/tap.h"

static const double LIMIT = 1e-7;

struct problem_grad {
    const char *name;
    double weights[PRISM_LOSS_COUNT];
    bool masks, unnormalised, complex_object;
    int grid, obj, field, batch;
};

static const struct problem_grad cases[] = {
    {"l1", .weights = {1}, .grid = 32, .obj = 16, .batch = 3},
    {"l1 plain mean", .weights = {1}, .unnormalised = true, .grid = 32, .obj = 16, .batch = 3},
    {"l1 union and new", .weights = {1}, .masks = true, .grid = 32, .obj = 16, .batch = 2},
    {"l1 small field", .weights = {1}, .grid = 32, .obj = 16, .field = 16, .batch = 3},
    {"l2", .weights = {0, 1}, .grid = 32, .obj = 16, .batch = 3},
    {"l2 union and new", .weights = {0, 1}, .masks = true, .grid = 32, .obj = 16, .batch = 2},
    {"l2 plain mean", .weights = {0, 1}, .masks = true, .unnormalised = true, .grid = 32, .obj = 16,
     .batch = 2},
    {"l2 complex object", .weights = {0, 1}, .complex_object = true, .grid = 32, .obj = 16,
     .batch = 3},
    {"ssim", .weights = {0, 0, 1}, .grid = 32, .obj = 16, .batch = 3},
    {"ssim union and new", .weights = {0, 0, 1}, .masks = true, .grid = 32, .obj = 16, .batch = 2},
    {"ms-ssim, 2 scales", .weights = {0, 0, 0, 1}, .masks = true, .grid = 32, .obj = 16,
     .batch = 2},
    {"ms-ssim, 3 scales", .weights = {0, 0, 0, 1}, .grid = 64, .obj = 16, .batch = 2},
    {"ms-ssim, odd scales", .weights = {0, 0, 0, 1}, .grid = 64, .obj = 16, .field = 46,
     .batch = 2},
    {"l1 and ssim", .weights = {0.7, 0, 0.3}, .masks = true, .grid = 32, .obj = 16, .batch = 2},
    {"l1 and l2", .weights = {0.4, 0.6}, .grid = 32, .obj = 16, .batch = 3},
    {"all four", .weights = {0.3, 0.2, 0.3, 0.2}, .grid = 32, .obj = 16, .batch = 3},
    {"poisson", .weights = {[PRISM_LOSS_POISSON] = 1}, .grid = 32, .obj = 16, .batch = 3},
    {"poisson union and new", .weights = {[PRISM_LOSS_POISSON] = 1}, .masks = true, .grid = 32,
     .obj = 16, .batch = 2},
    {"poisson plain mean of a complex object", .weights = {[PRISM_LOSS_POISSON] = 1},
     .unnormalised = true, .complex_object = true, .grid = 32, .obj = 16, .batch = 3},
    {"poisson and ssim", .weights = {[PRISM_LOSS_SSIM] = 0.3, [PRISM_LOSS_POISSON] = 0.7},
     .grid = 32, .obj = 16, .batch = 3},
    {"all four on a complex object", .weights = {0.3, 0.2, 0.3, 0.2}, .complex_object = true,
     .grid = 32, .obj = 16, .batch = 3},
};

static struct prism_ctx *ctx;
static struct prism_dev *dev;

/* The variables: the parameters of a network, or the object itself if it is
 * complex. */
struct function {
    struct prismi_term term;
    struct prism_net *net;
    struct prismi_arena arena;
    prism_mem x, gx, params;
    size_t n, pixels;
    int batch;
};

static double value_of(struct function *f)
{
    double v[8], sum = 0;
    prism_mem x = f->x;
    if (f->net)
        MUST(ctx, prism_net_forward(f->net, &x));
    MUST(ctx, prismi_term_forward(&f->term, x));
    MUST(ctx, prismi_dev_get(dev, v, prismi_loss_value(f->term.loss), PRISM_F64, (size_t)f->batch));
    for (int b = 0; b < f->batch; b++)
        sum += v[b];
    return sum;
}

static void gradient_of(struct function *f, double *g)
{
    value_of(f);
    MUST(ctx, prismi_term_backward(&f->term, f->gx));
    if (f->net)
        MUST(ctx, prism_net_backward(f->net, f->gx));
    if (!f->net)
        MUST(ctx, prismi_dev_get(dev, g, f->gx, PRISM_F64, f->n));
    for (int i = 0; f->net && i < prism_net_param_count(f->net); i++) {
        struct prism_param_info p;
        MUST(ctx, prism_net_param(f->net, i, &p));
        get_gradient(dev, f->net, i, g + (size_t)(p.value - f->params) / sizeof *g);
    }
}

/* |numeric - analytic| / |analytic| along a random direction. */
static double error_along(struct function *f, const double *p, const double *g, double *work,
                          uint64_t seed)
{
    static const double steps[] = {1e-4, 1e-5, 1e-6, 1e-7};
    double analytic = 0, best = INFINITY;
    for (size_t i = 0; i < f->n; i++)
        analytic += g[i] * prismi_rng_normal(seed, 1, i);
    for (int k = 0; k < 4; k++) {
        double side[2];
        for (int j = 0; j < 2; j++) {
            for (size_t i = 0; i < f->n; i++)
                work[i] = p[i] + (j ? 1 : -1) * steps[k] * prismi_rng_normal(seed, 1, i);
            MUST(ctx, prismi_dev_put(dev, f->params, PRISM_F64, work, f->n));
            side[j] = value_of(f);
        }
        best = fmin(best, fabs((side[1] - side[0]) / (2 * steps[k]) - analytic) / fabs(analytic));
    }
    MUST(ctx, prismi_dev_put(dev, f->params, PRISM_F64, p, f->n));
    return best;
}

static struct function make_function(const struct problem_grad *c, struct prism_dataset *ds)
{
    struct function f = {.batch = c->batch, .pixels = (size_t)c->obj * c->obj};
    const struct prismi_term_params tp = {
        .dtype = PRISM_F64,
        .complex_object = c->complex_object,
        .masks = c->masks,
        .batch = c->batch,
        .kinds = {[PRISM_LOSS_SSIM] = c->weights[PRISM_LOSS_SSIM] > 0,
                  [PRISM_LOSS_MS_SSIM] = c->weights[PRISM_LOSS_MS_SSIM] > 0},
        .composite = true,
        .unnormalised = c->unnormalised};
    const struct prism_decoder_params dp = {.dtype = PRISM_F64,
                                            .grid_size = c->grid,
                                            .obj_size = c->obj,
                                            .min_channels = 1,
                                            .output_activation = PRISM_OUTPUT_NONE};
    MUST(ctx, prismi_term_create(dev, ds, &tp, &f.term));
    MUST(ctx, prismi_loss_set_weights(f.term.loss, c->weights));
    if (!c->complex_object) {
        MUST(ctx, prism_decoder_create(dev, &dp, &f.net));
        MUST(ctx, prism_net_init(f.net, 3));
        prism_net_values(f.net, &f.params, &f.n);
    }
    return f;
}

static void bind_function(struct function *f)
{
    prismi_arena_add(&f->arena, 2 * f->pixels * sizeof(double), &f->x);
    prismi_arena_add(&f->arena, 2 * f->pixels * sizeof(double), &f->gx);
    MUST(ctx, prismi_arena_bind(&f->arena, dev));
    if (f->net)
        return;
    f->params = f->x;
    f->n = 2 * f->pixels;
    for (size_t i = 0; i < f->n; i++) {
        double v = prismi_rng_uniform(8, 8, i);
        MUST(ctx, prismi_dev_put(dev, f->x + i * sizeof v, PRISM_F64, &v, 1));
    }
}

/* The two masks of the progressive objective, with targets that no field
 * equals. */
static void set_masks(struct function *f, struct prism_dataset *ds, int grid)
{
    uint8_t *mask = new_array((size_t)grid * grid, 1);
    for (int a = 0; a < 2; a++) {
        const struct prism_aperture disc = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = a ? 4 : 6};
        prism_aperture_render(&disc, a, a, -grid / 2, -grid / 2, grid, grid, mask);
        MUST(ctx, f->term.instrument->ops->set_mask(f->term.instrument, a, mask, 0, grid));
        MUST(ctx, prismi_term_load_target(&f->term, ds, a, a, PRISM_F64));
    }
    MUST(ctx, prismi_loss_weigh(f->term.loss));
    free(mask);
}

static void check_case(const struct problem_grad *c)
{
    static const double centres[4][2] = {{0, 0}, {3, 1.5}, {-4, 2}, {2, -5}};
    static const int32_t index[] = {3, 0, 2};
    const struct prism_dataset_params dp = {
        .grid_size = c->grid,
        .obj_size = c->obj,
        .field_size = c->field,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 4}};
    struct prism_dataset *ds;
    double *truth = small_object(c->obj), worst = 0;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 4, &ds));
    struct function f = make_function(c, ds);
    bind_function(&f);
    if (c->masks)
        set_masks(&f, ds, c->grid);
    else
        MUST(ctx, f.term.instrument->ops->select(f.term.instrument, index));
    double *p = new_array(f.n, sizeof *p), *g = new_array(f.n, sizeof *g),
           *work = new_array(f.n, sizeof *work);
    MUST(ctx, prismi_dev_get(dev, p, f.params, PRISM_F64, f.n));
    gradient_of(&f, g);
    for (uint64_t seed = 1; seed <= 3; seed++)
        worst = fmax(worst, error_along(&f, p, g, work, seed));
    tap(worst < LIMIT, "%s: error %.1e", c->name, worst);
    free(p);
    free(g);
    free(work);
    free(truth);
    prismi_arena_release(&f.arena);
    prism_net_destroy(&f.net);
    prismi_term_release(&f.term);
    prism_dataset_destroy(&ds);
}

/* The image-space loss of the initialisation, through the session's own
 * step. */
static void check_init(void)
{
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP64);
    struct prism_session *s = new_session(&p);
    size_t n = s->pixels;
    double analytic = 0, numeric, *x = new_array(n, sizeof *x), *t = new_array(n, sizeof *t),
           *g = new_array(n, sizeof *g);
    MUST(ctx, prismi_trainer_loss(&s->trainer, false));
    MUST(ctx, s->initial.objective.ops->backward(&s->initial, s->trainer.x, s->trainer.gx));
    MUST(ctx, prismi_dev_get(dev, x, s->trainer.x, PRISM_F64, n));
    MUST(ctx, prismi_dev_get(dev, t, s->initial.target, PRISM_F64, n));
    MUST(ctx, prismi_dev_get(dev, g, s->trainer.gx, PRISM_F64, n));
    double side[2] = {0}, norm = 0, h = 1e-7;
    for (size_t i = 0; i < n; i++) {
        double d = prismi_rng_normal(4, 1, i);
        analytic += g[i] * d;
        norm += fabs(t[i]);
        side[0] += fabs(x[i] - h * d - t[i]);
        side[1] += fabs(x[i] + h * d - t[i]);
    }
    numeric = (side[1] - side[0]) / (2 * h) / norm;
    tap(fabs(numeric - analytic) < LIMIT, "initialisation: %.10f, difference %.1e", analytic,
        fabs(numeric - analytic));
    free(x);
    free(t);
    free(g);
    prism_session_destroy(&s);
    release_experiment(&p);
}

/* Energy of x [o,o] on [n,n] outside the apertures, by definition of the
 * transform. */
static double energy_outside(const double *x, int o, int n, const uint8_t *open)
{
    double sum = 0;
    for (int ky = 0; ky < n; ky++)
        for (int kx = 0; kx < n; kx++) {
            double re = 0, im = 0;
            if (open[ky * n + kx])
                continue;
            for (int i = 0; i < o * o; i++) {
                double phase = 2 * 3.14159265358979323846 *
                               ((ky - n / 2) * (i / o) + (kx - n / 2) * (i % o)) / n;
                re += x[i] * cos(phase);
                im += x[i] * sin(phase);
            }
            sum += (re * re + im * im) / (n * n);
        }
    return sum;
}

/* The term of the unmeasured positions adds its gradient. The term is
 * quadratic, so central differences are exact. */
static void check_unmeasured(void)
{
    enum { N = 32, O = 16, PIXELS = O * O };
    static const double centres[2][2] = {{0, 0}, {3, 1.5}};
    const struct prism_dataset_params dp = {
        .grid_size = N, .obj_size = O, .aperture = {.radius_px = 6}};
    double *truth = small_object(O), x[PIXELS], g[PIXELS], side[2][PIXELS], analytic = 0;
    uint8_t open[N * N] = {0}, one[N * N];
    struct prism_dataset *ds;
    struct prismi_unmeasured q;
    struct prismi_arena arena = {0};
    prism_mem dx, dg;
    MUST(ctx, prism_dataset_simulate(dev, &dp, truth, &centres[0][0], 2, &ds));
    MUST(ctx, prismi_unmeasured_create(dev, ds, PRISM_F64, false, 0.7, &q));
    prismi_arena_add(&arena, sizeof x, &dx);
    prismi_arena_add(&arena, sizeof g, &dg);
    MUST(ctx, prismi_arena_bind(&arena, dev));
    for (int k = 0; k < 2; k++) {
        prism_aperture_render(&dp.aperture, centres[k][0], centres[k][1], -N / 2, -N / 2, N, N,
                              one);
        for (int i = 0; i < N * N; i++)
            open[i] |= one[i];
    }
    for (uint64_t i = 0; i < PIXELS; i++) {
        double d = prismi_rng_normal(5, 2, i);
        x[i] = prismi_rng_normal(5, 1, i);
        g[i] = 0.25; /* the data term's gradient */
        side[0][i] = x[i] - d;
        side[1][i] = x[i] + d;
    }
    MUST(ctx, prismi_dev_put(dev, dx, PRISM_F64, x, PIXELS));
    MUST(ctx, prismi_dev_put(dev, dg, PRISM_F64, g, PIXELS));
    MUST(ctx, prismi_unmeasured_gradient(&q, dx, dg));
    MUST(ctx, prismi_dev_get(dev, g, dg, PRISM_F64, PIXELS));
    for (uint64_t i = 0; i < PIXELS; i++)
        analytic += (g[i] - 0.25) * prismi_rng_normal(5, 2, i);
    double numeric =
        0.7 * (energy_outside(side[1], O, N, open) - energy_outside(side[0], O, N, open)) / 2;
    double error = fabs(numeric - analytic) / fabs(numeric);
    tap(error < 1e-11, "unmeasured positions: %.6f, error %.1e", analytic, error);
    prismi_arena_release(&arena);
    prismi_unmeasured_release(&q);
    prism_dataset_destroy(&ds);
    free(truth);
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "ref";
    ctx = open_ctx();
    dev = open_dev(ctx, backend, NULL, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i]);
    check_init();
    check_unmeasured();
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
