/* Shared by the files of src/recon.
 *
 * A session is a trainer (src/fit), a data set and a strategy, which says how
 * the data are fitted. What advances lies in the trainer's state and slabs and
 * in the strategy's plain data; everything else follows from data set and
 * parameters. */
#ifndef PRISMI_RECON_INTERNAL_H
#define PRISMI_RECON_INTERNAL_H

#include "fit/fit.h"
#include "optics/instrument.h"
#include "prismrec/recon.h"

/* ---- data ---- */

/* Sample k as the session's real type; valid as long as
 * prism_dataset_amplitude()'s. A double session gets values that were never
 * rounded to float where the data are simulated on a device with doubles. */
int prismi_dataset_target(struct prism_dataset *ds, int k, enum prism_dtype dtype,
                          const void **out);
/* The instrument behind the data: all but dtype, complex_object, n_frames,
 * batch and masks, which are the caller's to choose. */
struct prismi_instrument_params prismi_dataset_instrument(const struct prism_dataset *ds);
/* Hash of all that the amplitudes depend on. */
uint64_t prismi_dataset_hash(const struct prism_dataset *ds);

/* ---- loss: misfit of measured amplitudes and |field| ---- */

struct prismi_loss_params {
    enum prism_dtype dtype;
    int n_targets, batch, h, w;
    bool kinds[PRISM_LOSS_COUNT]; /* which structural losses set_weights may ask for; of the others
                                     it may ask for any */
    bool composite;               /* whether it may ask for several at once */
    bool no_normalize;            /* misfits: plain means */
    bool shared; /* one normaliser for all targets and a mean over the batch, else each target its
                    own and a sum */
};

/* value[b] = sum over kinds of weight[kind] L_kind(|u[b]|, target[index[b]]):
 *   a misfit: the sum of its terms/(sum t^power + 1e-8 n), rows of misfit.def
 *       and loss.def
 *   structural: (1 - SSIM)/2,  (1 - MS-SSIM)/2 */
struct prismi_loss;
int prismi_loss_create(struct prism_dev *dev, const struct prismi_loss_params *params,
                       struct prismi_loss **out);
void prismi_loss_destroy(struct prismi_loss **loss);
prism_mem prismi_loss_target(const struct prismi_loss *loss,
                             int a);                         /* [h,w], to be filled by the caller */
prism_mem prismi_loss_value(const struct prismi_loss *loss); /* [batch] */
/* After targets changed: measure their norms. Waits. */
int prismi_loss_weigh(struct prismi_loss *loss);
/* Which loss, from the norms last measured. */
int prismi_loss_set_weights(struct prismi_loss *loss, const double weights[PRISM_LOSS_COUNT]);
/* The factor of the sum of terms of a misfit that is shared. */
double prismi_loss_factor(const struct prismi_loss *loss, enum prism_loss_kind kind);
uint64_t prismi_loss_key(
    const struct prismi_loss *loss); /* changes with the weights: of what run() enqueues */
double prismi_loss_energy(
    const struct prismi_loss *loss); /* largest sum t^2 of a target, as last weighed */
/* Values, and u [batch,h,w] cplx replaced by its cotangent. Enqueue only. */
int prismi_loss_run(struct prismi_loss *loss, prism_mem u, prism_mem index);
/* Is it nothing but one amplitude misfit? Then of which kind, and its part of
 * the arguments for fields and misfit in one. */
bool prismi_loss_is_misfit(const struct prismi_loss *loss, enum prism_misfit *kind,
                           struct prism_field_misfit_args *a);

/* ---- data term: object -> fields -> loss, and back ---- */

struct prismi_term {
    struct prism_dev *dev;
    struct prismi_instrument *instrument;
    struct prismi_loss *loss;
    prism_mem field; /* [batch,field,field] cplx: the fields, after the loss their cotangent */
    bool measured;   /* field holds the fields of what the next forward is given */
    bool halfway; /* the last forward did the adjoint's first half, and left it in the operator */
    struct prismi_arena arena;
};

struct prismi_term_params {
    enum prism_dtype dtype;
    bool complex_object;
    bool masks; /* a table of two masks over the whole grid (union, new aperture), else every
                   sample's own aperture */
    int batch;
    bool kinds[PRISM_LOSS_COUNT], composite, no_normalize; /* as in struct prismi_loss_params */
};
/* Without masks all targets are loaded and weighed, once; weights must be set
 * by the caller. */
int prismi_term_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, struct prismi_term *out);
void prismi_term_release(struct prismi_term *term);
int prismi_term_measure(struct prismi_term *term,
                        prism_mem x); /* fields only: the next forward's, of the same x */
