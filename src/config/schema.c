/* Every setting, once: type, place, range, default and meaning. The order is that of the dump and the documentation. */
#include "config/internal.h"

#include <float.h>
#include <limits.h>
#include <string.h>

static const char *const algorithms[] = {"decoder", "mopie", NULL};
static const char *const patterns[] = {"fermat", "random", "star", "raster", "csv", NULL};
static const char *const apertures[] = {"circle", "annulus", "hexagon", "obscured", NULL};
static const char *const activations[] = {"none", "relu", "leaky", "sigmoid", "hardsigmoid", "scalesigmoid", "tanh", NULL};
static const char *const inits[] = {"torch", "xavier", "orthogonal", NULL};
static const char *const objectives[] = {"joint", "progressive", NULL};
static const char *const losses[] = {"l1", "l2", "ssim", "ms-ssim", NULL};
static const char *const schedules[] = {"constant", "plateau", "cosine", "cosine_restarts", NULL};
static const char *const targets[] = {"circle", "measurement", "synthetic_aperture", "projection", NULL};
static const char *const precisions[] = {"fp32", "fp64", "tf32", "bf16", "fp16", NULL};
static const char *const objects[] = {"none", "europa", "titan", "betelgeuse", "neptune", NULL};
static const char *const transforms[] = {"auto", "fft", "matrix", NULL};
static const char *const planners[] = {"estimate", "measure", "patient", NULL};

#define FIELD(m) offsetof(struct prism_config, m), sizeof(((struct prism_config *)NULL)->m)
#define KEY_BOOL(k, m, d, doc) k, PRISM_KEY_BOOL, FIELD(m), 0, 1, false, d, NULL, "", doc
#define KEY_BOOL_NOT(k, m, d, doc) k, PRISM_KEY_BOOL_NOT, FIELD(m), 0, 1, false, d, NULL, "", doc
#define KEY_INT(k, m, lo, hi, d, unit, doc) k, PRISM_KEY_INT, FIELD(m), lo, hi, false, d, NULL, unit, doc
#define KEY_UINT64(k, m, d, doc) k, PRISM_KEY_UINT64, FIELD(m), 0, DBL_MAX, false, d, NULL, "", doc
#define KEY_NUMBER(k, m, lo, hi, d, unit, doc) k, PRISM_KEY_DOUBLE, FIELD(m), lo, hi, false, d, NULL, unit, doc
#define KEY_POSITIVE(k, m, d, unit, doc) k, PRISM_KEY_DOUBLE, FIELD(m), 0, DBL_MAX, true, d, NULL, unit, doc
#define KEY_TEXT(k, m, d, doc) k, PRISM_KEY_STRING, FIELD(m), 0, 0, false, d, NULL, "", doc
#define KEY_NAME(k, m, c, d, doc) k, PRISM_KEY_STRING, FIELD(m), 0, 0, false, d, c, "", doc
#define KEY_ENUM(k, m, c, d, doc) k, PRISM_KEY_ENUM, FIELD(m), 0, 0, false, d, c, "", doc
#define KEY_LIST(k, m, lo, hi, d, doc) k, PRISM_KEY_INT_LIST, FIELD(m), lo, hi, false, d, NULL, "", doc
#define KEY_WEIGHTS(k, m, c, d, doc) k, PRISM_KEY_WEIGHTS, FIELD(m), 0, 1, true, d, c, "", doc

#define TRAIN(m) recon.training.m

