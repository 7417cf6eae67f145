/* Training without a word about what is trained: shared by the files of src/fit
 * and by those who train something with them.
 *
 * This folder includes core and public headers only. A model comes as a table
 * of functions (core/model.h). */
#ifndef PRISMI_FIT_H
#define PRISMI_FIT_H

#include "core/archive.h"
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
    /* How the update of segment 1 takes segment 0 with it. NULL: each by
     * itself. */
    const struct prismi_fusion *fusion;
    bool once; /* the next update is the only one: moments are neither read nor written */
};
/* Lays the optimiser out for the parameters of a model: all but m, v, vmax,
 * which belong to the caller. */
void prismi_adam_plan(struct prismi_adam *adam, const struct prismi_model *model,
                      struct prismi_arena *arena);
/* Writes what the next updates use to device memory. t: 1 at the first
 * update. */
int prismi_adam_set(struct prism_dev *dev, const struct prismi_adam *adam, double lr, int64_t t);
int prismi_adam_update(struct prism_dev *dev, const struct prismi_adam *adam); /* enqueue only */
/* Before the first update, unless it is the only one. */
int prismi_adam_reset(struct prism_dev *dev, const struct prismi_adam *adam);

/* ---- loss scaling, for gradients in F16 ---- */

struct prismi_scaler {
    bool on; /* else the calls do nothing */
    /* [3]: the scale, finite steps in a row, skipped steps. The caller's; NULL:
     * none is kept. */
    prism_mem state;
    prism_mem zero;  /* [1] */
    prism_mem check; /* [segments]: 0, or NaN */
};
void prismi_scaler_plan(struct prismi_scaler *sc, struct prismi_arena *arena); /* turns it on */
/* Writes the state of a new run. */
int prismi_scaler_start(struct prism_dev *dev, const struct prismi_scaler *sc);
bool prismi_scaler_plausible(const void *state); /* host copy of a state, unaligned */
/* Two calls between the gradient gx [n] of the output and the update. apply()
 * multiplies gx by the scale before the model's backward; judge() then decides
 * whether Adam takes the step, and by how much it divides. Enqueue only. */
int prismi_scaler_apply(struct prism_dev *dev, const struct prismi_scaler *sc, prism_mem gx,
                        size_t n);
int prismi_scaler_judge(struct prism_dev *dev, const struct prismi_scaler *sc,
                        const struct prismi_adam *adam);
/* Waits. */
int prismi_scaler_read(struct prism_dev *dev, const struct prismi_scaler *sc, double *scale,
                       int64_t *skipped);

/* ---- learning rate: plain data ---- */

struct prismi_schedule {
    int64_t kind;  /* enum prism_schedule */
    int64_t total; /* cosine: steps of the phase */
    int64_t bad;   /* plateau: cycles without improvement */
    double base, best, factor;
};
void prismi_schedule_init(struct prismi_schedule *s, enum prism_schedule kind, double base,
                          int64_t total);
/* The rate of the step with t steps before it. */
double prismi_schedule_lr(const struct prismi_schedule *s, int64_t t);
/* A cycle has ended with this loss: the plateau rule. */
void prismi_schedule_cycle(struct prismi_schedule *s, double loss);

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
enum prismi_verdict prismi_monitor_update(struct prismi_monitor *m,
                                          const struct prismi_monitor_params *p, double loss);
/* Factor on the base rate, and steps added to the budget on entry. */
double prismi_tier_lr(const struct prismi_monitor_params *p, enum prism_tier tier);
int prismi_tier_extra_steps(enum prism_tier tier);

/* ---- order of visits ---- */

/* A permutation of 0..n-1, a function of (seed, stream, epoch) alone. */
void prismi_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, int n, int32_t *out);

/* Permutations of 0..n-1, one an epoch, the last one kept. */
struct prismi_order {
    uint64_t seed, stream;
    int n;
    int64_t epoch; /* of at; -1: none */
    int32_t *at;   /* [n] */
};
int prismi_order_create(struct prism_ctx *ctx, uint64_t seed, uint64_t stream, int n,
                        struct prismi_order *out);
void prismi_order_release(struct prismi_order *order);
const int32_t *prismi_order_epoch(struct prismi_order *order, int64_t epoch);
/* Visits step * batch to (step + 1) * batch - 1 of all epochs' visits in a
 * row. */