int prismi_term_forward(struct prismi_term *term, prism_mem x);
void prismi_term_played(struct prismi_term *term); /* a recorded forward was played back instead */
int prismi_term_backward(struct prismi_term *term, prism_mem gx);
int prismi_term_load_target(struct prismi_term *term, struct prism_dataset *ds, int k, int a,
                            enum prism_dtype dtype);

/* ---- k-space that no aperture saw ---- */

struct prismi_unmeasured {
    struct prism_dev *dev;
    struct prismi_instrument *instrument; /* NULL: weight 0, or nothing is unmeasured */
    prism_mem field, gx;                  /* [field] cplx, [pixels] reals */
    struct prismi_arena arena;
    enum prism_dtype dtype;
    double weight; /* of the energy */
    size_t grid, pixels;
};
int prismi_unmeasured_create(struct prism_dev *dev, struct prism_dataset *ds,
                             enum prism_dtype dtype, bool complex_object, double weight,
                             struct prismi_unmeasured *out);
void prismi_unmeasured_release(struct prismi_unmeasured *q);
/* Adds the term's gradient at x [O,O] to gx. Enqueue only. */
int prismi_unmeasured_gradient(struct prismi_unmeasured *q, prism_mem x, prism_mem gx);

/* ---- the object itself as a model: no network ---- */

/* Values in [0,1], for a complex object the modulus. */
struct prismi_object {
    struct prism_dev *dev;
    struct prismi_arena arena;
    prism_mem value, grad; /* [pixels] real or cplx; grad NULL where no optimiser needs it */
    enum prism_dtype dtype;
    size_t pixels;
    bool complex_object;
};
/* Ones. */
int prismi_object_create(struct prism_dev *dev, enum prism_dtype dtype, size_t pixels,
                         bool complex_object, bool with_gradient, struct prismi_object **out);
void prismi_object_destroy(struct prismi_object **object); /* NULL ok */
int prismi_object_constrain(struct prismi_object *object); /* clamps the values; enqueue only */
void prismi_object_model(struct prismi_object *object, struct prismi_model *out);

/* ---- data as an objective ---- */

/* The data term and, for a network, the energy of what was not measured. */
struct prismi_data {
    struct prismi_term term;
    struct prismi_unmeasured unmeasured;
    struct prismi_objective objective;
    /* Names value i. NULL: by its place in the batch. */
    void (*describe)(const struct prismi_data *data, int i, char *text, size_t n);
};
/* unmeasured: weight relative to the energy of the brightest measurement. */
int prismi_data_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, double unmeasured,
                       struct prismi_data *out);
void prismi_data_release(struct prismi_data *data);

/* ---- projections ---- */

/* A projection is a gradient step of length lr on sum (|u| - d)^2, divided by
 * the instrument's norm. */
struct prismi_projection {
    struct prism_dev *dev;
    struct prismi_object *object; /* the caller's */
    struct prismi_data data;
    struct prismi_arena arena;
    prism_mem grad, part; /* as the object */
    int batch;            /* samples per pass of the data term; divides the number of samples */
    double step;          /* on the gradient */
};
int prismi_projection_create(struct prism_dev *dev, struct prism_dataset *ds,
                             struct prismi_object *object, const struct prism_mopie_params *params,
                             struct prismi_projection *out);
void prismi_projection_release(struct prismi_projection *p);
/* Gradient of the samples index[0..batch-1], added to what grad holds unless
 * first. */
int prismi_projection_gradient(struct prismi_projection *p, const int32_t *index, bool first);
int prismi_projection_apply(struct prismi_projection *p); /* step and constraints */
/* n_loops serial loops from ones, a real object, to out [O,O]. */
int prismi_projection_solve(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                            const struct prism_mopie_params *params, int n_loops, double *out);

/* ---- initialisation ---- */

/* Target image [O,O] for the given kind, scaled to [0,1] where the output
 * activation allows both. */
int prismi_init_target(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prism_recon_params *params, enum prism_dtype dtype,
                       double *out);

/* The first phase of a network: the image itself is fitted to a simple target,
 * which also settles its sign. */
struct prismi_initial {
    struct prism_dev *dev;
    struct prismi_objective objective;
    struct prismi_arena arena;
    prism_mem target, weight, value; /* [O,O], [1], [1] */
    enum prism_dtype dtype;
    size_t pixels;
};
int prismi_initial_create(struct prism_dev *dev, struct prism_dataset *ds,
                          const struct prism_recon_params *params, enum prism_dtype dtype,
                          struct prismi_initial *out);
void prismi_initial_release(struct prismi_initial *initial);

