/* Saving and loading: a run interrupted at any step ends in the same bits;
 * wrong files are refused, damaged ones survived. */
#include "support/box.h"
#include "support/session_suite.h"

#include <locale.h>
#include <semaphore.h>
#include <unistd.h>

/* The hash at the end of a run that is saved after `at` steps, destroyed,
 * created again and loaded; at < 0: of a run without a break. */
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
        run_steps(s, 3); /* loading replaces these steps */
        MUST(ctx, prism_session_load(s, path));
        ck_assert_uint_eq(session_hash(s), before);
        ck_assert_int_eq(s->trainer.st.step, at);
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
    t->retry_same_loss = false;
    struct prism_session *s = new_session(&p);
    int converged = 0, tier = 0;
    while (s->trainer.st.phase != PRISM_PHASE_RETRY && s->trainer.st.phase != PRISM_PHASE_DONE) {
        run_steps(s, 1);
        converged += progressive(s)->sample_converged;
        tier |= 1 << s->trainer.st.monitor.tier;
    }
    ck_assert_int_eq(s->trainer.st.phase,
                     PRISM_PHASE_RETRY); /* the run below sees samples that converge, escalate,
                                            fail, and a retry */
    ck_assert_int_gt(converged, 0);
    ck_assert_int_eq(tier & 1 << PRISM_TIER_AGGRESSIVE, 1 << PRISM_TIER_AGGRESSIVE);
    int total = (int)s->trainer.st.step + 8;
    prism_session_destroy(&s);
    check_resume(total);
}
END_TEST

/* Samples of one step have no moments between them: the checkpoint has none and
 * loading needs none. */
START_TEST(samples_of_one_step_resume)
{
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.par.training.n_epochs = 1;
    p.par.training.init_steps = 14;
    p.par.training.amsgrad = true;
    check_resume(14 + SMALL_SAMPLES);
}
END_TEST

START_TEST(composite_in_double_resumes)
{
    p.par.precision = PRISM_PRECISION_FP64;
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

START_TEST(pixels_resume_anywhere)
{
    p.par.algorithm = PRISM_ALG_OBJECT;
    p.par.training.average = 0.5;
    check_resume(60);
    p.par.mopie.complex_object = true;
    check_resume(60);
}
END_TEST

/* ---- in the background ---- */

static bool count_calls(void *user)
{
    return ++*(int *)user < 3;
}

/* Holds the writer until the session has gone on. */
static bool wait_for_steps(void *user)
{
    sem_t *done = user;
    while (sem_wait(done))
        ;
    return true;
}

/* The file holds the state of the moment when it was begun, the session goes on
 * meanwhile, and two are kept as ever. */
START_TEST(the_background_saves_a_copy)
{
    struct prism_session *s = new_session(&p), *other = new_session(&p);
    sem_t done;
    ck_assert_int_eq(sem_init(&done, 0, 0), 0);
    MUST(ctx, prism_session_save_wait(s)); /* nothing has begun */
    for (int i = 0; i < 2; i++) {
        run_steps(s, 21);
        uint64_t before = session_hash(s);
        MUST(ctx, prism_session_save_begin(s, path, "note", wait_for_steps, &done));
        ck_assert_uint_eq(session_hash(s), before);
        run_steps(s, 3);
        sem_post(&done);
        MUST(ctx, prism_session_save_wait(s));
        MUST(ctx, prism_session_load(other, path));
        ck_assert_uint_eq(session_hash(other), before);
    }
    ck_assert_int_eq(access(previous, F_OK), 0);
    uint8_t *first, *second;
    size_t bytes, again;
    MUST(ctx, prism_session_save(other, path, "note"));
    MUST(ctx, prismi_file_read(ctx, path, 1 << 24, &first, &bytes));
    MUST(ctx, prismi_file_read(ctx, previous, 1 << 24, &second, &again));
    ck_assert_uint_eq(bytes, again); /* the same state, the same bytes */
    ck_assert_mem_eq(first, second, bytes);
    prismi_free(first);
    prismi_free(second);
    sem_destroy(&done);
    prism_session_destroy(&other);
    prism_session_destroy(&s);
}
END_TEST

/* Every call that needs the file waits for it, without being asked. */
START_TEST(others_wait_for_the_background)
{
    struct prism_session *s = new_session(&p);
    run_steps(s, 10);
    MUST(ctx, prism_session_save_begin(s, path, NULL, NULL, NULL));
    run_steps(s, 5);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 10);
    run_steps(s, 5);
    MUST(ctx, prism_session_save_begin(s, path, NULL, NULL, NULL));
    run_steps(s, 5);
    MUST(ctx, prism_session_save(s, path, NULL));
    unlink(path); /* what the background wrote is the one before */
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 15);
    MUST(ctx, prism_session_save_begin(s, path, NULL, NULL, NULL));
    prism_session_destroy(&s);
    s = new_session(&p);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 15);
    prism_session_destroy(&s);
}
END_TEST

