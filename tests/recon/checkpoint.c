/* Save and load: a run interrupted at any step ends in the same bits; what is refused and what is survived. */
#include "recon_test.h"

#include <check.h>
#include <unistd.h>

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static struct problem p;
static char folder[256], path[300], previous[310];
static char logged[512];

static void keep_log(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)level;
    snprintf(logged, sizeof logged, "%s", text);
}

static void open_all(void)
{
    const struct prism_ctx_params cp = {.log = keep_log, .level = PRISM_LOG_WARN};
    const char *tmp = getenv("TMPDIR");
    MUST(NULL, prism_ctx_create(&cp, &ctx));
    dev = open_dev(ctx, "ref", NULL, 1);
    p = small_problem(ctx, dev, PRISM_F32);
    snprintf(folder, sizeof folder, "%s/prism-recon-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(previous, sizeof previous, "%s.1", path);
    logged[0] = '\0';
}

static void close_all(void)
{
    unlink(path);
    unlink(previous);
    rmdir(folder);
    release_problem(&p);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
}

/* Hash at the end of a run that is saved after `at` steps, thrown away, made anew and loaded; at < 0: of a run left alone. */
static uint64_t end_of_run(int at, int total)
{
    struct prism_session *s = new_session(&p);
    if (at >= 0) {
        run_steps(s, at);
        uint64_t before = session_hash(s);
        MUST(ctx, prism_session_save(s, path, NULL));
        ck_assert_uint_eq(session_hash(s), before);
        prism_session_destroy(&s);
        s = new_session(&p);
        run_steps(s, 3); /* whatever it did before */
        MUST(ctx, prism_session_load(s, path));
        ck_assert_uint_eq(session_hash(s), before);
        ck_assert_int_eq(s->st.step, at);
    }
    run_steps(s, total - (at < 0 ? 0 : at));
    uint64_t h = session_hash(s);
    prism_session_destroy(&s);
    return h;
}

static void check_resume(int total)
{
    uint64_t whole = end_of_run(-1, total);
    static const int marks[] = {0, 1, 15, 16, 17, 19, 20, 21};
    for (int i = 0; i < 8; i++)
        ck_assert_msg(end_of_run(marks[i], total) == whole, "resumed at %d of %d", marks[i], total);
    for (uint64_t i = 0; i < 8; i++) {
        int at = (int)prismi_rng_below(11, 5, i, (uint32_t)total);
        ck_assert_msg(end_of_run(at, total) == whole, "resumed at %d of %d", at, total);
    }
}

START_TEST(joint_resumes_anywhere)
{
    p.par.training.schedule = PRISM_SCHEDULE_PLATEAU;
    p.par.training.amsgrad = true;
    p.par.training.average = 0.5;
    p.par.metrics_every = 7;
    check_resume(80);
}
END_TEST

START_TEST(progressive_resumes_anywhere)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->adaptive = true;
    t->loss_threshold = 0.06;
    t->plateau_threshold = 1;
    t->n_epochs = 25; /* long enough to escalate, short enough to fail and be tried again */
    t->escalation_epochs = 22;
    t->max_retries = 1;
    t->retry_switch_loss = true;
    struct prism_session *s = new_session(&p);
    int converged = 0, tier = 0;
    while (s->st.phase != PRISM_PHASE_RETRY && s->st.phase != PRISM_PHASE_DONE) {
        run_steps(s, 1);
        converged += s->sample_converged;
        tier |= 1 << s->st.monitor.tier;
    }
    ck_assert_int_eq(s->st.phase, PRISM_PHASE_RETRY); /* the run below sees samples that converge, escalate, fail, and a retry */
    ck_assert_int_gt(converged, 0);
    ck_assert_int_eq(tier & 1 << PRISM_TIER_AGGRESSIVE, 1 << PRISM_TIER_AGGRESSIVE);
    int total = (int)s->st.step + 8;
    prism_session_destroy(&s);
    check_resume(total);
}
END_TEST

START_TEST(composite_in_double_resumes)
{
    p.par.dtype = PRISM_F64;
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.loss_weights[PRISM_LOSS_L1] = 0.7;
    p.par.training.loss_weights[PRISM_LOSS_MS_SSIM] = 0.3;
    check_resume(60);
}
END_TEST

START_TEST(mopie_resumes_anywhere)
{
    p.par.algorithm = PRISM_ALG_MOPIE;
    p.par.mopie.permute = true;
    check_resume(28);
    p.par.mopie.complex_object = true;
    check_resume(28);
    p.par.mopie.parallel = true;
    p.par.mopie.loops = 30;
    check_resume(30);
}
END_TEST

/* ---- refusals ---- */

static void other_is_refused(const char *word)
{
    struct prism_session *s = new_session(&p);
    uint64_t before = session_hash(s);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EINVAL);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word), "\"%s\" does not say \"%s\"", prism_ctx_error(ctx)->text, word);
    ck_assert_uint_eq(session_hash(s), before);
    prism_session_destroy(&s);
}

