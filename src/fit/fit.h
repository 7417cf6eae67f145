/* Training of a model that this folder knows nothing about: declarations for
 * the files of src/fit and for the code that trains something with them.
 *
 * This folder includes core and public headers only. A model is a table of
 * functions (core/model.h). */
#ifndef PRISMI_FIT_H
#define PRISMI_FIT_H

#include "core/model.h"
#include "core/saver.h"

/* ---- Adam ---- */

struct prismi_adam {
    struct prismi_model model;
    /* moments [count], laid out as the model's values; vmax NULL without
     * AMSGrad */
    prism_mem m, v, vmax;
    prism_mem args; /* [3]: the step's numbers, x1 of map ADAM */
    prism_mem tmp;  /* scratch of adam_outer */
    struct prism_segment segment[PRISM_MAX_SEGMENTS];
    int n_segments;
    size_t count;
    enum prism_dtype dtype;
    double eps; /* 0 when planned stands for 1e-8 */
    /* How the update of segment 1 also updates segment 0. NULL: each segment is
     * updated by itself. */
    const struct prismi_fusion *fusion;
    bool once; /* the next update is the only one, so moments are neither read nor written */
};
/* Plans the optimiser for the parameters of a model: fills everything but m, v
 * and vmax, which belong to the caller. */
void prismi_adam_plan(struct prismi_adam *adam, const struct prismi_model *model,
                      struct prismi_arena *arena);
/* Writes the numbers of the next update to device memory. t is 1 at the first
 * update. */
int prismi_adam_set(struct prism_dev *dev, const struct prismi_adam *adam, double lr, int64_t t);
/* Updates all segments; enqueue only. */
int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam);
/* Clears the moments. Call it before the first update, unless that update is
 * the only one. */
int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam);

/* ---- loss scaling, for gradients in F16 ---- */

struct prismi_scaler {
    bool on; /* false: the calls below do nothing */
    /* [3]: the scale, finite steps in a row, skipped steps. Belongs to the
     * caller; NULL: no state is kept. */
    prism_mem state;
    prism_mem zero;  /* [1] */
    prism_mem check; /* [segments]: 0, or NaN if the segment's gradient is not finite */
};
/* Plans loss scaling and turns it on. */
void prismi_scaler_plan(struct prismi_scaler *sc, struct prismi_arena *arena);
/* Writes the state of a new run. */
int prismi_scaler_start(struct prism_dev *dev, const struct prismi_scaler *sc);
/* True if a host copy of a state, which may be unaligned, is possible. */
bool prismi_scaler_plausible(const void *state);
/* Two calls between the gradient gx [n] of the output and the update. apply()
 * multiplies gx by the scale before the model's backward pass. check() then
 * decides whether Adam takes the step, and by which number it divides. Both
 * only enqueue. */
int prismi_scaler_apply(struct prism_dev *dev, const struct prismi_scaler *sc, prism_mem gx,
                        size_t n);
int prismi_scaler_check(struct prism_dev *dev, const struct prismi_scaler *sc,
                        const struct prismi_adam *adam);
/* Reads the scale and the number of skipped steps; waits. Does nothing when
 * scaling is off. */
int prismi_scaler_read(struct prism_dev *dev, const struct prismi_scaler *sc, double *scale,
                       int64_t *skipped);

/* ---- learning rate: plain data ---- */

struct prismi_schedule {
    int64_t kind;  /* as checkpoints number it (schedule.c) */
    int64_t total; /* steps of the phase (cosine) */
    int64_t bad;   /* cycles without improvement (plateau) */
    double base, best, factor;
};
void prismi_schedule_init(struct prismi_schedule *s, enum prism_schedule kind, double base,
                          int64_t total);
/* Learning rate of the step that has t steps before it. */
double prismi_schedule_lr(const struct prismi_schedule *s, int64_t t);
/* Tells the plateau rule that a cycle ended with this loss. */
void prismi_schedule_cycle(struct prismi_schedule *s, double loss);

/* ---- convergence monitor: plain data ---- */

#define PRISMI_WINDOW_MAX 1000

