/* The precisions of a session, on ref: half storage against single, the display
 * in single precision, loss scaling and its counters, falling back to fp32, and
 * resumed runs. A plain program. */
#include "nn/layer.h"
#include "support/session.h"
#include "support/setup.h"
#include "support/tap.h"

#include <unistd.h>

static struct experiment p;
static char path[300];

static uint64_t hash_of(struct prism_session *s, const char *name)
{
    for (int i = 0; i < s->trainer.n_slabs; i++)
        if (!strcmp(s->trainer.slabs[i].name, name))
            return slab_hash(s, i, 1);
    return 0;
}

static void set_scale(struct prism_session *s, double scale, double steps, double skipped)
{
    const double state[3] = {scale, steps, skipped};
    MUST(ctx, prismi_dev_put(dev, s->trainer.scaler.state, PRISM_F32, state, 3));
}

static void get_scale(struct prism_session *s, double state[3])
{
    MUST(ctx, prismi_dev_get(dev, state, s->trainer.scaler.state, PRISM_F32, 3));
}

/* ---- quality ---- */

/* An experiment with grid 64, object 32 and nine apertures. */
static struct experiment larger_problem(void)
{
    static const double centres[9][2] = {{0, 0},  {9, 2},    {-8, 4}, {2, -9}, {-3, 10},
                                         {10, 9}, {-10, -8}, {9, -9}, {-11, 9}};
    const struct prism_dataset_params dp = {
        .grid_size = 64,
        .obj_size = 32,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 7}};
    struct experiment q = {.ctx = ctx, .dev = dev, .n = 9, .truth = small_object(32), .par = p.par};
    q.cache = new_cache(ctx, dev);
    MUST(ctx, prism_dataset_simulate(dev, &dp, q.truth, &centres[0][0], q.n, &q.ds));
    q.par.decoder = (struct prism_decoder_params){
        .latent_channels = 32, .min_channels = 8, .output_activation = PRISM_OUTPUT_SIGMOID};
    q.par.seed = 1;
    q.par.training.init_steps = 100;
    q.par.training.max_steps = 300;
    q.par.training.batch = 4;
    q.par.training.unmeasured_weight = 1;
    return q;
}

static void quality(void)
{
    static const struct {
        enum prism_precision precision;
        const char *name;
    } runs[] = {{PRISM_PRECISION_FP64, "fp64"},
                {PRISM_PRECISION_FP32, "fp32"},
                {PRISM_PRECISION_TF32, "tf32"},
                {PRISM_PRECISION_BF16, "bf16"},
                {PRISM_PRECISION_FP16, "fp16"}};
    struct experiment q = larger_problem();
    double loss = 0, ssim = 0;
    for (int i = 0; i < 5; i++) {
        q.par.precision = runs[i].precision;
        struct prism_session *s = new_session(&q);
        MUST(ctx, prism_session_run(s, NULL, NULL));
        struct prism_progress at = progress_of(s);
        if (i == 0) { /* the reference of the others, checked by itself */
            loss = at.loss;
            ssim = at.ssim;
            tap(loss < 0.05 && ssim > 0.88, "fp64 after %d steps: loss %.4f, SSIM %.4f",
                (int)at.step, loss, ssim);
        } else
            tap(at.loss < 1.05 * loss && at.ssim > 0.99 * ssim,
                "%s after %d steps: loss at most 5 %% above fp64's, SSIM at most 1 %% below: %.4f, "
                "%.4f; %d updates left out, "
                "scale %g",
                runs[i].name, (int)at.step, at.loss, at.ssim, (int)at.skipped, at.loss_scale);
        tap(i == 4 ? at.loss_scale == 65536 : isnan(at.loss_scale) && at.skipped == 0,
            "%s: loss scaling is fp16's alone", runs[i].name);
        prism_session_destroy(&s);
    }
    release_experiment(&q);
}

/* ---- loss scaling ---- */

