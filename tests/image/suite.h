/* The frame of the check suites. */
#ifndef PRISM_TESTS_IMAGE_SUITE_H
#define PRISM_TESTS_IMAGE_SUITE_H

#include "image_test.h"

#include <check.h>

#define ck_close(a, b, eps)                                                                        \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        ck_assert_msg(fabs(a_ - b_) <= (eps), "%s = %.17g, expected %.17g", #a, a_, b_);           \
    } while (0)
#define ck_ok(status) ck_assert_msg((status) == 0, "%s", sentence())

/* Hold a fixture's damaged forms to the reader's promise. */
static inline void ck_sweep(const struct fixture *f, int rounds, bool must_fail)
{
    const char *wrong = sweep(f, rounds, must_fail);
    ck_assert_msg(!wrong, "%s", wrong);
}

static inline int run_suite(const char *name, const TTest *const *tests, int n)
{
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 0);
    tcase_add_checked_fixture(c, image_setup, image_teardown);
    for (int i = 0; i < n; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}

#define RUN_SUITE(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return run_suite(name, tests, (int)(sizeof tests / sizeof *tests));                        \
    }

#endif
