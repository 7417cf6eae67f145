/* What a configuration turns into: device, object, pattern, data, session. */
#ifndef PRISM_CLI_SETUP_H
#define PRISM_CLI_SETUP_H

#include "data/source.h"
#include "prismrec/config.h"
#include "program/cli.h"

struct setup {
    struct prism_ctx *ctx;
    struct prism_config_set *set;
    const struct prism_config *cfg;
    const struct prism_profile_params
        *profile;    /* of the device, NULL: none; to be set after setup_config() */
    double *centres; /* [n][2] */
    int n;
    struct prism_pattern_stats stats;
    struct prism_dev *dev;
    struct prism_cache *cache;
    struct prismi_stack stack; /* measurements from a file; else zero */
    double *truth; /* [O,O] amplitude, NULL where it is not known: measurements from a file */
    struct prism_dataset *ds;
    struct prism_session *session;
};

/* Each returns an exit code, after printing the error. Order: config, pattern,
 * session. setup_release() frees any state. */
/* Defaults < --preset < file (NULL = none) < --set < the options that set a
 * key. */
int setup_config(struct setup *s, const struct cli *cli, const char *file);
int setup_pattern(struct setup *s);
/* A number (enum prismi_data_number) that a file of measurements lacks, as
 * taken from the configuration; else NaN. */
double setup_assumed(const struct setup *s, int number);
int setup_session(struct setup *s, bool plain);
void setup_release(struct setup *s);

#endif
