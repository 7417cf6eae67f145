/* PRISM: measured data, reconstruction sessions. */
#ifndef PRISMREC_RECON_H
#define PRISMREC_RECON_H

#include "prismrec/fit.h"
#include "prismrec/net.h"
#include "prismrec/optics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data ---------------------------------------------------------------- */

/* Amplitudes of sub-aperture measurements and where they were taken.
 * Thread-safety: one thread at a time. */
struct prism_dataset;

/* A 0 is the default. */
struct prism_dataset_params {
    int grid_size;  /* N; 0 = the smallest power of two that holds 2 O and the field */
    int obj_size;   /* O; 0 = 64 */
    int field_size; /* detector pixels per side; 0 = N */
    struct prism_aperture aperture; /* radius_px 0 = 10, n_spiders 0 = 4 */
    double snr_db; /* 0 = no noise. Gaussian noise on each amplitude image, sigma^2 =
                      mean(a^2)/10^(snr/10); negative values become 0 */
    uint64_t
        seed; /* 0 = 1; UINT64_MAX = 0. Of the noise; sample k's noise depends on seed and k only */
    /* what stands between object and detector, in simulation and fit */
    enum prism_instrument instrument;
    /* PRISM_INSTRUMENT_PROPAGATED: from the object to the plane of the
     * apertures. The lengths are not read for PRISM_FRAUNHOFER; pitch_m is the
     * side of a pixel of the object. The field is as large as the grid. */
    enum prism_propagator propagator;
    double distance_m, pitch_m, wavelength_m;
    /* PRISM_INSTRUMENT_SUBAPERTURE: */
    enum prism_measure_method method; /* of simulating the data and of a session's fit to them;
                                         results agree up to rounding */
    bool in_double; /* simulate in double precision where the device has it; for sessions of
                       PRISM_PRECISION_FP64 */
};

/* Measurements of a known object, made when first asked for and kept in the
 * device's cache (without one made anew every time; the noise of a sample is
 * the same every time). truth: amplitude [O,O], copied. centres_yx [n][2],
 * copied. */
PRISM_API int prism_dataset_simulate(struct prism_dev *dev,
                                     const struct prism_dataset_params *params, const double *truth,
                                     const double *centres_yx, int n, struct prism_dataset **out);
/* Given amplitudes [n,field,field] (row-major, object centre at field/2),
 * copied. Both return 0, PRISM_EINVAL (naming the value: a grid above 32768,
 * more than 1000000 samples, a centre whose aperture opens no pixel of the
 * grid, ...), PRISM_ENOMEM, PRISM_EDEVICE. */
PRISM_API int prism_dataset_measured(struct prism_ctx *ctx,
                                     const struct prism_dataset_params *params,
                                     const float *amplitudes, const double *centres_yx, int n,
                                     struct prism_dataset **out);
PRISM_API void prism_dataset_destroy(struct prism_dataset **ds); /* NULL ok */
PRISM_API int prism_dataset_count(const struct prism_dataset *ds);
/* Amplitude image of sample k, [field,field]; valid until the next call with
 * this data set or another one that uses the same cache, and until that is
 * cleared. */
PRISM_API int prism_dataset_amplitude(struct prism_dataset *ds, int k, const float **out);
PRISM_API const double *prism_dataset_truth(const struct prism_dataset *ds);   /* [O,O] or NULL */
PRISM_API const double *prism_dataset_centres(const struct prism_dataset *ds); /* [n][2] */
PRISM_API const struct prism_dataset_params *prism_dataset_params(const struct prism_dataset *ds);
/* Replace the object of a simulation by truth [O,O], copied. What is cached of
 * the one before is never used again. Sessions made before keep the
 * measurements they have read: make them anew. Returns 0, PRISM_EINVAL
 * (measured data, or a value that is not finite; nothing changed),
 * PRISM_EDEVICE. */
PRISM_API int prism_dataset_set_truth(struct prism_dataset *ds, const double *truth);

