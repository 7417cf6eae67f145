/* The progressive objective: the order of samples, escalation, failed samples
 * and their retries. On ref. */
#include "nn/layer.h"
#include "support/session_suite.h"

START_TEST(progressive_goes_sample_by_sample)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_threshold = -1;
    struct prism_session *s = new_session(&p);
    run_steps(s, 20);
    for (int k = 0; k < p.n; k++)
        for (int i = 0; i < 10; i++) {
            run_steps(s, 1);
            struct prism_progress at = progress_of(s);
            ck_assert_int_eq(at.sample, k);
            ck_assert_int_eq(at.sample_done, i == 9);
            ck_assert(!at.sample_converged);
            if (k == 0)
                ck_assert_double_eq(at.loss_old, at.loss_new);
            else if (i == 0)
                ck_assert_double_eq(at.loss_old, 0);
            else
                ck_assert_double_gt(at.loss_old, 0);
            ck_assert_double_eq(at.loss, at.loss_old + at.loss_new);
        }
    ck_assert_int_eq(progress_of(s).phase, PRISM_PHASE_DONE);
    ck_assert_int_eq(progress_of(s).n_failed, SMALL_SAMPLES);
    ck_assert_int_eq(s->trainer.st.n_history, SMALL_SAMPLES);
    uint8_t mask[SMALL_GRID * SMALL_GRID];
    uint8_t seen[SMALL_GRID * SMALL_GRID] = {0};
    for (int k = 0; k < p.n; k++) {
        const double *c = prism_dataset_centres(p.ds) + 2 * k;
        prism_aperture_render(&prism_dataset_params(p.ds)->aperture, c[0], c[1], -SMALL_GRID / 2,
                              -SMALL_GRID / 2, SMALL_GRID, SMALL_GRID, mask);
        for (int i = 0; i < SMALL_GRID * SMALL_GRID; i++)
            seen[i] |= mask[i];
    }
    ck_assert_mem_eq(progressive(s)->mask, seen, sizeof seen);
    prism_session_destroy(&s);
}
END_TEST

/* At a sample's first step the earlier apertures add nothing to the gradient,
 * and if it is the only step their fields are not computed. A monitor that
 * might add steps needs the fields. */
START_TEST(a_single_step_needs_no_earlier_fields)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.n_epochs = 1;
    p.par.training.max_retries = 1;
    p.par.training.loss_threshold = -1;
    for (int kind = 0; kind < PRISM_LOSS_COUNT; kind++) {
        struct prism_session *a, *b;
        p.par.training.loss_weights[PRISM_LOSS_L1] = 0;
        p.par.training.loss_weights[kind] = 1;
        p.par.training.adaptive = false;
        a = new_session(&p);
        p.par.training.adaptive = true;
        b = new_session(&p);
        run_steps(a, 20);
        run_steps(b, 20);
        for (int k = 0; k < p.n; k++) {
            run_steps(a, 1);
            run_steps(b, 1);
            ck_assert_int_eq(progressive(a)->union_closed, k > 0);
            ck_assert(!progressive(b)->union_closed);
            ck_assert(k == 0 || samples(a)->loss_old == 0);
            ck_assert_double_eq_tol(samples(a)->loss_old, samples(b)->loss_old, 1e-6);
            ck_assert_double_eq_tol(samples(a)->loss_new, samples(b)->loss_new,
                                    1e-5 * samples(b)->loss_new);
        }
        double *x = result_of(a), *y = result_of(b);
        for (size_t i = 0; i < a->pixels; i++)
            ck_assert_double_eq_tol(x[i], y[i], 1e-4);
        free(x);
        free(y);
        ck_assert_int_eq(a->trainer.st.phase, PRISM_PHASE_RETRY);
        run_steps(a, 1); /* now the fields are computed */
        ck_assert(!progressive(a)->union_closed && samples(a)->loss_old == 0);
        run_steps(a, 1);
        ck_assert(samples(a)->loss_old > 0);
        prism_session_destroy(&a);
        prism_session_destroy(&b);
        p.par.training.loss_weights[kind] = 0;
    }
}
END_TEST

static void check_same_slabs(const struct prism_session *a, const struct prism_session *b)
{
    for (int i = 0; i < a->trainer.n_slabs; i++) {
        size_t bytes = a->trainer.slabs[i].bytes;
        void *x = new_array(bytes, 1), *y = new_array(bytes, 1);
        MUST(ctx, dev->ops->read(dev, x, a->trainer.slabs[i].mem, bytes));
        MUST(ctx, dev->ops->read(dev, y, b->trainer.slabs[i].mem, bytes));
        ck_assert_msg(!memcmp(x, y, bytes), "slab %s", a->trainer.slabs[i].name);
        free(x);
        free(y);
    }
}

/* Outputs and fields are computed once for the same parameters; after the
 * network was handed out they are computed every time, to the same bits. */