START_TEST(the_background_tells_its_failure)
{
    struct prism_session *s = new_session(&p);
    int calls = 3;
    run_steps(s, 10);
    MUST(ctx, prism_session_save_begin(s, "/nowhere/at/all", NULL, NULL, NULL));
    expect_error(prism_session_save_wait(s), PRISM_EIO, "/nowhere/at/all");
    MUST(ctx, prism_session_save_wait(s)); /* once */
    MUST(ctx, prism_session_save_begin(s, "/nowhere/at/all", NULL, NULL, NULL));
    expect_error(prism_session_save_begin(s, path, NULL, NULL, NULL), PRISM_EIO, "/nowhere");
    MUST(ctx, prism_session_save_begin(s, path, NULL, count_calls, &calls));
    expect_error(prism_session_save_wait(s), PRISM_ECANCELED, path);
    ck_assert_int_eq(access(path, F_OK), -1);
    MUST(ctx, prism_session_save_begin(s, "/nowhere/at/all", NULL, NULL, NULL));
    last_log[0] = '\0';
    MUST(ctx, prism_session_save(s, path, NULL)); /* logs the other's */
    ck_assert_ptr_nonnull(strstr(last_log, "/nowhere/at/all"));
    prism_session_destroy(&s);
}
END_TEST

/* ---- refusals ---- */

static void other_is_refused(const char *word)
{
    struct prism_session *s = new_session(&p);
    uint64_t before = session_hash(s);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EINVAL);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word), "\"%s\" does not say \"%s\"",
                  prism_ctx_error(ctx)->text, word);
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
    other_is_refused("training.lr 0.002, this session has 0.001");
    p.par = good;
    p.par.seed = 6;
    other_is_refused("seed 5, this session has 6");
    p.par = good;
    p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    other_is_refused("training.objective");
    p.par = good;
    p.par.algorithm = PRISM_ALG_MOPIE;
    other_is_refused("algorithm");
    p.par = good;
    p.par.decoder.output_activation = PRISM_OUTPUT_SIGMOID;
    other_is_refused("decoder.output_activation none, this session has sigmoid");
    p.par = good;
    p.par.metrics_every = 3; /* metrics_every may differ */
    s = new_session(&p);
    MUST(ctx, prism_session_load(s, path));
    prism_session_destroy(&s);
    struct prism_dataset *ours = p.ds;
    p.truth[40] += 0.001;
    MUST(ctx, prism_dataset_simulate(dev, prism_dataset_params(ours), p.truth,
                                     prism_dataset_centres(ours), p.n, &p.ds));
    other_is_refused("with data ");
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
    ck_assert_int_eq(s->trainer.st.step, 20);
    flip_a_byte(path, 5000);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 10);
    ck_assert_ptr_nonnull(strstr(last_log, "continuing from"));
    unlink(path);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 10);
    flip_a_byte(previous, 5000);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EIO);
    ck_assert_int_eq(s->trainer.st.step, 10);
    ck_assert_int_eq(prism_session_save(s, "/nowhere/at/all", NULL), PRISM_EIO);
    prism_session_destroy(&s);
}
END_TEST

/* After a fall-back the next save keeps the good file as the previous one, not
 * the damaged file. */
