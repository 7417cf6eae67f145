/* The work of 'prism run', which 'prism profile run' shares. */
#ifndef PRISM_CLI_RUN_H
#define PRISM_CLI_RUN_H

#include "cli/rundir.h"
#include "prismrec/profile.h"

struct run_profile {
    struct prism_profile_params params;
    /* Called once, whatever the end of the run; prints to f. Returns 0 or
     * PRISM_E*. */
    int (*report)(const struct run_profile *self, struct setup *s, const struct rundir *dir,
                  const struct cli *cli, FILE *f);
    int top;
};

/* Carries out a run. config: a file, or NULL; profile: NULL for none. Returns
 * an exit code. */
int run_reconstruction(struct cli *cli, const char *config, const struct run_profile *profile);

#endif