START_TEST(reused_outputs_change_nothing)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_threshold = -1;
    p.par.training.average = 0.5;
    for (int n_epochs = 1; n_epochs <= 3; n_epochs++) {
        p.par.training.n_epochs = n_epochs;
        struct prism_session *a = new_session(&p), *b = new_session(&p);
        ck_assert_ptr_nonnull(prism_session_net(b));
        for (int i = 0; i < 20 + n_epochs * (SMALL_SAMPLES - 1); i++) {
            run_steps(a, 1);
            run_steps(b, 1);
            if (i >= 20)
                ck_assert_int_eq(a->net->have_forward,
                                 progressive(a)->sample_done); /* the output was read */
            ck_assert_int_eq(a->net->fusion.y_is_ready, !a->net->have_forward);
            if (i % 5 == 0)
                MUST(ctx, prism_session_evaluate(i % 2 ? a : b));
        }
        ck_assert(samples(a)->loss_new == samples(b)->loss_new &&
                  samples(a)->loss_old == samples(b)->loss_old);
        check_same_slabs(a, b);
        prism_session_destroy(&a);
        prism_session_destroy(&b);
    }
}
END_TEST

/* The masks follow the samples row by row; a load restores them whole. */
START_TEST(masks_follow_the_samples)
{
    enum { PIXELS = SMALL_GRID * SMALL_GRID };
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_threshold = -1;
    p.par.training.n_epochs = 2;
    struct prism_session *s = new_session(&p);
    const struct prism_aperture *shape = &prism_dataset_params(p.ds)->aperture;
    uint8_t want[2][PIXELS] = {{0}};
    run_steps(s, 20);
    for (int k = 0; k < p.n; k++) {
        const double *c = prism_dataset_centres(p.ds) + 2 * k;
        run_steps(s, 1);
        prism_aperture_render(shape, c[0], c[1], -SMALL_GRID / 2, -SMALL_GRID / 2, SMALL_GRID,
                              SMALL_GRID, want[1]);
        if (k == 0)
            memcpy(want[0], want[1], PIXELS);
        ck_assert_mem_eq(progressive(s)->mask, want, sizeof want);
        MUST(ctx, s->strategy->restore(s, true));
        ck_assert_mem_eq(progressive(s)->mask, want, sizeof want);
        run_steps(s, 1);
        for (int i = 0; i < PIXELS; i++)
            want[0][i] |= want[1][i];
    }
    prism_session_destroy(&s);
}
END_TEST

/* A sample's only step keeps no moments and has the bits of the first of
 * several steps. */
START_TEST(an_only_step_is_a_first_step)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_threshold = -1;
    p.par.training.init_steps = 3;
    for (int amsgrad = 0; amsgrad <= 1; amsgrad++) {
        struct prism_session *s[2];
        p.par.training.amsgrad = amsgrad;
        for (int i = 0; i < 2; i++) {
            p.par.training.n_epochs = i ? 5 : 1;
            s[i] = new_session(&p);
            run_steps(s[i], 4);
            ck_assert_int_eq(s[i]->trainer.adam.once, i == 0);
        }
        size_t bytes = s[0]->model.count * sizeof(float);
        void *x = new_array(bytes, 1), *y = new_array(bytes, 1);
        MUST(ctx, dev->ops->read(dev, x, s[0]->model.values, bytes));
        MUST(ctx, dev->ops->read(dev, y, s[1]->model.values, bytes));
        ck_assert_mem_eq(x, y, bytes);
        free(x);
        free(y);
        prism_session_destroy(&s[0]);
        prism_session_destroy(&s[1]);
    }
}
END_TEST