struct prismi_monitor_params {
    int patience, window;            /* both in losses */
    int escalation;                  /* losses in NORMAL before a plateau counts */
    double threshold;                /* relative gain over a window below which it is a plateau */
    double aggressive_lr, rescue_lr; /* factors on the base rate in the two tiers */
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
/* Records a loss. Returns ESCALATE on a plateau: monitor->tier is then the next
 * tier, whose losses are counted anew. Returns GIVE_UP on a plateau in the last
 * tier. */
enum prismi_verdict prismi_monitor_update(struct prismi_monitor *m,
                                          const struct prismi_monitor_params *p, double loss);
/* Factor on the base rate in a tier, and steps added to the budget when the
 * tier begins. */
double prismi_tier_lr(const struct prismi_monitor_params *p, enum prism_tier tier);
int prismi_tier_extra_steps(enum prism_tier tier);

/* ---- order of visits ---- */

/* A permutation of 0..n-1, a function of (seed, stream, epoch) alone. */
void prismi_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, int n, int32_t *out);

/* Permutations of 0..n-1, one per epoch; the last one computed is kept. */
struct prismi_order {
    uint64_t seed, stream;
    int n;
    int64_t epoch; /* epoch of `at`; -1: none yet */
    int32_t *at;   /* [n] */
};
int prismi_order_create(struct prism_ctx *ctx, uint64_t seed, uint64_t stream, int n,
                        struct prismi_order *out);
void prismi_order_release(struct prismi_order *order);
const int32_t *prismi_order_epoch(struct prismi_order *order, int64_t epoch);
/* Fills index with visits step * batch to (step + 1) * batch - 1, counted over
 * all epochs. */
void prismi_order_batch(struct prismi_order *order, int64_t step, int batch, int32_t *index);

/* ---- recordings ---- */

/* Work that is enqueued again and again, and recorded once if the device can
 * replay. key is a hash of everything that decides what is enqueued, except for
 * the contents of device memory. Another key makes another recording. */
struct prismi_recorded {
    struct prism_replay *replay;
    uint64_t key;
    bool seen; /* enqueued once under this key, so that what a backend makes on first use exists */
};
int prismi_run_recorded(struct prism_dev *dev, struct prismi_recorded *r, uint64_t key,
                        int (*enqueue)(void *), void *arg);
void prismi_recorded_release(struct prism_dev *dev, struct prismi_recorded *r);

/* ---- objective: what a model is fitted to ---- */

/* Turns the output x of a model into n loss values, and computes the gradient
 * of their sum by x. All calls but select() only enqueue. */
struct prismi_objective_ops {
    const char *name;
    /* Selects the data of the next forward, one index per value. NULL: always
     * all data. */
    int (*select)(void *self, const int32_t *index);
    /* Prepares the input that the model reads before it computes its output.
     * NULL: there is none. */
    int (*feed)(void *self);
    int (*forward)(void *self, prism_mem x); /* computes the values */
    /* gx: gradient of the sum of the values */
    int (*backward)(void *self, prism_mem x, prism_mem gx);
    /* Keys that change with the work that forward() and backward() enqueue.
     * NULL: always the same work. */
    uint64_t (*forward_key)(const void *self);
    uint64_t (*backward_key)(const void *self);
    /* Notices for the objective's state on the host: forget() says that
     * everything derived from x is void, mark_replayed() that a recorded
     * forward was replayed. NULL: nothing to do. */
    void (*forget)(void *self);
    void (*mark_replayed)(void *self);
    void (*describe)(const void *self, int i, char *text, size_t n); /* writes a name for value i */
};
struct prismi_objective {
    const struct prismi_objective_ops *ops;
    void *self;
    prism_mem value; /* [n] */
    int n;
    double scale; /* the reported loss is scale times the mean value */
};

/* ---- mean squared error of outputs ---- */

struct prismi_mse_params {
    enum prism_dtype dtype; /* real */
    int rows, batch;        /* rows: of both tables; batch: rows of a step */
    size_t inputs, outputs; /* columns of the table of inputs and of the table of targets */
};
/* Mean squared error over rows of two tables in device memory, as an
 * objective. */
