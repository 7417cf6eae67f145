/* Training without a word about what is trained: shared by the files of src/fit
 * and by those who train something with them.
 *
 * This folder includes core and public headers only. A model comes as a table of
 * functions (core/model.h). */
#ifndef PRISMI_FIT_H
#define PRISMI_FIT_H

#include "core/model.h"

/* ---- Adam ---- */

struct prismi_adam {
    struct prismi_model model;
    prism_mem m, v, vmax; /* [count], laid out as the model's values; vmax NULL without AMSGrad */
    prism_mem args;       /* [3] */
    prism_mem tmp;        /* for adam_outer */
    struct prism_segment segment[PRISM_MAX_SEGMENTS];
    int n_segments;
    size_t count;
    enum prism_dtype dtype;
    double eps; /* 0 at plan: 1e-8 */
    const struct prismi_fusion *fusion; /* how the update of segment 1 takes segment 0 with it; NULL: each by itself */
    bool once; /* the next update is the only one: moments are neither read nor written */
};
/* Lays the optimiser out for the parameters of a model: all but m, v, vmax, which
 * belong to the caller. */
void prismi_adam_plan(struct prismi_adam *adam, const struct prismi_model *model, struct prismi_arena *arena);
/* Writes what the next updates use to device memory. t: 1 at the first update. */
int prismi_adam_set(struct prism_dev *dev, const struct prismi_adam *adam, double lr, int64_t t);
int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam); /* enqueue only */
/* Before the first update, unless it is the only one. */
int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam);

/* ---- loss scaling, for gradients in F16 ---- */

struct prismi_scaler {
    bool on;         /* else the calls do nothing */
    prism_mem state; /* [3]: the scale, finite steps in a row, skipped steps; the caller's, NULL: none is kept */
    prism_mem zero;  /* [1] */
    prism_mem check; /* [segments]: 0, or NaN */
};
void prismi_scaler_plan(struct prismi_scaler *sc, struct prismi_arena *arena);  /* turns it on */
int prismi_scaler_start(struct prism_dev *dev, const struct prismi_scaler *sc); /* the state of a new run */
bool prismi_scaler_plausible(const void *state);                                /* host copy of a state, unaligned */
/* Two calls between the gradient gx [n] of the output and the update. apply()
 * multiplies gx by the scale before the model's backward; judge() then decides
 * whether Adam takes the step, and by how much it divides. Enqueue only. */
int prismi_scaler_apply(struct prism_dev *dev, const struct prismi_scaler *sc, prism_mem gx, size_t n);
int prismi_scaler_judge(struct prism_dev *dev, const struct prismi_scaler *sc, const struct prismi_adam *adam);
int prismi_scaler_read(struct prism_dev *dev, const struct prismi_scaler *sc, double *scale, int64_t *skipped); /* waits */

/* ---- learning rate: plain data ---- */

struct prismi_schedule {
    int64_t kind;  /* enum prism_schedule */
    int64_t total; /* cosine: steps of the phase */
    int64_t bad;   /* plateau: cycles without improvement */
    double base, best, factor;
};
void prismi_schedule_init(struct prismi_schedule *s, enum prism_schedule kind, double base, int64_t total);
double prismi_schedule_lr(const struct prismi_schedule *s, int64_t t); /* at the step with t steps before it */
void prismi_schedule_cycle(struct prismi_schedule *s, double loss);    /* end of a cycle: the plateau rule */

/* ---- convergence monitor: plain data ---- */

#define PRISMI_WINDOW_MAX 1000

struct prismi_monitor_params {
    int patience, window;            /* losses */
    int escalation;                  /* losses in NORMAL before a plateau counts */
    double threshold;                /* relative gain below which a window is a plateau */
    double aggressive_lr, rescue_lr; /* factors on the base rate in these tiers */
};
struct prismi_monitor {
    int64_t count; /* losses since the tier began */
    int64_t since; /* losses since the best improved */
    int64_t tier;
    double best;
    double ring[PRISMI_WINDOW_MAX]; /* the last losses */
};
enum prismi_verdict { PRISMI_GO_ON, PRISMI_ESCALATE, PRISMI_GIVE_UP };
void prismi_monitor_init(struct prismi_monitor *m, enum prism_tier tier);
bool prismi_monitor_plateau(const struct prismi_monitor *m, const struct prismi_monitor_params *p);
/* Records a loss. ESCALATE: a plateau; monitor->tier is the next tier, whose
 * losses are counted anew. GIVE_UP: a plateau in the last tier. */
enum prismi_verdict prismi_monitor_update(struct prismi_monitor *m, const struct prismi_monitor_params *p, double loss);
double prismi_tier_lr(const struct prismi_monitor_params *p, enum prism_tier tier); /* factor on the base rate */
int prismi_tier_extra_steps(enum prism_tier tier);                                  /* added to the budget on entry */

/* ---- order of visits ---- */

/* A permutation of 0..n-1, a function of (seed, stream, epoch) alone. */
void prismi_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, int n, int32_t *out);

/* ---- recordings ---- */

/* Work that is enqueued again and again, recorded once where the device can. key:
 * a hash of everything that decides what is enqueued, except for the contents of
 * device memory. Another key is another recording. */
struct prismi_recorded {
    struct prism_replay *replay;
    uint64_t key;
    bool seen; /* enqueued once under this key, so that what a backend makes late exists */
};
int prismi_run_recorded(struct prism_dev *dev, struct prismi_recorded *r, uint64_t key, int (*enqueue)(void *), void *arg);
void prismi_recorded_release(struct prism_dev *dev, struct prismi_recorded *r);

#endif
