/* The fixture of the check suites about sessions: suite.h's, the small
 * experiment on it, and where its checkpoint lies. */
#ifndef PRISM_TESTS_SESSION_SUITE_H
#define PRISM_TESTS_SESSION_SUITE_H

#include "support/session.h"
#include "support/suite.h"

static struct experiment p;
static char path[300], previous[310]; /* of the checkpoint and of the one before */

static inline void session_open(void)
{
    fixture_open();
    p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(previous, sizeof previous, "%s.1", path);
}

static inline void session_close(void)
{
    release_experiment(&p);
    fixture_close();
}

/* No session comes of the experiment: `status`, and a sentence with `word`. */
static inline void session_refused(int status, const char *word)
{
    struct prism_session *s = (void *)1;
    expect_error(prism_session_create(dev, p.ds, &p.par, &s), status, word);
    ck_assert_ptr_null(s);
}

#endif
