/* The folder of a run: config.yaml, run.json, metrics.jsonl, checkpoint.npz and
 * the results. */
#ifndef PRISM_CLI_RUNDIR_H
#define PRISM_CLI_RUNDIR_H

#include "cli/setup.h"
#include "core/json.h"

struct rundir {
    char path[PRISM_PATH_MAX];
    int metrics_fd;   /* -1 = closed */
    int sync_error;   /* errno of the last sync of metrics.jsonl */
    double before_s;  /* wall time that earlier processes spent on the run */
    char started[32]; /* UTC */
};

/* "<dir>/<name>", in one of four static buffers used in turns. */
const char *rundir_file(const struct rundir *d, const char *name);
/* Chooses the folder and checks that it may be used. Returns an exit code,
 * after printing the error. */
int rundir_choose(struct rundir *d, const struct prism_config *cfg, const char *output,
                  bool resume);

/* The functions below return 0 or PRISM_E*, with the sentence in the
 * context. */
/* Makes the folder, cuts metrics.jsonl back to last_step (0: a new run) and
 * writes config.yaml. */
int rundir_open(struct rundir *d, struct setup *s, int64_t last_step);
void rundir_close(struct rundir *d);
/* Appends a line to metrics.jsonl; echo: prints it to standard output too. */
int rundir_log(struct rundir *d, struct setup *s, const struct prism_progress *at, double wall_s,
               bool echo);
/* Finds the checkpoint of a run's folder: checkpoint.npz, or checkpoint.prism,
 * as earlier versions called it, where that is the only one. false: there is
 * neither, nor one kept as <name>.1. */
bool rundir_find_checkpoint(const char *dir, char *path, size_t n);
/* Saves a checkpoint, after metrics.jsonl, so that no checkpoint is ahead of
 * it. */
int rundir_checkpoint(struct rundir *d, struct setup *s);
/* The same in the background; wait: until it is done. */
int rundir_checkpoint_begin(struct rundir *d, struct setup *s);
int rundir_checkpoint_wait(struct rundir *d, struct setup *s);
/* Writes run.json. final may be NULL. */
int rundir_record(struct rundir *d, struct setup *s, const char *status,
                  const struct prism_progress *final, double wall_s);
/* Writes reconstruction, comparison and curves; the names of the pictures are
 * stored in written. */
int rundir_results(struct rundir *d, struct setup *s, const double *result,
                   const struct prism_progress *final, char *written, size_t n);
void rundir_final(struct prismi_json_out *j, const char *key, const struct prism_progress *final,
                  double wall_s);

#endif
