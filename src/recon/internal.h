/* The structs and functions shared by the files of src/recon.
 *
 * A session consists of a trainer (src/fit), a data set and a strategy that
 * decides how the data are fitted. Everything that advances lies in the
 * trainer's state and slabs and in the strategy's plain data; everything else
 * follows from data set and parameters. */
#ifndef PRISMI_RECON_INTERNAL_H
#define PRISMI_RECON_INTERNAL_H

#include "fit/fit.h"
#include "optics/instrument.h"
#include "prismrec/recon.h"

/* ---- data ---- */

/* The amplitudes of sample k as F32 or F64, valid as long as the result of
 * prism_dataset_amplitude(). A double session gets values that were never
 * rounded to float if the data are simulated in double. */
int prismi_dataset_target(struct prism_dataset *ds, int k, enum prism_dtype dtype,
                          const void **out);
/* The parameters of the instrument behind the data. The caller sets dtype,
 * complex_object, n_frames, batch and masks. */
struct prismi_instrument_params prismi_dataset_instrument(const struct prism_dataset *ds);
/* A hash of everything that the amplitudes depend on. */
uint64_t prismi_dataset_hash(const struct prism_dataset *ds);
/* A number that changes with every prism_dataset_set_truth(). */
uint64_t prismi_dataset_truth_version(const struct prism_dataset *ds);

/* ---- loss: misfit of measured amplitudes and |field| ---- */

struct prismi_loss_params {
    enum prism_dtype dtype;
    int n_targets, batch, h, w;
    /* the structural losses that set_weights may use; of the other kinds it may
     * use any */
    bool kinds[PRISM_LOSS_COUNT];
    /* set_weights may use several kinds at once */
    bool composite;
    bool unnormalised; /* misfits: plain means */
    /* true: one normaliser for all targets, and a mean over the batch; false:
     * each target has its own, and the batch is summed */
    bool shared;
};

/* The loss of amplitudes. value[b] = sum over kinds of weight[kind]
 * L_kind(|u[b]|, target[index[b]]), where L_kind is
 *   a misfit: the sum of its terms/(sum t^power + 1e-8 n), with rows of
 *       misfit.def and loss.def
 *   structural: (1 - SSIM)/2 or (1 - MS-SSIM)/2 */
struct prismi_loss;
int prismi_loss_create(struct prism_dev *dev, const struct prismi_loss_params *params,
                       struct prismi_loss **out);
void prismi_loss_destroy(struct prismi_loss **loss);
/* Device memory of target a, [h,w]. The caller fills it. */
prism_mem prismi_loss_target(const struct prismi_loss *loss, int a);
prism_mem prismi_loss_value(const struct prismi_loss *loss); /* [batch] */
/* Measure the norms of the targets. Call it after targets changed. Waits for
 * the device. */
int prismi_loss_weigh(struct prismi_loss *loss);
/* Set the weights of the kinds, with the norms that were measured last. */
int prismi_loss_set_weights(struct prismi_loss *loss, const double weights[PRISM_LOSS_COUNT]);
/* The factor on the sum of terms of a misfit, if the normaliser is shared. */
double prismi_loss_factor(const struct prismi_loss *loss, enum prism_loss_kind kind);
/* A number that changes with the weights, and so with the calls that run()
 * enqueues. */
uint64_t prismi_loss_key(const struct prismi_loss *loss);
/* The largest sum t^2 of a target, as measured last. */
double prismi_loss_energy(const struct prismi_loss *loss);
/* Compute the values, and replace u [batch,h,w] complex by its cotangent.
 * Enqueue only. */
int prismi_loss_run(struct prismi_loss *loss, prism_mem u, prism_mem index);
/* True if the loss is a single amplitude misfit; then *kind is set, and the
 * loss's share of the arguments of the instrument's misfit(). */
bool prismi_loss_is_misfit(const struct prismi_loss *loss, enum prism_misfit *kind,
                           struct prism_field_misfit_args *a);

/* ---- data term: object -> fields -> loss, and back ---- */

struct prismi_term {
    struct prism_dev *dev;
    struct prismi_instrument *instrument;
    struct prismi_loss *loss;
    /* [batch,field,field] complex: the fields; after the loss, their
     * cotangent */
    prism_mem field;
    /* field already holds the fields of the object that the next forward
     * gets */
    bool measured;
    /* the last forward also did the first half of the adjoint, inside the
     * instrument */
    bool halfway;
    struct prismi_arena arena;
};

