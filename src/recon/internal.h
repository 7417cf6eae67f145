/* Shared by the files of src/recon.
 *
 * A session is a state machine. What advances is in one plain struct (struct prismi_state) and a short list of device blocks
 * (struct prismi_slab): both are what a checkpoint holds and what a snapshot for divergence keeps. Everything else follows from
 * the data set and the parameters and is made at create. */
#ifndef PRISMI_RECON_INTERNAL_H
#define PRISMI_RECON_INTERNAL_H

#include "fit/fit.h"
#include "optics/instrument.h"
#include "prismrec/recon.h"

/* ---- data ---- */

/* Sample k as the session's real type; valid as long as prism_dataset_amplitude()'s. A double session gets values that were never
 * rounded to float where the data are simulated on a device with doubles. */
int prismi_dataset_target(struct prism_dataset *ds, int k, enum prism_dtype dtype, const void **out);
/* The instrument behind the data: all but dtype, complex_object, n_frames, batch
 * and masks, which are the caller's to choose. */
struct prismi_instrument_params prismi_dataset_instrument(const struct prism_dataset *ds);
/* Hash of all that the amplitudes depend on. */
uint64_t prismi_dataset_hash(const struct prism_dataset *ds);

/* ---- loss: misfit of measured amplitudes and |field| ---- */

struct prismi_loss_params {
    enum prism_dtype dtype;
    int n_targets, batch, h, w;
    bool ssim, ms_ssim; /* which structural terms set_weights may ask for */
    bool composite;     /* whether it may ask for several at once */
    bool no_normalize;  /* L1, L2: plain means */
    bool shared;        /* one normaliser for all targets and a mean over the batch, else each target its own and a sum */
};

/* value[b] = sum over kinds of weight[kind] L_kind(|u[b]|, target[index[b]]):
 *   L1 = sum|m - t|/(sum|t| + 1e-8 n),  L2 = sum(m - t)^2/(sum t^2 + 1e-8 n),  (1 - SSIM)/2,  (1 - MS-SSIM)/2 */
struct prismi_loss;
int prismi_loss_create(struct prism_dev *dev, const struct prismi_loss_params *params, struct prismi_loss **out);
void prismi_loss_destroy(struct prismi_loss **loss);
prism_mem prismi_loss_target(const struct prismi_loss *loss, int a); /* [h,w], to be filled by the caller */
prism_mem prismi_loss_value(const struct prismi_loss *loss);         /* [batch] */
/* After targets changed: measure their norms. Waits. */
int prismi_loss_weigh(struct prismi_loss *loss);
/* Which loss, from the norms last measured. */
int prismi_loss_set_weights(struct prismi_loss *loss, const double weights[PRISM_LOSS_COUNT]);
double prismi_loss_l2_weight(const struct prismi_loss *loss); /* shared: the factor of sum (m - t)^2 */
uint64_t prismi_loss_key(const struct prismi_loss *loss);     /* changes with the weights: of what run() enqueues */
double prismi_loss_energy(const struct prismi_loss *loss);    /* largest sum t^2 of a target, as last weighed */
/* Values, and u [batch,h,w] cplx replaced by its cotangent. Enqueue only. */
int prismi_loss_run(struct prismi_loss *loss, prism_mem u, prism_mem index);
/* Is it nothing but one amplitude misfit? Then of which kind, and its part of the arguments for fields and misfit in one. */
bool prismi_loss_is_misfit(const struct prismi_loss *loss, enum prism_misfit *kind, struct prism_field_misfit_args *a);

/* ---- data term: object -> fields -> loss, and back ---- */

struct prismi_term {
    struct prism_dev *dev;
    struct prismi_instrument *instrument;
    struct prismi_loss *loss;
    prism_mem field; /* [batch,field,field] cplx: the fields, after the loss their cotangent */
    bool measured;   /* field holds the fields of what the next forward is given */
    bool halfway;    /* the last forward did the adjoint's first half, and left it in the operator */
    struct prismi_arena arena;
};

struct prismi_term_params {
    enum prism_dtype dtype;
    bool complex_object;
    bool masks; /* a table of two masks over the whole grid (union, new aperture), else every sample's own aperture */
    int batch;
    bool ssim, ms_ssim, composite, no_normalize; /* as in struct prismi_loss_params */
};
/* Without masks all targets are loaded and weighed, once; weights must be set by the caller. */
int prismi_term_create(struct prism_dev *dev, struct prism_dataset *ds, const struct prismi_term_params *params,
                       struct prismi_term *out);
void prismi_term_release(struct prismi_term *term);
int prismi_term_measure(struct prismi_term *term, prism_mem x); /* fields only: the next forward's, of the same x */
int prismi_term_forward(struct prismi_term *term, prism_mem x);
void prismi_term_played(struct prismi_term *term); /* a recorded forward was played back instead */
int prismi_term_backward(struct prismi_term *term, prism_mem gx);
int prismi_term_load_target(struct prismi_term *term, struct prism_dataset *ds, int k, int a, enum prism_dtype dtype);

