/* Learning rates, the convergence monitor, the order of visits. */
#include "fit/fit.h"
#include "support/suite.h"

/* ---- learning rates ---- */

static double rate(enum prism_schedule kind, double base, int64_t total, int64_t t)
{
    struct prismi_schedule s;
    prismi_schedule_init(&s, kind, base, total);
    return prismi_schedule_lr(&s, t);
}

START_TEST(schedules_follow_their_formulas)
{
    ck_assert_double_eq(rate(PRISM_SCHEDULE_CONSTANT, 0.1, 10, 9), 0.1);
    ck_assert_double_eq(rate(PRISM_SCHEDULE_COSINE, 1, 100, 0), 1);
    ck_assert_double_eq_tol(rate(PRISM_SCHEDULE_COSINE, 1, 100, 50), 0.5005, 1e-12);
    ck_assert_double_eq_tol(rate(PRISM_SCHEDULE_COSINE, 1, 100, 100), 1e-3, 1e-12);
    ck_assert_double_eq_tol(rate(PRISM_SCHEDULE_COSINE, 1, 100, 1000), 1e-3, 1e-12);
    /* periods of 50, 100, 200 */
    ck_assert_double_eq(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-3, 0, 0), 1e-3);
    ck_assert_double_lt(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-3, 0, 49), 3e-6);
    ck_assert_double_eq(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-3, 0, 50), 1e-3);
    ck_assert_double_eq_tol(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-3, 0, 100), (1e-3 + 1e-6) / 2,
                            1e-12);
    ck_assert_double_eq(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-3, 0, 150), 1e-3);
    ck_assert_double_eq(rate(PRISM_SCHEDULE_COSINE_RESTARTS, 1e-9, 0, 30),
                        1e-9); /* below the floor: constant */
}
END_TEST

START_TEST(a_plateau_halves_the_rate)
{
    struct prismi_schedule s;
    prismi_schedule_init(&s, PRISM_SCHEDULE_PLATEAU, 1, 0);
    prismi_schedule_cycle(&s, 1);
    for (int i = 0; i < 10; i++)
        prismi_schedule_cycle(&s, 0.99999); /* gains less than a part in 10^4 */
    ck_assert_double_eq(prismi_schedule_lr(&s, 0), 1);
    prismi_schedule_cycle(&s, 1);
    ck_assert_double_eq(prismi_schedule_lr(&s, 0), 0.5);
    prismi_schedule_cycle(&s, 0.5);
    for (int i = 0; i < 11; i++)
        prismi_schedule_cycle(&s, 0.6);
    ck_assert_double_eq(prismi_schedule_lr(&s, 0), 0.25);
    for (int i = 0; i < 10000; i++)
        prismi_schedule_cycle(&s, 0.6);
    ck_assert_double_gt(prismi_schedule_lr(&s, 0), 1e-8); /* changes below 1e-8 are left */
    ck_assert_double_lt(prismi_schedule_lr(&s, 0), 3e-8);
}
END_TEST

/* ---- monitor ---- */

static const struct prismi_monitor_params watch = {.patience = 10,
                                                   .window = 50,
                                                   .threshold = 0.01,
                                                   .escalation = 200,
                                                   .aggressive_lr = 2,
                                                   .rescue_lr = 0.1};

START_TEST(the_monitor_walks_the_tiers)
{
    struct prismi_monitor m;
    prismi_monitor_init(&m, PRISM_TIER_NORMAL);
    for (int i = 1; i < 200; i++)
        ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_GO_ON);
    ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_ESCALATE);
    ck_assert_int_eq(m.tier, PRISM_TIER_AGGRESSIVE);
    for (int i = 1; i < 50; i++) /* a full window of its own */
        ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_GO_ON);
    ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_ESCALATE);
    ck_assert_int_eq(m.tier, PRISM_TIER_RESCUE);
    for (int i = 1; i < 50; i++)
        ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_GO_ON);
    ck_assert_int_eq(prismi_monitor_update(&m, &watch, 1), PRISMI_GIVE_UP);
}
END_TEST

START_TEST(the_monitor_is_patient_with_progress)
{
    struct prismi_monitor m;
    double loss = 1;
    prismi_monitor_init(&m, PRISM_TIER_NORMAL);
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(prismi_monitor_update(&m, &watch, loss *= 0.999),
                         PRISMI_GO_ON); /* 5 % over a window */
}
END_TEST

START_TEST(a_plateau_needs_window_patience_and_threshold)
{
    struct prismi_monitor m;
    prismi_monitor_init(&m, PRISM_TIER_NORMAL);
    for (int i = 0; i < 49; i++)
        prismi_monitor_update(&m, &watch, 1);
    ck_assert(!prismi_monitor_plateau(&m, &watch)); /* window not full */
    prismi_monitor_update(&m, &watch, 1);
    ck_assert(prismi_monitor_plateau(&m, &watch));
    prismi_monitor_update(&m, &watch, 0.5);
    ck_assert(!prismi_monitor_plateau(&m, &watch)); /* a new best */
    for (int i = 0; i < 20; i++)
        prismi_monitor_update(&m, &watch, 0.5);
    ck_assert(!prismi_monitor_plateau(&m, &watch)); /* the window still holds the fall from 1 */
}
END_TEST

START_TEST(tiers_scale_rate_and_budget)
{
    ck_assert_double_eq(prismi_tier_lr(&watch, PRISM_TIER_NORMAL), 1);
    ck_assert_double_eq(prismi_tier_lr(&watch, PRISM_TIER_AGGRESSIVE), 2);
    ck_assert_double_eq(prismi_tier_lr(&watch, PRISM_TIER_RESCUE), 0.1);
    ck_assert_int_eq(prismi_tier_extra_steps(PRISM_TIER_NORMAL), 0);
    ck_assert_int_eq(prismi_tier_extra_steps(PRISM_TIER_AGGRESSIVE), 500);
    ck_assert_int_eq(prismi_tier_extra_steps(PRISM_TIER_RESCUE), 1000);
}
END_TEST

/* ---- order ---- */

START_TEST(permutations_visit_all)
{
    int32_t a[97], b[97], seen[97] = {0};
    prismi_permutation(3, PRISMI_STREAM_BATCH, 12, 97, a);
    for (int i = 0; i < 97; i++)
        seen[a[i]]++;
    for (int i = 0; i < 97; i++)
        ck_assert_int_eq(seen[i], 1);
    prismi_permutation(3, PRISMI_STREAM_BATCH, 12, 97, b);
    ck_assert_mem_eq(a, b, sizeof a);
    prismi_permutation(3, PRISMI_STREAM_BATCH, 13, 97, b);
    ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

SUITE("fit units", fixture_open, fixture_close, schedules_follow_their_formulas,
      a_plateau_halves_the_rate, the_monitor_walks_the_tiers, the_monitor_is_patient_with_progress,
      a_plateau_needs_window_patience_and_threshold, tiers_scale_rate_and_budget,
      permutations_visit_all)
