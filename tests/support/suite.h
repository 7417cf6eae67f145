/* The frame of every suite written with check: main(), which prints TAP. */
#ifndef PRISM_TESTS_SUITE_H
#define PRISM_TESTS_SUITE_H

#include "support/setup.h"

#include <check.h>

/* Checks that a call failed with `expected` and a sentence that holds
 * `word`. */
static inline void expect_error(int status, int expected, const char *word)
{
    ck_assert_int_eq(status, expected);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word), "\"%s\" does not say \"%s\"",
                  prism_ctx_error(ctx)->text, word);
}

/* A case that runs every test between setup and teardown. */
static inline TCase *suite_case(SFun setup, SFun teardown, const TTest *const *tests, size_t n)
{
    TCase *c = tcase_create("tests");
    tcase_set_timeout(c, 0);
    tcase_add_checked_fixture(c, setup, teardown);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(c, tests[i]);
    return c;
}

/* Runs the case in this process, for threads and device libraries do not
 * survive a fork. Returns the exit status of the program. */
static inline int suite_run(const char *name, TCase *c)
{
    Suite *s = suite_create(name);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

#define SUITE_CASE(setup, teardown, ...)                                                           \
    suite_case(setup, teardown, (const TTest *const[]){__VA_ARGS__},                               \
               sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

#define SUITE(name, setup, teardown, ...)                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        return suite_run(name, SUITE_CASE(setup, teardown, __VA_ARGS__));                          \
    }

#endif
