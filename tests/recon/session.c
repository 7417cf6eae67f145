/* The session: settings that are refused, and the steps of each objective. On
 * ref. */
#include "prismrec/metrics.h"
#include "support/session_suite.h"

/* ---- refusals ---- */

START_TEST(wrong_settings_are_refused_by_name)
{
    const struct prism_recon_params good = p.par;
    struct prism_training_params *t = &p.par.training;
#define REFUSED(change, word) (p.par = good, change, session_refused(PRISM_EINVAL, word))
    REFUSED(t->lr = -1, "training.lr");
    REFUSED(t->lr = NAN, "training.lr");
    REFUSED(t->loss_weights[1] = 0.5, "training.loss_weights");
    REFUSED(t->loss_weights[0] = -1, "training.loss_weights");
    REFUSED(t->batch = -1, "training.batch");
    REFUSED(t->init_lr = -1, "training.init_lr");
    REFUSED(t->average = 2, "training.average");
    REFUSED(t->schedule = 99, "training.schedule");
    REFUSED(p.par.algorithm = 7, "algorithm");
    REFUSED(p.par.precision = PRISM_PRECISION_COUNT, "precision");
    REFUSED((p.par.precision = PRISM_PRECISION_BF16, p.par.decoder.no_norm = true),
            "precision is bf16, which needs normalisation (decoder.no_norm)");
    REFUSED((t->objective = PRISM_OBJ_PROGRESSIVE, t->n_epochs = -1), "training.n_epochs");
    REFUSED((t->objective = PRISM_OBJ_PROGRESSIVE, t->adaptive = true, t->plateau_window = 1001),
            "training.plateau_window");
    REFUSED((p.par.algorithm = PRISM_ALG_MOPIE, p.par.mopie.loops = -1), "mopie.loops");
    REFUSED((p.par.algorithm = PRISM_ALG_MOPIE, p.par.mopie.lr_obj = -1), "mopie.lr_obj");
    p.par = good;
    dev->caps.mem_bytes = 200000;
    session_refused(PRISM_ENOMEM, "0.2 MB");
    dev->caps.mem_bytes = 0;
    dev->caps.dtypes &= ~(1u << PRISM_F64);
    p.par.precision = PRISM_PRECISION_FP64;
    session_refused(PRISM_ENOTSUP, "precision is fp64");
    dev->caps.dtypes |= 1u << PRISM_F64;
}
END_TEST

START_TEST(progressive_needs_whole_fields)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset_params dp = *prism_dataset_params(p.ds);
    struct prism_dataset *whole = p.ds;
    dp.field_size = SMALL_GRID / 2;
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, centre, 1, &p.ds));
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    session_refused(PRISM_EINVAL, "field_size");
    prism_dataset_destroy(&p.ds);
    p.ds = whole;
}
END_TEST

START_TEST(failures_leave_nothing_behind)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset *seven = p.ds;
    struct prism_dataset_params dp = *prism_dataset_params(seven);
    dp.grid_size = dp.field_size = 24; /* no power of two: valid for data, not for a decoder */
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, centre, 1, &p.ds));
    session_refused(PRISM_EINVAL, "24");
    prism_dataset_destroy(&p.ds);
    dp.grid_size = dp.field_size = 4;
    dp.obj_size = 4;
    dp.aperture.radius_px = 1;
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, centre, 1, &p.ds));
    p.par.training.loss_weights[PRISM_LOSS_L1] = 0;
    p.par.training.loss_weights[PRISM_LOSS_SSIM] = 1;
    session_refused(PRISM_EINVAL, "SSIM"); /* after the network was made */
    prism_dataset_destroy(&p.ds);
    p.ds = seven;
}
END_TEST

/* ---- initialisation ---- */

