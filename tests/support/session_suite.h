/* The fixture of the check suites about sessions: that of setup.h, the small
 * experiment, and the paths of a checkpoint. */
#ifndef PRISM_TESTS_SESSION_SUITE_H
#define PRISM_TESTS_SESSION_SUITE_H

#include "support/session.h"
#include "support/suite.h"

static struct experiment p;
static char path[300], previous[310]; /* the checkpoint, and the one before */

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

/* Creating a session fails with `status` and a sentence that holds `word`. */
static inline void session_refused(int status, const char *word)
{
    struct prism_session *s = (void *)1;
    expect_error(prism_session_create(dev, p.ds, &p.par, &s), status, word);
    ck_assert_ptr_null(s);
}

#endif