struct prismi_mse {
    struct prism_dev *dev;
    struct prismi_mse_params par;
    struct prismi_objective objective;
    struct prismi_arena arena;
    prism_mem x, t;          /* tables [rows,inputs], [rows,outputs] */
    prism_mem input, target; /* the model's input [batch,inputs]; its targets [batch,outputs] */
    prism_mem index;         /* [batch] I32: the selected rows */
    prism_mem weight, value; /* [1] */
};
/* Copies x and t to the device. m must not move. */
int prismi_mse_create(struct prism_dev *dev, const struct prismi_mse_params *params,
                      const double *x, const double *t, struct prismi_mse *m);
void prismi_mse_release(struct prismi_mse *m);

/* ---- state of a run ---- */

/* Steps between reads of the loss where no step needs it, and between
 * snapshots. */
#define PRISMI_CHECK_EVERY 16
#define PRISMI_HISTORY_MAX 1024
#define PRISMI_SCORES 3

struct prismi_history_row {
    double step, loss, lr, score[PRISMI_SCORES];
};

/* State of a run as plain data. All fields have 64 bits: there is no padding,
 * and the layout is the same everywhere. */
struct prismi_state {
    int64_t phase, step, phase_step;
    int64_t adam_t; /* updates since Adam began; 0: the moments are void */
    int64_t schedule_t;
    int64_t pending;  /* steps whose losses are summed in loss_sum and not yet read */
    int64_t averaged; /* outputs summed in the average */
    int64_t n_history, history_stride, history_skip;
    double loss, lr, score[PRISMI_SCORES]; /* score: the owner's scores, as last evaluated */
    struct prismi_schedule schedule;
    struct prismi_monitor monitor;
};
/* Type of struct prismi_state in NumPy's notation. */
#define PRISMI_STATE_TYPE                                                                          \
    "[('phase', '<i8'), ('step', '<i8'), ('phase_step', '<i8'), ('adam_t', '<i8'), "               \
    "('schedule_t', '<i8'), ('pending', '<i8'), ('averaged', '<i8'), ('n_history', '<i8'), "       \
    "('history_stride', '<i8'), ('history_skip', '<i8'), ('loss', '<f8'), ('lr', '<f8'), "         \
    "('score', '<f8', (3,)), ('schedule.kind', '<i8'), ('schedule.total', '<i8'), "                \
    "('schedule.bad', '<i8'), ('schedule.base', '<f8'), ('schedule.best', '<f8'), "                \
    "('schedule.factor', '<f8'), ('monitor.count', '<i8'), ('monitor.since', '<i8'), "             \
    "('monitor.tier', '<i8'), ('monitor.best', '<f8'), ('monitor.ring', '<f8', (1000,))]"

/* Block of device memory that belongs to the state. snapshot is NULL for a
 * block that only changes between snapshots. */
struct prismi_slab {
    const char *name;
    prism_mem mem, snapshot;
    prism_mem *own; /* where the trainer also stores the address of a block of its own, else NULL */
    size_t bytes;
    bool moment; /* one of Adam's moments, void until Adam has begun */
};
/* Block of host memory that belongs to the state: plain data. type is NumPy's
 * notation for an element of `item` bytes. */
struct prismi_plain {
    const char *name, *type;
    size_t item;
    void *now, *snapshot;
    size_t bytes;
};
#define PRISMI_SLABS_MAX 9
#define PRISMI_PLAIN_MAX 3

static inline bool prismi_slab_void(const struct prismi_slab *slab, const struct prismi_state *st)
{
    return slab->moment && st->adam_t == 0;
}

/* ---- several processes ---- */

/* Processes that each see a part of the data and hold the same parameters. The
 * program fills this struct, using MPI or anything else; the library links no
 * such library. */
struct prismi_comm {
    int rank, size;
    void *user;
    /* Replaces the n reals in device memory by their sums over all processes,
     * with the same bits in each; a collective call. It takes effect after all
     * work enqueued before. Returns 0 or a status, which ends the step. */
    int (*sum)(void *user, struct prism_dev *dev, prism_mem mem, enum prism_dtype dtype, size_t n);
};

/* ---- trainer ---- */