static void skips(void)
{
    double state[3];
    p.par.precision = PRISM_PRECISION_FP16;
    p.par.training.max_steps = 200;
    struct prism_session *s = new_session(&p);
    get_scale(s, state);
    tap(state[0] == 65536 && state[1] == 0 && state[2] == 0, "the scale starts at 65536");
    run_steps(s, 3);
    get_scale(s, state);
    tap(state[0] == 65536 && state[1] == 3 && state[2] == 0, "three finite steps are counted");

    set_scale(s, 0x1p120, 0, 0);
    uint64_t params = hash_of(s, "params"), m = hash_of(s, "adam.m"), v = hash_of(s, "adam.v");
    run_steps(s, 1);
    get_scale(s, state);
    tap(state[0] == 0x1p119 && state[1] == 0 && state[2] == 1,
        "a scale of 2^120 does not fit: halved, 1 step left out");
    tap(params == hash_of(s, "params") && m == hash_of(s, "adam.m") && v == hash_of(s, "adam.v"),
        "which changes neither parameters nor moments");
    set_scale(s, 1, 0, 1);
    run_steps(s, 1);
    get_scale(s, state);
    tap(state[0] == 1 && state[1] == 1 && state[2] == 1,
        "the next finite step is not left out with it");
    set_scale(s, 0x1p119, 0, 1);
    params = hash_of(s, "params");
    int steps = 0;
    for (; steps < 150 && params == hash_of(s, "params"); steps++)
        run_steps(s, 1);
    run_steps(s, PRISMI_CHECK_EVERY);
    struct prism_progress at = progress_of(s);
    get_scale(s, state);
    tap(steps > 1 && at.skipped >= steps && at.loss_scale == ldexp(1, 120 - (int)at.skipped) &&
            at.loss_scale == state[0],
        "it goes on at 2^%d, after %d steps, with %d left out, as progress says",
        (int)log2(at.loss_scale), steps, (int)at.skipped);

    set_scale(s, 1024, 1999, 7);
    run_steps(s, 1);
    get_scale(s, state);
    tap(state[0] == 2048 && state[1] == 0 && state[2] == 7,
        "2000 finite steps in a row double the scale");
    prism_session_destroy(&s);
}

/* The scale itself does not change a step that fits. */
static void scale_cancels(void)
{
    double image[2][SMALL_OBJ * SMALL_OBJ], worst = 0;
    for (int i = 0; i < 2; i++) {
        p.par.precision = PRISM_PRECISION_FP16;
        struct prism_session *s = new_session(&p);
        set_scale(s, i ? 1024 : 65536, 0, 0);
        run_steps(s, 4);
        MUST(ctx, prism_session_result(s, image[i]));
        prism_session_destroy(&s);
    }
    for (int i = 0; i < SMALL_OBJ * SMALL_OBJ; i++)
        worst = fmax(worst, fabs(image[0][i] - image[1][i]));
    tap(worst < 1e-3, "scales of 1024 and 65536 make the same steps: %.1e", worst);
}

/* ---- what is shown ---- */

static void shown(void)
{
    p.par.precision = PRISM_PRECISION_BF16;
    struct prism_session *s = new_session(&p), *single;
    p.par.precision = PRISM_PRECISION_FP32;
    single = new_session(&p);
    run_steps(s, 25);
    MUST(ctx, dev->ops->copy(dev, single->model.values, s->model.values,
                             s->model.count * sizeof(float)));
    single->trainer.st.phase = s->trainer.st.phase;
    double got[SMALL_OBJ * SMALL_OBJ], want[SMALL_OBJ * SMALL_OBJ], half[SMALL_OBJ * SMALL_OBJ],
        diff = 0;
    uint64_t running = hash_of(s, "running");
    prism_mem x;
    MUST(ctx, prism_session_result(s, got));
    MUST(ctx, prism_session_result(single, want));
    tap(!memcmp(got, want, sizeof got), "the result is in single precision");
    tap(running == hash_of(s, "running"), "and making it leaves the running statistics");
    MUST(ctx, prismi_trainer_output(&s->trainer, &x));
    MUST(ctx, prismi_dev_get(dev, half, x, PRISM_F32, SMALL_OBJ * SMALL_OBJ));
    for (int i = 0; i < SMALL_OBJ * SMALL_OBJ; i++)
        diff = fmax(diff, fabs(fabs(half[i]) - fabs(want[i])));
    tap(diff > 0 && diff < 0.1, "the output in training is not: %.1e apart", diff);
    prism_session_destroy(&single);
    prism_session_destroy(&s);
}

/* ---- falling back ---- */