START_TEST(the_only_good_one_survives_the_next_save)
{
    struct prism_session *s = new_session(&p), *other;
    char elsewhere[320];
    snprintf(elsewhere, sizeof elsewhere, "%s/other", folder);
    run_steps(s, 10);
    MUST(ctx, prism_session_save(s, path, NULL));
    run_steps(s, 10);
    MUST(ctx, prism_session_save(s, path, NULL));
    for (int way = 0; way < 2; way++) { /* damaged, then missing */
        if (way)
            unlink(path);
        else
            flip_a_byte(path, 5000);
        MUST(ctx, prism_session_load(s, path));
        ck_assert_int_eq(s->trainer.st.step, 10);
        MUST(ctx, prism_session_save(s, elsewhere, NULL)); /* the file at path is not judged */
        run_steps(s, 5);
        MUST(ctx, prism_session_save(s, path, NULL));
        flip_a_byte(path, 5000);
        other = new_session(&p);
        MUST(ctx, prism_session_load(other, path));
        ck_assert_int_eq(other->trainer.st.step, 10);
        prism_session_destroy(&other);
        flip_a_byte(path, 5000);
    }
    run_steps(s, 5);
    MUST(ctx, prism_session_save(s, path, NULL)); /* later saves work as usual */
    flip_a_byte(path, 5000);
    MUST(ctx, prism_session_load(s, path));
    ck_assert_int_eq(s->trainer.st.step, 15);
    prism_session_destroy(&s);
    unlink(elsewhere);
}
END_TEST

/* Replaces the elements of one array in the checkpoint, which stays whole with
 * good checksums. */
static void replace_array(const char *array, const void *data, size_t bytes)
{
    struct prismi_archive *from, *to;
    MUST(ctx, prismi_archive_load(ctx, path, "PRISMCKP", &from));
    MUST(ctx, prismi_archive_create(ctx, "PRISMCKP", &to));
    for (int i = 0; i < prismi_archive_count(from); i++) {
        size_t n;
        struct prismi_array type;
        const void *old;
        const char *name = prismi_archive_at(from, i, &type, &old, &n);
        bool this_one = !strcmp(name, array);
        if (this_one && bytes != n)
            type.shape[0] = bytes / type.item;
        MUST(ctx, prismi_archive_add(to, name, &type, this_one ? data : old));
    }
    MUST(ctx, prismi_archive_save(to, ctx, path, false));
    prismi_archive_destroy(&to);
    prismi_archive_destroy(&from);
}

struct change {
    bool samples;  /* in the progressive strategy's state, else in the trainer's */
    size_t offset; /* place of the integer */
    int64_t value;
};
#define AT(field) false, offsetof(struct prismi_state, field)
#define IN(field) true, offsetof(struct prismi_samples, field)

/* Each change makes a state that no run of this session can reach. */
static void check_hostile(int steps, const struct change *c, int n)
{
    struct prism_session *s = new_session(&p), *other = new_session(&p);
    run_steps(s, steps);
    run_steps(other, 3);
    uint64_t before = session_hash(other);
    MUST(ctx, prism_session_save(s, path, NULL));
    MUST(ctx, prism_session_load(s, path)); /* unchanged, the state is accepted */
    for (int i = 0; i < n; i++) {
        struct prismi_state st = s->trainer.st;
        struct prismi_samples now = c[i].samples ? *samples(s) : (struct prismi_samples){0};
        memcpy((c[i].samples ? (char *)&now : (char *)&st) + c[i].offset, &c[i].value,
               sizeof c[i].value);
        replace_array("trainer", &st, sizeof st);
        if (s->trainer.n_plain)
            replace_array("plain.samples", c[i].samples ? &now : samples(s), sizeof now);
        ck_assert_msg(prism_session_load(other, path) == PRISM_EPARSE,
                      "integer %zu set to %lld after %d steps is accepted", c[i].offset / 8,
                      (long long)c[i].value, steps);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "impossible"));
        ck_assert_uint_eq(session_hash(other), before);
    }
    prism_session_destroy(&other);
    prism_session_destroy(&s);
}
#define CHECK_HOSTILE(steps, ...)                                                                  \
    check_hostile(steps, (const struct change[]){__VA_ARGS__},                                     \
                  sizeof((const struct change[]){__VA_ARGS__}) / sizeof(struct change))