START_TEST(another_run_is_refused_by_name)
{
    struct prism_session *s = new_session(&p);
    const struct prism_recon_params good = p.par;
    run_steps(s, 25);
    MUST(ctx, prism_session_save(s, path, NULL));
    prism_session_destroy(&s);
    p.par.training.lr = 1e-3;
    other_is_refused("training.lr=0.002");
    p.par = good;
    p.par.seed = 6;
    other_is_refused("training.seed=5, this session has training.seed=6");
    p.par = good;
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    other_is_refused("training.objective");
    p.par = good;
    p.par.algorithm = PRISM_ALG_MOPIE;
    other_is_refused("algorithm");
    p.par = good;
    p.par.decoder.output_activation = PRISM_ACT_SIGMOID;
    other_is_refused("model.output_activation");
    p.par = good;
    p.par.metrics_every = 3; /* how often one looks is nobody's business */
    s = new_session(&p);
    MUST(ctx, prism_session_load(s, path));
    prism_session_destroy(&s);
    struct prism_dataset *ours = p.ds;
    p.truth[40] += 0.001;
    MUST(ctx, prism_dataset_simulate(dev, prism_dataset_params(ours), p.truth, prism_dataset_centres(ours), p.n, NULL, &p.ds));
    other_is_refused("data=");
    prism_dataset_destroy(&p.ds);
    p.ds = ours;
}
END_TEST

/* ---- damage ---- */

static void flip_a_byte(const char *file, long at)
{
    FILE *f = fopen(file, "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 64, f);
    fclose(f);
}

START_TEST(damage_falls_back_to_the_previous_one)
{
    struct prism_session *s = new_session(&p);
    run_steps(s, 10);
    MUST(ctx, prism_session_save(s, path, NULL));
    run_steps(s, 10);
    MUST(ctx, prism_session_save(s, path, NULL));
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->st.step, 20);
    flip_a_byte(path, 5000);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->st.step, 10);
    ck_assert_ptr_nonnull(strstr(logged, "continuing from"));
    unlink(path);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->st.step, 10);
    flip_a_byte(previous, 5000);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EIO);
    ck_assert_int_eq(s->st.step, 10);
    ck_assert_int_eq(prism_session_save(s, "/nowhere/at/all", NULL), PRISM_EIO);
    prism_session_destroy(&s);
}
END_TEST

/* Containers that are whole but hold numbers no run can have. */
START_TEST(impossible_states_are_refused)
{
    struct prism_session *s = new_session(&p);
    int64_t *const fields[] = {&s->st.phase, &s->st.history_stride, &s->st.sample, &s->st.step, &s->st.monitor.tier, &s->st.pass};
    static const int64_t wrong[] = {9, 0, SMALL_SAMPLES, -5, PRISM_TIER_COUNT, -1};
    for (int i = 0; i < 6; i++) {
        int64_t right = *fields[i];
        *fields[i] = wrong[i];
        MUST(ctx, prism_session_save(s, path, NULL));
        unlink(previous);
        *fields[i] = right;
        ck_assert_int_eq(prism_session_load(s, path), PRISM_EPARSE);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "impossible"));
        ck_assert_int_eq(*fields[i], right);
    }
    prism_session_destroy(&s);
}
END_TEST

START_TEST(a_checkpoint_can_be_inspected)
{
    p.par.metrics_every = 5;
    struct prism_session *s = new_session(&p);
    struct prismi_box *box;
    size_t bytes = 0;
    run_steps(s, 30);
    MUST(ctx, prism_session_save(s, path, "name: test\n"));
    MUST(ctx, prismi_box_load(ctx, path, "PRISMCKP", &box));
    const char *text = prismi_box_get(box, "extra", &bytes);
    ck_assert_int_eq(bytes, 11);
    ck_assert_mem_eq(text, "name: test\n", 11);
    bytes = 0;
    text = prismi_box_get(box, "progress", &bytes);
    ck_assert_int_gt(bytes, 50);
    ck_assert_mem_eq(text, "phase=fit\nstep=30\n", 18);
    bytes = s->pixels * sizeof(double);
    ck_assert_ptr_nonnull(prismi_box_get(box, "result", &bytes));
    bytes = 2 * SMALL_SAMPLES * sizeof(double);
    const void *centres = prismi_box_get(box, "centres", &bytes);
    ck_assert_ptr_nonnull(centres);
    ck_assert_mem_eq(centres, prism_dataset_centres(p.ds), bytes);
    prismi_box_destroy(&box);
    prism_session_destroy(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recon checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_add_checked_fixture(t, open_all, close_all);
    tcase_add_test(t, joint_resumes_anywhere);
    tcase_add_test(t, progressive_resumes_anywhere);
    tcase_add_test(t, composite_in_double_resumes);
    tcase_add_test(t, mopie_resumes_anywhere);
    tcase_add_test(t, another_run_is_refused_by_name);
    tcase_add_test(t, damage_falls_back_to_the_previous_one);
    tcase_add_test(t, impossible_states_are_refused);
    tcase_add_test(t, a_checkpoint_can_be_inspected);
    suite_add_tcase(suite, t);
    SRunner *sr = srunner_create(suite);
    srunner_set_tap(sr, "-");
    srunner_run_all(sr, CK_SILENT);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
