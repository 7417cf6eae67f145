/* Values derived from others, and checks that need more than one key. */
#include "config/internal.h"
#include "core/internal.h"
#include "recon/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double light_year_m = 9.4607304725808e15, astronomical_unit_m = 1.495978707e11,
                    pi = 3.14159265358979323846;

/* Place that the key's value came from, as the prefix of a message:
 * "run.yaml:3: ", "--set: ", or "" for a default. Returns out. */
static const char *origin(const struct prism_config_set *set, const char *key, char *out, size_t n)
{
    int i = prismi_config_find(key);
    const struct prismi_origin *source = &set->given.source[i];
    out[0] = '\0';
    if (source->line)
        snprintf(out, n, "%s:%d: ", source->name, source->line);
    else if (strcmp(source->name, "default"))
        snprintf(out, n, "%s: ", source->name);
    return out;
}

#define REFUSE(set, key, fmt, ...)                                                                 \
    PRISM_FAIL((set)->ctx, PRISM_EINVAL, "%s" key ": " fmt, origin(set, key, (char[160]){0}, 160), \
               __VA_ARGS__)

static void fill_physics(struct prism_config *c)
{
    const struct {
        const char *name;
        double wavelength, diameter, distance; /* m */
    } objects[] = {
        {"europa", 698.9e-9, 3138e3, 628.3e9},
        {"titan", 2.0e-6, 5150e3, 1.2e12},
        {"betelgeuse", 500e-9, 2 * 617e9, 700 * light_year_m},
        {"neptune", 500e-9, 50e6, 29.1 * astronomical_unit_m},
    };
    for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
        if (strcmp(c->physics.obj_name, objects[i].name))
            continue;
        if (c->physics.wavelength_m == 0)
            c->physics.wavelength_m = objects[i].wavelength;
        if (c->physics.obj_diameter_m == 0)
            c->physics.obj_diameter_m = objects[i].diameter;
        if (c->physics.obj_distance_m == 0)
            c->physics.obj_distance_m = objects[i].distance;
    }
}

/* Derives wavelength, distance and pixel pitch of a propagated field from the
 * section physics. */
static void derive_lengths(struct prism_config *c)
{
    if (!prismi_data_params_lengths(&c->data))
        return;
    if (c->data.distance_m == 0)
        c->data.distance_m = c->physics.obj_distance_m;
    c->data.wavelength_m = c->physics.wavelength_m;
    c->data.pitch_m = c->physics.wavelength_m * c->physics.obj_distance_m /
                      (c->physics.pupil_pitch_m * c->data.grid_size);
}

/* Derives image.obj_size and aperture.diameter_px from physics where they are
 * 0. */
static int derive_sizes(const struct prism_config_set *set, struct prism_config *c)
{
    const double lambda = c->physics.wavelength_m, length = c->physics.obj_distance_m,
                 diameter = c->physics.obj_diameter_m, pitch = c->physics.pupil_pitch_m;
    const int n = c->data.grid_size;
    const char *no_lambda = lambda > 0 ? "" : " wavelength_m",
               *no_diameter = diameter > 0 ? "" : " obj_diameter_m",
               *no_length = length > 0 ? "" : " obj_distance_m";
    const bool known = !*no_lambda && !*no_diameter && !*no_length;
    if (c->image.obj_size == 0) {
        if (!known)
            return REFUSE(
                set, "image.obj_size",
                "0 takes it from physics, which lacks%s%s%s; give them, physics.obj_name, or "
                "a size in pixels",
                no_lambda, no_diameter, no_length);
        double dx = lambda * length / (pitch * n), size = floor(diameter / dx);
        if (!(size >= 1 && size <= n))
            return REFUSE(
                set, "image.obj_size",
                "0 takes it from physics: obj_diameter_m %g / (wavelength_m %g * obj_distance_m %g "
                "/ (pupil_pitch_m %g * image.grid_size %d)) = %g px; expected 1 to %d px; change "
                "image.grid_size or physics.pupil_pitch_m, or give a size in pixels",
                diameter, lambda, length, pitch, n, diameter / dx, n);
        c->image.obj_size = (int)size;
    }
    if (c->aperture.diameter_px == 0) {
        if (!known)
            return REFUSE(
                set, "aperture.diameter_px",
                "0 takes it from physics, which lacks%s%s%s; give them, physics.obj_name, or "
                "a diameter in pixels",
                no_lambda, no_diameter, no_length);
        double d = 4 * lambda * length / (pi * diameter * pitch);
        if (!(d >= 1 && d <= n))
            return REFUSE(set, "aperture.diameter_px",
                          "0 takes it from physics: 4 * wavelength_m %g * obj_distance_m %g / (pi "
                          "* obj_diameter_m %g * pupil_pitch_m %g) = %g px; expected 1 to "
                          "image.grid_size, %d px; change physics.pupil_pitch_m or "
                          "image.grid_size, or give a diameter in pixels",
                          lambda, length, diameter, pitch, d, n);
        c->aperture.diameter_px = floor(d);
    }
    return 0;
}