START_TEST(converged_samples_need_no_update)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_threshold = 1e6;
    p.par.training.init_steps = -1;
    struct prism_session *s = new_session(&p);
    run_steps(s, p.n);
    struct prism_progress at = progress_of(s);
    ck_assert_int_eq(at.phase, PRISM_PHASE_DONE);
    ck_assert_int_eq(at.n_failed, 0);
    ck_assert_int_eq(at.tier, PRISM_TIER_FAST);
    ck_assert_int_eq(s->trainer.st.adam_t, 0);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(plateaus_escalate_and_then_fail)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->adaptive = true;
    t->init_steps = -1;
    t->n_epochs = 5000;
    t->loss_threshold = -1;
    t->plateau_threshold = 1; /* no change counts as progress */
    struct prism_session *s = new_session(&p);
    int tiers[PRISM_TIER_COUNT] = {0};
    double lr[PRISM_TIER_COUNT] = {0};
    while (!progress_of(s).sample_done) {
        run_steps(s, 1);
        struct prism_progress at = progress_of(s);
        if (tiers[at.tier]++ == 0)
            lr[at.tier] = at.lr;
    }
    ck_assert_int_eq(tiers[PRISM_TIER_NORMAL], 19); /* escalation_epochs 20 */
    ck_assert_int_eq(tiers[PRISM_TIER_AGGRESSIVE], 10);
    ck_assert_int_eq(tiers[PRISM_TIER_RESCUE], 11);
    ck_assert_double_eq_tol(lr[PRISM_TIER_AGGRESSIVE], 2 * t->lr, 1e-12);
    ck_assert_double_eq_tol(lr[PRISM_TIER_RESCUE], 0.1 * t->lr, 1e-12);
    ck_assert_int_eq(progress_of(s).n_failed, 1);
    ck_assert(!progress_of(s).sample_converged);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(failed_samples_are_tried_again)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->n_epochs = 2;
    t->init_steps = -1;
    t->max_retries = 2;
    t->retry_same_loss = false;
    t->retry_lr_multiplier = 2;
    t->loss_threshold = 0.12;
    struct prism_session *s = new_session(&p);
    run_steps(s, 2 * p.n);
    struct prism_progress at = progress_of(s);
    ck_assert_int_eq(at.phase, PRISM_PHASE_RETRY);
    ck_assert_int_eq(at.n_failed, SMALL_SAMPLES);
    run_steps(s, 1);
    at = progress_of(s);
    ck_assert_int_eq(at.tier, PRISM_TIER_RESCUE);
    ck_assert_double_eq_tol(at.lr, t->lr, 1e-12); /* base * 2 / (pass + 1) */
    int closed = 0;
    while (progress_of(s).phase == PRISM_PHASE_RETRY && closed < p.n) {
        run_steps(s, 1);
        closed += progress_of(s).sample_done;
    }
    at = progress_of(s);
    ck_assert_int_lt(at.n_failed, SMALL_SAMPLES);
    int failed = 0;
    for (int k = 0; k < p.n; k++)
        failed += progressive(s)->status[k] == PRISMI_SAMPLE_FAILED;
    ck_assert_int_eq(failed, at.n_failed);
    prism_session_destroy(&s);
}
END_TEST

static void until_retry(struct prism_session *s)
{
    while (s->trainer.st.phase != PRISM_PHASE_RETRY)
        run_steps(s, 1);
}

/* The average over earlier outputs is worse than the outputs of the retries. */
START_TEST(retries_discard_the_average)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->n_epochs = 2;
    t->max_retries = 1;
    t->loss_threshold = -1;
    t->average = 1;
    struct prism_session *s = new_session(&p);
    run_steps(s, 20 + 2 * p.n - 1);
    ck_assert_int_eq(s->trainer.st.averaged, 2 * p.n - 1);
    until_retry(s);
    ck_assert_int_eq(s->trainer.st.averaged, 0);
    double kept[SMALL_OBJ * SMALL_OBJ];
    MUST(ctx, prismi_dev_get(dev, kept, s->trainer.average, PRISM_F32, s->pixels));
    for (size_t i = 0; i < s->pixels; i++)
        ck_assert_double_eq(kept[i], 0);
    double *before = result_of(s);
    run_steps(s, 5);
    double *after = result_of(s);
    ck_assert_mem_ne(before, after, s->pixels * sizeof *after);
    free(before);
    free(after);
    prism_session_destroy(&s);
}
END_TEST

/* With another loss the threshold is checked every 16 steps, and once more
 * before a sample is given up. */
START_TEST(switched_retries_are_judged_at_their_end)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->n_epochs = 2;
    t->max_retries = 1;
    t->retry_same_loss = false;
    t->loss_threshold = -1;
    struct prism_session *s = new_session(&p);
    until_retry(s);
    for (int k = 0; k < 2; k++) {
        run_steps(s, 3);
        ck_assert_int_eq(samples(s)->sample, k);
        s->par.training.loss_threshold = k ? 0 : 1e6;
        samples(s)->step = prismi_progressive_budget(s, PRISM_PHASE_RETRY, PRISM_TIER_RESCUE) - 1;
        ck_assert_int_ne(samples(s)->step % PRISMI_CHECK_EVERY,
                         0); /* this step is not one of the checked steps */
        while (!progressive(s)->sample_done)
            run_steps(s, 1);
        ck_assert_int_eq(progressive(s)->sample_converged, k == 0);
        s->par.training.loss_threshold = 0;
    }
    ck_assert_int_eq(samples(s)->n_failed, p.n - 1);
    prism_session_destroy(&s);
}
END_TEST

SUITE("recon progressive", session_open, session_close, progressive_goes_sample_by_sample,
      a_single_step_needs_no_earlier_fields, reused_outputs_change_nothing,
      masks_follow_the_samples, an_only_step_is_a_first_step, converged_samples_need_no_update,
      plateaus_escalate_and_then_fail, failed_samples_are_tried_again, retries_discard_the_average,
      switched_retries_are_judged_at_their_end)
