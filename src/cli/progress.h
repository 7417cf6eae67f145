/* What a run says while it works. */
#ifndef PRISM_CLI_PROGRESS_H
#define PRISM_CLI_PROGRESS_H

#include "prismrec/recon.h"

double cli_seconds(void); /* monotonic */

/* One line on standard error, rewritten at most ten times a second. */
struct progress {
    double start_s, shown_s; /* when this process began stepping, when the line was last drawn */
    int64_t start_step;
};
void progress_start(struct progress *p, int64_t step);
void progress_show(struct progress *p, const struct prism_progress *at);

#endif