/* ---- reconstruction ------------------------------------------------------ */

enum prism_algorithm {
    PRISM_ALG_DECODER, /* a network makes the object; its weights are fitted */
    PRISM_ALG_MOPIE,   /* projections of the object itself */
    PRISM_ALG_OBJECT,  /* the pixels of the object are fitted with the joint objective, as weights
                          would be */
    PRISM_ALG_COUNT
};
enum prism_objective {
    PRISM_OBJ_JOINT, /* every step fits a random mini-batch of apertures against their measured
                        amplitudes */
    PRISM_OBJ_PROGRESSIVE, /* sample after sample: the new aperture's data and self-consistency
                              through all earlier ones */
    PRISM_OBJ_COUNT
};
enum prism_init_target {
    PRISM_INIT_TARGET_CIRCLE,             /* disc of diameter O */
    PRISM_INIT_TARGET_MEASUREMENT,        /* the first sample's amplitude */
    PRISM_INIT_TARGET_SYNTHETIC_APERTURE, /* mean over samples of the measured amplitudes */
    PRISM_INIT_TARGET_PROJECTION, /* a few serial projection loops (params.mopie.init_loops), real
                                   * object
                                   */
    PRISM_INIT_TARGET_COUNT
};
enum prism_loss_kind {
#define PRISM_LOSS_ROW(NAME, name, misfit, power, scales) PRISM_LOSS_##NAME,
#include "prismrec/loss.def"
#undef PRISM_LOSS_ROW
    PRISM_LOSS_COUNT
};
/* Of a decoder's arithmetic; mopie takes fp64 for double and all else for
 * single. */
enum prism_precision {
    PRISM_PRECISION_FP32,
    PRISM_PRECISION_FP64, /* where the device has it */
    PRISM_PRECISION_TF32, /* fp32, where a device may round what convolutions multiply to 10 bits of
                             mantissa */
    PRISM_PRECISION_BF16, /* fp32, but between the first and the last convolution activations are
                             stored as bfloat16; fp32 where the device lacks it or is not faster
                             with it for a network of this size, which is logged */
    PRISM_PRECISION_FP16, /* the same with binary16, and with gradients scaled by a factor that
                             follows what fits */
    PRISM_PRECISION_COUNT
};

/* In all parameter structs a 0 is the default, which docs/configuration.md has
 * under the name of the setting. Where 0 is a value of its own, a negative
 * number stands for it: init_steps = -1 leaves the first fit out. */
struct prism_training_params {
    enum prism_objective objective;
    double loss_weights[PRISM_LOSS_COUNT]; /* one 1 and zeros: a plain loss; several, summing to 1:
                                              a composite */
    bool unnormalised; /* misfits: leave the division by the target's own norm out */
    double lr;
    enum prism_schedule schedule;
    bool amsgrad;
    /* initialisation: fit the image itself to a target */
    enum prism_init_target init_target;
    int init_steps;
    double init_lr;        /* 0 = lr */
    double init_threshold; /* stop below; 0 = never */
    /* joint */
    int max_steps, batch;
    double unmeasured_weight; /* weight of the energy at k-space positions that no aperture saw,
                                 relative to the brightest measurement's; negative = leave them to
                                 the network, which may put anything there */
    /* progressive: at most n_epochs * max_epochs steps a sample */
    int n_epochs, max_epochs;
    double loss_threshold;
    bool adaptive; /* convergence monitor, tiers, early stop */
    int patience, plateau_window;
    double plateau_threshold;
    int escalation_epochs;
    double aggressive_lr_multiplier, retry_lr_multiplier;
    int max_retries;      /* passes over samples that failed */
    bool retry_same_loss; /* every retry keeps the losses; else it takes the next kind of loss */
    /* both */
    double average; /* share of the last steps (progressive: samples) whose outputs are averaged
                       into the result; 0 = the last output. Retries discard the average */
};