struct prismi_term_params {
    enum prism_dtype dtype;
    bool complex_object;
    /* the frames are two masks over the whole grid (union, new aperture); else
     * every sample's own aperture */
    bool masks;
    int batch;
    bool kinds[PRISM_LOSS_COUNT], composite, unnormalised; /* as in struct prismi_loss_params */
};
/* Create a data term. Without masks all targets are loaded and their norms
 * measured, once. The caller sets the weights. */
int prismi_term_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, struct prismi_term *out);
void prismi_term_release(struct prismi_term *term);
/* Compute only the fields. The next forward, of the same x, then uses them. */
int prismi_term_measure(struct prismi_term *term, prism_mem x);
int prismi_term_forward(struct prismi_term *term, prism_mem x);
/* Tell the term that a recorded forward was replayed. */
void prismi_term_played(struct prismi_term *term);
int prismi_term_backward(struct prismi_term *term, prism_mem gx);
/* Load the amplitudes of sample k as target a. */
int prismi_term_load_target(struct prismi_term *term, struct prism_dataset *ds, int k, int a,
                            enum prism_dtype dtype);

/* ---- energy where no aperture measured (unmeasured.c) ---- */

struct prismi_unmeasured {
    struct prism_dev *dev;
    struct prismi_instrument *instrument; /* NULL if the weight is 0 or everything is measured */
    prism_mem field, gx;                  /* workspace: [field] complex, [pixels] reals */
    struct prismi_arena arena;
    enum prism_dtype dtype;
    double weight; /* weight of the energy */
    size_t grid, pixels;
};
int prismi_unmeasured_create(struct prism_dev *dev, struct prism_dataset *ds,
                             enum prism_dtype dtype, bool complex_object, double weight,
                             struct prismi_unmeasured *out);
void prismi_unmeasured_release(struct prismi_unmeasured *q);
/* Add the gradient of the term at x [O,O] to gx. Enqueue only. */
int prismi_unmeasured_gradient(struct prismi_unmeasured *q, prism_mem x, prism_mem gx);

/* ---- the object itself as a model, without a network ---- */

/* Values lie in [0,1]; for a complex object their modulus does. */
struct prismi_object {
    struct prism_dev *dev;
    struct prismi_arena arena;
    prism_mem value, grad; /* [pixels] real or complex; grad is NULL without an optimiser */
    enum prism_dtype dtype;
    size_t pixels;
    bool complex_object;
};
/* Create an object of ones. */
int prismi_object_create(struct prism_dev *dev, enum prism_dtype dtype, size_t pixels,
                         bool complex_object, bool with_gradient, struct prismi_object **out);
void prismi_object_destroy(struct prismi_object **object); /* NULL ok */
/* Clamp the values to their range. Enqueue only. */
int prismi_object_constrain(struct prismi_object *object);
void prismi_object_model(struct prismi_object *object, struct prismi_model *out);

/* ---- data as an objective ---- */

/* Measured data as an objective: the data term and, for the joint strategy, the
 * energy of unmeasured frequencies. */
struct prismi_data {
    struct prismi_term term;
    struct prismi_unmeasured unmeasured;
    struct prismi_objective objective;
    /* Describe value i in words, for messages. NULL: by its place in the
     * batch. */
    void (*describe)(const struct prismi_data *data, int i, char *text, size_t n);
};
/* unmeasured: weight of the unmeasured energy, relative to the energy of the
 * brightest measurement. */
int prismi_data_create(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prismi_term_params *params, double unmeasured,
                       struct prismi_data *out);
void prismi_data_release(struct prismi_data *data);

/* ---- projections ---- */

/* A projection: a gradient step of length lr_obj on sum (|u| - d)^2, divided by
 * the instrument's norm (projections.c). */
struct prismi_projection {
    struct prism_dev *dev;
    struct prismi_object *object; /* owned by the caller */
    struct prismi_data data;
    struct prismi_arena arena;
    prism_mem grad, part; /* same shape as the object */
    /* samples per call of the data term; a divisor of the number of samples */
    int batch;
    double step; /* factor on the gradient */
};
int prismi_projection_create(struct prism_dev *dev, struct prism_dataset *ds,
                             struct prismi_object *object, const struct prism_mopie_params *params,
                             struct prismi_projection *out);