#define EVERYWHERE                                                                                 \
    {AT(phase), 9}, {AT(phase), -1}, {AT(step), -5}, {AT(step), INT64_MAX}, {AT(phase_step), -1},  \
        {AT(phase_step), INT64_MAX}, {AT(adam_t), -1}, {AT(adam_t), INT64_MAX},                    \
        {AT(schedule_t), INT64_MAX}, {AT(pending), -1}, {AT(pending), INT64_MAX},                  \
        {AT(averaged), 1}, {AT(n_history), PRISMI_HISTORY_MAX + 1}, {AT(history_stride), 0},       \
        {AT(history_stride), INT64_MAX}, {AT(history_skip), -1}, {AT(history_skip), INT64_MAX},    \
        {AT(schedule.kind), PRISM_SCHEDULE_COUNT}, {AT(schedule.total), -1},                       \
        {AT(schedule.bad), INT64_MAX}, {AT(monitor.count), INT64_MAX}, {AT(monitor.count), 1001},  \
        {AT(monitor.since), -1}, {AT(monitor.since), 1001},                                        \
    {                                                                                              \
        AT(monitor.tier), PRISM_TIER_COUNT                                                         \
    }
#define OF_SAMPLES                                                                                 \
    {IN(sample), -2}, {IN(sample), INT64_MAX}, {IN(open), 2}, {IN(step), -1}, {IN(pass), -1},      \
        {IN(pass), INT64_MAX}, {IN(pass), 1001}, {IN(n_failed), -1},                               \
    {                                                                                              \
        IN(n_failed), 1000                                                                         \
    }

START_TEST(impossible_states_are_refused)
{
    struct prism_training_params *t = &p.par.training;
    CHECK_HOSTILE(5, EVERYWHERE, {AT(phase), PRISM_PHASE_RETRY}, {AT(phase_step), 20},
                  {AT(pending), 16});
    CHECK_HOSTILE(25, EVERYWHERE, {AT(phase), PRISM_PHASE_RETRY}, {AT(phase_step), 60},
                  {AT(phase_step), (int64_t)1 << 62});
    t->init_steps = -1;
    CHECK_HOSTILE(5, {AT(phase), PRISM_PHASE_INIT});
    p.par.algorithm = PRISM_ALG_MOPIE;
    CHECK_HOSTILE(9, EVERYWHERE, {AT(phase), PRISM_PHASE_INIT}, {AT(phase), PRISM_PHASE_RETRY},
                  {AT(phase_step), 28}, {AT(pending), SMALL_SAMPLES});
}
END_TEST

START_TEST(impossible_samples_are_refused)
{
    struct prism_training_params *t = &p.par.training;
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->init_steps = -1;
    t->max_retries = 2;
    t->n_epochs = 3;
    t->loss_threshold = -1;
    t->retry_same_loss = false;
    /* open in the second sample; between the second and the third; open and
     * closed in a retry; done */
    CHECK_HOSTILE(4, EVERYWHERE, OF_SAMPLES, {IN(sample), -1}, {IN(step), 3}, {IN(step), INT64_MAX},
                  {IN(pass), 1}, {AT(phase), PRISM_PHASE_RETRY}, {AT(phase), PRISM_PHASE_DONE},
                  {AT(phase), PRISM_PHASE_INIT}, {IN(n_failed), 0},
                  {AT(monitor.tier), PRISM_TIER_FAST + 100});
    CHECK_HOSTILE(6, {IN(sample), SMALL_SAMPLES - 1}, {IN(sample), SMALL_SAMPLES},
                  {AT(phase), PRISM_PHASE_RETRY}, {IN(n_failed), 1}, {IN(n_failed), 3});
    CHECK_HOSTILE(3 * SMALL_SAMPLES + 2, EVERYWHERE, OF_SAMPLES, {IN(pass), 0}, {IN(pass), 3},
                  {AT(phase), PRISM_PHASE_FIT}, {AT(monitor.tier), PRISM_TIER_NORMAL},
                  {IN(step), 1003}, {IN(sample), -1}, {IN(n_failed), 0});
    CHECK_HOSTILE(3 * SMALL_SAMPLES, {IN(pass), 0}, {IN(sample), SMALL_SAMPLES - 1}, {IN(open), 1},
                  {IN(n_failed), 0});

    struct prism_session *s = new_session(&p);
    int32_t status[SMALL_SAMPLES];
    run_steps(s, 3 * SMALL_SAMPLES); /* all have failed, none is open */
    MUST(ctx, prism_session_save(s, path, NULL));
    memcpy(status, progressive(s)->status, sizeof status);
    status[2] = 77;
    replace_array("plain.status", status, sizeof status);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EPARSE);
    status[2] = PRISMI_SAMPLE_CONVERGED; /* one less than n_failed says */
    replace_array("plain.status", status, sizeof status);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EPARSE);
    struct prismi_samples now = *samples(s);
    now.n_failed = 0;
    for (int k = 0; k < SMALL_SAMPLES; k++)
        status[k] = PRISMI_SAMPLE_CONVERGED; /* nothing left to retry */
    replace_array("plain.status", status, sizeof status);
    replace_array("plain.samples", &now, sizeof now);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EPARSE);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "impossible"));
    prism_session_destroy(&s);
}
END_TEST