/* ---- strategies ---- */

/* How the data are fitted once initialisation is over. A strategy keeps its own
 * state in s->strategy_state and its objective in s->objective. */
struct prismi_strategy {
    const char *name;
    unsigned when; /* recon/params.h: which parameters matter */
    /* What goes beyond each parameter's own range: PRISM_EINVAL, naming the
     * parameter. NULL: nothing. */
    int (*check)(struct prism_ctx *ctx, const struct prism_recon_params *p,
                 const struct prism_dataset_params *dp);
    /* Makes state, objective and, from params with n_losses and what else it
     * decides, the trainer; adds its slabs and plain data to that. */
    int (*create)(struct prism_session *s, struct prismi_trainer_params *params);
    int (*begin)(struct prism_session *s); /* the fit phase begins */
    int (*step)(struct prism_session *s);  /* a unit of work */
    /* As struct prismi_trainer's. NULL: nothing follows from the state. */
    int (*restore)(struct prism_session *s, bool loaded);
    /* Can a run be in this state? The trainer's own bounds are checked
     * before. */
    bool (*plausible)(const struct prism_session *s, const struct prismi_loaded *state);
    int64_t (*total_steps)(const struct prism_session *s); /* of the fit, a budget */
    void (*progress)(const struct prism_session *s,
                     struct prism_progress *out); /* what it alone knows. NULL: nothing */
    void (*destroy)(
        struct prism_session *s); /* the state; may be called after a create that failed */
};
extern const struct prismi_strategy prismi_joint, prismi_progressive, prismi_projections;

/* One row an algorithm: its model, and the strategies that fit it, NULL where
 * there is none for an objective. */
struct prismi_algorithm {
    unsigned when; /* recon/params.h: which parameters matter for the model */
    int (*check)(struct prism_ctx *ctx,
                 const struct prism_recon_params *p); /* NULL: nothing more */
    /* Makes s->model; may change what the trainer is made of. */
    int (*create)(struct prism_session *s, struct prismi_trainer_params *params);
    const struct prismi_strategy *strategies[PRISM_OBJ_COUNT];
};
/* NULL where a value is out of range, or there is no such strategy. */
const struct prismi_algorithm *prismi_algorithm_of(const struct prism_recon_params *p);
const struct prismi_strategy *prismi_strategy_of(const struct prism_recon_params *p);

/* models.c */
int prismi_check_network(struct prism_ctx *ctx, const struct prism_recon_params *p);
int prismi_create_network(struct prism_session *s, struct prismi_trainer_params *params);
int prismi_create_object(struct prism_session *s, struct prismi_trainer_params *params);

/* ---- session ---- */

enum { PRISMI_SCORE_SSIM, PRISMI_SCORE_PSNR, PRISMI_SCORE_RMSE }; /* in the trainer's scores */

struct prism_session {
    struct prism_dev *dev;
    struct prism_ctx *ctx;
    struct prism_dataset *ds;
    struct prism_recon_params par;
    enum prism_dtype dtype; /* of all but what a network stores narrower */
    int n, obj, grid;
    size_t pixels, real; /* O^2, bytes of a real */

    struct prismi_model model;
    struct prism_net *net; /* what the model is, or NULL */
    struct prism_net
        *display_net; /* makes results of net's values where net stores half precision, else NULL */
    struct prismi_object *object; /* what the model is, or NULL */
    struct prismi_trainer trainer;
    struct prismi_initial initial; /* networks */
    int init_steps;                /* 0: there is no initialisation */
    const struct prismi_strategy *strategy;
    void *strategy_state;
    const struct prismi_objective *objective; /* the strategy's */

    bool evaluated; /* in the last step */
    bool milestone; /* the last step closed a part of the work: results are to be evaluated */
    struct prismi_arena arena;
    prism_mem scratch; /* [O,O] */
    double *host;      /* [O^2] */
    double *ssim_work; /* as prismi_ssim wants */
};

/* initial.c */
int prismi_initial_step(struct prism_session *s);
int prismi_fit_begin(
    struct prism_session *s); /* from initialisation, or from nothing, to the strategy's phase */

/* Which terms a session's loss needs; the rest of the parameters is the
 * caller's. */
struct prismi_term_params prismi_term_params_of(const struct prism_session *s, int batch);

/* ---- metrics ---- */

/* Structural similarity, in the losses as in the metrics: Gaussian window,
 * constants for a data range of 1. */
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
/* How many scales of MS-SSIM fit, and their weights (sum 1 where not all
 * do). */
int prismi_ms_ssim_scales(int h, int w, double weights[PRISMI_MS_SCALES]);

#endif