void prismi_projection_release(struct prismi_projection *p);
/* Compute the gradient of the samples index[0..batch-1] and add it to grad; if
 * first, overwrite grad. */
int prismi_projection_gradient(struct prismi_projection *p, const int32_t *index, bool first);
/* Apply the step and the constraints to the object. */
int prismi_projection_apply(struct prismi_projection *p);
/* Run n_loops loops, one sample after the other, from a real object of ones.
 * The result goes to out [O,O]. */
int prismi_projection_solve(struct prism_dev *dev, struct prism_dataset *ds, enum prism_dtype dtype,
                            const struct prism_mopie_params *params, int n_loops, double *out);

/* ---- initialisation ---- */

/* Compute the image [O,O] that initialisation fits to, by
 * params->training.init_target. It is scaled to [0,1] if that is the range of
 * the output activation. */
int prismi_init_target(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prism_recon_params *params, enum prism_dtype dtype,
                       double *out);

/* The first phase of a network: its output is fitted to a simple image, which
 * also settles the sign of the output. */
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

/* A strategy: how the data are fitted once initialisation is over. A
 * strategy keeps its own state in s->strategy_state and its objective in
 * s->objective. */
struct prismi_strategy {
    const char *name;
    unsigned when; /* the parameters that matter (recon/params.h) */
    /* Check what goes beyond each parameter's own range. Returns 0, or
     * PRISM_EINVAL with a sentence that names the parameter. NULL: nothing to
     * check. */
    int (*check)(struct prism_ctx *ctx, const struct prism_recon_params *p,
                 const struct prism_dataset_params *dp);
    /* Create the state, the objective and the trainer. params come from the
     * session; the strategy sets n_losses and may change others. It also adds
     * its slabs and plain data to the trainer. */
    int (*create)(struct prism_session *s, struct prismi_trainer_params *params);
    int (*begin)(struct prism_session *s); /* called when the fit phase begins */
    int (*step)(struct prism_session *s);  /* does one unit of work */
    /* Compute again everything that follows from the trainer's state; see
     * struct prismi_trainer. NULL: nothing does. */
    int (*restore)(struct prism_session *s, bool loaded);
    /* True if a run can be in this state. The trainer's own bounds are checked
     * before. */
    bool (*plausible)(const struct prism_session *s, const struct prismi_loaded *state);
    int64_t (*total_steps)(const struct prism_session *s); /* upper limit for the fit */
    /* Fill the fields that only the strategy knows. NULL: there are none. */
    void (*progress)(const struct prism_session *s, struct prism_progress *out);
    /* Free the state. Also called after a create that failed. */
    void (*destroy)(struct prism_session *s);
};
extern const struct prismi_strategy prismi_joint, prismi_progressive, prismi_projections;

/* An algorithm: its model, and the strategy that fits the model for each
 * objective; NULL if there is none. */
struct prismi_algorithm {
    unsigned when; /* the parameters that matter for the model (recon/params.h) */
    /* Further checks of parameters; NULL: none. */
    int (*check)(struct prism_ctx *ctx, const struct prism_recon_params *p);
    /* Create s->model; may change the parameters of the trainer. */
    int (*create)(struct prism_session *s, struct prismi_trainer_params *params);
    const struct prismi_strategy *strategies[PRISM_OBJ_COUNT];
};
/* The rows for these parameters. NULL if a value is out of range or there is no
 * such strategy. */
const struct prismi_algorithm *prismi_algorithm_of(const struct prism_recon_params *p);
const struct prismi_strategy *prismi_strategy_of(const struct prism_recon_params *p);

/* the models, in models.c */
int prismi_check_network(struct prism_ctx *ctx, const struct prism_recon_params *p);
int prismi_create_network(struct prism_session *s, struct prismi_trainer_params *params);
int prismi_create_object(struct prism_session *s, struct prismi_trainer_params *params);

/* ---- image quality on the device (quality.c) ---- */

/* Compares images [h,w] with a reference that is kept on the device. A session
 * creates one together with its memory. */
