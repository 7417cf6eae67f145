/* Helpers of the picture suites that are written with check. */
#ifndef PRISM_TESTS_IMAGE_CHECK_H
#define PRISM_TESTS_IMAGE_CHECK_H

#include "image_test.h"
#include "support/suite.h"

#define ck_close(a, b, eps)                                                                        \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        ck_assert_msg(fabs(a_ - b_) <= (eps), "%s = %.17g, expected %.17g", #a, a_, b_);           \
    } while (0)
#define ck_ok(status) ck_assert_msg((status) == 0, "%s", sentence())

/* Checks the reader's promise on damaged forms of a fixture. */
static inline void ck_sweep(const struct fixture *f, int rounds, bool must_fail)
{
    const char *wrong = sweep(f, rounds, must_fail);
    ck_assert_msg(!wrong, "%s", wrong);
}

#endif