static const struct prism_config_key keys[] = {
    {KEY_TEXT("name", name, "", "name of the run")},
    {KEY_TEXT("comment", comment, "", "free text, kept with the results")},
    {KEY_ENUM("algorithm", recon.algorithm, algorithms, "decoder",
              "decoder: fit the weights of a generative network; mopie: iterative projections, without a network")},

    {KEY_TEXT("image.input", image.input, "usaf",
              "picture of the object: a file, or a built-in object (usaf, siemens, points, moon); its grey values are stretched to "
              "[0,1]")},
    {KEY_INT("image.image_size", image.image_size, 8, 16384, "128", "px",
             "side N of the grid, in object and k-space; the decoder needs a power of two")},
    {KEY_INT(
        "image.obj_size", image.obj_size, 0, 16384, "64", "px",
        "side O of the object, at most image_size; 0: from physics, obj_diameter/dx with dx = wavelength obj_distance/(dxf N)")},
    {KEY_BOOL("image.invert", image.invert, "false", "invert the picture's grey values")},

    {KEY_ENUM(
        "telescope.pattern_fn", telescope.pattern.kind, patterns, "fermat",
        "where apertures are placed in k-space: Fermat spiral, random points, star of diameters, square raster, or a CSV file")},
    {KEY_TEXT("telescope.csv", telescope.csv, "", "file of aperture centres, rows y,x in k-space pixels, for pattern_fn csv")},
    {KEY_INT("telescope.n_samples", telescope.pattern.n_samples, 1, 1000000, "64", "",
             "number of aperture positions; a CSV file brings its own")},
    {KEY_NUMBER("telescope.roi_diameter", telescope.pattern.roi_diameter_px, 0, DBL_MAX, "0", "px",
                "diameter of the k-space disc that the pattern fills; 0: image_size")},
    {KEY_NUMBER("telescope.samples_r_cutoff", telescope.pattern.cutoff_px, 0, DBL_MAX, "0", "px",
                "fermat: leave out centres beyond this radius; 0: half of roi_diameter")},
    {KEY_INT("telescope.n_angs", telescope.pattern.n_angles, 1, 10000, "4", "", "star: number of diameters")},
    {KEY_ENUM("telescope.aperture", telescope.aperture.shape, apertures, "circle", "shape of one aperture")},
    {KEY_NUMBER("telescope.sample_diameter", telescope.sample_diameter, 0, DBL_MAX, "20", "px",
                "diameter of one aperture in k-space pixels, at most image_size; "
                "0: from physics, 4 wavelength obj_distance/(pi obj_diameter dxf), truncated")},
    {KEY_NUMBER("telescope.inner_diameter", telescope.inner_diameter, 0, DBL_MAX, "0", "px",
                "annulus, obscured: diameter of the blocked centre")},
    {KEY_NUMBER("telescope.spider_width", telescope.aperture.spider_width_px, 0, DBL_MAX, "0", "px",
                "obscured: width of the vanes; 0: none")},
    {KEY_INT("telescope.n_spiders", telescope.aperture.n_spiders, 0, 64, "4", "",
             "obscured: number of vanes, each a full diameter; seen with spider_width > 0")},
    {KEY_INT("telescope.field_size", telescope.field_size, 0, 16384, "0", "px",
             "detector pixels per side, a few more than the aperture's diameter; 0: image_size")},
    {KEY_NUMBER("telescope.snr", telescope.snr, 0, 200, "0", "dB",
                "signal-to-noise ratio of the measured amplitudes; 0: no noise")},
    {KEY_ENUM("telescope.transform", telescope.transform, transforms, "auto",
              "from the object to the apertures in k-space: a transform of the whole grid, matrix products for object and "
              "apertures alone, or the faster by an estimate; the same up to rounding")},

    {KEY_BOOL_NOT("model.use_bn", recon.decoder.no_norm, "true", "normalise each channel by the image's own mean and variance")},
    {KEY_ENUM(
        "model.output_activation", recon.decoder.output_activation, activations, "sigmoid",
        "activation after the last layer; sigmoid keeps the object in [0,1], where pictures lie: use none or relu for measured "
        "data of another scale")},
    {KEY_INT("model.latent_channels", recon.decoder.latent_channels, 0, 32768, "0", "",
             "length of the latent vector; 0: image_size")},
    {KEY_INT("model.n_upsample", recon.decoder.n_upsample, 0, 13, "0", "",
             "doublings of the image side, from 4 px to obj_size or more; 0: as many as reach it")},
    {KEY_INT("model.min_channels", recon.decoder.min_channels, 1, 32768, "16", "",
             "automatic channels: no layer but the last narrower than this; 1: the original's, which ends in 4, 2, 1")},
    {KEY_LIST("model.channels", recon.decoder.channels, 1, 32768, "",
              "output channels of every layer, first to last, the last 1; empty: halving from latent_channels")},
    {KEY_ENUM("model.init", recon.decoder.init, inits, "torch", "how the weights start")},
    {KEY_BOOL("model.frame", recon.decoder.frame, "false",
              "last convolution without padding: a frame of one zero pixel around the object")},

    {KEY_ENUM("training.objective", TRAIN(objective), objectives, "joint",
              "joint: every step fits a random batch of all apertures; progressive: one aperture after the other, keeping what "
              "the earlier ones saw")},
    {KEY_WEIGHTS("training.loss_type", TRAIN(loss_weights), losses, "l1",
                 "misfit between computed and measured amplitudes, or a weighted sum of misfits")},
    {KEY_BOOL_NOT("training.normalize_loss", TRAIN(no_normalize), "true",
                  "divide l1 and l2 by the norm of the measured amplitude")},
    {KEY_POSITIVE("training.lr", TRAIN(lr), "0.004", "", "learning rate of Adam")},
    {KEY_ENUM("training.schedule", TRAIN(schedule), schedules, "cosine",
              "learning rate over a phase: constant, halved on a plateau, cosine to 1/1000, or cosine with warm restarts")},
    {KEY_BOOL("training.use_amsgrad", TRAIN(amsgrad), "false", "Adam with the maximum of past second moments")},
    {KEY_ENUM(
        "training.initialization_target", TRAIN(init_target), targets, "circle",
        "picture that the network is fitted to first: a disc, the first measurement, the mean of the measurements, or the result "
        "of a few projection loops")},
    {KEY_INT("training.init_steps", TRAIN(init_steps), 0, INT_MAX, "300", "", "steps of that first fit")},
    {KEY_NUMBER("training.init_lr", TRAIN(init_lr), 0, DBL_MAX, "0", "", "learning rate of the first fit; 0: lr")},
    {KEY_NUMBER("training.init_threshold", TRAIN(init_threshold), 0, DBL_MAX, "0", "",
                "the first fit ends below this loss; 0: never")},
    {KEY_INT("training.max_steps", TRAIN(max_steps), 0, INT_MAX, "4000", "", "joint: number of steps")},
    {KEY_INT("training.batch", TRAIN(batch), 1, 1000000, "16", "", "joint: apertures per step; at most n_samples are used")},
    {KEY_NUMBER("training.unmeasured_weight", TRAIN(unmeasured_weight), 0, DBL_MAX, "1", "",
                "joint: weight of the energy at k-space positions that no aperture saw; 0: left to the network")},
    {KEY_INT("training.n_epochs", TRAIN(n_epochs), 1, INT_MAX, "1000", "", "progressive: steps of one cycle")},
    {KEY_INT("training.max_epochs", TRAIN(max_epochs), 1, INT_MAX, "1", "", "progressive: cycles per sample")},
    {KEY_NUMBER("training.loss_threshold", TRAIN(loss_threshold), 0, DBL_MAX, "0.005", "",
                "progressive: a sample is done when its losses are below this")},
    {KEY_BOOL("training.enable_adaptive_convergence", TRAIN(adaptive), "false",
              "progressive: watch the loss, stop early, change the learning rate on plateaus")},
    {KEY_INT("training.early_stop_patience", TRAIN(patience), 1, INT_MAX, "10", "", "adaptive: steps without improvement")},
    {KEY_INT("training.plateau_window", TRAIN(plateau_window), 2, 1000, "50", "",
             "adaptive: steps over which a plateau is judged")},
    {KEY_NUMBER("training.plateau_threshold", TRAIN(plateau_threshold), 0, 1, "0.01", "", "adaptive: relative gain that counts")},
    {KEY_INT("training.escalation_epochs", TRAIN(escalation_epochs), 1, INT_MAX, "200", "",
             "adaptive: steps of a sample before its learning rate may change")},
    {KEY_POSITIVE("training.aggressive_lr_multiplier", TRAIN(aggressive_lr_multiplier), "2", "",
                  "adaptive: factor on lr on a first plateau")},
    {KEY_INT("training.max_retries", TRAIN(max_retries), 0, 1000, "2", "", "progressive: passes over samples that failed")},
    {KEY_POSITIVE("training.retry_lr_multiplier", TRAIN(retry_lr_multiplier), "0.1", "",
                  "progressive: factor on lr in a retry, and adaptive: on a lasting plateau")},
    {KEY_BOOL("training.retry_switch_loss", TRAIN(retry_switch_loss), "true",
              "progressive: every retry takes the next kind of loss")},
    {KEY_NUMBER("training.average", TRAIN(average), 0, 1, "0", "",
                "share of the last steps whose outputs are averaged into the result; 0: the last output")},
    {KEY_UINT64("training.seed", recon.seed, "1", "seed of everything random: weights, batches, noise, random pattern")},
    {KEY_ENUM(
        "training.precision", recon.precision, precisions, "fp32",
        "arithmetic: fp32; fp64 (backend ref); tf32: convolutions may round to 10 bits of mantissa, on a GPU; bf16, fp16: the "
        "network's larger activations are stored in 16 bits, where the device has that and it pays, else fp32")},

    {KEY_NAME("physics.obj_name", physics.obj_name, objects, "europa",
              "object whose numbers stand in for those not given; none: no object")},
    {KEY_NUMBER("physics.wavelength", physics.wavelength, 0, DBL_MAX, "0", "m", "wavelength of the light; 0: the named object's")},
    {KEY_NUMBER("physics.obj_diameter", physics.obj_diameter, 0, DBL_MAX, "0", "m",
                "diameter of the object; 0: the named object's")},
    {KEY_NUMBER("physics.obj_distance", physics.obj_distance, 0, DBL_MAX, "0", "m",
                "distance of the object; 0: the named object's")},
    {KEY_POSITIVE("physics.dxf", physics.dxf, "0.01", "m", "size of one k-space pixel in the aperture plane")},

    {KEY_INT("mopie.loops", recon.mopie.loops, 1, INT_MAX, "10", "", "passes over all samples")},
    {KEY_INT("mopie.init_loops", recon.mopie.init_loops, 1, INT_MAX, "3", "", "passes for initialization_target projection")},
    {KEY_POSITIVE("mopie.lr_obj", recon.mopie.lr_obj, "1", "", "step size of the object's update")},
    {KEY_BOOL("mopie.parallel_update", recon.mopie.parallel, "false",
              "apply the updates of a pass together, else one after the other")},
    {KEY_BOOL("mopie.complex_data", recon.mopie.complex_object, "false", "complex object; else real")},
    {KEY_BOOL("mopie.rand_perm", recon.mopie.permute, "false", "visit the samples in a random order")},

    {KEY_TEXT("compute.backend", compute.backend, "auto",
              "auto, or a backend by name (prism info lists them); NAME:1 is its second device")},
    {KEY_INT("compute.threads", compute.threads, 0, 4096, "0", "", "0: all cores the process may use")},
    {KEY_ENUM("compute.fft_planner", compute.plan_effort, planners, "measure", "effort spent on finding fast transforms")},
    {KEY_TEXT("compute.plugin_path", compute.plugin_path, "",
              "folder of backend plugins; empty: PRISMREC_BACKEND_PATH, else the installed one")},

    {KEY_INT("cache.grids_mb", cache.grids_mb, 0, 1048576, "64", "MiB",
             "memory for transfer functions of propagators, for programs that make them; a run makes none. 0: none are kept")},
    {KEY_BOOL("cache.plans", cache.plans, "true",
              "keep what was found out about transforms in the user's cache folder; false: every process times candidates anew")},
    {KEY_INT("cache.apertures_mb", cache.apertures_mb, 0, 1048576, "16", "MiB",
             "memory for masks of apertures; 0: none are kept, each is made whenever it is asked for")},
    {KEY_INT("cache.constants_mb", cache.constants_mb, 0, 1048576, "256", "MiB",
             "device memory for what ssim and ms-ssim need of every target; 0, or too little: it is computed in every step")},
    {KEY_INT("cache.measurements_mb", cache.measurements_mb, 0, 1048576, "256", "MiB",
             "memory for computed measurements; 0: none are kept, each is computed whenever it is asked for")},

    {KEY_NUMBER("output.checkpoint_seconds", output.checkpoint_seconds, 0, 1e9, "30", "s",
                "time between checkpoints, less at the start of a run; 0: none by the clock; there is always one at the end")},
    {KEY_INT("output.checkpoint_every", output.checkpoint_every, 0, INT_MAX, "0", "steps",
             "steps between more checkpoints; 0: none by steps")},
    {KEY_INT("output.metrics_every", recon.metrics_every, 0, INT_MAX, "50", "steps",
             "steps between lines of metrics.jsonl, with image quality where the truth is known; 0: one at the end")},
};
_Static_assert(sizeof(keys) / sizeof(*keys) <= PRISMI_MAX_KEYS, "raise PRISMI_MAX_KEYS");
_Static_assert(sizeof(enum prism_algorithm) == sizeof(int), "enums are stored as int");

#define NAMES_EVERY(list, count) _Static_assert(sizeof(list) / sizeof(*(list)) == (count) + 1, "a name per " #count)
NAMES_EVERY(algorithms, PRISM_ALG_COUNT);
NAMES_EVERY(patterns, PRISM_PATTERN_COUNT);
NAMES_EVERY(apertures, PRISM_APERTURE_COUNT);
NAMES_EVERY(activations, PRISM_ACT_COUNT);
NAMES_EVERY(inits, PRISM_INIT_ORTHOGONAL + 1);
NAMES_EVERY(objectives, PRISM_OBJ_COUNT);
NAMES_EVERY(losses, PRISM_LOSS_COUNT);
NAMES_EVERY(schedules, PRISM_SCHEDULE_COUNT);
NAMES_EVERY(targets, PRISM_TARGET_COUNT);
NAMES_EVERY(precisions, PRISM_PRECISION_COUNT);
NAMES_EVERY(planners, PRISM_PLAN_PATIENT + 1);

const struct prism_config_key *prism_config_keys(size_t *n)
{
    *n = sizeof(keys) / sizeof(*keys);
    return keys;
}