START_TEST(every_target_is_approached)
{
    for (int target = 0; target < PRISM_INIT_TARGET_COUNT; target++) {
        double *t = new_array(SMALL_OBJ * SMALL_OBJ, sizeof *t), low = INFINITY, high = -INFINITY;
        p.par.training.init_target = target;
        p.par.training.init_steps = 150;
        MUST(ctx, prismi_init_target(dev, p.ds, &p.par, PRISM_F32, t));
        for (int i = 0; i < SMALL_OBJ * SMALL_OBJ; i++) {
            low = fmin(low, t[i]);
            high = fmax(high, t[i]);
        }
        ck_assert_double_ge(low, 0);
        ck_assert_double_gt(high, 0.6);
        ck_assert_double_le(high, 1);
        struct prism_session *s = new_session(&p);
        run_steps(s, 16);
        double first = s->trainer.st.loss;
        run_steps(s, 134);
        ck_assert_int_eq(s->trainer.st.phase, PRISM_PHASE_FIT);
        ck_assert_double_lt(s->trainer.st.loss, 0.5 * first);
        double *x = result_of(s);
        ck_assert_double_lt(prism_rmse_percent(x, t, s->pixels), 60);
        free(x);
        free(t);
        prism_session_destroy(&s);
    }
}
END_TEST

START_TEST(synthetic_aperture_is_the_mean_of_amplitudes)
{
    double t[SMALL_OBJ * SMALL_OBJ], mean = 0;
    const float *a;
    p.par.training.init_target = PRISM_INIT_TARGET_SYNTHETIC_APERTURE;
    p.par.decoder.output_activation = PRISM_OUTPUT_RELU; /* not stretched to [0,1] */
    MUST(ctx, prismi_init_target(dev, p.ds, &p.par, PRISM_F32, t));
    for (int k = 0; k < p.n; k++) {
        MUST(ctx, prism_dataset_amplitude(p.ds, k, &a));
        mean += (double)a[(8 + 5) * SMALL_GRID + 8 + 6] / p.n;
    }
    ck_assert_double_eq_tol(t[5 * SMALL_OBJ + 6], mean, 1e-6);
}
END_TEST

/* The centre of an odd field lies half a pixel before the middle. No pixel
 * outside the image may be read. */
START_TEST(odd_fields_are_read_inside)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset *even = p.ds;
    for (int field = 1; field <= 32; field++) {
        const struct prism_dataset_params dp = {
            .grid_size = 32,
            .obj_size = 32,
            .field_size = field,
            .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3}};
        double t[32 * 32];
        float *grey = new_array((size_t)field * field, sizeof *grey);
        for (int i = 0; i < field * field; i++)
            grey[i] = 0.5f;
        MUST(ctx, prism_dataset_measured(ctx, &dp, grey, centre, 1, &p.ds));
        p.par.training.init_target = PRISM_INIT_TARGET_SYNTHETIC_APERTURE;
        p.par.decoder.output_activation = PRISM_OUTPUT_RELU; /* not stretched to [0,1] */
        MUST(ctx, prismi_init_target(dev, p.ds, &p.par, PRISM_F32, t));
        for (int i = 0; i < 32 * 32; i++)
            ck_assert_double_eq(t[i], 0.5);
        prism_dataset_destroy(&p.ds);
        free(grey);
    }
    p.ds = even;
}
END_TEST

START_TEST(threshold_ends_initialisation_without_an_update)
{
    p.par.training.init_threshold = 1e6;
    struct prism_session *s = new_session(&p);
    run_steps(s, 1);
    ck_assert_int_eq(s->trainer.st.phase, PRISM_PHASE_FIT);
    ck_assert_int_eq(s->trainer.st.adam_t, 0);
    ck_assert_int_eq(s->trainer.st.step, 1);
    prism_session_destroy(&s);
}
END_TEST

/* ---- joint ---- */

