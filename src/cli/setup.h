/* Objects made from a configuration: device, picture, pattern, data,
 * session. */
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
        *profile;    /* profile of the device, or NULL; set after setup_config() */
    double *centres; /* [n][2] */
    int n;
    struct prism_pattern_stats stats;
    struct prism_dev *dev;
    struct prism_cache *cache;
    struct prismi_stack stack; /* measurements from a file; zero for a simulation */
    double *truth;             /* [O,O] amplitude; NULL if unknown, for measurements from a file */
    struct prism_dataset *ds;
    struct prism_session *session;
};

/* The functions return an exit code, after printing the error. Call config,
 * pattern and session in this order; setup_release() frees any state. */
/* Reads the settings: defaults, --preset, file (NULL: none), --set, the options
 * that set a key; later ones win. */
int setup_config(struct setup *s, const struct cli *cli, const char *file);
int setup_pattern(struct setup *s);
/* Value from the configuration of a number (enum prismi_data_number) that the
 * file of measurements lacks; NaN if it has the number or there is no file. */
double setup_assumed(const struct setup *s, int number);
int setup_session(struct setup *s, bool plain);
void setup_release(struct setup *s);

#endif