static void falls_back(enum prism_precision precision, const char *name)
{
    const struct prism_caps caps = dev->caps;
    p.par.precision = precision;
    last_log[0] = '\0';
    struct prism_session *s = new_session(&p);
    tap(s->net->store != PRISM_F32 && s->display_net && !*last_log,
        "%s runs where the device has it", name);
    size_t from;
    MUST(ctx, prismi_decoder_largest_half(ctx, prism_net_params(s->net), &from));
    prism_session_destroy(&s);
    for (int i = 0; i < 3; i++) {
        dev->caps.half_pays_from = i == 0 ? from : i == 1 ? from + 1 : 0;
        if (i == 2)
            dev->caps.dtypes &= ~(1u << PRISM_F16 | 1u << PRISM_BF16);
        last_log[0] = '\0';
        s = new_session(&p);
        bool half = s->net->store != PRISM_F32;
        tap(half == (i == 0) && half == (s->display_net != NULL) &&
                (half ? !*last_log : strstr(last_log, name) && strstr(last_log, "fp32")),
            "%s: %s", name, half ? "as large as pays" : last_log);
        dev->caps = caps;
        run_steps(s, 2);
        prism_session_destroy(&s);
    }
}

/* ---- going on ---- */

static void resumes(enum prism_objective objective)
{
    p.par.precision = PRISM_PRECISION_FP16;
    p.par.training.objective = objective;
    p.par.training.max_steps = 60;
    struct prism_session *a = new_session(&p), *b = new_session(&p);
    set_scale(a, 0x1p40, 0, 0); /* so that some updates are skipped */
    run_steps(a, 37);
    MUST(ctx, prism_session_save(a, path, NULL));
    MUST(ctx, prism_session_load(b, path));
    tap(progress_of(b).loss_scale == ldexp(1, 40 - (int)progress_of(b).skipped) &&
            progress_of(b).skipped > 0,
        "the account of %d steps left out is loaded", (int)progress_of(b).skipped);
    run_steps(a, 20);
    run_steps(b, 20);
    tap(session_hash(a) == session_hash(b), "fp16 goes on bit for bit where it was saved");
    prism_session_destroy(&b);

    const struct prism_caps caps = dev->caps;
    dev->caps.dtypes &= ~(1u << PRISM_F16);
    struct prism_session *c = new_session(&p);
    dev->caps = caps;
    uint64_t before = 0, after;
    MUST(ctx, prism_session_load(c, path));
    before = hash_of(c, "loss_scale");
    run_steps(c, 5);
    after = hash_of(c, "loss_scale");
    MUST(ctx, prism_session_save(c, path, NULL));
    tap(c->net->store == PRISM_F32 && before == after,
        "a device without fp16 goes on with its checkpoint, in fp32");
    MUST(ctx, prism_session_load(a, path));
    tap(a->trainer.st.step == c->trainer.st.step && hash_of(a, "loss_scale") == before,
        "and one with it goes on from there");
    run_steps(a, 3);
    prism_session_destroy(&c);

    p.par.precision = PRISM_PRECISION_FP32;
    c = new_session(&p);
    tap(prism_session_load(c, path) == PRISM_EINVAL &&
            strstr(prism_ctx_error(ctx)->text, "precision fp16, this session has fp32"),
        "a run that asks for another precision is refused: %s", prism_ctx_error(ctx)->text);
    prism_session_destroy(&c);

    const double bad[][3] = {{0, 0, 0},  {NAN, 0, 0},  {INFINITY, 0, 0},
                             {1, -1, 0}, {1, 2000, 0}, {1, 0, NAN}};
    int refused = 0;
    for (int i = 0; i < 6; i++) {
        set_scale(a, bad[i][0], bad[i][1], bad[i][2]);
        MUST(ctx, prism_session_save(a, path, NULL));
        char previous[320];
        snprintf(previous, sizeof previous, "%s.1", path);
        unlink(previous);
        refused += prism_session_load(a, path) == PRISM_EPARSE &&
                   strstr(prism_ctx_error(ctx)->text, "loss_scale");
    }
    tap(refused == 6, "impossible scales are refused");
    prism_session_destroy(&a);
}

int main(void)
{
    fixture_params.level = PRISM_LOG_INFO;
    fixture_open();
    p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.decoder = (struct prism_decoder_params){.latent_channels = 16,
                                                  .n_channels = 4,
                                                  .channels = {16, 8, 8, 1},
                                                  .output_activation = PRISM_OUTPUT_NONE};
    const struct prism_recon_params par = p.par;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    quality();
    p.par = par;
    skips();
    p.par = par;
    scale_cancels();
    p.par = par;
    shown();
    p.par = par;
    falls_back(PRISM_PRECISION_BF16, "bf16");
    falls_back(PRISM_PRECISION_FP16, "fp16");
    p.par = par;
    resumes(PRISM_OBJ_JOINT);
    p.par = par;
    resumes(PRISM_OBJ_PROGRESSIVE);
    release_experiment(&p);
    fixture_close();
    return tap_end();
}
