/* Losses that stop being finite are found, named and rolled back. On ref. */
#include "support/session_suite.h"

static void poison(struct prism_session *s, prism_mem target)
{
    const double bad = NAN;
    MUST(ctx, prismi_dev_put(dev, target, s->dtype, &bad, 1));
}

/* The next failure names the loss and its step, and rolls back to a step no
 * later than this one. Without the poison the run continues like a run that was
 * never poisoned. */
static void check_divergence(struct prism_session *s, prism_mem poisoned, const char *word)
{
    int status = 0, tries = 0;
    int64_t before = s->trainer.st.step;
    double good;
    MUST(ctx, prismi_dev_get(dev, &good, poisoned, s->dtype, 1));
    poison(s, poisoned);
    while (!status && tries++ < 60)
        status = prism_session_step(s);
    ck_assert_int_eq(status, PRISM_EDIVERGED);
    ck_assert_int_le(tries, PRISMI_CHECK_EVERY + SMALL_SAMPLES + 1);
    const char *text = prism_ctx_error(ctx)->text;
    char at[64], back[64];
    snprintf(at, sizeof at, "at step %d", (int)before + tries);
    snprintf(back, sizeof back, "back at step %d", (int)s->trainer.st.step);
    ck_assert_msg(strstr(text, word) && strstr(text, at) && strstr(text, back) &&
                      strstr(text, "nan"),
                  "%s", text);
    ck_assert_int_le(s->trainer.st.step, before);
    MUST(ctx, prismi_dev_put(dev, poisoned, s->dtype, &good, 1));
    struct prism_session *clean = new_session(&p);
    run_steps(clean, (int)before + 20);
    run_steps(s, (int)(before + 20 - s->trainer.st.step));
    ck_assert_uint_eq(slab_hash(s, 0, 0),
                      slab_hash(clean, 0, 0)); /* slab 0: the parameters, or the object */
    for (int i = 0; i < s->trainer.n_plain; i++)
        ck_assert_mem_eq(s->trainer.plain[i].now, clean->trainer.plain[i].now,
                         s->trainer.plain[i].bytes);
    if (s->strategy == &prismi_progressive)
        ck_assert_mem_eq(progressive(s)->mask, progressive(clean)->mask,
                         2 * (size_t)s->grid * s->grid);
    prism_session_destroy(&clean);
}

START_TEST(divergence_is_caught_and_undone)
{
    p.par.training.max_steps = 200;
    p.par.training.init_steps = 30;
    p.par.mopie.loops = 50;
    struct prism_session *s = new_session(&p);
    run_steps(s, 5);
    check_divergence(s, s->initial.target, "initialisation");
    run_steps(s, 30);
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 2), "the loss of field");
    prism_session_destroy(&s);

    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.n_epochs = 50;
    s = new_session(&p);
    run_steps(s, 90);
    ck_assert_int_eq(samples(s)->sample, 1);
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 1), "loss_new of sample 1");
    prism_session_destroy(&s);
    s = new_session(&p);
    while (samples(s)->sample < 1 || samples(s)->step < 5)
        run_steps(s, 1);
    ck_assert_int_eq(s->trainer.snapshot.adam_t,
                     0); /* rolls back to the start, where moments are zero and have no copy */
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 1), "loss_new of sample 1");
    prism_session_destroy(&s);

    p.par.algorithm = PRISM_ALG_MOPIE;
    s = new_session(&p);
    run_steps(s, 9);
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 3), "the loss");
    prism_session_destroy(&s);
}
END_TEST

/* With few steps a sample, the last snapshot may be some samples earlier, and
 * in the phase before. */
START_TEST(a_rollback_may_pass_samples)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->n_epochs = 2;
    t->loss_threshold = 0.12; /* some samples converge */
    t->max_retries = 1;
    struct prism_session *s = new_session(&p);
    run_steps(s, 29);
    ck_assert(samples(s)->sample >= 4 && samples(s)->open);
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 1), "loss_new of sample");
    ck_assert_int_eq(((struct prismi_samples *)s->trainer.plain[0].snapshot)->open, 0);
    prism_session_destroy(&s);

    t->loss_threshold = -1;
    s = new_session(&p);
    while (s->trainer.st.phase != PRISM_PHASE_RETRY || !samples(s)->open)
        run_steps(s, 1);
    ck_assert_int_eq(s->trainer.snapshot.phase, PRISM_PHASE_FIT);
    check_divergence(s, prismi_loss_target(term_of(s)->loss, 1), "loss_new of sample 0");
    prism_session_destroy(&s);
}
END_TEST

/* Parameters that become infinite at the last update of a phase are not handed
 * on. */
START_TEST(infinite_outputs_do_not_pass_a_phase)
{
    p.par.training.init_steps = 1;
    p.par.training.init_lr = 1e38;
    struct prism_session *s = new_session(&p);
    ck_assert_int_eq(prism_session_step(s), PRISM_EDIVERGED);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "output"));
    double *x = result_of(s);
    for (size_t i = 0; i < s->pixels; i++)
        ck_assert(isfinite(x[i]));
    free(x);
    prism_session_destroy(&s);
}
END_TEST

static int saves;

static bool save_every_step(void *user, const struct prism_progress *at)
{
    (void)at;
    saves++;
    ck_assert_int_eq(prism_session_save(user, "/nowhere/at/all", NULL), PRISM_EDIVERGED);
    return saves % 2; /* the answer must not matter */
}

/* A save that finds the state not finite rolls back and ends the run, which
 * would only diverge again. */
START_TEST(a_save_of_a_diverged_state_ends_the_run)
{
    p.par.training.init_steps = -1;
    p.par.training.lr = 3e38;
    struct prism_session *s = new_session(&p);
    for (saves = 0; saves < 2;) {
        ck_assert_int_eq(prism_session_run(s, save_every_step, s), PRISM_EDIVERGED);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "the output"));
        ck_assert_int_eq(s->trainer.st.step, 0);
    }
    ck_assert_int_eq(saves, 2);
    prism_session_destroy(&s);
}
END_TEST

SUITE("recon divergence", session_open, session_close, divergence_is_caught_and_undone,
      a_rollback_may_pass_samples, infinite_outputs_do_not_pass_a_phase,
      a_save_of_a_diverged_state_ends_the_run)
