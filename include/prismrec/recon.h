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

/* Measured amplitudes, one frame for each sample, and the place of the aperture
 * behind which each frame was taken. Thread-safety: one thread at a time. */
struct prism_dataset;

/* The instrument. A 0 is the default, NULL all defaults. */
struct prism_dataset_params {
    /* Side N of the grid, in the object's plane and in k-space, pixels. 0 = the
     * smallest power of two that holds twice the object and the frames. */
    int grid_size;
    /* Side O of the object, pixels. 0 = 64. */
    int obj_size;
    /* Side of a frame, detector pixels. 0 = N. */
    int field_size;
    /* The aperture. radius_px: 0 = 10; n_spiders: 0 = 4. */
    struct prism_aperture aperture;
    /* Signal-to-noise ratio of simulated amplitudes, dB; 0 = no noise. The
     * noise of a frame is Gaussian, sigma^2 = mean(amplitude^2)/10^(snr_db/10);
     * negative amplitudes become 0. */
    double snr_db;
    /* Seed of the noise. 0 = 1; UINT64_MAX stands for the seed 0. The noise of
     * sample k depends on seed and k only. */
    uint64_t seed;
    /* The operator between object and detector, in simulation and fit. */
    enum prism_instrument instrument;
    /* PRISM_INSTRUMENT_PROPAGATED: how light travels from the object to the
     * plane of the apertures. The field is as large as the grid. */
    enum prism_propagator propagator;
    /* The same: distance of that plane, side of a pixel of the object, and
     * wavelength, metres. PRISM_FRAUNHOFER does not read them. */
    double distance_m, pitch_m, wavelength_m;
    /* PRISM_INSTRUMENT_SUBAPERTURE: how spectra are computed. Results agree up
     * to rounding. */
    enum prism_measure_method method;
    /* Simulate in double precision if the device has it; for sessions of
     * PRISM_PRECISION_FP64. */
    bool in_double;
};

/* Create a data set that simulates the measurements of a known object. Frames
 * are computed when they are first read, and kept in the device's cache if it
 * has one. truth: the object's amplitude [O,O]; centres_yx: n pairs (y, x) in
 * k-space pixels relative to DC; both are copied. dev must outlive the data
 * set. Returns 0, PRISM_EINVAL (names the value: a grid above 32768, more than
 * 1000000 samples, a centre whose aperture opens no pixel of the grid, ...),
 * PRISM_ENOMEM, PRISM_EDEVICE. */
PRISM_API int prism_dataset_simulate(struct prism_dev *dev,
                                     const struct prism_dataset_params *params, const double *truth,
                                     const double *centres_yx, int n, struct prism_dataset **out);

/* Create a data set of measured amplitudes [n,field,field], row-major, with the
 * object's centre at pixel (field/2, field/2). They and the centres are copied.
 * A radius of 0 is assumed to be 10 pixels, which is logged as a warning.
 * Returns 0, PRISM_EINVAL (as above, or an amplitude that is negative or not
 * finite), PRISM_ENOMEM. */
PRISM_API int prism_dataset_measured(struct prism_ctx *ctx,
                                     const struct prism_dataset_params *params,
                                     const float *amplitudes, const double *centres_yx, int n,
                                     struct prism_dataset **out);

/* Destroy a data set and set *ds to NULL. NULL is allowed. */
PRISM_API void prism_dataset_destroy(struct prism_dataset **ds);

/* The number of samples. */
PRISM_API int prism_dataset_count(const struct prism_dataset *ds);

/* Give the frame of sample k, [field,field], owned by the data set. It is valid
 * until the next call with this data set or one that shares its cache, and
 * until the cache is cleared. Returns 0, PRISM_EINVAL (no such sample),
 * PRISM_ENOMEM, PRISM_EDEVICE. */
PRISM_API int prism_dataset_amplitude(struct prism_dataset *ds, int k, const float **out);

/* The object of a simulation, [O,O]; NULL for measured data. Owned by ds. */
PRISM_API const double *prism_dataset_truth(const struct prism_dataset *ds);

/* The centres, [n][2], owned by ds. */
PRISM_API const double *prism_dataset_centres(const struct prism_dataset *ds);

/* The parameters with their defaults filled in, owned by ds. */
PRISM_API const struct prism_dataset_params *prism_dataset_params(const struct prism_dataset *ds);

/* Replace the object of a simulation by truth [O,O], which is copied. Cached
 * frames of the old object are not used again. A session that exists keeps the
 * frames that it has read: create a new one. Returns 0, PRISM_EINVAL (measured
 * data, or a value that is not finite; nothing changed), PRISM_EDEVICE. */