struct prismi_quality {
    struct prism_dev *dev;
    enum prism_dtype dtype; /* real */
    int h, w;
    size_t n;     /* h times w */
    double power; /* mean of the reference's squares */
    struct prismi_arena arena;
    prism_mem reference, mean_y, var_y;       /* [h,w]: y, its mean and variance in SSIM's window */
    prism_mem mean, var, var_d, product, tmp; /* [h,w] each, workspace */
    prism_mem taps;                           /* taps of the window */
    prism_mem sums;                           /* the sums that the host reads */
};
struct prismi_quality_values {
    /* as prism_ssim() and the others give; ssim is NaN below 6 x 6 pixels */
    double ssim, psnr_db, rmse_percent;
    double sum; /* sum of x */
};
/* Create one for a reference [h,w] in host memory. Returns 0, PRISM_ENOMEM or
 * PRISM_EDEVICE; on failure *out is released. */
int prismi_quality_create(struct prism_dev *dev, enum prism_dtype dtype, const double *reference,
                          int h, int w, struct prismi_quality *out);
/* Replace the reference. */
int prismi_quality_set_reference(struct prismi_quality *q, const double *reference);
void prismi_quality_release(struct prismi_quality *q); /* a zeroed struct is allowed */
/* Compare the device image x, which is only read, and wait for five numbers.
 * Allocates nothing. In single precision SSIM is within 1e-6 of the host's and
 * PSNR within 1e-3 dB below 80 dB, for images between 0 and 1. */
int prismi_quality_run(struct prismi_quality *q, prism_mem x, struct prismi_quality_values *out);

/* ---- session ---- */

/* indices of the trainer's scores */
enum { PRISMI_SCORE_SSIM, PRISMI_SCORE_PSNR, PRISMI_SCORE_RMSE };

struct prism_session {
    struct prism_dev *dev;
    struct prism_ctx *ctx;
    struct prism_dataset *ds;
    struct prism_recon_params par;
    /* the type of everything, except activations that a network stores in half
     * precision */
    enum prism_dtype dtype;
    int n, obj, grid;
    size_t pixels, real; /* O^2; bytes of a real */

    struct prismi_model model;
    struct prism_net *net; /* the model, if it is a network, else NULL */
    /* computes results in F32 if net stores half precision, else NULL */
    struct prism_net *display_net;
    struct prismi_object *object; /* the model, if it is the object itself, else NULL */
    struct prismi_trainer trainer;
    struct prismi_initial initial; /* used by networks only */
    int init_steps;                /* 0: no initialisation */
    const struct prismi_strategy *strategy;
    void *strategy_state;
    const struct prismi_objective *objective; /* owned by the strategy */

    bool evaluated; /* results were evaluated in the last step */
    /* the last step finished a part of the work, so results are evaluated */
    bool milestone;
    struct prismi_arena arena;
    prism_mem scratch;             /* [O,O] */
    struct prismi_quality quality; /* compares with the data set's truth, if there is one */
    uint64_t truth_version;        /* version of the truth that quality has as its reference */
    double *host;                  /* [O^2] */
};

/* phase.c */
int prismi_initial_step(struct prism_session *s);
/* Enter the strategy's phase, after initialisation or at the start. */
int prismi_fit_begin(struct prism_session *s);

/* Parameters of a data term for the session's loss. The caller sets masks. */
struct prismi_term_params prismi_term_params_of(const struct prism_session *s, int batch);

/* ---- metrics ---- */

/* Structural similarity, shared by losses and metrics: a Gaussian window, and
 * constants for a data range of 1. */
#define PRISMI_SSIM_RADIUS 5
#define PRISMI_SSIM_TAPS (2 * PRISMI_SSIM_RADIUS + 1)
#define PRISMI_SSIM_C1 (0.01 * 0.01)
#define PRISMI_SSIM_C2 (0.03 * 0.03)
#define PRISMI_MS_SSIM_LOW 1e-10 /* a mean of a scale below this is clamped to it */
void prismi_ssim_taps(double taps[PRISMI_SSIM_TAPS]);
/* Compute the mean and the variance of y in the window, all [h,w]. h and w must
 * exceed the radius. tmp [h,w] is workspace. */
void prismi_ssim_moments(const double *y, int h, int w, double *mean, double *var, double *tmp);
#define PRISMI_MS_SCALES 5
/* The number of scales of MS-SSIM that fit, and their weights, which sum to 1
 * if not all fit. */
int prismi_ms_ssim_scales(int h, int w, double weights[PRISMI_MS_SCALES]);

#endif
