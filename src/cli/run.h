/* The work of 'prism run', also for those who want to watch it. */
#ifndef PRISM_CLI_RUN_H
#define PRISM_CLI_RUN_H

#include "cli/rundir.h"
#include "prismrec/profile.h"

struct run_profile {
    struct prism_profile_params params;
    /* Called once, however the run ended; f: where there is room for a text.
     * Returns 0 or PRISM_E*. */
    int (*report)(const struct run_profile *self, struct setup *s, const struct rundir *dir,
                  const struct cli *cli, FILE *f);
    int top;
};

/* config: a file or NULL; profile: NULL = none. Returns an exit code. */
int run_reconstruction(struct cli *cli, const char *config, const struct run_profile *profile);

#endif