struct prismi_trainer_params {
    int n_losses; /* largest number of values of an objective */
    bool no_adam; /* the owner updates the values itself, without Adam */
    bool amsgrad;
    double eps;    /* Adam's epsilon; 0 = 1e-8 */
    bool scaled;   /* loss scaling is on */
    bool scalable; /* loss scaling may be on when the run is resumed, so its state is kept */
    bool averages; /* outputs may be averaged */
    /* Processes over which losses and the output's gradient are summed once a
     * step. The struct is copied; NULL: this process is alone. */
    const struct prismi_comm *comm;
};

struct prismi_trainer {
    struct prism_dev *dev;
    struct prism_ctx *ctx;
    struct prismi_model model;
    const struct prismi_objective *objective;
    struct prismi_comm comm; /* sum NULL: this process is alone */
    struct prismi_adam adam;
    struct prismi_scaler scaler;
    double loss_scale; /* scale as last read; NaN without a scaler */
    int64_t skipped;
    struct prismi_state st, snapshot; /* current state, and state at the last snapshot */
    bool have_snapshot;
    bool rolled_back;     /* the run was rolled back to the snapshot since the last step began */
    bool exposed;         /* the caller has the model, so its values may change at any time */
    bool averaging;       /* the output of this step is added to the average */
    int64_t step_at_work; /* number of the current step, for messages */
    struct prismi_slab slabs[PRISMI_SLABS_MAX];
    struct prismi_plain plain[PRISMI_PLAIN_MAX];
    int n_slabs, n_plain;
    struct prismi_history_row history[PRISMI_HISTORY_MAX];
    struct prismi_arena arena;
    prism_mem x;        /* output of the last forward; the model owns it */
    prism_mem gx;       /* gradient of x [n_output]; NULL without Adam */
    prism_mem loss_sum; /* [n_losses]: sums of the losses of the pending steps */
    prism_mem average;  /* sum of outputs [n_output], or NULL */
    prism_mem power;    /* [1] */
    int n_losses;
    double *host; /* [n_losses] */
    struct prismi_recorded loss_half, update_half;
    struct prismi_recorded gradient_half; /* work before the sum over processes */
    /* The owner recomputes everything that depends on its plain data and slabs:
     * after a roll back, or, with `loaded`, after a state was read. NULL:
     * nothing depends on them. */
    int (*restore)(void *owner, bool loaded);
    void *owner;
    /* Hash of the path whose file could not be loaded: the next save to that
     * path leaves <path>.1 alone. 0: none. */
    uint64_t damaged_path_hash;
    struct prismi_saver saver; /* save in the background */
    size_t saver_bytes;        /* bytes of its copy that the profile has counted */
};

/* Declares the memory that a trainer of the model needs. The model must outlive
 * the trainer. Slabs and plain data may be added between init and bind. */
int prismi_trainer_init(struct prismi_trainer *t, struct prism_dev *dev,
                        const struct prismi_model *model,
                        const struct prismi_trainer_params *params);
/* Adds a slab of the owner's. snapshot is false for a slab that only changes
 * between snapshots. The name must live as long as the trainer. */
void prismi_trainer_add_slab(struct prismi_trainer *t, const char *name, size_t bytes,
                             prism_mem mem, bool snapshot);
int prismi_trainer_add_plain(struct prismi_trainer *t, const char *name, const char *type,
                             size_t item, void *data, size_t bytes);
int prismi_trainer_bind(struct prismi_trainer *t);
void prismi_trainer_release(struct prismi_trainer *t);

/* Begins a step; comes before all other calls of the step. */
int prismi_trainer_begin_step(struct prismi_trainer *t);
/* Computes output and loss and adds the losses to the pending ones; enqueue
 * only. With `averaging` the output is also added to the average. */
int prismi_trainer_loss(struct prismi_trainer *t, bool averaging);
/* Backward pass and Adam; enqueue only. last: no update follows before Adam
 * begins anew. */
int prismi_trainer_update(struct prismi_trainer *t, double lr, bool last);
void prismi_trainer_advance(struct prismi_trainer *t); /* Counts the step as done. */
/* Runs a whole step on the data `index`. Every PRISMI_CHECK_EVERY steps and at
 * the last step it also reads the loss, takes a snapshot and tells the
 * schedule. */