START_TEST(joint_visits_every_sample_once_an_epoch)
{
    p.par.training.init_steps = -1;
    struct prism_session *s = new_session(&p);
    int seen[3][SMALL_SAMPLES] = {{0}};
    for (int step = 0; step < SMALL_SAMPLES; step++) { /* batches of 3: 3 epochs */
        run_steps(s, 1);
        int32_t index[3];
        MUST(ctx, dev->ops->read(dev, index, term_of(s)->instrument->index, sizeof index));
        for (int b = 0; b < 3; b++)
            seen[(3 * step + b) / SMALL_SAMPLES][index[b]]++;
    }
    for (int epoch = 0; epoch < 3; epoch++)
        for (int k = 0; k < SMALL_SAMPLES; k++)
            ck_assert_int_eq(seen[epoch][k], 1);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(joint_runs_to_its_end)
{
    p.par.training.max_steps = 400;
    p.par.metrics_every = 100;
    struct prism_session *s = new_session(&p);
    ck_assert_int_eq(progress_of(s).total_steps, 420);
    ck_assert_double_nan(progress_of(s).ssim);
    run_steps(s, 20);
    MUST(ctx, prism_session_evaluate(s));
    double before = progress_of(s).psnr_db;
    MUST(ctx, prism_session_run(s, NULL, NULL));
    struct prism_progress at = progress_of(s);
    ck_assert_int_eq(at.phase, PRISM_PHASE_DONE);
    ck_assert_int_eq(at.step, 420);
    ck_assert(at.evaluated);
    ck_assert_double_gt(at.psnr_db, before + 2); /* few apertures do not determine more */
    ck_assert_double_lt(at.lr, 4e-6);
    ck_assert_int_eq(s->trainer.st.n_history, 5); /* 100, 200, 300, 400, 420 */
    uint64_t h = session_hash(s);
    MUST(ctx, prism_session_step(s)); /* the run is done */
    ck_assert_uint_eq(session_hash(s), h);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(equal_seeds_give_equal_runs_and_reading_changes_nothing)
{
    for (int objective = 0; objective < PRISM_OBJ_COUNT; objective++) {
        p.par.training.objective = objective;
        struct prism_session *a = new_session(&p), *b = new_session(&p);
        for (int i = 0; i < 70; i++) {
            run_steps(a, 1);
            run_steps(b, 1);
            if (i % 7 == 3)
                free(result_of(b));
        }
        ck_assert_uint_eq(session_hash(a), session_hash(b));
        prism_session_destroy(&b);
        p.par.seed++;
        b = new_session(&p);
        run_steps(b, 70);
        ck_assert_uint_ne(session_hash(a), session_hash(b));
        prism_session_destroy(&a);
        prism_session_destroy(&b);
    }
}
END_TEST

START_TEST(average_is_the_mean_of_the_last_outputs)
{
    p.par.training.init_steps = -1;
    p.par.training.max_steps = 20;
    p.par.training.average = 0.5;
    struct prism_session *s = new_session(&p);
    double *mean = new_array(s->pixels, sizeof *mean), *x = new_array(s->pixels, sizeof *x);
    for (int i = 0; i < 19; i++) {
        run_steps(s, 1);
        MUST(ctx, prismi_dev_get(dev, x, s->trainer.x, PRISM_F32, s->pixels));
        for (size_t k = 0; i >= 10 && k < s->pixels; k++)
            mean[k] += x[k] / 9;
    }
    MUST(ctx, prism_session_result(s, x));
    for (size_t k = 0; k < s->pixels; k++)
        ck_assert_double_eq_tol(x[k], mean[k], 1e-6);
    run_steps(s, 1);
    ck_assert_int_eq(s->trainer.st.averaged, 10);
    prism_session_destroy(&s);
    free(mean);
    free(x);
}
END_TEST

/* Negates the output: the last convolution is linear and no layer follows
 * it. */
static void negate_output(struct prism_session *s)
{
    int n = prism_net_param_count(s->net);
    for (int i = n - 2; i < n; i++) { /* its weight and bias */
        struct prism_param_info w;
        MUST(ctx, prism_net_param(s->net, i, &w));
        MUST(ctx, prismi_map(dev, PRISM_MAP_AXPBY, s->dtype, 1, w.count, w.value, w.value, w.value,
                             0, -1, 0));
    }
    prismi_trainer_forget(&s->trainer);
}

START_TEST(a_negative_is_turned_positive)
{
    struct prism_session *s = new_session(&p);
    run_steps(s, 5); /* initialisation: the target has a sign, and so has the output */
    double *x = result_of(s), sum = 0;
    negate_output(s);
    double *y = result_of(s);
    for (size_t i = 0; i < s->pixels; i++)
        ck_assert_double_eq(y[i], -x[i]);
    negate_output(s);
    run_steps(s, 35);
    free(x);
    free(y);
    x = result_of(s);
    MUST(ctx, prism_session_evaluate(s));
    double psnr = s->trainer.st.score[PRISMI_SCORE_PSNR];
    negate_output(s);
    y = result_of(s);
    MUST(ctx, prism_session_evaluate(s));
    for (size_t i = 0; i < s->pixels; i++) {
        ck_assert_double_eq(y[i], x[i]);
        sum += x[i];
    }
    ck_assert_double_gt(sum, 0);
    ck_assert_double_eq(s->trainer.st.score[PRISMI_SCORE_PSNR], psnr);
    free(x);
    free(y);
    prism_session_destroy(&s);
}
END_TEST

static void ck_scores(struct prism_session *s)
{
    const double *truth = prism_dataset_truth(p.ds);
    double *x = result_of(s);
    MUST(ctx, prism_session_evaluate(s));
    struct prism_progress at = progress_of(s);
    ck_assert_double_eq_tol(at.ssim, prism_ssim(x, truth, s->obj, s->obj), 1e-6);
    ck_assert_double_eq_tol(at.psnr_db, prism_psnr_db(x, truth, s->pixels), 1e-3);
    ck_assert_double_eq_tol(at.rmse_percent, prism_rmse_percent(x, truth, s->pixels), 1e-3);
    free(x);
}

/* The device's scores are those of the image that the host is given: of an
 * output, of a mean of outputs, of a negative one, and against an object that
 * was replaced. */
START_TEST(scores_are_the_results)
{
    p.par.training.max_steps = 60;
    p.par.training.average = 0.5;
    struct prism_session *s = new_session(&p);
    run_steps(s, 30);
    ck_scores(s);
    run_steps(s, 40);
    ck_assert_int_gt(s->trainer.st.averaged, 1);
    ck_scores(s);
    prism_session_destroy(&s);

    p.par.training.average = 0;
    s = new_session(&p);
    run_steps(s, 40);
    negate_output(s);
    ck_scores(s);
    double *truth = new_array(s->pixels, sizeof *truth);
    for (size_t i = 0; i < s->pixels; i++)
        truth[i] = prism_dataset_truth(p.ds)[s->pixels - 1 - i];
    MUST(ctx, prism_dataset_set_truth(p.ds, truth));
    ck_scores(s);
    free(truth);
    prism_session_destroy(&s);
}
END_TEST

/* A step counts once in the running statistics; reading the output does not
 * count. */
START_TEST(running_statistics_count_steps)
{
    struct prism_session *a = new_session(&p), *b = new_session(&p);
    const size_t bytes = a->model.n_running * a->real;
    void *got = new_array(bytes, 1), *want = new_array(bytes, 1);
    prism_mem x;
    for (int i = 0; i < 3; i++) {
        MUST(ctx, dev->ops->copy(dev, b->model.values, a->model.values, a->model.count * a->real));
        MUST(ctx, prism_net_forward(b->net, &x));
        MUST(ctx, prism_session_evaluate(a));
        run_steps(a, 1);
        free(result_of(a));
        MUST(ctx, dev->ops->read(dev, got, a->model.running, bytes));
        MUST(ctx, dev->ops->read(dev, want, b->model.running, bytes));
        ck_assert_mem_eq(got, want, bytes);
    }
    prism_session_destroy(&a);
    prism_session_destroy(&b);
    free(got);
    free(want);
}
END_TEST

static bool stop_at_ten(void *user, const struct prism_progress *at)
{
    (void)user;
    return at->step < 10;
}

START_TEST(a_callback_stops_a_run)
{
    struct prism_session *s = new_session(&p);
    ck_assert_int_eq(prism_session_run(s, stop_at_ten, NULL), PRISM_ECANCELED);
    ck_assert_int_eq(s->trainer.st.step, 10);
    run_steps(s, 1); /* the run continues */
    prism_session_destroy(&s);
}
END_TEST

START_TEST(one_sample_is_a_data_set)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset *seven = p.ds;
    MUST(ctx, prism_dataset_simulate(dev, prism_dataset_params(seven), p.truth, centre, 1, &p.ds));
    for (int objective = 0; objective < PRISM_OBJ_COUNT; objective++) {
        p.par.training.objective = objective;
        p.par.training.n_epochs = 300;
        p.par.training.max_steps = 300;
        struct prism_session *s = new_session(&p);
        run_steps(s, 21);
        double first = s->trainer.st.loss;
        MUST(ctx, prism_session_run(s, NULL, NULL));
        ck_assert_double_lt(s->trainer.st.loss, 0.3 * first);
        prism_session_destroy(&s);
    }
    prism_dataset_destroy(&p.ds);
    p.ds = seven;
}
END_TEST

/* Adam's first step is at most the learning rate; moments of an earlier phase
 * would make the step longer. */
START_TEST(phases_and_samples_begin_with_fresh_moments)
{
    for (int objective = 0; objective < PRISM_OBJ_COUNT; objective++) {
        p.par.training.objective = objective;
        struct prism_session *s = new_session(&p);
        size_t n = s->model.count;
        double *before = new_array(n, sizeof *before), *after = new_array(n, sizeof *after),
               longest = 0;
        for (int start = 20; start <= (objective == PRISM_OBJ_JOINT ? 20 : 40);
             start += 10) { /* after the initialisation, and at every sample of 10 steps */
            run_steps(s, start - (int)s->trainer.st.step);
            MUST(ctx, prismi_dev_get(dev, before, s->model.values, PRISM_F32, n));
            run_steps(s, 1);
            MUST(ctx, prismi_dev_get(dev, after, s->model.values, PRISM_F32, n));
            for (size_t i = 0; i < n; i++)
                longest = fmax(longest, fabs(after[i] - before[i]));
        }
        ck_assert_double_le(longest, 1.001 * p.par.training.lr);
        ck_assert_double_gt(longest, 0.9 * p.par.training.lr);
        free(before);
        free(after);
        prism_session_destroy(&s);
    }
}
END_TEST

/* ---- mopie ---- */

START_TEST(projections_find_the_object)
{
    p.par.algorithm = PRISM_ALG_MOPIE;
    for (int variant = 0; variant < 4; variant++) {
        p.par.mopie = (struct prism_mopie_params){.loops = 30,
                                                  .lr_obj = 1,
                                                  .parallel = variant == 1,
                                                  .complex_object = variant == 2,
                                                  .permute = variant == 3};
        struct prism_session *s = new_session(&p);
        int per_loop = variant == 1 ? 1 : p.n;
        run_steps(s, per_loop);
        double first = s->trainer.st.loss;
        ck_assert_int_eq(progress_of(s).n_samples, 30);
        MUST(ctx, prism_session_run(s, NULL, NULL));
        ck_assert_int_eq(s->trainer.st.step, 30 * per_loop);
        ck_assert_double_lt(s->trainer.st.loss, 0.05 * first);
        ck_assert_double_gt(s->trainer.st.score[PRISMI_SCORE_PSNR], 17);
        double *x = result_of(s);
        for (size_t i = 0; i < s->pixels; i++)
            ck_assert(x[i] >= 0 && x[i] <= 1.000001);
        free(x);
        prism_session_destroy(&s);
    }
}
END_TEST

/* The object without a network is fitted like weights. */
START_TEST(pixels_are_fitted_like_weights)
{
    p.par.algorithm = PRISM_ALG_OBJECT;
    p.par.training.lr = 0.05;
    p.par.training.max_steps = 400;
    for (int variant = 0; variant < 2; variant++) {
        p.par.mopie.complex_object = variant;
        struct prism_session *s = new_session(&p);
        ck_assert_ptr_null(prism_session_net(s));
        ck_assert_int_eq(s->trainer.st.phase,
                         PRISM_PHASE_FIT); /* no initialisation without a network */
        MUST(ctx, prism_session_run(s, NULL, NULL));
        ck_assert_int_eq(s->trainer.st.step, 400);
        ck_assert_double_lt(s->trainer.st.loss, 0.05);
        ck_assert_double_gt(s->trainer.st.score[PRISMI_SCORE_PSNR], 17);
        double *x = result_of(s);
        for (size_t i = 0; i < s->pixels; i++)
            ck_assert(x[i] >= 0 && x[i] <= 1.000001);
        free(x);
        prism_session_destroy(&s);
    }
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    session_refused(PRISM_EINVAL, "use joint");
}
END_TEST

START_TEST(small_fields_give_the_same_projections)
{
    struct prism_dataset *whole = p.ds;
    struct prism_dataset_params dp = *prism_dataset_params(whole);
    double psnr[2];
    p.par.algorithm = PRISM_ALG_MOPIE;
    p.par.mopie.loops = 10;
    for (int i = 0; i < 2; i++) {
        dp.field_size = i ? SMALL_GRID / 2 : 0;
        MUST(ctx,
             prism_dataset_simulate(dev, &dp, p.truth, prism_dataset_centres(whole), p.n, &p.ds));
        struct prism_session *s = new_session(&p);
        MUST(ctx, prism_session_run(s, NULL, NULL));
        psnr[i] = s->trainer.st.score[PRISMI_SCORE_PSNR];
        prism_session_destroy(&s);
        prism_dataset_destroy(&p.ds);
    }
    p.ds = whole;
    ck_assert_double_gt(psnr[0], 17);
    ck_assert_double_gt(psnr[1],
                        0.9 * psnr[0]); /* half the detector pixels, the same frequencies */
}
END_TEST

/* An object of ones behind a pupil on DC gives amplitudes of one. With measured
 * amplitudes of 0.9 one full step makes the object 0.9, whatever the field's
 * size. */
START_TEST(a_projection_step_has_length_one)
{
    static const double centre[2] = {0, 0};
    struct prism_dataset *seven = p.ds;
    float amplitude[16 * 16];
    for (int i = 0; i < 16 * 16; i++)
        amplitude[i] = 0.9f;
    p.par.algorithm = PRISM_ALG_MOPIE;
    for (int field = 8; field <= 16; field += 4) {
        const struct prism_dataset_params dp = {
            .grid_size = 16,
            .obj_size = 16,
            .field_size = field,
            .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3}};
        MUST(ctx, prism_dataset_measured(ctx, &dp, amplitude, centre, 1, &p.ds));
        struct prism_session *s = new_session(&p);
        run_steps(s, 1);
        double *x = result_of(s);
        for (int i = 0; i < 16 * 16; i++)
            ck_assert_double_eq_tol(x[i], 0.9, 1e-5);
        free(x);
        prism_session_destroy(&s);
        prism_dataset_destroy(&p.ds);
    }
    p.ds = seven;
}
END_TEST