/* ---- k-space that no aperture saw ---- */

struct prismi_unmeasured {
    struct prism_dev *dev;
    struct prismi_instrument *instrument; /* NULL: weight 0, or nothing is unmeasured */
    prism_mem field, gx;                  /* [field] cplx, [pixels] */
    struct prismi_arena arena;
    enum prism_dtype dtype;
    double weight; /* of the energy */
    size_t grid, pixels;
};
int prismi_unmeasured_create(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype, double weight,
                             struct prismi_unmeasured *out);
void prismi_unmeasured_release(struct prismi_unmeasured *q);
/* Adds the term's gradient at x [O,O] to gx. Enqueue only. */
int prismi_unmeasured_gradient(struct prismi_unmeasured *q, prism_mem x, prism_mem gx);

/* ---- projection (Mo-PIE) ---- */

/* A projection is a gradient step of length lr on sum (|u| - d)^2 with every aperture's A A^H = 1. */
struct prismi_mopie {
    struct prism_dev *dev;
    struct prismi_term term;
    struct prismi_arena arena;
    prism_mem object, grad, part; /* [O,O] real or cplx */
    enum prism_dtype dtype;
    size_t pixels;
    bool complex_object;
    int batch;   /* samples per term pass; divides the number of samples */
    double step; /* on the gradient */
};
int prismi_mopie_create(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                        const struct prism_mopie_params *params, struct prismi_mopie *out);
void prismi_mopie_release(struct prismi_mopie *mp);
/* Gradient of the samples index[0..batch-1], added to what grad holds unless first. */
int prismi_mopie_gradient(struct prismi_mopie *mp, const int32_t *index, bool first);
int prismi_mopie_apply(struct prismi_mopie *mp); /* step and constraints */
/* n_loops serial loops from ones; the modulus to out [O,O]. */
int prismi_mopie_solve(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                       const struct prism_mopie_params *params, int n_loops, double *out);

/* ---- initialisation ---- */

/* Target image [O,O] for the given kind, scaled to [0,1] where the output activation allows both. */
int prismi_init_target(struct prism_dev *dev, struct prism_dataset *ds, const struct prism_recon_params *params,
                       enum prism_dtype dtype, double *out);

/* ---- session ---- */

#define PRISMI_CHECK_EVERY 16 /* steps between looks at the loss where no step needs it, and between snapshots */
#define PRISMI_HISTORY_MAX 1024

struct prismi_history_row {
    double step, loss, lr, ssim, psnr_db, rmse_percent;
};

/* All 64 bits wide: no padding, the same layout everywhere. */
struct prismi_state {
    int64_t phase, step, phase_step;
    int64_t adam_t; /* updates since Adam began; 0: its moments are void */
    int64_t schedule_t;
    int64_t pending;  /* steps whose losses are in loss_sum and not yet read */
    int64_t averaged; /* outputs in the average */
    int64_t n_history, history_stride, history_skip;
    /* progressive */
    int64_t sample, sample_open, sample_step, pass, n_failed;
    double loss, loss_old, loss_new, lr, ssim, psnr_db, rmse_percent;
    struct prismi_schedule schedule;
    struct prismi_monitor monitor;
};

enum { PRISMI_SAMPLE_PENDING, PRISMI_SAMPLE_CONVERGED, PRISMI_SAMPLE_FAILED };

/* A block of device memory that advances. good: its snapshot, NULL for what only changes between snapshots. */
struct prismi_slab {
    const char *name;
    prism_mem mem, good;
    size_t bytes;
    bool moment; /* Adam's */
};
/* Moments of an Adam that has not begun: nobody reads them. */
static inline bool prismi_slab_void(const struct prismi_slab *slab, const struct prismi_state *st)
{
    return slab->moment && st->adam_t == 0;
}
#define PRISMI_SLABS_MAX 9

struct prism_session {
    struct prism_dev *dev;
    struct prism_ctx *ctx;
    struct prism_dataset *ds;
    struct prism_recon_params par;
    enum prism_dtype dtype; /* of all but what a network stores narrower */
    int n, obj, grid;
    size_t pixels, real; /* O^2, bytes of a real */

    struct prismi_state st, good; /* now, and at the last snapshot */
    int64_t step_at_work;         /* number of the step being done, for messages */
    bool have_good;
    bool went_back; /* to the snapshot, since the last step began */
    bool lent;      /* the network was handed out: whoever has it may change it at any time */
    struct prismi_slab slabs[PRISMI_SLABS_MAX];
    int n_slabs;
    struct prismi_history_row history[PRISMI_HISTORY_MAX];
    bool evaluated, sample_done, sample_converged; /* of the last step */
    int64_t closed_sample;                         /* where sample_done */