PRISM_API int prism_dataset_set_truth(struct prism_dataset *ds, const double *truth);

/* ---- reconstruction ------------------------------------------------------ */

/* The model of the object and the way it is fitted. */
enum prism_algorithm {
    PRISM_ALG_DECODER, /* a network makes the object; its weights are fitted */
    PRISM_ALG_MOPIE,   /* iterative projections of the object, without a network */
    PRISM_ALG_OBJECT,  /* the object's pixels are fitted as weights would be */
    PRISM_ALG_COUNT
};

/* The order in which samples are fitted. */
enum prism_objective {
    PRISM_OBJ_JOINT,       /* every step fits a random batch of samples */
    PRISM_OBJ_PROGRESSIVE, /* one sample after the other, consistent with all before */
    PRISM_OBJ_COUNT
};

/* The picture that a network is fitted to before the data. */
enum prism_init_target {
    PRISM_INIT_TARGET_CIRCLE,             /* a disc of diameter O */
    PRISM_INIT_TARGET_MEASUREMENT,        /* the first sample's amplitude */
    PRISM_INIT_TARGET_SYNTHETIC_APERTURE, /* the mean of all measured amplitudes */
    PRISM_INIT_TARGET_PROJECTION,         /* the result of mopie.init_loops projection passes */
    PRISM_INIT_TARGET_COUNT
};

/* The losses of loss.def, between computed and measured amplitudes. */
enum prism_loss_kind {
#define PRISM_LOSS_ROW(NAME, name, misfit, power, scales) PRISM_LOSS_##NAME,
#include "prismrec/loss.def"
#undef PRISM_LOSS_ROW
    PRISM_LOSS_COUNT
};

/* The arithmetic. Without a network FP64 is double and all others are single.
 * TF32: a device may round the operands of convolutions to 10 bits of mantissa.
 * BF16 and FP16: activations between the first and the last convolution are
 * stored in 16 bits; where the device lacks the type, or is not faster with it
 * for this network, FP32 is used and the log says so. FP16 also scales the
 * gradients, by a factor that adapts. */
enum prism_precision {
    PRISM_PRECISION_FP32,
    PRISM_PRECISION_FP64,
    PRISM_PRECISION_TF32,
    PRISM_PRECISION_BF16,
    PRISM_PRECISION_FP16,
    PRISM_PRECISION_COUNT
};

/* How a network's weights, or the object's pixels, are fitted.
 *
 * In every parameter struct a 0 is the default. Where a 0 would mean something
 * else, a negative number stands for it: init_steps = -1 leaves the first fit
 * out. docs/configuration.md has the ranges. */
struct prism_training_params {
    enum prism_objective objective;
    /* A weight for each loss, summing to 1. All 0 = PRISM_LOSS_L1. */
    double loss_weights[PRISM_LOSS_COUNT];
    /* Do not divide misfits by the norm of the measured amplitude. */
    bool unnormalised;
    /* Learning rate of Adam. 0 = 0.004. */
    double lr;
    enum prism_schedule schedule;
    bool amsgrad;

    /* The first fit, of the image to a picture. init_steps: 0 = 300, negative =
     * none; init_lr: 0 = lr; the fit ends below the loss init_threshold: 0 =
     * never. */
    enum prism_init_target init_target;
    int init_steps;
    double init_lr;
    double init_threshold;

    /* Joint. max_steps: 0 = 4000, negative = none; batch, samples a step: 0 =
     * 16. */
    int max_steps, batch;
    /* Joint: weight of the energy at k-space positions that no aperture saw,
     * relative to the brightest frame's. 0 = 1; negative = the network may put
     * anything there. */
    double unmeasured_weight;

    /* Progressive: at most n_epochs * max_epochs steps a sample. 0 = 1000 and
     * 1. */
    int n_epochs, max_epochs;
    /* Progressive: a sample is done when its losses are below. 0 = 0.005,
     * negative = never. */
    double loss_threshold;
    /* Progressive: watch the loss, stop early, and change the learning rate on
     * plateaus. The next six are read then: steps without improvement (0 = 10),
     * steps over which a plateau is judged (0 = 50), relative gain that counts
     * (0 = 0.01, negative = any), steps of a sample before its rate may change
     * (0 = 200), factors on lr on a first plateau (0 = 2) and on a lasting one
     * or in a retry (0 = 0.1). */
    bool adaptive;
    int patience, plateau_window;
    double plateau_threshold;
    int escalation_epochs;
    double aggressive_lr_multiplier, retry_lr_multiplier;
    /* Progressive: passes over samples that failed. 0 = 2, negative = none. */
    int max_retries;
    /* Retries keep the losses; else each takes the next kind of loss. */
    bool retry_same_loss;

