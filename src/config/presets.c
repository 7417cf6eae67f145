/* Named starting points: assignments on top of the defaults. */
#include "prismrec/config.h"

/* clang-format off */
#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}
/* clang-format on */

static const struct prism_preset presets[] = {
    {"quick", "a small picture and few steps: takes seconds, to see that everything works",
     LIST("image.grid_size=64", "image.obj_size=32", "aperture.diameter_px=12",
          "pattern.n_apertures=32", "training.init_steps=50", "training.max_steps=200",
          "training.batch=8", "output.metrics_every=20")},
    {"demo", "the built-in USAF target of 128 px on a grid of 256 px, 1500 steps",
     LIST("image.input=usaf", "image.grid_size=256", "image.obj_size=128",
          "aperture.diameter_px=40", "pattern.n_apertures=64", "training.init_steps=200",
          "training.max_steps=1500")},
    {"europa-64",
     "a moon of 64 px on a grid of 128 px, apertures of 20 px; give your picture with image.input",
     LIST("image.input=moon", "image.grid_size=128", "image.obj_size=64", "aperture.diameter_px=20",
          "pattern.n_apertures=64", "training.max_steps=4000")},
    {"europa-128",
     "a moon of 128 px on a grid of 256 px, apertures of 40 px; give your picture with image.input",
     LIST("image.input=moon", "image.grid_size=256", "image.obj_size=128",
          "aperture.diameter_px=40", "pattern.n_apertures=64", "training.max_steps=3000")},
    {"original",
     "the algorithm as first published: sample after sample, constant learning rate, framed "
     "output, no retries",
     LIST("algorithm=decoder", "model.frame=true", "model.min_channels=1",
          "model.output_activation=none", "training.objective=progressive", "training.loss=l1",
          "training.lr=1e-3", "training.schedule=constant", "training.init_target=circle",
          "training.init_steps=10000", "training.init_lr=1e-3", "training.init_threshold=0.005",
          "training.cycle_steps=1000", "training.max_cycles=1", "training.loss_threshold=0.005",
          "training.adaptive=false", "training.max_retries=0", "training.average=0")},
    {"mopie",
     "projections instead of the network: 50 passes, one sample after the other in random order",
     LIST("algorithm=mopie", "mopie.loops=50", "mopie.permute=true")},
    {"high-quality", "more apertures and steps, the last outputs averaged",
     LIST("pattern.n_apertures=240", "training.init_steps=1000", "training.max_steps=12000",
          "training.batch=32", "training.average=0.05")},
    {"noisy",
     "measurements with 30 dB of noise; fewer steps and averaged outputs, so that less noise is "
     "fitted",
     LIST("detector.snr_db=30", "training.max_steps=2000", "training.average=0.25")},
};

const struct prism_preset *prism_config_presets(size_t *n)
{
    *n = sizeof(presets) / sizeof(*presets);
    return presets;
}