    struct prismi_arena arena;
    prism_mem loss_sum; /* [n_losses]: losses of the pending steps */
    int n_losses;
    struct prismi_mopie mopie; /* PRISM_ALG_MOPIE */
    struct prism_net *net;     /* PRISM_ALG_DECODER: all below */
    struct prismi_model model; /* net, as the trainer sees it */
    struct prism_net *shown;   /* what makes results of net's values where net stores half precision, else NULL */
    struct prismi_term term;
    struct prismi_unmeasured unmeasured; /* joint */
    struct prismi_adam adam;
    struct prismi_scaler scaler;
    double loss_scale; /* as last looked at */
    int64_t skipped;
    struct prismi_recorded loss_half, update_half; /* of a step */
    prism_mem x;                                   /* [O,O] output of the last forward, owned by net */
    prism_mem params;                              /* owned by net */
    prism_mem running;                             /* of net */
    prism_mem gx;                                  /* [O,O] */
    prism_mem target, target_weight;               /* initialisation: [O,O], [1] */
    prism_mem image_loss;                          /* [1] */
    prism_mem average;                             /* [O,O], or NULL */
    prism_mem scratch, power;                      /* [O,O], [1] */
    double init_weight;
    size_t running_bytes;

    uint8_t *mask;           /* progressive: [2,grid,grid], as the term has them; follows from status and the open sample */
    int mask_row, mask_rows; /* of the second one, that have open pixels */
    bool closed;             /* nothing passes through the first one in the table of apertures */
    int32_t *status;         /* progressive: [n] */
    int32_t *good_status;    /* [n]: at the last snapshot */
    int32_t *order, *index;  /* [n], [batch] */
    int64_t order_epoch;
    double *host;      /* [max(O^2, n_losses)] */
    double *ssim_work; /* as prismi_ssim wants */
    uint64_t damaged;  /* hash of the path whose file load could not use: the next save there leaves <path>.1 alone. 0: none */
};

/* step.c: enqueue only */
int prismi_step_loss(struct prism_session *s); /* network, then data term or image loss; values added to loss_sum */
/* Backward and Adam. last: no update follows before Adam begins anew. */
int prismi_step_update(struct prism_session *s, double lr, bool last);

/* session.c */
/* Mean of the pending losses of each term into s->host [n_losses], their sum over terms into st.loss; waits. PRISM_EDIVERGED, after
 * going back to the snapshot, where one is not finite. */
int prismi_session_losses(struct prism_session *s);
int prismi_session_keep(struct prism_session *s);     /* snapshot */
void prismi_session_advance(struct prism_session *s); /* a step is done */
int prismi_session_finish(struct prism_session *s);   /* the last one is */
/* The object or the output [O,O] real of the network as it is trained, made once for the same parameters; leaves the running
 * statistics as they are. */
int prismi_session_output(struct prism_session *s, prism_mem *x);
void prismi_session_forget(
    struct prism_session *s); /* parameters or data of the term were written: what was made of them is void */
/* PRISM_EDIVERGED, after going back, where the output or the average of outputs is not finite; waits. */
int prismi_session_finite(struct prism_session *s);
const int32_t *prismi_session_order(struct prism_session *s, uint64_t stream, int64_t epoch);
bool prismi_session_objective_is(const struct prism_session *s, enum prism_objective o);

/* one unit of work each */
int prismi_init_step(struct prism_session *s);
int prismi_joint_step(struct prism_session *s);
int prismi_progressive_step(struct prism_session *s);
int prismi_mopie_step(struct prism_session *s);
int prismi_fit_begin(struct prism_session *s); /* from initialisation to the objective's own phase */
/* After load: bring back what follows from the state, and the device tables of an open sample. */
int prismi_progressive_restore(struct prism_session *s);
/* Steps that a sample may take by the time it is in a tier. */
int64_t prismi_progressive_budget(const struct prism_session *s, enum prism_phase phase, enum prism_tier tier);
/* The loss of a retry: L1, SSIM, L2, MS-SSIM in turn, from the one after the configured loss. */
enum prism_loss_kind prismi_retry_kind(const double weights[PRISM_LOSS_COUNT], int pass);

/* ---- metrics ---- */

/* Structural similarity, in the losses as in the metrics: Gaussian window, constants for a data range of 1. */
#define PRISMI_SSIM_RADIUS 5
#define PRISMI_SSIM_TAPS (2 * PRISMI_SSIM_RADIUS + 1)
#define PRISMI_SSIM_C1 (0.01 * 0.01)
#define PRISMI_SSIM_C2 (0.03 * 0.03)
#define PRISMI_MS_SSIM_LOW 1e-10 /* means of a scale below it count as this */
void prismi_ssim_taps(double taps[PRISMI_SSIM_TAPS]);
/* prism_ssim on the caller's memory: work [prismi_ssim_work(w)]. */
size_t prismi_ssim_work(int w);
double prismi_ssim(const double *x, const double *y, int h, int w, double *work);
#define PRISMI_MS_SCALES 5
/* How many scales of MS-SSIM fit, and their weights (sum 1 where not all do). */
int prismi_ms_ssim_scales(int h, int w, double weights[PRISMI_MS_SCALES]);

#endif