    /* Share of the last steps (progressive: samples) whose outputs are averaged
     * into the result. 0 = the last output alone. Retries discard it. */
    double average;
};

/* Projections, for PRISM_ALG_MOPIE and PRISM_INIT_TARGET_PROJECTION. */
struct prism_mopie_params {
    int loops;           /* passes over all samples; 0 = 10 */
    int init_loops;      /* passes for PRISM_INIT_TARGET_PROJECTION; 0 = 3 */
    double lr_obj;       /* step size of the object's update; 0 = 1 */
    bool parallel;       /* apply the updates of a pass together */
    bool complex_object; /* the object has a phase; also for PRISM_ALG_OBJECT */
    bool permute;        /* visit samples in a random order */
};

/* All parameters of a reconstruction. {0} and NULL are the defaults. */
struct prism_recon_params {
    enum prism_algorithm algorithm;
    enum prism_precision precision;
    /* The network. Its types and sizes follow from precision and data set. */
    struct prism_decoder_params decoder;
    struct prism_training_params training;
    struct prism_mopie_params mopie;
    /* Seed of weights, batches and orders. 0 = 1; UINT64_MAX stands for the
     * seed 0. */
    uint64_t seed;
    /* Steps between evaluations against the truth. 0 = 50, negative = only at
     * the end. */
    int metrics_every;
};

/* What a progress callback sees, and the final account. NaN where a value is
 * not known. */
struct prism_progress {
    enum prism_phase phase;
    /* Steps over all phases; total_steps is the budget. */
    int64_t step, total_steps;
    /* Steps of the current phase. */
    int64_t phase_step;
    /* Progressive: the current sample and the number of samples; mopie: the
     * current loop and the number of loops. */
    int sample, n_samples;
    /* What sample and n_samples count: "sample" or "loop"; NULL where nothing
     * is done one after the other. */
    const char *unit;
    enum prism_tier tier;
    /* loss: the mean since the loss was last looked at. */
    double loss, loss_old, loss_new, lr;
    /* Quality at the last evaluation; NaN without truth. */
    double ssim, psnr_db, rmse_percent;
    /* The last evaluation was at this very step. */
    bool evaluated;
    /* Progressive: this call closes a sample, which has converged or not. */
    bool sample_done, sample_converged;
    int n_failed;
    /* FP16: updates left out so far because a gradient did not fit, counted
     * when the loss was last looked at. */
    int64_t skipped;
    /* FP16: the factor on gradients; NaN where there is none. */
    double loss_scale;
};

/* Reconstruct the object of ds in one call: create a session, run it to its end
 * and write the result [O,O] (the modulus of a complex object) to image.
 * params: NULL = all defaults. Returns 0, or what prism_session_create(),
 * prism_session_run() and prism_session_result() return; image is then
 * undefined. Use a session for progress, checkpoints and complex results. */
PRISM_API int prism_reconstruct(struct prism_dev *dev, struct prism_dataset *ds,
                                const struct prism_recon_params *params, double *image);

/* A reconstruction in progress. Its results have the same bits for the same
 * data, parameters and backend, whatever the thread count, and across save and
 * load at any step. Thread-safety: one thread at a time. */
struct prism_session;

/* Create a session. ds must outlive it. params: NULL = all defaults. Returns 0,
 * PRISM_EINVAL (naming the parameter), PRISM_ENOMEM (with the bytes needed),
 * PRISM_ENOTSUP (fp64 on a device without it), PRISM_EDEVICE. */
PRISM_API int prism_session_create(struct prism_dev *dev, struct prism_dataset *ds,
                                   const struct prism_recon_params *params,
                                   struct prism_session **out);

/* Destroy a session. NULL is allowed. A save in the background is waited for,
 * and its failure is logged. */
PRISM_API void prism_session_destroy(struct prism_session **s);

/* Do one unit of work: an optimiser step, a projection of one sample, or a
 * parallel pass over all. Does nothing once phase is PRISM_PHASE_DONE.
 *
 * Losses are looked at every step where a loss decides something (progressive,
 * init_threshold), once a loop (mopie), else every 16 steps. Between looks a
 * step waits for nothing and allocates nothing. The exception is a progressive
 * step that opens a sample: the step measures the sample, which waits and may
 * allocate in the device's cache.
 *
 * Returns 0, PRISM_EDIVERGED (the text names step and term; everything goes
 * back to the last state whose losses were seen to be finite),
 * PRISM_EDEVICE. */