/* Amplitudes of zero cause no division by zero. */
START_TEST(darkness_is_harmless)
{
    struct prism_dataset *light = p.ds;
    float *dark = new_array((size_t)p.n * SMALL_GRID * SMALL_GRID, sizeof *dark);
    MUST(ctx, prism_dataset_measured(ctx, prism_dataset_params(light), dark,
                                     prism_dataset_centres(light), p.n, &p.ds));
    for (int algorithm = 0; algorithm < PRISM_ALG_COUNT; algorithm++) {
        p.par.algorithm = algorithm;
        p.par.training.init_target = PRISM_INIT_TARGET_SYNTHETIC_APERTURE;
        struct prism_session *s = new_session(&p);
        MUST(ctx, prism_session_run(s, NULL, NULL));
        double *x = result_of(s);
        for (size_t i = 0; i < s->pixels; i++)
            ck_assert(isfinite(x[i]));
        ck_assert_double_nan(progress_of(s).ssim); /* no truth to compare with */
        free(x);
        prism_session_destroy(&s);
    }
    prism_dataset_destroy(&p.ds);
    p.ds = light;
    free(dark);
}
END_TEST

/* ---- history ---- */

START_TEST(history_thins_itself)
{
    p.par.algorithm = PRISM_ALG_MOPIE;
    p.par.metrics_every = 1;
    p.par.mopie.loops = 400;
    struct prism_session *s = new_session(&p);
    MUST(ctx, prism_session_run(s, NULL, NULL)); /* 2800 rows */
    ck_assert_int_eq(s->trainer.st.history_stride, 4);
    ck_assert_int_eq(s->trainer.st.n_history, 700);
    for (int i = 0; i < s->trainer.st.n_history; i++)
        ck_assert_double_eq(s->trainer.history[i].step, 1 + 4 * i);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(one_call_gives_the_bits_of_a_session)
{
    double *once = new_array(SMALL_OBJ * SMALL_OBJ, sizeof *once);
    struct prism_session *s = new_session(&p);
    MUST(ctx, prism_reconstruct(dev, p.ds, &p.par, once));
    MUST(ctx, prism_session_run(s, NULL, NULL));
    double *x = result_of(s);
    ck_assert_mem_eq(once, x, s->pixels * sizeof *x);
    prism_session_destroy(&s);
    p.par.training.lr = -1;
    expect_error(prism_reconstruct(dev, p.ds, &p.par, once), PRISM_EINVAL, "training.lr");
    free(once);
    free(x);
}
END_TEST

START_TEST(complex_results_have_the_modulus_and_a_phase)
{
    double *z = new_array(2 * SMALL_OBJ * SMALL_OBJ, sizeof *z), phase = 0;
    for (int complex_object = 0; complex_object < 2; complex_object++) {
        p.par.algorithm = PRISM_ALG_MOPIE;
        p.par.mopie.complex_object = complex_object;
        struct prism_session *s = new_session(&p);
        MUST(ctx, prism_session_run(s, NULL, NULL));
        double *x = result_of(s);
        MUST(ctx, prism_session_result_complex(s, z));
        ck_assert(prism_session_is_complex(s) == complex_object);
        for (size_t i = 0; i < s->pixels; i++) {
            double m = hypot(z[2 * i], z[2 * i + 1]);
            ck_assert_double_eq_tol(complex_object ? m : z[2 * i], x[i], 1e-6);
            phase = fmax(phase, fabs(z[2 * i + 1]));
        }
        ck_assert(complex_object ? phase > 1e-6 : phase == 0);
        free(x);
        prism_session_destroy(&s);
    }
    free(z);
}
END_TEST

SUITE("recon session", session_open, session_close, wrong_settings_are_refused_by_name,
      progressive_needs_whole_fields, failures_leave_nothing_behind, every_target_is_approached,
      synthetic_aperture_is_the_mean_of_amplitudes, odd_fields_are_read_inside,
      threshold_ends_initialisation_without_an_update, joint_visits_every_sample_once_an_epoch,
      joint_runs_to_its_end, equal_seeds_give_equal_runs_and_reading_changes_nothing,
      average_is_the_mean_of_the_last_outputs, a_negative_is_turned_positive,
      scores_are_the_results, running_statistics_count_steps, a_callback_stops_a_run,
      one_sample_is_a_data_set, phases_and_samples_begin_with_fresh_moments,
      projections_find_the_object, pixels_are_fitted_like_weights,
      small_fields_give_the_same_projections, a_projection_step_has_length_one,
      darkness_is_harmless, history_thins_itself, one_call_gives_the_bits_of_a_session,
      complex_results_have_the_modulus_and_a_phase)