struct prism_mopie_params {
    int loops;      /* passes over all samples */
    int init_loops; /* for PRISM_INIT_TARGET_PROJECTION */
    double lr_obj;
    bool parallel; /* all updates of a pass at once, else one after the other */
    bool complex_object;
    bool permute; /* visit samples in a random order */
};

struct prism_recon_params {
    enum prism_algorithm algorithm;
    enum prism_precision precision;
    struct prism_decoder_params
        decoder; /* types and sizes are taken from the precision above and the data set */
    struct prism_training_params training;
    struct prism_mopie_params mopie;
    uint64_t seed;     /* 0 = 1; UINT64_MAX = 0 */
    int metrics_every; /* steps between SSIM evaluations against the truth; negative = only at the
                          end */
};

/* What a progress callback sees, and the final account. NaN where a value is
 * not known. */
struct prism_progress {
    enum prism_phase phase;
    int64_t step, total_steps; /* over all phases; total is the budget */
    int64_t phase_step;
    int sample, n_samples; /* progressive: the current sample and their number; mopie: the current
                              loop and their number */
    const char *unit; /* what is counted by sample and n_samples: "sample", "loop"; NULL: nothing is
                         done one after the other */
    enum prism_tier tier;
    double loss, loss_old, loss_new, lr; /* loss: the mean since it was last looked at */
    double ssim, psnr_db, rmse_percent;  /* of the last evaluation; NaN without truth */
    bool evaluated;                      /* the three above are of this very step */
    bool sample_done, sample_converged;  /* progressive: this call closes a sample */
    int n_failed;
    int64_t skipped;   /* fp16: updates left out so far, as a gradient did not fit; like the loss as
                          of when it was looked at */
    double loss_scale; /* fp16: the factor on gradients; NaN where there is none */
};

/* Reconstruct the object of ds in one call: create a session, run it to its end
 * and write the result [O,O] (the modulus of a complex object) to image.
 * params: NULL = all defaults. Returns 0, or what prism_session_create(),
 * prism_session_run() and prism_session_result() return; image is then
 * undefined. Use a session for progress, checkpoints and complex results. */
PRISM_API int prism_reconstruct(struct prism_dev *dev, struct prism_dataset *ds,
                                const struct prism_recon_params *params, double *image);

/* A reconstruction in progress. Bit-identical for the same data, parameters and
 * backend, whatever the thread count, and across save and load at any step.
 * Thread-safety: one thread at a time. */
struct prism_session;

/* Create a session. ds must outlive it. params: NULL = all defaults. Returns 0,
 * PRISM_EINVAL (naming the parameter), PRISM_ENOMEM (with the bytes needed),
 * PRISM_ENOTSUP (fp64 on a device without it), PRISM_EDEVICE. */
PRISM_API int prism_session_create(struct prism_dev *dev, struct prism_dataset *ds,
                                   const struct prism_recon_params *params,
                                   struct prism_session **out);
PRISM_API void prism_session_destroy(struct prism_session **s); /* NULL ok */

/* One unit of work: an optimiser step, a projection of one sample, or a
 * parallel pass over all. Losses are looked at every step where one decides
 * something (progressive, init_threshold), once a loop (mopie), else every 16
 * steps; between looks a step waits for nothing and allocates nothing, but for
 * a progressive step that opens a sample: it measures it, which waits and may
 * allocate in the device's cache. Returns 0, PRISM_EDIVERGED (step and term are
 * in the text; everything goes back to the last state whose losses were seen to
 * be finite), PRISM_EDEVICE. Does nothing once phase is PRISM_PHASE_DONE. */
PRISM_API int prism_session_step(struct prism_session *s);
PRISM_API void prism_session_progress(const struct prism_session *s, struct prism_progress *out);

/* Steps until done. on_progress (may be NULL) runs after every step; false
 * stops with PRISM_ECANCELED. It may call prism_session_save,
 * prism_session_result and prism_session_evaluate; where its save fails with
 * PRISM_EDIVERGED, so does the run. */