PRISM_API int prism_session_step(struct prism_session *s);

/* Write the current progress to out. */
PRISM_API void prism_session_progress(const struct prism_session *s, struct prism_progress *out);

/* Step until the session is done. on_progress may be NULL; it runs after every
 * step, and its false stops the run with PRISM_ECANCELED. The callback may call
 * prism_session_save(), prism_session_result() and prism_session_evaluate();
 * where its save fails with PRISM_EDIVERGED, so does the run. */
PRISM_API int prism_session_run(struct prism_session *s,
                                bool (*on_progress)(void *user, const struct prism_progress *),
                                void *user);

/* Write the current reconstruction [O,O], the modulus of a complex object, to
 * out. Whatever the precision, the result is computed from weights and
 * activations in single or double; an average is taken over the outputs as they
 * were. Waits.
 *
 * Measured amplitudes do not tell a real object from its negative, and a
 * decoder without an output activation may find either. An object is itself an
 * amplitude, so the one with the positive sum is given once initialisation is
 * over. */
PRISM_API int prism_session_result(struct prism_session *s, double *out);

/* True if the object is complex, with a phase. */
PRISM_API bool prism_session_is_complex(const struct prism_session *s);

/* Write the current reconstruction as complex numbers, [O,O] pairs (re, im), to
 * out. The imaginary parts of a real object are 0. The phase of a complex
 * object is determined but for a constant, which measured amplitudes do not
 * tell. Waits. Returns what prism_session_result() returns. */
PRISM_API int prism_session_result_complex(struct prism_session *s, double *out);

/* Compute SSIM, PSNR and RMSE of the current reconstruction against the truth,
 * for the progress record. Does nothing if the data set has no truth. Waits.
 *
 * The device computes them in the session's precision, and the host reads five
 * numbers: in single precision SSIM is within 1e-6 of prism_ssim() and PSNR
 * within 1e-3 dB of prism_psnr_db() (below 80 dB). Returns 0, PRISM_EDEVICE. */
PRISM_API int prism_session_evaluate(struct prism_session *s);

/* The network of a decoder session; NULL for mopie. Weights can be saved from
 * the network; its output may be the negative of the result. */
PRISM_API struct prism_net *prism_session_net(struct prism_session *s);

/* Save the whole state to a checkpoint (docs/formats.md), a ZIP file of NPY
 * arrays that numpy.load opens. Its array "result" is the reconstruction in
 * double; its texts "about" and "progress" are lines key=value. extra: NULL, or
 * a text kept with the checkpoint. A checkpoint does not depend on the device.
 *
 * The file is written to a unique temporary name, fsync'ed and renamed, and the
 * directory is fsync'ed. The previous file is kept as <path>.1. A save in the
 * background is waited for, and its failure is logged.
 *
 * Returns 0, PRISM_EIO, PRISM_ENOMEM, PRISM_EDEVICE, PRISM_EDIVERGED (a pending
 * loss or the output is not finite: nothing is written, and the session goes
 * back as in prism_session_step()). */
PRISM_API int prism_session_save(struct prism_session *s, const char *path, const char *extra);

/* Load the whole state from a checkpoint. Where path is damaged or missing,
 * <path>.1 is loaded with a warning; the next save there then replaces the
 * damaged file and leaves <path>.1. A save in the background is waited for, and
 * its failure is logged.
 *
 * Returns 0, PRISM_EIO, PRISM_EPARSE (damaged, or of a state no run can be in),
 * PRISM_EINVAL (other data or parameters), PRISM_ENOMEM, PRISM_EDEVICE; but for
 * the last, a failure changes nothing. */
PRISM_API int prism_session_load(struct prism_session *s, const char *path);

/* Save in the background, otherwise as prism_session_save(). The call copies
 * the state to host memory, which the session keeps for the next time, and
 * returns; a thread of the library writes the file. path and extra are copied.
 * Where there is no memory for the copy, the file is written before the call
 * returns.
 *
 * before: NULL, or called first by the writing thread, for example to sync a
 * log that the checkpoint must not be ahead of; its false gives up the save
 * (PRISM_ECANCELED).
 *
 * Returns the statuses of prism_session_save(), and those of a save in the
 * background that had begun before, for which the call waits. */
PRISM_API int prism_session_save_begin(struct prism_session *s, const char *path, const char *extra,
                                       bool (*before)(void *user), void *user);

/* Wait until the file of prism_session_save_begin() is in its place. Returns
 * the status of the writing, 0 where nothing was begun. */
PRISM_API int prism_session_save_wait(struct prism_session *s);

#ifdef __cplusplus
}
#endif
#endif