/* True if a size or a length follows from the section physics. */
static bool needs_physics(const struct prism_config *c)
{
    return c->image.obj_size == 0 || c->aperture.diameter_px == 0 ||
           prismi_data_params_lengths(&c->data);
}

/* Warns of a physics key that is given and has no effect, because the sizes are
 * given in pixels. Sizes that equal the derived ones draw no warning: a run's
 * own config.yaml has both. */
static void warn_idle_physics(struct prism_config_set *set)
{
    const struct prism_config *given = &set->given.config;
    struct prism_config defaults, derived = *given;
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n), *key = keys;
    char where[160];
    if (needs_physics(given))
        return;
    prismi_config_defaults(&defaults);
    while (key < keys + n && (!prismi_config_in_section(key, "physics") ||
                              !memcmp((const char *)given + key->offset,
                                      (const char *)&defaults + key->offset, key->size)))
        key++;
    if (key == keys + n)
        return;
    fill_physics(&derived);
    derived.image.obj_size = 0;
    derived.aperture.diameter_px = 0;
    if (derive_sizes(set, &derived) || derived.image.obj_size != given->image.obj_size ||
        derived.aperture.diameter_px != given->aperture.diameter_px)
        prismi_log(set->ctx, PRISM_LOG_WARN,
                   "%s%s has no effect, as image.obj_size and aperture.diameter_px are given in "
                   "pixels; set one of them to 0 to take it from physics",
                   origin(set, key->key, where, sizeof(where)), key->key);
}

/* True if the run fits a network, so that the network's parameters matter. */
static bool network(const struct prism_config *c)
{
    return prismi_params_when(&c->recon) & PRISMI_WHEN_DECODER;
}

static int check_sizes(const struct prism_config_set *set, const struct prism_config *c)
{
    const int n = c->data.grid_size;
    if (c->image.obj_size > n)
        return REFUSE(set, "image.obj_size", "%d px is larger than image.grid_size, %d px",
                      c->image.obj_size, n);
    if (network(c) && (n & (n - 1)))
        return REFUSE(set, "image.grid_size",
                      "%d is not a power of two, which algorithm decoder needs; nearest: %g or %g",
                      n, exp2(floor(log2(n))), exp2(ceil(log2(n))));
    if (c->aperture.diameter_px > n)
        return REFUSE(set, "aperture.diameter_px", "%g px is larger than image.grid_size, %d px",
                      c->aperture.diameter_px, n);
    if (c->pattern.roi_diameter_px > n)
        return REFUSE(set, "pattern.diameter_px", "%g px is larger than image.grid_size, %d px",
                      c->pattern.roi_diameter_px, n);
    int field = c->data.field_size;
    if (field && (field > n || field < c->aperture.diameter_px))
        return REFUSE(
            set, "detector.field_size_px",
            "%d px; expected 0 (image.grid_size), or from the aperture's %g px to image.grid_size, "
            "%d px",
            field, c->aperture.diameter_px, n);
    return 0;
}

