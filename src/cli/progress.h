/* The status line of a run. */
#ifndef PRISM_CLI_PROGRESS_H
#define PRISM_CLI_PROGRESS_H

#include "prismrec/recon.h"

double cli_seconds(void); /* monotonic clock */

/* A line on standard error that is rewritten at most ten times a second. */
struct progress {
    double start_s, shown_s; /* time of this process's first step, time the line was last drawn */
    int64_t start_step;
};
void progress_start(struct progress *p, int64_t step);
void progress_show(struct progress *p, const struct prism_progress *at);

#endif