void prismi_order_batch(struct prismi_order *order, int64_t step, int batch, int32_t *index);

/* ---- recordings ---- */

/* Work that is enqueued again and again, recorded once where the device can.
 * key: a hash of everything that decides what is enqueued, except for the
 * contents of device memory. Another key is another recording. */
struct prismi_recorded {
    struct prism_replay *replay;
    uint64_t key;
    bool seen; /* enqueued once under this key, so that what a backend makes late exists */
};
int prismi_run_recorded(struct prism_dev *dev, struct prismi_recorded *r, uint64_t key,
                        int (*enqueue)(void *), void *arg);
void prismi_recorded_release(struct prism_dev *dev, struct prismi_recorded *r);

/* ---- what a model is fitted to ---- */

/* The output x of a model goes in, n loss values and their gradient by x come
 * out. All calls but select() only enqueue. */
struct prismi_objective_ops {
    const char *name;
    /* Which of the data the next forward is about, one index a value. NULL: all
     * of them, always. */
    int (*select)(void *self, const int32_t *index);
    /* What the model reads before it makes its output. NULL: nothing. */
    int (*feed)(void *self);
    int (*forward)(void *self, prism_mem x);                /* the values */
    int (*backward)(void *self, prism_mem x, prism_mem gx); /* gx: of the sum of the values */
    /* Change with what forward() and backward() enqueue. NULL: always the
     * same. */
    uint64_t (*forward_key)(const void *self);
    uint64_t (*backward_key)(const void *self);
    /* The host's side: what was made of x is void; a recorded forward was
     * replayed. NULL: nothing to do. */
    void (*forget)(void *self);
    void (*mark_replayed)(void *self);
    void (*describe)(const void *self, int i, char *text, size_t n); /* a name for value i */
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
    int rows, batch;        /* of the tables, and of a step */
    size_t inputs, outputs; /* columns of the two tables */
};
/* An objective over rows of two tables in device memory. */
struct prismi_mse {
    struct prism_dev *dev;
    struct prismi_mse_params par;
    struct prismi_objective objective;
    struct prismi_arena arena;
    prism_mem x, t;          /* [rows,inputs], [rows,outputs] */
    prism_mem input, target; /* [batch,inputs], the model's input; [batch,outputs] */
    prism_mem index;         /* [batch] I32: the selected rows */
    prism_mem weight, value; /* [1] */
};
/* x and t are copied. m must stay where it is. */
int prismi_mse_create(struct prism_dev *dev, const struct prismi_mse_params *params,
                      const double *x, const double *t, struct prismi_mse *m);
void prismi_mse_release(struct prismi_mse *m);

/* ---- what advances ---- */

/* Steps between looks at the loss where no step needs it, and between
 * snapshots. */
#define PRISMI_CHECK_EVERY 16
#define PRISMI_HISTORY_MAX 1024
#define PRISMI_SCORES 3

struct prismi_history_row {
    double step, loss, lr, score[PRISMI_SCORES];
};

/* All fields have 64 bits: no padding, the same layout everywhere. */
struct prismi_state {
    int64_t phase, step, phase_step;
    int64_t adam_t; /* updates since Adam began; 0: its moments are void */
    int64_t schedule_t;
    int64_t pending;  /* steps whose losses are in loss_sum and not yet read */
    int64_t averaged; /* outputs in the average */
    int64_t n_history, history_stride, history_skip;
    double loss, lr, score[PRISMI_SCORES]; /* scores: the owner's, as last evaluated */
    struct prismi_schedule schedule;
    struct prismi_monitor monitor;
};
/* The fields above as NumPy describes them. */
#define PRISMI_STATE_TYPE                                                                          \
    "[('phase', '<i8'), ('step', '<i8'), ('phase_step', '<i8'), ('adam_t', '<i8'), "               \
    "('schedule_t', '<i8'), ('pending', '<i8'), ('averaged', '<i8'), ('n_history', '<i8'), "       \
    "('history_stride', '<i8'), ('history_skip', '<i8'), ('loss', '<f8'), ('lr', '<f8'), "         \
    "('score', '<f8', (3,)), ('schedule.kind', '<i8'), ('schedule.total', '<i8'), "                \
    "('schedule.bad', '<i8'), ('schedule.base', '<f8'), ('schedule.best', '<f8'), "                \
    "('schedule.factor', '<f8'), ('monitor.count', '<i8'), ('monitor.since', '<i8'), "             \
    "('monitor.tier', '<i8'), ('monitor.best', '<f8'), ('monitor.ring', '<f8', (1000,))]"