static int check_aperture(const struct prism_config_set *set, const struct prism_config *c)
{
    enum prism_aperture_shape shape = c->data.aperture.shape;
    bool holed = shape == PRISM_APERTURE_ANNULUS || shape == PRISM_APERTURE_OBSCURED;
    if (!holed && c->aperture.inner_diameter_px > 0)
        return REFUSE(
            set, "aperture.inner_diameter_px",
            "%g px has no meaning here; expected aperture.shape annulus or obscured, or 0",
            c->aperture.inner_diameter_px);
    if (shape == PRISM_APERTURE_ANNULUS && c->aperture.inner_diameter_px == 0)
        return REFUSE(
            set, "aperture.shape",
            "annulus needs aperture.inner_diameter_px, > 0 and below aperture.diameter_px, %g px",
            c->aperture.diameter_px);
    if (c->aperture.inner_diameter_px >= c->aperture.diameter_px)
        return REFUSE(set, "aperture.inner_diameter_px",
                      "%g px; expected less than aperture.diameter_px, %g px",
                      c->aperture.inner_diameter_px, c->aperture.diameter_px);
    if (shape != PRISM_APERTURE_OBSCURED && c->data.aperture.spider_width_px > 0)
        return REFUSE(set, "aperture.spider_width_px",
                      "%g px has no meaning here; expected aperture.shape obscured, or 0",
                      c->data.aperture.spider_width_px);
    return 0;
}

static int check_files_and_model(const struct prism_config_set *set, const struct prism_config *c)
{
    bool csv = c->pattern.kind == PRISM_PATTERN_CSV;
    const struct prism_decoder_params *d = &c->recon.decoder;
    if (csv && !c->pattern_csv[0])
        return REFUSE(set, "pattern.kind", "csv needs a file of centres in %s", "pattern.csv");
    if (!csv && c->pattern_csv[0])
        return REFUSE(set, "pattern.csv", "'%.100s' would not be read; expected pattern.kind csv",
                      c->pattern_csv);
    if (network(c) && d->n_upsample && 4 << d->n_upsample < c->image.obj_size)
        return REFUSE(
            set, "model.n_upsample",
            "%d doublings of 4 px make %d px, less than image.obj_size, %d px; give more, or 0",
            d->n_upsample, 4 << d->n_upsample, c->image.obj_size);
    enum prism_precision p = c->recon.precision;
    if (network(c) && d->no_norm && (p == PRISM_PRECISION_BF16 || p == PRISM_PRECISION_FP16))
        return REFUSE(set, "training.precision",
                      "%s needs normalisation to keep activations in range; use model.normalise "
                      "true, or fp32",
                      p == PRISM_PRECISION_BF16 ? "bf16" : "fp16");
    if (d->n_channels == 1 || (d->n_channels > 1 && d->channels[d->n_channels - 1] != 1))
        return REFUSE(set, "model.channels", "%d %s, the last %d; expected at least 2, the last 1",
                      d->n_channels, d->n_channels == 1 ? "entry" : "entries",
                      d->channels[d->n_channels - 1]);
    return 0;
}

int prism_config_finish(struct prism_config_set *set, const struct prism_config **out)
{
    struct prism_config *c = &set->effective;
    *out = NULL;
    *c = set->given.config;
    set->finished = false;

    warn_idle_physics(set);
    if (needs_physics(c))
        fill_physics(c);
    PRISM_TRY(derive_sizes(set, c));
    derive_lengths(c);
    while (c->recon.decoder.n_channels < PRISM_MAX_CHANNELS &&
           c->recon.decoder.channels[c->recon.decoder.n_channels])
        c->recon.decoder.n_channels++;
    if (c->pattern.roi_diameter_px == 0)
        c->pattern.roi_diameter_px = c->data.grid_size;
    c->data.aperture.radius_px = c->aperture.diameter_px / 2;
    c->data.aperture.inner_radius_px = c->aperture.inner_diameter_px / 2;
    c->data.obj_size = c->image.obj_size;
    c->data.seed = c->recon.seed;
    c->data.in_double = c->recon.precision == PRISM_PRECISION_FP64;
    c->pattern.csv_path = c->pattern_csv[0] ? c->pattern_csv : NULL;
    c->pattern.seed = c->recon.seed;
    c->output.metrics_every = c->recon.metrics_every < 0 ? 0 : c->recon.metrics_every;

    PRISM_TRY(check_sizes(set, c));
    PRISM_TRY(check_aperture(set, c));
    PRISM_TRY(check_files_and_model(set, c));
    set->finished = true;
    *out = c;
    return 0;
}
