/* Old names of keys. They are still accepted; a note in the log says the new
 * name. */
#include "config/internal.h"

#include <string.h>

/* clang-format off */
static const struct prismi_old_key old_keys[] = {
    {"image.image_size", "image.grid_size"},
    {"telescope.pattern_fn", "pattern.kind"},
    {"telescope.csv", "pattern.csv"},
    {"telescope.n_samples", "pattern.n_apertures"},
    {"telescope.roi_diameter", "pattern.diameter_px"},
    {"telescope.samples_r_cutoff", "pattern.cutoff_px"},
    {"telescope.n_angs", "pattern.n_angles"},
    {"telescope.aperture", "aperture.shape"},
    {"telescope.sample_diameter", "aperture.diameter_px"},
    {"telescope.inner_diameter", "aperture.inner_diameter_px"},
    {"telescope.spider_width", "aperture.spider_width_px"},
    {"telescope.n_spiders", "aperture.n_spiders"},
    {"telescope.field_size", "detector.field_size_px"},
    {"telescope.snr", "detector.snr_db"},
    {"telescope.instrument", "instrument.kind"},
    {"telescope.propagator", "instrument.propagator"},
    {"telescope.distance", "instrument.distance_m"},
    {"telescope.transform", "instrument.transform"},
    {"physics.wavelength", "physics.wavelength_m"},
    {"physics.obj_diameter", "physics.obj_diameter_m"},
    {"physics.obj_distance", "physics.obj_distance_m"},
    {"physics.dxf", "physics.pupil_pitch_m"},
    {"model.use_bn", "model.normalise"},
    {"training.loss_type", "training.loss"},
    {"training.normalize_loss", "training.normalise_loss"},
    {"training.use_amsgrad", "training.amsgrad"},
    {"training.initialization_target", "training.init_target"},
    {"training.enable_adaptive_convergence", "training.adaptive"},
    {"training.early_stop_patience", "training.patience"},
    {"training.escalation_epochs", "training.escalation_steps"},
    {"training.n_epochs", "training.cycle_steps"},
    {"training.max_epochs", "training.max_cycles"},
    {"mopie.lr_obj", "mopie.step_size"},
    {"mopie.parallel_update", "mopie.parallel"},
    {"mopie.complex_data", "mopie.complex_object"},
    {"mopie.rand_perm", "mopie.permute"},
};
/* clang-format on */
_Static_assert(sizeof(old_keys) / sizeof(*old_keys) <= PRISMI_MAX_KEYS, "raise PRISMI_MAX_KEYS");

const struct prismi_old_key *prismi_config_old_keys(size_t *n)
{
    *n = sizeof(old_keys) / sizeof(*old_keys);
    return old_keys;
}

const struct prismi_old_key *prismi_config_old(const char *name)
{
    for (size_t i = 0; i < sizeof(old_keys) / sizeof(*old_keys); i++)
        if (!strcmp(old_keys[i].old, name))
            return &old_keys[i];
    return NULL;
}