/* A block of device memory that advances. snapshot: NULL for what only changes
 * between snapshots. */
struct prismi_slab {
    const char *name;
    prism_mem mem, snapshot;
    prism_mem *own; /* where the trainer also has the address of a block that it owns, else NULL */
    size_t bytes;
    bool moment; /* one of Adam's: void as long as Adam has not begun */
};
/* A block of host memory that advances: plain data. type: NumPy's description
 * of an element of `item` bytes. */
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
 * program fills this, with MPI or anything else; the library links neither. */
struct prismi_comm {
    int rank, size;
    void *user;
    /* Replaces the n reals in device memory by their sums over all processes,
     * the same bits in each; collective. All that was enqueued before counts.
     * Returns 0 or a status, which ends the step. */
    int (*sum)(void *user, struct prism_dev *dev, prism_mem mem, enum prism_dtype dtype, size_t n);
};

/* ---- trainer ---- */

struct prismi_trainer_params {
    int n_losses; /* the most values of an objective */
    bool no_adam; /* the owner updates the values itself */
    bool amsgrad;
    double eps;    /* Adam's; 0 = 1e-8 */
    bool scaled;   /* loss scaling is on */
    bool scalable; /* it may be on where the run is resumed: its state is kept */
    bool averages; /* outputs may be averaged */
    /* Losses and the output's gradient are summed over processes once a step.
     * Copied; NULL: alone. */
    const struct prismi_comm *comm;
};

struct prismi_trainer {
    struct prism_dev *dev;
    struct prism_ctx *ctx;
    struct prismi_model model;
    const struct prismi_objective *objective;
    struct prismi_comm comm; /* sum NULL: alone */
    struct prismi_adam adam;
    struct prismi_scaler scaler;
    double loss_scale; /* as last read; NaN without a scaler */
    int64_t skipped;
    struct prismi_state st, snapshot; /* now, and at the last snapshot */
    bool have_snapshot;
    bool rolled_back;     /* to the snapshot, since the last step began */
    bool exposed;         /* the model was handed out: its values may change at any time */
    bool averaging;       /* the output of this step is part of the average */
    int64_t step_at_work; /* number of the step being done, for messages */
    struct prismi_slab slabs[PRISMI_SLABS_MAX];
    struct prismi_plain plain[PRISMI_PLAIN_MAX];
    int n_slabs, n_plain;
    struct prismi_history_row history[PRISMI_HISTORY_MAX];
    struct prismi_arena arena;
    prism_mem x;        /* output of the last forward, owned by the model */
    prism_mem gx;       /* [n_output] its gradient; NULL without Adam */
    prism_mem loss_sum; /* [n_losses]: losses of the pending steps */
    prism_mem average;  /* [n_output] sum of outputs, or NULL */
    prism_mem power;    /* [1] */
    int n_losses;
    double *host; /* [n_losses] */
    struct prismi_recorded loss_half, update_half;
    struct prismi_recorded gradient_half; /* what comes before the sum over processes */
    /* The owner makes anew what follows from its plain data and slabs, after
     * a roll back or, if loaded, after a state was read. NULL: nothing
     * follows. */
    int (*restore)(void *owner, bool loaded);
    void *owner;
    /* The path whose file could not be loaded: the next save there keeps
     * <path>.1. 0: none. */
    uint64_t damaged_path_hash;
};

/* Declares what a trainer of the model needs. The model must outlive the
 * trainer. Between init and bind slabs and plain data may be added. */
int prismi_trainer_init(struct prismi_trainer *t, struct prism_dev *dev,
                        const struct prismi_model *model,
                        const struct prismi_trainer_params *params);
/* A further slab of the owner's; snapshot: false for what only changes between
 * snapshots. The name must live as long as the trainer. */
void prismi_trainer_add_slab(struct prismi_trainer *t, const char *name, size_t bytes,
                             prism_mem mem, bool snapshot);