int prismi_trainer_step(struct prismi_trainer *t, const int32_t *index, bool averaging, bool last);

/* Adds the objective's values to the pending losses, as prismi_trainer_loss()
 * does. */
int prismi_trainer_add_losses(struct prismi_trainer *t);
/* Reads the mean of each pending loss into host [objective->n] and their sum
 * into st.loss; waits. Returns PRISM_EDIVERGED, after rolling back, if one is
 * not finite. */
int prismi_trainer_read_losses(struct prismi_trainer *t);
/* Return PRISM_EDIVERGED, after rolling back, if a pending loss, the output or
 * the average is not finite; wait. check_output() does not check the pending
 * losses. */
int prismi_trainer_check(struct prismi_trainer *t);
int prismi_trainer_check_output(struct prismi_trainer *t);
/* Ends the run after its last step. Returns PRISM_EDIVERGED if the output is
 * not finite. */
int prismi_trainer_finish(struct prismi_trainer *t);
int prismi_trainer_snapshot(struct prismi_trainer *t);
/* Computes the output of the current values, without a training step. */
int prismi_trainer_output(struct prismi_trainer *t, prism_mem *x);
/* Says that values or data were written without the trainer: everything derived
 * from them is void. */
void prismi_trainer_forget(struct prismi_trainer *t);
/* Adds a row to the history. When the history is full, every second row is
 * dropped. */
void prismi_trainer_record(struct prismi_trainer *t, bool scored);

/* ---- lines name=value, which tell about the run that wrote a file ---- */

struct prismi_lines {
    char s[8192];
    size_t n;
};
void prismi_line(struct prismi_lines *t, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* First line that two texts do not share: its name and both values, "" for a
 * text that lacks the line. prismi_lines_differ() returns false if the texts
 * agree. */
struct prismi_difference {
    char name[64], mine[128], theirs[128];
};
bool prismi_lines_differ(const struct prismi_lines *mine, const char *theirs, size_t bytes,
                         struct prismi_difference *out);

/* ---- state in a file ---- */

/* A trainer's whole state as read from a file, before any of it is used. */
struct prismi_loaded {
    struct prismi_state st;
    /* may be unaligned; NULL: void */
    const void *history, *plain[PRISMI_PLAIN_MAX], *slabs[PRISMI_SLABS_MAX];
};
/* Functions by which the owner of a state takes part in save and load. */
struct prismi_state_file {
    char kind[9]; /* kind of the archive */
    void *owner;
    /* Adds the lines that must agree between save and load. */
    void (*about)(const void *owner, struct prismi_lines *t);
    /* Refuses a file whose lines differ: returns PRISM_EINVAL and records a
     * sentence. */
    int (*refuse)(struct prism_ctx *ctx, const char *path, const struct prismi_difference *d);
    int (*fill)(void *owner, struct prismi_archive *archive); /* adds further arrays; NULL: none */
    /* True if a run of this owner can be in this state. NULL: the owner accepts
     * every state that the trainer accepts. */
    bool (*plausible)(const void *owner, const struct prismi_loaded *state);
};
/* limit of counters, so that no sum or product of them overflows */
#define PRISMI_COUNT_MAX ((int64_t)1 << 53)
static inline bool prismi_within(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}
/* Writes <path> whole or not at all; the previous file stays as <path>.1. */
int prismi_state_save(struct prismi_trainer *t, const struct prismi_state_file *f,
                      const char *path);
/* Begins a save in the background, as prism_session_save_begin() does;
 * save_wait() waits for its end, as prism_session_save_wait() does. */
int prismi_state_save_begin(struct prismi_trainer *t, const struct prismi_state_file *f,
                            const char *path, bool (*before)(void *user), void *user);
int prismi_state_save_wait(struct prismi_trainer *t);
/* Waits for a save in the background; logs its failure. */
void prismi_state_settle(struct prismi_trainer *t);
/* prismi_state_settle(), then frees the copy of the state. */
void prismi_state_release(struct prismi_trainer *t);
/* Loads <path>; if <path> is damaged or missing, warns and loads <path>.1. A
 * refusal changes nothing. */
int prismi_state_load(struct prismi_trainer *t, const struct prismi_state_file *f,
                      const char *path);

#endif