PRISM_API int prism_session_run(struct prism_session *s,
                                bool (*on_progress)(void *user, const struct prism_progress *),
                                void *user);

/* The current reconstruction [O,O] (modulus for a complex object), whatever the
 * precision from weights and activations in single or double; an average of
 * outputs is of the outputs as they were. Measured amplitudes do not tell a
 * real object from its negative, and a decoder without an output activation may
 * find either; as an object is itself an amplitude, the one with the positive
 * sum is given once initialisation is over. Waits. */
PRISM_API int prism_session_result(struct prism_session *s, double *out);
/* True if the object is complex, with a phase. */
PRISM_API bool prism_session_is_complex(const struct prism_session *s);
/* The current reconstruction as complex numbers, [O,O] pairs (re, im). The
 * imaginary parts of a real object are 0. The phase of a complex object is
 * determined but for a constant, which measured amplitudes do not tell. Waits.
 * Returns what prism_session_result() returns. */
PRISM_API int prism_session_result_complex(struct prism_session *s, double *out);
/* SSIM, PSNR and RMSE of the current reconstruction against the truth, into the
 * progress record. The device computes them, in the session's precision, and
 * the host reads five numbers: in single precision SSIM is within 1e-6 of
 * prism_ssim and PSNR within 1e-3 dB of prism_psnr_db (below 80 dB). Does
 * nothing if the data set has no truth. Waits. Returns 0, PRISM_EDEVICE. */
PRISM_API int prism_session_evaluate(struct prism_session *s);
/* Network of a decoder session (weights can be saved from it; its output may be
 * the negative of the result), NULL for mopie. */
PRISM_API struct prism_net *prism_session_net(struct prism_session *s);

/* The whole state to and from a checkpoint (docs/formats.md), a ZIP file of NPY
 * arrays that numpy.load opens: its array "result" is the reconstruction in
 * double, its texts "about" and "progress" are lines key=value. save: written
 * to a unique temporary name, fsync'ed, renamed, directory fsync'ed; the
 * previous one is kept as <path>.1. load: falls back to <path>.1 with a warning
 * where <path> is damaged or missing; the next save there then replaces the
 * damaged one and leaves <path>.1. Device independent. extra: NULL, or a text
 * kept with it. save returns 0, PRISM_EIO, PRISM_ENOMEM, PRISM_EDEVICE,
 * PRISM_EDIVERGED (a pending loss or the output is not finite: nothing is
 * written, and the session goes back as in prism_session_step). load returns 0,
 * PRISM_EIO, PRISM_EPARSE (damaged, or of a state no run can be in),
 * PRISM_EINVAL (other data or parameters), PRISM_ENOMEM, PRISM_EDEVICE; but for
 * the last, nothing has changed. */
PRISM_API int prism_session_save(struct prism_session *s, const char *path, const char *extra);
PRISM_API int prism_session_load(struct prism_session *s, const char *path);
/* prism_session_save() in the background: copies the state to host memory,
 * which the session keeps for the next time, and returns; a thread of the
 * library writes the file. path and extra are copied. before: NULL, or called
 * by that thread first, for example to sync a log that the checkpoint must not
 * be ahead of; false gives up (PRISM_ECANCELED). Where there is no memory for
 * the copy, the file is written before this returns. Statuses as
 * prism_session_save(), and those of a save in the background that had begun
 * before, for which this waits. prism_session_save(), prism_session_load() and
 * prism_session_destroy() wait for it too, and log its failure.
 * prism_session_save_wait: waits until the file is in its place and returns the
 * writing's status, 0 where nothing was begun. */
PRISM_API int prism_session_save_begin(struct prism_session *s, const char *path, const char *extra,
                                       bool (*before)(void *user), void *user);
PRISM_API int prism_session_save_wait(struct prism_session *s);

#ifdef __cplusplus
}
#endif
#endif