/* Version 0.1.0 wrote no line "format". */
START_TEST(an_older_format_is_refused_by_version)
{
    static const char about[] = "algorithm=0\ntraining.precision=single\ntraining.seed=5\nn_"
                                "samples=7\nimage.image_size=32\n";
    struct prism_session *s = new_session(&p);
    MUST(ctx, prism_session_save(s, path, NULL));
    replace_array("about", about, sizeof about - 1);
    ck_assert_int_eq(prism_session_load(s, path), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "format 1 (version 0.1.0)"));
    prism_session_destroy(&s);
}
END_TEST

/* Files in the older container format are read, and the next save writes an
 * archive. */
START_TEST(a_container_resumes)
{
    struct prism_session *s = new_session(&p), *other = new_session(&p);
    struct prismi_archive *a;
    run_steps(s, 25);
    MUST(ctx, prism_session_save(s, path, NULL));
    MUST(ctx, prismi_archive_load(ctx, path, "PRISMCKP", &a));
    ck_assert(box_write(a, "PRISMCKP", path));
    prismi_archive_destroy(&a);
    MUST(ctx, prism_session_load(other, path));
    ck_assert_uint_eq(session_hash(other), session_hash(s));
    flip_a_byte(path, 5000);
    ck_assert_int_eq(prism_session_load(other, path), PRISM_EPARSE);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "checksum"));
    MUST(ctx, prism_session_save(other, path, NULL));
    MUST(ctx, prism_session_load(s, path));
    prism_session_destroy(&other);
    prism_session_destroy(&s);
}
END_TEST

/* ---- states that are lost already ---- */

START_TEST(a_diverged_state_is_not_saved)
{
    for (int average = 0; average < 2; average++) {
        p.par.training.init_steps = -1;
        p.par.training.average = average;
        p.par.training.lr = 3e38;
        struct prism_session *s = new_session(&p);
        uint64_t start = session_hash(s);
        run_steps(s, 1);
        ck_assert_int_eq(prism_session_save(s, path, NULL), PRISM_EDIVERGED);
        ck_assert_int_eq(access(path, F_OK), -1);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "back at step 0"));
        ck_assert_uint_eq(session_hash(s), start);
        MUST(ctx, prism_session_save(s, path, NULL));
        prism_session_destroy(&s);
        unlink(path);
    }
}
END_TEST