int prismi_trainer_add_plain(struct prismi_trainer *t, const char *name, const char *type,
                             size_t item, void *data, size_t bytes);
int prismi_trainer_bind(struct prismi_trainer *t);
void prismi_trainer_release(struct prismi_trainer *t);

/* Before anything else of a step. */
int prismi_trainer_begin_step(struct prismi_trainer *t);
/* Output and loss, added to the pending losses; enqueue only. averaging: the
 * output is added to the average. */
int prismi_trainer_loss(struct prismi_trainer *t, bool averaging);
/* Backward and Adam; enqueue only. last: no update follows before Adam begins
 * anew. */
int prismi_trainer_update(struct prismi_trainer *t, double lr, bool last);
void prismi_trainer_advance(struct prismi_trainer *t); /* the step is done */
/* A whole step on the data `index`: the loss is looked at, a snapshot taken and
 * the schedule told every PRISMI_CHECK_EVERY steps and at the last one. */
int prismi_trainer_step(struct prismi_trainer *t, const int32_t *index, bool averaging, bool last);

/* Adds the objective's values to the pending losses, as loss() does. */
int prismi_trainer_add_losses(struct prismi_trainer *t);
/* Reads the mean of each pending loss into host [objective->n], their sum
 * into st.loss; waits. PRISM_EDIVERGED, after rolling back, where one is not
 * finite. */
int prismi_trainer_look(struct prismi_trainer *t);
/* PRISM_EDIVERGED, after rolling back, where a pending loss, the output or the
 * average is not finite; waits. finite() leaves the pending losses out. */
int prismi_trainer_sound(struct prismi_trainer *t);
int prismi_trainer_finite(struct prismi_trainer *t);
/* The last step is done: PRISM_EDIVERGED where the output is not finite. */
int prismi_trainer_finish(struct prismi_trainer *t);
int prismi_trainer_snapshot(struct prismi_trainer *t);
/* The output of the values as they are, without a training step. */
int prismi_trainer_output(struct prismi_trainer *t, prism_mem *x);
/* Values or data were written past the trainer: what was made of them is
 * void. */
void prismi_trainer_forget(struct prismi_trainer *t);
/* A row of history; every second row goes when the history is full. */
void prismi_trainer_record(struct prismi_trainer *t, bool scored);

/* ---- lines name=value: what a file tells about its run ---- */

struct prismi_lines {
    char s[8192];
    size_t n;
};
void prismi_line(struct prismi_lines *t, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* The first line that two texts do not share: its name, and the values; ""
 * where a text has no such line. False: they agree. */
struct prismi_difference {
    char name[64], mine[128], theirs[128];
};
bool prismi_lines_differ(const struct prismi_lines *mine, const char *theirs, size_t bytes,
                         struct prismi_difference *out);

/* ---- state in a file ---- */

/* A trainer's whole state read from a file, before any of it is used. */
struct prismi_loaded {
    struct prismi_state st;
    /* Unaligned; NULL: void. */
    const void *history, *plain[PRISMI_PLAIN_MAX], *slabs[PRISMI_SLABS_MAX];
};
/* What the owner of a state says and adds. */
struct prismi_state_file {
    char kind[9]; /* of the archive */
    void *owner;
    /* Adds the lines that must agree between save and load. */
    void (*about)(const void *owner, struct prismi_lines *t);
    /* PRISM_EINVAL with the sentence that refuses a file of other lines. */
    int (*refuse)(struct prism_ctx *ctx, const char *path, const struct prismi_difference *d);
    int (*fill)(void *owner, struct prismi_archive *archive); /* further arrays; NULL: none */
    /* Can a run of this owner be in this state? NULL: every state the trainer
     * accepts. */
    bool (*plausible)(const void *owner, const struct prismi_loaded *state);
};
#define PRISMI_COUNT_MAX ((int64_t)1 << 53) /* no sum or product of counters overflows */
static inline bool prismi_within(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}
/* Writes <path> whole or not at all; the previous one stays as <path>.1. */
int prismi_state_save(struct prismi_trainer *t, const struct prismi_state_file *f,
                      const char *path);
/* Falls back to <path>.1 where <path> is damaged or missing, with a warning. A
 * refusal changes nothing. */
int prismi_state_load(struct prismi_trainer *t, const struct prismi_state_file *f,
                      const char *path);

#endif