START_TEST(a_diverged_state_is_not_loaded)
{
    struct prism_session *s = new_session(&p), *other = new_session(&p);
    run_steps(s, 10);
    MUST(ctx, prism_session_save(s, path, NULL));
    run_steps(s, 15);
    MUST(ctx, prism_session_save(s, path, NULL));
    for (int slab = 0; slab < s->trainer.n_slabs; slab++) {
        const char *name = s->trainer.slabs[slab].name;
        char array[64];
        if (strcmp(name, "params") && strcmp(name, "losses"))
            continue;
        float *bad = new_array(s->trainer.slabs[slab].bytes, 1);
        for (size_t i = 0; i < s->trainer.slabs[slab].bytes / sizeof *bad; i++)
            bad[i] = NAN;
        snprintf(array, sizeof array, "slab.%s", name);
        MUST(ctx, prism_session_load(s, path));
        ck_assert_int_eq(s->trainer.st.step, 25);
        replace_array(array, bad, s->trainer.slabs[slab].bytes);
        MUST(ctx, prism_session_load(s, path)); /* the one before */
        ck_assert_int_eq(s->trainer.st.step, 10);
        ck_assert_ptr_nonnull(strstr(last_log, "not finite"));
        char aside[320];
        snprintf(aside, sizeof aside, "%s/aside", folder);
        rename(previous, aside);
        run_steps(other, 3);
        uint64_t before = session_hash(other);
        ck_assert_int_eq(prism_session_load(other, path), PRISM_EPARSE);
        ck_assert_uint_eq(session_hash(other), before);
        rename(aside, previous);
        free(bad);
        run_steps(s, 15);
        MUST(ctx, prism_session_save(s, path, NULL));
    }
    prism_session_destroy(&other);
    prism_session_destroy(&s);
}
END_TEST

/* The test makes the locale de_DE where the system lacks it. */
START_TEST(a_decimal_comma_changes_nothing)
{
    char command[400], comma[8];
    struct prism_session *s = new_session(&p);
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             folder);
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && system(command) == 0) {
        setenv("LOCPATH", folder, 1);
        setlocale(LC_ALL, "de_DE.UTF-8");
    }
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    run_steps(s, 5);
    MUST(ctx, prism_session_save(s, path, NULL));
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s/de_DE.UTF-8", folder);
    if (system(command) != 0 || strcmp(comma, "0,5"))
        printf("# skipped: no locale with a decimal comma here\n");
    MUST(ctx, prism_session_load(s, path));
    prism_session_destroy(&s);
}
END_TEST

START_TEST(a_checkpoint_can_be_inspected)
{
    p.par.metrics_every = 5;
    struct prism_session *s = new_session(&p);
    struct prismi_archive *a;
    size_t bytes = 0;
    run_steps(s, 30);
    MUST(ctx, prism_session_save(s, path, "name: test\n"));
    MUST(ctx, prismi_archive_load(ctx, path, "PRISMCKP", &a));
    const char *text = prismi_archive_get(a, "extra", PRISMI_TYPE_TEXT, &bytes);
    ck_assert_int_eq(bytes, 11);
    ck_assert_mem_eq(text, "name: test\n", 11);
    bytes = 0;
    text = prismi_archive_get(a, "progress", PRISMI_TYPE_TEXT, &bytes);
    ck_assert_int_gt(bytes, 50);
    ck_assert_mem_eq(text, "phase=fit\nstep=30\n", 18);
    bytes = s->pixels * sizeof(double);
    ck_assert_ptr_nonnull(prismi_archive_get(a, "result", PRISMI_TYPE_F64, &bytes));
    bytes = 2 * SMALL_SAMPLES * sizeof(double);
    const void *centres = prismi_archive_get(a, "centres", PRISMI_TYPE_F64, &bytes);
    ck_assert_ptr_nonnull(centres);
    ck_assert_mem_eq(centres, prism_dataset_centres(p.ds), bytes);
    prismi_archive_destroy(&a);
    prism_session_destroy(&s);
}
END_TEST

SUITE("recon checkpoint", session_open, session_close, joint_resumes_anywhere,
      progressive_resumes_anywhere, samples_of_one_step_resume, composite_in_double_resumes,
      mopie_resumes_anywhere, pixels_resume_anywhere, the_background_saves_a_copy,
      others_wait_for_the_background, the_background_tells_its_failure,
      another_run_is_refused_by_name, damage_falls_back_to_the_previous_one,
      the_only_good_one_survives_the_next_save, impossible_states_are_refused,
      impossible_samples_are_refused, an_older_format_is_refused_by_version, a_container_resumes,
      a_diverged_state_is_not_saved, a_diverged_state_is_not_loaded,
      a_decimal_comma_changes_nothing, a_checkpoint_can_be_inspected)
